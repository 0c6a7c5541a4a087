//! Codes and refresh tokens: redeemed once, replaced once, whoever asks at the same time and whatever restarts in between.

use std::sync::{Arc, Barrier};

use bailey::keys::Algorithm;
use bailey::model::Actor;
use bailey::sso::error::Code;
use bailey::sso::{NewCode, OauthError, Tokens};
use openidconnect::core::{CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJwsSigningAlgorithm};
use openidconnect::{ClientId, IssuerUrl, Nonce};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::sso_desk::{BACK, Desk, ISSUER, VERIFIER, basic, challenge, claims, part, refuses};

fn is_grant(told: &Result<Tokens, OauthError>) -> bool {
    matches!(told, Err(error) if error.code == Code::InvalidGrant)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_becomes_tokens_that_say_who_somebody_is() {
    let desk = Desk::new().await;
    desk.app("app").await;
    let told = desk.signed_in("app", "openid profile email groups");
    let now = desk.office.fixture.app.admin.now().as_second();
    let id = claims(told.id_token.as_ref().unwrap());
    assert_eq!(part(told.id_token.as_ref().unwrap(), 0)["typ"], "JWT");
    let user: Value = desk.office.served.client.get("/v1/users/ann").await.unwrap();
    let at_hash = {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&Sha256::digest(&told.access_token)[..16])
    };
    for (claim, value) in [
        ("iss", json!(ISSUER)),
        ("aud", json!("app")),
        ("sub", user["id"].clone()),
        ("nonce", json!("n-1")),
        ("exp", json!(now + 300)),
        ("amr", json!(["pwd"])),
        ("acr", json!("pwd")),
        ("at_hash", json!(at_hash)),
        ("name", json!("Ann Lee")),
        ("preferred_username", json!("ann")),
        ("email", json!("ann@example.test")),
        ("groups", json!(["Staff"])),
        ("login", json!("ann")),
    ] {
        assert_eq!(id[claim], value, "{claim} in {id}");
    }
    let access = claims(&told.access_token);
    assert_eq!((&access["sub"], &access["client_id"], &access["aud"]), (&id["sub"], &json!("app"), &json!(ISSUER)));
    let shown = desk.userinfo(&told.access_token).await;
    assert_eq!((shown.status, &shown.json()["groups"], &shown.json()["sub"]), (200, &json!(["Staff"]), &id["sub"]));
    // An ID token opens nothing.
    refuses(&desk.userinfo(told.id_token.as_ref().unwrap()).await, 401, "invalid_token");
    let all = desk.records().join("\n");
    assert!(all.contains("IssueCode") && all.contains("IssueToken"));
    for secret in [&told.access_token, told.refresh_token.as_ref().unwrap()] {
        assert!(!all.contains(secret.rsplit('.').next().unwrap()));
    }
    // Less was asked for, and less is told.
    let little = desk.signed_in("app", "openid");
    let told = desk.userinfo(&little.access_token).await.json();
    assert_eq!((told.get("email"), told.get("groups"), &told["login"]), (None, None, &json!("ann")));
    let none = desk.signed_in("app", "email");
    assert!(none.id_token.is_none());
    assert_eq!(desk.userinfo(&none.access_token).await.status, 403, "it is of no sign-in");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_bound_to_client_address_and_challenge_and_ends_after_a_minute() {
    let desk = Desk::new().await;
    desk.app("app").await;
    desk.app("other").await;
    let code = desk.code("app", "openid");
    let ask = |change: &[(&'static str, &str)]| {
        let usual = [
            ("grant_type", "authorization_code"),
            ("client_id", "app"),
            ("code", code.as_str()),
            ("redirect_uri", BACK),
            ("code_verifier", VERIFIER),
        ];
        let kept = usual.iter().filter(|(name, _)| !change.iter().any(|(own, _)| own == name));
        desk.ask(&kept.chain(change).copied().collect::<Vec<_>>())
    };
    let long = "a".repeat(129);
    for change in [
        [("client_id", "other")],
        [("redirect_uri", "https://app.example/cb/")],
        [("code_verifier", "")],
        [("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK")],
        [("code_verifier", challenge(VERIFIER).leak())],
        [("code_verifier", long.as_str())],
        [("code", "nothing")],
    ] {
        assert!(is_grant(&ask(&change)), "{change:?}");
    }
    assert!(matches!(ask(&[("redirect_uri", "")]), Err(error) if error.code == Code::InvalidRequest));
    desk.office.pass(59);
    assert!(ask(&[]).is_ok(), "what was tried and failed took nothing away");
    let late = desk.code("app", "openid");
    desk.office.pass(60);
    assert!(is_grant(&desk.redeem("app", &late)));

    let now = desk.office.fixture.app.admin.now();
    let issue = |change: &dyn Fn(&mut NewCode)| {
        let mut new = NewCode {
            consent: desk.consent("app", "openid"),
            redirect_uri: BACK.to_owned(),
            challenge: challenge(VERIFIER),
            jkt: None,
            pushed: None,
        };
        change(&mut new);
        desk.sso().issue_code(new, &Actor::task("test"), now).map(drop)
    };
    assert!(issue(&|_| {}).is_ok());
    assert!(issue(&|new| new.redirect_uri.push('/')).is_err());
    assert!(issue(&|new| new.challenge = VERIFIER.to_owned()).is_ok(), "any 32 bytes may be a digest");
    assert!(issue(&|new| new.challenge = "plain".to_owned()).is_err());
    assert!(issue(&|new| new.challenge.clear()).is_err());
    assert!(issue(&|new| new.consent.scopes.push("admin".parse().unwrap())).is_err());
    assert!(issue(&|new| new.consent.client = "nobody".parse().unwrap()).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_comes_twice_ends_what_the_first_got() {
    let desk = Desk::new().await;
    desk.app("app").await;
    let code = desk.code("app", "openid");
    let told = desk.redeem("app", &code).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(desk.userinfo(&told.access_token).await.status, 200);
    assert!(is_grant(&desk.redeem("app", &code)));
    refuses(&desk.userinfo(&told.access_token).await, 401, "invalid_token");
    assert!(is_grant(&desk.refresh("app", told.refresh_token.as_ref().unwrap())));
    assert!(desk.records().iter().any(|record| record.contains("EndTokens") && record.contains("code_used_twice")));
}

/// A relying party that is not ours takes what we sign, by the published keys alone, and nothing that was meant for another.
#[tokio::test(flavor = "multi_thread")]
async fn another_library_verifies_id_tokens() {
    let desk = Desk::new().await;
    desk.app("app").await;
    let app = &desk.office.fixture.app;
    app.admin.keys.turn_signing_keys(&app.store, Algorithm::Rs256, app.admin.now()).unwrap();
    let rs256 = json!({ "auth": "none", "redirect_uris": [BACK], "id_token_alg": "RS256" });
    desk.client("rs256", rs256).await;
    let token: CoreIdToken = desk.signed_in("app", "openid email").id_token.unwrap().parse().unwrap();
    let jwks = crate::role_tokens::jwks(&desk.office).await;
    let seconds = u64::try_from(desk.office.fixture.app.admin.now().as_second()).unwrap();
    let now = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    let verifier = |client: &str, issuer: &str| {
        let keys: CoreJsonWebKeySet = serde_json::from_value(jwks.clone()).unwrap();
        let issuer = IssuerUrl::new(issuer.to_owned()).unwrap();
        let verifier = CoreIdTokenVerifier::new_public_client(ClientId::new(client.to_owned()), issuer, keys);
        // Which takes RS256 alone, unless it is told to.
        let verifier = match client {
            "rs256" => verifier,
            _ => verifier.set_allowed_algs([CoreJwsSigningAlgorithm::EcdsaP256Sha256]),
        };
        verifier.set_time_fn(move || now.into())
    };
    let nonce = |text: &str| Nonce::new(text.to_owned());
    let own = verifier("app", ISSUER);
    let claims = token.claims(&own, &nonce("n-1")).unwrap();
    assert_eq!(claims.email().unwrap().as_str(), "ann@example.test");
    assert!(token.claims(&own, &nonce("n-2")).is_err());
    assert!(token.claims(&verifier("other", ISSUER), &nonce("n-1")).is_err());
    assert!(token.claims(&verifier("app", "https://evil.example"), &nonce("n-1")).is_err());
    let token: CoreIdToken = desk.signed_in("rs256", "openid").id_token.unwrap().parse().unwrap();
    assert!(token.claims(&verifier("rs256", ISSUER), &nonce("n-1")).is_ok());
}

/// `what` by 64 at the same moment.
fn at_once<T: Send>(what: impl Fn() -> T + Sync) -> Vec<T> {
    let barrier = Arc::new(Barrier::new(64));
    std::thread::scope(|scope| {
        let run = || {
            barrier.wait();
            what()
        };
        let threads: Vec<_> = (0..64).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_who_redeem_one_code_one_gets_tokens() {
    let desk = Desk::new().await;
    desk.app("app").await;
    for _ in 0..10 {
        let code = desk.code("app", "openid");
        let told = at_once(|| desk.redeem("app", &code));
        assert_eq!(told.iter().filter(|told| told.is_ok()).count(), 1);
        assert!(told.iter().all(|told| told.is_ok() || is_grant(told)));
        // It was in two hands, so nothing of it counts.
        let token = told.into_iter().find_map(Result::ok).unwrap().access_token;
        assert_eq!(desk.userinfo(&token).await.status, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_who_refresh_at_once_all_get_the_same_successor() {
    let desk = Desk::new().await;
    desk.app("app").await;
    for _ in 0..5 {
        let first = desk.signed_in("app", "openid").refresh_token.unwrap();
        let told: Vec<_> = at_once(|| desk.refresh("app", &first)).into_iter().filter_map(Result::ok).collect();
        assert!(!told.is_empty());
        let next = told[0].refresh_token.clone().unwrap();
        assert!(told.iter().all(|told| told.refresh_token.as_deref() == Some(next.as_str())), "one live token at most");
        assert!(desk.refresh("app", &next).is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_was_passed_over_ends_the_family() {
    let desk = Desk::new().await;
    desk.app("app").await;
    let next =
        |token: &str| desk.refresh("app", token).unwrap_or_else(|error| panic!("{error}")).refresh_token.unwrap();
    let first = desk.signed_in("app", "openid").refresh_token.unwrap();
    let second = next(&first);
    assert_ne!(first, second);
    // Whoever got no answer asks once more, within seconds.
    desk.office.pass(9);
    assert_eq!(next(&first), second);
    let third = desk.refresh("app", &second).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(claims(third.id_token.as_ref().unwrap()).get("nonce"), None);
    // In the same second: what counts is the number, not the time.
    assert!(is_grant(&desk.refresh("app", &first)));
    assert!(is_grant(&desk.refresh("app", third.refresh_token.as_ref().unwrap())));
    assert_eq!(desk.userinfo(&third.access_token).await.status, 401);
    assert!(desk.records().iter().any(|record| record.contains("refresh_token_reused")));

    let first = desk.signed_in("app", "openid").refresh_token.unwrap();
    let second = next(&first);
    desk.office.pass(10);
    assert!(is_grant(&desk.refresh("app", &first)), "too late to be a retry");
    assert!(is_grant(&desk.refresh("app", &second)));

    // What nobody was given ends nothing: neither a guess, nor what an API can make of a token that it saw.
    let first = desk.signed_in("app", "openid").refresh_token.unwrap();
    let second = next(&first);
    let family = second.split('.').next().unwrap();
    let guess = "A".repeat(43);
    for bad in [
        format!("{family}.1.{guess}.{guess}"),
        format!("{family}.0.{guess}.{guess}"),
        format!("{family}.2.x"),
        format!("{second}x"),
    ] {
        assert!(is_grant(&desk.refresh("app", &bad)), "{bad}");
    }
    assert!(desk.refresh("nobody-else", &second).is_err());
    next(&second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_brings_no_token_back() {
    let desk = Desk::new().await;
    desk.app("app").await;
    let code = desk.code("app", "openid");
    let first = desk.redeem("app", &code).unwrap_or_else(|error| panic!("{error}")).refresh_token.unwrap();
    let second = desk.refresh("app", &first).unwrap_or_else(|error| panic!("{error}")).refresh_token.unwrap();
    let third = desk.refresh("app", &second).unwrap_or_else(|error| panic!("{error}")).refresh_token.unwrap();
    let desk = desk.restarted().await;
    assert!(is_grant(&desk.refresh("app", &first)));
    assert!(is_grant(&desk.refresh("app", &third)), "the family is over");
    let desk = desk.restarted().await;
    assert!(is_grant(&desk.refresh("app", &third)));
    assert!(is_grant(&desk.redeem("app", &code)));
}

#[tokio::test(flavor = "multi_thread")]
async fn refreshing_looks_at_the_person_again() {
    let desk = Desk::new().await;
    desk.app("app").await;
    let office = &desk.office;
    office.post("/v1/groups", json!({ "name": "Ops" })).await;
    let mut token = desk.signed_in("app", "openid groups offline_access").refresh_token.unwrap();
    let online = desk.signed_in("app", "openid groups").refresh_token.unwrap();
    office.put("/v1/groups/Ops/members/ann", json!({})).await;
    let told = desk.refresh("app", &token).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(claims(told.id_token.as_ref().unwrap())["groups"], json!(["Ops", "Staff"]));
    assert_eq!(desk.userinfo(&told.access_token).await.json()["groups"], json!(["Ops", "Staff"]));
    token = told.refresh_token.unwrap();
    // Whoever signed out goes on where that was agreed to, and nowhere else.
    let sid = desk.session.to_string();
    office.post(&format!("/v1/sessions/{sid}/end"), json!({ "reason": "signed out" })).await;
    assert!(is_grant(&desk.refresh("app", &online)));
    let told = desk.refresh("app", &token).unwrap_or_else(|error| panic!("{error}"));
    token = told.refresh_token.unwrap();
    // Out of every group that the client may sign in: no token, neither a new one nor an old one.
    let () = office.served.client.delete("/v1/groups/Staff/members/ann").await.unwrap();
    assert!(is_grant(&desk.refresh("app", &token)));
    assert_eq!(desk.userinfo(&told.access_token).await.status, 401);
    assert!(desk.records().iter().any(|record| record.contains("in no group that the client may sign in")));
    office.put("/v1/groups/Staff/members/ann", json!({})).await;
    token = desk.refresh("app", &token).unwrap_or_else(|error| panic!("{error}")).refresh_token.unwrap();
    let expires = office.fixture.app.admin.now().to_string();
    office.post("/v1/users/ann", json!({ "expires": expires })).await;
    assert!(is_grant(&desk.refresh("app", &token)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_shows_who_it_is_keeps_its_refresh_token() {
    let desk = Desk::new().await;
    let secret = desk
        .client(
            "server",
            json!({ "redirect_uris": [BACK], "subjects": "pairwise", "lifetimes": { "refresh_idle": 3_600 } }),
        )
        .await;
    desk.app("app").await;
    let who = basic("server", &secret);
    let code = desk.code("server", "openid email offline_access");
    let form =
        [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", BACK), ("code_verifier", VERIFIER)];
    let told = desk.token(Some(&who), &form).await;
    assert_eq!(told.status, 200, "{}", told.text);
    let told = told.json();
    let token = told["refresh_token"].as_str().unwrap().to_owned();
    let public = claims(desk.signed_in("app", "openid").id_token.as_ref().unwrap())["sub"].clone();
    let own = claims(told["id_token"].as_str().unwrap())["sub"].clone();
    assert_ne!(own, public);
    let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    for _ in 0..3 {
        desk.office.pass(3_000);
        let told = desk.token(Some(&who), &form).await.json();
        assert_eq!(
            (told.get("refresh_token"), &claims(told["id_token"].as_str().unwrap())["sub"]),
            (None, &own),
            "{told}"
        );
    }
    let narrow = [form[0], form[1], ("scope", "openid")];
    let told = desk.token(Some(&who), &narrow).await.json();
    assert_eq!(
        (told["scope"].as_str(), claims(told["id_token"].as_str().unwrap()).get("email")),
        (Some("openid"), None)
    );
    refuses(&desk.token(Some(&who), &[form[0], form[1], ("scope", "openid groups")]).await, 400, "invalid_scope");
    let shown = desk.form("/oauth2/introspect", Some(&who), &[("token", &token)]).await.json();
    assert_eq!((&shown["active"], &shown["sub"]), (&json!(true), &own), "{shown}");
    desk.office.pass(3_600);
    refuses(&desk.token(Some(&who), &form).await, 400, "invalid_grant");

    // Given back, all of the family ends.
    let told = desk.signed_in("app", "openid");
    let token = told.refresh_token.as_ref().unwrap();
    assert_eq!(desk.form("/oauth2/revoke", Some(&who), &[("token", token)]).await.status, 200);
    assert_eq!(desk.userinfo(&told.access_token).await.status, 200, "another client ends nothing");
    assert_eq!(desk.form("/oauth2/revoke", None, &[("client_id", "app"), ("token", token)]).await.status, 200);
    assert_eq!(desk.userinfo(&told.access_token).await.status, 401);
}
