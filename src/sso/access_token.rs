//! What access tokens say (RFC 9068), and whether one counts.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{OauthError, Sso};
use crate::audit::Event;
use crate::base::{Secret, Timestamp};
use crate::keys::{Algorithm, TokenError};
use crate::model::client::{Client, Scope};
use crate::model::token_family::{Consent, FamilyId};
use crate::store::schema::sso::Spent;
use crate::store::{StoreError, sso};

/// The type of access tokens (RFC 9068, section 2.1): no other token is one.
pub(super) const TYP: &str = "at+jwt";

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Us.
    pub iss: String,
    /// Of whom it is: what the client knows a person by, or the client itself.
    pub sub: String,
    /// Whom it is for.
    pub aud: Audience,
    /// When it was made.
    pub iat: i64,
    /// When it ends.
    pub exp: i64,
    /// Its own name.
    pub jti: String,
    /// To whom it was given.
    pub client_id: String,
    /// What it lets its holder have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The family that it counts with; none of what a client was given for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fid: Option<FamilyId>,
    /// The store it was made in: a restore ends it.
    pub epoch: String,
    /// When the person showed who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// How surely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// By what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// In whose hands it counts; in anybody's, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
}

/// The key that a token is bound to (RFC 9449, section 6.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// What it is known by (RFC 7638).
    pub jkt: String,
}

/// Whom a token is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Audience {
    /// Whether it is for `name`.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::One(one) => one == name,
            Self::Several(several) => several.iter().any(|one| one == name),
        }
    }
}

/// A token that was made.
#[derive(Debug)]
pub struct MadeToken {
    /// It.
    pub token: Secret<String>,
    /// Its own name.
    pub jti: String,
    /// Seconds that it is good.
    pub seconds: u32,
}

/// Of whom a token is to be.
pub(super) enum Holder<'a> {
    /// The client itself, with these scopes.
    Client(&'a [Scope]),
    /// A person, whom the client knows by this name.
    Person(&'a str, &'a Consent, FamilyId),
}

/// Whether a token counts.
pub(super) enum Standing {
    /// It does.
    Counts(Box<AccessClaims>),
    /// It does not, whatever the reason.
    Not,
}

impl Sso {
    /// Whom a token of `client` is for: whom it asks for (RFC 8707), or else all whom it may. Without any it is for us.
    pub(super) fn audience(&self, client: &Client, resource: Option<&str>) -> Result<Audience, OauthError> {
        match resource {
            Some(asked) if client.audiences.contains(asked) => Ok(Audience::One(asked.to_owned())),
            Some(asked) if client.audiences.is_empty() && asked == self.issuer.as_str() => {
                Ok(Audience::One(asked.to_owned()))
            }
            Some(_) => {
                let what = "the client may have no token for this resource: register it among its audiences";
                Err(OauthError::new(super::error::Code::InvalidTarget, what))
            }
            None => Ok(match client.audiences.iter().collect::<Vec<_>>().as_slice() {
                [] => Audience::One(self.issuer.to_string()),
                [one] => Audience::One((*one).clone()),
                several => Audience::Several(several.iter().map(|one| (*one).clone()).collect()),
            }),
        }
    }

    /// As [`Sso::audience`], of a token for a person: who signed in is told by us, and so it is for us, too.
    pub(super) fn audience_of_person(
        &self,
        client: &Client,
        consent: &Consent,
        resource: Option<&str>,
    ) -> Result<Audience, OauthError> {
        let ours = self.issuer.to_string();
        Ok(match self.audience(client, resource)? {
            Audience::One(one) if resource.is_none() && consent.has("openid") && one != ours => {
                Audience::Several(vec![one, ours])
            }
            Audience::Several(mut several) if resource.is_none() && consent.has("openid") => {
                several.push(ours);
                Audience::Several(several)
            }
            other => other,
        })
    }

    /// Signs a token, which is bound to the key that is known by `jkt`, if one is.
    pub(super) fn make_access_token(
        &self,
        client: &Client,
        holder: &Holder<'_>,
        aud: Audience,
        jkt: Option<&str>,
        now: Timestamp,
    ) -> Result<MadeToken, OauthError> {
        self.admin.clock.may_mint().map_err(|error| OauthError::ours(&error))?;
        let (iat, seconds, jti) = (now.as_second(), client.lifetimes.access, hex::encode(self.chance::<16>()));
        let scope = match holder {
            Holder::Client(scopes) => scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(" "),
            Holder::Person(_, consent, _) => consent.scope(),
        };
        let (sub, fid, consent) = match holder {
            Holder::Client(_) => (client.id.to_string(), None, None),
            Holder::Person(sub, consent, family) => ((*sub).to_owned(), Some(*family), Some(consent)),
        };
        let claims = AccessClaims {
            iss: self.issuer.to_string(),
            sub,
            aud,
            iat,
            exp: iat.saturating_add(i64::from(seconds)),
            jti,
            client_id: client.id.to_string(),
            scope: Some(scope).filter(|scope| !scope.is_empty()),
            fid,
            epoch: self.epoch()?,
            auth_time: consent.map(|consent| consent.auth_time.as_second()),
            acr: consent.and_then(|consent| consent.acr.clone()),
            amr: consent.map(|consent| consent.amr.clone()).unwrap_or_default(),
            cnf: jkt.map(|jkt| Confirmation { jkt: jkt.to_owned() }),
        };
        let token = self.admin.keys.sign(Algorithm::default(), TYP, &claims, now)?;
        Ok(MadeToken { token, jti: claims.jti, seconds })
    }

    /// Whether `token` counts at `now`: it is ours, and what it stands on does. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn standing_of(&self, token: &str, now: Timestamp) -> Result<Standing, OauthError> {
        let Some(claims) = self.read_access_token(token, now) else { return Ok(Standing::Not) };
        let known = match claims.client_id.parse() {
            Ok(id) => self.admin.known_client(&id)?,
            Err(_) => None,
        };
        let Some((client, _)) = known else { return Ok(Standing::Not) };
        let stands = claims.epoch == self.epoch()?
            && !self.is_revoked(&claims.jti)?
            && claims.fid.map_or(Ok(true), |family| self.family_stands(&client, &family, now))?;
        Ok(if stands { Standing::Counts(Box::new(claims)) } else { Standing::Not })
    }

    /// What a token of ours says that has not ended; whether it counts is another question.
    pub(super) fn read_access_token(&self, token: &str, now: Timestamp) -> Option<AccessClaims> {
        let read: Result<AccessClaims, TokenError> = self.admin.keys.verify_token(TYP, token, now);
        read.ok().filter(|claims| claims.iss == self.issuer.as_str())
    }

    fn is_revoked(&self, jti: &str) -> Result<bool, StoreError> {
        let digest: [u8; 32] = Sha256::digest(jti).into();
        self.admin.store.read(|snapshot| sso::is_spent(snapshot, Spent::Token, &digest))
    }
}

/// What the log says of tokens given to `client`.
pub(super) fn event(client: &Client, grant: &'static str) -> Event {
    Event::new("IssueToken").with("client", client.id.as_str()).with("grant", grant)
}
