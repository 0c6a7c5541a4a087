//! Finds a domain's servers in DNS, and keeps what was found.
//!
//! Owns the questions (MS-ADTS 6.3.2.3 for Active Directory, RFC 2782 for everybody), the order of the answers and
//! when to ask again. Which of the servers found is tried first after failures is `servers`' business.
//!
//! ```text
//! resolver --> survey --> candidate, order --> Servers
//!  asks DNS    all that     which URL, or        the list
//!              was said     why none
//!              report: what `check` says of it
//! ```
//!
//! An answer holds for its TTL, within [`SHORTEST`] and [`LONGEST`], and is asked for again when none of the servers
//! can be used. When DNS is away, or says less than before, the servers known stay: trying them does no harm, since
//! their certificates are checked as ever.

mod candidate;
mod order;
mod report;
mod resolver;
mod survey;

use std::net::IpAddr;
use std::time::Duration;

use rand::rngs::StdRng;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::{info, warn};

use candidate::Rules;
use order::{Record, ordered};
use resolver::Dns;
use survey::Survey;

use super::servers::Servers;
use super::settings::Domain;
use super::{DirectoryError, Finding, Settings};

/// An answer holds at least so long, whatever its TTL; so long, too, until DNS is asked again after it was away.
const SHORTEST: Duration = Duration::from_secs(60);
/// An answer holds no longer than that, whatever its TTL.
const LONGEST: Duration = Duration::from_secs(3600);
/// When no server can be used, DNS is asked again unless it was just now.
const AGAIN: Duration = Duration::from_secs(10);
/// Servers kept, the best first: more would never be tried within anybody's patience.
const MOST: usize = 64;

/// The search for a domain's servers.
#[derive(Debug)]
pub(super) struct Discovery {
    domain: Domain,
    label: String,
    rules: Rules,
    /// Longest wait for the answer to one question.
    patience: Duration,
    /// Held while DNS is asked, so that nobody asks the same at the same time.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rng: StdRng,
    /// When DNS was last asked.
    asked: Option<Instant>,
    /// When to ask again; `None` before the first usable answer.
    due: Option<Instant>,
    /// The usable records of the last usable answer, sorted: those of the site, those of the domain.
    known: [Vec<Record>; 2],
    /// Why the servers known are older than their TTL.
    outdated: Option<String>,
}

impl Discovery {
    /// A search for what `settings` name as their domain; `None` when they name servers. Nothing is asked yet.
    pub(super) fn new(settings: &Settings, rng: StdRng) -> Option<Self> {
        let domain = settings.domain.clone()?;
        let state = State { rng, asked: None, due: None, known: Default::default(), outdated: None };
        Some(Self {
            rules: Rules::new(&domain.name, settings),
            label: settings.label.clone(),
            patience: settings.connect_timeout,
            state: Mutex::new(state),
            domain,
        })
    }

    /// Brings `servers` up to date when that is due.
    ///
    /// # Errors
    /// When no server was ever found, and none can be found now.
    pub(super) async fn refresh(&self, servers: &Servers, now: Instant) -> Result<(), DirectoryError> {
        let mut state = self.state.lock().await;
        if state.due.is_some_and(|due| due > now) {
            return Ok(());
        }
        let survey = self.survey().await;
        self.adopt(&mut state, &survey, servers, now)
    }

    /// Asks again although the answer still holds, because none of the servers can be used. True when there are
    /// other servers now.
    pub(super) async fn ask_again(&self, servers: &Servers, now: Instant) -> bool {
        let mut state = self.state.lock().await;
        if state.asked.is_some_and(|asked| asked + AGAIN > now) {
            return false;
        }
        let before = servers.listed();
        let survey = self.survey().await;
        self.adopt(&mut state, &survey, servers, now).is_ok() && servers.listed() != before
    }

    /// Asks in any case, for `check`: what DNS said, in findings. `servers` is brought up to date.
    pub(super) async fn check(&self, servers: &Servers, now: Instant) -> Vec<Finding> {
        let mut state = self.state.lock().await;
        let survey = self.survey().await;
        let adopted = self.adopt(&mut state, &survey, servers, now);
        report::findings(&self.domain.name, &survey, adopted.err(), &servers.listed())
    }

    /// Why the servers known are older than they should be, if they are.
    pub(super) async fn outdated(&self) -> Option<String> {
        self.state.lock().await.outdated.clone()
    }

    async fn survey(&self) -> Survey {
        Survey::make(&self.domain, &self.rules, self.patience).await
    }

    /// Takes the survey's servers into `servers`, or keeps those that are there.
    fn adopt(&self, state: &mut State, survey: &Survey, servers: &Servers, now: Instant) -> Result<(), DirectoryError> {
        state.asked = Some(now);
        let (first, fault) = (servers.listed().is_empty(), survey.fault());
        let found = survey.usable();
        let nothing = found.iter().all(Vec::is_empty);
        if let Some(why) = fault.filter(|_| nothing || !first) {
            if first {
                return Err(DirectoryError::NoServers { domain: self.domain.name.clone(), why });
            }
            warn!(directory = self.label, domain = self.domain.name, why, "DNS names no servers now; those known stay");
            state.due = Some(now + SHORTEST);
            state.outdated = Some(why);
            return Ok(());
        }
        state.due = Some(now + survey.ttl().clamp(SHORTEST, LONGEST));
        state.outdated = None;
        // The same records keep their order: drawing anew would send us to another server at every turn.
        if found == state.known && !first {
            return Ok(());
        }
        let urls = self.in_order(&found, &mut state.rng);
        info!(directory = self.label, domain = self.domain.name, servers = urls.join(" "), "servers found in DNS");
        servers.replace(&urls);
        state.known = found;
        Ok(())
    }

    /// The URLs of the site's servers, then those of all others; each once.
    fn in_order(&self, found: &[Vec<Record>; 2], rng: &mut StdRng) -> Vec<String> {
        let mut urls: Vec<String> = Vec::new();
        for record in found.iter().flat_map(|records| ordered(records.clone(), rng)) {
            if let Ok(url) = self.rules.url(&record)
                && !urls.contains(&url)
                && urls.len() < MOST
            {
                urls.push(url);
            }
        }
        urls
    }
}

/// The addresses of a host that was found in `domain`, asked from the domain's name servers.
///
/// # Errors
/// Why there are none, in words.
pub(super) async fn addresses(domain: &Domain, host: &str) -> Result<Vec<IpAddr>, String> {
    Dns::new(&domain.nameservers)?.addresses(host).await
}
