//! `[[sign_in_provider]]`: outside providers, of OpenID Connect or SAML, by which people of another firm sign in.

use super::files::Files;
use super::section::Section;
use crate::authn::outside::{By, Oidc, Provider};
use crate::authn::saml::{IdentityProvider, Known, MAKES_A_KEY, Party, ServiceProvider, Unaskable};
use crate::base::Secret;
use crate::model::oidc_provider::ClientId;
use crate::model::{AccountId, SamlProviderName};
use crate::saml_xml::{DecryptionKey, RequestKey};
use crate::sso::IssuerUrl;

/// Where what is known of a SAML provider stands: one of them makes it one.
const KNOWN: [&str; 2] = ["saml_provider", "metadata_file"];

/// What else is for SAML alone, and what for OpenID Connect alone.
const SAML: [&str; 5] =
    ["saml_entity_id", "saml_issuer_format", "saml_issuer_qualifier", "saml_key_file", "saml_certificate_file"];
const OIDC: [&str; 4] = ["issuer", "client_id", "secret_file", "secret_credential"];

/// What names our key.
const KEYS: [&str; 2] = ["saml_key_file", "saml_certificate_file"];

/// The providers, in the order of the file.
pub(super) fn all(
    sections: &[Section<'_>],
    files: &Files<'_>,
    account: &AccountId,
    ours: Option<&IssuerUrl>,
) -> Vec<Provider> {
    let mut providers: Vec<Provider> = Vec::new();
    for section in sections {
        // As it stands in the example: of nobody anything is said.
        if !["name"].iter().chain(&OIDC).chain(&KNOWN).chain(&SAML).any(|key| section.has(key)) {
            let (_, _): (Vec<String>, bool) = (section.read("second_factor"), section.read("listed"));
            continue;
        }
        if ours.is_none() {
            let remedy = "set `issuer` of [sso]: it is the address that the provider sends people back to";
            section.fault("name", "nobody can be sent back here, since nothing says what this site is called", remedy);
        }
        let Some(provider) = one(section, files, (account, ours)) else { continue };
        if providers.iter().any(|other| other.name == provider.name) {
            section.fault("name", format!("there are two providers `{}`", provider.name), "call one of them otherwise");
        }
        providers.push(provider);
    }
    providers
}

fn one(
    section: &Section<'_>,
    files: &Files<'_>,
    (account, ours): (&AccountId, Option<&IssuerUrl>),
) -> Option<Provider> {
    let name = section.required::<String>("name").filter(|name| {
        let good = (1..=32).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !good {
            section.fault("name", format!("`{name}` cannot stand in an address"), "1 to 32 of a-z, 0-9 and -");
        }
        good
    });
    let (is_saml, others) = match KNOWN.iter().any(|key| section.has(key)) {
        true => (true, OIDC.as_slice()),
        false => (false, SAML.as_slice()),
    };
    for other in others.iter().filter(|key| section.has(key)) {
        section.fault(
            other,
            "is of another kind of provider",
            "set `issuer` for OpenID Connect, or `saml_provider` for SAML",
        );
    }
    let by = match is_saml {
        true => party(section, files, name.as_deref().zip(ours)).map(|party| By::Saml(Box::new(party))),
        false => {
            // What is written there is read all the same: a value that fits nothing is told first.
            drop(party(section, files, None));
            oidc(section, files).map(By::Oidc)
        }
    };
    let title = section.optional::<String>("title");
    let second_factor = section.read::<Vec<String>>("second_factor").into_iter().collect();
    let (name, listed, account) = (name?, section.read("listed"), account.clone());
    let title = title.unwrap_or_else(|| name.clone());
    Some(Provider { name, title, by: by?, account, second_factor, listed })
}

fn oidc(section: &Section<'_>, files: &Files<'_>) -> Option<Oidc> {
    let (file, credential) = ("secret_file", "secret_credential");
    if section.has(file) && section.has(credential) {
        section.fault(credential, "is set beside secret_file", "keep one of them");
    }
    let secret = files.secret_in_file(section, file).or_else(|| files.secret_in_credential(section, credential));
    let secret = secret.map(|text| Secret::new(text.expose().trim().to_owned()));
    let issuer = section.required("issuer");
    let client_id = section.required::<String>("client_id").and_then(|text| {
        let read = text.parse::<ClientId>();
        read.map_err(|error| section.fault("client_id", error.to_string(), "as the provider registered us")).ok()
    });
    Some(Oidc { issuer: issuer?, client_id: client_id?, secret })
}

/// Us towards a SAML provider; `ours` is what it is called in addresses, and what this site is.
fn party(section: &Section<'_>, files: &Files<'_>, ours: Option<(&str, &IssuerUrl)>) -> Option<Party> {
    if section.has("saml_provider") && section.has("metadata_file") {
        section.fault("metadata_file", "is set beside saml_provider", "keep one of them");
    }
    let registered = section.optional::<String>("saml_provider").and_then(|text| {
        let read = text.parse::<SamlProviderName>();
        read.map_err(|error| section.fault("saml_provider", error.to_string(), "as `bailey idp list` shows it")).ok()
    });
    let told = files.readable(section, "metadata_file").and_then(|path| {
        let read = std::fs::read_to_string(&path).map_err(|error| error.to_string());
        let read = read.and_then(|text| IdentityProvider::read(&text).map_err(|error| error.to_string()));
        let remedy = "put the provider's metadata (an EntityDescriptor) into it, as it publishes it";
        read.map_err(|why| section.fault("metadata_file", why, remedy)).ok()
    });
    let known = registered.map(Known::Registered).or(told.map(|told| Known::Told(Box::new(told))));
    let (key, decrypts) = keys(section, files);
    let entity_id = section.optional("saml_entity_id");
    let (issuer_format, issuer_qualifier) =
        (section.optional("saml_issuer_format"), section.optional("saml_issuer_qualifier"));
    let (name, site) = ours?;
    let at = |last: &str| site.at(&format!("/login/with/{name}/{last}"));
    let entity_id: String = entity_id.unwrap_or_else(|| at("metadata"));
    let party = Party {
        known: known?,
        own: ServiceProvider { key: decrypts, ..ServiceProvider::new(entity_id, at("acs")) },
        issuer_format,
        issuer_qualifier,
        key,
    };
    can_be_asked(section, &party);
    Some(party)
}

/// Says what would keep people from being sent there, before the first of them comes. Of a SAML provider of the account `bailey idp check`
/// and health say it: what is known of that lies in the store.
fn can_be_asked(section: &Section<'_>, party: &Party) {
    let Known::Told(known) = &party.known else { return };
    let Err(why) = party.asks_at(known) else { return };
    let key = match why {
        // A key that cannot be used was told.
        Unaskable::NoKey if KEYS.iter().any(|key| section.has(key)) => return,
        Unaskable::NoKey => "saml_key_file",
        Unaskable::NoAddress => "metadata_file",
    };
    section.fault(key, why.to_string(), why.remedy());
}

/// One key of ours signs requests and opens what is encrypted for us.
fn keys(section: &Section<'_>, files: &Files<'_>) -> (Option<RequestKey>, Option<DecryptionKey>) {
    let [key, certificate] = KEYS;
    let text = |path: &std::path::PathBuf| std::fs::read_to_string(path).ok();
    let pem = files.private(section, key).as_ref().and_then(text).map(Secret::new);
    let shown = files.readable(section, certificate).as_ref().and_then(text);
    match (section.has(key), section.has(certificate)) {
        (true, false) => section.fault(key, "has no certificate", "set saml_certificate_file too"),
        (false, true) => section.fault(certificate, "has no key", "set saml_key_file too"),
        _ => {}
    }
    let Some((pem, shown)) = pem.zip(shown) else { return (None, None) };
    let no = |error: crate::saml_xml::XmlError| section.fault(key, error.to_string(), MAKES_A_KEY);
    let signs = RequestKey::from_pem(pem.expose(), &shown).map_err(no).ok();
    let opens = DecryptionKey::from_pem(pem.expose()).map_err(no).ok();
    (signs, opens)
}
