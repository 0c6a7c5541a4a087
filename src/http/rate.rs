//! How many calls somebody may make: so that one program in a loop does not take the daemon from all others, nor the memory of
//! signatures.
//!
//! A bucket for each who pays: it holds a burst and fills again by the second. Refused calls cost nothing, and SDKs wait and
//! try again. A person pays for all of their keys and sessions, of which they can make as many as they like.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::authn::signed::Signed;
use crate::base::network::Neighbours;
use crate::base::{ResourceId, SessionId, Timestamp, UserId};

/// Buckets that are remembered. Those that are full again are forgotten first: nothing is lost by it.
const MOST_PAYERS: usize = 10_000;

/// What is left of a burst, by who pays, in thousandths of a call.
#[derive(Debug)]
pub struct Rates {
    limit: Limit,
    buckets: Mutex<HashMap<Payer, Bucket>>,
}

/// Whose calls are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Payer {
    /// Root.
    Root,
    /// A person, with whatever key or session.
    Person(UserId),
    /// A machine, in whatever session.
    Machine(ResourceId),
    /// A session that an outside issuer vouched for: many programs of one service are the same to their issuer.
    Session(SessionId),
    /// A client of single sign-on, by a digest of its id.
    Client([u8; 32]),
    /// Whoever asks from there.
    Source(Neighbours),
}

impl Payer {
    /// Whoever signed.
    #[must_use]
    pub fn of(signed: &Signed) -> Self {
        let live = signed.session();
        let person = live.map_or_else(|| signed.user(), |live| live.person()).map(|person| Self::Person(person.id));
        let machine = || live.and_then(|live| live.machine()).map(|machine| Self::Machine(machine.id));
        let session = || live.filter(|_| !signed.is_root()).map(|live| Self::Session(live.session().id));
        person.or_else(machine).or_else(session).unwrap_or(Self::Root)
    }
}

/// What anybody may ask and what costs us a key, verified or used: how often each source did. Pages and programs are counted apart, so
/// that neither is in the other's way.
#[derive(Debug)]
pub struct Anybody {
    /// Pages and addresses of SAML.
    pub pages: Rates,
    /// Programs that show a token or an assertion for a role: a cluster's come from one address.
    pub calls: Rates,
}

impl Default for Anybody {
    fn default() -> Self {
        Self { pages: Rates::new(Limit::STEPS), calls: Rates::new(Limit::REQUESTS) }
    }
}

/// How many calls there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// At once.
    pub burst: i64,
    /// That come back each second.
    pub per_second: i64,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: i64,
    at: Timestamp,
}

impl Limit {
    /// Calls of the APIs: a console-like page of an SDK makes a dozen.
    pub const CALLS: Self = Self { burst: 100, per_second: 20 };

    /// Requests to applications: a page of one brings a hundred more.
    pub const REQUESTS: Self = Self { burst: 1_000, per_second: 200 };

    /// Steps of sign-ins elsewhere, from one source: a firm's people come in at nine, from behind one address.
    pub const ELSEWHERE: Self = Self { burst: 200, per_second: 5 };

    /// Steps of SAML sign-ons from one source: an office comes in at nine from behind one address, and each of its people takes two or
    /// three for each application.
    pub const STEPS: Self = Self { burst: 400, per_second: 40 };

    /// A bucket that is full, in thousandths of a call.
    fn full(self) -> i64 {
        self.burst.saturating_mul(CALL)
    }
}

impl Rates {
    /// Nobody has called yet.
    #[must_use]
    pub fn new(limit: Limit) -> Self {
        Self { limit, buckets: Mutex::default() }
    }

    /// Whether `payer` could make a call at `now`; it costs nothing. Of somebody who is not remembered, so it seems.
    pub fn has_left(&self, payer: Payer, now: Timestamp) -> bool {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.get(&payer).is_none_or(|bucket| bucket.filled(self.limit, now).left >= CALL)
    }

    /// Whether whoever asks from `source` may at `now`. This machine always may: behind a proxy that the configuration does not name it
    /// is everybody, and nobody should wait for all others.
    pub fn admit_source(&self, source: Option<IpAddr>, now: Timestamp) -> bool {
        let source = source.filter(|ip| !ip.is_loopback());
        source.is_none_or(|ip| self.admit(Payer::Source(Neighbours::of(ip)), now))
    }

    /// Whether `payer` may make a call at `now`.
    pub fn admit(&self, payer: Payer, now: Timestamp) -> bool {
        let (limit, full) = (self.limit, self.limit.full());
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST_PAYERS && !buckets.contains_key(&payer) {
            buckets.retain(|_, bucket| bucket.filled(limit, now).left < full);
        }
        // All of them in use: then the newcomer waits, rather than one of those being let off.
        if buckets.len() >= MOST_PAYERS && !buckets.contains_key(&payer) {
            return false;
        }
        let bucket = buckets.entry(payer).or_insert(Bucket { left: full, at: now });
        *bucket = bucket.filled(limit, now);
        let admitted = bucket.left >= CALL;
        if admitted {
            bucket.left -= CALL;
        }
        admitted
    }
}

const CALL: i64 = 1_000;

impl Bucket {
    /// The same at `now`. A clock that went back fills nothing.
    fn filled(self, limit: Limit, now: Timestamp) -> Self {
        let passed = now.duration_since(self.at).as_millis().clamp(0, 1_000_000);
        let came = i64::try_from(passed).unwrap_or(0).saturating_mul(limit.per_second);
        Self { left: self.left.saturating_add(came).min(limit.full()), at: self.at.max(now) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + milliseconds).unwrap()
    }

    fn payer(n: usize) -> Payer {
        Payer::Person(UserId::from_bytes((n as u128).to_be_bytes()))
    }

    #[test]
    fn a_burst_then_so_many_a_second_and_others_are_not_held_to_it() {
        let rates = Rates::new(Limit::CALLS);
        let (one, other) = (payer(1), Payer::Root);
        assert_eq!((0..150).filter(|_| rates.admit(one, at(0))).count(), 100);
        assert!(rates.admit(other, at(0)));
        assert_eq!((0..50).filter(|_| rates.admit(one, at(1_000))).count(), 20);
        assert!(!rates.admit(one, at(500)), "a clock that went back fills nothing");
        assert!(!rates.admit(one, at(1_000)));
        assert_eq!((0..200).filter(|_| rates.admit(one, at(60_000))).count(), 100, "no more than a burst");
    }

    #[test]
    fn the_idle_make_room_for_others() {
        let rates = Rates::new(Limit::CALLS);
        for n in 0..MOST_PAYERS {
            assert!(rates.admit(payer(n), at(0)));
        }
        assert!(!rates.admit(payer(MOST_PAYERS), at(0)), "all of them are in use");
        assert!(rates.admit(payer(MOST_PAYERS), at(1_000)));
    }
}
