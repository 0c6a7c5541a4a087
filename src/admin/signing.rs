//! The keys that sign tokens, and messages of SAML: which there are, and the next one before its time.

use serde::{Deserialize, Serialize};

use super::{Admin, AdminError};
use crate::audit::Outcome;
use crate::base::Timestamp;
use crate::gate::Authorized;
use crate::keys::{Algorithm, Befell, KeyEvent, KeyState, RotationError, SamlKey, SamlKeyState, SigningKey};

/// A signing key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeyView {
    /// Its name in tokens; of a key of SAML, SHA-256 of its certificate in hexadecimal digits.
    pub kid: String,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// Whether it signs messages of SAML, and no tokens.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub saml: bool,
    /// `next`, `current` or `retiring`.
    pub state: String,
    /// When it was made; it is published since then.
    pub created: Timestamp,
    /// From when on it signs, or did; of a key of SAML that waits to be told to, that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signs_from: Option<Timestamp>,
    /// Until when, if nobody asks for the next one before; of a next one that is not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signs_until: Option<Timestamp>,
    /// Until when what it signed is believed; it is destroyed then. Of those that retire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifies_until: Option<Timestamp>,
}

/// Which keys to rotate, and how.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// Those of one algorithm; otherwise all.
    #[serde(default)]
    pub algorithm: Option<Algorithm>,
    /// At once, and what the old ones signed is not believed any more.
    #[serde(default)]
    pub emergency: bool,
    /// That of SAML, in place of those of tokens, and which of the two steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saml: Option<SamlStep>,
}

/// The steps from one key of SAML to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SamlStep {
    /// The next one is put into our metadata, for service providers to learn of.
    Publish,
    /// It signs from now on.
    Sign,
}

impl SamlStep {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Sign => "sign",
        }
    }
}

impl Admin {
    /// All signing keys, by algorithm, the oldest first.
    #[must_use]
    pub fn signing_keys(&self, _asked: &Authorized) -> Vec<SigningKeyView> {
        self.shown()
    }

    /// Publishes the next key, to sign a day from now; in an emergency it signs at once and the others are destroyed. Of several
    /// algorithms one after the other. Answers all keys there are then. Blocks, for RS256 as long as a key takes.
    ///
    /// # Errors
    /// When there is no master key or the store fails; what was done stays done, and the log says what.
    pub fn rotate_signing_keys(
        &self,
        asked: Authorized,
        rotation: &Rotation,
    ) -> Result<Vec<SigningKeyView>, AdminError> {
        let actor = asked.actor();
        if let Some(step) = rotation.saml {
            return self.rotate_saml_key(asked, step, rotation.emergency);
        }
        let algorithms = rotation.algorithm.map_or_else(|| Algorithm::ALL.to_vec(), |one| vec![one]);
        let mut events = Vec::new();
        let done = algorithms.into_iter().try_for_each(|algorithm| {
            let now = self.now();
            let turned = if rotation.emergency {
                self.keys.replace_signing_key(&self.store, algorithm, &actor, now)?
            } else {
                self.keys.rotate_signing_key(&self.store, algorithm, &actor, now)?
            };
            for event in &turned {
                self.audit.note(&actor, &event.event(), &Outcome::success(), now);
            }
            events.extend(turned);
            Ok::<_, RotationError>(())
        });
        asked.complete(&outcome(&done, &events), self.now());
        match done {
            Ok(()) => Ok(self.shown()),
            Err(RotationError::Keys(error)) => Err(error.into()),
            Err(RotationError::Store(error)) => Err(error.into()),
        }
    }

    fn rotate_saml_key(
        &self,
        asked: Authorized,
        step: SamlStep,
        emergency: bool,
    ) -> Result<Vec<SigningKeyView>, AdminError> {
        let (actor, now, name) = (asked.actor(), self.now(), self.saml_key_name());
        let done = match step {
            _ if emergency => self.keys.replace_saml_key(&self.store, &name, &actor, now),
            SamlStep::Publish => self.keys.publish_saml_key(&self.store, &name, &actor, now),
            SamlStep::Sign => self.keys.use_saml_key(&self.store, &actor, now),
        };
        let (done, events) = match done {
            Ok(events) => (Ok(()), events),
            Err(error) => (Err(error), Vec::new()),
        };
        for event in &events {
            self.audit.note(&actor, &event.event(), &Outcome::success(), now);
        }
        if done.is_ok() && events.is_empty() && step == SamlStep::Sign && !emergency {
            let error = AdminError::NotNow {
                what: "no next SAML key is published, and nothing changed".to_owned(),
                remedy: "run `bailey key rotate --saml` first".to_owned(),
            };
            asked.complete(&Outcome::failed(error.code(), &error), self.now());
            return Err(error);
        }
        asked.complete(&outcome(&done, &events), self.now());
        match done {
            Ok(()) => Ok(self.shown()),
            Err(RotationError::Keys(error)) => Err(error.into()),
            Err(RotationError::Store(error)) => Err(error.into()),
        }
    }

    /// What our certificates of SAML say they are of: nobody looks but people.
    #[must_use]
    pub fn saml_key_name(&self) -> String {
        format!("Bailey {}", self.account)
    }

    fn shown(&self) -> Vec<SigningKeyView> {
        let now = self.now();
        let tokens = self.keys.signing_keys(now).into_iter().map(SigningKeyView::from);
        tokens.chain(self.keys.saml_keys(now).into_iter().map(SigningKeyView::from)).collect()
    }
}

fn outcome(done: &Result<(), RotationError>, events: &[KeyEvent]) -> Outcome {
    let count = |what| events.iter().filter(|event| event.what == what).count() as u64;
    match done {
        Ok(()) => {
            Outcome::success().with("created", count(Befell::Created)).with("destroyed", count(Befell::Destroyed))
        }
        Err(error) => Outcome::failed("NotRotated", error),
    }
}

impl From<SigningKey> for SigningKeyView {
    fn from(key: SigningKey) -> Self {
        let state = key.state.name().to_owned();
        let (signs_from, signs_until, verifies_until) = match key.state {
            KeyState::Next { signs_from } => (signs_from, None, None),
            KeyState::Current { signs_from, signs_until } => (signs_from, Some(signs_until), None),
            KeyState::Retiring { signs_from, signs_until, verifies_until } => {
                (signs_from, Some(signs_until), Some(verifies_until))
            }
        };
        let SigningKey { kid, algorithm, created, .. } = key;
        let signs_from = Some(signs_from);
        Self { kid, algorithm, saml: false, state, created, signs_from, signs_until, verifies_until }
    }
}

impl From<SamlKey> for SigningKeyView {
    fn from(key: SamlKey) -> Self {
        let (state, signs_from, signs_until, verifies_until) = match key.state {
            SamlKeyState::Published => ("next", None, None, None),
            SamlKeyState::Current { signs_from } => ("current", Some(signs_from), None, None),
            SamlKeyState::Retiring { signs_from, signs_until, verifies_until } => {
                ("retiring", Some(signs_from), Some(signs_until), Some(verifies_until))
            }
        };
        let (kid, created, state) = (key.fingerprint, key.created, state.to_owned());
        Self { kid, algorithm: Algorithm::Rs256, saml: true, state, created, signs_from, signs_until, verifies_until }
    }
}
