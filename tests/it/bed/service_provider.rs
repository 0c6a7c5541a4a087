//! Service providers of SAML as others make them: Apache with mod_auth_mellon or with Shibboleth's module, and applications with
//! python3-saml, pysaml2 or node-saml. Each shows who signed in at `/private`, and at `/strong` whoever has a second factor.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use tempfile::TempDir;

use super::apache::{Apache, folder, load, open_to_all, tls};
use super::authority::Leaf;
use super::{Authority, PATIENCE, converges, free_port};
use crate::aws_clients::client::packages;

/// Who made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Maker {
    Mellon,
    Shibboleth,
    OneLogin,
    Pysaml2,
    NodeSaml,
}

/// A service provider; gone when dropped.
pub(crate) struct ServiceProvider {
    maker: Maker,
    port: u16,
    /// In the order in which they end.
    _apache: Option<Apache>,
    _process: Option<Running>,
    _folder: Option<TempDir>,
    _authority: Authority,
}

/// A program that is ended with its value.
pub(super) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const BED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/bed");

impl Maker {
    /// Where it says who it is.
    fn metadata(self) -> &'static str {
        match self {
            Self::Mellon => "/mellon/metadata",
            Self::Shibboleth => "/Shibboleth.sso/Metadata",
            Self::OneLogin | Self::Pysaml2 | Self::NodeSaml => "/metadata",
        }
    }
}

impl ServiceProvider {
    /// One that knows the identity provider with this metadata.
    pub(crate) fn start(maker: Maker, provider: &str) -> Self {
        let (port, authority, folder) = (free_port(), Authority::new("Applications"), folder());
        let leaf = authority.issue("application", &["127.0.0.1"]);
        let at = folder.path();
        std::fs::write(at.join("idp.xml"), provider).unwrap();
        keys(at, "sp");
        let own = Self { maker, port, _apache: None, _process: None, _folder: None, _authority: authority };
        match maker {
            Maker::Mellon => {
                // It hands on what it was told with the escapes of XML.
                show(at, &[("PREFIX", "MELLON_"), ("CLASS", "MELLON_class"), ("ENCODING", "encoding=\"none\" ")]);
                let more = load("auth_mellon_module", "mod_auth_mellon") + include_str!("saml/mellon.conf");
                let more = tls(&leaf) + &filled(&more, &[("ROOT", &at.display().to_string())]);
                Self { _apache: Some(Apache::start(folder, port, "event", &more)), ..own }
            }
            Maker::Shibboleth => {
                show(at, &[("PREFIX", ""), ("CLASS", "Shib-AuthnContext-Class"), ("ENCODING", "")]);
                let daemon = shibd(at, &own.url(""), provider);
                let more = load("mod_shib", "mod_shib") + include_str!("saml/shibboleth.conf");
                let more = tls(&leaf) + &filled(&more, &[("ROOT", &at.display().to_string())]);
                Self { _apache: Some(Apache::start(folder, port, "event", &more)), _process: Some(daemon), ..own }
            }
            Maker::OneLogin => own.runs(folder, &leaf, python("onelogin_sp.py")),
            Maker::Pysaml2 => own.runs(folder, &leaf, python("pysaml2_sp.py")),
            Maker::NodeSaml => {
                let mut node = Command::new("node");
                node.arg(format!("{BED}/js/saml_application.js")).env("NODE_PATH", packages());
                own.runs(folder, &leaf, node)
            }
        }
    }

    /// The same with an application of its own, which has its files in `folder`.
    fn runs(self, folder: TempDir, leaf: &Leaf, mut command: Command) -> Self {
        std::fs::copy(&leaf.certificate_file, folder.path().join("tls.crt")).unwrap();
        std::fs::copy(&leaf.key_file, folder.path().join("tls.key")).unwrap();
        command.arg(self.port.to_string()).arg(folder.path());
        Self { _process: Some(ready(command)), _folder: Some(folder), ..self }
    }

    /// An address of it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }

    /// Where people sign out of it, and of everything else.
    pub(crate) fn sign_out(&self) -> String {
        match self.maker {
            Maker::Mellon => self.url(&format!("/mellon/logout?ReturnTo={}", self.url("/out.html"))),
            Maker::Shibboleth => self.url(&format!("/Shibboleth.sso/Logout?return={}", self.url("/out.html"))),
            Maker::OneLogin | Maker::Pysaml2 | Maker::NodeSaml => self.url("/logout"),
        }
    }

    /// What it says of itself.
    pub(crate) fn metadata(&self) -> String {
        fetched(&self.url(self.maker.metadata()))
    }
}

/// A program of Debian's own Python, for which the packages are. It leaves nothing compiled beside it.
fn python(program: &str) -> Command {
    let mut command = Command::new("/usr/bin/python3");
    command.arg("-B").arg(format!("{BED}/saml/{program}"));
    command
}

/// What is at an address, whoever vouches for it.
pub(super) fn fetched(url: &str) -> String {
    let output = Command::new("curl").args(["-sSfk", "--noproxy", "*", url]).output().unwrap();
    assert!(output.status.success(), "{url}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A key that signs and decrypts, with its certificate, as files that Apache's own account can read.
pub(super) fn keys(at: &Path, name: &str) {
    let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let certificate = CertificateParams::new(vec![format!("{name}.test")]).unwrap().self_signed(&pair).unwrap();
    std::fs::write(at.join(format!("{name}.key")), pair.serialize_pem()).unwrap();
    std::fs::write(at.join(format!("{name}.crt")), certificate.pem()).unwrap();
}

/// `text` with these in the places of their names.
pub(super) fn filled(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("@{name}@"), value))
}

/// The pages of an Apache, which show what its module knows.
fn show(at: &Path, values: &[(&str, &str)]) {
    let page = filled(include_str!("saml/page.html"), values);
    for folder in ["private", "strong"] {
        std::fs::create_dir(at.join("pages").join(folder)).unwrap();
        std::fs::write(at.join("pages").join(folder).join("index.html"), &page).unwrap();
    }
    std::fs::write(at.join("pages/out.html"), "<h1>Signed out</h1>").unwrap();
}

/// Shibboleth's daemon, which does what its module for Apache is told.
fn shibd(at: &Path, own: &str, provider: &str) -> Running {
    let (root, (_, rest)) = (at.display().to_string(), provider.split_once("entityID=\"").unwrap());
    let values = [("ROOT", root.as_str()), ("SP", own), ("IDP", rest.split('"').next().unwrap())];
    let write = |name: &str, text: &str, more: &[(&str, &str)]| {
        std::fs::write(at.join(name), filled(&filled(text, &values), more)).unwrap();
    };
    write("shibboleth2.xml", include_str!("saml/shibboleth2.xml"), &[]);
    write("attribute-map.xml", include_str!("saml/attribute-map.xml"), &[]);
    for log in ["shibd", "native"] {
        write(&format!("{log}.logger"), include_str!("saml/shibd.logger"), &[("LOG", log)]);
        write(log, "", &[]);
        open_to_all(&at.join(log), 0o666);
    }
    let mut command = Command::new("/usr/sbin/shibd");
    command.arg("-F").arg("-f").arg("-c").arg(at.join("shibboleth2.xml")).arg("-p").arg(at.join("shibd.pid"));
    let running =
        Running(command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("shibd of Debian's package"));
    let log = || std::fs::read_to_string(at.join("shibd")).unwrap_or_default();
    assert!(converges(PATIENCE, || at.join("shibd.sock").exists()), "{}", log());
    running
}

/// Starts an application that says when it is ready. What it says from then on is read, and shown with a test that fails.
pub(super) fn ready(mut command: Command) -> Running {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let running = Running(child);
    assert_eq!(lines.next().and_then(Result::ok).as_deref(), Some("ready"), "{command:?}");
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| super::daemon::complain(&line)));
    running
}
