//! A secret as it lies in the store: encrypted, with the number of the key that opens it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// Number of a sealing key. Counts up from 1; never used twice.
pub type KeyNumber = u32;

/// Something encrypted. Only `keys` makes and opens it; everybody else carries it.
///
/// Written `v1.NUMBER.BASE64URL`. There is nothing to see in it, so it may be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sealed {
    /// The key that opens it.
    pub key: KeyNumber,
    /// Nonce, ciphertext and tag.
    pub bytes: Vec<u8>,
}

/// Text that is nothing sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is not of the form v1.NUMBER.BASE64URL")]
pub struct NotSealed;

impl FromStr for Sealed {
    type Err = NotSealed;

    fn from_str(text: &str) -> Result<Self, NotSealed> {
        let (key, bytes) = text.strip_prefix("v1.").and_then(|rest| rest.split_once('.')).ok_or(NotSealed)?;
        let bytes = URL_SAFE_NO_PAD.decode(bytes).map_err(|_| NotSealed)?;
        Ok(Self { key: key.parse().map_err(|_| NotSealed)?, bytes })
    }
}

impl fmt::Display for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v1.{}.{}", self.key, URL_SAFE_NO_PAD.encode(&self.bytes))
    }
}

impl TryFrom<String> for Sealed {
    type Error = NotSealed;

    fn try_from(text: String) -> Result<Self, NotSealed> {
        text.parse()
    }
}

impl From<Sealed> for String {
    fn from(sealed: Sealed) -> Self {
        sealed.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_survives_its_text_and_nothing_else_is_read() {
        let sealed = Sealed { key: 7, bytes: vec![0, 255, 3] };
        assert_eq!(sealed.to_string().parse(), Ok(sealed));
        for bad in ["", "v1.7", "v2.7.AA", "v1.x.AA", "v1.7.A+", "v1.4294967296.AA"] {
            assert_eq!(bad.parse::<Sealed>(), Err(NotSealed), "{bad}");
        }
    }
}
