//! Takes a full read in: entries are mapped as they come, held against what is stored, and staged where they differ.
//!
//! Three things go on beside each other: the read, the mapping, and the reading of what is stored. Until that is known
//! entries wait, up to a limit; then so does the read.

use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};

use tokio::sync::mpsc;

use super::error::SyncError;
use super::known::{Known, KnownEdges};
use super::mapping::{self, Skip, derived_member};
use super::meaning::claimed_login;
use super::progress::Progress;
use super::reference;
use super::run::Runner;
use super::settings::Settings;
use super::stage::{Sortings, Stage, Staged};
use super::state::{self, Skipped, SyncState};
use super::stored::scan_all;
use crate::base::Guid;
use crate::directory::{Arrival, Entry, Kind, Reading};
use crate::model::{DirectoryLabel, Member, MemberKind, origin};
use crate::store::{Revision, Store, schema};

/// Pages that may wait for the stage: the server works ahead by one while another is mapped.
const PAGES_AHEAD: usize = 2;

/// Bytes of entries that may wait for what is stored to be known.
const MOST_WAITING: usize = 16 << 20;

/// What a full read brought.
pub(super) struct Staging {
    /// What was stored when the read began. A plan from it is worth nothing once the state has moved.
    pub(super) before: (Option<Revision>, SyncState),
    /// What is stored, in brief, ticked off where an entry says the same.
    pub(super) known: Known,
    /// What is stored of the members of groups, in brief.
    pub(super) edges: KnownEdges,
    /// Every other entry, and who references mean.
    pub(super) stage: Sortings,
    pub(super) skipped: Skipped,
    /// Entries that arrived.
    pub(super) read: u64,
    /// Those of them that are people.
    pub(super) people: u64,
    /// Those that came without an id.
    pub(super) nameless: u64,
}

/// Reads everything.
///
/// # Errors
/// When the directory, the store or the work directory fails.
pub(super) async fn read(
    runner: &Runner,
    mut progress: Box<dyn Progress>,
) -> Result<(Staging, Reading, Box<dyn Progress>), SyncError> {
    let (into, pages) = mpsc::channel(PAGES_AHEAD);
    let (tell, known) = sync_channel(1);
    let directory = runner.settings.label.clone();
    let knowing = runner.store.run(move |store| {
        let before = state(store, &directory)?;
        // Should nobody listen any more, the stage has failed and says so.
        drop(tell.send(Known::read(store, &directory)?));
        Ok::<_, SyncError>((before, KnownEdges::read(store, &directory)?))
    });
    let staging = runner.store.run({
        let runner = runner.clone();
        move |_| {
            std::fs::create_dir_all(&runner.work)?;
            let mut intake = Intake::new(&runner.settings, &runner.store, &runner.work, known)?;
            intake.take_all(pages, progress.as_mut())?;
            Ok::<_, SyncError>((intake.finish()?, progress))
        }
    });
    let (stored, staged, reading) = tokio::join!(knowing, staging, runner.source.read(into));
    // In this order a cause comes before its echo: without what is stored the stage gives up, and without the stage the
    // read does. A read that breaks only ends the other two.
    let (before, edges) = stored?;
    let (Finished { known, stage, skipped, read, people, nameless }, progress) = staged?;
    let reading = reading?;
    Ok((Staging { before, known, edges, stage, skipped, read, people, nameless }, reading, progress))
}

/// What is stored of the directory as a whole, and the revision that wrote it.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn state(store: &Store, directory: &DirectoryLabel) -> Result<(Option<Revision>, SyncState), SyncError> {
    let known = store.read(|snapshot| state::load(snapshot, directory))?;
    Ok(known.map_or((None, SyncState::default()), |(revision, state)| (Some(revision), state)))
}

/// Entries on their way to the stage.
struct Intake<'a> {
    settings: &'a Settings,
    relinks: HashMap<Member, Member>,
    stage: Stage,
    stored: Stored,
    skipped: Skipped,
    read: u64,
    people: u64,
    nameless: u64,
}

/// What is stored, once that is known.
enum Stored {
    Awaited { known: Receiver<Known>, waiting: Vec<(MemberKind, Staged)>, bytes: usize },
    Known(Known),
}

struct Finished {
    known: Known,
    stage: Sortings,
    skipped: Skipped,
    read: u64,
    people: u64,
    nameless: u64,
}

impl<'a> Intake<'a> {
    fn new(settings: &'a Settings, store: &Store, work: &Path, known: Receiver<Known>) -> Result<Self, SyncError> {
        Ok(Self {
            settings,
            relinks: relinks(store, &settings.label)?,
            stage: Stage::new(work),
            stored: Stored::Awaited { known, waiting: Vec::new(), bytes: 0 },
            skipped: Skipped::default(),
            read: 0,
            people: 0,
            nameless: 0,
        })
    }

    fn take_all(
        &mut self,
        mut pages: mpsc::Receiver<Vec<Arrival>>,
        progress: &mut dyn Progress,
    ) -> Result<(), SyncError> {
        while let Some(page) = pages.blocking_recv() {
            for arrival in page {
                self.read += 1;
                match arrival {
                    Arrival::Entry(entry) => {
                        self.people += u64::from(entry.kind == Kind::Person);
                        self.entry(&entry)?;
                    }
                    Arrival::Unusable(unusable) => {
                        self.skipped.unusable(&unusable);
                        match unusable.guid {
                            Some(guid) => self.unusable(&guid)?,
                            None => self.nameless += 1,
                        }
                    }
                }
            }
            self.listen(false)?;
            progress.read(self.read);
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), SyncError> {
        let member = self.member(derived_member(self.settings, entry));
        if let Some(login) = claimed_login(self.settings, entry) {
            self.stage.references.insert(reference::by_login(login), member);
        }
        self.stage.references.insert(reference::by_dn(&entry.dn), member);
        let staged = match mapping::map(self.settings, entry, member) {
            Ok(mapped) => Staged::entity(&mapped.entity, mapped.references)?,
            Err(Skip { why, disabled }) => {
                self.skipped.push(entry.dn.to_string(), why);
                Staged::unusable(*member.id_bytes(), disabled, true)
            }
        };
        self.push(member.kind(), staged)
    }

    /// An object of unknown kind that cannot be used keeps whatever row it has.
    fn unusable(&mut self, guid: &Guid) -> Result<(), SyncError> {
        let label = &self.settings.label;
        let derived = [
            Member::User(origin::user_id(label, guid)),
            Member::Group(origin::group_id(label, guid)),
            Member::Resource(origin::resource_id(label, guid)),
        ];
        for member in derived.map(|derived| self.member(derived)) {
            self.push(member.kind(), Staged::unusable(*member.id_bytes(), false, false))?;
        }
        Ok(())
    }

    /// Whose row stands for the object that `derived` would be.
    fn member(&self, derived: Member) -> Member {
        self.relinks.get(&derived).copied().unwrap_or(derived)
    }

    fn push(&mut self, kind: MemberKind, staged: Staged) -> Result<(), SyncError> {
        match &mut self.stored {
            Stored::Known(known) => {
                if known.tick(kind, &staged) {
                    Ok(())
                } else {
                    Ok(self.stage.push(kind, staged)?)
                }
            }
            Stored::Awaited { waiting, bytes, .. } => {
                *bytes += staged.size();
                let full = *bytes > MOST_WAITING;
                waiting.push((kind, staged));
                if full { self.listen(true) } else { Ok(()) }
            }
        }
    }

    /// Takes what is stored if that is known by now, or waits for it, and goes through all that waited.
    fn listen(&mut self, wait: bool) -> Result<(), SyncError> {
        let Stored::Awaited { known, waiting, .. } = &mut self.stored else { return Ok(()) };
        let known = if wait { known.recv().ok() } else { known.try_recv().ok() };
        let Some(known) = known else {
            return if wait { Err(SyncError::Bug("what is stored was not read".to_owned())) } else { Ok(()) };
        };
        let waiting = std::mem::take(waiting);
        self.stored = Stored::Known(known);
        waiting.into_iter().try_for_each(|(kind, staged)| self.push(kind, staged))
    }

    fn finish(mut self) -> Result<Finished, SyncError> {
        self.listen(true)?;
        let Stored::Known(known) = self.stored else {
            return Err(SyncError::Bug("what is stored was not read".to_owned()));
        };
        let Self { stage, skipped, read, people, nameless, .. } = self;
        Ok(Finished { known, stage: stage.finish()?, skipped, read, people, nameless })
    }
}

fn relinks(store: &Store, directory: &DirectoryLabel) -> Result<HashMap<Member, Member>, SyncError> {
    store.read(|snapshot| {
        let mut relinks = HashMap::new();
        for kind in [MemberKind::User, MemberKind::Group, MemberKind::Resource] {
            for (key, row) in scan_all(snapshot, &schema::relinks_of_directory(kind, directory))? {
                let derived = key.get(2..).and_then(|id| id.try_into().ok());
                let stands_for = row.value.as_slice().try_into().ok();
                if let (Some(derived), Some(stands_for)) = (derived, stands_for) {
                    relinks.insert(Member::from_parts(kind, derived), Member::from_parts(kind, stands_for));
                }
            }
        }
        Ok(relinks)
    })
}
