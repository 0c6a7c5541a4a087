//! Just enough BER to play a server, and to play a bad one.

use lber::structure::{PL, StructureTag};

/// An element with this identifier octet around `parts`.
pub(crate) fn element(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    let content = parts.concat();
    let mut bytes = vec![tag];
    if content.len() < 128 {
        bytes.push(u8::try_from(content.len()).unwrap());
    } else {
        bytes.push(0x84);
        bytes.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
    }
    bytes.extend(content);
    bytes
}

pub(crate) fn octets(value: impl AsRef<[u8]>) -> Vec<u8> {
    element(0x04, &[value.as_ref().to_vec()])
}

pub(crate) fn integer(value: u32) -> Vec<u8> {
    element(0x02, &[value.to_be_bytes().to_vec()])
}

pub(crate) fn boolean(value: bool) -> Vec<u8> {
    element(0x01, &[vec![if value { 0xff } else { 0 }]])
}

pub(crate) fn enumerated(value: u32) -> Vec<u8> {
    element(0x0a, &[value.to_be_bytes().to_vec()])
}

pub(crate) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    element(0x30, parts)
}

/// An `LDAPMessage`.
pub(crate) fn message(id: u32, operation: Vec<u8>, controls: &[Vec<u8>]) -> Vec<u8> {
    let mut parts = vec![integer(id), operation];
    if !controls.is_empty() {
        parts.push(element(0xa0, controls));
    }
    sequence(&parts)
}

/// A control.
pub(crate) fn control(oid: &str, value: Vec<u8>) -> Vec<u8> {
    sequence(&[octets(oid), octets(value)])
}

/// An `LDAPResult` as the operation `tag`.
pub(crate) fn result(tag: u8, code: u32, text: &str) -> Vec<u8> {
    element(tag, &[enumerated(code), octets(""), octets(text)])
}

pub(crate) fn parts(tag: &StructureTag) -> &[StructureTag] {
    match &tag.payload {
        PL::C(parts) => parts,
        PL::P(_) => &[],
    }
}

pub(crate) fn bytes(tag: &StructureTag) -> &[u8] {
    match &tag.payload {
        PL::P(bytes) => bytes,
        PL::C(_) => &[],
    }
}

pub(crate) fn number(tag: &StructureTag) -> u32 {
    bytes(tag).iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

pub(crate) fn text(tag: &StructureTag) -> String {
    String::from_utf8_lossy(bytes(tag)).into_owned()
}
