//! Tests through real programs: servers, the shell, systemd. One binary, so that it links once.
//!
//! A program that is missing is a failure with its remedy, never a skip.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its own functions included")]

mod demo;
mod run;
mod systemd;
