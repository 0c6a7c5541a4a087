//! Gives Kerberos' library the keytab that the configuration names.
//!
//! It looks for keytab and tickets in the process' environment and nowhere else that safe code reaches, and to change the
//! environment of a process that runs is not safe (`std::env::set_var`). So the program starts itself once more, in its own
//! place: same process id, same open files, two variables more.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use crate::config::Config;
use crate::directory::settings::Bind;

/// The keytab to take tickets with (kerberos(7)).
const KEYTAB: &str = "KRB5_CLIENT_KTNAME";
/// Where tickets are kept, unless somebody has chosen a place. Those of one account stay in memory. Of several, memory keeps
/// only the last one's (MIT Kerberos 1.20), so they get a directory: for some hours they are worth as much as the key.
const TICKETS: &str = "KRB5CCNAME";
const IN_MEMORY: &str = "MEMORY:bailey";

/// Returns when the environment is as `config` wants it; otherwise the program begins anew, with one that is.
///
/// # Errors
/// When it cannot be started again.
pub fn prepare(config: &Config) -> io::Result<()> {
    let Some(variables) = missing(config, |name| std::env::var_os(name)) else { return Ok(()) };
    let mut again = Command::new(std::env::current_exe()?);
    again.args(std::env::args_os().skip(1)).envs(variables);
    Err(again.exec())
}

/// Whether a changed configuration can be taken up without starting again.
///
/// # Errors
/// When it cannot.
pub fn can_stay(config: &Config) -> anyhow::Result<()> {
    let stays = missing(config, |name| std::env::var_os(name)).is_none();
    anyhow::ensure!(
        stays,
        "another keytab takes a restart, and so do accounts of more than one, because where keys and tickets \
                            are is part of the process' environment"
    );
    Ok(())
}

/// What has to be set in the environment before a directory can be signed in to by Kerberos; `None` when nothing has.
fn missing(config: &Config, environment: impl Fn(&str) -> Option<OsString>) -> Option<Vec<(&'static str, OsString)>> {
    let binds = config.directories.iter().map(|directory| &directory.source.bind);
    let accounts: BTreeSet<&str> = binds.filter_map(Bind::principal).collect();
    let keytab = config.kerberos.keytab.as_ref().filter(|_| !accounts.is_empty())?;
    let place =
        if accounts.len() == 1 { IN_MEMORY.into() } else { of_kind("DIR:", &config.state_directory.join("tickets")) };
    // A place of somebody's choice stays. Ours may have become too small.
    let chosen = environment(TICKETS).filter(|set| set == &place || set != IN_MEMORY);
    let wanted = [(KEYTAB, of_kind("FILE:", keytab)), (TICKETS, chosen.unwrap_or(place))];
    wanted.iter().any(|(name, value)| environment(name).as_ref() != Some(value)).then(|| wanted.to_vec())
}

fn of_kind(kind: &str, path: &Path) -> OsString {
    let mut name = OsString::from(kind);
    name.push(path);
    name
}

#[cfg(test)]
#[cfg(feature = "gssapi")]
mod tests {
    use super::*;
    use crate::config::Surroundings;

    fn config(accounts: &[&str]) -> Config {
        let directory = tempfile::tempdir().unwrap();
        let keytab = directory.path().join("keytab");
        std::fs::write(&keytab, "keys").unwrap();
        std::fs::set_permissions(&keytab, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let sections = accounts.iter().enumerate().map(|(number, account)| {
            format!(
                "[[directory]]\nlabel = \"d{number}\"\nprimary = {}\nurls = [\"ldap://dc{number}.corp.example\"]\n\
                 bases = [\"dc=corp\"]\nbind = \"gssapi\"\nbind_principal = \"{account}\"\n",
                number == 0
            )
        });
        let text = format!(
            "account = \"123456789012\"\nstate_directory = \"/state\"\n[kerberos]\nkeytab_file = \"{}\"\n{}",
            keytab.display(),
            sections.collect::<String>()
        );
        let file = directory.path().join("bailey.toml");
        Config::read(&text, &Surroundings { file, exposed: false, credentials: None }).unwrap()
    }

    #[test]
    fn the_environment_is_set_once_and_another_choice_of_place_is_respected() {
        let (one, two) = (config(&["a@CORP.EXAMPLE"]), config(&["a@CORP.EXAMPLE", "b@LAB.EXAMPLE"]));
        let set = |variables: &[(&str, OsString)], name: &str| {
            variables.iter().find(|(held, _)| *held == name).map(|(_, value)| value.clone())
        };
        let ours = missing(&one, |_| None).unwrap();
        assert_eq!(set(&ours, TICKETS), Some(IN_MEMORY.into()));
        assert_eq!(missing(&one, |name| set(&ours, name)), None, "the second start goes on");

        let several = missing(&two, |_| None).unwrap();
        assert_eq!(set(&several, TICKETS), Some("DIR:/state/tickets".into()));
        let keytab_of_two = |name: &str| if name == KEYTAB { set(&several, name) } else { Some(IN_MEMORY.into()) };
        assert!(missing(&two, keytab_of_two).is_some(), "memory holds the tickets of one account");

        let theirs = |name: &str| (name == TICKETS).then(|| OsString::from("KCM:"));
        assert_eq!(set(&missing(&two, theirs).unwrap(), TICKETS), Some("KCM:".into()));
        assert_eq!(missing(&config(&[]), |_| None), None, "nobody signs in by Kerberos");
    }
}
