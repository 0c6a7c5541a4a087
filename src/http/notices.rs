//! Routes of notices, under `/v1`: what waits to be told, and a try of each way.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::extract::{Asked, Payload};
use super::v1::Routes;
use super::{App, Failure};
use crate::admin::notices::{NoticeView, TriedWay, WaysToTry};
use crate::gate::Operation;

pub(super) fn add(routes: Routes) -> Routes {
    routes.get("/v1/notices", Operation::ListNotices, list).post("/v1/notices/test", Operation::TestNotices, test)
}

async fn list(State(app): State<Arc<App>>, asked: Asked) -> Result<Json<Vec<NoticeView>>, Failure> {
    let _allowed = asked.authorize("").await?;
    let admin = app.admin.clone();
    Ok(Json(app.store.run(move |_| admin.waiting_notices()).await?))
}

async fn test(
    State(app): State<Arc<App>>,
    asked: Asked,
    body: Result<Payload<WaysToTry>, Failure>,
) -> Result<Json<Vec<TriedWay>>, Failure> {
    let (allowed, which) = asked.authorize_body(body, |_| String::new(), Vec::new()).await?;
    Ok(Json(app.admin.try_ways(allowed, &which).await?))
}
