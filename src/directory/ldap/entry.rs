//! Turns what `ldap3` hands over into entries, without its own panicking `SearchEntry::construct`.
//!
//! This is the hot path of a full read: values are moved, not copied.

use ldap3::asn1::{PL, StructureTag};

/// An entry as it came: nothing is checked but the grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::directory) struct RawEntry {
    /// Its DN.
    pub(in crate::directory) dn: Vec<u8>,
    /// Its attributes with their options, as named by the server.
    pub(in crate::directory) attributes: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
}

impl RawEntry {
    /// The values of `name`, options ignored.
    pub(in crate::directory) fn values(&self, name: &str) -> &[Vec<u8>] {
        let named = self.attributes.iter().find(|(held, _)| held.eq_ignore_ascii_case(name.as_bytes()));
        named.map_or(&[], |(_, values)| values)
    }
}

/// `SearchResultEntry ::= [APPLICATION 4] SEQUENCE { objectName, attributes }`; `None` when malformed.
pub(super) fn raw_entry(tag: StructureTag) -> Option<RawEntry> {
    let mut parts = tag.expect_constructed()?.into_iter();
    let dn = parts.next()?.expect_primitive()?;
    let attributes = parts.next()?.expect_constructed()?.into_iter().map(raw_attribute).collect::<Option<_>>()?;
    parts.next().is_none().then_some(RawEntry { dn, attributes })
}

fn raw_attribute(tag: StructureTag) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
    let mut parts = tag.expect_constructed()?.into_iter();
    let name = parts.next()?.expect_primitive()?;
    let values = parts.next()?.expect_constructed()?.into_iter().map(primitive).collect::<Option<_>>()?;
    Some((name, values))
}

fn primitive(tag: StructureTag) -> Option<Vec<u8>> {
    match tag.payload {
        PL::P(value) => Some(value),
        PL::C(_) => None,
    }
}
