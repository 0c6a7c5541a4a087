//! `bailey policy actions`: what policies can say about Bailey itself.

use crate::cli::Exit;
use crate::cli::args::Global;
use crate::cli::output::{Column, Output};
use crate::cli::session::remark;
use crate::gate::table::{ALWAYS, Row, rows};

const ROWS: &[Column<Row>] = &[
    Column { title: "action", cell: |row| row.action.clone() },
    Column { title: "level", cell: |row| row.level.to_owned() },
    Column { title: "what", cell: |row| row.meaning.to_owned() },
    Column { title: "resource", cell: |row| row.resource.to_owned() },
    Column { title: "condition keys", cell: |row| row.keys.join(" ") },
];

/// Lists them, or those that have `search` in their name.
pub(super) fn run(global: &Global, search: Option<&str>) -> anyhow::Result<Exit> {
    let search = search.unwrap_or_default().to_lowercase();
    let rows: Vec<Row> = rows().into_iter().filter(|row| row.action.to_lowercase().contains(&search)).collect();
    Output::standard(global.output).listing(&rows, ROWS)?;
    remark(&format!("every signed request has, besides: {}", ALWAYS.join(" ")))?;
    Ok(Exit::Done)
}
