//! A session: somebody acts for a while, for a role, for themselves, or under a name that was handed out.
//!
//! The row says what was true when it began. Whether it still counts is asked at each use, of what is stored then
//! ([`crate::sessions`]); so nothing has to be written for a session to end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{AccessKeyId, AccountId, Actor, CredentialOwner, Issuer, OutsideWord, RootTask};
use crate::base::text::printable_within;
use crate::base::{
    FamilyId, GrantId, OidcProviderId, PolicyId, ResourceId, RoleId, SamlProviderId, SessionId, Timestamp, UserId,
};

/// Seconds that any session lasts at most (STS API reference, `GetSessionToken`: 36 hours).
pub const LONGEST: u32 = 129_600;

/// Seconds that the session of a role lasts at most that another session began (IAM User Guide, "Role chaining").
pub const LONGEST_CHAINED: u32 = 3_600;

/// Most sessions between one and the credentials its chain began with.
pub const LONGEST_CHAIN: usize = 16;

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its id; its access key follows from it.
    pub id: SessionId,
    /// The account it acts in.
    pub account: AccountId,
    /// What it is.
    pub kind: SessionKind,
    /// What it was begun with.
    pub begun: Begun,
    /// Who holds it.
    #[serde(default, skip_serializing_if = "Held::is_by_program")]
    pub held_by: Held,
    /// How often the browser that holds it was given another cookie: one from before is nobody's.
    #[serde(default, skip_serializing_if = "is_first")]
    pub turn: u32,
    /// The person at the beginning of its chain, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<UserId>,
    /// When it began.
    pub created: Timestamp,
    /// It counts until just before then, whatever else is so.
    pub expires: Timestamp,
    /// The epoch of the store it was begun in.
    #[serde(default)]
    pub epoch: String,
    /// Who is behind it, as somebody said who may (`sts:SourceIdentity`); stays through a chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<String>,
    /// Tags that it has besides those of its role; `aws:PrincipalTag/KEY`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Keys of those that sessions begun by this one have, too.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub transitive: BTreeSet<String>,
    /// A document beyond which it does not reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Managed policies that are one such limit together with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyId>,
    /// When a second factor was shown, at the beginning of its chain or on the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa: Option<Timestamp>,
    /// How the person was authenticated (RFC 8176): `pwd`, `otp`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// When the person was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<Timestamp>,
    /// When the person's password was set last, as far as that was known when it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Timestamp>,
    /// What was asked for, as conditions saw it. At each use the same question is asked of what is stored then.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub asked: BTreeMap<String, Vec<String>>,
    /// By which way whoever began it may, such as `user/ann`, `group/team`, `assignment of role/Deployer to group/team`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub through: Vec<String>,
    /// The grant that it was begun by, or that one before it in its chain was: it ends with that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantId>,
    /// Set once it was ended before its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// What a session is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SessionKind {
    /// Of a role.
    Role {
        /// The role.
        role: RoleId,
        /// What it is called: the last part of its ARN.
        name: SessionName,
    },
    /// Of a user, or of root, who acts for themselves.
    Owner {
        /// Whose.
        owner: CredentialOwner,
    },
    /// Under a name that a user handed out, within what both that user and the session's policy allow.
    Federated {
        /// Who handed it out.
        user: UserId,
        /// The name.
        name: SessionName,
    },
    /// As root of the session's account, which is not the home account, for a task.
    Root {
        /// The task.
        task: RootTask,
    },
}

/// What a session was begun with. It ends with that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "with", rename_all = "snake_case")]
pub enum Begun {
    /// A long-lived access key.
    AccessKey {
        /// The key.
        key: AccessKeyId,
        /// Whose it is.
        owner: CredentialOwner,
    },
    /// A password, and what else was asked for.
    Login {
        /// Who signed in.
        user: UserId,
        /// By whose word, where that stood in place of a password.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outside: Option<Box<OutsideWord>>,
    },
    /// Tokens of single sign-on, which a client showed.
    Tokens {
        /// The family they are of.
        family: FamilyId,
    },
    /// The word of an outside SAML provider.
    Saml {
        /// The provider that it was registered as.
        provider: SamlProviderId,
        /// Who vouched: its `entityID` then.
        issuer: String,
        /// Who it is to them.
        subject: String,
        /// SHA-256, in hex, of the certificate by whose key they signed.
        certificate: String,
    },
    /// The word of an outside issuer.
    WebIdentity {
        /// The provider that it was registered as.
        provider: OidcProviderId,
        /// Who vouched.
        issuer: Issuer,
        /// Who it is to that issuer.
        subject: String,
    },
    /// What a machine showed: a certificate, or a token.
    Machine {
        /// Which machine.
        resource: ResourceId,
    },
    /// Another session.
    Session {
        /// Which.
        session: SessionId,
    },
}

/// Who holds a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// A program, which signs with it.
    #[default]
    Program,
    /// A browser, which shows its cookie. It ends when nobody uses it for a while.
    Browser,
}

impl Held {
    fn is_by_program(&self) -> bool {
        *self == Self::Program
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_first(turn: &u32) -> bool {
    *turn == 0
}

/// How a session was ended before its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// Why, for people to read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl Session {
    /// Its access key.
    #[must_use]
    pub fn key(&self) -> AccessKeyId {
        AccessKeyId::of_session(&self.id)
    }

    /// The role it is of.
    #[must_use]
    pub fn role(&self) -> Option<&RoleId> {
        match &self.kind {
            SessionKind::Role { role, .. } => Some(role),
            SessionKind::Owner { .. } | SessionKind::Federated { .. } | SessionKind::Root { .. } => None,
        }
    }

    /// The machine that began it, by what it showed.
    #[must_use]
    pub fn machine(&self) -> Option<&ResourceId> {
        match &self.begun {
            Begun::Machine { resource } => Some(resource),
            _ => None,
        }
    }

    /// The session that began it.
    #[must_use]
    pub fn parent(&self) -> Option<&SessionId> {
        match &self.begun {
            Begun::Session { session } => Some(session),
            _ => None,
        }
    }
}

/// What a session is called, or who is behind it: 2 to 64 of `[\w+=,.@-]` (STS API reference, `RoleSessionName`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionName(String);

/// Text that cannot be the name of a session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no name of a session: expected 2 to 64 letters, digits and `_+=,.@-`")]
pub struct SessionNameError(String);

impl SessionName {
    /// Fewest characters.
    pub const SHORTEST: usize = 2;
    /// Most characters.
    pub const LONGEST: usize = 64;

    /// The name's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `text` with what names cannot hold replaced by `-`, cut to what fits. `None` of a text too short to be one.
    #[must_use]
    pub fn sanitised(text: &str) -> Option<Self> {
        let kept: String = text.chars().take(Self::LONGEST).map(|c| if belongs(c) { c } else { '-' }).collect();
        kept.parse().ok()
    }
}

/// Whether names may hold it: ASCII alone, so that no two look alike.
fn belongs(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}

impl FromStr for SessionName {
    type Err = SessionNameError;

    fn from_str(text: &str) -> Result<Self, SessionNameError> {
        if (Self::SHORTEST..=Self::LONGEST).contains(&text.len()) && text.chars().all(belongs) {
            Ok(Self(text.to_owned()))
        } else {
            Err(SessionNameError(printable_within(text, Self::LONGEST).into_owned()))
        }
    }
}

impl TryFrom<String> for SessionName {
    type Error = SessionNameError;

    fn try_from(text: String) -> Result<Self, SessionNameError> {
        text.parse()
    }
}

impl From<SessionName> for String {
    fn from(name: SessionName) -> Self {
        name.0
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_what_aws_lets_them_hold() {
        for good in ["ab", "ann@example.test", "a_b+c=d,e.f-g", &"x".repeat(64)] {
            assert_eq!(good.parse::<SessionName>().unwrap().as_str(), good);
        }
        for bad in ["", "a", "a b", "a/b", "a:b", "\u{e4}nn", &"x".repeat(65)] {
            assert!(bad.parse::<SessionName>().is_err(), "{bad}");
        }
        assert_eq!(SessionName::sanitised("Ann O'Hara / Ops").unwrap().as_str(), "Ann-O-Hara---Ops");
        assert_eq!(SessionName::sanitised("\u{e4}\u{f6}").unwrap().as_str(), "--");
        assert_eq!(SessionName::sanitised("x"), None);
        assert_eq!(SessionName::sanitised(&"y".repeat(100)).unwrap().as_str().len(), 64);
    }
}
