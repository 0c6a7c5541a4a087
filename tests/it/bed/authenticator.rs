//! A passkey or security key as a program: makes a key pair for a page and signs for it (W3C Web Authentication, level 2).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Flags of what an authenticator says (level 2, section 6.1).
const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const CAN_SYNC: u8 = 0x08;
const SYNCED: u8 = 0x10;
const HAS_KEY: u8 = 0x40;

/// An authenticator with one credential.
#[derive(Clone)]
pub(crate) struct Authenticator {
    pkcs8: Vec<u8>,
    id: Vec<u8>,
    handle: Vec<u8>,
    /// How often it signed; one that is copied between devices stays at 0.
    pub(crate) counter: u32,
    /// Whether it makes sure who holds it.
    pub(crate) verifies: bool,
    pub(crate) synced: bool,
    origin: String,
}

impl Authenticator {
    /// One that has made nothing yet, in a browser at `origin`.
    pub(crate) fn at(origin: &str) -> Self {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap();
        let mut id = vec![0; 32];
        aws_lc_rs::rand::fill(&mut id).unwrap();
        Self {
            pkcs8: pkcs8.as_ref().to_vec(),
            id,
            handle: Vec::new(),
            counter: 0,
            verifies: true,
            synced: false,
            origin: origin.to_owned(),
        }
    }

    /// The same in a browser at another address.
    pub(crate) fn moved(&self, origin: &str) -> Self {
        Self { origin: origin.to_owned(), ..self.clone() }
    }

    /// The same, of another person.
    pub(crate) fn of(&self, handle: &[u8]) -> Self {
        Self { handle: handle.to_vec(), ..self.clone() }
    }

    /// Its credential's id, as options name it.
    pub(crate) fn name(&self) -> String {
        BASE64URL.encode(&self.id)
    }

    /// What a browser answers to `options`: a new credential.
    pub(crate) fn make(&mut self, options: &Value) -> String {
        self.handle = BASE64URL.decode(options["user"]["id"].as_str().unwrap()).unwrap();
        let mut data = self.data(options["rp"]["id"].as_str().unwrap(), HAS_KEY);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        data.extend(self.public_key());
        // {"fmt": "none", "attStmt": {}, "authData": data}
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".to_vec();
        object.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        object.extend(data);
        let client = self.client("webauthn.create", options);
        json!({
            "id": self.name(), "rawId": self.name(), "type": "public-key",
            "response": {
                "clientDataJSON": BASE64URL.encode(client),
                "attestationObject": BASE64URL.encode(object),
                "transports": ["internal", "a-new-one"],
            },
            "extensions": { "credProps": { "rk": true } },
        })
        .to_string()
    }

    /// What a browser answers to `options`: a signature.
    pub(crate) fn sign(&mut self, options: &Value) -> String {
        if !self.synced {
            self.counter += 1;
        }
        let data = self.data(options["rpId"].as_str().unwrap(), 0);
        let client = self.client("webauthn.get", options);
        let signed = [data.as_slice(), Sha256::digest(&client).as_slice()].concat();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &self.pkcs8).unwrap();
        let signature = key.sign(&SystemRandom::new(), &signed).unwrap();
        json!({
            "id": self.name(), "rawId": self.name(), "type": "public-key",
            "response": {
                "clientDataJSON": BASE64URL.encode(client),
                "authenticatorData": BASE64URL.encode(data),
                "signature": BASE64URL.encode(signature.as_ref()),
                "userHandle": BASE64URL.encode(&self.handle),
            },
            "extensions": {},
        })
        .to_string()
    }

    fn data(&self, party: &str, flags: u8) -> Vec<u8> {
        let verified = if self.verifies { VERIFIED } else { 0 };
        let synced = if self.synced { CAN_SYNC | SYNCED } else { 0 };
        let mut data = Sha256::digest(party).to_vec();
        data.push(PRESENT | verified | synced | flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    fn client(&self, kind: &str, options: &Value) -> Vec<u8> {
        let client =
            json!({ "type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": false });
        client.to_string().into_bytes()
    }

    /// {1: 2, 3: -7, -1: 1, -2: x, -3: y}: ES256 (RFC 9053, section 7.1.1).
    fn public_key(&self) -> Vec<u8> {
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &self.pkcs8).unwrap();
        let point = key.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        [b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20".as_slice(), x, b"\x22\x58\x20", y].concat()
    }
}
