//! What a principal's rights rest on: the documents that have a say about it, and the way by which each came.
//!
//! The one implementation, for the gate, simulations and reports; [`Library`] reads it. Everything is read at the moment of
//! the question: nothing that a principal may do is written down anywhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::acting::limiting;
use super::assigned::Assigned;
use super::{Library, Terms};
use crate::base::{GroupId, Timestamp};
use crate::model::{AccountId, Arn, UniqueId, User};
use crate::policy::{Context, Document, Named, Policies};
use crate::store::{Snapshot, StoreError};

/// A document that has a say.
#[derive(Debug, Clone)]
pub struct Held {
    /// What it is called in reasons: the ARN of a managed policy, otherwise what and whose it is.
    pub name: Arc<str>,
    /// What it says.
    pub document: Arc<Document>,
    /// The same as it is written.
    pub text: Arc<str>,
    /// From the principal to what the document hangs on, such as `user/ann`, `group/team`.
    pub through: Arc<[String]>,
}

/// All that a principal's rights rest on.
#[derive(Debug, Clone)]
pub struct Effective {
    /// Policies that allow and deny.
    pub identity: Vec<Held>,
    /// The one beyond which none of them reaches.
    pub boundary: Option<Held>,
    /// What a session was narrowed to when it began; several are one document in parts.
    pub session: Option<Vec<Held>>,
    /// Roles it may assume by assignment, now.
    pub assigned: Vec<Assigned>,
    /// The groups it is in, directly or through others, nearest first.
    pub groups: Vec<GroupId>,
    /// The names of those, each once, sorted.
    pub group_names: Arc<[String]>,
    /// What the way to its own policies begins with: `user/ann`.
    pub label: String,
    /// What conditions can ask about it.
    pub facts: Facts,
    /// Set when a limit ended the search for groups: then everything is denied.
    pub cut_short: Option<String>,
    /// It stays so until then, if nothing is written meanwhile: an assignment begins or ends then.
    pub until: Timestamp,
}

/// What is known of a principal.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The ARN that `aws:PrincipalArn` names: of a session, the role's.
    pub arn: String,
    /// Its account.
    pub account: AccountId,
    /// `User`, `AssumedRole`, `FederatedUser`, or `Resource`, for which AWS has no word.
    pub kind: &'static str,
    /// Its unique id.
    pub unique_id: UniqueId,
    /// The name of a session of a role.
    pub session: Option<String>,
    /// The name that a federated user was given.
    pub federated: Option<String>,
    /// The name of a user.
    pub username: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl Effective {
    /// Of a user, for one question: [`Library`] answers several about less reading.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn of_user(
        snapshot: &dyn Snapshot,
        account: &AccountId,
        user: &User,
        terms: &Terms,
    ) -> Result<Self, StoreError> {
        Library::new(account, terms).at(snapshot).user(user)
    }

    /// The documents in the layers in which they count.
    #[must_use]
    pub fn policies(&self) -> Policies<'_> {
        Policies {
            identity: self.identity.iter().map(Held::named).collect(),
            boundary: self.boundary.as_ref().map(|held| vec![held.named()]),
            session: self.session.as_deref().map(limiting),
            ..Policies::default()
        }
    }

    /// By which way the document called `name` came, the first of several.
    #[must_use]
    pub fn through(&self, name: &str) -> Option<&[String]> {
        self.ways(name).next()
    }

    /// By which ways the document called `name` came.
    pub fn ways(&self, name: &str) -> impl Iterator<Item = &[String]> {
        self.identity.iter().chain(&self.boundary).filter(move |held| *held.name == *name).map(|held| &*held.through)
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
            match (&self.session, &self.federated) {
                (Some(session), _) => format!("{}:{session}", self.unique_id),
                (None, Some(name)) => format!("{}:{name}", self.account),
                (None, None) => self.unique_id.to_string(),
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

    /// Whether the key tells one user from another; all others are of the account, the moment or the request.
    #[must_use]
    pub fn tell_apart(key: &str) -> bool {
        let key = key.to_lowercase();
        let shared = ["aws:principalaccount", "aws:principaltype"].contains(&key.as_str());
        (key.starts_with("aws:principal") || key.starts_with("aws:user")) && !shared
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_tell_users_apart_are_known() {
        let facts = |name: &str| Facts {
            arn: format!("arn:aws:iam::123456789012:user/{name}"),
            account: "123456789012".parse().unwrap(),
            kind: "User",
            unique_id: UniqueId::of_member(&crate::model::Member::User(crate::base::UserId::from_bytes(
                [name.as_bytes()[0]; 16],
            ))),
            session: None,
            federated: None,
            username: Some(name.to_owned()),
            tags: BTreeMap::from([(format!("team-{name}"), name.to_owned())]),
        };
        let now = Timestamp::UNIX_EPOCH;
        let alone = |facts: Facts| {
            let mut context = facts.context(now);
            for key in facts.context(now).keys().filter(|key| Facts::tell_apart(key)) {
                context.set(key, Vec::new());
            }
            context.keys().map(str::to_owned).collect::<Vec<_>>()
        };
        let shared = ["aws:currenttime", "aws:epochtime", "aws:principalaccount", "aws:principaltype"];
        assert_eq!(alone(facts("ann")), shared);
        assert_eq!(alone(facts("bertha")), shared);
    }
}
