//! Records about somebody or something: by whom, about whom, in which session.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::Value;

use super::chain;
use super::tail::{self, Line};
use crate::base::{RequestId, Timestamp};
use crate::store::{Store, StoreError};

/// Records a page.
const PAGE: usize = 500;

/// Which records are meant. What is said has to hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// About these people, roles or sessions: each a set of what one of them is called in records.
    pub about: Vec<Names>,
    /// Written then or later.
    pub since: Option<Timestamp>,
    /// Written before then.
    pub until: Option<Timestamp>,
}

/// What somebody or something is called in records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Texts that are it, wherever they stand as a whole: ids, ARNs, access keys.
    pub whole: BTreeSet<String>,
    /// Texts that are it as part of an ARN, such as `:assumed-role/Deployer/`.
    pub within: BTreeSet<String>,
    /// Its plain name, which counts only where a record says that it names such a thing.
    pub name: Option<(&'static [&'static str], String)>,
}

impl Names {
    fn are_in(&self, value: &Value, key: &str) -> bool {
        match value {
            Value::String(text) => {
                let named = |(keys, name): &(&[&str], String)| keys.contains(&key) && name == text;
                self.whole.contains(text)
                    || self.within.iter().any(|part| text.contains(part.as_str()))
                    || self.name.as_ref().is_some_and(named)
            }
            Value::Array(items) => items.iter().any(|item| self.are_in(item, key)),
            Value::Object(members) => members.iter().any(|(key, value)| self.are_in(value, key)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
}

impl Filter {
    /// Whether a record is meant. One that cannot be read is: whoever looks for something has to see it.
    #[must_use]
    pub fn means(&self, json: &str) -> bool {
        let Ok(record) = serde_json::from_str::<Value>(json) else { return true };
        let at = time_of(&record);
        let early = self.since.is_some_and(|since| at.is_some_and(|at| at < since));
        let late = self.until.is_some_and(|until| at.is_some_and(|at| at >= until));
        !early && !late && self.about.iter().all(|names| names.are_in(&record, ""))
    }
}

fn time_of(record: &Value) -> Option<Timestamp> {
    record.get("eventTime")?.as_str()?.parse().ok()
}

/// The records that are meant behind record `seq`, of the next page that has any; and the last record looked at, `None` at the
/// end of the log. Blocks.
///
/// # Errors
/// When the engine cannot read.
pub fn page(store: &Store, filter: &Filter, seq: u64) -> Result<(Vec<Line>, Option<u64>), StoreError> {
    let mut behind = seq;
    loop {
        let lines = tail::after(store, behind, PAGE)?;
        let Some(last) = lines.last().map(|line| line.seq) else { return Ok((Vec::new(), None)) };
        behind = last;
        let meant: Vec<Line> = lines.into_iter().filter(|line| filter.means(&line.json)).collect();
        if !meant.is_empty() {
            return Ok((meant, Some(behind)));
        }
    }
}

/// The number of a record behind which everything from `since` on stands. Times of records only grow, so it is looked for by
/// halves. Blocks.
///
/// # Errors
/// When the engine cannot read.
pub fn behind(store: &Store, since: Timestamp, newest: u64) -> Result<u64, StoreError> {
    let (mut low, mut high) = (0, newest);
    while low < high {
        let middle = low + (high - low) / 2;
        let line = tail::after(store, middle, 1)?.pop();
        let at = line.and_then(|line| time_of(&serde_json::from_str(&line.json).ok()?));
        // A record that is no longer kept, or has no time, is earlier than any question.
        if at.is_none_or(|at| at < since) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    // Records that were owed stand a little later than they happened.
    Ok(low.saturating_sub(1))
}

/// The newest records in which `read` finds something, the newest first: `most` at most, of the last `looked_at` since `since`. And
/// whether those are all since then. Blocks.
///
/// # Errors
/// When the engine cannot read.
pub fn latest<T>(
    store: &Store,
    since: Timestamp,
    (most, looked_at): (usize, u64),
    mut read: impl FnMut(&Line) -> Option<T>,
) -> Result<(Vec<T>, bool), StoreError> {
    let newest = store.read(chain::head)?.seq;
    let end = behind(store, since, newest)?;
    let (mut upper, mut found) = (newest, Vec::new());
    while upper > end {
        if newest.saturating_sub(upper) >= looked_at {
            return Ok((found, false));
        }
        let lower = upper.saturating_sub(PAGE as u64).max(end);
        let lines = tail::after(store, lower, PAGE)?;
        // Where some are no longer kept, the page reaches into the one before.
        for one in lines.iter().rev().filter(|line| line.seq <= upper).filter_map(&mut read) {
            if found.len() == most {
                return Ok((found, false));
            }
            found.push(one);
        }
        upper = lower;
    }
    Ok((found, true))
}

/// How much earlier and later than its request a record may say that it was: those who write at once come in any order, and a
/// directory or a person with a second factor may take their time.
const EARLIER: SignedDuration = SignedDuration::from_secs(10);
const LATER: SignedDuration = SignedDuration::from_secs(900);
/// Records that are looked at for one request: those of a minute of the heaviest load.
const MOST_LOOKED_AT: usize = 100_000;
/// Records that are looked at behind the first that was found: what one request writes stands close together.
const MOST_BEHIND: usize = 5_000;

/// The records of a request. The id says when that came, so they are looked for around there, whatever the length of the log; one that
/// was owed, since the log could not be written, stands later and is not found. Blocks.
///
/// # Errors
/// When the engine cannot read.
pub fn of_request(store: &Store, request: RequestId) -> Result<Vec<Line>, StoreError> {
    let newest = store.read(chain::head)?.seq;
    let since = request.at().checked_sub(EARLIER).unwrap_or(Timestamp::MIN);
    let until = request.at().checked_add(LATER).unwrap_or(Timestamp::MAX);
    let mut at = behind(store, since, newest)?;
    // As records spell it; whoever quotes an id within one cannot spell it so, since quotes are escaped there.
    let spelt = format!("\"requestID\":\"{request}\"");
    let (mut found, mut looked_at) = (Vec::new(), 0);
    while looked_at < MOST_LOOKED_AT {
        let lines = tail::after(store, at, PAGE)?;
        let Some(last) = lines.last() else { break };
        at = last.seq;
        looked_at += lines.len();
        let over = serde_json::from_str(&last.json).ok().and_then(|last| time_of(&last)).is_some_and(|at| at > until);
        let had = found.len();
        found.extend(lines.into_iter().filter(|line| line.json.contains(&spelt)));
        if had == 0 && !found.is_empty() {
            looked_at = looked_at.max(MOST_LOOKED_AT - MOST_BEHIND);
        }
        if over {
            break;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(whole: &[&str], within: &[&str]) -> Names {
        let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Names { whole: set(whole), within: set(within), name: Some((&["userName"], "ann".to_owned())) }
    }

    #[test]
    fn a_record_is_meant_by_what_is_whole_in_it_and_by_a_name_where_names_stand() {
        let filter = Filter { about: vec![names(&["AIDA1"], &[":assumed-role/Deployer/"])], ..Filter::default() };
        let means = |record: Value| filter.means(&record.to_string());
        assert!(means(json!({ "userIdentity": { "principalId": "AIDA1" } })));
        assert!(means(json!({ "a": [{ "arn": "arn:aws:sts::1:assumed-role/Deployer/x" }] })));
        assert!(means(json!({ "userIdentity": { "userName": "ann" } })));
        assert!(!means(json!({ "userIdentity": { "principalId": "AIDA12" } })));
        assert!(!means(json!({ "requestParameters": { "group": "ann" } })), "another's name");
        assert!(filter.means("{"), "what cannot be read is shown");
    }

    #[test]
    fn a_window_includes_its_beginning_and_not_its_end() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (since, until) = (at("2026-03-12T12:00:00Z"), at("2026-03-12T13:00:00Z"));
        let filter = Filter { since: Some(since), until: Some(until), about: Vec::new() };
        let found = ["2026-03-12T11:59:59.999Z", "2026-03-12T12:00:00Z", "2026-03-12T13:00:00Z"]
            .map(|time| filter.means(&json!({ "eventTime": time }).to_string()));
        assert_eq!(found, [false, true, false]);
    }
}
