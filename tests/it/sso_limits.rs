//! How often clients may ask for tokens, and be wrong about who they are: by the usual limits.

use serde_json::json;

use crate::role_tokens::send;
use crate::sso_desk::{Desk, basic, refuses};

const ASK: [(&str, &str); 1] = [("grant_type", "client_credentials")];

/// Two clients with secrets.
async fn desk() -> (Desk, String, String) {
    let desk = Desk::new().await;
    let settings = json!({ "grants": ["client_credentials"] });
    let one = basic("one", &desk.client("one", settings.clone()).await);
    let other = basic("other", &desk.client("other", settings).await);
    (desk, one, other)
}

/// How many of `times` requests got a token.
async fn got(desk: &Desk, who: &str, times: usize) -> usize {
    let mut got = 0;
    for _ in 0..times {
        got += usize::from(desk.token(Some(who), &ASK).await.status == 200);
    }
    got
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_too_often_waits_and_no_other_does() {
    let (desk, one, other) = desk().await;
    assert_eq!(got(&desk, &one, 55).await, 50);
    let told = desk.token(Some(&one), &ASK).await;
    refuses(&told, 429, "slow_down");
    assert_eq!(told.headers["retry-after"], "1");
    assert_eq!(got(&desk, &other, 1).await, 1);
    desk.office.pass(1);
    assert_eq!(got(&desk, &one, 15).await, 10);
    // By its name alone nobody spends what is a client's.
    desk.office.pass(60);
    for _ in 0..20 {
        refuses(&desk.token(Some(&basic("one", "wrong")), &ASK).await, 401, "invalid_client");
    }
    assert_eq!(got(&desk, &one, 55).await, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_show_who_they_are_waits_whatever_they_try() {
    let (desk, one, _) = desk().await;
    for n in 0..30 {
        // Each of another client: it is counted by where they come from.
        refuses(&desk.token(Some(&basic(&format!("c{n}"), "wrong")), &ASK).await, 401, "invalid_client");
    }
    refuses(&desk.token(Some(&basic("one", "wrong")), &ASK).await, 429, "slow_down");
    refuses(&desk.form("/oauth2/introspect", Some(&one), &[("token", "x")]).await, 429, "slow_down");
    desk.office.pass(1);
    assert_eq!(got(&desk, &one, 5).await, 5, "who is right pays nothing");
    // Documents are read by anybody.
    let request = hyper::Request::get("/.well-known/openid-configuration");
    assert_eq!(send(&desk.office, request, String::new()).await.status, 200);
}
