//! How long a decision takes: Bailey's engine, and the `cedar-policy` crate on policies that say the same.
//!
//! A principal has 20 policies of 10 statements, each about actions of a service on the resources of a team, from the
//! company's network. Prints lines that begin with `measured:`; with the word `cases`, writes cases for `bailey policy
//! eval` instead; with `who-can`, asks who may do something among 100,000 people, or as many as a second word says,
//! with a cache of as many MiB as a third one says; with `grants`, how long decisions take with few grants and with many.

mod grants;
mod who_can;

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bailey::policy::{Context, Detail, Document, Kind, Named, Policies, Principal, Request, Verdict, decide};
use cedar_policy::{Authorizer, Context as CedarContext, Decision, Entities, PolicySet, Request as CedarRequest};
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const POLICIES: usize = 20;
const STATEMENTS: usize = 10;
const ROUNDS: usize = 31;
const SERVICES: [&str; 10] = ["s3", "ec2", "sqs", "sns", "lambda", "dynamodb", "rds", "kms", "logs", "iam"];
const USER: &str = "arn:aws:iam::111122223333:user/alice";

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("cases") => {
            let count = std::env::args().nth(2).and_then(|text| text.parse().ok()).unwrap_or(20_000);
            return write_cases(count);
        }
        Some("grants") => return grants::run(),
        Some("who-can") => {
            let word = |n| std::env::args().nth(n).and_then(|text| text.parse().ok());
            return who_can::run(word(2).map(|people: u32| people as usize), word(3).map(u64::from));
        }
        _ => {}
    }
    decisions("few of 200 statements match", Shape::Few);
    decisions("all 200 statements match, and every condition is asked", Shape::All);
    among_others();
    parsing();
}

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    /// As it usually is: a statement is about one service of ten.
    Few,
    /// The worst that can be: nothing tells early that a statement does not matter.
    All,
}

/// Policy `n` as a document.
fn policy(n: usize, shape: Shape) -> Value {
    let statements: Vec<Value> = (0..STATEMENTS)
        .map(|m| {
            let service = if shape == Shape::All { "s3" } else { SERVICES[m] };
            // The last one denies to everybody who has no second factor, who is nobody here.
            let effect = if shape == Shape::All && m == STATEMENTS - 1 { "Deny" } else { "Allow" };
            let bucket = if shape == Shape::All { "*".to_owned() } else { format!("team{n}") };
            let mfa = if effect == "Deny" { "false" } else { "true" };
            json!({
                "Sid": format!("S{m}"), "Effect": effect, "Action": [format!("{service}:Get*"), format!("{service}:List*")],
                "Resource": format!("arn:aws:s3:::{bucket}/reports/*"),
                "Condition": {
                    "IpAddress": { "aws:SourceIp": "10.0.0.0/8" },
                    "Bool": { "aws:MultiFactorAuthPresent": mfa },
                    "StringEquals": { "aws:PrincipalTag/department": ["finance", "platform"] }
                }
            })
        })
        .collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// The same in Cedar: actions and resources are texts, since its own take no wildcards inside of a name.
fn cedar(n: usize, shape: Shape) -> String {
    (0..STATEMENTS)
        .map(|m| {
            let service = if shape == Shape::All { "s3" } else { SERVICES[m] };
            let effect = if shape == Shape::All && m == STATEMENTS - 1 { "forbid" } else { "permit" };
            let bucket = if shape == Shape::All { "*".to_owned() } else { format!("team{n}") };
            let mfa = if effect == "forbid" { "false" } else { "true" };
            format!(
                "{effect}(principal, action, resource) when {{ (context.action like \"{service}:get*\" || context.action like \
                 \"{service}:list*\") && context.resource like \"arn:aws:s3:::{bucket}/reports/*\" && \
                 context.ip like \"10.*\" && context.mfa == {mfa} && \
                 [\"finance\", \"platform\"].contains(context.department) }};\n"
            )
        })
        .collect()
}

fn request() -> Request {
    let mut context = Context::default();
    for (key, value) in [
        ("aws:SourceIp", "10.1.2.3"),
        ("aws:MultiFactorAuthPresent", "true"),
        ("aws:PrincipalTag/department", "platform"),
        ("aws:CurrentTime", "2026-11-29T12:00:00Z"),
        ("aws:username", "alice"),
    ] {
        context.set(key, vec![value.to_owned()]);
    }
    let principal = Principal::parse(USER).expect("a user");
    Request::new(principal, "s3:GetObject", "arn:aws:s3:::team7/reports/2026.pdf", context).expect("a request")
}

fn documents(shape: Shape) -> Vec<Document> {
    let text = |n| policy(n, shape).to_string();
    (0..POLICIES).map(|n| Document::parse(&text(n), Kind::Identity).expect("a policy")).collect()
}

fn policies(documents: &[Document]) -> Policies<'_> {
    let identity = documents.iter().map(|document| Named { name: "p", document }).collect();
    Policies { identity, ..Policies::default() }
}

fn decisions(what: &str, shape: Shape) {
    let (documents, request) = (documents(shape), request());
    let policies = policies(&documents);
    assert_eq!(decide(&request, &policies, Detail::Deciding).verdict, Verdict::Allowed);
    let ours = median(2_000, || black_box(decide(black_box(&request), &policies, Detail::Deciding)));

    let set: PolicySet = (0..POLICIES).map(|n| cedar(n, shape)).collect::<String>().parse().expect("Cedar policies");
    let context = json!({
        "action": "s3:getobject", "resource": "arn:aws:s3:::team7/reports/2026.pdf", "ip": "10.1.2.3", "mfa": true,
        "department": "platform"
    });
    let context = CedarContext::from_json_value(context, None).expect("a context");
    let uid = |text: &str| text.parse().expect("an entity");
    let asked = CedarRequest::new(uid("User::\"alice\""), uid("Action::\"do\""), uid("Thing::\"it\""), context, None);
    let (asked, authorizer, entities) = (asked.expect("a request"), Authorizer::new(), Entities::empty());
    assert_eq!(authorizer.is_authorized(&asked, &set, &entities).decision(), Decision::Allow);
    let theirs = median(50, || black_box(authorizer.is_authorized(black_box(&asked), &set, &entities)));
    say(&format!("a decision, {what}"), ours, "cedar-policy", theirs);
}

/// The principal's policies among those of others: finding them is a look-up each.
fn among_others() {
    let request = request();
    for others in [10, 10_000] {
        let mut all: HashMap<usize, Document> = HashMap::new();
        for n in 0..POLICIES + others {
            let text = policy(n, Shape::Few).to_string();
            all.insert(n, Document::parse(&text, Kind::Identity).expect("a policy"));
        }
        let decision = median(2_000, || {
            let mine = (0..POLICIES).filter_map(|n| all.get(&n));
            let identity = mine.map(|document| Named { name: "p", document }).collect();
            black_box(decide(black_box(&request), &Policies { identity, ..Policies::default() }, Detail::Deciding))
        });
        println!("measured: a decision beside {others} policies of others: {:.2} us", micros(decision));
    }
}

fn parsing() {
    let mut document = policy(0, Shape::Few);
    let mut text = document.to_string();
    while text.len() < 6_144 {
        let more = document["Statement"][0].clone();
        document["Statement"].as_array_mut().expect("statements").push(more);
        text = document.to_string();
    }
    let took = median(200, || black_box(Document::parse(black_box(&text), Kind::Identity).expect("a policy")));
    println!("measured: a policy of {} bytes parsed: {:.1} us", text.len(), micros(took));
}

/// Cases of some 2.4 KB with ten different requests.
fn write_cases(count: usize) {
    let lines: Vec<String> = (0..10)
        .map(|n| {
            json!({
                "id": n,
                "request": {
                    "principal": USER, "action": format!("{}:GetObject", SERVICES[n % 3]),
                    "resource": format!("arn:aws:s3:::team{n}/reports/2026.pdf"), "resourceAccount": "111122223333",
                    "context": { "aws:SourceIp": "10.1.2.3", "aws:MultiFactorAuthPresent": "true",
                                 "aws:PrincipalTag/department": "platform", "aws:TagKeys": ["cost", "env"] }
                },
                "identity": [{ "Version": "2012-10-17", "Statement":
                    policy(n, Shape::Few)["Statement"].as_array().expect("statements").iter().take(5).collect::<Vec<_>>() }],
                "scps": [[{ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] }]]
            })
            .to_string()
        })
        .collect();
    let mut text = String::new();
    for n in 0..count {
        text.push_str(&lines[n % lines.len()]);
        text.push('\n');
    }
    print!("{text}");
}

/// The median over rounds of what one of `each` takes.
fn median<T>(each: u32, mut work: impl FnMut() -> T) -> Duration {
    let mut rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            for _ in 0..each {
                work();
            }
            begun.elapsed() / each
        })
        .collect();
    rounds.sort();
    rounds[ROUNDS / 2]
}

fn say(what: &str, ours: Duration, peer: &str, theirs: Duration) {
    let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
    println!("measured: {what}: {:.2} us, {peer} {:.1} us, {ratio:.0} times as long", micros(ours), micros(theirs));
}

fn micros(took: Duration) -> f64 {
    took.as_secs_f64() * 1e6
}
