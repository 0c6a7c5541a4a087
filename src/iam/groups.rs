//! Actions on groups and their members.

use super::answer::{nodes, text, time};
use super::{About, Action, Job, Node, Params, QueryError, changes, fresh, group, iam, nothing, paged, reads};
use crate::admin::iam::listing::Listed;
use crate::admin::iam::local::groups::{GroupUpdate, NewGroup};
use crate::admin::views::EntityView;
use crate::authn::signed::Signed;
use crate::gate::Operation as Op;
use crate::model::MemberKind;

pub(super) const ACTIONS: &[Action] = &[
    iam("AddUserToGroup", Op::AddUserToGroup, member, add),
    iam("CreateGroup", Op::CreateGroup, |params, _| fresh(params, "GroupName"), create),
    iam("DeleteGroup", Op::DeleteGroup, group, |_| changes(|admin, asked| nothing(admin.delete_group(asked)))),
    iam("GetGroup", Op::GetGroup, group, get),
    iam("ListGroups", Op::ListGroups, super::account, list_all),
    iam("RemoveUserFromGroup", Op::RemoveUserFromGroup, member, remove),
    iam("UpdateGroup", Op::UpdateGroup, |p, s| super::renaming(group(p, s)?, p, "NewGroupName"), update),
];

/// A group as listings show it.
pub(super) fn fields(listed: &Listed) -> Vec<Node> {
    vec![
        text("Path", listed.path.as_str()),
        text("GroupName", &listed.name),
        text("GroupId", &listed.id),
        text("Arn", &listed.arn),
        time("CreateDate", listed.created),
    ]
}

fn member(params: &Params, signed: &Signed) -> About {
    let (about, mut asking) = group(params, signed)?;
    asking.notes.push(("user", params.required("UserName")?.to_owned()));
    Ok((about, asking))
}

fn add(params: &Params) -> Result<Job, QueryError> {
    let user = params.required("UserName")?.to_owned();
    changes(move |admin, asked| nothing(admin.add_user_to_group(asked, &user)))
}

fn remove(params: &Params) -> Result<Job, QueryError> {
    let user = params.required("UserName")?.to_owned();
    changes(move |admin, asked| nothing(admin.remove_user_from_group(asked, &user)))
}

fn create(params: &Params) -> Result<Job, QueryError> {
    let new = NewGroup {
        name: params.parsed_required("GroupName")?,
        path: params.parsed("Path")?.unwrap_or_default(),
        description: None,
    };
    changes(move |admin, asked| {
        let EntityView { name, unique_id, arn, .. } = admin.create_group(asked, &new)?;
        let fields = vec![
            text("Path", new.path.as_str()),
            text("GroupName", name),
            text("GroupId", unique_id),
            text("Arn", arn),
            time("CreateDate", admin.now()),
        ];
        Ok(vec![nodes("Group", fields)])
    })
}

fn get(params: &Params) -> Result<Job, QueryError> {
    let paging = params.paging()?;
    reads(move |admin, asked| {
        let group = admin.listed_one(asked, MemberKind::Group)?;
        let page = admin.group_users(asked, paging.after.as_deref(), paging.limit)?;
        let mut answer = vec![nodes("Group", fields(&group))];
        answer.extend(paged("Users", &page.items, page.next, super::users::fields)?);
        Ok(answer)
    })
}

fn list_all(params: &Params) -> Result<Job, QueryError> {
    let paging = params.paging()?;
    let path = params.text("PathPrefix").unwrap_or("/").to_owned();
    reads(move |admin, _| {
        let page = admin.listed(MemberKind::Group, &path, paging.after.as_deref(), paging.limit)?;
        paged("Groups", &page.items, page.next, fields)
    })
}

fn update(params: &Params) -> Result<Job, QueryError> {
    let (name, path) = (params.parsed("NewGroupName")?, params.parsed("NewPath")?);
    changes(move |admin, asked| {
        nothing(admin.update_group(asked, &GroupUpdate { name, path, ..GroupUpdate::default() }))
    })
}
