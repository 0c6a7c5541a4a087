//! The canonical request and the string to sign: one text for all spellings of a request that mean the same.
//!
//! As in the IAM User Guide ("Create a signed AWS API request") and, where that is silent, as botocore does
//! (`SigV4Auth`): the path is normalised and encoded once more, the query only sorted.

use aws_lc_rs::digest::{SHA256, digest};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::headers::collapsed;
use super::{Request, Scope};
use crate::base::text::printable_within;

/// All but RFC 3986 2.3 `unreserved`.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Longest line of a canonical request that is shown, in characters.
const SHOWN_LINE: usize = 512;

/// What stands for a session token where a canonical request is shown.
const HIDDEN: &str = "(the session token)";

/// What was to be signed as computed here, for the sender to compare: no session token, no control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub(super) canonical: String,
    pub(super) to_sign: String,
}

/// A request and what its signature says it covers.
pub(super) struct Canonical<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) signed_headers: &'a [String],
    pub(super) body_hash: &'a str,
}

/// Who will see a canonical request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    Signing,
    Showing,
}

impl Canonical<'_> {
    /// The string that is signed: `stamp` is the request's `X-Amz-Date`.
    pub(super) fn to_sign(&self, stamp: &str, scope: &Scope) -> String {
        format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", sha256(&self.write(For::Signing)))
    }

    /// Both texts, safe to show.
    pub(super) fn shown(&self, to_sign: String) -> Shown {
        let canonical = self.write(For::Showing);
        let canonical = String::from_utf8_lossy(&canonical);
        let lines: Vec<_> = canonical.split('\n').map(|line| printable_within(line, SHOWN_LINE)).collect();
        Shown { canonical: lines.join("\n"), to_sign }
    }

    fn write(&self, reader: For) -> Vec<u8> {
        let Self { request, signed_headers, body_hash } = self;
        let first = format!("{}\n{}\n{}\n", request.method, path(request.path), query(request.query, reader));
        // Values of headers need not be UTF-8.
        let mut bytes = first.into_bytes();
        for name in *signed_headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(b':');
            if reader == For::Showing && name == "x-amz-security-token" {
                bytes.extend_from_slice(HIDDEN.as_bytes());
            } else {
                // Signed headers are there once: `headers::signed` has seen to it.
                let value = request.header(name).ok().flatten().unwrap_or_default();
                bytes.extend_from_slice(&collapsed(value));
            }
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(format!("\n{}\n{body_hash}", signed_headers.join(";")).as_bytes());
        bytes
    }
}

/// The SHA-256 of `bytes` in lower-case hex.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

/// RFC 3986 5.2.4 without its dots, empty segments gone as well, then encoded: `%2F` has become `%252F`. Services
/// other than S3 do both; what is signed is thereby the path as it was sent, not as it might be decoded.
fn path(raw: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    let mut path = String::with_capacity(raw.len() + 1);
    for segment in &segments {
        path.push('/');
        path.extend(percent_encode(segment.as_bytes(), RESERVED));
    }
    if raw.ends_with('/') || segments.is_empty() {
        path.push('/');
    }
    path
}

/// The parameters as they were sent, sorted by name, then value; without the signature itself.
fn query(raw: &str, reader: For) -> String {
    if raw.is_empty() {
        return String::new();
    }
    let pairs = raw.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut pairs: Vec<(&str, &str)> = pairs.filter(|(name, _)| *name != "X-Amz-Signature").collect();
    pairs.sort_unstable();
    let shown = |(name, value): (&str, &str)| match name {
        "X-Amz-Security-Token" if reader == For::Showing => format!("{name}={HIDDEN}"),
        _ => format!("{name}={value}"),
    };
    pairs.into_iter().map(shown).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;

    use super::*;
    use crate::authn::sigv4::{Body, key};
    use crate::base::Secret;

    const DATE: (&str, &[u8]) = ("x-amz-date", b"20150830T123600Z");
    const HOST: (&str, &[u8]) = ("host", b"example.amazonaws.com");

    /// The signature of AWS's test suite for Signature Version 4: its key, day, region and service.
    fn signature(method: &str, target: &str, headers: &[(&str, &[u8])], body: &[u8]) -> String {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let request = Request { method, path, query, headers, body: Body::Whole(body) };
        signed(&request, &Scope::new("20150830", "us-east-1", "service"))
    }

    fn signed(request: &Request<'_>, scope: &Scope) -> String {
        let mut names: Vec<String> = request.headers.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.sort();
        let body = match request.body {
            Body::Whole(body) => body,
            Body::Elsewhere => b"",
        };
        let canonical = Canonical { request, signed_headers: &names, body_hash: &sha256(body) };
        let secret = Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned());
        let to_sign = canonical.to_sign("20150830T123600Z", scope);
        hex::encode(hmac::sign(&key::signing(&secret, scope), to_sign.as_bytes()))
    }

    #[test]
    fn the_documented_example_has_the_documented_hash_and_signature() {
        let request = Request {
            method: "GET",
            path: "/",
            query: "Action=ListUsers&Version=2010-05-08",
            headers: &[
                ("content-type", b"application/x-www-form-urlencoded; charset=utf-8"),
                ("host", b"iam.amazonaws.com"),
                DATE,
            ],
            body: Body::Whole(b""),
        };
        let names = ["content-type", "host", "x-amz-date"].map(str::to_owned);
        let canonical = Canonical { request: &request, signed_headers: &names, body_hash: &sha256(b"") };
        let hash = sha256(&canonical.write(For::Signing));
        assert_eq!(hash, "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59");
        let signature = signed(&request, &Scope::new("20150830", "us-east-1", "iam"));
        assert_eq!(signature, "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
    }

    #[test]
    fn the_published_suite_comes_out_as_published() {
        let vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
        for (target, expected) in [
            ("/", vanilla),
            ("//", vanilla),
            ("/./", vanilla),
            ("/example/..", vanilla),
            ("/example1/example2/../..", vanilla),
            (
                "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
                "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
            ),
            ("/?Param2=value2&Param1=value1", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
            (
                "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
                "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
            ),
        ] {
            assert_eq!(signature("GET", target, &[HOST, DATE], b""), expected, "{target}");
        }
        let post = signature("POST", "/", &[HOST, DATE], b"");
        assert_eq!(post, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
        let form = ("content-type", &b"application/x-www-form-urlencoded"[..]);
        let post = signature("POST", "/", &[form, HOST, DATE], b"Param1=value1");
        assert_eq!(post, "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
        let trimmed = [HOST, ("my-header1", &b" value1"[..]), ("my-header2", &b" \"a   b   c\""[..]), DATE];
        let trimmed = signature("GET", "/", &trimmed, b"");
        assert_eq!(trimmed, "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
    }

    #[test]
    fn paths_are_normalised_and_encoded_once_more() {
        for (raw, canonical) in [
            ("", "/"),
            ("/", "/"),
            ("/a", "/a"),
            ("/a/", "/a/"),
            ("/a//b", "/a/b"),
            ("/a/.", "/a"),
            ("/a/./", "/a/"),
            ("/a/b/..", "/a"),
            ("/a/..", "/"),
            ("/../..", "/"),
            ("/..a/.b", "/..a/.b"),
            ("/%2F", "/%252F"),
            ("/a+b", "/a%2Bb"),
            ("/~a", "/~a"),
            ("/a:b@c;d", "/a%3Ab%40c%3Bd"),
            ("/%E1%88%B4", "/%25E1%2588%25B4"),
        ] {
            assert_eq!(path(raw), canonical, "{raw}");
        }
    }

    #[test]
    fn queries_are_sorted_and_not_touched() {
        for (raw, canonical) in [
            ("", ""),
            ("a", "a="),
            ("b=2&a=1", "a=1&b=2"),
            ("a=2&a=1", "a=1&a=2"),
            ("a=%2f+&A=%2F", "A=%2F&a=%2f+"),
            ("a=1&a-b=2", "a=1&a-b=2"),
            ("a=b=c", "a=b=c"),
            ("a&&b", "=&a=&b="),
            ("X-Amz-Signature=00&a=1", "a=1"),
        ] {
            assert_eq!(query(raw, For::Signing), canonical, "{raw}");
        }
    }

    #[test]
    fn what_is_shown_has_no_token_and_no_control_characters() {
        let request = Request {
            method: "GET",
            path: "/\u{202e}",
            query: "X-Amz-Security-Token=hunter2&a=1",
            headers: &[("host", b"h\x1b[2J\xff"), ("x-amz-security-token", b"hunter2")],
            body: Body::Whole(b""),
        };
        let names = ["host", "x-amz-security-token"].map(str::to_owned);
        let canonical = Canonical { request: &request, signed_headers: &names, body_hash: "00" };
        let shown = canonical.shown(String::new()).canonical;
        assert_eq!(
            shown,
            "GET\n/%E2%80%AE\nX-Amz-Security-Token=(the session token)&a=1\nhost:h\\u{1b}[2J\u{fffd}\n\
             x-amz-security-token:(the session token)\n\nhost;x-amz-security-token\n00"
        );
    }
}
