//! Callers who sign their requests with an access key: programs, and people with an AWS command line.
//!
//! Looks the key up, opens its secret half, has the signature verified, and looks whose it is and whether they may act at
//! all. In that order: of somebody who does not hold the secret nothing is said but that the key or the signature is wrong.
//! The key of a session comes with a token, from which the secret half follows; nothing is looked up before the token has
//! been found to be ours and the signature right.
//!
//! A browser shows a cookie for its session instead of signing, and is from then on the same sort of caller.

use std::fmt;
use std::net::IpAddr;

use super::sigv4::{Claim, Expected, Request, SigV4Error, Verified};
use super::{Caller, CallerKind};
use crate::base::text::printable;
use crate::base::{Fault, Faulty, RequestId, Secret, SessionId, Timestamp};
use crate::keys::{Keys, KeysError, access_key_owner};
use crate::model::{
    AccessKey, AccessKeyId, AccountId, Actor, Arn, CredentialOwner, Entity, Member, Root, SessionKind, UniqueId, User,
};
use crate::sessions::{CookieError, Live, SessionError, Sessions};
use crate::store::schema::credentials::Setting;
use crate::store::{Store, StoreError, credentials, rows};

/// Somebody whose signature was verified, or whose browser showed its cookie.
#[derive(Debug)]
pub struct Signed {
    account: AccountId,
    who: Who,
    key: AccessKeyId,
    service: String,
    region: String,
    from: RequestSource,
}

#[derive(Debug)]
enum Who {
    Root,
    User(Box<User>),
    Session(Box<Acted>),
}

/// A session that acts.
#[derive(Debug)]
struct Acted {
    live: Live,
    arn: Arn,
    unique_id: String,
}

/// Where a request came from, as conditions can ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestSource {
    /// The address of whoever sent it, behind the proxies that are trusted.
    pub ip: Option<IpAddr>,
    /// Whether it came encrypted all the way to us.
    pub secure: bool,
    /// What the client says it is. Anybody can say anything here.
    pub user_agent: Option<String>,
    /// What the request is called, in its answer and in records.
    pub request: Option<RequestId>,
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
    /// The session that signed counts no more.
    #[error("{0}")]
    Session(SessionError),
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
            Self::Session(error) => error.fault(),
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
            // What SDKs take as the sign to get fresh credentials.
            Self::Session(_) => "ExpiredToken",
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
    (store, keys, sessions): (&Store, &Keys, &Sessions),
    account: &AccountId,
    request: &Request<'_>,
    expected: &Expected<'_>,
    from: RequestSource,
    now: Timestamp,
) -> Result<(Caller, Verified), SignedError> {
    let claim = Claim::read(request, expected, now)?;
    let unknown = || SignedError::UnknownKey { key: printable(claim.access_key_id()).into_owned() };
    let id: AccessKeyId = claim.access_key_id().parse().map_err(|_| unknown())?;
    if let Some(token) = claim.session_token() {
        let (session, secret) = sessions.open(token).map_err(|_| unknown())?;
        if AccessKeyId::of_session(&session) != id {
            return Err(unknown());
        }
        let verified = claim.verify(&secret)?;
        let live = sessions.live(&session, now).map_err(|error| match error {
            SessionError::Store(error) => SignedError::Store(error),
            other => SignedError::Session(other),
        })?;
        let who = Who::Session(Box::new(Acted::new(account, live)));
        return Ok(proven(account, who, id, verified, from));
    }
    let held = store.read(|snapshot| credentials::access_key(snapshot, &id))?;
    let key = held.map(|held| held.value).filter(|key| key.active).ok_or_else(unknown)?;
    let verified = claim.verify(&secret(keys, &key)?)?;
    let who = owner(store, &key, now)?;
    Ok(proven(account, who, id, verified, from))
}

/// Authenticates whoever shows the cookie of a browser's session. Reads the store, so it blocks.
///
/// # Errors
/// When it is none of ours, or its session counts no more.
pub fn by_cookie(
    sessions: &Sessions,
    account: &AccountId,
    cookie: &Secret<String>,
    from: RequestSource,
    now: Timestamp,
) -> Result<Caller, CookieError> {
    let live = sessions.of_cookie(cookie, now)?;
    let (key, acted) = (live.session().key(), Acted::new(account, live));
    let who = Who::Session(Box::new(acted));
    let signed = Signed { account: account.clone(), who, key, service: String::new(), region: String::new(), from };
    Ok(Caller::from(signed))
}

/// Whoever acts in the session `id`, for the one who began it this very moment and needs no proof of having it. Blocks.
///
/// # Errors
/// When it does not count.
pub fn begun(
    sessions: &Sessions,
    account: &AccountId,
    id: &SessionId,
    from: RequestSource,
    now: Timestamp,
) -> Result<Caller, SessionError> {
    let live = sessions.live(id, now)?;
    let (key, acted) = (live.session().key(), Acted::new(account, live));
    let who = Who::Session(Box::new(acted));
    Ok(Caller::from(Signed { account: account.clone(), who, key, service: String::new(), region: String::new(), from }))
}

fn proven(
    account: &AccountId,
    who: Who,
    key: AccessKeyId,
    verified: Verified,
    from: RequestSource,
) -> (Caller, Verified) {
    let (service, region) = (verified.scope().service().to_owned(), verified.scope().region().to_owned());
    let signed = Signed { account: account.clone(), who, key, service, region, from };
    (Caller::from(signed), verified)
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

impl Acted {
    fn new(home: &AccountId, live: Live) -> Self {
        let session = live.session();
        let (arn, unique_id) = match (&session.kind, live.role(), live.person()) {
            (SessionKind::Role { name, .. }, Some(role), _) => {
                let arn = Arn::assumed_role(&role.account, &role.name, name);
                (arn, format!("{}:{name}", UniqueId::of_role(&role.id)))
            }
            (SessionKind::Root { .. }, ..) => (Arn::root(&session.account), session.account.to_string()),
            (SessionKind::Federated { name, .. }, ..) => (Arn::federated_user(home, name), format!("{home}:{name}")),
            (_, _, Some(user)) => {
                let id = UniqueId::of_member(&Member::User(user.id));
                (Arn::user(home, &user.path, &user.name), id.to_string())
            }
            _ => (Arn::root(home), home.to_string()),
        };
        Self { live, arn, unique_id }
    }
}

impl Signed {
    /// What sort of caller it is.
    #[must_use]
    pub fn kind(&self) -> CallerKind {
        match &self.who {
            Who::Root => CallerKind::Root,
            Who::User(_) => CallerKind::User,
            Who::Session(acted) => {
                let session = acted.live.session();
                match &session.kind {
                    SessionKind::Role { .. } => CallerKind::Role,
                    SessionKind::Federated { .. } => CallerKind::Federated,
                    SessionKind::Root { .. } => CallerKind::AssumedRoot,
                    SessionKind::Owner { .. } => CallerKind::Session { mfa: session.mfa.is_some() },
                }
            }
        }
    }

    /// Who history and audit will name.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match &self.who {
            Who::Session(acted) if !self.is_root() && !matches!(self.kind(), CallerKind::Session { .. }) => {
                let session = acted.live.session();
                Actor::Session { session: session.id.to_string(), arn: acted.arn.to_string(), person: session.person }
            }
            _ => match self.user() {
                Some(user) => Actor::Person { user: user.id, name: user.name.to_string() },
                None => Actor::Root,
            },
        }
    }

    /// True of root of the home account, with a long-lived key or in a session of its own.
    #[must_use]
    pub fn is_root(&self) -> bool {
        match &self.who {
            Who::Root => true,
            Who::User(_) => false,
            Who::Session(acted) => {
                matches!(acted.live.session().kind, SessionKind::Owner { owner: CredentialOwner::Root })
            }
        }
    }

    /// The user who acts as such, with a long-lived key or in a session of their own; `None` of root, and of sessions of roles,
    /// of names that were handed out, and of tasks.
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        match &self.who {
            Who::Root => None,
            Who::User(user) => Some(user),
            Who::Session(acted) => match acted.live.session().kind {
                SessionKind::Owner { .. } => acted.live.person(),
                SessionKind::Role { .. } | SessionKind::Federated { .. } | SessionKind::Root { .. } => None,
            },
        }
    }

    /// The session that acts.
    #[must_use]
    pub fn session(&self) -> Option<&Live> {
        match &self.who {
            Who::Root | Who::User(_) => None,
            Who::Session(acted) => Some(&acted.live),
        }
    }

    /// The name that operations know a user or root by; `None` of those who are neither.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        match self.user() {
            Some(user) => Some(user.name.to_string()),
            None => self.is_root().then(|| Arn::root(&self.account).to_string()),
        }
    }

    /// What applications may call it: a user's name; of the session of a role both names; root's ARN.
    #[must_use]
    pub fn title(&self) -> String {
        match (&self.who, self.name()) {
            (_, Some(name)) => name,
            (Who::Session(acted), None) => {
                acted.arn.as_str().split_once('/').map(|(_, name)| name.to_owned()).unwrap_or_default()
            }
            (Who::Root | Who::User(_), None) => String::new(),
        }
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> Arn {
        match &self.who {
            Who::Root => Arn::root(&self.account),
            Who::User(user) => Arn::user(&self.account, &user.path, &user.name),
            Who::Session(acted) => acted.arn.clone(),
        }
    }

    /// Its unique id: of a session of a role the role's and the session's name; the account's number of root.
    #[must_use]
    pub fn unique_id(&self) -> String {
        match &self.who {
            Who::Root => self.account.to_string(),
            Who::User(user) => UniqueId::of_member(&Member::User(user.id)).to_string(),
            Who::Session(acted) => acted.unique_id.clone(),
        }
    }

    /// The account it acts in.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        self.session().map_or(&self.account, |live| &live.session().account)
    }

    /// The key it signed with.
    #[must_use]
    pub fn key(&self) -> &AccessKeyId {
        &self.key
    }

    /// The service it signed for; empty of a browser.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The region it signed for; empty of a browser.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Where the request came from.
    #[must_use]
    pub fn from(&self) -> &RequestSource {
        &self.from
    }
}

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.arn())
    }
}
