//! A passkey set up on the way in, where a policy asks for a second factor and there is none: once, in its browser, by its person, in time.

use serde_json::{Value, json};

use crate::bed::authenticator::Authenticator;
use crate::passkeys::{ORIGIN, codes, options, shows_passkey, with_passkeys};
use crate::portal::{Browser, Page};
use crate::sts_office::Office;
use crate::sts_unsigned::{PASSWORD, person};

/// An office in which ann and bob have no second factor, and nobody signs in without one.
async fn office() -> Office {
    let office = Office::new().await;
    with_passkeys(&office, false);
    let without = json!({ "BoolIfExists": { "aws:MultiFactorAuthPresent": "false" } });
    let statement = json!({ "Effect": "Deny", "Action": "signin:Login", "Resource": "*", "Condition": without });
    for name in ["ann", "bob"] {
        person(&office, name).await;
        office.put(&format!("/v1/users/{name}/inline/factor"), json!({ "document": { "Statement": statement } })).await;
    }
    office
}

/// The fields of the page that offers it.
fn fields(page: &Page) -> Vec<(&'static str, String)> {
    ["flow", "half", "next", "offer", "ceremony"].into_iter().map(|name| (name, page.field(name))).collect()
}

/// Sends them, some of them exchanged, with an answer.
async fn send(browser: &mut Browser<'_>, page: &Page, answer: &str, instead: &[(&'static str, &str)]) -> Page {
    let fields = fields(page);
    let kept = fields.iter().filter(|(name, _)| instead.iter().all(|(other, _)| other != name));
    let form: Vec<(&str, &str)> = kept.map(|(name, value)| (*name, value.as_str())).collect();
    browser.post("/login/enrol", &[form.as_slice(), instead, &[("answer", answer)]].concat()).await
}

async fn factors(office: &Office, name: &str) -> Value {
    office.served.client.get(&format!("/v1/users/{name}/second-factors")).await.unwrap()
}

/// The page that offers to set one up.
async fn offered(browser: &mut Browser<'_>, name: &str) -> Page {
    let page = browser.sign_in(name, PASSWORD).await;
    page.says(200, "Use a passkey or security key");
    page
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_set_up_on_the_way_in_counts_and_its_answer_is_worth_nothing_afterwards() {
    let office = office().await;
    let (mut browser, mut key) = (Browser::new(&office), Authenticator::at(ORIGIN));
    let page = offered(&mut browser, "ann").await;
    for both in ["Type the code that it shows", "A device that shows codes works without"] {
        page.says(200, both);
    }
    assert!(!page.html.contains(PASSWORD) && browser.session().is_none());
    let answer = key.make(&options(&page));
    let told = send(&mut browser, &page, &answer, &[]).await;
    told.says(200, "Passkey 1 is in use, and counts for this sign-in");
    assert_eq!(codes(&told).len(), 10);
    browser.get("/me/security").await.says(200, "Shown for this sign-in at");
    let sessions: Value = office.served.client.get("/v1/sessions?person=ann").await.unwrap();
    assert!(!sessions["items"][0]["mfa"].is_null(), "{sessions}");
    let records: Vec<String> = bailey::audit::tail::last(&office.fixture.app.store, u64::MAX)
        .unwrap()
        .into_iter()
        .map(|line| line.json.to_string())
        .collect();
    for said in ["\"EnrolSecondFactor\"", "\"amr\":\"pwd hwk user mfa\"", "\"enrolled\":\"Passkey 1\""] {
        assert!(records.iter().any(|record| record.contains(said)), "{said}: {records:?}");
    }
    assert!(records.iter().all(|record| codes(&told).iter().all(|code| !record.contains(code))));

    // Once more: whoever has a second factor now shows it.
    let mut again = Browser::new(&office);
    again.cookies.insert("__Host-bailey-flow".to_owned(), page.field("flow"));
    send(&mut again, &page, &answer, &[]).await.says(403, "Your second factor is needed");
    // And where it was removed since, the answer is used up nevertheless.
    let mine = browser.get("/me/security").await;
    let (form, id) = (mine.field("form"), mine.field("passkey"));
    browser
        .post("/me/security/passkey/remove", &[("form", &form), ("passkey", &id)])
        .await
        .says(200, "Passkey 1 is removed");
    send(&mut again, &page, &answer, &[]).await.says(403, "was used before");
    assert_eq!((factors(&office, "ann").await, again.session()), (json!([]), None));

    let page = offered(&mut again, "ann").await;
    send(&mut again, &page, &key.make(&options(&page)), &[]).await.says(200, "Your recovery codes");
    let mut next = Browser::new(&office);
    let asked = next.sign_in("ann", PASSWORD).await;
    shows_passkey(&mut next, &asked, &mut key).await.leads_to("/me");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_of_one_sign_in_of_one_person_in_one_browser() {
    let office = office().await;
    let (mut ann, mut bob) = (Browser::new(&office), Browser::new(&office));
    let (of_ann, of_bob) = (offered(&mut ann, "ann").await, offered(&mut bob, "bob").await);
    let mut key = Authenticator::at(ORIGIN);
    let answer = key.make(&options(&of_ann));
    let (half, ceremony) = (of_ann.field("half"), of_ann.field("ceremony"));
    let over = "the page was of another sign-in";
    // Her answer behind his password, and his behind hers; hers in another browser; hers of a sign-in before.
    send(&mut bob, &of_bob, &answer, &[("ceremony", &ceremony)]).await.says(403, over);
    send(&mut bob, &of_bob, &answer, &[("half", &half)]).await.says(403, over);
    send(&mut bob, &of_bob, &answer, &[("half", &half), ("ceremony", &ceremony)]).await.says(403, over);
    office.pass(1);
    let later = offered(&mut ann, "ann").await;
    assert_eq!(later.field("flow"), of_ann.field("flow"), "the same browser");
    send(&mut ann, &later, &answer, &[("ceremony", &ceremony)]).await.says(403, over);
    // Of a page that another site shows, of no page, and of another challenge.
    let elsewhere = key.moved("https://bailey.example.evil.test").make(&options(&later));
    send(&mut ann, &later, &elsewhere, &[]).await.says(403, "not accepted");
    for nothing in ["", "{}", &"{".repeat(100_000)] {
        let page = send(&mut ann, &later, nothing, &[]).await;
        page.says(403, "cannot be read");
        assert_eq!(page.field("offer"), later.field("offer"), "the device that was offered stays the same");
    }
    send(&mut ann, &later, &answer, &[]).await.says(403, "not accepted");
    assert_eq!((factors(&office, "ann").await, factors(&office, "bob").await), (json!([]), json!([])));
    assert_eq!((ann.session(), bob.session()), (None, None));

    // Of many with one answer, one counts.
    let answer = key.make(&options(&later));
    let tries = (0..16).map(|_| {
        let mut racer = Browser::new(&office);
        racer.cookies.clone_from(&ann.cookies);
        let (page, answer) = (&later, &answer);
        async move { send(&mut racer, page, answer, &[]).await.status }
    });
    let ended = futures_util::future::join_all(tries).await;
    assert_eq!(ended.iter().filter(|status| **status == 200).count(), 1, "{ended:?}");
    // Nobody else has the same one, and a page of somebody who is signed in is no page of a sign-in.
    let taken = key.clone().make(&options(&of_bob));
    send(&mut bob, &of_bob, &taken, &[]).await.says(403, "already");
    let _: Value = office.served.client.delete("/v1/users/bob/inline/factor").await.unwrap();
    let mut inside = Browser::new(&office);
    inside.sign_in("bob", PASSWORD).await.leads_to("/me");
    let mine = inside.get("/me/security/passkey").await;
    let (mut other, form) = (Authenticator::at(ORIGIN), mine.field("form"));
    let answer = other.make(&options(&mine));
    send(&mut bob, &of_bob, &answer, &[("ceremony", &mine.field("ceremony"))]).await.says(403, over);
    let (ceremony, answer) = (of_bob.field("ceremony"), other.make(&options(&of_bob)));
    let sent = [("form", form.as_str()), ("ceremony", &ceremony), ("answer", &answer)];
    inside.post("/me/security/passkey", &sent).await.says(403, over);
    assert_eq!(factors(&office, "bob").await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_comes_within_five_minutes_of_somebody_who_may_still() {
    let office = office().await;
    let (mut browser, mut key) = (Browser::new(&office), Authenticator::at(ORIGIN));
    let page = offered(&mut browser, "ann").await;
    let answer = key.make(&options(&page));
    // Disabled meanwhile, denied meanwhile, passkeys switched off meanwhile, another password meanwhile.
    let disable = async |disabled: bool| office.post("/v1/users/ann", json!({ "disabled": disabled })).await;
    disable(true).await;
    send(&mut browser, &page, &answer, &[]).await.says(403, "may not be used here now");
    disable(false).await;
    let statement = json!({ "Effect": "Deny", "Action": "signin:EnrolSecondFactor", "Resource": "*" });
    office.put("/v1/users/ann/inline/no", json!({ "document": { "Statement": statement } })).await;
    send(&mut browser, &page, &answer, &[]).await.says(403, "From here you may set none up");
    let _: Value = office.served.client.delete("/v1/users/ann/inline/no").await.unwrap();
    office.fixture.app.logins.passkeys().follow(None, false);
    send(&mut browser, &page, &answer, &[]).await.says(403, "passkeys are not used here any more");
    assert!(!browser.sign_in("ann", PASSWORD).await.html.contains("security key"), "nothing that would not work");
    with_passkeys(&office, false);
    office.pass(301);
    send(&mut browser, &page, &answer, &[]).await.says(403, "That took too long");
    let page = offered(&mut browser, "ann").await;
    let answer = key.make(&options(&page));
    office.pass(300);
    let changed = json!({ "password": "another-Torf-Lampe-Zaun", "must_change": false });
    office.put("/v1/users/ann/password", changed).await;
    send(&mut browser, &page, &answer, &[]).await.says(403, "not known here yet");
    assert_eq!((factors(&office, "ann").await, browser.session()), (json!([]), None));
    // The last moment is in time.
    let page = offered(&mut browser, "bob").await;
    let answer = key.make(&options(&page));
    office.pass(300);
    send(&mut browser, &page, &answer, &[]).await.says(200, "Your recovery codes");
}
