//! Keys of SAML in words.

use crate::store::schema::saml as keys;

/// The words that such keys begin with.
pub(super) const SPACES: [&str; 5] = ["saml-sp", "saml-sp-of", "saml-sp-pin", "saml-sessions", "saml-provider-key"];

/// The key that is spelt so.
pub(super) fn parse(space: &str, rest: &str) -> Option<Vec<u8>> {
    match space {
        "saml-sp" => Some(keys::sp(&rest.parse().ok()?)),
        "saml-sp-pin" => Some(keys::pin(&rest.parse().ok()?)),
        "saml-sp-of" => {
            let key = [b"+\x02".as_slice(), &hex::decode(rest).ok()?].concat();
            keys::parse_sp_of(&key).map(|_| key)
        }
        "saml-sessions" => {
            let key = [b"+\x03".as_slice(), &hex::decode(rest).ok()?].concat();
            keys::parse_participations(&key).map(|_| key)
        }
        "saml-provider-key" => {
            let (provider, id) = rest.split_once('/')?;
            let key = [b"+\x04".as_slice(), &hex::decode(provider).ok()?, id.as_bytes()].concat();
            keys::parse_provider_key(&key).map(|_| key)
        }
        _ => None,
    }
}

/// How a key is spelt.
pub(super) fn words(key: &[u8]) -> Option<String> {
    if let Some(digest) = keys::parse_sp_of(key) {
        return Some(format!("saml-sp-of/{}", hex::encode(digest)));
    }
    if let Some(session) = keys::parse_participations(key) {
        return Some(format!("saml-sessions/{}", hex::encode(session.as_bytes())));
    }
    if let Some((provider, id)) = keys::parse_provider_key(key) {
        return Some(format!("saml-provider-key/{provider}/{id}"));
    }
    if let Some(name) = keys::parse_pin(key) {
        return Some(format!("saml-sp-pin/{name}"));
    }
    keys::parse_sp(key).map(|name| format!("saml-sp/{name}"))
}
