//! The command line's client against a server that answers, streams, fails half way and dies.

use std::path::PathBuf;

use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use bailey::base::{Fault, Faulty as _};
use bailey::cli::client::{Client, ClientError};
use bailey::http::serve::{Ending, serve};
use bailey::http::{Failure, ndjson};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    (dir, path)
}

/// Doubles a number; counts up to it line by line; breaks off at 13.
fn numbers() -> Router {
    async fn count(Json(to): Json<u32>) -> Response {
        let (lines, answer) = ndjson::channel(CancellationToken::new());
        tokio::spawn(async move {
            for n in 1..=to {
                if n == 13 {
                    let _ = lines.send(Err(Failure::not_found("there is no 13"))).await;
                }
                if lines.send(Ok(n)).await.is_err() {
                    return;
                }
            }
        });
        answer
    }
    Router::new().route("/double", post(async |Json(n): Json<u32>| Json(n * 2))).route("/count", post(count))
}

#[tokio::test]
async fn what_is_posted_is_answered_whole_or_line_by_line() {
    let (_dir, path) = place();
    tokio::spawn(serve(UnixListener::bind(&path).unwrap(), numbers(), Ending::default()));
    let client = Client::socket(&path);
    assert_eq!(client.post::<u32>("/double", &21).await.unwrap(), 42);

    let mut lines = client.post_lines("/count", &12).await.unwrap();
    let mut seen = Vec::new();
    while let Some(n) = lines.next::<u32>().await.unwrap() {
        seen.push(n);
    }
    assert_eq!(seen, (1..=12).collect::<Vec<_>>());

    let mut lines = client.post_lines("/count", &100_000).await.unwrap();
    for n in 1..=12 {
        assert_eq!(lines.next::<u32>().await.unwrap(), Some(n));
    }
    let error = lines.next::<u32>().await.unwrap_err();
    assert_eq!((error.to_string().as_str(), error.fault()), ("there is no 13", Fault::Caller));
    assert!(lines.next_text().await.unwrap().is_none(), "nothing comes behind an error");

    let error = client.post::<u32>("/double", &"two").await.unwrap_err();
    assert!(matches!(&error, ClientError::Unreadable { why } if why.contains("422")), "{error}");
}

#[tokio::test]
async fn a_server_that_dies_half_way_is_not_an_end() {
    let (_dir, path) = place();
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        for answer in [
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n1\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1,",
            "SSH-2.0-OpenSSH\r\n",
            "",
        ] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let client = Client::socket(&path);
    let mut lines = client.get_lines("/").await.unwrap();
    assert_eq!(lines.next::<u32>().await.unwrap(), Some(1));
    let broken = |error: &ClientError| matches!(error, ClientError::Broken { .. });
    assert!(broken(&lines.next::<u32>().await.unwrap_err()));
    for _ in 0..3 {
        let error = client.get::<Vec<u32>>("/").await.unwrap_err();
        assert!(broken(&error), "{error}");
    }
}
