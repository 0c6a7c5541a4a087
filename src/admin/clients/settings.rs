//! The settings of a client, as they are said and shown.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AdminError, usable};
use crate::base::Timestamp;
use crate::model::Client;
use crate::model::client::{
    AuthMethod, ClaimSource, ClientAuth, ClientError, ClientId, GrantType, IdTokenAlg, Lifetimes, RedirectUri, Scope,
    Subjects,
};

/// What can be said of a client. What is not said is as usual in a new one, and stays in one that is changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientSettings {
    /// What people are shown; its id, if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How it shows who it is: by a secret in a header, if nothing is said. It stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<AuthMethod>,
    /// Its public keys (RFC 7517, section 5), with `private_key_jwt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    /// Where people may be sent back to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_uris: Option<Vec<RedirectUri>>,
    /// By which grants it may ask for tokens: by codes and refresh tokens, if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grants: Option<BTreeSet<GrantType>>,
    /// What it may ask for: who somebody is, if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<BTreeSet<Scope>>,
    /// Whom access tokens may be for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audiences: Option<BTreeSet<String>>,
    /// Names of the groups whose people it may sign in; none is everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_groups: Option<BTreeSet<String>>,
    /// Claims besides the standard ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims: Option<BTreeMap<String, ClaimSource>>,
    /// How long its tokens are good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifetimes: Option<Lifetimes>,
    /// By which algorithm its ID tokens are signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_alg: Option<IdTokenAlg>,
    /// How surely people have to be signed in; an empty text is as surely as anywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_acr: Option<String>,
    /// ARNs of roles whose tokens it may exchange its people's tokens for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub may_exchange: Option<BTreeSet<String>>,
    /// Whether people have the same `sub` for it as for others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subjects: Option<Subjects>,
    /// Where people may be sent to when they signed out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_logout_redirect_uris: Option<Vec<RedirectUri>>,
    /// Where it is told that somebody signed out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<RedirectUri>,
    /// It is told of sign-outs no more; an address that is said beside it counts.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_backchannel_logout_uri: bool,
    /// Whether its requests have to be pushed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_par: Option<bool>,
    /// Whether its access tokens are all bound to a key that it shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dpop_bound_access_tokens: Option<bool>,
}

/// What a client may ask for where nothing is said.
const USUAL_SCOPES: [&str; 5] = ["openid", "profile", "email", "groups", "offline_access"];

impl ClientSettings {
    /// A new client with these settings.
    ///
    /// # Errors
    /// When they contradict each other.
    pub fn begin(&self, id: ClientId, auth: ClientAuth, now: Timestamp) -> Result<Client, ClientError> {
        let scopes = USUAL_SCOPES.iter().map(|scope| scope.parse()).collect::<Result<_, _>>()?;
        let mut client = Client {
            name: id.to_string(),
            id,
            auth,
            redirect_uris: Vec::new(),
            grants: BTreeSet::from([GrantType::AuthorizationCode, GrantType::RefreshToken]),
            scopes,
            audiences: BTreeSet::new(),
            allowed_groups: BTreeSet::new(),
            claims: BTreeMap::new(),
            lifetimes: Lifetimes::default(),
            id_token_alg: IdTokenAlg::default(),
            required_acr: None,
            may_exchange: BTreeSet::new(),
            subjects: Subjects::default(),
            post_logout_redirect_uris: Vec::new(),
            backchannel_logout_uri: None,
            require_par: false,
            old_secret: None,
            registration: None,
            dpop_bound_access_tokens: false,
            created: now,
            updated: now,
        };
        self.say(&mut client);
        client.check()?;
        Ok(client)
    }

    /// Makes `client` say what is said here.
    pub(super) fn apply(&self, client: &mut Client) -> Result<(), AdminError> {
        if self.auth.is_some_and(|auth| auth != client.auth.method()) {
            return Err(AdminError::NotNow {
                what: "how a client shows who it is stays".to_owned(),
                remedy: "register another client".to_owned(),
            });
        }
        if let Some(jwks) = self.keys()? {
            client.auth = ClientAuth::new(client.auth.method(), None, Some(jwks))?;
        }
        self.say(client);
        Ok(())
    }

    fn say(&self, client: &mut Client) {
        fn set<T: Clone>(to: &mut T, said: Option<&T>) {
            if let Some(said) = said {
                to.clone_from(said);
            }
        }
        set(&mut client.name, self.name.as_ref());
        set(&mut client.redirect_uris, self.redirect_uris.as_ref());
        set(&mut client.grants, self.grants.as_ref());
        set(&mut client.scopes, self.scopes.as_ref());
        set(&mut client.audiences, self.audiences.as_ref());
        set(&mut client.allowed_groups, self.allowed_groups.as_ref());
        set(&mut client.claims, self.claims.as_ref());
        set(&mut client.lifetimes, self.lifetimes.as_ref());
        set(&mut client.may_exchange, self.may_exchange.as_ref());
        set(&mut client.id_token_alg, self.id_token_alg.as_ref());
        set(&mut client.require_par, self.require_par.as_ref());
        set(&mut client.dpop_bound_access_tokens, self.dpop_bound_access_tokens.as_ref());
        set(&mut client.subjects, self.subjects.as_ref());
        set(&mut client.post_logout_redirect_uris, self.post_logout_redirect_uris.as_ref());
        if let Some(acr) = &self.required_acr {
            client.required_acr = Some(acr.clone()).filter(|acr| !acr.is_empty());
        }
        if self.no_backchannel_logout_uri || self.backchannel_logout_uri.is_some() {
            client.backchannel_logout_uri.clone_from(&self.backchannel_logout_uri);
        }
    }

    /// The keys that are said, as text.
    ///
    /// # Errors
    /// When one of them is of no use.
    pub fn keys(&self) -> Result<Option<String>, ClientError> {
        let Some(jwks) = &self.jwks else { return Ok(None) };
        let text = jwks.to_string();
        usable(&text)?;
        Ok(Some(text))
    }

    pub(super) fn of(client: &Client) -> Self {
        let jwks = match &client.auth {
            ClientAuth::PrivateKeyJwt { jwks } => serde_json::from_str(jwks).ok(),
            _ => None,
        };
        Self {
            name: Some(client.name.clone()),
            auth: Some(client.auth.method()),
            jwks,
            redirect_uris: Some(client.redirect_uris.clone()),
            grants: Some(client.grants.clone()),
            scopes: Some(client.scopes.clone()),
            audiences: Some(client.audiences.clone()),
            allowed_groups: Some(client.allowed_groups.clone()),
            claims: Some(client.claims.clone()),
            lifetimes: Some(client.lifetimes),
            id_token_alg: Some(client.id_token_alg),
            required_acr: client.required_acr.clone(),
            may_exchange: Some(client.may_exchange.clone()),
            subjects: Some(client.subjects),
            post_logout_redirect_uris: Some(client.post_logout_redirect_uris.clone()),
            backchannel_logout_uri: client.backchannel_logout_uri.clone(),
            no_backchannel_logout_uri: false,
            require_par: Some(client.require_par),
            dpop_bound_access_tokens: Some(client.dpop_bound_access_tokens),
        }
    }
}
