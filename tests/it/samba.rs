//! The whole program against a real Active Directory domain (Samba): what it follows, and what others lose people by.

use std::collections::BTreeSet;
use std::process::Command;

use bailey::base::Guid;
use serde_json::Value;

use crate::bed::daemon::{Bailey, UNGUARDED, same_as_a_fresh_read};
use crate::bed::{Account, Dns, Samba, SambaOptions, wait_until};

/// The domain read as this account, by this method, without a guard.
fn section(samba: &Samba, account: Account, method: &str) -> String {
    samba.section("corp", account, &format!("primary = true\nmethod = \"{method}\"\n{UNGUARDED}"))
}

fn following(samba: &Samba, account: Account, method: &str) -> Bailey {
    let mut bailey = Bailey::with(&section(samba, account, method));
    bailey.start();
    bailey
}

fn show(bailey: &Bailey, kind: &str, who: &str) -> Option<Value> {
    serde_json::from_slice(&bailey.run(&[kind, "show", who, "--output", "json"]).stdout).ok()
}

fn state_of(bailey: &Bailey, who: &str) -> String {
    show(bailey, "user", who).map(|shown| shown["state"].as_str().unwrap().to_owned()).unwrap_or_default()
}

fn dn_of(bailey: &Bailey, who: &str) -> String {
    show(bailey, "user", who).map(|shown| shown["dn"].as_str().unwrap().to_owned()).unwrap_or_default()
}

fn groups_of(bailey: &Bailey, who: &str) -> BTreeSet<String> {
    let shown = show(bailey, "user", who).unwrap_or_default();
    let groups = shown["groups"].as_array().cloned().unwrap_or_default();
    groups.iter().map(|group| group["group"].as_str().unwrap().to_owned()).collect()
}

fn status(bailey: &Bailey) -> Value {
    bailey.json(&["sync", "status"])[0].clone()
}

/// Full reads so far, as the audit log has them.
fn full_reads(bailey: &Bailey) -> usize {
    bailey.log().lines().filter(|line| line.contains("\"synced\"") && line.contains("\"full\":true")).count()
}

#[test]
fn every_trap_of_active_directory_is_stepped_over() {
    for method in ["dirsync", "usn"] {
        let samba = Samba::start(SambaOptions::default());
        let base = samba.base();
        let bailey = following(&samba, Account::Sync, method);
        assert_eq!((&status(&bailey)["method"], &status(&bailey)["sees_deletions"]), (&method.into(), &true.into()));
        assert!(groups_of(&bailey, "alice").is_superset(&BTreeSet::from(["Domain_Users", "staff"].map(str::to_owned))));

        // Children of a renamed or moved container are not reported.
        samba.rename(&format!("OU=Staff,{base}"), "OU=People", None);
        wait_until("a renamed container", || dn_of(&bailey, "alice") == format!("CN=alice,OU=People,{base}"));
        samba.rename(&format!("OU=People,{base}"), "OU=People", Some(&format!("OU=Services,{base}")));
        wait_until("a moved container", || dn_of(&bailey, "alice") == format!("CN=alice,OU=People,OU=Services,{base}"));
        assert!(groups_of(&bailey, "alice").contains("staff"), "a group follows its member's name");

        // The group of a deleted member is not reported, and the tombstone has lost its objectCategory.
        samba.delete(&format!("CN=bob,OU=People,OU=Services,{base}"));
        wait_until("a deletion", || state_of(&bailey, "bob") == "gone");
        assert!(groups_of(&bailey, "bob").iter().all(|group| group != "staff"));

        // A cleared attribute comes as one without values, and so does a secret.
        samba.modify(&format!(
            "dn: CN=alice,OU=People,OU=Services,{base}\nchangetype: modify\ndelete: displayName\n-\nreplace: unicodePwd\n\
             unicodePwd:: IgBOAGUAdwBQAHcAIQAyADMANAAiAA==\n"
        ));
        wait_until("a cleared attribute", || show(&bailey, "user", "alice").unwrap()["display_name"].is_null());
        assert_eq!(state_of(&bailey, "alice"), "active");

        // Disabled, and enabled again.
        for (control, state) in [("514", "disabled"), ("512", "active")] {
            samba.modify(&format!(
                "dn: CN=alice,OU=People,OU=Services,{base}\nchangetype: modify\nreplace: userAccountControl\n\
                 userAccountControl: {control}\n"
            ));
            wait_until(state, || state_of(&bailey, "alice") == state);
        }
        same_as_a_fresh_read(&bailey, &section(&samba, Account::Sync, method), method);
        assert_eq!(full_reads(&bailey), 1, "all of it was followed:\n{}", bailey.log());
    }
}

#[test]
fn logging_on_changes_nothing() {
    let samba = Samba::start(SambaOptions::default());
    let bailey = following(&samba, Account::Sync, "usn");
    let before = (samba.highest_usn(), bailey.model());
    let alice = format!("CN=alice,OU=Staff,{}", samba.base());
    let mut whoami = Command::new("ldapsearch");
    whoami.args(["-x", "-H", &samba.url(), "-D", &alice, "-w", "Passw0rd!1", "-s", "base", "-b", "", "1.1"]);
    assert!(whoami.env("LDAPTLS_CACERT", samba.ca_file()).output().unwrap().status.success());
    assert!(samba.highest_usn() > before.0, "the first logon stamps `lastLogonTimestamp`");
    let caught_up = format!("update {}", samba.highest_usn());
    wait_until("it is seen", || status(&bailey)["cursor"]["position"] == caught_up.as_str());
    assert_eq!(bailey.model(), before.1);
}

#[test]
fn every_state_of_an_account_is_known() {
    let samba = Samba::start(SambaOptions::default());
    let bailey = Bailey::with(&section(&samba, Account::Sync, "auto"));
    bailey.ok(&["sync"]);
    for (who, state) in [
        ("alice", "active"),
        ("disabled", "disabled"),
        ("expired", "expired"),
        ("nohours", "off_hours"),
        ("locked", "active"),
    ] {
        assert_eq!(state_of(&bailey, who), state, "{who}");
    }
    assert!(!show(&bailey, "user", "locked").unwrap()["locked_since"].is_null());
    assert_eq!(show(&bailey, "user", "mustchange").unwrap()["must_change_password"], true);
    let people = bailey.json(&["user", "list", "--limit", "1000"]).to_string();
    assert!(!people.contains("ws1") && !people.contains("gmsa1") && !people.contains("DC1"), "machines are no people");
    let machines = bailey.json(&["resource", "list"]).to_string();
    for machine in ["ws1", "gmsa1", "msa1", "DC1"] {
        assert!(machines.contains(machine), "{machine}: {machines}");
    }
    for who in ["alice", "bob", "svc-plain", "Administrator"] {
        assert!(bailey.ok(&["user", "show", who, "--verify"]).contains("agrees"), "{who}");
    }
}

/// The commands that `check` prints are the ones that help.
#[test]
fn check_says_which_right_is_missing_and_its_commands_grant_it() {
    let mut samba = Samba::start(SambaOptions::default());
    let plain = Bailey::with(&section(&samba, Account::Plain, "auto"));
    let finding = |subject: &str| -> Value {
        let output = plain.run(&["check", "--output", "json"]);
        let all: Value = serde_json::from_slice(&output.stdout).unwrap();
        all.as_array().unwrap().iter().find(|finding| finding["subject"] == subject).unwrap().clone()
    };
    let lines = |finding: &Value| -> Vec<String> {
        finding["commands"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    };
    let (follow, deletions) = (finding("follow changes"), finding("deletions"));
    assert!(follow["what"].as_str().unwrap().contains("limited to what the account may read"), "{follow}");
    assert_eq!(deletions["severity"], "warning");
    samba.stop();
    let grant = lines(&follow).into_iter().find(|line| line.starts_with("samba-tool")).unwrap();
    let descriptor: Vec<String> = lines(&deletions).into_iter().skip_while(|line| !line.starts_with("dn:")).collect();
    samba.paste(&grant);
    samba.modify_offline(
        "ldbmodify",
        &["--controls=show_deleted:1", "--controls=sd_flags:1:4"],
        &descriptor.split_last().unwrap().1.join("\n"),
    );
    samba.run();
    assert!(finding("follow changes")["what"].as_str().unwrap().contains("the right to everything"));
    assert_eq!(finding("deletions")["severity"], "fine");
}

#[test]
fn an_account_that_sees_no_deletions_reads_everything_more_often_and_says_so() {
    let samba = Samba::start(SambaOptions::default());
    let blind = format!("primary = true\nreconcile_blind_every = \"1s\"\n{UNGUARDED}");
    let mut bailey = Bailey::with(&samba.section("corp", Account::Changes, &blind));
    bailey.start();
    let status = status(&bailey);
    assert_eq!((&status["health"], &status["sees_deletions"]), (&"yellow".into(), &false.into()));
    assert!(status["reasons"][0].as_str().unwrap().contains("cannot see deletions"), "{status}");
    samba.delete(&format!("CN=bob,OU=Staff,{}", samba.base()));
    wait_until("the leaver is missed in a full read", || state_of(&bailey, "bob") == "gone");
}

/// A controller put back from a backup, in the three ways it is done.
#[test]
fn a_controller_put_back_from_a_backup_is_read_anew() {
    enum Restored {
        Image,
        ImageAndBusySince,
        ByTheBook,
    }
    for (how, why) in [
        (Restored::Image, "went back in time"),
        (Restored::ImageAndBusySince, "counted past"),
        (Restored::ByTheBook, "invocationId changed"),
    ] {
        let mut samba = Samba::start(SambaOptions::default());
        samba.stop();
        let backup = samba.put_aside();
        samba.run();
        let mut bailey = following(&samba, Account::Sync, "dirsync");
        samba.add_person("lost");
        wait_until("somebody new", || state_of(&bailey, "lost") == "active");
        assert!(bailey.terminate().success());
        let known = samba.values("", "currentTime");
        samba.stop();
        samba.put_back(&backup);
        if matches!(how, Restored::ByTheBook) {
            samba.renew_invocation_id(Guid::from_bytes([0x77; 16]));
        }
        samba.run();
        if matches!(how, Restored::ImageAndBusySince) {
            // Times of changes are whole seconds, and nobody puts a server back within one or two.
            let mut seconds = BTreeSet::from([known]);
            wait_until("some seconds", || {
                seconds.insert(samba.values("", "currentTime"));
                seconds.len() > 3
            });
            for name in ["found1", "found2", "found3", "found4"] {
                samba.add_person(name);
            }
        }
        bailey.start();
        wait_until("a full read", || bailey.log().contains(why));
        same_as_a_fresh_read(&bailey, &section(&samba, Account::Sync, "dirsync"), why);
        assert_eq!(state_of(&bailey, "lost"), "gone");
    }
}

/// Another controller may be behind the one that was followed, so its word on what changed is not taken: all is read.
#[test]
fn another_controller_answers_after_a_failover() {
    let (first, second) = Samba::start_two(SambaOptions { partners: true, ..SambaOptions::default() });
    let (mut first, second) = (first, second);
    let both = section(&first, Account::Sync, "auto")
        .replace(&format!("\"{}\"", first.url()), &format!("\"{}\", \"{}\"", first.url(), second.url()));
    let mut bailey = Bailey::with(&both);
    bailey.start();
    assert_eq!(status(&bailey)["cursor"]["server"], first.url().as_str());
    first.add_person("replicated");
    first.add_person("late");
    wait_until("it is followed", || state_of(&bailey, "late") == "active");
    Samba::replicate(&first, &second);
    first.kill();
    wait_until("the other is followed", || status(&bailey)["cursor"]["server"] == second.url().as_str());
    assert!(bailey.log().contains("the position belongs to"), "{}", bailey.log());
    assert_eq!(state_of(&bailey, "replicated"), "active");
    second.add_person("second");
    wait_until("changes go on", || state_of(&bailey, "second") == "active");
    first.run();
    second.delete(&format!("CN=replicated,OU=Staff,{}", second.base()));
    wait_until("and deletions", || state_of(&bailey, "replicated") == "gone");
    assert_eq!(status(&bailey)["cursor"]["server"], second.url().as_str(), "it stays while all is well");
}

/// An account that may look into the container of deleted objects, but inherits nothing there, cannot read those that came by
/// replication.
#[test]
fn an_account_that_cannot_read_what_was_deleted_elsewhere_is_known_as_such() {
    let (mut first, second) = Samba::start_two(SambaOptions { partners: true, ..SambaOptions::default() });
    first.stop();
    let sid = first.sid_of(&first.credentials(Account::Sync).0);
    let descriptor = format!(
        "dn: CN=Deleted Objects,{}\nchangetype: modify\nreplace: nTSecurityDescriptor\n\
         nTSecurityDescriptor: D:PAI(A;;RPLC;;;{sid})(A;;RPWPCCDCLCRCWOWDSDSW;;;SY)(A;;RPLC;;;BA)\n",
        first.base()
    );
    first.modify_offline("ldbmodify", &["--controls=show_deleted:1", "--controls=sd_flags:1:4"], &descriptor);
    first.run();
    let mut bailey = following(&first, Account::Sync, "dirsync");
    assert_eq!(status(&bailey)["sees_deletions"], true, "nothing says otherwise yet");
    second.delete(&format!("CN=bob,OU=Staff,{}", second.base()));
    Samba::replicate(&second, &first);
    assert!(bailey.terminate().success());
    bailey.start();
    let status = status(&bailey);
    assert_eq!((&status["sees_deletions"], &status["health"]), (&false.into(), &"yellow".into()));
}

/// By either method, and from another controller.
#[test]
fn a_deletion_that_comes_from_another_controller_is_seen() {
    let (first, second) = Samba::start_two(SambaOptions { partners: true, ..SambaOptions::default() });
    for method in ["dirsync", "usn"] {
        let (stays, goes) = (format!("{method}-stays"), format!("{method}-goes"));
        first.add_person(&stays);
        first.add_person(&goes);
        Samba::replicate(&first, &second);
        let bailey = following(&first, Account::Sync, method);
        second.delete(&format!("CN={goes},OU=Staff,{}", second.base()));
        second.modify(&format!(
            "dn: CN={stays},OU=Staff,{}\nchangetype: modify\nreplace: displayName\ndisplayName: Elsewhere\n",
            second.base()
        ));
        Samba::replicate(&second, &first);
        wait_until("the deletion", || state_of(&bailey, &goes) == "gone");
        wait_until("the change", || show(&bailey, "user", &stays).unwrap()["display_name"] == "Elsewhere");
    }
}

/// The way the README shows: the domain's name, and an account by `user@domain`.
#[test]
fn a_controller_is_found_in_dns_and_rings_when_something_changed() {
    let samba = Samba::start(SambaOptions::default());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let dns = runtime.block_on(Dns::start());
    dns.srv("_ldap._tcp.dc._msdcs.ad.test", 600, (0, 100), "dc1.ad.test", 389);
    dns.address("dc1.ad.test", samba.ip());
    let (dn, password) = samba.credentials(Account::Plain);
    let section = samba
        .section("corp", Account::Plain, "primary = true\n")
        .replace(
            &format!("urls = [\"{}\"]", samba.url()),
            &format!("domain = \"ad.test\"\nnameservers = [\"{}\"]", dns.at()),
        )
        .replace(&dn, "svc-plain@ad.test")
        .replace("follow_every = \"200ms\"", "follow_every = \"1h\"");
    assert!(section.contains(password) && section.contains("1h") && !section.contains("urls"));
    let mut bailey = Bailey::with(&section);
    assert!(bailey.ok(&["check"]).contains("dc1.ad.test"));
    bailey.start();
    let status = status(&bailey);
    assert_eq!(status["cursor"]["server"], "ldaps://dc1.ad.test");
    assert_eq!((&status["method"], &status["sees_deletions"]), (&"dirsync".into(), &false.into()));
    samba.add_person("new");
    wait_until("the controller's notification", || state_of(&bailey, "new") == "active");
}

#[test]
fn a_manager_stays_who_they_are_when_they_are_renamed() {
    let samba = Samba::start(SambaOptions::default());
    let base = samba.base();
    let bailey = following(&samba, Account::Sync, "dirsync");
    let named = |manager: &str| {
        samba.modify(&format!(
            "dn: CN=alice,OU=Staff,{base}\nchangetype: modify\nreplace: manager\nmanager: CN={manager},OU=Staff,{base}\n"
        ));
    };
    let manager = || show(&bailey, "user", "alice").unwrap()["manager"].clone();
    let bob = show(&bailey, "user", "bob").unwrap()["id"].clone();
    named("bob");
    wait_until("a manager", || manager() == bob);
    // The domain rewrites the link and says nothing of it.
    samba.rename(&format!("CN=bob,OU=Staff,{base}"), "CN=robert", None);
    wait_until("another name", || dn_of(&bailey, "bob") == format!("CN=robert,OU=Staff,{base}"));
    samba.add_person("bob2");
    wait_until("somebody new", || state_of(&bailey, "bob2") == "active");
    samba.rename(&format!("CN=bob2,OU=Staff,{base}"), "CN=bob", None);
    wait_until("the name is another's", || dn_of(&bailey, "bob2") == format!("CN=bob,OU=Staff,{base}"));
    assert_eq!(manager(), bob);
    bailey.ok(&["sync"]);
    assert_eq!(manager(), bob);
    samba.delete(&format!("CN=robert,OU=Staff,{base}"));
    wait_until("they leave", || state_of(&bailey, "bob") == "gone");
    // Who is gone manages nobody, and the domain names nobody any more.
    bailey.ok(&["sync"]);
    wait_until("nobody", || manager().is_null());
}
