//! Tokens that are bound to a key: what a proof has to be, and what is worth nothing without one.

use std::sync::{Arc, Barrier};

use bailey::sso::error::Code;
use bailey::sso::{Form, Shown};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::Request;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::role_tokens::{Answer, send};
use crate::sso_desk::{BACK, Desk, ISSUER, VERIFIER, basic, claims, encoded, refuses};
use crate::sso_tokens::Key;

/// Somebody with a key.
struct Holder {
    key: Key,
    made: std::sync::atomic::AtomicU64,
}

/// What is changed of a proof: members of its header or its claims; null takes one away.
type Changes<'a> = &'a [(&'a str, Value)];

impl Holder {
    fn new() -> Self {
        Self { key: Key::new(), made: std::sync::atomic::AtomicU64::new(0) }
    }

    fn jwk(&self) -> Value {
        let mut jwk = self.key.jwks()["keys"][0].clone();
        jwk.as_object_mut().unwrap().remove("kid");
        jwk
    }

    fn jkt(&self) -> String {
        let jwk = self.jwk();
        let text = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]);
        URL_SAFE_NO_PAD.encode(Sha256::digest(text))
    }

    /// A proof for this endpoint; each is another one.
    fn proof(&self, desk: &Desk, (method, path): (&str, &str), token: Option<&str>, changed: Changes<'_>) -> String {
        let now = desk.office.fixture.app.admin.now();
        let number = self.made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let nonce = desk.sso().dpop_nonce(now).unwrap().expose().clone();
        let mut header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk() });
        let mut said = json!({
            "jti": format!("p-{number}"), "htm": method, "htu": format!("{ISSUER}{path}"), "iat": now.as_second(), "nonce": nonce
        });
        if let Some(token) = token {
            said["ath"] = json!(URL_SAFE_NO_PAD.encode(Sha256::digest(token)));
        }
        for (name, value) in changed {
            let part = if ["typ", "alg", "jwk", "crit", "kid"].contains(name) { &mut header } else { &mut said };
            match value {
                Value::Null => drop(part.as_object_mut().unwrap().remove(*name)),
                value => part[*name] = value.clone(),
            }
        }
        self.key.sign(&header, &said)
    }
}

async fn ask(desk: &Desk, proof: Option<&str>, authorization: Option<&str>, form: &[(&str, &str)]) -> Answer {
    let mut request = Request::post("/oauth2/token").header("content-type", "application/x-www-form-urlencoded");
    if let Some(proof) = proof {
        request = request.header("dpop", proof);
    }
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    send(&desk.office, request, encoded(form)).await
}

async fn userinfo(desk: &Desk, scheme: &str, token: &str, proof: Option<&str>) -> Answer {
    let mut request = Request::get("/oauth2/userinfo").header("authorization", format!("{scheme} {token}"));
    if let Some(proof) = proof {
        request = request.header("dpop", proof);
    }
    send(&desk.office, request, String::new()).await
}

const TOKEN: (&str, &str) = ("POST", "/oauth2/token");
const INFO: (&str, &str) = ("GET", "/oauth2/userinfo");

/// What redeems a code of the public client `app`.
fn redeeming(code: &str) -> [(&'static str, String); 5] {
    [
        ("grant_type", "authorization_code".to_owned()),
        ("client_id", "app".to_owned()),
        ("code", code.to_owned()),
        ("redirect_uri", BACK.to_owned()),
        ("code_verifier", VERIFIER.to_owned()),
    ]
}

async fn redeem(desk: &Desk, code: &str, proof: Option<&str>) -> Answer {
    let form = redeeming(code);
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    ask(desk, proof, None, &form).await
}

async fn refresh(desk: &Desk, token: &str, proof: Option<&str>) -> Answer {
    let form = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", token)];
    ask(desk, proof, None, &form).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_bound_to_the_key_that_was_shown() {
    let desk = Desk::new().await;
    desk.app("app").await;
    let (own, other) = (Holder::new(), Holder::new());
    let told = redeem(&desk, &desk.code("app", "openid"), Some(&own.proof(&desk, TOKEN, None, &[]))).await;
    assert_eq!((told.status, &told.json()["token_type"]), (200, &json!("DPoP")), "{}", told.text);
    assert!(told.headers.contains_key("dpop-nonce"));
    let token = told.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(claims(&token)["cnf"], json!({ "jkt": own.jkt() }));
    // The token alone is worth nothing, nor is it with another's proof, or with a proof for another token.
    refuses(&userinfo(&desk, "Bearer", &token, None).await, 401, "invalid_token");
    let for_it = || own.proof(&desk, INFO, Some(&token), &[]);
    refuses(&userinfo(&desk, "Bearer", &token, Some(&for_it())).await, 401, "invalid_token");
    let none = userinfo(&desk, "DPoP", &token, None).await;
    refuses(&none, 401, "invalid_dpop_proof");
    assert!(none.headers["www-authenticate"].to_str().unwrap().starts_with("DPoP realm=\"bailey\", algs=\"ES256 "));
    let theirs = other.proof(&desk, INFO, Some(&token), &[]);
    refuses(&userinfo(&desk, "DPoP", &token, Some(&theirs)).await, 401, "invalid_token");
    let without = own.proof(&desk, INFO, None, &[]);
    refuses(&userinfo(&desk, "DPoP", &token, Some(&without)).await, 401, "invalid_dpop_proof");
    let for_another = own.proof(&desk, INFO, Some("another"), &[]);
    refuses(&userinfo(&desk, "DPoP", &token, Some(&for_another)).await, 401, "invalid_dpop_proof");
    let for_it = for_it();
    assert_eq!(userinfo(&desk, "DPoP", &token, Some(&for_it)).await.status, 200);
    refuses(&userinfo(&desk, "DPoP", &token, Some(&for_it)).await, 401, "invalid_dpop_proof");
    // One that is not bound is not made so by a proof.
    let bearer = desk.signed_in("app", "openid").access_token;
    let proof = own.proof(&desk, INFO, Some(&bearer), &[]);
    refuses(&userinfo(&desk, "DPoP", &bearer, Some(&proof)).await, 401, "invalid_token");
    // Refresh tokens of a public client are bound, and who lacks the key ends nothing.
    let first = told.json()["refresh_token"].as_str().unwrap().to_owned();
    refuses(&refresh(&desk, &first, None).await, 400, "invalid_grant");
    refuses(&refresh(&desk, &first, Some(&other.proof(&desk, TOKEN, None, &[]))).await, 400, "invalid_grant");
    let next = refresh(&desk, &first, Some(&own.proof(&desk, TOKEN, None, &[]))).await;
    assert_eq!((next.status, &next.json()["token_type"]), (200, &json!("DPoP")), "{}", next.text);
    // A client that shows who it is learns to which key a token is bound.
    let settings = json!({ "grants": ["client_credentials"], "dpop_bound_access_tokens": true });
    let secret = desk.client("batch", settings).await;
    let (who, form) = (basic("batch", &secret), [("grant_type", "client_credentials")]);
    refuses(&ask(&desk, None, Some(&who), &form).await, 400, "invalid_dpop_proof");
    let told = ask(&desk, Some(&own.proof(&desk, TOKEN, None, &[])), Some(&who), &form).await.json();
    let asked = [("token", told["access_token"].as_str().unwrap())];
    let shown = desk.form("/oauth2/introspect", Some(&who), &asked).await.json();
    assert_eq!((&shown["cnf"]["jkt"], &shown["token_type"]), (&json!(own.jkt()), &json!("DPoP")), "{shown}");
    let document = send(&desk.office, Request::get("/.well-known/openid-configuration"), String::new()).await.json();
    assert_eq!(document["dpop_signing_alg_values_supported"], json!(["ES256", "EdDSA", "RS256"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_for_one_request_and_nothing_of_it_can_be_another() {
    let desk = Desk::new().await;
    desk.app("app").await;
    let own = Holder::new();
    let code = desk.code("app", "openid");
    let now = desk.office.fixture.app.admin.now().as_second();
    let with = |name: &'static str, value: Value| {
        let mut jwk = own.jwk();
        jwk[name] = value;
        vec![("jwk", jwk)]
    };
    let several: Vec<(Vec<(&str, Value)>, &str)> = vec![
        (vec![("typ", json!("JWT"))], "invalid_dpop_proof"),
        (vec![("typ", json!("DPoP+JWT"))], "invalid_dpop_proof"),
        (vec![("typ", Value::Null)], "invalid_dpop_proof"),
        (vec![("alg", json!("none"))], "invalid_dpop_proof"),
        (vec![("alg", json!("None"))], "invalid_dpop_proof"),
        (vec![("alg", json!("HS256"))], "invalid_dpop_proof"),
        (vec![("alg", json!("ES384"))], "invalid_dpop_proof"),
        (vec![("alg", json!("RS256"))], "invalid_dpop_proof"),
        (vec![("crit", json!(["exp"]))], "invalid_dpop_proof"),
        (vec![("jwk", Value::Null)], "invalid_dpop_proof"),
        (vec![("jwk", json!("https://evil.example/key"))], "invalid_dpop_proof"),
        (vec![("jwk", Holder::new().jwk())], "invalid_dpop_proof"),
        (vec![("jwk", json!({ "kty": "oct", "k": "AAAA" }))], "invalid_dpop_proof"),
        (with("d", json!("AAAA")), "invalid_dpop_proof"),
        (with("k", json!("AAAA")), "invalid_dpop_proof"),
        (with("p", json!("AAAA")), "invalid_dpop_proof"),
        (with("x", json!("AAAA")), "invalid_dpop_proof"),
        (vec![("htm", json!("GET"))], "invalid_dpop_proof"),
        (vec![("htm", json!("post"))], "invalid_dpop_proof"),
        (vec![("htm", Value::Null)], "invalid_dpop_proof"),
        (vec![("htu", json!("https://sso.example/oauth2/userinfo"))], "invalid_dpop_proof"),
        (vec![("htu", json!("https://evil.example/oauth2/token"))], "invalid_dpop_proof"),
        (vec![("htu", json!("http://sso.example/oauth2/token"))], "invalid_dpop_proof"),
        (vec![("htu", json!("https://sso.example/oauth2/token/../token/"))], "invalid_dpop_proof"),
        (vec![("htu", Value::Null)], "invalid_dpop_proof"),
        (vec![("iat", json!(now - 301))], "invalid_dpop_proof"),
        (vec![("iat", json!(now + 301))], "invalid_dpop_proof"),
        (vec![("iat", json!(now.to_string()))], "invalid_dpop_proof"),
        (vec![("iat", Value::Null)], "invalid_dpop_proof"),
        (vec![("jti", json!(""))], "invalid_dpop_proof"),
        (vec![("jti", json!("a".repeat(257)))], "invalid_dpop_proof"),
        (vec![("jti", json!(7))], "invalid_dpop_proof"),
        (vec![("jti", Value::Null)], "invalid_dpop_proof"),
        (vec![("nonce", Value::Null)], "use_dpop_nonce"),
        (vec![("nonce", json!("made-up"))], "use_dpop_nonce"),
        (vec![("nonce", json!(7))], "use_dpop_nonce"),
    ];
    for (changed, error) in &several {
        let proof = own.proof(&desk, TOKEN, None, changed);
        let answer = redeem(&desk, &code, Some(&proof)).await;
        refuses(&answer, 400, error);
        assert_eq!(answer.headers.contains_key("dpop-nonce"), *error == "use_dpop_nonce", "{changed:?}");
    }
    let proof = own.proof(&desk, TOKEN, None, &[]);
    for bad in [
        format!("{proof}x"),
        proof[..proof.len() - 4].to_owned(),
        format!("{proof}.x"),
        "x".to_owned(),
        "a".repeat(9_000),
    ] {
        refuses(&redeem(&desk, &code, Some(&bad)).await, 400, "invalid_dpop_proof");
    }
    let request = Request::post("/oauth2/token").header("content-type", "application/x-www-form-urlencoded");
    let twice = request.header("dpop", &proof).header("dpop", own.proof(&desk, TOKEN, None, &[]));
    let form = redeeming(&code);
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    refuses(&send(&desk.office, twice, encoded(&form)).await, 400, "invalid_dpop_proof");
    // None of that took anything away; query and fragment of the address say nothing.
    let code = desk.code("app", "openid");
    let changed = [("htu", json!("https://SSO.example:443/oauth2/token?a=b#c"))];
    assert_eq!(redeem(&desk, &code, Some(&own.proof(&desk, TOKEN, None, &changed))).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_counts_for_a_minute_or_two_and_a_proof_once_after_a_restart_too() {
    let desk = Desk::new().await;
    desk.app("app").await;
    let own = Holder::new();
    let nonce = desk.sso().dpop_nonce(desk.office.fixture.app.admin.now()).unwrap().expose().clone();
    let proof = own.proof(&desk, TOKEN, None, &[]);
    assert_eq!(redeem(&desk, &desk.code("app", "openid"), Some(&proof)).await.status, 200);
    let desk = desk.restarted().await;
    let code = desk.code("app", "openid");
    refuses(&redeem(&desk, &code, Some(&proof)).await, 400, "invalid_dpop_proof");
    let again = own.proof(&desk, TOKEN, None, &[("nonce", json!(nonce))]);
    assert_eq!(redeem(&desk, &code, Some(&again)).await.status, 200, "a nonce outlives a restart");

    let old = own.proof(&desk, TOKEN, None, &[]);
    desk.office.pass(60);
    let told = redeem(&desk, &desk.code("app", "openid"), Some(&old)).await;
    assert_eq!(told.status, 200, "{}", told.text);
    let late = own.proof(&desk, TOKEN, None, &[]);
    desk.office.pass(120);
    let code = desk.code("app", "openid");
    let answer = redeem(&desk, &code, Some(&late)).await;
    refuses(&answer, 400, "use_dpop_nonce");
    // What is answered is what the next one has to carry.
    let nonce = answer.headers["dpop-nonce"].to_str().unwrap().to_owned();
    let proof = own.proof(&desk, TOKEN, None, &[("nonce", json!(nonce))]);
    assert_eq!(redeem(&desk, &code, Some(&proof)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_who_show_one_proof_one_is_believed() {
    let desk = Desk::new().await;
    let secret = desk.client("batch", json!({ "grants": ["client_credentials"] })).await;
    let own = Holder::new();
    let form = [("grant_type", "client_credentials")];
    let (form, who) = (Form::read(encoded(&form).as_bytes()).unwrap(), basic("batch", &secret));
    for _ in 0..3 {
        let proof = own.proof(&desk, TOKEN, None, &[]);
        let barrier = Arc::new(Barrier::new(64));
        let told: Vec<Result<(), Code>> = std::thread::scope(|scope| {
            let run = || {
                barrier.wait();
                let shown = Shown {
                    authorization: Some(&who),
                    form: &form,
                    ip: None,
                    request: None,
                    dpop: Some(&proof),
                    jkt: None,
                };
                desk.sso().token(&shown, desk.office.fixture.app.admin.now()).map(drop).map_err(|error| error.code)
            };
            let threads: Vec<_> = (0..64).map(|_| scope.spawn(run)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(told.iter().filter(|told| told.is_ok()).count(), 1);
        assert!(told.iter().all(|told| told.is_ok() || *told == Err(Code::InvalidDpopProof)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_may_be_of_another_kind_and_not_too_short() {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    let desk = Desk::new().await;
    desk.app("app").await;
    let now = desk.office.fixture.app.admin.now();
    let nonce = desk.sso().dpop_nonce(now).unwrap().expose().clone();
    let key = Ed25519KeyPair::generate().unwrap();
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(key.public_key()) });
    let proof = |alg: &str, jwk: &Value| {
        let text = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = json!({ "typ": "dpop+jwt", "alg": alg, "jwk": jwk });
        let said = json!({
            "jti": format!("{alg}-1"), "htm": "POST", "htu": format!("{ISSUER}/oauth2/token"),
            "iat": now.as_second(), "nonce": nonce
        });
        let signed = format!("{}.{}", text(&header), text(&said));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes())))
    };
    let told = redeem(&desk, &desk.code("app", "openid"), Some(&proof("EdDSA", &jwk))).await;
    assert_eq!(told.status, 200, "{}", told.text);
    let jkt = claims(told.json()["access_token"].as_str().unwrap())["cnf"]["jkt"].clone();
    let text = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":{}}}"#, jwk["x"]);
    assert_eq!(jkt, json!(URL_SAFE_NO_PAD.encode(Sha256::digest(text))));
    let short = json!({ "kty": "RSA", "e": "AQAB", "n": URL_SAFE_NO_PAD.encode([0xFF; 128]) });
    let told = redeem(&desk, &desk.code("app", "openid"), Some(&proof("RS256", &short))).await;
    refuses(&told, 400, "invalid_dpop_proof");
    assert!(told.text.contains("1024 bits"), "{}", told.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_rsa_key_signs_proofs_too_from_the_first_token_to_userinfo() {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
    let desk = Desk::new().await;
    desk.app("app").await;
    let (key, other) = (KeyPair::generate(KeySize::Rsa2048).unwrap(), KeyPair::generate(KeySize::Rsa2048).unwrap());
    let jwk = |key: &KeyPair| {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (n, e) = (key.public_key().modulus(), key.public_key().exponent());
        let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
        json!({ "kty": "RSA", "n": text(n), "e": text(e) })
    };
    let made = std::sync::atomic::AtomicU64::new(0);
    // A proof of the key `shown`, signed by `by`.
    let proof = |(shown, by): (&KeyPair, &KeyPair), (method, path): (&str, &str), token: Option<&str>| {
        let now = desk.office.fixture.app.admin.now();
        let nonce = desk.sso().dpop_nonce(now).unwrap().expose().clone();
        let number = made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let header = json!({ "typ": "dpop+jwt", "alg": "RS256", "jwk": jwk(shown) });
        let mut said = json!({
            "jti": format!("r-{number}"), "htm": method, "htu": format!("{ISSUER}{path}"), "iat": now.as_second(), "nonce": nonce
        });
        if let Some(token) = token {
            said["ath"] = json!(URL_SAFE_NO_PAD.encode(Sha256::digest(token)));
        }
        let text = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", text(&header), text(&said));
        let mut signature = vec![0; by.public_modulus_len()];
        by.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    };
    let own = (&key, &key);
    // Another's signature under this key is none of it.
    let forged = redeem(&desk, &desk.code("app", "openid"), Some(&proof((&key, &other), TOKEN, None))).await;
    refuses(&forged, 400, "invalid_dpop_proof");
    let told = redeem(&desk, &desk.code("app", "openid"), Some(&proof(own, TOKEN, None))).await;
    assert_eq!((told.status, &told.json()["token_type"]), (200, &json!("DPoP")), "{}", told.text);
    let (told, own_jwk) = (told.json(), jwk(&key));
    let token = told["access_token"].as_str().unwrap();
    // RFC 7638, section 3.2: the required members of an RSA key, in this order.
    let text = format!(r#"{{"e":{},"kty":"RSA","n":{}}}"#, own_jwk["e"], own_jwk["n"]);
    assert_eq!(claims(token)["cnf"], json!({ "jkt": URL_SAFE_NO_PAD.encode(Sha256::digest(text)) }));
    assert_eq!(userinfo(&desk, "DPoP", token, Some(&proof(own, INFO, Some(token)))).await.status, 200);
    let theirs = proof((&other, &other), INFO, Some(token));
    refuses(&userinfo(&desk, "DPoP", token, Some(&theirs)).await, 401, "invalid_token");
    // The refresh token is bound to the same key.
    let kept = told["refresh_token"].as_str().unwrap();
    refuses(&refresh(&desk, kept, Some(&proof((&other, &other), TOKEN, None))).await, 400, "invalid_grant");
    let next = refresh(&desk, kept, Some(&proof(own, TOKEN, None))).await;
    assert_eq!(next.status, 200, "{}", next.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_may_be_bound_before_it_is_made() {
    let desk = crate::sso_authorize::desk().await;
    let (own, other) = (Holder::new(), Holder::new());
    let mut browser = crate::portal::Browser::new(&desk.office);
    browser.sign_in("ann", crate::sts_unsigned::PASSWORD).await.leads_to("/me");
    let wrong = browser.get(&crate::sso_authorize::asking(&[("dpop_jkt", "short")])).await;
    assert_eq!(crate::sso_authorize::told(&wrong, "error"), "invalid_request");
    let page = browser.get(&crate::sso_authorize::asking(&[("dpop_jkt", &own.jkt())])).await;
    let code = crate::sso_authorize::told(&page, "code");
    let form = redeeming(&code);
    let form: Vec<(&str, &str)> =
        form.iter().map(|(name, value)| (*name, if *name == "client_id" { "wiki" } else { value.as_str() })).collect();
    refuses(&ask(&desk, None, None, &form).await, 400, "invalid_grant");
    refuses(&ask(&desk, Some(&other.proof(&desk, TOKEN, None, &[])), None, &form).await, 400, "invalid_grant");
    let told = ask(&desk, Some(&own.proof(&desk, TOKEN, None, &[])), None, &form).await;
    assert_eq!(told.status, 200, "{}", told.text);
}
