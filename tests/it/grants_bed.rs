//! A company whose people ask each other for roles: a real directory, the real program over HTTPS, and browsers in which they are
//! signed in with both factors.

use bailey::base::Clock as _;
use bailey::base::clock::SystemClock;
use serde_json::{Value, json};

use crate::bed::counter::Counter;
use crate::bed::daemon::{Bailey, directory_of};
use crate::bed::signer::Credentials;
use crate::bed::slapd::{SUFFIX, group};
use crate::bed::visitor::{Page, Visitor};
use crate::bed::{Options, Slapd};
use crate::credentials::app_code;
use crate::sts_office::{ACCOUNT, allow};

pub(crate) const PASSWORD: &str = "moor-secret-zaun-7";

/// Somebody of `ops` is granted `prod-*` by one of `leads`, `vault-*` by two.
const RULES: &str = r#"
[[grant_rule]]
roles = ["prod-*"]
requesters = ["ops"]
approvers = ["leads"]

[[grant_rule]]
roles = ["vault-*"]
requesters = ["ops"]
approvers = ["leads"]
approvals = 2
"#;

pub(crate) struct Company {
    pub(crate) counter: Counter,
    pub(crate) slapd: Slapd,
}

pub(crate) fn arn(role: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{role}")
}

impl Company {
    pub(crate) fn new() -> Self {
        Self::over(Bailey::with(""), "")
    }

    /// The same by this installation, whose configuration says `more` besides.
    pub(crate) fn over(bailey: Bailey, more: &str) -> Self {
        let slapd = Slapd::start(Options::default());
        for (name, shown) in [("ann", "Ann Weber"), ("bob", "Bob Kraus"), ("cam", "Cam Lindner")] {
            if name != "bob" {
                slapd.add_person(name);
            }
            slapd.modify(&format!(
                "dn: uid={name},ou=people,{SUFFIX}\nchangetype: modify\nadd: userPassword\nuserPassword: {PASSWORD}\n-\n\
                 replace: cn\ncn: {shown}\n\n"
            ));
        }
        for (name, members) in [("ops", &["ann", "bob"][..]), ("leads", &["bob", "cam"])] {
            slapd.add(&group(name, members));
        }
        let counter = Counter::over(bailey, &format!("{more}{RULES}\n{}", directory_of(&slapd, "")));
        counter.bailey.wait_until_read();
        for role in ["prod-admin", "vault-keeper"] {
            counter.post("/v1/roles", &json!({ "name": role, "description": "For what the shop runs on" }));
            let document = json!({ "document": { "Statement": allow(&["s3:Get*", "ec2:Describe*"]) } });
            counter.put(&format!("/v1/roles/{role}/inline/own"), &document);
        }
        Self { counter, slapd }
    }

    /// Somebody who signs in for the first time, where a policy asks for a second factor.
    pub(crate) fn person(&self, name: &str) -> Person {
        let without = json!({ "BoolIfExists": { "aws:MultiFactorAuthPresent": "false" } });
        let statement = json!({ "Effect": "Deny", "Action": "signin:Login", "Resource": "*", "Condition": without });
        let document = json!({ "document": { "Statement": statement } });
        self.counter.put(&format!("/v1/users/{name}/inline/factor"), &document);
        let mut visitor = Visitor::of(&self.counter);
        let page = visitor.get("/login?next=/me");
        let (flow, next) = (page.field("flow"), page.field("next"));
        let form = [("flow", flow.as_str()), ("next", &next), ("login", name), ("password", PASSWORD)];
        let page = visitor.post("/login", &form);
        page.says(200, "Set up a second factor");
        let (flow, half, offer) = (page.field("flow"), page.field("half"), page.field("offer"));
        let (seed, now) = (page.between("<code>", "</code>"), SystemClock.now());
        let first = app_code(&seed, now.checked_sub(jiff::SignedDuration::from_secs(30)).unwrap());
        let second = app_code(&seed, now);
        let form = [
            ("flow", flow.as_str()),
            ("half", &half),
            ("next", "/me"),
            ("offer", &offer),
            ("first", &first),
            ("second", &second),
        ];
        visitor.post("/login/enrol", &form).says(200, "Your recovery codes");
        let form = visitor.get("/logout").field("form");
        Person { visitor, form }
    }

    /// A grant, as operators see it.
    pub(crate) fn grant(&self, id: &str) -> Value {
        self.counter.get(&format!("/v1/grants/{id}"))
    }

    pub(crate) fn stage(&self, id: &str) -> String {
        self.grant(id)["stage"].as_str().unwrap().to_owned()
    }
}

/// Somebody's browser.
pub(crate) struct Person {
    pub(crate) visitor: Visitor,
    /// What every form of theirs carries.
    form: String,
}

impl Person {
    /// Another window of it.
    pub(crate) fn window(&self, counter: &Counter) -> Self {
        Self { visitor: self.visitor.window(counter), form: self.form.clone() }
    }

    /// Asks for a role for half an hour.
    pub(crate) fn try_to_ask(&mut self, role: &str) -> Page {
        let (form, role) = (self.form.clone(), arn(role));
        let sent = [("form", form.as_str()), ("role", &role), ("seconds", "1800"), ("reason", "the queue is stuck")];
        self.visitor.post("/me/grants/new", &sent)
    }

    /// The same; answers the id of the request.
    pub(crate) fn asks(&mut self, role: &str) -> String {
        let page = self.try_to_ask(role);
        let location = page.location.clone().unwrap_or_else(|| panic!("{page:?}"));
        location.strip_prefix("/me/grants/").unwrap().to_owned()
    }

    pub(crate) fn looks_at(&mut self, id: &str) -> Page {
        self.visitor.get(&format!("/me/grants/{id}"))
    }

    /// Agrees to what stands there now.
    pub(crate) fn approves(&mut self, id: &str) -> Page {
        let digest = self.looks_at(id).field("digest");
        self.step(id, "approve", &[("digest", &digest)])
    }

    pub(crate) fn step(&mut self, id: &str, step: &str, more: &[(&str, &str)]) -> Page {
        let form = self.form.clone();
        let sent = [&[("form", form.as_str())], more].concat();
        self.visitor.post(&format!("/me/grants/{id}/{step}"), &sent)
    }

    /// Begins a session of the role.
    pub(crate) fn takes(&mut self, role: &str) -> Page {
        let (form, role) = (self.form.clone(), arn(role));
        self.visitor.post("/me/use", &[("form", &form), ("role", &role), ("seconds", "900")])
    }

    /// What it is used with.
    pub(crate) fn credentials(&mut self, role: &str) -> Credentials {
        let page = self.takes(role);
        page.says(200, "AWS_SESSION_TOKEN=");
        let text = |name: &str, end: &str| page.between(&format!("export {name}="), end);
        Credentials {
            id: text("AWS_ACCESS_KEY_ID", "\n"),
            secret: text("AWS_SECRET_ACCESS_KEY", "\n"),
            token: Some(text("AWS_SESSION_TOKEN", "<")),
        }
    }
}
