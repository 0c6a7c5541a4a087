//! The whole program against 389 Directory Server.

use crate::bed::daemon::{Bailey, UNGUARDED, same_as_a_fresh_read};
use crate::bed::slapd::SUFFIX;
use crate::bed::{Ds389, wait_until};

fn section(server: &Ds389, bind: &str) -> String {
    format!(
        "[[directory]]\nlabel = \"corp\"\nkind = \"389-ds\"\nprimary = true\nurls = [\"{}\"]\nca_file = \"{}\"\n\
         bases = [\"{SUFFIX}\"]\n{bind}\n{UNGUARDED}",
        server.tls_url(),
        server.ca_file().display(),
    )
}

/// The sync account.
const SYNC: &str = "bind_dn = \"cn=sync,dc=example,dc=test\"\nbind_password_file = \"password\"";
/// The cookie of one account is none for another.
const MANAGER: &str = "bind_dn = \"cn=Directory Manager\"\nbind_password = \"admin-secret\"";

fn state_of(bailey: &Bailey, who: &str) -> String {
    let output = bailey.run(&["user", "show", who, "--output", "json"]);
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    shown["state"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn changes_are_pushed_and_a_position_lasts() {
    let mut server = Ds389::start();
    let mut bailey = Bailey::with(&section(&server, SYNC));
    bailey.start();
    let status = bailey.json(&["sync", "status"]);
    assert_eq!((&status[0]["method"], &status[0]["health"]), (&"syncrepl".into(), &"green".into()));
    server.add_person("carol");
    wait_until("somebody new", || state_of(&bailey, "carol") == "active");

    // An operational attribute, which this server leaves out when it goes on from a cookie.
    let locked =
        format!("dn: uid=carol,ou=people,{SUFFIX}\nchangetype: modify\nadd: nsAccountLock\nnsAccountLock: true\n");
    server.modify(&locked);
    wait_until("a lock", || state_of(&bailey, "carol") == "disabled");
    server.rename(&format!("uid=bob,ou=people,{SUFFIX}"), "uid=robert", None);
    wait_until("a rename", || state_of(&bailey, "robert") == "active");
    server.delete(&format!("uid=alice,ou=people,{SUFFIX}"));
    wait_until("a deletion", || state_of(&bailey, "alice") == "gone");
    same_as_a_fresh_read(&bailey, &section(&server, SYNC), "followed");

    // What happens while we are away is told from the cookie, and the lock stays one.
    assert!(bailey.terminate().success());
    server.add_person("dave");
    let title = format!("dn: uid=carol,ou=people,{SUFFIX}\nchangetype: modify\nreplace: title\ntitle: Dr\n");
    server.modify(&title);
    server.delete(&format!("uid=robert,ou=people,{SUFFIX}"));
    bailey.start();
    wait_until("who left meanwhile", || state_of(&bailey, "robert") == "gone");
    wait_until("who came", || state_of(&bailey, "dave") == "active");
    same_as_a_fresh_read(&bailey, &section(&server, SYNC), "meanwhile");
    assert_eq!(state_of(&bailey, "carol"), "disabled");
    let read = || bailey.log().lines().filter(|line| line.contains("reading everything")).count();
    assert_eq!(read(), 1, "{}", bailey.log());

    // A restart of the server breaks the connection, not the position.
    server.stop();
    server.run();
    server.add_person("erin");
    wait_until("the server is followed again", || state_of(&bailey, "erin") == "active");
    same_as_a_fresh_read(&bailey, &section(&server, SYNC), "after a restart of the server");
}

#[test]
fn a_cookie_of_another_account_leads_to_a_full_read() {
    let server = Ds389::start();
    let mut bailey = Bailey::with(&section(&server, SYNC));
    bailey.start();
    assert!(bailey.terminate().success());
    server.delete(&format!("uid=alice,ou=people,{SUFFIX}"));
    bailey.configure(&section(&server, MANAGER));
    bailey.start();
    wait_until("a full read", || state_of(&bailey, "alice") == "gone");
    assert!(bailey.log().contains("no longer knows the position (e-syncRefreshRequired)"), "{}", bailey.log());
    same_as_a_fresh_read(&bailey, &section(&server, MANAGER), "as another account");
}
