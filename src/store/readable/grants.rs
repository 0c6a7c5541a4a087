//! Keys of grants and engagements in words.

use super::keyed;
use crate::store::schema::grants as keys;

/// The words that they begin with.
pub(super) const SPACES: [&str; 11] = [
    "engagement",
    "engagement-of",
    "invitation",
    "outside-identity",
    "outside-identity-of",
    "grant",
    "grant-waiting",
    "review-due",
    "open-grant-of",
    "ended-grant-of",
    "grant-due",
];

/// The key that is spelt so.
pub(super) fn parse(space: &str, rest: &str) -> Option<Vec<u8>> {
    match space {
        "engagement" => keyed(b'l', &["01", rest], 17),
        "engagement-of" => {
            let (person, engagement) = rest.split_once('/')?;
            keyed(b'l', &["02", person, engagement], 33)
        }
        "invitation" => keyed(b'l', &["04", rest], 17),
        "outside-identity" => keyed(b'l', &["08", rest], 33),
        "outside-identity-of" => {
            let (person, digest) = rest.split_once('/')?;
            keyed(b'l', &["09", person, digest], 49)
        }
        "ended-grant-of" => {
            let mut parts = rest.split('/');
            let (person, second, grant) = (parts.next()?, parts.next()?, parts.next()?);
            let left = format!("{:016x}", u64::MAX - second.parse::<u64>().ok()?);
            keyed(b'l', &["07", person, &left, grant], 41).filter(|_| parts.next().is_none())
        }
        "grant-waiting" => keyed(b'l', &["03", rest], 17),
        "review-due" => {
            let (second, grant) = rest.split_once('/')?;
            keyed(b'l', &["05", &format!("{:016x}", second.parse::<u64>().ok()?), grant], 25)
        }
        "grant" => keyed(b'8', &[rest], 16),
        "open-grant-of" => keyed(b'9', &rest.split('/').collect::<Vec<_>>(), 48),
        _ => {
            let (second, grant) = rest.split_once('/')?;
            keyed(b'0', &[&format!("{:016x}", second.parse::<u64>().ok()?), grant], 24)
        }
    }
}

/// How a key is spelt.
pub(super) fn words(key: &[u8]) -> Option<String> {
    Some(match key.first()? {
        b'l' => match keys::parse_engagement(key) {
            Some(engagement) => format!("engagement/{engagement}"),
            None if keys::parse_waiting(key).is_some() => format!("grant-waiting/{}", keys::parse_waiting(key)?),
            None if keys::parse_outside_identity(key).is_some() => {
                format!("outside-identity/{}", hex::encode(keys::parse_outside_identity(key)?))
            }
            None if keys::parse_outside_identity_of(key).is_some() => {
                let (person, digest) = keys::parse_outside_identity_of(key)?;
                format!("outside-identity-of/{person}/{}", hex::encode(digest))
            }
            None if keys::parse_invitation(key).is_some() => format!("invitation/{}", keys::parse_invitation(key)?),
            None if keys::parse_ended_grant_of(key).is_some() => {
                let (person, second, grant) = keys::parse_ended_grant_of(key)?;
                format!("ended-grant-of/{person}/{second}/{grant}")
            }
            None if keys::parse_review(key).is_some() => {
                let (second, grant) = keys::parse_review(key)?;
                format!("review-due/{second}/{grant}")
            }
            None => {
                let (person, engagement) = keys::parse_engaged(key)?;
                format!("engagement-of/{person}/{engagement}")
            }
        },
        b'8' => format!("grant/{}", hex::encode(key.get(1..)?)),
        b'9' => {
            let (person, role, grant) = keys::parse_open_grant_of(key)?;
            format!("open-grant-of/{person}/{role}/{grant}")
        }
        _ => {
            let (second, grant) = keys::parse_due(key)?;
            format!("grant-due/{second}/{grant}")
        }
    })
}
