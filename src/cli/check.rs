//! `bailey check`: what would go wrong, all at once, with what to do about it.

use std::io::{self, Write};

use super::output::{Column, Output};
use crate::base::text::printable;
use crate::config::ConfigError;
use crate::directory::{DirectoryError, Finding, Severity};
use crate::model::DirectoryLabel;

const COLUMNS: &[Column<Finding>] = &[
    Column { title: "", cell: |finding| severity(finding.severity).to_owned() },
    Column { title: "where", cell: |finding| finding.subject.clone() },
    Column { title: "what", cell: |finding| finding.what.clone() },
    Column { title: "what to do", cell: |finding| finding.remedy.clone() },
];

/// What is wrong with the configuration, as findings: one a fault.
#[must_use]
pub fn findings(error: &ConfigError) -> Vec<Finding> {
    let fault = |subject: String, what: String, remedy: String| Finding::new(Severity::Fault, subject, what, remedy);
    match error {
        ConfigError::Unreadable { file, why } => {
            let remedy = "name the file with --config, and run as a user that may read it".to_owned();
            vec![fault(file.display().to_string(), why.to_string(), remedy)]
        }
        ConfigError::Faults { file, faults } => faults
            .iter()
            .map(|found| {
                let subject = format!("{}:{}:{}", file.display(), found.place.line, found.place.column);
                let what = if found.key.is_empty() {
                    found.problem.clone()
                } else {
                    format!("{}: {}", found.key, found.problem)
                };
                fault(subject, what, found.remedy.clone())
            })
            .collect(),
    }
}

/// A directory whose certificates or addresses cannot be used, as a finding.
#[must_use]
pub fn unusable(label: &DirectoryLabel, error: &DirectoryError) -> Finding {
    let subject = format!("directory {label}");
    Finding::new(Severity::Fault, subject, error.to_string(), "correct the file or address it names")
}

/// Prints findings, the worst first; below them the commands some of them come with, whole and ready to be copied.
///
/// # Errors
/// When the reader is gone.
pub fn print<W: Write>(mut findings: Vec<Finding>, output: &mut Output<W>) -> io::Result<()> {
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    output.listing(&findings, COLUMNS)?;
    for finding in findings.iter().filter(|finding| !finding.commands.is_empty()) {
        output.sentence(&format!("\n{}, as an administrator of the directory:", printable(&finding.subject)))?;
        for command in &finding.commands {
            output.sentence(&printable(command))?;
        }
    }
    Ok(())
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Fine => "fine",
        Severity::Warning => "warning",
        Severity::Fault => "FAULT",
    }
}
