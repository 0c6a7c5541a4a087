//! The program: everything is in the library, so that tests reach it.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use zeroizing_alloc::ZeroAlloc;

/// A first load and a reconcile spend a third of their time in the C library's allocator: sled copies a page a
/// write, LDAP is many small values. Figures in benches/README.md.
///
/// What is given back is wiped first. A password passes through buffers of TLS, HTTP, forms and LDAP before it is a
/// [`Secret`](bailey::base::Secret), and none of those wipes anything; so whoever gets hold of the memory later, by a core
/// dump or a bug, would read it there (`manual::defaults`).
#[global_allocator]
static ALLOCATOR: ZeroAlloc<MiMalloc> = ZeroAlloc(MiMalloc);

fn main() -> ExitCode {
    bailey::cli::main()
}
