//! The 12-digit namespace that ARNs live in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An account number: exactly twelve ASCII digits, as AWS writes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

/// Text that is not an account number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an account: expected 12 digits")]
pub struct AccountIdError(String);

impl FromStr for AccountId {
    type Err = AccountIdError;

    fn from_str(text: &str) -> Result<Self, AccountIdError> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(AccountIdError(crate::base::text::printable(text).into_owned()))
        }
    }
}

impl TryFrom<String> for AccountId {
    type Error = AccountIdError;

    fn try_from(text: String) -> Result<Self, AccountIdError> {
        text.parse()
    }
}

impl From<AccountId> for String {
    fn from(account: AccountId) -> Self {
        account.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An account besides the home account, whose roles the people of the home account may assume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its number.
    pub id: AccountId,
    /// For people to read.
    pub name: String,
    /// Who decides there.
    pub kind: AccountKind,
}

/// Who decides what a role of an account may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// Bailey does.
    #[default]
    Local,
    /// AWS does: it is an account there that trusts Bailey as its identity provider.
    Aws,
}

impl AccountKind {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Aws => "aws",
        }
    }
}

/// The accounts there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accounts {
    /// The one that all users and groups belong to.
    pub home: AccountId,
    /// The others.
    pub declared: Vec<Account>,
}

impl Accounts {
    /// The home account alone.
    #[must_use]
    pub fn of(home: AccountId) -> Self {
        Self { home, declared: Vec::new() }
    }

    /// What an account is called, if it is a declared one.
    #[must_use]
    pub fn name_of(&self, account: &AccountId) -> Option<&str> {
        self.declared.iter().find(|declared| declared.id == *account).map(|declared| declared.name.as_str())
    }

    /// True of an account that can hold roles here.
    #[must_use]
    pub fn holds(&self, account: &AccountId) -> bool {
        *account == self.home || self.declared.iter().any(|declared| declared.id == *account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_digits_and_nothing_else() {
        assert_eq!("123456789012".parse::<AccountId>().unwrap().to_string(), "123456789012");
        for bad in ["", "12345678901", "1234567890123", "12345678901a", "１２３４５６７８９０１２"] {
            assert!(bad.parse::<AccountId>().is_err(), "{bad}");
        }
    }
}
