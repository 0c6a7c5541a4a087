//! What a machine that was made here is known by to those who vouch for it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Issuer;
use crate::base::text::printable;

/// A name by which an authority of certificates, or an issuer of tokens, knows a machine. What another one calls so is
/// somebody else: which of them is believed is configured, and of tokens it is part of the name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum MachineIdentity {
    /// The one DNS name of its certificate (RFC 5280, section 4.2.1.6, dNSName), in lower case.
    Dns(String),
    /// The one URI of its certificate (uniformResourceIdentifier), such as `spiffe://example.org/web`, letter by letter.
    Uri(String),
    /// The subject of its token, letter by letter, to this issuer.
    Token {
        /// Who makes the token.
        issuer: Issuer,
        /// Its `sub`.
        subject: String,
    },
}

/// Text that names no machine to anybody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not what a machine is known by: {why}")]
pub struct MachineIdentityError {
    text: String,
    why: &'static str,
}

/// Longest DNS name (RFC 1035, section 2.3.4), without the dot at its end.
const LONGEST_DNS: usize = 253;
/// Longest label of one.
const LONGEST_LABEL: usize = 63;
/// Longest URI: that of a SPIFFE id (SPIFFE-ID, section 2.3).
const LONGEST_URI: usize = 2_048;
/// Longest subject of a token (OpenID Connect Core 1.0, section 2).
const LONGEST_SUBJECT: usize = 255;

const FORMS: &str = "write dns:NAME, uri:SCHEME://.. or token:https://ISSUER#SUBJECT";

impl MachineIdentity {
    /// A DNS name. A wildcard names many machines, so it is none.
    ///
    /// # Errors
    /// When it is no host's name.
    pub fn dns(name: &str) -> Result<Self, MachineIdentityError> {
        let label = |label: &str| {
            let inner = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
            (1..=LONGEST_LABEL).contains(&label.len()) && inner && !label.starts_with('-') && !label.ends_with('-')
        };
        if name.len() > LONGEST_DNS || !name.split('.').all(label) {
            return Err(wrong(name, "it is not the DNS name of one host"));
        }
        Ok(Self::Dns(name.to_ascii_lowercase()))
    }

    /// A URI.
    ///
    /// # Errors
    /// When it has no scheme, or is no visible ASCII.
    pub fn uri(uri: &str) -> Result<Self, MachineIdentityError> {
        let scheme = uri.split_once("://").is_some_and(|(scheme, rest)| {
            !rest.is_empty()
                && !scheme.is_empty()
                && scheme.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        });
        if !scheme || uri.len() > LONGEST_URI || !uri.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(wrong(uri, "it is no URI, such as spiffe://example.org/web"));
        }
        Ok(Self::Uri(uri.to_owned()))
    }

    /// A subject, to an issuer.
    ///
    /// # Errors
    /// When it is empty, too long, or cannot be seen.
    pub fn token(issuer: Issuer, subject: &str) -> Result<Self, MachineIdentityError> {
        let length = 1..=LONGEST_SUBJECT;
        if !length.contains(&subject.chars().count()) || !subject.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(wrong(subject, "a subject has 1 to 255 visible ASCII characters"));
        }
        Ok(Self::Token { issuer, subject: subject.to_owned() })
    }
}

fn wrong(text: &str, why: &'static str) -> MachineIdentityError {
    MachineIdentityError { text: printable(text).into_owned(), why }
}

impl fmt::Display for MachineIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "dns:{name}"),
            Self::Uri(uri) => write!(f, "uri:{uri}"),
            Self::Token { issuer, subject } => write!(f, "token:{}#{subject}", issuer.url()),
        }
    }
}

impl FromStr for MachineIdentity {
    type Err = MachineIdentityError;

    fn from_str(text: &str) -> Result<Self, MachineIdentityError> {
        match text.split_once(':') {
            Some(("dns", name)) => Self::dns(name),
            Some(("uri", uri)) => Self::uri(uri),
            Some(("token", token)) => {
                // An issuer's address has no fragment (OpenID Connect Core 1.0, section 2, `iss`).
                let (issuer, subject) = token.split_once('#').ok_or_else(|| wrong(text, FORMS))?;
                let issuer = issuer.parse().map_err(|_| wrong(text, "its issuer is no https:// address"))?;
                Self::token(issuer, subject)
            }
            _ => Err(wrong(text, FORMS)),
        }
    }
}

impl TryFrom<String> for MachineIdentity {
    type Error = MachineIdentityError;

    fn try_from(text: String) -> Result<Self, MachineIdentityError> {
        text.parse()
    }
}

impl From<MachineIdentity> for String {
    fn from(identity: MachineIdentity) -> Self {
        identity.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_the_same() {
        for text in [
            "dns:scanner.dmz.example.com",
            "dns:web_1",
            "uri:spiffe://example.org/ns/web/sa/Front",
            "token:https://oidc.example.com/prod#system:serviceaccount:web:front",
            "token:https://spire.example.org#spiffe://example.org/web#1",
        ] {
            assert_eq!(text.parse::<MachineIdentity>().unwrap().to_string(), text);
        }
        assert_eq!("dns:WEB.Example.com".parse::<MachineIdentity>().unwrap().to_string(), "dns:web.example.com");
    }

    #[test]
    fn what_could_be_several_machines_or_none_is_refused() {
        for text in [
            "",
            "web",
            "dns:",
            "dns:*.example.com",
            "dns:a..b",
            "dns:a.example.com.",
            "dns:-a.example.com",
            "dns:\u{e4}.example.com",
            "uri:web",
            "uri:spiffe://",
            "uri:SPIFFE://example.org/web",
            "uri:spiffe://example.org/a b",
            "token:https://oidc.example.com",
            "token:https://oidc.example.com#",
            "token:http://oidc.example.com#web",
            "token:https://oidc.example.com#a b",
            "cn:web",
        ] {
            assert!(text.parse::<MachineIdentity>().is_err(), "{text}");
        }
    }
}
