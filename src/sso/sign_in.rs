//! The session a browser gets for whoever signed in.

use crate::admin::Admin;
use crate::authn::Caller;
use crate::authn::signed::{self, From};
use crate::base::{Fault, Faulty, Secret, Timestamp};
use crate::gate::{Asking, Gate, GateError, Operation};
use crate::issue::{Inherited, IssueError, Mint, Wanted, What};
use crate::model::Session;
use crate::rights;
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
    let mfa = caller.bound().and_then(|bound| bound.mfa());
    let mut session = rights::Asked::new();
    session.insert("aws:MultiFactorAuthPresent".to_owned(), vec![mfa.is_some().to_string()]);
    if mfa.is_some() {
        session.insert("aws:MultiFactorAuthAge".to_owned(), vec!["0".to_owned()]);
    }
    let asking = Asking { mfa, session, ..Asking::default() };
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
    let cookie = mint.keys.browser_cookie(&minted.session.id).map_err(IssueError::from)?;
    Ok(Begun { session: minted.session, cookie })
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
pub fn who(admin: &Admin, cookie: &Secret<String>, from: From, now: Timestamp) -> Result<Caller, Out> {
    signed::by_cookie(&admin.sessions, &admin.account, cookie, from, now).map_err(|error| match error {
        CookieError::Forged(_) => Out::Unknown,
        CookieError::Session(SessionError::Store(error)) => {
            tracing::error!(%error, "a browser's session cannot be looked over");
            Out::Failed
        }
        CookieError::Session(error) => Out::Over(error.reason()),
    })
}
