//! Routes of roles, assignments and instance profiles.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;

use super::super::extract::{Asked, Params};
use super::super::v1::Routes;
use super::{Body, DocumentBody, Failure, KeysBody, Listing, Shared, TagsBody, work};
use crate::admin::iam::assignments::Terms;
use crate::admin::iam::coverage::Coverage;
use crate::admin::iam::profiles::NewProfile;
use crate::admin::iam::roles::{NewRole, RoleUpdate};
use crate::admin::iam::views::{AssignmentView, Page, ProfileView, RoleView};
use crate::gate::Operation;
use crate::model::AccountId;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .get("/v1/roles", Operation::ListRoles, list)
        .post("/v1/roles", Operation::CreateRole, create)
        .get("/v1/roles/{role}", Operation::GetRole, show)
        .post("/v1/roles/{role}", Operation::UpdateRole, update)
        .delete("/v1/roles/{role}", Operation::DeleteRole, remove)
        .put("/v1/roles/{role}/trust", Operation::UpdateAssumeRolePolicy, update_trust)
        .get("/v1/assignments", Operation::ListAssignments, list_assignments)
        .put("/v1/roles/{role}/assigned/{kind}/{who}", Operation::AssignRole, assign)
        .delete("/v1/roles/{role}/assigned/{kind}/{who}", Operation::UnassignRole, unassign)
        .get("/v1/coverage", Operation::GetRoleCoverage, coverage)
        .get("/v1/roles/{role}/instance-profiles", Operation::ListInstanceProfilesForRole, profiles_of)
        .get("/v1/instance-profiles", Operation::ListInstanceProfiles, list_profiles)
        .post("/v1/instance-profiles", Operation::CreateInstanceProfile, create_profile)
        .get("/v1/instance-profiles/{profile}", Operation::GetInstanceProfile, show_profile)
        .delete("/v1/instance-profiles/{profile}", Operation::DeleteInstanceProfile, remove_profile)
        .put("/v1/instance-profiles/{profile}/tags", Operation::TagInstanceProfile, tag_profile)
        .post("/v1/instance-profiles/{profile}/untag", Operation::UntagInstanceProfile, untag_profile)
        .put("/v1/instance-profiles/{profile}/role/{role}", Operation::AddRoleToInstanceProfile, put_role)
        .delete("/v1/instance-profiles/{profile}/role/{role}", Operation::RemoveRoleFromInstanceProfile, take_role)
}

/// Which roles.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Of which account; the home account, if nothing is said.
    #[serde(default)]
    account: Option<AccountId>,
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    limit: Option<usize>,
}

async fn list(
    State(app): Shared,
    asked: Asked,
    Params(Which { account, after, limit }): Params<Which>,
) -> Result<Json<Page<RoleView>>, Failure> {
    let _allowed = asked.authorize("").await?;
    let listing = Listing { after, limit };
    let limit = listing.limit()?;
    work(&app, move |admin| admin.roles(account.as_ref(), listing.after.as_deref(), limit)).await
}

async fn create(State(app): Shared, asked: Asked, body: Body<NewRole>) -> Result<Json<RoleView>, Failure> {
    let (allowed, new) =
        asked.authorize_body(body, |new| new.map(|new| new.name.to_string()).unwrap_or_default(), Vec::new()).await?;
    work(&app, move |admin| admin.create_role(allowed, &new)).await
}

async fn show(State(app): Shared, asked: Asked, Path(role): Path<String>) -> Result<Json<RoleView>, Failure> {
    let allowed = asked.authorize(&role).await?;
    work(&app, move |admin| admin.role(&allowed)).await
}

async fn update(
    State(app): Shared,
    asked: Asked,
    Path(role): Path<String>,
    body: Body<RoleUpdate>,
) -> Result<Json<RoleView>, Failure> {
    let (allowed, update) = asked.authorize_body(body, |_| role, Vec::new()).await?;
    work(&app, move |admin| admin.update_role(allowed, &update)).await
}

async fn remove(State(app): Shared, asked: Asked, Path(role): Path<String>) -> Result<Json<()>, Failure> {
    let allowed = asked.authorize(&role).await?;
    work(&app, move |admin| admin.delete_role(allowed)).await
}

async fn update_trust(
    State(app): Shared,
    asked: Asked,
    Path(role): Path<String>,
    body: Body<DocumentBody>,
) -> Result<Json<RoleView>, Failure> {
    let (allowed, DocumentBody { document }) = asked.authorize_body(body, |_| role, Vec::new()).await?;
    work(&app, move |admin| admin.update_trust(allowed, &document)).await
}

async fn list_assignments(
    State(app): Shared,
    asked: Asked,
    Params(listing): Params<Listing>,
) -> Result<Json<Page<AssignmentView>>, Failure> {
    let _allowed = asked.authorize("").await?;
    let limit = listing.limit()?;
    work(&app, move |admin| admin.assignments(listing.after.as_deref(), limit)).await
}

async fn assign(
    State(app): Shared,
    asked: Asked,
    Path((role, kind, who)): Path<(String, String, String)>,
    body: Body<Terms>,
) -> Result<Json<AssignmentView>, Failure> {
    let about = vec![("to", format!("{kind}/{who}"))];
    let (allowed, terms) = asked.authorize_body(body, |_| role, about).await?;
    work(&app, move |admin| admin.assign_role(allowed, &kind, &who, &terms)).await
}

async fn unassign(
    State(app): Shared,
    asked: Asked,
    Path((role, kind, who)): Path<(String, String, String)>,
) -> Result<Json<()>, Failure> {
    let allowed = asked.authorize_about(&role, vec![("to", format!("{kind}/{who}"))]).await?;
    work(&app, move |admin| admin.unassign_role(allowed, &kind, &who)).await
}

async fn coverage(State(app): Shared, asked: Asked) -> Result<Json<Coverage>, Failure> {
    let allowed = asked.authorize("").await?;
    work(&app, move |admin| admin.role_coverage(&allowed)).await
}

async fn list_profiles(
    State(app): Shared,
    asked: Asked,
    Params(listing): Params<Listing>,
) -> Result<Json<Page<ProfileView>>, Failure> {
    let _allowed = asked.authorize("").await?;
    let limit = listing.limit()?;
    work(&app, move |admin| admin.instance_profiles(listing.after.as_deref(), limit)).await
}

async fn profiles_of(
    State(app): Shared,
    asked: Asked,
    Path(role): Path<String>,
) -> Result<Json<Vec<ProfileView>>, Failure> {
    let allowed = asked.authorize(&role).await?;
    work(&app, move |admin| admin.profiles_of_role(&allowed)).await
}

async fn create_profile(
    State(app): Shared,
    asked: Asked,
    body: Body<NewProfile>,
) -> Result<Json<ProfileView>, Failure> {
    let (allowed, new) =
        asked.authorize_body(body, |new| new.map(|new| new.name.to_string()).unwrap_or_default(), Vec::new()).await?;
    work(&app, move |admin| admin.create_instance_profile(allowed, &new)).await
}

async fn show_profile(
    State(app): Shared,
    asked: Asked,
    Path(profile): Path<String>,
) -> Result<Json<ProfileView>, Failure> {
    let allowed = asked.authorize(&profile).await?;
    work(&app, move |admin| admin.instance_profile(&allowed)).await
}

async fn remove_profile(State(app): Shared, asked: Asked, Path(profile): Path<String>) -> Result<Json<()>, Failure> {
    let allowed = asked.authorize(&profile).await?;
    work(&app, move |admin| admin.delete_instance_profile(allowed)).await
}

async fn put_role(
    State(app): Shared,
    asked: Asked,
    Path((profile, role)): Path<(String, String)>,
) -> Result<Json<ProfileView>, Failure> {
    let allowed = asked.authorize_about(&profile, vec![("role", role.clone())]).await?;
    work(&app, move |admin| admin.add_role_to_profile(allowed, &role)).await
}

async fn take_role(
    State(app): Shared,
    asked: Asked,
    Path((profile, role)): Path<(String, String)>,
) -> Result<Json<ProfileView>, Failure> {
    let allowed = asked.authorize_about(&profile, vec![("role", role.clone())]).await?;
    work(&app, move |admin| admin.remove_role_from_profile(allowed, &role)).await
}

async fn tag_profile(
    State(app): Shared,
    asked: Asked,
    Path(profile): Path<String>,
    body: Body<TagsBody>,
) -> Result<Json<ProfileView>, Failure> {
    let (allowed, TagsBody { tags }) = asked.authorize_body(body, |_| profile, Vec::new()).await?;
    work(&app, move |admin| admin.tag_instance_profile(allowed, &tags)).await
}

async fn untag_profile(
    State(app): Shared,
    asked: Asked,
    Path(profile): Path<String>,
    body: Body<KeysBody>,
) -> Result<Json<ProfileView>, Failure> {
    let (allowed, KeysBody { keys }) = asked.authorize_body(body, |_| profile, Vec::new()).await?;
    work(&app, move |admin| admin.untag_instance_profile(allowed, &keys)).await
}
