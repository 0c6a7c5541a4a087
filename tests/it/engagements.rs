//! Engagements: what people of another firm are granted is bounded by the window of their contract, and gone with it.

use bailey::model::grant::Rule;
use serde_json::{Value, json};

use crate::bed::signer::Credentials;
use crate::grants::{Bureau, credentials, form, rule, step};
use crate::portal::{Browser, Page};
use crate::sts_office::{ACCOUNT, allow};
use crate::sts_unsigned::{PASSWORD, device, person};

/// A bureau whose roles of audits the sponsor agrees to, and an auditor: a user made here, with a device.
async fn bureau() -> Bureau {
    let mut bureau = Bureau::new().await;
    person(&bureau.office, "ext.eve").await;
    let seed = device(&bureau.office, "ext.eve").await.1;
    bureau.seeds.push(("ext.eve", seed));
    let actions = ["s3:Get*", "s3:DeleteObject", "bailey:Authorize"];
    bureau.office.role("audit-logs", json!([]), allow(&actions)).await;
    bureau.with(Rule { roles: vec!["audit-*".to_owned()], requesters: Vec::new(), sponsor: true, ..rule() });
    bureau
}

fn engagement() -> Value {
    json!({
        "name": "soc2-2026", "firm": "Kessel & Lund", "framework": "SOC 2", "period": ["2025-01-01", "2025-12-31"],
        "contract": "EL-77", "sponsor": "dee", "people": ["ext.eve"], "networks": ["203.0.113.0/24"],
        "hours": "Mon-Fri 09:00-17:00", "zone": "Europe/Berlin", "ends": "2026-04-23T00:00:00Z"
    })
}

async fn ask_for(browser: &mut Browser<'_>, bureau: &Bureau, role: &str) -> String {
    browser.office.pass(1);
    let form = form(browser).await;
    let role = format!("arn:aws:iam::{ACCOUNT}:role/{role}");
    let sent = [("form", form.as_str()), ("role", &role), ("seconds", "7200"), ("reason", "sample 12")];
    let answer = browser.post("/me/grants/new", &sent).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    bureau.last().await["id"].as_str().unwrap().to_owned()
}

async fn take(browser: &mut Browser<'_>, role: &str) -> Page {
    let form = form(browser).await;
    let role = format!("arn:aws:iam::{ACCOUNT}:role/{role}");
    browser.post("/me/use", &[("form", &form), ("role", &role), ("seconds", "3600")]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_another_firm_have_what_their_engagement_bounds_and_nothing_behind_it() {
    let bureau = bureau().await;
    let office = &bureau.office;
    let made = office.post("/v1/engagements", engagement()).await;
    assert_eq!((&made["state"], made["external_id"].as_str().unwrap().len()), (&json!("open"), 32));
    assert!(made["ceiling"].as_str().unwrap().ends_with("policy/AuditorBoundary"), "{made}");
    let (mut eve, mut dee) = (bureau.browser("ext.eve").await, bureau.browser("dee").await);
    let id = ask_for(&mut eve, &bureau, "audit-logs").await;
    // Who answers for it agrees, in no group of the rule.
    dee.get("/me/grants").await.says(200, "sample 12");
    step(&mut dee, &id, "approve", &[]).await.leads_to(&format!("/me/grants/{id}"));
    assert_eq!(bureau.last().await["approvals"][0]["right"], "sponsor of engagement/soc2-2026");
    step(&mut eve, &id, "claim", &[]).await;
    eve.get("/me/grants").await.says(200, "Kessel &#38; Lund");
    let keys = credentials(&take(&mut eve, "audit-logs").await);
    assert_eq!(office.who_is(&keys).await.status, 200);

    // Out of the network nothing begins.
    let mut away = Browser { address: "198.51.100.7:1", ..Browser::new(office) };
    away.cookies.clone_from(&eve.cookies);
    take(&mut away, "audit-logs").await.says(403, "the conditions of the grant do not allow");
    // Nor does anything go on out of hours: at a quarter past five in Berlin.
    let at = |text: &str| office.fixture.clock.set(text.parse().unwrap());
    at("2026-03-12T16:15:00Z");
    office.who_is(&keys).await.refuses("ExpiredToken", "");
    at("2026-03-12T12:30:00Z");
    assert_eq!(office.who_is(&keys).await.status, 200);

    // Whoever answers for it is not there any more: neither is it.
    office.post("/v1/users/dee", json!({ "disabled": true })).await;
    office.who_is(&keys).await.refuses("ExpiredToken", "dee may not act");
    office.post("/v1/users/dee", json!({ "disabled": false })).await;
    assert_eq!(office.who_is(&keys).await.status, 200);
    // Who left its people has nothing, and who comes back has it again.
    let change = async |body: Value| office.post("/v1/engagements/soc2-2026", body).await;
    change(json!({ "remove": ["ext.eve"] })).await;
    office.who_is(&keys).await.refuses("ExpiredToken", "no longer among its people");
    change(json!({ "add": ["ext.eve"] })).await;
    assert_eq!(office.who_is(&keys).await.status, 200);

    // Closed is closed: the session, the grant, the sign-in, and for good.
    let closed = office.post("/v1/engagements/soc2-2026/close", json!({ "reason": "report delivered" })).await;
    assert!(closed["state"].as_str().unwrap().starts_with("was closed at"), "{closed}");
    office.who_is(&keys).await.refuses("ExpiredToken", "");
    let shown: Value = office.served.client.get(&format!("/v1/grants/{id}")).await.unwrap();
    assert_eq!(shown["how"], "revoked");
    eve.get("/me").await.leads_to("/login?next=%2Fme&why=engagement_over");
    eve.get("/login?why=engagement_over").await.says(200, "Your engagement here is over");
    let mut again = Browser::new(office);
    let page = again.sign_in("ext.eve", PASSWORD).await;
    let (flow, next, half) = (page.field("flow"), page.field("next"), page.field("half"));
    let code = bureau.code("ext.eve");
    let sent = [("flow", flow.as_str()), ("next", &next), ("half", &half), ("code", &code)];
    again.post("/login/code", &sent).await.says(403, "engagement of Kessel");
    let log = bureau.records().join("\n");
    for said in ["CreateEngagement", "UpdateEngagement", "CloseEngagement", "report delivered", "soc2-2026"] {
        assert!(log.contains(said), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_an_outsider_has_ends_with_the_engagement() {
    let bureau = bureau().await;
    let office = &bureau.office;
    office.post("/v1/engagements", engagement()).await;
    // A role that somebody assigned to them for good, by mistake or not.
    office.put("/v1/roles/audit-logs/assigned/user/ext.eve", json!({})).await;
    let mut eve = bureau.browser("ext.eve").await;
    let keys = credentials(&take(&mut eve, "audit-logs").await);
    assert_eq!(office.who_is(&keys).await.status, 200);
    office.post("/v1/engagements/soc2-2026/close", json!({})).await;
    office.who_is(&keys).await.refuses("ExpiredToken", "the engagement of Kessel");
    let swept = office.sweep();
    assert!(swept.ended > 0 && bureau.records().iter().any(|record| record.contains("engagement_over")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ceiling_holds_whatever_a_role_allows() {
    let bureau = bureau().await;
    let office = &bureau.office;
    let reads = json!({ "Effect": "Allow", "Action": ["s3:Get*", "bailey:Authorize"], "Resource": "*" });
    let reads = json!({ "name": "reads", "document": { "Version": "2012-10-17", "Statement": reads } });
    office.post("/v1/policies", reads).await;
    let mut body = engagement();
    body["ceiling"] = json!("reads");
    office.post("/v1/engagements", body).await;
    let (mut eve, mut dee) = (bureau.browser("ext.eve").await, bureau.browser("dee").await);
    let id = ask_for(&mut eve, &bureau, "audit-logs").await;
    step(&mut dee, &id, "approve", &[]).await;
    step(&mut eve, &id, "claim", &[]).await;
    let keys = credentials(&take(&mut eve, "audit-logs").await);
    let may = async |action: &str| {
        // The application says from where its request came: the engagement asks for that, too.
        let context = json!({ "aws:SourceIp": ["203.0.113.9"] });
        let question = json!({ "action": action, "resource": "arn:aws:s3:::logs/1", "context": context });
        let body = json!({ "questions": [question] });
        let (status, told) = crate::authorize::ask(&office.fixture, &keys, "bailey", &body).await;
        assert_eq!(status, 200, "{told}");
        told[0]["allowed"] == true
    };
    assert_eq!((may("s3:GetObject").await, may("s3:DeleteObject").await), (true, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engagement_is_a_window_with_bounds_and_its_people_are_made_here() {
    let bureau = bureau().await;
    let office = &bureau.office;
    let refused = async |change: (&str, Value), said: &str| {
        let mut body = engagement();
        body[change.0] = change.1;
        let told = office.served.client.post::<Value>("/v1/engagements", &body).await.unwrap_err().to_string();
        assert!(told.contains(said), "{said}: {told}");
    };
    refused(("ends", json!("2027-06-01T00:00:00Z")), "400 days").await;
    refused(("ends", json!("2026-03-12T12:00:00Z")), "`ends` must be after").await;
    refused(("name", json!("SOC 2")), "`name` must be").await;
    refused(("firm", json!(" ")), "`firm` must be").await;
    refused(("networks", json!(["10.0.0.300"])), "`networks` must be").await;
    refused(("period", json!(["2025-12-31", "2025-01-01"])), "`period` must be").await;
    refused(("sponsor", json!("nobody")), "there is no user `nobody`").await;
    refused(("ceiling", json!("NoSuchPolicy")), "NoSuchPolicy").await;
    refused(("zone", json!("Europe/Nowhere")), "no time zone").await;
    office.post("/v1/engagements", engagement()).await;
    refused(("firm", json!("Another")), "`soc2-2026` already").await;

    // Whoever has no second factor does not come in, and sets none up without an invitation.
    person(office, "ext.fay").await;
    office.post("/v1/engagements/soc2-2026", json!({ "add": ["ext.fay"] })).await;
    Browser::new(office).sign_in("ext.fay", PASSWORD).await.says(403, "by an invitation");
    // No key that lasts is worth anything in the hands of an outsider.
    let made: Value = office.post("/v1/users/ext.eve/access-keys", json!({})).await;
    let key = Credentials::told(&made);
    office.iam(&key, &[("Action", "ListRoles")]).await.refuses("AccessDenied", "act by sessions alone");
    // What is asked for is seen by whoever answers for it.
    let mut eve = bureau.browser("ext.eve").await;
    let id = ask_for(&mut eve, &bureau, "audit-logs").await;
    let shown: Value = office.served.client.get("/v1/engagements/soc2-2026").await.unwrap();
    assert_eq!(shown["grants"][0]["id"], json!(id));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_an_outsider_is_one_for_good() {
    let bureau = bureau().await;
    let office = &bureau.office;
    // A request of before she is one of its people is none of the engagement's.
    let mut eve = bureau.browser("ext.eve").await;
    let early = ask_for(&mut eve, &bureau, "audit-logs").await;
    let mut bob = bureau.browser("bob").await;
    step(&mut bob, &early, "approve", &[]).await.leads_to(&format!("/me/grants/{early}"));
    office.post("/v1/engagements", engagement()).await;
    let mut eve = bureau.browser("ext.eve").await;
    step(&mut eve, &early, "claim", &[]).await.says(409, "part of no engagement");
    // A key that lasts begins a session, and that is worth nothing either.
    let made: Value = office.post("/v1/users/ext.eve/access-keys", json!({})).await;
    let key = Credentials::told(&made);
    let own = office.sts(&key, &[("Action", "GetSessionToken")]).await.credentials();
    office.who_is(&own).await.refuses("ExpiredToken", "begin with a sign-in");
    // Taken out of it, she is nobody's: her browser, her key and her password are refused.
    office.post("/v1/engagements/soc2-2026", json!({ "remove": ["ext.eve"] })).await;
    eve.get("/me").await.leads_to("/login?next=%2Fme&why=engagement_over");
    office.iam(&key, &[("Action", "ListRoles")]).await.refuses("AccessDenied", "no longer among its people");
    let shown: Value = office.served.client.get("/v1/users/ext.eve").await.unwrap();
    let member = bailey::model::Member::User(shown["id"].as_str().unwrap().parse().unwrap());
    let app = &office.fixture.app;
    let found = app.store.read(|snapshot| bailey::store::rows::entity(snapshot, &member)).unwrap();
    let Some((_, bailey::model::Entity::User(user))) = found else { panic!("{shown}") };
    // What she let an application have goes on no more, offline or not.
    let who = bailey::gate::Remembered { user: &user, asked: std::collections::BTreeMap::new() };
    let refused = app.gate.goes_on(&who, bailey::gate::Operation::AuthorizeClient, "wiki", app.admin.now());
    assert!(refused.unwrap_err().to_string().contains("no longer among its people"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_answers_for_it_takes_back_and_a_restore_asks_to_be_confirmed() {
    let bureau = bureau().await;
    let office = &bureau.office;
    // A window that ends within the time to claim is no trap.
    let mut body = engagement();
    body["ends"] = json!("2026-03-13T08:00:00Z");
    office.post("/v1/engagements", body).await;
    let (mut eve, mut dee) = (bureau.browser("ext.eve").await, bureau.browser("dee").await);
    let id = ask_for(&mut eve, &bureau, "audit-logs").await;
    assert_eq!(bureau.last().await["claim_by"], "2026-03-13T08:00:00Z");
    step(&mut dee, &id, "approve", &[]).await;
    step(&mut dee, &id, "revoke", &[("comment", "wrong sample")]).await.leads_to(&format!("/me/grants/{id}"));
    assert_eq!(bureau.last().await["how"], "revoked");
    // Nobody outside decides alone.
    bureau.with(Rule { roles: vec!["audit-*".to_owned()], requesters: Vec::new(), break_glass: Some(3_600), ..rule() });
    ask_for(&mut eve, &bureau, "audit-logs").await;
    assert_eq!(bureau.last().await["stage"], "requested");
    crate::grants::restored(&bureau);
    let shown: Value = office.served.client.get("/v1/engagements/soc2-2026").await.unwrap();
    assert!(shown["state"].as_str().unwrap().contains("before a restore"), "{shown}");
    Browser::new(office).sign_in("ext.eve", PASSWORD).await.says(200, "Code");
    office.post("/v1/engagements/soc2-2026", json!({})).await;
    let shown: Value = office.served.client.get("/v1/engagements/soc2-2026").await.unwrap();
    assert_eq!(shown["state"], "open");
}
