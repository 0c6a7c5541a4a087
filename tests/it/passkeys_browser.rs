//! Passkeys in a real browser, with an authenticator of its own: what the page's script makes of them, and how pages are made.

use serde_json::json;

use crate::aws_clients::client::packages;
use crate::bed::chromium::{Chromium, Look};
use crate::bed::counter::Counter;
use crate::portal_browser::{PASSWORD, faults, sign_in_at};

const PASSWORDLESS: &str = "[portal]\npasswordless = true\n";

/// An installation in which ann has a password.
fn company(more: &str) -> Counter {
    let counter = Counter::open(more);
    counter.post("/v1/users", &json!({ "name": "ann" }));
    counter.post("/v1/users/ann/password", &json!({ "password": PASSWORD, "must_change": false }));
    counter
}

fn sign_out(browser: &Chromium, url: &str) {
    browser.go(&format!("{url}/logout"));
    browser.clicks("form button");
    browser.until("[role=alert]", "You are signed out");
}

/// Adds a passkey; there is an authenticator.
fn adds(browser: &Chromium, url: &str, name: &str) {
    browser.go(&format!("{url}/me/security"));
    browser.clicks("a[href='/me/security/passkey']");
    browser.until("h1", "A passkey or security key of yours");
    browser.types("#name", name);
    browser.clicks("form.codes button");
}

#[test]
fn a_person_adds_a_passkey_signs_in_with_it_and_without_a_password_and_removes_it() {
    let counter = company(PASSWORDLESS);
    let (url, browser) = (counter.url(), Chromium::open(Look::Light));
    browser.plugs_in(true);
    sign_in_at(&browser, &format!("{url}/me/security"));
    browser.until("h1", "Groups and security");
    adds(&browser, &url, "Laptop");
    browser.until("h1", "Your recovery codes");
    browser.until("[role=status]", "Laptop is in use");
    assert_eq!(browser.reads("#codes").lines().count(), 10);
    // The device has one already, and says so itself.
    browser.go(&format!("{url}/me/security/passkey"));
    browser.clicks("form.codes button");
    browser.until("[data-told]", "has a passkey of yours already");

    sign_out(&browser, &url);
    sign_in_at(&browser, &format!("{url}/me/security"));
    browser.until("h1", "Your second factor");
    browser.clicks("form[data-passkey] button");
    browser.until("main", "Shown for this sign-in at");
    sign_out(&browser, &url);
    browser.go(&format!("{url}/login?next=/me/security"));
    browser.clicks("form[data-passkey] button");
    browser.until("main", "Shown for this sign-in at");
    browser.clicks(".factors summary");
    browser.clicks("form[action$='/remove'] button");
    browser.until("[role=status]", "Laptop is removed");
    browser.until("main", "You have none yet");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    // The browser has it still, and it lets nobody in.
    sign_out(&browser, &url);
    browser.clicks("form[data-passkey] button");
    browser.until("[role=alert]", "signs nobody in by itself");
    sign_in_at(&browser, &format!("{url}/me/security"));
    browser.until("h1", "Groups and security");
}

#[test]
fn a_passkey_is_set_up_on_the_way_in_and_without_scripts_codes_are() {
    let counter = company(PASSWORDLESS);
    let without = json!({ "BoolIfExists": { "aws:MultiFactorAuthPresent": "false" } });
    let statement = json!({ "Effect": "Deny", "Action": "signin:Login", "Resource": "*", "Condition": without });
    counter.put("/v1/users/ann/inline/factor", &json!({ "document": { "Statement": statement } }));
    let (url, here) = (counter.url(), "/me/security");
    let plain = Chromium::open(Look::NoScript);
    sign_in_at(&plain, &format!("{url}{here}"));
    plain.until("h1", "Set up a second factor");
    plain.until("noscript p", "A device that shows codes works without");
    assert_eq!((plain.count("form[data-passkey] button"), plain.count("#first")), (0, 1), "what works is offered");
    let browser = Chromium::open(Look::Light);
    browser.plugs_in(true);
    sign_in_at(&browser, &format!("{url}{here}"));
    browser.until("h1", "Set up a second factor");
    browser.clicks("form[data-passkey] button");
    browser.until("h1", "Your recovery codes");
    browser.until("[role=status]", "Passkey 1 is in use, and counts for this sign-in");
    browser.clicks("a.button");
    browser.until("main", "Shown for this sign-in at");
    assert_eq!((browser.path(), browser.complaints()), (here.to_owned(), Vec::new()));
    sign_out(&browser, &url);
    sign_in_at(&browser, &format!("{url}{here}"));
    browser.until("h1", "Your second factor");
    browser.clicks("form[data-passkey] button");
    browser.until("main", "Shown for this sign-in at");
    // Whoever began without a script is past the page that offered it, whatever they type there now.
    plain.types("#first", "000000");
    plain.types("#second", "000001");
    plain.clicks("form.codes button");
    plain.until("[role=alert]", "Your second factor is needed");
}

#[test]
fn a_plain_security_key_is_a_second_factor_and_nothing_more() {
    let counter = company(PASSWORDLESS);
    let (url, browser) = (counter.url(), Chromium::open(Look::Light));
    let key = browser.plugs_in(false);
    sign_in_at(&browser, &format!("{url}/me/security"));
    browser.until("h1", "Groups and security");
    adds(&browser, &url, "");
    browser.until("[role=status]", "Passkey 1 is in use");
    let codes = browser.reads("#codes");
    sign_out(&browser, &url);
    sign_in_at(&browser, &format!("{url}/me/security"));
    browser.until("h1", "Your second factor");
    browser.clicks("form[data-passkey] button");
    browser.until("main", "Shown for this sign-in at");
    // Without it there are the codes.
    sign_out(&browser, &url);
    browser.unplugs(&key);
    sign_in_at(&browser, &format!("{url}/me/security"));
    browser.until("h1", "Your second factor");
    browser.clicks("details.other summary");
    browser.types("#recovery", codes.lines().next().unwrap());
    browser.clicks("details.other button");
    browser.until("h1", "Signed in with a recovery code");
    browser.until("main", "9 are left");
    browser.clicks("a.button");
    browser.until("main", "9 left");
    let told = counter.get("/v1/users/ann/second-factors");
    assert_eq!(
        (&told[0]["kind"], &told[0]["synced"], &told[1]["name"]),
        (&json!("passkey"), &json!(false), &json!("9 left"))
    );
}

#[test]
fn nobody_is_kept_out_by_how_a_page_with_passkeys_is_made() {
    let axe = std::fs::read_to_string(packages().join("axe-core/axe.min.js")).unwrap();
    let pictures = std::env::var_os("BAILEY_PICTURES");
    let mut found = Vec::new();
    for look in [Look::Light, Look::Dark, Look::Phone] {
        let counter = company(PASSWORDLESS);
        let (url, browser) = (counter.url(), Chromium::open(look));
        browser.plugs_in(true);
        let mut looks_at = |name: &str| {
            found.extend(faults(&browser, &axe, &format!("{look:?} {name}")));
            let wide = "return document.documentElement.scrollWidth <= window.innerWidth";
            assert_eq!(browser.script(wide, json!([])), json!(true), "{look:?} {name} is wider than its window");
            if let Some(folder) = &pictures {
                browser.pictures(&format!("{}/{look:?}-{name}.png", folder.display()));
            }
        };
        browser.go(&format!("{url}/login"));
        browser.until("form[data-passkey] button", "Sign in with a passkey");
        looks_at("login");
        sign_in_at(&browser, &format!("{url}/me/security/passkey"));
        browser.until("form.codes button", "Add it");
        looks_at("passkey");
        browser.types("#name", "Laptop");
        browser.clicks("form.codes button");
        browser.until("h1", "Your recovery codes");
        looks_at("codes");
        browser.go(&format!("{url}/me/security"));
        browser.clicks(".factors summary");
        looks_at("security");
        sign_out(&browser, &url);
        sign_in_at(&browser, &format!("{url}/me/security"));
        browser.until("form[data-passkey] button", "Use a passkey");
        browser.clicks("details.other summary");
        looks_at("factor");
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn without_scripts_a_page_says_what_a_passkey_needs_and_codes_work() {
    let counter = company(PASSWORDLESS);
    let (url, browser) = (counter.url(), Chromium::open(Look::Light));
    browser.plugs_in(true);
    sign_in_at(&browser, &format!("{url}/me/security"));
    browser.until("h1", "Groups and security");
    adds(&browser, &url, "Laptop");
    browser.until("h1", "Your recovery codes");
    let codes = browser.reads("#codes");
    let plain = Chromium::open(Look::NoScript);
    plain.go(&format!("{url}/login"));
    assert_eq!(plain.count("form[data-passkey] button"), 0, "nothing is offered that would not work");
    sign_in_at(&plain, &format!("{url}/me/security"));
    plain.until("h1", "Your second factor");
    plain.until("noscript p", "runs scripts");
    plain.clicks("details.other summary");
    plain.types("#recovery", codes.lines().nth(3).unwrap());
    plain.clicks("details.other button");
    plain.until("h1", "Signed in with a recovery code");
}
