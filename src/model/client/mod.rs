//! A client of single sign-on (RFC 6749, section 2): an application that signs people in here, or asks for tokens of its own.
//!
//! Owns what a client is and which settings cannot be ([`Client::check`]). How it shows who it is, and what it is given, is the
//! business of `sso`.

mod auth;
mod lifetimes;
mod redirect;
mod registration;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use auth::{AuthMethod, ClientAuth, OldSecret, SecretHash};
pub use lifetimes::Lifetimes;
pub use redirect::{RedirectError, RedirectUri};
pub use registration::{RegistrationToken, SelfRegistered};
pub use words::{ClaimSource, ClientId, GrantType, IdTokenAlg, Scope, Subjects};

use crate::base::Timestamp;
use crate::base::text::{hidden, printable};

/// Most of anything that a client has a list of.
pub const MOST_OF_EACH: usize = 50;

/// Most clients that are kept in the store.
pub const MOST: usize = 1_000;

/// Longest name and longest audience, in characters.
const LONGEST_NAME: usize = 255;

/// A client, as it is registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Stays the same; what the client calls itself by.
    pub id: ClientId,
    /// What people are shown.
    pub name: String,
    /// How it shows who it is.
    pub auth: ClientAuth,
    /// Where people may be sent back to; nowhere else, letter by letter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redirect_uris: Vec<RedirectUri>,
    /// By which grants it may ask for tokens.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub grants: BTreeSet<GrantType>,
    /// What it may ask for.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub scopes: BTreeSet<Scope>,
    /// Whom access tokens may be for: ids of other clients, or what APIs call themselves. Without any they are for us.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub audiences: BTreeSet<String>,
    /// Names of the groups whose people it may sign in; without any, everybody.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub allowed_groups: BTreeSet<String>,
    /// Claims besides the standard ones, and what they say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, ClaimSource>,
    /// How long its tokens are good.
    #[serde(default)]
    pub lifetimes: Lifetimes,
    /// By which algorithm its ID tokens are signed.
    #[serde(default)]
    pub id_token_alg: IdTokenAlg,
    /// How surely people have to be signed in (`acr`), where that is more than a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_acr: Option<String>,
    /// ARNs of roles whose tokens it may exchange its people's tokens for.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub may_exchange: BTreeSet<String>,
    /// Whether people have the same `sub` for it as for others.
    #[serde(default)]
    pub subjects: Subjects,
    /// Where people may be sent to when they signed out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// Where it is told that somebody signed out (OpenID Connect Back-Channel Logout 1.0).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<RedirectUri>,
    /// Whether its requests have to be pushed (RFC 9126), so that a browser carries none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub require_par: bool,
    /// Whether its access tokens are all bound to a key that it shows (RFC 9449, section 5.2).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dpop_bound_access_tokens: bool,
    /// How it came to be, if it registered itself (RFC 7591).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<SelfRegistered>,
    /// The secret before, while it still counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_secret: Option<OldSecret>,
    /// When it was registered.
    pub created: Timestamp,
    /// When its settings were changed last.
    pub updated: Timestamp,
}

/// Settings that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// A text is none of its kind.
    #[error("`{text}` is no {what}: {expected}")]
    Word {
        /// Of which kind it should be.
        what: &'static str,
        /// What was said.
        text: String,
        /// What is.
        expected: &'static str,
    },
    /// An address is none where people can be sent to.
    #[error(transparent)]
    Redirect(#[from] RedirectError),
    /// Settings contradict each other, or pass a limit.
    #[error("{what}; {remedy}")]
    Contradiction {
        /// What is wrong.
        what: String,
        /// What to do.
        remedy: &'static str,
    },
}

impl ClientError {
    fn word(what: &'static str, text: &str, expected: &'static str) -> Self {
        Self::Word { what, text: printable(text).into_owned(), expected }
    }

    fn contradiction(what: impl Into<String>, remedy: &'static str) -> Self {
        Self::Contradiction { what: what.into(), remedy }
    }
}

/// Claims that say who vouches for what, or that are always worked out: no setting replaces them.
const RESERVED: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "azp",
    "nonce",
    "auth_time",
    "acr",
    "amr",
    "at_hash",
    "c_hash",
    "s_hash",
    "sid",
    "act",
    "cnf",
    "client_id",
    "scope",
    "events",
    "fid",
    "epoch",
    "email_verified",
];

impl Client {
    /// Whether it cannot keep a secret (RFC 6749, section 2.1): an application on somebody's device.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.auth == ClientAuth::None
    }

    /// Whether people may be sent back to `uri`.
    #[must_use]
    pub fn redirects_to(&self, uri: &str) -> bool {
        self.redirect_uris.iter().any(|registered| registered.admits(uri))
    }

    /// Whether it may ask for tokens so.
    #[must_use]
    pub fn may(&self, grant: GrantType) -> bool {
        self.grants.contains(&grant)
    }

    /// Refuses what cannot work, or would be no protection.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub fn check(&self) -> Result<(), ClientError> {
        let no = |what: &str, remedy| Err(ClientError::contradiction(what, remedy));
        visible(&self.name, "name of a client")?;
        self.audiences.iter().try_for_each(|audience| visible(audience, "audience"))?;
        self.allowed_groups.iter().try_for_each(|group| visible(group, "name of a group"))?;
        for role in &self.may_exchange {
            if !(role.starts_with("arn:aws:iam::") && role.contains(":role/")) {
                return Err(ClientError::word("ARN of a role", role, "write arn:aws:iam::ACCOUNT:role/NAME"));
            }
        }
        for (what, count) in self.counts() {
            if count > MOST_OF_EACH {
                let what = format!("{count} {what} are too many: {MOST_OF_EACH} are allowed");
                return Err(ClientError::contradiction(what, "register a second client"));
            }
        }
        if self.is_public() && self.may(GrantType::ClientCredentials) {
            return no(
                "a public client has no credentials to ask with",
                "give it a secret or a key, or take the grant away",
            );
        }
        if self.may(GrantType::AuthorizationCode) && self.redirect_uris.is_empty() {
            return no("a client that signs people in has to say where they go back to", "register a redirect URI");
        }
        let signs_in = self.may(GrantType::AuthorizationCode) || self.may(GrantType::DeviceCode);
        if self.may(GrantType::RefreshToken) && !signs_in {
            return no("only what a person signed in for is refreshed", "add the grant `authorization_code`");
        }
        for claim in self.claims.keys() {
            visible(claim, "name of a claim")?;
            if RESERVED.contains(&claim.as_str()) {
                let what = format!("the claim `{claim}` has a meaning that no setting changes");
                return Err(ClientError::contradiction(what, "choose another name for it"));
            }
        }
        self.lifetimes.check()
    }

    fn counts(&self) -> [(&'static str, usize); 8] {
        [
            ("redirect URIs", self.redirect_uris.len()),
            ("scopes", self.scopes.len()),
            ("audiences", self.audiences.len()),
            ("allowed groups", self.allowed_groups.len()),
            ("claims", self.claims.len()),
            ("roles", self.may_exchange.len()),
            ("post-logout redirect URIs", self.post_logout_redirect_uris.len()),
            ("grants", self.grants.len()),
        ]
    }
}

fn visible(text: &str, what: &'static str) -> Result<(), ClientError> {
    if (1..=LONGEST_NAME).contains(&text.chars().count()) && !text.chars().any(hidden) {
        return Ok(());
    }
    Err(ClientError::word(what, text, "use 1 to 255 characters that can be seen"))
}

#[cfg(test)]
mod tests;
