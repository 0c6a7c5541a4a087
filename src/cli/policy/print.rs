//! `bailey policy print`.

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;

use super::{KindName, kind_of};
use crate::cli::Exit;
use crate::cli::iam::read;
use crate::policy::Document;

/// Prints `file` as it is understood.
pub(super) fn run(file: &Path, kind: Option<KindName>) -> anyhow::Result<Exit> {
    let text = read(file)?;
    let document = Document::parse(&text, kind_of(&text, kind)).with_context(|| file.display().to_string())?;
    writeln!(io::stdout().lock(), "{}", document.print())?;
    Ok(Exit::Done)
}
