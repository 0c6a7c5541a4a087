//! Somebody of another firm comes in for the first time: by a link, a code that is told by another channel, and a second factor. What is
//! lost, guessed, used twice or meant for somebody else lets nobody in.

use bailey::base::Clock as _;
use serde_json::{Value, json};

use crate::credentials::app_code;
use crate::grants::{Bureau, form};
use crate::portal::{Browser, Page};
use crate::sts_unsigned::{PASSWORD, person};

const NEW: &str = "gerade-noch-frost-19";

/// A bureau with an engagement that dee answers for, of which eve and finn are, who have nothing to sign in with.
pub(crate) async fn bureau() -> Bureau {
    let bureau = Bureau::new().await;
    for name in ["ext.eve", "ext.finn"] {
        bureau.office.post("/v1/users", json!({ "name": name })).await;
    }
    let engagement = json!({
        "name": "soc2", "firm": "Kessel & Lund", "sponsor": "dee", "people": ["ext.eve", "ext.finn"],
        "ends": "2026-04-23T00:00:00Z"
    });
    bureau.office.post("/v1/engagements", engagement).await;
    bureau
}

pub(crate) async fn invite(bureau: &Bureau, who: &str) -> String {
    let made = bureau.office.post("/v1/engagements/soc2/invitations", json!({ "person": who })).await;
    assert_eq!((&made["sponsor"], made.get("code")), (&json!("dee"), None), "{made}");
    let link = made["link"].as_str().unwrap();
    link[link.find("/invitation/").unwrap()..].to_owned()
}

/// What the sponsor does about somebody.
pub(crate) async fn sponsor(browser: &mut Browser<'_>, step: &str, who: &str) -> Page {
    let form = form(browser).await;
    browser.post(&format!("/me/engagements/soc2/people/{step}"), &[("form", &form), ("person", who)]).await
}

pub(crate) fn code_of(page: &Page) -> String {
    page.says(200, "id=\"code\"");
    page.html.split_once("id=\"code\">").unwrap().1.split('<').next().unwrap().to_owned()
}

/// Types a code behind a link, and a password on the page that comes then.
pub(crate) async fn types(browser: &mut Browser<'_>, link: &str, code: &str, passwords: [&str; 2]) -> Page {
    let page = browser.get(link).await;
    page.says(200, "You are invited");
    let page = browser.post(link, &[("flow", &page.field("flow")), ("code", code)]).await;
    if page.status != 200 {
        return page;
    }
    page.says(200, "Choose a password");
    chooses(browser, link, &page, passwords).await
}

async fn chooses(browser: &mut Browser<'_>, link: &str, page: &Page, [password, again]: [&str; 2]) -> Page {
    let (flow, half) = (page.field("flow"), page.field("half"));
    let sent = [("flow", flow.as_str()), ("half", &half), ("password", password), ("again", again)];
    browser.post(&format!("{link}/password"), &sent).await
}

/// Puts the device into use that the page offers; answers its seed, too.
pub(crate) async fn enrols(bureau: &Bureau, browser: &mut Browser<'_>, page: &Page) -> (Page, String) {
    let seed = page.html.split_once("<code>").unwrap().1.split('<').next().unwrap().to_owned();
    bureau.office.pass(60);
    let now = bureau.office.fixture.clock.now();
    let codes = [30, 0].map(|ago| app_code(&seed, now.checked_sub(jiff::SignedDuration::from_secs(ago)).unwrap()));
    let (flow, half, offer) = (page.field("flow"), page.field("half"), page.field("offer"));
    let sent = [
        ("flow", flow.as_str()),
        ("half", &half),
        ("next", "/me/grants"),
        ("offer", &offer),
        ("first", &codes[0]),
        ("second", &codes[1]),
    ];
    (browser.post("/login/enrol", &sent).await, seed)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_and_a_code_make_a_way_in_once() {
    let mut bureau = bureau().await;
    let link = invite(&bureau, "ext.eve").await;
    let mut dee = bureau.browser("dee").await;
    dee.get("/me/grants").await.says(200, "invited, which ends");
    let code = code_of(&sponsor(&mut dee, "code", "ext.eve").await);
    let mut eve = Browser::new(&bureau.office);
    // What is wrong with a password is told, and the next one goes on from there.
    let page = types(&mut eve, &link, &code, [NEW, "another"]).await;
    page.says(400, "not the same");
    chooses(&mut eve, &link, &page, [NEW, NEW]).await.says(200, "Your name here is <strong>ext.eve</strong>");
    types(&mut eve, &link, "BCDF-GHJK", [NEW, NEW]).await.says(403, "The code is wrong");
    types(&mut eve, &link, &code, ["short", "short"]).await.says(400, "password");
    let page = types(&mut eve, &link, &code.to_lowercase().replace('-', " "), [NEW, NEW]).await;
    page.says(200, "Your name here is <strong>ext.eve</strong>");
    assert!(eve.session().is_none(), "a password alone is no way in");
    // Until the second factor is set up the link goes on: a page that was closed by mistake keeps nobody out.
    let page = types(&mut eve, &link, &code, [&format!("{NEW}0"), &format!("{NEW}0")]).await;
    let (entered, seed) = enrols(&bureau, &mut eve, &page).await;
    entered.says(200, "Your recovery codes");
    assert!(eve.session().is_some());
    eve.get("/me/grants").await.says(200, "Kessel &#38; Lund");

    // It is used up.
    types(&mut Browser::new(&bureau.office), &link, &code, [NEW, NEW]).await.says(403, "counts no more");
    assert_eq!(sponsor(&mut dee, "code", "ext.eve").await.status, 409);
    dee.get("/me/grants").await.says(200, "signs in with a second factor");
    let mut again = Browser::new(&bureau.office);
    let page = again.sign_in("ext.eve", &format!("{NEW}0")).await;
    bureau.seeds.push(("ext.eve", seed));
    let (flow, next, half) = (page.field("flow"), page.field("next"), page.field("half"));
    let shown = bureau.code("ext.eve");
    let sent = [("flow", flow.as_str()), ("next", &next), ("half", &half), ("code", &shown)];
    again.post("/login/code", &sent).await.leads_to("/me");
    // Who has a second factor is invited to nothing past it.
    let (client, body) = (&bureau.office.served.client, json!({ "person": "ext.eve" }));
    let refused = client.post::<Value>("/v1/engagements/soc2/invitations", &body).await.unwrap_err();
    assert!(refused.to_string().contains("bailey mfa reset"), "{refused}");

    let log = bureau.records().join("\n");
    for said in ["InviteToEngagement", "ShowInvitationCode", "AcceptInvitation", "wrong_invitation", "invitation_to"] {
        assert!(log.contains(said), "{said}");
    }
    assert!(!log.contains(&code) && !log.contains(link.rsplit('/').next().unwrap()), "the log has a secret");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_wrong_codes_another_invitation_a_day_and_taking_back_end_one() {
    let bureau = bureau().await;
    let mut dee = bureau.browser("dee").await;
    let mut eve = Browser::new(&bureau.office);
    let over = "counts no more";
    let guessed = invite(&bureau, "ext.eve").await;
    let code = code_of(&sponsor(&mut dee, "code", "ext.eve").await);
    for _ in 0..4 {
        types(&mut eve, &guessed, "BCDF-GHJK", [NEW, NEW]).await.says(403, "The code is wrong");
    }
    types(&mut eve, &guessed, "", [NEW, NEW]).await.says(403, over);
    types(&mut eve, &guessed, &code, [NEW, NEW]).await.says(403, over);

    let before = invite(&bureau, "ext.eve").await;
    let code = code_of(&sponsor(&mut dee, "code", "ext.eve").await);
    let link = invite(&bureau, "ext.eve").await;
    types(&mut eve, &before, &code, [NEW, NEW]).await.says(403, over);
    let code = code_of(&sponsor(&mut dee, "code", "ext.eve").await);
    // Nor is it anybody else's.
    let finns = invite(&bureau, "ext.finn").await;
    types(&mut eve, &finns, &code, [NEW, NEW]).await.says(403, "The code is wrong");
    sponsor(&mut dee, "uninvite", "ext.eve").await.leads_to("/me/grants");
    types(&mut eve, &link, &code, [NEW, NEW]).await.says(403, over);

    let link = invite(&bureau, "ext.eve").await;
    let code = code_of(&sponsor(&mut dee, "code", "ext.eve").await);
    bureau.office.post("/v1/engagements/soc2", json!({ "remove": ["ext.eve"] })).await;
    types(&mut eve, &link, &code, [NEW, NEW]).await.says(403, over);
    bureau.office.post("/v1/engagements/soc2", json!({ "add": ["ext.eve"] })).await;
    types(&mut eve, &link, &code, [NEW, NEW]).await.says(403, over);

    let link = invite(&bureau, "ext.eve").await;
    let code = code_of(&sponsor(&mut dee, "code", "ext.eve").await);
    bureau.office.pass(24 * 3_600);
    types(&mut eve, &link, &code, [NEW, NEW]).await.says(403, over);
    // What is no link at all is told the same.
    for none in ["/invitation/x", &format!("/invitation/{}", "A".repeat(64)), "/invitation/%00"] {
        types(&mut eve, none, &code, [NEW, NEW]).await.says(403, over);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_is_for_whoever_answers_for_them_who_has_just_shown_a_second_factor() {
    let bureau = bureau().await;
    invite(&bureau, "ext.eve").await;
    let (mut dee, mut bob) = (bureau.browser("dee").await, bureau.browser("bob").await);
    for wanted in ["code", "invite", "uninvite"] {
        sponsor(&mut bob, wanted, "ext.eve").await.says(409, "whoever answers for the engagement");
    }
    sponsor(&mut dee, "code", "bob").await.says(409, "none of the people");
    // The sponsor can do both, and is asked for a second factor when the last one lies back.
    sponsor(&mut dee, "invite", "ext.finn").await.says(200, "/invitation/");
    bureau.office.pass(301);
    for wanted in ["code", "invite", "uninvite"] {
        sponsor(&mut dee, wanted, "ext.finn").await.leads_to("/login/step-up?next=%2Fme%2Fgrants");
    }
    // Nobody on this machine reads it: there is no such route, and the row has it sealed.
    let shown: Value = bureau.office.served.client.get("/v1/engagements/soc2").await.unwrap();
    let finn = shown["sign_in"].as_array().unwrap().iter().find(|one| one["name"] == "ext.finn").unwrap();
    assert!(finn["ready"] == false && finn["invited_until"].is_string() && finn.get("code").is_none(), "{finn}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_alone_sets_up_nothing_for_people_of_another_firm() {
    let bureau = bureau().await;
    person(&bureau.office, "ext.gus").await;
    bureau.office.post("/v1/engagements/soc2", json!({ "add": ["ext.gus"] })).await;
    let mut gus = Browser::new(&bureau.office);
    gus.sign_in("ext.gus", PASSWORD).await.says(403, "by an invitation");
    // With one it is they who come in, and the password that somebody else knew counts no more.
    let link = invite(&bureau, "ext.gus").await;
    let mut dee = bureau.browser("dee").await;
    let code = code_of(&sponsor(&mut dee, "code", "ext.gus").await);
    let page = types(&mut gus, &link, &code, [NEW, NEW]).await;
    enrols(&bureau, &mut gus, &page).await.0.says(200, "Your recovery codes");
    let mut other = Browser::new(&bureau.office);
    other.sign_in("ext.gus", PASSWORD).await.says(403, "The name or the password is wrong");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_go_on_with_one_invitation_one_comes_in() {
    let bureau = bureau().await;
    let link = invite(&bureau, "ext.eve").await;
    let mut dee = bureau.browser("dee").await;
    let code = code_of(&sponsor(&mut dee, "code", "ext.eve").await);
    // Who sets the password last is the one who goes on, and one of them has had enough by then.
    let (mut eve, mut thief) = (Browser::new(&bureau.office), Browser::new(&bureau.office));
    let first = types(&mut thief, &link, &code, [NEW, NEW]).await;
    bureau.office.pass(1);
    let page = types(&mut eve, &link, &code, [&format!("{NEW}1"), &format!("{NEW}1")]).await;
    let late = enrols(&bureau, &mut thief, &first).await.0;
    assert!(late.status == 403 && thief.session().is_none(), "{late:?}");
    enrols(&bureau, &mut eve, &page).await.0.says(200, "Your recovery codes");
    // Taken back, or with its engagement over, half of it is worth nothing.
    let link = invite(&bureau, "ext.finn").await;
    let code = code_of(&sponsor(&mut dee, "code", "ext.finn").await);
    let mut finn = Browser::new(&bureau.office);
    let page = types(&mut finn, &link, &code, [NEW, NEW]).await;
    sponsor(&mut dee, "uninvite", "ext.finn").await.leads_to("/me/grants");
    enrols(&bureau, &mut finn, &page).await.0.says(403, "Open the link of your invitation once more");
    assert!(finn.session().is_none());
    let link = invite(&bureau, "ext.finn").await;
    let code = code_of(&sponsor(&mut dee, "code", "ext.finn").await);
    bureau.office.post("/v1/engagements/soc2/close", json!({ "reason": "done" })).await;
    types(&mut finn, &link, &code, [NEW, NEW]).await.says(403, "the engagement of Kessel");
}

/// Sixty-four at once with everything right, twice each: one device is put into use, and the row is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_one_sets_it_up() {
    let bureau = bureau().await;
    let link = invite(&bureau, "ext.eve").await;
    let mut dee = bureau.browser("dee").await;
    let code = code_of(&sponsor(&mut dee, "code", "ext.eve").await);
    let mut eve = Browser::new(&bureau.office);
    let page = types(&mut eve, &link, &code, [NEW, NEW]).await;
    let seed = page.html.split_once("<code>").unwrap().1.split('<').next().unwrap().to_owned();
    bureau.office.pass(60);
    let now = bureau.office.fixture.clock.now();
    let codes = [30, 0].map(|ago| app_code(&seed, now.checked_sub(jiff::SignedDuration::from_secs(ago)).unwrap()));
    let sent = [
        ("flow", page.field("flow")),
        ("half", page.field("half")),
        ("next", "/me".to_owned()),
        ("offer", page.field("offer")),
        ("first", codes[0].clone()),
        ("second", codes[1].clone()),
    ];
    let sent: Vec<(&str, &str)> = sent.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let windows = (0..64).map(|_| {
        let mut window = Browser::new(&bureau.office);
        window.cookies.clone_from(&eve.cookies);
        let sent = sent.clone();
        async move { window.post("/login/enrol", &sent).await.status }
    });
    let answers = futures_util::future::join_all(windows).await;
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
    let devices: Value = bureau.office.served.client.get("/v1/users/ext.eve/mfa-devices").await.unwrap();
    assert_eq!(devices.as_array().map(Vec::len), Some(1), "{devices}");
}
