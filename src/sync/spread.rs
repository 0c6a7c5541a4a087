//! Finding a digest among sorted digests.
//!
//! Digests are spread evenly, so where one stands can be guessed from itself. What a binary search of a long list costs
//! is mostly waiting for memory, seventeen times for 100,000. A first guess is off by a few hundred places; what
//! stands there says by how many, and a second guess is off by a dozen, which lie beside each other.

/// The first of `count` sorted items that is not `below` the wanted one. `leading` are bits of the wanted one that are
/// spread evenly, and by which, before all others, the items are sorted; `leading_at` those of an item.
pub(super) fn position(
    count: usize,
    leading: u64,
    leading_at: impl Fn(usize) -> u64,
    below: impl Fn(usize) -> bool,
) -> usize {
    let guess = share(leading, count);
    let guess = match leading_at(guess.min(count.saturating_sub(1))) {
        there if there < leading => guess.saturating_add(share(leading - there, count)).min(count),
        there => guess.saturating_sub(share(there - leading, count)),
    };
    let (mut from, mut to, mut step) = (guess, guess, FIRST_STEP);
    while from > 0 && !below(from - 1) {
        to = from - 1;
        from = from.saturating_sub(step);
        step *= 2;
    }
    step = FIRST_STEP;
    while to < count && below(to) {
        from = to + 1;
        to = to.saturating_add(step).min(count);
        step *= 2;
    }
    while from < to {
        let middle = usize::midpoint(from, to);
        if below(middle) { from = middle + 1 } else { to = middle }
    }
    from
}

/// How many of `count` items the part `leading` of all there is holds.
fn share(leading: u64, count: usize) -> usize {
    usize::try_from((u128::from(leading) * count as u128) >> 64).unwrap_or(count).min(count)
}

/// How far from the guess is looked first.
const FIRST_STEP: usize = 16;

/// The bits of `digest` behind its first `prefix` bytes.
pub(super) fn leading(digest: &[u8; 16], prefix: usize) -> u64 {
    digest.get(prefix..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_where_a_binary_search_finds_it(
            mut items in proptest::collection::vec(prop_oneof![any::<u64>(), 0..9_u64, Just(u64::MAX)], 0..300),
            others in proptest::collection::vec(any::<u64>(), 0..30),
        ) {
            items.sort_unstable();
            for wanted in items.iter().chain(&others).chain([&0, &1, &u64::MAX]) {
                let expected = items.partition_point(|item| item < wanted);
                prop_assert_eq!(position(items.len(), *wanted, |at| items.get(at).copied().unwrap_or(0), |at| items[at] < *wanted), expected);
            }
        }
    }

    #[test]
    fn the_bits_begin_behind_the_prefix() {
        let digest = std::array::from_fn(|n| u8::try_from(n).unwrap());
        assert_eq!(leading(&digest, 4), 0x0405_0607_0809_0a0b);
        assert_eq!(leading(&digest, 12), 0);
    }
}
