//! People of another firm sign in by that firm's own SAML provider: sent with a request, known by issuer and persistent name alone. What
//! was not asked for, or is wrong in one place, lets nobody in.

use std::process::Command;

use bailey::authn::outside::{By, Provider};
use bailey::authn::saml::{IdentityProvider, Known, Party, ServiceProvider};
use bailey::base::Timestamp;
use bailey::base::clock::{Clock as _, SystemClock};
use bailey::daemon::saml_metadata::{Providers as Fetched, Rounds};
use bailey::saml_xml::{DecryptionKey, RequestKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use url::Url;

use crate::credentials::sound;
use crate::grants::Bureau;
use crate::invitations::{code_of, enrols, invite, sponsor};
use crate::portal::{Browser, Page};
use crate::run;
use crate::saml_bed::{ACS, RSA, SP, STRANGER, Sign, encrypted, metadata, now};
use crate::sts_office::Office;
use crate::sts_saml::Wanted;
use crate::sts_saml_encrypted::{FIRST, GCM, OAEP};

pub(crate) const HERE: &str = "https://bailey.example";
const OURS: &str = "https://bailey.example/login/with/kessel/metadata";
const BACK: &str = "https://bailey.example/login/with/kessel/acs";
const POST_BACK: &str = "/login/with/kessel/acs";
pub(crate) const COOKIE: &str = "__Host-bailey-saml";
const MFA: &str = "https://refeds.org/profile/mfa";
const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";

/// A bureau whose auditors sign in at Kessel & Lund's own provider.
pub(crate) struct Firm {
    pub(crate) bureau: Bureau,
}

/// As a provider that is asked by an address describes itself.
pub(crate) fn described() -> String {
    metadata(&[&RSA])
        .replace("WantAuthnRequestsSigned=\"true\"", "")
        .replace("bindings:HTTP-POST", "bindings:HTTP-Redirect")
        .replace("https://idp.test/sso", "https://idp.test/sso?theme=dark")
}

pub(crate) fn party(known: Known) -> Party {
    let own = ServiceProvider {
        key: Some(DecryptionKey::from_pem(&STRANGER.key_pem).unwrap()),
        ..ServiceProvider::new(OURS, BACK)
    };
    let key = Some(RequestKey::from_pem(&STRANGER.key_pem, &STRANGER.certificate).unwrap());
    let format = Some("urn:oasis:names:tc:SAML:2.0:nameid-format:entity".to_owned());
    Party { known, own, issuer_format: format, issuer_qualifier: Some("urn:kessel".to_owned()), key }
}

impl Firm {
    pub(crate) async fn new() -> Self {
        Self::at(now(), Known::Told(Box::new(IdentityProvider::read(&described()).unwrap()))).await
    }

    pub(crate) async fn at(at: Timestamp, known: Known) -> Self {
        let firm = Self { bureau: Bureau::new().await };
        firm.opens(at, known);
        let bureau = &firm.bureau;
        for name in ["ext.eve", "ext.finn"] {
            bureau.office.post("/v1/users", json!({ "name": name })).await;
        }
        let ends = at.saturating_add(jiff::SignedDuration::from_hours(24 * 90)).unwrap();
        let engagement = json!({
            "name": "soc2", "firm": "Kessel & Lund", "sponsor": "dee", "people": ["ext.eve", "ext.finn"],
            "sign_in_with": "kessel", "ends": ends,
        });
        bureau.office.post("/v1/engagements", engagement).await;
        firm
    }

    /// It is configured so, at this time.
    fn opens(&self, at: Timestamp, known: Known) {
        self.bureau.office.fixture.clock.set(at);
        let app = &self.bureau.office.fixture.app;
        app.sso_settings.write().unwrap().issuer = Some(HERE.parse().unwrap());
        self.known(known);
    }

    /// From now on that is known of the provider.
    pub(crate) fn known(&self, known: Known) {
        self.bureau.office.fixture.app.providers.replace(vec![Provider {
            name: "kessel".to_owned(),
            title: "Kessel & Lund".to_owned(),
            by: By::Saml(Box::new(party(known))),
            account: "123456789012".parse().unwrap(),
            second_factor: [MFA.to_owned()].into(),
            listed: true,
        }]);
    }

    /// The same store and files, opened anew.
    pub(crate) async fn restarted(self, known: Known) -> Self {
        let Bureau { office: Office { fixture, served }, seeds } = self.bureau;
        served.serving.abort();
        let _ = served.serving.await;
        drop(served.file);
        let (at, fixture) = (fixture.app.admin.now(), fixture.restarted());
        let served = fixture.serve().await;
        let firm = Self { bureau: Bureau { office: Office { fixture, served }, seeds } };
        firm.opens(at, known);
        firm
    }

    /// `who` is invited, types the code, and is sent to their firm.
    pub(crate) async fn invited(&self, browser: &mut Browser<'_>, who: &str) -> Url {
        let link = invite(&self.bureau, who).await;
        let mut dee = self.bureau.browser("dee").await;
        let code = code_of(&sponsor(&mut dee, "code", who).await);
        let page = browser.get(&link).await;
        sent(&browser.post(&link, &[("flow", &page.field("flow")), ("code", &code)]).await)
    }

    pub(crate) async fn begins(&self, browser: &mut Browser<'_>) -> Url {
        sent(&browser.get("/login/with/kessel?next=/me/grants").await)
    }

    /// A response to a request, of somebody who showed a second factor there.
    pub(crate) fn answers(&self, request: &Url, id: &'static str) -> Wanted {
        let wanted = Wanted {
            request: Some(id_of(request)),
            at: self.bureau.office.fixture.app.admin.now(),
            ..Wanted::of(&[]).id(id)
        };
        let wanted = wanted.but(ACS, BACK).but(&format!("<saml:Audience>{SP}</saml:Audience>"), &audience(OURS));
        wanted.but("<saml:AttributeStatement><saml:Attribute Name=\"https://aws.amazon.com/SAML/Attributes/Role\"></saml:Attribute>", "<saml:AttributeStatement>").but(PASSWORD, MFA)
    }

    pub(crate) async fn linked(&self, who: &str, id: &'static str) {
        let mut browser = Browser::new(&self.bureau.office);
        let request = self.invited(&mut browser, who).await;
        posts(&mut browser, &self.answers(&request, id).base64()).await.leads_to("/me/grants");
    }

    async fn signs_in(&self, who: &str) -> Value {
        let shown: Value = self.bureau.office.served.client.get("/v1/engagements/soc2").await.unwrap();
        shown["sign_in"].as_array().unwrap().iter().find(|one| one["name"] == who).unwrap().clone()
    }
}

fn audience(name: &str) -> String {
    format!("<saml:Audience>{name}</saml:Audience>")
}

/// Where a page sends the browser.
pub(crate) fn sent(page: &Page) -> Url {
    page.says(200, "On to your own firm");
    let link = page.html.split_once("class=\"button\" href=\"").unwrap().1.split('"').next().unwrap();
    Url::parse(&link.replace("&#38;", "&").replace("&amp;", "&")).unwrap()
}

fn part(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The request in an address.
pub(crate) fn request_in(url: &Url) -> String {
    bailey::saml_xml::inflate(&STANDARD.decode(part(url, "SAMLRequest").unwrap()).unwrap()).unwrap()
}

pub(crate) fn id_of(url: &Url) -> String {
    request_in(url).split_once(" ID=\"").unwrap().1.split('"').next().unwrap().to_owned()
}

/// A page of the provider's has the browser send a form: cookies that are `Lax` stay behind.
pub(crate) async fn posts(browser: &mut Browser<'_>, response: &str) -> Page {
    posts_to(browser, POST_BACK, &[("SAMLResponse", response), ("RelayState", "x")]).await
}

pub(crate) async fn posts_to(browser: &mut Browser<'_>, path: &str, form: &[(&str, &str)]) -> Page {
    let kept = browser.cookies.clone();
    browser.cookies.retain(|name, _| name == COOKIE);
    let headers = [("sec-fetch-site", "cross-site"), ("origin", "https://idp.test")];
    let page = browser.post_from(path, form, &headers).await;
    for (name, value) in kept.into_iter().filter(|(name, _)| name != COOKIE) {
        browser.cookies.entry(name).or_insert(value);
    }
    page
}

#[tokio::test(flavor = "multi_thread")]
async fn pysaml2_signs_somebody_in_who_was_invited_and_knows_the_request_as_ours() {
    let directory = tempfile::tempdir().unwrap();
    let (at, shown) = (directory.path(), directory.path().to_str().unwrap());
    std::fs::write(at.join("idp.key"), &RSA.key_pem).unwrap();
    std::fs::write(at.join("idp.crt"), &RSA.certificate).unwrap();
    let python = |words: &[&str]| {
        let mut python = Command::new("/usr/bin/python3");
        python.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/bed/saml_login.py")).args(words);
        run::stdout(&mut python)
    };
    python(&["metadata", shown]);
    let firm = Firm::at(SystemClock.now(), Known::Registered("Kessel".parse().unwrap())).await;
    let text = std::fs::read_to_string(at.join("idp.xml")).unwrap();
    firm.bureau.office.post("/v1/saml-providers", json!({ "name": "kessel", "metadata": text })).await;
    let page = Browser::new(&firm.bureau.office).get("/login/with/kessel/metadata").await;
    assert_eq!(page.status, 200);
    std::fs::write(at.join("sp.xml"), &page.html).unwrap();

    let mut eve = Browser::new(&firm.bureau.office);
    let url = firm.invited(&mut eve, "ext.eve").await;
    let told: Value = serde_json::from_str(&python(&["answer", shown, url.as_str(), "k-4711"])).unwrap();
    let persistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
    for (name, value) in [
        ("issuer", OURS),
        ("format", "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"),
        ("qualifier", "urn:kessel"),
        ("policy", persistent),
        ("acs", BACK),
        ("destination", "https://idp.test/sso"),
        ("id", &id_of(&url)),
    ] {
        assert_eq!(told[name], value, "{name}");
    }
    posts(&mut eve, told["response"].as_str().unwrap()).await.leads_to("/me/grants");
    eve.get("/me/grants").await.says(200, "Kessel &#38; Lund");
    let shown_here = firm.signs_in("ext.eve").await;
    assert_eq!(shown_here["linked"], "k-4711 of https://idp.test/metadata");

    let mut again = Browser::new(&firm.bureau.office);
    let url = firm.begins(&mut again).await;
    let told: Value = serde_json::from_str(&python(&["answer", shown, url.as_str(), "k-4711"])).unwrap();
    posts(&mut again, told["response"].as_str().unwrap()).await.leads_to("/me/grants");
    again.get("/me").await.says(200, "ext.eve");
    let log = firm.bureau.records().join("\n");
    assert!(log.contains("AcceptInvitation") && log.contains("k-4711"), "{log}");
    assert!(!log.contains(told["response"].as_str().unwrap()));
    sound(&firm.bureau.office.fixture);
}

/// SimpleSAMLphp as an identity provider, on PHP's own server.
struct SimpleSamlPhp {
    server: std::process::Child,
    port: u16,
    _files: tempfile::TempDir,
}

impl SimpleSamlPhp {
    fn start() -> Self {
        let (files, port) = (tempfile::tempdir().unwrap(), crate::bed::free_port());
        let at = files.path();
        let write = |name: &str, text: &str| {
            let file = at.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        write("cert/idp.key", &RSA.key_pem);
        write("cert/idp.crt", &RSA.certificate);
        write("data/.keep", "");
        let shown = at.display();
        write(
            "config/config.php",
            &format!(
                "<?php $config = ['baseurlpath' => 'http://127.0.0.1:{port}/', 'certdir' => '{shown}/cert/', \
                 'loggingdir' => '{shown}/data/', 'datadir' => '{shown}/data/', 'tempdir' => '{shown}/data/', \
                 'logging.handler' => 'file', 'secretsalt' => 'abcdefghijklmnopqrstuvwxyz123456', \
                 'auth.adminpassword' => 'of nobody', 'technicalcontact_email' => 'na@example.org', 'timezone' => 'UTC', \
                 'enable.saml20-idp' => true, 'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true], \
                 'store.type' => 'phpsession', 'session.cookie.secure' => false, \
                 'session.phpsession.savepath' => '{shown}/data', \
                 'metadata.sources' => [['type' => 'flatfile', 'directory' => '{shown}/config/metadata']]];"
            ),
        );
        write(
            "config/authsources.php",
            "<?php $config = ['people' => ['exampleauth:UserPass', 'eve:secret' => ['uid' => ['eve-7']]]];",
        );
        let persistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
        write(
            "config/metadata/saml20-idp-hosted.php",
            &format!(
                "<?php $metadata['https://idp.test/metadata'] = ['host' => '__DEFAULT__', 'privatekey' => 'idp.key', \
                 'certificate' => 'idp.crt', 'auth' => 'people', 'authproc' => [3 => ['class' => 'saml:AttributeNameID', \
                 'attribute' => 'uid', 'Format' => '{persistent}']]];"
            ),
        );
        write(
            "config/metadata/saml20-sp-remote.php",
            &format!(
                "<?php $metadata['{OURS}'] = ['AssertionConsumerService' => '{BACK}', 'NameIDFormat' => '{persistent}', \
                 'validate.authnrequest' => true, 'certData' => '{}'];",
                STRANGER.base64()
            ),
        );
        let started = Command::new("php")
            .args(["-S", &format!("127.0.0.1:{port}"), "-t", "/usr/share/simplesamlphp/www"])
            .env("SIMPLESAMLPHP_CONFIG_DIR", at.join("config"))
            .stderr(std::process::Stdio::null())
            .spawn();
        let server = started.expect("this test needs SimpleSAMLphp: apt-get install simplesamlphp");
        crate::bed::wait_until("SimpleSAMLphp", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { server, port, _files: files }
    }

    /// As it describes itself.
    fn metadata(&self) -> String {
        let url = format!("http://127.0.0.1:{}/saml2/idp/metadata.php", self.port);
        run::stdout(Command::new("curl").args(["-sf", "--noproxy", "*", &url]))
    }

    /// The response that a browser would post which signs in there.
    fn signs_in(url: &Url) -> String {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/bed/simplesamlphp.py");
        let mut python = Command::new("/usr/bin/python3");
        python.args([script, url.as_str(), "eve", "secret"]).env("no_proxy", "*");
        run::stdout(&mut python).trim().to_owned()
    }
}

impl Drop for SimpleSamlPhp {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn simplesamlphp_signs_somebody_in() {
    let there = SimpleSamlPhp::start();
    let known = IdentityProvider::read(&there.metadata()).unwrap();
    let firm = Firm::at(SystemClock.now(), Known::Told(Box::new(known))).await;
    let mut eve = Browser::new(&firm.bureau.office);
    let url = firm.invited(&mut eve, "ext.eve").await;
    let page = posts(&mut eve, &SimpleSamlPhp::signs_in(&url)).await;
    page.says(200, "Set up");
    let (entered, _) = enrols(&firm.bureau, &mut eve, &page).await;
    entered.says(200, "Your recovery codes");
    assert_eq!(firm.signs_in("ext.eve").await["linked"], "eve-7 of https://idp.test/metadata");
    // A request that somebody changed on the way is not ours any more.
    let url = firm.begins(&mut eve).await;
    let changed = url.as_str().replace("SigAlg=", "RelayState=x&SigAlg=");
    let mut python = Command::new("/usr/bin/python3");
    python.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/bed/simplesamlphp.py"));
    let output = run::output(python.args([&changed, "eve", "secret"]).env("no_proxy", "*"));
    assert!(!output.status.success(), "{}", run::said(&output));
    posts(&mut eve, &SimpleSamlPhp::signs_in(&url)).await.says(200, "Code");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_class_that_counts_they_show_a_second_factor_of_ours() {
    let mut firm = Firm::new().await;
    let mut eve = Browser::new(&firm.bureau.office);
    let request = firm.invited(&mut eve, "ext.eve").await;
    let page = posts(&mut eve, &firm.answers(&request, "_1").but(MFA, PASSWORD).base64()).await;
    page.says(200, "Set up");
    assert!(eve.session().is_none(), "one factor is no way in");
    let seed = {
        let (entered, seed) = enrols(&firm.bureau, &mut eve, &page).await;
        entered.says(200, "Your recovery codes");
        seed
    };
    drop(eve);
    firm.bureau.seeds.push(("ext.eve", seed));
    let mut again = Browser::new(&firm.bureau.office);
    let request = firm.begins(&mut again).await;
    let page = posts(&mut again, &firm.answers(&request, "_2").but(MFA, PASSWORD).base64()).await;
    page.says(200, "Code");
    assert!(again.session().is_none());
    let (flow, next, half) = (page.field("flow"), page.field("next"), page.field("half"));
    let code = firm.bureau.code("ext.eve");
    let form = [("flow", flow.as_str()), ("next", &next), ("half", &half), ("code", &code)];
    // The page came behind a form of another site; its own form comes from here, and no other does.
    let headers = [("sec-fetch-site", "cross-site")];
    assert_eq!(again.post_from("/login/code", &form, &headers).await.status, 403);
    again.post("/login/code", &form).await.leads_to("/me/grants");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_go_with_what_was_begun_lets_nobody_in() {
    let firm = Firm::new().await;
    firm.linked("ext.eve", "_linked").await;
    let not_begun = "was not begun in this browser";

    // A request that is sent has its own name, and the cookie goes along with a form of another site, once, for five minutes.
    let mut eve = Browser::new(&firm.bureau.office);
    let page = eve.get("/login/with/kessel").await;
    let cookie = page.set.iter().find(|line| line.starts_with(COOKIE)).unwrap();
    assert!(cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=None; Max-Age=300"), "{cookie}");
    let first = sent(&page);
    assert_eq!(part(&first, "theme").as_deref(), Some("dark"));
    assert_eq!(part(&first, "SigAlg").as_deref(), Some("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"));
    let second = firm.begins(&mut eve).await;
    assert_ne!(id_of(&first), id_of(&second));
    // Of another sign-in, in another browser, too late, unasked, and to the address of another provider.
    posts(&mut eve, &firm.answers(&first, "_1").base64()).await.says(403, "is not accepted");
    let page = posts_to(&mut eve, POST_BACK, &[("SAMLResponse", "PHgvPg==")]).await;
    assert!(page.status == 400 && page.set.is_empty(), "somebody else's form changes nothing: {page:?}");
    posts(&mut eve, &firm.answers(&second, "_2").base64()).await.leads_to("/me/grants");
    posts(&mut eve, &firm.answers(&second, "_2").base64()).await.says(403, not_begun);
    let mut eve = Browser::new(&firm.bureau.office);
    let request = firm.begins(&mut eve).await;
    let mut other = Browser::new(&firm.bureau.office);
    posts(&mut other, &firm.answers(&request, "_3").base64()).await.says(403, not_begun);
    firm.begins(&mut other).await;
    posts(&mut other, &firm.answers(&request, "_3").base64()).await.says(403, "is not accepted");
    let form = firm.answers(&request, "_3").base64();
    posts_to(&mut eve, "/login/with/none/acs", &[("SAMLResponse", &form)])
        .await
        .says(404, "Nobody signs in by that name here");
    let request = firm.begins(&mut eve).await;
    firm.bureau.office.pass(301);
    posts(&mut eve, &firm.answers(&request, "_4").base64()).await.says(403, not_begun);
    firm.begins(&mut eve).await;
    posts(&mut eve, &Wanted { request: None, ..firm.answers(&request, "_5") }.base64())
        .await
        .says(403, "is not accepted");
    let mut thief = Browser::new(&firm.bureau.office);
    let request = firm.begins(&mut thief).await;
    let cookie = thief.cookies.get_mut(COOKIE).unwrap();
    let middle = cookie.len() / 2;
    let changed = if &cookie[middle..=middle] == "A" { "B" } else { "A" };
    cookie.replace_range(middle..=middle, changed);
    posts(&mut thief, &firm.answers(&request, "_6").base64()).await.says(403, not_begun);
    assert!([&eve, &other, &thief].iter().all(|browser| browser.session().is_none()));

    // Of sixty-four who bring one at once one comes in, and nobody does later, whatever cookies they have.
    let request = firm.begins(&mut eve).await;
    let response = firm.answers(&request, "_7").base64();
    let windows = (0..64).map(|_| {
        let mut window = Browser::new(&firm.bureau.office);
        window.cookies.clone_from(&eve.cookies);
        let response = &response;
        async move { posts(&mut window, response).await.status }
    });
    let answers = futures_util::future::join_all(windows).await;
    assert_eq!(answers.iter().filter(|status| **status == 303).count(), 1, "{answers:?}");
    posts(&mut eve, &response).await.says(403, not_begun);
    // An assertion that was shown is shown in vain even to another request of ours: its ID is known.
    let request = firm.begins(&mut other).await;
    posts(&mut other, &firm.answers(&request, "_7").base64()).await.says(403, "is not accepted");

    // What is no form of a provider's.
    let request = firm.begins(&mut other).await;
    let good = firm.answers(&request, "_8").base64();
    for form in [
        vec![],
        vec![("SAMLResponse", "")],
        vec![("SAMLResponse", "***")],
        vec![("SAMLResponse", "/////w==")],
        vec![("SAMLResponse", "PHgvPg==")],
        vec![("SAMLResponse", &*good), ("SAMLResponse", &*good)],
    ] {
        firm.begins(&mut other).await;
        posts_to(&mut other, POST_BACK, &form).await.says(400, "cannot be read");
    }
    assert_eq!(other.get(POST_BACK).await.status, 405);
    assert!(other.session().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_in_one_place_lets_nobody_in() {
    let firm = Firm::new().await;
    firm.linked("ext.eve", "_linked").await;
    let mut eve = Browser::new(&firm.bureau.office);
    type Wrong = (&'static str, Box<dyn Fn(Wanted) -> Wanted>);
    let but =
        |from: &'static str, to: &'static str| -> Wrong { (from, Box::new(move |good: Wanted| good.but(from, to))) };
    let persistent = "nameid-format:persistent";
    let wrongs: Vec<Wrong> = vec![
        but("status:Success", "status:Responder"),
        but("https://idp.test/metadata", "https://other.test"),
        but("Destination=\"https://bailey.example", "Destination=\"https://other.example"),
        but("Recipient=\"https://bailey.example", "Recipient=\"https://other.example"),
        but("<saml:Audience>https://bailey.example", "<saml:Audience>https://other.example"),
        but("cm:bearer", "cm:sender-vouches"),
        but(persistent, "nameid-format:transient"),
        but("SAML:2.0:nameid-format:persistent", "SAML:1.1:nameid-format:emailAddress"),
        but(" Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:persistent\"", ""),
        but("<saml:NameID ", "<saml:NameID NameQualifier=\"https://other.test\" "),
        but("<saml:NameID ", "<saml:NameID SPNameQualifier=\"https://other.test\" "),
        but(">alice@example.com<", ">ALICE@example.com<"),
        ("the key", Box::new(|good: Wanted| Wanted { signer: &STRANGER, ..good })),
        ("the signature", Box::new(|good: Wanted| Wanted { what: Sign::Neither, ..good })),
    ];
    for (number, (what, wrong)) in wrongs.iter().enumerate() {
        let request = firm.begins(&mut eve).await;
        let id: &'static str = format!("_wrong-{number}").leak();
        let page = posts(&mut eve, &wrong(firm.answers(&request, id)).base64()).await;
        assert!(page.status == 403 && eve.session().is_none(), "{what}: {page:?}");
    }
    // With the qualifiers that it should have, signed as a whole, or encrypted, it is good.
    let request = firm.begins(&mut eve).await;
    let qualified = format!("<saml:NameID NameQualifier=\"https://idp.test/metadata\" SPNameQualifier=\"{OURS}\" ");
    let good = Wanted { what: Sign::Both, ..firm.answers(&request, "_good") }.but("<saml:NameID ", &qualified);
    posts(&mut eve, &good.base64()).await.leads_to("/me/grants");
    let mut again = Browser::new(&firm.bureau.office);
    let request = firm.begins(&mut again).await;
    let (cipher, wrap) =
        ("http://www.w3.org/2009/xmlenc11#aes256-gcm", "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p");
    let sealed = encrypted(&firm.answers(&request, "_sealed").xml(), &STRANGER, cipher, wrap);
    posts(&mut again, &STANDARD.encode(sealed)).await.leads_to("/me/grants");

    // Whoever is somebody there is one person here, and a token's subject of the same letters is nobody.
    let mut finn = Browser::new(&firm.bureau.office);
    let request = firm.invited(&mut finn, "ext.finn").await;
    posts(&mut finn, &firm.answers(&request, "_finn").base64())
        .await
        .says(409, "Somebody else here signs in by that already");
    assert!(finn.session().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_cannot_be_asked_is_told_so() {
    let wants = described().replace("<md:IDPSSODescriptor ", "<md:IDPSSODescriptor WantAuthnRequestsSigned=\"true\" ");
    let told = |text: &str| Known::Told(Box::new(IdentityProvider::read(text).unwrap()));
    let firm = Firm::at(now(), told(&wants)).await;
    let mut eve = Browser::new(&firm.bureau.office);
    assert_eq!(eve.get("/login/with/kessel").await.status, 200, "we sign");
    let provider = |party: Party| {
        firm.bureau.office.fixture.app.providers.replace(vec![Provider {
            name: "kessel".to_owned(),
            title: "Kessel & Lund".to_owned(),
            by: By::Saml(Box::new(party)),
            account: "123456789012".parse().unwrap(),
            second_factor: [].into(),
            listed: true,
        }]);
    };
    for party in [
        Party { key: None, ..party(told(&wants)) },
        party(told(&metadata(&[&RSA]))),
        party(Known::Registered("None".parse().unwrap())),
    ] {
        provider(party);
        eve.get("/login/with/kessel").await.says(503, "does not answer as it should");
        let page = eve.get("/login/with/kessel/metadata").await;
        assert!(page.status == 200 && page.html.contains(BACK), "{page:?}");
        // Whoever encrypts for us does so by what we open.
        let key =
            page.html.split_once("use=\"encryption\"").map(|(_, key)| key.split("</md:KeyDescriptor>").next().unwrap());
        let methods = ["xmlenc11#aes128-gcm", "xmlenc11#aes256-gcm", "xmlenc#rsa-oaep-mgf1p", "xmlenc11#rsa-oaep"];
        for method in methods {
            let said = format!("{method}\"></md:EncryptionMethod>");
            assert!(key.is_none_or(|key| key.contains(&said)), "{key:?}");
        }
    }
    assert_eq!(eve.get("/login/with/other/metadata").await.status, 404);

    // Who runs this is told without anybody in front of a page: of what lies in the store by health and by `bailey idp check`.
    let office = &firm.bureau.office;
    let app = &office.fixture.app;
    let mut rounds = Rounds::<Fetched>::default();
    let words = || app.board.read(app.clock.now()).remove("saml_providers").map(|part| part.words);
    let unsigned = || Party { key: None, ..party(Known::Registered("Kessel".parse().unwrap())) };
    provider(unsigned());
    rounds.round(app).await;
    let said = words().unwrap();
    let missing = "[[sign_in_provider]] kessel: nobody can sign in by it: there is no SAML provider `Kessel` in the account; add it: \
                   bailey idp add Kessel --metadata";
    assert!(said.contains(missing), "{said}");
    office.post("/v1/saml-providers", json!({ "name": "KESSEL", "metadata": wants })).await;
    office.post("/v1/saml-providers", json!({ "name": "Other", "metadata": described() })).await;
    rounds.round(app).await;
    let said = words().unwrap();
    assert!(said.contains("it wants requests to be signed") && said.contains("set `saml_key_file`"), "{said}");
    let check = async |name: &str| -> Vec<Value> {
        office.served.client.get(&format!("/v1/saml-providers/{name}/check")).await.unwrap()
    };
    let is_fault = |found: &[Value]| found.iter().any(|one| one["severity"] == "fault");
    let found = check("kessel").await;
    assert!(is_fault(&found) && json!(found).to_string().contains("[[sign_in_provider]] kessel"), "{found:?}");
    assert!(!is_fault(&check("other").await), "of another one nothing is said");
    provider(party(Known::Registered("Kessel".parse().unwrap())));
    rounds.round(app).await;
    assert!(words().is_none() && !is_fault(&check("kessel").await));
    assert_eq!(eve.get("/login/with/kessel/callback?code=c&state=s").await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_provider_that_has_to_encrypt_signs_in_by_either_key_and_not_in_the_clear() {
    let firm = Firm::at(now(), Known::Registered("Kessel".parse().unwrap())).await;
    let new = json!({
        "name": "kessel", "metadata": described(), "encryption": "required", "private_key": FIRST.key_pem,
    });
    firm.bureau.office.post("/v1/saml-providers", new).await;
    let mut eve = Browser::new(&firm.bureau.office);
    let request = firm.invited(&mut eve, "ext.eve").await;
    posts(&mut eve, &firm.answers(&request, "_plain").base64()).await.says(403, "is not accepted");
    assert!(eve.session().is_none());
    // By the key that the provider was given, and by ours, which the configuration names for it.
    let mut finn = Browser::new(&firm.bureau.office);
    let request = firm.invited(&mut finn, "ext.finn").await;
    let sealed = encrypted(&firm.answers(&request, "_first").xml(), &FIRST, GCM, OAEP);
    posts(&mut finn, &STANDARD.encode(sealed)).await.leads_to("/me/grants");
    let mut again = Browser::new(&firm.bureau.office);
    let request = firm.begins(&mut again).await;
    let sealed = encrypted(&firm.answers(&request, "_ours").xml(), &STRANGER, GCM, OAEP);
    posts(&mut again, &STANDARD.encode(sealed)).await.leads_to("/me/grants");
    sound(&firm.bureau.office.fixture);
}
