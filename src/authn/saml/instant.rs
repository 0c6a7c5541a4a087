//! Moments, as SAML writes them.

use super::refused::{Refused, Rule};
use super::{LONGEST, SKEW};
use crate::base::Timestamp;
use crate::saml_xml::Element;

/// The moment that `text` is: `YYYY-MM-DDThh:mm:ss[.fraction]Z` and nothing else (SAML core, section 1.3.3: UTC, no other zone).
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = match text.strip_suffix('Z')?.split_once('.') {
        Some((seconds, fraction)) => (seconds, Some(fraction)),
        None => (text.strip_suffix('Z')?, None),
    };
    let form = b"0000-00-00T00:00:00";
    let shaped = seconds.len() == form.len()
        && seconds
            .bytes()
            .zip(form)
            .all(|(is, wanted)| if *wanted == b'0' { is.is_ascii_digit() } else { is == *wanted });
    let fine =
        fraction.is_none_or(|digits| (1..=9).contains(&digits.len()) && digits.bytes().all(|c| c.is_ascii_digit()));
    if shaped && fine { text.parse().ok() } else { None }
}

/// The moment in an attribute, if it is there.
pub(super) fn at_most(element: Element<'_>, name: &str) -> Result<Option<Timestamp>, Refused> {
    let Some(text) = element.attribute(name) else { return Ok(None) };
    let moment = parse(text).ok_or_else(|| Refused::at(Rule::Value, element, format!("{name} is no moment in UTC")))?;
    Ok(Some(moment))
}

/// The moment in an attribute.
pub(super) fn of(element: Element<'_>, name: &str) -> Result<Timestamp, Refused> {
    at_most(element, name)?.ok_or_else(|| Refused::at(Rule::Time, element, format!("it does not say {name}")))
}

/// Refuses what is in the future by more than clocks are apart.
pub(super) fn not_ahead(element: Element<'_>, name: &str, moment: Timestamp, now: Timestamp) -> Result<(), Refused> {
    if moment > later(now, SKEW) {
        return Err(Refused::at(Rule::Time, element, format!("{name} {moment} is in the future: here it is {now}")));
    }
    Ok(())
}

/// Refuses what ended. It counts until before `end`, and as long after as clocks are apart; the end itself is over.
pub(super) fn not_over(element: Element<'_>, name: &str, end: Timestamp, now: Timestamp) -> Result<(), Refused> {
    if now >= later(end, SKEW) {
        return Err(Refused::at(Rule::Time, element, format!("{name} {end} is over: here it is {now}")).over());
    }
    Ok(())
}

/// When an assertion made at `issued` is taken no longer.
pub(super) fn last(issued: Timestamp) -> Timestamp {
    later(issued, LONGEST)
}

/// `by` later, or the end of time.
pub(super) fn later(moment: Timestamp, by: std::time::Duration) -> Timestamp {
    moment.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_one_form() {
        for good in ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.1234567Z"] {
            assert!(parse(good).is_some(), "{good}");
        }
        for bad in [
            "2026-01-02T03:04:05",
            "2026-01-02T03:04:05+00:00",
            "2026-01-02T03:04:05z",
            "2026-01-02 03:04:05Z",
            "2026-01-02T03:04:05.Z",
            "2026-01-02T03:04:05.1234567890Z",
            "2026-13-02T03:04:05Z",
            "20260102T030405Z",
            "+002026-01-02T03:04:05Z",
            "2026-01-02T03:04:05Z[UTC]",
            "2026-01-02T24:04:05Z",
            "",
            "Z",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
