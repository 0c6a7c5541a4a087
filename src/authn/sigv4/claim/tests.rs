//! Every refusal, of requests that are signed for what they say unless the line is about that.

use super::super::{Replayed, Replays};
use super::*;
use crate::base::Faulty as _;

const KEY_ID: &str = "AKIDEXAMPLE_FOR_TESTS";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const NOW: &str = "2015-08-30T12:36:00Z";
const EXPECTED: Expected<'_> = Expected { services: &["iam", "sts"], presigned: &["sts"], regions: &[] };

/// A request about to be signed; what a line changes, it changes here.
#[derive(Clone)]
struct Draft {
    way: Way,
    method: &'static str,
    path: String,
    query: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    algorithm: &'static str,
    credential: String,
    /// Instead of all headers.
    signed_headers: Option<&'static str>,
    expires: &'static str,
    /// Instead of the right one.
    signature: Option<String>,
    /// Instead of all of it.
    authorization: Option<String>,
    /// Headers that come on the way.
    added: Vec<(&'static str, &'static str)>,
    /// Query parameters that come on the way.
    appended: &'static str,
}

impl Draft {
    fn new(way: Way) -> Self {
        let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let mut draft = Self {
            way,
            method: "GET",
            path: "/".to_owned(),
            query: "Action=GetCallerIdentity&Version=2011-06-15".to_owned(),
            headers: vec![header("host", "sts.example.com")],
            body: Vec::new(),
            algorithm: "AWS4-HMAC-SHA256",
            credential: format!("{KEY_ID}/20150830/us-east-1/sts/aws4_request"),
            signed_headers: None,
            expires: "60",
            signature: None,
            authorization: None,
            added: Vec::new(),
            appended: "",
        };
        if way == Way::Header {
            draft.method = "POST";
            draft.body = std::mem::take(&mut draft.query).into_bytes();
            draft.headers.insert(0, header("content-type", "application/x-www-form-urlencoded; charset=utf-8"));
            draft.headers.push(header("x-amz-date", "20150830T123600Z"));
            draft.headers.push(header("x-amz-security-token", "hunter2"));
        }
        draft
    }

    fn date(&mut self, stamp: &str) {
        self.headers.iter_mut().filter(|(name, _)| name == "x-amz-date").for_each(|(_, value)| *value = stamp.into());
    }

    fn scheme(&mut self, authorization: &str) {
        self.authorization = Some(authorization.to_owned());
    }

    fn scope(&mut self, scope: &str) {
        self.credential = format!("{KEY_ID}/{scope}");
    }

    fn list(&mut self, signed_headers: &'static str) {
        self.signed_headers = Some(signed_headers);
    }

    fn drop(&mut self, name: &str) {
        self.headers.retain(|(given, _)| given != name);
    }

    fn sign(&mut self, secret: &str) {
        let mut names: Vec<String> = self.headers.iter().map(|(name, _)| name.to_lowercase()).collect();
        names.sort();
        names.dedup();
        let listed = self.signed_headers.map_or(names.join(";"), str::to_owned);
        let names: Vec<String> = listed.split(';').map(str::to_owned).collect();
        if self.way == Way::Presigned {
            let Self { query, algorithm, credential, expires, .. } = self;
            let (credential, listed) = (credential.replace('/', "%2F"), listed.replace(';', "%3B"));
            *query = format!(
                "{query}&X-Amz-Algorithm={algorithm}&X-Amz-Credential={credential}&X-Amz-Date=20150830T123600Z\
                 &X-Amz-Expires={expires}&X-Amz-SignedHeaders={listed}"
            );
        }
        let fields: Vec<&str> = self.credential.splitn(5, '/').collect();
        let scope = Scope::new(fields[1], fields[2], fields[3]);
        let stamp = self.headers.iter().find(|(name, _)| name == "x-amz-date");
        let stamp = stamp.map_or("20150830T123600Z".to_owned(), |(_, value)| String::from_utf8(value.clone()).unwrap());
        let body_hash = sha256(&self.body);
        let signature = self.with(|request| {
            let canonical = Canonical { request, signed_headers: &names, body_hash: &body_hash };
            let key = key::signing(&Secret::new(secret.to_owned()), &scope);
            hex::encode(hmac::sign(&key, canonical.to_sign(stamp.trim(), &scope).as_bytes()))
        });
        let signature = self.signature.clone().unwrap_or(signature);
        if self.way == Way::Presigned {
            self.query.push_str(&format!("&X-Amz-Signature={signature}"));
        } else {
            let value = self.authorization.clone().unwrap_or(format!(
                "{} Credential={}, SignedHeaders={listed}, Signature={signature}",
                self.algorithm, self.credential
            ));
            self.headers.push(("authorization".to_owned(), value.into_bytes()));
        }
    }

    fn with<T>(&self, then: impl FnOnce(&Request<'_>) -> T) -> T {
        let headers: Vec<(&str, &[u8])> = self.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let Self { method, path, query, body, .. } = self;
        then(&Request { method, path, query, headers: &headers, body: Body::Whole(body) })
    }

    fn outcome(mut self, secret: &str, expected: &Expected<'_>, now: &str) -> Result<Verified, SigV4Error> {
        self.sign(secret);
        self.query.push_str(self.appended);
        let added = std::mem::take(&mut self.added);
        self.headers.extend(added.into_iter().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())));
        self.with(|request| {
            Claim::read(request, expected, now.parse().unwrap())?.verify(&Secret::new(SECRET.to_owned()))
        })
    }
}

fn refused(way: Way, edit: fn(&mut Draft)) -> SigV4Error {
    let mut draft = Draft::new(way);
    edit(&mut draft);
    draft.outcome(SECRET, &EXPECTED, NOW).unwrap_err()
}

/// What is done to a request, and what its refusal says.
type Line = (fn(&mut Draft), &'static str);

#[track_caller]
fn check(way: Way, answer: (u16, &str), lines: &[Line]) {
    for (number, (edit, words)) in lines.iter().enumerate() {
        let refusal = refused(way, *edit);
        let said = refusal.to_string();
        assert!(said.contains(words), "line {number}: {said:?} does not say {words:?}");
        assert_eq!((refusal.status(), refusal.code()), answer, "line {number}: {said}");
        assert!(!refusal.message().contains("hunter2"), "{}", refusal.message());
        assert_eq!(refusal.fault(), crate::base::Fault::Caller);
        assert!(!said.chars().any(crate::base::text::hidden), "{said}");
    }
}

const INCOMPLETE: (u16, &str) = (400, "IncompleteSignature");
const MISMATCH: (u16, &str) = (403, "SignatureDoesNotMatch");
const TOO_LARGE: (u16, &str) = (413, "RequestEntityTooLarge");

#[test]
fn what_is_signed_as_it_should_be_is_taken() {
    let verified = Draft::new(Way::Header).outcome(SECRET, &EXPECTED, NOW).unwrap();
    assert_eq!((verified.way(), verified.access_key_id()), (Way::Header, KEY_ID));
    assert_eq!(verified.session_token().unwrap().expose(), "hunter2");
    assert_eq!(verified.scope().to_string(), "20150830/us-east-1/sts/aws4_request");
    assert_eq!((verified.date(), verified.until()), (NOW.parse().unwrap(), "2015-08-30T12:41:00Z".parse().unwrap()));
    let presigned = Draft::new(Way::Presigned).outcome(SECRET, &EXPECTED, NOW).unwrap();
    assert_eq!((presigned.way(), presigned.access_key_id()), (Way::Presigned, KEY_ID));
    assert!(presigned.session_token().is_none());
    assert_eq!(presigned.until(), "2015-08-30T12:37:00Z".parse().unwrap());
    assert_ne!(presigned.digest(), verified.digest());
}

#[test]
fn a_request_is_taken_once_and_not_at_all_if_of_before_the_start() {
    let now: Timestamp = NOW.parse().unwrap();
    let taken = || Draft::new(Way::Header).outcome(SECRET, &EXPECTED, NOW).unwrap();
    let replays = Replays::since("2015-08-30T12:36:00.9Z".parse().unwrap());
    assert_eq!(replays.admit(&taken(), now), Ok(()));
    assert_eq!(replays.admit(&taken(), now), Err(Replayed::Before));
    let restarted = Replays::since("2015-08-30T12:36:01Z".parse().unwrap());
    assert_eq!(restarted.admit(&taken(), now), Err(Replayed::Unknown));
}

#[test]
fn a_signature_has_one_place_one_scheme_and_one_form() {
    check(
        Way::Header,
        INCOMPLETE,
        &[
            (|d| d.appended = "X-Amz-Signature=00", "both by header and by query"),
            (|d| d.query = "X-Amz-Expires=1".into(), "both by header and by query"),
            (|d| d.query = "x-amz%2Danything".into(), "both by header and by query"),
            (|d| d.query = "AWSAccessKeyId=a".into(), "Signature Version 2 is not supported"),
            (|d| d.query = "Signature%56ersion=2".into(), "Signature Version 2 is not supported"),
            (|d| d.added = vec![("authorization", "again")], "`authorization` is there more than once"),
            (|d| d.added = vec![("Authorization", "again")], "`authorization` is there more than once"),
            (|d| d.algorithm = "AWS4-ECDSA-P256-SHA256", "Signature Version 4A"),
            (|d| d.scheme("AWS AKID:c2ln"), "Signature Version 2 is"),
            (|d| d.scheme("AWS4-HMAC-SHA256-PAYLOAD a"), "the chunk signature"),
            (|d| d.scheme("Bearer hunter2"), "the scheme of the signature is not"),
            (|d| d.scheme("hunter2"), "the scheme of the signature is not"),
            (|d| d.algorithm = "aws4-hmac-sha256", "the scheme of the signature is not"),
            (|d| d.scheme("AWS4-HMAC-SHA256"), "the Authorization header has to be"),
            (|d| d.scheme("AWS4-HMAC-SHA256 Token=hunter2"), "the Authorization header has"),
            (|d| d.scheme("AWS4-HMAC-SHA256 SignedHeaders=host, Signature=00"), "`Credential` is missing"),
            (|d| d.scheme("AWS4-HMAC-SHA256 Credential=a, Signature=00"), "`SignedHeaders` is missing"),
            (|d| d.scheme("AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host"), "`Signature` is missing"),
            (|d| d.scheme("AWS4-HMAC-SHA256 Credential=a, Credential=b"), "`Credential` is there more"),
            (|d| d.signature = Some("A".repeat(64)), "64 lower-case hexadecimal digits"),
            (|d| d.signature = Some("a".repeat(63)), "64 lower-case hexadecimal digits"),
            (|d| d.signature = Some("a".repeat(66)), "64 lower-case hexadecimal digits"),
            (|d| d.signature = Some(String::new()), "64 lower-case hexadecimal digits"),
        ],
    );
    check(
        Way::Header,
        TOO_LARGE,
        &[(|d| d.authorization = Some(format!("AWS4-HMAC-SHA256 {}", "a".repeat(9_000))), "8192 bytes")],
    );
    check(Way::Header, MISMATCH, &[(|d| d.signature = Some("a".repeat(64)), "does not match")]);
    let mut unsigned = Draft::new(Way::Header);
    unsigned.sign(SECRET);
    unsigned.drop("authorization");
    let refusal = unsigned.with(|request| Claim::read(request, &EXPECTED, NOW.parse().unwrap()).unwrap_err());
    assert_eq!((refusal.status(), refusal.code()), (403, "MissingAuthenticationToken"));
    assert_eq!((SigV4Error::UnknownKey.status(), SigV4Error::UnknownKey.code()), (403, "InvalidClientTokenId"));
}

#[test]
fn the_credential_is_ours_and_of_the_day() {
    check(
        Way::Header,
        INCOMPLETE,
        &[
            (|d| d.credential = "AKID/20150830/us-east-1/sts/aws4_request".into(), "not `AKID`"),
            (|d| d.credential = format!("{}/20150830/us-east-1/sts/aws4_request", "A".repeat(129)), "16 to 128"),
            (|d| d.credential = "AKIDEXAMPLE\u{1b}AAAAAA/20150830/us-east-1/sts/aws4_request".into(), "\\u{1b}"),
            (|d| d.scope("20150830/us-east-1/sts"), "between slashes"),
            (|d| d.scope("20150830/us-east-1/sts/aws4_request/"), "between slashes"),
            (|d| d.scope("20150830/US/sts/aws4_request"), "not `US`"),
            (|d| d.scope("20150830//sts/aws4_request"), "the region has to be"),
            (|d| d.scope(&format!("20150830/{}/sts/aws4_request", "a".repeat(65))), "the region has to be"),
        ],
    );
    check(
        Way::Header,
        MISMATCH,
        &[
            (|d| d.scope("20150831/us-east-1/sts/aws4_request"), "of 20150831, the request of 20150830"),
            (|d| d.scope("20150829/us-east-1/sts/aws4_request"), "both dates have to be the same"),
            (|d| d.scope("20150830/us-east-1/s3/aws4_request"), "service `s3`: expected `iam` or `sts`"),
            (|d| d.scope("20150830/us-east-1/STS/aws4_request"), "service `STS`"),
            (|d| d.scope("20150830/us-east-1/sts/aws5_request"), "ends with `aws5_request`"),
        ],
    );
    let ours = ["eu-west-1".to_owned()];
    let elsewhere = Expected { regions: &ours, ..EXPECTED };
    let refusal = Draft::new(Way::Header).outcome(SECRET, &elsewhere, NOW).unwrap_err();
    assert_eq!((refusal.code(), refusal), (MISMATCH.1, SigV4Error::Region("us-east-1".to_owned())));
    let ours = ["eu-west-1".to_owned(), "us-east-1".to_owned()];
    assert!(Draft::new(Way::Header).outcome(SECRET, &Expected { regions: &ours, ..EXPECTED }, NOW).is_ok());
}

#[test]
fn the_date_is_signed_well_formed_and_recent() {
    check(
        Way::Header,
        INCOMPLETE,
        &[
            (|d| d.drop("x-amz-date"), "`X-Amz-Date` is missing"),
            (
                |d| {
                    d.drop("x-amz-date");
                    d.headers.push(("date".into(), b"Sun, 30 Aug 2015 12:36:00 GMT".to_vec()));
                },
                "`X-Amz-Date` is missing",
            ),
            (|d| d.list("content-type;host;x-amz-security-token"), "`x-amz-date` is not signed"),
            (|d| d.added = vec![("X-Amz-Date", "20150830T123600Z")], "`x-amz-date` is there more than once"),
            (|d| d.date("2015-08-30T12:36:00Z"), "not `2015-08-30T12:36:00Z`"),
            (|d| d.date("20150830T123600 Z"), "one word of visible ASCII"),
            (|d| d.date("20150830T123660Z"), "X-Amz-Date has to be a moment"),
        ],
    );
    check(
        Way::Header,
        MISMATCH,
        &[
            (|d| d.date("20150830T124201Z"), "not yet current"),
            (
                |d| d.date("20150830T122959Z"),
                "has expired: it is of 2015-08-30T12:29:59Z, here it is 2015-08-30T12:36:00Z",
            ),
        ],
    );
    for (now, taken) in [
        ("2015-08-30T12:30:00Z", false),
        ("2015-08-30T12:31:00Z", true),
        ("2015-08-30T12:41:00Z", true),
        ("2015-08-30T12:42:00Z", false),
    ] {
        assert_eq!(Draft::new(Way::Header).outcome(SECRET, &EXPECTED, now).is_ok(), taken, "{now}");
    }
}

#[test]
fn what_says_who_asks_for_what_is_signed() {
    check(
        Way::Header,
        INCOMPLETE,
        &[
            (|d| d.list("content-type;x-amz-date;x-amz-security-token"), "`host` is not signed"),
            (|d| d.list("host;x-amz-date;x-amz-security-token"), "`content-type` is not signed"),
            (|d| d.list("content-type;host;x-amz-date"), "`x-amz-security-token` is not signed"),
            (|d| d.added = vec![("X-AMZ-Target", "a")], "`x-amz-target` is not signed"),
            (
                |d| d.list("content-type;host;no-such;x-amz-date;x-amz-security-token"),
                "`no-such` is named in SignedHeaders and is not there",
            ),
            (|d| d.list("host;content-type;x-amz-date;x-amz-security-token"), "sorted"),
            (|d| d.list("content-type;host;host;x-amz-date;x-amz-security-token"), "each once"),
            (|d| d.list("content-type;Host;x-amz-date;x-amz-security-token"), "lower-case"),
            (|d| d.list(";content-type;host;x-amz-date;x-amz-security-token"), "SignedHeaders has to be"),
            (|d| d.list(""), "SignedHeaders has to be"),
            (|d| d.list("authorization;content-type;host;x-amz-date;x-amz-security-token"), "SignedHeaders has to be"),
            (|d| d.added = vec![("host", "b")], "`host` is there more than once"),
            (|d| d.added = vec![("Content-Type", "b")], "`content-type` is there more than once"),
            (|d| d.headers.push(("x-a".into(), b"a\nx-amz-b:c".to_vec())), "free of control characters"),
            (
                |d| {
                    d.headers
                        .iter_mut()
                        .filter(|(name, _)| name.ends_with("token"))
                        .for_each(|(_, value)| *value = b"hunter2 hunter2".to_vec())
                },
                "x-amz-security-token has to be one word",
            ),
        ],
    );
    check(
        Way::Header,
        TOO_LARGE,
        &[
            (|d| d.headers.push(("x-a".into(), vec![b'a'; 8_193])), "a signed header is beyond 8192 bytes"),
            (|d| d.headers.extend((0..100).map(|n| (format!("h{n}"), Vec::new()))), "100 names"),
        ],
    );
    let mut free = Draft::new(Way::Header);
    free.added = vec![("user-agent", "a"), ("x-amzn-trace-id", "a"), ("user-agent", "b"), ("x-forwarded-for", "c")];
    assert!(free.outcome(SECRET, &EXPECTED, NOW).is_ok());
}

/// The same request where only the body's hash comes along.
fn elsewhere(mut draft: Draft) -> Result<Verified, SigV4Error> {
    draft.sign(SECRET);
    draft.with(|request| {
        let request = Request { body: Body::Elsewhere, ..*request };
        Claim::read(&request, &EXPECTED, NOW.parse().unwrap())?.verify(&Secret::new(SECRET.to_owned()))
    })
}

#[test]
fn of_a_body_that_goes_elsewhere_the_signed_hash_is_handed_on() {
    let draft = Draft::new(Way::Header);
    let (body, nothing) = (sha256(&draft.body), sha256(b""));
    let with = |hash: &str| {
        let mut draft = draft.clone();
        draft.headers.push(("x-amz-content-sha256".to_owned(), hash.into()));
        elsewhere(draft)
    };
    assert_eq!(with(&body).unwrap().body_hash(), body);
    assert!(matches!(with(&nothing), Err(SigV4Error::Mismatch(_))), "the hash that was signed is another");
    assert!(matches!(elsewhere(draft.clone()), Err(SigV4Error::Mismatch(_))), "without a header it is that of nothing");
    for (hash, words) in [
        ("UNSIGNED-PAYLOAD", "is not supported"),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "is not supported"),
        (&body.to_uppercase(), "64 lower-case hexadecimal digits"),
        ("00", "64 lower-case hexadecimal digits"),
    ] {
        let refusal = with(hash).unwrap_err().to_string();
        assert!(refusal.contains(words), "{hash}: {refusal}");
    }
    let empty = Draft { body: Vec::new(), ..draft };
    assert_eq!(elsewhere(empty).unwrap().body_hash(), nothing);
}

#[test]
fn the_body_is_hashed_whatever_a_header_says() {
    let claim = |d: &mut Draft, hash: &str| d.headers.push(("x-amz-content-sha256".to_owned(), hash.into()));
    let mut right = Draft::new(Way::Header);
    let hash = sha256(&right.body);
    claim(&mut right, &hash);
    assert!(right.outcome(SECRET, &EXPECTED, NOW).is_ok());
    for (hash, words) in [
        ("UNSIGNED-PAYLOAD", "`UNSIGNED-PAYLOAD` is not supported"),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "a payload of `STREAMING-*` is not supported"),
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", "a payload of `STREAMING-*` is not supported"),
        (&sha256(b""), "is not the SHA-256 of the body that arrived"),
        (&hash.to_uppercase(), "is not the SHA-256 of the body that arrived"),
        ("", "one word of visible ASCII"),
    ] {
        let mut draft = Draft::new(Way::Header);
        claim(&mut draft, hash);
        let refusal = draft.outcome(SECRET, &EXPECTED, NOW).unwrap_err();
        assert!(refusal.to_string().contains(words), "{hash}: {refusal}");
        let mut unsigned = Draft::new(Way::Header);
        unsigned.list("content-type;host;x-amz-date;x-amz-security-token");
        claim(&mut unsigned, hash);
        let refusal = unsigned.outcome(SECRET, &EXPECTED, NOW).unwrap_err();
        assert_eq!(refusal, SigV4Error::NotSigned("x-amz-content-sha256".to_owned()));
    }
}

#[test]
fn a_presigned_request_is_a_short_lived_get() {
    check(
        Way::Presigned,
        INCOMPLETE,
        &[
            (|d| d.method = "POST", "other than GET"),
            (|d| d.body = b"Action=AssumeRole".to_vec(), "with a body"),
            (|d| d.scope("20150830/us-east-1/iam/aws4_request"), "to this service"),
            (|d| d.expires = "61", "from 1 to 60, not `61`"),
            (|d| d.expires = "0", "not `0`"),
            (|d| d.expires = "-1", "not `-1`"),
            (|d| d.expires = "604801", "not `604801`"),
            (|d| d.expires = "NaN", "not `NaN`"),
            (|d| d.expires = "", "X-Amz-Expires has to be"),
            (|d| d.algorithm = "AWS4-ECDSA-P256-SHA256", "Signature Version 4A"),
            (|d| d.algorithm = "AWS4-HMAC-SHA256&X-Amz-Algorithm=AWS4-HMAC-SHA256", "`x-amz-algorithm` is there more"),
            (|d| d.appended = "&X-Amz-Signature=00", "`x-amz-signature` is there more"),
            (|d| d.appended = "&x-amz-signature=00", "a query parameter has to be X-Amz-Signature"),
            (|d| d.appended = "&X-Amz-Expire%73=60", "a query parameter has to be X-Amz-Expires"),
            (|d| d.appended = "&x-amz-user-agent=a&X-Amz-User-Agent=b", "`x-amz-user-agent` is there more"),
            (|d| d.query = "X-Amz-Content-Sha256=UNSIGNED-PAYLOAD".into(), "`UNSIGNED-PAYLOAD`"),
            (|d| d.query = "X-Amz-Security-Token=%0A".into(), "X-Amz-Security-Token has to be one word"),
            (|d| d.headers.push(("x-amz-date".into(), b"20150830T123600Z".to_vec())), "`x-amz-date` is there more"),
            (|d| d.added = vec![("content-type", "a")], "`content-type` is not signed"),
            (|d| d.added = vec![("x-amz-security-token", "hunter2")], "`x-amz-security-token` is not signed"),
            (|d| d.added = vec![("authorization", "AWS4-HMAC-SHA256 a")], "both by header and by query"),
        ],
    );
    check(Way::Presigned, MISMATCH, &[(|d| d.appended = "&Action=AssumeRole", "does not match")]);
    for part in ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"] {
        let mut draft = Draft::new(Way::Presigned);
        draft.sign(SECRET);
        let kept = draft.query.split('&').filter(|pair| !pair.starts_with(&format!("X-Amz-{part}=")));
        draft.query = kept.collect::<Vec<_>>().join("&");
        let refusal = draft.with(|request| Claim::read(request, &EXPECTED, NOW.parse().unwrap()).unwrap_err());
        assert_eq!(refusal.to_string(), format!("`X-Amz-{part}` is missing"));
    }
    let late = Draft::new(Way::Presigned).outcome(SECRET, &EXPECTED, "2015-08-30T12:37:00Z").unwrap_err();
    assert_eq!((late.status(), late.code()), (400, "RequestExpired"));
    let early = Draft::new(Way::Presigned).outcome(SECRET, &EXPECTED, "2015-08-30T12:30:59Z").unwrap_err();
    assert_eq!((early.status(), early.code()), MISMATCH);
}

#[test]
fn sizes_and_characters_have_limits() {
    check(
        Way::Header,
        TOO_LARGE,
        &[
            (|d| d.path = format!("/{}", "a".repeat(2_048)), "the path is beyond 2048 bytes"),
            (|d| d.query = "a".repeat(16_385), "the query is beyond 16384 bytes"),
            (|d| d.body = vec![b'a'; 1_048_577], "the body is beyond 1048576 bytes"),
        ],
    );
    check(
        Way::Header,
        INCOMPLETE,
        &[
            (|d| d.method = "post", "capital letters, not `post`"),
            (|d| d.method = "", "capital letters"),
            (|d| d.method = "POST\n/", "not `POST\\u{a}/`"),
            (|d| d.path = "a".into(), "a slash and visible ASCII"),
            (|d| d.path = "/\n".into(), "a slash and visible ASCII"),
            (|d| d.path = "/é".into(), "a slash and visible ASCII"),
            (|d| d.query = "a=\nb".into(), "the query has to be visible ASCII"),
        ],
    );
}

#[test]
fn a_wrong_secret_is_told_what_was_to_be_signed_and_nothing_secret() {
    let refusal = Draft::new(Way::Header).outcome("another secret", &EXPECTED, NOW).unwrap_err();
    assert_eq!((refusal.status(), refusal.code()), MISMATCH);
    assert_eq!(refusal.to_string().lines().count(), 1);
    let body = sha256(b"Action=GetCallerIdentity&Version=2011-06-15");
    let message = refusal.message();
    let canonical = format!(
        "'POST\n/\n\ncontent-type:application/x-www-form-urlencoded; charset=utf-8\nhost:sts.example.com\n\
         x-amz-date:20150830T123600Z\nx-amz-security-token:(the session token)\n\n\
         content-type;host;x-amz-date;x-amz-security-token\n{body}'"
    );
    assert!(message.contains(&canonical), "{message}");
    assert!(
        message.contains("'AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/sts/aws4_request\n"),
        "{message}"
    );
    for debug in [format!("{refusal:?}"), {
        let mut draft = Draft::new(Way::Header);
        draft.sign(SECRET);
        draft
            .with(|request| format!("{:?} {request:?}", Claim::read(request, &EXPECTED, NOW.parse().unwrap()).unwrap()))
    }] {
        assert!(!debug.contains("hunter2") && !debug.contains(SECRET), "{debug}");
    }
}
