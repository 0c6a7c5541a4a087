//! The tokens of a sign-in by browser or device: kept in its file, replaced by one process at a time.
//!
//! Each refresh makes the token before worthless, and one that is shown again ends the whole sign-in at the daemon (RFC 9700,
//! section 4.14). So who refreshes holds a lock, looks first whether somebody else has done so, and has the new token on disk before
//! it uses it.

use serde::{Deserialize, Serialize};

use super::cache::Cache;
use super::keys::{self, Held, Login, closed_text};
use super::service::{Service, ServiceError};
use crate::base::clock::{Clock as _, SystemClock};
use crate::base::{Secret, Timestamp};

/// Seconds that an access token has to be good for what it is taken for.
const LEAST: i64 = 60;

/// Tokens of a person, for this program.
#[derive(Debug, Serialize, Deserialize)]
pub struct Tokens {
    /// By which the next ones are asked for.
    #[serde(with = "closed_text")]
    pub refresh: Secret<String>,
    /// What is exchanged for sessions of roles.
    #[serde(with = "closed_text")]
    pub access: Secret<String>,
    /// It is good until then.
    pub access_expires: Timestamp,
    /// The sign-in ends then.
    pub expires: Timestamp,
}

impl Tokens {
    /// Which sign-in it is of: its refresh tokens all begin alike.
    #[must_use]
    pub fn sign_in(&self) -> &str {
        self.refresh.expose().split('.').next().unwrap_or_default()
    }
}

/// An access token of whoever is signed in at `url`, good for a minute at least: the kept one, or the next.
///
/// # Errors
/// When nobody is signed in there any more, or the daemon refuses or is away.
pub async fn access(cache: &Cache, url: &str) -> anyhow::Result<Secret<String>> {
    let file = Login::file(url);
    let _refreshing = cache.lock(&format!("{file}.lock")).await?;
    // As it is now: somebody may have refreshed it while this process waited.
    let mut login = Login::kept(cache, Some(url))?;
    let Held::Tokens(held) = &login.held else {
        anyhow::bail!("somebody signed in at {url} in another way meanwhile: try again");
    };
    if held.access_expires.duration_since(SystemClock.now()).as_secs() >= LEAST {
        return Ok(Secret::new(held.access.expose().clone()));
    }
    let service = Service::at(url, login.ca_file.clone())?;
    let next = service.refreshed(&held.refresh).await.map_err(|error| match error {
        ServiceError::Refused { code, message, .. } if code == "invalid_grant" => {
            anyhow::anyhow!("your sign-in at {url} is over ({message}): run `bailey login --url {url}`")
        }
        error => error.into(),
    })?;
    let access = Secret::new(next.access.expose().clone());
    login.held = Held::Tokens(next);
    keys::keep(cache, &file, &login)?;
    Ok(access)
}
