//! Keys of single sign-on in words.

use super::keyed;
use crate::base::SessionId;
use crate::store::schema::sso::{self as keys, Spent};

/// The key that is spelt so.
pub(super) fn parse(space: &str, rest: &str) -> Option<Vec<u8>> {
    match space {
        "client" => Some(keys::client(&rest.parse().ok()?)),
        "authorization-code" => keyed(b'f', &[rest], 32),
        "registration-token" => Some(keys::registration_token(&rest.parse().ok()?)),
        "pushed-request" => keyed(b'6', &["01", rest], 33),
        "token-family" => keyed(b'h', &[rest], 16),
        "token-family-of" => {
            let (user, family) = rest.split_once('/')?;
            keyed(b'2', &[user, family], 32)
        }
        "over" => {
            let (at, row) = rest.split_once('/')?;
            keyed_over(at.parse().ok()?, row)
        }
        "device" => keyed(b'3', &[rest], 32),
        "device-code-of" => keyed(b'4', &[rest], 32),
        "logout-notice" => {
            let (session, client) = rest.split_once('/')?;
            let mut bytes = [0; 16];
            hex::decode_to_slice(session, &mut bytes).ok()?;
            Some(keys::notice(&SessionId::from_bytes(bytes), &client.parse().ok()?))
        }
        "logout-turn" => {
            let (at, of) = rest.split_once('/')?;
            let at: u64 = at.parse().ok()?;
            let key = [b"7".as_slice(), &at.to_be_bytes(), &hex::decode(of).ok()?].concat();
            keys::parse_turn(&key).map(|_| key)
        }
        "spent" => {
            let (kind, digest) = rest.split_once('/')?;
            let kind = Spent::ALL.into_iter().find(|spent| spent.word() == kind)?;
            keyed(b'd', &[&hex::encode([kind.byte()]), digest], 33)
        }
        _ => None,
    }
}

/// How a key is spelt.
pub(super) fn words(key: &[u8]) -> Option<String> {
    let (space, rest) = key.split_first()?;
    Some(match space {
        b'e' => format!("client/{}", keys::parse_client(key)?),
        b'f' => format!("authorization-code/{}", hex::encode(rest)),
        b'6' => match keys::parse_registration_token(key) {
            Some(name) => format!("registration-token/{name}"),
            None => format!("pushed-request/{}", hex::encode(rest.strip_prefix(&[1])?)),
        },
        b'h' => format!("token-family/{}", hex::encode(rest)),
        b'2' => {
            let (user, family) = keys::parse_family_of(key)?;
            format!("token-family-of/{}/{}", hex::encode(user.as_bytes()), hex::encode(family.as_bytes()))
        }
        b'1' => {
            let (at, row) = keys::parse_over(key)?;
            format!("over/{at}/{}", hex::encode(row))
        }
        b'3' => format!("device/{}", hex::encode(rest)),
        b'4' => format!("device-code-of/{}", hex::encode(rest)),
        b'5' => {
            let (session, client) = keys::parse_notice(key)?;
            format!("logout-notice/{}/{client}", hex::encode(session.as_bytes()))
        }
        b'7' => {
            let (at, ..) = keys::parse_turn(key)?;
            format!("logout-turn/{at}/{}", hex::encode(rest.get(8..)?))
        }
        b'd' => {
            let (kind, digest) = keys::parse_spent(key)?;
            format!("spent/{}/{}", kind.word(), hex::encode(digest))
        }
        _ => return None,
    })
}

fn keyed_over(at: u64, row: &str) -> Option<Vec<u8>> {
    Some([b"1".as_slice(), &at.to_be_bytes(), &hex::decode(row).ok()?].concat())
}
