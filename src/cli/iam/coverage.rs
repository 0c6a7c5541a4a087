//! `bailey role coverage`.

use crate::admin::iam::coverage::{Conflict, Coverage, Covered};
use crate::cli::Exit;
use crate::cli::output::{Column, Format};
use crate::cli::session::Session;

/// A line of the report.
#[derive(serde::Serialize)]
struct Line {
    rule: usize,
    group: Covered,
}

const COVERED: &[Column<Line>] = &[
    Column { title: "rule", cell: |line| line.rule.to_string() },
    Column { title: "group", cell: |line| line.group.group.clone() },
    Column { title: "role", cell: |line| format!("{}/{}", line.group.account, line.group.role) },
    Column { title: "people", cell: |line| line.group.people.to_string() },
    Column { title: "machines", cell: |line| line.group.machines.to_string() },
    Column { title: "", cell: |line| if line.group.exists { String::new() } else { "no such role".to_owned() } },
];

/// Groups without a rule that are named; `--output json` has more.
const SHOWN: usize = 20;

/// Prints the report. Something amiss is a failure, so that a pipeline can stop there.
///
/// # Errors
/// When the reader is gone.
pub(super) fn print(session: &mut Session, found: &Coverage) -> anyhow::Result<Exit> {
    let idle = found.rules.iter().any(|rule| rule.groups.is_empty());
    let amiss = idle || !found.missing_roles.is_empty() || !found.conflicts.is_empty();
    let exit = if amiss { Exit::Failed } else { Exit::Done };
    let output = &mut session.output;
    if output.format() == Format::Json {
        output.json(found)?;
        return Ok(exit);
    }
    if found.rules.is_empty() {
        output.sentence("there is no rule; `[[group_role]]` in the configuration makes one")?;
    } else {
        let numbered = found.rules.iter().enumerate();
        let lines = numbered
            .flat_map(|(rule, covered)| covered.groups.iter().map(move |group| Line { rule, group: group.clone() }));
        let lines: Vec<Line> = lines.collect();
        output.listing(&lines, COVERED)?;
    }
    for (rule, covered) in found.rules.iter().enumerate().filter(|(_, rule)| rule.groups.is_empty()) {
        output.paragraph(&format!("rule {rule} fits no group: {}", covered.pattern), 4)?;
    }
    for Conflict { group, roles } in &found.conflicts {
        output.paragraph(&format!("rules disagree about {group}: {}; the first counts", roles.join(", ")), 4)?;
    }
    if !found.missing_roles.is_empty() {
        let missing: Vec<&str> = found.missing_roles.iter().map(String::as_str).collect();
        output.paragraph(&format!("not there, so nobody gets them: {}", missing.join(", ")), 4)?;
    }
    let shown: Vec<&str> = found.unmatched.iter().take(SHOWN).map(String::as_str).collect();
    if !shown.is_empty() {
        let more = found.unmatched_count.saturating_sub(shown.len() as u64);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        output.paragraph(&format!("no rule fits {}{more}", shown.join(", ")), 4)?;
    }
    Ok(exit)
}
