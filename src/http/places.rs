//! How much room one address has: most connections at the same time, so that nobody takes all of it.
//!
//! Owns the count alone; who is exempt and what becomes of a connection without a place is decided by the listener.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The places of one listener.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    /// Places taken; whoever has none has no entry, so the map is never larger than the connections are many.
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A place, free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    whose: IpAddr,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Places {
    /// Room for `most` connections of each address.
    pub(super) fn new(most: usize) -> Self {
        Self { most, taken: Arc::default() }
    }

    /// A place for a connection from `address`; none when it has all it may have.
    pub(super) fn take(&self, address: IpAddr) -> Option<Place> {
        let whose = holder(address);
        let mut taken = locked(&self.taken);
        let count = taken.entry(whose).or_insert(0);
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place { whose, taken: Arc::clone(&self.taken) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = locked(&self.taken);
        match taken.get_mut(&self.whose) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(&self.whose)),
        }
    }
}

/// Who counts as one: an IPv4 address, or an IPv6 network of 64 bits, in which any host can have as many addresses as
/// it likes (RFC 4291 2.5.1, RFC 8981).
fn holder(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

fn locked(taken: &Mutex<HashMap<IpAddr, usize>>) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_it_is_left_and_nothing_is_remembered() {
        let places = Places::new(2);
        let ann = "192.0.2.1".parse().unwrap();
        let (first, second) = (places.take(ann).unwrap(), places.take(ann).unwrap());
        assert!(places.take(ann).is_none());
        assert!(places.take("192.0.2.2".parse().unwrap()).is_some(), "another has room of their own");
        drop(first);
        let third = places.take(ann).unwrap();
        assert!(places.take(ann).is_none());
        drop((second, third));
        assert!(locked(&places.taken).is_empty());
    }

    #[test]
    fn a_network_of_64_bits_is_one_and_a_mapped_address_is_the_one_it_maps() {
        let places = Places::new(1);
        let mut kept = Vec::new();
        for (address, there_is_room) in [
            ("2001:db8::1", true),
            ("2001:db8::ffff:ffff:ffff:2", false),
            ("2001:db8:0:1::1", true),
            ("192.0.2.1", true),
            ("::ffff:192.0.2.1", false),
        ] {
            let place = places.take(address.parse().unwrap());
            assert_eq!(place.is_some(), there_is_room, "{address}");
            kept.push(place);
        }
    }
}
