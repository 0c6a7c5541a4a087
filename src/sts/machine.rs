//! `AssumeRoleWithCertificate`, with the parameters that MinIO has for it and a role: a session for whoever showed the
//! certificate of a machine in the TLS handshake. And the same for a machine that showed a token, or ([`super::ticket`]) a ticket.
//!
//! Neither tags nor a source identity are taken: a machine says nothing of itself but by what vouches for it. What its session is
//! called is its own name, if nothing is said.

use std::sync::Arc;

use super::Sts;
use super::assume_role::{answer, asking, session_name, wanted};
use super::begins;
use super::unsigned::{Arrived, Doors};
use crate::authn::Caller;
use crate::authn::federated::WebIdentity;
use crate::authn::machine::{Credential, Machine, MachineRefused};
use crate::authn::signed::RequestSource;
use crate::base::{Fault, Faulty as _, Timestamp};
use crate::gate::{Gate, Operation, Proof, Whence};
use crate::issue::Inherited;
use crate::model::SessionName;
use crate::query::params::invalid;
use crate::query::{Params, QueryError};

/// Parameters of other ways to a role, that would be passed over silently.
const NOT_TAKEN: [&str; 4] = ["SourceIdentity", "TokenCode", "SerialNumber", "ExternalId"];

/// Who showed a certificate, and what they ask for.
///
/// # Errors
/// What is wrong with the parameters, or why it is no machine's.
pub(super) async fn with_certificate(
    sts: &Sts,
    doors: &Doors<'_>,
    params: &Params,
    from: RequestSource,
    now: Timestamp,
) -> Result<Arrived, QueryError> {
    let (machines, certificate) = (Arc::clone(doors.machines), doors.certificate.clone());
    let (account, gate) = (sts.admin.account.clone(), doors.gate.clone());
    let identified = sts.admin.store.run(move |store| {
        let whence = Whence::from(&from);
        let identified = machines.identify((store, &account), certificate.as_ref(), from, now);
        noted(&gate, Proof::Certificate, whence, identified, now)
    });
    arrived(identified.await.map_err(|error| refused(&error))?, params, Operation::AssumeRoleWithCertificate)
}

/// The machine that was declared with whom a token names, if one was.
///
/// # Errors
/// Why it may not act.
pub(super) async fn of_token(
    sts: &Sts,
    doors: &Doors<'_>,
    identity: WebIdentity,
    from: RequestSource,
    now: Timestamp,
) -> Result<(WebIdentity, Option<Caller>), QueryError> {
    let (account, gate) = (sts.admin.account.clone(), doors.gate.clone());
    let identified = sts.admin.store.run(move |store| {
        let found = Machine::with_token((store, &account), &identity, &from, now);
        noted(&gate, Proof::WebIdentity, (&from).into(), found, now).map(|found| (identity, found))
    });
    identified.await.map_err(|error| refused(&error))
}

/// What the gate is to be asked for a machine, and what to do then.
///
/// # Errors
/// What is wrong with the parameters.
pub(super) fn arrived(caller: Caller, params: &Params, operation: Operation) -> Result<Arrived, QueryError> {
    let own = caller.machine().and_then(|machine| SessionName::sanitised(machine.resource().name.as_str()));
    let name = named(params, own)?;
    let (resource, mut asking) = asking(params, &name, &Inherited::default())?;
    asking.notes.extend(caller.machine().map(Machine::shown).into_iter().flat_map(told));
    let job = begins(wanted(params, name, |_| Ok(Inherited::default()))?, answer)?;
    Ok(Arrived { caller, operation, resource, asking, job, answer: None })
}

/// What the session is called, its `own` name if nothing is said.
///
/// # Errors
/// When that is no name, or there are parameters that a machine cannot have.
pub(super) fn named(params: &Params, own: Option<SessionName>) -> Result<SessionName, QueryError> {
    let tags = (!params.tags()?.is_empty()).then_some("Tags");
    if let Some(name) = NOT_TAKEN.into_iter().find(|name| params.text(name).is_some()).or(tags) {
        return Err(invalid(None, name, "a machine cannot say that of itself"));
    }
    match params.text("RoleSessionName") {
        Some(_) => session_name(params),
        None => own.map_or_else(|| session_name(params), Ok),
    }
}

/// What was shown, for the record.
fn told(shown: &Credential) -> Vec<(&'static str, String)> {
    match shown {
        Credential::Certificate { issuer, serial, .. } => {
            vec![("machine_issuer", issuer.clone()), ("certificate", serial.clone())]
        }
        Credential::Kerberos { realm, principal } => {
            vec![("realm", realm.clone()), ("principal", principal.clone())]
        }
        Credential::Token { issuer, subject, id } => {
            let mut told = vec![("issuer", issuer.url()), ("subject", subject.clone())];
            told.extend(id.clone().map(|id| ("token_id", id)));
            told
        }
    }
}

/// Has a refusal written down. Blocks.
fn noted<T>(
    gate: &Gate,
    proof: Proof,
    whence: Whence,
    identified: Result<T, MachineRefused>,
    now: Timestamp,
) -> Result<T, MachineRefused> {
    identified.inspect_err(|error| note(gate, (proof, Vec::new()), whence, error, now))
}

/// Has a refusal written down, and says it.
pub(super) fn denied(
    gate: &Gate,
    proof: (Proof, Vec<(&'static str, String)>),
    whence: Whence,
    error: &MachineRefused,
    now: Timestamp,
) -> QueryError {
    note(gate, proof, whence, error, now);
    refused(error)
}

fn note(
    gate: &Gate,
    (proof, mut about): (Proof, Vec<(&'static str, String)>),
    whence: Whence,
    error: &MachineRefused,
    now: Timestamp,
) {
    if error.fault() != Fault::Caller {
        tracing::error!(%error, "whether that is a machine's cannot be told");
    }
    about.push(("code", error.code().to_owned()));
    gate.refuse_proof(proof, whence, about, error, now);
}

/// Why it is no machine, in the words of STS.
fn refused(error: &MachineRefused) -> QueryError {
    match error.fault() {
        Fault::Caller => QueryError::new(403, "AccessDenied", error.to_string()),
        // Where its files lie is nobody else's business.
        _ => {
            let message = "whether that is a machine's cannot be told now; the operator has to act";
            QueryError::new(503, "ServiceUnavailable", message)
        }
    }
}
