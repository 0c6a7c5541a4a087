//! `AssumeRoleWithSAML`: a session of a role for whoever brings an assertion of a SAML provider that the role trusts.
//!
//! What the session is called, tagged with and how long it lasts at most stands in the assertion (IAM User Guide, "Configuring SAML
//! assertions for the authentication response"); nobody can ask for more by a parameter. An assertion counts once for each role, and
//! that it was shown is written with the session, in one act.

use std::sync::Arc;

use super::assume_role::{answer, asking, wanted};
use super::unsigned::{Arrived, Doors};
use super::{Sts, begins};
use crate::admin::AdminError;
use crate::authn::saml::{AssertionDecryption, SamlIdentity, SamlIdentityError, ServiceProvider};
use crate::authn::signed::RequestSource;
use crate::authn::subject::{Identity, Visitor};
use crate::base::text::printable;
use crate::base::{Secret, Timestamp};
use crate::gate::{Operation, Proof};
use crate::issue::Inherited;
use crate::model::SessionName;
use crate::query::answer::text;
use crate::query::params::invalid;
use crate::query::{Node, Params, QueryError};
use crate::rights::find::{self, FindError};
use crate::store::saml;

/// Characters of a provider's ARN (STS API reference, `PrincipalArn`).
const PRINCIPAL_ARN: std::ops::RangeInclusive<usize> = 20..=2_048;

/// Characters of an assertion (STS API reference, `SAMLAssertion`).
const ASSERTION: std::ops::RangeInclusive<usize> = 4..=100_000;

/// Who brought an assertion, and what they ask for.
///
/// # Errors
/// What is wrong with the parameters, or why it makes nobody.
pub(super) async fn with_assertion(
    sts: &Sts,
    doors: &Doors<'_>,
    params: &Params,
    from: RequestSource,
    now: Timestamp,
) -> Result<Arrived, QueryError> {
    let own = doors.settings.saml.clone().ok_or_else(|| {
        let message = "SAML assertions are not taken here: `sts.saml_urls` names no address that they could be for";
        QueryError::new(403, "AccessDenied", message)
    })?;
    let principal = principal(params)?;
    let assertion = params.secret("SAMLAssertion")?;
    if !ASSERTION.contains(&assertion.expose().len()) {
        return Err(invalid(None, "sAMLAssertion", "Member must have 4 to 100000 characters"));
    }
    // What can be wrong with the rest is told before the assertion is looked at: any name stands for the one that it says.
    let any = "unknown".parse::<SessionName>().map_err(|_| crate::issue::IssueError::Nobody)?;
    asking(params, &any, &Inherited::default())?;
    drop(wanted(params, any, |_| Ok(Inherited::default()))?);

    let identity = match verified(sts, principal, assertion, own, now).await? {
        Ok(identity) => identity,
        Err(error) => return Err(refused(doors, &error, (principal, &from), now)),
    };
    if !identity.is_for(params.required("RoleArn")?) {
        let message = "the attribute Role of the SAML assertion does not name this role together with this provider";
        let about = vec![("code", "AccessDenied".to_owned()), ("provider", principal.to_owned())];
        doors.gate.refuse_proof(Proof::Saml, &from, about, &message, now);
        return Err(QueryError::new(403, "AccessDenied", message));
    }
    let name = identity.session_name().clone();
    // Tags are the provider's to say: a parameter would be whoever holds the assertion.
    let source = identity.source_identity().map(str::to_owned);
    let inherited = Inherited::of(None, identity.tags().into(), source)?;
    let (resource, asking) = asking(params, &name, &inherited)?;
    let said = said(&identity);
    let job = begins(wanted(params, name, move |_| Ok(inherited))?, move |minted| {
        let mut pieces = said;
        pieces.extend(answer(minted));
        pieces
    })?;
    let caller = Visitor::new(Identity::Saml(Box::new(identity)), sts.admin.account.clone(), from).into();
    Ok(Arrived { caller, operation: Operation::AssumeRoleWithSAML, resource, asking, job, answer: None })
}

/// The ARN of the provider that is asked to be believed.
fn principal(params: &Params) -> Result<&str, QueryError> {
    let arn = params.required("PrincipalArn")?;
    if !PRINCIPAL_ARN.contains(&arn.len()) || !arn.starts_with("arn:aws:iam::") || !arn.contains(":saml-provider/") {
        let rule = "Member must be the ARN of a SAML provider, such as arn:aws:iam::123456789012:saml-provider/Name";
        return Err(invalid(Some(arn), "principalArn", rule));
    }
    Ok(arn)
}

/// Verification is arithmetic, and it is done where nobody waits behind it.
async fn verified(
    sts: &Sts,
    principal: &str,
    assertion: Secret<String>,
    own: Arc<ServiceProvider>,
    now: Timestamp,
) -> Result<Result<SamlIdentity, SamlIdentityError>, QueryError> {
    let (account, which, keys) = (sts.admin.account.clone(), principal.to_owned(), sts.admin.keys.clone());
    let verified = sts.admin.store.run(move |store| {
        let known = store.read(|snapshot| match find::saml_provider(snapshot, &account, &which) {
            // As it is written in trust policies and in the assertion, letter by letter.
            Ok(found) if found.value.arn().as_str() == which => {
                let sealed = saml::provider_keys(snapshot, &found.value.id)?;
                Ok(Some((found.value, sealed)))
            }
            Err(FindError::Store(error)) => Err(AdminError::Store(error)),
            Ok(_) | Err(_) => Ok(None),
        })?;
        let Some((provider, sealed)) = known else { return Ok(None) };
        let decryption = AssertionDecryption::of(&keys, &provider, &sealed)?;
        Ok::<_, AdminError>(Some(SamlIdentity::verify((&provider, decryption), &assertion, &own, now)))
    });
    verified.await?.ok_or_else(|| {
        let message = format!("there is no SAML provider {}", printable(principal));
        QueryError::new(400, "InvalidIdentityToken", message)
    })
}

/// Why it makes nobody, in the words of STS.
fn refused(
    doors: &Doors<'_>,
    error: &SamlIdentityError,
    (principal, from): (&str, &RequestSource),
    now: Timestamp,
) -> QueryError {
    if let SamlIdentityError::Metadata { provider, why } = error {
        tracing::error!(provider, %why, "the metadata of a SAML provider cannot be used");
    }
    let about = vec![("code", error.code().to_owned()), ("provider", principal.to_owned())];
    doors.gate.refuse_proof(Proof::Saml, from, about, error, now);
    let status = if error.code() == "IDPRejectedClaim" { 403 } else { 400 };
    QueryError::of(error, status, error.code())
}

/// What is told of the assertion besides the session.
fn said(identity: &SamlIdentity) -> Vec<Node> {
    vec![
        text("Subject", identity.subject()),
        text("SubjectType", identity.subject_type()),
        text("Issuer", identity.issuer()),
        text("Audience", identity.assertion().recipient()),
        text("NameQualifier", identity.name_qualifier()),
    ]
}
