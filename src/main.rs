//! The program: everything is in the library, so that tests reach it.

use std::process::ExitCode;

/// A first load and a reconcile spend a third of their time in the C library's allocator: sled copies a page a
/// write, LDAP is many small values. Figures in benches/README.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    bailey::cli::main()
}
