//! Signature Version 4 against the signers that clients use: botocore's, in Python and in C.
//!
//! Random requests signed by them are taken; with one byte changed anywhere they are refused, unless the change means
//! the same. What means the same is said here a second time, by [`Meaning`], which shares nothing with
//! `bailey::authn::sigv4`: blanks around and runs of blanks within header values, and around the three parts of
//! `Authorization`; the case of header names; headers that are not signed; `a` for `a=`; `.`, `..` and doubled slashes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write as _;
use std::process::Command;

use bailey::authn::sigv4::{Body, Claim, Expected, Replays, Request, SigV4Error, Verified, Way};
use bailey::base::{Secret, Timestamp};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt, SeedableRng as _};
use serde_json::{Value, json};

use crate::run;

/// Debian's own, which has the botocore that `.ci/tools` installs.
const PYTHON: &str = "/usr/bin/python3";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/bed/botocore_sign.py");
const EXPECTED: Expected<'_> = Expected { services: &["iam", "sts"], presigned: &["sts"], regions: &[] };
/// Changes made to each request.
const CHANGES: usize = 10;

/// A request as it is sent.
#[derive(Debug, Clone)]
struct Wire {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Wire {
    fn of(method: &str, sent: &Value, body: Vec<u8>) -> Self {
        let url = sent["url"].as_str().unwrap();
        let (_, behind) = url.split_once("://").unwrap();
        let at = behind.find(['/', '?']).unwrap_or(behind.len());
        let (path, query) = behind[at..].split_once('?').unwrap_or((&behind[at..], ""));
        let of_pair = |pair: &Value| (pair[0].as_str().unwrap().to_owned(), pair[1].as_str().unwrap().into());
        let headers = sent["headers"].as_array().unwrap().iter().map(of_pair).collect();
        Self { method: method.to_owned(), path: path.to_owned(), query: query.to_owned(), headers, body }
    }

    /// As a listener would, with one key in its store. The id of a key is not under the signature: its secret is, and
    /// the id leads to that.
    fn verify(&self, key: &str, secret: &str, now: Timestamp) -> Result<Verified, SigV4Error> {
        let headers: Vec<(&str, &[u8])> = self.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let Self { method, path, query, body, .. } = self;
        let request = Request { method, path, query, headers: &headers, body: Body::Whole(body) };
        let claim = Claim::read(&request, &EXPECTED, now)?;
        if claim.access_key_id() != key {
            return Err(SigV4Error::UnknownKey);
        }
        claim.verify(&Secret::new(secret.to_owned()))
    }

    fn values(&self, name: &str) -> Vec<&[u8]> {
        let named = self.headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_slice()).collect()
    }

    fn date(&self) -> Timestamp {
        let in_query = self.query.split('&').find_map(|pair| pair.strip_prefix("X-Amz-Date="));
        let stamp = in_query.unwrap_or_else(|| std::str::from_utf8(self.values("x-amz-date")[0]).unwrap());
        moment(stamp)
    }
}

fn moment(stamp: &str) -> Timestamp {
    let part = |from: usize, to: usize| &stamp[from..to];
    let (day, time) =
        ([part(0, 4), part(4, 6), part(6, 8)].join("-"), [part(9, 11), part(11, 13), part(13, 15)].join(":"));
    format!("{day}T{time}Z").parse().unwrap()
}

/// What a signature covers, whatever the spelling.
#[derive(PartialEq, Eq)]
struct Meaning<'a> {
    method: &'a str,
    path: (Vec<&'a str>, bool, bool),
    query: Vec<(&'a str, &'a str)>,
    authorization: Option<BTreeMap<&'a str, &'a str>>,
    signed: Vec<(&'a str, Vec<Vec<u8>>)>,
    bound: BTreeSet<String>,
    body: &'a [u8],
}

impl<'a> Meaning<'a> {
    fn of(wire: &'a Wire) -> Self {
        let pairs = wire.query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        // No query has no pairs; an empty pair beside others is one.
        let mut query: Vec<_> = pairs.filter(|_| !wire.query.is_empty()).collect();
        query.sort_unstable();
        let authorization = authorization(wire);
        let in_header = authorization.as_ref().and_then(|parts| parts.get("SignedHeaders")).map(|list| list.split(';'));
        let in_query = query.iter().find(|(name, _)| *name == "X-Amz-SignedHeaders").map(|(_, list)| list.split("%3B"));
        let names: Vec<&str> = in_header.into_iter().flatten().chain(in_query.into_iter().flatten()).collect();
        let signed = |name: &'a str| (name, wire.values(name).into_iter().map(words).collect());
        let bound = wire.headers.iter().map(|(name, _)| name.to_lowercase());
        Self {
            method: &wire.method,
            path: path(&wire.path),
            signed: names.into_iter().map(signed).collect(),
            query,
            authorization,
            bound: bound.filter(|name| name.starts_with("x-amz-") || name == "content-type").collect(),
            body: &wire.body,
        }
    }
}

fn authorization(wire: &Wire) -> Option<BTreeMap<&str, &str>> {
    let [value] = wire.values("authorization")[..] else { return None };
    let parts = std::str::from_utf8(value).ok()?.strip_prefix("AWS4-HMAC-SHA256 ")?;
    parts.split(',').map(|part| part.trim_matches(' ').split_once('=')).collect()
}

/// Its names, whether it ends with a slash, and whether it is a path at all.
fn path(raw: &str) -> (Vec<&str>, bool, bool) {
    let mut kept = Vec::new();
    for name in raw.split('/').filter(|name| !["", "."].contains(name)) {
        match name {
            ".." => kept.truncate(kept.len().saturating_sub(1)),
            name => kept.push(name),
        }
    }
    let open = raw.ends_with('/') || kept.is_empty();
    let is_path = raw.is_empty() || raw.starts_with('/') && raw.bytes().all(|b| b.is_ascii_graphic());
    (kept, open, is_path)
}

fn words(value: &[u8]) -> Vec<u8> {
    let mut kept: Vec<u8> = value.iter().map(|&b| if b == b'\t' { b' ' } else { b }).collect();
    kept.dedup_by(|next, before| *next == b' ' && *before == b' ');
    let kept = kept.strip_prefix(b" ").unwrap_or(&kept);
    kept.strip_suffix(b" ").unwrap_or(kept).to_vec()
}

/// What is asked of the signer.
struct Asked {
    method: &'static str,
    url: String,
    host: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    key: String,
    secret: String,
    token: Option<String>,
    region: String,
    service: &'static str,
    expires: Option<i64>,
    stamp: String,
    crt: bool,
}

fn pick<'a>(rng: &mut StdRng, from: &[&'a str]) -> &'a str {
    from.choose(rng).unwrap()
}

/// Up to `most` pieces of `alphabet`, one after the other.
fn text(rng: &mut StdRng, alphabet: &[&str], least: usize, most: usize) -> String {
    let count = rng.random_range(least..=most);
    (0..count).map(|_| pick(rng, alphabet)).collect()
}

const LETTERS: &[&str] = &["a", "b", "K", "Z", "0", "9", "_"];
const OF_PATHS: &[&str] = &[
    "/",
    "/",
    "/",
    ".",
    "..",
    "a",
    "b-c",
    "~",
    "%2F",
    "%25",
    "%2f",
    "+",
    ":",
    "@",
    ";",
    "=",
    "*",
    "'",
    "(",
    "%E1%88%B4",
    "%20",
];
/// The runtime in C does not take a path that leads above its root, nor one that looks like an authority.
const OF_PLAIN_PATHS: &[&str] = &["/", "//", "/./", "a", "b-c", "~", "%2F", "%25", "%2f", "+", "%E1%88%B4", "%20"];
const OF_QUERIES: &[&str] = &[
    "&",
    "&",
    "=",
    "=",
    "a",
    "A",
    "b-c",
    "_",
    ".",
    "~",
    "+",
    "%2F",
    "%2f",
    "%20",
    "%3D",
    "%26",
    "%E1%88%B4",
    "*",
    "'",
    "/",
    "?",
    ":",
];
/// The runtime in C decodes and encodes again, so it signs what was sent only where that is the canonical spelling.
const OF_PLAIN_QUERIES: &[&str] = &["&a=", "&b=", "&A=", "a", "B", "-", "_", ".", "~", "%2F", "%20", "%E1%88%B4"];
const OF_VALUES: &[&str] = &["a", "b", " ", " ", "  ", "\t", ",", ";", "\"", ":", "=", "é", "語", "%20", "1"];
const OF_BODIES: &[&str] =
    &["Action=", "&", "=", "a", "+", "%2F", "%20", "é", "語", "\u{1f600}", "\n", "\0", " ", "Tags.member.1.Key="];
const OF_TOKENS: &[&str] = &["A", "b", "7", "+", "/", "=", "Qk", "zz"];

fn asked(rng: &mut StdRng) -> Asked {
    let crt = rng.random_ratio(1, 4);
    let presigned = rng.random_ratio(1, 4);
    let service = if presigned { "sts" } else { ["sts", "iam"][rng.random_range(0..2)] };
    let port = if rng.random() { format!(":{}", rng.random_range(1_024..65_535)) } else { String::new() };
    let host = format!("{}{port}", pick(rng, &["localhost", "127.0.0.1", "sts.example.com", "[::1]"]));
    let host = if crt && host.starts_with('[') { format!("localhost{port}") } else { host };
    let of_paths = if crt { OF_PLAIN_PATHS } else { OF_PATHS };
    let path = if rng.random() { "/".to_owned() } else { format!("/{}", text(rng, of_paths, 0, 8)) };
    let mut query = if rng.random() { String::new() } else { text(rng, OF_QUERIES, 0, 12) };
    if crt || presigned {
        query = format!("{}{}", pick(rng, &["", "Action=GetCallerIdentity"]), text(rng, OF_PLAIN_QUERIES, 0, 10));
        query = query.trim_start_matches('&').to_owned();
    }
    if crt && !(query.starts_with(['A', 'a', 'b']) && query.contains('=')) {
        query = String::new();
    }
    let mark = if query.is_empty() { "" } else { "?" };
    let mut headers = vec![("User-Agent".to_owned(), "Botocore/0".to_owned())];
    for name in ["X-Amz-Meta", "x-custom", "Accept", "X-AMZ-Target"] {
        if rng.random_ratio(1, 3) {
            let alphabet = if crt { &OF_VALUES[..5] } else { OF_VALUES };
            headers.push((name.to_owned(), text(rng, alphabet, 0, 8)));
        }
    }
    if rng.random_ratio(9, 10) {
        headers.push(("Content-Type".to_owned(), "application/x-www-form-urlencoded; charset=utf-8".to_owned()));
    }
    Asked {
        method: if presigned { "GET" } else { ["POST", "POST", "GET"][rng.random_range(0..3)] },
        url: format!("{}://{host}{path}{mark}{query}", pick(rng, &["http", "https"])),
        host,
        headers,
        body: if presigned { Vec::new() } else { text(rng, OF_BODIES, 0, 40).into_bytes() },
        key: text(rng, LETTERS, 16, 40),
        secret: text(rng, &["a", "B", "/", "+", "7", "é"], 1, 80),
        token: rng.random::<bool>().then(|| text(rng, OF_TOKENS, 1, 400)),
        region: text(rng, &["eu", "-", "west", "1"], 1, 6),
        service,
        expires: presigned.then(|| rng.random_range(1..=60)),
        stamp: {
            let second = rng.random_range(0..4_000_000_000);
            let moment = Timestamp::from_second(second).unwrap().to_string();
            moment.replace(['-', ':'], "")
        },
        crt,
    }
}

/// Has all of them signed by one process.
fn signed(all: &[Asked]) -> Vec<Wire> {
    let directory = tempfile::tempdir().unwrap();
    let name = directory.path().join("asked");
    let mut file = std::io::BufWriter::new(File::create(&name).unwrap());
    for asked in all {
        let line = json!({
            "method": asked.method, "url": asked.url, "headers": asked.headers, "body": hex::encode(&asked.body),
            "key": asked.key, "secret": asked.secret, "token": asked.token, "region": asked.region,
            "service": asked.service, "expires": asked.expires, "stamp": asked.stamp, "crt": asked.crt,
        });
        writeln!(file, "{line}").unwrap();
    }
    file.into_inner().unwrap().flush().unwrap();
    let sent = run::stdout(Command::new(PYTHON).args([SCRIPT, "sign"]).stdin(File::open(&name).unwrap()));
    let of_line = |(line, asked): (&str, &Asked)| {
        let mut wire = Wire::of(asked.method, &serde_json::from_str(line).unwrap(), asked.body.clone());
        if wire.values("host").is_empty() {
            let port = if asked.url.starts_with("https") { ":443" } else { ":80" };
            wire.headers.push(("Host".to_owned(), asked.host.trim_end_matches(port).into()));
        }
        wire
    };
    let wires: Vec<Wire> = sent.lines().zip(all).map(of_line).collect();
    assert_eq!(wires.len(), all.len());
    wires
}

/// One byte replaced, put in or taken out.
fn change(rng: &mut StdRng, bytes: &mut Vec<u8>, new: &[u8]) {
    let at = rng.random_range(0..=bytes.len());
    let byte = *new.choose(rng).unwrap();
    match rng.random_range(0..3) {
        0 if at < bytes.len() => drop(bytes.remove(at)),
        1 if at < bytes.len() => bytes[at] = if bytes[at] == byte { byte ^ 1 } else { byte },
        _ => bytes.insert(at, byte),
    }
}

fn change_text(rng: &mut StdRng, text: &mut String) {
    let mut bytes = std::mem::take(text).into_bytes();
    let new: Vec<u8> = if rng.random() { b"/.=&%+ aA0;,\n".to_vec() } else { (0..128).collect() };
    change(rng, &mut bytes, &new);
    *text = String::from_utf8(bytes).unwrap();
}

/// Changes a byte somewhere, and says where.
fn changed(rng: &mut StdRng, wire: &mut Wire) -> &'static str {
    let any: Vec<u8> = (0..=255).collect();
    let blanks = b" \t,;=aA0";
    let header = |wire: &Wire, name: &str| wire.headers.iter().position(|(given, _)| given.eq_ignore_ascii_case(name));
    match rng.random_range(0..9) {
        0 => {
            change_text(rng, &mut wire.method);
            "method"
        }
        1 => {
            change_text(rng, &mut wire.path);
            "path"
        }
        2 => {
            change_text(rng, &mut wire.query);
            "query"
        }
        3 => {
            change(rng, &mut wire.body, &any);
            "body"
        }
        4 => {
            let at = rng.random_range(0..wire.headers.len());
            change_text(rng, &mut wire.headers[at].0);
            "header name"
        }
        5 => {
            let at = rng.random_range(0..wire.headers.len());
            let new = if rng.random() { &blanks[..] } else { &any };
            change(rng, &mut wire.headers[at].1, new);
            "header value"
        }
        6 => {
            let Some(at) = header(wire, "x-amz-date") else { return changed(rng, wire) };
            change(rng, &mut wire.headers[at].1, b"0123456789TZ -");
            "date"
        }
        7 => {
            let Some(at) = header(wire, "authorization") else {
                let at = wire.query.len() - rng.random_range(1..=64);
                let digit = if wire.query.as_bytes()[at] == b'0' { "1" } else { "0" };
                wire.query.replace_range(at..=at, digit);
                return "signature";
            };
            let value = &mut wire.headers[at].1;
            let last = value.len() - rng.random_range(1..=64);
            value[last] = if value[last] == b'0' { b'1' } else { b'0' };
            "signature"
        }
        _ => {
            let Some(at) = header(wire, "authorization") else { return changed(rng, wire) };
            let new = if rng.random() { &blanks[..] } else { &any };
            change(rng, &mut wire.headers[at].1, new);
            "authorization"
        }
    }
}

/// When such a request may arrive.
fn arrival(rng: &mut StdRng, wire: &Wire, asked: &Asked) -> Timestamp {
    let ahead = match asked.expires {
        Some(expires) => rng.random_range(-300..expires),
        None => rng.random_range(-300..=300),
    };
    Timestamp::from_second(wire.date().as_second() + ahead).unwrap()
}

#[test]
#[expect(clippy::disallowed_methods, clippy::print_stderr, reason = "who soaks says for how long, and reads what came")]
fn what_botocore_signs_is_taken_and_nothing_else() {
    let cycles = std::env::var("BAILEY_SOAK_CYCLES").ok().and_then(|text| text.parse::<usize>().ok());
    let mut left = cycles.map_or(10_000, |cycles| cycles * 100);
    let mut rng = StdRng::seed_from_u64(20_261_129 + cycles.unwrap_or(0) as u64);
    let (mut taken, mut tally) = (0, BTreeMap::<_, [u64; 2]>::new());
    while left > 0 {
        let all: Vec<Asked> = (0..left.min(10_000)).map(|_| asked(&mut rng)).collect();
        left -= all.len();
        for (asked, wire) in all.iter().zip(signed(&all)) {
            let now = arrival(&mut rng, &wire, asked);
            let verified = wire.verify(&asked.key, &asked.secret, now).unwrap_or_else(|error| {
                panic!("{error}\n{}\n{}\n{wire:?} crt {}", error.message(), asked.url, asked.crt)
            });
            assert_eq!(verified.access_key_id(), asked.key);
            assert_eq!(verified.session_token().map(|token| &**token.expose()), asked.token.as_deref());
            assert_eq!(verified.way(), if asked.expires.is_some() { Way::Presigned } else { Way::Header });
            assert_eq!((verified.scope().region(), verified.scope().service()), (&*asked.region, asked.service));
            taken += 1;
            assert!(wire.verify(&asked.key, &format!("{}a", asked.secret), now).is_err());
            for _ in 0..CHANGES {
                let mut other = wire.clone();
                let part = changed(&mut rng, &mut other);
                let same = Meaning::of(&wire) == Meaning::of(&other);
                let outcome = other.verify(&asked.key, &asked.secret, now);
                assert_eq!(outcome.is_ok(), same, "{part} changed: {outcome:?}\n{wire:?}\n{other:?}");
                tally.entry(part).or_default()[usize::from(same)] += 1;
            }
        }
    }
    eprintln!("{taken} taken; refused, and of the same meaning, by the part that was changed: {tally:?}");
    let refused: u64 = tally.values().map(|[refused, _]| refused).sum();
    // Changes that are nearly all of one kind would show little.
    assert!(refused > taken * 8 && tally.len() == 9, "{refused} of {taken}: {tally:?}");
    for part in ["path", "query", "header name", "header value", "date", "authorization"] {
        assert!(tally[part].iter().all(|count| *count > 10), "{part}: {tally:?}");
    }
}

#[test]
fn what_unmodified_clients_send_is_taken_once() {
    let sent = run::stdout(Command::new(PYTHON).args([SCRIPT, "clients"]));
    let calls: Vec<Value> = sent.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Four calls and an address, with and without a session token, by the signers in C and in Python.
    assert_eq!(calls.len(), 20);
    for call in calls {
        let body = hex::decode(call["body"].as_str().unwrap()).unwrap();
        let wire = Wire::of(call["method"].as_str().unwrap(), &call, body);
        let now = wire.date();
        let verify = || wire.verify("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", now).unwrap();
        let replays = Replays::since(now);
        assert!(replays.admit(&verify(), now).is_ok(), "{call}");
        assert!(replays.admit(&verify(), now).is_err(), "{call}");
    }
}
