//! Simulations of documents that are stored nowhere, and the context keys that documents ask for.

use bailey::authn::local::Role;
use bailey::cli::client::ClientError;
use serde_json::{Value, json};

use crate::fixture::Fixture;

const ACCOUNT: &str = "123456789012";

fn document(effect: &str, action: &str, more: Value) -> Value {
    let mut statement = json!({"Effect": effect, "Action": action, "Resource": "*"});
    statement.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

#[tokio::test]
async fn documents_are_decided_about_without_anybody_who_has_them() {
    let fixture = Fixture::new(Some(Role::Operator));
    let served = fixture.serve().await;
    let bucket = "arn:aws:s3:::b/k";
    let read = document("Allow", "s3:Get*", json!({}));
    let office = document("Allow", "s3:Get*", json!({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}));
    let ann = format!("arn:aws:iam::{ACCOUNT}:user/ann");
    let names_ann =
        json!({"Statement": {"Effect": "Allow", "Principal": {"AWS": ann}, "Action": "s3:*", "Resource": "*"}});
    let base = json!({"policies": [read], "actions": ["s3:GetObject"], "resources": [bucket]});
    for (change, decision, words) in [
        (json!({}), "Allowed", "policies[0]"),
        (json!({"policies": []}), "ImplicitlyDenied", "identity"),
        (json!({"policies": [read, document("Deny", "s3:*", json!({}))]}), "ExplicitlyDenied", "policies[1]"),
        (json!({"boundary": [document("Allow", "ec2:*", json!({}))]}), "ImplicitlyDenied", "boundary"),
        (json!({"boundary": [document("Allow", "ec2:*", json!({})), read]}), "Allowed", "boundary[1]"),
        (json!({"policies": [office]}), "ImplicitlyDenied", "aws:sourceip"),
        (json!({"policies": [office], "context": {"aws:SourceIp": ["10.1.2.3"]}}), "Allowed", "policies[0]"),
        (json!({"policies": [], "resource_policy": names_ann}), "ImplicitlyDenied", "identity"),
        (json!({"policies": [], "resource_policy": names_ann, "caller": ann}), "Allowed", "resource_policy"),
        (json!({"resource_owner": "999999999999"}), "ImplicitlyDenied", "resource"),
        (
            json!({"policies": [read, document("Deny", "s3:*", json!({}))], "without": ["policies[1]"]}),
            "Allowed",
            "policies[0]",
        ),
    ] {
        let mut asked = base.clone();
        asked.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer: Value = served.client.post("/v1/simulate/custom", &asked).await.unwrap();
        assert_eq!(answer[0]["decision"], decision, "{change}: {answer}");
        assert!(answer[0].to_string().contains(words), "{words}: {answer}");
    }
    for (change, code) in [
        (json!({"policies": [{}]}), "MalformedPolicyDocument"),
        (json!({"caller": "ann"}), "InvalidInput"),
        (json!({"actions": []}), "InvalidRequest"),
        (json!({"without": ["policies[1]"]}), "NotFound"),
        (json!({"resource_policy": read}), "MalformedPolicyDocument"),
        (json!({"policies": [document("Allow", &format!("s3:{}", "x".repeat(131_072)), json!({}))]}), "LimitExceeded"),
    ] {
        let mut asked = base.clone();
        asked.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        match served.client.post::<Value>("/v1/simulate/custom", &asked).await {
            Err(ClientError::Refused(error)) => assert_eq!(error.code, code, "{}", error.message),
            other => panic!("{code}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn the_context_keys_of_documents_and_of_principals_are_told() {
    let fixture = Fixture::new(Some(Role::Operator));
    let served = fixture.serve().await;
    let client = &served.client;
    let post = async |path: &str, body: Value| client.post::<Value>(path, &body).await.unwrap();
    let put = async |path: &str, body: Value| client.put::<Value>(path, &body).await.unwrap();
    let office = document("Allow", "s3:*", json!({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}));
    let own = document(
        "Allow",
        "s3:*",
        json!({"Resource": "arn:aws:s3:::${AWS:username}/*", "Condition": {"Null": {"AWS:SOURCEIP": "true"}}}),
    );
    let mfa = document("Deny", "s3:*", json!({"Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}}));
    let keys = post("/v1/context-keys/custom", json!({"policies": [office, own]})).await;
    assert_eq!(keys["keys"], json!(["aws:SourceIp", "AWS:username"]));

    post("/v1/users", json!({"name": "ann"})).await;
    post("/v1/groups", json!({"name": "team"})).await;
    put("/v1/groups/team/members/ann", json!({})).await;
    post("/v1/roles", json!({"name": "Deploy"})).await;
    put("/v1/users/ann/inline/own", json!({"document": own})).await;
    put("/v1/groups/team/inline/mfa", json!({"document": mfa})).await;
    put("/v1/roles/Deploy/inline/office", json!({"document": office})).await;
    for (principal, expected) in [
        ("user/ann", json!(["aws:MultiFactorAuthPresent", "AWS:SOURCEIP", "AWS:username"])),
        ("group/team", json!(["aws:MultiFactorAuthPresent"])),
        ("role/Deploy", json!(["aws:SourceIp"])),
        ("root", json!([])),
    ] {
        let principal = format!("arn:aws:iam::{ACCOUNT}:{principal}");
        let keys = post("/v1/context-keys/principal", json!({"principal": principal})).await;
        assert_eq!(keys["keys"], expected, "{principal}");
    }
    let more = json!({"principal": format!("arn:aws:iam::{ACCOUNT}:group/team"), "policies": [office]});
    assert_eq!(
        post("/v1/context-keys/principal", more).await["keys"],
        json!(["aws:MultiFactorAuthPresent", "aws:SourceIp"])
    );
    let nobody = json!({"principal": format!("arn:aws:iam::{ACCOUNT}:group/none")});
    assert!(client.post::<Value>("/v1/context-keys/principal", &nobody).await.is_err());
}
