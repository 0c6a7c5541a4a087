//! `bailey completions`.

use std::io::{self, Write};

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::args::Args;

/// Writes the completions of `shell`.
///
/// # Errors
/// When the reader is gone.
pub fn write(shell: Shell, to: &mut impl Write) -> io::Result<()> {
    // The generator panics when it cannot write; memory it always can.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "bailey", &mut script);
    to.write_all(&script)
}
