//! Service providers of SAML ask for people, and are answered: by whom, where, how surely, and when not.

use std::fs;
use std::process::Command;

use bailey::base::clock::{Clock as _, SystemClock};
use bailey::saml_xml::{Node, deflate};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use serde_json::json;

use crate::portal::{Browser, Page};
use crate::saml_bed::{RSA, STRANGER};
use crate::saml_desk::{
    ACS, SLO, SP, SSO, address, ask, described, desk, encrypts, follow, judged, metadata, moment, posted, registered,
    sign_in, signed, status, xml,
};
use crate::sso_desk::Desk;
use crate::sts_unsigned::PASSWORD;

const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";

fn by_redirect(node: &Node) -> String {
    address(SSO, "SAMLRequest", &node.render(), "r/1", None)
}

/// A desk at which `wiki` is registered, and a browser in which ann is signed in.
async fn wiki(settings: serde_json::Value) -> Desk {
    let desk = desk().await;
    registered(&desk, "wiki", &described(SP, ACS, false, ""), settings).await;
    desk
}

async fn ann(desk: &Desk) -> Browser<'_> {
    let mut browser = Browser::new(&desk.office);
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    browser
}

/// What the person in front of the browser is told, who goes nowhere.
fn told(page: &Page, words: &str) {
    assert!(page.location.is_none() && !page.html.contains("SAMLResponse"), "{page:?}");
    page.says(400, words);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signs_in_for_a_service_provider_and_the_log_knows_the_assertion() {
    let settings = json!({
        "attributes": [
            { "name": "mail", "value": "mail" }, { "name": "groups", "value": "groups" },
            { "name": "urn:x:kind", "name_format": "uri", "value": "text/a & b" },
            { "name": "employee", "value": "employee_id" },
        ],
        "allowed_groups": ["staff"],
    });
    let desk = wiki(settings).await;
    let mut browser = Browser::new(&desk.office);
    let page = follow(&mut browser, &by_redirect(&ask("_q1"))).await;
    let page = sign_in(&mut browser, &page).await;
    let (to, message, relay) = posted(&page);
    assert_eq!((to.as_str(), relay.as_deref()), (ACS, Some("r/1")));
    let text = xml(&message);
    let taken = judged(&desk, &text, (ACS, Some("_q1"))).await.unwrap_or_else(|why| panic!("{why}: {text}"));
    assert!(taken.signed().response && taken.signed().assertion && !taken.signed().encrypted);
    assert_eq!(taken.name_id().format.as_deref(), Some(PERSISTENT));
    assert_eq!(taken.context_class(), Some("urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"));
    let values = |name: &str| taken.attributes().iter().find(|one| one.name == name).map(|one| one.values.join("|"));
    assert_eq!(values("mail").as_deref(), Some("ann@example.test"));
    assert_eq!(values("groups").as_deref(), Some("Staff"));
    assert_eq!(values("urn:x:kind").as_deref(), Some("a & b"));
    assert_eq!(values("employee"), None, "what is not known is not said");
    assert!(!text.contains("ann</"), "a pairwise name says nothing: {text}");
    // A third opinion.
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("response.xml"), &text).unwrap();
    let certificate = metadata(&desk).await;
    let certificate = certificate.split("<ds:X509Certificate>").nth(1).unwrap().split_once('<').unwrap().0.to_owned();
    fs::write(at("idp.crt"), format!("-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n"))
        .unwrap();
    for id in ["Response", "Assertion"] {
        let node = format!("//*[local-name()='{id}']/*[local-name()='Signature']");
        let names =
            ["urn:oasis:names:tc:SAML:2.0:protocol:Response", "urn:oasis:names:tc:SAML:2.0:assertion:Assertion"];
        let verified = Command::new("xmlsec1")
            .args(["--verify", "--pubkey-cert-pem"])
            .arg(at("idp.crt"))
            .args(["--node-xpath", &node, "--id-attr:ID", names[0], "--id-attr:ID", names[1]])
            .arg(at("response.xml"))
            .output()
            .unwrap();
        assert!(verified.status.success(), "{id}: {}", String::from_utf8_lossy(&verified.stderr));
    }
    // Who asks whether we made it is told so.
    let found = desk.records().into_iter().find(|record| record.contains(taken.id())).unwrap();
    assert!(
        found.contains("IssueSamlResponse") && found.contains(SP) && !found.contains(&taken.name_id().value),
        "{found}"
    );
    // The name is the same each time, the assertion another one, and the browser asks nobody any more.
    let again = follow(&mut browser, &by_redirect(&ask("_q2"))).await;
    let again = judged(&desk, &xml(&posted(&again).1), (ACS, Some("_q2"))).await.unwrap();
    assert_eq!(again.name_id().value, taken.name_id().value);
    assert_eq!(again.session_index(), taken.session_index());
    assert_ne!(again.id(), taken.id());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_taken_like_an_address_and_answered_at_registered_addresses_alone() {
    let desk = wiki(json!({})).await;
    let mut browser = ann(&desk).await;
    // As long as it may be: where somebody wanted to go, with all that is behind it.
    let state = format!("r 2 {}", "x".repeat(508));
    let posts = async |browser: &mut Browser<'_>, text: &str| {
        let form = [("SAMLRequest", STANDARD.encode(text)), ("RelayState", state.clone())];
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        // Of another site, and so without the cookie.
        let page = browser.post_from("/saml/sso", &form, &[("sec-fetch-site", "cross-site")]).await;
        match page.location.clone() {
            Some(location) => follow(browser, &location).await,
            None => page,
        }
    };
    let page = posts(&mut browser, &ask("_q1").with("AssertionConsumerServiceIndex", "7").render()).await;
    let (to, message, relay) = posted(&page);
    assert_eq!((to.as_str(), relay.as_deref()), ("https://sp.test/acs/other", Some(state.as_str())));
    judged(&desk, &xml(&message), (&to, Some("_q1"))).await.unwrap();
    // Signed with the registered key it counts, with another one or altered it does not.
    let page = posts(&mut browser, &signed(ask("_q2"), &STRANGER)).await;
    judged(&desk, &xml(&posted(&page).1), (ACS, Some("_q2"))).await.unwrap();
    told(&posts(&mut browser, &signed(ask("_q3"), &RSA)).await, "does not hold");
    told(
        &posts(&mut browser, &signed(ask("_q4"), &STRANGER).replace("_q4\" ", "_q4\" ForceAuthn=\"true\" ")).await,
        "does not hold",
    );
    for (wrong, words) in [
        (ask("_w1").with("AssertionConsumerServiceIndex", "8"), "not registered"),
        (ask("_w2").with("AssertionConsumerServiceURL", "https://evil.test/acs"), "not registered"),
        (ask("_w3").with("AssertionConsumerServiceURL", "https://sp.test/acs/"), "not registered"),
        (ask("_w4").with("ProtocolBinding", "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact"), "HTTP-POST"),
    ] {
        told(&follow(&mut browser, &by_redirect(&wrong)).await, words);
    }
    let stranger = ask("_w5").render().replace(SP, "https://nobody.test");
    told(&follow(&mut browser, &address(SSO, "SAMLRequest", &stranger, "", None)).await, "No such application");
    let over = address(SSO, "SAMLRequest", &ask("_w6").render(), &"a".repeat(513), None);
    told(&follow(&mut browser, &over).await, "512 bytes");
    told(&follow(&mut browser, "/saml/continue?request=v1.1.AAAA").await, "is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_that_it_signs_has_to_and_a_signature_covers_each_letter() {
    let desk = desk().await;
    registered(&desk, "wiki", &described(SP, ACS, true, ""), json!({})).await;
    let mut browser = ann(&desk).await;
    told(&follow(&mut browser, &by_redirect(&ask("_q1"))).await, "not signed");
    let good = address(SSO, "SAMLRequest", &ask("_q2").render(), "r", Some(&STRANGER));
    judged(&desk, &xml(&posted(&follow(&mut browser, &good).await).1), (ACS, Some("_q2"))).await.unwrap();
    let good = address(SSO, "SAMLRequest", &ask("_q3").render(), "r", Some(&STRANGER));
    for altered in [
        good.replace("RelayState=r", "RelayState=s"),
        good.replace("&RelayState=r", ""),
        good.replace("rsa-sha256", "rsa-sha512"),
        good.replace("rsa-sha256", "rsa-sha1"),
        address(SSO, "SAMLRequest", &ask("_q4").render(), "r", Some(&RSA)),
    ] {
        assert_ne!(altered, good);
        told(&follow(&mut browser, &altered).await, "does not hold");
    }
    let refused = desk.records().into_iter().rfind(|record| record.contains("VerifySAML")).unwrap();
    assert!(refused.contains("/saml/sso") && refused.contains("does not hold"), "{refused}");
    let half = good.split("&Signature=").next().unwrap().to_owned();
    told(&follow(&mut browser, &half).await, "half a signature");
    let form = [("SAMLRequest", STANDARD.encode(ask("_q5").render()))];
    told(&browser.post_from("/saml/sso", &[("SAMLRequest", &form[0].1)], &[]).await, "not signed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_answered_once_and_in_time() {
    let desk = wiki(json!({})).await;
    let mut browser = ann(&desk).await;
    let once = by_redirect(&ask("_q1"));
    posted(&follow(&mut browser, &once).await);
    told(&follow(&mut browser, &once).await, "answered before");
    // What is under way is over with the page to sign in at.
    let mut other = Browser::new(&desk.office);
    let page = follow(&mut other, &by_redirect(&ask("_q2"))).await;
    let next = page.location.clone().unwrap();
    let next = url::form_urlencoded::parse(next.split_once('?').unwrap().1.as_bytes()).next().unwrap().1.into_owned();
    let old = by_redirect(&ask("_q3"));
    desk.office.fixture.clock.set(SystemClock.now() + SignedDuration::from_secs(1_801));
    told(&other.get(&next).await, "is over");
    told(&follow(&mut browser, &old).await, "IssueInstant");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_does_not_go_off() {
    let desk = wiki(json!({})).await;
    let mut browser = Browser::new(&desk.office);
    // What an address of 8 KiB has room for, at nearly the most that there is in it: DEFLATE says no more than 1,032 bytes by one.
    let bomb = deflate(&"a".repeat(5 << 20));
    assert!((5 << 20) / bomb.len() > 1_000, "{}", bomb.len());
    let asks = |bomb: &[u8]| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        format!("/saml/sso?{}", query.append_pair("SAMLRequest", &STANDARD.encode(bomb)).finish())
    };
    assert!(asks(&bomb).len() < 8_192, "{}", asks(&bomb).len());
    told(&browser.get(&asks(&bomb)).await, "inflates to more");
    // Nothing behind the first 256 KiB is looked at: there it is no message of DEFLATE any more.
    let broken = [&bomb[..bomb.len() / 2], &[0xff; 1_024]].concat();
    told(&browser.get(&asks(&broken)).await, "inflates to more");
    told(&browser.get(&asks(&broken[bomb.len() / 2..])).await, "not deflated");
}

#[tokio::test(flavor = "multi_thread")]
async fn how_surely_and_whether_with_a_word_is_the_service_providers_to_ask() {
    let desk = wiki(json!({})).await;
    let mut nobody = Browser::new(&desk.office);
    let passive = follow(&mut nobody, &by_redirect(&ask("_q1").with("IsPassive", "true"))).await;
    let text = xml(&posted(&passive).1);
    assert_eq!(status(&text), ["Responder", "NoPassive"]);
    assert!(text.contains("<ds:Signature") && text.contains("InResponseTo=\"_q1\""), "{text}");
    let mut browser = ann(&desk).await;
    let passive = follow(&mut browser, &by_redirect(&ask("_q2").with("IsPassive", "true"))).await;
    assert_eq!(status(&xml(&posted(&passive).1)), ["Success"]);
    // Whoever signed in before has to do so again; with a passive one that cannot be.
    desk.office.fixture.clock.set(SystemClock.now() + SignedDuration::from_secs(60));
    let asked = |id: &str| {
        let at = moment(desk.office.fixture.app.admin.now());
        Node::new("samlp:AuthnRequest")
            .with("ID", id)
            .with("Version", "2.0")
            .with("IssueInstant", at)
            .child(Node::text("saml:Issuer", SP))
    };
    let both = asked("_q3").with("ForceAuthn", "true").with("IsPassive", "true");
    assert_eq!(status(&xml(&posted(&follow(&mut browser, &by_redirect(&both)).await).1)), ["Responder", "NoPassive"]);
    let before = browser.session().cloned();
    let page = follow(&mut browser, &by_redirect(&asked("_q4").with("ForceAuthn", "true"))).await;
    let page = sign_in(&mut browser, &page).await;
    assert_eq!(status(&xml(&posted(&page).1)), ["Success"]);
    assert_ne!(browser.session().cloned(), before);
    // Classes: what is known, what takes a second factor, what is no promise of ours.
    let class = |id: &str, class: &str| {
        let reference = Node::text("saml:AuthnContextClassRef", class);
        asked(id).child(Node::new("samlp:RequestedAuthnContext").child(reference))
    };
    let kerberos = class("_q5", "urn:oasis:names:tc:SAML:2.0:ac:classes:Kerberos");
    assert_eq!(
        status(&xml(&posted(&follow(&mut browser, &by_redirect(&kerberos)).await).1)),
        ["Responder", "NoAuthnContext"]
    );
    let mfa = follow(&mut browser, &by_redirect(&class("_q6", "https://refeds.org/profile/mfa"))).await;
    assert!(
        mfa.location.as_ref().is_some_and(|to| to.starts_with("/login/step-up?next=%2Fsaml%2Fcontinue")),
        "{mfa:?}"
    );
    let odd = asked("_q7").child(
        Node::new("samlp:NameIDPolicy").with("Format", "urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName"),
    );
    assert_eq!(
        status(&xml(&posted(&follow(&mut browser, &by_redirect(&odd)).await).1)),
        ["Requester", "InvalidNameIDPolicy"]
    );
    let transient = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
    let other = asked("_q8").child(Node::new("samlp:NameIDPolicy").with("Format", transient));
    assert!(xml(&posted(&follow(&mut browser, &by_redirect(&other)).await).1).contains(transient));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_not_signed_in_and_the_service_provider_is_told() {
    let desk = wiki(json!({ "allowed_groups": ["nobodies"] })).await;
    let mut browser = ann(&desk).await;
    let page = follow(&mut browser, &by_redirect(&ask("_q1"))).await;
    assert_eq!(status(&xml(&posted(&page).1)), ["Responder", "RequestDenied"]);
    desk.office.put("/v1/saml-sps/wiki", json!({ "settings": { "allowed_groups": [] } })).await;
    let policy = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Deny", "Action": "sso:Authorize", "Resource": "arn:aws:sso::*:saml-sp/wiki" }] });
    desk.office.post("/v1/policies", json!({ "name": "No", "document": policy })).await;
    desk.office.put("/v1/users/ann/policies/No", json!({})).await;
    let page = follow(&mut browser, &by_redirect(&ask("_q2"))).await;
    assert_eq!(status(&xml(&posted(&page).1)), ["Responder", "RequestDenied"]);
    // Between the page to sign in at and the answer, ann is no more.
    let mut other = Browser::new(&desk.office);
    let page = follow(&mut other, &by_redirect(&ask("_q3"))).await;
    desk.office.post("/v1/users/ann", json!({ "disabled": true })).await;
    let to_login = page.location.clone().unwrap();
    let login = other.get(&to_login).await;
    let (flow, next) = (login.field("flow"), login.field("next"));
    let form = [("flow", flow.as_str()), ("next", &next), ("login", "ann"), ("password", PASSWORD)];
    assert_eq!(other.post("/login", &form).await.status, 403);
    let page = follow(&mut browser, &by_redirect(&ask("_q4"))).await;
    assert!(page.location.as_ref().is_some_and(|to| to.starts_with("/login?next=")), "{page:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shares_what_an_application_knows_people_by_is_not_signed_in_there() {
    let desk = wiki(json!({ "name_id": "emailAddress" })).await;
    let mut browser = ann(&desk).await;
    let asked =
        |id: &str, format: &str| by_redirect(&ask(id).child(Node::new("samlp:NameIDPolicy").with("Format", format)));
    let page = follow(&mut browser, &by_redirect(&ask("_q1"))).await;
    assert!(xml(&posted(&page).1).contains("ann@example.test</"));
    // Somebody comes to be who has the address, too, as applications compare them.
    desk.office.post("/v1/users", json!({ "name": "bob", "mail": "Ann@Example.TEST" })).await;
    let text = xml(&posted(&follow(&mut browser, &by_redirect(&ask("_q2"))).await).1);
    assert_eq!(status(&text), ["Requester", "InvalidNameIDPolicy"]);
    assert!(!text.contains("example.test</"), "{text}");
    let record = desk.records().into_iter().rfind(|record| record.contains("IssueSamlResponse")).unwrap();
    assert!(record.contains("somebody else has the same mail"), "{record}");
    let told = desk.office.served.client.get::<serde_json::Value>("/v1/users/ann/saml-sps/wiki").await.unwrap();
    assert!(told.to_string().contains("somebody else has the same mail"), "{told}");
    // A name that is nobody else's is given still, and the other one again once it is ann's alone.
    let page = follow(&mut browser, &asked("_q3", PERSISTENT)).await;
    assert_eq!(status(&xml(&posted(&page).1)), ["Success"]);
    desk.office.post("/v1/users/bob", json!({ "mail": "bob@example.test" })).await;
    assert_eq!(status(&xml(&posted(&follow(&mut browser, &by_redirect(&ask("_q4"))).await).1)), ["Success"]);
    // An application that is not to know people again does not by asking for a name that stays.
    desk.office.put("/v1/saml-sps/wiki", json!({ "settings": { "name_id": "transient" } })).await;
    let page = follow(&mut browser, &asked("_q5", PERSISTENT)).await;
    assert_eq!(status(&xml(&posted(&page).1)), ["Requester", "InvalidNameIDPolicy"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_encrypted_is_opened_by_the_service_provider_alone() {
    let desk = desk().await;
    let described = described(SP, ACS, false, &encrypts(&STRANGER));
    registered(&desk, "wiki", &described, json!({ "attributes": [{ "name": "mail", "value": "mail" }] })).await;
    let mut browser = ann(&desk).await;
    let page = follow(&mut browser, &by_redirect(&ask("_q1"))).await;
    let text = xml(&posted(&page).1);
    assert!(!text.contains("ann@example.test") && text.contains("EncryptedAssertion"), "{text}");
    let taken = judged(&desk, &text, (ACS, Some("_q1"))).await.unwrap();
    assert!(taken.signed().encrypted && taken.signed().response && taken.signed().assertion);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_begin_here_where_the_service_provider_takes_that() {
    let desk = desk().await;
    registered(
        &desk,
        "wiki",
        &described(SP, ACS, false, ""),
        json!({ "title": "The wiki", "idp_initiated": true, "relay_state": "home" }),
    )
    .await;
    registered(&desk, "shut", &described("https://shut.test", "https://shut.test/acs", false, ""), json!({})).await;
    let mut browser = ann(&desk).await;
    let page = browser.get("/me/apps/wiki").await;
    page.says(200, "The wiki");
    let form = page.field("form");
    let page = browser.post("/me/apps/wiki", &[("form", &form)]).await;
    let (to, message, relay) = posted(&page);
    assert_eq!((to.as_str(), relay.as_deref()), (ACS, Some("home")));
    let text = xml(&message);
    assert!(!text.contains("InResponseTo"), "{text}");
    judged(&desk, &text, (ACS, None)).await.unwrap();
    let page = browser.get("/me").await;
    page.says(200, "The wiki");
    assert!(!page.html.contains("/me/apps/shut"));
    told(&browser.post("/me/apps/shut", &[("form", &form)]).await, "Begin at shut itself");
    told(&browser.post("/me/apps/none", &[("form", &form)]).await, "No such application");
    let other = browser.post_from("/me/apps/wiki", &[("form", &form)], &[("sec-fetch-site", "cross-site")]).await;
    assert_eq!(other.status, 403, "{other:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_sign_out_ends_the_others_and_only_a_signed_one_counts() {
    let desk = desk().await;
    let redirect = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
    let slo = |at: &str| format!("<md:SingleLogoutService Binding=\"{redirect}\" Location=\"{at}\"/>");
    registered(&desk, "wiki", &described(SP, ACS, false, &slo("https://sp.test/slo")), json!({})).await;
    let other = "https://other.test";
    registered(
        &desk,
        "other",
        &described(other, "https://other.test/acs", false, &slo("https://other.test/slo")),
        json!({}),
    )
    .await;
    registered(&desk, "mute", &described("https://mute.test", "https://mute.test/acs", false, ""), json!({})).await;
    let mut browser = ann(&desk).await;
    let taken = follow(&mut browser, &by_redirect(&ask("_q1"))).await;
    let taken = judged(&desk, &xml(&posted(&taken).1), (ACS, Some("_q1"))).await.unwrap();
    let asks = |entity: &str, id: &str| ask(id).render().replace(SP, entity);
    posted(&follow(&mut browser, &address(SSO, "SAMLRequest", &asks(other, "_q2"), "", None)).await);
    let out = |id: &str, name: &str| {
        Node::new("samlp:LogoutRequest")
            .with("ID", id)
            .with("Version", "2.0")
            .with("IssueInstant", moment(SystemClock.now()))
            .with("NotOnOrAfter", moment(SystemClock.now() + SignedDuration::from_mins(5)))
            .with("Destination", SLO)
            .child(Node::text("saml:Issuer", SP))
            .child(Node::text("saml:NameID", name))
            .child(Node::text("samlp:SessionIndex", taken.session_index().unwrap()))
            .render()
    };
    let name = taken.name_id().value.as_str();
    told(&follow(&mut browser, &address(SLO, "SAMLRequest", &out("_o1", name), "", None)).await, "not signed");
    told(&follow(&mut browser, &address(SLO, "SAMLRequest", &out("_o2", name), "", Some(&RSA))).await, "does not hold");
    // Signed, of somebody else: nobody is signed out.
    let page = follow(&mut browser, &address(SLO, "SAMLRequest", &out("_o3", "mallory"), "", Some(&STRANGER))).await;
    assert!(page.location.as_ref().is_some_and(|to| to.starts_with("https://sp.test/slo?SAMLResponse=")), "{page:?}");
    assert_eq!(browser.get("/me").await.status, 200);
    // The right one ends our session, and goes on at the other service provider.
    let page = follow(&mut browser, &address(SLO, "SAMLRequest", &out("_o4", name), "back", Some(&STRANGER))).await;
    let to = page.location.clone().unwrap();
    assert!(to.starts_with("https://other.test/slo?SAMLRequest="), "{to}");
    assert!(browser.session().is_none());
    let asked = message_in(&to, "SAMLRequest");
    let id = asked.split(" ID=\"").nth(1).unwrap().split_once('"').unwrap().0;
    let answer = Node::new("samlp:LogoutResponse")
        .with("ID", "_a1")
        .with("Version", "2.0")
        .with("IssueInstant", moment(SystemClock.now()))
        .with("Destination", SLO)
        .with("InResponseTo", id)
        .child(Node::text("saml:Issuer", other))
        .child(
            Node::new("samlp:Status")
                .child(Node::new("samlp:StatusCode").with("Value", "urn:oasis:names:tc:SAML:2.0:status:Success")),
        );
    let stranger = address(SLO, "SAMLResponse", &answer.render().replace(id, "_x"), "", Some(&STRANGER));
    told(&follow(&mut browser, &stranger).await, "did not ask");
    let page = follow(&mut browser, &address(SLO, "SAMLResponse", &answer.render(), "", Some(&STRANGER))).await;
    let to = page.location.clone().unwrap();
    assert!(to.starts_with("https://sp.test/slo?SAMLResponse=") && to.contains("RelayState=back"), "{to}");
    let text = message_in(&to, "SAMLResponse");
    assert_eq!(status(&text), ["Success"]);
    assert!(text.contains("InResponseTo=\"_o4\""), "{text}");
    // Signed out here, it goes on there; one that has no address for that makes it partial for whoever asks, and nothing else.
    let mut browser = ann(&desk).await;
    posted(&follow(&mut browser, &by_redirect(&ask("_q5"))).await);
    posted(&follow(&mut browser, &address(SSO, "SAMLRequest", &asks("https://mute.test", "_q6"), "", None)).await);
    let form = browser.get("/logout").await.field("form");
    let page = browser.post("/logout", &[("form", &form)]).await;
    page.says(200, "https://sp.test/slo?SAMLRequest=");
    assert!(browser.session().is_none());
    // Signed out everywhere, it goes on there as well.
    let mut browser = ann(&desk).await;
    posted(&follow(&mut browser, &by_redirect(&ask("_q7"))).await);
    let form = browser.get("/logout").await.field("form");
    let page = browser.post("/me/sessions/end-all", &[("form", &form)]).await;
    page.says(200, "https://sp.test/slo?SAMLRequest=");
    assert!(browser.session().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_on_from_here_can_leave_all_the_same_and_is_not_nobody() {
    let desk = desk().await;
    let redirect = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
    let slo = format!("<md:SingleLogoutService Binding=\"{redirect}\" Location=\"https://sp.test/slo\"/>");
    registered(&desk, "wiki", &described(SP, ACS, false, &slo), json!({})).await;
    let mut browser = ann(&desk).await;
    let taken = follow(&mut browser, &by_redirect(&ask("_q1"))).await;
    let taken = judged(&desk, &xml(&posted(&taken).1), (ACS, Some("_q1"))).await.unwrap();
    let elsewhere = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Action": "signin:*", "Resource": "*",
        "Condition": { "NotIpAddress": { "aws:SourceIp": "198.51.100.0/24" } },
    }] });
    desk.office.post("/v1/policies", json!({ "name": "Elsewhere", "document": elsewhere })).await;
    desk.office.put("/v1/users/ann/policies/Elsewhere", json!({})).await;
    assert_eq!(browser.get("/me").await.status, 403);
    // Nothing is signed that says nobody were signed in.
    let passive = follow(&mut browser, &by_redirect(&ask("_q2").with("IsPassive", "true"))).await;
    assert!(passive.status == 403 && !passive.html.contains("SAMLResponse"), "{passive:?}");
    let out = Node::new("samlp:LogoutRequest")
        .with("ID", "_o1")
        .with("Version", "2.0")
        .with("IssueInstant", moment(SystemClock.now()))
        .with("Destination", SLO)
        .child(Node::text("saml:Issuer", SP))
        .child(Node::text("saml:NameID", taken.name_id().value.as_str()));
    let page = follow(&mut browser, &address(SLO, "SAMLRequest", &out.render(), "", Some(&STRANGER))).await;
    let to = page.location.clone().unwrap();
    assert_eq!(status(&message_in(&to, "SAMLResponse")), ["Success"]);
    assert!(browser.session().is_none());
    let ended = desk.records().into_iter().rfind(|record| record.contains("EndSession")).unwrap();
    assert!(ended.contains("signed out of an application"), "{ended}");
}

/// The message in an address.
fn message_in(address: &str, field: &str) -> String {
    let query = address.split_once('?').unwrap().1;
    let found = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == field).unwrap().1;
    bailey::saml_xml::inflate(&STANDARD.decode(found.as_bytes()).unwrap()).unwrap()
}
