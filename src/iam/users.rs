//! Actions on users.

use super::answer::{nodes, tags, text, time};
use super::{
    About, Action, Answered, Job, Node, Params, QueryError, changes, fresh, iam, nothing, paged, part, reads, tagging,
    untagging, user, user_or_self,
};
use crate::admin::Admin;
use crate::admin::iam::HolderKind;
use crate::admin::iam::listing::Listed;
use crate::admin::iam::local::users::{NewUser, UserUpdate};
use crate::admin::views::EntityView;
use crate::authn::signed::Signed;
use crate::gate::{Authorized, Operation as Op};
use crate::model::{Arn, MemberKind};

pub(super) const ACTIONS: &[Action] = &[
    iam("CreateUser", Op::CreateUser, |params, _| fresh(params, "UserName"), create),
    iam("DeleteUser", Op::DeleteUser, user, |_| changes(|admin, asked| nothing(admin.delete_user(asked)))),
    iam("GetUser", Op::GetUser, user_or_self, get),
    iam("ListGroupsForUser", Op::ListGroupsForUser, user, groups),
    iam("ListUsers", Op::ListUsers, super::account, list_all),
    iam("ListUserTags", Op::ListUserTags, user, |params| super::holders::tags_of(params, HolderKind::User)),
    iam("TagUser", Op::TagUser, tag_about, |params| super::holders::tag(params, HolderKind::User)),
    iam("UntagUser", Op::UntagUser, untag_about, |params| super::holders::untag(params, HolderKind::User)),
    iam("UpdateUser", Op::UpdateUser, |p, s| super::renaming(user(p, s)?, p, "NewUserName"), update),
];

/// A user as listings show it.
pub(super) fn fields(listed: &Listed) -> Vec<Node> {
    let mut fields = vec![
        text("Path", listed.path.as_str()),
        text("UserName", &listed.name),
        text("UserId", &listed.id),
        text("Arn", &listed.arn),
        time("CreateDate", listed.created),
    ];
    fields.extend(listed.password_last_used.map(|at| time("PasswordLastUsed", at)));
    fields
}

/// What one user shows besides.
pub(super) fn whole(listed: &Listed) -> Vec<Node> {
    let mut fields = fields(listed);
    fields.extend(listed.boundary.as_deref().map(boundary));
    if !listed.tags.is_empty() {
        fields.push(tags(&listed.tags));
    }
    fields
}

/// A boundary.
pub(super) fn boundary(arn: &str) -> Node {
    let kind = text("PermissionsBoundaryType", "Policy");
    nodes("PermissionsBoundary", vec![kind, text("PermissionsBoundaryArn", arn)])
}

fn create(params: &Params) -> Result<Job, QueryError> {
    let new = NewUser {
        name: params.parsed_required("UserName")?,
        path: params.parsed("Path")?.unwrap_or_default(),
        display_name: None,
        mail: None,
        employee_id: None,
        expires: None,
        boundary: params.text("PermissionsBoundary").map(str::to_owned),
        tags: params.tags()?,
    };
    changes(move |admin, asked| {
        let EntityView { name, unique_id, arn, .. } = admin.create_user(asked, &new)?;
        let mut fields = vec![
            text("Path", new.path.as_str()),
            text("UserName", name),
            text("UserId", unique_id),
            text("Arn", arn),
            time("CreateDate", admin.now()),
        ];
        fields.extend(new.boundary.as_deref().map(boundary));
        if !new.tags.is_empty() {
            fields.push(tags(&new.tags));
        }
        Ok(vec![nodes("User", fields)])
    })
}

fn get(_: &Params) -> Result<Job, QueryError> {
    reads(|admin, asked| {
        let root = Arn::root(&admin.account).to_string();
        if asked.resource() != root {
            return Ok(vec![nodes("User", whole(&admin.listed_one(asked, MemberKind::User)?))]);
        }
        Ok(vec![nodes("User", root_fields(admin, asked)?)])
    })
}

/// Of root the account's number is the id, and it has no name (IAM API reference, GetUser).
pub(super) fn root_fields(admin: &Admin, asked: &Authorized) -> Answered {
    let created = admin.root(asked)?.created.unwrap_or_default();
    let arn = Arn::root(&admin.account).to_string();
    Ok(vec![text("UserId", admin.account.to_string()), text("Arn", arn), time("CreateDate", created)])
}

fn list_all(params: &Params) -> Result<Job, QueryError> {
    let paging = params.paging()?;
    let path = params.text("PathPrefix").unwrap_or("/").to_owned();
    reads(move |admin, _| {
        let page = admin.listed(MemberKind::User, &path, paging.after.as_deref(), paging.limit)?;
        paged("Users", &page.items, page.next, fields)
    })
}

fn groups(params: &Params) -> Result<Job, QueryError> {
    let paging = params.paging()?;
    reads(move |admin, asked| {
        let (groups, next) = part(admin.groups_of_user(asked)?, &paging)?;
        paged("Groups", &groups, next, super::groups::fields)
    })
}

fn tag_about(params: &Params, _: &Signed) -> About {
    Ok((params.required("UserName")?.to_owned(), tagging(params)?))
}

fn untag_about(params: &Params, _: &Signed) -> About {
    Ok((params.required("UserName")?.to_owned(), untagging(params)?))
}

fn update(params: &Params) -> Result<Job, QueryError> {
    let (name, path) = (params.parsed("NewUserName")?, params.parsed("NewPath")?);
    changes(move |admin, asked| nothing(admin.update_user(asked, &UserUpdate { name, path, ..UserUpdate::default() })))
}
