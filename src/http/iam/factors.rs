//! Routes of passwords of local users and of devices of the second factor.

use axum::Json;
use axum::extract::{Path, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::super::extract::{Asked, Params};
use super::super::v1::Routes;
use super::{Body, Failure, KeysBody, Listing, Shared, TagsBody, work};
use crate::admin::iam::mfa::{Codes, DeviceView, MadeDevice, NewDevice};
use crate::admin::iam::passwords::{LoginProfileView, NewPassword};
use crate::admin::iam::second_factors::{FactorView, FactorsReset};
use crate::admin::iam::views::Page;
use crate::base::Secret;
use crate::gate::Operation;
use crate::model::PasswordPolicy;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .get("/v1/users/{who}/password", Operation::GetLoginProfile, show_password)
        .post("/v1/users/{who}/password", Operation::CreateLoginProfile, create_password)
        .put("/v1/users/{who}/password", Operation::UpdateLoginProfile, update_password)
        .delete("/v1/users/{who}/password", Operation::DeleteLoginProfile, remove_password)
        .get("/v1/password-policy", Operation::GetAccountPasswordPolicy, show_policy)
        .put("/v1/password-policy", Operation::UpdateAccountPasswordPolicy, update_policy)
        .delete("/v1/password-policy", Operation::DeleteAccountPasswordPolicy, remove_policy)
        .get("/v1/mfa-devices", Operation::ListVirtualMFADevices, list_devices)
        .post("/v1/mfa-devices", Operation::CreateVirtualMFADevice, create_device)
        .get("/v1/mfa-devices/{serial}", Operation::GetMFADevice, show_device)
        .put("/v1/mfa-devices/{serial}/tags", Operation::TagMFADevice, tag_device)
        .post("/v1/mfa-devices/{serial}/untag", Operation::UntagMFADevice, untag_device)
        .delete("/v1/mfa-devices/{serial}", Operation::DeleteVirtualMFADevice, remove_device)
        .get("/v1/users/{who}/mfa-devices", Operation::ListMFADevices, devices_of)
        .put("/v1/users/{who}/mfa-devices/{serial}", Operation::EnableMFADevice, enable)
        .post("/v1/users/{who}/mfa-devices/{serial}/resync", Operation::ResyncMFADevice, resync)
        .delete("/v1/users/{who}/mfa-devices/{serial}", Operation::DeactivateMFADevice, deactivate)
        .get("/v1/users/{who}/second-factors", Operation::ListSecondFactors, second_factors_of)
        .delete("/v1/users/{who}/second-factors", Operation::ResetSecondFactors, reset)
}

/// A password as it is sent. Read into a [`Secret`] at once.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordBody {
    password: String,
    #[serde(default)]
    must_change: Option<bool>,
}

/// Two codes as they are sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CodesBody {
    first: String,
    second: String,
}

/// A new device as an answer: the one place where a seed leaves us.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    device: DeviceView,
    seed: String,
    picture_png: String,
}

impl From<MadeDevice> for Told {
    fn from(made: MadeDevice) -> Self {
        let picture_png = STANDARD.encode(made.picture.expose());
        Self { device: made.device, seed: made.seed.expose().clone(), picture_png }
    }
}

impl From<PasswordBody> for NewPassword {
    fn from(body: PasswordBody) -> Self {
        Self { password: Secret::new(body.password), must_change: body.must_change }
    }
}

impl From<CodesBody> for Codes {
    fn from(body: CodesBody) -> Self {
        Self { first: Secret::new(body.first), second: Secret::new(body.second) }
    }
}

type Shown = Result<Json<LoginProfileView>, Failure>;
type DeviceShown = Result<Json<DeviceView>, Failure>;
type Done = Result<Json<()>, Failure>;

async fn show_password(State(app): Shared, asked: Asked, Path(who): Path<String>) -> Shown {
    let allowed = asked.authorize(&who).await?;
    work(&app, move |admin| admin.login_profile(&allowed)).await
}

async fn create_password(State(app): Shared, asked: Asked, Path(who): Path<String>, body: Body<PasswordBody>) -> Shown {
    let (allowed, new) = asked.authorize_body(body, |_| who, Vec::new()).await?;
    let new = NewPassword::from(new);
    work(&app, move |admin| admin.create_login_profile(allowed, &new)).await
}

async fn update_password(State(app): Shared, asked: Asked, Path(who): Path<String>, body: Body<PasswordBody>) -> Shown {
    let (allowed, new) = asked.authorize_body(body, |_| who, Vec::new()).await?;
    let new = NewPassword::from(new);
    work(&app, move |admin| admin.update_login_profile(allowed, &new)).await
}

async fn remove_password(State(app): Shared, asked: Asked, Path(who): Path<String>) -> Done {
    let allowed = asked.authorize(&who).await?;
    work(&app, move |admin| admin.delete_login_profile(allowed)).await
}

async fn show_policy(State(app): Shared, asked: Asked) -> Result<Json<PasswordPolicy>, Failure> {
    let allowed = asked.authorize("").await?;
    work(&app, move |admin| Ok(admin.password_policy(&allowed)?.0)).await
}

async fn update_policy(
    State(app): Shared,
    asked: Asked,
    body: Body<PasswordPolicy>,
) -> Result<Json<PasswordPolicy>, Failure> {
    let (allowed, policy) = asked.authorize_body(body, |_| String::new(), Vec::new()).await?;
    work(&app, move |admin| admin.update_password_policy(allowed, policy)).await
}

async fn remove_policy(State(app): Shared, asked: Asked) -> Done {
    let allowed = asked.authorize("").await?;
    work(&app, move |admin| admin.delete_password_policy(allowed)).await
}

async fn list_devices(
    State(app): Shared,
    asked: Asked,
    Params(listing): Params<Listing>,
) -> Result<Json<Page<DeviceView>>, Failure> {
    let _allowed = asked.authorize("").await?;
    let limit = listing.limit()?;
    work(&app, move |admin| admin.virtual_mfa_devices(listing.after.as_deref(), limit)).await
}

async fn create_device(State(app): Shared, asked: Asked, body: Body<NewDevice>) -> Result<Json<Told>, Failure> {
    let name = |new: Option<&NewDevice>| new.map(|new| format!("{}{}", new.path, new.name)).unwrap_or_default();
    let (allowed, new) = asked.authorize_body(body, name, Vec::new()).await?;
    work(&app, move |admin| admin.create_mfa_device(allowed, &new).map(Told::from)).await
}

async fn show_device(State(app): Shared, asked: Asked, Path(serial): Path<String>) -> DeviceShown {
    let allowed = asked.authorize(&serial).await?;
    work(&app, move |admin| admin.mfa_device(&allowed)).await
}

async fn tag_device(State(app): Shared, asked: Asked, Path(serial): Path<String>, body: Body<TagsBody>) -> DeviceShown {
    let (allowed, TagsBody { tags }) = asked.authorize_body(body, |_| serial, Vec::new()).await?;
    work(&app, move |admin| admin.tag_mfa_device(allowed, &tags)).await
}

async fn untag_device(
    State(app): Shared,
    asked: Asked,
    Path(serial): Path<String>,
    body: Body<KeysBody>,
) -> DeviceShown {
    let (allowed, KeysBody { keys }) = asked.authorize_body(body, |_| serial, Vec::new()).await?;
    work(&app, move |admin| admin.untag_mfa_device(allowed, &keys)).await
}

async fn remove_device(State(app): Shared, asked: Asked, Path(serial): Path<String>) -> Done {
    let allowed = asked.authorize(&serial).await?;
    work(&app, move |admin| admin.delete_mfa_device(allowed)).await
}

async fn devices_of(
    State(app): Shared,
    asked: Asked,
    Path(who): Path<String>,
) -> Result<Json<Vec<DeviceView>>, Failure> {
    let allowed = asked.authorize(&who).await?;
    work(&app, move |admin| admin.mfa_devices(&allowed)).await
}

async fn second_factors_of(
    State(app): Shared,
    asked: Asked,
    Path(who): Path<String>,
) -> Result<Json<Vec<FactorView>>, Failure> {
    let allowed = asked.authorize(&who).await?;
    work(&app, move |admin| admin.second_factors(&allowed)).await
}

async fn reset(State(app): Shared, asked: Asked, Path(who): Path<String>) -> Result<Json<FactorsReset>, Failure> {
    let allowed = asked.authorize(&who).await?;
    work(&app, move |admin| admin.reset_second_factors(allowed)).await
}

async fn enable(
    State(app): Shared,
    asked: Asked,
    Path((who, serial)): Path<(String, String)>,
    body: Body<CodesBody>,
) -> Done {
    let (allowed, codes) = codes(asked, body, who, &serial).await?;
    work(&app, move |admin| admin.enable_mfa_device(allowed, &serial, &codes)).await
}

async fn resync(
    State(app): Shared,
    asked: Asked,
    Path((who, serial)): Path<(String, String)>,
    body: Body<CodesBody>,
) -> Done {
    let (allowed, codes) = codes(asked, body, who, &serial).await?;
    work(&app, move |admin| admin.resync_mfa_device(allowed, &serial, &codes)).await
}

async fn codes(
    asked: Asked,
    body: Body<CodesBody>,
    who: String,
    serial: &str,
) -> Result<(crate::gate::Authorized, Codes), Failure> {
    let (allowed, codes) = asked.authorize_body(body, |_| who, vec![("device", serial.to_owned())]).await?;
    Ok((allowed, Codes::from(codes)))
}

async fn deactivate(State(app): Shared, asked: Asked, Path((who, serial)): Path<(String, String)>) -> Done {
    let allowed = asked.authorize_about(&who, vec![("device", serial.clone())]).await?;
    work(&app, move |admin| admin.deactivate_mfa_device(allowed, &serial)).await
}
