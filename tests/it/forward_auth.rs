//! Forward auth: who may ask, what is refused before anything is decided, what an application is told; then a real nginx with
//! the configuration that we ship.

use std::net::SocketAddr;
use std::sync::Arc;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use bailey::access::forward::mapping::{Application, Mapping};
use bailey::audit::tail;
use bailey::authn::local::Role;
use bailey::authn::proxy::{SharedSecret, TrustedProxies, TrustedProxy};
use bailey::base::Secret;
use bailey::base::network::Networks;
use bailey::http::forward::{self, Forward, Settings};
use bailey::http::public::{self, Front, Public};
use bailey::http::serve::Ending;
use bailey::http::tls::Files;
use bailey::keys::Algorithm;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpSocket;

use crate::bed::Authority;
use crate::bed::authority::Leaf;
use crate::bed::signer::{Credentials, sha256};
use crate::fixture::{Fixture, Served};
use crate::https;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const HOST: &str = "wiki.example.com";

/// A listener for proxies: 127.0.0.2 is one, and 127.0.0.3 stands before it.
struct Hall {
    fixture: Fixture,
    served: Served,
    forward: Arc<Forward>,
    front: Arc<Front>,
    reader: Credentials,
    nobody: Credentials,
}

/// An answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: hyper::HeaderMap,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Whether it is a no with this code and these words in its message.
    fn says(&self, status: u16, code: &str, words: &str) -> bool {
        let error = &self.body["error"];
        self.status == status && error["code"] == code && error["message"].as_str().unwrap_or_default().contains(words)
    }
}

fn mapping() -> Mapping {
    let mut wiki = Application::new("wiki");
    for (method, path, action, resource) in [
        ("GET", "/pages/{page}", "wiki:ReadPage", "arn:aws:wiki:::page/{page}"),
        ("PUT", "/pages/{page}", "wiki:WritePage", "arn:aws:wiki:::page/{page}"),
        ("GET", "/secret", "wiki:ReadSecret", "arn:aws:wiki:::secret"),
    ] {
        wiki.add(&[method.to_owned()], path, action, resource).unwrap();
    }
    let mut mapping = Mapping::default();
    mapping.add(wiki, vec![HOST.to_owned()]).unwrap();
    mapping
}

fn settings(plain_headers: bool) -> Settings {
    let addresses = |address: &str| Networks::new(vec![address.parse().unwrap()]);
    let proxy = TrustedProxy {
        name: "edge".to_owned(),
        addresses: addresses("127.0.0.2"),
        secrets: vec![SharedSecret::new(&Secret::new(SECRET.to_owned()))],
        certificate_name: None,
    };
    let hops = [addresses("127.0.0.2"), addresses("127.0.0.3")];
    let listener = public::Settings {
        section: "forward_auth",
        listen: "127.0.0.1:0".parse().unwrap(),
        tls: None,
        trusted_proxies: Networks::all(hops.iter()),
        hosts: None,
    };
    Settings { listener, proxies: TrustedProxies(vec![proxy]), mapping: mapping(), plain_headers }
}

impl Hall {
    async fn new(plain_headers: bool) -> Self {
        let fixture = Fixture::new(Some(Role::Operator));
        let served = fixture.serve().await;
        let app = Arc::clone(&fixture.app);
        app.admin.keys.turn_signing_keys(&app.store, Algorithm::Es256, app.admin.now()).unwrap();
        let (listener, rules) = settings(plain_headers).parts();
        let (listener, forward) = (Public::bind(&listener).await.unwrap(), Arc::new(Forward::new(app, rules)));
        let front = listener.front();
        tokio::spawn(listener.serve(forward::router(Arc::clone(&forward)), Ending::default()));
        let allowed = json!([
            {"Effect": "Allow", "Action": ["wiki:Read*", "wiki:WritePage"], "Resource": "*",
             "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}, "Bool": {"aws:SecureTransport": "true"}}},
            {"Effect": "Deny", "Action": "wiki:ReadSecret", "Resource": "*"}]);
        let reader = Credentials::of_new_user(&served.client, "reader", allowed).await;
        let nobody = Credentials::of_new_user(&served.client, "nobody", json!([])).await;
        Self { fixture, served, forward, front, reader, nobody }
    }

    fn address(&self) -> SocketAddr {
        self.front.address()
    }

    /// What a proxy sends of a request that `who` signed, for tests to change.
    fn visit(&self, who: &Credentials, method: &str, target: &str) -> Vec<(String, String)> {
        self.visit_with(who, method, target, &[], &sha256(b""))
    }

    fn visit_with(
        &self,
        who: &Credentials,
        method: &str,
        target: &str,
        others: &[(&str, &str)],
        hash: &str,
    ) -> Vec<(String, String)> {
        let now = self.fixture.app.admin.now();
        let signed = [others, &[("host", HOST)]].concat();
        let mut headers = who.sign_request((method, target), &signed, "bailey", hash, now);
        headers.retain(|(name, _)| name != "host");
        let said = [
            ("host", "bailey.internal"),
            ("x-bailey-proxy-secret", SECRET),
            ("x-forwarded-method", method),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", HOST),
            ("x-forwarded-uri", target),
            ("x-forwarded-for", "203.0.113.9"),
        ];
        headers.extend(said.map(|(name, value)| (name.to_owned(), value.to_owned())));
        headers
    }

    async fn ask(&self, headers: &[(String, String)]) -> Answer {
        self.send("127.0.0.2", "GET", "/v1/forward-auth", headers).await
    }

    async fn send(&self, source: &str, method: &str, target: &str, headers: &[(String, String)]) -> Answer {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{source}:0").parse().unwrap()).unwrap();
        let stream = TokioIo::new(socket.connect(self.address()).await.unwrap());
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let request = headers
            .iter()
            .fold(Request::builder().method(method).uri(target), |request, (name, value)| request.header(name, value));
        let answer = sender.send_request(request.body(Full::new(Bytes::new())).unwrap()).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        }
    }

    fn jwks(&self) -> Value {
        serde_json::to_value(self.fixture.app.admin.keys.jwks()).unwrap()
    }

    /// The last record of the log: its event, and whom it is about.
    fn last_record(&self) -> Value {
        let lines = tail::last(&self.fixture.app.store, 1).unwrap();
        serde_json::from_str(&lines[0].json).unwrap()
    }
}

/// The claims of a token that one of these keys signed.
pub(crate) fn verified(token: &str, jwks: &Value) -> Value {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&decoded(header)).unwrap();
    assert_eq!((&header["alg"], &header["typ"]), (&json!("ES256"), &json!("bailey-identity+jwt")));
    let keys = jwks["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let coordinate = |name: &str| decoded(key[name].as_str().unwrap());
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    public.verify(signed.as_bytes(), &decoded(signature)).expect("the token is signed by a key that is published");
    serde_json::from_slice(&decoded(claims)).unwrap()
}

/// `headers` with this one set.
fn with(headers: &[(String, String)], name: &str, value: &str) -> Vec<(String, String)> {
    let kept = headers.iter().filter(|(known, _)| known != name).cloned();
    kept.chain([(name.to_owned(), value.to_owned())]).collect()
}

fn without(headers: &[(String, String)], name: &str) -> Vec<(String, String)> {
    headers.iter().filter(|(known, _)| known != name).cloned().collect()
}

fn twice(headers: &[(String, String)], name: &str, value: &str) -> Vec<(String, String)> {
    headers.iter().cloned().chain([(name.to_owned(), value.to_owned())]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_says_to_the_application_who_it_is_and_for_what() {
    let hall = Hall::new(false).await;
    let answer = hall.ask(&hall.visit(&hall.reader, "GET", "/pages/7?draft=1")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!((answer.header("x-bailey-user"), answer.header("x-bailey-arn")), (None, None));
    assert_eq!(answer.header("strict-transport-security"), None, "a browser would take it for the application's");
    let claims = verified(answer.header("x-bailey-identity").unwrap(), &hall.jwks());
    let now = hall.fixture.app.admin.now().as_second();
    for (claim, value) in [
        ("iss", json!("urn:bailey:123456789012")),
        ("aud", json!("wiki")),
        ("arn", json!("arn:aws:iam::123456789012:user/reader")),
        ("name", json!("reader")),
        ("action", json!("wiki:ReadPage")),
        ("resource", json!("arn:aws:wiki:::page/7")),
        ("htm", json!("GET")),
        ("htu", json!("https://wiki.example.com/pages/7?draft=1")),
        ("body_sha256", json!(sha256(b""))),
        ("iat", json!(now)),
        ("exp", json!(now + 60)),
    ] {
        assert_eq!(claims[claim], value, "{claim}");
    }
    let user: Value = hall.served.client.get("/v1/users/reader").await.unwrap();
    assert_eq!(claims["sub"], user["unique_id"], "{user}");
    let again = hall.ask(&hall.visit(&hall.reader, "GET", "/pages/7?draft=1")).await;
    let again = verified(again.header("x-bailey-identity").unwrap(), &hall.jwks());
    assert!(claims["jti"] != again["jti"] && claims["sub"].as_str().unwrap().starts_with("AIDA"));

    // The keys are there for whoever verifies, on this listener too, and a reload brings plain headers.
    let keys = hall.send("127.0.0.1", "GET", "/oauth2/jwks", &[("host".to_owned(), "any".to_owned())]).await;
    assert_eq!((keys.status, keys.body), (200, hall.jwks()));
    hall.forward.exchange(settings(true).parts().1);
    let answer = hall.ask(&hall.visit(&hall.reader, "GET", "/pages/8")).await;
    assert_eq!(answer.header("x-bailey-user"), Some("reader"));
    assert_eq!(answer.header("x-bailey-arn"), Some("arn:aws:iam::123456789012:user/reader"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_no_says_why_and_is_recorded() {
    let hall = Hall::new(false).await;
    for (who, method, target, said) in [
        (&hall.nobody, "GET", "/pages/7", "user/nobody may not do wiki:ReadPage to arn:aws:wiki:::page/7"),
        (&hall.reader, "GET", "/secret", "may not do wiki:ReadSecret"),
        (&hall.reader, "DELETE", "/pages/7", "no rule of application `wiki` is about DELETE /pages/7"),
        (&hall.reader, "GET", "/pages/7/", "no rule"),
        (&hall.reader, "GET", "/pages/7%20", "a blank"),
        (&hall.reader, "GET", "/pages/7.", "a dot"),
        (&hall.reader, "GET", "/", "no rule"),
        (&hall.reader, "GET", "/pages/..%2fsecret", "an encoded slash"),
        (&hall.reader, "GET", "/pages//7", "`//`"),
        (&hall.reader, "GET", "/pages/7;x=y", "`;`"),
        (&hall.reader, "GET", "/pages/%252e%252e", "encoded twice"),
    ] {
        let answer = hall.ask(&hall.visit(who, method, target)).await;
        assert!(answer.says(403, "AccessDenied", said), "{method} {target}: {answer:?}");
        assert_eq!(answer.header("x-bailey-identity"), None);
        let record = hall.last_record();
        assert_eq!((&record["eventName"], &record["errorCode"]), (&json!("ForwardAuth"), &json!("AccessDenied")));
        assert_eq!(record["userIdentity"]["type"], "IAMUser", "{record}");
        assert_eq!(record["requestParameters"]["method"], method, "{record}");
        let id = answer.header("x-request-id").unwrap();
        assert_eq!((&record["requestID"], &answer.body["error"]["request_id"]), (&json!(id), &json!(id)));
        let said: Value = hall.served.client.get(&format!("/v1/explain/{id}")).await.unwrap();
        match target {
            "/secret" => assert_eq!(said["statements"][0]["effect"], "Deny", "{said}"),
            "/pages/7" if method == "GET" => assert_eq!(said["lacking"], json!([{ "layer": "identity" }]), "{said}"),
            _ => assert!(said["now"].is_null(), "no policy was asked: {said}"),
        }
    }
    let far = with(&hall.visit(&hall.reader, "GET", "/pages/7"), "x-forwarded-for", "198.51.100.1");
    assert!(hall.ask(&far).await.says(403, "AccessDenied", "wiki:ReadPage"), "another network");
    let clear = with(&hall.visit(&hall.reader, "GET", "/pages/7"), "x-forwarded-proto", "http");
    assert!(hall.ask(&clear).await.says(403, "AccessDenied", "wiki:ReadPage"), "in the clear");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_its_signers_alone() {
    let hall = Hall::new(false).await;
    let right = hall.visit(&hall.reader, "GET", "/pages/7");
    for (headers, said) in [
        (without(&right, "authorization"), "not signed"),
        (with(&right, "x-forwarded-uri", "/pages/8"), "does not match"),
        (with(&right, "x-forwarded-method", "PUT"), "does not match"),
        (with(&right, "x-forwarded-host", "other.example.com"), "does not match"),
        (with(&right, "x-amz-date", "20200101T000000Z"), "credential"),
        (twice(&right, "authorization", "Bearer x"), "more than once"),
        (twice(&right, "x-amz-target", "x"), "not signed"),
    ] {
        let answer = hall.ask(&headers).await;
        assert_eq!(answer.status, 401, "{said}: {answer:?}");
        assert!(answer.body["error"]["message"].as_str().unwrap().contains(said), "{said}: {answer:?}");
        assert_eq!(answer.header("www-authenticate"), Some("AWS4-HMAC-SHA256 realm=\"bailey\""));
    }
    let unknown = Credentials { id: "AKIAIOSFODNN7EXAMPLE".to_owned(), secret: "x".to_owned(), token: None };
    assert_eq!(hall.ask(&hall.visit(&unknown, "GET", "/pages/7")).await.status, 401);
    let record = hall.last_record();
    assert_eq!((&record["eventName"], &record["errorCode"]), (&json!("VerifySignature"), &json!("AccessDenied")));
    assert_eq!(record["sourceIPAddress"], "203.0.113.9", "the client's address, not the proxy's");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_something_passes_once_and_its_body_is_the_one_that_was_signed() {
    let hall = Hall::new(false).await;
    let hash = sha256(b"# Seven");
    let put = hall.visit_with(&hall.reader, "PUT", "/pages/7", &[("x-amz-content-sha256", &hash)], &hash);
    let answer = hall.ask(&put).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let claims = verified(answer.header("x-bailey-identity").unwrap(), &hall.jwks());
    assert_eq!((&claims["body_sha256"], &claims["htm"]), (&json!(hash), &json!("PUT")));
    let answer = hall.ask(&put).await;
    assert!(answer.says(403, "AccessDenied", "was sent before"), "{answer:?}");
    let get = hall.visit(&hall.reader, "GET", "/pages/7");
    assert_eq!((hall.ask(&get).await.status, hall.ask(&get).await.status), (200, 200));
    let other = with(&put, "x-amz-content-sha256", &sha256(b"# Eight"));
    assert_eq!(hall.ask(&other).await.status, 401);
    let unsigned = "UNSIGNED-PAYLOAD";
    let unsigned = hall.visit_with(&hall.reader, "PUT", "/pages/7", &[("x-amz-content-sha256", unsigned)], unsigned);
    assert_eq!(hall.ask(&unsigned).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_asks_but_a_proxy_that_shows_its_secret() {
    let hall = Hall::new(false).await;
    let right = hall.visit(&hall.reader, "GET", "/pages/7");
    for (source, headers, said) in [
        ("127.0.0.1", right.clone(), "no proxy of `forward_auth` has the address 127.0.0.1"),
        ("127.0.0.3", right.clone(), "no proxy of `forward_auth` has the address 127.0.0.3"),
        ("127.0.0.2", without(&right, "x-bailey-proxy-secret"), "edge does not show its shared secret"),
        ("127.0.0.2", with(&right, "x-bailey-proxy-secret", &SECRET[1..]), "edge does not show its shared secret"),
    ] {
        let answer = hall.send(source, "GET", "/v1/forward-auth", &headers).await;
        assert!(answer.says(403, "UntrustedProxy", said), "{source}: {answer:?}");
        assert!(!answer.body.to_string().contains(SECRET));
        let record = hall.last_record();
        assert_eq!((&record["eventName"], &record["sourceIPAddress"]), (&json!("VerifyProxy"), &json!(source)));
    }
    assert_eq!(hall.send("127.0.0.2", "GET", "/", &right).await.status, 404);
    assert_eq!(hall.send("127.0.0.2", "GET", "/v1/authorize", &right).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_be_the_clients_word_and_not_the_proxys_is_refused() {
    let hall = Hall::new(false).await;
    let right = hall.visit(&hall.reader, "GET", "/pages/7");
    for (headers, said) in [
        (twice(&right, "x-forwarded-uri", "/pages/7"), "`x-forwarded-uri` is there more than once"),
        (twice(&right, "x-forwarded-method", "GET"), "`x-forwarded-method` is there more than once"),
        (twice(&right, "x-forwarded-host", HOST), "`x-forwarded-host` is there more than once"),
        (twice(&right, "x-forwarded-for", "203.0.113.9"), "`x-forwarded-for` is there more than once"),
        (twice(&right, "x-forwarded-proto", "https"), "`x-forwarded-proto` is there more than once"),
        (twice(&right, "x-bailey-proxy-secret", SECRET), "`x-bailey-proxy-secret` is there more than once"),
        (without(&right, "x-forwarded-for"), "does not say `x-forwarded-for`"),
        (without(&right, "x-forwarded-proto"), "does not say `x-forwarded-proto`"),
        (without(&right, "x-forwarded-uri"), "does not say `x-forwarded-uri`"),
        (with(&right, "x-forwarded-host", "a b"), "is no visible ASCII"),
        (with(&right, "x-forwarded-host", "user@wiki"), "is no host: `user@wiki`"),
        (twice(&right, "x-http-method-override", "DELETE"), "another request of it"),
        (twice(&right, "x-original-url", "/admin"), "another request of it"),
        (twice(&right, "x_http_method_override", "DELETE"), "`x-http-method-override` can make"),
        (twice(&right, "x-bailey-identity", "forged"), "somebody else's"),
        (twice(&right, "x-bailey-arn", "forged"), "somebody else's"),
    ] {
        let answer = hall.ask(&headers).await;
        assert!(answer.says(403, "InvalidForwarding", said), "{said}: {answer:?}");
    }
    let hops = with(&right, "x-forwarded-for", "198.51.100.7, 203.0.113.9, 127.0.0.3");
    assert_eq!(hall.ask(&hops).await.status, 200, "the right-most that is no proxy");
    let garbage = with(&right, "x-forwarded-for", "unknown");
    assert_eq!(hall.ask(&garbage).await.status, 400);
    let named = with(&right, "x-bailey-application", "wiki");
    assert_eq!(hall.ask(&named).await.status, 200);
    let named = with(&right, "x-bailey-application", "shop");
    assert!(hall.ask(&named).await.says(403, "AccessDenied", "the proxy asks for application `shop`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy_sends_the_request_as_it_is_behind_a_prefix() {
    let hall = Hall::new(false).await;
    let as_envoy = |method: &str, target: &str| {
        let headers = hall.visit(&hall.reader, method, target);
        let kept = ["x-forwarded-uri", "x-forwarded-method", "x-forwarded-host"];
        let headers = kept.iter().fold(headers, |headers, name| without(&headers, name));
        // It adds its own address when it asks.
        let headers = with(&headers, "x-forwarded-for", "203.0.113.9,127.0.0.3");
        with(&headers, "host", HOST)
    };
    for (method, target, status) in [
        ("GET", "/pages/7?a=b", 200),
        ("PUT", "/pages/7", 200),
        ("DELETE", "/pages/7", 403),
        ("GET", "/pages/%2e%2e", 403),
        ("GET", "/pages//7", 403),
    ] {
        let headers = as_envoy(method, target);
        let answer = hall.send("127.0.0.2", method, &format!("/v1/envoy-auth{target}"), &headers).await;
        assert_eq!(answer.status, status, "{method} {target}: {answer:?}");
        if status == 200 {
            let claims = verified(answer.header("x-bailey-identity").unwrap(), &hall.jwks());
            assert_eq!(claims["htu"], format!("https://{HOST}{target}"));
        }
    }
    let answer = hall.send("127.0.0.2", "GET", "/v1/envoy-auth/pages/8", &as_envoy("GET", "/pages/7")).await;
    assert_eq!(answer.status, 401, "another path than was signed");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_disabled_or_deprived_passes_no_more_and_root_never() {
    let hall = Hall::new(false).await;
    let get = async |who: &Credentials| hall.ask(&hall.visit(who, "GET", "/pages/7")).await;
    assert_eq!(get(&hall.reader).await.status, 200);
    let _: Value = hall.served.client.post("/v1/users/reader", &json!({ "disabled": true })).await.unwrap();
    assert!(get(&hall.reader).await.says(401, "AccessDenied", "may not act"));
    let _: Value = hall.served.client.post("/v1/users/reader", &json!({ "disabled": false })).await.unwrap();
    assert_eq!(get(&hall.reader).await.status, 200);
    let _: Value = hall.served.client.delete("/v1/users/reader/inline/own").await.unwrap();
    assert!(get(&hall.reader).await.says(403, "AccessDenied", "may not do wiki:ReadPage"));

    let made: Value = hall.served.client.post("/v1/init", &json!({})).await.unwrap();
    let root = Credentials::told(&made);
    assert!(get(&root).await.says(403, "AccessDenied", "not for applications"));
    assert_eq!(hall.last_record()["userIdentity"]["type"], "Root");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_send_one_change_at_once_one_passes() {
    let hall = Arc::new(Hall::new(false).await);
    let put = hall.visit(&hall.reader, "PUT", "/pages/7");
    let asked = (0..32).map(|_| {
        let (hall, put) = (Arc::clone(&hall), put.clone());
        tokio::spawn(async move { hall.ask(&put).await.status })
    });
    let mut statuses = Vec::new();
    for asked in asked.collect::<Vec<_>>() {
        statuses.push(asked.await.unwrap());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 403].contains(status)), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_changes_so_much_and_the_apis_go_on() {
    let hall = Hall::new(false).await;
    let mut answers = Vec::new();
    for n in 0..120 {
        answers.push(hall.ask(&hall.visit(&hall.reader, "PUT", &format!("/pages/{n}"))).await.status);
    }
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 100);
    assert_eq!(answers.last(), Some(&429));
    assert_eq!(hall.ask(&hall.visit(&hall.reader, "GET", "/pages/7")).await.status, 200, "reading goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_without_a_secret_shows_a_certificate_for_its_name() {
    let (authority, other) = (Authority::new("Test"), Authority::new("Other"));
    let ours = authority.issue("bailey", &[https::NAME]);
    std::fs::set_permissions(&ours.key_file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let mut settings = settings(false);
    settings.listener.tls = Some(Files {
        certificate: ours.certificate_file.clone(),
        key: ours.key_file.clone(),
        client_ca: Some(authority.ca_file()),
    });
    settings.proxies.0[0] = TrustedProxy {
        name: "traefik".to_owned(),
        addresses: Networks::new(vec!["127.0.0.1".parse().unwrap()]),
        secrets: Vec::new(),
        certificate_name: Some("traefik.example.com".to_owned()),
    };
    let fixture = Fixture::new(None);
    let (listener, rules) = settings.parts();
    let listener = Public::bind(&listener).await.unwrap();
    let address = listener.front().address();
    let forward = Arc::new(Forward::new(Arc::clone(&fixture.app), rules));
    tokio::spawn(listener.serve(forward::router(forward), Ending::default()));
    let ask = async |identity: Option<&Leaf>| {
        let stream = https::connect(address, &authority, identity).await.ok()?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        let request =
            Request::get("/v1/forward-auth").header("host", https::NAME).body(Full::new(Bytes::new())).unwrap();
        let body = sender.send_request(request).await.ok()?.into_body().collect().await.ok()?.to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        Some(body["error"]["code"].as_str().unwrap().to_owned())
    };
    let code = |code: &str| Some(code.to_owned());
    let traefik = authority.issue("x", &["traefik.example.com"]);
    assert_eq!(ask(Some(&traefik)).await, code("InvalidForwarding"), "it is known, and said nothing of a request");
    let named = authority.issue("traefik.example.com", &["x.example.com"]);
    assert_eq!(ask(Some(&named)).await, code("UntrustedProxy"));
    assert_eq!(ask(None).await, code("UntrustedProxy"));
    let stranger = other.issue("x", &["traefik.example.com"]);
    assert_eq!(ask(Some(&stranger)).await, None, "another authority's ends the handshake");
}
