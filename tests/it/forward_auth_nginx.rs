//! A real nginx with the configuration that we ship, in front of an application, and a real daemon behind it. The client is curl,
//! which signs by itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use bailey::base::Clock as _;
use bailey::base::clock::SystemClock;
use bailey::cli::client::Client;
use bailey::config::Config;
use serde_json::{Value, json};

use crate::bed::daemon::Bailey;
use crate::bed::signer::{Credentials, sha256};
use crate::bed::{Authority, free_port, wait_until};
use crate::forward_auth::verified;
use crate::run;

const HOST: &str = "wiki.example.com";
const NGINX: &str = include_str!("../../config/forward-auth/nginx.conf");
const SECRET: &str = "5a7c0b1f5a7c0b1f5a7c0b1f5a7c0b1f";

/// An application behind nginx.
struct Site {
    bailey: Bailey,
    nginx: Child,
    authority: Authority,
    directory: tempfile::TempDir,
    port: u16,
    asked: u16,
}

impl Drop for Site {
    fn drop(&mut self) {
        // It may be gone already, which is what the test will have said.
        let _ = self.nginx.kill();
        let _ = self.nginx.wait();
    }
}

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/forward-auth").join(name)
}

/// `text` with each of these replaced, all of which have to be there.
fn replaced(text: &str, changes: &[(&str, String)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the shipped file has no `{from}`");
        text.replace(from, to)
    })
}

impl Site {
    fn new() -> Self {
        let (directory, authority) = (tempfile::tempdir().unwrap(), Authority::new("Test"));
        let path = |name: &str| directory.path().join(name);
        let (port, application, asked) = (free_port(), free_port(), free_port());
        fs::write(path("edge.secret"), format!("{SECRET}\n")).unwrap();
        fs::set_permissions(path("edge.secret"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        fs::copy(shipped("mapping.toml"), path("mapping.toml")).unwrap();
        let mut bailey = Bailey::with(&format!(
            "[forward_auth]\nlisten = \"127.0.0.1:{asked}\"\nmapping_file = \"{}\"\n\n[[forward_auth.proxy]]\nname = \"edge\"\n\
             addresses = [\"127.0.0.1\"]\nsecret_file = \"{}\"\n",
            path("mapping.toml").display(),
            path("edge.secret").display(),
        ));
        bailey.spawn();
        let leaf = authority.issue("web", &[HOST]);
        let secret = path("secret.conf");
        fs::write(&secret, format!("proxy_set_header X-Bailey-Proxy-Secret \"{SECRET}\";\n")).unwrap();
        let site = replaced(
            NGINX,
            &[
                ("listen 443 ssl;", format!("listen 127.0.0.1:{port} ssl;")),
                ("/etc/nginx/wiki.pem", leaf.certificate_file.display().to_string()),
                ("/etc/nginx/wiki.key", leaf.key_file.display().to_string()),
                ("/etc/nginx/bailey-secret.conf", secret.display().to_string()),
                ("127.0.0.1:8080", format!("127.0.0.1:{application}")),
                ("127.0.0.1:9443", format!("127.0.0.1:{asked}")),
            ],
        );
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("{name}_temp_path {};\n", path(name).display()))
            .collect();
        // The application says what it was sent.
        let says = "return 200 \"$request_method $request_uri $http_host -$http_x_bailey_arn -$http_forwarded $http_x_forwarded_host $http_x_bailey_identity\";";
        let conf = format!(
            "daemon off;\nmaster_process off;\npid {};\nerror_log {} warn;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}\
             {site}\nserver {{ listen 127.0.0.1:{application}; location / {{ {says} }} }}\n}}\n",
            path("pid").display(),
            path("nginx.log").display(),
        );
        fs::write(path("nginx.conf"), conf).unwrap();
        let mut nginx = Command::new("/usr/sbin/nginx");
        nginx.arg("-c").arg(path("nginx.conf")).arg("-p").arg(directory.path()).stdin(Stdio::null());
        let nginx = nginx.stderr(fs::File::create(path("nginx.start")).unwrap()).spawn();
        let nginx = nginx.expect("nginx is missing: apt-get install nginx-light");
        let site = Self { bailey, nginx, authority, directory, port, asked };
        wait_until("nginx", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        wait_until("the listener", || std::net::TcpStream::connect(("127.0.0.1", asked)).is_ok());
        wait_until("a signing key", || !site.jwks()["keys"].as_array().unwrap().is_empty());
        site
    }

    /// Asks the application for a path; who it is, if anybody. Status and body.
    fn get(&self, who: Option<&Credentials>, target: &str, more: &[&str]) -> (u16, String) {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--noproxy", "*", "--path-as-is", "--write-out", "\n%{http_code}", "--cacert"]);
        curl.arg(self.authority.ca_file()).arg("--connect-to").arg(format!("::127.0.0.1:{}", self.port));
        if let Some(Credentials { id, secret, .. }) = who {
            curl.args(["--aws-sigv4", "aws:amz:us-east-1:bailey", "--user", &format!("{id}:{secret}")]);
        }
        let said = run::stdout(curl.args(more).arg(format!("https://{HOST}{target}")));
        let (body, status) = said.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), body.to_owned())
    }

    /// The same with these headers, as they are.
    fn get_with(&self, target: &str, headers: &[String]) -> (u16, String) {
        let headers: Vec<&str> = headers.iter().flat_map(|header| ["--header", header]).collect();
        self.get(None, target, &headers)
    }

    fn jwks(&self) -> Value {
        let mut curl = Command::new("curl");
        let said = run::stdout(curl.args([
            "--silent",
            "--noproxy",
            "*",
            &format!("http://127.0.0.1:{}/oauth2/jwks", self.asked),
        ]));
        serde_json::from_str(&said).unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("nginx.log")).unwrap_or_default()
    }
}

/// The headers of a GET that nothing else is signed of.
fn signed(who: &Credentials, target: &str) -> Vec<String> {
    let signed = who.sign_request(("GET", target), &[("host", HOST)], "bailey", &sha256(b""), SystemClock.now());
    signed.iter().map(|(name, value)| format!("{name}: {value}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_lets_through_whom_policies_allow_and_says_who_it_is() {
    let mut site = Site::new();
    let client = Client::socket(site.bailey.path("socket"));
    let allowed = json!([{"Effect": "Allow", "Action": "wiki:Read*", "Resource": "*"}]);
    let reader = Credentials::of_new_user(&client, "reader", allowed).await;
    let nobody = Credentials::of_new_user(&client, "nobody", json!([])).await;

    let (status, body) = site.get(Some(&reader), "/pages/7", &[]);
    assert_eq!(status, 200, "{body}\n{}\n{}", site.log(), site.bailey.log());
    let (said, token) = body.rsplit_once(' ').unwrap();
    assert_eq!(said, format!("GET /pages/7 {HOST} - - {HOST}"));
    let claims = verified(token, &site.jwks());
    assert_eq!(claims["arn"], "arn:aws:iam::123456789012:user/reader");
    assert_eq!(claims["htu"], format!("https://{HOST}/pages/7"));
    assert_eq!((&claims["aud"], &claims["resource"]), (&json!("wiki"), &json!("arn:aws:wiki:::page/7")));

    // What a client says of itself is refused or goes no further.
    for name in ["X-Bailey-Identity", "X-Bailey-User", "X-Bailey-Arn", "X-HTTP-Method-Override"] {
        assert_eq!(site.get(Some(&reader), "/pages/7", &["--header", &format!("{name}: forged")]).0, 403, "{name}");
    }
    let mut told = signed(&reader, "/pages/7");
    told.extend(["X-Forwarded-Host: admin.example.com", "Forwarded: for=192.0.2.1"].map(str::to_owned));
    let (status, body) = site.get_with("/pages/7", &told);
    assert!(status == 200 && body.starts_with(&format!("GET /pages/7 {HOST} - - {HOST} ")), "{body}");
    // A target that names another host than the header: what is asked about is what the application gets.
    let headers = signed(&reader, "/pages/7");
    let mut words = vec!["--request-target", "http://secret.example.com/pages/7"];
    words.extend(headers.iter().flat_map(|header| ["--header", header]));
    let (status, body) = site.get(None, "/pages/7", &words);
    assert!(status == 200 && body.starts_with(&format!("GET /pages/7 {HOST} ")), "{status} {body}");
    // An address whose token is longer than nginx takes an answer's head to be; curl does not sign queries as others do.
    let long = format!("/pages/7?q={}", "x".repeat(4_000));
    assert_eq!(site.get_with(&long, &signed(&reader, &long)).0, 200, "{}", site.log());

    assert_eq!(site.get(None, "/pages/7", &[]).0, 401);
    assert_eq!(site.get(Some(&nobody), "/pages/7", &[]).0, 403);
    assert_eq!(site.get(Some(&reader), "/pages/7", &["--request", "DELETE"]).0, 403);
    assert_eq!(site.get(Some(&reader), "/unmapped", &[]).0, 403);
    // Straight to where nginx asks.
    assert_eq!(site.get(Some(&reader), "/_bailey", &[]).0, 404);
    // Signed as Bailey takes signatures, so that it is the path that is refused.
    for target in ["/pages/..%2funmapped", "/pages//7", "/pages/7;x", "/pages/7.", "/pages/7/", "/pages/%252e%252e"] {
        let (status, body) = site.get_with(target, &signed(&reader, target));
        assert_eq!(status, 403, "{target}: {body}");
    }
    // nginx takes any host for its only server; the application that it insists on does not have this one.
    let (status, body) = site.get(Some(&reader), "/pages/7", &["--header", "Host: shop.example.com"]);
    assert_eq!(status, 403, "{body}");

    // A changed mapping counts from the reload on; one with a fault is refused, and the one before stays.
    let mapping = site.directory.path().join("mapping.toml");
    let before = fs::read_to_string(&mapping).unwrap();
    let rule = "[[application.rule]]\nmethods = [\"GET\"]\npath = \"/unmapped\"\naction = \"wiki:ReadMore\"\nresource = \"arn:aws:wiki:::more\"\n";
    fs::write(&mapping, format!("{before}\n{rule}")).unwrap();
    site.bailey.signal("HUP");
    wait_until("the new mapping", || site.get(Some(&reader), "/unmapped", &[]).0 == 200);
    fs::write(&mapping, format!("{before}\n{rule}{rule}")).unwrap();
    site.bailey.signal("HUP");
    wait_until("the refusal", || site.bailey.log().contains("another rule is about GET /unmapped"));
    assert_eq!(site.get(Some(&reader), "/unmapped", &[]).0, 200, "what was in use stays");

    site.bailey.terminate();
    assert_eq!(site.get(Some(&reader), "/pages/7", &[]).0, 500, "nobody passes while nobody answers");
}

/// The section of the configuration with these lines, and what is wrong with it.
fn faults(section: &str, mapping: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path
    };
    write("mapping.toml", mapping);
    write("secret", SECRET);
    write("short", "hunter2");
    let file = write("bailey.toml", &format!("account = \"123456789012\"\n{section}"));
    match Config::load(&file, |_| None) {
        Ok(_) => Vec::new(),
        Err(bailey::config::ConfigError::Faults { faults, .. }) => {
            let directory = directory.path().display().to_string();
            faults.iter().map(|fault| fault.to_string().replace(&directory, "")).collect()
        }
        Err(other) => panic!("{other}"),
    }
}

const RULE: &str =
    "[[application]]\nname = \"a\"\nhosts = [\"a.example.com\"]\n[[application.rule]]\nmethods = [\"GET\"]\n";

#[test]
fn a_section_that_would_let_others_ask_is_refused() {
    let listens = "[forward_auth]\nlisten = \"127.0.0.1:9443\"\nmapping_file = \"mapping.toml\"\n";
    let proxy = "[[forward_auth.proxy]]\nname = \"edge\"\naddresses = [\"127.0.0.1\"]\n";
    let secret = "secret_file = \"secret\"\n";
    let mapping = format!("{RULE}path = \"/\"\naction = \"a:B\"\nresource = \"arn:aws:a:::b\"\n");
    let of = |section: String| faults(&section, &mapping);
    assert_eq!(of(format!("{listens}{proxy}{secret}")), Vec::<String>::new());
    assert_eq!(of("[forward_auth]\n[[forward_auth.proxy]]\n".to_owned()), Vec::<String>::new(), "as in the example");
    for (section, said) in [
        (listens.to_owned(), "nobody could ask"),
        (format!("{listens}{proxy}"), "everybody on that machine could ask in its name"),
        (format!("{listens}{proxy}secret_file = \"short\"\n"), "fewer than 32 characters"),
        (format!("{listens}{proxy}certificate_name = \"edge.example.com\"\n"), "no certificate is asked for"),
        (format!("{listens}{proxy}{secret}{proxy}{secret}"), "`edge` is another proxy's, too"),
        (
            format!("{listens}[[forward_auth.proxy]]\nname = \"edge\"\n{secret}"),
            "forward_auth.proxy.addresses: missing",
        ),
        (format!("{}{proxy}{secret}", listens.replace("mapping_file", "#")), "forward_auth.mapping_file: missing"),
        (format!("{}{proxy}{secret}", listens.replace("mapping.toml", "none.toml")), "cannot be read"),
        (format!("{}{proxy}{secret}", listens.replace("127.0.0.1:9443", "0.0.0.0:9443")), "in the clear"),
        (format!("[forward_auth]\nmapping_file = \"mapping.toml\"\n{proxy}{secret}"), "is set, and nothing listens"),
    ] {
        let faults = of(section.clone());
        assert!(faults.len() == 1 && faults[0].contains(said), "{section}: {faults:?}");
    }
}

#[test]
fn a_mapping_is_told_what_is_wrong_by_its_own_lines() {
    let section = "[forward_auth]\nlisten = \"127.0.0.1:9443\"\nmapping_file = \"mapping.toml\"\n\
                   [[forward_auth.proxy]]\nname = \"edge\"\naddresses = [\"127.0.0.1\"]\nsecret_file = \"secret\"\n";
    let rest = "path = \"/\"\naction = \"a:B\"\nresource = \"arn:aws:a:::b\"\n";
    for (mapping, said) in [
        (String::new(), "/mapping.toml:1:1: application: there is none"),
        ("x = ".to_owned(), "/mapping.toml:1:"),
        ("[application]\n".to_owned(), "/mapping.toml:1:2: application: write it as [[application]]"),
        (format!("{RULE}{rest}colour = \"red\"\n"), "/mapping.toml:9:1: colour: is no key of a rule"),
        (format!("{RULE}path = \"/\"\naction = \"a:B\"\n"), "/mapping.toml:4:1: application.rule.resource: missing"),
        (format!("{RULE}{}", rest.replace("\"/\"", "\"a\"")), "/mapping.toml:6:1: application.rule.path: has to begin"),
        (format!("{RULE}{}", rest.replace("a:B", "a:*")), "/mapping.toml:7:1: application.rule.action: "),
        (
            format!("{RULE}{rest}{RULE}{rest}").replacen("a.example.com", "b.example.com", 1),
            "another application has it",
        ),
        (format!("{RULE}{rest}{RULE}{rest}").replacen("\"a\"", "\"b\"", 1), "`a.example.com` is another application's"),
        (
            format!("{RULE}{rest}").replace("[\"GET\"]", "\"GET\""),
            "/mapping.toml:5:1: application.rule.methods: expected a list",
        ),
        (format!("{RULE}{rest}").replace("a.example.com", "a.example.com:443"), "`a.example.com:443` is not a host"),
    ] {
        let faults = faults(section, &mapping);
        assert!(faults.len() == 1 && faults[0].contains(said), "{said}: {faults:#?}\n{mapping}");
    }
}
