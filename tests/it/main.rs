//! Integration tests: one binary, through real sockets and real files.
#![expect(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected has to fail"
)]

mod audit_chain;
mod authz_matrix;
mod client;
mod fixture;
mod golden;
mod health;
mod lifecycle;
mod local_socket;
mod tiny_store;
