//! Pages of made-up plans.

use proptest::prelude::*;

use super::*;
use crate::sync::change::Field;

fn row(action: &str, kind: &str, name: &str, dn: &str, held: bool, fields: &[&str]) -> RowLine {
    let field = |path: &&str| Field { path: (*path).to_owned(), before: "before".into(), after: "after".into() };
    let (kind, action) = (kind.to_owned(), action.to_owned());
    let fields = fields.iter().map(field).collect();
    RowLine { kind, name: name.to_owned(), dn: dn.to_owned(), action, held, fields }
}

fn members(n: u64, gained: u64, lost: u64, held: u64) -> MembersLine {
    let group = format!("g{n:04}");
    MembersLine { id: group.clone(), group, gained, lost, held, gains: Vec::new(), losses: Vec::new() }
}

fn any_row() -> impl Strategy<Value = RowLine> {
    let action = prop::sample::select(ORDER.to_vec());
    let kind = prop::sample::select(KINDS.to_vec());
    let fields = prop::sample::subsequence(vec!["mail", "name", "tags.a", "tags.b", "tags.c", "tags.d"], 1..4);
    (action, kind, any::<bool>(), 0..12_u8, 0..12_u8, 0..4_u8, fields).prop_map(
        |(action, kind, held, unit, office, depth, fields)| {
            let container = match depth {
                0 => "dc=corp".to_owned(),
                1 => format!("ou=u{unit},dc=corp"),
                2 => format!("OU=o{office},OU=u{unit},DC=corp"),
                _ => format!("o=other{unit}"),
            };
            row(action, kind, "p", &format!("cn=p,{container}"), held, &fields)
        },
    )
}

proptest! {
    #[test]
    fn the_counts_on_a_page_add_up_whatever_the_plan(
        rows in prop::collection::vec(any_row(), 0..400),
        groups in prop::collection::vec((0..9_u64, 0..9_u64, 0..9_u64), 0..60),
        further in (0..9_u64, 0..9_u64),
    ) {
        let (mut gathering, mut counts) = (Gathering::default(), BTreeMap::<_, u64>::new());
        for row in rows {
            *counts.entry((row.held, row.action.clone(), row.kind.clone())).or_default() += 1;
            gathering.row(row);
        }
        let mut sums = [further.0, further.1, 0];
        for (n, (gained, lost, held)) in (0..).zip(groups) {
            let line = members(n, gained, lost, held.min(lost));
            sums = [sums[0] + line.gained, sums[1] + line.lost, sums[2] + line.held];
            gathering.members(line);
        }
        gathering.further(&members(0, further.0, further.1, 0));
        let sections = counts.len();
        let page = gathering.page();

        prop_assert!(page.rows.len() <= sections.max(MOST_GATHERED), "{} gatherings", page.rows.len());
        prop_assert!(page.groups.len() <= 2 * MOST_GROUPS);
        for gathered in &page.rows {
            let key = (gathered.held, gathered.action.clone(), gathered.kind.clone());
            *counts.get_mut(&key).unwrap() -= gathered.count;
        }
        prop_assert!(counts.values().all(|left| *left == 0), "uncounted: {counts:?}");
        let of = |line: &Further| [line.gained, line.lost, line.held];
        let shown = page.groups.iter().map(|line| [line.gained, line.lost, line.held]);
        let all = shown.chain([of(&page.further_held), of(&page.further)]);
        let seen = all.fold([0; 3], |sum, line| [sum[0] + line[0], sum[1] + line[1], sum[2] + line[2]]);
        prop_assert_eq!(seen, sums);
    }
}

#[test]
fn what_is_held_comes_first_and_what_takes_away_before_what_gives() {
    let mut gathering = Gathering::default();
    for (action, held) in [("add", false), ("gone", false), ("suspend", false), ("rename", true), ("gone", true)] {
        gathering.row(row(action, "user", "ann", "uid=ann,dc=corp", held, &["name"]));
    }
    gathering.members(members(1, 900, 0, 0));
    gathering.members(members(2, 0, 1, 0));
    gathering.members(members(3, 0, 5, 5));
    let page = gathering.page();
    let order: Vec<_> = page.rows.iter().map(|gathered| (gathered.held, gathered.action.as_str())).collect();
    assert_eq!(order, [(true, "gone"), (true, "rename"), (false, "gone"), (false, "suspend"), (false, "add")]);
    assert_eq!(page.rows[1].first, ["before -> ann"]);
    let groups: Vec<_> = page.groups.iter().map(|line| line.group.as_str()).collect();
    assert_eq!(groups, ["g0003", "g0002", "g0001"], "one member lost matters more than 900 gained");
}

#[test]
fn few_lines_are_shown_as_they_are_and_one_more_makes_a_page() {
    let shown = |count: usize| {
        let mut sheet = Sheet::default();
        (0..count).for_each(|_| sheet.line(Line::Row(row("add", "user", "ann", "uid=ann,dc=corp", false, &[]))));
        sheet.end(&MembersLine::default())
    };
    assert!(matches!(shown(FEW_LINES), Shown::Lines(lines) if lines.len() == FEW_LINES));
    assert!(matches!(shown(FEW_LINES + 1), Shown::Page(page) if page.rows[0].count == 31));
}

#[test]
fn a_million_changes_keep_a_thousand_places_and_two_hundred_ways() {
    let mut gathering = Gathering::default();
    for n in 0..1_000_000_u32 {
        // Every tenth in a container of its own.
        let dn = if n % 10 == 0 { format!("CN=p,OU=u{n},DC=corp") } else { "CN=p,OU=Sales,DC=corp".to_owned() };
        gathering.row(row("add", "user", "p", &dn, false, &[]));
    }
    assert!(gathering.rows.values().map(Bins::len).sum::<usize>() <= 1_000);
    let page = gathering.page();
    let counts: Vec<u64> = page.rows.iter().map(|gathered| gathered.count).collect();
    assert_eq!(counts.iter().sum::<u64>(), 1_000_000);
    assert_eq!(counts[0], 900_000, "the largest keeps its own line");
}
