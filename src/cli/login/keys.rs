//! Access keys of a session, and what is kept of a sign-in.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::path::PathBuf;
use zeroize::Zeroizing;

use super::cache::{Cache, CacheError};
use super::tokens::Tokens;
use crate::base::clock::expired;
use crate::base::{Secret, Timestamp};

/// What requests are signed with until it ends.
#[derive(Debug, Serialize, Deserialize)]
pub struct Keys {
    /// The access key's id, `ASIA..`.
    pub access_key_id: String,
    /// Its secret half.
    #[serde(with = "closed_text")]
    pub secret: Secret<String>,
    /// The session's token.
    #[serde(with = "closed_text")]
    pub token: Secret<String>,
    /// When this machine took it in.
    pub begun: Timestamp,
    /// When it ends, as the daemon says.
    pub expires: Timestamp,
}

impl Keys {
    /// Seconds that are left of it; nothing, when it is over.
    #[must_use]
    pub fn left(&self, now: Timestamp) -> Option<i64> {
        (!expired(self.expires, now)).then(|| self.expires.duration_since(now).as_secs())
    }
}

/// A person's sign-in at a daemon.
#[derive(Debug, Serialize, Deserialize)]
pub struct Login {
    /// The daemon, as `https://host[:port]`.
    pub url: String,
    /// Whose certificates it shows, if not the system's.
    pub ca_file: Option<PathBuf>,
    /// Who it is.
    pub arn: String,
    /// The account.
    pub account: String,
    /// What the person has of it.
    #[serde(flatten)]
    pub held: Held,
}

/// What a person has of a sign-in.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// A session of their own, by a password.
    Keys(Keys),
    /// Tokens, by a browser.
    Tokens(Tokens),
}

impl Login {
    /// When it ends.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        match &self.held {
            Held::Keys(keys) => keys.expires,
            Held::Tokens(tokens) => tokens.expires,
        }
    }

    /// Whether it is not over.
    #[must_use]
    pub fn counts(&self, now: Timestamp) -> bool {
        !expired(self.expires(), now)
    }

    /// Which sign-in it is, so that what another one began is none of its.
    #[must_use]
    pub fn sign_in(&self) -> &str {
        match &self.held {
            Held::Keys(keys) => &keys.access_key_id,
            Held::Tokens(tokens) => tokens.sign_in(),
        }
    }

    /// The name of the file that keeps a sign-in at `url`.
    #[must_use]
    pub fn file(url: &str) -> String {
        format!("login-{}.json", digest(&[url]))
    }

    /// What is kept of a sign-in at `url`, or of the only one there is.
    ///
    /// # Errors
    /// When there is none or more than one, or it cannot be read.
    pub fn kept(cache: &Cache, url: Option<&str>) -> anyhow::Result<Self> {
        let Some(url) = url else { return Self::only(cache) };
        let found: Option<Self> = kept(cache, &Self::file(url))?;
        found.ok_or_else(|| anyhow::anyhow!("nobody is signed in at {url}: run `bailey login --url {url}`"))
    }

    fn only(cache: &Cache) -> anyhow::Result<Self> {
        let mut found = Vec::new();
        for name in cache.names("login-")? {
            found.extend(kept::<Self>(cache, &name)?);
        }
        if found.len() > 1 {
            let urls: Vec<String> = found.into_iter().map(|login| login.url).collect();
            anyhow::bail!("you are signed in at {}: say which is meant with --url", urls.join(" and "));
        }
        found.pop().ok_or_else(|| anyhow::anyhow!("nobody is signed in: run `bailey login --url URL`"))
    }
}

/// What the file called `name` keeps. One that cannot be read holds nothing that anybody could use.
///
/// # Errors
/// When it is not ours alone.
pub fn kept<T: serde::de::DeserializeOwned>(cache: &Cache, name: &str) -> Result<Option<T>, CacheError> {
    Ok(cache.read(name)?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// Keeps `what` in the file called `name`.
///
/// # Errors
/// When the disk says no.
pub fn keep(cache: &Cache, name: &str, what: &impl Serialize) -> anyhow::Result<()> {
    Ok(cache.write(name, &Zeroizing::new(serde_json::to_vec(what)?))?)
}

/// A name for what is called by these texts.
#[must_use]
pub fn digest(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.len().to_be_bytes());
        hash.update(text.as_bytes());
    }
    let mut name = hex::encode(hash.finalize());
    name.truncate(32);
    name
}

/// Secrets in files that are closed to others, and nowhere else.
pub(super) mod closed_text {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::base::Secret;

    pub(in super::super) fn serialize<S: Serializer>(secret: &Secret<String>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(secret.expose())
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret<String>, D::Error> {
        String::deserialize(from).map(Secret::new)
    }
}
