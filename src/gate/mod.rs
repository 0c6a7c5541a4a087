//! The only yes: may this caller do this operation, now?
//!
//! Owns the list of operations ([`Operation`]), what each is about ([`target`]), the decision, and the proof [`Authorized`]
//! that an operation needs. A no is written to the audit log; a yes to anything that changes something has its begun record
//! on disk before the proof exists, or, where the effect is one commit, takes its record into that. What an operation does is not decided here.
//!
//! For callers on this machine the decision is the table `Operation::least`: operators may do everything, viewers may look at
//! the model but not at the audit log. For everybody else policies decide, by the same evaluator that answers simulations.

mod again;
mod denials;
mod error;
mod judge;
pub mod matter;
mod operation;
mod refusal;
mod rules;
mod sign_in;
pub mod table;
pub mod target;
mod who;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

pub use again::Remembered;
pub use error::GateError;
pub use judge::{Asking, Grant, Granted, Judge};
pub use matter::Matter;
pub use operation::Operation;
pub use refusal::{Grounds, Refusal};

use crate::audit::{Audit, Event, Opened, Outcome, Trace};
use crate::authn::local::StrangerError;
use crate::authn::signed::{self, Signed};
use crate::authn::subject::Subject;
use crate::authn::{Caller, CallerKind};
use crate::base::network::Neighbours;
use crate::base::text::printable;
use crate::base::{RequestId, Timestamp};
use crate::model::Actor;
use crate::store::{Commit, Committed, Intent, Store, StoreError};
use denials::Denials;
use operation::Effect;
use refusal::No;

/// A way to show who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// A signature with an access key.
    Signature,
    /// A name and a password, and where there is a second factor its code.
    Password,
    /// A machine's certificate.
    Certificate,
    /// A machine's Kerberos ticket.
    Kerberos,
    /// A proxy's secret or certificate.
    Proxy,
    /// A response of an outside SAML provider.
    Saml,
    /// A token of an outside issuer.
    WebIdentity,
    /// A code of a device that comes with a call.
    SecondFactor,
    /// A token of ours.
    Token,
    /// A secret or an assertion of a client of single sign-on.
    Client,
}

/// Where a proof of who one is came from, and with which request.
#[derive(Debug, Clone, Default)]
pub struct Whence {
    ip: Option<IpAddr>,
    request: Option<RequestId>,
    agent: Option<String>,
}

impl From<&signed::From> for Whence {
    fn from(from: &signed::From) -> Self {
        Self { ip: from.ip, request: from.request, agent: from.user_agent.clone() }
    }
}

impl From<(Option<IpAddr>, Option<RequestId>)> for Whence {
    fn from((ip, request): (Option<IpAddr>, Option<RequestId>)) -> Self {
        Self { ip, request, agent: None }
    }
}

/// Decides.
#[derive(Clone)]
pub struct Gate {
    audit: Audit,
    judge: Judge,
    denials: Arc<Denials>,
}

/// Proof of a yes. Holds what was asked, so that the one who acts takes the operation from the
/// proof and not from beside it. Never copied.
#[must_use = "an operation that was allowed has to be carried out or completed as failed"]
pub struct Authorized {
    caller: Caller,
    operation: Operation,
    resource: String,
    granted: Option<Granted>,
    mfa: Option<Timestamp>,
    at: Timestamp,
    trace: Option<Trace>,
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

    /// The proof of a yes, with its record begun.
    fn proven(
        &self,
        caller: Caller,
        operation: Operation,
        resource: &str,
        (asking, event, granted): (&Asking, &Event, Option<Granted>),
        now: Timestamp,
    ) -> Result<Authorized, GateError> {
        let actor = caller.actor();
        let trace = match operation.effect() {
            // Each use of root is written down, and of that of the home account said aloud.
            Effect::Shows if !matches!(caller.kind(), CallerKind::Root | CallerKind::AssumedRoot) => None,
            Effect::Shows | Effect::ShowsTheLog | Effect::Narrows => Some(self.audit.trace(&actor, event, now)),
            Effect::Mints => Some(Trace::Intended(self.audit.intend(&actor, event, now))),
            Effect::Widens => {
                let opened = self.audit.begin(&actor, event, now);
                Some(Trace::Opened(opened.map_err(|error| GateError::NotRecorded { operation, why: error })?))
            }
        };
        if caller.kind() == CallerKind::Root {
            tracing::warn!(%operation, resource = %printable(resource), "root is in use");
        }
        Ok(Authorized { caller, operation, resource: resource.to_owned(), granted, mfa: asking.mfa, at: now, trace })
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

    /// Writes down that somebody without any role asked for `operation`. Blocks.
    pub fn turn_away(
        &self,
        stranger: &StrangerError,
        operation: Operation,
        request: Option<RequestId>,
        now: Timestamp,
    ) {
        let event = Event::reading(operation.name()).with("caller", "stranger").of_request(request);
        self.note_denial(&Actor::Local { uid: stranger.uid() }, &event, stranger, now);
    }

    /// Writes down that `caller` asked for `operation` and failed before it came to a decision: `about` says more, such as the
    /// reason in a word, and `error` is what the caller was told. Counts among the caller's denials. Blocks.
    pub fn note_failure(
        &self,
        caller: &Caller,
        operation: Operation,
        about: Vec<(&'static str, String)>,
        (code, message): (&'static str, &str),
        now: Timestamp,
    ) {
        let event = about.into_iter().fold(event(operation, "", caller), |event, (name, value)| {
            event.with(name, printable(&value).into_owned())
        });
        self.note_ended(&caller.actor(), &event, (&Outcome::failed(code, &message), None), now);
    }

    /// Writes down that a request of `signed` to an application was refused, what `about` says of it, and what that rested on, if it
    /// was policies: the yes is the application's to record, since it is what happens there. Blocks.
    pub fn refuse_request(
        &self,
        signed: &Signed,
        about: Vec<(&'static str, String)>,
        (why, refusal): (&dyn fmt::Display, Option<&Refusal>),
        now: Timestamp,
    ) {
        let from = signed.from();
        let event = Event::reading("ForwardAuth").coming(from.ip, from.user_agent.as_deref()).of_request(from.request);
        let event =
            about.into_iter().fold(event, |event, (name, value)| event.with(name, printable(&value).into_owned()));
        self.note_ended(&signed.actor(), &event, (&Outcome::Denied { message: why.to_string() }, refusal), now);
    }

    /// Writes down that `proxy` asked what is no question, about a request from `ip`: a client may be behind that, so it counts
    /// among the denials of its address. Blocks.
    pub fn refuse_question(
        &self,
        proxy: &Actor,
        (ip, request): (IpAddr, Option<RequestId>),
        why: &dyn fmt::Display,
        now: Timestamp,
    ) {
        let event = Event::reading("ForwardAuth").with("proxy", proxy.to_string());
        let event = event.coming(Some(ip), None).of_request(request);
        self.note_denial(&Actor::task(format!("requests from {}", Neighbours::of(ip))), &event, why, now);
    }

    /// Writes down that a proof of who one is, from `whence`, was refused: `about` says of which key, if it claims one, and why. Each address has its own limit of records a minute, so that nobody's noise hides what others try. Blocks.
    pub fn refuse_proof(
        &self,
        proof: Proof,
        whence: impl Into<Whence>,
        about: Vec<(&'static str, String)>,
        why: &dyn fmt::Display,
        now: Timestamp,
    ) {
        self.refuse_proof_of(proof, whence.into(), about, (why, None), now);
    }

    /// As [`Gate::refuse_proof`], with what it rested on, if it was policies.
    fn refuse_proof_of(
        &self,
        proof: Proof,
        Whence { ip, request, agent }: Whence,
        about: Vec<(&'static str, String)>,
        (why, refusal): (&dyn fmt::Display, Option<&Refusal>),
        now: Timestamp,
    ) {
        let from = ip.map(|ip| format!(" from {}", Neighbours::of(ip))).unwrap_or_default();
        let (name, many) = match proof {
            Proof::Signature => ("VerifySignature", "signatures"),
            Proof::Password => ("SignIn", "passwords"),
            Proof::Certificate => ("VerifyCertificate", "certificates"),
            Proof::Kerberos => ("VerifyTicket", "tickets"),
            Proof::Proxy => ("VerifyProxy", "proxies"),
            Proof::Saml => ("VerifySAML", "assertions"),
            Proof::WebIdentity => ("VerifyWebIdentity", "tokens"),
            Proof::SecondFactor => ("VerifySecondFactor", "codes"),
            Proof::Token => ("VerifyToken", "session tokens"),
            Proof::Client => ("VerifyClient", "clients"),
        };
        let mut event = Event::reading(name).coming(ip, agent.as_deref()).of_request(request);
        for (name, value) in about {
            event = event.with(name, printable(&value).into_owned());
        }
        let outcome = Outcome::Denied { message: why.to_string() };
        self.note_ended(&Actor::task(format!("{many}{from}")), &event, (&outcome, refusal), now);
    }

    /// Writes down how many denials were passed over, once their minute is over. Blocks.
    pub fn settle_denials(&self, now: Timestamp) {
        for (actor, count) in self.denials.settle(now) {
            self.note_passed_over(&actor, count, now);
        }
    }

    fn note_denial(&self, actor: &Actor, event: &Event, why: &dyn fmt::Display, now: Timestamp) {
        self.note_ended(actor, event, (&Outcome::Denied { message: why.to_string() }, None), now);
    }

    /// As [`Gate::note_denial`], with what the no rested on.
    fn note_refusal(&self, actor: &Actor, event: &Event, denied: &GateError, now: Timestamp) {
        let outcome = Outcome::Denied { message: denied.to_string() };
        self.note_ended(actor, event, (&outcome, denied.refusal()), now);
    }

    fn note_ended(
        &self,
        actor: &Actor,
        event: &Event,
        (outcome, refusal): (&Outcome, Option<&Refusal>),
        now: Timestamp,
    ) {
        let Some(passed_over) = self.denials.admit(actor, now) else { return };
        self.note_passed_over(actor, passed_over, now);
        let request = event.request.map(|request| request.to_string()).unwrap_or_default();
        tracing::warn!(%actor, operation = %event.name, request, "denied");
        let matter = refusal.and_then(|refusal| Matter::of(refusal).json());
        self.audit.note(actor, &Event { matter, ..event.clone() }, outcome, now);
    }

    fn note_passed_over(&self, actor: &Actor, count: u64, now: Timestamp) {
        if count > 0 {
            tracing::warn!(%actor, count, "denied so often that not each was recorded");
            let event = Event::reading("DenialsNotRecorded").with("count", count);
            self.audit.note(actor, &event, &Outcome::success(), now);
        }
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

impl Authorized {
    /// What was allowed.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// To what.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// By which way a session may begin, and what was asked for.
    #[must_use]
    pub fn granted(&self) -> Option<&Granted> {
        self.granted.as_ref()
    }

    /// When a second factor was shown with this very request.
    #[must_use]
    pub fn mfa(&self) -> Option<Timestamp> {
        self.mfa
    }

    /// When.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Who asks.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Who is behind it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.caller.actor()
    }

    /// Number of the begun audit record; goes into the commits of the operation.
    #[must_use]
    pub fn audit_seq(&self) -> Option<u64> {
        self.trace.as_ref().and_then(Trace::seq)
    }

    /// Writes down how it ended, where the operation is recorded at all. Blocks.
    pub fn complete(mut self, outcome: &Outcome, now: Timestamp) {
        if let Some(trace) = self.trace.take() {
            trace.complete(outcome, now);
        }
    }

    /// Carries out `commit` and writes down how it ended, in one act where that can be. Blocks.
    ///
    /// # Errors
    /// When nothing was written; the failure is recorded.
    pub fn commit(
        mut self,
        store: &Store,
        commit: Commit,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<Committed, StoreError> {
        match self.trace.take() {
            Some(trace) => trace.commit(store, commit, outcome, now),
            None => store.commit(commit),
        }
    }

    /// As [`Authorized::commit`], for whoever tries again when somebody else was faster. Blocks.
    ///
    /// # Errors
    /// When nothing was written; the yes comes back, its record still open.
    pub fn try_commit(
        mut self,
        store: &Store,
        commit: Commit,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<Committed, Box<(StoreError, Self)>> {
        let tried = match self.trace.take() {
            Some(trace) => trace.try_commit(store, commit, outcome, now).map_err(|not| {
                let (error, trace) = *not;
                (error, Some(trace))
            }),
            None => store.commit(commit).map_err(|error| (error, None)),
        };
        tried.map_err(|(error, trace)| {
            self.trace = trace;
            Box::new((error, self))
        })
    }

    /// The open record, for operations that take long and complete it themselves. `None` when the
    /// operation only shows something, or its record is owed.
    #[must_use]
    pub fn into_opened(mut self) -> Option<Opened> {
        match self.trace.take() {
            Some(Trace::Opened(opened)) => Some(opened),
            _ => None,
        }
    }
}
