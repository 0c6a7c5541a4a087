//! Gives Kerberos' library the keytabs that the configuration names, and places for tickets: for those we get, and for notes of
//! those we took.
//!
//! It looks for all of them in the process' environment and nowhere else that safe code reaches, and to change the environment of
//! a process that runs is not safe (`std::env::set_var`). So the program starts itself once more, in its own place: same
//! process id, same open files, some variables more.

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
/// The keytab with the keys that tickets of others are for.
const SERVICE_KEYTAB: &str = "KRB5_KTNAME";
/// Where it is noted which of them were taken (MIT Kerberos 1.18).
const REPLAYS: &str = "KRB5RCACHENAME";
/// How the name of the directory begins that is made for the tickets of several accounts.
const DIRECTORY: &str = "bailey-tickets-";

/// How directories are signed in to by Kerberos, and others to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningIn {
    keytab: Option<PathBuf>,
    accounts: BTreeSet<String>,
    /// The keytab that tickets of others are for, and where those are noted that were taken.
    service: Option<(PathBuf, PathBuf)>,
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
    let wanted = SigningIn::of(config);
    let environment = |name: &str| std::env::var_os(name);
    let keytab = wanted.keytab_in_use();
    let missing = keytab.as_ref().filter(|keytab| !is_set(keytab, &wanted.accounts, environment));
    let service: Vec<_> =
        wanted.service_variables().filter(|(name, set)| environment(name).as_ref() != Some(set)).collect();
    if missing.is_none() && service.is_empty() {
        let ours = keytab.and_then(|_| environment(TICKETS).as_deref().and_then(directory_of));
        return Ok(Tickets(ours));
    }
    let failed = "cannot start again with the keytab in the environment";
    // By the link and not by the name behind it, which may meanwhile be that of a newer program, or nobody's.
    let mut again = Command::new("/proc/self/exe");
    let mut words = std::env::args_os();
    again.arg0(words.next().unwrap_or_else(|| "bailey".into())).args(words).envs(service);
    if let Some(keytab) = missing {
        let tickets = match Vec::from_iter(&wanted.accounts).as_slice() {
            [account] => in_memory(account),
            _ => {
                let made = tempfile::Builder::new().prefix(DIRECTORY).tempdir().context(failed)?;
                of_kind("DIR:", &made.keep())
            }
        };
        again.env(KEYTAB, of_kind("FILE:", keytab)).env(TICKETS, tickets);
    }
    Err(again.exec()).context(failed)
}

impl SigningIn {
    /// How `config` wants it.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let binds = config.directories.iter().map(|directory| &directory.source.bind);
        let accounts = binds.filter_map(Bind::principal).map(str::to_owned).collect();
        let replays = config.kerberos.replay_cache(&config.state_directory);
        let service = config.kerberos.service_keytab.clone().zip(replays);
        Self { keytab: config.kerberos.keytab.clone(), accounts, service }
    }

    /// What the library is to find for tickets of others.
    fn service_variables(&self) -> impl Iterator<Item = (&'static str, OsString)> {
        let service = self.service.iter();
        service.flat_map(|(keytab, replays)| {
            [(SERVICE_KEYTAB, of_kind("FILE:", keytab)), (REPLAYS, of_kind("file2:", replays))]
        })
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
        anyhow::ensure!(
            self.service == next.service,
            "a change of the keytab that Kerberos tickets of others are for takes a restart"
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
        SigningIn { keytab: keytab.map(PathBuf::from), accounts, service: None }
    }

    #[test]
    fn what_tickets_of_others_are_for_takes_a_restart() {
        let none = signing_in(None, &[]);
        let taking = |keytab: &str| SigningIn { service: Some((keytab.into(), "/s/replays".into())), ..none.clone() };
        assert!(taking("/k").can_become(&taking("/k")).is_ok());
        for (from, to) in [(&none, &taking("/k")), (&taking("/k"), &none), (&taking("/k"), &taking("/l"))] {
            assert!(from.can_become(to).is_err());
        }
        let variables: Vec<_> = taking("/k").service_variables().collect();
        assert_eq!(variables, [(SERVICE_KEYTAB, "FILE:/k".into()), (REPLAYS, "file2:/s/replays".into())]);
        assert_eq!(none.service_variables().count(), 0);
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
