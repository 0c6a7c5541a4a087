//! Files the configuration names: where they are, whether they can be read, and by whom else.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::Surroundings;
use super::fault::ConfigFault;
use super::section::Section;
use crate::base::Secret;

/// Longest password read from a file, in bytes: a wrong path must not fill the memory.
const LONGEST_SECRET: u64 = 4096;

/// What is wrong where systemd did not start us.
const NO_CREDENTIALS: &str = "the environment has no CREDENTIALS_DIRECTORY";

/// Begins a command as the unit does (systemd/bailey.service): its user, its directory, which a first command may have to make, and its
/// modes.
const LIKE_THE_DAEMON: &str = "systemd-run --quiet --collect --pipe --wait -p User=bailey -p StateDirectory=bailey \
                               -p StateDirectoryMode=0700 -p UMask=0077";

/// The files around one configuration.
pub(super) struct Files<'a> {
    around: &'a Surroundings,
    /// Names of the credentials that only systemd could have given.
    withheld: RefCell<BTreeSet<String>>,
}

impl<'a> Files<'a> {
    pub(super) fn around(surroundings: &'a Surroundings) -> Self {
        Self { around: surroundings, withheld: RefCell::default() }
    }

    /// `faults`, those about credentials with what helps in a shell: one command for all of them, whole.
    pub(super) fn with_way_out(&self, mut faults: Vec<ConfigFault>) -> Vec<ConfigFault> {
        let loaded: String =
            self.withheld.borrow().iter().map(|name| format!(" -p LoadCredential={name}:FILE")).collect();
        for fault in faults.iter_mut().filter(|fault| fault.problem == NO_CREDENTIALS) {
            fault.remedy.push_str(&format!("; in a shell, write `{LIKE_THE_DAEMON}{loaded}` before the command"));
        }
        faults
    }

    /// `path` as meant: relative ones start from the configuration's directory, so that a file
    /// means the same wherever `bailey` is started.
    pub(super) fn path(&self, path: PathBuf) -> PathBuf {
        match self.around.file.parent() {
            Some(directory) => directory.join(path),
            None => path,
        }
    }

    /// The file that `name` is set to, if it can be read.
    pub(super) fn readable(&self, section: &Section<'_>, name: &str) -> Option<PathBuf> {
        let path = self.path(section.optional(name)?);
        match open(&path) {
            Ok(_) => Some(path),
            Err(why) => {
                section.fault(name, unreadable(&path, &why), remedy(&why));
                None
            }
        }
    }

    /// The file that `name` is set to, if it can be read, and not by everyone.
    pub(super) fn private(&self, section: &Section<'_>, name: &str) -> Option<PathBuf> {
        let path = self.readable(section, name)?;
        self.is_private(section, name, &path).then_some(path)
    }

    /// The secret that stands in the configuration itself, which then must be closed to others.
    pub(super) fn written_secret(&self, section: &Section<'_>, name: &str) -> Option<Secret<String>> {
        let secret = section.optional(name)?;
        if self.around.exposed {
            let file = self.around.file.display();
            section.fault(
                name,
                format!("stands in a file that every user of this machine can read: {file}"),
                format!("chmod o= {file}"),
            );
        }
        Some(secret)
    }

    /// The secret in the file that `name` is set to.
    pub(super) fn secret_in_file(&self, section: &Section<'_>, name: &str) -> Option<Secret<String>> {
        let path = self.path(section.optional(name)?);
        self.secret(section, name, &path)
    }

    /// The secret in the systemd credential that `name` is set to.
    pub(super) fn secret_in_credential(&self, section: &Section<'_>, name: &str) -> Option<Secret<String>> {
        let path = self.credential(section, name)?;
        self.secret(section, name, &path)
    }

    /// The file of the systemd credential that `name` is set to, if it can be read, and not by everyone.
    pub(super) fn private_credential(&self, section: &Section<'_>, name: &str) -> Option<PathBuf> {
        let path = self.credential(section, name)?;
        if let Err(why) = open(&path) {
            section.fault(name, unreadable(&path, &why), remedy(&why));
            return None;
        }
        self.is_private(section, name, &path).then_some(path)
    }

    /// Where the systemd credential is that `name` is set to. Each such key has a sibling that takes a path.
    fn credential(&self, section: &Section<'_>, name: &str) -> Option<PathBuf> {
        let credential: String = section.optional(name)?;
        let sibling = name.replace("_credential", "_file");
        if credential.contains('/') || credential.starts_with('.') {
            section.fault(name, "is a path", format!("write the name given to LoadCredential=, or use {sibling}"));
            return None;
        }
        let Some(directory) = &self.around.credentials else {
            section.fault(
                name,
                NO_CREDENTIALS,
                format!("start bailey by systemd with LoadCredential={credential}:FILE, or use {sibling}"),
            );
            self.withheld.borrow_mut().insert(credential);
            return None;
        };
        Some(directory.join(credential))
    }

    fn secret(&self, section: &Section<'_>, name: &str, path: &Path) -> Option<Secret<String>> {
        match read_secret(path) {
            Ok(secret) if secret.expose().is_empty() => {
                // RFC 4513 5.1.2: a simple bind without a password is an anonymous one, and succeeds.
                section.fault(name, format!("{} is empty", path.display()), "write the password into it");
                None
            }
            Ok(secret) => self.is_private(section, name, path).then_some(secret),
            Err(why) => {
                section.fault(name, unreadable(path, &why), remedy(&why));
                None
            }
        }
    }

    fn is_private(&self, section: &Section<'_>, name: &str, path: &Path) -> bool {
        let exposed = exposed(path).unwrap_or(true);
        if exposed {
            let shown = path.display();
            section.fault(name, format!("every user of this machine can get at {shown}"), format!("chmod o= {shown}"));
        }
        !exposed
    }
}

/// Whether users other than its owner and group have any right on `path`.
pub(super) fn exposed(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o007 != 0)
}

fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(file) }
}

/// The text of `path` without the newline that editors and `echo` leave at its end.
fn read_secret(path: &Path) -> io::Result<Secret<String>> {
    // The room is taken at once: a string that grows leaves unwiped copies behind.
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(LONGEST_SECRET).unwrap_or(0) + 1));
    let read = open(path)?.take(LONGEST_SECRET + 1).read_to_string(&mut text)?;
    if read as u64 > LONGEST_SECRET {
        return Err(io::Error::other(format!("it is longer than {LONGEST_SECRET} bytes")));
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret::new(line.strip_suffix('\r').unwrap_or(line).to_owned()))
}

fn unreadable(path: &Path, why: &io::Error) -> String {
    match why.kind() {
        io::ErrorKind::NotFound => format!("there is no file {}", path.display()),
        io::ErrorKind::IsADirectory => format!("{} is a directory", path.display()),
        io::ErrorKind::InvalidData => format!("{} is not text", path.display()),
        _ => format!("{} cannot be read: {why}", path.display()),
    }
}

fn remedy(why: &io::Error) -> &'static str {
    match why.kind() {
        io::ErrorKind::PermissionDenied => "give the user that runs bailey the right to read it",
        _ => "name an existing file; relative paths start from the configuration's directory",
    }
}
