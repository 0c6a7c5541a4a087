//! Real applications and a real browser: openid-client (npm) and Authlib (PyPI) send Chromium to sign somebody in, and learn who it is.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::aws_clients::client::packages;
use crate::bed::chromium::{Chromium, Look};
use crate::bed::counter::Counter;
use crate::bed::free_port;
use crate::bed::wait_until;
use crate::portal_browser::sign_in_at;

/// An installation with ann in it, who is of the staff.
fn counter(settings: &str) -> Counter {
    let counter = Counter::open(&format!("[sso]\nissuer = \"https://localhost:@PORT@\"\n{settings}"));
    counter.post("/v1/users", &json!({ "name": "ann" }));
    counter.post("/v1/users/ann", &json!({ "mail": "ann@example.test", "display_name": "Ann Lee" }));
    counter
        .post("/v1/users/ann/password", &json!({ "password": crate::portal_browser::PASSWORD, "must_change": false }));
    counter.post("/v1/groups", &json!({ "name": "Staff" }));
    counter.put("/v1/groups/Staff/members/ann", &json!({}));
    counter
}

/// An installation with ann in it, and an application `wiki` for her group; and where that listens.
fn company() -> (Counter, u16, String) {
    let counter = counter("");
    let port = free_port();
    let back = format!("http://127.0.0.1:{port}/cb");
    let settings = json!({ "redirect_uris": [back], "allowed_groups": ["staff"] });
    let made = counter.post("/v1/clients", &json!({ "id": "wiki", "settings": settings }));
    let secret = made["secret"].as_str().unwrap().to_owned();
    (counter, port, secret)
}

/// Runs an application, signs ann in where it sends a browser, and answers what it learnt.
fn learnt_by(mut application: Command, counter: &Counter, port: u16, secret: &str) -> Value {
    let mut application = application
        .envs([("ISSUER", counter.url()), ("PORT", port.to_string())])
        .envs([("CLIENT_ID", "wiki"), ("CLIENT_SECRET", secret)])
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
    // The application, which is gone, has no icon; no policy of a page of ours stopped anything.
    let complaints = browser.complaints();
    assert!(complaints.iter().all(|line| line.contains("favicon.ico")), "{complaints:?}");
    let claims = &learnt["claims"];
    assert_eq!((&claims["name"], &claims["groups"]), (&json!("Ann Lee"), &json!(["Staff"])), "{learnt}");
    assert_eq!((&claims["aud"], &claims["acr"]), (&json!("wiki"), &json!("pwd")));
    let told = &learnt["userinfo"];
    assert_eq!((&told["sub"], &told["email"]), (&claims["sub"], &json!("ann@example.test")));
    for truth in ["active", "refreshed", "revoked"] {
        assert_eq!(learnt[truth], true, "{truth}: {learnt}");
    }
    learnt
}

#[test]
fn openid_client_sends_a_browser_and_learns_who_signed_in() {
    let (counter, port, secret) = company();
    let mut application = Command::new("node");
    application
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/bed/js/relying_party.js"))
        .env("NODE_PATH", packages())
        .env("NODE_EXTRA_CA_CERTS", counter.authority_file());
    learnt_by(application, &counter, port, &secret);
}

#[test]
fn authlib_sends_a_browser_and_learns_who_signed_in_and_shows_itself_by_a_key() {
    let (counter, port, secret) = company();
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/bed/authlib_client.py");
    let key = counter.bailey.path("robot.pem");
    // Debian's own Python, for which the package is.
    let made = Command::new("/usr/bin/python3").args([program, "key"]).arg(&key).output().unwrap();
    let jwks: Value = serde_json::from_slice(&made.stdout).unwrap_or_else(|error| panic!("{error}: {made:?}"));
    let robot = json!({ "auth": "private_key_jwt", "jwks": jwks, "grants": ["client_credentials"] });
    counter.post("/v1/clients", &json!({ "id": "robot", "settings": robot }));
    let mut application = Command::new("/usr/bin/python3");
    application.arg(program).env("KEY_FILE", key).env("REQUESTS_CA_BUNDLE", counter.authority_file());
    assert_eq!(learnt_by(application, &counter, port, &secret)["itself"], "Bearer");
}

/// It is given nothing but a token, and what it is given is worth nothing to anybody else.
#[test]
fn an_application_registers_itself_pushes_and_binds_its_tokens() {
    let counter = counter("registration = \"initial_access_token\"\nregistration_groups = [\"Staff\"]\n");
    let made = counter.post("/v1/client-registration-tokens", &json!({}));
    let mut application = Command::new("node")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/bed/js/wary_application.js"))
        .env("NODE_PATH", packages())
        .env("NODE_EXTRA_CA_CERTS", counter.authority_file())
        .envs([("ISSUER", counter.url()), ("PORT", free_port().to_string())])
        .env("REGISTRATION_TOKEN", made["token"].as_str().unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(application.stdout.take().unwrap()).lines();
    let mut line = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let sent = line();
    let browser = Chromium::open(Look::Light);
    sign_in_at(&browser, sent["url"].as_str().unwrap_or_else(|| panic!("{sent}")));
    browser.until("main", "This application registered itself");
    browser.clicks("button[value=agree]");
    browser.until("h1", "Back at the application");
    let learnt = line();
    assert!(application.wait().unwrap().success());
    let (claims, userinfo) = (&learnt["claims"], &learnt["userinfo"]);
    assert_eq!((&claims["name"], &claims["email"]), (&json!("Ann Lee"), &json!("ann@example.test")), "{learnt}");
    assert_eq!((claims.get("groups"), &userinfo["groups"]), (None, &json!(["Staff"])), "{learnt}");
    assert_eq!((&learnt["type"], &learnt["refreshed"]), (&json!("DPoP"), &json!(true)), "{learnt}");
    assert_eq!((&learnt["bearer"], &learnt["stolen"]), (&json!("invalid_token"), &json!("invalid_grant")), "{learnt}");
}

#[test]
fn a_device_is_signed_in_by_a_browser_and_hears_when_the_browser_signs_out() {
    let section = "[sso]\nissuer = \"https://localhost:@PORT@\"\nclient_networks = [\"127.0.0.0/8\"]\n";
    let counter = Counter::open(section);
    counter.post("/v1/users", &json!({ "name": "ann" }));
    counter
        .post("/v1/users/ann/password", &json!({ "password": crate::portal_browser::PASSWORD, "must_change": false }));
    let port = free_port();
    let settings = json!({
        "name": "Printer",
        "grants": ["urn:ietf:params:oauth:grant-type:device_code"],
        "post_logout_redirect_uris": [format!("http://127.0.0.1:{port}/out")],
        "backchannel_logout_uri": format!("http://127.0.0.1:{port}/told"),
    });
    let made = counter.post("/v1/clients", &json!({ "id": "printer", "settings": settings }));
    let mut application = Command::new("node")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/bed/js/device_and_logout.js"))
        .env("NODE_PATH", packages())
        .env("NODE_EXTRA_CA_CERTS", counter.authority_file())
        .envs([("ISSUER", counter.url()), ("PORT", port.to_string())])
        .envs([("CLIENT_ID", "printer"), ("CLIENT_SECRET", made["secret"].as_str().unwrap())])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(application.stdout.take().unwrap()).lines();
    let mut line = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let shown = line();
    let browser = Chromium::open(Look::NoScript);
    sign_in_at(&browser, shown["verification_uri"].as_str().unwrap_or_else(|| panic!("{shown}")));
    browser.until("h1", "Sign in a device");
    browser.types("#user_code", shown["user_code"].as_str().unwrap());
    browser.clicks("button[type=submit]");
    browser.until("h1", "Sign in Printer?");
    browser.clicks("button[value=agree]");
    browser.until("h1", "The device is signed in");
    let learnt = line();
    assert_eq!(learnt["claims"]["preferred_username"], "ann", "{learnt}");
    browser.go(learnt["out"].as_str().unwrap());
    browser.until("h1", "Sign out?");
    assert!(browser.reads("main").contains("Printer asks to sign you out"));
    browser.clicks("button[type=submit]");
    browser.until("h1", "Signed out");
    assert_eq!(browser.reads("p"), "s-1");
    let told = line();
    assert_eq!((&told["told"]["sid"], &told["told"]["sub"]), (&learnt["claims"]["sid"], &learnt["claims"]["sub"]));
    assert!(application.wait().unwrap().success());
    // It is written down behind the answer.
    wait_until("a record of it", || counter.get("/v1/client-logouts")[0]["state"] == "told");
    let listed = counter.get("/v1/client-logouts");
    assert_eq!((&listed[0]["state"], &listed[0]["user"]), (&json!("told"), &json!("ann")), "{listed}");
}
