//! A local user's password, as far as we know it: its hash, and those of earlier ones.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::password_policy::REUSE_BOUNDS;
use crate::base::Timestamp;

/// What IAM calls a login profile: a user that has one can sign in with a password.
///
/// Hashes are PHC strings, which say how they were made. They are no secret as the password is, yet guesses can
/// be tried on them: they are stored, never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginProfile {
    /// The password's hash.
    pub hash: String,
    /// When the password was set.
    pub changed: Timestamp,
    /// It has to be changed before anything else: somebody other than its owner set it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub must_change: bool,
    /// Hashes of earlier passwords, the newest first, at most 24.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous: Vec<String>,
    /// When somebody last signed in with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
}

impl LoginProfile {
    /// A first password.
    #[must_use]
    pub fn new(hash: String, must_change: bool, now: Timestamp) -> Self {
        Self { hash, changed: now, must_change, previous: Vec::new(), last_used: None }
    }

    /// Sets another password, and remembers the hashes of `keep` earlier ones.
    ///
    /// `keep` is what the policy bars, no more: a hash of an old password helps nobody but a thief, who would
    /// learn how its owner invents them.
    pub fn replace(&mut self, hash: String, must_change: bool, keep: Option<u32>, now: Timestamp) {
        let keep = keep.unwrap_or(0).min(*REUSE_BOUNDS.end()) as usize;
        self.previous.insert(0, std::mem::replace(&mut self.hash, hash));
        self.previous.truncate(keep);
        self.changed = now;
        self.must_change = must_change;
    }
}

impl fmt::Debug for LoginProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginProfile")
            .field("changed", &self.changed)
            .field("must_change", &self.must_change)
            .field("previous", &self.previous.len())
            .field("last_used", &self.last_used)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn debug_shows_no_password_hash() {
        let mut profile = LoginProfile::new("$argon2id$one".to_owned(), true, at(1));
        profile.replace("$argon2id$two".to_owned(), false, Some(3), at(2));
        let shown = format!("{profile:?}");
        assert!(!shown.contains("argon2id") && shown.contains("previous: 1"), "{shown}");
    }

    #[test]
    fn earlier_passwords_are_kept_newest_first_and_no_more_than_asked() {
        let mut profile = LoginProfile::new("0".to_owned(), true, at(0));
        for n in 1..=30 {
            profile.replace(n.to_string(), false, Some(99), at(n));
        }
        assert_eq!((profile.previous.len(), profile.previous[0].as_str()), (24, "29"));
        assert_eq!((profile.hash.as_str(), profile.changed, profile.must_change), ("30", at(30), false));
        profile.replace("31".to_owned(), false, Some(2), at(31));
        assert_eq!(profile.previous, ["30", "29"]);
        profile.replace("32".to_owned(), true, None, at(32));
        assert!(profile.previous.is_empty() && profile.must_change);
    }

    #[test]
    fn a_login_profile_survives_the_store() {
        let mut profile = LoginProfile::new("a".to_owned(), true, at(0));
        profile.replace("b".to_owned(), true, Some(1), at(1));
        profile.last_used = Some(at(2));
        let written = serde_json::to_string(&profile).unwrap();
        assert_eq!(serde_json::from_str::<LoginProfile>(&written).unwrap(), profile);
    }
}
