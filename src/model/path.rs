//! Paths of IAM objects: what stands between the kind and the name in an ARN.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest path (IAM API reference, `pathType`).
const LONGEST: usize = 512;

/// `/`, or `/some/way/`: begins and ends with a slash, printable ASCII between (IAM API reference, `pathType`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IamPath(String);

/// Text that is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no path: expected `/`, or printable characters between slashes such as `/team/app/`, at most 512")]
pub struct PathError(String);

impl IamPath {
    /// Whether it is `/`.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0 == "/"
    }

    /// The path's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for IamPath {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

impl FromStr for IamPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let framed = text.starts_with('/') && text.ends_with('/') && !text.contains("//");
        // A wildcard in an ARN would mean more than one object to whoever writes it into a policy.
        let plain = text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'*' | b'?' | b'$' | b'"' | b'\\'));
        if framed && plain && text.len() <= LONGEST {
            Ok(Self(text.to_owned()))
        } else {
            Err(PathError(crate::base::text::printable(text).into_owned()))
        }
    }
}

impl TryFrom<String> for IamPath {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        text.parse()
    }
}

impl From<IamPath> for String {
    fn from(path: IamPath) -> Self {
        path.0
    }
}

impl fmt::Display for IamPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_begins_and_ends_with_a_slash() {
        for good in ["/", "/app/", "/division_abc/subdivision_xyz/"] {
            assert_eq!(good.parse::<IamPath>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "app",
            "/app",
            "app/",
            "//",
            "/a b/",
            "/a*/",
            "/${aws:username}/",
            "/ä/",
            &format!("/{}/", "x".repeat(511)),
        ] {
            assert!(bad.parse::<IamPath>().is_err(), "{bad}");
        }
    }
}
