//! The list of sessions that ended before their time, for those who verify tokens without asking.
//!
//! A token is believed until its end by whoever verifies it alone; the list says which are not to be. It is one signed token
//! itself (`revocations+jwt`), the same for everybody, and small: a session stands in it for as long as a token of it could be
//! good, which is an hour. How it is used is told in `src/manual/verifying.rs`.
//!
//! ```text
//!  { iss, iat, exp, epoch, seq, sids: [..], not_before? }
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use jiff::SignedDuration;
use serde::Serialize;

use super::Sessions;
use crate::base::clock::later;
use crate::base::{Fault, Faulty, SessionId, Timestamp};
use crate::keys::{Algorithm, KeysError, LONGEST_TOKEN, issuer};
use crate::model::session::LONGEST;
use crate::store::{Epoch, Revision, StoreError, sessions};

/// What the header of the list says that it is.
pub const TYPE: &str = "revocations+jwt";

/// How long the list is not looked for anew: everybody may ask for it.
const LOOK: SignedDuration = SignedDuration::from_secs(5);
/// It is signed anew by then, so that whoever has it sees that nothing is kept back.
const RESIGN: SignedDuration = SignedDuration::from_secs(60);
/// Seconds after which a list says nothing any more.
const GOOD_FOR: i64 = 300;
/// Most sessions in it: some 700 KiB. Beyond that those that ended first are told by a moment.
const MOST: usize = 20_000;

/// The list, signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// The token.
    pub token: String,
    /// Its number.
    pub seq: u64,
    /// When it was signed.
    pub issued: Timestamp,
}

impl Feed {
    /// What tells it from all others (RFC 9110, section 8.8.3).
    #[must_use]
    pub fn etag(&self) -> String {
        format!("\"{}.{}\"", self.seq, self.issued.as_second())
    }
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// It cannot be signed.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Faulty for FeedError {
    fn fault(&self) -> Fault {
        match self {
            Self::Keys(error) => error.fault(),
            Self::Store(error) => error.fault(),
        }
    }
}

/// What stands in the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct List {
    epoch: Epoch,
    /// When no token of a session can be good any more, by session.
    ended: BTreeMap<SessionId, Timestamp>,
    /// Tokens made before then count no more, whatever session they name.
    not_before: Option<Timestamp>,
}

/// The list as it was made last.
#[derive(Debug)]
pub(super) struct Kept {
    looked: Timestamp,
    revision: Revision,
    list: List,
    feed: Arc<Feed>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: String,
    iat: i64,
    exp: i64,
    epoch: Epoch,
    seq: u64,
    sids: Vec<&'a SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<i64>,
}

impl Sessions {
    /// The list at `now`. Whoever asks while it is made waits for it. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read, or nothing can be signed.
    pub fn revocations(&self, now: Timestamp) -> Result<Arc<Feed>, FeedError> {
        let mut kept = self.feed.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |kept: &&mut Kept| (SignedDuration::ZERO..LOOK).contains(&now.duration_since(kept.looked));
        if let Some(kept) = kept.as_mut().filter(fresh) {
            return Ok(Arc::clone(&kept.feed));
        }
        // Before the rows: what is committed meanwhile makes another revision, and is looked for next time.
        let revision = *self.store.watch().borrow();
        let list = match kept.as_ref() {
            Some(kept) if kept.revision == revision => kept.list.clone().at(now),
            _ => self.list(now)?,
        };
        let before = kept.as_ref().map(|kept| (&kept.list, &*kept.feed));
        let feed = match before {
            Some((held, feed)) if *held == list && now.duration_since(feed.issued) < RESIGN && now >= feed.issued => {
                feed.clone()
            }
            Some((held, feed)) if *held == list => self.signed(&list, feed.seq, now)?,
            // By the clock, so that it goes on growing when the daemon starts anew, or from a backup: no row has to be kept for it.
            other => {
                let least = other.map_or(0, |(_, feed)| feed.seq.saturating_add(1));
                let seq = u64::try_from(now.as_millisecond()).unwrap_or(0).max(least);
                self.signed(&list, seq, now)?
            }
        };
        let feed = Arc::new(feed);
        *kept = Some(Kept { looked: now, revision, list, feed: Arc::clone(&feed) });
        Ok(feed)
    }

    fn list(&self, now: Timestamp) -> Result<List, StoreError> {
        // What began longer ago is over anyway.
        let began = now.saturating_sub(SignedDuration::from_secs(LONGEST.into())).unwrap_or(Timestamp::MIN);
        let mut ends: Vec<(Timestamp, Timestamp, SessionId)> = Vec::new();
        sessions::ended(&self.store, began, |session, at| {
            let last = later(at, LONGEST_TOKEN).min(session.expires);
            ends.extend((last > now).then_some((at, last, session.id)));
        })?;
        let mut list = List { epoch: self.store.epoch()?, ..List::default() };
        if let Some(many) = ends.len().checked_sub(MOST).filter(|many| *many > 0) {
            ends.sort_unstable();
            // The tokens of those that are left out were made no later than they ended. Some others go with them, and are made
            // anew; none that is void is let pass.
            let next = |(at, ..): &(Timestamp, Timestamp, SessionId)| at.saturating_add(SignedDuration::from_secs(1));
            list.not_before = ends.get(many - 1).map(|last| next(last).unwrap_or(Timestamp::MAX));
            ends.drain(..many);
        }
        list.ended = ends.into_iter().map(|(_, last, id)| (id, last)).collect();
        Ok(list)
    }

    fn signed(&self, list: &List, seq: u64, now: Timestamp) -> Result<Feed, KeysError> {
        let iat = now.as_second();
        let claims = Claims {
            iss: issuer(&self.home),
            iat,
            exp: iat.saturating_add(GOOD_FOR),
            epoch: list.epoch,
            seq,
            sids: list.ended.keys().collect(),
            not_before: list.not_before.map(Timestamp::as_second),
        };
        let token = self.keys.sign(Algorithm::default(), TYPE, &claims, now)?;
        Ok(Feed { token: token.expose().clone(), seq, issued: now })
    }
}

impl List {
    /// The same without those whose tokens are over.
    fn at(mut self, now: Timestamp) -> Self {
        self.ended.retain(|_, last| *last > now);
        self.not_before = self.not_before.filter(|before| now.duration_since(*before) < LONGEST_TOKEN);
        self
    }
}
