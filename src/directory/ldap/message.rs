//! Messages as they come (RFC 4511 4.1.1), and what one must look like before `ldap3` may see it.
//!
//! `ldap3` (0.12.1) unwraps its way through answers: a missing element panics its driver, a
//! malformed bind answer panics the caller, and deep nesting overflows the stack, which no
//! `catch_unwind` survives. So every frame it gets is examined here first, against RFC 4511's grammar
//! and against what was asked.

use super::ber::{self, BOOLEAN, ENUMERATED, Element, Elements, INTEGER, OCTETS, SEQUENCE};

pub(super) const BIND_REQUEST: u8 = 0x60;
pub(super) const BIND_RESPONSE: u8 = 0x61;
pub(super) const UNBIND_REQUEST: u8 = 0x42;
pub(super) const SEARCH_REQUEST: u8 = 0x63;
pub(super) const SEARCH_ENTRY: u8 = 0x64;
pub(super) const SEARCH_DONE: u8 = 0x65;
pub(super) const ABANDON_REQUEST: u8 = 0x50;
pub(super) const SEARCH_REFERENCE: u8 = 0x73;
pub(super) const EXTENDED_REQUEST: u8 = 0x77;
pub(super) const EXTENDED_RESPONSE: u8 = 0x78;
pub(super) const INTERMEDIATE: u8 = 0x79;

/// `[0] controls` of a message.
const CONTROLS: u8 = 0xa0;
/// Nothing in LDAP's answers nests deeper than message, operation, attribute list, attribute, values.
const MAX_DEPTH: usize = 8;

/// A message's envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Message<'a> {
    pub(super) id: u32,
    pub(super) operation: Element<'a>,
    controls: Option<Element<'a>>,
}

impl<'a> Message<'a> {
    /// The message a whole frame holds, without a look inside.
    pub(super) fn read(frame: &'a [u8]) -> Result<Self, &'static str> {
        let mut frame = Elements(frame);
        let sequence = frame.next_if(SEQUENCE).ok_or("a frame that is not a sequence")?;
        let mut parts = Elements(sequence.content);
        let id = parts.next_if(INTEGER).and_then(|id| id.number()).ok_or("a message without an id")?;
        let operation = parts.next().ok_or("a message without an operation")?;
        let controls = parts.next_if(CONTROLS);
        // Active Directory puts the name of a notice of disconnection here; it is the last thing it says.
        if !parts.is_empty() && id != 0 {
            return Err("a message with something after its controls");
        }
        Ok(Self { id, operation, controls })
    }

    /// Says what is wrong with an answer to `request`, if anything is.
    pub(super) fn answers(&self, request: u8) -> Result<(), &'static str> {
        if !ber::well_formed(self.operation.content, MAX_DEPTH) {
            return Err("an operation that is not elements through and through, or nested too deep");
        }
        if let Some(controls) = self.controls {
            controls_are_sound(controls).ok_or("malformed controls")?;
        }
        match (request, self.operation.tag) {
            (BIND_REQUEST, BIND_RESPONSE) | (SEARCH_REQUEST, SEARCH_DONE) | (EXTENDED_REQUEST, EXTENDED_RESPONSE) => {
                self.result().map(|_| ()).ok_or("a malformed result")
            }
            _ => Err("an operation that does not answer what was asked"),
        }
    }

    /// Result code and diagnostic message (RFC 4511 4.1.9) of an operation that carries them; `None` when malformed.
    pub(super) fn result(&self) -> Option<(u32, &'a str)> {
        let mut parts = self.operation.elements()?;
        let code = parts.next_if(ENUMERATED)?.number()?;
        let _matched = parts.next_if(OCTETS)?.text()?;
        let text = parts.next_if(OCTETS)?.text()?;
        while let Some(part) = parts.next() {
            match (part.tag, part.elements()) {
                // [3] referral: URIs.
                (0xa3, Some(mut uris)) => {
                    while let Some(uri) = uris.next() {
                        uri.text().filter(|_| uri.tag == OCTETS)?;
                    }
                }
                // [7] SASL credentials, [11] value of an extended answer.
                (0x87 | 0x8b, None) => {}
                // [10] name of an extended answer.
                (0x8a, None) => {
                    part.text()?;
                }
                _ => return None,
            }
        }
        Some((code, text))
    }

    /// What a bind's answer carries for its SASL mechanism (RFC 4511 4.2.2).
    pub(super) fn sasl_credentials(&self) -> Option<&'a [u8]> {
        let mut parts = self.operation.elements()?;
        std::iter::from_fn(|| parts.next()).find(|part| part.tag == 0x87).map(|part| part.content)
    }

    /// The value of the control `oid`: `None` when it is not there, `Some(None)` when it has no value or the
    /// controls are malformed.
    pub(super) fn control(&self, oid: &str) -> Option<Option<&'a [u8]>> {
        let mut controls = self.controls?.elements()?;
        while let Some(control) = controls.next() {
            let mut parts = Elements(control.content);
            let named = parts.next_if(OCTETS).filter(|name| name.content == oid.as_bytes());
            parts.next_if(BOOLEAN);
            if named.is_some() {
                return Some(parts.next_if(OCTETS).map(|value| value.content));
            }
        }
        None
    }

    /// True when this is the last answer to its request.
    pub(super) fn is_last(&self) -> bool {
        !matches!(self.operation.tag, SEARCH_ENTRY | SEARCH_REFERENCE | INTERMEDIATE)
    }
}

/// `Controls ::= SEQUENCE OF SEQUENCE { OCTET STRING, BOOLEAN DEFAULT FALSE, OCTET STRING OPTIONAL }`
fn controls_are_sound(controls: Element<'_>) -> Option<()> {
    let mut controls = controls.elements()?;
    while !controls.is_empty() {
        let mut parts = Elements(controls.next_if(SEQUENCE)?.content);
        parts.next_if(OCTETS)?.text()?;
        if let Some(critical) = parts.next_if(BOOLEAN) {
            (critical.content.len() == 1).then_some(())?;
        }
        parts.next_if(OCTETS);
        parts.is_empty().then_some(())?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        ber::push(&mut bytes, tag, &parts.concat());
        bytes
    }

    fn result(tag: u8, code: u8) -> Vec<u8> {
        element(tag, &[element(ENUMERATED, &[vec![code]]), element(OCTETS, &[]), element(OCTETS, &[b"text".to_vec()])])
    }

    fn message(parts: &[Vec<u8>]) -> Vec<u8> {
        element(SEQUENCE, &[&[element(INTEGER, &[vec![1]])], parts].concat())
    }

    #[test]
    fn an_answer_must_fit_its_question() {
        let done = message(&[result(SEARCH_DONE, 0)]);
        let done = Message::read(&done).unwrap();
        assert_eq!(done.answers(SEARCH_REQUEST), Ok(()));
        assert!(done.answers(BIND_REQUEST).is_err());
        assert_eq!(done.result(), Some((0, "text")));
    }

    #[test]
    fn what_would_panic_ldap3_is_refused() {
        let cases = [
            message(&[]),
            element(SEQUENCE, &[]),
            element(SEQUENCE, &[element(INTEGER, &[vec![0xff]]), result(SEARCH_DONE, 0)]),
            element(SEQUENCE, &[element(OCTETS, &[vec![1]]), result(SEARCH_DONE, 0)]),
            message(&[element(SEARCH_DONE, &[])]),
            message(&[element(SEARCH_DONE, &[element(INTEGER, &[vec![0]])])]),
            message(&[element(
                SEARCH_DONE,
                &[element(ENUMERATED, &[vec![0]]), element(OCTETS, &[vec![0xff]]), element(OCTETS, &[])],
            )]),
            message(&[element(0x6f, &[])]),
            message(&[result(SEARCH_DONE, 0), element(CONTROLS, &[element(OCTETS, &[])])]),
            message(&[
                result(SEARCH_DONE, 0),
                element(CONTROLS, &[element(SEQUENCE, &[element(OCTETS, &[]), element(BOOLEAN, &[])])]),
            ]),
            message(&[element(SEARCH_DONE, &[vec![0x04, 0x05, 0x00]])]),
        ];
        for frame in cases {
            let verdict = Message::read(&frame).and_then(|message| message.answers(SEARCH_REQUEST));
            assert!(verdict.is_err(), "{frame:x?}");
        }
    }
}
