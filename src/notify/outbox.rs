//! Notices go into the commit of what they tell of.
//!
//! However many people may be told, and however long a mail server is gone: a commit stays small, and the store does not fill up. What
//! finds no room is told to nobody but the log and a metric, and the change that it is of happens all the same.

use crate::base::text::printable;
use crate::base::{NoticeId, Timestamp};
use crate::model::Notice;
use crate::model::notice::{Facts, Kind, Way};
use crate::store::{Commit, Snapshot, StoreError, identity, notices};
use crate::telemetry::Metric;

use super::Notices;

/// Most notices that wait for one way.
pub const MOST_WAITING: usize = 5_000;

/// What there is room for besides, of what must be heard.
const MOST_LOUD: usize = 500;

/// What is to be told.
#[derive(Debug, Clone)]
pub struct Telling<'a> {
    /// What happened.
    pub kind: Kind,
    /// When.
    pub at: Timestamp,
    /// From then on there is no point in telling it.
    pub moot: Option<Timestamp>,
    /// What there is to say.
    pub facts: Facts,
    /// Addresses of those who are told by mail, each once.
    pub mail: &'a [String],
}

impl Notices {
    /// Puts `telling` into `commit`: a row for each address, and for each webhook that takes such. `fresh` makes ids.
    ///
    /// # Errors
    /// When the store cannot be read, or a row cannot be written as JSON.
    pub fn put(
        &self,
        (snapshot, commit): (&dyn Snapshot, &mut Commit),
        telling: &Telling<'_>,
        mut fresh: impl FnMut() -> NoticeId,
    ) -> Result<(), StoreError> {
        let settings = self.settings();
        let epoch = identity::epoch(snapshot)?.to_string();
        for way in settings.ways(telling.kind) {
            let to: Vec<&str> = match &way {
                Way::Mail => telling.mail.iter().map(String::as_str).collect(),
                Way::Webhook(_) => vec![""],
            };
            if to.is_empty() {
                continue;
            }
            let most = if telling.kind.is_loud() { MOST_WAITING + MOST_LOUD } else { MOST_WAITING };
            // What the commit holds already counts, too: closing an engagement may end thousands of grants.
            let room = most.saturating_sub(notices::count(snapshot, &way, most)?).saturating_sub(commit.writes.len());
            if room < to.len() {
                drop_some(&way, telling.kind, to.len() - room);
            }
            for to in to.into_iter().take(room) {
                commit.add_told(&Notice {
                    id: fresh(),
                    kind: telling.kind,
                    way: way.clone(),
                    to: to.to_owned(),
                    at: telling.at,
                    epoch: epoch.clone(),
                    moot: telling.moot,
                    facts: telling.facts.clone(),
                    tries: 0,
                    next: telling.at,
                    why: None,
                })?;
            }
        }
        Ok(())
    }
}

fn drop_some(way: &Way, kind: Kind, count: usize) {
    let way = way.to_string();
    tracing::error!(way, kind = kind.word(), count, "too many notices wait already: these are told to nobody");
    Metric::Notices.counter(&[("way", &way), ("outcome", "dropped")]).increment(count as u64);
}

/// What is said of names in notices: whatever a directory calls somebody, it is one line, and not a long one.
#[must_use]
pub(super) fn shown(text: &str) -> String {
    printable(text).into_owned()
}
