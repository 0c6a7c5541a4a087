//! Routes of guardrails.

use axum::Json;
use axum::extract::{Path, State};

use super::super::extract::Asked;
use super::super::v1::Routes;
use super::{Body, Failure, Shared, work};
use crate::admin::iam::guardrails::{GuardrailUpdate, GuardrailView, NewGuardrail};
use crate::gate::Operation;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .get("/v1/guardrails", Operation::ListGuardrails, list)
        .post("/v1/guardrails", Operation::CreateGuardrail, create)
        .get("/v1/guardrails/{guardrail}", Operation::GetGuardrail, show)
        .post("/v1/guardrails/{guardrail}", Operation::UpdateGuardrail, update)
        .delete("/v1/guardrails/{guardrail}", Operation::DeleteGuardrail, remove)
        .put("/v1/guardrails/{guardrail}/on/{target}", Operation::AttachGuardrail, attach)
        .delete("/v1/guardrails/{guardrail}/on/{target}", Operation::DetachGuardrail, detach)
}

async fn list(State(app): Shared, asked: Asked) -> Result<Json<Vec<GuardrailView>>, Failure> {
    let _allowed = asked.authorize("").await?;
    work(&app, |admin| admin.guardrails()).await
}

async fn create(State(app): Shared, asked: Asked, body: Body<NewGuardrail>) -> Result<Json<GuardrailView>, Failure> {
    let name = |new: Option<&NewGuardrail>| new.map(|new| new.name.to_string()).unwrap_or_default();
    let (allowed, new) = asked.authorize_body(body, name, Vec::new()).await?;
    work(&app, move |admin| admin.create_guardrail(allowed, &new)).await
}

async fn show(State(app): Shared, asked: Asked, Path(which): Path<String>) -> Result<Json<GuardrailView>, Failure> {
    let allowed = asked.authorize(&which).await?;
    work(&app, move |admin| admin.guardrail(&allowed)).await
}

async fn update(
    State(app): Shared,
    asked: Asked,
    Path(which): Path<String>,
    body: Body<GuardrailUpdate>,
) -> Result<Json<GuardrailView>, Failure> {
    let (allowed, update) = asked.authorize_body(body, |_| which, Vec::new()).await?;
    work(&app, move |admin| admin.update_guardrail(allowed, &update)).await
}

async fn remove(State(app): Shared, asked: Asked, Path(which): Path<String>) -> Result<Json<()>, Failure> {
    let allowed = asked.authorize(&which).await?;
    work(&app, move |admin| admin.delete_guardrail(allowed)).await
}

async fn attach(
    State(app): Shared,
    asked: Asked,
    Path((which, target)): Path<(String, String)>,
) -> Result<Json<GuardrailView>, Failure> {
    let allowed = asked.authorize_about(&which, vec![("on", target.clone())]).await?;
    work(&app, move |admin| admin.attach_guardrail(allowed, &target)).await
}

async fn detach(
    State(app): Shared,
    asked: Asked,
    Path((which, target)): Path<(String, String)>,
) -> Result<Json<GuardrailView>, Failure> {
    let allowed = asked.authorize_about(&which, vec![("on", target.clone())]).await?;
    work(&app, move |admin| admin.detach_guardrail(allowed, &target)).await
}
