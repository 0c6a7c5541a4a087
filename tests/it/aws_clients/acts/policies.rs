//! Managed policies.

use serde_json::{Value, json};

use super::super::client::{Caller, document, has, names, now};
use super::super::{ACCOUNT, READ_ONLY};
use super::holders::awkward;

pub(in super::super) fn managed(admin: &Caller<'_>) {
    let text = awkward();
    let made = admin.ok(
        "CreatePolicy",
        json!({"PolicyName": "p.one", "Path": "/app/", "Description": "Über <alles> & mehr", "PolicyDocument": text.to_string(),
            "Tags": [{"Key": "k", "Value": "v"}]}),
    );
    let arn = format!("arn:aws:iam::{ACCOUNT}:policy/app/p.one");
    let expected = json!({"PolicyName": "p.one", "Path": "/app/", "Arn": arn, "DefaultVersionId": "v1", "AttachmentCount": 0,
        "PermissionsBoundaryUsageCount": 0, "IsAttachable": true, "Tags": [{"Key": "k", "Value": "v"}]});
    has(&made["Policy"], &expected);
    assert!(made["Policy"]["PolicyId"].as_str().unwrap().starts_with("ANPA"), "{made}");
    now(&made["Policy"]["CreateDate"]);
    now(&made["Policy"]["UpdateDate"]);
    let this = json!({ "PolicyArn": arn });
    let found = admin.ok("GetPolicy", this.clone());
    has(&found["Policy"], &expected);
    assert_eq!(
        (&found["Policy"]["Description"], &found["Policy"]["PolicyId"]),
        (&json!("Über <alles> & mehr"), &made["Policy"]["PolicyId"])
    );

    versions(admin, &arn);
    tags(admin, &arn);
    listings(admin, &arn);
    holders(admin, &arn);
    admin.ok("DeletePolicy", this.clone());
    admin.no("GetPolicy", this).is("NoSuchEntity", 404, "p.one");
}

fn versions(admin: &Caller<'_>, arn: &str) {
    let version = |id: &str| json!({"PolicyArn": arn, "VersionId": id});
    let new = |default: bool| {
        let text =
            json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]});
        json!({"PolicyArn": arn, "PolicyDocument": text.to_string(), "SetAsDefault": default})
    };
    let second = admin.ok("CreatePolicyVersion", new(true));
    has(&second["PolicyVersion"], &json!({"VersionId": "v2", "IsDefaultVersion": true}));
    now(&second["PolicyVersion"]["CreateDate"]);
    let first = admin.ok("GetPolicyVersion", version("v1"));
    has(&first["PolicyVersion"], &json!({"VersionId": "v1", "IsDefaultVersion": false}));
    assert_eq!(document(&first["PolicyVersion"]["Document"]), awkward());
    admin.ok("SetDefaultPolicyVersion", version("v1"));
    assert_eq!(admin.ok("GetPolicy", json!({ "PolicyArn": arn }))["Policy"]["DefaultVersionId"], "v1");
    for n in 3..=5 {
        let made = admin.ok("CreatePolicyVersion", new(false));
        has(&made["PolicyVersion"], &json!({"VersionId": format!("v{n}"), "IsDefaultVersion": false}));
    }
    let listed = admin.all("ListPolicyVersions", json!({ "PolicyArn": arn }), ("Versions", "VersionId"));
    assert_eq!(listed, ["v5", "v4", "v3", "v2", "v1"]);
    admin.no("CreatePolicyVersion", new(false)).is("LimitExceeded", 409, "5 are kept");
    admin.no("DeletePolicyVersion", version("v1")).is("DeleteConflict", 409, "counts");
    for n in 2..=5 {
        admin.ok("DeletePolicyVersion", version(&format!("v{n}")));
    }
    admin.no("GetPolicyVersion", version("v2")).is("NoSuchEntity", 404, "there are v1");
}

fn tags(admin: &Caller<'_>, arn: &str) {
    admin.ok("TagPolicy", json!({"PolicyArn": arn, "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]}));
    assert_eq!(admin.all("ListPolicyTags", json!({ "PolicyArn": arn }), ("Tags", "Key")), ["a", "b", "k"]);
    admin.ok("UntagPolicy", json!({"PolicyArn": arn, "TagKeys": ["a", "b"]}));
    has(
        &admin.ok("ListPolicyTags", json!({ "PolicyArn": arn })),
        &json!({"Tags": [{"Key": "k", "Value": "v"}], "IsTruncated": false}),
    );
}

fn listings(admin: &Caller<'_>, arn: &str) {
    let text = awkward().to_string();
    let others: Vec<Value> = ["p.two", "p.three"]
        .map(|name| admin.ok("CreatePolicy", json!({"PolicyName": name, "Path": "/app/x/", "PolicyDocument": text})))
        .into();
    let own = json!({"Scope": "Local", "PathPrefix": "/app/"});
    assert_eq!(admin.all("ListPolicies", own, ("Policies", "PolicyName")), ["p.one", "p.three", "p.two"]);
    let of_aws = admin.all("ListPolicies", json!({"Scope": "AWS"}), ("Policies", "Arn"));
    assert!(
        of_aws.contains(&READ_ONLY.to_owned()) && of_aws.iter().all(|arn| arn.contains(":aws:policy/")),
        "{of_aws:?}"
    );
    let all = admin.all("ListPolicies", json!({}), ("Policies", "Arn"));
    assert!(
        all.contains(&READ_ONLY.to_owned()) && all.contains(&arn.to_owned()) && all.len() == of_aws.len() + 3,
        "{all:?}"
    );
    let held = admin.all("ListPolicies", json!({"OnlyAttached": true, "Scope": "Local"}), ("Policies", "Arn"));
    assert_eq!(held, [""; 0]);
    for other in others {
        admin.ok("DeletePolicy", json!({"PolicyArn": other["Policy"]["Arn"]}));
    }
}

fn holders(admin: &Caller<'_>, arn: &str) {
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
    admin.ok("CreateUser", json!({"UserName": "held", "PermissionsBoundary": arn}));
    let group = admin.ok("CreateGroup", json!({"GroupName": "held"}));
    admin.ok("CreateRole", json!({"RoleName": "held", "AssumeRolePolicyDocument": trust.to_string()}));
    for kind in ["Group", "Role"] {
        let mut params = json!({ "PolicyArn": arn });
        params[format!("{kind}Name")] = json!("held");
        admin.ok(&format!("Attach{kind}Policy"), params);
    }
    let all = admin.ok("ListEntitiesForPolicy", json!({ "PolicyArn": arn }));
    let of = |found: &Value| {
        let [groups, users, roles] =
            [("PolicyGroups", "GroupName"), ("PolicyUsers", "UserName"), ("PolicyRoles", "RoleName")]
                .map(|(list, name)| names(&found[list], name).concat());
        format!("{groups}/{users}/{roles}")
    };
    assert_eq!(of(&all), "held/held/held");
    assert_eq!(all["PolicyGroups"][0]["GroupId"], group["Group"]["GroupId"]);
    for (filter, expected) in [
        (json!({"EntityFilter": "Role"}), "//held"),
        (json!({"PolicyUsageFilter": "PermissionsBoundary"}), "/held/"),
        (json!({"PolicyUsageFilter": "PermissionsPolicy"}), "held//held"),
    ] {
        let mut params = filter.clone();
        params["PolicyArn"] = json!(arn);
        assert_eq!(of(&admin.ok("ListEntitiesForPolicy", params)), expected, "{filter}");
    }
    let pages = admin.pages("ListEntitiesForPolicy", json!({ "PolicyArn": arn }), 2);
    assert_eq!(pages.len(), 2);
    let counts = json!({"AttachmentCount": 2, "PermissionsBoundaryUsageCount": 1});
    has(&admin.ok("GetPolicy", json!({ "PolicyArn": arn }))["Policy"], &counts);
    let held = admin.ok("ListPolicies", json!({"OnlyAttached": true, "Scope": "Local"}));
    assert_eq!(names(&held["Policies"], "Arn"), [arn]);
    has(&held["Policies"][0], &counts);
    admin.no("DeletePolicy", json!({ "PolicyArn": arn })).is("DeleteConflict", 409, "holds `p.one`");
    for kind in ["Group", "Role"] {
        let mut params = json!({ "PolicyArn": arn });
        params[format!("{kind}Name")] = json!("held");
        admin.ok(&format!("Detach{kind}Policy"), params);
    }
    for kind in ["User", "Group", "Role"] {
        let mut params = json!({});
        params[format!("{kind}Name")] = json!("held");
        admin.ok(&format!("Delete{kind}"), params);
    }
}
