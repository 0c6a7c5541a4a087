//! Callers who sign their requests with an access key: programs, and people with an AWS command line.
//!
//! Looks the key up, opens its secret half, has the signature verified, and looks whose it is and whether they may act at
//! all. In that order: of somebody who does not hold the secret nothing is said but that the key or the signature is wrong.

use std::fmt;
use std::net::IpAddr;

use super::sigv4::{Claim, Expected, Request, SigV4Error, Verified};
use super::{Caller, CallerKind};
use crate::base::text::printable;
use crate::base::{Fault, Faulty, Secret, Timestamp};
use crate::keys::{Keys, KeysError, access_key_owner};
use crate::model::{
    AccessKey, AccessKeyId, AccountId, Actor, Arn, CredentialOwner, Entity, Member, Root, UniqueId, User,
};
use crate::store::schema::credentials::Setting;
use crate::store::{Store, StoreError, credentials, rows};

/// Somebody whose signature was verified.
#[derive(Debug)]
pub struct Signed {
    account: AccountId,
    who: Who,
    key: AccessKeyId,
    service: String,
    region: String,
    from: From,
}

#[derive(Debug)]
enum Who {
    Root,
    User(Box<User>),
}

/// Where a request came from, as conditions can ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct From {
    /// The address of whoever sent it, behind the proxies that are trusted.
    pub ip: Option<IpAddr>,
    /// Whether it came encrypted all the way to us.
    pub secure: bool,
    /// What the client says it is. Anybody can say anything here.
    pub user_agent: Option<String>,
}

/// Why a request is nobody's.
#[derive(Debug, thiserror::Error)]
pub enum SignedError {
    /// The signature, or what it claims.
    #[error(transparent)]
    Signature(#[from] SigV4Error),
    /// There is no such key, or it is switched off.
    #[error("the access key `{key}` is not known, or is switched off")]
    UnknownKey {
        /// The key's public half, as it was said.
        key: String,
    },
    /// The key is in order, and its owner may not act.
    #[error("{who} may not act: {why}")]
    Inactive {
        /// Whose key it is.
        who: String,
        /// Why not.
        why: String,
    },
    /// The secret half cannot be read.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Faulty for SignedError {
    fn fault(&self) -> Fault {
        match self {
            Self::Signature(_) | Self::UnknownKey { .. } | Self::Inactive { .. } => Fault::Caller,
            Self::Keys(error) => error.fault(),
            Self::Store(error) => error.fault(),
        }
    }
}

impl SignedError {
    /// The word that SDKs know it by (AWS, "Common errors").
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Signature(error) => error.code(),
            Self::UnknownKey { .. } => "InvalidClientTokenId",
            Self::Inactive { .. } => "AccessDenied",
            Self::Keys(_) => "ServiceUnavailable",
            Self::Store(_) => "InternalFailure",
        }
    }
}

/// Authenticates the sender of `request` in `account`. The proof of its signature comes with it, for whoever takes each
/// signature once. Reads the store, so it blocks.
///
/// # Errors
/// When the signature is wrong, the key unknown or switched off, its owner may not act, or the store fails.
pub fn authenticate(
    (store, keys): (&Store, &Keys),
    account: &AccountId,
    request: &Request<'_>,
    expected: &Expected<'_>,
    from: From,
    now: Timestamp,
) -> Result<(Caller, Verified), SignedError> {
    let claim = Claim::read(request, expected, now)?;
    let unknown = || SignedError::UnknownKey { key: printable(claim.access_key_id()).into_owned() };
    let id: AccessKeyId = claim.access_key_id().parse().map_err(|_| unknown())?;
    let held = store.read(|snapshot| credentials::access_key(snapshot, &id))?;
    let key = held.map(|held| held.value).filter(|key| key.active).ok_or_else(unknown)?;
    // A long-lived key has no token; whoever sends one means a session, and this is none.
    if claim.session_token().is_some() {
        return Err(unknown());
    }
    let verified = claim.verify(&secret(keys, &key)?)?;
    let who = owner(store, &key, now)?;
    let (service, region) = (verified.scope().service().to_owned(), verified.scope().region().to_owned());
    let signed = Signed { account: account.clone(), who, key: id, service, region, from };
    Ok((Caller::from(signed), verified))
}

fn secret(keys: &Keys, key: &AccessKey) -> Result<Secret<String>, SignedError> {
    let opened = keys.unseal(&access_key_owner(&key.id), &key.secret)?;
    let text = String::from_utf8(opened.expose().clone());
    text.map(Secret::new).map_err(|_| {
        let why = "it is no text".to_owned();
        KeysError::NotOpened { owner: access_key_owner(&key.id), why }.into()
    })
}

/// Whose key it is, if they may act.
fn owner(store: &Store, key: &AccessKey, now: Timestamp) -> Result<Who, SignedError> {
    let inactive = |who: &str, why: String| SignedError::Inactive { who: who.to_owned(), why };
    let id = match key.owner {
        CredentialOwner::Root => {
            let root = store.read(|snapshot| credentials::setting::<Root>(snapshot, Setting::Root))?;
            return match root.map(|root| root.value.locked_since) {
                Some(None) => Ok(Who::Root),
                Some(Some(since)) => Err(inactive("root", format!("it is locked away since {since:.0}"))),
                None => Err(inactive("root", "there is none".to_owned())),
            };
        }
        CredentialOwner::User(id) => id,
    };
    match store.read(|snapshot| rows::entity(snapshot, &Member::User(id)))? {
        Some((_, Entity::User(user))) => match user.standing.active(now) {
            Ok(()) => Ok(Who::User(Box::new(user))),
            Err(why) => Err(inactive(&format!("user `{}`", user.name), why.to_string())),
        },
        _ => Err(inactive("the owner of the key", "it is no longer there".to_owned())),
    }
}

impl Signed {
    /// What sort of caller it is.
    #[must_use]
    pub fn kind(&self) -> CallerKind {
        match self.who {
            Who::Root => CallerKind::Root,
            Who::User(_) => CallerKind::User,
        }
    }

    /// Who history and audit will name.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match &self.who {
            Who::Root => Actor::Root,
            Who::User(user) => Actor::Person { user: user.id, name: user.name.to_string() },
        }
    }

    /// The user; `None` is root.
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        match &self.who {
            Who::Root => None,
            Who::User(user) => Some(user),
        }
    }

    /// The name that operations know its owner by: a user's name, root's ARN.
    #[must_use]
    pub fn name(&self) -> String {
        self.user().map_or_else(|| Arn::root(&self.account).to_string(), |user| user.name.to_string())
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> Arn {
        self.user().map_or_else(|| Arn::root(&self.account), |user| Arn::user(&self.account, &user.path, &user.name))
    }

    /// Its unique id; the account's number of root.
    #[must_use]
    pub fn unique_id(&self) -> String {
        let of_user = |user: &User| UniqueId::of_member(&Member::User(user.id)).to_string();
        self.user().map_or_else(|| self.account.to_string(), of_user)
    }

    /// The account.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// The key it signed with.
    #[must_use]
    pub fn key(&self) -> &AccessKeyId {
        &self.key
    }

    /// The service it signed for.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The region it signed for.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Where the request came from.
    #[must_use]
    pub fn from(&self) -> &From {
        &self.from
    }
}

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.arn())
    }
}
