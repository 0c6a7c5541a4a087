//! The rows of single sign-on.

use super::{expect, plain, there};
use crate::base::Timestamp;
use crate::model::Client;
use crate::model::client::RegistrationToken;
use crate::model::device_grant::DeviceGrant;
use crate::model::logout_notice::LogoutNotice;
use crate::model::token_family::{Code, Family, PushedRequest};
use crate::store::schema::sso as keys;
use crate::store::sso::UserCodeRow;
use crate::store::{Snapshot, execute, sso};

const SHAPE: &str = "its key is not of its space's shape";

/// What does not fit about a row of these spaces. Whom it is of may be gone: it counts for nothing then.
pub(super) fn check(snapshot: &dyn Snapshot, key: &[u8], value: &[u8]) -> Result<(), String> {
    let ends = |at| expect(there(snapshot, &keys::over(at, key))?, "it would never be forgotten");
    match key.first() {
        Some(b'e') => check_client(key, value),
        Some(b'f') => {
            let code = plain(execute::from_json::<Code>(key, value))?;
            expect(key.len() == 33, SHAPE)?;
            ends(code.expires)
        }
        Some(b'3') => {
            plain(execute::from_json::<DeviceGrant>(key, value))?;
            expect(key.len() == 33, SHAPE)
        }
        Some(b'4') => {
            plain(execute::from_json::<UserCodeRow>(key, value))?;
            expect(key.len() == 33, SHAPE)
        }
        Some(b'5') => {
            let notice = plain(execute::from_json::<LogoutNotice>(key, value))?;
            expect(keys::notice(&notice.session, &notice.client) == key, "it is of another session or client")?;
            expect(there(snapshot, &keys::turn(notice.turn(), key))?, "nobody would look at it")
        }
        // What it leads to may be another's turn since, or gone: then it leads to nothing.
        Some(b'7') => expect(keys::parse_turn(key).is_some(), SHAPE),
        Some(b'h') => {
            let family = plain(execute::from_json::<Family>(key, value))?;
            expect(keys::family(&family.id) == key, "it holds the family of another key")?;
            let way = keys::family_of(&family.consent.user, &family.id);
            expect(there(snapshot, &way)?, "whose it is does not lead to it")?;
            ends(family.expires)
        }
        Some(b'6') if keys::parse_registration_token(key).is_some() => {
            let token = plain(execute::from_json::<RegistrationToken>(key, value))?;
            expect(keys::registration_token(&token.name) == key, "it holds the token of another key")
        }
        Some(b'6') => {
            plain(execute::from_json::<PushedRequest>(key, value))?;
            expect(key.len() == 34, SHAPE)
        }
        Some(b'1') => {
            let (_, row) = keys::parse_over(key).ok_or(SHAPE)?;
            expect(there(snapshot, row)?, "what it is about is not there")
        }
        Some(b'2') => {
            let (user, id) = keys::parse_family_of(key).ok_or(SHAPE)?;
            let family = plain(sso::family(snapshot, &id))?.ok_or("the family is not there")?;
            expect(family.value.consent.user == user, "the family is somebody else's")
        }
        _ => {
            let until = plain(execute::from_json::<Timestamp>(key, value))?;
            expect(keys::parse_spent(key).is_some(), SHAPE)?;
            ends(until)
        }
    }
}

/// The same of a superseded row.
pub(super) fn check_client(key: &[u8], value: &[u8]) -> Result<(), String> {
    let client = plain(execute::from_json::<Client>(key, value))?;
    expect(keys::client(&client.id) == key, "it holds the client of another key")
}
