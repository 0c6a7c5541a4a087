//! Sessions: whether one counts, and how one ends.
//!
//! Owns the question "does this session count now?", the ways to end one, and the list of ended ones ([`feed`]). It is answered at each use from what is stored
//! then: the session's own row, whoever it was begun with, the person at the beginning of its chain, and whether the role
//! would be given to them today for what was asked for. So a session dies with its reason, and a notice that
//! was missed keeps none alive. Beginning one is `issue`'s, and who may is `gate`'s.
//!
//! ```text
//!  token --MAC--> id --row--> ended? over? --> begun with: key, login, session (the same again) --> person --> role, still?
//! ```

mod browser;
mod check;
pub mod ending;
mod error;
pub mod feed;
mod offline;
mod outside;
mod sweep;

use std::fmt;
use std::sync::{Arc, Mutex, RwLock};

use jiff::SignedDuration;

pub use browser::{CookieError, USUAL_IDLE};
use check::Ground;
pub use check::Live;
pub use error::SessionError;
pub use outside::{Outside, Rests};
pub use sweep::{Place, Swept};

use crate::base::{Secret, SessionId, Timestamp};
use crate::keys::{Keys, SessionTokenError};
use crate::model::{AccountId, Origin, Role};
use crate::rights::{Library, Shelf, Stale, TermsAt};
use crate::store::{Store, StoreError};

/// Looks sessions over; clones share what they work with.
#[derive(Clone)]
pub struct Sessions {
    store: Store,
    keys: Keys,
    home: AccountId,
    terms: TermsAt,
    shelf: Shelf,
    idle: Arc<RwLock<SignedDuration>>,
    outside: Outside,
    feed: Arc<Mutex<Option<feed::Kept>>>,
}

impl Sessions {
    /// The sessions in `store`, of the home account `home`.
    #[must_use]
    pub fn new(store: Store, keys: Keys, home: AccountId, terms: TermsAt, shelf: Shelf) -> Self {
        let (idle, outside, feed) = (Arc::new(RwLock::new(USUAL_IDLE)), Outside::default(), Arc::default());
        Self { store, keys, home, terms, shelf, idle, outside, feed }
    }

    /// The outside providers whose word counts: whoever knows of them tells of them there.
    #[must_use]
    pub fn outside(&self) -> Outside {
        self.outside.clone()
    }

    fn ground(&self) -> Ground<'_> {
        Ground { home: &self.home, idle: self.idle(), outside: &self.outside }
    }

    /// The session that a token is of, and the secret half of its access key; nothing is looked up.
    ///
    /// # Errors
    /// When it is none of ours.
    pub fn open(&self, token: &Secret<String>) -> Result<(SessionId, Secret<String>), SessionTokenError> {
        self.keys.open_session_token(token)
    }

    /// The session `id`, if it counts at `now`. Reads the store, so it blocks.
    ///
    /// # Errors
    /// Why it does not count; when the store cannot be read.
    pub fn live(&self, id: &SessionId, now: Timestamp) -> Result<Live, SessionError> {
        let terms = (self.terms)(now)?;
        let mut library = Library::with(self.shelf.clone(), &self.home, &terms);
        self.store.read(|snapshot| check::live(snapshot, &mut library.at(snapshot), self.ground(), id, now))
    }

    /// Whether what is known of the directory that somebody comes from is recent enough for a session of `role`, or of their own. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read; inside, when it is too old.
    pub fn recent(
        &self,
        origin: Option<&Origin>,
        role: Option<&Role>,
        now: Timestamp,
    ) -> Result<Result<(), Stale>, StoreError> {
        let Some(origin) = origin else { return Ok(Ok(())) };
        Ok((self.terms)(now)?.heard.recent(origin, role, now))
    }

    /// As [`Sessions::live`], of several in one reading.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn standing(&self, ids: &[SessionId], now: Timestamp) -> Result<Vec<Result<Live, SessionError>>, StoreError> {
        let terms = (self.terms)(now)?;
        let mut library = Library::with(self.shelf.clone(), &self.home, &terms);
        let ground = self.ground();
        self.store.read(|snapshot| {
            let mut reading = library.at(snapshot);
            let one = |id: &SessionId| match check::live(snapshot, &mut reading, ground, id, now) {
                Err(SessionError::Store(error)) => Err(error),
                checked => Ok(checked),
            };
            ids.iter().map(one).collect()
        })
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions")
    }
}
