//! Answers that come line by line: one JSON value a line, as long as there is something to say.
//!
//! Once the first line is out the status is too, so what goes wrong later is told in the stream: its
//! last line is then `{"error":{..}}`, the same object an answer would have.

use axum::body::Body;
use axum::response::Response;
use futures_util::stream::{self, Stream, StreamExt as _};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Failure;

/// An answer of finished JSON lines. Ends with `until`, so that it does not hold up the daemon's end.
pub fn lines(
    lines: impl Stream<Item = Result<String, Failure>> + Send + 'static,
    until: CancellationToken,
) -> Response {
    let mut failed = false;
    let lines = lines
        // What comes behind an error is not sent: the error is the last line.
        .take_while(move |line| std::future::ready(!std::mem::replace(&mut failed, line.is_err())))
        .map(|line| line.unwrap_or_else(|failure| failure.body().to_string()))
        .map(|mut line| {
            line.push('\n');
            Ok::<_, std::convert::Infallible>(Bytes::from(line))
        })
        .take_until(async move { until.cancelled().await });
    let mut answer = Response::new(Body::from_stream(lines));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    answer
}

/// An answer that sends whatever is put into the channel, until its other end is dropped.
///
/// The sender notices that the client is gone by a send that fails; work that must go on
/// without an audience ignores that.
pub fn channel<T: Serialize + Send + 'static>(
    until: CancellationToken,
) -> (mpsc::Sender<Result<T, Failure>>, Response) {
    let (sender, receiver) = mpsc::channel::<Result<T, Failure>>(64);
    let values = stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
    let text = values.map(|value| {
        serde_json::to_string(&value?).map_err(|error| Failure::bug(&format!("a line that is no JSON: {error}")))
    });
    (sender, lines(text, until))
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    async fn text(answer: Response) -> String {
        String::from_utf8(to_bytes(answer.into_body(), 10_000).await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn an_error_is_the_last_line() {
        let items = [Ok("1".to_owned()), Err(Failure::not_found("no such thing")), Ok("2".to_owned())];
        let answer = lines(stream::iter(items), CancellationToken::new());
        let expected = "1\n{\"error\":{\"code\":\"NotFound\",\"fault\":\"caller\",\"message\":\"no such thing\"}}\n";
        assert_eq!(text(answer).await, expected);
    }

    #[tokio::test]
    async fn a_channel_sends_until_it_is_dropped_or_the_daemon_ends() {
        let until = CancellationToken::new();
        let (sender, answer) = channel::<u32>(until.clone());
        for n in 0..3 {
            sender.send(Ok(n)).await.unwrap();
        }
        drop(sender);
        assert_eq!(text(answer).await, "0\n1\n2\n");
        let (_endless, answer) = channel::<u32>(until.clone());
        until.cancel();
        assert_eq!(text(answer).await, "");
    }
}
