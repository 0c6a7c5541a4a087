//! The way of another firm that README describes, in the real program and a real browser, by the words that are typed: from the first
//! `bailey idp add` to the day on which the firm is none of ours any more. Its provider is made with pysaml2; it takes signed requests
//! alone, and signs and encrypts what it says.

use serde_json::Value;

use crate::bed::chromium::{Chromium, Look};
use crate::bed::daemon::Bailey;
use crate::bed::pysaml2::{PASSWORD, Pysaml2};
use crate::bed::wanderer::Wanderer;
use crate::bed::{PATIENCE, converges};
use crate::grants_bed::Company;
use crate::run;
use crate::sign_in_with_simplesaml::{code_of_zoe, own_key};

const SECTION: &str = r#"[[sign_in_provider]]
name = "kessel"
title = "Kessel & Lund"
saml_provider = "KesselLund"
saml_issuer_format = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
saml_issuer_qualifier = "urn:company.example"
second_factor = ["https://refeds.org/profile/mfa"]
"#;

/// A company, and the firm of its auditors.
struct Firm {
    company: Company,
    provider: Pysaml2,
}

impl Firm {
    /// The section is there, and nothing else yet.
    fn new() -> Self {
        let provider = Pysaml2::start();
        let sso = format!(
            "[sso]\nissuer = \"https://localhost:@PORT@\"\nclient_networks = [\"127.0.0.0/8\"]\nclient_ca_file = \"{}\"\n\n",
            provider.authority_file().display()
        );
        Self { company: Company::over(Bailey::with(""), &(sso + SECTION)), provider }
    }

    fn bailey(&self) -> &Bailey {
        &self.company.counter.bailey
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.company.counter.url())
    }

    /// Writes the configuration with `section` in the place of what stands there of the firm, and has the daemon read it.
    fn reloads(&self, before: &str, section: &str) {
        let bailey = self.bailey();
        let text = std::fs::read_to_string(bailey.config()).unwrap();
        assert!(text.contains(before), "{text}");
        std::fs::write(bailey.config(), text.replace(before, section)).unwrap();
        let times = || bailey.log().matches("configuration reloaded").count();
        let had = times();
        bailey.signal("HUP");
        assert!(converges(PATIENCE, || times() > had), "{}", bailey.log());
    }

    /// What health has to say of SAML providers, once it is `wanted`.
    fn health_says(&self, wanted: &str) {
        let counter = &self.company.counter;
        assert!(converges(PATIENCE, || counter.readiness().contains(wanted)), "{}", counter.readiness());
    }

    /// What a browser does in which zoe is to sign in by her firm.
    fn begins(&self, browser: &Chromium) {
        browser.go(&self.url("/login/with/kessel?next=/me/grants"));
        signs_in_there(browser);
    }

    fn lets_in(&self, browser: &Chromium) {
        self.begins(browser);
        browser.until("main", "Kessel & Lund");
        assert_eq!(browser.path(), "/me/grants");
    }

    /// Nobody is let in, and the log says why in these words.
    fn refuses(&self, browser: &Chromium, why: &str) {
        self.begins(browser);
        browser.until("main", "is not accepted");
        let records = self.company.counter.last_records(10, 0);
        let said =
            records.iter().map(Value::to_string).rfind(|record| record.contains("VerifySAML")).unwrap_or_default();
        assert!(said.contains(why) && said.contains("\"kessel\""), "{why}: {said}");
    }

    /// Who was in is not any more, and is told why.
    fn is_out(&self, browser: &Chromium) {
        browser.go(&self.url("/me"));
        browser.until("h1", "Sign in");
        assert_eq!(browser.path(), "/login?next=%2Fme&why=origin_ended");
    }
}

fn signs_in_there(browser: &Chromium) {
    browser.until("h1", "Kessel & Lund, sign in");
    browser.types("#username", "zoe");
    browser.types("#password", PASSWORD);
    browser.clicks("#submit");
}

/// What is missing is said before anybody meets it: at first the firm, then our key. The section as it is then.
fn is_set_up(firm: &Firm) -> String {
    let bailey = firm.bailey();
    firm.health_says("there is no SAML provider `KesselLund` in the account; add it: bailey idp add KesselLund");
    assert!(bailey.log().contains("nobody can sign in by a [[sign_in_provider]] yet"), "{}", bailey.log());
    bailey.ok(&["idp", "add", "KesselLund", "--metadata", &firm.provider.entity_id()]);
    let check = bailey.run(&["idp", "check", "KesselLund"]);
    let said = run::said(&check);
    assert!(!check.status.success() && said.contains("saml_key_file") && said.contains("openssl req -x509"), "{said}");
    let section = format!("{SECTION}{}", own_key(bailey));
    firm.reloads(SECTION, &section);
    assert!(bailey.ok(&["check"]).contains("bailey idp check KesselLund"));
    let said = bailey.ok(&["idp", "check", "KesselLund"]);
    assert!(!said.contains("saml_key_file"), "{said}");
    section
}

/// The firm is told who we are, and zoe comes in by an invitation. Her browser.
fn comes_in(firm: &Firm) -> Chromium {
    let bailey = firm.bailey();
    let own = Wanderer::new().go(&firm.url("/login/with/kessel/metadata"));
    own.says(200, "EntityDescriptor");
    firm.provider.knows(&own.html);
    bailey.ok(&["user", "create", "ext.zoe"]);
    let engagement = ["engagement", "create", "soc2", "--firm", "Kessel & Lund", "--sponsor", "cam", "--ends", "42d"];
    bailey.ok(&[&engagement[..], &["--person", "ext.zoe", "--sign-in-with", "kessel"]].concat());
    let invited = bailey.json(&["engagement", "invite", "soc2", "ext.zoe"]);
    let link = invited["link"].as_str().unwrap();
    let zoe = Chromium::open(Look::Light);
    zoe.go(&firm.url(&link[link.find("/invitation/").unwrap()..]));
    zoe.until("h1", "You are invited");
    zoe.types("#code", &code_of_zoe(&firm.company));
    zoe.clicks("button[type=submit]");
    signs_in_there(&zoe);
    zoe.until("main", "Kessel & Lund");
    assert_eq!(zoe.path(), "/me/grants");
    let shown = bailey.json(&["engagement", "show", "soc2"]);
    let linked = shown["sign_in"][0]["linked"].as_str().unwrap_or_else(|| panic!("{shown}"));
    assert!(linked.ends_with(&format!(" of {}", firm.provider.entity_id())), "{linked}");
    zoe
}

/// What came there was signed, and said who asks as it was told to; what came back was encrypted as our metadata asks.
fn was_asked_as_the_section_says(firm: &Firm) {
    let asked = firm.provider.asked();
    assert_eq!(asked.len(), 2);
    for one in asked {
        for (name, value) in [
            ("issuer", firm.url("/login/with/kessel/metadata").as_str()),
            ("format", "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"),
            ("qualifier", "urn:company.example"),
            ("policy", "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"),
            ("acs", &firm.url("/login/with/kessel/acs")),
            ("destination", &firm.provider.url("/sso")),
            ("cipher", "http://www.w3.org/2009/xmlenc11#aes128-gcm"),
        ] {
            assert_eq!(one[name], value, "{name}");
        }
        assert!(one["signed"] == true && one["clear"] == false, "{one}");
    }
}

#[test]
fn a_firm_is_taken_up_changes_its_key_and_goes() {
    let firm = Firm::new();
    let (bailey, provider) = (firm.bailey(), &firm.provider);
    let section = is_set_up(&firm);
    let zoe = comes_in(&firm);
    let later = Chromium::open(Look::Light);
    firm.lets_in(&later);
    was_asked_as_the_section_says(&firm);

    // By itself it encrypts in a way that is not opened here, and the log names it.
    provider.encrypts_by_itself(true);
    firm.refuses(&later, "xmlenc#tripledes-cbc");
    provider.encrypts_by_itself(false);

    // Another key counts for nothing until somebody confirms it, and from then on the one before does not.
    provider.takes_another_key();
    firm.refuses(&later, "signature");
    let held = bailey.run(&["idp", "refresh", "KesselLund"]);
    let said = run::said(&held);
    assert_eq!(held.status.code(), Some(3), "{said}");
    firm.refuses(&later, "signature");
    zoe.go(&firm.url("/me"));
    zoe.until("h1", "My access");
    let (_, digest) = said.split_once("bailey idp confirm KesselLund ").unwrap_or_else(|| panic!("{said}"));
    bailey.ok(&["idp", "confirm", "KesselLund", digest.trim()]);
    firm.is_out(&zoe);
    firm.lets_in(&later);

    // Without the section nobody comes, and whoever is there is not any more.
    firm.reloads(&section, "");
    firm.is_out(&later);
    Wanderer::new().go(&firm.url("/login/with/kessel")).says(404, "Nobody signs in by that name here");
}
