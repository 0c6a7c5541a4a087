//! A daemon's STS around a tiny store, asked in process: who signs, what is answered.

use std::sync::Arc;

use axum::body::Body;
use bailey::authn::local::Role;
use bailey::authn::machine::Shown;
use bailey::http::origin::Origin;
use bailey::http::public;
use http_body_util::BodyExt as _;
use hyper::Request;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::bed::signer::Credentials;
use crate::fixture::{Fixture, Served};

pub(crate) const ACCOUNT: &str = "123456789012";

/// An answer: its status, and its XML.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) xml: String,
}

impl Told {
    /// The text of the first element of this name.
    pub(crate) fn text(&self, name: &str) -> String {
        let text = self.found(name);
        text.unwrap_or_else(|| panic!("no {name} in {}", self.xml)).to_owned()
    }

    pub(crate) fn found(&self, name: &str) -> Option<&str> {
        self.xml.split_once(&format!("<{name}>"))?.1.split_once(&format!("</{name}>")).map(|(text, _)| text)
    }

    /// A no with this code, whose message says so.
    pub(crate) fn refuses(&self, code: &str, message: &str) {
        assert_eq!(self.found("Code"), Some(code), "{}", self.xml);
        let told = self.text("Message").replace("&apos;", "'");
        assert!(told.contains(message), "{told}");
    }

    pub(crate) fn credentials(&self) -> Credentials {
        assert_eq!(self.status, 200, "{}", self.xml);
        Credentials {
            id: self.text("AccessKeyId"),
            secret: self.text("SecretAccessKey"),
            token: Some(self.text("SessionToken")),
        }
    }
}

pub(crate) struct Office {
    pub(crate) fixture: Fixture,
    pub(crate) served: Served,
}

impl Office {
    pub(crate) async fn new() -> Self {
        let fixture = Fixture::new(Some(Role::Operator));
        let served = fixture.serve().await;
        Self { fixture, served }
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        self.served.client.post(path, &body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Value {
        self.served.client.put(path, &body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A local user with an access key and these statements.
    pub(crate) async fn user(&self, name: &str, statements: Value) -> Credentials {
        Credentials::of_new_user(&self.served.client, name, statements).await
    }

    /// A role with these statements of its own, which trusts whoever `trust` says.
    pub(crate) async fn role(&self, name: &str, trust: Value, statements: Value) {
        let mut role = json!({ "name": name, "max_session": 14_400 });
        if trust.as_array().is_none_or(|statements| !statements.is_empty()) {
            role["trust"] = json!({ "Version": "2012-10-17", "Statement": trust });
        }
        self.post("/v1/roles", role).await;
        if statements.as_array().is_none_or(|statements| !statements.is_empty()) {
            let body = json!({ "document": { "Statement": statements } });
            self.put(&format!("/v1/roles/{name}/inline/own"), body).await;
        }
    }

    /// A call of STS, as the public listener takes it from `203.0.113.9`.
    pub(crate) async fn sts(&self, who: &Credentials, params: &[(&str, &str)]) -> Told {
        self.call(who, "sts", "2011-06-15", params).await
    }

    pub(crate) async fn iam(&self, who: &Credentials, params: &[(&str, &str)]) -> Told {
        self.call(who, "iam", "2010-05-08", params).await
    }

    async fn call(&self, who: &Credentials, service: &str, version: &str, params: &[(&str, &str)]) -> Told {
        let body = form(version, params);
        let headers = who.sign("bailey.example", service, &body, self.fixture.app.admin.now());
        self.send(headers, body).await
    }

    /// A call of STS that nobody signs.
    pub(crate) async fn unsigned(&self, params: &[(&str, &str)]) -> Told {
        let headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
        self.send(headers, form("2011-06-15", params)).await
    }

    /// The same from somebody who showed this certificate, with these headers besides.
    pub(crate) async fn showing(&self, shown: Option<Shown>, more: &[(&str, &str)], params: &[(&str, &str)]) -> Told {
        let mut headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
        headers.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.send_showing(shown, headers, form("2011-06-15", params)).await
    }

    async fn send(&self, headers: Vec<(String, String)>, body: String) -> Told {
        self.send_showing(None, headers, body).await
    }

    async fn send_showing(&self, shown: Option<Shown>, headers: Vec<(String, String)>, body: String) -> Told {
        let mut request = Request::builder().method("POST").uri("/");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut request = request.body(Body::from(body)).unwrap();
        let peer = "203.0.113.9:4711".parse().unwrap();
        let origin =
            Origin { peer, client: peer.ip(), secure: true, tls: None, client_certificate: shown, request: None };
        request.extensions_mut().insert(origin);
        let answer = public::router(Arc::clone(&self.fixture.app)).oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        Told { status, xml: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub(crate) async fn assume(&self, who: &Credentials, role: &str, more: &[(&str, &str)]) -> Told {
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/{role}");
        let params = [("Action", "AssumeRole"), ("RoleArn", &arn), ("RoleSessionName", "ann-cli")];
        let told: Vec<(&str, &str)> = params
            .into_iter()
            .filter(|(name, _)| !more.iter().any(|(own, _)| own == name))
            .chain(more.iter().copied())
            .collect();
        self.sts(who, &told).await
    }

    /// The ARN that STS knows these credentials by.
    pub(crate) async fn who_is(&self, who: &Credentials) -> Told {
        self.sts(who, &[("Action", "GetCallerIdentity")]).await
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, seconds: i64) {
        let now = self.fixture.app.admin.now();
        self.fixture.clock.set(now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap());
    }

    /// What the daemon does every few seconds.
    pub(crate) fn sweep(&self) -> bailey::sessions::Swept {
        let app = &self.fixture.app;
        let mut place = bailey::sessions::Place::default();
        app.admin.sessions.sweep(&app.audit, &mut place, app.admin.now()).unwrap()
    }

    /// The last record of the audit log.
    pub(crate) fn last_record(&self) -> String {
        bailey::audit::tail::last(&self.fixture.app.store, 1).unwrap().pop().unwrap().json
    }
}

pub(crate) fn form(version: &str, params: &[(&str, &str)]) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("Version", version).extend_pairs(params).finish()
}

/// `Allow` these actions on everything.
pub(crate) fn allow(actions: &[&str]) -> Value {
    json!([{ "Effect": "Allow", "Action": actions, "Resource": "*" }])
}

/// Who may assume a role: this user, by name.
pub(crate) fn trusts(user: &str) -> Value {
    let actions = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"];
    let principal = json!({ "AWS": format!("arn:aws:iam::{ACCOUNT}:user/{user}") });
    json!([{ "Effect": "Allow", "Action": actions, "Principal": principal }])
}
