//! Keys of SAML in words.

use crate::store::schema::saml as keys;

/// The words that such keys begin with.
pub(super) const SPACES: [&str; 3] = ["saml-sp", "saml-sp-of", "saml-sessions"];

/// The key that is spelt so.
pub(super) fn parse(space: &str, rest: &str) -> Option<Vec<u8>> {
    match space {
        "saml-sp" => Some(keys::sp(&rest.parse().ok()?)),
        "saml-sp-of" => {
            let key = [b"+\x02".as_slice(), &hex::decode(rest).ok()?].concat();
            keys::parse_sp_of(&key).map(|_| key)
        }
        "saml-sessions" => {
            let key = [b"+\x03".as_slice(), &hex::decode(rest).ok()?].concat();
            keys::parse_participations(&key).map(|_| key)
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
    keys::parse_sp(key).map(|name| format!("saml-sp/{name}"))
}
