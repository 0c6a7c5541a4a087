//! The local socket: made for one group, never stolen from a daemon that runs.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::unistd::{Group, chown};
use tokio::net::{UnixListener, UnixStream};

use crate::base::{Fault, Faulty};

/// Where the socket is and who may open it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its path.
    pub path: PathBuf,
    /// Group that may open it besides the daemon's own account; `None` lets anyone open it. Who may do what is decided later.
    pub group: Option<String>,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// A daemon answers there.
    #[error("another daemon answers on {path}; stop it first, or choose another `listen.socket`")]
    Taken {
        /// The socket.
        path: PathBuf,
    },
    /// Something that is not a socket is in the way.
    #[error("{path} is there and is not a socket; remove it, or choose another `listen.socket`")]
    NotASocket {
        /// What is in the way.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("cannot make the socket {path}: {why}")]
    Refused {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
}

impl Faulty for SocketError {
    fn fault(&self) -> Fault {
        Fault::Operator
    }
}

/// A socket that listens; its file goes when this is dropped, unless another took its place.
pub struct Socket {
    path: PathBuf,
    inode: u64,
}

/// Makes the socket and listens.
///
/// # Errors
/// When somebody else answers there, something else is in the way, or the system refuses.
pub async fn bind(settings: &Settings) -> Result<(UnixListener, Socket), SocketError> {
    let path = &settings.path;
    let refused = |error: io::Error| SocketError::Refused { path: path.clone(), why: error.to_string() };
    make_room(path).await?;
    let listener = UnixListener::bind(path).map_err(refused)?;
    // Until here the process's umask holds. Opening the socket gives nobody a right: the kernel names every peer's uid,
    // and a stranger is told what would help instead of finding a closed door.
    let mode = if settings.group.is_some() { 0o660 } else { 0o666 };
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(refused)?;
    if let Some(group) = &settings.group {
        give_to(path, group);
    }
    let inode = fs::symlink_metadata(path).map_err(refused)?.ino();
    Ok((listener, Socket { path: path.clone(), inode }))
}

/// Removes a socket nobody answers on.
async fn make_room(path: &Path) -> Result<(), SocketError> {
    let refused = |error: io::Error| SocketError::Refused { path: path.to_owned(), why: error.to_string() };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused(error)),
        Ok(found) if !found.file_type().is_socket() => return Err(SocketError::NotASocket { path: path.to_owned() }),
        Ok(_) => {}
    }
    match UnixStream::connect(path).await {
        Ok(_) => Err(SocketError::Taken { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(refused),
        Err(error) => Err(refused(error)),
    }
}

/// A missing group shuts its members out and nobody in: worth a warning, not a refusal to start.
fn give_to(path: &Path, group: &str) {
    let given = match Group::from_name(group) {
        Ok(Some(found)) => chown(path, None, Some(found.gid)).map_err(|errno| errno.to_string()),
        Ok(None) => Err("there is no such group".to_owned()),
        Err(errno) => Err(errno.to_string()),
    };
    if let Err(error) = given {
        tracing::warn!(path = %path.display(), group, error, "the socket keeps its group: only root and the daemon's account can open it");
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}
