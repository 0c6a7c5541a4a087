//! Amazon Resource Names of what the home account holds.

use std::fmt;

use super::{AccountId, Entity, IamName, IamPath, Issuer, PolicyName, SamlProviderName, SessionName};

/// The name of an object that policies and SDKs use.
///
/// The partition is `aws` so that existing policies, CLIs and SDKs work unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Arn(String);

impl Arn {
    /// `arn:aws:iam::ACCOUNT:root`
    #[must_use]
    pub fn root(account: &AccountId) -> Self {
        Self(format!("arn:aws:iam::{account}:root"))
    }

    /// `arn:aws:iam::ACCOUNT:user/PATH/NAME`
    #[must_use]
    pub fn user(account: &AccountId, path: &IamPath, name: &IamName) -> Self {
        Self(format!("arn:aws:iam::{account}:user{path}{name}"))
    }

    /// `arn:aws:iam::ACCOUNT:group/PATH/NAME`
    #[must_use]
    pub fn group(account: &AccountId, path: &IamPath, name: &IamName) -> Self {
        Self(format!("arn:aws:iam::{account}:group{path}{name}"))
    }

    /// `arn:aws:iam::ACCOUNT:mfa/NAME`, the serial number of a virtual device; `name` has its path before it.
    #[must_use]
    pub fn mfa_device(account: &AccountId, name: &str) -> Self {
        Self(format!("arn:aws:iam::{account}:mfa/{name}"))
    }

    /// The ARN of a user, group or machine.
    #[must_use]
    pub fn entity(account: &AccountId, entity: &Entity) -> Self {
        match entity {
            Entity::User(user) => Self::user(account, &user.path, &user.name),
            Entity::Group(group) => Self::group(account, &group.path, &group.name),
            Entity::Resource(resource) => Self::resource(account, &resource.name),
        }
    }

    /// `arn:aws:iam::ACCOUNT:role/PATH/NAME`
    #[must_use]
    pub fn role(account: &AccountId, path: &IamPath, name: &IamName) -> Self {
        Self(format!("arn:aws:iam::{account}:role{path}{name}"))
    }

    /// `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`; it does not tell the role's path.
    #[must_use]
    pub fn assumed_role(account: &AccountId, name: &IamName, session: &SessionName) -> Self {
        Self(format!("arn:aws:sts::{account}:assumed-role/{name}/{session}"))
    }

    /// `arn:aws:sts::ACCOUNT:federated-user/NAME`
    #[must_use]
    pub fn federated_user(account: &AccountId, name: &SessionName) -> Self {
        Self(format!("arn:aws:sts::{account}:federated-user/{name}"))
    }

    /// `arn:aws:iam::ACCOUNT:policy/PATH/NAME`, `aws` in the place of the account where a policy belongs to every one.
    #[must_use]
    pub fn policy(account: Option<&AccountId>, path: &IamPath, name: &PolicyName) -> Self {
        match account {
            Some(account) => Self(format!("arn:aws:iam::{account}:policy{path}{name}")),
            None => Self(format!("arn:aws:iam::aws:policy{path}{name}")),
        }
    }

    /// `arn:aws:iam::ACCOUNT:instance-profile/PATH/NAME`
    #[must_use]
    pub fn instance_profile(account: &AccountId, path: &IamPath, name: &PolicyName) -> Self {
        Self(format!("arn:aws:iam::{account}:instance-profile{path}{name}"))
    }

    /// `arn:aws:bailey::ACCOUNT:guardrail/NAME`. Not AWS's `arn:aws:organizations::ACCOUNT:policy/o-ID/TYPE/p-ID`: that has ids
    /// in the place of a name, of an organization which there is none of here, and what looks like it and reads otherwise
    /// would mislead programs that take it apart.
    #[must_use]
    pub fn guardrail(account: &AccountId, name: &PolicyName) -> Self {
        Self(format!("arn:aws:bailey::{account}:guardrail/{name}"))
    }

    /// `arn:aws:iam::ACCOUNT:oidc-provider/HOST/PATH`
    #[must_use]
    pub fn oidc_provider(account: &AccountId, issuer: &Issuer) -> Self {
        Self(format!("arn:aws:iam::{account}:oidc-provider/{issuer}"))
    }

    /// `arn:aws:iam::ACCOUNT:saml-provider/NAME`
    #[must_use]
    pub fn saml_provider(account: &AccountId, name: &SamlProviderName) -> Self {
        Self(format!("arn:aws:iam::{account}:saml-provider/{name}"))
    }

    /// The ARN's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `arn:aws:bailey::ACCOUNT:resource/NAME`: IAM has no kind for a machine that is not in EC2.
    #[must_use]
    pub fn resource(account: &AccountId, name: &IamName) -> Self {
        Self(format!("arn:aws:bailey::{account}:resource/{name}"))
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
