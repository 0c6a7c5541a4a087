//! Machines that show who they are: by the certificate of their TLS connection, by a token of the platform they run on, or by a
//! Kerberos ticket of their domain.
//!
//! Owns the proof [`Machine`]: it exists only at the end of a completed verification, of a certificate whose key the other end of
//! the connection itself proved to have, of a token ([`super::federated`]), or of a ticket ([`super::kerberos`]). What a proxy says of somebody's certificate in a header is never looked at. No
//! machine keeps a key of ours: its certificate is made and renewed by an authority of the company, and what it gets here
//! is a session that ends.
//!
//! ```text
//!  connection --handshake--> Shown --issuers: chain to a pinned authority, revoked?--> leaf: purpose, lifetime, name
//!                                                                                                            |
//!            Machine <-- present, not disabled <-- the one machine that is known by it <-- the model's rows <-+
//! ```
//!
//! Which authority is believed about which machines is said in the configuration ([`settings`]) and is no matter of whom the
//! listener lets connect: an authority that vouches for people, or for proxies, vouches for no machine. A computer of Active
//! Directory is known by its SID, which no other object ever gets, and never by a name, which whoever may write `dNSHostName`
//! chooses (CVE-2022-26923; Microsoft KB5014754). A machine that was declared here is known by the one name in its certificate.

mod identify;
mod issuers;
mod leaf;
mod refused;
pub mod settings;
mod ticket;
mod token;

pub use issuers::MachineIssuers;
pub use refused::{MachineRefused, Untrusted};
pub use settings::{MachineIssuerSettings, Vouches};
pub use ticket::{LONGEST_TICKET, Named};

use std::fmt;

use bytes::Bytes;
use rustls::pki_types::CertificateDer;

use super::signed::RequestSource;
use crate::base::Timestamp;
use crate::model::{AccountId, Actor, Arn, Issuer, Member, Resource, UniqueId};

/// A machine that showed who it is. Made by [`MachineIssuers::identify`], [`Machine::with_ticket`] and [`Machine::with_token`]
/// alone.
#[derive(Debug)]
pub struct Machine {
    account: AccountId,
    resource: Resource,
    shown: Credential,
    at: Timestamp,
    from: RequestSource,
}

/// What a machine showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A certificate.
    Certificate {
        /// Who vouches: the name of a section of the configuration.
        issuer: String,
        /// Its number, in hexadecimal digits.
        serial: String,
        /// Its last moment.
        until: Timestamp,
    },
    /// A Kerberos ticket.
    Kerberos {
        /// Whose servers vouch.
        realm: String,
        /// Who it is to them, realm included.
        principal: String,
    },
    /// A token.
    Token {
        /// Who vouches.
        issuer: Issuer,
        /// Who it is to them.
        subject: String,
        /// The token's own name (`jti`).
        id: Option<String>,
    },
}

/// The certificates that the other end of a connection showed, its own first (DER).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    leaf: Bytes,
    others: Vec<Bytes>,
}

impl Shown {
    /// Those of a TLS handshake that is done: whoever calls this vouches that the other end proved to have the key of the first.
    /// `None` where there is none.
    #[must_use]
    pub fn in_handshake(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let (leaf, others) = chain.split_first()?;
        let copied = |certificate: &CertificateDer<'_>| Bytes::copy_from_slice(certificate);
        Some(Self { leaf: copied(leaf), others: others.iter().map(copied).collect() })
    }
}

impl AsRef<[u8]> for Shown {
    /// The other end's own.
    fn as_ref(&self) -> &[u8] {
        &self.leaf
    }
}

impl Machine {
    /// Which machine, as stored when it showed that.
    #[must_use]
    pub fn resource(&self) -> &Resource {
        &self.resource
    }

    /// The account.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// What it showed.
    #[must_use]
    pub fn shown(&self) -> &Credential {
        &self.shown
    }

    /// No session that it begins lasts longer. A token is over within minutes, a ticket within hours, and both say who somebody is
    /// and not for how long.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        match &self.shown {
            Credential::Certificate { until, .. } => Some(*until),
            Credential::Kerberos { .. } | Credential::Token { .. } => None,
        }
    }

    /// How it showed that (RFC 8176): with a key that it has; of a token that is for its issuer to know.
    #[must_use]
    pub fn amr(&self) -> &'static [&'static str] {
        match &self.shown {
            Credential::Certificate { .. } | Credential::Kerberos { .. } => &["swk"],
            Credential::Token { .. } => &[],
        }
    }

    /// When it showed that.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Where it asks from.
    #[must_use]
    pub fn from(&self) -> &RequestSource {
        &self.from
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> Arn {
        Arn::resource(&self.account, &self.resource.name)
    }

    /// Its unique id.
    #[must_use]
    pub fn unique_id(&self) -> String {
        UniqueId::of_member(&Member::Resource(self.resource.id)).to_string()
    }

    /// Who history and audit will name.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::Machine { resource: self.resource.id, name: self.resource.name.to_string() }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.arn())
    }
}
