//! The short name of a configured directory.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A directory's label: 1 to 32 of `a-z 0-9 -`, starting with a letter.
///
/// It is part of every id derived from that directory, so it is an identity, not a caption:
/// changing it makes everyone in the directory a new person.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DirectoryLabel(String);

/// Text that cannot label a directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot label a directory: use 1 to 32 of a-z, 0-9 and -, starting with a letter")]
pub struct LabelError(String);

impl DirectoryLabel {
    /// What stands in the place of a directory with those whom no directory knows. None can be configured under it.
    #[must_use]
    pub fn local() -> Self {
        Self("local".to_owned())
    }

    /// Whether it is [`DirectoryLabel::local`].
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.0 == "local"
    }

    /// The label's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DirectoryLabel {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        let well_formed = text.len() <= 32
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(LabelError(crate::base::text::printable(text).into_owned()))
        }
    }
}

impl TryFrom<String> for DirectoryLabel {
    type Error = LabelError;

    fn try_from(text: String) -> Result<Self, LabelError> {
        text.parse()
    }
}

impl From<DirectoryLabel> for String {
    fn from(label: DirectoryLabel) -> Self {
        label.0
    }
}

impl fmt::Display for DirectoryLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short_and_plain() {
        assert!("corp".parse::<DirectoryLabel>().is_ok());
        assert!("eu-west-2".parse::<DirectoryLabel>().is_ok());
        for bad in ["", "Corp", "2corp", "corp.example", &"a".repeat(33)] {
            assert!(bad.parse::<DirectoryLabel>().is_err(), "{bad}");
        }
    }
}
