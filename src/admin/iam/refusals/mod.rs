//! What a refusal rested on, by the id of its request: what its record kept, what of it holds now, and what would help.
//!
//! Owns who is told how much. A person is told of their own refusals, and whoever may [`Operation::ExplainAnyRefusal`] of everybody's;
//! people of an engagement are told what was missing and not how this firm's policies say so. What is told of then is out of the record;
//! what is told of now is asked of the policies there are now, as a simulation is, and is no promise: the request is decided when it
//! comes.

mod again;
mod record;
mod ways;

pub use record::Refused;
pub use ways::WayIn;

use serde::{Deserialize, Serialize};

use super::super::{Admin, AdminError};
use crate::audit::Outcome;
use crate::authn::subject::Subject;
use crate::base::{RequestId, Timestamp};
use crate::gate::matter::{Gap, Said};
use crate::gate::{Authorized, Matter, Operation};
use crate::rights::{Library, granted};

/// What a refusal rested on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Explanation {
    /// The request.
    pub request: String,
    /// When it was refused.
    pub at: Timestamp,
    /// What was asked for, as the log calls it.
    pub operation: String,
    /// Who asked.
    pub who: String,
    /// The action that was not allowed; nothing where it did not come to that.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub action: String,
    /// To what.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resource: String,
    /// What they were told.
    pub told: String,
    /// Whether a statement denies it.
    pub explicit: bool,
    /// The layers in which nothing allowed it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lacking: Vec<Gap>,
    /// The statements that denied it; where none did, those that would have allowed it if their conditions held.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<Statement>,
    /// The same question, asked at this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<Now>,
    /// What would help.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ways: Vec<WayIn>,
    /// What else there is to know about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// A statement that had a say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// As it was.
    #[serde(flatten)]
    pub said: Said,
    /// Whether it stands in the way at this moment, too; nothing where that was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stands: Option<bool>,
}

/// A question that was asked once more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Now {
    /// Whether policies allow it.
    pub allowed: bool,
    /// Why, or why not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// Whether what stood in the way has changed.
    pub changed: bool,
}

impl Admin {
    /// The refusal of a request, if the log has one. Who may know of it is to be asked of the gate. Blocks.
    ///
    /// # Errors
    /// When `request` is no id, or the log cannot be read.
    pub fn refusal(&self, request: &str) -> Result<Option<Refused>, AdminError> {
        let id: RequestId = request.parse().map_err(|_| AdminError::OutOfBounds {
            what: "id".to_owned(),
            limit: "the id of a request, such as 01890a5d-ac96-774b-bcce-b302099a8057".to_owned(),
        })?;
        Ok(Refused::find(&self.store, id)?)
    }

    /// Explains a refusal to who was allowed that: one of their own, or anybody's. Blocks.
    ///
    /// # Errors
    /// When there is none, it is not theirs, or the store cannot be read.
    pub fn explain(&self, asked: Authorized, refused: Option<Refused>) -> Result<Explanation, AdminError> {
        let explained = self.explained(&asked, refused);
        let outcome = match &explained {
            Ok(_) => Outcome::success(),
            Err(error) => Outcome::failed(error.code(), error),
        };
        let now = asked.at();
        asked.complete(&outcome, now);
        explained
    }

    fn explained(&self, asked: &Authorized, refused: Option<Refused>) -> Result<Explanation, AdminError> {
        let own = |refused: &Refused| refused.is_of(asked.caller());
        let seen = |refused: &Refused| asked.operation() == Operation::ExplainAnyRefusal || own(refused);
        let Some(refused) = refused.filter(seen) else { return Err(none()) };
        let terms = self.terms(asked.at())?;
        let mut library = Library::with(self.shelf.clone(), &self.account, &terms);
        self.store.read(|snapshot| {
            let mut reading = library.at(snapshot);
            let person = Subject::of(asked.caller()).and_then(Subject::person);
            let outside = person.map(|person| granted::outsider(snapshot, &person.id, asked.at())).transpose()?;
            let mut explanation = Explanation::of(&refused);
            if let Some(matter) = &refused.matter {
                self.ask_again(snapshot, &mut reading, (&refused, matter), &mut explanation)?;
                explanation.ways = self.ways_in(snapshot, &mut reading, (&refused, matter), &explanation)?;
            }
            Ok(if outside.flatten().is_some() { explanation.for_outsiders() } else { explanation })
        })
    }
}

/// There is none, or none that whoever asks may know of: the same words for both.
#[must_use]
pub fn none() -> AdminError {
    AdminError::NoSuch {
        what: "refusal by that id, of a request of yours: behind a hundred a minute refusals are counted and not kept"
            .to_owned(),
    }
}

impl Explanation {
    fn of(refused: &Refused) -> Self {
        let record = &refused.record;
        let told = record.error_message.clone().unwrap_or_default();
        let mut explanation = Self {
            request: refused.request.to_string(),
            at: record.event_time,
            operation: record.event_name.clone(),
            who: refused.who(),
            told,
            ..Self::default()
        };
        let Some(matter) = &refused.matter else {
            explanation.remarks.push("it did not come to a question to policies".to_owned());
            return explanation;
        };
        let Matter { action, resource, explicit, lacking, statements, truncated, .. } = matter.clone();
        let statements = statements.into_iter().map(|said| Statement { said, stands: None }).collect();
        if truncated {
            explanation.remarks.push("the record was too long, and something of it was left out".to_owned());
        }
        Self { action, resource, explicit, lacking, statements, ..explanation }
    }

    /// The same for people of an engagement: what lacked, and no word of how policies of this firm are written.
    fn for_outsiders(mut self) -> Self {
        for gap in &mut self.lacking {
            gap.of.clear();
        }
        for Statement { said, .. } in &mut self.statements {
            let conditions = std::mem::take(&mut said.conditions).into_iter();
            let (layer, effect) = (std::mem::take(&mut said.layer), std::mem::take(&mut said.effect));
            let conditions = conditions.map(|mut condition| {
                condition.wanted.clear();
                condition
            });
            *said = Said { layer, effect, conditions: conditions.collect(), ..Said::default() };
        }
        if let Some(now) = &mut self.now {
            now.reasons.clear();
        }
        self
    }
}
