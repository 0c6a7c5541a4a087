//! Guardrails: whom they bind, level by level, at the gate and in simulations, and how they are kept.

use std::io::BufReader;

use bailey::audit::Outcome;
use bailey::authn::local::Role;
use bailey::base::{GuardrailId, Timestamp};
use bailey::cli::client::{Client, ClientError};
use bailey::gate::Operation;
use bailey::model::{Account, AccountKind, Actor, Guardrail, GuardrailKind, GuardrailTarget};
use bailey::store::iam::{Read, named};
use bailey::store::verify::verify;
use bailey::store::{self, Commit, Intent, Settings, Store, export, identity, import, memory, schema};
use serde_json::{Value, json};

use crate::authz_matrix::{Office, Who};
use crate::bed::daemon::Bailey;
use crate::bed::slapd::person;
use crate::bed::{Options, Slapd};
use crate::fixture::{Fixture, Served};

const HOME: &str = "123456789012";
const OTHER: &str = "999999999999";

/// A document of these statements: effect and action.
fn document(statements: &[(&str, &str)]) -> Value {
    let statement =
        |(effect, action): &(&str, &str)| json!({"Sid": "S", "Effect": effect, "Action": action, "Resource": "*"});
    json!({"Version": "2012-10-17", "Statement": statements.iter().map(statement).collect::<Vec<_>>()})
}

/// A document that denies everybody this action.
fn deny(action: &str) -> Value {
    json!({"Statement": {"Sid": "Data", "Effect": "Deny", "Principal": "*", "Action": action, "Resource": "*"}})
}

async fn make(client: &Client, name: &str, kind: &str, document: &Value) -> Value {
    let new = json!({"name": name, "kind": kind, "document": document});
    client.post("/v1/guardrails", &new).await.unwrap_or_else(|error| panic!("{new}: {error}"))
}

fn path(name: &str, target: &str) -> String {
    format!("/v1/guardrails/{name}/on/{}", target.replace('/', "%2F"))
}

async fn attach(client: &Client, name: &str, target: &str) -> Value {
    client.put(&path(name, target), &json!({})).await.unwrap_or_else(|error| panic!("{name} to {target}: {error}"))
}

async fn detach(client: &Client, name: &str, target: &str) -> Value {
    client.delete(&path(name, target)).await.unwrap_or_else(|error| panic!("{name} from {target}: {error}"))
}

async fn refused(answer: Result<Value, ClientError>) -> (String, String) {
    match answer {
        Err(ClientError::Refused(error)) => (error.code, error.message),
        other => panic!("{other:?}"),
    }
}

async fn simulated(client: &Client, principal: &str, action: &str, resource: &str, without: &[&str]) -> Value {
    let question = json!({"principal": principal, "actions": [action], "resources": [resource], "without": without});
    let mut answers: Vec<Value> = client.post("/v1/simulate", &question).await.unwrap();
    answers.remove(0)
}

/// A user, a role, and a role of another account, each of which may do everything; the role elsewhere is the user's.
async fn people() -> (Fixture, Served) {
    let fixture = Fixture::new(Some(Role::Operator));
    let other = Account { id: OTHER.parse().unwrap(), name: "staging".to_owned(), kind: AccountKind::Local };
    fixture.app.admin.others.write().unwrap().push(other);
    let served = fixture.serve().await;
    let client = &served.client;
    let _: Value = client.post("/v1/users", &json!({"name": "ann"})).await.unwrap();
    for (name, account) in [("deploy", HOME), ("ops", OTHER)] {
        let _: Value = client.post("/v1/roles", &json!({"name": name, "account": account})).await.unwrap();
    }
    for holder in ["users/ann", "roles/deploy", &format!("roles/{OTHER}%2Fops")] {
        let path = format!("/v1/{holder}/policies/AdministratorAccess");
        let _: Value = client.put(&path, &json!({})).await.unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    let path = format!("/v1/roles/{OTHER}%2Fops/assigned/user/ann");
    let _: Value = client.put(&path, &json!({})).await.unwrap();
    (fixture, served)
}

/// What is attached where, what is asked, and what is to come of it.
type Row<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);

#[tokio::test]
async fn each_level_has_to_allow_and_any_deny_ends_it_for_users_roles_and_root_alike() {
    let (_fixture, served) = people().await;
    let client = &served.client;
    let everything = ("Allow", "*");
    make(client, "full", "service", &document(&[everything])).await;
    make(client, "s3", "service", &document(&[("Allow", "s3:*")])).await;
    make(client, "keep", "service", &document(&[everything, ("Deny", "s3:Delete*")])).await;
    make(client, "deny-only", "service", &document(&[("Deny", "s3:Delete*")])).await;
    make(client, "data", "resource", &deny("s3:Put*")).await;
    let (all, home, other) = ("organization", &*format!("account/{HOME}"), &*format!("account/{OTHER}"));
    let (yes, no, never) = ("Allowed", "ImplicitlyDenied", "ExplicitlyDenied");
    let rows: &[Row<'_>] = &[
        // A level without any allows all.
        (&[], "ec2:RunInstances", yes),
        (&[("full", all)], "ec2:RunInstances", yes),
        (&[("s3", all)], "s3:GetObject", yes),
        (&[("s3", all)], "ec2:RunInstances", no),
        (&[("s3", home)], "ec2:RunInstances", no),
        // Of those at one level one is enough; at each level one has to.
        (&[("s3", all), ("full", all)], "ec2:RunInstances", yes),
        (&[("s3", all), ("full", home)], "ec2:RunInstances", no),
        (&[("full", all), ("s3", home)], "ec2:RunInstances", no),
        (&[("full", all), ("s3", home)], "s3:GetObject", yes),
        // A Deny ends it, whatever allows beside it.
        (&[("keep", all)], "s3:GetObject", yes),
        (&[("keep", all)], "s3:DeleteObject", never),
        (&[("keep", home), ("full", home), ("full", all)], "s3:DeleteObject", never),
        // A level that only denies allows nothing.
        (&[("deny-only", home)], "s3:GetObject", no),
        (&[("deny-only", home)], "s3:DeleteObject", never),
        (&[("deny-only", home), ("full", home)], "s3:GetObject", yes),
        // Those of resources only deny.
        (&[("data", all)], "s3:GetObject", yes),
        (&[("data", all)], "s3:PutObject", never),
        (&[("data", home)], "s3:PutObject", never),
        // What is attached elsewhere says nothing here.
        (&[("s3", other), ("data", other)], "s3:PutObject", yes),
        (&[("s3", other)], "ec2:RunInstances", yes),
    ];
    let principals =
        ["iam::123456789012:user/ann", "sts::123456789012:assumed-role/deploy/x", "iam::123456789012:root"];
    for (attachments, action, expected) in rows {
        for (name, target) in *attachments {
            attach(client, name, target).await;
        }
        for principal in principals {
            let answer = simulated(client, &format!("arn:aws:{principal}"), action, "arn:aws:s3:::b/k", &[]).await;
            assert_eq!(answer["decision"], **expected, "{attachments:?} {principal} {action}: {answer}");
        }
        for (name, target) in *attachments {
            detach(client, name, target).await;
        }
    }
}

/// Between two accounts the principal's account and the resource's each have their own guardrails.
#[tokio::test]
async fn who_asks_and_what_is_asked_for_are_bound_by_their_own_accounts() {
    let (fixture, served) = people().await;
    let client = &served.client;
    make(client, "no-sts", "service", &document(&[("Allow", "*"), ("Deny", "sts:*")])).await;
    make(client, "no-s3", "service", &document(&[("Allow", "*"), ("Deny", "s3:*")])).await;
    make(client, "no-entry", "resource", &deny("sts:*")).await;
    let (home, other) = (&*format!("account/{HOME}"), &*format!("account/{OTHER}"));
    let ann = &*format!("arn:aws:iam::{HOME}:user/ann");
    let ops = &*format!("arn:aws:iam::{OTHER}:role/ops");
    let session = &*format!("arn:aws:sts::{OTHER}:assumed-role/ops/ann");
    let (yes, never) = ("Allowed", "ExplicitlyDenied");
    for (name, target, [assume, read]) in [
        ("no-sts", home, [never, yes]),
        ("no-sts", other, [yes, yes]),
        ("no-sts", "organization", [never, yes]),
        ("no-s3", home, [yes, yes]),
        ("no-s3", other, [yes, never]),
        ("no-entry", home, [yes, yes]),
        ("no-entry", other, [never, yes]),
        ("no-entry", "organization", [never, yes]),
    ] {
        attach(client, name, target).await;
        let answer = simulated(client, ann, "sts:AssumeRole", ops, &[]).await;
        assert_eq!(answer["decision"], assume, "{name} on {target}: {answer}");
        let answer = simulated(client, session, "s3:GetObject", "arn:aws:s3:::b/k", &[]).await;
        assert_eq!(answer["decision"], read, "{name} on {target}: {answer}");
        // What belongs to an account that is none of ours is nobody's to guard.
        let answer = simulated(client, ann, "sts:AssumeRole", "arn:aws:iam::888888888888:role/x", &[]).await;
        let own = name == "no-sts" && target != other;
        assert_eq!(answer["decision"] == never, own, "{name} on {target}: {answer}");
        detach(client, name, target).await;
    }
    let (code, message) = refused(client.put(&path("no-sts", "account/888888888888"), &json!({})).await).await;
    assert!(code == "NotFound" && message.contains("[[other_account]]"), "{code}: {message}");
    // An account that is declared no more can be detached from, and not be attached to.
    attach(client, "no-sts", other).await;
    fixture.app.admin.others.write().unwrap().clear();
    assert_eq!(refused(client.put(&path("no-s3", other), &json!({})).await).await.0, "NotFound");
    assert_eq!(detach(client, "no-sts", other).await["on"], json!([]));
}

#[tokio::test]
async fn reasons_name_the_guardrail_and_its_place_and_one_can_be_left_out() {
    let (_fixture, served) = people().await;
    let client = &served.client;
    make(client, "keep", "service", &document(&[("Allow", "*"), ("Deny", "s3:Delete*")])).await;
    make(client, "s3", "service", &document(&[("Allow", "s3:*")])).await;
    make(client, "data", "resource", &deny("s3:Put*")).await;
    attach(client, "keep", "organization").await;
    attach(client, "s3", &format!("account/{HOME}")).await;
    attach(client, "data", &format!("account/{HOME}")).await;
    let (ann, root) = (format!("arn:aws:iam::{HOME}:user/ann"), format!("arn:aws:iam::{HOME}:root"));
    let arn = |name: &str| format!("arn:aws:bailey::{HOME}:guardrail/{name}");
    for principal in [&ann, &root] {
        let denied = simulated(client, principal, "s3:DeleteObject", "*", &[]).await;
        assert_eq!(denied["decision"], "ExplicitlyDenied");
        assert_eq!(denied["reasons"][0]["policy"], arn("keep"));
        assert_eq!(
            (&denied["reasons"][0]["statement"], &denied["reasons"][0]["through"]),
            (&json!(1), &json!(["organization"]))
        );
        let denied = simulated(client, principal, "s3:PutObject", "*", &[]).await;
        let place = json!([format!("account/{HOME}")]);
        assert_eq!((&denied["reasons"][0]["policy"], &denied["reasons"][0]["through"]), (&json!(arn("data")), &place));
        let lacking = simulated(client, principal, "ec2:RunInstances", "*", &[]).await;
        let last = lacking["reasons"].as_array().unwrap().last().unwrap();
        assert_eq!(lacking["decision"], "ImplicitlyDenied");
        assert_eq!(
            last["what"],
            format!("nothing in the guardrails of the principal's account at level 1 allows it: {}", arn("s3"))
        );
        assert_eq!(last["through"], place);
        for (action, without) in [
            ("s3:DeleteObject", &["keep"][..]),
            ("s3:PutObject", &["data"]),
            ("ec2:RunInstances", &[&*arn("s3")]),
            ("ec2:RunInstances", &["s3", "keep", "data"]),
        ] {
            let answer = simulated(client, principal, action, "*", without).await;
            assert_eq!(answer["decision"], "Allowed", "{without:?}: {answer}");
        }
        let question = json!({"principal": principal, "actions": ["s3:Get"], "without": ["nothing"]});
        assert_eq!(refused(client.post("/v1/simulate", &question).await).await.0, "NotFound");
    }
    // What binds root can look at who root is.
    let spare = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"ArnNotLike": {"aws:PrincipalArn": root}}}]});
    let _: Value = client.post("/v1/guardrails/keep", &json!({"document": spare})).await.unwrap();
    assert_eq!(simulated(client, &ann, "s3:GetObject", "*", &[]).await["decision"], "ExplicitlyDenied");
    assert_eq!(simulated(client, &root, "s3:GetObject", "*", &[]).await["decision"], "Allowed");
}

/// The gate asks guardrails of everybody who signs, and of nobody at the machine.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_is_bound_root_included_and_operators_of_the_machine_repair() {
    let office = Office::new().await;
    let client = &office.served.client;
    let root = Who::Signs(office.key("/v1/init").await);
    let boss = Who::Signs(office.user("boss", &["AdministratorAccess"]).await);
    let operator = Who::Local(Role::Operator);
    let now = office.fixture.app.admin.now();
    let asks = |who: &Who, operation| match office.ask(who, operation, now) {
        Ok(authorized) => {
            authorized.complete(&Outcome::success(), now);
            Ok(())
        }
        Err(error) => Err(error.to_string()),
    };
    make(client, "keep", "service", &document(&[("Allow", "*"), ("Deny", "iam:CreateUser")])).await;
    make(client, "s3", "service", &document(&[("Allow", "s3:*")])).await;
    make(client, "data", "resource", &deny("iam:CreateUser")).await;
    let arn = |name: &str| format!("arn:aws:bailey::{HOME}:guardrail/{name}");
    for who in [&root, &boss] {
        assert_eq!(asks(who, Operation::CreateUser), Ok(()));
        attach(client, "keep", "organization").await;
        let error = asks(who, Operation::CreateUser).unwrap_err();
        let words = format!("with an explicit deny in a service control policy: statement 1 `S` of {}", arn("keep"));
        assert!(error.ends_with(&words), "{error}");
        assert_eq!(asks(who, Operation::CreateRole), Ok(()));
        assert_eq!(asks(&operator, Operation::CreateUser), Ok(()));
        detach(client, "keep", "organization").await;

        attach(client, "data", &format!("account/{HOME}")).await;
        let error = asks(who, Operation::CreateUser).unwrap_err();
        assert!(error.contains("in a resource control policy: statement 0 `Data`"), "{error}");
        detach(client, "data", &format!("account/{HOME}")).await;

        attach(client, "s3", &format!("account/{HOME}")).await;
        for operation in [Operation::CreateUser, Operation::DetachGuardrail, Operation::ListUsers] {
            let error = asks(who, operation).unwrap_err();
            let action = operation.action();
            let words = format!(
                "because no service control policy allows the {action} action (attached to account/{HOME}: {})",
                arn("s3")
            );
            assert!(error.ends_with(&words), "{error}");
            assert_eq!(asks(&operator, operation), Ok(()));
        }
        // Who one is can be kept from nobody.
        assert_eq!(asks(who, Operation::GetCallerIdentity), Ok(()));
        detach(client, "s3", &format!("account/{HOME}")).await;
        assert_eq!(asks(who, Operation::CreateUser), Ok(()));
    }
    let log: String = office.records().into_iter().map(|line| line.json).collect();
    for said in ["AttachGuardrail", "DetachGuardrail", "document_sha256", &arn("keep"), "in a service control policy"] {
        assert!(log.contains(said), "{said}");
    }
}

/// A guardrail that nobody can read lets nobody do anything, and can be deleted by those whom it does not bind.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_guardrail_closes_and_does_not_open() {
    let office = Office::new().await;
    let boss = Who::Signs(office.user("boss", &["AdministratorAccess"]).await);
    let now = office.fixture.app.admin.now();
    let mut damaged = guardrail(1, "damaged");
    damaged.document = "{}".to_owned();
    let mut commit = Commit::new(Actor::task("test"), now, Intent::Widen);
    commit.add_object(&damaged).unwrap();
    office.fixture.app.store.commit(commit).unwrap();
    let error = office.ask(&boss, Operation::ListUsers, now).err().unwrap().to_string();
    assert!(error.contains("cannot be decided") && error.contains("guardrail/damaged"), "{error}");
    let client = &office.served.client;
    // It is on two targets, so that one detachment leaves it in force.
    let told = detach(client, "damaged", "organization").await;
    assert!(told["warnings"][0].as_str().unwrap().contains("[damaged]"), "{told}");
    let update = json!({"document": document(&[("Allow", "*")])});
    let _: Value = client.post("/v1/guardrails/damaged", &update).await.unwrap();
    assert!(office.ask(&boss, Operation::ListUsers, now).is_ok());
}

#[tokio::test]
async fn a_guardrail_is_made_changed_attached_and_deleted_within_limits() {
    let fixture = Fixture::new(Some(Role::Operator));
    let served = fixture.serve().await;
    let client = &served.client;
    let made = make(client, "Keep", "service", &document(&[("Allow", "*")])).await;
    assert_eq!(made["arn"], format!("arn:aws:bailey::{HOME}:guardrail/Keep"));
    assert_eq!((&made["kind"], &made["on"], made.get("warnings")), (&json!("service"), &json!([]), None));
    let allow_with_principal =
        json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}});
    let long: Vec<String> = (0..500).map(|n| format!("s3:Get{n:05}")).collect();
    let long = json!({"Statement": {"Effect": "Allow", "Action": long, "Resource": "*"}});
    for (new, code, words) in [
        (
            json!({"name": "keep", "kind": "service", "document": document(&[("Allow", "*")])}),
            "EntityAlreadyExists",
            "keep",
        ),
        (json!({"name": "x", "kind": "scp", "document": {}}), "InvalidRequest", "scp"),
        (
            json!({"name": "x", "kind": "service", "document": allow_with_principal}),
            "MalformedPolicyDocument",
            "principal",
        ),
        (
            json!({"name": "x", "kind": "resource", "document": document(&[("Deny", "*")])}),
            "MalformedPolicyDocument",
            "Principal",
        ),
        (json!({"name": "x", "kind": "service", "document": long}), "LimitExceeded", "5120 are allowed"),
        (json!({"name": "a b", "kind": "service", "document": {}}), "InvalidRequest", "1 to 128"),
    ] {
        let (found, message) = refused(client.post("/v1/guardrails", &new).await).await;
        assert!(found == code && message.contains(words), "{new}: {found}: {message}");
    }
    // What is worth a thought is told, not refused.
    let odd = make(client, "odd", "resource", &allow_with_principal).await;
    assert!(odd["warnings"][0].as_str().unwrap().contains("guardrail-allow"), "{odd}");
    fixture.clock.set("2026-03-12T13:00:00Z".parse().unwrap());
    let changed: Value = client.post("/v1/guardrails/KEEP", &json!({"description": "x"})).await.unwrap();
    assert_eq!((&changed["description"], &changed["updated"]), (&json!("x"), &json!("2026-03-12T13:00:00Z")));
    attach(client, "keep", "organization").await;
    assert_eq!(attach(client, "keep", "organization").await["on"], json!(["organization"]));
    let (code, message) = refused(client.delete("/v1/guardrails/keep").await).await;
    assert!(code == "DeleteConflict" && message.contains("detach Keep --from organization"), "{code}: {message}");
    for (target, code) in
        [("account%2F1", "InvalidRequest"), ("account%2F123456789012", "NotFound"), ("x", "InvalidRequest")]
    {
        let answer = client.delete::<Value>(&format!("/v1/guardrails/keep/on/{target}")).await;
        assert_eq!(refused(answer).await.0, code, "{target}");
    }
    detach(client, "keep", "organization").await;
    let by_arn = format!("arn:aws:bailey::{HOME}:guardrail/Keep").replace(':', "%3A").replace('/', "%2F");
    let shown: Value = client.get(&format!("/v1/guardrails/{by_arn}")).await.unwrap();
    assert_eq!(shown["document"], document(&[("Allow", "*")]));
    assert_eq!(
        refused(client.get(&format!("/v1/guardrails/{}", by_arn.replace(HOME, OTHER))).await).await.0,
        "NotFound"
    );
    let () = client.delete(&format!("/v1/guardrails/{}", shown["id"].as_str().unwrap())).await.unwrap();
    assert_eq!(refused(client.get("/v1/guardrails/keep").await).await.0, "NotFound");
    // Five of a kind at one target, a hundred in all.
    for n in 0..99 {
        make(client, &format!("g{n:02}"), "service", &document(&[("Allow", "*")])).await;
    }
    let hundredth = json!({"name": "h", "kind": "service", "document": document(&[("Allow", "*")])});
    assert_eq!(refused(client.post("/v1/guardrails", &hundredth).await).await.0, "LimitExceeded");
    for n in 0..5 {
        attach(client, &format!("g{n:02}"), "organization").await;
    }
    attach(client, "g00", "organization").await;
    attach(client, "odd", "organization").await;
    let (code, message) = refused(client.put(&path("g05", "organization"), &json!({})).await).await;
    assert!(code == "LimitExceeded" && message.contains("service guardrail on organization"), "{code}: {message}");
    let listed: Value = client.get("/v1/guardrails").await.unwrap();
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert!(names.len() == 100 && names.is_sorted(), "{names:?}");
}

/// The classic way to lock oneself out is told when it is taken.
#[tokio::test]
async fn a_guardrail_that_shuts_administrators_out_is_told_and_not_refused() {
    let fixture = Fixture::new(Some(Role::Operator));
    let other = Account { id: OTHER.parse().unwrap(), name: "staging".to_owned(), kind: AccountKind::Local };
    fixture.app.admin.others.write().unwrap().push(other);
    let served = fixture.serve().await;
    let client = &served.client;
    let (allow, account) = (("Allow", "*"), &*format!("account/{HOME}"));
    let region = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "NotAction": ["s3:*"], "Resource": "*",
         "Condition": {"StringNotEquals": {"aws:RequestedRegion": "eu-central-1"}}}]});
    let example = include_str!("../../config/policies/examples/guardrail-one-region.json");
    let cases = [
        ("example", serde_json::from_str(example).unwrap(), vec![]),
        ("fine", document(&[allow, ("Deny", "iam:CreateUser"), ("Deny", "iam:CreateAccessKey")]), vec![]),
        (
            "no-bailey",
            document(&[allow, ("Deny", "bailey:*")]),
            vec!["bailey:DetachGuardrail, bailey:UpdateGuardrail now, adm"],
        ),
        ("no-iam", document(&[allow, ("Deny", "iam:*")]), vec!["iam:AttachUserPolicy now, administrators and root"]),
        ("s3", document(&[("Allow", "s3:*")]), vec!["bailey:DetachGuardrail", "iam:AttachGroupPolicy"]),
        (
            "deny-only",
            document(&[("Deny", "s3:*")]),
            vec!["denies-only", "bailey:DetachGuardrail", "iam:AttachGroupPolicy"],
        ),
        ("region", region, vec!["now depends on aws:requestedregion", "now depends on aws:requestedregion"]),
    ];
    for (name, document, words) in &cases {
        make(client, name, "service", document).await;
        for target in [account, "organization"] {
            let told = attach(client, name, target).await;
            let told = told["warnings"].as_array().cloned().unwrap_or_default();
            assert_eq!(told.len(), words.len(), "{name}: {told:?}");
            for (warning, words) in told.iter().zip(words) {
                assert!(warning.as_str().unwrap().contains(words), "{name}: {warning}");
            }
            assert!(detach(client, name, target).await.get("warnings").is_none(), "{name}");
        }
        // Nobody who administers belongs to another account.
        let told = attach(client, name, &format!("account/{OTHER}")).await;
        let told = told["warnings"].as_array().cloned().unwrap_or_default();
        assert_eq!(told.len(), usize::from(*name == "deny-only"), "{name}: {told:?}");
        detach(client, name, &format!("account/{OTHER}")).await;
    }
    // A condition on one level does not hide that another is closed; an update and a detachment can close one, too.
    attach(client, "region", "organization").await;
    let told = attach(client, "s3", account).await["warnings"].to_string();
    assert!(told.contains("nobody can do any of bailey:DetachGuardrail") && told.contains("level 1"), "{told}");
    let open = json!({"document": document(&[allow])});
    let told: Value = client.post("/v1/guardrails/region", &open).await.unwrap();
    assert!(told["warnings"].to_string().contains("level 1"), "{told}");
    attach(client, "fine", account).await;
    let told: Value = client.post("/v1/guardrails/region", &open).await.unwrap();
    assert!(told.get("warnings").is_none(), "{told}");
    let told = detach(client, "fine", account).await;
    assert!(told["warnings"].to_string().contains("nothing in the guardrails"), "{told}");
}

#[test]
fn the_command_line_makes_attaches_simulates_and_takes_away() {
    let slapd = Slapd::start(Options { ldif: person("ann"), ..Options::default() });
    let mut bailey = Bailey::reading(&slapd, "");
    bailey.start();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/config/policies/examples/guardrail-one-region.json");
    let closing = bailey.path("closing.json");
    std::fs::write(&closing, document(&[("Allow", "s3:*")]).to_string()).unwrap();
    bailey.ok(&["guardrail", "create", "region", example, "--kind", "service", "--description", "Frankfurt"]);
    let attached = bailey.json(&["guardrail", "attach", "region", "--to", "organization"]);
    assert_eq!((&attached["on"], attached.get("warnings")), (&json!(["organization"]), None));
    bailey.ok(&["user", "attach", "ann", "AdministratorAccess"]);
    let ask = |more: &[&str]| {
        let ann = format!("arn:aws:iam::{HOME}:user/ann");
        let words = ["policy", "simulate", "--principal", &ann, "--action", "ec2:RunInstances"];
        let output = bailey.run(&[&words, more].concat());
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, said) = ask(&["--context", "aws:RequestedRegion=us-east-1"]);
    assert!(code == Some(1) && said.contains("guardrail/region denies it [organization]"), "{said}");
    assert_eq!(ask(&["--context", "aws:RequestedRegion=eu-central-1"]).0, Some(0));
    assert_eq!(ask(&["--context", "aws:RequestedRegion=us-east-1", "--without", "region"]).0, Some(0));
    bailey.ok(&["guardrail", "update", "region", closing.to_str().unwrap(), "--description", "s3 alone"]);
    let told = bailey.run(&["guardrail", "attach", "region", "--to", &format!("account/{HOME}")]);
    assert!(told.status.success() && String::from_utf8_lossy(&told.stderr).contains("warning: nobody can do any of"));
    let shown = bailey.run(&["guardrail", "show", "region"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains(&format!("organization, account/{HOME}")) && shown.contains("\"s3:*\""), "{shown}");
    assert!(!bailey.run(&["guardrail", "delete", "region"]).status.success());
    bailey.ok(&["guardrail", "detach", "region", "--from", "organization"]);
    bailey.ok(&["guardrail", "detach", "region", "--from", &format!("account/{HOME}")]);
    bailey.ok(&["guardrail", "delete", "region"]);
    assert_eq!(bailey.json(&["guardrail", "list"]), json!([]));
}

fn guardrail(n: u8, name: &str) -> Guardrail {
    let now = crate::store_conformance::now();
    Guardrail {
        id: GuardrailId::from_bytes([n; 16]),
        name: name.parse().unwrap(),
        kind: GuardrailKind::Service,
        description: "é \"x\"\n".to_owned(),
        document: document(&[("Allow", "*")]).to_string(),
        on: [GuardrailTarget::Organization, GuardrailTarget::Account(OTHER.parse().unwrap())].into(),
        created: now,
        updated: now,
    }
}

#[test]
fn a_guardrail_comes_back_from_an_export_with_its_past() {
    let original = crate::store_conformance::sled();
    let commit = || Commit::new(Actor::task("test"), crate::store_conformance::now(), Intent::Widen);
    let (mut first, mut kept) = (commit(), guardrail(1, "Kept"));
    first.add_object(&kept).unwrap();
    first.add_object(&guardrail(2, "Gone")).unwrap();
    let made = original.store.commit(first).unwrap().revision;
    let mut second = commit();
    kept.on.clear();
    second.put_object(&kept, made).unwrap();
    second.delete_object(&guardrail(2, "Gone"), made, 0);
    original.store.commit(second).unwrap();
    let mut text = Vec::new();
    export::export(&original.store, &mut text, crate::store_conformance::now()).unwrap();
    let words = String::from_utf8(text.clone()).unwrap();
    assert!(words.contains("\"k\":\"iam-name/guardrail/aws/kept\"") && words.contains("guardrail/0202"), "{words}");

    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { reserve_bytes: 0, ..Settings::new(dir.path().join("state")) };
    let restorer = identity::Restorer { by: Actor::task("test"), from: String::new(), at: Timestamp::UNIX_EPOCH };
    import::import(&settings, &mut BufReader::new(text.as_slice()), &restorer).unwrap();
    let opened = store::open(&settings, crate::store_conformance::now()).unwrap().store;
    assert_eq!(verify(&opened).unwrap().findings, []);
    let found = |name: &str| opened.read(|snapshot| named::<Guardrail>(snapshot, None, name)).unwrap();
    assert_eq!(found("KEPT").map(|Read { value, .. }| value), Some(kept));
    assert_eq!(found("gone"), None);
    let before = opened.read(|snapshot| {
        store::history::as_of(snapshot, &schema::iam::guardrail(&GuardrailId::from_bytes([2; 16])), made)
    });
    let before: Guardrail = serde_json::from_slice(&before.unwrap().unwrap().value).unwrap();
    assert_eq!(before, guardrail(2, "Gone"));
}

#[test]
fn what_does_not_fit_together_of_guardrails_is_found() {
    let store = Store::new(memory::Memory::new());
    let mut commit = Commit::new(Actor::task("test"), crate::store_conformance::now(), Intent::Widen);
    commit.add_object(&guardrail(1, "a")).unwrap();
    commit.put(schema::iam::name(schema::iam::Named::Guardrail, None, "ghost"), vec![1; 16]);
    commit.put(
        schema::iam::guardrail(&GuardrailId::from_bytes([2; 16])),
        serde_json::to_vec(&guardrail(3, "b")).unwrap(),
    );
    commit.put(schema::iam::guardrail(&GuardrailId::from_bytes([4; 16])), b"{}".to_vec());
    store.commit(commit).unwrap();
    let findings = verify(&store).unwrap().findings;
    let found: Vec<String> =
        findings.into_iter().map(|finding| format!("{}: {}", finding.key, finding.problem)).collect();
    for words in ["nothing it leads to bears this name", "another key", "missing field"] {
        assert!(found.iter().any(|line| line.contains(words)), "{words}: {found:#?}");
    }
    assert_eq!(found.len(), 3, "{found:#?}");
}
