//! What a refusal rested on, by the id of its request: each surface names it, its record has the same, and who asks is told as much
//! as they may know.

use bailey::cli::client::ClientError;
use hyper::Request;
use serde_json::{Value, json};

use crate::bed::signer::{Credentials, sha256};
use crate::grants::Bureau;
use crate::portal::Browser;
use crate::role_tokens::{Answer, send};
use crate::sts_office::{ACCOUNT, Office, Told, allow, trusts};
use crate::sts_unsigned::{PASSWORD, device, person};

/// What `who` is told about the request `id`.
async fn explained(office: &Office, who: &Credentials, id: &str) -> Answer {
    // Each signature counts once a second.
    office.pass(1);
    let path = format!("/v1/explain/{id}");
    let mut request = Request::get(&path);
    let now = office.fixture.app.admin.now();
    for (name, value) in who.sign_request(("GET", &path), &[("host", "bailey.example")], "bailey", &sha256(b""), now) {
        request = request.header(name, value);
    }
    send(office, request, String::new()).await
}

async fn told(office: &Office, who: &Credentials, id: &str) -> Value {
    let answer = explained(office, who, id).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// The id of a request that was refused, which stands in its answer, its message and its record.
fn refused(office: &Office, told: &Told) -> String {
    told.refuses("AccessDenied", "");
    let id = told.text("RequestId");
    assert!(told.text("Message").contains(&format!("(request {id})")), "{}", told.xml);
    let record: Value = serde_json::from_str(&office.last_record()).unwrap();
    assert_eq!((record["requestID"].as_str(), &record["errorCode"]), (Some(id.as_str()), &json!("AccessDenied")));
    id
}

/// The id that an error of the JSON interface, and its header, name.
fn named(answer: &Answer) -> String {
    let id = answer.headers["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(answer.json()["error"]["request_id"], id.as_str(), "{}", answer.text);
    id
}

fn office_only() -> Value {
    json!({ "Sid": "Office", "Effect": "Allow", "Action": "iam:ListRoles", "Resource": "*",
            "Condition": { "IpAddress": { "aws:SourceIp": "10.0.0.0/8" }, "Bool": { "aws:SecureTransport": "true" } } })
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_refused_learns_which_condition_lacked_what_it_saw_and_whether_that_is_so_still() {
    let office = Office::new().await;
    let ann = office.user("ann", json!([office_only()])).await;
    let id = refused(&office, &office.iam(&ann, &[("Action", "ListRoles")]).await);
    let said = told(&office, &ann, &id).await;
    assert_eq!((&said["request"], &said["operation"]), (&json!(id), &json!("ListRoles")));
    assert_eq!((&said["action"], &said["resource"]), (&json!("iam:ListRoles"), &json!("*")));
    assert_eq!(said["who"], format!("arn:aws:iam::{ACCOUNT}:user/ann"));
    assert_eq!((&said["explicit"], &said["lacking"]), (&json!(false), &json!([{ "layer": "identity" }])));
    let statement = &said["statements"][0];
    assert_eq!(
        (&statement["sid"], &statement["effect"], &statement["stands"]),
        (&json!("Office"), &json!("Allow"), &json!(true))
    );
    assert!(statement["text"].as_str().unwrap().contains("\"Sid\": \"Office\""), "{said}");
    let conditions = statement["conditions"].as_array().unwrap();
    let unmet: Vec<&Value> = conditions.iter().filter(|condition| condition["met"] == false).collect();
    assert_eq!(unmet.len(), 1, "{said}");
    assert_eq!((&unmet[0]["operator"], &unmet[0]["key"]), (&json!("IpAddress"), &json!("aws:sourceip")));
    assert_eq!((&unmet[0]["wanted"], &unmet[0]["seen"]), (&json!(["10.0.0.0/8"]), &json!(["203.0.113.9"])));
    assert_eq!((&said["now"]["allowed"], &said["now"]["changed"]), (&json!(false), &json!(false)), "{said}");

    // Somebody changes the policy: what was so then is told as it was, and what is so now is another thing.
    let wider = json!({ "document": { "Statement": allow(&["iam:ListRoles"]) } });
    office.put("/v1/users/ann/inline/own", wider).await;
    let said = told(&office, &ann, &id).await;
    assert_eq!(said["now"]["allowed"], true, "{said}");
    assert_eq!((&said["statements"][0]["stands"], &said["statements"][0]["sid"]), (&json!(false), &json!("Office")));

    let denial = json!({ "document": { "Statement": { "Sid": "Never", "Effect": "Deny", "Action": "iam:*", "Resource": "*" } } });
    office.put("/v1/users/ann/inline/own", denial).await;
    let said = told(&office, &ann, &id).await;
    assert_eq!((&said["now"]["allowed"], &said["now"]["changed"]), (&json!(false), &json!(true)));
    assert!(said["now"]["reasons"][0].as_str().unwrap().contains("den"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_layer_is_told_apart() {
    let office = Office::new().await;
    let statements = json!([
        { "Effect": "Allow", "Action": ["iam:*", "sts:*"], "Resource": "*" },
        { "Sid": "NoGroups", "Effect": "Deny", "Action": "iam:ListGroups", "Resource": "*" }
    ]);
    let ann = office.user("ann", statements).await;
    let layers = |said: &Value| -> Vec<String> {
        let lacking = said["lacking"].as_array().cloned().unwrap_or_default();
        lacking.iter().map(|gap| gap["layer"].as_str().unwrap().to_owned()).collect()
    };

    let id = refused(&office, &office.iam(&ann, &[("Action", "ListGroups")]).await);
    let said = told(&office, &ann, &id).await;
    let statement = &said["statements"][0];
    assert_eq!(
        (&said["explicit"], &statement["sid"], &statement["layer"]),
        (&json!(true), &json!("NoGroups"), &json!("identity"))
    );
    assert_eq!((&statement["effect"], &statement["through"][0]), (&json!("Deny"), &json!("user/ann")), "{said}");

    office.user("bob", json!([])).await;
    office.role("Closed", trusts("bob"), json!([])).await;
    let id = refused(&office, &office.assume(&ann, "Closed", &[]).await);
    assert_eq!(layers(&told(&office, &ann, &id).await), ["trust"]);

    // Then what a boundary and a guardrail leave out.
    office
        .post("/v1/policies", json!({ "name": "Little", "document": { "Statement": allow(&["iam:ListUsers"]) } }))
        .await;
    office.put("/v1/users/ann/boundary/Little", json!({})).await;
    let id = refused(&office, &office.iam(&ann, &[("Action", "ListRoles")]).await);
    assert_eq!(layers(&told(&office, &ann, &id).await), ["boundary"]);
    let document = json!({ "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" },
            { "Sid": "Data", "Effect": "Deny", "Action": "iam:ListUsers", "Resource": "*" }] });
    office.post("/v1/guardrails", json!({ "name": "data", "kind": "service", "document": document })).await;
    office.put("/v1/guardrails/data/on/organization", json!({})).await;
    let id = refused(&office, &office.iam(&ann, &[("Action", "ListUsers")]).await);
    let said = told(&office, &ann, &id).await;
    let statement = &said["statements"][0];
    assert_eq!((&statement["layer"], &statement["sid"]), (&json!("service_control"), &json!("Data")), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_narrowed_learns_so_and_knows_of_its_own_refusals_alone() {
    let office = Office::new().await;
    let ann = office.user("ann", json!([])).await;
    office.role("Reader", trusts("ann"), allow(&["iam:List*"])).await;
    let narrow = json!({ "Version": "2012-10-17", "Statement": allow(&["iam:ListUsers"]) }).to_string();
    let session = office.assume(&ann, "Reader", &[("Policy", &narrow)]).await.credentials();
    let id = refused(&office, &office.iam(&session, &[("Action", "ListRoles")]).await);
    // Who was narrowed to something is held to that, and whoever narrowed them asks.
    assert_eq!(explained(&office, &session, &id).await.status, 403);
    let said = told(&office, &ann, &id).await;
    assert_eq!(said["lacking"], json!([{ "layer": "session" }]), "{said}");
    // No other session of the role knows of it; of its own it does.
    office.pass(1);
    let other = office.assume(&ann, "Reader", &[]).await.credentials();
    assert_eq!(explained(&office, &other, &id).await.status, 404);
    let own = refused(&office, &office.iam(&other, &[("Action", "CreateGroup"), ("GroupName", "x")]).await);
    assert_eq!(told(&office, &other, &own).await["lacking"], json!([{ "layer": "identity" }]));
    let own = refused(&office, &office.iam(&ann, &[("Action", "ListRoles")]).await);
    assert_eq!(
        explained(&office, &session, &own).await.status,
        404,
        "what its person was refused is not the session's"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn others_learn_neither_what_was_refused_nor_that_it_was() {
    let office = Office::new().await;
    let ann = office.user("ann", json!([])).await;
    let bob = office.user("bob", json!([])).await;
    let eye = office.user("eye", allow(&["bailey:ExplainAnyRefusal"])).await;
    let id = refused(&office, &office.iam(&ann, &[("Action", "ListRoles")]).await);
    let none = "01890a5d-ac96-774b-bcce-b302099a8057";
    let (of_ann, of_nobody) = (explained(&office, &bob, &id).await, explained(&office, &bob, none).await);
    assert_eq!((of_ann.status, of_nobody.status), (404, 404));
    let words = |answer: &Answer| answer.json()["error"]["message"].clone();
    assert_eq!(words(&of_ann), words(&of_nobody));
    let record: Value = serde_json::from_str(&office.last_record()).unwrap();
    assert_eq!((&record["eventName"], &record["errorCode"]), (&json!("ExplainAnyRefusal"), &json!("AccessDenied")));

    assert_eq!(told(&office, &eye, &id).await["who"], format!("arn:aws:iam::{ACCOUNT}:user/ann"));
    let record: Value = serde_json::from_str(&office.last_record()).unwrap();
    assert_eq!(
        (&record["eventName"], &record["requestParameters"]["explained"]),
        (&json!("ExplainAnyRefusal"), &json!(id))
    );
    let said: Value = office.served.client.get(&format!("/v1/explain/{id}")).await.unwrap();
    assert_eq!(said["action"], "iam:ListRoles", "an operator of the machine");
    for (id, status) in [("7", 400), (none, 404), (&id.replace('-', ""), 400)] {
        assert_eq!(explained(&office, &eye, id).await.status, status, "{id}");
    }
    // What was allowed is no refusal, and a policy keeps even one's own from somebody.
    office.put("/v1/users/ann/inline/own", json!({ "document": { "Statement": allow(&["iam:ListRoles"]) } })).await;
    let allowed = office.iam(&ann, &[("Action", "ListRoles")]).await.text("RequestId");
    assert_eq!(explained(&office, &ann, &allowed).await.status, 404);
    let denial = json!({ "Effect": "Deny", "Action": "bailey:ExplainRefusal", "Resource": "*" });
    office.put("/v1/users/ann/inline/own", json!({ "document": { "Statement": denial } })).await;
    let answer = explained(&office, &ann, &id).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    assert!(answer.text.contains("bailey:ExplainRefusal"), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_external_id_is_in_no_record_and_no_answer() {
    let office = Office::new().await;
    let ann = office.user("ann", allow(&["sts:AssumeRole"])).await;
    let mut trust = trusts("ann");
    trust[0]["Condition"] = json!({ "StringEquals": { "sts:ExternalId": "7f3c-of-the-customer" } });
    office.role("Vendor", trust, json!([])).await;
    let id = refused(&office, &office.assume(&ann, "Vendor", &[("ExternalId", "guess-of-ann")]).await);
    let said = told(&office, &ann, &id).await;
    assert_eq!(said["statements"][0]["conditions"][0]["key"], "sts:externalid", "{said}");
    assert!(said["now"].is_null() && said["remarks"].to_string().contains("secret"), "{said}");
    let lines = bailey::audit::tail::last(&office.fixture.app.store, u64::MAX).unwrap();
    for text in lines.iter().map(|line| line.json.as_str()).chain([said.to_string().as_str()]) {
        assert!(!text.contains("7f3c-of") && !text.contains("guess-of"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_what_its_request_was_called_and_takes_no_name_from_whoever_asks() {
    let office = Office::new().await;
    let mine = "01890a5d-ac96-774b-bcce-b302099a8057";
    let get = |path: &str| Request::get(path.to_owned()).header("x-request-id", mine).header("host", "bailey.example");
    let unknown = send(&office, get("/v1/nothing"), String::new()).await;
    let first = named(&unknown);
    let unsigned = send(&office, get("/v1/session"), String::new()).await;
    let second = named(&unsigned);
    assert!(first != second && ![&first, &second].contains(&&mine.to_owned()));
    let page = send(&office, get("/login"), String::new()).await;
    assert!(page.status == 200 && page.headers.contains_key("x-request-id") && !page.text.contains("<!--request"));
    let sts = send(&office, Request::post("/").header("host", "bailey.example"), "Action=AssumeRole".to_owned()).await;
    assert_eq!(sts.headers["x-amzn-requestid"], sts.headers["x-request-id"]);
    assert!(sts.text.contains(sts.headers["x-request-id"].to_str().unwrap()), "{}", sts.text);
    // Over the socket as well.
    let refused = office.served.client.get::<Value>("/v1/users/nobody").await;
    let Err(ClientError::Refused(error)) = refused else { panic!("{refused:?}") };
    assert_eq!(error.request_id.unwrap().len(), mine.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_says_no_with_a_way_to_the_reasons_and_from_there_to_a_role_that_would_do() {
    let bureau = Bureau::new().await;
    let office = &bureau.office;
    let mut ann = bureau.browser("ann").await;
    // Her own key, to be refused what the role for a while would let her.
    let key = office.post("/v1/users/ann/access-keys", json!({})).await;
    let id = refused(office, &office.iam(&Credentials::told(&key), &[("Action", "ListRoles")]).await);
    let page = ann.get(&format!("/me/refusals/{id}")).await;
    page.says(200, "What is missing");
    page.says(200, "no policy of whoever asked allows it");
    page.says(200, "Ask for prod-admin");
    page.says(200, "bailey grant request --role");
    let (_, rest) = page.html.split_once("href=\"/me/grants/new?").unwrap();
    let link = rest.split_once('"').unwrap().0.replace("&#38;", "&").replace("&amp;", "&");
    let form = ann.get(&format!("/me/grants/new?{link}")).await;
    form.says(200, "Ask for prod-admin");
    form.says(200, &format!("iam:ListRoles on * was refused (request {id})"));

    // What she is refused on a page says so there.
    let page = ann.get("/logout").await;
    let sent = [("form", page.field("form")), ("role", format!("arn:aws:iam::{ACCOUNT}:role/prod-admin"))];
    let sent: Vec<(&str, &str)> = sent.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let page = ann.post("/me/use", &sent).await;
    page.says(403, "was not given");
    let (_, rest) = page.html.split_once("href=\"/me/refusals/").unwrap_or_else(|| panic!("{page:?}"));
    let id = rest.split_once('"').unwrap().0.to_owned();
    let page = ann.get(&format!("/me/refusals/{id}")).await;
    page.says(200, "What is missing");
    page.says(200, "Ask for prod-admin");
    // And to nobody else.
    let mut dee = bureau.browser("dee").await;
    dee.get(&format!("/me/refusals/{id}")).await.says(404, "Nothing to explain");
    Browser::new(office)
        .get(&format!("/me/refusals/{id}"))
        .await
        .leads_to(&format!("/login?next=%2Fme%2Frefusals%2F{id}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_another_firm_learn_what_lacked_and_not_how_policies_here_are_written() {
    let mut bureau = Bureau::new().await;
    person(&bureau.office, "ext.eve").await;
    let seed = device(&bureau.office, "ext.eve").await.1;
    bureau.seeds.push(("ext.eve", seed));
    let office = &bureau.office;
    office
        .post(
            "/v1/engagements",
            json!({
                "name": "soc2", "firm": "Kessel & Lund", "framework": "SOC 2", "period": ["2025-01-01", "2025-12-31"],
                "contract": "EL-77", "sponsor": "dee", "people": ["ext.eve"], "networks": ["203.0.113.0/24"],
                "hours": "Mon-Fri 09:00-17:00", "zone": "Europe/Berlin", "ends": "2026-04-23T00:00:00Z"
            }),
        )
        .await;
    let mut trust = json!([{ "Sid": "HomeOfProjectX", "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") },
        "Condition": { "StringEquals": { "aws:PrincipalTag/team": "project-x" } } }]);
    trust[0]["Condition"]["StringEquals"]["aws:RequestedRegion"] = json!("us-east-1");
    office.role("ledger", trust, json!([])).await;
    let assuming = json!({ "document": { "Statement": allow(&["sts:AssumeRole"]) } });
    office.put("/v1/users/ext.eve/inline/assume", assuming).await;
    let mut eve = bureau.browser("ext.eve").await;
    let form = crate::grants::form(&mut eve).await;
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/ledger");
    let page = eve.post("/me/use", &[("form", &form), ("role", &arn)]).await;
    let (_, rest) = page.html.split_once("href=\"/me/refusals/").unwrap_or_else(|| panic!("{page:?}"));
    let id = rest.split_once('"').unwrap().0.to_owned();
    let all: Value = office.served.client.get(&format!("/v1/explain/{id}")).await.unwrap();
    assert!(all.to_string().contains("HomeOfProjectX") && all.to_string().contains("project-x"), "{all}");
    let page = eve.get(&format!("/me/refusals/{id}")).await;
    page.says(200, "the role does not trust them");
    page.says(200, "aws:principaltag/team");
    for kept in ["HomeOfProjectX", "project-x"] {
        assert!(!page.html.contains(kept), "{kept}: {page:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_policies_refuse_is_explained_to_operators_and_to_whose_it_was() {
    let office = Office::new().await;
    person(&office, "ann").await;
    let key = office.post("/v1/users/ann/access-keys", json!({})).await;
    let denial = json!({ "Sid": "Home", "Effect": "Deny", "Action": "signin:Login", "Resource": "*",
        "Condition": { "IpAddress": { "aws:SourceIp": "203.0.113.0/24" } } });
    office.put("/v1/users/ann/inline/login", json!({ "document": { "Statement": denial } })).await;
    let page = Browser::new(&office).sign_in("ann", PASSWORD).await;
    assert!(page.status >= 400, "{page:?}");
    let record: Value = serde_json::from_str(&office.last_record()).unwrap();
    let id = record["requestID"].as_str().unwrap().to_owned();
    assert!(page.html.contains(&id), "{page:?}");
    let said = told(&office, &Credentials::told(&key), &id).await;
    assert_eq!((&said["explicit"], &said["statements"][0]["sid"]), (&json!(true), &json!("Home")), "{said}");
    assert_eq!((&said["now"]["allowed"], &said["now"]["changed"]), (&json!(false), &json!(false)), "{said}");
    // What it takes no policy for is not said to lack one.
    office.put("/v1/users/ann/inline/login", json!({ "document": { "Statement": allow(&["s3:GetObject"]) } })).await;
    assert_eq!(told(&office, &Credentials::told(&key), &id).await["now"]["allowed"], true);
    let wrong = Browser::new(&office).sign_in("ann", "another-secret-9").await;
    let record: Value = serde_json::from_str(&office.last_record()).unwrap();
    let said = told(&office, &Credentials::told(&key), record["requestID"].as_str().unwrap()).await;
    assert!(said["now"].is_null() && !said.to_string().contains("another-secret"), "{said}, {wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_refusal_is_found_among_many_records_without_reading_them_all() {
    let office = Office::new().await;
    let ann = office.user("ann", json!([])).await;
    let note = |count: usize| {
        let app = &office.fixture.app;
        for number in 0..count {
            let event = bailey::audit::Event::reading("Noise").with("number", number as u64);
            let actor = bailey::model::Actor::task("noise");
            app.audit.note(&actor, &event, &bailey::audit::Outcome::success(), app.admin.now());
        }
    };
    for _ in 0..20 {
        note(60);
        office.pass(3_600);
    }
    let id = refused(&office, &office.iam(&ann, &[("Action", "ListRoles")]).await);
    for _ in 0..20 {
        office.pass(3_600);
        note(60);
    }
    let store = &office.fixture.app.store;
    let found = bailey::audit::query::of_request(store, id.parse().unwrap()).unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].json.contains("ListRoles"));
    let operator: Value = office.served.client.get(&format!("/v1/explain/{id}")).await.unwrap();
    assert_eq!(operator["request"], id.as_str());
}
