//! Who may do what, as a table that a person reviews.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, Ordering};

use bailey::audit::{Outcome, tail};
use bailey::authn::local::{Peer, Role, from_peer};
use bailey::authn::machine::Shown;
use bailey::authn::proxy::{Evidence, SharedSecret, TrustedProxies, TrustedProxy, from_evidence};
use bailey::authn::sigv4::{Body, Expected, Request};
use bailey::authn::{Caller, CallerKind, signed};
use bailey::base::network::Networks;
use bailey::base::{Secret, Timestamp};
use bailey::gate::{Authorized, Operation};
use serde_json::{Value, json};

use crate::bed::signer::Credentials;
use crate::fixture::{self, Fixture, Served};
use crate::golden;
use crate::login_rules::bound;

/// A column: somebody who asks.
pub(crate) enum Who {
    Local(Role),
    /// Shows this certificate.
    Machine(Shown),
    Proxy,
    /// Signed in with a password, at that second.
    Bound,
    Signs(Credentials),
}

pub(crate) struct Office {
    pub(crate) fixture: Fixture,
    pub(crate) served: Served,
}

impl Office {
    pub(crate) async fn new() -> Self {
        let fixture = Fixture::new(Some(Role::Operator));
        let served = fixture.serve().await;
        Self { fixture, served }
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        self.served.client.post(path, &body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub(crate) async fn key(&self, path: &str) -> Credentials {
        Credentials::told(&self.post(path, json!({})).await)
    }

    /// A local user with these policies and an access key.
    pub(crate) async fn user(&self, name: &str, policies: &[&str]) -> Credentials {
        self.post("/v1/users", json!({ "name": name })).await;
        for policy in policies {
            let path = format!("/v1/users/{name}/policies/{policy}");
            let _: Value = self.served.client.put(&path, &json!({})).await.unwrap();
        }
        self.key(&format!("/v1/users/{name}/access-keys")).await
    }

    fn caller(&self, who: &Who) -> Caller {
        match who {
            Who::Local(role) => from_peer(Peer::this_process(), &fixture::roles(Some(*role))).unwrap(),
            Who::Machine(shown) => tokio::task::block_in_place(|| {
                let app = &self.fixture.app;
                let (parts, from) = ((&app.store, &app.admin.account), signed::RequestSource::default());
                app.machines.identify(parts, Some(shown), from, app.admin.now()).unwrap()
            }),
            Who::Proxy => proxy(),
            Who::Bound => tokio::task::block_in_place(|| {
                // A second for each: there is a limit of sign-ins a second.
                static SECOND: AtomicI64 = AtomicI64::new(0);
                let second = jiff::SignedDuration::from_secs(SECOND.fetch_add(1, Ordering::Relaxed));
                let signed_in = bound(&self.fixture, self.fixture.app.admin.now() + second);
                tokio::runtime::Handle::current().block_on(signed_in)
            }),
            Who::Signs(credentials) => self.signs(credentials).unwrap(),
        }
    }

    fn signs(&self, credentials: &Credentials) -> Result<Caller, signed::SignedError> {
        let app = &self.fixture.app;
        let (now, body) = (app.admin.now(), "Action=Any");
        let headers = credentials.sign("bailey.example", "iam", body, now);
        let headers: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let request =
            Request { method: "POST", path: "/", query: "", headers: &headers, body: Body::Whole(body.as_bytes()) };
        let expected = Expected { services: &["iam"], presigned: &[], regions: &[] };
        let parts = (&app.store, &app.admin.keys, &app.admin.sessions);
        let from = signed::RequestSource::default();
        signed::authenticate(parts, &app.admin.account, &request, &expected, from, now).map(|(caller, _)| caller)
    }

    pub(crate) fn records(&self) -> Vec<tail::Line> {
        tail::last(&self.fixture.app.store, u64::MAX).unwrap()
    }

    pub(crate) fn ask(
        &self,
        who: &Who,
        operation: Operation,
        now: Timestamp,
    ) -> Result<Authorized, bailey::gate::GateError> {
        self.fixture.app.gate.authorize(self.caller(who), operation, "x", now)
    }
}

fn proxy() -> Caller {
    let secret = "0123456789abcdef0123456789abcdef";
    let trusted = TrustedProxy {
        name: "edge".to_owned(),
        addresses: Networks::new(vec!["192.0.2.1".parse().unwrap()]),
        secrets: vec![SharedSecret::new(&Secret::new(secret.to_owned()))],
        certificate_name: None,
    };
    let evidence = Evidence { peer: "192.0.2.1".parse().unwrap(), secret: Some(secret.as_bytes()), names: &[] };
    from_evidence(&TrustedProxies(vec![trusted]), &evidence).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_says_what_the_gate_does_and_every_no_is_recorded() {
    let office = Office::new().await;
    let columns = [
        ("local-operator", Who::Local(Role::Operator)),
        ("local-viewer", Who::Local(Role::Viewer)),
        ("machine", Who::Machine(crate::machine_certificates::declared(&office.fixture, &office.served).await)),
        ("proxy", Who::Proxy),
        ("bound", Who::Bound),
        ("root", Who::Signs(office.key("/v1/init").await)),
        ("administrator", Who::Signs(office.user("boss", &["AdministratorAccess"]).await)),
        ("reader", Who::Signs(office.user("reader", &["ReadOnlyAccess"]).await)),
        ("nobody", Who::Signs(office.user("nobody", &[]).await)),
    ];
    let now: Timestamp = office.fixture.app.admin.now();
    let mut table = format!("{:<44}{:<8}", "operation", "record");
    for (title, _) in &columns {
        let _ = write!(table, "{title:<16}");
    }
    for operation in Operation::ALL {
        let record = match (operation.recorded(), operation.is_one_commit()) {
            (false, _) => "-",
            (true, false) => "yes",
            (true, true) => "one",
        };
        let _ = write!(table, "\n{:<44}{record:<8}", operation.name());
        for (title, who) in &columns {
            let before = office.records().len();
            // Each use of root is recorded.
            let recorded = operation.recorded() || *title == "root";
            let decision = match office.ask(who, *operation, now) {
                Ok(authorized) => {
                    assert_eq!((authorized.operation(), authorized.resource()), (*operation, "x"));
                    assert_eq!(authorized.audit_seq().is_some(), recorded && record != "one", "{operation}");
                    authorized.complete(&Outcome::success(), now);
                    let left = match (recorded, record) {
                        (false, _) => 0,
                        (true, "one") => 1,
                        (true, _) => 2,
                    };
                    assert_eq!(office.records().len() - before, left, "{operation} {title}");
                    "allow"
                }
                Err(error) => {
                    assert!(error.to_string().contains(operation.name()), "{error}");
                    "deny"
                }
            };
            let _ = write!(table, "{decision:<16}");
        }
    }
    let table: String = table.lines().flat_map(|line| [line.trim_end(), "\n"]).collect();
    golden::assert_golden("authz-matrix.txt", &table);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_is_recorded_with_its_reason() {
    let office = Office::new().await;
    office.key("/v1/init").await;
    let who = Who::Signs(office.user("nobody", &[]).await);
    assert_eq!(office.caller(&who).kind(), CallerKind::User);
    let error = office.ask(&who, Operation::CreateRole, office.fixture.app.admin.now()).err().unwrap();
    assert_eq!(
        error.to_string(),
        "User: arn:aws:iam::123456789012:user/nobody is not authorized to perform: iam:CreateRole on resource: \
         arn:aws:iam::123456789012:role/x because no identity-based policy allows the iam:CreateRole action"
    );
    let last = office.records().pop().unwrap().json;
    assert!(last.contains("AccessDenied") && last.contains("CreateRole") && last.contains("AKIA"), "{last}");
}

/// A machine that is not there is called what it would be called if it were, and no person's name.
#[tokio::test(flavor = "multi_thread")]
async fn a_no_about_a_machine_names_the_machine() {
    let office = Office::new().await;
    office.key("/v1/init").await;
    let who = Who::Signs(office.user("nobody", &[]).await);
    let machine = "arn:aws:bailey::123456789012:resource/x";
    for spelt in ["x", machine] {
        let now = office.fixture.app.admin.now();
        let asked = office.fixture.app.gate.authorize(office.caller(&who), Operation::GetResource, spelt, now);
        let error = asked.err().unwrap().to_string();
        assert!(error.contains(&format!("bailey:GetResource on resource: {machine} because")), "{error}");
    }
}

/// Policies say something of a machine by its ARN and by its tags, however the question spells it.
#[tokio::test(flavor = "multi_thread")]
async fn policies_tell_machines_apart_by_name_and_tag() {
    let office = Office::new().await;
    office.key("/v1/init").await;
    for (name, zone) in [("Scanner", "dmz"), ("printer", "lan"), ("vault", "dmz")] {
        office.post("/v1/resources", json!({"name": name, "tags": {"zone": zone}})).await;
    }
    let vault: Value = office.served.client.get("/v1/resources/vault").await.unwrap();
    let who = Who::Signs(office.user("technician", &[]).await);
    let document = json!({"Statement": [
        {"Effect": "Allow", "Action": "bailey:*Resource", "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceTag/zone": "dmz"}}},
        {"Effect": "Allow", "Action": "bailey:CreateResource", "Resource": "arn:aws:bailey::*:resource/scan*"},
        {"Effect": "Deny", "Action": "*", "Resource": "arn:aws:bailey::123456789012:resource/vault"},
    ]});
    let path = "/v1/users/technician/inline/own";
    let _: Value = office.served.client.put(path, &json!({ "document": document })).await.unwrap();
    let arn = "arn:aws:bailey::123456789012:resource/Scanner";
    for (operation, spelt, expected) in [
        (Operation::UpdateResource, "scanner", true),
        (Operation::DeleteResource, arn, true),
        (Operation::UpdateResource, "printer", false),
        (Operation::TagResource, "VAULT", false),
        (Operation::GetResource, vault["id"].as_str().unwrap(), false),
        (Operation::CreateResource, "scan9", true),
        (Operation::CreateResource, "printer2", false),
    ] {
        let now = office.fixture.app.admin.now();
        let asked = office.fixture.app.gate.authorize(office.caller(&who), operation, spelt, now);
        assert_eq!(asked.is_ok(), expected, "{operation} {spelt}");
    }
}

/// The documentation of what policies can say about us, as a reviewer reads it.
#[test]
fn the_table_of_actions_is_what_a_person_has_read() {
    let mut table = format!("{:<38}{:<7}{:<52}{}\n", "action", "level", "resource", "condition keys");
    for row in bailey::gate::table::rows() {
        let line = format!("{:<38}{:<7}{:<52}{}", row.action, row.level, row.resource, row.keys.join(" "));
        let _ = writeln!(table, "{}", line.trim_end());
    }
    let _ = writeln!(table, "\nin every signed request: {}", bailey::gate::table::ALWAYS.join(" "));
    golden::assert_golden("actions.txt", &table);
}

#[test]
fn operations_stand_in_alphabetical_order() {
    let names: Vec<_> = Operation::ALL.iter().map(|operation| operation.name()).collect();
    assert!(names.is_sorted(), "{names:?}");
}
