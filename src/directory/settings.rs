//! What has to be known to read a directory. Made by `config`, which checks it; plain data here.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{Dn, Method, filter::Filter};
use crate::base::Secret;

/// One directory's connection and scope.
#[derive(Debug)]
pub struct Settings {
    /// Name for logs and findings.
    pub label: String,
    /// Which family of servers it is.
    pub family: Family,
    /// `ldaps://`, `ldap://` or `ldapi://` URLs, in order of preference; empty where `domain` says how to find servers.
    pub urls: Vec<String>,
    /// The domain whose servers DNS knows; `None` where `urls` name them.
    pub domain: Option<Domain>,
    /// Upgrade `ldap://` connections with StartTLS before anything else is sent.
    pub start_tls: bool,
    /// Allow `ldap://` without TLS to other machines, and use it for those found in DNS. Health shows it.
    pub insecure: bool,
    /// PEM file of the authorities that sign the servers' certificates; `None` trusts the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM files of our certificate and key, for servers that ask for one or for SASL EXTERNAL.
    pub client_certificate: Option<ClientCertificate>,
    /// Who we are to the directory.
    pub bind: Bind,
    /// Subtrees to read.
    pub bases: Vec<Dn>,
    /// Subtrees of the bases to take people, groups and machines from; empty takes all.
    pub only_under: Vec<Dn>,
    /// Which entries are people.
    pub people: Scope,
    /// Which entries are groups.
    pub groups: Scope,
    /// Which entries are machines.
    pub machines: Scope,
    /// Attribute with the immutable id, such as `entryUUID`.
    pub id_attribute: String,
    /// Further attributes to fetch (mapping decides which).
    pub attributes: Vec<String>,
    /// Attribute that `memberUid` values name; `uid`.
    pub login_attribute: String,
    /// How to follow changes; `None` takes the best the server offers.
    pub method: Option<Method>,
    /// How often changes are asked for where the server does not push them.
    pub follow_every: Duration,
    /// Ask at once when the server says that something changed (Active Directory).
    pub notified: bool,
    /// Entries a page.
    pub page_size: u32,
    /// Longest wait for a TCP, TLS and bind exchange.
    pub connect_timeout: Duration,
    /// Longest wait for one answer (a page, a look-up).
    pub answer_timeout: Duration,
    /// Largest number of values in one attribute; an entry with more is unusable.
    pub max_values: usize,
    /// Largest value in bytes; an entry with a larger one is unusable.
    pub max_value_bytes: usize,
}

/// Which family a directory's servers belong to: decides how changes are followed and what is said besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Family {
    /// OpenLDAP and all that keep to the RFCs.
    #[default]
    Ldap,
    /// Active Directory domain controllers, Samba's included.
    ActiveDirectory,
    /// 389 Directory Server.
    Ds389,
}

/// Servers that are found in DNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// DNS name, in lower case and without a dot at its end; see [`is_host_name`].
    pub name: String,
    /// Active Directory site whose servers come first.
    pub site: Option<String>,
    /// DNS servers to ask, for SRV records and for the addresses of what they name; empty asks the system's.
    pub nameservers: Vec<SocketAddr>,
}

/// Whether `name` can be the name of a host or domain: labels of letters, digits, `-` and `_` (which Windows allows),
/// of at most 63 characters and 253 in all (RFC 1035 2.3.4). The last one is not a number, or it would be an address.
#[must_use]
pub fn is_host_name(name: &str) -> bool {
    let plain = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253 && name.split('.').all(plain) && !last.starts_with(|c: char| c.is_ascii_digit())
}

/// Our certificate towards the directory.
#[derive(Debug, Clone)]
pub struct ClientCertificate {
    /// PEM chain.
    pub certificate_file: PathBuf,
    /// PEM private key.
    pub key_file: PathBuf,
}

/// How to bind.
#[derive(Debug)]
pub enum Bind {
    /// Not at all: what anonymous may read.
    Anonymous,
    /// Name and password.
    Simple {
        /// Who: a DN; for Active Directory also `user@corp.example.com` or `CORP\user` (MS-ADTS 5.1.1.1.1).
        dn: String,
        /// Its password; never empty (RFC 4513 5.1.2 would make that an anonymous bind).
        password: Secret<String>,
    },
    /// SASL EXTERNAL: the Unix socket's peer, or the client certificate.
    External,
    /// SASL GSSAPI: a Kerberos ticket, taken with the key in a keytab. Over `ldap://` it encrypts the connection, too.
    Kerberos {
        /// Who, such as `svc-bailey@CORP.EXAMPLE.COM`.
        principal: String,
    },
}

impl Bind {
    /// Who signs in by Kerberos, if that is how.
    #[must_use]
    pub fn principal(&self) -> Option<&str> {
        match self {
            Self::Kerberos { principal } => Some(principal),
            Self::Anonymous | Self::External | Self::Simple { .. } => None,
        }
    }

    /// True when signing in encrypts a connection that is not encrypted yet.
    #[must_use]
    pub fn seals(&self) -> bool {
        self.principal().is_some()
    }
}

/// Which entries are of a kind: one of these classes, and the filter.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Object classes, any of which makes an entry of this kind; empty switches the kind off.
    pub object_classes: Vec<String>,
    /// A further condition.
    pub filter: Option<Filter>,
}
