//! Opening a store: the right one, whole, in a layout we know, by us alone. Everything else is
//! refused with what to do about it.

use std::path::PathBuf;
use std::time::Duration;

use rand::RngExt as _;

use super::identity::{self, Epoch, Identity, Restorer};
use super::migrate::{self, MIGRATIONS};
use super::place::{Place, refused};
use super::sled::{Sled, tree::Tree};
use super::{Store, StoreError, history, schema};
use crate::base::{Timestamp, rng};
use crate::model::Actor;

/// Where the store is and how it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The state directory.
    pub dir: PathBuf,
    /// Size of the reserve file for a full disk.
    pub reserve_bytes: u64,
    /// True for the demonstration, whose stores nothing else opens.
    pub demo: bool,
    /// When an empty store may be made.
    pub init: Init,
    /// Memory the engine may use to keep pages.
    pub cache_bytes: u64,
    /// How long to wait for another process that has it open.
    pub patience: Duration,
}

impl Settings {
    /// The defaults, for a store in `dir`.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            reserve_bytes: 64 * 1024 * 1024,
            demo: false,
            init: Init::FirstUse,
            // More made a first load of 100,000 people no faster and took its memory beyond 300 MB (benches/README.md).
            cache_bytes: 16 * 1024 * 1024,
            patience: Duration::ZERO,
        }
    }
}

/// When an empty store may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Init {
    /// Where none was ever made. A store that has gone missing is not replaced by an empty one:
    /// everybody in it would silently be a stranger.
    FirstUse,
    /// Whatever was there before (`--init`).
    Anew,
}

/// A store, ready for use.
#[derive(Debug)]
pub struct Ready {
    /// The store.
    pub store: Store,
    /// Which one it is.
    pub identity: Identity,
    /// True when it was made just now.
    pub created: bool,
    /// When its last commit was made: no clock may start before.
    pub last_commit: Option<Timestamp>,
    /// What was corrected on the way, for the log.
    pub notices: Vec<String>,
}

/// Opens the store in `settings.dir`, or makes it where it may be made.
///
/// # Errors
/// [`StoreError::CannotOpen`] with the remedy; [`StoreError::Full`] when even the reserve is spent.
pub fn open(settings: &Settings, now: Timestamp) -> Result<Ready, StoreError> {
    let (place, mut notices) = Place::hold(&settings.dir, settings.patience)?;
    let marker = place.marker()?;
    let may_make = marker.is_none() || settings.init == Init::Anew;
    if !may_make && !Tree::exists(&place.store()) {
        return Err(missing(&place, "a store was made here, and it is gone"));
    }
    let engine = Sled::open(place, settings.cache_bytes, settings.reserve_bytes)?;
    let (identity, created) = identify(&engine, settings, may_make, now)?;
    if marker.as_ref().is_some_and(|marker| marker.store != identity.store) && settings.init != Init::Anew {
        return Err(missing(engine.place(), "this is not the store that was made here"));
    }
    check_demo(&engine, settings, &identity)?;
    check_tail(&engine, settings, now)?;
    if marker.as_ref() != Some(&identity) {
        engine.place().mark(&identity)?;
    }
    let dir = settings.dir.clone();
    let store = Store::new(engine);
    check_schema(&store, &dir, now)?;
    let last_commit = store.read(history::last_commit_time)?;
    if store.health().reserve_spent {
        notices.push(format!(
            "{} is nearly full: only what takes access away is accepted until there is room",
            dir.display()
        ));
    }
    Ok(Ready { store, identity, created, last_commit, notices })
}

/// True when the store in `dir` was made for the demonstration: looking at it does not depend on whose it is.
#[must_use]
pub fn is_demo(dir: &std::path::Path) -> bool {
    let marker = std::fs::read(dir.join(super::place::MARKER)).ok();
    marker.and_then(|text| serde_json::from_slice::<Identity>(&text).ok()).is_some_and(|identity| identity.demo)
}

fn missing(place: &Place, why: &str) -> StoreError {
    refused(
        place.dir(),
        why.to_owned(),
        "Restore it with `bailey store import FILE`, or start once with `--init` to begin with an empty one",
    )
}

/// Which store this is; a new one if there is none and one may be made.
fn identify(
    engine: &Sled,
    settings: &Settings,
    may_make: bool,
    now: Timestamp,
) -> Result<(Identity, bool), StoreError> {
    let mut found = None;
    super::Engine::snapshot(engine, &mut |snapshot| {
        found = identity::identity(snapshot)?;
        Ok(())
    })?;
    if let Some(identity) = found {
        return Ok((identity, false));
    }
    if !may_make {
        return Err(missing(engine.place(), "a store was made here, and it is empty"));
    }
    let mut rng = randomness()?;
    let identity = Identity { store: hex::encode(rng.random::<[u8; 16]>()), created: now, demo: settings.demo };
    engine.seed(&identity::first_rows(&identity, Epoch::fresh(&mut rng))?)?;
    Ok((identity, true))
}

fn randomness() -> Result<rand::rngs::StdRng, StoreError> {
    rng::from_os().map_err(|error| StoreError::Broken { why: format!("no randomness: {error}") })
}

/// The demonstration knows everybody's password, so its people must never be taken for real ones.
fn check_demo(engine: &Sled, settings: &Settings, identity: &Identity) -> Result<(), StoreError> {
    let dir = engine.place().dir();
    match (identity.demo, settings.demo) {
        (true, false) => Err(refused(
            dir,
            "it was made by the demonstration".to_owned(),
            "Use another `store.dir`, or start with `--demo`",
        )),
        (false, true) => Err(refused(
            dir,
            "it was not made by the demonstration".to_owned(),
            "Start without `--demo`, or use another `store.dir`",
        )),
        _ => Ok(()),
    }
}

/// Commits that were acknowledged must still be there. Where somebody put an older copy of the files in place and says so, which
/// is a restore too, a new epoch begins.
fn check_tail(engine: &Sled, settings: &Settings, now: Timestamp) -> Result<(), StoreError> {
    let place = engine.place();
    let (remembered, found) = (place.acknowledged(), *super::Engine::watch(engine).borrow());
    let acknowledged = remembered.unwrap_or(0);
    if acknowledged > found && settings.init != Init::Anew {
        let why = format!(
            "commit {acknowledged} was acknowledged, and the last one found is {found}: its files are damaged, or old"
        );
        let remedy = format!(
            "Restore the last export with `bailey store import`. If it is an older copy that you put here, delete {}",
            place.dir().join("acknowledged").display()
        );
        return Err(refused(place.dir(), why, &remedy));
    }
    if acknowledged > found || remembered.is_none() && found > 0 {
        tracing::warn!(commit = found, "the store was put back by hand: everything issued before is void");
        let restorer = Restorer { by: Actor::task("store"), from: "files put back by hand".to_owned(), at: now };
        let mut before = Epoch::default();
        super::Engine::snapshot(engine, &mut |snapshot| {
            before = identity::epoch(snapshot)?;
            Ok(())
        })?;
        engine.seed(&identity::new_life(before, Epoch::fresh(&mut randomness()?), &restorer)?)?;
    }
    place.acknowledge(found);
    Ok(())
}

fn check_schema(store: &Store, dir: &std::path::Path, now: Timestamp) -> Result<(), StoreError> {
    let wanted = schema::SCHEMA_VERSION;
    let found = store.read(identity::schema_version)?.unwrap_or(0);
    if found > wanted {
        return Err(refused(
            dir,
            format!("its layout is {found} and this version knows {wanted}"),
            "Start the newer version of bailey that wrote it, or restore an export made before the upgrade",
        ));
    }
    migrate::migrate(store, found, wanted, MIGRATIONS, now).map_err(|error| {
        refused(dir, format!("its layout is {found}: {error}"), "Restore an export, or ask for help with this message")
    })
}
