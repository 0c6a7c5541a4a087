//! The rows of grants and engagements. Whose they are and of which role may be gone: they count for nothing then.

use super::{expect, plain, there};
use crate::base::Timestamp;
use crate::model::{Engagement, Grant, Invitation, OutsideIdentity};
use crate::store::schema::grants as keys;
use crate::store::{Snapshot, execute, grants};

const SHAPE: &str = "its key is not of its space's shape";

/// What does not fit about a row of these spaces.
pub(super) fn check(snapshot: &dyn Snapshot, key: &[u8], value: &[u8]) -> Result<(), String> {
    match key.first() {
        Some(b'l') if keys::parse_engagement(key).is_some() => {
            let engagement = check_engagement(key, value)?;
            for person in &engagement.people {
                expect(there(snapshot, &keys::engaged(person, &engagement.id))?, "a way to it is missing")?;
            }
            Ok(())
        }
        Some(b'l') if keys::parse_waiting(key).is_some() => {
            let id = keys::parse_waiting(key).ok_or(SHAPE)?;
            leads(snapshot, key, &id)
        }
        Some(b'l') if keys::parse_invitation(key).is_some() => {
            let invitation = plain(execute::from_json::<Invitation>(key, value))?;
            expect(keys::invitation(&invitation.person) == key, "it holds the invitation of another key")?;
            let way = keys::engaged(&invitation.person, &invitation.engagement);
            expect(there(snapshot, &way)?, "who is invited is none of the engagement's people")
        }
        Some(b'l') if keys::parse_outside_identity(key).is_some() => {
            let held = plain(execute::from_json::<OutsideIdentity>(key, value))?;
            let digest = OutsideIdentity::digest(&held.issuer, &held.subject);
            expect(keys::outside_identity(&digest) == key, "it holds the identity of another key")?;
            expect(there(snapshot, &keys::outside_identity_of(&held.person, &digest))?, "the way to it is missing")
        }
        Some(b'l') if keys::parse_outside_identity_of(key).is_some() => {
            let (_, digest) = keys::parse_outside_identity_of(key).ok_or(SHAPE)?;
            expect(there(snapshot, &keys::outside_identity(&digest))?, "the identity is not there")
        }
        Some(b'l') if keys::parse_ended_grant_of(key).is_some() => {
            let (_, _, id) = keys::parse_ended_grant_of(key).ok_or(SHAPE)?;
            let grant = plain(grants::grant(snapshot, &id))?.ok_or("the grant is not there")?;
            expect(grants::way_of_ended(&grant.value).as_deref() == Some(key), "it is no way to the grant it names")
        }
        Some(b'l') if keys::parse_review(key).is_some() => {
            let (_, id) = keys::parse_review(key).ok_or(SHAPE)?;
            when_told(key, value)?;
            leads(snapshot, key, &id)
        }
        Some(b'l') => {
            let (person, id) = keys::parse_engaged(key).ok_or(SHAPE)?;
            let _ = person;
            expect(plain(grants::engagement(snapshot, &id))?.is_some(), "the engagement is not there")
        }
        Some(b'8') => {
            let grant = check_grant(key, value)?;
            for way in grants::ways(&grant) {
                expect(there(snapshot, &way)?, "a way to it is missing")?;
            }
            Ok(())
        }
        Some(b'9') => {
            let (_, _, id) = keys::parse_open_grant_of(key).ok_or(SHAPE)?;
            leads(snapshot, key, &id)
        }
        _ => {
            let (_, id) = keys::parse_due(key).ok_or(SHAPE)?;
            when_told(key, value)?;
            leads(snapshot, key, &id)
        }
    }
}

/// The same of a superseded row.
pub(super) fn check_engagement(key: &[u8], value: &[u8]) -> Result<Engagement, String> {
    let engagement = plain(execute::from_json::<Engagement>(key, value))?;
    expect(keys::engagement(&engagement.id) == key, "it holds the engagement of another key")?;
    Ok(engagement)
}

/// The same of a superseded row.
pub(super) fn check_grant(key: &[u8], value: &[u8]) -> Result<Grant, String> {
    let grant = plain(execute::from_json::<Grant>(key, value))?;
    expect(keys::grant(&grant.id) == key, "it holds the grant of another key")?;
    Ok(grant)
}

/// What lies there: nothing, or when somebody was told.
fn when_told(key: &[u8], value: &[u8]) -> Result<(), String> {
    if value.is_empty() { Ok(()) } else { plain(execute::from_json::<Timestamp>(key, value)).map(drop) }
}

fn leads(snapshot: &dyn Snapshot, key: &[u8], id: &crate::base::GrantId) -> Result<(), String> {
    let grant = plain(grants::grant(snapshot, id))?.ok_or("the grant is not there")?;
    expect(grants::ways(&grant.value).iter().any(|way| way == key), "it is no way to the grant it names")
}
