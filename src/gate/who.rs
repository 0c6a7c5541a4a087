//! Of which callers policies say something, and what their rights rest on.

use std::fmt;

use super::judge::DecideError;
use crate::authn::Caller;
use crate::authn::signed::{From, Signed};
use crate::model::AccountId;
use crate::rights::{Acting, ActingError, Reading};
use crate::store::Snapshot;

/// A caller whom policies know.
pub(super) enum Who<'a> {
    /// Who signed.
    Signed(&'a Signed),
}

impl<'a> Who<'a> {
    /// The one behind `caller`, if policies know them.
    pub(super) fn of(caller: &'a Caller) -> Option<Self> {
        caller.signed().map(Self::Signed)
    }

    /// True of root, in whatever session of its own.
    pub(super) fn is_root(&self) -> bool {
        match self {
            Self::Signed(signed) => signed.is_root(),
        }
    }

    /// Where they ask from.
    pub(super) fn from(&self) -> &From {
        match self {
            Self::Signed(signed) => signed.from(),
        }
    }

    /// What their rights rest on now, or why they have none.
    pub(super) fn acting(
        &self,
        snapshot: &dyn Snapshot,
        reading: &mut Reading<'_, '_>,
        home: &AccountId,
    ) -> Result<Result<Acting, String>, DecideError> {
        let Self::Signed(signed) = self;
        let user = signed.user();
        if user.is_some_and(|user| reading.terms().frozen.contains(&user.origin.directory)) {
            return Ok(Err("because its directory is no longer configured".to_owned()));
        }
        let acting = match (signed.session(), user) {
            (Some(live), _) => Acting::session(snapshot, reading, home, live.session()),
            (None, Some(user)) => Acting::user(reading, user),
            (None, None) => Acting::root(home),
        };
        match acting {
            Ok(acting) => Ok(Ok(acting)),
            Err(ActingError::Gone(why)) => Ok(Err(format!("because {why}"))),
            Err(ActingError::Request(error)) => Err(error.into()),
            Err(ActingError::Store(error)) => Err(error.into()),
        }
    }
}

impl fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signed(signed) => signed.fmt(f),
        }
    }
}
