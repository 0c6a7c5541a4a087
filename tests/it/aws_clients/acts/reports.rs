//! What reviews begin with.

use base64::Engine as _;
use serde_json::{Value, json};

use super::super::ACCOUNT;
use super::super::client::{Caller, has, names, now};

pub(in super::super) fn credentials(admin: &Caller<'_>) {
    admin.ok("CreateUser", json!({"UserName": "reported"}));
    while admin.ok("GenerateCredentialReport", json!({}))["State"] != "COMPLETE" {}
    let report = admin.ok("GetCredentialReport", json!({}));
    has(&report, &json!({"ReportFormat": "text/csv"}));
    now(&report["GeneratedTime"]);
    let content = base64::engine::general_purpose::STANDARD.decode(report["Content"]["bytes"].as_str().unwrap());
    let content = String::from_utf8(content.unwrap()).unwrap();
    let (head, lines) = content.split_once('\n').unwrap();
    assert!(head.starts_with("user,arn,user_creation_time,password_enabled,"), "{head}");
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/reported");
    let line = lines.lines().find(|line| line.starts_with("reported,")).unwrap();
    assert!(line.starts_with(&format!("reported,{arn},")), "{line}");
    assert!(lines.starts_with("<root_account>,"), "{lines}");
    admin.ok("DeleteUser", json!({"UserName": "reported"}));
}

pub(in super::super) fn details(admin: &Caller<'_>) {
    admin.ok("CreateUser", json!({"UserName": "detailed"}));
    admin
        .ok("PutUserPolicy", json!({"UserName": "detailed", "PolicyName": "p", "PolicyDocument": reads().to_string()}));
    let users = json!({"Filter": ["User"]});
    let all = admin.all("GetAccountAuthorizationDetails", users.clone(), ("UserDetailList", "UserName"));
    assert!(all.contains(&"detailed".to_owned()), "{all:?}");
    let whole = admin.ok("GetAccountAuthorizationDetails", users);
    let one = whole["UserDetailList"].as_array().unwrap().iter().find(|user| user["UserName"] == "detailed").unwrap();
    assert_eq!(names(&one["UserPolicyList"], "PolicyName"), ["p"]);
    admin.ok("DeleteUserPolicy", json!({"UserName": "detailed", "PolicyName": "p"}));
    admin.ok("DeleteUser", json!({"UserName": "detailed"}));
}

pub(in super::super) fn services(admin: &Caller<'_>) {
    admin.ok("CreateUser", json!({"UserName": "granted"}));
    admin.ok("PutUserPolicy", json!({"UserName": "granted", "PolicyName": "p", "PolicyDocument": reads().to_string()}));
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/granted");
    let asked = json!({"Arn": arn, "ServiceNamespaces": ["s3", "ec2"]});
    let found = admin.ok("ListPoliciesGrantingServiceAccess", asked)["PoliciesGrantingServiceAccess"].take();
    assert_eq!(names(&found, "ServiceNamespace"), ["s3", "ec2"]);
    has(&found[0]["Policies"][0], &json!({"PolicyName": "p", "PolicyType": "INLINE", "EntityName": "granted"}));
    assert_eq!(found[1]["Policies"], json!([]));

    let job = admin.ok("GenerateServiceLastAccessedDetails", json!({ "Arn": arn }));
    let shown = admin.ok("GetServiceLastAccessedDetails", job.clone());
    has(&shown, &json!({"JobStatus": "COMPLETED", "JobType": "SERVICE_LEVEL"}));
    assert_eq!(names(&shown["ServicesLastAccessed"], "ServiceNamespace"), ["s3"]);
    let users = json!({"JobId": job["JobId"], "ServiceNamespace": "s3"});
    let shown = admin.ok("GetServiceLastAccessedDetailsWithEntities", users);
    has(&shown, &json!({"JobStatus": "COMPLETED", "EntityDetailsList": []}));
    admin.ok("DeleteUserPolicy", json!({"UserName": "granted", "PolicyName": "p"}));
    admin.ok("DeleteUser", json!({"UserName": "granted"}));
}

pub(in super::super) fn custom_simulation(admin: &Caller<'_>) {
    let asked = json!({"PolicyInputList": [reads().to_string()], "ActionNames": ["s3:GetObject", "s3:PutObject"],
        "ContextEntries": [{"ContextKeyName": "aws:SourceIp", "ContextKeyValues": ["10.1.2.3"], "ContextKeyType": "ip"}]});
    let results = admin.ok("SimulateCustomPolicy", asked)["EvaluationResults"].take();
    assert_eq!(names(&results, "EvalDecision"), ["allowed", "implicitDeny"]);
    assert_eq!(results[0]["MatchedStatements"][0]["SourcePolicyId"], "PolicyInputList.1");

    let keys = |found: Value| names(&found["ContextKeyNames"], "").concat().to_lowercase();
    let documents = json!({"PolicyInputList": [reads().to_string()]});
    assert_eq!(keys(admin.ok("GetContextKeysForCustomPolicy", documents.clone())), "aws:sourceip");
    let mut of = documents;
    of["PolicySourceArn"] = json!(format!("arn:aws:iam::{ACCOUNT}:user/carol"));
    assert!(keys(admin.ok("GetContextKeysForPrincipalPolicy", of)).contains("aws:sourceip"));
}

fn reads() -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}
    ]})
}
