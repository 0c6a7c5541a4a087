//! Why nobody signed in by an outside provider.

use crate::base::{Fault, Faulty};
use crate::keys::KeysError;
use crate::store::StoreError;

/// Why nobody signed in.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// There is none of that name.
    #[error("nobody signs in by that name here")]
    Unknown,
    /// What was brought back was not asked for here, or too long ago.
    #[error("that sign-in was not begun in this browser, or too long ago: begin again")]
    NotBegun,
    /// The provider let nobody in.
    #[error("{title} did not sign you in ({error})")]
    Refused {
        /// The provider.
        title: String,
        /// What it says.
        error: String,
    },
    /// What it says is not believed.
    #[error("what {title} says of you is not accepted; the log here says why")]
    NotBelieved {
        /// The provider.
        title: String,
        /// Which rule it breaks, in a word.
        rule: &'static str,
        /// Why not.
        why: String,
    },
    /// It does not answer.
    #[error("{title} does not answer as it should: try again in a moment; the log here says more")]
    Away {
        /// The provider.
        title: String,
        /// Why not.
        why: String,
    },
    /// It is nothing that could be judged.
    #[error("what came from the provider cannot be read")]
    Malformed(String),
    /// Nothing can be sealed.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// It cannot be written down that it was come back from.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ProviderError {
    /// Which rule was broken, in a word for the log.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::NotBegun => "not-begun",
            Self::Refused { .. } => "status",
            Self::NotBelieved { rule, .. } => rule,
            Self::Away { .. } => "provider",
            Self::Malformed(_) => "form",
            Self::Keys(_) | Self::Store(_) => "ours",
        }
    }

    /// What is wrong, for the log: more than whoever is in front of the browser is told.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::NotBelieved { why, .. } | Self::Away { why, .. } | Self::Malformed(why) => why.clone(),
            other => other.to_string(),
        }
    }
}

impl Faulty for ProviderError {
    fn fault(&self) -> Fault {
        match self {
            Self::Unknown | Self::NotBegun | Self::Refused { .. } | Self::NotBelieved { .. } | Self::Malformed(_) => {
                Fault::Caller
            }
            Self::Away { .. } => Fault::Operator,
            Self::Keys(error) => error.fault(),
            Self::Store(error) => error.fault(),
        }
    }
}
