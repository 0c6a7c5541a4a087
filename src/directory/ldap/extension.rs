//! The controls of Active Directory (MS-ADTS 3.1.1.3.4.1), as far as they are used here.

use ldap3::controls::RawControl;

use super::ber::{self, Elements, INTEGER, OCTETS, SEQUENCE};

pub(super) const DIRSYNC: &str = "1.2.840.113556.1.4.841";
pub(super) const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";
pub(super) const NOTIFICATION: &str = "1.2.840.113556.1.4.528";
const DOMAIN_SCOPE: &str = "1.2.840.113556.1.4.1339";

/// Bytes of an answer the server is asked to stay below; it has limits of its own.
const MOST_BYTES: i32 = 8 << 20;

/// How a DirSync request is judged (`LDAP_DIRSYNC_OBJECT_SECURITY`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::directory) enum Sight {
    /// Everything: the account holds the right DS-Replication-Get-Changes.
    Everything,
    /// What the account may read.
    Readable,
}

/// How a DirSync request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::directory) struct DirSyncDone {
    /// More is to come at once.
    pub(in crate::directory) more: bool,
    /// Where it goes on.
    pub(in crate::directory) cookie: Vec<u8>,
}

/// Asks for what changed since `cookie`; an empty one asks for everything.
///
/// Values of linked attributes come one by one (`LDAP_DIRSYNC_INCREMENTAL_VALUES`): a group of 100,000 that gained a
/// member is then an answer of one value.
pub(in crate::directory) fn dirsync_request(sight: Sight, cookie: &[u8]) -> RawControl {
    const OBJECT_SECURITY: i32 = 1;
    const INCREMENTAL_VALUES: i32 = i32::MIN;
    let flags = INCREMENTAL_VALUES | if sight == Sight::Readable { OBJECT_SECURITY } else { 0 };
    let (mut parts, mut value) = (Vec::new(), Vec::new());
    ber::push(&mut parts, INTEGER, &flags.to_be_bytes());
    ber::push(&mut parts, INTEGER, &MOST_BYTES.to_be_bytes());
    ber::push(&mut parts, OCTETS, cookie);
    ber::push(&mut value, SEQUENCE, &parts);
    RawControl { ctype: DIRSYNC.to_owned(), crit: true, val: Some(value) }
}

/// What a DirSync answer says; `None` when malformed.
pub(super) fn dirsync_done(value: &[u8]) -> Option<DirSyncDone> {
    let mut outer = Elements(value);
    let mut parts = Elements(outer.next_if(SEQUENCE)?.content);
    let more = parts.next_if(INTEGER)?.content.iter().any(|byte| *byte != 0);
    parts.next_if(INTEGER)?;
    let cookie = parts.next_if(OCTETS)?.content.to_vec();
    (parts.is_empty() && outer.is_empty()).then_some(DirSyncDone { more, cookie })
}

/// Shows tombstones, to those who may see them.
pub(in crate::directory) fn show_deleted() -> RawControl {
    RawControl { ctype: SHOW_DELETED.to_owned(), crit: true, val: None }
}

/// Makes a search wait and answer with each object that changes.
pub(in crate::directory) fn notification() -> RawControl {
    RawControl { ctype: NOTIFICATION.to_owned(), crit: true, val: None }
}

/// Asks for no pointers to the other partitions of the forest: a search from the root of a domain would bring three,
/// and each would look like a part that was not read. Servers that do not know it pass it over (RFC 4511 4.1.11).
pub(super) fn domain_scope() -> RawControl {
    RawControl { ctype: DOMAIN_SCOPE.to_owned(), crit: false, val: None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As seen on the wire: flags of -2^31, a limit, a cookie.
    #[test]
    fn a_request_is_what_servers_take() {
        let value = dirsync_request(Sight::Everything, b"MSDS").val.unwrap();
        let expected = [&[0x30, 18, 2, 4, 0x80, 0, 0, 0, 2, 4, 0, 0x80, 0, 0, 4, 4][..], b"MSDS"].concat();
        assert_eq!(value, expected);
        assert_eq!(dirsync_request(Sight::Readable, b"").val.unwrap()[4..8], [0x80, 0, 0, 1]);
    }

    #[test]
    fn an_answer_says_whether_more_follows() {
        let answer = |more: u8| [&[0x30, 10, 2, 1, more, 2, 1, 0, 4, 2][..], b"ck"].concat();
        for (byte, more) in [(0, false), (1, true)] {
            assert_eq!(dirsync_done(&answer(byte)), Some(DirSyncDone { more, cookie: b"ck".to_vec() }));
        }
        assert_eq!(dirsync_done(&answer(0)[..8]), None);
    }

    proptest! {
        #[test]
        fn no_value_breaks_the_decoder(value in proptest::collection::vec(any::<u8>(), 0..64)) {
            dirsync_done(&value);
        }
    }
}
