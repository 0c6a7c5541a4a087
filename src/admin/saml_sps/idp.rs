//! What an application has to be told of us: most read it in our metadata, and into others it is typed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::SpView;
use crate::admin::{Admin, AdminError};
use crate::authn::saml::Certificate;
use crate::base::Timestamp;
use crate::gate::Authorized;
use crate::keys::{SamlKey, SamlKeyState};

/// Why nobody signs in anywhere by SAML, as long as nothing says by which address applications know us.
pub const OFF: &str =
    "single sign-on is off; set `issuer` of [sso] to the https:// address by which applications know us";

/// Who we are to applications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idp {
    /// What we call ourselves by (`entityID`). It is also where our metadata is.
    pub entity_id: String,
    /// Where browsers are sent to sign in, by HTTP-Redirect or HTTP-POST.
    pub sign_on: String,
    /// Where they are sent to sign out, by either.
    pub sign_out: String,
}

/// A certificate of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdpCertificate {
    /// `current` signs; `next` is published, and will; `retiring` did.
    pub state: IdpKey,
    /// SHA-256 of it, in hexadecimal digits.
    pub sha256: String,
    /// Its last moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// It, as PEM (RFC 7468, section 5.1).
    pub pem: String,
}

/// Who we are to applications, with all of our certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdpView {
    /// Name and addresses.
    #[serde(flatten)]
    pub idp: Idp,
    /// The certificates, the oldest first.
    pub certificates: Vec<IdpCertificate>,
}

/// Where the key of a certificate of ours stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdpKey {
    /// It is published, and does not sign yet.
    Next,
    /// It signs.
    Current,
    /// It signs no more, and is published still.
    Retiring,
}

impl Admin {
    /// Our certificates, the oldest first, for whoever may know of applications.
    ///
    /// # Errors
    /// When there is none yet.
    pub fn idp_certificates(&self, _asked: &Authorized) -> Result<Vec<IdpCertificate>, AdminError> {
        let all: Vec<IdpCertificate> = self.keys.saml_keys(self.now()).into_iter().map(IdpCertificate::from).collect();
        if all.is_empty() {
            return Err(AdminError::NotNow {
                what: "there is no certificate yet: the daemon makes one once it runs with `issuer` of [sso] set"
                    .to_owned(),
                remedy: "start the daemon".to_owned(),
            });
        }
        Ok(all)
    }

    /// Whether another key than the one that signs waits to.
    pub(super) fn next_is_published(&self) -> bool {
        self.keys.saml_keys(self.now()).iter().any(|key| key.state == SamlKeyState::Published)
    }
}

impl From<SamlKey> for IdpCertificate {
    fn from(key: SamlKey) -> Self {
        let state = match key.state {
            SamlKeyState::Published => IdpKey::Next,
            SamlKeyState::Current { .. } => IdpKey::Current,
            SamlKeyState::Retiring { .. } => IdpKey::Retiring,
        };
        let until = Certificate::read(key.certificate.to_vec()).ok().map(|certificate| certificate.until);
        Self { state, sha256: key.fingerprint, until, pem: pem(&key.certificate) }
    }
}

impl SpView {
    /// It with what it has to be told of us; without that nobody signs in to it.
    #[must_use]
    pub fn told(self, us: Option<Idp>) -> Self {
        Self { idp: us.clone(), ..self.answered(us.is_some()) }
    }

    /// It, where single sign-on is on or not.
    #[must_use]
    pub fn answered(mut self, on: bool) -> Self {
        if !on {
            self.unanswered = Some(OFF.to_owned());
        }
        self
    }
}

/// A certificate as PEM: lines of 64 characters (RFC 7468, section 2).
fn pem(certificate: &[u8]) -> String {
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for (at, letter) in STANDARD.encode(certificate).chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem.push_str("\n-----END CERTIFICATE-----\n");
    pem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_as_pem_is_read_again() {
        for length in [1, 47, 48, 49, 96, 1_000] {
            let certificate: Vec<u8> = (0..length).map(|n: usize| u8::try_from(n % 251).unwrap()).collect();
            let text = pem(&certificate);
            let lines: Vec<&str> = text.lines().collect();
            let [first, inside @ .., last] = &lines[..] else { panic!("{text}") };
            assert_eq!((*first, *last), ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"));
            assert!(inside.iter().all(|line| (1..=64).contains(&line.len())), "{text}");
            assert_eq!(STANDARD.decode(inside.concat()).unwrap(), certificate);
        }
    }
}
