//! The master key: 32 bytes that seal the sealing keys, from systemd or from a file.
//!
//! It should not lie where a copy of the store lies: who has both has every secret. The default, a file beside the store,
//! guards exports and backups of the store alone, and is what works without a word of configuration.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::base::Secret;

/// Bytes of a key.
pub(super) const LENGTH: usize = 32;

/// Bytes of a nonce (RFC 8452, section 4).
const NONCE: usize = 12;

/// Where the master key comes from.
#[derive(Debug)]
pub struct Settings {
    /// The one that counts.
    pub current: Source,
    /// The one before it: sealing keys that it sealed are sealed anew by the current one at start.
    pub previous: Option<Secret<String>>,
}

/// Where a master key comes from.
#[derive(Debug)]
pub enum Source {
    /// Its text, read from a systemd credential.
    Text(Secret<String>),
    /// A file; made at first use where there is none and no secret yet.
    File(PathBuf),
}

/// A master key.
pub struct MasterKey {
    key: Cipher,
    id: String,
}

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// Its text is none.
    #[error("it has to be 32 bytes in base64, such as `openssl rand -base64 32` writes")]
    Form,
    /// Its file cannot be read.
    #[error("{path}: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// Others may read its file.
    #[error("{path}: others may read it; `chmod 0600` it, and make a new one if somebody did")]
    Exposed {
        /// The file.
        path: PathBuf,
    },
}

impl MasterKey {
    /// The key that `text` spells.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &Secret<String>) -> Result<Self, MasterKeyError> {
        let bytes = Zeroizing::new(STANDARD.decode(text.expose().trim()).map_err(|_| MasterKeyError::Form)?);
        let key = Cipher::new(&bytes).ok_or(MasterKeyError::Form)?;
        // A name for it that gives nothing away: who could find the key by its digest has guessed 256 bits.
        let digest = digest::digest(&digest::SHA256, &[b"bailey master key\0", bytes.as_slice()].concat());
        let id: String = hex::encode(digest.as_ref()).chars().take(16).collect();
        Ok(Self { key, id })
    }

    /// The key of a file, `None` if there is no such file.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, MasterKeyError> {
        let unreadable = |why: io::Error| MasterKeyError::Unreadable { path: path.to_owned(), why: why.to_string() };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => Secret::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        if std::fs::metadata(path).map_err(unreadable)?.permissions().mode() & 0o007 != 0 {
            return Err(MasterKeyError::Exposed { path: path.to_owned() });
        }
        Self::parse(&text).map(Some)
    }

    /// Makes the key of a file that is not there. It is on the disk before anything is sealed by it.
    pub(super) fn make(path: &Path) -> Result<Self, MasterKeyError> {
        let failed = |why: String| MasterKeyError::Unreadable { path: path.to_owned(), why };
        let mut bytes = Zeroizing::new([0_u8; LENGTH]);
        aws_lc_rs::rand::fill(bytes.as_mut_slice()).map_err(|_| failed("there is no randomness".to_owned()))?;
        let text = Secret::new(STANDARD.encode(bytes.as_slice()));
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            writeln!(file, "{}", text.expose())?;
            file.sync_all()?;
            path.parent().map_or(Ok(()), |dir| std::fs::File::open(dir)?.sync_all())
        };
        write().map_err(|error| failed(error.to_string()))?;
        tracing::info!(path = %path.display(), "made the master key; without it no access key can be used again");
        Self::parse(&text)
    }

    /// What it is called: the beginning of a digest.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn cipher(&self) -> &Cipher {
        &self.key
    }
}

/// AES-256-GCM-SIV with one key.
pub(super) struct Cipher(RandomizedNonceKey);

impl Cipher {
    /// The cipher with this key; `None` if it has not the right length.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        let whole = key.len() == LENGTH;
        whole.then(|| RandomizedNonceKey::new(&AES_256_GCM_SIV, key).ok().map(Self)).flatten()
    }

    /// Nonce, ciphertext and tag of `plain`, bound to `about`.
    pub(super) fn seal(&self, about: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        let mut text = plain.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(about), &mut text).ok()?;
        Some([nonce.as_ref().as_slice(), &text].concat())
    }

    /// The opposite of [`Cipher::seal`]; `None` if it was not made so.
    pub(super) fn open(&self, about: &[u8], sealed: &[u8]) -> Option<Secret<Vec<u8>>> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE>()?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(text.to_vec());
        let plain = self.0.open_in_place(nonce, Aad::from(about), &mut text).ok()?;
        Some(Secret::new(plain.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(byte: u8) -> Secret<String> {
        Secret::new(STANDARD.encode([byte; LENGTH]))
    }

    #[test]
    fn a_key_is_thirty_two_bytes_in_base64_and_nothing_else() {
        assert_ne!(MasterKey::parse(&text(1)).unwrap().id(), MasterKey::parse(&text(2)).unwrap().id());
        for bad in ["", "x", &STANDARD.encode([1; 31]), &STANDARD.encode([1; 33]), "not base64 at all, not even nearly"]
        {
            assert!(MasterKey::parse(&Secret::new(bad.to_owned())).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_is_made_once_and_is_nobody_elses() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        assert!(MasterKey::read(&path).unwrap().is_none());
        let made = MasterKey::make(&path).unwrap();
        assert!(MasterKey::make(&path).is_err(), "one that is there is never written over");
        assert_eq!(MasterKey::read(&path).unwrap().unwrap().id(), made.id());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o604)).unwrap();
        assert!(matches!(MasterKey::read(&path), Err(MasterKeyError::Exposed { .. })));
    }

    #[test]
    fn a_flipped_bit_anywhere_does_not_open() {
        let cipher = Cipher::new(&[7; LENGTH]).unwrap();
        let sealed = cipher.seal(b"about", b"secret").unwrap();
        assert_eq!(cipher.open(b"about", &sealed).unwrap().expose(), b"secret");
        assert!(cipher.open(b"About", &sealed).is_none());
        for at in 0..sealed.len() {
            let mut other = sealed.clone();
            other[at] ^= 1;
            assert!(cipher.open(b"about", &other).is_none(), "{at}");
        }
        assert!((0..sealed.len()).all(|length| cipher.open(b"about", &sealed[..length]).is_none()));
    }
}
