//! The token endpoint (RFC 6749, section 3.2): which grant is asked for.
//!
//! Each grant is a file of its own that takes an authenticated client and a form, and answers with tokens. One that is to be added
//! needs an arm here and a word in [`GrantType`].

use serde::Serialize;

use super::authenticate::Shown;
use super::error::Code;
use super::{OauthError, Sso};
use crate::base::Timestamp;
use crate::model::Client;
use crate::model::client::{GrantType, Scope};

/// What a client is given (RFC 6749, section 5.1). It is shown once and written down nowhere.
#[derive(Serialize)]
pub struct Tokens {
    /// An access token.
    pub access_token: String,
    /// How it is shown.
    pub token_type: &'static str,
    /// Seconds that it is good.
    pub expires_in: u32,
    /// What it lets the client have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Who somebody is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// What the next ones are asked for with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// Seconds until no refresh token of this sign-in counts, however often it is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token_expires_in: Option<i64>,
}

impl Sso {
    /// Answers a request for tokens. Blocks.
    ///
    /// # Errors
    /// When the client does not show who it is, may not ask so, or what it brings does not count.
    pub fn token(&self, shown: &Shown<'_>, now: Timestamp) -> Result<Tokens, OauthError> {
        shown.form.required("grant_type")?;
        let client = self.authenticate(shown, now)?;
        self.token_for(&client, shown, now)
    }

    /// As [`Sso::token`], of a client that has shown who it is. Blocks.
    ///
    /// # Errors
    /// When it may not ask so, or what it brings does not count.
    pub fn token_for(&self, client: &Client, shown: &Shown<'_>, now: Timestamp) -> Result<Tokens, OauthError> {
        let asked = shown.form.required("grant_type")?;
        let grant = GrantType::named(asked).ok_or_else(|| {
            OauthError::new(Code::UnsupportedGrantType, "there is no such grant; the discovery document lists them")
        })?;
        if !client.may(grant) {
            let what = "the client is not registered for this grant";
            return Err(OauthError::new(Code::UnauthorizedClient, what));
        }
        let jkt = self.bound_to(client, shown, now)?;
        let shown = &Shown { jkt: jkt.as_deref(), ..*shown };
        match grant {
            GrantType::ClientCredentials => self.client_credentials(client, shown, now),
            GrantType::AuthorizationCode => self.redeem_code(client, shown, now),
            GrantType::DeviceCode => self.redeem_device(client, shown, now),
            // What comes of it is of STS: the route asks there (`http::exchange`).
            GrantType::TokenExchange => Err(OauthError::new(Code::UnsupportedGrantType, "tokens are exchanged by STS")),
            GrantType::RefreshToken => self.refresh(client, shown, now),
        }
    }
}

/// The scopes that `text` names, each once, in their order; all of them are among `most`.
pub(super) fn scopes<'a>(
    text: Option<&str>,
    most: impl Iterator<Item = &'a Scope> + Clone,
) -> Result<Option<Vec<Scope>>, OauthError> {
    let Some(text) = text else { return Ok(None) };
    let mut scopes: Vec<Scope> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let scope = most.clone().find(|scope| scope.as_str() == word);
        let scope = scope.ok_or_else(|| {
            OauthError::new(Code::InvalidScope, &format!("the scope {word} is none that may be asked for here"))
        })?;
        if !scopes.contains(scope) {
            scopes.push(scope.clone());
        }
    }
    Ok(Some(scopes))
}

/// Where somebody's request came from, for the log.
pub(super) fn placed(event: crate::audit::Event, shown: &Shown<'_>) -> crate::audit::Event {
    event.coming(shown.ip, None)
}

/// Whether the client is still the one that was authenticated matters to none: what it is given is looked at again at each use.
pub(super) fn actor(client: &Client) -> crate::model::Actor {
    crate::model::Actor::Client { id: client.id.to_string() }
}
