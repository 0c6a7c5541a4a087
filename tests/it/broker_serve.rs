//! `bailey credentials serve`: whom it answers, and whom not.

use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use serde_json::{Value, json};

use crate::broker_bed::{DEPLOY, Desk, Served};
use crate::run;

const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
const CREDENTIALS: &str = "/latest/meta-data/iam/security-credentials/Deploy";
const TTL: (&str, &str) = ("X-aws-ec2-metadata-token-ttl-seconds", "21600");
const TOKEN: &str = "X-aws-ec2-metadata-token";

fn json_of(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"))
}

#[test]
fn a_container_endpoint_answers_whoever_shows_the_token() {
    let desk = Desk::signed_in();
    let served = desk.serve(&[]);
    assert_eq!(served.variables[0].1, format!("http://{}/credentials", served.host()));
    assert_eq!(std::fs::metadata(served.token_file()).unwrap().mode() & 0o777, 0o600);
    let token = served.token();
    let (status, body) = served.ask("GET", "/credentials", &[("Authorization", &token)]);
    let (printed, told) = (desk.credentials(), json_of(&body));
    assert_eq!((status, &told["RoleArn"]), (200, &json!(DEPLOY)));
    for (told_as, printed_as) in [
        ("AccessKeyId", "AccessKeyId"),
        ("SecretAccessKey", "SecretAccessKey"),
        ("Token", "SessionToken"),
        ("Expiration", "Expiration"),
    ] {
        assert_eq!(told[told_as], printed[printed_as], "{told_as}");
    }
    let secret = told["SecretAccessKey"].as_str().unwrap();
    let short = &token[..token.len() - 1];
    let bearer = format!("Bearer {token}");
    for (method, path, headers, wanted) in [
        ("GET", "/credentials", &[][..], 401),
        ("GET", "/credentials", &[("Authorization", "")], 401),
        ("GET", "/credentials", &[("Authorization", short)], 401),
        ("GET", "/credentials", &[("Authorization", bearer.as_str())], 401),
        ("GET", "/credentials", &[("Authorization", &token), ("Authorization", &token)], 401),
        ("GET", "/", &[("Authorization", &token)], 404),
        ("GET", "/credentials/", &[("Authorization", &token)], 404),
        ("GET", "/credentials?role=Other", &[("Authorization", &token)], 404),
        ("GET", "/", &[], 401),
        ("POST", "/credentials", &[("Authorization", &token)], 405),
        ("HEAD", "/credentials", &[("Authorization", &token)], 405),
        ("PUT", "/latest/api/token", &[("Authorization", &token), TTL], 404),
    ] {
        let (status, body) = served.ask(method, path, headers);
        assert_eq!(status, wanted, "{method} {path} {headers:?}: {body}");
        assert!(!body.contains(secret), "{body}");
    }
    let file = served.token_file().to_owned();
    served.terminate();
    assert!(!file.exists());
}

#[test]
fn instance_metadata_are_version_2_alone() {
    let desk = Desk::signed_in();
    let served = desk.serve(&["--imds"]);
    let (status, token) = served.ask("PUT", "/latest/api/token", &[TTL]);
    assert_eq!(status, 200);
    assert_eq!(served.ask("GET", ROLES, &[(TOKEN, &token)]), (200, "Deploy".to_owned()));
    let (status, body) = served.ask("GET", CREDENTIALS, &[(TOKEN, &token)]);
    let (printed, told) = (desk.credentials(), json_of(&body));
    assert_eq!((status, &told["Code"], &told["Type"]), (200, &json!("Success"), &json!("AWS-HMAC")));
    assert_eq!((&told["AccessKeyId"], &told["Token"]), (&printed["AccessKeyId"], &printed["SessionToken"]));
    let ttl = |value| ("X-aws-ec2-metadata-token-ttl-seconds", value);
    for (method, path, headers, wanted) in [
        // Nothing that version 1 would answer.
        ("GET", ROLES, &[][..], 401),
        ("GET", CREDENTIALS, &[], 401),
        ("GET", CREDENTIALS, &[(TOKEN, "guess")], 401),
        ("GET", "/latest/meta-data/", &[], 401),
        ("HEAD", CREDENTIALS, &[], 401),
        // Nothing that leads back to it: no 403, 404 or 405 for a PUT.
        ("PUT", "/latest/api/token", &[], 400),
        ("PUT", "/latest/api/token", &[ttl("0")], 400),
        ("PUT", "/latest/api/token", &[ttl("21601")], 400),
        ("PUT", "/latest/api/token", &[ttl("-1")], 400),
        ("PUT", "/latest/api/token", &[ttl("6h")], 400),
        ("PUT", "/latest/api/token", &[TTL, TTL], 400),
        ("PUT", "/latest/api/tokens", &[TTL], 400),
        ("PUT", "/latest/api/token", &[TTL, ("X-Forwarded-For", "203.0.113.9")], 400),
        ("GET", "/latest/meta-data/iam/security-credentials/Other", &[(TOKEN, token.as_str())], 404),
        ("GET", "/latest/user-data", &[(TOKEN, token.as_str())], 404),
        ("POST", CREDENTIALS, &[(TOKEN, token.as_str())], 405),
    ] {
        let (status, body) = served.ask(method, path, headers);
        assert_eq!(status, wanted, "{method} {path} {headers:?}: {body}");
    }
}

/// What no program of this machine sends, and what a browser or a proxy does. Answered 400 either way, whatever else it has.
fn refuses_what_comes_from_elsewhere(served: &Served, method: &str, path: &str, proof: (&str, &str)) {
    let host = served.host();
    let port = host.split_once(':').unwrap().1;
    let named = |name: &str| format!("{name}:{port}");
    let absolute = format!("http://{host}{path}");
    let ours = ("Host", host.as_str());
    assert_eq!(served.ask_with(method, path, &[ours, proof]).0, 200);
    for other in [
        named("localhost"),
        named("rebound.example"),
        named("127.0.0.2"),
        named("0x7f.1"),
        named("2130706433"),
        "127.0.0.1".to_owned(),
        "169.254.169.254".to_owned(),
        format!("{host}."),
        format!("user@{host}"),
        String::new(),
    ] {
        assert_eq!(served.ask_with(method, path, &[("Host", other.as_str()), proof]).0, 400, "{other}");
    }
    assert_eq!(served.ask_with(method, path, &[proof]).0, 400, "no host");
    assert_eq!(served.ask_with(method, path, &[ours, ours, proof]).0, 400, "two hosts");
    assert_eq!(served.ask_with(method, &absolute, &[ours, proof]).0, 400, "a target with a host");
    for (name, value) in [
        ("Origin", "https://rebound.example"),
        ("Origin", "null"),
        ("Origin", absolute.as_str()),
        ("Sec-Fetch-Site", "none"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Host", "x"),
        ("Forwarded", "for=127.0.0.1"),
        ("Via", "1.1 proxy"),
    ] {
        let (status, body) = served.ask_with(method, path, &[ours, proof, (name, value)]);
        assert!(status == 400 && body.contains(&name.to_ascii_lowercase()), "{name}: {value}: {status} {body}");
    }
}

#[test]
fn neither_pages_nor_proxies_are_answered() {
    let desk = Desk::signed_in();
    let container = desk.serve(&[]);
    let token = container.token();
    refuses_what_comes_from_elsewhere(&container, "GET", "/credentials", ("Authorization", &token));
    let imds = desk.serve(&["--imds"]);
    refuses_what_comes_from_elsewhere(&imds, "PUT", "/latest/api/token", TTL);
    let token = imds.ask("PUT", "/latest/api/token", &[TTL]).1;
    refuses_what_comes_from_elsewhere(&imds, "GET", CREDENTIALS, (TOKEN, &token));
    let words = desk.run(&["credentials", "serve", "--role", "Deploy", "--listen", "0.0.0.0:0"]);
    assert_eq!(words.status.code(), Some(2), "{}", run::said(&words));
}

/// What somebody else on this machine is answered.
fn asked_by_another(served: &Served, uid: &str, request: &str) -> String {
    let (host, port) = served.host().split_once(':').map(|(host, port)| (host.to_owned(), port.to_owned())).unwrap();
    let script = format!("exec 3<>/dev/tcp/{host}/{port} && printf '{request}' >&3 && cat <&3");
    let mut other = Command::new("setpriv");
    other.args(["--reuid", uid, "--regid", uid, "--clear-groups", "bash", "-c", &script]).current_dir("/");
    run::stdout(&mut other)
}

#[test]
fn other_people_of_the_machine_are_not_answered() {
    let desk = Desk::signed_in();
    let with = |served: &Served| {
        format!(
            "GET /credentials HTTP/1.1\\r\\nHost: {}\\r\\nAuthorization: {}\\r\\nConnection: close\\r\\n\\r\\n",
            served.host(),
            served.token()
        )
    };
    let served = desk.serve(&[]);
    // Even if they had the token.
    let answer = asked_by_another(&served, "65534", &with(&served));
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("user 65534 is not answered"), "{answer}");
    assert!(!answer.contains("SecretAccessKey"));
    let open = desk.serve(&["--allow-uid", "65534", "--token-file", desk.at_home("token").to_str().unwrap()]);
    assert!(asked_by_another(&open, "65534", &with(&open)).starts_with("HTTP/1.1 200"));
    assert!(asked_by_another(&open, "65533", &with(&open)).starts_with("HTTP/1.1 400"));
    let metadata = desk.serve(&["--imds"]);
    let put = format!(
        "PUT /latest/api/token HTTP/1.1\\r\\nHost: {}\\r\\n{}: 60\\r\\nConnection: close\\r\\n\\r\\n",
        metadata.host(),
        TTL.0
    );
    assert!(asked_by_another(&metadata, "65534", &put).starts_with("HTTP/1.1 400"));
}

#[test]
fn nothing_is_told_as_success_that_is_not() {
    let mut desk = Desk::signed_in();
    let (container, imds) = (desk.serve(&[]), desk.serve(&["--imds"]));
    let (token, metadata) = (container.token(), imds.ask("PUT", "/latest/api/token", &[TTL]).1);
    let both = |desk: &Desk| {
        let asked = [
            container.ask("GET", "/credentials", &[("Authorization", &token)]),
            imds.ask("GET", CREDENTIALS, &[(TOKEN, &metadata)]),
        ];
        let secret = std::fs::read(desk.kept("role-")).unwrap();
        let secret = serde_json::from_slice::<Value>(&secret).unwrap()["keys"]["secret"].as_str().unwrap().to_owned();
        assert!(asked.iter().all(|(status, body)| (*status == 200) == body.contains(&secret)), "{asked:?}");
        asked.map(|(status, body)| (status, json_of(&body)))
    };
    assert!(both(&desk).iter().all(|(status, _)| *status == 200));
    // Refused, then away.
    desk.bailey.ok(&["role", "unassign", "Deploy", "--to", "user/alice"]);
    desk.age("role-", 600);
    let [(container_said, why), (imds_said, _)] = both(&desk);
    assert_eq!((container_said, imds_said), (403, 503), "{why}");
    assert!(why["Message"].as_str().unwrap().contains("AccessDenied"), "{why}");
    desk.bailey.kill();
    let [(container_said, why), (imds_said, _)] = both(&desk);
    assert_eq!((container_said, imds_said), (503, 503), "{why}");
    std::fs::remove_file(desk.kept("login-")).unwrap();
    assert_eq!(both(&desk).map(|(status, _)| status), [503, 503]);
}

#[test]
fn it_does_not_begin_with_nothing_to_give() {
    let desk = Desk::new();
    let words = desk.refused(&["credentials", "serve", "--role", "Deploy", "--listen", "127.0.0.1:0"]);
    assert!(words.contains("nobody is signed in"), "{words}");
    desk.ok(&desk.login());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let held = std::net::TcpListener::bind(taken).unwrap();
    let words = desk.refused(&["credentials", "serve", "--role", "Deploy", "--listen", &taken.to_string()]);
    assert!(words.contains("cannot listen on"), "{words}");
    drop(held);
    let file = desk.at_home("precious");
    std::fs::write(&file, "a key").unwrap();
    let words = desk.refused(&[
        "credentials",
        "serve",
        "--role",
        "Deploy",
        "--listen",
        "127.0.0.1:0",
        "--token-file",
        file.to_str().unwrap(),
    ]);
    assert!(words.contains("precious"), "{words}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "a key");
}
