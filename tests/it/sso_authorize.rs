//! Applications send browsers to have people sign in: the whole way of a code, and who is sent nowhere.

use bailey::sso::error::Code;
use serde_json::json;

use crate::portal::{Browser, Page};
use crate::sso_desk::{BACK, Desk, ISSUER, VERIFIER, challenge, claims};
use crate::sts_unsigned::{PASSWORD, device};

/// A desk at which ann has a password.
pub(crate) async fn desk() -> Desk {
    let desk = Desk::new().await;
    desk.app("wiki").await;
    desk
}

/// The address of a request, with these parameters in the place of the usual ones; an empty one is left out.
pub(crate) fn asking(changed: &[(&str, &str)]) -> String {
    let challenge = challenge(VERIFIER);
    let usual = [
        ("client_id", "wiki"),
        ("redirect_uri", BACK),
        ("response_type", "code"),
        ("scope", "openid profile"),
        ("state", "s/1"),
        ("nonce", "n-1"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let kept = usual.into_iter().filter(|(name, _)| !changed.iter().any(|(other, _)| other == name));
    let all = kept.chain(changed.iter().copied()).filter(|(_, value)| !value.is_empty());
    format!("/oauth2/authorize?{}", url::form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish())
}

/// What an application is told by the address that a browser is sent back to.
pub(crate) fn told(page: &Page, name: &str) -> String {
    let location = page.location.as_ref().unwrap_or_else(|| panic!("{page:?}"));
    assert!(page.status == 303 && location.starts_with(&format!("{BACK}?")), "{location}");
    let query = location.split_once('?').unwrap().1;
    let found = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signs_in_to_an_application_and_to_the_next_without_a_word() {
    let desk = desk().await;
    let mut browser = Browser::new(&desk.office);
    let sent = browser.get(&asking(&[])).await;
    let to_login = sent.location.clone().unwrap();
    assert!(sent.status == 303 && to_login.starts_with("/login?next=%2Foauth2%2Fauthorize%3F"), "{to_login}");
    let page = browser.get(&to_login).await;
    let (flow, next) = (page.field("flow"), page.field("next").replace("&#38;", "&").replace("&amp;", "&"));
    let form = [("flow", flow.as_str()), ("next", &next), ("login", "ann"), ("password", PASSWORD)];
    let entered = browser.post("/login", &form).await;
    entered.says(200, "http-equiv=\"refresh\"");
    let back = browser.get(&next).await;
    assert_eq!((told(&back, "state").as_str(), told(&back, "iss").as_str()), ("s/1", ISSUER));
    let code = told(&back, "code");
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "wiki"),
        ("code", code.as_str()),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
    ];
    let tokens = desk.token(None, &form).await;
    assert_eq!(tokens.status, 200, "{}", tokens.text);
    let tokens = tokens.json();
    let id = claims(tokens["id_token"].as_str().unwrap());
    assert_eq!((&id["nonce"], &id["acr"], &id["amr"]), (&json!("n-1"), &json!("pwd"), &json!(["pwd"])));
    assert_eq!(desk.token(None, &form).await.json()["error"], Code::InvalidGrant.word(), "a code counts once");
    // Signed in once, and known to the next: also where nothing may be shown.
    desk.app("other").await;
    let next = browser.get(&asking(&[("client_id", "other"), ("prompt", "none")])).await;
    assert!(!told(&next, "code").is_empty());
    // An application that sends a form comes without our cookie, and goes on as an address.
    let mut form = Browser::new(&desk.office);
    let sent = form.post_from("/oauth2/authorize", &[("client_id", "wiki"), ("state", "x")], &[]).await;
    sent.leads_to("/oauth2/authorize?client_id=wiki&state=x");
    // Signed out of everything, what may go on without a browser goes on no more.
    let settings = json!({ "auth": "none", "redirect_uris": [BACK], "scopes": ["openid", "offline_access"] });
    desk.client("phone", settings).await;
    let back = browser.get(&asking(&[("client_id", "phone"), ("scope", "openid offline_access")])).await;
    let kept = desk.redeem("phone", &told(&back, "code")).unwrap().refresh_token.unwrap();
    let own = browser.get("/logout").await.field("form");
    browser.post("/logout", &[("form", &own)]).await;
    let kept = desk.refresh("phone", &kept).unwrap().refresh_token.unwrap();
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    let own = browser.get("/logout").await.field("form");
    browser.post("/me/sessions/end-all", &[("form", &own)]).await.leads_to("/login?why=signed_out");
    assert!(desk.refresh("phone", &kept).is_err_and(|error| error.code == Code::InvalidGrant));
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    // Signed out here, the code that is under way is worth nothing.
    let code = told(&browser.get(&asking(&[])).await, "code");
    let own = browser.get("/logout").await.field("form");
    browser.post("/logout", &[("form", &own)]).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "wiki"),
        ("code", code.as_str()),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
    ];
    assert_eq!(desk.token(None, &form).await.json()["error"], "invalid_grant");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sent_to_an_address_that_is_not_the_clients() {
    let desk = desk().await;
    let mut browser = Browser::new(&desk.office);
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    let mut others: Vec<String> = (0..BACK.len())
        .flat_map(|at| {
            ["", "a", "%2e", "@", "\\", "/", "?", "#"].map(|put| format!("{}{put}{}", &BACK[..at], &BACK[at + 1..]))
        })
        .filter(|other| other != BACK)
        .collect();
    for more in ["/", "?", "#", "?a=b", "/..", ".evil.example", "@evil.example", " ", "%00"] {
        others.push(format!("{BACK}{more}"));
    }
    others.extend([BACK.to_uppercase(), BACK.replace("https", "http"), "javascript:alert(1)".to_owned()]);
    assert!(others.len() > 180, "{}", others.len());
    for other in &others {
        let page = browser.get(&asking(&[("redirect_uri", other)])).await;
        assert_eq!((page.status, &page.location), (400, &None), "{other}");
        desk.office.pass(1);
    }
    for changed in
        [&[("client_id", "nobody")][..], &[("client_id", "")], &[("redirect_uri", "")], &[("client_id", "../wiki")]]
    {
        let page = browser.get(&asking(changed)).await;
        assert_eq!((page.status, &page.location), (400, &None), "{changed:?}");
    }
    let twice = browser.get(&format!("{}&redirect_uri=https%3A%2F%2Fevil.example", asking(&[]))).await;
    assert_eq!((twice.status, twice.location), (400, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_told_why_there_is_no_code() {
    let desk = desk().await;
    let mut browser = Browser::new(&desk.office);
    let silent = [("prompt", "none")];
    assert_eq!(told(&browser.get(&asking(&silent)).await, "error"), "login_required");
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    for (changed, error) in [
        (&[("response_type", "token")][..], "unsupported_response_type"),
        (&[("response_type", "")], "invalid_request"),
        (&[("response_mode", "fragment")], "invalid_request"),
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("code_challenge_method", "")], "invalid_request"),
        (&[("code_challenge", "short")], "invalid_request"),
        (&[("request", "eyJ")], "request_not_supported"),
        (&[("request_uri", "https://evil.example")], "request_uri_not_supported"),
        (&[("prompt", "dance")], "invalid_request"),
        (&[("max_age", "soon")], "invalid_request"),
        (&[("scope", "openid admin")], "invalid_scope"),
    ] {
        let page = browser.get(&asking(changed)).await;
        assert_eq!((told(&page, "error").as_str(), told(&page, "state").as_str()), (error, "s/1"), "{changed:?}");
        assert_eq!(told(&page, "iss"), ISSUER);
    }
    // Old sign-ins, and a new one in any case.
    desk.office.pass(120);
    let old = browser.get(&asking(&[("max_age", "60")])).await;
    assert!(old.location.unwrap().starts_with("/login?next="));
    assert_eq!(told(&browser.get(&asking(&[("max_age", "60"), ("prompt", "none")])).await, "error"), "login_required");
    let anew = browser.get(&asking(&[("prompt", "login")])).await.location.unwrap();
    assert!(anew.starts_with("/login?next=") && !anew.contains("prompt"), "{anew}");
    // Who is in none of the client's groups, and whom a policy keeps away from it.
    desk.office.post("/v1/users", json!({ "name": "bob" })).await;
    desk.office.post("/v1/users/bob/password", json!({ "password": PASSWORD, "must_change": false })).await;
    let mut bob = Browser::new(&desk.office);
    bob.sign_in("bob", PASSWORD).await.leads_to("/me");
    assert_eq!(told(&bob.get(&asking(&[])).await, "error"), "access_denied");
    let client = format!("arn:aws:sso::{}:client/wiki", crate::sts_office::ACCOUNT);
    let statement = json!({ "Effect": "Deny", "Action": "sso:Authorize", "Resource": client });
    desk.office.put("/v1/users/ann/inline/no", json!({ "document": { "Statement": statement } })).await;
    assert_eq!(told(&browser.get(&asking(&[])).await, "error"), "access_denied");
    desk.app("other").await;
    assert!(!told(&browser.get(&asking(&[("client_id", "other")])).await, "code").is_empty(), "it is about one client");
    // A client that asks for a second factor.
    let settings = json!({ "auth": "none", "redirect_uris": [BACK], "required_acr": "mfa" });
    desk.client("vault", settings).await;
    let step_up = browser.get(&asking(&[("client_id", "vault")])).await.location.unwrap();
    browser.get(&step_up).await.says(200, "Set one up");
    let silent = [("client_id", "vault"), ("prompt", "none")];
    assert_eq!(told(&browser.get(&asking(&silent)).await, "error"), "interaction_required");
    let (_, seed) = device(&desk.office, "ann").await;
    let asked = browser.get(&step_up).await;
    asked.says(200, "asks for your second factor as well");
    let code = crate::credentials::app_code(&seed, desk.office.fixture.app.admin.now());
    let (form, next) = (asked.field("form"), asked.field("next").replace("&#38;", "&"));
    let form = [("form", form.as_str()), ("next", &next), ("code", &code)];
    browser.post("/login/step-up", &form).await.says(200, "/oauth2/authorize");
    assert!(!told(&browser.get(&asking(&[("client_id", "vault")])).await, "code").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_be_anybody_on_this_machine_gets_a_code_once_the_person_agreed() {
    let desk = Desk::new().await;
    let back = "http://127.0.0.1:4711/cb";
    desk.client("tool", json!({ "name": "Tool", "auth": "none", "redirect_uris": ["http://127.0.0.1/cb"] })).await;
    let mut browser = Browser::new(&desk.office);
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    let asked = [("client_id", "tool"), ("redirect_uri", back)];
    let page = browser.get(&asking(&asked)).await;
    page.says(200, "Sign in to Tool?");
    assert!(page.html.contains("http://127.0.0.1:4711") && !page.html.contains("code="), "{page:?}");
    let silent = browser.get(&asking(&[asked[0], asked[1], ("prompt", "none")])).await;
    let place = silent.location.unwrap();
    assert!(place.starts_with("http://127.0.0.1:4711/cb?error=interaction_required"), "{place}");
    let (form, query) = (page.field("form"), page.field("query").replace("&#38;", "&"));
    let answer =
        |answer: &'static str| [("form", form.clone()), ("query", query.clone()), ("answer", answer.to_owned())];
    let sent = async |browser: &mut Browser<'_>, answer: [(&'static str, String); 3], site: &str| {
        let form: Vec<(&str, &str)> = answer.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post_from("/oauth2/agree", &form, &[("sec-fetch-site", site)]).await
    };
    sent(&mut browser, answer("agree"), "cross-site").await.says(403, "another site");
    let mut forged = answer("agree");
    forged[0].1.clear();
    sent(&mut browser, forged, "same-origin").await.says(403, "That page is over");
    sent(&mut browser, answer("refuse"), "same-origin").await.says(200, "error=access_denied");
    sent(&mut browser, answer("whatever"), "same-origin").await.says(200, "error=access_denied");
    let agreed = sent(&mut browser, answer("agree"), "same-origin").await;
    agreed.says(200, "127.0.0.1:4711/cb?code=");
    // It is asked each time: who opens the address next may be another.
    browser.get(&asking(&asked)).await.says(200, "Sign in to Tool?");
}
