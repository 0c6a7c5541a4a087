//! Who is calling, and how surely.
//!
//! Owns the proof [`Caller`]: it exists only at the end of a completed authentication, so nothing can
//! act for a name it read somewhere. Each way of authenticating has a file of its own: [`local`], the
//! peer of the Unix socket; [`signed`], who signs requests with an access key; [`bearer`], for whom a client shows tokens; [`login`], who signs in with a
//! password; [`machine`], what shows a certificate, a ticket or a token; [`proxy`], which asks about the requests of others. What a caller may do is the
//! gate's business.
//!
//! Beside them stands what ways of authenticating are made of: [`password`] for local users, [`totp`] for
//! second factors, [`webauthn`] for passkeys, [`sigv4`] for signatures, [`federated`] for tokens of outside issuers, [`saml`] for responses of
//! outside identity providers, [`outside`] for people whose own firm's provider signs them in, [`kerberos`] for tickets, [`limiter`] against guessing.
//! They answer questions; none of them makes a caller.

pub mod bearer;
pub mod federated;
pub mod kerberos;
pub mod limiter;
pub mod local;
pub mod login;
pub mod machine;
pub mod outside;
pub mod password;
pub mod proxy;
pub mod saml;
pub mod signed;
pub mod sigv4;
pub mod subject;
pub mod totp;
pub mod webauthn;

use std::fmt;

use crate::model::Actor;
use bearer::Bearer;
use local::{Local, Role};
use login::Bound;
use machine::Machine;
use proxy::Proxy;
use signed::Signed;
use subject::Visitor;

/// Proof that somebody was authenticated. One a request; never copied, never read from anywhere.
#[derive(Debug)]
pub struct Caller(Kind);

#[derive(Debug)]
enum Kind {
    Bearer(Box<Bearer>),
    Bound(Box<Bound>),
    Local(Local),
    Machine(Box<Machine>),
    Proxy(Proxy),
    Signed(Box<Signed>),
    Visitor(Box<Visitor>),
}

/// What sort of caller it is: a column of the authorization matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallerKind {
    /// Somebody for whom a client shows tokens, who has no session of it yet.
    Bearer,
    /// Somebody who signed in with a password, and has no session yet.
    Bound,
    /// Somebody on this machine.
    Local(Role),
    /// A machine that showed its certificate, and has no session yet.
    Machine,
    /// A proxy that asks about the requests of others.
    Proxy,
    /// The root of the account, with an access key.
    Root,
    /// A user with an access key.
    User,
    /// A session of a role.
    Role,
    /// A session of a user's or root's own.
    Session {
        /// Whether a second factor was shown for it.
        mfa: bool,
    },
    /// A session under a name that a user handed out.
    Federated,
    /// A session as root of another account, for a task.
    AssumedRoot,
    /// A person at their terminal, signed in to the command line that this program is.
    Terminal,
    /// Somebody of elsewhere, for whom an issuer vouches, who has no session yet.
    Visitor,
}

impl CallerKind {
    /// Every sort of caller.
    pub const ALL: &[Self] = &[
        Self::Bearer,
        Self::Bound,
        Self::Local(Role::Operator),
        Self::Local(Role::Viewer),
        Self::Machine,
        Self::Proxy,
        Self::Root,
        Self::User,
        Self::Role,
        Self::Session { mfa: false },
        Self::Session { mfa: true },
        Self::Federated,
        Self::AssumedRoot,
        Self::Terminal,
        Self::Visitor,
    ];
}

impl fmt::Display for CallerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bearer => f.write_str("bearer"),
            Self::Bound => f.write_str("bound"),
            Self::Local(role) => write!(f, "local-{role}"),
            Self::Machine => f.write_str("machine"),
            Self::Proxy => f.write_str("proxy"),
            Self::Root => f.write_str("root"),
            Self::User => f.write_str("user"),
            Self::Role => f.write_str("role"),
            Self::Session { mfa: false } => f.write_str("session"),
            Self::Session { mfa: true } => f.write_str("session-mfa"),
            Self::Federated => f.write_str("federated"),
            Self::AssumedRoot => f.write_str("assumed-root"),
            Self::Terminal => f.write_str("terminal"),
            Self::Visitor => f.write_str("visitor"),
        }
    }
}

impl Caller {
    /// What sort of caller it is.
    #[must_use]
    pub fn kind(&self) -> CallerKind {
        match &self.0 {
            Kind::Bearer(bearer) if bearer.is_at_terminal() => CallerKind::Terminal,
            Kind::Bearer(_) => CallerKind::Bearer,
            Kind::Bound(_) => CallerKind::Bound,
            Kind::Local(local) => CallerKind::Local(local.role()),
            Kind::Machine(_) => CallerKind::Machine,
            Kind::Proxy(_) => CallerKind::Proxy,
            Kind::Signed(signed) => signed.kind(),
            Kind::Visitor(_) => CallerKind::Visitor,
        }
    }

    /// Who history and audit will name.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match &self.0 {
            Kind::Bearer(bearer) => bearer.actor(),
            Kind::Bound(bound) => bound.actor(),
            Kind::Local(local) => Actor::Local { uid: local.uid() },
            Kind::Machine(machine) => machine.actor(),
            Kind::Proxy(proxy) => Actor::Proxy { name: proxy.name().to_owned() },
            Kind::Signed(signed) => signed.actor(),
            Kind::Visitor(visitor) => Actor::Visitor { name: visitor.name() },
        }
    }

    /// Who signed, if that is how it was authenticated.
    #[must_use]
    pub fn signed(&self) -> Option<&Signed> {
        match &self.0 {
            Kind::Signed(signed) => Some(signed),
            _ => None,
        }
    }

    /// For whom an outside issuer vouches, if that is how it was authenticated.
    #[must_use]
    pub fn visitor(&self) -> Option<&Visitor> {
        match &self.0 {
            Kind::Visitor(visitor) => Some(visitor),
            _ => None,
        }
    }

    /// Who signed in with a password, if that is how it was authenticated.
    #[must_use]
    pub fn bound(&self) -> Option<&Bound> {
        match &self.0 {
            Kind::Bound(bound) => Some(bound),
            _ => None,
        }
    }

    /// The machine that showed its certificate, if that is how it was authenticated.
    #[must_use]
    pub fn machine(&self) -> Option<&Machine> {
        match &self.0 {
            Kind::Machine(machine) => Some(machine),
            _ => None,
        }
    }

    /// Somebody for whom a client shows tokens, if that is how it was authenticated.
    #[must_use]
    pub fn bearer(&self) -> Option<&Bearer> {
        match &self.0 {
            Kind::Bearer(bearer) => Some(bearer),
            _ => None,
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Bearer(bearer) => bearer.fmt(f),
            Kind::Bound(bound) => bound.fmt(f),
            Kind::Local(local) => local.fmt(f),
            Kind::Machine(machine) => machine.fmt(f),
            Kind::Proxy(proxy) => proxy.fmt(f),
            Kind::Signed(signed) => signed.fmt(f),
            Kind::Visitor(visitor) => f.write_str(&visitor.name()),
        }
    }
}

impl From<Bearer> for Caller {
    fn from(bearer: Bearer) -> Self {
        Self(Kind::Bearer(Box::new(bearer)))
    }
}

impl From<Bound> for Caller {
    fn from(bound: Bound) -> Self {
        Self(Kind::Bound(Box::new(bound)))
    }
}

impl From<Signed> for Caller {
    fn from(signed: Signed) -> Self {
        Self(Kind::Signed(Box::new(signed)))
    }
}

impl From<Visitor> for Caller {
    fn from(visitor: Visitor) -> Self {
        Self(Kind::Visitor(Box::new(visitor)))
    }
}

impl From<Machine> for Caller {
    fn from(machine: Machine) -> Self {
        Self(Kind::Machine(Box::new(machine)))
    }
}

impl From<Proxy> for Caller {
    fn from(proxy: Proxy) -> Self {
        Self(Kind::Proxy(proxy))
    }
}

impl From<Local> for Caller {
    fn from(local: Local) -> Self {
        Self(Kind::Local(local))
    }
}
