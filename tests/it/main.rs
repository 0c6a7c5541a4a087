//! Tests through real programs: servers, the shell, systemd. One binary, so that it links once.
//!
//! A program that is missing is a failure with its remedy, never a skip.

mod demo;
mod run;
mod systemd;
