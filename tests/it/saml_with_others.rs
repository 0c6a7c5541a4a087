//! Real service providers at a real program: each is registered by what it says of itself, and people sign in to it, and out again, by a
//! browser. What is encrypted, signed and named is judged by code of others.

use serde_json::json;

use crate::bed::chromium::{Chromium, Look};
use crate::bed::counter::Counter;
use crate::bed::service_provider::{Maker, ServiceProvider};
use crate::bed::visitor::Visitor;
use crate::bed::{PATIENCE, converges};
use crate::credentials::app_code;
use crate::portal_browser::{PASSWORD, sign_in_at};
use crate::saml_shop::device_of;

const PASSWORD_CLASS: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
const MFA_CLASS: &str = "https://refeds.org/profile/mfa";
const EMAIL_ADDRESS: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";

/// An installation with ann in it, who is in two groups.
fn company() -> Counter {
    let counter = Counter::open("[sso]\nissuer = \"https://localhost:@PORT@\"\n");
    counter.post("/v1/users", &json!({ "name": "ann" }));
    counter.post("/v1/users/ann", &json!({ "mail": "ann@example.test", "display_name": "Ännchen <Prüfer> & Söhne" }));
    counter.post("/v1/users/ann/password", &json!({ "password": PASSWORD, "must_change": false }));
    for group in ["Staff", "Auditors"] {
        counter.post("/v1/groups", &json!({ "name": group }));
        counter.put(&format!("/v1/groups/{group}/members/ann"), &json!({}));
    }
    counter
}

/// What `counter` says of itself.
pub(crate) fn own_metadata(counter: &Counter) -> String {
    // The key that signs it is made soon after the first start.
    let (mut visitor, mut own) = (Visitor::of(counter), None);
    let come = converges(PATIENCE, || {
        own = Some(visitor.get("/saml/metadata")).filter(|page| page.status == 200);
        own.is_some()
    });
    assert!(come, "{}", counter.bailey.log());
    own.unwrap().html
}

/// A service provider that knows `counter`, and is known there as `name`, with three attributes.
pub(crate) fn introduced(counter: &Counter, name: &str, maker: Maker, more: &[&str]) -> ServiceProvider {
    let attributes = ["mail=mail", "displayName=display_name", "groups=groups"].map(|rule| ["--attribute", rule]);
    registered(counter, name, maker, &[attributes.as_flattened(), more].concat())
}

/// The same with these options alone.
fn registered(counter: &Counter, name: &str, maker: Maker, options: &[&str]) -> ServiceProvider {
    let sp = ServiceProvider::start(maker, &own_metadata(counter));
    let file = counter.bailey.path(&format!("{name}.xml"));
    std::fs::write(&file, sp.metadata()).unwrap();
    let add = ["sp", "add", name, "--metadata", file.to_str().unwrap()];
    counter.bailey.ok(&[&add, options].concat());
    sp
}

/// Ann signs out on our own page, and is led through the applications.
fn signs_out_here(counter: &Counter, browser: &Chromium) {
    browser.go(&format!("{}/logout", counter.url()));
    browser.clicks("form button");
    browser.until("[role=alert]", "You are signed out");
}

/// The application does not know anybody any more, and asks us.
fn asks_again(browser: &Chromium, sp: &ServiceProvider) {
    browser.go(&sp.url("/private"));
    browser.until("h1", "Sign in");
    assert!(browser.path().starts_with("/login"), "{}", browser.path());
}

/// What the application shows of ann.
fn shows_ann(browser: &Chromium, maker: Maker, class: &str) -> String {
    browser.until("h1", "Signed in");
    assert_eq!(browser.reads("#mail"), "ann@example.test", "{maker:?}");
    assert_eq!(browser.reads("#display"), "Ännchen <Prüfer> & Söhne", "{maker:?}");
    let mut groups: Vec<String> = browser.reads("#groups").split(';').map(str::to_owned).collect();
    groups.sort();
    assert_eq!(groups, ["Auditors", "Staff"], "{maker:?}");
    if maker != Maker::Mellon {
        assert_eq!(browser.reads("#class"), class, "{maker:?}");
    }
    let name = browser.reads("#name");
    assert!(name.len() > 20 && !name.contains("ann"), "{maker:?} knows a person by {name}");
    name
}

/// Ann signs in, out at the application, in again, out at our portal, and in by two factors where that is asked for.
fn signs_in_and_out(maker: Maker, more: &[&str]) {
    let counter = company();
    let sp = introduced(&counter, "wiki", maker, more);
    let browser = Chromium::open(Look::Light);
    sign_in_at(&browser, &sp.url("/private"));
    let first = shows_ann(&browser, maker, PASSWORD_CLASS);

    browser.go(&sp.sign_out());
    browser.until("h1", "Signed out");
    // With the session there the one here has ended, too.
    sign_in_at(&browser, &sp.url("/private"));
    let second = shows_ann(&browser, maker, PASSWORD_CLASS);
    assert_eq!(first == second, maker != Maker::Mellon, "{maker:?}: {first} and {second}");

    signs_out_here(&counter, &browser);
    let seed = device_of(&counter, "ann");
    if maker == Maker::Mellon {
        counter.bailey.ok(&["sp", "change", "wiki", "--require-mfa"]);
    }
    sign_in_at(&browser, &sp.url(if maker == Maker::Mellon { "/private" } else { "/strong" }));
    browser.until("h1", "Your second factor");
    browser.types("#code", &app_code(&seed, bailey::base::Clock::now(&bailey::base::clock::SystemClock)));
    browser.clicks("button[type=submit]");
    shows_ann(&browser, maker, MFA_CLASS);
}

/// Its metadata asks for names that change with each sign-in, and it has no way to ask for two factors at one place only.
#[test]
fn mod_auth_mellon_is_signed_in_to_and_out_of() {
    signs_in_and_out(Maker::Mellon, &["--name-id", "transient"]);
}

#[test]
fn shibboleth_is_signed_in_to_and_out_of() {
    signs_in_and_out(Maker::Shibboleth, &["--encrypt", "required"]);
}

/// It takes nothing that is not encrypted.
#[test]
fn python3_saml_is_signed_in_to_and_out_of() {
    signs_in_and_out(Maker::OneLogin, &[]);
}

/// It asks by an address for one factor and by a form for two, each signed its own way.
#[test]
fn pysaml2_is_signed_in_to_and_out_of() {
    signs_in_and_out(Maker::Pysaml2, &[]);
}

#[test]
fn node_saml_is_signed_in_to_and_out_of() {
    signs_in_and_out(Maker::NodeSaml, &["--encrypt", "required"]);
}

/// What its preset says, and not a rule besides: the names of eduPerson and inetOrgPerson, by which its module knows attributes.
#[test]
fn shibboleth_is_told_what_its_preset_says() {
    let counter = company();
    let sp = registered(&counter, "wiki", Maker::Shibboleth, &["--preset", "shibboleth"]);
    let browser = Chromium::open(Look::Light);
    sign_in_at(&browser, &sp.url("/private"));
    shows_ann(&browser, Maker::Shibboleth, PASSWORD_CLASS);
    assert_eq!(browser.reads("#uid"), "ann");
}

/// An application that knows people by their addresses, as much by what is registered as by what it asks for. It signs them out by these,
/// too, whichever side begins.
#[test]
fn an_application_may_know_people_by_their_addresses() {
    let counter = company();
    let sp = introduced(&counter, "wiki", Maker::Pysaml2, &["--name-id", "emailAddress"]);
    let browser = Chromium::open(Look::Light);
    for page in ["/private", "/by-address"] {
        sign_in_at(&browser, &sp.url(page));
        browser.until("h1", "Signed in");
        assert_eq!([browser.reads("#name"), browser.reads("#format")], ["ann@example.test", EMAIL_ADDRESS], "{page}");
        browser.go(&sp.sign_out());
        browser.until("h1", "Signed out");
    }
    sign_in_at(&browser, &sp.url("/private"));
    browser.until("h1", "Signed in");
    signs_out_here(&counter, &browser);
    asks_again(&browser, &sp);
}

/// Ann begins at "My access" and clicks: each application that takes what it did not ask for knows her, without a word more. One sign-out at
/// ours ends them all.
#[test]
fn applications_are_opened_from_the_portal() {
    let counter = company();
    let all = [
        ("mellon", Maker::Mellon),
        ("shibboleth", Maker::Shibboleth),
        ("onelogin", Maker::OneLogin),
        ("pysaml2", Maker::Pysaml2),
    ];
    let all = all.map(|(name, maker)| {
        let sp = introduced(&counter, name, maker, &["--idp-initiated"]);
        let (title, state) = (format!("The {name}"), sp.url("/private"));
        counter.bailey.ok(&["sp", "change", name, "--title", &title, "--relay-state", &state]);
        (name, maker, sp)
    });
    let browser = Chromium::open(Look::Light);
    let me = format!("{}/me", counter.url());
    sign_in_at(&browser, &me);
    for (name, maker, _) in &all {
        browser.go(&me);
        browser.until(".apps", &format!("The {name}"));
        browser.clicks(&format!("form[action='/me/apps/{name}'] button"));
        shows_ann(&browser, *maker, PASSWORD_CLASS);
    }
    signs_out_here(&counter, &browser);
    for (_, _, sp) in &all {
        asks_again(&browser, sp);
    }
}

/// A browser that is signed in to five applications signs out of one. It is led from one to the next, by addresses and by forms, and no
/// policy of ours stops it on the way.
#[test]
fn one_sign_out_ends_them_all() {
    let counter = company();
    let all = [
        ("mellon", Maker::Mellon),
        ("shibboleth", Maker::Shibboleth),
        ("node", Maker::NodeSaml),
        ("onelogin", Maker::OneLogin),
        ("pysaml2", Maker::Pysaml2),
    ];
    let all = all.map(|(name, maker)| (maker, introduced(&counter, name, maker, &[])));
    let browser = Chromium::open(Look::Light);
    sign_in_at(&browser, &all[0].1.url("/private"));
    for (maker, sp) in &all {
        browser.go(&sp.url("/private"));
        shows_ann(&browser, *maker, PASSWORD_CLASS);
    }
    browser.go(&all[1].1.sign_out());
    browser.until("h1", "Signed out");
    for (_, sp) in &all {
        asks_again(&browser, sp);
    }
}

/// What is asked for besides: another sign-in, and none at all.
#[test]
fn who_is_signed_in_is_asked_again_or_not_at_all_as_an_application_likes() {
    let counter = company();
    let (mellon, shibboleth) = (
        introduced(&counter, "mellon", Maker::Mellon, &[]),
        introduced(&counter, "shibboleth", Maker::Shibboleth, &[]),
    );
    let browser = Chromium::open(Look::Light);
    let passive = mellon.url(&format!("/mellon/login?IsPassive=true&ReturnTo={}", mellon.url("/private/")));
    browser.go(&passive);
    browser.until("h1", "Unauthorized");
    sign_in_at(&browser, &shibboleth.url("/private"));
    shows_ann(&browser, Maker::Shibboleth, PASSWORD_CLASS);
    browser.go(&passive);
    shows_ann(&browser, Maker::Mellon, PASSWORD_CLASS);
    let again = format!("/Shibboleth.sso/Login?forceAuthn=true&target={}", shibboleth.url("/private/"));
    sign_in_at(&browser, &shibboleth.url(&again));
    shows_ann(&browser, Maker::Shibboleth, PASSWORD_CLASS);
}

/// Many an application is told of a sign-in at one host, and used at another.
#[test]
fn an_application_may_lead_elsewhere_from_where_sign_ins_arrive() {
    let counter = company();
    let sp = introduced(&counter, "wiki", Maker::OneLogin, &[]);
    let browser = Chromium::open(Look::Light);
    sign_in_at(&browser, &sp.url("/elsewhere"));
    browser.until("h1", "Welcome");
}
