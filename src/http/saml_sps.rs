//! Routes of SAML service providers, under `/v1`.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;

use super::extract::{Asked, Payload};
use super::v1::Routes;
use super::{App, Failure};
use crate::admin::saml_sps::aws::AwsSetup;
use crate::admin::saml_sps::refresh::{Confirmation, Refreshed};
use crate::admin::saml_sps::report::Report;
use crate::admin::saml_sps::{NewSp, SpChange, SpView};
use crate::admin::{Admin, AdminError};
use crate::gate::Operation;

pub(super) fn add(routes: Routes) -> Routes {
    use Operation as Op;
    routes
        .get("/v1/saml-sps", Op::ListSAMLServiceProviders, list)
        .post("/v1/saml-sps", Op::CreateSAMLServiceProvider, create)
        .get("/v1/saml-sps/{sp}", Op::GetSAMLServiceProvider, show)
        .put("/v1/saml-sps/{sp}", Op::UpdateSAMLServiceProvider, update)
        .delete("/v1/saml-sps/{sp}", Op::DeleteSAMLServiceProvider, remove)
        .get("/v1/saml-sps/{sp}/check", Op::GetSAMLServiceProvider, check)
        .get("/v1/saml-sps/{sp}/aws-setup", Op::GetSAMLServiceProvider, aws_setup)
        .get("/v1/users/{who}/saml-sps/{sp}", Op::GetUser, told_of)
        .post("/v1/saml-sps/{sp}/refresh", Op::RefreshSAMLServiceProvider, refresh)
        .post("/v1/saml-sps/{sp}/confirm", Op::ConfirmSAMLServiceProvider, confirm)
}

type Shared = State<Arc<App>>;

/// A service provider with the metadata that counts, if any does, and what waits.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    view: SpView,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_metadata: Option<String>,
}

async fn work<R: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Admin) -> Result<R, AdminError> + Send + 'static,
) -> Result<Json<R>, Failure> {
    let admin = app.admin.clone();
    Ok(Json(app.store.run(move |_| work(&admin)).await?))
}

async fn list(State(app): Shared, asked: Asked) -> Result<Json<Vec<SpView>>, Failure> {
    let _allowed = asked.authorize("").await?;
    work(&app, |admin| admin.sps()).await
}

async fn create(
    State(app): Shared,
    asked: Asked,
    body: Result<Payload<NewSp>, Failure>,
) -> Result<Json<SpView>, Failure> {
    let (allowed, new) = asked.authorize_body(body, named, Vec::new()).await?;
    // Once they may, and no sooner: nobody else has this machine fetch anything.
    let fetched = match &new.url {
        Some(url) => Some(app.admin.sp_fetcher.get(url).await),
        None => None,
    };
    work(&app, move |admin| admin.create_sp(allowed, &new, fetched)).await
}

fn named(new: Option<&NewSp>) -> String {
    new.map(|new| new.name.to_string()).unwrap_or_default()
}

async fn show(State(app): Shared, asked: Asked, Path(sp): Path<String>) -> Result<Json<Shown>, Failure> {
    let allowed = asked.authorize(&sp).await?;
    let shown = move |admin: &Admin| {
        let (view, sp) = admin.shown_sp(&allowed)?;
        let waiting = sp.as_ref().and_then(|sp| sp.waiting.as_ref());
        let waiting_metadata = waiting.map(|waiting| waiting.metadata.clone());
        Ok(Shown { view, metadata: sp.map(|sp| sp.metadata), waiting_metadata })
    };
    work(&app, shown).await
}

async fn update(
    State(app): Shared,
    asked: Asked,
    Path(sp): Path<String>,
    body: Result<Payload<SpChange>, Failure>,
) -> Result<Json<SpView>, Failure> {
    let (allowed, said) = asked.authorize_body(body, |_| sp, Vec::new()).await?;
    work(&app, move |admin| admin.update_sp(allowed, &said)).await
}

async fn remove(State(app): Shared, asked: Asked, Path(sp): Path<String>) -> Result<Json<()>, Failure> {
    let allowed = asked.authorize(&sp).await?;
    work(&app, move |admin| admin.delete_sp(allowed)).await
}

async fn check(State(app): Shared, asked: Asked, Path(sp): Path<String>) -> Result<Json<Report>, Failure> {
    let allowed = asked.authorize(&sp).await?;
    work(&app, move |admin| admin.sp_report(&allowed)).await
}

/// What one would be told of somebody: about them, so that whoever asks needs a right on them.
async fn told_of(
    State(app): Shared,
    asked: Asked,
    Path((who, sp)): Path<(String, String)>,
) -> Result<Json<Vec<String>>, Failure> {
    let allowed = asked.authorize(&who).await?;
    work(&app, move |admin| admin.sp_told_of(&allowed, &sp)).await
}

async fn aws_setup(State(app): Shared, asked: Asked, Path(sp): Path<String>) -> Result<Json<Vec<AwsSetup>>, Failure> {
    let allowed = asked.authorize(&sp).await?;
    let issuer = app.sso_settings.read().unwrap_or_else(PoisonError::into_inner).issuer.clone();
    let metadata = issuer.map(|issuer| issuer.at("/saml/metadata"));
    work(&app, move |admin| admin.aws_setup(&admin.sp(&allowed)?.0, metadata.as_deref())).await
}

async fn refresh(State(app): Shared, asked: Asked, Path(sp): Path<String>) -> Result<Json<Refreshed>, Failure> {
    let allowed = asked.authorize(&sp).await?;
    let admin = app.admin.clone();
    let (allowed, url) = app.store.run(move |_| admin.sp_url(allowed)).await?;
    let fetched = app.admin.sp_fetcher.get(&url).await;
    work(&app, move |admin| admin.refresh_sp(allowed, fetched)).await
}

async fn confirm(
    State(app): Shared,
    asked: Asked,
    Path(sp): Path<String>,
    body: Result<Payload<Confirmation>, Failure>,
) -> Result<Json<SpView>, Failure> {
    let (allowed, which) = asked.authorize_body(body, |_| sp, Vec::new()).await?;
    work(&app, move |admin| admin.confirm_sp(allowed, &which)).await
}
