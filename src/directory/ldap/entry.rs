//! Decodes entries. This is the hot path of a full read: each value is copied once, out of the frame.

use super::ber::{Element, Elements, OCTETS, SEQUENCE, SET};

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
pub(super) fn raw_entry(operation: Element<'_>) -> Option<RawEntry> {
    let mut parts = operation.elements()?;
    let dn = parts.next_if(OCTETS)?.content.to_vec();
    let mut list = Elements(parts.next_if(SEQUENCE)?.content);
    let mut attributes = Vec::with_capacity(16);
    while !list.is_empty() {
        let mut attribute = Elements(list.next_if(SEQUENCE)?.content);
        let name = attribute.next_if(OCTETS)?.content.to_vec();
        let values = values(Elements(attribute.next_if(SET)?.content))?;
        attributes.push((name, values));
    }
    parts.is_empty().then_some(RawEntry { dn, attributes })
}

fn values(mut set: Elements<'_>) -> Option<Vec<Vec<u8>>> {
    let mut values = Vec::with_capacity(1);
    while !set.is_empty() {
        values.push(set.next_if(OCTETS)?.content.to_vec());
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
            raw_entry(Element { tag: 0x64, content: &content });
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
            let entry = raw_entry(Element { tag: 0x64, content: &content });
            prop_assert_eq!(entry, Some(RawEntry { dn, attributes: vec![(b"cn".to_vec(), held)] }));
        }
    }
}
