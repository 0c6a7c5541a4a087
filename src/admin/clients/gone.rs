//! A client is taken away: deleted, taken back by itself, or no longer declared. Whatever it was given ends with it.
//!
//! Its tokens would count for nobody while it is unknown; but another one may come under its name, and sessions of roles that
//! began with them would go on. And where it has an address it is told, so that nobody stays signed in there.

use std::collections::BTreeSet;

use super::super::{Admin, AdminError};
use crate::audit::{Event, Outcome};
use crate::base::Timestamp;
use crate::model::Actor;
use crate::model::client::ClientId;
use crate::model::logout_notice::Address;
use crate::store::{Commit, Intent, StoreError, logouts, sso};

impl Admin {
    /// Ends the families of a client that is taken away, and has it told at `address`, or where it wanted to be told of each
    /// session. Answers how many families ended. Looks at all there are. Blocks.
    ///
    /// # Errors
    /// When the store fails; what was done stays, and doing it again does the rest.
    pub fn end_client(
        &self,
        (client, address): (&ClientId, Option<&Address>),
        by: &Actor,
        reason: &'static str,
        now: Timestamp,
    ) -> Result<u64, AdminError> {
        let ended = self.end_families(|family| family.consent.client == *client, by, reason, now)?;
        for held in logouts::notices(&self.store)? {
            if held.value.client != *client || held.value.client_gone {
                continue;
            }
            let Some(after) = held.value.without_client(address, now) else { continue };
            let mut commit = Commit::new(by.clone(), now, Intent::Narrow);
            commit.put_notice(&held, &after)?;
            match self.store.commit(commit) {
                // One that is sent at this very moment reaches the client anyway.
                Ok(_) | Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(ended)
    }

    /// Ends what clients were given that the configuration declared once and declares no longer. Nothing is remembered of who was
    /// declared: what there is of a client that nobody knows says it, also where the daemon was not there to see it go, or was
    /// killed while it did this. A registered client of the same id is one that is known, and goes on with it. Blocks.
    ///
    /// # Errors
    /// When the store fails; the next start, or reload, does the rest.
    pub fn end_undeclared_clients(&self, now: Timestamp) -> Result<(), AdminError> {
        let by = Actor::task("configuration");
        // The tokens first: a client that is registered meanwhile is known when it is looked for.
        let mut found = BTreeSet::new();
        sso::all_families(&self.store, |family| {
            if family.ended.is_none() {
                found.insert(family.consent.client);
            }
        })?;
        let notices = logouts::notices(&self.store)?.into_iter();
        found.extend(notices.filter(|held| !held.value.client_gone).map(|held| held.value.client));
        for client in found {
            if self.known_client(&client)?.is_some() {
                continue;
            }
            let ended = self.end_client((&client, None), &by, "client_undeclared", now)?;
            let event =
                Event::narrowing("UndeclareClient").with("client", client.as_str()).with("families", ended.to_string());
            self.audit.note(&by, &event, &Outcome::success(), now);
            tracing::info!(%client, families = ended, "a client is no longer declared: what it was given ended");
        }
        Ok(())
    }
}
