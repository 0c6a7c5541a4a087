//! A reader for the subset of BER that LDAP allows (RFC 4511 5.1): definite lengths, low tag numbers.
//!
//! It borrows, never recurses by itself and never panics. Both the guard, which looks at frames
//! before `ldap3` does, and the decoders of control values stand on it.

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// Set in the tag of an element that consists of elements.
const CONSTRUCTED: u8 = 0x20;

/// One element: its identifier octet and what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
}

impl<'a> Element<'a> {
    /// The elements inside, when there may be any.
    pub(super) fn elements(&self) -> Option<Elements<'a>> {
        (self.tag & CONSTRUCTED != 0).then_some(Elements(self.content))
    }

    /// A non-negative number of at most 31 bits, as all of LDAP's are.
    pub(super) fn number(&self) -> Option<u32> {
        match self.content {
            [first, ..] if *first < 0x80 && self.content.len() <= 4 => {
                Some(self.content.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
            }
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        std::str::from_utf8(self.content).ok()
    }
}

/// Elements one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elements<'a>(pub(super) &'a [u8]);

impl<'a> Elements<'a> {
    /// The next element; `None` at the end and at anything malformed.
    pub(super) fn next(&mut self) -> Option<Element<'a>> {
        let Ok(Some(header)) = Header::read(self.0) else { return None };
        let content = self.0.get(header.length..header.length.checked_add(header.content)?)?;
        self.0 = self.0.get(header.length + header.content..)?;
        Some(Element { tag: header.tag, content })
    }

    /// The next element, if it has this tag.
    pub(super) fn next_if(&mut self, tag: u8) -> Option<Element<'a>> {
        let mut ahead = *self;
        let element = ahead.next().filter(|element| element.tag == tag)?;
        *self = ahead;
        Some(element)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What stands before an element's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) tag: u8,
    /// Bytes of the header itself.
    pub(super) length: usize,
    /// Bytes of the content.
    pub(super) content: usize,
}

impl Header {
    /// The header `bytes` begin with; `Ok(None)` while there are too few of them.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, &'static str> {
        let [tag, first, rest @ ..] = bytes else { return Ok(None) };
        if tag & 0x1f == 0x1f {
            return Err("a tag number above 30");
        }
        let count = match first {
            0x80 => return Err("an indefinite length"),
            0..=0x7f => return Ok(Some(Self { tag: *tag, length: 2, content: usize::from(*first) })),
            long => usize::from(long & 0x7f),
        };
        // Leading zeros are allowed by BER; some servers always write four length bytes.
        if count > 4 {
            return Err("a length of more than four bytes");
        }
        let Some(digits) = rest.get(..count) else { return Ok(None) };
        let content = digits.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
        Ok(Some(Self { tag: *tag, length: 2 + count, content }))
    }
}

/// True when `content` is elements through and through, nested at most `depth` deep.
pub(super) fn well_formed(content: &[u8], depth: usize) -> bool {
    let mut elements = Elements(content);
    while let Some(element) = elements.next() {
        if element.tag & CONSTRUCTED != 0 && (depth == 0 || !well_formed(element.content, depth - 1)) {
            return false;
        }
    }
    elements.is_empty()
}

/// Appends an element. For the few small values we write ourselves.
pub(super) fn push(into: &mut Vec<u8>, tag: u8, content: &[u8]) {
    into.push(tag);
    match u8::try_from(content.len()) {
        Ok(length @ 0..=0x7f) => into.push(length),
        _ => {
            let length = content.len().to_be_bytes();
            let digits =
                length.iter().position(|byte| *byte != 0).and_then(|zeros| length.get(zeros..)).unwrap_or_default();
            into.push(0x80 | u8::try_from(digits.len()).unwrap_or_default());
            into.extend_from_slice(digits);
        }
    }
    into.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_read_in_every_form() {
        assert_eq!(Header::read(&[0x30, 0x05]), Ok(Some(Header { tag: 0x30, length: 2, content: 5 })));
        assert_eq!(Header::read(&[0x30, 0x84, 0, 0, 1, 0]), Ok(Some(Header { tag: 0x30, length: 6, content: 256 })));
        assert_eq!(Header::read(&[0x30, 0x82, 1]), Ok(None));
        for bad in [&[0x30, 0x80][..], &[0x30, 0x85, 0, 0, 0, 0, 1], &[0x3f, 0x81, 0x01, 0]] {
            assert!(Header::read(bad).is_err(), "{bad:x?}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let mut nested = Vec::new();
        for _ in 0..20 {
            let mut outer = Vec::new();
            push(&mut outer, SEQUENCE, &nested);
            nested = outer;
        }
        assert!(well_formed(&nested, 20));
        assert!(!well_formed(&nested, 18));
    }

    proptest! {
        #[test]
        fn what_is_pushed_is_read_back(tag in 0_u8..0x1f, content in proptest::collection::vec(any::<u8>(), 0..70_000)) {
            let mut bytes = Vec::new();
            push(&mut bytes, tag, &content);
            let mut elements = Elements(&bytes);
            prop_assert_eq!(elements.next(), Some(Element { tag, content: &content }));
            prop_assert!(elements.is_empty());
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            well_formed(&bytes, 8);
            if let Some(inner) = Elements(&bytes).next().and_then(|element| element.elements()?.next()) {
                prop_assert!(inner.content.len() < bytes.len());
            }
        }
    }
}
