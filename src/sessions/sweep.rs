//! Writes down what has ended by itself, and forgets what is long over.
//!
//! A session that counts no more is refused at its next use, whether anybody wrote that down or not. This is for those who
//! ask later: the log shows when and why each session of a path ended. And what has ended stays so, even where the reason is
//! taken back.

use jiff::SignedDuration;

use super::{SessionError, Sessions, ending};
use crate::audit::Audit;
use crate::base::{SessionId, Timestamp};
use crate::model::{Actor, Session};
use crate::store::iam::Read;
use crate::store::{Commit, Intent, StoreError, sessions};

/// Sessions looked at in one round: some hundred milliseconds.
const ROUND: usize = 1_000;
/// Sessions looked at in one snapshot of the store.
const PAGE: usize = 100;
/// How long a session is kept behind its end, for people to look at.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Where the next round goes on.
#[derive(Debug, Default)]
pub struct Place(Option<SessionId>);

/// What a round did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// Sessions that count.
    pub live: u64,
    /// Sessions that had ended, which is written down now.
    pub ended: u64,
    /// Sessions that were long over, and are forgotten.
    pub forgotten: u64,
}

impl Sessions {
    /// Looks at the next sessions from `place` on, and at the first again behind the last. Blocks.
    ///
    /// # Errors
    /// When the store fails; what was written stays, and the next round goes on there.
    pub fn sweep(&self, audit: &Audit, place: &mut Place, now: Timestamp) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        for _ in 0..ROUND / PAGE {
            let page = self.store.read(|snapshot| sessions::page(snapshot, place.0.as_ref(), PAGE))?;
            self.page(audit, &page, now, &mut swept)?;
            place.0 = page.last().filter(|_| page.len() == PAGE).map(|last| last.value.id);
            if place.0.is_none() {
                break;
            }
        }
        Ok(swept)
    }

    fn page(&self, audit: &Audit, page: &[Read<Session>], now: Timestamp, swept: &mut Swept) -> Result<(), StoreError> {
        let counts = |session: &Session| session.ended.is_none() && session.expires > now;
        let (running, over): (Vec<_>, Vec<_>) = page.iter().partition(|held| counts(&held.value));
        let ids: Vec<SessionId> = running.iter().map(|held| held.value.id).collect();
        for (held, standing) in running.into_iter().zip(self.standing(&ids, now)?) {
            match standing {
                Err(why) if !why.may_pass() => {
                    self.note_end(audit, held, &why, now)?;
                    swept.ended += 1;
                }
                _ => swept.live += 1,
            }
        }
        let mut commit = Commit::new(Actor::task("sessions"), now, Intent::Narrow);
        for held in over.into_iter().filter(|held| now.duration_since(held.value.expires) > KEPT) {
            commit.delete_session(&held.value, held.revision);
            swept.forgotten += 1;
        }
        if commit.is_empty() { Ok(()) } else { self.store.commit(commit).map(drop) }
    }

    /// Writes down that a session ended, and why.
    fn note_end(
        &self,
        audit: &Audit,
        held: &Read<Session>,
        why: &SessionError,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let by = Actor::task("sessions");
        ending::recorded((&self.store, audit), held, &by, (why.reason(), &why.to_string()), now).map(drop)
    }
}
