//! Outside SAML providers as administrators keep them: by their metadata, fetched or from a file. What is found where a provider publishes
//! it never counts before somebody confirms it.

use bailey::base::network::Networks;
use bailey::daemon::saml_metadata::{Providers, Rounds};
use bailey::fetch::Reach;
use serde_json::{Value, json};

use crate::bed::Authority;
use crate::bed::counter::Counter;
use crate::bed::website::{Page, Website};
use crate::saml_bed::{IDP, RSA, STRANGER, Signer, metadata, now};
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

    async fn notices(&self) -> Vec<Value> {
        self.office.served.client.get("/v1/notices").await.unwrap()
    }

    async fn findings(&self) -> Vec<(String, String)> {
        let found: Vec<Value> = self.office.served.client.get("/v1/saml-providers/Corp/check").await.unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        found.iter().map(|one| (text(&one["severity"]), text(&one["what"]))).collect()
    }
}

/// A webhook that hears of metadata.
fn tells_security() -> bailey::notify::Settings {
    let hook = bailey::notify::webhook::Hook {
        name: "siem".to_owned(),
        url: "https://siem.example.com/".parse().unwrap(),
        reach: Reach::default(),
        secrets: Vec::new(),
        kinds: vec![bailey::model::notice::Kind::MetadataWaits],
    };
    bailey::notify::Settings { webhooks: vec![std::sync::Arc::new(hook)], ..bailey::notify::Settings::default() }
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
    scene.office.fixture.app.admin.notices.follow(tells_security());
    scene.publishes(&metadata(&[&RSA, &STRANGER]));
    let mut rounds = Rounds::<Providers>::default();
    scene.round(&mut rounds).await;
    scene.round(&mut Rounds::<Providers>::default()).await;
    scene.publishes(&metadata(&[&RSA, &STRANGER]).replace(" entityID=", "  entityID="));
    scene.round(&mut Rounds::<Providers>::default()).await;
    scene.publishes(&metadata(&[&RSA, &STRANGER]));
    scene.round(&mut Rounds::<Providers>::default()).await;
    let notices = scene.notices().await;
    let told: Vec<[&str; 2]> =
        notices.iter().map(|one| ["kind", "about"].map(|key| one[key].as_str().unwrap())).collect();
    assert_eq!(told, [["saml.metadata_waits", "SAML provider Corp"]], "once, however often it is found");
    let shown = scene.shown().await;
    assert_eq!((&shown["certificates"], &shown["metadata"]), (&certificates(&[&RSA]), &json!(metadata(&[&RSA]))));
    let digest = shown["waiting"]["digest"].clone();
    let changes = shown["waiting"]["changes"].as_array().unwrap().clone();
    assert!(changes.len() == 1 && changes[0].as_str().unwrap().contains("certificate comes"), "{changes:?}");
    assert!(scene.told().unwrap().contains("waits since"), "{:?}", scene.told());
    let log = scene.office.last_record();
    assert!(log.contains("RefreshSAMLProvider") && log.contains(digest.as_str().unwrap()), "{log}");
    assert!(scene.findings().await.iter().any(|(word, what)| word == "warning" && what.contains("certificate comes")));
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

    // What is taken back there waits no more; what says the same in other words counts.
    scene.publishes(&metadata(&[&RSA]).replace("https://idp.test/sso", "https://evil.test/sso"));
    let refreshed = scene.refresh().await.unwrap();
    let words = refreshed["waiting"]["changes"].to_string();
    assert!(words.contains("https://evil.test/sso") && words.contains("certificate goes"), "{words}");
    scene.publishes(&metadata(&[&RSA, &STRANGER]));
    assert_eq!(scene.refresh().await.unwrap()["waiting"], Value::Null);
    let spaced = metadata(&[&RSA, &STRANGER]).replace(" entityID=", "  entityID=");
    scene.publishes(&spaced);
    assert_eq!(scene.refresh().await.unwrap()["came"], "renewed");
    assert_eq!(scene.shown().await["metadata"], json!(spaced));
}

/// The metadata of a provider with these keys that says until when it is good.
fn until(signers: &[&Signer], end: &str) -> String {
    metadata(signers).replace(" entityID=", &format!(" validUntil=\"{end}\" entityID="))
}

#[tokio::test(flavor = "multi_thread")]
async fn another_end_waits_too_and_is_told_when_it_is_time() {
    let scene = Scene::new().await;
    let mut rounds = Rounds::<Providers>::default();
    let (first, later) = ("2026-12-20T00:00:00Z", "2027-01-20T00:00:00Z");
    scene.publishes(&until(&[&RSA], first));
    scene.add("Corp", URL).await.unwrap();

    // It is good for longer, which whoever has the web server can say of a key that was withdrawn: it waits, and nobody is called yet.
    scene.office.fixture.app.admin.notices.follow(tells_security());
    scene.publishes(&until(&[&RSA], later));
    scene.round(&mut rounds).await;
    assert!(scene.notices().await.is_empty());
    let shown = scene.shown().await;
    let said = format!("it is good until {later} instead of until {first}");
    assert_eq!((&shown["valid_until"], &shown["waiting"]["changes"]), (&json!(first), &json!([said])));
    assert_eq!((&shown["waiting"]["prolongs"], scene.told()), (&json!(true), None));
    assert!(scene.findings().await.iter().any(|(word, what)| word == "fine" && what.contains(&said)));

    // A week before the end it is told, with what to do about it; and when it is over nobody is trusted, whatever waits.
    scene.office.pass(14 * 86_400);
    scene.round(&mut rounds).await;
    scene.round(&mut Rounds::<Providers>::default()).await;
    assert_eq!(scene.notices().await.len(), 1);
    let shown = scene.shown().await;
    let confirm = format!("bailey idp confirm Corp {}", shown["waiting"]["digest"].as_str().unwrap());
    let told = scene.told().unwrap();
    assert!(told.contains(&format!("valid until {first}, and then")) && told.contains(&confirm), "{told}");
    assert!(scene.findings().await.iter().any(|(word, what)| word == "warning" && what.contains(first)));
    scene.office.pass(8 * 86_400);
    scene.round(&mut rounds).await;
    assert!(scene.told().unwrap().contains("trusts nobody") && scene.told().unwrap().contains(&confirm));
    assert_eq!(scene.shown().await["valid_until"], json!(first));
    let confirmed = scene.confirm(&shown["waiting"]["digest"]).await.unwrap();
    assert_eq!((&confirmed["valid_until"], &confirmed["waiting"]), (&json!(later), &Value::Null));
    scene.round(&mut rounds).await;
    assert_eq!(scene.told(), None);

    // An earlier end waits as well, aloud: by it the provider could be switched off. So does one that is left out.
    let earlier = "2026-12-30T00:00:00Z";
    scene.publishes(&until(&[&RSA], earlier));
    assert_eq!(scene.refresh().await.unwrap()["came"], "waits");
    assert_eq!(scene.shown().await["valid_until"], json!(later));
    assert!(scene.findings().await.iter().any(|(word, what)| word == "warning" && what.contains(earlier)));
    scene.publishes(&metadata(&[&RSA]));
    let dropped = scene.refresh().await.unwrap();
    assert!(dropped["waiting"]["changes"].to_string().contains("good without end instead"), "{dropped}");
    // What is over already is of no use at all.
    scene.publishes(&until(&[&RSA], first));
    assert!(scene.refresh().await.unwrap_err().contains("was valid until"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_another_end_each_time_is_confirmed_by_what_was_looked_at() {
    let scene = Scene::new().await;
    scene.publishes(&until(&[&RSA], "2027-01-01T00:00:00Z"));
    scene.add("Corp", URL).await.unwrap();
    scene.publishes(&until(&[&RSA, &STRANGER], "2027-01-02T00:00:00Z"));
    let since = scene.refresh().await.unwrap()["waiting"]["since"].clone();
    scene.office.pass(86_400);
    scene.publishes(&until(&[&RSA, &STRANGER], "2027-01-03T00:00:00Z"));
    let waiting = scene.refresh().await.unwrap()["waiting"].clone();
    // The key waits since it came, however often its end moves.
    assert_eq!((&waiting["since"], &waiting["prolongs"], &waiting["metadata"]), (&since, &Value::Null, &Value::Null));
    scene.publishes(&until(&[&RSA, &STRANGER], "2027-01-04T00:00:00Z"));
    let confirmed = scene.confirm(&waiting["digest"]).await.unwrap();
    assert_eq!(confirmed["valid_until"], "2027-01-03T00:00:00Z");
    assert_eq!(confirmed["certificates"], certificates(&[&RSA, &STRANGER]));
    // But what says something else by then is another.
    scene.publishes(&until(&[&RSA], "2027-01-05T00:00:00Z"));
    let digest = scene.refresh().await.unwrap()["waiting"]["digest"].clone();
    scene.publishes(&until(&[&STRANGER], "2027-01-05T00:00:00Z"));
    assert!(scene.confirm(&digest).await.unwrap_err().contains("is another"));
    assert_eq!(scene.shown().await["certificates"], certificates(&[&RSA, &STRANGER]));
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
    assert!(format!("{:#}", refused.unwrap_err()).contains("without a metadata address"));
}

/// The metadata of a federation: that of many, and more than a row holds.
fn federation(members: &[String]) -> String {
    let body = |text: &String| text.split_once("-->").unwrap().1.to_owned();
    let others =
        (0..30).map(|n| body(&metadata(&[&STRANGER])).replace("https://idp.test/", &format!("https://idp{n}.test/")));
    let all: String = others.chain(members.iter().map(body)).collect();
    let padding = format!("<md:Extensions><x xmlns=\"urn:x\">{}</x></md:Extensions>", "x".repeat(50_000));
    format!(
        "<md:EntitiesDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\">{padding}{all}</md:EntitiesDescriptor>"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_federation_one_is_meant() {
    let scene = Scene::new().await;
    let client = &scene.office.served.client;
    let all = federation(&[metadata(&[&RSA])]);
    assert!(all.len() > 64 << 10);
    scene.publishes(&all);
    let add = |more: Value| {
        let mut new = json!({ "name": "Corp", "url": URL });
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        async move { client.post::<Value>("/v1/saml-providers", &new).await.map_err(|error| format!("{error:#}")) }
    };
    let several = add(json!({})).await.unwrap_err();
    assert!(several.contains("31 entities") && several.contains("which one"), "{several}");
    let none = add(json!({ "entity_id": "https://nobody.test" })).await.unwrap_err();
    assert!(none.contains("none of 31 entities"), "{none}");
    let added = add(json!({ "entity_id": IDP })).await.unwrap();
    assert_eq!((&added["entity_id"], &added["certificates"]), (&json!(IDP), &certificates(&[&RSA])));
    let kept = scene.shown().await["metadata"].as_str().unwrap().to_owned();
    assert!(kept.len() < 8_000 && !kept.contains("idp0.test"), "{kept}");
    let (cut, whole) = (bailey::authn::saml::IdentityProvider::read(&kept).unwrap(), metadata(&[&RSA]));
    assert!(bailey::authn::saml::IdentityProvider::read(&whole).unwrap().changes(&cut).is_empty());

    // What happens to others of the federation is no change; what happens to the one that is meant waits.
    scene.publishes(&federation(&[
        metadata(&[&RSA]),
        metadata(&[&RSA]).replace("https://idp.test/", "https://new.test/"),
    ]));
    assert_eq!(scene.refresh().await.unwrap()["came"], "same");
    scene.publishes(&federation(&[metadata(&[&RSA, &STRANGER])]));
    let digest = scene.refresh().await.unwrap()["waiting"]["digest"].clone();
    assert_eq!(scene.confirm(&digest).await.unwrap()["certificates"], certificates(&[&RSA, &STRANGER]));
    // Who is no longer among them is told, and stays as they are.
    scene.publishes(&federation(&[]));
    assert!(scene.refresh().await.unwrap_err().contains("30 entities"));
    assert_eq!(scene.shown().await["certificates"], certificates(&[&RSA, &STRANGER]));
    // The name has to be that of the one who is there.
    scene.publishes(&metadata(&[&RSA]));
    let other =
        client.post::<Value>("/v1/saml-providers", &json!({ "name": "Two", "url": URL, "entity_id": "urn:x" })).await;
    assert!(format!("{:#}", other.unwrap_err()).contains("not of `urn:x`"));
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
    assert!(bailey.ok(&["idp", "remove", "Corp"]).contains("deleted"));
    let many = bailey.path("federation.xml");
    std::fs::write(&many, federation(&[metadata(&[&RSA])])).unwrap();
    let added = bailey.json(&["idp", "add", "Corp", "--metadata", many.to_str().unwrap(), "--entity-id", IDP]);
    assert_eq!(added["certificates"], certificates(&[&RSA]));
}
