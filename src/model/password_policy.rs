//! What a local password has to be: the rules an administrator sets, and what is wrong with a candidate.
//!
//! Local users are few: break-glass, contractors, auditors. Everybody else signs in with the directory's
//! password, which never reaches our disk and follows the directory's rules. Rules that need hashing or
//! word lists (reuse, ease of guessing) are in `authn/password`; their faults are named here with the others.

use std::ops::RangeInclusive;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use crate::base::{Secret, Timestamp, clock, text};

/// What the shortest allowed length may be set to, in characters (IAM API reference, `minimumPasswordLengthType`).
pub const LENGTH_BOUNDS: RangeInclusive<u32> = 6..=128;

/// Longest password, in characters (IAM API reference, `passwordType`).
pub const LONGEST: usize = 128;

/// Days that a password may be let live (IAM API reference, `maxPasswordAgeType`).
pub const AGE_BOUNDS: RangeInclusive<u32> = 1..=1_095;

/// Earlier passwords that may be barred (IAM API reference, `passwordReusePreventionType`).
pub const REUSE_BOUNDS: RangeInclusive<u32> = 1..=24;

/// Most company words.
pub const MOST_WORDS: usize = 100;

/// Length of a company word, in characters.
pub const WORD_BOUNDS: RangeInclusive<usize> = 3..=64;

/// What IAM counts as symbols (IAM User Guide, "Set an account password policy for IAM users").
pub const SYMBOLS: &str = "!@#$%^&*()_+-=[]{}|'";

/// A person's own name bars a password from this length on: `Ann` is in too many words.
const SHORTEST_NAME: usize = 4;

/// The rules for local passwords.
///
/// [`Default`] follows NIST SP 800-63B-4, section 3.1.1.2: 15 characters, since the password may be all there
/// is; no rules of composition, which people meet with `Password1!`; no expiry, which makes them count
/// upwards. A deny list does the work instead (`authn/password`). Whoever has to satisfy an older rule book
/// can turn each of them on, as in IAM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PasswordPolicy {
    /// Fewest characters.
    pub minimum_length: u32,
    /// One of [`SYMBOLS`] at least.
    pub require_symbols: bool,
    /// One digit 0 to 9 at least.
    pub require_numbers: bool,
    /// One letter A to Z at least.
    pub require_uppercase: bool,
    /// One letter a to z at least.
    pub require_lowercase: bool,
    /// Whether people may change their own password. They may, unless told otherwise: a password that somebody
    /// else set is known to two.
    pub allow_users_to_change: bool,
    /// Days until a password has to be changed; `None` is never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age_days: Option<u32>,
    /// How many earlier passwords may not come back, besides the one in use; `None` is no such rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reuse_prevention: Option<u32>,
    /// Whether only an administrator can replace a password that has expired.
    pub hard_expiry: bool,
    /// Words that may not be in a password, in whatever case: the company, its products, its town.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
}

/// A policy that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordPolicyError {
    /// The shortest allowed length.
    #[error("a minimum length of {0} is none: use 6 to 128 characters")]
    Length(u32),
    /// The longest life.
    #[error("a password age of {0} days is none: use 1 to 1095, or leave it out for passwords that do not expire")]
    Age(u32),
    /// The number of earlier passwords.
    #[error("{0} earlier passwords cannot be barred: use 1 to 24, or leave it out")]
    Reuse(u32),
    /// The number of company words.
    #[error("{0} words are too many: use at most {MOST_WORDS}")]
    Words(usize),
    /// One of them.
    #[error("`{0}` cannot be barred: a word has 3 to 64 characters")]
    Word(String),
}

/// One rule that a candidate breaks. Says the rule, never the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    /// Too few characters.
    #[error("it has fewer than {0} characters")]
    TooShort(u32),
    /// Too many.
    #[error("it has more than {LONGEST} characters")]
    TooLong,
    /// No symbol.
    #[error("it has none of the symbols {SYMBOLS}")]
    NoSymbol,
    /// No digit.
    #[error("it has no digit 0 to 9")]
    NoNumber,
    /// No capital.
    #[error("it has no uppercase letter A to Z")]
    NoUppercase,
    /// No small letter.
    #[error("it has no lowercase letter a to z")]
    NoLowercase,
    /// A word of the policy.
    #[error("it contains `{0}`, a word that is not allowed here")]
    CompanyWord(String),
    /// A name of whose it is.
    #[error("it contains one of your own names")]
    OwnName,
    /// It stands too early in the order in which machines try.
    #[error("it is too easy to guess: use four or more words that have nothing to do with each other")]
    Guessable,
    /// It was used before.
    #[error("it is the present password, or one of the last {0}")]
    Reused(u32),
}

/// What can be done about a password that has expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expired {
    /// Its owner gives the old one once more, to set a new one.
    MayChange,
    /// An administrator has to set a new one.
    Hard,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self {
            minimum_length: 15,
            require_symbols: false,
            require_numbers: false,
            require_uppercase: false,
            require_lowercase: false,
            allow_users_to_change: true,
            max_age_days: None,
            reuse_prevention: None,
            hard_expiry: false,
            words: Vec::new(),
        }
    }
}

impl PasswordPolicy {
    /// The policy, if it can be.
    ///
    /// # Errors
    /// The first limit that it does not keep.
    pub fn checked(self) -> Result<Self, PasswordPolicyError> {
        if !LENGTH_BOUNDS.contains(&self.minimum_length) {
            return Err(PasswordPolicyError::Length(self.minimum_length));
        }
        if let Some(days) = self.max_age_days.filter(|days| !AGE_BOUNDS.contains(days)) {
            return Err(PasswordPolicyError::Age(days));
        }
        if let Some(count) = self.reuse_prevention.filter(|count| !REUSE_BOUNDS.contains(count)) {
            return Err(PasswordPolicyError::Reuse(count));
        }
        if self.words.len() > MOST_WORDS {
            return Err(PasswordPolicyError::Words(self.words.len()));
        }
        match self.words.iter().find(|word| !WORD_BOUNDS.contains(&word.nfc().count())) {
            Some(word) => Err(PasswordPolicyError::Word(text::printable(word).into_owned())),
            None => Ok(self),
        }
    }

    /// When a password set at `changed` has to be replaced; `None` is never.
    #[must_use]
    pub fn ends(&self, changed: Timestamp) -> Option<Timestamp> {
        let age = SignedDuration::from_hours(24 * i64::from(self.max_age_days?));
        Some(clock::later(changed, age))
    }

    /// Whether a password set at `changed` has expired, and what that means.
    #[must_use]
    pub fn expired(&self, changed: Timestamp, now: Timestamp) -> Option<Expired> {
        let means = if self.hard_expiry { Expired::Hard } else { Expired::MayChange };
        self.ends(changed).filter(|ends| clock::expired(*ends, now)).map(|_| means)
    }

    /// Every rule that can be checked by looking and that `password` breaks; `names` are those of its owner.
    ///
    /// NIST would have whole passwords compared with a deny list, not words within them. What is barred
    /// within is stricter on purpose and short: what an administrator chose, and what its owner can see.
    #[must_use]
    pub fn faults(&self, password: &Secret<String>, names: &[&str]) -> Vec<PasswordFault> {
        let password = normal(password);
        let text = password.expose();
        let length = text.chars().count();
        let no = |class: fn(char) -> bool| !text.chars().any(class);
        let rules = [
            (length < self.minimum_length as usize, PasswordFault::TooShort(self.minimum_length)),
            (length > LONGEST, PasswordFault::TooLong),
            (self.require_symbols && no(|c| SYMBOLS.contains(c)), PasswordFault::NoSymbol),
            (self.require_numbers && no(|c| c.is_ascii_digit()), PasswordFault::NoNumber),
            (self.require_uppercase && no(|c| c.is_ascii_uppercase()), PasswordFault::NoUppercase),
            (self.require_lowercase && no(|c| c.is_ascii_lowercase()), PasswordFault::NoLowercase),
        ];
        let mut faults: Vec<_> = rules.into_iter().filter_map(|(broken, fault)| broken.then_some(fault)).collect();
        let folded = Secret::new(folded(text));
        faults.extend(self.words.iter().filter(|word| within(word, folded.expose())).map(|word| {
            // Words were checked, but come from a file or a caller nevertheless.
            PasswordFault::CompanyWord(text::printable(word).into_owned())
        }));
        if names.iter().any(|name| name.chars().count() >= SHORTEST_NAME && within(name, folded.expose())) {
            faults.push(PasswordFault::OwnName);
        }
        faults
    }
}

/// A password as it is counted and hashed: in Unicode's composed form.
///
/// `é` is one code point from one keyboard and two from another, and whoever types it does not see which (NIST
/// SP 800-63B-4, section 3.1.1.2). NFC, as RFC 8265 section 4.2.2 has it for passwords, joins only what is
/// the same text; NFKC would also make one of signs that people tell apart, such as `²` and `2`.
#[must_use]
pub fn normal(password: &Secret<String>) -> Secret<String> {
    let password = password.expose();
    // Room for the worst case (Unicode, "Normalization FAQ"), so that growing leaves no copies behind.
    let mut text = String::with_capacity(password.len() * 3);
    text.extend(password.nfc());
    Secret::new(text)
}

/// Text for comparison whatever its case. Its bytes at most triple, so that growing leaves no copies behind.
fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len() * 3);
    folded.extend(text.nfc().flat_map(char::to_lowercase));
    folded
}

fn within(word: &str, folded_password: &str) -> bool {
    let word = folded(word.trim());
    !word.is_empty() && folded_password.contains(&word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn strict() -> PasswordPolicy {
        PasswordPolicy {
            minimum_length: 8,
            require_symbols: true,
            require_numbers: true,
            require_uppercase: true,
            require_lowercase: true,
            words: vec!["Acme".to_owned(), "Zürich".to_owned()],
            ..PasswordPolicy::default()
        }
    }

    #[test]
    fn every_password_rule_is_told_at_once() {
        use PasswordFault::*;
        let table: &[(&str, &[PasswordFault])] = &[
            ("Abcd-123", &[]),
            ("Abcd-12", &[TooShort(8)]),
            ("Abcd1234", &[NoSymbol]),
            ("Abcd-efg", &[NoNumber]),
            ("abcd-123", &[NoUppercase]),
            ("ABCD-123", &[NoLowercase]),
            // Symbols, digits and letters are IAM's: these are others.
            ("~~~~~~~~", &[NoSymbol, NoNumber, NoUppercase, NoLowercase]),
            ("Ä£ä٣٣٣٣٣", &[NoSymbol, NoNumber, NoUppercase, NoLowercase]),
            ("", &[TooShort(8), NoSymbol, NoNumber, NoUppercase, NoLowercase]),
            ("my-ACME-123", &[CompanyWord("Acme".to_owned())]),
            ("In-ZU\u{308}RICH-1", &[CompanyWord("Zürich".to_owned())]),
            ("Smith-1234", &[OwnName]),
            // `Ann` is too short a name to bar.
            ("Planning-1", &[]),
        ];
        for (password, faults) in table {
            assert_eq!(&strict().faults(&secret(password), &["ann", "SMITH", ""]), faults, "{password}");
        }
        let long = PasswordPolicy::default().faults(&secret(&"x".repeat(129)), &[]);
        assert_eq!(long, [TooLong]);
    }

    #[test]
    fn every_symbol_of_iam_makes_a_password_with_a_symbol() {
        assert_eq!(SYMBOLS.chars().count(), 20);
        for symbol in SYMBOLS.chars() {
            assert!(strict().faults(&secret(&format!("Abcdefg1{symbol}")), &[]).is_empty(), "{symbol}");
        }
    }

    #[test]
    fn a_password_is_counted_in_composed_characters() {
        let policy = PasswordPolicy { minimum_length: 6, ..PasswordPolicy::default() };
        assert_eq!(policy.faults(&secret("e\u{301}e\u{301}e\u{301}"), &[]), [PasswordFault::TooShort(6)]);
        assert!(policy.faults(&secret("éééééé"), &[]).is_empty());
        assert!(policy.faults(&secret(&"e\u{301}".repeat(128)), &[]).is_empty());
        assert_eq!(normal(&secret("e\u{301}²")).expose(), "é²");
    }

    #[test]
    fn a_password_policy_keeps_its_limits() {
        let usual = PasswordPolicy::default;
        let word = |text: &str| PasswordPolicy { words: vec![text.to_owned()], ..usual() };
        assert_eq!(usual().checked(), Ok(usual()));
        for good in [
            PasswordPolicy { minimum_length: 6, max_age_days: Some(1), reuse_prevention: Some(1), ..usual() },
            PasswordPolicy { minimum_length: 128, max_age_days: Some(1_095), reuse_prevention: Some(24), ..usual() },
            PasswordPolicy { words: vec!["abc".to_owned(); 100], ..usual() },
        ] {
            assert!(good.checked().is_ok());
        }
        for (bad, limit) in [
            (PasswordPolicy { minimum_length: 5, ..usual() }, "6 to 128"),
            (PasswordPolicy { minimum_length: 129, ..usual() }, "6 to 128"),
            (PasswordPolicy { max_age_days: Some(0), ..usual() }, "1 to 1095"),
            (PasswordPolicy { max_age_days: Some(1_096), ..usual() }, "1 to 1095"),
            (PasswordPolicy { reuse_prevention: Some(0), ..usual() }, "1 to 24"),
            (PasswordPolicy { reuse_prevention: Some(25), ..usual() }, "1 to 24"),
            (PasswordPolicy { words: vec!["abc".to_owned(); 101], ..usual() }, "at most 100"),
            (word("ab"), "3 to 64"),
            (word(&"x".repeat(65)), "3 to 64"),
        ] {
            let error = bad.checked().unwrap_err().to_string();
            assert!(error.contains(limit), "{error}");
        }
    }

    #[test]
    fn a_password_expires_at_the_instant() {
        let changed = at("2026-01-01T12:00:00Z");
        let policy = PasswordPolicy { max_age_days: Some(90), ..PasswordPolicy::default() };
        assert_eq!(policy.expired(changed, at("2026-04-01T11:59:59Z")), None);
        assert_eq!(policy.expired(changed, at("2026-04-01T12:00:00Z")), Some(Expired::MayChange));
        let hard = PasswordPolicy { hard_expiry: true, ..policy };
        assert_eq!(hard.expired(changed, at("2026-04-01T12:00:00Z")), Some(Expired::Hard));
        assert_eq!(PasswordPolicy::default().expired(changed, Timestamp::MAX), None);
        assert_eq!(hard.ends(Timestamp::MAX), Some(Timestamp::MAX));
    }

    #[test]
    fn a_password_policy_of_which_nothing_was_written_is_the_usual_one() {
        assert_eq!(serde_json::from_str::<PasswordPolicy>("{}").unwrap(), PasswordPolicy::default());
        let written = serde_json::to_string(&strict()).unwrap();
        assert_eq!(serde_json::from_str::<PasswordPolicy>(&written).unwrap(), strict());
    }

    proptest! {
        #[test]
        fn a_password_of_any_text_has_the_faults_of_its_composed_form(text in any::<String>(), name in any::<String>()) {
            let once = strict().faults(&secret(&text), &[&name]);
            let composed = strict().faults(&normal(&secret(&text)), &[&name]);
            prop_assert_eq!(once, composed);
        }

        #[test]
        fn a_password_without_fault_keeps_every_rule(text in "[A-Za-z0-9!'|~é ]{0,20}") {
            if strict().faults(&secret(&text), &[]).is_empty() {
                prop_assert!((8..=LONGEST).contains(&text.chars().count()));
                prop_assert!(text.contains(|c| SYMBOLS.contains(c)) && text.contains(|c: char| c.is_ascii_digit()));
                prop_assert!(text.contains(|c: char| c.is_ascii_uppercase()));
                prop_assert!(text.contains(|c: char| c.is_ascii_lowercase()));
                prop_assert!(!text.to_lowercase().contains("acme"));
            }
        }
    }
}
