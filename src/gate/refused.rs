//! A no is written down: what was asked, by whom, and what that rested on. Who is told no often is written down now and then, so that
//! nobody's noise fills the log or hides what others try.

use std::fmt;
use std::net::IpAddr;

use super::denials::Noted;
use super::refusal::Refusal;
use super::{Gate, GateError, Matter, Operation, event};
use crate::audit::{Event, Outcome};
use crate::authn::Caller;
use crate::authn::local::StrangerError;
use crate::authn::signed::{self, Signed};
use crate::base::network::Neighbours;
use crate::base::text::printable;
use crate::base::{RequestId, Timestamp};
use crate::model::Actor;

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

impl From<&signed::RequestSource> for Whence {
    fn from(from: &signed::RequestSource) -> Self {
        Self { ip: from.ip, request: from.request, agent: from.user_agent.clone() }
    }
}

impl From<(Option<IpAddr>, Option<RequestId>)> for Whence {
    fn from((ip, request): (Option<IpAddr>, Option<RequestId>)) -> Self {
        Self { ip, request, agent: None }
    }
}

impl Gate {
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
    pub(super) fn refuse_proof_of(
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

    /// Writes down how many denials were passed over, once their minute is over and there is room for it. Blocks.
    pub fn settle_denials(&self, now: Timestamp) {
        if !self.has_room() {
            return;
        }
        for (actor, count) in self.denials.settle(now) {
            self.note_passed_over(&actor, count, now);
        }
    }

    fn note_denial(&self, actor: &Actor, event: &Event, why: &dyn fmt::Display, now: Timestamp) {
        self.note_ended(actor, event, (&Outcome::Denied { message: why.to_string() }, None), now);
    }

    /// As [`Gate::note_denial`], with what the no rested on.
    pub(super) fn note_refusal(&self, actor: &Actor, event: &Event, denied: &GateError, now: Timestamp) {
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
        let noted = self.denials.admit(actor, now, || self.has_room());
        if noted == Noted::Counted {
            return;
        }
        let request = event.request.map(|request| request.to_string()).unwrap_or_default();
        tracing::warn!(%actor, operation = %event.name, request, "denied");
        let Noted::Recorded(passed_over) = noted else { return };
        self.note_passed_over(actor, passed_over, now);
        let matter = refusal.and_then(|refusal| Matter::of(refusal).json());
        self.audit.note(actor, &Event { matter, ..event.clone() }, outcome, now);
    }

    /// Whether the disk has room for more than what takes access away.
    fn has_room(&self) -> bool {
        !self.audit.store().reserve_spent()
    }

    fn note_passed_over(&self, actor: &Actor, count: u64, now: Timestamp) {
        if count > 0 {
            tracing::warn!(%actor, count, "denied so often that not each was recorded");
            let event = Event::reading("DenialsNotRecorded").with("count", count);
            self.audit.note(actor, &event, &Outcome::success(), now);
        }
    }
}
