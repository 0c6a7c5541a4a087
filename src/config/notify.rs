//! `[notify]`: how people, and programs that listen, are told what happened to roles for a while.

use std::sync::Arc;
use std::time::Duration;

use url::{Host, Url};

use super::files::Files;
use super::issuer::Inside;
use super::raw::Written;
use super::section::Section;
use super::values::{Meant, Misfit, Word, asked_address, from_text};
use crate::base::Secret;
use crate::base::network::Networks;
use crate::base::text::printable;
use crate::fetch::Reach;
use crate::model::notice::{Kind, Way};
use crate::notify::Settings;
use crate::notify::smtp::{self, Server, Tls};
use crate::notify::webhook::{self, Hook};
use crate::sso::IssuerUrl;

/// Shortest and longest time for a connection, or a message.
const TIMEOUTS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(60);

/// Addresses of one key, at most.
pub(super) const MOST_ADDRESSES: usize = 20;

/// What `[notify]` says; `issuer` is who we are to clients of single sign-on.
pub(super) fn meant(section: &Section<'_>, issuer: Option<&IssuerUrl>, files: &Files<'_>) -> Settings {
    let portal: Option<IssuerUrl> = section.optional("portal");
    let portal = portal.as_ref().or(issuer);
    let security = addresses(section, "security");
    let smtp = server(&section.section("smtp"), portal, files).map(Arc::new);
    let webhooks = webhooks(&section.sections("webhook"), files);
    if portal.is_none() && (smtp.is_some() || !webhooks.is_empty()) {
        section.fault("portal", "missing", "links lead to it: set it to the address of the portal, or set sso.issuer");
    }
    if smtp.is_none() && !security.is_empty() && !section.section("smtp").has("server") {
        section.fault("security", "is told by mail, and there is no mail server", "set notify.smtp.server");
    }
    Settings { portal: portal.map(|portal| portal.as_str().to_owned()).unwrap_or_default(), security, smtp, webhooks }
}

/// Mail addresses.
pub(super) fn addresses(section: &Section<'_>, key: &'static str) -> Vec<String> {
    let found: Vec<MailAddress> = section.read(key);
    if found.len() > MOST_ADDRESSES {
        section.fault(key, format!("names more than {MOST_ADDRESSES}"), "name a mailing list");
    }
    let mut addresses: Vec<String> = found.into_iter().map(|MailAddress(address)| address).collect();
    addresses.dedup();
    addresses
}

fn server(section: &Section<'_>, portal: Option<&IssuerUrl>, files: &Files<'_>) -> Option<Server> {
    let host: Option<MailHost> = section.optional("server");
    let (port, tls): (u32, HowEncrypted) = (section.read("port"), section.read("tls"));
    let (user, from): (Option<String>, Option<Sender>) = (section.optional("user"), section.optional("from"));
    let (password, ca_file) = (password(section, files), files.readable(section, "ca_file"));
    let timeout: Duration = section.read("timeout");
    if !TIMEOUTS.contains(&timeout) {
        section.fault("timeout", "is out of bounds", "write 1s to 60s");
    }
    let MailHost(host) = host?;
    for (key, written, remedy) in [
        ("from", section.has("from"), "say whose mails they are: from = \"Bailey <bailey@example.com>\""),
        ("user", user.is_some() || password.is_none(), "say whose password it is"),
        (
            "password_file",
            user.is_none() || has_password(section),
            "the user has one: password_file or password_credential",
        ),
    ] {
        if !written {
            section.fault(key, "missing", remedy);
        }
    }
    let login = user.zip(password);
    let name = portal.map(|portal| portal.host().trim_matches(['[', ']']).to_owned()).unwrap_or_default();
    let port = u16::try_from(port).unwrap_or_default();
    Some(Server { host, port, tls: tls.0, login, from: from?.0, ca_file, timeout, name })
}

fn has_password(section: &Section<'_>) -> bool {
    section.has("password_file") || section.has("password_credential")
}

fn password(section: &Section<'_>, files: &Files<'_>) -> Option<Secret<String>> {
    if section.has("password_file") && section.has("password_credential") {
        section.fault("password_credential", "is set beside password_file", "keep one of them");
    }
    let in_file = files.secret_in_file(section, "password_file");
    files.secret_in_credential(section, "password_credential").or(in_file)
}

fn webhooks(sections: &[Section<'_>], files: &Files<'_>) -> Vec<Arc<Hook>> {
    let mut hooks: Vec<Arc<Hook>> = Vec::new();
    for section in sections {
        let Some(hook) = hook(section, files) else { continue };
        if hooks.iter().any(|other| other.name == hook.name) {
            section.fault("name", format!("`{}` is another's, too", hook.name), "give each its own name");
        }
        hooks.push(Arc::new(hook));
    }
    hooks
}

fn hook(section: &Section<'_>, files: &Files<'_>) -> Option<Hook> {
    let (name, url): (Option<HookName>, Option<HookUrl>) = (section.optional("name"), section.optional("url"));
    let networks: Vec<Inside> = section.read("networks");
    let kinds: Vec<Kind> = section.read("kinds");
    let reach = Reach {
        networks: Networks::new(networks.into_iter().map(|Inside(network)| network).collect()),
        ca_file: files.readable(section, "ca_file"),
        plain_on_loopback: true,
    };
    let secrets = secrets(section, files);
    // As it stands in the example: of nobody anything is said.
    let named = ["name", "url", "secret_file", "secret_credential"];
    if !named.iter().any(|key| section.has(key)) {
        return None;
    }
    for (key, written) in [
        ("name", section.has("name")),
        ("url", section.has("url")),
        ("secret_file", section.has("secret_file") || section.has("secret_credential")),
    ] {
        if !written {
            section.fault(key, "missing", "a webhook has a name, an address and a secret");
        }
    }
    Some(Hook { name: name?.0, url: url?.0, reach, secrets, kinds })
}

/// One a line, so that the next is known before the last one goes.
fn secrets(section: &Section<'_>, files: &Files<'_>) -> Vec<Secret<Vec<u8>>> {
    let (file, credential) = ("secret_file", "secret_credential");
    if section.has(file) && section.has(credential) {
        section.fault(credential, "is set beside secret_file", "keep one of them");
    }
    let mut secrets = Vec::new();
    for (key, text) in
        [(file, files.secret_in_file(section, file)), (credential, files.secret_in_credential(section, credential))]
    {
        let Some(text) = text else { continue };
        for line in text.expose().lines().map(str::trim).filter(|line| !line.is_empty()) {
            match webhook::secret(line) {
                Some(secret) => secrets.push(secret),
                None => {
                    let remedy = "make one with: echo whsec_$(openssl rand -base64 32)";
                    section.fault(key, "has a line that is not `whsec_` and 24 to 64 bytes in base64", remedy);
                }
            }
        }
    }
    secrets
}

/// Where mail is sent to.
struct MailAddress(String);

/// Whose mails they are.
struct Sender(String);

/// Where the mail server is.
struct MailHost(Host);

/// Where a webhook listens.
struct HookUrl(Url);

/// What a webhook is called.
struct HookName(String);

/// How the way to the mail server is encrypted.
struct HowEncrypted(Tls);

impl Default for HowEncrypted {
    fn default() -> Self {
        Self(Tls::Required)
    }
}

impl Word for HowEncrypted {
    fn word(text: &str) -> Option<Self> {
        match text {
            "required" => Some(Self(Tls::Required)),
            "implicit" => Some(Self(Tls::Implicit)),
            "none-on-loopback" => Some(Self(Tls::NoneOnLoopback)),
            _ => None,
        }
    }
}

impl Word for Kind {
    fn word(text: &str) -> Option<Self> {
        Self::named(text)
    }
}

fn because(text: &str, why: String) -> Option<String> {
    Some(format!("`{}`: {why}", printable(text)))
}

impl Meant for MailAddress {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| match smtp::address_fault(text) {
            None => Ok(Self(text.to_owned())),
            Some(why) => Err(because(text, why)),
        })
    }
}

impl Meant for Sender {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| match smtp::sender_fault(text) {
            None => Ok(Self(text.to_owned())),
            Some(why) => Err(because(text, why)),
        })
    }
}

impl Meant for MailHost {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| match text.parse::<std::net::Ipv6Addr>() {
            Ok(address) => Ok(Self(Host::Ipv6(address))),
            Err(_) => Host::parse(text).map(Self).map_err(|error| because(text, error.to_string())),
        })
    }
}

impl Meant for HookName {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| match Way::is_name(text) {
            true => Ok(Self(text.to_owned())),
            false => Err(because(text, "write 1 to 64 small letters, digits and `-`".to_owned())),
        })
    }
}

impl Meant for HookUrl {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        let clear = |text: &str| format!("`{text}`: in the clear everybody on the way could read who has which role");
        from_text(written, misfits, |text| asked_address(text, clear).map(Self))
    }
}
