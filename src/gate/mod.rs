//! The only yes: may this caller do this operation, now?
//!
//! Owns the list of operations ([`Operation`]), what each is about ([`target`]), the decision, and the proof [`Authorized`]
//! that an operation needs. A no is written to the audit log; a yes to anything that changes something has its begun record
//! on disk before the proof exists, or, where the effect is one commit, takes its record into that. What an operation does is not decided here.
//!
//! For callers on this machine the decision is the table `Operation::least`: operators may do everything, viewers may look at
//! the model but not at the audit log. For everybody else policies decide, by the same evaluator that answers simulations.

mod again;
mod authorized;
mod denials;
mod error;
mod judge;
pub mod matter;
mod operation;
mod refusal;
mod refused;
mod rules;
mod sign_in;
pub mod table;
pub mod target;
mod who;

use std::sync::Arc;

pub use again::Remembered;
pub use authorized::Authorized;
pub use error::GateError;
pub use judge::{Asking, Grant, Granted, Judge};
pub use matter::Matter;
pub use operation::Operation;
pub use refusal::{Grounds, Refusal};
pub use refused::{Proof, Whence};

use crate::audit::{Audit, Event};
use crate::authn::Caller;
use crate::authn::subject::Subject;
use crate::base::Timestamp;
use crate::base::text::printable;
use crate::store::Intent;
use denials::Denials;
use operation::Effect;
use refusal::No;

/// Decides.
#[derive(Clone)]
pub struct Gate {
    audit: Audit,
    judge: Judge,
    denials: Arc<Denials>,
}

impl Gate {
    /// A gate that writes to `audit` and has `judge` say what policies allow.
    #[must_use]
    pub fn new(audit: Audit, judge: Judge) -> Self {
        Self { audit, judge, denials: Arc::default() }
    }

    /// Whether `caller` may do `operation` to `resource` (a name, a digest, or empty) at `now`.
    /// Durable audit records are written on the way, so it blocks.
    ///
    /// # Errors
    /// When the caller may not, or when it cannot be recorded.
    pub fn authorize(
        &self,
        caller: Caller,
        operation: Operation,
        resource: &str,
        now: Timestamp,
    ) -> Result<Authorized, GateError> {
        self.authorize_about(caller, operation, resource, &Asking::default(), now)
    }

    /// As [`Gate::authorize`], with more of what is asked: for the record, and for conditions.
    ///
    /// # Errors
    /// When the caller may not, or when it cannot be recorded.
    pub fn authorize_about(
        &self,
        caller: Caller,
        operation: Operation,
        resource: &str,
        asking: &Asking,
        now: Timestamp,
    ) -> Result<Authorized, GateError> {
        let event = asked(&caller, operation, resource, asking);
        let granted = self.decided(&caller, operation, resource, (asking, &event), now)?;
        self.proven(caller, operation, resource, (asking, &event, granted), now)
    }

    /// As [`Gate::authorize`], for somebody who could show a second factor: beside a no, whether that would make it a yes.
    ///
    /// # Errors
    /// When the caller may not, or when it cannot be recorded.
    pub fn authorize_or_ask(
        &self,
        caller: Caller,
        operation: Operation,
        resource: &str,
        now: Timestamp,
    ) -> Result<Authorized, (GateError, bool)> {
        let asking = Asking::default();
        let event = asked(&caller, operation, resource, &asking);
        match self.decided(&caller, operation, resource, (&asking, &event), now) {
            Ok(granted) => {
                let proven = self.proven(caller, operation, resource, (&asking, &event, granted), now);
                proven.map_err(|error| (error, false))
            }
            Err(error) => {
                let would = self.would_with_factor(&caller, operation, resource, &asking, now);
                Err((error, would))
            }
        }
    }

    /// What was decided; a no is written down.
    fn decided(
        &self,
        caller: &Caller,
        operation: Operation,
        resource: &str,
        (asking, event): (&Asking, &Event),
        now: Timestamp,
    ) -> Result<Option<Granted>, GateError> {
        match (operation.allowed_for(caller.kind()), Subject::of(caller)) {
            (Some(true), _) => Ok(None),
            (None, Some(who)) => {
                let decided = self.judge.decide(who, operation, resource, asking, now);
                decided.inspect_err(|denied| self.note_refusal(&caller.actor(), event, denied, now))
            }
            // A caller of whom neither the table nor policies say anything may do nothing.
            (Some(false) | None, _) => Err(self.deny(caller, operation, resource, event, now)),
        }
    }

    /// Whether what `who` asked for before may go on at `now`: by the same documents as when they asked, as these are now. It is no
    /// act of theirs and leaves no record; whoever goes on writes down what comes of it. Blocks.
    ///
    /// # Errors
    /// When it may not, or that cannot be found out.
    pub fn goes_on(
        &self,
        who: &Remembered<'_>,
        operation: Operation,
        resource: &str,
        now: Timestamp,
    ) -> Result<(), GateError> {
        self.judge.decide_again(who, operation, resource, now)
    }

    fn deny(&self, caller: &Caller, operation: Operation, resource: &str, event: &Event, now: Timestamp) -> GateError {
        let resource = if resource.is_empty() { "*" } else { resource }.to_owned();
        let no = No::from(String::new());
        let denied = GateError::Denied {
            caller: caller.to_string(),
            operation,
            refusal: Subject::of(caller).map(|who| Refusal::of(who, operation.action(), resource, no)),
            needs: operation.needs(caller.kind()),
        };
        self.note_refusal(&caller.actor(), event, &denied, now);
        denied
    }
}

/// The record of a question, with what the question says of itself.
fn asked(caller: &Caller, operation: Operation, resource: &str, asking: &Asking) -> Event {
    let event = event(operation, resource, caller);
    let request = event.request.or(asking.request);
    asking
        .notes
        .iter()
        .fold(event.of_request(request), |event, (name, value)| event.with(name, printable(value).into_owned()))
}

fn event(operation: Operation, resource: &str, caller: &Caller) -> Event {
    let event = match operation.effect() {
        Effect::Shows | Effect::ShowsTheLog => Event::reading(operation.name()),
        Effect::Narrows => Event::narrowing(operation.name()),
        Effect::Mints | Effect::Widens => Event { intent: Intent::Widen, ..Event::new(operation.name()) },
    };
    let mut event = event.with("caller", caller.kind().to_string());
    if let Some(signed) = caller.signed() {
        event = event.with("access_key", signed.key().to_string());
    }
    if let Some(bearer) = caller.bearer().filter(|bearer| bearer.is_at_terminal()) {
        event = event.with("client", bearer.client().as_str()).with("family", bearer.family().to_string());
    }
    if let Some(from) = Subject::of(caller).map(Subject::from) {
        event.request = from.request;
        event = event.coming(from.ip, from.user_agent.as_deref());
    }
    if resource.is_empty() { event } else { event.with("resource", printable(resource).into_owned()) }
}
