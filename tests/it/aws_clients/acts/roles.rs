//! Roles, and the instance profiles that hold them.

use serde_json::{Value, json};

use super::super::client::{Caller, document, has, names, now};
use super::super::{ACCOUNT, READ_ONLY};
use super::holders;

fn trust() -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT}:user/carol")}, "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": "a&b <c> + %20"}}},
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]})
}

pub(in super::super) fn roles(admin: &Caller<'_>) {
    let tags = json!([{"Key": "k", "Value": "v"}]);
    let made = admin.ok(
        "CreateRole",
        json!({"RoleName": "r.one", "Path": "/ops/", "AssumeRolePolicyDocument": trust().to_string(), "Description": "Räumt auf",
            "MaxSessionDuration": 7200, "PermissionsBoundary": READ_ONLY, "Tags": tags}),
    );
    let expected = json!({"RoleName": "r.one", "Path": "/ops/", "Arn": format!("arn:aws:iam::{ACCOUNT}:role/ops/r.one"),
        "Description": "Räumt auf", "MaxSessionDuration": 7200, "Tags": tags,
        "PermissionsBoundary": {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": READ_ONLY}});
    has(&made["Role"], &expected);
    assert!(made["Role"]["RoleId"].as_str().unwrap().starts_with("AROA"), "{made}");
    now(&made["Role"]["CreateDate"]);
    assert_eq!(document(&made["Role"]["AssumeRolePolicyDocument"]), trust());
    let this = json!({"RoleName": "r.one"});
    let found = admin.ok("GetRole", this.clone());
    has(&found["Role"], &expected);
    assert_eq!(found["Role"]["CreateDate"], made["Role"]["CreateDate"]);
    assert_eq!(document(&found["Role"]["AssumeRolePolicyDocument"]), trust());
    assert_eq!(found["Role"]["RoleLastUsed"], json!({}));

    for name in ["r.three", "r.two"] {
        admin.ok(
            "CreateRole",
            json!({"RoleName": name, "Path": "/ops/", "AssumeRolePolicyDocument": trust().to_string()}),
        );
    }
    assert_eq!(
        admin.all("ListRoles", json!({"PathPrefix": "/ops/"}), ("Roles", "RoleName")),
        ["r.one", "r.three", "r.two"]
    );
    let listed = admin.ok("ListRoles", json!({}));
    let one = listed["Roles"].as_array().unwrap().iter().find(|role| role["RoleName"] == "r.one").unwrap();
    assert_eq!(document(&one["AssumeRolePolicyDocument"]), trust());
    assert_eq!((&one["Tags"], &one["PermissionsBoundary"]), (&Value::Null, &Value::Null), "as in AWS");

    admin.ok("TagRole", json!({"RoleName": "r.one", "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]}));
    assert_eq!(admin.all("ListRoleTags", this.clone(), ("Tags", "Key")), ["a", "b", "k"]);
    admin.ok("UntagRole", json!({"RoleName": "r.one", "TagKeys": ["a", "b", "k"]}));
    has(&admin.ok("ListRoleTags", this.clone()), &json!({"Tags": [], "IsTruncated": false}));

    assert_eq!(
        admin.ok("UpdateRole", json!({"RoleName": "r.one", "Description": "Neu", "MaxSessionDuration": 3600})),
        json!({})
    );
    has(&admin.ok("GetRole", this.clone())["Role"], &json!({"Description": "Neu", "MaxSessionDuration": 3600}));
    let updated = admin.ok("UpdateRoleDescription", json!({"RoleName": "r.one", "Description": "Noch neuer"}));
    has(&updated["Role"], &json!({"RoleName": "r.one", "Description": "Noch neuer", "MaxSessionDuration": 3600}));
    let mut other = trust();
    other["Statement"].as_array_mut().unwrap().pop();
    admin.ok("UpdateAssumeRolePolicy", json!({"RoleName": "r.one", "PolicyDocument": other.to_string()}));
    assert_eq!(document(&admin.ok("GetRole", this.clone())["Role"]["AssumeRolePolicyDocument"]), other);

    holders::boundary(admin, "Role", &this);
    holders::policies(admin, "Role", "r.one");
    profiles(admin);
    for name in ["r.one", "r.two", "r.three"] {
        admin.ok("DeleteRole", json!({"RoleName": name}));
    }
    admin.no("GetRole", this).is("NoSuchEntity", 404, "r.one");
}

fn profiles(admin: &Caller<'_>) {
    let this = json!({"InstanceProfileName": "web"});
    let tags = json!([{"Key": "k", "Value": "v"}]);
    let made = admin.ok("CreateInstanceProfile", json!({"InstanceProfileName": "web", "Path": "/ops/", "Tags": tags}));
    let expected = json!({"InstanceProfileName": "web", "Path": "/ops/", "Tags": tags, "Arn": format!("arn:aws:iam::{ACCOUNT}:instance-profile/ops/web")});
    has(&made["InstanceProfile"], &expected);
    assert_eq!(made["InstanceProfile"]["Roles"], json!([]));
    assert!(made["InstanceProfile"]["InstanceProfileId"].as_str().unwrap().starts_with("AIPA"), "{made}");
    now(&made["InstanceProfile"]["CreateDate"]);
    for name in ["app", "db"] {
        admin.ok("CreateInstanceProfile", json!({"InstanceProfileName": name}));
        admin.ok("AddRoleToInstanceProfile", json!({"InstanceProfileName": name, "RoleName": "r.one"}));
    }
    let with_role = json!({"InstanceProfileName": "web", "RoleName": "r.one"});
    admin.ok("AddRoleToInstanceProfile", with_role.clone());
    let second = json!({"InstanceProfileName": "web", "RoleName": "r.two"});
    admin.no("AddRoleToInstanceProfile", second).is("LimitExceeded", 409, "holds one");
    let found = admin.ok("GetInstanceProfile", this.clone());
    has(&found["InstanceProfile"], &expected);
    let role = &found["InstanceProfile"]["Roles"][0];
    has(role, &json!({"RoleName": "r.one", "Path": "/ops/"}));
    assert_eq!(document(&role["AssumeRolePolicyDocument"])["Statement"][0]["Action"], "sts:AssumeRole");
    now(&role["CreateDate"]);
    let items = ("InstanceProfiles", "InstanceProfileName");
    assert_eq!(admin.all("ListInstanceProfiles", json!({}), items), ["app", "db", "web"]);
    let below = admin.ok("ListInstanceProfiles", json!({"PathPrefix": "/ops/"}));
    assert_eq!(names(&below["InstanceProfiles"], "InstanceProfileName"), ["web"]);
    let mut of_role = admin.all("ListInstanceProfilesForRole", json!({"RoleName": "r.one"}), items);
    of_role.sort();
    assert_eq!(of_role, ["app", "db", "web"]);
    admin.no("DeleteInstanceProfile", this).is("DeleteConflict", 409, "holds a role");
    admin.no("DeleteRole", json!({"RoleName": "r.one"})).is("DeleteConflict", 409, "instance profiles that hold it: 3");
    for name in ["app", "db", "web"] {
        admin.ok("RemoveRoleFromInstanceProfile", json!({"InstanceProfileName": name, "RoleName": "r.one"}));
        admin.ok("DeleteInstanceProfile", json!({"InstanceProfileName": name}));
    }
    has(&admin.ok("ListInstanceProfiles", json!({})), &json!({"InstanceProfiles": [], "IsTruncated": false}));
}
