//! What would change: the plan of a dry run, and of what the guard holds.

use tokio::sync::{mpsc, oneshot};

use super::lines::Lines;
use super::page::{FEW_LINES, Paging, Shown};
use super::syncs::{SyncEvent, last_event, watch_steps};
use super::{Admin, AdminError};
use crate::base::Timestamp;
use crate::gate::Authorized;
use crate::model::DirectoryLabel;
use crate::sync::change::Change;
use crate::sync::foresight::{Ahead, Effects, Foresight};
use crate::sync::held::{self, Held};
use crate::sync::names::Settled;
use crate::sync::progress::Watched;
use crate::sync::worker::{Command, Handle};
use crate::sync::{Report, SyncError};

impl Admin {
    /// One set with its changes in words, on a page if `gathered` and many, and what they would do to rights; the digest
    /// may be cut to its first 8 digits. Blocks.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn held_changes(&self, asked: &Authorized, gathered: bool) -> Result<(Held, Shown, Effects), AdminError> {
        let digest = asked.resource();
        let (held, changes) = self.store.read(|snapshot| {
            let (_, held) = held::find(snapshot, digest)?;
            let changes = held::changes(snapshot, &held)?;
            Ok::<_, SyncError>((held, changes))
        })?;
        let shown = if gathered {
            let mut paging = Paging::new(self.store.clone());
            changes.iter().try_for_each(|change| paging.change(change, true))?;
            paging.end()
        } else {
            Shown::Lines(Lines::of(&self.store, &changes, true)?)
        };
        let effects = self.effects_of_held(&held, changes, asked.at())?;
        Ok((held, shown, as_asked(effects, gathered)))
    }

    /// What held changes would do to rights as they are now.
    fn effects_of_held(&self, held: &Held, changes: Vec<Change>, now: Timestamp) -> Result<Effects, AdminError> {
        let (grounds, settled) = (self.grounds(), Settled::default());
        let (store, label) = (&self.store, &held.directory);
        let foresight = Foresight { store, label, grounds: &grounds, settled: &settled, now };
        let mut ahead = Ahead::default();
        changes.into_iter().try_for_each(|change| foresight.take(&mut ahead, change, true))?;
        Ok(foresight.effects(ahead)?)
    }

    /// Lists what a sync of `label` would change, as it is found; memberships come last, gathered by group. If
    /// `gathered`, what is more than a few lines comes as one page, and a slow reader holds nothing up.
    pub async fn preview_sync(
        &self,
        _asked: &Authorized,
        label: DirectoryLabel,
        gathered: bool,
        events: mpsc::Sender<SyncEvent>,
    ) {
        let outcome = match self.directory(&label) {
            Ok(handle) => self.watched_preview(&handle, gathered, &events).await,
            Err(error) => Err(error),
        };
        let _ = events.send(last_event(outcome)).await;
    }

    async fn watched_preview(
        &self,
        handle: &Handle,
        gathered: bool,
        events: &mpsc::Sender<SyncEvent>,
    ) -> Result<Report, AdminError> {
        let (progress, steps) = Watched::new(handle.runner.source.estimate().await);
        let (reply, answer) = oneshot::channel();
        let (listing, mut listed) = oneshot::channel();
        let store = self.store.clone();
        let listing_so_far = if gathered {
            Listing::Gathered(Paging::new(store))
        } else {
            Listing::AsFound(Lines::new(store), events.clone())
        };
        let mut keeper = Keeper { listing: Some(listing_so_far), to: Some(listing) };
        let list = move |change: &Change, held: bool| match &mut keeper.listing {
            Some(listing) => listing.take(change, held),
            None => Ok(()),
        };
        handle.send(Command::Dry { progress: Box::new(progress), list: Box::new(list), reply }).await?;
        let mut report = watch_steps(steps, answer, events).await?;
        report.effects = report.effects.map(|effects| as_asked(effects, gathered));
        if let Ok(listing) = listed.try_recv() {
            for event in listing.end() {
                let _ = events.send(event).await;
            }
        }
        Ok(report)
    }
}

/// Effects as they are shown: of many people, where they are to be gathered, what it comes to.
fn as_asked(mut effects: Effects, gathered: bool) -> Effects {
    if gathered && effects.affected > FEW_LINES as u64 {
        effects.people.clear();
    }
    effects
}

/// What is done with the changes of a dry run.
enum Listing {
    /// Each is told at once; memberships are left for the end.
    AsFound(Lines, mpsc::Sender<SyncEvent>),
    /// They are told at the end.
    Gathered(Paging),
}

impl Listing {
    fn take(&mut self, change: &Change, held: bool) -> Result<(), SyncError> {
        match self {
            Self::Gathered(paging) => paging.change(change, held),
            Self::AsFound(lines, events) => match lines.line(change, held)? {
                // A watcher that has gone ends the listing, not the daemon.
                Some(line) => events.blocking_send(SyncEvent::Plan(line)).map_err(|_| SyncError::Stopping),
                None => Ok(()),
            },
        }
    }

    /// What is left to tell.
    fn end(self) -> Box<dyn Iterator<Item = SyncEvent> + Send> {
        match self {
            Self::AsFound(lines, _) => Box::new(lines.memberships().map(SyncEvent::Plan)),
            Self::Gathered(paging) => match paging.end() {
                Shown::Lines(lines) => Box::new(lines.into_iter().map(SyncEvent::Plan)),
                Shown::Page(page) => Box::new(std::iter::once(SyncEvent::Page(page))),
            },
        }
    }
}

/// Hands the listing over when the run lets go of it.
struct Keeper {
    listing: Option<Listing>,
    to: Option<oneshot::Sender<Listing>>,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let (Some(listing), Some(to)) = (self.listing.take(), self.to.take()) {
            // Nobody is left to show it to.
            let _ = to.send(listing);
        }
    }
}
