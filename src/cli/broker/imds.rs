//! The instance metadata service, version 2 alone (EC2 User Guide, "Use the Instance Metadata Service"): a token first, by PUT,
//! then the role's name and its credentials.
//!
//! SDKs that are answered 403, 404 or 405 when they ask for a token go on without one, as in version 1. Nothing that is wrong
//! with a PUT is therefore answered so but by 400, which ends it; and whatever comes without a token is answered by 401.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::{Method, Request, StatusCode};
use jiff::SignedDuration;
use rand::{Rng, RngExt as _};
use serde_json::json;

use super::container::hashed;
use super::print::expiration;
use super::role::Given;
use super::serve::{Answer, Asked};
use crate::base::Timestamp;
use crate::base::clock::expired;

const TOKEN_PATH: &str = "/latest/api/token";
const ROLES_PATH: &str = "/latest/meta-data/iam/security-credentials";
const TOKEN: &str = "x-aws-ec2-metadata-token";
/// For how long a token is wanted, and was given.
pub const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";

/// Seconds that a token may be asked for.
const TTLS: std::ops::RangeInclusive<u32> = 1..=21_600;

/// Most tokens at a time; the one that ends first makes room.
const MOST: usize = 1_024;

/// The tokens that are good, by their hashes: looked up so, none can be guessed byte by byte.
#[derive(Default)]
pub struct Imds {
    tokens: Mutex<HashMap<[u8; 32], Timestamp>>,
}

impl Imds {
    /// What a request for the credentials of the role called `name` asks for.
    #[must_use]
    pub fn asked<B>(&self, request: &Request<B>, name: &str, now: Timestamp, rng: &mut impl Rng) -> Asked {
        let path = request.uri().path_and_query().map(|path| path.as_str()).unwrap_or_default();
        if *request.method() == Method::PUT {
            return Asked::Answer(self.token(request, path, now, rng));
        }
        if !self.shown(request, now) {
            return Asked::Answer(Answer::words(
                StatusCode::UNAUTHORIZED,
                "a token must be shown, which PUT /latest/api/token gives",
            ));
        }
        if *request.method() != Method::GET {
            return Asked::Answer(Answer::words(StatusCode::METHOD_NOT_ALLOWED, "metadata are asked for by GET"));
        }
        match path.strip_prefix(ROLES_PATH) {
            Some("" | "/") => Asked::Answer(Answer::text(name)),
            Some(rest) if rest.strip_prefix('/') == Some(name) => Asked::Credentials,
            _ => Asked::Answer(Answer::words(StatusCode::NOT_FOUND, "a role's credentials are all there is here")),
        }
    }

    fn token<B>(&self, request: &Request<B>, path: &str, now: Timestamp, rng: &mut impl Rng) -> Answer {
        if path != TOKEN_PATH {
            return Answer::words(StatusCode::BAD_REQUEST, "PUT is for /latest/api/token");
        }
        let mut values = request.headers().get_all(TTL).iter();
        let (value, again) = (values.next(), values.next());
        let digits = value.filter(|_| again.is_none()).and_then(|value| value.to_str().ok());
        // `parse` would take a sign.
        let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
        let seconds = digits.and_then(|digits| digits.parse().ok()).filter(|seconds| TTLS.contains(seconds));
        let Some(seconds) = seconds else {
            let words = "X-aws-ec2-metadata-token-ttl-seconds must be a number from 1 to 21600";
            return Answer::words(StatusCode::BAD_REQUEST, words);
        };
        let token = URL_SAFE_NO_PAD.encode(rng.random::<[u8; 32]>());
        self.keep(hashed(token.as_bytes()), seconds, now);
        Answer::text(&token).with(TTL, &seconds.to_string())
    }

    fn keep(&self, token: [u8; 32], seconds: u32, now: Timestamp) {
        let Ok(until) = now.checked_add(SignedDuration::from_secs(seconds.into())) else { return };
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|_, until| !expired(*until, now));
        if tokens.len() >= MOST
            && let Some(first) = tokens.iter().min_by_key(|(_, until)| **until).map(|(token, _)| *token)
        {
            tokens.remove(&first);
        }
        tokens.insert(token, until);
    }

    fn shown<B>(&self, request: &Request<B>, now: Timestamp) -> bool {
        let mut values = request.headers().get_all(TOKEN).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(&hashed(value.as_bytes())).is_some_and(|until| !expired(*until, now))
    }
}

/// Credentials as instance metadata tell them.
#[must_use]
pub fn told(given: &Given) -> serde_json::Value {
    json!({
        "Code": "Success",
        "LastUpdated": given.keys.begun.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "Type": "AWS-HMAC",
        "AccessKeyId": given.keys.access_key_id,
        "SecretAccessKey": given.keys.secret.expose(),
        "Token": given.keys.token.expose(),
        "Expiration": expiration(given),
    })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    /// What a request is answered; credentials as `None`.
    fn ask(imds: &Imds, method: &str, path: &str, headers: &[(&str, &str)], now: Timestamp) -> Option<(u16, String)> {
        let request = Request::builder().method(method).uri(path);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let mut rng = StdRng::seed_from_u64(now.as_second().unsigned_abs());
        match imds.asked(&request.body(()).unwrap(), "Deploy", now, &mut rng) {
            Asked::Credentials => None,
            Asked::Answer(answer) => Some((answer.status.as_u16(), answer.body.to_string())),
        }
    }

    fn token(imds: &Imds, seconds: &str, now: Timestamp) -> String {
        let (status, token) = ask(imds, "PUT", TOKEN_PATH, &[(TTL, seconds)], now).unwrap();
        assert_eq!((status, token.len()), (200, 43));
        token
    }

    #[test]
    fn a_token_is_good_for_as_long_as_it_was_asked_for() {
        let imds = Imds::default();
        let token = token(&imds, "60", at(0));
        let roles = |now| ask(&imds, "GET", "/latest/meta-data/iam/security-credentials/", &[(TOKEN, &token)], now);
        assert_eq!(roles(at(59)), Some((200, "Deploy".to_owned())));
        assert_eq!(roles(at(60)).unwrap().0, 401);
        let shown = [(TOKEN, token.as_str())];
        assert_eq!(ask(&imds, "GET", "/latest/meta-data/iam/security-credentials/Deploy", &shown, at(1)), None);
        for (path, status) in [
            ("/latest/meta-data/iam/security-credentials/Other", 404),
            ("/latest/meta-data/iam/security-credentials/Deploy/", 404),
            ("/latest/meta-data/iam/security-credentials/?x", 404),
            ("/latest/meta-data/", 404),
        ] {
            assert_eq!(ask(&imds, "GET", path, &shown, at(1)).unwrap().0, status, "{path}");
        }
        assert_eq!(ask(&imds, "POST", "/latest/meta-data/", &shown, at(1)).unwrap().0, 405);
    }

    #[test]
    fn nothing_leads_a_client_back_to_version_1() {
        let imds = Imds::default();
        for headers in [
            &[][..],
            &[(TTL, "")],
            &[(TTL, "0")],
            &[(TTL, "21601")],
            &[(TTL, "+60")],
            &[(TTL, "60s")],
            &[(TTL, "99999999999")],
            &[(TTL, "60"), (TTL, "60")],
        ] {
            assert_eq!(ask(&imds, "PUT", TOKEN_PATH, headers, at(0)).unwrap().0, 400, "{headers:?}");
        }
        for path in ["/latest/api/token/", "/latest/meta-data/", "/x"] {
            assert_eq!(ask(&imds, "PUT", path, &[(TTL, "60")], at(0)).unwrap().0, 400, "{path}");
        }
        for path in
            ["/latest/meta-data/iam/security-credentials/", "/latest/meta-data/iam/security-credentials/Deploy", "/x"]
        {
            for headers in [&[][..], &[(TOKEN, "")], &[(TOKEN, "guess")]] {
                assert_eq!(ask(&imds, "GET", path, headers, at(0)).unwrap().0, 401, "{path}");
            }
        }
    }

    #[test]
    fn what_ends_first_makes_room() {
        let imds = Imds::default();
        let first = token(&imds, "60", at(0));
        for number in 1..=u32::try_from(MOST).unwrap() {
            imds.keep(hashed(&number.to_be_bytes()), 21_600, at(0));
        }
        assert_eq!(imds.tokens.lock().unwrap().len(), MOST);
        let roles = "/latest/meta-data/iam/security-credentials/";
        assert_eq!(ask(&imds, "GET", roles, &[(TOKEN, &first)], at(1)).unwrap().0, 401);
    }
}
