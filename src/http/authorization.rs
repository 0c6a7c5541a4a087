//! The header `Authorization` (RFC 9110, section 11.6.2), read in one place.
//!
//! It stands in a request once: a proxy in between may look at one of two and we at the other, so of two none counts.

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

/// Why the header says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum AuthorizationError {
    /// There are two.
    #[error("the header Authorization is there twice")]
    Twice,
    /// It has bytes in it that are no visible ASCII.
    #[error("the header Authorization is no text")]
    NoText,
}

/// What the header says, if it is there.
pub(super) fn header(headers: &HeaderMap) -> Result<Option<&str>, AuthorizationError> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(one), None) => one.to_str().map(Some).map_err(|_| AuthorizationError::NoText),
        (Some(_), Some(_)) => Err(AuthorizationError::Twice),
    }
}

/// The token in the header, if it shows one by `scheme`, which has no case (RFC 9110, section 11.1).
pub(super) fn token<'h>(headers: &'h HeaderMap, scheme: &str) -> Result<Option<&'h str>, AuthorizationError> {
    let shown = header(headers)?.and_then(|header| header.split_once(' '));
    Ok(shown.filter(|(said, _)| said.eq_ignore_ascii_case(scheme)).map(|(_, token)| token.trim()))
}

/// The token that its bearer shows (RFC 6750, section 2.1).
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, AuthorizationError> {
    token(headers, "Bearer")
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn of(values: &[&[u8]]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_bytes(value).unwrap())).collect()
    }

    #[test]
    fn one_header_counts_and_of_two_none() {
        assert_eq!(bearer(&of(&[])), Ok(None));
        for one in [b"Bearer a.b".as_slice(), b"bearer  a.b ", b"BEARER a.b"] {
            assert_eq!(bearer(&of(&[one])), Ok(Some("a.b")), "{one:?}");
        }
        for other in [b"Bearer".as_slice(), b"DPoP a.b", b"Bearers a.b", b""] {
            assert_eq!(bearer(&of(&[other])), Ok(None), "{other:?}");
        }
        assert_eq!(bearer(&of(&[b"Bearer \xff"])), Err(AuthorizationError::NoText));
        for two in [[b"Bearer a.b".as_slice(), b"Bearer a.b"], [b"Bearer a.b", b"Basic x"], [b"Basic x", b"Bearer a.b"]]
        {
            assert_eq!(bearer(&of(&two)), Err(AuthorizationError::Twice), "{two:?}");
        }
        assert_eq!(token(&of(&[b"dpop x"]), "DPoP"), Ok(Some("x")));
    }
}
