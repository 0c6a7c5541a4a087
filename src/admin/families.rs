//! Ends families of tokens of single sign-on: where all sessions of a person are ended, since tokens would begin new ones; and where
//! a client is deleted, since another of its name would have them.

use super::{Admin, AdminError};
use crate::audit::Event;
use crate::base::Timestamp;
use crate::model::Actor;
use crate::model::token_family::{Family, FamilyEnd};
use crate::store::{Commit, Intent, StoreError, sso};

/// How often one is tried while others write it. Each try loses to somebody who got on.
const TRIES: usize = 100;

impl Admin {
    /// Ends all families that `meant` says, and writes each down. Answers how many. Looks at all there are. Blocks.
    ///
    /// # Errors
    /// When the store fails; those before it have ended.
    pub(super) fn end_families(
        &self,
        meant: impl Fn(&Family) -> bool,
        by: &Actor,
        reason: &'static str,
        now: Timestamp,
    ) -> Result<u64, AdminError> {
        let mut ended = 0;
        for id in sso::families_that(&self.store, &meant)? {
            for _ in 0..TRIES {
                let held = self.store.read(|snapshot| sso::family(snapshot, &id))?;
                let Some(mut held) = held.filter(|held| held.value.ended.is_none()) else { break };
                held.value.ended = Some(FamilyEnd { at: now, reason: reason.to_owned() });
                let mut commit = Commit::new(by.clone(), now, Intent::Narrow);
                commit.put_family(&held.value, held.revision)?;
                let event = Event::narrowing("EndTokens")
                    .with("family", id.to_string())
                    .with("client", held.value.consent.client.as_str())
                    .with("user_id", held.value.consent.user.to_string())
                    .with("reason_code", reason);
                let trace = self.audit.trace(by, &event, now);
                match trace.commit(&self.store, commit, &crate::audit::Outcome::success(), now) {
                    Ok(_) => {
                        ended += 1;
                        break;
                    }
                    Err(StoreError::Conflict { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(ended)
    }
}
