//! Integration tests, one binary: the crate from outside, with real files and real servers.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod store_conformance;
mod store_crash;
mod store_full;
mod store_history;
mod store_open;
mod store_text;
