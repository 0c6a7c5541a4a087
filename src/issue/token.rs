//! The tokens of a session: what it is, for somebody who knows no SigV4, as a JWT that they verify alone.
//!
//! Two sorts, by what they may stand for (RFC 8725, section 3.11): an access token (`at+jwt`, RFC 9068), by which its holder
//! acts as the session towards the audience; and a statement of who one is (`JWT`), which an audience takes as one of an
//! identity provider. Either names the session, counts for whom it was made alone, and never outlives it. Whether the session
//! counts meanwhile is told by introspection, and by the feed of revocations to those who cannot ask.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use jiff::SignedDuration;
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::duration::{Bound, choose};
use super::{IssueError, Mint};
use crate::audit::Outcome;
use crate::authn::signed::Signed;
use crate::base::clock::later;
use crate::base::{Secret, SessionId, Timestamp};
use crate::gate::Authorized;
use crate::keys::{Algorithm, issuer};
use crate::model::{AccessKeyId, AccountId, Arn, SessionKind};
use crate::sessions::Live;
use crate::store::{Commit, Epoch};

/// Seconds that an access token is good where nothing is said: [`crate::manual::defaults`].
pub const USUAL_ACCESS: u32 = 600;
/// Seconds of a statement of who one is (STS API reference, `GetWebIdentityToken`).
pub const USUAL_IDENTITY: u32 = 300;
/// Seconds that can be asked for.
pub const BOUNDS: std::ops::RangeInclusive<u32> = 60..=3_600;
/// Most audiences of one token (`Audience`).
pub const MOST_AUDIENCES: usize = 10;
/// Characters of an audience.
const AUDIENCE: std::ops::RangeInclusive<usize> = 1..=1_000;

/// What a token stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Its holder acts as the session.
    Access,
    /// It says who one is.
    Identity,
}

/// What a token is to be.
#[derive(Debug, Clone)]
pub struct WantedToken {
    /// What it stands for.
    pub sort: Sort,
    /// For whom it is: one at least.
    pub audience: Vec<String>,
    /// How it is signed.
    pub algorithm: Algorithm,
    /// Seconds it is to be good; as is usual, or as long as the session lasts, if nothing is said.
    pub seconds: Option<u32>,
    /// Tags of the request. They say what the client says, and are told apart from the session's.
    pub tags: BTreeMap<String, String>,
}

/// A token that was made.
#[derive(Debug)]
pub struct MintedToken {
    /// The token.
    pub token: Secret<String>,
    /// Its name.
    pub jti: String,
    /// It is good until just before then.
    pub expires: Timestamp,
}

/// What a token says (RFC 9068, section 2.2, and ours).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who made it.
    pub iss: String,
    /// The unique id of the session: that of its role with its name, as `aws:userid` tells it. Never becomes another's.
    pub sub: String,
    /// For whom it is.
    pub aud: Audience,
    /// When it was made.
    pub iat: i64,
    /// It is good until just before then.
    pub exp: i64,
    /// Its name.
    pub jti: String,
    /// What is said of the session.
    #[serde(flatten)]
    pub session: About,
    /// Who acts for the person (RFC 8693, section 4.1), where a client does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Act>,
    /// Tags that came with the request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_tags: BTreeMap<String, String>,
}

/// Who acts for somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// The client, by what it calls itself.
    pub sub: String,
}

/// For whom a token is: a text, or several (RFC 7519, section 4.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

/// What is said of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Its id (OpenID Connect Front-Channel Logout 1.0, section 3).
    pub sid: SessionId,
    /// The store's epoch: what names another one counts no more.
    pub epoch: Epoch,
    /// Its access key: what it is a client by (RFC 9068 requires the claim, and there is no other client).
    pub client_id: AccessKeyId,
    /// The account it acts in.
    pub account: AccountId,
    /// Its ARN.
    pub arn: String,
    /// Of a role: its ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_name: Option<String>,
    /// Who is said to be behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<String>,
    /// Tags of its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// How the person was authenticated (RFC 8176).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// When the person was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
}

impl Sort {
    /// What the header of a token says that it is.
    #[must_use]
    pub const fn typ(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::Identity => "JWT",
        }
    }

    /// Seconds that it is good where nothing is said.
    #[must_use]
    pub const fn usual(self) -> u32 {
        match self {
            Self::Access => USUAL_ACCESS,
            Self::Identity => USUAL_IDENTITY,
        }
    }
}

impl About {
    /// What is said of the session that `signed` acts in, `live`.
    #[must_use]
    pub fn of(signed: &Signed, live: &Live, epoch: Epoch) -> Self {
        let session = live.session();
        let session_name = match &session.kind {
            SessionKind::Role { name, .. } | SessionKind::Federated { name, .. } => Some(name.to_string()),
            SessionKind::Owner { .. } | SessionKind::Root { .. } => None,
        };
        Self {
            sid: session.id,
            epoch,
            client_id: session.key(),
            account: session.account.clone(),
            arn: signed.arn().to_string(),
            role: live.role().map(|role| Arn::role(&role.account, &role.path, &role.name).to_string()),
            session_name,
            source_identity: session.source_identity.clone(),
            tags: session.tags.clone(),
            amr: session.amr.clone(),
            auth_time: session.auth_time.map(Timestamp::as_second),
        }
    }
}

impl Mint {
    /// Makes the token that `allowed` is a yes to, of the session that asks. Its record, with its name and never the token
    /// itself, is on disk when this returns. Blocks.
    ///
    /// # Errors
    /// When no session asks, a limit is passed, or nothing can be signed; the failure is recorded.
    pub fn token(&self, allowed: Authorized, wanted: &WantedToken, now: Timestamp) -> Result<MintedToken, IssueError> {
        match self.prepare_token(&allowed, wanted, now) {
            Ok((minted, sid)) => {
                let outcome = Outcome::success()
                    .with("jti", minted.jti.as_str())
                    .with("session", sid.to_string())
                    .with("audience", wanted.audience.join(" "))
                    .with("algorithm", wanted.algorithm.name())
                    .with("expires", format!("{:.0}", minted.expires));
                let commit = Commit::new(allowed.actor(), now, allowed.operation().intent());
                allowed.commit(&self.store, commit, &outcome, now)?;
                Ok(minted)
            }
            Err(error) => {
                allowed.complete(&Outcome::failed(error.code(), &error), now);
                Err(error)
            }
        }
    }

    fn prepare_token(
        &self,
        allowed: &Authorized,
        wanted: &WantedToken,
        now: Timestamp,
    ) -> Result<(MintedToken, SessionId), IssueError> {
        self.token_of(allowed.caller().signed().ok_or(IssueError::Nobody)?, wanted, None, now)
    }

    /// Makes a token of the session that `signed` acts in, and answers which one that is; `client` is who acts for the person, if
    /// one does. Nothing is written down: whoever gives the token out has done that before. Blocks.
    ///
    /// # Errors
    /// As of [`Mint::token`].
    pub fn token_of(
        &self,
        signed: &Signed,
        wanted: &WantedToken,
        client: Option<&str>,
        now: Timestamp,
    ) -> Result<(MintedToken, SessionId), IssueError> {
        self.clock.may_mint()?;
        let live = signed.session().ok_or(IssueError::Nobody)?;
        if signed.is_root() {
            return Err(IssueError::NotYours("root has no tokens; use a user".to_owned()));
        }
        let aud = Audience::read(&wanted.audience)?;
        if wanted.seconds.is_some_and(|seconds| seconds < *BOUNDS.start()) {
            return Err(IssueError::NoToken("a token lasts 60 to 3600 seconds"));
        }
        let left = live.session().expires.duration_since(now).as_secs();
        let bound = |what: &str, seconds: i64| Bound { what: what.to_owned(), seconds };
        let bounds = [bound("tokens last", (*BOUNDS.end()).into()), bound("the session lasts", left)];
        let seconds = choose(wanted.seconds, wanted.sort.usual(), &bounds)?;
        let iat = now.as_second();
        let jti: [u8; 16] = self.rng.lock().unwrap_or_else(PoisonError::into_inner).random();
        let claims = Claims {
            iss: issuer(&self.home),
            sub: signed.unique_id(),
            aud,
            iat,
            exp: iat.saturating_add(seconds),
            jti: hex::encode(jti),
            session: About::of(signed, live, self.store.epoch()?),
            act: client.map(|client| Act { sub: client.to_owned() }),
            request_tags: wanted.tags.clone(),
        };
        let token = self.keys.sign(wanted.algorithm, wanted.sort.typ(), &claims, now)?;
        let expires = later(now, SignedDuration::from_secs(seconds));
        Ok((MintedToken { token, jti: claims.jti, expires }, claims.session.sid))
    }
}

const FOR_NOBODY: IssueError = IssueError::NoToken(
    "a token is for somebody: name 1 to 10 audiences of 1 to 1000 characters each, without control characters",
);

impl Audience {
    fn read(audience: &[String]) -> Result<Self, IssueError> {
        let fits =
            |one: &String| AUDIENCE.contains(&one.chars().count()) && !one.chars().any(crate::base::text::hidden);
        match audience {
            all if all.len() > MOST_AUDIENCES || !all.iter().all(fits) => Err(FOR_NOBODY),
            [] => Err(FOR_NOBODY),
            [one] => Ok(Self::One(one.clone())),
            several => Ok(Self::Several(several.to_vec())),
        }
    }
}
