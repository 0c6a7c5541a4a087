//! What users, groups and roles have in common: policies attached and inline, boundary, tags.

use std::collections::BTreeMap;

use super::answer::{document, list, rest, text, texts};
use super::{
    About, Action, Answered, Job, Node, Paging, Params, QueryError, changes, group, iam, nothing, part, reads, role,
    user,
};
use crate::admin::Admin;
use crate::admin::iam::HolderKind;
use crate::authn::signed::Signed;
use crate::gate::{Asking, Authorized, Operation as Op};
use crate::model::PolicyName;

const USER: HolderKind = HolderKind::User;
const GROUP: HolderKind = HolderKind::Group;
const ROLE: HolderKind = HolderKind::Role;

pub(super) const ACTIONS: &[Action] = &[
    iam("AttachGroupPolicy", Op::AttachGroupPolicy, |p, s| attaching(group(p, s)?, p), |p| attach(p, GROUP)),
    iam("AttachRolePolicy", Op::AttachRolePolicy, |p, s| attaching(role(p, s)?, p), |p| attach(p, ROLE)),
    iam("AttachUserPolicy", Op::AttachUserPolicy, |p, s| attaching(user(p, s)?, p), |p| attach(p, USER)),
    iam("DeleteGroupPolicy", Op::DeleteGroupPolicy, inline_of_group, |p| delete_inline(p, GROUP)),
    iam("DeleteRolePermissionsBoundary", Op::DeleteRolePermissionsBoundary, role, |_| no_boundary(ROLE)),
    iam("DeleteRolePolicy", Op::DeleteRolePolicy, inline_of_role, |p| delete_inline(p, ROLE)),
    iam("DeleteUserPermissionsBoundary", Op::DeleteUserPermissionsBoundary, user, |_| no_boundary(USER)),
    iam("DeleteUserPolicy", Op::DeleteUserPolicy, inline_of_user, |p| delete_inline(p, USER)),
    iam("DetachGroupPolicy", Op::DetachGroupPolicy, |p, s| attaching(group(p, s)?, p), |p| detach(p, GROUP)),
    iam("DetachRolePolicy", Op::DetachRolePolicy, |p, s| attaching(role(p, s)?, p), |p| detach(p, ROLE)),
    iam("DetachUserPolicy", Op::DetachUserPolicy, |p, s| attaching(user(p, s)?, p), |p| detach(p, USER)),
    iam("GetGroupPolicy", Op::GetGroupPolicy, inline_of_group, |p| get_inline(p, GROUP)),
    iam("GetRolePolicy", Op::GetRolePolicy, inline_of_role, |p| get_inline(p, ROLE)),
    iam("GetUserPolicy", Op::GetUserPolicy, inline_of_user, |p| get_inline(p, USER)),
    iam("ListAttachedGroupPolicies", Op::ListAttachedGroupPolicies, group, |p| list_attached(p, GROUP)),
    iam("ListAttachedRolePolicies", Op::ListAttachedRolePolicies, role, |p| list_attached(p, ROLE)),
    iam("ListAttachedUserPolicies", Op::ListAttachedUserPolicies, user, |p| list_attached(p, USER)),
    iam("ListGroupPolicies", Op::ListGroupPolicies, group, |p| list_inline(p, GROUP)),
    iam("ListRolePolicies", Op::ListRolePolicies, role, |p| list_inline(p, ROLE)),
    iam("ListUserPolicies", Op::ListUserPolicies, user, |p| list_inline(p, USER)),
    iam("PutGroupPolicy", Op::PutGroupPolicy, inline_of_group, |p| put_inline(p, GROUP)),
    iam(
        "PutRolePermissionsBoundary",
        Op::PutRolePermissionsBoundary,
        |p, s| bounding(role(p, s)?, p),
        |p| bound(p, ROLE),
    ),
    iam("PutRolePolicy", Op::PutRolePolicy, inline_of_role, |p| put_inline(p, ROLE)),
    iam(
        "PutUserPermissionsBoundary",
        Op::PutUserPermissionsBoundary,
        |p, s| bounding(user(p, s)?, p),
        |p| bound(p, USER),
    ),
    iam("PutUserPolicy", Op::PutUserPolicy, inline_of_user, |p| put_inline(p, USER)),
];

/// A managed policy comes with it.
fn attaching((about, asking): (String, Asking), params: &Params) -> About {
    let policy = params.required("PolicyArn")?.to_owned();
    let notes = vec![("policy", policy.clone())];
    Ok((about, Asking { notes, policy: Some(policy), ..asking }))
}

/// A boundary comes with it.
fn bounding((about, asking): (String, Asking), params: &Params) -> About {
    let boundary = params.required("PermissionsBoundary")?.to_owned();
    let notes = vec![("policy", boundary.clone())];
    Ok((about, Asking { notes, boundary: Some(boundary), ..asking }))
}

/// An inline policy is named.
fn naming((about, asking): (String, Asking), params: &Params) -> About {
    let notes = vec![("policy", params.required("PolicyName")?.to_owned())];
    Ok((about, Asking { notes, ..asking }))
}

fn inline_of_user(params: &Params, signed: &Signed) -> About {
    naming(user(params, signed)?, params)
}

fn inline_of_group(params: &Params, signed: &Signed) -> About {
    naming(group(params, signed)?, params)
}

fn inline_of_role(params: &Params, signed: &Signed) -> About {
    naming(role(params, signed)?, params)
}

fn attach(params: &Params, kind: HolderKind) -> Result<Job, QueryError> {
    let policy = params.required("PolicyArn")?.to_owned();
    changes(move |admin, asked| nothing(admin.attach_policy(asked, kind, &policy)))
}

fn detach(params: &Params, kind: HolderKind) -> Result<Job, QueryError> {
    let policy = params.required("PolicyArn")?.to_owned();
    changes(move |admin, asked| nothing(admin.detach_policy(asked, kind, &policy)))
}

fn bound(params: &Params, kind: HolderKind) -> Result<Job, QueryError> {
    let boundary = params.required("PermissionsBoundary")?.to_owned();
    changes(move |admin, asked| nothing(admin.put_boundary(asked, kind, Some(&boundary))))
}

fn no_boundary(kind: HolderKind) -> Result<Job, QueryError> {
    changes(move |admin, asked| nothing(admin.put_boundary(asked, kind, None)))
}

fn put_inline(params: &Params, kind: HolderKind) -> Result<Job, QueryError> {
    let name: PolicyName = params.parsed_required("PolicyName")?;
    let document = params.document("PolicyDocument")?;
    changes(move |admin, asked| nothing(admin.put_inline_policy(asked, kind, &name, &document)))
}

fn delete_inline(params: &Params, kind: HolderKind) -> Result<Job, QueryError> {
    let name: PolicyName = params.parsed_required("PolicyName")?;
    changes(move |admin, asked| nothing(admin.delete_inline_policy(asked, kind, &name)))
}

fn get_inline(params: &Params, kind: HolderKind) -> Result<Job, QueryError> {
    let name: PolicyName = params.parsed_required("PolicyName")?;
    reads(move |admin, asked| {
        let text_of = admin.inline_policy(asked, kind, &name)?;
        let whose = called(admin, asked, kind)?;
        Ok(vec![whose, text("PolicyName", name.as_str()), document("PolicyDocument", text_of.get())])
    })
}

/// `UserName`, `GroupName` or `RoleName` of what is asked for.
fn called(admin: &Admin, asked: &Authorized, kind: HolderKind) -> Result<Node, QueryError> {
    let (element, name) = match kind {
        HolderKind::User => ("UserName", admin.listed_one(asked, crate::model::MemberKind::User)?.name),
        HolderKind::Group => ("GroupName", admin.listed_one(asked, crate::model::MemberKind::Group)?.name),
        HolderKind::Role => ("RoleName", admin.role(asked)?.name),
    };
    Ok(text(element, name))
}

fn list_inline(params: &Params, kind: HolderKind) -> Result<Job, QueryError> {
    let paging = params.paging()?;
    reads(move |admin, asked| {
        let inline = admin.entitlements(asked, kind)?.inline;
        let (names, next) = part(inline.into_keys().collect(), &paging)?;
        let mut answer = vec![texts("PolicyNames", names)];
        answer.extend(rest(next));
        Ok(answer)
    })
}

fn list_attached(params: &Params, kind: HolderKind) -> Result<Job, QueryError> {
    let paging = params.paging()?;
    let path = params.text("PathPrefix").unwrap_or("/").to_owned();
    reads(move |admin, asked| {
        let mut attached = admin.entitlements(asked, kind)?.attached;
        attached.retain(|arn| arn.split_once(":policy").is_some_and(|(_, rest)| rest.starts_with(&path)));
        let (attached, next) = part(attached, &paging)?;
        let mut answer = vec![list("AttachedPolicies", attached.iter().map(|arn| attached_policy(arn)))];
        answer.extend(rest(next));
        Ok(answer)
    })
}

/// An attached policy as listings show it.
pub(super) fn attached_policy(arn: &str) -> Vec<Node> {
    vec![text("PolicyName", arn.rsplit('/').next().unwrap_or_default()), text("PolicyArn", arn)]
}

/// The job that lists tags.
pub(super) fn tags_of(params: &Params, kind: HolderKind) -> Result<Job, QueryError> {
    let paging = params.paging()?;
    reads(move |admin, asked| tag_page(admin.entitlements(asked, kind)?.tags, &paging))
}

/// The job that sets tags.
pub(super) fn tag(params: &Params, kind: HolderKind) -> Result<Job, QueryError> {
    let tags = params.tags()?;
    changes(move |admin, asked| nothing(admin.tag(asked, kind, &tags)))
}

/// The job that takes tags away.
pub(super) fn untag(params: &Params, kind: HolderKind) -> Result<Job, QueryError> {
    let keys: Vec<String> = params.list("TagKeys")?.into_iter().map(str::to_owned).collect();
    changes(move |admin, asked| nothing(admin.untag(asked, kind, &keys)))
}

/// A page of tags.
pub(super) fn tag_page(tags: BTreeMap<String, String>, paging: &Paging) -> Answered {
    let (tags, next) = part(tags.into_iter().collect(), paging)?;
    let mut answer = vec![list("Tags", tags.iter().map(|(key, value)| vec![text("Key", key), text("Value", value)]))];
    answer.extend(rest(next));
    Ok(answer)
}
