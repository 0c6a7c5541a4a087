//! A command: it is given the question on its standard input and agrees by ending with 0.
//!
//! It is started as it is written down, by no shell, with no environment, in `/`, and in a process group of its own. That group ends
//! with it, whoever of it is still there then and whatever signals they ignore; what leaves the group on purpose (`setsid`) is beyond
//! that and is the service manager's to end.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout, timeout_at};

use super::{Answer, Failure, first_line, slow};

/// Most bytes that it may say: more is nothing that somebody meant to be read.
const MOST_SAID: usize = 64 << 10;

/// Time for the kernel to end what was killed.
const TO_END: Duration = Duration::from_secs(1);

pub(super) async fn ask(
    program: &Path,
    arguments: &[String],
    question: &[u8],
    deadline: Instant,
) -> Result<Answer, Failure> {
    let unable = |why: String| Failure::new("it could not be started", format!("{}: {why}", program.display()));
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| unable(error.to_string()))?;
    let id = child.id().and_then(|id| i32::try_from(id).ok()).ok_or_else(|| unable("it has no number".to_owned()))?;
    // Before the child in the order of dropping: until that is reaped nobody else has the number of its group.
    let group = Group(Pid::from_raw(id));
    let talked = timeout_at(deadline, talk(&mut child, group.0, question)).await;
    drop(group);
    let status = timeout(TO_END, child.wait()).await;
    let said = match talked {
        Err(_) => return Err(slow()),
        Ok(Err(error)) => return Err(Failure::new("its answer could not be read", error.to_string())),
        Ok(Ok(None)) => {
            return Err(Failure::new("it said too much", format!("it wrote more than {MOST_SAID} bytes")));
        }
        Ok(Ok(Some(said))) => first_line(&String::from_utf8_lossy(&said)),
    };
    match status {
        Ok(Ok(status)) => judged(status, said),
        Ok(Err(error)) => Err(Failure::new("it could not be waited for", error.to_string())),
        Err(_) => Err(slow()),
    }
}

/// What it says until it ends, or nothing where that is too much.
async fn talk(child: &mut Child, id: Pid, question: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let missing = || io::Error::other("a pipe is missing");
    let (mut input, mut output) = (child.stdin.take().ok_or_else(missing)?, child.stdout.take().ok_or_else(missing)?);
    let give = async {
        // Whoever needs nothing of it need not read it.
        let _ = input.write_all(question).await;
        let _ = input.shutdown().await;
        drop(input);
    };
    let mut said = Vec::new();
    let most = MOST_SAID as u64;
    let mut limited = (&mut output).take(most + 1);
    let (_, read) = tokio::join!(give, limited.read_to_end(&mut said));
    read?;
    if said.len() > MOST_SAID {
        return Ok(None);
    }
    // Noticed and not reaped: its group is killed first.
    tokio::task::spawn_blocking(move || ended(id)).await.map_err(io::Error::other)??;
    Ok(Some(said))
}

fn ended(id: Pid) -> io::Result<()> {
    loop {
        match waitid(Id::Pid(id), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn judged(status: ExitStatus, said: String) -> Result<Answer, Failure> {
    match status.code() {
        Some(0) => Ok(Answer::Agrees(said)),
        Some(code) if said.is_empty() => Ok(Answer::Refuses(format!("it ended with {code}"))),
        Some(_) => Ok(Answer::Refuses(said)),
        None => Err(Failure::new("it was ended by a signal", status.to_string())),
    }
}

/// A process group, which is over when this is dropped.
struct Group(Pid);

impl Drop for Group {
    fn drop(&mut self) {
        // Nobody may be left in it.
        let _ = killpg(self.0, Signal::SIGKILL);
    }
}
