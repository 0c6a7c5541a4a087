//! A daemon whose disk is full: no session begins and nothing half is left of any; what there is goes on, what takes away
//! works, and when there is room again sessions begin.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::bed::counter::Counter;
use crate::bed::signer::Credentials;
use crate::bed::{PATIENCE, converges};
use crate::store_full::{Disk, MEBIBYTE, is_root_here};
use crate::sts_office::{ACCOUNT, Told, allow};

const RESERVE: &str = "[store]\nreserve = \"4MiB\"\n";

/// A daemon on a disk of its own, and somebody who begins sessions there.
struct Company {
    counter: Counter,
    ann: Credentials,
    disk: Disk,
}

impl Company {
    fn new() -> Self {
        let disk = Disk::mount(64);
        let bailey = disk.bailey();
        let counter = Counter::over(bailey, RESERVE);
        let trust = json!([{ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": ACCOUNT } }]);
        for role in ["First", "Next"] {
            counter.role(role, &trust, &allow(&["sts:AssumeRole", "iam:ListRoles"]));
        }
        let ann = counter.user("ann", allow(&["sts:AssumeRole"]));
        Self { counter, ann, disk }
    }

    fn mint(&self, who: &Credentials, role: &str) -> Told {
        self.counter.caller().assume(who, role, &[]).unwrap()
    }

    /// Begins sessions until there is no room; answers the last.
    fn mint_until_full(&self) -> Credentials {
        self.disk.fill_but(3 * MEBIBYTE);
        let mut caller = self.counter.caller();
        let mut last = None;
        for _ in 0..5_000 {
            let told = caller.assume(&self.ann, "First", &[]).unwrap();
            if told.status != 200 {
                refused(&told);
                return last.expect("one began while there was room");
            }
            last = Some(told.credentials());
        }
        panic!("the disk did not fill up");
    }

    /// Access keys of all sessions that are stored.
    fn stored(&self) -> BTreeSet<String> {
        let (mut keys, mut after) = (BTreeSet::new(), String::new());
        loop {
            let page = self.counter.get(&format!("/v1/sessions?all=true&limit=1000{after}"));
            let items = page["items"].as_array().unwrap();
            keys.extend(items.iter().map(|item| item["access_key"].as_str().unwrap().to_owned()));
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return keys,
            }
        }
    }

    /// How many records there are of sessions that were to begin, however that ended.
    fn records_of_beginnings(&self) -> usize {
        self.counter.records_behind(0).iter().filter(|record| record["eventName"] == "AssumeRole").count()
    }

    /// Access keys of all sessions whose beginning is recorded as done.
    fn recorded(&self) -> BTreeSet<String> {
        let records = self.counter.records_behind(0);
        let done = |record: &&Value| record["eventName"] == "AssumeRole" && record["bailey"]["outcome"] == "success";
        let key = |record: &Value| record["responseElements"]["access_key"].as_str().unwrap().to_owned();
        records.iter().filter(done).map(key).collect()
    }
}

/// The one answer: to try again later, and nothing of where the disk is.
fn refused(told: &Told) {
    told.refuses("ServiceUnavailable", "nothing was done, because it cannot be written down now");
    assert_eq!(told.status, 503);
    assert!(!told.xml.contains("state"), "{}", told.xml);
}

#[test]
fn on_a_full_disk_no_session_begins_and_all_else_goes_on() {
    if !is_root_here("sts_full::on_a_full_disk_no_session_begins_and_all_else_goes_on") {
        return;
    }
    let mut company = Company::new();
    let first = company.mint(&company.ann, "First").credentials();
    let last = company.mint_until_full();
    let before = company.stored();
    assert_eq!(before, company.recorded());

    // Those that count go on, and begin none; as many as may come at once leave nothing half.
    for session in [&first, &last] {
        assert_eq!(company.counter.caller().who_is(session).unwrap().status, 200);
        let listed = company.counter.caller().iam(session, &[("Action", "ListRoles")]).unwrap();
        assert_eq!(listed.status, 200, "{}", listed.xml);
        refused(&company.mint(session, "Next"));
    }
    let records = company.records_of_beginnings();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            let mut caller = company.counter.caller();
            let ann = &company.ann;
            scope.spawn(move || (0..4).for_each(|_| refused(&caller.assume(ann, "First", &[]).unwrap())));
        }
    });
    assert_eq!(company.stored(), before);
    assert_eq!(
        company.records_of_beginnings(),
        records,
        "clients that try again spend nothing that is set aside for ends"
    );
    // Nor does whoever shows nothing that counts, of whom there may be many.
    let denied =
        || company.counter.records_behind(0).iter().filter(|one| one["eventName"] == "VerifySignature").count();
    let before_denials = denied();
    let stranger = Credentials { secret: "wrong".to_owned(), ..company.ann.clone() };
    for _ in 0..20 {
        company.counter.caller().who_is(&stranger).unwrap().refuses("SignatureDoesNotMatch", "");
    }
    assert_eq!(denied(), before_denials, "they are counted, and told of when there is room");
    let ended = company.counter.post(&format!("/v1/sessions/{}/end", last.id), &json!({ "reason": "full" }));
    assert_eq!(ended["ended"], 1, "what takes away works");

    // A restart in the middle of it changes nothing.
    company.counter.bailey.kill();
    company.counter.start();
    assert_eq!(company.stored(), before);
    assert_eq!(company.counter.caller().who_is(&first).unwrap().status, 200);
    company.counter.caller().who_is(&last).unwrap().refuses("ExpiredToken", "was ended");
    refused(&company.mint(&company.ann, "First"));

    company.disk.free_up();
    let again = company.mint(&company.ann, "First").credentials();
    assert_eq!(company.counter.caller().who_is(&again).unwrap().status, 200);
    assert_eq!(company.stored(), company.recorded(), "each has its record, and none is told of that is not there");
    company.counter.sound_records();
    assert!(company.counter.bailey.terminate().success(), "{}", company.counter.bailey.log());
    assert!(company.counter.bailey.ok(&["store", "verify"]).contains("all sound"));
}

/// Somebody else takes every byte, the reserve's too.
#[test]
fn with_not_a_byte_left_sessions_are_looked_over_all_the_same() {
    if !is_root_here("sts_full::with_not_a_byte_left_sessions_are_looked_over_all_the_same") {
        return;
    }
    let company = Company::new();
    let session = company.mint(&company.ann, "First").credentials();
    company.mint_until_full();
    company.disk.fill_but(0);
    for _ in 0..20 {
        refused(&company.mint(&company.ann, "First"));
        assert_eq!(company.counter.caller().who_is(&session).unwrap().status, 200);
    }
    company.disk.free_up();
    let told = std::cell::RefCell::new(String::new());
    let begins = converges(PATIENCE, || {
        let answer = company.mint(&company.ann, "First");
        *told.borrow_mut() = answer.xml;
        answer.status == 200
    });
    assert!(begins, "{}", told.borrow());
    assert_eq!(company.counter.caller().who_is(&session).unwrap().status, 200);
    assert_eq!(company.stored(), company.recorded());
    company.counter.sound_records();
}
