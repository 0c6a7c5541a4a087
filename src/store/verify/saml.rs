//! The rows of SAML.

use super::{expect, plain, there};
use crate::model::saml_encryption::SealedPrivateKey;
use crate::model::saml_participation::SamlParticipations;
use crate::model::saml_sp::SpPin;
use crate::model::{SamlProvider, SamlSp, SpName};
use crate::store::schema::{saml as keys, sessions};
use crate::store::{Snapshot, execute, iam, saml};

const SHAPE: &str = "its key is not of its space's shape";

/// What does not fit about a row of this space.
pub(super) fn check(snapshot: &dyn Snapshot, key: &[u8], value: &[u8]) -> Result<(), String> {
    if keys::parse_sp(key).is_some() {
        let sp = check_sp(key, value)?;
        let found = plain(saml::sp_of(snapshot, &sp.entity_id))?;
        return expect(
            found.is_some_and(|found| found.value.name == sp.name),
            "what it calls itself does not lead to it",
        );
    }
    if keys::parse_pin(key).is_some() {
        return check_pin(key, value);
    }
    if let Some(session) = keys::parse_participations(key) {
        plain(execute::from_json::<SamlParticipations>(key, value))?;
        return expect(there(snapshot, &sessions::session(&session))?, "the session is not there");
    }
    if let Some((provider, id)) = keys::parse_provider_key(key) {
        let held = plain(execute::from_json::<SealedPrivateKey>(key, value))?;
        expect((held.provider, &held.id) == (provider, &id), "it holds the private key of another key")?;
        let provider =
            plain(iam::object::<SamlProvider>(snapshot, provider.as_bytes()))?.ok_or("its provider is not there")?;
        let known = provider.value.encryption.is_some_and(|known| known.keys.iter().any(|known| known.id == id));
        return expect(known, "its provider knows of no such key");
    }
    expect(keys::parse_sp_of(key).is_some(), SHAPE)?;
    let name = plain(execute::from_json::<SpName>(key, value))?;
    let sp = plain(saml::sp(snapshot, &name))?.ok_or("the service provider is not there")?;
    expect(keys::sp_of(&sp.value.entity_id) == key, "the service provider calls itself otherwise")
}

/// The same of a superseded row.
pub(super) fn check_past(key: &[u8], value: &[u8]) -> Result<(), String> {
    if keys::parse_pin(key).is_some() { check_pin(key, value) } else { check_sp(key, value).map(drop) }
}

fn check_pin(key: &[u8], value: &[u8]) -> Result<(), String> {
    let pin = plain(execute::from_json::<SpPin>(key, value))?;
    expect(keys::pin(&pin.name) == key, "it holds what is pinned of another service provider")
}

fn check_sp(key: &[u8], value: &[u8]) -> Result<SamlSp, String> {
    let sp = plain(execute::from_json::<SamlSp>(key, value))?;
    expect(keys::sp(&sp.name) == key, "it holds the service provider of another key")?;
    Ok(sp)
}
