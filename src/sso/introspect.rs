//! What is told about a token (RFC 7662): to a client that shows who it is, of a token that was given to it or is for it. Of any
//! other it is told what is told of garbage.

use serde::Serialize;

use super::access_token::{Audience, Confirmation, Standing};
use super::authenticate::Shown;
use super::error::Code;
use super::{OauthError, Sso, dpop};
use crate::base::Timestamp;
use crate::model::Client;

/// The answer (RFC 7662, section 2.2). Nothing more is said of a token that does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Introspection {
    /// It counts now.
    Active(Box<About>),
    /// It does not, or not for whoever asks.
    Inactive {
        /// Always false.
        active: bool,
    },
}

/// What is told of a token that counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct About {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    iss: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<Audience>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<Confirmation>,
}

const INACTIVE: Introspection = Introspection::Inactive { active: false };

impl Sso {
    /// Answers a question about a token. Blocks.
    ///
    /// # Errors
    /// When the client does not show who it is; when the store cannot be read.
    pub fn introspect(&self, shown: &Shown<'_>, now: Timestamp) -> Result<Introspection, OauthError> {
        let client = self.authenticate(shown, now)?;
        if client.is_public() {
            // Anybody could ask in its name (RFC 7662, section 2.1).
            return Err(OauthError::new(Code::InvalidClient, "only a client that shows who it is may ask"));
        }
        let token = shown.form.required("token")?;
        match self.standing_of(token, now)? {
            Standing::Counts(claims)
                if claims.client_id == client.id.as_str() || claims.aud.has(client.id.as_str()) =>
            {
                Ok(Introspection::Active(Box::new(About {
                    active: true,
                    scope: claims.scope,
                    client_id: claims.client_id,
                    token_type: Some(dpop::token_type(claims.cnf.as_ref().map(|cnf| cnf.jkt.as_str()))),
                    iss: claims.iss,
                    sub: Some(claims.sub),
                    aud: Some(claims.aud),
                    exp: Some(claims.exp),
                    iat: Some(claims.iat),
                    jti: Some(claims.jti),
                    auth_time: claims.auth_time,
                    acr: claims.acr,
                    cnf: claims.cnf,
                })))
            }
            Standing::Counts(_) => Ok(INACTIVE),
            Standing::Not => self.of_refresh_token(&client, token, now),
        }
    }

    fn of_refresh_token(&self, client: &Client, token: &str, now: Timestamp) -> Result<Introspection, OauthError> {
        let Some((family, true)) = self.family_of_refresh_token(client, token, now)? else { return Ok(INACTIVE) };
        if self.person(client, &family.consent, now)?.is_err() {
            return Ok(INACTIVE);
        }
        Ok(Introspection::Active(Box::new(About {
            active: true,
            scope: Some(family.consent.scope()),
            client_id: client.id.to_string(),
            iss: self.issuer.to_string(),
            sub: Some(self.subject(client, &family.consent.user, now)?),
            exp: Some(family.expires.as_second()),
            iat: Some(family.created.as_second()),
            cnf: family.jkt.map(|jkt| Confirmation { jkt }),
            ..About::default()
        })))
    }
}
