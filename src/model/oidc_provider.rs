//! An OpenID Connect provider: an issuer of tokens whose word about somebody a role can trust.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

use super::{AccountId, Arn, Tags};
use crate::base::text::{hidden, printable};
use crate::base::{OidcProviderId, Timestamp};

/// Most client ids of a provider (IAM API reference, `CreateOpenIDConnectProvider`).
pub const MOST_CLIENTS: usize = 100;

/// Most thumbprints of a provider (IAM API reference, `CreateOpenIDConnectProvider`).
pub const MOST_THUMBPRINTS: usize = 5;

/// Most providers of an account (IAM User Guide, "IAM and STS quotas").
pub const MOST: usize = 100;

/// Longest URL and longest client id (IAM API reference, `OpenIDConnectProviderUrlType` and `clientIDType`).
const LONGEST: usize = 255;

/// A provider, as it is described here. How a token of it is verified is the business of `authn`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OidcProvider {
    /// Stays the same.
    pub id: OidcProviderId,
    /// The account it belongs to.
    pub account: AccountId,
    /// Who it is, unique in its account.
    pub issuer: Issuer,
    /// The audiences whose tokens count.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub clients: BTreeSet<ClientId>,
    /// SHA-1 of certificates of its server, the way AWS has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thumbprints: Vec<Thumbprint>,
    /// When it was made.
    pub created: Timestamp,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

impl OidcProvider {
    /// Its name in policies and SDKs.
    #[must_use]
    pub fn arn(&self) -> Arn {
        Arn::oidc_provider(&self.account, &self.issuer)
    }
}

/// An `https` address without its scheme, as ARNs and condition keys name an issuer: `login.example/realm`.
///
/// The host is in small letters. The path stays as it is written, a slash at its end included: issuers are compared
/// letter by letter (OpenID Connect Core 1.0, section 3.1.3.7).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Issuer(String);

/// A client id, also called an audience. There is no form for them (IAM API reference, `clientIDType`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(String);

/// Forty hexadecimal digits, in small letters (IAM API reference, `thumbprintType`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Thumbprint(String);

/// What a part of a provider cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OidcProviderError {
    /// Its address.
    #[error("`{text}` is no address of an issuer: {why}")]
    Issuer {
        /// What was said.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A client id.
    #[error("`{0}` is no client id: use 1 to {LONGEST} characters that can be seen")]
    Client(String),
    /// A thumbprint.
    #[error("`{0}` is no thumbprint: expected the SHA-1 of a certificate, 40 hexadecimal digits")]
    Thumbprint(String),
}

impl FromStr for Issuer {
    type Err = OidcProviderError;

    /// Reads the whole address, `https://` included.
    fn from_str(text: &str) -> Result<Self, OidcProviderError> {
        let fault = |why| OidcProviderError::Issuer { text: printable(text).into_owned(), why };
        if text.len() > LONGEST {
            return Err(fault("255 characters are allowed"));
        }
        let rest = text.strip_prefix("https://").ok_or_else(|| fault("it must begin with `https://`"))?;
        let url = Url::parse(text).map_err(|_| fault("it cannot be read"))?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(fault("it has no query and no fragment"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(fault("it names nobody"));
        }
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        // A colon in an ARN or in the name of a condition key would end one part and begin another.
        if host.contains(':') {
            return Err(fault("it has no port, as in AWS: publish the issuer at port 443"));
        }
        // What the parser would put right is refused: two spellings must not be two issuers.
        let spelt = url.host_str().is_some_and(|read| read.eq_ignore_ascii_case(host))
            && (url.path() == path || path.is_empty() && url.path() == "/");
        // A wildcard in an ARN would mean more than one issuer to whoever writes it into a policy.
        let named = host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        let plain = path.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'*' | b'?' | b'$' | b'"' | b'\\'));
        if !spelt || !named || !plain {
            return Err(fault("write host and path in their plain form, without wildcards"));
        }
        Ok(Self(format!("{}{path}", host.to_ascii_lowercase())))
    }
}

impl Issuer {
    /// The text in ARNs and condition keys.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The whole address: what a token says in `iss`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.0)
    }

    /// What must be unique in an account: no two issuers differ by case alone.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl ClientId {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientId {
    type Err = OidcProviderError;

    fn from_str(text: &str) -> Result<Self, OidcProviderError> {
        if (1..=LONGEST).contains(&text.chars().count()) && !text.chars().any(hidden) {
            return Ok(Self(text.to_owned()));
        }
        Err(OidcProviderError::Client(printable(text).into_owned()))
    }
}

impl FromStr for Thumbprint {
    type Err = OidcProviderError;

    fn from_str(text: &str) -> Result<Self, OidcProviderError> {
        if text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        Err(OidcProviderError::Thumbprint(printable(text).into_owned()))
    }
}

impl TryFrom<String> for Issuer {
    type Error = OidcProviderError;

    fn try_from(text: String) -> Result<Self, OidcProviderError> {
        // Stored without the scheme, sent with it.
        let whole = if text.starts_with("https://") { text } else { format!("https://{text}") };
        whole.parse()
    }
}

impl TryFrom<String> for ClientId {
    type Error = OidcProviderError;

    fn try_from(text: String) -> Result<Self, OidcProviderError> {
        text.parse()
    }
}

impl TryFrom<String> for Thumbprint {
    type Error = OidcProviderError;

    fn try_from(text: String) -> Result<Self, OidcProviderError> {
        text.parse()
    }
}

impl From<Issuer> for String {
    fn from(issuer: Issuer) -> Self {
        issuer.0
    }
}

impl From<ClientId> for String {
    fn from(client: ClientId) -> Self {
        client.0
    }
}

impl From<Thumbprint> for String {
    fn from(thumbprint: Thumbprint) -> Self {
        thumbprint.0
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_issuer_is_an_https_address_in_its_plain_form() {
        for (text, issuer) in [
            ("https://login.example", "login.example"),
            ("https://Login.Example/", "login.example/"),
            ("https://login.example/Realm/a", "login.example/Realm/a"),
            ("https://10.0.0.1/x", "10.0.0.1/x"),
        ] {
            let read: Issuer = text.parse().unwrap();
            assert_eq!(read.as_str(), issuer);
            assert_eq!(serde_json::from_str::<Issuer>(&serde_json::to_string(&read).unwrap()).unwrap(), read);
        }
        for bad in [
            "",
            "http://login.example",
            "https://",
            "https://login.example:8443",
            "https://ann@login.example",
            "https://login.example?x=1",
            "https://login.example/a#b",
            "https://login.example/../a",
            "https://login.example/*",
            "https://login.example/a b",
            "https://login.example/\u{e9}",
            "https:///x",
            "https://*.example",
            "https://${aws:username}/",
            &format!("https://login.example/{}", "x".repeat(240)),
        ] {
            assert!(bad.parse::<Issuer>().is_err(), "{bad}");
        }
    }

    #[test]
    fn client_ids_and_thumbprints_have_their_limits() {
        assert!("x".repeat(255).parse::<ClientId>().is_ok());
        assert!(["", "a\nb", &"x".repeat(256)].iter().all(|bad| bad.parse::<ClientId>().is_err()));
        assert_eq!("AB".repeat(20).parse::<Thumbprint>().unwrap().to_string(), "ab".repeat(20));
        assert!(["", "ab", &"g".repeat(40), &"a".repeat(41)].iter().all(|bad| bad.parse::<Thumbprint>().is_err()));
    }

    proptest! {
        #[test]
        fn what_is_an_issuer_has_one_spelling(text in "https://[a-zA-Z0-9./:?#@*%_-]{0,30}") {
            if let Ok(issuer) = text.parse::<Issuer>() {
                prop_assert_eq!(&issuer.url().parse::<Issuer>().unwrap(), &issuer);
                prop_assert!(!issuer.as_str().contains(['*', '?', '#']));
            }
        }
    }
}
