//! Recovery codes: what lets somebody in who has lost the device of their second factor. Each counts once.
//!
//! A code has 100 random bits. Nobody finds one by trying hashes, so a fast one is enough; the salt keeps two people's
//! rows from being compared, and a table from being made before.

use rand::{CryptoRng, RngExt as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::base::{Secret, Timestamp, UserId};

/// Codes made at once.
pub const COUNT: usize = 10;

/// Characters of a code: of 32 letters each, so five bits.
const LENGTH: usize = 20;

/// Crockford's letters: none of I, L, O and U, which are taken for others.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Characters between two hyphens.
const GROUP: usize = 5;

/// The codes of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryCodes {
    /// Whose they are.
    pub owner: UserId,
    /// Hashed with each; 16 random bytes in hexadecimal digits.
    salt: String,
    /// When they were made, all at once.
    pub made: Timestamp,
    /// The store they were made in: a restore ends them, since it brings used ones back. None in rows of before, which the store
    /// gives one when it is brought up to date.
    #[serde(default)]
    pub epoch: String,
    /// What is kept of each.
    codes: Vec<Kept>,
}

/// What is kept of a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    /// SHA-256 of salt, owner and code, in hexadecimal digits.
    digest: String,
    /// When it let its owner in: it does not again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used: Option<Timestamp>,
}

/// What a code is that somebody typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// One that counts; the codes with it used up.
    Right(RecoveryCodes),
    /// One that counted before.
    Used,
    /// One that was made before the store came back from a backup: whether it was used since, nobody knows.
    Void,
    /// None of theirs.
    Wrong,
}

impl RecoveryCodes {
    /// New codes of `owner`, made in the life `epoch` of the store, and what is kept of them.
    #[must_use]
    pub fn make(owner: UserId, epoch: String, now: Timestamp, rng: &mut impl CryptoRng) -> (Self, Vec<Secret<String>>) {
        let salt = hex::encode(rng.random::<[u8; 16]>());
        let mut kept = Self { owner, salt, made: now, epoch, codes: Vec::new() };
        let mut told = Vec::new();
        for _ in 0..COUNT {
            let bytes = rng.random::<[u8; LENGTH]>();
            let code: String =
                bytes.iter().filter_map(|byte| LETTERS.get(usize::from(byte % 32))).map(|b| char::from(*b)).collect();
            kept.codes.push(Kept { digest: kept.digest(&code), used: None });
            told.push(Secret::new(grouped(&code)));
        }
        (kept, told)
    }

    /// Whether they were made in another life of the store than `epoch`: then none of them counts.
    #[must_use]
    pub fn is_void(&self, epoch: &str) -> bool {
        self.epoch != epoch
    }

    /// How many still count in the life `epoch` of the store.
    #[must_use]
    pub fn left(&self, epoch: &str) -> usize {
        if self.is_void(epoch) {
            return 0;
        }
        self.codes.iter().filter(|code| code.used.is_none()).count()
    }

    /// What `typed` is, at `now` in the life `epoch` of the store. All codes are looked at, whichever it is.
    #[must_use]
    pub fn look_up(&self, typed: &Secret<String>, epoch: &str, now: Timestamp) -> Known {
        let digest = self.digest(&plain(typed.expose()));
        let mut found = None;
        for (number, code) in self.codes.iter().enumerate() {
            found = if code.digest == digest { Some(number) } else { found };
        }
        let mut after = self.clone();
        match found.and_then(|number| after.codes.get_mut(number)) {
            None => Known::Wrong,
            Some(_) if self.is_void(epoch) => Known::Void,
            Some(code) if code.used.is_some() => Known::Used,
            Some(code) => {
                code.used = Some(now);
                Known::Right(after)
            }
        }
    }

    fn digest(&self, code: &str) -> String {
        let text = [self.salt.as_bytes(), self.owner.as_bytes().as_slice(), code.as_bytes()].concat();
        hex::encode(Sha256::digest(text))
    }
}

/// Whether a text has the length of a code: a TOTP code, which has six digits, never has.
#[must_use]
pub fn has_the_form(typed: &Secret<String>) -> bool {
    plain(typed.expose()).len() == LENGTH
}

/// As codes are hashed: capital letters without hyphens and blanks, and what people read wrongly as it was meant.
fn plain(typed: &str) -> String {
    let letters = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_uppercase());
    letters
        .map(|letter| match letter {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect()
}

fn grouped(code: &str) -> String {
    let letters: Vec<char> = code.chars().collect();
    let groups: Vec<String> = letters.chunks(GROUP).map(|group| group.iter().collect()).collect();
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn made(seed: u8) -> (RecoveryCodes, Vec<Secret<String>>) {
        RecoveryCodes::make(UserId::from_bytes([1; 16]), "e1".to_owned(), at(0), &mut StdRng::from_seed([seed; 32]))
    }

    proptest! {
        #[test]
        fn each_code_counts_once_however_it_is_typed(seed in any::<u8>(), order in Just((0..COUNT).collect::<Vec<_>>()).prop_shuffle()) {
            let (mut kept, told) = made(seed);
            prop_assert_eq!(told.iter().map(|code| code.expose().clone()).collect::<BTreeSet<_>>().len(), COUNT);
            for (turn, number) in order.into_iter().enumerate() {
                prop_assert_eq!(kept.left("e1"), COUNT - turn);
                let typed = Secret::new(format!(" {} ", told[number].expose().to_lowercase().replace('-', " ").replace('0', "o")));
                prop_assert!(has_the_form(&typed));
                let Known::Right(after) = kept.look_up(&typed, "e1", at(1)) else { panic!("{kept:?}") };
                prop_assert_eq!(after.look_up(&typed, "e1", at(2)), Known::Used);
                kept = after;
            }
        }

        #[test]
        fn what_is_no_code_is_wrong(text in ".{0,40}") {
            let (kept, _) = made(7);
            prop_assert_eq!(kept.look_up(&Secret::new(text), "e1", at(1)), Known::Wrong);
        }
    }

    #[test]
    fn what_is_kept_tells_no_code_and_is_each_owners_own() {
        let (kept, told) = made(1);
        let text = serde_json::to_string(&kept).unwrap();
        for code in &told {
            assert_eq!(code.expose().len(), LENGTH + 3, "four groups of five");
            assert!(!text.contains(code.expose()) && !text.contains(&plain(code.expose())));
        }
        let other = RecoveryCodes { owner: UserId::from_bytes([2; 16]), ..kept };
        assert_eq!(
            other.look_up(&told[0], "e1", at(1)),
            Known::Wrong,
            "a row that is put in the place of another opens nothing"
        );
    }

    #[test]
    fn those_of_another_life_of_the_store_count_no_more() {
        let (kept, told) = made(3);
        let Known::Right(after) = kept.look_up(&told[0], "e1", at(1)) else { panic!("{kept:?}") };
        for codes in [&kept, &after] {
            assert_eq!((codes.is_void("e2"), codes.left("e2")), (true, 0));
            assert!(told.iter().all(|code| codes.look_up(code, "e2", at(2)) == Known::Void));
            // Nobody is told of a guess that it was near.
            assert_eq!(codes.look_up(&Secret::new("x".repeat(LENGTH)), "e2", at(2)), Known::Wrong);
        }
    }
}
