//! The whole program against a real OpenLDAP server: what an operator does, from the first read to the restore.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

use crate::bed::daemon::{Bailey, UNGUARDED, directory_of, is_written, same_as_a_fresh_read};
use crate::bed::slapd::{SUFFIX, group, person};
use crate::bed::{Options, Slapd, wait_until};

fn ldif_of(people: usize) -> String {
    let mut ldif = String::new();
    for n in 0..people {
        let _ = writeln!(ldif, "{}", person(&format!("p{n:03}")));
    }
    ldif
}

fn company(people: usize, refint: bool) -> Slapd {
    company_with(people, Options { refint, ..Options::default() })
}

fn company_with(people: usize, options: Options) -> Slapd {
    let members: Vec<String> = (0..people.min(30)).map(|n| format!("p{n:03}")).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    let ldif = format!("{}\n{}", ldif_of(people), group("team", &members));
    Slapd::start(Options { ldif, ..options })
}

fn state_of(bailey: &Bailey, who: &str) -> Option<String> {
    let output = bailey.run(&["user", "show", who, "--output", "json"]);
    let shown: Value = serde_json::from_slice(&output.stdout).ok()?;
    shown["state"].as_str().map(str::to_owned)
}

fn groups_of(bailey: &Bailey, who: &str) -> BTreeSet<String> {
    let shown = bailey.json(&["user", "show", who]);
    let groups = shown["groups"].as_array().unwrap();
    groups.iter().map(|group| group["group"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn changes_arrive_and_history_remembers_them() {
    let slapd = company(3, true);
    let mut bailey = Bailey::reading(&slapd, "");
    bailey.start();
    assert_eq!(groups_of(&bailey, "p001"), BTreeSet::from(["team".to_owned()]));

    slapd.add_person("new");
    wait_until("a new person", || state_of(&bailey, "new").as_deref() == Some("active"));
    slapd.add(&group("outer", &["new"]));
    slapd.modify(&format!(
        "dn: cn=outer,ou=groups,{SUFFIX}\nchangetype: modify\nadd: member\nmember: cn=team,ou=groups,{SUFFIX}\n"
    ));
    wait_until("a nested group", || groups_of(&bailey, "p001").contains("outer"));

    // refint takes the renamed and the deleted out of groups, or renames them there, and reports neither.
    slapd.rename(&format!("uid=p001,ou=people,{SUFFIX}"), "uid=renamed", None);
    wait_until("a rename", || state_of(&bailey, "renamed").is_some());
    assert!(groups_of(&bailey, "renamed").contains("team"), "a rename loses no group");
    assert!(state_of(&bailey, "p001").is_none(), "the old name is gone");
    slapd.delete(&format!("uid=p002,ou=people,{SUFFIX}"));
    wait_until("a leaver", || state_of(&bailey, "p002").as_deref() == Some("gone"));
    assert!(groups_of(&bailey, "p002").is_empty());

    let past = bailey.json(&["history", "show", "renamed"]);
    let fields: Vec<&str> = past[1]["fields"].as_array().unwrap().iter().map(|f| f["path"].as_str().unwrap()).collect();
    assert!(fields.contains(&"name") && fields.contains(&"login"), "{fields:?}");
    let before = past[0]["at"].as_str().unwrap().to_owned();
    let then = bailey.json(&["history", "show", "renamed", "--at", &before]);
    assert_eq!(then["entity"]["name"], "p001");
    assert_eq!(then["groups"], serde_json::json!(["team"]));
    assert!(bailey.ok(&["audit", "verify"]).contains("the chain holds"));
    assert!(bailey.terminate().success(), "{}", bailey.log());
    assert!(bailey.ok(&["store", "verify"]).contains("all sound"));
}

/// One random edit as LDIF, on people and groups that exist.
struct Editor {
    rng: StdRng,
    people: Vec<String>,
    groups: Vec<String>,
    next: usize,
}

impl Editor {
    fn new(seed: u64, people: usize) -> Self {
        let people = (0..people).map(|n| format!("p{n:03}")).collect();
        Self { rng: StdRng::seed_from_u64(seed), people, groups: vec!["team".to_owned()], next: 0 }
    }

    fn some(&mut self, of: usize) -> usize {
        self.rng.random_range(0..of)
    }

    fn person(&mut self) -> String {
        let at = self.some(self.people.len());
        self.people[at].clone()
    }

    fn edit(&mut self) -> String {
        self.next += 1;
        let next = self.next;
        let kind = self.some(9);
        match kind {
            0 => {
                self.people.push(format!("n{next}"));
                person(&format!("n{next}")).replacen('\n', "\nchangetype: add\n", 1)
            }
            1 if self.people.len() > 20 => {
                let at = self.some(self.people.len());
                format!("dn: uid={},ou=people,{SUFFIX}\nchangetype: delete\n", self.people.swap_remove(at))
            }
            2 => {
                let at = self.some(self.people.len());
                let old = std::mem::replace(&mut self.people[at], format!("r{next}"));
                format!("dn: uid={old},ou=people,{SUFFIX}\nchangetype: modrdn\nnewrdn: uid=r{next}\ndeleteoldrdn: 1\n")
            }
            3 if self.groups.len() < 12 => {
                self.groups.push(format!("g{next}"));
                let member = self.person();
                group(&format!("g{next}"), &[&member]).replacen('\n', "\nchangetype: add\n", 1)
            }
            4 => {
                let who = self.person();
                format!(
                    "dn: uid={who},ou=people,{SUFFIX}\nchangetype: modify\nreplace: displayName\ndisplayName: Name {next}\n"
                )
            }
            5 => self.replace_members(true),
            _ => self.replace_members(false),
        }
    }

    /// A group gets other members: people, somebody who does not exist (yet), and sometimes another group, in a ring if it comes so.
    fn replace_members(&mut self, nested: bool) -> String {
        let at = self.some(self.groups.len());
        let name = self.groups[at].clone();
        let mut members = BTreeSet::new();
        for _ in 0..=self.some(8) {
            members.insert(format!("uid={},ou=people,{SUFFIX}", self.person()));
        }
        members.insert(format!("uid=n{},ou=people,{SUFFIX}", self.next + 3));
        if nested {
            let other = self.some(self.groups.len());
            members.insert(format!("cn={},ou=groups,{SUFFIX}", self.groups[other]));
        }
        let mut ldif = format!("dn: cn={name},ou=groups,{SUFFIX}\nchangetype: modify\nreplace: member\n");
        for member in members {
            let _ = writeln!(ldif, "member: {member}");
        }
        ldif
    }
}

#[test]
fn a_thousand_edits_followed_are_a_thousand_edits_read() {
    for (refint, memberof) in [(true, true), (false, true), (true, false), (false, false)] {
        let slapd = company_with(60, Options { refint, memberof, ..Options::default() });
        let mut bailey = Bailey::reading(&slapd, UNGUARDED);
        bailey.start();
        let mut editor = Editor::new(20_260_312, 60);
        for round in 0..5 {
            let edits: Vec<String> = (0..100).map(|_| editor.edit()).collect();
            slapd.modify(&edits.join("\n"));
            same_as_a_fresh_read(
                &bailey,
                &directory_of(&slapd, UNGUARDED),
                &format!("in round {round}, refint {refint}, memberof {memberof}"),
            );
            if round == 2 {
                // What happens meanwhile is learnt from the cursor.
                assert!(bailey.terminate().success());
                let edits: Vec<String> = (0..20).map(|_| editor.edit()).collect();
                slapd.modify(&edits.join("\n"));
                bailey.start();
            }
        }
        assert!(bailey.terminate().success());
        assert!(bailey.ok(&["store", "verify"]).contains("all sound"));
    }
}

#[test]
fn a_server_that_restarts_is_followed_again() {
    let mut slapd = company(40, true);
    let mut bailey = Bailey::reading(&slapd, UNGUARDED);
    bailey.start();
    slapd.stop();
    wait_until("a directory that is away", || bailey.json(&["sync", "status"])[0]["phase"] == "away");
    let status = bailey.json(&["sync", "status"]);
    assert_eq!(status[0]["totals"]["users"], 42, "nobody is deleted because nobody answers");
    slapd.run();
    slapd.delete(&format!("uid=p001,ou=people,{SUFFIX}"));
    slapd.add_person("late");
    same_as_a_fresh_read(&bailey, &directory_of(&slapd, UNGUARDED), "after a restart of the server");
}

#[test]
fn the_guard_holds_a_mass_deletion_until_somebody_decides() {
    let slapd = company(60, true);
    let bailey = Bailey::reading(&slapd, "");
    bailey.ok(&["sync"]);
    let mut deletions = String::new();
    for n in 0..30 {
        let _ = writeln!(deletions, "dn: uid=p{n:03},ou=people,{SUFFIX}\nchangetype: delete\n");
    }
    slapd.modify(&deletions);

    let before = bailey.model();
    let dry = bailey.run(&["sync", "--dry-run", "--output", "json"]);
    assert_eq!(dry.status.code(), Some(3));
    let dry: Value = serde_json::from_slice(&dry.stdout).unwrap();
    assert_eq!(dry["report"]["tally"]["gone"]["users"], 30);
    assert_eq!(bailey.model(), before, "a dry run writes nothing");
    assert_eq!(dry["lines"].as_array().unwrap().len(), 31, "programs get a line a person, and one for the group");
    let page = bailey.run(&["sync", "--dry-run"]);
    let page = String::from_utf8(page.stdout).unwrap();
    assert!(page.starts_with("HELD until somebody decides: "), "{page}");
    assert!(
        page.contains(&format!("30 people are gone from ou=people,{SUFFIX}: p000, p001, p002 and 27 more")),
        "{page}"
    );
    assert!(page.contains("limit deletions: 30 planned"), "{page}");
    let every = bailey.run(&["sync", "--dry-run", "--all"]);
    assert_eq!(String::from_utf8(every.stdout).unwrap().matches("uid=p0").count(), 30, "a line each, when asked");

    let run = bailey.run(&["sync", "--output", "json"]);
    assert_eq!(run.status.code(), Some(3), "held is an exit code of its own");
    let report: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(report[0]["tally"], dry["report"]["tally"], "the dry run told what would be");
    assert_eq!(state_of(&bailey, "p001").as_deref(), Some("active"), "nobody has lost anything");
    assert_eq!(groups_of(&bailey, "p001"), BTreeSet::from(["team".to_owned()]));

    let held = bailey.json(&["sync", "held"]);
    let digest = held[0]["digest"].as_str().unwrap().to_owned();
    bailey.run(&["sync"]);
    assert_eq!(bailey.json(&["sync", "held"])[0]["digest"], digest.as_str(), "the same changes are the same set");
    let shown = bailey.json(&["sync", "held", &digest[..12]]);
    assert!(shown["lines"].as_array().unwrap().len() >= 30);

    // One more leaver, within the limits once the others are decided, and somebody new: neither waits.
    slapd.add_person("newcomer");
    bailey.ok(&["sync", "approve", &digest[..12]]);
    assert_eq!(state_of(&bailey, "p001").as_deref(), Some("gone"));
    assert_eq!(state_of(&bailey, "newcomer").as_deref(), Some("active"));
    assert_eq!(bailey.json(&["sync", "held"]), serde_json::json!([]));
    assert!(bailey.ok(&["audit", "tail", "--count", "200"]).contains("ApproveHeldChanges"));
}

#[test]
fn a_rebuilt_account_is_linked_to_who_it_was() {
    let slapd = company(10, true);
    let bailey = Bailey::reading(&slapd, "");
    bailey.ok(&["sync"]);
    let id = bailey.json(&["user", "show", "p003"])["id"].as_str().unwrap().to_owned();
    slapd.delete(&format!("uid=p003,ou=people,{SUFFIX}"));
    bailey.ok(&["sync"]);
    assert_eq!(state_of(&bailey, &id).as_deref(), Some("gone"));
    let refused = bailey.run(&["user", "restore", &id]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--to NEW_GUID"));

    slapd.add_person("p003");
    bailey.ok(&["sync"]);
    let rebuilt = bailey.json(&["user", "show", "p003"]);
    assert_ne!(rebuilt["id"], id.as_str(), "a new object is a new person until somebody says otherwise");
    let guid = rebuilt["guid"].as_str().unwrap().to_owned();
    bailey.ok(&["user", "restore", &id, "--to", &guid]);
    let restored = bailey.json(&["user", "show", &id]);
    assert_eq!((&restored["state"], &restored["guid"]), (&"active".into(), &guid.as_str().into()));
    bailey.ok(&["sync"]);
    assert_eq!(state_of(&bailey, &id).as_deref(), Some("active"), "the link lasts");
    assert!(bailey.ok(&["store", "verify"]).contains("all sound"));
}

#[test]
fn a_directory_taken_out_is_frozen_until_it_is_removed() {
    let slapd = company(10, true);
    let mut bailey = Bailey::reading(&slapd, "");
    bailey.start();
    std::fs::write(bailey.config(), std::fs::read_to_string(bailey.config()).unwrap().replace("account =", "acount ="))
        .unwrap();
    bailey.signal("HUP");
    wait_until("a refusal of the broken file", || bailey.log().contains("the configuration stays as it was"));

    let text = std::fs::read_to_string(bailey.config()).unwrap().replace("acount =", "account =");
    std::fs::write(bailey.config(), &text[..text.find("[[directory]]").unwrap()]).unwrap();
    bailey.signal("HUP");
    wait_until("frozen people", || state_of(&bailey, "p001").as_deref() == Some("frozen"));
    let removal = bailey.run(&["directory", "remove", "corp"]);
    assert_eq!(removal.status.code(), Some(3), "{}", String::from_utf8_lossy(&removal.stderr));
    let digest = bailey.json(&["sync", "held"])[0]["digest"].as_str().unwrap().to_owned();
    bailey.ok(&["sync", "approve", &digest]);
    assert!(bailey.model().is_empty(), "nothing of it is left");
    assert!(bailey.terminate().success());
    assert!(bailey.ok(&["store", "verify"]).contains("all sound"));
}

#[test]
fn an_export_of_a_running_daemon_is_an_installation_again() {
    let slapd = company(20, true);
    let mut bailey = Bailey::reading(&slapd, "");
    bailey.start();
    let file = bailey.path("export.jsonl");
    bailey.ok(&["store", "export", file.to_str().unwrap()]);
    assert!(is_written(&file));
    let second = Bailey::reading(&slapd, "");
    second.ok(&["store", "import", file.to_str().unwrap()]);
    assert_eq!(second.model(), bailey.model());
    assert!(second.ok(&["audit", "verify"]).contains("the chain holds"));
}

/// A command finds no daemon, or one that is about to open the store, or one that has it; it is answered all the same.
#[test]
fn a_command_is_answered_while_a_daemon_starts() {
    let slapd = company(5, true);
    let mut bailey = Bailey::with(&directory_of(&slapd, ""));
    bailey.start();
    for _ in 0..20 {
        bailey.kill();
        bailey.spawn();
        bailey.ok(&["sync", "status"]);
    }
    assert!(bailey.terminate().success());
}

#[test]
fn a_second_daemon_is_refused_and_the_first_goes_on() {
    let slapd = company(3, true);
    let mut bailey = Bailey::reading(&slapd, "");
    bailey.start();
    let second = bailey.run(&["run"]);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("another daemon answers on") && said.contains("listen.socket"), "{said}");
    // Not even behind another door: the store is one daemon's.
    let config = std::fs::read_to_string(bailey.config()).unwrap();
    let door = bailey.path("other-door");
    let elsewhere: String = config
        .lines()
        .map(|line| match line.split_once(" = ") {
            Some(("socket", _)) => format!("socket = \"{}\"\n", door.display()),
            Some(("health", _)) => format!("health = \"127.0.0.1:{}\"\n", crate::bed::free_port()),
            _ => format!("{line}\n"),
        })
        .collect();
    std::fs::write(bailey.path("elsewhere.toml"), elsewhere).unwrap();
    let third = std::process::Command::new(env!("CARGO_BIN_EXE_bailey"))
        .args(["run", "--config"])
        .arg(bailey.path("elsewhere.toml"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&third.stderr).into_owned();
    assert_eq!(third.status.code(), Some(1), "{said}");
    assert!(said.contains("another process"), "{said}");
    assert!(!door.exists(), "its socket went with it");
    assert_eq!(state_of(&bailey, "p001").as_deref(), Some("active"));
    assert!(bailey.terminate().success());
}

/// Somebody else on this machine: the same program under another uid.
struct Stranger<'a> {
    bailey: &'a Bailey,
    program: std::path::PathBuf,
    uid: u32,
}

impl Stranger<'_> {
    fn run(&self, words: &[&str]) -> (bool, String) {
        let as_root: &[&str] = if nix::unistd::Uid::effective().is_root() { &[] } else { &["sudo", "-n"] };
        let uid = self.uid.to_string();
        let switch = ["setpriv", "--reuid", &uid, "--regid", &uid, "--clear-groups"];
        let mut line = as_root.iter().chain(&switch);
        let output = std::process::Command::new(line.next().unwrap())
            .args(line)
            .arg(&self.program)
            .args(words)
            .arg("--socket")
            .arg(self.bailey.path("socket"))
            .current_dir("/")
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    }
}

#[test]
fn the_kernel_says_who_calls_and_the_configuration_what_they_may() {
    use std::os::unix::fs::PermissionsExt as _;
    const VIEWER: u32 = 54_321;
    let slapd = company(3, true);
    let mut bailey = Bailey::reading(&slapd, &format!("\n[access]\nviewer_uids = [{VIEWER}]\n"));
    // Where others can reach the program and the socket, whatever this checkout lies in.
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(bailey.path(""), open.clone()).unwrap();
    let program = bailey.path("bailey");
    std::fs::copy(env!("CARGO_BIN_EXE_bailey"), &program).unwrap();
    std::fs::set_permissions(&program, open).unwrap();
    bailey.start();

    let viewer = Stranger { bailey: &bailey, program: program.clone(), uid: VIEWER };
    let (looked, said) = viewer.run(&["user", "show", "p001"]);
    assert!(looked && said.contains("p001"), "{said}");
    for words in [&["sync"] as &[&str], &["directory", "remove", "corp"], &["store", "export"]] {
        let (done, said) = viewer.run(words);
        assert!(!done && said.contains("operator"), "{words:?}: {said}");
    }
    let stranger = Stranger { bailey: &bailey, program, uid: VIEWER + 1 };
    let (looked, said) = stranger.run(&["user", "list"]);
    assert!(!looked && said.contains("may not use this socket") && !said.contains("p001"), "{said}");
    let log = bailey.ok(&["audit", "tail", "--count", "100", "--output", "json"]);
    let refusals = |uid: u32| {
        let of = |record: &&str| record.contains(&uid.to_string()) && record.contains("AccessDenied");
        log.lines().filter(of).count()
    };
    assert_eq!((refusals(VIEWER), refusals(VIEWER + 1)), (3, 1), "{log}");
}

#[test]
fn of_those_who_approve_at_once_one_is_heard_and_it_happens_once() {
    let slapd = company(60, true);
    let mut bailey = Bailey::reading(&slapd, "");
    bailey.start();
    let deletions: Vec<String> =
        (0..30).map(|n| format!("dn: uid=p{n:03},ou=people,{SUFFIX}\nchangetype: delete\n")).collect();
    slapd.modify(&deletions.join("\n"));
    assert_eq!(bailey.run(&["sync"]).status.code(), Some(3));
    let digest = bailey.json(&["sync", "held"])[0]["digest"].as_str().unwrap().to_owned();
    let callers: Vec<_> = (0..6)
        .map(|_| bailey.command(&["sync", "approve", &digest]).stderr(std::process::Stdio::piped()).spawn().unwrap())
        .collect();
    let answers: Vec<_> = callers.into_iter().map(|caller| caller.wait_with_output().unwrap()).collect();
    for answer in &answers {
        let said = String::from_utf8_lossy(&answer.stderr);
        // Late enough to find nothing held any more, early enough to be one of two, or told that it was decided.
        let known = ["somebody else decided", "no held changes with digest"];
        assert!(answer.status.success() || known.iter().any(|why| said.contains(why)), "{said}");
    }
    wait_until("what was approved", || state_of(&bailey, "p001").as_deref() == Some("gone"));
    assert_eq!(bailey.json(&["sync", "held"]), serde_json::json!([]));
    let log = bailey.ok(&["audit", "tail", "--count", "500", "--output", "json"]);
    let decided = |record: &&str| {
        record.contains("ApproveHeldChanges") && record.contains("\"changes\"") && !record.contains("decidedBefore")
    };
    assert_eq!(log.lines().filter(decided).count(), 1, "{log}");
    assert!(bailey.ok(&["audit", "verify"]).contains("the chain holds"));
    assert!(bailey.terminate().success());
    assert!(bailey.ok(&["store", "verify"]).contains("all sound"));
}

/// How often the daemon is killed: the soak says more.
fn cycles() -> u64 {
    std::env::var_os("BAILEY_SOAK_CYCLES").and_then(|text| text.to_str()?.parse().ok()).unwrap_or(50)
}

#[test]
fn killed_at_any_moment_it_converges_and_loses_nothing_it_said() {
    let slapd = company(60, true);
    let mut bailey = Bailey::reading(&slapd, UNGUARDED);
    bailey.start();
    let mut editor = Editor::new(7, 60);
    let mut seen = None;
    for cycle in 0..cycles() {
        let edits: Vec<String> = (0..10).map(|_| editor.edit()).collect();
        slapd.modify(&edits.join("\n"));
        // What was answered once must be there for good.
        if cycle % 10 == 0 {
            let who = editor.people[0].clone();
            wait_until("somebody to remember", || state_of(&bailey, &who).is_some());
            seen = Some((bailey.json(&["user", "show", &who])["id"].as_str().unwrap().to_owned(), cycle));
        }
        let pause = editor.rng.random_range(0..40);
        std::thread::sleep(std::time::Duration::from_millis(pause));
        bailey.kill();
        bailey.spawn();
        if cycle % 10 == 9 {
            bailey.wait_until_read();
            let (who, since) = seen.take().unwrap();
            let past = bailey.run(&["history", "show", &who]);
            assert!(past.status.success(), "{who}, shown in cycle {since}, is forgotten");
        }
    }
    bailey.wait_until_read();
    same_as_a_fresh_read(&bailey, &directory_of(&slapd, UNGUARDED), "after the kills");
    assert!(bailey.ok(&["audit", "verify"]).contains("the chain holds"));
    assert!(bailey.terminate().success());
    assert!(bailey.ok(&["store", "verify"]).contains("all sound"));
}
