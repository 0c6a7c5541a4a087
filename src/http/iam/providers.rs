//! Routes of providers of identity.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use url::Url;

use super::super::App;
use super::super::extract::{Asked, Payload};
use super::super::v1::Routes;
use super::{Body, Failure, KeysBody, Shared, TagsBody, work};
use crate::admin::iam::providers::encryption::EncryptionChange;
use crate::admin::iam::providers::fetched::{self, Confirmation, Refreshed};
use crate::admin::iam::providers::oidc::{NewOidcProvider, OidcProviderView};
use crate::admin::iam::providers::saml::{NewSamlProvider, SamlProviderView};
use crate::authn::saml::LARGEST as LONGEST;
use crate::base::Finding;
use crate::gate::Operation;
use crate::model::oidc_provider::{ClientId, Thumbprint};
use crate::model::saml_provider::Metadata;

pub(super) fn add(routes: Routes) -> Routes {
    use Operation as Op;
    routes
        .get("/v1/oidc-providers", Op::ListOpenIDConnectProviders, list_oidc)
        .post("/v1/oidc-providers", Op::CreateOpenIDConnectProvider, create_oidc)
        .get("/v1/oidc-providers/{provider}", Op::GetOpenIDConnectProvider, show_oidc)
        .delete("/v1/oidc-providers/{provider}", Op::DeleteOpenIDConnectProvider, remove_oidc)
        .put("/v1/oidc-providers/{provider}/clients/{client}", Op::AddClientIDToOpenIDConnectProvider, add_client)
        .delete(
            "/v1/oidc-providers/{provider}/clients/{client}",
            Op::RemoveClientIDFromOpenIDConnectProvider,
            remove_client,
        )
        .put("/v1/oidc-providers/{provider}/thumbprints", Op::UpdateOpenIDConnectProviderThumbprint, set_thumbprints)
        .put("/v1/oidc-providers/{provider}/tags", Op::TagOpenIDConnectProvider, tag_oidc)
        .post("/v1/oidc-providers/{provider}/untag", Op::UntagOpenIDConnectProvider, untag_oidc)
        .get("/v1/saml-providers", Op::ListSAMLProviders, list_saml)
        .post("/v1/saml-providers", Op::CreateSAMLProvider, create_saml)
        .get("/v1/saml-providers/{provider}", Op::GetSAMLProvider, show_saml)
        .delete("/v1/saml-providers/{provider}", Op::DeleteSAMLProvider, remove_saml)
        .put("/v1/saml-providers/{provider}/metadata", Op::UpdateSAMLProvider, update_saml)
        .put("/v1/saml-providers/{provider}/encryption", Op::UpdateSAMLProvider, encrypt_saml)
        .get("/v1/saml-providers/{provider}/check", Op::GetSAMLProvider, check_saml)
        .post("/v1/saml-providers/{provider}/refresh", Op::RefreshSAMLProvider, refresh_saml)
        .post("/v1/saml-providers/{provider}/confirm", Op::UpdateSAMLProvider, confirm_saml)
        .put("/v1/saml-providers/{provider}/tags", Op::TagSAMLProvider, tag_saml)
        .post("/v1/saml-providers/{provider}/untag", Op::UntagSAMLProvider, untag_saml)
}

/// Thumbprints as a body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ThumbprintsBody {
    thumbprints: Vec<Thumbprint>,
}

/// Metadata as a body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MetadataBody {
    metadata: Metadata,
}

type OidcShown = Result<Json<OidcProviderView>, Failure>;
type SamlShown = Result<Json<SamlProviderView>, Failure>;
type Done = Result<Json<()>, Failure>;

async fn list_oidc(State(app): Shared, asked: Asked) -> Result<Json<Vec<OidcProviderView>>, Failure> {
    let _allowed = asked.authorize("").await?;
    work(&app, |admin| admin.oidc_providers()).await
}

async fn create_oidc(State(app): Shared, asked: Asked, body: Body<NewOidcProvider>) -> OidcShown {
    let name = |new: Option<&NewOidcProvider>| new.map(|new| new.url.to_string()).unwrap_or_default();
    let (allowed, new) = asked.authorize_body(body, name, Vec::new()).await?;
    work(&app, move |admin| admin.create_oidc_provider(allowed, &new)).await
}

async fn show_oidc(State(app): Shared, asked: Asked, Path(provider): Path<String>) -> OidcShown {
    let allowed = asked.authorize(&provider).await?;
    work(&app, move |admin| admin.oidc_provider(&allowed)).await
}

async fn remove_oidc(State(app): Shared, asked: Asked, Path(provider): Path<String>) -> Done {
    let allowed = asked.authorize(&provider).await?;
    work(&app, move |admin| admin.delete_oidc_provider(allowed)).await
}

/// A client id that stands in the path, read behind the gate.
fn client(text: &str) -> Body<ClientId> {
    text.parse().map(Payload).map_err(|error| Failure::invalid(&format!("{error}")))
}

async fn add_client(State(app): Shared, asked: Asked, Path((provider, text)): Path<(String, String)>) -> OidcShown {
    let (allowed, client) = asked.authorize_body(client(&text), |_| provider, vec![("client", text)]).await?;
    work(&app, move |admin| admin.add_oidc_client(allowed, &client)).await
}

async fn remove_client(State(app): Shared, asked: Asked, Path((provider, text)): Path<(String, String)>) -> OidcShown {
    let (allowed, client) = asked.authorize_body(client(&text), |_| provider, vec![("client", text)]).await?;
    work(&app, move |admin| admin.remove_oidc_client(allowed, &client)).await
}

async fn set_thumbprints(
    State(app): Shared,
    asked: Asked,
    Path(provider): Path<String>,
    body: Body<ThumbprintsBody>,
) -> OidcShown {
    let (allowed, ThumbprintsBody { thumbprints }) = asked.authorize_body(body, |_| provider, Vec::new()).await?;
    work(&app, move |admin| admin.set_oidc_thumbprints(allowed, &thumbprints)).await
}

async fn tag_oidc(State(app): Shared, asked: Asked, Path(provider): Path<String>, body: Body<TagsBody>) -> OidcShown {
    let (allowed, TagsBody { tags }) = asked.authorize_body(body, |_| provider, Vec::new()).await?;
    work(&app, move |admin| admin.tag_oidc_provider(allowed, &tags)).await
}

async fn untag_oidc(State(app): Shared, asked: Asked, Path(provider): Path<String>, body: Body<KeysBody>) -> OidcShown {
    let (allowed, KeysBody { keys }) = asked.authorize_body(body, |_| provider, Vec::new()).await?;
    work(&app, move |admin| admin.untag_oidc_provider(allowed, &keys)).await
}

async fn list_saml(State(app): Shared, asked: Asked) -> Result<Json<Vec<SamlProviderView>>, Failure> {
    let _allowed = asked.authorize("").await?;
    work(&app, |admin| admin.saml_providers()).await
}

async fn create_saml(State(app): Shared, asked: Asked, body: Body<NewSamlProvider>) -> SamlShown {
    let name = |new: Option<&NewSamlProvider>| new.map(|new| new.name.to_string()).unwrap_or_default();
    let (allowed, mut new) = asked.authorize_body(body, name, Vec::new()).await?;
    // Once they may, and no sooner: nobody else has this machine fetch anything.
    let fetched = match new.url.as_deref().map(fetched::address) {
        Some(Ok(url)) => Some(fetch(&app, &url).await),
        Some(Err(error)) => Some(Err(error.to_string())),
        None => None,
    };
    work(&app, move |admin| {
        if let Some(fetched) = fetched {
            new.metadata = Some(fetched::text(fetched)?);
        }
        admin.create_saml_provider(allowed, new)
    })
    .await
}

async fn show_saml(State(app): Shared, asked: Asked, Path(provider): Path<String>) -> SamlShown {
    let allowed = asked.authorize(&provider).await?;
    work(&app, move |admin| admin.saml_provider(&allowed)).await
}

async fn remove_saml(State(app): Shared, asked: Asked, Path(provider): Path<String>) -> Done {
    let allowed = asked.authorize(&provider).await?;
    work(&app, move |admin| admin.delete_saml_provider(allowed)).await
}

async fn update_saml(
    State(app): Shared,
    asked: Asked,
    Path(provider): Path<String>,
    body: Body<MetadataBody>,
) -> SamlShown {
    let (allowed, MetadataBody { metadata }) = asked.authorize_body(body, |_| provider, Vec::new()).await?;
    work(&app, move |admin| admin.update_saml_provider(allowed, Some(&metadata), &EncryptionChange::default())).await
}

async fn encrypt_saml(
    State(app): Shared,
    asked: Asked,
    Path(provider): Path<String>,
    body: Body<EncryptionChange>,
) -> SamlShown {
    let (allowed, encryption) = asked.authorize_body(body, |_| provider, Vec::new()).await?;
    work(&app, move |admin| admin.update_saml_provider(allowed, None, &encryption)).await
}

/// What is published there, as far as it may be reached from here.
async fn fetch(app: &App, url: &Url) -> Result<Vec<u8>, String> {
    let reach = app.sso_settings.read().unwrap_or_else(PoisonError::into_inner).reach.clone();
    app.admin.issuers.client().get(url, &reach, LONGEST).await.map_err(|error| error.to_string())
}

async fn check_saml(
    State(app): Shared,
    asked: Asked,
    Path(provider): Path<String>,
) -> Result<Json<Vec<Finding>>, Failure> {
    let allowed = asked.authorize(&provider).await?;
    let sections = Arc::clone(&app.providers);
    work(&app, move |admin| admin.check_saml_provider(&allowed, &sections)).await
}

async fn refresh_saml(
    State(app): Shared,
    asked: Asked,
    Path(provider): Path<String>,
) -> Result<Json<Refreshed>, Failure> {
    let allowed = asked.authorize(&provider).await?;
    let admin = app.admin.clone();
    let (allowed, url) = app.store.run(move |_| admin.saml_source(allowed)).await?;
    let fetched = fetch(&app, &url).await;
    work(&app, move |admin| admin.refresh_saml_provider(allowed, fetched)).await
}

async fn confirm_saml(
    State(app): Shared,
    asked: Asked,
    Path(provider): Path<String>,
    body: Body<Confirmation>,
) -> SamlShown {
    let (allowed, confirmation) = asked.authorize_body(body, |_| provider, Vec::new()).await?;
    let admin = app.admin.clone();
    let (allowed, url) = app.store.run(move |_| admin.saml_source(allowed)).await?;
    let fetched = fetch(&app, &url).await;
    work(&app, move |admin| admin.confirm_saml_provider(allowed, &confirmation, fetched)).await
}

async fn tag_saml(State(app): Shared, asked: Asked, Path(provider): Path<String>, body: Body<TagsBody>) -> SamlShown {
    let (allowed, TagsBody { tags }) = asked.authorize_body(body, |_| provider, Vec::new()).await?;
    work(&app, move |admin| admin.tag_saml_provider(allowed, &tags)).await
}

async fn untag_saml(State(app): Shared, asked: Asked, Path(provider): Path<String>, body: Body<KeysBody>) -> SamlShown {
    let (allowed, KeysBody { keys }) = asked.authorize_body(body, |_| provider, Vec::new()).await?;
    work(&app, move |admin| admin.untag_saml_provider(allowed, &keys)).await
}
