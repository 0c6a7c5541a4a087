//! The form of a request (RFC 6749, appendix B), read the strict way.
//!
//! What is there twice is refused: two readers would read two things (section 3.2). What is sent empty is as good as
//! absent (section 3.1). What is not asked for is ignored, since clients of tomorrow send more than is known today.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use super::error::OauthError;
use crate::base::text::printable_within;

/// Most parameters of a request.
const MOST: usize = 100;

/// The parameters of a request. Secrets may be among them, so they are never shown.
#[derive(Default)]
pub struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads `body`.
    ///
    /// # Errors
    /// When a parameter is there twice, is no text, or there are too many.
    pub fn read(body: &[u8]) -> Result<Self, OauthError> {
        let text = std::str::from_utf8(body).map_err(|_| OauthError::request("the form is no ASCII text"))?;
        let mut read = BTreeMap::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            if read.len() >= MOST {
                return Err(OauthError::request("the form has too many parameters"));
            }
            if read.contains_key(&name) {
                let what = format!("parameter {} is there twice", printable_within(&name, 64));
                return Err(OauthError::request(&what));
            }
            read.insert(name, value);
        }
        Ok(Self(read))
    }

    /// All of them but those of these names, as they were sent.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> BTreeMap<String, String> {
        let kept = self.0.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        kept.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// A parameter, if it is there and not empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A parameter that has to be there.
    ///
    /// # Errors
    /// When it is not.
    pub fn required(&self, name: &'static str) -> Result<&str, OauthError> {
        self.text(name).ok_or_else(|| OauthError::request(&format!("the parameter {name} is missing")))
    }
}

impl From<BTreeMap<String, String>> for Form {
    fn from(read: BTreeMap<String, String>) -> Self {
        Self(read)
    }
}

/// A name or value of a form, a plus being a blank. What is no UTF-8 is refused and not made into something else.
pub(super) fn decoded(text: &str) -> Result<String, OauthError> {
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8();
    decoded.map(|text| text.into_owned()).map_err(|_| OauthError::request("a parameter is no UTF-8"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_there_twice_is_refused_and_what_is_empty_is_absent() {
        let form = Form::read(b"a=1&b=&c&&d=%C3%A4+b%2B").unwrap();
        assert_eq!((form.text("a"), form.text("b"), form.text("c")), (Some("1"), None, None));
        assert_eq!(form.text("d"), Some("\u{e4} b+"));
        assert!(form.required("b").unwrap_err().description.contains('b'));
        for bad in [&b"a=1&a=1"[..], b"a=1&a=", b"a=1&%61=2", b"a&a", b"a=%FF", b"a=\xff"] {
            assert!(Form::read(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        assert!(Form::read((0..101).map(|n| format!("a{n}=1&")).collect::<String>().as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(pairs in prop::collection::btree_map(".{0,8}", ".{1,8}", 0..6)) {
            let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            let form = Form::read(body.as_bytes()).unwrap();
            for (name, value) in &pairs {
                prop_assert_eq!(form.text(name), Some(value.as_str()));
            }
        }

        #[test]
        fn anything_is_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Form::read(&body);
        }
    }
}
