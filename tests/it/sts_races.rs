//! Sixty-four at once, by real threads that ask the real program: one code is taken once, every beginning is a session of
//! its own with its record, a session ends once, and none goes on through one that it began while it was being ended.

use std::collections::BTreeSet;
use std::sync::Barrier;

use bailey::base::Clock as _;
use bailey::base::clock::SystemClock;
use serde_json::{Value, json};

use crate::bed::counter::{Caller, Counter};
use crate::bed::signer::Credentials;
use crate::bed::wait_until;
use crate::credentials::app_code;
use crate::sts_office::{ACCOUNT, Told, allow};

/// As many as one address may have connections.
pub(crate) const RACERS: usize = 64;

/// Has everybody do the same at the same time, each over a connection that stands already.
pub(crate) fn at_once<T: Send>(
    counter: &Counter,
    racers: usize,
    act: impl Fn(usize, &mut Caller) -> T + Sync,
) -> Vec<T> {
    let start = Barrier::new(racers);
    let (start, act) = (&start, &act);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..racers)
            .map(|n| {
                let mut caller = counter.caller();
                scope.spawn(move || {
                    caller.connect().unwrap();
                    start.wait();
                    act(n, &mut caller)
                })
            })
            .collect();
        running.into_iter().map(|racer| racer.join().unwrap()).collect()
    })
}

/// Has operators ask over the local socket, all at the same time: for the nth a path and a body.
fn operators_at_once(counter: &Counter, asked: impl Fn(usize) -> (String, Value) + Sync) -> Vec<Value> {
    let start = Barrier::new(RACERS);
    let (start, asked) = (&start, &asked);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..RACERS)
            .map(|n| {
                let client = counter.client();
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    let (path, body) = asked(n);
                    start.wait();
                    runtime.block_on(client.post::<Value>(&path, &body)).unwrap()
                })
            })
            .collect();
        running.into_iter().map(|racer| racer.join().unwrap()).collect()
    })
}

fn trust() -> Value {
    json!([{ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": ACCOUNT } }])
}

fn company() -> (Counter, Credentials) {
    let counter = Counter::open("");
    for role in ["First", "Next"] {
        counter.role(role, &trust(), &allow(&["sts:AssumeRole"]));
    }
    let ann = counter.user("ann", allow(&["sts:AssumeRole", "sts:GetSessionToken"]));
    (counter, ann)
}

/// Records of this event that say it was done.
pub(crate) fn done<'a>(records: &'a [Value], event: &'a str) -> impl Iterator<Item = &'a Value> {
    records.iter().filter(move |record| record["eventName"] == event && record["bailey"]["outcome"] == "success")
}

fn refusals(told: &[Told]) -> BTreeSet<String> {
    told.iter().filter(|told| told.status != 200).map(|told| told.text("Message")).collect()
}

#[test]
fn of_a_code_and_sixty_four_who_show_it_one_begins_a_session_and_none_after_a_restart() {
    let (mut counter, ann) = company();
    let made = counter.post("/v1/mfa-devices", &json!({ "name": "ann-phone" }));
    let (serial, seed) = (made["serial"].as_str().unwrap(), made["seed"].as_str().unwrap());
    let path = format!("/v1/users/ann/mfa-devices/{}", serial.replace(':', "%3A").replace('/', "%2F"));
    let now = SystemClock.now();
    let code = |steps: i64| app_code(seed, now + jiff::SignedDuration::from_secs(30 * steps));
    let _: Value = counter.put(&path, &json!({ "first": code(-1), "second": code(0) }));

    let before = counter.sound_records();
    // The next one counts already: a device may be that fast.
    let shown = code(1);
    let with = [("SerialNumber", serial), ("TokenCode", shown.as_str())];
    let told = at_once(&counter, RACERS, |_, caller| caller.assume(&ann, "First", &with).unwrap());
    let begun: Vec<&Told> = told.iter().filter(|told| told.status == 200).collect();
    assert_eq!(begun.len(), 1, "{:?}", refusals(&told));
    for refused in told.iter().filter(|told| told.status != 200) {
        refused.refuses("AccessDenied", "MultiFactorAuthentication failed");
    }
    let records = counter.records_behind(before);
    assert_eq!(done(&records, "AssumeRole").count(), 1);
    let session = begun[0].credentials();
    // What was right and came too late is no guess: nobody is locked out by it.
    let seen = counter.sound_records();
    assert_eq!(counter.caller().assume(&ann, "First", &with).unwrap().status, 403);
    let again = counter.records_behind(seen);
    assert!(again.iter().any(|record| record.to_string().contains("\"used_code\"")), "{again:?}");

    // What was used stays so over a restart, by kill or by order; and another way to show it is no other code.
    for orderly in [false, true] {
        if orderly {
            assert!(counter.bailey.terminate().success());
        } else {
            counter.bailey.kill();
        }
        counter.start();
        let own = [("Action", "GetSessionToken"), ("SerialNumber", serial), ("TokenCode", shown.as_str())];
        let told = at_once(&counter, RACERS / 2, |n, caller| match n % 2 {
            0 => caller.assume(&ann, "First", &with).unwrap(),
            _ => caller.sts(&ann, &own).unwrap(),
        });
        assert!(told.iter().all(|told| told.status == 403), "{told:?}");
        assert_eq!(counter.caller().who_is(&session).unwrap().status, 200, "what it began goes on");
    }
}

#[test]
fn sixty_four_beginnings_at_once_are_sixty_four_sessions_each_with_its_record() {
    let (counter, ann) = company();
    let before = counter.sound_records();
    let told = at_once(&counter, RACERS, |_, caller| {
        let session = caller.assume(&ann, "First", &[]).unwrap().credentials();
        (caller.who_is(&session).unwrap().text("Arn"), session)
    });
    let different =
        |text: fn(&Credentials) -> &str| told.iter().map(|(_, session)| text(session)).collect::<BTreeSet<_>>().len();
    assert_eq!(different(|session| &session.id), RACERS);
    assert_eq!(different(|session| &session.secret), RACERS);
    assert_eq!(different(|session| session.token.as_deref().unwrap()), RACERS);
    assert!(told.iter().all(|(arn, _)| *arn == format!("arn:aws:sts::{ACCOUNT}:assumed-role/First/endure")));

    let records = counter.records_behind(before);
    let recorded: BTreeSet<&str> =
        done(&records, "AssumeRole").map(|record| record["responseElements"]["access_key"].as_str().unwrap()).collect();
    assert_eq!(recorded, told.iter().map(|(_, session)| session.id.as_str()).collect());
    assert_eq!(done(&records, "AssumeRole").count(), RACERS);
    let open = |record: &&Value| record["bailey"]["phase"] == "begun" && record["eventName"] == "AssumeRole";
    assert_eq!(records.iter().filter(open).count(), 0, "each is one commit with its record in it");
    counter.sound_records();
}

#[test]
fn a_session_that_sixty_four_end_at_once_ends_once() {
    let (counter, ann) = company();
    let session = counter.caller().assume(&ann, "First", &[]).unwrap().credentials();
    let before = counter.sound_records();
    let path = format!("/v1/sessions/{}/end", session.id);
    let told = operators_at_once(&counter, |_| (path.clone(), json!({ "reason": "race" })));
    // Whoever comes second is told that there was nothing left to end.
    let ended = |told: &&Value| told["ended"] == 1;
    assert_eq!(told.iter().filter(ended).count(), 1, "{told:?}");
    assert!(told.iter().all(|told| told["ended"] == 0 || told["ended"] == 1), "{told:?}");
    let records = counter.records_behind(before);
    assert_eq!(done(&records, "EndSession").count(), RACERS, "each of them is answered, and has a record");
    let effects = done(&records, "EndSession").filter(|record| record["responseElements"]["ended"] == 1);
    assert_eq!(effects.count(), 1);
    counter.caller().who_is(&session).unwrap().refuses("ExpiredToken", "was ended");
    counter.sound_records();
}

/// Whoever ends everything of somebody's in a hurry is not told to try again because others are ending some of it.
#[test]
fn those_who_end_sessions_one_by_one_and_all_together_do_not_hinder_each_other() {
    let (counter, ann) = company();
    let mut caller = counter.caller();
    let begin = |_| caller.assume(&ann, "First", &[]).unwrap().credentials();
    let sessions: Vec<Credentials> = (0..RACERS / 2).map(begin).collect();
    let before = counter.sound_records();
    let told = operators_at_once(&counter, |n| match n % 2 {
        0 => ("/v1/end-sessions".to_owned(), json!({ "which": { "person": "ann" }, "reason": "race" })),
        _ => (format!("/v1/sessions/{}/end", sessions[n / 2].id), json!({ "reason": "race" })),
    });
    let ended: u64 = told.iter().map(|told| told["ended"].as_u64().unwrap()).sum();
    assert_eq!(ended, sessions.len() as u64, "each ended once: {told:?}");
    for session in &sessions {
        counter.caller().who_is(session).unwrap().refuses("ExpiredToken", "was ended");
    }
    let records = counter.records_behind(before);
    assert_eq!(done(&records, "EndSession").count() + done(&records, "EndSessions").count(), RACERS);
}

#[test]
fn a_session_that_is_ended_while_it_begins_others_leaves_none_alive() {
    let (counter, ann) = company();
    let mut begun_in_time = 0;
    for _ in 0..8 {
        let parent = counter.caller().assume(&ann, "First", &[]).unwrap().credentials();
        let path = format!("/v1/sessions/{}/end", parent.id);
        let told = at_once(&counter, 16, |n, caller| {
            if n == 7 {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let ended: Value =
                    runtime.block_on(counter.client().post(&path, &json!({ "reason": "race" }))).unwrap();
                assert_eq!(ended["ended"], 1);
                return None;
            }
            let mut begun = Vec::new();
            // Until it is refused: the last ones race with the end.
            loop {
                let told = caller.assume(&parent, "Next", &[]).unwrap();
                if told.status != 200 {
                    told.refuses("ExpiredToken", "");
                    return Some(begun);
                }
                begun.push(told.credentials());
            }
        });
        let mut caller = counter.caller();
        let children: Vec<Credentials> = told.into_iter().flatten().flatten().collect();
        for child in &children {
            caller.who_is(child).unwrap().refuses("ExpiredToken", "");
            caller.assume(child, "First", &[]).unwrap().refuses("ExpiredToken", "");
        }
        begun_in_time += children.len();
    }
    assert!(begun_in_time > 0, "none began in time, so nothing was tested");
    let left = counter.get("/v1/sessions?limit=1000");
    assert!(left["items"].as_array().unwrap().iter().all(|one| one["state"] == "origin_ended"), "{left}");
    counter.sound_records();
}

#[test]
fn signing_keys_that_sixty_four_rotate_at_once_stay_one_current_and_one_next() {
    let (counter, _) = company();
    let count = || counter.get("/v1/signing-keys").as_array().unwrap().len();
    wait_until("the first key of every algorithm", || count() == 3);
    let before = counter.sound_records();
    let rotate = "/v1/signing-keys/rotate".to_owned();
    let keys = operators_at_once(&counter, |_| (rotate.clone(), json!({ "algorithm": "ES256" })));
    assert_eq!(keys.len(), RACERS);
    let listed = counter.get("/v1/signing-keys");
    let of = |state: &str| {
        let keys = listed.as_array().unwrap().iter();
        keys.filter(|key| key["algorithm"] == "ES256" && key["state"] == state).count()
    };
    assert_eq!((of("current"), of("next")), (1, 1), "{listed}");
    let records = counter.records_behind(before);
    assert_eq!(done(&records, "CreateSigningKey").count(), 1, "{records:?}");
    assert_eq!(done(&records, "RotateSigningKey").count(), RACERS);
    // In an emergency each is one: as many keys go as come, and one signs in the end.
    operators_at_once(&counter, |_| (rotate.clone(), json!({ "algorithm": "ES256", "emergency": true })));
    let listed = counter.get("/v1/signing-keys");
    let current: Vec<&Value> = listed
        .as_array()
        .unwrap()
        .iter()
        .filter(|key| key["algorithm"] == "ES256" && key["state"] == "current")
        .collect();
    assert_eq!(current.len(), 1, "{listed}");
    let records = counter.records_behind(before);
    let (made, gone) = (done(&records, "CreateSigningKey").count(), done(&records, "DestroySigningKey").count());
    assert!(made > 1 && gone + 1 >= made, "{made} made, {gone} destroyed");
    counter.sound_records();
}
