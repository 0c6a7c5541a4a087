//! An issuer of tokens: its keys, its documents, what it signs, and what others forge in its name.

use std::io::Write as _;
use std::process::{Command, Stdio};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use bailey::base::{Secret, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The issuer of tests.
pub(crate) const HOST: &str = "oidc.example.com";
pub(crate) const URL: &str = "https://oidc.example.com/prod";
pub(crate) const CLIENT: &str = "sts.example.com";

/// A key of P-256.
pub(crate) struct Signer {
    pub(crate) kid: String,
    pair: EcdsaKeyPair,
}

impl Signer {
    pub(crate) fn new(kid: &str) -> Self {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).unwrap();
        Self { kid: kid.to_owned(), pair }
    }

    pub(crate) fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": "ES256", "kid": self.kid})
    }

    /// A token with this header and these claims, byte for byte.
    pub(crate) fn sign_bytes(&self, header: &[u8], claims: &[u8]) -> Secret<String> {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> Secret<String> {
        self.sign_bytes(header.to_string().as_bytes(), claims.to_string().as_bytes())
    }

    pub(crate) fn header(&self) -> Value {
        json!({"alg": "ES256", "typ": "JWT", "kid": self.kid})
    }

    /// A token that counts at `now`.
    pub(crate) fn token(&self, now: Timestamp) -> Secret<String> {
        self.sign(&self.header(), &claims(now))
    }
}

/// What a token that counts at `now` says.
pub(crate) fn claims(now: Timestamp) -> Value {
    let at = now.as_second();
    json!({"iss": URL, "aud": CLIENT, "sub": "system:serviceaccount:shop:web", "iat": at, "nbf": at, "exp": at + 600, "jti": "t-1"})
}

/// `base` with these members set; `null` takes one away.
pub(crate) fn with(mut base: Value, members: Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        match value {
            Value::Null => base.as_object_mut().unwrap().remove(name),
            value => base.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    base
}

pub(crate) fn key_set(signers: &[&Signer]) -> Value {
    json!({"keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>()})
}

pub(crate) fn discovery() -> Value {
    json!({"issuer": URL, "jwks_uri": format!("https://{HOST}/keys")})
}

/// What PyJWT makes of `claims`: an answer of `{"keys": [..], "tokens": {ALG: TOKEN}, "forged": {WHAT: TOKEN}}`.
pub(crate) fn py_jwt(claims: &Value) -> Value {
    let mut python = Command::new("/usr/bin/python3")
        .args(["-c", include_str!("issuer.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(claims.to_string().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "this test needs PyJWT and cryptography for /usr/bin/python3: apt-get install python3-jwt python3-cryptography"
    );
    serde_json::from_slice(&output.stdout).unwrap()
}
