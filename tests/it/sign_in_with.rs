//! People of another firm sign in by that firm's own OpenID Connect provider: invited, linked once, and known from then on by issuer and
//! subject alone. What an attacker brings back, from elsewhere, twice or too late, lets nobody in.

use std::collections::HashMap;

use bailey::authn::federated::IssuerSettings;
use bailey::authn::outside::{By, Oidc, Provider};
use bailey::base::network::Networks;
use bailey::base::{Clock as _, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::bed::Authority;
use crate::bed::issuer::{CLIENT, HOST, Signer, URL, claims, discovery, key_set, with};
use crate::bed::website::{Page as Served, Website};
use crate::credentials::sound;
use crate::grants::Bureau;
use crate::invitations::{code_of, enrols, invite, sponsor};
use crate::portal::{Browser, Page};

const HERE: &str = "https://bailey.example";
const BACK: &str = "/login/with/kessel/callback";
const TOKEN: &str = "/token";

/// A bureau whose auditors sign in at Kessel & Lund's own provider.
struct Firm {
    bureau: Bureau,
    site: Website,
    signer: Signer,
    _authority: Authority,
}

/// What a browser was sent to the provider with.
struct Sent(HashMap<String, String>);

impl Firm {
    async fn new() -> Self {
        let bureau = Bureau::new().await;
        let authority = Authority::new("kessel");
        let site = Website::secure(&authority.issue(HOST, &[HOST])).await;
        let (fixture, app) = (&bureau.office.fixture, &bureau.office.fixture.app);
        fixture.places.then(HOST, &[site.address()]);
        app.sso_settings.write().unwrap().issuer = Some(HERE.parse().unwrap());
        app.admin.issuers.replace(vec![IssuerSettings {
            ca_file: Some(authority.ca_file()),
            networks: Networks::new(vec!["127.0.0.0/8".parse().unwrap()]),
            ..IssuerSettings::unsaid(URL.parse().unwrap())
        }]);
        for name in ["ext.eve", "ext.finn"] {
            bureau.office.post("/v1/users", json!({ "name": name })).await;
        }
        let engagement = json!({
            "name": "soc2", "firm": "Kessel & Lund", "sponsor": "dee", "people": ["ext.eve", "ext.finn"],
            "sign_in_with": "kessel", "ends": "2026-04-23T00:00:00Z"
        });
        let firm = Self { bureau, site, signer: Signer::new("k"), _authority: authority };
        firm.providers(&["mfa"]);
        firm.bureau.office.post("/v1/engagements", engagement).await;
        firm.site.document("/keys", key_set(&[&firm.signer]));
        firm.describes(json!({}));
        firm
    }

    /// Kessel & Lund's provider and another one, of the same issuer, that knows us otherwise.
    fn providers(&self, second_factor: &[&str]) {
        let provider = |name: &str, client: &str, secret: Option<&str>| Provider {
            name: name.to_owned(),
            title: "Kessel & Lund".to_owned(),
            by: By::Oidc(Oidc {
                issuer: URL.parse().unwrap(),
                client_id: client.parse().unwrap(),
                secret: secret.map(|text| Secret::new(text.to_owned())),
            }),
            account: "123456789012".parse().unwrap(),
            second_factor: second_factor.iter().map(|word| (*word).to_owned()).collect(),
            listed: secret.is_some(),
        };
        let all = vec![provider("kessel", CLIENT, Some("a:b&c")), provider("public", "public-client", None)];
        self.bureau.office.fixture.app.providers.replace(all);
    }

    /// Its document, with these members.
    fn describes(&self, members: Value) {
        let ends = json!({
            "authorization_endpoint": format!("https://{HOST}/authorize?theme=dark"),
            "token_endpoint": format!("https://{HOST}{TOKEN}"),
        });
        self.site.document("/prod/.well-known/openid-configuration", with(with(discovery(), ends), members));
        self.bureau.office.fixture.app.providers.replace(Vec::new());
        self.providers(&["mfa"]);
    }

    /// From now on it answers with a token that says this of whoever was sent, beyond what it always does.
    fn vouches(&self, sent: &Sent, members: Value) {
        let said =
            with(claims(self.bureau.office.fixture.clock.now()), json!({ "nonce": sent.0["nonce"], "sub": "eve-7" }));
        let token = self.signer.sign(&self.signer.header(), &with(said, members));
        self.site
            .document(TOKEN, json!({ "access_token": "opaque", "token_type": "Bearer", "id_token": token.expose() }));
    }

    /// Somebody comes back from it.
    async fn back(&self, browser: &mut Browser<'_>, sent: &Sent) -> Page {
        browser.get(&format!("{BACK}?code=code-of-kessel&state={}", sent.0["state"])).await
    }

    /// `who` is invited, types the code, and is sent to their firm.
    async fn invited(&self, browser: &mut Browser<'_>, who: &str) -> Sent {
        let link = invite(&self.bureau, who).await;
        let mut dee = self.bureau.browser("dee").await;
        let code = code_of(&sponsor(&mut dee, "code", who).await);
        let page = browser.get(&link).await;
        let page = browser.post(&link, &[("flow", &page.field("flow")), ("code", &code)]).await;
        sent(&page)
    }

    /// Links `who` with `subject`; they signed in with a second factor there.
    async fn linked(&self, who: &str, subject: &str) {
        let mut browser = Browser::new(&self.bureau.office);
        let sent = self.invited(&mut browser, who).await;
        self.vouches(&sent, json!({ "sub": subject, "amr": ["pwd", "mfa"] }));
        self.back(&mut browser, &sent).await.leads_to("/me/grants");
    }

    /// How far somebody is with a way to sign in.
    async fn signs_in(&self, who: &str) -> Value {
        let shown: Value = self.bureau.office.served.client.get("/v1/engagements/soc2").await.unwrap();
        shown["sign_in"].as_array().unwrap().iter().find(|one| one["name"] == who).unwrap().clone()
    }

    async fn begins(&self, browser: &mut Browser<'_>) -> Sent {
        sent(&browser.get("/login/with/kessel?next=/me/grants").await)
    }
}

/// Where a page sends the browser.
fn sent(page: &Page) -> Sent {
    page.says(200, "On to your own firm");
    let link = page.html.split_once("href=\"https://oidc.example.com/").unwrap().1.split('"').next().unwrap();
    let url = Url::parse(&format!("https://{HOST}/{}", link.replace("&#38;", "&").replace("&amp;", "&"))).unwrap();
    assert_eq!(url.path(), "/authorize");
    Sent(url.query_pairs().into_owned().collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_invited_is_linked_once_and_signs_in_from_then_on() {
    let firm = Firm::new().await;
    let mut eve = Browser::new(&firm.bureau.office);
    let sent = firm.invited(&mut eve, "ext.eve").await;
    let said = |name: &str| sent.0[name].as_str();
    assert_eq!(
        ["response_type", "client_id", "redirect_uri", "scope", "code_challenge_method", "theme"].map(said),
        ["code", CLIENT, "https://bailey.example/login/with/kessel/callback", "openid", "S256", "dark"]
    );
    firm.vouches(&sent, json!({ "amr": ["pwd", "mfa"] }));
    firm.back(&mut eve, &sent).await.leads_to("/me/grants");
    eve.get("/me/grants").await.says(200, "Kessel &#38; Lund");

    // What it was asked: the code, for the same address, with the verifier, by a client that named itself in the header (RFC 6749, 2.3.1).
    let asked: HashMap<_, _> =
        url::form_urlencoded::parse(firm.site.bodies().last().unwrap().as_bytes()).into_owned().collect();
    assert_eq!(asked["code_verifier"].len(), 43);
    assert_eq!(URL_SAFE_NO_PAD.encode(Sha256::digest(&asked["code_verifier"])), said("code_challenge"));
    assert_eq!((asked["code"].as_str(), asked["redirect_uri"].as_str()), ("code-of-kessel", said("redirect_uri")));
    assert!(!asked.contains_key("client_secret") && !asked.contains_key("client_id"));

    // It knows who it is by issuer and subject, whatever else is said; and shows its people a link to begin with.
    let mut again = Browser::new(&firm.bureau.office);
    again.get("/login").await.says(200, "/login/with/kessel");
    let sent = firm.begins(&mut again).await;
    firm.vouches(&sent, json!({ "amr": ["mfa"], "email": "dee@example.test", "preferred_username": "dee" }));
    firm.back(&mut again, &sent).await.leads_to("/me/grants");
    again.get("/me").await.says(200, "ext.eve");
    let eve = firm.signs_in("ext.eve").await;
    assert_eq!((&eve["ready"], &eve["linked"]), (&json!(true), &json!(format!("eve-7 of {URL}"))));
    let mut dee = firm.bureau.browser("dee").await;
    dee.get("/me/grants").await.says(200, "eve-7 of");
    let log = firm.bureau.records().join("\n");
    assert!(log.contains("AcceptInvitation") && log.contains("eve-7") && log.contains("\"provider\""), "{log}");
    let verifier = &asked["code_verifier"];
    for secret in [verifier.as_str(), said("nonce"), said("state"), "a:b&c", "code-of-kessel"] {
        assert!(!log.contains(secret), "the log has {secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_word_that_counts_they_show_a_second_factor_of_ours() {
    let mut firm = Firm::new().await;
    let mut eve = Browser::new(&firm.bureau.office);
    let sent = firm.invited(&mut eve, "ext.eve").await;
    firm.vouches(&sent, json!({ "amr": ["pwd"] }));
    let page = firm.back(&mut eve, &sent).await;
    page.says(200, "Set up");
    assert!(eve.session().is_none(), "one factor is no way in");
    let seed = {
        let (entered, seed) = enrols(&firm.bureau, &mut eve, &page).await;
        entered.says(200, "Your recovery codes");
        assert!(eve.session().is_some());
        seed
    };
    drop(eve);
    firm.bureau.seeds.push(("ext.eve", seed));
    let mut again = Browser::new(&firm.bureau.office);
    let sent = firm.begins(&mut again).await;
    firm.vouches(&sent, json!({}));
    let page = firm.back(&mut again, &sent).await;
    page.says(200, "Code");
    assert!(again.session().is_none());
    let (flow, next, half) = (page.field("flow"), page.field("next"), page.field("half"));
    let code = firm.bureau.code("ext.eve");
    let form = [("flow", flow.as_str()), ("next", &next), ("half", &half), ("code", &code)];
    again.post("/login/code", &form).await.leads_to("/me/grants");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_go_with_what_was_begun_lets_nobody_in() {
    let firm = Firm::new().await;
    firm.linked("ext.eve", "eve-7").await;
    let not_begun = "was not begun in this browser";
    let not_believed = "is not accepted";
    let mut eve = Browser::new(&firm.bureau.office);

    // An answer without a sign-in, of another one, of one long ago, to another provider's address, and a second time.
    let sent = firm.begins(&mut eve).await;
    firm.vouches(&sent, json!({ "amr": ["mfa"] }));
    let mut other = Browser::new(&firm.bureau.office);
    firm.back(&mut other, &sent).await.says(403, not_begun);
    firm.begins(&mut other).await;
    firm.back(&mut other, &sent).await.says(403, not_begun);
    let address = format!("/login/with/public/callback?code=code-of-kessel&state={}", sent.0["state"]);
    let kept = eve.cookies.clone();
    eve.get(&address).await.says(403, not_begun);
    eve.cookies.clone_from(&kept);
    firm.bureau.office.pass(601);
    firm.vouches(&sent, json!({ "amr": ["mfa"] }));
    firm.back(&mut eve, &sent).await.says(403, not_begun);
    let sent = firm.begins(&mut eve).await;
    firm.vouches(&sent, json!({ "amr": ["mfa"] }));
    firm.back(&mut eve, &sent).await.leads_to("/me/grants");
    assert_eq!(firm.site.asked(TOKEN), 2, "nobody asks for a token without a sign-in that was begun");
    // Whoever sends something in the browser of somebody who is under way changes nothing; a time that a provider says is the session's.
    let sent = firm.begins(&mut eve).await;
    let page = eve.get(&format!("{BACK}?code=junk&state=another")).await;
    assert!(page.status == 403 && page.set.is_empty(), "{page:?}");
    let now = firm.bureau.office.fixture.clock.now();
    firm.vouches(&sent, json!({ "amr": ["mfa"], "auth_time": now.as_second() - 900 }));
    firm.back(&mut eve, &sent).await.leads_to("/me/grants");
    let cookie = Secret::new(eve.session().unwrap().clone());
    let live = firm.bureau.office.fixture.app.admin.sessions.of_cookie(&cookie, now).unwrap();
    assert_eq!(live.session().auth_time.unwrap().as_second(), now.as_second() - 900);
    // Where they are to sign in anew, the provider is told so, and has to say when they did.
    let next = "/login/with/kessel?next=%2Foauth2%2Fauthorize%3Fclient_id%3Dwiki%26anew%3D1";
    for (auth_time, is_believed) in [(Some(-900), false), (None, false), (Some(90), false), (Some(-20), true)] {
        let mut anew = Browser::new(&firm.bureau.office);
        let sent = self::sent(&anew.get(next).await);
        assert_eq!((sent.0["prompt"].as_str(), sent.0["max_age"].as_str()), ("login", "60"));
        let auth_time = auth_time.map(|seconds: i64| now.as_second() + seconds);
        firm.vouches(&sent, json!({ "amr": ["mfa"], "auth_time": auth_time }));
        let page = firm.back(&mut anew, &sent).await;
        assert_eq!(page.status, if is_believed { 200 } else { 403 }, "{auth_time:?}: {page:?}");
        assert_eq!(anew.session().is_some(), is_believed);
    }
    let records = firm.bureau.records().join("\n");
    assert!(records.contains("\"VerifyWebIdentity\"") && records.contains("\"authentication\""), "{records}");
    // Of many who come back at once with the same one, one does.
    let sent = firm.begins(&mut eve).await;
    firm.vouches(&sent, json!({ "amr": ["mfa"] }));
    let windows = (0..64).map(|_| {
        let mut window = Browser::new(&firm.bureau.office);
        window.cookies.clone_from(&eve.cookies);
        let (firm, sent) = (&firm, &sent);
        async move { firm.back(&mut window, sent).await.status }
    });
    let answers = futures_util::future::join_all(windows).await;
    assert_eq!(answers.iter().filter(|status| **status == 303).count(), 1, "{answers:?}");
    firm.back(&mut Browser::new(&firm.bureau.office), &sent).await.says(403, not_begun);
    // What lies in the browser cannot be made or changed there.
    let mut thief = Browser::new(&firm.bureau.office);
    let sent = firm.begins(&mut thief).await;
    let cookie = thief.cookies.get_mut("__Host-bailey-outside").unwrap();
    let middle = cookie.len() / 2;
    let changed = if &cookie[middle..=middle] == "A" { "B" } else { "A" };
    cookie.replace_range(middle..=middle, changed);
    firm.back(&mut thief, &sent).await.says(403, not_begun);

    // Tokens that are somebody else's, old, for others, or nobody's.
    let now = firm.bureau.office.fixture.clock.now().as_second();
    let strange = [
        json!({ "nonce": "another" }),
        json!({ "nonce": null }),
        json!({ "aud": "public-client" }),
        json!({ "iss": "https://oidc.example.com/other" }),
        json!({ "exp": now - 300 }),
        json!({ "iat": now - 301, "nbf": null }),
        json!({ "iat": null, "nbf": null }),
        json!({ "sub": null }),
    ];
    for strange in strange {
        let mut eve = Browser::new(&firm.bureau.office);
        let sent = firm.begins(&mut eve).await;
        firm.vouches(&sent, strange.clone());
        let page = firm.back(&mut eve, &sent).await;
        assert!(page.status == 403 && page.html.contains(not_believed), "{strange}: {page:?}");
        assert!(eve.session().is_none());
    }
    let mut eve = Browser::new(&firm.bureau.office);
    let sent = firm.begins(&mut eve).await;
    let said =
        with(claims(firm.bureau.office.fixture.clock.now()), json!({ "nonce": sent.0["nonce"], "sub": "eve-7" }));
    let [head, body] = [json!({ "alg": "none" }), said].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    firm.site.document(TOKEN, json!({ "id_token": format!("{head}.{body}.") }));
    firm.back(&mut eve, &sent).await.says(403, not_believed);

    // RFC 9207: an answer of another issuer, or of nobody where the provider always says.
    let sent = firm.begins(&mut eve).await;
    let state = &sent.0["state"];
    eve.get(&format!("{BACK}?code=c&state={state}&iss=https://evil.example")).await.says(403, not_believed);
    firm.describes(json!({ "authorization_response_iss_parameter_supported": true }));
    let sent = firm.begins(&mut eve).await;
    firm.vouches(&sent, json!({ "amr": ["mfa"] }));
    firm.back(&mut eve, &sent).await.says(403, not_believed);
    let sent = firm.begins(&mut eve).await;
    firm.vouches(&sent, json!({ "amr": ["mfa"] }));
    eve.get(&format!("{BACK}?code=c&state={}&iss={URL}", sent.0["state"])).await.leads_to("/me/grants");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_somebody_is_there_is_one_person_here() {
    let firm = Firm::new().await;
    // Nobody comes to be by signing in, whatever is said of them.
    let mut mallory = Browser::new(&firm.bureau.office);
    let sent = firm.begins(&mut mallory).await;
    firm.vouches(&sent, json!({ "sub": "dee", "amr": ["mfa"], "email": "dee@example.test", "email_verified": true }));
    firm.back(&mut mallory, &sent).await.says(403, "Nobody here is known by that sign-in");
    firm.linked("ext.eve", "eve-7").await;
    // Somebody else's identity is not taken over by an invitation of one's own; the invitation is good still.
    let mut finn = Browser::new(&firm.bureau.office);
    let sent = firm.invited(&mut finn, "ext.finn").await;
    firm.vouches(&sent, json!({ "sub": "eve-7", "amr": ["mfa"] }));
    firm.back(&mut finn, &sent).await.says(409, "Somebody else here signs in by that already");
    assert!(finn.session().is_none());
    let shown = firm.signs_in("ext.finn").await;
    assert!(shown["invited_until"].is_string(), "{shown}");
    // A subject of theirs that only looks alike is another.
    for alike in ["EVE-7", "eve-7 ", "eve-7\u{200b}"] {
        let mut other = Browser::new(&firm.bureau.office);
        let sent = firm.begins(&mut other).await;
        firm.vouches(&sent, json!({ "sub": alike, "amr": ["mfa"] }));
        let page = firm.back(&mut other, &sent).await;
        assert!(page.status == 403 && other.session().is_none(), "{alike:?}: {page:?}");
    }
    // Invited once more, they are who they are there from then on, and not who they were.
    firm.linked("ext.eve", "eve-8").await;
    let mut old = Browser::new(&firm.bureau.office);
    let sent = firm.begins(&mut old).await;
    firm.vouches(&sent, json!({ "amr": ["mfa"] }));
    firm.back(&mut old, &sent).await.says(403, "Nobody here is known by that sign-in");
    // Whoever is deleted leaves nothing behind that could lead anybody in.
    let client = &firm.bureau.office.served.client;
    client.delete::<Value>("/v1/users/ext.eve").await.unwrap();
    let mut gone = Browser::new(&firm.bureau.office);
    let sent = firm.begins(&mut gone).await;
    firm.vouches(&sent, json!({ "sub": "eve-8", "amr": ["mfa"] }));
    firm.back(&mut gone, &sent).await.says(403, "Nobody here is known by that sign-in");
    sound(&firm.bureau.office.fixture);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_refuses_fails_or_lies_is_told_in_words() {
    let firm = Firm::new().await;
    firm.linked("ext.eve", "eve-7").await;
    let mut eve = Browser::new(&firm.bureau.office);
    let sent = firm.begins(&mut eve).await;
    let page = eve.get(&format!("{BACK}?error=access_denied%0A%3Cb%3E&state={}", sent.0["state"])).await;
    page.says(403, "did not sign you in (access_denied");
    assert!(!page.html.contains("<b>"), "{page:?}");
    let answers = [
        Served::Raw(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 25\r\n\r\n{\"error\":\"invalid_grant\"}".to_vec()),
        Served::Raw(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n".to_vec()),
        Served::Endless("{\"id_token\":\"".to_owned()),
        Served::Document("{}".to_owned()),
        Served::Document("[]".to_owned()),
        Served::Document("{\"id_token\":7}".to_owned()),
        Served::Raw(Vec::new()),
    ];
    for answer in answers {
        let sent = firm.begins(&mut eve).await;
        firm.site.show(TOKEN, answer.clone());
        let page = firm.back(&mut eve, &sent).await;
        assert!(page.status == 503 && page.html.contains("does not answer as it should"), "{answer:?}: {page:?}");
        assert!(eve.session().is_none());
    }
    // Its document names no place, or one in the clear, or one of ours; asked once and not by everybody who opens the page.
    for wrong in
        [json!({ "authorization_endpoint": null }), json!({ "authorization_endpoint": "http://oidc.example.com/a" })]
    {
        firm.describes(wrong);
        let before = firm.site.asked("/prod/.well-known/openid-configuration");
        let windows = (0..16).map(|_| {
            let mut window = Browser::new(&firm.bureau.office);
            async move { window.get("/login/with/kessel").await.says(503, "does not answer as it should") }
        });
        futures_util::future::join_all(windows).await;
        assert_eq!(firm.site.asked("/prod/.well-known/openid-configuration"), before + 1);
    }
    firm.describes(json!({ "token_endpoint": "http://oidc.example.com/token" }));
    let sent = firm.begins(&mut eve).await;
    firm.vouches(&sent, json!({ "amr": ["mfa"] }));
    firm.back(&mut eve, &sent).await.says(503, "does not answer as it should");
    eve.get("/login/with/nobody").await.says(404, "Nobody signs in by that name");
    eve.get("/login/with/nobody/callback?code=c&state=s").await.says(403, "was not begun in this browser");
    // Whoever signed in by one that is configured no more is signed out.
    firm.describes(json!({}));
    let mut eve = Browser::new(&firm.bureau.office);
    let sent = firm.begins(&mut eve).await;
    firm.vouches(&sent, json!({ "amr": ["mfa"] }));
    firm.back(&mut eve, &sent).await.leads_to("/me/grants");
    eve.get("/me").await.says(200, "ext.eve");
    firm.bureau.office.fixture.app.providers.replace(Vec::new());
    let page = eve.get("/me").await;
    assert!(page.location.as_deref().is_some_and(|to| to.starts_with("/login?")), "{page:?}");
    // Where nothing says what we are called, nobody is sent away.
    firm.describes(json!({}));
    firm.bureau.office.fixture.app.sso_settings.write().unwrap().issuer = None;
    eve.get("/login/with/kessel").await.says(404, "Nobody signs in by that name");
}
