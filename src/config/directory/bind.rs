//! How we sign in to a directory.

use crate::base::Secret;
use crate::config::files::Files;
use crate::config::section::Section;
use crate::config::values::Word;
use crate::directory::{Dn, settings::Bind};

use super::urls;

/// The three places a password may stand in; exactly one of them is used.
const PASSWORDS: [&str; 3] = ["bind_password", "bind_password_file", "bind_password_credential"];

/// `bind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Kind {
    #[default]
    Simple,
    External,
    Anonymous,
}

/// How we sign in; `None` after a fault.
pub(super) fn meant(section: &Section<'_>, files: &Files<'_>, urls: &[String]) -> Option<Bind> {
    // What is missing depends on this choice: after a wrong one nothing is said about the rest.
    let kind = if section.has("bind") { section.optional("bind")? } else { section.read("bind") };
    match kind {
        Kind::Simple => simple(section, files),
        Kind::External => {
            refuse_leftovers(section, "external");
            if !section.has("client_certificate_file") && !urls::any_socket(urls) {
                let remedy = "set client_certificate_file and client_key_file, or use an ldapi:// URL";
                section.fault("bind", "\"external\" has nothing to prove who we are", remedy);
            }
            Some(Bind::External)
        }
        Kind::Anonymous => {
            refuse_leftovers(section, "anonymous");
            Some(Bind::Anonymous)
        }
    }
}

fn simple(section: &Section<'_>, files: &Files<'_>) -> Option<Bind> {
    let dn: Option<Dn> = section.optional("bind_dn");
    if !section.has("bind_dn") {
        section.fault(
            "bind_dn",
            "missing",
            "name the account we sign in as, or set `bind` to \"external\" or \"anonymous\"",
        );
    }
    let password = password(section, files);
    Some(Bind::Simple { dn: dn?.to_string(), password: password? })
}

fn password(section: &Section<'_>, files: &Files<'_>) -> Option<Secret<String>> {
    let written: Vec<&str> = PASSWORDS.into_iter().filter(|name| section.has(name)).collect();
    match written.as_slice() {
        [] => {
            let remedy = "set one of bind_password_credential, bind_password_file and bind_password";
            section.fault("bind_password", "missing", remedy);
        }
        [_] => {}
        [first, others @ ..] => {
            for other in others {
                section.fault(other, format!("the password stands in `{first}` already"), "keep one of them");
            }
        }
    }
    // Each is read even if there is one too many: what is wrong with it is worth knowing now.
    let inline = files.written_secret(section, "bind_password");
    let in_file = files.secret_in_file(section, "bind_password_file");
    let in_credential = files.secret_in_credential(section, "bind_password_credential");
    inline.or(in_file).or(in_credential)
}

/// A password that is set and not used is a mistake about who we are.
fn refuse_leftovers(section: &Section<'_>, bind: &str) {
    for name in PASSWORDS.into_iter().chain(["bind_dn"]).filter(|name| section.has(name)) {
        section.fault(name, format!("is not used when `bind` is \"{bind}\""), "remove it, or set bind = \"simple\"");
    }
}

impl Word for Kind {
    fn word(text: &str) -> Option<Self> {
        Some(match text {
            "simple" => Self::Simple,
            "external" => Self::External,
            "anonymous" => Self::Anonymous,
            _ => return None,
        })
    }
}
