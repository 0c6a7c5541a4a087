//! The rows of single sign-on.

use super::{expect, plain};
use crate::base::Timestamp;
use crate::model::Client;
use crate::model::token_family::{Code, Family};
use crate::store::execute;
use crate::store::schema::sso as keys;

const SHAPE: &str = "its key is not of its space's shape";

/// What does not fit about a row of these spaces. Whom it is of may be gone: it counts for nothing then.
pub(super) fn check(key: &[u8], value: &[u8]) -> Result<(), String> {
    match key.first() {
        Some(b'e') => check_client(key, value),
        Some(b'f') => {
            plain(execute::from_json::<Code>(key, value))?;
            expect(key.len() == 33, SHAPE)
        }
        Some(b'h') => {
            let family = plain(execute::from_json::<Family>(key, value))?;
            expect(keys::family(&family.id) == key, "it holds the family of another key")
        }
        _ => {
            plain(execute::from_json::<Timestamp>(key, value))?;
            expect(keys::parse_spent(key).is_some(), SHAPE)
        }
    }
}

/// The same of a superseded row.
pub(super) fn check_client(key: &[u8], value: &[u8]) -> Result<(), String> {
    let client = plain(execute::from_json::<Client>(key, value))?;
    expect(keys::client(&client.id) == key, "it holds the client of another key")
}
