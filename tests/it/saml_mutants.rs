//! Ten thousand responses that are wrong by chance: nothing altered is accepted, and nothing that `xmlsec1` rejects, or `saml-rs`.

use std::fs;
use std::path::Path;
use std::process::Command;

use bergshamra::xml::uppsala::{self, NodeId};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt, SeedableRng as _};
use saml_rs::SamlError;

use crate::saml_bed::{ALICE, RSA, Sign, judged};
use crate::saml_second_opinion::{self, SIGNED, second};

/// How many mutants of three responses: 10,000, or as many hundreds as `BAILEY_SOAK_CYCLES` says.
fn wanted() -> usize {
    number("BAILEY_SOAK_CYCLES").map_or(10_000, |cycles| usize::try_from(cycles).unwrap() * 100)
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by their environment how long to run, and with which seed"
)]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[expect(clippy::print_stderr, reason = "what was measured")]
fn say(text: &str) {
    eprintln!("{text}");
}

/// What is spliced in. Some of it changes nothing that is signed.
const WORDS: [&str; 40] = [
    " ",
    "\n",
    "\t",
    "\r",
    "<!-- x -->",
    "<?x?>",
    "<![CDATA[x]]>",
    "&amp;",
    "&#32;",
    "&#x0;",
    "&e;",
    "<",
    ">",
    "\"",
    "'",
    "/",
    "=",
    "mallory@example.com",
    " ID=\"_assertion-1\"",
    " Id=\"_response-1\"",
    " xmlns=\"\"",
    " xmlns:saml=\"urn:x\"",
    " xmlns:x=\"urn:x\"",
    " xmlns:x=\"urn:x\" x:ID=\"_y\"",
    " xml:lang=\"en\"",
    " xml:space=\"preserve\"",
    "<saml:Audience>x</saml:Audience>",
    "<saml:NameID>mallory@example.com</saml:NameID>",
    "<saml:OneTimeUse/>",
    "<ds:Object/>",
    "<saml:Advice/>",
    "<samlp:Extensions/>",
    "<saml:AttributeValue>admin</saml:AttributeValue>",
    "</saml:Assertion>",
    "\u{feff}",
    "\u{202e}",
    "é",
    "e\u{301}",
    "https://idp.test/metadata",
    "_assertion-1",
];

#[test]
fn nothing_altered_and_nothing_that_xmlsec1_rejects_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("idp.crt"), &RSA.certificate).unwrap();
    let bases: Vec<(String, String)> = [Sign::Response, Sign::Assertion, Sign::Both]
        .into_iter()
        .map(|what| RSA.response(what, &[]))
        .map(|base| (told(&base).unwrap(), base))
        .collect();
    let seed = number("PROPTEST_RNG_SEED").unwrap_or(8);
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut accepted, mut refused) = (Vec::new(), Vec::new());
    for turn in 0..wanted() {
        let (told_of_base, base) = &bases[turn % bases.len()];
        let mut text = base.clone();
        for _ in 0..rng.random_range(1..=3) {
            text = mutated(&text, &mut rng);
        }
        if text == *base {
            continue;
        }
        match told(&text) {
            Some(said) => {
                assert_eq!(&said, told_of_base, "altered, and accepted:\n{text}");
                accepted.push(text);
            }
            None => refused.push(text),
        }
    }
    assert!(
        refused.len() > wanted() / 2 && !accepted.is_empty(),
        "{} refused, {} accepted",
        refused.len(),
        accepted.len()
    );
    let there = asked_there(&accepted, &refused);
    for texts in accepted.chunks(200) {
        if xmlsec1(directory.path(), texts).is_empty() {
            continue;
        }
        for text in texts {
            let verdict = xmlsec1(directory.path(), std::slice::from_ref(text));
            assert!(verdict.is_empty(), "xmlsec1 rejects what was accepted:\n{verdict}\n{text}");
        }
    }
    // The other way round it may be, and is: what is odd and unsigned is refused here alone.
    let some: Vec<String> = refused.iter().step_by(refused.len() / 200).cloned().collect();
    let stricter = some.iter().filter(|text| xmlsec1(directory.path(), std::slice::from_ref(text)).is_empty()).count();
    let numbers = format!(
        "{} mutants: {} accepted, all of them by xmlsec1 too; of {} refused, xmlsec1 takes {stricter}; of all {} saml-rs takes {there}",
        accepted.len() + refused.len(),
        accepted.len(),
        some.len(),
        refused.len()
    );
    say(&numbers);
    assert!(stricter < some.len());
}

/// `saml-rs` reads all that is accepted here as we do. Of what is refused it takes some, whose number is answered: what is odd where
/// nobody signed; and reads nothing else there than was signed.
fn asked_there(accepted: &[String], refused: &[String]) -> usize {
    for text in accepted {
        let judged = match second(text) {
            Err(SamlError::CertificateMismatch) => second(&without_certificate(text)),
            judged => judged,
        };
        match judged {
            Ok(session) => assert_eq!(saml_second_opinion::told(&session), *SIGNED, "{text}"),
            // From around a signed assertion anybody can take this. It says nothing, there or not.
            Err(SamlError::ProtocolProfile(why)) if why.starts_with("Response ") => {}
            Err(why) => panic!("saml-rs rejects what was accepted: {why}\n{text}"),
        }
    }
    let taken = refused.iter().filter_map(|text| Some((text, second(text).ok()?)));
    taken.map(|(text, session)| assert_eq!(saml_second_opinion::told(&session), *SIGNED, "altered:\n{text}")).count()
}

/// Without what the outermost signature says of its key, which it does not cover. We do not look at that, and `saml-rs` does, to refuse
/// another certificate than it knows.
fn without_certificate(text: &str) -> String {
    let signature = text.split("</ds:Signature>").next().unwrap_or_default();
    let (from, to) = (signature.find("<ds:KeyInfo"), signature.rfind("</ds:KeyInfo"));
    let to = to.and_then(|at| Some(at + signature[at..].find('>')? + 1));
    from.zip(to).map_or_else(|| text.to_owned(), |(from, to)| format!("{}{}", &text[..from], &text[to..]))
}

/// Everything an accepted response says, or nothing.
fn told(text: &str) -> Option<String> {
    // The signature's own words say how it was made, not who somebody is.
    let assertion = judged(text).ok()?;
    Some(format!("{:?} {:?} {}", assertion.name_id(), assertion.attributes(), assertion.good_until()))
}

fn mutated(text: &str, rng: &mut StdRng) -> String {
    match rng.random_range(0..10) {
        0 => spliced(text, 1, "", rng),
        1 | 2 => {
            let word = WORDS.choose(rng).unwrap();
            spliced(text, 0, word, rng)
        }
        3 => {
            let c = char::from(rng.random_range(0x20..0x7f_u8));
            spliced(text, 1, c.encode_utf8(&mut [0; 4]), rng)
        }
        4 => {
            let length = rng.random_range(1..40);
            spliced(text, length, "", rng)
        }
        5 => {
            // Between tags, where it may change nothing.
            let gaps: Vec<usize> = text.match_indices("><").map(|(at, _)| at + 1).collect();
            let at = *gaps.choose(rng).unwrap_or(&0);
            let word = ["\n", " ", "\t\n", "x", "<!---->", "<saml:x/>"].choose(rng).unwrap();
            format!("{}{word}{}", &text[..at], &text[at..])
        }
        6 => text.replacen(ALICE, "mallory@example.com", rng.random_range(1..3)),
        _ => moved(text, rng),
    }
}

/// `word` instead of `length` bytes, somewhere.
fn spliced(text: &str, length: usize, word: &str, rng: &mut StdRng) -> String {
    let mut from = rng.random_range(0..=text.len());
    while !text.is_char_boundary(from) {
        from -= 1;
    }
    let mut to = (from + length).min(text.len());
    while !text.is_char_boundary(to) {
        to += 1;
    }
    format!("{}{word}{}", &text[..from], &text[to..])
}

/// One element copied, moved, wrapped, doubled or left out.
fn moved(text: &str, rng: &mut StdRng) -> String {
    let Ok(document) = uppsala::parse(text) else { return text.to_owned() };
    let elements: Vec<NodeId> =
        document.descendants(document.root()).into_iter().filter(|node| document.element(*node).is_some()).collect();
    let (Some(one), Some(other)) = (elements.choose(rng), elements.choose(rng)) else { return text.to_owned() };
    let range = |node: &NodeId| document.node_range(*node).unwrap();
    let (one, other) = (range(one), range(other));
    let source = &text[one.clone()];
    let altered = if rng.random_bool(0.5) { source.replace(ALICE, "mallory@example.com") } else { source.to_owned() };
    match rng.random_range(0..5) {
        0 => format!("{}{}", &text[..one.start], &text[one.end..]),
        1 => format!("{}{altered}{}", &text[..other.start], &text[other.start..]),
        2 => format!("{}{altered}{}", &text[..other.end], &text[other.end..]),
        3 => format!("{}<samlp:Extensions>{altered}</samlp:Extensions>{}", &text[..one.start], &text[one.start..]),
        _ => format!("{}{altered}{}", &text[..other.start], &text[other.end..]),
    }
}

/// What `xmlsec1` says against these: it stops at the first.
fn xmlsec1(directory: &Path, texts: &[String]) -> String {
    let names: Vec<String> = (0..texts.len()).map(|number| format!("{number}.xml")).collect();
    for (name, text) in names.iter().zip(texts) {
        fs::write(directory.join(name), text).unwrap();
    }
    let output = Command::new("xmlsec1")
        .current_dir(directory)
        // By the pinned key alone, as we do it: without this it reads the certificates in the message first.
        .args(["--verify", "--enabled-key-data", "key-name", "--pubkey-cert-pem", "idp.crt"])
        .args(["--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:protocol:Response"])
        .args(["--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:assertion:Assertion"])
        .args(&names)
        .output()
        .expect("this test needs xmlsec1: apt-get install xmlsec1");
    if output.status.success() {
        String::new()
    } else {
        String::from_utf8_lossy(&output.stderr).into_owned() + "rejected"
    }
}
