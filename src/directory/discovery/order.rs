//! In which order servers of one answer are tried (RFC 2782). Pure: randomness is an argument.

use rand::RngExt;
use rand::seq::SliceRandom;

/// An SRV record (RFC 2782), its target in lower case and without the dot at its end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Record {
    /// Lower ones are tried first.
    pub(super) priority: u16,
    /// Share among those of the same priority.
    pub(super) weight: u16,
    /// The server's name; empty where DNS says that there is decidedly none.
    pub(super) target: String,
    /// Where it speaks LDAP.
    pub(super) port: u16,
}

/// `records` in the order RFC 2782 asks for: by priority, and among equals drawn by weight. The order they came in
/// does not count, so that the same draw from the same records is the same order.
pub(super) fn ordered(mut records: Vec<Record>, rng: &mut impl RngExt) -> Vec<Record> {
    records.sort();
    records.dedup();
    // "in any order, except that all those with weight 0 are placed at the beginning": with a draw of 0 to the sum,
    // both ends included, they have their very small chance.
    records.shuffle(rng);
    records.sort_by_key(|record| (record.priority, record.weight > 0));
    let mut order = Vec::with_capacity(records.len());
    for equals in records.chunk_by(|one, other| one.priority == other.priority) {
        let mut left: Vec<&Record> = equals.iter().collect();
        while !left.is_empty() {
            order.push(left.remove(drawn(&left, rng)).clone());
        }
    }
    order
}

/// Place of the record whose running sum of weights is the first to reach a number drawn from 0 to their sum.
fn drawn(left: &[&Record], rng: &mut impl RngExt) -> usize {
    let sum: u64 = left.iter().map(|record| u64::from(record.weight)).sum();
    let number = rng.random_range(0..=sum);
    let mut running = 0;
    let reaches = |record: &&Record| {
        running += u64::from(record.weight);
        running >= number
    };
    left.iter().position(reaches).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn record(priority: u16, weight: u16, target: &str) -> Record {
        Record { priority, weight, target: target.to_owned(), port: 389 }
    }

    /// How often each target is first in so many draws.
    fn first(records: &[Record], target: &str, draws: u32) -> u32 {
        let mut rng = StdRng::from_seed([3; 32]);
        let hits = (0..draws).filter(|_| ordered(records.to_vec(), &mut rng)[0].target == target);
        u32::try_from(hits.count()).unwrap()
    }

    #[test]
    fn weights_are_shares() {
        let records = [record(0, 100, "a"), record(0, 300, "b")];
        let hits = first(&records, "b", 10_000);
        assert!((7_300..=7_700).contains(&hits), "three quarters of the draws, not {hits}");
    }

    #[test]
    fn without_weights_everybody_is_first_as_often() {
        let records = [record(0, 0, "a"), record(0, 0, "b"), record(0, 0, "c")];
        let hits = first(&records, "c", 9_000);
        assert!((2_800..=3_200).contains(&hits), "a third of the draws, not {hits}");
    }

    #[test]
    fn a_weight_of_nothing_beside_others_has_a_very_small_chance() {
        let records = [record(0, 0, "a"), record(0, 100, "b")];
        let hits = first(&records, "a", 10_000);
        assert!((50..=150).contains(&hits), "about one in 101, not {hits}");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_priorities_ascend_and_the_order_of_the_answer_does_not_count(
            drawn in prop::collection::vec((0_u16..4, prop_oneof![Just(0), any::<u16>()], "[a-f]"), 0..20),
            seed in any::<[u8; 32]>(),
        ) {
            let mut records: Vec<Record> = drawn.iter().map(|(p, w, target)| record(*p, *w, target)).collect();
            let order = ordered(records.clone(), &mut StdRng::from_seed(seed));
            prop_assert!(order.is_sorted_by_key(|record| record.priority));
            records.reverse();
            prop_assert_eq!(&order, &ordered(records.clone(), &mut StdRng::from_seed(seed)));
            records.sort();
            records.dedup();
            let mut same = order;
            same.sort();
            prop_assert_eq!(same, records);
        }
    }
}
