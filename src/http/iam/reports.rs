//! Routes of reports, for those who judge a whole account.

use axum::Json;
use axum::extract::State;

use super::super::extract::Asked;
use super::super::v1::Routes;
use super::{Failure, Shared, work};
use crate::admin::iam::reports::{CredentialReport, State as Progress};
use crate::gate::Operation;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .post("/v1/credential-report", Operation::GenerateCredentialReport, generate_credential_report)
        .get("/v1/credential-report", Operation::GetCredentialReport, credential_report)
}

async fn generate_credential_report(State(app): Shared, asked: Asked) -> Result<Json<Progress>, Failure> {
    let allowed = asked.authorize("").await?;
    work(&app, move |admin| admin.generate_credential_report(&allowed)).await
}

async fn credential_report(State(app): Shared, asked: Asked) -> Result<Json<CredentialReport>, Failure> {
    let allowed = asked.authorize("").await?;
    work(&app, move |admin| Ok(CredentialReport::clone(&*admin.credential_report(&allowed)?))).await
}
