//! The security layer that a Kerberos bind leaves (RFC 4752 3.3): what follows comes in buffers, each sealed by the context.
//!
//! Owns the choice of the layer and its framing. A buffer that does not open ends the connection: the context counts
//! them, so one lost, doubled or changed on the way is found out.

use std::io;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder, Framed};
use tokio_util::io::{SinkWriter, StreamReader};

use super::super::transport::Stream;
use super::gss::Context;

/// Bits of a server's offer (RFC 4752 3.3).
const NO_LAYER: u8 = 1;
const CONFIDENTIALITY: u8 = 4;
/// The largest buffer we take, and the largest number that can be said: 24 bits.
const MAX_SEALED: usize = 0x00ff_ffff;
/// What sealing may add at most: header, confounder, padding and checksum of any cipher Kerberos has (RFC 4121 4.2.4).
const OVERHEAD: usize = 256;
/// Length of what says how long a buffer is.
const PREFIX: usize = 4;

/// What to do where a server insists on a layer of Kerberos' and TLS is there already.
pub(in crate::directory) const NOT_INSIDE_TLS: &str = "use an `ldap://` URL without `start_tls`, and Kerberos encrypts the \
    connection; or let the server take SASL over TLS (Samba before 4.21: `ldap server require strong auth = \
    allow_sasl_over_tls`)";

/// What protects a connection after the bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protection {
    /// Nothing of Kerberos': TLS does.
    None,
    /// Every buffer is encrypted and signed.
    Sealed,
}

/// What we take of an offer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    layer: u8,
    /// Most bytes of ours a buffer may hold before it is sealed.
    pub(super) largest: usize,
}

impl Protection {
    /// Takes this protection from what the server offers: a byte of layers, and its largest buffer in three.
    pub(super) fn chosen_from(self, offer: &[u8]) -> Result<Chosen, String> {
        let [layers, a, b, c] = *offer else {
            return Err(format!("cannot go on: the server offers its layers in {} bytes instead of 4", offer.len()));
        };
        let layer = match self {
            Self::None => NO_LAYER,
            Self::Sealed => CONFIDENTIALITY,
        };
        if layers & layer == 0 {
            return Err(match self {
                Self::None => {
                    format!(
                        "cannot go on: the server wants a Kerberos layer inside TLS, which cannot be; {NOT_INSIDE_TLS}"
                    )
                }
                Self::Sealed => "cannot go on: the server offers no encryption; use an `ldaps://` URL".to_owned(),
            });
        }
        let largest = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        if self == Self::Sealed && largest <= 2 * OVERHEAD {
            return Err(format!(
                "cannot go on: the server takes buffers of at most {largest} bytes, which holds no message"
            ));
        }
        Ok(Chosen { layer, largest: largest.saturating_sub(OVERHEAD) })
    }
}

impl Chosen {
    /// What we answer: the layer and our largest buffer, which is 0 where there is no layer (RFC 4752 3.1).
    pub(super) fn answer(&self) -> [u8; 4] {
        if self.layer == NO_LAYER { [NO_LAYER, 0, 0, 0] } else { [self.layer, 0xff, 0xff, 0xff] }
    }
}

/// `stream` with everything on it sealed from here on, `largest` bytes at a time at most.
pub(super) fn seal(stream: Box<dyn Stream>, context: Context, largest: usize) -> impl Stream {
    SinkWriter::new(StreamReader::new(Framed::new(stream, Buffers { context, largest })))
}

/// Buffers with their length in four bytes before them.
struct Buffers {
    context: Context,
    largest: usize,
}

impl Encoder<&[u8]> for Buffers {
    type Error = io::Error;

    fn encode(&mut self, plain: &[u8], wire: &mut BytesMut) -> io::Result<()> {
        for part in plain.chunks(self.largest) {
            let sealed = self.context.wrap(true, part).map_err(io::Error::other)?;
            let length = u32::try_from(sealed.len()).map_err(io::Error::other)?;
            wire.put_u32(length);
            wire.put_slice(&sealed);
        }
        Ok(())
    }
}

impl Decoder for Buffers {
    type Item = Bytes;
    type Error = io::Error;

    fn decode(&mut self, wire: &mut BytesMut) -> io::Result<Option<Bytes>> {
        let Some(prefix) = wire.first_chunk::<PREFIX>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
        if length > MAX_SEALED {
            return Err(io::Error::other(format!(
                "it sent a sealed buffer of {length} bytes; the limit is {MAX_SEALED}"
            )));
        }
        if wire.len() < PREFIX + length {
            wire.reserve(PREFIX + length - wire.len());
            return Ok(None);
        }
        wire.advance(PREFIX);
        let plain = self.context.unwrap(&wire.split_to(length));
        plain.map(|plain| Some(Bytes::from(plain))).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inside_tls_there_is_no_layer_and_without_it_everything_is_sealed() {
        let all = [0x07, 0xa0, 0, 0];
        let none = Protection::None.chosen_from(&all).unwrap();
        assert_eq!(none.answer(), [1, 0, 0, 0]);
        let sealed = Protection::Sealed.chosen_from(&all).unwrap();
        assert_eq!((sealed.answer(), sealed.largest), ([4, 0xff, 0xff, 0xff], 0x00a0_0000 - OVERHEAD));
    }

    #[test]
    fn an_offer_that_does_not_do_is_refused_in_words() {
        for (protection, offer, words) in [
            (Protection::None, &[6, 1, 0, 0][..], "allow_sasl_over_tls"),
            (Protection::Sealed, &[3, 1, 0, 0], "no encryption"),
            (Protection::Sealed, &[4, 0, 0, 16], "16 bytes"),
            (Protection::Sealed, &[4, 0, 0], "3 bytes instead of 4"),
            (Protection::None, &[], "0 bytes instead of 4"),
        ] {
            let why = protection.chosen_from(offer).unwrap_err();
            assert!(why.contains(words), "{why}");
        }
    }
}
