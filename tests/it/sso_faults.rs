//! Single sign-on on a machine that fails: a full disk, a clock that was set back, kill -9. Whatever happens, nothing counts twice or
//! again, and what takes away works.

use std::collections::BTreeSet;
use std::io;
use std::process::Command;
use std::time::Duration;

use bailey::base::Clock as _;
use bailey::base::clock::SystemClock;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bed::counter::Counter;
use crate::bed::daemon::Bailey;
use crate::bed::wait_until;
use crate::sso_desk::{BACK, VERIFIER, challenge, encoded};
use crate::sso_tokens::Key;
use crate::store_full::{Disk, is_root_here};
use crate::sts_unsigned::PASSWORD;
use crate::{clock, run};

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A daemon that issues, ann with a browser, and clients.
struct Shop {
    counter: Counter,
    home: TempDir,
    /// Of the client `vault`.
    key: Key,
}

/// An answer: its status, where it leads, and what it says.
#[derive(Debug, Clone)]
struct Answer {
    status: u16,
    location: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// A member of what was given.
    fn given(&self, name: &str) -> String {
        assert!(self.status == 200 || self.status == 201, "{self:?}");
        self.json()[name].as_str().unwrap_or_else(|| panic!("no {name}: {self:?}")).to_owned()
    }

    /// The first hidden field of this name.
    fn field(&self, name: &str) -> String {
        let found = self.body.split_once(&format!("name=\"{name}\" value=\""));
        found.unwrap_or_else(|| panic!("{self:?}")).1.split_once('"').unwrap().0.to_owned()
    }

    /// A parameter of where it leads.
    fn onward(&self, name: &str) -> Option<String> {
        let address: url::Url = self.location.parse().ok()?;
        address.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    fn refuses(&self, code: &str) {
        assert_eq!((self.status, self.json()["error"].as_str()), (400, Some(code)), "{self:?}");
    }
}

impl Shop {
    fn open(bailey: Bailey) -> Self {
        Self::declaring(bailey, "")
    }

    /// The same with `more` at the end of its configuration.
    fn declaring(bailey: Bailey, more: &str) -> Self {
        let counter = Counter::over(
            bailey,
            &format!(
                "[store]\nreserve = \"4MiB\"\n\n[sso]\nissuer = \"https://localhost:@PORT@\"\n\
             registration = \"initial_access_token\"\ntoken_requests_at_once = 100000\ntoken_requests_per_second = 100000\n\n{more}"
            ),
        );
        let shop = Self { counter, home: tempfile::tempdir().unwrap(), key: Key::new() };
        shop.counter.post("/v1/users", &json!({ "name": "ann" }));
        shop.counter.post("/v1/users/ann/password", &json!({ "password": PASSWORD, "must_change": false }));
        let app = json!({
            "auth": "none", "redirect_uris": [BACK], "grants": ["authorization_code", "refresh_token", DEVICE],
            "lifetimes": { "access": 600, "id": 300, "refresh_idle": 3_600, "refresh": 3_600 }
        });
        shop.counter.post("/v1/clients", &json!({ "id": "app", "settings": app }));
        let vault = json!({ "auth": "private_key_jwt", "jwks": shop.key.jwks(), "grants": ["client_credentials"] });
        shop.counter.post("/v1/clients", &json!({ "id": "vault", "settings": vault }));
        shop
    }

    /// An error is a connection that broke: nobody knows what became of it.
    fn try_ask(&self, browser: bool, path: &str, form: &[(&str, &str)], more: &[&str]) -> io::Result<Answer> {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--noproxy", "*", "--max-time", "20", "--write-out", "\n%{http_code} %{redirect_url}"]);
        curl.arg("--cacert").arg(self.counter.authority_file());
        if browser {
            let jar = self.home.path().join("cookies");
            curl.arg("--cookie")
                .arg(&jar)
                .arg("--cookie-jar")
                .arg(jar)
                .args(["--header", "sec-fetch-site: same-origin"]);
        }
        for (name, value) in form {
            curl.arg("--data-urlencode").arg(format!("{name}={value}"));
        }
        let told = curl.args(more).arg(format!("{}{path}", self.counter.url())).output()?;
        if !told.status.success() {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let text = String::from_utf8(told.stdout).unwrap();
        let (body, last) = text.rsplit_once('\n').unwrap();
        let (status, location) = last.split_once(' ').unwrap();
        Ok(Answer { status: status.parse().unwrap(), location: location.to_owned(), body: body.to_owned() })
    }

    /// What a program is answered.
    fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.try_ask(false, path, form, &[]).unwrap()
    }

    /// What ann's browser is shown.
    fn sees(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.try_ask(true, path, form, &[]).unwrap()
    }

    fn sign_in(&self) {
        let page = self.sees("/login?next=/me", &[]);
        let (flow, next) = (page.field("flow"), page.field("next"));
        let form = [("flow", flow.as_str()), ("next", &next), ("login", "ann"), ("password", PASSWORD)];
        let page = self.sees("/login", &form);
        assert!(page.status == 303 && page.location.ends_with("/me"), "{page:?}");
    }

    /// Where ann's browser is sent with this request.
    fn authorize(&self, more: &[(&str, &str)]) -> Answer {
        let query = encoded(&[&[("client_id", "app")], more].concat());
        self.sees(&format!("/oauth2/authorize?{query}"), &[])
    }

    fn code(&self) -> String {
        self.code_for("app")
    }

    fn code_for(&self, client: &str) -> String {
        let challenge = challenge(VERIFIER);
        let query = encoded(&[&[("client_id", client)], asking(&challenge).as_slice()].concat());
        let answer = self.sees(&format!("/oauth2/authorize?{query}"), &[]);
        answer.onward("code").unwrap_or_else(|| panic!("{answer:?}"))
    }

    fn push(&self) -> Answer {
        let form = challenge(VERIFIER);
        self.post("/oauth2/par", &[&[("client_id", "app")], asking(&form).as_slice()].concat())
    }

    fn device(&self) -> Answer {
        self.post("/oauth2/device_authorization", &[("client_id", "app"), ("scope", "openid")])
    }

    /// The code of a device to which ann agreed.
    fn agreed_device(&self) -> String {
        let told = self.device();
        let (user_code, form) = (told.given("user_code"), self.sees("/device", &[]).field("form"));
        let page = self.sees("/device", &[("form", &form), ("user_code", &user_code)]);
        let (form, code) = (page.field("form"), page.field("user_code"));
        let page = self.sees("/device/answer", &[("form", &form), ("user_code", &code), ("answer", "agree")]);
        assert!(page.status == 200 && page.body.contains("The device is signed in"), "{page:?}");
        told.given("device_code")
    }

    fn registration_token(&self, uses: u32) -> String {
        let made = self.counter.post("/v1/client-registration-tokens", &json!({ "uses": uses }));
        made["token"].as_str().unwrap().to_owned()
    }

    fn try_register(&self, token: &str) -> io::Result<Answer> {
        let (bearer, body) = (format!("authorization: Bearer {token}"), json!({ "redirect_uris": [BACK] }).to_string());
        let kind = "content-type: application/json";
        self.try_ask(false, "/oauth2/register", &[], &["--header", &bearer, "--header", kind, "--data", &body])
    }

    /// Asks for what something stands for.
    fn try_redeem(&self, what: &Redeemed) -> io::Result<Answer> {
        self.try_redeem_as("app", what)
    }

    fn try_redeem_as(&self, client: &str, what: &Redeemed) -> io::Result<Answer> {
        let with =
            |own: &[(&str, &str)]| self.try_ask(false, "/oauth2/token", &[&[("client_id", client)], own].concat(), &[]);
        match what {
            Redeemed::Code(code) => with(&[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", BACK),
                ("code_verifier", VERIFIER),
            ]),
            Redeemed::Refresh(token) => with(&[("grant_type", "refresh_token"), ("refresh_token", token)]),
            Redeemed::Device(code) => with(&[("grant_type", DEVICE), ("device_code", code)]),
            Redeemed::Registration(token) => self.try_register(token),
        }
    }

    fn redeem(&self, what: &Redeemed) -> Answer {
        self.try_redeem(what).unwrap()
    }

    /// A refresh token of ann's.
    fn kept(&self) -> String {
        self.redeem(&Redeemed::Code(self.code())).given("refresh_token")
    }

    /// What the client `vault` shows itself by; each is another one.
    fn assertion(&self, jti: &str) -> String {
        let now = SystemClock.now().as_second();
        let said = json!({
            "iss": "vault", "sub": "vault", "aud": self.counter.url(), "jti": jti, "iat": now, "exp": now + 300
        });
        self.key.sign(&json!({ "alg": "ES256", "kid": "k" }), &said)
    }

    fn as_vault(&self, path: &str, jti: &str, form: &[(&str, &str)]) -> Answer {
        let assertion = self.assertion(jti);
        let own = [
            ("client_id", "vault"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &assertion),
        ];
        self.post(path, &[&own, form].concat())
    }

    /// Ids of all clients.
    fn clients(&self) -> BTreeSet<String> {
        let all = self.counter.get("/v1/clients");
        let all = all.as_array().unwrap_or_else(|| panic!("{all}"));
        all.iter().map(|client| client["id"].as_str().unwrap().to_owned()).collect()
    }

    fn stop(&mut self) {
        assert!(self.counter.bailey.terminate().success(), "{}", self.counter.bailey.log());
    }
}

/// What a code is asked for with.
fn asking(challenge: &str) -> [(&str, &str); 5] {
    [
        ("redirect_uri", BACK),
        ("response_type", "code"),
        ("scope", "openid"),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
    ]
}

/// Something that counts once.
#[derive(Debug, Clone)]
enum Redeemed {
    Code(String),
    Refresh(String),
    Device(String),
    Registration(String),
}

/// A plain no that says that it is ours, and nothing of where the disk is.
fn unavailable(what: &str, answer: &Answer) {
    assert_eq!(answer.status, 503, "{what}: {answer:?}");
    assert!(!answer.body.contains("state") && !answer.body.contains("/tmp"), "{what}: {answer:?}");
    assert_eq!(answer.json()["error"], "temporarily_unavailable", "{what}: {answer:?}");
}

#[test]
fn on_a_full_disk_nothing_is_given_and_all_can_be_given_back() {
    if !is_root_here("sso_faults::on_a_full_disk_nothing_is_given_and_all_can_be_given_back") {
        return;
    }
    let disk = Disk::mount(64);
    let bailey = disk.bailey();
    let shop = Shop::open(bailey);
    shop.sign_in();
    let (kept, other, registration) = (shop.kept(), shop.kept(), shop.registration_token(5));
    let (code, device) = (shop.code(), shop.agreed_device());
    let by_vault = shop.as_vault("/oauth2/token", "j-1", &[("grant_type", "client_credentials")]).given("access_token");
    let clients = shop.clients();

    // Requests are pushed until there is no room.
    disk.fill_but(0);
    let last = (0..5_000).map(|_| shop.push()).find(|answer| answer.status != 201);
    unavailable("a pushed request", &last.expect("the disk did not fill up"));
    let page = shop.authorize(&asking(&challenge(VERIFIER)));
    assert!(page.onward("code").is_none(), "{page:?}");
    assert_eq!(page.onward("error").as_deref(), Some("temporarily_unavailable"), "{page:?}");
    unavailable("a device", &shop.device());
    let ways = [
        Redeemed::Code(code.clone()),
        Redeemed::Refresh(kept.clone()),
        Redeemed::Device(device.clone()),
        Redeemed::Registration(registration.clone()),
    ];
    for what in &ways {
        unavailable(&format!("{what:?}"), &shop.redeem(what));
    }
    let asked = shop.as_vault("/oauth2/token", "j-2", &[("grant_type", "client_credentials")]);
    unavailable("an access token", &asked);
    assert_eq!(shop.clients(), clients, "nobody is registered");
    assert_eq!(shop.counter.get("/v1/client-registration-tokens")[0]["left"], 5);

    // What takes away works: one family, a token of a client that shows itself by an assertion, and the browser's session.
    assert_eq!(shop.post("/oauth2/revoke", &[("client_id", "app"), ("token", &other)]).status, 200);
    assert_eq!(shop.as_vault("/oauth2/revoke", "j-3", &[("token", &by_vault)]).status, 200);
    // Once more, by the same assertion: it was used, full disk or not.
    assert_eq!(shop.as_vault("/oauth2/revoke", "j-3", &[("token", &by_vault)]).status, 401);
    let form = shop.sees("/logout", &[]).field("form");
    let out = shop.sees("/logout", &[("form", &form)]);
    assert!(out.status == 303 && out.location.contains("why=signed_out"), "{out:?}");
    assert!(shop.sees("/me", &[]).location.contains("/login"));

    // There is room again: what was given back is gone, what nobody got is still there to be had, and once.
    disk.free_up();
    wait_until("a pushed request", || shop.push().status == 201);
    shop.redeem(&Redeemed::Refresh(other)).refuses("invalid_grant");
    let told = shop.as_vault("/oauth2/introspect", "j-4", &[("token", &by_vault)]);
    assert_eq!(told.json(), json!({ "active": false }));
    // Ann signed out, so what stood on her browser's session ended with it.
    shop.redeem(&Redeemed::Refresh(kept)).refuses("invalid_grant");
    assert_eq!(shop.redeem(&ways[3]).status, 201);
    shop.sign_in();
    shop.kept();
    assert!(shop.counter.sound_records() > 0);
}

#[test]
fn a_clock_set_back_revives_no_code_request_device_or_token() {
    let mut bailey = Bailey::with("");
    clock::fake(&mut bailey);
    let mut shop = Shop::open(bailey);
    shop.sign_in();
    let ways = [Redeemed::Code(shop.code()), Redeemed::Refresh(shop.kept()), Redeemed::Device(shop.agreed_device())];
    let pushed = shop.push().given("request_uri");
    // All of them count, and are not used.
    let all_are_over = |shop: &Shop, when: &str| {
        for what in &ways {
            let answer = shop.redeem(what);
            let error = answer.json()["error"].clone();
            assert!(answer.status == 400, "{when}: {what:?}: {answer:?}");
            assert!(error == "invalid_grant" || error == "expired_token", "{when}: {what:?}: {answer:?}");
        }
        let page = shop.authorize(&[("request_uri", &pushed)]);
        assert!(page.onward("code").is_none() && page.status == 400, "{when}: {page:?}");
    };
    let restart = |shop: &mut Shop, kill: bool, offset: &str| {
        if kill {
            shop.counter.bailey.kill();
        } else {
            shop.stop();
        }
        clock::set(&shop.counter.bailey, offset);
        shop.counter.start();
    };
    restart(&mut shop, false, "+2h");
    all_are_over(&shop, "two hours later");
    let mark = shop.counter.bailey.path("state/clock");
    wait_until("the mark", || std::fs::read_to_string(&mark).is_ok_and(|text| text.len() > 40));
    for (kill, offset) in [(false, "+0"), (true, "+1h"), (true, "-29d")] {
        restart(&mut shop, kill, offset);
        all_are_over(&shop, offset);
    }
    // And the running daemon, whose clock is set back under it.
    clock::set(&shop.counter.bailey, "-30d");
    all_are_over(&shop, "while it runs");
}

/// kill -9 at a moment between a request and its answer, and then the same again: of all that is given for one thing there is one.
#[test]
fn what_counts_once_counts_once_whenever_the_daemon_is_killed() {
    let mut shop = Shop::open(Bailey::with(""));
    shop.sign_in();
    let seed = SystemClock.now().as_millisecond().unsigned_abs();
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    let (mut unanswered, mut answered) = (0, 0);
    for round in 0..5 {
        let ways = [
            Redeemed::Code(shop.code()),
            Redeemed::Refresh(shop.kept()),
            Redeemed::Device(shop.agreed_device()),
            Redeemed::Registration(shop.registration_token(1)),
        ];
        let before = shop.clients();
        let wait = Duration::from_millis(rng.random_range(5..60));
        let pid = shop.counter.bailey.pid().to_string();
        let first: Vec<io::Result<Answer>> = std::thread::scope(|scope| {
            let asked: Vec<_> = ways.iter().map(|what| scope.spawn(|| shop.try_redeem(what))).collect();
            std::thread::sleep(wait);
            run::stdout(Command::new("kill").args(["-9", &pid]));
            asked.into_iter().map(|asked| asked.join().unwrap()).collect()
        });
        shop.counter.bailey.reaped();
        shop.counter.start();
        for (what, first) in ways.iter().zip(first) {
            let case = format!("seed {seed}, round {round}, {wait:?}, {what:?}: {first:?}");
            let first = first.ok().filter(|first| first.status < 300);
            let again: Vec<Answer> = (0..3).map(|_| shop.redeem(what)).collect();
            let given: Vec<&Answer> = first.iter().chain(&again).filter(|answer| answer.status < 300).collect();
            match first {
                Some(_) => answered += 1,
                None => unanswered += 1,
            }
            match what {
                // Whoever asks once more within ten seconds gets the same successor: there is one that counts.
                Redeemed::Refresh(_) => {
                    let tokens: BTreeSet<String> = given.iter().map(|answer| answer.given("refresh_token")).collect();
                    assert_eq!(tokens.len(), 1, "{case}: {again:?}");
                }
                _ => {
                    assert!(given.len() <= 1, "{case}: {again:?}");
                    assert!(again[1].status >= 400 && again[2].status >= 400, "{case}: {again:?}");
                }
            }
        }
        assert!(shop.clients().len() <= before.len() + 1, "seed {seed}, round {round}");
    }
    assert_eq!(unanswered + answered, 20, "{unanswered} were not answered");
    assert!(shop.counter.sound_records() > 0);
}

/// The section of a client that people sign in to.
fn declared(id: &str) -> String {
    format!("[[client]]\nid = \"{id}\"\nauth = \"none\"\nredirect_uris = [\"{BACK}\"]\n\n")
}

#[test]
fn a_client_that_is_declared_no_longer_loses_what_it_had_by_a_reload_and_by_a_restart() {
    let sections = declared("first") + &declared("second") + &declared("third");
    let mut shop = Shop::declaring(Bailey::with(""), &sections);
    shop.sign_in();
    let kept = |shop: &Shop, id: &str| {
        let code = Redeemed::Code(shop.code_for(id));
        Redeemed::Refresh(shop.try_redeem_as(id, &code).unwrap().given("refresh_token"))
    };
    let tokens: Vec<(&str, Redeemed)> =
        ["first", "second", "third"].into_iter().map(|id| (id, kept(&shop, id))).collect();
    let config = shop.counter.bailey.config();
    let whole = std::fs::read_to_string(&config).unwrap();
    // Of a client: the ends of its tokens, and that it is gone.
    let recorded = |shop: &Shop, id: &str| {
        let records = shop.counter.records_behind(0);
        let count = |event: &str| {
            let of =
                |record: &&Value| record["eventName"] == event && record.to_string().contains(&format!("\"{id}\""));
            records
                .iter()
                .filter(of)
                .filter(|record| record.to_string().contains("client_undeclared") || event == "UndeclareClient")
                .count()
        };
        (count("EndTokens"), count("UndeclareClient"))
    };
    let is_recorded = |shop: &Shop, id: &str| {
        let (tokens, client) = recorded(shop, id);
        tokens > 0 && client > 0
    };
    // By a reload.
    std::fs::write(&config, whole.replace(&declared("first"), "")).unwrap();
    shop.counter.bailey.signal("HUP");
    wait_until("the end of it", || is_recorded(&shop, "first"));
    let first = recorded(&shop, "first");
    // By a restart, after a kill.
    shop.counter.bailey.kill();
    std::fs::write(&config, whole.replace(&declared("first"), "").replace(&declared("second"), "")).unwrap();
    shop.counter.start();
    wait_until("the end of it", || is_recorded(&shop, "second"));
    assert_eq!((recorded(&shop, "first"), recorded(&shop, "third")), (first, (0, 0)), "once, and no other");
    // Declared again, they begin with nothing.
    std::fs::write(&config, &whole).unwrap();
    shop.counter.bailey.signal("HUP");
    wait_until("the client", || shop.clients().contains("first"));
    for (id, token) in &tokens {
        let answer = shop.try_redeem_as(id, token).unwrap();
        match *id {
            "third" => assert_eq!(answer.status, 200, "{answer:?}"),
            _ => answer.refuses("invalid_grant"),
        }
    }
}

/// A restore brings back tokens by which clients registered since.
#[test]
fn a_registration_token_of_before_a_restore_registers_nobody() {
    let mut shop = Shop::open(Bailey::with(""));
    let (used, unused) = (shop.registration_token(1), shop.registration_token(1));
    let backup = shop.counter.bailey.path("backup.jsonl");
    shop.counter.bailey.ok(&["store", "export", backup.to_str().unwrap()]);
    assert_eq!(shop.redeem(&Redeemed::Registration(used.clone())).status, 201);
    shop.stop();
    let (state, aside) = (shop.counter.bailey.path("state"), shop.counter.bailey.path("state.aside"));
    std::fs::rename(&state, &aside).unwrap();
    shop.counter.bailey.ok(&["store", "import", backup.to_str().unwrap()]);
    std::fs::copy(aside.join("master.key"), state.join("master.key")).unwrap();
    shop.counter.start();
    for token in [used, unused] {
        assert_eq!(shop.redeem(&Redeemed::Registration(token)).status, 401);
    }
    let listed = shop.counter.get("/v1/client-registration-tokens");
    let all = listed.as_array().unwrap();
    assert!(all.len() == 2 && all.iter().all(|token| token["void"] == true && token["left"] == 0), "{listed}");
    let shown = shop.counter.bailey.ok(&["client", "registration-token", "list"]);
    assert!(shown.contains("made before the store was restored; make a new one"), "{shown}");
    assert_eq!(shop.redeem(&Redeemed::Registration(shop.registration_token(1))).status, 201);
}
