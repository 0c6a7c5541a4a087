//! The sections for widely used applications that we ship, each read; and one of them at work: Apache's mod_auth_openidc lets in whom
//! it says.

use std::collections::BTreeMap;
use std::path::Path;

use bailey::config::Config;
use serde_json::json;

use crate::bed::apache::{self, Apache};
use crate::bed::chromium::{Chromium, Look};
use crate::bed::counter::Counter;
use crate::bed::daemon::Bailey;
use crate::bed::free_port;
use crate::portal_browser::{PASSWORD, sign_in_at};

const MINIMAL: &str = include_str!("../../config/minimal.toml");
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The sections by file name.
fn presets() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/clients");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|file| {
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(file).unwrap())
        })
        .collect()
}

#[test]
fn every_section_is_read_and_says_what_the_application_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o400)).unwrap();
        path
    };
    write("corp-bind", "hunter2");
    let presets = presets();
    let names: Vec<&str> = presets.keys().map(String::as_str).collect();
    let known = ["aws-web-identity", "gitlab", "grafana", "kubernetes", "mod_auth_openidc", "oauth2-proxy", "vault"];
    assert_eq!(names, known);
    for (name, text) in presets {
        let id = text.lines().find_map(|line| line.strip_prefix("id = \"")).unwrap().trim_end_matches('"');
        write(id, SECRET);
        let sso = "[sso]\nissuer = \"https://bailey.example.com\"\ncli = false\n\n";
        let file = write(&format!("{name}.toml"), &format!("{MINIMAL}\n{sso}{text}"));
        let credentials = folder.path().to_path_buf();
        let config = Config::load(&file, |key| (key == "CREDENTIALS_DIRECTORY").then(|| credentials.clone().into()));
        let config = config.unwrap_or_else(|error| panic!("{name}: {error}"));
        let [client] = &config.clients[..] else { panic!("{name}: {:?}", config.clients) };
        assert_eq!(client.id.as_str(), id);
        let told: String = text.lines().filter(|line| line.starts_with('#')).collect::<Vec<_>>().join("\n");
        assert!(told.contains("https://bailey.example.com"), "{name} says where we are");
        // What the application is told to send people back to is what is registered; programs know their own.
        for uri in client.redirect_uris.iter().filter(|uri| uri.as_str().starts_with("https://")) {
            assert!(name == "grafana" || told.contains(uri.as_str()), "{name} does not name {}", uri.as_str());
        }
    }
}

/// An Apache with mod_auth_openidc, whose page says whom it let in.
fn apache(port: u16, more: &str) -> Apache {
    let folder = apache::folder();
    let page = "<h1>Intranet of <!--#echo var=\"REMOTE_USER\" --></h1><p><!--#echo var=\"OIDC_CLAIM_email\" --></p>";
    std::fs::write(folder.path().join("pages/index.html"), page).unwrap();
    let module = apache::load("auth_openidc_module", "mod_auth_openidc");
    Apache::start(folder, port, "event", &format!("{module}{more}"))
}

/// What Apache is told in the comment of our section, with the names of this machine.
fn directives(text: &str, names: &[(&str, &str)]) -> String {
    let lines = text.lines().filter_map(|line| line.strip_prefix("#   "));
    let told = lines.collect::<Vec<_>>().join("\n");
    names.iter().fold(told, |told, (ours, here)| told.replace(ours, here))
}

#[test]
fn apache_lets_in_whom_our_section_for_it_says() {
    let (bailey, port) = (Bailey::with(""), free_port());
    let secret = bailey.path("apache.secret");
    std::fs::write(&secret, SECRET).unwrap();
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let preset = presets().remove("mod_auth_openidc").unwrap();
    let here = format!("http://127.0.0.1:{port}");
    let client = preset
        .replace("https://app.example.com", &here)
        .replace("secret_credential = \"apache\"", &format!("secret_file = \"{}\"", secret.display()));
    let counter = Counter::over(bailey, &format!("[sso]\nissuer = \"https://localhost:@PORT@\"\n\n{client}"));
    for name in ["ann", "bob"] {
        counter.post("/v1/users", &json!({ "name": name }));
        counter.post(&format!("/v1/users/{name}"), &json!({ "mail": format!("{name}@example.test") }));
        counter.post(&format!("/v1/users/{name}/password"), &json!({ "password": PASSWORD, "must_change": false }));
    }
    counter.post("/v1/groups", &json!({ "name": "app-users" }));
    counter.put("/v1/groups/app-users/members/ann", &json!({}));
    let names = [
        ("https://bailey.example.com", counter.url()),
        ("https://app.example.com", here.clone()),
        ("CONTENT_OF_THE_SECRET_FILE", SECRET.to_owned()),
        ("\"exec:/bin/cat /etc/apache2/oidc.passphrase\"", "a-passphrase-for-cookies".to_owned()),
    ];
    let names: Vec<(&str, &str)> = names.iter().map(|(ours, here)| (*ours, here.as_str())).collect();
    let trust = format!("OIDCCABundlePath {}\n", counter.authority_file().display());
    let apache = apache(port, &(trust + &directives(&preset, &names)));

    let browser = Chromium::open(Look::Light);
    sign_in_at(&browser, &here);
    browser.until("h1", "Intranet of ann");
    assert_eq!(browser.reads("p"), "ann@example.test", "{}", apache.log());
    // Who is not in the group is known, and not let in.
    let other = Chromium::open(Look::Light);
    other.go(&here);
    other.until("h1", "Sign in");
    other.types("#login", "bob");
    other.types("#password", PASSWORD);
    other.clicks("button[type=submit]");
    other.until("h1", "Unauthorized");
}
