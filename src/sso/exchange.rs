//! Token exchange (RFC 8693): a client shows a token that it was given for somebody, and asks for a session of a role for them.
//!
//! Owns which token counts, of which client, and for which roles the client may ask. Whether the person may have the role is decided
//! as of every way to a role; how its session begins is the business of `sts`.
//!
//! Two sorts of tokens are taken, each from its own client alone: one that is for our STS ([`STS`] among its audiences), for any role;
//! and any other of a client that shows who it is, for the roles that it is registered with (`may_exchange`). A token that another
//! client was given is refused: who got it for one purpose would use it for another (RFC 9700, section 2.3). So is one of an
//! outside issuer, for which STS has an action of its own.

use serde::Deserialize;

use super::access_token::{AccessClaims, Standing};
use super::authenticate::Shown;
use super::error::Code;
use super::id_token;
use super::{IssuerUrl, OauthError, Sso};
use crate::authn::bearer::Bearer;
use crate::authn::signed::RequestSource;
use crate::base::Timestamp;
use crate::model::Client;
use crate::model::client::{ClientId, GrantType};
use crate::model::token_family::FamilyId;

/// Types of tokens (RFC 8693, section 3; the last one ours).
pub mod types {
    /// An access token.
    pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
    /// An ID token.
    pub const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
    /// Credentials that requests of AWS are signed with, as the JSON of a `credential_process`.
    pub const AWS_CREDENTIALS: &str = "urn:bailey:params:token-type:aws-credentials";
}

/// What our STS is called as an audience, behind the issuer.
const STS: &str = "/sts";

/// What a client that was found to be one asks for, and for whom.
#[derive(Debug)]
pub struct Exchange {
    /// Which client asks.
    pub client: ClientId,
    /// For whom.
    pub bearer: Bearer,
    /// The role, by ARN.
    pub role: String,
    /// What the session is to be called, if not by the person.
    pub session_name: Option<String>,
    /// Seconds that it is to last.
    pub seconds: Option<String>,
    /// What is to come of it.
    pub wants: Wants,
}

/// What is to come of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wants {
    /// An access token of the role, for this audience.
    AccessToken(String),
    /// Credentials of AWS.
    AwsCredentials,
}

/// What is looked at of an ID token.
#[derive(Debug, Deserialize)]
struct IdClaims {
    iss: String,
    aud: String,
    #[serde(default)]
    fid: Option<FamilyId>,
    #[serde(default)]
    epoch: Option<String>,
}

impl Sso {
    /// What our STS is called as an audience.
    #[must_use]
    pub fn sts_audience(&self) -> String {
        sts_audience(&self.issuer)
    }

    /// What a request of `client` to exchange a token asks for. Blocks.
    ///
    /// # Errors
    /// When the client may not ask so; when the token is none that counts for it.
    pub fn exchange(&self, client: &Client, shown: &Shown<'_>, now: Timestamp) -> Result<Exchange, OauthError> {
        let form = shown.form;
        if !client.may(GrantType::TokenExchange) {
            return Err(OauthError::new(Code::UnauthorizedClient, "the client is not registered for this grant"));
        }
        if form.text("actor_token").is_some() || form.text("actor_token_type").is_some() {
            return Err(OauthError::request("actor_token is not taken: who acts is the client itself"));
        }
        let role = role(form.text("scope"))?;
        let wants = self.wants(client, shown)?;
        let token = form.required("subject_token")?;
        let jkt = self.bound_to(client, shown, now)?;
        let (family, is_for_us) = match form.required("subject_token_type")? {
            types::ACCESS_TOKEN => self.of_access_token(client, token, jkt.as_deref(), now)?,
            types::ID_TOKEN => (self.of_id_token(client, token, now)?, false),
            _ => {
                let what =
                    "subject_token_type is the one of access tokens or the one of ID tokens (RFC 8693, section 3)";
                return Err(OauthError::request(what));
            }
        };
        self.may_ask(client, &role, is_for_us)?;
        let held = self.counting_family(&family, now)?.filter(|held| held.value.consent.client == client.id);
        let family = held.ok_or_else(dead)?.value;
        let person = match self.person(client, &family.consent, now)? {
            Ok(person) => person,
            Err(why) => return Err(self.no_longer(client, &family.consent, &why, now)),
        };
        // A public client runs where the person is. Any other is a server of its own, whose address says nothing of theirs: then it
        // is asked about the place where they signed in, as at each refresh.
        let whence = &family.consent.whence;
        let from = match client.is_public() {
            true => {
                RequestSource { ip: shown.ip, secure: self.issuer.is_https(), user_agent: None, request: shown.request }
            }
            false => RequestSource {
                ip: whence.ip,
                secure: whence.secure.unwrap_or(false),
                user_agent: whence.user_agent.clone(),
                request: shown.request,
            },
        };
        let until = self.until(&family, now)?;
        let bearer = Bearer::new(person.user, &family, until, self.admin.account.clone(), from);
        let text = |name: &str| form.text(name).map(str::to_owned);
        let (session_name, seconds) = (text("role_session_name"), text("duration_seconds"));
        Ok(Exchange { client: client.id.clone(), bearer, role, session_name, seconds, wants })
    }

    /// What is asked for. Whom a token is for is its `audience` or `resource` (RFC 8693, section 2.1): us, where neither is said.
    fn wants(&self, client: &Client, shown: &Shown<'_>) -> Result<Wants, OauthError> {
        let form = shown.form;
        let audience = match (form.text("audience"), form.text("resource")) {
            (Some(_), Some(_)) => return Err(OauthError::request("say audience or resource, not both")),
            (one, other) => one.or(other),
        };
        match form.text("requested_token_type") {
            None | Some(types::ACCESS_TOKEN) => {
                // A server of its own hands roles of its people to whom its own tokens may be for, and to no others. What runs where the
                // person is asks as they would themselves.
                let audience = audience.unwrap_or(self.issuer.as_str());
                if audience != self.issuer.as_str() && !client.is_public() {
                    self.audience(client, Some(audience))?;
                }
                if client.dpop_bound_access_tokens {
                    let what = "tokens of this client are bound to a key, and those of roles are not: ask for credentials of AWS";
                    return Err(OauthError::request(what));
                }
                Ok(Wants::AccessToken(audience.to_owned()))
            }
            Some(types::AWS_CREDENTIALS) if audience.is_none() => Ok(Wants::AwsCredentials),
            Some(types::AWS_CREDENTIALS) => Err(OauthError::request("credentials of AWS have no audience")),
            Some(_) => Err(OauthError::request("requested_token_type is none that is made here")),
        }
    }

    /// The family of an access token that counts for `client`, and whether it is for our STS.
    fn of_access_token(
        &self,
        client: &Client,
        token: &str,
        jkt: Option<&str>,
        now: Timestamp,
    ) -> Result<(FamilyId, bool), OauthError> {
        self.must_be_ours(token)?;
        let Standing::Counts(claims) = self.standing_of(token, now)? else { return Err(dead()) };
        let AccessClaims { client_id, fid, aud, cnf, .. } = *claims;
        if client_id != client.id.as_str() {
            return Err(another());
        }
        // One that is bound to a key counts in the hands of whoever shows that alone (RFC 9449, section 7).
        if cnf.is_some_and(|bound| Some(bound.jkt.as_str()) != jkt) {
            return Err(OauthError::request("subject_token is bound to a key: send a proof of it in the header DPoP"));
        }
        let nobody = || OauthError::request("subject_token is the client's own: nobody is behind it");
        Ok((fid.ok_or_else(nobody)?, aud.has(&self.sts_audience())))
    }

    /// The family of an ID token that `client` was given and that has not ended.
    fn of_id_token(&self, client: &Client, token: &str, now: Timestamp) -> Result<FamilyId, OauthError> {
        self.must_be_ours(token)?;
        let read = self.admin.keys.verify_token::<IdClaims>(id_token::TYP, token, now);
        let claims = read.ok().filter(|claims| claims.iss == self.issuer.as_str()).ok_or_else(dead)?;
        if claims.aud != client.id.as_str() {
            return Err(another());
        }
        if claims.epoch.is_some_and(|epoch| self.epoch().is_ok_and(|now| now != epoch)) {
            return Err(dead());
        }
        claims.fid.ok_or_else(dead)
    }

    /// Of others the issuer is told, so that it is known which action is for them.
    fn must_be_ours(&self, token: &str) -> Result<(), OauthError> {
        let foreign = said_issuer(token).is_some_and(|issuer| issuer != self.issuer.as_str());
        if foreign {
            let what = "subject_token is of another issuer: the action AssumeRoleWithWebIdentity of STS takes those";
            return Err(OauthError::request(what));
        }
        Ok(())
    }

    fn may_ask(&self, client: &Client, role: &str, is_for_us: bool) -> Result<(), OauthError> {
        let registered = !client.is_public() && client.may_exchange.contains(role);
        if is_for_us || registered {
            return Ok(());
        }
        let what = format!(
            "the client may not ask for this role: register it among may_exchange, or ask for the token with resource={}",
            self.sts_audience()
        );
        Err(OauthError::new(Code::InvalidScope, &what))
    }
}

/// What the STS of `issuer` is called as an audience.
#[must_use]
pub fn sts_audience(issuer: &IssuerUrl) -> String {
    issuer.at(STS)
}

/// Who a token says that it is of; nothing of it is proven.
fn said_issuer(token: &str) -> Option<String> {
    use base64::Engine as _;
    let claims = token.split('.').nth(1)?;
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    Some(claims.get("iss")?.as_str()?.to_owned())
}

/// The role that is asked for. It is the scope: that is what the token is to let its holder do, while audience and resource say where
/// it is to be used (RFC 8693, section 2.1). Google's STS has its scopes there, too; that of AWS has a parameter `RoleArn`.
fn role(scope: Option<&str>) -> Result<String, OauthError> {
    let asked = scope.unwrap_or_default();
    let one = asked.starts_with("arn:aws:iam::") && asked.contains(":role/") && !asked.contains(' ');
    let what = "scope is one role by its ARN, such as arn:aws:iam::123456789012:role/Name";
    one.then(|| asked.to_owned()).ok_or_else(|| OauthError::new(Code::InvalidScope, what))
}

/// RFC 8693, section 2.2.2: a subject token that is not taken is an invalid request.
fn dead() -> OauthError {
    OauthError::request("subject_token does not count: it is expired, revoked, or none of ours")
}

fn another() -> OauthError {
    OauthError::request("subject_token was given to another client")
}
