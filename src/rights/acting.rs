//! Who asks, with all that their rights rest on: a user, a machine, root, or a session of whatever kind.
//!
//! The one way from a session to documents: of a role what hangs on the role, of a user what hangs on the user and the user's
//! groups, and in any case the session's own limit. All of it is read at the moment of the question.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::effective::{Effective, Held};
use super::granted::Granted;
use super::{Reading, root_context};
use crate::base::{GrantId, Timestamp, UserId};
use crate::model::tags::held_key;
use crate::model::{
    AccountId, Arn, CredentialOwner, Entity, Member, Resource, Role, Session, SessionKind, SessionName, UniqueId, User,
    Zone,
};
use crate::policy::{Context, Named, Policies, Principal, PrincipalError, Request, RequestError};
use crate::store::{Snapshot, StoreError, grants, iam, rows};

/// Somebody who asks.
#[derive(Debug)]
pub struct Acting {
    /// Who, as statements name them.
    pub principal: Principal,
    /// Their account.
    pub account: AccountId,
    /// What their rights rest on; `None` is root, or somebody of elsewhere: nothing hangs on them.
    pub effective: Option<Effective>,
    /// The person, where it is one who acts for themselves: whom grants are given to.
    pub person: Option<UserId>,
    /// The grant that the session is of, or that one before it in its chain is.
    pub grant: Option<GrantId>,
    /// What that holds it to; each has to allow everything.
    granted: Vec<Held>,
    /// Whose clock on the wall counts.
    zone: Zone,
    /// What a session brings for conditions, besides what is known of the principal.
    session: BTreeMap<String, Vec<String>>,
    /// What a session of somebody on whom nothing hangs was narrowed to; several are one document in parts.
    limit: Option<Vec<Held>>,
}

/// Why nobody is acting.
#[derive(Debug, thiserror::Error)]
pub enum ActingError {
    /// Whose session it is, or the role it is of, is no longer there.
    #[error("{0}")]
    Gone(String),
    /// Its ARN is no principal's.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<PrincipalError> for ActingError {
    fn from(error: PrincipalError) -> Self {
        Self::Request(error.into())
    }
}

impl Acting {
    /// The account's root.
    ///
    /// # Errors
    /// When the account has no such ARN.
    pub fn root(account: &AccountId) -> Result<Self, ActingError> {
        Ok(Self::bare(Principal::parse(Arn::root(account).as_str())?, account.clone()))
    }

    /// Somebody of elsewhere, for whom the provider with this ARN vouches: who it is stands in what is asked for.
    ///
    /// # Errors
    /// When it is no provider's ARN.
    pub fn visitor(home: &AccountId, provider: &Arn) -> Result<Self, ActingError> {
        Ok(Self::bare(Principal::visitor(provider.as_str())?, home.clone()))
    }

    /// A user.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn user(reading: &mut Reading<'_, '_>, user: &User) -> Result<Self, ActingError> {
        let acting = Self::with(reading.user(user)?)?;
        Ok(Self { person: Some(user.id), ..acting })
    }

    /// A machine.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn machine(reading: &mut Reading<'_, '_>, machine: &Resource) -> Result<Self, ActingError> {
        Self::with(reading.machine(machine)?)
    }

    /// Whoever acts in `session`. Whether the session counts is not asked here.
    ///
    /// # Errors
    /// When the role or user it is of is gone, or the store cannot be read.
    pub fn session(
        snapshot: &dyn Snapshot,
        reading: &mut Reading<'_, '_>,
        home: &AccountId,
        session: &Session,
    ) -> Result<Self, ActingError> {
        let mut acting = match &session.kind {
            SessionKind::Role { role, name } => {
                let role = iam::role(snapshot, role)?;
                let role = role.ok_or_else(|| ActingError::Gone("the role is no longer there".to_owned()))?;
                let principal = Principal::parse(Arn::assumed_role(&role.account, &role.name, name).as_str())?;
                let mut acting = Self::role(reading, &role, Some(name.as_str()), principal)?;
                if let Some(effective) = &mut acting.effective {
                    overlay(&mut effective.facts.tags, &session.tags);
                }
                acting
            }
            SessionKind::Owner { owner: CredentialOwner::Root } => Self::root(home)?,
            SessionKind::Owner { owner: CredentialOwner::User(user) } => {
                Self::user(reading, &known(snapshot, &Member::User(*user))?)?
            }
            // Root whom nothing narrows could do everything, and of the home account there is another one.
            SessionKind::Root { .. } if session.policy.is_none() || session.account == *home => {
                return Err(ActingError::Gone("the session is of no task that there is".to_owned()));
            }
            SessionKind::Root { .. } => Self::root(&session.account)?,
            SessionKind::Federated { user, name } => {
                let user = known(snapshot, &Member::User(*user))?;
                Self::federated(reading, home, &user, name, &session.tags)?
            }
        };
        acting.session = brought(session);
        acting.zone = reading.terms().grants.zone.clone();
        if let Some(grant) = &session.grant {
            acting.grant = Some(*grant);
            let granted = granted(snapshot, reading, session, grant)?;
            acting.zone = granted.zone.clone();
            // A role further on in a chain has its own rights, and this one's only as a limit.
            let own = matches!(&session.kind, SessionKind::Role { role, .. } if *role == granted.role());
            if let Some(effective) = acting.effective.as_mut().filter(|_| own) {
                effective.identity.extend(granted.gives().cloned());
            }
            acting.granted = granted.limits();
        }
        let limit = reading.limit(session)?;
        match &mut acting.effective {
            Some(effective) => effective.session = limit,
            None => acting.limit = limit,
        }
        Ok(acting)
    }

    /// A role as `principal`: itself, or its session of this name, with nothing besides.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn role(
        reading: &mut Reading<'_, '_>,
        role: &Role,
        session: Option<&str>,
        principal: Principal,
    ) -> Result<Self, ActingError> {
        let effective = reading.role(role, session)?;
        let principal = principal.with_unique_id(effective.facts.unique_id.as_str());
        let account = role.account.clone();
        Ok(Self { effective: Some(effective), ..Self::bare(principal, account) })
    }

    fn federated(
        reading: &mut Reading<'_, '_>,
        home: &AccountId,
        user: &User,
        name: &SessionName,
        tags: &BTreeMap<String, String>,
    ) -> Result<Self, ActingError> {
        let mut effective = reading.user(user)?;
        let arn = Arn::federated_user(home, name);
        effective.facts.arn = arn.to_string();
        effective.facts.kind = "FederatedUser";
        effective.facts.username = None;
        effective.facts.federated = Some(name.to_string());
        // The user's own tags are not handed on (IAM User Guide, "Pass session tags in AWS STS").
        effective.facts.tags.clone_from(tags);
        let principal = Principal::parse(arn.as_str())?;
        Ok(Self { effective: Some(effective), ..Self::bare(principal, home.clone()) })
    }

    fn with(effective: Effective) -> Result<Self, ActingError> {
        let principal = Principal::parse(&effective.facts.arn)?.with_unique_id(effective.facts.unique_id.as_str());
        let account = effective.facts.account.clone();
        Ok(Self { effective: Some(effective), ..Self::bare(principal, account) })
    }

    /// Somebody on whom nothing hangs.
    fn bare(principal: Principal, account: AccountId) -> Self {
        Self {
            principal,
            account,
            effective: None,
            person: None,
            grant: None,
            granted: Vec::new(),
            zone: Zone::default(),
            session: BTreeMap::new(),
            limit: None,
        }
    }

    /// The names of the groups that they are in.
    #[must_use]
    pub fn group_names(&self) -> &[String] {
        self.effective.as_ref().map(|effective| &*effective.group_names).unwrap_or_default()
    }

    /// What is known of them for conditions, at `now`.
    #[must_use]
    pub fn context(&self, now: Timestamp) -> Context {
        let mut context = match &self.effective {
            Some(effective) => effective.facts.context(now),
            None if self.principal.is_visitor() => moment(now),
            None => root_context(&self.account, now),
        };
        for (key, values) in &self.session {
            context.set(key, values.clone());
        }
        on_the_wall(&mut context, &self.zone, now);
        if let Some(at) = self.session.get(MFA_AT).and_then(|values| values.first()?.parse::<Timestamp>().ok()) {
            let age = now.duration_since(at).as_secs().max(0);
            context.set("aws:MultiFactorAuthAge", vec![age.to_string()]);
            context.set(MFA_AT, Vec::new());
        }
        context
    }

    /// The documents in the layers in which they count.
    #[must_use]
    pub fn policies(&self) -> Policies<'_> {
        let narrowed = || Policies { session: self.limit.as_deref().map(limiting), ..Policies::default() };
        let policies = self.effective.as_ref().map_or_else(narrowed, Effective::policies);
        Policies { grants: limiting(&self.granted), ..policies }
    }

    /// A request of theirs.
    ///
    /// # Errors
    /// What is wrong with action or resource.
    pub fn request(&self, action: &str, resource: &str, context: Context) -> Result<Request, RequestError> {
        Request::new(self.principal.clone(), action, resource, context)
    }

    /// Their unique id; the account's number of root.
    #[must_use]
    pub fn unique_id(&self) -> Option<&UniqueId> {
        self.effective.as_ref().map(|effective| &effective.facts.unique_id)
    }
}

/// What the clock on the wall says.
pub(super) fn on_the_wall(context: &mut Context, zone: &Zone, now: Timestamp) {
    let (day, time) = zone.moment(now);
    context.set("bailey:Weekday", vec![day.to_owned()]);
    context.set("bailey:TimeOfDay", vec![time.to_string()]);
}

/// What the grant that a session is of holds it to.
fn granted(
    snapshot: &dyn Snapshot,
    reading: &mut Reading<'_, '_>,
    session: &Session,
    id: &GrantId,
) -> Result<Granted, ActingError> {
    let gone = |why: &str| ActingError::Gone(format!("grant {id} counts no more: {why}"));
    let grant = grants::grant(snapshot, id)?.ok_or_else(|| gone("it is not there"))?.value;
    let person = session.person.filter(|person| *person == grant.person);
    let person = known(snapshot, &Member::User(person.ok_or_else(|| gone("it is somebody else's"))?))?;
    let role = iam::role(snapshot, &grant.role)?.ok_or_else(|| gone("its role is no longer there"))?;
    let groups = reading.group_names(&person)?;
    reading.grant(id, &role, &groups)?.map_err(|why| gone(&why))
}

/// Where the moment of a second factor is kept until its age is asked for. No key of a condition is called so.
const MFA_AT: &str = "\0mfa-at";

/// What is known of a request by nobody in particular.
fn moment(now: Timestamp) -> Context {
    let mut context = Context::default();
    context.set("aws:CurrentTime", vec![format!("{now:.0}")]);
    context.set("aws:EpochTime", vec![now.as_second().to_string()]);
    context
}

/// What a session brings for conditions.
fn brought(session: &Session) -> BTreeMap<String, Vec<String>> {
    let mut brought = BTreeMap::new();
    let mut set = |key: &str, value: String| {
        brought.insert(key.to_owned(), vec![value]);
    };
    set("aws:TokenIssueTime", format!("{:.0}", session.created));
    set("aws:MultiFactorAuthPresent", session.mfa.is_some().to_string());
    if let Some(at) = session.mfa {
        set(MFA_AT, at.to_string());
    }
    if let Some(source) = &session.source_identity {
        set("aws:SourceIdentity", source.clone());
    }
    brought
}

/// A session's tag stands in the place of its role's of the same key; keys have no case.
fn overlay(tags: &mut BTreeMap<String, String>, with: &BTreeMap<String, String>) {
    tags.retain(|key, _| held_key(with.keys(), key).is_none());
    tags.extend(with.iter().map(|(key, value)| (key.clone(), value.clone())));
}

fn known(snapshot: &dyn Snapshot, member: &Member) -> Result<User, ActingError> {
    match rows::entity(snapshot, member)? {
        Some((_, Entity::User(user))) => Ok(user),
        _ => Err(ActingError::Gone("the user is no longer there".to_owned())),
    }
}

/// What a session does not reach beyond, as decisions take it.
pub(super) fn limiting(limit: &[Held]) -> Vec<Named<'_>> {
    limit.iter().map(Held::named).collect()
}

/// The way of a session's own policy: it came with the session.
pub(super) fn through() -> Arc<[String]> {
    ["session".to_owned()].into()
}
