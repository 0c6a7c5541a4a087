//! Counts by which fields change, of which only so many are kept: the rarest are counted together.

use std::collections::{BTreeMap, BTreeSet};

use super::{First, What};

/// Sets of fields kept while a plan goes by.
const MOST_WAYS: usize = 200;

/// Fields named of what is counted together.
const FIELDS_NAMED: usize = 50;

/// Counts by set of fields.
#[derive(Debug, Default)]
pub(super) struct Ways {
    by_fields: BTreeMap<Vec<String>, (u64, First)>,
    /// What has no line of its own.
    others: Option<Others>,
}

#[derive(Debug, Default)]
struct Others {
    fields: BTreeSet<String>,
    count: u64,
    first: First,
}

impl Ways {
    /// Counts `name`, of which `fields` change.
    pub(super) fn add(&mut self, fields: Vec<String>, name: String) {
        // A set without a line may have had one before: what is said of a line is said of all with these fields.
        if let Some(others) = &mut self.others
            && !self.by_fields.contains_key(&fields)
        {
            return others.take(fields, 1, First { names: vec![name] });
        }
        let (count, first) = self.by_fields.entry(fields).or_default();
        *count += 1;
        first.push(name);
        if self.by_fields.len() > MOST_WAYS {
            while self.by_fields.len() > MOST_WAYS * 3 / 4 && self.lift(u64::MAX) {}
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_fields.len() + usize::from(self.others.is_some())
    }

    /// How many are counted.
    pub(super) fn total(&self) -> u64 {
        let others = self.others.as_ref().map_or(0, |others| others.count);
        others + self.by_fields.values().map(|(count, _)| count).sum::<u64>()
    }

    /// Counts the rarest set among the others. False when only one is left, or it counts `most` or more. Sets that
    /// bear on who may act go last, however rare.
    pub(super) fn lift(&mut self, most: u64) -> bool {
        if self.len() < 2 {
            return false;
        }
        let rarest = self.by_fields.iter().min_by_key(|(fields, (count, _))| (bears_on_rights(fields), *count));
        let rarest = rarest.filter(|(_, (count, _))| *count < most).map(|(fields, _)| fields.clone());
        let Some((fields, (count, first))) = rarest.and_then(|fields| self.by_fields.remove_entry(&fields)) else {
            return false;
        };
        self.others.get_or_insert_default().take(fields, count, first);
        true
    }

    /// Counts what is rarer than `most` among the others, as long as that leaves `lines` besides.
    pub(super) fn tidy(&mut self, most: u64, lines: usize) {
        let rights = |(fields, _): (&Vec<String>, _)| bears_on_rights(fields);
        let spared = self.by_fields.iter().filter(|way| rights(*way)).count();
        while self.len() > lines.max(spared + 1) && self.lift(most) {}
    }

    /// The gatherings, the largest first and what is counted together last.
    pub(super) fn end(self) -> Vec<(What, u64, Vec<String>)> {
        let mut ended: Vec<_> = self
            .by_fields
            .into_iter()
            .map(|(fields, (count, first))| (What::Changing { fields }, count, first.names))
            .collect();
        ended.sort_by_key(|(_, count, _)| std::cmp::Reverse(*count));
        ended.extend(self.others.map(|Others { fields, count, first }| {
            (What::ChangingOtherwise { fields: fields.into_iter().collect() }, count, first.names)
        }));
        ended
    }
}

impl Others {
    fn take(&mut self, fields: Vec<String>, count: u64, first: First) {
        let room = FIELDS_NAMED.saturating_sub(self.fields.len());
        self.fields.extend(fields.into_iter().take(room));
        self.count += count;
        self.first.take(first);
    }
}

/// True when who may act, or what they may, depends on one of `fields`.
fn bears_on_rights(fields: &[String]) -> bool {
    fields.iter().any(|path| path.starts_with("standing.") || path == "primary_group")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rarest_are_counted_together_and_the_frequent_keep_their_count() {
        let mut ways = Ways::default();
        for n in 0..1_000 {
            ways.add(vec!["mail".to_owned()], format!("p{n}"));
            ways.add(vec!["mail".to_owned(), format!("tags.t{n}")], format!("q{n}"));
            assert!(ways.len() <= MOST_WAYS + 1);
        }
        while ways.len() > 2 && ways.lift(u64::MAX) {}
        let ended = ways.end();
        let counts: Vec<u64> = ended.iter().map(|(_, count, _)| *count).collect();
        assert_eq!(counts, [1_000, 1_000]);
        assert_eq!(ended[0].0, What::Changing { fields: vec!["mail".to_owned()] });
        assert_eq!(ended[0].2, ["p0", "p1", "p10"]);
    }
}
