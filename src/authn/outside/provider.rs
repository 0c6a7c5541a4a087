//! An outside provider by which people sign in, and somebody for whom one vouches.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ProviderError;
use crate::authn::saml::{Known, Party};
use crate::base::Secret;
use crate::model::oidc_provider::ClientId;
use crate::model::{AccountId, Issuer, OutsideIssuer, OutsideWord};
use crate::sessions::Rests;

/// A provider.
#[derive(Debug)]
pub struct Provider {
    /// What it is called in addresses of ours.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// How it vouches for people.
    pub by: By,
    /// The account that it is a provider of.
    pub account: AccountId,
    /// Words of its `amr` (RFC 8176), or classes of its `AuthnContextClassRef`, of which one stands for a second factor; without any,
    /// one of ours is asked for.
    pub second_factor: BTreeSet<String>,
    /// Whether the page to sign in at names it to everybody.
    pub listed: bool,
}

/// How a provider vouches for people.
#[derive(Debug)]
pub enum By {
    /// By tokens of OpenID Connect.
    Oidc(Oidc),
    /// By responses of SAML.
    Saml(Box<Party>),
}

/// Us, towards one provider that speaks OpenID Connect.
#[derive(Debug)]
pub struct Oidc {
    /// Who it is.
    pub issuer: Issuer,
    /// Who we are to it.
    pub client_id: ClientId,
    /// By what it knows us; without it by nothing but the code verifier (RFC 7636).
    pub secret: Option<Secret<String>>,
}

impl Provider {
    /// Us towards it, if it speaks SAML.
    #[must_use]
    pub fn saml(&self) -> Option<&Party> {
        match &self.by {
            By::Saml(party) => Some(party),
            By::Oidc(_) => None,
        }
    }

    /// What its word counts by, for sessions that begin with it.
    pub(super) fn rests(&self) -> Rests {
        match &self.by {
            By::Oidc(oidc) => Rests::Issuer(OutsideIssuer::Oidc(oidc.issuer.clone())),
            By::Saml(party) => match &party.known {
                Known::Registered(name) => Rests::Registered(name.clone()),
                Known::Told(known) => Rests::Told {
                    issuer: OutsideIssuer::Saml(known.entity_id().to_owned()),
                    certificates: known.keys().fingerprints().map(str::to_owned).collect(),
                },
            },
        }
    }

    pub(super) fn oidc(&self) -> Result<&Oidc, ProviderError> {
        match &self.by {
            By::Oidc(oidc) => Ok(oidc),
            By::Saml(_) => Err(ProviderError::Unknown),
        }
    }
}

/// Somebody for whom a provider vouches: made at the end of a sign-in there alone.
#[derive(Debug)]
pub struct Vouched {
    provider: Arc<Provider>,
    word: OutsideWord,
    subject: String,
    factor: bool,
}

impl Vouched {
    pub(super) fn new(provider: Arc<Provider>, word: OutsideWord, subject: String, factor: bool) -> Self {
        Self { provider, word, subject, factor }
    }

    /// By whose word.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Who that is.
    #[must_use]
    pub fn issuer(&self) -> &OutsideIssuer {
        &self.word.issuer
    }

    /// What their session rests on.
    #[must_use]
    pub fn word(&self) -> &OutsideWord {
        &self.word
    }

    /// Who they are to it.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Whether that they showed a second factor there counts here.
    #[must_use]
    pub fn with_factor(&self) -> bool {
        self.factor
    }
}
