//! `[[sign_in_provider]]`: outside OpenID Connect providers by which people of another firm sign in.

use super::files::Files;
use super::section::Section;
use crate::authn::federated::relying::Provider;
use crate::base::Secret;
use crate::model::AccountId;
use crate::model::oidc_provider::ClientId;
use crate::sso::IssuerUrl;

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
        if !["name", "issuer", "client_id"].iter().any(|key| section.has(key)) {
            let (_, _): (Vec<String>, bool) = (section.read("second_factor"), section.read("listed"));
            continue;
        }
        if ours.is_none() {
            let remedy = "set `issuer` of [sso]: it is the address that the provider sends people back to";
            section.fault("name", "nobody can be sent back here, since nothing says what this site is called", remedy);
        }
        let Some(provider) = one(section, files, account) else { continue };
        if providers.iter().any(|other| other.name == provider.name) {
            section.fault("name", format!("there are two providers `{}`", provider.name), "call one of them otherwise");
        }
        providers.push(provider);
    }
    providers
}

fn one(section: &Section<'_>, files: &Files<'_>, account: &AccountId) -> Option<Provider> {
    let (file, credential) = ("secret_file", "secret_credential");
    if section.has(file) && section.has(credential) {
        section.fault(credential, "is set beside secret_file", "keep one of them");
    }
    let secret = files.secret_in_file(section, file).or_else(|| files.secret_in_credential(section, credential));
    let secret = secret.map(|text| Secret::new(text.expose().trim().to_owned()));
    let name = section.required::<String>("name").filter(|name| {
        let good = (1..=32).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !good {
            section.fault("name", format!("`{name}` cannot stand in an address"), "1 to 32 of a-z, 0-9 and -");
        }
        good
    });
    let issuer = section.required("issuer");
    let client_id = section.required::<String>("client_id").and_then(|text| {
        let read = text.parse::<ClientId>();
        read.map_err(|error| section.fault("client_id", error.to_string(), "as the provider registered us")).ok()
    });
    let title = section.optional::<String>("title");
    let second_factor = section.read::<Vec<String>>("second_factor").into_iter().collect();
    let (name, listed, account) = (name?, section.read("listed"), account.clone());
    let title = title.unwrap_or_else(|| name.clone());
    Some(Provider { name, title, issuer: issuer?, account, client_id: client_id?, secret, second_factor, listed })
}
