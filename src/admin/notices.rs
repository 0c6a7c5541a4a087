//! What waits to be told, why it was not yet, and a try of each way: for whoever runs this.

use serde::{Deserialize, Serialize};

use super::{Admin, AdminError};
use crate::audit::Outcome;
use crate::base::text::printable;
use crate::base::{NoticeId, Timestamp};
use crate::gate::Authorized;
use crate::model::Notice;
use crate::model::notice::{Facts, Kind, Way};
use crate::notify::{Settings, smtp};
use crate::store::{StoreError, notices};

/// Most notices of one way that are listed.
const LISTED: usize = 500;

/// A notice that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeView {
    /// Its id: what is in the id of the message, and in that of the webhook.
    pub id: String,
    /// What happened.
    pub kind: Kind,
    /// By which way it is told.
    pub way: Way,
    /// To whom.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub to: String,
    /// When it happened.
    pub at: Timestamp,
    /// The grant, engagement or provider that it is about.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// How often it failed for its own sake.
    pub tries: u32,
    /// When it is tried next.
    pub next: Timestamp,
    /// Why it was not told yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What came of trying a way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriedWay {
    /// Which.
    pub way: Way,
    /// To whom.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub to: String,
    /// Whether it was taken.
    pub told: bool,
    /// What the other side said, or why it said nothing.
    pub said: String,
}

/// Which ways to try. Without a word all of them, mail to the addresses of security.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WaysToTry {
    /// Mail, to this address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The webhook of this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
}

impl Admin {
    /// What waits to be told, by way and in the order of time; of each way as many as anybody reads. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn waiting_notices(&self) -> Result<Vec<NoticeView>, AdminError> {
        let resting = self.notices.resting();
        let waiting = self.store.read(|snapshot| {
            let mut found = Vec::new();
            for way in notices::ways(snapshot)? {
                found.extend(notices::waiting(snapshot, &way, LISTED)?);
            }
            Ok::<_, StoreError>(found)
        })?;
        let view = |notice: Notice| {
            let rest = resting.get(&notice.way);
            let facts = &notice.facts;
            let grant = facts.grant.map(|id| format!("grant/{id}"));
            let about = grant.or_else(|| facts.engagement.map(|id| format!("engagement/{id}")));
            let about = about.or_else(|| facts.metadata.as_ref().map(|metadata| metadata.of.clone()));
            NoticeView {
                id: notice.id.to_string(),
                kind: notice.kind,
                about: about.unwrap_or_default(),
                next: rest.map_or(notice.next, |rest| rest.until.max(notice.next)),
                why: rest.map(|rest| rest.why.clone()).or(notice.why),
                way: notice.way,
                to: notice.to,
                at: notice.at,
                tries: notice.tries,
            }
        };
        Ok(waiting.into_iter().map(|held| view(held.value)).collect())
    }

    /// Tells one notice by each of the ways that are meant, now and past the outbox, and answers what the other sides said.
    ///
    /// # Errors
    /// When none is configured that is meant, or an address is none.
    pub async fn try_ways(&self, asked: Authorized, which: &WaysToTry) -> Result<Vec<TriedWay>, AdminError> {
        let settings = self.notices.settings();
        let meant = match meant(&settings, which) {
            Ok(meant) => meant,
            Err(error) => {
                self.completed(asked, Outcome::failed(error.code(), &error)).await;
                return Err(error);
            }
        };
        let tries = meant.into_iter().map(|(way, to)| self.try_way(way, to));
        let tried: Vec<TriedWay> = futures_util::future::join_all(tries).await;
        let told = tried.iter().filter(|tried| tried.told).count() as u64;
        self.completed(asked, Outcome::success().with("told", told).with("tried", tried.len() as u64)).await;
        Ok(tried)
    }

    async fn completed(&self, asked: Authorized, outcome: Outcome) {
        let now = self.now();
        if let Err(ended) = tokio::task::spawn_blocking(move || asked.complete(&outcome, now)).await {
            tracing::error!(%ended, "the end of a try could not be recorded");
        }
    }

    async fn try_way(&self, way: Way, to: String) -> TriedWay {
        let now = self.now();
        let notice = Notice {
            id: NoticeId::from_bytes(self.chance()),
            kind: Kind::Test,
            way: way.clone(),
            to: to.clone(),
            at: now,
            epoch: String::new(),
            moot: None,
            facts: Facts::default(),
            tries: 0,
            next: now,
            why: None,
        };
        match self.notices.tell_now(&notice, now).await {
            Ok(said) => TriedWay { way, to, told: true, said },
            Err(failure) => TriedWay { way, to, told: false, said: failure.why().to_owned() },
        }
    }

    fn chance(&self) -> [u8; 16] {
        rand::RngExt::random(&mut *self.rng.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// The ways that are meant, and to whom.
fn meant(settings: &Settings, which: &WaysToTry) -> Result<Vec<(Way, String)>, AdminError> {
    let nowhere = |what: &str, remedy: &str| AdminError::NotNow { what: what.to_owned(), remedy: remedy.to_owned() };
    let mut meant = Vec::new();
    let all = which.to.is_none() && which.webhook.is_none();
    if let Some(to) = &which.to {
        if let Some(why) = smtp::address_fault(to) {
            return Err(AdminError::OutOfBounds { what: "to".to_owned(), limit: format!("a mail address: {why}") });
        }
        if settings.smtp.is_none() {
            return Err(nowhere("there is no mail server", "configure [notify.smtp]"));
        }
        meant.push((Way::Mail, to.clone()));
    }
    if let Some(name) = &which.webhook {
        if settings.webhook(name).is_none() {
            return Err(AdminError::NoSuch { what: format!("webhook `{}`", printable(name)) });
        }
        meant.push((Way::Webhook(name.clone()), String::new()));
    }
    if all {
        if settings.smtp.is_some() {
            meant.extend(settings.security.iter().map(|to| (Way::Mail, to.clone())));
        }
        meant.extend(settings.webhooks.iter().map(|hook| (Way::Webhook(hook.name.clone()), String::new())));
    }
    if meant.is_empty() {
        return Err(match settings.smtp {
            Some(_) => nowhere("nobody is configured who could be told", "say to whom: --to ADDRESS"),
            None => nowhere("there is neither a mail server nor a webhook", "configure [notify]"),
        });
    }
    Ok(meant)
}
