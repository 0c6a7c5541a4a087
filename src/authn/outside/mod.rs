//! Outside providers by which people sign in here who have no account of ours: those of another firm, by its own.
//!
//! Owns their registry, and our side of both flows: the authorization code of OpenID Connect ([`oidc`]) and the response of SAML
//! ([`saml`]), of one shape, so that pages, invitations and engagements know of one sort. A token is verified as every token of an issuer
//! is ([`super::federated`]), a response as every response is ([`super::saml`]). Whom it means here is not decided by it: an issuer and a
//! subject are looked up, and nothing else of it is.
//!
//! ```text
//!  begin_oidc, begin_saml: what is secret or named so --sealed, in a cookie--+      Pending
//!    |                                                                       |
//!    +--> the provider --answer--> finish_oidc, finish_saml: same browser, same provider, in time --> believed --> spent --> Vouched
//! ```
//!
//! Whoever opens the page begins one, and anybody may bring back what they like. So nothing is written before a provider is believed;
//! what is written then makes it count once, across restarts.
//!
//! Each provider has an address of its own that it sends people back to, and the answer of one is never taken for another's (RFC 9700,
//! section 2.1): the name is sealed with the rest.

mod error;
mod oidc;
mod pending;
mod provider;
mod saml;

pub use error::ProviderError;
pub use oidc::Answer;
pub use pending::Pending;
pub use provider::{By, Oidc, Provider, Vouched};
pub use saml::Unsent;

use std::sync::{Arc, PoisonError, RwLock};

use crate::sessions::Outside;

/// The providers of the configuration; a reload exchanges them.
#[derive(Debug, Default)]
pub struct Providers {
    all: RwLock<Vec<Arc<Provider>>>,
    /// Of those that speak OpenID Connect.
    memory: oidc::Memory,
    /// Sessions that began by their word are told of them there.
    outside: Outside,
}

impl Providers {
    /// These; `outside` hears of them, now and whenever they are exchanged.
    #[must_use]
    pub fn new(all: Vec<Provider>, outside: Outside) -> Self {
        let new = Self { outside, ..Self::default() };
        new.replace(all);
        new
    }

    /// From now on these.
    pub fn replace(&self, all: Vec<Provider>) {
        self.outside.replace(all.iter().map(|provider| (provider.name.clone(), provider.rests())));
        *self.all.write().unwrap_or_else(PoisonError::into_inner) = all.into_iter().map(Arc::new).collect();
        self.memory.forget_documents();
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Provider>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The one of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<Arc<Provider>> {
        self.all().into_iter().find(|provider| provider.name == name)
    }
}
