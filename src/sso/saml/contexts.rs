//! How surely somebody is signed in, in words of SAML (SAML authentication context; REFEDS profiles).

use serde::{Deserialize, Serialize};

/// A password, over an encrypted connection.
pub(super) const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
/// Two factors.
pub(super) const MFA: &str = "https://refeds.org/profile/mfa";

/// Nothing is said of how.
const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified";

/// Classes that mean something here, and how much: 0 anything, 1 one factor, 2 two. What is not here is a promise that is not made:
/// certificates, cards, Kerberos and tokens of one kind are told apart by none of our pages. Those of passwords are met by whoever
/// showed as much or more, such as a passkey: applications ask for them by default, and mean nothing else by it.
const CLASSES: [(&str, u8); 7] = [
    (UNSPECIFIED, 0),
    (PASSWORD, 1),
    ("urn:oasis:names:tc:SAML:2.0:ac:classes:Password", 1),
    ("https://refeds.org/profile/sfa", 1),
    (MFA, 2),
    ("https://refeds.org/profile/sfa+mfa", 2),
    ("http://schemas.microsoft.com/claims/multipleauthn", 2),
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

/// What a service provider is answered that asks how surely somebody is signed in: by one factor, and by two. Nothing is the answer that
/// cannot be given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wanted {
    #[serde(rename = "1", default, skip_serializing_if = "Option::is_none")]
    one: Option<String>,
    #[serde(rename = "2", default, skip_serializing_if = "Option::is_none")]
    two: Option<String>,
}

impl Wanted {
    /// What is answered to `classes`; `None` if nothing can be. The service provider's order counts among those that somebody meets as
    /// they are signed in. One that would rather have two factors, and does with one, has nobody show another.
    pub(super) fn of(comparison: Comparison, classes: &[String]) -> Option<Self> {
        let known: Vec<(&str, u8)> = classes
            .iter()
            .filter_map(|class| {
                CLASSES.iter().find(|(known, _)| known == class).map(|(_, level)| (class.as_str(), *level))
            })
            .collect();
        let most = known.iter().map(|(_, level)| *level).max()?;
        let met = |by: u8| {
            let class = match comparison {
                Comparison::Exact | Comparison::Minimum => known.iter().find(|(_, level)| *level <= by)?.0,
                // As surely as can be without exceeding what is named: whoever has less than that does.
                Comparison::Maximum => {
                    let of_level = known.iter().find(|(_, level)| *level == by.min(most));
                    of_level.map_or_else(|| usual(by == 2), |(class, _)| *class)
                }
                Comparison::Better => (most < by).then(|| usual(by == 2))?,
            };
            Some(class.to_owned())
        };
        let wanted = Self { one: met(1), two: met(2) };
        (wanted.one.is_some() || wanted.two.is_some()).then_some(wanted)
    }

    /// Whether it takes two factors.
    pub(super) fn takes_two(&self) -> bool {
        self.one.is_none()
    }

    /// What is answered of somebody who showed two factors, or one.
    pub(super) fn class(&self, mfa: bool) -> Option<&str> {
        if mfa { self.two.as_deref() } else { self.one.as_deref() }
    }
}

/// The class for somebody of whom anything will do.
fn usual(mfa: bool) -> &'static str {
    if mfa { MFA } else { PASSWORD }
}

/// The class for somebody of whom nothing is asked: how they signed in here, and of whoever came by the word of another provider alone
/// that nothing is known of it.
pub(super) fn unasked(mfa: bool, amr: &[String]) -> &'static str {
    match amr.iter().any(|how| how == "pwd") {
        _ if mfa => MFA,
        true => PASSWORD,
        false => UNSPECIFIED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nothing_is_asked_nothing_is_said_that_is_not_known() {
        let amr = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(unasked(false, &amr(&["pwd"])), PASSWORD);
        assert_eq!(unasked(true, &amr(&["pwd", "otp"])), MFA);
        assert_eq!(unasked(true, &amr(&["hwk"])), MFA);
        assert_eq!(unasked(false, &[]), UNSPECIFIED);
    }

    #[test]
    fn what_is_asked_for_is_what_it_takes() {
        use Comparison::{Better, Exact, Maximum, Minimum};
        let kerberos = "urn:oasis:names:tc:SAML:2.0:ac:classes:Kerberos";
        let any = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified";
        let sfa = "https://refeds.org/profile/sfa";
        for (comparison, classes, one, two) in [
            (Exact, &[PASSWORD][..], Some(PASSWORD), Some(PASSWORD)),
            (Exact, &[any], Some(any), Some(any)),
            (Exact, &[MFA], None, Some(MFA)),
            (Exact, &[MFA, PASSWORD], Some(PASSWORD), Some(MFA)),
            (Exact, &[PASSWORD, MFA], Some(PASSWORD), Some(PASSWORD)),
            (Exact, &[kerberos, MFA], None, Some(MFA)),
            (Minimum, &[PASSWORD], Some(PASSWORD), Some(PASSWORD)),
            (Minimum, &[MFA], None, Some(MFA)),
            (Minimum, &[MFA, sfa], Some(sfa), Some(MFA)),
            (Maximum, &[MFA], Some(PASSWORD), Some(MFA)),
            (Maximum, &[sfa], Some(sfa), Some(sfa)),
            (Maximum, &[sfa, MFA], Some(sfa), Some(MFA)),
            (Maximum, &[any, MFA], Some(PASSWORD), Some(MFA)),
            (Maximum, &[any], Some(any), Some(any)),
            (Better, &[any], Some(PASSWORD), Some(MFA)),
            (Better, &[PASSWORD], None, Some(MFA)),
            (Better, &[any, sfa], None, Some(MFA)),
        ] {
            let classes: Vec<String> = classes.iter().map(|class| (*class).to_owned()).collect();
            let wanted = Wanted::of(comparison, &classes).unwrap();
            assert_eq!((wanted.class(false), wanted.class(true)), (one, two), "{comparison:?} {classes:?}");
            assert_eq!(wanted.takes_two(), one.is_none(), "{comparison:?} {classes:?}");
        }
        for (comparison, classes) in [(Exact, &[kerberos][..]), (Maximum, &[kerberos]), (Better, &[MFA]), (Exact, &[])]
        {
            let classes: Vec<String> = classes.iter().map(|class| (*class).to_owned()).collect();
            assert_eq!(Wanted::of(comparison, &classes), None, "{comparison:?} {classes:?}");
        }
    }
}
