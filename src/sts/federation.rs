//! `GetFederationToken`: a session under a name that a user hands out, within what both that user and a policy allow.

use super::wanted::{context, packed, policies, policy};
use super::{Action, Job, begins, sts, wanted};
use crate::authn::signed::Signed;
use crate::gate::{Asking, Operation as Op};
use crate::issue::{Inherited, LONGEST_OWN, SHORTEST, Wanted, What};
use crate::model::SessionName;
use crate::query::answer::{nodes, text};
use crate::query::params::invalid;
use crate::query::{About, Params, QueryError};

pub(super) const ACTIONS: &[Action] = &[sts("GetFederationToken", Op::GetFederationToken, about, job)];

/// Most characters of such a name (STS API reference, `Name`).
const LONGEST_NAME: usize = 32;

fn about(params: &Params, _: &Signed) -> About {
    let (name, inherited) = (name(params)?, inherited(params)?);
    let tags = inherited.tags.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
    let session = context(&inherited, &[]);
    Ok((String::new(), Asking { session, tags, ..Asking::from(vec![("name", name.to_string())]) }))
}

fn name(params: &Params) -> Result<SessionName, QueryError> {
    let name = params.parsed_required::<SessionName>("Name")?;
    if name.as_str().len() > LONGEST_NAME {
        let rule = format!("Member must have length less than or equal to {LONGEST_NAME}");
        return Err(invalid(Some(name.as_str()), "name", &rule));
    }
    Ok(name)
}

/// Tags alone: nothing is taken over from whoever asks.
fn inherited(params: &Params) -> Result<Inherited, QueryError> {
    let asked = wanted::asked_tags(params)?;
    Ok(Inherited { tags: asked.tags, ..Inherited::default() })
}

fn job(params: &Params) -> Result<Job, QueryError> {
    let (name, inherited) = (name(params)?, inherited(params)?);
    let seconds = params.number("DurationSeconds", SHORTEST..=LONGEST_OWN)?;
    let (policy, policies) = (policy(params)?, policies(params)?);
    begins(
        move |_| Ok(Wanted { what: What::Federated(name), seconds, inherited, policy, policies }),
        |minted| {
            let user = vec![text("FederatedUserId", minted.unique_id.clone()), text("Arn", minted.arn.to_string())];
            let session = &minted.session;
            let packed = packed(session.policy.as_deref(), &session.tags);
            let mut answer = vec![nodes("FederatedUser", user)];
            answer.extend(packed.map(|percent| text("PackedPolicySize", percent.to_string())));
            answer
        },
    )
}
