//! Passkeys, recovery codes and their reset, as a browser asks for them; the authenticator is a program.

use std::sync::Arc;

use bailey::authn::login::{Half, Reason, Shown};
use bailey::authn::signed::RequestSource;
use bailey::authn::webauthn::{Answer, Party};
use bailey::base::Secret;
use bailey::gate::Operation;
use bailey::sso::sign_in;
use serde_json::{Value, json};

use crate::bed::authenticator::Authenticator;
use crate::credentials::app_code;
use crate::portal::{Browser, Page};
use crate::sts_office::{Office, allow};
use crate::sts_unsigned::{PASSWORD, device, person};

pub(crate) const ORIGIN: &str = "https://bailey.example";

/// An office whose passkeys are of `bailey.example`, in which ann can take a role if she shows a second factor.
async fn office() -> Office {
    let office = Office::new().await;
    with_passkeys(&office, true);
    person(&office, "ann").await;
    office.role("Deployer", json!([]), allow(&["s3:Get*"])).await;
    office.put("/v1/roles/Deployer/assigned/user/ann", json!({})).await;
    office
}

pub(crate) fn with_passkeys(office: &Office, passwordless: bool) {
    office.fixture.app.logins.passkeys().follow(Party::at(ORIGIN).as_ref(), passwordless);
}

/// What a page asks the browser for.
pub(crate) fn options(page: &Page) -> Value {
    let (_, rest) = page.html.split_once("data-passkey=\"").unwrap_or_else(|| panic!("{page:?}"));
    let text = rest.split_once('"').unwrap().0.replace("&#34;", "\"").replace("&#38;", "&").replace("&#39;", "'");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Adds a passkey for whoever is signed in; the page that answers.
async fn enrol(browser: &mut Browser<'_>, key: &mut Authenticator, name: &str) -> Page {
    let page = browser.get("/me/security/passkey").await;
    let (form, ceremony, answer) = (page.field("form"), page.field("ceremony"), key.make(&options(&page)));
    browser
        .post("/me/security/passkey", &[("form", &form), ("ceremony", &ceremony), ("answer", &answer), ("name", name)])
        .await
}

/// The recovery codes of a page.
pub(crate) fn codes(page: &Page) -> Vec<String> {
    let (_, rest) = page.html.split_once("<code id=\"codes\">").unwrap_or_else(|| panic!("{page:?}"));
    rest.split_once("</code>").unwrap().0.lines().map(str::to_owned).collect()
}

/// The fields that the page for the second factor sends with whatever is shown.
fn kept(page: &Page) -> Vec<(&'static str, String)> {
    ["flow", "next", "half"].into_iter().map(|name| (name, page.field(name))).collect()
}

async fn shows(browser: &mut Browser<'_>, path: &str, page: &Page, more: &[(&str, &str)]) -> Page {
    let kept = kept(page);
    let form: Vec<(&str, &str)> =
        kept.iter().map(|(name, value)| (*name, value.as_str())).chain(more.iter().copied()).collect();
    browser.post(path, &form).await
}

/// Shows a passkey to the page that asks for a second factor.
pub(crate) async fn shows_passkey(browser: &mut Browser<'_>, page: &Page, key: &mut Authenticator) -> Page {
    let (ceremony, answer) = (page.field("ceremony"), key.sign(&options(page)));
    shows(browser, "/login/code", page, &[("ceremony", &ceremony), ("answer", &answer)]).await
}

/// Signs in by a passkey alone.
async fn by_passkey(browser: &mut Browser<'_>, key: &mut Authenticator) -> Page {
    let page = browser.get("/login?next=/me").await;
    let (flow, ceremony, answer) = (page.field("flow"), page.field("ceremony"), key.sign(&options(&page)));
    let form = [("flow", flow.as_str()), ("next", "/me"), ("ceremony", &ceremony), ("answer", &answer)];
    browser.post("/login/passwordless", &form).await
}

/// Ann with a passkey; her recovery codes.
async fn enrolled(office: &Office) -> (Authenticator, Vec<String>) {
    let mut browser = Browser::new(office);
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    let mut key = Authenticator::at(ORIGIN);
    let page = enrol(&mut browser, &mut key, "Telephone").await;
    page.says(200, "Telephone is in use");
    (key, codes(&page))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_added_asked_for_and_counts_as_a_second_factor() {
    let office = office().await;
    let (mut key, codes) = enrolled(&office).await;
    assert_eq!(codes.len(), 10);
    let records = bailey::audit::tail::last(&office.fixture.app.store, 6).unwrap();
    let record = records
        .iter()
        .map(|line| line.json.to_string())
        .find(|json| json.contains("\"EnrolSecondFactor\"") && json.contains("\"completed\""));
    let record = record.unwrap_or_else(|| panic!("{records:?}"));
    for said in ["EnrolSecondFactor", "\"name\":\"Telephone\"", "\"recovery_codes\":\"10\""] {
        assert!(record.contains(said) && codes.iter().all(|code| !record.contains(code)), "{said}: {record}");
    }
    let mut browser = Browser::new(&office);
    let asked = browser.sign_in("ann", PASSWORD).await;
    asked.says(200, "your passkey or security key");
    assert!(!asked.html.contains("Code of your device") && asked.html.contains("Use a recovery code"));
    assert_eq!(options(&asked)["allowCredentials"][0]["id"], key.name());
    shows_passkey(&mut browser, &asked, &mut key).await.leads_to("/me");
    let records = bailey::audit::tail::last(&office.fixture.app.store, 4).unwrap();
    assert!(records.iter().any(|line| line.json.to_string().contains("\"amr\":\"pwd hwk user mfa\"")), "{records:?}");
    let page = browser.get("/me/security").await;
    for said in ["Shown for this sign-in at", "Telephone", "on one device alone", "last used", "10 left"] {
        page.says(200, said);
    }
    let of_ann: Value = office.served.client.get("/v1/sessions?person=ann").await.unwrap();
    assert!(of_ann["items"].as_array().unwrap().iter().any(|session| !session["mfa"].is_null()), "{of_ann}");
    // The role is taken in that session, and knows of the factor.
    let mine = browser.get("/me").await;
    let (form, role) = (mine.field("form"), mine.field("role"));
    browser
        .post("/me/use", &[("form", &form), ("role", &role), ("seconds", "900")])
        .await
        .says(200, "AWS_SESSION_TOKEN=");
    let taken: Value = office.served.client.get("/v1/sessions?person=ann").await.unwrap();
    let of_role =
        taken["items"].as_array().unwrap().iter().find(|one| one["arn"].as_str().unwrap().contains("assumed-role"));
    assert!(of_role.is_some_and(|session| !session["mfa"].is_null()), "{taken}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_a_factor_shows_it_before_one_comes_or_goes() {
    let office = office().await;
    let (mut first, mut browser) = (Browser::new(&office), Browser::new(&office));
    first.sign_in("ann", PASSWORD).await.leads_to("/me");
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    let before = browser.cookies["__Host-bailey"].clone();
    let mut key = Authenticator::at(ORIGIN);
    enrol(&mut browser, &mut key, "").await.says(200, "Passkey 1 is in use, and counts for this sign-in");
    browser.get("/me/security").await.says(200, "Shown for this sign-in at");
    assert_ne!(browser.cookies["__Host-bailey"], before, "a session that counts for more has another cookie");
    let mut thief = Browser::new(&office);
    thief.cookies.insert("__Host-bailey".to_owned(), before);
    assert_eq!(thief.get("/me").await.status, 303);
    // The other session is of a password alone still.
    first.get("/me/security/passkey").await.leads_to("/login/step-up?next=%2Fme%2Fsecurity%2Fpasskey");
    let (offered, mut other) = (browser.get("/me/security/passkey").await, Authenticator::at(ORIGIN));
    let page = first.get("/me/security").await;
    let (form, id) = (page.field("form"), page.field("passkey"));
    let (ceremony, answer) = (offered.field("ceremony"), other.clone().make(&options(&offered)));
    let sent = [("form", form.as_str()), ("ceremony", &ceremony), ("answer", &answer)];
    first.post("/me/security/passkey", &sent).await.says(403, "have not shown it");
    first
        .post("/me/security/passkey/remove", &[("form", &form), ("passkey", &id)])
        .await
        .says(403, "have not shown it");
    first.post("/me/security/recovery-codes", &[("form", &form)]).await.says(403, "have not shown it");
    let asked = first.get("/login/step-up?next=%2Fme%2Fsecurity%2Fpasskey").await;
    asked.says(200, "Use a passkey");
    let (form, ceremony, answer) = (asked.field("form"), asked.field("ceremony"), key.sign(&options(&asked)));
    let sent =
        [("form", form.as_str()), ("next", "/me/security/passkey"), ("ceremony", &ceremony), ("answer", &answer)];
    first.post("/login/step-up", &sent).await.leads_to("/me/security/passkey");
    first.get("/me/security/passkey").await.says(200, "A passkey or security key of yours");
    first.post("/login/step-up", &sent).await.says(403, "was used before");

    // What is held already is not made again, and the browser is told so.
    let offered = options(&browser.get("/me/security/passkey").await);
    assert_eq!(offered["excludeCredentials"][0]["id"], key.name());
    assert_eq!(
        (&offered["attestation"], &offered["authenticatorSelection"]["residentKey"]),
        (&json!("none"), &json!("preferred"))
    );
    assert_ne!(offered["user"]["id"], json!("ann"));
    enrol(&mut browser, &mut key, "Twice").await.says(403, "not accepted");
    enrol(&mut browser, &mut other, "<b>Another</b>").await.says(200, "&#60;b&#62;Another&#60;/b&#62; is in use");
    enrol(&mut browser, &mut Authenticator::at(ORIGIN), &"x".repeat(61)).await.says(403, "at most 60 characters");
    for number in 3..=10 {
        enrol(&mut browser, &mut Authenticator::at(ORIGIN), "").await.says(200, &format!("Passkey {number} is in use"));
    }
    enrol(&mut browser, &mut Authenticator::at(ORIGIN), "").await.says(403, "10 are allowed");

    let page = browser.get("/me/security").await;
    let form = page.field("form");
    let rename = [("form", form.as_str()), ("passkey", &id), ("name", "Old telephone")];
    browser.post("/me/security/passkey/rename", &rename).await.leads_to("/me/security");
    browser.get("/me/security").await.says(200, "Old telephone");
    browser
        .post("/me/security/passkey/remove", &[("form", &form), ("passkey", &id)])
        .await
        .says(200, "Old telephone is removed");
    browser
        .post("/me/security/passkey/remove", &[("form", &form), ("passkey", &id)])
        .await
        .says(403, "There is no passkey");
    let mut again = Browser::new(&office);
    let asked = again.sign_in("ann", PASSWORD).await;
    shows_passkey(&mut again, &asked, &mut key).await.says(403, "not accepted");
    shows_passkey(&mut again, &asked, &mut other).await.leads_to("/me");
    // A passkey of hers is nobody else's.
    person(&office, "bob").await;
    let mut bob = Browser::new(&office);
    bob.sign_in("bob", PASSWORD).await.leads_to("/me");
    enrol(&mut bob, &mut other.clone(), "Stolen").await.says(403, "already");
    let form = bob.get("/logout").await.field("form");
    for path in ["rename", "remove"] {
        let id = bailey::model::PasskeyId::of(&base64url(&other.name())).to_string();
        let sent = [("form", form.as_str()), ("passkey", &id), ("name", "x")];
        bob.post(&format!("/me/security/passkey/{path}"), &sent).await.says(403, "There is no passkey");
    }
    // A Deny counts.
    let statement = json!({ "Effect": "Deny", "Action": "signin:EnrolSecondFactor", "Resource": "*" });
    office.put("/v1/users/bob/inline/none", json!({ "document": { "Statement": statement } })).await;
    enrol(&mut bob, &mut Authenticator::at(ORIGIN), "").await.says(403, "explicit deny");
}

fn base64url(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_counts_for_its_page_its_person_and_its_time() {
    let office = office().await;
    let (mut key, _) = enrolled(&office).await;
    let mut browser = Browser::new(&office);
    let asked = browser.sign_in("ann", PASSWORD).await;
    let ceremony = asked.field("ceremony");
    let send = async |browser: &mut Browser<'_>, page: &Page, ceremony: &str, answer: &str| {
        shows(browser, "/login/code", page, &[("ceremony", ceremony), ("answer", answer)]).await
    };
    // Of another address, of another page, of nothing.
    let elsewhere = key.moved("https://bailey.example.evil.test").sign(&options(&asked));
    send(&mut browser, &asked, &ceremony, &elsewhere).await.says(403, "not accepted");
    let other_challenge = options(&browser.sign_in("ann", PASSWORD).await);
    send(&mut browser, &asked, &ceremony, &key.clone().sign(&other_challenge)).await.says(403, "not accepted");
    for nothing in ["", "{}", "null", "[]", &"{".repeat(100_000)] {
        send(&mut browser, &asked, &ceremony, nothing).await.says(403, "not accepted");
    }
    let answer = key.sign(&options(&asked));
    send(&mut browser, &asked, "v1.1.AAAA", &answer).await.says(403, "took too long");
    // Somebody else's ceremony.
    person(&office, "bob").await;
    let mut bob = Browser::new(&office);
    bob.sign_in("bob", PASSWORD).await.leads_to("/me");
    let mut of_bob = Authenticator::at(ORIGIN);
    enrol(&mut bob, &mut of_bob, "").await.says(200, "is in use");
    let mut bob = Browser::new(&office);
    let asked_bob = bob.sign_in("bob", PASSWORD).await;
    send(&mut bob, &asked_bob, &ceremony, &answer).await.says(403, "not accepted");
    send(&mut browser, &asked, &asked_bob.field("ceremony"), &of_bob.sign(&options(&asked_bob)))
        .await
        .says(403, "not accepted");
    send(&mut browser, &asked, &ceremony, &answer).await.leads_to("/me");
    // Once; and five minutes.
    let flow = asked.field("flow");
    browser.cookies.insert("__Host-bailey-flow".to_owned(), flow.clone());
    send(&mut browser, &asked, &ceremony, &answer).await.says(403, "was used before");
    let mut late = Browser::new(&office);
    let asked = late.sign_in("ann", PASSWORD).await;
    office.pass(301);
    shows_passkey(&mut late, &asked, &mut key).await.says(403, "took too long");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_found_out_by_its_counter() {
    let office = office().await;
    let (mut key, _) = enrolled(&office).await;
    let mut copy = key.clone();
    for _ in 0..2 {
        let mut browser = Browser::new(&office);
        let asked = browser.sign_in("ann", PASSWORD).await;
        shows_passkey(&mut browser, &asked, &mut key).await.leads_to("/me");
    }
    let mut browser = Browser::new(&office);
    let asked = browser.sign_in("ann", PASSWORD).await;
    shows_passkey(&mut browser, &asked, &mut copy).await.says(403, "went back, so there may be a copy of it");
    let record = office.last_record();
    assert!(record.contains("counter_went_back") && record.contains("ann"), "{record}");
    // What was written since the page was made counts, too.
    let asked = browser.sign_in("ann", PASSWORD).await;
    let mut ahead = key.clone();
    ahead.counter += 5;
    let mut quick = Browser::new(&office);
    let other = quick.sign_in("ann", PASSWORD).await;
    shows_passkey(&mut quick, &other, &mut ahead).await.leads_to("/me");
    shows_passkey(&mut browser, &asked, &mut key).await.says(403, "went back");
    // Keys that are copied between devices count nothing.
    let mut synced = Authenticator::at(ORIGIN);
    synced.synced = true;
    enrol(&mut quick, &mut synced, "Synced").await.says(200, "Synced is in use");
    quick.get("/me/security").await.says(200, "synced between your devices");
    for _ in 0..2 {
        let mut browser = Browser::new(&office);
        let asked = browser.sign_in("ann", PASSWORD).await;
        shows_passkey(&mut browser, &asked, &mut synced).await.leads_to("/me");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_racers_with_one_answer_or_one_code_one_gets_in_and_after_a_restart_none() {
    let office = office().await;
    let (mut key, codes) = enrolled(&office).await;
    let mut browser = Browser::new(&office);
    let asked = browser.sign_in("ann", PASSWORD).await;
    let (half, ceremony, answer) = (asked.field("half"), asked.field("ceremony"), key.sign(&options(&asked)));
    let raced = async |shown: fn(&(String, String)) -> Shown, with: (String, String), used: Reason| {
        let mut racers = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let (app, half, with) = (Arc::clone(&office.fixture.app), half.clone(), with.clone());
            racers.spawn(async move {
                let half = Half::open(&app.admin.keys, &half).unwrap();
                let now = app.admin.now();
                let ended =
                    app.gate.go_on(&app.logins, (half, shown(&with)), RequestSource::default(), Vec::new(), now).await;
                ended.map(drop).map_err(|refused| refused.reason)
            });
        }
        let ended = racers.join_all().await;
        let count = |wanted: &Result<(), Reason>| ended.iter().filter(|end| *end == wanted).count();
        assert_eq!(count(&Ok(())), 1, "{ended:?}");
        assert_eq!(
            count(&Err(used)) + count(&Err(Reason::TooManyCodes)) + count(&Err(Reason::CounterWentBack)),
            63,
            "{ended:?}"
        );
    };
    let passkey = |with: &(String, String)| Shown::Passkey(Answer::new(with.0.clone(), with.1.clone()));
    raced(passkey, (ceremony.clone(), answer.clone()), Reason::UsedChallenge).await;
    let code = |with: &(String, String)| Shown::Code(Secret::new(with.0.clone()));
    raced(code, (codes[0].clone(), String::new()), Reason::UsedRecoveryCode).await;

    let Office { fixture, served } = office;
    served.serving.abort();
    let _ = served.serving.await;
    drop(served.file);
    let fixture = fixture.restarted();
    let served = fixture.serve().await;
    let office = Office { fixture, served };
    with_passkeys(&office, true);
    let app = &office.fixture.app;
    for (shown, used) in [
        (passkey(&(ceremony, answer)), [Reason::UsedChallenge, Reason::CounterWentBack]),
        (code(&(codes[0].clone(), String::new())), [Reason::UsedRecoveryCode; 2]),
    ] {
        let half = Half::open(&app.admin.keys, &half).unwrap();
        let ended =
            app.gate.go_on(&app.logins, (half, shown), RequestSource::default(), Vec::new(), app.admin.now()).await;
        assert!(used.contains(&ended.as_ref().unwrap_err().reason), "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_code_signs_in_once_is_told_and_guesses_at_it_are_guesses_at_codes() {
    let office = office().await;
    let (_, seed) = device(&office, "ann").await;
    let mut browser = Browser::new(&office);
    let asked = browser.sign_in("ann", PASSWORD).await;
    assert!(!asked.html.contains("recovery code"), "there are none yet");
    let code = app_code(&seed, office.fixture.app.admin.now());
    shows(&mut browser, "/login/code", &asked, &[("code", &code)]).await.leads_to("/me");
    browser.get("/me/security").await.says(200, "You have none.");
    let form = browser.get("/me/security").await.field("form");
    let made = browser.post("/me/security/recovery-codes", &[("form", &form)]).await;
    let old = codes(&made);
    let new = codes(&browser.post("/me/security/recovery-codes", &[("form", &form)]).await);
    assert!(new.iter().all(|code| !old.contains(code)) && new.len() == 10);

    let mut browser = Browser::new(&office);
    let asked = browser.sign_in("ann", PASSWORD).await;
    shows(&mut browser, "/login/code", &asked, &[("code", &old[0])]).await.says(403, "The code is wrong");
    let typed = new[0].to_lowercase().replace('-', " ");
    let entered = shows(&mut browser, "/login/code", &asked, &[("code", &typed)]).await;
    entered.says(200, "9 are left");
    assert!(browser.cookies.contains_key("__Host-bailey"));
    browser.get("/me/security").await.says(200, "Shown for this sign-in at");
    let records = bailey::audit::tail::last(&office.fixture.app.store, 6).unwrap();
    let told = records.iter().any(|line| {
        let json = line.json.to_string();
        json.contains("pwd recovery_code mfa") && json.contains("\"recovery_codes_left\":\"9\"")
    });
    assert!(told, "{records:?}");
    browser.cookies.insert("__Host-bailey-flow".to_owned(), asked.field("flow"));
    shows(&mut browser, "/login/code", &asked, &[("code", &new[0])]).await.says(403, "each counts once");

    // Whoever guesses at one guesses at the other.
    for _ in 0..5 {
        shows(&mut browser, "/login/code", &asked, &[("code", "00000-00000-00000-00000")])
            .await
            .says(403, "The code is wrong");
    }
    office.pass(60);
    let right = app_code(&seed, office.fixture.app.admin.now());
    for shown in [right.as_str(), &new[1]] {
        shows(&mut browser, "/login/code", &asked, &[("code", shown)]).await.says(403, "wrong too often");
    }
    // The window is over.
    office.pass(15 * 60);
    let asked = browser.sign_in("ann", PASSWORD).await;
    shows(&mut browser, "/login/code", &asked, &[("code", &new[1])]).await.says(200, "8 are left");
}

/// A restore brings back codes that were used since the backup: none of before it counts, and the person is told what to do.
#[tokio::test(flavor = "multi_thread")]
async fn recovery_codes_of_before_a_restore_count_no_more() {
    let office = office().await;
    let (mut key, codes) = enrolled(&office).await;
    let app = &office.fixture.app;
    // What `bailey store import` begins: another life of the same rows.
    let restore = |epoch: &str| {
        let by = bailey::model::Actor::task("test");
        let mut commit = bailey::store::Commit::new(by, app.admin.now(), bailey::store::Intent::Widen);
        commit.put(bailey::store::schema::meta("epoch"), format!("\"{epoch}\"").into_bytes());
        app.store.commit(commit).unwrap();
    };
    restore("00000000000000aa");
    let mut browser = Browser::new(&office);
    let asked = browser.sign_in("ann", PASSWORD).await;
    assert!(!asked.html.contains("Use a recovery code"), "there are none that count");
    for code in [&codes[0], &codes[0], &codes[1], &codes[2], &codes[3], &codes[4], &codes[5]] {
        // A right one is no guess, and keeps nobody from what is left.
        shows(&mut browser, "/login/code", &asked, &[("code", code)]).await.says(403, "before the last restore");
    }
    let asked = browser.sign_in("ann", PASSWORD).await;
    shows_passkey(&mut browser, &asked, &mut key).await.leads_to("/me");
    let page = browser.get("/me/security").await;
    page.says(200, "count no more");
    let new = self::codes(&browser.post("/me/security/recovery-codes", &[("form", &page.field("form"))]).await);
    browser.get("/me/security").await.says(200, "10 left");
    let mut browser = Browser::new(&office);
    let asked = browser.sign_in("ann", PASSWORD).await;
    shows(&mut browser, "/login/code", &asked, &[("code", &codes[1])]).await.says(403, "The code is wrong");
    shows(&mut browser, "/login/code", &asked, &[("code", &new[0])]).await.says(200, "9 are left");
    // Nor does another restore bring back those of the first life.
    restore("00000000000000bb");
    let mut browser = Browser::new(&office);
    let asked = browser.sign_in("ann", PASSWORD).await;
    shows(&mut browser, "/login/code", &asked, &[("code", &new[1])]).await.says(403, "before the last restore");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_alone_signs_in_where_that_is_wanted_and_it_made_sure_who_holds_it() {
    let office = office().await;
    let (mut key, _) = enrolled(&office).await;
    let mut browser = Browser::new(&office);
    by_passkey(&mut browser, &mut key).await.leads_to("/me");
    browser.get("/me/security").await.says(200, "Shown for this sign-in at");
    let records = bailey::audit::tail::last(&office.fixture.app.store, 4).unwrap();
    assert!(records.iter().any(|line| line.json.to_string().contains("\"amr\":\"hwk user mfa\"")), "{records:?}");

    let mut browser = Browser::new(&office);
    let mut absent = key.clone();
    absent.verifies = false;
    by_passkey(&mut browser, &mut absent).await.says(403, "not accepted");
    by_passkey(&mut browser, &mut key.of(&[7; 16])).await.says(403, "signs nobody in by itself");
    by_passkey(&mut browser, &mut Authenticator::at(ORIGIN)).await.says(403, "signs nobody in by itself");
    // The answer of one page for the other.
    let page = browser.get("/login").await;
    let asked = browser.sign_in("ann", PASSWORD).await;
    let answer = key.clone().sign(&options(&page));
    shows(&mut browser, "/login/code", &asked, &[("ceremony", &page.field("ceremony")), ("answer", &answer)])
        .await
        .says(403, "took too long");
    // A recovery code, a password, a code: nothing else stands for a password.
    browser.get("/login").await.says(200, "Sign in with a passkey");
    with_passkeys(&office, false);
    assert!(!browser.get("/login").await.html.contains("passkey"));
    let (flow, ceremony) = (page.field("flow"), page.field("ceremony"));
    let form = [("flow", flow.as_str()), ("next", "/me"), ("ceremony", &ceremony), ("answer", &answer)];
    browser.post("/login/passwordless", &form).await.says(403, "Nobody signs in with a passkey alone here");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_disabled_between_two_steps_goes_no_further() {
    let office = office().await;
    let (mut key, codes) = enrolled(&office).await;
    let mut browser = Browser::new(&office);
    let asked = browser.sign_in("ann", PASSWORD).await;
    let page = Browser::new(&office).get("/login").await;
    let disable = async |disabled: bool| office.post("/v1/users/ann", json!({ "disabled": disabled })).await;
    disable(true).await;
    shows_passkey(&mut browser, &asked, &mut key).await.says(403, "may not be used here now");
    shows(&mut browser, "/login/code", &asked, &[("code", &codes[0])]).await.says(403, "may not be used here now");
    let mut other = Browser::new(&office);
    other.cookies.insert("__Host-bailey-flow".to_owned(), page.field("flow"));
    let (flow, ceremony, answer) = (page.field("flow"), page.field("ceremony"), key.sign(&options(&page)));
    let form = [("flow", flow.as_str()), ("next", "/me"), ("ceremony", &ceremony), ("answer", &answer)];
    other.post("/login/passwordless", &form).await.says(403, "may not be used here now");
    // Nothing was used up by it, and the factor is theirs still when they are back.
    disable(false).await;
    other.cookies.insert("__Host-bailey-flow".to_owned(), page.field("flow"));
    other.post("/login/passwordless", &form).await.leads_to("/me");
    shows(&mut browser, "/login/code", &asked, &[("code", &codes[0])]).await.says(200, "9 are left");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_resets_others_and_nobody_themselves() {
    let office = office().await;
    let (mut key, codes) = enrolled(&office).await;
    let (_, _) = device(&office, "ann").await;
    let mut browser = Browser::new(&office);
    let asked = browser.sign_in("ann", PASSWORD).await;
    shows_passkey(&mut browser, &asked, &mut key).await.leads_to("/me");
    let held: Value = office.served.client.get("/v1/users/ann/second-factors").await.unwrap();
    let kinds: Vec<&str> = held.as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["device", "passkey", "recovery codes"], "{held}");
    assert!(codes.iter().all(|code| !held.to_string().contains(code)));
    // With policies for everything she may reset others, and not herself.
    person(&office, "bob").await;
    let all = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
    office.put("/v1/users/ann/inline/all", json!({ "document": { "Statement": all } })).await;
    let (app, cookie) = (Arc::clone(&office.fixture.app), browser.cookies["__Host-bailey"].clone());
    let reset = |who: &str| {
        let now = app.admin.now();
        let ann = sign_in::who(&app.admin, &Secret::new(cookie.clone()), RequestSource::default(), now).unwrap();
        let asked = app.gate.authorize(ann, Operation::ResetSecondFactors, who, now).unwrap();
        app.admin.reset_second_factors(asked).map(|reset| reset.removed.len()).map_err(|error| error.to_string())
    };
    assert_eq!(reset("bob"), Ok(0));
    assert!(reset("ann").unwrap_err().contains("your own second factors"));
    let own: Value = office.served.client.delete("/v1/users/ann/second-factors").await.unwrap();
    assert_eq!(own["removed"], held, "{own}");
    assert!(own["ended"].as_u64().unwrap() >= 2, "{own}");
    let record = office.last_record();
    for said in ["ResetSecondFactors", "device `arn:aws:iam::", "passkey `Telephone`", "recovery codes `10 left`"] {
        assert!(record.contains(said), "{said}: {record}");
    }
    browser.get("/me").await.leads_to("/login?next=%2Fme&why=ended");
    let none: Value = office.served.client.get("/v1/users/ann/second-factors").await.unwrap();
    assert_eq!(none, json!([]));
    // The password alone is enough until there is another one; what was removed counts for nothing.
    by_passkey(&mut Browser::new(&office), &mut key).await.says(403, "signs nobody in by itself");
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    enrol(&mut browser, &mut key, "The same again").await.says(200, "is in use");
    assert!(office.served.client.delete::<Value>("/v1/users/nobody/second-factors").await.is_err());
}
