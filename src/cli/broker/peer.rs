//! Whose connection over loopback it is, as the kernel says.
//!
//! TCP has no `SO_PEERCRED`; the kernel's table of sockets (proc(5), `/proc/net/tcp`) has the owner of each, the other end of a
//! connection of this machine among them. A connection is named by both its ends, which no two have at a time.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A program may speak IPv4 through a socket for IPv6 (ipv6(7)): such are in the second table.
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];

/// `TCP_ESTABLISHED`. In any later state the socket may have no owner any more, and the table says root.
const ESTABLISHED: &str = "01";

/// Readings of the tables: one that changes under the reader may leave a line out.
const READINGS: u32 = 3;

/// The user whose socket is connected from `peer` to `ours`; `None` where there is none. Blocks.
///
/// # Errors
/// When the kernel's tables cannot be read.
pub fn owner(peer: SocketAddr, ours: SocketAddr) -> io::Result<Option<u32>> {
    for _ in 0..READINGS {
        for table in TABLES {
            let file = match File::open(table) {
                // A kernel without IPv6.
                Err(why) if why.kind() == io::ErrorKind::NotFound && table != TABLES[0] => continue,
                file => file?,
            };
            for line in BufReader::new(file).lines() {
                if let Some(uid) = owner_in(&line?, peer, ours) {
                    return Ok(Some(uid));
                }
            }
        }
    }
    Ok(None)
}

/// The owner on a line of the table, if it is of that connection.
fn owner_in(line: &str, peer: SocketAddr, ours: SocketAddr) -> Option<u32> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (local, remote, state) = (fields.next()?, fields.next()?, fields.next()?);
    // Queues, timers, retransmissions, then the owner.
    let uid = fields.nth(3)?.parse().ok()?;
    let same = |text: &str, end: SocketAddr| {
        address(text).is_some_and(|(ip, port)| ip.to_canonical() == end.ip().to_canonical() && port == end.port())
    };
    (state == ESTABLISHED && same(local, peer) && same(remote, ours)).then_some(uid)
}

/// `0100007F:26B7`: words of 32 bits as this machine has them, and a port.
fn address(text: &str) -> Option<(IpAddr, u16)> {
    let (words, port) = text.split_once(':')?;
    let mut bytes = Vec::new();
    for at in (0..words.len()).step_by(8) {
        let word = u32::from_str_radix(words.get(at..at + 8)?, 16).ok()?;
        bytes.extend_from_slice(&word.to_ne_bytes());
    }
    let ip = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => IpAddr::V4(Ipv4Addr::from(four)),
        Err(_) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?)),
    };
    Some((ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn a_line_is_of_a_connection_by_both_its_ends() {
        let line = |state: &str| {
            format!(
                "  12: 0100007F:D431 0100007F:26B7 {state} 00000000:00000000 00:00000000 00000000  1000        0 99 1 0 20 4 30 10 -1"
            )
        };
        let (peer, ours) = ("127.0.0.1:54321".parse().unwrap(), "127.0.0.1:9911".parse().unwrap());
        assert_eq!(owner_in(&line("01"), peer, ours), Some(1_000));
        for state in ["06", "04", "08"] {
            assert_eq!(owner_in(&line(state), peer, ours), None, "{state}");
        }
        assert_eq!(owner_in(&line("01"), ours, peer), None, "our own end");
        assert_eq!(owner_in(&line("01"), "127.0.0.1:54322".parse().unwrap(), ours), None);
        assert_eq!(owner_in(&line("01"), "127.0.0.2:54321".parse().unwrap(), ours), None);
        let mapped = line("01").replace("0100007F", "0000000000000000FFFF00000100007F");
        assert_eq!(owner_in(&mapped, peer, ours), Some(1_000), "IPv4 through a socket for IPv6");
        assert_eq!(owner_in("  sl  local_address rem_address   st", peer, ours), None);
    }

    #[test]
    fn the_kernel_says_that_our_own_connection_is_ours() {
        for ours in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(ours).unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (accepted, peer) = listener.accept().unwrap();
            let ours = accepted.local_addr().unwrap();
            assert_eq!(owner(peer, ours).unwrap(), Some(nix::unistd::geteuid().as_raw()));
            drop(client);
            assert_eq!(owner(peer, ours).unwrap(), None, "it is closed");
        }
    }
}
