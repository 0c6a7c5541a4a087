//! What routes take from a request: who asks for which operation, parameters, and a JSON body.

use std::sync::{Arc, PoisonError};

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Json, Query, Request};
use hyper::StatusCode;
use hyper::http::request::Parts;
use serde::de::DeserializeOwned;

use super::{App, Failure};
use crate::audit::Outcome;
use crate::authn::Caller;
use crate::authn::local::{Peer, from_peer};
use crate::base::{Fault, RequestId, Timestamp};
use crate::gate::{Asking, Authorized, Operation};
use crate::store::StoreError;

/// An authenticated caller who asks for the operation of the route that was met.
pub struct Asked {
    caller: Caller,
    operation: Operation,
    request: Option<RequestId>,
    app: Arc<App>,
    now: Timestamp,
}

impl Asked {
    /// Asks the gate. `resource` is the name or digest the operation is about, or empty.
    ///
    /// # Errors
    /// When the caller may not, or when it cannot be recorded.
    pub async fn authorize(self, resource: &str) -> Result<Authorized, Failure> {
        self.authorize_about(resource, Vec::new()).await
    }

    /// As [`Asked::authorize`], with more that the audit record is to say of what is asked.
    ///
    /// # Errors
    /// When the caller may not, or when it cannot be recorded.
    pub async fn authorize_about(
        self,
        resource: &str,
        about: Vec<(&'static str, String)>,
    ) -> Result<Authorized, Failure> {
        let resource = resource.to_owned();
        let Self { caller, operation, request, app, now } = self;
        let asking = Asking { request, ..Asking::from(about) };
        let ask = move || app.gate.authorize_about(caller, operation, &resource, &asking, now);
        let decision = tokio::task::spawn_blocking(ask);
        match decision.await {
            Ok(decision) => Ok(decision?),
            Err(ended) => Err(Failure::bug(&format!("the decision on {operation} ended early: {ended}"))),
        }
    }
}

impl Asked {
    /// Asks the gate about a request that has a body. The gate comes first: somebody who may not do it learns nothing about
    /// how it would be asked. A body that cannot be read is recorded as a failure.
    ///
    /// # Errors
    /// When the caller may not, it cannot be recorded, or the body cannot be read.
    pub async fn authorize_body<T>(
        self,
        body: Result<Payload<T>, Failure>,
        resource: impl FnOnce(Option<&T>) -> String,
        about: Vec<(&'static str, String)>,
    ) -> Result<(Authorized, T), Failure> {
        let (app, now) = (Arc::clone(&self.app), self.now);
        match body {
            Ok(Payload(body)) => Ok((self.authorize_about(&resource(Some(&body)), about).await?, body)),
            Err(failure) => {
                let allowed = self.authorize_about(&resource(None), about).await?;
                let outcome = Outcome::failed("InvalidRequest", &failure.public().message);
                let recorded = app.store.run(move |_| {
                    allowed.complete(&outcome, now);
                    Ok::<_, StoreError>(())
                });
                recorded.await?;
                Err(failure)
            }
        }
    }
}

impl FromRequestParts<Arc<App>> for Asked {
    type Rejection = Failure;

    /// Authenticates anew for each request: somebody taken out of a group loses the role at once.
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let peer = parts.extensions.get::<Peer>().copied();
        let operation = parts.extensions.get::<Operation>().copied();
        let request = parts.extensions.get::<RequestId>().copied();
        let (Some(peer), Some(operation)) = (peer, operation) else {
            return Err(Failure::bug("a route without a peer or an operation"));
        };
        let roles = app.roles.read().unwrap_or_else(PoisonError::into_inner).clone();
        let (app, now) = (Arc::clone(app), app.clock.now());
        // Groups may come from a name service that takes its time.
        let authenticated = tokio::task::spawn_blocking(move || {
            let caller = from_peer(peer, &roles)
                .inspect_err(|stranger| app.gate.turn_away(stranger, operation, request, now))?;
            Ok::<_, Failure>(Self { caller, operation, request, app, now })
        });
        authenticated.await.map_err(|ended| Failure::bug(&format!("a look-up of groups ended early: {ended}")))?
    }
}

/// Parameters of the query string. Use `deny_unknown_fields`: a misspelt one should not be ignored.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Arc<App>> for Params<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        match Query::from_request_parts(parts, app).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(QueryRejection::FailedToDeserializeQueryString(error)) => Err(Failure::invalid(&error.body_text())),
            Err(error) => Err(Failure::invalid(&error.body_text())),
        }
    }
}

/// A JSON body.
pub struct Payload<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Payload<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Failure> {
        match Json::from_request(request, app).await {
            Ok(Json(payload)) => Ok(Self(payload)),
            Err(error @ JsonRejection::MissingJsonContentType(_)) => {
                let text = error.body_text();
                Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", &text, Fault::Caller))
            }
            Err(error) => Err(Failure::invalid(&error.body_text())),
        }
    }
}
