//! Printing policies: what was printed is read as what was printed, and decides alike.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use bailey::policy::{Document, Kind, evaluate_case};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt, SeedableRng as _};
use serde_json::{Map, Value, json};

use crate::policy::{
    ACTION_PATTERNS, OPERATORS, ORDER, PRINCIPALS, RESOURCE_PATTERNS, WHO, case, decided, random_case, some,
};

/// The print of `text`, unless it is no policy of this kind. It has to be read as the same document, and to print alike.
fn there_and_back(text: &str, kind: Kind) -> Option<String> {
    let document = Document::parse(text, kind).ok()?;
    let print = document.print();
    let again = Document::parse(&print, kind).unwrap_or_else(|fault| panic!("{fault}\n{text}\n{print}"));
    assert_eq!(again, document, "{text}\n{print}");
    assert_eq!(again.print(), print, "{text}");
    Some(print)
}

/// Where a case has documents, and of which kinds these can be.
const LAYERS: [(&str, &[Kind]); 6] = [
    ("identity", &[Kind::Identity]),
    ("boundary", &[Kind::Identity]),
    ("session", &[Kind::Identity]),
    ("scps", &[Kind::ServiceControl]),
    ("rcps", &[Kind::ResourceControl]),
    ("resourcePolicy", &[Kind::Trust, Kind::Resource]),
];

/// The case with every document of it printed, and how many those were.
fn printed(case: &Value) -> (Value, usize) {
    fn each(value: &mut Value, kinds: &[Kind]) -> usize {
        if let Value::Array(values) = value {
            return values.iter_mut().map(|value| each(value, kinds)).sum();
        }
        let text = value.to_string();
        let Some(print) = kinds.iter().find_map(|kind| there_and_back(&text, *kind)) else { return 0 };
        *value = serde_json::from_str(&print).unwrap();
        1
    }
    let mut case = case.clone();
    let count = LAYERS.iter().filter_map(|(layer, kinds)| Some(each(case.get_mut(layer)?, kinds))).sum();
    (case, count)
}

/// What is decided, and why.
fn told(case: &Value) -> (Value, Value) {
    let text = case.to_string();
    let result = serde_json::to_value(evaluate_case(&text)).unwrap();
    (result["decision"].clone(), result["reasons"].clone())
}

#[test]
fn every_policy_of_the_corpus_is_read_as_it_is_printed() {
    for folder in ["config/policies", "config/policies/examples"] {
        let entries = std::fs::read_dir(format!("{}/{folder}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let files = entries.map(|entry| entry.unwrap().path());
        for file in files.filter(|file| file.extension().is_some_and(|end| end == "json")) {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(there_and_back(&text, Kind::Identity).is_some(), "{}", file.display());
        }
    }
    for line in OPERATORS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (operator, wanted) = line.split_once('|').unwrap();
        let wanted = wanted.split('|').next().unwrap();
        assert_eq!(printed(&case("Allow", operator.trim(), wanted.trim(), "absent")).1, 1, "{line}");
    }
    for line in ORDER.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        assert_eq!(told(&printed(&case).0), told(&case), "{line}");
    }
}

/// Some 15,000 random documents; more where `BAILEY_SOAK_CYCLES` asks for more.
#[test]
#[expect(clippy::disallowed_methods, reason = "who soaks says for how long")]
fn what_is_printed_of_random_policies_is_read_and_decides_alike() {
    let cycles = std::env::var("BAILEY_SOAK_CYCLES").ok().and_then(|text| text.parse::<u64>().ok());
    let wanted = cycles.map_or(15_000, |cycles| usize::try_from(cycles).unwrap() * 10_000);
    let mut rng = StdRng::seed_from_u64(cycles.unwrap_or(20_261_130));
    let (mut count, mut cases, mut names) = (0, 0_u64, BTreeSet::new());
    let mut tally = std::collections::BTreeMap::new();
    while count < wanted {
        let case = if rng.random_bool(0.3) { random_case(&mut rng) } else { odd_case(&mut rng) };
        let (print, documents) = printed(&case);
        operators_of(&print, &mut names);
        count += documents;
        cases += 1;
        // Equal documents decide alike, or equality were not one of meaning: to see that, some will do.
        if cases % 4 == 0 {
            let decision = decided(&case);
            assert_eq!(decided(&print), decision, "{case}\n{print}");
            *tally.entry(decision).or_insert(0_u64) += 1;
        }
    }
    // Operators in all their forms; and neither do all come out alike, nor are most refused.
    assert!(FAMILIES.iter().flat_map(|(_, names, _)| *names).all(|name| names.contains(*name)), "{names:?}");
    assert!(
        names.contains("ForAnyValue:ArnNotLikeIfExists") && names.contains("ForAllValues:BinaryEquals"),
        "{names:?}"
    );
    let decisions = cases / 4;
    let diverse = tally.len() == 4 && tally.values().all(|seen| seen * 50 > decisions);
    assert!(diverse && tally["Error"] * 2 < decisions, "{tally:?}");
}

/// The names of operators in the documents of a case.
fn operators_of(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| operators_of(item, names)),
        Value::Object(members) => {
            if let Some(Value::Object(blocks)) = members.get("Condition") {
                names.extend(blocks.keys().cloned());
            }
            members.values().for_each(|value| operators_of(value, names));
        }
        _ => {}
    }
}

/// Makes a value of a condition.
type MakeValue = fn(&mut StdRng) -> String;

/// What the operators compare, their names, and values for them.
const FAMILIES: [(&str, &[&str], MakeValue); 8] = [
    (
        "text",
        &[
            "StringEquals",
            "StringNotEquals",
            "StringEqualsIgnoreCase",
            "StringNotEqualsIgnoreCase",
            "StringLike",
            "StringNotLike",
        ],
        |rng| text(rng, 5),
    ),
    (
        "number",
        &[
            "NumericEquals",
            "NumericNotEquals",
            "NumericLessThan",
            "NumericLessThanEquals",
            "NumericGreaterThan",
            "NumericGreaterThanEquals",
        ],
        number,
    ),
    (
        "time",
        &[
            "DateEquals",
            "DateNotEquals",
            "DateLessThan",
            "DateLessThanEquals",
            "DateGreaterThan",
            "DateGreaterThanEquals",
        ],
        time,
    ),
    ("flag", &["Bool"], |rng| chosen(rng, &["true", "False", "TRUE", "${aws:x}", "${aws:x, 'True'}", "t${k}"])),
    ("bytes", &["BinaryEquals"], |rng| chosen(rng, &["", "QQ==", "QmFpbGV5", "/+8="])),
    ("network", &["IpAddress", "NotIpAddress"], network),
    ("ARN", &["ArnLike", "ArnEquals", "ArnNotLike", "ArnNotEquals"], arn),
    ("absence", &["Null"], |rng| chosen(rng, &["true", "FALSE"])),
];

/// Pieces of which texts are made: what means something, what nearly does, and what has to be escaped in JSON.
const PIECES: [&str; 30] = [
    "a",
    "B",
    "é",
    "Σ",
    " ",
    "\"",
    "\\",
    "\n",
    "\u{202e}",
    "𝄞",
    "{",
    "}",
    "'",
    ",",
    "$",
    "$$",
    "*",
    "?",
    "**",
    "*?",
    "${*}",
    "${?}",
    "${$}",
    "${$}{a}",
    "${aws:username}",
    "${AWS:UserName}",
    "${ k , ''}",
    "${k, 'it''s'}",
    "${aws:none,'Dé}f:*?${aws:x}'}",
    "${k, 'a'B'}'}",
];

fn chosen(rng: &mut StdRng, from: &[&str]) -> String {
    (*from.choose(rng).unwrap()).to_owned()
}

fn text(rng: &mut StdRng, most: usize) -> String {
    (0..rng.random_range(0..=most)).map(|_| *PIECES.choose(rng).unwrap()).collect()
}

fn number(rng: &mut StdRng) -> String {
    let sign = chosen(rng, &["", "-", "+"]);
    let (whole, places) = (rng.random_range(0..=u64::MAX), rng.random_range(0..1_000_000_000_u32));
    match rng.random_range(0..3) {
        0 => format!("{sign}{}", whole >> 50),
        1 => format!("{sign}{whole}.{places:09}"),
        _ => format!("{sign}0.{places}"),
    }
}

fn time(rng: &mut StdRng) -> String {
    match rng.random_range(0..4) {
        0 => rng.random_range(-377_705_023_201_i64..=253_402_207_200).to_string(),
        1 => {
            chosen(rng, &["2026", "0001-02", "9999-12-30", "2026-11-29T12:00+01:00", "1969-12-31T23:59:59.999999999Z"])
        }
        2 => format!("2026-11-29T12:00:00.{}-03:30", rng.random_range(0..1_000_000_u32)),
        _ => chosen(rng, &["2026-11-29T12:00:00Z", "2026-12-31T23:59:60Z", "-000044-03-15T00:00:00Z"]),
    }
}

fn network(rng: &mut StdRng) -> String {
    let (four, six) = (rng.random::<u32>(), rng.random::<u128>());
    let (four, six) = (std::net::Ipv4Addr::from_bits(four), std::net::Ipv6Addr::from_bits(six));
    match rng.random_range(0..4) {
        0 => format!("{four}/{}", rng.random_range(0..=32)),
        1 => format!("{six}/{}", rng.random_range(0..=128)),
        2 => format!("::ffff:{four}/{}", rng.random_range(0..=128)),
        _ => chosen(rng, &["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "::"]),
    }
}

fn arn(rng: &mut StdRng) -> String {
    match rng.random_range(0..8) {
        0 => chosen(rng, &["*", "**", "arn:aws:s3:*", "arn:*"]),
        1..=3 => chosen(rng, &RESOURCE_PATTERNS),
        _ => {
            let fields: Vec<String> = (0..4).map(|_| text(rng, 1)).collect();
            format!("arn:{}:{}", fields.join(":"), text(rng, 4))
        }
    }
}

/// `name` in a case that nobody writes, now and then.
fn spelled(rng: &mut StdRng, name: &str) -> String {
    match rng.random_range(0..10) {
        0 => name.to_uppercase(),
        1 => name.to_lowercase(),
        _ => name.to_owned(),
    }
}

fn odd_conditions(rng: &mut StdRng) -> Value {
    let mut blocks = Map::new();
    for _ in 0..rng.random_range(1..=4) {
        let (_, names, value) = FAMILIES.choose(rng).unwrap();
        let mut name = chosen(rng, names);
        if name != "Null" {
            let quantifier = chosen(rng, &["", "", "ForAllValues:", "ForAnyValue:"]);
            name = format!("{quantifier}{name}{}", chosen(rng, &["", "", "IfExists"]));
        }
        let block = blocks.entry(spelled(rng, &name)).or_insert_with(|| json!({}));
        for _ in 0..rng.random_range(1..=2) {
            let key = chosen(rng, &["aws:username", "aws:TagKeys", "aws:MultiFactorAuthPresent", "k", "1", "é"]);
            let values: Vec<String> = (0..rng.random_range(1..=2)).map(|_| value(rng)).collect();
            block.as_object_mut().unwrap().insert(spelled(rng, &key), json!(values));
        }
    }
    Value::Object(blocks)
}

fn odd_principals(rng: &mut StdRng) -> Value {
    let mut members = Map::new();
    let names: [(&str, &[&str]); 5] = [
        ("AWS", &WHO),
        ("AWS", &["AIDAIDIDIDIDIDIDIDID", "arn:aws:iam::cloudfront:user/E1", "arn:aws:iam::cloudfront:user/*", "*"]),
        ("Service", &["ec2.amazonaws.com", "arn:aws:iam::cloudfront:user/E1"]),
        ("Federated", &["cognito-identity.amazonaws.com", "\""]),
        ("CanonicalUser", &["79a59df900b949e5", "arn:aws:iam::cloudfront:user/E2"]),
    ];
    for _ in 0..rng.random_range(1..=3) {
        let (member, names) = names.choose(rng).unwrap();
        members.insert((*member).to_owned(), some(rng, names, 3));
    }
    if rng.random_bool(0.2) { json!("*") } else { Value::Object(members) }
}

fn odd_document(rng: &mut StdRng, kind: Kind) -> Value {
    let statement = |rng: &mut StdRng| {
        let not = |rng: &mut StdRng, name: &str| format!("{}{name}", if rng.random_bool(0.2) { "Not" } else { "" });
        let denies = rng.random_bool(0.3);
        let mut statement = json!({ "Effect": if denies { "Deny" } else { "Allow" } });
        if rng.random_bool(0.3) {
            statement["Sid"] = json!(text(rng, 3));
        }
        statement[not(rng, "Action")] = some(rng, &ACTION_PATTERNS, 3);
        if kind != Kind::Trust {
            let arns: Vec<String> = (0..rng.random_range(1..=2)).map(|_| arn(rng)).collect();
            statement[not(rng, "Resource")] = json!(arns);
        }
        match kind {
            Kind::ResourceControl => statement["Principal"] = json!(chosen(rng, &["*"])),
            Kind::Resource if denies => statement[not(rng, "Principal")] = odd_principals(rng),
            Kind::Resource | Kind::Trust => statement["Principal"] = odd_principals(rng),
            Kind::Identity | Kind::ServiceControl => {}
        }
        if rng.random_bool(0.5) {
            statement["Condition"] = odd_conditions(rng);
        }
        statement
    };
    let statements: Vec<Value> = (0..rng.random_range(1..=2)).map(|_| statement(rng)).collect();
    let mut document = json!({ "Id": "x", "Statement": statements });
    match rng.random_range(0..4) {
        0 => {}
        1 => document["Version"] = json!("2008-10-17"),
        _ => document["Version"] = json!("2012-10-17"),
    }
    document
}

/// A random request about odd documents: with what the second evaluator does not know, and much that nobody writes.
fn odd_case(rng: &mut StdRng) -> Value {
    let mut case = json!({ "request": random_case(rng)["request"], "identity": [odd_document(rng, Kind::Identity)] });
    case["request"]["principal"] = json!(chosen(rng, &PRINCIPALS));
    match rng.random_range(0..5) {
        0 => case["scps"] = json!([[odd_document(rng, Kind::ServiceControl)]]),
        1 => case["rcps"] = json!([[odd_document(rng, Kind::ResourceControl)]]),
        2 => case["resourcePolicy"] = odd_document(rng, Kind::Resource),
        3 => case["resourcePolicy"] = odd_document(rng, Kind::Trust),
        _ => {}
    }
    case
}

fn bailey(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bailey")).current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).output().unwrap()
}

#[test]
fn the_verb_prints_a_policy_or_says_where_it_is_none() {
    let file = "config/policies/examples/guardrail-one-region.json";
    for arguments in [&["policy", "print", file][..], &["policy", "print", file, "--as", "scp"]] {
        let output = bailey(arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let read = |text: &str| Document::parse(text, Kind::ServiceControl).unwrap();
        let written = std::fs::read_to_string(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert_eq!(read(std::str::from_utf8(&output.stdout).unwrap()), read(&written));
    }
    let output = bailey(&["policy", "print", file, "--as", "trust"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(output.stdout.is_empty() && words.contains(file) && words.contains("line "), "{words}");
}
