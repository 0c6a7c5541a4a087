//! Virtual devices of the second factor: made, put into somebody's hands, taken away.
//!
//! A seed is told once, when the device is made, and lies sealed in the store from then on. A device counts from the moment
//! its holder has shown two codes of it; each code is taken once.

use std::collections::BTreeMap;

use rand::SeedableRng as _;
use serde::{Deserialize, Serialize};

use super::super::{Admin, AdminError};
use super::access_keys::{name_of_owner, owner_of};
use super::{Change, holders};
use crate::authn::totp;
use crate::base::{Secret, Timestamp};
use crate::gate::Authorized;
use crate::keys::mfa_device_owner;
use crate::model::mfa_device::{Enabled, LONGEST_NAME, MOST};
use crate::model::{AccountId, Arn, CredentialOwner, IamPath, MfaDevice, Tags};
use crate::store::iam::Read;
use crate::store::{Snapshot, credentials};

/// A device to be made.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDevice {
    /// Its name.
    pub name: String,
    /// Where.
    #[serde(default)]
    pub path: IamPath,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// A device as listings show it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeviceView {
    /// Its ARN.
    pub serial: String,
    /// The name of its holder, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Since when it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<Timestamp>,
    /// Tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// A new device, with its seed: the only time that it is told.
#[derive(Debug)]
pub struct MadeDevice {
    /// The device.
    pub device: DeviceView,
    /// The seed in base 32, as people type it into an app.
    pub seed: Secret<String>,
    /// The same as a picture (PNG) that an app reads.
    pub picture: Secret<Vec<u8>>,
}

/// Two codes of a device, one right after the other.
#[derive(Debug)]
pub struct Codes {
    /// The first.
    pub first: Secret<String>,
    /// The one after it.
    pub second: Secret<String>,
}

impl Admin {
    /// Makes a device, which is nobody's yet. Blocks.
    ///
    /// # Errors
    /// When there is one of that name, there is no master key, or a part fails.
    pub fn create_mfa_device(&self, asked: Authorized, new: &NewDevice) -> Result<MadeDevice, AdminError> {
        let mut rng = rand::rngs::StdRng::from_seed(rand::RngExt::random(
            &mut *self.rng.lock().unwrap_or_else(std::sync::PoisonError::into_inner),
        ));
        let seed = totp::seed(&mut rng);
        self.change(asked, |change| {
            let name = device_name(&new.path, &new.name)?;
            if credentials::mfa_device(change.snapshot, &name)?.is_some() {
                return Err(AdminError::Exists { kind: "virtual MFA device", name: name.to_ascii_lowercase() });
            }
            let sealed = self.keys.seal(&mfa_device_owner(&name.to_ascii_lowercase()), &seed)?;
            let tags = holders::tags_of(&new.tags)?;
            let created = change.now;
            let device = MfaDevice { name: name.clone(), seed: sealed, created, last_step: None, enabled: None, tags };
            change.commit.put_mfa_device(None, &device, 0)?;
            let view = DeviceView::of(change.account, &device, None);
            change.note("device", view.serial.clone());
            let uri = totp::uri(&seed, "Bailey", &format!("{}@{}", new.name, change.account));
            let picture = uri.and_then(|uri| totp::qr_png(&uri)).map_err(|error| AdminError::OutOfBounds {
                what: "name".to_owned(),
                limit: format!("short enough for a picture: {error}"),
            })?;
            Ok(MadeDevice { device: view, seed: totp::base32(&seed), picture })
        })
    }

    /// Sets tags of a device. Blocks.
    ///
    /// # Errors
    /// When there is none, a tag is none, or a part fails.
    pub fn tag_mfa_device(&self, asked: Authorized, set: &BTreeMap<String, String>) -> Result<DeviceView, AdminError> {
        self.retag_device(asked, |tags| holders::set_tags(tags, set))
    }

    /// Takes tags of a device away. Blocks.
    ///
    /// # Errors
    /// When there is none, or a part fails.
    pub fn untag_mfa_device(&self, asked: Authorized, remove: &[String]) -> Result<DeviceView, AdminError> {
        self.retag_device(asked, |tags| {
            holders::remove_tags(tags, remove);
            Ok(())
        })
    }

    fn retag_device(
        &self,
        asked: Authorized,
        change_tags: impl FnOnce(&mut Tags) -> Result<(), AdminError>,
    ) -> Result<DeviceView, AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: before, revision } = device(change.snapshot, change.account, &which)?;
            let mut after = before.clone();
            change_tags(&mut after.tags)?;
            super::fits(&after, "tags")?;
            change.commit.put_mfa_device(Some(&before), &after, revision)?;
            let owner = after.enabled.as_ref().map(|enabled| name_of_owner(change.snapshot, &enabled.owner));
            let view = DeviceView::of(change.account, &after, owner.transpose()?);
            change.note("device", view.serial.clone());
            change.note("tags", holders::told_tags(&after.tags));
            Ok(view)
        })
    }

    /// Shows a device, whosever it is. Blocks.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn mfa_device(&self, asked: &Authorized) -> Result<DeviceView, AdminError> {
        self.store.read(|snapshot| {
            let found = device(snapshot, &self.account, asked.resource())?.value;
            let owner = found.enabled.as_ref().map(|enabled| name_of_owner(snapshot, &enabled.owner));
            Ok(DeviceView::of(&self.account, &found, owner.transpose()?))
        })
    }

    /// Deletes a device that is nobody's. Blocks.
    ///
    /// # Errors
    /// When there is none, somebody holds it, or a part fails.
    pub fn delete_mfa_device(&self, asked: Authorized) -> Result<(), AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: device, revision } = device(change.snapshot, change.account, &which)?;
            if let Some(enabled) = &device.enabled {
                return Err(AdminError::DeleteConflict {
                    what: format!("it is the device of `{}`", name_of_owner(change.snapshot, &enabled.owner)?),
                    remedy: "deactivate it first".to_owned(),
                });
            }
            change.commit.delete_mfa_device(&device, revision);
            change.note("device", Arn::mfa_device(change.account, &device.name).to_string());
            Ok(())
        })
    }

    /// Puts a device into the hands of a user or root, who shows two codes of it. Blocks.
    ///
    /// # Errors
    /// When it is somebody's already, the codes are wrong or were tried too often, there are eight, or a part fails.
    pub fn enable_mfa_device(&self, asked: Authorized, serial: &str, codes: &Codes) -> Result<(), AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let (owner, name) = owner_of(change.snapshot, change.account, &which)?;
            let Read { value: before, revision } = device(change.snapshot, change.account, serial)?;
            if before.enabled.is_some() {
                return Err(AdminError::Exists { kind: "owner of device", name: before.name });
            }
            if credentials::mfa_devices_of(change.snapshot, &owner)?.len() >= MOST {
                return Err(AdminError::LimitExceeded {
                    what: format!("a ninth device of `{name}`"),
                    limit: format!("{MOST} are allowed"),
                });
            }
            let pace = self.pace(change, owner, &before, codes)?;
            let enabled = Enabled { owner, since: change.now, drift: pace.drift };
            let after = MfaDevice { enabled: Some(enabled), last_step: pace.last_step, ..before.clone() };
            change.commit.put_mfa_device(Some(&before), &after, revision)?;
            change.note("user", name);
            Ok(())
        })
    }

    /// Follows a device whose clock went astray: its holder shows two codes of it. Blocks.
    ///
    /// # Errors
    /// When it is not theirs, the codes are wrong or were tried too often, or a part fails.
    pub fn resync_mfa_device(&self, asked: Authorized, serial: &str, codes: &Codes) -> Result<(), AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let (owner, name) = owner_of(change.snapshot, change.account, &which)?;
            let (Read { value: before, revision }, enabled) = theirs(change, serial, owner, &name)?;
            let pace = self.pace(change, owner, &before, codes)?;
            let enabled = Enabled { drift: pace.drift, ..enabled };
            let after = MfaDevice { enabled: Some(enabled), last_step: pace.last_step, ..before.clone() };
            change.commit.put_mfa_device(Some(&before), &after, revision)?;
            change.note("user", name);
            Ok(())
        })
    }

    /// Takes a device from somebody; it stays, and is nobody's. Blocks.
    ///
    /// # Errors
    /// When it is not theirs, or a part fails.
    pub fn deactivate_mfa_device(&self, asked: Authorized, serial: &str) -> Result<(), AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let (owner, name) = owner_of(change.snapshot, change.account, &which)?;
            let (Read { value: before, revision }, _) = theirs(change, serial, owner, &name)?;
            let after = MfaDevice { enabled: None, ..before.clone() };
            change.commit.put_mfa_device(Some(&before), &after, revision)?;
            change.note("user", name);
            Ok(())
        })
    }

    /// The devices of a user or root. Blocks.
    ///
    /// # Errors
    /// When there is nobody of that name, or the store cannot be read.
    pub fn mfa_devices(&self, asked: &Authorized) -> Result<Vec<DeviceView>, AdminError> {
        self.store.read(|snapshot| {
            let (owner, name) = owner_of(snapshot, &self.account, asked.resource())?;
            let devices = credentials::mfa_devices_of(snapshot, &owner)?;
            Ok(devices.iter().map(|held| DeviceView::of(&self.account, &held.value, Some(name.clone()))).collect())
        })
    }

    /// The first `limit` of all devices behind `after`, and the name to go on behind. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn virtual_mfa_devices(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<super::views::Page<DeviceView>, AdminError> {
        self.store.read(|snapshot| {
            let devices = credentials::mfa_devices(snapshot, after, limit)?;
            let next = devices.last().filter(|_| devices.len() == limit).map(|last| last.name.clone());
            let mut items = Vec::new();
            for device in &devices {
                let owner = device.enabled.as_ref().map(|enabled| name_of_owner(snapshot, &enabled.owner));
                items.push(DeviceView::of(&self.account, device, owner.transpose()?));
            }
            Ok(super::views::Page { items, next })
        })
    }

    /// Checks two codes, within the limits on guessing.
    pub(super) fn pace(
        &self,
        change: &Change<'_>,
        owner: CredentialOwner,
        device: &MfaDevice,
        codes: &Codes,
    ) -> Result<totp::Pace, AdminError> {
        // A window a device: codes of one that somebody holds the seed of do not let guesses at another go on.
        let attempt = self.attempts.begin((owner, device.folded()), change.now).map_err(|error| {
            AdminError::NotNow { what: "codes were wrong too often".to_owned(), remedy: error.to_string() }
        })?;
        let seed = self.keys.unseal(&mfa_device_owner(&device.folded()), &device.seed)?;
        let pace = totp::verify_pair(&seed, codes.first.expose(), codes.second.expose(), device.last_step, change.now);
        let pace = pace.map_err(|error| AdminError::WrongCode { why: error.to_string() })?;
        self.attempts.succeeded(attempt);
        Ok(pace)
    }
}

impl DeviceView {
    fn of(account: &AccountId, device: &MfaDevice, user: Option<String>) -> Self {
        Self {
            serial: Arn::mfa_device(account, &device.name).to_string(),
            user,
            enabled: device.enabled.as_ref().map(|enabled| enabled.since),
            tags: super::views::tags(&device.tags),
        }
    }
}

/// The device that a serial number, or the end of one, means.
fn device(snapshot: &dyn Snapshot, account: &AccountId, serial: &str) -> Result<Read<MfaDevice>, AdminError> {
    let prefix = Arn::mfa_device(account, "").to_string();
    let name = serial.strip_prefix(&prefix).unwrap_or(serial);
    let missing =
        || AdminError::NoSuch { what: format!("virtual MFA device `{}`", crate::base::text::printable(serial)) };
    credentials::mfa_device(snapshot, name)?.ok_or_else(missing)
}

/// The device that a serial number means, if `owner` holds it.
fn theirs(
    change: &Change<'_>,
    serial: &str,
    owner: CredentialOwner,
    name: &str,
) -> Result<(Read<MfaDevice>, Enabled), AdminError> {
    let found = device(change.snapshot, change.account, serial)?;
    match found.value.enabled.clone().filter(|enabled| enabled.owner == owner) {
        Some(enabled) => Ok((found, enabled)),
        None => Err(AdminError::NoSuch { what: format!("such device of `{name}`") }),
    }
}

/// Path and name as they stand in the serial number (IAM API reference, `virtualMFADeviceName`).
fn device_name(path: &IamPath, name: &str) -> Result<String, AdminError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    let whole = format!("{}{name}", path.as_str().trim_start_matches('/'));
    if name.is_empty() || !name.chars().all(allowed) || whole.len() > LONGEST_NAME {
        return Err(AdminError::OutOfBounds {
            what: "name".to_owned(),
            limit: format!("letters, digits and _+=,.@-, with its path at most {LONGEST_NAME}"),
        });
    }
    Ok(whole)
}
