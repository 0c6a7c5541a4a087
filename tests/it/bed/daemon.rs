//! The real program: `bailey` with a configuration of its own, as a daemon or as a command.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::slapd::{SUFFIX, SYNC, SYNC_PASSWORD};
use super::{PATIENCE, Slapd, converges, free_port, wait_until};

/// An installation: a state directory, a configuration, and a daemon when one was started.
pub(crate) struct Bailey {
    directory: TempDir,
    daemon: Option<Child>,
    environment: Vec<(String, String)>,
}

impl Bailey {
    /// An installation that reads `slapd`; `more` is added to its `[[directory]]`.
    pub(crate) fn reading(slapd: &Slapd, more: &str) -> Self {
        Self::with(&directory_of(slapd, more))
    }

    /// An installation with these directories.
    pub(crate) fn with(directories: &str) -> Self {
        let installation = Self { directory: tempfile::tempdir().unwrap(), daemon: None, environment: Vec::new() };
        installation.configure(directories);
        installation
    }

    /// Writes the configuration anew, with these directories.
    pub(crate) fn configure(&self, directories: &str) {
        let text = format!(
            "account = \"123456789012\"\nstate_directory = \"{}\"\n\n[listen]\nsocket = \"{}\"\nhealth = \"127.0.0.1:{}\"\n\n{directories}",
            self.path("state").display(),
            self.path("socket").display(),
            free_port()
        );
        // Some hold a password, and none is anybody else's business.
        for (file, text) in [(self.config(), text.as_str()), (self.path("password"), SYNC_PASSWORD)] {
            std::fs::write(&file, text).unwrap();
            std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
    }

    /// Sets a variable for everything that is started from here on.
    pub(crate) fn environment(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Changes the configuration in place, all else as it was.
    #[cfg(feature = "gssapi")]
    pub(crate) fn reconfigure(&self, changes: &[(&str, &str)]) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        let changed = changes.iter().fold(text.clone(), |text, (from, to)| text.replace(from, to));
        assert_ne!(changed, text);
        std::fs::write(self.config(), changed).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("bailey.toml")
    }

    /// The program with these words and this configuration.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bailey"));
        command.args(words).arg("--config").arg(self.config()).stdin(Stdio::null());
        // What it leaves behind when it is killed, tickets of Kerberos for one, goes with the installation.
        command.env("TMPDIR", self.directory.path());
        command.envs(self.environment.iter().cloned());
        command
    }

    /// Runs a verb to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs a verb that must end well, and answers what it printed.
    pub(crate) fn ok(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "bailey {words:?}: {}\n{said}\n{}", output.status, self.log());
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a verb that must end well, and answers its JSON.
    pub(crate) fn json(&self, words: &[&str]) -> Value {
        let words: Vec<&str> = words.iter().copied().chain(["--output", "json"]).collect();
        serde_json::from_str(&self.ok(&words)).unwrap()
    }

    /// Starts the daemon and waits until it has read its directories.
    pub(crate) fn start(&mut self) {
        self.spawn();
        self.wait_until_read();
    }

    /// Starts the daemon.
    pub(crate) fn spawn(&mut self) {
        let log = File::options().create(true).append(true).open(self.path("log")).unwrap();
        let child = self.command(&["run"]).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        assert!(self.daemon.replace(child).is_none(), "one daemon at a time");
    }

    /// Waits until a daemon answers and every configured directory was read.
    pub(crate) fn wait_until_read(&self) {
        wait_until(&format!("a daemon that has read its directory; its log:\n{}", self.log()), || self.has_read());
    }

    fn has_read(&self) -> bool {
        // Never without a daemon: a command that finds none would open the store in its place.
        if std::os::unix::net::UnixStream::connect(self.path("socket")).is_err() {
            return false;
        }
        let output = self.run(&["sync", "status", "--output", "json"]);
        let statuses: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let following = |status: &Value| status["phase"] == "following" && !status["last_full"].is_null();
        statuses.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(following))
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        let mut child = self.daemon.take().unwrap();
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9), "it ended before it was killed:\n{}", self.log());
    }

    /// Waits for the daemon, which somebody else killed.
    pub(crate) fn reaped(&mut self) {
        let ended = self.daemon.take().unwrap().wait().unwrap();
        assert_eq!(ended.signal(), Some(9), "it ended before it was killed:\n{}", self.log());
    }

    /// Sends the daemon a signal.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.daemon.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// SIGTERM, and how it ended.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.daemon.take().unwrap().wait().unwrap()
    }

    /// The daemon's process.
    pub(crate) fn pid(&self) -> u32 {
        self.daemon.as_ref().unwrap().id()
    }

    /// The most memory the daemon has held, in bytes (`VmHWM`, proc(5)).
    pub(crate) fn peak_memory(&self) -> u64 {
        let pid = self.daemon.as_ref().unwrap().id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// What the daemon said.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Everything the model holds of those who are there, as the store's export has it: rows by key, without revisions.
    /// Ids are derived from the directory's, so another installation that read the same holds the same.
    pub(crate) fn model(&self) -> BTreeMap<String, String> {
        let mut rows = BTreeMap::new();
        for line in self.ok(&["store", "export"]).lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            let Some(key) = row["k"].as_str() else { continue };
            let space = key.split('/').next().unwrap_or_default();
            let entity = ["user", "group", "resource"].contains(&space);
            if entity && row["v"]["standing"]["presence"]["state"] == "gone" {
                continue;
            }
            if entity || ["edge", "edge-back", "dangling"].contains(&space) {
                rows.insert(key.to_owned(), format!("{}{}", row["v"], row["x"]));
            }
        }
        rows
    }
}

/// Lines of the daemon's log that a failing test shows.
const LAST_LINES: usize = 60;

#[expect(clippy::print_stderr, reason = "what a failing test has to say besides its panic")]
pub(super) fn complain(text: &str) {
    eprintln!("{text}");
}

impl Drop for Bailey {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let last: Vec<&str> = log.lines().rev().take(LAST_LINES).collect();
            let last: Vec<&str> = last.into_iter().rev().collect();
            complain(&format!("the end of the daemon's log:\n{}", last.join("\n")));
        }
        if let Some(mut child) = self.daemon.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The section that reads `slapd`, with `more` in it.
pub(crate) fn directory_of(slapd: &Slapd, more: &str) -> String {
    format!(
        "[[directory]]\nlabel = \"corp\"\nprimary = true\nurls = [\"{}\"]\nca_file = \"{}\"\n{}{more}\n",
        slapd.tls_url(),
        slapd.ca_file().display(),
        account()
    )
}

/// The sync account of the bed's servers.
pub(crate) fn account() -> String {
    format!("bind_dn = \"{SYNC}\"\nbind_password_file = \"password\"\nbases = [\"{SUFFIX}\"]\n")
}

/// No limit of the guard is in the way.
pub(crate) const UNGUARDED: &str = "[directory.guard]\ndeletions = { count = 100000 }\nsuspensions = { count = 100000 }\nlosses = { count = 100000 }\ngroup_losses = { count = 100000 }\nemptied_groups = { count = 100000 }\nrenames = { count = 100000 }\n";

/// Waits until `bailey` holds what an installation holds that reads everything now; `directories` configures that one.
pub(crate) fn same_as_a_fresh_read(bailey: &Bailey, directories: &str, when: &str) {
    let fresh = Bailey::with(directories);
    fresh.ok(&["sync"]);
    let expected = fresh.model();
    let met = std::cell::RefCell::new(Vec::new());
    let converged = converges(PATIENCE, || {
        *met.borrow_mut() = difference(&bailey.model(), &expected);
        met.borrow().is_empty()
    });
    assert!(converged, "{when}: not the state of a fresh read:\n{}\n{}", met.borrow().join("\n"), bailey.log());
}

/// As [`same_as_a_fresh_read`] where the directory itself may still be settling, as controllers that replicate are: reads
/// anew each time, since what was read first may not be what stands in the end. `asked` tells what the controllers
/// themselves say of an object, by its GUID, when it differs to the end.
pub(crate) fn same_as_a_fresh_read_once_settled(
    bailey: &Bailey,
    directories: &str,
    when: &str,
    asked: impl Fn(&str) -> String,
) {
    let met = std::cell::RefCell::new(Vec::new());
    let converged = converges(PATIENCE, || {
        let fresh = Bailey::with(directories);
        fresh.ok(&["sync"]);
        *met.borrow_mut() = difference(&bailey.model(), &fresh.model());
        met.borrow().is_empty()
    });
    let met = met.into_inner().join("\n");
    let guids = met.split("\\\"guid\\\":\\\"").skip(1).filter_map(|rest| rest.split('\\').next());
    let said: String = guids.collect::<std::collections::BTreeSet<_>>().into_iter().map(asked).collect();
    assert!(converged, "{when}: not the state of a fresh read:\n{met}\n{said}\n{}", bailey.log());
}

/// What differs between two models, a line each; the first few.
pub(crate) fn difference(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Vec<String> {
    let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let differing = keys.into_iter().filter(|key| a.get(*key) != b.get(*key));
    differing.map(|key| format!("{key}\n   {:?}\n   {:?}", a.get(key), b.get(key))).take(8).collect()
}

/// True when a file exists and holds something.
pub(crate) fn is_written(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|found| found.len() > 0)
}
