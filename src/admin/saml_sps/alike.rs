//! Names by which more than one person would be known.
//!
//! What a directory says of somebody is not theirs alone: another directory has the same login, and a mail address can be written by
//! whoever keeps that directory, or by the person. An application that knows people by such a name would take one for the other, so
//! neither is given it. The name here is unique, and so is what we make up.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::admin::Admin;
use crate::base::UserId;
use crate::model::client::ClaimSource;
use crate::model::{Entity, MemberKind, User};
use crate::store::{KeyRange, Recall, Snapshot, StoreError, rows, schema};

/// What more than one person has of a source, in small letters. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Alike {
    found: Recall<ClaimSource, Arc<HashSet<String>>>,
    /// Of many who sign in behind a change of the model one reads, and the others wait for that.
    one: Arc<Mutex<()>>,
}

/// Rows read at a time.
const PAGE: usize = 2_000;

impl Admin {
    /// Whether somebody else who is not gone has `text` from the same source: applications look at mail addresses and logins without
    /// regard to case. Reads everybody once after the model has changed, so it blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn is_others_too(&self, source: &ClaimSource, text: &str) -> Result<bool, StoreError> {
        if matches!(source, ClaimSource::Name | ClaimSource::Arn) {
            return Ok(false);
        }
        let _one = self.alike.one.lock().unwrap_or_else(PoisonError::into_inner);
        let alike = self
            .store
            .read(|snapshot| self.alike.found.of(snapshot, source, || self.alike_in(snapshot, source).map(Arc::new)))?;
        Ok(alike.contains(&text.to_lowercase()))
    }

    fn alike_in(&self, snapshot: &dyn Snapshot, source: &ClaimSource) -> Result<HashSet<String>, StoreError> {
        let (mut first, mut alike) = (HashMap::<String, UserId>::new(), HashSet::new());
        for_everybody(snapshot, |user| {
            let Some(text) = source.text_of(user, &self.account) else { return };
            let text = text.to_lowercase();
            if *first.entry(text.clone()).or_insert(user.id) != user.id {
                alike.insert(text);
            }
        })?;
        Ok(alike)
    }
}

/// Everybody who is not gone, whether or not they may act now.
fn for_everybody(snapshot: &dyn Snapshot, mut each: impl FnMut(&User)) -> Result<(), StoreError> {
    let mut rest = Some(KeyRange::prefix(&schema::all(MemberKind::User)));
    while let Some(range) = rest.take() {
        let page = snapshot.scan(&range, PAGE)?;
        rest = page.last().filter(|_| page.len() == PAGE).map(|(key, _)| range.after(key));
        for (key, row) in page {
            if let Entity::User(user) = rows::decode(&key, row.value)?
                && user.standing.is_present()
            {
                each(&user);
            }
        }
    }
    Ok(())
}
