//! A ceremony between its two pages: what the browser keeps of it, and what its answer is worth.

use std::time::Duration;

use jiff::SignedDuration;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use webauthn_rs::prelude::{AuthenticationResult, CreationChallengeResponse, Credential, SecurityKey, WebauthnError};

use crate::base::{Fault, Faulty, Secret, Timestamp, UserId};
use crate::keys::{Keys, KeysError};
use crate::model::{Passkey, PasskeyId};

/// For how long a browser may look for the device.
pub(super) const PATIENCE: Duration = Duration::from_mins(5);

/// The same, of the page: a ceremony that is older is over.
const GOOD_FOR: SignedDuration = SignedDuration::from_mins(5);

/// Longest answer, in bytes: one has a kilobyte or two.
const LONGEST_ANSWER: usize = 64 * 1024;

/// What a page is given for a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Options of the ceremony, as JSON with binary parts in base64url, for the page's script.
    pub options: String,
    /// What comes back with the answer.
    pub ceremony: String,
}

/// What a browser sent back.
#[derive(Debug)]
pub struct Answer {
    pub(super) ceremony: String,
    pub(super) answer: Secret<String>,
}

/// A passkey that was made.
#[derive(Debug)]
pub struct New {
    /// Its id.
    pub id: PasskeyId,
    /// Digest of the challenge: to be spent in the commit that writes it.
    pub challenge: [u8; 32],
    credential: serde_json::Value,
    verifies: bool,
    can_sync: bool,
    synced: bool,
}

/// A passkey that signed.
#[derive(Debug)]
pub struct Shown {
    /// As it is to be written, in the commit that spends the challenge.
    pub after: Passkey,
    /// Digest of the challenge.
    pub challenge: [u8; 32],
    /// Whether the device made sure who holds it, by a PIN or a finger.
    pub verified: bool,
}

/// Why an answer shows nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CeremonyError {
    /// It took longer than five minutes, or belongs to another page or person.
    #[error("that took too long, or the page was of another sign-in: load it again")]
    Over,
    /// Somebody's answer to it was taken already.
    #[error("this answer of the passkey was used before: try once more")]
    Used,
    /// It is no answer.
    #[error("the answer of the browser cannot be read: {0}")]
    Malformed(String),
    /// The passkey is none of theirs.
    #[error("this passkey is not one of those that were asked for")]
    NotHeld,
    /// The device's counter did not go on (level 2, section 6.1.1): there may be two of it.
    #[error(
        "the counter of this passkey went back: somebody may have a copy of it. Sign in another way and remove it, or ask your administrators"
    )]
    CounterWentBack,
    /// The device did not look who holds it.
    #[error("the device did not make sure that it is you: set up a PIN or a fingerprint on it")]
    NotVerified,
    /// The library says no.
    #[error("the passkey is not accepted: {0}")]
    Refused(String),
    /// What is stored cannot be read.
    #[error("the stored passkey cannot be read: {0}")]
    Damaged(String),
    /// Nothing can be sealed, or opened.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

impl Faulty for CeremonyError {
    fn fault(&self) -> Fault {
        match self {
            Self::Keys(error) => error.fault(),
            Self::Damaged(_) => Fault::Operator,
            _ => Fault::Caller,
        }
    }
}

/// What the library says no with; what matters to people by itself.
pub(super) fn refused(error: WebauthnError) -> CeremonyError {
    match error {
        WebauthnError::CredentialPossibleCompromise => CeremonyError::CounterWentBack,
        WebauthnError::CredentialNotFound => CeremonyError::NotHeld,
        WebauthnError::UserNotVerified => CeremonyError::NotVerified,
        other => CeremonyError::Refused(other.to_string()),
    }
}

/// What a ceremony is for: the answer of one is worth nothing for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Somebody gets a passkey.
    New(UserId),
    /// Somebody shows one of theirs.
    Known(UserId),
    /// Somebody shows who they are.
    Whoever,
}

/// Seals what a ceremony began with, and opens it.
pub(super) struct Sealer<'a> {
    pub(super) keys: &'a Keys,
    pub(super) kind: Kind,
    /// What the ceremony is part of.
    pub(super) within: Option<[u8; 32]>,
}

#[derive(Serialize, Deserialize)]
struct Begun<S> {
    at: Timestamp,
    /// Digest of the challenge, in hexadecimal digits.
    challenge: String,
    state: S,
}

impl Sealer<'_> {
    fn owner(&self) -> String {
        let owner = match self.kind {
            Kind::New(user) => format!("new-passkey/{user}"),
            Kind::Known(user) => format!("shown-passkey/{user}"),
            Kind::Whoever => "shown-passkey".to_owned(),
        };
        self.within.map_or_else(|| owner.clone(), |digest| format!("{owner}/{}", hex::encode(digest)))
    }

    pub(super) fn asked(
        &self,
        options: &impl Serialize,
        challenge: &[u8],
        state: &impl Serialize,
        now: Timestamp,
    ) -> Result<Asked, CeremonyError> {
        let damaged = |error: serde_json::Error| CeremonyError::Damaged(error.to_string());
        let begun = Begun { at: now, challenge: hex::encode(Sha256::digest(challenge)), state };
        let plain = Secret::new(serde_json::to_vec(&begun).map_err(damaged)?);
        let ceremony = self.keys.seal(&self.owner(), &plain)?.to_string();
        Ok(Asked { options: serde_json::to_string(options).map_err(damaged)?, ceremony })
    }

    /// What a ceremony began with, and the digest of its challenge.
    pub(super) fn open<S: DeserializeOwned>(
        &self,
        answer: &Answer,
        now: Timestamp,
    ) -> Result<(S, [u8; 32]), CeremonyError> {
        let sealed = answer.ceremony.parse().map_err(|_| CeremonyError::Over)?;
        let plain = self.keys.unseal(&self.owner(), &sealed).map_err(|error| match error {
            KeysError::NotOpened { .. } => CeremonyError::Over,
            error => error.into(),
        })?;
        let begun: Begun<S> = serde_json::from_slice(plain.expose()).map_err(|_| CeremonyError::Over)?;
        if now < begun.at || now.duration_since(begun.at) > GOOD_FOR {
            return Err(CeremonyError::Over);
        }
        let digest = hex::decode(&begun.challenge).ok().and_then(|bytes| bytes.try_into().ok());
        Ok((begun.state, digest.ok_or(CeremonyError::Over)?))
    }
}

impl Answer {
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, CeremonyError> {
        let text = self.answer.expose();
        if text.len() > LONGEST_ANSWER {
            return Err(CeremonyError::Malformed(format!("it has more than {LONGEST_ANSWER} bytes")));
        }
        serde_json::from_str(text).map_err(|error| CeremonyError::Malformed(error.to_string()))
    }
}

impl New {
    pub(super) fn of(made: SecurityKey, challenge: [u8; 32]) -> Result<Self, CeremonyError> {
        let credential = Credential::from(made);
        let json = serde_json::to_value(&credential).map_err(|error| CeremonyError::Damaged(error.to_string()))?;
        Ok(Self {
            id: PasskeyId::of(&credential.cred_id),
            challenge,
            credential: json,
            verifies: credential.user_verified,
            can_sync: credential.backup_eligible,
            synced: credential.backup_state,
        })
    }

    /// Whether it can be copied to other devices.
    #[must_use]
    pub const fn can_sync(&self) -> bool {
        self.can_sync
    }

    /// As a passkey of `owner`, who calls it `name`.
    #[must_use]
    pub fn of_owner(self, owner: UserId, name: String, now: Timestamp) -> Passkey {
        let Self { id, credential, verifies, can_sync, synced, .. } = self;
        Passkey { id, owner, name, credential, verifies, can_sync, synced, created: now, last_used: None }
    }
}

impl Shown {
    /// What `signed` makes of `held`, which was read just now.
    pub(super) fn of(
        held: &Passkey,
        signed: &AuthenticationResult,
        challenge: [u8; 32],
        now: Timestamp,
    ) -> Result<Self, CeremonyError> {
        let mut credential = credential(held)?;
        if credential.cred_id != *signed.cred_id() {
            return Err(CeremonyError::NotHeld);
        }
        // The library compared with what the page began with. Another sign-in may have written a later count since.
        if !goes_on(credential.counter, signed.counter()) {
            return Err(CeremonyError::CounterWentBack);
        }
        credential.counter = signed.counter();
        credential.backup_state = signed.backup_state();
        let json = serde_json::to_value(&credential).map_err(|error| CeremonyError::Damaged(error.to_string()))?;
        let after = Passkey {
            credential: json,
            synced: signed.backup_state(),
            can_sync: signed.backup_eligible(),
            last_used: Some(now),
            ..held.clone()
        };
        Ok(Self { after, challenge, verified: signed.user_verified() })
    }
}

/// Whether a device that counted to `before` may say `after` (level 2, section 7.2, step 21). Those that are copied to several
/// devices count nothing, and say 0.
fn goes_on(before: u32, after: u32) -> bool {
    (before == 0 && after == 0) || after > before
}

/// What the library keeps of a passkey.
pub(super) fn credential(held: &Passkey) -> Result<Credential, CeremonyError> {
    serde_json::from_value(held.credential.clone()).map_err(|error| CeremonyError::Damaged(error.to_string()))
}

/// Lets telephones, computers and security keys make a passkey, with a PIN or without, and keep it so that it can sign in by itself
/// where they can. The library thinks of security keys alone here.
pub(super) fn welcome_every_kind(options: &mut CreationChallengeResponse) {
    let options = &mut options.public_key;
    options.hints = None;
    if let Some(selection) = &mut options.authenticator_selection {
        selection.resident_key = serde_json::from_value(serde_json::json!("preferred")).ok();
    }
    // A key without a PIN would take that for a promise, and never sign again.
    if let Some(extensions) = &mut options.extensions {
        extensions.cred_protect = None;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_counter_goes_on_or_was_never_begun(before in any::<u32>(), after in any::<u32>()) {
            let goes = goes_on(before, after);
            prop_assert_eq!(goes, after > before || (before, after) == (0, 0));
            // Whatever was taken once is not taken again, unless the device does not count.
            prop_assert!(!goes_on(after, after) || after == 0);
        }
    }

    #[test]
    fn a_device_that_began_to_count_does_not_stop() {
        assert!(goes_on(0, 0) && goes_on(0, 1) && goes_on(7, 8) && goes_on(7, u32::MAX));
        assert!(!goes_on(7, 0) && !goes_on(7, 7) && !goes_on(7, 6));
    }
}
