//! Whether a new password will do: the policy's rules, how soon it would be guessed, and whether it was used before.

use std::fmt;

use super::{PasswordError, Passwords};
use crate::base::{Fault, Faulty, Secret};
use crate::model::password_policy::normal;
use crate::model::{LoginProfile, PasswordFault, PasswordPolicy};

/// Guesses, as a power of ten, that an acceptable password has to survive.
///
/// On line 10^6 would do: the limiter allows 480 a day. This is about the day on which the hashes are stolen. A guess
/// writes and reads 46 MiB more than once, so a graphics card that moves 10^12 bytes a second tries at most 10^4
/// a second: 10^10 guesses are 12 days of one card, 10^12 three years, and local passwords open emergency
/// access. Four words at random are beyond 10^14, any 15 characters without a pattern at 10^15; one word with a year
/// and `!` is near 10^7. A policy that allows fewer than 12 characters asks for 12 in effect.
const GUESSES: f64 = 12.0;

/// Characters that are estimated. The estimate's time grows faster than the square of the length, and with letters
/// written as digits to half a second for 72; who has survived so many guesses in 72 characters needs no more.
const ESTIMATED: usize = 72;

/// What a run that stood there before adds, as a power of ten: it is there again, or it is not.
const AGAIN: f64 = 0.3;

/// Shortest part of a name that is told to the estimate.
const SHORTEST_PART: usize = 3;

/// Most names and parts of names that count.
const MOST_NAMES: usize = 32;

/// A password that is not to be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefusedError {
    /// It breaks these rules.
    Faults(Vec<PasswordFault>),
    /// It could not be found out.
    Unknown(PasswordError),
}

impl fmt::Display for RefusedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Faults(faults) => {
                f.write_str("the password will not do")?;
                for (n, fault) in faults.iter().enumerate() {
                    write!(f, "{} {fault}", if n == 0 { ":" } else { ";" })?;
                }
                Ok(())
            }
            Self::Unknown(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RefusedError {}

impl Faulty for RefusedError {
    fn fault(&self) -> Fault {
        match self {
            Self::Faults(_) => Fault::Caller,
            Self::Unknown(error) => error.fault(),
        }
    }
}

impl From<PasswordError> for RefusedError {
    fn from(error: PasswordError) -> Self {
        Self::Unknown(error)
    }
}

/// Whether `password` may be set for whoever bears `names` (login, display name, local part of the mail address);
/// `profile` is their present one.
///
/// Blocks, for two seconds and more where 24 earlier passwords are compared. That comes last, and only for a password
/// with no other fault: it costs the most, and somebody who has to choose another anyway is not told more by it.
///
/// # Errors
/// Every other rule it breaks, at once; or that it could not be found out now.
pub fn judge(
    passwords: &Passwords,
    policy: &PasswordPolicy,
    profile: Option<&LoginProfile>,
    names: &[&str],
    password: &Secret<String>,
) -> Result<(), RefusedError> {
    let names = parts(names);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut faults = policy.faults(password, &names);
    let words: Vec<&str> = policy.words.iter().map(String::as_str).chain(names).collect();
    let turn = passwords.queue.turn().map_err(PasswordError::from)?;
    if easily_guessed(password, &words) {
        faults.push(PasswordFault::Guessable);
    }
    drop(turn);
    if !faults.is_empty() {
        return Err(RefusedError::Faults(faults));
    }
    let Some(profile) = profile else { return Ok(()) };
    let earlier = policy.reuse_prevention.unwrap_or(0);
    // Without a rule the present one may be set again, except where it has to be changed.
    let barred = policy.reuse_prevention.is_some() || profile.must_change;
    if barred && passwords.reused(profile, password, earlier as usize)? {
        return Err(RefusedError::Faults(vec![PasswordFault::Reused(earlier)]));
    }
    Ok(())
}

/// Whether a machine that knows `words` would try `password` among its first 10^12 guesses.
///
/// The deny list of NIST SP 800-63B-4, section 3.1.1.2: zxcvbn knows 30,000 passwords that leaked, as many English
/// words, and names, and sees what people do to them: digits for letters, doubled, backwards, rows of
/// keys, years. It takes up to half a second; copies that it makes of parts of the password are freed unwiped.
#[must_use]
pub fn easily_guessed(password: &Secret<String>, words: &[&str]) -> bool {
    let password = normal(password);
    let start: Secret<Vec<char>> = Secret::new(password.expose().chars().take(ESTIMATED).collect());
    let start = start.expose();
    let separated = |a: &char, b: &char| a.is_alphanumeric() == b.is_alphanumeric();
    let of_a_kind = |a: &char, b: &char| separated(a, b) && a.is_alphabetic() == b.is_alphabetic();
    let whole = guesses(start, words);
    whole < GUESSES
        || joined(start.chunk_by(separated), words) < GUESSES
        || joined(start.chunk_by(of_a_kind), words) < GUESSES
}

/// Guesses at a text, as a power of ten.
fn guesses(text: &[char], words: &[&str]) -> f64 {
    let text = Secret::new(text.iter().collect::<String>());
    zxcvbn::zxcvbn(text.expose(), words).guesses_log10()
}

/// Guesses at a text by somebody who expects it to be joined from `runs`: each by itself, in whatever order.
///
/// zxcvbn takes every part for 10^4 guesses at least, so that of `Monday-2026-Summer` it believes 10^16. Whoever
/// attacks people who were told to use words, a year and a separator starts with these.
fn joined<'a>(runs: impl Iterator<Item = &'a [char]>, words: &[&str]) -> f64 {
    let (mut seen, mut total, mut order) = (Vec::new(), 0.0, 0.0_f64);
    for run in runs {
        if seen.contains(&run) {
            total += AGAIN;
        } else {
            seen.push(run);
            order += 1.0;
            total += guesses(run, words) + order.log10();
        }
    }
    total
}

/// Names and what they are made of: `ann.lee` is known by `ann` and `lee` as well.
fn parts(names: &[&str]) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for name in names {
        for part in std::iter::once(*name).chain(name.split(|c: char| !c.is_alphanumeric())) {
            let part = part.trim().to_lowercase();
            let counts = (SHORTEST_PART..=64).contains(&part.chars().count());
            if counts && parts.len() < MOST_NAMES && !parts.contains(&part) {
                parts.push(part);
            }
        }
    }
    parts
}
