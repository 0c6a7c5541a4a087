//! What every request is held to, whatever its route: size and time of the body, a panic that ends
//! one request and not the daemon, and work that is not left half done when a client hangs up.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hyper::header::{CACHE_CONTROL, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::{HeaderMap, StatusCode};

use super::Failure;
use crate::base::Fault;
use crate::telemetry::Metric;

/// Largest body of a request.
pub const LARGEST_BODY: usize = 1024 * 1024;

/// Longest time for the head of a request to come, and for a connection to stay idle before it.
pub const HEAD_TIME: Duration = Duration::from_secs(10);

/// Longest time for the body of a request to come.
pub const BODY_TIME: Duration = Duration::from_secs(30);

/// Most headers of a request.
pub const MOST_HEADERS: usize = 64;

/// Largest head of a request, in bytes.
pub const LARGEST_HEAD: usize = 16 * 1024;

/// Connections served at the same time by one listener; more wait in the backlog.
pub const MOST_CONNECTIONS: usize = 256;

/// The same of the public listener: at 1 MiB for a body and some 60 KiB for a connection well below the unit's memory.
pub const MOST_PUBLIC_CONNECTIONS: usize = 512;

/// Most of these for one client address: a company behind one translated address fits, and nobody takes all the room.
pub const MOST_CONNECTIONS_OF_ONE: usize = 64;

/// Longest time for the handshake of TLS.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// Longest time that nothing of an answer is taken by the public listener's clients.
pub const ANSWER_TIME: Duration = Duration::from_secs(30);

/// Longest path and query of a request to the public listener, in bytes.
pub const LONGEST_URI: usize = 8 * 1024;

/// Reads the body within the limits, runs the route, and counts the answer.
pub(super) async fn hold(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let mut answer = match whole(request).await {
        // A task of its own: what was begun is ended, whether or not the client still listens.
        Ok(request) => match tokio::spawn(next.run(request)).await {
            Ok(answer) => answer,
            Err(ended) => Failure::bug(&format!("{route} ended early: {ended}")).into_response(),
        },
        Err(failure) => failure.into_response(),
    };
    seal(answer.headers_mut());
    Metric::HttpRequests.counter(&[("route", &route), ("status", answer.status().as_str())]).increment(1);
    answer
}

/// The same request with its body in memory.
async fn whole(request: Request) -> Result<Request, Failure> {
    let (parts, body) = request.into_parts();
    let read = tokio::time::timeout(BODY_TIME, to_bytes(body, LARGEST_BODY)).await;
    let failure = |status, code, message: String| Err(Failure::new(status, code, &message, Fault::Caller));
    match read {
        Ok(Ok(bytes)) => Ok(Request::from_parts(parts, full(bytes))),
        Ok(Err(_)) => failure(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestTooLarge",
            format!("a body has at most {LARGEST_BODY} bytes"),
        ),
        Err(_) => failure(
            StatusCode::REQUEST_TIMEOUT,
            "RequestTimeout",
            format!("the body did not come within {} s", BODY_TIME.as_secs()),
        ),
    }
}

fn full(bytes: Bytes) -> Body {
    if bytes.is_empty() { Body::empty() } else { Body::from(bytes) }
}

/// Answers are for the one who asked, and are what they say they are.
fn seal(headers: &mut HeaderMap) {
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::routing::{get, post};
    use axum::{Router, middleware};
    use tokio::sync::Notify;
    use tower::ServiceExt as _;

    use super::*;

    fn held(router: Router) -> Router {
        router.layer(middleware::from_fn(hold))
    }

    fn request(path: &str, body: Body) -> Request {
        Request::builder().method("POST").uri(path).body(body).unwrap()
    }

    async fn said(answer: Response) -> (u16, String) {
        let status = answer.status().as_u16();
        (status, String::from_utf8(to_bytes(answer.into_body(), 10_000).await.unwrap().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_body_is_refused_where_it_is_one_byte_too_long() {
        let router = held(Router::new().route("/", post(async |body: String| body.len().to_string())));
        for (length, status) in [(LARGEST_BODY, 200), (LARGEST_BODY + 1, 413)] {
            let answer = router.clone().oneshot(request("/", Body::from(vec![b'x'; length]))).await.unwrap();
            assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
            assert_eq!(said(answer).await.0, status);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_ends_the_wait() {
        let router = held(Router::new().route("/", post(async |_: String| "never")));
        let endless = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        let (status, said) = said(router.oneshot(request("/", endless)).await.unwrap()).await;
        assert_eq!(status, 408);
        assert!(said.contains("30 s"), "{said}");
    }

    #[tokio::test]
    async fn a_panic_ends_one_request_and_says_nothing() {
        async fn bad() {
            panic!("secret detail");
        }
        let router = held(Router::new().route("/bad", get(bad)).route("/good", get(async || "good")));
        let get = |path: &str| Request::builder().uri(path).body(Body::empty()).unwrap();
        let (status, text) = said(router.clone().oneshot(get("/bad")).await.unwrap()).await;
        assert_eq!(status, 500);
        assert!(text.contains("InternalFailure") && !text.contains("secret"), "{text}");
        assert_eq!(said(router.oneshot(get("/good")).await.unwrap()).await, (200, "good".to_owned()));
    }

    #[tokio::test]
    async fn what_was_begun_is_ended_when_the_client_hangs_up() {
        let (begun, go, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (b, g, e) = (Arc::clone(&begun), Arc::clone(&go), Arc::clone(&ended));
        let router = held(Router::new().route(
            "/",
            post(async move || {
                b.notify_one();
                g.notified().await;
                e.notify_one();
            }),
        ));
        let answering = tokio::spawn(router.oneshot(request("/", Body::empty())));
        begun.notified().await;
        answering.abort();
        assert!(answering.await.unwrap_err().is_cancelled());
        go.notify_one();
        ended.notified().await;
    }
}
