//! The values of RFC 4533 (content synchronization) and RFC 2696 (paging), read and written.

use ldap3::controls::RawControl;

use super::ber::{self, BOOLEAN, ENUMERATED, Element, Elements, INTEGER, OCTETS, SEQUENCE, SET};
use crate::base::Guid;

pub(super) const SYNC_REQUEST: &str = "1.3.6.1.4.1.4203.1.9.1.1";
pub(super) const SYNC_STATE: &str = "1.3.6.1.4.1.4203.1.9.1.2";
pub(super) const SYNC_DONE: &str = "1.3.6.1.4.1.4203.1.9.1.3";
pub(super) const SYNC_INFO: &str = "1.3.6.1.4.1.4203.1.9.1.4";
pub(super) const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";

/// What a synchronized entry's control says (RFC 4533 2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::directory) struct SyncState {
    pub(in crate::directory) state: State,
    /// The id the server synchronizes by; entryUUID in OpenLDAP.
    pub(in crate::directory) id: Guid,
    pub(in crate::directory) cookie: Option<Vec<u8>>,
}

/// An entry's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::directory) enum State {
    /// Unchanged; the entry is empty.
    Present,
    /// New or changed; the entry is whole.
    Changed,
    /// Gone or no longer matching; the entry is empty.
    Deleted,
}

/// A sync info message (RFC 4533 2.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::directory) enum SyncInfo {
    /// Nothing but a cookie.
    NewCookie(Vec<u8>),
    /// A phase of the refresh is over, and with `done` the whole refresh.
    RefreshEnd {
        /// Deletions were named (`refreshDelete`) rather than what is left (`refreshPresent`).
        deletes: bool,
        /// The persist stage begins.
        done: bool,
        cookie: Option<Vec<u8>>,
    },
    /// Ids that are gone (`deletes`) or left.
    Ids { deletes: bool, ids: Vec<Guid>, cookie: Option<Vec<u8>> },
}

/// The control at the end of a synchronized search (RFC 4533 2.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::directory) struct SyncDone {
    pub(in crate::directory) cookie: Option<Vec<u8>>,
    pub(in crate::directory) deletes: bool,
}

/// How long a synchronization goes on (RFC 4533 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::directory) enum Mode {
    /// Until everything was said.
    RefreshOnly = 1,
    /// For as long as the connection lives.
    RefreshAndPersist = 3,
}

/// Asks for what changed from `cookie` on; an empty one asks for everything.
pub(in crate::directory) fn sync_request(mode: Mode, cookie: &[u8]) -> RawControl {
    let (mut parts, mut value) = (Vec::new(), Vec::new());
    ber::push(&mut parts, ENUMERATED, &[mode as u8]);
    // It may be left out, and 389-DS takes an empty one for a bad one.
    if !cookie.is_empty() {
        ber::push(&mut parts, OCTETS, cookie);
    }
    ber::push(&mut value, SEQUENCE, &parts);
    RawControl { ctype: SYNC_REQUEST.to_owned(), crit: true, val: Some(value) }
}

/// Asks for the page of `size` entries that `cookie` leads to.
pub(in crate::directory) fn page_request(size: u32, cookie: &[u8]) -> RawControl {
    let (mut parts, mut value) = (Vec::new(), Vec::new());
    let digits = size.min(i32::MAX.unsigned_abs()).to_be_bytes();
    // An integer is signed: a leading zero byte keeps a high bit from meaning minus.
    let zeros = digits.iter().take(3).take_while(|byte| **byte == 0).count();
    let mut number = digits.get(zeros..).unwrap_or_default().to_vec();
    if number.first().is_some_and(|byte| *byte >= 0x80) {
        number.insert(0, 0);
    }
    ber::push(&mut parts, INTEGER, &number);
    ber::push(&mut parts, OCTETS, cookie);
    ber::push(&mut value, SEQUENCE, &parts);
    RawControl { ctype: PAGED_RESULTS.to_owned(), crit: true, val: Some(value) }
}

/// The cookie in a paging answer; empty after the last page. `None` when malformed.
pub(super) fn page_cookie(value: &[u8]) -> Option<Vec<u8>> {
    let mut parts = only_sequence(value)?;
    parts.next_if(INTEGER)?;
    let cookie = parts.next_if(OCTETS)?.content.to_vec();
    parts.is_empty().then_some(cookie)
}

pub(super) fn sync_state(value: &[u8]) -> Option<SyncState> {
    let mut parts = only_sequence(value)?;
    let state = match parts.next_if(ENUMERATED)?.number()? {
        0 => State::Present,
        1 | 2 => State::Changed,
        3 => State::Deleted,
        _ => return None,
    };
    let id = guid(parts.next_if(OCTETS)?.content)?;
    let cookie = parts.next_if(OCTETS).map(|cookie| cookie.content.to_vec());
    parts.is_empty().then_some(SyncState { state, id, cookie })
}

pub(super) fn sync_done(value: &[u8]) -> Option<SyncDone> {
    let mut parts = only_sequence(value)?;
    let cookie = parts.next_if(OCTETS).map(|cookie| cookie.content.to_vec());
    let deletes = flag(&mut parts, false)?;
    parts.is_empty().then_some(SyncDone { cookie, deletes })
}

/// `IntermediateResponse ::= [APPLICATION 25] SEQUENCE { [0] name, [1] value }`. `Ok(None)` for one that is
/// not a sync info message.
pub(super) fn intermediate(operation: Element<'_>) -> Result<Option<SyncInfo>, ()> {
    let mut parts = operation.elements().ok_or(())?;
    let (name, value) = (parts.next_if(0x80), parts.next_if(0x81));
    match (name, value) {
        (Some(name), Some(value)) if name.content == SYNC_INFO.as_bytes() => {
            sync_info(value.content).map(Some).ok_or(())
        }
        _ if parts.is_empty() => Ok(None),
        _ => Err(()),
    }
}

fn sync_info(value: &[u8]) -> Option<SyncInfo> {
    let mut outer = Elements(value);
    let info = outer.next().filter(|_| outer.is_empty())?;
    if info.tag == 0x80 {
        return Some(SyncInfo::NewCookie(info.content.to_vec()));
    }
    let mut parts = info.elements()?;
    let cookie = parts.next_if(OCTETS).map(|cookie| cookie.content.to_vec());
    let read = match info.tag {
        0xa1 | 0xa2 => SyncInfo::RefreshEnd { deletes: info.tag == 0xa1, done: flag(&mut parts, true)?, cookie },
        0xa3 => {
            let deletes = flag(&mut parts, false)?;
            let mut set = Elements(parts.next_if(SET)?.content);
            // An entryUUID takes 18 bytes.
            let mut ids = Vec::with_capacity(set.0.len() / 18);
            while !set.is_empty() {
                ids.push(guid(set.next_if(OCTETS)?.content)?);
            }
            SyncInfo::Ids { deletes, ids, cookie }
        }
        _ => return None,
    };
    parts.is_empty().then_some(read)
}

fn flag(parts: &mut Elements<'_>, default: bool) -> Option<bool> {
    match parts.next_if(BOOLEAN) {
        None => Some(default),
        Some(flag) => match flag.content {
            [value] => Some(*value != 0),
            _ => None,
        },
    }
}

fn only_sequence(value: &[u8]) -> Option<Elements<'_>> {
    let mut outer = Elements(value);
    let sequence = outer.next_if(SEQUENCE)?;
    outer.is_empty().then_some(Elements(sequence.content))
}

fn guid(bytes: &[u8]) -> Option<Guid> {
    bytes.try_into().ok().map(Guid::from_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn page_sizes_are_signed_numbers() {
        for (size, digits) in
            [(0, &[0][..]), (127, &[127]), (128, &[0, 128]), (1_000, &[3, 232]), (u32::MAX, &[127, 255, 255, 255])]
        {
            let value = page_request(size, b"c").val.unwrap();
            let mut parts = only_sequence(&value).unwrap();
            assert_eq!(parts.next_if(INTEGER).unwrap().content, digits);
            assert_eq!(page_cookie(&value), Some(b"c".to_vec()));
        }
    }

    #[test]
    fn a_set_of_ids_is_read() {
        let (mut set, mut parts, mut value) = (Vec::new(), Vec::new(), Vec::new());
        ber::push(&mut set, OCTETS, &[7; 16]);
        ber::push(&mut parts, BOOLEAN, &[0xff]);
        ber::push(&mut parts, SET, &set);
        ber::push(&mut value, 0xa3, &parts);
        assert_eq!(
            sync_info(&value),
            Some(SyncInfo::Ids { deletes: true, ids: vec![Guid::from_bytes([7; 16])], cookie: None })
        );
        // An id of 15 bytes.
        let short: Vec<u8> = vec![0xa3, 19, 0x31, 17, 0x04, 15].into_iter().chain([0; 15]).collect();
        assert_eq!(sync_info(&short), None);
    }

    proptest! {
        #[test]
        fn no_value_breaks_a_decoder(value in proptest::collection::vec(any::<u8>(), 0..64)) {
            sync_info(&value);
            sync_state(&value);
            sync_done(&value);
            page_cookie(&value);
        }
    }
}
