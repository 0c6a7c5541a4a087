//! The session a browser gets for whoever signed in.

use crate::admin::Admin;
use crate::authn::Caller;
use crate::authn::login::{Logins, Method, Refused, Shown};
use crate::authn::signed::{self, RequestSource};
use crate::base::{Fault, Faulty, Secret, Timestamp};
use crate::gate::{Asking, Gate, GateError, Operation, Proof};
use crate::issue::{Inherited, IssueError, Mint, Wanted, What};
use crate::model::Session;
use crate::sessions::{CookieError, SessionError};

/// How long somebody stays signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Whether there are pages to sign in at.
    pub enabled: bool,
    /// Seconds, whatever they do.
    pub longest: u32,
}

/// A browser that is signed in.
#[derive(Debug)]
pub struct Begun {
    /// Its session.
    pub session: Session,
    /// What it shows from now on.
    pub cookie: Secret<String>,
}

/// Why nobody is signed in whose password was right.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The gate says no.
    #[error(transparent)]
    Denied(#[from] GateError),
    /// No session can begin.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

impl Faulty for SignInError {
    fn fault(&self) -> Fault {
        match self {
            Self::Denied(error) => error.fault(),
            Self::Issue(error) => error.fault(),
        }
    }
}

/// Begins the session of a browser for `caller`, who has just signed in. Blocks.
///
/// # Errors
/// When policies or guardrails deny it, or no session can begin; either is recorded.
pub fn begin(
    (gate, mint): (&Gate, &Mint),
    settings: Settings,
    caller: Caller,
    now: Timestamp,
) -> Result<Begun, SignInError> {
    let asking = Asking::of_sign_in(caller.bound().and_then(|bound| bound.mfa()), now);
    let allowed = gate.authorize_about(caller, Operation::Login, "", &asking, now)?;
    let wanted = Wanted {
        // As long as everything else lets it, and no longer than that.
        what: What::Browser(settings.longest),
        seconds: None,
        inherited: Inherited::default(),
        policy: None,
        policies: Vec::new(),
    };
    let minted = mint.begin(allowed, &wanted, now)?;
    let cookie = mint.sessions.cookie(&minted.session).map_err(IssueError::from)?;
    Ok(Begun { session: minted.session, cookie })
}

/// Has a second factor of whoever is signed in count for their browser's session, which gets another cookie with that. Answers by what
/// it was shown. Blocks.
///
/// # Errors
/// When what is shown does not count, policies deny it, or it cannot be written; each is recorded.
pub fn step_up(
    (gate, mint): (&Gate, &Mint),
    logins: &Logins,
    caller: Caller,
    shown: &Shown,
    now: Timestamp,
) -> Result<(Begun, Method), StepUpError> {
    let signed = caller.signed().ok_or(IssueError::Nobody)?;
    let user = signed.user().ok_or(IssueError::Nobody)?;
    match logins.show((user.id, &caller.actor()), shown, now) {
        Ok(factor) => Ok((stepped_up((gate, mint), caller, factor.by.words(), now)?, factor.by)),
        Err(refused) => {
            let about = vec![
                ("action", Operation::StepUp.name().to_owned()),
                ("reason_code", refused.reason.code().to_owned()),
                ("user", user.name.to_string()),
            ];
            gate.refuse_proof(Proof::SecondFactor, signed.from(), about, &refused.detail, now);
            Err(refused.into())
        }
    }
}

/// The same, of whoever has just shown a factor, which was by what `amr` says (RFC 8176). Blocks.
///
/// # Errors
/// When policies deny it, or it cannot be written; either is recorded.
pub fn stepped_up(
    (gate, mint): (&Gate, &Mint),
    caller: Caller,
    amr: &[&str],
    now: Timestamp,
) -> Result<Begun, StepUpError> {
    let allowed = gate.authorize_about(caller, Operation::StepUp, "", &Asking::default().with_factor(now), now)?;
    let session = mint.step_up(allowed, amr, now)?;
    let cookie = mint.sessions.cookie(&session).map_err(IssueError::from)?;
    Ok(Begun { session, cookie })
}

/// Why a second factor does not count for a browser.
#[derive(Debug, thiserror::Error)]
pub enum StepUpError {
    /// It was not shown.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The gate says no.
    #[error(transparent)]
    Denied(#[from] GateError),
    /// It cannot be written, or nobody is there.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

impl Faulty for StepUpError {
    fn fault(&self) -> Fault {
        match self {
            Self::Refused(error) => error.fault(),
            Self::Denied(error) => error.fault(),
            Self::Issue(error) => error.fault(),
        }
    }
}

/// Why a cookie shows nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Out {
    /// It is none of ours.
    Unknown,
    /// Its session is over, for a reason that pages have a sentence for.
    Over(&'static str),
    /// It cannot be found out now.
    Failed,
}

/// Who is signed in with a browser that shows this cookie. Blocks.
///
/// # Errors
/// Why nobody is.
pub fn who(admin: &Admin, cookie: &Secret<String>, from: RequestSource, now: Timestamp) -> Result<Caller, Out> {
    signed::by_cookie(&admin.sessions, &admin.account, cookie, from, now).map_err(|error| match error {
        CookieError::Forged(_) => Out::Unknown,
        CookieError::Session(SessionError::Store(error)) => {
            tracing::error!(%error, "a browser's session cannot be looked over");
            Out::Failed
        }
        CookieError::Session(error) => Out::Over(error.reason()),
    })
}
