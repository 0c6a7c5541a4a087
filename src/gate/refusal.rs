//! What a no rested on, for those who may know more of it than who asked: matter of the encoded message that goes with it, and of
//! its audit record ([`super::matter`]).
//!
//! Owns what is collected of it. Who reads the message, and in which form, is `sts`'s business.

use std::collections::BTreeMap;

use crate::authn::signed::Signed;
use crate::authn::subject::Subject;
use crate::policy::{Basis, Cause, Context, Lacking, Matched};
use crate::rights::Acting;

/// A no, with what was known of the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Whether who asked signed: to them alone the encoded message is given.
    pub signed: bool,
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
    /// Why, in words.
    pub because: String,
    /// The statements that deny it.
    pub matched: Vec<Matched>,
    /// The same with their conditions and what those saw; where none denies, those that would allow if theirs held.
    pub causes: Vec<Cause>,
    /// The layers in which nothing allows it.
    pub lacking: Vec<Lacking>,
    /// By which way documents came to have a say, by name.
    pub through: BTreeMap<String, Vec<String>>,
    /// What conditions could see, by key in lower case.
    pub context: BTreeMap<String, Vec<String>>,
}

/// Never shown to others than those who trust each other by it: with it and a role's ARN a third party would pass for the
/// customer whom it stands for (AWS, "The confused deputy problem").
pub(super) const WITHHELD: &str = "sts:externalid";

/// A no of policies, until it is known to whom it is told.
#[derive(Debug)]
pub(super) struct No {
    /// Why, in words.
    pub(super) because: String,
    /// The action, where it is another than the operation's.
    pub(super) action: Option<String>,
    /// What it rests on.
    pub(super) grounds: Box<Grounds>,
}

/// What a no of policies rests on.
#[derive(Debug, Clone, Default)]
pub struct Grounds {
    /// Whether a statement denies it.
    explicit: bool,
    /// The statements and layers.
    basis: Basis,
    /// By which way documents came to have a say, by name.
    through: BTreeMap<String, Vec<String>>,
    /// What conditions could see.
    context: Context,
}

impl Grounds {
    /// Of a no to whoever is `acting`.
    #[must_use]
    pub fn of(acting: &Acting, basis: Basis, explicit: bool, context: Context) -> Self {
        let through = |cause: &Cause| {
            let way = acting.effective.as_ref()?.through(&cause.policy)?;
            Some((cause.policy.clone(), way.to_vec()))
        };
        let through = basis.causes.iter().filter_map(through).collect();
        Self { explicit, basis, through, context }
    }
}

impl From<String> for No {
    /// A no that no document has a say about.
    fn from(because: String) -> Self {
        Self { because, action: None, grounds: Box::default() }
    }
}

impl Refusal {
    /// What is known of a no to `signed`, who asked an application for what policies do not let them do.
    #[must_use]
    pub fn of_decision(
        signed: &Signed,
        (action, resource): (&str, &str),
        (because, grounds): (String, Grounds),
    ) -> Box<Self> {
        let no = No { because, action: None, grounds: Box::new(grounds) };
        Self::of(Subject::Signed(signed), action.to_owned(), resource.to_owned(), no)
    }

    /// What is known of a no to `who`.
    pub(super) fn of(who: Subject<'_>, action: String, resource: String, no: No) -> Box<Self> {
        let (id, arn) = (who.unique_id(), who.arn().to_string());
        let signed = matches!(who, Subject::Signed(_));
        Box::new(Self { signed, ..Self::of_somebody((id, arn), action, resource, no) })
    }

    /// What is known of a no to a question that nobody asked by themselves.
    pub(super) fn of_question(
        (arn, action, resource): (&str, &str, &str),
        because: String,
        grounds: Grounds,
    ) -> Box<Self> {
        let no = No { because, action: None, grounds: Box::new(grounds) };
        Box::new(Self::of_somebody((String::new(), arn.to_owned()), action.to_owned(), resource.to_owned(), no))
    }

    fn of_somebody((id, arn): (String, String), action: String, resource: String, no: No) -> Self {
        let No { because, action: instead, grounds } = no;
        let Grounds { explicit, basis, through, context } = *grounds;
        let Basis { mut matched, causes, lacking } = basis;
        for statement in &mut matched {
            statement.conditions.retain(|(key, _)| !key.eq_ignore_ascii_case(WITHHELD));
        }
        let context = context.iter().filter(|(key, _)| *key != WITHHELD);
        Self {
            signed: false,
            id,
            arn,
            action: instead.unwrap_or(action),
            resource,
            explicit,
            because,
            matched,
            causes,
            lacking,
            through,
            context: context.map(|(key, values)| (key.to_owned(), values.to_vec())).collect(),
        }
    }
}
