//! The public halves of signing keys, as others read them (RFC 7517), named by their thumbprints (RFC 7638).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::Algorithm;

/// A public key (RFC 7517, section 4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwk {
    #[serde(flatten)]
    numbers: Numbers,
    r#use: &'static str,
    /// The one algorithm it is for.
    pub alg: Algorithm,
    /// Its name in tokens: its thumbprint.
    pub kid: String,
}

/// What makes a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kty")]
enum Numbers {
    /// RFC 7518, section 6.2.
    #[serde(rename = "EC")]
    Ec { crv: &'static str, x: String, y: String },
    /// RFC 8037, section 2.
    #[serde(rename = "OKP")]
    Okp { crv: &'static str, x: String },
    /// RFC 7518, section 6.3.
    #[serde(rename = "RSA")]
    Rsa { n: String, e: String },
}

/// Public keys (RFC 7517, section 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwks {
    /// Those whose tokens count now or will tomorrow.
    pub keys: Vec<Jwk>,
}

impl Jwk {
    /// Of a point on P-256 as SEC 1, section 2.3.3, writes it uncompressed.
    pub(super) fn of_point(point: &[u8]) -> Option<Self> {
        let (x, y) = point.strip_prefix(&[4])?.split_at_checked(32)?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        Some(Self::new(Algorithm::Es256, Numbers::Ec { crv: "P-256", x, y }))
    }

    /// Of the 32 bytes of RFC 8032, section 5.1.5.
    pub(super) fn of_ed25519(public: &[u8]) -> Self {
        Self::new(Algorithm::EdDsa, Numbers::Okp { crv: "Ed25519", x: URL_SAFE_NO_PAD.encode(public) })
    }

    /// Of modulus and exponent, big endian without leading zeroes.
    pub(super) fn of_rsa(modulus: &[u8], exponent: &[u8]) -> Self {
        let (n, e) = (URL_SAFE_NO_PAD.encode(modulus), URL_SAFE_NO_PAD.encode(exponent));
        Self::new(Algorithm::Rs256, Numbers::Rsa { n, e })
    }

    fn new(alg: Algorithm, numbers: Numbers) -> Self {
        let kid = URL_SAFE_NO_PAD.encode(digest(&SHA256, numbers.members().as_bytes()));
        Self { numbers, r#use: "sig", alg, kid }
    }
}

impl Numbers {
    /// RFC 7638, section 3, and RFC 8037, appendix A.3: the members that make the key, in the order of their names.
    fn members(&self) -> String {
        match self {
            Self::Ec { crv, x, y } => format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Self::Okp { crv, x } => format!(r#"{{"crv":"{crv}","kty":"OKP","x":"{x}"}}"#),
            Self::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    #[test]
    fn a_key_is_named_by_its_thumbprint() {
        // The example of RFC 7515, appendix A.3; its thumbprint as two other libraries compute it.
        let (x, y) = ("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
        let jwk = Jwk::of_point(&[vec![4], bytes(x), bytes(y)].concat()).unwrap();
        assert_eq!(jwk.kid, "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
        let shown = serde_json::json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": "ES256",
            "kid": jwk.kid.as_str()});
        assert_eq!(serde_json::to_value(&jwk).unwrap(), shown);

        // RFC 8037, appendix A.2 and A.3.
        let jwk = Jwk::of_ed25519(&bytes("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
        assert_eq!(jwk.kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");

        // RFC 7638, section 3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCi\
                 FV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb\
                 9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls\
                 1jF44-csFCur-kEgU8awapJzKnqDKgw";
        assert_eq!(Jwk::of_rsa(&bytes(n), &bytes("AQAB")).kid, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }
}
