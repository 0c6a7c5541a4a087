//! A plan of any size on a page: gathered by what happens and where, with counts that add up.
//!
//! Owns the gathering, which is pure and keeps bounded memory whatever the plan; [`Paging`] feeds it from changes.
//! It happens here and not in the command line: of a million changes nobody wants a million lines written to a socket
//! to be counted there, nor a plan that waits for a reader. Does not know how a page is printed, nor why the guard
//! holds something: the report says so.

mod places;
mod ways;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::places::Places;
use self::ways::Ways;
use super::lines::{Line, Lines, MembersLine, RowLine};
use crate::store::Store;
use crate::sync::SyncError;
use crate::sync::change::Change;

/// A plan of so many lines is shown line by line.
pub const FEW_LINES: usize = 30;

/// Names given as examples of what is counted.
pub const EXAMPLES: usize = 3;

/// Gatherings of rows on a page, as long as there are not more kinds of them.
const MOST_GATHERED: usize = 24;

/// Gatherings of one kind that are never too many.
const FEW_GATHERED: usize = 3;

/// Groups whose members change that have a line, of those with held changes and of the others alike.
const MOST_GROUPS: usize = 8;

/// A plan on a page.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// What happens to people, groups and machines: what is held first, and what takes away before what gives.
    pub rows: Vec<Gathered>,
    /// Groups that lose or gain the most members; those with held changes first.
    pub groups: Vec<MembersLine>,
    /// What changes in further groups of which something is held.
    pub further_held: Further,
    /// What changes in all other groups.
    pub further: Further,
}

/// The same happening to many.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gathered {
    /// True when the guard holds it.
    pub held: bool,
    /// What happens, as a line has it.
    pub action: String,
    /// To what kind, as a line has it.
    pub kind: String,
    /// Where, or what of them.
    #[serde(flatten)]
    pub what: What,
    /// To how many.
    pub count: u64,
    /// The first of them by name, at most [`EXAMPLES`].
    pub first: Vec<String>,
}

/// What those have in common that are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum What {
    /// All that are directly in this container.
    In {
        /// Its DN.
        container: String,
    },
    /// All in and below this container that are counted nowhere else.
    Below {
        /// Its DN; empty for the whole directory.
        container: String,
        /// True when some below it are counted elsewhere.
        elsewhere: bool,
    },
    /// Exactly these fields change.
    Changing {
        /// Dotted paths.
        fields: Vec<String>,
    },
    /// Some of these fields change, in ways that are rarer than those listed.
    ChangingOtherwise {
        /// Dotted paths, the first of them.
        fields: Vec<String>,
    },
}

/// Memberships of groups that have no line of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Further {
    /// How many groups, as far as they were told apart.
    pub groups: u64,
    /// True when there are more, which were not told apart.
    pub or_more: bool,
    /// How many memberships are gained.
    pub gained: u64,
    /// How many are lost.
    pub lost: u64,
    /// How many of those are held.
    pub held: u64,
}

impl Further {
    fn take(&mut self, line: &MembersLine) {
        self.groups += 1;
        self.gained += line.gained;
        self.lost += line.lost;
        self.held += line.held;
    }

    /// True when it counts nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.gained + self.lost == 0
    }
}

/// The first names by alphabet, at most [`EXAMPLES`].
#[derive(Debug, Clone, Default)]
struct First {
    names: Vec<String>,
}

impl First {
    fn push(&mut self, name: String) {
        let at = self.names.partition_point(|known| *known <= name);
        if at < EXAMPLES {
            self.names.insert(at, name);
            self.names.truncate(EXAMPLES);
        }
    }

    fn take(&mut self, other: Self) {
        other.names.into_iter().for_each(|name| self.push(name));
    }
}

/// What takes away comes before what gives; the guard's rules first.
const ORDER: [&str; 7] = ["gone", "suspend", "delete", "rename", "restore", "update", "add"];
const KINDS: [&str; 3] = ["user", "group", "resource"];

/// Gathers lines into a page.
#[derive(Debug, Default)]
pub struct Gathering {
    /// By whether it is held, place in [`ORDER`] and place in [`KINDS`].
    rows: BTreeMap<(bool, usize, usize), Bins>,
    groups: Vec<MembersLine>,
    further: Further,
}

#[derive(Debug)]
enum Bins {
    Places(Places),
    Ways(Ways),
}

impl Bins {
    fn len(&self) -> usize {
        match self {
            Self::Places(places) => places.len(),
            Self::Ways(ways) => ways.len(),
        }
    }

    fn lift(&mut self) -> bool {
        match self {
            Self::Places(places) => places.lift(u64::MAX),
            Self::Ways(ways) => ways.lift(u64::MAX),
        }
    }

    /// Leaves no line to what is a twentieth of all or less, unless there are few lines anyway.
    fn tidy(&mut self) {
        match self {
            Self::Places(places) => places.tidy(places.total() / 20 + 1, FEW_GATHERED),
            Self::Ways(ways) => ways.tidy(ways.total() / 20 + 1, FEW_GATHERED),
        }
    }

    fn end(self) -> Vec<(What, u64, Vec<String>)> {
        match self {
            Self::Places(places) => places.end(),
            Self::Ways(ways) => ways.end(),
        }
    }
}

impl Gathering {
    /// Counts what happens to one row.
    pub fn row(&mut self, line: RowLine) {
        let place = |of: &[&str], word: &str| of.iter().position(|known| *known == word).unwrap_or(of.len());
        // What is held sorts first.
        let key = (!line.held, place(&ORDER, &line.action), place(&KINDS, &line.kind));
        let changes = line.action == "update";
        let bins = self.rows.entry(key).or_insert_with(|| match changes {
            true => Bins::Ways(Ways::default()),
            false => Bins::Places(Places::default()),
        });
        match bins {
            Bins::Ways(ways) => ways.add(line.fields.into_iter().map(|field| field.path).collect(), line.name),
            Bins::Places(places) => places.add(&line.dn, shown_name(&line)),
        }
    }

    /// Counts what happens to a group's members. Each group comes once.
    pub fn members(&mut self, line: MembersLine) {
        self.groups.push(line);
    }

    /// Counts members of groups that were not told apart.
    pub fn further(&mut self, line: &MembersLine) {
        if line.gained + line.lost > 0 {
            let told_apart = self.further.groups;
            self.further.take(line);
            (self.further.groups, self.further.or_more) = (told_apart, true);
        }
    }

    /// The page.
    #[must_use]
    pub fn page(mut self) -> Page {
        self.rows.values_mut().for_each(Bins::tidy);
        while self.rows.values().map(Bins::len).sum::<usize>() > MOST_GATHERED {
            let most = self.rows.values_mut().max_by_key(|bins| bins.len());
            if !most.is_some_and(Bins::lift) {
                break;
            }
        }
        let rows = self.rows.into_iter().flat_map(|((free, action, kind), bins)| {
            let word = |of: &[&str], at: usize| of.get(at).copied().unwrap_or("other").to_owned();
            bins.end().into_iter().map(move |(what, count, first)| Gathered {
                held: !free,
                action: word(&ORDER, action),
                kind: word(&KINDS, kind),
                what,
                count,
                first,
            })
        });
        let mut page = Page { rows: rows.collect(), further: self.further, ..Page::default() };
        let (held, free): (Vec<_>, Vec<_>) = self.groups.into_iter().partition(|line| line.held > 0);
        choose(held, &mut page.groups, &mut page.further_held);
        choose(free, &mut page.groups, &mut page.further);
        page
    }
}

/// Gives a line to those that lose the most, or else gain the most, and counts the rest.
fn choose(mut groups: Vec<MembersLine>, shown: &mut Vec<MembersLine>, further: &mut Further) {
    groups.sort_by(|a, b| (b.lost, b.gained, &a.group).cmp(&(a.lost, a.gained, &b.group)));
    groups.iter().skip(MOST_GROUPS).for_each(|line| further.take(line));
    groups.truncate(MOST_GROUPS);
    shown.extend(groups);
}

/// The name, with the one before where that is what changes.
fn shown_name(line: &RowLine) -> String {
    let before = line.fields.iter().find(|field| line.action == "rename" && field.path == "name");
    let before = before.and_then(|field| field.before.as_str());
    before.map_or_else(|| line.name.clone(), |before| format!("{before} -> {}", line.name))
}

/// What is shown of a plan.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// Its lines, being few.
    Lines(Vec<Line>),
    /// A page.
    Page(Box<Page>),
}

/// Takes lines and keeps them as long as they are few, and what they amount to.
#[derive(Debug, Default)]
pub struct Sheet {
    few: Vec<Line>,
    many: bool,
    gathering: Gathering,
}

impl Sheet {
    /// Takes a line; of each group at most one.
    pub fn line(&mut self, line: Line) {
        self.many |= self.few.len() >= FEW_LINES;
        if !self.many {
            self.few.push(line.clone());
        }
        match line {
            Line::Row(row) => self.gathering.row(row),
            Line::Members(members) => self.gathering.members(members),
        }
    }

    /// What is shown, with `further` memberships that came without a line.
    #[must_use]
    pub fn end(mut self, further: &MembersLine) -> Shown {
        self.gathering.further(further);
        if self.many { Shown::Page(Box::new(self.gathering.page())) } else { Shown::Lines(self.few) }
    }
}

/// Turns changes into what is shown of them.
pub struct Paging {
    lines: Lines,
    sheet: Sheet,
}

impl Paging {
    /// Nothing yet.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { lines: Lines::brief(store), sheet: Sheet::default() }
    }

    /// Counts `change`. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn change(&mut self, change: &Change, held: bool) -> Result<(), SyncError> {
        if let Some(line) = self.lines.line(change, held)? {
            self.sheet.line(line);
        }
        Ok(())
    }

    /// What is shown.
    #[must_use]
    pub fn end(self) -> Shown {
        let Self { lines, mut sheet } = self;
        let (groups, further) = lines.gathered();
        groups.for_each(|line| sheet.line(Line::Members(line)));
        sheet.end(&further)
    }
}

#[cfg(test)]
mod tests;
