//! The way from a shell to the daemon, where only the daemon has the secrets that its configuration names.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::process::Output;

use crate::bed::daemon::Bailey;
use crate::bed::enclosure::enclosed;
use crate::bed::{free_port, wait_until};
use crate::run;
use crate::store_full::is_root_here;

/// As config/minimal.toml has it: the password comes from systemd.
const DIRECTORY: &str = "[[directory]]\nlabel = \"corp\"\nprimary = true\nurls = [\"ldaps://127.0.0.1:1\"]\n\
                         bind_dn = \"cn=bailey,dc=example,dc=com\"\nbind_password_credential = \"corp-bind\"\n\
                         bases = [\"dc=example,dc=com\"]\n";

/// What a person types in a shell.
fn typed(bailey: &Bailey, words: &[&str]) -> Output {
    bailey.command(words).env_remove("CREDENTIALS_DIRECTORY").output().unwrap()
}

fn with_credentials() -> Bailey {
    let mut bailey = Bailey::with(DIRECTORY);
    let credentials = bailey.path("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::write(credentials.join("corp-bind"), "hunter2\n").unwrap();
    fs::set_permissions(credentials.join("corp-bind"), fs::Permissions::from_mode(0o400)).unwrap();
    bailey.environment("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap());
    bailey
}

#[test]
fn a_daemon_is_commanded_from_a_shell_that_has_none_of_its_credentials() {
    let mut bailey = with_credentials();
    bailey.spawn();
    wait_until("a daemon that listens", || UnixStream::connect(bailey.path("socket")).is_ok());
    for words in
        [&["user", "list"][..], &["sync", "status"], &["directory", "list"], &["store", "export"], &["key", "list"]]
    {
        let done = typed(&bailey, words);
        assert!(done.status.success(), "{words:?}: {}", run::said(&done));
    }
    // Nothing but the socket is looked at: a fault elsewhere is for `check` to tell, and no reason to be locked out.
    let text = fs::read_to_string(bailey.config()).unwrap();
    fs::write(bailey.config(), text.replace("primary = true", "primary = 7")).unwrap();
    assert!(typed(&bailey, &["user", "list"]).status.success());
    assert!(bailey.terminate().success());
}

#[test]
fn without_a_daemon_it_is_told_how_the_credentials_are_had() {
    let bailey = with_credentials();
    for words in [&["user", "list"][..], &["sync", "--dry-run"], &["store", "export"], &["check"]] {
        let refused = typed(&bailey, words);
        let said = run::said(&refused);
        assert_eq!(refused.status.code(), Some(2), "{words:?}: {said}");
        for way in ["systemd-run --quiet --collect --pipe --wait -p User=bailey", " -p LoadCredential=corp-bind:FILE`"]
        {
            assert!(said.contains(way), "{words:?}: {said}");
        }
        let is_check = words == ["check"];
        assert!(is_check || said.contains("no daemon answers on") && said.contains("--socket FILE"), "{said}");
    }
    assert!(!bailey.path("state").exists(), "nothing was opened");
    // Without a file there is no socket either.
    fs::remove_file(bailey.config()).unwrap();
    let refused = typed(&bailey, &["user", "list"]);
    let said = run::said(&refused);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("cannot be read: No such file") && said.contains("--socket FILE"), "{said}");
}

/// A daemon at the usual socket, in a `/run` and with an `/etc` of its own, and a command by somebody whom the configuration is closed to: root without a
/// capability is stopped by the mode of a file like anybody else.
const CLOSED: &str = r#"
mount -t tmpfs none /run && mkdir -m 755 /run/bailey /run/changed /run/work || exit 99
mount -t overlay none -o lowerdir=/etc,upperdir=/run/changed,workdir=/run/work /etc || exit 99
mkdir -p /etc/bailey && cp -p "$2" /etc/bailey/bailey.toml || exit 99
"$1" run --config "$2" 2>&1 &
for moment in $(seq 300); do [ -S /run/bailey/bailey.sock ] && break; sleep 0.1; done
setpriv --bounding-set=-all --inh-caps=-all cat "$2" && exit 98
setpriv --bounding-set=-all --inh-caps=-all "$1" user list --config "$2" && exit 97
setpriv --bounding-set=-all --inh-caps=-all "$1" user list --output json
"#;

#[test]
fn whoever_may_not_read_the_configuration_finds_the_usual_socket() {
    if !is_root_here("cli_socket::whoever_may_not_read_the_configuration_finds_the_usual_socket") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (config, state) = (directory.path().join("bailey.toml"), directory.path().join("state"));
    let health = free_port();
    let text = format!(
        "account = \"123456789012\"\nstate_directory = \"{}\"\n[listen]\nhealth = \"127.0.0.1:{health}\"\n",
        state.display()
    );
    fs::write(&config, text).unwrap();
    fs::set_permissions(&config, fs::Permissions::from_mode(0o000)).unwrap();
    let mut command = enclosed(&[], "sh");
    command.args(["-c", CLOSED, "sh", env!("CARGO_BIN_EXE_bailey")]).arg(&config);
    let done = command.output().unwrap();
    let said = run::said(&done);
    assert!(done.status.success(), "{}: {said}", done.status);
    assert!(said.contains("[]"), "{said}");
}
