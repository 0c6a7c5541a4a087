//! Routes of reports, for those who judge a whole account.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;

use super::super::extract::Asked;
use super::super::v1::Routes;
use super::{Body, Failure, Shared, work};
use crate::admin::iam::reports::{CredentialReport, State as Progress};
use crate::admin::iam::services::{Accessed, Granted, GrantingQuestion, JobView, UsedBy};
use crate::gate::Operation;

pub(super) fn add(routes: Routes) -> Routes {
    use Operation as Op;
    routes
        .post("/v1/credential-report", Op::GenerateCredentialReport, generate_credential_report)
        .get("/v1/credential-report", Op::GetCredentialReport, credential_report)
        .post("/v1/last-accessed", Op::GenerateServiceLastAccessedDetails, generate_last_accessed)
        .get("/v1/last-accessed/{job}", Op::GetServiceLastAccessedDetails, last_accessed)
        .get("/v1/last-accessed/{job}/{service}", Op::GetServiceLastAccessedDetailsWithEntities, users_of)
        .post("/v1/policies-granting", Op::ListPoliciesGrantingServiceAccess, policies_granting)
}

/// What a job is to be about.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectBody {
    arn: String,
}

async fn generate_credential_report(State(app): Shared, asked: Asked) -> Result<Json<Progress>, Failure> {
    let allowed = asked.authorize("").await?;
    work(&app, move |admin| admin.generate_credential_report(&allowed)).await
}

async fn credential_report(State(app): Shared, asked: Asked) -> Result<Json<CredentialReport>, Failure> {
    let allowed = asked.authorize("").await?;
    work(&app, move |admin| Ok(CredentialReport::clone(&*admin.credential_report(&allowed)?))).await
}

async fn generate_last_accessed(
    State(app): Shared,
    asked: Asked,
    body: Body<SubjectBody>,
) -> Result<Json<JobView>, Failure> {
    let arn = |body: Option<&SubjectBody>| body.map(|body| body.arn.clone()).unwrap_or_default();
    let (allowed, _) = asked.authorize_body(body, arn, Vec::new()).await?;
    // By service: no action is tracked, so a job by action would say the same.
    work(&app, move |admin| Ok(JobView { job: admin.generate_last_accessed(&allowed, false)? })).await
}

async fn last_accessed(State(app): Shared, asked: Asked, Path(job): Path<String>) -> Result<Json<Accessed>, Failure> {
    let allowed = asked.authorize_about("", vec![("job", job.clone())]).await?;
    work(&app, move |admin| Ok(Accessed::from(&*admin.last_accessed(&allowed, &job)?))).await
}

async fn users_of(
    State(app): Shared,
    asked: Asked,
    Path((job, service)): Path<(String, String)>,
) -> Result<Json<Vec<UsedBy>>, Failure> {
    let allowed = asked.authorize_about("", vec![("job", job.clone())]).await?;
    work(&app, move |admin| Ok(admin.last_accessed(&allowed, &job)?.users_of(&service)?.to_vec())).await
}

async fn policies_granting(
    State(app): Shared,
    asked: Asked,
    body: Body<GrantingQuestion>,
) -> Result<Json<Vec<Granted>>, Failure> {
    let arn = |question: Option<&GrantingQuestion>| question.map(|asked| asked.arn.clone()).unwrap_or_default();
    let (allowed, question) = asked.authorize_body(body, arn, Vec::new()).await?;
    work(&app, move |admin| admin.policies_granting(&allowed, &question.services)).await
}
