//! Sessions for people to look at and to end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::{Admin, AdminError};
use super::views::Page;
use super::{find, roles};
use crate::audit::Outcome;
use crate::base::text::printable;
use crate::base::{SessionId, Timestamp};
use crate::gate::Authorized;
use crate::model::token_family::Family;
use crate::model::{
    AccessKeyId, AccountId, Arn, Begun, CredentialOwner, Entity, Held, Member, MemberKind, Role, Session, SessionKind,
};
use crate::sessions::ending;
use crate::store::iam::Read;
use crate::store::schema::sessions::Way;
use crate::store::{Commit, Snapshot, StoreError, iam, rows, sessions};

/// Sessions read in one go.
const PAGE: usize = 500;
/// Sessions ended in one commit.
const BATCH: usize = 100;
/// How often sessions are looked at anew when somebody else wrote them meanwhile. Each is written once or twice in its life,
/// so that others are in the way of a batch as often as it has sessions, at the very worst.
const ATTEMPTS: usize = BATCH + 1;

/// Which sessions are meant. What is said has to hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Which {
    /// Of this person, by name, ARN or id: at the beginning of their chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// That this machine began, by name, ARN or id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// Of this role, by name or ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// With this source identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<String>,
    /// That began before then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Timestamp>,
    /// Those that are over, too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    /// Its id.
    pub id: SessionId,
    /// Its access key.
    pub access_key: AccessKeyId,
    /// What it acts as.
    pub arn: String,
    /// The person at the beginning of its chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// `live`, or a word for why it does not count.
    pub state: String,
    /// Why it does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// When it began.
    pub created: Timestamp,
    /// When it ends, if nothing ends it before.
    pub expires: Timestamp,
    /// What it was begun with: an access key, `login`, or another session.
    pub begun_with: String,
    /// Whether a browser holds it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub browser: bool,
    /// By which way the role was given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub through: Vec<String>,
    /// Who is said to be behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<String>,
    /// Tags of its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Whether it was narrowed when it began.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub narrowed: bool,
    /// When a second factor was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa: Option<Timestamp>,
    /// Where it was begun from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
}

/// What ending sessions came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedSessions {
    /// How many ended.
    pub ended: u64,
}

impl Admin {
    /// The sessions that are meant, in the order in which they began, `limit` at most behind `after`. Blocks.
    ///
    /// # Errors
    /// When nobody of that name is there, or the store cannot be read.
    pub fn sessions(
        &self,
        which: &Which,
        after: Option<&SessionId>,
        limit: usize,
    ) -> Result<Page<SessionView>, AdminError> {
        let now = self.now();
        let mut walk = Walk::new(self, which, after.copied())?;
        let mut items = Vec::new();
        while items.len() < limit {
            let Some(held) = walk.next(self, now)? else { break };
            items.push(self.session_view(&held.value, now)?);
        }
        let next = items.last().filter(|_| items.len() == limit).map(|last| last.id.to_string());
        Ok(Page { items, next })
    }

    /// The session that `asked` is about, by its id or its access key. Blocks.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn session(&self, asked: &Authorized) -> Result<SessionView, AdminError> {
        let held = self.store.read(|snapshot| session_of(snapshot, asked.resource()))?;
        self.session_view(&held.value, asked.at())
    }

    /// Ends a session. Those that it began end with it. One that has ended is none to end, whoever ended it. Blocks.
    ///
    /// # Errors
    /// When there is none, or a part fails.
    pub fn end_session(&self, mut asked: Authorized, reason: &str) -> Result<EndedSessions, AdminError> {
        let reason = roles::check_description(reason)?;
        for _ in 0..ATTEMPTS {
            let found = self.store.read(|snapshot| session_of(snapshot, asked.resource()));
            let prepared = found.and_then(|held| self.ending(&asked, &[held], &reason));
            let (commit, ended) = match prepared {
                Ok(prepared) => prepared,
                Err(error) => {
                    asked.complete(&Outcome::failed(error.code(), &error), self.now());
                    return Err(error);
                }
            };
            let outcome = Outcome::success().with("ended", ended);
            if commit.is_empty() {
                asked.complete(&outcome, self.now());
                return Ok(EndedSessions { ended });
            }
            asked = match asked.try_commit(&self.store, commit, &outcome, self.now()) {
                Ok(_) => return Ok(EndedSessions { ended }),
                Err(not) => match *not {
                    // Somebody else ended it meanwhile, as the next look shows.
                    (StoreError::Conflict { .. }, asked) => asked,
                    (error, asked) => {
                        asked.complete(&Outcome::failed("NotCommitted", &error), self.now());
                        return Err(error.into());
                    }
                },
            };
        }
        let error = contested();
        asked.complete(&Outcome::failed("NotCommitted", &error), self.now());
        Err(error.into())
    }

    /// A commit that ends these sessions, and how many of them it ends.
    fn ending(&self, asked: &Authorized, held: &[Read<Session>], reason: &str) -> Result<(Commit, u64), AdminError> {
        let (now, by) = (asked.at(), asked.actor());
        let mut commit = Commit::new(by.clone(), now, asked.operation().intent());
        commit.audit = asked.audit_seq();
        let mut ended = 0;
        for held in held {
            ended += u64::from(ending::end(&mut commit, held, &by, reason, now)?);
        }
        Ok((commit, ended))
    }

    /// Ends all sessions that are meant. Those that end are on disk as ended when this returns; on an error some may be.
    /// Blocks.
    ///
    /// # Errors
    /// When nothing at all narrows down which are meant, nobody of that name is there, or a part fails.
    pub fn end_sessions(&self, asked: Authorized, which: &Which, reason: &str) -> Result<EndedSessions, AdminError> {
        let ended = self.end_all(&asked, which, reason);
        let outcome = match &ended {
            Ok(ended) => Outcome::success().with("ended", ended.ended),
            Err(error) => Outcome::failed(error.code(), error),
        };
        asked.complete(&outcome, self.now());
        ended
    }

    fn end_all(&self, asked: &Authorized, which: &Which, reason: &str) -> Result<EndedSessions, AdminError> {
        let Which { person, machine, role, source_identity, before, .. } = which;
        // All of a person's: then nothing of theirs may begin another, such as tokens that outlive a browser.
        if let (Some(person), None, None, None) = (person, machine, role, source_identity) {
            let user = self.store.read(|snapshot| find::entity(snapshot, &self.account, MemberKind::User, person))?;
            if let Entity::User(user) = user {
                let meant = |family: &Family| {
                    family.consent.user == user.id && before.is_none_or(|before| family.created < before)
                };
                self.end_families(meant, &asked.actor(), "sessions_ended", asked.at())?;
            }
        }
        let whose = person.is_some() || machine.is_some();
        if !whose && role.is_none() && source_identity.is_none() && before.is_none() {
            return Err(AdminError::OutOfBounds {
                what: "which sessions".to_owned(),
                limit: "narrowed down: by person, machine, role, source identity, or when they began".to_owned(),
            });
        }
        let (now, reason) = (asked.at(), roles::check_description(reason)?);
        let mut walk = Walk::new(self, &Which { all: false, ..which.clone() }, None)?;
        let mut ended = 0;
        loop {
            let mut batch = Vec::new();
            while batch.len() < BATCH {
                let Some(held) = walk.next(self, now)? else { break };
                batch.push(held.value.id);
            }
            if batch.is_empty() {
                return Ok(EndedSessions { ended });
            }
            ended += self.end_batch(asked, &batch, &reason)?;
        }
    }

    /// Ends these as they are now. That somebody else ends one of them meanwhile keeps none of the others alive.
    fn end_batch(&self, asked: &Authorized, batch: &[SessionId], reason: &str) -> Result<u64, AdminError> {
        for _ in 0..ATTEMPTS {
            let held = self.store.read(|snapshot| {
                let found = batch.iter().map(|id| sessions::session(snapshot, id));
                found.filter_map(Result::transpose).collect::<Result<Vec<_>, StoreError>>()
            })?;
            let (commit, ended) = self.ending(asked, &held, reason)?;
            if commit.is_empty() {
                return Ok(0);
            }
            match self.store.commit(commit) {
                Ok(_) => return Ok(ended),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(contested().into())
    }

    pub(super) fn session_view(&self, session: &Session, now: Timestamp) -> Result<SessionView, AdminError> {
        let standing = self.sessions.standing(&[session.id], now)?.pop();
        let (state, because) = match standing {
            Some(Ok(_)) => ("live".to_owned(), None),
            Some(Err(why)) => (why.reason().to_owned(), Some(why.to_string())),
            None => ("unknown".to_owned(), None),
        };
        self.store.read(|snapshot| {
            let person = session.person.map(|person| name_of(snapshot, &Member::User(person))).transpose()?;
            Ok(SessionView {
                id: session.id,
                access_key: session.key(),
                arn: arn_of(snapshot, &self.account, session)?,
                person,
                state,
                because,
                created: session.created,
                expires: session.expires,
                browser: session.held_by == Held::Browser,
                begun_with: match &session.begun {
                    Begun::AccessKey { key, .. } => key.to_string(),
                    Begun::Login { .. } => "login".to_owned(),
                    Begun::Machine { resource } => {
                        format!("resource/{}", name_of(snapshot, &Member::Resource(*resource))?)
                    }
                    Begun::Session { session } => session.to_string(),
                    Begun::Tokens { family } => format!("tokens {family}"),
                    Begun::Saml { issuer, subject, .. } => format!("{subject} of {issuer}"),
                    Begun::WebIdentity { issuer, subject, .. } => format!("{subject} of {issuer}"),
                },
                through: session.through.clone(),
                source_identity: session.source_identity.clone(),
                tags: session.tags.clone(),
                narrowed: session.policy.is_some() || !session.policies.is_empty(),
                mfa: session.mfa,
                source_ip: session.asked.get("aws:SourceIp").and_then(|values| values.first().cloned()),
            })
        })
    }
}

/// A walk over the sessions that are meant.
struct Walk {
    way: Option<(Way, [u8; 16])>,
    which: Which,
    role: Option<[u8; 16]>,
    machine: Option<[u8; 16]>,
    after: Option<SessionId>,
    page: std::vec::IntoIter<Read<Session>>,
    done: bool,
}

impl Walk {
    fn new(admin: &Admin, which: &Which, after: Option<SessionId>) -> Result<Self, AdminError> {
        let (person, role, machine) = admin.store.read(|snapshot| {
            let user = |text: &String| match find::entity(snapshot, &admin.account, MemberKind::User, text)? {
                Entity::User(user) => Ok(*user.id.as_bytes()),
                _ => Err(AdminError::NotFound { kind: "user", who: printable(text).into_owned() }),
            };
            let person = which.person.as_ref().map(user).transpose()?;
            let role = |text: &String| find::role(snapshot, &admin.account, text).map(|role| *role.value.id.as_bytes());
            let role = which.role.as_ref().map(role).transpose()?;
            let machine = |text: &String| match find::entity(snapshot, &admin.account, MemberKind::Resource, text)? {
                Entity::Resource(machine) => Ok(*machine.id.as_bytes()),
                _ => Err(AdminError::NotFound { kind: "machine", who: printable(text).into_owned() }),
            };
            let machine = which.machine.as_ref().map(machine).transpose()?;
            Ok::<_, AdminError>((person, role, machine))
        })?;
        let of = |way: Way| move |id: [u8; 16]| (way, id);
        let way = person.map(of(Way::User)).or_else(|| machine.map(of(Way::Machine)));
        let way = way.or_else(|| role.map(of(Way::Role)));
        Ok(Self { way, machine, which: which.clone(), role, after, page: Vec::new().into_iter(), done: false })
    }

    fn next(&mut self, admin: &Admin, now: Timestamp) -> Result<Option<Read<Session>>, AdminError> {
        loop {
            while let Some(held) = self.page.next() {
                self.after = Some(held.value.id);
                if self.means(&held.value, now) {
                    return Ok(Some(held));
                }
            }
            if self.done {
                return Ok(None);
            }
            let page = admin.store.read(|snapshot| match &self.way {
                Some((way, id)) => sessions::page_of(snapshot, (*way, id), self.after.as_ref(), PAGE),
                None => sessions::page(snapshot, self.after.as_ref(), PAGE),
            })?;
            self.done = page.len() < PAGE;
            self.page = page.into_iter();
        }
    }

    fn means(&self, session: &Session, now: Timestamp) -> bool {
        let Which { source_identity, before, all, .. } = &self.which;
        let of_role = self.role.is_none_or(|role| session.role().is_some_and(|own| *own.as_bytes() == role));
        let of_machine = self.machine.is_none_or(|id| session.machine().is_some_and(|own| *own.as_bytes() == id));
        let behind = source_identity.is_none() || session.source_identity == *source_identity;
        let counts = *all || session.ended.is_none() && session.expires > now;
        of_role && of_machine && behind && counts && before.is_none_or(|before| session.created < before)
    }
}

/// Others wrote the same sessions again and again.
fn contested() -> StoreError {
    StoreError::Conflict { what: "sessions that are to end".to_owned() }
}

/// The session with this id, or with this access key.
pub(in crate::admin) fn session_of(snapshot: &dyn Snapshot, which: &str) -> Result<Read<Session>, AdminError> {
    let missing = || AdminError::NoSuch { what: format!("session `{}`", printable(which)) };
    let found = match (which.parse::<SessionId>(), which.parse::<AccessKeyId>()) {
        (Ok(id), _) => sessions::session(snapshot, &id)?,
        (_, Ok(key)) => sessions::by_key(snapshot, &key)?,
        _ => None,
    };
    found.ok_or_else(missing)
}

fn name_of(snapshot: &dyn Snapshot, member: &Member) -> Result<String, StoreError> {
    let found = rows::entity(snapshot, member)?.map(|(_, entity)| entity.name().to_string());
    Ok(found.unwrap_or_else(|| hex::encode(member.id_bytes())))
}

/// What a session acts as, by the names of today.
fn arn_of(snapshot: &dyn Snapshot, home: &AccountId, session: &Session) -> Result<String, StoreError> {
    Ok(match &session.kind {
        SessionKind::Role { role, name } => match iam::role(snapshot, role)? {
            Some(Role { account, name: of, .. }) => Arn::assumed_role(&account, &of, name).to_string(),
            None => format!("a role that is gone, as {name}"),
        },
        SessionKind::Federated { name, .. } => Arn::federated_user(home, name).to_string(),
        SessionKind::Root { .. } => Arn::root(&session.account).to_string(),
        SessionKind::Owner { owner: CredentialOwner::Root } => Arn::root(home).to_string(),
        SessionKind::Owner { owner: CredentialOwner::User(user) } => {
            match rows::entity(snapshot, &Member::User(*user))? {
                Some((_, Entity::User(user))) => Arn::user(home, &user.path, &user.name).to_string(),
                _ => "a user who is gone".to_owned(),
            }
        }
    })
}
