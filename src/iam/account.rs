//! Actions on the account as a whole.

use super::answer::{flag, nodes, text, texts};
use super::{Action, Job, Params, QueryError, changes, iam, nothing, reads};
use crate::gate::Operation as Op;

pub(super) const ACTIONS: &[Action] = &[
    iam("CreateAccountAlias", Op::CreateAccountAlias, super::account, create_alias),
    iam("DeleteAccountAlias", Op::DeleteAccountAlias, super::account, delete_alias),
    iam("GetAccountSummary", Op::GetAccountSummary, super::account, summary),
    iam("ListAccountAliases", Op::ListAccountAliases, super::account, aliases),
];

fn create_alias(params: &Params) -> Result<Job, QueryError> {
    let alias = params.required("AccountAlias")?.to_owned();
    changes(move |admin, asked| nothing(admin.create_account_alias(asked, &alias)))
}

fn delete_alias(params: &Params) -> Result<Job, QueryError> {
    let alias = params.required("AccountAlias")?.to_owned();
    changes(move |admin, asked| nothing(admin.delete_account_alias(asked, &alias)))
}

fn aliases(_: &Params) -> Result<Job, QueryError> {
    reads(|admin, asked| Ok(vec![texts("AccountAliases", admin.account_alias(asked)?), flag("IsTruncated", false)]))
}

fn summary(_: &Params) -> Result<Job, QueryError> {
    reads(|admin, asked| {
        let entries = admin.account_summary(asked)?.into_iter();
        let entries =
            entries.map(|(key, value)| nodes("entry", vec![text("key", key), text("value", value.to_string())]));
        Ok(vec![nodes("SummaryMap", entries.collect())])
    })
}
