//! Who does a thing, as history and audit remember it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::{ResourceId, UserId};

/// The one behind a change. An authenticated caller converts into one; a task names itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// A person of the model, signed in.
    Person {
        /// Who.
        user: UserId,
        /// Name at that time.
        name: String,
    },
    /// The root of the account.
    Root,
    /// A session of a role, or under a name that was handed out.
    Session {
        /// Session id.
        session: String,
        /// Its ARN.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        arn: String,
        /// The person at the beginning of its chain.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<UserId>,
    },
    /// Somebody of elsewhere, for whom an issuer vouches.
    Visitor {
        /// The subject, and the issuer it is known to.
        name: String,
    },
    /// Somebody on this machine, known by the uid of the local socket's peer.
    Local {
        /// Peer uid.
        uid: u32,
    },
    /// A machine of the model, by what it showed.
    Machine {
        /// Which.
        resource: ResourceId,
        /// Name at that time.
        name: String,
    },
    /// A client of single sign-on, for itself or for whoever signed in at it.
    Client {
        /// What it calls itself by.
        id: String,
    },
    /// A proxy that asks about the requests of others.
    Proxy {
        /// Its name in the configuration.
        name: String,
    },
    /// The daemon itself.
    Task {
        /// Which of its tasks, such as `sync/corp`.
        name: String,
    },
}

impl Actor {
    /// The daemon's task `name`.
    #[must_use]
    pub fn task(name: impl Into<String>) -> Self {
        Self::Task { name: name.into() }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person { user, name } => write!(f, "person {name} ({user})"),
            Self::Root => f.write_str("root"),
            Self::Visitor { name } => write!(f, "{name}"),
            Self::Session { session, arn, .. } if arn.is_empty() => write!(f, "session {session}"),
            Self::Session { session, arn, .. } => write!(f, "session {arn} ({session})"),
            Self::Local { uid } => write!(f, "local uid {uid}"),
            Self::Machine { resource, name } => write!(f, "machine {name} ({resource})"),
            Self::Client { id } => write!(f, "client {id}"),
            Self::Proxy { name } => write!(f, "proxy {name}"),
            Self::Task { name } => write!(f, "task {name}"),
        }
    }
}
