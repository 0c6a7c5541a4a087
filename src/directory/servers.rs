//! Which server to try first.
//!
//! Owns the health of a directory's servers: failures counted, a cool-down that doubles with each one
//! and is jittered, so that a fleet does not return to a server all at once. A cool-down only
//! moves a server back in the order; when all are down, all are tried. The list may change at any time; who stays in
//! it keeps its health.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

use super::ServerHealth;

/// Cool-down after the first failure; doubles with each further one.
const FIRST_COOL_DOWN: Duration = Duration::from_secs(1);
/// Longest cool-down.
const LONGEST_COOL_DOWN: Duration = Duration::from_secs(300);

/// A directory's servers.
#[derive(Debug)]
pub(super) struct Servers(Mutex<State>);

#[derive(Debug)]
struct State {
    servers: Vec<Server>,
    rng: StdRng,
}

#[derive(Debug)]
struct Server {
    health: ServerHealth,
    /// Others go first until then.
    rests_until: Option<Instant>,
}

impl Server {
    fn untried(url: &str) -> Self {
        let health = ServerHealth { url: url.to_owned(), failures: 0, last_error: None };
        Self { health, rests_until: None }
    }
}

impl Servers {
    /// Servers in order of preference; `seed` sets the jitter.
    pub(super) fn new(urls: &[String], seed: [u8; 32]) -> Self {
        let servers = urls.iter().map(|url| Server::untried(url)).collect();
        Self(Mutex::new(State { servers, rng: StdRng::from_seed(seed) }))
    }

    /// From now on these are the servers, in order of preference. Who was there before keeps its health.
    pub(super) fn replace(&self, urls: &[String]) {
        let mut state = self.state();
        let mut before = std::mem::take(&mut state.servers);
        state.servers = urls
            .iter()
            .map(|url| match before.iter().position(|server| server.health.url == *url) {
                Some(at) => before.swap_remove(at),
                None => Server::untried(url),
            })
            .collect();
    }

    /// All URLs, in order of preference, whatever their health.
    pub(super) fn listed(&self) -> Vec<String> {
        self.state().servers.iter().map(|server| server.health.url.clone()).collect()
    }

    /// Whether `url` is one of the servers.
    pub(super) fn contains(&self, url: &str) -> bool {
        self.state().servers.iter().any(|server| server.health.url == url)
    }

    /// All URLs, the one to try first first: rested before resting, fewer failures before more, else as configured.
    pub(super) fn in_order(&self, now: Instant) -> Vec<String> {
        let state = self.state();
        let mut order: Vec<&Server> = state.servers.iter().collect();
        order.sort_by_key(|server| match server.rests_until {
            Some(until) if until > now => (true, server.health.failures),
            // Rested: as good as any, so that the preferred server gets its place back.
            _ => (false, 0),
        });
        order.into_iter().map(|server| server.health.url.clone()).collect()
    }

    /// `url` answered.
    pub(super) fn worked(&self, url: &str) {
        if let Some(server) = self.state().servers.iter_mut().find(|server| server.health.url == url) {
            server.health.failures = 0;
            server.health.last_error = None;
            server.rests_until = None;
        }
    }

    /// `url` failed because of `why`.
    pub(super) fn failed(&self, url: &str, why: &str, now: Instant) {
        let mut state = self.state();
        let jitter = state.rng.random_range(0.5..1.0);
        if let Some(server) = state.servers.iter_mut().find(|server| server.health.url == url) {
            let doublings = server.health.failures.min(16);
            let whole = FIRST_COOL_DOWN.saturating_mul(1 << doublings).min(LONGEST_COOL_DOWN);
            server.health.failures = server.health.failures.saturating_add(1);
            server.health.last_error = Some(why.to_owned());
            server.rests_until = Some(now + whole.mul_f64(jitter));
        }
    }

    /// How the servers are, best first.
    pub(super) fn health(&self, now: Instant) -> Vec<ServerHealth> {
        let order = self.in_order(now);
        let state = self.state();
        let healths = order.iter().filter_map(|url| state.servers.iter().find(|server| server.health.url == *url));
        healths.map(|server| server.health.clone()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers() -> Servers {
        Servers::new(&["a".to_owned(), "b".to_owned(), "c".to_owned()], [7; 32])
    }

    #[test]
    fn a_failing_server_goes_back_and_returns() {
        let (servers, start) = (servers(), Instant::now());
        servers.failed("a", "refused", start);
        assert_eq!(servers.in_order(start), ["b", "c", "a"]);
        assert_eq!(
            servers.in_order(start + FIRST_COOL_DOWN),
            ["a", "b", "c"],
            "after its rest the preferred server is first"
        );
        servers.failed("b", "refused", start);
        servers.failed("b", "refused", start);
        servers.failed("c", "refused", start);
        assert_eq!(servers.in_order(start), ["a", "c", "b"], "all are down: all are tried, the least bad first");
        servers.worked("b");
        assert_eq!(servers.in_order(start)[0], "b");
        assert_eq!(servers.health(start)[0], ServerHealth { url: "b".to_owned(), failures: 0, last_error: None });
    }

    #[test]
    fn a_new_list_keeps_the_health_of_who_stays() {
        let (servers, now) = (servers(), Instant::now());
        servers.failed("b", "refused", now);
        servers.failed("c", "refused", now);
        servers.replace(&["b", "d", "a"].map(str::to_owned));
        assert_eq!(servers.listed(), ["b", "d", "a"]);
        assert_eq!(servers.in_order(now), ["d", "a", "b"], "b still rests");
        assert!(servers.contains("d") && !servers.contains("c"));
        servers.replace(&["c".to_owned()]);
        assert_eq!(servers.health(now)[0].failures, 0, "who comes back comes as new");
    }

    #[test]
    fn rests_grow_and_are_bounded() {
        let (servers, now) = (servers(), Instant::now());
        for _ in 0..100 {
            servers.failed("a", "refused", now);
        }
        assert_eq!(servers.in_order(now + LONGEST_COOL_DOWN / 2 - Duration::from_secs(1))[0], "b");
        assert_eq!(servers.in_order(now + LONGEST_COOL_DOWN)[0], "a");
    }
}
