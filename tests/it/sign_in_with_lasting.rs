//! What a sign-in by an outside provider is worth afterwards: when it was made, anew where that is asked, how long it lasts, and what it
//! rests on. And what is sent by those whom nobody vouches for, which leaves nothing behind but a record.

use bailey::authn::outside::{By, Oidc, Provider};
use bailey::authn::saml::{IdentityProvider, Known, Party, ServiceProvider};
use bailey::base::{Clock as _, Secret, Timestamp};
use bailey::saml_xml::Node;
use bailey::store::schema::sso::Spent;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::portal::{Browser, Page};
use crate::saml_bed::{ALICE, RSA, STRANGER, metadata};
use crate::saml_desk::{address, described as service, moment};
use crate::sign_in_with_saml::{COOKIE, Firm, HERE, described, id_of, party, posts, posts_to, request_in, sent};

const POST_BACK: &str = "/login/with/kessel/acs";
const NOT_BEGUN: &str = "was not begun in this browser";

pub(crate) fn told(text: &str) -> Known {
    Known::Told(Box::new(IdentityProvider::read(text).unwrap()))
}

impl Firm {
    fn now(&self) -> Timestamp {
        self.bureau.office.fixture.clock.now()
    }

    /// Whether the request was answered, as the store knows it.
    fn is_spent(&self, request: &Url) -> bool {
        let digest = Sha256::digest(id_of(request)).into();
        let store = &self.bureau.office.fixture.app.store;
        store.read(|snapshot| bailey::store::sso::is_spent(snapshot, Spent::SignIn, &digest)).unwrap()
    }

    pub(crate) async fn signed_in(&self, id: &'static str) -> Browser<'_> {
        let mut browser = Browser::new(&self.bureau.office);
        let request = self.begins(&mut browser).await;
        posts(&mut browser, &self.answers(&request, id).base64()).await.leads_to("/me/grants");
        browser
    }

    /// The session of a browser: when its person showed who they are, and when it is over.
    fn lasts(&self, browser: &Browser<'_>) -> (Timestamp, Timestamp) {
        let cookie = Secret::new(browser.session().unwrap().clone());
        let live = self.bureau.office.fixture.app.admin.sessions.of_cookie(&cookie, self.now()).unwrap();
        (live.session().auth_time.unwrap(), live.session().expires)
    }
}

fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

/// What a page links to that names the provider.
fn link(page: &Page) -> String {
    let (before, _) = page.html.split_once("\">Sign in with Kessel").unwrap_or_else(|| panic!("{page:?}"));
    before.rsplit('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_vouches_for_leaves_a_record_and_nothing_else() {
    let firm = Firm::new().await;
    firm.linked("ext.eve", "_linked").await;
    let mut eve = Browser::new(&firm.bureau.office);
    let request = firm.begins(&mut eve).await;
    // Somebody else, who opened the page as anybody may, and forms of another site in the browser of whoever is under way.
    let mut mallory = Browser::new(&firm.bureau.office);
    let others = firm.begins(&mut mallory).await;
    let strangers = crate::sts_saml::Wanted { signer: &STRANGER, ..firm.answers(&request, "_stranger") };
    let forms = [strangers.base64(), firm.answers(&others, "_others").base64(), "PHgvPg==".to_owned()];
    posts(&mut mallory, &strangers.base64()).await.says(403, "is not accepted");
    for _ in 0..20 {
        for form in &forms {
            let page = posts_to(&mut eve, POST_BACK, &[("SAMLResponse", form)]).await;
            assert!(matches!(page.status, 400 | 403) && page.set.is_empty(), "{page:?}");
        }
    }
    let records = firm.bureau.records();
    let refused: Vec<&String> = records.iter().filter(|line| line.contains("\"VerifySAML\"")).collect();
    for word in ["\"kessel\"", "\"signature\"", "\"in-response-to\"", "203.0.113.9"] {
        assert!(refused.iter().any(|line| line.contains(word)), "{word}: {refused:?}");
    }
    assert!(!firm.is_spent(&request) && !firm.is_spent(&others));
    let cookie = eve.cookies.clone();
    let response = firm.answers(&request, "_good").base64();
    posts(&mut eve, &response).await.leads_to("/me/grants");
    assert!(firm.is_spent(&request) && !eve.cookies.contains_key(COOKIE));

    // What was believed once is not any more behind a restart either.
    let firm = firm.restarted(told(&described())).await;
    let mut again = Browser::new(&firm.bureau.office);
    again.cookies = cookie;
    posts(&mut again, &response).await.says(403, NOT_BEGUN);
    assert!(again.session().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_source_begins_and_comes_back_so_often_and_no_more() {
    let firm = Firm::new().await;
    let mut mallory = Browser::new(&firm.bureau.office);
    let mut answers = Vec::new();
    for number in 0..210 {
        answers.push(match number % 3 {
            0 => mallory.get("/login/with/kessel").await.status,
            1 => posts(&mut mallory, "PHgvPg==").await.status,
            _ => mallory.get("/login/with/kessel/callback?code=c&state=s").await.status,
        });
    }
    assert_eq!(answers.iter().position(|status| *status == 429), Some(200), "{answers:?}");
    assert!(answers[200..].iter().all(|status| *status == 429), "{answers:?}");
    let mut elsewhere = Browser { address: "198.51.100.7:4711", ..Browser::new(&firm.bureau.office) };
    firm.begins(&mut elsewhere).await;
    firm.bureau.office.pass(1);
    firm.begins(&mut mallory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_says_when_they_signed_in_there_and_ends_when_the_provider_says() {
    let firm = Firm::new().await;
    firm.linked("ext.eve", "_linked").await;
    // They signed in there ten minutes ago, for eight hours and ten minutes.
    let eve = firm.signed_in("_one").await;
    let now = firm.now();
    assert_eq!(firm.lasts(&eve), (now - seconds(600), now + seconds(28_800)));
    // A clock that is ahead of ours, by as much as may be, makes nobody sign in later than now.
    let mut ahead = Browser::new(&firm.bureau.office);
    let request = firm.begins(&mut ahead).await;
    let instant = |text: &str| format!("AuthnInstant=\"{text}");
    let said = |wanted: crate::sts_saml::Wanted, at: Timestamp| {
        wanted.but(&instant(&moment(now - seconds(600))), &instant(&moment(at)))
    };
    posts(&mut ahead, &said(firm.answers(&request, "_two"), now + seconds(40)).base64()).await.leads_to("/me/grants");
    assert_eq!(firm.lasts(&ahead).0, now);
    let request = firm.begins(&mut ahead).await;
    let future = said(firm.answers(&request, "_three"), now + seconds(90)).base64();
    posts(&mut ahead, &future).await.says(403, "is not accepted");
    // One that is over at once is none.
    let mut short = Browser::new(&firm.bureau.office);
    let request = firm.begins(&mut short).await;
    let ends = |at: Timestamp| format!("SessionNotOnOrAfter=\"{}", moment(at));
    let over = firm.answers(&request, "_four").but(&ends(now + seconds(28_800)), &ends(now - seconds(10)));
    posts(&mut short, &over.base64()).await;
    assert!(short.session().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_to_sign_in_anew_does_so_there() {
    let firm = Firm::at(bailey::base::clock::SystemClock.now(), told(&described())).await;
    firm.linked("ext.eve", "_linked").await;
    let office = &firm.bureau.office;
    let client = json!({ "auth": "none", "redirect_uris": ["https://wiki.example/back"] });
    office.post("/v1/clients", json!({ "id": "wiki", "settings": client })).await;
    let app = &office.fixture.app;
    app.admin.keys.turn_saml_keys(&app.store, "test", app.admin.now()).unwrap();
    let sp = service("https://sp.test/metadata", "https://sp.test/acs", false, "");
    office.post("/v1/saml-sps", json!({ "name": "desk", "metadata": sp, "settings": {} })).await;

    // What an application asks for goes along, by either protocol, whatever else is typed on the way.
    let wiki = "/oauth2/authorize?client_id=wiki&response_type=code&scope=openid&redirect_uri=https%3A%2F%2Fwiki.example%2Fback\
                &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
    let asks = |force: bool| {
        let node = Node::new("samlp:AuthnRequest")
            .with("ID", "_ask")
            .with("Version", "2.0")
            .with("IssueInstant", moment(firm.now()))
            .with("Destination", format!("{HERE}/saml/sso"))
            .with_some("ForceAuthn", force.then_some("true"))
            .child(Node::text("saml:Issuer", "https://sp.test/metadata"));
        address("/saml/sso", "SAMLRequest", &node.render(), "", None)
    };
    let forced = "ForceAuthn=\"true\"";
    for (way, is_anew) in [
        (wiki.to_owned(), false),
        (format!("{wiki}&prompt=login"), true),
        (format!("{wiki}&max_age=600"), true),
        (asks(false), false),
        (asks(true), true),
    ] {
        let mut eve = Browser::new(office);
        let mut page = eve.get(&way).await;
        while let Some(next) = page.location.clone() {
            page = eve.get(&next).await;
        }
        let (flow, next) = (page.field("flow"), page.field("next").replace("&#38;", "&"));
        let form = [("flow", flow.as_str()), ("next", &next), ("login", "nobody"), ("password", "nothing")];
        let page = eve.post("/login", &form).await;
        let request = sent(&eve.get(&link(&page)).await);
        assert_eq!(request_in(&request).contains(forced), is_anew, "{way}: {}", request_in(&request));
        let now = firm.now();
        let instant = |seconds_ago: i64| format!("AuthnInstant=\"{}", moment(now - seconds(seconds_ago)));
        let stale = firm.answers(&request, format!("_{}", id_of(&request)).leak());
        let page = posts(&mut eve, &stale.base64()).await;
        if !is_anew {
            page.says(200, "You are signed in");
            continue;
        }
        page.says(403, "is not accepted");
        let fresh = firm.answers(&request, format!("_fresh{}", id_of(&request)).leak());
        let fresh = fresh.but(&instant(600), &instant(20)).base64();
        posts(&mut eve, &fresh).await.says(200, "You are signed in");
        let ago = firm.now().duration_since(firm.lasts(&eve).0);
        assert_eq!(ago, SignedDuration::ZERO, "they signed in after they were sent");
        // And nobody is sent there once more for it.
        let page = eve.get(&next).await;
        assert!(!page.location.as_deref().unwrap_or_default().starts_with("/login?"), "{page:?}");
    }
    assert!(firm.bureau.records().iter().any(|line| line.contains("\"authentication\"") && line.contains("anew")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_with_what_vouched_for_it() {
    let asked = |text: String| text.replace("bindings:HTTP-POST", "bindings:HTTP-Redirect");
    let (both, other) = (asked(metadata(&[&RSA, &STRANGER])), asked(metadata(&[&STRANGER])));
    let firm = Firm::at(crate::saml_bed::now(), told(&both)).await;
    firm.linked("ext.eve", "_linked").await;
    let gone = |page: &Page| page.location.as_deref().is_some_and(|to| to.starts_with("/login?"));

    // A file: the certificate by which it signed is taken out, then the section.
    let mut eve = firm.signed_in("_one").await;
    firm.known(told(&both));
    eve.get("/me").await.says(200, "ext.eve");
    firm.known(told(&other));
    assert!(gone(&eve.get("/me").await));
    firm.known(told(&both));
    let mut eve = firm.signed_in("_two").await;
    firm.bureau.office.fixture.app.providers.replace(Vec::new());
    assert!(gone(&eve.get("/me").await));
    // The same name is another provider's.
    firm.known(told(&both));
    let mut eve = firm.signed_in("_three").await;
    firm.known(told(&both.replace("https://idp.test/metadata", "https://idp.test/other")));
    assert!(gone(&eve.get("/me").await));

    // A SAML provider of the account.
    let office = &firm.bureau.office;
    office.post("/v1/saml-providers", json!({ "name": "Kessel", "metadata": both })).await;
    firm.known(Known::Registered("kessel".parse().unwrap()));
    let mut eve = firm.signed_in("_four").await;
    eve.get("/me").await.says(200, "ext.eve");
    office.put("/v1/saml-providers/Kessel/metadata", json!({ "metadata": other })).await;
    assert!(gone(&eve.get("/me").await));
    office.put("/v1/saml-providers/Kessel/metadata", json!({ "metadata": both })).await;
    let mut eve = firm.signed_in("_five").await;
    office.served.client.delete::<Value>("/v1/saml-providers/Kessel").await.unwrap();
    office.post("/v1/saml-providers", json!({ "name": "Kessel", "metadata": both })).await;
    assert!(gone(&eve.get("/me").await), "another of the same name is another");

    // And by another protocol it is another, whatever it is called.
    let mut eve = firm.signed_in("_six").await;
    office.fixture.app.providers.replace(vec![Provider {
        name: "kessel".to_owned(),
        title: "Kessel & Lund".to_owned(),
        by: By::Oidc(Oidc {
            issuer: "https://idp.test/metadata".parse().unwrap(),
            client_id: "us".parse().unwrap(),
            secret: None,
        }),
        account: "123456789012".parse().unwrap(),
        second_factor: [].into(),
        listed: true,
    }]);
    assert!(gone(&eve.get("/me").await));
}

/// Because the identity before is not theirs any more, or in other hands.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_linked_anew_is_signed_out_everywhere_else() {
    let firm = Firm::new().await;
    firm.linked("ext.eve", "_linked").await;
    let mut thief = firm.signed_in("_before").await;
    thief.get("/me").await.says(200, "ext.eve");
    let mut eve = Browser::new(&firm.bureau.office);
    let request = firm.invited(&mut eve, "ext.eve").await;
    let anew = firm.answers(&request, "_anew").but(ALICE, "eve-8");
    posts(&mut eve, &anew.base64()).await.leads_to("/me/grants");
    assert!(thief.get("/me").await.location.is_some_and(|to| to.starts_with("/login?")));
    eve.get("/me").await.says(200, "ext.eve");
}

/// Metadata is the provider's own word: nothing keeps one from calling itself what another does.
#[tokio::test(flavor = "multi_thread")]
async fn who_calls_itself_like_another_provider_vouches_for_none_of_its_people() {
    let firm = Firm::new().await;
    firm.linked("ext.eve", "_linked").await;
    let provider = |name: &str, known: Known| Provider {
        name: name.to_owned(),
        title: name.to_owned(),
        by: By::Saml(Box::new(Party {
            own: ServiceProvider::new(at(name, "metadata"), at(name, "acs")),
            ..party(known)
        })),
        account: "123456789012".parse().unwrap(),
        second_factor: ["https://refeds.org/profile/mfa".to_owned()].into(),
        listed: true,
    };
    let lund = described().replace(&RSA.base64(), &STRANGER.base64());
    assert_ne!(lund, described());
    let both = vec![provider("kessel", told(&described())), provider("lund", told(&lund))];
    firm.bureau.office.fixture.app.providers.replace(both);

    let mut mallory = Browser::new(&firm.bureau.office);
    let request = sent(&mallory.get("/login/with/lund?next=/me/grants").await);
    let (acs, name) = ((at("kessel", "acs"), at("lund", "acs")), (at("kessel", "metadata"), at("lund", "metadata")));
    let mut answer = firm.answers(&request, "_evil").but(&acs.0, &acs.1).but(&name.0, &name.1);
    answer.signer = &STRANGER;
    let page = posts_to(&mut mallory, "/login/with/lund/acs", &[("SAMLResponse", &answer.base64())]).await;
    page.says(403, "Nobody here is known by that sign-in");
    assert!(mallory.session().is_none());
    let log = firm.bureau.records().join("\n");
    assert!(log.contains("is linked through `kessel`, and came by `lund`"), "{log}");
    // What was begun at one is not answered by the other, whatever it says it answers.
    let request = firm.begins(&mut mallory).await;
    let mut answer = firm.answers(&request, "_mixed").but(&acs.0, &acs.1).but(&name.0, &name.1);
    answer.signer = &STRANGER;
    let page = posts_to(&mut mallory, "/login/with/lund/acs", &[("SAMLResponse", &answer.base64())]).await;
    page.says(403, NOT_BEGUN);
    firm.signed_in("_good").await.get("/me").await.says(200, "ext.eve");
}

/// An address of ours that one provider knows.
fn at(provider: &str, what: &str) -> String {
    format!("https://bailey.example/login/with/{provider}/{what}")
}
