//! Passkeys and security keys (W3C Web Authentication, level 2): the two ceremonies, in which one is made and in which one signs.
//!
//! Owns what is asked of a browser and what its answer shows; `webauthn-rs` checks the signatures and is used nowhere else. Makes no
//! caller, and writes nothing: whoever rests something on an answer spends its challenge in the same commit ([`Shown::challenge`]),
//! so that an answer counts once, here and after a restart. Where a page belongs ([`Party`]) is configured, and never taken from a request.
//!
//! ```text
//!  page: options, ceremony (sealed, five minutes) --> browser --> device signs --> form: ceremony, answer --> Shown --> one commit:
//!                                                                                                  challenge spent, counter written
//! ```
//!
//! What a ceremony began with is kept by the browser, sealed for one person and purpose, and not here: a page that is left leaves
//! nothing behind. The library warns of that, since whoever keeps the state can play an answer back; the spent challenge prevents it.
//!
//! No attestation is asked for: it tells the make of a device, for a company that allows some makes only, and costs everybody else
//! their privacy. So what a device says of itself, such as that it is bound to a piece of hardware, is its own word.

mod ceremony;
mod party;

pub use ceremony::{Answer, Asked, CeremonyError, New, Shown};
pub use party::Party;

use std::fmt;

use sha2::{Digest as _, Sha256};
use webauthn_rs::prelude::{SecurityKey, Uuid};
use webauthn_rs::{Webauthn, WebauthnBuilder};

use crate::base::UserId;
use crate::base::{Secret, Timestamp};
use crate::keys::Keys;
use crate::model::{Passkey, PasskeyId, User};
use ceremony::{Kind, Sealer};

/// Takes part in ceremonies as one [`Party`].
#[derive(Clone)]
pub struct Relying {
    webauthn: Webauthn,
    /// What the ceremonies are part of, besides being somebody's.
    within: Option<[u8; 32]>,
}

impl fmt::Debug for Relying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Relying")
    }
}

impl Relying {
    /// Us as this party; `None` where no browser would make a passkey for it.
    #[must_use]
    pub fn new(party: &Party) -> Option<Self> {
        let mut builder =
            WebauthnBuilder::new(&party.id, &party.origin).ok()?.rp_name("Bailey").timeout(ceremony::PATIENCE);
        if party.any_port {
            builder = builder.allow_any_port(true);
        }
        let webauthn = builder.build().ok()?;
        Some(Self { webauthn, within: None })
    }

    /// The same, for ceremonies that are part of something with this digest, such as one sign-in in one browser: an answer to them is
    /// worth nothing elsewhere, and no other is worth anything there.
    #[must_use]
    pub fn within(self, digest: [u8; 32]) -> Self {
        Self { within: Some(digest), ..self }
    }

    fn sealer<'a>(&self, keys: &'a Keys, kind: Kind) -> Sealer<'a> {
        Sealer { keys, kind, within: self.within }
    }

    /// Asks a browser to make a passkey for `user`, on none of the devices that are in `held` already.
    ///
    /// # Errors
    /// When there is no master key.
    pub fn ask_for_new(
        &self,
        keys: &Keys,
        user: &User,
        held: &[Passkey],
        now: Timestamp,
    ) -> Result<Asked, CeremonyError> {
        let held: Vec<_> =
            held.iter().map(|one| key(one).map(|key| key.cred_id().clone())).collect::<Result<_, _>>()?;
        let (name, shown) = (user.name.to_string(), user.display_name.clone().unwrap_or_else(|| user.name.to_string()));
        let begun =
            self.webauthn.start_securitykey_registration(handle(&user.id), &name, &shown, Some(held), None, None);
        let (mut options, state) = begun.map_err(ceremony::refused)?;
        ceremony::welcome_every_kind(&mut options);
        let challenge = options.public_key.challenge.clone();
        self.sealer(keys, Kind::New(user.id)).asked(&options.public_key, &challenge, &state, now)
    }

    /// The passkey that a browser made, as it was asked by [`Relying::ask_for_new`]. That it is nobody's yet is for the store.
    ///
    /// # Errors
    /// When the ceremony was not theirs or is over, or the answer does not go with it.
    pub fn made(&self, keys: &Keys, owner: UserId, answer: &Answer, now: Timestamp) -> Result<New, CeremonyError> {
        let (state, challenge) = self.sealer(keys, Kind::New(owner)).open(answer, now)?;
        let answer = answer.read()?;
        let made: SecurityKey =
            self.webauthn.finish_securitykey_registration(&answer, &state).map_err(ceremony::refused)?;
        New::of(made, challenge)
    }

    /// Asks a browser to have one of the passkeys `held` by `owner` sign.
    ///
    /// # Errors
    /// When there is no master key.
    pub fn ask_for(
        &self,
        keys: &Keys,
        owner: UserId,
        held: &[Passkey],
        now: Timestamp,
    ) -> Result<Asked, CeremonyError> {
        let held: Vec<SecurityKey> = held.iter().map(key).collect::<Result<_, _>>()?;
        let (mut options, state) = self.webauthn.start_securitykey_authentication(&held).map_err(ceremony::refused)?;
        // Telephones and computers hold passkeys, too.
        options.public_key.hints = None;
        let challenge = options.public_key.challenge.clone();
        self.sealer(keys, Kind::Known(owner)).asked(&options.public_key, &challenge, &state, now)
    }

    /// What the answer of a browser shows that was asked by [`Relying::ask_for`]: which of `held` signed, as it is to be written.
    ///
    /// # Errors
    /// When the ceremony was not theirs or is over, the answer does not go with it, or the device's counter did not go on.
    pub fn shown(
        &self,
        keys: &Keys,
        owner: UserId,
        held: &Passkey,
        answer: &Answer,
        now: Timestamp,
    ) -> Result<Shown, CeremonyError> {
        let (state, challenge) = self.sealer(keys, Kind::Known(owner)).open(answer, now)?;
        let signed =
            self.webauthn.finish_securitykey_authentication(&answer.read()?, &state).map_err(ceremony::refused)?;
        Shown::of(held, &signed, challenge, now)
    }

    /// Digest of the challenge that an answer of `owner`, or of whoever it is, was asked for with.
    ///
    /// # Errors
    /// When the ceremony was not theirs, or is over.
    pub fn challenge(
        &self,
        keys: &Keys,
        owner: Option<UserId>,
        answer: &Answer,
        now: Timestamp,
    ) -> Result<[u8; 32], CeremonyError> {
        let kind = owner.map_or(Kind::Whoever, Kind::Known);
        self.sealer(keys, kind).open::<serde::de::IgnoredAny>(answer, now).map(|(_, challenge)| challenge)
    }

    /// Asks a browser to have a passkey sign of which nobody knows yet whose it is, and to make sure that its owner is there.
    ///
    /// # Errors
    /// When there is no master key.
    pub fn ask_whoever(&self, keys: &Keys, now: Timestamp) -> Result<Asked, CeremonyError> {
        let (options, state) = self.webauthn.start_discoverable_authentication().map_err(ceremony::refused)?;
        let challenge = options.public_key.challenge.clone();
        self.sealer(keys, Kind::Whoever).asked(&options.public_key, &challenge, &state, now)
    }

    /// As [`Relying::shown`], of a browser that was asked by [`Relying::ask_whoever`]; `held` is the passkey that the answer names.
    ///
    /// # Errors
    /// As of [`Relying::shown`]; when the answer names somebody else, or the device did not make sure who holds it.
    pub fn shown_by_whoever(
        &self,
        keys: &Keys,
        held: &Passkey,
        answer: &Answer,
        now: Timestamp,
    ) -> Result<Shown, CeremonyError> {
        let (state, challenge) = self.sealer(keys, Kind::Whoever).open(answer, now)?;
        let read = answer.read()?;
        let (named, _) = self.webauthn.identify_discoverable_authentication(&read).map_err(ceremony::refused)?;
        // Level 2, section 7.2, step 6: the owner of the key is the one the device names.
        if named != handle(&held.owner) {
            return Err(CeremonyError::NotHeld);
        }
        let credential = ceremony::credential(held)?;
        let signed = self
            .webauthn
            .finish_discoverable_authentication_v2(&read, state, &credential)
            .map_err(ceremony::refused)?;
        if !signed.user_verified() {
            return Err(CeremonyError::NotVerified);
        }
        Shown::of(held, &signed, challenge, now)
    }
}

/// What devices know a person by: opaque, and the same for all passkeys of one person, so that a device keeps one of them (level 2,
/// section 14.6.1). It is neither a name nor the id that other systems of the company know.
fn handle(owner: &UserId) -> Uuid {
    let text = [b"bailey user handle\0".as_slice(), owner.as_bytes()].concat();
    let digest = <[u8; 32]>::from(Sha256::digest(text));
    Uuid::from_bytes(digest.first_chunk::<16>().copied().unwrap_or_default())
}

fn key(held: &Passkey) -> Result<SecurityKey, CeremonyError> {
    ceremony::credential(held).map(SecurityKey::from)
}

/// What comes of a browser, read without trust in it.
impl Answer {
    /// The id of the passkey that it says signed.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn passkey(&self) -> Result<PasskeyId, CeremonyError> {
        let read: webauthn_rs::prelude::PublicKeyCredential = self.read()?;
        Ok(PasskeyId::of(read.get_credential_id()))
    }

    /// Of the two fields that a form has for it.
    #[must_use]
    pub fn new(ceremony: String, answer: String) -> Self {
        Self { ceremony, answer: Secret::new(answer) }
    }
}
