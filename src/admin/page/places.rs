//! Counts by container, of which only so many are kept: the smallest move up to where their neighbours are.
//!
//! What is said of a container stays true however much moved: it has either everything that is directly in it, or
//! everything in and below it that has no line of its own.

use std::collections::BTreeMap;

use super::{First, What};
use crate::directory::dn::normal_form;

/// Containers kept while a plan goes by. Lowering to this costs time, so a quarter goes at once.
const MOST_PLACES: usize = 1_000;

/// A container by the normal forms of its RDNs, the root first: what shares the most stands side by side.
type Path = Vec<String>;

/// Counts by container.
#[derive(Debug, Default)]
pub(super) struct Places(BTreeMap<Path, Place>);

#[derive(Debug, Default)]
struct Place {
    /// As the directory spells it.
    dn: String,
    count: u64,
    first: First,
    /// Things of containers below were moved here.
    below: bool,
}

impl Places {
    /// Counts `name` in the container of `dn`.
    pub(super) fn add(&mut self, dn: &str, name: String) {
        let (path, container) = container(dn);
        let path = self.taken_over(&path).unwrap_or(path);
        let place = self.0.entry(path).or_insert_with(|| Place { dn: container, ..Place::default() });
        place.count += 1;
        place.first.push(name);
        if self.0.len() > MOST_PLACES {
            while self.0.len() > MOST_PLACES * 3 / 4 && self.lift(u64::MAX) {}
        }
    }

    /// The place above that took over what `path` had, if it has no line of its own: it may have had one before.
    fn taken_over(&self, path: &[String]) -> Option<Path> {
        if self.0.contains_key(path) {
            return None;
        }
        let above = (0..path.len()).rev().filter_map(|depth| path.get(..depth));
        above.filter(|above| self.0.get(*above).is_some_and(|place| place.below)).map(<[String]>::to_vec).next()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// How many are counted.
    pub(super) fn total(&self) -> u64 {
        self.0.values().map(|place| place.count).sum()
    }

    /// Moves the smallest place that has none below it to the deepest container it shares with another one. False
    /// when only one is left, or it counts `most` or more.
    pub(super) fn lift(&mut self, most: u64) -> bool {
        let Some((from, to)) = self.smallest().filter(|(from, _)| self.counts_less(from, most)) else { return false };
        let Some(moved) = self.0.remove(&from) else { return false };
        let dn = last_rdns(&moved.dn, to.len());
        let place = self.0.entry(to).or_insert_with(|| Place { dn, ..Place::default() });
        place.count += moved.count;
        place.below = true;
        place.first.take(moved.first);
        true
    }

    /// Moves what counts less than `most`, as long as that leaves `lines` or goes to where others went before it.
    pub(super) fn tidy(&mut self, most: u64, lines: usize) {
        while self.len() > lines || self.smallest().is_some_and(|(_, to)| self.0.contains_key(&to)) {
            if !self.lift(most) {
                return;
            }
        }
    }

    fn counts_less(&self, path: &Path, most: u64) -> bool {
        self.0.get(path).is_some_and(|place| place.count < most)
    }

    /// The smallest place without another below it, and where it goes. It goes further up than it is: of its
    /// neighbours in the order of paths, the next is not below it, and the one before cannot be.
    fn smallest(&self) -> Option<(Path, Path)> {
        let places: Vec<(&Path, u64)> = self.0.iter().map(|(path, place)| (path, place.count)).collect();
        let neighbours = |at: usize| [at.checked_sub(1).and_then(|at| places.get(at)), places.get(at + 1)];
        let shared =
            |at: usize, path: &Path| neighbours(at).into_iter().flatten().map(|(by, _)| common(by, path)).max();
        let leaves = places.iter().enumerate().filter(|(at, (path, _))| shared(*at, path) < Some(path.len()));
        let (at, (path, _)) = leaves.min_by_key(|(_, (path, count))| (*count, std::cmp::Reverse(path.len())))?;
        let to = path.get(..shared(at, path)?)?;
        Some(((*path).clone(), to.to_vec()))
    }

    /// The gatherings, the largest first.
    pub(super) fn end(self) -> Vec<(What, u64, Vec<String>)> {
        let paths: Vec<Path> = self.0.keys().cloned().collect();
        let others_below = |path: &Path| paths.iter().any(|other| other.len() > path.len() && other.starts_with(path));
        let mut ended: Vec<_> = self
            .0
            .into_iter()
            .map(|(path, place)| {
                let what = match place.below {
                    false => What::In { container: place.dn },
                    true => What::Below { container: place.dn, elsewhere: others_below(&path) },
                };
                (what, place.count, place.first.names)
            })
            .collect();
        ended.sort_by_key(|(_, count, _)| std::cmp::Reverse(*count));
        ended
    }
}

fn common(a: &[String], b: &[String]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Path and spelling of the container of `dn`; the empty path where there is none.
fn container(dn: &str) -> (Path, String) {
    let Ok(normal) = normal_form(dn) else { return (Path::new(), String::new()) };
    // A comma in a normal form always ends an RDN.
    let mut path: Path = normal.split(',').skip(1).map(str::to_owned).collect();
    path.reverse();
    let spelt = last_rdns(dn, path.len());
    (path, spelt)
}

/// The last `count` RDNs of `dn`, as they are spelt there.
fn last_rdns(dn: &str, count: usize) -> String {
    let (mut starts, mut escaped, mut quoted) = (vec![0], false, false);
    for (at, c) in dn.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ',' | ';' if !quoted => starts.push(at + 1),
            _ => {}
        }
    }
    let start = starts.len().checked_sub(count).and_then(|skipped| starts.get(skipped));
    start.and_then(|start| dn.get(*start..)).unwrap_or_default().trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(dns: &[(&str, usize)], lines: usize) -> Vec<String> {
        let mut places = Places::default();
        for (container, count) in dns {
            (0..*count).for_each(|n| places.add(&format!("CN=p{n},{container}"), format!("p{n}")));
        }
        while places.len() > lines && places.lift(u64::MAX) {}
        places.end().into_iter().map(|(what, count, _)| format!("{count} {what:?}")).collect()
    }

    #[test]
    fn the_largest_keep_a_line_and_the_rest_is_counted_where_they_meet() {
        let dns = [
            ("OU=Sales,OU=Europe,DC=corp", 8),
            ("OU=Ops,OU=Europe,DC=corp", 2),
            ("ou=ops, ou=europe, dc=corp", 1),
            ("OU=Law,OU=Europe,DC=corp", 1),
            ("OU=Asia,DC=corp", 4),
        ];
        assert_eq!(
            gathered(&dns, 3),
            [
                r#"8 In { container: "OU=Sales,OU=Europe,DC=corp" }"#,
                r#"4 In { container: "OU=Asia,DC=corp" }"#,
                r#"4 Below { container: "OU=Europe,DC=corp", elsewhere: true }"#,
            ]
        );
        assert_eq!(gathered(&dns, 1), [r#"16 Below { container: "DC=corp", elsewhere: false }"#]);
    }

    #[test]
    fn small_places_go_where_others_went_and_stay_where_that_says_less() {
        let tidied = |containers: &[(String, u64)]| {
            let mut places = Places::default();
            for (container, count) in containers {
                (0..*count).for_each(|_| places.add(&format!("CN=p,{container}"), String::new()));
            }
            places.tidy(10, 3);
            places.end().into_iter().map(|(what, count, _)| format!("{count} {what:?}")).collect::<Vec<_>>()
        };
        let mut containers = vec![("OU=Sales,DC=corp".to_owned(), 50), ("OU=Ops,DC=corp".to_owned(), 1)];
        let few = [r#"50 In { container: "OU=Sales,DC=corp" }"#, r#"1 In { container: "OU=Ops,DC=corp" }"#]
            .map(str::to_owned);
        assert_eq!(tidied(&containers), few);
        containers.pop();
        containers.extend((0..30).map(|n| (format!("OU=Shop {n},OU=Retail,DC=corp"), 3)));
        let many = [
            r#"90 Below { container: "OU=Retail,DC=corp", elsewhere: false }"#,
            r#"50 In { container: "OU=Sales,DC=corp" }"#,
        ];
        assert_eq!(tidied(&containers), many);
    }

    #[test]
    fn escaped_commas_end_no_container_and_what_has_none_is_counted_too() {
        assert_eq!(container(r"CN=a\, b,OU=c\, d,DC=e").1, r"OU=c\, d,DC=e");
        assert_eq!(container(r#"CN="a, b",OU=c, DC=e"#).1, "OU=c, DC=e");
        assert_eq!(gathered(&[("no name", 2)], 9), [r#"2 In { container: "" }"#]);
    }

    #[test]
    fn twenty_thousand_containers_keep_a_thousand_places_and_every_count() {
        let mut places = Places::default();
        for n in 0..20_000 {
            places.add(&format!("CN=p,OU=u{},OU=s{},DC=corp", n, n % 90), String::new());
            assert!(places.len() <= MOST_PLACES);
        }
        assert_eq!(places.end().iter().map(|(_, count, _)| count).sum::<u64>(), 20_000);
    }
}
