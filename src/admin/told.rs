//! What is to be told goes into the commit of what it tells of ([`crate::notify`]): both happen, or neither.
//!
//! Who is told of grants and engagements is in `admin/grants/tell.rs`; of what waits for an administrator whoever security is told by.

use std::sync::PoisonError;

use super::Admin;
use crate::base::{NoticeId, Timestamp};
use crate::model::Actor;
use crate::model::notice::{Facts, Kind, WaitingMetadata};
use crate::notify::Telling;
use crate::store::{Commit, Snapshot, StoreError};

/// What happened, to which commit it belongs, and on what state.
pub(in crate::admin) struct Happened<'a> {
    pub(in crate::admin) snapshot: &'a dyn Snapshot,
    pub(in crate::admin) commit: &'a mut Commit,
    /// Who did it, who is told nothing of it.
    pub(in crate::admin) by: &'a Actor,
    pub(in crate::admin) now: Timestamp,
}

impl Admin {
    /// Has security be told of metadata that waits to be confirmed. That it waits does not hang on that: what fails is said aloud.
    pub(in crate::admin) fn tell_of_metadata(&self, happened: Happened<'_>, waiting: WaitingMetadata) {
        let kind = Kind::MetadataWaits;
        if self.tells_nobody(kind) {
            return;
        }
        let (of, at) = (waiting.of.clone(), happened.now);
        let mail = self.notices.settings().security.clone();
        let facts = Facts { metadata: Some(waiting), ..Facts::default() };
        if let Err(error) = self.put_notices(happened, &Telling { kind, at, moot: None, facts, mail: &mail }) {
            tracing::error!(of, kind = kind.word(), %error, "nobody is told of it");
        }
    }

    pub(in crate::admin) fn tells_nobody(&self, kind: Kind) -> bool {
        let nobody = self.notices.settings().ways(kind).next().is_none();
        if !nobody && self.store.health().reserve_spent {
            tracing::error!(kind = kind.word(), "the disk is full: nobody is told of it");
            return true;
        }
        nobody
    }

    pub(in crate::admin) fn put_notices(
        &self,
        happened: Happened<'_>,
        telling: &Telling<'_>,
    ) -> Result<(), StoreError> {
        let Happened { snapshot, commit, now, .. } = happened;
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        self.notices.put((snapshot, commit), telling, || NoticeId::fresh(now, &mut *rng))
    }
}
