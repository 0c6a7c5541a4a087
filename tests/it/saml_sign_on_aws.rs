//! The console of AWS as a service provider: the role that somebody takes, chosen where there are several, and what its session is
//! called and tagged.

use std::collections::BTreeMap;

use bailey::issue::Templates;
use serde_json::json;

use crate::portal::Browser;
use crate::saml_desk::{desk, posted, xml};
use crate::sts_office::{ACCOUNT, allow};
use crate::sts_unsigned::PASSWORD;

const CONSOLE: &str = "https://signin.aws.amazon.com/saml";

/// The values of an attribute that AWS gives a meaning to.
fn values(xml: &str, name: &str) -> Vec<String> {
    let name = format!("Name=\"https://aws.amazon.com/SAML/Attributes/{name}\"");
    let Some((_, rest)) = xml.split_once(&name) else { return Vec::new() };
    let inside = rest.split("</saml:Attribute>").next().unwrap();
    let values = inside.split("<saml:AttributeValue>").skip(1);
    values.map(|value| value.split_once('<').unwrap().0.to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_goes_to_aws_with_the_role_that_they_choose() {
    let desk = desk().await;
    let provider = format!("arn:aws:iam::{ACCOUNT}:saml-provider/Bailey");
    let settings =
        json!({ "title": "AWS", "aws_providers": [provider], "aws_session_duration": 3600, "idp_initiated": true });
    desk.office.post("/v1/saml-sps", json!({ "name": "aws", "preset": "aws", "settings": settings })).await;
    *desk.office.fixture.app.mint.templates.write().unwrap() = Templates {
        role_session_name: Some("${directory:mail}".parse().unwrap()),
        source_identity: Some("${directory:name}".parse().unwrap()),
        tags: BTreeMap::from([("Mail".to_owned(), "${directory:mail}".parse().unwrap())]),
    };
    let mut browser = Browser::new(&desk.office);
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    let form = browser.get("/me/apps/aws").await.field("form");
    let go = async |browser: &mut Browser<'_>, role: &str| {
        let fields = [("form", form.as_str()), ("role", role)];
        let fields = if role.is_empty() { &fields[..1] } else { &fields[..] };
        browser.post("/me/apps/aws", fields).await
    };
    go(&mut browser, "").await.says(400, "no role there");
    desk.office.role("Deployer", json!([]), allow(&["s3:Get*"])).await;
    desk.office.put("/v1/roles/Deployer/assigned/user/ann", json!({})).await;
    let only = go(&mut browser, "").await;
    let (to, message, _) = posted(&only);
    let text = xml(&message);
    assert_eq!(to, CONSOLE);
    assert!(only.policy.contains(&format!("form-action {CONSOLE} https:;")), "{}", only.policy);
    let deployer = format!("arn:aws:iam::{ACCOUNT}:role/Deployer");
    assert_eq!(values(&text, "Role"), [format!("{deployer},{provider}")]);
    assert_eq!(values(&text, "RoleSessionName"), ["ann@example.test"]);
    assert_eq!(values(&text, "SourceIdentity"), ["ann"]);
    assert_eq!(values(&text, "SessionDuration"), ["3600"]);
    assert_eq!(values(&text, "PrincipalTag:Mail"), ["ann@example.test"]);
    assert_eq!(values(&text, "TransitiveTagKeys"), ["Mail"]);
    assert_eq!(text.matches("<saml:SubjectConfirmation ").count(), 1);
    assert!(text.contains(&format!("Recipient=\"{CONSOLE}\"")) && text.contains(">urn:amazon:webservices<"), "{text}");
    // Several: one is chosen, and no other than one's own.
    desk.office.role("Auditor", json!([]), allow(&["s3:List*"])).await;
    desk.office.role("Owner", json!([]), allow(&["*"])).await;
    desk.office.put("/v1/roles/Auditor/assigned/user/ann", json!({})).await;
    let choice = go(&mut browser, "").await;
    choice.says(200, "Choose a role");
    assert!(
        choice.html.contains(&deployer) && choice.html.contains("role/Auditor") && !choice.html.contains("role/Owner")
    );
    let auditor = format!("arn:aws:iam::{ACCOUNT}:role/Auditor");
    let text = xml(&posted(&go(&mut browser, &auditor).await).1);
    assert_eq!(values(&text, "Role"), [format!("{auditor},{provider}")]);
    go(&mut browser, &format!("arn:aws:iam::{ACCOUNT}:role/Owner")).await.says(400, "no such role");
}
