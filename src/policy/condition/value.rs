//! Values of conditions that are more than text: numbers, times, networks, bytes.
//!
//! Each is read the same way from a policy, where a fault is a fault, and from a request, where what cannot be read is no
//! value of the kind.

use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::{IpNet, Ipv4Net};
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;

use crate::base::Timestamp;

/// Decimal places of a number that count.
const PLACES: usize = 9;
/// One, in units of the last place.
const ONE: u128 = 1_000_000_000;
/// Digits before the point, at most: with the places they fit 128 bits.
const DIGITS: usize = 28;
/// Bits before an address of IPv4 in one of IPv6 (RFC 4291 2.5.5.2).
const MAPPED: u8 = 96;

/// A number, in billionths: exact, where a float would call 9007199254740993 and 9007199254740992 equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number(i128);

impl Number {
    /// `12`, `-0.5`: a sign, digits, and digits behind a point.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
        let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let part = part.trim_end_matches('0');
        if !are_digits(whole) || !(part.is_empty() || are_digits(part)) || digits.ends_with('.') {
            return None;
        }
        if whole.trim_start_matches('0').len() > DIGITS || part.len() > PLACES {
            return None;
        }
        let amount: i128 = format!("{whole}{part:0<PLACES$}").parse().ok()?;
        Some(Self(if negative { -amount } else { amount }))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, part) = (self.0.unsigned_abs() / ONE, self.0.unsigned_abs() % ONE);
        let places = format!(".{part:0PLACES$}");
        write!(f, "{sign}{whole}{}", places.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A moment: seconds since 1970, or as ISO 8601 writes it (W3C's profile): a year, a day, or a time with its zone.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<i64>()
        && (text.len() > 4 || text.starts_with('-'))
    {
        return Timestamp::from_second(seconds).ok();
    }
    if let Ok(exact) = text.parse::<Timestamp>() {
        return Some(exact);
    }
    let day = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        _ => text.to_owned(),
    };
    if let Ok(day) = Date::strptime("%Y-%m-%d", &day) {
        return Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok();
    }
    // Minutes without seconds.
    let (time, _) = text.split_at_checked(16)?;
    let zone = text.get(16..)?;
    let time = DateTime::strptime("%Y-%m-%dT%H:%M", time).ok()?;
    format!("{time}{zone}").parse().ok()
}

/// A network: `10.0.0.0/8`, `2001:db8::/32`, or a single address. Bits of the host, which do not count, are not kept.
pub(super) fn network(text: &str) -> Option<IpNet> {
    let network = text.parse::<IpNet>().ok().or_else(|| address(text).map(IpNet::from))?;
    let mapped = match network {
        IpNet::V6(v6) => v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(MAPPED)),
        IpNet::V4(_) => None,
    };
    let network = match mapped {
        Some((v4, prefix)) => Ipv4Net::new(v4, prefix).ok().map(IpNet::V4)?,
        None => network,
    };
    Some(network.trunc())
}

/// An address of a request. One of IPv4 in the clothes of IPv6 is one of IPv4: it must not slip past a rule about it.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// Bytes in base64.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// `true` or `false`, in any case.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact() {
        let read = |text: &str| Number::read(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(read("1"), read("+01.000"));
        assert_eq!(read("-0"), read("0"));
        assert!(read("9007199254740993") > read("9007199254740992"));
        assert!(read("0.1") > read("0.099999999") && read("-2") < read("-1.5"));
        for bad in ["", "-", "1e3", "0x1", "1.", ".5", "1,5", "inf", "NaN", " 1", "1.0000000001", &"9".repeat(29)] {
            assert_eq!(Number::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn moments_are_read_as_they_are_written() {
        let read = |text: &str| moment(text).unwrap_or_else(|| panic!("{text}"));
        let noon = read("2026-11-29T12:00:00Z");
        for same in ["1795953600", "2026-11-29T12:00Z", "2026-11-29T13:00:00+01:00", "2026-11-29T12:00:00.000Z"] {
            assert_eq!(read(same), noon, "{same}");
        }
        assert_eq!(read("2026"), read("2026-01-01T00:00:00Z"));
        assert_eq!(read("2026-11"), read("2026-11-01"));
        for bad in
            ["", "tomorrow", "2026-13-01", "2026-11-29T12:00:00", "2026-11-29 12:00", "29.11.2026", "é026-11-29T12:00Z"]
        {
            assert_eq!(moment(bad), None, "{bad}");
        }
    }

    #[test]
    fn addresses_of_either_family_are_told_apart() {
        let inside = |net: &str, text: &str| network(net).unwrap().contains(&address(text).unwrap());
        assert!(inside("10.0.0.0/8", "10.1.2.3") && !inside("10.0.0.0/8", "11.0.0.1"));
        assert!(inside("10.1.2.3/8", "10.200.0.1"), "bits of the host do not count");
        assert!(inside("192.0.2.1", "192.0.2.1") && !inside("192.0.2.1", "192.0.2.2"));
        assert!(inside("10.0.0.0/8", "::ffff:10.0.0.1") && !inside("::/0", "10.0.0.1"));
        assert!(inside("::ffff:10.0.0.0/104", "10.1.1.1") && !inside("::ffff:10.0.0.0/104", "11.0.0.1"));
        for bad in ["", "10.0.0", "10.0.0.0/33", "010.0.0.1", "10.0.0.1 ", "fe80::1%eth0"] {
            assert!(network(bad).is_none(), "{bad}");
        }
    }
}
