//! `bailey policy lint`.

use std::io;
use std::path::Path;

use serde::Serialize;

use super::{KindName, kind_of};
use crate::cli::Exit;
use crate::cli::args::Global;
use crate::cli::iam::read;
use crate::cli::output::{Format, Output};
use crate::policy::{Document, PolicyError, Warning, lint};

/// What was found, for programs.
#[derive(Serialize)]
struct Found {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<Fault>,
    warnings: Vec<Warning>,
}

#[derive(Serialize)]
struct Fault {
    path: String,
    line: usize,
    column: usize,
    problem: String,
    expected: String,
}

/// Examines `file`.
pub(super) fn run(global: &Global, file: &Path, kind: Option<KindName>, strict: bool) -> anyhow::Result<Exit> {
    let text = read(file)?;
    let parsed = Document::parse(&text, kind_of(&text, kind));
    let warnings = parsed.as_ref().map(|document| lint(document, &text)).unwrap_or_default();
    let exit = if parsed.is_err() || strict && !warnings.is_empty() { Exit::Failed } else { Exit::Done };
    print(file, parsed.err(), warnings, &mut Output::standard(global.output))?;
    Ok(exit)
}

fn print<W: io::Write>(
    file: &Path,
    fault: Option<PolicyError>,
    warnings: Vec<Warning>,
    output: &mut Output<W>,
) -> io::Result<()> {
    let name = file.display();
    if output.format() == Format::Json {
        let fault = fault.map(|fault| {
            let PolicyError { path, line, column, problem, expected } = fault;
            Fault { path, line, column, problem, expected }
        });
        return output.json(&Found { file: name.to_string(), fault, warnings });
    }
    if let Some(PolicyError { path, line, column, problem, expected }) = fault {
        let path = if path.is_empty() { path } else { format!("{path}: ") };
        return output.paragraph(&format!("{name}:{line}:{column}: {path}{problem}; expected {expected}"), 4);
    }
    if warnings.is_empty() {
        return output.sentence(&format!("{name}: nothing to say against it"));
    }
    for Warning { code, statement, sid, what, remedy } in warnings {
        let place = match (statement, sid) {
            (Some(index), Some(sid)) => format!("statement {index} ({sid}): "),
            (Some(index), None) => format!("statement {index}: "),
            (None, _) => String::new(),
        };
        output.paragraph(&format!("{name}: {place}{what} [{code}]"), 4)?;
        output.paragraph(&format!("    -> {remedy}"), 7)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Kind;

    #[test]
    fn a_fault_is_told_where_an_editor_finds_it() {
        let fault = Document::parse("{\n \"Statment\": 1}", Kind::Identity).unwrap_err();
        let mut bytes = Vec::new();
        print(Path::new("p.json"), Some(fault), Vec::new(), &mut Output::new(&mut bytes, Format::Table, None)).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("p.json:2:14: Statment: `Statment` is no element of a policy; expected"), "{text}");
    }
}
