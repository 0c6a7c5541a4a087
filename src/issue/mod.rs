//! The only mint: takes a yes of the gate by value, and makes a session that is bound by every limit there is.
//!
//! Owns how long a session may last, what it takes over from the one that began it, and the act of writing it down together
//! with its record. Whether it may begin at all was decided before; what it may do is decided at each use.

mod duration;
mod error;
mod inherit;
mod step_up;
mod templates;
pub mod token;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rand::rngs::StdRng;

pub use duration::Bound;
pub use error::{IssueError, Lack};
pub use inherit::{Inherited, SessionTags};
pub use templates::{Stated, Template, TemplateError, Templates};

use crate::audit::Outcome;
use crate::authn::subject::{Identity, Subject};
use crate::base::text::printable;
use crate::base::{Clock, PolicyId, SessionId, Timestamp};
use crate::gate::{Authorized, Grant, Granted};
use crate::keys::{Keys, SessionSecrets};
use crate::model::{
    AccountId, Arn, Begun, CredentialOwner, Held, Role, RootTask, Session, SessionKind, SessionName, UniqueId, User,
    session,
};
use crate::rights;
use crate::sessions::Sessions;
use crate::store::schema::sso::Spent;
use crate::store::{Commit, Snapshot, Store, StoreError, iam};

/// Begins sessions; clones share what they work with.
#[derive(Clone)]
pub struct Mint {
    /// The store.
    pub store: Store,
    /// What secrets of sessions follow from.
    pub keys: Keys,
    /// The home account.
    pub home: AccountId,
    /// How old what is known of a directory may be.
    pub sessions: Sessions,
    /// Whether the time is known.
    pub clock: Arc<dyn Clock>,
    /// Where ids come from.
    pub rng: Arc<Mutex<StdRng>>,
    /// What sessions take from the directory; a reload exchanges it.
    pub templates: Arc<RwLock<Templates>>,
}

/// What a session is to be.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Of a role, of one's own, or under a name.
    pub what: What,
    /// Seconds it is to last; as long as is usual and allowed, if nothing is said.
    pub seconds: Option<u32>,
    /// What it takes over, and what was asked for besides.
    pub inherited: Inherited,
    /// A document beyond which it does not reach.
    pub policy: Option<String>,
    /// Managed policies that are one such limit with it, by ARN.
    pub policies: Vec<String>,
}

/// What a session is to be of.
#[derive(Debug, Clone)]
pub enum What {
    /// The role that the gate was asked about, under this name.
    Role(SessionName),
    /// Whoever asks.
    Oneself,
    /// Whoever asks, in a browser that stays signed in for so many seconds at most.
    Browser(u32),
    /// A name that whoever asks hands out.
    Federated(SessionName),
    /// Root of the account that the gate was asked about, for this task.
    Root(RootTask),
}

/// A session that has begun.
#[derive(Debug)]
pub struct Minted {
    /// Its row.
    pub session: Session,
    /// What its client signs with.
    pub secrets: SessionSecrets,
    /// Its ARN.
    pub arn: Arn,
    /// Its unique id, as `aws:userid` tells it.
    pub unique_id: String,
}

impl Mint {
    /// What sessions take from the directory of `user`.
    ///
    /// # Errors
    /// When it says nothing that they could be called by.
    pub fn stated(&self, user: &User) -> Result<Stated, IssueError> {
        self.templates.read().unwrap_or_else(PoisonError::into_inner).of(user)
    }

    /// Begins the session that `allowed` is a yes to. It is on disk, and so is its record, when this returns. Blocks.
    ///
    /// # Errors
    /// When a limit is passed, what it is to be narrowed to is not there, or it cannot be written; the failure is recorded.
    pub fn begin(&self, allowed: Authorized, wanted: &Wanted, now: Timestamp) -> Result<Minted, IssueError> {
        match self.prepare(&allowed, wanted, now) {
            Ok((minted, commit)) => {
                let session = &minted.session;
                let mut outcome = Outcome::success()
                    .with("session", session.id.to_string())
                    .with("access_key", session.key().to_string())
                    .with("arn", minted.arn.to_string())
                    .with("expires", format!("{:.0}", session.expires));
                if let Some(source) = &session.source_identity {
                    outcome = outcome.with("source_identity", source.as_str());
                }
                if !session.through.is_empty() {
                    outcome = outcome.with("through", session.through.join(" > "));
                }
                let saml = matches!(session.begun, Begun::Saml { .. });
                match allowed.commit(&self.store, commit, &outcome, now) {
                    Ok(_) => Ok(minted),
                    // Nothing else that such a session writes could be there before.
                    Err(StoreError::Conflict { .. }) if saml => Err(IssueError::ShownBefore),
                    Err(error) => Err(error.into()),
                }
            }
            Err(error) => {
                allowed.complete(&Outcome::failed(error.code(), &error), now);
                Err(error)
            }
        }
    }

    /// The session, and the commit that writes it.
    fn prepare(&self, allowed: &Authorized, wanted: &Wanted, now: Timestamp) -> Result<(Minted, Commit), IssueError> {
        self.clock.may_mint()?;
        let subject = Subject::of(allowed.caller()).ok_or(IssueError::Nobody)?;
        let granted = allowed.granted().cloned();
        let role = match (&wanted.what, granted.as_ref().map(|granted| &granted.grant)) {
            (What::Role(_), Some(Grant::Role(role))) => Some(Role::clone(role)),
            (What::Root(_), Some(Grant::Root(_))) | (What::Oneself | What::Browser(_) | What::Federated(_), None) => {
                None
            }
            _ => return Err(IssueError::Nobody),
        };
        let expires = duration::expiry(&duration::Limits {
            requested: wanted.seconds,
            what: &wanted.what,
            subject,
            role: role.as_ref(),
            until: granted.as_ref().and_then(|granted| granted.way.until),
            now,
        })?;
        self.sessions.recent(subject.origin(), role.as_ref(), now)??;
        let epoch = self.store.epoch()?.to_string();
        let id = SessionId::fresh(now, &mut *self.rng.lock().unwrap_or_else(PoisonError::into_inner));
        let policies = self.store.read(|snapshot| managed(snapshot, &self.home, &wanted.policies))?;
        let session = assemble(Parts {
            id,
            subject,
            epoch,
            role: role.as_ref(),
            wanted,
            granted,
            policies,
            mfa: allowed.mfa(),
            expires,
            now,
        });
        let secrets = self.keys.session_secrets(&id)?;
        let (arn, unique_id) = self.called(&session, role.as_ref(), subject);
        let mut commit = Commit::new(allowed.actor(), now, allowed.operation().intent());
        commit.add_session(&session)?;
        if let (Subject::Visitor(visitor), Some(role)) = (subject, &role)
            && let Identity::Saml(identity) = visitor.identity()
        {
            // With the session, in one act: of two that show it at once one begins a session.
            let (digest, until) = identity.once_for(&role.id);
            commit.spend(Spent::SamlAssertion, &digest, until)?;
        }
        Ok((Minted { session, secrets, arn, unique_id }, commit))
    }

    fn called(&self, session: &Session, role: Option<&Role>, subject: Subject<'_>) -> (Arn, String) {
        match (&session.kind, role) {
            (SessionKind::Role { name, .. }, Some(role)) => {
                (Arn::assumed_role(&role.account, &role.name, name), format!("{}:{name}", UniqueId::of_role(&role.id)))
            }
            (SessionKind::Root { .. }, _) => (Arn::root(&session.account), session.account.to_string()),
            (SessionKind::Federated { name, .. }, _) => {
                (Arn::federated_user(&self.home, name), format!("{}:{name}", self.home))
            }
            _ => (subject.arn(), subject.unique_id()),
        }
    }
}

/// What a session is put together from.
struct Parts<'a> {
    id: SessionId,
    subject: Subject<'a>,
    epoch: String,
    role: Option<&'a Role>,
    wanted: &'a Wanted,
    granted: Option<Granted>,
    policies: Vec<PolicyId>,
    mfa: Option<Timestamp>,
    expires: Timestamp,
    now: Timestamp,
}

fn assemble(parts: Parts<'_>) -> Session {
    let Parts { id, subject, epoch, role, wanted, granted, policies, mfa, expires, now } = parts;
    let (user, parent, person) = (subject.user(), subject.session(), subject.person());
    let owner = user.map_or(CredentialOwner::Root, |user| CredentialOwner::User(user.id));
    let kind = match (&wanted.what, role, user) {
        (What::Role(name), Some(role), _) => SessionKind::Role { role: role.id, name: name.clone() },
        (What::Root(task), ..) => SessionKind::Root { task: *task },
        (What::Federated(name), _, Some(user)) => SessionKind::Federated { user: user.id, name: name.clone() },
        _ => SessionKind::Owner { owner },
    };
    let Inherited { tags, transitive, source_identity } = wanted.inherited.clone();
    let root = granted.as_ref().and_then(|granted| match &granted.grant {
        Grant::Root(account) => Some(account.clone()),
        Grant::Role(_) => None,
    });
    let grant = granted.as_ref().and_then(|granted| granted.way.grant).or(parent.and_then(|parent| parent.grant));
    let (asked, through) =
        granted.map_or_else(|| (place(subject), Vec::new()), |granted| (granted.asked, granted.way.through));
    let factors = Factors::of(subject);
    let policy = match (&wanted.what, &root) {
        (What::Root(task), Some(account)) => Some(task.document(account)),
        _ => wanted.policy.clone(),
    };
    let account = role.map(|role| role.account.clone()).or(root);
    Session {
        id,
        account: account.unwrap_or_else(|| subject.account().clone()),
        kind,
        begun: begun(subject, owner),
        held_by: if matches!(wanted.what, What::Browser(_)) { Held::Browser } else { Held::Program },
        turn: 0,
        person: person.map(|person| person.id),
        created: now,
        expires,
        epoch,
        source_identity,
        tags,
        transitive,
        policy,
        policies,
        mfa: mfa.or(factors.mfa),
        amr: factors.amr,
        auth_time: factors.auth_time,
        password: parent.map_or_else(|| password(subject), |parent| parent.password),
        asked,
        through,
        grant,
        ended: None,
    }
}

/// Where a session that nothing was asked for is begun from, for people to see.
fn place(subject: Subject<'_>) -> rights::Asked {
    subject.ip().map(|ip| ("aws:SourceIp".to_owned(), vec![ip.to_string()])).into_iter().collect()
}

/// What a session is begun with.
fn begun(subject: Subject<'_>, owner: CredentialOwner) -> Begun {
    match (subject, subject.session()) {
        (_, Some(parent)) => Begun::Session { session: parent.id },
        (Subject::Bearer(bearer), None) => Begun::Tokens { family: bearer.family() },
        (Subject::Bound(bound), None) => {
            let outside = bound.outside().map(|word| Box::new(word.clone()));
            Begun::Login { user: bound.user().id, outside }
        }
        (Subject::Machine(machine), None) => Begun::Machine { resource: machine.resource().id },
        (Subject::Signed(signed), None) => Begun::AccessKey { key: signed.key().clone(), owner },
        (Subject::Visitor(visitor), None) => match visitor.identity() {
            Identity::Saml(identity) => Begun::Saml {
                provider: identity.provider(),
                issuer: identity.issuer().to_owned(),
                subject: identity.subject().to_owned(),
                certificate: identity.assertion().signed().by.clone().unwrap_or_default(),
            },
            Identity::Web(identity) => Begun::WebIdentity {
                provider: identity.provider(),
                issuer: identity.issuer().clone(),
                subject: identity.subject().to_owned(),
            },
        },
    }
}

/// How whoever begins a session was authenticated.
#[derive(Default)]
struct Factors {
    mfa: Option<Timestamp>,
    amr: Vec<String>,
    auth_time: Option<Timestamp>,
}

impl Factors {
    fn of(subject: Subject<'_>) -> Self {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        match (subject, subject.session()) {
            (_, Some(parent)) => Self { mfa: parent.mfa, amr: parent.amr.clone(), auth_time: parent.auth_time },
            (Subject::Bearer(bearer), None) => {
                Self { mfa: bearer.mfa(), amr: bearer.amr().to_vec(), auth_time: Some(bearer.auth_time()) }
            }
            (Subject::Bound(bound), None) => {
                Self { mfa: bound.mfa(), amr: words(&bound.amr()), auth_time: Some(bound.authenticated()) }
            }
            // What the issuer says of it is a condition's business: its second factor is not one that was shown here.
            (Subject::Visitor(visitor), None) => Self {
                mfa: None,
                amr: visitor.identity().amr().to_vec(),
                auth_time: visitor.identity().authenticated(),
            },
            (Subject::Machine(machine), None) => {
                Self { mfa: None, amr: words(machine.amr()), auth_time: Some(machine.at()) }
            }
            (Subject::Signed(_), None) => Self::default(),
        }
    }
}

/// When the password was set that is known of whoever begins a session; another one ends it.
fn password(subject: Subject<'_>) -> Option<Timestamp> {
    match subject {
        Subject::Bound(bound) => bound.password(),
        _ => subject.person().and_then(|person| person.password_changed),
    }
}

/// The managed policies with these ARNs.
fn managed(snapshot: &dyn Snapshot, home: &AccountId, arns: &[String]) -> Result<Vec<PolicyId>, IssueError> {
    let mut found = Vec::new();
    for arn in arns {
        let missing = || IssueError::NoSuchPolicy { arn: printable(arn).into_owned() };
        let (account, rest) =
            arn.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(":policy/")).ok_or_else(missing)?;
        let account = match account {
            "aws" => None,
            other if *other == *home.to_string() => Some(home),
            _ => return Err(missing()),
        };
        let name = rest.rsplit('/').next().unwrap_or_default();
        let policy = iam::named::<crate::model::ManagedPolicy>(snapshot, account, name)?.ok_or_else(missing)?;
        if policy.value.arn().as_str() != arn {
            return Err(missing());
        }
        found.push(policy.value.id);
    }
    Ok(found)
}

impl fmt::Debug for Mint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mint")
    }
}

/// Seconds that a session lasts where nothing is said, of a role; one's own last longer.
pub const USUAL: u32 = 3_600;
/// Seconds that a session of one's own lasts where nothing is said.
pub const USUAL_OWN: u32 = 43_200;
/// Fewest seconds that can be asked for.
pub const SHORTEST: u32 = 900;
/// Most seconds that can be asked for, of a role.
pub const LONGEST_ROLE: u32 = *crate::model::role::SESSION_BOUNDS.end();
/// Most seconds that can be asked for, of one's own.
pub const LONGEST_OWN: u32 = session::LONGEST;
