//! Grants that the manager of a person agrees to: a real directory says who that is, and is heard when somebody decides.

use serde_json::{Value, json};

use crate::bed::daemon::Bailey;
use crate::bed::slapd::{SUFFIX, person};
use crate::bed::wait_until;
use crate::grants_bed::{Company, PASSWORD, Person};
use crate::sts_office::allow;

/// Only the manager agrees to `desk-*`; either a manager or one of `leads` to `shop-*`.
const RULES: &str = r#"
[[grant_rule]]
roles = ["desk-*"]
manager = true

[[grant_rule]]
roles = ["shop-*"]
approvers = ["leads"]
manager = true
"#;

fn company() -> Company {
    let company = Company::over(Bailey::with(""), RULES);
    for role in ["desk-lead", "shop-lead"] {
        company.counter.post("/v1/roles", &json!({ "name": role }));
        let document = json!({ "document": { "Statement": allow(&["s3:Get*"]) } });
        company.counter.put(&format!("/v1/roles/{role}/inline/own"), &document);
    }
    company
}

impl Company {
    /// Whether the daemon knows somebody of this name, who is there.
    fn knows(&self, name: &str) -> bool {
        let shown = self.counter.wait(self.counter.client().get::<Value>(&format!("/v1/users/{name}")));
        shown.is_ok_and(|shown| shown["name"] == name && shown["state"] != "gone")
    }

    fn user(&self, name: &str) -> Value {
        self.counter.get(&format!("/v1/users/{name}"))
    }

    fn says(&self, who: &str, change: &str) {
        self.slapd.modify(&format!("dn: uid={who},ou=people,{SUFFIX}\nchangetype: modify\n{change}\n\n"));
    }

    /// The directory names `manager` as ann's, and the daemon has heard of it.
    fn managed_by(&self, manager: &str) {
        self.says("ann", &format!("replace: manager\nmanager: uid={manager},ou=people,{SUFFIX}"));
        let id = self.user(manager)["id"].clone();
        wait_until("the manager is another", || self.user("ann")["manager"] == id);
    }
}

/// Whoever has nothing to do with it does not learn that it is there.
fn may_not(person: &mut Person, id: &str) {
    person.step(id, "approve", &[("digest", "0")]).says(404, "there is no grant");
}

#[test]
fn the_manager_whom_the_directory_means_agrees_and_no_other() {
    let company = company();
    let [mut ann, mut bob, mut cam] = ["ann", "bob", "cam"].map(|name| company.person(name));
    // Nobody is named yet.
    let first = ann.asks("desk-lead");
    may_not(&mut bob, &first);
    // Herself is nobody's manager.
    company.managed_by("ann");
    ann.step(&first, "approve", &[("digest", "0")]).says(409, "Nobody decides about what they asked for");

    company.managed_by("bob");
    assert_eq!(cam.looks_at(&first).status, 404);
    may_not(&mut cam, &first);
    bob.visitor.get("/me/grants").says(200, "the queue is stuck");
    bob.approves(&first).leads_to(&format!("/me/grants/{first}"));
    let shown = company.grant(&first);
    assert_eq!(
        (&shown["stage"], &shown["approvals"][0]["right"]),
        (&"claimable".into(), &"manager of user/ann".into())
    );

    // Another manager by the time of the decision: the old one is out, the new one in.
    let second = ann.asks("desk-lead");
    bob.looks_at(&second).says(200, "desk-lead");
    company.managed_by("cam");
    may_not(&mut bob, &second);
    assert_eq!(bob.looks_at(&second).status, 404);
    cam.step(&second, "refuse", &[("comment", "not now")]).leads_to(&format!("/me/grants/{second}"));
    assert_eq!(company.grant(&second)["how"], "refused");

    // A group's people beside a manager.
    company.managed_by("ann");
    let third = ann.asks("shop-lead");
    bob.approves(&third).leads_to(&format!("/me/grants/{third}"));
    assert_eq!(company.grant(&third)["approvals"][0]["right"], "group/leads");
}

#[test]
fn a_manager_is_an_id_and_not_a_name_and_one_who_left_is_none() {
    let company = company();
    let [mut ann, mut cam] = ["ann", "cam"].map(|name| company.person(name));
    company.managed_by("cam");
    let id = ann.asks("desk-lead");
    // Cam is called otherwise, and somebody else is called cam. This server keeps references of groups alone in order.
    company.slapd.rename(&format!("uid=cam,ou=people,{SUFFIX}"), "uid=camilla", None);
    wait_until("another name", || company.knows("camilla"));
    company.slapd.add(&person("cam"));
    company.says("cam", &format!("add: userPassword\nuserPassword: {PASSWORD}"));
    wait_until("another cam", || company.knows("cam"));
    let mut other = company.person("cam");
    assert_eq!(other.looks_at(&id).status, 404);
    may_not(&mut other, &id);
    cam.looks_at(&id).says(200, "desk-lead");

    // Whoever left does not agree to anything, nor does who came to have their name.
    company.slapd.delete(&format!("uid=camilla,ou=people,{SUFFIX}"));
    wait_until("cam leaves", || !company.knows("camilla"));
    let page = cam.step(&id, "approve", &[("digest", "0")]);
    assert!(page.location.as_deref().is_some_and(|to| to.starts_with("/login")) || page.status == 403, "{page:?}");
    may_not(&mut other, &id);
    assert_eq!(company.stage(&id), "requested");
}
