//! Parameters that the actions share, and what they are called by conditions.

use std::collections::{BTreeMap, BTreeSet};

use crate::issue::{Inherited, SessionTags};
use crate::model::tags::held_key;
use crate::model::{Session, SessionName, Tags};
use crate::policy::{Document, Kind};
use crate::query::params::invalid;
use crate::query::{Params, QueryError};
use crate::rights;

/// Most characters of a session's own policy (STS API reference, `Policy`). White space counts.
const LONGEST_POLICY: usize = 2_048;
/// Most managed policies of a session (`PolicyArns`).
const MOST_POLICIES: usize = 10;
/// Characters of an external id (`ExternalId`).
const EXTERNAL_ID: std::ops::RangeInclusive<usize> = 2..=1_224;

/// The tags that are asked for, which of them go on, and who is said to be behind it.
pub(super) fn asked_tags(params: &Params) -> Result<SessionTags, QueryError> {
    let mut checked = Tags::default();
    let tags = params.tags()?;
    for (key, value) in &tags {
        if checked.key(key).is_some() {
            return Err(invalid(Some(key), "tags", "Tag keys must not be repeated, whatever their case"));
        }
        checked.set(key, value).map_err(|why| invalid(Some(key), "tags", &why.to_string()))?;
    }
    let mut transitive = BTreeSet::new();
    for key in params.list("TransitiveTagKeys")? {
        let held = held_key(tags.keys(), key);
        let held = held.ok_or_else(|| invalid(Some(key), "transitiveTagKeys", "Member must be the key of a tag"))?;
        transitive.insert(held.clone());
    }
    Ok(SessionTags { tags, transitive })
}

/// Who is said to be behind it.
pub(super) fn source_identity(params: &Params) -> Result<Option<String>, QueryError> {
    let Some(name) = params.parsed::<SessionName>("SourceIdentity")? else { return Ok(None) };
    if name.as_str().get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
        return Err(invalid(Some(name.as_str()), "sourceIdentity", "Member must not begin with aws:"));
    }
    Ok(Some(name.to_string()))
}

/// Tags and who is behind it, with what the session that asks hands on.
pub(super) fn inherited(params: &Params, parent: Option<&Session>) -> Result<Inherited, QueryError> {
    Ok(Inherited::of(parent, asked_tags(params)?, source_identity(params)?)?)
}

/// An external id.
pub(super) fn external_id(params: &Params) -> Result<Option<String>, QueryError> {
    let Some(text) = params.text("ExternalId") else { return Ok(None) };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
    if !EXTERNAL_ID.contains(&text.len()) || !text.chars().all(allowed) {
        let rule = "Member must have 2 to 1224 letters, digits and _+=,.@:/-";
        return Err(invalid(Some(text), "externalId", rule));
    }
    Ok(Some(text.to_owned()))
}

/// A session's own policy. It has to be one before anybody is asked.
pub(super) fn policy(params: &Params) -> Result<Option<String>, QueryError> {
    let Some(text) = params.text("Policy") else { return Ok(None) };
    let length = text.chars().count();
    if length > LONGEST_POLICY {
        let message = format!("the policy has {length} characters; a session's has {LONGEST_POLICY} at most");
        return Err(QueryError::new(400, "PackedPolicyTooLarge", message));
    }
    let malformed = |why: &dyn std::fmt::Display| QueryError::new(400, "MalformedPolicyDocument", why.to_string());
    Document::parse(text, Kind::Identity).map_err(|error| malformed(&error))?;
    Ok(Some(text.to_owned()))
}

/// Managed policies that narrow a session, by ARN.
pub(super) fn policies(params: &Params) -> Result<Vec<String>, QueryError> {
    let mut arns = Vec::new();
    for start in params.structures("PolicyArns")? {
        arns.push(params.required(&format!("{start}arn"))?.to_owned());
    }
    if arns.len() > MOST_POLICIES {
        let rule = format!("Member must have length less than or equal to {MOST_POLICIES}");
        return Err(invalid(None, "policyArns", &rule));
    }
    Ok(arns)
}

/// How much of the room for policies and tags is taken, in percent, at least one where anything is (`PackedPolicySize`).
pub(super) fn packed(policy: Option<&str>, tags: &BTreeMap<String, String>) -> Option<u32> {
    let taken = policy.map_or(0, str::len) + tags.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
    let percent = u32::try_from((taken * 100).div_ceil(LONGEST_POLICY)).unwrap_or(100);
    (taken > 0).then(|| percent.clamp(1, 100))
}

/// What is asked for, by the keys that conditions know it by (AWS, "Condition keys for AWS STS").
pub(super) fn context(inherited: &Inherited, more: &[(&str, Option<String>)]) -> rights::Asked {
    let mut asked = rights::Asked::new();
    for (key, value) in &inherited.tags {
        asked.insert(format!("aws:RequestTag/{key}"), vec![value.clone()]);
    }
    let mut list = |key: &str, values: Vec<String>| {
        if !values.is_empty() {
            asked.insert(key.to_owned(), values);
        }
    };
    list("aws:TagKeys", inherited.tags.keys().cloned().collect());
    list("sts:TransitiveTagKeys", inherited.transitive.iter().cloned().collect());
    list("sts:SourceIdentity", inherited.source_identity.iter().cloned().collect());
    for (key, value) in more {
        list(key, value.iter().cloned().collect());
    }
    asked
}
