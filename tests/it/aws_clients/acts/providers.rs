//! Providers of identity, and the tags of what has few other actions.

use serde_json::{Value, json};

use super::super::ACCOUNT;
use super::super::client::{Caller, has, names, now};
use crate::sts_saml_encrypted::{FIRST, SECOND, id_of};

const THUMBPRINT: &str = "990f4193972f2becf12ddeda5237f9c952f20d9e";

/// Tags something, reads them, takes one away again.
fn tags(admin: &Caller<'_>, kind: &str, list: &str, this: &Value) {
    let with = |name: &str, value: Value| {
        let mut params = this.clone();
        params[name] = value;
        params
    };
    let given = json!([{"Key": "cost", "Value": "7"}, {"Key": "team", "Value": "web"}]);
    admin.ok(&format!("Tag{kind}"), with("Tags", given.clone()));
    has(&admin.ok(list, this.clone()), &json!({"Tags": given, "IsTruncated": false}));
    admin.ok(&format!("Untag{kind}"), with("TagKeys", json!(["team"])));
    assert_eq!(names(&admin.ok(list, this.clone())["Tags"], "Key"), ["cost"]);
}

pub(in super::super) fn openid(admin: &Caller<'_>) {
    let arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/login.example/realm");
    let this = json!({ "OpenIDConnectProviderArn": arn });
    let new = json!({"Url": "https://login.example/realm", "ClientIDList": ["one"], "ThumbprintList": [THUMBPRINT]});
    has(&admin.ok("CreateOpenIDConnectProvider", new.clone()), &this);
    admin.no("CreateOpenIDConnectProvider", new).is("EntityAlreadyExists", 409, "login.example");
    let client = |id: &str| json!({"OpenIDConnectProviderArn": arn, "ClientID": id});
    admin.ok("AddClientIDToOpenIDConnectProvider", client("two"));
    admin.ok("RemoveClientIDFromOpenIDConnectProvider", client("one"));
    let other = THUMBPRINT.replace('9', "a");
    admin.ok(
        "UpdateOpenIDConnectProviderThumbprint",
        json!({"OpenIDConnectProviderArn": arn, "ThumbprintList": [other]}),
    );
    let shown = admin.ok("GetOpenIDConnectProvider", this.clone());
    has(&shown, &json!({"Url": "login.example/realm", "ClientIDList": ["two"], "ThumbprintList": [other]}));
    now(&shown["CreateDate"]);
    let listed = admin.ok("ListOpenIDConnectProviders", json!({}));
    assert_eq!(names(&listed["OpenIDConnectProviderList"], "Arn"), [arn.as_str()]);
    tags(admin, "OpenIDConnectProvider", "ListOpenIDConnectProviderTags", &this);
    admin.ok("DeleteOpenIDConnectProvider", this.clone());
    admin.no("GetOpenIDConnectProvider", this).is("NoSuchEntity", 404, "login.example");
}

pub(in super::super) fn saml(admin: &Caller<'_>) {
    let arn = format!("arn:aws:iam::{ACCOUNT}:saml-provider/corp");
    let this = json!({ "SAMLProviderArn": arn });
    let of_a_provider = crate::saml_bed::metadata(&[&crate::saml_bed::RSA]);
    let metadata = |id: &str| of_a_provider.replace(crate::saml_bed::IDP, id);
    let made = admin.ok("CreateSAMLProvider", json!({"Name": "corp", "SAMLMetadataDocument": metadata("one")}));
    has(&made, &this);
    let changed = json!({"SAMLProviderArn": arn, "SAMLMetadataDocument": metadata("two")});
    has(&admin.ok("UpdateSAMLProvider", changed), &this);
    let shown = admin.ok("GetSAMLProvider", this.clone());
    assert!(shown["SAMLMetadataDocument"].as_str().unwrap().contains("\"two\""), "{shown}");
    now(&shown["CreateDate"]);
    assert_eq!(names(&admin.ok("ListSAMLProviders", json!({}))["SAMLProviderList"], "Arn"), [arn.as_str()]);
    tags(admin, "SAMLProvider", "ListSAMLProviderTags", &this);
    admin.ok("DeleteSAMLProvider", this.clone());
    admin.no("GetSAMLProvider", this).is("NoSuchEntity", 404, "corp");
}

pub(in super::super) fn tags_of_the_rest(admin: &Caller<'_>) {
    let profile = json!({"InstanceProfileName": "tagged"});
    admin.ok("CreateInstanceProfile", profile.clone());
    tags(admin, "InstanceProfile", "ListInstanceProfileTags", &profile);
    admin.ok("DeleteInstanceProfile", profile);

    let made = admin.ok("CreateVirtualMFADevice", json!({"VirtualMFADeviceName": "tagged"}));
    let device = json!({"SerialNumber": made["VirtualMFADevice"]["SerialNumber"]});
    tags(admin, "MFADevice", "ListMFADeviceTags", &device);
    admin.ok("DeleteVirtualMFADevice", device);
}

/// What boto3 of Debian 12 is too old to know of.
pub(in super::super) fn newer(admin: &Caller<'_>) {
    let made = admin.ok("CreateVirtualMFADevice", json!({"VirtualMFADeviceName": "shown"}));
    let device = json!({"SerialNumber": made["VirtualMFADevice"]["SerialNumber"]});
    has(&admin.ok("GetMFADevice", device.clone()), &device);
    admin.ok("DeleteVirtualMFADevice", device.clone());
    admin.no("GetMFADevice", device).is("NoSuchEntity", 404, "shown");
    encrypted(admin);
}

/// Keys for what a SAML provider encrypts.
fn encrypted(admin: &Caller<'_>) {
    let this = json!({"SAMLProviderArn": format!("arn:aws:iam::{ACCOUNT}:saml-provider/sealing")});
    let metadata = crate::saml_bed::metadata(&[&crate::saml_bed::RSA]);
    let with = |of: &Value, more: Value| {
        let mut params = of.clone();
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    let new = json!({"Name": "sealing", "SAMLMetadataDocument": metadata, "AssertionEncryptionMode": "Required"});
    admin.no("CreateSAMLProvider", new.clone()).is("InvalidInput", 400, "together with a private key");
    has(&admin.ok("CreateSAMLProvider", with(&new, json!({"AddPrivateKey": FIRST.key_pem}))), &this);
    admin.ok("UpdateSAMLProvider", with(&this, json!({"AddPrivateKey": SECOND.key_pem})));
    let shown = admin.ok("GetSAMLProvider", this.clone());
    assert_eq!(names(&shown["PrivateKeyList"], "KeyId"), [id_of(&FIRST), id_of(&SECOND)]);
    now(&shown["PrivateKeyList"][0]["Timestamp"]);
    assert_eq!(
        (&shown["AssertionEncryptionMode"], shown["SAMLProviderUUID"].as_str().unwrap().len()),
        (&json!("Required"), 32)
    );
    let third = with(&this, json!({"AddPrivateKey": crate::saml_bed::STRANGER.key_pem}));
    admin.no("UpdateSAMLProvider", third).is("LimitExceeded", 409, "has 2 at most");
    let change = json!({"AssertionEncryptionMode": "Allowed", "RemovePrivateKey": id_of(&FIRST)});
    admin.ok("UpdateSAMLProvider", with(&this, change.clone()));
    admin.no("UpdateSAMLProvider", with(&this, change)).is("NoSuchEntity", 404, &id_of(&FIRST));
    admin.ok("DeleteSAMLProvider", this);
}
