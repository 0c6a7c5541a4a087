//! Which statements of a document can be about an action at all.
//!
//! A principal has some hundred statements, and most are about another service. They are told apart when the document is
//! parsed, so that a decision looks at those that may matter, and at what denies before what allows.

use super::action::{Action, ServiceMark};
use super::document::{Effect, Statement};

/// Statements by the service they are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    /// Of services that no statement names.
    others: Candidates,
    /// By service, those included that are about any.
    services: Box<[(ServiceMark, Candidates)]>,
}

/// Statements by number, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Candidates {
    pub(super) denies: Vec<usize>,
    pub(super) allows: Vec<usize>,
}

impl Index {
    /// The index of `statements`.
    pub(super) fn of(statements: &[Statement]) -> Self {
        let mut marks: Vec<ServiceMark> = statements.iter().filter_map(marks_of).flatten().collect();
        marks.sort_unstable();
        marks.dedup();
        let about = |mark: Option<ServiceMark>| {
            let mut candidates = Candidates::default();
            for (index, statement) in statements.iter().enumerate() {
                let named =
                    marks_of(statement).map(|mut marks| mark.is_some_and(|mark| marks.any(|held| held == mark)));
                if named.unwrap_or(true) {
                    match statement.effect {
                        Effect::Allow => candidates.allows.push(index),
                        Effect::Deny => candidates.denies.push(index),
                    }
                }
            }
            candidates
        };
        Self { others: about(None), services: marks.into_iter().map(|mark| (mark, about(Some(mark)))).collect() }
    }

    /// The statements that can be about `action`.
    pub(super) fn candidates(&self, action: &Action) -> &Candidates {
        let found = self.services.iter().find(|(mark, _)| *mark == action.mark());
        found.map_or(&self.others, |(_, candidates)| candidates)
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
            ("ec2:RunInstances", vec![1, 3], vec![0, 2]),
            ("sns:Publish", vec![1], vec![2]),
        ] {
            let candidates = document.index.candidates(&Action::parse(action).unwrap());
            assert_eq!((&candidates.denies, &candidates.allows), (&denies, &allows), "{action}");
        }
    }
}
