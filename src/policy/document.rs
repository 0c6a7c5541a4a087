//! A document, parsed and compiled.

use std::collections::BTreeMap;

use super::action::ActionPattern;
use super::arn::ArnPattern;
use super::condition::Condition;
use super::context::Key;
use super::index::Index;
use super::principal::PrincipalPattern;

/// The version of the language a document is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 2008-10-17, which is meant where none is written: `${..}` is text.
    V2008,
    /// 2012-10-17
    V2012,
}

impl Version {
    pub(super) fn has_variables(self) -> bool {
        self == Self::V2012
    }

    /// As documents write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2008 => "2008-10-17",
            Self::V2012 => "2012-10-17",
        }
    }
}

/// What a document is attached to, which decides what it must and must not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// To a user, group or role; also a permissions boundary or a session policy: resources, no principal.
    Identity,
    /// To a resource: principals and resources.
    Resource,
    /// To a role, saying who may assume it: principals, and no resource, since it is the role.
    Trust,
    /// A guardrail of what an account's principals may do, shaped like AWS' SCP: no principal.
    ServiceControl,
    /// A guardrail of what may be done to an account's resources, shaped like AWS' RCP: every principal is meant.
    ResourceControl,
}

/// Whether a statement allows or denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It allows.
    Allow,
    /// It denies, whatever allows.
    Deny,
}

/// A policy. Made by [`Document::parse`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub(super) kind: Kind,
    pub(super) version: Version,
    pub(super) statements: Vec<Statement>,
    pub(super) index: Index,
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) sid: Option<Box<str>>,
    pub(super) effect: Effect,
    pub(super) principals: Option<Choice<PrincipalPattern>>,
    pub(super) actions: Choice<ActionPattern>,
    pub(super) resources: Option<Choice<ArnPattern>>,
    pub(super) conditions: Vec<Condition>,
}

/// `Action` or `NotAction`, and its like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice<T> {
    /// All but these are meant.
    pub(super) not: bool,
    pub(super) among: Vec<T>,
}

impl Document {
    /// What it can be attached to.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The version it is written in.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The Sid of statement `index`, if it has one.
    #[must_use]
    pub fn sid(&self, index: usize) -> Option<&str> {
        self.statements.get(index)?.sid.as_deref()
    }

    /// Whether a statement of it has this effect.
    #[must_use]
    pub fn has(&self, effect: Effect) -> bool {
        self.statements.iter().any(|statement| statement.effect == effect)
    }

    /// How many statements it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    /// True when it has no statement, which no document that was parsed is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// The context keys it asks for, in conditions and variables: each once, in order, as it is spelt first.
    #[must_use]
    pub fn context_keys(&self) -> Vec<&str> {
        context_keys([self])
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        self.statements.iter().flat_map(|statement| {
            let resources = statement.resources.iter().flat_map(|choice| &choice.among).flat_map(ArnPattern::keys);
            resources.chain(statement.conditions.iter().flat_map(Condition::keys))
        })
    }
}

/// The context keys that these documents ask for together, as [`Document::context_keys`] tells those of one.
pub fn context_keys<'a>(documents: impl IntoIterator<Item = &'a Document>) -> Vec<&'a str> {
    let mut keys = BTreeMap::new();
    for key in documents.into_iter().flat_map(Document::keys) {
        keys.entry(key.folded()).or_insert_with(|| key.spelt());
    }
    keys.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_once_in_order_as_they_are_spelt_first() {
        let text = r#"{"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::${aws:PrincipalTag/Team, 'none'}-*",
             "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"},
                           "StringLike": {"s3:prefix": ["${aws:UserName}/*", "${*}"]}}},
            {"Effect": "Deny", "NotAction": "s3:*", "NotResource": "arn:aws:s3:::${aws:userid}",
             "Condition": {"Null": {"AWS:SOURCEIP": "true"}, "ArnLike": {"aws:SourceArn": "arn:aws:sns:*:${aws:PrincipalAccount}:*"}}}]}"#;
        let document = Document::parse(text, Kind::Identity).unwrap();
        let keys = [
            "aws:PrincipalAccount",
            "aws:PrincipalTag/Team",
            "aws:SourceArn",
            "aws:SourceIp",
            "aws:userid",
            "aws:UserName",
            "s3:prefix",
        ];
        assert_eq!(document.context_keys(), keys);
        let old = Document::parse(&text.replace("2012-10-17", "2008-10-17"), Kind::Identity).unwrap();
        assert_eq!(old.context_keys(), ["aws:SourceArn", "aws:SourceIp", "s3:prefix"], "there, a variable is text");
        let other = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"AWS:securetransport": "true"}, "Null": {"AWS:SourceIP": "true"}}}}"#;
        let other = Document::parse(other, Kind::Identity).unwrap();
        assert_eq!(context_keys([&old, &other]), ["AWS:securetransport", "aws:SourceArn", "aws:SourceIp", "s3:prefix"]);
    }
}
