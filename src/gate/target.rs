//! What an operation is about, as policies name it: an ARN, and the tags of what is there.
//!
//! A caller says a name, an id or an ARN, in any case. What is decided about is what the operation will find by the same
//! words ([`crate::rights::find`]); so no spelling of a name slips past a Deny.

use std::collections::BTreeMap;

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
    /// An OpenID Connect provider.
    OidcProvider,
    /// A SAML provider.
    SamlProvider,
    /// Root of another account, by its ARN.
    Root,
    /// A user, group, role or managed policy, by its ARN.
    Subject,
    /// A configured directory.
    Directory,
    /// Changes that the guard holds.
    Held,
    /// A client of single sign-on.
    Client,
    /// A SAML service provider.
    SamlSp,
    /// A grant of a role for a while.
    Grant,
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
    /// An OpenID Connect provider.
    OidcProvider,
    /// A SAML provider.
    SamlProvider,
}

/// What a decision is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Its ARN, or `*`.
    pub(super) arn: String,
    /// What hangs on it as tags.
    pub(super) tags: BTreeMap<String, String>,
    /// The boundary of a user or role, by ARN.
    pub(super) boundary: Option<String>,
}

impl About {
    /// The ARN's form, for documentation.
    #[must_use]
    pub fn form(self) -> &'static str {
        match self {
            Self::Account => "*",
            Self::User | Self::New(Kind::User) => "arn:aws:iam::ACCOUNT:user/PATH/NAME",
            Self::Group | Self::New(Kind::Group) => "arn:aws:iam::ACCOUNT:group/PATH/NAME",
            Self::Machine | Self::New(Kind::Machine) => "arn:aws:bailey::ACCOUNT:resource/NAME",
            Self::Role | Self::New(Kind::Role) => "arn:aws:iam::ACCOUNT:role/PATH/NAME",
            Self::Policy | Self::New(Kind::Policy) => "arn:aws:iam::ACCOUNT:policy/PATH/NAME",
            Self::InstanceProfile | Self::New(Kind::InstanceProfile) => {
                "arn:aws:iam::ACCOUNT:instance-profile/PATH/NAME"
            }
            Self::MfaDevice | Self::New(Kind::MfaDevice) => "arn:aws:iam::ACCOUNT:mfa/PATH/NAME",
            Self::OidcProvider | Self::New(Kind::OidcProvider) => "arn:aws:iam::ACCOUNT:oidc-provider/HOST/PATH",
            Self::SamlProvider | Self::New(Kind::SamlProvider) => "arn:aws:iam::ACCOUNT:saml-provider/NAME",
            Self::Root => "arn:aws:iam::ACCOUNT:root",
            Self::Subject => "arn:aws:iam::ACCOUNT:KIND/PATH/NAME",
            Self::Directory => "arn:aws:bailey::ACCOUNT:directory/LABEL",
            Self::Held => "arn:aws:bailey::ACCOUNT:held-changes/DIGEST",
            Self::Client => "arn:aws:sso::ACCOUNT:client/ID",
            Self::SamlSp => "arn:aws:sso::ACCOUNT:saml-sp/NAME",
            Self::Grant => "arn:aws:bailey::ACCOUNT:grant/ID",
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
            About::Client => return Ok(Self::bare(format!("arn:aws:sso::{account}:client/{text}"))),
            About::SamlSp => return Ok(Self::bare(format!("arn:aws:sso::{account}:saml-sp/{text}"))),
            About::Grant => return Ok(Self::bare(format!("arn:aws:bailey::{account}:grant/{text}"))),
            About::Root => return Ok(Self::bare(root(text))),
            About::New(kind) => return Ok(Self::bare(spelt(account, kind, text))),
            About::Machine => return Self::entity(snapshot, account, MemberKind::Resource, text),
            About::User if text == Arn::root(account).as_str() || text == ROOT => {
                return Ok(Self::bare(Arn::root(account).to_string()));
            }
            About::User => return Self::entity(snapshot, account, MemberKind::User, text),
            About::Group => return Self::entity(snapshot, account, MemberKind::Group, text),
            About::Subject => {
                return match subject(account, text) {
                    Some(about) => Self::of(snapshot, account, about, text),
                    // Nothing of ours is meant, so the operation will find nothing.
                    None => Ok(Self::bare("*".to_owned())),
                };
            }
            About::Role => Kind::Role,
            About::Policy => Kind::Policy,
            About::InstanceProfile => Kind::InstanceProfile,
            About::MfaDevice => Kind::MfaDevice,
            About::OidcProvider => Kind::OidcProvider,
            About::SamlProvider => Kind::SamlProvider,
        };
        let found = match kind {
            Kind::Role => match found(find::role(snapshot, account, text))? {
                Some(role) => {
                    let arn = Arn::role(&role.value.account, &role.value.path, &role.value.name).to_string();
                    let held = iam::entitlements(snapshot, &Holder::Role(role.value.id))?.value;
                    Some(Self { arn, tags: plain(&held.tags), boundary: boundary(snapshot, held.boundary)? })
                }
                None => None,
            },
            Kind::Policy => found(find::policy(snapshot, account, text))?
                .map(|policy| Self::tagged(policy.value.arn().to_string(), &policy.value.tags)),
            Kind::InstanceProfile => found(find::profile(snapshot, account, text))?.map(|profile| {
                let profile = profile.value;
                let arn = Arn::instance_profile(&profile.account, &profile.path, &profile.name);
                Self::tagged(arn.to_string(), &profile.tags)
            }),
            Kind::OidcProvider => found(find::oidc_provider(snapshot, account, text))?
                .map(|provider| Self::tagged(provider.value.arn().to_string(), &provider.value.tags)),
            Kind::SamlProvider => found(find::saml_provider(snapshot, account, text))?
                .map(|provider| Self::tagged(provider.value.arn().to_string(), &provider.value.tags)),
            _ => {
                let prefix = Arn::mfa_device(account, "").to_string();
                let name = text.strip_prefix(&prefix).unwrap_or(text);
                let device = credentials::mfa_device(snapshot, name)?.map(|device| device.value);
                device.map(|device| Self::tagged(Arn::mfa_device(account, &device.name).to_string(), &device.tags))
            }
        };
        Ok(found.unwrap_or_else(|| Self::bare(spelt(account, kind, text))))
    }

    fn entity(snapshot: &dyn Snapshot, account: &AccountId, kind: MemberKind, text: &str) -> Result<Self, StoreError> {
        let Some(entity) = found(find::entity(snapshot, account, kind, text))? else {
            let kind = match kind {
                MemberKind::User => Kind::User,
                MemberKind::Group => Kind::Group,
                MemberKind::Resource => Kind::Machine,
            };
            return Ok(Self::bare(spelt(account, kind, text)));
        };
        let mut target = Self::bare(Arn::entity(account, &entity).to_string());
        if let Entity::Resource(resource) = &entity {
            target.tags.clone_from(&resource.tags);
        }
        if let Entity::User(user) = &entity {
            let held = iam::entitlements(snapshot, &Holder::User(user.id))?.value;
            // What an administrator hangs on somebody stands above what the directory says, as with `aws:PrincipalTag`; keys
            // have no case.
            let theirs = user.tags.iter().filter(|(key, _)| held.tags.key(key).is_none());
            target.tags = theirs.map(|(key, value)| (key.clone(), value.clone())).collect();
            target.tags.extend(plain(&held.tags));
            target.boundary = boundary(snapshot, held.boundary)?;
        }
        Ok(target)
    }

    fn tagged(arn: String, tags: &Tags) -> Self {
        Self { tags: plain(tags), ..Self::bare(arn) }
    }

    /// The account whose root it is.
    pub(super) fn account(&self) -> Option<AccountId> {
        self.arn.strip_prefix("arn:aws:iam::")?.strip_suffix(":root")?.parse().ok()
    }

    /// Of what has neither tags nor a boundary.
    pub(super) fn bare(arn: String) -> Self {
        Self { arn, tags: BTreeMap::new(), boundary: None }
    }

    /// The same user or group as it is to be called.
    pub(super) fn renamed(&self, renaming: &Renaming) -> Self {
        let Some((start, rest)) = self.arn.split_once('/') else { return self.clone() };
        let (path, name) =
            rest.rsplit_once('/').map_or(("/".to_owned(), rest), |(path, name)| (format!("/{path}/"), name));
        let (path, name) = (renaming.path.as_deref().unwrap_or(&path), renaming.name.as_deref().unwrap_or(name));
        Self { arn: format!("{start}{path}{name}"), ..self.clone() }
    }
}

/// Another name or path that somebody is to get.
#[derive(Debug, Clone, Default)]
pub struct Renaming {
    /// The name, if it is to be another.
    pub name: Option<String>,
    /// The path, if it is to be another.
    pub path: Option<String>,
}

fn plain(tags: &Tags) -> BTreeMap<String, String> {
    tags.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn boundary(snapshot: &dyn Snapshot, id: Option<crate::base::PolicyId>) -> Result<Option<String>, StoreError> {
    let policy = id.map(|id| iam::policy(snapshot, &id)).transpose()?.flatten();
    Ok(policy.map(|policy| policy.arn().to_string()))
}

/// What sort of thing the ARN of a user, group, role or policy is of.
#[must_use]
pub fn subject(account: &AccountId, arn: &str) -> Option<About> {
    if arn.starts_with("arn:aws:iam::aws:policy/") {
        return Some(About::Policy);
    }
    let (word, _) = arn.strip_prefix(&format!("arn:aws:iam::{account}:"))?.split_once('/')?;
    match word {
        "user" => Some(About::User),
        "group" => Some(About::Group),
        "role" => Some(About::Role),
        "policy" => Some(About::Policy),
        _ => None,
    }
}

/// The ARN of root that is meant; `*` of what means none, so that it stands for no account.
fn root(text: &str) -> String {
    let meant = text.strip_prefix("arn:aws:iam::").and_then(|rest| rest.strip_suffix(":root"));
    let meant = meant.and_then(|account| account.parse::<AccountId>().ok());
    meant.map_or_else(|| "*".to_owned(), |account| Arn::root(&account).to_string())
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
        Kind::Machine => "resource",
        Kind::Role => "role",
        Kind::Policy => "policy",
        Kind::InstanceProfile => "instance-profile",
        Kind::MfaDevice => "mfa",
        Kind::OidcProvider => "oidc-provider",
        Kind::SamlProvider => "saml-provider",
    };
    // An ARN may be of another service or account; then it is about nothing of ours, and no policy should think so.
    let service = if kind == Kind::Machine { "bailey" } else { "iam" };
    if text.starts_with(&format!("arn:aws:{service}::{account}:{word}/")) {
        return text.to_owned();
    }
    let slash = if text.starts_with('/') { "" } else { "/" };
    format!("arn:aws:{service}::{account}:{word}{slash}{text}")
}
