//! What can go wrong with a directory, and whose fault that is.

use crate::base::{Fault, Faulty};

/// Why a directory could not be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DirectoryError {
    /// No server could be used; each with its reason.
    #[error("no server of directory `{label}` can be used: {}", reasons.join("; "))]
    AllServersDown {
        /// Which directory.
        label: String,
        /// `url: why`, in the order tried.
        reasons: Vec<String>,
    },
    /// A connection could not be made or broke.
    #[error("{server}: {why}")]
    Connection {
        /// The server's URL.
        server: String,
        /// What happened.
        why: String,
    },
    /// The server did not answer in time.
    #[error("{server}: no answer to {what} within {seconds} s")]
    TimedOut {
        /// The server's URL.
        server: String,
        /// What was asked.
        what: String,
        /// The limit that passed.
        seconds: u64,
    },
    /// The server answered with an error result (RFC 4511 4.1.9).
    #[error("{server} refused {what}: result {code} ({name}){}", if text.is_empty() { String::new() } else { format!(": {text}") })]
    Refused {
        /// The server's URL.
        server: String,
        /// What was asked.
        what: String,
        /// LDAP result code.
        code: u32,
        /// Its name in RFC 4511.
        name: &'static str,
        /// The server's diagnostic message, printable.
        text: String,
    },
    /// The server broke the protocol.
    #[error("{server} broke the protocol: {why}")]
    Protocol {
        /// The server's URL.
        server: String,
        /// How.
        why: String,
    },
    /// Our own files or settings do not allow a connection.
    #[error("{what}: {why}")]
    Setup {
        /// Which file or setting.
        what: String,
        /// What is wrong with it.
        why: String,
    },
}

impl Faulty for DirectoryError {
    fn fault(&self) -> Fault {
        match self {
            Self::Setup { .. } => Fault::Operator,
            _ => Fault::Directory,
        }
    }
}
