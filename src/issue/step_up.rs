//! A browser's session once a second factor was shown for it: the same session, with what hangs on it, and another cookie.
//!
//! Another session would end what the one before began, and applications would have to send people here once more. What matters of
//! a new id (OWASP ASVS 5.0, 7.2.4) is that whoever has a copy of the cookie is left with nothing, and so it is.

use super::{IssueError, Mint};
use crate::audit::Outcome;
use crate::authn::subject::Subject;
use crate::base::Timestamp;
use crate::gate::Authorized;
use crate::model::{Held, Session};
use crate::store::{Commit, sessions};

impl Mint {
    /// Has the second factor that `allowed` was asked with count for the browser that asks, by what `amr` says that it was. It is on
    /// disk, and so is its record, when this returns; the cookie from before counts no more. Blocks.
    ///
    /// # Errors
    /// When no browser asks, none was shown, its session was changed meanwhile, or it cannot be written; the failure is recorded.
    pub fn step_up(&self, allowed: Authorized, amr: &[&str], now: Timestamp) -> Result<Session, IssueError> {
        match self.stepped_up(&allowed, amr, now) {
            Ok((session, commit)) => {
                let outcome = Outcome::success()
                    .with("session", session.id.to_string())
                    .with("access_key", session.key().to_string())
                    .with("amr", session.amr.join(" "));
                allowed.commit(&self.store, commit, &outcome, now)?;
                Ok(session)
            }
            Err(error) => {
                allowed.complete(&Outcome::failed(error.code(), &error), now);
                Err(error)
            }
        }
    }

    fn stepped_up(&self, allowed: &Authorized, amr: &[&str], now: Timestamp) -> Result<(Session, Commit), IssueError> {
        self.clock.may_mint()?;
        let asks =
            Subject::of(allowed.caller()).and_then(Subject::session).filter(|held| held.held_by == Held::Browser);
        let (asks, mfa) = asks.zip(allowed.mfa()).ok_or(IssueError::Nobody)?;
        let held = self.store.read(|snapshot| sessions::session(snapshot, &asks.id))?;
        // One that was ended meanwhile stays so: nothing is written that says otherwise.
        let held = held.filter(|held| held.value.ended.is_none()).ok_or(IssueError::Nobody)?;
        let mut session = held.value;
        session.mfa = Some(mfa);
        session.turn = session.turn.saturating_add(1);
        for word in amr {
            if !session.amr.iter().any(|said| said == word) {
                session.amr.push((*word).to_owned());
            }
        }
        let mut commit = Commit::new(allowed.actor(), now, allowed.operation().intent());
        commit.put_session(&session, held.revision)?;
        Ok((session, commit))
    }
}
