//! Access keys, passwords and devices of the second factor.

use serde_json::{Value, json};

use super::super::client::{Caller, has, names, now};
use super::super::{ACCOUNT, Key, code, decoded};

/// Passwords that the rules take: nobody's words.
const PASSWORDS: [&str; 2] = ["vq7-Torf-Lampe-Zaun-xk", "Mulde!Kran.Ziffer_oBst9w"];

pub(in super::super) fn access_keys(admin: &Caller<'_>) {
    let this = json!({"UserName": "robot"});
    let user = admin.ok("CreateUser", this.clone());
    let made = admin.ok("CreateAccessKey", this.clone());
    has(&made["AccessKey"], &json!({"UserName": "robot", "Status": "Active"}));
    now(&made["AccessKey"]["CreateDate"]);
    let text = |name: &str| made["AccessKey"][name].as_str().unwrap().to_owned();
    let key = Key { id: text("AccessKeyId"), secret: text("SecretAccessKey") };
    assert!(key.id.starts_with("AKIA") && key.id.len() == 20 && key.secret.len() == 40, "{}", key.id);
    let second = admin.ok("CreateAccessKey", this.clone())["AccessKey"]["AccessKeyId"].clone();
    admin.no("CreateAccessKey", this.clone()).is("LimitExceeded", 409, "third access key of `robot`");
    let listed = admin.ok("ListAccessKeys", this.clone());
    assert_eq!(listed["AccessKeyMetadata"].as_array().unwrap().len(), 2);
    assert_eq!(listed["AccessKeyMetadata"][0]["SecretAccessKey"], Value::Null, "told once");
    let mut all = admin
        .pages("ListAccessKeys", this.clone(), 1)
        .iter()
        .flat_map(|page| names(&page["AccessKeyMetadata"], "AccessKeyId"))
        .collect::<Vec<_>>();
    all.sort();
    let mut expected = [key.id.clone(), second.as_str().unwrap().to_owned()];
    expected.sort();
    assert_eq!(all, expected);

    let robot = admin.client.with(&key);
    let last_used = || admin.ok("GetAccessKeyLastUsed", json!({"AccessKeyId": key.id}));
    let never = last_used();
    has(&never, &json!({"UserName": "robot"}));
    assert_eq!(never["AccessKeyLastUsed"], json!({"ServiceName": "N/A", "Region": "N/A"}));
    let identity = robot.ok("GetCallerIdentity", json!({}));
    has(
        &identity,
        &json!({"UserId": user["User"]["UserId"], "Account": ACCOUNT, "Arn": format!("arn:aws:iam::{ACCOUNT}:user/robot")}),
    );
    let used = last_used();
    has(&used["AccessKeyLastUsed"], &json!({"ServiceName": "sts", "Region": "us-east-1"}));
    now(&used["AccessKeyLastUsed"]["LastUsedDate"]);

    let switch = |status: &str| {
        admin.ok("UpdateAccessKey", json!({"UserName": "robot", "AccessKeyId": key.id, "Status": status}))
    };
    switch("Inactive");
    let listed = admin.ok("ListAccessKeys", this.clone());
    let shown =
        listed["AccessKeyMetadata"].as_array().unwrap().iter().find(|shown| shown["AccessKeyId"] == key.id.as_str());
    assert_eq!(shown.unwrap()["Status"], "Inactive");
    robot.no("GetCallerIdentity", json!({})).is("InvalidClientTokenId", 403, "");
    switch("Active");
    robot.ok("GetCallerIdentity", json!({}));
    admin.no("DeleteUser", this.clone()).is("DeleteConflict", 409, "access keys: 2");
    for id in [json!(key.id), second] {
        admin.ok("DeleteAccessKey", json!({"UserName": "robot", "AccessKeyId": id}));
    }
    robot.no("GetCallerIdentity", json!({})).is("InvalidClientTokenId", 403, "");
    admin.ok("DeleteUser", this);
}

/// The rules, and the password of somebody who changes it.
pub(in super::super) fn passwords(admin: &Caller<'_>) {
    admin.no("GetAccountPasswordPolicy", json!({})).is("NoSuchEntity", 404, "no password policy");
    let rules = json!({"MinimumPasswordLength": 12, "RequireSymbols": true, "RequireNumbers": true, "RequireUppercaseCharacters": false,
        "RequireLowercaseCharacters": true, "AllowUsersToChangePassword": true, "MaxPasswordAge": 90, "PasswordReusePrevention": 2,
        "HardExpiry": false});
    admin.ok("UpdateAccountPasswordPolicy", rules.clone());
    let found = admin.ok("GetAccountPasswordPolicy", json!({}));
    has(&found["PasswordPolicy"], &rules);
    assert_eq!(found["PasswordPolicy"]["ExpirePasswords"], true);

    let this = json!({"UserName": "human"});
    admin.ok("CreateUser", this.clone());
    let with = |password: &str, reset: bool| json!({"UserName": "human", "Password": password, "PasswordResetRequired": reset});
    admin.no("CreateLoginProfile", with("short1!", true)).is("PasswordPolicyViolation", 400, "12");
    let made = admin.ok("CreateLoginProfile", with(PASSWORDS[0], true));
    has(&made["LoginProfile"], &json!({"UserName": "human", "PasswordResetRequired": true}));
    now(&made["LoginProfile"]["CreateDate"]);
    admin.no("CreateLoginProfile", with(PASSWORDS[1], true)).is("EntityAlreadyExists", 409, "human");
    admin.ok("UpdateLoginProfile", json!({"UserName": "human", "PasswordResetRequired": false}));
    has(&admin.ok("GetLoginProfile", this.clone())["LoginProfile"], &json!({"PasswordResetRequired": false}));

    let may = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:ChangePassword", "Resource": "arn:aws:iam::*:user/${aws:username}"}]});
    admin.ok("PutUserPolicy", json!({"UserName": "human", "PolicyName": "own", "PolicyDocument": may.to_string()}));
    let made = admin.ok("CreateAccessKey", this.clone());
    let text = |name: &str| made["AccessKey"][name].as_str().unwrap().to_owned();
    let human = admin.client.with(&Key { id: text("AccessKeyId"), secret: text("SecretAccessKey") });
    let wrong = json!({"OldPassword": "not that one", "NewPassword": PASSWORDS[1]});
    human.no("ChangePassword", wrong).is("AccessDenied", 403, "");
    human.ok("ChangePassword", json!({"OldPassword": PASSWORDS[0], "NewPassword": PASSWORDS[1]}));
    let back = json!({"OldPassword": PASSWORDS[1], "NewPassword": PASSWORDS[0]});
    human.no("ChangePassword", back).is("PasswordPolicyViolation", 400, "");

    admin.ok("DeleteLoginProfile", this.clone());
    admin.no("GetLoginProfile", this.clone()).is("NoSuchEntity", 404, "password of user `human`");
    admin.ok("DeleteAccountPasswordPolicy", json!({}));
    admin.no("DeleteAccountPasswordPolicy", json!({})).is("NoSuchEntity", 404, "");
    admin.ok("DeleteUserPolicy", json!({"UserName": "human", "PolicyName": "own"}));
    admin.ok("DeleteAccessKey", json!({"UserName": "human", "AccessKeyId": human.key()}));
    admin.ok("DeleteUser", this);
}

pub(in super::super) fn devices(admin: &Caller<'_>) {
    let user = admin.ok("CreateUser", json!({"UserName": "holder"}));
    let bytes = |value: &Value| decoded(value["bytes"].as_str().unwrap());
    let mut seeds = Vec::new();
    for name in ["d.one", "d.two", "d.three"] {
        let made = admin.ok("CreateVirtualMFADevice", json!({"VirtualMFADeviceName": name, "Path": "/phones/"}));
        let device = &made["VirtualMFADevice"];
        assert_eq!(device["SerialNumber"], format!("arn:aws:iam::{ACCOUNT}:mfa/phones/{name}"));
        assert!(bytes(&device["QRCodePNG"]).starts_with(b"\x89PNG\r\n\x1a\n"), "{device}");
        seeds.push(String::from_utf8(bytes(&device["Base32StringSeed"])).unwrap());
    }
    let serial = format!("arn:aws:iam::{ACCOUNT}:mfa/phones/d.one");
    let free = json!({"AssignmentStatus": "Unassigned"});
    let listed = admin.all("ListVirtualMFADevices", free.clone(), ("VirtualMFADevices", "SerialNumber"));
    assert_eq!((listed.len(), &listed[0]), (3, &serial));

    let held = json!({"UserName": "holder", "SerialNumber": serial});
    let with = |first: String, second: String| {
        let mut params = held.clone();
        params["AuthenticationCode1"] = json!(first);
        params["AuthenticationCode2"] = json!(second);
        params
    };
    // Of another device: right in form, and wrong.
    let wrong = with(code(&seeds[1], -1), code(&seeds[1], 0));
    admin.no("EnableMFADevice", wrong).is("InvalidAuthenticationCode", 403, "");
    admin.ok("EnableMFADevice", with(code(&seeds[0], -1), code(&seeds[0], 0)));
    let of_user = admin.ok("ListMFADevices", json!({"UserName": "holder"}));
    has(&of_user["MFADevices"][0], &held);
    now(&of_user["MFADevices"][0]["EnableDate"]);
    assert_eq!(admin.pages("ListMFADevices", json!({"UserName": "holder"}), 1).len(), 1);
    let assigned = admin.ok("ListVirtualMFADevices", json!({"AssignmentStatus": "Assigned"}));
    let device = &assigned["VirtualMFADevices"][0];
    has(&device["User"], &json!({"UserName": "holder", "Arn": user["User"]["Arn"], "UserId": user["User"]["UserId"]}));
    now(&device["EnableDate"]);
    assert_eq!(admin.ok("ListVirtualMFADevices", free)["VirtualMFADevices"].as_array().unwrap().len(), 2);

    admin.no("ResyncMFADevice", with(code(&seeds[0], -1), code(&seeds[0], 0))).is("InvalidAuthenticationCode", 403, "");
    admin.ok("ResyncMFADevice", with(code(&seeds[0], 3), code(&seeds[0], 4)));
    let this = json!({ "SerialNumber": serial });
    admin.no("DeleteVirtualMFADevice", this.clone()).is("DeleteConflict", 409, "it is the device of `holder`");
    admin.ok("DeactivateMFADevice", held);
    for name in ["d.one", "d.two", "d.three"] {
        admin
            .ok("DeleteVirtualMFADevice", json!({"SerialNumber": format!("arn:aws:iam::{ACCOUNT}:mfa/phones/{name}")}));
    }
    admin.no("DeleteVirtualMFADevice", this).is("NoSuchEntity", 404, "d.one");
    admin.ok("DeleteUser", json!({"UserName": "holder"}));
}
