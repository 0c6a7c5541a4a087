//! kill -9 of a daemon that begins sessions, uses and ends them, and is asked to change IAM meanwhile: what it answered
//! counts after the next start, what it ended stays ended, and its log tells no more and no less than what happened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bailey::base::rng;
use bailey::cli::client::Client;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::bed::counter::{Caller, Counter};
use crate::bed::signer::Credentials;
use crate::bed::wait_until;
use crate::sts_office::{ACCOUNT, allow};

/// Programs that begin sessions.
const MINTERS: u64 = 4;
/// Longest time from the start of a process until it is ready: the promise of the product, on a machine that is not its own.
const READY_WITHIN: Duration = Duration::from_secs(2);
/// Everything is read after every kill, so a long run begins anew now and then.
const ANEW_EVERY: u64 = 25;
/// More records than are written while others are read.
const MEANWHILE: u64 = 500;
/// Sessions of earlier cycles that are used again after each kill.
const OLD_ONES: usize = 20;

/// How far an ending has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    No,
    /// It was asked for, and no answer came.
    Asked,
    Told,
}

/// A session whose beginning was answered.
#[derive(Debug, Clone)]
struct Known {
    keys: Credentials,
    parent: Option<usize>,
    end: End,
}

/// What was answered.
#[derive(Default)]
struct Ledger {
    sessions: Mutex<Vec<Known>>,
    users: Mutex<Vec<String>>,
    /// Calls that were answered.
    answers: AtomicU64,
    killed: AtomicBool,
}

impl Ledger {
    fn sessions(&self) -> MutexGuard<'_, Vec<Known>> {
        self.sessions.lock().unwrap()
    }

    fn add(&self, keys: Credentials, parent: Option<usize>) -> usize {
        let mut sessions = self.sessions();
        sessions.push(Known { keys, parent, end: End::No });
        sessions.len() - 1
    }

    /// How far the end of a session has come, by its own or of one that led to it.
    fn end(&self, at: usize) -> End {
        let sessions = self.sessions();
        let chain = std::iter::successors(Some(at), |at| sessions[*at].parent).map(|at| sessions[at].end);
        chain.fold(End::No, |worst, end| match (worst, end) {
            (End::Told, _) | (_, End::Told) => End::Told,
            (End::Asked, _) | (_, End::Asked) => End::Asked,
            _ => End::No,
        })
    }
}

fn trusts_the_account() -> Value {
    let actions = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"];
    json!([{ "Effect": "Allow", "Action": actions, "Principal": { "AWS": ACCOUNT } }])
}

/// An installation with two roles, people who begin sessions of them, and one who changes IAM.
struct Company {
    counter: Counter,
    people: Vec<Credentials>,
    admin: Credentials,
}

impl Company {
    fn new() -> Self {
        let counter = Counter::open("");
        for role in ["First", "Next"] {
            counter.role(role, &trusts_the_account(), &allow(&["sts:AssumeRole"]));
        }
        let people = (0..MINTERS).map(|n| counter.user(&format!("minter-{n}"), allow(&["sts:AssumeRole"]))).collect();
        let admin = counter.user("admin", allow(&["iam:*"]));
        Self { counter, people, admin }
    }
}

/// Begins sessions and chained ones, and uses them, until nobody answers.
fn mint(mut caller: Caller, who: &Credentials, ledger: &Ledger) -> std::io::Result<()> {
    loop {
        let first = caller.assume(who, "First", &[])?.credentials();
        let at = ledger.add(first.clone(), None);
        ledger.answers.fetch_add(1, Ordering::Relaxed);
        let ended = ledger.end(at) == End::Told;
        let over = is_over(&mut caller, &first)?;
        assert!(over || !ended, "{} was ended, and is used", first.id);
        assert!(!over || ledger.end(at) != End::No, "nobody ended {}", first.id);
        let ended = ledger.end(at) == End::Told;
        let next = caller.assume(&first, "Next", &[])?;
        if next.status == 200 {
            assert!(!ended, "{} was ended, and begins others", first.id);
            ledger.add(next.credentials(), Some(at));
            ledger.answers.fetch_add(1, Ordering::Relaxed);
        } else {
            assert_ne!(ledger.end(at), End::No, "{}", next.xml);
        }
    }
}

/// Whether a session counts no more.
fn is_over(caller: &mut Caller, who: &Credentials) -> std::io::Result<bool> {
    let told = caller.who_is(who)?;
    if told.status != 200 {
        told.refuses("ExpiredToken", "");
    }
    Ok(told.status != 200)
}

/// Ends one session after another, those of a chain included, until nobody answers.
fn end(client: &Client, mut rng: StdRng, ledger: &Ledger) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    while !ledger.killed.load(Ordering::Acquire) {
        std::thread::sleep(Duration::from_millis(rng.random_range(1..8)));
        let chosen = {
            let mut sessions = ledger.sessions();
            let count = sessions.len();
            if count == 0 {
                continue;
            }
            // One of the youngest: those are the ones others are busy with.
            let at = count - 1 - rng.random_range(0..count.min(12));
            if sessions[at].end != End::No {
                continue;
            }
            sessions[at].end = End::Asked;
            (at, sessions[at].keys.id.clone())
        };
        let (at, key) = chosen;
        let told =
            runtime.block_on(client.post::<Value>(&format!("/v1/sessions/{key}/end"), &json!({ "reason": "x" })));
        let Ok(told) = told else { return };
        assert!(told["ended"].is_u64(), "{told}");
        ledger.sessions()[at].end = End::Told;
        ledger.answers.fetch_add(1, Ordering::Relaxed);
    }
}

/// Makes users, until nobody answers.
fn administer(mut caller: Caller, who: &Credentials, cycle: u64, ledger: &Ledger) -> std::io::Result<()> {
    for n in 0_u64.. {
        let name = format!("made-{cycle}-{n}");
        let told = caller.iam(who, &[("Action", "CreateUser"), ("UserName", &name)])?;
        assert_eq!(told.status, 200, "{}", told.xml);
        ledger.users.lock().unwrap().push(name);
        ledger.answers.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// What the log says, read to its end after every start.
#[derive(Default)]
struct Log {
    seq: u64,
    /// Begun and not completed, by number.
    open: BTreeMap<u64, String>,
    /// Sessions whose beginning is recorded as done.
    minted: BTreeSet<String>,
    /// Closed without knowing how it ended.
    unknown: u64,
}

impl Log {
    /// Reads on, behind what was read before; `newest` is a record of a moment ago.
    fn read_on(&mut self, counter: &Counter, newest: u64) {
        let count = (newest - self.seq.min(newest) + MEANWHILE).min(10_000);
        for record in counter.last_records(count, self.seq) {
            let ours = &record["bailey"];
            let seq = ours["seq"].as_u64().unwrap();
            assert!(self.seq == 0 || seq == self.seq + 1, "records between {} and {seq} were not read", self.seq);
            self.seq = seq;
            let name = record["eventName"].as_str().unwrap();
            // Who looks is in the log too, and has not done looking.
            if record["readOnly"] == true {
                continue;
            }
            if ours["phase"] == "begun" {
                self.open.insert(self.seq, name.to_owned());
                continue;
            }
            if let Some(opened) = ours["opened"].as_u64() {
                assert!(self.open.remove(&opened).is_some(), "{record} closes what is not open");
            }
            self.unknown += u64::from(ours["outcome"] == "unknown");
            if name == "AssumeRole" && ours["outcome"] == "success" {
                let id = record["responseElements"]["session"].as_str().unwrap().to_owned();
                assert!(self.minted.insert(id), "{record} is told twice");
            }
        }
    }
}

/// Every session that is stored, by id, with its access key and state; those behind `after` alone.
fn stored(counter: &Counter, after: Option<&str>) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let mut after = after.map(str::to_owned);
    loop {
        let behind = after.as_ref().map(|after| format!("&after={after}")).unwrap_or_default();
        let page = counter.get(&format!("/v1/sessions?all=true&limit=1000{behind}"));
        for item in page["items"].as_array().unwrap() {
            let text = |member: &str| item[member].as_str().unwrap().to_owned();
            found.push((text("id"), text("access_key"), text("state")));
        }
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => return found,
        }
    }
}

/// What is checked after every start.
struct Checks {
    log: Log,
    /// Sessions whose rows were seen.
    rows: BTreeSet<String>,
    last_row: Option<String>,
    sessions_seen: usize,
}

impl Checks {
    fn new() -> Self {
        Self { log: Log::default(), rows: BTreeSet::new(), last_row: None, sessions_seen: 0 }
    }

    fn run(&mut self, counter: &Counter, ledger: &Ledger, rng: &mut StdRng) {
        let newest = counter.sound_records();
        // What the kill left open is closed soon after the start, and not before.
        wait_until("an end of every record", || {
            self.log.read_on(counter, newest);
            self.log.open.is_empty()
        });
        self.rows_are_what_the_log_says(counter, ledger);
        self.endings_are_known(counter, ledger);
        self.sessions_count_or_not(counter, ledger, rng);
        for name in std::mem::take(&mut *ledger.users.lock().unwrap()) {
            assert_eq!(counter.get(&format!("/v1/users/{name}"))["name"], name.as_str());
        }
    }

    /// A record of a beginning and the row of the session are there together or not at all; what was answered is among them.
    fn rows_are_what_the_log_says(&mut self, counter: &Counter, ledger: &Ledger) {
        let new = stored(counter, self.last_row.as_deref());
        self.last_row = new.last().map(|(id, ..)| id.clone()).or(self.last_row.take());
        let keys: BTreeSet<&String> = new.iter().map(|(_, key, _)| key).collect();
        for known in &ledger.sessions()[self.sessions_seen..] {
            assert!(keys.contains(&known.keys.id), "session {} was answered, and is lost", known.keys.id);
        }
        self.rows.extend(new.into_iter().map(|(id, ..)| id));
        let apart: Vec<&String> = self.rows.symmetric_difference(&self.log.minted).collect();
        assert!(apart.is_empty(), "recorded or stored, and not both: {apart:?}");
    }

    /// Endings without an answer have happened, or not.
    fn endings_are_known(&self, counter: &Counter, ledger: &Ledger) {
        for known in ledger.sessions().iter_mut().filter(|known| known.end == End::Asked) {
            let shown = counter.get(&format!("/v1/sessions/{}", known.keys.id));
            known.end = if shown["state"] == "ended" { End::Told } else { End::No };
        }
    }

    fn sessions_count_or_not(&mut self, counter: &Counter, ledger: &Ledger, rng: &mut StdRng) {
        let mut caller = counter.caller();
        let count = ledger.sessions().len();
        let old = (0..OLD_ONES.min(self.sessions_seen)).map(|_| rng.random_range(0..self.sessions_seen));
        for at in old.chain(self.sessions_seen..count) {
            let keys = ledger.sessions()[at].keys.clone();
            let over = is_over(&mut caller, &keys).unwrap();
            assert_eq!(over, ledger.end(at) == End::Told, "session {}: {:?}", keys.id, ledger.end(at));
        }
        self.sessions_seen = count;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by their environment how long to run, and with which seed"
)]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[expect(clippy::print_stderr, reason = "how to run it again, and what was measured")]
fn say(text: &str) {
    eprintln!("{text}");
}

#[test]
fn killed_at_any_moment_it_keeps_what_it_answered_and_revives_nothing() {
    let cycles = number("BAILEY_SOAK_CYCLES").unwrap_or(50);
    let seed = number("PROPTEST_RNG_SEED").unwrap_or_else(|| rng::from_os().unwrap().random::<u32>().into());
    say(&format!("again: PROPTEST_RNG_SEED={seed} BAILEY_SOAK_CYCLES={cycles}"));
    let mut chance = StdRng::seed_from_u64(seed);
    let (mut company, mut ledger, mut checks) = (Company::new(), Ledger::default(), Checks::new());
    let (mut starts, mut answers, mut unknown, mut sessions) = (Vec::new(), 0, 0, 0);
    let began = Instant::now();
    for cycle in 0..cycles {
        if cycle > 0 && cycle % ANEW_EVERY == 0 {
            (unknown, sessions) = (unknown + checks.log.unknown, sessions + checks.rows.len());
            (company, ledger, checks) = (Company::new(), Ledger::default(), Checks::new());
        }
        answers += load_and_kill(&mut company, &ledger, &mut chance, cycle);
        let took = company.counter.start();
        assert!(took <= READY_WITHIN, "cycle {cycle}, seed {seed}: ready after {took:?}");
        starts.push(took);
        checks.run(&company.counter, &ledger, &mut chance);
    }
    (unknown, sessions) = (unknown + checks.log.unknown, sessions + checks.rows.len());
    starts.sort();
    say(&format!(
        "{cycles} kills in {:?}: {answers} answers, {sessions} sessions, {unknown} records closed as unknown; ready after {:?}, {:?} at most",
        began.elapsed(),
        starts[starts.len() / 2],
        starts[starts.len() - 1]
    ));
    assert!(answers > cycles * MINTERS, "too little was answered for a test of it: {answers}");
    // What all of it was read for: kills that met something half done.
    assert!(cycles < 20 || unknown > 0, "no kill met anything that was begun");
    assert!(company.counter.bailey.terminate().success());
    assert!(company.counter.bailey.ok(&["store", "verify"]).contains("all sound"));
}

/// Kills the daemon while everybody is at it; answers how many calls were answered.
fn load_and_kill(company: &mut Company, ledger: &Ledger, rng: &mut StdRng, cycle: u64) -> u64 {
    let before = ledger.answers.load(Ordering::Relaxed);
    ledger.killed.store(false, Ordering::Release);
    let (client, ender) = (company.counter.client(), StdRng::from_rng(rng));
    let callers: Vec<Caller> = company.people.iter().map(|_| company.counter.caller()).collect();
    let administrator = company.counter.caller();
    let moment = Duration::from_micros(rng.random_range(10_000..200_000));
    std::thread::scope(|scope| {
        for (caller, who) in callers.into_iter().zip(&company.people) {
            scope.spawn(move || mint(caller, who, ledger).unwrap_err());
        }
        scope.spawn(|| administer(administrator, &company.admin, cycle, ledger).unwrap_err());
        scope.spawn(move || end(&client, ender, ledger));
        // From the first answer on, so that a slow machine is killed at work as well.
        wait_until("a first answer", || ledger.answers.load(Ordering::Relaxed) > before);
        std::thread::sleep(moment);
        company.counter.bailey.kill();
        ledger.killed.store(true, Ordering::Release);
    });
    ledger.answers.load(Ordering::Relaxed) - before
}
