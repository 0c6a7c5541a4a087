//! Roles, policies and what hangs on whom: as an operator uses them, and what befalls them when the directory changes.

use bailey::authn::local::Role;
use bailey::cli::client::ClientError;
use bailey::store::iam::named;
use bailey::store::verify::verify;
use bailey::store::{Commit, Intent, Store, memory, schema};
use serde_json::{Value, json};

use crate::bed::daemon::Bailey;
use crate::bed::slapd::{SUFFIX, group, person};
use crate::bed::{Options, Slapd, wait_until};
use crate::fixture::{Fixture, post, put, refusal};

const ACCOUNT: &str = "123456789012";

fn document(action: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Sid": "S", "Effect": "Allow", "Action": action, "Resource": "*"}]})
}

fn trust(principal: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}})
}

#[tokio::test]
async fn a_policy_has_versions_of_which_one_counts() {
    let fixture = Fixture::new(Some(Role::Operator));
    let served = fixture.serve().await;
    let client = &served.client;
    let made =
        post(client, "/v1/policies", json!({"name": "p", "path": "/app/", "document": document("s3:Get*")})).await;
    assert_eq!(made["arn"], format!("arn:aws:iam::{ACCOUNT}:policy/app/p"));
    assert!(made["id"].as_str().unwrap().starts_with("ANPA"));
    for n in 2..=5 {
        let made =
            post(client, "/v1/policies/p/versions", json!({"document": document("s3:Put*"), "set_as_default": n == 3}))
                .await;
        assert_eq!(made["default_version"], if n < 3 { 1 } else { 3 });
    }
    let sixth = client.post("/v1/policies/p/versions", &json!({"document": document("*")})).await;
    assert_eq!(refusal(sixth).await.0, "LimitExceeded");
    assert_eq!(refusal(client.delete("/v1/policies/p/versions/v3").await).await.0, "DeleteConflict");
    let () = client.delete("/v1/policies/p/versions/v2").await.unwrap();
    assert_eq!(refusal(client.delete("/v1/policies/p/versions/v2").await).await.0, "NotFound");
    let made = post(client, "/v1/policies/P/versions", json!({"document": document("s3:*")})).await;
    assert_eq!(made["versions"].as_object().unwrap().keys().collect::<Vec<_>>(), ["1", "3", "4", "5", "6"]);
    let shown: Value = client.get("/v1/policies/p/versions/6").await.unwrap();
    assert_eq!((&shown["document"], &shown["is_default"]), (&document("s3:*"), &json!(false)));
    let () = client.delete("/v1/policies/p").await.unwrap();
    assert_eq!(refusal(client.get("/v1/policies/p").await).await.0, "NotFound");
}

/// Every no that a document, a name or a limit can cause.
#[tokio::test]
async fn what_cannot_be_is_refused_with_a_word_for_programs() {
    let fixture = Fixture::new(Some(Role::Operator));
    let served = fixture.serve().await;
    let client = &served.client;
    post(client, "/v1/policies", json!({"name": "p", "document": document("s3:Get*")})).await;
    post(client, "/v1/policies", json!({"name": "ReadOnlyAccess", "document": document("s3:Get*")})).await;
    post(client, "/v1/roles", json!({"name": "r"})).await;
    let long: Vec<String> = (0..600).map(|n| format!("s3:Get{n:05}")).collect();
    let long = json!({"Statement": {"Effect": "Allow", "Action": long, "Resource": "*"}});
    let statement = |extra: Value| {
        let mut statement = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"});
        statement.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!({"Statement": statement})
    };
    let elsewhere = |name: &str| format!("arn:aws:iam::{ACCOUNT}:{name}");
    let posts = [
        ("policies", json!({"name": "P", "document": document("s3:*")}), "EntityAlreadyExists", "already"),
        ("policies", json!({"name": "a b", "document": document("s3:*")}), "InvalidRequest", "1 to 128"),
        ("policies", json!({"name": "q", "document": {}}), "MalformedPolicyDocument", "Statement"),
        ("policies", json!({"name": "q", "document": long}), "LimitExceeded", "6144 are allowed"),
        (
            "policies",
            json!({"name": "q", "document": statement(json!({"Principal": "*"}))}),
            "MalformedPolicyDocument",
            "Principal",
        ),
        ("policies", json!({"name": "q", "path": "app", "document": document("s3:*")}), "InvalidRequest", "no path"),
        ("policies", json!({"name": "q", "tags": {"aws:x": ""}, "document": document("s3:*")}), "InvalidInput", "aws:"),
        ("policies/ReadOnlyAccess/versions", json!({"document": document("*")}), "NotNow", "say which"),
        (
            "policies/arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2FReadOnlyAccess/versions",
            json!({"document": document("*")}),
            "UnmodifiableEntity",
            "copy it",
        ),
        ("roles", json!({"name": "R"}), "EntityAlreadyExists", "role `r`"),
        ("roles", json!({"name": "s", "max_session": 43_201}), "InvalidRequest", "3600 to 43200"),
        ("roles", json!({"name": "s", "boundary": "none"}), "NotFound", "no policy `none`"),
        ("roles", json!({"name": "s", "trust": document("s3:*")}), "MalformedPolicyDocument", "neither `Resource`"),
        (
            "roles",
            json!({"name": "s", "trust": trust(&elsewhere("user/nobody"))}),
            "MalformedPolicyDocument",
            "invalid principal",
        ),
        (
            "roles",
            json!({"name": "s", "trust": trust(&elsewhere("role/x/r"))}),
            "MalformedPolicyDocument",
            "invalid principal",
        ),
        ("roles", json!({"name": "s", "colour": "red"}), "InvalidRequest", "colour"),
    ];
    for (path, body, code, words) in posts {
        let (found, message) = refusal(client.post(&format!("/v1/{path}"), &body).await).await;
        assert!(found == code && message.contains(words), "{path} {body}: {found}: {message}");
    }
    let puts = [
        ("roles/r/policies/nothing", json!({}), "NotFound", "no policy"),
        ("roles/none/policies/p", json!({}), "NotFound", "no role"),
        ("users/none/policies/p", json!({}), "NotFound", "no user"),
        ("roles/r/inline/x", json!({"document": {"Statement": []}}), "MalformedPolicyDocument", "Statement"),
        ("roles/r/inline/a%20b", json!({"document": document("*")}), "InvalidRequest", "1 to 128"),
        ("roles/r/assigned/user/none", json!({}), "NotFound", "no user"),
        ("roles/r/assigned/user/none", json!({"condition": null}), "NotFound", "no user"),
        ("roles/r/assigned/team/x", json!({}), "InvalidRequest", "`user`, `group` or `resource`"),
        ("policies/p/default/v9", json!({}), "NotFound", "there are v1"),
        ("policies/p/default/x", json!({}), "InvalidRequest", "`v1`"),
    ];
    for (path, body, code, words) in puts {
        let (found, message) = refusal(client.put(&format!("/v1/{path}"), &body).await).await;
        assert!(found == code && message.contains(words), "{path} {body}: {found}: {message}");
    }
    for path in ["roles/r/policies/p", "roles/r/inline/x", "roles/r/boundary", "instance-profiles/x"] {
        assert_eq!(refusal(client.delete(&format!("/v1/{path}")).await).await.0, "NotFound", "{path}");
    }
    // Each of them was recorded as begun and as failed.
    let log = bailey::audit::tail::last(&fixture.tiny.store(), u64::MAX).unwrap();
    let failed = log.iter().filter(|line| line.json.contains("errorCode")).count();
    assert_eq!(failed, 16 + 10 + 4);
}

/// What fits each limit of its own and not into one row together is told as a limit, and no fault of ours.
#[tokio::test]
async fn what_does_not_fit_into_a_row_and_a_question_that_is_none_are_told_as_such() {
    let fixture = Fixture::new(Some(Role::Operator));
    let served = fixture.serve().await;
    let client = &served.client;
    post(client, "/v1/roles", json!({"name": "r"})).await;
    let tags: serde_json::Map<String, Value> =
        (0..50).map(|n| (format!("{n:02}{}", "𝔞".repeat(126)), json!("𝔟".repeat(256)))).collect();
    let (code, message) = refusal(client.put("/v1/roles/r/tags", &json!({ "tags": tags })).await).await;
    assert!(code == "LimitExceeded" && message.contains("65535 are kept"), "{code}: {message}");
    for n in 0..20 {
        post(client, "/v1/policies", json!({"name": format!("p{n}"), "document": document("s3:Get*")})).await;
        put(client, &format!("/v1/roles/r/policies/p{n}"), json!({})).await;
    }
    assert_eq!(refusal(client.put("/v1/roles/r/policies/ReadOnlyAccess", &json!({})).await).await.0, "LimitExceeded");
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    for (principal, action, resource) in
        [("\u{1b}[2J", "s3:Get", "*"), (&root, "s3", "*"), (&root, "s3:Get", "bucket"), (&root, "s3:Get\0", "*")]
    {
        let question = json!({"principal": principal, "actions": [action], "resources": [resource]});
        let (code, message) = refusal(client.post("/v1/simulate", &question).await).await;
        assert!(code == "InvalidInput" && !message.contains('\u{1b}'), "{question}: {code}: {message}");
    }
}

#[tokio::test]
async fn what_hangs_on_a_role_keeps_it_and_what_it_holds() {
    let fixture = Fixture::new(Some(Role::Operator));
    let served = fixture.serve().await;
    let client = &served.client;
    post(client, "/v1/policies", json!({"name": "p", "document": document("s3:Get*")})).await;
    post(client, "/v1/roles", json!({"name": "r", "boundary": "AuditorBoundary", "tags": {"team": "red"}})).await;
    let held = put(client, "/v1/roles/r/policies/p", json!({})).await;
    assert_eq!(held["attached"], json!([format!("arn:aws:iam::{ACCOUNT}:policy/p")]));
    put(client, "/v1/roles/r/policies/p", json!({})).await;
    put(client, "/v1/roles/r/inline/own", json!({"document": document("s3:Put*")})).await;
    post(client, "/v1/instance-profiles", json!({"name": "web"})).await;
    put(client, "/v1/instance-profiles/web/role/r", json!({})).await;
    let (code, message) = refusal(client.delete("/v1/roles/r").await).await;
    assert_eq!(code, "DeleteConflict");
    assert!(
        message.contains("attached policies: 1, inline policies: 1, instance profiles that hold it: 1"),
        "{message}"
    );
    assert_eq!(refusal(client.delete("/v1/policies/p").await).await.0, "DeleteConflict");
    assert_eq!(refusal(client.delete("/v1/instance-profiles/web").await).await.0, "DeleteConflict");
    let holders: Value = client.get("/v1/policies/AuditorBoundary/holders").await.unwrap();
    assert_eq!(
        (&holders[0]["name"], &holders[0]["boundary"], &holders[0]["attached"]),
        (&json!("r"), &json!(true), &json!(false))
    );
    // A trust policy may name the role itself: it is bound to its id, and shown by its name.
    let itself = trust(&format!("arn:aws:iam::{ACCOUNT}:role/r"));
    let shown = put(client, "/v1/roles/r/trust", json!({"document": itself})).await;
    assert_eq!(shown["trust"], itself);
    let account = ACCOUNT.parse().unwrap();
    let stored = fixture.tiny.store().read(|snapshot| named::<bailey::model::Role>(snapshot, Some(&account), "r"));
    let stored = stored.unwrap().unwrap().value.trust.unwrap();
    assert!(stored.document.contains("\"AROA") && !stored.document.contains("role/r"), "{}", stored.document);

    for path in ["roles/r/policies/p", "roles/r/inline/own", "instance-profiles/web/role/r"] {
        let _: Value = client.delete(&format!("/v1/{path}")).await.unwrap();
    }
    for path in ["instance-profiles/web", "roles/r", "policies/p"] {
        let () = client.delete(&format!("/v1/{path}")).await.unwrap();
    }
    let left = fixture.tiny.store().read(|snapshot| snapshot.scan(&bailey::store::KeyRange::prefix(b""), usize::MAX));
    let left: Vec<u8> = left.unwrap().iter().map(|(key, _)| key[0]).filter(|space| b"LTXQCW".contains(space)).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Of those who change the same at once, nobody overwrites what another wrote.
#[tokio::test]
async fn of_those_who_attach_at_once_every_one_is_heard_or_told() {
    let fixture = Fixture::new(Some(Role::Operator));
    let served = fixture.serve().await;
    post(&served.client, "/v1/roles", json!({"name": "r"})).await;
    for n in 0..16 {
        post(&served.client, "/v1/policies", json!({"name": format!("p{n}"), "document": document("s3:Get*")})).await;
    }
    let attach = |n: u32| {
        let client = served.client.clone();
        tokio::spawn(async move { client.put::<Value>(&format!("/v1/roles/r/policies/p{n}"), &json!({})).await })
    };
    let mut attached = 0;
    for answer in (0..16).map(attach).collect::<Vec<_>>() {
        match answer.await.unwrap() {
            Ok(_) => attached += 1,
            Err(ClientError::Refused(error)) => assert_eq!(error.code, "ConcurrentModification"),
            Err(other) => panic!("{other}"),
        }
    }
    let held: Value = served.client.get("/v1/roles/r/policies").await.unwrap();
    assert_eq!(held["attached"].as_array().unwrap().len(), attached);
    assert!(attached > 0);
}

#[test]
fn a_newer_template_is_offered_and_counts_only_where_nobody_holds_the_old_one() {
    let store = Store::new(memory::Memory::new());
    let now = "2026-03-12T12:00:00Z".parse().unwrap();
    let settle = || bailey::admin::iam::templates::settle(&store, now).unwrap();
    settle();
    let revision = *store.watch().borrow();
    settle();
    assert_eq!(*store.watch().borrow(), revision, "what is there already is not written again");
    // An older program's text, held by somebody or not.
    let policy = |name: &str| {
        let found = store.read(|snapshot| named::<bailey::model::ManagedPolicy>(snapshot, None, name));
        found.unwrap().unwrap().value
    };
    let mut commit = Commit::new(bailey::model::Actor::task("test"), now, Intent::Widen);
    for name in ["ReadOnlyAccess", "SecurityAudit"] {
        commit.put(schema::iam::policy_version(&policy(name).id, 1), document("old:*").to_string().into());
    }
    let role = bailey::model::Holder::Role(bailey::base::RoleId::from_bytes([1; 16]));
    commit.put(schema::iam::held_by(&policy("ReadOnlyAccess").id, &role), Vec::new());
    store.commit(commit).unwrap();
    settle();
    let versions = |name: &str| (policy(name).default_version, policy(name).versions.len());
    assert_eq!(versions("ReadOnlyAccess"), (1, 2));
    assert_eq!(versions("SecurityAudit"), (2, 2));
    assert_eq!(versions("BillingViewer"), (1, 1));
}

/// People come, are renamed and go in the directory; what hangs on them here follows the person, not the name.
#[test]
fn what_hangs_on_somebody_follows_the_person_and_goes_with_them() {
    let slapd =
        Slapd::start(Options { ldif: format!("{}\n{}", person("ann"), group("team", &["ann"])), ..Options::default() });
    let mut bailey = Bailey::reading(&slapd, "");
    bailey.start();
    let file = |name: &str, content: &Value| {
        let path = bailey.path(name);
        std::fs::write(&path, content.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let s3 = file("s3.json", &document("s3:Get*"));
    let trusts = file("trust.json", &trust(&format!("arn:aws:iam::{ACCOUNT}:user/ann")));
    let office = file("office.json", &json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}));
    bailey.ok(&["policy", "create", "s3-read", &s3, "--path", "/app/"]);
    bailey.ok(&["role", "create", "Deploy", "--trust", &trusts]);
    bailey.ok(&["role", "attach", "Deploy", "s3-read"]);
    bailey.ok(&["role", "assign", "Deploy", "--to", "group/team", "--condition", &office, "--reason", "release"]);
    bailey.ok(&["role", "assign", "Deploy", "--to", "user/ann", "--until", "2026-01-01"]);
    // A condition that asks for nothing is a mistake, and never a grant without conditions.
    for nothing in [json!(null), json!({}), json!({"IpAddress": {}}), json!([])] {
        let nothing = file("nothing.json", &nothing);
        let refused = bailey.run(&["role", "assign", "Deploy", "--to", "group/team", "--condition", &nothing]);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    }
    bailey.ok(&["user", "attach", "ann", "s3-read"]);
    bailey.ok(&["user", "put-policy", "ann", "own", &s3]);
    bailey.ok(&["user", "boundary", "ann", "AuditorBoundary"]);
    bailey.ok(&["group", "attach", "team", "ReadOnlyAccess"]);
    let before = bailey.json(&["user", "policies", "ann"]);
    assert_eq!(before["boundary"], "arn:aws:iam::aws:policy/AuditorBoundary");

    slapd.rename(&format!("uid=ann,ou=people,{SUFFIX}"), "uid=anna", None);
    wait_until("a rename", || bailey.run(&["user", "show", "anna"]).status.success());
    assert_eq!(bailey.json(&["user", "policies", "anna"]), before);
    let role = bailey.json(&["role", "show", "Deploy"]);
    assert_eq!(role["trust"], trust(&format!("arn:aws:iam::{ACCOUNT}:user/anna")));
    let assigned: Vec<_> =
        role["assigned_to"].as_array().unwrap().iter().map(|one| (&one["to"], &one["counts"])).collect();
    assert_eq!(assigned, [(&json!("anna"), &json!(false)), (&json!("team"), &json!(true))]);
    // Somebody else who gets the name gets nothing with it.
    slapd.add_person("ann");
    wait_until("a namesake", || bailey.run(&["user", "show", "ann"]).status.success());
    assert_eq!(bailey.json(&["user", "policies", "ann"])["attached"], json!([]));

    let export = bailey.path("export.jsonl");
    bailey.ok(&["store", "export", export.to_str().unwrap()]);
    let second = Bailey::reading(&slapd, "");
    second.ok(&["store", "import", export.to_str().unwrap()]);
    assert_eq!(second.json(&["role", "show", "Deploy"]), role);
    assert!(second.ok(&["store", "verify"]).contains("all sound"));

    // The directory goes, and with its people what hung on them; the role stays.
    let text = std::fs::read_to_string(bailey.config()).unwrap();
    std::fs::write(bailey.config(), &text[..text.find("[[directory]]").unwrap()]).unwrap();
    bailey.signal("HUP");
    wait_until("frozen people", || bailey.json(&["user", "show", "anna"])["state"] == "frozen");
    let removal = bailey.run(&["directory", "remove", "corp"]);
    if removal.status.code() == Some(3) {
        let digest = bailey.json(&["sync", "held"])[0]["digest"].as_str().unwrap().to_owned();
        bailey.ok(&["sync", "approve", &digest]);
    }
    let role = bailey.json(&["role", "show", "Deploy"]);
    assert!(role["assigned_to"].is_null(), "{role}");
    let principal = role["trust"]["Statement"]["Principal"]["AWS"].as_str().unwrap();
    assert!(principal.starts_with("AIDA"), "of somebody deleted the id stays: {principal}");
    let holders = bailey.json(&["policy", "holders", "s3-read"]);
    assert_eq!(holders.as_array().unwrap().len(), 1, "{holders}");
    assert!(bailey.ok(&["audit", "verify"]).contains("the chain holds"));
    assert!(bailey.terminate().success(), "{}", bailey.log());
    assert!(bailey.ok(&["store", "verify"]).contains("all sound"));
}

/// What is stored decides, and says by which way.
#[test]
fn a_simulation_decides_by_what_is_stored_and_says_the_way() {
    let people = ["ann", "eve", "zoe"].map(person).join("\n");
    let groups = [group("outer", &["zoe"]), group("team", &["ann"])].join("\n");
    let slapd = Slapd::start(Options { ldif: format!("{people}\n{groups}"), ..Options::default() });
    slapd.modify(&format!(
        "dn: cn=outer,ou=groups,{SUFFIX}\nchangetype: modify\nadd: member\nmember: cn=team,ou=groups,{SUFFIX}\n"
    ));
    let mut bailey = Bailey::reading(&slapd, "");
    bailey.start();
    let file = |name: &str, content: &Value| {
        let path = bailey.path(name);
        std::fs::write(&path, content.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let red = json!({"Version": "2012-10-17", "Statement": [{"Sid": "OwnTeam", "Effect": "Allow", "Action": "s3:*",
        "Resource": "arn:aws:s3:::${aws:PrincipalTag/team}-*"}]});
    let deny = json!({"Statement": {"Sid": "Never", "Effect": "Deny", "Action": "s3:Delete*", "Resource": "*"}});
    let office = file("office.json", &json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}));
    bailey.ok(&["policy", "create", "own-team", &file("red.json", &red)]);
    bailey.ok(&["group", "attach", "outer", "own-team"]);
    bailey.ok(&["user", "tag", "ann", "team=red"]);
    bailey.ok(&["user", "put-policy", "ann", "never", &file("deny.json", &deny)]);
    bailey.ok(&["role", "create", "Deploy"]);
    bailey.ok(&["role", "attach", "Deploy", "ReadOnlyAccess"]);
    bailey.ok(&["role", "assign", "Deploy", "--to", "group/outer", "--condition", &office]);

    let user = |name: &str| format!("arn:aws:iam::{ACCOUNT}:user/{name}");
    let role = format!("arn:aws:iam::{ACCOUNT}:role/Deploy");
    let ask = |principal: &str, action: &str, resource: &str, more: &[&str]| {
        let words = [
            &[
                "policy",
                "simulate",
                "--principal",
                principal,
                "--action",
                action,
                "--resource",
                resource,
                "--output",
                "json",
            ],
            more,
        ]
        .concat();
        let output = bailey.run(&words);
        let answers: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{words:?}: {output:?}"));
        let decision = answers[0]["decision"].as_str().unwrap().to_owned();
        assert_eq!(output.status.code(), Some(i32::from(decision != "Allowed")));
        (decision, answers[0].clone())
    };
    let object = "arn:aws:s3:::red-reports/2026.pdf";
    let (decision, answer) = ask(&user("ann"), "s3:GetObject", object, &[]);
    assert_eq!(decision, "Allowed");
    assert_eq!(answer["reasons"][0]["through"], json!(["user/ann", "group/team", "group/outer"]), "{answer}");
    assert_eq!(answer["reasons"][0]["policy"], format!("arn:aws:iam::{ACCOUNT}:policy/own-team"));
    let office_ip = ["--context", "aws:SourceIp=10.1.2.3"];
    let session = format!("arn:aws:sts::{ACCOUNT}:assumed-role/Deploy/ann");
    for (principal, action, resource, more, expected) in [
        (user("ann"), "s3:DeleteObject", object, &[][..], "ExplicitlyDenied"),
        (user("ann"), "s3:DeleteObject", object, &["--without", "never"], "Allowed"),
        (user("ann"), "s3:GetObject", object, &["--without", "own-team"], "ImplicitlyDenied"),
        (user("ann"), "s3:GetObject", object, &["--context", "aws:PrincipalTag/team=blue"], "ImplicitlyDenied"),
        (user("eve"), "s3:GetObject", object, &[], "ImplicitlyDenied"),
        (user("ann"), "sts:AssumeRole", &role, &[], "ImplicitlyDenied"),
        (user("ann"), "sts:AssumeRole", &role, &office_ip, "Allowed"),
        (user("eve"), "sts:AssumeRole", &role, &office_ip, "ImplicitlyDenied"),
        (session.clone(), "s3:GetObject", object, &[], "Allowed"),
        (session, "s3:PutObject", object, &[], "ImplicitlyDenied"),
        (role.clone(), "s3:GetObject", object, &[], "Allowed"),
        (format!("arn:aws:iam::{ACCOUNT}:root"), "s3:PutObject", object, &[], "Allowed"),
    ] {
        let (decision, answer) = ask(&principal, action, resource, more);
        assert_eq!(decision, expected, "{principal} {action} {more:?}: {answer}");
    }
    // A missing address is told, and a boundary narrows what was allowed.
    let (_, answer) = ask(&user("ann"), "sts:AssumeRole", &role, &[]);
    assert_eq!(answer["missing"], json!(["aws:sourceip"]));
    bailey.ok(&["user", "boundary", "ann", "BillingViewer"]);
    let (decision, answer) = ask(&user("ann"), "s3:GetObject", object, &[]);
    assert_eq!(decision, "ImplicitlyDenied");
    assert!(answer["reasons"].to_string().contains("permissions boundary"), "{answer}");
    // So is a role that was assigned: both halves of an assignment are within the boundary.
    let (decision, answer) = ask(&user("ann"), "sts:AssumeRole", &role, &office_ip);
    assert_eq!(decision, "ImplicitlyDenied", "{answer}");
    // Whoever may not act may do nothing.
    slapd.delete(&format!("uid=ann,ou=people,{SUFFIX}"));
    wait_until("a leaver", || bailey.json(&["user", "show", "ann"])["state"] == "gone");
    let (decision, answer) = ask(&user("ann"), "s3:GetObject", object, &[]);
    assert_eq!(decision, "ImplicitlyDenied");
    assert!(answer["reasons"][0]["what"].as_str().unwrap().contains("gone from the directory"), "{answer}");
    for (principal, words) in
        [("ann", "no principal"), ("arn:aws:iam::999999999999:user/ann", "in account"), (&user("nobody"), "no user")]
    {
        let output = bailey.run(&["policy", "simulate", "--principal", principal, "--action", "s3:GetObject"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(words), "{principal}: {said}");
    }
}

/// Names of groups say who may assume what, from the moment they are read.
#[test]
fn names_of_groups_say_roles_and_the_report_says_what_they_come_to() {
    let people = ["ann", "eve"].map(person).join("\n");
    let admin = format!("aws-{ACCOUNT}-admin");
    let groups = [group(&admin, &["ann"]), group("aws-999999999999-ops", &["eve"]), group("team-red", &["eve"])];
    let slapd = Slapd::start(Options { ldif: format!("{people}\n{}", groups.join("\n")), ..Options::default() });
    let mut bailey = Bailey::reading(&slapd, "");
    let rules = r#"
[[group_role]]
pattern = '^aws-(?<account>\d{12})-(?<role>.+)$'
[[group_role]]
pattern = 'team-(?<team>.+)|aws-.*-admin'
role = "Team-${team}"
[[group_role]]
pattern = 'nothing-(?<role>.+)'
"#;
    let text = std::fs::read_to_string(bailey.config()).unwrap();
    std::fs::write(bailey.config(), format!("{text}{rules}")).unwrap();
    bailey.start();
    let coverage = || {
        let output = bailey.run(&["role", "coverage", "--output", "json"]);
        (output.status.code(), serde_json::from_slice::<Value>(&output.stdout).unwrap())
    };
    let (code, report) = coverage();
    assert_eq!(code, Some(1));
    let first = |group: &str, account: &str, role: &str, exists: bool| json!({"group": group, "account": account, "role": role, "exists": exists, "people": 1, "machines": 0});
    assert_eq!(
        report["rules"][0]["groups"],
        json!([first(&admin, ACCOUNT, "admin", false), first("aws-999999999999-ops", "999999999999", "ops", false)])
    );
    assert_eq!(report["rules"][1]["groups"], json!([first("team-red", ACCOUNT, "Team-red", false)]));
    assert_eq!(report["rules"][2]["groups"], json!([]));
    assert_eq!(report["conflicts"], json!([{"group": admin, "roles": ["admin", "Team-"]}]));
    assert_eq!(report["missing_roles"].as_array().unwrap().len(), 3);
    assert_eq!((&report["unmatched"], &report["unmatched_count"]), (&json!(["staff"]), &json!(1)));
    let page = bailey.run(&["role", "coverage"]);
    let page = String::from_utf8_lossy(&page.stdout).into_owned();
    for words in ["no such role", "rule 2 fits no group", "rules disagree about", "no rule fits staff"] {
        assert!(page.contains(words), "{words}: {page}");
    }

    let assumes = |who: &str, role: &str| {
        let principal = format!("arn:aws:iam::{ACCOUNT}:user/{who}");
        let role = format!("arn:aws:iam::{ACCOUNT}:role/{role}");
        let words = [
            "policy",
            "simulate",
            "--principal",
            &principal,
            "--action",
            "sts:AssumeRole",
            "--resource",
            &role,
            "--output",
            "json",
        ];
        serde_json::from_slice::<Value>(&bailey.run(&words).stdout).unwrap()[0].clone()
    };
    assert_eq!(
        assumes("ann", "admin")["decision"],
        "ImplicitlyDenied",
        "a role that is not there gives nobody anything"
    );
    bailey.ok(&["role", "create", "admin"]);
    bailey.ok(&["role", "create", "Team-red"]);
    let answer = assumes("ann", "admin");
    assert_eq!(answer["decision"], "Allowed", "{answer}");
    let reasons = answer["reasons"].to_string();
    assert!(reasons.contains(&format!("group_role[0] of role/admin to group/{admin}")), "{reasons}");
    assert_eq!(assumes("eve", "Team-red")["decision"], "Allowed");
    assert_eq!(assumes("eve", "admin")["decision"], "ImplicitlyDenied");
    // A reload takes the rules away.
    std::fs::write(bailey.config(), text).unwrap();
    bailey.signal("HUP");
    wait_until("no rules", || assumes("ann", "admin")["decision"] == "ImplicitlyDenied");
}

/// A role of another account is spelt with it, and takes both sides: a rule of group names is both.
#[test]
fn a_role_of_another_account_takes_both_sides() {
    let people = ["ann", "eve"].map(person).join("\n");
    let ops = group("aws-999999999999-ops", &["eve"]);
    let slapd = Slapd::start(Options { ldif: format!("{people}\n{ops}"), ..Options::default() });
    let mut bailey = Bailey::reading(&slapd, "");
    let more = r#"
[[other_account]]
id = "999999999999"
[[group_role]]
pattern = 'aws-(?<account>\d{12})-(?<role>.+)'
"#;
    let text = std::fs::read_to_string(bailey.config()).unwrap();
    std::fs::write(bailey.config(), format!("{text}{more}")).unwrap();
    bailey.start();
    let ops = bailey.json(&["role", "create", "ops", "--account", "999999999999"]);
    assert_eq!(ops["arn"], "arn:aws:iam::999999999999:role/ops");
    assert_eq!(bailey.json(&["role", "show", "999999999999/ops"])["id"], ops["id"]);
    assert_eq!(bailey.json(&["role", "list", "--account", "999999999999"]).as_array().unwrap().len(), 1);
    let decides = |principal: &str, action: &str, resource: &str| {
        let words = [
            "policy",
            "simulate",
            "--principal",
            principal,
            "--action",
            action,
            "--resource",
            resource,
            "--output",
            "json",
        ];
        serde_json::from_slice::<Value>(&bailey.run(&words).stdout).unwrap()[0]["decision"].clone()
    };
    let elsewhere = "arn:aws:iam::999999999999:role/ops";
    assert_eq!(decides(&format!("arn:aws:iam::{ACCOUNT}:user/eve"), "sts:AssumeRole", elsewhere), "Allowed");
    assert_eq!(decides(&format!("arn:aws:iam::{ACCOUNT}:user/ann"), "sts:AssumeRole", elsewhere), "ImplicitlyDenied");
    bailey.ok(&["role", "attach", "999999999999/ops", "ReadOnlyAccess"]);
    let session = "arn:aws:sts::999999999999:assumed-role/ops/eve";
    assert_eq!(decides(session, "s3:GetObject", "arn:aws:s3:::a/b"), "Allowed");
    bailey.ok(&["instance-profile", "create", "web"]);
    let stray = bailey.run(&["instance-profile", "add-role", "web", "999999999999/ops"]);
    assert!(String::from_utf8_lossy(&stray.stderr).contains("of its own account"));
    let undeclared = bailey.run(&["role", "create", "ops", "--account", "888888888888"]);
    assert!(String::from_utf8_lossy(&undeclared.stderr).contains("declare it as [[other_account]]"));
    // An account that is declared no more takes its roles with it.
    std::fs::write(
        bailey.config(),
        format!("{text}{}", more.replace("[[other_account]]\nid = \"999999999999\"\n", "")),
    )
    .unwrap();
    bailey.signal("HUP");
    wait_until("an account taken out", || {
        decides(&format!("arn:aws:iam::{ACCOUNT}:user/eve"), "sts:AssumeRole", elsewhere) == "ImplicitlyDenied"
    });
}

/// Whoever deletes something and whoever hangs something on it at the same moment: one of them is told, whichever comes first.
#[test]
fn nothing_comes_to_hang_on_what_is_being_deleted() {
    use bailey::model::{Assignment, Entitlements, Holder, ManagedPolicy, Member, Role, role};
    use bailey::store::iam::{Read, claimed, entitlements};
    use bailey::store::schema::iam as keys;
    let now = "2026-03-12T12:00:00Z".parse().unwrap();
    let by = || bailey::model::Actor::task("test");
    let fresh = || Commit::new(by(), now, Intent::Widen);
    let made = || {
        let store = Store::new(memory::Memory::new());
        bailey::admin::iam::templates::settle(&store, now).unwrap();
        let role = Role {
            id: bailey::base::RoleId::from_bytes([1; 16]),
            account: ACCOUNT.parse().unwrap(),
            path: "/".parse().unwrap(),
            name: "r".parse().unwrap(),
            description: String::new(),
            trust: None,
            max_session: role::USUAL_SESSION,
            privileged: false,
            created: now,
        };
        let mut commit = fresh();
        commit.add_object(&role).unwrap();
        let user = Member::User(bailey::base::UserId::from_bytes([2; 16]));
        commit.put(schema::entity(&user), vec![0; 16]);
        store.commit(commit).unwrap();
        (store, role, user)
    };
    // Each pair is put together on the same state: what hangs something, and what deletes.
    let attach = |store: &Store, role: &Role| {
        let holder = Holder::Role(role.id);
        let policy = store.read(|snapshot| named::<ManagedPolicy>(snapshot, None, "SecurityAudit")).unwrap().unwrap();
        let before = store.read(|snapshot| entitlements(snapshot, &holder)).unwrap();
        let after = Entitlements { attached: [policy.value.id].into(), ..Entitlements::default() };
        let since = store.read(|snapshot| claimed(snapshot, &keys::policy(&policy.value.id))).unwrap();
        let (mut hang, mut delete) = (fresh(), fresh());
        hang.expect(keys::role(&role.id), bailey::store::Expect::Present);
        hang.put_entitlements(&holder, &before, &after).unwrap();
        delete.delete_object(&policy.value, policy.revision, since);
        [hang, delete]
    };
    let assign = |store: &Store, role: &Role, user: Member| {
        let assignment = Assignment {
            to: user,
            role: role.id,
            condition: None,
            not_before: None,
            not_after: None,
            reason: String::new(),
            by: by(),
            created: now,
        };
        let mut hang = fresh();
        hang.put_assignment(&assignment, 0).unwrap();
        let read: Read<Role> = store.read(|snapshot| named(snapshot, Some(&role.account), "r")).unwrap().unwrap();
        (hang, read)
    };
    for first in [0, 1] {
        let (store, role, user) = made();
        let mut pairs = vec![attach(&store, &role)];
        let (hang, read) = assign(&store, &role, user);
        let mut delete = fresh();
        delete.delete_object(&role, read.revision, store.read(|s| claimed(s, &keys::role(&role.id))).unwrap());
        pairs.push([hang, delete]);
        for (number, mut pair) in pairs.into_iter().enumerate() {
            if first == 1 {
                pair.reverse();
            }
            let [one, other] = pair;
            // The second pair stands on a state that the first has changed elsewhere.
            store.commit(one).unwrap_or_else(|error| panic!("{first} {number}: {error}"));
            assert!(store.commit(other).is_err(), "{first} {number}");
        }
        // The same of somebody whom the sync deletes.
        let (store, role, user) = made();
        let (hang, _) = assign(&store, &role, user);
        let row = schema::entity(&user);
        let mut delete = fresh();
        delete.unclaimed_since(&row, store.read(|s| claimed(s, &row)).unwrap());
        delete.delete(row);
        let mut pair = [hang, delete];
        if first == 1 {
            pair.reverse();
        }
        let [one, other] = pair;
        store.commit(one).unwrap();
        assert!(store.commit(other).is_err(), "{first}, a person");
    }
}

/// Damage of these rows is found.
#[test]
fn what_does_not_fit_together_is_found() {
    let store = Store::new(memory::Memory::new());
    let now = "2026-03-12T12:00:00Z".parse().unwrap();
    bailey::admin::iam::templates::settle(&store, now).unwrap();
    assert_eq!(verify(&store).unwrap().findings, []);
    let role = bailey::base::RoleId::from_bytes([1; 16]);
    let holder = bailey::model::Holder::Role(role);
    let policy = store.read(|snapshot| named::<bailey::model::ManagedPolicy>(snapshot, None, "ReadOnlyAccess"));
    let policy = policy.unwrap().unwrap().value.id;
    let member = bailey::model::Member::User(bailey::base::UserId::from_bytes([2; 16]));
    let mut commit = Commit::new(bailey::model::Actor::task("test"), now, Intent::Widen);
    commit.put(schema::iam::held_by(&policy, &holder), Vec::new());
    commit.put(schema::iam::entitlements(&holder), b"{}".to_vec());
    commit.put(schema::iam::assignment_back(&role, &member), Vec::new());
    commit.put(schema::iam::name(schema::iam::Named::Role, None, "ghost"), vec![1; 16]);
    commit.put(schema::iam::role(&role), b"{\"not\":\"a role\"}".to_vec());
    commit.delete(schema::iam::policy_version(&policy, 1));
    store.commit(commit).unwrap();
    let found: Vec<String> = verify(&store)
        .unwrap()
        .findings
        .into_iter()
        .map(|finding| format!("{}: {}", finding.key, finding.problem))
        .collect();
    for words in ["does not hold it", "no such assignment", "missing field", "its version 1 is not there"] {
        assert!(found.iter().any(|line| line.contains(words)), "{words}: {found:#?}");
    }
    assert!(found.len() >= 5, "{found:#?}");
}
