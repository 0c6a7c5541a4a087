//! Sign-outs that lead through applications which do not answer, answer nonsense, or do not lead back: ours has ended by then, the others
//! are told, and in the end somebody knows where they are signed in still.

use bailey::authn::saml::IdentityProvider;
use bailey::saml_xml::{Asking, Asks, RSA_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::bed::chromium::{Chromium, Look};
use crate::bed::daemon::Bailey;
use crate::bed::free_port;
use crate::bed::visitor::Page;
use crate::portal_browser::sign_in_at;
use crate::saml_bed::STRANGER;
use crate::saml_desk::{described, signs};
use crate::saml_shop::{Carried, Shop, answer, carried, entity, follow, out, refuses, sends_password, try_carried};

const GO_ON: &str = "/saml/slo/continue";
const NOTHING: &str = "Nothing to go on with";

/// Where a browser is told to go on, it can.
fn goes_on_from(page: &Page) {
    page.says(page.status, "href=\"/saml/slo/continue\"");
}

#[test]
fn an_application_that_does_not_lead_back_keeps_nobody_from_the_others() {
    let mut shop = Shop::open(Bailey::with(""));
    shop.registers_mute("mute");
    let mut ann = shop.ann();
    let wiki = shop.enters(&mut ann, "wiki", "_1");
    for (app, id) in [("chat", "_2"), ("mute", "_3"), ("desk", "_4")] {
        shop.enters(&mut ann, app, id);
    }
    let mut copy = ann.window(&shop.counter);
    let page = follow(&mut ann, &shop.signing_out("wiki", "_out", &wiki));
    let chat = carried(&page);
    assert_eq!(chat.app(), "chat");
    // Nobody answers there. Our own session is over, whatever window she has, and so it is after a kill.
    assert_eq!((ann.get("/me").status, copy.get("/me").status), (303, 303));
    shop.kill(&mut ann);
    // What comes instead of an answer: nonsense, another application's answer, an answer to another request, and to none of ours.
    for (path, words) in [
        ("/saml/slo?SAMLResponse=%21".to_owned(), "no base64"),
        ("/saml/slo?SAMLResponse=AAAA".to_owned(), "not deflated"),
        ("/saml/slo".to_owned(), "no message"),
        (shop.signed_out("desk", chat.id(), ""), "did not ask"),
        (shop.signed_out("chat", "_out", ""), "did not ask"),
        (shop.signed_out("chat", &format!("{}0", chat.id()), ""), "did not ask"),
        (shop.signed_out("chat", chat.id(), "").replace("Signature=", "Signature=AAAA"), "does not hold"),
        (shop.signed_out("nobody", chat.id(), ""), "No such application"),
    ] {
        let page = follow(&mut ann, &path);
        refuses(&page, 400, words);
        goes_on_from(&page);
    }
    // Another site's page leaves nobody out; somebody who says so here goes on.
    for _ in 0..2 {
        let page = ann.led_to(GO_ON);
        page.says(200, "The chat did not send your browser back yet");
        goes_on_from(&page);
    }
    goes_on_from(&ann.get("/login"));
    // Twice, as those do who are in a hurry: nobody is left out by that.
    let mut hasty = ann.window(&shop.counter);
    assert_eq!(carried(&hasty.get(GO_ON)).app(), "desk");
    let desk = carried(&ann.get(GO_ON));
    assert_eq!(desk.app(), "desk");
    // The one that was left out comes back late, and is not waited for any more.
    refuses(&follow(&mut ann, &shop.signed_out("chat", chat.id(), "")), 400, "did not ask");
    // Whoever asked is told that it was not everywhere, and nothing is left to go on with.
    let answer = shop.signed_out("desk", desk.id(), "");
    let mut hasty = ann.window(&shop.counter);
    let end = carried(&follow(&mut ann, &answer));
    assert_eq!(carried(&follow(&mut hasty, &answer)).status(), end.status());
    assert_eq!((end.app(), end.relay.as_deref()), ("wiki", Some("back")));
    assert_eq!(end.status(), ["Success", "PartialLogout"]);
    assert!(end.xml.contains("InResponseTo=\"_out\""), "{}", end.xml);
    ann.led_to(GO_ON).says(200, NOTHING);
    ann.get(GO_ON).says(200, NOTHING);
    assert_eq!(shop.done("EndSession").len(), 1);
    shop.is_sound();
}

#[test]
fn our_own_page_says_where_somebody_is_signed_in_still() {
    let shop = Shop::open(Bailey::with(""));
    shop.registers_mute("mute");
    let mut ann = shop.ann();
    for (app, id) in [("wiki", "_1"), ("mute", "_2"), ("chat", "_3"), ("desk", "_4")] {
        shop.enters(&mut ann, app, id);
    }
    let page = Shop::leaves(&mut ann);
    assert_eq!(carried(&page).app(), "wiki");
    // That one hangs. The next says that it did not, and the last that it did only in part.
    let chat = carried(&ann.get(GO_ON));
    let desk = carried(&follow(&mut ann, &shop.signed_out("chat", chat.id(), "Responder")));
    let page = follow(&mut ann, &shop.signed_out("desk", desk.id(), "PartialLogout"));
    page.says(200, "Not signed out everywhere");
    page.says(200, "not at The wiki, The mute, The chat, The desk:");
    ann.get(GO_ON).says(200, NOTHING);
    // One that is registered no more is not asked, and told all the same.
    let mut ann = shop.ann();
    for (app, id) in [("wiki", "_5"), ("chat", "_6")] {
        shop.enters(&mut ann, app, id);
    }
    shop.counter.bailey.ok(&["sp", "remove", "wiki"]);
    let page = Shop::leaves(&mut ann);
    let (told, end) = shop.goes_round(&mut ann, page);
    assert_eq!(told, ["chat"]);
    end.says(200, "not at wiki:");
}

#[test]
fn whoever_signs_in_anew_is_signed_out_of_everything_all_the_same() {
    let shop = Shop::open(Bailey::with(""));
    let mut ann = shop.ann();
    let wiki = shop.enters(&mut ann, "wiki", "_1");
    // One application has her show who she is once more: another session, and one browser.
    let force = Shop::asking_with("chat", "_2", |node| node.with("ForceAuthn", "true"));
    let onward = ann.led_to(&force).location.unwrap();
    let login = ann.led_to(&onward).location.unwrap();
    let login = ann.get(&login);
    sends_password(&mut ann, &login).says(200, "On to the application");
    let chat = shop.taken("chat", &carried(&ann.get(&onward)), Some("_2"));
    assert_ne!(wiki.session_index(), chat.session_index());
    let page = follow(&mut ann, &shop.signing_out("wiki", "_out", &wiki));
    let (told, end) = shop.goes_round(&mut ann, page);
    assert_eq!((told, carried(&end).status().join(" ")), (vec!["chat".to_owned()], "Success".to_owned()));
    assert_eq!(ann.get("/me").status, 303);

    // One that was ended from elsewhere, and whose person is away only for now.
    let mut ann = shop.ann();
    let (wiki, mut copy) = (shop.enters(&mut ann, "wiki", "_3"), ann.window(&shop.counter));
    shop.enters(&mut ann, "desk", "_4");
    shop.disables("ann", true);
    let page = follow(&mut ann, &shop.signing_out("wiki", "_out2", &wiki));
    let (told, end) = shop.goes_round(&mut ann, page);
    assert_eq!((told, carried(&end).status().join(" ")), (vec!["desk".to_owned()], "Success".to_owned()));
    shop.disables("ann", false);
    assert_eq!(copy.get("/me").status, 303, "she signed out");
}

/// A message of ours in a form is signed by us, in itself.
fn holds(shop: &Shop, carried: &Carried, asks: Asks) {
    let metadata = shop.stranger().get("/saml/metadata").html;
    let provider = IdentityProvider::read(&metadata).unwrap();
    let asking = Asking::parse(&carried.xml, &[asks]).unwrap();
    assert_eq!(asking.issuer(), provider.entity_id());
    assert!(asking.verified(provider.keys()).unwrap().signed(), "{}", carried.xml);
}

#[test]
fn sign_outs_go_by_forms_from_one_application_to_the_next() {
    let shop = Shop::open(Bailey::with(""));
    for app in ["form", "sheet"] {
        shop.registers_with_forms(app);
    }
    let mut ann = shop.ann();
    shop.enters(&mut ann, "form", "_1");
    let sheet = shop.enters(&mut ann, "sheet", "_2");
    shop.enters(&mut ann, "wiki", "_3");
    let mut posts = |field: &str, message: &str| {
        let page = ann.posts_from_elsewhere("/saml/slo", &[(field, message), ("RelayState", "back")]);
        page.location.clone().map_or(page, |onward| ann.led_to(&onward))
    };
    // Not signed, altered, and of somebody else: nobody is signed out.
    let good = shop.posts_out(out("sheet", "_out", &sheet));
    let text = String::from_utf8(STANDARD.decode(&good).unwrap()).unwrap();
    let bare = out("sheet", "_out", &sheet).with("Destination", format!("{}/saml/slo", shop.counter.url())).render();
    refuses(&posts("SAMLRequest", &STANDARD.encode(bare)), 400, "not signed");
    refuses(&posts("SAMLRequest", &STANDARD.encode(text.replace("_out", "_uot"))), 400, "does not hold");
    let other = shop.posts_out(out("form", "_out", &sheet));
    let page = posts("SAMLRequest", &other);
    assert_eq!(carried(&page).status(), ["Requester", "UnknownPrincipal"]);
    holds(&shop, &carried(&page), Asks::SignedOut);
    // The right one: a form, another application's form, an address, and a form back.
    let form = carried(&posts("SAMLRequest", &good));
    assert_eq!((form.to.as_str(), form.relay.as_deref()), ("https://form.test/slo", None));
    holds(&shop, &form, Asks::SignOut);
    let wiki = carried(&posts("SAMLResponse", &shop.posts_out(answer("form", form.id(), ""))));
    assert_eq!(wiki.app(), "wiki");
    let end = carried(&follow(&mut ann, &shop.signed_out("wiki", wiki.id(), "")));
    assert_eq!((end.to.as_str(), end.relay.as_deref()), ("https://sheet.test/slo", Some("back")));
    assert_eq!(end.status(), ["Success"]);
    assert!(end.xml.contains("InResponseTo=\"_out\""), "{}", end.xml);
    holds(&shop, &end, Asks::SignedOut);
    assert_eq!(ann.get("/me").status, 303);
    // From our own page to one that takes forms.
    let mut ann = shop.ann();
    shop.enters(&mut ann, "form", "_4");
    let page = Shop::leaves(&mut ann);
    assert!(page.html.contains("<form id=\"saml\" method=\"post\" action=\"https://form.test/slo\">"), "{page:?}");
    let form = carried(&page);
    let message = shop.posts_out(answer("form", form.id(), ""));
    let page = ann.posts_from_elsewhere("/saml/slo", &[("SAMLResponse", &message)]);
    ann.led_to(&page.location.unwrap()).leads_to("/login?why=signed_out");
}

/// A browser of today at an application whose port is closed.
#[test]
fn a_browser_of_today_finds_its_way_past_an_application_that_is_not_there() {
    let shop = Shop::open(Bailey::with(""));
    let there = format!("https://127.0.0.1:{}", free_port());
    let redirect = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
    let slo = format!("<md:SingleLogoutService Binding=\"{redirect}\" Location=\"{there}/slo\"/>");
    shop.registers_as("dead", &described(&entity("dead"), &format!("{there}/acs"), false, &slo));
    let browser = Chromium::open(Look::Light);
    sign_in_at(&browser, &format!("{}{}", shop.counter.url(), Shop::asking("dead", "_1")));
    browser.until("#main-frame-error", "");
    assert_eq!(shop.given("_1"), 1);
    browser.go(&format!("{}/logout", shop.counter.url()));
    browser.clicks("form button");
    browser.until("#main-frame-error", "");
    browser.go(&format!("{}/login", shop.counter.url()));
    browser.clicks("a[href='/saml/slo/continue']");
    browser.until("h1", "Not signed out everywhere");
    browser.until("main", "not at The dead:");
}

/// Whoever is asked by an address signs what stands in it, letter by letter.
#[test]
fn what_leads_to_an_application_by_an_address_is_signed_by_us() {
    let shop = Shop::open(Bailey::with(""));
    let mut ann = shop.ann();
    let wiki = shop.enters(&mut ann, "wiki", "_1");
    shop.enters(&mut ann, "chat", "_2");
    let page = follow(&mut ann, &shop.signing_out("wiki", "_out", &wiki));
    let location = page.location.clone().unwrap();
    let query = location.split_once('?').unwrap().1;
    let (octets, signature) = query.split_once("&Signature=").unwrap();
    let plain = |text: &str| url::form_urlencoded::parse(format!("x={text}").as_bytes()).next().unwrap().1.into_owned();
    let signature = STANDARD.decode(plain(signature)).unwrap();
    let provider = IdentityProvider::read(&shop.stranger().get("/saml/metadata").html).unwrap();
    provider.keys().verify(RSA_SHA256, octets.as_bytes(), &signature).unwrap();
    assert!(provider.keys().verify(RSA_SHA256, octets.as_bytes(), &signs(&STRANGER, octets.as_bytes())).is_err());
    assert!(try_carried(&page).unwrap().xml.contains("NotOnOrAfter"));
}
