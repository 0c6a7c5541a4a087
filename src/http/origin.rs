//! Where a request comes from: with whom the connection is, and for whom a proxy passes it on.
//!
//! Policies compare addresses (`aws:SourceIp`), so the address must not be what the caller says it is. seaweedfs#8304
//! came to trust `X-Forwarded-For`, and #11231 had to take that back. Here the header counts from proxies that the
//! configuration names, and from nobody else; `Forwarded` (RFC 7239) is not read at all.

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;
use rustls::ServerConnection;

use super::tls::{self, Session};
use crate::authn::machine::Shown;
use crate::base::network::Networks;
use crate::base::text::printable;
use crate::base::{Fault, Faulty, RequestId};

/// Where a request comes from. Every request of the public listener carries one among its extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// Whose request it is: the peer, or whom trusted proxies pass it on for.
    pub client: IpAddr,
    /// Whether it came encrypted all the way from the client, as far as we and trusted proxies can tell.
    pub secure: bool,
    /// The TLS session with the peer.
    pub tls: Option<Session>,
    /// The certificate the client proved to have, signed by an authority of `https.client_ca`, with those that it showed beside
    /// it. None where a trusted proxy is the peer: that one would be the proxy's.
    pub client_certificate: Option<Shown>,
    /// What the request is called.
    pub request: Option<RequestId>,
}

/// What is known of a connection before anything is asked on it.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    /// The other end, an IPv4 address as such.
    pub(super) peer: SocketAddr,
    tls: Option<Session>,
    certificate: Option<Shown>,
}

impl Wire {
    /// A connection that is not encrypted.
    pub(super) fn plain(peer: SocketAddr) -> Self {
        Self { peer, tls: None, certificate: None }
    }

    /// A connection whose handshake is done.
    pub(super) fn encrypted(peer: SocketAddr, tls: &ServerConnection) -> Self {
        Self { peer, tls: Session::of(tls), certificate: tls.peer_certificates().and_then(Shown::in_handshake) }
    }

    /// The names of the certificate that the other end itself has; none without one.
    pub(super) fn names(&self) -> Vec<String> {
        self.certificate.as_ref().map(|shown| tls::dns_names(shown.as_ref())).unwrap_or_default()
    }

    /// Whether the connection itself is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }
}

/// Why it cannot be told where a request comes from. It is refused: a guess could be somebody else's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// A hop is no address.
    #[error("`{}` in {FOR} is not an IP address, so it cannot be told whose request this is", printable(.0))]
    Hop(String),
    /// A scheme is none.
    #[error("`{}` in {PROTO} is neither `http` nor `https`", printable(.0))]
    Scheme(String),
}

impl Faulty for OriginError {
    fn fault(&self) -> Fault {
        Fault::Caller
    }
}

const FOR: &str = "X-Forwarded-For";
const PROTO: &str = "X-Forwarded-Proto";

impl Origin {
    /// Where a request with these headers comes from that came over `wire`.
    ///
    /// # Errors
    /// When a trusted proxy says something that cannot be read.
    pub(super) fn of(wire: &Wire, headers: &HeaderMap, proxies: &Networks) -> Result<Self, OriginError> {
        let direct = Self {
            peer: wire.peer,
            client: wire.peer.ip(),
            secure: wire.is_encrypted(),
            tls: wire.tls.clone(),
            client_certificate: wire.certificate.clone(),
            request: None,
        };
        if !proxies.contains(wire.peer.ip()) {
            if headers.contains_key(FOR) || headers.contains_key(PROTO) {
                tracing::debug!(peer = %wire.peer, "what it says of where it comes from was ignored: it is not in `https.trusted_proxies`");
            }
            return Ok(direct);
        }
        Ok(Self {
            client: client(wire.peer.ip(), headers, proxies)?,
            secure: secure(headers)?.unwrap_or(direct.secure),
            client_certificate: None,
            ..direct
        })
    }
}

/// The right-most hop that is no trusted proxy itself; the left-most where all are.
///
/// Each proxy appends whom it was called by, so the list is true from its right end up to the first hop that is not
/// ours. What stands further left was sent by that one: it is not even looked at, and may be anything.
fn client(peer: IpAddr, headers: &HeaderMap, proxies: &Networks) -> Result<IpAddr, OriginError> {
    // Several headers are one list, in their order (RFC 9110 5.3).
    let lines: Vec<_> = headers.get_all(FOR).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    let hops: Vec<&str> = lines.iter().flat_map(|line| line.split(',')).map(str::trim).collect();
    let mut client = peer;
    for hop in hops.into_iter().rev() {
        if !proxies.contains(client) {
            break;
        }
        client = address(hop).ok_or_else(|| OriginError::Hop(hop.to_owned()))?;
    }
    Ok(client)
}

/// An address as proxies write it: some add the port, and IPv6 is then in brackets.
fn address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = match bare {
        Some(v6) => v6.parse().ok().map(IpAddr::V6),
        None => hop.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|socket| socket.ip())),
    };
    address.map(|address| address.to_canonical())
}

/// What proxies say of the connections before ours; `None` where they say nothing.
fn secure(headers: &HeaderMap) -> Result<Option<bool>, OriginError> {
    let mut secure = None;
    for value in headers.get_all(PROTO) {
        for word in String::from_utf8_lossy(value.as_bytes()).split(',').map(str::trim) {
            let https = word.eq_ignore_ascii_case("https");
            if !https && !word.eq_ignore_ascii_case("http") {
                return Err(OriginError::Scheme(word.to_owned()));
            }
            secure = Some(secure.unwrap_or(true) && https);
        }
    }
    Ok(secure)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn proxies(networks: &[&str]) -> Networks {
        Networks::new(networks.iter().map(|network| network.parse().unwrap()).collect())
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let value = hyper::header::HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append(hyper::header::HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
        }
        headers
    }

    /// Whose request it is that came from `peer` with these lines of `X-Forwarded-For`.
    fn client_of(peer: &str, lines: &[&str]) -> Result<String, OriginError> {
        let lines: Vec<_> = lines.iter().map(|line| (FOR, *line)).collect();
        let wire = Wire::plain(SocketAddr::new(peer.parse().unwrap(), 40_000));
        let proxies = proxies(&["10.0.0.0/8", "2001:db8:ffff::/48", "192.0.2.53"]);
        Origin::of(&wire, &headers(&lines), &proxies).map(|origin| origin.client.to_string())
    }

    #[test]
    fn the_client_is_the_right_most_hop_that_is_no_proxy_of_ours() {
        for (peer, lines, client) in [
            // Nobody's word counts but that of the proxies.
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("203.0.113.9", &["garbage"], "203.0.113.9"),
            ("203.0.113.9", &[], "203.0.113.9"),
            // One hop, two, three.
            ("10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            ("10.0.0.1", &["203.0.113.9, 10.0.0.3,10.0.0.2"], "203.0.113.9"),
            ("192.0.2.53", &["203.0.113.9 , 2001:db8:ffff::1, 10.0.0.2"], "203.0.113.9"),
            // What the client itself sent is left of it, and whatever it is.
            ("10.0.0.1", &["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["127.0.0.1, 10.0.0.9, 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["unknown, 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["\u{e9}', , 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            // A header that comes again goes on where the first one ended.
            ("10.0.0.1", &["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["203.0.113.9", "10.0.0.2"], "203.0.113.9"),
            // Proxies that ask for themselves, and one that says nothing.
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &[], "10.0.0.1"),
            // IPv6, with and without port, and IPv4 in IPv6's clothes.
            ("10.0.0.1", &["2001:db8::7"], "2001:db8::7"),
            ("10.0.0.1", &["[2001:db8::7]"], "2001:db8::7"),
            ("10.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("2001:db8:ffff::1", &["203.0.113.9:4711"], "203.0.113.9"),
            ("10.0.0.1", &["::ffff:203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["203.0.113.9, ::ffff:10.0.0.2"], "203.0.113.9"),
        ] {
            assert_eq!(client_of(peer, lines).as_deref(), Ok(client), "{peer} {lines:?}");
        }
    }

    #[test]
    fn a_hop_that_counts_and_cannot_be_read_is_not_guessed_at() {
        for lines in [
            &["unknown"][..],
            &[""],
            &["203.0.113.9, "],
            &["203.0.113.9,,10.0.0.2"],
            &["203.0.113.999"],
            &["203.0.113.9:x"],
            &["203.0.113.9:70000"],
            &["[203.0.113.9]"],
            &["[2001:db8::7"],
            &["fe80::1%eth0"],
            &["0xcb.0.113.9"],
            &["203.0.113.9/32"],
            &["203.0.113.9", "bailey.example.com"],
            &["203.0.113.9, garbage, 10.0.0.2"],
        ] {
            assert!(matches!(client_of("10.0.0.1", lines), Err(OriginError::Hop(_))), "{lines:?}");
        }
    }

    #[test]
    fn the_scheme_is_the_word_of_trusted_proxies_alone() {
        let proxies = proxies(&["10.0.0.0/8"]);
        let secure = |peer: &str, lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(|line| (PROTO, *line)).collect();
            let wire = Wire::plain(SocketAddr::new(peer.parse().unwrap(), 1));
            Origin::of(&wire, &headers(&lines), &proxies).map(|origin| origin.secure)
        };
        for (peer, lines, expected) in [
            ("203.0.113.9", &["https"][..], Ok(false)),
            ("203.0.113.9", &["gopher"], Ok(false)),
            ("10.0.0.1", &[], Ok(false)),
            ("10.0.0.1", &["HTTPS"], Ok(true)),
            ("10.0.0.1", &["http"], Ok(false)),
            // In the clear on any stretch is in the clear.
            ("10.0.0.1", &["https, http"], Ok(false)),
            ("10.0.0.1", &["https", "https"], Ok(true)),
            ("10.0.0.1", &["gopher"], Err(OriginError::Scheme("gopher".to_owned()))),
        ] {
            assert_eq!(secure(peer, lines), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn a_proxy_shows_its_own_certificate_and_that_is_nobody_elses() {
        let certificate = Shown::in_handshake(&[rustls::pki_types::CertificateDer::from(&b"der"[..])]);
        let wire = |peer: &str| Wire { certificate: certificate.clone(), ..Wire::plain(peer.parse().unwrap()) };
        let proxies = proxies(&["10.0.0.0/8"]);
        let of = |peer: &str| Origin::of(&wire(peer), &HeaderMap::new(), &proxies).unwrap().client_certificate;
        assert_eq!((of("203.0.113.9:1"), of("10.0.0.1:1")), (certificate, None));
    }

    fn outsider() -> impl Strategy<Value = IpAddr> {
        let v4 = any::<u32>().prop_map(|bits| IpAddr::from(bits.to_be_bytes()));
        let v6 = any::<u128>().prop_map(|bits| IpAddr::from(bits.to_be_bytes()).to_canonical());
        prop_oneof![v4, v6].prop_filter("is a proxy", |address| !proxies(&["10.0.0.0/8"]).contains(*address))
    }

    proptest! {
        /// Whatever a client sends, a chain of our proxies that append whom they were called by leads to that client.
        #[test]
        fn no_client_can_be_another(
            sent in proptest::collection::vec("[ -~]{0,30}", 0..3),
            client in outsider(),
            chain in proptest::collection::vec(0_u32..(1 << 24), 1..4),
        ) {
            let chain: Vec<IpAddr> = chain.into_iter().map(|low| IpAddr::from((0x0a00_0000 | low).to_be_bytes())).collect();
            let mut lines: Vec<String> = sent;
            let callers: Vec<String> =
                std::iter::once(&client).chain(&chain[..chain.len() - 1]).map(ToString::to_string).collect();
            lines.push(callers.join(", "));
            let lines: Vec<_> = lines.iter().map(|line| (FOR, line.as_str())).collect();
            let wire = Wire::plain(SocketAddr::new(*chain.last().unwrap(), 1));
            let origin = Origin::of(&wire, &headers(&lines), &proxies(&["10.0.0.0/8"]));
            prop_assert_eq!(origin.map(|origin| origin.client), Ok(client));
        }

        #[test]
        fn nothing_that_is_sent_breaks_it(lines in proptest::collection::vec("\\PC{0,60}", 0..4), trusted: bool) {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let seen = client_of(if trusted { "10.0.0.1" } else { "203.0.113.9" }, &lines);
            prop_assert!(trusted || seen.as_deref() == Ok("203.0.113.9"));
        }
    }
}
