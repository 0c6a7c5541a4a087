//! IAM names: 1 to 64 characters of `[\w+=,.@-]`, made from whatever a directory calls someone.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization as _;

use super::DirectoryLabel;

/// Longest IAM user or group name (IAM API reference, `userNameType` and `groupNameType` share 64 for users).
pub const LONGEST: usize = 64;

/// Longest name of a policy or an instance profile (IAM API reference, `policyNameType`, `instanceProfileNameType`).
pub const LONGEST_OF_POLICIES: usize = 128;

/// A name in IAM's alphabet. Compared exactly; [`IamName::folded`] is what must be unique.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IamName(String);

/// The name of a policy, managed or inline, or of an instance profile.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PolicyName(String);

/// Text that is not an IAM name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an IAM name: use 1 to {longest} of letters, digits and _+=,.@-")]
pub struct NameError {
    text: String,
    longest: usize,
}

impl PolicyName {
    /// What must be unique in an account.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// The name's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl IamName {
    /// The name for what a directory calls `text`: compatibility forms are unified (NFKC), accents
    /// dropped where a base letter is left, anything else outside the alphabet becomes `_`.
    ///
    /// A name that has to be cut keeps its beginning and gets `distinct` (8 hexadecimal digits
    /// of the id) at its end, so that two long names stay two.
    #[must_use]
    pub fn mapped(text: &str, label: Option<&DirectoryLabel>, distinct: &[u8; 16]) -> Self {
        let mut name: String =
            text.trim().nfkd().filter(|c| !is_combining(*c)).map(|c| if allowed(c) { c } else { '_' }).collect();
        if name.is_empty() {
            name.push('_');
        }
        let tail = label.map(|l| format!("@{l}")).unwrap_or_default();
        Self::fitted(name, &tail, distinct)
    }

    /// The name given to whoever has to make room: `NAME+1a2b3c4d`. Should somebody bear that too, attempts
    /// 1, 2 .. give others.
    #[must_use]
    pub fn displaced(&self, distinct: &[u8; 16], attempt: u32) -> Self {
        let tail = match attempt {
            0 => format!("+{}", short(distinct)),
            // Eight bytes: 32 bits collide by chance where 100,000 names have no letter left but `_`.
            _ => {
                let digest = Sha256::new().chain_update(distinct).chain_update(attempt.to_be_bytes()).finalize();
                let (half, _) = digest.split_at(8);
                format!("+{}", hex::encode(half))
            }
        };
        let room = LONGEST - tail.len();
        let mut kept: String = self.0.chars().take(room).collect();
        kept.push_str(&tail);
        Self(kept)
    }

    /// What must be unique: IAM names differ by more than case.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// The name's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn fitted(name: String, tail: &str, distinct: &[u8; 16]) -> Self {
        if name.len() + tail.len() <= LONGEST {
            return Self(name + tail);
        }
        let tail = format!("+{}{tail}", short(distinct));
        let kept: String = name.chars().take(LONGEST - tail.len()).collect();
        Self(kept + &tail)
    }
}

/// Last four bytes: the first four are the same for a whole directory.
fn short(distinct: &[u8; 16]) -> String {
    let mut last = [0; 4];
    for (to, from) in last.iter_mut().rev().zip(distinct.iter().rev()) {
        *to = *from;
    }
    hex::encode(last)
}

fn allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '=' | ',' | '.' | '@' | '-')
}

fn is_combining(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// What every kind of name is: text of the alphabet, parsed and printed.
macro_rules! named {
    ($name:ident, $longest:expr) => {
        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                if (1..=$longest).contains(&text.len()) && text.chars().all(allowed) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NameError { text: crate::base::text::printable(text).into_owned(), longest: $longest })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

named!(IamName, LONGEST);
named!(PolicyName, LONGEST_OF_POLICIES);

#[cfg(test)]
mod tests {
    use super::*;

    const ID: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0x1a, 0x2b, 0x3c, 0x4d];

    #[test]
    fn names_map_into_the_alphabet() {
        for (login, name) in [
            ("jsmith", "jsmith"),
            (" J.Smith@corp ", "J.Smith@corp"),
            ("jörg", "jorg"),
            ("a b/c", "a_b_c"),
            ("李", "_"),
            ("ｆｕｌｌ", "full"),
            ("", "_"),
        ] {
            assert_eq!(IamName::mapped(login, None, &ID).as_str(), name, "{login}");
        }
    }

    #[test]
    fn a_directory_that_is_not_primary_says_its_label() {
        let label = "labs".parse().unwrap();
        assert_eq!(IamName::mapped("jsmith", Some(&label), &ID).as_str(), "jsmith@labs");
    }

    #[test]
    fn long_names_stay_apart_and_within_the_limit() {
        let label = "labs".parse().unwrap();
        let name = IamName::mapped(&"x".repeat(80), Some(&label), &ID);
        assert_eq!(name.as_str().len(), LONGEST);
        assert!(name.as_str().ends_with("+1a2b3c4d@labs"));
        assert_eq!(IamName::mapped("jsmith", None, &ID).displaced(&ID, 0).as_str(), "jsmith+1a2b3c4d");
        for attempt in 0..3 {
            assert_eq!(name.displaced(&ID, attempt).as_str().len(), LONGEST);
        }
        assert_ne!(name.displaced(&ID, 1), name.displaced(&ID, 2));
    }
}
