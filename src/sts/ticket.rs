//! `AssumeRoleWithKerberos`: a session of a role for a computer that shows its Kerberos ticket (`Authorization: Negotiate`, RFC
//! 4559), with the parameters of `AssumeRoleWithCertificate`.
//!
//! In one round: without a ticket the answer is 401 and asks for one, as `curl --negotiate` and everything else that speaks SPNEGO
//! expect. The ticket is looked at behind the parameters, for it is good once.

use std::sync::Arc;

use super::Sts;
use super::assume_role::{asking, wanted};
use super::machine::{arrived, denied, named};
use super::unsigned::{Arrived, Doors};
use crate::authn::Caller;
use crate::authn::kerberos::{KerberosRefused, Principal, Token};
use crate::authn::machine::{Machine, MachineRefused, Named};
use crate::authn::signed::RequestSource;
use crate::base::Timestamp;
use crate::gate::{Operation, Proof, Whence};
use crate::issue::Inherited;
use crate::model::{Domains, SessionName};
use crate::query::{Params, QueryError};
use crate::store::{Store, StoreError};
use crate::sync::state;

/// Who showed a ticket, and what they ask for.
///
/// # Errors
/// What is wrong with the parameters, or why it is no machine's.
pub(super) async fn with_ticket(
    sts: &Sts,
    doors: &Doors<'_>,
    shown: Option<Result<Token, KerberosRefused>>,
    (params, from): (&Params, RequestSource),
    now: Timestamp,
) -> Result<Arrived, QueryError> {
    if !doors.settings.kerberos {
        let message = "Kerberos tickets are not taken here: `sts.assume_role_with_kerberos` is off";
        return Err(QueryError::new(403, "AccessDenied", message));
    }
    // In the clear somebody on the way sends it before its owner does.
    if !from.secure {
        return Err(QueryError::new(403, "AccessDenied", "a Kerberos ticket is taken over HTTPS alone"));
    }
    let Some(shown) = shown else {
        let message = "a Kerberos ticket is wanted, in `Authorization: Negotiate`: such as with kinit -k and curl --negotiate -u :";
        return Err(QueryError::new(401, "MissingAuthenticationToken", message));
    };
    let any = named(params, SessionName::sanitised("machine"))?;
    asking(params, &any, &Inherited::default())?;
    drop(wanted(params, any, |_| Ok(Inherited::default()))?);
    let whence = Whence::from(&from);
    let refused = |about: Vec<(&'static str, String)>, error: &MachineRefused| {
        denied(doors.gate, (Proof::Kerberos, about), whence.clone(), error, now)
    };
    let accepted = match shown {
        Ok(token) => doors.kerberos.accept(token, now).await,
        Err(error) => Err(error),
    };
    let accepted = accepted.map_err(|error| refused(Vec::new(), &error.into()))?;
    let about = vec![("realm", accepted.principal.realm().to_owned()), ("principal", accepted.principal.to_string())];
    let caller = identified(sts, accepted.principal, from, now).await.map_err(|error| refused(about, &error))?;
    let arrived = arrived(caller, params, Operation::AssumeRoleWithKerberos)?;
    Ok(Arrived { answer: accepted.answer, ..arrived })
}

/// The machine behind a name, as its directory confirms it.
async fn identified(
    sts: &Sts,
    principal: Principal,
    from: RequestSource,
    now: Timestamp,
) -> Result<Caller, MachineRefused> {
    let (store, account) = (&sts.admin.store, &sts.admin.account);
    let domains = store.run(domains).await?;
    let named = Named::of(principal, &domains)?;
    let directory = named.directory().clone();
    let Some(handle) = sts.admin.directories.of(&directory) else {
        let why = "it is not configured any more".to_owned();
        return Err(MachineRefused::Away { directory: directory.to_string(), why });
    };
    let source = Arc::clone(&handle.runner.source);
    Machine::with_ticket((store, account), named, source.as_ref(), from, now).await
}

/// The directories that are domains. Blocks.
fn domains(store: &Store) -> Result<Domains, StoreError> {
    let states = store.read(|snapshot| state::load_all(snapshot))?;
    Ok(Domains::new(states.into_iter().filter_map(|(label, state)| Some((label, state.domain?)))))
}
