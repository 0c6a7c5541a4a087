//! A code that a person reads in one place and types in another: for a device without a browser (RFC 8628), or from an invitation.
//!
//! Owns its letters, and how it is read. What it is good for, and how often somebody may guess, is the business of whoever asks for it.

use rand::{CryptoRng, RngExt as _};
use sha2::{Digest as _, Sha256};

/// Letters of a code: no vowels, so that no word comes of them, and none that is taken for another (RFC 8628, section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// Letters in a code: 20^8 codes, of which guessing within limits finds none.
const LENGTH: usize = 8;

/// A code that a person types.
#[derive(Clone, PartialEq, Eq)]
pub struct UserCode(String);

impl UserCode {
    /// A code by chance.
    #[must_use]
    pub fn fresh(rng: &mut impl CryptoRng) -> Self {
        let letter = |_| LETTERS.get(rng.random_range(0..LETTERS.len())).copied().unwrap_or(b'B');
        Self((0..LENGTH).map(letter).map(char::from).collect())
    }

    /// What somebody typed, whatever the case and whatever stands between (RFC 8628, section 6.1). `None` of what is no code.
    #[must_use]
    pub fn typed(text: &str) -> Option<Self> {
        let letters: String = text.chars().take(64).filter(char::is_ascii_alphanumeric).collect();
        let letters = letters.to_ascii_uppercase();
        (letters.len() == LENGTH && letters.bytes().all(|letter| LETTERS.contains(&letter))).then_some(Self(letters))
    }

    /// As people read it: `WDJB-MJHT`.
    #[must_use]
    pub fn shown(&self) -> String {
        let (first, second) = self.0.split_at_checked(LENGTH / 2).unwrap_or((&self.0, ""));
        format!("{first}-{second}")
    }

    /// Under which it lies in the store.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = UserCode::typed("WDJB-MJHT").unwrap();
        for typed in ["wdjbmjht", " w d j b m j h t ", "WDJB_MJHT", "wdjb\u{2013}mjht"] {
            assert!(UserCode::typed(typed).is_some_and(|typed| typed == code), "{typed}");
        }
        for none in ["", "WDJB", "WDJB-MJHTX", "WDJB-MJHA", "WDJB-MJH1", "WDJBMJ\u{42d}T"] {
            assert!(UserCode::typed(none).is_none(), "{none}");
        }
        assert!(UserCode::typed(&"-".repeat(1 << 20)).is_none());
    }

    proptest! {
        #[test]
        fn a_fresh_code_is_one(seed in any::<u64>()) {
            let mut rng = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(seed);
            let code = UserCode::fresh(&mut rng);
            prop_assert!(UserCode::typed(&code.shown()).is_some_and(|typed| typed == code));
            prop_assert_eq!(code.shown().len(), LENGTH + 1);
        }
    }
}
