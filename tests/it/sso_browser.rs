//! A real application and a real browser: openid-client sends Chromium to sign somebody in, and learns who it is.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::aws_clients::client::packages;
use crate::bed::chromium::{Chromium, Look};
use crate::bed::counter::Counter;
use crate::bed::free_port;
use crate::portal_browser::sign_in_at;

#[test]
fn an_application_sends_a_browser_and_learns_who_signed_in() {
    let counter = Counter::open("[sso]\nissuer = \"https://localhost:@PORT@\"\n");
    counter.post("/v1/users", &json!({ "name": "ann" }));
    counter.post("/v1/users/ann", &json!({ "mail": "ann@example.test", "display_name": "Ann Lee" }));
    counter
        .post("/v1/users/ann/password", &json!({ "password": crate::portal_browser::PASSWORD, "must_change": false }));
    counter.post("/v1/groups", &json!({ "name": "Staff" }));
    counter.put("/v1/groups/Staff/members/ann", &json!({}));
    let port = free_port();
    let back = format!("http://127.0.0.1:{port}/cb");
    let settings = json!({ "redirect_uris": [back], "allowed_groups": ["staff"] });
    let made = counter.post("/v1/clients", &json!({ "id": "wiki", "settings": settings }));

    let mut application = Command::new("node")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/bed/js/relying_party.js"))
        .env("NODE_PATH", packages())
        .env("NODE_EXTRA_CA_CERTS", counter.authority_file())
        .envs([("ISSUER", counter.url()), ("PORT", port.to_string())])
        .envs([("CLIENT_ID", "wiki"), ("CLIENT_SECRET", made["secret"].as_str().unwrap())])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(application.stdout.take().unwrap()).lines();
    let mut line = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let sent = line();
    let browser = Chromium::open(Look::Light);
    sign_in_at(&browser, sent["url"].as_str().unwrap_or_else(|| panic!("{sent}")));
    browser.until("h1", "Back at the application");
    let learnt = line();
    assert!(application.wait().unwrap().success());
    let claims = &learnt["claims"];
    assert_eq!((&claims["name"], &claims["groups"]), (&json!("Ann Lee"), &json!(["Staff"])), "{learnt}");
    assert_eq!((&claims["aud"], &claims["acr"]), (&json!("wiki"), &json!("pwd")));
    assert_eq!(
        (&learnt["userinfo"]["sub"], &learnt["userinfo"]["email"]),
        (&claims["sub"], &json!("ann@example.test"))
    );
    for truth in ["active", "refreshed", "revoked"] {
        assert_eq!(learnt[truth], true, "{truth}: {learnt}");
    }
    // The application, which is gone, has no icon; no policy of a page of ours stopped anything.
    let complaints = browser.complaints();
    assert!(complaints.iter().all(|line| line.contains("favicon.ico")), "{complaints:?}");
}
