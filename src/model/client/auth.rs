//! How a client shows who it is (OpenID Connect Core 1.0, section 9).

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::ClientError;
use crate::base::clock::expired;
use crate::base::{Secret, Timestamp};

/// The methods, by the names they have in discovery documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// A secret in the header `Authorization` (RFC 6749, section 2.3.1).
    ClientSecretBasic,
    /// A secret in the form.
    ClientSecretPost,
    /// A token signed by a key of the client (RFC 7523, section 2.2).
    PrivateKeyJwt,
    /// Nothing: it cannot keep a secret.
    None,
}

/// A method, and what is needed to check what comes by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum ClientAuth {
    /// See [`AuthMethod::ClientSecretBasic`].
    ClientSecretBasic {
        /// Of the secret.
        secret: SecretHash,
    },
    /// See [`AuthMethod::ClientSecretPost`].
    ClientSecretPost {
        /// Of the secret.
        secret: SecretHash,
    },
    /// See [`AuthMethod::PrivateKeyJwt`].
    PrivateKeyJwt {
        /// The client's public keys (RFC 7517, section 5), as text.
        jwks: String,
    },
    /// See [`AuthMethod::None`].
    None,
}

/// SHA-256 of a secret of 256 random bits: nobody finds one for it, so that a slow hash would add nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretHash([u8; 32]);

/// A secret that was exchanged, and counts beside the new one until then: so long a client has to take the new one up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldSecret {
    /// Of the secret.
    pub secret: SecretHash,
    /// It counts until then.
    pub until: Timestamp,
}

impl AuthMethod {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ClientSecretBasic, Self::ClientSecretPost, Self::PrivateKeyJwt, Self::None];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::None => "none",
        }
    }

    /// The method of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    /// Whether it is by a secret that both sides know.
    #[must_use]
    pub const fn is_by_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost)
    }
}

impl ClientAuth {
    /// Which method it is.
    #[must_use]
    pub const fn method(&self) -> AuthMethod {
        match self {
            Self::ClientSecretBasic { .. } => AuthMethod::ClientSecretBasic,
            Self::ClientSecretPost { .. } => AuthMethod::ClientSecretPost,
            Self::PrivateKeyJwt { .. } => AuthMethod::PrivateKeyJwt,
            Self::None => AuthMethod::None,
        }
    }

    /// The method `method` with what it needs.
    ///
    /// # Errors
    /// When there is too little, or something that it has no use for.
    pub fn new(method: AuthMethod, secret: Option<SecretHash>, jwks: Option<String>) -> Result<Self, ClientError> {
        match (method, secret, jwks) {
            (AuthMethod::ClientSecretBasic, Some(secret), None) => Ok(Self::ClientSecretBasic { secret }),
            (AuthMethod::ClientSecretPost, Some(secret), None) => Ok(Self::ClientSecretPost { secret }),
            (AuthMethod::PrivateKeyJwt, None, Some(jwks)) => Ok(Self::PrivateKeyJwt { jwks }),
            (AuthMethod::None, None, None) => Ok(Self::None),
            (method, ..) => {
                let remedy = "the methods by secret have a secret, `private_key_jwt` has keys, `none` has neither";
                Err(ClientError::contradiction(format!("`{}` goes with other settings", method.name()), remedy))
            }
        }
    }

    /// The hash of its secret, of the methods by one.
    #[must_use]
    pub const fn secret(&self) -> Option<&SecretHash> {
        match self {
            Self::ClientSecretBasic { secret } | Self::ClientSecretPost { secret } => Some(secret),
            Self::PrivateKeyJwt { .. } | Self::None => None,
        }
    }

    /// The same method with another secret; `None` of methods that have none.
    #[must_use]
    pub fn with_secret(&self, secret: SecretHash) -> Option<Self> {
        match self {
            Self::ClientSecretBasic { .. } => Some(Self::ClientSecretBasic { secret }),
            Self::ClientSecretPost { .. } => Some(Self::ClientSecretPost { secret }),
            Self::PrivateKeyJwt { .. } | Self::None => None,
        }
    }
}

impl OldSecret {
    /// Whether `shown` is it, and it counts at `now`.
    #[must_use]
    pub fn admits(&self, shown: &Secret<String>, now: Timestamp) -> bool {
        self.secret.is_of(shown) && !expired(self.until, now)
    }
}

impl SecretHash {
    /// Of this secret.
    #[must_use]
    pub fn of(secret: &Secret<String>) -> Self {
        Self(Sha256::digest(secret.expose().as_bytes()).into())
    }

    /// Whether it is of `shown`. It takes as long for every secret: hashes are compared, and all of their bytes.
    #[must_use]
    pub fn is_of(&self, shown: &Secret<String>) -> bool {
        let shown = Self::of(shown);
        let differs = self.0.iter().zip(&shown.0).fold(0, |differs, (a, b)| std::hint::black_box(differs | (a ^ b)));
        differs == 0
    }
}

impl TryFrom<String> for SecretHash {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, hex::FromHexError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}

impl From<SecretHash> for String {
    fn from(hash: SecretHash) -> Self {
        hex::encode(hash.0)
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(..)")
    }
}
