//! What follows from one sign-in at a client: the code that a browser brings, and the family of tokens it is redeemed for.
//!
//! Every token of a family names it and counts no longer than it does, so that ending a family ends all of them at once: a code
//! that comes a second time, or a refresh token that was passed over, shows that two have what one should (RFC 9700, sections
//! 4.5 and 4.14). How they are made and taken is the business of `sso`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::OutsideWord;
use super::client::{ClientId, Scope, SecretHash};
pub use crate::base::FamilyId;
use crate::base::clock::later;
use crate::base::{SessionId, Timestamp, UserId};

/// How far the clocks of a directory and ours may be apart. A session that began so shortly behind a change of the password
/// ends with those from before it.
pub const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// How long a code is good (FAPI 2.0 Security Profile, section 5.3.2.1), in seconds.
pub const CODE_SECONDS: i64 = 60;

/// What a person let a client have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Which client.
    pub client: ClientId,
    /// Who.
    pub user: UserId,
    /// The browser session that stands behind it.
    pub session: SessionId,
    /// What was asked for and given.
    pub scopes: Vec<Scope>,
    /// What the client put into its request, to find it again in the ID token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// When the person showed who they are.
    pub auth_time: Timestamp,
    /// By what (RFC 8176).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// How surely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// How they asked, which policies are asked about again whenever something is given of it.
    #[serde(default)]
    pub whence: Whence,
    /// What the client asked to be told besides what the scopes stand for.
    #[serde(default, skip_serializing_if = "RequestedClaims::is_empty")]
    pub claims: RequestedClaims,
    /// The sign-in that the session began with, which counts where refreshing goes on without the session. `None` of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in: Option<SignIn>,
}

/// How somebody signed in, as far as what goes on without their session rests on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    /// When, by the clock here.
    pub at: Timestamp,
    /// When the password was set that counted then, if that was known and there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Timestamp>,
    /// By whose word, where that stood in place of a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<Box<OutsideWord>>,
}

/// Claims that a client asked for one by one (OpenID Connect Core 1.0, section 5.5), of those that it may be told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestedClaims {
    /// In the ID token.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub id_token: BTreeSet<String>,
    /// At `userinfo`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub userinfo: BTreeSet<String>,
}

impl RequestedClaims {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How somebody asked for what they let a client have, as conditions of policies see it. What is not known is absent for them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Whence {
    /// From which address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// Whether it came encrypted all the way to us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secure: Option<bool>,
    /// What the browser said it is; at most [`LONGEST_USER_AGENT`] bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// When a second factor was shown, if one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mfa: Option<Timestamp>,
}

/// Longest name of a browser that is kept, in bytes: a longer one is left out, as if it had not been said.
pub const LONGEST_USER_AGENT: usize = 1_024;

impl Whence {
    /// The values, by condition key. How long ago a second factor was shown is counted up to `now`.
    #[must_use]
    pub fn conditions(&self, now: Timestamp) -> BTreeMap<String, Vec<String>> {
        let mut said = BTreeMap::new();
        let mut set = |key: &str, value: Option<String>| {
            said.extend(value.map(|value| (key.to_owned(), vec![value])));
        };
        set("aws:SourceIp", self.ip.map(|ip| ip.to_string()));
        set("aws:SecureTransport", self.secure.map(|secure| secure.to_string()));
        set("aws:UserAgent", self.user_agent.clone());
        set("aws:MultiFactorAuthPresent", Some(self.mfa.is_some().to_string()));
        let age = |at| now.duration_since(at).as_secs().max(0).to_string();
        set("aws:MultiFactorAuthAge", self.mfa.map(age));
        said
    }
}

impl Consent {
    /// How they signed in. Of what an earlier version wrote down only the time is known: a password that was set since then, or is gone,
    /// ends it. Whoever compares allows for clocks that are apart, which these never were.
    #[must_use]
    pub fn sign_in(&self) -> SignIn {
        let at = later(self.auth_time, SKEW);
        let known = || SignIn { at, password: Some(self.auth_time), outside: None };
        self.sign_in.clone().unwrap_or_else(known)
    }

    /// Whether this scope was given.
    #[must_use]
    pub fn has(&self, scope: &str) -> bool {
        self.scopes.iter().any(|given| given.as_str() == scope)
    }

    /// Whether refreshing goes on when the person signed out (OpenID Connect Core 1.0, section 11).
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.has("offline_access")
    }

    /// The scopes as tokens and answers say them.
    #[must_use]
    pub fn scope(&self) -> String {
        self.scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ")
    }
}

/// A code, as it lies in the store under its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// What it stands for.
    pub consent: Consent,
    /// The address it was sent to, as the request had it.
    pub redirect_uri: String,
    /// What the verifier has to hash to (RFC 7636, S256), base64url.
    pub challenge: String,
    /// What the key is known by that whoever redeems it has to hold (RFC 9449, section 10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jkt: Option<String>,
    /// It is good until then.
    pub expires: Timestamp,
    /// The store it was made in: a restore ends it.
    pub epoch: String,
    /// The family it was redeemed for. A code is redeemed once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redeemed: Option<FamilyId>,
}

/// A request that a client sent ahead (RFC 9126), as it lies in the store under the digest of its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushedRequest {
    /// Whose it is.
    pub client: ClientId,
    /// Its parameters, without what showed who the client is.
    pub form: BTreeMap<String, String>,
    /// When it was pushed.
    pub at: Timestamp,
    /// It is good until then.
    pub expires: Timestamp,
    /// The store it was pushed to: a restore ends it.
    pub epoch: String,
}

/// A family of tokens: all that one code was redeemed for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Family {
    /// Stays the same.
    pub id: FamilyId,
    /// What it stands for.
    pub consent: Consent,
    /// When the code was redeemed.
    pub created: Timestamp,
    /// No refresh token counts from then on.
    pub expires: Timestamp,
    /// The refresh token that counts, if the client gets one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<Refresh>,
    /// What the key is known by that its refresh tokens are bound to: of a public client that showed one (RFC 9449, section 5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jkt: Option<String>,
    /// The store it was made in: a restore ends it.
    pub epoch: String,
    /// When and why it ended before its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<FamilyEnd>,
}

/// The refresh token of a family that counts, by digests: the token itself is written down nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refresh {
    /// Which one it is: 1, 2, 3 .. A number, since two moments can be the same and a restart can take time back.
    pub counter: u64,
    /// Of the part that all refresh tokens of the family share: what has it was one of them, and nobody's guess.
    pub shared: SecretHash,
    /// Of the part that is this one's own.
    pub own: SecretHash,
    /// When it was made or, where it is not replaced, used last.
    pub turned: Timestamp,
    /// The one before, for a moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
}

/// The refresh token that was replaced last: whoever got no answer may ask once more, and is answered with the same successor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Of the part that was its own.
    pub own: SecretHash,
    /// The part that is its successor's own, masked by a digest of its own part: only who has the one can read the other.
    pub successor: String,
}

/// How a family ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyEnd {
    /// When.
    pub at: Timestamp,
    /// Why, in a word for programs.
    pub reason: String,
}
