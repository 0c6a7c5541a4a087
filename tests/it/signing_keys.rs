//! Signing keys as an operator sees them, and as the daemon turns them.

use std::collections::BTreeMap;

use bailey::audit::tail;
use bailey::authn::local::Role;
use bailey::cli::client::{Client, ClientError};
use bailey::keys::{Algorithm, TokenError};
use serde_json::{Value, json};

use crate::bed::daemon::Bailey;
use crate::bed::wait_until;
use crate::fixture::{Fixture, post};
use crate::run;

fn turn(fixture: &Fixture) {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        fixture.app.admin.keys.turn_signing_keys(&fixture.app.store, algorithm, fixture.app.admin.now()).unwrap();
    }
}

async fn list(client: &Client) -> Vec<(String, String)> {
    let keys: Vec<Value> = client.get("/v1/signing-keys").await.unwrap();
    let word = |key: &Value, name: &str| key[name].as_str().unwrap().to_owned();
    keys.iter().map(|key| (word(key, "algorithm"), word(key, "state"))).collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

fn records(fixture: &Fixture) -> Vec<Value> {
    let lines = tail::last(&fixture.tiny.store(), 100).unwrap();
    lines.iter().map(|line| serde_json::from_str(&line.json).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_publishes_the_next_key_and_replaces_stolen_ones() {
    let fixture = Fixture::new(Some(Role::Operator));
    turn(&fixture);
    let served = fixture.serve().await;
    let client = &served.client;
    let now = fixture.app.admin.now();
    let claims = json!({"exp": now.as_second() + 600});
    let signed = fixture.app.admin.keys.sign(Algorithm::Es256, "t", &claims, now).unwrap();
    let good = || fixture.app.admin.keys.verify_token::<Value>("t", signed.expose(), now).map(drop);
    assert_eq!(list(client).await, pairs(&[("ES256", "current"), ("EdDSA", "current")]));

    let rotated = post(client, "/v1/signing-keys/rotate", json!({"algorithm": "ES256"})).await;
    let next = rotated.as_array().unwrap().iter().find(|key| key["state"] == "next").unwrap();
    assert_eq!(
        (&next["created"], &next["signs_from"]),
        (&json!("2026-03-12T12:00:00Z"), &json!("2026-03-13T12:00:00Z"))
    );
    assert_eq!(list(client).await, pairs(&[("ES256", "current"), ("ES256", "next"), ("EdDSA", "current")]));
    assert_eq!(good(), Ok(()));

    let told = post(client, "/v1/signing-keys/rotate", json!({"algorithm": "ES256", "emergency": true})).await;
    assert_eq!(list(client).await, pairs(&[("ES256", "current"), ("EdDSA", "current")]));
    assert_eq!(good(), Err(TokenError::UnknownKey));
    let jwks = fixture.app.admin.keys.jwks();
    assert!(jwks.keys.iter().any(|key| key.kid == told[0]["kid"]), "{told}");

    let records = records(&fixture);
    let asked: Vec<&Value> = records.iter().filter(|record| record["eventName"] == "RotateSigningKey").collect();
    let said = |record: &Value, what: &str| record["requestParameters"][what].as_str().unwrap().to_owned();
    assert_eq!(asked.iter().filter(|record| said(record, "emergency") == "true").count(), 2, "begun and completed");
    let emergencies = records.iter().filter(|record| record["requestParameters"]["emergency"] == true);
    let names: Vec<&str> = emergencies.map(|record| record["eventName"].as_str().unwrap()).collect();
    assert_eq!(names, ["CreateSigningKey", "ActivateSigningKey", "DestroySigningKey", "DestroySigningKey"]);
    crate::credentials::sound(&fixture);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_sees_keys_and_turns_none() {
    let fixture = Fixture::new(Some(Role::Viewer));
    turn(&fixture);
    let served = fixture.serve().await;
    assert_eq!(list(&served.client).await.len(), 2);
    let refused = served.client.post::<Value>("/v1/signing-keys/rotate", &json!({"emergency": true})).await;
    assert!(matches!(refused, Err(ClientError::Refused(error)) if error.code == "AccessDenied"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_algorithm_that_there_is_not_is_no_wish() {
    let fixture = Fixture::new(Some(Role::Operator));
    let served = fixture.serve().await;
    for bad in
        [json!({"algorithm": "HS256"}), json!({"algorithm": "none"}), json!({"emergency": 1}), json!({"now": true})]
    {
        let refused = served.client.post::<Value>("/v1/signing-keys/rotate", &bad).await;
        assert!(matches!(refused, Err(ClientError::Refused(error)) if error.code == "InvalidRequest"), "{bad}");
    }
    assert!(list(&served.client).await.is_empty());
}

/// The daemon itself, and the words.
#[test]
fn the_daemon_makes_keys_of_every_algorithm_and_the_command_line_turns_them() {
    let mut bailey = Bailey::with("");
    bailey.spawn();
    wait_until("keys of three algorithms", || {
        std::os::unix::net::UnixStream::connect(bailey.path("socket")).is_ok()
            && bailey.json(&["key", "list"]).as_array().unwrap().len() == 4
    });
    let by_state = |keys: &Value| {
        let mut count: BTreeMap<String, usize> = BTreeMap::new();
        for key in keys.as_array().unwrap() {
            *count
                .entry(format!("{} {}", key["purpose"].as_str().unwrap(), key["state"].as_str().unwrap()))
                .or_default() += 1;
        }
        count.into_iter().map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(by_state(&bailey.json(&["key", "list"])), "1 seal current, 3 sign current");
    let rotated = bailey.run(&["key", "rotate"]);
    let said = run::said(&rotated);
    assert_eq!(said.matches("signs by").count(), 3, "{said}");
    assert_eq!(by_state(&bailey.json(&["key", "list"])), "1 seal current, 3 sign current, 3 sign next");
    let replaced = bailey.run(&["key", "rotate", "--algorithm", "rs256", "--emergency"]);
    let said = run::said(&replaced);
    assert!(replaced.status.success() && said.contains("destroyed") && said.contains("RS256"), "{said}");
    assert_eq!(by_state(&bailey.json(&["key", "list"])), "1 seal current, 3 sign current, 2 sign next");
    assert!(bailey.log().contains("replaced in an emergency"), "{}", bailey.log());
    bailey.ok(&["key", "reseal"]);
    assert!(bailey.terminate().success());
    assert_eq!(
        by_state(&bailey.json(&["key", "list"])),
        "1 seal current, 3 sign current, 2 sign next",
        "without a daemon"
    );
}

#[test]
fn a_key_of_saml_that_was_not_published_does_not_begin_to_sign() {
    let bailey = Bailey::with("");
    let states = || {
        let keys = bailey.json(&["key", "list"]);
        let of_saml = keys.as_array().unwrap().iter().filter(|key| key["purpose"] == "sign SAML");
        of_saml.map(|key| key["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let refused = || {
        let refused = bailey.run(&["key", "rotate", "--saml", "--sign"]);
        let said = run::said(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        let told = "no next SAML key is published, and nothing changed; run `bailey key rotate --saml` first";
        assert!(said.contains(told), "{said}");
    };
    refused();
    // The first signs at once: nobody knows another.
    bailey.ok(&["key", "rotate", "--saml"]);
    assert_eq!(states(), ["current"]);
    refused();
    bailey.ok(&["key", "rotate", "--saml"]);
    assert_eq!(states(), ["current", "next"]);
    bailey.ok(&["key", "rotate", "--saml", "--sign"]);
    assert_eq!(states(), ["retiring", "current"]);
    refused();
    assert_eq!(states(), ["retiring", "current"]);
}
