//! Single sign-on of a daemon, as the client that `bailey login` is: asks for tokens, exchanges them, gives them back.

use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::keys::Keys;
use super::service::{Form, Service, ServiceError};
use super::tokens::Tokens;
use crate::base::clock::{Clock as _, SystemClock, later};
use crate::base::text::printable;
use crate::base::{Secret, Timestamp};
use crate::model::client::GrantType;
use crate::sso::cli;
use crate::sso::exchange::types;
use crate::sso::metadata::paths;

/// What the daemon says of itself, as far as a sign-in needs it (RFC 8414, section 2).
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
}

/// What it answers to a device (RFC 8628, section 3.2).
#[derive(Deserialize)]
pub(super) struct DeviceAnswer {
    pub(super) device_code: String,
    pub(super) user_code: String,
    pub(super) verification_uri: String,
    pub(super) expires_in: u32,
    #[serde(default = "five")]
    pub(super) interval: u32,
}

fn five() -> u32 {
    5
}

/// Tokens as they are told. `Secret` takes the texts over; nothing prints this.
#[derive(Deserialize)]
struct Told {
    access_token: String,
    expires_in: i64,
    #[serde(default)]
    id_token: Option<String>,
    #[serde(default)]
    refresh_token: Option<String>,
    #[serde(default)]
    refresh_token_expires_in: Option<i64>,
}

/// Who signed in, as the ID token says. It came from the daemon itself over TLS, so nothing is verified of it but whom it is for
/// (OpenID Connect Core 1.0, section 3.1.3.7, step 6).
#[derive(Debug, Deserialize)]
pub(super) struct Said {
    pub(super) arn: String,
    aud: String,
    #[serde(default)]
    nonce: Option<String>,
}

/// Tokens, and whose they are.
pub(super) struct SignedIn {
    pub(super) tokens: Tokens,
    pub(super) said: Said,
}

/// Credentials as an exchange tells them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: Timestamp,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    error_description: String,
}

impl Service {
    /// Whether single sign-on is on there, under this very address: an answer of another issuer would be another's (RFC 8414,
    /// section 3.3).
    pub(super) async fn single_sign_on(&self) -> Result<(), ServiceError> {
        let (status, body) = self.get(paths::OAUTH).await?;
        if status == 404 {
            return Err(ServiceError::Refused {
                code: "not_found".to_owned(),
                message: "single sign-on is off there; sign in with your password: bailey login --password".to_owned(),
                status,
            });
        }
        let told: Metadata = read(status, &body)?;
        if told.issuer == self.url() {
            return Ok(());
        }
        let why = format!("it calls itself {}; say --url with that address", printable(&told.issuer));
        Err(ServiceError::Unreadable { why })
    }

    /// Begins a sign-in of a device.
    pub(super) async fn device(&self, step_up: bool) -> Result<DeviceAnswer, ServiceError> {
        let scope = cli::SCOPES.join(" ");
        let own = [("client_id", cli::ID), ("scope", scope.as_str())];
        let more = [("acr_values", "mfa"), ("max_age", cli::FACTOR_AGE)];
        let form = form(&[&own[..], if step_up { &more } else { &[] }].concat());
        let (status, body) = self.post_to(paths::DEVICE_AUTHORIZATION, &form).await?;
        read(status, &body)
    }

    /// Tokens for what `params` show, `nonce` being in the ID token where one was asked for.
    pub(super) async fn tokens(&self, params: &[(&str, &str)], nonce: Option<&str>) -> Result<SignedIn, ServiceError> {
        let told = self.ask_tokens(params).await?;
        let said = told.id_token.as_deref().and_then(said);
        let said = said.filter(|said| said.aud == cli::ID && said.nonce.as_deref() == nonce);
        let said = said.ok_or_else(|| unreadable("its ID token is none for this program"))?;
        Ok(SignedIn { tokens: tokens(told)?, said })
    }

    /// The next tokens.
    pub(super) async fn refreshed(&self, refresh: &Secret<String>) -> Result<Tokens, ServiceError> {
        let grant = GrantType::RefreshToken.name();
        tokens(self.ask_tokens(&[("grant_type", grant), ("refresh_token", refresh.expose())]).await?)
    }

    async fn ask_tokens(&self, params: &[(&str, &str)]) -> Result<Told, ServiceError> {
        let form = form(&[&[("client_id", cli::ID)], params].concat());
        let (status, body) = self.post_to(paths::TOKEN, &form).await?;
        read(status, &body)
    }

    /// A session of the role `arn` for whoever has `access`; `more` are parameters besides.
    ///
    /// # Errors
    /// When there is no answer, or it is a no.
    pub async fn exchange(
        &self,
        access: &Secret<String>,
        arn: &str,
        more: &[(&str, &str)],
    ) -> Result<Keys, ServiceError> {
        let own = [
            ("grant_type", GrantType::TokenExchange.name()),
            ("client_id", cli::ID),
            ("subject_token", access.expose()),
            ("subject_token_type", types::ACCESS_TOKEN),
            ("requested_token_type", types::AWS_CREDENTIALS),
            ("scope", arn),
        ];
        let (status, body) = self.post_to(paths::TOKEN, &form(&[&own, more].concat())).await?;
        let told: Told = read(status, &body)?;
        let document = Zeroizing::new(told.access_token);
        let told: Credentials = serde_json::from_str(&document).map_err(|_| unreadable("its credentials are none"))?;
        let now = SystemClock.now();
        let keys = Keys {
            access_key_id: told.access_key_id,
            secret: Secret::new(told.secret_access_key),
            token: Secret::new(told.session_token),
            begun: now,
            expires: told.expiration,
        };
        if keys.left(now).is_none() {
            return Err(ServiceError::Over { expires: keys.expires, now });
        }
        Ok(keys)
    }

    /// Gives a refresh token back: all that came of it ends.
    pub(super) async fn revoke(&self, refresh: &Secret<String>) -> Result<(), ServiceError> {
        let form = form(&[("client_id", cli::ID), ("token", refresh.expose())]);
        let (status, body) = self.post_to(paths::REVOKE, &form).await?;
        if status == 200 { Ok(()) } else { Err(refusal(status, &body)) }
    }
}

fn form(params: &[(&str, &str)]) -> Form {
    Zeroizing::new(url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish())
}

fn tokens(told: Told) -> Result<Tokens, ServiceError> {
    let now = SystemClock.now();
    let ends = |seconds: i64| later(now, jiff::SignedDuration::from_secs(seconds));
    let (Some(refresh), Some(lasts)) = (told.refresh_token, told.refresh_token_expires_in) else {
        return Err(unreadable("it gives no refresh token that has an end"));
    };
    Ok(Tokens {
        refresh: Secret::new(refresh),
        access: Secret::new(told.access_token),
        access_expires: ends(told.expires_in),
        expires: ends(lasts),
    })
}

/// What an ID token says.
fn said(token: &str) -> Option<Said> {
    use base64::Engine as _;
    let claims = token.split('.').nth(1)?;
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).ok()?;
    serde_json::from_slice(&claims).ok()
}

/// The reader's own words would quote what it read, which may be a secret.
fn read<T: serde::de::DeserializeOwned>(status: u16, body: &str) -> Result<T, ServiceError> {
    if status != 200 {
        return Err(refusal(status, body));
    }
    serde_json::from_str(body).map_err(|_| unreadable("it is no answer of single sign-on"))
}

fn refusal(status: u16, body: &str) -> ServiceError {
    let told = serde_json::from_str::<Value>(body).and_then(serde_json::from_value::<Refusal>);
    match told {
        Ok(Refusal { error, error_description }) => {
            let message = if error_description.is_empty() { "no reason is told".to_owned() } else { error_description };
            let (code, message) = (printable(&error).into_owned(), printable(&message).into_owned());
            ServiceError::Refused { code, message, status }
        }
        Err(_) => unreadable(&format!("status {status}")),
    }
}

fn unreadable(why: &str) -> ServiceError {
    ServiceError::Unreadable { why: why.to_owned() }
}
