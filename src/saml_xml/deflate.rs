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
    use miniz_oxide::deflate::core::{
        CompressorOxide, TDEFLFlush, TDEFLStatus, compress, create_comp_flags_from_zip_params,
    };
    use miniz_oxide::inflate::TINFLStatus;

    use super::*;

    /// A piece of a stream that says `count` letters, and can be followed by another: it ends on a byte and refers to nothing outside
    /// (`Z_FULL_FLUSH`; the empty block of RFC 1951, section 3.2.4).
    fn piece(count: usize) -> Vec<u8> {
        let mut made = vec![0; count];
        let mut compressor = CompressorOxide::new(create_comp_flags_from_zip_params(9, -15, 0));
        let (status, read, written) = compress(&mut compressor, &vec![b'a'; count], &mut made, TDEFLFlush::Full);
        assert_eq!((status, read), (TDEFLStatus::Okay, count));
        made.truncate(written);
        made
    }

    #[test]
    fn a_bomb_does_not_go_off() {
        // A gigabyte in a megabyte. There is no more in one: DEFLATE says at most 1,032 bytes by one.
        let piece = piece(1 << 20);
        let ended = [piece.as_slice(), &compress_to_vec(b"", 1)].concat();
        let one = decompress_to_vec_with_limit(&ended, 2 << 20).unwrap();
        assert_eq!(one.len(), 1 << 20, "what is repeated is a piece of a message");
        let bomb = piece.repeat(1_024);
        assert!(bomb.len() < 1_100_000, "{}", bomb.len());
        assert_eq!(inflate(&bomb).unwrap_err().kind(), Kind::Limit);
        // That nothing behind the limit was inflated is seen where there is nothing that could be: it is not what is complained about.
        let broken = [piece.as_slice(), &[0xff; 1 << 20]].concat();
        assert!(decompress_to_vec_with_limit(&broken, 2 << 20).is_err_and(|error| error.status == TINFLStatus::Failed));
        assert_eq!(inflate(&broken).unwrap_err().kind(), Kind::Limit);
        // Nor was there room for it.
        let text = decompress_to_vec_with_limit(&bomb, LARGEST).unwrap_err().output;
        assert!(text.len() <= LARGEST && text.capacity() < 2 * LARGEST, "{} in {}", text.len(), text.capacity());
    }

    #[test]
    fn the_largest_text_is_taken_and_one_that_is_none_is_not() {
        let full = vec![b'a'; LARGEST + 1];
        assert_eq!(inflate(&compress_to_vec(&full[1..], 9)).unwrap().len(), LARGEST);
        assert_eq!(inflate(&compress_to_vec(&full, 9)).unwrap_err().kind(), Kind::Limit);
        assert_eq!(inflate(&deflate("<a/>")).unwrap(), "<a/>");
        assert_eq!(inflate(b"\xff\xff\xff").unwrap_err().kind(), Kind::Form);
        assert_eq!(inflate(&compress_to_vec(b"\xff", 1)).unwrap_err().kind(), Kind::Form);
        assert_eq!(inflate(&deflate("<a/>")[..3]).unwrap_err().kind(), Kind::Form, "cut short");
    }
}
