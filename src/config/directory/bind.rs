//! How we sign in to a directory.

use crate::base::Secret;
use crate::base::text::printable;
use crate::config::files::Files;
use crate::config::raw::Written;
use crate::config::section::Section;
use crate::config::values::{Meant, Misfit, Word, from_text};
use crate::directory::settings::{Bind, is_host_name};
use crate::directory::{Dn, KERBEROS};

use super::urls;

/// The three places a password may stand in; exactly one of them is used.
const PASSWORDS: [&str; 3] = ["bind_password", "bind_password_file", "bind_password_credential"];

/// `bind_dn`: a DN, or one of the two names that Active Directory's simple bind takes besides and that mean one account
/// only (MS-ADTS 5.1.1.1.1). Its other forms, such as the display name, anybody might come to share.
struct Name(String);

/// `bind_principal`: with its realm, which the keytab has to be searched for.
struct Principal(String);

/// `bind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Kind {
    #[default]
    Simple,
    Gssapi,
    External,
    Anonymous,
}

/// How we sign in; `None` after a fault.
pub(super) fn meant(section: &Section<'_>, files: &Files<'_>, urls: &[String]) -> Option<Bind> {
    // What is missing depends on this choice: after a wrong one nothing is said about the rest.
    let kind = if section.has("bind") { section.optional("bind")? } else { section.read("bind") };
    match kind {
        Kind::Simple => simple(section, files),
        Kind::Gssapi => kerberos(section, urls),
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

fn kerberos(section: &Section<'_>, urls: &[String]) -> Option<Bind> {
    refuse_leftovers(section, "gssapi");
    if !KERBEROS {
        section.fault(
            "bind",
            "this bailey was built without Kerberos",
            "build it with `cargo build --features gssapi`, or set bind = \"simple\"",
        );
    }
    if urls::any_socket(urls) {
        section.fault(
            "bind",
            "\"gssapi\" has no host to prove itself behind ldapi://",
            "use an ldap:// or ldaps:// URL",
        );
    }
    if section.has("insecure") {
        section.fault("insecure", "nothing travels in the clear: Kerberos encrypts what TLS does not", "remove it");
    }
    if !section.has("bind_principal") {
        section.fault("bind_principal", "missing", "name the account, such as \"svc-bailey@CORP.EXAMPLE.COM\"");
    }
    let Principal(principal) = section.optional("bind_principal")?;
    Some(Bind::Kerberos { principal })
}

fn simple(section: &Section<'_>, files: &Files<'_>) -> Option<Bind> {
    refuse_leftovers(section, "simple");
    let name: Option<Name> = section.optional("bind_dn");
    if !section.has("bind_dn") {
        section.fault(
            "bind_dn",
            "missing",
            "name the account we sign in as, or set `bind` to \"external\" or \"anonymous\"",
        );
    }
    let password = password(section, files);
    let Name(dn) = name?;
    Some(Bind::Simple { dn, password: password? })
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
    let others =
        PASSWORDS.into_iter().map(|name| (name, "simple")).chain([("bind_dn", "simple"), ("bind_principal", "gssapi")]);
    for (name, its) in others.filter(|(name, its)| *its != bind && section.has(name)) {
        section.fault(
            name,
            format!("is not used when `bind` is \"{bind}\""),
            format!("remove it, or set bind = \"{its}\""),
        );
    }
}

impl Word for Kind {
    fn word(text: &str) -> Option<Self> {
        Some(match text {
            "simple" => Self::Simple,
            "gssapi" => Self::Gssapi,
            "external" => Self::External,
            "anonymous" => Self::Anonymous,
            _ => return None,
        })
    }
}

impl Meant for Name {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| Self::parse(text).map_err(Some))
    }
}

impl Meant for Principal {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| {
            let sound = |part: &str| !part.is_empty() && !part.chars().any(|c| c.is_control() || " @\\".contains(c));
            match text.split_once('@') {
                Some((name, realm)) if sound(name) && sound(realm) => Ok(Self(text.to_owned())),
                _ => Err(Some(format!("`{}` is no principal with a realm", printable(text)))),
            }
        })
    }
}

impl Name {
    fn parse(text: &str) -> Result<Self, String> {
        let shown = || format!("`{}`", printable(text));
        let plain =
            |part: &str| !part.is_empty() && !part.chars().any(|c| c.is_control() || "\"/\\[]:;|=,+*?<>".contains(c));
        if text.contains('=') {
            return text.parse::<Dn>().map(|dn| Self(dn.to_string())).map_err(|error| error.to_string());
        }
        match (text.split_once('\\'), text.rsplit_once('@')) {
            // Active Directory refuses it as a wrong password, and nobody would look here.
            (Some((domain, user)), _) if plain(domain) && plain(user) && domain.contains('.') => Err(format!(
                "{} has a DNS name before the backslash, where the NetBIOS name belongs: write `{user}@{domain}`",
                shown()
            )),
            (Some((domain, user)), _) if plain(domain) && plain(user) => Ok(Self(text.to_owned())),
            (None, Some((user, domain))) if plain(user) && is_host_name(domain) => Ok(Self(text.to_owned())),
            (None, None) => Err(format!("{} is a bare name, which no directory signs in", shown())),
            _ => Err(format!("{} is neither a DN nor the name of an account", shown())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_named_so_that_one_is_meant() {
        for good in [
            "cn=sync,dc=example,dc=com",
            "CN=Sync\\, Bailey,OU=a@b,DC=example,DC=com",
            "svc-bailey@corp.example.com",
            "svc@corp",
            "first.last@x@corp.example.com",
            "CORP\\svc-bailey",
            "CORP\\svc@x",
        ] {
            let Name(name) = Name::parse(good).unwrap_or_else(|why| panic!("{good}: {why}"));
            assert_eq!(name, good);
        }
        for (bad, words) in [
            ("svc-bailey", "is a bare name"),
            ("Bailey Sync", "is a bare name"),
            ("corp.example.com\\svc", "write `svc@corp.example.com`"),
            ("cn=sync,corp", "is not a DN"),
            ("@corp.example.com", "neither"),
            ("svc@", "neither"),
            ("svc@corp..com", "neither"),
            ("\\svc", "neither"),
            ("CORP\\", "neither"),
            ("CORP\\a\\b", "neither"),
            ("a\0b@corp.example.com", "neither"),
        ] {
            let Err(why) = Name::parse(bad) else { panic!("{bad:?} was taken") };
            assert!(why.contains(words), "{bad:?}: {why}");
        }
    }
}
