//! `AssumeRole`: a session of a role, for whoever signs and may. What is asked for of it is the same for every way to a role.

use super::wanted::{context, external_id, inherited, packed, policies, policy};
use super::{Action, Job, Sts, begins, sts};
use crate::audit::Outcome;
use crate::authn::Caller;
use crate::authn::signed::Signed;
use crate::authn::subject::Subject;
use crate::base::Timestamp;
use crate::gate::{Asking, Authorized, Gate, Operation as Op};
use crate::issue::{Inherited, IssueError, LONGEST_ROLE, Minted, SHORTEST, USUAL, Wanted, What};
use crate::model::{Session, SessionName};
use crate::query::answer::{nodes, text};
use crate::query::params::invalid;
use crate::query::{About, Node, Params, QueryError};

pub(super) const ACTIONS: &[Action] = &[sts("AssumeRole", Op::AssumeRole, about, job)];

/// Characters of a role's ARN (STS API reference, `RoleArn`).
const ROLE_ARN: std::ops::RangeInclusive<usize> = 20..=2_048;

fn about(params: &Params, signed: &Signed) -> About {
    let parent = signed.session().map(|live| live.session());
    asking(params, &session_name(params)?, &inherited(params, parent)?)
}

/// What the session is to be called.
pub(super) fn session_name(params: &Params) -> Result<SessionName, QueryError> {
    params.parsed_required::<SessionName>("RoleSessionName")
}

/// The role that is asked for, and what is asked for of the session, as conditions see it.
pub(super) fn asking(params: &Params, name: &SessionName, inherited: &Inherited) -> About {
    let arn = params.required("RoleArn")?;
    if !ROLE_ARN.contains(&arn.len()) || !arn.starts_with("arn:aws:iam::") || !arn.contains(":role/") {
        let rule = "Member must be the ARN of a role, such as arn:aws:iam::123456789012:role/Name";
        return Err(invalid(Some(arn), "roleArn", rule));
    }
    let session = context(
        inherited,
        &[
            ("sts:RoleSessionName", Some(name.to_string())),
            ("sts:ExternalId", external_id(params)?),
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

pub(super) fn seconds(params: &Params) -> Result<Option<u32>, QueryError> {
    params.number("DurationSeconds", SHORTEST..=LONGEST_ROLE)
}

/// What the session is to be, once it is known who begins it.
pub(super) fn wanted(
    params: &Params,
    name: SessionName,
    inherited: impl FnOnce(Option<&Session>) -> Result<Inherited, QueryError> + Send + 'static,
) -> Result<impl FnOnce(&Authorized) -> Result<Wanted, QueryError> + Send + 'static, QueryError> {
    let (seconds, policy, policies) = (seconds(params)?, policy(params)?, policies(params)?);
    Ok(move |asked: &Authorized| {
        let subject = Subject::of(asked.caller()).ok_or(IssueError::Nobody)?;
        let inherited = inherited(subject.session())?;
        Ok(Wanted { what: What::Role(name), seconds, inherited, policy, policies })
    })
}

fn job(params: &Params) -> Result<Job, QueryError> {
    let own = params.clone();
    let wanted = wanted(params, session_name(params)?, move |parent| inherited(&own, parent))?;
    begins(wanted, answer)
}

impl Sts {
    /// Begins a session of the role with this ARN for whoever asks on a page of ours, as `AssumeRole` does. Blocks.
    ///
    /// # Errors
    /// Why they may not, or why it did not begin.
    pub fn take_role(
        &self,
        gate: &Gate,
        caller: Caller,
        (arn, seconds): (&str, Option<u32>),
        now: Timestamp,
    ) -> Result<Minted, QueryError> {
        let mut form = vec![("Action".to_owned(), "AssumeRole".to_owned()), ("RoleArn".to_owned(), arn.to_owned())];
        form.extend(seconds.map(|seconds| ("DurationSeconds".to_owned(), seconds.to_string())));
        let params = Params::read(form.into_iter())?;
        let action = super::action("AssumeRole").ok_or(IssueError::Nobody)?;
        let params = self.prepared(action, params, (gate, &caller), now)?;
        let signed = caller.signed().ok_or(IssueError::Nobody)?;
        let (resource, asking) = about(&params, signed)?;
        let own = params.clone();
        let wanted = wanted(&params, session_name(&params)?, move |parent| inherited(&own, parent))?;
        let allowed = gate.authorize_about(caller, Op::AssumeRole, &resource, &asking, now);
        let allowed = allowed.map_err(|error| self.refused(error, now))?;
        match wanted(&allowed) {
            Ok(wanted) => Ok(self.mint.begin(allowed, &wanted, now)?),
            Err(error) => {
                allowed.complete(&Outcome::failed(error.code, &error.message), now);
                Err(error)
            }
        }
    }
}

/// What is said of the session of a role besides its credentials.
pub(super) fn answer(minted: &Minted) -> Vec<Node> {
    let user = vec![text("AssumedRoleId", minted.unique_id.clone()), text("Arn", minted.arn.to_string())];
    let mut answer = vec![nodes("AssumedRoleUser", user)];
    let session = &minted.session;
    let packed = packed(session.policy.as_deref(), &session.tags);
    answer.extend(packed.map(|percent| text("PackedPolicySize", percent.to_string())));
    answer.extend(session.source_identity.clone().map(|source| text("SourceIdentity", source)));
    answer
}
