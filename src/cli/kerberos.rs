//! Gives Kerberos' library the keytab that the configuration names, and a place for tickets.
//!
//! It looks for both in the process' environment and nowhere else that safe code reaches, and to change the environment of
//! a process that runs is not safe (`std::env::set_var`). So the program starts itself once more, in its own place: same
//! process id, same open files, two variables more.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::config::Config;
use crate::directory::settings::Bind;

/// The keytab to take tickets with (kerberos(7)).
const KEYTAB: &str = "KRB5_CLIENT_KTNAME";
/// Where tickets are kept. Where a keytab is named this is always ours: what a shell has in it is somebody's own.
const TICKETS: &str = "KRB5CCNAME";
/// How the name of the directory begins that is made for the tickets of several accounts.
const DIRECTORY: &str = "bailey-tickets-";

/// How directories are signed in to by Kerberos.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningIn {
    keytab: Option<PathBuf>,
    accounts: BTreeSet<String>,
}

/// A directory of tickets, removed with what was in it: for some hours they are worth as much as the key.
#[derive(Debug)]
pub struct Tickets(Option<PathBuf>);

impl Drop for Tickets {
    fn drop(&mut self) {
        if let Some(directory) = &self.0 {
            let _ = std::fs::remove_dir_all(directory);
        }
    }
}

/// Returns when the environment is as `config` wants it; otherwise the program begins anew, with one that is. Tickets live
/// as long as what is returned.
///
/// # Errors
/// When it cannot be started again.
pub fn prepare(config: &Config) -> anyhow::Result<Tickets> {
    let Some(keytab) = SigningIn::of(config).keytab_in_use() else { return Ok(Tickets(None)) };
    let accounts = SigningIn::of(config).accounts;
    if is_set(&keytab, &accounts, |name| std::env::var_os(name)) {
        return Ok(Tickets(std::env::var_os(TICKETS).as_deref().and_then(directory_of)));
    }
    let failed = "cannot start again with the keytab in the environment";
    let tickets = match Vec::from_iter(&accounts).as_slice() {
        [account] => in_memory(account),
        _ => {
            let made = tempfile::Builder::new().prefix(DIRECTORY).tempdir().context(failed)?;
            of_kind("DIR:", &made.keep())
        }
    };
    // By the link and not by the name behind it, which may meanwhile be that of a newer program, or nobody's.
    let mut again = Command::new("/proc/self/exe");
    let mut words = std::env::args_os();
    again.arg0(words.next().unwrap_or_else(|| "bailey".into())).args(words);
    again.env(KEYTAB, of_kind("FILE:", &keytab)).env(TICKETS, tickets);
    Err(again.exec()).context(failed)
}

impl SigningIn {
    /// How `config` wants it.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let binds = config.directories.iter().map(|directory| &directory.source.bind);
        let accounts = binds.filter_map(Bind::principal).map(str::to_owned).collect();
        Self { keytab: config.kerberos.keytab.clone(), accounts }
    }

    /// The keytab, if anybody needs it.
    fn keytab_in_use(&self) -> Option<PathBuf> {
        self.keytab.clone().filter(|_| !self.accounts.is_empty())
    }

    /// Whether a process that was started for this can go on with `next`.
    ///
    /// # Errors
    /// When it cannot, because where keys and tickets are is part of its environment.
    pub fn can_become(&self, next: &Self) -> anyhow::Result<()> {
        let several = self.accounts.len() > 1;
        let goes_on = match (self.keytab_in_use(), next.keytab_in_use()) {
            (_, None) => self.keytab_in_use().is_none() || next.accounts.is_empty(),
            (ours, theirs) => ours == theirs && (several || next.accounts.is_subset(&self.accounts)),
        };
        anyhow::ensure!(
            goes_on,
            "a change of the keytab, or of the accounts that sign in by Kerberos, takes a restart"
        );
        Ok(())
    }
}

/// Whether the environment says what is wanted.
fn is_set(keytab: &Path, accounts: &BTreeSet<String>, environment: impl Fn(&str) -> Option<OsString>) -> bool {
    let tickets = environment(TICKETS).unwrap_or_default();
    let place = match Vec::from_iter(accounts).as_slice() {
        [account] => tickets == in_memory(account),
        _ => directory_of(&tickets).is_some(),
    };
    place && environment(KEYTAB).is_some_and(|set| set == of_kind("FILE:", keytab))
}

/// A cache in memory holds the tickets of one account and refuses those of another (MIT Kerberos 1.20), so it has the
/// account in its name.
fn in_memory(account: &str) -> OsString {
    format!("MEMORY:bailey-{account}").into()
}

/// The directory of tickets that we made, if that is what is named.
fn directory_of(tickets: &OsStr) -> Option<PathBuf> {
    let path = PathBuf::from(tickets.to_str()?.strip_prefix("DIR:")?);
    let ours = path.file_name()?.to_str()?.starts_with(DIRECTORY) && path.parent()? == std::env::temp_dir();
    ours.then_some(path)
}

fn of_kind(kind: &str, path: &Path) -> OsString {
    let mut name = OsString::from(kind);
    name.push(path);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signing_in(keytab: Option<&str>, accounts: &[&str]) -> SigningIn {
        let accounts = accounts.iter().map(|account| (*account).to_owned()).collect();
        SigningIn { keytab: keytab.map(PathBuf::from), accounts }
    }

    #[test]
    fn the_environment_is_ours_or_the_program_begins_anew() {
        let (one, two) = (signing_in(None, &["a@R"]).accounts, signing_in(None, &["a@R", "b@R"]).accounts);
        let directory = std::env::temp_dir().join("bailey-tickets-x");
        let of_several = of_kind("DIR:", &directory);
        let is_set = |accounts: &BTreeSet<String>, keytab: &str, tickets: &OsStr| {
            is_set(Path::new("/k"), accounts, |name| {
                Some(if name == KEYTAB { keytab.into() } else { tickets.to_owned() })
            })
        };
        assert!(is_set(&one, "FILE:/k", &in_memory("a@R")));
        assert!(is_set(&two, "FILE:/k", &of_several));
        assert!(!is_set(&one, "FILE:/other", &in_memory("a@R")));
        assert!(!is_set(&one, "FILE:/k", &in_memory("b@R")));
        assert!(!is_set(&two, "FILE:/k", &in_memory("a@R")));
        for theirs in ["FILE:/tmp/krb5cc_0", "KCM:", "DIR:/home/ann/bailey-tickets-x", ""] {
            assert!(
                !is_set(&one, "FILE:/k", OsStr::new(theirs)) && !is_set(&two, "FILE:/k", OsStr::new(theirs)),
                "{theirs}"
            );
        }
        assert_eq!(directory_of(&of_several), Some(directory));
    }

    #[test]
    fn a_process_goes_on_with_what_its_environment_can_bear() {
        let (none, one) = (signing_in(None, &[]), signing_in(Some("/k"), &["a@R"]));
        let several = signing_in(Some("/k"), &["a@R", "b@R"]);
        for (from, to, goes_on) in [
            (&none, &none, true),
            (&none, &one, false),
            (&one, &one, true),
            (&one, &none, true),
            (&one, &signing_in(Some("/k"), &["b@R"]), false),
            (&one, &several, false),
            (&one, &signing_in(Some("/l"), &["a@R"]), false),
            (&one, &signing_in(None, &["a@R"]), false),
            (&several, &one, true),
            (&several, &signing_in(Some("/k"), &["c@R", "d@R"]), true),
            (&signing_in(None, &["a@R"]), &signing_in(None, &["b@R"]), true),
        ] {
            assert_eq!(from.can_become(to).is_ok(), goes_on, "{from:?} {to:?}");
        }
    }

    #[test]
    fn tickets_go_with_what_holds_them() {
        let made = tempfile::tempdir().unwrap().keep();
        std::fs::write(made.join("tkt"), "ticket").unwrap();
        drop(Tickets(Some(made.clone())));
        assert!(!made.exists());
    }
}
