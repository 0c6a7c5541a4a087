//! Measurements, not tests: `make bench` runs them in the release profile and keeps what they print.
//!
//! Each prints a figure beside its peer's in the same run. Nothing is asserted about time.

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bailey::directory::{Changes, LdapSource, Settings, Source as _};
use tokio::sync::mpsc;

use crate::bed::controller::{Controller, Domain, guid};
use crate::bed::daemon::Bailey;
use crate::bed::{Account, Samba, SambaOptions, read_all};

const ROUNDS: usize = 5;

/// People, and groups of ten to fifty of them, as LDIF.
fn company(base: &str, people: usize, groups: usize) -> String {
    let mut ldif = format!("dn: OU=Load,{base}\nobjectClass: organizationalUnit\n\n");
    for n in 0..people {
        let _ = write!(
            ldif,
            "dn: CN=u{n:06},OU=Load,{base}\nobjectClass: user\nsAMAccountName: u{n:06}\nuserPrincipalName: u{n:06}@ad.test\n\
             displayName: Given{} Sur{}\nmail: u{n:06}@ad.test\ndepartment: d{}\nemployeeID: {n}\nuserAccountControl: 544\n\n",
            n % 997,
            n % 1_009,
            n % 50
        );
    }
    for n in 0..groups {
        let _ = write!(
            ldif,
            "dn: CN=g{n:05},OU=Load,{base}\nobjectClass: group\nsAMAccountName: g{n:05}\ngroupType: -2147483646\n"
        );
        for m in 0..10 + n % 40 {
            let _ = writeln!(ldif, "member: CN=u{:06},OU=Load,{base}", (n * 7_919 + m * 104_729) % people);
        }
        ldif.push('\n');
    }
    ldif
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() / 2]
}

fn timed(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

#[expect(clippy::print_stdout, reason = "what it is for")]
fn say(what: &str, ours: Duration, peer: &str, theirs: Duration) {
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!("measured: {what}: {ours:.3?}, {peer} {theirs:.3?}: {ratio:.2} x");
}

/// ldapsearch as the sync account; all that it prints is thrown away.
fn search(samba: &Samba, words: &[&str]) -> Duration {
    let (bind, password) = samba.credentials(Account::Sync);
    timed(|| {
        let status = Command::new("ldapsearch")
            .args(["-x", "-LLL", "-o", "ldif-wrap=no", "-H", &samba.url(), "-D", &bind, "-w", password])
            .args(words)
            .env("LDAPTLS_CACERT", samba.ca_file())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(status.unwrap().success());
    })
}

#[test]
#[ignore = "a measurement of some minutes; `make bench` runs it"]
fn ten_thousand_people_in_samba() {
    let base = "DC=ad,DC=test";
    let samba = Samba::start(SambaOptions { ldif: company(base, 10_000, 500), ..SambaOptions::default() });
    let settings = samba.settings("corp", Account::Sync);
    let filter = "(|(objectClass=computer)(objectClass=group)(&(objectClass=user)(sAMAccountType=805306368)))";
    let mut words = vec!["-E", "pr=1000/noprompt", "-b", base, filter, "objectClass", "objectGUID"];
    let asked: Vec<String> = settings.attributes.clone();
    words.extend(asked.iter().map(String::as_str));
    let section = samba.section("corp", Account::Sync, "primary = true\n");
    let (mut dumps, mut loads, mut reads) = (Vec::new(), Vec::new(), Vec::new());
    // A daemon that follows the same controller would ask it for something meanwhile: none runs yet.
    for _ in 0..ROUNDS {
        dumps.push(search(&samba, &words));
        let fresh = Bailey::with(&section);
        loads.push(timed(|| drop(fresh.ok(&["sync"]))));
    }
    let mut bailey = Bailey::with(&section);
    bailey.start();
    for _ in 0..ROUNDS {
        reads.push(timed(|| drop(bailey.ok(&["sync"]))));
    }
    let dump = median(dumps);
    say("first load of 10,000 people from Samba", median(loads), "ldapsearch", dump);
    say("reconcile of 10,000 people from Samba in a daemon", median(reads), "ldapsearch", dump);
    drop(bailey);

    // A raw DirSync request, without the process, the handshake and the bind around it.
    let root = median((0..21).map(|_| search(&samba, &["-s", "base", "-b", "", "1.1"])).collect());
    let cookie = dirsync_cookie(&samba, base);
    let control = format!("!dirSync=2147483648/8388608/{cookie}");
    let raw = ["-E", &control, "-b", base, "(objectClass=*)", "sAMAccountName", "member", "name"];
    let raw = median((0..21).map(|_| search(&samba, &raw)).collect()).saturating_sub(root);
    let idle = idle_poll(Settings { notified: false, follow_every: Duration::ZERO, ..settings });
    say("a question when nothing happened, 10,000 people in Samba", idle, "a raw DirSync request", raw);
}

/// Where DirSync goes on, as ldapsearch shows it.
fn dirsync_cookie(samba: &Samba, base: &str) -> String {
    let (bind, password) = samba.credentials(Account::Sync);
    let mut all = Command::new("ldapsearch");
    all.args(["-x", "-o", "ldif-wrap=no", "-H", &samba.url(), "-D", &bind, "-w", password, "-b", base]);
    all.args(["-E", "!dirSync=0/8388608", "(sAMAccountName=nobody)", "name"]).env("LDAPTLS_CACERT", samba.ca_file());
    let output = String::from_utf8(all.output().unwrap().stdout).unwrap();
    let cookie = output.lines().find_map(|line| line.strip_prefix("# cookie:: "));
    cookie.expect("a cookie").to_owned()
}

/// What one question takes when nothing happened since the last.
fn idle_poll(settings: Settings) -> Duration {
    const QUESTIONS: u32 = 200;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let source = Arc::new(LdapSource::new(settings, [7; 32]).unwrap());
        let (_, reading) = read_all(&*source).await.unwrap();
        let (into, _changes) = mpsc::channel(4);
        let following = tokio::spawn({
            let source = Arc::clone(&source);
            async move { source.follow(reading.position.unwrap(), into).await }
        });
        let (mut seen, mut begun, mut last) = (0, Instant::now(), None);
        while seen < QUESTIONS {
            let at = source.reached().map(|reached| reached.at);
            if at != last {
                // The first is behind a connection, and takes a look at all containers.
                begun = if last.is_none() { Instant::now() } else { begun };
                seen += u32::from(last.is_some());
                last = at;
            }
            tokio::task::yield_now().await;
        }
        following.abort();
        begun.elapsed() / QUESTIONS
    })
}

#[test]
#[ignore = "a measurement; `make bench` runs it"]
#[expect(clippy::print_stdout, reason = "what it is for")]
fn a_hundred_thousand_people_by_dirsync() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut domain = Domain::new();
        for n in 1..=100_000 {
            domain.person(n);
        }
        for n in 0..2_000 {
            domain.group(900_000 + n, (0..50).map(move |m| 1 + (n * 7_919 + m * 104_729) % 100_000));
        }
        domain.group(990_000, 1..=20_000);
        let controller = Controller::start(domain).await;
        let section = controller.section("win", "primary = true\nfollow_every = \"50ms\"\nnotified = false\n");
        let mut bailey = Bailey::with(&section);
        let load = timed(|| bailey.start());
        println!("measured: first load of 100,000 people and a group of 20,000 in slices, with the start of the daemon: {load:.2?}");
        for count in [1_u32, 1_000] {
            let begun = Instant::now();
            {
                let mut domain = controller.domain();
                for n in 0..count {
                    domain.set(guid(1 + n * 97), "displayName", vec![format!("Changed {count}").into_bytes()]);
                }
            }
            let last = format!("u{}", 1 + (count - 1) * 97);
            let expected = format!("Changed {count}");
            loop {
                if bailey.json(&["user", "show", &last])["display_name"] == expected.as_str() {
                    break;
                }
            }
            println!("measured: {count} of 100,000 people changed, seen after {:.2?}", begun.elapsed());
        }
        println!("measured: largest memory of the daemon: {} MB", bailey.peak_memory() >> 20);
    });
}

/// How fast a step of 1,000 changes is taken in by the source alone.
#[test]
#[ignore = "a measurement; `make bench` runs it"]
#[expect(clippy::print_stdout, reason = "what it is for")]
fn a_thousand_changes_looked_up() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut domain = Domain::new();
        for n in 1..=100_000 {
            domain.person(n);
        }
        let controller = Controller::start(domain).await;
        let source = Arc::new(LdapSource::new(controller.settings(), [7; 32]).unwrap());
        let (_, reading) = read_all(&*source).await.unwrap();
        let (into, mut changes) = mpsc::channel(4);
        let begun = Instant::now();
        for n in 1..=1_000 {
            controller.domain().set(guid(n), "displayName", vec![b"x".to_vec()]);
        }
        let following = tokio::spawn({
            let source = Arc::clone(&source);
            async move { source.follow(reading.position.unwrap(), into).await }
        });
        let mut came = 0;
        while came < 1_000 {
            let Some(Changes::Delta { arrivals, .. }) = changes.recv().await else { panic!("following ended") };
            came += arrivals.len();
        }
        following.abort();
        println!("measured: 1,000 changes told and looked up among 100,000: {:.2?}", begun.elapsed());
    });
}

/// What a token costs beside its bare signature, and how long an RSA key takes.
#[test]
#[ignore = "a measurement; `make bench` runs it"]
fn tokens_signed_and_verified() {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    use bailey::keys::Algorithm;

    const TOKENS: u32 = 5_000;
    let store = bailey::store::Store::new(bailey::store::memory::Memory::new());
    let (keys, now) = (crate::fixture::keys(&store), bailey::base::Timestamp::UNIX_EPOCH);
    let claims = serde_json::json!({"iss": "https://bailey.example", "sub": "AIDAEXAMPLEEXAMPLE", "aud": "wiki",
        "iat": 0, "exp": 600, "groups": ["staff", "wiki-readers", "wiki-writers", "on-call", "everybody"]});
    let bare = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    for algorithm in Algorithm::ALL {
        let made = timed(|| drop(keys.turn_signing_keys(&store, algorithm, now).unwrap()));
        let token = keys.sign(algorithm, "at+jwt", &claims, now).unwrap();
        let (mut signing, mut verifying, mut peer) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            signing
                .push(timed(|| (0..TOKENS).for_each(|_| drop(keys.sign(algorithm, "at+jwt", &claims, now).unwrap()))));
            peer.push(timed(|| {
                for _ in 0..TOKENS {
                    bare.sign(&SystemRandom::new(), token.expose().as_bytes()).unwrap();
                }
            }));
            verifying.push(timed(|| {
                for _ in 0..TOKENS {
                    keys.verify_token::<serde_json::Value>("at+jwt", token.expose(), now).unwrap();
                }
            }));
        }
        let peer = median(peer);
        say(&format!("{TOKENS} tokens signed by {algorithm}"), median(signing), "bare ES256 signatures", peer);
        say(&format!("{TOKENS} tokens verified by {algorithm}"), median(verifying), "bare ES256 signatures", peer);
        say(&format!("a key made for {algorithm}"), made, "a bare ES256 signature", peer / TOKENS);
    }
}
