//! Actions on access keys.

use super::answer::{nodes, text, time};
use super::{About, Action, Job, Node, Params, QueryError, changes, iam, nothing, paged, part, reads, user_or_self};
use crate::admin::iam::access_keys::{AccessKeyView, ROOT};
use crate::authn::signed::Signed;
use crate::gate::{Asking, Operation as Op};

pub(super) const ACTIONS: &[Action] = &[
    iam("CreateAccessKey", Op::CreateAccessKey, user_or_self, create),
    iam("DeleteAccessKey", Op::DeleteAccessKey, key, delete),
    iam("GetAccessKeyLastUsed", Op::GetAccessKeyLastUsed, last_used_about, last_used),
    iam("ListAccessKeys", Op::ListAccessKeys, user_or_self, list_all),
    iam("UpdateAccessKey", Op::UpdateAccessKey, key, update),
];

/// Keys of root have no user's name (IAM API reference, AccessKeyMetadata).
fn named(key: &AccessKeyView) -> Option<Node> {
    (key.user != ROOT).then(|| text("UserName", &key.user))
}

fn fields(key: &AccessKeyView) -> Vec<Node> {
    let mut fields: Vec<Node> = named(key).into_iter().collect();
    fields.extend([
        text("AccessKeyId", &key.id),
        text("Status", if key.active { "Active" } else { "Inactive" }),
        time("CreateDate", key.created),
    ]);
    fields
}

/// It is about somebody's key.
fn key(params: &Params, signed: &Signed) -> About {
    let (about, asking) = user_or_self(params, signed)?;
    let notes = vec![("key", params.required("AccessKeyId")?.to_owned())];
    Ok((about, Asking { notes, ..asking }))
}

fn create(_: &Params) -> Result<Job, QueryError> {
    changes(|admin, asked| {
        let made = admin.create_access_key(asked)?;
        let mut fields = fields(&made.key);
        // The one place of this interface where a secret half leaves us.
        fields.insert(fields.len() - 1, text("SecretAccessKey", made.secret.expose().clone()));
        Ok(vec![nodes("AccessKey", fields)])
    })
}

fn delete(params: &Params) -> Result<Job, QueryError> {
    let key = params.required("AccessKeyId")?.to_owned();
    changes(move |admin, asked| nothing(admin.delete_access_key(asked, &key)))
}

fn update(params: &Params) -> Result<Job, QueryError> {
    let key = params.required("AccessKeyId")?.to_owned();
    let status = params.required("Status")?;
    let active = match status {
        "Active" => true,
        "Inactive" => false,
        _ => {
            let constraint = "Member must satisfy enum value set: [Active, Inactive]";
            return Err(super::params::invalid(Some(status), "Status", constraint));
        }
    };
    changes(move |admin, asked| nothing(admin.update_access_key(asked, &key, active)))
}

fn list_all(params: &Params) -> Result<Job, QueryError> {
    let paging = params.paging()?;
    reads(move |admin, asked| {
        let (keys, next) = part(admin.access_keys(asked)?, &paging)?;
        paged("AccessKeyMetadata", &keys, next, fields)
    })
}

fn last_used_about(params: &Params, _: &Signed) -> About {
    let notes = vec![("key", params.required("AccessKeyId")?.to_owned())];
    Ok((String::new(), notes.into()))
}

fn last_used(params: &Params) -> Result<Job, QueryError> {
    let key = params.required("AccessKeyId")?.to_owned();
    reads(move |admin, _| {
        let view = admin.access_key_last_used(&key)?;
        // Of a key that was never used AWS says `N/A`.
        let (service, region) = match &view.last_used {
            Some(used) => (used.service.clone(), used.region.clone()),
            None => ("N/A".to_owned(), "N/A".to_owned()),
        };
        let mut used: Vec<Node> = view.last_used.iter().map(|used| time("LastUsedDate", used.at)).collect();
        used.extend([text("ServiceName", service), text("Region", region)]);
        let mut answer: Vec<Node> = named(&view).into_iter().collect();
        answer.push(nodes("AccessKeyLastUsed", used));
        Ok(answer)
    })
}
