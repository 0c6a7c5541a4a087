//! Which addresses a request made for somebody else may reach: those of the public internet, and what is allowed by name.
//!
//! The IANA special-purpose registries (RFC 6890 and its updates) decide, and what clouds added beside them. An IPv6 address that
//! stands for an IPv4 one is that IPv4 address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use crate::base::network::Networks;

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(first: u16, second: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0), prefix)
}

/// IPv4 networks that are not of the public internet.
const SPECIAL: &[(Ipv4Net, &str)] = &[
    (v4(0, 0, 0, 0, 8), "an address of this network"),
    (v4(10, 0, 0, 0, 8), "a private address"),
    (v4(100, 64, 0, 0, 10), "an address of a carrier's own network"),
    (v4(127, 0, 0, 0, 8), "this machine itself"),
    (v4(168, 63, 129, 16, 32), "a cloud's metadata service"),
    (v4(169, 254, 0, 0, 16), "a link-local address, where clouds have their metadata"),
    (v4(172, 16, 0, 0, 12), "a private address"),
    (v4(192, 0, 0, 0, 24), "an address for protocols"),
    (v4(192, 0, 2, 0, 24), "an address for documentation"),
    (v4(192, 88, 99, 0, 24), "a relay's address"),
    (v4(192, 168, 0, 0, 16), "a private address"),
    (v4(198, 18, 0, 0, 15), "an address for benchmarks"),
    (v4(198, 51, 100, 0, 24), "an address for documentation"),
    (v4(203, 0, 113, 0, 24), "an address for documentation"),
    (v4(224, 0, 0, 0, 4), "a multicast address"),
    (v4(240, 0, 0, 0, 4), "a reserved address"),
];

/// IPv6 networks within the global unicast range that are none of the public internet. 2002::/16 (RFC 3056) and Teredo, which is
/// in 2001::/23, carry IPv4 addresses that a relay would send to.
const SPECIAL_V6: &[(Ipv6Net, &str)] = &[
    (v6(0x2001, 0, 23), "an address for protocols"),
    (v6(0x2001, 0x0db8, 32), "an address for documentation"),
    (v6(0x2002, 0, 16), "a relay's address"),
    (v6(0x3fff, 0, 20), "an address for documentation"),
];

/// All of IPv6's global unicast addresses (RFC 4291, section 2.4).
const UNICAST: Ipv6Net = v6(0x2000, 0, 3);

/// What `address` is, if it may not be reached: not public, and in none of the `allowed` networks.
pub(super) fn refused(address: IpAddr, allowed: &Networks) -> Option<&'static str> {
    let meant = meant(address);
    if allowed.contains(meant) || allowed.contains(address) {
        return None;
    }
    match meant {
        IpAddr::V4(v4) => SPECIAL.iter().find(|(network, _)| network.contains(&v4)).map(|(_, what)| *what),
        IpAddr::V6(v6) if v6.is_loopback() => Some("this machine itself"),
        IpAddr::V6(v6) if v6.is_multicast() => Some("a multicast address"),
        IpAddr::V6(v6) if !UNICAST.contains(&v6) => Some("a private or reserved address"),
        IpAddr::V6(v6) => SPECIAL_V6.iter().find(|(network, _)| network.contains(&v6)).map(|(_, what)| *what),
    }
}

/// The address that packets for `address` end up at: of `::ffff:a.b.c.d` (RFC 4291, section 2.5.5.2) and of NAT64's
/// `64:ff9b::a.b.c.d` (RFC 6052), by which machines without IPv4 reach everybody else, the IPv4 address.
fn meant(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address.to_canonical() else { return address.to_canonical() };
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        _ => IpAddr::V6(v6),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn what(address: &str, allowed: &[&str]) -> Option<&'static str> {
        let allowed = Networks::new(allowed.iter().map(|network| network.parse().unwrap()).collect());
        refused(address.parse().unwrap(), &allowed)
    }

    #[test]
    fn nothing_but_the_public_internet_is_reached() {
        for bad in [
            "0.0.0.0",
            "10.1.2.3",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.31.0.1",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "4000::1",
        ] {
            assert!(what(bad, &[]).is_some(), "{bad}");
        }
        for good in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1", "64:ff9b::101:101"] {
            assert_eq!(what(good, &[]), None, "{good}");
        }
    }

    #[test]
    fn what_is_allowed_by_name_is_allowed_however_it_is_written() {
        for address in ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203"] {
            assert_eq!(what(address, &["10.0.0.0/8"]), None, "{address}");
            assert!(what(address, &["10.2.0.0/16"]).is_some(), "{address}");
        }
        assert_eq!(what("::1", &["::1"]), None);
        assert!(what("127.0.0.1", &["10.0.0.0/8", "::1"]).is_some());
    }

    proptest! {
        #[test]
        fn a_mapped_address_is_judged_as_what_it_stands_for(bits: u32) {
            let v4 = Ipv4Addr::from(bits);
            let none = Networks::default();
            prop_assert_eq!(refused(v4.into(), &none), refused(v4.to_ipv6_mapped().into(), &none));
        }
    }
}
