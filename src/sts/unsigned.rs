//! Actions that nobody signs: who asks shows a password, a certificate, a Kerberos ticket, or the word of somebody who vouches for
//! them.
//!
//! What is wrong with the parameters is told before anything is shown to anybody: a password is not spent on a typing error.

use std::sync::Arc;

use crate::authn::Caller;
use crate::authn::federated::{self, WebIdentityError};
use crate::authn::kerberos::{Acceptor, KerberosRefused, Token};
use crate::authn::login::{Attempt, Logins, Reason, Refused};
use crate::authn::machine::{MachineIssuers, Shown};
use crate::authn::saml::ServiceProvider;
use crate::authn::signed::RequestSource;
use crate::authn::subject::{Identity, Visitor};
use crate::base::{Fault, Faulty as _, Secret, Timestamp};
use crate::gate::{Asking, Gate, Operation, Proof};
use crate::issue::{Inherited, IssueError, LONGEST_OWN, SHORTEST, Wanted, What};
use crate::model::{OidcProvider, SessionName};
use crate::query::answer::text;
use crate::query::{Answered, Node, Params, QueryError};
use crate::store::{StoreError, iam};

use super::assume_role::{answer, asking, session_name, wanted};
use super::wanted::{inherited, policies, policy};
use super::{Job, Sts, begins, machine, saml, ticket};

/// What may be done without a signature.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Whether a password of the directory is taken by `AssumeRoleWithLDAPIdentity`.
    pub ldap_identity: bool,
    /// Whether a machine's Kerberos ticket is taken by `AssumeRoleWithKerberos`.
    pub kerberos: bool,
    /// Who we are to SAML providers, and where their assertions are delivered; without it none is taken.
    pub saml: Option<Arc<ServiceProvider>>,
}

/// An action without a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsigned {
    /// With the TLS client certificate of a machine.
    Certificate,
    /// With the Kerberos ticket of a machine.
    Kerberos,
    /// With a password of the directory.
    LdapIdentity,
    /// With an assertion of an outside SAML provider.
    Saml,
    /// With a token of an outside issuer.
    WebIdentity,
}

/// What such an action asks besides the operations.
pub struct Doors<'a> {
    /// Decides, and records.
    pub gate: &'a Gate,
    /// Checks passwords.
    pub logins: &'a Logins,
    /// Checks certificates.
    pub machines: &'a Arc<MachineIssuers>,
    /// What the other end of the connection showed; nothing that a proxy says.
    pub certificate: Option<Shown>,
    /// Takes Kerberos tickets.
    pub kerberos: &'a Acceptor,
    /// What may be done.
    pub settings: Settings,
}

/// Somebody who was authenticated, what the gate is to be asked, and what to do then.
pub struct Arrived {
    pub(super) caller: Caller,
    pub(super) operation: Operation,
    pub(super) resource: String,
    pub(super) asking: Asking,
    pub(super) job: Job,
    /// What proves us to whoever showed a ticket.
    pub(super) answer: Option<Vec<u8>>,
}

impl Unsigned {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Certificate, Self::Kerberos, Self::LdapIdentity, Self::Saml, Self::WebIdentity];

    /// Its name in requests.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Certificate => "AssumeRoleWithCertificate",
            Self::Kerberos => "AssumeRoleWithKerberos",
            Self::LdapIdentity => "AssumeRoleWithLDAPIdentity",
            Self::Saml => "AssumeRoleWithSAML",
            Self::WebIdentity => "AssumeRoleWithWebIdentity",
        }
    }

    /// The action of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    /// Finds out who asks. `ticket` is what came in `Authorization: Negotiate`, for the one action that looks there.
    ///
    /// # Errors
    /// What is wrong with the parameters, or why it is nobody. One of status 401 asks for a ticket.
    pub async fn arrive(
        self,
        sts: &Sts,
        doors: &Doors<'_>,
        ticket: Option<Result<Token, KerberosRefused>>,
        (params, from): (&Params, RequestSource),
        now: Timestamp,
    ) -> Result<Arrived, QueryError> {
        match self {
            Self::Certificate => machine::with_certificate(sts, doors, params, from, now).await,
            Self::Kerberos => ticket::with_ticket(sts, doors, ticket, (params, from), now).await,
            Self::LdapIdentity => with_password(sts, doors, params, from, now).await,
            Self::Saml => saml::with_assertion(sts, doors, params, from, now).await,
            Self::WebIdentity => with_token(sts, doors, params, from, now).await,
        }
    }
}

impl Arrived {
    /// What proves us to whoever showed a ticket, to be sent back with the answer.
    pub fn take_answer(&mut self) -> Option<Vec<u8>> {
        self.answer.take()
    }

    /// Asks the gate, and begins the session. Blocks.
    ///
    /// # Errors
    /// Why they may not, or why it did not begin.
    pub fn carry_out(self, sts: &Sts, gate: &Gate, now: Timestamp) -> Answered {
        let Self { caller, operation, resource, asking, job, answer: _ } = self;
        let allowed = gate.authorize_about(caller, operation, &resource, &asking, now)?;
        job.run(sts, allowed, || sts.admin.now())
    }
}

/// `AssumeRoleWithLDAPIdentity`, with the parameters that MinIO has for it, and a role: without one the session is the person's
/// own, as of GetSessionToken.
async fn with_password(
    sts: &Sts,
    doors: &Doors<'_>,
    params: &Params,
    from: RequestSource,
    now: Timestamp,
) -> Result<Arrived, QueryError> {
    if !doors.settings.ldap_identity {
        let message = "passwords are not taken here: `sts.assume_role_with_ldap_identity` is off";
        return Err(QueryError::new(403, "AccessDenied", message));
    }
    if !from.secure {
        let message = "a password is taken over HTTPS alone";
        return Err(QueryError::new(403, "AccessDenied", message));
    }
    let login = params.required("LDAPUsername")?.to_owned();
    let password = params.secret("LDAPPassword")?;
    let code = params.text("TokenCode").map(|code| Secret::new(code.to_owned()));
    // What has to be known of the person comes behind the password; all else is looked at before.
    let prepared = Prepared::read(params)?;
    let attempt = Attempt { login, password, code, from };
    let about = vec![("action", Unsigned::LdapIdentity.name().to_owned())];
    let caller = doors.gate.sign_in(doors.logins, attempt, about, now).await.map_err(refused)?;
    let (ours, gate, params) = (sts.clone(), doors.gate.clone(), params.clone());
    // A refusal is written down, which blocks.
    let arrived = sts.admin.store.run(move |_| Ok::<_, StoreError>(prepared.of(&ours, &gate, caller, &params, now)));
    arrived.await.map_err(crate::admin::AdminError::Store)?
}

/// A role, or one's own session.
enum Prepared {
    Role,
    Own(Job),
}

impl Prepared {
    fn read(params: &Params) -> Result<Self, QueryError> {
        if params.text("RoleArn").is_none() {
            let seconds = params.number("DurationSeconds", SHORTEST..=LONGEST_OWN)?;
            // A role that trusts the user by name would be a way past such a limit, as of GetSessionToken, which has none.
            if policy(params)?.is_some() || !policies(params)?.is_empty() {
                let message = "a session of one's own is not narrowed: Policy and PolicyArns go with a RoleArn";
                return Err(QueryError::new(400, "ValidationError", message));
            }
            let inherited = Inherited::default();
            let wanted = Wanted { what: What::Oneself, seconds, inherited, policy: None, policies: Vec::new() };
            return Ok(Self::Own(begins(move |_| Ok(wanted), |_| Vec::new())?));
        }
        // A name that is left out is the person's, who is not known yet; any stands for it here.
        let name = match params.text("RoleSessionName") {
            Some(_) => session_name(params)?,
            None => "unknown".parse::<SessionName>().map_err(|_| IssueError::Nobody)?,
        };
        asking(params, &name, &inherited(params, None)?)?;
        drop(wanted(params, name, |_| Ok(Inherited::default()))?);
        Ok(Self::Role)
    }

    /// Blocks.
    fn of(
        self,
        sts: &Sts,
        gate: &Gate,
        caller: Caller,
        params: &Params,
        now: Timestamp,
    ) -> Result<Arrived, QueryError> {
        let mfa = caller.bound().and_then(|bound| bound.mfa());
        if let Self::Own(job) = self {
            let asking = Asking { mfa, ..Asking::default() };
            let operation = Operation::GetSessionToken;
            return Ok(Arrived { caller, operation, resource: String::new(), asking, job, answer: None });
        }
        let params = match caller.bound() {
            Some(bound) => {
                let operation = Operation::AssumeRoleWithLDAPIdentity;
                let stated = sts.stating(params.clone(), bound.user(), None);
                &stated.map_err(|error| error.noted(gate, &caller, operation, now))?
            }
            None => params,
        };
        let name = session_name(params)?;
        let inherited = inherited(params, None)?;
        let (resource, asking) = asking(params, &name, &inherited)?;
        let job = begins(wanted(params, name, move |_| Ok(inherited))?, answer)?;
        let operation = Operation::AssumeRoleWithLDAPIdentity;
        Ok(Arrived { caller, operation, resource, asking: Asking { mfa, ..asking }, job, answer: None })
    }
}

/// Why somebody did not sign in, in the words of STS.
fn refused(refused: Refused) -> QueryError {
    let (status, code) = match (&refused.reason, refused.fault()) {
        // What looks like a wrong password looks so in the status, too.
        _ if refused.is_alike() => (403, "AccessDenied"),
        (Reason::TooManyCodes, _) => (403, "AccessDenied"),
        (_, Fault::Caller) => (403, "AccessDenied"),
        _ => (503, "ServiceUnavailable"),
    };
    QueryError::new(status, code, refused.to_string())
}

/// `AssumeRoleWithWebIdentity`.
async fn with_token(
    sts: &Sts,
    doors: &Doors<'_>,
    params: &Params,
    from: RequestSource,
    now: Timestamp,
) -> Result<Arrived, QueryError> {
    let token = params.secret("WebIdentityToken")?;
    let name = session_name(params)?;
    asking(params, &name, &Inherited::default())?;
    let identity = match verified(sts, &token, now).await {
        Ok(identity) => identity,
        Err(error) => {
            let about = vec![("code", error.code().to_owned())];
            doors.gate.refuse_proof(Proof::WebIdentity, &from, about, &error, now);
            let status = if matches!(error, WebIdentityError::Rejected { .. }) { 403 } else { 400 };
            return Err(QueryError::of(&error, status, error.code()));
        }
    };
    let (identity, found) = machine::of_token(sts, doors, identity, from.clone(), now).await?;
    if let Some(caller) = found {
        return machine::arrived(caller, params, Operation::AssumeRoleWithWebIdentity);
    }
    // Tags are the issuer's to say: a parameter would be whoever holds the token.
    let source = identity.source_identity().map(str::to_owned);
    let inherited = Inherited::of(None, identity.tags().into(), source)?;
    let (resource, asking) = asking(params, &name, &inherited)?;
    let host_path = identity.host_path().to_owned();
    let strangers = sts.admin.issuers.is_shared(&host_path).then_some(host_path);
    let said = [
        text("SubjectFromWebIdentityToken", identity.subject()),
        text("Audience", identity.audience()),
        text("Provider", identity.provider_arn().to_string()),
    ];
    let job = begins(wanted(params, name, move |_| Ok(inherited))?, move |minted| {
        let mut pieces: Vec<Node> = said.to_vec();
        pieces.extend(answer(minted));
        pieces
    })?;
    let caller = Visitor::new(Identity::Web(Box::new(identity)), sts.admin.account.clone(), from).into();
    let asking = Asking { strangers, ..asking };
    Ok(Arrived { caller, operation: Operation::AssumeRoleWithWebIdentity, resource, asking, job, answer: None })
}

async fn verified(
    sts: &Sts,
    token: &Secret<String>,
    now: Timestamp,
) -> Result<federated::WebIdentity, WebIdentityError> {
    let issuer = federated::issuer_of(token)?;
    let account = sts.admin.account.clone();
    let folded = issuer.folded();
    let provider = sts
        .admin
        .store
        .run(move |store| store.read(|snapshot| iam::named::<OidcProvider>(snapshot, Some(&account), &folded)));
    let provider = provider.await.map_err(|error: StoreError| {
        tracing::error!(%error, "a provider cannot be looked up");
        WebIdentityError::Invalid { why: "its issuer cannot be looked up now".to_owned() }
    })?;
    let unknown =
        || WebIdentityError::Invalid { why: format!("no OpenID Connect provider is registered for `{issuer}`") };
    let provider = provider.ok_or_else(unknown)?.value;
    sts.admin.issuers.verify(&provider, token, now).await
}
