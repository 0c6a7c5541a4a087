//! `[listen]`: where we listen.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::files::Files;
use super::section::Section;
use super::values::Address;

/// Where we listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// The socket the command line talks to.
    pub socket: PathBuf,
    /// The group that may open the socket, beside root.
    pub socket_group: Option<String>,
    /// Address of health and metrics.
    pub health: SocketAddr,
}

impl Listen {
    pub(super) fn meant(section: &Section<'_>, files: &Files<'_>) -> Self {
        let Address(health) = section.read("health");
        Self { socket: files.path(section.read("socket")), socket_group: section.optional("socket_group"), health }
    }
}
