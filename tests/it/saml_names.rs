//! What a directory says of people arrives at service providers of others as it was: names with quotes, angles, ampersands and umlauts,
//! and a list of hundreds. From OpenLDAP through the real program to pysaml2 and python3-saml.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::bed::counter::Counter;
use crate::bed::daemon::{Bailey, directory_of};
use crate::bed::service_provider::Maker;
use crate::bed::slapd::{Options, SUFFIX, Slapd};
use crate::bed::wanderer::{Place, Wanderer, plain};
use crate::saml_sign_on_pysaml2::Pysaml2;
use crate::saml_with_others::{introduced, own_metadata};

const PASSWORD: &str = "Kahn-Mole-Pier-7";
/// Where readers of XML, of HTML and of lists go wrong.
const SHOWN: &str = "Zoë \"Zed\" <O'Neil> & Söhne; &amp; ]]> 100 %";
const MAIL: &str = "zoe.o'neil&co@example.test";
/// What groups are called in the directory, besides the hundreds.
const ODD_GROUPS: [&str; 4] = ["Prüfer & Söhne", "\"Quoted\" <b>", "O'Neil's", "Ελληνικά"];
const MANY: usize = 300;

/// An attribute of LDIF, whatever its value is.
fn line(name: &str, value: &str) -> String {
    format!("{name}:: {}\n", STANDARD.encode(value))
}

/// The first part of a DN (RFC 4514, section 2.4).
fn rdn(value: &str) -> String {
    value.chars().fold("cn=".to_owned(), |text, c| match c {
        '"' | '+' | ',' | ';' | '<' | '>' | '\\' => text + "\\" + &c.to_string(),
        _ => text + &c.to_string(),
    })
}

/// Zoë, who is in all of the groups.
fn ldif() -> String {
    let zoe = format!("uid=zoe,ou=people,{SUFFIX}");
    let person = format!(
        "dn: {zoe}\nobjectClass: inetOrgPerson\nuid: zoe\nsn: Neil\nuserPassword: {PASSWORD}\n{}{}{}\n",
        line("cn", SHOWN),
        line("displayName", SHOWN),
        line("mail", MAIL)
    );
    let names = ODD_GROUPS.map(str::to_owned).into_iter().chain((0..MANY).map(|n| format!("project-{n:03}")));
    let groups = names.map(|name| {
        let dn = line("dn", &format!("{},ou=groups,{SUFFIX}", rdn(&name)));
        format!("{dn}objectClass: groupOfNames\n{}member: {zoe}\n\n", line("cn", &name))
    });
    person + &groups.collect::<String>()
}

/// Signs in where that is asked for, and goes on to the page that posts the response.
fn signs_in(counter: &Counter, browser: &mut Wanderer, page: &Place) -> Place {
    let form = page.form("login");
    let next = form.value("next").unwrap().to_owned();
    let page = browser.sends(&form, &[("login", "zoe"), ("password", PASSWORD)]);
    page.says(200, "http-equiv=\"refresh\"");
    browser.go(&format!("{}{next}", counter.url()))
}

fn sorted(mut values: Vec<String>) -> Vec<String> {
    values.sort();
    values
}

#[test]
fn odd_names_and_hundreds_of_values_arrive_as_they_were() {
    let slapd = Slapd::start(Options { ldif: ldif(), memberof: false, ..Options::default() });
    let own = "[sso]\nissuer = \"https://localhost:@PORT@\"\n\n";
    let counter = Counter::over(Bailey::with(""), &format!("{own}{}", directory_of(&slapd, "")));
    counter.bailey.wait_until_read();
    // Groups go by the names that policies know them by; the directory's own are kept beside.
    let all: Value = counter.bailey.json(&["group", "list", "--limit", "1000"]);
    let name_of = |called: &str| {
        let found = all.as_array().unwrap().iter().find(|group| group["original_name"] == called);
        found.unwrap_or_else(|| panic!("no {called} in {all}"))["name"].as_str().unwrap().to_owned()
    };
    let groups = ODD_GROUPS.map(name_of).into_iter().chain((0..MANY).map(|n| format!("project-{n:03}")));
    let groups = sorted(groups.collect());
    assert!(groups.iter().any(|name| name == "Prufer___Sohne"), "{:?}", &groups[..4]);

    // pysaml2, which knows people by what they are shown as; it is told encrypted.
    let mut pysaml2 = Pysaml2::new();
    let described = pysaml2.does(json!({ "do": "metadata" }))["xml"].as_str().unwrap().to_owned();
    pysaml2.trusts(&own_metadata(&counter));
    let attributes = [("mail", "mail"), ("displayName", "display_name"), ("groups", "groups")];
    let attributes = attributes.map(|(name, value)| json!({ "name": name, "value": value }));
    let settings = json!({ "name_id": "unspecified:display_name", "attributes": attributes });
    counter.post("/v1/saml-sps", &json!({ "name": "py", "metadata": described, "settings": settings }));
    let mut browser = Wanderer::new();
    let asked = pysaml2.does(json!({ "do": "ask", "binding": "redirect" }));
    let page = browser.go(asked["to"].as_str().unwrap());
    let page = signs_in(&counter, &mut browser, &page);
    let response = page.form("SAMLResponse").value("SAMLResponse").unwrap().to_owned();
    let taken = pysaml2.does(json!({ "do": "take", "response": response }));
    assert_eq!((&taken["name_id"], &taken["attributes"]["mail"]), (&json!(SHOWN), &json!([MAIL])));
    assert_eq!(taken["attributes"]["displayName"], json!([SHOWN]));
    let told: Vec<String> = serde_json::from_value(taken["attributes"]["groups"].clone()).unwrap();
    assert_eq!(sorted(told), groups);

    // python3-saml, which shows it on a page.
    let sp = introduced(&counter, "one", Maker::OneLogin, &[]);
    let page = browser.go(&sp.url("/private"));
    let page = browser.sends_on(page);
    page.says(200, "<h1>Signed in</h1>");
    let shown = |id: &str| {
        let (_, rest) = page.html.split_once(&format!("<p id=\"{id}\">")).unwrap();
        plain(rest.split("</p>").next().unwrap())
    };
    assert_eq!((shown("mail").as_str(), shown("display").as_str()), (MAIL, SHOWN));
    assert_eq!(sorted(shown("groups").split(';').map(str::to_owned).collect()), groups);
}
