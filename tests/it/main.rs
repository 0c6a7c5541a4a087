//! Integration tests, one binary: the crate from outside, with real files and real servers.

mod store_conformance;
mod store_crash;
mod store_full;
mod store_history;
mod store_open;
mod store_text;
