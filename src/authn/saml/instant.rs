//! Moments in a response, and what may lie between them and now.

use super::error::{ResponseError, Rule};
use super::{LONGEST, SKEW};
use crate::base::Timestamp;
use crate::base::clock::later;
use crate::saml_xml::{Element, instant};

/// The moment in an attribute, if it is there.
pub(super) fn optional(element: Element<'_>, name: &str) -> Result<Option<Timestamp>, ResponseError> {
    let Some(text) = element.attribute(name) else { return Ok(None) };
    let moment =
        instant(text).ok_or_else(|| ResponseError::at(Rule::Value, element, format!("{name} is no moment in UTC")))?;
    Ok(Some(moment))
}

/// The moment in an attribute.
pub(super) fn required(element: Element<'_>, name: &str) -> Result<Timestamp, ResponseError> {
    optional(element, name)?.ok_or_else(|| ResponseError::at(Rule::Time, element, format!("it does not say {name}")))
}

/// Refuses what is in the future by more than clocks are apart.
pub(super) fn not_ahead(
    element: Element<'_>,
    name: &str,
    moment: Timestamp,
    now: Timestamp,
) -> Result<(), ResponseError> {
    if moment > later(now, SKEW) {
        return Err(ResponseError::at(
            Rule::Time,
            element,
            format!("{name} {moment} is in the future: here it is {now}"),
        ));
    }
    Ok(())
}

/// Refuses what ended. It counts until before `end`, and as long after as clocks are apart; the end itself is over.
pub(super) fn not_over(element: Element<'_>, name: &str, end: Timestamp, now: Timestamp) -> Result<(), ResponseError> {
    if now >= later(end, SKEW) {
        return Err(ResponseError::at(Rule::Time, element, format!("{name} {end} is over: here it is {now}")).over());
    }
    Ok(())
}

/// When an assertion made at `issued` is taken no longer.
pub(super) fn latest_use(issued: Timestamp) -> Timestamp {
    later(issued, LONGEST)
}
