//! Which policies let somebody use a service, and when somebody last did.
//!
//! What is known of use is what access keys leave: the last use of each, with its service. So there is something to say of
//! `iam` and `sts`, which are ours. Of other services, for which policies written here may count too, nobody told us: they
//! are listed without a moment, as AWS lists those that nobody used. And where a policy means all services at once, those
//! it does not name are not listed, for there is no table of them.

mod jobs;
mod shown;
mod uses;

pub use jobs::{Job, Jobs, ServiceUse};
pub use shown::{Accessed, JobView, ServiceView};
pub use uses::UsedBy;

use serde::{Deserialize, Serialize};

use super::super::{Admin, AdminError};
use super::find;
use crate::base::text::{printable, printable_within};
use crate::gate::Authorized;
use crate::gate::target::{About, subject};
use crate::model::{AccountId, Entity, Group, Holder, ManagedPolicy, MemberKind, Role, User};
use crate::policy::Services;
use crate::rights::{Effective, Library, Terms};
use crate::store::{Snapshot, StoreError, iam};

/// Services of ours, with the names that AWS has for them.
const OURS: [(&str, &str); 2] = [("iam", "AWS Identity and Access Management"), ("sts", "AWS Security Token Service")];

/// Services that one question is about (IAM API reference, `serviceNamespaceListType`).
pub const MOST_NAMESPACES: usize = 200;

/// Whether `text` can be a service as policies write it (IAM API reference, `serviceNamespaceType`).
#[must_use]
pub fn is_namespace(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

/// Which policies let somebody use some services.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantingQuestion {
    /// A user, group or role.
    pub arn: String,
    /// The services, as policies write them.
    pub services: Vec<String>,
}

/// A service, and the policies that let somebody use it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// As it was asked for.
    pub service: String,
    /// The policies.
    pub policies: Vec<Granting>,
}

/// A policy that lets somebody use a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Granting {
    /// A managed one.
    Managed {
        /// Its ARN.
        arn: String,
    },
    /// An inline one.
    Inline {
        /// Its name.
        name: String,
        /// `user`, `group` or `role`.
        kind: String,
        /// On whom it hangs.
        on: String,
    },
}

/// What a question is about.
enum Subject {
    User(User),
    Group(Group),
    Role(Role),
    Policy(ManagedPolicy),
}

/// A document, and the policy it is; an assignment of a role is none.
struct Text {
    of: Option<Granting>,
    services: Services,
}

impl Admin {
    /// The policies that let a user, group or role use each of these services. As in AWS, boundaries, trust policies and what
    /// denies are not looked at. Blocks.
    ///
    /// # Errors
    /// When there is nobody of that ARN, there are too many services or what is none, or the store cannot be read.
    pub fn policies_granting(&self, asked: &Authorized, services: &[String]) -> Result<Vec<Granted>, AdminError> {
        let out_of_bounds = |limit| Err(AdminError::OutOfBounds { what: "services".to_owned(), limit });
        if !(1..=MOST_NAMESPACES).contains(&services.len()) {
            return out_of_bounds(format!("1 to {MOST_NAMESPACES} services"));
        }
        if let Some(none) = services.iter().find(|service| !is_namespace(service)) {
            let none = printable_within(none, 64);
            return out_of_bounds(format!(
                "names such as `s3`, the part of an action before the colon; `{none}` is none"
            ));
        }
        let terms = self.terms(asked.at())?;
        let texts = self.store.read(|snapshot| match Subject::find(snapshot, &self.account, asked.resource())? {
            Subject::Policy(_) => Err(no_subject(asked.resource())),
            found => found.texts(snapshot, &self.account, &terms),
        })?;
        let of = |service: &String| {
            let folded = service.to_ascii_lowercase();
            let granting = texts.iter().filter(|text| text.services.grants(&folded));
            let mut found: Vec<Granting> = granting.filter_map(|text| text.of.clone()).collect();
            found.sort();
            found.dedup();
            Granted { service: service.clone(), policies: found }
        };
        Ok(services.iter().map(of).collect())
    }
}

impl Subject {
    fn find(snapshot: &dyn Snapshot, account: &AccountId, arn: &str) -> Result<Self, AdminError> {
        Ok(match subject(account, arn) {
            Some(About::User) => match find::entity(snapshot, account, MemberKind::User, arn)? {
                Entity::User(user) => Self::User(user),
                _ => return Err(no_subject(arn)),
            },
            Some(About::Group) => match find::entity(snapshot, account, MemberKind::Group, arn)? {
                Entity::Group(group) => Self::Group(group),
                _ => return Err(no_subject(arn)),
            },
            Some(About::Role) => Self::Role(find::role(snapshot, account, arn)?.value),
            Some(About::Policy) => Self::Policy(find::policy(snapshot, account, arn)?.value),
            _ => return Err(no_subject(arn)),
        })
    }

    fn texts(&self, snapshot: &dyn Snapshot, account: &AccountId, terms: &Terms) -> Result<Vec<Text>, AdminError> {
        let effective = match self {
            Self::User(user) => Effective::of_user(snapshot, account, user, terms)?,
            Self::Role(role) => Library::new(account, terms).at(snapshot).role(role, None)?,
            Self::Group(group) => return of_group(snapshot, group),
            Self::Policy(policy) => return Ok(vec![managed(snapshot, policy)?]),
        };
        effective.identity.iter().map(|held| text(granting(&held.name), &held.text)).collect()
    }
}

/// What hangs on a group itself, as AWS has it.
fn of_group(snapshot: &dyn Snapshot, group: &Group) -> Result<Vec<Text>, AdminError> {
    let held = iam::entitlements(snapshot, &Holder::Group(group.id))?.value;
    let mut texts = Vec::new();
    for id in &held.attached {
        if let Some(policy) = iam::policy(snapshot, id)? {
            texts.push(managed(snapshot, &policy)?);
        }
    }
    for (name, document) in &held.inline {
        let of = Granting::Inline { name: name.to_string(), kind: "group".to_owned(), on: group.name.to_string() };
        texts.push(text(Some(of), document)?);
    }
    Ok(texts)
}

fn managed(snapshot: &dyn Snapshot, policy: &ManagedPolicy) -> Result<Text, AdminError> {
    let document = iam::policy_version(snapshot, &policy.id, policy.default_version)?.unwrap_or_default();
    text(Some(Granting::Managed { arn: policy.arn().to_string() }), &document)
}

fn text(of: Option<Granting>, document: &str) -> Result<Text, AdminError> {
    let damaged = |error: serde_json::Error| StoreError::Broken { why: format!("a policy that is stored: {error}") };
    Ok(Text { of, services: Services::of(document).map_err(damaged)? })
}

/// The policy by the name that reasons of decisions have for it: an ARN, or `group/team/policy/NAME`.
fn granting(name: &str) -> Option<Granting> {
    if name.starts_with("arn:") {
        return Some(Granting::Managed { arn: name.to_owned() });
    }
    let (whose, name) = name.split_once("/policy/")?;
    let (kind, on) = whose.split_once('/')?;
    Some(Granting::Inline { name: name.to_owned(), kind: kind.to_owned(), on: on.to_owned() })
}

fn no_subject(arn: &str) -> AdminError {
    AdminError::NoSuch { what: format!("such thing as `{}`; give the ARN of one in this account", printable(arn)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_known_by_the_name_that_reasons_have_for_it() {
        let managed = Granting::Managed { arn: "arn:aws:iam::aws:policy/x".into() };
        assert_eq!(granting("arn:aws:iam::aws:policy/x"), Some(managed));
        let inline = Granting::Inline { name: "p".into(), kind: "group".into(), on: "team".into() };
        assert_eq!(granting("group/team/policy/p"), Some(inline));
        assert_eq!(granting("assignment of role/policy to user/ann"), None);
    }
}
