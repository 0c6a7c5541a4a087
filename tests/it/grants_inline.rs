//! Grants whose policy was brought by whoever asked: what it says counts, beyond the role's boundary nothing does, and each is one's own.

use bailey::model::grant::Rule;
use serde_json::{Value, json};

use crate::authorize;
use crate::bed::signer::Credentials;
use crate::grants::{Bureau, credentials, form, rule, step};
use crate::portal::{Browser, Page};
use crate::sts_office::{ACCOUNT, allow};

const ROLE: &str = "prod-narrow";

fn arn() -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{ROLE}")
}

/// A bureau with a role that carries whatever was agreed to, within reads of files and questions of one's own.
async fn bureau() -> Bureau {
    let bureau = Bureau::new().await;
    bureau.with(Rule { inline: true, ..rule() });
    bureau.office.role(ROLE, json!([]), json!([])).await;
    let within = json!({ "Statement": allow(&["s3:Get*", "s3:List*", "bailey:Authorize"]) });
    bureau.office.post("/v1/policies", json!({ "name": "within", "document": within })).await;
    bounded(&bureau).await;
    bureau
}

async fn bounded(bureau: &Bureau) {
    bureau.office.put(&format!("/v1/roles/{ROLE}/boundary/within"), json!({})).await;
}

fn policy(actions: &[&str]) -> String {
    json!({ "Version": "2012-10-17", "Statement": allow(actions) }).to_string()
}

async fn ask(browser: &mut Browser<'_>, gives: &str) -> Page {
    browser.office.pass(1);
    let form = form(browser).await;
    let sent = [
        ("form", form.as_str()),
        ("role", &arn()),
        ("seconds", "3600"),
        ("reason", "the queue is stuck"),
        ("gives", gives),
    ];
    browser.post("/me/grants/new", &sent).await
}

/// The last grant, agreed to by bob and begun; what its holder takes then.
async fn taken(bureau: &Bureau, bob: &mut Browser<'_>, holder: &mut Browser<'_>) -> Credentials {
    let id = bureau.last().await["id"].as_str().unwrap().to_owned();
    let page = format!("/me/grants/{id}");
    step(bob, &id, "approve", &[]).await.leads_to(&page);
    step(holder, &id, "claim", &[]).await.leads_to(&page);
    let form = form(holder).await;
    credentials(&holder.post("/me/use", &[("form", &form), ("role", &arn()), ("seconds", "3600")]).await)
}

/// What it may do of these.
async fn may(bureau: &Bureau, keys: &Credentials, actions: &[&str]) -> Vec<bool> {
    let questions: Vec<Value> = actions.iter().map(|action| json!({ "action": action })).collect();
    let (status, told) =
        authorize::ask(&bureau.office.fixture, keys, "bailey", &json!({ "questions": questions })).await;
    assert_eq!(status, 200, "{told}");
    told.as_array().unwrap().iter().map(|answer| answer["allowed"] == true).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_counts_within_the_boundary_and_for_one_person() {
    let bureau = bureau().await;
    let (mut ann, mut bob) = (bureau.browser("ann").await, bureau.browser("bob").await);
    ask(&mut ann, &policy(&["s3:GetObject", "iam:CreateUser", "bailey:Authorize"])).await;
    let id = bureau.last().await["id"].as_str().unwrap().to_owned();
    // Who decides reads what it is to be good for, in words and word by word.
    let page = bob.get(&format!("/me/grants/{id}")).await;
    page.says(200, "<li>iam: CreateUser</li>");
    page.says(200, "iam:CreateUser");
    let anns = taken(&bureau, &mut bob, &mut ann).await;
    let actions = ["s3:GetObject", "s3:ListBucket", "iam:CreateUser"];
    assert_eq!(may(&bureau, &anns, &actions).await, [true, false, false]);

    // Another one's, at the same time: each has what was agreed to of it.
    bureau.office.put("/v1/groups/ops/members/cam", json!({})).await;
    let mut cam = bureau.browser("cam").await;
    ask(&mut cam, &policy(&["s3:ListBucket", "bailey:Authorize"])).await;
    let cams = taken(&bureau, &mut bob, &mut cam).await;
    assert_eq!(may(&bureau, &cams, &actions).await, [false, true, false]);
    assert_eq!(may(&bureau, &anns, &actions).await, [true, false, false]);

    // What bounds it is relied upon: without it nothing is left of the grant.
    let _: Value = bureau.office.served.client.delete(&format!("/v1/roles/{ROLE}/boundary")).await.unwrap();
    bureau.office.who_is(&anns).await.refuses("ExpiredToken", "no boundary any more");
    bounded(&bureau).await;
    assert_eq!(bureau.office.who_is(&anns).await.status, 200);
    // Nor is anything left where the rule takes no policies any more.
    bureau.with(rule());
    bureau.office.who_is(&anns).await.refuses("ExpiredToken", "takes no policy of who asks any more");
    bureau.with(Rule { inline: true, ..rule() });
    let log = bureau.records().join("\n");
    assert!(log.contains("gives_digest"), "{log}");
    // One that the clock ended stands in nobody's way, whether or not that was written down.
    bureau.office.pass(3_600);
    let mut ann = bureau.browser("ann").await;
    let asked = ask(&mut ann, &policy(&["s3:GetObject"])).await;
    assert!(asked.location.is_some_and(|to| to.starts_with("/me/grants/")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_brought_where_it_is_asked_for_and_is_one() {
    let bureau = bureau().await;
    let mut ann = bureau.browser("ann").await;
    ann.get(&format!("/me/grants/new?role={}", arn())).await.says(200, "name=\"gives\"");
    for (gives, said) in [
        ("", "What it is to be good for: it must be a policy"),
        ("{", "The policy is no JSON"),
        (r#"{"Statement":[{"Effect":"Allow","Action":"s3:Get*"}]}"#, "Resource"),
        (&policy(&["nothing"]), "nothing"),
        (&policy(&[&format!("s3:{}", "x".repeat(6_200))]), "6144"),
    ] {
        let page = ask(&mut ann, gives).await;
        assert!(page.status == 400 && page.html.contains(said), "{gives}: {page:?}");
    }
    // What was typed is there still.
    ask(&mut ann, r#"{"Statement":[{"Effect":"Allow","Action":"s3:Get*"}]}"#).await.says(400, "s3:Get*");
    let good = policy(&["s3:GetObject"]);
    ask(&mut ann, &good).await;
    assert_eq!(bureau.last().await["gives"], json!(good));
    ask(&mut ann, &good).await.says(400, "and that is not over");
    // Who decides makes it narrower on the page.
    let mut bob = bureau.browser("bob").await;
    let id = bureau.last().await["id"].as_str().unwrap().to_owned();
    let less = policy(&["s3:GetObject", "bailey:Authorize"]);
    let within = json!({ "IpAddress": { "aws:SourceIp": "203.0.113.0/24" } }).to_string();
    step(&mut bob, &id, "narrow", &[("policy", "{")]).await.says(409, "No more than: it must be JSON");
    step(&mut bob, &id, "narrow", &[("policy", &less), ("condition", &within)]).await;
    step(&mut bob, &id, "narrow", &[("policy", &good)]).await.says(409, "narrowed by a policy already");
    let narrowed = bureau.last().await;
    assert_eq!((&narrowed["policy"], &narrowed["conditions"]), (&json!(less), &json!([within])));
    // Nobody bounds what has no boundary, and a role that is granted as it is takes none.
    let _: Value = bureau.office.served.client.delete(&format!("/v1/roles/{ROLE}/boundary")).await.unwrap();
    ask(&mut bob, &good).await.says(400, "no permissions boundary");
    bureau.with(rule());
    ask(&mut bob, &good).await.says(400, "left out");
}

/// What it would be is shown before anybody is asked, and nothing is written.
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_looks_at_it_in_words_first() {
    let bureau = bureau().await;
    let mut ann = bureau.browser("ann").await;
    let form = form(&mut ann).await;
    let gives = policy(&["s3:GetObject", "ec2:TerminateInstances"]);
    let sent = [("form", form.as_str()), ("role", &arn()), ("reason", "why"), ("gives", &gives), ("look", "1")];
    let page = ann.post("/me/grants/new", &sent).await;
    page.says(200, "ec2: ");
    page.says(200, "s3: reads");
    page.says(200, ">why<");
    let all: Value = bureau.office.served.client.get("/v1/grants?all=true").await.unwrap();
    assert_eq!(all["items"], json!([]));
}
