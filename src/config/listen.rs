//! `[listen]`: where we listen.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::files::Files;
use super::section::Section;
use super::values::Address;

/// `sun_path` without its closing zero (unix(7)).
const LONGEST_SOCKET: usize = 107;

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
        Self { socket: Self::socket(section, files), socket_group: section.optional("socket_group"), health }
    }

    /// The socket alone.
    pub(super) fn socket(section: &Section<'_>, files: &Files<'_>) -> PathBuf {
        let socket = files.path(section.read("socket"));
        let length = socket.as_os_str().len();
        if length > LONGEST_SOCKET {
            let problem = format!(
                "{} is {length} bytes long, and the path of a Unix socket holds {LONGEST_SOCKET}",
                socket.display()
            );
            section.fault("socket", problem, "choose a shorter path");
        }
        socket
    }
}
