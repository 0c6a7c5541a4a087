//! The configuration files we ship, and what is said about broken ones.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bailey::config::{Config, ConfigError, ConfigFault, KEYS, PRESETS, Presence, Surroundings};
use bailey::directory::settings::Bind;
use proptest::prelude::*;

use crate::golden::assert_golden;

const EXAMPLE: &str = include_str!("../../config/example.toml");
const MINIMAL: &str = include_str!("../../config/minimal.toml");
const BROKEN: &str = include_str!("../fixtures/config/broken.toml");

/// A directory with a configuration and its neighbours, and credentials as systemd leaves them.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        fs::create_dir(machine.path("credentials")).unwrap();
        machine.write("credentials/corp-bind", "hunter2\n", 0o400);
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn load(&self, file: &Path) -> Result<Config, ConfigError> {
        let credentials = self.path("credentials");
        Config::load(file, |name| (name == "CREDENTIALS_DIRECTORY").then(|| credentials.clone().into_os_string()))
    }

    fn load_text(&self, text: &str) -> Result<Config, ConfigError> {
        self.load(&self.write("bailey.toml", text, 0o600))
    }

    /// The faults of `text`; it must have some.
    fn faults(&self, text: &str) -> Vec<ConfigFault> {
        match self.load_text(text) {
            Err(ConfigError::Faults { faults, .. }) => faults,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("no fault was found"),
        }
    }
}

/// `MINIMAL` with lines put into its directory and without lines that begin like one of `without`.
fn minimal(with: &str, without: &[&str]) -> String {
    let kept = MINIMAL.lines().filter(|line| !without.iter().any(|head| line.starts_with(head)));
    kept.chain(with.lines()).map(|line| format!("{line}\n")).collect()
}

fn nowhere() -> Surroundings {
    Surroundings { file: PathBuf::from("broken.toml"), exposed: true, credentials: None }
}

/// `example.toml` with the keys that have no default switched on, but for the two extra passwords
/// and what names files, and the path, value pairs that stand in it.
fn every_key_of_the_example() -> Vec<(String, toml::Value)> {
    let text: String = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase()) && rest.contains(" = ") => rest,
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut found = Vec::new();
    flatten("", &toml::Value::Table(text.parse().unwrap()), &mut found);
    found
}

fn flatten(path: &str, value: &toml::Value, found: &mut Vec<(String, toml::Value)>) {
    let is_key = KEYS.iter().any(|key| key.path == path);
    match value {
        toml::Value::Table(table) if !is_key => {
            for (key, value) in table {
                flatten(format!("{path}.{key}").trim_start_matches('.'), value, found);
            }
        }
        toml::Value::Array(items) if !is_key => items.iter().for_each(|item| flatten(path, item, found)),
        value => found.push((path.to_owned(), value.clone())),
    }
}

#[test]
fn the_example_names_every_key_and_nothing_else() {
    let named: BTreeSet<String> = every_key_of_the_example().into_iter().map(|(path, _)| path).collect();
    let known: BTreeSet<String> = KEYS.iter().map(|key| key.path.to_owned()).collect();
    assert_eq!(named, known);
}

#[test]
fn the_example_shows_each_default_and_comments_out_what_has_none() {
    let active: toml::Table = EXAMPLE.parse().unwrap();
    let mut written = Vec::new();
    flatten("", &toml::Value::Table(active), &mut written);
    for key in KEYS {
        let shown = written.iter().find(|(path, _)| path == key.path).map(|(_, value)| value);
        match key.presence {
            Presence::Or(other) => {
                let other = key.path.replace(key.path.rsplit('.').next().unwrap(), other);
                let shown_too = written.iter().any(|(path, _)| *path == other);
                assert!(shown.is_some() != shown_too, "exactly one of {} and {other} is set", key.path);
            }
            Presence::Required => assert!(shown.is_some(), "{} is required and not shown", key.path),
            Presence::Optional => assert!(shown.is_none(), "{} has no default and is set", key.path),
            Presence::Default(text) => {
                let default: toml::Table = format!("value = {text}").parse().unwrap();
                assert_eq!(shown, default.get("value"), "{}", key.path);
            }
        }
    }
}

/// `#   active-directory: "objectGUID"` in the comment right above the key it is about.
#[test]
fn the_example_names_each_preset_where_its_key_stands() {
    for preset in PRESETS {
        let (section, name) = preset.path.rsplit_once('.').unwrap();
        let head = if section == "directory" { "[[directory]]".to_owned() } else { format!("[{section}]") };
        let block = &EXAMPLE[EXAMPLE.find(&head).unwrap()..];
        let comment = &block[..block.find(&format!("\n{name} = ")).unwrap()];
        let comment = &comment[comment.rfind("\n\n").unwrap_or(0)..];
        let line = format!("\n#   {}: {}", preset.kind, preset.default);
        assert!(comment.contains(&line), "{} of {}: {comment}", preset.path, preset.kind);
    }
}

#[test]
fn active_directory_brings_defaults_of_its_own() {
    let machine = Machine::new();
    let text = minimal("kind = \"active-directory\"\nbind_password_file = \"pw\"", &["bind_password_credential"]);
    machine.write("pw", "secret", 0o600);
    let config = machine.load_text(&text).unwrap();
    let [directory] = config.directories.as_slice() else { panic!("one directory") };
    let (source, sync) = (&directory.source, &directory.sync);
    assert_eq!(source.id_attribute, "objectGUID");
    assert_eq!(source.people.object_classes, ["user"]);
    assert_eq!(source.people.filter.as_ref().unwrap().to_string(), "(sAMAccountType=805306368)");
    assert_eq!(
        (sync.mapping.login.as_str(), sync.mapping.member_dn.as_slice()),
        ("sAMAccountName", &["member".to_owned()][..])
    );
}

#[test]
fn the_example_means_what_the_defaults_mean() {
    let machine = Machine::new();
    let signed_in = "bind_dn = \"cn=bailey,ou=services,dc=example,dc=com\"\nbind_password_credential = \"corp-bind\"\n";
    let example = EXAMPLE
        .replace("label = \"corp\"", &format!("label = \"corp\"\n{signed_in}"))
        .replace("\nprimary = false", "\nprimary = true")
        .replace(
            "urls = [\"ldaps://ldap1.example.com\", \"ldaps://ldap2.example.com\"]",
            "urls = [\"ldaps://ldap.example.com\"]",
        );
    let written_out = machine.load_text(&example).unwrap();
    // A rule or another account has no default; the example shows one of each.
    let rule = "[[issuer]]\nurl = \"https://oidc.example.com/prod\"\n\
        [[other_account]]\nid = \"210987654321\"\n[[group_role]]\npattern = '^aws-(?<account>\\d{12})-(?<role>.+)$'\n\
        [[ticket_check]]\nname = \"change-desk\"\nurl = \"https://desk.example.com/bailey\"\n\
        [[grant_rule]]\nroles = [\"prod-*\"]\napprovers = [\"platform-leads\"]\n";
    let left_out = machine.load_text(&format!("{MINIMAL}\n{rule}")).unwrap();
    assert_eq!(format!("{written_out:#?}"), format!("{left_out:#?}"));
}

#[test]
fn minimal_is_useful() {
    let config = Machine::new().load_text(MINIMAL).unwrap();
    assert_eq!(config.account.to_string(), "123456789012");
    assert_eq!(config.state_directory, Path::new("/var/lib/bailey"));
    assert_eq!(config.listen.health.to_string(), "127.0.0.1:9323");
    assert_eq!(config.store.reserve_bytes, 64 << 20);
    assert_eq!(config.store.history_retention, Duration::from_secs(400 * 86_400));
    let [directory] = config.directories.as_slice() else { panic!("one directory") };
    let Bind::Simple { dn, password } = &directory.source.bind else { panic!("simple bind") };
    assert_eq!((dn.as_str(), password.expose().as_str()), ("cn=bailey,ou=services,dc=example,dc=com", "hunter2"));
    assert!(directory.sync.primary);
    assert_eq!(directory.sync.guard.group_losses.count, 20);
    assert!((directory.sync.guard.deletions.share - 0.05).abs() < 1e-9);
    assert_eq!(directory.source.page_size, 1000);
    for fetched in ["uid", "member", "uniquemember", "memberuid", "pwdaccountlockedtime", "shadowexpire"] {
        assert!(directory.source.attributes.iter().any(|name| name == fetched), "{fetched} is not fetched");
    }
}

#[test]
fn every_key_is_read_and_refuses_what_it_does_not_take() {
    for key in KEYS {
        let text = match key.path.strip_prefix("directory.") {
            // Looked at only where it is used.
            Some("bind_principal") => minimal("bind = \"gssapi\"\nbind_principal = 2026-01-01", &["bind_"]),
            Some(inner) => minimal(&format!("{inner} = 2026-01-01"), &[&format!("{inner} =")]),
            None if key.path == "group_role.pattern" => minimal("[[group_role]]\npattern = 2026-01-01", &[]),
            None if key.path == "other_account.id" => minimal("[[other_account]]\nid = 2026-01-01", &[]),
            None if key.path.starts_with("other_account.") => {
                let (_, inner) = key.path.split_once('.').unwrap();
                minimal(&format!("[[other_account]]\nid = \"210987654321\"\n{inner} = 2026-01-01"), &[])
            }
            None if key.path.starts_with("forward_auth.proxy.") => {
                let (_, inner) = key.path.rsplit_once('.').unwrap();
                minimal(&format!("[[forward_auth.proxy]]\n{inner} = 2026-01-01"), &[])
            }
            None if key.path.starts_with("notify.webhook.") => {
                let (_, inner) = key.path.rsplit_once('.').unwrap();
                minimal(&format!("[[notify.webhook]]\n{inner} = 2026-01-01"), &[])
            }
            None if key.path == "issuer.url" => minimal("[[issuer]]\nurl = 2026-01-01", &[]),
            None if key.path.starts_with("issuer.") => {
                let (_, inner) = key.path.split_once('.').unwrap();
                minimal(&format!("[[issuer]]\nurl = \"https://oidc.example.com\"\n{inner} = 2026-01-01"), &[])
            }
            None if key.path.starts_with("client.") => {
                let (_, inner) = key.path.split_once('.').unwrap();
                minimal(&format!("[[client]]\n{inner} = 2026-01-01"), &[])
            }
            None if key.path.starts_with("saml_sp.") => {
                let (_, inner) = key.path.split_once('.').unwrap();
                minimal(&format!("[[saml_sp]]\n{inner} = 2026-01-01"), &[])
            }
            None if key.path.starts_with("machine_issuer.") => {
                let (_, inner) = key.path.split_once('.').unwrap();
                let kind = if inner == "directory" { "kind = \"ad-cs\"\n" } else { "" };
                minimal(&format!("[[machine_issuer]]\n{kind}{inner} = 2026-01-01"), &[])
            }
            None if key.path.starts_with("sign_in_provider.") => {
                let (_, inner) = key.path.split_once('.').unwrap();
                let name = if inner == "name" { "" } else { "name = \"kessel\"\n" };
                minimal(&format!("[[sign_in_provider]]\n{name}{inner} = 2026-01-01"), &[])
            }
            None if key.path.starts_with("grant_rule.") => {
                let (_, inner) = key.path.split_once('.').unwrap();
                minimal(&format!("[[grant_rule]]\n{inner} = 2026-01-01"), &[])
            }
            None if key.path.starts_with("ticket_check.") => {
                let (_, inner) = key.path.split_once('.').unwrap();
                minimal(&format!("[[ticket_check]]\n{inner} = 2026-01-01"), &[])
            }
            None if key.path.starts_with("group_role.") => {
                let (_, inner) = key.path.split_once('.').unwrap();
                minimal(&format!("[[group_role]]\npattern = '(?<role>a)'\n{inner} = 2026-01-01"), &[])
            }
            None => format!("{} = 2026-01-01\n{}", key.path, minimal("", &[&format!("{} =", key.path)])),
        };
        let faults = Machine::new().faults(&text);
        assert!(
            faults.iter().any(|fault| fault.key == key.path && fault.remedy.starts_with("expected ")),
            "{}: {faults:?}",
            key.path
        );
    }
}

#[test]
fn a_sign_in_provider_needs_a_name_of_its_own_and_an_address_of_ours_to_come_back_to() {
    let ours = "[sso]\nissuer = \"https://bailey.example\"\n";
    let one =
        "[[sign_in_provider]]\nname = \"kessel\"\nissuer = \"https://login.kessel.example\"\nclient_id = \"bailey\"\n";
    let machine = Machine::new();
    let config = machine.load_text(&minimal(&format!("{ours}{one}second_factor = [\"mfa\"]"), &[])).unwrap();
    let [provider] = config.providers.as_slice() else { panic!("{:?}", config.providers) };
    assert_eq!((provider.title.as_str(), provider.listed, provider.saml().is_some()), ("kessel", false, false));
    let wrong = [
        (one.to_owned(), "sign_in_provider.name", "nobody can be sent back here"),
        (format!("{ours}{one}{one}"), "sign_in_provider.name", "there are two providers `kessel`"),
        (
            format!("{ours}{}", one.replace("\"kessel\"", "\"Kessel & Lund\"")),
            "sign_in_provider.name",
            "cannot stand in an address",
        ),
        (format!("{ours}[[sign_in_provider]]\nname = \"kessel\""), "sign_in_provider.issuer", "missing"),
        (format!("{ours}{}", one.replace("https:", "http:")), "sign_in_provider.issuer", "must begin with `https://`"),
        (
            format!("{ours}{one}secret_file = \"a\"\nsecret_credential = \"b\""),
            "sign_in_provider.secret_credential",
            "is set beside secret_file",
        ),
    ];
    for (text, key, problem) in wrong {
        let faults = machine.faults(&minimal(&text, &[]));
        assert!(faults.iter().any(|fault| fault.key == key && fault.problem.contains(problem)), "{text}: {faults:?}");
    }
}

#[test]
fn a_sign_in_provider_that_speaks_saml_is_known_by_its_metadata() {
    use crate::saml_bed::{IDP, RSA, STRANGER, metadata};
    use crate::sign_in_with_saml::described;
    let machine = Machine::new();
    let file = machine.write("idp.xml", &described(), 0o644).display().to_string();
    let wants = metadata(&[&RSA]).replace("bindings:HTTP-POST", "bindings:HTTP-Redirect");
    let wants = machine.write("wants.xml", &wants, 0o644).display().to_string();
    let posts = described().replace("bindings:HTTP-Redirect", "bindings:HTTP-POST");
    let posts = machine.write("posts.xml", &posts, 0o644).display().to_string();
    let key = machine.write("saml.key", &STRANGER.key_pem, 0o600).display().to_string();
    let certificate = machine.write("saml.pem", &STRANGER.certificate, 0o644).display().to_string();
    let other = machine.write("other.pem", &RSA.certificate, 0o644).display().to_string();
    let base = "[sso]\nissuer = \"https://bailey.example\"\n[[sign_in_provider]]\nname = \"kessel\"\n";
    let told = format!("{base}metadata_file = \"{file}\"\n");
    let keys = format!("saml_key_file = \"{key}\"\nsaml_certificate_file = \"{certificate}\"\n");
    let config = machine.load_text(&minimal(&format!("{told}{keys}"), &[])).unwrap();
    let party = config.providers[0].saml().unwrap();
    let bailey::authn::saml::Known::Told(known) = &party.known else { panic!("{party:?}") };
    assert_eq!(known.entity_id(), IDP);
    assert_eq!(party.own.entity_id, "https://bailey.example/login/with/kessel/metadata");
    assert_eq!(party.own.acs, "https://bailey.example/login/with/kessel/acs");
    assert!(party.key.is_some() && party.own.key.is_some());
    let format = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity";
    let named = format!(
        "{base}saml_provider = \"Kessel\"\nsaml_entity_id = \"urn:us\"\nsaml_issuer_format = \"{format}\"\n\
         saml_issuer_qualifier = \"urn:ours\"\n"
    );
    let config = machine.load_text(&minimal(&named, &[])).unwrap();
    let party = config.providers[0].saml().unwrap();
    assert!(party.own.entity_id == "urn:us" && party.key.is_none(), "{party:?}");
    assert_eq!((party.issuer_format.as_deref(), party.issuer_qualifier.as_deref()), (Some(format), Some("urn:ours")));
    // Whoever cannot be asked is not found out by the first who is to sign in there.
    let to_be_signed = told.replace(&file, &wants);
    machine.load_text(&minimal(&format!("{to_be_signed}{keys}"), &[])).unwrap();
    let fault = machine.faults(&minimal(&to_be_signed, &[]));
    let [fault] = fault.as_slice() else { panic!("{fault:?}") };
    assert!(fault.key == "sign_in_provider.saml_key_file" && fault.remedy.contains("openssl req -x509"), "{fault:?}");
    for (text, key, problem) in [
        (format!("{told}saml_provider = \"Kessel\"\n"), "metadata_file", "is set beside saml_provider"),
        (told.replace(&file, &posts), "metadata_file", "no SingleSignOnService by HTTP-Redirect"),
        (format!("{told}client_id = \"bailey\"\n"), "client_id", "is of another kind of provider"),
        (format!("{base}saml_entity_id = \"urn:us\"\n"), "saml_entity_id", "is of another kind of provider"),
        (format!("{base}saml_provider = \"a b\"\n"), "saml_provider", "is no name of a SAML provider"),
        (format!("{base}metadata_file = \"{key}\"\n"), "metadata_file", ""),
        (format!("{told}saml_key_file = \"{key}\"\n"), "saml_key_file", "has no certificate"),
        (format!("{told}saml_certificate_file = \"{other}\"\n"), "saml_certificate_file", "has no key"),
        (format!("{told}{}", keys.replace("saml.pem", "other.pem")), "saml_key_file", "is for another key"),
        (format!("{told}{}", keys.replace("saml.key", "idp.xml")), "saml_key_file", "every user of this machine"),
    ] {
        let (faults, key) = (machine.faults(&minimal(&text, &[])), format!("sign_in_provider.{key}"));
        assert!(faults.iter().any(|fault| fault.key == key && fault.problem.contains(problem)), "{text}: {faults:?}");
    }
}

#[test]
fn assertions_are_for_the_first_name_of_the_listener_unless_something_else_is_said() {
    let machine = Machine::new();
    let own = |text: &str| machine.load_text(&minimal(text, &[])).unwrap().sts.saml;
    assert!(own("").is_none(), "nobody can send anything where nothing listens");
    let listener = "[https]\nlisten = \"127.0.0.1:8443\"\nhosts = [\"bailey.example\", \"other.example\"]\n";
    let ours = own(listener).unwrap();
    assert_eq!(
        (ours.acs.as_str(), ours.entity_id.as_str()),
        ("https://bailey.example/saml", "https://bailey.example/saml")
    );
    let said = "[sts]\nsaml_urls = [\"https://a.example/saml\", \"https://b.example/saml\"]\n\
                saml_audiences = [\"urn:a\", \"urn:amazon:webservices\"]\n";
    let ours = own(&format!("{listener}{said}")).unwrap();
    assert_eq!((ours.acs.as_str(), ours.entity_id.as_str()), ("https://a.example/saml", "urn:a"));
    assert_eq!(
        (ours.also.acs.join(" "), ours.also.entity_ids.join(" ")),
        ("https://b.example/saml".to_owned(), "urn:amazon:webservices".to_owned())
    );
    for wrong in ["http://a.example/saml", "a.example", "https://a.example/saml#x"] {
        let faults = machine.faults(&minimal(&format!("[sts]\nsaml_urls = [\"{wrong}\"]\n"), &[]));
        assert!(faults.iter().any(|fault| fault.key == "sts.saml_urls"), "{wrong}: {faults:?}");
    }
}

#[test]
fn an_account_is_declared_once_and_the_home_account_never() {
    let other = |id: &str| format!("[[other_account]]\nid = \"{id}\"\nkind = \"aws\"");
    let faults = |text: &str| -> Vec<String> {
        Machine::new().faults(&minimal(text, &[])).into_iter().map(|fault| fault.problem).collect()
    };
    assert_eq!(faults(&other("123456789012")), ["is the home account"]);
    assert_eq!(faults(&[other("210987654321"), other("210987654321")].join("\n")), ["is declared twice"]);
    let config = Machine::new().load_text(&minimal(&other("210987654321"), &[])).unwrap();
    assert_eq!(config.accounts.len(), 1);
}

#[test]
fn clients_are_declared_with_what_they_need() {
    let machine = Machine::new();
    let secret = "0123456789abcdef0123456789abcdef";
    machine.write("app.secret", secret, 0o400);
    machine.write("short.secret", "hunter2", 0o400);
    machine.write("keys.json", "{}", 0o400);
    let uris = "redirect_uris = [\"https://app.example/cb\"]\n";
    let good = format!(
        "[[client]]\nid = \"app\"\nsecret_file = \"app.secret\"\n{uris}claims = {{ team = \"tag/Team\" }}\naccess_token = \"5m\""
    );
    let config = machine.load_text(&minimal(&good, &[])).unwrap();
    let [client] = config.clients.as_slice() else { panic!("one client") };
    assert!(client.auth.secret().unwrap().is_of(&bailey::base::Secret::new(secret.to_owned())));
    assert_eq!((client.lifetimes.access, client.grants.len()), (300, 2));
    assert!(!format!("{config:?}").contains(secret));
    for (section, words) in [
        (format!("id = \"App\"\nsecret_file = \"app.secret\"\n{uris}"), "is no client id"),
        (format!("id = \"app\"\n{uris}"), "missing"),
        (format!("name = \"App\"\nauth = \"none\"\n{uris}"), "missing"),
        (format!("id = \"app\"\nsecret_file = \"short.secret\"\n{uris}"), "shorter than 32"),
        (format!("id = \"app\"\nauth = \"private_key_jwt\"\njwks_file = \"keys.json\"\n{uris}"), "no list `keys`"),
        (format!("id = \"app\"\nauth = \"none\"\nsecret_file = \"app.secret\"\n{uris}"), "other settings"),
        ("id = \"app\"\nauth = \"none\"".to_owned(), "where they go back to"),
        ("id = \"app\"\nauth = \"none\"\nredirect_uris = [\"https://*.example\"]".to_owned(), "no wildcards"),
        (format!("id = \"app\"\nauth = \"none\"\nclaims = {{ team = \"password\" }}\n{uris}"), "source of a claim"),
        (format!("id = \"app\"\nauth = \"none\"\naccess_token = \"2h\"\n{uris}"), "60 to 3600"),
        (format!("id = \"a\"\nauth = \"none\"\n{uris}[[client]]\nid = \"a\"\nauth = \"none\"\n{uris}"), "another's"),
    ] {
        let faults = machine.faults(&minimal(&format!("[[client]]\n{section}"), &[]));
        assert!(faults.iter().any(|fault| fault.problem.contains(words)), "{section}: {faults:?}");
        assert!(faults.iter().all(|fault| fault.key.starts_with("client.")), "{faults:?}");
    }
}

#[test]
fn a_rule_that_makes_no_sense_is_told_where_it_stands() {
    for (rule, words) in [
        ("pattern = 'a('", "not a regular expression"),
        ("pattern = 'a'", "captures no `(?<role>..)`"),
        ("pattern = '(?<role>a)'\nrole = \"${team}\"", "`${team}` is asked for"),
        ("pattern = '(?<role>a)'\ndirectory = \"labs\"", "no directory `labs`"),
    ] {
        let faults = Machine::new().faults(&minimal(&format!("[[group_role]]\n{rule}"), &[]));
        assert!(faults.len() == 1 && faults[0].problem.contains(words), "{rule}: {faults:?}");
        assert!(faults[0].key.starts_with("group_role."), "{faults:?}");
    }
}

#[test]
fn tags_are_fetched_once_whatever_their_case() {
    let tags = "[directory.people]\ntags = { Mail = \"MAIL\", Team = \"departmentNumber\" }\n";
    let config = Machine::new().load_text(&minimal(tags, &[])).unwrap();
    let attributes = &config.directories[0].source.attributes;
    assert_eq!(attributes.iter().filter(|name| name.eq_ignore_ascii_case("mail")).count(), 1);
    assert!(attributes.contains(&"departmentnumber".to_owned()));
    assert_eq!(config.directories[0].sync.mapping.tags["Team"], "departmentNumber");
}

#[test]
fn a_configuration_without_directories_loads() {
    let config = Machine::new().load_text("account = \"123456789012\"\n").unwrap();
    assert!(config.directories.is_empty());
}

#[test]
fn every_fault_of_a_broken_file_is_told_at_once() {
    let error = Config::read(BROKEN, &nowhere()).unwrap_err();
    assert_golden("config-faults.txt", &format!("{error}\n"));
}

#[test]
fn no_secret_gets_into_a_fault_or_a_debug_line() {
    let error = Config::read(BROKEN, &nowhere()).unwrap_err();
    for shown in [error.to_string(), format!("{error:?}")] {
        assert!(!shown.contains("hunter2") && !shown.contains("87654321"), "{shown}");
    }
    let config = Machine::new().load_text(MINIMAL).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    let not_toml = Config::read("bind_password = \"hunter2\" hunter2\nx = hunter2", &nowhere()).unwrap_err();
    assert!(!format!("{not_toml} {not_toml:?}").contains("hunter2"), "{not_toml}");
}

#[test]
fn what_is_not_toml_is_told_by_line() {
    let faults =
        Machine::new().faults("account = 123 456\nstate_directory = \n[listen]\nhealth = \"a\"\nhealth = \"b\"\n");
    let lines: Vec<usize> = faults.iter().map(|fault| fault.place.line).collect();
    assert_eq!(lines, [1, 2, 5], "{faults:?}");
    assert!(faults.iter().all(|fault| fault.problem.starts_with("not TOML")), "{faults:?}");
}

#[test]
fn a_file_that_goes_very_deep_is_refused_and_breaks_nothing() {
    for text in [
        format!("a = {}1", "[".repeat(100_000)),
        format!("{}b = 1", "a.".repeat(100_000)),
        format!("a = {}", "{ b = ".repeat(100_000)),
        format!("[{}b]", "a.".repeat(100_000)),
    ] {
        assert!(Config::read(&text, &nowhere()).is_err());
    }
}

proptest! {
    #[test]
    fn a_damaged_file_is_told_within_its_lines(at in 0..EXAMPLE.len(), length in 0_usize..40, put in "[ -~\\n\"'\\[\\]=é]{0,8}") {
        let (head, rest) = EXAMPLE.split_at(EXAMPLE.floor_char_boundary(at));
        let (_, tail) = rest.split_at(rest.floor_char_boundary(length));
        let text = format!("{head}{put}{tail}");
        if let Err(ConfigError::Faults { faults, .. }) = Config::read(&text, &nowhere()) {
            prop_assert!(!faults.is_empty());
            for fault in faults {
                prop_assert!((1..=text.lines().count() + 1).contains(&fault.place.line), "{fault}");
                prop_assert!(!fault.problem.is_empty());
            }
        }
    }
}

#[test]
fn an_unknown_key_is_told_by_file_and_line() {
    let error = Machine::new().load_text(&minimal("page_sze = 5", &[])).unwrap_err().to_string();
    let line = minimal("", &[]).lines().count() + 1;
    assert!(
        error.contains(&format!("bailey.toml:{line}:1: directory.page_sze: unknown key; did you mean `page_size`?")),
        "{error}"
    );
}

#[test]
fn a_missing_file_is_named() {
    let error = Machine::new().load(Path::new("no/such/bailey.toml")).unwrap_err();
    assert!(error.to_string().contains("no/such/bailey.toml"), "{error}");
}

/// One change of the minimal file: lines added, lines removed, and the key and words that must come.
type Case = (&'static str, &'static [&'static str], &'static str, &'static str);

#[test]
fn each_contradiction_is_found() {
    const CASES: &[Case] = &[
        ("urls = [\"ldap://ldap.example.com\"]", &["urls"], "directory.urls", "in the clear"),
        ("start_tls = true", &[], "directory.start_tls", "cannot be upgraded"),
        ("insecure = \"yes\"", &[], "directory.insecure", "found \"yes\""),
        ("", &["bind_dn"], "directory.bind_dn", "missing"),
        ("", &["bind_password"], "directory.bind_password", "missing"),
        ("bind_password = \"x\"", &[], "directory.bind_password_credential", "already"),
        ("bind = \"simpel\"", &["bind_"], "directory.bind", "found \"simpel\""),
        ("bind = \"anonymous\"", &["bind_password"], "directory.bind_dn", "is not used"),
        ("bind = \"external\"", &["bind_"], "directory.bind", "nothing to prove"),
        ("bind_principal = \"svc@CORP.EXAMPLE.COM\"", &[], "directory.bind_principal", "is not used"),
        ("bind = \"gssapi\"", &["bind_"], "directory.bind_principal", "missing"),
        (
            "bind = \"gssapi\"\nbind_principal = \"s@R\"\ninsecure = \"yes_plain_text_passwords_on_the_network\"",
            &["bind_"],
            "directory.insecure",
            "nothing travels in the clear",
        ),
        (
            "bind = \"gssapi\"\nbind_principal = \"svc\"",
            &["bind_"],
            "directory.bind_principal",
            "no principal with a realm",
        ),
        (
            "bind = \"gssapi\"\nbind_principal = \"s@R\"",
            &["bind_dn"],
            "directory.bind_password_credential",
            "is not used",
        ),
        ("client_certificate_file = \"bailey.toml\"", &[], "directory.client_certificate_file", "has no key"),
        ("client_key_file = \"bailey.toml\"", &[], "directory.client_key_file", "has no certificate"),
        (
            "bind_password_credential = \"other\"",
            &["bind_password"],
            "directory.bind_password_credential",
            "there is no file",
        ),
        ("ca_file = \"ca.pem\"", &[], "directory.ca_file", "there is no file"),
        ("ca_file = \".\"", &[], "directory.ca_file", "is a directory"),
        ("only_under = [\"ou=a,dc=example,dc=org\"]", &[], "directory.only_under", "under none of the bases"),
        ("[directory.guard]\nsentinels = [\"cn=a\"]", &[], "directory.guard.sentinels", "under none of the bases"),
        ("bases = []", &["bases"], "directory.bases", "is empty"),
        ("urls = []", &["urls"], "directory.urls", "is empty"),
        ("", &["urls"], "directory.urls", "missing"),
        ("domain = \"corp.example.com\"", &[], "directory.domain", "named in `urls` already"),
        ("domain = \"CORP\"", &["urls"], "directory.domain", "NetBIOS"),
        ("domain = \"corp_example;com\"", &["urls"], "directory.domain", "found \"corp_example;com\""),
        ("domain = \"10.0.0.10\"", &["urls"], "directory.domain", "found \"10.0.0.10\""),
        ("site = \"Berlin\"", &[], "directory.site", "only to find servers"),
        ("nameservers = [\"10.0.0.10\"]", &[], "directory.nameservers", "only to find servers"),
        ("domain = \"corp.test\"\nnameservers = []", &["urls"], "directory.nameservers", "is empty"),
        ("domain = \"corp.test\"\nnameservers = [\"dc1\"]", &["urls"], "directory.nameservers", "found \"dc1\""),
        (
            "domain = \"corp.test\"\nnameservers = [\"::1:0\", \"[::1]:0\"]",
            &["urls"],
            "directory.nameservers",
            "[::1]:0",
        ),
        ("domain = \"corp.test\"\nsite = \"Berlin.Mitte\"", &["urls"], "directory.site", "found \"Berlin.Mitte\""),
        ("domain = \"corp.test\"\nbind = \"external\"", &["urls", "bind_"], "directory.bind", "nothing to prove"),
        ("bind_dn = \"bailey\"", &["bind_dn"], "directory.bind_dn", "bare name"),
        ("bind_dn = 'corp.test\\bailey'", &["bind_dn"], "directory.bind_dn", "write `bailey@corp.test`"),
        ("label = \"local\"", &["label"], "directory.label", "is taken"),
        ("page_size = 4294967297", &[], "directory.page_size", "found 4294967297"),
        ("[directory.groups]\nmember_dn = \"member\"", &[], "directory.groups.member_dn", "found \"member\""),
        ("[listen.socket]", &[], "listen.socket", "found a table"),
        ("[[log]]", &[], "log", "is a section"),
    ];
    each_has_its_fault(CASES);
}

/// Each case has the one fault it names.
fn each_has_its_fault(cases: &[Case]) {
    for (with, without, key, words) in cases {
        let faults = Machine::new().faults(&minimal(with, without));
        let found = faults.iter().any(|fault| fault.key == *key && fault.problem.contains(words));
        assert!(found, "{with:?}: expected `{key}: {words}`, found {faults:#?}");
        assert_eq!(faults.len(), 1, "{with:?}: {faults:#?}");
    }
}

#[test]
fn a_listener_that_would_be_open_or_unreachable_is_found() {
    each_has_its_fault(&[
        ("[https]\nlisten = \"0.0.0.0:8443\"\nhosts = [\"b.test\"]", &[], "https.listen", "in the clear"),
        ("[https]\nlisten = \"127.0.0.1:8443\"\ncertificate = \"bailey.toml\"", &[], "https.certificate", "has no key"),
        ("[https]\nlisten = \"127.0.0.1:8443\"\nkey = \"bailey.toml\"", &[], "https.key", "has no certificate"),
        ("[https]\nlisten = \"127.0.0.1:8443\"\nclient_ca = \"bailey.toml\"", &[], "https.client_ca", "is for TLS"),
        (
            "[https]\nlisten = \"[::]:8443\"\ncertificate = \"bailey.toml\"\nkey = \"bailey.toml\"",
            &[],
            "https.hosts",
            "names nothing",
        ),
        ("[https]\nhosts = [\"b.test\"]", &[], "https.hosts", "nothing listens"),
        ("[https]\nlisten = \"localhost:8443\"", &[], "https.listen", "found \"localhost:8443\""),
        ("[https]\nlisten = \"[::1]:1\"\nhosts = [\"b.test:1\"]", &[], "https.hosts", "found \"b.test:1\""),
        (
            "[https]\nlisten = \"[::1]:1\"\ntrusted_proxies = [\"::/0\"]",
            &[],
            "https.trusted_proxies",
            "everybody's word",
        ),
        (
            "[https]\nlisten = \"[::1]:1\"\ntrusted_proxies = [\"10.0.0.7/8\"]",
            &[],
            "https.trusted_proxies",
            "write 10.0.0.0/8",
        ),
        (
            "[https]\nlisten = \"[::1]:1\"\ntrusted_proxies = [\"proxy\"]",
            &[],
            "https.trusted_proxies",
            "found \"proxy\"",
        ),
    ]);
}

#[test]
fn what_looks_dangerous_and_is_not_passes() {
    for (with, without) in [
        ("urls = [\"ldap://127.0.0.1:3890\"]", &["urls"][..]),
        ("urls = [\"ldap://ldap.example.com\"]\nstart_tls = true", &["urls"]),
        ("urls = [\"ldap://ldap.example.com\"]\ninsecure = \"yes_plain_text_passwords_on_the_network\"", &["urls"]),
        ("urls = [\"ldapi://%2Frun%2Fslapd%2Fldapi\"]\nbind = \"external\"", &["urls", "bind_"]),
        ("bind = \"anonymous\"", &["bind_"]),
        (
            "domain = \"Corp.Example.com.\"\nsite = \"Berlin-1\"\nnameservers = [\"10.0.0.1\", \"[::1]:5353\"]",
            &["urls"],
        ),
        ("domain = \"corp.example.com\"\nstart_tls = true", &["urls"]),
        ("bind_dn = \"bailey@corp.example.com\"", &["bind_dn"]),
        ("bind_dn = 'CORP\\bailey'", &["bind_dn"]),
        ("bind_password = \"hunter2\"", &["bind_password"]),
        ("", &["primary"]),
        ("only_under = [\"OU=People, DC=Example, DC=com\"]", &[]),
        ("[directory.guard]\ndeletions = { share = \"10%\" }", &[]),
        ("[https]\nlisten = \"127.0.0.1:8080\"", &[]),
        ("[https]\nlisten = \"[::1]:8080\"\ntrusted_proxies = [\"127.0.0.1\", \"::ffff:10.0.0.0/104\"]", &[]),
        (
            "[https]\nlisten = \"0.0.0.0:443\"\ncertificate = \"bailey.toml\"\nkey = \"bailey.toml\"\nhosts = [\"b.test\", \"::1\"]",
            &[],
        ),
    ] {
        if let Err(error) = Machine::new().load_text(&minimal(with, without)) {
            panic!("{with:?}: {error}");
        }
    }
}

#[test]
fn a_domain_is_read_as_dns_writes_it() {
    let lines = "domain = \"Corp.Example.COM.\"\nsite = \"Berlin-1\"\nnameservers = [\"10.0.0.10\", \"10.0.0.11:5353\", \"::1\"]";
    let config = Machine::new().load_text(&minimal(lines, &["urls"])).unwrap();
    let source = &config.directories[0].source;
    let domain = source.domain.as_ref().unwrap();
    assert!(source.urls.is_empty());
    assert_eq!((domain.name.as_str(), domain.site.as_deref()), ("corp.example.com", Some("Berlin-1")));
    let nameservers: Vec<String> = domain.nameservers.iter().map(ToString::to_string).collect();
    assert_eq!(nameservers, ["10.0.0.10:53", "10.0.0.11:5353", "[::1]:53"]);
}

#[test]
fn a_limit_written_by_half_keeps_the_other_default() {
    let config = Machine::new().load_text(&minimal("[directory.guard]\ndeletions = { share = \"10%\" }", &[])).unwrap();
    let deletions = config.directories[0].sync.guard.deletions;
    assert_eq!((deletions.count, deletions.share), (5, 0.1));
}

#[test]
fn a_socket_that_cannot_be_bound_is_found_before_the_start() {
    let listen = |length: usize| minimal(&format!("[listen]\nsocket = \"/{}\"", "s".repeat(length - 1)), &[]);
    assert!(Machine::new().load_text(&listen(107)).is_ok());
    let faults = Machine::new().faults(&listen(108));
    assert!(faults[0].key == "listen.socket" && faults[0].problem.contains("holds 107"), "{faults:?}");
}

#[test]
fn a_key_others_can_read_is_refused() {
    let machine = Machine::new();
    machine.write("https.pem", "", 0o644);
    machine.write("https.key", "", 0o644);
    let lines = "[https]\nlisten = \"127.0.0.1:8443\"\ncertificate = \"https.pem\"\nkey = \"https.key\"";
    let faults = machine.faults(&minimal(lines, &[]));
    assert!(
        faults.len() == 1 && faults[0].key == "https.key" && faults[0].remedy.starts_with("chmod o="),
        "{faults:?}"
    );
    machine.write("https.key", "", 0o640);
    let settings = machine.load_text(&minimal(lines, &[])).unwrap().https.unwrap();
    assert_eq!(settings.tls.unwrap().key, machine.path("https.key"));
}

#[test]
fn a_password_others_can_read_is_refused_wherever_it_stands() {
    let machine = Machine::new();
    machine.write("open.password", "hunter2\n", 0o644);
    machine.write("closed.password", "hunter2\r\n", 0o640);
    machine.write("empty.password", "\n", 0o600);

    let faults = machine.faults(&minimal("bind_password_file = \"open.password\"", &["bind_password"]));
    assert!(
        faults[0].problem.contains("every user of this machine") && faults[0].remedy.starts_with("chmod o="),
        "{faults:?}"
    );

    let config = machine.load_text(&minimal("bind_password_file = \"closed.password\"", &["bind_password"])).unwrap();
    let Bind::Simple { password, .. } = &config.directories[0].source.bind else { panic!("simple bind") };
    assert_eq!(password.expose(), "hunter2");

    let faults = machine.faults(&minimal("bind_password_file = \"empty.password\"", &["bind_password"]));
    assert!(faults[0].problem.ends_with("is empty"), "{faults:?}");

    let inline = minimal("bind_password = \"hunter2\"", &["bind_password"]);
    let error = machine.load(&machine.write("open.toml", &inline, 0o644)).unwrap_err().to_string();
    assert!(error.contains("bind_password: stands in a file that every user"), "{error}");
    assert!(!error.contains("hunter2"));
}

#[test]
fn tickets_are_taken_by_a_key_of_ours_in_a_build_with_kerberos() {
    let machine = Machine::new();
    machine.write("http.keytab", "keys", 0o600);
    let on = |kerberos: &str| minimal(&format!("[sts]\nassume_role_with_kerberos = true\n{kerberos}"), &[]);
    let with_key = on("[kerberos]\nservice_keytab_file = \"http.keytab\"");
    let none =
        |fault: &ConfigFault| fault.key == "sts.assume_role_with_kerberos" && fault.problem.contains("there is none");
    assert!(machine.faults(&on("")).iter().any(none));
    if cfg!(feature = "gssapi") {
        let config = machine.load_text(&with_key).unwrap();
        assert!(config.sts.kerberos);
        let replays = config.kerberos.replay_cache(&config.state_directory);
        assert_eq!(replays.as_deref(), Some(Path::new("/var/lib/bailey/kerberos.replays")));
    } else {
        let faults = machine.faults(&with_key);
        let [fault] = faults.as_slice() else { panic!("{faults:?}") };
        assert_eq!(fault.key, "sts.assume_role_with_kerberos");
        assert!(fault.problem.contains("built without Kerberos"), "{fault:?}");
    }
    // A key that others can read is everybody's.
    machine.write("http.keytab", "keys", 0o644);
    assert!(machine.faults(&with_key).iter().any(|fault| fault.key == "kerberos.service_keytab_file"));
}

#[test]
fn several_directories_need_one_primary_and_labels_of_their_own() {
    let machine = Machine::new();
    let two = |first: &str, second: &str| {
        let directory = MINIMAL.split("[[directory]]").nth(1).unwrap().replace("primary = true\n", "");
        let named = |line: &str| format!("[[directory]]\n{}", directory.replace("label = \"corp\"", line));
        format!("account = \"123456789012\"\n{}{}", named(first), named(second))
    };
    let problem = |text: &str| {
        machine.faults(text).into_iter().map(|fault| format!("{}: {}", fault.key, fault.problem)).collect::<Vec<_>>()
    };

    assert!(machine.load_text(&two("label = \"a\"\nprimary = true", "label = \"b\"")).is_ok());
    assert_eq!(problem(&two("label = \"a\"", "label = \"b\"")), ["directory.primary: no directory is primary"]);
    assert_eq!(
        problem(&two("label = \"a\"\nprimary = true", "label = \"b\"\nprimary = true")),
        ["directory.primary: the directory on line 2 is primary already"]
    );
    assert_eq!(
        problem(&two("label = \"a\"\nprimary = true", "label = \"a\"")),
        ["directory.label: `a` is the label of the directory on line 2 already"]
    );
}

#[test]
fn what_a_section_says_of_an_issuer_goes_together() {
    each_has_its_fault(&[
        ("[[issuer]]\npreset = \"spiffe\"", &[], "issuer.url", "missing"),
        ("[[issuer]]\nurl = \"https://oidc.test:8443\"", &[], "issuer.url", "it has no port"),
        ("[[issuer]]\nurl = \"http://oidc.test\"", &[], "issuer.url", "must begin with `https://`"),
        ("[[issuer]]\npreset = \"jenkins\"\nurl = \"https://oidc.test\"", &[], "issuer.preset", "found \"jenkins\""),
        ("[[issuer]]\nurl = \"https://oidc.test\"\nmax_age = \"59s\"", &[], "issuer.max_age", "out of bounds"),
        ("[[issuer]]\nurl = \"https://oidc.test\"\nmax_age = \"25h\"", &[], "issuer.max_age", "out of bounds"),
        ("[[issuer]]\nurl = \"https://oidc.test\"\nmax_age = \"soon\"", &[], "issuer.max_age", "found \"soon\""),
        (
            "[[issuer]]\nurl = \"https://oidc.test\"\nnetworks = [\"0.0.0.0/0\"]",
            &[],
            "issuer.networks",
            "everything there is",
        ),
        (
            "[[issuer]]\nurl = \"https://oidc.test\"\nnetworks = [\"10.0.0.1/8\"]",
            &[],
            "issuer.networks",
            "write 10.0.0.0/8",
        ),
        (
            "[[issuer]]\nurl = \"https://oidc.test\"\njwks_url = \"http://oidc.test/keys\"",
            &[],
            "issuer.jwks_url",
            "in the clear",
        ),
        (
            "[[issuer]]\nurl = \"https://oidc.test\"\njwks_url = \"https://ann@oidc.test/keys\"",
            &[],
            "issuer.jwks_url",
            "found",
        ),
        (
            "[[issuer]]\nurl = \"https://oidc.test\"\njwks_url = \"https://oidc.test/k\"\njwks_file = \"bailey.toml\"",
            &[],
            "issuer.jwks_file",
            "beside jwks_url",
        ),
        (
            "[[issuer]]\nurl = \"https://oidc.test\"\nnetworks = [\"10.0.0.0/8\"]\njwks_file = \"bailey.toml\"",
            &[],
            "issuer.networks",
            "is not used",
        ),
        (
            "[[issuer]]\npreset = \"github\"\n[[issuer]]\nurl = \"https://token.actions.GithubUserContent.com\"",
            &[],
            "issuer.url",
            "has a section already",
        ),
    ]);
    let text = minimal(
        "[[issuer]]\npreset = \"gitlab\"\n[[issuer]]\nurl = \"https://a.test\"\njwks_url = \"http://127.0.0.1:8001/k\"",
        &[],
    );
    let config = Machine::new().load_text(&text).unwrap();
    let urls: Vec<String> = config.issuers.iter().map(|settings| settings.issuer.url()).collect();
    assert_eq!(urls, ["https://gitlab.com", "https://a.test"]);
}

#[test]
fn an_authority_is_believed_about_the_machines_that_are_named_and_for_a_day_where_nothing_can_be_revoked() {
    let machine = Machine::new();
    machine.write("ca.pem", "", 0o644);
    let asked =
        "[https]\nclient_ca = \"ca.pem\"\ncertificate = \"ca.pem\"\nkey = \"key.pem\"\nlisten = \"127.0.0.1:8443\"\n";
    machine.write("key.pem", "", 0o600);
    let good = "[[machine_issuer]]\nname = \"pki\"\nca_file = \"ca.pem\"\n";
    let issuers =
        |more: &str| machine.load_text(&minimal(&format!("{asked}{good}{more}"), &[])).unwrap().machine_issuers;
    let day = jiff::SignedDuration::from_hours(24);
    for (more, limit) in [
        ("", Some(day)),
        ("max_lifetime = \"1h\"", Some(jiff::SignedDuration::from_hours(1))),
        ("crl_file = \"ca.pem\"", None),
        ("crl_file = \"ca.pem\"\nmax_lifetime = \"30d\"", Some(day * 30)),
    ] {
        assert_eq!(issuers(more).first().map(|issuer| issuer.max_lifetime), Some(limit), "{more}");
    }
    for (asked, sections, key, problem) in [
        ("", good.to_owned(), "machine_issuer.ca_file", "nobody is asked for a certificate"),
        (asked, good.repeat(2), "machine_issuer.name", "another's, too"),
        (asked, format!("{good}max_lifetime = \"25h\""), "machine_issuer.max_lifetime", "longer than 24h"),
        (asked, format!("{good}kind = \"ad-cs\""), "machine_issuer.directory", "missing"),
        (
            asked,
            format!("{good}kind = \"ad-cs\"\ndirectory = \"labs\""),
            "machine_issuer.directory",
            "no directory `labs`",
        ),
        (asked, format!("{good}directory = \"corp\""), "machine_issuer.directory", "is not used"),
        (asked, "[[machine_issuer]]\nname = \"pki\"".to_owned(), "machine_issuer.ca_file", "missing"),
        (asked, "[[machine_issuer]]\nca_file = \"ca.pem\"".to_owned(), "machine_issuer.name", "missing"),
        (asked, format!("{good}crl_file = \"none.crl\""), "machine_issuer.crl_file", "there is no file"),
    ] {
        let faults = machine.faults(&minimal(&format!("{asked}{sections}"), &[]));
        let told =
            |fault: &ConfigFault| fault.key == key && format!("{} {}", fault.problem, fault.remedy).contains(problem);
        assert!(faults.iter().any(told), "{sections}: {faults:?}");
    }
}
