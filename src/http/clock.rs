//! Routes of the clock.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::extract::Asked;
use super::v1::Routes;
use super::{App, Failure};
use crate::admin::clock::ClockView;
use crate::gate::Operation;

/// Adds these routes.
pub(super) fn add(routes: Routes) -> Routes {
    routes.get("/v1/clock", Operation::GetHealth, show).post("/v1/clock/confirm", Operation::ConfirmClock, confirm)
}

async fn show(State(app): State<Arc<App>>, asked: Asked) -> Result<Json<ClockView>, Failure> {
    let allowed = asked.authorize("").await?;
    Ok(Json(app.admin.clock_view(&allowed)))
}

async fn confirm(State(app): State<Arc<App>>, asked: Asked) -> Result<Json<ClockView>, Failure> {
    let allowed = asked.authorize("").await?;
    let admin = app.admin.clone();
    Ok(Json(app.store.run(move |_| admin.confirm_clock(allowed)).await?))
}
