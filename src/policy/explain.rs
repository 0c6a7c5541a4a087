//! Decisions in words.

use std::fmt;

use super::decide::{Layer, Reason, Verdict};
use super::document::Effect;
use crate::base::text::printable;

impl Verdict {
    /// As results carry it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "Allowed",
            Self::ExplicitlyDenied => "ExplicitlyDenied",
            Self::ImplicitlyDenied => "ImplicitlyDenied",
        }
    }
}

impl Effect {
    /// As documents write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Statement { policy, index, sid, effect, .. } => {
                let verb = match effect {
                    Effect::Allow => "allows it",
                    Effect::Deny => "denies it",
                };
                let name = sid.as_ref().map(|sid| format!(" ({})", printable(sid))).unwrap_or_default();
                write!(f, "statement {index}{name} of {} {verb}", printable(policy))
            }
            Self::NothingAllows(layer) => write!(f, "nothing in {} allows it", layer.words()),
            Self::NoSessionPolicy => f.write_str("a federated user may do nothing without a session policy"),
            Self::Root => f.write_str("the account's root needs no identity policy"),
        }
    }
}

impl std::fmt::Display for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Identity => f.write_str("identity"),
            Self::Boundary => f.write_str("boundary"),
            Self::Session => f.write_str("session"),
            Self::Grant(part) => write!(f, "grant[{part}]"),
            Self::ServiceControl(level) => write!(f, "scp[{level}]"),
            Self::ResourceControl(level) => write!(f, "rcp[{level}]"),
            Self::Resource => f.write_str("resource"),
        }
    }
}

impl Layer {
    fn words(self) -> String {
        match self {
            Self::Identity => "the identity policies".to_owned(),
            Self::Boundary => "the permissions boundary".to_owned(),
            Self::Session => "the session policy".to_owned(),
            Self::Grant(part) => format!("part {part} of what the session was granted on"),
            Self::ServiceControl(level) => format!("the guardrails of the principal's account at level {level}"),
            Self::ResourceControl(level) => format!("the guardrails of the resource's account at level {level}"),
            Self::Resource => "the resource's policy".to_owned(),
        }
    }
}
