//! When an assertion is good, and for whom.

use super::ServiceProvider;
use super::error::{ResponseError, Rule};
use super::instant;
use crate::base::Timestamp;
use crate::saml_xml::{ASSERTION, Element};

/// When it is good.
pub(super) struct Window {
    /// Before when.
    pub(super) until: Timestamp,
}

/// Refuses an assertion that is not good now, is not for us, or says more about that than we understand (SAML core, section 2.5).
pub(super) fn check(assertion: Element<'_>, own: &ServiceProvider, now: Timestamp) -> Result<Window, ResponseError> {
    let conditions = assertion.one(ASSERTION, "Conditions")?;
    let until = instant::required(conditions, "NotOnOrAfter")?;
    if let Some(from) = instant::optional(conditions, "NotBefore")? {
        if from >= until {
            return Err(ResponseError::at(Rule::Time, conditions, "its end is before its beginning"));
        }
        instant::not_ahead(conditions, "NotBefore", from, now)?;
    }
    instant::not_over(conditions, "NotOnOrAfter", until, now)?;
    let mut restricted = false;
    for condition in conditions.children()? {
        if condition.is(ASSERTION, "AudienceRestriction") {
            for_us(condition, own)?;
            restricted = true;
        } else if !condition.is(ASSERTION, "OneTimeUse") && !condition.is(ASSERTION, "ProxyRestriction") {
            // Every assertion is used once here, and handed on to nobody, so these two ask for nothing more.
            return Err(ResponseError::at(Rule::Condition, condition, "a condition that is not understood"));
        }
    }
    if restricted {
        Ok(Window { until })
    } else {
        Err(ResponseError::at(Rule::Audience, conditions, "it does not say whom it is for"))
    }
}

/// One of the audiences has to be us; of several restrictions, each (SAML core, section 2.5.1.4).
fn for_us(restriction: Element<'_>, own: &ServiceProvider) -> Result<(), ResponseError> {
    let mut said = Vec::new();
    for child in restriction.children()? {
        if !child.is(ASSERTION, "Audience") {
            return Err(ResponseError::at(Rule::Condition, child, "a condition that is not understood"));
        }
        said.push(child.text()?);
    }
    if said.iter().any(|said| own.is_called(said)) {
        return Ok(());
    }
    let why = format!("it is for `{}`, not for `{}`", said.join("`, `"), own.entity_id);
    Err(ResponseError::at(Rule::Audience, restriction, why))
}
