//! What the Query APIs of IAM and STS share: parameters of a call, the pieces of an answer, errors, and what an action is.
//!
//! Knows the form of such a protocol and no action of it; [`crate::iam`] and [`crate::sts`] have the actions. XML is written
//! in `http`.

pub mod answer;
mod error;
pub mod params;

pub use answer::{Content, Node};
pub use error::QueryError;
pub use params::{Paging, Params};

use crate::audit::Outcome;
use crate::authn::signed::Signed;
use crate::base::Timestamp;
use crate::gate::{Asking, Authorized, Operation};

/// One action of the API.
pub struct Action<C> {
    /// Its name in requests.
    pub name: &'static str,
    /// The service it belongs to: `iam` or `sts`.
    pub service: &'static str,
    /// The operation it is.
    pub operation: Operation,
    /// What the gate is asked about: a name, an ARN or a path with a name; and what comes with it.
    pub about: fn(&Params, &Signed) -> About,
    /// Reads its parameters. What cannot be read is told before the gate is asked, as AWS does: what an action looks like is
    /// no secret.
    pub job: fn(&Params) -> Result<Job<C>, QueryError>,
}

/// What the gate is asked about.
pub type About = Result<(String, Asking), QueryError>;

/// The pieces of the result.
pub type Answered = Result<Vec<Node>, QueryError>;

/// What looks, and what changes.
type Look<C> = Box<dyn FnOnce(&C, &Authorized) -> Answered + Send>;
type Deed<C> = Box<dyn FnOnce(&C, Authorized) -> Answered + Send>;

/// An action with its parameters, ready to be carried out once it is allowed.
pub enum Job<C> {
    /// It only looks.
    Reads(Look<C>),
    /// It changes something.
    Changes(Deed<C>),
}

impl<C> Job<C> {
    /// Carries it out. Blocks.
    ///
    /// # Errors
    /// What the operation says.
    pub fn run(self, with: &C, asked: Authorized, now: impl FnOnce() -> Timestamp) -> Answered {
        match self {
            Self::Reads(job) => {
                let answered = job(with, &asked);
                let outcome = match &answered {
                    Ok(_) => Outcome::success(),
                    Err(error) => Outcome::failed(error.code, &error.message),
                };
                asked.complete(&outcome, now());
                answered
            }
            Self::Changes(job) => job(with, asked),
        }
    }
}

/// A job that only looks.
///
/// # Errors
/// None; so a table can name it where parameters may be refused.
pub fn reads<C>(job: impl FnOnce(&C, &Authorized) -> Answered + Send + 'static) -> Result<Job<C>, QueryError> {
    Ok(Job::Reads(Box::new(job)))
}

/// A job that changes something.
///
/// # Errors
/// None; so a table can name it where parameters may be refused.
pub fn changes<C>(job: impl FnOnce(&C, Authorized) -> Answered + Send + 'static) -> Result<Job<C>, QueryError> {
    Ok(Job::Changes(Box::new(job)))
}
