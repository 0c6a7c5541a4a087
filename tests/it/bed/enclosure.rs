//! Servers and their tools in namespaces of their own (unshare(1)): they see other files where we say so, and none of
//! their processes outlives the test.
//!
//! A server of many processes, told to stop, may leave some behind; a test process that is killed cannot tell it
//! anything. Here the kernel sees to both: the first process of a PID namespace takes all others with it
//! (pid_namespaces(7)), and it is killed itself when the thread that started it ends. So start servers from the
//! test's own thread.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::wait_until;

/// The first process of a namespace: shows the files, runs the program, passes SIGTERM on and answers the program's status.
///
/// It is not the program itself: a server that gives up root loses the wish to die with its parent (PR_SET_PDEATHSIG(2const)),
/// and few bury processes that are not their own.
const FIRST: &str = r#"
while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit; shift 2; done
shift
trap 'kill "$program"' TERM
"$@" &
program=$!
while kill -0 "$program" 2>/dev/null; do wait "$program"; status=$?; done
exit "$status"
"#;

/// `program`, seeing the file or directory `ours` in the place of `theirs` for each pair of `seen`.
pub(crate) fn enclosed(seen: &[(&Path, &Path)], program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.args(["sh", "-c", FIRST, "sh"]);
    for (ours, theirs) in seen {
        command.args([ours, theirs]);
    }
    command.args(["--", program]).stdin(Stdio::null());
    command
}

/// A server that runs until it is stopped, killed or dropped.
pub(crate) struct Enclosed {
    unshare: Child,
    /// The first process of the namespace, as the world outside numbers it.
    first: u32,
}

impl Enclosed {
    /// Starts what [`enclosed`] made; it writes to `log`.
    pub(crate) fn start(mut command: Command, log: &Path) -> Self {
        let output = File::create(log).unwrap();
        let unshare = command
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .expect("setpriv and unshare are installed (package `util-linux`)");
        let children = format!("/proc/{0}/task/{0}/children", unshare.id());
        let mut first = None;
        wait_until("a server in namespaces of its own, which takes root (CAP_SYS_ADMIN)", || {
            let text = std::fs::read_to_string(&children).unwrap_or_default();
            first = text.trim().parse().ok();
            first.is_some()
        });
        Self { unshare, first: first.unwrap() }
    }

    /// True until the server has ended, by itself or not.
    pub(crate) fn is_running(&mut self) -> bool {
        self.unshare.try_wait().unwrap().is_none()
    }

    /// SIGTERM, and the wait for its end.
    pub(crate) fn stop(mut self) {
        assert!(Command::new("kill").arg(self.first.to_string()).status().unwrap().success());
        wait_until("an orderly end of the server", || !self.is_running());
    }

    /// kill -9, all of it.
    pub(crate) fn kill(self) {}
}

impl Drop for Enclosed {
    fn drop(&mut self) {
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
        let remains = Path::new("/proc").join(self.first.to_string());
        let deadline = std::time::Instant::now() + super::PATIENCE;
        while remains.exists() && std::time::Instant::now() < deadline {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }
}

/// Runs a command to its end and answers what it printed; a failure fails the test with all it said.
pub(crate) fn run(command: &mut Command) -> String {
    let program = command.get_program().to_owned();
    let output = command.output().unwrap_or_else(|error| panic!("{}: {error}; run `make tools`", program.display()));
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        said(&output.stderr),
        said(&output.stdout)
    );
    said(&output.stdout)
}

/// Copies a directory with all that belongs to it: owners, modes, extended attributes.
pub(crate) fn copy_directory(from: &Path, to: &Path) {
    run(Command::new("cp").arg("-a").args([from.join(".").as_os_str(), OsStr::new(to)]));
}
