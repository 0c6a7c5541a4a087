//! What was said since the last hand-over, the last word about each object only.

use std::collections::HashMap;

use super::super::Arrival;
use crate::base::Guid;

/// The last that was said about an object.
pub(super) enum Fact {
    There(Arrival),
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
    pub(super) received: Option<std::time::Instant>,
}

impl Batch {
    pub(super) fn add(&mut self, id: Guid, fact: Fact, received: std::time::Instant) {
        self.received.get_or_insert(received);
        if self.facts.insert(id, fact).is_none() {
            self.order.push(id);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.facts.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// What is there, what is out of scope, what was reported gone.
    pub(super) fn into_parts(mut self) -> (Vec<Arrival>, Vec<Guid>, Vec<Guid>) {
        let (mut there, mut outside, mut reported) = (Vec::new(), Vec::new(), Vec::new());
        for id in self.order {
            match self.facts.remove(&id) {
                Some(Fact::There(arrival)) => there.push(arrival),
                Some(Fact::Outside) => outside.push(id),
                Some(Fact::ReportedGone) => reported.push(id),
                None => {}
            }
        }
        (there, outside, reported)
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
        let (there, outside, reported) = batch.into_parts();
        assert_eq!((there.len(), outside, reported), (0, vec![a], vec![b]));
    }
}
