//! The portal in a real browser: with scripts and without, by light and by dark, on a telephone; and what a checker of
//! accessibility finds in it.

use serde_json::{Value, json};

use crate::aws_clients::client::packages;
use crate::bed::chromium::{Chromium, Look};
use crate::bed::counter::Counter;
use crate::credentials::app_code;

pub(crate) const PASSWORD: &str = "vq7-Torf-Lampe-Zaun-xk";

/// An installation in which ann can take two roles.
fn company() -> Counter {
    let counter = Counter::open("");
    counter.post("/v1/users", &json!({ "name": "ann" }));
    counter.post("/v1/users/ann/password", &json!({ "password": PASSWORD, "must_change": false }));
    for (role, action) in [("Deployer", "s3:*"), ("Reader", "ec2:Describe*")] {
        counter.post("/v1/roles", &json!({ "name": role, "description": "For the shop", "max_session": 14_400 }));
        let statement = json!({ "Effect": "Allow", "Action": action, "Resource": "*" });
        counter.put(&format!("/v1/roles/{role}/inline/own"), &json!({ "document": { "Statement": statement } }));
        counter.put(&format!("/v1/roles/{role}/assigned/user/ann"), &json!({}));
    }
    counter
}

fn sign_in(browser: &Chromium, url: &str, password: &str) {
    browser.go(&format!("{url}/me"));
    browser.until("h1", "Sign in");
    browser.types("#login", "ann");
    browser.types("#password", password);
    browser.clicks("button[type=submit]");
}

/// Goes to an address that asks for a sign-in, and signs ann in.
pub(crate) fn sign_in_at(browser: &Chromium, url: &str) {
    browser.go(url);
    browser.until("h1", "Sign in");
    browser.types("#login", "ann");
    browser.types("#password", PASSWORD);
    browser.clicks("button[type=submit]");
}

#[test]
fn a_person_signs_in_takes_a_role_and_ends_it() {
    let counter = company();
    let (url, browser) = (counter.url(), Chromium::open(Look::Light));
    sign_in(&browser, &url, "wrong");
    browser.until("[role=alert]", "The name or the password is wrong");
    assert!(browser.complaints().iter().all(|line| line.contains("403")), "the refusal is all there is");
    browser.types("#password", PASSWORD);
    browser.clicks("button[type=submit]");
    browser.until("h1", "My access");
    assert_eq!(browser.count(".card"), 2);
    browser.types("#q", "describe");
    assert_eq!((browser.count(".card"), browser.count("button[type=submit]")), (1, 2), "what is typed filters at once");
    browser.clicks(".card:nth-child(2) button");
    browser.until("h1", "Reader");
    browser.until("#shell", "AWS_SESSION_TOKEN=");
    browser.until("time", "in ");
    browser.go(&format!("{url}/me/sessions"));
    assert_eq!(browser.count("tbody tr"), 2);
    browser.clicks("tbody form button");
    crate::bed::wait_until("the page without the role's session", || browser.count("tbody tr") == 1);
    browser.go(&format!("{url}/logout"));
    browser.clicks("form button");
    browser.until("[role=alert]", "You are signed out");
    browser.go(&format!("{url}/me/sessions"));
    browser.until("h1", "Sign in");
    assert_eq!(browser.path(), "/login?next=%2Fme%2Fsessions");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    // What is kept of it stays with us: no script reads the cookie.
    assert_eq!(browser.script("return document.cookie", json!([])), json!(""));
}

#[test]
fn without_scripts_and_with_a_second_factor_it_is_the_same_way() {
    let counter = company();
    let made = counter.post("/v1/mfa-devices", &json!({ "name": "ann-phone" }));
    let (serial, seed) = (made["serial"].as_str().unwrap(), made["seed"].as_str().unwrap());
    let now = bailey::base::Clock::now(&bailey::base::clock::SystemClock);
    let before = |seconds| now.checked_sub(jiff::SignedDuration::from_secs(seconds)).unwrap();
    let path = format!("/v1/users/ann/mfa-devices/{}", serial.replace(':', "%3A").replace('/', "%2F"));
    counter.put(&path, &json!({ "first": app_code(seed, before(60)), "second": app_code(seed, before(30)) }));

    let (url, browser) = (counter.url(), Chromium::open(Look::NoScript));
    sign_in(&browser, &url, PASSWORD);
    browser.until("h1", "Your second factor");
    browser.types("#code", &app_code(seed, bailey::base::Clock::now(&bailey::base::clock::SystemClock)));
    browser.clicks("button[type=submit]");
    browser.until("h1", "My access");
    browser.types("#q", "s3");
    browser.clicks(".filter button");
    // The page before has that card, too, and while one page makes way for the other there is none.
    crate::bed::wait_until("the page with one card", || browser.path().contains("q=s3") && browser.count(".card") == 1);
    browser.until("h2", "Deployer");
    browser.clicks(".card button");
    browser.until("#profile", "aws_session_token");
    assert_eq!(browser.count("[data-copies]"), 0, "nothing is offered that would not work");
    browser.until("time", " UTC");
    browser.go(&format!("{url}/me/security"));
    browser.until("main", "Shown for this sign-in at");
}

/// What the checker finds that keeps people out, by page.
pub(crate) fn faults(browser: &Chromium, axe: &str, page: &str) -> Vec<String> {
    browser.script(axe, json!([]));
    let run = "const done = arguments[arguments.length - 1];
               axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
                  .then((found) => done(found.violations), (error) => done([{ id: String(error), impact: 'serious', nodes: [] }]));";
    let found = browser.script_later(run);
    let grave = found
        .as_array()
        .unwrap()
        .iter()
        .filter(|fault| ["serious", "critical"].iter().any(|impact| fault["impact"] == *impact));
    let told = |fault: &Value| {
        let where_ = fault["nodes"][0]["html"].as_str().unwrap_or_default().to_owned();
        format!("{page}: {}: {where_}", fault["id"])
    };
    grave.map(told).collect()
}

#[test]
fn nobody_is_kept_out_by_how_a_page_is_made() {
    let axe = std::fs::read_to_string(packages().join("axe-core/axe.min.js")).unwrap();
    let counter = company();
    let url = counter.url();
    let mut found = Vec::new();
    for look in [Look::Light, Look::Dark, Look::Phone] {
        let browser = Chromium::open(look);
        browser.go(&format!("{url}/login"));
        browser.until("h1", "Sign in");
        found.extend(faults(&browser, &axe, &format!("{look:?} /login")));
        sign_in(&browser, &url, PASSWORD);
        browser.until("h1", "My access");
        found.extend(faults(&browser, &axe, &format!("{look:?} /me")));
        browser.clicks(".card button");
        browser.until("h1", "Deployer");
        found.extend(faults(&browser, &axe, &format!("{look:?} /me/use")));
        for page in ["/me/sessions", "/me/security", "/me/security/device", "/logout"] {
            browser.go(&format!("{url}{page}"));
            browser.reads("h1");
            found.extend(faults(&browser, &axe, &format!("{look:?} {page}")));
            // A page is read by scrolling one way.
            let wide = "return document.documentElement.scrollWidth <= window.innerWidth";
            assert_eq!(browser.script(wide, json!([])), json!(true), "{look:?} {page} is wider than its window");
        }
    }
    assert_eq!(found, Vec::<String>::new());
}
