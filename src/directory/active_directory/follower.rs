//! Asks, looks up what was told, hands it over, waits.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::super::intake::guid_of;
use super::super::ldap::{Connection, Question, extension::Sight};
use super::super::look_up::{everything_below, look_up};
use super::super::root_dse::RootDse;
use super::super::source::LdapSource;
use super::super::{Arrival, Changes, Cursor, DirectoryError, Dn, Reached, Wanted};
use super::bell::Bell;
use super::containers::{self, Containers, Move};
use super::controller::{Controller, counted_twice};
use super::position::{Position, Way};
use super::usn::What;
use super::{contexts, dirsync, usn};
use crate::base::Guid;

/// Objects told in one step; for more, reading everything is cheaper.
const MOST_TOLD: usize = 20_000;
/// Objects looked up and handed over at a time.
const BATCH: usize = 500;
/// However often the bell rings, the server is left alone this long between questions.
const BETWEEN: Duration = Duration::from_millis(500);
/// A position that moved without a change in scope is handed over this often.
const POSITION_EVERY: Duration = Duration::from_secs(600);
/// A bell that could not be hung, or fell silent, is hung again after this long.
const BELL_AGAIN: Duration = Duration::from_secs(300);

/// A controller may count an update a moment before it shows it: Samba's counter lies in another file than its objects, and
/// the two are committed one after the other. What was counted is asked for once more after this long, when a commit that
/// had begun is over.
const SHOWN_WITHIN: Duration = Duration::from_secs(3);

/// An object that is told to have changed.
pub(super) struct Seen {
    pub(super) guid: Guid,
    pub(super) is_deleted: bool,
    /// It was there before and may have another name or place now; so may all that is below it, untold.
    pub(super) may_have_moved: bool,
}

/// What was told in one step, each object once.
#[derive(Default)]
pub(super) struct Told {
    seen: HashMap<Guid, Seen>,
}

impl Told {
    pub(super) fn add(&mut self, seen: Seen) {
        let held = self.seen.entry(seen.guid).or_insert(Seen { is_deleted: false, may_have_moved: false, ..seen });
        held.is_deleted = seen.is_deleted;
        held.may_have_moved |= seen.may_have_moved;
    }

    pub(super) fn is_too_much(&self) -> bool {
        self.seen.len() > MOST_TOLD
    }
}

/// What became of a question.
pub(super) enum Asked {
    /// It was answered.
    Told,
    /// Only a full read helps, and why.
    Full(String),
}

/// Follows one domain controller.
pub(super) struct Follower<'a> {
    source: &'a LdapSource,
    into: mpsc::Sender<Changes>,
    connection: Connection,
    contexts: Vec<Dn>,
    containers: Containers,
    position: Position,
    /// What a container's change up to here did was seen by the full read.
    read_to: u64,
    /// An update that was counted, and when; it is certain once it was asked for [`SHOWN_WITHIN`] later.
    counted: Option<(u64, Instant)>,
    /// The cursor handed over last; what is stored until the next step is complete.
    handed: Cursor,
    handed_at: Instant,
    bell: Option<Bell>,
    bell_hung: Instant,
}

impl<'a> Follower<'a> {
    /// Begins at `cursor`, on the server it belongs to; or says why only a full read helps.
    pub(super) async fn begin(
        source: &'a LdapSource,
        cursor: &Cursor,
        into: mpsc::Sender<Changes>,
    ) -> Result<Result<Self, String>, DirectoryError> {
        source.refresh_servers().await?;
        let position = match Position::of(source, cursor) {
            Ok(position) => position,
            Err(why) => return Ok(Err(why)),
        };
        let mut connection = match source.open_again(&cursor.server).await? {
            Ok(connection) => connection,
            Err(why) => return Ok(Err(why)),
        };
        let root = RootDse::read(&mut connection).await?;
        let (Some(contexts), Some(controller)) =
            (contexts(source, &root), Controller::meet(&mut connection, &root).await?)
        else {
            return Ok(Err(format!("{} no longer says which domain controller it is", cursor.server)));
        };
        if let Some(why) = position.misfit(&cursor.server, &controller) {
            return Ok(Err(why));
        }
        if position.proven && counted_twice(&mut connection, &contexts, position.usn, position.time).await? {
            return Ok(Err(format!(
                "{} went back in time and has counted past update {} again: it was put back from a disk image",
                cursor.server, position.usn
            )));
        }
        let mut follower = Self {
            source,
            into,
            containers: Containers::read(source, &mut connection, &contexts).await?,
            connection,
            contexts,
            read_to: if position.proven { position.certain } else { position.usn },
            counted: (position.certain < position.usn).then(|| (position.usn, Instant::now())),
            position,
            handed: cursor.clone(),
            handed_at: Instant::now(),
            bell: None,
            bell_hung: Instant::now(),
        };
        follower.hang_bell(&root).await;
        Ok(Ok(follower))
    }

    /// Runs until a full read is needed (and why), nobody listens, or the connection ends.
    pub(super) async fn run(&mut self) -> Result<Option<String>, DirectoryError> {
        loop {
            if let Asked::Full(why) = self.step().await? {
                return Ok(Some(why));
            }
            let asked = Instant::now();
            let rang = async {
                match &self.bell {
                    Some(bell) => bell.rang().await,
                    None => std::future::pending().await,
                }
                tokio::time::sleep_until(asked + BETWEEN).await;
            };
            tokio::select! {
                () = self.into.closed() => return Ok(None),
                () = rang => {}
                () = tokio::time::sleep(self.until_next()) => {}
            }
        }
    }

    /// Time until the next question, if nothing happens.
    fn until_next(&self) -> Duration {
        let every = self.source.settings.follow_every;
        self.counted.map_or(every, |(_, at)| every.min(SHOWN_WITHIN.saturating_sub(at.elapsed())))
    }

    /// Asks once, and hands over what follows.
    async fn step(&mut self) -> Result<Asked, DirectoryError> {
        // Before the question: what is committed while it is answered may be missing from the answer.
        let asked = Instant::now();
        let root = RootDse::read(&mut self.connection).await?;
        let took = asked.elapsed();
        let Some(highest) = root.highest_usn else {
            return Ok(Asked::Full(format!("{} no longer tells its updates", self.connection.server())));
        };
        self.note_reached(highest);
        if self.bell.as_ref().is_none_or(Bell::is_silent) && self.bell_hung.elapsed() >= BELL_AGAIN {
            self.hang_bell(&root).await;
        }
        let ripe = self.counted.is_some_and(|(_, at)| at.elapsed() >= SHOWN_WITHIN);
        if highest == self.position.usn && !ripe {
            self.containers.settle();
            return Ok(Asked::Told);
        }
        let mut next = self.position.clone();
        let mut told = Told::default();
        if let Asked::Full(why) = self.ask(&mut next, &mut told, highest).await? {
            return Ok(Asked::Full(why));
        }
        let received = std::time::Instant::now();
        next.usn = highest;
        next.proven = true;
        // A busy controller reads its clock, waits, and then reads its numbers: what they count was changed by now at the
        // latest, and not by what the clock showed.
        next.time = Controller::clock(&root).and_then(|clock| clock.checked_add(took).ok()).unwrap_or(next.time);
        if let Some((shown, _)) = self.counted.take_if(|_| ripe) {
            next.certain = shown;
        }
        if highest != next.certain {
            self.counted.get_or_insert((highest, asked));
        }
        self.position = next;
        let handed = self.hand_over(told, received).await?;
        self.containers.settle();
        self.note_reached(highest);
        Ok(handed)
    }

    fn note_reached(&self, highest: u64) {
        let server = self.connection.server().to_owned();
        let words = |usn: u64| format!("update {usn}");
        let (ours, highest) = (words(self.position.usn), words(highest));
        self.source.note_reached(Reached { server, ours, highest, at: std::time::Instant::now(), in_step: None });
    }

    /// Asks in the way of the position, which moves on.
    async fn ask(&mut self, next: &mut Position, told: &mut Told, highest: u64) -> Result<Asked, DirectoryError> {
        let since = self.position.certain;
        let (everything, cookies) = match &mut next.way {
            Way::Dirsync { everything, cookies } if highest != self.position.usn => (everything, cookies),
            // Without cookies; or nothing was counted since they were given, and only what was counted then is in question.
            _ => return self.ask_by_number(What::Everything, since, told).await,
        };
        let sight = if *everything { Sight::Everything } else { Sight::Readable };
        for cookie in cookies {
            let asked = dirsync::tell(self.source, &mut self.connection, sight, cookie, told).await?;
            if let Asked::Full(why) = asked {
                return Ok(Asked::Full(why));
            }
        }
        // Samba's DirSync does not tell deletions that came from another controller. And what was counted and not yet shown
        // may be in the cookie, and is then never told.
        let what = if self.position.usn == since { What::Deletions } else { What::Everything };
        if let Asked::Full(why) = self.ask_by_number(what, since, told).await? {
            return Ok(Asked::Full(why));
        }
        // And it puts into the cookie how far it is when an answer ends. What was committed after the answer began is in
        // neither that answer nor, by the cookie, in the next one.
        if RootDse::read(&mut self.connection).await?.highest_usn == Some(highest) {
            return Ok(Asked::Told);
        }
        self.ask_by_number(What::Everything, highest, told).await
    }

    async fn ask_by_number(&mut self, what: What, since: u64, told: &mut Told) -> Result<Asked, DirectoryError> {
        for context in &self.contexts {
            let ask = usn::Ask { what, since, read_to: self.read_to };
            let asked = usn::tell(self.source, &mut self.connection, context, ask, told).await?;
            if let Asked::Full(why) = asked {
                return Ok(Asked::Full(why));
            }
        }
        Ok(Asked::Told)
    }

    /// Looks up what was told and hands it over; the position goes with the last of it.
    async fn hand_over(&mut self, told: Told, received: std::time::Instant) -> Result<Asked, DirectoryError> {
        if told.seen.is_empty() {
            if self.handed_at.elapsed() >= POSITION_EVERY {
                self.send(Vec::new(), Vec::new(), true, received).await;
            }
            return Ok(Asked::Told);
        }
        let seen: Vec<Seen> = told.seen.into_values().collect();
        let mut moved = Vec::new();
        let steps = seen.chunks(BATCH).count();
        for (n, some) in seen.chunks(BATCH).enumerate() {
            let wanted: Vec<Wanted> = some.iter().map(|seen| Wanted::Guid(seen.guid)).collect();
            let arrivals = look_up(self.source, &mut self.connection, &wanted).await?;
            let there: HashSet<Guid> = arrivals.iter().filter_map(guid_of).collect();
            let missing = || some.iter().filter(|seen| !there.contains(&seen.guid));
            for seen in missing().filter(|seen| seen.may_have_moved && !seen.is_deleted) {
                match self.container(seen.guid).await? {
                    Some((container, Move::Inside)) => moved.push(container),
                    Some((container, Move::Out)) => {
                        return Ok(Asked::Full(format!("the container `{container}` was renamed or moved")));
                    }
                    Some((_, Move::Elsewhere)) | None => {}
                }
            }
            let gone = missing().map(|seen| seen.guid).collect();
            let last = n + 1 == steps && moved.is_empty();
            self.send(arrivals, gone, last, received).await;
        }
        let containers = moved.len();
        for (n, container) in moved.into_iter().enumerate() {
            let below = everything_below(self.source, &mut self.connection, &container, MOST_TOLD).await?;
            let Some(arrivals) = below else {
                return Ok(Asked::Full(format!("the container `{container}` was renamed or moved, with much in it")));
            };
            self.send(arrivals, Vec::new(), n + 1 == containers, received).await;
        }
        Ok(Asked::Told)
    }

    /// The object with this id, if it is a container, and what its change means.
    async fn container(&mut self, guid: Guid) -> Result<Option<(Dn, Move)>, DirectoryError> {
        let question = Question::entry(&format!("<GUID={guid}>"), &["objectClass"]);
        let (entries, _) = self.connection.search(&question).await?.all().await?;
        let Some(entry) = entries.first() else { return Ok(None) };
        let classes = entry.values("objectClass");
        let is = |class: &&str| classes.iter().any(|held| held.eq_ignore_ascii_case(class.as_bytes()));
        if !containers::CLASSES.iter().any(is) {
            return Ok(None);
        }
        // The head of a partition changes often, and stays where it is.
        let dn = containers::name_of(&entry.dn).filter(|dn| !self.contexts.contains(dn));
        Ok(dn.map(|dn| {
            let means = self.containers.moved(self.source, guid, &dn);
            (dn, means)
        }))
    }

    async fn send(&mut self, arrivals: Vec<Arrival>, gone: Vec<Guid>, last: bool, received: std::time::Instant) {
        if last {
            self.handed = self.position.cursor(self.connection.server());
            self.handed_at = Instant::now();
        }
        let changes = Changes::Delta { arrivals, gone, former: Vec::new(), cursor: self.handed.clone(), received };
        // A receiver that is gone is noticed before the next question.
        let _ = self.into.send(changes).await;
    }

    async fn hang_bell(&mut self, root: &RootDse) {
        self.bell_hung = Instant::now();
        let server = self.connection.server().to_owned();
        self.bell = match Bell::hang(self.source, &server, root, &self.contexts).await {
            Ok(bell) => bell,
            Err(error) => {
                tracing::debug!(%error, "the server does not notify; it is asked at intervals");
                None
            }
        };
    }
}
