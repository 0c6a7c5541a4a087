//! The issuers that are trusted with saying who somebody is, and the verification of what they say.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::check;
use super::claims::{Claims, Expected};
use super::jws::Compact;
use super::keeping::{Keeping, Wanted};
use super::{IssuerSettings, WebIdentity, WebIdentityError};
use crate::base::{Finding, Secret, Timestamp};
use crate::fetch::Client;
use crate::model::{Issuer, OidcProvider};

/// Most issuers whose keys are kept; an account has a hundred providers at most. What is beyond is fetched again.
const MOST_KEPT: usize = 400;

/// The issuers.
///
/// A provider that somebody registered by the IAM API works without being configured, by the strictest rules
/// ([`IssuerSettings::unsaid`]); a section of the configuration adds what the API cannot say.
#[derive(Default)]
pub struct Issuers {
    client: Client,
    configured: RwLock<BTreeMap<Issuer, Arc<IssuerSettings>>>,
    kept: Mutex<BTreeMap<Issuer, Arc<Keeping>>>,
}

impl Issuers {
    /// With what the configuration says of some, asking by `client`.
    #[must_use]
    pub fn new(settings: Vec<IssuerSettings>, client: Client) -> Self {
        let issuers = Self { client, ..Self::default() };
        issuers.replace(settings);
        issuers
    }

    /// From now on, this is what the configuration says. Keys that were had another way are forgotten.
    pub fn replace(&self, settings: Vec<IssuerSettings>) {
        let configured = settings.into_iter().map(|settings| (settings.issuer.clone(), Arc::new(settings))).collect();
        *self.configured.write().unwrap_or_else(PoisonError::into_inner) = configured;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|issuer, keeping| *self.settings_of(issuer) == **keeping.settings());
    }

    /// What holds for an issuer.
    #[must_use]
    pub fn settings_of(&self, issuer: &Issuer) -> Arc<IssuerSettings> {
        let configured = self.configured.read().unwrap_or_else(PoisonError::into_inner);
        configured.get(issuer).cloned().unwrap_or_else(|| Arc::new(IssuerSettings::unsaid(issuer.clone())))
    }

    /// Whether strangers share the issuer of this `HOST/PATH`, in whatever case: then a trust policy has to say who of them is meant.
    #[must_use]
    pub fn is_shared(&self, host_path: &str) -> bool {
        let Ok(issuer) = format!("https://{host_path}").parse::<Issuer>() else { return false };
        let configured = self.configured.read().unwrap_or_else(PoisonError::into_inner);
        let folded = issuer.folded();
        let mut said = configured.values().filter(|settings| settings.issuer.folded() == folded);
        issuer.is_known_to_be_shared() || said.any(|settings| settings.is_shared())
    }

    /// Who `token` makes somebody, by the word of `provider`'s issuer, at `now`. May ask that issuer, and then takes some seconds
    /// at most for each of two documents.
    ///
    /// # Errors
    /// When the token is none, does not count for this provider or not at this time, is not signed by its issuer, or says what cannot
    /// be used; and when the issuer's keys cannot be had.
    pub async fn verify(
        &self,
        provider: &OidcProvider,
        token: &Secret<String>,
        now: Timestamp,
    ) -> Result<WebIdentity, WebIdentityError> {
        let expected = Expected { issuer: &provider.issuer, clients: &provider.clients };
        let claims = self.claims(expected, token, now).await?;
        Ok(WebIdentity {
            provider: provider.id,
            provider_arn: provider.arn(),
            issuer: provider.issuer.clone(),
            subject: claims.subject,
            audience: claims.audience,
            amr: claims.amr,
            issued: claims.issued,
            authenticated: claims.authenticated,
            expires: claims.expires,
            token_id: claims.token_id,
            tags: claims.tags,
            source_identity: claims.source_identity,
            context: claims.context,
        })
    }

    /// What `token` says that counts, once it is the expected issuer's, for a client that is expected, at `now`. Asks as [`Self::verify`] does.
    ///
    /// # Errors
    /// Those of [`Self::verify`].
    pub(in crate::authn) async fn claims(
        &self,
        expected: Expected<'_>,
        token: &Secret<String>,
        now: Timestamp,
    ) -> Result<Claims, WebIdentityError> {
        let compact = Compact::read(token.expose())?;
        let keeping = self.keeping(expected.issuer);
        // First what costs nothing: nobody is asked about a token that could not count anyway. What is read here says nothing
        // until the signature has been verified, which is of these very bytes.
        let claims = Claims::read(&compact.claims, expected, keeping.settings().preset, now)?;
        let wanted = Wanted { kid: compact.kid.as_deref(), alg: compact.alg };
        let key = keeping.key(&self.client, wanted, now).await?;
        if !key.verifies(compact.alg, compact.signed, &compact.signature) {
            return Err(WebIdentityError::invalid("its signature is not its issuer's"));
        }
        Ok(claims)
    }

    /// By what issuers are asked, and whoever else vouches for people.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Asks every configured issuer for its keys, and says what is wrong.
    pub async fn check(&self) -> Vec<Finding> {
        let configured: Vec<_> =
            self.configured.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        let mut findings = Vec::new();
        for settings in configured {
            findings.extend(check::check(&self.client, &settings).await);
        }
        findings
    }

    fn keeping(&self, issuer: &Issuer) -> Arc<Keeping> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keeping) = kept.get(issuer) {
            return Arc::clone(keeping);
        }
        if kept.len() >= MOST_KEPT {
            // Only administrators who make and delete providers without end come here; which goes does not matter.
            kept.pop_first();
        }
        let keeping = Arc::new(Keeping::new(self.settings_of(issuer)));
        kept.insert(issuer.clone(), Arc::clone(&keeping));
        keeping
    }
}

impl fmt::Debug for Issuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let configured = self.configured.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_list().entries(configured.keys()).finish()
    }
}
