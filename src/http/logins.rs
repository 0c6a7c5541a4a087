//! Route of trying a sign-in.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::extract::{Asked, Payload};
use super::v1::Routes;
use super::{App, Failure};
use crate::admin::logins::{TriedLogin, try_login};
use crate::base::Secret;
use crate::gate::Operation;

pub(super) fn add(routes: Routes) -> Routes {
    routes.post("/v1/logins/try", Operation::TryLogin, tried)
}

/// A sign-in as it is sent. Read into [`Secret`]s at once.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginBody {
    login: String,
    password: String,
    #[serde(default)]
    code: Option<String>,
}

async fn tried(
    State(app): State<Arc<App>>,
    asked: Asked,
    body: Result<Payload<LoginBody>, Failure>,
) -> Result<Json<TriedLogin>, Failure> {
    let login = |body: Option<&LoginBody>| body.map(|body| body.login.clone()).unwrap_or_default();
    let (allowed, LoginBody { password, code, .. }) = asked.authorize_body(body, login, Vec::new()).await?;
    let (password, code) = (Secret::new(password), code.map(Secret::new));
    Ok(Json(try_login((&app.gate, &app.logins), allowed, password, code, &*app.clock).await))
}
