//! Half a sign-in: the password was right, and a second factor is wanted: a code of one, or that one be set up.
//!
//! Whoever shows pages lets somebody go on with it, so that the password is typed once and kept nowhere. It is worth nothing
//! without a second factor, which counts once; and it is sealed when it leaves, for a browser to bring back.

use std::sync::PoisonError;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use sha2::{Digest as _, Sha256};

use super::factor::{Factor, Method, Shown};
use super::people::{Way, admit, standing};
use super::{Bound, Logins, Parts, Reason, Refused, invited};
use crate::authn::Caller;
use crate::authn::signed::RequestSource;
use crate::base::{Timestamp, UserId};
use crate::keys::{Keys, KeysError};
use crate::model::{CredentialOwner, OutsideWord, PasskeyId, User};
use crate::store::{Snapshot, StoreError, credentials, factors};

/// A second factor that somebody put into use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewFactor {
    /// A device that shows codes, of this name.
    Device(String),
    /// A passkey.
    Passkey(PasskeyId),
}

/// For how long somebody may look for their device.
const GOOD_FOR: SignedDuration = SignedDuration::from_mins(5);

/// For whom it is sealed.
const OWNER: &str = "half-of-a-sign-in";

/// A password that was right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Half {
    pub(super) user: UserId,
    at: Timestamp,
    /// When the password was set, as known then: another one since makes this worth nothing.
    password: Option<Timestamp>,
    /// A digest of the link of the invitation that was shown in place of a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) invitation: Option<String>,
    /// The word of an outside provider, in place of a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outside: Option<Box<OutsideWord>>,
}

impl Half {
    pub(super) fn of(user: &User, password: Option<Timestamp>, now: Timestamp) -> Self {
        Self { user: user.id, at: now, password, invitation: None, outside: None }
    }

    /// Of somebody who was invited, and showed that.
    pub(super) fn invited(user: UserId, password: Option<Timestamp>, link: String, now: Timestamp) -> Self {
        Self { user, at: now, password, invitation: Some(link), outside: None }
    }

    /// Of somebody for whom an outside provider vouches.
    pub(super) fn vouched(user: UserId, password: Option<Timestamp>, word: Box<OutsideWord>, now: Timestamp) -> Self {
        Self { user, at: now, password, invitation: None, outside: Some(word) }
    }

    /// Of somebody who got as far as that.
    pub(crate) fn of_bound(bound: &Bound) -> Self {
        let (invitation, outside) = (bound.invitation.clone(), bound.outside.clone());
        Self { user: bound.user.id, at: bound.at, password: bound.password, invitation, outside }
    }

    /// The same, of somebody for whom an outside provider vouches.
    #[must_use]
    pub fn by_an_outside_word(self, word: OutsideWord) -> Self {
        Self { outside: Some(Box::new(word)), ..self }
    }

    /// Whether an outside provider vouches for them, in place of a password.
    #[must_use]
    pub fn is_vouched(&self) -> bool {
        self.outside.is_some()
    }

    /// Whether it stands for an invitation, in place of a password.
    #[must_use]
    pub fn is_invited(&self) -> bool {
        self.invitation.is_some()
    }

    /// Who has to show the second factor.
    #[must_use]
    pub fn user(&self) -> UserId {
        self.user
    }

    /// A digest of it in the browser that has this code in its cookie: what belongs to one sign-in is tied to it.
    #[must_use]
    pub fn digest(&self, flow: &str) -> [u8; 32] {
        let password = self.password.map(|at| at.to_string()).unwrap_or_default();
        let parts = [self.user.to_string(), self.at.to_string(), password, flow.to_owned()];
        Sha256::digest(parts.join("\n")).into()
    }

    /// Sealed, as text for a browser.
    ///
    /// # Errors
    /// When there is no master key.
    pub fn seal(&self, keys: &Keys) -> Result<String, KeysError> {
        keys.seal_to_text(OWNER, self)
    }

    /// What a browser brought back. `None` of anything that was not sealed here.
    #[must_use]
    pub fn open(keys: &Keys, text: &str) -> Option<Self> {
        keys.open_text(OWNER, text)
    }
}

impl Logins {
    /// Lets somebody in who goes on with `shown` where they were asked for a second factor. Record it: call it through the gate.
    ///
    /// # Errors
    /// Why not; when too much time has passed they begin anew.
    pub async fn go_on(
        &self,
        half: Half,
        shown: Shown,
        from: RequestSource,
        now: Timestamp,
    ) -> Result<Caller, Refused> {
        self.in_time(&half, now)?;
        let (parts, outside) = (self.parts.clone(), half.outside.clone());
        let admitted = self.parts.store.run(move |store| {
            let same = |_: &User, password| password == half.password;
            let way = Way { shown: Some(shown), from };
            Ok::<_, StoreError>(admit(&parts, store, half.user, same, way, now))
        });
        let admitted = admitted.await.map_err(|error| Refused::failed(&error))?;
        // What is tried once more was begun as it was.
        let again = |mut refused: Refused| {
            refused.half = refused.half.map(|next| Box::new(Half { outside: outside.clone(), ..*next }));
            refused
        };
        let bound: Bound = admitted.map_err(again)?;
        Ok(Bound { by_password: outside.is_none(), outside, ..bound }.into())
    }

    /// Whoever got as far as that and has no second factor: they may set one up. An invitation has to be good still. Blocks.
    ///
    /// # Errors
    /// Why not; when too much time has passed they begin anew.
    pub fn resume(&self, half: &Half, from: RequestSource, now: Timestamp) -> Result<Caller, Refused> {
        self.in_time(half, now)?;
        let same = |_: &User, password| password == half.password;
        if let Some(link) = &half.invitation {
            invited::good(&self.parts.store, half.user, link, now)?;
        }
        let admitted = admit(&self.parts, &self.parts.store, half.user, same, Way { shown: None, from }, now);
        let (invitation, outside) = (half.invitation.clone(), half.outside.clone());
        admitted.map(|bound| Bound { invitation, by_password: outside.is_none(), outside, ..bound }.into())
    }

    /// The same person signed in, who has put a second factor into use at `now`, which takes codes of it or its signature. Blocks.
    ///
    /// # Errors
    /// When they have not; otherwise as [`Logins::resume`].
    pub fn enrolled(
        &self,
        half: &Half,
        factor: &NewFactor,
        from: RequestSource,
        now: Timestamp,
    ) -> Result<Caller, Refused> {
        self.in_time(half, now)?;
        let Parts { store, account, .. } = &self.parts;
        let by = store.read(|snapshot| put_into_use(snapshot, half.user, factor, now));
        let by = by.map_err(|error: StoreError| Refused::failed(&error))?.ok_or_else(|| {
            Refused::new(Reason::WrongCode, "the second factor is somebody else's, or was put into use before")
        })?;
        let same = |_: &User, password| password == half.password;
        let (user, password) = standing(store, half.user, same, now)?;
        let mfa = Some(Factor { at: now, by });
        let (account, invitation) = (account.clone(), half.invitation.clone());
        let (outside, by_password) = (half.outside.clone(), half.outside.is_none());
        Ok(Bound { account, user, at: half.at, by_password, mfa, password, invitation, outside, from }.into())
    }

    fn in_time(&self, half: &Half, now: Timestamp) -> Result<(), Refused> {
        if !self.settings.read().unwrap_or_else(PoisonError::into_inner).enabled {
            return Err(Refused::new(Reason::Off, "`login.enabled` is false"));
        }
        if now.duration_since(half.at) > GOOD_FOR || now < half.at {
            return Err(Refused::new(Reason::CodeTooLate, "it came too long after the password"));
        }
        Ok(())
    }
}

/// By what `factor` shows `user`, if it is theirs and they put it into use at `now`.
fn put_into_use(
    snapshot: &dyn Snapshot,
    user: UserId,
    factor: &NewFactor,
    now: Timestamp,
) -> Result<Option<Method>, StoreError> {
    Ok(match factor {
        NewFactor::Device(name) => {
            let enabled = credentials::mfa_device(snapshot, name)?.and_then(|held| held.value.enabled);
            let owner = CredentialOwner::User(user);
            enabled.filter(|enabled| enabled.owner == owner && enabled.since == now).map(|_| Method::Code)
        }
        NewFactor::Passkey(id) => {
            let held = factors::passkey(snapshot, &user, id)?.filter(|held| held.value.created == now);
            held.map(|held| Method::Passkey { can_sync: held.value.can_sync })
        }
    })
}
