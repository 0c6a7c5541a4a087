//! How directories are doing, in `bailey sync status` and `bailey directory list`.

use super::Exit;
use super::output::{Column, Format, moment};
use super::progress::span;
use super::session::Session;
use crate::admin::syncs::{FollowedTo, SyncStatus};
use crate::base::text::printable;

const FULL: &[Column<SyncStatus>] = &[
    Column { title: "directory", cell: |status| status.directory.to_string() },
    Column { title: "health", cell: |status| word(&status.health) },
    Column { title: "why not green", cell: |status| status.reasons.join("; ") },
    Column { title: "doing", cell: doing },
    Column { title: "follows by", cell: method },
    Column { title: "follows", cell: |status| of_cursor(status, |cursor| cursor.server.clone()) },
    Column { title: "position", cell: |status| of_cursor(status, position) },
    Column { title: "lag", cell: lag },
    Column { title: "last read from", cell: |status| status.server.clone().unwrap_or_default() },
    Column { title: "last contact", cell: |status| status.last_contact.map(moment).unwrap_or_default() },
    Column { title: "last full read", cell: |status| status.last_full.map(moment).unwrap_or_default() },
    Column { title: "last change", cell: |status| status.last_change.map(moment).unwrap_or_default() },
    Column { title: "users", cell: |status| status.totals.users.to_string() },
    Column { title: "groups", cell: |status| status.totals.groups.to_string() },
    Column { title: "resources", cell: |status| status.totals.resources.to_string() },
    Column { title: "memberships", cell: |status| status.totals.memberships.to_string() },
    Column { title: "held", cell: |status| status.held.to_string() },
    Column { title: "skipped", cell: |status| status.skipped.count.to_string() },
];

/// Few enough for a terminal of eighty columns; `sync status` has the rest.
const LIST: &[Column<SyncStatus>] = &[
    Column { title: "directory", cell: |status| status.directory.to_string() },
    Column { title: "health", cell: |status| word(&status.health) },
    Column { title: "doing", cell: doing },
    Column { title: "method", cell: |status| status.method.map_or_else(String::new, |by| by.as_str().to_owned()) },
    Column { title: "server", cell: server },
    Column { title: "as of", cell: as_of },
    Column { title: "users", cell: |status| status.totals.users.to_string() },
    Column { title: "groups", cell: |status| status.totals.groups.to_string() },
    Column { title: "held", cell: |status| unless_zero(status.held) },
];

/// Prints everything about each directory, a line a field.
///
/// # Errors
/// When the operation fails.
pub async fn full(session: &mut Session) -> anyhow::Result<Exit> {
    let statuses: Vec<SyncStatus> = session.client.get("/v1/sync").await?;
    if session.output.format() == Format::Json {
        session.output.json(&statuses)?;
        return Ok(Exit::Done);
    }
    for (n, status) in statuses.iter().enumerate() {
        if n > 0 {
            session.output.sentence("")?;
        }
        session.output.record(status, FULL)?;
        for skipped in &status.skipped.first {
            session.output.sentence(&format!("  skipped {}: {}", printable(&skipped.dn), printable(&skipped.why)))?;
        }
    }
    Ok(Exit::Done)
}

/// Prints a line for each directory, and below why one is not green.
///
/// # Errors
/// When the operation fails.
pub async fn list(session: &mut Session) -> anyhow::Result<Exit> {
    let statuses: Vec<SyncStatus> = session.client.get("/v1/directories").await?;
    session.output.listing(&statuses, &telling(&statuses, LIST))?;
    for status in statuses.iter().filter(|status| !status.reasons.is_empty()) {
        let reasons = status.reasons.join("; ");
        session.output.sentence(&format!(
            "{} is {}: {}",
            status.directory,
            word(&status.health),
            printable(&reasons)
        ))?;
    }
    Ok(Exit::Done)
}

/// Those of `columns` in which there is something for at least one.
fn telling(statuses: &[SyncStatus], columns: &[Column<SyncStatus>]) -> Vec<Column<SyncStatus>> {
    let tells = |column: &&Column<SyncStatus>| statuses.iter().any(|status| !(column.cell)(status).is_empty());
    columns.iter().filter(tells).copied().collect()
}

fn doing(status: &SyncStatus) -> String {
    status.phase.as_ref().map_or_else(|| "not configured".to_owned(), word)
}

fn method(status: &SyncStatus) -> String {
    let Some(method) = status.method else { return String::new() };
    let blind = if status.sees_deletions == Some(false) { ", deletions not seen" } else { "" };
    format!("{}{blind}", method.as_str())
}

/// The server that is followed, or else the one last read from; without what all have in common.
fn server(status: &SyncStatus) -> String {
    let followed = status.cursor.as_ref().map(|cursor| &cursor.server);
    let url = followed.or(status.server.as_ref()).map_or("", String::as_str);
    url.strip_prefix("ldaps://").unwrap_or(url).to_owned()
}

/// From when what is known of the directory is: how long ago, or, where it is not followed, the last contact.
fn as_of(status: &SyncStatus) -> String {
    let lag = status.cursor.as_ref().and_then(|cursor| cursor.lag_seconds);
    let contact = || status.last_contact.map(moment).unwrap_or_default();
    lag.map_or_else(contact, |seconds| format!("{} ago", span(seconds)))
}

fn of_cursor(status: &SyncStatus, word: fn(&FollowedTo) -> String) -> String {
    status.cursor.as_ref().map(word).unwrap_or_default()
}

/// `update 4711 of 4711`: ours, of the server's.
fn position(cursor: &FollowedTo) -> String {
    match (&cursor.position, &cursor.highest) {
        (Some(ours), Some(highest)) => {
            // Both are said in the server's own words, which need not be said twice.
            let shared = ours.split_once(' ').filter(|(unit, _)| highest.starts_with(&format!("{unit} ")));
            let highest = shared.and_then(|(unit, _)| highest.get(unit.len() + 1..)).unwrap_or(highest);
            format!("{ours} of {highest}")
        }
        (Some(ours), None) => ours.clone(),
        (None, _) => String::new(),
    }
}

/// Since when something may have happened that is unknown here.
fn lag(status: &SyncStatus) -> String {
    let Some(FollowedTo { lag_seconds: Some(seconds), position, highest, .. }) = &status.cursor else {
        return String::new();
    };
    let ago = span(*seconds);
    match (position, highest) {
        // A server that pushes says nothing while nothing happens: being heard of is all the proof there is.
        (None, _) => format!("heard of {ago} ago"),
        (Some(ours), Some(highest)) if ours != highest => format!("behind for {ago}"),
        _ => format!("in step {ago} ago"),
    }
}

fn unless_zero(count: u64) -> String {
    if count == 0 { String::new() } else { count.to_string() }
}

/// An enum's word, as JSON has it.
fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the daemon says it, so that a renamed field is noticed too.
    fn status(changes: serde_json::Value) -> SyncStatus {
        let mut said = serde_json::json!({
            "directory": "corp", "configured": true, "health": "green", "reasons": [], "phase": "following",
            "method": "usn", "sees_deletions": true, "server": "ldaps://dc2.corp.example", "cursor": null,
            "last_contact": "2026-01-31T12:00:00Z", "last_full": null, "last_change": null,
            "totals": {"users": 340, "groups": 70, "resources": 28, "memberships": 1_187}, "held": 0,
            "skipped": {"count": 0, "first": []}, "servers": [], "last_report": null,
        });
        for (field, value) in changes.as_object().unwrap() {
            said[field] = value.clone();
        }
        serde_json::from_value(said).unwrap()
    }

    fn followed(position: Option<&str>, highest: Option<&str>, lag: Option<u64>) -> SyncStatus {
        let server = "ldaps://dc1.corp.example";
        status(serde_json::json!({ "cursor": {
            "server": server, "position": position, "highest": highest, "lag_seconds": lag,
        }}))
    }

    #[test]
    fn lag_and_position_say_no_more_than_is_known() {
        let words = |status: SyncStatus| [of_cursor(&status, position), lag(&status), as_of(&status)];
        let (at, higher) = (Some("update 4711"), Some("update 4715"));
        assert_eq!(words(followed(at, at, Some(3))), ["update 4711 of 4711", "in step 3 s ago", "3 s ago"]);
        let behind = ["update 4711 of 4715", "behind for 8 min", "8 min ago"];
        assert_eq!(words(followed(at, higher, Some(471))), behind);
        assert_eq!(
            words(followed(None, None, Some(21))),
            ["", "heard of 21 s ago", "21 s ago"],
            "a server that pushes"
        );
        assert_eq!(words(followed(at, higher, None)), ["update 4711 of 4715", "", "2026-01-31T12:00:00Z"]);
        assert_eq!(words(status(serde_json::json!({}))), ["", "", "2026-01-31T12:00:00Z"], "not followed");
    }

    #[test]
    fn a_directory_whose_deletions_are_not_seen_says_so() {
        assert_eq!(method(&status(serde_json::json!({}))), "usn");
        let blind = status(serde_json::json!({ "sees_deletions": false }));
        assert_eq!(method(&blind), "usn, deletions not seen");
    }

    #[test]
    fn the_list_shows_who_is_followed_and_no_column_that_is_empty_for_all() {
        let columns = |statuses: &[SyncStatus]| telling(statuses, LIST).iter().map(|c| c.title).collect::<Vec<_>>();
        let one = [followed(None, None, Some(3))];
        assert_eq!(server(&one[0]), "dc1.corp.example", "and not the one last read from");
        assert!(!columns(&one).contains(&"held"));
        let two = [followed(None, None, Some(3)), status(serde_json::json!({ "held": 2 }))];
        assert!(columns(&two).contains(&"held"));
    }
}
