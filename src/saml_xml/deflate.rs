//! The form of messages in addresses (SAML bindings, section 3.4.4.1): deflated (RFC 1951).

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;

use super::error::{Kind, XmlError};
use super::limits::LARGEST;

/// How hard is tried: what there is to gain is gained by then.
const LEVEL: u8 = 6;

/// The text that was deflated. No more than a message may have is ever written, whatever it would become (CVE-2025-25293).
///
/// # Errors
/// When it is none, or too large.
pub fn inflate(bytes: &[u8]) -> Result<String, XmlError> {
    let refuse = |kind, why: String| XmlError::new(kind, "the text", why);
    let text = decompress_to_vec_with_limit(bytes, LARGEST).map_err(|error| match error.status {
        miniz_oxide::inflate::TINFLStatus::HasMoreOutput => {
            refuse(Kind::Limit, format!("it inflates to more than {LARGEST} bytes"))
        }
        _ => refuse(Kind::Form, "it is not deflated".to_owned()),
    })?;
    String::from_utf8(text).map_err(|_| refuse(Kind::Form, "it is not UTF-8".to_owned()))
}

/// `text`, deflated.
#[must_use]
pub fn deflate(text: &str) -> Vec<u8> {
    compress_to_vec(text.as_bytes(), LEVEL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_does_not_go_off() {
        let full = vec![b'a'; LARGEST + 1];
        let bomb = compress_to_vec(&full, 9);
        assert!(bomb.len() < 2_000, "{}", bomb.len());
        assert_eq!(inflate(&bomb).unwrap_err().kind(), Kind::Limit);
        assert_eq!(inflate(&deflate("<a/>")).unwrap(), "<a/>");
        assert_eq!(inflate(b"\xff\xff\xff").unwrap_err().kind(), Kind::Form);
        assert_eq!(inflate(&compress_to_vec(b"\xff", 1)).unwrap_err().kind(), Kind::Form);
        assert_eq!(inflate(&deflate("<a/>")[..3]).unwrap_err().kind(), Kind::Form, "cut short");
    }
}
