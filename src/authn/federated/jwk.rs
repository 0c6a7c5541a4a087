//! An issuer's public keys (RFC 7517), and which of them are of use.
//!
//! A key that is weak, of a kind that is not known here, or for something else is left out with its reason, as RFC 7517, section 5,
//! has it: it must not cost the others.

use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::json::{self, Object};
use super::jws::{Alg, LONGEST_KID};
use crate::base::text::printable;
use crate::model::IssuerPreset;

/// Most keys of an issuer; STS of AWS takes as many.
const MOST: usize = 100;

/// Bits of an RSA modulus: at least those of RFC 7518, section 3.3, at most those that the library works with.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;

/// Keys, and why others are not among them.
#[derive(Debug, Default)]
pub(super) struct KeySet {
    keys: Vec<Arc<PublicKey>>,
    /// Of each key that was left out, which it is and why.
    pub(super) left_out: Vec<String>,
}

/// Why there is no key for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoKey {
    /// None has that name. There may be a newer set.
    Unknown,
    /// One has that name, and is not for that algorithm.
    OtherAlgorithm,
    /// Several would do, and the token does not say which (RFC 7515, section 4.1.4; OpenID Connect Core 1.0, section 10.1).
    Ambiguous,
}

/// A key to verify with.
#[derive(Debug)]
pub(super) struct PublicKey {
    kid: Option<String>,
    /// The one algorithm it says it is for.
    alg: Option<Alg>,
    material: Material,
}

#[derive(Debug)]
enum Material {
    /// Modulus and exponent.
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    /// What else there is fits one algorithm.
    One(Alg, ParsedPublicKey),
}

impl KeySet {
    /// Reads a JWK set.
    ///
    /// # Errors
    /// When it is none, or has more keys than an issuer has.
    pub(super) fn read(bytes: &[u8], preset: Option<IssuerPreset>) -> Result<Self, String> {
        let set = json::object(bytes).map_err(|why| format!("the key set cannot be read: {why}"))?;
        let Some(Value::Array(keys)) = set.get("keys") else { return Err("the key set has no list `keys`".to_owned()) };
        if keys.len() > MOST {
            return Err(format!("the key set has {} keys, {MOST} are allowed", keys.len()));
        }
        let mut read = Self::default();
        for (number, key) in (1..).zip(keys) {
            let members = key.as_object().map(|key| key.clone().into_iter().collect::<Object>());
            let kid = key.get("kid").and_then(Value::as_str).map(|kid| printable(kid).into_owned());
            match members.ok_or("it is no object".to_owned()).and_then(|members| PublicKey::read(&members, preset)) {
                Ok(key) => read.keys.push(Arc::new(key)),
                Err(why) => read.left_out.push(format!("key {}: {why}", kid.unwrap_or_else(|| number.to_string()))),
            }
        }
        Ok(read)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The key of this name for this algorithm; without a name the only one for it.
    pub(super) fn find(&self, kid: Option<&str>, alg: Alg) -> Result<Arc<PublicKey>, NoKey> {
        let named = || self.keys.iter().filter(|key| kid.is_none() || key.kid.as_deref() == kid);
        let mut fitting = named().filter(|key| key.fits(alg));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(Arc::clone(key)),
            (Some(_), Some(_)) => Err(NoKey::Ambiguous),
            (None, _) if kid.is_some() && named().next().is_some() => Err(NoKey::OtherAlgorithm),
            (None, _) => Err(NoKey::Unknown),
        }
    }
}

impl PublicKey {
    pub(super) fn read(key: &Object, preset: Option<IssuerPreset>) -> Result<Self, String> {
        if key.contains_key("d") || key.contains_key("k") {
            return Err("it is published with its private half, so anybody can sign with it".to_owned());
        }
        for_signatures(key, preset)?;
        let kid = match key.get("kid") {
            None => None,
            Some(Value::String(kid)) if (1..=LONGEST_KID).contains(&kid.len()) => Some(kid.clone()),
            Some(_) => return Err(format!("its `kid` is no text of 1 to {LONGEST_KID} bytes")),
        };
        let alg = match text(key, "alg")? {
            None => None,
            Some(name) => Some(Alg::named(name).ok_or_else(|| format!("it is for `{}`", printable(name)))?),
        };
        let read = Self { kid, alg, material: Material::read(key)? };
        match alg {
            Some(alg) if !read.material.fits(alg) => Err("its `alg` is none of its kind".to_owned()),
            _ => Ok(read),
        }
    }

    /// Whether it may be for `alg`.
    pub(super) fn fits(&self, alg: Alg) -> bool {
        self.alg.is_none_or(|only| only == alg) && self.material.fits(alg)
    }

    /// Whether `signature` is of `signed`, by this key and `alg`, which is one that it was found for.
    pub(super) fn verifies(&self, alg: Alg, signed: &str, signature: &[u8]) -> bool {
        match &self.material {
            Material::Rsa(key) => rsa(alg).is_some_and(|how| key.verify(how, signed.as_bytes(), signature).is_ok()),
            Material::One(only, key) => *only == alg && key.verify_sig(signed.as_bytes(), signature).is_ok(),
        }
    }
}

/// What `use` and `key_ops` say (RFC 7517, sections 4.2 and 4.3). In SPIFFE's bundles keys of tokens are marked `jwt-svid` (SPIFFE
/// Trust Domain and Bundle, section 4.2.2).
fn for_signatures(key: &Object, preset: Option<IssuerPreset>) -> Result<(), String> {
    match text(key, "use")? {
        None | Some("sig") => {}
        Some("jwt-svid") if preset == Some(IssuerPreset::Spiffe) => {}
        Some(other) => return Err(format!("it is for another use: `{}`", printable(other))),
    }
    match key.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(ops)) if ops.iter().any(|op| op == "verify") => Ok(()),
        Some(_) => Err("its `key_ops` does not have `verify`".to_owned()),
    }
}

impl Material {
    fn read(key: &Object) -> Result<Self, String> {
        let curve = || text(key, "crv").map(Option::unwrap_or_default);
        match text(key, "kty")?.unwrap_or_default() {
            "RSA" => Self::rsa(key),
            "EC" => match curve()? {
                "P-256" => Self::ec(key, Alg::Es256, 32, &ECDSA_P256_SHA256_FIXED),
                "P-384" => Self::ec(key, Alg::Es384, 48, &ECDSA_P384_SHA384_FIXED),
                "P-521" => Self::ec(key, Alg::Es512, 66, &ECDSA_P521_SHA512_FIXED),
                other => Err(format!("its curve `{}` is not taken", printable(other))),
            },
            "OKP" => match curve()? {
                "Ed25519" => Self::one(Alg::EdDsa, &ED25519, &bytes(key, "x")?),
                other => Err(format!("its curve `{}` is not taken", printable(other))),
            },
            other => Err(format!("its kind `{}` is not taken", printable(other))),
        }
    }

    fn rsa(key: &Object) -> Result<Self, String> {
        // Libraries that put a zero in front are many (RFC 7518, section 6.3.1.1).
        let whole = |name| bytes(key, name).map(|bytes| bytes.into_iter().skip_while(|b| *b == 0).collect::<Vec<_>>());
        let (n, e) = (whole("n")?, whole("e")?);
        let bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
        if !RSA_BITS.contains(&bits) {
            return Err(format!("it has {bits} bits, {} to {} are taken", RSA_BITS.start(), RSA_BITS.end()));
        }
        // An exponent of 1 verifies everything; an even one, or one longer than anybody uses, is no RSA.
        let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
        if !odd(&n) || !odd(&e) || e == [1] || e.len() > 4 {
            return Err("its numbers are none of RSA".to_owned());
        }
        Ok(Self::Rsa(RsaPublicKeyComponents { n, e }))
    }

    /// Coordinates of full length (RFC 7518, section 6.2.1.2), of a point that is on the curve.
    fn ec(key: &Object, alg: Alg, length: usize, how: &'static dyn VerificationAlgorithm) -> Result<Self, String> {
        let (x, y) = (bytes(key, "x")?, bytes(key, "y")?);
        if x.len() != length || y.len() != length {
            return Err(format!("its coordinates must have {length} bytes"));
        }
        // SEC 1, section 2.3.3: uncompressed.
        Self::one(alg, how, &[&[4], x.as_slice(), y.as_slice()].concat())
    }

    fn one(alg: Alg, how: &'static dyn VerificationAlgorithm, public: &[u8]) -> Result<Self, String> {
        let parsed = ParsedPublicKey::new(how, public).map_err(|_| "it is no point of its curve".to_owned())?;
        Ok(Self::One(alg, parsed))
    }

    fn fits(&self, alg: Alg) -> bool {
        match self {
            Self::Rsa(_) => rsa(alg).is_some(),
            Self::One(only, _) => *only == alg,
        }
    }
}

fn rsa(alg: Alg) -> Option<&'static RsaParameters> {
    Some(match alg {
        Alg::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        Alg::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
        Alg::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
        Alg::Ps256 => &RSA_PSS_2048_8192_SHA256,
        Alg::Es256 | Alg::Es384 | Alg::Es512 | Alg::EdDsa => return None,
    })
}

fn text<'k>(key: &'k Object, name: &str) -> Result<Option<&'k str>, String> {
    match key.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("its `{name}` is no text")),
    }
}

fn bytes(key: &Object, name: &str) -> Result<Vec<u8>, String> {
    let text = text(key, name)?.ok_or_else(|| format!("it has no `{name}`"))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("its `{name}` is not base64url without padding"))
}
