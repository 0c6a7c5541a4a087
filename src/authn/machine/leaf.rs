//! What a machine's own certificate says: for what it is, how long it lives, and what it calls the machine.

use jiff::SignedDuration;
use x509_parser::prelude::{ASN1Time, CertificateRevocationList, FromDer as _, GeneralName, X509Certificate};

use super::refused::Untrusted;
use crate::base::{Sid, Timestamp};
use crate::model::MachineIdentity;

/// The extension with which Active Directory Certificate Services say whose certificate it is
/// (szOID_NTDS_CA_SECURITY_EXT, MS-WCCE 2.2.2.7.7.4).
const SECURITY: &str = "1.3.6.1.4.1.311.25.2";

/// What stands in it before the SID: the object identifier 1.3.6.1.4.1.311.25.2.1 (szOID_NTDS_OBJECTSID).
const OBJECT_SID: [u8; 12] = [0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x19, 0x02, 0x01];

/// A certificate, as far as it matters here. Who signed it is not looked at.
#[derive(Debug)]
pub(super) struct Leaf {
    /// Its number, in hexadecimal digits.
    pub(super) serial: String,
    /// Whether it names clientAuth among its purposes. `anyExtendedKeyUsage` does not.
    pub(super) is_for_clients: bool,
    /// Its first moment.
    pub(super) from: Timestamp,
    /// Its last.
    pub(super) until: Timestamp,
    sid: Option<Option<Sid>>,
    names: Vec<Option<MachineIdentity>>,
}

impl Leaf {
    /// Reads `der`.
    ///
    /// # Errors
    /// When it is no certificate, or says something twice.
    pub(super) fn read(der: &[u8]) -> Result<Self, Untrusted> {
        let unreadable = |why: &dyn std::fmt::Display| Untrusted::Unreadable(why.to_string());
        let (rest, parsed) = X509Certificate::from_der(der).map_err(|error| unreadable(&error))?;
        if !rest.is_empty() {
            return Err(unreadable(&"something stands behind it"));
        }
        // Of two extensions of one kind, readers differ in which counts (RFC 5280, section 4.2).
        let extensions = parsed.extensions_map().map_err(|error| unreadable(&error))?;
        let security = extensions.iter().find(|(oid, _)| oid.to_id_string() == SECURITY);
        let usage = parsed.extended_key_usage().map_err(|error| unreadable(&error))?;
        let names = parsed.subject_alternative_name().map_err(|error| unreadable(&error))?;
        Ok(Self {
            serial: hex::encode(parsed.raw_serial()),
            is_for_clients: usage.is_some_and(|usage| usage.value.client_auth),
            from: at(parsed.validity().not_before),
            until: at(parsed.validity().not_after),
            sid: security.map(|(_, extension)| sid_in(extension.value)),
            names: names.map(|names| names.value.general_names.iter().map(name).collect()).unwrap_or_default(),
        })
    }

    /// From its first moment to its last.
    pub(super) fn lifetime(&self) -> SignedDuration {
        self.until.duration_since(self.from)
    }

    /// The SID of whose it is.
    ///
    /// # Errors
    /// When it names none, or not as it should.
    pub(super) fn sid(&self) -> Result<&Sid, Untrusted> {
        match &self.sid {
            Some(Some(sid)) => Ok(sid),
            Some(None) => Err(Untrusted::Name("its SID extension (1.3.6.1.4.1.311.25.2) cannot be read")),
            None => Err(Untrusted::Name("it has no SID extension (1.3.6.1.4.1.311.25.2), so it names no computer")),
        }
    }

    /// The one name it is for. What stands in its subject is none (RFC 6125, section 6.4.4).
    ///
    /// # Errors
    /// When it has none, or several, or one of a kind that names no machine; and when it is a computer's of a directory: whoever
    /// may write that computer's host name would choose which declared machine it is.
    pub(super) fn name(&self) -> Result<&MachineIdentity, Untrusted> {
        if self.sid.is_some() {
            return Err(Untrusted::Name("it is that of a directory's computer, and counts for no declared machine"));
        }
        match self.names.as_slice() {
            [Some(name)] => Ok(name),
            [] => Err(Untrusted::Name("it has no subject alternative name, so it names no machine")),
            [None] => Err(Untrusted::Name("its subject alternative name is neither one DNS name nor a URI")),
            _ => Err(Untrusted::Name("it has several subject alternative names, and a machine is known by one alone")),
        }
    }
}

/// RFC 5280 4.1.2.5 has a date for "never", which lies beyond what a timestamp holds.
fn at(time: ASN1Time) -> Timestamp {
    Timestamp::from_second(time.timestamp()).unwrap_or(Timestamp::MAX)
}

/// When the next list of revoked certificates is due behind this one (RFC 5280, section 5.1.2.5).
pub(super) fn list_until(der: &[u8]) -> Option<Timestamp> {
    CertificateRevocationList::from_der(der).ok()?.1.next_update().map(at)
}

fn name(name: &GeneralName<'_>) -> Option<MachineIdentity> {
    match name {
        GeneralName::DNSName(name) => MachineIdentity::dns(name).ok(),
        GeneralName::URI(uri) => MachineIdentity::uri(uri).ok(),
        _ => None,
    }
}

/// The SID in the extension's value, in the one form in which it is written:
/// `GeneralNames { otherName [0] { OBJECT_SID, [0] { OCTET STRING text } } }`. All of it is compared, so nothing can be put beside it.
fn sid_in(value: &[u8]) -> Option<Sid> {
    let names = within(value, 0x30)?;
    let other = within(names, 0xa0)?;
    let text = within(within(other.strip_prefix(&OBJECT_SID)?, 0xa0)?, 0x04)?;
    let text = std::str::from_utf8(text).ok()?;
    // The text form has more than one spelling, and the authority writes one.
    text.parse::<Sid>().ok().filter(|sid| sid.to_string() == text)
}

/// What is in the one element of `der`, which has this tag and a length of one byte.
fn within(der: &[u8], tag: u8) -> Option<&[u8]> {
    let (found, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    (*found == tag && *length < 0x80 && usize::from(*length) == rest.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SID: &str = "S-1-5-21-1004336348-1177238915-682003330-1104";

    /// As MS-WCCE 2.2.2.7.7.4 has it.
    fn extension(sid: &str) -> Vec<u8> {
        let tagged = |tag: u8, inner: &[u8]| [&[tag, u8::try_from(inner.len()).unwrap()], inner].concat();
        let text = tagged(0xa0, &tagged(0x04, sid.as_bytes()));
        tagged(0x30, &tagged(0xa0, &[&OBJECT_SID[..], &text].concat()))
    }

    #[test]
    fn the_sid_stands_where_windows_writes_it() {
        let written = extension(SID);
        assert_eq!(written[..4], [0x30, 0x3f, 0xa0, 0x3d], "the lengths of a domain's SID of 45 characters");
        assert_eq!(sid_in(&written), Some(SID.parse().unwrap()));
    }

    #[test]
    fn what_is_written_otherwise_is_no_sid() {
        let good = extension(SID);
        for at in 0..good.len() {
            assert_eq!(sid_in(&good[..at]), None, "cut at {at}");
        }
        // Lengths, tags and the object identifier.
        for at in 0..20 {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert_eq!(sid_in(&bad), None, "byte {at}");
        }
        let twice = [&good[..], &good[2..]].concat();
        for bad in [
            twice,
            [&good[..], &[0]].concat(),
            extension(""),
            extension("S-1-5-21-1-2-3-04"),
            extension("s-1-5-21-1-2-3-4"),
            extension("S-1-5-21-1-2-3-4 "),
            extension("\u{e4}"),
        ] {
            assert_eq!(sid_in(&bad), None, "{}", hex::encode(&bad));
        }
    }
}
