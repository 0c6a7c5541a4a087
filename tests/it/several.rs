//! Several directories at once: each followed in its own way, members across them, and one away while others work.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::bed::daemon::{Bailey, UNGUARDED, directory_of};
use crate::bed::samba::{AD, LAB};
use crate::bed::slapd::SUFFIX;
use crate::bed::{Account, Options, Samba, SambaOptions, Slapd, wait_until};

fn groups_of(bailey: &Bailey, who: &str) -> BTreeSet<String> {
    let shown: Value =
        serde_json::from_slice(&bailey.run(&["user", "show", who, "--output", "json"]).stdout).unwrap_or_default();
    let groups = shown["groups"].as_array().cloned().unwrap_or_default();
    groups.iter().map(|group| group["group"].as_str().unwrap().to_owned()).collect()
}

fn status_of(bailey: &Bailey, label: &str) -> Value {
    let all = bailey.json(&["sync", "status"]);
    all.as_array().unwrap().iter().find(|status| status["directory"] == label).unwrap().clone()
}

#[test]
fn people_of_one_domain_are_members_of_groups_of_another() {
    let corp = Samba::start(SambaOptions { domain: AD, ..SambaOptions::default() });
    let mut lab = Samba::start(SambaOptions { domain: LAB, ..SambaOptions::default() });
    let slapd = Slapd::start(Options::default());
    let primary = format!("primary = true\n{UNGUARDED}");
    let ldap = directory_of(&slapd, UNGUARDED).replace("\"corp\"\nprimary = true", "\"ldap\"");
    let mut bailey = Bailey::with(&format!(
        "{}\n{}\n{ldap}",
        corp.section("corp", Account::Sync, &primary),
        lab.section("lab", Account::Sync, UNGUARDED)
    ));
    bailey.start();
    for (label, method) in [("corp", "dirsync"), ("lab", "dirsync"), ("ldap", "syncrepl")] {
        assert_eq!(status_of(&bailey, label)["method"], method, "{label}");
    }
    // Each has an alice; only the primary one's is bare.
    assert!(groups_of(&bailey, "alice").contains("staff"));
    assert!(groups_of(&bailey, "alice@lab").contains("staff@lab"));
    assert_eq!(bailey.json(&["user", "show", "alice@ldap"])["dn"], format!("uid=alice,ou=people,{SUFFIX}"));

    // A domain local group takes a stranger by SID, as a foreign security principal.
    let (base, stranger) = (corp.base(), lab.sid_of(&format!("CN=alice,OU=Staff,{}", lab.base())));
    corp.modify(&format!(
        "dn: CN=auditors,OU=Groups,{base}\nchangetype: add\nobjectClass: group\nsAMAccountName: auditors\n\
         groupType: -2147483644\nmember: <SID={stranger}>\n\n\
         dn: CN=inner,OU=Groups,{base}\nchangetype: add\nobjectClass: group\nsAMAccountName: inner\n\
         groupType: -2147483644\nmember: CN=auditors,OU=Groups,{base}\n\n"
    ));
    wait_until("a member from the other domain", || groups_of(&bailey, "alice@lab").contains("auditors"));
    assert!(groups_of(&bailey, "alice@lab").contains("inner"), "through the group");
    assert!(!groups_of(&bailey, "alice").contains("auditors"), "the namesake is somebody else");
    assert!(bailey.ok(&["group", "show", "auditors"]).contains("alice@lab"));

    // One away: the others go on, and nobody of it is lost.
    lab.kill();
    corp.add_person("meanwhile");
    wait_until("the other domain is followed", || !groups_of(&bailey, "meanwhile").is_empty());
    wait_until("one is away", || status_of(&bailey, "lab")["phase"] == "away");
    assert_eq!(status_of(&bailey, "corp")["health"], "green");
    assert!(groups_of(&bailey, "alice@lab").contains("auditors"), "what was known holds");
    lab.run();
    lab.add_person("back");
    wait_until("it is followed again", || !groups_of(&bailey, "back@lab").is_empty());
    assert!(bailey.terminate().success());
    assert!(bailey.ok(&["store", "verify"]).contains("all sound"));
}
