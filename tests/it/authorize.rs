//! Decisions for applications: `POST /v1/authorize`, by whom, about whom, and what it may not be told.

use axum::body::Body;
use bailey::authn::local::Role;
use bailey::http::origin::Origin;
use bailey::http::public;
use http_body_util::BodyExt as _;
use hyper::Request;
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt as _;

use crate::bed::signer::Credentials;
use crate::fixture::{Fixture, Served};

struct Office {
    fixture: Fixture,
    served: Served,
}

impl Office {
    async fn new() -> Self {
        let fixture = Fixture::new(Some(Role::Operator));
        let served = fixture.serve().await;
        let office = Self { fixture, served };
        let document = json!({"Statement": [
            {"Effect": "Allow", "Action": "app:Read*", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
            {"Effect": "Deny", "Action": "app:ReadSecret", "Resource": "*"}]});
        office.post("/v1/policies", json!({"name": "app", "document": document})).await;
        office
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.served.client.post(path, &body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A local user with an access key and these actions on everything.
    async fn user(&self, name: &str, actions: &[&str]) -> Credentials {
        let allows = |actions| json!([{"Effect": "Allow", "Action": actions, "Resource": "*"}]);
        let statements = if actions.is_empty() { json!([]) } else { allows(actions) };
        Credentials::of_new_user(&self.served.client, name, statements).await
    }

    /// Asks over the public listener's routes.
    async fn ask(&self, who: &Credentials, service: &str, body: &Value) -> (u16, Value) {
        ask(&self.fixture, who, service, body).await
    }
}

/// Asks a daemon's public listener, signed.
pub(crate) async fn ask(fixture: &Fixture, who: &Credentials, service: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let mut request = Request::builder().method("POST").uri("/v1/authorize");
    let now = fixture.app.admin.now();
    for (name, value) in who.sign_path("/v1/authorize", "bailey.example", service, &body, now) {
        request = request.header(name, value);
    }
    let mut request = request.body(Body::from(body)).unwrap();
    let peer = "203.0.113.9:4711".parse().unwrap();
    request.extensions_mut().insert(Origin {
        peer,
        client: peer.ip(),
        secure: true,
        tls: None,
        client_certificate: None,
        request: None,
    });
    let answer = public::router(Arc::clone(&fixture.app)).oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap())
}

fn arn(name: &str) -> String {
    format!("arn:aws:iam::123456789012:user/{name}")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_asks_about_others_if_it_may_and_each_about_itself() {
    let office = Office::new().await;
    let app = office.user("app", &["bailey:AuthorizeAny"]).await;
    let ann = office.user("ann", &["bailey:Authorize"]).await;
    let _: Value = office.served.client.put("/v1/users/ann/policies/app", &json!({})).await.unwrap();
    let question = |action: &str, ip: &str| json!({"id": action, "principal": arn("ann"), "action": action, "context": {"aws:SourceIp": [ip]}});
    let batch = json!({"questions": [
        question("app:ReadPage", "10.1.2.3"), question("app:ReadPage", "203.0.113.9"),
        question("app:ReadSecret", "10.1.2.3"), question("app:Write", "10.1.2.3"),
        {"principal": arn("ann"), "action": "app:ReadPage"}]});
    let (status, answers) = office.ask(&app, "bailey", &batch).await;
    assert_eq!(status, 200, "{answers}");
    let decisions: Vec<&str> =
        answers.as_array().unwrap().iter().map(|answer| answer["decision"].as_str().unwrap()).collect();
    assert_eq!(decisions, ["Allowed", "ImplicitlyDenied", "ExplicitlyDenied", "ImplicitlyDenied", "ImplicitlyDenied"]);
    assert_eq!((&answers[0]["id"], &answers[0]["allowed"]), (&json!("app:ReadPage"), &json!(true)));
    assert!(answers[2]["reasons"][0]["policy"].as_str().unwrap().ends_with("policy/app"), "{answers}");
    assert_eq!(answers[4]["missing"], json!(["aws:sourceip"]));

    let own = json!({"questions": [{"action": "app:ReadPage", "context": {"aws:SourceIp": ["10.0.0.1"]}}]});
    let (status, answers) = office.ask(&ann, "bailey", &own).await;
    assert_eq!((status, &answers[0]["allowed"]), (200, &json!(true)));
    let others = json!({"questions": [{"principal": arn("app"), "action": "app:ReadPage"}]});
    let (status, refused) = office.ask(&ann, "bailey", &others).await;
    assert_eq!((status, &refused["error"]["code"]), (403, &json!("AccessDenied")));
    assert!(refused["error"]["message"].as_str().unwrap().contains("bailey:AuthorizeAny"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_is_refused_and_nothing_is_said_before_the_gate() {
    let office = Office::new().await;
    let app = office.user("app", &["bailey:Authorize*"]).await;
    let nobody = office.user("nobody", &[]).await;
    let claims =
        json!({"questions": [{"principal": arn("app"), "action": "a:B", "context": {"aws:PrincipalTag/x": ["y"]}}]});
    let (status, refused) = office.ask(&app, "bailey", &claims).await;
    assert_eq!(status, 400);
    assert!(refused["error"]["message"].as_str().unwrap().contains("aws:PrincipalTag/x"), "{refused}");
    for (body, status) in [
        (json!({"questions": []}), 400),
        (json!({"questions": vec![json!({"action": "a:B"}); 101]}), 400),
        (json!({"questions": [{"principal": arn("gone"), "action": "a:B"}]}), 404),
        (json!({"questions": [{"action": "no action"}]}), 400),
        (json!({"wrong": 1}), 400),
    ] {
        assert_eq!(office.ask(&app, "bailey", &body).await.0, status, "{body}");
        assert_eq!(office.ask(&nobody, "bailey", &body).await.0, 403, "{body}");
    }
    let wrong = Credentials { secret: "x".repeat(40), ..app.clone() };
    let (status, refused) = office.ask(&wrong, "bailey", &claims).await;
    assert_eq!((status, &refused["error"]["code"]), (403, &json!("SignatureDoesNotMatch")));
    let (status, _) = office.ask(&app, "iam", &claims).await;
    assert_eq!(status, 403, "a signature for another service is none here");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_user_may_do_nothing_and_sign_nothing() {
    let office = Office::new().await;
    let app = office.user("app", &["bailey:AuthorizeAny"]).await;
    let ann = office.user("ann", &["app:*"]).await;
    office.post("/v1/users/ann", json!({"disabled": true})).await;
    let batch = json!({"questions": [{"principal": arn("ann"), "action": "app:ReadPage"}]});
    let (_, answers) = office.ask(&app, "bailey", &batch).await;
    assert_eq!(answers[0]["allowed"], false);
    assert!(answers[0]["reasons"][0]["what"].as_str().unwrap().contains("disabled"), "{answers}");
    assert_eq!(office.ask(&ann, "bailey", &batch).await.0, 403);
}
