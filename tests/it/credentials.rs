//! Users of our own, access keys, root, passwords and the second factor: as an operator uses them.

use bailey::authn::local::Role;
use bailey::cli::client::{Client, ClientError};
use bailey::model::Actor;
use bailey::store::verify::verify;
use bailey::store::{Commit, Intent, Store, StoreError, memory, schema};
use serde_json::{Value, json};

use crate::fixture::Fixture;

async fn code(answer: Result<Value, ClientError>) -> String {
    match answer {
        Err(ClientError::Refused(error)) => error.code,
        other => panic!("{other:?}"),
    }
}

async fn post(client: &Client, path: &str, body: Value) -> Value {
    client.post(path, &body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
}

async fn put(client: &Client, path: &str, body: Value) -> Value {
    client.put(path, &body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

pub(crate) fn sound(fixture: &Fixture) {
    // The fixture's store keeps no whole account of itself, so its rows are looked at in one that does.
    let store = Store::new(memory::Memory::new());
    let mut commit = Commit::new(Actor::task("copy"), fixture.app.admin.now(), Intent::Widen);
    let range = bailey::store::KeyRange::prefix(&[]);
    let copied = fixture.app.store.for_each(&range, |key, row| {
        if !matches!(key.first(), Some(b'M' | b'A' | b'O' | b'H' | b'J')) {
            commit.put(key.to_vec(), row.value.clone());
        }
        Ok::<_, StoreError>(())
    });
    copied.unwrap();
    store.commit(commit).unwrap();
    let findings = verify(&store).unwrap().findings;
    assert!(findings.is_empty(), "{findings:?}");
}

/// Every byte that lies in the store, keys and values.
fn everything(fixture: &Fixture) -> Vec<u8> {
    let mut all = Vec::new();
    let range = bailey::store::KeyRange::prefix(&[]);
    fixture
        .app
        .store
        .for_each(&range, |key, row| {
            all.extend_from_slice(key);
            all.extend_from_slice(&row.value);
            Ok::<_, StoreError>(())
        })
        .unwrap();
    all
}

fn holds(hay: &[u8], needle: &str) -> bool {
    hay.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_our_own_is_made_changed_and_deleted() {
    let fixture = Fixture::new(Some(Role::Operator));
    let served = fixture.serve().await;
    let client = &served.client;
    let new = json!({"name": "Contractor", "path": "/firm/", "display_name": "C. Tractor", "tags": {"team": "x"},
        "boundary": "ReadOnlyAccess", "expires": "2026-12-31T00:00:00Z"});
    let made = post(client, "/v1/users", new.clone()).await;
    assert_eq!(made["arn"], "arn:aws:iam::123456789012:user/firm/Contractor");
    assert_eq!((&made["directory"], &made["state"]), (&json!("local"), &json!("active")));
    assert_eq!(code(client.post("/v1/users", &json!({"name": "contractor"})).await).await, "EntityAlreadyExists");
    let hangs: Value = client.get("/v1/users/contractor/policies").await.unwrap();
    assert_eq!(
        (&hangs["boundary"], &hangs["tags"]["team"]),
        (&json!("arn:aws:iam::aws:policy/ReadOnlyAccess"), &json!("x"))
    );
    let changed = post(client, "/v1/users/contractor", json!({"name": "ext.tractor", "disabled": true})).await;
    assert_eq!((&changed["name"], &changed["state"]), (&json!("ext.tractor"), &json!("disabled")));
    assert_eq!(code(client.get("/v1/users/contractor").await).await, "NotFound");
    assert_eq!(changed["id"], made["id"]);

    post(client, "/v1/groups", json!({"name": "firefighters"})).await;
    put(client, "/v1/groups/firefighters/members/ext.tractor", json!({})).await;
    let shown: Value = client.get("/v1/users/ext.tractor").await.unwrap();
    assert_eq!(shown["groups"][0]["group"], "firefighters");
    assert_eq!(code(client.delete("/v1/users/ext.tractor").await).await, "DeleteConflict");
    assert_eq!(code(client.delete("/v1/groups/firefighters").await).await, "DeleteConflict");
    let () = client.delete("/v1/groups/firefighters/members/ext.tractor").await.unwrap();
    assert_eq!(code(client.delete("/v1/groups/firefighters/members/ext.tractor").await).await, "NotFound");
    let () = client.delete("/v1/groups/firefighters").await.unwrap();
    let () = client.delete("/v1/users/ext.tractor").await.unwrap();
    assert_eq!(post(client, "/v1/users", new).await["name"], "Contractor", "the name is free again");
    sound(&fixture);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_told_once_and_lies_sealed() {
    let fixture = Fixture::new(Some(Role::Operator));
    let served = fixture.serve().await;
    let client = &served.client;
    post(client, "/v1/users", json!({"name": "robot"})).await;
    let first = post(client, "/v1/users/robot/access-keys", json!({})).await;
    let second = post(client, "/v1/users/robot/access-keys", json!({})).await;
    assert_eq!(text(&first["secret"]).len(), 40);
    assert_ne!(first["secret"], second["secret"]);
    assert_eq!(code(client.post("/v1/users/robot/access-keys", &json!({})).await).await, "LimitExceeded");
    let all = everything(&fixture);
    assert!(holds(&all, text(&first["id"])));
    assert!(!holds(&all, text(&first["secret"])) && !holds(&all, text(&second["secret"])));

    let key = format!("/v1/users/robot/access-keys/{}", text(&first["id"]));
    assert_eq!(post(client, &key, json!({"active": false})).await["active"], false);
    post(client, "/v1/users", json!({"name": "other"})).await;
    let others = format!("/v1/users/other/access-keys/{}", text(&first["id"]));
    assert_eq!(code(client.delete(&others).await).await, "NotFound", "it is not theirs");
    let shown: Value = client.get(&format!("/v1/access-keys/{}", text(&first["id"]))).await.unwrap();
    assert_eq!((&shown["user"], &shown["active"]), (&json!("robot"), &json!(false)));

    let rotated = post(client, "/v1/sealing-keys/rotate", json!({})).await;
    assert_eq!(
        (&rotated["current"], &rotated["resealed"]),
        (&json!(2), &json!(3)),
        "two keys, and the one that sessions follow from"
    );
    assert_eq!(code(client.delete("/v1/users/robot").await).await, "DeleteConflict");
    for made in [&first, &second] {
        let () = client.delete(&format!("/v1/users/robot/access-keys/{}", text(&made["id"]))).await.unwrap();
    }
    let () = client.delete("/v1/users/robot").await.unwrap();
    sound(&fixture);
}

#[tokio::test(flavor = "multi_thread")]
async fn root_is_made_once_with_the_first_administrators() {
    let fixture = Fixture::new(Some(Role::Operator));
    let served = fixture.serve().await;
    let client = &served.client;
    assert_eq!(code(client.post("/v1/root/lock", &json!({})).await).await, "NotNow");
    assert_eq!(code(client.post("/v1/init", &json!({"administrators": "nobody"})).await).await, "NotFound");
    let root: Value = client.get("/v1/root").await.unwrap();
    assert_eq!(root["created"], Value::Null, "a refused init made nothing");
    post(client, "/v1/groups", json!({"name": "admins"})).await;
    let made = post(client, "/v1/init", json!({"administrators": "admins"})).await;
    assert!(text(&made["id"]).starts_with("AKIA"));
    assert_eq!(code(client.post("/v1/init", &json!({})).await).await, "EntityAlreadyExists");
    let held: Value = client.get("/v1/groups/admins/policies").await.unwrap();
    assert_eq!(held["attached"], json!(["arn:aws:iam::aws:policy/AdministratorAccess"]));
    let () = client.post("/v1/root/lock", &json!({})).await.unwrap();
    let root: Value = client.get("/v1/root").await.unwrap();
    assert_eq!((&root["arn"], &root["access_keys"][0]["id"]), (&json!("arn:aws:iam::123456789012:root"), &made["id"]));
    assert!(root["locked_since"].is_string());
    let () = client.post("/v1/root/unlock", &json!({})).await.unwrap();
    let another = post(client, "/v1/root/access-keys", json!({})).await;
    let () = client.delete(&format!("/v1/root/access-keys/{}", text(&another["id"]))).await.unwrap();
    sound(&fixture);
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_follow_the_rules_of_the_account() {
    let fixture = Fixture::new(Some(Role::Operator));
    let served = fixture.serve().await;
    let client = &served.client;
    post(client, "/v1/users", json!({"name": "auditor"})).await;
    let path = "/v1/users/auditor/password";
    let refused = client.post::<Value>(path, &json!({"password": "short"})).await;
    match refused {
        Err(ClientError::Refused(error)) => {
            assert_eq!(error.code, "PasswordPolicyViolation");
            assert!(error.message.contains("15"), "{}", error.message);
            assert!(!error.message.contains("short`"), "a password is never shown");
        }
        other => panic!("{other:?}"),
    }
    let good = "violet-Hammer-92-orbit";
    let set = post(client, path, json!({"password": good, "must_change": true})).await;
    assert_eq!((&set["user"], &set["must_change"]), (&json!("auditor"), &json!(true)));
    assert_eq!(code(client.post(path, &json!({"password": good})).await).await, "EntityAlreadyExists");
    let mut rules: Value = client.get("/v1/password-policy").await.unwrap();
    rules["reuse_prevention"] = json!(2);
    rules["words"] = json!(["acme"]);
    put(client, "/v1/password-policy", rules.clone()).await;
    for (password, why) in [(good, "reuse"), ("the-ACME-quartz-71-lion", "word")] {
        assert_eq!(
            code(client.put(path, &json!({"password": password})).await).await,
            "PasswordPolicyViolation",
            "{why}"
        );
    }
    rules["minimum_length"] = json!(5);
    assert_eq!(code(client.put("/v1/password-policy", &rules).await).await, "ValidationError");
    assert!(!holds(&everything(&fixture), good));
    let () = client.delete(path).await.unwrap();
    assert_eq!(code(client.get(path).await).await, "NotFound");
    sound(&fixture);
}

/// The code that an authenticator app shows.
pub(crate) fn app_code(seed: &str, at: bailey::base::Timestamp) -> String {
    use hmac_of_test as mac;
    let seed = decode_base32(seed);
    let step = u64::try_from(at.as_second()).unwrap() / 30;
    let digest = mac(&seed, &step.to_be_bytes());
    let offset = usize::from(digest[19] & 15);
    let number = u32::from_be_bytes(digest[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

fn hmac_of_test(key: &[u8], text: &[u8]) -> Vec<u8> {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    aws_lc_rs::hmac::sign(&key, text).as_ref().to_vec()
}

pub(crate) fn decode_base32(text: &str) -> Vec<u8> {
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for letter in text.trim_end_matches('=').bytes() {
        let value = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|l| *l == letter).unwrap() as u32;
        bits = bits << 5 | value;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_counts_once_its_holder_has_shown_two_codes() {
    let fixture = Fixture::new(Some(Role::Operator));
    let served = fixture.serve().await;
    let client = &served.client;
    post(client, "/v1/users", json!({"name": "ann"})).await;
    let made = post(client, "/v1/mfa-devices", json!({"name": "ann-phone", "path": "/phones/"})).await;
    let (serial, seed) = (text(&made["serial"]).to_owned(), text(&made["seed"]).to_owned());
    assert_eq!(serial, "arn:aws:iam::123456789012:mfa/phones/ann-phone");
    assert!(!holds(&everything(&fixture), &seed));
    let picture =
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text(&made["picture_png"])).unwrap();
    assert!(picture.starts_with(b"\x89PNG"));
    let encoded = bailey::cli::session::encoded(&serial);
    let path = format!("/v1/users/ann/mfa-devices/{encoded}");
    let now = fixture.app.admin.now();
    let later = now + jiff::SignedDuration::from_secs(30);
    let codes = json!({"first": app_code(&seed, now), "second": app_code(&seed, later)});
    let wrong = json!({"first": "000000", "second": app_code(&seed, later)});
    assert_eq!(code(client.put(&path, &wrong).await).await, "InvalidAuthenticationCode");
    let () = client.put(&path, &codes).await.unwrap();
    let devices: Value = client.get("/v1/users/ann/mfa-devices").await.unwrap();
    assert_eq!((devices[0]["serial"].as_str(), devices[0]["user"].as_str()), (Some(serial.as_str()), Some("ann")));
    assert_eq!(code(client.put(&path, &codes).await).await, "EntityAlreadyExists");
    assert_eq!(code(client.post(&format!("{path}/resync"), &codes).await).await, "InvalidAuthenticationCode", "used");
    assert_eq!(code(client.delete(&format!("/v1/mfa-devices/{encoded}")).await).await, "DeleteConflict");
    for _ in 0..5 {
        let _ = client.post::<Value>(&format!("{path}/resync"), &wrong).await;
    }
    assert_eq!(code(client.post(&format!("{path}/resync"), &wrong).await).await, "NotNow", "guessing ends");
    let () = client.delete(&path).await.unwrap();
    let () = client.delete(&format!("/v1/mfa-devices/{encoded}")).await.unwrap();
    sound(&fixture);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_has_an_alias_and_a_summary() {
    let fixture = Fixture::new(Some(Role::Operator));
    let served = fixture.serve().await;
    let client = &served.client;
    put(client, "/v1/account/alias/example-corp", json!({})).await;
    for bad in ["Example", "a", "-ab", "ab--c"] {
        assert_eq!(
            code(client.put(&format!("/v1/account/alias/{bad}"), &json!({})).await).await,
            "InvalidRequest",
            "{bad}"
        );
    }
    let alias: Value = client.get("/v1/account/alias").await.unwrap();
    assert_eq!(alias, "example-corp");
    post(client, "/v1/users", json!({"name": "ann"})).await;
    let summary: Value = client.get("/v1/account/summary").await.unwrap();
    assert_eq!((&summary["Users"], &summary["Groups"], &summary["MFADevices"]), (&json!(1), &json!(0), &json!(0)));
    let () = client.delete("/v1/account/alias/example-corp").await.unwrap();
    assert!(
        fixture
            .app
            .store
            .read(|s| s.get(&schema::credentials::setting(schema::credentials::Setting::Alias)))
            .unwrap()
            .is_none()
    );
}
