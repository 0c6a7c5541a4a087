//! Routes of reports, for those who judge a whole account.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;

use super::super::extract::{Asked, Params};
use super::super::v1::Routes;
use super::{Body, Failure, Listing, Shared, work};
use crate::admin::iam::details::{DetailView, Sort};
use crate::admin::iam::reports::{CredentialReport, State as Progress};
use crate::admin::iam::services::{Accessed, Granted, GrantingQuestion, JobView, UsedBy};
use crate::admin::iam::views::Page;
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
        .get("/v1/account/details", Op::GetAccountAuthorizationDetails, details)
}

/// What a job is to be about.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectBody {
    arn: String,
}

/// Which details.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Of these kinds, with commas between them; without, of all.
    #[serde(default)]
    kinds: Option<String>,
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    limit: Option<usize>,
}

impl Which {
    fn sorts(&self) -> Result<BTreeSet<Sort>, Failure> {
        let Some(kinds) = &self.kinds else { return Ok(Sort::ALL.into()) };
        let sort = |kind: &str| {
            Sort::of_kind(kind).ok_or_else(|| {
                let words = Sort::ALL.map(Sort::kind).join(", ");
                Failure::invalid(&format!("`kinds` is made of {words}, with commas between them"))
            })
        };
        kinds.split(',').map(sort).collect()
    }

    fn after(&self) -> Result<Option<(Sort, String)>, Failure> {
        let mark = |text: &String| Sort::mark(text).ok_or_else(|| Failure::invalid("`after` is the `next` of a page"));
        self.after.as_ref().map(mark).transpose()
    }
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

async fn details(
    State(app): Shared,
    asked: Asked,
    Params(which): Params<Which>,
) -> Result<Json<Page<DetailView>>, Failure> {
    let allowed = asked.authorize("").await?;
    let (sorts, after) = (which.sorts()?, which.after()?);
    let limit = Listing { after: None, limit: which.limit }.limit()?;
    work(&app, move |admin| Ok(admin.details(&allowed, &sorts, after.as_ref(), limit)?.into())).await
}
