//! All operations on the model and their listings: what the socket, the command line and later the
//! IAM API and the portal call.
//!
//! Every operation takes the gate's `Authorized`: the decision, who asked and the audit record come with
//! it, and what it is about is taken from it. Owns no protocol, no page and no table.

pub mod backup;
pub mod clients;
pub mod clock;
pub mod directories;
pub mod error;
mod families;
pub mod grants;
pub mod iam;
pub mod lines;
pub mod logins;
pub mod notices;
pub mod page;
pub mod past;
pub mod people;
pub mod preview;
pub mod records;
pub mod restore;
pub mod saml_sps;
pub mod sealing;
pub mod signing;
pub mod syncs;
mod told;
pub mod uses;
pub mod verify;
pub mod views;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

pub use error::AdminError;
use rand::rngs::StdRng;

use crate::audit::Audit;
use crate::authn::federated::Issuers;
use crate::authn::limiter::Attempts;
use crate::authn::password::Passwords;
use crate::authn::saml::SpFetcher;
use crate::base::{Clock, Timestamp};
use crate::keys::Keys;
use crate::model::client::ClientId;
use crate::model::{Account, AccountId, Accounts, Client, CredentialOwner, DirectoryLabel, GroupRules};
use crate::notify::Notices;
use crate::rights::{Contacts, GrantTerms, Shelf, Terms};
use crate::sessions::Sessions;
use crate::store::{Recall, Store, StoreError};
use crate::sync::grounds::{Grounds, MOST_PEOPLE};
use crate::sync::worker::Handle;
use crate::ticket::Checks;

/// What operations work on; clones share it.
#[derive(Clone)]
pub struct Admin {
    /// The store.
    pub store: Store,
    /// The audit log.
    pub audit: Audit,
    /// The home account.
    pub account: AccountId,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where work files go.
    pub work: PathBuf,
    /// The configured directories.
    pub directories: Directories,
    /// Accounts besides it, whose roles its people may assume; a reload exchanges them.
    pub others: Arc<RwLock<Vec<Account>>>,
    /// What names of groups say about roles; a reload exchanges them.
    pub rules: Arc<RwLock<GroupRules>>,
    /// Who may be granted what; a reload exchanges it.
    pub grants: Arc<RwLock<GrantTerms>>,
    /// Who is told what happened to grants, and how; a reload exchanges it.
    pub notices: Notices,
    /// What is asked about tickets; a reload exchanges it.
    pub tickets: Checks,
    /// When directories answered last.
    pub contacts: Contacts,
    /// What seals secrets.
    pub keys: Keys,
    /// Whether sessions count.
    pub sessions: Sessions,
    /// Who is believed about people and workloads of elsewhere; a reload exchanges what the configuration says of them.
    pub issuers: Arc<Issuers>,
    /// Clients of single sign-on that the configuration declares; a reload exchanges them.
    pub declared_clients: Arc<RwLock<Vec<Client>>>,
    /// Those that are registered, as they were read.
    pub registered_clients: Recall<ClientId, Option<Client>>,
    /// Service providers of SAML that the configuration declares; a reload exchanges them.
    pub declared_sps: Arc<RwLock<Vec<saml_sps::declared::DeclaredSp>>>,
    /// What more than one person has of what applications know people by, in small letters.
    pub alike: saml_sps::Alike,
    /// Fetches metadata of those that are registered.
    pub sp_fetcher: Arc<SpFetcher>,
    /// When access keys were used last.
    pub uses: uses::Uses,
    /// Hashes and checks passwords.
    pub passwords: Arc<Passwords>,
    /// Who guessed wrong, and how often.
    /// By person and factor: the password, or a device's name.
    pub attempts: Arc<Attempts<(CredentialOwner, String)>>,
    /// Reports that were put together and not called for yet.
    pub reports: Arc<iam::reports::Reports>,
    /// What documents say that were asked about before.
    pub shelf: Shelf,
    /// Where ids come from.
    pub rng: Arc<Mutex<StdRng>>,
}

impl Admin {
    /// The present.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// On what grounds rights are worked out.
    #[must_use]
    pub fn grounds(&self) -> Grounds {
        let (others, rules, grants) = (Arc::clone(&self.others), Arc::clone(&self.rules), Arc::clone(&self.grants));
        let contacts = self.contacts.clone();
        Grounds { account: self.account.clone(), others, rules, grants, contacts, most_people: MOST_PEOPLE }
    }

    /// The accounts that can hold roles.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        self.grounds().accounts()
    }

    /// On what terms memberships and rights count at `now`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn terms(&self, now: Timestamp) -> Result<Terms, StoreError> {
        self.store.read(|snapshot| self.grounds().terms(snapshot, now))
    }

    /// The worker of a configured directory.
    ///
    /// # Errors
    /// When none is configured under that label.
    pub fn directory(&self, label: &DirectoryLabel) -> Result<Handle, AdminError> {
        self.directories.of(label).ok_or_else(|| AdminError::NoSuchDirectory { label: label.to_string() })
    }
}

/// The workers of the configured directories; a reload exchanges them.
#[derive(Clone, Default)]
pub struct Directories(Arc<RwLock<BTreeMap<DirectoryLabel, Handle>>>);

impl Directories {
    /// All of them, by label.
    #[must_use]
    pub fn all(&self) -> BTreeMap<DirectoryLabel, Handle> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The one with this label.
    #[must_use]
    pub fn of(&self, label: &DirectoryLabel) -> Option<Handle> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(label).cloned()
    }

    /// From now on, these.
    pub fn replace(&self, with: BTreeMap<DirectoryLabel, Handle>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = with;
    }
}
