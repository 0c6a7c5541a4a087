//! The sealing keys that there are, opened.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::master::{Cipher, LENGTH, MasterKey, Settings, Source};
use super::{KeysError, Standing};
use crate::base::{Secret, Timestamp};
use crate::model::{Actor, KeyNumber, Sealed};
use crate::store::iam::Read;
use crate::store::{Commit, Intent, Store, StoreError, credentials};

/// A sealing key as it lies in the store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Stored {
    /// Which master key sealed it.
    pub(super) master: String,
    /// The key, sealed; its key number is its own.
    pub(super) sealed: Sealed,
    /// When it was made.
    pub(super) created: Timestamp,
}

/// Why there is no ring.
#[derive(Debug, thiserror::Error)]
pub(super) enum RingError {
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A sealing key, opened.
struct Open {
    cipher: Cipher,
    created: Timestamp,
}

/// All of them; the highest number seals.
pub(super) struct Ring {
    master: MasterKey,
    open: BTreeMap<KeyNumber, Open>,
}

impl Ring {
    /// What lies in the store, opened.
    pub(super) fn open(store: &Store, settings: &Settings, now: Timestamp) -> Result<Self, RingError> {
        let stored = store.read(credentials::sealing_keys::<Stored>)?;
        let master = master(settings, stored.is_empty()).map_err(shut)?;
        let previous = settings.previous.as_ref().map(MasterKey::parse).transpose();
        let previous = previous.map_err(|error| shut(format!("the previous master key: {error}")))?;
        let mut ring = Self { master, open: BTreeMap::new() };
        // What only opens what is there already has to be possible on a full disk, too.
        let mut commit = Commit::new(Actor::task("keys"), now, Intent::Narrow);
        for (number, read) in stored {
            ring.take(number, read, previous.as_ref(), &mut commit)?;
        }
        if ring.open.is_empty() {
            ring.add(1, now, &mut commit)?;
        }
        if !commit.is_empty() {
            store.commit(commit)?;
        }
        Ok(ring)
    }

    /// Opens a stored key, and writes it anew where the previous master key sealed it.
    fn take(
        &mut self,
        number: KeyNumber,
        Read { value, revision }: Read<Stored>,
        previous: Option<&MasterKey>,
        commit: &mut Commit,
    ) -> Result<(), RingError> {
        let by = [Some(&self.master), previous].into_iter().flatten().find(|master| master.id() == value.master);
        let Some(by) = by else {
            let (this, other) = (self.master.id(), &value.master);
            return Err(RingError::Keys(shut(format!(
                "sealing key {number} was sealed by master key {other}, and this is {this}; give the other one as \
                 `keys.previous_master_key_file`, or back as the master key"
            ))));
        };
        let opened = by.cipher().open(&about_key(number, by.id()), &value.sealed.bytes);
        let Some((opened, cipher)) = opened.and_then(|key| Cipher::new(key.expose()).map(|cipher| (key, cipher)))
        else {
            let why = format!("sealing key {number} is damaged; bring the store back from a backup");
            return Err(shut(why).into());
        };
        if by.id() != self.master.id() {
            let row = self.stored(number, opened.expose(), value.created).ok_or(KeysError::Refused)?;
            commit.put_sealing_key(number, &row, revision)?;
        }
        self.open.insert(number, Open { cipher, created: value.created });
        Ok(())
    }

    /// Makes sealing key `number`; it seals from the moment it is in the ring.
    pub(super) fn add(&mut self, number: KeyNumber, now: Timestamp, commit: &mut Commit) -> Result<(), RingError> {
        let mut bytes = Zeroizing::new([0_u8; LENGTH]);
        aws_lc_rs::rand::fill(bytes.as_mut_slice()).map_err(|_| KeysError::Refused)?;
        let row = self.stored(number, bytes.as_slice(), now).ok_or(KeysError::Refused)?;
        let cipher = Cipher::new(bytes.as_slice()).ok_or(KeysError::Refused)?;
        commit.put_sealing_key(number, &row, 0)?;
        self.open.insert(number, Open { cipher, created: now });
        Ok(())
    }

    fn stored(&self, number: KeyNumber, key: &[u8], created: Timestamp) -> Option<Stored> {
        let bytes = self.master.cipher().seal(&about_key(number, self.master.id()), key)?;
        Some(Stored { master: self.master.id().to_owned(), sealed: Sealed { key: number, bytes }, created })
    }

    /// Forgets a key that nothing is sealed by any more.
    pub(super) fn forget(&mut self, number: KeyNumber) {
        self.open.remove(&number);
    }

    /// The key that seals.
    pub(super) fn current(&self) -> KeyNumber {
        self.open.keys().next_back().copied().unwrap_or_default()
    }

    pub(super) fn seal(&self, owner: &str, secret: &Secret<Vec<u8>>) -> Result<Sealed, KeysError> {
        let (number, current) = self.open.last_key_value().ok_or(KeysError::Refused)?;
        let bytes = current.cipher.seal(&about(*number, owner), secret.expose()).ok_or(KeysError::Refused)?;
        Ok(Sealed { key: *number, bytes })
    }

    pub(super) fn unseal(&self, owner: &str, sealed: &Sealed) -> Result<Secret<Vec<u8>>, KeysError> {
        let failed = |why: String| KeysError::NotOpened { owner: owner.to_owned(), why };
        let key = self.open.get(&sealed.key);
        let key = key.ok_or_else(|| failed(format!("there is no sealing key {}", sealed.key)))?;
        let opened = key.cipher.open(&about(sealed.key, owner), &sealed.bytes);
        opened.ok_or_else(|| failed("it is damaged, or was sealed for somebody else".to_owned()))
    }

    pub(super) fn standing(&self) -> Standing {
        let current = self.current();
        let since = self.open.get(&current).map_or(Timestamp::UNIX_EPOCH, |open| open.created);
        Standing { current, since, retiring: self.open.keys().copied().filter(|number| *number != current).collect() }
    }
}

fn shut(why: String) -> KeysError {
    KeysError::Shut { why }
}

/// The master key; one is made where nothing was ever sealed.
fn master(settings: &Settings, first: bool) -> Result<MasterKey, String> {
    match &settings.current {
        Source::Text(text) => MasterKey::parse(text).map_err(|error| format!("the master key's credential: {error}")),
        Source::File(path) => match MasterKey::read(path) {
            Ok(Some(master)) => Ok(master),
            Ok(None) if first => MasterKey::make(path).map_err(|error| format!("the master key: {error}")),
            Ok(None) => Err(format!(
                "there is no master key {}; bring it back, for nothing else opens what is sealed",
                path.display()
            )),
            Err(error) => Err(format!("the master key: {error}")),
        },
    }
}

/// What a secret is bound to: its key's number and its owner (RFC 5116, section 2.1, associated data).
fn about(number: KeyNumber, owner: &str) -> Vec<u8> {
    format!("bailey sealed v1\0{number}\0{owner}").into_bytes()
}

fn about_key(number: KeyNumber, master: &str) -> Vec<u8> {
    format!("bailey sealing key v1\0{number}\0{master}").into_bytes()
}
