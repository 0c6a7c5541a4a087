//! Why there is no document.

use std::net::IpAddr;

use crate::base::{Fault, Faulty};

/// Why there is no document. Its words tell what this machine's network looks like: they are for whoever runs it, not for those
/// whose request it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// No such URL is fetched.
    #[error("`{url}` is not fetched: {why}")]
    Url {
        /// The URL.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Nobody knows where the host is.
    #[error("it is not known where `{host}` is: {why}")]
    Unresolved {
        /// The host.
        host: String,
        /// Why not.
        why: String,
    },
    /// It is somewhere it must not be.
    #[error(
        "`{host}` is at {address}, {what}: if that is meant, name its network in `networks` of the issuer's, the webhook's or the \
         ticket check's section, or in `client_networks` of [sso]"
    )]
    Forbidden {
        /// The host.
        host: String,
        /// Where it is.
        address: IpAddr,
        /// What sort of address that is.
        what: &'static str,
    },
    /// There is nobody to vouch for the server.
    #[error("the certificate authorities cannot be used: {why}")]
    Authorities {
        /// Why not.
        why: String,
    },
    /// It takes no connection.
    #[error("`{host}` takes no connection: {why}")]
    Unreachable {
        /// The host.
        host: String,
        /// Where it was tried last, and why not.
        why: String,
    },
    /// It is not who it should be, or speaks no TLS that we do.
    #[error("there is no TLS with `{host}`: {why}")]
    Tls {
        /// The host.
        host: String,
        /// Why not.
        why: String,
    },
    /// It sends us elsewhere.
    #[error("`{url}` redirects to `{to}`, and redirections are not followed: configure the address that answers")]
    Redirected {
        /// What was asked for.
        url: String,
        /// Where it sent us.
        to: String,
    },
    /// It says no.
    #[error("`{url}` answered with status {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
    },
    /// The answer is too long.
    #[error("`{url}` answered with more than {most} bytes")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The limit.
        most: usize,
    },
    /// It took too long.
    #[error("`{url}` did not answer within {seconds} s")]
    Slow {
        /// What was asked for.
        url: String,
        /// The limit.
        seconds: u64,
    },
    /// The answer ended early, or is none of HTTP.
    #[error("the answer of `{url}` cannot be read: {why}")]
    Broken {
        /// What was asked for.
        url: String,
        /// Why not.
        why: String,
    },
}

impl Faulty for FetchError {
    /// Of whoever runs this machine: they alone can allow an address, or talk to the other side.
    fn fault(&self) -> Fault {
        Fault::Operator
    }
}
