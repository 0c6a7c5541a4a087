//! `AssumeRole`: a session of a role, for whoever signs and may.

use super::wanted::{context, external_id, inherited, packed, policies, policy};
use super::{Action, Job, begins, sts};
use crate::authn::signed::Signed;
use crate::gate::{Asking, Operation as Op};
use crate::issue::{LONGEST_ROLE, SHORTEST, USUAL, Wanted, What};
use crate::model::SessionName;
use crate::query::answer::{nodes, text};
use crate::query::params::invalid;
use crate::query::{About, Params, QueryError};

pub(super) const ACTIONS: &[Action] = &[sts("AssumeRole", Op::AssumeRole, about, job)];

/// Characters of a role's ARN (STS API reference, `RoleArn`).
const ROLE_ARN: std::ops::RangeInclusive<usize> = 20..=2_048;

fn about(params: &Params, signed: &Signed) -> About {
    let arn = params.required("RoleArn")?;
    if !ROLE_ARN.contains(&arn.len()) || !arn.starts_with("arn:aws:iam::") || !arn.contains(":role/") {
        return Err(invalid(
            Some(arn),
            "roleArn",
            "Member must be the ARN of a role, such as arn:aws:iam::123456789012:role/Name",
        ));
    }
    let name = params.parsed_required::<SessionName>("RoleSessionName")?;
    let (inherited, external_id) = (inherited(params, signed)?, external_id(params)?);
    let session = context(
        &inherited,
        &[
            ("sts:RoleSessionName", Some(name.to_string())),
            ("sts:ExternalId", external_id),
            ("sts:DurationSeconds", Some(seconds(params)?.unwrap_or(USUAL).to_string())),
        ],
    );
    let mut notes = vec![("session_name", name.to_string())];
    notes.extend(inherited.source_identity.clone().map(|source| ("source_identity", source)));
    if !inherited.tags.is_empty() {
        notes.push(("tag_keys", inherited.tags.keys().cloned().collect::<Vec<_>>().join(",")));
    }
    Ok((arn.to_owned(), Asking { session, ..Asking::from(notes) }))
}

fn seconds(params: &Params) -> Result<Option<u32>, QueryError> {
    params.number("DurationSeconds", SHORTEST..=LONGEST_ROLE)
}

fn job(params: &Params) -> Result<Job, QueryError> {
    let name = params.parsed_required::<SessionName>("RoleSessionName")?;
    let (seconds, policy, policies, params) = (seconds(params)?, policy(params)?, policies(params)?, params.clone());
    begins(
        move |asked| {
            let signed = asked.caller().signed().ok_or(crate::issue::IssueError::Nobody)?;
            let inherited = inherited(&params, signed)?;
            Ok(Wanted { what: What::Role(name), seconds, inherited, policy, policies })
        },
        |minted| {
            let user = vec![text("AssumedRoleId", minted.unique_id.clone()), text("Arn", minted.arn.to_string())];
            let mut answer = vec![nodes("AssumedRoleUser", user)];
            let session = &minted.session;
            answer.extend(
                packed(session.policy.as_deref(), &session.tags)
                    .map(|percent| text("PackedPolicySize", percent.to_string())),
            );
            answer.extend(session.source_identity.clone().map(|source| text("SourceIdentity", source)));
            answer
        },
    )
}
