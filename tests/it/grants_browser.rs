//! A role for a while, as people meet it in a real browser: asked for with the keyboard alone, agreed to by two who show their
//! passkeys, begun, used, and taken back; and how its pages are made.

use serde_json::json;

use crate::aws_clients::client::packages;
use crate::bed::chromium::{Chromium, Look};
use crate::bed::signer::Credentials;
use crate::grants_bed::{Company, PASSWORD, arn};
use crate::portal_browser::faults;

/// Keys as WebDriver writes them (W3C WebDriver, section 17.4.2).
const TAB: &str = "\u{E004}";
const ENTER: &str = "\u{E007}";
const DOWN: &str = "\u{E015}";

/// A browser in which somebody signed in with a password.
fn signed_in(company: &Company, look: Look, name: &str) -> Chromium {
    let browser = Chromium::open(look);
    sign_in(&browser, &company.counter.url(), name);
    browser.until("h1", "Roles for a while");
    browser
}

fn sign_in(browser: &Chromium, url: &str, name: &str) {
    browser.go(&format!("{url}/me/grants"));
    browser.until("h1", "Sign in");
    browser.types("#login", name);
    browser.types("#password", PASSWORD);
    browser.clicks("button[type=submit]");
}

fn adds_a_passkey(browser: &Chromium, url: &str) -> String {
    let authenticator = browser.plugs_in(true);
    browser.go(&format!("{url}/me/security/passkey"));
    browser.until("form.codes button", "Add it");
    browser.types("#name", "Laptop");
    browser.clicks("form.codes button");
    browser.until("h1", "Your recovery codes");
    authenticator
}

/// Goes on with Tab until what has the focus says this.
fn tabs_to(browser: &Chromium, text: &str) {
    let focused = "const at = document.activeElement; return at === document.body ? '' : at.textContent;";
    for _ in 0..30 {
        if browser.script(focused, json!([])).as_str().unwrap().contains(text) {
            return;
        }
        browser.presses(TAB);
    }
    panic!("nobody reaches `{text}` by the keyboard");
}

#[test]
fn two_agree_with_their_passkeys_to_what_was_asked_by_keyboard_and_a_lead_takes_it_back() {
    let company = Company::new();
    let url = company.counter.url();
    let ann = signed_in(&company, Look::Light, "ann");
    tabs_to(&ann, "Ask for it: vault-keeper");
    ann.presses(ENTER);
    ann.until("h1", "Ask for vault-keeper");
    // The first field has the focus, which it is given with the first frame, and what comes behind it is in the order in which it is read.
    let focused = || ann.script("return document.activeElement.id;", json!([])) == "reason";
    crate::bed::wait_until("the focus", focused);
    ann.presses(&format!("the safe is stuck{TAB}OPS-7{TAB}{DOWN}{TAB}{TAB}{ENTER}"));
    ann.until("main", "0 of 2 agreed");
    let page = ann.path();
    let id = page.strip_prefix("/me/grants/").unwrap().to_owned();
    let view = company.grant(&id);
    assert_eq!((&view["reason"], &view["ticket"]), (&json!("the safe is stuck"), &json!("OPS-7")));
    assert_eq!(
        (&view["seconds"], &view["start"]),
        (&json!(7_200), &json!("first_use")),
        "an hour, and one further down"
    );

    // Bob signs in with his passkey as the second factor, and that is enough.
    let bob = signed_in(&company, Look::Light, "bob");
    adds_a_passkey(&bob, &url);
    bob.go(&format!("{url}/logout"));
    bob.clicks("form button");
    bob.until("h1", "Sign in");
    sign_in(&bob, &url, "bob");
    bob.until("h1", "Your second factor");
    bob.clicks("form[data-passkey] button");
    bob.until("h2", "Waiting for you");
    bob.clicks(&format!("a[href='{page}']"));
    bob.until("h1", "vault-keeper for Ann Weber");
    bob.types("#comment", "go on");
    bob.clicks("form[action$='/approve'] button");
    bob.until("main", "1 of 2 agreed");
    // Cam signed in before she had a passkey, and has shown it elsewhere alone: she is asked for it.
    let (cam, telephone) = (signed_in(&company, Look::Light, "cam"), signed_in(&company, Look::Phone, "cam"));
    let made = adds_a_passkey(&telephone, &url);
    telephone.shares(&made, &cam, &cam.plugs_in(true));
    drop(telephone);
    cam.go(&format!("{url}{page}"));
    cam.clicks("form[action$='/approve'] button");
    cam.until("h1", "Your second factor");
    cam.clicks("form[data-passkey] button");
    cam.until("h1", "vault-keeper for Ann Weber");
    assert_eq!(company.stage(&id), "requested", "to have shown it is not to have agreed");
    cam.clicks("form[action$='/approve'] button");
    cam.until(".head", "agreed to, Ann Weber can begin");

    ann.go(&format!("{url}/me/grants"));
    ann.clicks(&format!("a.button[href='{page}']"));
    ann.until(".head", "ready for you to begin");
    ann.clicks("form[action$='/claim'] button");
    ann.until(".head", "in use");
    ann.clicks("a.button[href='/me']");
    ann.until("h1", "My access");
    assert_eq!(ann.reads(".card h2"), "vault-keeper");
    ann.clicks(".card button");
    ann.until("#shell", "AWS_SESSION_TOKEN=");
    let shell = ann.reads("#shell");
    let text = |name: &str| {
        let line = shell.lines().find_map(|line| line.strip_prefix(&format!("export {name}=")));
        line.unwrap().to_owned()
    };
    let keys = Credentials {
        id: text("AWS_ACCESS_KEY_ID"),
        secret: text("AWS_SECRET_ACCESS_KEY"),
        token: Some(text("AWS_SESSION_TOKEN")),
    };
    let mut caller = company.counter.caller();
    assert!(caller.who_is(&keys).unwrap().text("Arn").ends_with("assumed-role/vault-keeper/ann"));

    bob.go(&format!("{url}{page}"));
    bob.types("form[action$='/revoke'] input[name=comment]", "the audit is over");
    bob.clicks("form[action$='/revoke'] button");
    bob.until(".head", "revoked");
    caller.who_is(&keys).unwrap().refuses("ExpiredToken", "counts no more");
    ann.go(&format!("{url}{page}"));
    ann.until(".head", "revoked");
    ann.until("main", "the audit is over");
    ann.until("main", "by bob");
    ann.go(&format!("{url}/me"));
    assert_eq!(ann.count(".card"), 0);
    for browser in [&ann, &bob, &cam] {
        assert_eq!(browser.complaints(), Vec::<String>::new());
    }
}

#[test]
fn nobody_is_kept_out_by_how_the_pages_of_grants_are_made() {
    let axe = std::fs::read_to_string(packages().join("axe-core/axe.min.js")).unwrap();
    let pictures = std::env::var_os("BAILEY_PICTURES");
    let company = Company::new();
    let url = company.counter.url();
    let (mut ann, mut cam) = (company.person("ann"), company.person("cam"));
    let waiting = ann.asks("vault-keeper");
    let [begun, ready] = [ann.asks("prod-admin"), ann.asks("prod-admin")];
    for id in [&begun, &ready] {
        cam.approves(id).leads_to(&format!("/me/grants/{id}"));
    }
    ann.step(&begun, "claim", &[]).leads_to(&format!("/me/grants/{begun}"));
    cam.approves(&waiting).leads_to(&format!("/me/grants/{waiting}"));
    let over = ann.asks("prod-admin");
    let why = [("comment", "Nobody needs this on a Friday evening; ask again on Monday, and name the ticket.")];
    cam.step(&over, "refuse", &why).leads_to(&format!("/me/grants/{over}"));
    let mut found = Vec::new();
    for look in [Look::Light, Look::Dark, Look::Phone] {
        let mut looks_at = |browser: &Chromium, name: &str| {
            // Looks differ in colours and widths, which are those of the sheet: three pages have all that there is.
            if look == Look::Light || ["lead-waiting", "form-again", "holder-all"].contains(&name) {
                found.extend(faults(browser, &axe, &format!("{look:?} {name}")));
            }
            let wide = "return document.documentElement.scrollWidth <= window.innerWidth";
            assert_eq!(browser.script(wide, json!([])), json!(true), "{look:?} {name} is wider than its window");
            if let Some(folder) = &pictures {
                browser.pictures(&format!("{}/{look:?}-{name}.png", folder.display()));
            }
        };
        // Bob has no second factor yet, so that a password is enough to look; he may ask, too.
        let bob = signed_in(&company, look, "bob");
        looks_at(&bob, "lead-all");
        for (name, id) in [("lead-waiting", &waiting), ("lead-begun", &begun), ("lead-over", &over)] {
            bob.go(&format!("{url}/me/grants/{id}"));
            bob.until("h1", "for Ann Weber");
            looks_at(&bob, name);
        }
        bob.go(&format!("{url}/me/grants/new?role={}", arn("vault-keeper")));
        bob.until("h1", "Ask for vault-keeper");
        looks_at(&bob, "form");
        // White space is a reason to the browser and to nobody else.
        bob.types("#reason", "  ");
        bob.clicks("form.stack button");
        bob.until("[role=alert]", "What for: it must be printable text");
        looks_at(&bob, "form-again");
        bob.types("#reason", &format!("the safe is stuck {look:?}"));
        bob.clicks("form.stack button");
        bob.until("main", "0 of 2 agreed");
        looks_at(&bob, "own-requested");
        bob.go(&format!("{url}/me/grants"));
        bob.until("h2", "Waiting for you");
        looks_at(&bob, "all-own");
        bob.keeps("__Host-bailey", ann.visitor.cookie("__Host-bailey"));
        for (name, id, says) in [
            ("holder-ready", &ready, "ready for you to begin"),
            ("holder-begun", &begun, "in use"),
            ("holder-over", &over, "refused"),
        ] {
            bob.go(&format!("{url}/me/grants/{id}"));
            bob.until(".head", says);
            looks_at(&bob, name);
        }
        bob.go(&format!("{url}/me/grants"));
        bob.until("h2", "Yours");
        looks_at(&bob, "holder-all");
    }
    assert_eq!(found, Vec::<String>::new());
}

/// The page to sign in at that names another firm's provider, a request for less than a role, and what is said of a refusal.
const LESS: &str = r#"
[sso]
issuer = "https://localhost:@PORT@"

[[grant_rule]]
roles = ["lab-*"]
requesters = ["ops"]
approvers = ["leads"]
inline = true

[[sign_in_provider]]
name = "kessel"
title = "Kessel & Lund"
issuer = "https://id.kessel.example"
client_id = "bailey"
listed = true

"#;

#[test]
fn a_request_for_less_than_a_role_and_a_refusal_are_told_in_words() {
    let axe = std::fs::read_to_string(packages().join("axe-core/axe.min.js")).unwrap();
    let pictures = std::env::var_os("BAILEY_PICTURES");
    let company = Company::over(crate::bed::daemon::Bailey::with(""), LESS);
    company.counter.post("/v1/roles", &json!({ "name": "lab-bench", "description": "What is measured in the lab" }));
    company.counter.put("/v1/roles/lab-bench/boundary/ReadOnlyAccess", &json!({}));
    let url = company.counter.url();
    let mut found = Vec::new();
    for look in [Look::Light, Look::Phone] {
        let browser = Chromium::open(look);
        let mut looks_at = |name: &str| {
            found.extend(faults(&browser, &axe, &format!("{look:?} {name}")));
            if let Some(folder) = &pictures {
                browser.pictures(&format!("{}/{look:?}-{name}.png", folder.display()));
            }
        };
        browser.go(&format!("{url}/me/grants"));
        browser.until("a[href^='/login/with/kessel?next=']", "Sign in with Kessel & Lund");
        looks_at("sign-in");
        browser.types("#login", "bob");
        browser.types("#password", PASSWORD);
        browser.clicks("button[type=submit]");
        browser.until("h1", "Roles for a while");
        browser.go(&format!("{url}/me/grants/new?role={}", arn("lab-bench")));
        browser.until("h1", "Ask for lab-bench");
        looks_at("less");
        browser.types("#reason", "read the results of run 12");
        let gives = json!({ "Statement": { "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::runs/12/*" } });
        browser.script("document.getElementById('gives').value = arguments[0]", json!([gives.to_string()]));
        browser.clicks("button[name=look]");
        browser.until("section .allows", "s3");
        browser.until("section .allows", "runs/12/*");
        looks_at("less-in-words");

        // Taken without being given it, as by a form of somebody's own.
        let take = "const form = document.querySelector('form.stack'); form.action = '/me/use'; form.submit()";
        browser.script(take, json!([]));
        browser.until("h1", "The role was not given");
        browser.clicks("a[href^='/me/refusals/']");
        browser.until("h1", "Why it was refused");
        browser.until("main", "Ask for lab-bench");
        looks_at("refusal");
    }
    assert_eq!(found, Vec::<String>::new());
}
