//! Amazon Resource Names of what the home account holds.

use std::fmt;

use super::{AccountId, IamName};

/// The name of a user, group or resource that policies and SDKs use.
///
/// The partition is `aws` so that existing policies, CLIs and SDKs work unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Arn(String);

impl Arn {
    /// `arn:aws:iam::ACCOUNT:user/NAME`
    #[must_use]
    pub fn user(account: &AccountId, name: &IamName) -> Self {
        Self(format!("arn:aws:iam::{account}:user/{name}"))
    }

    /// `arn:aws:iam::ACCOUNT:group/NAME`
    #[must_use]
    pub fn group(account: &AccountId, name: &IamName) -> Self {
        Self(format!("arn:aws:iam::{account}:group/{name}"))
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
