//! Requests that are pushed: named by a browser, and good for one code.

use std::sync::{Arc, Barrier};

use bailey::authn::signed::RequestSource;
use bailey::base::Secret;
use bailey::sso::authorize::Onward;
use bailey::sso::{Form, sign_in};
use serde_json::json;

use crate::portal::{Browser, Page};
use crate::sso_authorize::{asking, desk, told};
use crate::sso_desk::{BACK, Desk, VERIFIER, basic, challenge, encoded, refuses};
use crate::sts_unsigned::PASSWORD;

/// What `wiki` pushes, with these parameters in the place of the usual ones; an empty one is left out.
fn request(changed: &[(&str, &str)]) -> Vec<(String, String)> {
    let challenge = challenge(VERIFIER);
    let usual = [
        ("client_id", "wiki"),
        ("redirect_uri", BACK),
        ("response_type", "code"),
        ("scope", "openid profile"),
        ("state", "s/1"),
        ("nonce", "n-1"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let kept = usual.into_iter().filter(|(name, _)| !changed.iter().any(|(other, _)| other == name));
    let all = kept.chain(changed.iter().copied()).filter(|(_, value)| !value.is_empty());
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

async fn push(desk: &Desk, changed: &[(&str, &str)]) -> crate::role_tokens::Answer {
    let form = request(changed);
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    desk.form("/oauth2/par", None, &form).await
}

/// The name of a request that was pushed.
async fn pushed(desk: &Desk, changed: &[(&str, &str)]) -> String {
    let answer = push(desk, changed).await;
    assert_eq!((answer.status, &answer.json()["expires_in"]), (201, &json!(300)), "{}", answer.text);
    answer.json()["request_uri"].as_str().unwrap().to_owned()
}

/// The address that a browser is sent to, and nothing else in it.
fn by_name(client: &str, uri: &str) -> String {
    format!("/oauth2/authorize?{}", encoded(&[("client_id", client), ("request_uri", uri)]))
}

async fn redeems(desk: &Desk, page: &Page) -> bool {
    let code = told(page, "code");
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "wiki"),
        ("code", code.as_str()),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
    ];
    desk.token(None, &form).await.status == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_request_waits_for_somebody_to_sign_in_and_counts_once() {
    let desk = desk().await;
    let uri = pushed(&desk, &[]).await;
    assert!(uri.starts_with("urn:ietf:params:oauth:request_uri:") && uri.len() == 34 + 43, "{uri}");
    let mut browser = Browser::new(&desk.office);
    let address = by_name("wiki", &uri);
    // Loaded as often as one likes, before and after.
    for _ in 0..2 {
        assert!(browser.get(&address).await.location.unwrap().starts_with("/login?next=%2Foauth2%2Fauthorize%3F"));
    }
    desk.office.pass(80);
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    let back = browser.get(&address).await;
    assert_eq!(told(&back, "state"), "s/1");
    assert!(redeems(&desk, &back).await);
    let again = browser.get(&address).await;
    assert_eq!((again.status, again.location), (400, None), "it counted once");
    // What else the address says is not the client's word.
    let uri = pushed(&desk, &[]).await;
    let more =
        format!("{}&state=evil&scope=openid%20email&redirect_uri=https%3A%2F%2Fevil.example", by_name("wiki", &uri));
    assert_eq!(told(&browser.get(&more).await, "state"), "s/1");
    // Over after its time, though never used.
    let uri = pushed(&desk, &[]).await;
    desk.office.pass(300);
    assert_eq!(browser.get(&by_name("wiki", &uri)).await.status, 400);
    let store = &desk.office.fixture.app.store;
    bailey::store::sso::forget(store, desk.office.fixture.app.admin.now()).unwrap();
    let left = store.read(|snapshot| snapshot.scan(&bailey::store::KeyRange::prefix(b"6"), 9)).unwrap();
    assert!(left.is_empty(), "and forgotten then");
    crate::sso_rows::is_whole(&desk);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_our_own_names_and_only_the_clients_own() {
    let desk = desk().await;
    desk.app("other").await;
    let mut browser = Browser::new(&desk.office);
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    let uri = pushed(&desk, &[]).await;
    for (client, uri) in [
        ("other", uri.clone()),
        ("wiki", format!("{uri}x")),
        ("wiki", uri[..uri.len() - 1].to_owned()),
        ("wiki", "urn:ietf:params:oauth:request_uri:".to_owned()),
        ("wiki", uri.to_uppercase()),
        ("wiki", "https://evil.example/request".to_owned()),
        ("nobody", uri.clone()),
    ] {
        let page = browser.get(&by_name(client, &uri)).await;
        assert_eq!((page.status, page.location), (400, None), "{client} {uri}");
    }
    let with = asking(&[("request_uri", "https://evil.example/request")]);
    assert_eq!(told(&browser.get(&with).await, "error"), "request_uri_not_supported");
    assert!(redeems(&desk, &browser.get(&by_name("wiki", &uri)).await).await, "none of that took it away");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_told_when_it_is_pushed() {
    let desk = desk().await;
    for (changed, error) in [
        (&[("redirect_uri", "https://evil.example/cb")][..], "invalid_request"),
        (&[("redirect_uri", "")], "invalid_request"),
        (&[("response_type", "token")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("scope", "openid admin")], "invalid_scope"),
        (&[("request", "eyJ")], "invalid_request"),
        (&[("request_uri", "urn:ietf:params:oauth:request_uri:x")], "invalid_request"),
    ] {
        refuses(&push(&desk, changed).await, 400, error);
    }
    let long = "a".repeat(17_000);
    refuses(&push(&desk, &[("state", &long)]).await, 400, "invalid_request");
    refuses(&push(&desk, &[("client_id", "nobody")]).await, 401, "invalid_client");
    // The client shows who it is as at the token endpoint, and its secret is not kept.
    let settings = json!({ "auth": "client_secret_post", "redirect_uris": [BACK], "require_par": true });
    let secret = desk.client("server", settings).await;
    refuses(&push(&desk, &[("client_id", "server")]).await, 401, "invalid_client");
    refuses(&push(&desk, &[("client_id", "server"), ("client_secret", "wrong")]).await, 401, "invalid_client");
    pushed(&desk, &[("client_id", "server"), ("client_secret", &secret)]).await;
    let store = &desk.office.fixture.app.store;
    let rows = store.read(|snapshot| snapshot.scan(&bailey::store::KeyRange::prefix(b"6"), 9)).unwrap();
    let kept = String::from_utf8(rows[0].1.value.clone()).unwrap();
    assert!(rows.len() == 1 && !kept.contains(&secret) && kept.contains("code_challenge"), "{kept}");
    let batch = desk.client("batch", json!({ "grants": ["client_credentials"] })).await;
    let who = basic("batch", &batch);
    refuses(&desk.form("/oauth2/par", Some(&who), &[("response_type", "code")]).await, 400, "unauthorized_client");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_have_to_push() {
    let desk = desk().await;
    desk.client("wary", json!({ "auth": "none", "redirect_uris": [BACK], "require_par": true })).await;
    let mut browser = Browser::new(&desk.office);
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    let plain = browser.get(&asking(&[("client_id", "wary")])).await;
    assert_eq!((told(&plain, "error").as_str(), told(&plain, "code").as_str()), ("invalid_request", ""));
    let uri = pushed(&desk, &[("client_id", "wary")]).await;
    assert!(!told(&browser.get(&by_name("wary", &uri)).await, "code").is_empty());
    let document =
        crate::role_tokens::send(&desk.office, hyper::Request::get("/.well-known/openid-configuration"), String::new())
            .await
            .json();
    assert_eq!(document["require_pushed_authorization_requests"], json!(false));
    assert_eq!(document["pushed_authorization_request_endpoint"], json!("https://sso.example/oauth2/par"));
}

/// `prompt` and `max_age` are held to, and lead round no circle: the address is the same one behind the sign-in.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_to_sign_in_anew_does_so_once() {
    let desk = desk().await;
    let mut browser = Browser::new(&desk.office);
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    desk.office.pass(10);
    for changed in [[("prompt", "login")], [("max_age", "0")]] {
        let uri = pushed(&desk, &changed).await;
        let address = by_name("wiki", &uri);
        assert!(browser.get(&address).await.location.unwrap().starts_with("/login?next="), "{changed:?}");
        desk.office.pass(5);
        browser.sign_in("ann", PASSWORD).await.leads_to("/me");
        desk.office.pass(5);
        assert!(redeems(&desk, &browser.get(&address).await).await, "{changed:?}");
    }
}

/// Where a browser goes in which ann is signed in.
fn onward(desk: &Desk, browser: &Browser<'_>, uri: &str) -> Onward {
    let form = Form::read(encoded(&[("client_id", "wiki"), ("request_uri", uri)]).as_bytes()).unwrap();
    let (sso, now) = (desk.sso(), desk.office.fixture.app.admin.now());
    match sso.asked(&form, now) {
        Ok(request) => {
            let cookie = Secret::new(browser.cookies["__Host-bailey"].clone());
            let from = RequestSource { ip: None, secure: true, user_agent: None, request: None };
            let caller = sign_in::who(&desk.office.fixture.app.admin, &cookie, from, now).unwrap();
            sso.somebody(&request, caller, false, now)
        }
        Err(instead) => instead,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_browsers_with_one_name_one_gets_a_code_and_a_restart_gives_none() {
    let desk = desk().await;
    let mut browser = Browser::new(&desk.office);
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    for _ in 0..5 {
        let uri = pushed(&desk, &[]).await;
        let barrier = Arc::new(Barrier::new(64));
        let codes: Vec<bool> = std::thread::scope(|scope| {
            let run = || {
                barrier.wait();
                matches!(onward(&desk, &browser, &uri), Onward::Client(address) if address.contains("code="))
            };
            let threads: Vec<_> = (0..64).map(|_| scope.spawn(run)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(codes.iter().filter(|got| **got).count(), 1);
    }
    let (used, unused) = (pushed(&desk, &[]).await, pushed(&desk, &[]).await);
    assert!(redeems(&desk, &browser.get(&by_name("wiki", &used)).await).await);
    drop(browser);
    let desk = desk.restarted().await;
    let mut browser = Browser::new(&desk.office);
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    assert_eq!(browser.get(&by_name("wiki", &used)).await.status, 400);
    assert!(redeems(&desk, &browser.get(&by_name("wiki", &unused)).await).await);
}
