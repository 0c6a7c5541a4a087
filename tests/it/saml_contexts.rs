//! How surely an application has somebody signed in: what it asks for by RequestedAuthnContext, what it is answered, and when somebody is
//! asked for a second factor first (SAML core, section 3.3.2.2.1).

use bailey::saml_xml::Node;

use crate::bed::daemon::Bailey;
use crate::bed::visitor::Visitor;
use crate::credentials::app_code;
use crate::saml_shop::{Shop, carried, follow, now, signs_in, try_carried};

const ANY: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified";
const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
const SFA: &str = "https://refeds.org/profile/sfa";
const MFA: &str = "https://refeds.org/profile/mfa";
const KERBEROS: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:Kerberos";

/// What somebody is answered: a class, a second factor first, or that it cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Class(&'static str),
    Factor,
    Never,
}
use Told::{Class, Factor, Never};

/// For each comparison and classes, what somebody is answered who showed one factor, and who showed two.
const TABLE: [(&str, &[&str], Told, Told); 20] = [
    ("", &[], Class(PASSWORD), Class(MFA)),
    ("", &[PASSWORD], Class(PASSWORD), Class(PASSWORD)),
    ("exact", &[MFA], Factor, Class(MFA)),
    ("exact", &[MFA, PASSWORD], Class(PASSWORD), Class(MFA)),
    ("exact", &[PASSWORD, MFA], Class(PASSWORD), Class(PASSWORD)),
    ("exact", &[KERBEROS, SFA], Class(SFA), Class(SFA)),
    ("exact", &[KERBEROS], Never, Never),
    ("minimum", &[ANY], Class(ANY), Class(ANY)),
    ("minimum", &[PASSWORD], Class(PASSWORD), Class(PASSWORD)),
    ("minimum", &[MFA], Factor, Class(MFA)),
    ("minimum", &[MFA, SFA], Class(SFA), Class(MFA)),
    ("minimum", &[KERBEROS], Never, Never),
    ("better", &[ANY], Class(PASSWORD), Class(MFA)),
    ("better", &[PASSWORD], Factor, Class(MFA)),
    ("better", &[ANY, SFA], Factor, Class(MFA)),
    ("better", &[MFA], Never, Never),
    ("maximum", &[MFA], Class(PASSWORD), Class(MFA)),
    ("maximum", &[PASSWORD], Class(PASSWORD), Class(PASSWORD)),
    ("maximum", &[SFA, MFA], Class(SFA), Class(MFA)),
    ("maximum", &[KERBEROS], Never, Never),
];

fn asking(id: &str, comparison: &str, classes: &[&str], passive: bool) -> String {
    Shop::asking_with("wiki", id, |node| {
        let node = if passive { node.with("IsPassive", "true") } else { node };
        if classes.is_empty() {
            return node;
        }
        let wanted = Node::new("samlp:RequestedAuthnContext")
            .with_some("Comparison", Some(comparison).filter(|it| !it.is_empty()));
        node.child(wanted.children(classes.iter().map(|class| Node::text("saml:AuthnContextClassRef", *class))))
    })
}

/// What is answered in this browser, and what one is told that must not show anything.
fn answered(shop: &Shop, browser: &mut Visitor, row: usize, who: &str) -> (Told, Vec<String>) {
    let (comparison, classes, ..) = TABLE[row];
    let id = format!("_{who}-{row}");
    let page = follow(browser, &asking(&id, comparison, classes, false));
    let told = match try_carried(&page) {
        None => {
            let to = page.location.unwrap_or_default();
            assert!(to.starts_with("/login/step-up?next=%2Fsaml%2Fcontinue"), "{comparison} {classes:?}: {to}");
            Factor
        }
        Some(carried) if carried.status() == ["Success"] => {
            let taken = shop.taken("wiki", &carried, Some(&id));
            let class = taken.context_class().unwrap().to_owned();
            Class([ANY, PASSWORD, SFA, MFA].into_iter().find(|known| *known == class).unwrap())
        }
        Some(carried) => {
            assert_eq!(carried.status(), ["Responder", "NoAuthnContext"], "{comparison} {classes:?}");
            Never
        }
    };
    let passive = follow(browser, &asking(&format!("{id}-passive"), comparison, classes, true));
    (told, carried(&passive).status())
}

#[test]
fn an_application_is_answered_as_it_asks_or_not_at_all() {
    let shop = Shop::open(Bailey::with(""));
    let mut one = shop.ann();
    let seed = shop.device();
    let mut two = shop.stranger();
    let page = signs_in(&mut two, "/me");
    page.says(200, "Your second factor");
    let (flow, next, half) = (page.field("flow"), page.field("next"), page.field("half"));
    let code = app_code(&seed, now());
    two.post("/login/code", &[("flow", &flow), ("next", &next), ("half", &half), ("code", &code)]).leads_to("/me");
    for (row, (comparison, classes, with_one, with_two)) in TABLE.into_iter().enumerate() {
        for (browser, who, expected) in [(&mut one, "one", with_one), (&mut two, "two", with_two)] {
            let (told, passive) = answered(&shop, browser, row, who);
            assert_eq!(told, expected, "{comparison} {classes:?} by {who}");
            let passive: Vec<&str> = passive.iter().map(String::as_str).collect();
            let expected: &[&str] = match expected {
                Class(_) => &["Success"],
                Factor => &["Responder", "NoPassive"],
                Never => &["Responder", "NoAuthnContext"],
            };
            assert_eq!(passive, expected, "{comparison} {classes:?} by {who}, passive");
        }
    }
}

/// One that takes a second factor is answered as soon as there is one.
#[test]
fn whoever_shows_a_second_factor_on_the_way_is_answered_by_that() {
    let shop = Shop::open(Bailey::with(""));
    let mut ann = shop.ann();
    let seed = shop.device();
    let onward = ann.led_to(&asking("_1", "better", &[PASSWORD], false)).location.unwrap();
    let to = ann.led_to(&onward).location.unwrap();
    let page = ann.get(&to);
    page.says(200, "Your second factor");
    let (form, next, code) = (page.field("form"), page.field("next"), app_code(&seed, now()));
    let next = crate::bed::wanderer::plain(&next);
    ann.post("/login/step-up", &[("form", &form), ("next", &next), ("code", &code)]).says(200, "On to the application");
    let taken = shop.taken("wiki", &carried(&ann.get(&onward)), Some("_1"));
    assert_eq!(taken.context_class(), Some(MFA));
}
