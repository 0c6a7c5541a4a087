//! What a refusal rested on, sealed: whoever may reads it, and nobody else, for a day, in this account.

use serde_json::{Value, json};

use crate::bed::signer::Credentials;
use crate::sts_office::{ACCOUNT, Office, Told, allow};

const MARK: &str = "Encoded authorization failure message: ";

/// The message that a refusal carries.
fn message(told: &Told) -> String {
    assert_eq!(told.found("Code"), Some("AccessDenied"), "{}", told.xml);
    let said = told.text("Message");
    said.split_once(MARK).unwrap_or_else(|| panic!("no message in {said}")).1.to_owned()
}

async fn decode(office: &Office, who: &Credentials, message: &str) -> Told {
    office.sts(who, &[("Action", "DecodeAuthorizationMessage"), ("EncodedMessage", message)]).await
}

async fn read(office: &Office, who: &Credentials, message: &str) -> Value {
    let told = decode(office, who, message).await;
    assert_eq!(told.status, 200, "{}", told.xml);
    serde_json::from_str(&told.text("DecodedMessage").replace("&quot;", "\"")).unwrap()
}

async fn reader(office: &Office) -> Credentials {
    office.user("reader", allow(&["sts:DecodeAuthorizationMessage"])).await
}

fn condition<'a>(decoded: &'a Value, key: &str) -> Option<&'a Value> {
    let items = decoded["context"]["conditions"]["items"].as_array().unwrap();
    items.iter().find(|item| item["key"] == key).map(|item| &item["values"])
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_reads_what_a_refusal_rested_on() {
    let office = Office::new().await;
    let reader = reader(&office).await;
    let ann = office.user("ann", json!([])).await;
    let told = office.iam(&ann, &[("Action", "CreateUser"), ("UserName", "eve")]).await;
    told.refuses("AccessDenied", "because no identity-based policy allows the iam:CreateUser action (request ");
    told.refuses("AccessDenied", "). Encoded authorization failure message: ");
    let sealed = message(&told);
    assert!(sealed.len() < 4_400 && !sealed.contains("ann"), "{sealed}");
    assert!(!office.last_record().contains(&sealed), "whoever reads the log has the log");
    let decoded = read(&office, &reader, &sealed).await;
    assert_eq!((&decoded["allowed"], &decoded["explicitDeny"]), (&json!(false), &json!(false)));
    assert_eq!((&decoded["matchedStatements"], &decoded["failures"]), (&json!({"items": []}), &json!({"items": []})));
    let context = &decoded["context"];
    assert_eq!(context["action"], "iam:CreateUser");
    assert_eq!(context["resource"], format!("arn:aws:iam::{ACCOUNT}:user/eve"));
    assert_eq!(context["principal"]["arn"], format!("arn:aws:iam::{ACCOUNT}:user/ann"));
    assert!(context["principal"]["id"].as_str().unwrap().starts_with("AIDA"), "{decoded}");
    assert_eq!(condition(&decoded, "aws:sourceip"), Some(&json!({"items": [{"value": "203.0.113.9"}]})));
    assert_eq!(decoded["truncated"], json!(false));
    // Who reads it is written down; the message is not.
    let record = office.last_record();
    assert!(record.contains("DecodeAuthorizationMessage") && !record.contains(&sealed), "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_denies_is_named_and_no_external_id_is() {
    let office = Office::new().await;
    let reader = reader(&office).await;
    let own = json!([
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Sid": "NoEve", "Effect": "Deny", "Action": "iam:CreateUser", "Resource": "*",
          "Condition": { "StringLike": { "aws:username": "a*" } } },
    ]);
    let ann = office.user("ann", own).await;
    let told = office.iam(&ann, &[("Action", "CreateUser"), ("UserName", "eve")]).await;
    let decoded = read(&office, &reader, &message(&told)).await;
    assert_eq!(decoded["explicitDeny"], json!(true));
    let statement = &decoded["matchedStatements"]["items"][0];
    assert_eq!((&statement["statementId"], &statement["effect"]), (&json!("NoEve"), &json!("DENY")));
    assert_eq!(statement["actions"], json!({"items": [{"value": "iam:createuser"}]}));
    assert_eq!(statement["conditions"]["items"][0]["values"], json!({"items": [{"value": "a*"}]}));
    assert_eq!(statement["principals"]["items"][0]["value"], decoded["context"]["principal"]["id"]);

    let condition_of = json!({ "StringNotEquals": { "sts:ExternalId": "7f3c-of-the-customer" } });
    let everybody = json!({ "AWS": ACCOUNT });
    let trust = json!([
        { "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": everybody },
        { "Effect": "Deny", "Action": "sts:AssumeRole", "Principal": everybody, "Condition": condition_of },
    ]);
    office.role("Partner", trust, json!([])).await;
    let told = office.assume(&ann, "Partner", &[("ExternalId", "what-ann-guesses")]).await;
    let decoded = read(&office, &reader, &message(&told)).await;
    assert_eq!((&decoded["explicitDeny"], &decoded["context"]["action"]), (&json!(true), &json!("sts:AssumeRole")));
    let statement = &decoded["matchedStatements"]["items"][0];
    assert_eq!(statement["policy"], "trust of role/Partner");
    assert_eq!(condition(&decoded, "sts:rolesessionname"), Some(&json!({"items": [{"value": "ann-cli"}]})));
    let text = decoded.to_string();
    for secret in ["7f3c", "guesses", &ann.secret, "externalid"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_policy_has_a_say_about_carries_one_too() {
    let office = Office::new().await;
    let reader = reader(&office).await;
    let ann = office.user("ann", allow(&["*"])).await;
    let everything = json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } }).to_string();
    let handed =
        office.sts(&ann, &[("Action", "GetFederationToken"), ("Name", "guest"), ("Policy", &everything)]).await;
    let handed = handed.credentials();
    let told = office.iam(&handed, &[("Action", "ListUsers")]).await;
    told.refuses("AccessDenied", "reaches neither IAM nor STS");
    let decoded = read(&office, &reader, &message(&told)).await;
    assert_eq!(decoded["context"]["principal"]["arn"], format!("arn:aws:sts::{ACCOUNT}:federated-user/guest"));
    assert_eq!(decoded["context"]["action"], "iam:ListUsers");
    decode(&office, &handed, "x").await.refuses("AccessDenied", "reaches neither IAM nor STS");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_reads_it_and_it_is_over_after_a_day() {
    let office = Office::new().await;
    let (reader, ann) = (reader(&office).await, office.user("ann", json!([])).await);
    let sealed = message(&office.iam(&ann, &[("Action", "ListUsers")]).await);
    // Not who was refused either: it says what they may not look at.
    let no = decode(&office, &ann, &sealed).await;
    no.refuses("AccessDenied", "not authorized to perform: sts:DecodeAuthorizationMessage");
    assert_ne!(message(&no), sealed, "and that is a refusal like others");

    let foreign = "InvalidAuthorizationMessageException";
    let mut wrong = vec!["x".to_owned(), sealed[1..].to_owned(), format!("{sealed}AAAA"), "\u{e4}".to_owned()];
    for at in [0, 3, 8, sealed.len() / 2, sealed.len() - 3] {
        let other = if &sealed[at..=at] == "A" { "B" } else { "A" };
        wrong.push(format!("{}{other}{}", &sealed[..at], &sealed[at + 1..]));
    }
    // What is sealed for another purpose is no message, whoever put it into the form of one.
    let keys = &office.fixture.app.admin.keys;
    let at = office.fixture.app.admin.now().as_second().to_be_bytes();
    let plain = [&at[..], br#"{"allowed":true}"#].concat();
    for owner in ["access-key/AKIAIOSFODNN7EXAMPLE", "authorization-message/210987654321", ""] {
        let other = keys.seal(owner, &bailey::base::Secret::new(plain.clone())).unwrap();
        let bytes = [&[1_u8][..], &other.key.to_be_bytes(), &other.bytes].concat();
        wrong.push(base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes));
    }
    for message in wrong {
        let told = decode(&office, &reader, &message).await;
        told.refuses(foreign, "not one of this account, is damaged, or its key is gone");
        assert_eq!(told.status, 400);
    }
    decode(&office, &reader, &"x".repeat(10_241)).await.refuses("ValidationError", "'encodedMessage'");
    decode(&office, &reader, "").await.refuses("ValidationError", "encodedMessage");

    office.pass(24 * 3_600 - 1);
    assert_eq!(read(&office, &reader, &sealed).await["context"]["action"], "iam:ListUsers");
    office.pass(1);
    decode(&office, &reader, &sealed).await.refuses(foreign, "messages are good for 24 hours");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_stays_small_whatever_comes_with_the_request() {
    let office = Office::new().await;
    let (reader, ann) = (reader(&office).await, office.user("ann", json!([])).await);
    let pairs: Vec<(String, String)> = (1..=50)
        .flat_map(|n| {
            let (key, value) = (format!("Tags.member.{n}.Key"), format!("Tags.member.{n}.Value"));
            [(key, format!("key-{n}-{}", "k".repeat(100))), (value, "v".repeat(256))]
        })
        .collect();
    let mut asked = vec![("Action", "CreateUser"), ("UserName", "eve")];
    asked.extend(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let sealed = message(&office.iam(&ann, &asked).await);
    assert!(sealed.len() < 4_400, "{}", sealed.len());
    let decoded = read(&office, &reader, &sealed).await;
    assert_eq!(decoded["truncated"], json!(true));
    assert_eq!(decoded["context"]["resource"], format!("arn:aws:iam::{ACCOUNT}:user/eve"));
}
