//! People of another firm whose own provider is SimpleSAMLphp: one of them is invited, signs in there, and is known from then on.
//! Requests of ours are signed there, and what it encrypts is refused by the name of the cipher.

use std::process::Command;

use bailey::base::Clock as _;
use bailey::base::clock::SystemClock;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::bed::chromium::{Chromium, Look};
use crate::bed::daemon::Bailey;
use crate::bed::simplesaml::{PASSWORD, SimpleSaml};
use crate::bed::wanderer::{Form, Place, Wanderer, plain};
use crate::grants_bed::Company;
use crate::run;

/// A company, and the firm of its auditors.
struct Firm {
    company: Company,
    provider: SimpleSaml,
}

/// A key of ours towards a provider, made as the configuration's example says; the lines that name it there.
pub(crate) fn own_key(bailey: &Bailey) -> String {
    let [key, certificate] = ["kessel-saml.key", "kessel-saml.pem"].map(|name| bailey.path(name).display().to_string());
    let words = "req -x509 -newkey rsa:3072 -nodes -days 3650 -subj /CN=bailey -keyout";
    run::stdout(Command::new("openssl").args(words.split(' ')).args([&key, "-out", &certificate]));
    format!("saml_key_file = \"{key}\"\nsaml_certificate_file = \"{certificate}\"\n")
}

/// The code that cam reads out to zoe, who was invited.
pub(crate) fn code_of_zoe(company: &Company) -> String {
    let mut cam = company.person("cam");
    let form = cam.visitor.get("/logout").field("form");
    let said = [("form", form.as_str()), ("person", "ext.zoe")];
    cam.visitor.post("/me/engagements/soc2/people/code", &said).between("id=\"code\">", "<")
}

impl Firm {
    fn new() -> Self {
        Self::with(|_| String::new())
    }

    /// The same, whose section says `more` besides.
    fn with(more: impl FnOnce(&Bailey) -> String) -> Self {
        let (bailey, provider) = (Bailey::with(""), SimpleSaml::start());
        let more = more(&bailey);
        let file = bailey.path("kessel.xml");
        std::fs::write(&file, provider.metadata()).unwrap();
        let company = Company::over(
            bailey,
            &format!(
                "[sso]\nissuer = \"https://localhost:@PORT@\"\n\n[[sign_in_provider]]\nname = \"kessel\"\n\
                 title = \"Kessel & Lund\"\nmetadata_file = \"{}\"\nlisted = true\n\
                 second_factor = [\"https://refeds.org/profile/mfa\"]\n{more}\n",
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

    /// Where our page sends zoe.
    fn there(&self, onward: &Place) -> String {
        onward.says(200, "On to your own firm");
        let (_, rest) = onward.html.split_once(&format!("href=\"{}", self.provider.url(""))).unwrap();
        format!("{}{}", self.provider.url(""), plain(rest.split('"').next().unwrap()))
    }

    /// Zoe is sent from our page to her provider and signs in there; the form by which it sends her back.
    fn signs_in_there(&self, browser: &mut Wanderer, onward: &Place) -> Form {
        let there = self.there(onward);
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
        let code = code_of_zoe(&self.company);
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

/// It takes the signature from what our metadata says, and the cipher from nowhere: by CBC, which is not opened here.
#[test]
fn requests_are_signed_there_and_what_it_encrypts_is_refused_by_the_name_of_its_cipher() {
    let firm = Firm::with(own_key);
    let mut zoe = Wanderer::new();
    firm.is_linked(&mut zoe).says(200, "Kessel &#38; Lund");

    let onward = zoe.go(&firm.url("/login/with/kessel"));
    let there = firm.there(&onward);
    let (unsigned, _) = there.split_once("&SigAlg=").unwrap();
    Wanderer::new().go(unsigned).says(200, "no signature found on message");
    let page = Wanderer::new().go(&there);
    page.form("username");

    firm.provider.encrypts();
    let form = firm.begins(&mut zoe);
    let response = STANDARD.decode(form.value("SAMLResponse").unwrap()).unwrap();
    let response = String::from_utf8(response).unwrap();
    assert!(response.contains("xmlenc#aes128-cbc") && !response.contains("NameID"), "{response}");
    zoe.sends(&form, &[]).says(403, "is not accepted");
    let records = firm.company.counter.last_records(20, 0);
    let refused = records.iter().find(|record| record.to_string().contains("VerifySAML"));
    let refused = refused.unwrap_or_else(|| panic!("{records:?}")).to_string();
    assert!(refused.contains("xmlenc#aes128-cbc") && refused.contains("\"kessel\""), "{refused}");
}
