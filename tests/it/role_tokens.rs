//! Tokens of sessions: what they say, how long, for whom, and what their holder is told.

use std::process::{Command, Stdio};

use axum::body::Body;
use bailey::http::origin::Origin;
use bailey::http::public;
use bailey::keys::Algorithm;
use http_body_util::BodyExt as _;
use hyper::Request;
use serde_json::{Value, json};
use std::io::Write as _;
use std::sync::Arc;
use tower::ServiceExt as _;

use crate::bed::signer::{Credentials, sha256};
use crate::sts_office::{ACCOUNT, Office, allow, trusts};

const HOST: &str = "bailey.example";

/// An answer: its status, headers and text.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// A no with this code, whose message says so.
    fn refuses(&self, status: u16, code: &str, message: &str) {
        let told = self.json();
        assert_eq!((self.status, told["error"]["code"].as_str()), (status, Some(code)), "{told}");
        assert!(told["error"]["message"].as_str().unwrap().contains(message), "{told}");
    }
}

/// A request as the public listener takes it.
pub(crate) async fn send(office: &Office, request: hyper::http::request::Builder, body: String) -> Answer {
    let mut request = request.body(Body::from(body)).unwrap();
    let peer = "203.0.113.9:4711".parse().unwrap();
    let origin = Origin { peer, client: peer.ip(), secure: true, tls: None, client_certificate: None, request: None };
    request.extensions_mut().insert(origin);
    let answer = public::router(Arc::clone(&office.fixture.app)).oneshot(request).await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    Answer { status, headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
}

/// Keys of every algorithm, and a session of `Deployer` that may do these actions, begun by Ann.
pub(crate) async fn desk(actions: &[&str]) -> (Office, Credentials) {
    let office = Office::new().await;
    let app = &office.fixture.app;
    for algorithm in Algorithm::ALL {
        app.admin.keys.turn_signing_keys(&app.store, algorithm, app.admin.now()).unwrap();
    }
    let ann = office.user("ann", json!([])).await;
    office.role("Deployer", trusts("ann"), if actions.is_empty() { json!([]) } else { allow(actions) }).await;
    let more = [("SourceIdentity", "ann"), ("Tags.member.1.Key", "CostCenter"), ("Tags.member.1.Value", "7")];
    let session = office.assume(&ann, "Deployer", &more).await.credentials();
    (office, session)
}

async fn signed(office: &Office, who: &Credentials, method: &str, path: &str, body: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    let now = office.fixture.app.admin.now();
    let headers = [("host", HOST), ("content-type", "application/json")];
    for (name, value) in who.sign_request((method, path), &headers, "bailey", &sha256(body.as_bytes()), now) {
        request = request.header(name, value);
    }
    send(office, request, body.to_owned()).await
}

pub(crate) async fn mint(office: &Office, who: &Credentials, wish: Value) -> Answer {
    signed(office, who, "POST", "/v1/session/token", &wish.to_string()).await
}

pub(crate) async fn shown(office: &Office, token: &str) -> Answer {
    let request = Request::get("/v1/session").header("authorization", format!("Bearer {token}"));
    send(office, request, String::new()).await
}

pub(crate) async fn jwks(office: &Office) -> Value {
    send(office, Request::get("/oauth2/jwks"), String::new()).await.json()
}

/// Header and claims, as PyJWT verifies them by the published keys alone, at the token's own time.
pub(crate) fn pyjwt(jwks: &Value, token: &str, audience: Option<&str>) -> Value {
    const SCRIPT: &str = r#"
import json, sys, jwt
asked = json.load(sys.stdin)
header = jwt.get_unverified_header(asked["token"])
key = next(k for k in asked["jwks"]["keys"] if k["kid"] == header["kid"])
options = {"verify_exp": False, "verify_iat": False, "require": ["exp", "iat", "iss"]}
claims = jwt.decode(asked["token"], jwt.PyJWK(key).key, algorithms=[key["alg"]], audience=asked["audience"], issuer=asked["issuer"], options=options)
print(json.dumps({"header": header, "claims": claims}))
"#;
    let mut python = Command::new("/usr/bin/python3")
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("/usr/bin/python3: {error}; apt-get install python3-jwt python3-cryptography"));
    let issuer = format!("urn:bailey:{ACCOUNT}");
    let asked = json!({ "jwks": jwks, "token": token, "audience": audience, "issuer": issuer });
    python.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let done = python.wait_with_output().unwrap();
    assert!(done.status.success(), "PyJWT does not take {token}");
    serde_json::from_slice(&done.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_says_what_the_session_is_and_others_verify_it_by_published_keys() {
    let (office, session) = desk(&["bailey:CreateRoleToken"]).await;
    let jwks = jwks(&office).await;
    for (algorithm, seconds) in [(None, None), (Some("EdDSA"), Some(60)), (Some("RS256"), Some(3_500))] {
        let mut wish = json!({ "audience": "https://app.example" });
        if let Some(algorithm) = algorithm {
            wish["algorithm"] = json!(algorithm);
            wish["seconds"] = json!(seconds);
        }
        let made = mint(&office, &session, wish).await;
        assert_eq!(made.status, 200, "{}", made.text);
        let made = made.json();
        let lasts = seconds.unwrap_or(600);
        assert_eq!((&made["token_type"], &made["expires_in"]), (&json!("Bearer"), &json!(lasts)));
        let token = made["access_token"].as_str().unwrap();
        let read = tokio::task::block_in_place(|| pyjwt(&jwks, token, Some("https://app.example")));
        assert_eq!(read["header"]["typ"], "at+jwt");
        assert_eq!(read["header"]["alg"], algorithm.unwrap_or("ES256"));
        let claims = &read["claims"];
        let unique = office.who_is(&session).await.text("UserId");
        for (claim, value) in [
            ("iss", json!(format!("urn:bailey:{ACCOUNT}"))),
            ("sub", json!(unique)),
            ("aud", json!("https://app.example")),
            ("iat", json!(office.fixture.app.admin.now().as_second())),
            ("exp", json!(office.fixture.app.admin.now().as_second() + lasts)),
            ("jti", made["jti"].clone()),
            ("client_id", json!(session.id)),
            ("account", json!(ACCOUNT)),
            ("arn", json!(format!("arn:aws:sts::{ACCOUNT}:assumed-role/Deployer/ann-cli"))),
            ("role", json!(format!("arn:aws:iam::{ACCOUNT}:role/Deployer"))),
            ("session_name", json!("ann-cli")),
            ("source_identity", json!("ann")),
            ("tags", json!({ "CostCenter": "7" })),
        ] {
            assert_eq!(claims[claim], value, "{claim} in {claims}");
        }
        assert_eq!(claims["scope"], Value::Null);

        let told = shown(&office, token).await.json();
        assert_eq!(
            (&told["active"], &told["sub"], &told["exp"]),
            (&json!(true), &claims["sub"], &claims["exp"]),
            "{told}"
        );

        let record = office.last_record();
        let jti = made["jti"].as_str().unwrap();
        assert!(
            record.contains("CreateRoleToken") && record.contains(jti) && record.contains("https://app.example"),
            "{record}"
        );
        let signature = token.rsplit('.').next().unwrap();
        assert!(!record.contains(signature), "{record}");
        office.pass(1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_made_for_somebody_within_limits_for_sessions_that_may() {
    let (office, session) = desk(&["bailey:CreateRoleToken"]).await;
    let wish = |more: Value| {
        let mut wish = json!({ "audience": "app" });
        wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        wish
    };
    for (bad, said) in [
        (json!({}), "missing field `audience`"),
        (wish(json!({ "audience": "" })), "a token is for somebody"),
        (wish(json!({ "audience": "a\u{7}" })), "a token is for somebody"),
        (wish(json!({ "audience": ["a", "b"] })), "the body cannot be read"),
        (wish(json!({ "algorithm": "HS256" })), "unknown variant `HS256`"),
        (wish(json!({ "algorithm": "none" })), "unknown variant `none`"),
        (wish(json!({ "seconds": -1 })), "the body cannot be read"),
        (wish(json!({ "scope": "all" })), "unknown field `scope`"),
        (wish(json!({ "seconds": 3_601 })), "requested 3601 s, tokens last 3600, the session lasts 3600"),
        (wish(json!({ "seconds": 59 })), "60 to 3600"),
    ] {
        let told = mint(&office, &session, bad.clone()).await;
        assert_eq!(told.status, 400, "{bad}: {}", told.text);
        assert!(told.json()["error"]["message"].as_str().unwrap().contains(said), "{bad}: {}", told.text);
    }
    // The same request, captured, makes no second token.
    assert_eq!(mint(&office, &session, wish(json!({}))).await.status, 200);
    let again = mint(&office, &session, wish(json!({}))).await;
    assert_ne!(again.status, 200, "{}", again.text);

    // Never past the session, and what is left is what there is.
    office.pass(3_600 - 90);
    let long = mint(&office, &session, wish(json!({ "seconds": 600 }))).await;
    long.refuses(400, "ValidationError", "requested 600 s, tokens last 3600, the session lasts 90");
    assert_eq!(mint(&office, &session, wish(json!({}))).await.json()["expires_in"], 90);
    office.pass(90);
    mint(&office, &session, wish(json!({}))).await.refuses(403, "ExpiredToken", "the session is over");

    let boss = office.user("boss", allow(&["*"])).await;
    let key = mint(&office, &boss, wish(json!({}))).await;
    key.refuses(403, "AccessDenied", "a token is of a session: begin one first");
    let (office, nobody) = desk(&[]).await;
    mint(&office, &nobody, wish(json!({}))).await.refuses(403, "AccessDenied", "bailey:CreateRoleToken");
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_say_for_whom_and_how_long() {
    let (office, _) = desk(&[]).await;
    let ann = office.user("eve", json!([])).await;
    let condition = json!({ "StringLike": { "sts:IdentityTokenAudience": "https://*.example" }, "NumericLessThanEquals": { "sts:DurationSeconds": "300" } });
    let own =
        json!([{ "Effect": "Allow", "Action": "bailey:CreateRoleToken", "Resource": "*", "Condition": condition }]);
    office.role("Narrow", trusts("eve"), own).await;
    let session = office.assume(&ann, "Narrow", &[]).await.credentials();
    for (audience, seconds, status) in
        [("https://a.example", 300, 200), ("https://a.example", 301, 403), ("https://a.test", 300, 403)]
    {
        let told = mint(&office, &session, json!({ "audience": audience, "seconds": seconds })).await;
        assert_eq!(told.status, status, "{audience} {seconds}: {}", told.text);
    }
    let unsaid = mint(&office, &session, json!({ "audience": "https://a.example" })).await;
    assert_eq!(unsaid.status, 403, "what is usual is longer than it may be: {}", unsaid.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_holder_is_told_whether_the_session_counts_now() {
    let (office, session) = desk(&["bailey:CreateRoleToken"]).await;
    let made = mint(&office, &session, json!({ "audience": "app" })).await.json();
    let token = made["access_token"].as_str().unwrap();
    let own = signed(&office, &session, "GET", "/v1/session", "").await;
    assert_eq!(own.status, 200, "{}", own.text);
    let (own, told) = (own.json(), shown(&office, token).await.json());
    assert_eq!((&own["sid"], &own["active"], &own["arn"]), (&told["sid"], &told["active"], &told["arn"]));
    assert_eq!(own["exp"].as_i64().unwrap(), office.fixture.app.admin.now().as_second() + 3_600);

    let (once, twice) = (format!("Bearer {token}"), Request::get("/v1/session"));
    let twice = twice.header("authorization", &once).header("authorization", &once);
    assert_eq!(send(&office, twice, String::new()).await.status, 400);

    // A token is no key: it opens nothing else, and other sorts of tokens are none.
    let request = Request::post("/v1/session/token").header("authorization", format!("Bearer {token}"));
    let more = send(&office, request, json!({ "audience": "app" }).to_string()).await;
    more.refuses(400, "IncompleteSignature", "the scheme of the signature is not supported");
    let app = &office.fixture.app;
    let (now, claims) = (app.admin.now(), json!({ "exp": app.admin.now().as_second() + 60 }));
    let other = app.admin.keys.sign(Algorithm::Es256, "JWT", &claims, now).unwrap().expose().clone();
    let (head, rest) = token.split_once('.').unwrap();
    for bad in [other.clone(), format!("{head}x.{rest}"), format!("{token}A"), "x".to_owned(), "a".repeat(20_000)] {
        let told = shown(&office, &bad).await;
        assert_eq!(told.status, 401, "{}", told.text);
        assert!(told.headers["www-authenticate"].to_str().unwrap().contains("invalid_token"));
    }
    assert!(office.last_record().contains("VerifyToken"), "{}", office.last_record());

    let sid = told["sid"].as_str().unwrap();
    office.post(&format!("/v1/sessions/{sid}/end"), json!({ "reason": "stolen" })).await;
    assert_eq!(shown(&office, token).await.json(), json!({ "active": false }));
    let ended = signed(&office, &session, "GET", "/v1/session", "").await;
    ended.refuses(403, "ExpiredToken", "stolen");
    let boss = office.user("boss", json!([])).await;
    signed(&office, &boss, "GET", "/v1/session", "").await.refuses(404, "NotFound", "long-lived access key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_with_its_time_and_with_the_right_to_the_role() {
    let (office, session) = desk(&["bailey:CreateRoleToken"]).await;
    let made = mint(&office, &session, json!({ "audience": "app" })).await.json();
    let token = made["access_token"].as_str().unwrap();
    office.pass(599);
    assert_eq!(shown(&office, token).await.json()["active"], true);
    office.pass(1);
    assert_eq!(shown(&office, token).await.json(), json!({ "active": false }));
    let made = mint(&office, &session, json!({ "audience": "app" })).await.json();
    office.post("/v1/users/ann", json!({ "expires": office.fixture.app.admin.now().to_string() })).await;
    assert_eq!(shown(&office, made["access_token"].as_str().unwrap()).await.json(), json!({ "active": false }));
}

#[tokio::test(flavor = "multi_thread")]
async fn sts_says_who_one_is_to_others() {
    let (office, session) = desk(&["sts:GetWebIdentityToken"]).await;
    let ask = |more: Vec<(&'static str, &'static str)>| {
        let (office, session) = (&office, &session);
        async move {
            let usual = [
                ("Action", "GetWebIdentityToken"),
                ("Audience.member.1", "https://a.example"),
                ("SigningAlgorithm", "RS256"),
            ];
            let kept = usual.into_iter().filter(|(name, _)| !more.iter().any(|(own, _)| own == name));
            let params: Vec<(&str, &str)> =
                kept.chain(more.iter().copied()).filter(|(_, value)| *value != "-").collect();
            office.sts(session, &params).await
        }
    };
    let told =
        ask(vec![("Audience.member.2", "b"), ("Tags.member.1.Key", "build"), ("Tags.member.1.Value", "17")]).await;
    assert_eq!(told.status, 200, "{}", told.xml);
    assert_eq!(told.text("Expiration"), "2026-03-12T12:05:00Z");
    let jwks = jwks(&office).await;
    let read = tokio::task::block_in_place(|| pyjwt(&jwks, &told.text("WebIdentityToken"), Some("b")));
    assert_eq!((&read["header"]["typ"], &read["header"]["alg"]), (&json!("JWT"), &json!("RS256")));
    assert_eq!(read["claims"]["aud"], json!(["https://a.example", "b"]));
    assert_eq!(
        (&read["claims"]["request_tags"], &read["claims"]["tags"]),
        (&json!({ "build": "17" }), &json!({ "CostCenter": "7" }))
    );
    // It says who one is, and is nothing to act by.
    assert_eq!(shown(&office, &told.text("WebIdentityToken")).await.status, 401);

    let es = ask(vec![("SigningAlgorithm", "ES256"), ("DurationSeconds", "60")]).await;
    assert_eq!(es.text("Expiration"), "2026-03-12T12:01:00Z");
    for (more, said) in [
        (vec![("SigningAlgorithm", "ES384")], "RS256 or ES256"),
        (vec![("SigningAlgorithm", "-")], "'signingAlgorithm'"),
        (vec![("Audience.member.1", "-")], "'audience'"),
        (vec![("DurationSeconds", "59")], "60 to 3600"),
        (vec![("DurationSeconds", "3601")], "60 to 3600"),
    ] {
        ask(more).await.refuses("ValidationError", said);
    }
    let eleven: Vec<(String, String)> = (1..=11).map(|n| (format!("Audience.member.{n}"), format!("a{n}"))).collect();
    let eleven: Vec<(&str, &str)> = eleven.iter().map(|(name, value)| (&**name, &**value)).collect();
    let usual = [("Action", "GetWebIdentityToken"), ("SigningAlgorithm", "RS256")];
    office.sts(&session, &[&usual[..], &eleven].concat()).await.refuses("ValidationError", "1 to 10 members");
}
