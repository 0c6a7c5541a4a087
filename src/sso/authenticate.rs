//! Which client a request is of, and how it shows that (RFC 6749, section 2.3).
//!
//! One method a request, the one that the client is registered for (RFC 6749, section 2.3). Whoever is refused learns that they are and not
//! whether there is such a client; the log says more, within limits.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::Code;
use super::form::{Form, decoded};
use super::{OauthError, Sso, assertion};
use crate::base::{RequestId, Secret, Timestamp};
use crate::gate::Proof;
use crate::model::Client;
use crate::model::client::{AuthMethod, ClientAuth, ClientId, SecretHash};
use crate::store::Intent;

/// A request, as far as it matters here.
pub struct Shown<'a> {
    /// The header `Authorization`.
    pub authorization: Option<&'a str>,
    /// Its form.
    pub form: &'a Form,
    /// Where it comes from.
    pub ip: Option<IpAddr>,
    /// What the request is called.
    pub request: Option<RequestId>,
    /// The header `DPoP`: a proof that the sender holds a key.
    pub dpop: Option<&'a str>,
    /// What that key is known by, once the proof was looked at: tokens are bound to it.
    pub jkt: Option<&'a str>,
}

/// What a client shows.
enum Evidence {
    Secret(AuthMethod, Secret<String>),
    Assertion(String),
    Nothing,
}

const REFUSED: &str = "the client did not show who it is in the way that it is registered for";

impl Sso {
    /// The client that a request is of. Blocks.
    ///
    /// # Errors
    /// When it does not show who it is; when the store cannot be read.
    pub fn authenticate(&self, shown: &Shown<'_>, now: Timestamp) -> Result<Client, OauthError> {
        self.authenticate_to(Intent::Widen, shown, now)
    }

    /// As [`Sso::authenticate`], for what it wants to do: on a full disk a client that shows itself by an assertion can give back
    /// what it has, although it is written down that the assertion was used, and can get nothing.
    pub(super) fn authenticate_to(
        &self,
        intent: Intent,
        shown: &Shown<'_>,
        now: Timestamp,
    ) -> Result<Client, OauthError> {
        let (id, evidence) = evidence(shown)?;
        let known = match &id {
            Some(id) => self.admin.known_client(id)?.map(|(client, _)| client),
            None => None,
        };
        let why = match &known {
            None => {
                // As long as for a client that is there.
                if let Evidence::Secret(_, secret) = &evidence {
                    let _ = std::hint::black_box(SecretHash::of(secret).is_of(secret));
                }
                Some("there is no such client".to_owned())
            }
            Some(client) => self.judge(client, &evidence, intent, now)?,
        };
        match (known, why) {
            (Some(client), None) => Ok(client),
            (_, why) => {
                let client = id.map_or_else(|| "none".to_owned(), |id| id.to_string());
                let about = vec![("client", client)];
                self.gate.refuse_proof(Proof::Client, (shown.ip, shown.request), about, &why.unwrap_or_default(), now);
                Err(OauthError::new(Code::InvalidClient, REFUSED))
            }
        }
    }

    /// Why `evidence` does not show that it is `client`, if so.
    fn judge(
        &self,
        client: &Client,
        evidence: &Evidence,
        intent: Intent,
        now: Timestamp,
    ) -> Result<Option<String>, OauthError> {
        let counts = match (&client.auth, evidence) {
            (ClientAuth::ClientSecretBasic { secret }, Evidence::Secret(AuthMethod::ClientSecretBasic, shown))
            | (ClientAuth::ClientSecretPost { secret }, Evidence::Secret(AuthMethod::ClientSecretPost, shown)) => {
                let is_old = client.old_secret.as_ref().is_some_and(|old| old.admits(shown, now));
                if !secret.is_of(shown) && !is_old {
                    return Ok(Some("the secret is another".to_owned()));
                }
                true
            }
            (ClientAuth::PrivateKeyJwt { jwks }, Evidence::Assertion(token)) => {
                match self.accept_assertion((&client.id, jwks), token, intent, now) {
                    Ok(()) => true,
                    Err(assertion::Refused::Because(why)) => return Ok(Some(format!("the assertion: {why}"))),
                    Err(assertion::Refused::Store(error)) => return Err(error.into()),
                }
            }
            (ClientAuth::None, Evidence::Nothing) => true,
            _ => false,
        };
        let method = client.auth.method().name();
        Ok((!counts).then(|| format!("it is registered for `{method}` and shows something else")))
    }
}

/// Whom a request says that it is of, and by what it shows that.
fn evidence(shown: &Shown<'_>) -> Result<(Option<ClientId>, Evidence), OauthError> {
    let form = shown.form;
    let assertion = form.text("client_assertion");
    let methods = [
        shown.authorization.is_some(),
        form.text("client_secret").is_some(),
        assertion.is_some() || form.text("client_assertion_type").is_some(),
    ];
    if methods.iter().filter(|used| **used).count() > 1 {
        return Err(OauthError::request("a client shows who it is in one way, and this request uses several"));
    }
    let named = form.text("client_id");
    // An id of another form is nobody's.
    let read = |id: Option<&str>| id.and_then(|id| id.parse().ok());
    let (id, evidence) = if let Some(header) = shown.authorization {
        let (id, secret) = basic(header)?;
        (Some(id), Evidence::Secret(AuthMethod::ClientSecretBasic, secret))
    } else if let Some(secret) = form.text("client_secret") {
        (None, Evidence::Secret(AuthMethod::ClientSecretPost, Secret::new(secret.to_owned())))
    } else if let Some(token) = assertion {
        if form.text("client_assertion_type") != Some(assertion::TYPE) {
            return Err(OauthError::request("client_assertion_type must be the one of RFC 7523"));
        }
        (assertion::claimed(token).map(|id| id.to_string()), Evidence::Assertion(token.to_owned()))
    } else {
        (None, Evidence::Nothing)
    };
    match (named, id) {
        (Some(named), Some(id)) if *named != *id => Err(OauthError::request("client_id names another client")),
        (Some(named), _) => Ok((read(Some(named)), evidence)),
        (None, Some(id)) => Ok((read(Some(&id)), evidence)),
        (None, None) => Err(OauthError::new(Code::InvalidClient, "the request does not say of which client it is")),
    }
}

/// Id and secret of a header (RFC 6749, section 2.3.1): both are encoded as in a form before they are joined.
fn basic(header: &str) -> Result<(String, Secret<String>), OauthError> {
    let wrong = || OauthError::new(Code::InvalidClient, "the header Authorization is not that of HTTP Basic");
    let (scheme, text) = header.split_once(' ').ok_or_else(wrong)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(wrong());
    }
    let text = STANDARD.decode(text.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = zeroize::Zeroizing::new(text.ok_or_else(wrong)?);
    let (id, secret) = text.split_once(':').ok_or_else(wrong)?;
    let secret = Secret::new(decoded(secret)?);
    Ok((decoded(id)?, secret))
}
