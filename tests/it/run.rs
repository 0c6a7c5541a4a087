//! Runs programs and says everything about those that fail.

use std::process::{Command, Output};

/// Runs `command` to its end; what it wrote and how it ended.
pub(crate) fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| {
        let program = command.get_program().to_string_lossy();
        panic!("cannot run `{program}`: {error}; `make tools` installs what the tests need")
    })
}

/// Runs `command`, which must succeed, and answers what it wrote.
pub(crate) fn stdout(command: &mut Command) -> String {
    let output = output(command);
    assert!(output.status.success(), "{command:?} failed, {}\n{}", output.status, said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Everything a program wrote.
pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
