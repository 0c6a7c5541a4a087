//! Security identifiers: how Windows names a domain and what lives in it (MS-DTYP 2.4.2).
//!
//! Owns the binary form (`objectSid`, `tokenGroups`) and the text form (`S-1-5-21-a-b-c-rid`). What a SID may do is
//! not decided here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::text::printable;

/// Most sub-authorities (MS-DTYP 2.4.2.2).
const MOST_PARTS: usize = 15;

/// Authorities have 48 bits.
const LARGEST_AUTHORITY: u64 = (1 << 48) - 1;

/// The authority of Windows itself, and its part that domains hang under (MS-DTYP 2.4.2.4).
const NT_AUTHORITY: u64 = 5;
const DOMAINS: u32 = 21;

/// A security identifier. One SID has exactly one value, so equality is equality of identity.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sid {
    authority: u64,
    parts: Vec<u32>,
}

/// Bytes or text that are no SID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is no SID: {why}")]
pub struct SidError {
    what: String,
    why: &'static str,
}

impl Sid {
    /// The SID written in these bytes, all of them: revision, count, authority (6, big end first), parts (4 each,
    /// little end first).
    ///
    /// # Errors
    /// When the bytes are not exactly one SID of revision 1.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SidError> {
        let fault = |why| SidError { what: format!("a value of {} bytes", bytes.len()), why };
        let ([revision, count], rest) = bytes.split_first_chunk().ok_or_else(|| fault("it is too short"))?;
        if *revision != 1 {
            return Err(fault("its revision is not 1"));
        }
        let (authority, rest) = rest.split_first_chunk::<6>().ok_or_else(|| fault("it is too short"))?;
        let (parts, rest) = rest.as_chunks::<4>();
        if parts.len() != usize::from(*count) || !rest.is_empty() {
            return Err(fault("its length is not what its count of parts says"));
        }
        if parts.is_empty() || parts.len() > MOST_PARTS {
            return Err(fault("it must have 1 to 15 parts"));
        }
        let authority = authority.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        Ok(Self { authority, parts: parts.iter().map(|part| u32::from_le_bytes(*part)).collect() })
    }

    /// The bytes that [`Sid::from_bytes`] reads.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let count = u8::try_from(self.parts.len()).unwrap_or(u8::MAX);
        let authority = self.authority.to_be_bytes().into_iter().skip(2);
        let parts = self.parts.iter().flat_map(|part| part.to_le_bytes());
        [1, count].into_iter().chain(authority).chain(parts).collect()
    }

    /// The domain it belongs to: everything but the last part. `None` for what no domain gave out, such as
    /// `S-1-5-32-544` (`BUILTIN\Administrators`) and `S-1-5-11` (everybody authenticated), and for a domain itself.
    #[must_use]
    pub fn domain(&self) -> Option<Self> {
        match self.parts.as_slice() {
            [DOMAINS, a, b, c, _] if self.authority == NT_AUTHORITY => {
                Some(Self { authority: NT_AUTHORITY, parts: vec![DOMAINS, *a, *b, *c] })
            }
            _ => None,
        }
    }

    /// Its last part: in a domain, the relative id (RID).
    #[must_use]
    pub fn rid(&self) -> Option<u32> {
        self.parts.last().copied()
    }

    /// The SID with relative id `rid` in the same domain; `None` when this one is in none.
    #[must_use]
    pub fn sibling(&self, rid: u32) -> Option<Self> {
        let mut sid = self.domain()?;
        sid.parts.push(rid);
        Some(sid)
    }

    /// True for a domain's own SID: `S-1-5-21-a-b-c`.
    #[must_use]
    pub fn is_domain(&self) -> bool {
        self.authority == NT_AUTHORITY && matches!(self.parts.as_slice(), [DOMAINS, _, _, _])
    }
}

impl fmt::Display for Sid {
    /// MS-DTYP 2.4.2.1: an authority beyond 32 bits is written in hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.authority > u64::from(u32::MAX) {
            write!(f, "S-1-0x{:012X}", self.authority)?;
        } else {
            write!(f, "S-1-{}", self.authority)?;
        }
        self.parts.iter().try_for_each(|part| write!(f, "-{part}"))
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sid({self})")
    }
}

impl FromStr for Sid {
    type Err = SidError;

    /// The text form, in any case.
    fn from_str(text: &str) -> Result<Self, SidError> {
        let fault = |why| SidError { what: format!("`{}`", printable(text)), why };
        let mut pieces = text.split('-');
        if !pieces.next().is_some_and(|first| first.eq_ignore_ascii_case("s")) || pieces.next() != Some("1") {
            return Err(fault("it does not begin with S-1-"));
        }
        let authority = pieces.next().and_then(authority).ok_or_else(|| fault("its authority is not a number"))?;
        let parts: Option<Vec<u32>> = pieces.take(MOST_PARTS + 1).map(number).collect();
        let parts = parts.ok_or_else(|| fault("a part of it is not a number"))?;
        if parts.is_empty() || parts.len() > MOST_PARTS {
            return Err(fault("it must have 1 to 15 parts"));
        }
        Ok(Self { authority, parts })
    }
}

fn authority(text: &str) -> Option<u64> {
    let authority = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_hexdigit()) => u64::from_str_radix(digits, 16).ok()?,
        Some(_) => return None,
        None => number(text)?,
    };
    (authority <= LARGEST_AUTHORITY).then_some(authority)
}

/// A number without a sign: `parse` alone would take `+5`.
fn number<N: FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl Serialize for Sid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sid(text: &str) -> Sid {
        text.parse().unwrap()
    }

    #[test]
    fn a_sid_reads_as_windows_writes_it() {
        // A user's objectSid as a domain controller sends it.
        let bytes = hex::decode("010500000000000515000000a065cf7e784b9b5fe77c8770091c0100").unwrap();
        let user = Sid::from_bytes(&bytes).unwrap();
        assert_eq!(user.to_string(), "S-1-5-21-2127521184-1604012920-1887927527-72713");
        assert_eq!(user.to_bytes(), bytes);
        assert_eq!(user.domain().unwrap().to_string(), "S-1-5-21-2127521184-1604012920-1887927527");
        assert_eq!(user.rid(), Some(72_713));
        assert_eq!(user.sibling(513).unwrap().to_string(), "S-1-5-21-2127521184-1604012920-1887927527-513");
        assert!(user.domain().unwrap().is_domain() && !user.is_domain());
        assert_eq!(sid("s-1-5-32-544"), sid("S-1-5-32-544"));
    }

    #[test]
    fn what_no_domain_gave_out_is_in_no_domain() {
        for text in ["S-1-5-32-544", "S-1-5-11", "S-1-1-0", "S-1-5-21-1-2-3", "S-1-5-21-1-2-3-4-5", "S-1-16-21-1-2-3-4"]
        {
            assert_eq!(sid(text).domain(), None, "{text}");
            assert_eq!(sid(text).sibling(513), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_sid_is_refused() {
        let long = format!("S-1-5{}", "-1".repeat(16));
        for text in
            ["", "S", "S-1", "S-1-5", "S-2-5-1", "S-1-5-", "S-1-5-x", "S-1-5-+1", "S-1-5-4294967296", "X-1-5-1", &long]
        {
            assert!(text.parse::<Sid>().is_err(), "{text}");
        }
        for bytes in
            ["", "01", "0100000000000005", "010100000000000515", "0102000000000005150000", "02010000000000051500000001"]
        {
            assert!(Sid::from_bytes(&hex::decode(bytes).unwrap()).is_err(), "{bytes}");
        }
        let trailing = [sid("S-1-5-32-544").to_bytes(), vec![0]].concat();
        assert!(Sid::from_bytes(&trailing).is_err());
    }

    proptest! {
        #[test]
        fn both_forms_lead_back(authority in 0..=LARGEST_AUTHORITY, parts in prop::collection::vec(any::<u32>(), 1..=15)) {
            let sid = Sid { authority, parts };
            prop_assert_eq!(sid.to_string().parse::<Sid>(), Ok(sid.clone()));
            prop_assert_eq!(Sid::from_bytes(&sid.to_bytes()), Ok(sid));
        }

        #[test]
        fn any_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(sid) = Sid::from_bytes(&bytes) {
                prop_assert_eq!(sid.to_bytes(), bytes);
            }
        }
    }
}
