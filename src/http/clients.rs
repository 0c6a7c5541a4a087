//! Routes of clients of single sign-on, under `/v1`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;

use super::extract::{Asked, Payload};
use super::v1::{Routes, work};
use super::{App, Failure};
use crate::admin::Admin;
use crate::admin::clients::{
    ClientSettings, ClientView, ClientWithSecret, LogoutView, NewClient, NewRegistrationToken, RegistrationTokenView,
    Rotation, USUAL_OVERLAP,
};
use crate::gate::Operation;

pub(super) fn add(routes: Routes) -> Routes {
    use Operation as Op;
    routes
        .get("/v1/clients", Op::ListClients, list)
        .post("/v1/clients", Op::CreateClient, create)
        .get("/v1/client-logouts", Op::ListClients, logouts)
        .get("/v1/client-registration-tokens", Op::ListClientRegistrationTokens, list_tokens)
        .post("/v1/client-registration-tokens", Op::CreateClientRegistrationToken, create_token)
        .delete("/v1/client-registration-tokens/{token}", Op::DeleteClientRegistrationToken, remove_token)
        .get("/v1/clients/{client}", Op::GetClient, show)
        .put("/v1/clients/{client}", Op::UpdateClient, update)
        .delete("/v1/clients/{client}", Op::DeleteClient, remove)
        .post("/v1/clients/{client}/secret", Op::RotateClientSecret, rotate)
}

type Shared = State<Arc<App>>;

/// A client as an answer, with its secret where it got one: the one place where a secret leaves us.
#[derive(Debug, Serialize)]
struct Told {
    #[serde(flatten)]
    client: ClientView,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl From<ClientWithSecret> for Told {
    fn from(new: ClientWithSecret) -> Self {
        Self { client: new.client, secret: new.secret.map(|secret| secret.expose().clone()) }
    }
}

async fn list(State(app): Shared, asked: Asked) -> Result<Json<Vec<ClientView>>, Failure> {
    let _allowed = asked.authorize("").await?;
    work(&app, |admin| admin.clients()).await
}

async fn logouts(State(app): Shared, asked: Asked) -> Result<Json<Vec<LogoutView>>, Failure> {
    let _allowed = asked.authorize("").await?;
    work(&app, |admin| admin.client_logouts()).await
}

async fn create(
    State(app): Shared,
    asked: Asked,
    body: Result<Payload<NewClient>, Failure>,
) -> Result<Json<Told>, Failure> {
    let id = |new: Option<&NewClient>| new.and_then(|new| new.id.as_ref()).map(ToString::to_string);
    let (allowed, new) = asked.authorize_body(body, |new| id(new).unwrap_or_default(), Vec::new()).await?;
    work(&app, move |admin| admin.create_client(allowed, &new).map(Told::from)).await
}

async fn show(State(app): Shared, asked: Asked, Path(client): Path<String>) -> Result<Json<ClientView>, Failure> {
    let allowed = asked.authorize(&client).await?;
    work(&app, move |admin| admin.client(&allowed)).await
}

async fn update(
    State(app): Shared,
    asked: Asked,
    Path(client): Path<String>,
    body: Result<Payload<ClientSettings>, Failure>,
) -> Result<Json<ClientView>, Failure> {
    let (allowed, settings) = asked.authorize_body(body, |_| client, Vec::new()).await?;
    work(&app, move |admin| admin.update_client(allowed, &settings)).await
}

async fn rotate(
    State(app): Shared,
    asked: Asked,
    Path(client): Path<String>,
    body: Result<Payload<Rotation>, Failure>,
) -> Result<Json<Told>, Failure> {
    let (allowed, how) = asked.authorize_body(body, |_| client, Vec::new()).await?;
    let overlap = how.overlap.unwrap_or(USUAL_OVERLAP);
    work(&app, move |admin| admin.rotate_client_secret(allowed, overlap).map(Told::from)).await
}

/// A token by which software registers itself, which is told this once.
#[derive(Debug, Serialize)]
struct ToldToken {
    #[serde(flatten)]
    about: RegistrationTokenView,
    token: String,
}

async fn list_tokens(State(app): Shared, asked: Asked) -> Result<Json<Vec<RegistrationTokenView>>, Failure> {
    let _allowed = asked.authorize("").await?;
    work(&app, |admin| admin.registration_tokens()).await
}

async fn create_token(
    State(app): Shared,
    asked: Asked,
    body: Result<Payload<NewRegistrationToken>, Failure>,
) -> Result<Json<ToldToken>, Failure> {
    let (allowed, new) = asked.authorize_body(body, |_| String::new(), Vec::new()).await?;
    let told = move |admin: &Admin| {
        let (about, token) = admin.create_registration_token(allowed, &new)?;
        Ok(ToldToken { about, token: token.expose().clone() })
    };
    work(&app, told).await
}

async fn remove_token(State(app): Shared, asked: Asked, Path(token): Path<String>) -> Result<Json<()>, Failure> {
    let allowed = asked.authorize(&token).await?;
    work(&app, move |admin| admin.delete_registration_token(allowed)).await
}

async fn remove(State(app): Shared, asked: Asked, Path(client): Path<String>) -> Result<Json<()>, Failure> {
    let allowed = asked.authorize(&client).await?;
    work(&app, move |admin| admin.delete_client(allowed)).await
}
