//! The first way in of somebody of another firm: a link and a code, in place of a password that they do not have yet.
//!
//! Whoever shows both is let on to set a password and a second factor ([`Half`]), and to nothing else; the second factor uses the
//! invitation up. A wrong code is counted on the invitation itself, so that a restart or another node forgets none.

use std::sync::PoisonError;

use super::{Factors, Half, Logins, Parts, Reason, Refused, people};
use crate::authn::signed::RequestSource;
use crate::base::network::Neighbours;
use crate::base::{Secret, Timestamp, UserId};
use crate::model::{Actor, Invitation, UserCode};
use crate::store::iam::Read;
use crate::store::{Commit, Intent, Store, StoreError, grants, identity};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// How often a row is read anew when somebody else wrote it meanwhile.
const ATTEMPTS: usize = 5;

/// For whom the code of an invitation is sealed.
#[must_use]
pub fn owner_of_code(person: &UserId) -> String {
    format!("invitation/{person}")
}

/// What the link of an invitation says: who is meant, and that it is this one of theirs.
pub struct Link {
    person: UserId,
    secret: Secret<[u8; 32]>,
}

impl Link {
    /// Another one, of this chance.
    #[must_use]
    pub fn new(person: UserId, secret: [u8; 32]) -> Self {
        Self { person, secret: Secret::new(secret) }
    }

    /// As a part of an address.
    #[must_use]
    pub fn text(&self) -> Secret<String> {
        let mut bytes = self.person.as_bytes().to_vec();
        bytes.extend_from_slice(self.secret.expose());
        Secret::new(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What is kept of it.
    #[must_use]
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.secret.expose()))
    }

    fn read(text: &str) -> Option<Self> {
        // Of no other length, so that nothing long is decoded.
        let bytes = (text.len() == 64).then(|| URL_SAFE_NO_PAD.decode(text).ok()).flatten()?;
        let (person, secret) = bytes.split_first_chunk::<16>()?;
        Some(Self::new(UserId::from_bytes(*person), secret.try_into().ok()?))
    }
}

impl Logins {
    /// Lets whoever shows the link and the code of an invitation set up how they sign in. Record it: call it through the gate.
    ///
    /// # Errors
    /// Why not, of which nothing tells whether the link was ever good; what the error says is for the person.
    pub async fn invited(
        &self,
        link: &str,
        code: Secret<String>,
        from: &RequestSource,
        now: Timestamp,
    ) -> Result<Half, Refused> {
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner).clone();
        if !settings.enabled {
            return Err(Refused::new(Reason::Off, "`login.enabled` is false"));
        }
        let counted = self.counters.arrive(&settings, from.ip.map(Neighbours::of), now)?;
        let none = || Refused::new(Reason::NoInvitation, "the link is none of ours, or its time is over");
        let link = Link::read(link).ok_or_else(none)?;
        let parts = self.parts.clone();
        let tried = self.parts.store.run(move |store| Ok::<_, StoreError>(accept(&parts, store, &link, &code, now)));
        let tried = tried.await.map_err(|error| Refused::failed(&error))?;
        if tried.is_ok() {
            self.counters.undone(counted);
        }
        tried
    }

    /// The same, once whoever was invited has set a password. Blocks.
    ///
    /// # Errors
    /// When the invitation is not good any more.
    pub fn accepted(&self, half: &Half, now: Timestamp) -> Result<Half, Refused> {
        let store = &self.parts.store;
        let digest = half.invitation.clone().ok_or_else(|| Refused::new(Reason::NoInvitation, "nobody was invited"))?;
        good(store, half.user, &digest, now)?;
        let (user, password) = people::standing(store, half.user, |_, _| true, now)?;
        Ok(Half::invited(user.id, password, digest, now))
    }
}

/// Whether link and code are right. Blocks.
fn accept(parts: &Parts, store: &Store, link: &Link, code: &Secret<String>, now: Timestamp) -> Result<Half, Refused> {
    for _ in 0..ATTEMPTS {
        let held = good(store, link.person, &link.digest(), now)?;
        let about = |refused: Refused| refused.about(link.person, None);
        if is_code(parts, &held.value, code).map_err(about)? {
            let (user, password) = people::standing(store, link.person, |_, _| true, now)?;
            let has = store.read(|snapshot| Factors::of(snapshot, &user.id));
            if has.map_err(|error: StoreError| Refused::failed(&error))?.any() {
                let why = "they have a second factor: an operator resets it first, then they are invited anew";
                return Err(about(Refused::new(Reason::NoInvitation, why)));
            }
            return Ok(Half::invited(user.id, password, link.digest(), now));
        }
        match wrong(store, held, now) {
            Ok(0) => return Err(about(Refused::new(Reason::NoInvitation, "the code was wrong too often: it is over"))),
            Ok(_) => return Err(about(Refused::new(Reason::WrongInvitation, "the code is wrong"))),
            // Somebody else tried at the same moment: that one counts, and so will this one.
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(Refused::failed(&error)),
        }
    }
    Err(Refused::new(Reason::OverallLimit, "many tried the same invitation at once"))
}

/// The invitation of `person` whose link has this digest, if it is good.
pub(super) fn good(store: &Store, person: UserId, digest: &str, now: Timestamp) -> Result<Read<Invitation>, Refused> {
    let read = store.read(|snapshot| {
        let epoch = identity::epoch(snapshot)?.to_string();
        Ok::<_, StoreError>((grants::invitation(snapshot, &person)?, epoch))
    });
    let (held, epoch) = read.map_err(|error| Refused::failed(&error))?;
    let is_good = |held: &Read<Invitation>| {
        is_same(held.value.link.as_bytes(), digest.as_bytes()) && held.value.is_good(&epoch, now)
    };
    held.filter(is_good)
        .ok_or_else(|| Refused::new(Reason::NoInvitation, "it was used, its time is over, or another took its place"))
}

fn is_code(parts: &Parts, invitation: &Invitation, typed: &Secret<String>) -> Result<bool, Refused> {
    let plain = parts.keys.unseal(&owner_of_code(&invitation.person), &invitation.code);
    let plain = plain.map_err(|error| Refused::failed(&error))?;
    let code = std::str::from_utf8(plain.expose()).ok().and_then(UserCode::typed);
    let digests = code.zip(UserCode::typed(typed.expose())).map(|(code, typed)| (code.digest(), typed.digest()));
    Ok(digests.is_some_and(|(code, typed)| is_same(&code, &typed)))
}

fn is_same(a: &[u8], b: &[u8]) -> bool {
    verify_slices_are_equal(a, b).is_ok()
}

/// Counts a wrong code; answers how many more it bears. Blocks.
fn wrong(store: &Store, held: Read<Invitation>, now: Timestamp) -> Result<u8, StoreError> {
    let mut commit = Commit::new(Actor::task("invitation"), now, Intent::Narrow);
    let left = held.value.tries.saturating_sub(1);
    match left {
        0 => commit.delete_invitation(&held),
        tries => commit.put_invitation(&Invitation { tries, ..held.value }, held.revision)?,
    }
    store.commit(commit)?;
    Ok(left)
}
