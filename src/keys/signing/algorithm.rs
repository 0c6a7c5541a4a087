//! The algorithms by which tokens are signed, and a pair of keys of each.
//!
//! A pair carries its algorithm, and verifies by that one alone: what a token says of itself is compared with it and chooses
//! nothing (RFC 8725, section 3.1). None of them is symmetric: what verifies cannot sign.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde::{Deserialize, Serialize};

use super::jwk::Jwk;
use crate::base::Secret;

/// How a token is signed, by its name in JOSE.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256 (RFC 7518, section 3.4).
    #[default]
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519 (RFC 8037, section 3.1).
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256 and 3072 bits (RFC 7518, section 3.3): for clients that know nothing else, of which
    /// OpenID Connect Discovery, section 3, thinks.
    #[serde(rename = "RS256")]
    Rs256,
}

/// Text that names none of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected ES256, EdDSA or RS256")]
pub struct NoAlgorithm;

impl Algorithm {
    /// All of them; those whose keys are made at once come first.
    pub const ALL: [Self; 3] = [Self::Es256, Self::EdDsa, Self::Rs256];

    /// Its name in tokens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = NoAlgorithm;

    fn from_str(text: &str) -> Result<Self, NoAlgorithm> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(text)).ok_or(NoAlgorithm)
    }
}

/// A private key and its public half.
pub(super) struct Pair {
    private: Private,
    public: ParsedPublicKey,
}

enum Private {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

impl Algorithm {
    /// A new private key as PKCS #8; `None` if the cryptographic library refuses. For RS256 it takes a good part of a second.
    pub(super) fn generate(self) -> Option<Secret<Vec<u8>>> {
        let generated: Result<Vec<u8>, Unspecified> = match self {
            Self::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                .map(|document| document.as_ref().to_vec()),
            Self::EdDsa => {
                Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map(|document| document.as_ref().to_vec())
            }
            Self::Rs256 => RsaKeyPair::generate(KeySize::Rsa3072)
                .and_then(|pair| AsDer::<Pkcs8V1Der<'_>>::as_der(&pair))
                .map(|der| der.as_ref().to_vec()),
        };
        generated.ok().map(Secret::new)
    }

    /// The pair whose private key is this PKCS #8; `None` if it is of another algorithm, or none.
    pub(super) fn read(self, private: &Secret<Vec<u8>>) -> Option<Pair> {
        self.parse(private.expose()).ok()
    }

    fn parse(self, private: &[u8]) -> Result<Pair, KeyRejected> {
        Ok(match self {
            Self::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private)?;
                let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key())?;
                Pair { private: Private::Es256(pair), public }
            }
            Self::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(private)?;
                let public = ParsedPublicKey::new(&ED25519, pair.public_key())?;
                Pair { private: Private::EdDsa(pair), public }
            }
            Self::Rs256 => {
                let pair = RsaKeyPair::from_pkcs8(private)?;
                let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key())?;
                Pair { private: Private::Rs256(pair), public }
            }
        })
    }
}

impl Pair {
    /// The public half for others; `None` if the library shows it in a form that it should not have.
    pub(super) fn jwk(&self) -> Option<Jwk> {
        match &self.private {
            Private::Es256(pair) => Jwk::of_point(pair.public_key().as_ref()),
            Private::EdDsa(pair) => Some(Jwk::of_ed25519(pair.public_key().as_ref())),
            Private::Rs256(pair) => {
                let public = pair.public_key();
                let (modulus, exponent) = (public.modulus(), public.exponent());
                Some(Jwk::of_rsa(modulus.big_endian_without_leading_zero(), exponent.big_endian_without_leading_zero()))
            }
        }
    }

    /// The public half of an RSA key (RFC 8017, appendix A.1.1).
    pub(super) fn rsa_public(&self) -> Option<&[u8]> {
        match &self.private {
            Private::Rs256(pair) => Some(pair.public_key().as_ref()),
            Private::Es256(_) | Private::EdDsa(_) => None,
        }
    }

    /// The signature of `message` as JWS has it; `None` if the library refuses.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match &self.private {
            Private::Es256(pair) => pair.sign(&SystemRandom::new(), message).ok().map(|done| done.as_ref().to_vec()),
            Private::EdDsa(pair) => pair.try_sign(message).ok().map(|done| done.as_ref().to_vec()),
            Private::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).ok()?;
                Some(signature)
            }
        }
    }

    /// Whether `signature` is this key's, of `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.public.verify_sig(message, signature).is_ok()
    }
}
