//! Software registers itself: by which tokens, as what, and who looks at it afterwards.

use std::sync::{Arc, Barrier};

use bailey::base::Secret;
use bailey::cli::client::ClientError;
use hyper::Request;
use serde_json::{Value, json};

use crate::fixture::refusal;
use crate::role_tokens::{Answer, send};
use crate::sso_desk::{BACK, Desk, ISSUER, basic, refuses};

/// A desk at which software may register itself for the staff.
async fn desk() -> Desk {
    let desk = Desk::new().await;
    let mut settings = desk.office.fixture.app.sso_settings.write().unwrap();
    settings.registration.by_token = true;
    settings.registration.groups = ["Staff".to_owned()].into();
    drop(settings);
    desk
}

async fn token(desk: &Desk, uses: u32) -> String {
    let made = desk.office.post("/v1/client-registration-tokens", json!({ "uses": uses })).await;
    made["token"].as_str().unwrap().to_owned()
}

async fn register(desk: &Desk, token: Option<&str>, body: &Value) -> Answer {
    let mut request = Request::post("/oauth2/register").header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    send(&desk.office, request, body.to_string()).await
}

async fn about(desk: &Desk, method: &str, client: &str, token: &str) -> Answer {
    let request = Request::builder().method(method).uri(format!("/oauth2/register/{client}"));
    send(&desk.office, request.header("authorization", format!("Bearer {token}")), String::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn software_registers_signs_in_and_takes_itself_back() {
    let desk = desk().await;
    let token = token(&desk, 1).await;
    let asked = json!({
        "redirect_uris": [BACK], "client_name": "A build", "grant_types": ["authorization_code"],
        "scope": "openid email", "token_endpoint_auth_method": "client_secret_post", "contacts": ["x@example.test"],
        "may_exchange": ["arn:aws:iam::123456789012:role/Admin"], "allowed_groups": [], "claims": { "a": "mail" }
    });
    let answer = register(&desk, Some(&token), &asked).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let told = answer.json();
    let id = told["client_id"].as_str().unwrap().to_owned();
    for (name, value) in [
        ("client_secret_expires_at", json!(0)),
        ("redirect_uris", json!([BACK])),
        ("client_name", json!("A build")),
        ("grant_types", json!(["authorization_code"])),
        ("response_types", json!(["code"])),
        ("scope", json!("email openid")),
        ("token_endpoint_auth_method", json!("client_secret_post")),
        ("registration_client_uri", json!(format!("{ISSUER}/oauth2/register/{id}"))),
    ] {
        assert_eq!(told[name], value, "{name} in {told}");
    }
    // It signs in those that the configuration names, and nothing that it said of itself widens that.
    let shown: Value = desk.office.served.client.get(&format!("/v1/clients/{id}")).await.unwrap();
    let settings = &shown["settings"];
    assert_eq!((&settings["allowed_groups"], &settings["may_exchange"]), (&json!(["Staff"]), &json!([])));
    assert_eq!((&settings["claims"], &settings["audiences"]), (&json!({}), &json!([])));
    assert!(shown["registered_by"].as_str().unwrap().starts_with("t-"));
    let code = desk.code(&id, "openid email");
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", id.as_str()),
        ("client_secret", told["client_secret"].as_str().unwrap()),
        ("code", code.as_str()),
        ("redirect_uri", BACK),
        ("code_verifier", crate::sso_desk::VERIFIER),
    ];
    let tokens = desk.token(None, &form).await;
    assert_eq!(tokens.status, 200, "{}", tokens.text);
    // What it registered is shown to itself, without its secret, and taken back by itself.
    let own = told["registration_access_token"].as_str().unwrap();
    let read = about(&desk, "GET", &id, own).await;
    assert_eq!((read.status, read.json().get("client_secret"), &read.json()["client_id"]), (200, None, &json!(id)));
    desk.app("other").await;
    for (client, token) in [(id.as_str(), "wrong"), (&id, &token), ("other", own), ("nobody", own), ("..", own)] {
        for method in ["GET", "DELETE"] {
            let answer = about(&desk, method, client, token).await;
            assert!(answer.status == 401 || answer.status == 404, "{method} {client}: {}", answer.text);
        }
    }
    assert_eq!(about(&desk, "DELETE", &id, own).await.status, 204);
    refuses(&about(&desk, "GET", &id, own).await, 401, "invalid_token");
    assert_eq!(desk.userinfo(tokens.json()["access_token"].as_str().unwrap()).await.status, 401);
    let records = desk.records().join("\n");
    assert!(records.contains("RegisterClient") && records.contains("UnregisterClient"));
    for secret in [own, told["client_secret"].as_str().unwrap(), token.rsplit('.').next().unwrap()] {
        assert!(!records.contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_counts_so_often_and_so_long_and_for_nothing_where_that_is_off() {
    let desk = desk().await;
    let asked = json!({ "redirect_uris": [BACK] });
    let two = token(&desk, 2).await;
    refuses(&register(&desk, None, &asked).await, 401, "invalid_token");
    refuses(&register(&desk, Some("t.x"), &asked).await, 401, "invalid_token");
    refuses(&register(&desk, Some(&format!("{two}x")), &asked).await, 401, "invalid_token");
    let shown = format!("Bearer {two}");
    let twice = Request::post("/oauth2/register").header("authorization", &shown).header("authorization", &shown);
    let twice = twice.header("content-type", "application/json");
    refuses(&send(&desk.office, twice, asked.to_string()).await, 400, "invalid_request");
    // What cannot be costs no use.
    refuses(&register(&desk, Some(&two), &json!({})).await, 400, "invalid_client_metadata");
    for _ in 0..2 {
        assert_eq!(register(&desk, Some(&two), &asked).await.status, 201);
    }
    refuses(&register(&desk, Some(&two), &asked).await, 401, "invalid_token");
    let late = token(&desk, 1).await;
    desk.office.pass(24 * 3_600);
    refuses(&register(&desk, Some(&late), &asked).await, 401, "invalid_token");
    // Forgotten when it is over; removed before that, it counts no more.
    let store = &desk.office.fixture.app.store;
    bailey::store::sso::forget(store, desk.office.fixture.app.admin.now()).unwrap();
    let named = desk.office.post("/v1/client-registration-tokens", json!({ "name": "ci", "uses": 3 })).await;
    let named = named["token"].as_str().unwrap();
    let client = &desk.office.served.client;
    let all: Vec<Value> = client.get("/v1/client-registration-tokens").await.unwrap();
    assert_eq!((all.len(), &all[0]["name"], &all[0]["left"], all[0].get("token")), (1, &json!("ci"), &json!(3), None));
    let twice: Result<Value, ClientError> =
        client.post("/v1/client-registration-tokens", &json!({ "name": "ci" })).await;
    assert_eq!(refusal(twice).await.0, "EntityAlreadyExists");
    for (bad, code) in [(json!({ "uses": 0 }), "LimitExceeded"), (json!({ "seconds": 7_776_001 }), "LimitExceeded")] {
        let refused: Result<Value, ClientError> = client.post("/v1/client-registration-tokens", &bad).await;
        assert_eq!(refusal(refused).await.0, code, "{bad}");
    }
    assert_eq!(register(&desk, Some(named), &asked).await.status, 201);
    client.delete::<()>("/v1/client-registration-tokens/ci").await.unwrap();
    refuses(&register(&desk, Some(named), &asked).await, 401, "invalid_token");
    crate::sso_rows::is_whole(&desk);

    let document = || async {
        let request = Request::get("/.well-known/openid-configuration");
        send(&desk.office, request, String::new()).await.json()
    };
    assert_eq!(document().await["registration_endpoint"], json!(format!("{ISSUER}/oauth2/register")));
    let on = token(&desk, 1).await;
    desk.office.fixture.app.sso_settings.write().unwrap().registration.by_token = false;
    assert_eq!(document().await.get("registration_endpoint"), None);
    assert_eq!(register(&desk, Some(&on), &asked).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_registered_is_refused() {
    let desk = desk().await;
    let token = token(&desk, 1).await;
    for (changed, error) in [
        (json!({ "redirect_uris": ["http://app.example/cb"] }), "invalid_redirect_uri"),
        (json!({ "redirect_uris": ["https://*.example/cb"] }), "invalid_redirect_uri"),
        (json!({ "redirect_uris": ["https://a.example/cb#x"] }), "invalid_redirect_uri"),
        (json!({ "post_logout_redirect_uris": ["ftp://x"] }), "invalid_redirect_uri"),
        (json!({ "redirect_uris": [] }), "invalid_client_metadata"),
        (json!({ "redirect_uris": "x" }), "invalid_client_metadata"),
        (json!({ "grant_types": ["client_credentials"] }), "invalid_client_metadata"),
        (json!({ "grant_types": ["implicit"] }), "invalid_client_metadata"),
        (json!({ "grant_types": ["refresh_token"] }), "invalid_client_metadata"),
        (json!({ "response_types": ["token"] }), "invalid_client_metadata"),
        (json!({ "scope": "openid admin" }), "invalid_client_metadata"),
        (json!({ "token_endpoint_auth_method": "tls_client_auth" }), "invalid_client_metadata"),
        (json!({ "token_endpoint_auth_method": "private_key_jwt" }), "invalid_client_metadata"),
        (json!({ "jwks": { "keys": [] }, "token_endpoint_auth_method": "private_key_jwt" }), "invalid_client_metadata"),
        (json!({ "jwks_uri": "https://a.example/keys" }), "invalid_client_metadata"),
        (json!({ "software_statement": "eyJ" }), "invalid_client_metadata"),
        (json!({ "id_token_signed_response_alg": "none" }), "invalid_client_metadata"),
        (json!({ "id_token_signed_response_alg": "HS256" }), "invalid_client_metadata"),
        (json!({ "subject_type": "odd" }), "invalid_client_metadata"),
        (json!({ "client_name": "a\u{0}b" }), "invalid_client_metadata"),
        (
            json!({ "redirect_uris": (0..51).map(|n| format!("https://a.example/{n}")).collect::<Vec<_>>() }),
            "invalid_client_metadata",
        ),
        (
            json!({ "redirect_uris": (0..40).map(|n| format!("https://a.example/{n}{}", "x".repeat(1_900))).collect::<Vec<_>>() }),
            "invalid_client_metadata",
        ),
    ] {
        let mut asked = json!({ "redirect_uris": [BACK] });
        for (name, value) in changed.as_object().unwrap() {
            asked[name] = value.clone();
        }
        let answer = register(&desk, Some(&token), &asked).await;
        assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some(error)), "{changed}: {}", answer.text);
    }
    assert_eq!(register(&desk, Some(&token), &json!({ "redirect_uris": [BACK] })).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_who_register_by_a_token_for_five_five_do_after_a_restart_too() {
    let desk = desk().await;
    let text = token(&desk, 5).await;
    let body = json!({ "redirect_uris": [BACK] }).to_string();
    let barrier = Arc::new(Barrier::new(64));
    let told: Vec<bool> = std::thread::scope(|scope| {
        let run = || {
            barrier.wait();
            let now = desk.office.fixture.app.admin.now();
            desk.sso().register(&Secret::new(text.clone()), body.as_bytes(), now).is_ok()
        };
        let threads: Vec<_> = (0..64).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(told.iter().filter(|told| **told).count(), 5);
    let all: Vec<Value> = desk.office.served.client.get("/v1/clients").await.unwrap();
    assert_eq!(all.len(), 5);
    let desk = desk.restarted().await;
    desk.office.fixture.app.sso_settings.write().unwrap().registration.by_token = true;
    refuses(&register(&desk, Some(&text), &json!({ "redirect_uris": [BACK] })).await, 401, "invalid_token");
}

/// A secret that is exchanged counts beside the new one for a stated while.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_secret_counts_as_long_as_was_said() {
    let desk = Desk::new().await;
    let first = desk.client("batch", json!({ "grants": ["client_credentials"] })).await;
    let ask = [("grant_type", "client_credentials")];
    let office = &desk.office;
    let turn = |body: Value| async move {
        office.post("/v1/clients/batch/secret", body).await["secret"].as_str().unwrap().to_owned()
    };
    let counts = |secret: String| {
        let desk = &desk;
        async move { desk.token(Some(&basic("batch", &secret)), &ask).await.status == 200 }
    };
    let second = turn(json!({})).await;
    assert!(counts(first.clone()).await && counts(second.clone()).await);
    desk.office.pass(24 * 3_600 - 1);
    assert!(counts(first.clone()).await);
    desk.office.pass(1);
    assert!(!counts(first.clone()).await && counts(second.clone()).await);
    let third = turn(json!({ "overlap": 604_800 })).await;
    let fourth = turn(json!({ "overlap": 604_800 })).await;
    assert!(!counts(second).await && counts(third.clone()).await, "of two that are out the older one ends");
    let fifth = turn(json!({ "overlap": 0 })).await;
    assert!(!counts(third).await && !counts(fourth).await && counts(fifth).await, "at once");
    let refused: Result<Value, ClientError> =
        office.served.client.post("/v1/clients/batch/secret", &json!({ "overlap": 604_801 })).await;
    assert_eq!(refusal(refused).await.0, "LimitExceeded");
}
