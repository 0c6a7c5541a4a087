//! Why a certificate, a ticket or a token makes nobody a machine.

use jiff::SignedDuration;

use crate::authn::kerberos::KerberosRefused;
use crate::base::{Fault, Faulty, Timestamp};
use crate::model::Inactive;
use crate::store::StoreError;

/// Why not. The words are for whoever showed the certificate, and for the log.
#[derive(Debug, thiserror::Error)]
pub enum MachineRefused {
    /// None came with the connection.
    #[error(
        "no client certificate came with the connection: show one in the TLS handshake with Bailey itself; what a proxy says of one does not count"
    )]
    NoCertificate,
    /// No authority is believed.
    #[error("no `[[machine_issuer]]` is configured, so no certificate makes anybody a machine")]
    NobodyVouches,
    /// No authority that is believed signed it, or what it signed does not count.
    #[error("the certificate is not accepted: {0}")]
    Untrusted(#[from] Untrusted),
    /// It is good, and no machine is known by it.
    #[error("no machine is known by {0}")]
    Unknown(String),
    /// Several machines are.
    #[error("several machines are known by {0}, so none is meant")]
    Ambiguous(String),
    /// The machine may not act.
    #[error("machine `{name}` may not act: {why}")]
    Inactive {
        /// Which.
        name: String,
        /// Why not.
        why: Inactive,
    },
    /// The ticket does not count.
    #[error(transparent)]
    Ticket(#[from] KerberosRefused),
    /// It is a person's, or a service's.
    #[error("the ticket is of `{0}`, and that is no account of a computer: those end with `$`")]
    NoMachine(String),
    /// Nobody of that realm is known.
    #[error("realm `{0}` is not the domain of a directory here, or of more than one")]
    Realm(String),
    /// A ticket of the one who had the name before may still be good.
    #[error(
        "account `{account}` was another computer's until lately, whose tickets may still be good: it is taken from {until:.0} on;          a certificate is taken now"
    )]
    NameReused {
        /// The account's name.
        account: String,
        /// From when on it counts again.
        until: Timestamp,
    },
    /// The directory does not say what the store does.
    #[error("directory `{directory}` does not confirm account `{account}`: {why}")]
    Otherwise {
        /// The account's name.
        account: String,
        /// Which directory.
        directory: String,
        /// What it says instead.
        why: String,
    },
    /// The directory does not answer.
    #[error("directory `{directory}` cannot be asked whose account that is now: {why}")]
    Away {
        /// Which.
        directory: String,
        /// What is wrong.
        why: String,
    },
    /// What is needed to tell is not there.
    #[error("whether the certificate counts cannot be told: {why}")]
    Undecided {
        /// Whose files, and what is wrong with them.
        why: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is wrong with a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// It is none.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// Nobody who is believed about machines signed it.
    #[error("no authority of a `[[machine_issuer]]` signed it")]
    Issuer,
    /// Its time is over, or that of one on the way to its authority.
    #[error("it, or one that leads to its authority, is expired or not good yet")]
    Time,
    /// It was taken back.
    #[error("it was revoked")]
    Revoked,
    /// Something else is wrong with the chain.
    #[error("{0}")]
    Chain(String),
    /// It is not for clients.
    #[error("its extended key usage does not name clientAuth (1.3.6.1.5.5.7.3.2)")]
    Purpose,
    /// It lives longer than its issuer's certificates may.
    #[error(
        "it lives for {lifetime:#} and `{issuer}` has a limit of {limit:#}: shorten it, or set crl_file so that it can be revoked"
    )]
    Lifetime {
        /// Name of the section.
        issuer: String,
        /// From its first moment to its last.
        lifetime: SignedDuration,
        /// What it may be.
        limit: SignedDuration,
    },
    /// It names no machine, or more than one.
    #[error("{0}")]
    Name(&'static str),
    /// It is valid to its last moment, and that has come.
    #[error("it expired at {0:.0}")]
    Expired(Timestamp),
}

impl MachineRefused {
    /// A word for programs and the audit log.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoCertificate => "no_certificate",
            Self::NobodyVouches => "no_issuer",
            Self::Untrusted(why) => match why {
                Untrusted::Unreadable(_) => "unreadable",
                Untrusted::Issuer => "wrong_issuer",
                Untrusted::Time | Untrusted::Expired(_) => "expired",
                Untrusted::Revoked => "revoked",
                Untrusted::Chain(_) => "bad_chain",
                Untrusted::Purpose => "wrong_purpose",
                Untrusted::Lifetime { .. } => "lives_too_long",
                Untrusted::Name(_) => "wrong_name",
            },
            Self::Unknown(_) => "unknown_machine",
            Self::Ambiguous(_) => "ambiguous",
            Self::Inactive { .. } => "inactive",
            Self::Ticket(why) => why.code(),
            Self::NoMachine(_) => "no_machine",
            Self::Realm(_) => "wrong_realm",
            Self::NameReused { .. } => "name_reused",
            Self::Otherwise { .. } => "not_confirmed",
            Self::Away { .. } => "directory_unavailable",
            Self::Undecided { .. } => "undecided",
            Self::Store(_) => "store",
        }
    }
}

impl Faulty for MachineRefused {
    fn fault(&self) -> Fault {
        match self {
            Self::Undecided { .. } => Fault::Operator,
            Self::Ticket(why) => why.fault(),
            Self::Away { .. } => Fault::Directory,
            Self::Store(error) => error.fault(),
            _ => Fault::Caller,
        }
    }
}
