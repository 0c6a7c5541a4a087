//! The parts of a signature, read from where they stand: the `Authorization` header, or the query.
//!
//! Exactly one of both. Which it is, is settled before anything is read from either, by the presence of anything that
//! belongs to one, so that no combination is half of each.

use percent_encoding::percent_decode_str;

use super::headers::is_visible;
use super::{LONGEST_VALUE, Request, SigV4Error, Way};
use crate::base::text::printable;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Parameters that make up a presigned request, as all clients spell them.
const KNOWN: [&str; 8] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
    "X-Amz-Content-Sha256",
];

/// Parameters of Signature Version 2, in lower case.
const VERSION_2: [&str; 3] = ["awsaccesskeyid", "signatureversion", "signaturemethod"];

/// The parts of a signature, decoded, unchecked.
pub(super) struct Parts {
    pub(super) way: Way,
    pub(super) credential: String,
    pub(super) signed_headers: String,
    pub(super) signature: String,
    pub(super) date: String,
    pub(super) token: Option<String>,
    /// Of presigned requests alone, as is the next.
    pub(super) expires: String,
    pub(super) content_sha256: Option<String>,
}

/// Finds the one signature of a request.
pub(super) fn read(request: &Request<'_>) -> Result<Parts, SigV4Error> {
    let header = request.header("authorization")?;
    let query = Presigned::read(request)?;
    match (header, query.0.is_empty()) {
        (Some(header), true) => of_header(header, request),
        (None, false) => query.parts(),
        (Some(_), false) => Err(SigV4Error::TwoWays),
        (None, true) => Err(SigV4Error::Unsigned),
    }
}

/// `AWS4-HMAC-SHA256 Credential=.., SignedHeaders=.., Signature=..`
fn of_header(header: &[u8], request: &Request<'_>) -> Result<Parts, SigV4Error> {
    const NAME: &str = "the Authorization header";
    if header.len() > LONGEST_VALUE {
        return Err(SigV4Error::TooLarge { what: NAME, limit: LONGEST_VALUE, unit: "bytes" });
    }
    let malformed =
        || SigV4Error::hidden(NAME, "`AWS4-HMAC-SHA256 Credential=.., SignedHeaders=.., Signature=..`, each once");
    let text = std::str::from_utf8(header).map_err(|_| malformed())?;
    let (algorithm, rest) = text.split_once(' ').unwrap_or((text, ""));
    check_algorithm(algorithm)?;
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for part in rest.split(',') {
        let (name, value) = part.trim_matches(' ').split_once('=').ok_or_else(malformed)?;
        let place = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut signature,
            _ => return Err(malformed()),
        };
        if place.replace(value.to_owned()).is_some() {
            return Err(SigV4Error::Repeated(name.to_owned()));
        }
    }
    Ok(Parts {
        way: Way::Header,
        credential: credential.ok_or(SigV4Error::Lacks("Credential"))?,
        signed_headers: signed_headers.ok_or(SigV4Error::Lacks("SignedHeaders"))?,
        signature: signature.ok_or(SigV4Error::Lacks("Signature"))?,
        // `Date` would do by the specification; it is not in the string to sign, and no SDK sends it alone.
        date: request.text("x-amz-date")?.ok_or(SigV4Error::Lacks("X-Amz-Date"))?,
        token: request.text("x-amz-security-token")?,
        expires: String::new(),
        content_sha256: None,
    })
}

fn check_algorithm(name: &str) -> Result<(), SigV4Error> {
    // What is not known is not repeated: it could be another scheme's password.
    let name = match name {
        ALGORITHM => return Ok(()),
        "AWS" => "Signature Version 2",
        "AWS4-ECDSA-P256-SHA256" => "Signature Version 4A (`AWS4-ECDSA-P256-SHA256`)",
        "AWS4-HMAC-SHA256-PAYLOAD" => "the chunk signature `AWS4-HMAC-SHA256-PAYLOAD`",
        _ => "the scheme of the signature",
    };
    Err(SigV4Error::Unsupported { name, instead: "sign with `AWS4-HMAC-SHA256`" })
}

/// Query parameters whose name begins with `x-amz-` in any spelling: the name in lower case, the value raw.
struct Presigned<'a>(Vec<(String, &'a str)>);

impl<'a> Presigned<'a> {
    fn read(request: &Request<'a>) -> Result<Self, SigV4Error> {
        let mut found: Vec<(String, &str)> = Vec::new();
        for pair in request.query.split('&') {
            let (raw, value) = pair.split_once('=').unwrap_or((pair, ""));
            // As a form would be read, so that no reader finds a name here that was not looked for.
            let name = percent_decode_str(raw).decode_utf8_lossy().to_ascii_lowercase();
            if VERSION_2.contains(&name.as_str()) {
                return Err(SigV4Error::Unsupported {
                    name: "Signature Version 2",
                    instead: "sign with `AWS4-HMAC-SHA256`",
                });
            }
            if !name.starts_with("x-amz-") {
                continue;
            }
            if let Some(known) = KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(&name) && *known != raw) {
                return Err(SigV4Error::hidden("a query parameter", known));
            }
            if request.header(&name)?.is_some() || found.iter().any(|(other, _)| *other == name) {
                return Err(SigV4Error::Repeated(printable(&name).into_owned()));
            }
            found.push((name, value));
        }
        Ok(Self(found))
    }

    fn parts(&self) -> Result<Parts, SigV4Error> {
        check_algorithm(&self.needed("X-Amz-Algorithm")?)?;
        Ok(Parts {
            way: Way::Presigned,
            credential: self.needed("X-Amz-Credential")?,
            signed_headers: self.needed("X-Amz-SignedHeaders")?,
            signature: self.needed("X-Amz-Signature")?,
            date: self.needed("X-Amz-Date")?,
            token: self.value("X-Amz-Security-Token")?,
            expires: self.needed("X-Amz-Expires")?,
            content_sha256: self.value("X-Amz-Content-Sha256")?,
        })
    }

    fn needed(&self, name: &'static str) -> Result<String, SigV4Error> {
        self.value(name)?.ok_or(SigV4Error::Lacks(name))
    }

    fn value(&self, name: &'static str) -> Result<Option<String>, SigV4Error> {
        let Some((_, raw)) = self.0.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)) else { return Ok(None) };
        let decoded = percent_decode_str(raw).decode_utf8().ok();
        let word = decoded.filter(|text| !text.is_empty() && text.len() <= LONGEST_VALUE && is_visible(text));
        word.map(|text| Some(text.into_owned())).ok_or_else(|| SigV4Error::hidden(name, "one word of visible ASCII"))
    }
}
