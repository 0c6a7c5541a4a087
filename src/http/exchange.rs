//! Token exchange at the token endpoint (RFC 8693): who asks is found out by single sign-on, and what they get by STS.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::json;

use super::App;
use super::rate::Payer;
use crate::base::Timestamp;
use crate::model::Client;
use crate::query::QueryError;
use crate::sso::error::Code;
use crate::sso::exchange::{Exchange, Wants, types};
use crate::sso::{OauthError, Shown, Sso};
use crate::sts::exchange::{Exchanged, WantedRole};

/// What a client is given (RFC 8693, section 2.2.1).
#[derive(Serialize)]
struct Given {
    /// Whatever was issued; the member has this name for historical reasons.
    access_token: String,
    issued_token_type: &'static str,
    token_type: &'static str,
    expires_in: i64,
}

/// Answers a request to exchange a token. Blocks.
pub(super) fn answer(
    app: &App,
    sso: &Sso,
    client: &Client,
    shown: &Shown<'_>,
    now: Timestamp,
) -> Result<Response, OauthError> {
    let Exchange { bearer, role, session_name, seconds, wants, .. } = sso.exchange(client, shown, now)?;
    if !app.rates.admit(Payer::Person(bearer.user().id), now) {
        return Err(OauthError::new(Code::TemporarilyUnavailable, "too many calls for this person: wait a moment"));
    }
    let audience = match &wants {
        Wants::AccessToken(audience) => Some(audience.clone()),
        Wants::AwsCredentials => None,
    };
    let wish = WantedRole { role, session_name, seconds, audience };
    let Exchanged { minted, token } = app.sts().exchange(&app.gate, bearer, &wish, now).map_err(|why| told(&why))?;
    let left = |until: Timestamp| until.duration_since(now).as_secs();
    let given = match token {
        Some(token) => Given {
            access_token: token.token.expose().clone(),
            issued_token_type: types::ACCESS_TOKEN,
            token_type: "Bearer",
            expires_in: left(token.expires),
        },
        None => Given {
            access_token: json!({
                "Version": 1,
                "AccessKeyId": minted.session.key().as_str(),
                "SecretAccessKey": minted.secrets.secret.expose(),
                "SessionToken": minted.secrets.token.expose(),
                "Expiration": minted.session.expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            })
            .to_string(),
            issued_token_type: types::AWS_CREDENTIALS,
            // Section 2.2.1: it is no token that is shown as one.
            token_type: "N_A",
            expires_in: left(minted.session.expires),
        },
    };
    Ok(Json(given).into_response())
}

/// A refusal of STS in the words of OAuth: a role that is not given is a scope beyond what the person has.
fn told(error: &QueryError) -> OauthError {
    let code = match error.status {
        403 => Code::InvalidScope,
        400..=499 => Code::InvalidRequest,
        503 => Code::TemporarilyUnavailable,
        _ => Code::ServerError,
    };
    OauthError::new(code, &error.message)
}
