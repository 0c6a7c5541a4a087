//! Sign-ins by outside providers that speak SAML: our side of the web browser SSO profile (SAML profiles, section 4.1).
//!
//! Nobody signs in by a response that was not asked for: somebody else could have it posted by any browser. What is not
//! believed leaves everything as it was: the request and the assertion are spent together, in one act, when they are.

use jiff::SignedDuration;

use super::pending::Flow;
use super::{By, Pending, Provider, ProviderError, Providers, Vouched};
use crate::authn::saml::{AssertionDecryption, Expected, IdentityProvider, Known, Party, Rule, SamlAssertion, judge};
use crate::base::{Secret, Timestamp};
use crate::keys::Keys;
use crate::model::saml_encryption::SealedPrivateKey;
use crate::model::{AccountId, OutsideIssuer, OutsideWord, SamlProvider, SamlProviderName};
use crate::store::schema::sso::Spent;
use crate::store::{Store, StoreError, iam, saml};

/// How long somebody may be away at the provider.
const GOOD_FOR: SignedDuration = SignedDuration::from_mins(5);

/// For what an assertion is spent, where others are spent for a role.
const SIGN_IN: &[u8] = b"sign-in";

impl Providers {
    /// Where to send somebody who signs in by the SAML provider `name`, and what their browser has to keep meanwhile; `chance` nobody
    /// can guess. Where `fresh`, they are to sign in there anew. Blocks.
    ///
    /// # Errors
    /// When there is no such provider, or nobody can be sent to it.
    pub fn begin_saml<T>(
        &self,
        store: &Store,
        name: &str,
        (purpose, fresh, chance): (T, bool, [u8; 32]),
        now: Timestamp,
    ) -> Result<(url::Url, Pending<T>), ProviderError> {
        let provider = self.named(name).ok_or(ProviderError::Unknown)?;
        let By::Saml(party) = &provider.by else { return Err(ProviderError::Unknown) };
        let (known, _) = known(store, &provider, party)?;
        // An ID of XML begins with no digit.
        let id = format!("_{}", hex::encode(chance));
        let away = |why: String| ProviderError::Away { title: provider.title.clone(), why };
        let url = party.sends(&known, (&id, fresh), now).map_err(away)?;
        let flow = Flow::Saml { request_id: id };
        Ok((url, Pending { provider: provider.name.clone(), flow, begun: now, fresh, purpose }))
    }

    /// Who somebody is whose browser, in which `pending` was kept, posted `response` to the address of the provider `name`. The
    /// request and the assertion count once; `keys` open what opens it. Blocks.
    ///
    /// # Errors
    /// When it does not go with what was begun, or the provider does not vouch for them in a way that is believed.
    pub fn finish_saml<T>(
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
        let not_believed =
            |rule: Rule, why: String| ProviderError::NotBelieved { title: title(), rule: rule.word(), why };
        let (known, registered) = known(store, &provider, party)?;
        let id = registered.as_ref().map(|(registered, _)| registered.id);
        let known = match registered {
            Some((registered, sealed)) => known.opened_by(AssertionDecryption::of(keys, &registered, &sealed)?),
            None => known,
        };
        let expected = Expected { provider: &known, own: &party.own, request: Some(request) };
        let assertion = judge(response.expose(), expected, now).map_err(|refused| match refused.rule() {
            Rule::Status => ProviderError::Refused { title: title(), error: refused.why().to_owned() },
            Rule::Form | Rule::Limit | Rule::Structure => ProviderError::Malformed(refused.to_string()),
            Rule::Metadata => ProviderError::Away { title: title(), why: refused.to_string() },
            rule => not_believed(rule, refused.to_string()),
        })?;
        party.can_be_known_by(&known, assertion.name_id()).map_err(|why| not_believed(Rule::Subject, why))?;
        let authenticated = pending.authenticated(Some(assertion.authenticated()), now);
        let authenticated = authenticated.map_err(|why| not_believed(Rule::Authentication, why))?;
        spend(store, (pending, &assertion), now).map_err(|error| match error {
            ProviderError::Store(StoreError::Conflict { .. }) => {
                not_believed(Rule::Condition, "its assertion was shown before".to_owned())
            }
            error => error,
        })?;
        let factor = assertion.context_class().is_some_and(|class| provider.second_factor.contains(class));
        let word = OutsideWord {
            provider: provider.name.clone(),
            issuer: OutsideIssuer::Saml(assertion.issuer().to_owned()),
            registered: id,
            certificate: assertion.signed().by.clone(),
            subject: Some(assertion.name_id().value.clone()),
            authenticated,
            ends: assertion.session_ends(),
        };
        Ok(Vouched::new(provider.clone(), word, assertion.name_id().value.clone(), factor))
    }
}

/// A provider of the configuration to which nobody can be sent as things are.
#[derive(Debug)]
pub struct Unsent {
    /// What it is called in addresses of ours.
    pub name: String,
    /// The SAML provider of the account that it is.
    pub registered: SamlProviderName,
    /// Why not.
    pub why: String,
    /// What somebody has to do about it.
    pub remedy: String,
}

impl Providers {
    /// Those that are SAML providers of the account, and to which nobody can be sent as things are. What files tell is looked into when
    /// they are read; and of metadata that cannot be used the SAML provider itself is told. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn unsent(&self, store: &Store) -> Result<Vec<Unsent>, StoreError> {
        let mut unsent = Vec::new();
        for provider in self.all() {
            let Some(party) = provider.saml() else { continue };
            let Known::Registered(registered) = &party.known else { continue };
            let (why, remedy) = match found(store, &provider.account, registered)? {
                None => (missing(registered), format!("add it: bailey idp add {registered} --metadata FILE|URL")),
                Some((found, _)) => {
                    let Ok(read) = IdentityProvider::read(found.metadata.as_str()) else { continue };
                    let Err(why) = party.asks_at(&read) else { continue };
                    (why.to_string(), why.remedy())
                }
            };
            unsent.push(Unsent { name: provider.name.clone(), registered: registered.clone(), why, remedy });
        }
        Ok(unsent)
    }
}

/// A provider as it is registered, and the sealed keys that open its assertions.
type Registered = (SamlProvider, Vec<SealedPrivateKey>);

/// What is known of a provider now, and as which of the account's it is.
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
    let found = found(store, &provider.account, name)?.ok_or_else(|| away(missing(name)))?;
    let read = IdentityProvider::read(found.0.metadata.as_str())
        .map_err(|why| away(format!("the metadata of the SAML provider `{name}` cannot be used: {why}")))?;
    Ok((read, Some(found)))
}

/// The SAML provider of `account` that is called so.
fn found(store: &Store, account: &AccountId, name: &SamlProviderName) -> Result<Option<Registered>, StoreError> {
    store.read(|snapshot| {
        let found = iam::named::<SamlProvider>(snapshot, Some(account), &name.folded())?;
        let Some(found) = found else { return Ok(None) };
        let sealed = saml::provider_keys(snapshot, &found.value.id)?;
        Ok(Some((found.value, sealed)))
    })
}

fn missing(name: &SamlProviderName) -> String {
    format!("there is no SAML provider `{name}` in the account")
}

/// The request and what answered it, in one act.
fn spend<T>(
    store: &Store,
    (pending, assertion): (&Pending<T>, &SamlAssertion),
    now: Timestamp,
) -> Result<(), ProviderError> {
    let mut spending = pending.spending(now)?;
    spending.commit.spend(Spent::SamlAssertion, &assertion.once_for(SIGN_IN), assertion.good_until())?;
    spending.spent(store)
}
