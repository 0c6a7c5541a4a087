//! The console of AWS as a service provider: the role that somebody takes, chosen where there are several, of one account or of two, and
//! what its session is called and tagged.
//!
//! `BAILEY_PICTURES=FOLDER` has the page pictured there on which they choose.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bailey::authn::saml::{Expected, IdentityProvider, SamlAssertion, ServiceProvider, judge};
use bailey::issue::Templates;
use bailey::saml_xml::Node;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::aws_clients::client::packages;
use crate::bed::Authority;
use crate::bed::chromium::{Chromium, Look};
use crate::bed::counter::Counter;
use crate::bed::visitor::{self, Visitor};
use crate::bed::wait_until;
use crate::bed::wanderer::plain;
use crate::bed::website::{Page, Website};
use crate::portal::Browser;
use crate::portal_browser::faults;
use crate::saml_desk::{address, desk, moment, posted, xml};
use crate::saml_shop::{Carried, carried, follow, now, signs_in};
use crate::saml_with_others::own_metadata;
use crate::sts_office::{ACCOUNT, allow};
use crate::sts_unsigned::PASSWORD;

const CONSOLE: &str = "https://signin.aws.amazon.com/saml";
/// The host in it.
const HOST: &str = "signin.aws.amazon.com";
const AWS: &str = "urn:amazon:webservices";
/// What is said of the role that somebody takes.
const ROLE: &str = "https://aws.amazon.com/SAML/Attributes/Role";
const PRODUCTION: &str = "111122223333";
const SANDBOX: &str = "444455556666";
/// An account that is declared as well, and that does not know us.
const STRANGE: &str = "777788889999";
/// What somebody has who does many things: roles of one account, and of the other.
const MANY: [(&str, &[&str]); 2] = [
    (
        PRODUCTION,
        &["Auditor", "BillingReader", "DatabaseAdministrator", "Deployer", "IncidentCommander", "NetworkOperator"],
    ),
    (SANDBOX, &["Auditor", "Deployer", "MachineLearningResearcherWithGraphicsProcessors", "Owner", "Reader", "Tester"]),
];

/// An installation that two accounts of AWS know, in which ann has these roles.
fn company(roles: &[(&str, &[&str])]) -> Counter {
    let account = |(id, name)| format!("[[other_account]]\nid = \"{id}\"\nname = \"{name}\"\nkind = \"aws\"\n\n");
    let accounts = [(PRODUCTION, "production"), (SANDBOX, "sandbox"), (STRANGE, "strange")].map(account).concat();
    let counter = Counter::open(&format!("[sso]\nissuer = \"https://localhost:@PORT@\"\n\n{accounts}"));
    counter.post("/v1/users", &json!({ "name": "ann", "mail": "ann@example.test" }));
    counter.post("/v1/users/ann/password", &json!({ "password": PASSWORD, "must_change": false }));
    for (account, names) in roles {
        for name in *names {
            counter.post("/v1/roles", &json!({ "name": name, "account": account }));
            counter.put(&format!("/v1/roles/{account}%2F{name}/assigned/user/ann"), &json!({}));
        }
    }
    let settings = json!({ "aws_providers": [provider(PRODUCTION), provider(SANDBOX)], "idp_initiated": true });
    counter.post("/v1/saml-sps", &json!({ "name": "aws", "preset": "aws", "settings": settings }));
    own_metadata(&counter);
    counter
}

/// What we are called in an account.
fn provider(account: &str) -> String {
    format!("arn:aws:iam::{account}:saml-provider/Bailey")
}

fn role(account: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:role/{name}")
}

/// Where a browser goes that AWS has ask for somebody.
fn asks(id: &str) -> String {
    let node = Node::new("samlp:AuthnRequest").with("ID", id).with("Version", "2.0");
    let node = node.with("IssueInstant", moment(now())).child(Node::text("saml:Issuer", AWS));
    address("/saml/sso", "SAMLRequest", &node.render(), "r", None)
}

/// What AWS takes from a response, to which it asked for `request` or nothing.
fn taken(counter: &Counter, response: &str, request: Option<&str>) -> SamlAssertion {
    let provider = IdentityProvider::read(&own_metadata(counter)).unwrap();
    let own = ServiceProvider::new(AWS, CONSOLE);
    judge(response, Expected { provider: &provider, own: &own, request }, now()).unwrap()
}

/// The roles in it, each with what we are called in its account.
fn roles_in(taken: &SamlAssertion) -> &[String] {
    &taken.attributes().iter().find(|attribute| attribute.name == ROLE).unwrap().values
}

/// The choice on the page `offered`, of this role.
fn chooses(browser: &mut Visitor, offered: &visitor::Page, role: &str) -> visitor::Page {
    let (form, request) = (offered.field("form"), plain(&offered.field("request")));
    browser.post("/saml/continue", &[("form", &form), ("request", &request), ("role", role)])
}

#[test]
fn whoever_has_roles_in_two_accounts_chooses_among_both_when_the_application_begins() {
    let strange: &[&str] = &["Owner"];
    let counter = company(&[(PRODUCTION, &["Auditor", "Deployer"]), (SANDBOX, &["Auditor"]), (STRANGE, strange)]);
    let mut browser = Visitor::of(&counter);
    signs_in(&mut browser, "/me").leads_to("/me");
    let page = follow(&mut browser, &asks("_q1"));
    page.says(200, "Choose a role");
    for offered in [role(PRODUCTION, "Auditor"), role(PRODUCTION, "Deployer"), role(SANDBOX, "Auditor")] {
        page.says(200, &format!("value=\"{offered}\""));
    }
    for words in ["production", "sandbox"] {
        page.says(200, words);
    }
    assert!(!page.html.contains(STRANGE) && !page.html.contains("strange"), "{page:?}");

    // One that is not offered is nobody's to take, and does not spend what was asked.
    for other in [role(STRANGE, "Owner"), role(PRODUCTION, "Owner"), role(ACCOUNT, "Auditor"), "Auditor".to_owned()] {
        let refused = carried(&chooses(&mut browser, &page, &other));
        assert_eq!((refused.to.as_str(), refused.status()), (CONSOLE, refusal()), "{other}");
    }
    // Nobody's page but ours chooses for them: neither by an address nor by a form.
    let auditor = role(SANDBOX, "Auditor");
    let request = plain(&page.field("request"));
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let query = query.append_pair("request", &request).append_pair("role", &auditor).finish();
    for way in [browser.led_to(&format!("/saml/continue?{query}")), browser.get(&format!("/saml/continue?{query}"))] {
        way.says(200, "Choose a role");
    }
    let forged = [("form", "x"), ("request", &*request), ("role", &*auditor)];
    browser.post("/saml/continue", &forged).says(403, "The page was of another sign-in");
    // Of two roles of one name it is the one that was chosen, by the name that we have in its account.
    let answer = chooses(&mut browser, &page, &auditor);
    let Carried { to, xml, relay } = carried(&answer);
    assert_eq!((to.as_str(), relay.as_deref()), (CONSOLE, Some("r")));
    let told = taken(&counter, &xml, Some("_q1"));
    assert_eq!(roles_in(&told), [format!("{},{}", role(SANDBOX, "Auditor"), provider(SANDBOX))]);
    chooses(&mut browser, &page, &role(PRODUCTION, "Auditor")).says(400, "answered before");

    // Somebody who was not signed in chooses, too, once they are.
    let mut browser = Visitor::of(&counter);
    let page = follow(&mut browser, &asks("_q2"));
    let next = page.location.clone().unwrap();
    let next = url::form_urlencoded::parse(next.split_once('?').unwrap().1.as_bytes()).next().unwrap().1.into_owned();
    signs_in(&mut browser, &next);
    let page = follow(&mut browser, &next);
    page.says(200, "Choose a role");
    let answer = chooses(&mut browser, &page, &role(PRODUCTION, "Deployer"));
    let told = taken(&counter, &carried(&answer).xml, Some("_q2"));
    assert_eq!(roles_in(&told), [format!("{},{}", role(PRODUCTION, "Deployer"), provider(PRODUCTION))]);
    // What is not assigned any more is no choice.
    let assigned = format!("/v1/roles/{SANDBOX}%2FAuditor/assigned/user/ann");
    counter.wait(counter.client().delete::<Value>(&assigned)).unwrap();
    let page = follow(&mut browser, &asks("_q3"));
    assert!(page.html.contains("Choose a role") && !page.html.contains(SANDBOX), "{page:?}");
}

fn refusal() -> Vec<String> {
    ["Responder", "RequestDenied"].map(str::to_owned).to_vec()
}

/// Ann has twelve roles in two accounts, and takes one of each in a browser: once from "My access", and once where AWS begins. Nobody is kept
/// out by the page on which she chooses, and it can be read.
#[test]
fn a_role_is_chosen_in_a_browser_among_twelve_of_two_accounts() {
    let counter = company(&MANY);
    let leaf = Authority::new("AWS").issue("console", &[HOST]);
    let console = counter.wait(Website::secure(&leaf));
    let arrived = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<h1>The console</h1>";
    console.show("/saml", Page::Raw(arrived.into()));
    console.document("/favicon.ico", "");
    let axe = std::fs::read_to_string(packages().join("axe-core/axe.min.js")).unwrap();
    let pictures = std::env::var_os("BAILEY_PICTURES").map(PathBuf::from);
    let mut found = Vec::new();
    for look in [Look::Light, Look::Dark, Look::Phone] {
        let browser = Chromium::knowing(look, HOST, console.address());
        let mut chooses = |account: &str, name: &str, request: Option<&str>| {
            browser.until("h1", "Choose a role");
            assert_eq!(browser.count("button[name=role]"), 12);
            let wide = "return document.documentElement.scrollWidth <= window.innerWidth";
            assert_eq!(browser.script(wide, json!([])), json!(true), "{look:?}: wider than its window");
            if let Some(folder) = &pictures {
                browser.pictures(&format!("{}/role-choice-{look:?}.png", folder.display()));
            }
            found.extend(faults(&browser, &axe, &format!("{look:?} choice")));
            let before = console.bodies().len();
            browser.clicks(&format!("button[value='{}']", role(account, name)));
            wait_until("a response at the console", || console.bodies().len() > before);
            browser.until("h1", "The console");
            let told = taken(&counter, &posted_there(&console), request);
            assert_eq!(roles_in(&told), [format!("{},{}", role(account, name), provider(account))]);
        };
        sign_in(&browser, &counter);
        browser.clicks("form[action='/me/apps/aws'] button");
        chooses(PRODUCTION, "DatabaseAdministrator", None);
        let id = format!("_{look:?}");
        browser.go(&format!("{}{}", counter.url(), asks(&id)));
        chooses(SANDBOX, "Auditor", Some(&id));
        assert_eq!(browser.complaints(), Vec::<String>::new(), "{look:?}");
    }
    assert_eq!(found, Vec::<String>::new());
}

/// Signs ann in to "My access".
fn sign_in(browser: &Chromium, counter: &Counter) {
    browser.go(&format!("{}/me", counter.url()));
    browser.until("h1", "Sign in");
    browser.types("#login", "ann");
    browser.types("#password", PASSWORD);
    browser.clicks("button[type=submit]");
    browser.until("h1", "My access");
}

/// The last response that a browser brought to the console.
fn posted_there(console: &Website) -> String {
    let body = console.bodies().pop().unwrap();
    let message = url::form_urlencoded::parse(body.as_bytes()).find(|(name, _)| name == "SAMLResponse").unwrap().1;
    String::from_utf8(STANDARD.decode(message.as_bytes()).unwrap()).unwrap()
}

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
