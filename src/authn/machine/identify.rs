//! From a certificate to the one machine that is meant.

use super::issuers::{MachineIssuers, Vouched};
use super::refused::{MachineRefused, Untrusted};
use super::settings::Vouches;
use super::{Credential, Machine, Shown};
use crate::authn::Caller;
use crate::authn::signed::RequestSource;
use crate::base::Timestamp;
use crate::model::{AccountId, DirectoryLabel, MachineIdentity, RefHash, Resource, reference};
use crate::store::{Snapshot, Store, rows};

impl MachineIssuers {
    /// The machine of `account` that showed `shown` at `now`: the one constructor of such a [`Caller`]. Reads files that changed
    /// and the store, so it blocks.
    ///
    /// # Errors
    /// When no certificate was shown or it does not count; when no machine, or more than one, is known by it, or the machine may
    /// not act; when files of the authority, or the store, cannot be read.
    pub fn identify(
        &self,
        (store, account): (&Store, &AccountId),
        shown: Option<&Shown>,
        from: RequestSource,
        now: Timestamp,
    ) -> Result<Caller, MachineRefused> {
        let shown = shown.ok_or(MachineRefused::NoCertificate)?;
        let mut refusal = None;
        for vouched in self.vouching(shown, now)? {
            match store.read(|snapshot| meant(snapshot, &vouched)) {
                Ok(resource) => {
                    let resource = active(resource, now)?;
                    let Vouched { settings, leaf } = vouched;
                    let (issuer, serial, until) = (settings.name, leaf.serial, leaf.until);
                    let shown = Credential::Certificate { issuer, serial, until };
                    return Ok(Machine { account: account.clone(), resource, shown, at: now, from }.into());
                }
                Err(error) => {
                    refusal.get_or_insert(error);
                }
            }
        }
        Err(refusal.unwrap_or_else(|| Untrusted::Issuer.into()))
    }
}

/// The machine, if it may act.
pub(super) fn active(resource: Resource, now: Timestamp) -> Result<Resource, MachineRefused> {
    match resource.standing.active(now) {
        Ok(()) => Ok(resource),
        Err(why) => Err(MachineRefused::Inactive { name: resource.name.to_string(), why }),
    }
}

/// The machine that a certificate names which this authority vouches for.
fn meant(snapshot: &dyn Snapshot, vouched: &Vouched) -> Result<Resource, MachineRefused> {
    let Vouched { settings, leaf } = vouched;
    match &settings.vouches {
        Vouches::Computers { directory } => {
            let sid = leaf.sid()?;
            let one = one(snapshot, directory, &reference::by_sid(sid), &format!("{sid} in directory `{directory}`"))?;
            Some(one).filter(|machine| machine.origin.sid.as_ref() == Some(sid)).ok_or_else(|| unknown(sid))
        }
        Vouches::Declared => declared(snapshot, leaf.name()?),
    }
}

/// The machine that was declared with this.
pub(super) fn declared(snapshot: &dyn Snapshot, name: &MachineIdentity) -> Result<Resource, MachineRefused> {
    let one = one(snapshot, &DirectoryLabel::local(), &reference::by_identity(name), &name.to_string())?;
    Some(one).filter(|machine| machine.identities.contains(name)).ok_or_else(|| unknown(name))
}

pub(super) fn unknown(what: &dyn std::fmt::Display) -> MachineRefused {
    MachineRefused::Unknown(what.to_string())
}

/// The one machine of a directory that is known by this. One that is gone is known by nothing: its like may have come in its
/// place.
fn one(
    snapshot: &dyn Snapshot,
    directory: &DirectoryLabel,
    known: &RefHash,
    told: &str,
) -> Result<Resource, MachineRefused> {
    let mut found = rows::machines_known_by(snapshot, directory, known)?;
    if found.len() > 1 {
        found.retain(|machine| machine.standing.is_present());
    }
    match (found.pop(), found.is_empty()) {
        (Some(machine), true) => Ok(machine),
        (None, _) => Err(unknown(&told)),
        (Some(_), false) => Err(MachineRefused::Ambiguous(told.to_owned())),
    }
}
