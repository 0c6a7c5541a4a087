//! Machines that show a token: a Kubernetes service account, or a SPIFFE id, that a machine was declared with.

use super::identify::{active, declared};
use super::refused::MachineRefused;
use super::{Credential, Machine};
use crate::authn::Caller;
use crate::authn::federated::WebIdentity;
use crate::authn::signed::RequestSource;
use crate::base::Timestamp;
use crate::model::{AccountId, MachineIdentity};
use crate::store::Store;

impl Machine {
    /// The machine of `account` that was declared with whom a verified token names; `None` where there is none, and it is somebody
    /// of elsewhere. Such a subject is that machine and nobody else: what trusts its issuer gives it nothing, and switched off it
    /// comes in by no other way. Reads the store, so it blocks.
    ///
    /// # Errors
    /// When the machine may not act, several are declared so, or the store cannot be read.
    pub fn with_token(
        (store, account): (&Store, &AccountId),
        identity: &WebIdentity,
        from: &RequestSource,
        now: Timestamp,
    ) -> Result<Option<Caller>, MachineRefused> {
        let (issuer, subject) = (identity.issuer().clone(), identity.subject().to_owned());
        let Ok(name) = MachineIdentity::token(issuer.clone(), &subject) else { return Ok(None) };
        let resource = match store.read(|snapshot| declared(snapshot, &name)) {
            Ok(resource) => active(resource, now)?,
            Err(MachineRefused::Unknown(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let shown = Credential::Token { issuer, subject, id: identity.token_id().map(str::to_owned) };
        Ok(Some(Self { account: account.clone(), resource, shown, at: now, from: from.clone() }.into()))
    }
}
