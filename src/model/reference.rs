//! Digests of how somebody is referred to: by a group to its members, by DN, by login or by security identifier; by those who
//! vouch for a machine.

use sha2::{Digest, Sha256};

use super::{MachineIdentity, RefHash};
use crate::base::Sid;

/// The digest of a reference by the DN with this normal form.
#[must_use]
pub fn by_normal_form(normal: &str) -> RefHash {
    hash(b"dn:", normal)
}

/// The digest of a reference by login (`memberUid`, RFC 2307). POSIX logins are compared exactly,
/// but the attribute they name ignores case, so both are folded.
#[must_use]
pub fn by_login(login: &str) -> RefHash {
    hash(b"login:", &login.to_lowercase())
}

/// The digest of a reference by security identifier: somebody of another domain.
#[must_use]
pub fn by_sid(sid: &Sid) -> RefHash {
    hash(b"sid:", &sid.to_string())
}

/// The digest of the account that a machine signs in to its domain with, whose case does not count.
#[must_use]
pub fn by_account(name: &str) -> RefHash {
    hash(b"account:", &name.to_lowercase())
}

/// The digest of what those who vouch for a machine call it.
#[must_use]
pub fn by_identity(identity: &MachineIdentity) -> RefHash {
    hash(b"machine:", &identity.to_string())
}

/// 128 bits of SHA-256: whoever may write DNs must not be able to make two of them collide.
fn hash(space: &[u8], text: &str) -> RefHash {
    let digest = Sha256::new().chain_update(space).chain_update(text).finalize();
    let mut first = [0; 16];
    for (to, from) in first.iter_mut().zip(digest) {
        *to = from;
    }
    RefHash(first)
}
