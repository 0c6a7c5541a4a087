//! How a group refers to its members: by DN, or by login.

use sha2::{Digest, Sha256};

use crate::directory::Dn;
use crate::model::RefHash;

/// Awaited by a group that could not be read when last seen: what is stored of its members may be outdated, and no
/// reference of it is known any more. No reference has this digest.
pub const UNREAD: RefHash = RefHash([0; 16]);

/// The digest of a reference by DN. Spellings of one DN share it.
#[must_use]
pub fn by_dn(dn: &Dn) -> RefHash {
    by_normal_form(&dn.normalised())
}

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

/// 128 bits of SHA-256: whoever may write DNs must not be able to make two of them collide.
fn hash(space: &[u8], text: &str) -> RefHash {
    RefHash(first16(&Sha256::new().chain_update(space).chain_update(text).finalize()))
}

/// The first 16 bytes of a digest.
#[must_use]
pub(crate) fn first16(digest: &[u8]) -> [u8; 16] {
    let mut first = [0; 16];
    for (to, from) in first.iter_mut().zip(digest) {
        *to = *from;
    }
    first
}
