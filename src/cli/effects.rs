//! How it is printed what changes do to rights: person by person where these are few, as sentences with counts where many.

use std::io::{self, Write};

use serde::Serialize;

use super::output::{Column, Output};
use super::plan::{grouped, printable_sentence, remaining};
use crate::rights::Effects;
use crate::rights::effects::{PersonChange, Sum};

/// Sums on a page, of what is held and of the rest alike.
const MOST_SUMS: usize = 12;

/// One right of one person.
#[derive(Serialize)]
struct Line {
    held: bool,
    person: String,
    what: String,
}

const LINES: &[Column<Line>] = &[
    Column { title: "", cell: |line| if line.held { "HELD".to_owned() } else { String::new() } },
    Column { title: "person", cell: |line| line.person.clone() },
    Column { title: "rights", cell: |line| line.what.clone() },
];

/// Prints `effects` under a head of their own; nothing where there are none.
///
/// # Errors
/// When the reader is gone.
pub fn print<W: Write>(output: &mut Output<W>, effects: &Effects) -> io::Result<()> {
    if effects.is_empty() {
        return Ok(());
    }
    output.sentence("\nrights")?;
    if effects.people.is_empty() {
        let (held, free): (Vec<&Sum>, Vec<&Sum>) = effects.sums.iter().partition(|sum| sum.held);
        for part in [held, free] {
            sums(output, &part)?;
        }
        if effects.further_sums > 0 {
            output.sentence(&format!("{:>9} changes of rights that befall fewer", grouped(effects.further_sums)))?;
        }
    } else {
        let lines: Vec<Line> = effects.people.iter().flat_map(lines_of).collect();
        output.listing(&lines, LINES)?;
        let more = effects.affected.saturating_sub(effects.people.len() as u64);
        if more > 0 {
            output.sentence(&format!("and {} more people", grouped(more)))?;
        }
    }
    if effects.not_looked_at > 0 {
        let (more, looked) = (grouped(effects.not_looked_at), grouped(effects.looked_at));
        output.sentence(&format!("{more} more people may be concerned and were not looked at, after {looked}"))?;
    }
    if let Some(why) = &effects.unknown {
        output.sentence(&format!("not worked out: {why}"))?;
    }
    Ok(())
}

fn lines_of(change: &PersonChange) -> impl Iterator<Item = Line> {
    let told = change.loses.iter().map(|right| right.words(false, false));
    let told = told.chain(change.gains.iter().map(|right| right.words(true, false)));
    let further = (change.further > 0).then(|| format!("and {} changes more", grouped(change.further)));
    told.chain(further).map(|what| Line { held: change.held, person: change.name.clone(), what })
}

/// A sentence each, such as `people lose role Deploy (through group team): ann, bob, cid and 409 more`.
fn sums<W: Write>(output: &mut Output<W>, sums: &[&Sum]) -> io::Result<()> {
    for sum in sums.iter().take(MOST_SUMS) {
        let many = sum.count != 1;
        let held = if sum.held { " (held)" } else { "" };
        let (whom, what) = (if many { "people" } else { "person" }, sum.right.words(sum.gained, many));
        let who = format!("{}{}", sum.first.join(", "), remaining(sum.count, &sum.first));
        let sentence = printable_sentence(&format!("{whom} {what}{held}: {who}"));
        output.paragraph(&format!("{:>9} {sentence}", grouped(sum.count)), 12)?;
    }
    match sums.len().saturating_sub(MOST_SUMS) {
        0 => Ok(()),
        more => output.sentence(&format!("{:>9} further changes of rights", grouped(more as u64))),
    }
}
