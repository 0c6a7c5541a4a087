//! The local socket: who gets in, what is refused, and that nothing hangs it up.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use bailey::audit::{Event, Outcome, Verdict, tail};
use bailey::authn::CallerKind;
use bailey::authn::local::{Peer, Role};
use bailey::base::Faulty as _;
use bailey::cli::client::{Client, ClientError};
use bailey::gate::Operation;
use bailey::http::health::Health;
use bailey::http::socket::{self, Settings};
use bailey::http::{InProcess, v1};
use bailey::model::Actor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::fixture::{Fixture, roles};

/// Sends `text` and reads until the other end closes.
async fn raw(path: &Path, text: &str) -> String {
    let mut stream = UnixStream::connect(path).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn closing(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: bailey\r\nConnection: close\r\n\r\n")
}

fn status(answer: &str) -> u16 {
    let code = answer.split(' ').nth(1);
    code.unwrap_or(answer).parse().unwrap()
}

#[tokio::test]
async fn every_route_asks_the_gate() {
    for role in [Some(Role::Operator), Some(Role::Viewer), None] {
        let fixture = Fixture::new(role);
        let _served = fixture.serve().await;
        for route in v1::routes().served() {
            let path: String = route
                .path
                .split('/')
                .map(|part| if part.starts_with('{') { "x" } else { part })
                .collect::<Vec<_>>()
                .join("/");
            let answer = raw(&fixture.path(), &closing(route.method.as_str(), &path)).await;
            let denied = status(&answer) == 403;
            let allowed = role.is_some_and(|role| route.operation.allowed_for(CallerKind::Local(role)) == Some(true));
            assert_eq!(denied, !allowed, "{role:?} {} {}: {answer}", route.method, route.path);
            assert!(answer.contains("cache-control: no-store"), "{answer}");
            if role.is_none() {
                assert!(answer.contains("group bailey-admin or group bailey-viewer"), "{answer}");
            }
        }
    }
}

/// Nothing writes this list but a person, and only to make it shorter.
const WITHOUT_A_ROUTE: &str = include_str!("../golden/operations-without-route.txt");

#[test]
fn the_list_of_operations_without_a_route_only_shrinks() {
    let routes = v1::routes();
    for operation in Operation::ALL {
        let served = routes.served().iter().any(|route| route.operation == *operation);
        let listed = WITHOUT_A_ROUTE.lines().any(|line| line == operation.name());
        assert!(served || listed, "{operation} has no route in http/v1.rs");
        assert!(
            !(served && listed),
            "{operation} has a route now: take it off tests/golden/operations-without-route.txt"
        );
    }
    assert!(WITHOUT_A_ROUTE.lines().all(|line| Operation::ALL.iter().any(|operation| operation.name() == line)));
}

#[tokio::test]
async fn every_no_is_recorded_until_it_becomes_a_weapon() {
    for (role, said) in [(Some(Role::Viewer), "takes an operator"), (None, "may not use this socket")] {
        let fixture = Fixture::new(role);
        let served = fixture.serve().await;
        for _ in 0..130 {
            served.client.get::<Verdict>("/v1/audit/verify").await.unwrap_err();
        }
        let records = || tail::last(&fixture.tiny.store(), u64::MAX).unwrap();
        assert_eq!(records().len(), 100);
        assert!(records().iter().all(|line| line.json.contains("AccessDenied") && line.json.contains(said)));
        fixture.clock.set("2026-03-12T12:01:00Z".parse().unwrap());
        fixture.app.gate.settle_denials(fixture.app.clock.now());
        let last = records().pop().unwrap().json;
        assert!(last.contains("DenialsNotRecorded") && last.contains("\"count\":30"), "{last}");
    }
}

#[tokio::test]
async fn a_role_that_is_taken_away_is_gone_with_the_next_request() {
    let fixture = Fixture::new(Some(Role::Operator));
    let served = fixture.serve().await;
    assert!(served.client.get::<Verdict>("/v1/audit/verify").await.is_ok());
    *fixture.app.roles.write().unwrap() = roles(Some(Role::Viewer));
    let refused = served.client.get::<Verdict>("/v1/audit/verify").await.unwrap_err();
    assert!(matches!(&refused, ClientError::Refused(error) if error.code == "AccessDenied"), "{refused}");
    assert!(refused.to_string().contains("local viewer uid"), "{refused}");
    assert!(refused.to_string().contains("takes an operator"), "{refused}");
}

#[tokio::test]
async fn reading_the_log_is_in_the_log() {
    let fixture = Fixture::new(Some(Role::Operator));
    let served = fixture.serve().await;
    for n in 0..5 {
        fixture
            .app
            .audit
            .record(&Actor::task("t"), &Event::new("X").with("n", n), &Outcome::success(), fixture.app.clock.now())
            .unwrap();
    }
    let mut lines = served.client.get_lines("/v1/audit/tail?last=3").await.unwrap();
    let mut names = Vec::new();
    while let Some(record) = lines.next::<serde_json::Value>().await.unwrap() {
        names.push(record["eventName"].as_str().unwrap().to_owned());
    }
    assert_eq!(names, ["X", "X", "TailAudit"]);
    let verdict: Verdict = served.client.get("/v1/audit/verify?from=2").await.unwrap();
    assert_eq!((verdict.fault, verdict.from, verdict.sound), (None, 2, 7));
    let stored = tail::last(&fixture.tiny.store(), 1).unwrap().remove(0).json;
    assert!(
        stored.contains("VerifyAudit") && stored.contains(&format!("uid:{}", Peer::this_process().uid())),
        "{stored}"
    );
}

#[tokio::test]
async fn following_the_log_goes_on_until_the_daemon_ends() {
    let fixture = Fixture::new(Some(Role::Operator));
    let served = fixture.serve().await;
    let mut lines = served.client.get_lines("/v1/audit/tail?last=1&follow=true").await.unwrap();
    // Two records of the reading itself: begun, which is shown, and completed, which follows.
    for phase in ["begun", "completed"] {
        let record: serde_json::Value = lines.next().await.unwrap().unwrap();
        assert_eq!(record["bailey"]["phase"], phase);
    }
    for n in 0..3_u64 {
        fixture
            .app
            .audit
            .record(&Actor::task("t"), &Event::new("X").with("n", n), &Outcome::success(), fixture.app.clock.now())
            .unwrap();
        let record: serde_json::Value = lines.next().await.unwrap().unwrap();
        assert_eq!(record["requestParameters"]["n"], n);
    }
    served.ending.soft.cancel();
    assert!(lines.next_text().await.unwrap().is_none(), "the answer ends well");
    served.serving.await.unwrap();
    drop(served.file);
    assert!(!fixture.path().exists());
}

#[tokio::test]
async fn the_same_routes_answer_without_a_daemon() {
    let fixture = Fixture::new(Some(Role::Operator));
    let client = Client::in_process(InProcess::new(Arc::clone(&fixture.app), Peer::this_process()));
    let health: Health = client.get("/v1/health").await.unwrap();
    assert!(health.parts.contains_key("store"));
    let refused = client.get::<Health>("/v1/nothing").await.unwrap_err();
    assert!(matches!(&refused, ClientError::Refused(error) if error.code == "NotFound"), "{refused}");
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_in_plain_words() {
    let fixture = Fixture::new(Some(Role::Operator));
    let _served = fixture.serve().await;
    let many = (0..80).map(|n| format!("x-{n}: 1\r\n")).collect::<String>();
    let long = "x".repeat(40_000);
    for (text, expected, said) in [
        (closing("GET", "/v1/audit/tail?last=1&folow=true"), 400, "folow"),
        (closing("GET", "/v1/audit/tail?last=-1"), 400, "last"),
        (closing("GET", "/v1/audit/tail?last=999999"), 400, "at most 10000"),
        (closing("POST", "/v1/health"), 405, "another method"),
        (closing("GET", "/"), 404, "/v1"),
        (format!("GET /v1/health HTTP/1.1\r\nHost: bailey\r\n{many}\r\n"), 431, ""),
        (format!("GET /v1/{long} HTTP/1.1\r\nHost: bailey\r\n\r\n"), 431, ""),
        ("HELO there\r\n\r\n".to_owned(), 400, ""),
        (
            format!(
                "POST /v1/health HTTP/1.1\r\nHost: b\r\nConnection: close\r\nContent-Length: 2000000\r\n\r\n{}",
                "x".repeat(1_200_000)
            ),
            413,
            "1048576",
        ),
    ] {
        // A refused body may be cut off with a reset; what was answered before counts.
        let mut stream = UnixStream::connect(fixture.path()).await.unwrap();
        let _ = stream.write_all(text.as_bytes()).await;
        let (mut answer, mut chunk) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = stream.read(&mut chunk).await {
            answer.extend_from_slice(&chunk[..count]);
        }
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert_eq!(status(&answer), expected, "{}: {answer}", &text[..40.min(text.len())]);
        assert!(answer.contains(said), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_and_idle_clients_lose_their_place() {
    let fixture = Fixture::new(Some(Role::Operator));
    let served = fixture.serve().await;
    // As many as are served at a time, and a head that never ends.
    let mut idle = Vec::new();
    for n in 0..bailey::http::limits::MOST_CONNECTIONS {
        let mut stream = UnixStream::connect(fixture.path()).await.unwrap();
        if n % 2 == 0 {
            stream.write_all(b"GET /v1/health HTTP/1.1\r\nHost: b").await.unwrap();
        }
        idle.push(stream);
    }
    let health: Health = served.client.get("/v1/health").await.unwrap();
    assert!(health.parts.contains_key("audit"));
    for mut stream in idle {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&rest));
    }
}

#[tokio::test]
async fn a_socket_is_taken_from_the_dead_alone() {
    let fixture = Fixture::new(None);
    let settings = Settings { path: fixture.path(), group: None };
    let first = socket::bind(&settings).await.unwrap();
    let mode = std::fs::metadata(fixture.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o666, "without a group anyone may open it; the gate decides");
    let taken = socket::bind(&settings).await.err().unwrap();
    assert!(taken.to_string().contains("another daemon answers"), "{taken}");
    assert_eq!(taken.fault(), bailey::base::Fault::Operator);

    // A daemon that was killed leaves its file.
    let (listener, file) = first;
    drop(listener);
    std::mem::forget(file);
    let (_second, file) = socket::bind(&settings).await.unwrap();

    // Somebody else's socket is not removed at the end.
    std::fs::remove_file(fixture.path()).unwrap();
    std::fs::write(fixture.path(), b"precious").unwrap();
    drop(file);
    let in_the_way = socket::bind(&settings).await.err().unwrap();
    assert!(in_the_way.to_string().contains("is not a socket"), "{in_the_way}");
    assert_eq!(std::fs::read(fixture.path()).unwrap(), b"precious");
}

#[tokio::test]
async fn without_a_daemon_the_client_says_how_to_start_one() {
    let nowhere = tempfile::tempdir().unwrap();
    let client = Client::socket(nowhere.path().join("socket"));
    assert!(!client.reachable().await);
    let error = client.get::<Health>("/v1/health").await.unwrap_err();
    assert!(matches!(error, ClientError::NotRunning { .. }), "{error}");
}

#[tokio::test]
async fn a_full_disk_is_the_operators_business_and_shows() {
    let fixture = Fixture::new(Some(Role::Operator));
    let served = fixture.serve().await;
    fixture.tiny.full.store(true, std::sync::atomic::Ordering::Release);
    // Reading the log narrows nothing and widens nothing: it goes on, and its record is owed.
    let mut lines = served.client.get_lines("/v1/audit/tail").await.unwrap();
    assert!(lines.next_text().await.unwrap().is_none());
    assert_eq!(fixture.app.audit.owed(), 1);
    let health: Health = served.client.get("/v1/health").await.unwrap();
    assert!(health.parts["audit"].words.contains("1 records wait"), "{health:?}");
    assert!(health.parts["store"].words.contains("disk is full"), "{health:?}");
}
