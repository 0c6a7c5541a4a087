//! The response around the assertion: it may be unsigned, and is looked at only to refuse.

use super::error::{ResponseError, Rule};
use super::judge::Expected;
use crate::saml_xml::{Claim, Claims};

/// The one good status (SAML core, section 3.2.2.2).
const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";

/// Refuses a response that is not for us, or in which nobody was signed in. Says whether it names its destination.
pub(super) fn check(claims: &Claims<'_>, expected: Expected<'_>) -> Result<bool, ResponseError> {
    let wrong = |rule, why: String| Err(ResponseError::new(rule, "Response", why));
    match claims.attribute("Version", "2.0") {
        Claim::AsWanted => {}
        Claim::Absent => return wrong(Rule::Version, "it does not say its version".to_owned()),
        Claim::Otherwise(said) => return wrong(Rule::Version, format!("version {said}, not 2.0")),
    }
    let compared = expected.own.addresses().map(|own| claims.attribute("Destination", own));
    let addressed = match compared.reduce(|first, next| if next == Claim::AsWanted { next } else { first }) {
        Some(Claim::AsWanted) => true,
        Some(Claim::Absent) | None => false,
        Some(Claim::Otherwise(said)) => {
            return wrong(Rule::Destination, format!("it is for {said}, not for `{}`", expected.own.acs));
        }
    };
    answers(claims, expected.request)?;
    let provider = expected.provider.entity_id();
    if let Claim::Otherwise(said) = claims.issuer(provider)? {
        return wrong(Rule::Issuer, format!("{said} is not `{provider}`"));
    }
    match claims.status(SUCCESS)? {
        Claim::AsWanted => Ok(addressed),
        Claim::Absent => wrong(Rule::Status, "it does not say its status".to_owned()),
        Claim::Otherwise(said) => wrong(Rule::Status, format!("nobody was signed in: {said}")),
    }
}

fn answers(claims: &Claims<'_>, request: Option<&str>) -> Result<(), ResponseError> {
    let wrong = |why: String| Err(ResponseError::new(Rule::InResponseTo, "Response", why));
    let Some(request) = request else {
        // Whoever answers a request answers the one who made it (SAML profiles, section 4.1.5: an unsolicited one has no InResponseTo at all).
        return if claims.has("InResponseTo") {
            wrong("it answers a request, and none was made".into())
        } else {
            Ok(())
        };
    };
    match claims.attribute("InResponseTo", request) {
        Claim::AsWanted => Ok(()),
        Claim::Absent => wrong(format!("it answers no request, not `{request}`")),
        Claim::Otherwise(said) => wrong(format!("it answers {said}, not `{request}`")),
    }
}
