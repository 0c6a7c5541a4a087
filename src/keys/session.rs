//! Keys of sessions: what a session's token and secret half follow from.
//!
//! Nothing of them is stored: the secret half is an HMAC (RFC 2104) of the session's id, and so is what makes a token
//! genuine. So a token that nobody issued is told before anything is looked up, and who reads the store finds nothing to sign
//! with. A key makes new sessions for 30 days, and is kept until the last of those is over.

use std::fmt;
use std::sync::PoisonError;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Keys, KeysError, RotationError};
use crate::base::clock::later;
use crate::base::{Secret, SessionId, Timestamp};
use crate::model::session::LONGEST;
use crate::model::{Actor, KeyNumber, Sealed};
use crate::store::{Commit, Intent, Store, credentials};

/// How long a key makes new sessions.
const MAKES: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long behind that it is kept: the longest session, and an hour.
const KEPT: SignedDuration = SignedDuration::from_secs(LONGEST as i64 + 3_600);

/// Bytes of a key.
const LENGTH: usize = 32;
/// The form of tokens.
const VERSION: u8 = 1;
/// Characters of a secret half, as many as those of AWS have: 240 bits.
const SECRET: usize = 40;

/// A session key as it lies in the store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Stored {
    created: Timestamp,
    sealed: Sealed,
}

/// A key, opened.
struct Open {
    number: KeyNumber,
    created: Timestamp,
    key: hmac::Key,
}

/// Those that there are, the oldest first.
#[derive(Default)]
pub(super) struct SessionKeys(Vec<Open>);

/// What a client is given to sign with and to send along.
#[derive(Debug)]
pub struct SessionSecrets {
    /// The secret half of its access key.
    pub secret: Secret<String>,
    /// Its token.
    pub token: Secret<String>,
}

/// A token that nobody issued, or whose key is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session token is not one of ours, or its time is long over")]
pub struct SessionTokenError;

impl SessionKeys {
    /// What lies in the store, opened. One that does not open ends the sessions it made, and no others.
    pub(super) fn open(store: &Store, keys: &Keys) -> Result<Self, RotationError> {
        let mut open = Vec::new();
        for (number, held) in store.read(credentials::session_keys::<Stored>)? {
            match keys.unseal(&owner(number), &held.value.sealed) {
                Ok(key) => open.push(Open::new(number, held.value.created, key.expose())),
                Err(error) => tracing::error!(%error, number, "a session key is lost, and its sessions with it"),
            }
        }
        Ok(Self(open))
    }
}

impl Open {
    fn new(number: KeyNumber, created: Timestamp, key: &[u8]) -> Self {
        Self { number, created, key: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }

    /// The code that makes `what` of a session genuine. The words keep one use of a key from standing for another.
    fn code(&self, what: &[u8], id: &SessionId) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(b"bailey session v1\0");
        context.update(what);
        context.update(&self.number.to_be_bytes());
        context.update(id.as_bytes());
        context.sign()
    }

    fn secret(&self, id: &SessionId) -> Secret<String> {
        let mut text = STANDARD_NO_PAD.encode(self.code(b"secret\0", id).as_ref());
        text.truncate(SECRET);
        Secret::new(text)
    }

    fn token(&self, shown_as: Use, id: &SessionId) -> Secret<String> {
        let mut bytes = Zeroizing::new(vec![shown_as.version()]);
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(id.as_bytes());
        bytes.extend_from_slice(self.code(&shown_as.words(), id).as_ref());
        Secret::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()))
    }

    fn cookie(&self, id: &SessionId, turn: u32) -> Secret<String> {
        let genuine = self.token(Use::Browser { turn }, id);
        Secret::new(format!("{turn}.{}", genuine.expose()))
    }
}

/// What a token is shown for. None of one use is taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Beside the signature of a program.
    Program,
    /// As the cookie of a browser, the one of this turn.
    Browser {
        /// How many cookies there were before.
        turn: u32,
    },
    /// In a form of a page, which no other site can read.
    Form,
    /// In a proof that somebody holds a key: of a moment, and of no session.
    Nonce,
}

impl Use {
    /// The first byte of a token.
    const fn version(self) -> u8 {
        match self {
            Self::Program => VERSION,
            Self::Browser { .. } => 2,
            Self::Form => 3,
            Self::Nonce => 4,
        }
    }

    fn words(self) -> Vec<u8> {
        match self {
            Self::Program => b"token\0".to_vec(),
            Self::Browser { turn } => [&b"browser\0"[..], &turn.to_be_bytes()].concat(),
            Self::Form => b"form\0".to_vec(),
            Self::Nonce => b"nonce\0".to_vec(),
        }
    }
}

impl Keys {
    /// What the client of the new session `id` is given.
    ///
    /// # Errors
    /// When there is no key, because the master key is missing or the store was read-only from the start.
    pub fn session_secrets(&self, id: &SessionId) -> Result<SessionSecrets, KeysError> {
        self.with_newest(|newest| SessionSecrets { secret: newest.secret(id), token: newest.token(Use::Program, id) })
    }

    /// What a browser shows for the session `id`, after it was given another `turn` times. A program cannot sign with it, nor is a
    /// program's token taken for it.
    ///
    /// # Errors
    /// As [`Keys::session_secrets`].
    pub fn browser_cookie(&self, id: &SessionId, turn: u32) -> Result<Secret<String>, KeysError> {
        self.with_newest(|newest| newest.cookie(id, turn))
    }

    /// What forms of pages of the session `id` carry, so that no page of another site can send one.
    ///
    /// # Errors
    /// As [`Keys::session_secrets`].
    pub fn form_code(&self, id: &SessionId) -> Result<Secret<String>, KeysError> {
        self.with_newest(|newest| newest.token(Use::Form, id))
    }

    /// A nonce of `moment`, which nobody else can make and which is kept nowhere.
    ///
    /// # Errors
    /// As [`Keys::session_secrets`].
    pub fn nonce(&self, moment: u64) -> Result<Secret<String>, KeysError> {
        let named = SessionId::from_bytes(u128::from(moment).to_be_bytes());
        self.with_newest(|newest| newest.token(Use::Nonce, &named))
    }

    /// Of which moment a nonce is, if it is one of ours.
    #[must_use]
    pub fn open_nonce(&self, nonce: &str) -> Option<u64> {
        let named = self.opened(Use::Nonce, &Secret::new(nonce.to_owned()), |_, id| *id.as_bytes()).ok()?;
        u64::try_from(u128::from_be_bytes(named)).ok()
    }

    fn with_newest<R>(&self, work: impl FnOnce(&Open) -> R) -> Result<R, KeysError> {
        let open = self.sessions.read().unwrap_or_else(PoisonError::into_inner);
        let newest = open.0.last().ok_or_else(|| match self.standing() {
            Err(error) => error,
            Ok(_) => KeysError::Shut { why: NO_KEY.to_owned() },
        })?;
        Ok(work(newest))
    }

    /// The session that a token names, and the secret half of its access key. Nothing is looked up: a token that nobody issued
    /// costs one HMAC.
    ///
    /// # Errors
    /// When it is none of ours.
    pub fn open_session_token(&self, token: &Secret<String>) -> Result<(SessionId, Secret<String>), SessionTokenError> {
        self.opened(Use::Program, token, |key, id| (id, key.secret(&id)))
    }

    /// The session whose cookie that is, and the turn that it is of.
    ///
    /// # Errors
    /// As [`Keys::open_session_token`].
    pub fn open_browser_cookie(&self, cookie: &Secret<String>) -> Result<(SessionId, u32), SessionTokenError> {
        let (turn, token) = cookie.expose().split_once('.').ok_or(SessionTokenError)?;
        // One spelling alone.
        let number = turn.parse::<u32>().ok().filter(|number| number.to_string() == turn).ok_or(SessionTokenError)?;
        self.opened(Use::Browser { turn: number }, &Secret::new(token.to_owned()), |_, id| (id, number))
    }

    /// The session whose form that code was in.
    ///
    /// # Errors
    /// As [`Keys::open_session_token`].
    pub fn open_form_code(&self, code: &Secret<String>) -> Result<SessionId, SessionTokenError> {
        self.opened(Use::Form, code, |_, id| id)
    }

    fn opened<R>(
        &self,
        shown_as: Use,
        token: &Secret<String>,
        work: impl FnOnce(&Open, SessionId) -> R,
    ) -> Result<R, SessionTokenError> {
        let mut bytes = Zeroizing::new([0_u8; 1 + 4 + 16 + 32]);
        let length =
            URL_SAFE_NO_PAD.decode_slice(token.expose(), bytes.as_mut_slice()).map_err(|_| SessionTokenError)?;
        let (version, rest) = bytes.get(..length).and_then(<[u8]>::split_first).ok_or(SessionTokenError)?;
        let (number, rest) = rest.split_first_chunk::<4>().ok_or(SessionTokenError)?;
        let (id, code) = rest.split_first_chunk::<16>().ok_or(SessionTokenError)?;
        let (number, id) = (KeyNumber::from_be_bytes(*number), SessionId::from_bytes(*id));
        let open = self.sessions.read().unwrap_or_else(PoisonError::into_inner);
        let of_number = |key: &&Open| key.number == number && *version == shown_as.version();
        let key = open.0.iter().find(of_number).ok_or(SessionTokenError)?;
        let expected = key.code(&shown_as.words(), &id);
        aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_ref(), code).map_err(|_| SessionTokenError)?;
        Ok(work(key, id))
    }

    /// Makes the key that is due, and forgets those whose sessions are all over; mostly there is nothing to do. Blocks when
    /// there is. Without a master key, which health tells of, nothing is done.
    ///
    /// # Errors
    /// When the store fails; the keys there are go on.
    pub fn turn_session_keys(&self, store: &Store, now: Timestamp) -> Result<(), RotationError> {
        if self.standing().is_err() {
            return Ok(());
        }
        let (due, over) = {
            let open = self.sessions.read().unwrap_or_else(PoisonError::into_inner);
            let due = open.0.last().is_none_or(|newest| later(newest.created, MAKES) <= now);
            let pairs = open.0.iter().zip(open.0.iter().skip(1));
            let over = pairs.filter(|(_, next)| later(next.created, KEPT) <= now).map(|(key, _)| key.number);
            (due, over.collect::<Vec<_>>())
        };
        if due {
            self.make_session_key(store, now)?;
        }
        for number in over {
            let mut commit = Commit::new(Actor::task("keys"), now, Intent::Narrow);
            commit.delete_session_key(number);
            store.commit(commit)?;
            self.sessions.write().unwrap_or_else(PoisonError::into_inner).0.retain(|key| key.number != number);
        }
        Ok(())
    }

    fn make_session_key(&self, store: &Store, now: Timestamp) -> Result<(), RotationError> {
        let mut bytes = Zeroizing::new(vec![0_u8; LENGTH]);
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| KeysError::Refused)?;
        // One that is lost has its number still.
        let stored = store.read(credentials::session_keys::<Stored>)?;
        let number = stored.last().map_or(1, |(number, _)| number.saturating_add(1));
        let open = Open::new(number, now, &bytes);
        let sealed = self.seal(&owner(number), &Secret::new(bytes.to_vec()))?;
        let by = sealed.key;
        let mut commit = Commit::new(Actor::task("keys"), now, Intent::Widen);
        commit.put_session_key(number, &Stored { created: now, sealed }, by, 0)?;
        store.commit(commit)?;
        self.sessions.write().unwrap_or_else(PoisonError::into_inner).0.push(open);
        Ok(())
    }

    /// Seals session key `number` anew, if `old` sealed it: whether it did.
    pub(super) fn reseal_session_key(
        &self,
        store: &Store,
        number: KeyNumber,
        old: KeyNumber,
        commit: &mut Commit,
    ) -> Result<bool, RotationError> {
        let stored = store.read(credentials::session_keys::<Stored>)?;
        let Some((_, held)) = stored.into_iter().find(|(found, _)| *found == number) else { return Ok(false) };
        let Some(sealed) = self.anew(&held.value.sealed, old, &owner(number))? else { return Ok(false) };
        let by = sealed.key;
        commit.put_session_key(number, &Stored { sealed, ..held.value }, by, held.revision)?;
        Ok(true)
    }
}

/// Why no session begins where there is no key.
const NO_KEY: &str = "there is no session key: the daemon makes one as soon as its master key and its disk allow";

/// For whom a key is sealed.
fn owner(number: KeyNumber) -> String {
    format!("session-key/{number}")
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.number)).finish()
    }
}

#[cfg(test)]
mod tests;
