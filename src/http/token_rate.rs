//! How often clients may ask for tokens, and be wrong about who they are.
//!
//! A client pays once it has shown who it is, so that nobody spends what is another's by its name alone; of a public client, which
//! shows nothing, each source pays for itself. Who fails to show who they are pays by where they ask from, and waits when that is
//! spent: whoever asks from there waits with them, which a limit that costs no look at a secret cannot tell apart.

use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

use super::rate::{Limit, Payer, Rates};
use crate::base::Timestamp;
use crate::base::network::Neighbours;
use crate::model::Client;

/// How many requests there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenLimits {
    /// Of one client.
    pub requests: Limit,
    /// From one source that do not show who they are of.
    pub failures: Limit,
}

impl Default for TokenLimits {
    fn default() -> Self {
        Self { requests: Limit { burst: 50, per_second: 10 }, failures: Limit { burst: 30, per_second: 1 } }
    }
}

/// What is left of them.
#[derive(Debug)]
pub struct TokenRates {
    requests: Rates,
    failures: Rates,
}

impl TokenRates {
    /// Nobody has asked yet.
    #[must_use]
    pub fn new(limits: TokenLimits) -> Self {
        Self { requests: Rates::new(limits.requests), failures: Rates::new(limits.failures) }
    }

    /// Whether `client` may ask once more at `now`, from `ip`.
    pub(super) fn admit(&self, client: &Client, ip: Option<IpAddr>, now: Timestamp) -> bool {
        let source = ip.filter(|_| client.is_public()).map(|ip| Neighbours::of(ip).to_string()).unwrap_or_default();
        let named = [client.id.as_str().as_bytes(), b"\0", source.as_bytes()].concat();
        let digest: [u8; 32] = Sha256::digest(named).into();
        self.requests.admit(Payer::Client(digest), now)
    }

    /// Whether somebody at `ip` may try once more to show who they are. It costs nothing.
    pub(super) fn may_try(&self, ip: Option<IpAddr>, now: Timestamp) -> bool {
        ip.is_none_or(|ip| self.failures.has_left(Payer::Source(Neighbours::of(ip)), now))
    }

    /// Somebody at `ip` did not show who they are.
    pub(super) fn failed(&self, ip: Option<IpAddr>, now: Timestamp) {
        if let Some(ip) = ip {
            self.failures.admit(Payer::Source(Neighbours::of(ip)), now);
        }
    }
}
