//! Sign-ins of people, each decided about and written down: who came in and how, who did not and why.
//!
//! To sign in is an action, `signin:Login`, whatever comes of it: a browser's session, or a program's. So a policy that lets people
//! in from the company's network alone holds for all ways there are, and one that asks for a second factor is the way to ask
//! for one: of everybody, of a group, from outside.

use super::{Asking, Gate, GateError, Operation, Proof, Refusal, Whence};
use crate::audit::{Event, Outcome};
use crate::authn::Caller;
use crate::authn::login::{Attempt, Half, Logins, Method, NewFactor, Reason, Refused, Shown};
use crate::authn::outside::Vouched;
use crate::authn::signed::RequestSource;
use crate::authn::subject::Subject;
use crate::authn::webauthn::Answer;
use crate::base::text::printable;
use crate::base::{Secret, Timestamp};
use crate::telemetry::Metric;

impl Gate {
    /// Lets somebody sign in and records how that ended. `about` is what the record says besides, such as who tries it for
    /// whom; never secrets.
    ///
    /// # Errors
    /// Why not, in words for the person.
    pub async fn sign_in(
        &self,
        logins: &Logins,
        attempt: Attempt,
        about: Vec<(&'static str, String)>,
        now: Timestamp,
    ) -> Result<Caller, Refused> {
        let (from, with_code) = (attempt.from.clone(), attempt.code.is_some());
        let tried = logins.sign_in(attempt, now).await;
        self.written_down(tried, (from, with_code), about, now).await
    }

    /// As [`Gate::sign_in`], for somebody who goes on with a second factor.
    ///
    /// # Errors
    /// Why not, in words for the person.
    pub async fn go_on(
        &self,
        logins: &Logins,
        (half, shown): (Half, impl Into<Shown>),
        from: RequestSource,
        about: Vec<(&'static str, String)>,
        now: Timestamp,
    ) -> Result<Caller, Refused> {
        let tried = logins.go_on(half, shown.into(), from.clone(), now).await;
        self.written_down(tried, (from, true), about, now).await
    }

    /// As [`Gate::sign_in`], for somebody who shows a passkey and nothing else.
    ///
    /// # Errors
    /// Why not, in words for the person.
    pub async fn by_passkey(
        &self,
        logins: &Logins,
        answer: Answer,
        from: RequestSource,
        about: Vec<(&'static str, String)>,
        now: Timestamp,
    ) -> Result<Caller, Refused> {
        let tried = logins.by_passkey(answer, from.clone(), now).await;
        self.written_down(tried, (from, true), about, now).await
    }

    /// As [`Gate::sign_in`], for somebody who put a second factor into use on the way.
    ///
    /// # Errors
    /// Why not, in words for the person.
    pub fn enrolled(
        &self,
        logins: &Logins,
        (half, factor): (&Half, &NewFactor),
        from: RequestSource,
        about: Vec<(&'static str, String)>,
        now: Timestamp,
    ) -> Result<Caller, Refused> {
        self.ended(logins.enrolled(half, factor, from.clone(), now), (from, true), about, now)
    }

    /// As [`Gate::sign_in`], for somebody who shows an invitation, and goes on with it to set up how they sign in.
    ///
    /// # Errors
    /// Why not, in words for the person.
    pub async fn invited(
        &self,
        logins: &Logins,
        (link, code): (&str, Secret<String>),
        from: RequestSource,
        now: Timestamp,
    ) -> Result<Half, Refused> {
        let tried = logins.invited(link, code, &from, now).await;
        let gate = self.clone();
        let noted = tokio::task::spawn_blocking(move || {
            let about = vec![("action", Operation::AcceptInvitation.name().to_owned())];
            if let Err(refused) = &tried {
                gate.note_refused((refused, None), Whence::from(&from), about, now);
            }
            tried
        });
        noted.await.unwrap_or_else(|ended| Err(Refused::unrecorded(&ended)))
    }

    /// As [`Gate::sign_in`], for somebody for whom an outside provider vouches, and maybe for their second factor.
    ///
    /// # Errors
    /// Why not, in words for the person.
    pub async fn vouched(
        &self,
        logins: &Logins,
        vouched: &Vouched,
        from: RequestSource,
        mut about: Vec<(&'static str, String)>,
        now: Timestamp,
    ) -> Result<Caller, Refused> {
        about.push(("issuer", vouched.issuer().to_string()));
        about.push(("subject", vouched.subject().to_owned()));
        let tried = logins.vouched(vouched, from.clone(), now).await;
        self.written_down(tried, (from, vouched.with_factor()), about, now).await
    }

    /// How a sign-in ended, once that is written down.
    async fn written_down(
        &self,
        tried: Result<Caller, Refused>,
        (from, with_code): (RequestSource, bool),
        about: Vec<(&'static str, String)>,
        now: Timestamp,
    ) -> Result<Caller, Refused> {
        let gate = self.clone();
        let recorded = tokio::task::spawn_blocking(move || gate.ended(tried, (from, with_code), about, now));
        match recorded.await {
            Ok(tried) => tried,
            Err(ended) => Err(Refused::unrecorded(&ended)),
        }
    }

    /// Blocks.
    fn ended(
        &self,
        tried: Result<Caller, Refused>,
        (from, with_code): (RequestSource, bool),
        mut about: Vec<(&'static str, String)>,
        now: Timestamp,
    ) -> Result<Caller, Refused> {
        let mut no = None;
        let tried = tried.and_then(|caller| self.may_sign_in(caller, &mut no, now));
        let outcome = tried.as_ref().map_or_else(|refused| refused.reason.code(), |_| "success");
        Metric::Logins.counter(&[("outcome", outcome)]).increment(1);
        about.push(("code", if with_code { "sent" } else { "none" }.to_owned()));
        match &tried {
            Ok(caller) => self.note_sign_in(caller, about, now),
            Err(refused) => self.note_refused((refused, no.as_deref()), Whence::from(&from), about, now),
        }
        tried
    }

    /// Whether `caller`, whose browser is signed in, could still sign in from where it asks now: what was decided about the
    /// sign-in holds at each use of it. Blocks.
    ///
    /// # Errors
    /// When policies or guardrails deny it, which is recorded; when that cannot be found out.
    pub fn stays_signed_in(&self, caller: &Caller, now: Timestamp) -> Result<(), GateError> {
        let Some(who) = Subject::of(caller) else { return Ok(()) };
        let decided = self.judge.decide(who, Operation::Login, "", &Asking::default(), now);
        decided.map(drop).inspect_err(|denied| {
            self.note_refusal(&caller.actor(), &super::event(Operation::Login, "", caller), denied, now);
        })
    }

    /// Whether policies let `caller`, who has shown who they are, sign in; where all that lacks is a second factor that they do not
    /// have, that is what they are told. What a no rested on is left in `no`. Blocks.
    fn may_sign_in(&self, caller: Caller, no: &mut Option<Box<Refusal>>, now: Timestamp) -> Result<Caller, Refused> {
        let Some(bound) = caller.bound() else { return Ok(caller) };
        let asking = Asking::of_sign_in(bound.mfa(), now);
        let denied = match self.would(&caller, Operation::Login, "", &asking, now) {
            Ok(()) => return Ok(caller),
            Err(GateError::NotAuthorized { because, refusal, .. }) => {
                *no = refusal;
                because
            }
            Err(error) => return Err(Refused::failed(&error)),
        };
        let name = Some(bound.user().name.to_string());
        let refused = if self.would_with_factor(&caller, Operation::Login, "", &asking, now) {
            let why = format!("a policy asks for a second factor, and they have none: {denied}");
            Refused::new(Reason::FactorRequired, why).with_half(Half::of_bound(bound))
        } else {
            Refused::new(Reason::Denied, denied)
        };
        Err(refused.about(bound.user().id, name))
    }

    /// Whether `caller` could do `operation` to `resource` if a second factor were shown now, and cannot be told otherwise. Nothing
    /// is written down: it is no question of the caller's. Blocks.
    #[must_use]
    pub fn would_with_factor(
        &self,
        caller: &Caller,
        operation: Operation,
        resource: &str,
        asking: &Asking,
        now: Timestamp,
    ) -> bool {
        self.would(caller, operation, resource, &asking.clone().with_factor(now), now).is_ok()
    }

    /// Whether `caller` may do `operation` to `resource`, where that has no proof: it comes with something else, or is asked ahead. A no
    /// is written down. Blocks.
    ///
    /// # Errors
    /// When it may not; when that cannot be found out.
    pub fn may(
        &self,
        caller: &Caller,
        operation: Operation,
        resource: &str,
        asking: &Asking,
        now: Timestamp,
    ) -> Result<(), GateError> {
        self.would(caller, operation, resource, asking, now).inspect_err(|denied| {
            self.note_refusal(&caller.actor(), &super::event(operation, resource, caller), denied, now);
        })
    }

    fn would(
        &self,
        caller: &Caller,
        operation: Operation,
        resource: &str,
        asking: &Asking,
        now: Timestamp,
    ) -> Result<(), GateError> {
        let undecided = || GateError::Undecided { why: "nobody is there".to_owned(), fault: crate::base::Fault::Bug };
        let who = Subject::of(caller).ok_or_else(undecided)?;
        self.judge.decide(who, operation, resource, asking, now).map(drop)
    }

    fn note_sign_in(&self, caller: &Caller, about: Vec<(&'static str, String)>, now: Timestamp) {
        let mut event = about_sign_in(about);
        if let Some(bound) = caller.bound() {
            event.request = bound.from().request;
            event = event.with("directory", bound.user().origin.directory.as_str()).with("amr", bound.amr().join(" "));
            if let Some(Method::RecoveryCode { left }) = bound.factor().map(|factor| factor.by) {
                event = event.with("recovery_codes_left", left.to_string());
            }
            event = event.coming(bound.from().ip, bound.from().user_agent.as_deref());
        }
        self.audit.note(&caller.actor(), &event, &Outcome::success(), now);
    }

    /// A name that nobody has is not recorded: it may be a password, typed into the wrong field.
    fn note_refused(
        &self,
        (refused, no): (&Refused, Option<&Refusal>),
        whence: Whence,
        mut about: Vec<(&'static str, String)>,
        now: Timestamp,
    ) {
        about.push(("reason_code", refused.reason.code().to_owned()));
        if let Some((id, name)) = &refused.who {
            about.push(("user_id", id.to_string()));
            about.extend(name.iter().map(|name| ("user", name.clone())));
        }
        self.refuse_proof_of(Proof::Password, whence, about, (&refused.detail, no), now);
    }
}

fn about_sign_in(about: Vec<(&'static str, String)>) -> Event {
    about
        .into_iter()
        .fold(Event::reading("SignIn"), |event, (name, value)| event.with(name, printable(&value).into_owned()))
}
