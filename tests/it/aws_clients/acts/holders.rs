//! What hangs on users, groups and roles alike.

use serde_json::{Value, json};

use super::super::client::{Caller, document, has, names};
use super::super::{ADMINISTRATOR, READ_ONLY};

/// A document with what an encoding could spoil.
pub(super) fn awkward() -> Value {
    json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "One", "Effect": "Allow", "Action": ["s3:Get*", "s3:List*"],
        "Resource": "arn:aws:s3:::b%C3%A4r+x/${aws:username}/*",
        "Condition": {"StringLike": {"aws:PrincipalTag/team": ["a & b", "<grün>", "c\"d"]}}
    }]})
}

/// `kind` is `User`, `Group` or `Role`.
pub(super) fn policies(admin: &Caller<'_>, kind: &str, name: &str) {
    let whose = format!("{kind}Name");
    let of = |more: Value| {
        let mut params = more;
        params[&whose] = json!(name);
        params
    };
    let inline = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]});
    for (policy, text) in [("first", awkward()), ("second", inline.clone()), ("third", inline.clone())] {
        admin.ok(&format!("Put{kind}Policy"), of(json!({"PolicyName": policy, "PolicyDocument": text.to_string()})));
    }
    let found = admin.ok(&format!("Get{kind}Policy"), of(json!({"PolicyName": "first"})));
    has(&found, &of(json!({"PolicyName": "first"})));
    assert_eq!(document(&found["PolicyDocument"]), awkward());
    admin.ok(&format!("Put{kind}Policy"), of(json!({"PolicyName": "first", "PolicyDocument": inline.to_string()})));
    let found = admin.ok(&format!("Get{kind}Policy"), of(json!({"PolicyName": "first"})));
    assert_eq!(document(&found["PolicyDocument"]), inline, "in its place");
    let list = format!("List{kind}Policies");
    assert_eq!(admin.all(&list, of(json!({})), ("PolicyNames", "")), ["first", "second", "third"]);
    for policy in ["first", "second", "third"] {
        admin.ok(&format!("Delete{kind}Policy"), of(json!({"PolicyName": policy})));
    }
    has(&admin.ok(&list, of(json!({}))), &json!({"PolicyNames": [], "IsTruncated": false}));
    admin.no(&format!("Get{kind}Policy"), of(json!({"PolicyName": "first"}))).is("NoSuchEntity", 404, "first");

    let own = admin.ok(
        "CreatePolicy",
        json!({"PolicyName": format!("for-{name}"), "Path": "/own/", "PolicyDocument": inline.to_string()}),
    );
    let own = own["Policy"]["Arn"].as_str().unwrap();
    for arn in [READ_ONLY, ADMINISTRATOR, own] {
        admin.ok(&format!("Attach{kind}Policy"), of(json!({"PolicyArn": arn})));
    }
    let list = format!("ListAttached{kind}Policies");
    let mut attached = admin.all(&list, of(json!({})), ("AttachedPolicies", "PolicyArn"));
    attached.sort();
    assert_eq!(attached, [own, ADMINISTRATOR, READ_ONLY]);
    let below = admin.ok(&list, of(json!({"PathPrefix": "/own/"})));
    has(
        &below,
        &json!({"AttachedPolicies": [{"PolicyName": format!("for-{name}"), "PolicyArn": own}], "IsTruncated": false}),
    );
    for arn in [READ_ONLY, ADMINISTRATOR, own] {
        admin.ok(&format!("Detach{kind}Policy"), of(json!({"PolicyArn": arn})));
    }
    admin.no(&format!("Detach{kind}Policy"), of(json!({"PolicyArn": own}))).is("NoSuchEntity", 404, "attached there");
    assert_eq!(names(&admin.ok(&list, of(json!({})))["AttachedPolicies"], "PolicyArn"), [""; 0]);
    admin.ok("DeletePolicy", json!({"PolicyArn": own}));
}

/// `kind` is `User` or `Role`, and `whose` names it.
pub(super) fn boundary(admin: &Caller<'_>, kind: &str, whose: &Value) {
    let shown = || admin.ok(&format!("Get{kind}"), whose.clone())[kind]["PermissionsBoundary"].clone();
    let mut params = whose.clone();
    params["PermissionsBoundary"] = json!(ADMINISTRATOR);
    admin.ok(&format!("Put{kind}PermissionsBoundary"), params);
    assert_eq!(shown(), json!({"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": ADMINISTRATOR}));
    admin.ok(&format!("Delete{kind}PermissionsBoundary"), whose.clone());
    assert_eq!(shown(), Value::Null);
    admin.no(&format!("Delete{kind}PermissionsBoundary"), whose.clone()).is("NoSuchEntity", 404, "boundary");
}
