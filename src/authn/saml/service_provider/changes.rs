//! What newer metadata of a service provider has otherwise.

use super::{Acs, EncryptionKey, Logout, LogoutBinding, SpMetadata};
use crate::base::text::printable;
use crate::saml_xml::Certificate;

impl SpMetadata {
    /// What `newer` has otherwise, for people to read; nothing, if it differs in how long it is good alone. Everything else would
    /// send assertions elsewhere, to other keys, or have them asked for by others, and is for an administrator to say yes to.
    #[must_use]
    pub fn changes(&self, newer: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        if self.entity_id != newer.entity_id {
            changes.push(format!(
                "entityID: `{}` becomes `{}`",
                printable(&self.entity_id),
                printable(&newer.entity_id)
            ));
        }
        for (what, before, after) in [
            ("requests are signed", self.requests_signed, newer.requests_signed),
            ("assertions have to be signed", self.wants_assertions_signed, newer.wants_assertions_signed),
        ] {
            if before != after {
                changes.push(format!("{what}: {before} becomes {after}"));
            }
        }
        let signing = |of: &Self| of.signing.iter().map(shown).collect();
        compare("signing certificate", signing(self), signing(newer), &mut changes);
        let encryption = |of: &Self| of.encryption.iter().map(EncryptionKey::shown).collect();
        compare("encryption certificate", encryption(self), encryption(newer), &mut changes);
        let acs = |of: &Self| of.acs.iter().map(Acs::shown).collect();
        compare("AssertionConsumerService", acs(self), acs(newer), &mut changes);
        if changes.is_empty() && self.default_acs() != newer.default_acs() {
            changes.push("AssertionConsumerService: another one is the default".to_owned());
        }
        let logout = |of: &Self| of.logout.iter().map(Logout::shown).collect();
        compare("SingleLogoutService", logout(self), logout(newer), &mut changes);
        compare("NameIDFormat", self.name_id_formats.clone(), newer.name_id_formats.clone(), &mut changes);
        changes
    }
}

fn shown(certificate: &Certificate) -> String {
    format!("{} (SHA-256 {})", certificate.subject, certificate.fingerprint)
}

impl EncryptionKey {
    fn shown(&self) -> String {
        let methods = if self.methods.is_empty() { String::new() } else { format!(" for {}", self.methods.join(", ")) };
        format!("{}{methods}", shown(&self.certificate))
    }
}

impl Acs {
    fn shown(&self) -> String {
        match self.index {
            Some(index) => format!("{} (index {index})", self.location),
            None => self.location.clone(),
        }
    }
}

impl Logout {
    fn shown(&self) -> String {
        let by = if self.binding == LogoutBinding::Post { "POST" } else { "Redirect" };
        match &self.response_location {
            Some(answers) => format!("{} by {by}, answers to {answers}", self.location),
            None => format!("{} by {by}", self.location),
        }
    }
}

/// Notes what is there in one of two lists alone.
fn compare(what: &str, before: Vec<String>, after: Vec<String>, changes: &mut Vec<String>) {
    let gone = before.iter().filter(|one| !after.contains(one)).map(|one| format!("{what} goes: {}", printable(one)));
    changes.extend(gone);
    let new = after.iter().filter(|one| !before.contains(one)).map(|one| format!("{what} comes: {}", printable(one)));
    changes.extend(new);
}
