//! Signs requests as an AWS client does, for tests that need a caller more than a client.

use aws_lc_rs::{digest, hmac};
use bailey::base::Timestamp;
use bailey::cli::client::Client;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

/// An access key, of a session with its token.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
}

impl Credentials {
    /// An access key of a new local user, on whom an inline policy of these statements hangs, if there are any.
    pub(crate) async fn of_new_user(client: &Client, name: &str, statements: Value) -> Self {
        let _: Value = client.post("/v1/users", &json!({ "name": name })).await.unwrap();
        if statements.as_array().is_none_or(|statements| !statements.is_empty()) {
            let path = format!("/v1/users/{name}/inline/own");
            let _: Value = client.put(&path, &json!({ "document": { "Statement": statements } })).await.unwrap();
        }
        let made = client.post(&format!("/v1/users/{name}/access-keys"), &json!({})).await.unwrap();
        Self::told(&made)
    }

    /// What was told of a new access key.
    pub(crate) fn told(made: &Value) -> Self {
        let text = |member: &str| made[member].as_str().unwrap().to_owned();
        Self { id: text("id"), secret: text("secret"), token: None }
    }

    /// The headers of `POST /` with this form as its body, signed at `now`.
    pub(crate) fn sign(&self, host: &str, service: &str, body: &str, now: Timestamp) -> Vec<(String, String)> {
        self.sign_path("/", host, service, body, now)
    }

    /// The headers of a POST to `path`.
    pub(crate) fn sign_path(
        &self,
        path: &str,
        host: &str,
        service: &str,
        body: &str,
        now: Timestamp,
    ) -> Vec<(String, String)> {
        let headers = [("host", host), ("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        self.sign_request(("POST", path), &headers, service, &sha256(body.as_bytes()), now)
    }

    /// The headers of a request of this method and target, whose body has this hash. These are signed, and the date.
    pub(crate) fn sign_request(
        &self,
        (method, target): (&str, &str),
        headers: &[(&str, &str)],
        service: &str,
        body_hash: &str,
        now: Timestamp,
    ) -> Vec<(String, String)> {
        let stamp = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = &stamp[..8];
        let mut headers: Vec<(&str, &str)> = [headers, &[("x-amz-date", &stamp)]].concat();
        headers.extend(self.token.as_deref().map(|token| ("x-amz-security-token", token)));
        headers.sort_unstable();
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let signed = names.join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = canonical(path);
        let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{signed}\n{body_hash}");
        let scope = format!("{day}/us-east-1/{service}/aws4_request");
        let to_sign = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", sha256(canonical.as_bytes()));
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [day, "us-east-1", service, "aws4_request"] {
            key = mac(&key, part.as_bytes());
        }
        let signature = hex::encode(mac(&key, to_sign.as_bytes()));
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}", self.id);
        headers.push(("authorization", &authorization));
        headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

/// The path as it is signed: without `.`, `..` and doubled slashes, and every segment encoded again.
fn canonical(path: &str) -> String {
    const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    let mut segments: Vec<String> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(utf8_percent_encode(segment, &UNRESERVED).to_string()),
        }
    }
    let end = if path.ends_with('/') && !segments.is_empty() { "/" } else { "" };
    format!("/{}{end}", segments.join("/"))
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}
