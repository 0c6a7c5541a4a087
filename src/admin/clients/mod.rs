//! Clients of single sign-on: registered here, or declared in the configuration.
//!
//! The secret of one is told once, when it is made; what is kept is its digest. A client that the configuration declares is shown
//! and not changed here, and takes the place of a registered one of its id.

mod gone;
mod logouts;
mod registration;
mod settings;

use std::sync::PoisonError;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

pub use logouts::LogoutView;
pub use registration::{NewRegistrationToken, RegistrationTokenView};
pub use settings::ClientSettings;

use super::iam::{Change, fits};
use super::{Admin, AdminError};
use crate::base::{Secret, Timestamp};
use crate::gate::Authorized;
use crate::model::Client;
use crate::model::client::{ClientAuth, ClientError, ClientId, MOST, OldSecret, SecretHash};
use crate::model::logout_notice::Address;
use crate::store::iam::Read;
use crate::store::{Snapshot, StoreError, sso};

/// A client to be registered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewClient {
    /// What it calls itself by; chosen by chance, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ClientId>,
    /// Everything else.
    pub settings: ClientSettings,
}

/// How a secret is exchanged.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// Seconds that the one before counts besides: [`USUAL_OVERLAP`], if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<u32>,
}

/// How long an old secret counts besides, in seconds: a day, in which whoever runs the client comes to it.
pub const USUAL_OVERLAP: u32 = 24 * 3_600;

/// The longest that it may.
pub const LONGEST_OVERLAP: u32 = 7 * 24 * 3_600;

/// Whence a client is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The configuration declares it.
    Config,
    /// It was registered.
    Stored,
}

impl Source {
    /// What people are told.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Config => "configuration",
            Self::Stored => "store",
        }
    }
}

/// A client as it is shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClientView {
    /// What it calls itself by.
    pub id: ClientId,
    /// Whence it is known.
    pub source: Source,
    /// Its settings.
    pub settings: ClientSettings,
    /// The token by which it registered itself, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registered_by: Option<ClientId>,
    /// When it was registered; nothing of a declared one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// When its settings were changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
}

/// A client, with its secret where it got one: the only time that it is told.
#[derive(Debug)]
pub struct ClientWithSecret {
    /// The client.
    pub client: ClientView,
    /// Its secret.
    pub secret: Option<Secret<String>>,
}

impl Admin {
    /// Registers a client. Blocks.
    ///
    /// # Errors
    /// When there is one of that id, its settings contradict each other, there are too many, or a part fails.
    pub fn create_client(&self, asked: Authorized, new: &NewClient) -> Result<ClientWithSecret, AdminError> {
        let (fresh, chance) = (self.fresh_secret(), format!("c-{}", hex::encode(self.fresh_id())));
        self.change(asked, |change| {
            let id = match &new.id {
                Some(id) => id.clone(),
                None => chance.parse()?,
            };
            self.must_be_free(change, &id)?;
            let method = new.settings.auth.unwrap_or(crate::model::client::AuthMethod::ClientSecretBasic);
            let secret = method.is_by_secret().then_some(fresh);
            let auth = ClientAuth::new(method, secret.as_ref().map(SecretHash::of), new.settings.keys()?)?;
            let client = new.settings.begin(id, auth, change.now)?;
            put(change, &client, 0)?;
            Ok(ClientWithSecret { client: ClientView::of(&client, Source::Stored), secret })
        })
    }

    /// Changes the settings that are said of a client; the others stay, and so do its id and how it shows who it is. Blocks.
    ///
    /// # Errors
    /// When there is none, the configuration declares it, its settings contradict each other, or a part fails.
    pub fn update_client(&self, asked: Authorized, settings: &ClientSettings) -> Result<ClientView, AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: before, revision } = self.registered(change.snapshot, &which)?;
            let mut after = before.clone();
            settings.apply(&mut after)?;
            if after != before {
                after.updated = change.now;
                put(change, &after, revision)?;
            }
            Ok(ClientView::of(&after, Source::Stored))
        })
    }

    /// Gives a client another secret; the one before counts for `overlap` seconds more. One that was exchanged earlier counts no
    /// more: of two that are out, the older one is the likelier to be in other hands. Blocks.
    ///
    /// # Errors
    /// When there is none, it has no secret, `overlap` is too long, the configuration declares it, or a part fails.
    pub fn rotate_client_secret(&self, asked: Authorized, overlap: u32) -> Result<ClientWithSecret, AdminError> {
        let (which, secret) = (asked.resource().to_owned(), self.fresh_secret());
        self.change(asked, |change| {
            let Read { value: mut client, revision } = self.registered(change.snapshot, &which)?;
            let auth = client.auth.with_secret(SecretHash::of(&secret)).ok_or_else(|| AdminError::NotNow {
                what: format!("client `{}` shows who it is by `{}`", client.id, client.auth.method().name()),
                remedy: "there is no secret to exchange".to_owned(),
            })?;
            if overlap > LONGEST_OVERLAP {
                return Err(AdminError::LimitExceeded {
                    what: format!("an overlap of {overlap} s"),
                    limit: format!("an old secret counts for {LONGEST_OVERLAP} s (7 days) at most"),
                });
            }
            let until = change.now.saturating_add(jiff::SignedDuration::from_secs(i64::from(overlap)));
            let before = client.auth.secret().filter(|_| overlap > 0).cloned();
            client.old_secret = before.map(|secret| OldSecret { secret, until: until.unwrap_or(Timestamp::MAX) });
            (client.auth, client.updated) = (auth, change.now);
            change.note("overlap_seconds", overlap.to_string());
            put(change, &client, revision)?;
            Ok(ClientWithSecret { client: ClientView::of(&client, Source::Stored), secret: Some(secret) })
        })
    }

    /// Deletes a client. Whatever it was given counts no more. Blocks.
    ///
    /// # Errors
    /// When there is none, the configuration declares it, or a part fails.
    pub fn delete_client(&self, asked: Authorized) -> Result<(), AdminError> {
        let (which, by, now) = (asked.resource().to_owned(), asked.actor(), asked.at());
        let client = self.change(asked, |change| {
            let Read { value: client, revision } = self.registered(change.snapshot, &which)?;
            change.commit.delete_client(&client.id, revision);
            change.note("client", client.id.to_string());
            Ok(client)
        })?;
        let address = Address::of(&client);
        self.end_client((&client.id, address.as_ref()), &by, "client_deleted", now).map(drop)
    }

    /// Shows a client. Blocks.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn client(&self, asked: &Authorized) -> Result<ClientView, AdminError> {
        let id: ClientId = asked.resource().parse().map_err(|_| missing(asked.resource()))?;
        let found = self.known_client(&id)?;
        found.map(|(client, source)| ClientView::of(&client, source)).ok_or_else(|| missing(id.as_str()))
    }

    /// All clients, by id. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn clients(&self) -> Result<Vec<ClientView>, AdminError> {
        let declared = self.declared_clients.read().unwrap_or_else(PoisonError::into_inner).clone();
        let stored = self.store.read(sso::clients)?.into_iter();
        let stored = stored.filter(|client| !declared.iter().any(|other| other.id == client.id));
        let mut all: Vec<ClientView> = stored.map(|client| ClientView::of(&client, Source::Stored)).collect();
        all.extend(declared.iter().map(|client| ClientView::of(client, Source::Config)));
        all.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(all)
    }

    /// The client that calls itself so: what requests of clients are held to. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn known_client(&self, id: &ClientId) -> Result<Option<(Client, Source)>, StoreError> {
        if let Some(client) = self.declared_client(id) {
            return Ok(Some((client, Source::Config)));
        }
        let stored = self.store.read(|snapshot| {
            self.registered_clients.of(snapshot, id, || Ok(sso::client(snapshot, id)?.map(|found| found.value)))
        })?;
        Ok(stored.map(|client| (client, Source::Stored)))
    }

    fn declared_client(&self, id: &ClientId) -> Option<Client> {
        let declared = self.declared_clients.read().unwrap_or_else(PoisonError::into_inner);
        declared.iter().find(|client| client.id == *id).cloned()
    }

    /// A client that can be changed here.
    fn registered(&self, snapshot: &dyn Snapshot, which: &str) -> Result<Read<Client>, AdminError> {
        let id: ClientId = which.parse().map_err(|_| missing(which))?;
        if self.declared_client(&id).is_some() {
            return Err(AdminError::Unmodifiable {
                what: format!("client `{id}` is declared in the configuration"),
                remedy: "change its [[client]] section and reload".to_owned(),
            });
        }
        sso::client(snapshot, &id)?.ok_or_else(|| missing(which))
    }

    fn must_be_free(&self, change: &Change<'_>, id: &ClientId) -> Result<(), AdminError> {
        if self.declared_client(id).is_some() || sso::client(change.snapshot, id)?.is_some() {
            return Err(AdminError::Exists { kind: "client", name: id.to_string() });
        }
        if sso::clients(change.snapshot)?.len() >= MOST {
            return Err(AdminError::LimitExceeded {
                what: "one more client".to_owned(),
                limit: format!("{MOST} are kept; delete one first"),
            });
        }
        Ok(())
    }

    /// 256 bits that nobody can guess, as text.
    fn fresh_secret(&self) -> Secret<String> {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = zeroize::Zeroizing::new(rand::RngExt::random::<[u8; 32]>(&mut *rng));
        Secret::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()))
    }
}

fn put(change: &mut Change<'_>, client: &Client, revision: crate::store::Revision) -> Result<(), AdminError> {
    client.check()?;
    fits(client, "settings of a client")?;
    change.commit.put_client(client, revision)?;
    change.note("client", client.id.to_string());
    change.note("auth", client.auth.method().name());
    let told: Vec<&str> = client.redirect_uris.iter().map(crate::model::client::RedirectUri::as_str).collect();
    change.note("redirect_uris", told.join(" "));
    Ok(())
}

impl ClientView {
    fn of(client: &Client, source: Source) -> Self {
        let when = |at| (source == Source::Stored).then_some(at);
        Self {
            id: client.id.clone(),
            source,
            settings: ClientSettings::of(client),
            registered_by: client.registration.as_ref().map(|registration| registration.by.clone()),
            created: when(client.created),
            updated: when(client.updated),
        }
    }
}

fn missing(which: &str) -> AdminError {
    AdminError::NotFound { kind: "client", who: crate::base::text::printable(which).into_owned() }
}

/// Refuses keys of which one is of no use.
fn usable(jwks: &str) -> Result<(), ClientError> {
    crate::authn::federated::assertion::check_keys(jwks)
        .map_err(|why| ClientError::Contradiction { what: why, remedy: "register the client's public keys (RFC 7517)" })
}
