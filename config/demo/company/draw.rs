//! What looks random: a hash of the seed, of what is being drawn, and of whom it is drawn for.
//!
//! There is no generator to carry along, so adding a draw shifts no other one, and one more
//! person changes nobody who was there before.

/// The seed of a company.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seed(pub(crate) u64);

impl Seed {
    /// The draws for one subject: its kind, such as `person`, and its number.
    pub(crate) fn of(self, kind: &str, number: u64) -> Draw {
        let kind = kind.bytes().fold(self.0, |state, byte| mixed(state ^ u64::from(byte)));
        Draw(mixed(kind ^ mixed(number)))
    }
}

/// The draws for one subject.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draw(u64);

impl Draw {
    /// A number below `limit`, always the same for the same `what`.
    pub(crate) fn below(self, what: &str, limit: usize) -> usize {
        let hash = what.bytes().fold(self.0, |state, byte| mixed(state ^ u64::from(byte)));
        (hash % limit as u64) as usize
    }

    /// One of `list`, all equally likely.
    pub(crate) fn one<'a, T>(self, what: &str, list: &'a [T]) -> &'a T {
        &list[self.below(what, list.len())]
    }

    /// True in `percent` of a hundred cases.
    pub(crate) fn chance(self, what: &str, percent: usize) -> bool {
        self.below(what, 100) < percent
    }

    /// `count` numbers below `limit`, for draws with many results. May repeat a number.
    pub(crate) fn many(self, count: usize, limit: usize) -> impl Iterator<Item = usize> {
        (1..=count as u64).map(move |step| (mixed(self.0.wrapping_add(step)) % limit as u64) as usize)
    }
}

/// The finaliser of SplitMix64: every bit of the input moves every bit of the result.
fn mixed(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}
