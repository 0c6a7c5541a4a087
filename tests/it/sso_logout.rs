//! Somebody signs out: at the word of an application, and so that every application hears of it.

use std::sync::Arc;

use bailey::base::network::Networks;
use bailey::daemon::logouts;
use bailey::fetch::{self, Reach};
use bailey::model::Actor;
use bailey::model::client::ClientAuth;
use bailey::model::logout_notice::{LogoutNotice, NoticeState};
use bailey::sessions::Place;
use bailey::store::{Commit, Intent};
use serde_json::{Value, json};

use crate::bed::Authority;
use crate::bed::website::{Page as Answer, Places, Website};
use crate::portal::{Browser, Page};
use crate::sso_desk::{BACK, Desk, ISSUER, VERIFIER, basic, challenge, claims, part};
use crate::sts_unsigned::PASSWORD;

const HOST: &str = "app.example";
const OUT: &str = "https://app.example/out?from=bailey";

/// A desk with a client that is told of sign-outs, and where that is.
struct Scene {
    desk: Desk,
    site: Website,
    fetcher: fetch::Client,
    secret: String,
    _authority: Authority,
}

impl Scene {
    async fn new() -> Self {
        let desk = Desk::new().await;
        let settings = json!({
            "redirect_uris": [BACK],
            "post_logout_redirect_uris": [OUT],
            "backchannel_logout_uri": format!("https://{HOST}/told"),
        });
        let secret = desk.client("wiki", settings).await;
        let authority = Authority::new("clients");
        let site = Website::secure(&authority.issue(HOST, &[HOST])).await;
        site.document("/told", "");
        let fetcher = fetch::Client::new(Arc::new(Places::default().with(HOST, site.address())));
        let scene = Self { desk, site, fetcher, secret, _authority: authority };
        scene.reaches(&["127.0.0.0/8"]);
        scene
    }

    /// What may be reached from now on.
    fn reaches(&self, networks: &[&str]) {
        let networks = Networks::new(networks.iter().map(|text| text.parse().unwrap()).collect());
        let reach = Reach { networks, ca_file: Some(self._authority.ca_file()), plain_on_loopback: true };
        self.desk.office.fixture.app.sso_settings.write().unwrap().reach = reach;
    }

    /// Ann, signed in to the client with a new browser; what the client was given.
    async fn signed_in(&self, scope: &str) -> (Browser<'_>, Value) {
        let mut browser = Browser::new(&self.desk.office);
        browser.sign_in("ann", PASSWORD).await.leads_to("/me");
        let tokens = self.signs_in(&mut browser, scope).await;
        (browser, tokens)
    }

    async fn signs_in(&self, browser: &mut Browser<'_>, scope: &str) -> Value {
        let challenge = challenge(VERIFIER);
        let asked = [
            ("client_id", "wiki"),
            ("redirect_uri", BACK),
            ("response_type", "code"),
            ("scope", scope),
            ("nonce", "n-1"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(asked).finish();
        let back = browser.get(&format!("/oauth2/authorize?{query}")).await.location.unwrap();
        let back: url::Url = back.parse().unwrap();
        let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", BACK),
            ("code_verifier", VERIFIER),
        ];
        let told = self.desk.token(Some(&basic("wiki", &self.secret)), &form).await;
        assert_eq!(told.status, 200, "{}", told.text);
        told.json()
    }

    /// What the daemon does every few seconds: looks which sessions count, and tells clients; how many tries there were.
    async fn round(&self) -> usize {
        let app = &self.desk.office.fixture.app;
        app.admin.sessions.sweep(&app.audit, &mut Place::default(), app.admin.now()).unwrap();
        logouts::round(app, &self.desk.sso(), &self.fetcher).await
    }

    /// The logout tokens that the client was sent.
    fn tokens(&self) -> Vec<String> {
        let token = |body: &String| body.strip_prefix("logout_token=").unwrap().to_owned();
        self.site.bodies().iter().map(token).collect()
    }

    fn states(&self) -> Vec<Value> {
        let views = self.desk.office.fixture.app.admin.client_logouts().unwrap();
        views.into_iter().map(|view| serde_json::to_value(view).unwrap()).collect()
    }
}

fn address(changed: &[(&str, &str)]) -> String {
    let usual = [("client_id", "wiki"), ("post_logout_redirect_uri", OUT), ("state", "s/1")];
    let kept = usual.into_iter().filter(|(name, _)| !changed.iter().any(|(other, _)| other == name));
    let all = kept.chain(changed.iter().copied()).filter(|(_, value)| !value.is_empty());
    format!("/oauth2/logout?{}", url::form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish())
}

/// A page that sends nobody anywhere.
fn stays(page: &Page) {
    assert_eq!((page.status, &page.location), (400, &None), "{page:?}");
    assert!(!page.html.contains("http-equiv"), "{page:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_sends_a_browser_to_sign_out_and_gets_it_back() {
    let scene = Scene::new().await;
    let (mut browser, tokens) = scene.signed_in("openid").await;
    let id = tokens["id_token"].as_str().unwrap();
    let metadata = scene.desk.sso().metadata().unwrap();
    assert_eq!(metadata["end_session_endpoint"], format!("{ISSUER}/oauth2/logout"));
    for truth in ["backchannel_logout_supported", "backchannel_logout_session_supported"] {
        assert_eq!(metadata[truth], true, "{truth}");
    }
    // A link alone signs nobody out, and the hint may have ended.
    scene.desk.office.pass(301);
    let page = browser.get(&address(&[("id_token_hint", id)])).await;
    page.says(200, "<strong>wiki</strong> asks to sign you out");
    assert_eq!(browser.get("/me").await.status, 200);
    let (form, state) = (page.field("form"), page.field("state"));
    let onward = page.field("post_logout_redirect_uri");
    assert_eq!((onward.as_str(), state.as_str()), (OUT, "s/1"));
    let fields = [("form", form.as_str()), ("client_id", "wiki"), ("post_logout_redirect_uri", OUT), ("state", "s/1")];
    let elsewhere = browser.post_from("/oauth2/logout/confirm", &fields, &[("sec-fetch-site", "cross-site")]).await;
    assert_eq!(elsewhere.status, 403);
    let mut wrong = fields;
    wrong[0].1 = "x";
    assert_eq!(browser.post("/oauth2/logout/confirm", &wrong).await.status, 403);
    // What a form brings is held to what is registered, too.
    let mut wrong = fields;
    wrong[2].1 = "https://evil.example/";
    stays(&browser.post("/oauth2/logout/confirm", &wrong).await);
    assert_eq!(browser.get("/me").await.status, 200, "still signed in");
    let out = browser.post("/oauth2/logout/confirm", &fields).await;
    out.says(200, "0;url=https://app.example/out?from=bailey&#38;state=s%2F1");
    browser.get("/me").await.leads_to("/login?next=%2Fme");
    assert_eq!(scene.desk.userinfo(tokens["access_token"].as_str().unwrap()).await.status, 401);
    // Nobody is signed in: there is nothing to ask.
    browser.get(&address(&[])).await.leads_to(&format!("{OUT}&state=s%2F1"));
    browser.get("/oauth2/logout").await.says(200, "Nobody is signed in");
    // A form of an application comes without our cookie, and goes on as an address that has no hint in it any more.
    let sent = browser.post_from("/oauth2/logout", &[("id_token_hint", id), ("state", "x")], &[]).await;
    sent.leads_to("/oauth2/logout?client_id=wiki&state=x");
    // Without an application it ends here.
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    let page = browser.get("/oauth2/logout").await;
    browser.post("/oauth2/logout/confirm", &[("form", &page.field("form"))]).await.leads_to("/login?why=signed_out");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sent_to_an_address_that_is_not_registered_for_it() {
    let scene = Scene::new().await;
    scene.desk.app("other").await;
    let (mut browser, tokens) = scene.signed_in("openid").await;
    let mut nobody = Browser::new(&scene.desk.office);
    let others = [
        "https://app.example/out",
        "https://app.example/out?from=bailey&",
        "https://app.example/out?from=bailey#",
        "https://app.example@evil.example/out?from=bailey",
        "https://app.example.evil.example/out?from=bailey",
        "https://evil.example/?https://app.example/out?from=bailey",
        "https://APP.example/out?from=bailey",
        "http://app.example/out?from=bailey",
        "//app.example/out?from=bailey",
        "javascript:alert(1)",
        BACK,
    ];
    for other in others {
        for browser in [&mut browser, &mut nobody] {
            stays(&browser.get(&address(&[("post_logout_redirect_uri", other)])).await);
        }
    }
    let theirs = scene.desk.signed_in("other", "openid").id_token.unwrap();
    let id = tokens["id_token"].as_str().unwrap();
    let forged = format!("{}x", &id[..id.len() - 1]);
    for changed in [
        &[("client_id", "")][..],
        &[("client_id", "nobody")],
        &[("client_id", "../wiki")],
        &[("client_id", "other")],
        &[("client_id", "other"), ("id_token_hint", id)],
        &[("id_token_hint", &theirs)],
        &[("client_id", ""), ("id_token_hint", &theirs)],
        &[("id_token_hint", &forged)],
        &[("id_token_hint", "x.y.z")],
        &[("id_token_hint", tokens["access_token"].as_str().unwrap())],
    ] {
        stays(&nobody.get(&address(changed)).await);
    }
    stays(&nobody.get(&format!("{}&post_logout_redirect_uri=https%3A%2F%2Fevil.example", address(&[]))).await);
    assert_eq!(browser.get("/me").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_told_once_of_whatever_ends_a_session() {
    let scene = Scene::new().await;
    let office = &scene.desk.office;
    let mut told = 0;
    for way in ["sign out", "everywhere", "administrator", "all of hers", "idle", "password", "disabled"] {
        let (mut browser, tokens) = scene.signed_in("openid").await;
        // A second sign-in to the same client is told of once, too.
        scene.signs_in(&mut browser, "openid").await;
        assert_eq!(scene.round().await, 0, "{way}: nothing ended yet");
        let form = browser.get("/logout").await.field("form");
        match way {
            "sign out" => drop(browser.post("/logout", &[("form", &form)]).await),
            "everywhere" => drop(browser.post("/me/sessions/end-all", &[("form", &form)]).await),
            "administrator" => {
                let listed: Value = office.served.client.get("/v1/sessions?person=ann").await.unwrap();
                let all = listed["items"].as_array().unwrap();
                let id = all.iter().find(|one| one["browser"] == true).unwrap()["id"].as_str().unwrap().to_owned();
                office.post(&format!("/v1/sessions/{id}/end"), json!({ "reason": "stolen" })).await;
            }
            "all of hers" => {
                office.post("/v1/end-sessions", json!({ "which": { "person": "ann" }, "reason": "left" })).await;
            }
            "idle" => office.pass(3_601),
            "password" => {
                office.pass(1);
                let body = json!({ "password": PASSWORD, "must_change": false });
                office.put("/v1/users/ann/password", body).await;
            }
            _ => {
                office.post("/v1/users/ann", json!({ "disabled": true })).await;
            }
        }
        assert_eq!(scene.round().await, 1, "{way}");
        assert_eq!(scene.round().await, 0, "{way}: it knows");
        told += 1;
        let sent = scene.tokens();
        assert_eq!(sent.len(), told, "{way}");
        let (token, id) = (&sent[told - 1], claims(tokens["id_token"].as_str().unwrap()));
        let app = &office.fixture.app;
        let said: Value = app.admin.keys.verify_token("logout+jwt", token, app.admin.now()).unwrap();
        assert_eq!(said["aud"], "wiki");
        assert_eq!(part(token, 0)["typ"], "logout+jwt");
        assert_eq!((&said["iss"], &said["sub"], &said["sid"]), (&json!(ISSUER), &id["sub"], &id["sid"]), "{way}");
        assert_eq!(said["events"], json!({ "http://schemas.openid.net/event/backchannel-logout": {} }));
        let (iat, exp) = (said["iat"].as_i64().unwrap(), said["exp"].as_i64().unwrap());
        assert!(said.get("nonce").is_none() && exp - iat == 120 && said["jti"].as_str().unwrap().len() == 32);
        // It lets nobody do anything: no token of another sort is taken for it, nor it for one.
        assert_eq!(scene.desk.userinfo(token).await.status, 401);
    }
    assert!(scene.site.last_head().contains("application/x-www-form-urlencoded"));
    let states = scene.states();
    assert!(states.len() == told && states.iter().all(|state| state["state"] == "told"), "{states:?}");
    assert!(scene.desk.records().join("\n").contains("TellLogout"));
    // A week later nobody looks at it any more.
    office.pass(7 * 24 * 3_600 + 1);
    assert_eq!((scene.round().await, scene.states().len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_take_it_is_told_again_and_at_last_given_up() {
    let mut scene = Scene::new().await;
    let raw = |head: &str| Answer::Raw(format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n").into_bytes());
    let out = async |scene: &Scene| {
        let (mut browser, _) = scene.signed_in("openid").await;
        let form = browser.get("/logout").await.field("form");
        browser.post("/logout", &[("form", &form)]).await;
    };
    // Each bad answer in its turn, across a restart, and then a good one.
    out(&scene).await;
    for (answer, why) in [
        (Some(raw("500 Oh")), "status 500"),
        (Some(raw("400 No")), "status 400"),
        (Some(raw("302 There\r\nLocation: https://169.254.169.254/")), "redirections are not followed"),
        (Some(Answer::Silence), "did not answer within 5 s"),
        (None, "client_networks"),
    ] {
        match answer {
            Some(answer) => scene.site.show("/told", answer),
            None => scene.reaches(&[]),
        }
        assert_eq!(scene.round().await, 1, "{why}");
        let states = scene.states();
        assert!(states[0]["state"] == "due" && states[0]["why"].as_str().unwrap().contains(why), "{states:?}");
        assert_eq!(scene.round().await, 0, "not at once");
        let Scene { desk, site, fetcher, secret, _authority } = scene;
        let later = desk.office.fixture.app.admin.now() + jiff::SignedDuration::from_secs(1_801);
        let desk = desk.restarted().await;
        desk.office.fixture.clock.set(later);
        scene = Scene { desk, site, fetcher, secret, _authority };
        scene.reaches(&["127.0.0.0/8"]);
    }
    scene.site.show("/told", raw("204 Taken"));
    assert_eq!(scene.round().await, 1);
    assert_eq!(scene.states()[0]["state"], "told");
    assert_eq!(scene.tokens().len(), 5, "what may not be reached is sent nothing");
    // Eight times, and then it is over.
    scene.site.show("/told", raw("500 Oh"));
    out(&scene).await;
    let mut tries = 0;
    for _ in 0..20 {
        tries += scene.round().await;
        scene.desk.office.pass(1_801);
    }
    assert_eq!(tries, 8);
    let names = scene.tokens().split_off(5).iter().map(|token| claims(token)["jti"].to_string()).collect::<Vec<_>>();
    let different: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!((names.len(), different.len()), (8, 8), "each has a name of its own");
    let given_up = scene.states().into_iter().filter(|state| state["state"] == "given_up").count();
    assert_eq!(given_up, 1);
}

/// A client that the configuration declares, told of sign-outs where the scene's is.
fn declare(scene: &Scene, id: &str, uri: &str) {
    let settings: bailey::admin::clients::ClientSettings =
        serde_json::from_value(json!({ "redirect_uris": [BACK], "backchannel_logout_uri": uri })).unwrap();
    let app = &scene.desk.office.fixture.app;
    let client = settings.begin(id.parse().unwrap(), ClientAuth::None, app.admin.now()).unwrap();
    app.admin.declared_clients.write().unwrap().push(client);
}

fn undeclare(scene: &Scene) {
    let app = &scene.desk.office.fixture.app;
    app.admin.declared_clients.write().unwrap().clear();
    app.admin.end_undeclared_clients(app.admin.now()).unwrap();
}

/// Records of this event that have all of these in them.
fn recorded(scene: &Scene, all: &[&str]) -> usize {
    scene.desk.records().iter().filter(|record| all.iter().all(|one| record.contains(one))).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_taken_away_is_told_that_what_it_had_is_over() {
    let scene = Scene::new().await;
    let there = format!("https://{HOST}/told");
    declare(&scene, "board", &there);
    let (_browser, tokens) = scene.signed_in("openid").await;
    let told = scene.desk.signed_in("board", "openid");
    let kept = told.refresh_token.unwrap();
    let kept = scene.desk.refresh("board", &kept).unwrap().refresh_token.unwrap();
    undeclare(&scene);
    assert!(recorded(&scene, &["\"EndTokens\"", "client_undeclared", "\"board\""]) > 0);
    assert!(recorded(&scene, &["\"UndeclareClient\"", "\"board\""]) > 0);
    // To do it once more does nothing: so a start behind a crash may.
    let before = scene.desk.records().len();
    undeclare(&scene);
    assert_eq!(scene.desk.records().len(), before);
    // Declared again it has nothing of before, and another one of its name is not told in its place.
    declare(&scene, "board", "https://other.example/told");
    assert!(scene.desk.refresh("board", &kept).is_err());
    assert_eq!(scene.round().await, 1);
    assert_eq!(scene.states()[0]["state"], "told", "{:?}", scene.states());
    let app = &scene.desk.office.fixture.app;
    let said: Value = app.admin.keys.verify_token("logout+jwt", &scene.tokens()[0], app.admin.now()).unwrap();
    let id = claims(&told.id_token.unwrap());
    assert_eq!((&said["aud"], &said["sub"], &said["sid"]), (&json!("board"), &id["sub"], &id["sid"]));
    // One that was registered, and is deleted; or took itself back.
    scene.desk.office.served.client.delete::<()>("/v1/clients/wiki").await.unwrap();
    assert_eq!(scene.round().await, 1);
    let said: Value = app.admin.keys.verify_token("logout+jwt", &scene.tokens()[1], app.admin.now()).unwrap();
    assert_eq!((&said["aud"], &said["sid"]), (&json!("wiki"), &claims(tokens["id_token"].as_str().unwrap())["sid"]));
    assert!(recorded(&scene, &["\"EndTokens\"", "client_deleted", "\"wiki\""]) > 0);
    assert_eq!(scene.round().await, 0);
    crate::sso_rows::is_whole(&scene.desk);
}

/// Ten thousand sessions in which somebody signed in to a client, and a handful that ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_round_reads_what_is_due_and_none_of_those_that_wait() {
    let scene = Scene::new().await;
    let fixture = &scene.desk.office.fixture;
    let app = &fixture.app;
    let read = || {
        let before = fixture.tiny.read.load(std::sync::atomic::Ordering::Relaxed);
        let due = scene.desk.sso().due_notices(app.admin.now()).unwrap().len();
        (due, fixture.tiny.read.load(std::sync::atomic::Ordering::Relaxed) - before)
    };
    let (due, alone) = read();
    assert_eq!(due, 0);
    let user = scene.desk.consent("wiki", "openid").user;
    let look = app.admin.now() + jiff::SignedDuration::from_hours(1);
    let later = NoticeState::Due { since: app.admin.now(), tries: 1, next: look, why: None };
    let told = NoticeState::Told { at: app.admin.now() };
    for part in 0..10_u32 {
        let mut commit = Commit::new(Actor::task("test"), app.admin.now(), Intent::Widen);
        for n in 0..1_000_u32 {
            let mut session = [9; 16];
            session[..4].copy_from_slice(&(part * 1_000 + n).to_be_bytes());
            let state = match n % 10 {
                0 => later.clone(),
                1 => told.clone(),
                _ => NoticeState::Watching { look },
            };
            let session = bailey::base::SessionId::from_bytes(session);
            let client = "wiki".parse().unwrap();
            commit
                .watch_logout(&LogoutNotice { client, session, user, address: None, client_gone: false, state })
                .unwrap();
        }
        app.store.commit(commit).unwrap();
    }
    assert_eq!(read(), (0, alone), "no more than without them");
    // Five of hers end: what is read grows by those, and not with the ten thousand.
    let mut browsers = Vec::new();
    for _ in 0..5 {
        browsers.push(scene.signed_in("openid").await.0);
    }
    for browser in &mut browsers {
        let form = browser.get("/logout").await.field("form");
        browser.post("/logout", &[("form", &form)]).await;
    }
    let (due, some) = read();
    assert!(due == 5 && some < alone + 500, "{some} rows for {due}");
    // Whoever waits has a turn: an hour later those are looked at whose time it is, so many in a round.
    scene.desk.office.pass(3_601);
    let mut seen = 0;
    for _ in 0..3 {
        let (due, some) = read();
        assert!(some < alone + 50_000, "{some} rows for {due}");
        seen += due;
    }
    assert_eq!(seen, 300);
    crate::sso_rows::is_whole(&scene.desk);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_daemons_on_one_store_tell_a_client_once() {
    let scene = Scene::new().await;
    let (mut browser, _) = scene.signed_in("openid").await;
    let form = browser.get("/logout").await.field("form");
    browser.post("/logout", &[("form", &form)]).await;
    let rounds = (0..16).map(|_| scene.round());
    let tries: usize = futures_util::future::join_all(rounds).await.into_iter().sum();
    assert_eq!((tries, scene.tokens().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_ends_all_sessions_of_a_person_ends_what_goes_on_without_a_browser() {
    let scene = Scene::new().await;
    let office = &scene.desk.office;
    let settings = json!({ "auth": "none", "redirect_uris": [BACK], "scopes": ["openid", "offline_access"] });
    scene.desk.client("phone", settings).await;
    let kept = scene.desk.signed_in("phone", "openid offline_access").refresh_token.unwrap();
    let kept = scene.desk.refresh("phone", &kept).unwrap().refresh_token.unwrap();
    office.post("/v1/end-sessions", json!({ "which": { "person": "ann" }, "reason": "left" })).await;
    assert!(scene.desk.refresh("phone", &kept).is_err());
    // Nor does what a client had come back with another one of its name.
    scene.desk.app("tablet").await;
    let (mut browser, _) = scene.signed_in("openid").await;
    assert_eq!(browser.get("/me").await.status, 200);
    let listed: Value = office.served.client.get("/v1/sessions?person=ann").await.unwrap();
    let id = listed["items"].as_array().unwrap().iter().find(|one| one["browser"] == true).unwrap()["id"].clone();
    let mut consent = scene.desk.consent("tablet", "openid");
    consent.session = id.as_str().unwrap().parse().unwrap();
    let new = bailey::sso::NewCode {
        consent,
        redirect_uri: BACK.to_owned(),
        challenge: challenge(VERIFIER),
        jkt: None,
        pushed: None,
    };
    let by = bailey::model::Actor::Person { user: new.consent.user, name: "ann".to_owned() };
    let code = scene.desk.sso().issue_code(new, &by, office.fixture.app.admin.now()).unwrap();
    let kept = scene.desk.redeem("tablet", code.expose()).unwrap().refresh_token.unwrap();
    let kept = scene.desk.refresh("tablet", &kept).unwrap().refresh_token.unwrap();
    office.served.client.delete::<()>("/v1/clients/tablet").await.unwrap();
    scene.desk.app("tablet").await;
    assert!(scene.desk.refresh("tablet", &kept).is_err());
}
