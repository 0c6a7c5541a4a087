//! What a browser carries from one page of a sign-in to the next, before it has a session.
//!
//! A form counts if the browser that sends it has the cookie that came with the page: so no page of another site signs anybody
//! in as somebody else (login CSRF). The cookie says nothing but which page that was, and is not kept here.

use rand::{CryptoRng, RngExt as _};

/// Characters of a target that is gone on to.
const LONGEST_TARGET: usize = 2_000;

/// A code that ties a form to the browser it was sent to: 128 bits, in hexadecimal digits.
#[must_use]
pub fn code(rng: &mut impl CryptoRng) -> String {
    hex::encode(rng.random::<[u8; 16]>())
}

/// Whether a form came back with the code of the cookie beside it. Both come from the same browser, so how long it takes to find
/// out tells nobody anything.
#[must_use]
pub fn is_same(cookie: &str, form: &str) -> bool {
    cookie.len() == 32 && cookie == form
}

/// Where a sign-in goes on to, if that is a page of ours: a path, and nothing that a browser could take for another site.
#[must_use]
pub fn target(text: &str) -> Option<&str> {
    let local = text.starts_with('/') && !text.starts_with("//") && !text.starts_with("/\\");
    let plain = text.len() <= LONGEST_TARGET && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (local && plain).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_ours_are_gone_on_to() {
        for text in
            ["/me", "/me/roles?filter=s3", "/oauth2/authorize?client_id=wiki&redirect_uri=https%3A%2F%2Fwiki.example"]
        {
            assert_eq!(target(text), Some(text));
        }
        for text in [
            "",
            "me",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example/",
            "/me\r\nSet-Cookie: a=b",
            "/\t/evil",
            "/a\\b",
        ] {
            assert_eq!(target(text), None, "{text:?}");
        }
        assert_eq!(target(&format!("/{}", "a".repeat(LONGEST_TARGET))), None);
    }

    #[test]
    fn a_form_needs_the_cookie_of_its_page() {
        let mut rng = crate::base::rng::from_os().unwrap();
        let (one, other) = (code(&mut rng), code(&mut rng));
        assert!(is_same(&one, &one) && !is_same(&one, &other));
        assert!(!is_same("", "") && !is_same(&one, "") && !is_same("", &one));
    }
}
