//! `bailey policy lint`.

use std::io;
use std::path::Path;

use serde::Serialize;

use super::KindName;
use crate::cli::Exit;
use crate::cli::args::Global;
use crate::cli::iam::read;
use crate::cli::output::{Format, Output};
use crate::policy::{Document, Kind, PolicyError, Warning, lint};

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
    let kind = kind.map_or_else(|| kind_of(&text), Kind::from);
    let parsed = Document::parse(&text, kind);
    let warnings = parsed.as_ref().map(|document| lint(document, &text)).unwrap_or_default();
    let exit = if parsed.is_err() || strict && !warnings.is_empty() { Exit::Failed } else { Exit::Done };
    print(file, parsed.err(), warnings, &mut Output::standard(global.output))?;
    Ok(exit)
}

/// What a policy with these elements can only be for; a person's mistakes are told by the parser.
fn kind_of(text: &str) -> Kind {
    let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let statement = value.get("Statement");
    let statements = match statement {
        Some(serde_json::Value::Array(statements)) => statements.iter().collect(),
        Some(statement) => vec![statement],
        None => Vec::new(),
    };
    let has = |name: &str| {
        let not = format!("Not{name}");
        statements.iter().any(|statement| statement.get(name).is_some() || statement.get(&not).is_some())
    };
    match (has("Principal"), has("Resource")) {
        (true, true) => Kind::Resource,
        (true, false) => Kind::Trust,
        (false, _) => Kind::Identity,
    }
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

    #[test]
    fn elements_say_what_it_is_for() {
        let with = |elements: &str| format!(r#"{{"Statement": [{{"Effect": "Allow"{elements}}}]}}"#);
        assert_eq!(kind_of(&with(r#", "Resource": "*""#)), Kind::Identity);
        assert_eq!(kind_of(&with(r#", "Resource": "*", "NotPrincipal": "*""#)), Kind::Resource);
        assert_eq!(kind_of(&with(r#", "Principal": "*""#)), Kind::Trust);
        assert_eq!(kind_of("no JSON"), Kind::Identity);
    }

    #[test]
    fn a_fault_is_told_where_an_editor_finds_it() {
        let fault = Document::parse("{\n \"Statment\": 1}", Kind::Identity).unwrap_err();
        let mut bytes = Vec::new();
        print(Path::new("p.json"), Some(fault), Vec::new(), &mut Output::new(&mut bytes, Format::Table, None)).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("p.json:2:14: Statment: `Statment` is no element of a policy; expected"), "{text}");
    }
}
