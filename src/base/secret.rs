//! Values that must not be seen: wiped when dropped, never printed, never compared by `==`.

use std::fmt;

use aws_lc_rs::hmac;
use zeroize::{Zeroize, Zeroizing};

/// A value that never reaches a log, an error or a `Debug` line.
///
/// There is no `Display`, `PartialEq`, `Serialize` or `Clone`: whoever needs the value says
/// [`Secret::expose`], which is easy to find in a review.
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// Takes the value in; the caller's copy is gone.
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value itself. Use it in place; do not keep a copy.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// HMAC-SHA256 (RFC 2104) of `parts`, one behind the other. It goes out as it is: what it shows is that somebody has the key.
#[must_use]
pub fn hmac_sha256(key: &Secret<Vec<u8>>, parts: &[&[u8]]) -> [u8; 32] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
    let mut context = hmac::Context::with_key(&key);
    parts.iter().for_each(|part| context.update(part));
    let tag = context.sign();
    let mut bytes = [0; 32];
    for (byte, of) in bytes.iter_mut().zip(tag.as_ref()) {
        *byte = *of;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, section 4.3.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let code = hmac_sha256(&Secret::new(b"Jefe".to_vec()), &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex::encode(code), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".to_owned())), "Secret(..)");
    }
}
