//! Outside providers by which people sign in here who have no account of ours: those of another firm, by its own.
//!
//! Owns their registry and, of those that speak OpenID Connect, our side of the authorization code flow (OpenID Connect Core 1.0, section
//! 3.1): where somebody is sent to, what they bring back, and what has to agree with what. The token that comes of it is verified as every
//! token of an issuer is ([`super::Issuers`]). Whom it means here is not decided by it: an issuer and a subject are looked up, and nothing
//! else of it is (threats O9). The same of those that speak SAML is in `authn/saml`.
//!
//! ```text
//!  begin: state, nonce, verifier --sealed, in a cookie--+
//!    |                                                  |
//!    +--> the provider --code, state, iss--> redeem: same browser, same provider, in time --> its token --nonce--> who it is
//! ```
//!
//! Each provider has an address of its own that it sends people back to, and the answer of one is never taken for another's (RFC 9700,
//! section 2.1; RFC 9207): the name is sealed with the rest, and where the provider names itself, that has to be it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::keeping::{address_in, described};
pub use super::provider::{By, Oidc, Provider, Vouched};
use super::{Issuers, WebIdentityError, json};
use crate::base::{Fault, Faulty, OidcProviderId, Secret, Timestamp};
use crate::keys::{Keys, KeysError};
use crate::model::{Actor, Issuer, OidcProvider, OutsideIssuer, Tags};
use crate::store::schema::sso::Spent;
use crate::store::{Commit, Intent, Store, StoreError};

/// How long somebody may be away at the provider.
const GOOD_FOR: SignedDuration = SignedDuration::from_mins(10);

/// How long its document counts, and how long that there is none.
const DESCRIBED: SignedDuration = SignedDuration::from_hours(1);
const MISSING: SignedDuration = SignedDuration::from_secs(30);

/// How old the token may be that comes of it.
const FRESH: SignedDuration = SignedDuration::from_mins(5);

/// Longest answer of a token endpoint, in bytes.
const LONGEST_ANSWER: usize = 64 << 10;

/// For whom what is begun is sealed.
const OWNER: &str = "outside-sign-in";

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

/// A sign-in that was begun, as it lies sealed in a browser.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pending<T> {
    provider: String,
    state: String,
    /// That, or the ID of a request of SAML.
    nonce: String,
    verifier: String,
    begun: Timestamp,
    /// What it is begun for.
    pub purpose: T,
}

/// Where a provider is asked.
#[derive(Debug, Clone)]
struct Endpoints {
    authorization: Url,
    token: Url,
    /// It always names itself in its answers.
    says_who: bool,
}

/// Why nobody signed in.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// There is none of that name.
    #[error("nobody signs in by that name here")]
    Unknown,
    /// What was brought back was not asked for here, or too long ago.
    #[error("that sign-in was not begun in this browser, or too long ago: begin again")]
    NotBegun,
    /// The provider let nobody in.
    #[error("{title} did not sign you in ({error})")]
    Refused {
        /// The provider.
        title: String,
        /// What it says.
        error: String,
    },
    /// What it says is not believed.
    #[error("what {title} says of you is not accepted; the log here says why")]
    NotBelieved {
        /// The provider.
        title: String,
        /// Why not.
        why: String,
    },
    /// It does not answer.
    #[error("{title} does not answer as it should: try again in a moment; the log here says more")]
    Away {
        /// The provider.
        title: String,
        /// Why not.
        why: String,
    },
    /// It is nothing that could be judged.
    #[error("what came from the provider cannot be read")]
    Malformed(String),
    /// Nothing can be sealed.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// It cannot be written down that it was come back from.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Faulty for ProviderError {
    fn fault(&self) -> Fault {
        match self {
            Self::Unknown | Self::NotBegun | Self::Refused { .. } | Self::NotBelieved { .. } | Self::Malformed(_) => {
                Fault::Caller
            }
            Self::Away { .. } => Fault::Operator,
            Self::Keys(error) => error.fault(),
            Self::Store(error) => error.fault(),
        }
    }
}

/// The providers of the configuration; a reload exchanges them.
#[derive(Debug, Default)]
pub struct Providers {
    all: RwLock<Vec<Arc<Provider>>>,
    described: Mutex<BTreeMap<Issuer, Described>>,
    /// Held by the one who asks for a document: of many who open a page at once one has us ask.
    asking: tokio::sync::Mutex<()>,
}

/// When an issuer was asked for its document, and what came of it.
type Described = (Timestamp, Result<Endpoints, String>);

impl Providers {
    /// These.
    #[must_use]
    pub fn new(all: Vec<Provider>) -> Self {
        let new = Self::default();
        new.replace(all);
        new
    }

    /// From now on these.
    pub fn replace(&self, all: Vec<Provider>) {
        *self.all.write().unwrap_or_else(PoisonError::into_inner) = all.into_iter().map(Arc::new).collect();
        self.described.lock().unwrap_or_else(PoisonError::into_inner).clear();
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

    /// Where to send somebody who is to come back to `back`, and what their browser has to keep meanwhile; `chance` nobody can guess.
    ///
    /// # Errors
    /// When there is no such provider, or it does not say where.
    pub async fn begin<T>(
        &self,
        issuers: &Issuers,
        (name, back): (&str, &str),
        (purpose, chance): (T, [[u8; 32]; 3]),
        now: Timestamp,
    ) -> Result<(Url, Pending<T>), ProviderError> {
        let provider = self.named(name).ok_or(ProviderError::Unknown)?;
        let oidc = provider.oidc()?;
        let [state, nonce, verifier] = chance.map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        let mut url = self.endpoints(issuers, &provider, now).await?.authorization;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", oidc.client_id.as_str())
            .append_pair("redirect_uri", back)
            .append_pair("scope", "openid")
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier)))
            .append_pair("code_challenge_method", "S256");
        Ok((url, Pending { provider: provider.name.clone(), state, nonce, verifier, begun: now, purpose }))
    }

    /// Who somebody is who came back to the address of the provider `name` with `answer`, in the browser that `pending` was kept in.
    ///
    /// # Errors
    /// When it does not go with what was begun, or the provider does not vouch for them in a way that is believed.
    pub async fn redeem<T>(
        &self,
        issuers: &Issuers,
        (name, back): (&str, &str),
        pending: &Pending<T>,
        answer: Answer<'_>,
        now: Timestamp,
    ) -> Result<Vouched, ProviderError> {
        let in_time = (SignedDuration::ZERO..=GOOD_FOR).contains(&now.duration_since(pending.begun));
        if pending.provider != name || answer.state != Some(pending.state.as_str()) || !in_time {
            return Err(ProviderError::NotBegun);
        }
        let provider = self.named(name).ok_or(ProviderError::Unknown)?;
        let oidc = provider.oidc()?;
        let not_believed = |why: String| ProviderError::NotBelieved { title: provider.title.clone(), why };
        let endpoints = self.endpoints(issuers, &provider, now).await?;
        let iss = answer.iss.map(|said| said == oidc.issuer.url());
        if iss == Some(false) || iss.is_none() && endpoints.says_who {
            return Err(not_believed("its answer is another issuer's, or nobody's (RFC 9207)".to_owned()));
        }
        let code = match (answer.code, answer.error) {
            (Some(code), None) => code,
            (_, error) => {
                let error = crate::base::text::printable(error.unwrap_or("no code")).into_owned();
                return Err(ProviderError::Refused { title: provider.title.clone(), error });
            }
        };
        let token = redeem(issuers, &provider, &endpoints.token, (code, back, &pending.verifier)).await?;
        let identity = issuers.verify(&registered(&provider, oidc, now), &token, now).await;
        let identity = identity.map_err(|error| match error {
            WebIdentityError::Away { .. } => {
                ProviderError::Away { title: provider.title.clone(), why: error.to_string() }
            }
            error => not_believed(error.to_string()),
        })?;
        let wanted = format!("{}:nonce", oidc.issuer.as_str());
        let nonce = identity.context().find(|(key, _)| *key == wanted).map(|(_, values)| values);
        if nonce != Some(std::slice::from_ref(&pending.nonce)) {
            return Err(not_believed("its token was not made for this sign-in: the `nonce` is another".to_owned()));
        }
        if identity.issued().is_none_or(|issued| now.duration_since(issued) > FRESH) {
            return Err(not_believed("its token is old, or does not say when it was made".to_owned()));
        }
        let factor = identity.amr().iter().any(|word| provider.second_factor.contains(word));
        let issuer = OutsideIssuer::Oidc(identity.issuer().clone());
        Ok(Vouched::new(Arc::clone(&provider), (issuer, identity.subject().to_owned()), factor))
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

/// The provider as tokens are verified for one.
fn registered(provider: &Provider, oidc: &Oidc, now: Timestamp) -> OidcProvider {
    OidcProvider {
        id: OidcProviderId::from_bytes([0; 16]),
        account: provider.account.clone(),
        issuer: oidc.issuer.clone(),
        clients: BTreeSet::from([oidc.client_id.clone()]),
        thumbprints: Vec::new(),
        created: now,
        tags: Tags::default(),
    }
}

impl<T> Pending<T> {
    /// A sign-in that was begun at the SAML provider `provider`, by a request called `id`.
    pub(in crate::authn) fn of_request(provider: &str, id: String, begun: Timestamp, purpose: T) -> Self {
        let (state, verifier) = (String::new(), String::new());
        Self { provider: provider.to_owned(), state, nonce: id, verifier, begun, purpose }
    }

    /// What the request was called that was made of the SAML provider `provider`, no longer ago than `within`.
    pub(in crate::authn) fn request(&self, provider: &str, within: SignedDuration, now: Timestamp) -> Option<&str> {
        let in_time = (SignedDuration::ZERO..=within).contains(&now.duration_since(self.begun));
        let fits = self.provider == provider && in_time && self.verifier.is_empty();
        fits.then_some(self.nonce.as_str())
    }

    /// Somebody comes back from it, which counts once, whatever comes of it: of two at once one does. Blocks.
    ///
    /// # Errors
    /// When somebody did before, or it cannot be written down.
    pub fn spend(&self, store: &Store, now: Timestamp) -> Result<(), ProviderError> {
        let until = self.begun.saturating_add(GOOD_FOR).unwrap_or(Timestamp::MAX);
        let mut commit = Commit::new(Actor::task("sign-in"), now, Intent::Widen);
        commit.spend(Spent::SignIn, &Sha256::digest(&self.nonce).into(), until)?;
        match store.commit(commit) {
            Ok(_) => Ok(()),
            Err(StoreError::Conflict { .. }) => Err(ProviderError::NotBegun),
            Err(error) => Err(error.into()),
        }
    }
}

impl<T: Serialize + for<'de> Deserialize<'de>> Pending<T> {
    /// Sealed, as text for a browser.
    ///
    /// # Errors
    /// When there is no master key.
    pub fn seal(&self, keys: &Keys) -> Result<String, KeysError> {
        keys.seal_to_text(OWNER, self)
    }

    /// What a browser kept. `None` of anything that was not sealed here.
    #[must_use]
    pub fn open(keys: &Keys, text: &str) -> Option<Self> {
        keys.open_text(OWNER, text)
    }
}
