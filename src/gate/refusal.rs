//! What a no rested on, for those who may know more of it than who asked: matter of the encoded message that goes with it.
//!
//! Owns what is collected of it, and that no secret is. Who reads it, and in which form, is `sts`'s business.

use std::collections::BTreeMap;

use crate::authn::subject::Subject;
use crate::policy::{Context, Matched};

/// A no, with what was known of the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Unique id of who asked.
    pub id: String,
    /// Their ARN.
    pub arn: String,
    /// The action that is not allowed: what was asked for, or what comes with it.
    pub action: String,
    /// To what.
    pub resource: String,
    /// Whether a statement denies it; otherwise nothing allows it.
    pub explicit: bool,
    /// The statements that deny it.
    pub matched: Vec<Matched>,
    /// What conditions could see, by key in lower case.
    pub context: BTreeMap<String, Vec<String>>,
}

/// Never shown to others than those who trust each other by it: with it and a role's ARN a third party would pass for the
/// customer whom it stands for (AWS, "The confused deputy problem").
const WITHHELD: &str = "sts:externalid";

/// A no of policies, until it is known to whom it is told.
#[derive(Debug)]
pub(super) struct No {
    /// Why, in words.
    pub(super) because: String,
    /// The action, where it is another than the operation's.
    pub(super) action: Option<String>,
    /// Whether a statement denies it.
    pub(super) explicit: bool,
    /// The statements that deny it.
    pub(super) matched: Vec<Matched>,
    /// What conditions could see.
    pub(super) context: Context,
}

impl From<String> for No {
    /// A no that no document has a say about.
    fn from(because: String) -> Self {
        Self { because, action: None, explicit: false, matched: Vec::new(), context: Context::default() }
    }
}

impl Refusal {
    /// What is told of a no to `who`, which has to be somebody who signed.
    pub(super) fn of(who: Subject<'_>, action: String, resource: String, no: No) -> Option<Box<Self>> {
        if !matches!(who, Subject::Signed(_)) {
            return None;
        }
        let No { action: instead, explicit, mut matched, context, .. } = no;
        for statement in &mut matched {
            statement.conditions.retain(|(key, _)| !key.eq_ignore_ascii_case(WITHHELD));
        }
        let context = context.iter().filter(|(key, _)| *key != WITHHELD);
        Some(Box::new(Self {
            id: who.unique_id(),
            arn: who.arn().to_string(),
            action: instead.unwrap_or(action),
            resource,
            explicit,
            matched,
            context: context.map(|(key, values)| (key.to_owned(), values.to_vec())).collect(),
        }))
    }
}
