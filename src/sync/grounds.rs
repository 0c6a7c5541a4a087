//! On what grounds rights are worked out here: the account, and what the configuration says of others and of group names.

use std::sync::{Arc, PoisonError, RwLock};

use super::state;
use crate::base::Timestamp;
use crate::model::{Account, AccountId, Accounts, Domains, GroupRules};
use crate::rights::{Contacts, GrantTerms, Terms};
use crate::store::{Snapshot, StoreError};

/// People whose rights are compared for one answer: a few seconds at worst.
pub const MOST_PEOPLE: usize = 10_000;

/// What rights hang on besides what is stored. Clones share what a reload exchanges.
#[derive(Debug, Clone)]
pub struct Grounds {
    /// The home account.
    pub account: AccountId,
    /// Accounts besides it, whose roles its people may assume.
    pub others: Arc<RwLock<Vec<Account>>>,
    /// What names of groups say about roles.
    pub rules: Arc<RwLock<GroupRules>>,
    /// Who may be granted what, and whose clock on the wall counts.
    pub grants: Arc<RwLock<GrantTerms>>,
    /// When directories answered last.
    pub contacts: Contacts,
    /// People whose rights are compared for one answer; of more it is said that nothing is known.
    pub most_people: usize,
}

impl Grounds {
    /// The accounts that can hold roles.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        let declared = self.others.read().unwrap_or_else(PoisonError::into_inner).clone();
        Accounts { home: self.account.clone(), declared }
    }

    /// What names of groups say about roles, now.
    #[must_use]
    pub fn rules(&self) -> GroupRules {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// On what terms rights count at `now`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn terms(&self, snapshot: &dyn Snapshot, now: Timestamp) -> Result<Terms, StoreError> {
        let states = state::bearings(snapshot)?;
        let domains = states.iter().filter_map(|(label, state)| Some((label.clone(), state.domain.clone()?)));
        let domains = Domains::new(domains);
        let written = states.iter().filter_map(|(label, state)| Some((label.clone(), state.last_contact?)));
        let heard = self.contacts.with(written);
        let frozen = states.into_iter().filter(|(_, state)| state.frozen_since.is_some()).map(|(label, _)| label);
        Ok(Terms {
            frozen: frozen.collect(),
            domains,
            rules: self.rules(),
            accounts: Some(self.accounts()),
            grants: self.grants.read().unwrap_or_else(PoisonError::into_inner).clone(),
            heard,
            ..Terms::at(now)
        })
    }
}
