//! A role's session for whoever is signed in: kept, refreshed early by one process at a time, and never given out when over.
//!
//! A session may end before its time: somebody ends it, or the daemon is put back from a backup, which voids all. So the daemon
//! is asked about a kept one now and then; what it does not know any more is forgotten. A daemon that is away ends nothing.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::base::Timestamp;
use crate::base::clock::{Clock as _, SystemClock};
use crate::cli::login::cache::Cache;
use crate::cli::login::keys::{self, Held, Keys, Login, digest};
use crate::cli::login::service::{Service, ServiceError};
use crate::cli::login::tokens;

/// Seconds before the end at which a session of an hour or more is refreshed: when SDKs of AWS begin to ask for another.
const EARLY: i64 = 900;

/// How long what the daemon said of a kept session is believed.
const BELIEVED: SignedDuration = SignedDuration::from_secs(60);

/// Time for its answer: SDKs wait for a second or two.
const PATIENCE: Duration = Duration::from_secs(1);

/// What it says of a session that counts no more, and of one that it has never heard of.
const ENDED: [&str; 2] = ["ExpiredToken", "InvalidClientTokenId"];

/// Seconds by which a session that lasts as long as the sign-in may seem to end before it: the daemon counts whole ones.
const ROUNDED: i64 = 2;

/// The role that is meant, and under which name and for how long.
#[derive(Debug, Clone)]
pub struct Role {
    /// Where kept sessions are.
    pub cache: Cache,
    /// The daemon, if not the only one that somebody is signed in at.
    pub url: Option<String>,
    /// Its ARN, or what stands in it behind `role/`.
    pub role: String,
    /// What the session is called, if not as the daemon says: by the person's name, or as it was set up.
    pub session_name: Option<String>,
    /// For how long, if not as the daemon says.
    pub seconds: Option<u32>,
}

/// A kept session, and whose sign-in it was begun with.
#[derive(Serialize, Deserialize)]
struct Kept {
    login: String,
    keys: Keys,
    /// When the daemon was asked about it last.
    #[serde(default)]
    asked: Option<Timestamp>,
}

impl Kept {
    /// Whether what the daemon said of it is believed still.
    fn is_believed(&self, now: Timestamp) -> bool {
        self.asked.is_some_and(|asked| (SignedDuration::ZERO..BELIEVED).contains(&now.duration_since(asked)))
    }
}

/// The beginning of the names of files that keep roles at `url`.
#[must_use]
pub fn files_of(url: &str) -> String {
    format!("role-{}-", digest(&[url]))
}

/// Credentials that count, and the role they are of.
#[derive(Debug)]
pub struct Given {
    /// The role's ARN.
    pub role: String,
    /// The credentials.
    pub keys: Keys,
}

impl Role {
    /// Credentials that are not over: those kept, or new ones.
    ///
    /// # Errors
    /// When nobody is signed in, the daemon refuses or is away: what is kept and due is not given out in its place.
    pub async fn credentials(&self) -> anyhow::Result<Given> {
        let login = Login::kept(&self.cache, self.url.as_deref())?;
        anyhow::ensure!(
            login.counts(SystemClock.now()),
            "you were signed in at {0} until {1:.0}: run `bailey login --url {0}`",
            login.url,
            login.expires()
        );
        let arn = self.arn(&login);
        let file = self.file(&login, &arn);
        let believed = |kept: &Kept| kept.is_believed(SystemClock.now());
        if let Some(kept) = self.kept(&file, &login)?.filter(believed) {
            return Ok(Given { role: arn, keys: kept.keys });
        }
        let _refreshing = self.cache.lock(&format!("{file}.lock")).await?;
        let service = Service::at(&login.url, login.ca_file.clone())?;
        if let Some(kept) = self.kept(&file, &login)? {
            // Somebody may have asked, or refreshed it, in the meantime.
            if believed(&kept) {
                return Ok(Given { role: arn, keys: kept.keys });
            }
            if counts(&service, &kept.keys).await {
                let kept = Kept { asked: Some(SystemClock.now()), ..kept };
                keys::keep(&self.cache, &file, &kept)?;
                return Ok(Given { role: arn, keys: kept.keys });
            }
            self.cache.remove(&file)?;
        }
        let keys = self.begin(&service, &login, &arn).await?;
        let kept = Kept { login: login.sign_in().to_owned(), keys, asked: Some(SystemClock.now()) };
        keys::keep(&self.cache, &file, &kept)?;
        Ok(Given { role: arn, keys: kept.keys })
    }

    /// A session of the role, by whatever the person has. What is not said is for the daemon to say.
    async fn begin(&self, service: &Service, login: &Login, arn: &str) -> anyhow::Result<Keys> {
        let seconds = self.seconds.map(|seconds| seconds.to_string());
        let (name, seconds) = (self.session_name.as_deref(), seconds.as_deref());
        match &login.held {
            Held::Keys(keys) => {
                let mut params = vec![("RoleArn", arn)];
                params.extend(name.map(|name| ("RoleSessionName", name)));
                params.extend(seconds.map(|seconds| ("DurationSeconds", seconds)));
                Ok(service.assume_role(keys, &params).await?)
            }
            Held::Tokens(_) => {
                let access = tokens::access(&self.cache, &login.url).await?;
                let name = name.map(|name| ("role_session_name", name)).into_iter();
                let params: Vec<_> = name.chain(seconds.map(|seconds| ("duration_seconds", seconds))).collect();
                Ok(service.exchange(&access, arn, &params).await?)
            }
        }
    }

    fn kept(&self, file: &str, login: &Login) -> anyhow::Result<Option<Kept>> {
        let kept: Option<Kept> = keys::kept(&self.cache, file)?;
        let ours = kept.filter(|kept| kept.login == login.sign_in());
        Ok(ours.filter(|kept| !is_due(&kept.keys, login.expires(), SystemClock.now())))
    }

    /// The role's ARN, in the account and partition of whoever is signed in unless it says otherwise.
    fn arn(&self, login: &Login) -> String {
        if self.role.starts_with("arn:") {
            return self.role.clone();
        }
        let partition = login.arn.split(':').nth(1).unwrap_or("aws");
        format!("arn:{partition}:iam::{}:role/{}", login.account, self.role.trim_start_matches('/'))
    }

    /// One file for what is the same session.
    fn file(&self, login: &Login, arn: &str) -> String {
        let name = self.session_name.as_deref().unwrap_or_default();
        let seconds = self.seconds.map(|seconds| seconds.to_string()).unwrap_or_default();
        format!("{}{}.json", files_of(&login.url), digest(&[arn, name, &seconds]))
    }
}

/// Whether a session counts, for all that can be found out: false when the daemon says that it does not.
async fn counts(service: &Service, keys: &Keys) -> bool {
    match timeout(PATIENCE, service.identity(keys)).await {
        Ok(Err(ServiceError::Refused { code, .. })) => !ENDED.contains(&code.as_str()),
        _ => true,
    }
}

/// Whether a session has to be refreshed: with a quarter of an hour left, or a quarter of its life where that is less.
///
/// One that lasts as long as the sign-in cannot be had for longer: it is good to its end.
fn is_due(keys: &Keys, login_expires: Timestamp, now: Timestamp) -> bool {
    let Some(left) = keys.left(now) else { return true };
    let life = keys.expires.duration_since(keys.begun).as_secs();
    let could_last_longer = login_expires.duration_since(keys.expires).as_secs() >= ROUNDED;
    could_last_longer && left <= EARLY.min(life / 4)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::base::Secret;

    const BEGUN: &str = "2026-03-12T12:00:00Z";

    fn keys(life: i64) -> Keys {
        let begun: Timestamp = BEGUN.parse().unwrap();
        let secret = || Secret::new(String::new());
        Keys { access_key_id: String::new(), secret: secret(), token: secret(), begun, expires: later(life) }
    }

    fn later(seconds: i64) -> Timestamp {
        BEGUN.parse::<Timestamp>().unwrap().checked_add(SignedDuration::from_secs(seconds)).unwrap()
    }

    #[test]
    fn sessions_are_refreshed_before_they_end_and_not_much_before() {
        for (life, fresh, due) in [(3_600, 2_699, 2_700), (43_200, 42_299, 42_300), (900, 674, 675)] {
            let keys = keys(life);
            assert!(!is_due(&keys, later(100_000), later(fresh)), "{life}");
            assert!(is_due(&keys, later(100_000), later(due)), "{life}");
        }
    }

    #[test]
    fn what_lasts_as_long_as_the_sign_in_is_good_to_its_end() {
        assert!(!is_due(&keys(600), later(600), later(599)));
        assert!(!is_due(&keys(600), later(601), later(599)));
        assert!(is_due(&keys(600), later(602), later(599)));
        assert!(is_due(&keys(600), later(600), later(600)));
    }
}
