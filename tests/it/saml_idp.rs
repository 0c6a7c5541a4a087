//! Outside SAML providers as administrators keep them: by their metadata, fetched or from a file. What is found where a provider publishes
//! it never counts before somebody confirms it.

use bailey::base::network::Networks;
use bailey::daemon::saml_metadata::{Providers, Rounds};
use bailey::fetch::Reach;
use serde_json::{Value, json};

use crate::bed::Authority;
use crate::bed::counter::Counter;
use crate::bed::website::{Page, Website};
use crate::saml_bed::{RSA, STRANGER, Signer, metadata, now};
use crate::sts_office::Office;

const HOST: &str = "idp.example.com";
const URL: &str = "https://idp.example.com/metadata";

/// A provider that publishes its metadata.
struct Scene {
    office: Office,
    site: Website,
    authority: Authority,
}

impl Scene {
    async fn new() -> Self {
        let office = Office::new().await;
        office.fixture.clock.set(now());
        let authority = Authority::new("idp");
        let site = Website::secure(&authority.issue(HOST, &[HOST])).await;
        office.fixture.places.then(HOST, &[site.address()]);
        let scene = Self { office, site, authority };
        scene.may_reach(true);
        scene.publishes(&metadata(&[&RSA]));
        scene
    }

    fn may_reach(&self, inside: bool) {
        let networks = if inside { vec!["127.0.0.0/8".parse().unwrap()] } else { Vec::new() };
        let reach = Reach {
            networks: Networks::new(networks),
            ca_file: Some(self.authority.ca_file()),
            plain_on_loopback: false,
        };
        self.office.fixture.app.sso_settings.write().unwrap().reach = reach;
    }

    fn publishes(&self, text: &str) {
        self.site.document("/metadata", text);
    }

    async fn add(&self, name: &str, url: &str) -> Result<Value, String> {
        let new = json!({ "name": name, "url": url });
        self.office.served.client.post("/v1/saml-providers", &new).await.map_err(|error| format!("{error:#}"))
    }

    async fn shown(&self) -> Value {
        self.office.served.client.get("/v1/saml-providers/Corp").await.unwrap()
    }

    async fn refresh(&self) -> Result<Value, String> {
        let refreshed = self.office.served.client.post("/v1/saml-providers/Corp/refresh", &json!({})).await;
        refreshed.map_err(|error| format!("{error:#}"))
    }

    async fn confirm(&self, digest: &Value) -> Result<Value, String> {
        let body = json!({ "digest": digest });
        let confirmed = self.office.served.client.post("/v1/saml-providers/Corp/confirm", &body).await;
        confirmed.map_err(|error| format!("{error:#}"))
    }

    async fn round(&self, rounds: &mut Rounds<Providers>) {
        rounds.round(&self.office.fixture.app).await;
    }

    fn told(&self) -> Option<String> {
        let app = &self.office.fixture.app;
        app.board.read(app.clock.now()).remove("saml_providers").map(|part| part.words)
    }

    async fn findings(&self) -> Vec<(String, String)> {
        let found: Vec<Value> = self.office.served.client.get("/v1/saml-providers/Corp/check").await.unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        found.iter().map(|one| (text(&one["severity"]), text(&one["what"]))).collect()
    }
}

fn certificates(signers: &[&Signer]) -> Value {
    let read = bailey::authn::saml::IdentityProvider::read(&metadata(signers)).unwrap();
    json!(read.keys().fingerprints().collect::<Vec<_>>())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_otherwise_waits_until_it_is_confirmed_as_it_is_then() {
    let scene = Scene::new().await;
    let made = scene.add("Corp", URL).await.unwrap();
    assert_eq!((&made["source"], &made["entity_id"]), (&json!(URL), &json!("https://idp.test/metadata")));
    assert_eq!(made["certificates"], certificates(&[&RSA]));
    assert_eq!(scene.refresh().await.unwrap()["came"], "same");

    // Another key is published: it waits, whoever finds it, and it is told.
    scene.publishes(&metadata(&[&RSA, &STRANGER]));
    let mut rounds = Rounds::<Providers>::default();
    scene.round(&mut rounds).await;
    let shown = scene.shown().await;
    assert_eq!((&shown["certificates"], &shown["metadata"]), (&certificates(&[&RSA]), &json!(metadata(&[&RSA]))));
    let digest = shown["waiting"]["digest"].clone();
    let changes = shown["waiting"]["changes"].as_array().unwrap().clone();
    assert!(changes.len() == 1 && changes[0].as_str().unwrap().ends_with("is new"), "{changes:?}");
    assert!(scene.told().unwrap().contains("waits since"), "{:?}", scene.told());
    let log = scene.office.last_record();
    assert!(log.contains("RefreshSAMLProvider") && log.contains(digest.as_str().unwrap()), "{log}");
    assert!(scene.findings().await.iter().any(|(word, what)| word == "warning" && what.contains("is new")));
    let refreshed = scene.refresh().await.unwrap();
    assert_eq!((&refreshed["came"], &refreshed["waiting"]), (&json!("waits"), &shown["waiting"]));

    // What was looked at is what is confirmed: not what is published by then.
    scene.publishes(&metadata(&[&STRANGER]));
    let refused = scene.confirm(&digest).await.unwrap_err();
    assert!(refused.contains("is another"), "{refused}");
    assert!(scene.confirm(&json!("00")).await.is_err());
    assert_eq!(scene.shown().await["certificates"], certificates(&[&RSA]));
    scene.publishes(&metadata(&[&RSA, &STRANGER]));
    let confirmed = scene.confirm(&digest).await.unwrap();
    assert_eq!((&confirmed["certificates"], &confirmed["waiting"]), (&certificates(&[&RSA, &STRANGER]), &Value::Null));

    // What is taken back there waits no more; what says the same for longer counts.
    scene.publishes(&metadata(&[&RSA]).replace("https://idp.test/sso", "https://evil.test/sso"));
    let refreshed = scene.refresh().await.unwrap();
    let words = refreshed["waiting"]["changes"].to_string();
    assert!(words.contains("https://evil.test/sso") && words.contains("is gone"), "{words}");
    scene.publishes(&metadata(&[&RSA, &STRANGER]));
    assert_eq!(scene.refresh().await.unwrap()["waiting"], Value::Null);
    let longer = metadata(&[&RSA, &STRANGER]).replace(" entityID=", " validUntil=\"2026-12-03T00:00:00Z\" entityID=");
    scene.publishes(&longer);
    let refreshed = scene.refresh().await.unwrap();
    assert_eq!((&refreshed["came"], &refreshed["valid_until"]), (&json!("renewed"), &json!("2026-12-03T00:00:00Z")));
    assert_eq!(scene.shown().await["metadata"], json!(longer));
    assert!(scene.findings().await.iter().any(|(word, what)| word == "warning" && what.contains("valid until")));
    scene.office.pass(4 * 86_400);
    assert!(scene.findings().await.iter().any(|(word, what)| word == "fault" && what.contains("trusts nobody")));
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_cannot_be_had_or_used_changes_nothing() {
    let scene = Scene::new().await;
    for (url, why) in [
        ("http://idp.example.com/metadata", "https://"),
        ("idp.example.com", "https://"),
        ("file:///etc/passwd", "https://"),
        ("https://idp.example.com/none", "cannot be fetched"),
    ] {
        let refused = scene.add("Corp", url).await.unwrap_err();
        assert!(refused.contains(why), "{url}: {refused}");
    }
    scene.may_reach(false);
    let refused = scene.add("Corp", URL).await.unwrap_err();
    assert!(refused.contains("cannot be fetched"), "a network of ours is reached by nobody's word: {refused}");
    scene.may_reach(true);
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\nConnection: close\r\n\r\n";
    scene.site.show("/metadata", Page::Raw([head.as_slice(), &[0xff; 2_000]].concat()));
    assert!(scene.add("Corp", URL).await.unwrap_err().contains("UTF-8"));
    scene.publishes(&"x".repeat(2_000));
    assert!(scene.add("Corp", URL).await.unwrap_err().contains("cannot be used"));
    let none = scene.office.served.client.post::<Value>("/v1/saml-providers", &json!({ "name": "Corp" })).await;
    assert!(format!("{:#}", none.unwrap_err()).contains("without metadata"));

    scene.publishes(&metadata(&[&RSA]));
    scene.add("Corp", URL).await.unwrap();
    scene.publishes(&"x".repeat(2_000));
    assert!(scene.refresh().await.unwrap_err().contains("cannot be used"));
    let mut rounds = Rounds::<Providers>::default();
    scene.round(&mut rounds).await;
    assert!(scene.told().unwrap().contains("cannot be used"), "{:?}", scene.told());
    assert_eq!(scene.shown().await["metadata"], json!(metadata(&[&RSA])));
    // It is tried again in an hour, and again a day after that.
    let asked = scene.site.asked("/metadata");
    scene.publishes(&metadata(&[&RSA]));
    scene.round(&mut rounds).await;
    assert_eq!(scene.site.asked("/metadata"), asked);
    scene.office.pass(3_600);
    scene.round(&mut rounds).await;
    assert_eq!((scene.site.asked("/metadata"), scene.told()), (asked + 1, None));
    scene.office.pass(86_000);
    scene.round(&mut rounds).await;
    assert_eq!(scene.site.asked("/metadata"), asked + 1);
    // From a file there is nothing to fetch, and what is written counts.
    let file = json!({ "name": "File", "metadata": metadata(&[&RSA]) });
    scene.office.post("/v1/saml-providers", file).await;
    let refused = scene.office.served.client.post::<Value>("/v1/saml-providers/File/refresh", &json!({})).await;
    assert!(format!("{:#}", refused.unwrap_err()).contains("fetched from nowhere"));
}

#[test]
fn the_command_line_keeps_providers() {
    let counter = Counter::open("");
    let bailey = &counter.bailey;
    let (file, other) = (bailey.path("idp.xml"), bailey.path("other.xml"));
    std::fs::write(&file, metadata(&[&RSA])).unwrap();
    std::fs::write(&other, metadata(&[&STRANGER])).unwrap();
    let (file, other) = (file.to_str().unwrap(), other.to_str().unwrap());
    let added = bailey.ok(&["idp", "add", "Corp", "--metadata", file]);
    assert!(added.contains("https://idp.test/metadata"), "{added}");
    let listed: Value = serde_json::from_str(&bailey.ok(&["--output", "json", "idp", "list"])).unwrap();
    assert_eq!(listed[0]["certificates"], certificates(&[&RSA]));
    assert_eq!(bailey.ok(&["idp", "show", "corp", "--metadata"]).trim(), metadata(&[&RSA]).trim());
    assert!(bailey.ok(&["idp", "check", "Corp"]).contains("signs by"));
    bailey.ok(&["idp", "confirm", "Corp", "--metadata", other]);
    let shown: Value = serde_json::from_str(&bailey.ok(&["--output", "json", "idp", "show", "Corp"])).unwrap();
    assert_eq!(shown["certificates"], certificates(&[&STRANGER]));
    assert!(bailey.ok(&["idp", "remove", "Corp"]).contains("removed"));
}
