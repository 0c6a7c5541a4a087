//! Routes of grants and engagements, under `/v1`: what an operator of this machine sees, makes and takes back. To ask, to agree and to use is for people,
//! at the portal.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};

use super::extract::{Asked, Params, Payload};
use super::portal::address_of;
use super::v1::Routes;
use super::{App, Failure};
use crate::admin::grants::{Activity, EngagementChange, EngagementView, GrantView, Invited, NewEngagement};
use crate::admin::iam::views::Page;
use crate::audit::Outcome;
use crate::base::text::printable;
use crate::gate::Operation;

/// Grants of a page, where nobody says how many, and at most.
const LIMIT: usize = 100;
const MOST: usize = 1_000;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .get("/v1/grants", Operation::ListGrants, list)
        .get("/v1/grants/{grant}", Operation::GetGrant, show)
        .post("/v1/grants/{grant}/revoke", Operation::RevokeGrant, revoke)
        .get("/v1/engagements", Operation::ListEngagements, engagements)
        .post("/v1/engagements", Operation::CreateEngagement, engage)
        .get("/v1/engagements/{engagement}", Operation::GetEngagement, engagement)
        .post("/v1/engagements/{engagement}", Operation::UpdateEngagement, change_engagement)
        .get("/v1/engagements/{engagement}/activity", Operation::ListEngagementActivity, activity)
        .post("/v1/engagements/{engagement}/close", Operation::CloseEngagement, close)
        .post("/v1/engagements/{engagement}/invitations", Operation::InviteToEngagement, invite)
        .delete("/v1/engagements/{engagement}/invitations/{person}", Operation::RevokeInvitation, uninvite)
}

type Shared = State<Arc<App>>;

/// Which part of which grants.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Query {
    /// Those that are over, too.
    all: bool,
    /// The `next` of the page before.
    after: Option<String>,
    limit: Option<usize>,
}

/// Why a grant is taken back.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Revoking {
    reason: String,
}

/// Who is invited.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inviting {
    person: String,
}

async fn list(
    State(app): Shared,
    asked: Asked,
    Params(query): Params<Query>,
) -> Result<Json<Page<GrantView>>, Failure> {
    let _allowed = asked.authorize("").await?;
    let admin = app.admin.clone();
    let limit = query.limit.unwrap_or(LIMIT).clamp(1, MOST);
    let found = app.store.run(move |_| match query.all {
        true => admin.all_grants(query.after.as_deref(), limit),
        false => admin.open_grants(query.after.as_deref(), limit),
    });
    Ok(Json(found.await?))
}

async fn show(State(app): Shared, asked: Asked, Path(grant): Path<String>) -> Result<Json<GrantView>, Failure> {
    let _allowed = asked.authorize(&grant).await?;
    let admin = app.admin.clone();
    Ok(Json(app.store.run(move |_| admin.grant(&grant)).await?))
}

async fn revoke(
    State(app): Shared,
    asked: Asked,
    Path(grant): Path<String>,
    body: Result<Payload<Revoking>, Failure>,
) -> Result<Json<GrantView>, Failure> {
    let (allowed, why) = asked.authorize_body(body, |_| grant, Vec::new()).await?;
    let admin = app.admin.clone();
    Ok(Json(app.store.run(move |_| admin.revoke_grant(allowed, &why.reason)).await?))
}

async fn engagements(State(app): Shared, asked: Asked) -> Result<Json<Vec<EngagementView>>, Failure> {
    let _allowed = asked.authorize("").await?;
    let admin = app.admin.clone();
    Ok(Json(app.store.run(move |_| admin.engagements()).await?))
}

async fn engagement(
    State(app): Shared,
    asked: Asked,
    Path(which): Path<String>,
) -> Result<Json<EngagementView>, Failure> {
    let _allowed = asked.authorize(&which).await?;
    let admin = app.admin.clone();
    Ok(Json(app.store.run(move |_| admin.engagement(&which)).await?))
}

async fn activity(State(app): Shared, asked: Asked, Path(which): Path<String>) -> Result<Json<Activity>, Failure> {
    let allowed = asked.authorize(&which).await?;
    let admin = app.admin.clone();
    Ok(Json(app.store.run(move |_| admin.engagement_activity(allowed)).await?))
}

async fn engage(
    State(app): Shared,
    asked: Asked,
    body: Result<Payload<NewEngagement>, Failure>,
) -> Result<Json<EngagementView>, Failure> {
    let name = |new: Option<&NewEngagement>| new.map(|new| new.name.clone()).unwrap_or_default();
    let (allowed, new) = asked.authorize_body(body, name, Vec::new()).await?;
    let unknown = |name: &&String| app.providers.named(name).is_none();
    if let Some(name) = new.sign_in_with.as_ref().filter(unknown) {
        let why = format!("no [[sign_in_provider]] of the configuration is called `{}`", printable(name));
        allowed.complete(&Outcome::failed("NoSuchEntity", &why), app.clock.now());
        return Err(Failure::invalid(&why));
    }
    let admin = app.admin.clone();
    Ok(Json(app.store.run(move |_| admin.create_engagement(allowed, &new)).await?))
}

async fn change_engagement(
    State(app): Shared,
    asked: Asked,
    Path(which): Path<String>,
    body: Result<Payload<EngagementChange>, Failure>,
) -> Result<Json<EngagementView>, Failure> {
    let (allowed, changed) = asked.authorize_body(body, |_| which, Vec::new()).await?;
    let admin = app.admin.clone();
    Ok(Json(app.store.run(move |_| admin.update_engagement(allowed, &changed)).await?))
}

async fn close(
    State(app): Shared,
    asked: Asked,
    Path(which): Path<String>,
    body: Result<Payload<Revoking>, Failure>,
) -> Result<Json<EngagementView>, Failure> {
    let (allowed, why) = asked.authorize_body(body, |_| which, Vec::new()).await?;
    let admin = app.admin.clone();
    Ok(Json(app.store.run(move |_| admin.close_engagement(allowed, &why.reason)).await?))
}

async fn invite(
    State(app): Shared,
    asked: Asked,
    Path(which): Path<String>,
    body: Result<Payload<Inviting>, Failure>,
) -> Result<Json<Invited>, Failure> {
    let (allowed, new) = asked.authorize_body(body, |_| which, Vec::new()).await?;
    let admin = app.admin.clone();
    let made = app.store.run(move |_| admin.invite(allowed, &new.person)).await?;
    Ok(Json(Invited { link: address_of(&app, &made.link), ..made }))
}

async fn uninvite(
    State(app): Shared,
    asked: Asked,
    Path((which, person)): Path<(String, String)>,
) -> Result<Json<()>, Failure> {
    let allowed = asked.authorize(&which).await?;
    let admin = app.admin.clone();
    app.store.run(move |_| admin.revoke_invitation(allowed, &person)).await?;
    Ok(Json(()))
}
