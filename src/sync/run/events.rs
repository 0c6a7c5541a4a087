//! A run over what events brought: all that follows from it is looked up first.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::delta::{Delta, MOST_LOOK_UPS, guid_of};
use super::super::error::SyncError;
use super::super::progress::Unwatched;
use super::super::report::Report;
use super::super::stored::Walk;
use super::{Runner, millis};
use crate::base::{Guid, Timestamp};
use crate::directory::{Arrival, Changes, Cursor, Dn, Wanted};
use crate::model::{Actor, MemberKind};

/// Waits for a server that still lists somebody by a former name. OpenLDAP's `refint` rewrites groups behind the answer to
/// a rename, mostly within milliseconds; taken at its word in between, it would end every session that a group gave.
const REWRITING: [Duration; 3] = [Duration::from_millis(20), Duration::from_millis(80), Duration::from_millis(400)];

impl Runner {
    /// Applies what events brought. `None` when only a full read helps.
    ///
    /// # Errors
    /// When the directory, the store or the work directory fails.
    pub async fn delta(&self, changes: Changes) -> Result<Option<Report>, SyncError> {
        let (started, clock) = (self.clock.now(), Instant::now());
        let (arrivals, gone, former, cursor) = match changes {
            Changes::Delta { arrivals, gone, former, cursor, .. } => (arrivals, gone, former, cursor),
            Changes::Present { present, cursor, .. } => match self.missing(present).await? {
                Some((arrivals, gone)) => (arrivals, gone, Vec::new(), cursor),
                None => return Ok(None),
            },
            Changes::FullReadNeeded { .. } => return Ok(None),
        };
        self.follow_up(arrivals, gone, former, Some(cursor), (started, clock)).await
    }

    /// Reads these groups once more, and applies what differs. Does not move the cursor.
    ///
    /// # Errors
    /// When the directory, the store or the work directory fails.
    pub async fn look_again(&self, groups: Vec<Guid>) -> Result<Option<Report>, SyncError> {
        let began = (self.clock.now(), Instant::now());
        let found = self.source.look_up(groups.into_iter().map(Wanted::Guid).collect()).await?;
        self.follow_up(found, Vec::new(), Vec::new(), None, began).await
    }

    async fn follow_up(
        &self,
        arrivals: Vec<Arrival>,
        gone: Vec<Guid>,
        former: Vec<Dn>,
        cursor: Option<Cursor>,
        (started, clock): (Timestamp, Instant),
    ) -> Result<Option<Report>, SyncError> {
        let read = (arrivals.len() + gone.len()) as u64;
        let moves = cursor.is_some();
        let delta = self.gather(arrivals, gone, former).await?;
        if delta.is_unfinished() {
            return Ok(None);
        }
        let look_again = if moves { delta.groups_read() } else { Vec::new() };
        let (runner, remembered) = (self.clone(), look_again.clone());
        let report = self
            .store
            .run(move |store| {
                let before = runner.state()?;
                let mut plan = delta.plan(store, &before, &runner.work, started)?;
                plan.read = read;
                plan.server = cursor.as_ref().map(|cursor| cursor.server.clone());
                plan.cursor = cursor;
                plan.look_again = remembered;
                runner.carry_out(plan, before, &Actor::task(runner.task()), started, &mut Unwatched)
            })
            .await?;
        Ok(Some(Report { milliseconds: millis(clock), look_again, ..report }))
    }

    /// Looks up all that follows from some changes.
    async fn gather(&self, arrivals: Vec<Arrival>, gone: Vec<Guid>, former: Vec<Dn>) -> Result<Delta, SyncError> {
        let settings = Arc::clone(&self.settings);
        let mut delta = self.store.run(move |store| Delta::new(store, settings, arrivals, gone, &former)).await?;
        let mut pauses = REWRITING.iter().peekable();
        loop {
            let (waiting, mut wanted, lagging) = self
                .store
                .run(move |store| {
                    let wanted = delta.wants(store)?;
                    let lagging = if wanted.is_empty() { delta.lagging(store)? } else { Vec::new() };
                    Ok::<_, SyncError>((delta, wanted, lagging))
                })
                .await?;
            delta = waiting;
            if let Some(pause) = pauses.next_if(|_| !lagging.is_empty()) {
                tokio::time::sleep(*pause).await;
                wanted = lagging;
            }
            if wanted.is_empty() {
                return Ok(delta);
            }
            let answers = self.source.look_up(wanted.clone()).await?;
            delta = self.store.run(move |store| delta.answered(store, &wanted, answers).map(|()| delta)).await?;
        }
    }

    /// Of everything held, what a server does not name as left: looked up and, where not found, gone.
    async fn missing(&self, present: HashSet<Guid>) -> Result<Option<(Vec<Arrival>, Vec<Guid>)>, SyncError> {
        let label = self.settings.label.clone();
        let missing: Vec<Guid> = self
            .store
            .run(move |store| {
                let mut missing = Vec::new();
                for kind in [MemberKind::User, MemberKind::Group, MemberKind::Resource] {
                    for row in Walk::new(store, kind, &label) {
                        let entity = row?.entity()?;
                        if entity.standing().is_present() && !present.contains(&entity.origin().guid) {
                            missing.push(entity.origin().guid);
                        }
                    }
                }
                Ok::<_, SyncError>(missing)
            })
            .await?;
        if missing.len() > MOST_LOOK_UPS {
            return Ok(None);
        }
        if missing.is_empty() {
            return Ok(Some((Vec::new(), Vec::new())));
        }
        let wanted = missing.iter().map(|guid| Wanted::Guid(*guid)).collect();
        let found = self.source.look_up(wanted).await?;
        let there: HashSet<Guid> = found.iter().filter_map(guid_of).collect();
        let gone = missing.into_iter().filter(|guid| !there.contains(guid)).collect();
        Ok(Some((found, gone)))
    }
}
