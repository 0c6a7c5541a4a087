//! Metadata of a service provider (SAML metadata, section 2.4.4): where it wants to be told who somebody is, and by which keys it is
//! known.
//!
//! As with providers of identity, whoever put it here vouches for it, and a signature over it adds nothing. What it offers that we do
//! not speak is kept out with a reason ([`SpMetadata::kept_out`]), and never guessed at: an assertion goes to an address that stands
//! here, by the one binding that we have for it, or nowhere.

mod changes;
mod wanted;

pub use wanted::NoKey;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::metadata::{LONGEST_ENTITY, MetadataError, until, unusable};
use crate::base::Timestamp;
use crate::base::text::printable;
use crate::model::client::RedirectUri;
use crate::saml_xml::{
    Certificate, Element, HTTP_POST, HTTP_REDIRECT, METADATA, PROTOCOL, PinnedKeys, SIGNATURE, Vouched,
    escape_attribute,
};

/// What a service provider says of itself, as far as it counts.
#[derive(Debug, Clone)]
pub struct SpMetadata {
    entity_id: String,
    requests_signed: bool,
    wants_assertions_signed: bool,
    keys: PinnedKeys,
    signing: Vec<Certificate>,
    encryption: Vec<EncryptionKey>,
    acs: Vec<Acs>,
    logout: Vec<Logout>,
    name_id_formats: Vec<String>,
    valid_until: Option<Timestamp>,
    kept_out: Vec<KeptOut>,
}

/// An address that responses are delivered to (`AssertionConsumerService`), by POST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acs {
    /// The address, letter by letter as it stands in the metadata.
    pub location: String,
    /// Its number, by which requests may mean it.
    pub index: Option<u16>,
    /// Whether it is meant where nothing is said; `None`, if the metadata does not say.
    pub is_default: Option<bool>,
}

/// An address for sign-outs (`SingleLogoutService`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logout {
    /// How it is spoken to.
    pub binding: LogoutBinding,
    /// Where requests go.
    pub location: String,
    /// Where answers go, if that is elsewhere.
    pub response_location: Option<String>,
}

/// How messages about sign-outs travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogoutBinding {
    /// In an address.
    Redirect,
    /// In a form.
    Post,
}

/// A key that assertions can be encrypted for: RSA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptionKey {
    /// Whose it is.
    pub certificate: Certificate,
    /// The algorithms that its holder says it can read (`EncryptionMethod`); any of ours, if it says none.
    pub methods: Vec<String>,
}

/// Something in the metadata that counts for nothing here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptOut {
    /// What: the name of an element, and where it leads.
    pub what: String,
    /// Why.
    pub why: String,
}

impl SpMetadata {
    /// Metadata that says no more than what somebody calls itself by and where responses go.
    #[must_use]
    pub fn minimal(entity_id: &str, acs: &str) -> String {
        let escaped = |value: &str| {
            let mut text = String::new();
            escape_attribute(value, &mut text);
            text
        };
        let (entity_id, acs) = (escaped(entity_id), escaped(acs));
        format!(
            "<md:EntityDescriptor xmlns:md=\"{METADATA}\" entityID=\"{entity_id}\">\n  \
             <md:SPSSODescriptor protocolSupportEnumeration=\"{PROTOCOL}\">\n    \
             <md:AssertionConsumerService Binding=\"{HTTP_POST}\" Location=\"{acs}\" index=\"0\"/>\n  \
             </md:SPSSODescriptor>\n</md:EntityDescriptor>\n"
        )
    }

    /// Reads the metadata of one service provider: that of `entity`, where the text has many.
    ///
    /// # Errors
    /// When it is none, or leaves nowhere to deliver a response to.
    pub fn read(text: &str, entity: Option<&str>) -> Result<Self, MetadataError> {
        let file = Vouched::pick(text, entity)?;
        let root = file.root();
        let entity_id = root.attribute("entityID").unwrap_or_default();
        if entity_id.is_empty() || entity_id.len() > LONGEST_ENTITY || entity_id.trim() != entity_id {
            return Err(unusable(root, format!("entityID has to have 1 to {LONGEST_ENTITY} characters")));
        }
        if let Some(wanted) = entity.filter(|wanted| *wanted != entity_id) {
            return Err(unusable(root, format!("it is of `{}`, not of `{}`", printable(entity_id), printable(wanted))));
        }
        let role = role(root)?;
        let mut read = Self {
            entity_id: entity_id.to_owned(),
            requests_signed: flag(role, "AuthnRequestsSigned")?,
            wants_assertions_signed: flag(role, "WantAssertionsSigned")?,
            keys: PinnedKeys::none(),
            signing: Vec::new(),
            encryption: Vec::new(),
            acs: Vec::new(),
            logout: Vec::new(),
            name_id_formats: Vec::new(),
            valid_until: [until(root)?, until(role)?].into_iter().flatten().min(),
            kept_out: Vec::new(),
        };
        role.all(METADATA, "KeyDescriptor")?.into_iter().try_for_each(|descriptor| read.key(descriptor))?;
        role.all(METADATA, "SingleLogoutService")?.into_iter().try_for_each(|service| read.logout_at(service))?;
        for format in role.all(METADATA, "NameIDFormat")? {
            read.name_id_formats.push(format.text()?.trim().to_owned());
        }
        let services = role.all(METADATA, "AssertionConsumerService")?;
        services.into_iter().try_for_each(|service| read.consumed_at(service))?;
        read.usable(role)
    }

    fn usable(self, role: Element<'_>) -> Result<Self, MetadataError> {
        let why_not = |name: &str| {
            let out = self.kept_out.iter().filter(|out| out.what.starts_with(name));
            out.map(|out| format!("; {}: {}", out.what, out.why)).collect::<String>()
        };
        if self.acs.is_empty() {
            let why = why_not("AssertionConsumerService");
            return Err(unusable(role, format!("there is no address that responses can be posted to{why}")));
        }
        if self.requests_signed && self.signing.is_empty() {
            // Never "no key, nothing to verify" (CVE-2026-28323).
            let why = why_not("KeyDescriptor");
            return Err(unusable(role, format!("its requests are signed, and there is no key to verify them by{why}")));
        }
        Ok(self)
    }

    /// Its name.
    #[must_use]
    pub fn entity_id(&self) -> &str {
        &self.entity_id
    }

    /// Whether its requests are all signed; then one that is not is none of its.
    #[must_use]
    pub fn requests_signed(&self) -> bool {
        self.requests_signed
    }

    /// Whether it wants assertions to be signed themselves.
    #[must_use]
    pub fn wants_assertions_signed(&self) -> bool {
        self.wants_assertions_signed
    }

    /// The keys that its messages are verified by.
    #[must_use]
    pub fn keys(&self) -> &PinnedKeys {
        &self.keys
    }

    /// Their certificates.
    #[must_use]
    pub fn signing(&self) -> &[Certificate] {
        &self.signing
    }

    /// The keys that assertions can be encrypted for, the one to take first.
    #[must_use]
    pub fn encryption(&self) -> &[EncryptionKey] {
        &self.encryption
    }

    /// Where responses are delivered.
    #[must_use]
    pub fn acs(&self) -> &[Acs] {
        &self.acs
    }

    /// Where they are delivered if nothing is said: to the first that is said to be the default, or else the first of which it is
    /// not said that it is none (SAML metadata, section 2.2.3).
    #[must_use]
    pub fn default_acs(&self) -> Option<&Acs> {
        let said = self.acs.iter().find(|acs| acs.is_default == Some(true));
        said.or_else(|| self.acs.iter().find(|acs| acs.is_default.is_none())).or_else(|| self.acs.first())
    }

    /// The one at `location`, letter by letter.
    #[must_use]
    pub fn acs_at(&self, location: &str) -> Option<&Acs> {
        self.acs.iter().find(|acs| acs.location == location)
    }

    /// The one of that number.
    #[must_use]
    pub fn acs_of(&self, index: u16) -> Option<&Acs> {
        self.acs.iter().find(|acs| acs.index == Some(index))
    }

    /// Where it is told of sign-outs.
    #[must_use]
    pub fn logout(&self) -> &[Logout] {
        &self.logout
    }

    /// What it would know people by, if it says so.
    #[must_use]
    pub fn name_id_formats(&self) -> &[String] {
        &self.name_id_formats
    }

    /// From when on this is not to be relied upon, if it says so.
    #[must_use]
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }

    /// What counts for nothing, and why.
    #[must_use]
    pub fn kept_out(&self) -> &[KeptOut] {
        &self.kept_out
    }

    /// A key descriptor: of what it is not said what it is for, it is for both (SAML metadata, section 2.4.1.1).
    fn key(&mut self, descriptor: Element<'_>) -> Result<(), MetadataError> {
        let (signs, encrypts) = match descriptor.attribute("use") {
            None => (true, true),
            Some("signing") => (true, false),
            Some("encryption") => (false, true),
            Some(_) => return Err(unusable(descriptor, "use has to be `signing` or `encryption`")),
        };
        let methods = descriptor.all(METADATA, "EncryptionMethod")?;
        let methods: Vec<String> =
            methods.iter().filter_map(|method| method.attribute("Algorithm")).map(str::to_owned).collect();
        let mut found = false;
        for bag in descriptor.one(SIGNATURE, "KeyInfo")?.all(SIGNATURE, "X509Data")? {
            for element in bag.all(SIGNATURE, "X509Certificate")? {
                found = true;
                let digits: String = element.text()?.split_ascii_whitespace().collect();
                let der = STANDARD.decode(digits).map_err(|_| unusable(element, "it is no base64"))?;
                self.certificate(der, (signs, encrypts), &methods);
            }
        }
        if !found {
            self.keep_out("KeyDescriptor", "", "a key without a certificate");
        }
        Ok(())
    }

    /// A certificate, for what its key is good for. One that is good for nothing is kept out: others may stand beside it.
    fn certificate(&mut self, der: Vec<u8>, (signs, encrypts): (bool, bool), methods: &[String]) {
        let certificate = match Certificate::read(der.clone()) {
            Ok(certificate) => certificate,
            Err(error) => return self.keep_out("KeyDescriptor", "", error.why()),
        };
        // One that was read a moment ago is pinned again: it cannot fail, and would not count if it did.
        if signs && !self.signing.contains(&certificate) && self.keys.pin(&der).is_ok() {
            self.signing.push(certificate.clone());
        }
        if !encrypts {
            return;
        }
        if certificate.rsa {
            if self.encryption.iter().all(|key| key.certificate != certificate) {
                self.encryption.push(EncryptionKey { certificate, methods: methods.to_vec() });
            }
        } else if !signs {
            self.keep_out("KeyDescriptor", "encryption", "assertions are encrypted for RSA keys alone (RSA-OAEP)");
        }
    }

    fn consumed_at(&mut self, service: Element<'_>) -> Result<(), MetadataError> {
        const NAME: &str = "AssertionConsumerService";
        let (binding, location) = bound(service)?;
        // An artifact would have us asked for it, and a response is too long for an address (SAML bindings, sections 3.4 to 3.6).
        if binding != HTTP_POST {
            self.keep_out(NAME, location, binding_refused(binding));
            return Ok(());
        }
        if let Err(why) = reachable(location) {
            self.keep_out(NAME, location, why);
            return Ok(());
        }
        let index = match service.attribute("index").map(|index| index.trim().parse::<u16>()) {
            None => None,
            Some(Ok(index)) => Some(index),
            Some(Err(_)) => return Err(unusable(service, "its index is no number up to 65535")),
        };
        if index.is_some_and(|index| self.acs_of(index).is_some()) {
            return Err(unusable(service, "two of them have one index"));
        }
        let is_default = match service.attribute("isDefault") {
            None => None,
            Some(_) => Some(flag(service, "isDefault")?),
        };
        self.acs.push(Acs { location: location.to_owned(), index, is_default });
        Ok(())
    }

    fn logout_at(&mut self, service: Element<'_>) -> Result<(), MetadataError> {
        const NAME: &str = "SingleLogoutService";
        let (binding, location) = bound(service)?;
        let binding = match binding {
            HTTP_REDIRECT => LogoutBinding::Redirect,
            HTTP_POST => LogoutBinding::Post,
            other => {
                self.keep_out(NAME, location, binding_refused(other));
                return Ok(());
            }
        };
        let response_location = service.attribute("ResponseLocation");
        for location in [Some(location), response_location].into_iter().flatten() {
            if let Err(why) = reachable(location) {
                self.keep_out(NAME, location, why);
                return Ok(());
            }
        }
        let (location, response_location) = (location.to_owned(), response_location.map(str::to_owned));
        self.logout.push(Logout { binding, location, response_location });
        Ok(())
    }

    fn keep_out(&mut self, what: &str, location: &str, why: impl Into<String>) {
        let what = format!("{what} {}", printable(location)).trim_end().to_owned();
        self.kept_out.push(KeptOut { what, why: why.into() });
    }
}

/// What it is as a service provider of SAML 2.0: one description, so that there is one set of keys and addresses.
pub(super) fn role(root: Element<'_>) -> Result<Element<'_>, MetadataError> {
    let speaks = |role: &Element<'_>| {
        let protocols = role.attribute("protocolSupportEnumeration").unwrap_or_default();
        protocols.split_ascii_whitespace().any(|protocol| protocol == PROTOCOL)
    };
    let all = root.all(METADATA, "SPSSODescriptor")?;
    let mut ours = all.iter().copied().filter(speaks);
    match (ours.next(), ours.next(), all.is_empty()) {
        (Some(role), None, _) => Ok(role),
        (Some(_), Some(_), _) => Err(unusable(root, "more than one SPSSODescriptor speaks SAML 2.0")),
        (None, _, true) => Err(unusable(root, "there is no SPSSODescriptor: it describes no service provider")),
        (None, _, false) => Err(unusable(root, "it does not speak SAML 2.0 (protocolSupportEnumeration)")),
    }
}

fn flag(element: Element<'_>, name: &str) -> Result<bool, MetadataError> {
    match element.attribute(name) {
        Some("true" | "1") => Ok(true),
        None | Some("false" | "0") => Ok(false),
        Some(_) => Err(unusable(element, format!("{name} has to be true or false"))),
    }
}

fn bound(service: Element<'_>) -> Result<(&str, &str), MetadataError> {
    let said = service.attribute("Binding").zip(service.attribute("Location"));
    said.ok_or_else(|| unusable(service, "it needs a Binding and a Location"))
}

fn binding_refused(binding: &str) -> String {
    let name = binding.rsplit(':').next().unwrap_or_default();
    format!("binding {}: messages are sent by HTTP-POST, sign-outs also by HTTP-Redirect", printable(name))
}

/// An address that a browser can be sent to: https, or this very machine. It stays as it is written, since whoever gets a response
/// compares it letter by letter with its own.
fn reachable(location: &str) -> Result<(), &'static str> {
    // `https://host?query` is an address, too, and Salesforce has such; browsers put the slash in.
    let authority = location.split_once("://").map_or(location, |(_, rest)| rest);
    let slashed = match (authority.find('?'), authority.find('/')) {
        (Some(query), slash) if slash.is_none_or(|slash| query < slash) => Some(location.replacen('?', "/?", 1)),
        _ => None,
    };
    let read = slashed.as_deref().unwrap_or(location).parse::<RedirectUri>();
    read.map(drop).map_err(|error| error.why)
}

#[cfg(test)]
mod tests;
