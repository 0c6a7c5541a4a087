//! Signs requests as an AWS client does, for tests that need a caller more than a client.

use aws_lc_rs::{digest, hmac};
use bailey::base::Timestamp;

/// An access key.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl Credentials {
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
        let stamp = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = &stamp[..8];
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        let signed = "content-type;host;x-amz-date";
        let canonical = format!(
            "POST\n{path}\n\ncontent-type:{form}\nhost:{host}\nx-amz-date:{stamp}\n\n{signed}\n{}",
            sha256(body.as_bytes())
        );
        let scope = format!("{day}/us-east-1/{service}/aws4_request");
        let to_sign = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", sha256(canonical.as_bytes()));
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [day, "us-east-1", service, "aws4_request"] {
            key = mac(&key, part.as_bytes());
        }
        let signature = hex::encode(mac(&key, to_sign.as_bytes()));
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}", self.id);
        [
            ("content-type", form.to_owned()),
            ("host", host.to_owned()),
            ("x-amz-date", stamp),
            ("authorization", authorization),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}
