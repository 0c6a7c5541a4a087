//! Every route of the public listener that a browser or a client of single sign-on can ask, for each sort of asker, as a table that a
//! person reads. The routes are those that the source names; one that is missing here is missing nowhere.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use bailey::sso::metadata::paths;
use regex::Regex;
use serde_json::json;

use crate::credentials::app_code;
use crate::golden::assert_golden;
use crate::portal::{Browser, Page};
use crate::sso_desk::{Desk, basic};
use crate::sts_unsigned::{PASSWORD, device, person};

const SOURCES: [&str; 4] = [
    include_str!("../../src/http/public.rs"),
    include_str!("../../src/http/oauth.rs"),
    include_str!("../../src/http/me.rs"),
    include_str!("../../src/http/portal/mod.rs"),
];

/// What the source calls paths by.
fn constants() -> impl Iterator<Item = (String, String)> {
    let text = include_str!("../../src/sso/metadata.rs");
    let form = Regex::new(r#"pub const ([A-Z_]+): &str = "(/[^"]*)";"#).unwrap();
    form.captures_iter(text).map(|found| (found[1].to_owned(), found[2].to_owned())).collect::<Vec<_>>().into_iter()
}

/// Method and path of every route.
fn routes() -> BTreeSet<(String, String)> {
    let constants: std::collections::BTreeMap<String, String> = constants().collect();
    assert_eq!(constants["AUTHORIZE"], paths::AUTHORIZE);
    let route = Regex::new(r"(?s)\.route\(\s*(&format!\([^)]*\)|[^,]+?),\s*(.*?)\)\s*(?:\n|;)").unwrap();
    let method = Regex::new(r"\b(get|post|delete|put|options)\(").unwrap();
    let mut found = BTreeSet::new();
    for source in SOURCES {
        let source = source.split("#[cfg(test)]").next().unwrap();
        for captured in route.captures_iter(source) {
            let name = captured[1].trim();
            let path = match name.strip_prefix("paths::") {
                Some(constant) => constants[constant].clone(),
                None => match name.strip_prefix("&format!(\"{}/{{client}}\", paths::") {
                    Some(constant) => format!("{}/nobody", constants[constant.trim_end_matches(')')]),
                    None => name.trim_matches('"').replace("{name}", "portal.css"),
                },
            };
            assert!(path.starts_with('/'), "{name}: what is that path?");
            let methods: Vec<String> = method.captures_iter(&captured[2]).map(|m| m[1].to_uppercase()).collect();
            assert!(!methods.is_empty(), "{path} has no method in {}", &captured[0]);
            found.extend(methods.into_iter().map(|method| (path.clone(), method)));
        }
    }
    found
}

/// Who asks.
#[derive(Clone, Copy, PartialEq)]
enum Asker {
    /// Nobody that is known.
    Nobody,
    /// A page of another site, in the browser of somebody who is signed in.
    OtherSite,
    /// Somebody who is signed in.
    SignedIn,
    /// With a second factor.
    WithFactor,
    /// A client of single sign-on, by its secret.
    Client,
}

const ASKERS: [(Asker, &str); 5] = [
    (Asker::Nobody, "nobody"),
    (Asker::OtherSite, "another site"),
    (Asker::SignedIn, "signed in"),
    (Asker::WithFactor, "with a factor"),
    (Asker::Client, "a client"),
];

/// An answer in a word: its status, and where it leads to.
fn told(page: &Page) -> String {
    let place = page.location.as_deref().map(|place| place.split('?').next().unwrap().to_owned());
    place.map_or_else(|| page.status.to_string(), |place| format!("{} {place}", page.status))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_says_who_is_answered_what_on_every_route() {
    let desk = Desk::new().await;
    let app = &desk.office.fixture.app;
    app.admin.keys.turn_saml_keys(&app.store, "test", app.admin.now()).unwrap();
    let secret = desk.client("robot", json!({ "grants": ["client_credentials"] })).await;
    person(&desk.office, "bob").await;
    person(&desk.office, "cid").await;
    let basic = basic("robot", &secret);
    let mut table = format!("{:<50}", "route");
    ASKERS.iter().for_each(|(_, name)| write!(table, "{name:<24}").unwrap());
    table = format!("{}\n", table.trim_end());
    let routes = routes();
    for expected in ["/login", "/me/use", paths::TOKEN, "/v1/session"] {
        assert!(routes.iter().any(|(path, _)| path == expected), "{expected}: {routes:?}");
    }
    let (_, seed) = device(&desk.office, "bob").await;
    for (path, method) in routes {
        write!(table, "{:<50}", format!("{method:<8}{path}")).unwrap();
        for (asker, _) in ASKERS {
            // Each asks in a browser of their own, so that no answer changes what the next one is.
            let mut browser = Browser::new(&desk.office);
            match asker {
                Asker::Nobody | Asker::Client => {}
                Asker::OtherSite | Asker::SignedIn => {
                    browser.sign_in("cid", PASSWORD).await.leads_to("/me");
                }
                Asker::WithFactor => {
                    let asked = browser.sign_in("bob", PASSWORD).await;
                    let code = app_code(&seed, desk.office.fixture.app.admin.now());
                    let (flow, half) = (asked.field("flow"), asked.field("half"));
                    let form = [("flow", flow.as_str()), ("half", &half), ("next", "/me"), ("code", &code)];
                    browser.post("/login/code", &form).await.leads_to("/me");
                    desk.office.pass(30);
                }
            }
            let code = match asker {
                Asker::SignedIn | Asker::WithFactor => browser.get("/logout").await.field("form"),
                _ => String::new(),
            };
            let site = if asker == Asker::OtherSite { "cross-site" } else { "same-origin" };
            let mut headers = vec![("sec-fetch-site", site)];
            headers.extend((asker == Asker::Client).then_some(("authorization", basic.as_str())));
            let page = browser.ask(&method, &path, &[("form", &code)], &headers).await;
            assert!(page.status < 500, "{method} {path}: {page:?}");
            write!(table, "{:<24}", told(&page)).unwrap();
        }
        table.truncate(table.trim_end().len());
        table.push('\n');
    }
    assert_golden("routes.txt", &table);
}
