//! Which settings a client can have, and where people are sent back to.

use proptest::prelude::*;
use sha2::Digest as _;

use super::*;
use crate::base::Secret;
use crate::model::{AccountId, User};

fn uri(text: &str) -> RedirectUri {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn what_can_be_registered_is_plain() {
    for good in [
        "https://app.example/cb",
        "https://app.example",
        "https://app.example:8443/cb?tenant=a",
        "https://app.example/a@b",
        "http://127.0.0.1/cb",
        "http://127.0.0.1:9999/cb",
        "http://[::1]:9999/cb",
        "http://localhost:8080/cb",
    ] {
        assert_eq!(uri(good).as_str(), good);
    }
    for bad in [
        "",
        "app.example/cb",
        "https:app.example/cb",
        "HTTPS://app.example/cb",
        "Https://app.example/cb",
        "https://App.example/cb",
        "http://app.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.1:80/cb",
        "http://localhost.evil.example/cb",
        "http://127.1/cb",
        "https://app.example:443/cb",
        "https://user@app.example/cb",
        "https://a:b@app.example/cb",
        "https://app.example%25@evil.example/cb",
        "https://app.example@@evil.example/cb",
        "https://*.example/cb",
        "https://app.example*",
        "https://app.example/cb#x",
        "https://app.example/cb#",
        "https://app.example\\@evil.example/cb",
        "https://app.example/a/../cb",
        "https://app.example/c b",
        "https://app.example/cb\n",
        "https://app.example/\u{e9}",
        "https://\u{430}pp.example/cb",
        "javascript:alert(1)",
        "com.example.app:/cb",
        "data:text/html,x",
        "https:///cb",
        &format!("https://app.example/{}", "x".repeat(2_048)),
    ] {
        assert!(bad.parse::<RedirectUri>().is_err(), "{bad}");
    }
}

/// Every address that is one byte more, one less, one another, or two swapped, and what peers were fooled by.
#[test]
fn an_address_that_differs_by_a_byte_is_another() {
    let registered = "https://app.example/cb?x=1";
    let own = uri(registered);
    let mut rows: BTreeSet<Vec<u8>> = BTreeSet::new();
    let bytes = registered.as_bytes();
    for at in 0..bytes.len() {
        let (head, tail) = bytes.split_at(at);
        rows.insert([head, &tail[1..]].concat());
        for other in [b'a', b'A', b'%', b'@', b'\\', b'/', b'.', b';', b'*', b' ', 0, 9] {
            rows.insert([head, &[other], tail].concat());
            rows.insert([head, &[other], &tail[1..]].concat());
        }
        rows.insert([head, &tail[..1].to_ascii_uppercase(), &tail[1..]].concat());
    }
    for odd in [
        "https://app.example/cb?x=1#",
        "https://app.example/cb?x=1&y=2",
        "https://app.example/../cb?x=1",
        "https://app.example/..;/cb?x=1",
        "https://app.example/%63b?x=1",
        "https://app.example:443/cb?x=1",
        "https://app.example./cb?x=1",
        "https://a@app.example/cb?x=1",
        "https://app.example%25@evil.example/cb?x=1",
        "https://app.example.evil.example/cb?x=1",
        "http://app.example/cb?x=1",
        "//app.example/cb?x=1",
        "",
    ] {
        rows.insert(odd.as_bytes().to_vec());
    }
    rows.remove(bytes);
    assert!(rows.len() >= 300, "{}", rows.len());
    for row in rows {
        let row = String::from_utf8_lossy(&row);
        assert!(!own.admits(&row), "{row}");
    }
    assert!(own.admits(registered));
}

#[test]
fn the_port_of_a_loopback_address_is_free_and_nothing_else_of_it() {
    let own = uri("http://127.0.0.1:9999/cb");
    for port in ["", ":1", ":80", ":9999", ":65535"] {
        assert!(own.admits(&format!("http://127.0.0.1{port}/cb")), "{port}");
        assert!(uri("http://[::1]/cb").admits(&format!("http://[::1]{port}/cb")), "{port}");
    }
    for other in [
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:080/cb",
        "http://127.0.0.1:+80/cb",
        "http://127.0.0.1:80@evil.example/cb",
        "http://127.0.0.1:80/cb/",
        "http://127.0.0.1:80/cb?x",
        "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.1@evil.example/cb",
        "http://127.0.0.2/cb",
        "http://localhost/cb",
        "http://[::1]/cb",
        "https://127.0.0.1/cb",
    ] {
        assert!(!own.admits(other), "{other}");
    }
    assert!(!uri("http://localhost:8080/cb").admits("http://localhost:8081/cb"));
    assert!(!uri("https://127.0.0.1:8080/cb").admits("https://127.0.0.1:8081/cb"));
}

proptest! {
    #[test]
    fn what_is_registered_admits_itself_alone(own in "https://[a-z]{1,8}\\.example/[a-z@.;%/]{0,12}", asked in ".{0,40}") {
        if let Ok(own) = own.parse::<RedirectUri>() {
            prop_assert!(own.admits(own.as_str()));
            prop_assert_eq!(own.admits(&asked), own.as_str() == asked);
        }
    }
}

fn client() -> Client {
    Client {
        id: "app".parse().unwrap(),
        name: "App".to_owned(),
        auth: ClientAuth::None,
        redirect_uris: vec![uri("https://app.example/cb")],
        grants: BTreeSet::from([GrantType::AuthorizationCode]),
        scopes: BTreeSet::from(["openid".parse().unwrap()]),
        audiences: BTreeSet::new(),
        allowed_groups: BTreeSet::new(),
        claims: BTreeMap::new(),
        lifetimes: Lifetimes::default(),
        id_token_alg: IdTokenAlg::Es256,
        required_acr: None,
        may_exchange: BTreeSet::new(),
        subjects: Subjects::Public,
        post_logout_redirect_uris: Vec::new(),
        backchannel_logout_uri: None,
        require_par: false,
        old_secret: None,
        registration: None,
        dpop_bound_access_tokens: false,
        created: Timestamp::UNIX_EPOCH,
        updated: Timestamp::UNIX_EPOCH,
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    client().check().unwrap();
    let changed = |change: fn(&mut Client)| {
        let mut client = client();
        change(&mut client);
        client.check()
    };
    for bad in [
        changed(|client| client.name.clear()),
        changed(|client| client.name = "a\nb".to_owned()),
        changed(|client| client.redirect_uris.clear()),
        changed(|client| client.grants = GrantType::ALL.into()),
        changed(|client| client.grants = BTreeSet::from([GrantType::RefreshToken])),
        changed(|client| client.claims = BTreeMap::from([("sub".to_owned(), ClaimSource::Mail)])),
        changed(|client| client.lifetimes.access = 3_601),
        changed(|client| client.lifetimes.refresh = 1),
        changed(|client| client.audiences = (0..51).map(|n| n.to_string()).collect()),
    ] {
        assert!(bad.is_err());
    }
}

#[test]
fn a_client_survives_its_text_and_shows_no_secret() {
    let secret = Secret::new("s3cret".to_owned());
    let auth = ClientAuth::new(AuthMethod::ClientSecretBasic, Some(SecretHash::of(&secret)), None).unwrap();
    let client = Client { auth, ..client() };
    let text = serde_json::to_string(&client).unwrap();
    assert_eq!(serde_json::from_str::<Client>(&text).unwrap(), client);
    assert!(client.auth.secret().unwrap().is_of(&secret));
    assert!(!client.auth.secret().unwrap().is_of(&Secret::new("s3creT".to_owned())));
    assert!(!format!("{client:?}").contains(&hex::encode(sha2::Sha256::digest("s3cret"))));
    for (method, secret, jwks) in [
        (AuthMethod::None, true, false),
        (AuthMethod::PrivateKeyJwt, true, true),
        (AuthMethod::PrivateKeyJwt, false, false),
        (AuthMethod::ClientSecretPost, false, true),
    ] {
        let hash = secret.then(|| SecretHash::of(&Secret::new("x".to_owned())));
        assert!(ClientAuth::new(method, hash, jwks.then(String::new)).is_err(), "{}", method.name());
    }
}

#[test]
fn words_have_one_spelling() {
    for bad in ["", "App", "-a", "a b", "a/b", "\u{e4}", &"a".repeat(129), &"0f".repeat(16)] {
        assert!(bad.parse::<ClientId>().is_err(), "{bad}");
    }
    for bad in ["", "a b", "a\"b", "a\\b", &"a".repeat(65)] {
        assert!(bad.parse::<Scope>().is_err(), "{bad}");
    }
    for source in ["name", "login", "mail", "display_name", "employee_id", "groups", "tag/Team"] {
        assert_eq!(source.parse::<ClaimSource>().unwrap().to_string(), source);
    }
    assert!(["", "tag/", "password"].iter().all(|bad| bad.parse::<ClaimSource>().is_err()));
}

#[test]
fn what_is_empty_is_told_to_nobody() {
    let account: AccountId = "123456789012".parse().unwrap();
    let mut ann = User::made_up(1, "ann");
    ann.mail = Some("ann@example.test".to_owned());
    ann.tags = [("team".to_owned(), "red".to_owned()), ("floor".to_owned(), String::new())].into();
    let told = |user: &User, source: &str| source.parse::<ClaimSource>().unwrap().text_of(user, &account);
    for (source, text) in [
        ("name", "ann"),
        ("login", "ann"),
        ("mail", "ann@example.test"),
        ("arn", "arn:aws:iam::123456789012:user/ann"),
        ("tag/team", "red"),
    ] {
        assert_eq!(told(&ann, source).as_deref(), Some(text), "{source}");
    }
    for source in ["display_name", "employee_id", "tag/floor", "tag/none", "groups", "roles", "aws_tags"] {
        assert_eq!(told(&ann, source), None, "{source}");
    }
    let empty = || Some(String::new());
    let bob = User { mail: empty(), display_name: empty(), employee_id: empty(), login: String::new(), ..ann };
    for source in ["login", "mail", "display_name", "employee_id"] {
        assert_eq!(told(&bob, source), None, "{source}");
    }
}
