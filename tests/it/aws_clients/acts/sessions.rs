//! Credentials for a while: of a role, of one's own, under a name that is handed out.

use serde_json::{Value, json};

use super::super::client::{Caller, has};
use super::super::{ACCOUNT, OTHER_ACCOUNT};

/// Whoever was given these credentials.
fn with<'a>(caller: &Caller<'a>, answer: &Value) -> Caller<'a> {
    let given = &answer["Credentials"];
    let caller = caller.but("id", given["AccessKeyId"].clone()).but("secret", given["SecretAccessKey"].clone());
    caller.but("token", given["SessionToken"].clone())
}

pub(in super::super) fn sessions(admin: &Caller<'_>) {
    let me = admin.ok("GetCallerIdentity", json!({}))["Arn"].as_str().unwrap().to_owned();
    let trust = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": me},
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}});
    admin.ok("CreateRole", json!({"RoleName": "Visitor", "AssumeRolePolicyDocument": trust.to_string()}));
    let may = json!({"Statement": {"Effect": "Allow", "Action": "iam:ListRoles", "Resource": "*"}}).to_string();
    admin.ok("PutRolePolicy", json!({"RoleName": "Visitor", "PolicyName": "own", "PolicyDocument": may}));
    let role = format!("arn:aws:iam::{ACCOUNT}:role/Visitor");
    let asked = json!({"RoleArn": role, "RoleSessionName": "try", "DurationSeconds": 900,
        "Tags": [{"Key": "team", "Value": "web"}], "SourceIdentity": "alice"});
    let given = admin.ok("AssumeRole", asked);
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/Visitor/try");
    has(&given["AssumedRoleUser"], &json!({"Arn": arn}));
    has(&given, &json!({"SourceIdentity": "alice", "PackedPolicySize": 1}));
    let visitor = with(admin, &given);
    has(&visitor.ok("GetCallerIdentity", json!({})), &json!({"Arn": arn, "Account": ACCOUNT}));
    visitor.ok("ListRoles", json!({}));
    let refused = visitor.no("ListUsers", json!({}));
    refused.is("AccessDenied", 403, "assumed-role/Visitor/try is not authorized");
    let (_, message) = refused.message.split_once("Encoded authorization failure message: ").unwrap();
    let decoded = admin.ok("DecodeAuthorizationMessage", json!({"EncodedMessage": message}));
    let decoded: Value = serde_json::from_str(decoded["DecodedMessage"].as_str().unwrap()).unwrap();
    has(&decoded, &json!({"allowed": false, "explicitDeny": false}));
    has(&decoded["context"], &json!({"action": "iam:ListUsers", "resource": "*"}));
    let foreign = admin.no("DecodeAuthorizationMessage", json!({"EncodedMessage": &message[1..]}));
    foreign.is("InvalidAuthorizationMessageException", 400, "not one of this account");
    let key = given["Credentials"]["AccessKeyId"].clone();
    has(&admin.ok("GetAccessKeyInfo", json!({"AccessKeyId": key})), &json!({"Account": ACCOUNT}));
    let long = json!({"RoleArn": role, "RoleSessionName": "try", "DurationSeconds": 7200});
    admin.no("AssumeRole", long).is("ValidationError", 400, "requested 7200 s, role allows 3600");

    let own = with(admin, &admin.ok("GetSessionToken", json!({})));
    has(&own.ok("GetCallerIdentity", json!({})), &json!({"Arn": me}));
    own.no("ListUsers", json!({})).is("AccessDenied", 403, "second factor");
    let handed = admin.ok("GetFederationToken", json!({"Name": "guest", "Policy": may}));
    has(&handed["FederatedUser"], &json!({"FederatedUserId": format!("{ACCOUNT}:guest")}));
    let guest = with(admin, &handed);
    has(&guest.ok("GetCallerIdentity", json!({})), &json!({"UserId": format!("{ACCOUNT}:guest")}));

    // A role that is gone takes its sessions with it.
    admin.ok("DeleteRolePolicy", json!({"RoleName": "Visitor", "PolicyName": "own"}));
    admin.ok("DeleteRole", json!({"RoleName": "Visitor"}));
    visitor.no("GetCallerIdentity", json!({})).is("ExpiredToken", 403, "the role is no longer there");
}

/// Root of another account, for a task.
pub(in super::super) fn root(admin: &Caller<'_>) {
    let task = json!({"arn": "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"});
    let given = admin.ok("AssumeRoot", json!({"TargetPrincipal": OTHER_ACCOUNT, "TaskPolicyArn": task}));
    let root = with(admin, &given);
    let arn = format!("arn:aws:iam::{OTHER_ACCOUNT}:root");
    has(&root.ok("GetCallerIdentity", json!({})), &json!({"Arn": arn, "Account": OTHER_ACCOUNT}));
    has(&root.ok("GetUser", json!({}))["User"], &json!({"Arn": arn}));
    assert_eq!(root.ok("ListAccessKeys", json!({}))["IsTruncated"], json!(false));
    root.no("ListUsers", json!({})).is("AccessDenied", 403, "does its task, and nothing else");
    let task = json!({"arn": "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"});
    let other = json!({"TargetPrincipal": OTHER_ACCOUNT, "TaskPolicyArn": task});
    admin.no("AssumeRoot", other).is("ValidationError", 400, "IAMAuditRootUserCredentials");
}

/// Who one is, said to somebody outside by a token.
pub(in super::super) fn tokens(admin: &Caller<'_>) {
    let own = with(admin, &admin.ok("GetSessionToken", json!({})));
    let asked = json!({"Audience": ["https://app.example"], "SigningAlgorithm": "RS256", "DurationSeconds": 60});
    let told = own.ok("GetWebIdentityToken", asked);
    assert_eq!(told["WebIdentityToken"].as_str().unwrap().split('.').count(), 3, "{told}");
    let other = json!({"Audience": ["https://app.example"], "SigningAlgorithm": "ES384"});
    own.no("GetWebIdentityToken", other).is("ValidationError", 400, "ES384");
}
