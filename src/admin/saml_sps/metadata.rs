//! Metadata of service providers: what may be pinned, and whether settings go with it.

use sha2::{Digest as _, Sha256};

use crate::admin::AdminError;
use crate::authn::saml::SpMetadata;
use crate::model::saml_sp::Preset;
use crate::model::{SamlSp, SamlSpError};

/// Longest metadata that is pinned, in bytes: that and what waits beside it have to fit into one row.
pub const LONGEST: usize = 28 << 10;

/// What is pinned of `text`, the metadata of `entity` or of one alone: all of it or, of what is too long, the part that counts.
pub(super) fn fitting(text: String, entity: Option<&str>) -> Result<String, AdminError> {
    let fitting = if text.len() > LONGEST { SpMetadata::extract(&text, entity)? } else { text };
    if fitting.len() <= LONGEST {
        return Ok(fitting);
    }
    Err(AdminError::LimitExceeded {
        what: format!("metadata of {} bytes without what counts for nothing", fitting.len()),
        limit: format!("{LONGEST} are kept; take out keys and addresses that are not in use"),
    })
}

/// SHA-256 of a text, in hexadecimal digits.
#[must_use]
pub fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// Metadata that says no more than what somebody calls itself by and where responses go.
pub(super) fn described(entity_id: &str, acs: &str) -> Result<String, AdminError> {
    let text = SpMetadata::minimal(entity_id, acs);
    SpMetadata::read(&text, None)?;
    Ok(text)
}

/// Refuses settings that contradict each other, or what the metadata says. Answers what that says.
///
/// # Errors
/// What is wrong, and what to do.
pub fn consistent(sp: &SamlSp) -> Result<SpMetadata, AdminError> {
    sp.check()?;
    let read = SpMetadata::read(&sp.metadata, Some(&sp.entity_id))?;
    let no = |what: &str, remedy: &'static str| {
        Err(AdminError::from(SamlSpError::Contradiction { what: what.to_owned(), remedy }))
    };
    if let Err(why) = read.encrypts_for(sp.encrypt) {
        return no(&why.to_string(), "take the demand back, or give metadata with an RSA key that reads AES-256-GCM");
    }
    if sp.require_signed_requests && read.signing().is_empty() {
        return no(
            "its metadata has no key to verify requests by",
            "take the demand back, or give metadata with a key",
        );
    }
    if sp.preset == Some(Preset::Aws) && sp.aws.is_none() {
        return no(
            "AWS has to know us by some name",
            "name arn:aws:iam::ACCOUNT:saml-provider/NAME of each account by aws_providers (--aws-provider)",
        );
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_described_is_read_as_it_was_said() {
        let odd = "urn:x:\"<&>'";
        let text = described(odd, "https://sp.test/acs?a=1&b=2").unwrap();
        let read = SpMetadata::read(&text, Some(odd)).unwrap();
        assert_eq!(read.default_acs().unwrap().location, "https://sp.test/acs?a=1&b=2");
        assert!(described("urn:x", "http://sp.test/acs").unwrap_err().to_string().contains("http://"));
    }
}
