//! A caller whom policies know, however it was authenticated.

use std::fmt;
use std::net::IpAddr;

use super::Caller;
use super::bearer::Bearer;
use super::federated::WebIdentity;
use super::login::Bound;
use super::machine::Machine;
use super::saml::SamlIdentity;
use super::signed::{RequestSource, Signed};
use crate::base::Timestamp;
use crate::model::{AccountId, Arn, Origin, Resource, Session, SessionKind, User};

/// Somebody of elsewhere, and where they ask from.
#[derive(Debug)]
pub struct Visitor {
    identity: Identity,
    account: AccountId,
    from: RequestSource,
}

/// Who somebody of elsewhere is, and by whose word.
#[derive(Debug)]
pub enum Identity {
    /// By the assertion of a SAML provider.
    Saml(Box<SamlIdentity>),
    /// By the token of an OpenID Connect provider.
    Web(Box<WebIdentity>),
}

impl Identity {
    /// The provider's ARN: what a trust policy names under `Federated`.
    #[must_use]
    pub fn provider_arn(&self) -> &Arn {
        match self {
            Self::Saml(identity) => identity.provider_arn(),
            Self::Web(identity) => identity.provider_arn(),
        }
    }

    /// Who vouches: an `entityID`, or an issuer without `https://`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        match self {
            Self::Saml(identity) => identity.issuer(),
            Self::Web(identity) => identity.host_path(),
        }
    }

    /// Who it is to them.
    #[must_use]
    pub fn subject(&self) -> &str {
        match self {
            Self::Saml(identity) => identity.subject(),
            Self::Web(identity) => identity.subject(),
        }
    }

    /// How they were authenticated (RFC 8176), as far as that is said in such words.
    #[must_use]
    pub fn amr(&self) -> &[String] {
        match self {
            Self::Saml(_) => &[],
            Self::Web(identity) => identity.amr(),
        }
    }

    /// When they were.
    #[must_use]
    pub fn authenticated(&self) -> Option<Timestamp> {
        match self {
            Self::Saml(identity) => Some(identity.assertion().authenticated()),
            Self::Web(identity) => identity.issued(),
        }
    }

    /// What conditions of a trust policy can ask for.
    #[must_use]
    pub fn context(&self) -> Vec<(&str, &[String])> {
        match self {
            Self::Saml(identity) => identity.context().collect(),
            Self::Web(identity) => identity.context().collect(),
        }
    }
}

/// A caller whom policies know.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// For whom a client shows tokens.
    Bearer(&'a Bearer),
    /// Who signed in with a password.
    Bound(&'a Bound),
    /// A machine that showed who it is.
    Machine(&'a Machine),
    /// Who signed, with a long-lived access key or in a session.
    Signed(&'a Signed),
    /// For whom an outside issuer vouches.
    Visitor(&'a Visitor),
}

impl Visitor {
    /// Somebody for whom an issuer vouched, who asks in `account`.
    #[must_use]
    pub fn new(identity: Identity, account: AccountId, from: RequestSource) -> Self {
        Self { identity, account, from }
    }

    /// Who it is, by the word of the issuer.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Where they ask from.
    #[must_use]
    pub fn from(&self) -> &RequestSource {
        &self.from
    }

    /// What the log calls them: the provider, and the subject there.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} of {}", self.identity.subject(), self.identity.issuer())
    }
}

impl<'a> Subject<'a> {
    /// The one behind `caller`, if policies know them.
    #[must_use]
    pub fn of(caller: &'a Caller) -> Option<Self> {
        let visitor = || caller.visitor().map(Self::Visitor);
        let machine = || caller.machine().map(Self::Machine);
        let bearer = || caller.bearer().map(Self::Bearer);
        let present = caller.signed().map(Self::Signed).or_else(|| caller.bound().map(Self::Bound));
        present.or_else(visitor).or_else(machine).or_else(bearer)
    }

    /// True of root, in whatever session of its own.
    #[must_use]
    pub fn is_root(self) -> bool {
        matches!(self, Self::Signed(signed) if signed.is_root())
    }

    /// The account as whose root they act, for a task; never the home account.
    #[must_use]
    pub fn assumed_root(self) -> Option<&'a AccountId> {
        let session = self.session()?;
        matches!(session.kind, SessionKind::Root { .. }).then_some(&session.account)
    }

    /// Where they ask from.
    #[must_use]
    pub fn from(self) -> &'a RequestSource {
        match self {
            Self::Bearer(bearer) => bearer.from(),
            Self::Bound(bound) => bound.from(),
            Self::Machine(machine) => machine.from(),
            Self::Signed(signed) => signed.from(),
            Self::Visitor(visitor) => visitor.from(),
        }
    }

    /// Their address.
    #[must_use]
    pub fn ip(self) -> Option<IpAddr> {
        self.from().ip
    }

    /// The user who acts as such; `None` of root, of machines, of sessions of roles, and of those of elsewhere.
    #[must_use]
    pub fn user(self) -> Option<&'a User> {
        match self {
            Self::Bearer(bearer) => Some(bearer.user()),
            Self::Bound(bound) => Some(bound.user()),
            Self::Signed(signed) => signed.user(),
            Self::Machine(_) | Self::Visitor(_) => None,
        }
    }

    /// The session that acts.
    #[must_use]
    pub fn session(self) -> Option<&'a Session> {
        match self {
            Self::Signed(signed) => signed.session().map(|live| live.session()),
            Self::Bearer(_) | Self::Bound(_) | Self::Machine(_) | Self::Visitor(_) => None,
        }
    }

    /// When they last showed a second factor, in what they act by.
    #[must_use]
    pub fn mfa(self) -> Option<Timestamp> {
        match self {
            Self::Bearer(bearer) => bearer.mfa(),
            Self::Bound(bound) => bound.mfa(),
            Self::Signed(_) | Self::Machine(_) | Self::Visitor(_) => self.session().and_then(|session| session.mfa),
        }
    }

    /// How they signed in for what they act by (RFC 8176).
    #[must_use]
    pub fn amr(self) -> &'a [String] {
        match self {
            Self::Bearer(bearer) => bearer.amr(),
            _ => self.session().map(|session| session.amr.as_slice()).unwrap_or_default(),
        }
    }

    /// The person behind it: the user, or whoever stands at the beginning of the session's chain.
    #[must_use]
    pub fn person(self) -> Option<&'a User> {
        match self {
            Self::Signed(signed) => signed.session().map_or_else(|| signed.user(), |live| live.person()),
            Self::Bearer(bearer) => Some(bearer.user()),
            Self::Bound(bound) => Some(bound.user()),
            Self::Machine(_) | Self::Visitor(_) => None,
        }
    }

    /// The machine behind it: itself, or the one at the beginning of the session's chain.
    #[must_use]
    pub fn machine(self) -> Option<&'a Resource> {
        match self {
            Self::Signed(signed) => signed.session().and_then(|live| live.machine()),
            Self::Machine(machine) => Some(machine.resource()),
            Self::Bearer(_) | Self::Bound(_) | Self::Visitor(_) => None,
        }
    }

    /// Where the person or the machine behind it comes from.
    #[must_use]
    pub fn origin(self) -> Option<&'a Origin> {
        let person = self.person().map(|person| &person.origin);
        person.or_else(|| self.machine().map(|machine| &machine.origin))
    }

    /// Their account.
    #[must_use]
    pub fn account(self) -> &'a AccountId {
        match self {
            Self::Bearer(bearer) => bearer.account(),
            Self::Bound(bound) => bound.account(),
            Self::Machine(machine) => machine.account(),
            Self::Signed(signed) => signed.account(),
            Self::Visitor(visitor) => &visitor.account,
        }
    }

    /// Their ARN; of those of elsewhere the provider's.
    #[must_use]
    pub fn arn(self) -> Arn {
        match self {
            Self::Bearer(bearer) => bearer.arn(),
            Self::Bound(bound) => bound.arn(),
            Self::Machine(machine) => machine.arn(),
            Self::Signed(signed) => signed.arn(),
            Self::Visitor(visitor) => visitor.identity.provider_arn().clone(),
        }
    }

    /// Their unique id; of those of elsewhere who they are to the issuer.
    #[must_use]
    pub fn unique_id(self) -> String {
        match self {
            Self::Bearer(bearer) => bearer.unique_id(),
            Self::Bound(bound) => bound.unique_id(),
            Self::Machine(machine) => machine.unique_id(),
            Self::Signed(signed) => signed.unique_id(),
            Self::Visitor(visitor) => visitor.identity.subject().to_owned(),
        }
    }
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bearer(bearer) => bearer.fmt(f),
            Self::Bound(bound) => bound.fmt(f),
            Self::Machine(machine) => machine.fmt(f),
            Self::Signed(signed) => signed.fmt(f),
            Self::Visitor(visitor) => f.write_str(&visitor.name()),
        }
    }
}
