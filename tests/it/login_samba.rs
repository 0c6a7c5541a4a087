//! Signing in against a real Active Directory domain (Samba).

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use bailey::authn::login::{Attempt, Door, Reason};
use bailey::authn::signed::RequestSource;
use bailey::base::{Clock as _, Secret};
use bailey::directory::{AccountState, FindError, LdapSource, Login, Person, RefusalKind, Verifier, VerifyError};
use jiff::SignedDuration;
use serde_json::Value;

use crate::bed::daemon::{Bailey, UNGUARDED};
use crate::bed::samba::PASSWORD;
use crate::bed::{Account, Samba, SambaOptions, wait_until};
use crate::fixture::Fixture;

fn source(samba: &Samba, account: Account) -> LdapSource {
    LdapSource::new(samba.settings("corp", account), [7; 32]).unwrap()
}

fn login(name: &str) -> Login {
    Login { name: name.to_owned(), typed: None }
}

async fn find(source: &LdapSource, name: &str) -> Result<Person, FindError> {
    source.find(&login(name)).await
}

async fn refusal(source: &LdapSource, person: &Person, password: &str) -> Option<(RefusalKind, bool)> {
    match source.verify(person, &Secret::new(password.to_owned())).await {
        Ok(signed_in) => {
            assert_eq!((signed_in.guid, &signed_in.dn), (person.guid, &person.dn));
            None
        }
        Err(VerifyError::Refused(refusal)) => Some((refusal.kind, refusal.password_was_right)),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn active_directory_says_why_to_whoever_has_the_password() {
    let samba = Samba::start(SambaOptions::default());
    let source = source(&samba, Account::Sync);
    let wrong = Some((RefusalKind::WrongPassword, false));
    let locked = Some((RefusalKind::Locked, false));
    for (name, right) in [
        ("alice", None),
        ("disabled", Some((RefusalKind::Disabled, true))),
        ("expired", Some((RefusalKind::AccountExpired, true))),
        ("oldpassword", Some((RefusalKind::PasswordExpired, true))),
        ("mustchange", Some((RefusalKind::MustChange, true))),
        ("nohours", Some((RefusalKind::OutsideHours, true))),
        ("elsewhere", Some((RefusalKind::WrongWorkstation, true))),
        ("locked", locked),
    ] {
        let person = find(&source, name).await.unwrap();
        assert_eq!(refusal(&source, &person, PASSWORD).await, right, "{name}");
        let expected = if right == locked { locked } else { wrong };
        assert_eq!(refusal(&source, &person, "wrong").await, expected, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_an_account_name_or_a_principal_name_and_nothing_else() {
    let samba = Samba::start(SambaOptions::default());
    let (source, base) = (source(&samba, Account::Sync), samba.base());
    let alice = samba.guid_of(&format!("CN=alice,OU=Staff,{base}"));
    for name in ["alice", "ALICE", "alice@ad.test", "Alice@AD.Test"] {
        assert_eq!(find(&source, name).await.unwrap().guid, alice, "{name}");
    }
    // All of these Active Directory takes in a bind (MS-ADTS 5.1.1.1.1).
    let others = [
        "ADT\\alice".to_owned(),
        "Alice Example".to_owned(),
        "alice@example.test".to_owned(),
        format!("{{{alice}}}"),
        format!("CN=alice,OU=Staff,{base}"),
        "ad.test/Staff/alice".to_owned(),
        samba.sid_of(&format!("CN=alice,OU=Staff,{base}")),
        "*".to_owned(),
        "*)(sAMAccountName=alice".to_owned(),
        "alice$".to_owned(),
    ];
    // Machines and service accounts, with the `$` they have and without.
    let machines = ["ws1$", "ws1", "msa1$", "msa1", "gmsa1$", "gmsa1", "DC1$", "DC1"].map(str::to_owned);
    for name in others.iter().chain(&machines) {
        let found = find(&source, name).await;
        assert!(matches!(found, Err(FindError::Unknown)), "{name}: {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_two_people_have_are_nobodys() {
    let samba = Samba::start(SambaOptions::default());
    let (source, base) = (source(&samba, Account::Sync), samba.base());
    let change = |what: &str| {
        samba.modify(&format!("dn: CN=bob,OU=Staff,{base}\nchangetype: modify\n{what}\n"));
    };
    // A name that nobody signs in by may be anybody's.
    change("replace: displayName\ndisplayName: alice\n-\nreplace: mail\nmail: alice@ad.test\n");
    let alice = samba.guid_of(&format!("CN=alice,OU=Staff,{base}"));
    for name in ["alice", "alice@ad.test"] {
        assert_eq!(find(&source, name).await.unwrap().guid, alice, "{name}");
    }
    // Bob calls himself what Alice is with the directory's label behind it.
    change("replace: userPrincipalName\nuserPrincipalName: alice@corp");
    let labelled = Login { name: "alice".to_owned(), typed: Some("alice@corp".to_owned()) };
    let found = source.find(&labelled).await;
    assert!(matches!(found, Err(FindError::Ambiguous { .. })), "{found:?}");
    assert_eq!(find(&source, "alice").await.unwrap().guid, alice);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_wrong_passwords_lock_nobody_out() {
    let samba = Samba::start(SambaOptions::default());
    let dn = format!("CN=alice,OU=Staff,{}", samba.base());
    let verifier: Arc<dyn Verifier> = Arc::new(source(&samba, Account::Sync));
    let fixture = Fixture::new(None);
    let logins = &fixture.app.logins;
    logins.open_to(vec![Door { label: "corp".parse().unwrap(), primary: true, verifier: Arc::clone(&verifier) }]);
    let found = verifier.find(&login("alice")).await.unwrap();
    assert_eq!(found.lockout.map(|lockout| lockout.threshold), Some(3), "the domain's own limit");
    let attempt = |password: &str| Attempt {
        login: "alice".to_owned(),
        password: Secret::new(password.to_owned()),
        code: None,
        from: RequestSource::default(),
    };
    let (mut wrong, mut not_tried) = (0, 0);
    for n in 0..50 {
        match logins.sign_in(attempt(&format!("wrong {n}")), fixture.clock.now()).await.unwrap_err().reason {
            Reason::WrongPassword => wrong += 1,
            Reason::TooManyAttempts => not_tried += 1,
            other => panic!("{other:?}"),
        }
        fixture.clock.set(fixture.clock.now() + SignedDuration::from_secs(20));
    }
    assert_eq!((wrong, not_tried), (2, 48));
    let count: Vec<u32> = samba.values(&dn, "badPwdCount").iter().map(|count| count.parse().unwrap()).collect();
    assert!(count.iter().all(|count| *count <= 2), "{count:?}");
    assert!(samba.values(&dn, "lockoutTime").iter().all(|time| time == "0"));
    let from_a_workstation = verifier.verify(&found, &Secret::new(PASSWORD.to_owned())).await;
    assert!(from_a_workstation.is_ok(), "{from_a_workstation:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_looked_up_by_id_where_nobody_binds() {
    let samba = Samba::start(SambaOptions::default());
    let base = samba.base();
    let dn = format!("CN=alice,OU=Staff,{base}");
    let (source, alice) = (source(&samba, Account::Sync), samba.guid_of(&dn));
    let state = async || source.state_of(&alice).await.unwrap();
    assert_eq!(state().await, AccountState::Usable);
    // Whatever she is called by now, and however often somebody guessed.
    samba.modify(&format!("dn: {dn}\nchangetype: modify\nreplace: sAMAccountName\nsAMAccountName: alice2\n"));
    assert_eq!(state().await, AccountState::Usable);
    let control = |bits: u32| {
        samba.modify(&format!(
            "dn: {dn}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: {bits}\n"
        ));
    };
    control(514);
    assert_eq!(state().await, AccountState::Disabled);
    control(512);
    assert_eq!(state().await, AccountState::Usable);
    samba.delete(&dn);
    assert_eq!(state().await, AccountState::Absent);
}

/// A policy that concerns Alice alone.
fn own_policy(base: &str) -> String {
    format!(
        "dn: CN=strict,CN=Password Settings Container,CN=System,{base}\nchangetype: add\n\
         objectClass: msDS-PasswordSettings\nmsDS-PasswordSettingsPrecedence: 10\n\
         msDS-PasswordReversibleEncryptionEnabled: FALSE\nmsDS-PasswordHistoryLength: 0\n\
         msDS-PasswordComplexityEnabled: FALSE\nmsDS-MinimumPasswordLength: 0\nmsDS-MinimumPasswordAge: 0\n\
         msDS-MaximumPasswordAge: -9223372036854775808\nmsDS-LockoutThreshold: 9\n\
         msDS-LockoutObservationWindow: -18000000000\nmsDS-LockoutDuration: -18000000000\n\
         msDS-PSOAppliesTo: CN=alice,OU=Staff,{base}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_of_ones_own_comes_before_the_domains() {
    let samba = Samba::start(SambaOptions::default());
    samba.modify(&own_policy(&samba.base()));
    let all_seeing = source(&samba, Account::Administrator);
    let of = async |source: &LdapSource, name| find(source, name).await.unwrap().lockout.unwrap();
    assert_eq!(of(&all_seeing, "alice").await.threshold, 9);
    assert_eq!(of(&all_seeing, "alice").await.window, std::time::Duration::from_secs(1_800));
    assert_eq!(of(&all_seeing, "bob").await.threshold, 3);
    // Who may not read the policy goes by the domain's limit.
    let limit = of(&source(&samba, Account::Sync), "alice").await.threshold;
    assert!([3, 9].contains(&limit), "{limit}");
}

fn password_file(bailey: &Bailey, password: &str) -> PathBuf {
    let file = bailey.path("typed");
    std::fs::write(&file, format!("{password}\n")).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    file
}

/// What `bailey user try-login` says of this name and password.
fn tried(bailey: &Bailey, name: &str, password: &str) -> Value {
    let file = password_file(bailey, password);
    let output =
        bailey.run(&["user", "try-login", name, "--password-file", file.to_str().unwrap(), "--output", "json"]);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    assert_eq!(
        output.status.success(),
        said["signed_in"] == true,
        "{said} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

/// What the daemon's `/metrics` shows.
fn metrics(bailey: &Bailey) -> String {
    let config = std::fs::read_to_string(bailey.config()).unwrap();
    let address = config.split("health = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}

#[test]
fn an_operator_tries_why_somebody_cannot_sign_in() {
    let mut samba = Samba::start(SambaOptions::default());
    let section = samba.section("corp", Account::Sync, &format!("primary = true\n{UNGUARDED}"));
    let mut bailey = Bailey::with(&format!("[login]\nexplain = true\n\n{section}"));
    bailey.start();
    let outcome = |name: &str, password: &str| tried(&bailey, name, password)["outcome"].as_str().unwrap().to_owned();
    let right = tried(&bailey, "Alice@corp", PASSWORD);
    assert_eq!(
        (&right["outcome"], &right["user"], &right["amr"][0]),
        (&"success".into(), &"alice".into(), &"pwd".into())
    );
    for (name, expected, code, told) in [
        ("disabled", "account_disabled", "data 533", "disabled"),
        ("oldpassword", "password_expired", "data 532", "expired"),
        ("mustchange", "must_change_password", "data 773", "changed"),
        ("locked", "account_locked", "data 775", "wrong"),
    ] {
        let said = tried(&bailey, name, PASSWORD);
        assert_eq!((&said["outcome"], &said["user"]), (&expected.into(), &name.into()), "{said}");
        assert!(said["detail"].as_str().unwrap().contains(code), "{said}");
        assert!(said["told"].as_str().unwrap().contains(told), "{said}");
    }
    assert_eq!(outcome("nobody", PASSWORD), "unknown_user");
    assert_eq!(outcome("alice", "wrong"), "wrong_password");
    let log = bailey.ok(&["audit", "tail", "--count", "100"]);
    assert!(log.contains("\"TryLogin\"") && log.contains("\"reason_code\":\"account_disabled\""), "{log}");
    assert!(!log.contains(PASSWORD), "{log}");
    let metrics = metrics(&bailey);
    assert!(metrics.contains("bailey_logins_total{outcome=\"success\"} 1"), "{metrics}");

    // A reload exchanges what it goes by, and what was counted stays counted.
    bailey.configure(&section);
    bailey.signal("HUP");
    wait_until("a reload", || !tried(&bailey, "disabled", PASSWORD)["told"].as_str().unwrap().contains("disabled"));
    assert_eq!(outcome("alice", "wrong"), "wrong_password");
    assert_eq!(outcome("alice", PASSWORD), "too_many_attempts");
    samba.stop();
    assert_eq!(outcome("bob", PASSWORD), "directory_unavailable");
}
