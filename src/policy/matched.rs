//! Statements that settled a decision, as they are shown to people who may not read the whole document.

use super::arn::Variables;
use super::condition::{self, Block};
use super::decide::{Decision, Layer, Named, Policies, Reason};
use super::document::{Choice, Document, Effect};

/// A statement that settled something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// What its document is called.
    pub policy: String,
    /// Its Sid, or its place in the document, from 0.
    pub id: String,
    /// What it does.
    pub effect: Effect,
    /// The actions it names; none of a statement that names those it does not mean.
    pub actions: Vec<String>,
    /// The resources, likewise.
    pub resources: Vec<String>,
    /// Context keys it looks at, each with the values it compares to.
    pub conditions: Vec<(String, Vec<String>)>,
}

impl Decision {
    /// The statements that deny, of the documents in `policies`, by which it was decided.
    #[must_use]
    pub fn denying(&self, policies: &Policies<'_>) -> Vec<Matched> {
        let denying = self.reasons.iter().filter_map(|reason| match reason {
            Reason::Statement { layer, policy, index, effect: Effect::Deny, .. } => {
                policies.document(*layer, policy)?.matched(policy, *index)
            }
            _ => None,
        });
        denying.collect()
    }
}

impl<'a> Policies<'a> {
    fn document(&self, layer: Layer, name: &str) -> Option<&'a Document> {
        self.held(layer).iter().find(|named| named.name == name).map(|named| named.document)
    }

    /// The documents of a layer.
    pub(super) fn held(&self, layer: Layer) -> &[Named<'a>] {
        let held: Option<&[Named<'a>]> = match layer {
            Layer::Identity => Some(&self.identity),
            Layer::Boundary => self.boundary.as_deref(),
            Layer::Session => self.session.as_deref(),
            Layer::Grant(part) => self.grants.get(part..=part),
            Layer::ServiceControl(level) => self.scps.as_ref().and_then(|levels| levels.get(level)).map(Vec::as_slice),
            Layer::ResourceControl(level) => self.rcps.as_ref().and_then(|levels| levels.get(level)).map(Vec::as_slice),
            Layer::Resource => Some(self.resource.as_slice()),
        };
        held.unwrap_or_default()
    }
}

impl Document {
    fn matched(&self, policy: &str, index: usize) -> Option<Matched> {
        let statement = self.statements.get(index)?;
        let conditions = condition::blocks(&statement.conditions, self.version).into_iter();
        Some(Matched {
            policy: policy.to_owned(),
            id: statement.sid.as_deref().map_or_else(|| index.to_string(), str::to_owned),
            effect: statement.effect,
            actions: named(&statement.actions, super::action::ActionPattern::print),
            resources: statement.resources.as_ref().map_or_else(Vec::new, |resources| {
                named(resources, |pattern| pattern.print(self.version, Variables::InResource))
            }),
            conditions: conditions.flat_map(|Block { keys, .. }| keys).collect(),
        })
    }
}

/// What is named as meant.
fn named<T>(choice: &Choice<T>, print: impl Fn(&T) -> String) -> Vec<String> {
    if choice.not { Vec::new() } else { choice.among.iter().map(print).collect() }
}
