//! Decodes entries. This is the hot path of a full read: nothing is copied, values are parts of the frame they came in.

use bytes::Bytes;

use super::ber::{Element, Elements, OCTETS, SEQUENCE, SET};

/// An entry as it came: nothing is checked but the grammar.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::directory) struct RawEntry {
    /// Its DN.
    pub(in crate::directory) dn: Bytes,
    /// Its attributes with their options, as named by the server.
    pub(in crate::directory) attributes: Vec<(Bytes, Vec<Bytes>)>,
}

impl RawEntry {
    /// The values of `name`, options ignored.
    pub(in crate::directory) fn values(&self, name: &str) -> &[Bytes] {
        let named = self.attributes.iter().find(|(held, _)| held.eq_ignore_ascii_case(name.as_bytes()));
        named.map_or(&[], |(_, values)| values)
    }
}

/// `SearchResultEntry ::= [APPLICATION 4] SEQUENCE { objectName, attributes }`, a part of `frame`; `None` when
/// malformed.
pub(super) fn raw_entry(frame: &Bytes, operation: Element<'_>) -> Option<RawEntry> {
    let mut parts = operation.elements()?;
    let dn = frame.slice_ref(parts.next_if(OCTETS)?.content);
    let mut list = Elements(parts.next_if(SEQUENCE)?.content);
    let mut attributes = Vec::with_capacity(16);
    while !list.is_empty() {
        let mut attribute = Elements(list.next_if(SEQUENCE)?.content);
        let name = frame.slice_ref(attribute.next_if(OCTETS)?.content);
        let values = values(frame, Elements(attribute.next_if(SET)?.content))?;
        attributes.push((name, values));
    }
    parts.is_empty().then_some(RawEntry { dn, attributes })
}

fn values(frame: &Bytes, mut set: Elements<'_>) -> Option<Vec<Bytes>> {
    let mut values = Vec::with_capacity(1);
    while !set.is_empty() {
        values.push(frame.slice_ref(set.next_if(OCTETS)?.content));
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ber;
    use super::*;

    proptest! {
        #[test]
        fn no_bytes_break_the_decoder(content in proptest::collection::vec(any::<u8>(), 0..100)) {
            let frame = Bytes::from(content);
            raw_entry(&frame, Element { tag: 0x64, content: &frame });
        }

        #[test]
        fn what_was_sent_is_read(dn in any::<Vec<u8>>(), held in proptest::collection::vec(any::<Vec<u8>>(), 0..4)) {
            let (mut set, mut attribute, mut list, mut content) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            held.iter().for_each(|value| ber::push(&mut set, OCTETS, value));
            ber::push(&mut attribute, OCTETS, b"cn");
            ber::push(&mut attribute, SET, &set);
            ber::push(&mut list, SEQUENCE, &attribute);
            ber::push(&mut content, OCTETS, &dn);
            ber::push(&mut content, SEQUENCE, &list);
            let frame = Bytes::from(content);
            let entry = raw_entry(&frame, Element { tag: 0x64, content: &frame });
            let held = held.into_iter().map(Bytes::from).collect();
            let attributes = vec![(Bytes::from_static(b"cn"), held)];
            prop_assert_eq!(entry, Some(RawEntry { dn: dn.into(), attributes }));
        }
    }
}
