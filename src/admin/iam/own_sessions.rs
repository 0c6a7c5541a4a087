//! A person's own sessions, for themselves: to look at, and to end. Nobody has to be allowed that.

use super::super::{Admin, AdminError};
use super::sessions::SessionView;
use crate::authn::signed::Signed;
use crate::base::text::printable;
use crate::base::{SessionId, Timestamp};
use crate::model::{Begun, Session};
use crate::sessions::ending;
use crate::store::iam::Read;
use crate::store::schema::sessions::Way;
use crate::store::{StoreError, sessions};

/// Sessions of one person that are shown; with more somebody has programs that begin them, and ends them together.
const MOST: usize = 200;

impl Admin {
    /// The sessions of whoever acts that count now, the newest first. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn own_sessions(&self, who: &Signed, now: Timestamp) -> Result<Vec<SessionView>, AdminError> {
        let mut found = self.own(who, |session| counts(session, now))?;
        found.truncate(MOST);
        let views: Result<Vec<_>, _> = found.iter().map(|held| self.session_view(&held.value, now)).collect();
        Ok(views?.into_iter().filter(|view| view.state == "live").collect())
    }

    /// The last sign-ins of whoever acts, the newest first, whatever became of them: as far back as sessions are kept, a week behind
    /// their end. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn own_sign_ins(&self, who: &Signed, now: Timestamp) -> Result<Vec<SessionView>, AdminError> {
        let mut found = self.own(who, |session| matches!(session.begun, Begun::Login { .. }))?;
        found.truncate(SIGN_INS);
        found.iter().map(|held| self.session_view(&held.value, now)).collect()
    }

    /// Ends one of the sessions of whoever acts. One that has ended is none to end. Blocks.
    ///
    /// # Errors
    /// When it is none of theirs, or it cannot be written.
    pub fn end_own_session(&self, who: &Signed, id: &str, now: Timestamp) -> Result<(), AdminError> {
        let found =
            self.own(who, |session| counts(session, now))?.into_iter().find(|held| held.value.id.to_string() == id);
        let held = found.ok_or_else(|| AdminError::NotFound { kind: "session", who: printable(id).into_owned() })?;
        self.end_this(&held, who, "ended by its person", now)
    }

    /// Ends all sessions of whoever acts, that in which they act last. Answers how many. Blocks.
    ///
    /// # Errors
    /// When one cannot be written; the others before it have ended.
    pub fn sign_out_everywhere(&self, who: &Signed, now: Timestamp) -> Result<usize, AdminError> {
        let this = who.session().map(|live| live.session().id);
        let mut all = self.own(who, |session| counts(session, now))?;
        all.sort_by_key(|held| Some(held.value.id) == this);
        for held in &all {
            self.end_this(held, who, "signed out everywhere", now)?;
        }
        Ok(all.len())
    }

    /// Ends the session in which somebody acts. Blocks.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn sign_out(&self, who: &Signed, reason: &str, now: Timestamp) -> Result<(), AdminError> {
        let Some(live) = who.session() else { return Ok(()) };
        let held = self.store.read(|snapshot| sessions::session(snapshot, &live.session().id))?;
        held.map_or(Ok(()), |held| self.end_this(&held, who, reason, now))
    }

    fn end_this(&self, held: &Read<Session>, who: &Signed, reason: &str, now: Timestamp) -> Result<(), AdminError> {
        ending::recorded((&self.store, &self.audit), held, &who.actor(), ("person", reason), now)?;
        Ok(())
    }

    /// Such sessions that somebody is the person of, the newest first.
    fn own(&self, who: &Signed, is_meant: impl Fn(&Session) -> bool) -> Result<Vec<Read<Session>>, StoreError> {
        let Some(person) = who.session().and_then(|live| live.person()) else { return Ok(Vec::new()) };
        let (person, mut after, mut found): (_, Option<SessionId>, Vec<_>) = (person.id, None, Vec::new());
        loop {
            let page = self
                .store
                .read(|snapshot| sessions::page_of(snapshot, (Way::User, person.as_bytes()), after.as_ref(), PAGE))?;
            after = page.last().filter(|_| page.len() == PAGE).map(|last| last.value.id);
            found.extend(page.into_iter().filter(|held| is_meant(&held.value)));
            if after.is_none() {
                found.reverse();
                return Ok(found);
            }
        }
    }
}

/// Whether nobody ended it and its time is not over.
fn counts(session: &Session, now: Timestamp) -> bool {
    session.ended.is_none() && session.expires > now
}

/// Sign-ins that are shown.
const SIGN_INS: usize = 10;

/// Sessions read in one go.
const PAGE: usize = 500;
