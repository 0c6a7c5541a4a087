//! Discovery, and tokens that clients get for themselves: how they show who they are, what a token says, who is told of it.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::Request;
use serde_json::{Value, json};

use crate::role_tokens::send;
use crate::sso_desk::{Desk, ISSUER, basic, claims, encoded, part, refuses};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client's key.
pub(crate) struct Key(EcdsaKeyPair);

impl Key {
    pub(crate) fn new() -> Self {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).unwrap())
    }

    pub(crate) fn jwks(&self) -> Value {
        let point = &self.0.public_key().as_ref()[1..];
        let (x, y) = point.split_at(32);
        let text = |bytes| URL_SAFE_NO_PAD.encode(bytes);
        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "k", "x": text(x), "y": text(y) }] })
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let text = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", text(header), text(claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_list_what_there_is_and_nothing_else() {
    let desk = Desk::new().await;
    let openid = send(&desk.office, Request::get("/.well-known/openid-configuration"), String::new()).await.json();
    let oauth = send(&desk.office, Request::get("/.well-known/oauth-authorization-server"), String::new()).await.json();
    assert_eq!((&openid["issuer"], &openid), (&json!(ISSUER), &oauth));
    for (name, path) in openid.as_object().unwrap() {
        let Some(path) = path.as_str().and_then(|path| path.strip_prefix(ISSUER)).filter(|path| !path.is_empty())
        else {
            continue;
        };
        let answer = send(&desk.office, Request::get(path), String::new()).await;
        assert_ne!(answer.status, 404, "{name} is listed and not there");
    }
    assert_eq!(openid["subject_types_supported"], json!(["public", "pairwise"]));
    assert!(!openid.to_string().contains("HS256") && !openid.to_string().contains("implicit"));
    // Whatever a request says of the host, the document says what the configuration says.
    let request = Request::get("/.well-known/openid-configuration").header("x-forwarded-host", "evil.example");
    assert_eq!(send(&desk.office, request, String::new()).await.json(), openid);

    desk.office.fixture.app.sso_settings.write().unwrap().issuer = None;
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        assert_eq!(send(&desk.office, Request::get(path), String::new()).await.status, 404);
    }
    assert_eq!(desk.token(None, &[("grant_type", "client_credentials")]).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_gets_tokens_for_itself() {
    let desk = Desk::new().await;
    let settings =
        json!({ "grants": ["client_credentials"], "audiences": ["orders"], "scopes": ["read", "write", "openid"] });
    let secret = desk.client("batch", settings).await;
    let answer =
        desk.token(Some(&basic("batch", &secret)), &[("grant_type", "client_credentials"), ("scope", "read")]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        (answer.headers["cache-control"].as_bytes(), answer.headers["pragma"].as_bytes()),
        (&b"no-store"[..], &b"no-cache"[..])
    );
    let told = answer.json();
    assert_eq!(
        (&told["token_type"], &told["expires_in"], &told["scope"]),
        (&json!("Bearer"), &json!(600), &json!("read"))
    );
    assert_eq!((told.get("refresh_token"), told.get("id_token")), (None, None));
    let token = told["access_token"].as_str().unwrap();
    assert_eq!(part(token, 0)["typ"], "at+jwt");
    let said = claims(token);
    let now = desk.office.fixture.app.admin.now().as_second();
    for (claim, value) in [
        ("iss", json!(ISSUER)),
        ("sub", json!("batch")),
        ("client_id", json!("batch")),
        ("aud", json!("orders")),
        ("scope", json!("read")),
        ("iat", json!(now)),
        ("exp", json!(now + 600)),
    ] {
        assert_eq!(said[claim], value, "{claim}");
    }
    let app = &desk.office.fixture.app;
    let verified: Value = app.admin.keys.verify_token("at+jwt", token, app.admin.now()).unwrap();
    assert_eq!(verified, said);
    let record = desk.office.last_record();
    assert!(record.contains("IssueToken") && record.contains(said["jti"].as_str().unwrap()), "{record}");
    assert!(!record.contains(&secret) && !record.contains(token));

    for (form, code) in [
        (vec![("scope", "admin")], "invalid_scope"),
        (vec![("scope", "openid")], "invalid_scope"),
        (vec![("resource", "payroll")], "invalid_target"),
    ] {
        let form = [vec![("grant_type", "client_credentials")], form].concat();
        refuses(&desk.token(Some(&basic("batch", &secret)), &form).await, 400, code);
    }
    for (grant, code) in [("authorization_code", "unauthorized_client"), ("password", "unsupported_grant_type")] {
        refuses(&desk.token(Some(&basic("batch", &secret)), &[("grant_type", grant)]).await, 400, code);
    }
    // It is nobody's sign-in, and no key to anything else of ours.
    refuses(&desk.userinfo(token).await, 401, "invalid_token");
    assert_eq!(crate::role_tokens::shown(&desk.office, token).await.status, 401);
}

/// A proxy in between may look at one of two headers and we at the other.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_headers_that_show_a_token_none_counts() {
    let desk = Desk::new().await;
    desk.app("app").await;
    let token = desk.signed_in("app", "openid").access_token;
    assert_eq!(desk.userinfo(&token).await.status, 200);
    let good = format!("Bearer {token}");
    for other in [good.as_str(), "Bearer x", "Basic eDp5"] {
        for [first, second] in [[good.as_str(), other], [other, good.as_str()]] {
            let shown = |path: &str| Request::get(path).header("authorization", first).header("authorization", second);
            let answer = send(&desk.office, shown("/oauth2/userinfo"), String::new()).await;
            refuses(&answer, 400, "invalid_request");
            let answer = send(&desk.office, shown("/v1/me/grants"), String::new()).await;
            assert_eq!((answer.status, &answer.json()["error"]["code"]), (401, &json!("NotSignedIn")));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_shows_who_it_is_in_the_one_way_it_is_registered_for() {
    let desk = Desk::new().await;
    let grants = json!(["client_credentials"]);
    let by_header = desk.client("header", json!({ "grants": grants })).await;
    let by_form = desk.client("form", json!({ "grants": grants, "auth": "client_secret_post" })).await;
    desk.app("public").await;
    let grant = ("grant_type", "client_credentials");
    let good = basic("header", &by_header);
    assert_eq!(desk.token(Some(&good), &[grant]).await.status, 200);
    assert_eq!(desk.token(Some(&good), &[grant, ("client_id", "header")]).await.status, 200);
    let form = [grant, ("client_id", "form"), ("client_secret", by_form.as_str())];
    assert_eq!(desk.token(None, &form).await.status, 200);

    for (authorization, form, status, code) in [
        (Some(basic("header", "wrong")), vec![grant], 401, "invalid_client"),
        (Some(basic("nobody", &by_header)), vec![grant], 401, "invalid_client"),
        (Some(basic("form", &by_form)), vec![grant], 401, "invalid_client"),
        (Some(basic("HEADER", &by_header)), vec![grant], 401, "invalid_client"),
        (Some(basic("header", "")), vec![grant], 401, "invalid_client"),
        (Some("Basic !!".to_owned()), vec![grant], 401, "invalid_client"),
        (Some("Bearer x".to_owned()), vec![grant], 401, "invalid_client"),
        (None, vec![grant], 401, "invalid_client"),
        (None, vec![grant, ("client_id", "header")], 401, "invalid_client"),
        (None, vec![grant, ("client_id", "header"), ("client_secret", &by_header)], 401, "invalid_client"),
        (None, vec![grant, ("client_id", "public"), ("client_secret", "x")], 401, "invalid_client"),
        (Some(good.clone()), vec![grant, ("client_secret", &by_header)], 400, "invalid_request"),
        (Some(good.clone()), vec![grant, ("client_assertion_type", JWT_BEARER)], 400, "invalid_request"),
        (Some(good.clone()), vec![grant, ("client_id", "form")], 400, "invalid_request"),
        (Some(good.clone()), vec![grant, grant], 400, "invalid_request"),
        (Some(good.clone()), vec![grant, ("scope", "a"), ("scope", "a")], 400, "invalid_request"),
        (Some(good.clone()), vec![], 400, "invalid_request"),
        (None, vec![grant, ("client_id", "public")], 400, "unauthorized_client"),
    ] {
        let answer = desk.token(authorization.as_deref(), &form).await;
        refuses(&answer, status, code);
        let challenge =
            answer.headers.get("www-authenticate").is_some_and(|value| value.as_bytes().starts_with(b"Basic"));
        assert_eq!(challenge, code == "invalid_client", "{form:?}");
    }
    let all = desk.records().join("\n");
    assert!(all.contains("VerifyClient") && all.contains("the secret is another") && !all.contains(&by_header));

    let send_to = |path: &'static str, kind: &'static str| {
        let request = Request::post(path).header("content-type", kind).header("authorization", good.clone());
        send(&desk.office, request, encoded(&[grant]))
    };
    refuses(
        &send_to("/oauth2/token?client_secret=x", "application/x-www-form-urlencoded").await,
        400,
        "invalid_request",
    );
    refuses(&send_to("/oauth2/token", "application/json").await, 400, "invalid_request");
    assert_eq!(send_to("/oauth2/token", "application/x-www-form-urlencoded; charset=utf-8").await.status, 200);
    assert_eq!(send(&desk.office, Request::get("/oauth2/token"), String::new()).await.status, 405);

    // Another secret, and none.
    let turned = desk.office.post("/v1/clients/header/secret", json!({ "overlap": 0 })).await["secret"]
        .as_str()
        .unwrap()
        .to_owned();
    refuses(&desk.token(Some(&good), &[grant]).await, 401, "invalid_client");
    assert_eq!(desk.token(Some(&basic("header", &turned)), &[grant]).await.status, 200);
    desk.office.served.client.delete::<()>("/v1/clients/header").await.unwrap();
    refuses(&desk.token(Some(&basic("header", &turned)), &[grant]).await, 401, "invalid_client");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_is_for_us_alone_ends_soon_and_counts_once() {
    let desk = Desk::new().await;
    let (key, other) = (Key::new(), Key::new());
    desk.client("signer", json!({ "auth": "private_key_jwt", "jwks": key.jwks(), "grants": ["client_credentials"] }))
        .await;
    let now = desk.office.fixture.app.admin.now().as_second();
    let number = std::cell::Cell::new(0);
    let usual = || {
        number.set(number.get() + 1);
        json!({ "iss": "signer", "sub": "signer", "aud": ISSUER, "exp": now + 60, "iat": now, "jti": number.get().to_string() })
    };
    let with = |name: &str, value: Value| {
        let mut claims = usual();
        claims[name] = value;
        claims
    };
    let header = json!({ "alg": "ES256", "kid": "k", "typ": "JWT" });
    let ask = |token: String| {
        let desk = &desk;
        async move {
            let form = [
                ("grant_type", "client_credentials"),
                ("client_assertion_type", JWT_BEARER),
                ("client_assertion", &token),
            ];
            desk.token(None, &form).await
        }
    };
    let good = key.sign(&header, &usual());
    assert_eq!(ask(good.clone()).await.status, 200);
    refuses(&ask(good.clone()).await, 401, "invalid_client");
    for claims in [
        with("exp", json!(now)),
        with("exp", json!(now + 3_662)),
        with("exp", Value::Null),
        with("exp", json!("soon")),
        with("exp", json!(1e20)),
        with("iat", json!(now + 120)),
        with("nbf", json!(now + 120)),
        with("aud", json!([ISSUER])),
        with("aud", json!([ISSUER, "https://evil.example"])),
        with("aud", json!(format!("{ISSUER}/oauth2/token"))),
        with("aud", json!(format!("{ISSUER}/"))),
        with("iss", json!("other")),
        with("sub", json!("other")),
        with("jti", Value::Null),
        with("jti", json!("")),
        with("jti", json!("x".repeat(257))),
    ] {
        refuses(&ask(key.sign(&header, &claims)).await, 401, "invalid_client");
    }
    // Whoever is wrong so often has to wait.
    desk.office.pass(15);
    for head in [
        json!({ "alg": "none" }),
        json!({ "alg": "None", "kid": "k" }),
        json!({ "alg": "HS256", "kid": "k" }),
        json!({ "alg": "ES384", "kid": "k" }),
        json!({ "alg": "RS256", "kid": "k" }),
        json!({ "alg": "es256", "kid": "k" }),
        json!({ "alg": "ES256", "kid": "../../dev/null" }),
        json!({ "alg": "ES256", "kid": "k", "typ": "at+jwt" }),
        json!({ "alg": "ES256", "kid": "k", "typ": "logout+jwt" }),
        json!({ "alg": "ES256", "kid": "k", "crit": ["exp"] }),
        json!({ "alg": "ES256", "kid": "k", "b64": false }),
    ] {
        refuses(&ask(key.sign(&head, &usual())).await, 401, "invalid_client");
    }
    // Signed by a key that it brings along, by no key, and by the key as a shared secret.
    let brought = json!({ "alg": "ES256", "kid": "k", "jwk": other.jwks()["keys"][0] });
    refuses(&ask(other.sign(&brought, &usual())).await, 401, "invalid_client");
    let token = key.sign(&header, &usual());
    let (signed, _) = token.rsplit_once('.').unwrap();
    refuses(&ask(format!("{signed}.")).await, 401, "invalid_client");
    refuses(&ask(format!("{signed}.{}", URL_SAFE_NO_PAD.encode([0; 64]))).await, 401, "invalid_client");
    let form = [("grant_type", "client_credentials"), ("client_assertion", token.as_str())];
    refuses(&desk.token(None, &form).await, 400, "invalid_request");
    // All of that spent nothing.
    assert_eq!(ask(token).await.status, 200);

    // A restart forgets nothing.
    let desk = desk.restarted().await;
    let form =
        [("grant_type", "client_credentials"), ("client_assertion_type", JWT_BEARER), ("client_assertion", &good)];
    refuses(&desk.token(None, &form).await, 401, "invalid_client");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_about_a_token_is_told_of_its_own_and_of_those_for_it() {
    let desk = Desk::new().await;
    let own = json!({ "grants": ["client_credentials"], "audiences": ["orders"], "scopes": ["read"] });
    let batch = basic("batch", &desk.client("batch", own).await);
    let orders = basic("orders", &desk.client("orders", json!({ "grants": [] })).await);
    let payroll = basic("payroll", &desk.client("payroll", json!({ "grants": [] })).await);
    desk.app("public").await;
    let made = desk.token(Some(&batch), &[("grant_type", "client_credentials")]).await.json();
    let token = made["access_token"].as_str().unwrap().to_owned();
    let ask = |who: String, token: String| {
        let desk = &desk;
        async move { desk.form("/oauth2/introspect", Some(&who), &[("token", &token)]).await }
    };
    for who in [&batch, &orders] {
        let told = ask(who.clone(), token.clone()).await.json();
        assert_eq!(
            (&told["active"], &told["sub"], &told["scope"]),
            (&json!(true), &json!("batch"), &json!("read")),
            "{told}"
        );
    }
    let inactive = json!({ "active": false });
    assert_eq!(ask(payroll.clone(), token.clone()).await.json(), inactive);
    let app = &desk.office.fixture.app;
    let foreign = json!({ "iss": "urn:bailey:123456789012", "sub": "x", "aud": "orders", "iat": 0, "exp": app.admin.now().as_second() + 60,
        "jti": "1", "client_id": "batch", "epoch": app.store.epoch().unwrap().to_string() });
    let sign = |typ: &str, claims: &Value| {
        app.admin.keys.sign(bailey::keys::Algorithm::Es256, typ, claims, app.admin.now()).unwrap().expose().clone()
    };
    let mut of_another_type = foreign.clone();
    of_another_type["iss"] = json!(ISSUER);
    for bad in [sign("at+jwt", &foreign), sign("JWT", &of_another_type), "x".to_owned(), format!("{token}A")] {
        assert_eq!(ask(batch.clone(), bad).await.json(), inactive);
    }
    refuses(
        &desk.form("/oauth2/introspect", None, &[("client_id", "public"), ("token", &token)]).await,
        401,
        "invalid_client",
    );
    refuses(&desk.form("/oauth2/introspect", None, &[("token", &token)]).await, 401, "invalid_client");
    refuses(&desk.form("/oauth2/introspect", Some(&batch), &[]).await, 400, "invalid_request");

    // Nobody else revokes it, nor learns that it is one.
    for who in [&payroll, &orders] {
        assert_eq!(desk.form("/oauth2/revoke", Some(who), &[("token", &token)]).await.status, 200);
    }
    assert_eq!(ask(orders.clone(), token.clone()).await.json()["active"], true);
    for _ in 0..2 {
        assert_eq!(desk.form("/oauth2/revoke", Some(&batch), &[("token", &token)]).await.status, 200);
        assert_eq!(ask(orders.clone(), token.clone()).await.json(), inactive);
    }
    assert_eq!(desk.records().iter().filter(|record| record.contains("\"RevokeToken\"")).count(), 1);
    refuses(&desk.form("/oauth2/revoke", None, &[("token", &token)]).await, 401, "invalid_client");

    let more = desk.token(Some(&batch), &[("grant_type", "client_credentials")]).await.json();
    let more = more["access_token"].as_str().unwrap().to_owned();
    assert_eq!(ask(orders.clone(), more.clone()).await.json()["active"], true);
    desk.office.served.client.delete::<()>("/v1/clients/batch").await.unwrap();
    assert_eq!(ask(orders.clone(), more).await.json(), inactive, "a client that is gone has no tokens");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_registered_origins_may_read_and_no_others() {
    let desk = Desk::new().await;
    desk.app("public").await;
    desk.client("server", json!({ "redirect_uris": ["https://server.example/cb"] })).await;
    let ask = |method: &'static str, path: &'static str, origin: &'static str| {
        let request = Request::builder().method(method).uri(path).header("origin", origin);
        send(&desk.office, request, String::new())
    };
    for path in ["/.well-known/openid-configuration", "/oauth2/jwks", "/oauth2/token"] {
        let told = ask("OPTIONS", path, "https://app.example").await;
        assert_eq!(
            (told.status, told.headers["access-control-allow-origin"].as_bytes()),
            (204, &b"https://app.example"[..])
        );
        for origin in [
            "https://server.example",
            "https://evil.example",
            "null",
            "https://app.example.evil.example",
            "http://app.example",
        ] {
            let told = ask("OPTIONS", path, origin).await;
            assert_eq!(told.headers.get("access-control-allow-origin"), None, "{path} {origin}");
        }
    }
    let told = ask("GET", "/oauth2/jwks", "https://app.example").await;
    assert_eq!((told.status, told.headers.contains_key("access-control-allow-origin")), (200, true));
    assert!(!told.headers.contains_key("access-control-allow-credentials"));
    for path in ["/oauth2/introspect", "/oauth2/revoke", "/v1/session"] {
        let told = ask("POST", path, "https://app.example").await;
        assert_eq!(told.headers.get("access-control-allow-origin"), None, "{path}");
    }
}
