//! A token's form and header: RFC 7515, compact serialization, with the algorithms of an allow-list.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::json::{self, Object};
use super::{LONGEST, WebIdentityError};

/// Longest name of a key, in bytes.
pub(super) const LONGEST_KID: usize = 128;

/// An algorithm by which a token may be signed (RFC 7518, section 3.1; RFC 8037, section 3.1). Asymmetric, every one: `none` and
/// `HS256` have no name here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alg {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Es256,
    Es384,
    Es512,
    EdDsa,
}

impl Alg {
    /// Names are compared letter by letter (RFC 7515, section 4.1.1).
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "ES512" => Self::Es512,
            "EdDSA" => Self::EdDsa,
            _ => return None,
        })
    }
}

/// A token, taken apart. Nothing in it is proven.
pub(super) struct Compact<'t> {
    /// How it says it is signed.
    pub(super) alg: Alg,
    /// By which key.
    pub(super) kid: Option<String>,
    /// What it says.
    pub(super) claims: Object,
    /// What the signature is of.
    pub(super) signed: &'t str,
    /// The signature.
    pub(super) signature: Vec<u8>,
}

impl<'t> Compact<'t> {
    /// Takes `token` apart: three parts, so that there is one signature, in the alphabet of RFC 7515, section 2, without padding,
    /// blanks or stray bits.
    pub(super) fn read(token: &'t str) -> Result<Self, WebIdentityError> {
        Self::taken_apart(token, typ_of_identity).map(|(compact, _)| compact)
    }

    /// As [`Compact::read`], of a token of the type `typ` and no other, with its header.
    pub(super) fn with_header(token: &'t str, typ: &str) -> Result<(Self, Object), WebIdentityError> {
        Self::taken_apart(token, |said| match said {
            Some(Value::String(said)) if said == typ => Ok(()),
            _ => Err(invalid(format!("its `typ` must be `{typ}`"))),
        })
    }

    fn taken_apart(
        token: &'t str,
        typ: impl FnOnce(Option<&Value>) -> Result<(), WebIdentityError>,
    ) -> Result<(Self, Object), WebIdentityError> {
        if token.len() > LONGEST {
            return Err(invalid(format!("it has {} bytes, {LONGEST} are allowed", token.len())));
        }
        let not_compact = || invalid("it is no signed token: expected header.claims.signature");
        let (signed, signature) = token.rsplit_once('.').ok_or_else(not_compact)?;
        let (header, claims) = signed.split_once('.').ok_or_else(not_compact)?;
        if claims.contains('.') || [header, claims, signature].contains(&"") {
            return Err(not_compact());
        }
        let part = |text: &str, what: &str| {
            URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid(format!("its {what} is not base64url without padding")))
        };
        let members = |text: &str, what: &str| {
            json::object(&part(text, what)?).map_err(|why| invalid(format!("its {what} cannot be read: {why}")))
        };
        let head = members(header, "header")?;
        let (alg, kid) = read_header(&head)?;
        typ(head.get("typ"))?;
        let claims = members(claims, "claims")?;
        Ok((Self { alg, kid, claims, signed, signature: part(signature, "signature")? }, head))
    }
}

/// What of a header counts. Keys that it brings or points to (`jwk`, `jku`, `x5c`, `x5u`) do not.
fn read_header(header: &Object) -> Result<(Alg, Option<String>), WebIdentityError> {
    let alg = header.get("alg").and_then(Value::as_str).and_then(Alg::named);
    let alg = alg
        .ok_or_else(|| invalid("its `alg` must be one of RS256, RS384, RS512, PS256, ES256, ES384, ES512 and EdDSA"))?;
    // RFC 7515, section 4.1.11: what is critical and not understood must be refused, and nothing critical is understood here.
    if header.contains_key("crit") {
        return Err(invalid("its header has `crit`, and no extension is understood"));
    }
    // RFC 7797 and RFC 7516, RFC 7519, section 5.2: another payload than there seems to be, or a token within.
    if let Some(odd) = ["b64", "zip", "enc", "cty"].into_iter().find(|name| header.contains_key(*name)) {
        return Err(invalid(format!("its header has `{odd}`: a signed token with plain claims is expected")));
    }
    let kid = match header.get("kid") {
        None => None,
        Some(Value::String(kid)) if (1..=LONGEST_KID).contains(&kid.len()) => Some(kid.clone()),
        Some(_) => return Err(invalid(format!("its `kid` must be a text of 1 to {LONGEST_KID} bytes"))),
    };
    Ok((alg, kid))
}

/// RFC 8725, section 3.11: an access token (`at+jwt`, our own among them) or a logout token is not somebody's identity.
fn typ_of_identity(typ: Option<&Value>) -> Result<(), WebIdentityError> {
    match typ {
        None => Ok(()),
        Some(Value::String(typ)) if is_identity(typ) => Ok(()),
        Some(_) => Err(invalid("its `typ` must be `JWT`: a token of another sort says something else")),
    }
}

fn invalid(why: impl Into<String>) -> WebIdentityError {
    WebIdentityError::invalid(why)
}

/// `JWT` (RFC 7519, section 5.1) or `JOSE` (RFC 7515, section 4.1.9, which SPIFFE allows beside it), in any case.
fn is_identity(typ: &str) -> bool {
    let folded = typ.to_ascii_lowercase();
    matches!(folded.strip_prefix("application/").unwrap_or(&folded), "jwt" | "jose")
}
