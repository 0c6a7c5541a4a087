//! Tests of hashing and judging. Few hashes of full cost, since each takes its time without optimisation.

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;
use crate::base::Timestamp;
use crate::model::{PasswordFault, PasswordPolicy};

/// Four words that have nothing to do with each other.
const GOOD: &str = "copper walrus ballot thirty";

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn salt(seed: u8) -> Salt {
    Salt::random(&mut StdRng::from_seed([seed; 32]))
}

/// As in production, at the lowest cost there is.
fn cheap() -> Passwords {
    Passwords { cost: Params::new(8, 1, 1, None).unwrap(), ..Passwords::default() }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn judged(password: &str) -> Vec<PasswordFault> {
    match judge(&cheap(), &PasswordPolicy::default(), None, &["ann.lee", "Ann-Marie Lee"], &secret(password)) {
        Ok(()) => Vec::new(),
        Err(RefusedError::Faults(faults)) => faults,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_password_is_hashed_at_the_cost_that_owasp_recommends() {
    let passwords = Passwords::default();
    let hash = passwords.hash(&secret(GOOD), salt(1)).unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=47104,t=1,p=1$"), "{hash}");
    assert_eq!(passwords.verify(&secret(GOOD), &hash), Ok(Some(Matching { rehash: false })));
    passwords.verify_nobody(&secret(GOOD)).unwrap();
}

#[test]
fn a_password_is_right_or_wrong_and_two_hashes_of_it_differ() {
    let passwords = cheap();
    let hash = passwords.hash(&secret(GOOD), salt(1)).unwrap();
    assert_ne!(hash, passwords.hash(&secret(GOOD), salt(2)).unwrap());
    assert!(passwords.verify(&secret(GOOD), &hash).unwrap().is_some());
    for wrong in ["", "copper walrus ballot thirt", "Copper walrus ballot thirty", "copper walrus ballot thirty "] {
        assert_eq!(passwords.verify(&secret(wrong), &hash), Ok(None), "{wrong}");
    }
}

#[test]
fn a_password_typed_in_composed_and_decomposed_letters_is_one() {
    let passwords = cheap();
    let hash = passwords.hash(&secret("grüße aus dem süden"), salt(1)).unwrap();
    let decomposed = secret("gru\u{308}ße aus dem su\u{308}den");
    assert!(passwords.verify(&decomposed, &hash).unwrap().is_some());
    assert_eq!(passwords.verify(&secret("grusse aus dem suden"), &hash), Ok(None));
}

#[test]
fn a_password_hashed_at_a_lower_cost_is_verified_and_wants_hashing_anew() {
    let today = Passwords { cost: Params::new(64, 1, 1, None).unwrap(), ..Passwords::default() };
    for (memory, passes, rehash) in [(8, 1, true), (32, 3, true), (64, 1, false), (128, 2, false)] {
        let then = Passwords { cost: Params::new(memory, passes, 1, None).unwrap(), ..Passwords::default() };
        let hash = then.hash(&secret(GOOD), salt(1)).unwrap();
        assert_eq!(today.verify(&secret(GOOD), &hash), Ok(Some(Matching { rehash })), "{memory} {passes}");
    }
}

#[test]
fn a_password_hash_of_another_kind_or_a_ruinous_cost_is_not_computed() {
    let passwords = cheap();
    let good = passwords.hash(&secret(GOOD), salt(1)).unwrap();
    let other = |from: &str, to: &str| {
        assert!(good.contains(from));
        good.replace(from, to)
    };
    for bad in [
        String::new(),
        "hunter2".to_owned(),
        "$argon2id$v=19$m=8,t=1,p=1".to_owned(),
        other("argon2id", "argon2d"),
        other("m=8", "m=4000000000"),
        other("m=8", "m=262145"),
        other("t=1", "t=4000000000"),
        other("p=1", "p=5"),
        other("v=19", "v=18"),
    ] {
        let answer = passwords.verify(&secret(GOOD), &bad);
        assert!(matches!(answer, Err(PasswordError::Unreadable | PasswordError::Unhashed)), "{bad}: {answer:?}");
    }
}

#[test]
fn a_password_that_finds_all_turns_taken_is_sent_away() {
    let passwords = Passwords { queue: Queue::new(2, 0), ..cheap() };
    let hash = passwords.hash(&secret(GOOD), salt(1)).unwrap();
    let turns = [passwords.queue.turn().unwrap(), passwords.queue.turn().unwrap()];
    assert_eq!(passwords.hash(&secret(GOOD), salt(1)), Err(PasswordError::Busy));
    assert_eq!(passwords.verify(&secret(GOOD), &hash), Err(PasswordError::Busy));
    assert_eq!(passwords.verify_nobody(&secret(GOOD)), Err(PasswordError::Busy));
    let refused = judge(&passwords, &PasswordPolicy::default(), None, &[], &secret(GOOD)).unwrap_err();
    assert_eq!(refused.to_string(), "too many passwords are being checked at once: try again in a moment");
    drop(turns);
    assert!(passwords.verify(&secret(GOOD), &hash).unwrap().is_some());
}

#[test]
fn many_passwords_at_once_all_get_an_answer() {
    let passwords = cheap();
    let hash = passwords.hash(&secret(GOOD), salt(1)).unwrap();
    std::thread::scope(|scope| {
        for n in 0..24 {
            let (passwords, hash) = (&passwords, &hash);
            scope.spawn(move || {
                let right = n % 2 == 0;
                let password = secret(if right { GOOD } else { "wrong" });
                assert_eq!(passwords.verify(&password, hash).unwrap().is_some(), right);
            });
        }
    });
}

#[test]
fn a_password_that_machines_try_early_is_refused() {
    for good in [GOOD, "xK9qLpM3vBnK7sW", "blue guitar lamp seven", "наш дом стоит за рекой"] {
        assert_eq!(judged(good), [], "{good}");
    }
    for bad in [
        "password1234567",
        "passwordpassword1",
        "Spring2026Spring2026",
        "qwertyuiopasdfg",
        "123456789012345",
        "aaaaaaaaaaaaaaaa",
        "letmein letmein letmein",
        "iloveyouiloveyou1",
        "Monday-2026-Summer",
        "Spring2026Summer2027!",
        "P4ssw0rd-W3lcome-2026",
    ] {
        assert_eq!(judged(bad), [PasswordFault::Guessable], "{bad}");
    }
}

#[test]
fn a_password_that_a_machine_draws_is_good_enough() {
    let mut rng = StdRng::from_seed([5; 32]);
    for _ in 0..200 {
        let drawn: String = (0..15).map(|_| char::from(rng.random_range(b'!'..=b'~'))).collect();
        assert!(!easily_guessed(&secret(&drawn), &[]), "{drawn}");
    }
}

#[test]
fn a_password_made_of_what_everybody_here_knows_is_refused() {
    assert_eq!(judged("ann lee ann lee ann"), [PasswordFault::Guessable]);
    assert_eq!(judged("ANN.LEE copper walrus ballot"), [PasswordFault::OwnName]);
    let policy = PasswordPolicy { words: vec!["Bailey".to_owned()], ..PasswordPolicy::default() };
    let refused = judge(&cheap(), &policy, None, &[], &secret("bailey-Bailey-2026")).unwrap_err();
    assert_eq!(
        refused,
        RefusedError::Faults(vec![PasswordFault::CompanyWord("Bailey".to_owned()), PasswordFault::Guessable])
    );
    // Written with digits it is another word to the rule, not to the estimate.
    assert!(easily_guessed(&secret("b4iley-B4iley-2026"), &["bailey"]));
}

#[test]
fn every_fault_of_a_password_is_told_in_one_sentence() {
    let policy = PasswordPolicy { require_numbers: true, ..PasswordPolicy::default() };
    let refused = judge(&cheap(), &policy, None, &[], &secret("letmein")).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the password will not do: it has fewer than 15 characters; it has no digit 0 to 9; it is too easy to guess: \
         use four or more words that have nothing to do with each other"
    );
}

#[test]
fn an_earlier_password_does_not_come_back_as_long_as_the_policy_remembers() {
    let passwords = cheap();
    let words = ["copper walrus ballot one", "copper walrus ballot two", "copper walrus ballot six", GOOD];
    let hash = |n: usize| passwords.hash(&secret(words[n]), salt(1)).unwrap();
    let mut profile = LoginProfile::new(hash(0), false, at(0));
    profile.replace(hash(1), false, Some(24), at(1));
    profile.replace(hash(2), false, Some(24), at(2));
    let refused = |profile: &LoginProfile, keep: Option<u32>, n: usize| {
        let policy = PasswordPolicy { reuse_prevention: keep, ..PasswordPolicy::default() };
        judge(&passwords, &policy, Some(profile), &[], &secret(words[n])).err()
    };
    let reused = |keep| Some(RefusedError::Faults(vec![PasswordFault::Reused(keep)]));
    assert_eq!(refused(&profile, Some(1), 2), reused(1));
    assert_eq!(refused(&profile, Some(1), 1), reused(1));
    assert_eq!(refused(&profile, Some(1), 0), None, "it is the last but one");
    assert_eq!(refused(&profile, Some(2), 0), reused(2));
    assert_eq!(refused(&profile, Some(24), 3), None);
    assert_eq!(refused(&profile, None, 2), None);

    profile.must_change = true;
    assert_eq!(refused(&profile, None, 2), reused(0), "what has to be changed is not set again");
    profile.previous[0] = "damaged".to_owned();
    assert_eq!(refused(&profile, Some(24), 0), reused(24));
}

#[test]
fn nothing_about_a_password_is_shown() {
    let passwords = cheap();
    let shown = format!("{:?} {passwords:?}", secret(GOOD));
    assert!(!shown.contains("copper"));
    let refused = judge(&passwords, &PasswordPolicy::default(), None, &[], &secret("hunter2")).unwrap_err();
    assert!(!format!("{refused} {refused:?}").contains("hunter2"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_password_of_any_text_is_judged(text in any::<String>(), name in any::<String>()) {
        let names = [name.as_str()];
        let verdict = judge(&cheap(), &PasswordPolicy::default(), None, &names, &secret(&text));
        if verdict.is_ok() {
            prop_assert!(PasswordPolicy::default().faults(&secret(&text), &names).is_empty());
            prop_assert!(!easily_guessed(&secret(&text), &[]));
        }
    }

    #[test]
    fn a_password_of_any_text_is_verified_by_its_own_hash(text in any::<String>()) {
        let passwords = cheap();
        let hash = passwords.hash(&secret(&text), salt(9)).unwrap();
        prop_assert!(passwords.verify(&secret(&text), &hash).unwrap().is_some());
        let longer = secret(&(text + "x"));
        prop_assert!(passwords.verify(&longer, &hash).unwrap().is_none());
    }
}
