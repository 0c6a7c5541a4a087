//! The IAM Query API: names, parameters, paging and results of its actions.
//!
//! Owns the table of actions ([`ACTIONS`]): each says which operation it is, what of its parameters that is about, and how
//! its answer reads. What it does is one operation of `admin`, decided by the gate like every other way to it. Signatures
//! are verified before anything comes here, and XML is written behind it, in `http`.
//!
//! ```text
//!  form --params--> Action::about --gate--> Action::run --admin--> Node --http--> XML
//! ```
//!
//! Unknown parameters are ignored, an unknown action is `InvalidAction`. What a directory owns answers
//! `UnmodifiableEntity` and says who owns it.
//!
//! # What is not here
//!
//! Actions that AWS has and that answer `InvalidAction` like any unknown name, on purpose:
//!
//! | actions | why not |
//! |---|---|
//! | on server certificates (`UploadServerCertificate`, `ListServerCertificateTags` ..) | load balancers of AWS use them; ours come from files |
//! | on signing certificates (`UploadSigningCertificate` ..) | they sign SOAP requests of old; requests here are signed by access keys |
//! | on SSH public keys (`UploadSSHPublicKey` ..) | for AWS CodeCommit, which is not here |
//! | on service-specific credentials (`CreateServiceSpecificCredential` ..) | passwords for services of AWS that are not here |
//! | on service-linked roles (`CreateServiceLinkedRole`, `GetServiceLinkedRoleDeletionStatus` ..) | no service of AWS assumes roles here |
//! | `SetSecurityTokenServicePreferences` | it chooses the form of tokens for regions of AWS; there is one form here |
//! | `GenerateOrganizationsAccessReport`, `GetOrganizationsAccessReport` | there is no organization: further accounts stand in the configuration |
//! | `EnableOrganizationsRootSessions`, `ListOrganizationsFeatures` and their kin | the same |
//! | on delegation requests (`CreateDelegationRequest` ..) and role templates | they hand rights to AWS partners through its console |
//! | `EnableOutboundWebIdentityFederation` and its kin | whether tokens are issued to others is set in the configuration |

mod error;

mod account;
mod details;
mod devices;
mod groups;
mod holders;
mod keys;
mod last_accessed;
mod oidc;
mod passwords;
mod policies;
mod profiles;
mod reports;
mod roles;
mod root_task;
mod saml;
mod simulate;
mod users;

use crate::admin::Admin;
use crate::authn::CallerKind;
use crate::authn::signed::Signed;
use crate::gate::target::Renaming;
use crate::gate::{Asking, Authorized, Operation};
use crate::query::params::Paging;
use crate::query::{self, About, Answered, Node, Params, QueryError, answer, params};

/// An action of this API.
pub type Action = query::Action<Admin>;

/// A job of this API.
pub type Job = query::Job<Admin>;

/// A job that only looks.
fn reads(job: impl FnOnce(&Admin, &Authorized) -> Answered + Send + 'static) -> Result<Job, QueryError> {
    query::reads(job)
}

/// A job that changes something.
fn changes(job: impl FnOnce(&Admin, Authorized) -> Answered + Send + 'static) -> Result<Job, QueryError> {
    query::changes(job)
}

/// The tables of all files.
const TABLES: &[&[Action]] = &[
    account::ACTIONS,
    details::ACTIONS,
    devices::ACTIONS,
    groups::ACTIONS,
    holders::ACTIONS,
    keys::ACTIONS,
    last_accessed::ACTIONS,
    oidc::ACTIONS,
    passwords::ACTIONS,
    policies::ACTIONS,
    profiles::ACTIONS,
    reports::ACTIONS,
    roles::ACTIONS,
    saml::ACTIONS,
    simulate::ACTIONS,
    users::ACTIONS,
];

/// All actions.
pub fn actions() -> impl Iterator<Item = &'static Action> {
    TABLES.iter().flat_map(|table| table.iter())
}

/// The action of this name, if `service` has it.
#[must_use]
pub fn action(service: &str, name: &str) -> Option<&'static Action> {
    actions().find(|action| action.service == service && action.name == name)
}

/// The action of this name, as `kind` of caller asks it: root of another account has answers of its own.
#[must_use]
pub fn action_for(kind: CallerKind, service: &str, name: &str) -> Option<&'static Action> {
    let own = root_task::ACTIONS.iter().find(|action| action.service == service && action.name == name);
    own.filter(|_| kind == CallerKind::AssumedRoot).or_else(|| action(service, name))
}

/// An action of IAM.
const fn iam(
    name: &'static str,
    operation: Operation,
    about: fn(&Params, &Signed) -> About,
    job: fn(&Params) -> Result<Job, QueryError>,
) -> Action {
    Action { name, service: "iam", operation, about, job }
}

/// It is about the account.
fn account(_: &Params, _: &Signed) -> About {
    Ok((String::new(), Asking::default()))
}

/// It is about the user it names.
fn user(params: &Params, _: &Signed) -> About {
    Ok((params.required("UserName")?.to_owned(), Asking::default()))
}

/// It is about the user it names, or about whoever asks.
fn user_or_self(params: &Params, signed: &Signed) -> About {
    let named = params.text("UserName").map(str::to_owned).map_or_else(|| myself(signed), Ok)?;
    Ok((named, Asking::default()))
}

/// Whoever asks, who has to be a user, or root.
fn myself(signed: &Signed) -> Result<String, QueryError> {
    signed.name().ok_or_else(|| {
        let message = "Must specify userName when calling with non-User credentials";
        QueryError::new(400, "ValidationError", message)
    })
}

/// It is about the group it names.
fn group(params: &Params, _: &Signed) -> About {
    Ok((params.required("GroupName")?.to_owned(), Asking::default()))
}

/// It is about the role it names.
fn role(params: &Params, _: &Signed) -> About {
    Ok((params.required("RoleName")?.to_owned(), Asking::default()))
}

/// It is about the policy it names.
fn policy(params: &Params, _: &Signed) -> About {
    Ok((params.required("PolicyArn")?.to_owned(), Asking::default()))
}

/// It is about something new of this name, below this path.
fn fresh(params: &Params, name: &str) -> About {
    let (path, name) = (params.text("Path").unwrap_or("/"), params.required(name)?);
    let boundary = params.text("PermissionsBoundary").map(str::to_owned);
    Ok((format!("{path}{name}"), Asking { boundary, ..tagging(params)? }))
}

/// It is to be called otherwise.
fn renaming((about, asking): (String, Asking), params: &Params, name: &str) -> About {
    let owned = |name: &str| params.text(name).map(str::to_owned);
    let renaming = Some(Renaming { name: owned(name), path: owned("NewPath") });
    Ok((about, Asking { renaming, ..asking }))
}

/// Tags come with it.
fn tagging(params: &Params) -> Result<Asking, QueryError> {
    let tags = params.tags()?.into_iter().map(|(key, value)| (key, Some(value))).collect();
    Ok(Asking { tags, ..Asking::default() })
}

/// Keys of tags come with it.
fn untagging(params: &Params) -> Result<Asking, QueryError> {
    let keys = params.list("TagKeys")?.into_iter().map(|key| (key.to_owned(), None)).collect();
    Ok(Asking { tags: keys, ..Asking::default() })
}

/// The part of a whole list that is asked for; the marker is the number of the first that is left out.
fn part<T>(items: Vec<T>, paging: &Paging) -> Result<(Vec<T>, Option<String>), QueryError> {
    let start: usize = match &paging.after {
        None => 0,
        Some(after) => after.parse().map_err(|_| params::invalid(Some(after), "Marker", "Marker is not valid"))?,
    };
    let end = start.saturating_add(paging.limit);
    let next = (items.len() > end).then(|| end.to_string());
    Ok((items.into_iter().skip(start).take(paging.limit).collect(), next))
}

/// A page of structures, and what it says of the rest.
fn paged<T>(name: &'static str, items: &[T], next: Option<String>, fields: fn(&T) -> Vec<Node>) -> Answered {
    let mut answer = vec![answer::list(name, items.iter().map(fields))];
    answer.extend(answer::rest(next));
    Ok(answer)
}

/// Nothing to say.
fn nothing<T, E: Into<QueryError>>(done: Result<T, E>) -> Answered {
    done.map(|_| Vec::new()).map_err(Into::into)
}
