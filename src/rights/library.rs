//! Reads what rights rest on: for one principal, or for many of whom most share their groups and documents.
//!
//! What is kept between two questions are parsed texts, which say the same for ever, what was read of a principal as long as it
//! must be the same, and rows of one state of the store, which are forgotten as soon as it has moved on. So an answer is never about two states at once, and a question about everybody
//! can let commits pass between one page of people and the next.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::acting;
use super::assigned::{self, Assigned};
use super::effective::{Effective, Facts, Held};
use super::known::Whose;
use super::shelf::{Shelf, Written};
use super::ways::Graph;
use super::{Closure, Guardrails, Terms, up};
use crate::base::{GroupId, PolicyId, Timestamp};
use crate::model::{
    AccountId, Arn, Entitlements, Entity, Group, Holder, Member, Resource, Role, Session, UniqueId, User,
};
use crate::policy::{Document, Kind};
use crate::store::schema::iam as keys;
use crate::store::{Revision, Snapshot, StoreError, iam};

/// Denies everything.
const NOTHING: &str = r#"{"Statement":{"Sid":"GroupsCutShort","Effect":"Deny","Action":"*","Resource":"*"}}"#;

/// What people need no policy for, and what comes with what they were given.
const OPEN: &str = r#"["bailey:AmendGrant","bailey:ApproveGrant","bailey:ClaimGrant","bailey:CloseEngagement","bailey:CompleteGrant","bailey:CreateRoleToken","bailey:ExplainRefusal","bailey:InviteToEngagement","bailey:ListEngagementActivity","bailey:RefuseGrant","bailey:RequestGrant","bailey:ReviewGrant","bailey:RevokeGrant","bailey:RevokeInvitation","bailey:ShowInvitationCode","signin:AcceptInvitation","signin:CreateRecoveryCodes","signin:EnrolSecondFactor","signin:Login","signin:RemoveSecondFactor","signin:RenameSecondFactor","signin:StepUp","sso:Authorize","sts:ExchangeToken"]"#;

/// What that is called in reasons.
pub const EVERYBODY: &str = "what everybody may who signs in";

/// What was read, on what terms.
#[derive(Debug)]
pub struct Library<'t> {
    account: &'t AccountId,
    terms: &'t Terms,
    /// The state that `rows` are of.
    revision: Option<Revision>,
    rows: Rows,
    shelf: Shelf,
}

/// Rows of one state.
#[derive(Debug, Default)]
struct Rows {
    graph: Graph,
    policies: HashMap<PolicyId, Titled>,
    groups: HashMap<GroupId, Arc<Hanging>>,
    guardrails: Option<Arc<Guardrails>>,
}

/// A document and its name.
#[derive(Debug, Clone)]
pub(super) struct Titled {
    name: Arc<str>,
    pub(super) written: Written,
}

/// What hangs on a group.
#[derive(Debug)]
struct Hanging {
    documents: Vec<Titled>,
    /// Assignments and what they say, with the group alone as the way.
    assigned: Vec<(Assigned, Titled)>,
    /// These count until then.
    until: Timestamp,
}

impl<'t> Library<'t> {
    /// An empty one, for principals of the home account `account`.
    #[must_use]
    pub fn new(account: &'t AccountId, terms: &'t Terms) -> Self {
        Self::with(Shelf::default(), account, terms)
    }

    /// One without rows, with the documents on `shelf`.
    #[must_use]
    pub fn with(shelf: Shelf, account: &'t AccountId, terms: &'t Terms) -> Self {
        Self { account, terms, revision: None, rows: Rows::default(), shelf }
    }

    /// Another one without rows, with the same documents.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self::with(self.shelf.clone(), self.account, self.terms)
    }

    /// Reads in `snapshot`.
    pub fn at<'a>(&'a mut self, snapshot: &'a dyn Snapshot) -> Reading<'a, 't> {
        if self.revision.replace(snapshot.revision()) != Some(snapshot.revision()) {
            self.rows = Rows::default();
        }
        Reading { library: self, snapshot }
    }

    /// On what terms memberships and rights count.
    #[must_use]
    pub fn terms(&self) -> &'t Terms {
        self.terms
    }

    /// The trust policy of `role` as it is written.
    pub(super) fn trust_of(&self, role: &Role, text: &str) -> Result<Arc<Document>, StoreError> {
        self.shelf.parsed(text, Kind::Trust, role.name.as_str()).map(|written| written.document)
    }
}

/// A library that is being read in, on one state of the store.
pub struct Reading<'a, 't> {
    library: &'a mut Library<'t>,
    snapshot: &'a dyn Snapshot,
}

impl Reading<'_, '_> {
    /// On what terms memberships and rights count.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        self.library.terms
    }

    pub(super) fn snapshot(&self) -> &dyn Snapshot {
        self.snapshot
    }

    pub(super) fn shelf(&self) -> &Shelf {
        &self.library.shelf
    }

    /// All that the rights of a user rest on.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn user(&mut self, user: &User) -> Result<Effective, StoreError> {
        self.known(Whose::User(user), |reading| reading.read_user(user))
    }

    /// What was read of `whose` before and is the same, or what `read` answers.
    fn known(
        &mut self,
        whose: Whose<'_>,
        read: impl FnOnce(&mut Self) -> Result<Effective, StoreError>,
    ) -> Result<Effective, StoreError> {
        let known = self.library.shelf.known.clone();
        if let Some(found) = known.get((self.snapshot, self.library.terms), whose) {
            return Ok(Effective::clone(&found));
        }
        let effective = Arc::new(read(self)?);
        known.put((self.snapshot, self.library.terms), whose, &effective);
        Ok(Arc::unwrap_or_clone(effective))
    }

    /// The names of the groups that a user is effectively in, each once, sorted.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn group_names(&mut self, user: &User) -> Result<Arc<[String]>, StoreError> {
        let known = self.library.shelf.known.clone();
        if let Some(found) = known.get((self.snapshot, self.library.terms), Whose::User(user)) {
            return Ok(Arc::clone(&found.group_names));
        }
        Ok(self.user(user)?.group_names)
    }

    fn read_user(&mut self, user: &User) -> Result<Effective, StoreError> {
        let holder = Holder::User(user.id);
        let held = iam::entitlements(self.snapshot, &holder)?.value;
        let account = self.library.account;
        let facts = Facts {
            arn: Arn::user(account, &user.path, &user.name).to_string(),
            account: account.clone(),
            kind: "User",
            unique_id: holder.unique_id(),
            session: None,
            federated: None,
            username: Some(user.name.to_string()),
            tags: tags(user, &held),
        };
        self.member(&Entity::User(user.clone()), format!("user/{}", user.name), &held, facts)
    }

    /// All that the rights of a machine rest on: assignments to it and to its groups, and the policies of those. None hangs on
    /// a machine itself.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn machine(&mut self, machine: &Resource) -> Result<Effective, StoreError> {
        self.known(Whose::Machine(machine), |reading| reading.read_machine(machine))
    }

    fn read_machine(&mut self, machine: &Resource) -> Result<Effective, StoreError> {
        let account = self.library.account;
        let facts = Facts {
            arn: Arn::resource(account, &machine.name).to_string(),
            account: account.clone(),
            kind: "Resource",
            unique_id: UniqueId::of_member(&Member::Resource(machine.id)),
            session: None,
            federated: None,
            username: None,
            tags: machine.tags.clone(),
        };
        let label = format!("resource/{}", machine.name);
        self.member(&Entity::Resource(machine.clone()), label, &Entitlements::default(), facts)
    }

    /// All that the rights of `entity` rest on, on which `held` hangs.
    fn member(
        &mut self,
        entity: &Entity,
        label: String,
        held: &Entitlements,
        facts: Facts,
    ) -> Result<Effective, StoreError> {
        let own: Arc<[String]> = [label.clone()].into();
        let mut identity = self.hung(held, &own)?;
        let boundary = self.boundary(held, &own)?;
        let member = entity.member();
        let (own_ones, mut until) = assigned::steady(self.snapshot, &member, &own, self.library.terms)?;
        let mut assigned = self.assigned(own_ones)?;
        let closure = self.groups_of(entity)?;
        for (reached, through) in closure.ways(&own) {
            let hanging = self.group(&reached.group)?;
            until = until.min(hanging.until);
            identity.extend(hanging.documents.iter().map(|titled| titled.held(&through)));
            let along = |(one, permission): &(Assigned, Titled)| {
                (Assigned { through: Arc::clone(&through), ..one.clone() }, permission.clone())
            };
            assigned.extend(hanging.assigned.iter().map(along));
        }
        identity.extend(assigned.iter().map(|(one, permission)| permission.held(&one.through)));
        let Closure { groups, cut_short, timed } = closure;
        // Hours of a group begin and end at any time: such an answer is for this moment.
        let until = if timed { self.library.terms.now } else { until };
        if let Some(why) = &cut_short {
            // A group beyond may hold a Deny.
            let name = format!("the search for groups ended early ({why})");
            let written = self.library.shelf.parsed(NOTHING, Kind::Identity, &name)?;
            identity.push(Titled { name: name.into(), written }.held(&own));
        }
        let assigned = assigned.into_iter().map(|(one, _)| one).collect();
        let names: BTreeSet<String> = groups.iter().map(|reached| reached.group.name.to_string()).collect();
        let group_names = names.into_iter().collect();
        let groups = groups.iter().map(|reached| reached.group.id).collect();
        Ok(Effective {
            identity,
            boundary,
            session: None,
            assigned,
            groups,
            group_names,
            label,
            facts,
            cut_short,
            until,
        })
    }

    /// The groups that a user is effectively in.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn groups(&mut self, user: &User) -> Result<Closure, StoreError> {
        self.groups_of(&Entity::User(user.clone()))
    }

    fn groups_of(&mut self, entity: &Entity) -> Result<Closure, StoreError> {
        let Library { rows, terms, .. } = &mut *self.library;
        up(&mut rows.graph, self.snapshot, (&entity.member(), Some(entity)), terms, |_| true)
    }

    /// All that the rights of a role rest on, or of its session of this name.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn role(&mut self, role: &Role, session: Option<&str>) -> Result<Effective, StoreError> {
        let mut effective = self.known(Whose::Role(role), |reading| reading.read_role(role))?;
        effective.facts.session = session.map(str::to_owned);
        Ok(effective)
    }

    fn read_role(&mut self, role: &Role) -> Result<Effective, StoreError> {
        let own: Arc<[String]> = [format!("role/{}", role.name)].into();
        let holder = Holder::Role(role.id);
        let held = iam::entitlements(self.snapshot, &holder)?.value;
        let facts = Facts {
            arn: Arn::role(&role.account, &role.path, &role.name).to_string(),
            account: role.account.clone(),
            kind: "AssumedRole",
            unique_id: holder.unique_id(),
            session: None,
            federated: None,
            username: None,
            tags: held.tags.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        };
        Ok(Effective {
            identity: self.hung(&held, &own)?,
            boundary: self.boundary(&held, &own)?,
            session: None,
            assigned: Vec::new(),
            groups: Vec::new(),
            group_names: Arc::default(),
            label: format!("role/{}", role.name),
            facts,
            cut_short: None,
            until: Timestamp::MAX,
        })
    }

    /// What `session` does not reach beyond; `None` where it was not narrowed. A policy of it that is gone allows nothing.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub(super) fn limit(&mut self, session: &Session) -> Result<Option<Vec<Held>>, StoreError> {
        if session.policy.is_none() && session.policies.is_empty() {
            return Ok(None);
        }
        let through = acting::through();
        let mut limit = Vec::new();
        if let Some(text) = &session.policy {
            let name = format!("policy of session {}", session.id);
            let written = self.library.shelf.parsed(text, Kind::Identity, &name)?;
            limit.push(Titled { name: name.into(), written }.held(&through));
        }
        for id in &session.policies {
            if iam::policy(self.snapshot, id)?.is_some() {
                limit.push(self.managed(id)?.held(&through));
            }
        }
        Ok(Some(limit))
    }

    /// The guardrails that are attached to something.
    ///
    /// # Errors
    /// When the store cannot be read or a document is damaged: then nobody is allowed anything.
    pub fn guardrails(&mut self) -> Result<Arc<Guardrails>, StoreError> {
        if let Some(found) = &self.library.rows.guardrails {
            return Ok(Arc::clone(found));
        }
        let Library { shelf, account, .. } = &*self.library;
        let found = shelf.known.guardrails(self.snapshot, || Guardrails::read(self.snapshot, shelf, account))?;
        self.library.rows.guardrails = Some(Arc::clone(&found));
        Ok(found)
    }

    /// What everybody of `account` may who signs in, unless something denies it: at who asks, and at what it is about, which may
    /// be of another account and trusts them for it.
    ///
    /// # Errors
    /// Never: it is written here.
    pub fn open_to_people(&mut self, account: &AccountId) -> Result<[Arc<Document>; 2], StoreError> {
        let allowing = |about: &str| format!(r#"{{"Statement":{{"Effect":"Allow","Action":{OPEN},{about}}}}}"#);
        let identity = self.parsed(&allowing(r#""Resource":"*""#), EVERYBODY)?;
        let trust = allowing(&format!(r#""Principal":{{"AWS":"{account}"}}"#));
        let trust = self.library.shelf.parsed(&trust, Kind::Trust, EVERYBODY)?;
        Ok([identity, trust.document])
    }

    /// The policies that hang on a group itself.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn policies_of(&mut self, group: &Group) -> Result<Vec<Held>, StoreError> {
        let held = iam::entitlements(self.snapshot, &Holder::Group(group.id))?.value;
        self.hung(&held, &[label(group)].into())
    }

    /// Every document that comes with a group, assignments included.
    pub(super) fn documents_of(&mut self, group: &Group) -> Result<Vec<Arc<Document>>, StoreError> {
        let hanging = self.group(group)?;
        let permissions = hanging.assigned.iter().map(|(_, permission)| permission);
        Ok(hanging.documents.iter().chain(permissions).map(|titled| Arc::clone(&titled.written.document)).collect())
    }

    /// An inline policy.
    pub(super) fn parsed(&mut self, text: &str, name: &str) -> Result<Arc<Document>, StoreError> {
        self.library.shelf.parsed(text, Kind::Identity, name).map(|written| written.document)
    }

    /// Who may assume `role`, for a question about a principal of `account` with these assignments: the role's trust policy,
    /// and with it the half of each assignment that hangs on the role. `None` when it trusts nobody.
    ///
    /// # Errors
    /// When a stored document or condition is none.
    pub fn trust(
        &mut self,
        role: &Role,
        assigned: &[Assigned],
        account: &AccountId,
    ) -> Result<Option<Arc<Document>>, StoreError> {
        let Some(text) = assigned::trust(role, assigned, account)? else { return Ok(None) };
        let parsed = self.library.shelf.parsed(&text, Kind::Trust, "its trust");
        parsed.map(|written| Some(written.document)).map_err(|error| assigned::damaged(role, &error))
    }

    /// The documents of a holder's own policies. What hangs at two ends is there twice, which changes no decision.
    fn hung(&mut self, held: &Entitlements, through: &Arc<[String]>) -> Result<Vec<Held>, StoreError> {
        let mut found = Vec::with_capacity(held.attached.len() + held.inline.len());
        for id in &held.attached {
            found.push(self.managed(id)?.held(through));
        }
        let whose = through.last().map(String::as_str).unwrap_or_default();
        for (name, text) in &held.inline {
            let told = format!("inline policy {name} of {whose}");
            let written = self.library.shelf.parsed(text, Kind::Identity, &told)?;
            let name = format!("{whose}/policy/{name}").into();
            found.push(Titled { name, written }.held(through));
        }
        Ok(found)
    }

    fn boundary(&mut self, held: &Entitlements, through: &Arc<[String]>) -> Result<Option<Held>, StoreError> {
        let Some(id) = &held.boundary else { return Ok(None) };
        Ok(Some(self.managed(id)?.held(through)))
    }

    /// The managed policy with this id, in the version that counts.
    pub(super) fn managed(&mut self, id: &PolicyId) -> Result<Titled, StoreError> {
        if let Some(found) = self.library.rows.policies.get(id) {
            return Ok(found.clone());
        }
        let missing = || StoreError::corrupt(&keys::policy(id), "somebody holds it, and it is not there");
        let policy = iam::policy(self.snapshot, id)?.ok_or_else(missing)?;
        let text = iam::policy_version(self.snapshot, id, policy.default_version)?.ok_or_else(missing)?;
        let name: Arc<str> = policy.arn().as_str().into();
        let written = self.library.shelf.parsed(&text, Kind::Identity, &name)?;
        let found = Titled { name, written };
        self.library.rows.policies.insert(*id, found.clone());
        Ok(found)
    }

    /// What hangs on a group.
    fn group(&mut self, group: &Group) -> Result<Arc<Hanging>, StoreError> {
        if let Some(found) = self.library.rows.groups.get(&group.id) {
            return Ok(Arc::clone(found));
        }
        let (account, terms) = (self.library.account, self.library.terms);
        let own: Arc<[String]> = [label(group)].into();
        let titled =
            |held: Held| Titled { name: held.name, written: Written { document: held.document, text: held.text } };
        let documents = self.policies_of(group)?.into_iter().map(titled).collect();
        let (mut assigned, until) = assigned::steady(self.snapshot, &Member::Group(group.id), &own, terms)?;
        assigned.extend(assigned::by_name(self.snapshot, account, group, &own, terms)?);
        let hanging = Arc::new(Hanging { documents, assigned: self.assigned(assigned)?, until });
        self.library.rows.groups.insert(group.id, Arc::clone(&hanging));
        Ok(hanging)
    }

    /// Assignments, each with the half of it that hangs on whoever may assume the role.
    fn assigned(&mut self, all: Vec<Assigned>) -> Result<Vec<(Assigned, Titled)>, StoreError> {
        let mut found = Vec::with_capacity(all.len());
        for one in all {
            let name = one.name();
            let written = self.library.shelf.parsed(&one.permission(), Kind::Identity, &name)?;
            found.push((one, Titled { name: name.into(), written }));
        }
        Ok(found)
    }
}

impl Titled {
    pub(super) fn held(&self, through: &Arc<[String]>) -> Held {
        let Written { document, text } = self.written.clone();
        Held { name: Arc::clone(&self.name), document, text, through: Arc::clone(through) }
    }
}

/// The tags of a user. What an administrator hangs on somebody here stands above what the directory says; keys have no case.
fn tags(user: &User, held: &Entitlements) -> BTreeMap<String, String> {
    let mut tags = user.tags.clone();
    tags.retain(|key, _| held.tags.key(key).is_none());
    tags.extend(held.tags.iter().map(|(key, value)| (key.to_owned(), value.to_owned())));
    tags
}

fn label(group: &Group) -> String {
    format!("group/{}", group.name)
}
