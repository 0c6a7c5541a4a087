//! `[sts]`: what the token service takes besides signatures.

use std::sync::Arc;

use url::Url;

use super::section::Section;
use crate::authn::kerberos;
use crate::authn::saml::{Also, ServiceProvider};
use crate::http::hosts::Host;
use crate::sts::unsigned::Settings;

/// `keytab` says whether one for tickets is named; `host` is what the public listener is called first.
pub(super) fn meant(section: &Section<'_>, keytab: bool, host: Option<&Host>) -> Settings {
    const KERBEROS: &str = "assume_role_with_kerberos";
    let settings = Settings {
        ldap_identity: section.read("assume_role_with_ldap_identity"),
        kerberos: section.read(KERBEROS),
        saml: saml(section, host).map(Arc::new),
    };
    if settings.kerberos && !kerberos::AVAILABLE {
        let remedy = "build with `cargo build --features gssapi`, or let machines show certificates";
        section.fault(KERBEROS, "this bailey was built without Kerberos", remedy);
    }
    if settings.kerberos && !keytab {
        let remedy = "set kerberos.service_keytab_file to a keytab with the key of HTTP/ and the name that clients use";
        section.fault(KERBEROS, "tickets are for a key of ours, and there is none", remedy);
    }
    settings
}

/// Who we are to SAML providers whose people assume roles. The first address and the first name are those that we tell.
fn saml(section: &Section<'_>, host: Option<&Host>) -> Option<ServiceProvider> {
    const URLS: &str = "saml_urls";
    let mut urls: Vec<String> = section.read(URLS);
    for url in &urls {
        // It is compared letter by letter, and nothing is ever asked of it.
        if !Url::parse(url)
            .is_ok_and(|read| read.scheme() == "https" && read.host().is_some() && read.fragment().is_none())
        {
            section.fault(URLS, format!("`{url}` is no address"), "such as https://bailey.example.com/saml");
        }
    }
    if urls.is_empty() {
        urls.extend(host.map(|host| format!("https://{host}/saml")));
    }
    let mut names: Vec<String> = section.read("saml_audiences");
    let mut urls = urls.into_iter();
    let acs = urls.next()?;
    if names.is_empty() {
        names.push(acs.clone());
    }
    let mut names = names.into_iter();
    let own = ServiceProvider::new(names.next()?, acs);
    Some(ServiceProvider { also: Also { entity_ids: names.collect(), acs: urls.collect() }, ..own })
}
