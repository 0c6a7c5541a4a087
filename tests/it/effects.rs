//! What a dry run and held changes say about rights, as an operator sees it, of a real directory.

use serde_json::{Value, json};

use crate::bed::daemon::Bailey;
use crate::bed::slapd::{SUFFIX, group, person};
use crate::bed::{Options, Slapd};

const ACCOUNT: &str = "123456789012";

/// A company whose groups give roles and policies; read, and no daemon runs: each verb opens the store itself.
fn company(guard: &str) -> (Slapd, Bailey) {
    let crowd: Vec<String> = (0..5).map(|n| format!("p{n}")).collect();
    let crowd: Vec<&str> = crowd.iter().map(String::as_str).collect();
    let people = [&["ann", "ben", "cid", "dan", "eve", "zoe"], crowd.as_slice()].concat();
    let groups = [
        group("team", &["ann", "ben"]),
        group("crowd", &crowd),
        group("outer", &["zoe"]),
        group("blocked", &["zoe"]),
        group(&format!("aws-{ACCOUNT}-admin"), &["cid", "eve"]),
    ];
    let people: String = people.iter().map(|uid| person(uid)).collect();
    let slapd = Slapd::start(Options { ldif: format!("{people}\n{}", groups.join("\n")), ..Options::default() });
    for nested in ["team", "crowd"] {
        member(&slapd, "add", "outer", &format!("cn={nested},ou=groups"));
    }
    let bailey = Bailey::reading(&slapd, guard);
    let text = std::fs::read_to_string(bailey.config()).unwrap();
    let rule = r"pattern = '^aws-(?<account>\d{12})-(?<role>.+)$'";
    std::fs::write(bailey.config(), format!("{text}\n[[group_role]]\n{rule}\n")).unwrap();
    bailey.ok(&["sync"]);
    let file = |name: &str, effect: &str, actions: Value| {
        let path = bailey.path(name);
        let statement = json!({"Effect": effect, "Action": actions, "Resource": "*"});
        std::fs::write(&path, json!({"Version": "2012-10-17", "Statement": statement}).to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    bailey.ok(&["role", "create", "Deploy"]);
    bailey.ok(&["role", "create", "admin"]);
    bailey.ok(&["role", "assign", "Deploy", "--to", "group/outer"]);
    bailey.ok(&["policy", "create", "s3-read", &file("s3.json", "Allow", json!(["s3:Get*", "s3:List*"]))]);
    bailey.ok(&["group", "attach", "outer", "s3-read"]);
    bailey.ok(&["group", "attach", "team", "s3-read"]);
    bailey.ok(&["group", "put-policy", "team", "stop", &file("ec2.json", "Allow", json!("ec2:StopInstances"))]);
    bailey.ok(&["group", "put-policy", "blocked", "never", &file("never.json", "Deny", json!("iam:*"))]);
    (slapd, bailey)
}

fn member(slapd: &Slapd, act: &str, group: &str, who: &str) {
    let dn = format!("cn={group},ou=groups,{SUFFIX}");
    slapd.modify(&format!("dn: {dn}\nchangetype: modify\n{act}: member\nmember: {who},{SUFFIX}\n"));
}

/// What a dry run says: a line each. The changes are then carried out.
fn foreseen(bailey: &Bailey) -> Vec<String> {
    let seen = bailey.json(&["sync", "--dry-run"]);
    let table = bailey.ok(&["sync", "--dry-run"]);
    let mut lines = Vec::new();
    for change in seen["report"]["effects"]["people"].as_array().unwrap() {
        for (verb, rights) in [("loses", &change["loses"]), ("gains", &change["gains"])] {
            for right in rights.as_array().unwrap() {
                let what = right.get("actions").or(right.get("role")).unwrap().as_str().unwrap();
                let through: Vec<&str> =
                    right["through"].as_array().unwrap().iter().map(|x| x.as_str().unwrap()).collect();
                assert!(table.contains(what), "{what}: {table}");
                lines.push(format!(
                    "{} {verb} {} {what} ({})",
                    change["name"].as_str().unwrap(),
                    right["right"].as_str().unwrap(),
                    through.join(" ")
                ));
            }
        }
    }
    bailey.ok(&["sync"]);
    let after = bailey.json(&["sync", "--dry-run"]);
    assert_eq!(after["report"]["effects"]["affected"], 0, "{after}");
    lines
}

#[test]
fn a_dry_run_names_everybody_whose_rights_a_change_of_the_directory_moves() {
    let (slapd, bailey) = company("");
    let admin = format!("aws-{ACCOUNT}-admin");
    // Who leaves the inner group loses what comes by it; what the outer one gives, too, is lost as well.
    member(&slapd, "delete", "team", "uid=ben,ou=people");
    assert_eq!(
        foreseen(&bailey),
        [
            "ben loses role Deploy (user/ben group/team group/outer)",
            "ben loses allow s3: reads (Get*, List*) (user/ben group/team)",
            "ben loses allow ec2: StopInstances (user/ben group/team)",
        ]
    );
    // A nested membership goes: the policy that the inner group has itself stays.
    member(&slapd, "delete", "outer", "cn=team,ou=groups");
    assert_eq!(foreseen(&bailey), ["ann loses role Deploy (user/ann group/team group/outer)"]);
    // A group gets a name that no rule fits, and then one that a rule fits.
    slapd.rename(&format!("cn={admin},ou=groups,{SUFFIX}"), "cn=operators", None);
    let who = ["cid", "eve"];
    assert_eq!(foreseen(&bailey), who.map(|who| format!("{who} loses role admin (user/{who} group/{admin})")));
    slapd.rename(&format!("cn=operators,ou=groups,{SUFFIX}"), &format!("cn={admin}"), None);
    assert_eq!(foreseen(&bailey), who.map(|who| format!("{who} gains role admin (user/{who} group/{admin})")));
    // Whoever is switched off, or gone, loses everything.
    slapd.modify(&format!(
        "dn: uid=cid,ou=people,{SUFFIX}\nchangetype: modify\nadd: objectClass\nobjectClass: shadowAccount\n-\nadd: shadowExpire\nshadowExpire: 1\n"
    ));
    slapd.delete(&format!("uid=p0,ou=people,{SUFFIX}"));
    assert_eq!(
        foreseen(&bailey),
        [
            format!("cid loses role admin (user/cid group/{admin})"),
            "p0 loses role Deploy (user/p0 group/crowd group/outer)".to_owned(),
            "p0 loses allow s3: reads (Get*, List*) (user/p0 group/crowd group/outer)".to_owned(),
        ]
    );
    // A deny that is gained is named like what is lost.
    member(&slapd, "add", "blocked", "uid=dan,ou=people");
    assert_eq!(foreseen(&bailey), ["dan gains deny iam: everything (user/dan group/blocked)"]);
}

#[test]
fn a_limit_of_rights_lost_holds_what_takes_them_and_shows_from_whom() {
    let (slapd, bailey) = company("[directory.guard]\nrights_lost = { count = 3 }");
    member(&slapd, "delete", "outer", "cn=crowd,ou=groups");
    member(&slapd, "delete", "team", "uid=ben,ou=people");
    slapd.add_person("fay");
    let sync = bailey.run(&["sync"]);
    assert_eq!(sync.status.code(), Some(3), "{sync:?}");
    let said = String::from_utf8_lossy(&sync.stdout).into_owned();
    assert!(said.contains("rights_lost: 6 planned, 3 allowed"), "{said}");
    bailey.ok(&["user", "show", "fay"]);
    let sets = bailey.json(&["sync", "held"]);
    let digest = sets[0]["digest"].as_str().unwrap().to_owned();
    let shown = bailey.json(&["sync", "held", &digest]);
    let effects = &shown["effects"];
    assert_eq!((&effects["affected"], &effects["people"][0]["held"]), (&json!(6), &json!(true)), "{shown}");
    assert_eq!(effects["people"][0]["loses"][0]["role"], "Deploy");
    let page = bailey.ok(&["sync", "held", &digest]);
    for words in [
        "limit rights_lost: 6 planned, 3 allowed",
        "p4      loses role Deploy (through group crowd -> outer)",
        "ben     loses ec2: StopInstances (team/policy/stop, through group team)",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    bailey.ok(&["sync", "approve", &digest]);
    assert_eq!(bailey.json(&["sync", "held"]), json!([]));
    let after = bailey.json(&["sync", "--dry-run"]);
    assert_eq!((&after["report"]["effects"]["affected"], &after["report"]["held"]), (&json!(0), &json!(0)), "{after}");
}
