//! To a program: a POST of JSON, signed as Standard Webhooks has it (version 1, symmetric).
//!
//! The signature is over the id, the moment of the try and the body, so nobody on the way changes one, and nobody sends an old one again
//! to somebody who looks at the moment. The id is the same for every try.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use url::Url;

use super::{Failure, letter};
use crate::base::secret::hmac_sha256;
use crate::base::{Secret, Timestamp};
use crate::fetch::{Client, FetchError, Reach};
use crate::model::Notice;
use crate::model::notice::{Facts, Kind};

/// What secrets begin with, for people to know them by.
const PREFIX: &str = "whsec_";

/// Bytes of a secret, as the scheme has them.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A program that is told.
pub struct Hook {
    /// Its name in records.
    pub name: String,
    /// Where it listens.
    pub url: Url,
    /// What it may be reached by.
    pub reach: Reach,
    /// What is signed with: by each, while they are exchanged.
    pub secrets: Vec<Secret<Vec<u8>>>,
    /// What it is told; everything, if nothing is said.
    pub kinds: Vec<Kind>,
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook").field("name", &self.name).field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

/// A secret as it is written: `whsec_`, then 24 to 64 bytes in base64.
#[must_use]
pub fn secret(text: &str) -> Option<Secret<Vec<u8>>> {
    let bytes = Secret::new(STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?);
    SECRET_BYTES.contains(&bytes.expose().len()).then_some(bytes)
}

/// What is sent.
#[derive(Serialize)]
struct Body<'a> {
    r#type: Kind,
    timestamp: Timestamp,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    #[serde(flatten)]
    facts: &'a Facts,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

impl Hook {
    /// Whether it is told of such.
    #[must_use]
    pub fn takes(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind) || kind == Kind::Test
    }

    /// Tells it `notice` at `now`; links lead to `portal`.
    ///
    /// # Errors
    /// Why it did not take it.
    pub async fn tell(
        &self,
        fetcher: &Client,
        notice: &Notice,
        portal: &str,
        now: Timestamp,
    ) -> Result<String, Failure> {
        let data = Data { facts: &notice.facts, link: letter::link(&notice.facts, portal) };
        let body = Body { r#type: notice.kind, timestamp: notice.at, data };
        let body = serde_json::to_vec(&body).map_err(|error| Failure::ForGood(error.to_string()))?;
        let (id, second) = (format!("msg_{}", notice.id), now.as_second().to_string());
        let signature = self.signature(&id, &second, &body);
        let headers = [("webhook-id", id.as_str()), ("webhook-timestamp", &second), ("webhook-signature", &signature)];
        match fetcher.post_json(&self.url, &self.reach, &body, &headers).await {
            Ok(status) => Ok(format!("status {status}")),
            Err(error) => Err(failure(&error)),
        }
    }

    fn signature(&self, id: &str, second: &str, body: &[u8]) -> String {
        let signed = |secret: &Secret<Vec<u8>>| {
            let tag = hmac_sha256(secret, &[id.as_bytes(), b".", second.as_bytes(), b".", body]);
            format!("v1,{}", STANDARD.encode(tag))
        };
        self.secrets.iter().map(signed).collect::<Vec<_>>().join(" ")
    }
}

/// Whose fault it is: what is said about this one notice concerns no other; all else is the program's, or the way's.
fn failure(error: &FetchError) -> Failure {
    let why = error.to_string();
    match error {
        // It says that it is there no more (RFC 9110, section 15.5.11), and means every notice.
        FetchError::Status { status: 410, .. } => {
            Failure::ForGood(format!("{why}: it is gone; take it out of the configuration"))
        }
        FetchError::Status { status: 401 | 403 | 404 | 407 | 408 | 421 | 425 | 429, .. } => Failure::Way(why),
        FetchError::Status { status: 400..=499, .. } => Failure::Later(why),
        _ => Failure::Way(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(secrets: &[&str]) -> Hook {
        Hook {
            name: "siem".to_owned(),
            url: Url::parse("https://siem.example/").unwrap(),
            reach: Reach::default(),
            secrets: secrets.iter().map(|text| secret(text).unwrap()).collect(),
            kinds: vec![Kind::BreakGlass],
        }
    }

    /// The vector of the scheme's own libraries.
    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        let hook = hook(&["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]);
        let body = br#"{"test": 2432232314}"#;
        let signed = hook.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_sign_twice_and_short_ones_are_none() {
        let (first, second) = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        let both = hook(&[first, second]).signature("m", "1", b"{}");
        assert_eq!(both.split(' ').count(), 2);
        assert!(both.starts_with(&hook(&[first]).signature("m", "1", b"{}")));
        for bad in ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_*"] {
            assert!(secret(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn it_is_told_what_it_takes_and_shows_no_secret() {
        let hook = hook(&["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]);
        assert!(hook.takes(Kind::BreakGlass) && hook.takes(Kind::Test) && !hook.takes(Kind::GrantRequested));
        assert!(!format!("{hook:?}").contains("MfKQ"));
    }

    #[test]
    fn whose_fault_it_is_decides_what_becomes_of_the_others() {
        let of = |status| failure(&FetchError::Status { url: "u".to_owned(), status });
        assert!(matches!(of(410), Failure::ForGood(_)));
        assert!(matches!(of(400), Failure::Later(_)) && matches!(of(413), Failure::Later(_)));
        for status in [401, 404, 429, 500, 503] {
            assert!(matches!(of(status), Failure::Way(_)), "{status}");
        }
    }
}
