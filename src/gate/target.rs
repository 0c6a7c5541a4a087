//! What an operation is about, as policies name it: an ARN, and the tags of what is there.
//!
//! A caller says a name, an id or an ARN, in any case. What is decided about is what the operation will find by the same
//! words ([`crate::rights::find`]); so no spelling of a name slips past a Deny.

use crate::model::{AccountId, Arn, Entity, Holder, MemberKind, Tags};
use crate::rights::find;
use crate::store::{Snapshot, StoreError, credentials, iam};

/// The word for root where a user's name is expected, as AWS writes it into credential reports. It is outside of the alphabet
/// of users' names, so nobody can bear it.
pub const ROOT: &str = "<root_account>";

/// What sort of thing an operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// The account, or nothing in particular: `*`.
    Account,
    /// A user.
    User,
    /// A group.
    Group,
    /// A machine.
    Machine,
    /// A role.
    Role,
    /// A managed policy.
    Policy,
    /// An instance profile.
    InstanceProfile,
    /// A virtual device of the second factor.
    MfaDevice,
    /// A configured directory.
    Directory,
    /// Changes that the guard holds.
    Held,
    /// One of these that is to be made; what is said is its path and name.
    New(Kind),
}

/// What can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A user.
    User,
    /// A group.
    Group,
    /// A role.
    Role,
    /// A managed policy.
    Policy,
    /// An instance profile.
    InstanceProfile,
    /// A virtual device of the second factor.
    MfaDevice,
}

/// What a decision is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Its ARN, or `*`.
    pub(super) arn: String,
    /// What hangs on it as tags.
    pub(super) tags: Tags,
}

impl About {
    /// The ARN's form, for documentation.
    #[must_use]
    pub fn form(self) -> &'static str {
        match self {
            Self::Account => "*",
            Self::User | Self::New(Kind::User) => "arn:aws:iam::ACCOUNT:user/PATH/NAME",
            Self::Group | Self::New(Kind::Group) => "arn:aws:iam::ACCOUNT:group/PATH/NAME",
            Self::Machine => "arn:aws:bailey::ACCOUNT:resource/NAME",
            Self::Role | Self::New(Kind::Role) => "arn:aws:iam::ACCOUNT:role/PATH/NAME",
            Self::Policy | Self::New(Kind::Policy) => "arn:aws:iam::ACCOUNT:policy/PATH/NAME",
            Self::InstanceProfile | Self::New(Kind::InstanceProfile) => {
                "arn:aws:iam::ACCOUNT:instance-profile/PATH/NAME"
            }
            Self::MfaDevice | Self::New(Kind::MfaDevice) => "arn:aws:iam::ACCOUNT:mfa/PATH/NAME",
            Self::Directory => "arn:aws:bailey::ACCOUNT:directory/LABEL",
            Self::Held => "arn:aws:bailey::ACCOUNT:held-changes/DIGEST",
        }
    }
}

impl Target {
    /// What `text` means.
    pub(super) fn of(
        snapshot: &dyn Snapshot,
        account: &AccountId,
        about: About,
        text: &str,
    ) -> Result<Self, StoreError> {
        let kind = match about {
            About::Account => return Ok(Self::bare("*".to_owned())),
            About::Directory => return Ok(Self::bare(format!("arn:aws:bailey::{account}:directory/{text}"))),
            About::Held => return Ok(Self::bare(format!("arn:aws:bailey::{account}:held-changes/{text}"))),
            About::New(kind) => return Ok(Self::bare(spelt(account, kind, text))),
            About::Machine => return Self::entity(snapshot, account, MemberKind::Resource, text),
            About::User if text == Arn::root(account).as_str() || text == ROOT => {
                return Ok(Self::bare(Arn::root(account).to_string()));
            }
            About::User => return Self::entity(snapshot, account, MemberKind::User, text),
            About::Group => return Self::entity(snapshot, account, MemberKind::Group, text),
            About::Role => Kind::Role,
            About::Policy => Kind::Policy,
            About::InstanceProfile => Kind::InstanceProfile,
            About::MfaDevice => Kind::MfaDevice,
        };
        let found = match kind {
            Kind::Role => match found(find::role(snapshot, account, text))? {
                Some(role) => Some(Self {
                    arn: Arn::role(&role.value.account, &role.value.path, &role.value.name).to_string(),
                    tags: iam::entitlements(snapshot, &Holder::Role(role.value.id))?.value.tags,
                }),
                None => None,
            },
            Kind::Policy => found(find::policy(snapshot, account, text))?
                .map(|policy| Self { arn: policy.value.arn().to_string(), tags: policy.value.tags }),
            Kind::InstanceProfile => found(find::profile(snapshot, account, text))?.map(|profile| Self {
                arn: Arn::instance_profile(&profile.value.account, &profile.value.path, &profile.value.name)
                    .to_string(),
                tags: profile.value.tags,
            }),
            _ => {
                let prefix = Arn::mfa_device(account, "").to_string();
                let name = text.strip_prefix(&prefix).unwrap_or(text);
                credentials::mfa_device(snapshot, name)?.map(|device| Self {
                    arn: Arn::mfa_device(account, &device.value.name).to_string(),
                    tags: device.value.tags,
                })
            }
        };
        Ok(found.unwrap_or_else(|| Self::bare(spelt(account, kind, text))))
    }

    fn entity(snapshot: &dyn Snapshot, account: &AccountId, kind: MemberKind, text: &str) -> Result<Self, StoreError> {
        let Some(entity) = found(find::entity(snapshot, account, kind, text))? else {
            let kind = if kind == MemberKind::Group { Kind::Group } else { Kind::User };
            return Ok(Self::bare(spelt(account, kind, text)));
        };
        let mut tags = Tags::default();
        if let Entity::User(user) = &entity {
            // What an administrator hangs on somebody stands above what the directory says, as with `aws:PrincipalTag`.
            let told = user.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
            let held = iam::entitlements(snapshot, &Holder::User(user.id))?.value.tags;
            for (key, value) in told.chain(held.iter()) {
                // A directory's value that is no tag's is none here.
                let _ = tags.set(key, value);
            }
        }
        Ok(Self { arn: Arn::entity(account, &entity).to_string(), tags })
    }

    fn bare(arn: String) -> Self {
        Self { arn, tags: Tags::default() }
    }
}

/// What is found, `None` if nothing is meant: then the decision is about what was said, and the operation will say that
/// there is none, to those who may know.
fn found<T>(result: Result<T, find::FindError>) -> Result<Option<T>, StoreError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(find::FindError::Store(error)) => Err(error),
        Err(_) => Ok(None),
    }
}

/// The ARN of something that is not there, by what was said: an ARN as it is, a path and name, or a name.
fn spelt(account: &AccountId, kind: Kind, text: &str) -> String {
    let word = match kind {
        Kind::User => "user",
        Kind::Group => "group",
        Kind::Role => "role",
        Kind::Policy => "policy",
        Kind::InstanceProfile => "instance-profile",
        Kind::MfaDevice => "mfa",
    };
    // An ARN may be of another service or account; then it is about nothing of ours, and no policy should think so.
    if text.starts_with(&format!("arn:aws:iam::{account}:{word}/")) {
        return text.to_owned();
    }
    let slash = if text.starts_with('/') { "" } else { "/" };
    format!("arn:aws:iam::{account}:{word}{slash}{text}")
}
