//! Routes of access keys and of root.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};

use super::super::extract::Asked;
use super::super::v1::Routes;
use super::{Body, Failure, Shared, work};
use crate::admin::iam::access_keys::{AccessKeyView, NewAccessKey, ROOT};
use crate::admin::iam::root::{Initialization, RootView};
use crate::gate::Operation;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .get("/v1/users/{who}/access-keys", Operation::ListAccessKeys, list)
        .post("/v1/users/{who}/access-keys", Operation::CreateAccessKey, create)
        .post("/v1/users/{who}/access-keys/{key}", Operation::UpdateAccessKey, update)
        .delete("/v1/users/{who}/access-keys/{key}", Operation::DeleteAccessKey, remove)
        .get("/v1/access-keys/{key}", Operation::GetAccessKeyLastUsed, last_used)
        .get("/v1/root", Operation::GetRoot, show_root)
        .post("/v1/init", Operation::InitializeAccount, initialize)
        .post("/v1/root/access-keys", Operation::CreateAccessKey, create_of_root)
        .post("/v1/root/access-keys/{key}", Operation::UpdateAccessKey, update_of_root)
        .delete("/v1/root/access-keys/{key}", Operation::DeleteAccessKey, remove_of_root)
        .post("/v1/root/lock", Operation::LockRoot, lock)
        .post("/v1/root/unlock", Operation::UnlockRoot, unlock)
}

/// A new access key as an answer: the one place where a secret half leaves us.
#[derive(Debug, Serialize)]
struct Told {
    #[serde(flatten)]
    key: AccessKeyView,
    secret: String,
}

impl From<NewAccessKey> for Told {
    fn from(new: NewAccessKey) -> Self {
        Self { key: new.key, secret: new.secret.expose().clone() }
    }
}

/// Whether a key is on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    active: bool,
}

async fn list(State(app): Shared, asked: Asked, Path(who): Path<String>) -> Result<Json<Vec<AccessKeyView>>, Failure> {
    let allowed = asked.authorize(&who).await?;
    work(&app, move |admin| admin.access_keys(&allowed)).await
}

async fn create(State(app): Shared, asked: Asked, Path(who): Path<String>) -> Result<Json<Told>, Failure> {
    let allowed = asked.authorize(&who).await?;
    work(&app, move |admin| admin.create_access_key(allowed).map(Told::from)).await
}

async fn update(
    State(app): Shared,
    asked: Asked,
    Path((who, key)): Path<(String, String)>,
    body: Body<Switch>,
) -> Result<Json<AccessKeyView>, Failure> {
    let (allowed, Switch { active }) = asked.authorize_body(body, |_| who, vec![("key", key.clone())]).await?;
    work(&app, move |admin| admin.update_access_key(allowed, &key, active)).await
}

async fn remove(
    State(app): Shared,
    asked: Asked,
    Path((who, key)): Path<(String, String)>,
) -> Result<Json<()>, Failure> {
    let allowed = asked.authorize_about(&who, vec![("key", key.clone())]).await?;
    work(&app, move |admin| admin.delete_access_key(allowed, &key)).await
}

async fn last_used(State(app): Shared, asked: Asked, Path(key): Path<String>) -> Result<Json<AccessKeyView>, Failure> {
    let _allowed = asked.authorize_about("", vec![("key", key.clone())]).await?;
    work(&app, move |admin| admin.access_key_last_used(&key)).await
}

async fn show_root(State(app): Shared, asked: Asked) -> Result<Json<RootView>, Failure> {
    let allowed = asked.authorize("").await?;
    work(&app, move |admin| admin.root(&allowed)).await
}

async fn initialize(State(app): Shared, asked: Asked, body: Body<Initialization>) -> Result<Json<Told>, Failure> {
    let (allowed, with) = asked.authorize_body(body, |_| String::new(), Vec::new()).await?;
    work(&app, move |admin| admin.initialize(allowed, &with).map(Told::from)).await
}

async fn create_of_root(State(app): Shared, asked: Asked) -> Result<Json<Told>, Failure> {
    let allowed = asked.authorize(ROOT).await?;
    work(&app, move |admin| admin.create_root_key(allowed).map(Told::from)).await
}

async fn update_of_root(
    State(app): Shared,
    asked: Asked,
    Path(key): Path<String>,
    body: Body<Switch>,
) -> Result<Json<AccessKeyView>, Failure> {
    let about = vec![("key", key.clone())];
    let (allowed, Switch { active }) = asked.authorize_body(body, |_| ROOT.to_owned(), about).await?;
    work(&app, move |admin| admin.update_access_key(allowed, &key, active)).await
}

async fn remove_of_root(State(app): Shared, asked: Asked, Path(key): Path<String>) -> Result<Json<()>, Failure> {
    let allowed = asked.authorize_about(ROOT, vec![("key", key.clone())]).await?;
    work(&app, move |admin| admin.delete_access_key(allowed, &key)).await
}

async fn lock(State(app): Shared, asked: Asked) -> Result<Json<()>, Failure> {
    let allowed = asked.authorize("").await?;
    work(&app, move |admin| admin.lock_root(allowed, true)).await
}

async fn unlock(State(app): Shared, asked: Asked) -> Result<Json<()>, Failure> {
    let allowed = asked.authorize("").await?;
    work(&app, move |admin| admin.lock_root(allowed, false)).await
}
