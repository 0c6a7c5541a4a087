//! The console and the STS of AWS as a service provider (IAM User Guide, "Configure SAML assertions for the authentication response").

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::SamlSpError;
use crate::model::{AccountId, SamlProviderName};

/// How every attribute begins that AWS gives a meaning to.
pub const ATTRIBUTES: &str = "https://aws.amazon.com/SAML/Attributes/";

/// What the console may last, in seconds (`SessionDuration`).
const DURATION: std::ops::RangeInclusive<u32> = 900..=43_200;

/// How people sign in to AWS: by roles of theirs, which are those that they are assigned of these accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsSignIn {
    /// What we are called in each account: the second half of each value of the attribute `Role`.
    pub providers: BTreeMap<AccountId, AwsProvider>,
    /// How many seconds the console lasts; as the role says, or an hour, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_duration: Option<u32>,
}

/// The ARN of a SAML provider in AWS: `arn:aws:iam::ACCOUNT:saml-provider/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AwsProvider {
    partition: Partition,
    account: AccountId,
    name: SamlProviderName,
}

/// The parts of AWS that know nothing of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Partition {
    World,
    China,
    UsGov,
}

impl Partition {
    const ALL: [Self; 3] = [Self::World, Self::China, Self::UsGov];

    const fn word(self) -> &'static str {
        match self {
            Self::World => "aws",
            Self::China => "aws-cn",
            Self::UsGov => "aws-us-gov",
        }
    }
}

impl AwsSignIn {
    /// The providers of these ARNs, one for each account.
    ///
    /// # Errors
    /// When two are of one account.
    pub fn new(
        providers: impl IntoIterator<Item = AwsProvider>,
        session_duration: Option<u32>,
    ) -> Result<Self, SamlSpError> {
        let mut by_account = BTreeMap::new();
        for provider in providers {
            if let Some(other) = by_account.insert(provider.account.clone(), provider.clone())
                && other != provider
            {
                let what = format!("`{other}` and `{provider}` are of one account");
                return Err(SamlSpError::contradiction(what, "keep one of them"));
            }
        }
        let aws = Self { providers: by_account, session_duration };
        aws.check()?;
        Ok(aws)
    }

    pub(super) fn check(&self) -> Result<(), SamlSpError> {
        if self.providers.is_empty() {
            let remedy = "name arn:aws:iam::ACCOUNT:saml-provider/NAME of at least one account";
            return Err(SamlSpError::contradiction("AWS has to know us by some name", remedy));
        }
        if let Some((account, provider)) = self.providers.iter().find(|(account, other)| **account != other.account) {
            let what = format!("`{provider}` is not of account {account}");
            return Err(SamlSpError::contradiction(what, "name it under its own account"));
        }
        let mut parts = self.providers.values().map(AwsProvider::partition);
        let first = parts.next();
        if parts.any(|part| Some(part) != first) {
            let what = "accounts of several parts of AWS (aws, aws-cn, aws-us-gov) have several addresses";
            return Err(SamlSpError::contradiction(what, "register one service provider for each part"));
        }
        match self.session_duration {
            Some(seconds) if !DURATION.contains(&seconds) => {
                let what = format!("the console cannot last {seconds} s");
                Err(SamlSpError::contradiction(what, "it lasts 15 minutes to 12 hours"))
            }
            _ => Ok(()),
        }
    }
}

impl AwsProvider {
    /// The account.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// What we are called there.
    #[must_use]
    pub fn name(&self) -> &SamlProviderName {
        &self.name
    }

    /// The word that ARNs of its part of AWS begin with.
    #[must_use]
    pub fn partition(&self) -> &'static str {
        self.partition.word()
    }

    /// Where responses are delivered, which is what trust policies compare as `SAML:aud`.
    #[must_use]
    pub fn audience(&self) -> &'static str {
        match self.partition {
            Partition::World => "https://signin.aws.amazon.com/saml",
            Partition::China => "https://signin.amazonaws.cn/saml",
            Partition::UsGov => "https://signin.amazonaws-us-gov.com/saml",
        }
    }
}

impl FromStr for AwsProvider {
    type Err = SamlSpError;

    fn from_str(text: &str) -> Result<Self, SamlSpError> {
        const EXPECTED: &str = "write arn:aws:iam::ACCOUNT:saml-provider/NAME";
        let read = || {
            let (partition, rest) = text.strip_prefix("arn:")?.split_once(":iam::")?;
            let partition = Partition::ALL.into_iter().find(|known| known.word() == partition)?;
            let (account, name) = rest.split_once(":saml-provider/")?;
            Some(Self { partition, account: account.parse().ok()?, name: name.parse().ok()? })
        };
        read().ok_or_else(|| SamlSpError::word("ARN of a SAML provider in AWS", text, EXPECTED))
    }
}

impl fmt::Display for AwsProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arn:{}:iam::{}:saml-provider/{}", self.partition.word(), self.account, self.name)
    }
}

impl TryFrom<String> for AwsProvider {
    type Error = SamlSpError;

    fn try_from(text: String) -> Result<Self, SamlSpError> {
        text.parse()
    }
}

impl From<AwsProvider> for String {
    fn from(provider: AwsProvider) -> Self {
        provider.to_string()
    }
}
