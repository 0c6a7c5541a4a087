//! SAML responses: who somebody is by the word of an identity provider.
//!
//! Owns the proof [`SamlAssertion`]: it exists only at the end of [`judge`], of an assertion that a pinned key signed, meant for us, good
//! now. Whether it was seen before is for whoever takes it to find out, by [`SamlAssertion::id`] kept until
//! [`SamlAssertion::good_until`]; which person it is, and what they may, is decided elsewhere.
//!
//! ```text
//!  text --saml_xml: limits--> Message --envelope: version, status, for us--> saml_xml: signatures --> Covered
//!                                                                                                       |
//!      SamlAssertion <-- statements <-- conditions: when, for whom <-- subject: who, delivered where <--+
//! ```
//!
//! [`SamlIdentity`] is what `AssumeRoleWithSAML` makes of such an assertion: the attributes that AWS gave names to.
//!
//! The rules are those of the web browser SSO profile (SAML profiles, section 4.1.4.3) and stricter where it leaves a choice: there is
//! one assertion with one statement of authentication, audiences and ends are always said, and what is not understood is refused.

mod changes;
mod conditions;
mod decryption;
mod envelope;
mod error;
mod extract;
mod identity;
mod instant;
mod judge;
mod mapped;
mod metadata;
mod party;
mod service_provider;
mod sp_fetcher;
mod statements;
mod subject;

pub use changes::{another_end, is_another_end};
pub use decryption::{AssertionDecryption, GivenKey, parse_private_key, unseal_private_key};
pub use error::{ResponseError, Rule};
pub use identity::{SamlIdentity, SamlIdentityError};
pub use judge::{Expected, judge};
pub use metadata::{Endpoint, IdentityProvider, MetadataError};
pub use party::{Known, MAKES_A_KEY, Party, Unaskable};
pub use service_provider::{Acs, EncryptionKey, KeptOut, Logout, LogoutBinding, NoKey, SpMetadata};
pub use sp_fetcher::{MetadataFetchError, SpFetcher};
pub use statements::Attribute;
pub use subject::NameId;

pub use crate::saml_xml::LARGEST;

use jiff::SignedDuration;
use sha2::{Digest as _, Sha256};

use crate::base::Timestamp;
pub use crate::saml_xml::Certificate;
use crate::saml_xml::DecryptionKey;

/// How far clocks may be apart.
pub const SKEW: SignedDuration = SignedDuration::from_secs(60);
/// How long after it was made an assertion is taken at most, whatever it says itself: it travels through one browser, once.
pub const LONGEST: SignedDuration = SignedDuration::from_secs(300);

/// Us, as the service provider that assertions are made for.
#[derive(Debug)]
pub struct ServiceProvider {
    /// Our name, which their audiences are.
    pub entity_id: String,
    /// The address that responses are delivered to.
    pub acs: String,
    /// Names and addresses that count besides.
    pub also: Also,
    /// What opens encrypted assertions, whoever sent them.
    pub key: Option<DecryptionKey>,
}

/// What else a service provider is called, and where else it takes responses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Also {
    /// Names.
    pub entity_ids: Vec<String>,
    /// Addresses.
    pub acs: Vec<String>,
}

impl ServiceProvider {
    /// One of this name, at this address, to which nothing can be encrypted.
    #[must_use]
    pub fn new(entity_id: impl Into<String>, acs: impl Into<String>) -> Self {
        Self { entity_id: entity_id.into(), acs: acs.into(), also: Also::default(), key: None }
    }

    /// Whether `name` is ours.
    fn is_called(&self, name: &str) -> bool {
        self.entity_id == name || self.also.entity_ids.iter().any(|own| own == name)
    }

    /// Whether responses to `address` are for us.
    fn is_at(&self, address: &str) -> bool {
        self.addresses().any(|own| own == address)
    }

    fn addresses(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.acs.as_str()).chain(self.also.acs.iter().map(String::as_str))
    }
}

/// Somebody for whom an identity provider vouches: made by [`judge`] alone.
#[derive(Debug)]
pub struct SamlAssertion {
    issuer: String,
    id: String,
    name_id: NameId,
    recipient: String,
    issued: Timestamp,
    good_until: Timestamp,
    authenticated: Timestamp,
    context_class: Option<String>,
    session_index: Option<String>,
    session_ends: Option<Timestamp>,
    attributes: Vec<Attribute>,
    signed: Signed,
}

/// What was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The response.
    pub response: bool,
    /// The assertion itself.
    pub assertion: bool,
    /// Whether the assertion was encrypted.
    pub encrypted: bool,
    /// SHA-256 of the certificate whose key verified it, in hex.
    pub by: Option<String>,
}

impl SamlAssertion {
    /// Who vouches: the provider's `entityID`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The assertion's own name. Whoever looks for one that is shown twice looks for this.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Who it is, to that provider.
    #[must_use]
    pub fn name_id(&self) -> &NameId {
        &self.name_id
    }

    /// Where it was to be delivered: one of our addresses.
    #[must_use]
    pub fn recipient(&self) -> &str {
        &self.recipient
    }

    /// By what it is remembered that the assertion was shown for `what`; each counts once, until [`Self::good_until`].
    #[must_use]
    pub fn once_for(&self, what: &[u8]) -> [u8; 32] {
        let mut digest = Sha256::new();
        for part in [self.issuer.as_bytes(), self.id.as_bytes(), what] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }

    /// When it was made.
    #[must_use]
    pub fn issued(&self) -> Timestamp {
        self.issued
    }

    /// From when on it would not be taken any more, the difference of clocks included: so long its id has to be remembered.
    #[must_use]
    pub fn good_until(&self) -> Timestamp {
        self.good_until
    }

    /// When they signed in at the provider.
    #[must_use]
    pub fn authenticated(&self) -> Timestamp {
        self.authenticated
    }

    /// How (`AuthnContextClassRef`).
    #[must_use]
    pub fn context_class(&self) -> Option<&str> {
        self.context_class.as_deref()
    }

    /// The provider's name of their session, for logout.
    #[must_use]
    pub fn session_index(&self) -> Option<&str> {
        self.session_index.as_deref()
    }

    /// When the provider wants the session to end.
    #[must_use]
    pub fn session_ends(&self) -> Option<Timestamp> {
        self.session_ends
    }

    /// What the provider says of them.
    #[must_use]
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// What was signed.
    #[must_use]
    pub fn signed(&self) -> &Signed {
        &self.signed
    }
}
