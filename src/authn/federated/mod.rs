//! Tokens of outside issuers: who somebody is by the word of an OpenID Connect provider.
//!
//! Owns the proof [`WebIdentity`]: it exists only at the end of a completed verification of a token (RFC 7519) in compact form
//! (RFC 7515, section 7.1), signed by a key of the provider's issuer, for a client that the provider knows, at a time when it is
//! good. Which role that may assume is not decided here; how documents get here is the business of `fetch`.
//!
//! ```text
//!  token --jws: form, algorithm, header--> claims as they are said --claims: issuer, audience, times--> worth asking for
//!                                                                                                          |
//!        WebIdentity <-- signature <-- key of that name <-- issuers: kept, or fetched (discovery, JWKS) <--+
//! ```
//!
//! Nobody is asked for the keys of a token that could not count anyway, so that garbage makes us ask nobody anything. An issuer is
//! asked in the name of a provider that somebody registered, never because a token names it; keys that a token brings along or
//! points to (`jwk`, `jku`, `x5c`, `x5u`) are not looked at (RFC 8725, section 3.10).
//!
//! The same pieces verify what clients of single sign-on show of themselves ([`assertion`]).
//!
//! There is no symmetric algorithm here and no way to choose one: whoever verifies cannot sign, and a public key can never be
//! taken for a shared secret (RFC 8725, sections 2.1 and 3.1). The layer on top of the signature is our own, on the primitives of
//! the cryptographic library that signs our own tokens: a ready one would have to be kept from what it can do besides, and still
//! takes members that stand twice, and whatever else `serde_json` reads the lenient way.

pub mod assertion;
mod check;
mod claims;
mod error;
mod issuers;
pub(super) mod json;
mod jwk;
mod jws;
mod keeping;
pub mod proof;
pub mod settings;

pub(super) use claims::Expected;
pub use error::WebIdentityError;
pub use issuers::Issuers;
pub(super) use keeping::{address_in, described};
pub use settings::{IssuerSettings, KeysFrom};

use std::collections::BTreeMap;

use crate::base::{OidcProviderId, Secret, Timestamp};
use crate::model::{Arn, Issuer, Tags};

/// Longest token, in bytes (STS API reference, `AssumeRoleWithWebIdentity`).
pub const LONGEST: usize = 20_000;

/// Somebody for whom an issuer vouches: made by [`Issuers::verify`] alone.
#[derive(Debug)]
pub struct WebIdentity {
    provider: OidcProviderId,
    provider_arn: Arn,
    issuer: Issuer,
    subject: String,
    audience: String,
    amr: Vec<String>,
    issued: Option<Timestamp>,
    authenticated: Option<Timestamp>,
    expires: Timestamp,
    token_id: Option<String>,
    tags: SessionTags,
    source_identity: Option<String>,
    context: BTreeMap<String, Vec<String>>,
}

/// What a token says its session should be tagged with. Whether it may be is for the trust policy to say (`sts:TagSession`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionTags {
    /// The tags.
    pub principal: Tags,
    /// Keys of those that roles assumed from the session keep, as they are spelt in it.
    pub transitive: Vec<String>,
}

impl WebIdentity {
    /// The provider that was asked.
    #[must_use]
    pub fn provider(&self) -> OidcProviderId {
        self.provider
    }

    /// Its ARN: what a trust policy names under `Federated`.
    #[must_use]
    pub fn provider_arn(&self) -> &Arn {
        &self.provider_arn
    }

    /// Who vouches.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The same without `https://`, as condition keys begin.
    #[must_use]
    pub fn host_path(&self) -> &str {
        self.issuer.as_str()
    }

    /// Who it is, to that issuer (`sub`): 1 to 255 characters that can be seen. Only together with the issuer does it name somebody.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The client that the token was made for: `azp` where there is one, otherwise the client among `aud`.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// How they were authenticated (`amr`).
    #[must_use]
    pub fn amr(&self) -> &[String] {
        &self.amr
    }

    /// When the token was made, if it says so (`iat`).
    #[must_use]
    pub fn issued(&self) -> Option<Timestamp> {
        self.issued
    }

    /// When they signed in there, if it says so (`auth_time`).
    #[must_use]
    pub fn authenticated(&self) -> Option<Timestamp> {
        self.authenticated
    }

    /// When the token is over (`exp`).
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// The token's own name (`jti`). Two signatures that differ may be of one token, and both good: whoever looks for a token that
    /// is shown twice has to look for this.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.token_id.as_deref()
    }

    /// What the session is to be tagged with.
    #[must_use]
    pub fn tags(&self) -> &SessionTags {
        &self.tags
    }

    /// The source identity that the session is to have (`https://aws.amazon.com/source_identity`).
    #[must_use]
    pub fn source_identity(&self) -> Option<&str> {
        self.source_identity.as_deref()
    }

    /// What conditions of a trust policy can ask for: `HOST/PATH:sub`, `:aud`, `:amr`, `:azp`, `:oaud` (what `aud` says where there is
    /// an `azp`), and every other claim that is a text or a list of texts. No two keys differ by case alone.
    pub fn context(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.context.iter().map(|(key, values)| (key.as_str(), values.as_slice()))
    }
}

/// Whose token it says it is: for finding the provider. Nothing is proven by that.
///
/// # Errors
/// When it is no token, or names no issuer that there could be.
pub fn issuer_of(token: &Secret<String>) -> Result<Issuer, WebIdentityError> {
    let compact = jws::Compact::read(token.expose())?;
    let issuer = compact.claims.get("iss").and_then(serde_json::Value::as_str).unwrap_or_default();
    issuer.parse().map_err(|_| WebIdentityError::invalid("its `iss` is no `https://` address of an issuer"))
}
