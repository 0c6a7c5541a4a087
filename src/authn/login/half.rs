//! Half a sign-in: the password was right, and a code of a second factor is wanted.
//!
//! Whoever shows pages lets somebody go on with it, so that the password is typed once and kept nowhere. It is worth nothing
//! without a code, which counts once; and it is sealed when it leaves, for a browser to bring back.

use std::sync::PoisonError;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::people::{Way, admit};
use super::{Bound, Logins, Reason, Refused};
use crate::authn::Caller;
use crate::authn::signed::From;
use crate::base::{Secret, Timestamp, UserId};
use crate::keys::{Keys, KeysError};
use crate::model::User;
use crate::store::StoreError;

/// For how long somebody may look for their device.
const GOOD_FOR: SignedDuration = SignedDuration::from_mins(5);

/// For whom it is sealed.
const OWNER: &str = "half-a-sign-in";

/// A password that was right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Half {
    user: UserId,
    at: Timestamp,
    /// When the password was set, as known then: another one since makes this worth nothing.
    password: Option<Timestamp>,
}

impl Half {
    pub(super) fn of(user: &User, password: Option<Timestamp>, now: Timestamp) -> Self {
        Self { user: user.id, at: now, password }
    }

    /// Sealed, as text for a browser.
    ///
    /// # Errors
    /// When there is no master key.
    pub fn seal(&self, keys: &Keys) -> Result<String, KeysError> {
        let lost = |error: serde_json::Error| KeysError::NotOpened { owner: OWNER.to_owned(), why: error.to_string() };
        let plain = serde_json::to_vec(self).map_err(lost)?;
        Ok(keys.seal(OWNER, &Secret::new(plain))?.to_string())
    }

    /// What a browser brought back. `None` of anything that was not sealed here.
    #[must_use]
    pub fn open(keys: &Keys, text: &str) -> Option<Self> {
        let plain = keys.unseal(OWNER, &text.parse().ok()?).ok()?;
        serde_json::from_slice(plain.expose()).ok()
    }
}

impl Logins {
    /// Lets somebody in who goes on with `code` where they were asked for one. Record it: call it through the gate.
    ///
    /// # Errors
    /// Why not; when too much time has passed they begin anew.
    pub async fn go_on(&self, half: Half, code: Secret<String>, from: From, now: Timestamp) -> Result<Caller, Refused> {
        if !self.settings.read().unwrap_or_else(PoisonError::into_inner).enabled {
            return Err(Refused::new(Reason::Off, "`login.enabled` is false"));
        }
        let late = now.duration_since(half.at) > GOOD_FOR || now < half.at;
        if late {
            return Err(Refused::new(Reason::CodeTooLate, "the code came too long after the password"));
        }
        let parts = self.parts.clone();
        let admitted = self.parts.store.run(move |store| {
            let same = |_: &User, password| password == half.password;
            let way = Way { code: Some(code), from };
            Ok::<_, StoreError>(admit(&parts, store, half.user, same, way, now))
        });
        let bound: Bound = admitted.await.map_err(|error| Refused::failed(&error))??;
        Ok(bound.into())
    }
}
