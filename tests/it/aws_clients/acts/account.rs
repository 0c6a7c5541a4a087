//! The account as a whole, and what if.

use serde_json::{Value, json};

use super::super::ACCOUNT;
use super::super::client::{Caller, has, names};

pub(in super::super) fn alias_and_summary(admin: &Caller<'_>) {
    has(&admin.ok("ListAccountAliases", json!({})), &json!({"AccountAliases": [], "IsTruncated": false}));
    admin.ok("CreateAccountAlias", json!({"AccountAlias": "acme-works"}));
    admin.ok("CreateAccountAlias", json!({"AccountAlias": "acme"}));
    assert_eq!(admin.all("ListAccountAliases", json!({}), ("AccountAliases", "")), ["acme"], "one at a time");
    admin.ok("DeleteAccountAlias", json!({"AccountAlias": "acme"}));
    admin.no("DeleteAccountAlias", json!({"AccountAlias": "acme"})).is("NoSuchEntity", 404, "acme");

    let before = admin.ok("GetAccountSummary", json!({}));
    admin.ok("CreateUser", json!({"UserName": "counted"}));
    let after = admin.ok("GetAccountSummary", json!({}));
    let users = |summary: &Value| summary["SummaryMap"]["Users"].as_u64().unwrap();
    assert_eq!(users(&after), users(&before) + 1);
    has(
        &after["SummaryMap"],
        &json!({"AccessKeysPerUserQuota": 2, "VersionsPerPolicyQuota": 5, "AccountMFAEnabled": 0}),
    );
    admin.ok("DeleteUser", json!({"UserName": "counted"}));
}

pub(in super::super) fn simulation(admin: &Caller<'_>) {
    let carol = format!("arn:aws:iam::{ACCOUNT}:user/carol");
    let text = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
        {"Effect": "Deny", "Action": "s3:GetSecret", "Resource": "*"}
    ]});
    admin.ok("PutUserPolicy", json!({"UserName": "carol", "PolicyName": "maybe", "PolicyDocument": text.to_string()}));
    let asked = json!({"PolicySourceArn": carol, "ActionNames": ["s3:GetObject", "s3:GetSecret", "s3:PutObject"],
        "ResourceArns": ["arn:aws:s3:::box/*"],
        "ContextEntries": [{"ContextKeyName": "aws:SourceIp", "ContextKeyValues": ["10.1.2.3"], "ContextKeyType": "ip"}]});
    let found = admin.ok("SimulatePrincipalPolicy", asked.clone());
    let results = &found["EvaluationResults"];
    assert_eq!(names(results, "EvalDecision"), ["allowed", "explicitDeny", "implicitDeny"]);
    has(
        &results[0],
        &json!({"EvalActionName": "s3:GetObject", "EvalResourceName": "arn:aws:s3:::box/*", "MissingContextValues": []}),
    );
    assert!(results[0]["MatchedStatements"][0]["SourcePolicyId"].as_str().unwrap().contains("maybe"), "{results}");
    assert_eq!(admin.all("SimulatePrincipalPolicy", asked, ("EvaluationResults", "EvalDecision")).len(), 3);

    // What if it had this besides, or another boundary; or the bucket said so.
    let puts = json!({"Statement": {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}}).to_string();
    let bucket = json!({"Statement": {"Effect": "Allow", "Principal": {"AWS": carol}, "Action": "s3:PutObject", "Resource": "*"}});
    for (more, decision) in [
        (json!({}), "implicitDeny"),
        (json!({"PolicyInputList": [puts]}), "allowed"),
        (json!({"PolicyInputList": [puts], "PermissionsBoundaryPolicyInputList": [text.to_string()]}), "implicitDeny"),
        (json!({"ResourcePolicy": bucket.to_string(), "CallerArn": carol}), "allowed"),
    ] {
        let mut params =
            json!({"PolicySourceArn": carol, "ActionNames": ["s3:PutObject"], "ResourceArns": ["arn:aws:s3:::box/x"]});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let results = admin.ok("SimulatePrincipalPolicy", params)["EvaluationResults"].take();
        assert_eq!(results[0]["EvalDecision"], decision, "{more}: {results}");
    }
    let of_another =
        json!({"PolicySourceArn": carol, "ActionNames": ["s3:PutObject"], "CallerArn": format!("{carol}x")});
    admin.no("SimulatePrincipalPolicy", of_another).is("ValidationError", 400, "callerArn");

    let without = json!({"PolicySourceArn": carol, "ActionNames": ["s3:GetObject"]});
    let results = admin.ok("SimulatePrincipalPolicy", without)["EvaluationResults"].take();
    assert_eq!(results[0]["EvalDecision"], "implicitDeny");
    // Names of keys have no case.
    let missing = names(&results[0]["MissingContextValues"], "").concat();
    assert!(missing.eq_ignore_ascii_case("aws:SourceIp"), "{missing}");
    admin.ok("DeleteUserPolicy", json!({"UserName": "carol", "PolicyName": "maybe"}));
}
