//! What was said since the last hand-over, the last word about each object only.

use std::collections::HashMap;

use super::super::{Arrival, Dn};
use crate::base::Guid;

/// The last that was said about an object.
pub(super) enum Fact {
    There(Arrival),
    /// New or changed; what the server sent of it is not to be relied on.
    Changed,
    /// The server showed it outside the scope.
    Outside,
    /// Deleted or no longer matching, says the server.
    ReportedGone,
}

/// What was said since the last hand-over; the last word about each object counts.
#[derive(Default)]
pub(super) struct Batch {
    facts: HashMap<Guid, Fact>,
    /// Ids in the order they first came.
    order: Vec<Guid>,
    /// Names that objects bore in between and bear no longer.
    former: Vec<Dn>,
    pub(super) received: Option<std::time::Instant>,
}

/// A batch taken apart.
pub(super) struct Parts {
    pub(super) there: Vec<Arrival>,
    pub(super) outside: Vec<Guid>,
    /// Changed or gone: to be looked up.
    pub(super) unclear: Vec<Guid>,
    /// Names that objects bore in between and bear no longer.
    pub(super) former: Vec<Dn>,
}

impl Batch {
    pub(super) fn add(&mut self, id: Guid, fact: Fact, received: std::time::Instant) {
        self.received.get_or_insert(received);
        let now = name_of(&fact).cloned();
        match self.facts.insert(id, fact) {
            None => self.order.push(id),
            Some(before) => self.former.extend(name_of(&before).filter(|name| now.as_ref() != Some(name)).cloned()),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.facts.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// Takes it apart.
    pub(super) fn into_parts(mut self) -> Parts {
        let (mut there, mut outside, mut unclear) = (Vec::new(), Vec::new(), Vec::new());
        for id in self.order {
            match self.facts.remove(&id) {
                Some(Fact::There(arrival)) => there.push(arrival),
                Some(Fact::Outside) => outside.push(id),
                Some(Fact::Changed | Fact::ReportedGone) => unclear.push(id),
                None => {}
            }
        }
        Parts { there, outside, unclear, former: self.former }
    }
}

fn name_of(fact: &Fact) -> Option<&Dn> {
    match fact {
        Fact::There(Arrival::Entry(entry)) => Some(&entry.dn),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_about_an_object_counts() {
        let (mut batch, now) = (Batch::default(), std::time::Instant::now());
        let [a, b] = [1, 2].map(|byte| Guid::from_bytes([byte; 16]));
        batch.add(a, Fact::ReportedGone, now);
        batch.add(b, Fact::Outside, now);
        batch.add(a, Fact::Outside, now);
        batch.add(b, Fact::ReportedGone, now);
        let Parts { there, outside, unclear, former } = batch.into_parts();
        assert_eq!((there.len(), outside, unclear, former), (0, vec![a], vec![b], vec![]));
    }
}
