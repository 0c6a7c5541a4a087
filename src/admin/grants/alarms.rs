//! What nobody does is told, too: a look back that is overdue, and a grant or an engagement that ends.
//!
//! They are found by the clock, in rounds of the daemon. What was told is written down with it, so that it is told once, and of another
//! end anew; a look back that nobody does is told every day.

use jiff::SignedDuration;

use super::super::Admin;
use super::super::told::Happened;
use crate::audit::{Event, Outcome};
use crate::base::Timestamp;
use crate::base::clock::{expired, later};
use crate::model::grant::State;
use crate::model::notice::Kind;
use crate::model::{Actor, Engagement};
use crate::store::grants::{Ending, Overdue};
use crate::store::notices::ToldOfEnd;
use crate::store::{Commit, Intent, StoreError, grants, identity, notices};

/// Most looks back that are overdue and counted.
const MOST: usize = 1_000;

/// How long after an alarm the next one is raised about the same.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);

const DAY: SignedDuration = SignedDuration::from_hours(24);
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const QUARTER: SignedDuration = SignedDuration::from_mins(15);

/// Most grants that are looked at because they end within a day: those that end first.
const MOST_ENDING: usize = 5_000;

/// Looks back at grants that are overdue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OverdueReviews {
    /// How many.
    pub count: usize,
    /// Since when the first one is.
    pub since: Option<Timestamp>,
}

impl Admin {
    /// Raises an alarm about each look back that is overdue at `now`, once a day, and answers how many there are. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn alarm_of_reviews(&self, now: Timestamp) -> Result<OverdueReviews, StoreError> {
        let overdue = self.store.read(|snapshot| grants::overdue(snapshot, now, MOST))?;
        let due = |of: &Overdue| of.grant.review.as_ref().map(|review| review.due);
        let all = OverdueReviews { count: overdue.len(), since: overdue.first().and_then(due) };
        for of in overdue {
            if of.told.is_none_or(|told| now.duration_since(told) >= AGAIN) {
                self.alarm(&of, now)?;
            }
        }
        Ok(all)
    }

    fn alarm(&self, of: &Overdue, now: Timestamp) -> Result<(), StoreError> {
        let (by, grant) = (Actor::task("grants"), &of.grant);
        let mut commit = Commit::new(by.clone(), now, Intent::Narrow);
        commit.put_overdue(of, now)?;
        self.store.read(|snapshot| {
            let happened = Happened { snapshot, commit: &mut commit, by: &by, now };
            self.tell_what_happened(happened, Kind::ReviewOverdue, grant, "");
            Ok::<_, StoreError>(())
        })?;
        match self.store.commit(commit) {
            Ok(_) => {}
            // Somebody looked back at it meanwhile.
            Err(StoreError::Conflict { .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
        let due = grant.review.as_ref().map(|review| review.due.to_string()).unwrap_or_default();
        tracing::error!(grant = %grant.id, person = %grant.person, due, "nobody looked back at a break-glass grant in time");
        let event = Event::reading("ReviewOverdue")
            .with("grant", grant.id.to_string())
            .with("person", grant.person.to_string())
            .with("due", due);
        self.audit.note(&by, &event, &Outcome::success(), now);
        Ok(())
    }

    /// Has holders of grants in use be told that these end soon. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn tell_of_last_moments(&self, now: Timestamp) -> Result<(), StoreError> {
        if self.notices.settings().ways(Kind::GrantEnding).next().is_none() {
            return Ok(());
        }
        let before = later(now, DAY);
        let (ending, epoch) = self.store.read(|snapshot| {
            let ending = grants::ending(snapshot, now, before, MOST_ENDING)?;
            Ok::<_, StoreError>((ending, identity::epoch(snapshot)?.to_string()))
        })?;
        for of in ending.iter().filter(|of| of.grant.epoch == epoch && is_time_to_tell(of, now)) {
            let by = Actor::task("grants");
            let mut commit = Commit::new(by.clone(), now, Intent::Narrow);
            commit.put_ending(of, now)?;
            self.store.read(|snapshot| {
                let happened = Happened { snapshot, commit: &mut commit, by: &by, now };
                self.tell_what_happened(happened, Kind::GrantEnding, &of.grant, "");
                Ok::<_, StoreError>(())
            })?;
            match self.store.commit(commit) {
                // It was ended meanwhile.
                Ok(_) | Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Has whoever answers for engagements be told that they end within a week, within a day, and that they ended. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn tell_of_ends(&self, now: Timestamp) -> Result<(), StoreError> {
        if self.notices.settings().all_ways().is_empty() {
            return Ok(());
        }
        let (all, epoch) = self.store.read(|snapshot| {
            Ok::<_, StoreError>((grants::engagements(snapshot)?, identity::epoch(snapshot)?.to_string()))
        })?;
        let counts = |engagement: &Engagement| engagement.closed.is_none() && engagement.epoch == epoch;
        for engagement in all.into_iter().map(|held| held.value).filter(counts) {
            self.tell_of_end(&engagement, now)?;
        }
        Ok(())
    }

    fn tell_of_end(&self, engagement: &Engagement, now: Timestamp) -> Result<(), StoreError> {
        let by = Actor::task("grants");
        let mut commit = Commit::new(by.clone(), now, Intent::Narrow);
        self.store.read(|snapshot| {
            let before = notices::told_of_end(snapshot, &engagement.id)?;
            let told = before.as_ref().map(|held| held.value.clone()).unwrap_or_default();
            let Some((kind, after)) = next(engagement, &told, now) else { return Ok(()) };
            commit.put_told_of_end(&engagement.id, before.as_ref(), &after)?;
            self.try_to_tell_sponsor(Happened { snapshot, commit: &mut commit, by: &by, now }, kind, engagement, "")
        })?;
        if commit.is_empty() {
            return Ok(());
        }
        match self.store.commit(commit) {
            Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Whether a moment has come at which its holder is told, and was not yet. Of a short one they know.
fn is_time_to_tell(of: &Ending, now: Timestamp) -> bool {
    let State::Active(working) = &of.grant.state else { return false };
    let whole = working.until.duration_since(working.from);
    let moments = [(WEEK, DAY), (HOUR, QUARTER)].into_iter().filter(|(least, _)| whole >= *least);
    let mut moments = moments.filter_map(|(_, ahead)| working.until.checked_sub(ahead).ok());
    moments.any(|moment| expired(moment, now) && of.told.is_none_or(|told| told < moment))
}

/// What is to be told at `now` of the end of an engagement of which this was told, and what was told then.
fn next(engagement: &Engagement, told: &ToldOfEnd, now: Timestamp) -> Option<(Kind, ToldOfEnd)> {
    let ends = engagement.ends;
    let (left, whole) = (ends.duration_since(now), ends.duration_since(engagement.created));
    if expired(ends, now) {
        // Of what ended long ago, before anybody was told of such, nobody wants to hear.
        let is_news = told.ended != Some(ends) && now.duration_since(ends) < WEEK;
        return is_news.then(|| (Kind::EngagementEnded, ToldOfEnd { ended: Some(ends), ..told.clone() }));
    }
    // Of one that is as short by itself there is nothing to remind of.
    if left <= DAY && whole > DAY {
        let after = ToldOfEnd { day: Some(ends), week: Some(ends), ..told.clone() };
        return (told.day != Some(ends)).then_some((Kind::EngagementClosing, after));
    }
    let is_news = left <= WEEK && whole > WEEK && told.week != Some(ends);
    is_news.then(|| (Kind::EngagementClosing, ToldOfEnd { week: Some(ends), ..told.clone() }))
}
