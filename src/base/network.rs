//! Networks and single addresses, as configurations name them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

/// Networks, such as those of the proxies whose word counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<Network>);

/// A network, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

/// Why a text is no network that anything may be said of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Everybody is in it.
    #[error("would trust everybody's word about where they come from; name the addresses of the proxies")]
    Everybody,
    /// It has bits behind its prefix.
    #[error("has bits set behind its prefix; write {0}")]
    HostBits(IpNet),
    /// It is none.
    #[error("is neither an address nor a network")]
    NoNetwork,
}

/// Whom an address is counted with: of IPv6 one has a network of 64 bits at least (RFC 6177), and all its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Neighbours(IpAddr);

impl Neighbours {
    /// Those of `ip`.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        Self(match ip.to_canonical() {
            IpAddr::V4(v4) => IpAddr::V4(v4),
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        })
    }
}

impl fmt::Display for Neighbours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => v4.fmt(f),
            IpAddr::V6(v6) => write!(f, "{v6}/64"),
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let whole = text.parse().or_else(|_| text.parse().map(|address: IpAddr| IpNet::from(address.to_canonical())));
        let network = unmapped(whole.map_err(|_| NetworkError::NoNetwork)?);
        if network.prefix_len() == 0 {
            return Err(NetworkError::Everybody);
        }
        if network.addr() != network.network() {
            return Err(NetworkError::HostBits(network.trunc()));
        }
        Ok(Self(network))
    }
}

/// The IPv4 network that `::ffff:0:0/96` and what is in it stand for: peers are compared as the IPv4 addresses they are.
fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let v4 = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    v4.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok()).map_or(network, IpNet::V4)
}

impl Networks {
    /// These networks.
    #[must_use]
    pub fn new(networks: Vec<Network>) -> Self {
        Self(networks)
    }

    /// What all of these have, together.
    pub fn all<'a>(lists: impl Iterator<Item = &'a Self>) -> Self {
        Self(lists.flat_map(|list| list.0.iter().copied()).collect())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `address` is in one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|Network(network)| network.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_proxies_is_meant_as_it_is_written() {
        let network = |text: &str| text.parse::<Network>().map(|Network(network)| network.to_string());
        for (text, expected) in [
            ("10.0.0.0/8", Ok("10.0.0.0/8")),
            ("192.0.2.53", Ok("192.0.2.53/32")),
            ("2001:db8::1", Ok("2001:db8::1/128")),
            ("::ffff:10.0.0.0/104", Ok("10.0.0.0/8")),
            ("::ffff:192.0.2.53", Ok("192.0.2.53/32")),
            ("0.0.0.0/0", Err(NetworkError::Everybody)),
            ("::/0", Err(NetworkError::Everybody)),
            ("::ffff:0.0.0.0/96", Err(NetworkError::Everybody)),
            ("10.0.0.7/8", Err(NetworkError::HostBits("10.0.0.0/8".parse().unwrap()))),
            ("proxy.example.com", Err(NetworkError::NoNetwork)),
            ("10.0.0.0/33", Err(NetworkError::NoNetwork)),
        ] {
            assert_eq!(network(text), expected.map(str::to_owned), "{text}");
        }
    }
}
