//! Keys of SAML: service providers, and what opens the assertions of providers. The table is in [`super`].

use sha2::{Digest as _, Sha256};

use super::key;
use crate::base::{SamlProviderId, SessionId};
use crate::model::SpName;
use crate::model::saml_encryption::PrivateKeyId;

/// The kind of service providers in their space. Never renumber: it is on disk.
const SP: u8 = 1;

/// The kind of ways to them, beside them.
const SP_OF: u8 = 2;

/// The kind of places where browsers' sessions were signed in.
const SESSION: u8 = 3;

/// The kind of private keys that open assertions of providers.
const PROVIDER_KEY: u8 = 4;

/// The kind of metadata that is pinned for the configuration.
const PIN: u8 = 5;

/// Spaces whose superseded rows move into history: service providers, and what is pinned of others. An old secret that is kept is one that
/// can leak.
pub(super) fn is_historied(key: &[u8]) -> bool {
    key.starts_with(&[b'+', SP]) || key.starts_with(&[b'+', PIN])
}

/// Rows that say nothing of who may what.
pub(super) fn is_aside(key: &[u8]) -> bool {
    key.starts_with(&[b'+', SESSION])
}

/// Where a browser's session was signed in.
#[must_use]
pub fn participations(id: &SessionId) -> Vec<u8> {
    key(b'+', &[&[SESSION], id.as_bytes()])
}

/// The session of such a key.
#[must_use]
pub fn parse_participations(key: &[u8]) -> Option<SessionId> {
    Some(SessionId::from_bytes(key.strip_prefix(&[b'+', SESSION])?.try_into().ok()?))
}

/// A service provider.
#[must_use]
pub fn sp(name: &SpName) -> Vec<u8> {
    key(b'+', &[&[SP], name.as_str().as_bytes()])
}

/// Prefix of all service providers.
#[must_use]
pub fn sps() -> Vec<u8> {
    key(b'+', &[&[SP]])
}

/// The service provider of such a key.
#[must_use]
pub fn parse_sp(key: &[u8]) -> Option<SpName> {
    std::str::from_utf8(key.strip_prefix(&[b'+', SP])?).ok()?.parse().ok()
}

/// Metadata that is pinned for the section of this name.
#[must_use]
pub fn pin(name: &SpName) -> Vec<u8> {
    key(b'+', &[&[PIN], name.as_str().as_bytes()])
}

/// The service provider of such a key.
#[must_use]
pub fn parse_pin(key: &[u8]) -> Option<SpName> {
    std::str::from_utf8(key.strip_prefix(&[b'+', PIN])?).ok()?.parse().ok()
}

/// Which service provider calls itself so: by the digest of that, which may be long.
#[must_use]
pub fn sp_of(entity_id: &str) -> Vec<u8> {
    key(b'+', &[&[SP_OF], &Sha256::digest(entity_id)])
}

/// The digest in such a key.
#[must_use]
pub fn parse_sp_of(key: &[u8]) -> Option<[u8; 32]> {
    key.strip_prefix(&[b'+', SP_OF])?.try_into().ok()
}

/// A private key that opens assertions of a provider.
#[must_use]
pub fn provider_key(provider: &SamlProviderId, id: &PrivateKeyId) -> Vec<u8> {
    key(b'+', &[&[PROVIDER_KEY], provider.as_bytes(), id.as_str().as_bytes()])
}

/// Prefix of those of a provider.
#[must_use]
pub fn provider_keys_of(provider: &SamlProviderId) -> Vec<u8> {
    key(b'+', &[&[PROVIDER_KEY], provider.as_bytes()])
}

/// Prefix of those of all providers.
#[must_use]
pub fn provider_keys() -> Vec<u8> {
    key(b'+', &[&[PROVIDER_KEY]])
}

/// Provider and id of such a key.
#[must_use]
pub fn parse_provider_key(key: &[u8]) -> Option<(SamlProviderId, PrivateKeyId)> {
    let (provider, id) = key.strip_prefix(&[b'+', PROVIDER_KEY])?.split_first_chunk::<16>()?;
    Some((SamlProviderId::from_bytes(*provider), std::str::from_utf8(id).ok()?.parse().ok()?))
}
