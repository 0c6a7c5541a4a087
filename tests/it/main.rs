//! Tests against real servers and hostile ones.

#![expect(unreachable_pub, reason = "a test binary has no outside")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed; clippy.toml only exempts functions marked as tests"
)]

mod bed;
mod directory_hostile;
mod directory_slapd;
