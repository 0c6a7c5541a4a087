//! How surely somebody is signed in, in words of SAML (SAML authentication context; REFEDS profiles).

/// A password, over an encrypted connection.
pub(super) const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
/// Two factors.
pub(super) const MFA: &str = "https://refeds.org/profile/mfa";

/// Classes that mean something here, and how much: 0 anything, 1 one factor, 2 two. What is not here is a promise that is not made:
/// certificates, cards and Kerberos are told apart by none of our pages.
const CLASSES: [(&str, u8); 8] = [
    ("urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified", 0),
    (PASSWORD, 1),
    ("urn:oasis:names:tc:SAML:2.0:ac:classes:Password", 1),
    ("https://refeds.org/profile/sfa", 1),
    (MFA, 2),
    ("https://refeds.org/profile/sfa+mfa", 2),
    ("http://schemas.microsoft.com/claims/multipleauthn", 2),
    ("urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken", 2),
];

/// How what is there compares with what is asked for (SAML core, section 3.3.2.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Exact,
    Minimum,
    Maximum,
    Better,
}

impl Comparison {
    pub(super) fn named(name: Option<&str>) -> Option<Self> {
        match name {
            None | Some("exact") => Some(Self::Exact),
            Some("minimum") => Some(Self::Minimum),
            Some("maximum") => Some(Self::Maximum),
            Some("better") => Some(Self::Better),
            Some(_) => None,
        }
    }
}

/// What it takes to be signed in as a service provider asks: the class that is answered, and whether that is of two factors. Of several
/// the first that is known is preferred that needs one factor, and the service provider's order counts otherwise. `None` if it
/// cannot be.
pub(super) fn wanted(comparison: Comparison, classes: &[String]) -> Option<(&str, bool)> {
    let known: Vec<(&str, u8)> = classes
        .iter()
        .filter_map(|class| CLASSES.iter().find(|(known, _)| known == class).map(|(_, level)| (class.as_str(), *level)))
        .collect();
    let least = known.iter().map(|(_, level)| *level).min()?;
    let most = known.iter().map(|(_, level)| *level).max()?;
    let first = |level: u8| known.iter().find(|(_, known)| *known == level).map(|(class, _)| (*class, level == 2));
    match comparison {
        Comparison::Exact | Comparison::Minimum | Comparison::Maximum => first(least),
        Comparison::Better if most < 2 => Some((MFA, true)),
        Comparison::Better => None,
    }
}

/// The class for somebody of whom nothing is asked, or anything will do.
pub(super) fn usual(mfa: bool) -> &'static str {
    if mfa { MFA } else { PASSWORD }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_what_it_takes() {
        use Comparison::{Better, Exact, Minimum};
        let kerberos = "urn:oasis:names:tc:SAML:2.0:ac:classes:Kerberos";
        for (comparison, classes, takes) in [
            (Exact, &[PASSWORD][..], Some((PASSWORD, false))),
            (Exact, &[MFA], Some((MFA, true))),
            (Exact, &[MFA, PASSWORD], Some((PASSWORD, false))),
            (Exact, &[kerberos], None),
            (Exact, &[kerberos, MFA], Some((MFA, true))),
            (Minimum, &[PASSWORD], Some((PASSWORD, false))),
            (Minimum, &[MFA], Some((MFA, true))),
            (Better, &[PASSWORD], Some((MFA, true))),
            (Better, &[MFA], None),
            (Exact, &[], None),
        ] {
            let classes: Vec<String> = classes.iter().map(|class| (*class).to_owned()).collect();
            assert_eq!(wanted(comparison, &classes), takes, "{comparison:?} {classes:?}");
        }
    }
}
