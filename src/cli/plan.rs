//! How a plan is printed: a few lines as they are, many as a page of sentences with counts.

use std::io::{self, Write};

use super::output::{Column, Output};
use super::people::fields;
use crate::admin::lines::{Line, MembersLine, RowLine};
use crate::admin::page::{EXAMPLES, Further, Gathered, Page, What};
use crate::base::text::{SHOWN, printable, printable_within};
use crate::sync::guard::Tripped;
use crate::sync::held::REASONS_KEPT;

/// Limits of single groups that are told, the rest being counted.
const LIMITS_TOLD: usize = 3;

/// Changing fields named in one sentence, the rest being counted.
const FIELDS_TOLD: usize = 6;

const ROWS: &[Column<RowLine>] = &[
    Column { title: "", cell: |line| if line.held { "HELD".to_owned() } else { String::new() } },
    Column { title: "what", cell: |line| line.action.clone() },
    Column { title: "kind", cell: |line| line.kind.clone() },
    Column { title: "name", cell: |line| line.name.clone() },
    Column { title: "dn", cell: |line| line.dn.clone() },
    Column { title: "fields", cell: |line| fields(&line.fields) },
];

const MEMBERS: &[Column<MembersLine>] = &[
    Column { title: "", cell: |line| if line.held > 0 { "HELD".to_owned() } else { String::new() } },
    Column { title: "group", cell: |line| line.group.clone() },
    Column { title: "gains", cell: |line| names(line.gained, &line.gains) },
    Column { title: "loses", cell: |line| names(line.lost, &line.losses) },
];

fn names(count: u64, first: &[String]) -> String {
    if count == 0 {
        return String::new();
    }
    let more = if count > first.len() as u64 { ", …" } else { "" };
    format!("{count}: {}{more}", first.join(", "))
}

/// Prints every line.
///
/// # Errors
/// When the reader is gone.
pub fn lines<W: Write>(output: &mut Output<W>, lines: Vec<Line>) -> io::Result<()> {
    let (mut rows, mut members) = (Vec::new(), Vec::new());
    for line in lines {
        match line {
            Line::Row(row) => rows.push(row),
            Line::Members(line) => members.push(line),
        }
    }
    if !rows.is_empty() {
        output.listing(&rows, ROWS)?;
    }
    if !members.is_empty() {
        output.sentence("\nmemberships")?;
        output.listing(&members, MEMBERS)?;
    }
    Ok(())
}

/// Prints a page: what the guard holds first, with the limits that `tripped`.
///
/// # Errors
/// When the reader is gone.
pub fn page<W: Write>(output: &mut Output<W>, page: &Page, tripped: &[Tripped]) -> io::Result<()> {
    let is_held = |line: &&MembersLine| line.held > 0;
    let (held, free): (Vec<_>, Vec<_>) = page.rows.iter().partition(|gathered| gathered.held);
    let (groups_held, groups): (Vec<_>, Vec<_>) = page.groups.iter().partition(is_held);
    let anything_held = !held.is_empty() || !groups_held.is_empty();
    if anything_held {
        let memberships = groups_held.iter().map(|line| line.held).sum::<u64>() + page.further_held.held;
        let all = held.iter().map(|gathered| gathered.count).sum::<u64>() + memberships;
        output.sentence(&format!("HELD until somebody decides: {} changes", grouped(all)))?;
        limits(output, tripped, &page.groups)?;
        section(output, &held, &groups_held, &page.further_held)?;
    }
    if free.is_empty() && groups.is_empty() && page.further.is_empty() {
        return Ok(());
    }
    if anything_held {
        output.sentence("\nNot held:")?;
    }
    section(output, &free, &groups, &page.further)
}

/// Prints the limits that `tripped`, a line each; `groups` gives groups their names.
///
/// # Errors
/// When the reader is gone.
pub fn limits<W: Write>(output: &mut Output<W>, tripped: &[Tripped], groups: &[MembersLine]) -> io::Result<()> {
    why(tripped, groups).iter().try_for_each(|reason| output.sentence(&format!("  limit {}", printable(reason))))
}

/// The groups that `lines` are about.
#[must_use]
pub fn groups_in(lines: &[Line]) -> Vec<MembersLine> {
    let members = |line: &Line| match line {
        Line::Members(members) => Some(members.clone()),
        Line::Row(_) => None,
    };
    lines.iter().filter_map(members).collect()
}

fn section<W: Write>(
    output: &mut Output<W>,
    rows: &[&Gathered],
    groups: &[&MembersLine],
    further: &Further,
) -> io::Result<()> {
    for gathered in rows {
        output.paragraph(&format!("{:>9} {}", grouped(gathered.count), happening(gathered)), 12)?;
    }
    if !groups.is_empty() || !further.is_empty() {
        output.sentence("  memberships")?;
    }
    for line in groups {
        output.paragraph(&format!("{:>9} {}", grouped(line.gained + line.lost), turnover(line)), 12)?;
    }
    if !further.is_empty() {
        output.sentence(&format!("{:>9} {}", grouped(further.gained + further.lost), remainder(further)))?;
    }
    Ok(())
}

/// The sentence after the count, such as `people appear in OU=Sales,DC=corp: ann, bob, cid and 809 more`.
fn happening(gathered: &Gathered) -> String {
    let one = gathered.count == 1;
    let whom = match (gathered.kind.as_str(), one) {
        ("user", true) => "person",
        ("user", false) => "people",
        ("group", true) => "group",
        ("group", false) => "groups",
        (_, true) => "machine",
        (_, false) => "machines",
    };
    let is = if one { "is" } else { "are" };
    let verb = match gathered.action.as_str() {
        "add" => if one { "appears" } else { "appear" }.to_owned(),
        "update" => if one { "changes" } else { "change" }.to_owned(),
        "gone" => format!("{is} gone from"),
        "suspend" => format!("{is} suspended"),
        "restore" => format!("{is} restored"),
        "rename" => format!("{is} renamed"),
        "delete" => format!("{is} deleted for good"),
        other => format!("{other}:"),
    };
    let more = remaining(gathered.count, &gathered.first);
    let place = place(&gathered.what);
    // Who is gone is gone from there, not in it.
    let place = if gathered.action == "gone" { place.trim_start_matches("in ") } else { &place };
    printable_sentence(&format!("{whom} {verb} {place}: {}{more}", gathered.first.join(", ")))
}

fn place(what: &What) -> String {
    match what {
        What::In { container } if container.is_empty() => "without a container".to_owned(),
        What::In { container } => format!("in {container}"),
        What::Below { container, elsewhere } => {
            let word = if *elsewhere { "elsewhere" } else { "somewhere" };
            if container.is_empty() { format!("{word} in the directory") } else { format!("{word} below {container}") }
        }
        What::Changing { fields } => told(fields),
        What::ChangingOtherwise { fields } => format!("in rarer ways ({})", told(fields)),
    }
}

/// The first names of fields.
fn told(fields: &[String]) -> String {
    let first: Vec<String> = fields.iter().take(FIELDS_TOLD).cloned().collect();
    format!("{}{}", first.join(", "), remaining(fields.len() as u64, &first))
}

fn turnover(line: &MembersLine) -> String {
    let mut parts = Vec::new();
    if line.lost > 0 {
        let held = match line.held {
            0 => String::new(),
            held if held == line.lost => " (held)".to_owned(),
            held => format!(" ({} of them held)", grouped(held)),
        };
        let names = line.losses.iter().take(EXAMPLES).cloned().collect::<Vec<_>>();
        parts.push(format!("loses {}{held}: {}{}", grouped(line.lost), names.join(", "), remaining(line.lost, &names)));
    }
    if line.gained > 0 {
        let names = line.gains.iter().take(EXAMPLES).cloned().collect::<Vec<_>>();
        parts.push(format!("gains {}: {}{}", grouped(line.gained), names.join(", "), remaining(line.gained, &names)));
    }
    printable_sentence(&format!("{} {}", line.group, parts.join("; ")))
}

fn remainder(further: &Further) -> String {
    let groups = match further {
        Further { or_more: true, groups, .. } => format!("more than {} further groups", grouped(*groups)),
        Further { groups: 1, .. } => "1 further group".to_owned(),
        Further { groups, .. } => format!("{} further groups", grouped(*groups)),
    };
    let mut parts = Vec::new();
    if further.lost > 0 {
        let held = if further.held > 0 { format!(" ({} held)", grouped(further.held)) } else { String::new() };
        parts.push(format!("{} lost{held}", grouped(further.lost)));
    }
    if further.gained > 0 {
        parts.push(format!("{} gained", grouped(further.gained)));
    }
    format!("in {groups}: {}", parts.join(", "))
}

/// ` and 809 more`, where there are more than those named.
pub(super) fn remaining(count: u64, named: &[String]) -> String {
    match count.saturating_sub(named.len() as u64) {
        0 => String::new(),
        more if named.is_empty() => grouped(more),
        more => format!(" and {} more", grouped(more)),
    }
}

/// Why changes are held: each limit of the whole directory, and those of single groups that were furthest exceeded.
/// The guard knows groups by id: those that `groups` gives a name are named, the others counted.
#[must_use]
pub fn why(tripped: &[Tripped], groups: &[MembersLine]) -> Vec<String> {
    let (mut single, whole): (Vec<&Tripped>, Vec<&Tripped>) = tripped.iter().partition(|limit| !limit.about.is_empty());
    single.sort_by_key(|limit| std::cmp::Reverse(limit.planned));
    let mut reasons: Vec<String> = whole.into_iter().map(|limit| reason(limit, "")).collect();
    let mut unnamed = Vec::new();
    let mut named = 0;
    for limit in single {
        match groups.iter().find(|line| line.id == limit.about) {
            Some(line) if named < LIMITS_TOLD => {
                named += 1;
                reasons.push(reason(limit, &format!(" of group {}", line.group)));
            }
            _ => unnamed.push(limit),
        }
    }
    if let Some(furthest) = unnamed.first() {
        let further = if named > 0 { " further" } else { "" };
        let or_more = if tripped.len() >= REASONS_KEPT { " or more" } else { "" };
        let s = if unnamed.len() == 1 { "" } else { "s" };
        let about = format!(" of {}{or_more}{further} group{s}", grouped(unnamed.len() as u64));
        let most = if unnamed.len() == 1 { "" } else { " (the furthest exceeded)" };
        reasons.push(format!("{}{most}", reason(furthest, &about)));
    }
    reasons
}

fn reason(limit: &Tripped, about: &str) -> String {
    let lately = if limit.lately == 0 { String::new() } else { format!(" after {} lately", grouped(limit.lately)) };
    format!("{}{about}: {} planned{lately}, {} allowed", limit.limit, grouped(limit.planned), grouped(limit.allowed))
}

/// `1234567` as `1,234,567`.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A sentence with names in it, which may be long together.
pub(super) fn printable_sentence(text: &str) -> String {
    printable_within(text, 4 * SHOWN).into_owned()
}
