//! Sign-ins by outside SAML providers: the twin of the authorization code flow of [`crate::authn::federated::relying`], in the same
//! registry of providers, so that pages, invitations and engagements know of one sort.
//!
//! ```text
//!  begin: a request of its own name --sealed, in a cookie--+
//!    |                                                     |
//!    +--> the provider --response, posted--> redeem: same browser, same provider, in time, that request --judge--> who it is
//! ```
//!
//! Nobody signs in by a response that was not asked for (threats S7): somebody else could have it posted by any browser.

use jiff::SignedDuration;

use super::party::Known;
use super::{Expected, IdentityProvider, Opening, Party, Rule, SamlAssertion, judge};
use crate::authn::federated::relying::{By, Pending, Provider, ProviderError, Providers, Vouched};
use crate::base::{Secret, Timestamp};
use crate::keys::Keys;
use crate::model::saml_encryption::SealedPrivateKey;
use crate::model::{Actor, OutsideIssuer, SamlProvider};
use crate::store::schema::sso::Spent;
use crate::store::{Commit, Intent, Store, StoreError, iam, saml};

/// How long somebody may be away at the provider.
const GOOD_FOR: SignedDuration = SignedDuration::from_mins(5);

/// For what an assertion is spent, where others are spent for a role.
const SIGN_IN: &[u8] = b"sign-in";

impl Providers {
    /// Where to send somebody who signs in by the SAML provider `name`, and what their browser has to keep meanwhile; `chance` nobody
    /// can guess. Blocks.
    ///
    /// # Errors
    /// When there is no such provider, or nobody can be sent to it.
    pub fn send<T>(
        &self,
        store: &Store,
        name: &str,
        (purpose, chance): (T, [u8; 32]),
        now: Timestamp,
    ) -> Result<(url::Url, Pending<T>), ProviderError> {
        let provider = self.named(name).ok_or(ProviderError::Unknown)?;
        let By::Saml(party) = &provider.by else { return Err(ProviderError::Unknown) };
        let (known, _) = known(store, &provider, party)?;
        // An ID of XML begins with no digit.
        let id = format!("_{}", hex::encode(chance));
        let away = |why: String| ProviderError::Away { title: provider.title.clone(), why };
        let url = party.sends(&known, &id, now).map_err(away)?;
        Ok((url, Pending::of_request(&provider.name, id, now, purpose)))
    }

    /// Who somebody is whose browser, in which `pending` was kept, posted `response` to the address of the provider `name`. The
    /// assertion counts once; `keys` open what opens it. Blocks.
    ///
    /// # Errors
    /// When it does not go with what was begun, or the provider does not vouch for them in a way that is believed.
    pub fn receive<T>(
        &self,
        (store, keys): (&Store, &Keys),
        name: &str,
        pending: &Pending<T>,
        response: &Secret<String>,
        now: Timestamp,
    ) -> Result<Vouched, ProviderError> {
        let provider = self.named(name).ok_or(ProviderError::Unknown)?;
        let By::Saml(party) = &provider.by else { return Err(ProviderError::Unknown) };
        let request = pending.request(name, GOOD_FOR, now).ok_or(ProviderError::NotBegun)?;
        let title = || provider.title.clone();
        let not_believed = |why: String| ProviderError::NotBelieved { title: title(), why };
        let (known, registered) = known(store, &provider, party)?;
        let known = match registered {
            Some((registered, sealed)) => known.opened_by(Opening::of(keys, &registered, &sealed)?),
            None => known,
        };
        let expected = Expected { provider: &known, own: &party.own, request: Some(request) };
        let assertion = judge(response.expose(), expected, now).map_err(|refused| match refused.rule() {
            Rule::Status => ProviderError::Refused { title: title(), error: refused.why().to_owned() },
            Rule::Form | Rule::Limit | Rule::Structure => ProviderError::Malformed(refused.to_string()),
            Rule::Metadata => ProviderError::Away { title: title(), why: refused.to_string() },
            _ => not_believed(refused.to_string()),
        })?;
        party.can_be_known_by(&known, assertion.name_id()).map_err(not_believed)?;
        spend(store, &assertion, now).map_err(|error| match error {
            StoreError::Conflict { .. } => not_believed("its assertion was shown before".to_owned()),
            error => error.into(),
        })?;
        let issuer = OutsideIssuer::Saml(assertion.issuer().to_owned());
        let factor = assertion.context_class().is_some_and(|class| provider.second_factor.contains(class));
        Ok(Vouched::new(provider.clone(), (issuer, assertion.name_id().value.clone()), factor))
    }
}

/// A provider as it is registered, and the sealed keys that open its assertions.
type Registered = (SamlProvider, Vec<SealedPrivateKey>);

/// What is known of a provider now.
fn known(
    store: &Store,
    provider: &Provider,
    party: &Party,
) -> Result<(IdentityProvider, Option<Registered>), ProviderError> {
    let away = |why: String| ProviderError::Away { title: provider.title.clone(), why };
    let name = match &party.known {
        Known::Told(known) => return Ok((IdentityProvider::clone(known), None)),
        Known::Registered(name) => name,
    };
    let account = &provider.account;
    let found = store.read(|snapshot| {
        let found = iam::named::<SamlProvider>(snapshot, Some(account), &name.folded())?;
        let Some(found) = found else { return Ok(None) };
        let sealed = saml::provider_keys(snapshot, &found.value.id)?;
        Ok::<_, StoreError>(Some((found.value, sealed)))
    })?;
    let found = found.ok_or_else(|| away(format!("there is no SAML provider `{name}` in the account")))?;
    let read = IdentityProvider::read(found.0.metadata.as_str())
        .map_err(|why| away(format!("the metadata of the SAML provider `{name}` cannot be used: {why}")))?;
    Ok((read, Some(found)))
}

fn spend(store: &Store, assertion: &SamlAssertion, now: Timestamp) -> Result<(), StoreError> {
    let mut commit = Commit::new(Actor::task("sign-in"), now, Intent::Widen);
    commit.spend(Spent::SamlAssertion, &assertion.once_for(SIGN_IN), assertion.good_until())?;
    store.commit(commit).map(drop)
}
