//! Grants of a daemon that is asked by people and programs as they are: a directory, pages over HTTPS, the command lines of AWS and
//! of an operator; and what is left of them when the daemon is killed, the clock is wrong, or the disk is full.

use std::process::Output;

use jiff::SignedDuration;
use serde_json::Value;

use crate::bed::counter::Counter;
use crate::bed::daemon::Bailey;
use crate::bed::signer::Credentials;
use crate::bed::wait_until;
use crate::grants_bed::{Company, Person};
use crate::store_full::{Disk, MEBIBYTE, is_root_here};
use crate::sts_office::ACCOUNT;
use crate::{clock, run};

/// What the command line of AWS says of whose these credentials are.
fn aws(counter: &Counter, keys: &Credentials) -> Output {
    let mut line = std::process::Command::new("/usr/bin/aws");
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("AWS_") || name.to_ascii_uppercase().ends_with("_PROXY") {
            line.env_remove(name);
        }
    }
    line.args(["sts", "get-caller-identity", "--query", "Arn", "--output", "text", "--endpoint-url", &counter.url()]);
    line.env("AWS_CA_BUNDLE", counter.authority_file()).env("AWS_REGION", "us-east-1");
    line.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    line.env("AWS_ACCESS_KEY_ID", &keys.id).env("AWS_SECRET_ACCESS_KEY", &keys.secret);
    line.env("AWS_SESSION_TOKEN", keys.token.as_deref().unwrap()).output().unwrap()
}

/// A role that ann asked for, bob agreed to, and ann began with.
fn begun(ann: &mut Person, bob: &mut Person) -> String {
    let id = ann.asks("prod-admin");
    let page = format!("/me/grants/{id}");
    bob.approves(&id).leads_to(&page);
    ann.step(&id, "claim", &[]).leads_to(&page);
    id
}

/// Stops the daemon, which waits for nobody.
fn stop(company: &mut Company, people: [&mut Person; 2]) {
    people.into_iter().for_each(|person| person.visitor.hang_up());
    assert!(company.counter.bailey.terminate().success(), "{}", company.counter.bailey.log());
}

fn sound(company: &mut Company, people: [&mut Person; 2]) {
    company.counter.sound_records();
    stop(company, people);
    assert!(company.counter.bailey.ok(&["store", "verify"]).contains("all sound"));
}

#[test]
fn the_command_line_of_aws_works_with_a_grant_until_an_operator_takes_it_back() {
    let mut company = Company::new();
    let (mut ann, mut bob) = (company.person("ann"), company.person("bob"));
    let id = begun(&mut ann, &mut bob);
    let keys = ann.credentials("prod-admin");
    let said = aws(&company.counter, &keys);
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/prod-admin/ann");
    assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), arn, "{}", run::said(&said));

    let bailey = &company.counter.bailey;
    for words in [&["grant", "list"][..], &["grant", "show", &id]] {
        let table = bailey.ok(words);
        for told in [id.as_str(), "ann", "prod-admin", "active", "bob", "the queue is stuck"] {
            assert!(table.contains(told), "{told}: {table}");
        }
    }
    let listed = bailey.json(&["grant", "list"]);
    let shown = bailey.json(&["grant", "show", &id]);
    assert_eq!(listed, Value::Array(vec![shown.clone()]));
    assert_eq!((&shown["stage"], &shown["approvals"][0]["right"]), (&"active".into(), &"group/leads".into()));

    let mut caller = company.counter.caller();
    assert_eq!(caller.who_is(&keys).unwrap().status, 200);
    bailey.ok(&["grant", "revoke", &id, "--reason", "the audit is over"]);
    // The very next call is refused, whoever makes it.
    caller.who_is(&keys).unwrap().refuses("ExpiredToken", "counts no more: it is ended");
    let said = aws(&company.counter, &keys);
    assert!(!said.status.success() && run::said(&said).contains("ExpiredToken"), "{}", run::said(&said));
    for browser in [&mut ann, &mut bob] {
        let page = browser.looks_at(&id);
        page.says(200, "revoked");
        page.says(200, "the audit is over");
    }
    ann.takes("prod-admin").says(403, "not authorized");
    let again = bailey.run(&["grant", "revoke", &id]);
    assert!(
        again.status.code() == Some(1) && run::said(&again).contains("the grant is ended"),
        "{}",
        run::said(&again)
    );
    assert_eq!(bailey.json(&["grant", "list"]), Value::Array(Vec::new()));
    let all = bailey.ok(&["grant", "list", "--all"]);
    assert!(all.contains("revoked") && all.contains(&id), "{all}");
    sound(&mut company, [&mut ann, &mut bob]);
}

#[test]
fn what_was_answered_is_there_after_a_kill_right_behind_it() {
    let mut company = Company::new();
    let (mut ann, mut bob) = (company.person("ann"), company.person("bob"));
    let killed = |company: &mut Company| {
        company.counter.bailey.kill();
        company.counter.start();
    };
    let id = ann.asks("prod-admin");
    killed(&mut company);
    assert_eq!(company.stage(&id), "requested");
    let page = format!("/me/grants/{id}");
    bob.approves(&id).leads_to(&page);
    killed(&mut company);
    let view = company.grant(&id);
    assert_eq!((&view["stage"], &view["approvals"][0]["by"]), (&"claimable".into(), &"bob".into()));
    ann.looks_at(&id).says(200, "ready for you to begin");
    ann.step(&id, "claim", &[]).leads_to(&page);
    killed(&mut company);
    let claimed = company.grant(&id);
    assert_eq!(claimed["stage"], "active");
    ann.looks_at(&id).says(200, "in use");
    let keys = ann.credentials("prod-admin");
    killed(&mut company);
    assert_eq!(company.counter.caller().who_is(&keys).unwrap().status, 200);
    assert_eq!(company.grant(&id), claimed, "a restart gives nobody more time");
    bob.looks_at(&id).says(200, "in use");
    bob.step(&id, "revoke", &[("comment", "enough")]).leads_to(&page);
    killed(&mut company);
    company.counter.caller().who_is(&keys).unwrap().refuses("ExpiredToken", "counts no more");
    assert_eq!(company.grant(&id)["how"], "revoked");
    ann.looks_at(&id).says(200, "enough");
    ann.step(&id, "claim", &[]).says(409, "The grant is ended");
    sound(&mut company, [&mut ann, &mut bob]);
}

/// Records of this event about this grant that say it was done.
fn records(company: &Company, event: &str, id: &str) -> Vec<Value> {
    let records = company.counter.records_behind(0).into_iter();
    let about = |record: &Value| record["eventName"] == event && record.to_string().contains(id);
    records.filter(|record| about(record) && record["bailey"]["outcome"] == "success").collect()
}

#[test]
fn its_end_comes_while_the_daemon_rests_and_no_clock_takes_it_back() {
    let mut bailey = Bailey::with("");
    clock::fake(&mut bailey);
    let mut company = Company::over(bailey, "");
    let (mut ann, mut bob) = (company.person("ann"), company.person("bob"));
    let id = begun(&mut ann, &mut bob);
    let ready = ann.asks("prod-admin");
    bob.approves(&ready).leads_to(&format!("/me/grants/{ready}"));
    let keys = ann.credentials("prod-admin");
    let who = |company: &Company, hours: i64| {
        company.counter.caller().ahead(SignedDuration::from_hours(hours)).who_is(&keys).unwrap()
    };
    assert_eq!(who(&company, 0).status, 200);
    let until = company.grant(&id)["until"].clone();
    stop(&mut company, [&mut ann, &mut bob]);

    // Half an hour was asked for, and an hour and a half later the daemon is back.
    clock::set(&company.counter.bailey, "+90m");
    company.counter.start();
    company.counter.caller().ahead(SignedDuration::from_mins(90)).who_is(&keys).unwrap().refuses("ExpiredToken", "");
    wait_until("a record of the end", || !records(&company, "EndGrant", &id).is_empty());
    let told = records(&company, "EndGrant", &id);
    assert_eq!(told.len(), 1, "{told:?}");
    let of = |name: &str| told[0].to_string().contains(&format!("\"{name}\""));
    assert!(of("expired") && told[0].to_string().contains(until.as_str().unwrap()), "{told:?}");
    let view = company.grant(&id);
    assert_eq!((&view["how"], &view["ended"]), (&"expired".into(), &until));
    assert_eq!(company.stage(&ready), "claimable");
    stop(&mut company, [&mut ann, &mut bob]);

    for (offset, hours) in [("+0", 0), ("-1h", -1), ("-31d", -31 * 24)] {
        clock::set(&company.counter.bailey, offset);
        company.counter.start();
        for hours in [hours, 0, 1] {
            let told = who(&company, hours);
            assert_ne!(told.status, 200, "{offset}: {}", told.xml);
        }
        assert_eq!(company.grant(&id), view, "{offset}");
        let taken = ann.takes("prod-admin");
        assert!(taken.status != 200, "{offset}: {taken:?}");
        // Nor does anything begin by a clock that nobody trusts.
        let claim = ann.step(&ready, "claim", &[]);
        assert!(company.stage(&ready) == "claimable" && claim.status != 200, "{offset}: {claim:?}");
        assert_eq!(records(&company, "EndGrant", &id).len(), 1, "{offset}");
        stop(&mut company, [&mut ann, &mut bob]);
    }
    clock::set(&company.counter.bailey, "+91m");
    company.counter.start();
    assert_eq!(company.grant(&id), view);
    sound(&mut company, [&mut ann, &mut bob]);
}

/// A company on a disk of its own, which is small.
fn on(disk: &Disk) -> Company {
    let bailey = disk.bailey();
    Company::over(bailey, "[store]\nreserve = \"4MiB\"\n\n")
}

#[test]
fn on_a_full_disk_nobody_is_granted_anything_and_everything_can_be_taken_back() {
    if !is_root_here("grants_daemon::on_a_full_disk_nobody_is_granted_anything_and_everything_can_be_taken_back") {
        return;
    }
    let disk = Disk::mount(64);
    let mut company = on(&disk);
    let (mut ann, mut bob) = (company.person("ann"), company.person("bob"));
    let [first, second] = [begun(&mut ann, &mut bob), begun(&mut ann, &mut bob)];
    let keys = ann.credentials("prod-admin");
    let (asked, ready) = (ann.asks("prod-admin"), ann.asks("prod-admin"));
    bob.approves(&ready).leads_to(&format!("/me/grants/{ready}"));
    let digest = bob.looks_at(&asked).field("digest");
    disk.fill_but(2 * MEBIBYTE);
    let mut last = ann.try_to_ask("vault-keeper");
    for _ in 0..1_500 {
        if last.status != 303 {
            break;
        }
        last = ann.try_to_ask("vault-keeper");
    }
    let refused = |page: &crate::bed::visitor::Page| {
        page.says(503, "cannot be written down now");
        assert!(!page.html.contains("/state") && !page.html.contains("disk under"), "{page:?}");
    };
    refused(&last);
    let before = company.counter.get("/v1/grants?all=true&limit=1000");
    for _ in 0..3 {
        refused(&ann.try_to_ask("prod-admin"));
        refused(&bob.step(&asked, "approve", &[("digest", &digest)]));
        refused(&ann.step(&ready, "claim", &[]));
    }
    assert_eq!(company.counter.get("/v1/grants?all=true&limit=1000"), before, "nothing came of any of it");
    assert_eq!((company.stage(&asked), company.stage(&ready)), ("requested".to_owned(), "claimable".to_owned()));
    assert_eq!(company.counter.caller().who_is(&keys).unwrap().status, 200, "what there is goes on");

    company.counter.bailey.ok(&["grant", "revoke", &first, "--reason", "full"]);
    ann.step(&second, "complete", &[]).leads_to(&format!("/me/grants/{second}"));
    bob.step(&asked, "refuse", &[("comment", "full")]).leads_to(&format!("/me/grants/{asked}"));
    company.counter.caller().who_is(&keys).unwrap().refuses("ExpiredToken", "counts no more");
    // A restart in the middle of it changes nothing.
    company.counter.bailey.kill();
    company.counter.start();
    ann.visitor.hang_up();
    let ends = [&first, &second, &asked].map(|id| company.grant(id)["how"].clone());
    assert_eq!(ends, ["revoked", "completed", "refused"]);
    refused(&ann.step(&ready, "claim", &[]));
    disk.free_up();
    ann.step(&ready, "claim", &[]).leads_to(&format!("/me/grants/{ready}"));
    assert_eq!(company.counter.caller().who_is(&ann.credentials("prod-admin")).unwrap().status, 200);
    sound(&mut company, [&mut ann, &mut bob]);
}
