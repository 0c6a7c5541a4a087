//! Devices without a browser: one asks, somebody answers elsewhere, and who else tries.

use std::sync::{Arc, Barrier};

use bailey::sso::error::Code;
use bailey::sso::{OauthError, Tokens};
use serde_json::{Value, json};

use crate::portal::{Browser, Page};
use crate::sso_desk::{Desk, ISSUER, claims, refuses};
use crate::sts_unsigned::PASSWORD;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A desk with a client on devices, at which ann has a password.
async fn desk() -> Desk {
    let desk = Desk::new().await;
    let settings = json!({ "auth": "none", "grants": [GRANT, "refresh_token"], "name": "Television" });
    desk.client("tv", settings).await;
    desk
}

/// What a device is told.
async fn asks(desk: &Desk, scope: &str) -> Value {
    let told = desk.form("/oauth2/device_authorization", None, &[("client_id", "tv"), ("scope", scope)]).await;
    assert_eq!(told.status, 200, "{}", told.text);
    told.json()
}

fn text<'a>(told: &'a Value, name: &str) -> &'a str {
    told[name].as_str().unwrap()
}

fn fetch(desk: &Desk, told: &Value) -> Result<Tokens, OauthError> {
    desk.ask(&[("grant_type", GRANT), ("client_id", "tv"), ("device_code", text(told, "device_code"))])
}

fn refused(told: Result<Tokens, OauthError>) -> Code {
    match told {
        Ok(_) => panic!("tokens were given"),
        Err(error) => error.code,
    }
}

async fn types(browser: &mut Browser<'_>, code: &str) -> Page {
    let form = browser.get("/device").await.field("form");
    browser.post("/device", &[("form", &form), ("user_code", code)]).await
}

/// Types the code, and answers.
async fn answers(browser: &mut Browser<'_>, code: &str, answer: &str) -> Page {
    let page = types(browser, code).await;
    page.says(200, "Television");
    let form = [("form", page.field("form")), ("user_code", page.field("user_code"))];
    let [(_, own), (_, code)] = &form;
    browser.post("/device/answer", &[("form", own), ("user_code", code), ("answer", answer)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_gets_tokens_once_somebody_agreed() {
    let desk = desk().await;
    let metadata =
        crate::role_tokens::send(&desk.office, hyper::Request::get("/.well-known/openid-configuration"), String::new());
    let metadata = metadata.await.json();
    assert_eq!(metadata["device_authorization_endpoint"], format!("{ISSUER}/oauth2/device_authorization"));
    assert!(metadata["grant_types_supported"].as_array().unwrap().contains(&json!(GRANT)));
    let told = asks(&desk, "openid profile").await;
    assert_eq!((&told["expires_in"], &told["interval"]), (&json!(600), &json!(5)));
    assert_eq!(told["verification_uri"], format!("{ISSUER}/device"));
    assert!(told.get("verification_uri_complete").is_none() && text(&told, "device_code").len() == 43);
    let code = text(&told, "user_code");
    // Nobody answered yet; who asks too soon is told so, and may go on.
    assert_eq!(refused(fetch(&desk, &told)), Code::AuthorizationPending);
    assert_eq!(refused(fetch(&desk, &told)), Code::SlowDown);
    desk.office.pass(4);
    assert_eq!(refused(fetch(&desk, &told)), Code::SlowDown);
    desk.office.pass(1);
    assert_eq!(refused(fetch(&desk, &told)), Code::AuthorizationPending);
    // Whoever follows the address signs in first, and is asked for the code whatever the address says.
    let mut browser = Browser::new(&desk.office);
    browser
        .get(&format!("/device?user_code={code}"))
        .await
        .leads_to(&format!("/login?next=%2Fdevice%3Fuser_code%3D{code}"));
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    let page = browser.get(&format!("/device?user_code={code}")).await;
    assert!(page.status == 200 && !page.html.contains(code), "{page:?}");
    let page = types(&mut browser, &code.to_lowercase().replace('-', " ")).await;
    page.says(200, code);
    assert!(page.html.contains("Television") && page.html.contains("as <strong>ann"), "{}", page.html);
    assert_eq!(
        refused({
            desk.office.pass(5);
            fetch(&desk, &told)
        }),
        Code::AuthorizationPending,
        "typed is not agreed"
    );
    // A page of another site agrees to nothing, nor does one without the session's own code.
    let (form, code) = (page.field("form"), page.field("user_code"));
    let agree = [("form", form.as_str()), ("user_code", &code), ("answer", "agree")];
    let elsewhere = browser.post_from("/device/answer", &agree, &[("sec-fetch-site", "cross-site")]).await;
    assert_eq!(elsewhere.status, 403);
    assert_eq!(
        browser.post("/device/answer", &[("form", "x"), ("user_code", &code), ("answer", "agree")]).await.status,
        403
    );
    browser.post("/device/answer", &agree).await.says(200, "The device is signed in");
    browser.post("/device/answer", &agree).await.says(404, "no device waits");
    desk.app("other").await;
    let stolen = [("grant_type", GRANT), ("client_id", "other"), ("device_code", text(&told, "device_code"))];
    assert_eq!(refused(desk.ask(&stolen)), Code::UnauthorizedClient);
    let tokens = fetch(&desk, &told).unwrap_or_else(|error| panic!("{error}"));
    let id = claims(tokens.id_token.as_ref().unwrap());
    assert_eq!((&id["aud"], &id["preferred_username"], &id["acr"]), (&json!("tv"), &json!("ann"), &json!("pwd")));
    assert_eq!(desk.userinfo(&tokens.access_token).await.status, 200);
    let next = desk.refresh("tv", tokens.refresh_token.as_ref().unwrap()).unwrap();
    // The code counts once, and in two hands it ends what the first got.
    assert_eq!(refused(fetch(&desk, &told)), Code::InvalidGrant);
    assert_eq!(desk.userinfo(&next.access_token).await.status, 401);
    let all = desk.records().join("\n");
    for word in ["AuthorizeDevice", "AgreeToDevice", "device_code", "code_used_twice"] {
        assert!(all.contains(word), "{word}");
    }
    assert!(!all.contains(text(&told, "device_code")) && !all.contains(&code));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_refuses_or_waits_too_long_gives_nothing() {
    let desk = desk().await;
    let mut browser = Browser::new(&desk.office);
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    let told = asks(&desk, "openid").await;
    answers(&mut browser, text(&told, "user_code"), "").await.says(200, "Refused");
    assert_eq!(refused(fetch(&desk, &told)), Code::AccessDenied);
    let late = asks(&desk, "openid").await;
    desk.office.pass(600);
    assert_eq!(refused(fetch(&desk, &late)), Code::ExpiredToken);
    types(&mut browser, text(&late, "user_code")).await.says(404, "No device waits");
    // What a client may not ask for, and one that is not for devices.
    let form = [("client_id", "tv"), ("scope", "openid admin")];
    refuses(&desk.form("/oauth2/device_authorization", None, &form).await, 400, "invalid_scope");
    desk.app("wiki").await;
    refuses(
        &desk.form("/oauth2/device_authorization", None, &[("client_id", "wiki")]).await,
        400,
        "unauthorized_client",
    );
    refuses(&desk.form("/oauth2/device_authorization", None, &[("client_id", "no")]).await, 401, "invalid_client");
    // Over, all of it is forgotten.
    desk.office.pass(7_200);
    let app = &desk.office.fixture.app;
    assert!(bailey::store::sso::forget(&app.store, app.admin.now()).unwrap() >= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_not_guessed() {
    let desk = desk().await;
    let mut browser = Browser::new(&desk.office);
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    let told = asks(&desk, "openid").await;
    for wrong in ["", "BBBB-BBBB", "CCCC-CCCC", "aaaaaaaa"] {
        types(&mut browser, wrong).await.says(404, "No device waits");
    }
    // Right ones are no guesses, and free none.
    for _ in 0..3 {
        types(&mut browser, text(&told, "user_code")).await.says(200, "Television");
    }
    types(&mut browser, "DDDD-DDDD").await.says(404, "No device waits");
    types(&mut browser, text(&told, "user_code")).await.says(429, "too many wrong attempts");
    let form = browser.get("/logout").await.field("form");
    let agree = [("form", form.as_str()), ("user_code", text(&told, "user_code")), ("answer", "agree")];
    browser.post("/device/answer", &agree).await.says(429, "too many wrong attempts");
    assert_eq!(refused(fetch(&desk, &told)), Code::AuthorizationPending);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_no_longer_sign_in_gets_nothing_of_what_they_agreed_to() {
    let desk = desk().await;
    let mut browser = Browser::new(&desk.office);
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    let client = format!("arn:aws:sso::{}:client/tv", crate::sts_office::ACCOUNT);
    let no =
        json!({ "document": { "Statement": { "Effect": "Deny", "Action": "sso:Authorize", "Resource": client } } });
    // Denied when agreeing.
    desk.office.put("/v1/users/ann/inline/no", no.clone()).await;
    let told = asks(&desk, "openid").await;
    answers(&mut browser, text(&told, "user_code"), "agree").await.says(403, "explicit deny");
    let _: Value = desk.office.served.client.delete("/v1/users/ann/inline/no").await.unwrap();
    answers(&mut browser, text(&told, "user_code"), "agree").await.says(200, "signed in");
    // Denied when redeeming.
    desk.office.put("/v1/users/ann/inline/no", no).await;
    assert_eq!(refused(fetch(&desk, &told)), Code::InvalidGrant);
    let _: Value = desk.office.served.client.delete("/v1/users/ann/inline/no").await.unwrap();
    // Signed out in between.
    let form = browser.get("/logout").await.field("form");
    browser.post("/logout", &[("form", &form)]).await;
    assert_eq!(refused(fetch(&desk, &told)), Code::InvalidGrant);
    // In no group of the client any more.
    desk.office.put("/v1/clients/tv", json!({ "allowed_groups": ["staff"] })).await;
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    let told = asks(&desk, "openid").await;
    answers(&mut browser, text(&told, "user_code"), "agree").await.says(200, "signed in");
    let _: Value = desk.office.served.client.delete("/v1/groups/Staff/members/ann").await.unwrap();
    assert_eq!(refused(fetch(&desk, &told)), Code::InvalidGrant);
    let told = asks(&desk, "openid").await;
    answers(&mut browser, text(&told, "user_code"), "agree").await.says(403, "in no group");
    // A client that asks for a second factor.
    desk.office.put("/v1/clients/tv", json!({ "allowed_groups": [], "required_acr": "mfa" })).await;
    answers(&mut browser, text(&told, "user_code"), "agree").await.leads_to("/login/step-up?next=%2Fdevice");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_devices_with_one_code_one_gets_tokens_and_a_restart_makes_no_second() {
    let mut desk = desk().await;
    for _ in 0..5 {
        let told = asks(&desk, "openid").await;
        let mut browser = Browser::new(&desk.office);
        browser.sign_in("ann", PASSWORD).await.leads_to("/me");
        answers(&mut browser, text(&told, "user_code"), "agree").await.says(200, "signed in");
        desk.office.pass(60);
        let barrier = Arc::new(Barrier::new(64));
        let got: Vec<_> = std::thread::scope(|scope| {
            let fetch = || {
                barrier.wait();
                fetch(&desk, &told)
            };
            let threads: Vec<_> = (0..64).map(|_| scope.spawn(fetch)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(got.iter().filter(|got| got.is_ok()).count(), 1);
        assert!(got.iter().all(|got| got.as_ref().map_or_else(|error| error.code == Code::InvalidGrant, |_| true)));
        let token = got.into_iter().find_map(Result::ok).unwrap().access_token;
        assert_eq!(desk.userinfo(&token).await.status, 401, "it was in two hands");
    }
    let told = asks(&desk, "openid").await;
    {
        let mut browser = Browser::new(&desk.office);
        browser.sign_in("ann", PASSWORD).await.leads_to("/me");
        answers(&mut browser, text(&told, "user_code"), "agree").await.says(200, "signed in");
    }
    desk = desk.restarted().await;
    assert!(fetch(&desk, &told).is_ok(), "what was agreed to outlives a restart");
    desk = desk.restarted().await;
    assert_eq!(refused(fetch(&desk, &told)), Code::InvalidGrant);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_may_ask_for_a_second_factor_of_a_moment_ago() {
    let desk = desk().await;
    let seed = crate::sts_unsigned::device(&desk.office, "ann").await.1;
    let code = || {
        desk.office.pass(30);
        crate::credentials::app_code(&seed, desk.office.fixture.app.admin.now())
    };
    let mut browser = Browser::new(&desk.office);
    let page = browser.sign_in("ann", PASSWORD).await;
    let (flow, next, half) = (page.field("flow"), page.field("next"), page.field("half"));
    let first = code();
    let form = [("flow", flow.as_str()), ("next", &next), ("half", &half), ("code", &first)];
    browser.post("/login/code", &form).await.leads_to("/me");
    desk.office.pass(121);
    let with = async |more: &[(&str, &str)]| {
        let form = [&[("client_id", "tv"), ("scope", "openid")], more].concat();
        desk.form("/oauth2/device_authorization", None, &form).await
    };
    assert_eq!(with(&[("acr_values", "mfa"), ("max_age", "soon")]).await.status, 400);
    let told = with(&[("acr_values", "mfa"), ("max_age", "120")]).await.json();
    // Nothing is agreed to until it was shown anew, and then the same code is answered.
    let page = answers(&mut browser, text(&told, "user_code"), "agree").await;
    assert!(page.location.as_deref().unwrap_or_default().starts_with("/login/step-up"), "{page:?}");
    desk.office.pass(5);
    assert_eq!(refused(fetch(&desk, &told)), Code::AuthorizationPending);
    let page = browser.get(page.location.as_deref().unwrap()).await;
    let (form, next, again) = (page.field("form"), page.field("next"), code());
    browser.post("/login/step-up", &[("form", &form), ("next", &next), ("code", &again)]).await.leads_to("/device");
    answers(&mut browser, text(&told, "user_code"), "agree").await.says(200, "The device is signed in");
    let tokens = fetch(&desk, &told).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(claims(tokens.id_token.as_ref().unwrap())["acr"], json!("mfa"));
    // Whoever has shown one today is asked for no other where no age is said.
    desk.office.pass(600);
    let told = with(&[("acr_values", "mfa")]).await.json();
    answers(&mut browser, text(&told, "user_code"), "agree").await.says(200, "The device is signed in");
}
