//! What has to be known to read a directory. Made by `config`, which checks it; plain data here.

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
    /// `ldaps://`, `ldap://` or `ldapi://` URLs, in order of preference.
    pub urls: Vec<String>,
    /// Upgrade `ldap://` connections with StartTLS before anything else is sent.
    pub start_tls: bool,
    /// Allow `ldap://` without TLS to other machines. Health shows it.
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
    /// DN and password.
    Simple {
        /// Bind DN.
        dn: String,
        /// Its password; never empty (RFC 4513 5.1.2 would make that an anonymous bind).
        password: Secret<String>,
    },
    /// SASL EXTERNAL: the Unix socket's peer, or the client certificate.
    External,
}

/// Which entries are of a kind: one of these classes, and the filter.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Object classes, any of which makes an entry of this kind; empty switches the kind off.
    pub object_classes: Vec<String>,
    /// A further condition.
    pub filter: Option<Filter>,
}
