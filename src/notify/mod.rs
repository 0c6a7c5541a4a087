//! Notices: that people, and programs that listen, are told what happened to roles for a while.
//!
//! Owns the outbox and the ways out of it: a mail server, and webhooks. Who is to be told of what is not decided here: whoever changes
//! something puts its notices into the same commit ([`Notices::put`]), so that none is lost and none is of what did not happen. They are
//! told later, by a task: a mail server that is gone, or takes its time, is in nobody's way.
//!
//! ```text
//!  outbox    into the commit of what happened, within limits
//!  delivery  what is due by one way, tried, settled; a way that fails rests for a while, and the others go on
//!  letter    a notice in words, for people
//!  smtp      to a mail server
//!  webhook   to a program, signed
//! ```
//!
//! A notice holds names and a link, and nothing by which somebody could act: the link opens the page, and to decide takes a sign-in, a
//! second factor and a form of ours. It is told once or more, never less: a crash between telling and writing that down tells it again,
//! under the same id.

pub mod delivery;
pub mod letter;
mod outbox;
pub mod smtp;
pub mod webhook;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::base::Timestamp;
use crate::base::clock::{expired, later};
use crate::fetch::Client;
use crate::model::notice::{Kind, Way};

pub use outbox::{MOST_WAITING, Telling};

/// What the configuration says of notices.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Where the pages are that links lead to, without a path: `https://bailey.example.com`.
    pub portal: String,
    /// Who is told of emergencies, and of what is overdue.
    pub security: Vec<String>,
    /// The mail server, if there is one.
    pub smtp: Option<Arc<smtp::Server>>,
    /// Webhooks, in the order of the file.
    pub webhooks: Vec<Arc<webhook::Hook>>,
}

impl Settings {
    /// By which ways a notice of this kind is told.
    pub fn ways(&self, kind: Kind) -> impl Iterator<Item = Way> {
        let mail = self.smtp.is_some().then_some(Way::Mail);
        let hooks = self.webhooks.iter().filter(move |hook| hook.takes(kind));
        mail.into_iter().chain(hooks.map(|hook| Way::Webhook(hook.name.clone())))
    }

    /// Every way there is.
    #[must_use]
    pub fn all_ways(&self) -> Vec<Way> {
        let mail = self.smtp.is_some().then_some(Way::Mail);
        mail.into_iter().chain(self.webhooks.iter().map(|hook| Way::Webhook(hook.name.clone()))).collect()
    }

    /// The webhook of this name.
    #[must_use]
    pub fn webhook(&self, name: &str) -> Option<&Arc<webhook::Hook>> {
        self.webhooks.iter().find(|hook| hook.name == name)
    }
}

/// A way that failed, and rests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// How often it failed since it last worked.
    pub failures: u32,
    /// Since when it fails.
    pub since: Timestamp,
    /// When it is tried again.
    pub until: Timestamp,
    /// Why it failed.
    pub why: String,
}

/// Seconds that a way rests, by how often it failed.
const RESTS: [i64; 6] = [10, 30, 60, 180, 300, 600];

/// What notices are put and told by; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Notices {
    settings: Arc<RwLock<Arc<Settings>>>,
    /// Not written down: behind a restart each way is tried at once.
    resting: Arc<Mutex<BTreeMap<Way, Rest>>>,
    /// What asks webhooks.
    fetcher: Client,
}

impl Notices {
    /// By these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let notices = Self::default();
        notices.follow(settings);
        notices
    }

    /// From now on, by these: and every way is tried at once, since it may be another.
    pub fn follow(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        self.lock().clear();
    }

    /// What is configured now.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The ways that fail, and since when.
    #[must_use]
    pub fn resting(&self) -> BTreeMap<Way, Rest> {
        self.lock().clone()
    }

    /// Whether `way` rests at `now`.
    fn rests(&self, way: &Way, now: Timestamp) -> bool {
        self.lock().get(way).is_some_and(|rest| !expired(rest.until, now))
    }

    /// `way` works.
    fn works(&self, way: &Way) {
        if self.lock().remove(way).is_some() {
            tracing::info!(%way, "notices are told again");
        }
    }

    /// `way` failed at `now`.
    fn fails(&self, way: &Way, why: &str, now: Timestamp) {
        let mut resting = self.lock();
        let before = resting.get(way);
        let failures = before.map_or(0, |rest| rest.failures);
        let since = before.map_or(now, |rest| rest.since);
        let seconds = usize::try_from(failures).ok().and_then(|failures| RESTS.get(failures)).or(RESTS.last());
        let rest = jiff::SignedDuration::from_secs(seconds.copied().unwrap_or_default());
        let until = later(now, rest);
        tracing::warn!(%way, why, again = %until, "notices cannot be told");
        let rest = Rest { failures: failures.saturating_add(1), since, until, why: why.to_owned() };
        resting.insert(way.clone(), rest);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Way, Rest>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a notice was not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The way is not open: no other would be told by it, either.
    Way(String),
    /// It is this notice; later it may be told.
    Later(String),
    /// It is this notice, and it will be told never.
    ForGood(String),
}

impl Failure {
    /// Why.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::Way(why) | Self::Later(why) | Self::ForGood(why) => why,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_that_fails_rests_longer_and_longer_and_another_does_not() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let (notices, hook) = (Notices::default(), Way::Webhook("siem".to_owned()));
        let mut now = 0;
        for wait in RESTS.into_iter().chain([600, 600]) {
            notices.fails(&hook, "status 500", at(now));
            assert!(notices.rests(&hook, at(now + wait - 1)) && !notices.rests(&Way::Mail, at(now)));
            assert!(!notices.rests(&hook, at(now + wait)));
            now += wait;
        }
        let rest = &notices.resting()[&hook];
        assert_eq!((rest.failures, rest.since, rest.why.as_str()), (8, at(0), "status 500"));
        notices.works(&hook);
        assert!(notices.resting().is_empty());
    }
}
