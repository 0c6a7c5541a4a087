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

pub mod answer;
mod error;
pub mod params;

mod account;
mod details;
mod devices;
mod groups;
mod holders;
mod identity;
mod keys;
mod last_accessed;
mod oidc;
mod passwords;
mod policies;
mod profiles;
mod reports;
mod roles;
mod saml;
mod simulate;
mod users;

pub use answer::{Content, Node};
pub use error::IamError;
pub use params::{Paging, Params};

use crate::admin::Admin;
use crate::audit::Outcome;
use crate::authn::signed::Signed;
use crate::gate::target::Renaming;
use crate::gate::{Asking, Authorized, Operation};

/// One action of the API.
pub struct Action {
    /// Its name in requests.
    pub name: &'static str,
    /// The service it belongs to: `iam` or `sts`.
    pub service: &'static str,
    /// The operation it is.
    pub operation: Operation,
    /// What the gate is asked about: a name, an ARN or a path with a name; and what comes with it.
    pub about: fn(&Params, &Signed) -> About,
    /// Reads its parameters. What cannot be read is told before the gate is asked, as AWS does: what an action looks like is
    /// no secret.
    pub job: fn(&Params) -> Result<Job, IamError>,
}

/// What the gate is asked about.
pub type About = Result<(String, Asking), IamError>;

/// The pieces of the result.
pub type Answered = Result<Vec<Node>, IamError>;

/// What looks, and what changes.
type Look = Box<dyn FnOnce(&Admin, &Authorized) -> Answered + Send>;
type Deed = Box<dyn FnOnce(&Admin, Authorized) -> Answered + Send>;

/// An action with its parameters, ready to be carried out once it is allowed.
pub enum Job {
    /// It only looks.
    Reads(Look),
    /// It changes something.
    Changes(Deed),
}

impl Job {
    /// Carries it out. Blocks.
    ///
    /// # Errors
    /// What the operation says.
    pub fn run(self, admin: &Admin, asked: Authorized) -> Answered {
        match self {
            Self::Reads(job) => {
                let answered = job(admin, &asked);
                let outcome = match &answered {
                    Ok(_) => Outcome::success(),
                    Err(error) => Outcome::failed(error.code, &error.message),
                };
                asked.complete(&outcome, admin.now());
                answered
            }
            Self::Changes(job) => job(admin, asked),
        }
    }
}

/// A job that only looks.
fn reads(job: impl FnOnce(&Admin, &Authorized) -> Answered + Send + 'static) -> Result<Job, IamError> {
    Ok(Job::Reads(Box::new(job)))
}

/// A job that changes something.
fn changes(job: impl FnOnce(&Admin, Authorized) -> Answered + Send + 'static) -> Result<Job, IamError> {
    Ok(Job::Changes(Box::new(job)))
}

/// The tables of all files.
const TABLES: &[&[Action]] = &[
    account::ACTIONS,
    details::ACTIONS,
    devices::ACTIONS,
    groups::ACTIONS,
    holders::ACTIONS,
    identity::ACTIONS,
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

/// An action of IAM.
const fn iam(
    name: &'static str,
    operation: Operation,
    about: fn(&Params, &Signed) -> About,
    job: fn(&Params) -> Result<Job, IamError>,
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
    Ok((params.text("UserName").map_or_else(|| signed.name(), str::to_owned), Asking::default()))
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
fn tagging(params: &Params) -> Result<Asking, IamError> {
    let tags = params.tags()?.into_iter().map(|(key, value)| (key, Some(value))).collect();
    Ok(Asking { tags, ..Asking::default() })
}

/// Keys of tags come with it.
fn untagging(params: &Params) -> Result<Asking, IamError> {
    let keys = params.list("TagKeys")?.into_iter().map(|key| (key.to_owned(), None)).collect();
    Ok(Asking { tags: keys, ..Asking::default() })
}

/// The part of a whole list that is asked for; the marker is the number of the first that is left out.
fn part<T>(items: Vec<T>, paging: &Paging) -> Result<(Vec<T>, Option<String>), IamError> {
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
fn nothing<T, E: Into<IamError>>(done: Result<T, E>) -> Answered {
    done.map(|_| Vec::new()).map_err(Into::into)
}
