//! Grants whose tickets are asked about: what is asked when, what comes of a no, and what becomes of whoever and whatever is another by
//! the time there is an answer.

use std::fs;
use std::path::Path;

use bailey::model::grant::Rule;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bed::PATIENCE;
use crate::grants::{Bureau, ask, rule, step};
use crate::portal::{Browser, Page};
use crate::ticket::{command, script};

/// A bureau where tickets are asked about.
struct Checked {
    bureau: Bureau,
    place: TempDir,
}

impl Checked {
    /// By this script, whose directory is `$HERE`.
    async fn by(text: &str, rule: Rule) -> Self {
        let (bureau, place) = (Bureau::new().await, TempDir::new().unwrap());
        let checked = Self { bureau, place };
        checked.now_by(text);
        checked.bureau.with(rule);
        checked
    }

    fn now_by(&self, text: &str) {
        let here = self.place.path();
        let program = script(here, "check", &format!("#!/bin/sh\nPATH=/usr/bin:/bin HERE={}\n{text}", here.display()));
        self.bureau.office.fixture.app.admin.tickets.replace(vec![command("desk", program)]);
    }

    fn times_asked(&self) -> usize {
        fs::read_to_string(self.place.path().join("asked")).map_or(0, |text| text.lines().count())
    }

    async fn asked_for(&self, browser: &mut Browser<'_>, ticket: &str) -> String {
        let page = ask(browser, &[("ticket", ticket)]).await;
        assert_eq!(page.status, 303, "{page:?}");
        self.bureau.last().await["id"].as_str().unwrap().to_owned()
    }

    /// The last record of this event.
    fn record(&self, event: &str) -> Value {
        let records = self.bureau.records();
        let of_it = |record: &Value| record["eventName"] == event;
        records.iter().rev().map(|record| serde_json::from_str(record).unwrap()).find(of_it).unwrap()
    }
}

fn checked() -> Rule {
    Rule { ticket: true, ticket_check: Some("desk".to_owned()), ..rule() }
}

/// Agrees to tickets that begin with OPS.
const OPS: &str = "read asked; echo \"$asked\" >> $HERE/asked\ncase $asked in *'\"ticket\":\"OPS'*) echo 'open, by dee';; *) echo 'no such \
                   ticket'; exit 1;; esac\n";

/// Says that it was asked, and answers when it is told to.
const SLOW: &str = "cat >> $HERE/asked; echo >> $HERE/asked; read go < $HERE/go\n";

fn pipe(place: &Path) {
    nix::unistd::mkfifo(&place.join("go"), nix::sys::stat::Mode::S_IRWXU).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_approval_counts_when_the_ticket_is_one() {
    let scene = Checked::by(OPS, Rule { approvals: 2, ..checked() }).await;
    let bureau = &scene.bureau;
    let (mut ann, mut bob) = (bureau.browser("ann").await, bureau.browser("bob").await);
    let mut cam = bureau.browser("cam").await;
    let id = scene.asked_for(&mut ann, "DEV-1").await;
    let here = format!("/me/grants/{id}");
    step(&mut bob, &id, "approve", &[]).await.leads_to(&here);
    assert_eq!(scene.times_asked(), 0, "the first of two asks nobody");
    let told = "`desk` does not agree to ticket `DEV-1`: no such ticket";
    step(&mut cam, &id, "approve", &[]).await.says(409, told);
    assert_eq!((scene.times_asked(), &bureau.last().await["stage"]), (1, &json!("requested")));
    let record = scene.record("ApproveGrant").to_string();
    for said in ["\"ticket_check\":\"desk\"", "\"ticket_answer\":\"refuses: no such ticket\"", "\"ticket\":\"DEV-1\""] {
        assert!(record.contains(said), "{said}: {record}");
    }

    let id = scene.asked_for(&mut ann, "OPS-7").await;
    let here = format!("/me/grants/{id}");
    step(&mut bob, &id, "approve", &[]).await.leads_to(&here);
    step(&mut cam, &id, "approve", &[]).await.leads_to(&here);
    let view = bureau.last().await;
    assert_eq!((&view["stage"], &view["ticket_checked"]), (&json!("claimable"), &json!("desk: open, by dee")));
    let asked = fs::read_to_string(scene.place.path().join("asked")).unwrap();
    let asked: Value = serde_json::from_str(asked.lines().last().unwrap()).unwrap();
    assert_eq!((&asked["person"], &asked["digest"]), (&json!("ann"), &view["digest"]));
    let record = scene.record("ApproveGrant").to_string();
    assert!(record.contains("\"ticket_answer\":\"agrees: open, by dee\""), "{record}");
    cam.get(&here).await.says(200, "agreed to by desk: open, by dee");
    step(&mut ann, &id, "claim", &[]).await.leads_to(&here);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_agrees_to_is_asked_about_and_an_emergency_is_not_unless_the_rule_says_so() {
    let automatic = Rule { automatic_until: Some("2026-03-20T00:00:00Z".parse().unwrap()), ..checked() };
    let scene = Checked::by(OPS, automatic.clone()).await;
    let bureau = &scene.bureau;
    let mut ann = bureau.browser("ann").await;
    ask(&mut ann, &[("ticket", "DEV-1")]).await.says(400, "no such ticket");
    let none: Value = bureau.office.served.client.get("/v1/grants?all=true").await.unwrap();
    assert!(none["items"].as_array().unwrap().is_empty(), "{none}");
    scene.asked_for(&mut ann, "OPS-1").await;
    assert_eq!((&bureau.last().await["stage"], scene.times_asked()), (&json!("claimable"), 2));

    let emergency = Rule { break_glass: Some(3_600), ..checked() };
    bureau.with(emergency.clone());
    let mut ann = bureau.browser("ann").await;
    let id = scene.asked_for(&mut ann, "DEV-2").await;
    assert_eq!((&bureau.last().await["stage"], scene.times_asked()), (&json!("claimable"), 2));
    step(&mut ann, &id, "claim", &[]).await.leads_to(&format!("/me/grants/{id}"));
    bureau.with(Rule { break_glass_ticket_check: true, ..emergency });
    let id = scene.asked_for(&mut ann, "OPS-3").await;
    ask(&mut ann, &[("ticket", "DEV-4")]).await.says(400, "no such ticket");
    assert_eq!((bureau.last().await["id"].as_str(), scene.times_asked()), (Some(id.as_str()), 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_approved_before_anybody_asked_is_not_begun() {
    let scene = Checked::by(OPS, Rule { ticket_check: None, ..checked() }).await;
    let (mut ann, mut bob) = (scene.bureau.browser("ann").await, scene.bureau.browser("bob").await);
    let id = scene.asked_for(&mut ann, "DEV-1").await;
    step(&mut bob, &id, "approve", &[]).await.leads_to(&format!("/me/grants/{id}"));
    scene.bureau.with(checked());
    step(&mut ann, &id, "claim", &[]).await.says(409, "nobody asked about this one");
    // What cannot be asked has not agreed.
    scene.bureau.office.fixture.app.admin.tickets.replace(Vec::new());
    let id = scene.asked_for(&mut ann, "OPS-1").await;
    step(&mut bob, &id, "approve", &[]).await.says(409, "`desk` did not answer about ticket `OPS-1`");
    scene.now_by("kill -9 $$");
    step(&mut bob, &id, "approve", &[]).await.says(409, "ended by a signal; nothing counts until it agrees");
    assert_eq!(scene.bureau.last().await["stage"], "requested");
}

/// Waits until the check was asked more than `before` times, and lets others do their work meanwhile.
async fn asked_by_then(scene: &Checked, before: usize) {
    let asked = async {
        while scene.times_asked() <= before {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.expect("it is asked");
}

/// What comes of an approval by bob while whose ticket is asked about somebody does something else.
async fn meanwhile(scene: &Checked, id: &str, bob: &mut Browser<'_>, work: impl AsyncFnOnce()) -> Page {
    let before = scene.times_asked();
    let go = scene.place.path().join("go");
    let approving = step(bob, id, "approve", &[]);
    let meddling = async {
        asked_by_then(scene, before).await;
        work().await;
        // Whoever waits on the other side reads this.
        fs::write(&go, "go\n").unwrap();
    };
    tokio::join!(approving, meddling).0
}

#[tokio::test(flavor = "multi_thread")]
async fn who_and_what_is_another_when_the_answer_comes_is_looked_at_anew() {
    let scene = Checked::by(SLOW, checked()).await;
    pipe(scene.place.path());
    let bureau = &scene.bureau;
    let (mut ann, mut bob) = (bureau.browser("ann").await, bureau.browser("bob").await);
    let mut cam = bureau.browser("cam").await;
    let stage = async || bureau.last().await["stage"].as_str().unwrap().to_owned();

    // The request is made another.
    let id = scene.asked_for(&mut ann, "OPS-1").await;
    let told = meanwhile(&scene, &id, &mut bob, async || {
        step(&mut cam, &id, "narrow", &[("seconds", "1800")]).await.leads_to(&format!("/me/grants/{id}"));
    })
    .await;
    told.says(409, "was changed since you read it");
    assert_eq!((stage().await.as_str(), scene.times_asked()), ("requested", 1));
    // It is taken back.
    let told = meanwhile(&scene, &id, &mut bob, async || {
        step(&mut ann, &id, "revoke", &[("comment", "no need")]).await.leads_to(&format!("/me/grants/{id}"));
    })
    .await;
    told.says(409, "The grant is ended");

    // Nobody waits for the answer but who agreed: what others do is done at once. It is approved once.
    let id = scene.asked_for(&mut ann, "OPS-2").await;
    let told = meanwhile(&scene, &id, &mut bob, async || {
        bureau.with(rule());
        step(&mut cam, &id, "approve", &[]).await.leads_to(&format!("/me/grants/{id}"));
        bureau.with(checked());
    })
    .await;
    told.says(409, "The grant is claimable");
    assert_eq!(bureau.last().await["approvals"].as_array().unwrap().len(), 1);

    // Whoever agreed leaves the group, or is signed out.
    let id = scene.asked_for(&mut ann, "OPS-3").await;
    let told = meanwhile(&scene, &id, &mut bob, async || {
        let _: Value = bureau.office.served.client.delete("/v1/groups/leads/members/bob").await.unwrap();
    })
    .await;
    told.says(409, "you are in none of these groups now");
    bureau.office.put("/v1/groups/leads/members/bob", json!({})).await;
    let told = meanwhile(&scene, &id, &mut bob, async || {
        bureau.office.post("/v1/users/bob", json!({ "disabled": true })).await;
    })
    .await;
    told.says(409, "not signed in any more");
    assert_eq!(stage().await, "requested");

    // And where nothing happened, it counts.
    let told = meanwhile(&scene, &id, &mut cam, async || {}).await;
    told.leads_to(&format!("/me/grants/{id}"));
    assert_eq!(stage().await, "claimable");
}
