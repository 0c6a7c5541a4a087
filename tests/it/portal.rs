//! Pages to sign in at, and "My access", as a browser asks for them: cookies, forms, and what another site could try.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use bailey::http::origin::Origin;
use bailey::http::public;
use http_body_util::BodyExt as _;
use hyper::Request;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::credentials::app_code;
use crate::sts_office::{ACCOUNT, Office, allow};
use crate::sts_unsigned::{PASSWORD, device, person};

/// A browser: its cookies, and where it is.
pub(crate) struct Browser<'a> {
    pub(crate) office: &'a Office,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) address: &'static str,
    pub(crate) secure: bool,
}

/// A page, or where it sends the browser.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) set: Vec<String>,
    pub(crate) policy: String,
    kept: String,
    pub(crate) html: String,
}

impl Page {
    /// The value of the first hidden field of this name.
    pub(crate) fn field(&self, name: &str) -> String {
        let (_, rest) =
            self.html.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{self:?}"));
        rest.split_once('"').unwrap().0.to_owned()
    }

    pub(crate) fn says(&self, status: u16, text: &str) {
        assert!(self.status == status && self.html.contains(text), "{text}: {self:?}");
    }

    pub(crate) fn leads_to(&self, location: &str) {
        assert_eq!((self.status, self.location.as_deref()), (303, Some(location)), "{self:?}");
    }
}

impl<'a> Browser<'a> {
    pub(crate) fn new(office: &'a Office) -> Self {
        Self { office, cookies: BTreeMap::new(), address: "203.0.113.9:4711", secure: true }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        self.send(Request::get(path), String::new()).await
    }

    pub(crate) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        self.post_from(path, form, &[("sec-fetch-site", "same-origin")]).await
    }

    pub(crate) async fn post_from(&mut self, path: &str, form: &[(&str, &str)], headers: &[(&str, &str)]) -> Page {
        let mut request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.send(request, body).await
    }

    /// Whatever it is, with a form where there is a body.
    pub(crate) async fn ask(
        &mut self,
        method: &str,
        path: &str,
        form: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Page {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if method != "POST" {
            return self.send(request, String::new()).await;
        }
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.send(request.header("content-type", "application/x-www-form-urlencoded"), body).await
    }

    async fn send(&mut self, request: hyper::http::request::Builder, body: String) -> Page {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request.header("host", "bailey.example").header("cookie", cookies.join("; "));
        let mut request = request.body(Body::from(body)).unwrap();
        let peer: std::net::SocketAddr = self.address.parse().unwrap();
        request.extensions_mut().insert(Origin {
            peer,
            client: peer.ip(),
            secure: self.secure,
            tls: None,
            client_certificate: None,
            request: None,
        });
        let answer = public::router(Arc::clone(&self.office.fixture.app)).oneshot(request).await.unwrap();
        let text =
            |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        let set: Vec<String> =
            answer.headers().get_all("set-cookie").iter().map(|line| line.to_str().unwrap().to_owned()).collect();
        for line in &set {
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            match value {
                "" => drop(self.cookies.remove(name)),
                value => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
            }
        }
        let location = Some(text("location")).filter(|location| !location.is_empty());
        let (policy, kept, status) = (text("content-security-policy"), text("cache-control"), answer.status().as_u16());
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        Page { status, location, set, policy, kept, html: String::from_utf8_lossy(&bytes).into_owned() }
    }

    /// Signs in with name and password; the answer to them.
    pub(crate) async fn sign_in(&mut self, login: &str, password: &str) -> Page {
        let page = self.get("/login?next=/me").await;
        let (flow, next) = (page.field("flow"), page.field("next"));
        self.post("/login", &[("flow", &flow), ("next", &next), ("login", login), ("password", password)]).await
    }

    pub(crate) fn session(&self) -> Option<&String> {
        self.cookies.get("__Host-bailey")
    }
}

/// An office in which ann can take a role.
pub(crate) async fn office() -> Office {
    let office = Office::new().await;
    person(&office, "ann").await;
    office.role("Deployer", json!([]), allow(&["s3:Get*", "iam:ListRoles"])).await;
    office.put("/v1/roles/Deployer/assigned/user/ann", json!({})).await;
    office
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_signs_in_sees_its_roles_takes_one_and_signs_out() {
    let office = office().await;
    let mut browser = Browser::new(&office);
    browser.send(Request::get("/").header("accept", "text/html,*/*;q=0.8"), String::new()).await.leads_to("/me");
    assert_eq!(browser.get("/").await.status, 200, "a program is told where it is");
    browser.get("/me").await.leads_to("/login?next=%2Fme");
    let page = browser.get("/login?next=%2Fme%3Fq%3Ddep").await;
    for said in
        ["script-src 'self'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "trusted-types"]
    {
        assert!(page.policy.contains(said), "{}", page.policy);
    }
    assert_eq!(page.kept, "no-store");
    let (flow, next) = (page.field("flow"), page.field("next"));
    assert_eq!(next, "/me?q=dep");
    let form = |password| [("flow", flow.as_str()), ("next", next.as_str()), ("login", "ann"), ("password", password)];
    browser.post("/login", &form("wrong")).await.says(403, "The name or the password is wrong");
    assert!(browser.session().is_none());
    let entered = browser.post("/login", &form(PASSWORD)).await;
    entered.leads_to("/me?q=dep");
    let cookie = entered.set.iter().find(|line| line.starts_with("__Host-bailey=")).unwrap();
    for said in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
        assert!(cookie.contains(said) && !cookie.contains("Domain"), "{cookie}");
    }

    let mine = browser.get("/me").await;
    for said in ["Deployer", "it is assigned to you", "s3: reads (Get*)", "1 role "] {
        assert!(mine.html.contains(said), "{said}: {}", mine.html);
    }
    browser.get("/me?q=nothing").await.says(200, "No role has “nothing” in it");
    let (code, role) = (mine.field("form"), mine.field("role"));
    let taken = browser.post("/me/use", &[("form", &code), ("role", &role), ("seconds", "900")]).await;
    taken.says(200, "AWS_SESSION_TOKEN=");
    assert_eq!(taken.kept, "no-store");
    let between = |start: &str| taken.html.split_once(start).unwrap().1.split(['\n', '<']).next().unwrap().to_owned();
    let given = crate::bed::signer::Credentials {
        id: between("AWS_ACCESS_KEY_ID="),
        secret: between("AWS_SECRET_ACCESS_KEY="),
        token: Some(between("AWS_SESSION_TOKEN=")),
    };
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/Deployer/ann");
    assert_eq!(office.who_is(&given).await.text("Arn"), arn);

    let running = browser.get("/me/sessions").await;
    running.says(200, "assumed-role/Deployer/ann");
    assert!(running.html.contains("this browser") && running.html.contains("203.0.113.9"));
    browser.get("/logout").await.says(200, "Sign out?");
    assert_eq!(office.who_is(&given).await.status, 200, "to ask is not to do it");
    let kept = browser.session().unwrap().clone();
    browser.post("/logout", &[("form", &code)]).await.leads_to("/login?why=signed_out");
    assert!(browser.session().is_none());
    browser.cookies.insert("__Host-bailey".to_owned(), kept);
    browser.get("/me").await.leads_to("/login?next=%2Fme&why=ended");
    office.who_is(&given).await.refuses("ExpiredToken", "signed out");
    let last = office.last_record();
    assert!(last.contains("EndSession") || last.contains("VerifySignature"), "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_site_signs_anybody_in_or_does_anything_for_them() {
    let office = office().await;
    let mut browser = Browser::new(&office);
    let page = browser.get("/login").await;
    let flow = page.field("flow");
    let form = [("flow", flow.as_str()), ("next", "/me"), ("login", "ann"), ("password", PASSWORD)];
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site"), ("origin", "https://bailey.example")],
        &[],
    ] {
        browser.post_from("/login", &form, headers).await.says(403, "page of another site");
    }
    // The page of one browser, sent by another.
    let mut other = Browser::new(&office);
    other.get("/login").await;
    other.post("/login", &form).await.says(403, "too old");
    other.cookies.clear();
    other.post("/login", &form).await.says(403, "too old");
    assert!(browser.session().is_none() && other.session().is_none());

    browser.post_from("/login", &form, &[("origin", "https://bailey.example")]).await.leads_to("/me");
    let mine = browser.get("/me").await;
    let (code, role) = (mine.field("form"), mine.field("role"));
    browser.post("/me/use", &[("role", &role)]).await.says(403, "Load it again");
    browser
        .post_from("/me/use", &[("form", &code), ("role", &role)], &[("sec-fetch-site", "cross-site")])
        .await
        .says(403, "another site");
    person(&office, "bob").await;
    let mut bob = Browser::new(&office);
    bob.sign_in("bob", PASSWORD).await.leads_to("/me");
    let of_bob = bob.get("/me/sessions").await;
    bob.get("/me").await.says(200, "You can take no role");
    bob.post("/me/use", &[("form", &code), ("role", &role)]).await.says(403, "Load it again");
    let own = bob.get("/logout").await.field("form");
    bob.post("/me/use", &[("form", &own), ("role", &role)]).await.says(403, "not authorized");
    // What is somebody else's is not there.
    let id = browser.get("/me/sessions").await;
    assert!(!of_bob.html.contains("Deployer") && id.status == 200);
    let of_ann: Value = office.served.client.get("/v1/sessions?person=ann").await.unwrap();
    let session = of_ann["items"][0]["id"].as_str().unwrap();
    bob.post("/me/sessions/end", &[("form", &own), ("session", session)]).await.says(404, "session");
    browser.get("/me").await.says(200, "My access");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_asked_for_behind_the_password_and_its_code_counts_once() {
    let office = office().await;
    let (_, seed) = device(&office, "ann").await;
    let mut browser = Browser::new(&office);
    let asked = browser.sign_in("ann", PASSWORD).await;
    asked.says(200, "Your second factor");
    assert!(browser.session().is_none() && !asked.html.contains(PASSWORD));
    let now = office.fixture.app.admin.now();
    let code = app_code(&seed, now);
    let (flow, half) = (asked.field("flow"), asked.field("half"));
    let form = |code: &str| {
        [
            ("flow".to_owned(), flow.clone()),
            ("next".to_owned(), "/me".to_owned()),
            ("half".to_owned(), half.clone()),
            ("code".to_owned(), code.to_owned()),
        ]
    };
    let send = async |browser: &mut Browser<'_>, code: &str| {
        let form = form(code);
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        browser.post("/login/code", &form).await
    };
    let wrong = if code == "000000" { "000001" } else { "000000" };
    send(&mut browser, wrong).await.says(403, "The code is wrong");
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    send(&mut browser, &spaced).await.leads_to("/me");
    browser.get("/me/security").await.says(200, "Shown for this sign-in at");
    let of_ann: Value = office.served.client.get("/v1/sessions?person=ann").await.unwrap();
    assert_eq!((&of_ann["items"][0]["browser"], of_ann["items"][0]["mfa"].is_null()), (&json!(true), false));
    // What was asked for is over with it, and so is the code.
    browser.cookies.insert("__Host-bailey-flow".to_owned(), flow.clone());
    send(&mut browser, &code).await.says(403, "was used before");
    // Five minutes to find the device; and nothing that was not sealed here.
    office.pass(301);
    send(&mut browser, &app_code(&seed, office.fixture.app.admin.now())).await.says(403, "took too long");
    browser.cookies.insert("__Host-bailey-flow".to_owned(), flow.clone());
    browser
        .post("/login/code", &[("flow", &flow), ("half", "v1.1.AAAA"), ("code", &code)])
        .await
        .says(403, "begin again");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_puts_a_second_factor_of_their_own_into_use() {
    let office = office().await;
    let mut browser = Browser::new(&office);
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    browser.get("/me/security").await.says(200, "You have no device yet");
    let page = browser.get("/me/security/device").await;
    assert!(page.html.contains("data:image/png;base64,iVBOR") && page.kept == "no-store");
    let (code, offer) = (page.field("form"), page.field("offer"));
    let seed = page.html.split_once("<code>").unwrap().1.split_once("</code>").unwrap().0.to_owned();
    let at = |seconds: i64| {
        let now = office.fixture.app.admin.now();
        app_code(&seed, now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap())
    };
    let send = async |browser: &mut Browser<'_>, offer: &str, first: &str, second: &str| {
        let form = [("form", code.as_str()), ("offer", offer), ("first", first), ("second", second)];
        browser.post("/me/security/device", &form).await
    };
    // The same one twice, and two that do not follow each other.
    let wrong = send(&mut browser, &offer, &at(0), &at(0)).await;
    wrong.says(403, "not two codes of it");
    assert_eq!(wrong.field("offer"), offer, "the same one is offered again");
    send(&mut browser, "v1.1.AAAA", &at(-30), &at(0)).await.says(404, "that offer is over");
    send(&mut browser, &offer, &at(-30), &at(0)).await.says(200, "ann-1 is in use");
    // Codes of it were shown, so it counts for this browser, with another cookie; and one device is one.
    send(&mut browser, &offer, &at(-30), &at(0)).await.says(403, "already");
    browser.get("/me/security").await.says(200, "Shown for this sign-in at");
    let told: Value = office.served.client.get("/v1/users/ann/mfa-devices").await.unwrap();
    assert_eq!(told.as_array().unwrap_or_else(|| panic!("{told}")).len(), 1);

    // From now on a password alone is not enough.
    office.pass(30);
    let mut again = Browser::new(&office);
    let asked = again.sign_in("ann", PASSWORD).await;
    asked.says(200, "Your second factor");
    let (flow, half, shown) = (asked.field("flow"), asked.field("half"), at(0));
    let form = [("flow", flow.as_str()), ("half", &half), ("next", "/me"), ("code", &shown)];
    again.post("/login/code", &form).await.leads_to("/me");
    let page = again.get("/me/security/device").await;
    let (code, another) = (page.field("form"), page.field("offer"));
    let form = [("form", code.as_str()), ("offer", offer.as_str()), ("first", "000000"), ("second", "000001")];
    again.post("/me/security/device", &form).await.says(403, "already");
    // What was offered to one is worth nothing to another, nor a quarter of an hour later.
    person(&office, "bob").await;
    let mut bob = Browser::new(&office);
    bob.sign_in("bob", PASSWORD).await.leads_to("/me");
    let of_bob = bob.get("/logout").await.field("form");
    let form = [("form", of_bob.as_str()), ("offer", another.as_str()), ("first", "000000"), ("second", "000001")];
    bob.post("/me/security/device", &form).await.says(404, "that offer is over");
    office.pass(16 * 60);
    let form = [("form", code.as_str()), ("offer", another.as_str()), ("first", "000000"), ("second", "000001")];
    again.post("/me/security/device", &form).await.says(404, "that offer is over");
    // A Deny counts.
    let statement = json!({ "Effect": "Deny", "Action": "signin:EnrolSecondFactor", "Resource": "*" });
    office.put("/v1/users/bob/inline/none", json!({ "document": { "Statement": statement } })).await;
    bob.get("/me/security/device").await.leads_to("/login?next=%2Fme%2Fsecurity%2Fdevice&why=password");
    bob.sign_in("bob", PASSWORD).await.leads_to("/me");
    let page = bob.get("/me/security/device").await;
    let (of_bob, offer) = (page.field("form"), page.field("offer"));
    let form = [("form", of_bob.as_str()), ("offer", offer.as_str()), ("first", "000000"), ("second", "000001")];
    bob.post("/me/security/device", &form).await.says(403, "explicit deny");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_nothing_for_an_hour_and_who_was_here_for_twelve_is_signed_out() {
    let office = office().await;
    let mut browser = Browser::new(&office);
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    for _ in 0..13 {
        office.pass(50 * 60);
        browser.get("/me").await.says(200, "My access");
    }
    let mut idle = Browser::new(&office);
    idle.sign_in("ann", PASSWORD).await.leads_to("/me");
    office.pass(61 * 60);
    idle.get("/me").await.leads_to("/login?next=%2Fme&why=idle");
    idle.get("/login?why=idle").await.says(200, "You were away for a while");
    browser.get("/me").await.leads_to("/login?next=%2Fme&why=idle");
    let swept = office.sweep();
    assert_eq!(swept.ended, 2, "the log tells of both: {swept:?}");
    let mut long = Browser::new(&office);
    long.sign_in("ann", PASSWORD).await.leads_to("/me");
    for _ in 0..14 {
        office.pass(51 * 60);
        long.get("/me").await.says(200, "My access");
    }
    office.pass(7 * 60);
    long.get("/me").await.leads_to("/login?next=%2Fme&why=expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_is_decided_by_policies_and_a_session_is_never_taken_over() {
    let office = office().await;
    let from_elsewhere = json!({ "NotIpAddress": { "aws:SourceIp": "203.0.113.0/24" } });
    let statement = json!({ "Effect": "Deny", "Action": "signin:Login", "Resource": "*", "Condition": from_elsewhere });
    office.put("/v1/users/ann/inline/office", json!({ "document": { "Statement": statement } })).await;
    let mut away = Browser { address: "198.51.100.7:1", ..Browser::new(&office) };
    away.sign_in("ann", PASSWORD).await.says(403, "explicit deny");
    assert!(away.session().is_none());
    let mut browser = Browser::new(&office);
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    // What was decided about the sign-in holds at each use of it.
    browser.address = "198.51.100.7:1";
    browser.get("/me").await.says(403, "explicit deny");
    browser.address = "203.0.113.9:4711";
    browser.get("/me").await.says(200, "My access");
    let first = browser.session().unwrap().clone();
    // Whoever signs in again gets another session, and the one before is over.
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    assert_ne!(browser.session(), Some(&first));
    let mut old = Browser::new(&office);
    old.cookies.insert("__Host-bailey".to_owned(), first.clone());
    old.get("/me").await.leads_to("/login?next=%2Fme&why=ended");
    // A cookie is no token of a program, and the other way round; two of a name are none.
    let forged = [("Action", "GetCallerIdentity")];
    let mut program = office.user("key", allow(&["sts:*"])).await;
    program = office.sts(&program, &[("Action", "GetSessionToken")]).await.credentials();
    assert_eq!(office.sts(&program, &forged).await.status, 200);
    old.cookies.insert("__Host-bailey".to_owned(), program.token.clone().unwrap());
    old.get("/me").await.leads_to("/login?next=%2Fme");
    let cookie = browser.session().unwrap().clone();
    old.cookies.insert("__Host-bailey".to_owned(), format!("{cookie}; __Host-bailey={cookie}"));
    old.get("/me").await.leads_to("/login?next=%2Fme");
    program.token = Some(cookie);
    office.sts(&program, &forged).await.refuses("InvalidClientTokenId", "");
    // Where a sign-in goes on to is a page of ours.
    for next in ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"] {
        let mut browser = Browser::new(&office);
        let flow = browser.get("/login").await.field("flow");
        let form = [("flow", flow.as_str()), ("next", next), ("login", "ann"), ("password", PASSWORD)];
        browser.post("/login", &form).await.leads_to("/me");
    }
    // Everything at once.
    browser.get("/me").await.says(200, "My access");
    let code = browser.get("/logout").await.field("form");
    browser.post("/me/sessions/end-all", &[("form", &code)]).await.leads_to("/login?why=signed_out");
    let left: Value = office.served.client.get("/v1/sessions?person=ann").await.unwrap();
    assert_eq!(left["items"], json!([]));
    office.fixture.app.portal.write().unwrap().enabled = false;
    assert_eq!(browser.get("/login").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_password_ends_the_sign_ins_of_a_local_user_and_an_account_that_ends_shortens_them() {
    let office = office().await;
    let (mut kept, mut half) = (Browser::new(&office), Browser::new(&office));
    kept.sign_in("ann", PASSWORD).await.leads_to("/me");
    let (_, seed) = device(&office, "ann").await;
    let asked = half.sign_in("ann", PASSWORD).await;
    let (flow, sealed) = (asked.field("flow"), asked.field("half"));
    office.pass(301);
    let password = json!({ "password": format!("{PASSWORD}2"), "must_change": false });
    office.put("/v1/users/ann/password", password).await;
    kept.get("/me").await.leads_to("/login?next=%2Fme&why=password_changed");
    let code = app_code(&seed, office.fixture.app.admin.now());
    let form = [("flow", flow.as_str()), ("half", sealed.as_str()), ("next", "/me"), ("code", code.as_str())];
    assert_eq!(half.post("/login/code", &form).await.status, 403);
    assert!(half.session().is_none());

    // A role that is given for a while is offered for no longer.
    person(&office, "bob").await;
    let until = office.fixture.app.admin.now().checked_add(jiff::SignedDuration::from_mins(50)).unwrap();
    office.put("/v1/roles/Deployer/assigned/user/bob", json!({ "not_after": until })).await;
    let mut bob = Browser::new(&office);
    bob.sign_in("bob", PASSWORD).await.leads_to("/me");
    let mine = bob.get("/me").await;
    assert!(mine.html.contains("50 minutes") && !mine.html.contains("1 hour"), "{}", mine.html);
    let (form, role) = (mine.field("form"), mine.field("role"));
    bob.post("/me/use", &[("form", &form), ("role", &role), ("seconds", "3000")]).await.says(200, "AWS_SESSION_TOKEN");
    let _: Value = office.served.client.delete("/v1/users/bob/password").await.unwrap();
    bob.get("/me").await.leads_to("/login?next=%2Fme&why=password_changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_is_taken_in_the_clear_and_nobody_asks_without_end() {
    let office = office().await;
    let mut clear = Browser { secure: false, ..Browser::new(&office) };
    clear.get("/login").await.says(403, "over HTTPS alone");
    let form = [("flow", "x"), ("login", "ann"), ("password", PASSWORD)];
    clear.post("/login", &form).await.says(403, "over HTTPS alone");
    let mut here = Browser { secure: false, address: "127.0.0.1:4711", ..Browser::new(&office) };
    here.sign_in("ann", PASSWORD).await.leads_to("/me");
    let mut statuses = std::collections::BTreeSet::new();
    for _ in 0..150 {
        statuses.insert(here.get("/me").await.status);
    }
    assert_eq!(statuses, [200, 429].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_are_called_is_text_on_every_page() {
    let office = office().await;
    let hostile = "<img src=x onerror=alert(1)>\"'&";
    let named = json!({ "name": "Hostile", "description": hostile });
    office.post("/v1/roles", named).await;
    office.put("/v1/roles/Hostile/assigned/user/ann", json!({})).await;
    let mut browser = Browser::new(&office);
    browser.sign_in(hostile, "x").await.says(403, "&#60;img src=x onerror=alert(1)&#62;");
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    for path in ["/me", "/me?q=<img src=x", "/me/sessions", "/me/security", "/logout", "/login?why=<img&next=<img"] {
        let page = browser.get(&path.replace('<', "%3C").replace(' ', "%20")).await;
        assert!(page.status == 200 && !page.html.contains("<img"), "{path}: {page:?}");
    }
}
