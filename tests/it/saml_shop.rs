//! The real program as an identity provider: ann, who is signed in with a browser of hers, and applications in the tests' hands.

use bailey::authn::saml::{Expected, IdentityProvider, SamlAssertion, ServiceProvider, judge};
use bailey::base::Timestamp;
use bailey::base::clock::{Clock as _, SystemClock};
use bailey::saml_xml::{Node, inflate};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::bed::counter::Counter;
use crate::bed::daemon::Bailey;
use crate::bed::visitor::{Page, Visitor};
use crate::bed::wait_until;
use crate::bed::wanderer::plain;
use crate::credentials::app_code;
use crate::saml_bed::STRANGER;
use crate::saml_desk::{address, described, moment, signed, status};
use crate::sts_unsigned::PASSWORD;

const REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
const POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";
const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";

/// Applications that take sign-outs by addresses.
pub(crate) const APPS: [&str; 3] = ["wiki", "chat", "desk"];

/// An installation at which applications are registered.
pub(crate) struct Shop {
    pub(crate) counter: Counter,
}

/// A message of ours that a browser carries to an application.
#[derive(Debug)]
pub(crate) struct Carried {
    /// Where to.
    pub(crate) to: String,
    pub(crate) xml: String,
    pub(crate) relay: Option<String>,
}

/// What an application calls itself.
pub(crate) fn entity(app: &str) -> String {
    format!("https://{app}.test")
}

pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

impl Shop {
    pub(crate) fn open(bailey: Bailey) -> Self {
        let settings = "[store]\nreserve = \"4MiB\"\n\n[sso]\nissuer = \"https://localhost:@PORT@\"\n";
        let shop = Self { counter: Counter::over(bailey, settings) };
        shop.counter.post("/v1/users", &json!({ "name": "ann" }));
        shop.counter.post("/v1/users/ann/password", &json!({ "password": PASSWORD, "must_change": false }));
        for app in APPS {
            shop.registers(app, REDIRECT);
        }
        // The key is made soon after the first start.
        wait_until("a key of SAML", || shop.stranger().get("/saml/metadata").status == 200);
        shop
    }

    /// An application that takes sign-outs by this binding.
    fn registers(&self, app: &str, binding: &str) {
        let slo = format!("<md:SingleLogoutService Binding=\"{binding}\" Location=\"{}/slo\"/>", entity(app));
        self.registers_as(app, &described(&entity(app), &format!("{}/acs", entity(app)), false, &slo));
    }

    pub(crate) fn registers_as(&self, app: &str, metadata: &str) {
        let settings = json!({ "title": format!("The {app}"), "idp_initiated": true });
        self.counter.post("/v1/saml-sps", &json!({ "name": app, "metadata": metadata, "settings": settings }));
    }

    /// One that takes sign-outs by forms.
    pub(crate) fn registers_with_forms(&self, app: &str) {
        self.registers(app, POST);
    }

    /// One that takes no sign-outs.
    pub(crate) fn registers_mute(&self, app: &str) {
        self.registers_as(app, &described(&entity(app), &format!("{}/acs", entity(app)), false, ""));
    }

    /// A browser in which nobody is signed in.
    pub(crate) fn stranger(&self) -> Visitor {
        Visitor::of(&self.counter)
    }

    /// One in which ann is.
    pub(crate) fn ann(&self) -> Visitor {
        let mut browser = self.stranger();
        signs_in(&mut browser, "/me").leads_to("/me");
        browser
    }

    /// A device of codes of ann's: what it is seeded with.
    pub(crate) fn device(&self) -> String {
        device_of(&self.counter, "ann")
    }

    pub(crate) fn disables(&self, who: &str, disabled: bool) {
        self.counter.post(&format!("/v1/users/{who}"), &json!({ "disabled": disabled }));
    }

    /// Where an application sends a browser with a request that it calls `id`.
    pub(crate) fn asking(app: &str, id: &str) -> String {
        Self::asking_with(app, id, |node| node)
    }

    /// The same with more in it.
    pub(crate) fn asking_with(app: &str, id: &str, more: impl Fn(Node) -> Node) -> String {
        let node = message("samlp:AuthnRequest", app, id);
        address("/saml/sso", "SAMLRequest", &more(node).render(), "r", None)
    }

    /// What an application takes from a response, to which it asked for `request` or nothing.
    pub(crate) fn taken(&self, app: &str, carried: &Carried, request: Option<&str>) -> SamlAssertion {
        let metadata = self.stranger().get("/saml/metadata").html;
        let provider = IdentityProvider::read(&metadata).unwrap();
        let own = ServiceProvider::new(entity(app), &carried.to);
        judge(&carried.xml, Expected { provider: &provider, own: &own, request }, now()).unwrap()
    }

    /// Signs ann, who is signed in, in to an application.
    pub(crate) fn enters(&self, browser: &mut Visitor, app: &str, id: &str) -> SamlAssertion {
        let page = follow(browser, &Self::asking(app, id));
        self.taken(app, &carried(&page), Some(id))
    }

    /// What an application says of a sign-out, as it stands in an address.
    pub(crate) fn says_out(&self, field: &str, node: Node) -> String {
        let destination = format!("{}/saml/slo", self.counter.url());
        address("/saml/slo", field, &node.with("Destination", destination).render(), "back", Some(&STRANGER))
    }

    /// The same as a form has it.
    pub(crate) fn posts_out(&self, node: Node) -> String {
        let destination = format!("{}/saml/slo", self.counter.url());
        STANDARD.encode(signed(node.with("Destination", destination), &STRANGER))
    }

    /// An application asks to sign out whom it was told of by `taken`.
    pub(crate) fn signing_out(&self, app: &str, id: &str, taken: &SamlAssertion) -> String {
        self.says_out("SAMLRequest", out(app, id, taken))
    }

    /// It answers that it did, or did not.
    pub(crate) fn signed_out(&self, app: &str, request: &str, code: &str) -> String {
        self.says_out("SAMLResponse", answer(app, request, code))
    }

    /// Records of the audit log that say that this was done.
    pub(crate) fn done(&self, event: &str) -> Vec<Value> {
        let records = self.counter.records_behind(0);
        let done = |record: &Value| record["eventName"] == event && record["bailey"]["outcome"] == "success";
        records.into_iter().filter(done).collect()
    }

    /// How often the log says that a response to this request was given.
    pub(crate) fn given(&self, request: &str) -> usize {
        let is_of = |record: &&Value| record.to_string().contains(&format!("\"request\":\"{request}\""));
        self.done("IssueSamlResponse").iter().filter(is_of).count()
    }

    /// A browser that signs out is led from one application to the next, each of which does as it is asked: which ones, and where the
    /// browser is in the end.
    pub(crate) fn goes_round(&self, browser: &mut Visitor, mut page: Page) -> (Vec<String>, Page) {
        let mut told = Vec::new();
        while let Some(step) = try_carried(&page).filter(|step| step.xml.contains("LogoutRequest")) {
            told.push(step.app().to_owned());
            page = follow(browser, &self.signed_out(step.app(), step.id(), ""));
        }
        told.sort();
        (told, page)
    }

    /// Signs out at our own page.
    pub(crate) fn leaves(browser: &mut Visitor) -> Page {
        let form = browser.get("/logout").field("form");
        browser.post("/logout", &[("form", &form)])
    }

    /// kill -9, and another start, under somebody's hands.
    pub(crate) fn kill(&mut self, browser: &mut Visitor) {
        browser.hang_up();
        self.counter.bailey.kill();
        self.counter.start();
    }

    /// Everything that is stored fits together, and so does the log.
    pub(crate) fn is_sound(&mut self) {
        assert!(self.counter.sound_records() > 0);
        assert!(self.counter.bailey.terminate().success(), "{}", self.counter.bailey.log());
        assert!(self.counter.bailey.ok(&["store", "verify"]).contains("all sound"));
    }
}

/// Gives somebody a device of codes: what it is seeded with.
pub(crate) fn device_of(counter: &Counter, who: &str) -> String {
    let made = counter.post("/v1/mfa-devices", &json!({ "name": format!("{who}-phone") }));
    let (serial, seed) = (made["serial"].as_str().unwrap(), made["seed"].as_str().unwrap());
    let before = |seconds| now().checked_sub(SignedDuration::from_secs(seconds)).unwrap();
    let path = format!("/v1/users/{who}/mfa-devices/{}", serial.replace(':', "%3A").replace('/', "%2F"));
    counter.put(&path, &json!({ "first": app_code(seed, before(60)), "second": app_code(seed, before(30)) }));
    seed.to_owned()
}

/// A message that an application makes now.
pub(crate) fn message(name: &'static str, app: &str, id: &str) -> Node {
    let node = Node::new(name).with("ID", id).with("Version", "2.0").with("IssueInstant", moment(now()));
    node.child(Node::text("saml:Issuer", entity(app)))
}

/// A request to sign somebody out.
pub(crate) fn out(app: &str, id: &str, taken: &SamlAssertion) -> Node {
    let node = message("samlp:LogoutRequest", app, id).child(Node::text("saml:NameID", &taken.name_id().value));
    node.child(Node::text("samlp:SessionIndex", taken.session_index().unwrap()))
}

/// The answer to one.
pub(crate) fn answer(app: &str, request: &str, code: &str) -> Node {
    let code = if code.is_empty() { SUCCESS.to_owned() } else { format!("urn:oasis:names:tc:SAML:2.0:status:{code}") };
    let status = Node::new("samlp:Status").child(Node::new("samlp:StatusCode").with("Value", code));
    message("samlp:LogoutResponse", app, &format!("_a-{request}")).with("InResponseTo", request).child(status)
}

/// Sends ann's name and password from the page to sign in at.
pub(crate) fn signs_in(browser: &mut Visitor, next: &str) -> Page {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
    let page = browser.get(&format!("/login?{query}"));
    sends_password(browser, &page)
}

pub(crate) fn sends_password(browser: &mut Visitor, page: &Page) -> Page {
    let (flow, next) = (page.field("flow"), plain(&page.field("next")));
    browser.post("/login", &[("flow", &flow), ("next", &next), ("login", "ann"), ("password", PASSWORD)])
}

/// Opens an address, and goes on as long as it leads to pages of ours that are not for signing in.
pub(crate) fn follow(browser: &mut Visitor, path: &str) -> Page {
    let mut page = browser.led_to(path);
    while let Some(next) = page.location.clone().filter(|next| next.starts_with("/saml/")) {
        page = browser.led_to(&next);
    }
    page
}

/// What a page has the browser carry on, by an address or by a form.
pub(crate) fn try_carried(page: &Page) -> Option<Carried> {
    if let Some((_, rest)) = page.html.split_once("<form id=\"saml\" method=\"post\" action=\"") {
        let field = if page.html.contains("name=\"SAMLRequest\"") { "SAMLRequest" } else { "SAMLResponse" };
        let xml = String::from_utf8(STANDARD.decode(plain(&page.field(field))).unwrap()).unwrap();
        let relay = page.html.contains("name=\"RelayState\"").then(|| page.field("RelayState"));
        return Some(Carried { to: plain(rest.split('"').next().unwrap()), xml, relay });
    }
    let there =
        page.html.split_once("class=\"button\" href=\"").map(|(_, rest)| plain(rest.split('"').next().unwrap()));
    let url = url::Url::parse(page.location.as_ref().or(there.as_ref())?).ok()?;
    let part = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let message = part("SAMLRequest").or_else(|| part("SAMLResponse"))?;
    let xml = inflate(&STANDARD.decode(message).unwrap()).unwrap();
    Some(Carried { to: url[..url::Position::AfterPath].to_owned(), xml, relay: part("RelayState") })
}

pub(crate) fn carried(page: &Page) -> Carried {
    try_carried(page).unwrap_or_else(|| panic!("nothing is carried on: {page:?}"))
}

impl Carried {
    /// Which of the applications it goes to.
    pub(crate) fn app(&self) -> &str {
        self.to.strip_prefix("https://").unwrap().split('.').next().unwrap()
    }

    /// What the message is called.
    pub(crate) fn id(&self) -> &str {
        self.xml.split_once(" ID=\"").unwrap().1.split_once('"').unwrap().0
    }

    pub(crate) fn status(&self) -> Vec<String> {
        status(&self.xml)
    }
}

/// Whether a page says that nothing was given, why, and what the request was called.
pub(crate) fn refuses(page: &Page, status: u16, words: &str) {
    page.says(status, words);
    page.says(status, "<p class=\"quiet\">Request <code>");
    assert!(!page.html.contains("SAMLResponse") && !page.html.contains("/tmp"), "{page:?}");
}
