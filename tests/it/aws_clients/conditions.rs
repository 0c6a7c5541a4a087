//! What policies ask of a request, through the wire: where it comes from, what it attaches, which tags it brings, whose it is.

use serde_json::{Value, json};

use super::client::{Caller, Client};
use super::{ACCOUNT, ADMINISTRATOR, Company, Key, READ_ONLY};

/// Somebody new with these statements and a key.
fn somebody<'a>(admin: &Caller<'a>, name: &str, statements: &Value) -> Caller<'a> {
    let text = json!({"Version": "2012-10-17", "Statement": statements});
    admin.ok("CreateUser", json!({"UserName": name}));
    admin.ok("PutUserPolicy", json!({"UserName": name, "PolicyName": "own", "PolicyDocument": text.to_string()}));
    let made = admin.ok("CreateAccessKey", json!({"UserName": name}));
    let text = |member: &str| made["AccessKey"][member].as_str().unwrap().to_owned();
    admin.client.with(&Key { id: text("AccessKeyId"), secret: text("SecretAccessKey") })
}

#[test]
fn policies_ask_where_a_request_comes_from_and_how() {
    let company = Company::new();
    company.initialized();
    let key = company.key_of("alice");
    let client = Client::boto(&company);
    let alice = client.with(&key);
    let everything = json!({"Effect": "Allow", "Action": "iam:*", "Resource": "*"});
    let forwarded = |from: &str, by: &str| json!({"X-Forwarded-For": from, "X-Forwarded-Proto": by});

    let mut here = everything.clone();
    here["Condition"] = json!({"IpAddress": {"aws:SourceIp": "127.0.0.1/32"}});
    let near = somebody(&alice, "near", &json!([here]));
    near.ok("ListUsers", json!({}));
    near.but("headers", forwarded("203.0.113.9", "https")).no("ListUsers", json!({})).is(
        "AccessDenied",
        403,
        "no identity-based policy",
    );

    let sealed = json!({"Sid": "OnlySealed", "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}});
    let careful = somebody(&alice, "careful", &json!([everything, sealed]));
    careful.ok("ListUsers", json!({}));
    careful.but("headers", forwarded("203.0.113.9", "https")).ok("ListUsers", json!({}));
    let open = careful.but("headers", forwarded("203.0.113.9", "http"));
    open.no("ListUsers", json!({})).is("AccessDenied", 403, "with an explicit deny");
    open.no("ListUsers", json!({})).is("AccessDenied", 403, "`OnlySealed`");
    open.ok("GetCallerIdentity", json!({}));

    let mut of_boto = everything.clone();
    of_boto["Condition"] =
        json!({"StringLike": {"aws:UserAgent": "Boto3/*"}, "StringEquals": {"aws:RequestedRegion": "us-east-1"}});
    let by_boto = somebody(&alice, "by-boto", &json!([of_boto]));
    by_boto.ok("ListUsers", json!({}));
    let javascript = Client::javascript(&company);
    let key = alice.ok("CreateAccessKey", json!({"UserName": "by-boto"}));
    let text = |member: &str| key["AccessKey"][member].as_str().unwrap().to_owned();
    let by_javascript = javascript.with(&Key { id: text("AccessKeyId"), secret: text("SecretAccessKey") });
    by_javascript.no("ListUsers", json!({})).is("AccessDenied", 403, "no identity-based policy");
    drop((client, javascript));
    company.ends_without_a_trace_of_secrets();
}

#[test]
fn who_may_delegate_may_give_what_was_meant_and_no_more() {
    let company = Company::new();
    company.initialized();
    let key = company.key_of("alice");
    let client = Client::boto(&company);
    let alice = client.with(&key);
    let delegate = somebody(
        &alice,
        "delegate",
        &json!([
            {"Effect": "Allow", "Action": ["iam:AttachUserPolicy", "iam:DetachUserPolicy"], "Resource": "*",
                "Condition": {"ArnEquals": {"iam:PolicyARN": READ_ONLY}}},
            {"Effect": "Allow", "Action": ["iam:CreateUser", "iam:PutUserPermissionsBoundary"], "Resource": format!("arn:aws:iam::{ACCOUNT}:user/team/*"),
                "Condition": {"StringEquals": {"iam:PermissionsBoundary": READ_ONLY}}}
        ]),
    );
    let denied = |action: &str, params: Value| delegate.no(action, params).is("AccessDenied", 403, "not authorized");
    let new = |name: &str, more: Value| {
        let mut params = json!({"UserName": name, "Path": "/team/"});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    denied("CreateUser", new("w", json!({})));
    denied("CreateUser", new("w", json!({"PermissionsBoundary": ADMINISTRATOR})));
    denied("CreateUser", new("w", json!({"PermissionsBoundary": READ_ONLY, "Path": "/other/"})));
    delegate.ok("CreateUser", new("w", json!({"PermissionsBoundary": READ_ONLY})));
    denied("PutUserPermissionsBoundary", json!({"UserName": "w", "PermissionsBoundary": ADMINISTRATOR}));
    denied("DeleteUserPermissionsBoundary", json!({"UserName": "w"}));
    denied("AttachUserPolicy", json!({"UserName": "w", "PolicyArn": ADMINISTRATOR}));
    denied("AttachUserPolicy", json!({"UserName": "delegate", "PolicyArn": ADMINISTRATOR}));
    delegate.ok("AttachUserPolicy", json!({"UserName": "w", "PolicyArn": READ_ONLY}));
    delegate.ok("DetachUserPolicy", json!({"UserName": "w", "PolicyArn": READ_ONLY}));

    let tagger = somebody(
        &alice,
        "tagger",
        &json!([
            {"Effect": "Allow", "Action": "iam:CreateUser", "Resource": "*", "Condition": {"StringEquals": {"aws:RequestTag/team": ["blue", "red"]}}},
            {"Effect": "Allow", "Action": ["iam:TagUser", "iam:UntagUser"], "Resource": "*",
                "Condition": {"StringEquals": {"aws:ResourceTag/team": "blue"}, "ForAllValues:StringEquals": {"aws:TagKeys": ["project", "cost"]}}}
        ]),
    );
    let denied = |action: &str, params: Value| tagger.no(action, params).is("AccessDenied", 403, "not authorized");
    let tags = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect::<Vec<_>>()
    };
    let tagged = |name: &str, pairs: &[(&str, &str)]| json!({"UserName": name, "Tags": tags(pairs)});
    denied("CreateUser", json!({"UserName": "t1"}));
    denied("CreateUser", tagged("t1", &[("team", "green")]));
    tagger.ok("CreateUser", tagged("t1", &[("team", "blue"), ("x", "y")]));
    tagger.ok("CreateUser", tagged("t2", &[("team", "red")]));
    tagger.ok("TagUser", tagged("t1", &[("project", "bridge"), ("cost", "7")]));
    denied("TagUser", tagged("t1", &[("project", "bridge"), ("team", "red")]));
    denied("TagUser", tagged("t2", &[("project", "bridge")]));
    tagger.ok("UntagUser", json!({"UserName": "t1", "TagKeys": ["cost"]}));
    denied("UntagUser", json!({"UserName": "t1", "TagKeys": ["cost", "team"]}));

    let oneself = json!([{"Effect": "Allow", "Action": ["iam:*AccessKey*", "iam:GetUser"], "Resource": format!("arn:aws:iam::{ACCOUNT}:user/${{aws:username}}")}]);
    let own = somebody(&alice, "own", &oneself);
    let other = somebody(&alice, "other", &oneself);
    own.ok("GetUser", json!({}));
    let made = own.ok("CreateAccessKey", json!({}));
    assert_eq!(made["AccessKey"]["UserName"], "own");
    own.ok("ListAccessKeys", json!({"UserName": "OWN"}));
    own.no("ListAccessKeys", json!({"UserName": "other"})).is("AccessDenied", 403, "user/other");
    own.no("UpdateAccessKey", json!({"UserName": "other", "AccessKeyId": other.key(), "Status": "Inactive"})).is(
        "AccessDenied",
        403,
        "user/other",
    );
    // Another's key under one's own name is nobody's.
    own.no("DeleteAccessKey", json!({"AccessKeyId": other.key()})).is("NoSuchEntity", 404, "of `own`");
    own.ok("DeleteAccessKey", json!({"AccessKeyId": made["AccessKey"]["AccessKeyId"]}));
    drop(client);
    company.ends_without_a_trace_of_secrets();
}
