//! The policy engine: tables that people check, a second evaluator over random cases, and properties.

use bailey::policy::{Document, Kind, evaluate_case};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt, SeedableRng as _};
use serde_json::{Map, Value, json};

use crate::policy_naive;

pub(crate) const OPERATORS: &str = include_str!("../fixtures/policies/operators.txt");
const TEMPLATES: &str = include_str!("../fixtures/policies/templates.txt");
pub(crate) const ORDER: &str = include_str!("../fixtures/policies/order.jsonl");

pub(crate) fn decided(case: &Value) -> String {
    evaluate_case(&case.to_string()).decision().to_owned()
}

/// A case in which one statement's condition decides, with the values as the table writes them.
pub(crate) fn case(effect: &str, operator: &str, wanted: &str, found: &str) -> Value {
    let wanted: Vec<&str> = wanted.split_whitespace().collect();
    let mut statements = vec![json!({
        "Effect": effect, "Action": "*", "Resource": "*", "Condition": { operator: { "test:Key": wanted } }
    })];
    if effect == "Deny" {
        statements.push(json!({ "Effect": "Allow", "Action": "*", "Resource": "*" }));
    }
    let context = match found {
        "absent" => json!({}),
        list => json!({ "TEST:key": list.trim_matches(['[', ']']).split_whitespace().collect::<Vec<_>>() }),
    };
    json!({
        "request": {
            "principal": "arn:aws:iam::111122223333:user/alice", "action": "s3:GetObject",
            "resource": "arn:aws:s3:::b/k", "context": context
        },
        "identity": [{ "Version": "2012-10-17", "Statement": statements }]
    })
}

/// `[a c]: yes  absent: no`
fn expectations(text: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (values, behind) = rest.split_once(": ").unwrap_or_else(|| panic!("{text}"));
        let (word, behind) = behind.trim_start().split_once(' ').unwrap_or((behind.trim_start(), ""));
        assert!(["yes", "no"].contains(&word), "{text}");
        found.push((values.trim().to_owned(), word == "yes"));
        rest = behind.trim_start();
    }
    found
}

#[test]
fn every_operator_does_what_its_line_says() {
    let mut seen = 0;
    for line in OPERATORS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let [operator, wanted, expected] = line.splitn(3, '|').map(str::trim).collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        for (found, holds) in expectations(expected) {
            let allow = if holds { "Allowed" } else { "ImplicitlyDenied" };
            assert_eq!(decided(&case("Allow", operator, wanted, &found)), allow, "{operator} {wanted} of {found}");
            let deny = if holds { "ExplicitlyDenied" } else { "Allowed" };
            assert_eq!(decided(&case("Deny", operator, wanted, &found)), deny, "Deny {operator} {wanted} of {found}");
            seen += 1;
        }
    }
    assert!(seen > 180, "only {seen} expectations were read");
}

#[test]
fn documents_decide_in_their_order() {
    for line in ORDER.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let result = evaluate_case(line);
        assert_eq!(result.decision(), case["expect"], "{}: {}", case["why"], serde_json::to_string(&result).unwrap());
        if case["expect"] != "Error" {
            assert_eq!(policy_naive::decide(&case), case["expect"], "the second evaluator: {}", case["why"]);
        }
    }
}

/// The documents a heading names: an identity policy, or the boundary on an administrator, or a guardrail of one.
fn under_heading(heading: &str) -> Value {
    let read = |name: &str| -> Value {
        let file = format!("{}/config/policies/{}.json", env!("CARGO_MANIFEST_DIR"), name.trim());
        serde_json::from_str(&std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"))).unwrap()
    };
    let named: Vec<Value> = heading.split('+').map(read).collect();
    match heading.ends_with("Boundary") {
        _ if heading.contains("guardrail-") => json!({ "identity": [read("AdministratorAccess")], "scps": [named] }),
        true => json!({ "identity": [read("AdministratorAccess")], "boundary": named }),
        false => json!({ "identity": named }),
    }
}

#[test]
fn templates_and_examples_allow_what_the_table_says() {
    let (mut case, mut headings) = (Value::Null, std::collections::BTreeSet::new());
    for line in TEMPLATES.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        if !line.starts_with(' ') {
            case = under_heading(line);
            headings.extend(line.split('+').map(|name| name.trim().to_owned()));
            continue;
        }
        let [expected, action, resource, context @ ..] = &line.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let context: Map<String, Value> = context
            .iter()
            .map(|pair| pair.split_once('=').map(|(key, value)| (key.to_owned(), json!(value))).unwrap())
            .collect();
        case["request"] = json!({
            "principal": "arn:aws:iam::123456789012:user/alice", "action": action, "resource": resource, "context": context
        });
        assert!(["yes", "no"].contains(expected), "{line}");
        assert_eq!(decided(&case) == "Allowed", *expected == "yes", "{line}: {}", decided(&case));
    }
    let files = |folder: &str, prefix: &'static str| {
        let entries = std::fs::read_dir(format!("{}/config/policies{folder}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .filter_map(move |name| name.strip_suffix(".json").map(|name| format!("{prefix}{name}")))
            .collect::<Vec<_>>()
    };
    let all: std::collections::BTreeSet<String> =
        files("", "").into_iter().chain(files("/examples", "examples/")).collect();
    assert_eq!(headings, all, "every policy has its lines");
}

/// Random cases, some 100,000; more where `BAILEY_SOAK_CYCLES` asks for more.
#[test]
#[expect(clippy::disallowed_methods, reason = "who soaks says for how long")]
fn two_evaluators_agree_on_random_cases() {
    let cycles = std::env::var("BAILEY_SOAK_CYCLES").ok().and_then(|text| text.parse::<u64>().ok());
    let cases = cycles.map_or(100_000, |cycles| cycles * 10_000);
    let mut rng = StdRng::seed_from_u64(cycles.unwrap_or(20_261_129));
    let mut tally = std::collections::BTreeMap::new();
    for n in 0..cases {
        let case = random_case(&mut rng);
        let (ours, theirs) = (decided(&case), policy_naive::decide(&case));
        assert_eq!(ours, theirs, "case {n}: {case}");
        *tally.entry(ours).or_insert(0_u64) += 1;
    }
    // Cases that all come out alike would show nothing.
    assert!(tally.len() == 3 && tally.values().all(|count| count * 20 > cases), "{tally:?}");
}

proptest! {
    #[test]
    fn another_deny_never_widens(seed in any::<u64>()) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut case = random_case(&mut rng);
        let before = decided(&case);
        let mut deny = statement(&mut rng, &Place::Identity);
        deny["Effect"] = json!("Deny");
        case["identity"].as_array_mut().unwrap().push(json!({ "Version": "2012-10-17", "Statement": deny }));
        let after = decided(&case);
        prop_assert!(after != "Allowed" || before == "Allowed", "{before}, then {after}: {case}");
    }

    #[test]
    fn a_document_is_the_same_however_it_is_written(seed in any::<u64>()) {
        let mut rng = StdRng::seed_from_u64(seed);
        let document = document(&mut rng, &Place::Identity);
        let dense = Document::parse(&document.to_string(), Kind::Identity).unwrap();
        let wide = Document::parse(&serde_json::to_string_pretty(&document).unwrap(), Kind::Identity).unwrap();
        prop_assert_eq!(dense, wide);
    }

    #[test]
    fn no_text_breaks_the_reader(text in "[\\[\\]{}:,\"a-z$*?0-9 \\\\\n]{0,200}") {
        let _ = Document::parse(&text, Kind::Identity);
        prop_assert!(evaluate_case(&text).is_error());
    }

    #[test]
    fn a_damaged_policy_is_refused_at_a_place_within_it(seed in any::<u64>(), at in any::<prop::sample::Index>(), put in "[ -~]{0,4}") {
        let mut rng = StdRng::seed_from_u64(seed);
        let text = serde_json::to_string_pretty(&document(&mut rng, &Place::Resource)).unwrap();
        let (before, after) = text.split_at(at.index(text.len()));
        let damaged = format!("{before}{put}{}", after.get(1..).unwrap_or_default());
        if let Err(fault) = Document::parse(&damaged, Kind::Resource) {
            let line = damaged.split('\n').nth(fault.line - 1);
            prop_assert!(line.is_some_and(|line| fault.column <= line.chars().count() + 1), "{fault}: {damaged}");
            prop_assert!(!fault.problem.is_empty() && !fault.expected.is_empty());
        }
    }
}

/// Where a document is attached.
enum Place {
    Identity,
    Resource,
    Guardrail,
    ResourceGuardrail,
}

const HOME: &str = "111122223333";
pub(crate) const PRINCIPALS: [&str; 6] = [
    "arn:aws:iam::111122223333:user/alice",
    "arn:aws:iam::111122223333:user/team/bob",
    "arn:aws:sts::111122223333:assumed-role/Deploy/alice",
    "arn:aws:sts::111122223333:assumed-role/Ops/carol",
    "arn:aws:sts::111122223333:federated-user/dave",
    "arn:aws:iam::111122223333:root",
];
const ACTIONS: [&str; 7] = [
    "s3:GetObject",
    "s3:PutObject",
    "ec2:RunInstances",
    "sqs:SendMessage",
    "sts:AssumeRole",
    "sts:TagSession",
    "kms:Decrypt",
];
pub(crate) const ACTION_PATTERNS: [&str; 12] = [
    "*",
    "s3:*",
    "S3:Get*",
    "s3:?etObject",
    "ec2:*",
    "ec2:Run*",
    "sqs:*",
    "*:*Message",
    "sts:AssumeRole",
    "s3:PutObject",
    "iam:*",
    "s*:*",
];
const RESOURCES: [&str; 7] = [
    "arn:aws:s3:::data/a/x",
    "arn:aws:s3:::data/alice/y",
    "arn:aws:ec2:eu-west-1:111122223333:instance/i-1",
    "arn:aws:sqs:eu-west-1:444455556666:q:1",
    "arn:aws:iam::111122223333:role/Deploy",
    "arn:aws:iam::444455556666:role/X",
    "*",
];
pub(crate) const RESOURCE_PATTERNS: [&str; 14] = [
    "*",
    "arn:aws:s3:::data/*",
    "arn:aws:s3:::data/a/?",
    "arn:aws:s3:*",
    "arn:aws:ec2:*:*:instance/*",
    "arn:aws:ec2:eu-*:111122223333:*",
    "arn:aws:sqs:*:*:q*",
    "arn:aws:iam::*:role/*",
    "arn:*:iam::444455556666:role/?",
    "arn:aws:s3:::data/${aws:username}/*",
    "arn:aws:s3:::data/${aws:PrincipalTag/team, 'a'}/*",
    "arn:aws:s3:::${*}/*",
    "arn:aws:s3:::data/${aws:TagKeys}/x",
    "arn:aws:iam::111122223333:role/Deploy",
];
pub(crate) const WHO: [&str; 10] = [
    "*",
    HOME,
    "444455556666",
    "arn:aws:iam::111122223333:root",
    "arn:aws:iam::111122223333:user/alice",
    "arn:aws:iam::111122223333:role/path/Deploy",
    "arn:aws:iam::111122223333:role/Ops",
    "arn:aws:sts::111122223333:assumed-role/Deploy/alice",
    "arn:aws:sts::111122223333:federated-user/dave",
    "arn:aws:iam::111122223333:user/dave",
];

/// A context key: its name, operators that fit, values a request may have, values a policy may want.
type Key = (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

const TEXT: &[&str] = &[
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
];
const KEYS: [Key; 8] = [
    (
        "aws:username",
        TEXT,
        &["alice", "bob", "*", ""],
        &["alice", "ALICE", "a*", "b?b", "${aws:PrincipalTag/team}", "${*}", "*"],
    ),
    (
        "aws:PrincipalTag/team",
        TEXT,
        &["red", "Red", "a"],
        &["red", "r*", "${aws:username}", "${aws:none, 'a'}", "${aws:none}"],
    ),
    ("aws:TagKeys", TEXT, &["cost", "env", "team"], &["cost", "e*", "t???", "team"]),
    (
        "aws:SourceIp",
        &["IpAddress", "NotIpAddress"],
        &["10.0.0.1", "192.168.1.5", "home"],
        &["10.0.0.0/8", "192.168.1.5", "0.0.0.0/0"],
    ),
    ("aws:MultiFactorAuthPresent", &["Bool"], &["true", "false"], &["true", "false"]),
    (
        "aws:MultiFactorAuthAge",
        &[
            "NumericEquals",
            "NumericNotEquals",
            "NumericLessThan",
            "NumericLessThanEquals",
            "NumericGreaterThan",
            "NumericGreaterThanEquals",
        ],
        &["10", "3600", "7200.5", "old"],
        &["10", "3600", "0"],
    ),
    (
        "aws:CurrentTime",
        &[
            "DateEquals",
            "DateNotEquals",
            "DateLessThan",
            "DateLessThanEquals",
            "DateGreaterThan",
            "DateGreaterThanEquals",
        ],
        &["2026-11-29T12:00:00Z", "2027-01-01T00:00:00Z"],
        &["2026-11-29T12:00:00Z", "2026-12-31T23:59:59Z"],
    ),
    (
        "aws:PrincipalArn",
        &["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"],
        &["arn:aws:iam::111122223333:user/alice", "arn:aws:iam::111122223333:role/Deploy", "nobody"],
        &["arn:aws:iam::*:user/*", "arn:aws:iam::111122223333:role/Deploy", "arn:aws:*:*:*:role/?eploy"],
    ),
];

pub(crate) fn some(rng: &mut StdRng, from: &[&str], most: usize) -> Value {
    let count = rng.random_range(1..=most);
    let all: Vec<&str> = (0..count).map(|_| *from.choose(rng).unwrap()).collect();
    if count == 1 && rng.random_bool(0.5) { json!(all[0]) } else { json!(all) }
}

fn conditions(rng: &mut StdRng) -> Value {
    let mut blocks = Map::new();
    for _ in 0..rng.random_range(1..=2) {
        let (key, operators, _, wanted) = KEYS.choose(rng).unwrap();
        let name = if rng.random_bool(0.2) { key.to_uppercase() } else { (*key).to_owned() };
        let (operator, wanted) = if rng.random_bool(0.15) {
            ("Null".to_owned(), some(rng, &["true", "false"], 1))
        } else {
            let quantifier = ["", "", "", "ForAllValues:", "ForAnyValue:"].choose(rng).unwrap();
            let suffix = if rng.random_bool(0.2) { "IfExists" } else { "" };
            (format!("{quantifier}{}{suffix}", operators.choose(rng).unwrap()), some(rng, wanted, 2))
        };
        let block = blocks.entry(operator).or_insert_with(|| json!({}));
        block.as_object_mut().unwrap().insert(name, wanted);
    }
    Value::Object(blocks)
}

fn statement(rng: &mut StdRng, place: &Place) -> Value {
    let denies = matches!(place, Place::ResourceGuardrail) || rng.random_bool(0.2);
    let mut statement = json!({ "Effect": if denies { "Deny" } else { "Allow" } });
    let not = |rng: &mut StdRng, name: &str| if rng.random_bool(0.1) { format!("Not{name}") } else { name.to_owned() };
    statement[not(rng, "Action")] = some(rng, &ACTION_PATTERNS, 3);
    statement[not(rng, "Resource")] = some(rng, &RESOURCE_PATTERNS, 3);
    match place {
        Place::ResourceGuardrail => statement["Principal"] = json!("*"),
        Place::Resource => {
            // AWS has NotPrincipal for denials alone.
            let element = if denies { not(rng, "Principal") } else { "Principal".to_owned() };
            let everybody = rng.random_bool(0.1);
            statement[element] = if everybody { json!("*") } else { json!({ "AWS": some(rng, &WHO, 2) }) };
        }
        Place::Identity | Place::Guardrail => {}
    }
    if rng.random_bool(0.4) {
        statement["Condition"] = conditions(rng);
    }
    statement
}

fn document(rng: &mut StdRng, place: &Place) -> Value {
    let statements: Vec<Value> = (0..rng.random_range(1..=3)).map(|_| statement(rng, place)).collect();
    let mut document = json!({ "Statement": statements });
    if rng.random_bool(0.8) {
        document["Version"] = json!("2012-10-17");
    }
    document
}

pub(crate) fn random_case(rng: &mut StdRng) -> Value {
    let everything = json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } });
    let mut context = Map::new();
    for (key, _, values, _) in &KEYS {
        match rng.random_range(0..10) {
            0..=4 => drop(context.insert((*key).to_owned(), json!(values.choose(rng).unwrap()))),
            5 => drop(
                context.insert((*key).to_owned(), json!([values.choose(rng).unwrap(), values.choose(rng).unwrap()])),
            ),
            6 => drop(context.insert((*key).to_owned(), json!([]))),
            _ => {}
        }
    }
    let mut case = json!({
        "request": {
            "principal": PRINCIPALS.choose(rng).unwrap(), "action": ACTIONS.choose(rng).unwrap(),
            "resource": RESOURCES.choose(rng).unwrap(), "context": context
        },
        "identity": (0..rng.random_range(0..4)).map(|_| document(rng, &Place::Identity)).collect::<Vec<_>>()
    });
    if rng.random_bool(0.2) {
        case["request"]["resourceAccount"] = json!([HOME, "444455556666"].choose(rng).unwrap());
    }
    let or_all =
        |rng: &mut StdRng, place: &Place| if rng.random_bool(0.6) { everything.clone() } else { document(rng, place) };
    if rng.random_bool(0.25) {
        case["boundary"] = json!([or_all(rng, &Place::Identity)]);
    }
    if rng.random_bool(0.4) {
        case["session"] = or_all(rng, &Place::Identity);
    }
    if rng.random_bool(0.3) {
        case["scps"] = json!([[everything], [or_all(rng, &Place::Guardrail)]]);
    }
    if rng.random_bool(0.2) {
        case["rcps"] = json!([[document(rng, &Place::ResourceGuardrail)]]);
    }
    if rng.random_bool(0.5) {
        case["resourcePolicy"] = document(rng, &Place::Resource);
    }
    case
}
