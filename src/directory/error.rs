//! What can go wrong with a directory, whose fault that is, and the names of LDAP's result codes.

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
    /// No server of a domain was ever found.
    #[error("no server of domain `{domain}` can be found: {why}")]
    NoServers {
        /// The domain, as configured.
        domain: String,
        /// What DNS said, or that it said nothing.
        why: String,
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

impl DirectoryError {
    /// The same; where all servers are down it also tells that their list is `outdated`, and why.
    pub(super) fn because_outdated(mut self, outdated: Option<String>) -> Self {
        if let (Self::AllServersDown { reasons, .. }, Some(why)) = (&mut self, outdated) {
            reasons.push(format!("these servers were found earlier, and now: {why}"));
        }
        self
    }
}

impl Faulty for DirectoryError {
    fn fault(&self) -> Fault {
        match self {
            Self::Setup { .. } => Fault::Operator,
            _ => Fault::Directory,
        }
    }
}

/// The name of an LDAP result code (RFC 4511 4.1.9; RFC 4533 2.4 and RFC 3909 for the last).
#[must_use]
pub fn result_name(code: u32) -> &'static str {
    match code {
        0 => "success",
        1 => "operationsError",
        2 => "protocolError",
        3 => "timeLimitExceeded",
        4 => "sizeLimitExceeded",
        5 => "compareFalse",
        6 => "compareTrue",
        7 => "authMethodNotSupported",
        8 => "strongerAuthRequired",
        10 => "referral",
        11 => "adminLimitExceeded",
        12 => "unavailableCriticalExtension",
        13 => "confidentialityRequired",
        14 => "saslBindInProgress",
        16 => "noSuchAttribute",
        17 => "undefinedAttributeType",
        18 => "inappropriateMatching",
        19 => "constraintViolation",
        20 => "attributeOrValueExists",
        21 => "invalidAttributeSyntax",
        32 => "noSuchObject",
        33 => "aliasProblem",
        34 => "invalidDNSyntax",
        36 => "aliasDereferencingProblem",
        48 => "inappropriateAuthentication",
        49 => "invalidCredentials",
        50 => "insufficientAccessRights",
        51 => "busy",
        52 => "unavailable",
        53 => "unwillingToPerform",
        54 => "loopDetect",
        64 => "namingViolation",
        65 => "objectClassViolation",
        66 => "notAllowedOnNonLeaf",
        67 => "notAllowedOnRDN",
        68 => "entryAlreadyExists",
        69 => "objectClassModsProhibited",
        71 => "affectsMultipleDSAs",
        80 => "other",
        118 => "canceled",
        4096 => "e-syncRefreshRequired",
        _ => "unknown result",
    }
}
