//! Pages that people meet on the way to something else, in a real browser and by each look: set up a second factor, answer a device, let
//! an application sign them in or out, be refused. A checker of accessibility goes over all of them.
//!
//! `BAILEY_PICTURES=FOLDER` has each of them pictured there, for who changes how they look.

use std::path::PathBuf;

use serde_json::json;

use crate::aws_clients::client::packages;
use crate::bed::chromium::{Chromium, Look};
use crate::bed::counter::Counter;
use crate::credentials::app_code;
use crate::portal_browser::{PASSWORD, faults};

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// An installation in which applications sign people in, and a device asks to be signed in.
fn company() -> Counter {
    let counter =
        Counter::open("[sso]\nissuer = \"https://localhost:@PORT@\"\nregistration = \"initial_access_token\"\n");
    let tool = json!({ "name": "Tool", "auth": "none", "redirect_uris": ["http://127.0.0.1/cb"] });
    counter.post("/v1/clients", &json!({ "id": "tool", "settings": tool }));
    let television = json!({ "name": "Television", "auth": "none", "grants": [DEVICE] });
    counter.post("/v1/clients", &json!({ "id": "tv", "settings": television }));
    counter
}

/// Somebody who signs in with a second factor alone, and has none.
fn person(counter: &Counter, name: &str) {
    counter.post("/v1/users", &json!({ "name": name }));
    counter.post(&format!("/v1/users/{name}/password"), &json!({ "password": PASSWORD, "must_change": false }));
    let without = json!({ "BoolIfExists": { "aws:MultiFactorAuthPresent": "false" } });
    let statement = json!({ "Effect": "Deny", "Action": "signin:Login", "Resource": "*", "Condition": without });
    counter.put(&format!("/v1/users/{name}/inline/factor"), &json!({ "document": { "Statement": statement } }));
}

/// The code that a device shows which asks for this scope.
fn waiting_device(counter: &Counter, scope: &str) -> String {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let told = counter.caller().sends("/oauth2/device_authorization", &form, &format!("client_id=tv&scope={scope}"));
    told["user_code"].as_str().unwrap_or_else(|| panic!("{told}")).to_owned()
}

/// The id of an application that registered itself.
fn self_registered(counter: &Counter) -> String {
    let made = counter.post("/v1/client-registration-tokens", &json!({ "uses": 1 }));
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    let asked = json!({
        "redirect_uris": ["https://notes.example/cb"], "client_name": "Notes for everybody",
        "post_logout_redirect_uris": ["https://notes.example/out"], "scope": "openid profile email groups",
        "token_endpoint_auth_method": "none",
    });
    let told = counter.caller().sends("/oauth2/register", &headers, &asked.to_string());
    told["client_id"].as_str().unwrap_or_else(|| panic!("{told}")).to_owned()
}

fn asks_to_sign_in(url: &str, client: &str, back: &str, scope: &str) -> String {
    let query = [
        ("client_id", client),
        ("redirect_uri", back),
        ("response_type", "code"),
        ("scope", scope),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ];
    format!(
        "{url}/oauth2/authorize?{}",
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish()
    )
}

/// Somebody who looks at pages, and notes what keeps people out.
struct Eye {
    browser: Chromium,
    look: Look,
    axe: String,
    found: Vec<String>,
    pictures: Option<PathBuf>,
}

impl Eye {
    fn of(look: Look) -> Self {
        Self {
            browser: Chromium::open(look),
            look,
            axe: std::fs::read_to_string(packages().join("axe-core/axe.min.js")).unwrap(),
            found: Vec::new(),
            pictures: std::env::var_os("BAILEY_PICTURES").map(PathBuf::from),
        }
    }

    /// Looks at the page with this heading, once it is there.
    fn at(&mut self, heading: &str, name: &str) {
        let Self { browser, look, .. } = self;
        browser.until("h1", heading);
        // A page is read by scrolling one way.
        let wide = "return document.documentElement.scrollWidth <= window.innerWidth";
        assert_eq!(browser.script(wide, json!([])), json!(true), "{look:?} {name} is wider than its window");
        if let Some(folder) = &self.pictures {
            browser.pictures(&format!("{}/{name}-{look:?}.png", folder.display()));
        }
        self.found.extend(faults(browser, &self.axe, &format!("{look:?} {name}")));
    }

    fn signs_in(&self, url: &str, name: &str) {
        self.browser.go(url);
        self.browser.until("h1", "Sign in");
        self.browser.types("#login", name);
        self.browser.types("#password", PASSWORD);
        self.browser.clicks(".alone form:not(.bare) button[type=submit]");
    }
}

fn now() -> bailey::base::Timestamp {
    bailey::base::Clock::now(&bailey::base::clock::SystemClock)
}

/// Sets up a device on the way in; the first of the recovery codes.
fn sets_up(eye: &mut Eye, url: &str, name: &str) -> String {
    eye.signs_in(&format!("{url}/me"), name);
    eye.at("Set up a second factor", "enrol");
    eye.browser.clicks("summary");
    eye.at("Set up a second factor", "enrol-key");
    let seed = eye.browser.reads("details code");
    eye.browser.types("#first", "000000");
    eye.browser.types("#second", "000000");
    eye.browser.clicks(".codes button[type=submit]");
    eye.browser.until("[role=alert]", "not two codes of it");
    // Of one moment, for the half of a minute may end between two.
    let at = now();
    eye.browser.types("#first", &app_code(&seed, at - jiff::SignedDuration::from_secs(30)));
    eye.browser.types("#second", &app_code(&seed, at));
    eye.browser.clicks(".codes button[type=submit]");
    eye.at("Your recovery codes", "first-codes");
    eye.browser.reads("#codes").lines().next().unwrap().to_owned()
}

fn signs_out(eye: &Eye, url: &str) {
    eye.browser.go(&format!("{url}/logout"));
    eye.browser.clicks("form button");
    eye.browser.until("[role=alert]", "You are signed out");
}

/// Signs out, and in again by a recovery code.
fn comes_back_by(eye: &mut Eye, url: &str, name: &str, recovery: &str) {
    signs_out(eye, url);
    eye.signs_in(&format!("{url}/me"), name);
    eye.browser.until("h1", "Your second factor");
    eye.browser.clicks("details.other summary");
    eye.at("Your second factor", "factor");
    eye.browser.types("#recovery", recovery);
    eye.browser.clicks("details.other button");
    eye.at("Signed in with a recovery code", "recovered");
}

fn answers_devices(eye: &mut Eye, counter: &Counter) {
    let url = counter.url();
    let types = |eye: &Eye, code: &str| {
        eye.browser.go(&format!("{url}/device"));
        eye.browser.types("#user_code", code);
        eye.browser.clicks("button[type=submit]");
    };
    eye.browser.go(&format!("{url}/device"));
    eye.at("Sign in a device", "device");
    types(eye, "WDJB-MJHT");
    eye.browser.until("[role=alert]", "No device waits for this code");
    eye.at("Sign in a device", "device-wrong");
    for (answer, heading, scope) in
        [("agree", "The device is signed in", "openid+profile+email"), ("refuse", "Refused", "openid")]
    {
        types(eye, &waiting_device(counter, scope));
        eye.at("Sign in Television?", "device-asks");
        let told = eye.browser.reads(".facts");
        assert!(told.contains("who you are") && !told.contains("openid"), "{told}");
        eye.browser.clicks(&format!("button[value={answer}]"));
        eye.at(heading, answer);
    }
}

#[test]
fn pages_on_the_way_keep_nobody_out() {
    let counter = company();
    let url = counter.url();
    let notes = self_registered(&counter);
    let mut found = Vec::new();
    for (look, name) in [(Look::Light, "ann"), (Look::Dark, "bob"), (Look::Phone, "cid")] {
        person(&counter, name);
        let mut eye = Eye::of(look);
        let recovery = sets_up(&mut eye, &url, name);
        comes_back_by(&mut eye, &url, name, &recovery);
        answers_devices(&mut eye, &counter);
        for (path, heading, picture) in [
            ("/login/step-up?next=/me", "Your second factor", "step-up"),
            ("/oauth2/logout?client_id=tool", "Sign out?", "sign-out-of"),
            ("/oauth2/logout?client_id=nobody", "The application asks", "sign-out-wrong"),
            ("/logout", "Sign out?", "sign-out"),
        ] {
            eye.browser.go(&format!("{url}{path}"));
            eye.at(heading, picture);
        }
        eye.browser.go(&asks_to_sign_in(&url, "tool", "http://127.0.0.1:4711/cb", "openid"));
        eye.at("Sign in to Tool?", "agree-tool");
        eye.browser.go(&asks_to_sign_in(&url, &notes, "https://notes.example/cb", "openid profile email groups"));
        eye.at("Sign in to Notes for everybody?", "agree-notes");
        eye.browser.go(&format!("{url}/me/security"));
        eye.browser.clicks(".factors summary");
        eye.at("Groups and security", "security");
        eye.browser.clicks("form[action='/me/security/device/remove'] button");
        eye.browser.until("[role=status]", "your recovery codes count no more");
        eye.at("Groups and security", "security-removed");
        eye.browser.go(&format!("{url}/me/security/device"));
        eye.at("A second factor of yours", "device-setup");

        signs_out(&eye, &url);
        let statement = json!({ "Effect": "Deny", "Action": "signin:EnrolSecondFactor", "Resource": "*" });
        counter.put(&format!("/v1/users/{name}/inline/no"), &json!({ "document": { "Statement": statement } }));
        eye.signs_in(&format!("{url}/me"), name);
        eye.browser.until("[role=alert]", "From here you may set none up");
        eye.at("Sign in", "refused");
        found.append(&mut eye.found);
    }
    assert_eq!(found, Vec::<String>::new());
}
