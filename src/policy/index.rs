//! Which statements of a document can be about an action at all.
//!
//! A principal has some hundred statements, and most are about another service. They are told apart when the document is
//! parsed, so that a decision looks at those that may matter, and at what denies before what allows.

use std::collections::BTreeMap;

use super::action::{Action, ServiceMark};
use super::document::{Effect, Statement};

/// Statements by the service they are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    /// Those that can be about any.
    any: Candidates,
    /// Those that name their services, each under every one of them.
    services: BTreeMap<ServiceMark, Candidates>,
}

/// Statements by number, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Candidates {
    denies: Vec<usize>,
    allows: Vec<usize>,
}

impl Index {
    /// The index of `statements`.
    pub(super) fn of(statements: &[Statement]) -> Self {
        let mut index = Self { any: Candidates::default(), services: BTreeMap::new() };
        for (number, statement) in statements.iter().enumerate() {
            match marks_of(statement) {
                None => index.any.add(statement.effect, number),
                Some(marks) => {
                    for mark in marks {
                        index.services.entry(mark).or_default().add(statement.effect, number);
                    }
                }
            }
        }
        index
    }

    /// Statements that can deny `action`.
    pub(super) fn denying(&self, action: &Action) -> impl Iterator<Item = usize> {
        self.of_service(action).flat_map(|candidates| &candidates.denies).copied()
    }

    /// Statements that can allow `action`.
    pub(super) fn allowing(&self, action: &Action) -> impl Iterator<Item = usize> {
        self.of_service(action).flat_map(|candidates| &candidates.allows).copied()
    }

    fn of_service(&self, action: &Action) -> impl Iterator<Item = &Candidates> {
        self.services.get(&action.mark()).into_iter().chain([&self.any])
    }
}

impl Candidates {
    fn add(&mut self, effect: Effect, number: usize) {
        let among = match effect {
            Effect::Allow => &mut self.allows,
            Effect::Deny => &mut self.denies,
        };
        // A statement that names a service twice is one all the same.
        if among.last() != Some(&number) {
            among.push(number);
        }
    }
}

/// The services a statement is about; `None` when it can be about any.
fn marks_of(statement: &Statement) -> Option<impl Iterator<Item = ServiceMark> + '_> {
    let named = !statement.actions.not && statement.actions.among.iter().all(|pattern| pattern.mark().is_some());
    named.then(|| statement.actions.among.iter().filter_map(|pattern| pattern.mark()))
}

#[cfg(test)]
mod tests {
    use crate::policy::action::Action;
    use crate::policy::{Document, Kind};

    #[test]
    fn a_statement_is_among_those_of_every_service_it_can_be_about() {
        let text = r#"{"Statement": [
            {"Effect": "Allow", "Action": ["s3:Get*", "ec2:*"], "Resource": "*"},
            {"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"},
            {"Effect": "Allow", "Action": ["sqs:*", "*:Get"], "Resource": "*"},
            {"Effect": "Deny", "Action": "ec2:*", "Resource": "*"}]}"#;
        let document = Document::parse(text, Kind::Identity).unwrap();
        for (action, denies, allows) in [
            ("s3:GetObject", vec![1], vec![0, 2]),
            ("ec2:RunInstances", vec![3, 1], vec![0, 2]),
            ("sns:Publish", vec![1], vec![2]),
        ] {
            let action = Action::parse(action).unwrap();
            let found = (document.index.denying(&action).collect(), document.index.allowing(&action).collect());
            assert_eq!(found, (denies, allows), "{action:?}");
        }
    }
}
