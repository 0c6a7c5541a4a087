//! Routes of questions to policies: may this one, may whoever has these, who may.

use axum::Json;
use axum::extract::State;

use super::super::extract::Asked;
use super::super::v1::Routes;
use super::{Body, Failure, Shared, work};
use crate::admin::iam::context_keys::{ContextKeys, OfDocuments, OfPrincipal};
use crate::admin::iam::custom::CustomSimulation;
use crate::admin::iam::simulate::{Simulated, Simulation};
use crate::admin::iam::who_can::{Able, WhoCan};
use crate::gate::Operation;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .post("/v1/simulate", Operation::SimulatePrincipalPolicy, simulate)
        .post("/v1/simulate/custom", Operation::SimulateCustomPolicy, simulate_custom)
        .post("/v1/context-keys/custom", Operation::GetContextKeysForCustomPolicy, keys_of_documents)
        .post("/v1/context-keys/principal", Operation::GetContextKeysForPrincipalPolicy, keys_of_principal)
        .post("/v1/who-can", Operation::WhoCan, who_can)
}

async fn simulate(State(app): Shared, asked: Asked, body: Body<Simulation>) -> Result<Json<Vec<Simulated>>, Failure> {
    let (allowed, simulation) = asked
        .authorize_body(body, |asked| asked.map(|asked| asked.principal.clone()).unwrap_or_default(), Vec::new())
        .await?;
    work(&app, move |admin| admin.simulate(&allowed, &simulation)).await
}

async fn simulate_custom(
    State(app): Shared,
    asked: Asked,
    body: Body<CustomSimulation>,
) -> Result<Json<Vec<Simulated>>, Failure> {
    let (_allowed, simulation) = asked.authorize_body(body, |_| String::new(), Vec::new()).await?;
    work(&app, move |admin| admin.simulate_custom(&simulation)).await
}

async fn keys_of_documents(
    State(app): Shared,
    asked: Asked,
    body: Body<OfDocuments>,
) -> Result<Json<ContextKeys>, Failure> {
    let (_allowed, of) = asked.authorize_body(body, |_| String::new(), Vec::new()).await?;
    work(&app, move |admin| admin.context_keys_of_documents(&of)).await
}

async fn keys_of_principal(
    State(app): Shared,
    asked: Asked,
    body: Body<OfPrincipal>,
) -> Result<Json<ContextKeys>, Failure> {
    let (allowed, of) =
        asked.authorize_body(body, |of| of.map(|of| of.principal.clone()).unwrap_or_default(), Vec::new()).await?;
    work(&app, move |admin| admin.context_keys_of_principal(&allowed, &of)).await
}

async fn who_can(State(app): Shared, asked: Asked, body: Body<WhoCan>) -> Result<Json<Able>, Failure> {
    let (allowed, wanted) = asked
        .authorize_body(body, |wanted| wanted.map(|wanted| wanted.action.clone()).unwrap_or_default(), Vec::new())
        .await?;
    work(&app, move |admin| admin.who_can(&allowed, &wanted)).await
}
