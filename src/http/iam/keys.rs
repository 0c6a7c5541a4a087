//! Routes of the keys that seal and sign.

use axum::Json;
use axum::extract::State;

use super::super::extract::{Asked, Payload};
use super::super::v1::Routes;
use super::{Body, Failure, Shared, work};
use crate::admin::sealing::SealingView;
use crate::admin::signing::{Rotation, SigningKeyView};
use crate::gate::Operation;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .get("/v1/sealing-keys", Operation::GetKeyStatus, sealing_keys)
        .post("/v1/sealing-keys/rotate", Operation::RotateSealingKey, rotate_sealing)
        .get("/v1/signing-keys", Operation::ListSigningKeys, signing_keys)
        .post("/v1/signing-keys/rotate", Operation::RotateSigningKey, rotate_signing)
}

async fn sealing_keys(State(app): Shared, asked: Asked) -> Result<Json<SealingView>, Failure> {
    let allowed = asked.authorize("").await?;
    work(&app, move |admin| admin.sealing_keys(&allowed)).await
}

async fn rotate_sealing(State(app): Shared, asked: Asked) -> Result<Json<SealingView>, Failure> {
    let allowed = asked.authorize("").await?;
    work(&app, move |admin| admin.rotate_sealing_key(allowed)).await
}

async fn signing_keys(State(app): Shared, asked: Asked) -> Result<Json<Vec<SigningKeyView>>, Failure> {
    let allowed = asked.authorize("").await?;
    work(&app, move |admin| Ok(admin.signing_keys(&allowed))).await
}

async fn rotate_signing(
    State(app): Shared,
    asked: Asked,
    body: Body<Rotation>,
) -> Result<Json<Vec<SigningKeyView>>, Failure> {
    let about = match &body {
        Ok(Payload(Rotation { emergency, saml: Some(step), .. })) => {
            vec![("saml", step.name().to_owned()), ("emergency", emergency.to_string())]
        }
        Ok(Payload(Rotation { algorithm, emergency, saml: None })) => vec![
            ("algorithm", algorithm.map_or("all", |one| one.name()).to_owned()),
            ("emergency", emergency.to_string()),
        ],
        Err(_) => Vec::new(),
    };
    let (allowed, rotation) = asked.authorize_body(body, |_| String::new(), about).await?;
    work(&app, move |admin| admin.rotate_signing_keys(allowed, &rotation)).await
}
