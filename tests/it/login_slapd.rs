//! Signing in against real OpenLDAP and 389 Directory servers.

use bailey::base::{Guid, Secret};
use bailey::directory::{AccountState, FindError, LdapSource, Lockout, Login, RefusalKind, Verifier, VerifyError};

use crate::bed::slapd::SUFFIX;
use crate::bed::{Ds389, Options, Slapd};

fn login(name: &str) -> Login {
    Login { name: name.to_owned(), typed: None }
}

/// How signing in ended: well, or what was refused.
async fn tried(source: &LdapSource, name: &str, password: &str) -> Option<(RefusalKind, bool)> {
    let person = source.find(&login(name)).await.unwrap();
    match source.verify(&person, &Secret::new(password.to_owned())).await {
        Ok(_) => None,
        Err(VerifyError::Refused(refusal)) => Some((refusal.kind, refusal.password_was_right)),
        Err(other) => panic!("{other}"),
    }
}

fn change(who: &str, what: &str) -> String {
    format!("dn: uid={who},ou=people,{SUFFIX}\nchangetype: modify\n{what}\n\n")
}

const WRONG: Option<(RefusalKind, bool)> = Some((RefusalKind::WrongPassword, false));

#[tokio::test(flavor = "multi_thread")]
async fn openldap_lets_in_whoever_has_the_password() {
    let slapd = Slapd::start(Options::default());
    slapd.modify(&change("alice", "add: userPassword\nuserPassword: alice-secret"));
    slapd.modify(&change("bob", "add: userPassword\nuserPassword: bob-secret"));
    let source = LdapSource::new(slapd.settings("corp"), [7; 32]).unwrap();
    for name in ["alice", "ALICE"] {
        assert_eq!(tried(&source, name, "alice-secret").await, None, "{name}");
    }
    assert_eq!(tried(&source, "alice", "bob-secret").await, WRONG);
    for nobody in ["carol", "*", "alice)(uid=*", "a*", "uid=alice,ou=people,dc=example,dc=test"] {
        let found = source.find(&login(nobody)).await;
        assert!(matches!(found, Err(FindError::Unknown)), "{nobody}: {found:?}");
    }
    let alice = source.find(&login("alice")).await.unwrap().guid;
    assert_eq!(source.state_of(&alice).await.unwrap(), AccountState::Usable);
    assert_eq!(source.state_of(&Guid::from_bytes([7; 16])).await.unwrap(), AccountState::Absent);
    // Two people with one login, which a directory without `unique` allows.
    slapd.modify(&change("bob", "add: uid\nuid: alice"));
    assert!(matches!(source.find(&login("alice")).await, Err(FindError::Ambiguous { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn openldaps_password_policy_is_read_and_heard() {
    let slapd = Slapd::start(Options::default());
    slapd.add(&format!(
        "dn: cn=strict,{SUFFIX}\nobjectClass: organizationalRole\nobjectClass: pwdPolicy\ncn: strict\n\
         pwdAttribute: userPassword\npwdMaxFailure: 4\npwdLockout: TRUE\npwdFailureCountInterval: 600\npwdMustChange: TRUE\n\n"
    ));
    let own = format!("add: pwdPolicySubentry\npwdPolicySubentry: cn=strict,{SUFFIX}");
    slapd.modify(&change("alice", &format!("add: userPassword\nuserPassword: alice-secret\n-\n{own}")));
    slapd.modify(&change("bob", "add: userPassword\nuserPassword: bob-secret"));
    let source = LdapSource::new(slapd.settings("corp"), [7; 32]).unwrap();
    let window = std::time::Duration::from_secs(600);
    let lockout = async |name| source.find(&login(name)).await.unwrap().lockout;
    assert_eq!(lockout("alice").await, Some(Lockout { threshold: 4, window }));
    assert_eq!(lockout("bob").await, None);
    slapd.modify(&change("alice", "add: pwdReset\npwdReset: TRUE"));
    assert_eq!(tried(&source, "alice", "alice-secret").await, Some((RefusalKind::MustChange, true)));
    assert_eq!(tried(&source, "alice", "wrong").await, WRONG);
}

#[tokio::test(flavor = "multi_thread")]
async fn directory_server_389_lets_in_whoever_has_the_password() {
    let server = Ds389::start();
    for who in ["alice", "bob"] {
        server.modify(&change(who, &format!("replace: userPassword\nuserPassword: {who}-secret-1")));
    }
    let source = LdapSource::new(server.settings("corp"), [7; 32]).unwrap();
    // Who may not read so much as the id of their own entry cannot be told from whoever bears its name by then.
    let person = source.find(&login("alice")).await.unwrap();
    let blind = source.verify(&person, &Secret::new("alice-secret-1".to_owned())).await;
    assert!(matches!(&blind, Err(VerifyError::NotConfirmed { why, .. }) if why.contains("nsUniqueId")), "{blind:?}");
    let own = "(targetattr=\"nsUniqueId || objectClass\")(version 3.0; acl \"own id\"; allow (read, search) \
               userdn = \"ldap:///self\";)";
    server.modify(&format!("dn: ou=people,{SUFFIX}\nchangetype: modify\nadd: aci\naci: {own}\n\n"));
    assert_eq!(tried(&source, "Alice", "alice-secret-1").await, None);
    assert_eq!(tried(&source, "alice", "wrong").await, WRONG);
    server.modify(&change("bob", "add: nsAccountLock\nnsAccountLock: true"));
    assert_eq!(tried(&source, "bob", "bob-secret-1").await, Some((RefusalKind::Disabled, false)));
}
