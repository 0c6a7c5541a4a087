//! A no, as clients see it: code, status, and words that help whoever gets it.

use serde_json::{Value, json};

use super::client::{Caller, Client};
use super::{ACCOUNT, ADMINISTRATOR, Company, READ_ONLY};

fn text(action: &str) -> String {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}).to_string()
}

#[expect(clippy::too_many_lines, reason = "it is a table, a row each")]
/// What is refused to somebody who may do everything: action, parameters, code, status, words.
fn of_an_administrator() -> Vec<(&'static str, Value, &'static str, u16, &'static str)> {
    let trust = |principal: &str| {
        json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}]})
            .to_string()
    };
    let nobody = trust(&format!("arn:aws:iam::{ACCOUNT}:user/nobody"));
    let long: Vec<String> = (0..600).map(|n| format!("s3:Get{n:05}")).collect();
    let long = json!({"Statement": [{"Effect": "Allow", "Action": long, "Resource": "*"}]}).to_string();
    vec![
        ("GetUser", json!({"UserName": "nobody"}), "NoSuchEntity", 404, "there is no user `nobody`"),
        ("GetGroup", json!({"GroupName": "none"}), "NoSuchEntity", 404, "there is no group `none`"),
        ("GetRole", json!({"RoleName": "none"}), "NoSuchEntity", 404, "there is no role `none`"),
        ("GetInstanceProfile", json!({"InstanceProfileName": "none"}), "NoSuchEntity", 404, "none"),
        ("GetPolicy", json!({"PolicyArn": format!("arn:aws:iam::{ACCOUNT}:policy/none")}), "NoSuchEntity", 404, "none"),
        (
            "GetAccessKeyLastUsed",
            json!({"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"}),
            "NoSuchEntity",
            404,
            "AKIAIOSFODNN7EXAMPLE",
        ),
        ("CreateUser", json!({"UserName": "CAROL"}), "EntityAlreadyExists", 409, "carol"),
        ("CreateGroup", json!({"GroupName": "Staff"}), "EntityAlreadyExists", 409, "staff"),
        (
            "CreateRole",
            json!({"RoleName": "R", "AssumeRolePolicyDocument": trust("*")}),
            "EntityAlreadyExists",
            409,
            "role `r`",
        ),
        (
            "CreatePolicy",
            json!({"PolicyName": "P", "PolicyDocument": text("*")}),
            "EntityAlreadyExists",
            409,
            "policy `p`",
        ),
        ("DeleteRole", json!({"RoleName": "r"}), "DeleteConflict", 409, "inline policies: 1"),
        ("UpdateUser", json!({"UserName": "carol", "NewUserName": "c"}), "UnmodifiableEntity", 400, "directory `corp`"),
        ("DeleteUser", json!({"UserName": "carol"}), "UnmodifiableEntity", 400, "uid=carol,ou=people"),
        ("UpdateGroup", json!({"GroupName": "staff", "NewPath": "/x/"}), "UnmodifiableEntity", 400, "directory `corp`"),
        (
            "AddUserToGroup",
            json!({"GroupName": "staff", "UserName": "carol"}),
            "UnmodifiableEntity",
            400,
            "directory `corp`",
        ),
        (
            "CreateLoginProfile",
            json!({"UserName": "carol", "Password": "whatever it is 77"}),
            "UnmodifiableEntity",
            400,
            "directory `corp`",
        ),
        (
            "CreatePolicyVersion",
            json!({"PolicyArn": READ_ONLY, "PolicyDocument": text("*")}),
            "UnmodifiableEntity",
            400,
            "comes with the program",
        ),
        ("DeletePolicy", json!({"PolicyArn": ADMINISTRATOR}), "UnmodifiableEntity", 400, "comes with the program"),
        (
            "CreatePolicy",
            json!({"PolicyName": "q", "PolicyDocument": "{"}),
            "MalformedPolicyDocument",
            400,
            "Syntax errors in policy",
        ),
        (
            "CreatePolicy",
            json!({"PolicyName": "q", "PolicyDocument": "{}"}),
            "MalformedPolicyDocument",
            400,
            "Statement",
        ),
        ("CreatePolicy", json!({"PolicyName": "q", "PolicyDocument": long}), "LimitExceeded", 409, "6144"),
        (
            "PutUserPolicy",
            json!({"UserName": "carol", "PolicyName": "q", "PolicyDocument": "no"}),
            "MalformedPolicyDocument",
            400,
            "",
        ),
        (
            "CreateRole",
            json!({"RoleName": "s", "AssumeRolePolicyDocument": nobody}),
            "MalformedPolicyDocument",
            400,
            "invalid principal",
        ),
        (
            "CreateRole",
            json!({"RoleName": "s", "AssumeRolePolicyDocument": text("*")}),
            "MalformedPolicyDocument",
            400,
            "",
        ),
        ("CreateUser", json!({"UserName": "a b"}), "ValidationError", 400, "'a b' at 'userName'"),
        ("CreateUser", json!({"UserName": "ok", "Path": "no-slash"}), "ValidationError", 400, "'no-slash' at 'path'"),
        ("ListUsers", json!({"MaxItems": 1001}), "ValidationError", 400, "'1001' at 'maxItems'"),
        ("ListUserTags", json!({"UserName": "carol", "Marker": "x"}), "ValidationError", 400, "'x' at 'marker'"),
        (
            "CreateRole",
            json!({"RoleName": "s", "AssumeRolePolicyDocument": trust("*"), "MaxSessionDuration": 43201}),
            "ValidationError",
            400,
            "'43201' at 'maxSessionDuration'",
        ),
        (
            "GetPolicyVersion",
            json!({"PolicyArn": READ_ONLY, "VersionId": "x1"}),
            "ValidationError",
            400,
            "'x1' at 'versionId'",
        ),
        (
            "UpdateAccessKey",
            json!({"UserName": "carol", "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Status": "Off"}),
            "ValidationError",
            400,
            "'Off' at 'status'",
        ),
        ("TagUser", json!({"UserName": "carol", "Tags": [{"Key": "aws:x", "Value": ""}]}), "InvalidInput", 400, "aws:"),
        (
            "TagUser",
            json!({"UserName": "carol", "Tags": [{"Key": "a", "Value": ""}, {"Key": "a", "Value": ""}]}),
            "ValidationError",
            400,
            "repeated",
        ),
        (
            "AttachUserPolicy",
            json!({"UserName": "carol", "PolicyArn": format!("arn:aws:iam::{ACCOUNT}:policy/none")}),
            "NoSuchEntity",
            404,
            "none",
        ),
        (
            "DeleteAccessKey",
            json!({"UserName": "carol", "AccessKeyId": "AKIAIOSFODNN7EXAMPLE"}),
            "NoSuchEntity",
            404,
            "of `carol`",
        ),
        (
            "EnableMFADevice",
            json!({"UserName": "carol", "SerialNumber": format!("arn:aws:iam::{ACCOUNT}:mfa/none"), "AuthenticationCode1": "123456", "AuthenticationCode2": "123457"}),
            "NoSuchEntity",
            404,
            "none",
        ),
        (
            "SimulatePrincipalPolicy",
            json!({"PolicySourceArn": format!("arn:aws:iam::{ACCOUNT}:user/nobody"), "ActionNames": ["s3:Get"]}),
            "NoSuchEntity",
            404,
            "nobody",
        ),
        ("CreateAccountAlias", json!({"AccountAlias": "No_"}), "InvalidInput", 400, "AccountAlias"),
    ]
}

fn refusals(alice: &Caller<'_>, carol: &Caller<'_>) {
    let role = json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]});
    alice.ok("CreateRole", json!({"RoleName": "r", "AssumeRolePolicyDocument": role.to_string()}));
    alice.ok("PutRolePolicy", json!({"RoleName": "r", "PolicyName": "i", "PolicyDocument": text("s3:*")}));
    alice.ok("CreatePolicy", json!({"PolicyName": "p", "PolicyDocument": text("s3:*")}));
    let mut complaints = Vec::new();
    for (action, params, code, status, words) in of_an_administrator() {
        let shown = format!("{action} {params}: not {code} {status} `{words}` but");
        match alice.tries(action, params) {
            Ok(answer) => complaints.push(format!("{shown} {answer}")),
            Err(refused) => {
                let said = refused.code == code && refused.status == status && refused.message.contains(words);
                // What the model of the API knows has a class of its own, which programs catch.
                let modelled = code != "ValidationError";
                if !said || modelled && refused.class != format!("{code}Exception") {
                    complaints.push(format!("{shown} {refused:?}"));
                }
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    let user = |name: &str| format!("arn:aws:iam::{ACCOUNT}:user/{name}");
    for (action, params, resource) in [
        ("ListUsers", json!({}), "*".to_owned()),
        ("CreateUser", json!({"UserName": "new", "Path": "/x/"}), user("x/new")),
        ("DeleteUser", json!({"UserName": "alice"}), user("alice")),
        ("GetUser", json!({}), user("carol")),
        ("CreateAccessKey", json!({}), user("carol")),
        ("AttachUserPolicy", json!({"UserName": "Carol", "PolicyArn": ADMINISTRATOR}), user("carol")),
        ("GetUser", json!({"UserName": "nobody"}), user("nobody")),
    ] {
        let expected = format!(
            "User: {} is not authorized to perform: iam:{action} on resource: {resource} because no identity-based policy allows the iam:{action} action",
            user("carol")
        );
        let refused = carol.no(action, params);
        refused.is("AccessDenied", 403, "");
        let (said, sealed) = refused.message.split_once(". Encoded authorization failure message: ").unwrap();
        let (said, request) = said.rsplit_once(" (request ").unwrap();
        assert_eq!(said, expected);
        // What the command line of AWS does not show otherwise, and `bailey explain` takes.
        assert!(request.strip_suffix(')').is_some_and(|id| id.parse::<uuid::Uuid>().is_ok()), "{request}");
        assert!(!sealed.is_empty() && !sealed.contains(' '), "{sealed}");
    }
    alice.ok("DeleteRolePolicy", json!({"RoleName": "r", "PolicyName": "i"}));
    alice.ok("DeleteRole", json!({"RoleName": "r"}));
    alice.ok("DeletePolicy", json!({"PolicyArn": format!("arn:aws:iam::{ACCOUNT}:policy/p")}));
}

#[test]
fn a_refusal_is_what_programs_know_and_people_understand() {
    let company = Company::new();
    company.initialized();
    let (alice, carol) = (company.key_of("alice"), company.key_of("carol"));
    for client in [Client::boto(&company), Client::javascript(&company)] {
        refusals(&client.with(&alice).hurried(), &client.with(&carol));
    }
    company.ends_without_a_trace_of_secrets();
}
