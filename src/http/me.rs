//! `/v1/me`: what people do about roles for a while at their terminal, as they would at the portal: ask, agree, begin and end.
//!
//! Whoever asks shows an access token of `bailey login` in the header alone (RFC 6750, section 2.1); which tokens count is said in
//! [`crate::sso::terminal`]. No cookie is read, so no page of another site asks for anybody. The gate is asked as of the pages, with
//! the same operations, and others' grants are nobody's to act on or to know of.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Extension, FromRequest, Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hyper::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::extract::Params;
use super::origin::Origin;
use super::rate::Payer;
use super::{App, Failure, authorization, query};
use crate::admin::grants::{Amended, EngagementView, GrantView, NewGrant, OwnView, Shown, Which};
use crate::admin::{Admin, AdminError};
use crate::authn::Caller;
use crate::authn::bearer::Bearer;
use crate::authn::signed::RequestSource;
use crate::base::{Fault, Timestamp};
use crate::gate::{Authorized, Operation, Proof};
use crate::model::User;
use crate::sso::error::Code;
use crate::sso::grantable::{self, Preview};
use crate::sso::{OauthError, Sso};
use crate::store::StoreError;

/// Adds the routes.
pub(super) fn add(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router
        .route("/v1/me/grants", get(list).post(request))
        .route("/v1/me/grants/{grant}", get(show))
        .route("/v1/me/grants/{grant}/{step}", post(step))
        .route("/v1/me/grantable", get(grantable_roles))
        .route("/v1/me/grantable/{role}", get(preview))
        .route("/v1/me/engagements", get(engagements))
        .route("/v1/me/engagements/{engagement}", get(engagement))
        .route("/v1/me/engagements/{engagement}/activity", get(activity))
        .route("/v1/me/engagements/{engagement}/close", post(close))
}

/// How one shows who one is (RFC 6750, section 3).
const CHALLENGE: &str = r#"Bearer realm="bailey""#;

/// The same of somebody who showed a token that does not count.
const INVALID: &str = r#"Bearer realm="bailey", error="invalid_token""#;

/// A request, and how its sender shows who they are.
struct Asked {
    headers: HeaderMap,
    origin: Origin,
    body: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Asked {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (Extension(origin), headers, body) =
            <(Extension<Origin>, HeaderMap, Bytes)>::from_request(request, state).await?;
        Ok(Self { headers, origin, body })
    }
}

/// Which of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Query {
    /// Those that wait for whoever asks.
    waiting: bool,
    /// The last ones of theirs that are over.
    over: bool,
}

/// Which roles.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Names {
    /// What their names have in them.
    find: String,
}

/// A request for a role: which, and on what terms.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// The role, by its ARN.
    pub role: String,
    /// The terms.
    pub terms: NewGrant,
}

/// What is agreed to.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreeing {
    /// [`OwnView::agree_to`], as it was read.
    pub agree_to: String,
    /// A word to it.
    #[serde(default)]
    pub comment: String,
}

/// Why something is so.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Because {
    /// Why.
    pub reason: String,
}

/// What somebody found on looking back.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// It.
    pub finding: String,
}

async fn list(State(app): State<Arc<App>>, query: Result<Params<Query>, Failure>, asked: Asked) -> Response {
    asked
        .answered(app, |app, bearer, _, _| {
            let Params(query) = query?;
            let which = match (query.waiting, query.over) {
                (false, false) => Which::Of(bearer.user()),
                (true, false) => Which::For(bearer.user()),
                (false, true) => Which::Over(bearer.user()),
                (true, true) => return Err(Failure::invalid("waiting and over are two lists: ask for one")),
            };
            Ok(app.admin.grants(which)?)
        })
        .await
}

async fn grantable_roles(State(app): State<Arc<App>>, query: Result<Params<Names>, Failure>, asked: Asked) -> Response {
    asked
        .answered(app, |app, bearer, _, now| {
            let Params(Names { find }) = query?;
            Ok(grantable::grantable(&app.admin, bearer.user(), &find, now)?)
        })
        .await
}

async fn preview(State(app): State<Arc<App>>, Path(role): Path<String>, asked: Asked) -> Response {
    asked
        .answered(app, move |app, bearer, _, now| {
            let found = grantable::one_grantable(&app.admin, bearer.user(), &role, now)?;
            let role = found.ok_or_else(|| Failure::not_found("nobody can ask for that role, or not you"))?;
            let allows = grantable::words(&app.admin, &role.arn, now)?;
            Ok(Preview { role, allows })
        })
        .await
}

async fn request(State(app): State<Arc<App>>, asked: Asked) -> Response {
    asked
        .answered(app, |app, bearer, body, now| {
            let Wish { role, terms } = body.read()?;
            let allowed = app.gate.authorize(bearer.into(), Operation::RequestGrant, &role, now)?;
            app.admin.request_grant(allowed, &terms).map_err(|error| told(app, error))
        })
        .await
}

async fn show(State(app): State<Arc<App>>, Path(grant): Path<String>, asked: Asked) -> Response {
    asked.answered(app, move |app, bearer, _, now| own(app, bearer.user(), &grant, now)).await
}

/// What somebody is shown of a grant.
fn own(app: &App, person: &User, grant: &str, now: Timestamp) -> Result<OwnView, Failure> {
    let shown = app.admin.grant_shown_to(person, grant)?;
    let allows = grantable::words(&app.admin, &shown.view.role_arn, now)?;
    Ok(OwnView::of(shown, allows))
}

async fn step(State(app): State<Arc<App>>, Path((grant, step)): Path<(String, String)>, asked: Asked) -> Response {
    asked
        .answered(app, move |app, bearer, body, now| {
            let shown = app.admin.grant_shown_to(bearer.user(), &grant)?;
            let step = Step::read(&step, &body, shown)?;
            let allowed = app.gate.authorize(Caller::from(bearer), step.operation(), &grant, now)?;
            step.carry_out(&app.admin, allowed).map_err(|error| told(app, error))
        })
        .await
}

/// What is to be done about a grant.
enum Step {
    Approve { digest: String, reach: String, comment: String },
    Refuse { reason: String },
    Narrow { amended: Amended },
    Claim,
    Complete,
    Revoke { reason: String },
    Review { finding: String },
}

impl Step {
    /// The step of this name, about what is `shown` now. Somebody agrees to what they say that they saw, and to nothing else.
    fn read(step: &str, body: &Body, shown: Shown) -> Result<Self, Failure> {
        Ok(match step {
            "approve" => {
                let Agreeing { agree_to, comment } = body.read()?;
                if agree_to != shown.agree_to() {
                    let what = "what you agree to is not what is asked for now: look at it again, then decide";
                    return Err(Failure::new(StatusCode::CONFLICT, "Changed", what, Fault::Caller));
                }
                Self::Approve { digest: shown.view.digest, reach: shown.reach, comment }
            }
            "refuse" => Self::Refuse { reason: body.read::<Because>()?.reason },
            "narrow" => Self::Narrow { amended: body.read()? },
            "claim" => Self::Claim,
            "complete" => Self::Complete,
            "revoke" => Self::Revoke { reason: body.read::<Because>()?.reason },
            "review" => Self::Review { finding: body.read::<Finding>()?.finding },
            _ => return Err(Failure::not_found("there is no such step")),
        })
    }

    fn operation(&self) -> Operation {
        match self {
            Self::Approve { .. } => Operation::ApproveGrant,
            Self::Refuse { .. } => Operation::RefuseGrant,
            Self::Narrow { .. } => Operation::AmendGrant,
            Self::Claim => Operation::ClaimGrant,
            Self::Complete => Operation::CompleteGrant,
            Self::Revoke { .. } => Operation::RevokeGrant,
            Self::Review { .. } => Operation::ReviewGrant,
        }
    }

    fn carry_out(self, admin: &Admin, allowed: Authorized) -> Result<GrantView, AdminError> {
        match self {
            Self::Approve { digest, reach, comment } => admin.approve_grant(allowed, (&digest, Some(&reach)), &comment),
            Self::Refuse { reason } => admin.refuse_grant(allowed, &reason),
            Self::Narrow { amended } => admin.amend_grant(allowed, &amended),
            Self::Claim => admin.claim_grant(allowed),
            Self::Complete => admin.complete_grant(allowed),
            Self::Revoke { reason } => admin.revoke_grant(allowed, &reason),
            Self::Review { finding } => admin.review_grant(allowed, &finding),
        }
    }
}

async fn engagements(State(app): State<Arc<App>>, asked: Asked) -> Response {
    asked.answered(app, |app, bearer, _, _| Ok(app.admin.own_engagements(bearer.user())?)).await
}

async fn engagement(State(app): State<Arc<App>>, Path(which): Path<String>, asked: Asked) -> Response {
    asked.answered(app, move |app, bearer, _, _| Ok(app.admin.own_engagement(bearer.user(), &which)?)).await
}

async fn activity(State(app): State<Arc<App>>, Path(which): Path<String>, asked: Asked) -> Response {
    asked
        .answered(app, move |app, bearer, _, now| {
            app.admin.own_engagement(bearer.user(), &which)?;
            let allowed = app.gate.authorize(bearer.into(), Operation::ListEngagementActivity, &which, now)?;
            Ok(app.admin.engagement_activity(allowed)?)
        })
        .await
}

async fn close(State(app): State<Arc<App>>, Path(which): Path<String>, asked: Asked) -> Response {
    asked
        .answered(app, move |app, bearer, body, now| {
            app.admin.own_engagement(bearer.user(), &which)?;
            let Because { reason } = body.read()?;
            let allowed = app.gate.authorize(bearer.into(), Operation::CloseEngagement, &which, now)?;
            let closed: Result<EngagementView, _> = app.admin.close_engagement(allowed, &reason);
            closed.map_err(|error| told(app, error))
        })
        .await
}

/// A body that has not been read.
struct Body(Bytes);

impl Body {
    fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let text: &[u8] = if self.0.is_empty() { b"{}" } else { &self.0 };
        serde_json::from_slice(text).map_err(|error| Failure::invalid(&format!("the body cannot be read: {error}")))
    }
}

/// An error of an operation. Who has to show a second factor is told how that is done from where they are.
fn told(app: &App, error: AdminError) -> Failure {
    match error {
        AdminError::StepUp { what } => {
            let url = app.sso().map(|sso| sso.issuer.to_string()).unwrap_or_default();
            let message = format!(
                "{what}: sign in with one, `bailey login --url {url} --step-up`, then do this within five minutes"
            );
            Failure::new(StatusCode::FORBIDDEN, "SecondFactorRequired", &message, Fault::Caller)
        }
        error => error.into(),
    }
}

impl Asked {
    async fn answered<T: Serialize + Send + 'static>(
        self,
        app: Arc<App>,
        answer: impl FnOnce(&App, Bearer, Body, Timestamp) -> Result<T, Failure> + Send + 'static,
    ) -> Response {
        let now = app.clock.now();
        let store = app.store.clone();
        let answered = store.run(move |_| {
            let answered = self.person(&app, now).and_then(|bearer| answer(&app, bearer, Body(self.body), now));
            Ok::<_, StoreError>(answered)
        });
        match answered.await.map_err(Failure::from).and_then(|answered| answered) {
            Ok(told) => Json(told).into_response(),
            Err(failure) => failure.into_response(),
        }
    }

    /// Who asks. A token that is none of ours is worth a record, within limits; whoever shows many has to wait.
    fn person(&self, app: &App, now: Timestamp) -> Result<Bearer, Failure> {
        let Some(sso) = app.sso() else {
            return Err(Failure::no_single_sign_on());
        };
        let Ok(Some(token)) = authorization::bearer(&self.headers) else {
            let message = format!("that is for people who are signed in: bailey login --url {}", sso.issuer);
            let failure = Failure::new(StatusCode::UNAUTHORIZED, "NotSignedIn", &message, Fault::Caller);
            return Err(failure.challenging(CHALLENGE));
        };
        bearer(app, (&sso, token), query::from(&self.origin, &self.headers), now)
    }
}

/// Whoever shows `token`. One that does not count is worth a record, within limits.
pub(super) fn bearer(
    app: &App,
    (sso, token): (&Sso, &str),
    from: RequestSource,
    now: Timestamp,
) -> Result<Bearer, Failure> {
    let ip = from.ip;
    if !app.token_rates.may_try(ip, now) {
        return Err(too_often("too many tokens from there did not count: wait a moment"));
    }
    let bearer = sso.at_terminal(token, from.clone(), now).map_err(|error| {
        if error.code == Code::InvalidToken {
            app.token_rates.failed(ip, now);
            app.gate.refuse_proof(Proof::Token, &from, Vec::new(), &error.description, now);
        }
        refused(&error)
    })?;
    if !app.rates.admit(Payer::Person(bearer.user().id), now) {
        return Err(too_often("too many calls for this person: wait a moment"));
    }
    Ok(bearer)
}

fn too_often(message: &str) -> Failure {
    Failure::new(StatusCode::TOO_MANY_REQUESTS, "Throttling", message, Fault::Caller)
}

/// An error of single sign-on in the form of this interface.
fn refused(error: &OauthError) -> Failure {
    let (code, fault) = match error.code {
        Code::InvalidToken => ("InvalidToken", Fault::Caller),
        Code::InsufficientScope => ("AccessDenied", Fault::Caller),
        _ => ("ServiceUnavailable", Fault::Operator),
    };
    let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let failure = Failure::new(status, code, &error.description, fault);
    if error.code == Code::InvalidToken { failure.challenging(INVALID) } else { failure }
}
