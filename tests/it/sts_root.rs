//! `AssumeRoot`: root of another account for a task, for whoever of the home account may, and nothing beyond the task.

use bailey::authn::CallerKind;
use bailey::gate::Operation;
use bailey::model::{Account, AccountKind, RootTask};
use serde_json::{Value, json};

use crate::bed::signer::Credentials;
use crate::sts_office::{ACCOUNT, Office, Told, allow, trusts};

const OTHER: &str = "210987654321";
const THIRD: &str = "333333333333";
const OF_AWS: &str = "444444444444";
const TASK: &str = "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials";

fn root_of(account: &str) -> String {
    format!("arn:aws:iam::{account}:root")
}

/// An office with other accounts.
async fn office() -> Office {
    let office = Office::new().await;
    for (id, kind) in [(OTHER, AccountKind::Local), (THIRD, AccountKind::Local), (OF_AWS, AccountKind::Aws)] {
        let declared = Account { id: id.parse().unwrap(), name: format!("account-{id}"), kind };
        office.fixture.app.admin.others.write().unwrap().push(declared);
    }
    office
}

/// Somebody who may be root of `OTHER`.
async fn auditor(office: &Office, name: &str) -> Credentials {
    let may = json!([{ "Effect": "Allow", "Action": "sts:AssumeRoot", "Resource": root_of(OTHER) }]);
    office.user(name, may).await
}

async fn assume_root(office: &Office, who: &Credentials, more: &[(&str, &str)]) -> Told {
    let base = [("Action", "AssumeRoot"), ("TargetPrincipal", OTHER), ("TaskPolicyArn.arn", TASK)];
    let kept = base.into_iter().filter(|(name, _)| !more.iter().any(|(own, _)| own == name));
    office.sts(who, &kept.chain(more.iter().copied()).collect::<Vec<_>>()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_does_the_task_as_root_of_that_account() {
    let office = office().await;
    let ann = auditor(&office, "ann").await;
    for target in [OTHER.to_owned(), root_of(OTHER)] {
        let told = assume_root(&office, &ann, &[("TargetPrincipal", &target)]).await;
        assert_eq!(told.text("Expiration"), "2026-03-12T12:15:00Z", "900 seconds, where nothing is said");
        assert_eq!(told.found("SourceIdentity"), None);
    }
    let told = assume_root(&office, &ann, &[("DurationSeconds", "60")]).await;
    assert_eq!(told.text("Expiration"), "2026-03-12T12:01:00Z");
    let record = office.last_record();
    for said in ["AssumeRoot", "IAMAuditRootUserCredentials", &root_of(OTHER), "user/ann", "\"through\""] {
        assert!(record.contains(said), "{said}: {record}");
    }
    let root = told.credentials();
    assert!(!record.contains(&root.secret) && !record.contains(root.token.as_deref().unwrap()), "{record}");
    let who = office.who_is(&root).await;
    assert_eq!(
        (who.text("Account"), who.text("UserId"), who.text("Arn")),
        (OTHER.into(), OTHER.into(), root_of(OTHER))
    );

    let told = office.iam(&root, &[("Action", "GetUser")]).await;
    assert_eq!((told.text("UserId"), told.text("Arn")), (OTHER.to_owned(), root_of(OTHER)));
    let record: Value = serde_json::from_str(&office.last_record()).unwrap();
    let who = (&record["userIdentity"]["type"], &record["userIdentity"]["userName"]);
    assert_eq!((&record["eventName"], who), (&json!("GetUser"), (&json!("Root"), &json!(root_of(OTHER)))), "{record}");
    let told = office.iam(&root, &[("Action", "ListAccessKeys")]).await;
    assert!(told.status == 200 && told.xml.contains("<AccessKeyMetadata></AccessKeyMetadata>"), "{}", told.xml);
    assert_eq!(office.iam(&root, &[("Action", "ListMFADevices")]).await.text("IsTruncated"), "false");
    let told = office.iam(&root, &[("Action", "GetLoginProfile"), ("UserName", &root_of(OTHER))]).await;
    told.refuses("NoSuchEntity", "the account has no root user here");
    let shown: Value = office.served.client.get(&format!("/v1/sessions/{}", root.id)).await.unwrap();
    assert_eq!((&shown["arn"], &shown["person"]), (&json!(root_of(OTHER)), &json!("ann")), "{shown}");

    office.pass(60);
    office.who_is(&root).await.refuses("ExpiredToken", "the session is over");
    // Nothing is refused about no time at all, as in AWS; but it is over at once.
    let over = assume_root(&office, &ann, &[("DurationSeconds", "0")]).await.credentials();
    office.who_is(&over).await.refuses("ExpiredToken", "the session is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_reaches_nothing_of_the_home_account_and_nothing_but_the_task() {
    let office = office().await;
    office.post("/v1/init", json!({})).await;
    let ann = auditor(&office, "ann").await;
    office.role("Deployer", trusts("ann"), allow(&["*"])).await;
    let open = json!([{ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": [OTHER, "*"] } }]);
    office.role("Open", open.clone(), allow(&["*"])).await;
    office.post("/v1/roles", json!({ "name": "Admin", "account": OTHER, "trust": { "Statement": open } })).await;
    let root = assume_root(&office, &ann, &[]).await.credentials();

    // What it may ask it asks about itself alone, however somebody else is spelt.
    let (home, third) = (root_of(ACCOUNT), root_of(THIRD));
    for name in ["ann", "<root_account>", &home, &third, "*", &format!("arn:aws:iam::{ACCOUNT}:user/ann")] {
        for action in ["GetUser", "ListAccessKeys", "ListMFADevices", "GetLoginProfile"] {
            let told = office.iam(&root, &[("Action", action), ("UserName", name)]).await;
            told.refuses("AccessDenied", &format!("because it reaches {} alone", root_of(OTHER)));
        }
    }
    let signed = [("UserName", "ann"), ("RoleName", "Deployer"), ("GroupName", "team"), ("PolicyName", "own")];
    for action in bailey::iam::actions().map(|action| action.name) {
        if RootTask::AuditCredentials.actions().contains(&format!("iam:{action}").as_str()) {
            continue;
        }
        let told = office.iam(&root, &[&[("Action", action)], &signed[..]].concat()).await;
        // What lacks a parameter is told so before anybody is asked; nothing is carried out either way.
        assert!(
            ["AccessDenied", "ValidationError", "MissingParameter"].contains(&told.found("Code").unwrap()),
            "{action}: {}",
            told.xml
        );
        office.pass(1);
    }
    let fresh = assume_root(&office, &ann, &[]).await.credentials();
    for role in [format!("arn:aws:iam::{ACCOUNT}:role/Open"), format!("arn:aws:iam::{OTHER}:role/Admin")] {
        office
            .assume(&fresh, "x", &[("RoleArn", &role)])
            .await
            .refuses("AccessDenied", "does its task, and nothing else");
    }
    let more = [
        ("Name", "guest"),
        ("AccessKeyId", ann.id.as_str()),
        ("EncodedMessage", "x"),
        ("Audience.member.1", "x"),
        ("SigningAlgorithm", "RS256"),
    ];
    for action in [
        "GetSessionToken",
        "GetFederationToken",
        "GetAccessKeyInfo",
        "DecodeAuthorizationMessage",
        "GetWebIdentityToken",
    ] {
        let told = office.sts(&fresh, &[&[("Action", action)], &more[..]].concat()).await;
        told.refuses("AccessDenied", "does its task, and nothing else");
    }
    for target in [OTHER, THIRD, ACCOUNT] {
        let told = assume_root(&office, &fresh, &[("TargetPrincipal", target)]).await;
        told.refuses("AccessDenied", "does its task, and nothing else");
    }
}

/// The gate's table and the documents of the tasks say the same.
#[test]
fn what_a_task_allows_is_what_the_gate_asks_policies_about() {
    for operation in Operation::ALL {
        let allowed = RootTask::ALL.iter().any(|task| task.actions().contains(&operation.action().as_str()));
        let expected = match operation {
            Operation::GetCallerIdentity | Operation::IntrospectSession => Some(true),
            _ => (!allowed).then_some(false),
        };
        assert_eq!(operation.allowed_for(CallerKind::AssumedRoot), expected, "{operation}");
        if allowed {
            let (ordinary, own) = (CallerKind::User, CallerKind::AssumedRoot);
            let action = |kind| bailey::iam::action_for(kind, "iam", operation.name()).unwrap();
            assert!(!std::ptr::eq(action(ordinary), action(own)), "{operation} answers of the home account");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told_why() {
    let office = office().await;
    let home_root = Credentials::told(&office.post("/v1/init", json!({})).await);
    let (ann, boss) = (auditor(&office, "ann").await, office.user("boss", allow(&["*"])).await);
    let nobody = office.user("nobody", allow(&["sts:AssumeRole", "iam:*"])).await;
    assume_root(&office, &nobody, &[]).await.refuses("AccessDenied", "allows the sts:AssumeRoot action");
    let other = [("TargetPrincipal", THIRD)];
    assume_root(&office, &ann, &other).await.refuses("AccessDenied", "allows the sts:AssumeRoot action");
    assert_eq!(assume_root(&office, &boss, &other).await.status, 200);
    for (target, said) in [
        (ACCOUNT, "only root itself may act on root"),
        (OF_AWS, "is one of AWS, and so is its root"),
        ("555555555555", "declares no other account 555555555555"),
    ] {
        assume_root(&office, &boss, &[("TargetPrincipal", target)]).await.refuses("AccessDenied", said);
        assert!(office.last_record().contains(said), "{}", office.last_record());
    }
    assume_root(&office, &home_root, &[]).await.refuses("AccessDenied", "root itself assumes no role");
    let everything = json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } }).to_string();
    let handed = [("Action", "GetFederationToken"), ("Name", "guest"), ("Policy", everything.as_str())];
    let handed = office.sts(&boss, &handed).await.credentials();
    assume_root(&office, &handed, &[]).await.refuses("AccessDenied", "reaches neither IAM nor STS");
    // The administrator of another account is nobody here.
    office.post("/v1/roles", json!({ "name": "Admin", "account": THIRD })).await;
    let document = json!({ "document": { "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } } });
    office.put(&format!("/v1/roles/{THIRD}%2FAdmin/inline/own"), document).await;
    office.put(&format!("/v1/roles/{THIRD}%2FAdmin/assigned/user/ann"), json!({})).await;
    let role = format!("arn:aws:iam::{THIRD}:role/Admin");
    let admin = office.assume(&ann, "Admin", &[("RoleArn", &role)]).await.credentials();
    for target in [OTHER, THIRD] {
        let told = assume_root(&office, &admin, &[("TargetPrincipal", target)]).await;
        told.refuses("AccessDenied", &format!("because it belongs to account {THIRD}"));
    }
    for (name, value, said) in [
        ("TargetPrincipal", "ann", "'targetPrincipal'"),
        ("TargetPrincipal", "arn:aws:iam::210987654321:user/x", "'targetPrincipal'"),
        ("TaskPolicyArn.arn", "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy", TASK),
        ("TaskPolicyArn.arn", "arn:aws:iam::aws:policy/root-task/IAMDeleteRootUserCredentials", TASK),
        ("TaskPolicyArn.arn", "arn:aws:iam::aws:policy/AdministratorAccess", TASK),
        ("DurationSeconds", "901", "'durationSeconds'"),
    ] {
        assume_root(&office, &boss, &[(name, value)]).await.refuses("ValidationError", said);
    }
    let missing = office.sts(&boss, &[("Action", "AssumeRoot"), ("TargetPrincipal", OTHER)]).await;
    missing.refuses("ValidationError", "askPolicyArn.arn");
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_and_guardrails_have_a_say() {
    let office = office().await;
    let may = json!([{ "Effect": "Allow", "Action": "sts:AssumeRoot", "Resource": "arn:aws:iam::*:root",
        "Condition": {
            "ArnEquals": { "sts:TaskPolicyArn": TASK }, "NumericLessThanEquals": { "sts:DurationSeconds": "300" },
            "StringEquals": { "aws:ResourceAccount": OTHER }, "IpAddress": { "aws:SourceIp": "203.0.113.0/24" } } }]);
    let ann = office.user("ann", may).await;
    assume_root(&office, &ann, &[]).await.refuses("AccessDenied", "sts:AssumeRoot");
    let short = ("DurationSeconds", "300");
    assume_root(&office, &ann, &[short, ("TargetPrincipal", THIRD)]).await.refuses("AccessDenied", "sts:AssumeRoot");
    let root = assume_root(&office, &ann, &[short]).await.credentials();
    assert_eq!(office.iam(&root, &[("Action", "GetUser")]).await.status, 200);
    // Root of the account is bound by what binds the account.
    let no = json!({ "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Effect": "Deny", "Action": "iam:GetUser", "Resource": "*" },
    ] });
    office.post("/v1/guardrails", json!({ "name": "no", "kind": "service", "document": no })).await;
    office.put(&format!("/v1/guardrails/no/on/account%2F{OTHER}"), json!({})).await;
    office.iam(&root, &[("Action", "GetUser")]).await.refuses("AccessDenied", "service control policy");
    assert_eq!(office.iam(&root, &[("Action", "ListAccessKeys")]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_when_the_right_of_who_began_it_ends() {
    type Deed = fn(&Office) -> std::pin::Pin<Box<dyn Future<Output = ()> + '_>>;
    let deeds: [(&str, Deed); 5] = [
        ("may not act as root of the account any more, because no identity-based policy allows", |office| {
            Box::pin(async {
                let _: Value = office.served.client.delete("/v1/users/ann/inline/own").await.unwrap();
            })
        }),
        ("with an explicit deny", |office| {
            Box::pin(async {
                let no = json!({ "document": { "Statement": { "Effect": "Deny", "Action": "sts:AssumeRoot", "Resource": "*" } } });
                office.put("/v1/users/ann/inline/no", no).await;
            })
        }),
        ("access key", |office| {
            Box::pin(async {
                let keys: Value = office.served.client.get("/v1/users/ann/access-keys").await.unwrap();
                let id = keys[0]["id"].as_str().unwrap();
                office.post(&format!("/v1/users/ann/access-keys/{id}"), json!({ "active": false })).await;
            })
        }),
        ("declares no other account", |office| {
            Box::pin(async { office.fixture.app.admin.others.write().unwrap().clear() })
        }),
        ("may not act: the account has expired", |office| {
            Box::pin(async {
                let ends = office.fixture.app.admin.now().to_string();
                office.post("/v1/users/ann", json!({ "expires": ends })).await;
            })
        }),
    ];
    for (why, deed) in deeds {
        let office = office().await;
        let ann = auditor(&office, "ann").await;
        let direct = assume_root(&office, &ann, &[]).await.credentials();
        let own = office.sts(&ann, &[("Action", "GetSessionToken"), ("DurationSeconds", "900")]).await.credentials();
        let behind = assume_root(&office, &own, &[]).await.credentials();
        assert_eq!(office.who_is(&behind).await.status, 200);
        deed(&office).await;
        for root in [&direct, &behind] {
            office.who_is(root).await.refuses("ExpiredToken", why);
        }
        assert!(office.sweep().ended >= 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_never_outlives_the_session_it_began_with_and_ends_with_it() {
    let office = office().await;
    let ann = office.user("ann", json!([])).await;
    office.role("Auditor", trusts("ann"), allow(&["sts:AssumeRoot"])).await;
    let named = [("SourceIdentity", "ann@corp"), ("DurationSeconds", "900")];
    let role = office.assume(&ann, "Auditor", &named).await.credentials();
    office.pass(600);
    let long = assume_root(&office, &role, &[("DurationSeconds", "900")]).await;
    long.refuses("ValidationError", "tasks of root last 900");
    let told = assume_root(&office, &role, &[]).await;
    assert_eq!(
        (told.text("Expiration"), told.text("SourceIdentity")),
        ("2026-03-12T12:15:00Z".into(), "ann@corp".into())
    );
    let root = told.credentials();
    assert_eq!(office.who_is(&root).await.status, 200);
    let shown: Value = office.served.client.get(&format!("/v1/sessions/{}", role.id)).await.unwrap();
    let id = shown["id"].as_str().unwrap();
    office.post(&format!("/v1/sessions/{id}/end"), json!({ "reason": "lost laptop" })).await;
    office.who_is(&root).await.refuses("ExpiredToken", "was ended");
}
