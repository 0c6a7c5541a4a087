//! Sessions of roles: who may begin one, for how long, under which name, and what it may do then.

use serde_json::json;

use crate::sts_office::{ACCOUNT, Office, allow, trusts};

fn role_of(name: &str, session: &str) -> String {
    format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}")
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_a_role_trusts_acts_for_it_and_has_its_rights_alone() {
    let office = Office::new().await;
    let ann = office.user("ann", allow(&["iam:ListUsers"])).await;
    office.role("Deployer", trusts("ann"), allow(&["iam:ListRoles"])).await;
    let told = office.assume(&ann, "Deployer", &[]).await;
    assert_eq!(told.text("Arn"), role_of("Deployer", "ann-cli"));
    assert!(told.text("AssumedRoleId").starts_with("AROA") && told.text("AssumedRoleId").ends_with(":ann-cli"));
    assert_eq!(told.text("Expiration"), "2026-03-12T13:00:00Z");
    let session = told.credentials();
    assert!(session.id.starts_with("ASIA"));

    assert_eq!(office.who_is(&session).await.text("Arn"), role_of("Deployer", "ann-cli"));
    assert_eq!(office.iam(&session, &[("Action", "ListRoles")]).await.status, 200);
    let no = office.iam(&session, &[("Action", "ListUsers")]).await;
    no.refuses(
        "AccessDenied",
        &format!("User: {} is not authorized to perform: iam:ListUsers", role_of("Deployer", "ann-cli")),
    );
    let info = office.sts(&ann, &[("Action", "GetAccessKeyInfo"), ("AccessKeyId", &session.id)]).await;
    info.refuses("AccessDenied", "sts:GetAccessKeyInfo");
    let own = office.iam(&session, &[("Action", "CreateAccessKey")]).await;
    own.refuses("ValidationError", "Must specify userName when calling with non-User credentials");
    let record = office.last_record();
    assert!(!record.contains(&session.secret) && !record.contains(session.token.as_deref().unwrap()), "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_its_time_is_over() {
    let office = Office::new().await;
    let ann = office.user("ann", json!([])).await;
    office.role("Deployer", trusts("ann"), allow(&["iam:ListRoles"])).await;
    let session = office.assume(&ann, "Deployer", &[("DurationSeconds", "900")]).await.credentials();
    office.pass(899);
    assert_eq!(office.who_is(&session).await.status, 200);
    office.pass(1);
    let over = office.who_is(&session).await;
    over.refuses("ExpiredToken", "the session is over since 2026-03-12T12:15:00Z");
    assert_eq!(over.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_is_passed_is_told_and_nothing_is_cut_short() {
    let office = Office::new().await;
    let ann = office.user("ann", json!([])).await;
    office.role("Deployer", trusts("ann"), allow(&["sts:AssumeRole"])).await;
    let account = json!({ "AWS": ACCOUNT });
    office
        .role("Next", json!([{ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": account }]), json!([]))
        .await;
    let long = office.assume(&ann, "Deployer", &[("DurationSeconds", "43200")]).await;
    long.refuses("ValidationError", "requested 43200 s, role allows 14400");
    for wrong in ["899", "43201", "x"] {
        office
            .assume(&ann, "Deployer", &[("DurationSeconds", wrong)])
            .await
            .refuses("ValidationError", "'durationSeconds'");
    }
    let first = office.assume(&ann, "Deployer", &[("DurationSeconds", "14400")]).await.credentials();
    let chained = office.assume(&first, "Next", &[("DurationSeconds", "7200")]).await;
    chained.refuses(
        "ValidationError",
        "requested 7200 s, role allows 14400, chained sessions allow 3600, the session it begins with lasts 14400",
    );
    // A chain never outlives what it began with, and who does not say how long gets what is left.
    office.pass(14_400 - 600);
    let next = office.assume(&first, "Next", &[]).await;
    assert_eq!(next.text("Expiration"), "2026-03-12T16:00:00Z");
    let next = next.credentials();
    assert_eq!(office.who_is(&next).await.text("Arn"), role_of("Next", "ann-cli"));
    office.pass(600);
    office.who_is(&next).await.refuses("ExpiredToken", "the session is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told_why_and_it_is_recorded() {
    let office = Office::new().await;
    let (ann, bob) = (office.user("ann", json!([])).await, office.user("bob", allow(&["sts:*"])).await);
    office.role("Deployer", trusts("ann"), json!([])).await;
    office
        .assume(&bob, "Deployer", &[])
        .await
        .refuses("AccessDenied", "because the role's trust policy does not allow the sts:AssumeRole action");
    office.assume(&bob, "Nowhere", &[]).await.refuses("AccessDenied", "because no such role trusts who asks");
    office
        .put(
            "/v1/users/ann/inline/no",
            json!({ "document": { "Statement": { "Effect": "Deny", "Action": "sts:*", "Resource": "*" } } }),
        )
        .await;
    office.assume(&ann, "Deployer", &[]).await.refuses("AccessDenied", "with an explicit deny");
    let record = office.last_record();
    assert!(record.contains("AssumeRole") && record.contains("explicit deny"), "{record}");
    for (name, value, field) in [
        ("RoleSessionName", "a b", "roleSessionName"),
        ("RoleSessionName", "x", "roleSessionName"),
        ("RoleArn", "arn:aws:iam::123456789012:user/ann", "roleArn"),
        ("SourceIdentity", "aws:x", "sourceIdentity"),
        ("ExternalId", "?", "externalId"),
    ] {
        office.assume(&bob, "Deployer", &[(name, value)]).await.refuses("ValidationError", field);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trust_looks_at_what_is_asked_for() {
    let office = Office::new().await;
    let ann = office.user("ann", json!([])).await;
    let mut trust = trusts("ann");
    trust[0]["Condition"] = json!({
        "StringEquals": { "sts:ExternalId": "7f3c", "sts:RoleSessionName": "${aws:username}", "aws:RequestTag/team": "web" },
        "IpAddress": { "aws:SourceIp": "203.0.113.0/24" },
        "StringLike": { "sts:SourceIdentity": "a*" }
    });
    office.role("Strict", trust, json!([])).await;
    let good = [
        ("RoleSessionName", "ann"),
        ("ExternalId", "7f3c"),
        ("SourceIdentity", "ann@corp"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "web"),
    ];
    let told = office.assume(&ann, "Strict", &good).await;
    assert_eq!((told.status, told.text("SourceIdentity")), (200, "ann@corp".to_owned()), "{}", told.xml);
    assert_eq!(told.text("PackedPolicySize"), "1");
    for (at, other) in [(0, "bob"), (1, "7F3C"), (2, "bob"), (4, "ops")] {
        let mut asked = good;
        asked[at].1 = other;
        office.assume(&ann, "Strict", &asked).await.refuses("AccessDenied", "trust policy does not allow");
    }
    for missing in 0..3 {
        let asked: Vec<_> = good.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, pair)| *pair).collect();
        office.assume(&ann, "Strict", &asked).await.refuses("AccessDenied", "trust policy does not allow");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_and_who_is_behind_it_are_permissions_of_their_own() {
    let office = Office::new().await;
    let ann = office.user("ann", json!([])).await;
    let mut trust = trusts("ann");
    trust[0]["Action"] = json!("sts:AssumeRole");
    office.role("Plain", trust, json!([])).await;
    assert_eq!(office.assume(&ann, "Plain", &[]).await.status, 200);
    let tag = [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "web")];
    office.assume(&ann, "Plain", &tag).await.refuses("AccessDenied", "sts:TagSession");
    office.assume(&ann, "Plain", &[("SourceIdentity", "ann")]).await.refuses("AccessDenied", "sts:SetSourceIdentity");
    let twice = [("Tags.member.1.Key", "team"), ("Tags.member.2.Key", "TEAM")];
    office.assume(&ann, "Plain", &twice).await.refuses("ValidationError", "must not be repeated, whatever their case");
    office.assume(&ann, "Plain", &[("Tags.member.1.Key", "aws:x")]).await.refuses("ValidationError", "is no tag key");
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_of_a_session_count_and_those_that_go_on_stay_as_they_are() {
    let office = Office::new().await;
    let ann = office.user("ann", json!([])).await;
    let own = json!([
        { "Effect": "Allow", "Action": "iam:ListRoles", "Resource": "*", "Condition": { "StringEquals": { "aws:PrincipalTag/team": "web" } } },
        { "Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*", "Condition": { "StringEquals": { "aws:SourceIdentity": "ann" } } },
        { "Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"], "Resource": "*" }
    ]);
    office.role("First", trusts("ann"), own.clone()).await;
    let account = json!([{ "Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"], "Principal": { "AWS": ACCOUNT } }]);
    office.role("Next", account, own).await;
    let asked = [
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "web"),
        ("Tags.member.2.Key", "step"),
        ("Tags.member.2.Value", "one"),
        ("TransitiveTagKeys.member.1", "Team"),
        ("SourceIdentity", "ann"),
    ];
    let first = office.assume(&ann, "First", &asked).await.credentials();
    assert_eq!(office.iam(&first, &[("Action", "ListRoles")]).await.status, 200);
    assert_eq!(office.iam(&first, &[("Action", "ListUsers")]).await.status, 200);
    let untagged = office.assume(&ann, "First", &[]).await.credentials();
    assert_eq!(office.iam(&untagged, &[("Action", "ListRoles")]).await.status, 403);

    let next = office.assume(&first, "Next", &[]).await;
    assert_eq!(next.text("SourceIdentity"), "ann", "it goes on by itself");
    let next = next.credentials();
    assert_eq!(office.iam(&next, &[("Action", "ListRoles")]).await.status, 200, "team goes on");
    for (name, value) in [("Tags.member.1.Key", "TEAM"), ("SourceIdentity", "bob")] {
        let no = office.assume(&first, "Next", &[(name, value)]).await;
        no.refuses("AccessDenied", "the session that asks");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_policy_narrows_and_widens_nothing() {
    let office = Office::new().await;
    let ann = office.user("ann", json!([])).await;
    office.role("Deployer", trusts("ann"), allow(&["iam:List*"])).await;
    let policy =
        json!({ "Statement": { "Effect": "Allow", "Action": ["iam:ListRoles", "iam:CreateUser"], "Resource": "*" } })
            .to_string();
    let narrowed = office.assume(&ann, "Deployer", &[("Policy", &policy)]).await.credentials();
    assert_eq!(office.iam(&narrowed, &[("Action", "ListRoles")]).await.status, 200);
    office.iam(&narrowed, &[("Action", "ListUsers")]).await.refuses("AccessDenied", "no session policy allows");
    office
        .iam(&narrowed, &[("Action", "CreateUser"), ("UserName", "x")])
        .await
        .refuses("AccessDenied", "no identity-based policy allows");
    let by_arn = [("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/ReadOnlyAccess")];
    let narrowed = office.assume(&ann, "Deployer", &by_arn).await.credentials();
    assert_eq!(office.iam(&narrowed, &[("Action", "ListUsers")]).await.status, 200);
    office
        .assume(&ann, "Deployer", &[("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/None")])
        .await
        .refuses("MalformedPolicyDocument", "does not exist");
    office.assume(&ann, "Deployer", &[("Policy", "{")]).await.refuses("MalformedPolicyDocument", "");
    office.assume(&ann, "Deployer", &[("Policy", &"x".repeat(2_049))]).await.refuses("PackedPolicyTooLarge", "2048");
    // A policy that is gone allows nothing, rather than everything.
    let document = json!({ "Statement": { "Effect": "Allow", "Action": "iam:*", "Resource": "*" } });
    office.post("/v1/policies", json!({ "name": "window", "document": document })).await;
    let arn = format!("arn:aws:iam::{ACCOUNT}:policy/window");
    let narrowed = office.assume(&ann, "Deployer", &[("PolicyArns.member.1.arn", &arn)]).await.credentials();
    assert_eq!(office.iam(&narrowed, &[("Action", "ListUsers")]).await.status, 200);
    let _: serde_json::Value = office.served.client.delete("/v1/policies/window").await.unwrap();
    office.iam(&narrowed, &[("Action", "ListUsers")]).await.refuses("AccessDenied", "no session policy allows");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sessions_must_not_do_is_no_matter_of_policies() {
    let office = Office::new().await;
    let root = crate::bed::signer::Credentials::told(&office.post("/v1/init", json!({})).await);
    let ann = office.user("ann", allow(&["*"])).await;
    office.role("Deployer", trusts("ann"), allow(&["*"])).await;
    let everything = json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } }).to_string();
    let own = office.sts(&ann, &[("Action", "GetSessionToken")]).await;
    assert_eq!(own.text("Expiration"), "2026-03-13T00:00:00Z");
    let own = own.credentials();
    let role = office.assume(&ann, "Deployer", &[]).await.credentials();
    let handed =
        office.sts(&ann, &[("Action", "GetFederationToken"), ("Name", "guest"), ("Policy", &everything)]).await;
    assert_eq!(handed.text("Arn"), format!("arn:aws:sts::{ACCOUNT}:federated-user/guest"));
    let handed = handed.credentials();
    assert_eq!(office.who_is(&own).await.text("Arn"), format!("arn:aws:iam::{ACCOUNT}:user/ann"));
    assert_eq!(office.who_is(&handed).await.text("UserId"), format!("{ACCOUNT}:guest"));

    let list = [("Action", "ListUsers")];
    assert_eq!(office.iam(&role, &list).await.status, 200);
    office.iam(&own, &list).await.refuses("AccessDenied", "where a second factor was shown");
    office.iam(&handed, &list).await.refuses("AccessDenied", "reaches neither IAM nor STS");
    assert_eq!(office.assume(&own, "Deployer", &[]).await.status, 200, "that is what it is for");
    office.assume(&handed, "Deployer", &[]).await.refuses("AccessDenied", "reaches neither IAM nor STS");
    for action in [("Action", "GetSessionToken"), ("Action", "GetFederationToken")] {
        for who in [&own, &role, &handed] {
            assert_eq!(office.sts(who, &[action, ("Name", "guest")]).await.text("Code"), "AccessDenied");
        }
    }
    office.assume(&root, "Deployer", &[]).await.refuses("AccessDenied", "root itself assumes no role");
    let of_root = office.sts(&root, &[("Action", "GetSessionToken"), ("DurationSeconds", "7200")]).await;
    of_root.refuses("ValidationError", "sessions of root last 3600");
    let of_root = office.sts(&root, &[("Action", "GetSessionToken"), ("DurationSeconds", "3600")]).await.credentials();
    assert_eq!(office.who_is(&of_root).await.text("Arn"), format!("arn:aws:iam::{ACCOUNT}:root"));
}

/// To hand out a name is one thing, to say what it is tagged with another: what policies say of tags would be its holder's.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_tags_a_name_that_is_handed_out_needs_the_right_to_tag_sessions() {
    let office = Office::new().await;
    let everything = json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } }).to_string();
    let hand = async |who: &crate::bed::signer::Credentials, tags: &[(&str, &str)]| {
        let asked = [("Action", "GetFederationToken"), ("Name", "guest"), ("Policy", everything.as_str())];
        office.sts(who, &[&asked[..], tags].concat()).await
    };
    let team = |value: &'static str| [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", value)];
    let plain = office.user("plain", allow(&["sts:GetFederationToken"])).await;
    assert_eq!(hand(&plain, &[]).await.status, 200);
    hand(&plain, &team("web")).await.refuses("AccessDenied", "allows the sts:TagSession action");
    let tags = json!([
        { "Effect": "Allow", "Action": "sts:GetFederationToken", "Resource": "*" },
        { "Effect": "Allow", "Action": "sts:TagSession", "Resource": "*", "Condition": {
            "StringEquals": { "aws:RequestTag/team": "web" }, "ForAllValues:StringEquals": { "aws:TagKeys": ["team"] } } }
    ]);
    let tagger = office.user("tagger", tags).await;
    let handed = hand(&tagger, &team("web")).await.credentials();
    let shown: serde_json::Value = office.served.client.get(&format!("/v1/sessions/{}", handed.id)).await.unwrap();
    assert_eq!(shown["tags"], json!({ "team": "web" }));
    hand(&tagger, &team("ops")).await.refuses("AccessDenied", "sts:TagSession");
    let more = [("Tags.member.2.Key", "step"), ("Tags.member.2.Value", "1")];
    hand(&tagger, &[&team("web")[..], &more].concat()).await.refuses("AccessDenied", "sts:TagSession");
    assert_eq!(hand(&tagger, &[]).await.status, 200, "without tags it is not asked for");
    let denied = json!([
        { "Effect": "Allow", "Action": "sts:*", "Resource": "*" },
        { "Effect": "Deny", "Action": "sts:TagSession", "Resource": "*" }
    ]);
    let denied = office.user("denied", denied).await;
    hand(&denied, &team("web")).await.refuses("AccessDenied", "with an explicit deny");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_the_keys_or_is_changed_is_nobodys() {
    let office = Office::new().await;
    let ann = office.user("ann", json!([])).await;
    office.role("Deployer", trusts("ann"), json!([])).await;
    let (one, two) = (
        office.assume(&ann, "Deployer", &[]).await.credentials(),
        office.assume(&ann, "Deployer", &[]).await.credentials(),
    );
    assert_ne!((&one.id, &one.token), (&two.id, &two.token));
    let mut wrong = vec![
        crate::bed::signer::Credentials { token: two.token.clone(), ..one.clone() },
        crate::bed::signer::Credentials { token: None, ..one.clone() },
        crate::bed::signer::Credentials { token: one.token.clone(), ..ann.clone() },
        crate::bed::signer::Credentials { token: Some("x".repeat(100)), ..one.clone() },
    ];
    let mut forged = one.token.clone().unwrap();
    let place = forged.len() - 6..forged.len() - 5;
    let other = if &forged[place.clone()] == "A" { "B" } else { "A" };
    forged.replace_range(place, other);
    wrong.push(crate::bed::signer::Credentials { token: Some(forged), ..one.clone() });
    for credentials in wrong {
        office.who_is(&credentials).await.refuses("InvalidClientTokenId", "");
    }
    let other_secret = crate::bed::signer::Credentials { secret: two.secret.clone(), ..one.clone() };
    office.who_is(&other_secret).await.refuses("SignatureDoesNotMatch", "");
    assert_eq!(office.who_is(&one).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_of_another_account_is_nobody_in_ours() {
    let office = Office::new().await;
    let other = "210987654321";
    let declared = bailey::model::Account {
        id: other.parse().unwrap(),
        name: "staging".to_owned(),
        kind: bailey::model::AccountKind::Local,
    };
    office.fixture.app.admin.others.write().unwrap().push(declared);
    let ann = office.user("ann", json!([])).await;
    office.post("/v1/roles", json!({ "name": "Admin", "account": other })).await;
    office
        .put(
            &format!("/v1/roles/{other}%2FAdmin/inline/own"),
            json!({ "document": { "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } } }),
        )
        .await;
    office.put(&format!("/v1/roles/{other}%2FAdmin/assigned/user/ann"), json!({})).await;
    let role = format!("arn:aws:iam::{other}:role/Admin");
    let session = office.assume(&ann, "Admin", &[("RoleArn", &role)]).await.credentials();
    let who = office.who_is(&session).await;
    assert_eq!(
        (who.text("Account"), who.text("Arn")),
        (other.to_owned(), format!("arn:aws:sts::{other}:assumed-role/Admin/ann-cli"))
    );
    for action in ["ListUsers", "GetAccountSummary", "CreateAccountAlias"] {
        let asked = [("Action", action), ("AccountAlias", "ours")];
        office.iam(&session, &asked).await.refuses("AccessDenied", "because it belongs to account 210987654321");
    }
}
