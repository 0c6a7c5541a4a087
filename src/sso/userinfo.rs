//! Who somebody is, for who has an access token of them (OpenID Connect Core 1.0, section 5.3): as they are now.

use serde_json::{Map, Value};

use super::access_token::Standing;
use super::claims::Place;
use super::dpop::Target;
use super::error::Code;
use super::metadata::paths;
use super::{OauthError, Sso};
use crate::base::Timestamp;
use crate::model::client::Scope;
use crate::model::token_family::Consent;

/// An access token, as it is shown.
#[derive(Debug)]
pub struct ShownToken<'a> {
    /// It.
    pub token: &'a str,
    /// The proof beside it, where it is shown as one that is bound to a key.
    pub proof: Option<&'a str>,
    /// The method of the request.
    pub method: &'a str,
}

impl Sso {
    /// What an access token lets its holder know. Blocks.
    ///
    /// # Errors
    /// When it does not count, is for others, does not reach so far, or is bound to a key that was not shown; when the store fails.
    pub fn userinfo(&self, shown: &ShownToken<'_>, now: Timestamp) -> Result<Map<String, Value>, OauthError> {
        let Standing::Counts(claims) = self.standing_of(shown.token, now)? else { return Err(OauthError::token()) };
        match (&claims.cnf, shown.proof) {
            (None, None) => {}
            (Some(cnf), Some(proof)) => {
                let access_token = Some(shown.token);
                let target = Target { method: shown.method, path: paths::USERINFO, access_token };
                if self.prove(proof, target, now)? != cnf.jkt {
                    return Err(OauthError::token());
                }
            }
            // One that is bound is none for who shows it alone (RFC 9449, section 7.1), nor is another made more by a proof.
            (Some(_), None) | (None, Some(_)) => return Err(OauthError::token()),
        }
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
