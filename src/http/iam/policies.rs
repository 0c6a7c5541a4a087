//! Routes of managed policies.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;

use super::super::extract::{Asked, Params};
use super::super::v1::Routes;
use super::{Body, Failure, KeysBody, Listing, Shared, TagsBody, work};
use crate::admin::iam::policies::{NewPolicy, NewVersion};
use crate::admin::iam::views::{HolderView, Page, PolicyView, VersionView};
use crate::admin::people::LARGEST_PAGE;
use crate::gate::Operation;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .get("/v1/policies", Operation::ListPolicies, list)
        .post("/v1/policies", Operation::CreatePolicy, create)
        .get("/v1/policies/{policy}", Operation::GetPolicy, show)
        .delete("/v1/policies/{policy}", Operation::DeletePolicy, remove)
        .get("/v1/policies/{policy}/holders", Operation::ListEntitiesForPolicy, holders)
        .post("/v1/policies/{policy}/versions", Operation::CreatePolicyVersion, create_version)
        .get("/v1/policies/{policy}/versions/{version}", Operation::GetPolicyVersion, show_version)
        .delete("/v1/policies/{policy}/versions/{version}", Operation::DeletePolicyVersion, remove_version)
        .put("/v1/policies/{policy}/default/{version}", Operation::SetDefaultPolicyVersion, set_default)
        .put("/v1/policies/{policy}/tags", Operation::TagPolicy, tag)
        .post("/v1/policies/{policy}/untag", Operation::UntagPolicy, untag)
}

/// Which policies.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    /// The templates instead of the account's own.
    #[serde(default)]
    templates: bool,
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    limit: Option<usize>,
}

async fn list(
    State(app): Shared,
    asked: Asked,
    Params(Which { templates, after, limit }): Params<Which>,
) -> Result<Json<Page<PolicyView>>, Failure> {
    let _allowed = asked.authorize("").await?;
    let listing = Listing { after, limit };
    let limit = listing.limit()?;
    work(&app, move |admin| admin.policies(templates, listing.after.as_deref(), limit)).await
}

async fn create(State(app): Shared, asked: Asked, body: Body<NewPolicy>) -> Result<Json<PolicyView>, Failure> {
    let (allowed, new) =
        asked.authorize_body(body, |new| new.map(|new| new.name.to_string()).unwrap_or_default(), Vec::new()).await?;
    work(&app, move |admin| admin.create_policy(allowed, &new)).await
}

async fn show(State(app): Shared, asked: Asked, Path(policy): Path<String>) -> Result<Json<PolicyView>, Failure> {
    let allowed = asked.authorize(&policy).await?;
    work(&app, move |admin| admin.policy(&allowed)).await
}

async fn remove(State(app): Shared, asked: Asked, Path(policy): Path<String>) -> Result<Json<()>, Failure> {
    let allowed = asked.authorize(&policy).await?;
    work(&app, move |admin| admin.delete_policy(allowed)).await
}

async fn holders(
    State(app): Shared,
    asked: Asked,
    Path(policy): Path<String>,
) -> Result<Json<Vec<HolderView>>, Failure> {
    let allowed = asked.authorize(&policy).await?;
    work(&app, move |admin| admin.policy_holders(&allowed, LARGEST_PAGE)).await
}

async fn create_version(
    State(app): Shared,
    asked: Asked,
    Path(policy): Path<String>,
    body: Body<NewVersion>,
) -> Result<Json<PolicyView>, Failure> {
    let (allowed, new) = asked.authorize_body(body, |_| policy, Vec::new()).await?;
    work(&app, move |admin| admin.create_policy_version(allowed, &new)).await
}

async fn show_version(
    State(app): Shared,
    asked: Asked,
    Path((policy, version)): Path<(String, String)>,
) -> Result<Json<VersionView>, Failure> {
    let allowed = asked.authorize(&policy).await?;
    let number = number(&version)?;
    work(&app, move |admin| admin.policy_version(&allowed, number)).await
}

async fn remove_version(
    State(app): Shared,
    asked: Asked,
    Path((policy, version)): Path<(String, String)>,
) -> Result<Json<()>, Failure> {
    let number = number(&version);
    let (allowed, number) =
        asked.authorize_body(number.map(super::Payload), |_| policy, vec![("version", version)]).await?;
    work(&app, move |admin| admin.delete_policy_version(allowed, number)).await
}

async fn set_default(
    State(app): Shared,
    asked: Asked,
    Path((policy, version)): Path<(String, String)>,
) -> Result<Json<PolicyView>, Failure> {
    let number = number(&version);
    let (allowed, number) =
        asked.authorize_body(number.map(super::Payload), |_| policy, vec![("version", version)]).await?;
    work(&app, move |admin| admin.set_default_policy_version(allowed, number)).await
}

async fn tag(
    State(app): Shared,
    asked: Asked,
    Path(policy): Path<String>,
    body: Body<TagsBody>,
) -> Result<Json<PolicyView>, Failure> {
    let (allowed, TagsBody { tags }) = asked.authorize_body(body, |_| policy, Vec::new()).await?;
    work(&app, move |admin| admin.tag_policy(allowed, &tags)).await
}

async fn untag(
    State(app): Shared,
    asked: Asked,
    Path(policy): Path<String>,
    body: Body<KeysBody>,
) -> Result<Json<PolicyView>, Failure> {
    let (allowed, KeysBody { keys }) = asked.authorize_body(body, |_| policy, Vec::new()).await?;
    work(&app, move |admin| admin.untag_policy(allowed, &keys)).await
}

/// `v3`, or `3`.
fn number(version: &str) -> Result<u32, Failure> {
    let digits = version.strip_prefix('v').unwrap_or(version);
    digits.parse().map_err(|_| Failure::invalid("a version of a policy is written `v1`, `v2` and so on"))
}
