//! What `bailey sp check` says of an application is what it is sent; and what an application asks for in vain is told to whoever can do
//! something about it.

use bailey::saml_xml::Node;
use serde_json::{Value, json};

use crate::portal::Browser;
use crate::saml_bed::{RSA, STRANGER, Signer};
use crate::saml_desk::{
    ACS, SP, SSO, address, ask, described, desk, encrypts, follow, judged, posted, registered, status, xml,
};
use crate::sso_desk::Desk;
use crate::sts_unsigned::PASSWORD;

const GCM_256: &str = "http://www.w3.org/2009/xmlenc11#aes256-gcm";
const GCM_128: &str = "http://www.w3.org/2009/xmlenc11#aes128-gcm";
const OAEP: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
const EMAIL: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";

/// A key to encrypt for whose holder reads these.
fn reads(signer: &Signer, methods: &[&str]) -> String {
    let method = |uri: &&str| format!("<md:EncryptionMethod Algorithm=\"{uri}\"/>");
    let methods: String = methods.iter().map(method).collect();
    encrypts(signer).replace("</md:KeyDescriptor>", &format!("{methods}</md:KeyDescriptor>"))
}

fn wants_signed(metadata: &str) -> String {
    metadata.replace("AuthnRequestsSigned=", "WantAssertionsSigned=\"true\" AuthnRequestsSigned=")
}

async fn ann(desk: &Desk) -> Browser<'_> {
    let mut browser = Browser::new(&desk.office);
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    browser
}

/// What is said of the wiki, and what is wrong with it.
async fn said(desk: &Desk) -> (String, Value) {
    let told: Value = desk.office.served.client.get("/v1/saml-sps/wiki/check").await.unwrap();
    (told["does"].to_string(), told["problems"].clone())
}

async fn forgotten(desk: &Desk) {
    let () = desk.office.served.client.delete("/v1/saml-sps/wiki").await.unwrap();
}

/// The message that ann takes to the wiki, where she begins here.
async fn sent(browser: &mut Browser<'_>) -> String {
    let form = browser.get("/me/apps/wiki").await.field("form");
    xml(&posted(&browser.post("/me/apps/wiki", &[("form", &form)]).await).1)
}

/// SAML metadata, sections 2.4.1.1 and 2.4.4: the words of the report are held against the message.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_signatures_and_keys_is_what_is_sent() {
    let desk = desk().await;
    let mut browser = ann(&desk).await;
    let plain = |keys: &str| described(SP, ACS, false, keys);
    let two_keys = [reads(&RSA, &[GCM_128, OAEP]), reads(&STRANGER, &[OAEP, GCM_256])].concat();
    for (metadata, settings, signed, encrypted, words) in [
        (plain(""), json!({ "signed": "response" }), (true, false), false, "the assertion is not"),
        (wants_signed(&plain("")), json!({ "signed": "response" }), (true, true), false, "WantAssertionsSigned"),
        (plain(""), json!({ "signed": "assertion" }), (false, true), false, "the response is not"),
        (plain(&encrypts(&STRANGER)), json!({}), (true, true), true, "encrypted for the key of"),
        (plain(&two_keys), json!({ "encrypt": "required" }), (true, true), true, "encrypted for the key of"),
        (plain(&two_keys), json!({ "encrypt": "never" }), (true, true), false, "not encrypted: its settings say so"),
    ] {
        let mut settings = settings;
        settings["idp_initiated"] = json!(true);
        registered(&desk, "wiki", &metadata, settings.clone()).await;
        let (does, problems) = said(&desk).await;
        assert!(does.contains(words), "{settings}: {does}");
        assert_eq!(problems, json!([]), "{settings}");
        let taken = judged(&desk, &sent(&mut browser).await, (ACS, None)).await.unwrap();
        assert_eq!((taken.signed().response, taken.signed().assertion), signed, "{settings}");
        assert_eq!(taken.signed().encrypted, encrypted, "{settings}");
        forgotten(&desk).await;
    }
    // A key for which nothing that we write can be read: sent as it is, and told; or refused where that is not to be.
    let other = plain(&reads(&STRANGER, &[GCM_128, OAEP]));
    let refused = json!({ "name": "wiki", "metadata": other, "settings": { "encrypt": "required" } });
    let refused = desk.office.served.client.post::<Value>("/v1/saml-sps", &refused).await.unwrap_err();
    assert!(format!("{refused:#}").contains("no key that reads AES-256-GCM"), "{refused:#}");
    registered(&desk, "wiki", &other, json!({ "idp_initiated": true })).await;
    let (does, problems) = said(&desk).await;
    assert!(does.contains("not encrypted: its metadata has no key that reads AES-256-GCM"), "{does}");
    assert!(problems.to_string().contains("is sent assertions that are not encrypted"), "{problems}");
    let taken = judged(&desk, &sent(&mut browser).await, (ACS, None)).await.unwrap();
    assert!(!taken.signed().encrypted);
}

/// python3-saml says `unspecified` where nobody sets anything else: any kind of name will do.
#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_takes_any_kind_of_name_is_no_problem() {
    let desk = desk().await;
    let formats = |format: &str| format!("<md:NameIDFormat>{format}</md:NameIDFormat>");
    let any = described(SP, ACS, false, &formats("urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"));
    registered(&desk, "wiki", &any, json!({})).await;
    let (does, problems) = said(&desk).await;
    assert_eq!(problems, json!([]));
    assert!(does.contains("identifierFormat: null"), "what node-saml has to be told: {does}");
    forgotten(&desk).await;
    registered(&desk, "wiki", &described(SP, ACS, false, &formats(EMAIL)), json!({})).await;
    let (_, problems) = said(&desk).await;
    assert!(problems.to_string().contains("its metadata knows people by"), "{problems}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_other_names_is_told_what_to_set() {
    let desk = desk().await;
    registered(&desk, "wiki", &described(SP, ACS, false, ""), json!({ "title": "Wiki" })).await;
    let mut browser = ann(&desk).await;
    // node-saml asks for this unless somebody sets `identifierFormat`.
    let asks =
        |id: &str| ask(id).child(Node::new("samlp:NameIDPolicy").with("Format", EMAIL).with("AllowCreate", "true"));
    let by_redirect = |node: &Node| address(SSO, "SAMLRequest", &node.render(), "", None);
    let page = follow(&mut browser, &by_redirect(&asks("_q1"))).await;
    let told = [EMAIL, "registered here with `persistent`", "identifierFormat: null", "--name-id emailAddress"];
    let (_, message, _) = posted(&page);
    let text = xml(&message);
    assert_eq!(status(&text), ["Requester", "InvalidNameIDPolicy"]);
    let html = page.html.replace("&#96;", "`").replace("&#39;", "'").replace("&#x60;", "`");
    let (_, status_message) = text.split_once("<samlp:StatusMessage>").unwrap();
    let record = desk.records().into_iter().rfind(|record| record.contains("VerifySAML")).unwrap();
    for words in told {
        assert!(html.contains(words), "{words}: {html}");
        assert!(status_message.contains(words), "{words}: {status_message}");
        assert!(record.contains(words), "{words}: {record}");
    }
    let record: Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record["requestParameters"]["sp"], "wiki", "{record}");
    assert_eq!(record["requestParameters"]["name_id_format"], EMAIL, "{record}");
    // It is read before somebody goes on; nobody reads where nobody is to be shown anything.
    assert!(!page.html.contains(".submit()"), "{}", page.html);
    let page = follow(&mut browser, &by_redirect(&asks("_q2").with("IsPassive", "true"))).await;
    assert!(page.html.contains(".submit()") && !page.html.contains("identifierFormat"), "{}", page.html);
    assert!(xml(&posted(&page).1).contains("<samlp:StatusMessage>"));
    // The remedy helps.
    desk.office.put("/v1/saml-sps/wiki", json!({ "settings": { "name_id": "emailAddress" } })).await;
    let page = follow(&mut browser, &by_redirect(&asks("_q3"))).await;
    assert_eq!(status(&xml(&posted(&page).1)), ["Success"]);
    // Who asks for a way to sign in that is not offered goes on at once, and may ask for another.
    let kerberos = Node::text("saml:AuthnContextClassRef", "urn:oasis:names:tc:SAML:2.0:ac:classes:Kerberos");
    let node = ask("_q4").child(Node::new("samlp:RequestedAuthnContext").child(kerberos));
    let page = follow(&mut browser, &by_redirect(&node)).await;
    assert!(page.html.contains(".submit()"), "{}", page.html);
    let text = xml(&posted(&page).1);
    assert!(status(&text) == ["Responder", "NoAuthnContext"] && text.contains("RequestedAuthnContext"), "{text}");
}
