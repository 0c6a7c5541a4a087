//! `AssumeRoot`: a short session as root of another account, for a task, for whoever of the home account may.

use super::{Action, Job, begins, sts};
use crate::authn::signed::Signed;
use crate::authn::subject::Subject;
use crate::gate::{Asking, Operation as Op};
use crate::issue::{Inherited, IssueError, Wanted, What};
use crate::model::root_task::LONGEST_ROOT;
use crate::model::{AccountId, Arn, RootTask};
use crate::query::answer::text;
use crate::query::params::invalid;
use crate::query::{About, Params, QueryError};
use crate::rights;

pub(super) const ACTIONS: &[Action] = &[sts("AssumeRoot", Op::AssumeRoot, about, job)];

fn about(params: &Params, _: &Signed) -> About {
    let (account, task) = (account(params)?, task(params)?);
    let seconds = seconds(params)?.unwrap_or(LONGEST_ROOT);
    let mut session = rights::Asked::new();
    session.insert("sts:TaskPolicyArn".to_owned(), vec![task.arn()]);
    session.insert("sts:DurationSeconds".to_owned(), vec![seconds.to_string()]);
    let notes = vec![("task_policy", task.name().to_owned())];
    Ok((Arn::root(&account).to_string(), Asking { session, ..Asking::from(notes) }))
}

/// The account, by its number or by the ARN of its root.
fn account(params: &Params) -> Result<AccountId, QueryError> {
    let text = params.required("TargetPrincipal")?;
    let number = text.strip_prefix("arn:aws:iam::").and_then(|rest| rest.strip_suffix(":root")).unwrap_or(text);
    number.parse().map_err(|_| {
        let rule =
            "Member must be the number of an account, or the ARN of its root, such as arn:aws:iam::123456789012:root";
        invalid(Some(text), "targetPrincipal", rule)
    })
}

fn task(params: &Params) -> Result<RootTask, QueryError> {
    let text = params.required("TaskPolicyArn.arn")?;
    RootTask::with_arn(text).ok_or_else(|| {
        let all: Vec<String> = RootTask::ALL.iter().map(|task| task.arn()).collect();
        let rule = format!("Member must be a task that there is here: [{}]", all.join(", "));
        invalid(Some(text), "taskPolicyArn.arn", &rule)
    })
}

fn seconds(params: &Params) -> Result<Option<u32>, QueryError> {
    params.number("DurationSeconds", 0..=LONGEST_ROOT)
}

fn job(params: &Params) -> Result<Job, QueryError> {
    let (task, seconds) = (task(params)?, seconds(params)?);
    begins(
        move |asked| {
            let parent = Subject::of(asked.caller()).ok_or(IssueError::Nobody)?.session();
            // Tags of who asks are said of them, and not of root.
            let source_identity = parent.and_then(|parent| parent.source_identity.clone());
            let inherited = Inherited { source_identity, ..Inherited::default() };
            Ok(Wanted { what: What::Root(task), seconds, inherited, policy: None, policies: Vec::new() })
        },
        |minted| {
            let source = minted.session.source_identity.clone();
            source.map(|source| text("SourceIdentity", source)).into_iter().collect()
        },
    )
}
