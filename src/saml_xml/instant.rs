//! Moments, as SAML writes them.

use crate::base::Timestamp;

/// The moment that `text` is: `YYYY-MM-DDThh:mm:ss[.fraction]Z` and nothing else (SAML core, section 1.3.3: UTC, no other zone). What
/// else a parser of times might take is refused: two readers of one text should not find two moments in it.
#[must_use]
pub fn instant(text: &str) -> Option<Timestamp> {
    let unzoned = text.strip_suffix('Z')?;
    let (seconds, fraction) = match unzoned.split_once('.') {
        Some((seconds, fraction)) => (seconds, Some(fraction)),
        None => (unzoned, None),
    };
    let shaped = seconds.len() == FORM.len()
        && seconds
            .bytes()
            .zip(FORM)
            .all(|(is, wanted)| if *wanted == b'0' { is.is_ascii_digit() } else { is == *wanted });
    let fine =
        fraction.is_none_or(|digits| (1..=9).contains(&digits.len()) && digits.bytes().all(|c| c.is_ascii_digit()));
    if shaped && fine { text.parse().ok() } else { None }
}

/// `0` is any digit.
const FORM: &[u8] = b"0000-00-00T00:00:00";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_one_form() {
        for good in ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.1234567Z"] {
            assert!(instant(good).is_some(), "{good}");
        }
        for bad in [
            "2026-01-02T03:04:05",
            "2026-01-02T03:04:05+00:00",
            "2026-01-02T03:04:05z",
            "2026-01-02T03:04:05.Z",
            "2026-01-02T03:04:05.1234567890Z",
            "2026-13-02T03:04:05Z",
            "2026-01-02T24:04:05Z",
            "",
            "Z",
        ] {
            assert!(instant(bad).is_none(), "{bad}");
        }
    }

    /// Forms of ISO 8601 and RFC 9557 that `Timestamp` reads, and SAML does not have.
    #[test]
    fn other_forms_of_a_moment_are_none() {
        for bad in OTHER_FORMS {
            assert!(bad.parse::<Timestamp>().is_ok(), "{bad}: it shows nothing");
            assert!(instant(bad).is_none(), "{bad}");
        }
    }

    const OTHER_FORMS: [&str; 7] = [
        "20260102T030405Z",
        "2026-01-02T030405Z",
        "2026-01-02T03:04Z",
        "2026-01-02T03Z",
        "2026-01-02 03:04:05Z",
        "2026-01-02T03:04:05,5Z",
        "+002026-01-02T03:04:05Z",
    ];
}
