//! Which domain controller this is, which life of its database, and how far it has come.

use std::time::Duration;

use jiff::SignedDuration;

use super::super::filter::{Attribute, Filter};
use super::super::ldap::{Connection, Question, extension};
use super::super::root_dse::RootDse;
use super::super::{DirectoryError, Dn};
use crate::base::Timestamp;

/// Tombstones are kept this long where the forest says nothing else (MS-ADTS 6.1.1.2.4.1.1), in days.
const TOMBSTONE_DAYS: u64 = 60;

/// Update sequence numbers looked at for having been given out twice: below the 1,000 entries a server sends without paging.
const LOOKED_AT: u64 = 900;

/// Times of changes are whole seconds, and a controller may look at its clock a moment before it looks at its numbers: so
/// much later a change may seem than the moment at which it was known. Nobody puts a server back within it.
const TICK: SignedDuration = SignedDuration::from_secs(1);

/// A domain controller as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Controller {
    /// The DN of its NTDS Settings, normalised.
    pub(super) service: String,
    /// Drawn anew whenever its database is put back from a backup by the book.
    pub(super) invocation: String,
    /// Its highest update sequence number. One put back as a disk image counts from an earlier one again.
    pub(super) usn: u64,
    /// Its clock.
    pub(super) time: Timestamp,
    /// How long deletions can be told.
    pub(super) tombstones: Duration,
}

impl Controller {
    /// Asks the server at the other end; `None` when it does not say all that is needed to recognise it again.
    pub(super) async fn meet(connection: &mut Connection, root: &RootDse) -> Result<Option<Self>, DirectoryError> {
        let (Some(service), Some(usn), Some(configuration)) = (&root.ds_service, root.highest_usn, &root.configuration)
        else {
            return Ok(None);
        };
        let Some(time) = Self::clock(root) else { return Ok(None) };
        let question = Question::entry(service, &["invocationId"]);
        let (entries, _) = connection.search(&question).await?.all().await?;
        let invocation = entries.first().and_then(|entry| entry.values("invocationId").first().map(hex::encode));
        let Some(invocation) = invocation.filter(|id| id.len() == 32) else { return Ok(None) };
        let tombstones = tombstone_lifetime(connection, configuration).await?;
        let service = service.parse::<Dn>().map_or_else(|_| service.clone(), |dn| dn.normalised());
        Ok(Some(Self { service, invocation, usn, time, tombstones }))
    }

    /// The time by the server's clock.
    pub(super) fn clock(root: &RootDse) -> Option<Timestamp> {
        root.current_time.as_deref().and_then(generalized_time)
    }
}

/// True when `server` gave out update sequence numbers up to `usn` once more after `time`: it was put back from a disk image
/// and has already counted past where it was. The numbers alone then look as if nothing had happened, but what carries them
/// was changed later than they were known (the "USN rollback" of Microsoft's KB 875495).
///
/// Looks at the last [`LOOKED_AT`] numbers; those are the ones given out last, and `uSNChanged` is indexed.
pub(super) async fn counted_twice(
    connection: &mut Connection,
    contexts: &[Dn],
    usn: u64,
    time: Timestamp,
) -> Result<bool, DirectoryError> {
    let Ok(changed) = "uSNChanged".parse::<Attribute>() else { return Ok(false) };
    let first = usn.saturating_sub(LOOKED_AT);
    let filter = Filter::And(vec![
        Filter::GreaterOrEqual(changed.clone(), first.to_string().into_bytes()),
        Filter::LessOrEqual(changed, usn.to_string().into_bytes()),
    ]);
    for context in contexts {
        let question = Question::below(context, filter.clone(), vec!["whenChanged".to_owned()].into());
        let (entries, outcome) = connection.search(&question.with(extension::show_deleted())).await?.all().await?;
        // A limit of the server cuts it short (4); what came says enough.
        if outcome.code != 4 {
            outcome.success(connection.server(), "the look at its last updates")?;
        }
        let later = entries.iter().any(|entry| {
            let text = entry.values("whenChanged").first().and_then(|value| std::str::from_utf8(value).ok());
            text.and_then(generalized_time).is_some_and(|changed| changed.duration_since(time) > TICK)
        });
        if later {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How long the forest keeps tombstones.
async fn tombstone_lifetime(connection: &mut Connection, configuration: &Dn) -> Result<Duration, DirectoryError> {
    let object = format!("CN=Directory Service,CN=Windows NT,CN=Services,{configuration}");
    let (entries, _) = connection.search(&Question::entry(&object, &["tombstoneLifetime"])).await?.all().await?;
    let value = entries.first().and_then(|entry| entry.values("tombstoneLifetime").first());
    let days = value.and_then(|value| std::str::from_utf8(value).ok()).and_then(|days| days.parse().ok());
    Ok(Duration::from_secs(days.unwrap_or(TOMBSTONE_DAYS).saturating_mul(86_400)))
}

/// `20261123213400.0Z`, as domain controllers write it.
fn generalized_time(text: &str) -> Option<Timestamp> {
    let civil = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", text.get(..14)?).ok()?;
    jiff::tz::Offset::UTC.to_timestamp(civil).ok().filter(|_| text.ends_with('Z'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_controller_is_read() {
        assert_eq!(generalized_time("20261123213400.0Z"), Some("2026-11-23T21:34:00Z".parse().unwrap()));
        for other in ["", "2026", "20261123213400.0+0100", "20269923213400.0Z"] {
            assert_eq!(generalized_time(other), None, "{other}");
        }
    }
}
