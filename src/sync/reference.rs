//! How a group refers to its members: by DN, by login, or by security identifier.
//!
//! The digests are the model's; here is what takes a [`Dn`].

pub use crate::model::reference::{by_login, by_normal_form, by_sid};

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

/// The first 16 bytes of a digest.
#[must_use]
pub(crate) fn first16(digest: &[u8]) -> [u8; 16] {
    let mut first = [0; 16];
    for (to, from) in first.iter_mut().zip(digest) {
        *to = *from;
    }
    first
}
