//! Who somebody is to an outside provider, of OpenID Connect or SAML: an issuer and a subject, which together name one person for good.
//!
//! Nothing else that the provider says of them is a key: an address of mail is given to the next, or said by whoever likes (OpenID Connect Core 1.0, section 5.7: `iss` and `sub` alone).

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Issuer, OidcProviderError};
use crate::base::{SamlProviderId, Timestamp, UserId};

/// That whoever a provider vouches for is somebody here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideIdentity {
    /// Who they are here.
    pub person: UserId,
    /// Who vouches.
    pub issuer: OutsideIssuer,
    /// Who they are to it (`sub`, or a persistent NameID), letter by letter.
    pub subject: String,
    /// Since when that is known here.
    pub since: Timestamp,
    /// What the SAML provider is called in the configuration that vouched when they were linked: of two that call themselves the same,
    /// each by metadata of its own, the other's word is not believed. `None` of OpenID Connect, where an issuer is found by its address,
    /// and of who was linked by an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

/// An outside provider that vouches for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum OutsideIssuer {
    /// An issuer of OpenID Connect.
    Oidc(Issuer),
    /// A SAML provider, by its `entityID`. It may be an address that an issuer has, too, and names of one are none of the other.
    Saml(String),
}

/// The word of an outside provider, by which somebody signed in in place of a password. Their session ends with what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideWord {
    /// What the provider is called in the configuration.
    pub provider: String,
    /// Who it said that it is.
    pub issuer: OutsideIssuer,
    /// The SAML provider of the account that it was, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registered: Option<SamlProviderId>,
    /// SHA-256, in hex, of the certificate by whose key it signed. `None` of OpenID Connect, whose keys turn by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// Who it said they are. `None` of sessions of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When they signed in there; when they came back from there, if it does not say.
    pub authenticated: Timestamp,
    /// When it wants the session to be over, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Timestamp>,
}

impl OutsideWord {
    /// Which provider of the configuration somebody is linked through who is linked by this.
    #[must_use]
    pub fn links(&self) -> Option<String> {
        matches!(self.issuer, OutsideIssuer::Saml(_)).then(|| self.provider.clone())
    }
}

/// What stands before an `entityID`: no host has a colon, so no issuer begins so.
const SAML: &str = "saml:";

impl OutsideIssuer {
    /// The text it is kept by.
    fn kept(&self) -> String {
        match self {
            Self::Oidc(issuer) => issuer.as_str().to_owned(),
            Self::Saml(entity_id) => format!("{SAML}{entity_id}"),
        }
    }
}

impl fmt::Display for OutsideIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Oidc(issuer) => f.write_str(&issuer.url()),
            Self::Saml(entity_id) => f.write_str(entity_id),
        }
    }
}

impl TryFrom<String> for OutsideIssuer {
    type Error = OidcProviderError;

    fn try_from(text: String) -> Result<Self, OidcProviderError> {
        match text.strip_prefix(SAML) {
            Some(entity_id) => Ok(Self::Saml(entity_id.to_owned())),
            None => Issuer::try_from(text).map(Self::Oidc),
        }
    }
}

impl From<OutsideIssuer> for String {
    fn from(issuer: OutsideIssuer) -> Self {
        issuer.kept()
    }
}

impl OutsideIdentity {
    /// A digest of whom it is about: what it lies under.
    #[must_use]
    pub fn digest(issuer: &OutsideIssuer, subject: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        // An issuer has no NUL, so no two pairs read alike.
        hash.update(issuer.kept());
        hash.update([0]);
        hash.update(subject);
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_pairs_are_one() {
        let digest = |issuer: &str, subject: &str| {
            let issuer = OutsideIssuer::try_from(issuer.to_owned()).unwrap();
            let kept: String = issuer.clone().into();
            assert_eq!(OutsideIssuer::try_from(kept).unwrap(), issuer);
            OutsideIdentity::digest(&issuer, subject)
        };
        let one = digest("https://login.kessel.example", "eve");
        for (issuer, subject) in [
            ("https://login.kessel.example", "Eve"),
            ("https://login.kessel.example/", "eve"),
            ("https://login.kessel.example/e", "ve"),
            ("https://login.lund.example", "eve"),
            ("saml:https://login.kessel.example", "eve"),
            ("saml:login.kessel.example", "eve"),
        ] {
            assert_ne!(digest(issuer, subject), one, "{issuer} {subject}");
        }
    }
}
