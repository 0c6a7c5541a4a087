//! A webhook: it is sent the question as JSON, and answers `{"agree": true}`, or `false` and a `reason`.

use serde::Deserialize;

use super::{Answer, Failure, Way, first_line};
use crate::fetch::{Client, FetchError, Reach};

/// Longest answer, in bytes.
const LONGEST: usize = 16 << 10;

#[derive(Deserialize)]
struct Said {
    agree: bool,
    #[serde(default)]
    reason: Option<String>,
}

pub(super) async fn ask(fetcher: &Client, way: &Way, question: &[u8]) -> Result<Answer, Failure> {
    let Way::Webhook { url, networks, ca_file, token } = way else {
        return Err(Failure::new("it could not be asked", "it is no webhook"));
    };
    // What is configured may be in the clear on this machine itself; the configuration takes nothing else.
    let reach = Reach { networks: networks.clone(), ca_file: ca_file.clone(), plain_on_loopback: true };
    let token = token.as_ref().map(|token| token.expose().as_str());
    let answer = fetcher.ask(url, &reach, (question, token), LONGEST).await.map_err(unasked)?;
    let Said { agree, reason } = understood(&answer)?;
    let said = first_line(&reason.unwrap_or_default());
    Ok(if agree { Answer::Agrees(said) } else { Answer::Refuses(said) })
}

/// An object, and nothing else: a list would be read as its members, too.
fn understood(answer: &[u8]) -> Result<Said, Failure> {
    let why = if answer.trim_ascii_start().starts_with(b"{") {
        match serde_json::from_slice(answer) {
            Ok(said) => return Ok(said),
            Err(error) => error.to_string(),
        }
    } else {
        "it is no object".to_owned()
    };
    Err(Failure::new("its answer was not understood", format!("its answer is not the JSON that is expected: {why}")))
}

/// The words of `fetch` tell what the network looks like, and are not for whoever waits.
fn unasked(error: FetchError) -> Failure {
    let said = match &error {
        FetchError::Slow { .. } => return Failure { why: error.to_string(), ..super::slow() },
        FetchError::Status { status, .. } => format!("it answered with status {status}"),
        FetchError::Redirected { .. } => "it sent us elsewhere".to_owned(),
        FetchError::TooLarge { .. } => "it said too much".to_owned(),
        _ => "it could not be asked".to_owned(),
    };
    Failure::new(said, error.to_string())
}
