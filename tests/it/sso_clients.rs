//! Clients of single sign-on: registered, shown, changed, given another secret, removed; declared in the configuration.

use bailey::admin::clients::ClientSettings;
use bailey::base::{Secret, Timestamp};
use bailey::cli::client::ClientError;
use bailey::model::Actor;
use bailey::model::client::{ClientAuth, SecretHash};
use bailey::store::memory::Memory;
use bailey::store::{Commit, Intent, Store, sso, verify};
use serde_json::{Value, json};

use crate::fixture::refusal;
use crate::sts_office::Office;

/// A P-256 key that anybody may have: RFC 7517, appendix A.1.
pub(crate) fn public_keys() -> Value {
    json!({ "keys": [{
        "kty": "EC", "crv": "P-256", "kid": "1", "use": "sig",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"
    }]})
}

async fn refused(office: &Office, body: Value) -> (String, String) {
    refusal(office.served.client.post::<Value>("/v1/clients", &body).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_registered_and_its_secret_told_once() {
    let office = Office::new().await;
    let settings = json!({ "redirect_uris": ["https://app.example/cb"], "claims": { "team": "tag/Team" } });
    let made = office.post("/v1/clients", json!({ "id": "app", "settings": settings })).await;
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert_eq!((secret.len(), &made["source"]), (43, &json!("stored")));
    assert_eq!(made["settings"]["auth"], "client_secret_basic");
    assert!(!office.last_record().contains(&secret) && office.last_record().contains("CreateClient"));

    let client = &office.served.client;
    let shown: Value = client.get("/v1/clients/app").await.unwrap();
    assert_eq!((&shown["settings"]["claims"]["team"], shown.get("secret")), (&json!("tag/Team"), None));
    let app = &office.fixture.app;
    let stored = || app.store.read(|snapshot| sso::client(snapshot, &"app".parse().unwrap())).unwrap().unwrap().value;
    assert!(stored().auth.secret().unwrap().is_of(&Secret::new(secret.clone())));

    let turned = office.post("/v1/clients/app/secret", json!({})).await["secret"].as_str().unwrap().to_owned();
    assert_ne!(turned, secret);
    let held = stored().auth;
    let hash = held.secret().unwrap();
    assert!(hash.is_of(&Secret::new(turned)) && !hash.is_of(&Secret::new(secret)));

    let changed = office.put("/v1/clients/app", json!({ "allowed_groups": ["Staff"] })).await;
    assert_eq!(changed["settings"]["allowed_groups"], json!(["Staff"]));
    assert_eq!(changed["settings"]["redirect_uris"], json!(["https://app.example/cb"]), "what is not said stays");
    let (code, _) = refusal(client.put::<Value>("/v1/clients/app", &json!({ "auth": "none" })).await).await;
    assert_eq!(code, "NotNow");
    let copy = Store::new(Memory::new());
    let mut commit = Commit::new(Actor::task("test"), Timestamp::UNIX_EPOCH, Intent::Widen);
    commit.put_client(&stored(), 0).unwrap();
    copy.commit(commit).unwrap();
    assert_eq!(verify::verify(&copy).unwrap().findings, []);

    client.delete::<()>("/v1/clients/app").await.unwrap();
    assert_eq!(refusal(client.get::<Value>("/v1/clients/app").await).await.0, "NotFound");
    assert_eq!(client.get::<Vec<Value>>("/v1/clients").await.unwrap(), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_with_what_to_do() {
    let office = Office::new().await;
    let uris = json!(["https://app.example/cb"]);
    for (settings, said) in [
        (json!({}), "register a redirect URI"),
        (json!({ "redirect_uris": ["https://*.example"] }), "no wildcards"),
        (json!({ "redirect_uris": ["http://app.example/cb"] }), "this machine alone"),
        (json!({ "redirect_uris": uris, "auth": "private_key_jwt" }), "`private_key_jwt` has keys"),
        (json!({ "redirect_uris": uris, "auth": "none", "jwks": public_keys() }), "`none` has neither"),
        (json!({ "auth": "none", "grants": ["client_credentials"] }), "no credentials"),
        (json!({ "redirect_uris": uris, "claims": { "iss": "mail" } }), "has a meaning"),
        (json!({ "redirect_uris": uris, "lifetimes": { "access": 86_400 } }), "60 to 3600"),
        (json!({ "redirect_uris": uris, "grants": ["password"] }), "unknown variant `password`"),
        (json!({ "redirect_uris": uris, "jwks_uri": "https://x" }), "unknown field `jwks_uri`"),
        (json!({ "redirect_uris": uris, "auth": "private_key_jwt", "jwks": { "keys": [] } }), "has no key"),
        (
            json!({ "redirect_uris": uris, "auth": "private_key_jwt", "jwks": { "keys": [{ "kty": "oct", "k": "AA" }] } }),
            "private half",
        ),
    ] {
        let (code, message) = refused(&office, json!({ "id": "app", "settings": settings })).await;
        assert!(message.contains(said), "{settings}: {code}: {message}");
    }
    office.post("/v1/clients", json!({ "id": "app", "settings": { "redirect_uris": uris } })).await;
    let again = refused(&office, json!({ "id": "app", "settings": { "redirect_uris": uris } })).await;
    assert_eq!(again.0, "EntityAlreadyExists");
    let settings = json!({ "redirect_uris": uris, "auth": "private_key_jwt", "jwks": public_keys() });
    let by_key = office.post("/v1/clients", json!({ "settings": settings })).await;
    assert_eq!((by_key["id"].as_str().unwrap().len(), by_key.get("secret")), (34, None));
    let path = format!("/v1/clients/{}/secret", by_key["id"].as_str().unwrap());
    let (code, message) = refusal(office.served.client.post::<Value>(&path, &json!({})).await).await;
    assert!(code == "NotNow" && message.contains("no secret to exchange"), "{code}: {message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_client_is_shown_and_not_changed() {
    let office = Office::new().await;
    let app = &office.fixture.app;
    let uris = Some(vec!["https://grafana.example/cb".parse().unwrap()]);
    let settings = ClientSettings { redirect_uris: uris, ..ClientSettings::default() };
    let auth = ClientAuth::ClientSecretPost { secret: SecretHash::of(&Secret::new("x".repeat(32))) };
    let declared = settings.begin("grafana".parse().unwrap(), auth, Timestamp::UNIX_EPOCH).unwrap();
    app.admin.declared_clients.write().unwrap().push(declared);
    let client = &office.served.client;
    let all: Vec<Value> = client.get("/v1/clients").await.unwrap();
    assert_eq!((all.len(), &all[0]["source"], all[0].get("created")), (1, &json!("config"), None));
    let answers: [Result<Value, ClientError>; 3] = [
        client.put("/v1/clients/grafana", &json!({ "name": "x" })).await,
        client.post("/v1/clients/grafana/secret", &json!({})).await,
        client.delete("/v1/clients/grafana").await,
    ];
    for answer in answers {
        let (code, message) = refusal(answer).await;
        assert!(code == "UnmodifiableEntity" && message.contains("[[client]]"), "{code}: {message}");
    }
    let taken = refused(&office, json!({ "id": "grafana", "settings": { "auth": "none" } })).await;
    assert_eq!(taken.0, "EntityAlreadyExists");
}
