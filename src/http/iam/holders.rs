//! Routes of what hangs on users, groups and roles: the same for all three, each with its own operations.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::value::RawValue;

use super::super::extract::{Asked, Payload};
use super::super::v1::Routes;
use super::{Body, DocumentBody, Failure, KeysBody, Shared, TagsBody, work};
use crate::admin::iam::HolderKind;
use crate::admin::iam::views::EntitlementsView;
use crate::gate::Operation;
use crate::model::PolicyName;

/// Adds these routes.
pub(super) fn add(routes: Routes) -> Routes {
    use Operation as Op;
    routes
        .get("/v1/users/{who}/policies", Op::ListAttachedUserPolicies, show::<USER>)
        .put("/v1/users/{who}/policies/{policy}", Op::AttachUserPolicy, attach::<USER>)
        .delete("/v1/users/{who}/policies/{policy}", Op::DetachUserPolicy, detach::<USER>)
        .get("/v1/users/{who}/inline/{name}", Op::GetUserPolicy, show_inline::<USER>)
        .put("/v1/users/{who}/inline/{name}", Op::PutUserPolicy, put_inline::<USER>)
        .delete("/v1/users/{who}/inline/{name}", Op::DeleteUserPolicy, remove_inline::<USER>)
        .put("/v1/users/{who}/boundary/{policy}", Op::PutUserPermissionsBoundary, put_boundary::<USER>)
        .delete("/v1/users/{who}/boundary", Op::DeleteUserPermissionsBoundary, remove_boundary::<USER>)
        .put("/v1/users/{who}/tags", Op::TagUser, tag::<USER>)
        .post("/v1/users/{who}/untag", Op::UntagUser, untag::<USER>)
        .get("/v1/groups/{who}/policies", Op::ListAttachedGroupPolicies, show::<GROUP>)
        .put("/v1/groups/{who}/policies/{policy}", Op::AttachGroupPolicy, attach::<GROUP>)
        .delete("/v1/groups/{who}/policies/{policy}", Op::DetachGroupPolicy, detach::<GROUP>)
        .get("/v1/groups/{who}/inline/{name}", Op::GetGroupPolicy, show_inline::<GROUP>)
        .put("/v1/groups/{who}/inline/{name}", Op::PutGroupPolicy, put_inline::<GROUP>)
        .delete("/v1/groups/{who}/inline/{name}", Op::DeleteGroupPolicy, remove_inline::<GROUP>)
        .get("/v1/roles/{who}/policies", Op::ListAttachedRolePolicies, show::<ROLE>)
        .put("/v1/roles/{who}/policies/{policy}", Op::AttachRolePolicy, attach::<ROLE>)
        .delete("/v1/roles/{who}/policies/{policy}", Op::DetachRolePolicy, detach::<ROLE>)
        .get("/v1/roles/{who}/inline/{name}", Op::GetRolePolicy, show_inline::<ROLE>)
        .put("/v1/roles/{who}/inline/{name}", Op::PutRolePolicy, put_inline::<ROLE>)
        .delete("/v1/roles/{who}/inline/{name}", Op::DeleteRolePolicy, remove_inline::<ROLE>)
        .put("/v1/roles/{who}/boundary/{policy}", Op::PutRolePermissionsBoundary, put_boundary::<ROLE>)
        .delete("/v1/roles/{who}/boundary", Op::DeleteRolePermissionsBoundary, remove_boundary::<ROLE>)
        .put("/v1/roles/{who}/tags", Op::TagRole, tag::<ROLE>)
        .post("/v1/roles/{who}/untag", Op::UntagRole, untag::<ROLE>)
}

const USER: u8 = 0;
const GROUP: u8 = 1;
const ROLE: u8 = 2;

const fn kind(of: u8) -> HolderKind {
    match of {
        USER => HolderKind::User,
        GROUP => HolderKind::Group,
        _ => HolderKind::Role,
    }
}

type Shown = Result<Json<EntitlementsView>, Failure>;

async fn show<const OF: u8>(State(app): Shared, asked: Asked, Path(who): Path<String>) -> Shown {
    let allowed = asked.authorize(&who).await?;
    work(&app, move |admin| admin.entitlements(&allowed, kind(OF))).await
}

async fn attach<const OF: u8>(State(app): Shared, asked: Asked, Path((who, policy)): Path<(String, String)>) -> Shown {
    let allowed = asked.authorize_about(&who, vec![("policy", policy.clone())]).await?;
    work(&app, move |admin| admin.attach_policy(allowed, kind(OF), &policy)).await
}

async fn detach<const OF: u8>(State(app): Shared, asked: Asked, Path((who, policy)): Path<(String, String)>) -> Shown {
    let allowed = asked.authorize_about(&who, vec![("policy", policy.clone())]).await?;
    work(&app, move |admin| admin.detach_policy(allowed, kind(OF), &policy)).await
}

async fn show_inline<const OF: u8>(
    State(app): Shared,
    asked: Asked,
    Path((who, name)): Path<(String, String)>,
) -> Result<Json<Box<RawValue>>, Failure> {
    let allowed = asked.authorize(&who).await?;
    let name = policy_name(&name)?;
    work(&app, move |admin| admin.inline_policy(&allowed, kind(OF), &name)).await
}

async fn put_inline<const OF: u8>(
    State(app): Shared,
    asked: Asked,
    Path((who, name)): Path<(String, String)>,
    body: Body<DocumentBody>,
) -> Shown {
    let body = body.and_then(|Payload(body)| Ok(Payload((policy_name(&name)?, body.document))));
    let (allowed, (name, document)) = asked.authorize_body(body, |_| who, vec![("policy", name.clone())]).await?;
    work(&app, move |admin| admin.put_inline_policy(allowed, kind(OF), &name, &document)).await
}

async fn remove_inline<const OF: u8>(
    State(app): Shared,
    asked: Asked,
    Path((who, name)): Path<(String, String)>,
) -> Shown {
    let body = policy_name(&name).map(Payload);
    let (allowed, name) = asked.authorize_body(body, |_| who, vec![("policy", name)]).await?;
    work(&app, move |admin| admin.delete_inline_policy(allowed, kind(OF), &name)).await
}

async fn put_boundary<const OF: u8>(
    State(app): Shared,
    asked: Asked,
    Path((who, policy)): Path<(String, String)>,
) -> Shown {
    let allowed = asked.authorize_about(&who, vec![("policy", policy.clone())]).await?;
    work(&app, move |admin| admin.put_boundary(allowed, kind(OF), Some(&policy))).await
}

async fn remove_boundary<const OF: u8>(State(app): Shared, asked: Asked, Path(who): Path<String>) -> Shown {
    let allowed = asked.authorize(&who).await?;
    work(&app, move |admin| admin.put_boundary(allowed, kind(OF), None)).await
}

async fn tag<const OF: u8>(State(app): Shared, asked: Asked, Path(who): Path<String>, body: Body<TagsBody>) -> Shown {
    let (allowed, TagsBody { tags }) = asked.authorize_body(body, |_| who, Vec::new()).await?;
    work(&app, move |admin| admin.tag(allowed, kind(OF), &tags)).await
}

async fn untag<const OF: u8>(State(app): Shared, asked: Asked, Path(who): Path<String>, body: Body<KeysBody>) -> Shown {
    let (allowed, KeysBody { keys }) = asked.authorize_body(body, |_| who, Vec::new()).await?;
    work(&app, move |admin| admin.untag(allowed, kind(OF), &keys)).await
}

fn policy_name(name: &str) -> Result<PolicyName, Failure> {
    name.parse().map_err(|error| Failure::invalid(&format!("{error}")))
}
