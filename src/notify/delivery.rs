//! What is due by one way is tried, one after the other, and what came of it is written down.
//!
//! Whoever tries writes that down first, so that a crash neither loses a notice nor tells it in a circle. What was told leaves no row. A
//! way that fails rests, and with it all that waits for it; what fails for its own sake is put off, and the next has its turn.

use std::sync::Arc;

use super::letter::Letter;
use super::smtp::Session;
use super::{Failure, Notices, Settings};
use crate::audit::{Audit, Event, Outcome};
use crate::base::{Clock, Timestamp};
use crate::fetch::Client;
use crate::model::notice::{Over, Way};
use crate::model::{Actor, Notice};
use crate::store::iam::Read;
use crate::store::{Commit, Intent, Store, StoreError, notices};
use crate::telemetry::Metric;

/// Most notices that are tried in one go.
pub const AT_ONCE: usize = 50;

/// What is worked with.
#[derive(Clone)]
pub struct Parts {
    /// Where notices lie.
    pub store: Store,
    /// Where it stands which were given up.
    pub audit: Audit,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// What one go has come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Notices that were told.
    pub told: usize,
    /// Tries that failed.
    pub failed: usize,
    /// Notices that nobody tries any more.
    pub given_up: usize,
    /// Whether there may be more that is due.
    pub more: bool,
}

impl Notices {
    /// Tells what is due by `way`; what is too old is given up, whether or not the way is open.
    ///
    /// # Errors
    /// When the store cannot be read or written: then it is tried once more.
    pub async fn deliver(&self, parts: &Parts, way: &Way) -> Result<Delivered, StoreError> {
        let (now, asked) = (parts.clock.now(), way.clone());
        let settings = self.settings();
        let read = parts.store.run(move |store| {
            let due = store.read(|snapshot| notices::due(snapshot, &asked, now, AT_ONCE))?;
            Ok::<_, StoreError>((due, store.epoch()?.to_string()))
        });
        let (due, epoch) = read.await?;
        let mut done = Delivered { more: due.len() == AT_ONCE, ..Delivered::default() };
        let configured = settings.all_ways().contains(way);
        let over = |held: &Read<Notice>| if configured { held.value.over(&epoch, now) } else { Some(Over::Tried) };
        let (over, due): (Vec<_>, Vec<_>) =
            due.into_iter().map(|held| (over(&held), held)).partition(|(over, _)| over.is_some());
        done.given_up += over.len();
        give_up(parts, way, over.into_iter().filter_map(|(over, held)| Some((over?, held, None))).collect(), now)
            .await?;
        if self.rests(way, now) {
            done.more = false;
            return Ok(done);
        }
        let mut out = Out { notices: self, parts, settings: &settings, way, session: None };
        for (_, held) in due {
            if !out.one(held, &mut done).await? {
                done.more = false;
                break;
            }
        }
        if let Some(session) = out.session.take() {
            session.close().await;
        }
        Ok(done)
    }
}

impl Notices {
    /// Tells `notice` at `now`, past the outbox; answers what the other side said.
    ///
    /// # Errors
    /// Why it was not told.
    pub async fn tell_now(&self, notice: &Notice, now: Timestamp) -> Result<String, Failure> {
        let (settings, mut session) = (self.settings(), None);
        let said = tell(&settings, &self.fetcher, notice, &mut session, now).await;
        if let Some(session) = session {
            session.close().await;
        }
        said
    }
}

/// One go by one way.
struct Out<'a> {
    notices: &'a Notices,
    parts: &'a Parts,
    settings: &'a Settings,
    way: &'a Way,
    /// The connection to the mail server, once there is something to send.
    session: Option<Session<'a>>,
}

impl Out<'_> {
    /// Tries one; false where the way is not open.
    async fn one(&mut self, held: Read<Notice>, done: &mut Delivered) -> Result<bool, StoreError> {
        let clock = &self.parts.clock;
        let begun = held.value.begun(clock.now());
        let Some(held) = write(self.parts, held, begun, clock.now()).await? else { return Ok(true) };
        let told = self.tell(&held.value).await;
        let now = clock.now();
        let (way, kind) = (self.way.to_string(), held.value.kind.word());
        let count = |outcome| Metric::Notices.counter(&[("way", &way), ("outcome", outcome)]).increment(1);
        match told {
            Ok(said) => {
                self.notices.works(self.way);
                tracing::info!(way, kind, to = held.value.to, notice = %held.value.id, said, "told");
                count("told");
                done.told += 1;
                let mut commit = commit(now);
                commit.delete_told(&held);
                settle(self.parts, commit).await?;
                Ok(true)
            }
            Err(Failure::Way(why)) => {
                self.notices.fails(self.way, &why, now);
                count("failed");
                done.failed += 1;
                // A connection on which something went wrong is used for nothing more.
                self.session = None;
                let after = held.value.held_up(&why, now);
                write(self.parts, held, after, now).await?;
                Ok(false)
            }
            Err(Failure::Later(why)) => {
                tracing::warn!(way, kind, to = held.value.to, notice = %held.value.id, why, "not told yet");
                count("failed");
                done.failed += 1;
                let after = held.value.failed(&why, now);
                write(self.parts, held, after, now).await?;
                Ok(true)
            }
            Err(Failure::ForGood(why)) => {
                done.given_up += 1;
                give_up(self.parts, self.way, vec![(Over::Tried, held, Some(why))], now).await?;
                Ok(true)
            }
        }
    }

    async fn tell(&mut self, notice: &Notice) -> Result<String, Failure> {
        let (fetcher, now) = (&self.notices.fetcher, self.parts.clock.now());
        tell(self.settings, fetcher, notice, &mut self.session, now).await
    }
}

/// Tells `notice` by its way, on the connection that there is, or on one that is there from then on.
async fn tell<'a>(
    settings: &'a Settings,
    fetcher: &Client,
    notice: &Notice,
    session: &mut Option<Session<'a>>,
    now: Timestamp,
) -> Result<String, Failure> {
    let nobody = || Failure::Way("it is not configured".to_owned());
    let portal = &settings.portal;
    match &notice.way {
        Way::Webhook(name) => settings.webhook(name).ok_or_else(nobody)?.tell(fetcher, notice, portal, now).await,
        Way::Mail => {
            let server = settings.smtp.as_deref().ok_or_else(nobody)?;
            let session = match session {
                Some(session) => session,
                none => none.insert(Session::open(server).await.map_err(Failure::Way)?),
            };
            session.send(notice, Letter::of(notice, portal)).await
        }
    }
}

fn commit(now: Timestamp) -> Commit {
    Commit::new(Actor::task("notices"), now, Intent::Narrow)
}

/// `None` where somebody else wrote it meanwhile.
async fn write(
    parts: &Parts,
    before: Read<Notice>,
    after: Notice,
    now: Timestamp,
) -> Result<Option<Read<Notice>>, StoreError> {
    let written = parts.store.run(move |store| {
        let mut commit = commit(now);
        commit.put_told(&before, &after)?;
        let revision = store.commit(commit)?.revision;
        Ok::<_, StoreError>(Read { value: after, revision })
    });
    match written.await {
        Ok(held) => Ok(Some(held)),
        Err(StoreError::Conflict { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn settle(parts: &Parts, commit: Commit) -> Result<(), StoreError> {
    match parts.store.run(move |store| store.commit(commit)).await {
        Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Deletes these, says so aloud, and has the log say it once for all of them.
async fn give_up(
    parts: &Parts,
    way: &Way,
    over: Vec<(Over, Read<Notice>, Option<String>)>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some((_, last, why)) = over.last() else { return Ok(()) };
    let why = why.clone().or_else(|| last.value.why.clone()).unwrap_or_else(|| "its time was over".to_owned());
    let mut commit = commit(now);
    over.iter().for_each(|(_, held, _)| commit.delete_told(held));
    settle(parts, commit).await?;
    let of = |wanted| over.iter().filter(|(over, ..)| *over == wanted).count();
    let (tried, moot, restored) = (of(Over::Tried), of(Over::Moot), of(Over::Restored));
    let way = way.to_string();
    if restored > 0 {
        tracing::info!(way, restored, "notices of before a restore are told to nobody");
    }
    if tried + moot == 0 {
        return Ok(());
    }
    tracing::error!(way, tried, moot, why, "notices are given up");
    Metric::Notices.counter(&[("way", &way), ("outcome", "given_up")]).increment((tried + moot) as u64);
    let mut kinds: Vec<&str> = over.iter().map(|(_, held, _)| held.value.kind.word()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let event = Event::narrowing("GiveUpNotices")
        .with("way", way)
        .with("kinds", kinds.join(" "))
        .with("notices", (tried + moot) as u64)
        .with("first", over.first().map(|(_, held, _)| held.value.id.to_string()).unwrap_or_default());
    let audit = parts.audit.clone();
    let noted = tokio::task::spawn_blocking(move || {
        audit.note(&Actor::task("notices"), &event, &Outcome::failed("GivenUp", &why), now);
    });
    noted.await.map_err(|ended| StoreError::Broken { why: format!("a record ended early: {ended}") })
}
