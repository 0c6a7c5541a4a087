//! pysaml2 as a service provider: it asks by both bindings, takes what it is answered, and signs people out.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::portal::Browser;
use crate::saml_bed::STRANGER;
use crate::saml_desk::{desk, follow, here, metadata, posted, registered, sign_in, xml};
use crate::sts_unsigned::PASSWORD;

/// pysaml2, which answers a line with a line.
pub(crate) struct Pysaml2 {
    child: Child,
    says: ChildStdin,
    hears: BufReader<ChildStdout>,
    _files: tempfile::TempDir,
    at: std::path::PathBuf,
}

impl Pysaml2 {
    pub(crate) fn new() -> Self {
        let files = tempfile::tempdir().unwrap();
        fs::write(files.path().join("sp.key"), &STRANGER.key_pem).unwrap();
        fs::write(files.path().join("sp.crt"), &STRANGER.certificate).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/bed/saml_sp.py");
        let mut child = Command::new("/usr/bin/python3")
            .arg(script)
            .arg(files.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (says, hears) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let at = files.path().to_owned();
        Self { child, says, hears, _files: files, at }
    }

    /// Knows one identity provider from here on, by its metadata.
    pub(crate) fn trusts(&mut self, metadata: &str) -> Value {
        fs::write(self.at.join("idp.xml"), metadata).unwrap();
        self.does(json!({ "do": "trust" }))
    }

    pub(crate) fn does(&mut self, words: Value) -> Value {
        writeln!(self.says, "{words}").unwrap();
        let mut line = String::new();
        self.hears.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap_or_else(|_| {
            panic!("this test needs pysaml2 and xmlsec1: apt-get install python3-pysaml2 xmlsec1\n{line}")
        });
        assert!(answer["error"].is_null(), "{words}: {answer}");
        answer
    }
}

impl Drop for Pysaml2 {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pysaml2_signs_people_in_and_out() {
    let desk = desk().await;
    let mut sp = Pysaml2::new();
    let described = sp.does(json!({ "do": "metadata" }))["xml"].as_str().unwrap().to_owned();
    let trusted = sp.trusts(&metadata(&desk).await);
    assert_eq!(trusted["idp"], "https://sso.example/saml/metadata");
    let settings = json!({
        "idp_initiated": true,
        "attributes": [{ "name": "mail", "value": "mail" }, { "name": "groups", "value": "groups" }],
    });
    registered(&desk, "wiki", &described, settings).await;

    let mut browser = Browser::new(&desk.office);
    let asked = sp.does(json!({ "do": "ask", "binding": "redirect", "relay": "r/1" }));
    let page = follow(&mut browser, asked["to"].as_str().unwrap()).await;
    let page = sign_in(&mut browser, &page).await;
    let (to, message, relay) = posted(&page);
    assert_eq!((to.as_str(), relay.as_deref()), ("https://sp.test/acs", Some("r/1")));
    let taken = sp.does(json!({ "do": "take", "response": message }));
    assert_eq!(taken["attributes"]["mail"], json!(["ann@example.test"]), "{taken}");
    assert_eq!(taken["attributes"]["groups"], json!(["Staff"]), "{taken}");
    assert!(xml(&message).contains("<xenc:EncryptedData"), "its metadata has a key for that: {described}");

    let asked = sp.does(json!({ "do": "ask", "binding": "post" }));
    let form = [("SAMLRequest", asked["form"].as_str().unwrap())];
    let sent = browser.post_from("/saml/sso", &form, &[("sec-fetch-site", "cross-site")]).await;
    let page = follow(&mut browser, sent.location.as_ref().unwrap_or_else(|| panic!("{sent:?}"))).await;
    let again = sp.does(json!({ "do": "take", "response": posted(&page).1 }));
    assert_eq!(again["name_id"], taken["name_id"]);

    let form = browser.get("/me/apps/wiki").await.field("form");
    let page = browser.post("/me/apps/wiki", &[("form", &form)]).await;
    sp.does(json!({ "do": "take", "response": posted(&page).1, "unsolicited": true }));

    // It signs ann out, and hears that it was done.
    let asked = sp.does(json!({ "do": "sign_out" }));
    let page = follow(&mut browser, asked["to"].as_str().unwrap()).await;
    let to = page.location.clone().unwrap_or_else(|| panic!("{page:?}"));
    assert!(to.starts_with("https://sp.test/slo?SAMLResponse="), "{to}");
    assert_eq!(sp.does(json!({ "do": "signed_out", "address": to }))["ok"], true);
    assert!(browser.session().is_none());

    // Signed out here, it is asked, and its answer brings the browser to the end.
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    let asked = sp.does(json!({ "do": "ask", "binding": "redirect" }));
    let page = follow(&mut browser, asked["to"].as_str().unwrap()).await;
    sp.does(json!({ "do": "take", "response": posted(&page).1 }));
    let form = browser.get("/logout").await.field("form");
    let page = browser.post("/logout", &[("form", &form)]).await;
    let (_, rest) = page.html.split_once("href=\"https://sp.test/slo?").unwrap_or_else(|| panic!("{page:?}"));
    let query = rest.split_once('"').unwrap().0.replace("&#38;", "&").replace("&amp;", "&").replace("&#x26;", "&");
    let answered = sp.does(json!({ "do": "asked_out", "address": format!("https://sp.test/slo?{query}") }));
    let page = follow(&mut browser, &here(answered["to"].as_str().unwrap())).await;
    page.leads_to("/login?why=signed_out");
}
