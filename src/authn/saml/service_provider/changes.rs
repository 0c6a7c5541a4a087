//! What newer metadata of a service provider has otherwise.

use super::super::changes::{Changes, shown};
use super::{Acs, EncryptionKey, Logout, LogoutBinding, SpMetadata};

impl SpMetadata {
    /// What `newer` has otherwise, for people to read; nothing, if it differs in how long it is good alone. Everything else would
    /// send assertions elsewhere, to other keys, or have them asked for by others, and is for an administrator to say yes to.
    #[must_use]
    pub fn changes(&self, newer: &Self) -> Vec<String> {
        let mut changes = Changes::default();
        changes.entity_id(&self.entity_id, &newer.entity_id);
        changes.flag("requests are signed", self.requests_signed, newer.requests_signed);
        changes.flag("assertions have to be signed", self.wants_assertions_signed, newer.wants_assertions_signed);
        changes.certificates("signing certificate", &self.signing, &newer.signing);
        let encryption = |of: &Self| of.encryption.iter().map(EncryptionKey::shown).collect();
        changes.listed("encryption certificate", encryption(self), encryption(newer));
        let acs = |of: &Self| of.acs.iter().map(Acs::shown).collect();
        changes.listed("AssertionConsumerService", acs(self), acs(newer));
        if changes.is_empty() && self.default_acs() != newer.default_acs() {
            changes.say("AssertionConsumerService: another one is the default".to_owned());
        }
        let logout = |of: &Self| of.logout.iter().map(Logout::shown).collect();
        changes.listed("SingleLogoutService", logout(self), logout(newer));
        changes.listed("NameIDFormat", self.name_id_formats.clone(), newer.name_id_formats.clone());
        changes.told()
    }
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
