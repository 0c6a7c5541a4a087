//! Who we are to service providers (SAML metadata, section 2.4.3): names, keys and addresses, signed.

use super::response::signed;
use super::{SamlError, Sso, paths};
use crate::admin::saml_sps::idp::Idp;
use crate::base::{Faulty as _, Timestamp};
use crate::model::saml_sp::NameId;
use crate::saml_xml::{HTTP_POST, HTTP_REDIRECT, Node, PROTOCOL, key_info};

/// Service providers that read it again do so within a day; it says nothing of an end, since those that have it typed in never do.
const CACHED: &str = "P1D";

impl Sso {
    /// The part of our metadata that is typed into applications that do not read it.
    #[must_use]
    pub fn saml_idp(&self) -> Idp {
        Idp {
            entity_id: self.saml_entity_id(),
            sign_on: self.issuer.at(paths::SIGN_ON),
            sign_out: self.issuer.at(paths::SIGN_OUT),
        }
    }

    /// Our metadata, with every key by which messages of ours may be verified: the one that signs first.
    ///
    /// # Errors
    /// When there is no key yet.
    pub fn saml_metadata(&self, now: Timestamp) -> Result<String, SamlError> {
        // Anybody may ask, so it is not told to the log; that there is no key, the daemon says there itself.
        let signer = self.admin.keys.saml_signer(now).map_err(|error| SamlError::Ours(error.fault()))?;
        let others = self.admin.keys.saml_keys(now).into_iter().map(|key| key.certificate);
        let others = others.filter(|certificate| **certificate != *signer.certificate());
        let certificates = [signer.certificate().into()].into_iter().chain(others);
        let keys = certificates.map(|certificate: std::sync::Arc<[u8]>| {
            Node::new("md:KeyDescriptor").with("use", "signing").child(key_info(&certificate))
        });
        let at =
            |name, binding: &str, path| Node::new(name).with("Binding", binding).with("Location", self.issuer.at(path));
        let formats =
            [NameId::Persistent.format(), NameId::Transient.format(), NameId::EMAIL_FORMAT, NameId::ANY_FORMAT];
        let role = Node::new("md:IDPSSODescriptor")
            .with("protocolSupportEnumeration", PROTOCOL)
            .with("WantAuthnRequestsSigned", "false")
            .children(keys)
            .child(at("md:SingleLogoutService", HTTP_REDIRECT, paths::SIGN_OUT))
            .child(at("md:SingleLogoutService", HTTP_POST, paths::SIGN_OUT))
            .children(formats.map(|format| Node::text("md:NameIDFormat", format)))
            .child(at("md:SingleSignOnService", HTTP_REDIRECT, paths::SIGN_ON))
            .child(at("md:SingleSignOnService", HTTP_POST, paths::SIGN_ON));
        let entity = Node::new("md:EntityDescriptor")
            .with("ID", self.saml_id())
            .with("entityID", self.saml_entity_id())
            .with("cacheDuration", CACHED)
            .child(role);
        Ok(signed(&signer, entity)?.render())
    }
}
