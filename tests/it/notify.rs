//! People are told what happened to roles for a while: who, of what, once, and without being in anybody's way.

use bailey::model::grant::Rule;
use bailey::model::notice::{Kind, Way};
use bailey::telemetry::Condition;
use serde_json::{Value, json};

use crate::bed::mail::Say;
use crate::bed::website::Page as Answer;
use crate::grants::{ask, form, restored, rule, step};
use crate::notify_bed::{PORTAL, Post, siem, verified};
use crate::portal::Browser;

fn letter(who: &str, kind: Kind) -> (String, Kind) {
    (format!("{who}@corp.example"), kind)
}

/// Asks for the role; answers the id of the request.
async fn asks(post: &Post, browser: &mut Browser<'_>) -> String {
    assert_eq!(ask(browser, &[("ticket", "OPS-7")]).await.status, 303);
    post.bureau.last().await["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_agree_is_told_of_a_request_and_whoever_asked_of_what_came_of_it() {
    let post = Post::new().await;
    let mut ann = post.bureau.browser("ann").await;
    let id = asks(&post, &mut ann).await;
    // It lies there with the request, and nobody was waited for.
    assert_eq!(post.letters(), [letter("bob", Kind::GrantRequested), letter("cam", Kind::GrantRequested)]);
    post.sound();
    post.deliver_all().await;
    let mails = post.mail.take();
    assert_eq!(mails.len(), 2);
    for mail in &mails {
        assert_eq!(mail.header("Subject"), "[bailey] ann asks for prod-admin");
        assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
        assert_eq!(mail.header("References"), format!("<grant-{id}@bailey.example>"));
        for said in ["for 1 hour", "What for: the queue is stuck", "Ticket: OPS-7", "To be decided before: 2026-03-13"]
        {
            assert!(mail.text.contains(said), "{said}\n{}", mail.text);
        }
        let links: Vec<&str> = mail.text.lines().filter(|line| line.contains("://")).collect();
        assert_eq!(links, [format!("{PORTAL}/me/grants/{id}")]);
    }
    assert_ne!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
    let hooked = post.hooked();
    assert_eq!((hooked.len(), &hooked[0]["type"]), (1, &json!("grant.requested")));
    let data = &hooked[0]["data"];
    assert_eq!((&data["person"], &data["role"], &data["grant"]), (&json!("ann"), &json!("prod-admin"), &json!(id)));
    assert_eq!(data["link"], format!("{PORTAL}/me/grants/{id}"));
    verified(&post.site);
    // What was told leaves nothing, and is told once.
    assert!(post.waiting(&Way::Mail).is_empty() && post.waiting(&siem()).is_empty());
    post.pass(3_600);
    post.deliver_all().await;
    assert!(post.mail.take().is_empty() && post.hooked().len() == 1);

    // The link opens a page, and nothing comes of opening it: whoever is not signed in signs in first.
    post.bureau.code("bob");
    let mut bob = post.bureau.browser("bob").await;
    let mut nobody = Browser::new(&post.bureau.office);
    let path = format!("/me/grants/{id}");
    assert!(nobody.get(&path).await.location.unwrap().starts_with("/login?next="));
    bob.get(&path).await.says(200, "the queue is stuck");
    assert_eq!(bob.get(&format!("{path}/approve")).await.status, 405);
    assert_eq!(post.bureau.last().await["stage"], "requested");

    step(&mut bob, &id, "approve", &[("comment", "go on")]).await.leads_to(&path);
    assert_eq!(post.letters(), [letter("ann", Kind::GrantApproved)]);
    post.deliver_all().await;
    let told = &post.mail.take()[0];
    assert_eq!(told.header("Subject"), "[bailey] prod-admin is granted to ann");
    assert!(told.text.contains("By: bob") && told.text.contains("They say: go on"), "{}", told.text);
    // Its holder takes it back themselves, and hears nothing of that; programs do.
    let mut ann = post.bureau.browser("ann").await;
    step(&mut ann, &id, "claim", &[]).await;
    step(&mut bob, &id, "revoke", &[("comment", "enough")]).await;
    assert_eq!(post.letters(), [letter("ann", Kind::GrantRevoked)]);
    let refused = asks(&post, &mut ann).await;
    post.deliver_all().await;
    step(&mut bob, &refused, "refuse", &[("comment", "no")]).await;
    assert_eq!(post.letters(), [letter("ann", Kind::GrantRefused)]);
    let own = asks(&post, &mut ann).await;
    post.forget();
    step(&mut ann, &own, "revoke", &[]).await;
    assert_eq!(post.letters(), []);
    assert_eq!(post.waiting(&siem())[0].kind, Kind::GrantRevoked);
    post.sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_of_what_did_not_happen_or_where_nothing_is_configured() {
    let post = Post::new().await;
    let mut ann = post.bureau.browser("ann").await;
    assert_ne!(ask(&mut ann, &[("seconds", "99999999")]).await.status, 303);
    assert_eq!(post.letters(), []);
    let id = asks(&post, &mut ann).await;
    post.forget();
    step(&mut ann, &id, "approve", &[("digest", "x")]).await.says(409, "Nobody decides about what they asked for");
    assert_eq!((post.letters(), post.waiting(&siem()).len()), (vec![], 0));
    post.configure(|settings| {
        settings.smtp = None;
        settings.webhooks.clear();
    });
    asks(&post, &mut ann).await;
    assert_eq!((post.letters(), post.waiting(&siem()).len()), (vec![], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answers_nobody_is_in_nobodys_way() {
    let post = Post::new().await;
    post.mail.always_says("greeting", Say::Nothing);
    let (mut ann, mut bob) = (post.bureau.browser("ann").await, post.bureau.browser("bob").await);
    let id = asks(&post, &mut ann).await;
    step(&mut bob, &id, "approve", &[]).await.leads_to(&format!("/me/grants/{id}"));
    // The webhook hears of it all the same.
    post.deliver_all().await;
    assert_eq!(post.hooked().len(), 2);
    assert_eq!(post.waiting(&Way::Mail).len(), 3);
    // One try, and the way rests.
    assert_eq!(post.deliver(&Way::Mail).await, Default::default());
    let listed: Vec<Value> = post.bureau.office.served.client.get("/v1/notices").await.unwrap();
    assert_eq!(listed.len(), 3);
    for notice in &listed {
        assert!(notice["why"].as_str().unwrap().contains("it was not ready within"), "{notice}");
    }
    bailey::daemon::notices::look_around(post.app()).await;
    let part = &post.app().board.read(post.app().admin.now())["notices"];
    assert!(
        part.condition == Condition::Yellow && part.ready && part.words.contains("3 wait; not told by mail"),
        "{part:?}"
    );
    // It is back, and everything is told.
    post.mail.is_honest();
    post.pass(11);
    post.deliver_all().await;
    assert_eq!(post.mail.take().len(), 3);
    bailey::daemon::notices::look_around(post.app()).await;
    assert_eq!(post.app().board.read(post.app().admin.now())["notices"].condition, Condition::Green);
    post.sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_could_be_told_for_a_day_is_given_up_aloud() {
    let post = Post::new().await;
    post.bureau.with(Rule { claim_within: 7 * 24 * 3_600, ..rule() });
    post.mail.always_says("MAIL", Say::Line("451 not now"));
    post.hook_answers("503 No");
    let mut ann = post.bureau.browser("ann").await;
    asks(&post, &mut ann).await;
    let (mut tries, mut hours) = (0, 0);
    while !post.waiting(&Way::Mail).is_empty() {
        tries += post.deliver(&Way::Mail).await.failed;
        post.deliver(&siem()).await;
        post.pass(3_600);
        hours += 1;
        assert!(hours <= 25);
    }
    assert_eq!(hours, 25);
    assert!((20..=25).contains(&tries), "one connection an hour, however many wait: {tries}");
    assert!(post.waiting(&siem()).is_empty());
    let log = post.bureau.records().join("\n");
    assert!(log.contains("GiveUpNotices") && log.contains("451") && log.contains("status 503"), "{log}");
    // One that is moot before that is told to nobody.
    post.bureau.with(Rule { claim_within: 3_600, ..rule() });
    let mut ann = post.bureau.browser("ann").await;
    asks(&post, &mut ann).await;
    post.pass(3_600);
    post.mail.is_honest();
    post.deliver_all().await;
    assert!(post.mail.take().is_empty() && post.waiting(&Way::Mail).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_told_keeps_no_other_waiting() {
    let post = Post::new().await;
    let mut ann = post.bureau.browser("ann").await;
    // Nobody lives there, and that is said for good: it is not tried again, and the next one is, on the same connection.
    asks(&post, &mut ann).await;
    post.mail.says("RCPT", &[Say::Line("550 5.1.1 nobody lives here")]);
    post.deliver(&Way::Mail).await;
    assert_eq!((post.mail.take().len(), post.waiting(&Way::Mail).len()), (1, 0));
    assert_eq!(post.mail.commands().iter().filter(|line| line.starts_with("EHLO")).count(), 1);
    assert!(post.bureau.records().join("\n").contains("nobody lives here"));
    // For now: it is tried again after a while, and not before.
    for step in ["RCPT", "DATA", "message"] {
        asks(&post, &mut ann).await;
        post.mail.says(step, &[Say::Line("451 4.3.0 busy")]);
        post.deliver(&Way::Mail).await;
        assert_eq!(post.mail.take().len(), 1, "{step}");
        let left = post.waiting(&Way::Mail);
        assert_eq!((left.len(), left[0].tries), (1, 1), "{step}");
        assert!(left[0].why.as_ref().unwrap().contains("busy"), "{left:?}");
        post.deliver(&Way::Mail).await;
        assert!(post.mail.take().is_empty());
        post.pass(61);
        post.deliver(&Way::Mail).await;
        assert_eq!((post.mail.take().len(), post.waiting(&Way::Mail).len()), (1, 0), "{step}");
        let mut again = post.bureau.browser("ann").await;
        std::mem::swap(&mut ann, &mut again);
    }
    // Who has no address that is one.
    post.has_mail("bob", Some("bob\r\nRCPT TO:<eve@evil.example>")).await;
    asks(&post, &mut ann).await;
    post.deliver(&Way::Mail).await;
    assert_eq!((post.mail.take().len(), post.waiting(&Way::Mail).len()), (1, 0));
    assert!(!post.mail.commands().join("\n").contains("evil.example"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_takes_it_by_whatever_says_yes_and_a_no_is_what_it_is() {
    let post = Post::new().await;
    let mut ann = post.bureau.browser("ann").await;
    for status in ["200 OK", "201 Created", "202 Accepted", "204 No Content"] {
        post.hook_answers(status);
        asks(&post, &mut ann).await;
        assert_eq!(post.deliver(&siem()).await.told, 1, "{status}");
    }
    let elsewhere = crate::bed::website::Website::plain().await;
    let redirect = format!("HTTP/1.1 307 Go\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n", elsewhere.address());
    for (page, why) in [
        (Answer::Raw(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".to_vec()), "status 500"),
        (Answer::Raw(redirect.into_bytes()), "redirects to"),
        (Answer::Raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()), "cannot be read"),
    ] {
        post.site.show("/hook", page);
        let before = post.hooked().len();
        asks(&post, &mut ann).await;
        asks(&post, &mut ann).await;
        // The way rests behind the first try, and with it the other one.
        assert_eq!(post.deliver(&siem()).await.failed, 1, "{why}");
        assert_eq!(post.deliver(&siem()).await.failed, 0, "{why}");
        assert_eq!(post.hooked().len(), before + 1, "{why}");
        let first = verified(&post.site);
        assert!(post.app().admin.notices.resting()[&siem()].why.contains(why), "{why}");
        post.pass(11);
        post.hook_answers("200 OK");
        assert_eq!(post.deliver(&siem()).await.told, 2, "{why}");
        // Under the same id, so that whoever heard it knows; and under a signature of then.
        let heads = post.site.heads();
        assert!(heads[heads.len() - 2..].iter().any(|head| head.contains(&first)), "{why}");
        verified(&post.site);
        let mut again = post.bureau.browser("ann").await;
        std::mem::swap(&mut ann, &mut again);
    }
    assert_eq!(elsewhere.asked_at_all(), 0);
    // What is said of one notice concerns no other.
    post.hook_answers("413 Too Large");
    asks(&post, &mut ann).await;
    post.deliver(&siem()).await;
    assert_eq!(post.waiting(&siem())[0].tries, 1);
    assert!(post.app().admin.notices.resting().is_empty());
    // It is gone, and says so.
    post.hook_answers("410 Gone");
    asks(&post, &mut ann).await;
    post.pass(61);
    assert_eq!(post.deliver(&siem()).await.given_up, 2);
    assert!(post.waiting(&siem()).is_empty());
    post.sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn those_are_told_who_may_decide_now_and_have_an_address() {
    let post = Post::new().await;
    let office = &post.bureau.office;
    let mut ann = post.bureau.browser("ann").await;
    let told = async |browser: &mut Browser<'_>| {
        post.forget();
        asks(&post, browser).await;
        post.letters().into_iter().map(|(to, _)| to).collect::<Vec<_>>()
    };
    // Who may not act, or has no address, is not.
    office.post("/v1/users/bob", json!({ "disabled": true })).await;
    assert_eq!(told(&mut ann).await, ["cam@corp.example"]);
    post.has_mail("cam", None).await;
    assert_eq!(told(&mut ann).await, ["security@corp.example"], "somebody has to hear of it");
    // Whoever asks does not decide, whatever group they are in.
    post.has_mail("cam", Some("cam@corp.example")).await;
    office.put("/v1/groups/leads/members/ann", json!({})).await;
    assert_eq!(told(&mut ann).await, ["cam@corp.example"]);
    // An address of the rule instead.
    post.bureau.with(Rule { notify: vec!["leads@corp.example".to_owned()], ..rule() });
    assert_eq!(told(&mut ann).await, ["leads@corp.example"]);
    post.bureau.with(rule());
    // Too many people are nobody: the address of security, and the webhook.
    for number in 0..51 {
        let name = format!("lead{number}");
        office.post("/v1/users", json!({ "name": name })).await;
        office.put(&format!("/v1/groups/leads/members/{name}"), json!({})).await;
        post.has_mail(&name, Some(&format!("{name}@corp.example"))).await;
    }
    let mut ann = post.bureau.browser("ann").await;
    assert_eq!(told(&mut ann).await, ["security@corp.example"]);
    assert_eq!(post.waiting(&siem()).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_is_loud_and_so_is_that_nobody_looks_back() {
    let post = Post::new().await;
    post.bureau.with(Rule { break_glass: Some(48 * 3_600), ..rule() });
    let mut ann = post.bureau.browser("ann").await;
    let id = asks(&post, &mut ann).await;
    let loud = |kind| [letter("bob", kind), letter("cam", kind), letter("security", kind)].to_vec();
    assert_eq!(post.letters(), loud(Kind::BreakGlass));
    post.deliver_all().await;
    for mail in post.mail.take() {
        assert_eq!(mail.header("Subject"), "[bailey] BREAK-GLASS: ann granted prod-admin to themselves");
        assert!(mail.text.contains("To be looked back at before: 2026-03-14"), "{}", mail.text);
    }
    let app = post.app();
    let look = async || bailey::daemon::notices::look_around(app).await;
    look().await;
    assert_eq!(post.letters(), []);
    assert!(!app.board.read(app.admin.now()).contains_key("reviews"));
    // Nobody looks back at it: an alarm, once a day, until somebody does.
    post.pass(48 * 3_600);
    for day in 0..2 {
        for _ in 0..3 {
            look().await;
        }
        assert_eq!(post.letters(), loud(Kind::ReviewOverdue), "day {day}");
        let part = app.board.read(app.admin.now())["reviews"].clone();
        assert!(part.condition == Condition::Yellow && part.words.contains("1 break-glass grants"), "{part:?}");
        post.deliver_all().await;
        assert_eq!(post.mail.take().len(), 3);
        post.pass(24 * 3_600);
    }
    assert_eq!(post.bureau.records().iter().filter(|record| record.contains("ReviewOverdue")).count(), 2);
    post.sound();
    let mut bob = post.bureau.browser("bob").await;
    step(&mut bob, &id, "review", &[("comment", "it was the queue")]).await.leads_to(&format!("/me/grants/{id}"));
    look().await;
    assert!(!app.board.read(app.admin.now()).contains_key("reviews"));
    assert_eq!(post.letters(), []);
    post.sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_answers_for_an_engagement_is_told_what_becomes_of_it() {
    let mut post = Post::new().await;
    crate::sts_unsigned::person(&post.bureau.office, "ext.eve").await;
    let seed = crate::sts_unsigned::device(&post.bureau.office, "ext.eve").await.1;
    post.bureau.seeds.push(("ext.eve", seed));
    post.has_mail("ext.eve", Some("eve@kessel.example")).await;
    let office = &post.bureau.office;
    let engagement = json!({
        "name": "soc2-2026", "firm": "Kessel & Lund", "sponsor": "dee", "people": ["ext.eve"], "ends": "2026-04-23T00:00:00Z"
    });
    office.post("/v1/engagements", engagement).await;
    assert_eq!(post.letters(), [letter("dee", Kind::EngagementOpened)]);
    post.deliver_all().await;
    let told = &post.mail.take()[0];
    assert_eq!(told.header("Subject"), "[bailey] Engagement soc2-2026 (Kessel & Lund): you answer for it");
    assert!(told.text.contains("Until: 2026-04-23 00:00:00 UTC"), "{}", told.text);
    office.post("/v1/engagements/soc2-2026", json!({ "ends": "2026-04-22T00:00:00Z" })).await;
    assert_eq!(post.letters(), [letter("dee", Kind::EngagementChanged)]);
    post.forget();
    let at = |text: &str| office.fixture.clock.set(text.parse().unwrap());
    let look = async || {
        for _ in 0..2 {
            bailey::daemon::notices::look_around(post.app()).await;
        }
        let told = post.letters();
        post.forget();
        told
    };
    let closing = [letter("dee", Kind::EngagementClosing)];
    for (moment, expected) in [
        ("2026-04-14T23:00:00Z", &[][..]),
        ("2026-04-15T00:00:00Z", &closing),
        ("2026-04-20T00:00:00Z", &[]),
        ("2026-04-21T12:00:00Z", &closing),
        ("2026-04-21T23:00:00Z", &[]),
    ] {
        at(moment);
        assert_eq!(look().await, expected, "{moment}");
    }
    // Another end is news again.
    office.post("/v1/engagements/soc2-2026", json!({ "ends": "2026-04-25T00:00:00Z" })).await;
    post.forget();
    assert_eq!(look().await, closing);
    at("2026-04-25T00:00:00Z");
    assert_eq!(look().await, [letter("dee", Kind::EngagementEnded)]);
    assert_eq!(look().await, []);
    // Closed before its time, with what its people had.
    post.bureau.with(Rule { roles: vec!["prod-*".to_owned()], requesters: Vec::new(), sponsor: true, ..rule() });
    let next = json!({
        "name": "next", "firm": "Kessel", "sponsor": "dee", "people": ["ext.eve"], "ends": "2026-05-23T00:00:00Z"
    });
    office.post("/v1/engagements", next).await;
    post.forget();
    let mut eve = post.bureau.browser("ext.eve").await;
    let id = asks(&post, &mut eve).await;
    let requested = ["bob", "cam", "dee"].map(|who| letter(who, Kind::GrantRequested));
    assert_eq!(post.letters(), requested);
    post.forget();
    let _ = (id, form(&mut eve).await);
    office.post("/v1/engagements/next/close", json!({ "reason": "report delivered" })).await;
    let over = [letter("dee", Kind::EngagementClosed), ("eve@kessel.example".to_owned(), Kind::GrantRevoked)];
    assert_eq!(post.letters(), over);
    assert_eq!(look().await, over);
    assert_eq!(look().await, [], "closed is not ended");
    post.sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_a_role_hears_that_it_ends_and_that_it_ended() {
    let post = Post::new().await;
    const DAYS: i64 = 24 * 3_600;
    post.bureau.with(Rule { longest: 30 * 24 * 3_600, claim_within: 3_600, ..rule() });
    let agreed = async |seconds: &str| {
        let (mut ann, mut bob) = (post.bureau.browser("ann").await, post.bureau.browser("bob").await);
        assert_eq!(ask(&mut ann, &[("seconds", seconds)]).await.status, 303);
        let id = post.bureau.last().await["id"].as_str().unwrap().to_owned();
        let page = format!("/me/grants/{id}");
        step(&mut bob, &id, "approve", &[]).await.leads_to(&page);
        step(&mut ann, &id, "claim", &[]).await.leads_to(&page);
        post.forget();
    };
    let app = post.app();
    let look = async || {
        for _ in 0..2 {
            bailey::daemon::notices::look_around(app).await;
            app.admin.end_lapsed_grants(app.clock.now()).unwrap();
        }
        let told = post.letters();
        post.forget();
        told
    };
    let (ending, ended) = ([letter("ann", Kind::GrantEnding)], [letter("ann", Kind::GrantEnded)]);
    // Of ten minutes whoever asked for them knows.
    agreed("600").await;
    post.pass(300);
    assert_eq!(look().await, []);
    post.pass(300);
    assert_eq!(look().await, ended);
    // Of two hours a quarter of an hour before, and of days a day before, too.
    agreed("7200").await;
    post.pass(7_200 - 901);
    assert_eq!(look().await, []);
    post.pass(1);
    bailey::daemon::notices::look_around(app).await;
    assert_eq!(post.letters(), ending);
    post.deliver_all().await;
    let mail = post.mail.take().pop().unwrap();
    assert!(mail.header("Subject").starts_with("[bailey] prod-admin of ann ends at 2026-03-12 "), "{mail:?}");
    assert_eq!(look().await, []);
    post.pass(900);
    assert_eq!(look().await, ended);
    agreed(&(8 * DAYS).to_string()).await;
    for (seconds, expected) in
        [(7 * DAYS - 1, &[][..]), (1, &ending), (DAYS - 901, &[]), (1, &ending), (899, &[]), (1, &ended)]
    {
        post.pass(seconds);
        assert_eq!(look().await, expected, "{seconds}");
    }
    post.sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_decided_or_claimed_is_over_and_what_its_holder_ended_is_told_to_programs() {
    let post = Post::new().await;
    let (mut ann, mut bob) = (post.bureau.browser("ann").await, post.bureau.browser("bob").await);
    let app = post.app();
    let id = asks(&post, &mut ann).await;
    step(&mut bob, &id, "approve", &[]).await;
    step(&mut ann, &id, "claim", &[]).await;
    post.forget();
    step(&mut ann, &id, "complete", &[]).await;
    assert_eq!(post.letters(), []);
    assert_eq!(post.waiting(&siem())[0].kind, Kind::GrantEnded);
    let claimed = asks(&post, &mut ann).await;
    step(&mut bob, &claimed, "approve", &[]).await;
    asks(&post, &mut ann).await;
    post.forget();
    post.pass(24 * 3_600);
    app.admin.end_lapsed_grants(app.clock.now()).unwrap();
    assert_eq!(post.letters(), [letter("ann", Kind::GrantExpired), letter("ann", Kind::GrantExpired)]);
    // Of what ended while nobody was there to write it down, and of what a restore ended, nobody wants to hear.
    let mut ann = post.bureau.browser("ann").await;
    asks(&post, &mut ann).await;
    post.forget();
    post.pass(48 * 3_600);
    assert_eq!(app.admin.end_lapsed_grants(app.clock.now()).unwrap().ended, 1);
    let mut ann = post.bureau.browser("ann").await;
    asks(&post, &mut ann).await;
    post.forget();
    restored(&post.bureau);
    post.pass(24 * 3_600);
    assert_eq!(app.admin.end_lapsed_grants(app.clock.now()).unwrap().ended, 1);
    assert_eq!((post.letters(), post.waiting(&siem())), (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_answers_for_somebody_hears_that_they_came_in_and_no_notice_lets_anybody_in() {
    use crate::invitations::{bureau, code_of, enrols, invite, sponsor, types};

    let post = Post::of(bureau().await).await;
    post.has_mail("ext.eve", Some("eve@kessel.example")).await;
    let link = invite(&post.bureau, "ext.eve").await;
    let mut dee = post.bureau.browser("dee").await;
    let code = code_of(&sponsor(&mut dee, "code", "ext.eve").await);
    // The link and the code take the ways that were agreed on, and no mail is one.
    assert_eq!((post.letters(), post.waiting(&siem())), (vec![], vec![]));
    let mut eve = Browser::new(&post.bureau.office);
    let password = "gerade-noch-frost-19";
    let page = types(&mut eve, &link, &code, [password, password]).await;
    assert_eq!(post.letters(), [], "a password is no way in yet");
    enrols(&post.bureau, &mut eve, &page).await.0.says(200, "Your recovery codes");
    assert_eq!(post.letters(), [letter("dee", Kind::InvitationUsed)]);
    post.deliver_all().await;
    let mail = post.mail.take().pop().unwrap();
    assert_eq!(mail.header("Subject"), "[bailey] ext.eve came in by the invitation to soc2 (Kessel & Lund)");
    assert!(mail.text.contains("close the engagement now"), "{}", mail.text);
    let told = format!("{} {}", mail.text, post.hooked().last().unwrap());
    for secret in [code.as_str(), &code.replace('-', ""), link.rsplit('/').next().unwrap(), password] {
        assert!(!told.contains(secret), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_where_none_may_be_or_never_ends_gets_no_more_than_a_try() {
    let post = Post::new().await;
    let mut ann = post.bureau.browser("ann").await;
    let to = |url: String, networks: &[&str]| {
        let networks = networks.iter().map(|network| network.parse().unwrap()).collect();
        let hook = bailey::notify::webhook::Hook {
            name: "siem".to_owned(),
            url: url.parse().unwrap(),
            reach: bailey::fetch::Reach {
                networks: bailey::base::network::Networks::new(networks),
                ca_file: None,
                plain_on_loopback: true,
            },
            secrets: vec![bailey::notify::webhook::secret(crate::notify_bed::SECRET).unwrap()],
            kinds: Vec::new(),
        };
        post.configure(|settings| settings.webhooks = vec![hook.into()]);
    };
    asks(&post, &mut ann).await;
    let here = format!("http://{}/hook", post.site.address());
    for (url, networks) in [
        ("https://10.0.0.1/hook".to_owned(), &[][..]),
        ("https://169.254.169.254/latest/meta-data".to_owned(), &["127.0.0.0/8"]),
        ("https://[::1]/hook".to_owned(), &[]),
        ("https://127.0.0.1:1/hook".to_owned(), &[]),
    ] {
        to(url.clone(), networks);
        assert_eq!(post.deliver(&siem()).await.failed, 1, "{url}");
        let why = post.app().admin.notices.resting()[&siem()].why.clone();
        assert!(why.contains("name its network in `networks`"), "{url}: {why}");
    }
    assert!(post.hooked().is_empty());
    to(here, &["127.0.0.0/8"]);
    // What is said besides the status is not read, however much it is.
    post.site.show("/hook", Answer::Endless("x".repeat(65_536)));
    assert_eq!(post.deliver(&siem()).await.told, 1);
    asks(&post, &mut ann).await;
    post.site.show("/hook", Answer::Silence);
    assert_eq!(post.deliver(&siem()).await.failed, 1);
    assert!(post.app().admin.notices.resting()[&siem()].why.contains("within 5 s"));
    assert_eq!(post.waiting(&siem())[0].tries, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_restore_took_back_is_told_to_nobody() {
    let post = Post::new().await;
    let mut ann = post.bureau.browser("ann").await;
    asks(&post, &mut ann).await;
    restored(&post.bureau);
    post.deliver_all().await;
    assert!(post.mail.take().is_empty() && post.hooked().is_empty());
    assert!(post.waiting(&Way::Mail).is_empty() && post.waiting(&siem()).is_empty());
    assert!(!post.bureau.records().join("\n").contains("GiveUpNotices"), "nobody gave anything up");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_room_for_so_many_and_for_some_more_that_must_be_heard() {
    use bailey::base::NoticeId;
    use bailey::model::Actor;
    use bailey::model::notice::Facts;
    use bailey::notify::{MOST_WAITING, Telling};
    use bailey::store::{Commit, Intent, StoreError};

    let post = Post::new().await;
    let (app, now) = (post.app(), post.app().clock.now());
    let mail: Vec<String> = (0..50).map(|number| format!("a{number}@corp.example")).collect();
    let mut chance = 0_u128;
    let mut put = |kind| {
        let telling = Telling { kind, at: now, moot: None, facts: Facts::default(), mail: &mail };
        let mut commit = Commit::new(Actor::task("test"), now, Intent::Widen);
        let fresh = || {
            chance += 1;
            NoticeId::from_bytes(chance.to_be_bytes())
        };
        let put =
            |snapshot: &dyn bailey::store::Snapshot| app.admin.notices.put((snapshot, &mut commit), &telling, fresh);
        app.store.read(put).unwrap();
        if !commit.is_empty() {
            app.store.commit(commit).unwrap();
        }
        Ok::<_, StoreError>(())
    };
    for _ in 0..=MOST_WAITING / 50 {
        put(Kind::GrantRequested).unwrap();
    }
    let count = || post.waiting(&Way::Mail).len();
    assert_eq!(count(), MOST_WAITING);
    put(Kind::GrantRequested).unwrap();
    assert_eq!(count(), MOST_WAITING);
    put(Kind::BreakGlass).unwrap();
    assert_eq!(count(), MOST_WAITING + 50);
    // Whoever asks is not kept from it.
    let mut ann = post.bureau.browser("ann").await;
    asks(&post, &mut ann).await;
    assert_eq!(count(), MOST_WAITING + 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_that_is_configured_no_more_leaves_nothing_behind() {
    let post = Post::new().await;
    let mut ann = post.bureau.browser("ann").await;
    asks(&post, &mut ann).await;
    post.configure(|settings| settings.webhooks.clear());
    assert_eq!(post.deliver(&siem()).await.given_up, 1);
    assert!(post.waiting(&siem()).is_empty() && post.hooked().is_empty());
    post.deliver(&Way::Mail).await;
    assert_eq!(post.mail.take().len(), 2);
}
