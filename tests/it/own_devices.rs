//! People remove devices of their own that show codes: which, after what, and what goes with them.

use serde_json::{Value, json};

use crate::bed::authenticator::Authenticator;
use crate::credentials::app_code;
use crate::passkeys::{ORIGIN, codes, options, with_passkeys};
use crate::portal::{Browser, Page};
use crate::sts_office::Office;
use crate::sts_unsigned::{PASSWORD, device, person};

async fn office() -> Office {
    let office = Office::new().await;
    with_passkeys(&office, false);
    person(&office, "ann").await;
    person(&office, "bob").await;
    office
}

fn code(office: &Office, seed: &str, seconds: i64) -> String {
    let now = office.fixture.app.admin.now();
    app_code(seed, now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap())
}

/// Somebody who is signed in sets a device up; its seed, and the page that answers.
async fn sets_up(browser: &mut Browser<'_>) -> (String, Page) {
    let page = browser.get("/me/security/device").await;
    page.says(200, "A second factor of yours");
    page.says(200, "Use a passkey or security key instead");
    let seed = page.html.split_once("<code>").unwrap().1.split_once("</code>").unwrap().0.to_owned();
    let (first, second) = (code(browser.office, &seed, -30), code(browser.office, &seed, 0));
    let (form, offer) = (page.field("form"), page.field("offer"));
    let sent = [("form", form.as_str()), ("offer", &offer), ("first", &first), ("second", &second)];
    let page = browser.post("/me/security/device", &sent).await;
    browser.office.pass(30);
    (seed, page)
}

async fn removes(browser: &mut Browser<'_>, name: &str) -> Page {
    let form = browser.get("/logout").await.field("form");
    browser.post("/me/security/device/remove", &[("form", &form), ("device", name)]).await
}

/// Shows a code of theirs to whoever asks somebody who is signed in for one.
async fn shows(browser: &mut Browser<'_>, seed: &str) {
    let form = browser.get("/login/step-up?next=/me/security").await.field("form");
    let code = code(browser.office, seed, 0);
    let sent = [("form", form.as_str()), ("next", "/me/security"), ("code", &code)];
    browser.post("/login/step-up", &sent).await.leads_to("/me/security");
    browser.office.pass(30);
}

async fn kinds(office: &Office, name: &str) -> Vec<String> {
    let held: Value = office.served.client.get(&format!("/v1/users/{name}/second-factors")).await.unwrap();
    held.as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_removed_by_who_has_shown_a_factor_and_recovery_codes_go_with_the_last() {
    let office = office().await;
    let (mut before, mut browser) = (Browser::new(&office), Browser::new(&office));
    before.sign_in("ann", PASSWORD).await.leads_to("/me");
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    let (seed, page) = sets_up(&mut browser).await;
    page.says(200, "ann-1 is in use");
    let recovery = codes(&page);
    // A session of a password alone shows it and does not remove it.
    let page = before.get("/me/security").await;
    page.says(200, "/login/step-up?next=/me/security");
    assert!(page.html.contains("ann-1") && !page.html.contains("device/remove"));
    removes(&mut before, "ann-1").await.says(403, "have not shown it");
    assert_eq!(kinds(&office, "ann").await, ["device", "recovery codes"]);
    // Nobody removes another's, nor what nobody has.
    let mut bob = Browser::new(&office);
    bob.sign_in("bob", PASSWORD).await.leads_to("/me");
    sets_up(&mut bob).await.1.says(200, "bob-1 is in use");
    removes(&mut bob, "ann-1").await.says(403, "There is no device `ann-1` of yours");
    for nothing in ["", "ANN-1", "ann-2", "../ann-1"] {
        removes(&mut browser, nothing).await.says(403, "There is no device");
    }
    let statement = json!({ "Effect": "Deny", "Action": "signin:RemoveSecondFactor", "Resource": "*" });
    office.put("/v1/users/bob/inline/kept", json!({ "document": { "Statement": statement } })).await;
    removes(&mut bob, "bob-1").await.says(403, "explicit deny");
    let _: Value = office.served.client.delete("/v1/users/bob/inline/kept").await.unwrap();

    // One of two: the codes stay, and so does what was shown for sessions.
    let page = browser.get("/me/security/passkey").await;
    let (form, ceremony) = (page.field("form"), page.field("ceremony"));
    let answer = Authenticator::at(ORIGIN).make(&options(&page));
    let sent = [("form", form.as_str()), ("ceremony", &ceremony), ("answer", &answer), ("name", "Laptop")];
    browser.post("/me/security/passkey", &sent).await.says(200, "Laptop is in use");
    shows(&mut before, &seed).await;
    let page = removes(&mut before, "ann-1").await;
    page.says(200, "ann-1 is removed");
    assert!(!page.html.contains("recovery codes count no more"));
    assert_eq!(kinds(&office, "ann").await, ["passkey", "recovery codes"]);
    for counts in [&mut before, &mut browser] {
        counts.get("/me/security").await.says(200, "Shown for this sign-in at");
    }
    let record = office.last_record();
    for said in ["\"RemoveSecondFactor\"", "\"device\":\"ann-1\"", "\"user\":\"ann\""] {
        assert!(record.contains(said), "{said}: {record}");
    }
    // Its codes count no more, and it is nobody's whom an administrator could give it to.
    let mut next = Browser::new(&office);
    let asked = next.sign_in("ann", PASSWORD).await;
    assert!(!asked.html.contains("Code of your device"));
    let (flow, half, typed) = (asked.field("flow"), asked.field("half"), code(&office, &seed, 0));
    let sent = [("flow", flow.as_str()), ("half", &half), ("next", "/me"), ("code", &typed)];
    next.post("/login/code", &sent).await.says(403, "The code is wrong");
    let all: Value = office.served.client.get("/v1/mfa-devices").await.unwrap();
    assert!(!all.to_string().contains("ann-1"), "{all}");

    // The last of all.
    removes(&mut bob, "bob-1").await.says(200, "your recovery codes count no more");
    assert_eq!(kinds(&office, "bob").await, Vec::<String>::new());
    assert!(office.last_record().contains("\"recovery_codes\":\"removed\""));
    removes(&mut bob, "bob-1").await.says(403, "There is no device");
    bob.get("/me/security").await.says(200, "Shown for this sign-in at");
    Browser::new(&office).sign_in("bob", PASSWORD).await.leads_to("/me");
    // Codes of before wait for no other factor.
    let (_, page) = sets_up(&mut bob).await;
    page.says(200, "bob-1 is in use");
    assert!(codes(&page).iter().all(|code| !recovery.contains(code)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_an_administrator_made_is_theirs_to_remove_and_another_is_named_anew() {
    let office = office().await;
    let mut browser = Browser::new(&office);
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    let (serial, seed) = device(&office, "ann").await;
    removes(&mut browser, "ann-phone").await.says(403, "have not shown it");
    shows(&mut browser, &seed).await;
    let page = browser.get("/me/security").await;
    assert_eq!(page.field("device"), "ann-phone");
    let (_, page) = sets_up(&mut browser).await;
    page.says(200, "ann-2 is in use");
    removes(&mut browser, "ann-phone").await.says(200, "ann-phone is removed");
    let left: Value = office.served.client.get("/v1/mfa-devices").await.unwrap();
    assert!(!left.to_string().contains(&serial) && left.to_string().contains("ann-2"), "{left}");
    // A number that is in use is not given out again.
    let (_, page) = sets_up(&mut browser).await;
    page.says(200, "ann-3 is in use");
}
