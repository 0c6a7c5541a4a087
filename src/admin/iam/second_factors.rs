//! All second factors of a person together: shown to administrators, and reset by them when somebody has lost everything.

use serde::{Deserialize, Serialize};

use super::super::{Admin, AdminError};
use super::Change;
use super::access_keys::owner_of;
use crate::base::{SessionId, Timestamp, UserId};
use crate::gate::Authorized;
use crate::model::{AccountId, Arn, Begun, CredentialOwner, MfaDevice, Passkey};
use crate::sessions::ending;
use crate::store::iam::Read;
use crate::store::schema::sessions::Way;
use crate::store::{Snapshot, credentials, factors, identity, sessions};

/// A second factor as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorView {
    /// `device`, `passkey` or `recovery codes`.
    pub kind: String,
    /// What it is called: a serial number, the name its owner gave it, how many are left.
    pub name: String,
    /// The id of a passkey.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Since when they have it.
    pub since: Timestamp,
    /// When a passkey was used last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
    /// Whether a passkey is copied between devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synced: Option<bool>,
}

/// What a reset did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorsReset {
    /// What was removed.
    pub removed: Vec<FactorView>,
    /// How many sign-ins ended with it.
    pub ended: u64,
}

impl Admin {
    /// The second factors of a user. Blocks.
    ///
    /// # Errors
    /// When there is nobody of that name, or the store cannot be read.
    pub fn second_factors(&self, asked: &Authorized) -> Result<Vec<FactorView>, AdminError> {
        self.store.read(|snapshot| {
            let (id, _) = user_of(snapshot, &self.account, asked.resource())?;
            Ok(Held::of(snapshot, id)?.views(&self.account))
        })
    }

    /// Removes all second factors of a user and their recovery codes, and ends what they are signed in to; they set up others anew.
    /// All of it is one commit. Blocks.
    ///
    /// # Errors
    /// When there is nobody of that name, it is whoever asks, or a part fails.
    pub fn reset_second_factors(&self, asked: Authorized) -> Result<FactorsReset, AdminError> {
        let which = asked.resource().to_owned();
        let own = asked.caller().signed().and_then(|signed| signed.user()).map(|user| user.id);
        let (by, now) = (asked.actor(), asked.at());
        let (reset, user) = self.change(asked, |change| {
            let (id, name) = user_of(change.snapshot, change.account, &which)?;
            // It would be a way around one's own second factor.
            if own == Some(id) {
                let remedy = "remove them at `/me/security`, or ask another administrator".to_owned();
                return Err(AdminError::Unmodifiable { what: "these are your own second factors".to_owned(), remedy });
            }
            let held = Held::of(change.snapshot, id)?;
            let removed = held.views(change.account);
            held.remove(change, id);
            let ended = end_sign_ins(change, id)?;
            change.note("user", name);
            change.note("removed", removed.iter().map(FactorView::told).collect::<Vec<_>>().join("; "));
            change.note("sessions_ended", ended.to_string());
            Ok((FactorsReset { removed, ended }, id))
        })?;
        self.end_families(|family| family.consent.user == user, &by, "second_factors_reset", now)?;
        Ok(reset)
    }
}

impl FactorView {
    /// In the audit log.
    fn told(&self) -> String {
        let id = self.id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
        format!("{} `{}`{id}", self.kind, self.name)
    }
}

/// All that somebody has, as it was read.
struct Held {
    devices: Vec<Read<MfaDevice>>,
    passkeys: Vec<Read<Passkey>>,
    codes: Option<Read<crate::model::RecoveryCodes>>,
    epoch: String,
}

impl Held {
    fn of(snapshot: &dyn Snapshot, id: UserId) -> Result<Self, AdminError> {
        Ok(Self {
            devices: credentials::mfa_devices_of(snapshot, &CredentialOwner::User(id))?,
            passkeys: factors::passkeys_of(snapshot, &id)?,
            codes: factors::recovery_codes(snapshot, &id)?,
            epoch: identity::epoch(snapshot)?.to_string(),
        })
    }

    fn views(&self, account: &AccountId) -> Vec<FactorView> {
        let view = |kind: &str, name: String, since| FactorView {
            kind: kind.to_owned(),
            name,
            id: None,
            since,
            last_used: None,
            synced: None,
        };
        let devices = self.devices.iter().map(|Read { value, .. }| {
            let since = value.enabled.as_ref().map_or(value.created, |enabled| enabled.since);
            view("device", Arn::mfa_device(account, &value.name).to_string(), since)
        });
        let passkeys = self.passkeys.iter().map(|Read { value, .. }| FactorView {
            id: Some(value.id.to_string()),
            last_used: value.last_used,
            synced: Some(value.synced),
            ..view("passkey", value.name.clone(), value.created)
        });
        let codes = self
            .codes
            .iter()
            .map(|Read { value, .. }| view("recovery codes", format!("{} left", value.left(&self.epoch)), value.made));
        devices.chain(passkeys).chain(codes).collect()
    }

    fn remove(&self, change: &mut Change<'_>, id: UserId) {
        self.devices.iter().for_each(|held| change.commit.delete_mfa_device(&held.value, held.revision));
        self.passkeys.iter().for_each(|held| change.commit.delete_passkey(&held.value, held.revision));
        if let Some(codes) = &self.codes {
            change.commit.delete_recovery_codes(&id, codes.revision);
        }
    }
}

fn user_of(snapshot: &dyn Snapshot, account: &AccountId, which: &str) -> Result<(UserId, String), AdminError> {
    match owner_of(snapshot, account, which)? {
        (CredentialOwner::User(id), name) => Ok((id, name)),
        (CredentialOwner::Root, _) => {
            Err(AdminError::NoSuch { what: "user `root`: its devices are those of `bailey root`".to_owned() })
        }
    }
}

/// Ends what somebody signed in to, in browsers and programs. What such a session began ends with it. Tokens that outlive a browser are
/// ended beside it.
fn end_sign_ins(change: &mut Change<'_>, id: UserId) -> Result<u64, AdminError> {
    let (mut after, mut ended): (Option<SessionId>, u64) = (None, 0);
    loop {
        let page = sessions::page_of(change.snapshot, (Way::User, id.as_bytes()), after.as_ref(), PAGE)?;
        for held in page.iter().filter(|held| matches!(held.value.begun, Begun::Login { .. })) {
            let reason = "second factors were reset";
            ended += u64::from(ending::end(&mut change.commit, held, change.actor, reason, change.now)?);
        }
        after = page.last().filter(|_| page.len() == PAGE).map(|last| last.value.id);
        if after.is_none() {
            return Ok(ended);
        }
    }
}

/// Sessions read in one go.
const PAGE: usize = 500;
