//! Routes of SAML service providers, under `/v1`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;

use super::extract::{Asked, Payload};
use super::v1::{Routes, work};
use super::{App, Failure};
use crate::admin::saml_sps::aws::AwsSetup;
use crate::admin::saml_sps::idp::{Idp, IdpView, OFF};
use crate::admin::saml_sps::refresh::{Confirmation, Refreshed};
use crate::admin::saml_sps::report::Report;
use crate::admin::saml_sps::{NewSp, SpChange, SpView};
use crate::admin::{Admin, AdminError};
use crate::authn::saml::MetadataFetchError;
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
        .get("/v1/saml-idp", Op::ListSAMLServiceProviders, idp)
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

/// Who we are to applications; nothing, while single sign-on is off.
fn us(app: &App) -> Option<Idp> {
    app.sso().map(|sso| sso.saml_idp())
}

async fn list(State(app): Shared, asked: Asked) -> Result<Json<Vec<SpView>>, Failure> {
    let _allowed = asked.authorize("").await?;
    let on = us(&app).is_some();
    work(&app, move |admin| Ok(admin.sps()?.into_iter().map(|sp| sp.answered(on)).collect())).await
}

async fn idp(State(app): Shared, asked: Asked) -> Result<Json<IdpView>, Failure> {
    let allowed = asked.authorize("").await?;
    let off =
        || AdminError::NotNow { what: "applications cannot be told who we are".to_owned(), remedy: OFF.to_owned() };
    let us = us(&app);
    work(&app, move |admin| {
        let idp = us.ok_or_else(off)?;
        Ok(IdpView { idp, certificates: admin.idp_certificates(&allowed)? })
    })
    .await
}

async fn create(
    State(app): Shared,
    asked: Asked,
    body: Result<Payload<NewSp>, Failure>,
) -> Result<Json<SpView>, Failure> {
    let (allowed, new) = asked.authorize_body(body, named, Vec::new()).await?;
    // Once they may, and no sooner: nobody else has this machine fetch anything.
    let (fetched, us) = (fetched(&app, new.url.as_deref()).await, us(&app));
    work(&app, move |admin| Ok(admin.create_sp(allowed, &new, fetched)?.told(us))).await
}

async fn fetched(app: &App, url: Option<&str>) -> Option<Result<String, MetadataFetchError>> {
    match url {
        Some(url) => Some(app.admin.sp_fetcher.get(url).await),
        None => None,
    }
}

fn named(new: Option<&NewSp>) -> String {
    new.map(|new| new.name.to_string()).unwrap_or_default()
}

async fn show(State(app): Shared, asked: Asked, Path(sp): Path<String>) -> Result<Json<Shown>, Failure> {
    let allowed = asked.authorize(&sp).await?;
    let us = us(&app);
    let shown = move |admin: &Admin| {
        let (view, sp) = admin.shown_sp(&allowed)?;
        let view = view.told(us);
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
    let (fetched, us) = (fetched(&app, said.url.as_deref()).await, us(&app));
    work(&app, move |admin| Ok(admin.update_sp(allowed, &said, fetched)?.told(us))).await
}

async fn remove(State(app): Shared, asked: Asked, Path(sp): Path<String>) -> Result<Json<()>, Failure> {
    let allowed = asked.authorize(&sp).await?;
    work(&app, move |admin| admin.delete_sp(allowed)).await
}

async fn check(State(app): Shared, asked: Asked, Path(sp): Path<String>) -> Result<Json<Report>, Failure> {
    let allowed = asked.authorize(&sp).await?;
    let us = us(&app);
    work(&app, move |admin| admin.sp_report(&allowed, us.as_ref())).await
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
    let us = us(&app);
    work(&app, move |admin| admin.aws_setup(&admin.sp(&allowed)?.0, us.as_ref())).await
}

async fn refresh(State(app): Shared, asked: Asked, Path(sp): Path<String>) -> Result<Json<Refreshed>, Failure> {
    let allowed = asked.authorize(&sp).await?;
    let admin = app.admin.clone();
    let (allowed, url) = app.store.run(move |_| admin.sp_url(allowed)).await?;
    let fetched = app.admin.sp_fetcher.get(&url).await;
    let us = us(&app);
    let refreshed = move |admin: &Admin| {
        let Refreshed { came, sp } = admin.refresh_sp(allowed, fetched)?;
        Ok(Refreshed { came, sp: sp.told(us) })
    };
    work(&app, refreshed).await
}

async fn confirm(
    State(app): Shared,
    asked: Asked,
    Path(sp): Path<String>,
    body: Result<Payload<Confirmation>, Failure>,
) -> Result<Json<SpView>, Failure> {
    let (allowed, which) = asked.authorize_body(body, |_| sp, Vec::new()).await?;
    let us = us(&app);
    work(&app, move |admin| Ok(admin.confirm_sp(allowed, &which)?.told(us))).await
}
