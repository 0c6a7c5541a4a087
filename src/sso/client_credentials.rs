//! A client asks for itself (RFC 6749, section 4.4): nobody is behind the token, and it says so: its `sub` is the client's id.

use super::access_token::{Holder, event};
use super::authenticate::Shown;
use super::error::Code;
use super::grants::{self, Tokens};
use super::{OauthError, Sso, dpop};
use crate::audit::Outcome;
use crate::base::Timestamp;
use crate::model::Client;
use crate::model::client::Scope;

/// Scopes about people: of a client itself there is nothing of that to be had.
const OF_PEOPLE: [&str; 6] = ["openid", "profile", "email", "groups", "roles", "offline_access"];

impl Sso {
    /// Blocks.
    pub(super) fn client_credentials(
        &self,
        client: &Client,
        shown: &Shown<'_>,
        now: Timestamp,
    ) -> Result<Tokens, OauthError> {
        if client.is_public() {
            return Err(OauthError::new(Code::UnauthorizedClient, "a public client has no credentials"));
        }
        let own = client.scopes.iter().filter(|scope| !OF_PEOPLE.contains(&scope.as_str()));
        let scopes = grants::scopes(shown.form.text("scope"), own.clone())?;
        let scopes: Vec<Scope> = scopes.unwrap_or_else(|| own.cloned().collect());
        let audience = self.audience(client, shown.form.text("resource"))?;
        let made = self.make_access_token(client, &Holder::Client(&scopes), audience, shown.jkt, now)?;
        let event = grants::placed(event(client, "client_credentials").with("jti", made.jti.as_str()), shown);
        // On disk before the answer: a token that nobody wrote down is one that nobody can find.
        let recorded = self.admin.audit.record(&grants::actor(client), &event, &Outcome::success(), now);
        recorded.map_err(|error| OauthError::ours(&error))?;
        let scope = scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ");
        Ok(Tokens {
            access_token: made.token.expose().clone(),
            token_type: dpop::token_type(shown.jkt),
            expires_in: made.seconds,
            scope: Some(scope).filter(|scope| !scope.is_empty()),
            id_token: None,
            refresh_token: None,
            refresh_token_expires_in: None,
        })
    }
}
