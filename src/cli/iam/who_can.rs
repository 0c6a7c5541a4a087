//! `bailey policy who-can`: what it prints.

use clap::ValueEnum;
use serde::Serialize;

use super::go_on;
use crate::admin::iam::who_can::{Able, AblePrincipal, Sort, Way};
use crate::cli::output::{Column, Format};
use crate::cli::session::{Session, remark};

/// Of which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Users
    User,
    /// Roles
    Role,
}

impl From<Kind> for Sort {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::User => Self::User,
            Kind::Role => Self::Role,
        }
    }
}

/// A line: somebody, and one way.
#[derive(Serialize)]
struct Line {
    who: String,
    way: Way,
}

const LINES: &[Column<Line>] = &[
    Column { title: "who", cell: |line| line.who.clone() },
    Column { title: "way", cell: |line| line.way.because.through.join(" → ") },
    Column { title: "because", cell: |line| line.way.because.what.clone() },
    Column {
        title: "assumed by",
        cell: |line| line.way.assuming.as_ref().map(|by| by.what.clone()).unwrap_or_default(),
    },
    Column { title: "without a value", cell: |line| line.way.missing.join(", ") },
];

/// Prints a page, a line a way.
///
/// # Errors
/// When the reader is gone.
pub(super) fn print(session: &mut Session, able: Able) -> anyhow::Result<()> {
    let Able { items, next, root, inactive, undecided, missing } = able;
    match session.output.format() {
        Format::Json => session.output.json(&items)?,
        Format::Table => session.output.listing(&items.into_iter().flat_map(lines).collect::<Vec<_>>(), LINES)?,
    }
    if let Some(root) = root {
        remark(&format!("and {root}, which may do everything in its account"))?;
    }
    if inactive > 0 {
        remark(&format!("left out: {inactive} who could do it and may not act at all"))?;
    }
    if undecided > 0 {
        let keys: Vec<String> = missing.into_iter().collect();
        remark(&format!("{undecided} more might, with values for {}; --context gives one", keys.join(", ")))?;
    }
    Ok(go_on(next)?)
}

fn lines(found: AblePrincipal) -> Vec<Line> {
    let kind = match found.kind {
        Sort::User => "user",
        Sort::Role => "role",
    };
    let who = format!("{kind}/{}", found.name);
    found.ways.into_iter().map(|way| Line { who: who.clone(), way }).collect()
}
