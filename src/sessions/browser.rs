//! Sessions that browsers hold: found by their cookie, and over when nobody uses them for a while.
//!
//! When one was used is written down once a minute at most, and not waited for: so it may seem to have been idle for a minute
//! longer than it was.

use std::sync::PoisonError;

use jiff::SignedDuration;

use super::{Live, SessionError, Sessions};
use crate::base::{Secret, SessionId, Timestamp};
use crate::keys::{KeysError, SessionTokenError};
use crate::model::{Actor, Held, Session};
use crate::store::{Commit, Intent, StoreError, sessions};

/// For how long a browser that nobody uses stays signed in, if nothing else is said (NIST SP 800-63B-4, AAL2: an hour).
pub const USUAL_IDLE: SignedDuration = SignedDuration::from_mins(60);

/// How often it is written down that one is used, at most; more often where the limit is short.
const NOTED: SignedDuration = SignedDuration::from_secs(60);

/// Why a cookie shows nobody.
#[derive(Debug, thiserror::Error)]
pub enum CookieError {
    /// It is none of ours.
    #[error(transparent)]
    Forged(#[from] SessionTokenError),
    /// Its session counts no more.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl Sessions {
    /// From now on browsers that nobody uses stay signed in for so long.
    pub fn idle_for(&self, limit: SignedDuration) {
        *self.idle.write().unwrap_or_else(PoisonError::into_inner) = limit;
    }

    pub(super) fn idle(&self) -> SignedDuration {
        *self.idle.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a browser is given for `session`, as it is now.
    ///
    /// # Errors
    /// When there is no key.
    pub fn cookie(&self, session: &Session) -> Result<Secret<String>, KeysError> {
        self.keys.browser_cookie(&session.id, session.turn)
    }

    /// What forms of the session's pages carry.
    ///
    /// # Errors
    /// When there is no key.
    pub fn form_code(&self, id: &SessionId) -> Result<Secret<String>, KeysError> {
        self.keys.form_code(id)
    }

    /// Whether a form was made for the session `id`.
    #[must_use]
    pub fn is_form_of(&self, id: &SessionId, code: &Secret<String>) -> bool {
        self.keys.open_form_code(code).is_ok_and(|of| of == *id)
    }

    /// The session whose cookie that is, if it counts at `now`; it is used with that. Reads the store, so it blocks.
    ///
    /// # Errors
    /// Why it shows nobody.
    pub fn of_cookie(&self, cookie: &Secret<String>, now: Timestamp) -> Result<Live, CookieError> {
        let (id, turn) = self.keys.open_browser_cookie(cookie)?;
        let live = self.live(&id, now)?;
        // A cookie from before another was given may be a copy that somebody has (session fixation).
        if live.session().held_by != Held::Browser || live.session().turn != turn {
            return Err(SessionError::Unknown.into());
        }
        self.used(&id, live.session().created, now);
        Ok(live)
    }

    /// The session whose cookie that is, whether or not it counts still: for what is to end with it. Reads the store, so it blocks.
    ///
    /// # Errors
    /// When the store cannot be read: that is no answer.
    pub fn named_by(&self, cookie: &Secret<String>) -> Result<Option<SessionId>, StoreError> {
        let Ok((id, turn)) = self.keys.open_browser_cookie(cookie) else { return Ok(None) };
        let held = self.store.read(|snapshot| sessions::session(snapshot, &id))?;
        let is_its = |held: &Session| held.held_by == Held::Browser && held.turn == turn;
        Ok(held.is_some_and(|held| is_its(&held.value)).then_some(id))
    }

    /// That a use cannot be noted ends nobody's session now, and may later.
    fn used(&self, id: &SessionId, created: Timestamp, now: Timestamp) {
        let noted = self.store.read(|snapshot| sessions::seen(snapshot, id)).and_then(|seen| {
            if now.duration_since(seen.unwrap_or(created)) < NOTED.min(self.idle() / 4) {
                return Ok(());
            }
            let mut commit = Commit::new(Actor::task("sessions"), now, Intent::Narrow);
            commit.deferred = true;
            commit.put_seen(id, now)?;
            self.store.commit(commit).map(drop)
        });
        if let Err(error) = noted {
            tracing::warn!(%error, session = %id, "that a browser is used could not be noted");
        }
    }
}
