//! Who somebody is to an outside OpenID Connect provider: an issuer and a subject, which together name one person for good.
//!
//! Nothing else that the provider says of them is a key: an address of mail is given to the next, or said by whoever likes (threats O9).

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Issuer;
use crate::base::{Timestamp, UserId};

/// That whoever a provider vouches for is somebody here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideIdentity {
    /// Who they are here.
    pub person: UserId,
    /// Who vouches.
    pub issuer: Issuer,
    /// Who they are to it (`sub`), letter by letter.
    pub subject: String,
    /// Since when that is known here.
    pub since: Timestamp,
}

impl OutsideIdentity {
    /// A digest of whom it is about: what it lies under.
    #[must_use]
    pub fn digest(issuer: &Issuer, subject: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        // An issuer has no NUL, so no two pairs read alike.
        hash.update(issuer.as_str());
        hash.update([0]);
        hash.update(subject);
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_pairs_are_one() {
        let digest = |issuer: &str, subject: &str| OutsideIdentity::digest(&issuer.parse().unwrap(), subject);
        let one = digest("https://login.kessel.example", "eve");
        for (issuer, subject) in [
            ("https://login.kessel.example", "Eve"),
            ("https://login.kessel.example/", "eve"),
            ("https://login.kessel.example/e", "ve"),
            ("https://login.lund.example", "eve"),
        ] {
            assert_ne!(digest(issuer, subject), one, "{issuer} {subject}");
        }
    }
}
