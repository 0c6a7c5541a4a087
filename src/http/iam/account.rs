//! Routes of the account as a whole.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};

use super::super::extract::Asked;
use super::super::v1::Routes;
use super::{Failure, Shared, work};
use crate::gate::Operation;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .get("/v1/account/alias", Operation::ListAccountAliases, alias)
        .put("/v1/account/alias/{alias}", Operation::CreateAccountAlias, set_alias)
        .delete("/v1/account/alias/{alias}", Operation::DeleteAccountAlias, remove_alias)
        .get("/v1/account/summary", Operation::GetAccountSummary, summary)
}

async fn alias(State(app): Shared, asked: Asked) -> Result<Json<Option<String>>, Failure> {
    let allowed = asked.authorize("").await?;
    work(&app, move |admin| admin.account_alias(&allowed)).await
}

async fn set_alias(State(app): Shared, asked: Asked, Path(alias): Path<String>) -> Result<Json<()>, Failure> {
    let allowed = asked.authorize_about("", vec![("alias", alias.clone())]).await?;
    work(&app, move |admin| admin.create_account_alias(allowed, &alias)).await
}

async fn remove_alias(State(app): Shared, asked: Asked, Path(alias): Path<String>) -> Result<Json<()>, Failure> {
    let allowed = asked.authorize_about("", vec![("alias", alias.clone())]).await?;
    work(&app, move |admin| admin.delete_account_alias(allowed, &alias)).await
}

async fn summary(State(app): Shared, asked: Asked) -> Result<Json<BTreeMap<&'static str, u64>>, Failure> {
    let allowed = asked.authorize("").await?;
    work(&app, move |admin| admin.account_summary(&allowed)).await
}
