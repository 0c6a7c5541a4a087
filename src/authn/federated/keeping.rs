//! The keys of one issuer: fetched when they are wanted, kept for a while, and never asked for more often than an issuer can bear.
//!
//! Whoever can send a token can make us ask, if only for a key that does not exist. So an issuer is asked at most once a minute,
//! and whoever wants a key meanwhile waits for the one who is asking already. A request that is given up does not end the asking
//! it began: otherwise hanging up in time would keep us from ever getting an answer, or make us ask without end.

use std::sync::{Arc, PoisonError, RwLock};

use jiff::SignedDuration;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::sync::Mutex;
use url::Url;

use super::WebIdentityError;
use super::json;
use super::jwk::{KeySet, NoKey, PublicKey};
use super::jws::Alg;
use super::settings::{IssuerSettings, KeysFrom};
use crate::base::Timestamp;
use crate::base::text::printable;
use crate::fetch::Client;

/// How often an issuer is asked at most.
const PAUSE: SignedDuration = SignedDuration::from_secs(60);

/// The same, while there are no keys at all and every token is refused.
const PAUSE_WITHOUT: SignedDuration = SignedDuration::from_secs(10);

/// How long keys count while the issuer is away. Issuers publish a key well before it signs and long after, so a night's outage
/// there need not stop every workload here; but what an issuer withdrew because it was stolen must not count for ever, only since
/// whoever stole it also keeps us from the issuer.
const STALE: SignedDuration = SignedDuration::from_hours(24);

/// Longest discovery document and longest key set, in bytes.
const LONGEST_DISCOVERY: usize = 64 << 10;
const LONGEST_KEYS: usize = 1 << 20;

/// One issuer's keys.
pub(super) struct Keeping {
    settings: Arc<IssuerSettings>,
    held: RwLock<Held>,
    /// Held by the one who asks.
    turn: Arc<Mutex<()>>,
}

#[derive(Default)]
struct Held {
    keys: Option<(Arc<KeySet>, Timestamp)>,
    /// When the issuer was asked last, and whether it answered.
    asked: Option<(Timestamp, bool)>,
}

/// What a token wants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'t> {
    pub(super) kid: Option<&'t str>,
    pub(super) alg: Alg,
}

impl Keeping {
    pub(super) fn new(settings: Arc<IssuerSettings>) -> Self {
        Self { settings, held: RwLock::default(), turn: Arc::default() }
    }

    pub(super) fn settings(&self) -> &Arc<IssuerSettings> {
        &self.settings
    }

    /// The key that a token wants, of keys as new as need be.
    pub(super) async fn key(
        self: &Arc<Self>,
        client: &Client,
        wanted: Wanted<'_>,
        now: Timestamp,
    ) -> Result<Arc<PublicKey>, WebIdentityError> {
        if self.should_ask(wanted, now) {
            let turn = Arc::clone(&self.turn).lock_owned().await;
            // Somebody else may have asked while we waited.
            if self.should_ask(wanted, now) {
                let (keeping, client) = (Arc::clone(self), client.clone());
                let asking = tokio::spawn(async move {
                    keeping.ask(&client, now).await;
                    drop(turn);
                });
                // That it came to nothing is seen by what is held.
                let _ = asking.await;
            }
        }
        match self.find(wanted, now) {
            None => Err(WebIdentityError::Away { issuer: self.settings.issuer.clone() }),
            Some(Ok(key)) => Ok(key),
            Some(Err(none)) => Err(WebIdentityError::invalid(match none {
                NoKey::Unknown => "its issuer has no such key",
                NoKey::OtherAlgorithm => "its key is not for that algorithm",
                NoKey::Ambiguous => "its issuer has several such keys, and its header does not say which",
            })),
        }
    }

    /// Whether what is held will not do, and it is time to ask again.
    fn should_ask(&self, wanted: Wanted<'_>, now: Timestamp) -> bool {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let max_age = SignedDuration::try_from(self.settings.max_age).unwrap_or(PAUSE);
        let usable = held.keys.as_ref().filter(|(_, at)| now.duration_since(*at) < STALE);
        let will_do = usable.is_some_and(|(keys, at)| {
            now.duration_since(*at) < max_age && !matches!(keys.find(wanted.kid, wanted.alg), Err(NoKey::Unknown))
        });
        let pause = match held.asked {
            Some((_, false)) if usable.is_none() => PAUSE_WITHOUT,
            _ => PAUSE,
        };
        !will_do && held.asked.is_none_or(|(at, _)| now.duration_since(at) >= pause)
    }

    /// The key among those that still count; `None` when there are no keys.
    fn find(&self, wanted: Wanted<'_>, now: Timestamp) -> Option<Result<Arc<PublicKey>, NoKey>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let (keys, _) = held.keys.as_ref().filter(|(_, at)| now.duration_since(*at) < STALE)?;
        Some(keys.find(wanted.kid, wanted.alg))
    }

    async fn ask(&self, client: &Client, now: Timestamp) {
        let answer = fetch(client, &self.settings).await;
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.asked = Some((now, answer.is_ok()));
        match answer {
            Ok(keys) => {
                tracing::debug!(issuer = %self.settings.issuer, keys = keys.len(), left_out = ?keys.left_out, "keys of an issuer");
                held.keys = Some((Arc::new(keys), now));
            }
            Err(why) => {
                tracing::warn!(issuer = %self.settings.issuer, why, "the keys of an issuer cannot be had");
            }
        }
    }
}

/// The keys, from where they are. The error is for whoever runs this machine.
pub(super) async fn fetch(client: &Client, settings: &IssuerSettings) -> Result<KeySet, String> {
    let bytes = match &settings.keys {
        KeysFrom::File(file) => read_file(file).await.map_err(|why| format!("{}: {why}", file.display()))?,
        KeysFrom::Url(url) => get(client, url, settings, true, LONGEST_KEYS).await?,
        KeysFrom::Discovery => {
            let url = discover(client, settings).await?;
            get(client, &url, settings, false, LONGEST_KEYS).await?
        }
    };
    KeySet::read(&bytes, settings.preset)
}

/// Where the keys are, by the issuer's own document.
async fn discover(client: &Client, settings: &IssuerSettings) -> Result<Url, String> {
    let (url, document) = described(client, settings).await?;
    address_in(&document, "jwks_uri", &url)
}

/// An address that a document names.
pub(in crate::authn) fn address_in(document: &json::Object, name: &str, of: &Url) -> Result<Url, String> {
    let text = document.get(name).and_then(Value::as_str).ok_or_else(|| format!("{of} has no `{name}`"))?;
    Url::parse(text).map_err(|error| format!("{of} has a `{name}` that is no URL: {error}"))
}

/// The issuer's own document (OpenID Connect Discovery 1.0, section 4), and where it was. It must be about this issuer, letter by letter
/// (section 4.3): otherwise one issuer's keys would speak for another.
pub(in crate::authn) async fn described(
    client: &Client,
    settings: &IssuerSettings,
) -> Result<(Url, json::Object), String> {
    let issuer = settings.issuer.url();
    let text = format!("{}/.well-known/openid-configuration", issuer.strip_suffix('/').unwrap_or(&issuer));
    let url = Url::parse(&text).map_err(|error| format!("{text}: {error}"))?;
    let document = get(client, &url, settings, false, LONGEST_DISCOVERY).await?;
    let document = json::object(&document).map_err(|why| format!("{url} cannot be read: {why}"))?;
    match document.get("issuer").and_then(Value::as_str) {
        Some(said) if said == issuer => {}
        said => {
            let said = printable(said.unwrap_or("nobody")).into_owned();
            return Err(format!("{url} is about `{said}`, not about `{issuer}`, letter by letter"));
        }
    }
    Ok((url, document))
}

async fn get(
    client: &Client,
    url: &Url,
    settings: &IssuerSettings,
    configured: bool,
    most: usize,
) -> Result<Vec<u8>, String> {
    client.get(url, &settings.reach(configured), most).await.map_err(|error| error.to_string())
}

async fn read_file(file: &std::path::Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = LONGEST_KEYS as u64;
    let read = tokio::fs::File::open(file).await?.take(most + 1).read_to_end(&mut bytes).await?;
    if read as u64 > most {
        return Err(std::io::Error::other(format!("it has more than {most} bytes")));
    }
    Ok(bytes)
}
