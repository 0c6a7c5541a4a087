//! Who somebody is, for who has an access token of them (OpenID Connect Core 1.0, section 5.3): as they are now.

use serde_json::{Map, Value};

use super::access_token::Standing;
use super::claims::Place;
use super::error::Code;
use super::{OauthError, Sso};
use crate::base::Timestamp;
use crate::model::client::Scope;
use crate::model::token_family::Consent;

impl Sso {
    /// What `token` lets its holder know. Blocks.
    ///
    /// # Errors
    /// When it does not count, is for others, or does not reach so far; when the store cannot be read.
    pub fn userinfo(&self, token: &str, now: Timestamp) -> Result<Map<String, Value>, OauthError> {
        let Standing::Counts(claims) = self.standing_of(token, now)? else { return Err(OauthError::token()) };
        // A token that is for an API alone must not tell the API who somebody is.
        let Some(family) = claims.fid.filter(|_| claims.aud.has(self.issuer.as_str())) else {
            return Err(OauthError::token());
        };
        let id = claims.client_id.parse().map_err(|_| OauthError::token())?;
        let (known, held) = (self.admin.known_client(&id)?, self.counting_family(&family, now)?);
        let (Some((client, _)), Some(held)) = (known, held) else { return Err(OauthError::token()) };
        let Ok(person) = self.person(&client, &held.value.consent, now)? else { return Err(OauthError::token()) };
        // A token may reach less far than the family.
        let scopes: Vec<Scope> = claims.scope.iter().flat_map(|scope| scope.split(' ')).flat_map(str::parse).collect();
        let consent = Consent { scopes, ..held.value.consent };
        if !consent.has("openid") {
            let what = "the token is not of a sign-in: it lacks the scope openid";
            return Err(OauthError::new(Code::InsufficientScope, what));
        }
        let mut told = self.claims_of(&person, &client, &consent, Place::Userinfo, now)?;
        told.insert("sub".to_owned(), claims.sub.into());
        Ok(told)
    }
}
