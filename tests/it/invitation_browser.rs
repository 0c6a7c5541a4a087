//! The whole story of an audit in real browsers: a sponsor invites an auditor of another firm, who comes in by a link, a code and a
//! passkey and asks for a role; two people agree, the auditor works with it, and the sponsor ends it.

use bailey::base::Clock as _;
use bailey::base::clock::SystemClock;
use serde_json::json;

use crate::aws_clients::client::packages;
use crate::bed::chromium::{Chromium, Look};
use crate::bed::signer::Credentials;
use crate::grants_bed::{Company, PASSWORD};
use crate::portal_browser::faults;
use crate::sts_office::allow;

const NEW: &str = "gerade-noch-frost-19";

const RULE: &str = r#"
[[grant_rule]]
roles = ["audit-*"]
approvers = ["leads"]
approvals = 2
sponsor = true
"#;

/// Signs in with a password and a passkey, which is made on the first visit.
fn lead(company: &Company, name: &str) -> Chromium {
    let url = company.counter.url();
    let browser = Chromium::open(Look::Light);
    browser.go(&format!("{url}/me/security/passkey"));
    browser.until("h1", "Sign in");
    browser.types("#login", name);
    browser.types("#password", PASSWORD);
    browser.clicks("button[type=submit]");
    browser.plugs_in(true);
    browser.until("form.codes button", "Add it");
    browser.types("#name", "Laptop");
    browser.clicks("form.codes button");
    browser.until("h1", "Your recovery codes");
    browser
}

/// A company with an engagement that cam answers for, of which eve is, who has nothing to sign in with.
fn audited() -> Company {
    let company = Company::over(crate::bed::daemon::Bailey::with(""), RULE);
    company.counter.post("/v1/roles", &json!({ "name": "audit-logs", "description": "What the auditors read" }));
    let document = json!({ "document": { "Statement": allow(&["s3:Get*", "cloudtrail:LookupEvents"]) } });
    company.counter.put("/v1/roles/audit-logs/inline/own", &document);
    company.counter.post("/v1/users", &json!({ "name": "ext.eve" }));
    let engagement = json!({
        "name": "soc2", "firm": "Kessel & Lund", "framework": "SOC 2", "sponsor": "cam", "people": ["ext.eve"],
        "ends": "2099-01-01T00:00:00Z", "starts": "2098-01-01T00:00:00Z"
    });
    let far = company.counter.wait(company.counter.client().post::<serde_json::Value>("/v1/engagements", &engagement));
    assert_eq!(far.unwrap()["state"], "begins at 2098-01-01T00:00:00Z");
    let ends = SystemClock.now().saturating_add(jiff::SignedDuration::from_hours(24 * 42)).unwrap();
    let engagement = json!({
        "name": "soc2-now", "firm": "Kessel & Lund", "framework": "SOC 2", "sponsor": "cam", "people": ["ext.eve"],
        "ends": ends
    });
    company.counter.post("/v1/engagements", &engagement);
    company
}

/// The keys that a page shows for a shell.
fn keys_in(shell: &str) -> Credentials {
    let text = |name: &str| {
        let line = shell.lines().find_map(|line| line.strip_prefix(&format!("export {name}=")));
        line.unwrap().to_owned()
    };
    Credentials {
        id: text("AWS_ACCESS_KEY_ID"),
        secret: text("AWS_SECRET_ACCESS_KEY"),
        token: Some(text("AWS_SESSION_TOKEN")),
    }
}

#[test]
fn an_auditor_is_invited_sets_up_a_passkey_asks_works_and_is_shown_out() {
    let axe = std::fs::read_to_string(packages().join("axe-core/axe.min.js")).unwrap();
    let pictures = std::env::var_os("BAILEY_PICTURES");
    let company = audited();
    let url = company.counter.url();
    let mut found = Vec::new();
    let mut looks_at = |browser: &Chromium, name: &str| {
        found.extend(faults(browser, &axe, name));
        if let Some(folder) = &pictures {
            browser.pictures(&format!("{}/{name}.png", folder.display()));
        }
    };

    // Cam, who answers for it, sends the link and reads the code out.
    let cam = lead(&company, "cam");
    cam.go(&format!("{url}/me/grants"));
    cam.until("main", "has no way to sign in yet");
    looks_at(&cam, "sponsor-before");
    cam.clicks("form[action='/me/engagements/soc2-now/people/invite'] button");
    cam.until("h1", "Invitation of ext.eve");
    let link = cam.reads("#link");
    assert!(link.starts_with("/invitation/") || link.starts_with(&url), "{link}");
    looks_at(&cam, "sponsor-link");
    cam.clicks("form[action$='/people/code'] button");
    cam.until("h2", "Tell them this code");
    let code = cam.reads("#code");
    looks_at(&cam, "sponsor-code");

    // Eve comes in.
    let eve = Chromium::open(Look::Phone);
    eve.plugs_in(true);
    let link = link.strip_prefix(&url).unwrap_or(&link);
    eve.go(&format!("{url}{link}"));
    eve.until("h1", "You are invited");
    looks_at(&eve, "auditor-invited");
    eve.types("#code", "BCDF-GHJK");
    eve.clicks("button[type=submit]");
    eve.until("[role=alert]", "The code is wrong");
    // The browser says that it was refused, of which nothing is left to say at the end.
    assert_eq!(eve.complaints().len(), 1);
    eve.types("#code", &code);
    eve.clicks("button[type=submit]");
    eve.until("h1", "Choose a password");
    looks_at(&eve, "auditor-password");
    eve.types("#password", NEW);
    eve.types("#again", NEW);
    eve.clicks("button[type=submit]");
    eve.until("main", "Your name here is ext.eve");
    looks_at(&eve, "auditor-factor");
    eve.clicks("form[data-passkey] button");
    eve.until("h1", "Your recovery codes");
    eve.clicks("a.button[href='/me/grants']");
    eve.until("h2", "Kessel & Lund");
    looks_at(&eve, "auditor-home");
    eve.clicks("form[action='/me/grants/new'] button");
    eve.until("h1", "Ask for audit-logs");
    eve.types("#reason", "sample 12 of the access review");
    eve.clicks("form.stack button");
    eve.until("main", "0 of 2 agreed");
    let page = eve.path();

    // Two agree: whoever answers for it, and a lead.
    let bob = lead(&company, "bob");
    for (browser, said) in [(&cam, "1 of 2 agreed"), (&bob, "agreed to, ext.eve can begin")] {
        browser.go(&format!("{url}{page}"));
        browser.clicks("form[action$='/approve'] button");
        browser.until("main", said);
    }
    eve.go(&format!("{url}{page}"));
    eve.clicks("form[action$='/claim'] button");
    eve.until(".head", "in use");
    eve.go(&format!("{url}/me"));
    eve.clicks(".card button");
    eve.until("#shell", "AWS_SESSION_TOKEN=");
    let keys = keys_in(&eve.reads("#shell"));
    let mut caller = company.counter.caller();
    assert!(caller.who_is(&keys).unwrap().text("Arn").ends_with("assumed-role/audit-logs/ext.eve"));

    // Cam sees who is in, and ends all of it.
    cam.go(&format!("{url}/me/grants"));
    cam.until("main", "ext.eve: audit-logs");
    cam.until("main", "signs in with a second factor");
    looks_at(&cam, "sponsor-in");
    cam.clicks("a[href='/me/engagements/soc2-now/activity']");
    cam.until("h1", "What Kessel & Lund did");
    for said in ["ClaimGrant", "RequestGrant", "AssumeRole"] {
        cam.until("table", said);
    }
    let told = cam.reads("table");
    assert!(!told.contains("cam") && !told.contains("ApproveGrant"), "others' acts are not theirs: {told}");
    looks_at(&cam, "sponsor-activity");
    // An operator is told the same, and of that it was looked at there is a record.
    let activity: serde_json::Value = company.counter.get("/v1/engagements/soc2-now/activity");
    let acts = activity["acts"].as_array().unwrap();
    assert!(acts.iter().all(|act| act["person"] == "ext.eve" && act["source_ip"] == "127.0.0.1"), "{activity}");
    let tried = acts.iter().filter(|act| act["operation"] == "AcceptInvitation").map(|act| &act["outcome"]);
    assert!(tried.eq(["success"]), "{activity}");
    // Nobody else is told, and not that there is such an engagement.
    eve.go(&format!("{url}/me/engagements/soc2-now/activity"));
    eve.until("h1", "Not there");
    assert_eq!(eve.complaints().len(), 1);
    cam.go(&format!("{url}/me/grants"));
    cam.types("form[action='/me/engagements/soc2-now/close'] input[name=comment]", "the report is here");
    cam.clicks("form[action='/me/engagements/soc2-now/close'] button");
    cam.until("h1", "The engagement is closed");
    caller.who_is(&keys).unwrap().refuses("ExpiredToken", "");
    eve.go(&format!("{url}/me"));
    eve.until("main", "Your engagement here is over");
    for browser in [&cam, &bob, &eve] {
        assert_eq!(browser.complaints(), Vec::<String>::new());
    }
    assert_eq!(found, Vec::<String>::new());
}
