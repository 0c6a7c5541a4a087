//! Following changes by RFC 4533 (content synchronization), as OpenLDAP's syncprov and 389-DS offer it.
//!
//! One persistent search a base, merged into one stream of [`Changes`]. A position is taken beforehand (`position`), so
//! that a full read may come first and be paged. What the server reports as deleted
//! is looked up on the same server before it is called gone. Whenever the server, the question or the
//! cookie is not what the cursor was made with, the answer is [`Changes::FullReadNeeded`]: a cookie that a
//! server does not understand can silently turn into a refresh that names no deletion.

mod batch;
mod position;

use std::collections::HashSet;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use batch::{Batch, Fact, Parts};
use position::{cursor_at, is_lost, is_sound, usable};

pub(super) use position::position;

use super::intake::{Taken, guid_of};
use super::ldap::sync::{Mode, sync_request};
use super::ldap::{Answer, Connection, Outcome, Question, Scope, State, SyncInfo, SyncState};
use super::look_up::look_up;
use super::settings::Family;
use super::source::LdapSource;
use super::{Arrival, Changes, Cursor, DirectoryError, Wanted};
use crate::base::Guid;
use crate::base::text::printable;

/// Changes handed over in one step.
const BATCH: usize = 500;
/// A position that moved without a change in scope is handed over this often.
const COOKIE_EVERY: Duration = Duration::from_secs(30);
/// A quiet connection is asked whether it lives this often: a peer that vanished says nothing.
const PROBE_EVERY: Duration = Duration::from_secs(60);
/// Answers waiting to be taken from each search.
const QUEUE: usize = 256;

/// Follows changes from `cursor` on.
pub(super) async fn follow(
    source: &LdapSource,
    cursor: Cursor,
    into: mpsc::Sender<Changes>,
) -> Result<(), DirectoryError> {
    source.refresh_servers().await?;
    let begun = match usable(source, &cursor) {
        Ok(cookies) => begin(source, &cursor.server, cookies, into.clone()).await?,
        Err(why) => Begun::Full(why),
    };
    let ended = match begun {
        Begun::Following(mut follower) => follower.run().await,
        Begun::Full(why) => Ok(Next::Full(why)),
    };
    match ended {
        Ok(Next::Full(why)) => {
            // A receiver that is gone needs no answer.
            let _ = into.send(Changes::FullReadNeeded { why }).await;
            Ok(())
        }
        Ok(_) => Ok(()),
        Err(error) => {
            source.note_failure(&cursor.server, &error);
            Err(error)
        }
    }
}

enum Begun<'a> {
    Following(Box<Follower<'a>>),
    Full(String),
}

/// Opens a persistent search a base on the server the cookies come from: another server has seen other
/// changes, or the same in another order.
async fn begin<'a>(
    source: &'a LdapSource,
    server: &str,
    cookies: Vec<Vec<u8>>,
    into: mpsc::Sender<Changes>,
) -> Result<Begun<'a>, DirectoryError> {
    let (queue, events) = mpsc::channel(QUEUE);
    let (mut bases, mut searches) = (Vec::new(), Vec::new());
    for (index, (cookie, (base, _))) in cookies.into_iter().zip(&source.bases).enumerate() {
        let mut connection = if index == 0 {
            match source.open_again(server).await? {
                Ok(connection) => connection,
                Err(why) => return Ok(Begun::Full(why)),
            }
        } else {
            source.open_to(server).await?
        };
        let question = Question {
            base: base.to_string(),
            scope: Scope::Subtree,
            filter: source.intake.everything.clone(),
            attributes: source.intake.attributes.clone(),
            controls: vec![sync_request(Mode::RefreshAndPersist, &cookie)],
        };
        let mut answers = connection.search_on(&question).await?;
        let queue = queue.clone();
        searches.push(AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                let answer = answers.next().await;
                let last = matches!(answer, Err(_) | Ok(Answer::Done(_)));
                let received = std::time::Instant::now();
                if queue.send(Event { base: index, received, answer }).await.is_err() || last {
                    return;
                }
            }
        })));
        bases.push(Base { connection, cookie, refresh: Some(Refresh::default()) });
    }
    let handed_cookies = bases.iter().map(|base| base.cookie.clone()).collect();
    Ok(Begun::Following(Box::new(Follower {
        source,
        server: server.to_owned(),
        into,
        events,
        bases,
        batch: Batch::default(),
        confirmer: None,
        handed_over: Instant::now(),
        handed_cookies,
        _searches: searches,
    })))
}

/// An answer to one of the persistent searches.
struct Event {
    base: usize,
    received: std::time::Instant,
    answer: Result<Answer, DirectoryError>,
}

/// What happens next.
enum Next {
    Go,
    /// The refresh of a base is over, at this cookie.
    Refreshed(usize, Option<Vec<u8>>),
    /// Only a full read helps.
    Full(String),
    /// Nobody listens any more.
    Stop,
}

struct Base {
    connection: Connection,
    /// Where this base stands.
    cookie: Vec<u8>,
    /// `None` in the persist stage.
    refresh: Option<Refresh>,
}

/// The refresh stage of a base (RFC 4533 3.3.1).
#[derive(Default)]
struct Refresh {
    /// Everything named as there, changed or not.
    named: HashSet<Guid>,
    /// The server listed what is left rather than what was deleted.
    present: bool,
}

struct Follower<'a> {
    source: &'a LdapSource,
    server: String,
    into: mpsc::Sender<Changes>,
    events: mpsc::Receiver<Event>,
    bases: Vec<Base>,
    batch: Batch,
    /// Connection that deletions are confirmed on.
    confirmer: Option<Connection>,
    handed_over: Instant,
    /// The cookies handed over last.
    handed_cookies: Vec<Vec<u8>>,
    _searches: Vec<AbortOnDropHandle<()>>,
}

impl Follower<'_> {
    /// Runs until a full read is needed, nobody listens or the connection ends.
    async fn run(&mut self) -> Result<Next, DirectoryError> {
        loop {
            let Some(event) = self.next_event().await? else { return Ok(Next::Stop) };
            match self.take(event)? {
                Next::Go => {}
                Next::Refreshed(base, cookie) => match self.refreshed(base, cookie).await? {
                    Next::Go => {}
                    end => return Ok(end),
                },
                end => return Ok(end),
            }
            let due = self.batch.len() >= BATCH || self.events.is_empty();
            if due && let Next::Stop = self.hand_over().await? {
                return Ok(Next::Stop);
            }
        }
    }

    /// Waits for the next event; `None` when nobody listens.
    async fn next_event(&mut self) -> Result<Option<Event>, DirectoryError> {
        loop {
            tokio::select! {
                event = self.events.recv() => match event {
                    Some(event) => return Ok(Some(event)),
                    None => return Err(self.ended("all searches ended")),
                },
                () = self.into.closed() => return Ok(None),
                () = tokio::time::sleep(PROBE_EVERY) => {
                    for base in &mut self.bases {
                        base.connection.search(&Question::entry("", &["1.1"])).await?.all().await?;
                    }
                }
            }
        }
    }

    fn take(&mut self, event: Event) -> Result<Next, DirectoryError> {
        let Event { base: index, received, answer } = event;
        let broken = |why: &str| DirectoryError::Protocol { server: self.server.clone(), why: why.to_owned() };
        let Some(base) = self.bases.get_mut(index) else { return Ok(Next::Go) };
        match answer? {
            Answer::Entry(raw, Some(SyncState { state, id, cookie })) => {
                match state {
                    State::Present => {
                        base.named_present(id).ok_or_else(|| broken("it listed what is present outside a refresh"))?
                    }
                    State::Deleted => self.batch.add(id, Fact::ReportedGone, received),
                    State::Changed => {
                        base.named(id);
                        if self.source.settings.family == Family::Ds389 {
                            // From a cookie it sends all attributes but those it has to be asked for, the lock among them.
                            self.batch.add(id, Fact::Changed, received);
                            return Ok(base.moved_to(self.source, cookie));
                        }
                        match self.source.intake.take(raw) {
                            Taken::Outside => self.batch.add(id, Fact::Outside, received),
                            Taken::In(arrival) => match identified(arrival, id) {
                                Ok(arrival) => self.batch.add(id, Fact::There(arrival), received),
                                Err(why) => return Ok(Next::Full(why)),
                            },
                        }
                    }
                }
                Ok(base.moved_to(self.source, cookie))
            }
            Answer::Entry(_, None) => Err(broken("it sent an entry without a sync state")),
            // Somebody else's data; what is deleted here is looked up anyway.
            Answer::Reference => Ok(Next::Go),
            Answer::Sync(SyncInfo::NewCookie(cookie)) => Ok(base.moved_to(self.source, Some(cookie))),
            Answer::Sync(SyncInfo::Ids { deletes: true, ids, cookie }) => {
                ids.into_iter().for_each(|id| self.batch.add(id, Fact::ReportedGone, received));
                Ok(base.moved_to(self.source, cookie))
            }
            Answer::Sync(SyncInfo::Ids { deletes: false, ids, cookie }) => {
                for id in ids {
                    base.named_present(id).ok_or_else(|| broken("it listed what is present outside a refresh"))?;
                }
                Ok(base.moved_to(self.source, cookie))
            }
            Answer::Sync(SyncInfo::RefreshEnd { deletes, done, cookie }) => {
                if let Some(refresh) = &mut base.refresh {
                    refresh.present |= !deletes;
                }
                Ok(if done { Next::Refreshed(index, cookie) } else { Next::Go })
            }
            Answer::Done(outcome) => self.done(outcome),
        }
    }

    /// What the end of a persistent search means. It should not end at all.
    fn done(&self, outcome: Outcome) -> Result<Next, DirectoryError> {
        const UNWILLING_TO_PERFORM: u32 = 53;
        const SYNC_REFRESH_REQUIRED: u32 = 4096;
        let said =
            |outcome: &Outcome| if outcome.text.is_empty() { String::new() } else { format!(": {}", outcome.text) };
        match outcome.code {
            SYNC_REFRESH_REQUIRED => Ok(Next::Full(format!(
                "{} no longer knows the position (e-syncRefreshRequired){}",
                self.server,
                said(&outcome)
            ))),
            // OpenLDAP: "consumer state is newer than provider!", after its database was put back from a backup.
            UNWILLING_TO_PERFORM => {
                Ok(Next::Full(format!("{} does not accept the position{}", self.server, said(&outcome))))
            }
            0 => Err(self.ended("the server ended the synchronization")),
            // Whatever else it says (12, unavailableCriticalExtension, where the overlay was unloaded): reading everything
            // would not make it push changes, so this is an error to see rather than a reason to read for ever.
            _ => Err(outcome.refusal(&self.server, "to push changes")),
        }
    }

    fn ended(&self, why: &str) -> DirectoryError {
        DirectoryError::Connection { server: self.server.clone(), why: why.to_owned() }
    }

    /// A base's refresh is over.
    async fn refreshed(&mut self, index: usize, cookie: Option<Vec<u8>>) -> Result<Next, DirectoryError> {
        let several = self.bases.len() > 1;
        let Some(base) = self.bases.get_mut(index) else { return Ok(Next::Go) };
        let Some(refresh) = base.refresh.take() else { return Ok(Next::Go) };
        let cookie = cookie.unwrap_or_else(|| base.cookie.clone());
        if !is_sound(self.source.settings.family, &cookie) {
            let shown = printable(&String::from_utf8_lossy(&cookie)).into_owned();
            return Ok(Next::Full(format!(
                "{} refreshed everything but gave no usable position (`{shown}`)",
                self.server
            )));
        }
        if !refresh.present {
            base.cookie = cookie;
            return Ok(Next::Go);
        }
        if several {
            // Each base has its own list, and some may have named deletions instead; only together would they prove anything.
            return Ok(Next::Full(format!("{} no longer knows what was deleted since", self.server)));
        }
        // What changed goes first, and leaves the position where it was: the list below is part of the same step.
        if let Next::Stop = self.hand_over().await? {
            return Ok(Next::Stop);
        }
        if let Some(base) = self.bases.get_mut(index) {
            base.cookie = cookie;
        }
        let changes =
            Changes::Present { present: refresh.named, cursor: self.cursor(), received: std::time::Instant::now() };
        Ok(self.send(changes).await)
    }

    /// Hands the batch over, if there is anything worth it.
    async fn hand_over(&mut self) -> Result<Next, DirectoryError> {
        if self.batch.is_empty() && !(self.has_moved() && self.handed_over.elapsed() >= COOKIE_EVERY) {
            return Ok(Next::Go);
        }
        let received = self.batch.received.unwrap_or_else(std::time::Instant::now);
        let Parts { there: mut arrivals, outside: mut gone, unclear, former } =
            std::mem::take(&mut self.batch).into_parts();
        let found = self.confirm(&unclear).await?;
        let there: HashSet<Guid> = found.iter().filter_map(guid_of).collect();
        gone.extend(unclear.into_iter().filter(|id| !there.contains(id)));
        arrivals.extend(found);
        let changes = Changes::Delta { arrivals, gone, former, cursor: self.cursor(), received };
        self.handed_cookies = self.bases.iter().map(|base| base.cookie.clone()).collect();
        Ok(self.send(changes).await)
    }

    /// Which of these objects are there, asked from the server that reported them changed or gone.
    async fn confirm(&mut self, unclear: &[Guid]) -> Result<Vec<Arrival>, DirectoryError> {
        if unclear.is_empty() {
            return Ok(Vec::new());
        }
        let wanted: Vec<Wanted> = unclear.iter().map(|guid| Wanted::Guid(*guid)).collect();
        if let Some(mut held) = self.confirmer.take().filter(Connection::is_alive)
            && let Ok(found) = look_up(self.source, &mut held, &wanted).await
        {
            self.confirmer = Some(held);
            return Ok(found);
        }
        let mut fresh = self.source.open_to(&self.server).await?;
        let found = look_up(self.source, &mut fresh, &wanted).await?;
        self.confirmer = Some(fresh);
        Ok(found)
    }

    async fn send(&mut self, changes: Changes) -> Next {
        self.handed_over = Instant::now();
        if self.into.send(changes).await.is_err() { Next::Stop } else { Next::Go }
    }

    fn cursor(&self) -> Cursor {
        cursor_at(self.source, &self.server, self.bases.iter().map(|base| &base.cookie))
    }

    /// True when a base has a cookie that was not handed over.
    fn has_moved(&self) -> bool {
        !self.bases.iter().map(|base| &base.cookie).eq(&self.handed_cookies)
    }
}

impl Base {
    /// Notes during a refresh that `id` is there.
    fn named(&mut self, id: Guid) {
        if let Some(refresh) = &mut self.refresh {
            refresh.named.insert(id);
        }
    }

    /// Notes that `id` is left; `None` outside a refresh, where such a thing means nothing.
    fn named_present(&mut self, id: Guid) -> Option<()> {
        let refresh = self.refresh.as_mut()?;
        refresh.present = true;
        refresh.named.insert(id);
        Some(())
    }

    /// Notes a cookie. During a refresh only the one at its end counts: entries come in any order until then.
    fn moved_to(&mut self, source: &LdapSource, cookie: Option<Vec<u8>>) -> Next {
        let family = source.settings.family;
        match cookie.filter(|_| self.refresh.is_none()) {
            // Going on from one that is not sound ends in a full read; until then changes are pushed all the same.
            Some(cookie) if is_sound(family, &cookie) || is_lost(&cookie) => self.cookie = cookie,
            Some(cookie) => {
                let shown = printable(&String::from_utf8_lossy(&cookie)).into_owned();
                return Next::Full(format!("the server gave a position that cannot be used (`{shown}`)"));
            }
            None => {}
        }
        Next::Go
    }
}

/// The arrival, with the id the server synchronizes by. The two must be the same, or a later deletion could not be understood.
fn identified(arrival: Arrival, id: Guid) -> Result<Arrival, String> {
    match guid_of(&arrival) {
        Some(guid) if guid != id => {
            Err(format!("the server synchronizes by another id ({id}) than `id_attribute` holds ({guid})"))
        }
        _ => Ok(match arrival {
            Arrival::Unusable(mut unusable) => {
                unusable.guid = Some(id);
                Arrival::Unusable(unusable)
            }
            entry => entry,
        }),
    }
}
