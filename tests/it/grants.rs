//! Roles for a while, as people ask for them at the portal: who may agree, what a yes is worth, and that it ends.

use bailey::base::Timestamp;
use bailey::model::Actor;
use bailey::model::grant::{Rule, Rules};
use bailey::rights::GrantTerms;
use bailey::store::{Commit, Intent, schema};
use serde_json::{Value, json};

use crate::bed::signer::Credentials;
use crate::credentials::app_code;
use crate::portal::{Browser, Page};
use crate::sts_office::{ACCOUNT, Office, allow};
use crate::sts_unsigned::{PASSWORD, device, person};

/// An office where `prod-*` is granted to people of `ops` when one of `leads` agrees.
pub(crate) struct Bureau {
    pub(crate) office: Office,
    /// The seeds of devices, by person.
    pub(crate) seeds: Vec<(&'static str, String)>,
}

pub(crate) fn rule() -> Rule {
    Rule {
        roles: vec!["prod-*".to_owned()],
        requesters: vec!["ops".to_owned()],
        approvals: 1,
        approvers: vec!["leads".to_owned()],
        manager: false,
        sponsor: false,
        break_glass: None,
        automatic_until: None,
        hours: None,
        longest: 8 * 3_600,
        claim_within: 24 * 3_600,
        ticket: false,
        inline: false,
        ticket_check: None,
        break_glass_ticket_check: false,
        second_factor: None,
        notify: Vec::new(),
    }
}

fn role() -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/prod-admin")
}

impl Bureau {
    pub(crate) async fn new() -> Self {
        let office = Office::new().await;
        for group in ["ops", "leads"] {
            office.post("/v1/groups", json!({ "name": group })).await;
        }
        let mut seeds = Vec::new();
        for (name, group) in [("ann", "ops"), ("bob", "leads"), ("cam", "leads"), ("dee", "")] {
            person(&office, name).await;
            seeds.push((name, device(&office, name).await.1));
            if !group.is_empty() {
                office.put(&format!("/v1/groups/{group}/members/{name}"), json!({})).await;
            }
        }
        // Whoever agrees may ask, too, and does not agree to that.
        office.put("/v1/groups/ops/members/bob", json!({})).await;
        office.role("prod-admin", json!([]), allow(&["s3:Get*", "iam:ListRoles", "iam:CreateUser"])).await;
        let bureau = Self { office, seeds };
        bureau.with(rule());
        bureau
    }

    pub(crate) fn with(&self, rule: Rule) {
        let terms = GrantTerms { rules: Rules::new(vec![rule]), zone: "Europe/Berlin".parse().unwrap() };
        *self.office.fixture.app.admin.grants.write().unwrap() = terms;
    }

    fn now(&self) -> Timestamp {
        self.office.fixture.app.admin.now()
    }

    /// The code that somebody's device shows now; each is good once, so time passes behind it.
    pub(crate) fn code(&self, name: &str) -> String {
        self.office.pass(30);
        let seed = &self.seeds.iter().find(|(whose, _)| *whose == name).unwrap().1;
        app_code(seed, self.now())
    }

    /// A browser in which somebody signed in with both factors.
    pub(crate) async fn browser(&self, name: &str) -> Browser<'_> {
        let mut browser = Browser::new(&self.office);
        let page = browser.sign_in(name, PASSWORD).await;
        page.says(200, "Code");
        let (flow, next, half) = (page.field("flow"), page.field("next"), page.field("half"));
        let code = self.code(name);
        browser
            .post("/login/code", &[("flow", &flow), ("next", &next), ("half", &half), ("code", &code)])
            .await
            .leads_to("/me");
        browser
    }

    /// What the last grant that was asked for is.
    pub(crate) async fn last(&self) -> Value {
        let all: Value = self.office.served.client.get("/v1/grants?all=true").await.unwrap();
        all["items"].as_array().unwrap().last().unwrap().clone()
    }

    /// Somebody's number as an employee.
    async fn employ(&self, name: &str, number: &str) {
        self.office.post(&format!("/v1/users/{name}"), json!({ "employee_id": number })).await;
    }

    pub(crate) fn records(&self) -> Vec<String> {
        let store = &self.office.fixture.app.store;
        bailey::audit::tail::last(store, u64::MAX).unwrap().into_iter().map(|line| line.json).collect()
    }
}

pub(crate) async fn ask(browser: &mut Browser<'_>, more: &[(&str, &str)]) -> Page {
    // Grants stand in the order in which they were asked for.
    browser.office.pass(1);
    let page = browser.get(&format!("/me/grants/new?role={}", role())).await;
    page.says(200, "Ask for prod-admin");
    let form = page.field("form");
    let usual = [("form", form.as_str()), ("role", &role()), ("seconds", "3600"), ("reason", "the queue is stuck")]
        .map(|(name, value)| (name, value.to_owned()));
    let usual = usual.iter().map(|(name, value)| (*name, value.as_str()));
    let sent: Vec<(&str, &str)> =
        usual.filter(|(name, _)| !more.iter().any(|(own, _)| own == name)).chain(more.iter().copied()).collect();
    browser.post("/me/grants/new", &sent).await
}

/// What the forms of this browser carry, whatever page they are on.
pub(crate) async fn form(browser: &mut Browser<'_>) -> String {
    browser.get("/logout").await.field("form")
}

/// The page of a grant, and a step from there.
pub(crate) async fn step(browser: &mut Browser<'_>, id: &str, step: &str, more: &[(&str, &str)]) -> Page {
    let page = browser.get(&format!("/me/grants/{id}")).await;
    assert_eq!(page.status, 200, "{page:?}");
    let form = form(browser).await;
    let digest = if page.html.contains("name=\"digest\"") { page.field("digest") } else { String::new() };
    let seen = if page.html.contains("name=\"seen\"") { page.field("seen") } else { String::new() };
    let mut sent = vec![("form", form.as_str())];
    if !seen.is_empty() && !more.iter().any(|(name, _)| *name == "seen") {
        sent.push(("seen", &seen));
    }
    if !more.iter().any(|(name, _)| *name == "digest") {
        sent.push(("digest", &digest));
    }
    sent.extend(more.iter().copied());
    browser.post(&format!("/me/grants/{id}/{step}"), &sent).await
}

/// Takes the role at the portal.
async fn take(browser: &mut Browser<'_>) -> Page {
    let form = form(browser).await;
    browser.post("/me/use", &[("form", &form), ("role", &role()), ("seconds", "3600")]).await
}

pub(crate) fn credentials(page: &Page) -> Credentials {
    let text = |name: &str| {
        let rest = page.html.split_once(&format!("{name}=")).unwrap_or_else(|| panic!("{page:?}")).1;
        rest.split(['\n', '<', '"']).next().unwrap().trim_matches('\'').to_owned()
    };
    let key = text("AWS_ACCESS_KEY_ID");
    Credentials { id: key, secret: text("AWS_SECRET_ACCESS_KEY"), token: Some(text("AWS_SESSION_TOKEN")) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_asked_for_agreed_to_begun_used_and_over_with_its_grant() {
    let bureau = Bureau::new().await;
    let office = &bureau.office;
    let mut ann = bureau.browser("ann").await;
    assert!(!ann.get("/me").await.html.contains("prod-admin"));
    ann.get("/me/grants").await.says(200, "somebody of leads has to agree");
    let asked = ask(&mut ann, &[("ticket", "OPS-7")]).await;
    let id = asked.location.clone().unwrap().rsplit('/').next().unwrap().to_owned();
    ann.get(&format!("/me/grants/{id}")).await.says(200, "waits for others to agree");
    // Nothing comes of a request. Who may ask is told where, and nobody else.
    take(&mut ann).await.says(403, &format!("you can ask for it for a while: /me/grants/new?role={}", role()));
    assert_eq!(step(&mut ann, &id, "claim", &[]).await.status, 409);

    // Who has nothing to do with it is not told that it is there.
    let mut dee = bureau.browser("dee").await;
    let told = take(&mut dee).await;
    assert!(told.status == 403 && !told.html.contains("ask for it"), "{told:?}");
    assert_eq!(dee.get(&format!("/me/grants/{id}")).await.status, 404);
    let mut bob = bureau.browser("bob").await;
    bob.get("/me/grants").await.says(200, "the queue is stuck");
    bob.get(&format!("/me/grants/{id}")).await.says(200, "s3: reads (Get*)");
    step(&mut bob, &id, "approve", &[("comment", "go on")]).await.leads_to(&format!("/me/grants/{id}"));
    let view = bureau.last().await;
    assert_eq!((&view["stage"], &view["approvals"][0]["right"]), (&json!("claimable"), &json!("group/leads")));
    take(&mut ann).await.says(403, "not authorized");
    step(&mut ann, &id, "claim", &[]).await.leads_to(&format!("/me/grants/{id}"));
    ann.get("/me").await.says(200, "it is granted to you for a while");

    let keys = credentials(&take(&mut ann).await);
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/prod-admin/ann");
    assert_eq!(office.who_is(&keys).await.text("Arn"), arn);
    // Nothing lasting comes of what is for a while.
    for action in [&[("Action", "CreateUser"), ("UserName", "eve")][..], &[("Action", "ListRoles")]] {
        office.iam(&keys, action).await.refuses("AccessDenied", "granted for a while");
    }
    // Its session lasts no longer than it does.
    let sessions: Value = office.served.client.get("/v1/sessions?person=ann").await.unwrap();
    let of_role = sessions["items"].as_array().unwrap().iter().find(|one| one["arn"] == arn.as_str()).unwrap();
    assert!(of_role["through"].to_string().contains(&format!("grant/{id} of role/prod-admin")), "{of_role}");

    // With the grant ends what was begun with it, at the next call.
    step(&mut ann, &id, "complete", &[]).await.leads_to(&format!("/me/grants/{id}"));
    office.who_is(&keys).await.refuses("ExpiredToken", &format!("grant {id} counts no more: it is ended"));
    take(&mut ann).await.says(403, "not authorized");
    ann.get(&format!("/me/grants/{id}")).await.says(200, "completed");
    let log = bureau.records().join("\n");
    for said in ["RequestGrant", "ApproveGrant", "ClaimGrant", "CompleteGrant", "OPS-7", "group/leads", &id] {
        assert!(log.contains(said), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_agree_is_another_who_may_at_that_moment_and_shows_who_they_are() {
    let bureau = Bureau::new().await;
    let office = &bureau.office;
    let (mut ann, mut bob) = (bureau.browser("ann").await, bureau.browser("bob").await);
    // Nobody agrees to what they asked for, whatever group they are in.
    ask(&mut bob, &[]).await;
    let own = bureau.last().await["id"].as_str().unwrap().to_owned();
    step(&mut bob, &own, "approve", &[("digest", "x")]).await.says(409, "Nobody decides about what they asked for");
    ask(&mut ann, &[]).await;
    let id = bureau.last().await["id"].as_str().unwrap().to_owned();
    let approve = async |browser: &mut Browser<'_>| step(browser, &id, "approve", &[]).await;
    // Whoever asks only: it is not their page to decide on.
    step(&mut ann, &id, "approve", &[("digest", "x")]).await.says(409, "Nobody decides about what they asked for");
    // A second factor of some time ago is asked for once more.
    office.pass(301);
    let again = approve(&mut bob).await;
    assert!(again.location.as_deref().unwrap_or_default().starts_with("/login/step-up?next="), "{again:?}");
    let page = bob.get(again.location.as_deref().unwrap()).await;
    let form = page.field("form");
    let code = bureau.code("bob");
    let back = format!("/me/grants/{id}");
    bob.post("/login/step-up", &[("form", &form), ("next", &back), ("code", &code)]).await.leads_to(&back);
    // To the digest of what they read.
    step(&mut bob, &id, "approve", &[("digest", &"0".repeat(64))]).await.says(409, "was changed since you read it");
    // Who left the group a moment ago may not.
    let _: Value = office.served.client.delete("/v1/groups/leads/members/bob").await.unwrap();
    assert_eq!(bob.get(&back).await.status, 404);
    office.put("/v1/groups/leads/members/bob", json!({})).await;
    // A policy that denies it counts.
    let deny = json!({ "Effect": "Deny", "Action": "bailey:ApproveGrant", "Resource": "*" });
    office.put("/v1/users/bob/inline/no", json!({ "document": { "Statement": deny } })).await;
    approve(&mut bob).await.says(403, "with an explicit deny");
    let _: Value = office.served.client.delete("/v1/users/bob/inline/no").await.unwrap();
    // And the hours of the rule: it is noon in UTC on a Thursday in March, one o'clock in Berlin.
    bureau.with(Rule { hours: Some("Mon-Fri 14:00-18:00".parse().unwrap()), ..rule() });
    approve(&mut bob).await.says(409, "Mon,Tue,Wed,Thu,Fri 14:00-18:00 (Europe/Berlin)");
    bureau.with(rule());
    approve(&mut bob).await.leads_to(&back);
    approve(&mut bob).await.says(409, "The grant is claimable");

    // Who agreed and is not there any more did not agree.
    office.post("/v1/users/bob", json!({ "disabled": true })).await;
    step(&mut ann, &id, "claim", &[]).await.says(409, "who agreed to it, may not act any more");
    office.post("/v1/users/bob", json!({ "disabled": false })).await;
    // Who may not ask any more has nothing of what they were granted: neither to begin, nor in the middle of it.
    let leave = async || {
        let _: Value = office.served.client.delete("/v1/groups/ops/members/ann").await.unwrap();
    };
    leave().await;
    step(&mut ann, &id, "claim", &[]).await.says(409, "in no group any more");
    office.put("/v1/groups/ops/members/ann", json!({})).await;
    step(&mut ann, &id, "claim", &[]).await.leads_to(&back);
    let keys = credentials(&take(&mut ann).await);
    assert_eq!(office.who_is(&keys).await.status, 200);
    leave().await;
    office.who_is(&keys).await.refuses("ExpiredToken", "in no group any more");
    office.put("/v1/groups/ops/members/ann", json!({})).await;
    assert_eq!(office.who_is(&keys).await.status, 200);
    // What a rule no longer grants nobody has.
    bureau.with(Rule { roles: vec!["other".to_owned()], ..rule() });
    office.who_is(&keys).await.refuses("ExpiredToken", "no rule");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_voids_what_was_agreed_to_and_who_agrees_makes_it_less_alone() {
    let bureau = Bureau::new().await;
    bureau.with(Rule { approvals: 2, ..rule() });
    let (mut ann, mut bob) = (bureau.browser("ann").await, bureau.browser("bob").await);
    let mut cam = bureau.browser("cam").await;
    ask(&mut ann, &[("seconds", "7200")]).await;
    let id = bureau.last().await["id"].as_str().unwrap().to_owned();
    let agreed = async || bureau.last().await["approvals"].as_array().map_or(0, Vec::len);
    step(&mut bob, &id, "approve", &[]).await;
    assert_eq!(agreed().await, 1);
    step(&mut bob, &id, "approve", &[("digest", "x")]).await.says(409, "was changed since you read it");
    // Cam makes it shorter: bob has not agreed to that.
    step(&mut cam, &id, "narrow", &[("seconds", "14400")]).await.says(409, "never longer or wider");
    step(&mut cam, &id, "narrow", &[("seconds", "1800")]).await;
    assert_eq!((agreed().await, &bureau.last().await["seconds"]), (0, &json!(1_800)));
    step(&mut cam, &id, "approve", &[]).await;
    assert_eq!((agreed().await, &bureau.last().await["stage"]), (1, &json!("requested")));
    // Two accounts of one human being are one.
    bureau.employ("bob", "4711").await;
    bureau.employ("cam", "4711").await;
    step(&mut bob, &id, "approve", &[]).await.says(409, "with another account");
    bureau.employ("cam", "4712").await;
    // Nor does anybody agree to what they asked for with another account of theirs, or are to have by one.
    bureau.employ("ann", "4711").await;
    step(&mut bob, &id, "approve", &[]).await.says(409, "Nobody decides about what they asked for");
    // Numbers are compared as they are, but for what stands around them; none is nobody's.
    bureau.employ("ann", " 4711 ").await;
    step(&mut bob, &id, "approve", &[]).await.says(409, "Nobody decides about what they asked for");
    bureau.employ("bob", "").await;
    bureau.employ("ann", " ").await;
    step(&mut bob, &id, "approve", &[]).await;
    assert_eq!(bureau.last().await["stage"], "claimable");
    // Refused is refused, and what was agreed to is taken back by who could have.
    ask(&mut ann, &[]).await;
    let other = bureau.last().await["id"].as_str().unwrap().to_owned();
    step(&mut bob, &other, "refuse", &[("comment", "not now")]).await;
    assert_eq!((&bureau.last().await["how"], &bureau.last().await["stage"]), (&json!("refused"), &json!("ended")));
    step(&mut cam, &id, "revoke", &[("comment", "over")]).await;
    let shown: Value = bureau.office.served.client.get(&format!("/v1/grants/{id}")).await.unwrap();
    assert_eq!(shown["how"], "revoked");
    step(&mut ann, &id, "claim", &[]).await.says(409, "The grant is ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn its_time_ends_it_whether_or_not_anybody_is_there_to_see() {
    let bureau = Bureau::new().await;
    let office = &bureau.office;
    let (mut ann, mut bob) = (bureau.browser("ann").await, bureau.browser("bob").await);
    ask(&mut ann, &[("seconds", "900")]).await;
    let id = bureau.last().await["id"].as_str().unwrap().to_owned();
    step(&mut bob, &id, "approve", &[]).await;
    step(&mut ann, &id, "claim", &[]).await;
    // Asked for an hour, with a quarter of one left, it is told how long it can be.
    take(&mut ann).await.says(400, "what gives the role lasts 900");
    let form = form(&mut ann).await;
    let short = ann.post("/me/use", &[("form", &form), ("role", &role()), ("seconds", "900")]).await;
    let keys = credentials(&short);
    office.pass(899);
    assert_eq!(office.who_is(&keys).await.status, 200);
    let before = bureau.now();
    office.pass(1);
    office.who_is(&keys).await.refuses("ExpiredToken", "");
    assert_eq!(bureau.last().await["how"], "expired");
    // Once that is written down, no clock that steps back makes it count again.
    let lapsed = office.fixture.app.admin.end_lapsed_grants(bureau.now()).unwrap();
    assert_eq!((lapsed.ended, lapsed.more), (1, false));
    assert_eq!(office.fixture.app.admin.end_lapsed_grants(bureau.now()).unwrap().ended, 0);
    let record = bureau.records().into_iter().rev().find(|record| record.contains("\"EndGrant\"")).unwrap();
    assert!(record.contains(&id) && record.contains("expired"), "{record}");
    office.fixture.clock.set(before);
    office.who_is(&keys).await.refuses("ExpiredToken", "");
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_hold_at_every_call_and_not_only_when_it_begins() {
    let bureau = Bureau::new().await;
    let office = &bureau.office;
    bureau.with(Rule { second_factor: Some(1_800), ..rule() });
    let (mut ann, mut bob) = (bureau.browser("ann").await, bureau.browser("bob").await);
    ask(&mut ann, &[]).await;
    let id = bureau.last().await["id"].as_str().unwrap().to_owned();
    step(&mut bob, &id, "approve", &[]).await;
    step(&mut ann, &id, "claim", &[]).await;
    let keys = credentials(&take(&mut ann).await);
    office.pass(1_700);
    assert_eq!(office.who_is(&keys).await.status, 200);
    office.pass(101);
    office.who_is(&keys).await.refuses("ExpiredToken", "the conditions of the grant do not allow");
    // Shown once more, and begun anew, it counts again.
    let page = ann.get("/login/step-up?next=/me").await;
    let (form, code) = (page.field("form"), bureau.code("ann"));
    ann.post("/login/step-up", &[("form", &form), ("next", "/me"), ("code", &code)]).await.leads_to("/me");
    let form = self::form(&mut ann).await;
    let anew = ann.post("/me/use", &[("form", &form), ("role", &role()), ("seconds", "900")]).await;
    assert_eq!(office.who_is(&credentials(&anew)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_is_ones_own_and_somebody_looks_back_at_it() {
    let bureau = Bureau::new().await;
    bureau.with(Rule { break_glass: Some(48 * 3_600), ..rule() });
    let (mut ann, mut bob) = (bureau.browser("ann").await, bureau.browser("bob").await);
    ann.get(&format!("/me/grants/new?role={}", role())).await.says(200, "This is for emergencies");
    // Whoever decides alone shows a second factor, too, and not some time ago.
    bureau.office.pass(301);
    let again = ask(&mut ann, &[]).await;
    assert!(again.location.as_deref().unwrap_or_default().starts_with("/login/step-up?next="), "{again:?}");
    let page = ann.get(again.location.as_deref().unwrap()).await;
    let (form, next, code) = (page.field("form"), page.field("next").replace("&#38;", "&"), bureau.code("ann"));
    let shown = ann.post("/login/step-up", &[("form", &form), ("next", &next), ("code", &code)]).await;
    shown.leads_to(&next);
    ann.get(&next).await.says(200, "the queue is stuck");
    ask(&mut ann, &[]).await;
    let view = bureau.last().await;
    let id = view["id"].as_str().unwrap().to_owned();
    assert_eq!((&view["stage"], &view["approvals"][0]["right"]), (&json!("claimable"), &json!("break_glass")));
    assert!(!view["review_due"].is_null());
    step(&mut ann, &id, "claim", &[]).await;
    take(&mut ann).await.says(200, "AWS_SESSION_TOKEN=");
    step(&mut ann, &id, "complete", &[]).await;
    // It is over, and waits for somebody who was not in it.
    bob.get("/me/grants").await.says(200, "Look back at it until");
    step(&mut ann, &id, "review", &[("comment", "fine")])
        .await
        .says(409, "Nobody looks back at what they did themselves");
    step(&mut bob, &id, "review", &[("comment", "it was the queue")]).await;
    assert_eq!(bureau.last().await["finding"], "it was the queue");
    assert!(!bob.get("/me/grants").await.html.contains("Look back at it until"));
    // Of little risk: nobody has to agree, until a day on which somebody looks at that again.
    bureau.with(Rule { automatic_until: Some("2026-03-20T00:00:00Z".parse().unwrap()), ..rule() });
    ask(&mut ann, &[]).await;
    assert_eq!(bureau.last().await["stage"], "claimable");
    bureau.with(Rule { automatic_until: Some("2026-03-12T00:00:00Z".parse().unwrap()), ..rule() });
    ask(&mut ann, &[]).await;
    assert_eq!(bureau.last().await["stage"], "requested");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_role_allows_is_part_of_what_others_agree_to() {
    let bureau = Bureau::new().await;
    let office = &bureau.office;
    let (mut ann, mut bob) = (bureau.browser("ann").await, bureau.browser("bob").await);
    ask(&mut ann, &[]).await;
    let id = bureau.last().await["id"].as_str().unwrap().to_owned();
    let seen = bob.get(&format!("/me/grants/{id}")).await.field("seen");
    let wider = async |actions: &[&str]| {
        office.put("/v1/roles/prod-admin/inline/more", json!({ "document": { "Statement": allow(actions) } })).await
    };
    wider(&["*"]).await;
    step(&mut bob, &id, "approve", &[("seen", &seen)]).await.says(409, "was changed since you read it");
    step(&mut bob, &id, "approve", &[]).await.leads_to(&format!("/me/grants/{id}"));
    wider(&["*", "s3:*"]).await;
    step(&mut ann, &id, "claim", &[]).await.says(409, "was changed since others agreed");
    wider(&["*"]).await;
    step(&mut ann, &id, "claim", &[]).await.leads_to(&format!("/me/grants/{id}"));
    // Of whom an application asks by the name of such a session more would be told than it may.
    let keys = credentials(&take(&mut ann).await);
    assert_eq!(office.who_is(&keys).await.status, 200);
    let session = format!("arn:aws:sts::{ACCOUNT}:assumed-role/prod-admin/ann");
    let question = json!({ "principal": session, "action": "s3:GetObject", "resource": "*" });
    let body = json!({ "questions": [question] });
    let told = office.served.client.post::<Value>("/v1/authorize", &body).await.unwrap_err().to_string();
    assert!(told.contains("granted for a while"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rule_as_it_is_now_says_who_has_to_have_agreed() {
    let bureau = Bureau::new().await;
    let (mut ann, mut bob) = (bureau.browser("ann").await, bureau.browser("bob").await);
    let automatic = |until: &str| Rule { automatic_until: Some(until.parse().unwrap()), ..rule() };
    bureau.with(automatic("2026-03-20T00:00:00Z"));
    ask(&mut ann, &[]).await;
    let id = bureau.last().await["id"].as_str().unwrap().to_owned();
    assert_eq!(bureau.last().await["stage"], "claimable");
    bureau.with(automatic("2026-03-12T00:00:00Z"));
    step(&mut ann, &id, "claim", &[]).await.says(409, "asks for more to agree");
    bureau.with(rule());
    ask(&mut ann, &[]).await;
    let id = bureau.last().await["id"].as_str().unwrap().to_owned();
    step(&mut bob, &id, "approve", &[]).await;
    bureau.with(Rule { approvals: 2, ..rule() });
    step(&mut ann, &id, "claim", &[]).await.says(409, "asks for more to agree");
}

/// As a restore from a backup would.
pub(crate) fn restored(bureau: &Bureau) {
    let store = &bureau.office.fixture.app.store;
    let mut commit = Commit::new(Actor::task("test"), bureau.now(), Intent::Narrow);
    commit.put(schema::meta("epoch"), b"\"00000000000000ff\"".to_vec());
    store.commit(commit).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_brings_no_grant_back() {
    let bureau = Bureau::new().await;
    let (mut ann, mut bob) = (bureau.browser("ann").await, bureau.browser("bob").await);
    ask(&mut ann, &[]).await;
    let asked = bureau.last().await["id"].as_str().unwrap().to_owned();
    ask(&mut ann, &[]).await;
    let id = bureau.last().await["id"].as_str().unwrap().to_owned();
    step(&mut bob, &id, "approve", &[]).await;
    step(&mut ann, &id, "claim", &[]).await;
    restored(&bureau);
    let (mut ann, mut bob) = (bureau.browser("ann").await, bureau.browser("bob").await);
    take(&mut ann).await.says(403, "not authorized");
    step(&mut bob, &asked, "approve", &[]).await.says(409, "before the store was restored");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_or_in_vain_is_shown_to_whose_it_is_with_the_reason() {
    let bureau = Bureau::new().await;
    let office = &bureau.office;
    let (mut ann, mut bob) = (bureau.browser("ann").await, bureau.browser("bob").await);
    let asks = async |browser: &mut Browser<'_>| {
        let page = ask(browser, &[("seconds", "900")]).await;
        page.location.clone().unwrap_or_else(|| panic!("{page:?}")).rsplit('/').next().unwrap().to_owned()
    };
    let lists =
        async |which: &str| -> Value { office.served.client.get(&format!("/v1/grants/{which}")).await.unwrap() };
    let refused = asks(&mut ann).await;
    step(&mut bob, &refused, "refuse", &[("comment", "not on a Friday")])
        .await
        .leads_to(&format!("/me/grants/{refused}"));
    let page = ann.get("/me/grants").await;
    page.says(200, "<h2>Over</h2>");
    assert!(page.html.contains("not on a Friday") && !page.html.contains("<h2>Yours</h2>"), "{}", page.html);

    // What it rests on is gone, and then is there again: nothing is written down for either.
    let id = asks(&mut ann).await;
    let vain = async |ann: &mut Browser<'_>, why: &str| {
        assert!(lists(&id).await["void"].as_str().unwrap_or_default().contains(why), "{}", lists(&id).await);
        let all = ann.get("/me/grants").await;
        all.says(200, why);
        assert!(!all.html.contains(">Begin<"), "{}", all.html);
        ann.get(&format!("/me/grants/{id}")).await.says(200, "leads nowhere as things are");
    };
    let counts = async || assert_eq!(lists(&id).await.get("void"), None);
    counts().await;
    bureau.with(Rule { roles: vec!["other".to_owned()], ..rule() });
    vain(&mut ann, "rule grants").await;
    bureau.with(rule());
    step(&mut bob, &id, "approve", &[]).await.leads_to(&format!("/me/grants/{id}"));
    counts().await;
    office.post("/v1/users/bob", json!({ "disabled": true })).await;
    vain(&mut ann, "may not act any more").await;
    office.post("/v1/users/bob", json!({ "disabled": false })).await;
    bureau.with(Rule { approvals: 2, ..rule() });
    vain(&mut ann, "asks for more to agree").await;
    bureau.with(rule());
    let more = json!({ "document": { "Statement": allow(&["s3:Put*"]) } });
    office.put("/v1/roles/prod-admin/inline/more", more).await;
    vain(&mut ann, "changed since others agreed").await;
    let _: Value = office.served.client.delete("/v1/roles/prod-admin/inline/more").await.unwrap();
    counts().await;
    step(&mut ann, &id, "claim", &[]).await.leads_to(&format!("/me/grants/{id}"));

    // Who can is answered as the counter would, by grants, too.
    let who = async |context: Value| -> Value {
        let question = json!({ "action": "sts:AssumeRole", "resource": role(), "kind": "user", "context": context });
        office.served.client.post("/v1/who-can", &question).await.unwrap()
    };
    let able = who(json!({})).await;
    assert_eq!((&able["items"][0]["name"], able["items"].as_array().unwrap().len()), (&json!("ann"), 1), "{able}");
    let way = &able["items"][0]["ways"][0];
    assert_eq!(way["through"], json!(["user/ann", format!("grant/{id} of role/prod-admin")]), "{way}");
    assert!(way["what"].as_str().unwrap().contains(" allows it until "), "{way}");
    // And what a role allows whoever has it for a while is on the way, too.
    let through = json!({ "action": "s3:GetObject", "resource": "arn:aws:s3:::b/k", "kind": "user" });
    let through: Value = office.served.client.post("/v1/who-can", &through).await.unwrap();
    assert_eq!(through["items"][0]["name"], json!("ann"), "{through}");
    bureau.with(Rule { second_factor: Some(300), ..rule() });
    let able = who(json!({})).await;
    assert_eq!((&able["items"], &able["undecided"]), (&json!([]), &json!(1)), "{able}");
    assert!(able["missing"].to_string().contains("aws:multifactorauth"), "{able}");
    let shown = json!({ "aws:MultiFactorAuthPresent": ["true"], "aws:MultiFactorAuthAge": ["10"] });
    assert_eq!(who(shown).await["items"][0]["name"], json!("ann"));
    bureau.with(rule());
    let deny = json!({ "Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*" });
    office.put("/v1/users/ann/inline/no", json!({ "document": { "Statement": deny } })).await;
    assert_eq!(who(json!({})).await["items"], json!([]));
    let _: Value = office.served.client.delete("/v1/users/ann/inline/no").await.unwrap();
    let _: Value = office.served.client.delete("/v1/groups/ops/members/ann").await.unwrap();
    vain(&mut ann, "in no group any more").await;
    assert_eq!(who(json!({})).await["items"], json!([]));
    office.put("/v1/groups/ops/members/ann", json!({})).await;

    // The clock ends it whether or not somebody writes that down; of many the last ones are shown.
    office.pass(900);
    ann.get("/me/grants").await.says(200, "expired");
    for _ in 0..21 {
        let id = asks(&mut ann).await;
        step(&mut ann, &id, "revoke", &[]).await.leads_to(&format!("/me/grants/{id}"));
    }
    let page = ann.get("/me/grants").await;
    page.says(200, "There were more before");
    assert_eq!(page.html.matches(">Ended<").count(), 20);
    assert!(!page.html.contains("not on a Friday"));
    // After a quarter of a year they are history.
    office.pass(91 * 24 * 3_600);
    let mut ann = bureau.browser("ann").await;
    assert!(!ann.get("/me/grants").await.html.contains("<h2>Over</h2>"));
}
