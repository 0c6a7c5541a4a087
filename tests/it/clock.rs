//! The daemon on a machine whose clock is wrong: played by libfaketime, which fakes the wall clock and no other.

use std::path::Path;
use std::process::ExitStatus;

use bailey::base::Timestamp;
use serde_json::Value;

use crate::bed::daemon::Bailey;
use crate::bed::wait_until;
use crate::run;

/// A machine and what its wall clock says beyond the time that it is.
struct Machine {
    bailey: Bailey,
}

impl Machine {
    fn new() -> Self {
        let mut bailey = Bailey::with("");
        fake(&mut bailey);
        Self { bailey }
    }

    fn set(&self, offset: &str) {
        set(&self.bailey, offset);
    }

    fn start(&mut self) {
        self.bailey.spawn();
        wait_until("a daemon", || std::os::unix::net::UnixStream::connect(self.bailey.path("socket")).is_ok());
        // It listens before it looks at the clock, and answers after.
        self.clock();
    }

    fn stop(&mut self) {
        assert!(self.bailey.terminate().success(), "{}", self.bailey.log());
    }

    /// `right`, or how far it is behind or ahead, in hours; and what it refuses.
    fn clock(&self) -> (String, String) {
        let said = self.bailey.run(&["clock", "status", "--output", "json"]);
        let view: Value = serde_json::from_slice(&said.stdout).unwrap_or_else(|_| panic!("{}", run::said(&said)));
        let hours = (view["seconds"].as_i64().unwrap() + 1_800) / 3_600;
        let refuses = view["refuses"].as_str().unwrap_or_default().to_owned();
        assert_eq!(said.status.success(), refuses.is_empty());
        let state = view["state"].as_str().unwrap();
        (if state == "right" { state.to_owned() } else { format!("{state} {hours} h") }, refuses)
    }

    fn state_of(&self, who: &str) -> String {
        self.bailey.json(&["user", "show", who])["state"].as_str().unwrap().to_owned()
    }

    /// How often the log has this event.
    fn recorded(&self, event: &str) -> usize {
        let log = self.bailey.ok(&["audit", "tail", "--count", "1000"]);
        log.lines().filter(|line| line.contains(&format!("\"eventName\":\"{event}\""))).count()
    }
}

/// Gives a machine a wall clock that [`set`] sets.
pub(crate) fn fake(bailey: &mut Bailey) {
    let library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
    let library = if Path::new(library).exists() { library.to_owned() } else { found() };
    let file = bailey.path("wall").display().to_string();
    for (name, value) in [
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME_TIMESTAMP_FILE", &file),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ] {
        bailey.environment(name, value);
    }
    set(bailey, "+0");
}

/// Sets the wall clock so far from the true time: `-31d`, `+1h`.
pub(crate) fn set(bailey: &Bailey, offset: &str) {
    let new = bailey.path("wall.new");
    std::fs::write(&new, offset).unwrap();
    std::fs::rename(new, bailey.path("wall")).unwrap();
}

/// Where another architecture's package puts it.
fn found() -> String {
    let listed = run::stdout(std::process::Command::new("dpkg").args(["-L", "libfaketime"]));
    listed.lines().find(|line| line.ends_with("/libfaketime.so.1")).unwrap().to_owned()
}

fn hours_from_now(hours: i64) -> String {
    use bailey::base::clock::{Clock as _, SystemClock};
    let at: Timestamp = SystemClock.now().saturating_add(jiff::SignedDuration::from_hours(hours)).unwrap();
    at.to_string()
}

fn confirmed(machine: &Machine) -> ExitStatus {
    machine.bailey.run(&["clock", "confirm"]).status
}

/// Yuzu#2811: what ended by a clock that was right lives again by one that was set back.
#[test]
fn a_clock_set_back_across_a_restart_revives_nothing() {
    let mut machine = Machine::new();
    machine.start();
    machine.bailey.ok(&["user", "create", "auditor", "--expires", &hours_from_now(1)]);
    assert_eq!((machine.state_of("auditor"), machine.clock().0), ("active".to_owned(), "right".to_owned()));
    machine.stop();
    // The daemon rests for two hours, which is no fault of the clock.
    machine.set("+2h");
    machine.start();
    assert_eq!((machine.state_of("auditor"), machine.clock().0), ("expired".to_owned(), "right".to_owned()));
    machine.stop();
    for (offset, behind) in [("+1h", "behind 1 h"), ("-29d", "behind 698 h"), ("+0", "behind 2 h")] {
        let before = machine.recorded("ClockRegression");
        machine.set(offset);
        machine.start();
        assert_eq!(machine.state_of("auditor"), "expired", "{offset}");
        let (clock, refuses) = machine.clock();
        assert_eq!(clock, behind, "{offset}");
        assert!(refuses.contains("bailey clock confirm"), "{refuses}");
        wait_until("a record", || machine.recorded("ClockRegression") > before);
        machine.stop();
    }
    assert_eq!(machine.recorded("ClockRegression"), 3, "one for each start");
    // kill -9 says no goodbye, and the mark is there all the same.
    machine.set("+4h");
    machine.start();
    assert_eq!(machine.clock().0, "right");
    wait_until("the mark", || {
        std::fs::read_to_string(machine.bailey.path("state/clock")).is_ok_and(|text| text.len() > 40)
    });
    machine.bailey.kill();
    machine.set("+2h");
    machine.start();
    assert_eq!((machine.state_of("auditor"), machine.clock().0), ("expired".to_owned(), "behind 2 h".to_owned()));
    // A person looks, and says that it is right so.
    assert!(confirmed(&machine).success());
    assert_eq!(machine.clock().0, "right");
    machine.stop();
    machine.start();
    assert_eq!(machine.clock().0, "right", "whatever the store remembers of later");
    assert_eq!(machine.recorded("ConfirmClock"), 2, "begun and completed");
    machine.stop();
}

#[test]
fn a_clock_set_while_the_daemon_runs_is_noticed_and_set_right_again() {
    let mut machine = Machine::new();
    machine.start();
    machine.bailey.ok(&["user", "create", "auditor", "--expires", &hours_from_now(24)]);
    for (offset, clock, event) in [
        ("-1h", "behind 1 h", "ClockRegression"),
        ("+0", "right", "ClockRight"),
        ("-31d", "behind 744 h", "ClockRegression"),
        ("+0", "right", "ClockRight"),
        ("+5y", "ahead 43800 h", "ClockLeap"),
        ("+0", "right", "ClockRight"),
    ] {
        let before = machine.recorded(event);
        machine.set(offset);
        assert_eq!(machine.clock().0, clock, "{offset}");
        let state = if clock.starts_with("ahead") { "expired" } else { "active" };
        assert_eq!(machine.state_of("auditor"), state, "{offset}");
        wait_until(event, || machine.recorded(event) > before);
    }
    let history = machine.bailey.json(&["key", "list"]);
    assert!(history.as_array().unwrap().iter().all(|key| key["state"] == "current"), "no key turned by it: {history}");
    machine.stop();
    assert_eq!(machine.clock().0, "right", "for a command without a daemon, too");
}

#[test]
fn a_leap_is_believed_once_a_person_confirms_it_and_not_by_a_restart() {
    let mut machine = Machine::new();
    machine.start();
    machine.set("+3h");
    assert_eq!(machine.clock().0, "ahead 3 h");
    wait_until("a record", || machine.recorded("ClockLeap") > 0);
    machine.stop();
    machine.start();
    assert_eq!(machine.clock().0, "ahead 3 h", "a restart is no confirmation");
    assert!(confirmed(&machine).success());
    assert_eq!(machine.clock().0, "right");
    machine.stop();
    machine.start();
    assert_eq!(machine.clock().0, "right");
    machine.set("+0");
    assert_eq!(machine.clock().0, "behind 3 h");
    machine.stop();
}
