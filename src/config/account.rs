//! `[[other_account]]`: accounts besides the home account.

use super::section::Section;
use super::values::Word;
use crate::model::{Account, AccountId, AccountKind};

impl Word for AccountKind {
    fn word(text: &str) -> Option<Self> {
        [Self::Local, Self::Aws].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The accounts, in the order of the file.
pub(super) fn all(sections: &[Section<'_>], home: Option<&AccountId>) -> Vec<Account> {
    let mut accounts: Vec<Account> = Vec::new();
    for section in sections {
        let Some(id) = section.required::<AccountId>("id") else { continue };
        if home == Some(&id) {
            section.fault("id", "is the home account", "leave it out: `account` at the top declares it");
        } else if accounts.iter().any(|account| account.id == id) {
            section.fault("id", "is declared twice", "keep one of them");
        }
        let name = section.optional("name").unwrap_or_default();
        accounts.push(Account { id, name, kind: section.read("kind") });
    }
    accounts
}
