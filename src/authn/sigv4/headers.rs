//! Which headers a signature covers, and which it has to.

use super::{LONGEST_VALUE, MOST_HEADERS, Request, SigV4Error};
use crate::base::text::printable;

/// Reads the list of signed headers and compares it with those that arrived.
pub(super) fn signed(list: &str, request: &Request<'_>) -> Result<Vec<String>, SigV4Error> {
    let form = "lower-case header names, sorted, each once, between semicolons";
    let wrong = || SigV4Error::malformed("SignedHeaders", form, list);
    let names: Vec<&str> = list.split(';').collect();
    if names.len() > MOST_HEADERS {
        return Err(SigV4Error::TooLarge { what: "SignedHeaders", limit: MOST_HEADERS, unit: "names" });
    }
    if !names.iter().all(|name| is_name(name)) || !names.is_sorted_by(|before, after| before < after) {
        return Err(wrong());
    }
    // The header that brings the signature cannot be under it.
    if names.contains(&"authorization") {
        return Err(wrong());
    }
    for name in &names {
        let value = request.header(name)?.ok_or_else(|| SigV4Error::Absent(shown(name)))?;
        check_value(value)?;
    }
    match missing(&names, request) {
        Some(name) => Err(SigV4Error::NotSigned(name)),
        None => Ok(names.into_iter().map(str::to_owned).collect()),
    }
}

/// A header that has to be signed and is not. What stays free is argued in the module's documentation.
fn missing(signed: &[&str], request: &Request<'_>) -> Option<String> {
    if !signed.contains(&"host") {
        return Some("host".to_owned());
    }
    let arrived = request.headers.iter().map(|(name, _)| name.to_ascii_lowercase());
    let mut bound = arrived.filter(|name| name.starts_with("x-amz-") || name == "content-type");
    bound.find(|name| !signed.contains(&name.as_str())).map(|name| shown(&name))
}

fn shown(name: &str) -> String {
    printable(name).into_owned()
}

/// RFC 9110 5.6.2 `token`, without capitals.
fn is_name(name: &str) -> bool {
    let of_token = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.bytes().all(of_token)
}

/// A line end within a value would make one header look like two in the canonical request.
fn check_value(value: &[u8]) -> Result<(), SigV4Error> {
    if value.len() > LONGEST_VALUE {
        return Err(SigV4Error::TooLarge { what: "a signed header", limit: LONGEST_VALUE, unit: "bytes" });
    }
    if value.iter().any(|&b| b.is_ascii_control() && b != b'\t') {
        return Err(SigV4Error::hidden("a signed header", "free of control characters"));
    }
    Ok(())
}

/// A value as it is signed: no blanks around it, single blanks within it. What is read of a signed header is read from
/// this form, so that nothing is read that was not signed. Bytes beyond ASCII stay as they arrived.
pub(super) fn collapsed(value: &[u8]) -> Vec<u8> {
    let words: Vec<&[u8]> = value.split(|b| matches!(b, b' ' | b'\t')).filter(|word| !word.is_empty()).collect();
    words.join(&b' ')
}

/// As [`collapsed`], of a header that holds one word of visible ASCII.
pub(super) fn text(name: &'static str, value: &[u8]) -> Result<String, SigV4Error> {
    if value.len() > LONGEST_VALUE {
        return Err(SigV4Error::TooLarge { what: name, limit: LONGEST_VALUE, unit: "bytes" });
    }
    let text = String::from_utf8(collapsed(value)).ok();
    let word = text.filter(|text| !text.is_empty() && is_visible(text));
    word.ok_or_else(|| SigV4Error::hidden(name, "one word of visible ASCII"))
}

/// Printable ASCII without the blank.
pub(super) fn is_visible(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_signed_without_needless_blanks() {
        for (value, signed) in [
            (&b"a b"[..], &b"a b"[..]),
            (b"  a   b \t", b"a b"),
            (b"a\t \tb", b"a b"),
            (b" \t ", b""),
            (b"", b""),
            (b"\"a   b\"", b"\"a b\""),
            (b"\xc3\xa9  \xff", b"\xc3\xa9 \xff"),
        ] {
            assert_eq!(collapsed(value), signed);
        }
    }
}
