//! People of another firm whose own provider is SimpleSAMLphp: one of them is invited, signs in there, and is known from then on.

use bailey::base::Clock as _;
use bailey::base::clock::SystemClock;
use serde_json::{Value, json};

use crate::bed::chromium::{Chromium, Look};
use crate::bed::daemon::Bailey;
use crate::bed::simplesaml::{PASSWORD, SimpleSaml};
use crate::bed::wanderer::{Form, Place, Wanderer, plain};
use crate::grants_bed::Company;

/// A company, and the firm of its auditors.
struct Firm {
    company: Company,
    provider: SimpleSaml,
}

impl Firm {
    fn new() -> Self {
        let (bailey, provider) = (Bailey::with(""), SimpleSaml::start());
        let file = bailey.path("kessel.xml");
        std::fs::write(&file, provider.metadata()).unwrap();
        let company = Company::over(
            bailey,
            &format!(
                "[sso]\nissuer = \"https://localhost:@PORT@\"\n\n[[sign_in_provider]]\nname = \"kessel\"\n\
                 title = \"Kessel & Lund\"\nmetadata_file = \"{}\"\nlisted = true\n\
                 second_factor = [\"https://refeds.org/profile/mfa\"]\n\n",
                file.display()
            ),
        );
        let firm = Self { company, provider };
        let own = Wanderer::new().go(&firm.url("/login/with/kessel/metadata"));
        own.says(200, "EntityDescriptor");
        firm.provider.knows("bailey", &own.html);
        firm.company.counter.post("/v1/users", &json!({ "name": "ext.zoe" }));
        let ends = SystemClock.now().saturating_add(jiff::SignedDuration::from_hours(24 * 42)).unwrap();
        let engagement = json!({
            "name": "soc2", "firm": "Kessel & Lund", "sponsor": "cam", "people": ["ext.zoe"], "sign_in_with": "kessel",
            "ends": ends,
        });
        firm.company.counter.post("/v1/engagements", &engagement);
        firm
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.company.counter.url())
    }

    /// Zoe is sent from our page to her provider and signs in there; the form by which it sends her back.
    fn signs_in_there(&self, browser: &mut Wanderer, onward: &Place) -> Form {
        onward.says(200, "On to your own firm");
        let (_, rest) = onward.html.split_once(&format!("href=\"{}", self.provider.url(""))).unwrap();
        let there = format!("{}{}", self.provider.url(""), plain(rest.split('"').next().unwrap()));
        let page = browser.go(&there);
        let page = match page.html.contains("name=\"SAMLResponse\"") {
            // It knows her already.
            true => page,
            false => browser.sends(&page.form("username"), &[("username", "zoe"), ("password", PASSWORD)]),
        };
        page.form("SAMLResponse")
    }

    fn begins(&self, browser: &mut Wanderer) -> Form {
        let onward = browser.go(&self.url("/login/with/kessel?next=/me/grants"));
        self.signs_in_there(browser, &onward)
    }

    /// Somebody who was invited comes in for the first time.
    fn is_linked(&self, browser: &mut Wanderer) -> Place {
        let made = self.company.counter.post("/v1/engagements/soc2/invitations", &json!({ "person": "ext.zoe" }));
        let link = made["link"].as_str().unwrap();
        let mut cam = self.company.person("cam");
        let form = cam.visitor.get("/logout").field("form");
        let said = [("form", form.as_str()), ("person", "ext.zoe")];
        let code = cam.visitor.post("/me/engagements/soc2/people/code", &said).between("id=\"code\">", "<");
        let page = browser.go(&self.url(&link[link.find("/invitation/").unwrap()..]));
        let onward = browser.sends(&page.form("code"), &[("code", &code)]);
        let form = self.signs_in_there(browser, &onward);
        browser.sends(&form, &[])
    }
}

#[test]
fn zoe_is_invited_signs_in_there_and_is_known_from_then_on() {
    let firm = Firm::new();
    let mut zoe = Wanderer::new();
    let page = firm.is_linked(&mut zoe);
    page.says(200, "Kessel &#38; Lund");
    assert_eq!(page.url.path(), "/me/grants");
    let shown: Value = firm.company.counter.get("/v1/engagements/soc2");
    let linked = shown["sign_in"][0]["linked"].as_str().unwrap_or_else(|| panic!("{shown}"));
    assert!(linked.ends_with(&format!(" of {}", firm.provider.entity_id())), "{linked}");

    // The same response is of no use any more: not here, not elsewhere, and not for another request.
    let mut again = Wanderer::new();
    let form = firm.begins(&mut again);
    again.sends(&form, &[]).says(200, "Kessel &#38; Lund");
    let not_begun = "was not begun in this browser";
    again.sends(&form, &[]).says(403, not_begun);
    let mut thief = Wanderer::new();
    thief.sends(&form, &[]).says(403, not_begun);
    firm.begins(&mut thief);
    thief.sends(&form, &[]).says(403, "is not accepted");
    let page = thief.go(&firm.url("/me/grants"));
    assert_eq!(page.url.path(), "/login", "{page:?}");

    // Whoever is known by another name each time is not known.
    firm.provider.forgets_names();
    let mut nobody = Wanderer::new();
    let form = firm.begins(&mut nobody);
    nobody.sends(&form, &[]).says(403, "is not accepted");
    let page = nobody.go(&firm.url("/me/grants"));
    assert_eq!(page.url.path(), "/login", "{page:?}");
}

#[test]
fn a_browser_of_today_brings_her_there_and_back() {
    let firm = Firm::new();
    firm.is_linked(&mut Wanderer::new());
    let browser = Chromium::open(Look::Light);
    browser.go(&firm.url("/login"));
    browser.clicks("a[href^='/login/with/kessel']");
    browser.types("#username", "zoe");
    browser.types("#password", PASSWORD);
    browser.clicks("#submit_button");
    browser.until("main", "Kessel & Lund");
    assert_eq!(browser.path(), "/me/grants");
    // Its Apache has no icon.
    let complaints = browser.complaints();
    assert!(complaints.iter().all(|line| line.contains("favicon.ico")), "{complaints:?}");
}
