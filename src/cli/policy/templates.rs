//! `bailey policy template`.

use std::io::Write as _;

use serde::Serialize;

use crate::cli::Exit;
use crate::cli::args::Global;
use crate::cli::output::{Column, Output};
use crate::policy::{TEMPLATES, Template};

#[derive(Serialize)]
struct Row {
    name: &'static str,
    purpose: &'static str,
}

const ROWS: &[Column<Row>] = &[
    Column { title: "name", cell: |row| row.name.to_owned() },
    Column { title: "for", cell: |row| row.purpose.to_owned() },
];

/// Lists them, or prints one as it is.
pub(super) fn run(global: &Global, name: Option<&str>) -> anyhow::Result<Exit> {
    let Some(name) = name else {
        let rows: Vec<Row> = TEMPLATES.iter().map(|Template { name, purpose, .. }| Row { name, purpose }).collect();
        Output::standard(global.output).listing(&rows, ROWS)?;
        return Ok(Exit::Done);
    };
    let names = || TEMPLATES.iter().map(|template| template.name).collect::<Vec<_>>().join(", ");
    let template =
        Template::named(name).ok_or_else(|| anyhow::anyhow!("there is no template `{name}`; there are {}", names()))?;
    std::io::stdout().lock().write_all(template.text.as_bytes())?;
    Ok(Exit::Done)
}
