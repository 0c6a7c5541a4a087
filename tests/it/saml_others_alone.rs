//! Service providers and an identity provider that others made, among themselves: what a test of ours with one of them finds is then no
//! fault of the bed.

use crate::bed::service_provider::{Maker, ServiceProvider};
use crate::bed::simplesaml::{PASSWORD, SimpleSaml};
use crate::bed::wanderer::{Wanderer, plain};

#[test]
fn they_sign_people_in_and_out_without_us() {
    let provider = SimpleSaml::start();
    provider.encrypts();
    let metadata = provider.metadata();
    for maker in [Maker::Mellon, Maker::Shibboleth, Maker::OneLogin, Maker::Pysaml2, Maker::NodeSaml] {
        let sp = ServiceProvider::start(maker, &metadata);
        provider.knows(&format!("{maker:?}"), &sp.metadata());
        let mut browser = Wanderer::new();
        for _ in 0..2 {
            // Whoever was signed out is asked again.
            let page = browser.go(&sp.url("/private"));
            let page = browser.sends(&page.form("username"), &[("username", "zoe"), ("password", PASSWORD)]);
            let page = browser.sends_on(page);
            let shown = plain(&page.html);
            for text in ["<h1>Signed in</h1>", "zoe@auditors.example", "Prüfer & Co"] {
                assert!(page.status == 200 && shown.contains(text), "{maker:?}: {page:?}\n{}", provider.log());
            }
            let page = browser.go(&sp.sign_out());
            let page = browser.sends_on(page);
            assert!(page.html.contains("Signed out"), "{maker:?}: {page:?}\n{}", provider.log());
        }
    }
}
