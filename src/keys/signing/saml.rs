//! Keys that sign messages of SAML: RSA with 3072 bits, each with a certificate that service providers pin.
//!
//! Service providers have our certificate typed into them, mostly; a few read our metadata again. So no clock turns these keys, and
//! nothing is lost by a certificate that is good for long (SAML metadata interoperability profile, section 2.6.1: it is a bag for a
//! key). The first key is made by itself and signs at once. For the next there are two steps of an administrator, and as long between
//! them as it takes: it is published, beside the old one, and every service provider is told; then it signs. The old one stays in the
//! metadata for another day, since messages of its live for minutes. In an emergency both steps and the end of the old are one.
//!
//! A key that does not open any more is told and not replaced: a new certificate helps nobody who has pinned the old one, and the
//! sealing key may come back.

use std::sync::{Arc, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;
use rcgen::{CertificateParams, DistinguishedName, DnType, PKCS_RSA_SHA256, SignatureAlgorithm};
use sha2::{Digest as _, Sha256};

use super::algorithm::Pair;
use super::schedule::AROUND;
use super::turn::{Befell, KeyEvent};
use super::{Algorithm, Stored, owner};
use crate::base::clock::{expired, later};
use crate::base::{Secret, Timestamp};
use crate::keys::{Keys, KeysError, RotationError};
use crate::model::{Actor, KeyNumber};
use crate::store::{Commit, Intent, Store, credentials};

/// Years that a certificate is good: who looks at that at all should not have to soon.
const YEARS: i16 = 10;

/// A key of SAML, opened.
struct Open {
    number: KeyNumber,
    created: Timestamp,
    /// [`Timestamp::MAX`] until somebody says that it signs.
    active_from: Timestamp,
    pair: Pair,
    certificate: Arc<[u8]>,
}

/// Those that there are, the oldest first.
#[derive(Default)]
pub(super) struct Line {
    open: Vec<Arc<Open>>,
    /// Those that do not open any more.
    lost: Vec<KeyNumber>,
}

/// A key of SAML as others may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamlKey {
    /// SHA-256 of its certificate, in hexadecimal digits: what administrators compare.
    pub fingerprint: String,
    /// Its certificate, in DER.
    pub certificate: Arc<[u8]>,
    /// When it was made.
    pub created: Timestamp,
    /// Where it stands.
    pub state: SamlKeyState,
}

/// Where a key of SAML stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SamlKeyState {
    /// In the metadata, and does not sign before an administrator says so.
    Published,
    /// Signs.
    Current {
        /// Since when.
        signs_from: Timestamp,
    },
    /// Signs no more, and is in the metadata still.
    Retiring {
        /// When it began to sign.
        signs_from: Timestamp,
        /// When it ceased to.
        signs_until: Timestamp,
        /// It is destroyed then.
        verifies_until: Timestamp,
    },
}

/// What signs messages now.
#[derive(Clone)]
pub struct SamlSigner(Arc<Open>);

impl SamlSigner {
    /// The certificate of its key, in DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.0.certificate
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256 of `message`; `None` if the library refuses.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.0.pair.sign(message)
    }
}

impl std::fmt::Debug for SamlSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SamlSigner({})", fingerprint(&self.0.certificate))
    }
}

impl Line {
    /// Takes a key as it lies in the store.
    pub(super) fn take(&mut self, number: KeyNumber, row: &Stored, private: Result<Secret<Vec<u8>>, KeysError>) {
        match private.and_then(|private| Open::new(number, row, &private)) {
            Ok(open) => self.open.push(Arc::new(open)),
            Err(error) => {
                tracing::error!(%error, number, "a key of SAML is lost; nothing is signed by it");
                self.lost.push(number);
            }
        }
    }

    /// Where the key stands at `at` of the line.
    fn states(&self, now: Timestamp) -> Vec<(Arc<Open>, SamlKeyState)> {
        let current = self.open.iter().rposition(|key| key.active_from <= now);
        let following = self.open.iter().skip(1).map(Some).chain([None]);
        let state = |(at, (key, next)): (usize, (&Arc<Open>, Option<&Arc<Open>>))| {
            let signs_from = key.active_from;
            let state = match current {
                Some(current) if at < current => {
                    let signs_until = next.map_or(now, |next| next.active_from);
                    let verifies_until = later(signs_until, AROUND);
                    SamlKeyState::Retiring { signs_from, signs_until, verifies_until }
                }
                Some(current) if at == current => SamlKeyState::Current { signs_from },
                _ => SamlKeyState::Published,
            };
            (Arc::clone(key), state)
        };
        self.open.iter().zip(following).enumerate().map(state).collect()
    }
}

impl Open {
    fn new(number: KeyNumber, row: &Stored, private: &Secret<Vec<u8>>) -> Result<Self, KeysError> {
        let damaged = |why: &str| KeysError::NotOpened { owner: owner(number), why: why.to_owned() };
        let pair = row.algorithm.read(private).ok_or_else(|| damaged("it is no private key"))?;
        let certificate = STANDARD.decode(row.certificate.as_deref().unwrap_or_default());
        let certificate = certificate.map_err(|_| damaged("its certificate is no base64"))?.into();
        Ok(Self { number, created: row.created, active_from: row.active_from, pair, certificate })
    }
}

impl Keys {
    /// All keys of SAML, the oldest first.
    #[must_use]
    pub fn saml_keys(&self, now: Timestamp) -> Vec<SamlKey> {
        let signing = self.signing.read().unwrap_or_else(PoisonError::into_inner);
        let shown = |(key, state): (Arc<Open>, SamlKeyState)| SamlKey {
            fingerprint: fingerprint(&key.certificate),
            certificate: Arc::clone(&key.certificate),
            created: key.created,
            state,
        };
        signing.saml.states(now).into_iter().map(shown).collect()
    }

    /// What signs messages of SAML now.
    ///
    /// # Errors
    /// When there is no key, or it does not open.
    pub fn saml_signer(&self, now: Timestamp) -> Result<SamlSigner, KeysError> {
        let signing = self.signing.read().unwrap_or_else(PoisonError::into_inner);
        let current = signing.saml.states(now).into_iter().find_map(|(key, state)| match state {
            SamlKeyState::Current { .. } => Some(key),
            SamlKeyState::Published | SamlKeyState::Retiring { .. } => None,
        });
        let why = "there is no key to sign messages of SAML with: the daemon makes one as soon as its master key and its disk allow";
        current.map(SamlSigner).ok_or_else(|| KeysError::Shut { why: why.to_owned() })
    }

    /// Makes the first key, whose certificate says `name`, and destroys those that are over; mostly there is nothing to do. Blocks
    /// when there is, for as long as a key takes. Without a master key nothing is done.
    ///
    /// # Errors
    /// When the store fails; what was done stays done.
    pub fn turn_saml_keys(&self, store: &Store, name: &str, now: Timestamp) -> Result<Vec<KeyEvent>, RotationError> {
        let _turn = self.take_turn();
        if self.standing().is_err() {
            return Ok(Vec::new());
        }
        let by = Actor::task("keys");
        let mut events = Vec::new();
        let (line, is_first) = self.saml_line(now);
        if is_first {
            events.extend(self.make_saml_key(store, (name, now), &by, now)?);
        }
        for (key, state) in line {
            if matches!(state, SamlKeyState::Retiring { verifies_until, .. } if expired(verifies_until, now)) {
                let mut commit = Commit::new(by.clone(), now, Intent::Narrow);
                commit.delete_signing_key(key.number);
                store.commit(commit)?;
                self.drop_saml_keys(&[key.number]);
                events.push(event(Befell::Destroyed, &key, false));
            }
        }
        Ok(events)
    }

    /// Publishes the next key; nothing is done where one is published already. Blocks.
    ///
    /// # Errors
    /// When there is no master key or the store fails.
    pub fn publish_saml_key(
        &self,
        store: &Store,
        name: &str,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Vec<KeyEvent>, RotationError> {
        let _turn = self.take_turn();
        self.standing()?;
        let (line, is_first) = self.saml_line(now);
        if line.iter().any(|(_, state)| *state == SamlKeyState::Published) {
            return Ok(Vec::new());
        }
        let from = if is_first { now } else { Timestamp::MAX };
        self.make_saml_key(store, (name, from), by, now)
    }

    /// Has the key that is published sign from now on; nothing is done where there is none. Blocks.
    ///
    /// # Errors
    /// When the store fails; then the one before goes on.
    pub fn use_saml_key(&self, store: &Store, by: &Actor, now: Timestamp) -> Result<Vec<KeyEvent>, RotationError> {
        let _turn = self.take_turn();
        self.standing()?;
        let (line, _) = self.saml_line(now);
        let published = line.iter().find(|(_, state)| *state == SamlKeyState::Published).map(|(key, _)| key);
        let Some(key) = published else { return Ok(Vec::new()) };
        let stored = store.read(credentials::signing_keys::<Stored>)?;
        let Some((_, held)) = stored.into_iter().find(|(number, _)| *number == key.number) else {
            return Ok(Vec::new());
        };
        let mut commit = Commit::new(by.clone(), now, Intent::Widen);
        let sealed_by = held.value.sealed.key;
        let row = Stored { active_from: now, announced: true, ..held.value };
        let private = self.unseal(&owner(key.number), &row.sealed)?;
        let opened = Open::new(key.number, &row, &private)?;
        commit.put_signing_key(key.number, &row, sealed_by, held.revision)?;
        store.commit(commit)?;
        {
            let mut signing = self.signing.write().unwrap_or_else(PoisonError::into_inner);
            signing.saml.open.retain(|key| key.number != opened.number);
            signing.saml.open.push(Arc::new(opened));
        }
        let before = line.iter().find(|(_, state)| matches!(state, SamlKeyState::Current { .. }));
        let retired = before.map(|(key, _)| event(Befell::Retired, key, false));
        Ok([event(Befell::Activated, key, false)].into_iter().chain(retired).collect())
    }

    /// A new key signs at once, and all others are destroyed in the same act: somebody may have them. No service provider takes our
    /// word until it has the new certificate. Blocks.
    ///
    /// # Errors
    /// When there is no master key or the store fails; then all is as before.
    pub fn replace_saml_key(
        &self,
        store: &Store,
        name: &str,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Vec<KeyEvent>, RotationError> {
        let _turn = self.take_turn();
        self.standing()?;
        let doomed: Vec<(KeyNumber, KeyEvent)> = {
            let signing = self.signing.read().unwrap_or_else(PoisonError::into_inner);
            let open = signing.saml.open.iter().map(|key| (key.number, event(Befell::Destroyed, key, true)));
            let lost =
                signing.saml.lost.iter().map(|number| (*number, event_of(Befell::Destroyed, lost_name(*number), true)));
            open.chain(lost).collect()
        };
        let mut commit = Commit::new(by.clone(), now, Intent::Narrow);
        let key = self.draft_saml_key(store, (name, now), now, &mut commit)?;
        doomed.iter().for_each(|(number, _)| commit.delete_signing_key(*number));
        store.commit(commit)?;
        let begun = [event(Befell::Created, &key, true), event(Befell::Activated, &key, true)];
        {
            let mut signing = self.signing.write().unwrap_or_else(PoisonError::into_inner);
            signing.saml = Line { open: vec![Arc::new(key)], lost: Vec::new() };
        }
        tracing::error!(destroyed = doomed.len(), "keys of SAML were replaced in an emergency");
        Ok(begun.into_iter().chain(doomed.into_iter().map(|(_, event)| event)).collect())
    }

    /// The keys and where each stands, and whether there never was one.
    fn saml_line(&self, now: Timestamp) -> (Vec<(Arc<Open>, SamlKeyState)>, bool) {
        let signing = self.signing.read().unwrap_or_else(PoisonError::into_inner);
        (signing.saml.states(now), signing.saml.open.is_empty() && signing.saml.lost.is_empty())
    }

    fn make_saml_key(
        &self,
        store: &Store,
        (name, from): (&str, Timestamp),
        by: &Actor,
        now: Timestamp,
    ) -> Result<Vec<KeyEvent>, RotationError> {
        let mut commit = Commit::new(by.clone(), now, Intent::Widen);
        let key = self.draft_saml_key(store, (name, from), now, &mut commit)?;
        store.commit(commit)?;
        let begun = (from <= now).then(|| event(Befell::Activated, &key, false));
        let events = [event(Befell::Created, &key, false)].into_iter().chain(begun).collect();
        self.signing.write().unwrap_or_else(PoisonError::into_inner).saml.open.push(Arc::new(key));
        Ok(events)
    }

    /// A new key, whose row is in `commit`.
    fn draft_saml_key(
        &self,
        store: &Store,
        (name, from): (&str, Timestamp),
        now: Timestamp,
        commit: &mut Commit,
    ) -> Result<Open, RotationError> {
        let algorithm = Algorithm::Rs256;
        let private = algorithm.generate().ok_or(KeysError::Refused)?;
        let pair = algorithm.read(&private).ok_or(KeysError::Refused)?;
        let certificate = certificate(&pair, name, now).ok_or(KeysError::Refused)?;
        let stored = store.read(credentials::signing_keys::<Stored>)?;
        let number = stored.last().map_or(1, |(number, _)| number.saturating_add(1));
        let sealed = self.seal(&owner(number), &private)?;
        let by = sealed.key;
        let certificate = Some(STANDARD.encode(certificate));
        let row = Stored { algorithm, created: now, active_from: from, announced: from <= now, sealed, certificate };
        let key = Open::new(number, &row, &private)?;
        commit.put_signing_key(number, &row, by, 0)?;
        Ok(key)
    }

    fn drop_saml_keys(&self, numbers: &[KeyNumber]) {
        let mut signing = self.signing.write().unwrap_or_else(PoisonError::into_inner);
        signing.saml.open.retain(|key| !numbers.contains(&key.number));
    }
}

/// A pair that signs its own certificate.
struct Own<'k>(&'k Pair);

impl rcgen::PublicKeyData for Own<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.rsa_public().unwrap_or_default()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

impl rcgen::SigningKey for Own<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.0.sign(message).ok_or(rcgen::Error::RemoteKeyError)
    }
}

/// A certificate of the pair, by itself, in DER.
fn certificate(pair: &Pair, name: &str, now: Timestamp) -> Option<Vec<u8>> {
    let today = TimeZone::UTC.to_datetime(now).date();
    // The last days of a month are left out: not every year has each of them.
    let day =
        |year| Some(rcgen::date_time_ymd(year, today.month().try_into().ok()?, today.day().min(28).try_into().ok()?));
    let mut params = CertificateParams::default();
    params.not_before = day(i32::from(today.year()))?;
    params.not_after = day(i32::from(today.year().saturating_add(YEARS)))?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.self_signed(&Own(pair)).ok().map(|made| made.der().to_vec())
}

fn fingerprint(certificate: &[u8]) -> String {
    hex::encode(Sha256::digest(certificate))
}

fn event(what: Befell, key: &Open, emergency: bool) -> KeyEvent {
    event_of(what, fingerprint(&key.certificate), emergency)
}

fn event_of(what: Befell, key: String, emergency: bool) -> KeyEvent {
    KeyEvent { what, algorithm: Algorithm::Rs256, key, emergency, saml: true }
}

fn lost_name(number: KeyNumber) -> String {
    format!("number {number}, which did not open")
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use x509_parser::prelude::{FromDer as _, X509Certificate};

    use super::*;
    use crate::keys::{Settings, Source};
    use crate::store::memory;

    fn at(hours: i64) -> Timestamp {
        "2026-01-31T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hours)
    }

    fn keys(store: &Store) -> Keys {
        let master = Source::Text(Secret::new(STANDARD.encode([1; 32])));
        Keys::open(store, &Settings { current: master, previous: None }, at(0)).unwrap()
    }

    fn said(events: &[KeyEvent]) -> Vec<Befell> {
        events.iter().map(|event| event.what).collect()
    }

    #[test]
    fn an_administrator_turns_them_and_no_clock_does() {
        let store = Store::new(memory::Memory::new());
        let first = keys(&store);
        assert!(first.saml_signer(at(0)).is_err());
        let made = first.turn_saml_keys(&store, "sso", at(0)).unwrap();
        assert_eq!(said(&made), [Befell::Created, Befell::Activated]);
        assert!(first.turn_saml_keys(&store, "sso", at(10 * 365 * 24)).unwrap().is_empty());
        assert!(first.jwks().keys.is_empty(), "no token is ever verified by one");
        let old = first.saml_keys(at(1))[0].clone();
        let (_, certificate) = X509Certificate::from_der(&old.certificate).unwrap();
        assert_eq!(certificate.subject().to_string(), "CN=sso");

        let by = Actor::Local { uid: 0 };
        assert_eq!(said(&first.publish_saml_key(&store, "sso", &by, at(2)).unwrap()), [Befell::Created]);
        assert!(first.publish_saml_key(&store, "sso", &by, at(3)).unwrap().is_empty());
        let states =
            |keys: &Keys, hours| keys.saml_keys(at(hours)).into_iter().map(|key| key.state).collect::<Vec<_>>();
        let current = SamlKeyState::Current { signs_from: at(0) };
        assert_eq!(states(&first, 24 * 365), [current, SamlKeyState::Published]);
        // Another process reads the same of the store.
        let again = keys(&store);
        assert_eq!(again.saml_signer(at(4)).unwrap().certificate(), &*old.certificate);
        assert_eq!(said(&again.use_saml_key(&store, &by, at(5)).unwrap()), [Befell::Activated, Befell::Retired]);
        let new = again.saml_signer(at(5)).unwrap();
        assert_ne!(new.certificate(), &*old.certificate);
        assert_eq!(keys(&store).saml_signer(at(5)).unwrap().certificate(), new.certificate());
        assert_eq!(states(&again, 6).len(), 2, "the old one stays a day");
        assert_eq!(said(&again.turn_saml_keys(&store, "sso", at(5 + 24)).unwrap()), [Befell::Destroyed]);

        let replaced = again.replace_saml_key(&store, "sso", &by, at(60)).unwrap();
        assert_eq!(said(&replaced), [Befell::Created, Befell::Activated, Befell::Destroyed]);
        assert_ne!(again.saml_signer(at(60)).unwrap().certificate(), new.certificate());
        assert_eq!(keys(&store).saml_keys(at(60)).len(), 1);
    }
}
