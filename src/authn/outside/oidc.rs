//! Sign-ins by outside providers that speak OpenID Connect: our side of the authorization code flow (OpenID Connect Core 1.0, section
//! 3.1): where somebody is sent to, what they bring back, and what has to agree with what.
//!
//! Where the provider names itself in its answer, that has to be it (RFC 9207).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::SignedDuration;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::pending::{Flow, GOOD_FOR, SKEW};
use super::{Oidc, Pending, Provider, ProviderError, Providers, Vouched};
use crate::authn::federated::{Expected, Issuers, WebIdentityError, address_in, described, json};
use crate::base::{Secret, Timestamp};
use crate::model::{Issuer, OutsideIssuer, OutsideWord};
use crate::store::Store;

/// How long its document counts, and how long that there is none.
const DESCRIBED: SignedDuration = SignedDuration::from_hours(1);
const MISSING: SignedDuration = SignedDuration::from_secs(30);

/// How old the token may be that comes of it.
const FRESH: SignedDuration = SignedDuration::from_mins(5);

/// Most sign-ins of which is remembered that somebody came back from them. Beyond that the provider alone takes a code once.
const MOST_CAME_BACK: usize = 10_000;

/// Longest answer of a token endpoint, in bytes.
const LONGEST_ANSWER: usize = 64 << 10;

/// What somebody brings back.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// `code`.
    pub code: Option<&'a str>,
    /// `state`.
    pub state: Option<&'a str>,
    /// `iss` (RFC 9207).
    pub iss: Option<&'a str>,
    /// `error`.
    pub error: Option<&'a str>,
}

/// Where a provider is asked.
#[derive(Debug, Clone)]
struct Endpoints {
    authorization: Url,
    token: Url,
    /// It always names itself in its answers.
    says_who: bool,
}

/// What is remembered of providers, and of who came back from them.
#[derive(Debug, Default)]
pub(super) struct Memory {
    described: Mutex<BTreeMap<Issuer, Described>>,
    /// Held by the one who asks for a document: of many who open a page at once one has us ask.
    asking: tokio::sync::Mutex<()>,
    /// Sign-ins that somebody came back from, and when.
    came_back: Mutex<BTreeMap<String, Timestamp>>,
}

/// When an issuer was asked for its document, and what came of it.
type Described = (Timestamp, Result<Endpoints, String>);

impl Providers {
    /// Where to send somebody who is to come back to `back`, and what their browser has to keep meanwhile; `chance` nobody can guess.
    /// Where `fresh`, they are to sign in there anew.
    ///
    /// # Errors
    /// When there is no such provider, or it does not say where.
    pub async fn begin_oidc<T>(
        &self,
        issuers: &Issuers,
        (name, back): (&str, &str),
        (purpose, fresh, chance): (T, bool, [[u8; 32]; 3]),
        now: Timestamp,
    ) -> Result<(Url, Pending<T>), ProviderError> {
        let provider = self.named(name).ok_or(ProviderError::Unknown)?;
        let oidc = provider.oidc()?;
        let [state, nonce, verifier] = chance.map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        let mut url = self.memory.endpoints(issuers, &provider, now).await?.authorization;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", oidc.client_id.as_str())
            .append_pair("redirect_uri", back)
            .append_pair("scope", "openid")
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier)))
            .append_pair("code_challenge_method", "S256");
        if fresh {
            // With `max_age` the token has to say when they did (OpenID Connect Core 1.0, section 3.1.2.1).
            let age = SKEW.as_secs().to_string();
            url.query_pairs_mut().append_pair("prompt", "login").append_pair("max_age", &age);
        }
        let flow = Flow::Oidc { state, nonce, verifier };
        Ok((url, Pending { provider: provider.name.clone(), flow, begun: now, fresh, purpose }))
    }

    /// Who somebody is who came back to the address of the provider `name` with `answer`, in the browser that `pending` was kept in. It
    /// counts once.
    ///
    /// # Errors
    /// When it does not go with what was begun, or the provider does not vouch for them in a way that is believed.
    pub async fn finish_oidc<T>(
        &self,
        (issuers, store): (&Issuers, &Store),
        (name, back): (&str, &str),
        pending: &Pending<T>,
        answer: Answer<'_>,
        now: Timestamp,
    ) -> Result<Vouched, ProviderError> {
        let (nonce, verifier) = pending.answered(name, answer.state, now).ok_or(ProviderError::NotBegun)?;
        let provider = self.named(name).ok_or(ProviderError::Unknown)?;
        let oidc = provider.oidc()?;
        let not_believed =
            |rule, why: &str| ProviderError::NotBelieved { title: provider.title.clone(), rule, why: why.to_owned() };
        if !self.memory.comes_back(nonce, now) {
            return Err(ProviderError::NotBegun);
        }
        let endpoints = self.memory.endpoints(issuers, &provider, now).await?;
        let iss = answer.iss.map(|said| said == oidc.issuer.url());
        if iss == Some(false) || iss.is_none() && endpoints.says_who {
            return Err(not_believed("issuer", "its answer is another issuer's, or nobody's (RFC 9207)"));
        }
        let code = match (answer.code, answer.error) {
            (Some(code), None) => code,
            (_, error) => {
                let error = crate::base::text::printable(error.unwrap_or("no code")).into_owned();
                return Err(ProviderError::Refused { title: provider.title.clone(), error });
            }
        };
        let token = redeem(issuers, &provider, &endpoints.token, (code, back, verifier)).await?;
        let clients = BTreeSet::from([oidc.client_id.clone()]);
        let expected = Expected { issuer: &oidc.issuer, clients: &clients };
        let claims = issuers.claims(expected, &token, now).await.map_err(|error| match error {
            WebIdentityError::Away { .. } => {
                ProviderError::Away { title: provider.title.clone(), why: error.to_string() }
            }
            error => not_believed("token", &error.to_string()),
        })?;
        let wanted = format!("{}:nonce", oidc.issuer.as_str());
        let said = claims.context.get(&wanted).map(Vec::as_slice);
        if said.is_none_or(|said| said != [nonce]) {
            return Err(not_believed("nonce", "its token was not made for this sign-in: the `nonce` is another"));
        }
        if claims.issued.is_none_or(|issued| now.duration_since(issued) > FRESH) {
            return Err(not_believed("time", "its token is old, or does not say when it was made"));
        }
        let authenticated = pending.authenticated(claims.authenticated, now);
        let authenticated = authenticated.map_err(|why| not_believed("authentication", &why))?;
        let factor = claims.amr.iter().any(|word| provider.second_factor.contains(word));
        let word = OutsideWord {
            provider: provider.name.clone(),
            issuer: OutsideIssuer::Oidc(oidc.issuer.clone()),
            registered: None,
            certificate: None,
            subject: Some(claims.subject.clone()),
            authenticated,
            ends: None,
        };
        let spending = pending.spending(now)?;
        store.run(move |store| spending.spent(store)).await?;
        Ok(Vouched::new(Arc::clone(&provider), word, claims.subject, factor))
    }
}

impl Memory {
    /// Whoever is asked next is asked for its document anew.
    pub(super) fn forget_documents(&self) {
        self.described.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Whether somebody comes back from the sign-in with this `nonce` for the first time: a provider is asked about each once, whatever
    /// comes of it. That is remembered in memory and not written, since nobody has been believed yet.
    fn comes_back(&self, nonce: &str, now: Timestamp) -> bool {
        let mut known = self.came_back.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains_key(nonce) {
            return false;
        }
        if known.len() >= MOST_CAME_BACK {
            known.retain(|_, at| now.duration_since(*at) <= GOOD_FOR);
        }
        if known.len() < MOST_CAME_BACK {
            known.insert(nonce.to_owned(), now);
        }
        true
    }

    /// What is known of `issuer` and counts still.
    fn kept(&self, issuer: &Issuer, now: Timestamp) -> Option<Result<Endpoints, String>> {
        let kept = self.described.lock().unwrap_or_else(PoisonError::into_inner).get(issuer).cloned();
        let counts = |(at, found): &Described| {
            let age = now.duration_since(*at);
            (SignedDuration::ZERO..if found.is_ok() { DESCRIBED } else { MISSING }).contains(&age)
        };
        kept.filter(counts).map(|(_, found)| found)
    }

    async fn ask(&self, issuers: &Issuers, issuer: &Issuer, now: Timestamp) -> Result<Endpoints, String> {
        let _turn = self.asking.lock().await;
        if let Some(found) = self.kept(issuer, now) {
            return found;
        }
        let found = read(issuers, issuer).await;
        let mut described = self.described.lock().unwrap_or_else(PoisonError::into_inner);
        described.insert(issuer.clone(), (now, found.clone()));
        found
    }

    /// Where a provider is asked, by its own document: of an hour ago at most, so that whoever opens the page has us ask nobody else.
    async fn endpoints(
        &self,
        issuers: &Issuers,
        provider: &Provider,
        now: Timestamp,
    ) -> Result<Endpoints, ProviderError> {
        let issuer = &provider.oidc()?.issuer;
        let found = match self.kept(issuer, now) {
            Some(found) => found,
            None => self.ask(issuers, issuer, now).await,
        };
        found.map_err(|why| ProviderError::Away { title: provider.title.clone(), why })
    }
}

async fn read(issuers: &Issuers, issuer: &Issuer) -> Result<Endpoints, String> {
    let settings = issuers.settings_of(issuer);
    let (url, document) = described(issuers.client(), &settings).await?;
    let says_who = document.get("authorization_response_iss_parameter_supported") == Some(&Value::Bool(true));
    let authorization = address_in(&document, "authorization_endpoint", &url)?;
    if authorization.scheme() != "https" {
        return Err(format!("{url} has an `authorization_endpoint` that is not `https://`"));
    }
    Ok(Endpoints { authorization, token: address_in(&document, "token_endpoint", &url)?, says_who })
}

/// Exchanges the code for a token (RFC 6749, section 4.1.3).
async fn redeem(
    issuers: &Issuers,
    provider: &Provider,
    endpoint: &Url,
    (code, back, verifier): (&str, &str, &str),
) -> Result<Secret<String>, ProviderError> {
    let oidc = provider.oidc()?;
    let (form, authorization) = wanted(oidc, (code, back, verifier));
    let away = |why: String| ProviderError::Away { title: provider.title.clone(), why };
    let reach = issuers.settings_of(&oidc.issuer).reach(false);
    let answer = issuers.client().post_for(endpoint, &reach, (&form, authorization.as_ref()), LONGEST_ANSWER).await;
    let answer = answer.map_err(|error| away(error.to_string()))?;
    let answer = json::object(&answer).map_err(|why| away(format!("its answer cannot be read: {why}")))?;
    let token = answer.get("id_token").and_then(Value::as_str);
    Ok(Secret::new(token.ok_or_else(|| away("its answer has no `id_token`".to_owned()))?.to_owned()))
}

/// The form, and who sends it.
fn wanted(oidc: &Oidc, (code, back, verifier): (&str, &str, &str)) -> (Secret<String>, Option<Secret<String>>) {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", code)
        .append_pair("redirect_uri", back)
        .append_pair("code_verifier", verifier);
    let Some(secret) = &oidc.secret else {
        form.append_pair("client_id", oidc.client_id.as_str());
        return (Secret::new(form.finish()), None);
    };
    // Each half is encoded before they are put together (RFC 6749, section 2.3.1).
    let half = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", half(oidc.client_id.as_str()), half(secret.expose()));
    (Secret::new(form.finish()), Some(Secret::new(format!("Basic {}", STANDARD.encode(pair)))))
}
