//! A loopback address of one's own, for servers whose ports are fixed: Samba's are.

use std::fs::{self, File, Permissions};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;

/// An address nobody else of this machine's test beds uses.
pub(crate) struct Address {
    pub(crate) ip: Ipv4Addr,
    /// Held as long as the address is ours; the kernel lets go of it even when we are killed.
    _lock: File,
}

impl Address {
    /// Takes a free address on which a directory's ports can be had.
    pub(crate) fn take() -> Self {
        let locks = std::env::temp_dir().join("bailey-test-addresses");
        if fs::create_dir(&locks).is_ok() {
            fs::set_permissions(&locks, Permissions::from_mode(0o1777)).unwrap();
        }
        for last in 1..=254 {
            let ip = Ipv4Addr::new(127, 77, 0, last);
            let lock = File::options().create(true).append(true).open(locks.join(ip.to_string())).unwrap();
            if lock.try_lock().is_ok() && is_free(ip) {
                return Self { ip, _lock: lock };
            }
        }
        panic!("all of 127.77.0.1 to 127.77.0.254 are in use");
    }
}

/// Servers of a test that was killed may still be ending.
fn is_free(ip: Ipv4Addr) -> bool {
    match TcpListener::bind((ip, 636)) {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            panic!("Samba's LDAP ports are 389 and 636, whatever its configuration: run these tests as root")
        }
        Err(_) => false,
    }
}
