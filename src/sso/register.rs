//! Software registers itself as a client, by a token that an administrator made (RFC 7591), looks at what it registered, and takes
//! it back (RFC 7592).
//!
//! What may be registered is less than what an administrator may: people are signed in, and those of the groups alone that the
//! configuration names; nothing is exchanged for roles, no audience is another's, no claim is anything but a standard one. Each
//! registration is one use of the token, in the commit that writes the client.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::Code;
use super::metadata::{SCOPES, paths};
use super::{OauthError, Sso};
use crate::admin::clients::ClientSettings;
use crate::audit::{Event, Outcome, Trace};
use crate::base::{Secret, Timestamp};
use crate::model::client::{
    AuthMethod, ClientAuth, ClientError, ClientId, GrantType, IdTokenAlg, MOST, RedirectUri, RegistrationToken, Scope,
    SecretHash, SelfRegistered, Subjects,
};
use crate::model::logout_notice::Address;
use crate::model::{Actor, Client};
use crate::store::iam::Read;
use crate::store::{Commit, Intent, LONGEST_VALUE, StoreError, sso};

/// How often it is tried anew while others register by the same token. Each try loses to somebody who got on.
const TRIES: usize = 64;

/// What a client says of itself (RFC 7591, section 2; OpenID Connect Dynamic Client Registration 1.0, section 2). What is not known
/// here is ignored.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Metadata {
    redirect_uris: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_endpoint_auth_method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_types: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_types: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks: Option<Value>,
    #[serde(skip_serializing)]
    jwks_uri: Option<Value>,
    #[serde(skip_serializing)]
    software_statement: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token_signed_response_alg: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject_type: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    post_logout_redirect_uris: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backchannel_logout_uri: Option<String>,
    require_pushed_authorization_requests: bool,
    dpop_bound_access_tokens: bool,
}

/// The answer (RFC 7591, section 3.2.1; RFC 7592, section 3).
#[derive(Serialize)]
pub struct Registered {
    client_id: String,
    client_id_issued_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    /// Never, in the way of the RFC.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<u32>,
    registration_access_token: String,
    registration_client_uri: String,
    #[serde(flatten)]
    metadata: Metadata,
}

impl Sso {
    /// Registers a client that says this of itself, by a token that is shown. Blocks.
    ///
    /// # Errors
    /// When the token does not count, a client cannot be so, or it cannot be written.
    pub fn register(&self, shown: &Secret<String>, body: &[u8], now: Timestamp) -> Result<Registered, OauthError> {
        self.admin.clock.may_mint().map_err(|error| OauthError::ours(&error))?;
        // Before the body is looked at: nobody learns what may be registered who may not.
        self.token_that_admits(shown, now)?;
        let asked: Metadata = serde_json::from_slice(body).map_err(|error| {
            OauthError::new(Code::InvalidClientMetadata, &format!("the body cannot be read: {error}"))
        })?;
        let id: ClientId = format!("c-{}", hex::encode(self.chance::<16>())).parse().map_err(wrong)?;
        let (secret, access) = (self.unguessable(), self.unguessable());
        let (mut client, secret) = self.wanted(asked, id, secret, now)?;
        for _ in 0..TRIES {
            let Read { value: mut token, revision } = self.token_that_admits(shown, now)?;
            token.left = token.left.saturating_sub(1);
            client.registration = Some(SelfRegistered { by: token.name.clone(), token: SecretHash::of(&access) });
            if self.commit_registration(&client, &token, revision, now)? {
                return Ok(self.told(&client, secret, &access));
            }
        }
        Err(StoreError::Conflict { what: "a token for registration".to_owned() }.into())
    }

    /// What is registered of the client of this id, to who shows the token that came with it. Blocks.
    ///
    /// # Errors
    /// When it does not count; when the store cannot be read.
    pub fn registered(&self, id: &str, shown: &Secret<String>) -> Result<Registered, OauthError> {
        let held = self.self_registered(id, shown)?;
        Ok(self.told(&held.value, None, shown))
    }

    /// Takes a registration back: the client is no more, and whatever it was given counts no more. Blocks.
    ///
    /// # Errors
    /// As [`Sso::registered`]; when it cannot be written.
    pub fn unregister(&self, id: &str, shown: &Secret<String>, now: Timestamp) -> Result<(), OauthError> {
        let Read { value: client, revision } = self.self_registered(id, shown)?;
        let by = Actor::Client { id: client.id.to_string() };
        let event = Event::narrowing("UnregisterClient").with("client", client.id.as_str());
        let mut commit = Commit::new(by.clone(), now, Intent::Narrow);
        commit.delete_client(&client.id, revision);
        let intended = Trace::Intended(self.admin.audit.intend(&by, &event, now));
        intended.commit(&self.admin.store, commit, &Outcome::success(), now)?;
        let address = Address::of(&client);
        let ended = self.admin.end_client((&client.id, address.as_ref()), &by, "client_deleted", now);
        ended.map(drop).map_err(|error| OauthError::ours(&error))
    }

    fn self_registered(&self, id: &str, shown: &Secret<String>) -> Result<Read<Client>, OauthError> {
        let id: ClientId = id.parse().map_err(|_| OauthError::token())?;
        let held = self.admin.store.read(|snapshot| sso::client(snapshot, &id))?;
        let is_its = |held: &Read<Client>| held.value.registration.as_ref().is_some_and(|own| own.token.is_of(shown));
        held.filter(is_its).ok_or_else(OauthError::token)
    }

    /// The token that is shown, if somebody may register by it.
    fn token_that_admits(&self, shown: &Secret<String>, now: Timestamp) -> Result<Read<RegistrationToken>, OauthError> {
        let parts = shown.expose().rsplit_once('.');
        let parts = parts.and_then(|(name, secret)| Some((name.parse::<ClientId>().ok()?, secret)));
        let (name, secret) = parts.ok_or_else(OauthError::token)?;
        let secret = Secret::new(secret.to_owned());
        let held = self.admin.store.read(|snapshot| sso::registration_token(snapshot, &name))?;
        let epoch = self.epoch()?;
        held.filter(|held| held.value.admits(&secret, &epoch, now)).ok_or_else(OauthError::token)
    }

    /// The client that is asked for, and its secret where it has one.
    fn wanted(
        &self,
        asked: Metadata,
        id: ClientId,
        secret: Secret<String>,
        now: Timestamp,
    ) -> Result<(Client, Option<Secret<String>>), OauthError> {
        let no = |why: &str| OauthError::new(Code::InvalidClientMetadata, why);
        if asked.jwks_uri.is_some() || asked.software_statement.is_some() {
            return Err(no("jwks_uri and software_statement are not taken: send jwks"));
        }
        if asked.response_types.as_ref().is_some_and(|types| types.as_slice() != ["code"]) {
            return Err(no("response_types is [\"code\"] alone"));
        }
        let method = match asked.token_endpoint_auth_method.as_deref() {
            None => AuthMethod::ClientSecretBasic,
            Some(name) => AuthMethod::named(name).ok_or_else(|| no("there is no such token_endpoint_auth_method"))?,
        };
        let secret = method.is_by_secret().then_some(secret);
        let settings = self.settings(&asked)?;
        let jwks = settings.keys().map_err(wrong)?;
        let auth = ClientAuth::new(method, secret.as_ref().map(SecretHash::of), jwks).map_err(wrong)?;
        Ok((settings.begin(id, auth, now).map_err(wrong)?, secret))
    }

    fn settings(&self, asked: &Metadata) -> Result<ClientSettings, OauthError> {
        let no = |why: &str| OauthError::new(Code::InvalidClientMetadata, why);
        let grants = asked.grant_types.as_ref().map(|names| {
            let people = |grant: &GrantType| matches!(grant, GrantType::AuthorizationCode | GrantType::RefreshToken);
            let one = |name: &String| GrantType::named(name).filter(people);
            names.iter().map(one).collect::<Option<_>>()
        });
        let scopes = asked.scope.as_ref().map(|words| {
            let one = |word| SCOPES.contains(&word).then(|| word.parse::<Scope>().ok()).flatten();
            words.split(' ').filter(|word| !word.is_empty()).map(one).collect::<Option<_>>()
        });
        let alg = asked.id_token_signed_response_alg.as_deref().map(IdTokenAlg::named);
        Ok(ClientSettings {
            name: asked.client_name.clone(),
            jwks: asked.jwks.clone(),
            redirect_uris: Some(uris(&asked.redirect_uris)?),
            grants: grants
                .map(|grants| grants.ok_or_else(|| no("grant_types is authorization_code and refresh_token alone")))
                .transpose()?,
            scopes: scopes
                .map(|scopes| scopes.ok_or_else(|| no("scope has one that the discovery document does not list")))
                .transpose()?,
            allowed_groups: Some(self.registration.groups.clone()),
            id_token_alg: alg
                .map(|alg| alg.ok_or_else(|| no("id_token_signed_response_alg is ES256 or RS256")))
                .transpose()?,
            subjects: match asked.subject_type.as_deref() {
                None => None,
                Some("public") => Some(Subjects::Public),
                Some("pairwise") => Some(Subjects::Pairwise),
                Some(_) => return Err(no("subject_type is public or pairwise")),
            },
            post_logout_redirect_uris: Some(uris(&asked.post_logout_redirect_uris)?),
            backchannel_logout_uri: match &asked.backchannel_logout_uri {
                None => None,
                Some(uri) => uris(std::slice::from_ref(uri))?.pop(),
            },
            require_par: Some(asked.require_pushed_authorization_requests),
            dpop_bound_access_tokens: Some(asked.dpop_bound_access_tokens),
            ..ClientSettings::default()
        })
    }

    /// Whether it is on disk; not if somebody else used the token at this very moment.
    fn commit_registration(
        &self,
        client: &Client,
        token: &RegistrationToken,
        revision: crate::store::Revision,
        now: Timestamp,
    ) -> Result<bool, OauthError> {
        let no = |why: &str| Err(OauthError::new(Code::InvalidClientMetadata, why));
        if serde_json::to_vec(client).map_or(0, |row| row.len()) > LONGEST_VALUE {
            return no("it is more than what is kept of a client");
        }
        if self.admin.store.read(sso::clients)?.len() >= MOST {
            return no("no more clients are kept here: have one removed");
        }
        let uris: Vec<&str> = client.redirect_uris.iter().map(RedirectUri::as_str).collect();
        let event = Event::new("RegisterClient")
            .with("client", client.id.as_str())
            .with("token", token.name.as_str())
            .with("auth", client.auth.method().name())
            .with("redirect_uris", uris.join(" "));
        let by = Actor::task(format!("registration by {}", token.name));
        let mut commit = Commit::new(by.clone(), now, Intent::Widen);
        commit.put_client(client, 0)?;
        commit.put_registration_token(token, revision)?;
        let intended = Trace::Intended(self.admin.audit.intend(&by, &event, now));
        match intended.try_commit(&self.admin.store, commit, &Outcome::success(), now) {
            Ok(_) => Ok(true),
            Err(not) if matches!(not.0, StoreError::Conflict { .. }) => Ok(false),
            Err(not) => {
                let (error, trace) = *not;
                trace.complete(&Outcome::failed("NotCommitted", &error), now);
                Err(error.into())
            }
        }
    }

    fn told(&self, client: &Client, secret: Option<Secret<String>>, access: &Secret<String>) -> Registered {
        let texts = |uris: &[RedirectUri]| uris.iter().map(ToString::to_string).collect::<Vec<_>>();
        let jwks = match &client.auth {
            ClientAuth::PrivateKeyJwt { jwks } => serde_json::from_str(jwks).ok(),
            _ => None,
        };
        let alg = if client.id_token_alg == IdTokenAlg::Rs256 { "RS256" } else { "ES256" };
        let subjects = if client.subjects == Subjects::Pairwise { "pairwise" } else { "public" };
        Registered {
            client_id: client.id.to_string(),
            client_id_issued_at: client.created.as_second(),
            client_secret_expires_at: secret.as_ref().map(|_| 0),
            client_secret: secret.map(|secret| secret.expose().clone()),
            registration_access_token: access.expose().clone(),
            registration_client_uri: self.issuer.at(&format!("{}/{}", paths::REGISTER, client.id)),
            metadata: Metadata {
                redirect_uris: texts(&client.redirect_uris),
                token_endpoint_auth_method: Some(client.auth.method().name().to_owned()),
                grant_types: Some(client.grants.iter().map(|grant| grant.name().to_owned()).collect()),
                response_types: Some(vec!["code".to_owned()]),
                client_name: Some(client.name.clone()),
                scope: Some(client.scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ")),
                jwks,
                jwks_uri: None,
                software_statement: None,
                id_token_signed_response_alg: Some(alg.to_owned()),
                subject_type: Some(subjects.to_owned()),
                post_logout_redirect_uris: texts(&client.post_logout_redirect_uris),
                backchannel_logout_uri: client.backchannel_logout_uri.as_ref().map(ToString::to_string),
                require_pushed_authorization_requests: client.require_par,
                dpop_bound_access_tokens: client.dpop_bound_access_tokens,
            },
        }
    }
}

fn uris(texts: &[String]) -> Result<Vec<RedirectUri>, OauthError> {
    let wrong =
        |error: crate::model::client::RedirectError| OauthError::new(Code::InvalidRedirectUri, &error.to_string());
    texts.iter().map(|text| text.parse().map_err(wrong)).collect()
}

fn wrong(error: ClientError) -> OauthError {
    let code =
        if matches!(error, ClientError::Redirect(_)) { Code::InvalidRedirectUri } else { Code::InvalidClientMetadata };
    OauthError::new(code, &error.to_string())
}
