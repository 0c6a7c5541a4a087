//! The unit and its companions, judged by systemd's own tools.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run;

fn shipped(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(file)
}

/// systemd's rating of the unit at `path`: what a service could do to the machine, 0 (nothing) to 10.
fn exposure(path: &Path) -> f64 {
    let mut analyze = Command::new("systemd-analyze");
    let report = run::stdout(analyze.args(["security", "--offline=yes", "--no-pager"]).arg(path));
    let verdict = report.lines().find(|line| line.contains("Overall exposure level"));
    let number = verdict.and_then(|line| line.split_whitespace().find_map(|word| word.parse().ok()));
    number.unwrap_or_else(|| panic!("no exposure level in\n{report}"))
}

#[test]
#[expect(clippy::print_stdout, reason = "the figure belongs into the test's output")]
fn the_unit_exposes_no_more_than_promised() {
    let unit = shipped("bailey.service");
    let mut analyze = Command::new("systemd-analyze");
    run::stdout(analyze.args(["security", "--offline=yes", "--no-pager", "--threshold=15"]).arg(&unit));
    let exposure = exposure(&unit);
    println!("exposure {exposure}");
    assert!(
        exposure <= 1.5,
        "exposure {exposure}; `systemd-analyze security --offline=yes systemd/bailey.service` says why"
    );
}

#[test]
fn the_measure_of_exposure_can_fail() {
    let directory = tempfile::tempdir().unwrap();
    let bare = directory.path().join("bare.service");
    std::fs::write(&bare, "[Service]\nExecStart=/bin/true\n").unwrap();
    assert!(exposure(&bare) > 9.0);
}

/// `verify` insists on programs and companions being installed; the copy names a program that is.
#[test]
fn systemd_has_no_complaint_about_the_unit() {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("bailey.service");
    let unit = std::fs::read_to_string(shipped("bailey.service")).unwrap();
    assert!(unit.contains("ExecStart=/usr/bin/bailey run "), "the test replaces the program, so it has to be there");
    std::fs::write(&copy, unit.replace("/usr/bin/bailey", "/bin/true")).unwrap();

    let verified = run::output(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&copy));
    let about_ours: Vec<_> =
        run::said(&verified).lines().filter(|line| line.contains("bailey")).map(str::to_owned).collect();
    assert!(about_ours.is_empty(), "{about_ours:#?}");
    assert!(verified.status.success(), "{}", run::said(&verified));

    std::fs::write(&copy, unit.replace("WatchdogSec=", "WatchdogSeconds=")).unwrap();
    let verified = run::output(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&copy));
    assert!(run::said(&verified).contains("WatchdogSeconds"), "verify sees a wrong key: {}", run::said(&verified));
}

#[test]
fn the_unit_keeps_the_lines_other_parts_rely_on() {
    let unit = std::fs::read_to_string(shipped("bailey.service")).unwrap();
    for line in [
        "Type=notify",
        "WatchdogSec=30",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "StateDirectory=bailey",
        "StateDirectoryMode=0700",
        "RuntimeDirectory=bailey",
        "LimitCORE=0",
        "UMask=0077",
        "CapabilityBoundingSet=",
        "#LoadCredential=corp-bind:/etc/bailey/corp-bind.password",
    ] {
        assert!(unit.lines().any(|held| held == line), "systemd/bailey.service lacks `{line}`");
    }
}

#[test]
fn sysusers_creates_the_account_and_its_groups() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("etc")).unwrap();
    let mut sysusers = Command::new("systemd-sysusers");
    run::stdout(sysusers.arg(format!("--root={}", root.path().display())).arg(shipped("bailey.sysusers")));
    let read = |file: &str| std::fs::read_to_string(root.path().join("etc").join(file)).unwrap();
    let account = read("passwd").lines().find(|line| line.starts_with("bailey:")).map(str::to_owned).unwrap();
    assert!(account.contains(":/var/lib/bailey:") && account.ends_with("/nologin"), "{account}");
    for group in ["bailey:", "bailey-admin:", "bailey-viewer:"] {
        assert!(read("group").lines().any(|line| line.starts_with(group)), "{group}");
    }
}

/// Giving files away takes root, so the copy keeps the owner; that the shipped file names one is read from it.
#[test]
fn tmpfiles_creates_the_configuration_directory_closed_to_others() {
    let shipped = std::fs::read_to_string(shipped("bailey.tmpfiles")).unwrap();
    assert_eq!(shipped.matches(" root bailey ").count(), 2, "root writes the configuration, Bailey reads it");
    let root = tempfile::tempdir().unwrap();
    let copy = root.path().join("bailey.conf");
    std::fs::write(&copy, shipped.replace(" root bailey ", " - - ")).unwrap();
    let etc = root.path().join("etc/bailey");
    std::fs::create_dir_all(&etc).unwrap();
    std::fs::write(etc.join("bailey.toml"), "").unwrap();

    let mut tmpfiles = Command::new("systemd-tmpfiles");
    let root = format!("--root={}", root.path().display());
    run::stdout(tmpfiles.args(["--create", "--prefix=/etc/bailey", &root]).arg(&copy));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&etc), 0o750);
    assert_eq!(mode(&etc.join("bailey.toml")), 0o640);
}
