//! A second factor where a policy asks for one: set up on the way in, shown once more for a role or an application, and what nobody
//! gets past.

use serde_json::{Value, json};

use crate::credentials::app_code;
use crate::portal::{Browser, Page, office};
use crate::sts_office::{ACCOUNT, Office, allow};
use crate::sts_unsigned::{PASSWORD, device, person};

const ELSEWHERE: &str = "198.51.100.7:1";

/// From outside the company's network nobody signs in without a second factor.
async fn ask_outside(office: &Office) {
    let without = json!({
        "BoolIfExists": { "aws:MultiFactorAuthPresent": "false" },
        "NotIpAddress": { "aws:SourceIp": "203.0.113.0/24" },
    });
    let statement = json!({ "Effect": "Deny", "Action": "signin:Login", "Resource": "*", "Condition": without });
    office.put("/v1/users/ann/inline/factor", json!({ "document": { "Statement": statement } })).await;
}

fn at(office: &Office, seed: &str, seconds: i64) -> String {
    let now = office.fixture.app.admin.now();
    app_code(seed, now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap())
}

fn records(office: &Office) -> Vec<String> {
    let store = &office.fixture.app.store;
    bailey::audit::tail::last(store, u64::MAX).unwrap().into_iter().map(|line| line.json).collect()
}

fn seed_of(page: &Page) -> String {
    page.html.split_once("<code>").unwrap().1.split_once("</code>").unwrap().0.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_second_factor_sets_one_up_where_a_policy_asks_for_one() {
    let office = office().await;
    ask_outside(&office).await;
    // In the office a password will do, as the policy says.
    Browser::new(&office).sign_in("ann", PASSWORD).await.leads_to("/me");
    let mut away = Browser { address: ELSEWHERE, ..Browser::new(&office) };
    let page = away.sign_in("ann", PASSWORD).await;
    page.says(200, "Set up a second factor");
    assert!(away.session().is_none() && !page.html.contains(PASSWORD));
    let (flow, half, offer, seed) = (page.field("flow"), page.field("half"), page.field("offer"), seed_of(&page));
    let send = async |browser: &mut Browser<'_>, first: &str, second: &str| {
        let form = [
            ("flow", flow.as_str()),
            ("half", &half),
            ("next", "/me"),
            ("offer", &offer),
            ("first", first),
            ("second", second),
        ];
        browser.post("/login/enrol", &form).await
    };
    let again = send(&mut away, &at(&office, &seed, 0), &at(&office, &seed, 0)).await;
    again.says(403, "not two codes of it");
    assert_eq!((again.field("offer"), seed_of(&again)), (offer.clone(), seed.clone()), "the same one once more");
    send(&mut away, &at(&office, &seed, -30), &at(&office, &seed, 0)).await.says(200, "Your recovery codes");
    away.get("/me/security").await.says(200, "Shown for this sign-in at");
    let sessions: Value = office.served.client.get("/v1/sessions?person=ann").await.unwrap();
    let away_from_it = sessions["items"].as_array().unwrap().iter().find(|one| one["source_ip"] == "198.51.100.7");
    assert!(away_from_it.is_some_and(|one| !one["mfa"].is_null()), "{sessions}");
    // What stood for the password is worth nothing any more without a code of the device.
    away.cookies.insert("__Host-bailey-flow".to_owned(), flow.clone());
    send(&mut away, "000000", "000001").await.says(403, "Your second factor is needed");
    office.pass(30);
    let mut next = Browser { address: ELSEWHERE, ..Browser::new(&office) };
    next.sign_in("ann", PASSWORD).await.says(200, "Your second factor");
    assert!(records(&office).iter().any(|record| record.contains("factor_required")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_says_from_where_a_second_factor_is_set_up_and_programs_are_told_how() {
    let office = office().await;
    let example = include_str!("../../config/policies/examples/guardrail-second-factor.json");
    let example: Value = serde_json::from_str(&example.replace("203.0.113.0/24", "192.0.2.0/24")).unwrap();
    office.post("/v1/guardrails", json!({ "name": "factor", "kind": "service", "document": example })).await;
    ask_outside(&office).await;
    let mut away = Browser { address: ELSEWHERE, ..Browser::new(&office) };
    let page = away.sign_in("ann", PASSWORD).await;
    let (flow, half, offer, seed) = (page.field("flow"), page.field("half"), page.field("offer"), seed_of(&page));
    let (first, second) = (at(&office, &seed, -30), at(&office, &seed, 0));
    let form = [("flow", flow.as_str()), ("half", &half), ("offer", &offer), ("first", &first), ("second", &second)];
    office.put("/v1/guardrails/factor/on/organization", json!({})).await;
    away.post("/login/enrol", &form).await.says(403, "From here you may set none up");
    away.sign_in("ann", PASSWORD).await.says(403, "From here you may set none up");
    let _: Value = office.served.client.delete("/v1/users/ann/inline/factor").await.unwrap();
    let mut inside = Browser { address: "10.1.2.3:1", ..Browser::new(&office) };
    inside.sign_in("ann", PASSWORD).await.leads_to("/me");
    let program = [("Action", "AssumeRoleWithLDAPIdentity"), ("LDAPUsername", "ann"), ("LDAPPassword", PASSWORD)];
    office.unsigned(&program).await.refuses("AccessDenied", "set one up where you sign in with a browser");
    let held: Value = office.served.client.get("/v1/users/ann/mfa-devices").await.unwrap();
    assert_eq!((held, away.session()), (json!([]), None));
    // Nor does somebody whose password was taken away meanwhile.
    let _: Value = office.served.client.delete("/v1/guardrails/factor/on/organization").await.unwrap();
    ask_outside(&office).await;
    let _: Value = office.served.client.delete("/v1/users/ann/password").await.unwrap();
    away.post("/login/enrol", &form).await.says(403, "not known here yet");
    let held: Value = office.served.client.get("/v1/users/ann/mfa-devices").await.unwrap();
    assert_eq!((held, away.session()), (json!([]), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_asks_for_a_second_factor_is_taken_once_it_was_shown() {
    let office = office().await;
    person(&office, "bob").await;
    let (_, seed) = device(&office, "bob").await;
    let lately = json!({ "NumericLessThan": { "aws:MultiFactorAuthAge": "600" } });
    let trust = json!([{
        "Effect": "Allow", "Action": "sts:AssumeRole", "Condition": lately,
        "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:user/bob") },
    }]);
    office.role("Careful", trust, allow(&["s3:Get*"])).await;
    let mut browser = Browser::new(&office);
    let asked = browser.sign_in("bob", PASSWORD).await;
    let code = at(&office, &seed, 0);
    let form =
        [("flow", asked.field("flow")), ("half", asked.field("half")), ("next", "/me".to_owned()), ("code", code)];
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    browser.post("/login/code", &form).await.leads_to("/me");
    let careful = |page: &Page| page.html.contains("Show it<span class=\"hidden\"> for Careful");
    assert!(!careful(&browser.get("/me").await));
    // Ten minutes later it has to be shown once more.
    office.pass(601);
    let page = browser.get("/me").await;
    assert!(careful(&page), "{page:?}");
    let role = format!("arn:aws:iam::{ACCOUNT}:role/Careful");
    let form = page_form(&mut browser).await;
    let wanted = [("form", form.as_str()), ("role", &role)];
    browser.post("/me/use", &wanted).await.leads_to("/login/step-up?next=%2Fme");
    let before = browser.session().unwrap().clone();
    let sent = async |browser: &mut Browser<'_>, form: &str, code: &str| {
        browser.post("/login/step-up", &[("form", form), ("next", "/me?q=Careful"), ("code", code)]).await
    };
    let code = at(&office, &seed, 0);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    sent(&mut browser, &form, wrong).await.says(403, "The code is wrong");
    sent(&mut browser, &form, &code).await.leads_to("/me?q=Careful");
    browser.post("/me/use", &wanted).await.says(200, "aws_secret_access_key");
    // The same code once more, and the cookie from before: neither counts. What the session began goes on.
    sent(&mut browser, &form, &code).await.says(403, "was used before");
    let mut copy = Browser::new(&office);
    copy.cookies.insert("__Host-bailey".to_owned(), before);
    copy.get("/me").await.leads_to("/login?next=%2Fme&why=unknown");
    let sessions: Value = office.served.client.get("/v1/sessions?person=bob").await.unwrap();
    assert_eq!(sessions["items"].as_array().unwrap().len(), 2, "{sessions}");
    let stepped = records(&office).iter().filter(|record| record.contains("\"StepUp\"")).count();
    assert_eq!(stepped, 3, "one that began and ended in one, and two refused codes");
}

async fn page_form(browser: &mut Browser<'_>) -> String {
    browser.get("/logout").await.field("form")
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_a_device_shows_it_before_another_and_a_policy_can_deny_stepping_up() {
    let office = office().await;
    person(&office, "cid").await;
    let mut browser = Browser::new(&office);
    browser.sign_in("cid", PASSWORD).await.leads_to("/me");
    // Without a device there is something to do first, and the way on is kept.
    browser
        .get("/login/step-up?next=/oauth2/authorize?x")
        .await
        .says(200, "/me/security/device?next=%2Foauth2%2Fauthorize%3Fx");
    let (_, seed) = device(&office, "cid").await;
    let asks = "/login/step-up?next=%2Fme%2Fsecurity%2Fdevice";
    browser.get("/me/security/device").await.leads_to(asks);
    let form = page_form(&mut browser).await;
    let code = at(&office, &seed, 0);
    let sent = [("form", form.as_str()), ("next", "/me/security/device"), ("code", &code)];
    let statement = json!({ "Effect": "Deny", "Action": "signin:StepUp", "Resource": "*" });
    office.put("/v1/users/cid/inline/no", json!({ "document": { "Statement": statement } })).await;
    browser.post("/login/step-up", &sent).await.says(403, "explicit deny");
    let _: Value = office.served.client.delete("/v1/users/cid/inline/no").await.unwrap();
    browser.post("/login/step-up", &sent).await.says(403, "was used before");
    office.pass(30);
    let code = at(&office, &seed, 0);
    let sent = [("form", form.as_str()), ("next", "/me/security/device"), ("code", &code)];
    // No page of another site steps anybody up.
    browser.post_from("/login/step-up", &sent, &[("sec-fetch-site", "cross-site")]).await.says(403, "another site");
    browser.post("/login/step-up", &sent).await.leads_to("/me/security/device");
    browser.get("/me/security/device").await.says(200, "A second factor of yours");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_any_number_of_the_same_code_one_counts() {
    let office = office().await;
    person(&office, "dan").await;
    let mut browser = Browser::new(&office);
    browser.sign_in("dan", PASSWORD).await.leads_to("/me");
    let (_, seed) = device(&office, "dan").await;
    let form = page_form(&mut browser).await;
    for _ in 0..10 {
        office.pass(30);
        let code = at(&office, &seed, 0);
        let sent = [("form", form.as_str()), ("next", "/me"), ("code", code.as_str())];
        let tries = (0..64).map(|_| {
            let mut racer = Browser::new(&office);
            racer.cookies.clone_from(&browser.cookies);
            async move {
                let status = racer.post("/login/step-up", &sent).await.status;
                (status, racer.cookies)
            }
        });
        let ended = futures_util::future::join_all(tries).await;
        let won: Vec<_> = ended.iter().filter(|(status, _)| *status == 303).collect();
        let in_time: Vec<_> = won.iter().filter(|(_, cookies)| *cookies != browser.cookies).collect();
        assert_eq!(in_time.len(), 1, "{:?}", ended.iter().map(|(status, _)| *status).collect::<Vec<_>>());
        browser.cookies = in_time[0].1.clone();
    }
}
