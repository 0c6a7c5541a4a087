//! Unmodified AWS clients against a real daemon that follows a real directory: Debian's AWS command line and boto3, and the
//! SDK for JavaScript.
//!
//! What an answer looks like is said by those who have to read it: values are compared as a client returns them, never
//! as XML. The same acts ([`acts`]) are done by boto3 and by the SDK for JavaScript; what is worth one client alone, such as
//! what a signature may be, is done by boto3.

mod acts;
mod cli;
pub(crate) mod client;
mod conditions;
mod every_action;
mod refusals;
mod signatures;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::Command;

use bailey::base::Clock as _;
use bailey::base::clock::SystemClock;
use base64::Engine as _;
use serde_json::Value;

use crate::bed::daemon::{Bailey, directory_of};
use crate::bed::slapd::person;
use crate::bed::{Authority, Options, Slapd, free_port};

const ACCOUNT: &str = "123456789012";
/// One that is declared besides.
const OTHER_ACCOUNT: &str = "210987654321";
const READ_ONLY: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// An access key.
#[derive(Debug, Clone)]
pub(super) struct Key {
    id: String,
    secret: String,
}

/// A company: its directory, and a daemon that serves its IAM over HTTPS. Alice and bob of the directory administer; carol
/// comes from there too and may do nothing.
pub(super) struct Company {
    slapd: Slapd,
    bailey: Bailey,
    authority: Authority,
    endpoint: String,
    /// What nobody may find afterwards.
    secrets: RefCell<Vec<String>>,
}

impl Company {
    fn new() -> Self {
        let slapd = Slapd::start(Options { ldif: person("carol"), ..Options::default() });
        let authority = Authority::new("Test");
        let leaf = authority.issue("web", &["localhost"]);
        std::fs::set_permissions(&leaf.key_file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let port = free_port();
        let section = format!(
            "[https]\nlisten = \"127.0.0.1:{port}\"\ncertificate = \"{}\"\nkey = \"{}\"\ntrusted_proxies = [\"127.0.0.1\"]\n\n",
            leaf.certificate_file.display(),
            leaf.key_file.display()
        );
        let section = format!("{section}[[other_account]]\nid = \"{OTHER_ACCOUNT}\"\nname = \"staging\"\n\n");
        let mut bailey = Bailey::with(&(section + &directory_of(&slapd, "")));
        bailey.start();
        let endpoint = format!("https://localhost:{port}");
        Self { slapd, bailey, authority, endpoint, secrets: RefCell::default() }
    }

    /// Makes root and the administrators; root's key.
    fn initialized(&self) -> Key {
        self.told(&["init", "--administrators", "staff"])
    }

    /// A key for a user, made by an operator of the machine.
    fn key_of(&self, who: &str) -> Key {
        self.told(&["access-key", "create", who])
    }

    /// The key that a verb writes into a file.
    fn told(&self, words: &[&str]) -> Key {
        let file = self.bailey.path("told");
        self.bailey.ok(&[words, &["--secret-file", file.to_str().unwrap()]].concat());
        let told = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(file).unwrap();
        let of = |name: &str| told.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        let key = Key { id: of("AWS_ACCESS_KEY_ID="), secret: of("AWS_SECRET_ACCESS_KEY=") };
        self.remember(&key.secret);
        key
    }

    fn remember(&self, secret: &str) {
        self.secrets.borrow_mut().push(secret.to_owned());
    }

    /// Remembers every secret in what was asked or answered.
    fn remember_secrets_in(&self, value: &Value) {
        const SECRET: [&str; 7] = [
            "SecretAccessKey",
            "SessionToken",
            "Base32StringSeed",
            "Password",
            "OldPassword",
            "NewPassword",
            "AddPrivateKey",
        ];
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    let bytes =
                        value["bytes"].as_str().map(|text| String::from_utf8(decoded(text)).unwrap_or_default());
                    if SECRET.contains(&name.as_str())
                        && let Some(secret) = bytes.as_deref().or(value.as_str())
                    {
                        self.remember(secret);
                    }
                    self.remember_secrets_in(value);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.remember_secrets_in(item)),
            _ => {}
        }
    }

    /// Gives a program the endpoint and nothing else of this machine's: no proxy, no other configuration.
    fn addresses<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "AWS_PROFILE", "AWS_SESSION_TOKEN"] {
            command.env_remove(name).env_remove(name.to_ascii_lowercase());
        }
        command.env("AWS_ENDPOINT_URL", &self.endpoint);
        command.env("AWS_CA_BUNDLE", self.authority.ca_file()).env("NODE_EXTRA_CA_CERTS", self.authority.ca_file());
        command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", self.bailey.path(""))
    }

    /// Ends the daemon, and looks for every secret in all that it wrote: the state directory and its log.
    fn ends_without_a_trace_of_secrets(mut self) {
        assert!(self.bailey.terminate().success());
        assert!(self.bailey.ok(&["store", "verify"]).contains("all sound"));
        assert!(self.bailey.ok(&["audit", "verify"]).contains("the chain holds"));
        let mut files = files_below(&self.bailey.path("state"));
        files.push(self.bailey.path("log"));
        let all: Vec<u8> = files.iter().flat_map(|file| std::fs::read(file).unwrap()).collect();
        assert!(any_of(&[b"AKIA".to_vec()]).is_match(&all), "the store holds the public halves as they are");
        let secrets = self.secrets.take();
        assert!(!secrets.is_empty());
        // As it is, as the bytes of a seed, and as it would lie in something that was encoded.
        let forms = secrets.iter().flat_map(|secret| {
            [secret.clone().into_bytes(), base32(secret), hex::encode(secret).into_bytes(), encoded(secret)]
        });
        let forms: Vec<Vec<u8>> = forms.filter(|form| !form.is_empty()).collect();
        let found = any_of(&forms).find(&all).map(|found| found.range());
        assert_eq!(found, None, "a secret lies in {files:?}");
    }
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// Finds the first of these.
fn any_of(texts: &[Vec<u8>]) -> regex::bytes::Regex {
    let literal = |text: &Vec<u8>| text.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
    let literals: Vec<String> = texts.iter().map(literal).collect();
    regex::bytes::Regex::new(&format!("(?s-u:{})", literals.join("|"))).unwrap()
}

fn decoded(base64: &str) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(base64).unwrap()
}

fn encoded(text: &str) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(text).into_bytes()
}

/// The bytes of a text in base 32 without padding (RFC 4648); nothing, if it is none.
fn base32(text: &str) -> Vec<u8> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0_u32);
    for c in text.bytes() {
        let Some(value) = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|known| *known == c) else {
            return Vec::new();
        };
        (held, bits) = (held << 5 | value as u32, bits + 5);
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    bytes
}

/// Seconds since 1970: what clients sign with and devices count by.
fn clock() -> i64 {
    SystemClock.now().as_second()
}

/// The code that a device with this seed (base 32) shows `steps` steps of half a minute from now (RFC 6238, RFC 4226).
fn code(seed: &str, steps: i64) -> String {
    let step = clock() / 30 + steps;
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &base32(seed));
    let tag = aws_lc_rs::hmac::sign(&key, &step.to_be_bytes());
    let digits = tag.as_ref();
    let at = usize::from(digits[19] & 0xf);
    let number = u32::from_be_bytes(digits[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

#[test]
fn the_test_computes_the_codes_of_rfc_6238() {
    // RFC 4648, section 10.
    assert_eq!(base32("MZXW6YTBOI"), b"foobar");
    assert_eq!(base32("no base 32"), b"");
}
