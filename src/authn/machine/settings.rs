//! What a configuration says of an authority that vouches for machines.

use std::path::PathBuf;

use jiff::SignedDuration;

use crate::model::DirectoryLabel;

/// Longest life of a certificate of which nobody can say that it was revoked.
pub const LONGEST_UNREVOCABLE: SignedDuration = SignedDuration::from_hours(24);

/// An authority that vouches for machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineIssuerSettings {
    /// Its name in records.
    pub name: String,
    /// The authorities that sign, PEM. Nothing else that the listener trusts counts.
    pub ca_file: PathBuf,
    /// Their lists of revoked certificates (RFC 5280, section 5), PEM or one of DER.
    pub crl_file: Option<PathBuf>,
    /// How long a certificate may live, from its first moment to its last; `None` without limit, where there is a list.
    pub max_lifetime: Option<SignedDuration>,
    /// Which machines it is believed about.
    pub vouches: Vouches,
}

/// Which machines an authority is believed about, and what its certificates call them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vouches {
    /// The computers of a directory, by their SID: Active Directory Certificate Services.
    Computers {
        /// Which directory.
        directory: DirectoryLabel,
    },
    /// Machines that were made here, by the DNS name or URI that they were declared with.
    Declared,
}
