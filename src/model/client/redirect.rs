//! Where people are sent back to, and why nowhere else (RFC 9700, section 2.1).
//!
//! What is registered is compared as it stands: no pattern, no normal form, nothing that two parsers could read in two ways.
//! Keycloak, zitadel and OpenAM each lost that by a wildcard, by user-info or by `%25@` (RFC 9700, section 4.1.3). The one exception is the
//! port of a loopback address, which a program on somebody's device cannot know beforehand (RFC 8252, section 7.3).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::base::text::printable;

/// Longest address.
const LONGEST: usize = 2_048;

/// Loopback addresses whose port is free. `localhost` is none: what it means is for a resolver to say (RFC 8252, section 8.3).
const LOOPBACK: [&str; 2] = ["http://127.0.0.1", "http://[::1]"];

/// An address that is registered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RedirectUri(String);

/// Text that is no address where people can be sent to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` cannot be registered: {why}")]
pub struct RedirectError {
    /// What was said.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl RedirectUri {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme, host and port, as browsers say where a page is from.
    #[must_use]
    pub fn origin(&self) -> &str {
        let behind = self.0.find("://").map_or(0, |at| at.saturating_add(3));
        let host = self.0.get(behind..).unwrap_or_default();
        let end = behind.saturating_add(host.find(['/', '?']).unwrap_or(host.len()));
        self.0.get(..end).unwrap_or_default()
    }

    /// Whether `asked` is it, byte by byte; of a loopback address whatever its port.
    #[must_use]
    pub fn admits(&self, asked: &str) -> bool {
        if self.0 == asked {
            return true;
        }
        LOOPBACK.iter().any(|host| match (self.0.strip_prefix(host), asked.strip_prefix(host)) {
            (Some(own), Some(asked)) => {
                without_port(own).is_some_and(|own| without_port(asked).is_some_and(|asked| asked == own))
            }
            _ => false,
        })
    }
}

/// What stands behind the port, if there is one: `None` of what is no port.
fn without_port(rest: &str) -> Option<&str> {
    let Some(behind) = rest.strip_prefix(':') else {
        return (rest.is_empty() || rest.starts_with(['/', '?'])).then_some(rest);
    };
    let (port, rest) = behind.split_at(behind.find(['/', '?']).unwrap_or(behind.len()));
    let plain = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
    (plain && port.parse::<u16>().is_ok()).then_some(rest)
}

impl FromStr for RedirectUri {
    type Err = RedirectError;

    fn from_str(text: &str) -> Result<Self, RedirectError> {
        let fault = |why| RedirectError { text: printable(text).into_owned(), why };
        if text.len() > LONGEST {
            return Err(fault("it has more than 2048 bytes"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(fault("it has blanks, control characters or letters beyond ASCII; write them as %XX"));
        }
        if text.contains(['\\', '*', '#']) {
            return Err(fault("it has `\\`, `*` or `#`: there are no wildcards and no fragments"));
        }
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let rest = rest.ok_or_else(|| fault("it must begin with `https://`, in small letters"))?;
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.contains('@') || authority.contains('%') {
            return Err(fault("it names a user: some programs take the host to be what stands before the `@`"));
        }
        let url = Url::parse(text).map_err(|_| fault("it is no address"))?;
        // What a parser puts right is refused: dots in the path, capitals in the host, a port that is the usual one.
        let plain = url.as_str() == text || url.as_str().strip_suffix('/') == Some(text) && url.path() == "/";
        if !plain {
            return Err(fault("write it in its plain form, as a browser shows it"));
        }
        if url.scheme() == "http" && !is_loopback(authority) {
            return Err(fault("`http://` is for this machine alone: 127.0.0.1, [::1] or localhost"));
        }
        Ok(Self(text.to_owned()))
    }
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    matches!(host, "127.0.0.1" | "[::1]" | "localhost")
}

impl TryFrom<String> for RedirectUri {
    type Error = RedirectError;

    fn try_from(text: String) -> Result<Self, RedirectError> {
        text.parse()
    }
}

impl From<RedirectUri> for String {
    fn from(uri: RedirectUri) -> Self {
        uri.0
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
