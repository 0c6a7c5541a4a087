//! A plan too long to read, printed as a page.

use bailey::admin::lines::{Line, MembersLine, RowLine};
use bailey::admin::page::{Sheet, Shown};
use bailey::cli::output::{Format, Output};
use bailey::cli::{effects, plan};
use bailey::rights::Effects;
use bailey::rights::effects::{Right, Sum};
use bailey::sync::change::Field;
use bailey::sync::guard::Tripped;
use serde_json::json;

use crate::golden::assert_golden;

fn row(action: &str, kind: &str, name: String, container: &str, fields: Vec<Field>) -> Line {
    let held = action == "gone";
    let dn = format!("CN={name},{container}");
    Line::Row(RowLine { kind: kind.to_owned(), name, dn, action: action.to_owned(), held, fields })
}

fn changing(paths: &[&str]) -> Vec<Field> {
    paths.iter().map(|path| Field { path: (*path).to_owned(), before: json!("a"), after: json!("b") }).collect()
}

/// A year's change of a company, at once: an office closes, another opens, titles change, groups move along.
fn plan() -> Vec<Line> {
    let mut lines = Vec::new();
    let mut many = |action: &str, kind: &str, count: usize, container: &dyn Fn(usize) -> String, fields: &[&str]| {
        for n in 0..count {
            lines.push(row(action, kind, format!("{action}{n:04}"), &container(n), changing(fields)));
        }
    };
    many("gone", "user", 412, &|_| "OU=Leeds,OU=Europe,DC=corp,DC=example".to_owned(), &[]);
    many("gone", "resource", 3, &|_| "CN=Computers,DC=corp,DC=example".to_owned(), &[]);
    many("suspend", "user", 7, &|n| format!("OU=Team {n},OU=Europe,DC=corp,DC=example"), &[]);
    many("add", "user", 812, &|_| "OU=Sales,DC=corp,DC=example".to_owned(), &[]);
    many("add", "user", 900, &|n| format!("OU=Shop {},OU=Retail,DC=corp,DC=example", n % 300), &[]);
    many("add", "group", 40, &|_| "OU=Groups,DC=corp,DC=example".to_owned(), &[]);
    many("update", "user", 2_000, &|_| "OU=Sales,DC=corp,DC=example".to_owned(), &["display_name", "tags.Department"]);
    many("update", "user", 1, &|_| "OU=Sales,DC=corp,DC=example".to_owned(), &["standing.expires"]);
    for n in 0..60 {
        let (one, other) = (format!("tags.extra{n}"), format!("tags.extra{}", n + 1));
        many("update", "user", 2, &|_| "OU=Ops,DC=corp,DC=example".to_owned(), &["mail", &one, &other]);
    }
    lines.extend((0..340).map(|n| {
        let (gained, lost) = (u64::from(n % 7 == 0), 1 + n % 40);
        let held = if n % 40 == 39 { lost } else { 0 };
        let names = |word: &str, count: u64| (0..count.min(3)).map(|n| format!("{word}{n}")).collect();
        Line::Members(MembersLine {
            group: format!("team-{n:03}"),
            id: format!("id-{n:03}"),
            gained,
            lost,
            held,
            gains: names("new", gained),
            losses: names("old", lost),
        })
    }));
    lines
}

fn tripped() -> Vec<Tripped> {
    let limit = |limit: &str, about: String, planned, allowed| {
        let (limit, lately) = (limit.to_owned(), 0);
        Tripped { limit, about, planned, lately, allowed }
    };
    let groups = (0..340).filter(|n| n % 40 == 39).map(|n| limit("group_losses", format!("id-{n:03}"), 40, 20));
    std::iter::once(limit("deletions", String::new(), 415, 200)).chain(groups).collect()
}

/// What such a plan might do to rights.
fn rights() -> Effects {
    let through = |groups: &[&str]| groups.iter().map(|group| format!("group/{group}")).collect::<Vec<_>>();
    let role = |name: &str, rule, groups: &[&str]| Right::Role {
        role: name.to_owned(),
        conditional: false,
        kept_under_conditions: false,
        rule,
        through: through(groups),
    };
    let policy = "arn:aws:iam::123456789012:policy/app/reports".to_owned();
    let reads = "s3: reads (Get*, List*) on arn:aws:s3:::reports/*".to_owned();
    let allow = Right::Allow { actions: reads, policy, through: through(&["team-002"]) };
    let policy = "group/contractors/policy/never".to_owned();
    let deny = Right::Deny { actions: "iam: everything".to_owned(), policy, through: through(&["contractors"]) };
    let sum = |held: bool, gained: bool, right: Right, count: u64| {
        let first = ["ann", "bob", "cid"].into_iter().take(count as usize).map(str::to_owned).collect();
        Sum { held, gained, right, count, first }
    };
    Effects {
        affected: 1_700,
        sums: vec![
            sum(true, false, role("Deploy", None, &["team-039", "outer"]), 312),
            sum(false, false, role("210987654321/poweruser", Some(0), &["aws-210987654321-poweruser"]), 41),
            sum(false, false, allow, 1),
            sum(false, true, role("Deploy", None, &["team-040"]), 812),
            sum(false, true, deny, 2),
        ],
        looked_at: 10_000,
        not_looked_at: 2_345,
        ..Effects::default()
    }
}

fn printed(lines: Vec<Line>, rights: &Effects) -> String {
    let mut sheet = Sheet::default();
    lines.into_iter().for_each(|line| sheet.line(line));
    let Shown::Page(page) = sheet.end(&MembersLine::default()) else { panic!("thousands of lines are a page") };
    let mut bytes = Vec::new();
    let mut output = Output::new(&mut bytes, Format::Table, None);
    plan::page(&mut output, &page, &tripped()).unwrap();
    effects::print(&mut output, rights).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn thousands_of_changes_fit_on_a_page_that_a_person_can_read() {
    let page = printed(plan(), &rights());
    assert!(page.lines().count() <= 70, "{} lines", page.lines().count());
    assert_golden("plan-page.txt", &page);
}

#[test]
fn a_name_from_the_directory_cannot_drive_the_terminal() {
    let hostile = |n| row("add", "user", format!("eve{n}\u{1b}[2J\n"), "OU=\u{202e}x,DC=corp", Vec::new());
    let page = printed((0..40).map(hostile).collect(), &Effects::default());
    assert!(!page.contains('\u{1b}') && !page.contains('\u{202e}'), "{page:?}");
    assert_eq!(page.lines().count(), 1, "{page}");
}
