//! The tokens of sessions: made, and told about to whoever holds one.
//!
//! Owns what is asked of the gate about a token, and what its holder is told (in the form of RFC 7662). What a token says and how
//! long it lasts is `issue`'s.

use serde::Serialize;

use super::Sts;
use crate::authn::signed::Signed;
use crate::base::{Faulty as _, Timestamp};
use crate::gate::{Asking, Authorized};
use crate::issue::token::{self, Audience, Claims, MintedToken, Sort, WantedToken};
use crate::keys::{TokenError, issuer};
use crate::query::QueryError;
use crate::sessions::SessionError;
use crate::store::StoreError;

/// Whether a session counts, and what it is (RFC 7662, section 2.2). Nothing more is said of one that does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Standing {
    /// It counts now.
    Active(Box<Told>),
    /// It does not, or the token does not.
    Inactive {
        /// Always false.
        active: bool,
    },
}

/// What the holder is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<Audience>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    iss: String,
    sub: String,
    iat: i64,
    exp: i64,
    #[serde(flatten)]
    session: token::About,
}

const INACTIVE: Standing = Standing::Inactive { active: false };

/// What the gate is asked about a token: for whom, how long and by which algorithm, in the words that conditions of AWS have.
pub(super) fn asking(wanted: &WantedToken) -> Asking {
    let mut session = crate::rights::Asked::new();
    session.insert("sts:IdentityTokenAudience".to_owned(), wanted.audience.clone());
    session.insert("sts:SigningAlgorithm".to_owned(), vec![wanted.algorithm.name().to_owned()]);
    let seconds = wanted.seconds.unwrap_or(wanted.sort.usual());
    session.insert("sts:DurationSeconds".to_owned(), vec![seconds.to_string()]);
    let notes = vec![("audience", wanted.audience.join(" "))];
    let tags = wanted.tags.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
    Asking { session, tags, ..Asking::from(notes) }
}

impl Sts {
    /// What the gate is to be asked about an access token.
    #[must_use]
    pub fn asking_for(&self, wanted: &WantedToken) -> Asking {
        asking(wanted)
    }

    /// Makes the token that `allowed` is a yes to. Blocks.
    ///
    /// # Errors
    /// When the clock is not to be relied upon, a limit is passed, or nothing can be signed.
    pub fn token(&self, allowed: Authorized, wanted: &WantedToken) -> Result<MintedToken, QueryError> {
        Ok(self.mint.token(allowed, wanted, self.admin.now())?)
    }

    /// What the holder of an access token is told. Nobody else asks: the token is all that shows who does, and all that is told is
    /// what it says, and whether its session counts now. Blocks.
    ///
    /// # Errors
    /// When it is no token of ours, or the store cannot be read.
    pub fn introspect(&self, token: &str, now: Timestamp) -> Result<Standing, IntrospectError> {
        let claims: Claims = match self.admin.keys.verify_token(Sort::Access.typ(), token, now) {
            Ok(claims) => claims,
            Err(TokenError::Expired { .. } | TokenError::NotYet { .. }) => return Ok(INACTIVE),
            Err(error) => return Err(IntrospectError::Token(error)),
        };
        if claims.session.epoch != self.admin.store.epoch()? {
            return Ok(INACTIVE);
        }
        match self.admin.sessions.live(&claims.session.sid, now) {
            Ok(_) => {}
            Err(SessionError::Store(error)) => return Err(error.into()),
            Err(error) => {
                tracing::debug!(%error, fault = ?error.fault(), "a token was shown whose session counts no more");
                return Ok(INACTIVE);
            }
        }
        let Claims { iss, sub, aud, iat, exp, jti, session, .. } = claims;
        let (aud, jti) = (Some(aud), Some(jti));
        Ok(Standing::Active(Box::new(Told {
            active: true,
            token_type: Some("Bearer"),
            aud,
            jti,
            iss,
            sub,
            iat,
            exp,
            session,
        })))
    }

    /// What whoever signs with the credentials of a session is told of it. `None` of a long-lived access key. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn session_of(&self, signed: &Signed) -> Result<Option<Standing>, StoreError> {
        let Some(live) = signed.session() else { return Ok(None) };
        let (iat, exp) = (live.session().created.as_second(), live.session().expires.as_second());
        let told = Told {
            active: true,
            token_type: None,
            aud: None,
            jti: None,
            iss: issuer(&self.admin.account),
            sub: signed.unique_id(),
            iat,
            exp,
            session: token::About::of(signed, live, self.admin.store.epoch()?),
        };
        Ok(Some(Standing::Active(Box::new(told))))
    }
}

/// Why nothing is told about a token.
#[derive(Debug, thiserror::Error)]
pub enum IntrospectError {
    /// It is none of ours.
    #[error(transparent)]
    Token(TokenError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}
