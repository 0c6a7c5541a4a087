//! Which outside providers vouch for people now: what sessions rest on that began by the word of one.
//!
//! The configuration says which there are, and `authn` tells of them here whenever it is read; what a SAML provider of the account says
//! of itself is read from the store. So a session ends when an administrator takes a provider away, or the certificate by which it
//! signed, as those of `AssumeRoleWithSAML` do; and none outlives a restart that nobody told of its provider.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use crate::base::UserId;
use crate::model::{OutsideIssuer, OutsideWord, SamlProvider, SamlProviderName};
use crate::store::{Snapshot, StoreError, grants, iam};

/// What the word of a provider counts by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rests {
    /// On who it is: its keys turn by themselves (OpenID Connect Discovery 1.0, section 3, `jwks_uri`).
    Issuer(OutsideIssuer),
    /// On what the SAML provider of the account is registered with that has this name.
    Registered(SamlProviderName),
    /// On what a file says of a SAML provider.
    Told {
        /// Who it is.
        issuer: OutsideIssuer,
        /// SHA-256, in hex, of the certificates whose keys it signs with.
        certificates: BTreeSet<String>,
    },
}

/// The providers, by their names in the configuration; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Outside(Arc<RwLock<BTreeMap<String, Rests>>>);

impl Outside {
    /// From now on these.
    pub fn replace(&self, all: impl IntoIterator<Item = (String, Rests)>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = all.into_iter().collect();
    }

    /// Why `word` counts no more for `person`, if so.
    pub(super) fn withdrawn(
        &self,
        snapshot: &dyn Snapshot,
        word: &OutsideWord,
        person: &UserId,
    ) -> Result<Option<&'static str>, StoreError> {
        if let Some(subject) = &word.subject {
            // Whoever is linked anew is so because the identity before is not theirs any more, or in other hands.
            let linked = grants::outside_identity(snapshot, &word.issuer, subject)?;
            if linked.is_none_or(|linked| linked.value.person != *person) {
                return Ok(Some("they are not linked any more with who their sign-in provider said they are"));
            }
        }
        const OTHER: &str = "its sign-in provider is another now, or the key that it signed by is no longer one of its";
        let rests = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&word.provider).cloned();
        let Some(rests) = rests else { return Ok(Some("its sign-in provider is gone")) };
        let stands = match &rests {
            Rests::Issuer(issuer) => *issuer == word.issuer,
            Rests::Told { issuer, certificates } => {
                *issuer == word.issuer && word.certificate.as_ref().is_some_and(|by| certificates.contains(by))
            }
            Rests::Registered(name) => {
                let Some(id) = &word.registered else { return Ok(Some(OTHER)) };
                let Some(found) = iam::object::<SamlProvider>(snapshot, id.as_bytes())? else {
                    return Ok(Some("its SAML provider is gone"));
                };
                let (OutsideIssuer::Saml(issuer), Some(by)) = (&word.issuer, &word.certificate) else {
                    return Ok(Some(OTHER));
                };
                found.value.name.folded() == name.folded() && found.value.vouches(issuer, by)
            }
        };
        Ok((!stands).then_some(OTHER))
    }
}
