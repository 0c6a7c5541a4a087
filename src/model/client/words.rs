//! The words that settings of a client are made of.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ClientError;
use crate::model::{AccountId, Arn, User};

/// What a client calls itself by. Small letters alone, so that no two differ by case and a Deny on one is a Deny on all spellings.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(String);

/// Something a client may ask for (RFC 6749, section 3.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(String);

/// By what a client asks for tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// A code that a browser brought (RFC 6749, section 4.1).
    AuthorizationCode,
    /// Itself (section 4.4).
    ClientCredentials,
    /// A refresh token (section 6).
    RefreshToken,
    /// A code of a device, which somebody answered elsewhere (RFC 8628, section 3.4).
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
    /// A token of somebody, for a session of a role (RFC 8693).
    #[serde(rename = "urn:ietf:params:oauth:grant-type:token-exchange")]
    TokenExchange,
}

/// By which algorithm the ID tokens of a client are signed, by its name in JOSE.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdTokenAlg {
    /// ECDSA on P-256 with SHA-256.
    #[default]
    #[serde(rename = "ES256")]
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256: many libraries take nothing else unless they are told to (OpenID Connect Core 1.0, section 2).
    #[serde(rename = "RS256")]
    Rs256,
}

/// What clients know people by (OpenID Connect Core 1.0, section 8).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subjects {
    /// Every client by the same name.
    #[default]
    Public,
    /// Each by another, so that two cannot tell that they have the same person.
    Pairwise,
}

/// What a claim says of a person: what is known of them here, by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ClaimSource {
    /// The name in ARNs.
    Name,
    /// The login as the directory spells it.
    Login,
    /// The mail address.
    Mail,
    /// The name for people to read.
    DisplayName,
    /// The number that links a person's accounts.
    EmployeeId,
    /// The ARN.
    Arn,
    /// The names of all groups they are in.
    Groups,
    /// ARNs of the roles they could take.
    Roles,
    /// A tag, which the configuration makes of an attribute.
    Tag(String),
    /// All tags, in the form in which AWS takes them for its sessions.
    AwsTags,
}

impl ClaimSource {
    /// What it says of `user`, somebody of `account`, in one text: `None` where that is not known, or empty, and of what is several
    /// things or takes a decision.
    #[must_use]
    pub fn text_of(&self, user: &User, account: &AccountId) -> Option<String> {
        let text = match self {
            Self::Name => Some(user.name.to_string()),
            Self::Login => Some(user.login.clone()),
            Self::Mail => user.mail.clone(),
            Self::DisplayName => user.display_name.clone(),
            Self::EmployeeId => user.employee_id.clone(),
            Self::Arn => Some(Arn::user(account, &user.path, &user.name).to_string()),
            Self::Tag(key) => user.tags.get(key).cloned(),
            Self::Groups | Self::Roles | Self::AwsTags => None,
        };
        text.filter(|text| !text.is_empty())
    }
}

const EXPECTED_ID: &str =
    "use 1 to 128 of a-z, 0-9, `.`, `_` and `-`, beginning with a letter or digit, and not 32 hexadecimal digits";
const EXPECTED_SCOPE: &str = "use 1 to 64 visible ASCII characters without `\"` and `\\`";
const EXPECTED_SOURCE: &str =
    "use name, login, mail, display_name, employee_id, arn, groups, roles, tag/KEY or aws_tags";

impl ClientId {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientId {
    type Err = ClientError;

    fn from_str(text: &str) -> Result<Self, ClientError> {
        let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let begins = text.bytes().next().is_some_and(letter);
        let whole = text.bytes().all(|b| letter(b) || matches!(b, b'.' | b'_' | b'-'));
        // People are called by 32 digits: a token of a client for itself must not be taken for somebody's (RFC 9068, section 5).
        let a_person = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        if begins && whole && !a_person && text.len() <= 128 {
            return Ok(Self(text.to_owned()));
        }
        Err(ClientError::word("client id", text, EXPECTED_ID))
    }
}

impl Scope {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Scope {
    type Err = ClientError;

    fn from_str(text: &str) -> Result<Self, ClientError> {
        let allowed = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(ClientError::word("scope", text, EXPECTED_SCOPE))
    }
}

impl GrantType {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::AuthorizationCode, Self::ClientCredentials, Self::RefreshToken, Self::DeviceCode, Self::TokenExchange];

    /// Its name in requests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::ClientCredentials => "client_credentials",
            Self::RefreshToken => "refresh_token",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
        }
    }

    /// The grant of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.name() == name)
    }
}

impl IdTokenAlg {
    /// The algorithm of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "ES256" => Some(Self::Es256),
            "RS256" => Some(Self::Rs256),
            _ => None,
        }
    }
}

impl FromStr for ClaimSource {
    type Err = ClientError;

    fn from_str(text: &str) -> Result<Self, ClientError> {
        Ok(match text {
            "name" => Self::Name,
            "login" => Self::Login,
            "mail" => Self::Mail,
            "display_name" => Self::DisplayName,
            "employee_id" => Self::EmployeeId,
            "arn" => Self::Arn,
            "groups" => Self::Groups,
            "aws_tags" => Self::AwsTags,
            "roles" => Self::Roles,
            _ => match text.strip_prefix("tag/").filter(|key| !key.is_empty()) {
                Some(key) => Self::Tag(key.to_owned()),
                None => return Err(ClientError::word("source of a claim", text, EXPECTED_SOURCE)),
            },
        })
    }
}

impl fmt::Display for ClaimSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "name",
            Self::Login => "login",
            Self::Mail => "mail",
            Self::DisplayName => "display_name",
            Self::EmployeeId => "employee_id",
            Self::Arn => "arn",
            Self::Groups => "groups",
            Self::AwsTags => "aws_tags",
            Self::Roles => "roles",
            Self::Tag(key) => return write!(f, "tag/{key}"),
        })
    }
}

impl From<ClaimSource> for String {
    fn from(source: ClaimSource) -> Self {
        source.to_string()
    }
}

macro_rules! texts {
    ($($text:ty),+) => {$(
        impl fmt::Display for $text {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$text> for String {
            fn from(text: $text) -> Self {
                text.0
            }
        }
    )+};
}

macro_rules! read {
    ($($text:ty),+) => {$(
        impl TryFrom<String> for $text {
            type Error = ClientError;

            fn try_from(text: String) -> Result<Self, ClientError> {
                text.parse()
            }
        }
    )+};
}

texts!(ClientId, Scope);
read!(ClientId, Scope, ClaimSource);
