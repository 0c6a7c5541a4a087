//! Routes of users, groups and machines that no directory knows.

use axum::Json;
use axum::extract::{Path, State};

use super::super::extract::Asked;
use super::super::v1::Routes;
use super::{Body, Failure, KeysBody, Shared, TagsBody, work};
use crate::admin::iam::local::groups::{GroupUpdate, NewGroup};
use crate::admin::iam::local::resources::{NewResource, ResourceUpdate};
use crate::admin::iam::local::users::{NewUser, UserUpdate};
use crate::admin::views::EntityView;
use crate::gate::Operation;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .post("/v1/users", Operation::CreateUser, create_user)
        .post("/v1/users/{who}", Operation::UpdateUser, update_user)
        .delete("/v1/users/{who}", Operation::DeleteUser, delete_user)
        .post("/v1/groups", Operation::CreateGroup, create_group)
        .post("/v1/groups/{which}", Operation::UpdateGroup, update_group)
        .delete("/v1/groups/{which}", Operation::DeleteGroup, delete_group)
        .put("/v1/groups/{which}/members/{who}", Operation::AddUserToGroup, add_member)
        .delete("/v1/groups/{which}/members/{who}", Operation::RemoveUserFromGroup, remove_member)
        .put("/v1/groups/{which}/resources/{resource}", Operation::AddResourceToGroup, add_resource)
        .delete("/v1/groups/{which}/resources/{resource}", Operation::RemoveResourceFromGroup, remove_resource)
        .post("/v1/resources", Operation::CreateResource, create_resource)
        .post("/v1/resources/{which}", Operation::UpdateResource, update_resource)
        .delete("/v1/resources/{which}", Operation::DeleteResource, delete_resource)
        .put("/v1/resources/{which}/tags", Operation::TagResource, tag_resource)
        .post("/v1/resources/{which}/untag", Operation::UntagResource, untag_resource)
}

type Shown = Result<Json<EntityView>, Failure>;

async fn create_user(State(app): Shared, asked: Asked, body: Body<NewUser>) -> Shown {
    let name = |new: Option<&NewUser>| new.map(|new| format!("{}{}", new.path, new.name)).unwrap_or_default();
    let (allowed, new) = asked.authorize_body(body, name, Vec::new()).await?;
    work(&app, move |admin| admin.create_user(allowed, &new)).await
}

async fn update_user(State(app): Shared, asked: Asked, Path(who): Path<String>, body: Body<UserUpdate>) -> Shown {
    let (allowed, update) = asked.authorize_body(body, |_| who, Vec::new()).await?;
    work(&app, move |admin| admin.update_user(allowed, &update)).await
}

async fn delete_user(State(app): Shared, asked: Asked, Path(who): Path<String>) -> Result<Json<()>, Failure> {
    let allowed = asked.authorize(&who).await?;
    work(&app, move |admin| admin.delete_user(allowed)).await
}

async fn create_group(State(app): Shared, asked: Asked, body: Body<NewGroup>) -> Shown {
    let name = |new: Option<&NewGroup>| new.map(|new| format!("{}{}", new.path, new.name)).unwrap_or_default();
    let (allowed, new) = asked.authorize_body(body, name, Vec::new()).await?;
    work(&app, move |admin| admin.create_group(allowed, &new)).await
}

async fn update_group(State(app): Shared, asked: Asked, Path(which): Path<String>, body: Body<GroupUpdate>) -> Shown {
    let (allowed, update) = asked.authorize_body(body, |_| which, Vec::new()).await?;
    work(&app, move |admin| admin.update_group(allowed, &update)).await
}

async fn delete_group(State(app): Shared, asked: Asked, Path(which): Path<String>) -> Result<Json<()>, Failure> {
    let allowed = asked.authorize(&which).await?;
    work(&app, move |admin| admin.delete_group(allowed)).await
}

async fn add_member(
    State(app): Shared,
    asked: Asked,
    Path((which, who)): Path<(String, String)>,
) -> Result<Json<()>, Failure> {
    let allowed = asked.authorize_about(&which, vec![("user", who.clone())]).await?;
    work(&app, move |admin| admin.add_user_to_group(allowed, &who)).await
}

async fn remove_member(
    State(app): Shared,
    asked: Asked,
    Path((which, who)): Path<(String, String)>,
) -> Result<Json<()>, Failure> {
    let allowed = asked.authorize_about(&which, vec![("user", who.clone())]).await?;
    work(&app, move |admin| admin.remove_user_from_group(allowed, &who)).await
}

async fn add_resource(
    State(app): Shared,
    asked: Asked,
    Path((which, resource)): Path<(String, String)>,
) -> Result<Json<()>, Failure> {
    let allowed = asked.authorize_about(&which, vec![("machine", resource.clone())]).await?;
    work(&app, move |admin| admin.add_resource_to_group(allowed, &resource)).await
}

async fn remove_resource(
    State(app): Shared,
    asked: Asked,
    Path((which, resource)): Path<(String, String)>,
) -> Result<Json<()>, Failure> {
    let allowed = asked.authorize_about(&which, vec![("machine", resource.clone())]).await?;
    work(&app, move |admin| admin.remove_resource_from_group(allowed, &resource)).await
}

async fn create_resource(State(app): Shared, asked: Asked, body: Body<NewResource>) -> Shown {
    let name = |new: Option<&NewResource>| new.map(|new| new.name.to_string()).unwrap_or_default();
    let (allowed, new) = asked.authorize_body(body, name, Vec::new()).await?;
    work(&app, move |admin| admin.create_resource(allowed, &new)).await
}

async fn update_resource(
    State(app): Shared,
    asked: Asked,
    Path(which): Path<String>,
    body: Body<ResourceUpdate>,
) -> Shown {
    let (allowed, update) = asked.authorize_body(body, |_| which, Vec::new()).await?;
    work(&app, move |admin| admin.update_resource(allowed, &update)).await
}

async fn delete_resource(State(app): Shared, asked: Asked, Path(which): Path<String>) -> Result<Json<()>, Failure> {
    let allowed = asked.authorize(&which).await?;
    work(&app, move |admin| admin.delete_resource(allowed)).await
}

async fn tag_resource(State(app): Shared, asked: Asked, Path(which): Path<String>, body: Body<TagsBody>) -> Shown {
    let (allowed, TagsBody { tags }) = asked.authorize_body(body, |_| which, Vec::new()).await?;
    work(&app, move |admin| admin.tag_resource(allowed, &tags)).await
}

async fn untag_resource(State(app): Shared, asked: Asked, Path(which): Path<String>, body: Body<KeysBody>) -> Shown {
    let (allowed, KeysBody { keys }) = asked.authorize_body(body, |_| which, Vec::new()).await?;
    work(&app, move |admin| admin.untag_resource(allowed, &keys)).await
}
