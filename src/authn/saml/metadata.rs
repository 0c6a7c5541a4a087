//! Metadata of an identity provider: its name, its keys and its addresses, as an administrator took them for good.
//!
//! They are pinned: what is not in here does not count, and a signature over the metadata adds nothing to the word of whoever put it
//! here. So none is verified, and none is asked for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::AssertionDecryption;
use super::changes::Changes;
use crate::base::text::printable;
use crate::base::{Fault, Faulty, Timestamp};
use crate::saml_xml::{Certificate, Element, METADATA, PROTOCOL, PinnedKeys, SIGNATURE, Vouched, XmlError, instant};

/// Longest name of an entity (SAML core, section 8.3.6).
pub(super) const LONGEST_ENTITY: usize = 1024;

/// An identity provider.
#[derive(Debug, Clone)]
pub struct IdentityProvider {
    entity_id: String,
    keys: PinnedKeys,
    /// The certificates of these keys, in DER.
    certificates: Vec<Vec<u8>>,
    sign_on: Vec<Endpoint>,
    logout: Vec<Endpoint>,
    valid_until: Option<Timestamp>,
    signed_requests: bool,
    decryption: AssertionDecryption,
}

/// An address, and how one speaks to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The binding: a URN of SAML.
    pub binding: String,
    /// The address.
    pub location: String,
}

/// Why metadata describes no identity provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// It is not XML as it has to be, or an element of it is not.
    #[error("{0}")]
    Xml(XmlError),
    /// It says something that cannot be used.
    #[error("{place}: {why}")]
    Unusable {
        /// Where.
        place: String,
        /// What is wrong.
        why: String,
    },
}

impl From<XmlError> for MetadataError {
    fn from(error: XmlError) -> Self {
        Self::Xml(error)
    }
}

impl Faulty for MetadataError {
    fn fault(&self) -> Fault {
        Fault::Operator
    }
}

impl IdentityProvider {
    /// Reads the metadata of one identity provider.
    ///
    /// # Errors
    /// When it is none, or has no key that could verify anything.
    pub fn read(text: &str) -> Result<Self, MetadataError> {
        Self::of(&Vouched::read(text)?)
    }

    /// The same of one of many: of `entity`, which may be left out where the text is of one alone.
    ///
    /// # Errors
    /// When that is not in the text once, or as of [`IdentityProvider::read`].
    pub fn pick(text: &str, entity: Option<&str>) -> Result<Self, MetadataError> {
        let file = Vouched::pick(text, entity)?;
        let read = Self::of(&file)?;
        match entity.filter(|wanted| *wanted != read.entity_id) {
            None => Ok(read),
            Some(wanted) => {
                let why = format!("it is of `{}`, not of `{}`", printable(&read.entity_id), printable(wanted));
                Err(unusable(file.root(), why))
            }
        }
    }

    fn of(file: &Vouched) -> Result<Self, MetadataError> {
        let root = file.root();
        let entity_id = root.attribute("entityID").unwrap_or_default();
        if entity_id.is_empty() || entity_id.len() > LONGEST_ENTITY || entity_id.trim() != entity_id {
            return Err(unusable(root, format!("entityID has to have 1 to {LONGEST_ENTITY} characters")));
        }
        let role = role(root)?;
        let (keys, certificates) = keys(role)?;
        let ends = [until(root)?, until(role)?];
        Ok(Self {
            entity_id: entity_id.to_owned(),
            keys,
            certificates,
            sign_on: endpoints(role, "SingleSignOnService")?,
            logout: endpoints(role, "SingleLogoutService")?,
            valid_until: ends.into_iter().flatten().min(),
            signed_requests: role.boolean("WantAuthnRequestsSigned").is_ok_and(|wants| wants == Some(true)),
            decryption: AssertionDecryption::default(),
        })
    }

    /// The same, whose assertions are encrypted as `decryption` says.
    #[must_use]
    pub fn opened_by(self, decryption: AssertionDecryption) -> Self {
        Self { decryption, ..self }
    }

    /// What opens its assertions besides a key of ours for everybody.
    pub(super) fn decryption(&self) -> &AssertionDecryption {
        &self.decryption
    }

    /// Its name.
    #[must_use]
    pub fn entity_id(&self) -> &str {
        &self.entity_id
    }

    /// The keys that it signs with.
    #[must_use]
    pub fn keys(&self) -> &PinnedKeys {
        &self.keys
    }

    /// Their certificates, for people to look at.
    #[must_use]
    pub fn certificates(&self) -> Vec<Certificate> {
        // Each was pinned when it was read, so that none is left out.
        self.certificates.iter().filter_map(|der| Certificate::read(der.clone()).ok()).collect()
    }

    /// Where people sign in.
    #[must_use]
    pub fn sign_on(&self) -> &[Endpoint] {
        &self.sign_on
    }

    /// Where they sign out.
    #[must_use]
    pub fn logout(&self) -> &[Endpoint] {
        &self.logout
    }

    /// From when on this is not to be relied upon, if it says so.
    #[must_use]
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }

    /// Whether it wants requests to be signed.
    #[must_use]
    pub fn wants_signed_requests(&self) -> bool {
        self.signed_requests
    }

    /// What `newer` has otherwise besides how long it is good ([`super::another_end`]), for people to read.
    #[must_use]
    pub fn changes(&self, newer: &Self) -> Vec<String> {
        let mut changes = Changes::default();
        changes.entity_id(&self.entity_id, &newer.entity_id);
        changes.certificates("signing certificate", &self.certificates(), &newer.certificates());
        for (what, before, after) in [
            ("SingleSignOnService", &self.sign_on, &newer.sign_on),
            ("SingleLogoutService", &self.logout, &newer.logout),
        ] {
            let shown = |all: &[Endpoint]| all.iter().map(Endpoint::shown).collect();
            // The first of a kind is the one that is taken, so that the order counts, too.
            if before != after && !changes.listed(what, shown(before), shown(after)) {
                changes.say(format!("{what}: others, or in another order"));
            }
        }
        changes.flag("requests have to be signed", self.signed_requests, newer.signed_requests);
        changes.told()
    }
}

impl Endpoint {
    fn shown(&self) -> String {
        let by = self.binding.rsplit(':').next().unwrap_or_default();
        format!("{} by {by}", self.location)
    }
}

pub(super) fn unusable(element: Element<'_>, why: impl Into<String>) -> MetadataError {
    MetadataError::Unusable { place: element.path(), why: why.into() }
}

/// What it is as an identity provider of SAML 2.0: one description, so that there is one set of keys.
pub(super) fn role(root: Element<'_>) -> Result<Element<'_>, MetadataError> {
    let role = root.one(METADATA, "IDPSSODescriptor")?;
    let protocols = role.attribute("protocolSupportEnumeration").unwrap_or_default();
    if protocols.split_ascii_whitespace().any(|protocol| protocol == PROTOCOL) {
        return Ok(role);
    }
    Err(unusable(role, "it does not speak SAML 2.0 (protocolSupportEnumeration)"))
}

pub(super) fn until(element: Element<'_>) -> Result<Option<Timestamp>, MetadataError> {
    let Some(text) = element.attribute("validUntil") else { return Ok(None) };
    instant(text).map(Some).ok_or_else(|| unusable(element, "validUntil is no moment in UTC"))
}

/// The certificates for signing: those said to be, and those of which nothing is said (SAML metadata, section 2.4.1.1).
fn keys(role: Element<'_>) -> Result<(PinnedKeys, Vec<Vec<u8>>), MetadataError> {
    let (mut keys, mut certificates) = (PinnedKeys::none(), Vec::new());
    for descriptor in role.all(METADATA, "KeyDescriptor")? {
        match descriptor.attribute("use") {
            None | Some("signing") => {}
            Some("encryption") => continue,
            Some(_) => return Err(unusable(descriptor, "use has to be `signing` or `encryption`")),
        }
        for bag in descriptor.one(SIGNATURE, "KeyInfo")?.all(SIGNATURE, "X509Data")? {
            for certificate in bag.all(SIGNATURE, "X509Certificate")? {
                let digits: String = certificate.text()?.split_ascii_whitespace().collect();
                let der = STANDARD.decode(digits).map_err(|_| unusable(certificate, "it is no base64"))?;
                keys.pin(&der)?;
                if !certificates.contains(&der) {
                    certificates.push(der);
                }
            }
        }
    }
    if keys.is_empty() {
        // Never "no key, nothing to verify" (CVE-2026-28323).
        return Err(unusable(role, "there is no certificate for signing"));
    }
    Ok((keys, certificates))
}

fn endpoints(role: Element<'_>, name: &str) -> Result<Vec<Endpoint>, MetadataError> {
    let mut endpoints = Vec::new();
    for element in role.all(METADATA, name)? {
        let (binding, location) = (element.attribute("Binding"), element.attribute("Location"));
        let (Some(binding), Some(location)) = (binding, location) else {
            return Err(unusable(element, "it needs a Binding and a Location"));
        };
        let web = url::Url::parse(location).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
        if !web {
            return Err(unusable(element, "its Location is no address of the web"));
        }
        endpoints.push(Endpoint { binding: binding.to_owned(), location: location.to_owned() });
    }
    Ok(endpoints)
}
