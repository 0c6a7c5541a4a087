//! Start and end of the daemon: signals, deaths, the drain, and what systemd is told.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bailey::audit::{Event, tail};
use bailey::authn::local::Role;
use bailey::cli::client::Client;
use bailey::daemon::lifecycle::{self, Exit, Lifecycle, Reload, Signal};
use bailey::daemon::listeners::Ready;
use bailey::daemon::{self, Daemon};
use bailey::http::health::Health;
use bailey::http::socket::{self, Settings};
use bailey::model::Actor;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use crate::fixture::Fixture;

/// A daemon that runs in this process, told what to do through a channel.
struct Running {
    fixture: Fixture,
    signals: mpsc::Sender<Signal>,
    exit: JoinHandle<Exit>,
    reloads: Arc<AtomicU32>,
}

/// Starts one; `tasks` spawns what a caller would.
async fn running(tasks: impl FnOnce(&Lifecycle)) -> Running {
    running_in(Fixture::new(Some(Role::Operator)), tasks).await
}

async fn running_in(fixture: Fixture, tasks: impl FnOnce(&Lifecycle)) -> Running {
    let daemon = daemon_of(&fixture).await;
    let lifecycle = Lifecycle::new(Duration::from_secs(20));
    tasks(&lifecycle);
    let (signals, received) = mpsc::channel(8);
    let reloads = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&reloads);
    let exit = tokio::spawn(async move {
        let reload: Reload = Box::new(move || {
            counted.fetch_add(1, Ordering::AcqRel);
            Box::pin(async { anyhow::bail!("line 3: unknown key") })
        });
        daemon::run(daemon, lifecycle, received, reload).await
    });
    Running { fixture, signals, exit, reloads }
}

fn reload() -> Reload {
    Box::new(|| Box::pin(async { Ok(()) }))
}

async fn daemon_of(fixture: &Fixture) -> Daemon {
    let settings = Settings { path: fixture.path(), group: None };
    Daemon {
        app: Arc::clone(&fixture.app),
        socket: socket::bind(&settings).await.unwrap(),
        health: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        listeners: Ready::default(),
    }
}

/// Waits for what is to come, and fails when it does not.
async fn soon(what: &str, mut there: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !there().await {
        assert!(tokio::time::Instant::now() < deadline, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn events(running: &Running) -> Vec<(String, String)> {
    let lines = tail::last(&running.fixture.tiny.store(), 100).unwrap();
    let records = lines.iter().map(|line| serde_json::from_str::<serde_json::Value>(&line.json).unwrap());
    // A new store gets its first signing keys whenever there is room for them.
    let records = records.filter(|record| !record["eventName"].as_str().unwrap().ends_with("SigningKey"));
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    records.map(|record| (word(&record["eventName"]), word(&record["bailey"]["outcome"]))).collect()
}

#[tokio::test]
async fn it_serves_ends_when_told_and_both_are_recorded() {
    let mut running = running(|_| {}).await;
    let client = Client::socket(running.fixture.path());
    let health: Health = client.get("/v1/health").await.unwrap();
    // Nobody ran `bailey init` here.
    assert!(health.parts.iter().all(|(name, part)| part.ready || name == "root"), "{health:?}");
    running.signals.send(Signal::Terminate).await.unwrap();
    assert_eq!((&mut running.exit).await.unwrap(), Exit::Clean);
    let told = |name: &str| (name.to_owned(), "success".to_owned());
    assert_eq!(events(&running), [told("StartDaemon"), told("StopDaemon")]);
    assert!(!running.fixture.path().exists(), "the socket is gone");
}

#[tokio::test]
async fn a_running_request_is_answered_before_the_end() {
    let running = running(|_| {}).await;
    let client = Client::socket(running.fixture.path());
    let mut lines = client.get_lines("/v1/audit/tail?last=1&follow=true").await.unwrap();
    running.signals.send(Signal::Terminate).await.unwrap();
    while lines.next_text().await.unwrap().is_some() {}
    assert_eq!(running.exit.await.unwrap(), Exit::Clean);
}

#[tokio::test]
async fn a_task_that_ends_fails_or_panics_ends_the_daemon_with_its_own_code() {
    async fn panics() -> anyhow::Result<()> {
        panic!("a bad frame")
    }
    type Spawn = fn(&Lifecycle);
    let cases: [(&str, Spawn); 3] = [
        ("ended by itself", |life| life.spawn("sync/corp", async { Ok(()) })),
        ("no such file", |life| life.spawn("sync/corp", async { anyhow::bail!("no such file") })),
        ("a bad frame", |life| life.spawn("sync/corp", panics())),
    ];
    for (said, spawn) in cases {
        let mut running = running(spawn).await;
        let exit = (&mut running.exit).await.unwrap();
        assert_eq!(exit.code(), 4);
        assert!(matches!(&exit, Exit::Died { task, why } if task == "sync/corp" && why.contains(said)), "{exit:?}");
        assert_eq!(events(&running).last().unwrap(), &("StopDaemon".to_owned(), "failed".to_owned()));
    }
}

#[tokio::test]
async fn a_second_signal_does_not_wait() {
    let stuck = Arc::new(Notify::new());
    let held = Arc::clone(&stuck);
    let mut running = running(|life| {
        life.spawn("stuck", async move {
            held.notified().await;
            Ok(())
        });
    })
    .await;
    let began = Instant::now();
    running.signals.send(Signal::Terminate).await.unwrap();
    running.signals.send(Signal::Terminate).await.unwrap();
    let exit = (&mut running.exit).await.unwrap();
    assert_eq!((exit.code(), exit), (5, Exit::Forced { left: vec!["stuck".to_owned()] }));
    assert!(began.elapsed() < Duration::from_secs(15), "it did not wait for the deadline");
    drop(stuck);
}

#[tokio::test(start_paused = true)]
async fn the_drain_has_a_deadline() {
    let lifecycle = Lifecycle::new(Duration::from_secs(20));
    lifecycle.spawn("stuck", std::future::pending());
    let (signals, received) = mpsc::channel(8);
    signals.send(Signal::Terminate).await.unwrap();
    let began = tokio::time::Instant::now();
    assert_eq!(lifecycle.run(received, reload(), || {}).await, Exit::Forced { left: vec!["stuck".to_owned()] });
    assert!((20..25).contains(&began.elapsed().as_secs()));
}

#[tokio::test]
async fn a_reload_that_fails_changes_nothing() {
    let running = running(|_| {}).await;
    let client = Client::socket(running.fixture.path());
    for n in 1..=2 {
        running.signals.send(Signal::Reload).await.unwrap();
        soon("the reload", async || running.reloads.load(Ordering::Acquire) == n).await;
    }
    assert!(client.get::<Health>("/v1/health").await.is_ok());
    running.signals.send(Signal::Terminate).await.unwrap();
    assert_eq!(running.exit.await.unwrap(), Exit::Clean);
}

#[tokio::test(start_paused = true)]
async fn it_starts_on_a_full_disk_and_catches_up_with_its_log() {
    let fixture = Fixture::new(Some(Role::Operator));
    let operator = Actor::Local { uid: 0 };
    std::mem::forget(fixture.app.audit.begin(&operator, &Event::new("StartSync"), fixture.app.clock.now()).unwrap());
    let fixture = fixture.restarted();
    fixture.tiny.full.store(true, Ordering::Release);
    let mut running = running_in(fixture, |_| {}).await;
    let client = Client::socket(running.fixture.path());
    let health: Health = client.get("/v1/health").await.unwrap();
    assert!(health.parts["store"].ready && health.parts["audit"].words.contains("1 records wait"), "{health:?}");
    running.fixture.tiny.full.store(false, Ordering::Release);
    soon("the log", async || events(&running).len() == 3).await;
    let event = |name: &str, outcome: &str| (name.to_owned(), outcome.to_owned());
    assert_eq!(
        events(&running),
        [event("StartSync", ""), event("StartDaemon", "success"), event("StartSync", "unknown")]
    );
    running.signals.send(Signal::Terminate).await.unwrap();
    assert_eq!((&mut running.exit).await.unwrap(), Exit::Clean);
}

/// The daemon's own process in the test below. By itself it starts and ends.
#[tokio::test]
async fn a_process_of_its_own() {
    let fixture = Fixture::new(Some(Role::Operator));
    let daemon = daemon_of(&fixture).await;
    let signals = lifecycle::signals().unwrap();
    if !told_to_stay() {
        send("TERM", std::process::id());
    }
    let exit = daemon::run(daemon, Lifecycle::new(Duration::from_secs(20)), signals, reload()).await;
    assert_eq!(exit, Exit::Clean);
}

#[expect(clippy::disallowed_methods, reason = "how the test below tells the one above")]
fn told_to_stay() -> bool {
    std::env::var("BAILEY_TEST_STAY").is_ok()
}

fn send(signal: &str, pid: u32) {
    let done = Command::new("sh").args(["-c", &format!("kill -{signal} {pid}")]).status().unwrap();
    assert!(done.success());
}

#[test]
fn systemd_is_told_ready_reloading_alive_and_stopping() {
    let state = tempfile::tempdir().unwrap();
    let systemd = UnixDatagram::bind(state.path().join("notify")).unwrap();
    systemd.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut child = spawn(&state.path().join("notify"));
    let mut told = Vec::new();
    let mut until = |word: &str| {
        let mut buffer = [0; 512];
        while !told.iter().any(|line: &String| line.starts_with(word)) {
            let count = systemd.recv(&mut buffer).unwrap_or_else(|e| panic!("no {word}: {e}; told so far: {told:?}"));
            told.extend(String::from_utf8_lossy(&buffer[..count]).lines().map(str::to_owned));
        }
        std::mem::take(&mut told)
    };
    until("READY=1");
    until("WATCHDOG=1");
    send("HUP", child.id());
    let reloading = until("RELOADING=1");
    assert!(reloading.iter().any(|line| line.starts_with("MONOTONIC_USEC=")), "{reloading:?}");
    until("READY=1");
    send("TERM", child.id());
    until("STOPPING=1");
    // Nobody reads on, and whoever feeds the watchdog would wait for that once a dozen words lie there.
    drop(systemd);
    assert!(child.wait().unwrap().success());
}

/// This test program, running nothing but the test above.
fn spawn(notify: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "lifecycle::a_process_of_its_own"])
        .env("NOTIFY_SOCKET", notify)
        .env("WATCHDOG_USEC", "100000")
        .env("BAILEY_TEST_STAY", "1")
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap()
}
