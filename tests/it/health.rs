//! The health listener: what monitoring sees, over a real TCP socket.

use std::net::SocketAddr;
use std::sync::Arc;

use bailey::http::serve::{Ending, serve};
use bailey::http::{App, health};
use bailey::telemetry::{Metric, Part, metrics};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::fixture::Fixture;

async fn listening(app: &Arc<App>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, health::router(Arc::clone(app)), Ending::default()));
    address
}

/// Status and body of an answer.
async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: bailey\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

async fn json(address: SocketAddr, path: &str) -> (u16, serde_json::Value) {
    let (status, body) = get(address, path).await;
    (status, serde_json::from_str(&body).unwrap())
}

#[tokio::test]
async fn ready_once_every_directory_was_read_and_then_for_good() {
    let fixture = Fixture::new(None);
    let address = listening(&fixture.app).await;
    let (status, body) = json(address, "/readyz").await;
    assert_eq!((status, &body["parts"]["root"]["ready"]), (503, &false.into()));
    assert!(body["parts"]["root"]["words"].as_str().unwrap().contains("bailey init"), "{body}");
    fixture.make_root();
    fixture.app.board.post("directory/corp", Part::yellow("not read yet").ready(false));
    let (status, body) = json(address, "/readyz").await;
    assert_eq!((status, &body["ready"], &body["status"]), (503, &false.into(), &"yellow".into()));
    assert_eq!(json(address, "/healthz").await.0, 200, "alive all the same");

    fixture
        .app
        .board
        .post("directory/corp", Part::green("following changes").good_until("2026-03-12T12:05:00Z".parse().unwrap()));
    let (status, body) = json(address, "/readyz").await;
    assert_eq!((status, &body["status"]), (200, &"green".into()));

    // Its task falls silent: red, but what was read is still there to serve.
    fixture.clock.set("2026-03-12T12:05:00Z".parse().unwrap());
    let (status, body) = json(address, "/readyz").await;
    assert_eq!((status, &body["parts"]["directory/corp"]["condition"]), (200, &"red".into()));
    assert!(body["parts"]["directory/corp"]["words"].as_str().unwrap().starts_with("silent since"), "{body}");
}

#[tokio::test]
async fn metrics_come_with_their_help_and_fresh_gauges() {
    let fixture = Fixture::new(None);
    assert_eq!(get(listening(&fixture.app).await, "/metrics").await.0, 404);
    // The recorder belongs to the process; no other test installs one.
    let handle = metrics::install("1.2.3").unwrap();
    let app = Arc::try_unwrap(Fixture::new(None).app).unwrap_or_else(|_| panic!("shared"));
    app.sso_settings.write().unwrap().issuer = Some("https://sso.example".parse().unwrap());
    let app = Arc::new(App { metrics: Some(handle), ..app });
    let address = listening(&app).await;
    for form in ["grant_type=refresh_token&client_id=nobody", "grant_type=made-up&client_id=nobody", "client_id=nobody"]
    {
        let request = hyper::Request::post("/oauth2/token").header("content-type", "application/x-www-form-urlencoded");
        let request = request.body(axum::body::Body::from(form)).unwrap();
        tower::ServiceExt::oneshot(bailey::http::public::router(Arc::clone(&app)), request).await.unwrap();
    }
    Metric::SyncLag.histogram(&[("directory", "corp")]).record(0.04);
    let (status, page) = get(address, "/metrics").await;
    assert_eq!(status, 200);
    for expected in [
        "# TYPE bailey_build_info gauge",
        "bailey_build_info{version=\"1.2.3\"} 1",
        "bailey_store_bytes 0",
        "bailey_store_reserve_spent 0",
        "bailey_sync_lag_seconds_count{directory=\"corp\"} 1",
        "bailey_token_requests_total{grant=\"refresh_token\",outcome=\"invalid_client\"} 1",
        "bailey_token_requests_total{grant=\"none\",outcome=\"invalid_client\"} 1",
        "bailey_token_requests_total{grant=\"none\",outcome=\"invalid_request\"} 1",
    ] {
        assert!(page.contains(expected), "{expected} in\n{page}");
    }
    assert_eq!(get(address, "/v1/audit/tail").await.0, 404, "nothing else is served here");
}
