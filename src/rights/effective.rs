//! What a principal's rights rest on: the documents that have a say about it, and the way by which each came.
//!
//! The one implementation, for the gate, simulations and reports. Everything is read at the moment of the question: nothing
//! that a principal may do is written down anywhere.

use std::collections::BTreeMap;

use super::assigned::{self, Assigned};
use super::{Terms, effective_groups};
use crate::base::{PolicyId, Timestamp};
use crate::model::{AccountId, Arn, Entitlements, Holder, Member, Role, UniqueId, User};
use crate::policy::{Context, Document, Kind, Named, Policies};
use crate::store::schema::iam as keys;
use crate::store::{Snapshot, StoreError, iam};

/// A document that has a say.
#[derive(Debug, Clone)]
pub struct Held {
    /// What it is called in reasons: the ARN of a managed policy, otherwise what and whose it is.
    pub name: String,
    /// What it says.
    pub document: Document,
    /// The same as it is written.
    pub text: String,
    /// From the principal to what the document hangs on, such as `user/ann`, `group/team`.
    pub through: Vec<String>,
}

/// All that a principal's rights rest on.
#[derive(Debug)]
pub struct Effective {
    /// Policies that allow and deny.
    pub identity: Vec<Held>,
    /// The one beyond which none of them reaches.
    pub boundary: Option<Held>,
    /// Roles it may assume by assignment, now.
    pub assigned: Vec<Assigned>,
    /// What conditions can ask about it.
    pub facts: Facts,
    /// Set when a limit ended the search for groups: then everything is denied.
    pub cut_short: Option<String>,
}

/// What is known of a principal.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The ARN that `aws:PrincipalArn` names: of a session, the role's.
    pub arn: String,
    /// Its account.
    pub account: AccountId,
    /// `User` or `AssumedRole`.
    pub kind: &'static str,
    /// Its unique id.
    pub unique_id: UniqueId,
    /// The name of a session of a role.
    pub session: Option<String>,
    /// The name of a user.
    pub username: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl Effective {
    /// Of a user.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn of_user(
        snapshot: &dyn Snapshot,
        account: &AccountId,
        user: &User,
        terms: &Terms,
    ) -> Result<Self, StoreError> {
        let member = Member::User(user.id);
        let own = vec![format!("user/{}", user.name)];
        let holder = Holder::User(user.id);
        let held = iam::entitlements(snapshot, &holder)?.value;
        let mut reader = Reader { snapshot, identity: Vec::new() };
        reader.policies(&held, &own)?;
        let boundary = held.boundary.map(|id| reader.managed(&id, &own)).transpose()?;
        let closure = effective_groups(snapshot, &member, terms)?;
        for (reached, through) in closure.ways(&own) {
            let group = Holder::Group(reached.group.id);
            reader.policies(&iam::entitlements(snapshot, &group)?.value, &through)?;
        }
        let assigned = assigned::all(snapshot, account, user, &closure, terms)?;
        for one in &assigned {
            reader.identity.push(one.permission()?);
        }
        let cut_short = closure.cut_short;
        if let Some(why) = &cut_short {
            // A group beyond may hold a Deny.
            let name = format!("the search for groups ended early ({why})");
            let (document, text) = (parsed(NOTHING, &name)?, NOTHING.to_owned());
            reader.identity.push(Held { document, text, name, through: own });
        }
        // What an administrator hangs on somebody here stands above what the directory says; keys have no case.
        let mut tags = user.tags.clone();
        tags.retain(|key, _| !held.tags.iter().any(|(ours, _)| ours.to_lowercase() == key.to_lowercase()));
        tags.extend(held.tags.iter().map(|(key, value)| (key.to_owned(), value.to_owned())));
        let facts = Facts {
            arn: Arn::user(account, &user.path, &user.name).to_string(),
            account: account.clone(),
            kind: "User",
            unique_id: holder.unique_id(),
            session: None,
            username: Some(user.name.to_string()),
            tags,
        };
        Ok(Self { identity: reader.identity, boundary, assigned, facts, cut_short })
    }

    /// Of a role, or of its session of this name.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn of_role(snapshot: &dyn Snapshot, role: &Role, session: Option<&str>) -> Result<Self, StoreError> {
        let own = vec![format!("role/{}", role.name)];
        let holder = Holder::Role(role.id);
        let held = iam::entitlements(snapshot, &holder)?.value;
        let mut reader = Reader { snapshot, identity: Vec::new() };
        reader.policies(&held, &own)?;
        let boundary = held.boundary.map(|id| reader.managed(&id, &own)).transpose()?;
        let facts = Facts {
            arn: Arn::role(&role.account, &role.path, &role.name).to_string(),
            account: role.account.clone(),
            kind: "AssumedRole",
            unique_id: holder.unique_id(),
            session: session.map(str::to_owned),
            username: None,
            tags: held.tags.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        };
        Ok(Self { identity: reader.identity, boundary, assigned: Vec::new(), facts, cut_short: None })
    }

    /// The documents in the layers in which they count.
    #[must_use]
    pub fn policies(&self) -> Policies<'_> {
        Policies {
            identity: self.identity.iter().map(Held::named).collect(),
            boundary: self.boundary.as_ref().map(|held| vec![held.named()]),
            ..Policies::default()
        }
    }

    /// By which way the document called `name` came.
    #[must_use]
    pub fn through(&self, name: &str) -> Option<&[String]> {
        self.identity.iter().chain(&self.boundary).find(|held| held.name == name).map(|held| held.through.as_slice())
    }
}

impl Held {
    /// As decisions take it.
    #[must_use]
    pub fn named(&self) -> Named<'_> {
        Named { name: &self.name, document: &self.document }
    }
}

impl Facts {
    /// The context keys that AWS fills for every request of such a principal (IAM User Guide, "AWS global condition context
    /// keys").
    #[must_use]
    pub fn context(&self, now: Timestamp) -> Context {
        let mut context = Context::default();
        let mut set = |key: &str, value: String| {
            context.set(key, vec![value]);
        };
        set("aws:PrincipalArn", self.arn.clone());
        set("aws:PrincipalAccount", self.account.to_string());
        set("aws:PrincipalType", self.kind.to_owned());
        set(
            "aws:userid",
            match &self.session {
                Some(session) => format!("{}:{session}", self.unique_id),
                None => self.unique_id.to_string(),
            },
        );
        if let Some(name) = &self.username {
            set("aws:username", name.clone());
        }
        for (key, value) in &self.tags {
            set(&format!("aws:PrincipalTag/{key}"), value.clone());
        }
        set("aws:CurrentTime", format!("{now:.0}"));
        set("aws:EpochTime", now.as_second().to_string());
        context
    }
}

/// What AWS fills in for the root of `account`, which nothing hangs on.
#[must_use]
pub fn root_context(account: &AccountId, now: Timestamp) -> Context {
    let mut context = Context::default();
    for (key, value) in [
        ("aws:PrincipalArn", Arn::root(account).to_string()),
        ("aws:PrincipalAccount", account.to_string()),
        ("aws:PrincipalType", "Account".to_owned()),
        ("aws:userid", account.to_string()),
        ("aws:CurrentTime", format!("{now:.0}")),
        ("aws:EpochTime", now.as_second().to_string()),
    ] {
        context.set(key, vec![value]);
    }
    context
}

/// Denies everything.
const NOTHING: &str = r#"{"Statement":{"Sid":"GroupsCutShort","Effect":"Deny","Action":"*","Resource":"*"}}"#;

/// Reads documents, and collects those that count together.
struct Reader<'a> {
    snapshot: &'a dyn Snapshot,
    identity: Vec<Held>,
}

impl Reader<'_> {
    /// Everything that hangs at the end of `through`. What hangs at two ends is there twice, which changes no decision.
    fn policies(&mut self, held: &Entitlements, through: &[String]) -> Result<(), StoreError> {
        for id in &held.attached {
            let found = self.managed(id, through)?;
            self.identity.push(found);
        }
        let whose = through.last().map(String::as_str).unwrap_or_default();
        for (name, text) in &held.inline {
            let document = parsed(text, &format!("inline policy {name} of {whose}"))?;
            let name = format!("{whose}/policy/{name}");
            self.identity.push(Held { name, document, text: text.clone(), through: through.to_vec() });
        }
        Ok(())
    }

    /// The managed policy with this id, in the version that counts.
    fn managed(&self, id: &PolicyId, through: &[String]) -> Result<Held, StoreError> {
        let missing = || StoreError::corrupt(&keys::policy(id), "somebody holds it, and it is not there");
        let policy = iam::policy(self.snapshot, id)?.ok_or_else(missing)?;
        let text = iam::policy_version(self.snapshot, id, policy.default_version)?.ok_or_else(missing)?;
        let name = policy.arn().to_string();
        let document = parsed(&text, &name)?;
        Ok(Held { name, document, text, through: through.to_vec() })
    }
}

/// A stored document. It was parsed before it was stored, so one that cannot be is damage, and nobody is allowed anything by
/// what is left of it.
pub(super) fn parsed(text: &str, name: &str) -> Result<Document, StoreError> {
    parsed_as(text, Kind::Identity, name)
}

/// The same, of a document of another kind.
pub(super) fn parsed_as(text: &str, kind: Kind, name: &str) -> Result<Document, StoreError> {
    Document::parse(text, kind).map_err(|error| StoreError::Broken { why: format!("{name}: {error}") })
}
