//! A daemon with single sign-on around a tiny store: clients, a person with a browser session, requests to the public routes.

use bailey::base::SessionId;
use bailey::keys::Algorithm;
use bailey::model::token_family::{Consent, RequestedClaims, SignIn, Whence};
use bailey::model::{Actor, Entity, Member};
use bailey::sso::{Form, NewCode, OauthError, Shown, Sso, Tokens};
use bailey::store::{credentials, rows, sessions};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hyper::Request;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::role_tokens::{Answer, send};
use crate::sts_office::Office;
use crate::sts_unsigned::PASSWORD;

pub(crate) const ISSUER: &str = "https://sso.example";
pub(crate) const BACK: &str = "https://app.example/cb";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A daemon that issues, with Ann, who is of the staff and has a session.
pub(crate) struct Desk {
    pub(crate) office: Office,
    pub(crate) session: SessionId,
}

impl Desk {
    pub(crate) async fn new() -> Self {
        let office = Office::new().await;
        let app = &office.fixture.app;
        app.sso_settings.write().unwrap().issuer = Some(ISSUER.parse().unwrap());
        app.admin.keys.turn_signing_keys(&app.store, Algorithm::Es256, app.admin.now()).unwrap();
        let ann = office.user("ann", json!([])).await;
        office.post("/v1/users/ann/password", json!({ "password": PASSWORD, "must_change": false })).await;
        office.post("/v1/users/ann", json!({ "mail": "ann@example.test", "display_name": "Ann Lee" })).await;
        office.post("/v1/groups", json!({ "name": "Staff" })).await;
        office.put("/v1/groups/Staff/members/ann", json!({})).await;
        let session = office.sts(&ann, &[("Action", "GetSessionToken")]).await.credentials();
        let key = session.id.parse().unwrap();
        let session = app.store.read(|snapshot| sessions::by_key(snapshot, &key)).unwrap().unwrap().value.id;
        Self { office, session }
    }

    /// The same store and files, opened anew.
    pub(crate) async fn restarted(self) -> Self {
        let Self { office: Office { fixture, served }, session } = self;
        served.serving.abort();
        let _ = served.serving.await;
        drop(served.file);
        let fixture = fixture.restarted();
        fixture.app.sso_settings.write().unwrap().issuer = Some(ISSUER.parse().unwrap());
        let served = fixture.serve().await;
        Self { office: Office { fixture, served }, session }
    }

    pub(crate) fn sso(&self) -> Sso {
        self.office.fixture.app.sso().unwrap()
    }

    /// Registers a client; answers its secret.
    pub(crate) async fn client(&self, id: &str, settings: Value) -> String {
        let made = self.office.post("/v1/clients", json!({ "id": id, "settings": settings })).await;
        made["secret"].as_str().unwrap_or_default().to_owned()
    }

    /// A public client that signs people in.
    pub(crate) async fn app(&self, id: &str) {
        let settings = json!({ "auth": "none", "redirect_uris": [BACK], "allowed_groups": ["staff"], "claims": { "login": "login" } });
        self.client(id, settings).await;
    }

    pub(crate) async fn form(&self, path: &str, authorization: Option<&str>, form: &[(&str, &str)]) -> Answer {
        let mut request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        send(&self.office, request, encoded(form)).await
    }

    pub(crate) async fn token(&self, authorization: Option<&str>, form: &[(&str, &str)]) -> Answer {
        self.form("/oauth2/token", authorization, form).await
    }

    /// What Ann let a client have.
    pub(crate) fn consent(&self, client: &str, scopes: &str) -> Consent {
        let app = &self.office.fixture.app;
        let held = app.store.read(|snapshot| sessions::session(snapshot, &self.session)).unwrap().unwrap().value;
        // Her session began with a key; a browser's begins with her password.
        let password = app.store.read(|snapshot| {
            let Some((_, Entity::User(ann))) = rows::entity(snapshot, &Member::User(held.person.unwrap()))? else {
                panic!("she is gone");
            };
            credentials::password_changed(snapshot, &ann)
        });
        Consent {
            client: client.parse().unwrap(),
            user: held.person.unwrap(),
            session: self.session,
            scopes: scopes.split(' ').map(|scope| scope.parse().unwrap()).collect(),
            nonce: Some("n-1".to_owned()),
            auth_time: held.created,
            amr: vec!["pwd".to_owned()],
            acr: Some("pwd".to_owned()),
            whence: Whence::default(),
            claims: RequestedClaims::default(),
            sign_in: Some(SignIn { at: held.created, password: password.unwrap(), outside: None }),
        }
    }

    /// A code for that, challenged by [`VERIFIER`].
    pub(crate) fn code(&self, client: &str, scopes: &str) -> String {
        let consent = self.consent(client, scopes);
        let new =
            NewCode { consent, redirect_uri: BACK.to_owned(), challenge: challenge(VERIFIER), jkt: None, pushed: None };
        let by = Actor::Person { user: new.consent.user, name: "ann".to_owned() };
        self.sso().issue_code(new, &by, self.office.fixture.app.admin.now()).unwrap().expose().clone()
    }

    /// Redeems a code of a public client.
    pub(crate) fn redeem(&self, client: &str, code: &str) -> Result<Tokens, OauthError> {
        self.ask(&[
            ("grant_type", "authorization_code"),
            ("client_id", client),
            ("code", code),
            ("redirect_uri", BACK),
            ("code_verifier", VERIFIER),
        ])
    }

    pub(crate) fn refresh(&self, client: &str, token: &str) -> Result<Tokens, OauthError> {
        self.ask(&[("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token)])
    }

    pub(crate) fn ask(&self, form: &[(&str, &str)]) -> Result<Tokens, OauthError> {
        let form = Form::read(encoded(form).as_bytes()).unwrap();
        let shown = Shown { authorization: None, form: &form, ip: None, request: None, dpop: None, jkt: None };
        self.sso().token(&shown, self.office.fixture.app.admin.now())
    }

    pub(crate) async fn userinfo(&self, token: &str) -> Answer {
        let request = Request::get("/oauth2/userinfo").header("authorization", format!("Bearer {token}"));
        send(&self.office, request, String::new()).await
    }

    /// Ann's tokens, of a public client.
    pub(crate) fn signed_in(&self, client: &str, scopes: &str) -> Tokens {
        self.redeem(client, &self.code(client, scopes)).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn records(&self) -> Vec<String> {
        let store = &self.office.fixture.app.store;
        bailey::audit::tail::last(store, u64::MAX).unwrap().into_iter().map(|line| line.json).collect()
    }
}

pub(crate) fn encoded(form: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

pub(crate) fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

pub(crate) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// What a token says, unproven.
pub(crate) fn claims(token: &str) -> Value {
    part(token, 1)
}

pub(crate) fn part(token: &str, number: usize) -> Value {
    let part = token.split('.').nth(number).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// An answer that is this error.
pub(crate) fn refuses(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.json()["error"].as_str()), (status, Some(code)), "{}", answer.text);
    assert_eq!(answer.headers["cache-control"], "no-store");
}
