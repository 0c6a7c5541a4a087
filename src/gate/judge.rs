//! What policies say of a caller: its effective documents, loaded here and now, against what it asks for.
//!
//! Nobody hands documents in, so nobody can hand in others; guardrails bind everybody who signs, root included. An error on
//! the way is a no.

use std::sync::Arc;

use super::GateError;
use super::operation::Operation;
use super::target::{About, Renaming, Target};
use crate::authn::signed::Signed;
use crate::base::{Faulty, Timestamp};
use crate::model::{AccountId, Arn};
use crate::policy::{Context, Detail, Layer, Policies, Principal, Reason, Request, RequestError, Verdict, decide};
use crate::rights::guardrails::Level;
use crate::rights::{Effective, Library, Shelf, Sides, Terms, root_context};
use crate::store::{Snapshot, Store, StoreError};

/// More of what is asked than an operation and a resource.
#[derive(Debug, Clone, Default)]
pub struct Asking {
    /// What the audit record is to say: names and values, never secrets.
    pub notes: Vec<(&'static str, String)>,
    /// Tags that come with the request: `aws:RequestTag/KEY` and `aws:TagKeys`.
    pub tags: Vec<(String, Option<String>)>,
    /// The managed policy that is to be attached or detached: `iam:PolicyARN`.
    pub policy: Option<String>,
    /// The boundary that is to be set: `iam:PermissionsBoundary`, which otherwise is the one there is.
    pub boundary: Option<String>,
    /// Another name or path that a user or group is to get: then both, what it is called and what it will be, have to be
    /// allowed.
    pub renaming: Option<Renaming>,
}

impl From<Vec<(&'static str, String)>> for Asking {
    fn from(notes: Vec<(&'static str, String)>) -> Self {
        Self { notes, ..Self::default() }
    }
}

/// On what terms memberships and rights count at a moment.
pub type TermsAt = Arc<dyn Fn(Timestamp) -> Result<Terms, StoreError> + Send + Sync>;

/// Decides by policies.
#[derive(Clone)]
pub struct Judge {
    store: Store,
    account: AccountId,
    terms: TermsAt,
    shelf: Shelf,
}

impl Judge {
    /// A judge of `account`'s callers, who keeps what documents say on `shelf`.
    #[must_use]
    pub fn new(store: Store, account: AccountId, terms: TermsAt, shelf: Shelf) -> Self {
        Self { store, account, terms, shelf }
    }

    /// Whether `signed` may do `operation` to what `resource` means.
    pub(super) fn decide(
        &self,
        signed: &Signed,
        operation: Operation,
        resource: &str,
        asking: &Asking,
        now: Timestamp,
    ) -> Result<(), GateError> {
        let terms = (self.terms)(now).map_err(undecided)?;
        let root = Arn::root(&self.account).to_string();
        let decided = self.store.read(|snapshot| {
            let target = Target::of(snapshot, &self.account, operation.about(), resource)?;
            // Root stands above every policy: a key of root's in the hands of somebody whom a boundary or a Deny limits would
            // be a way past both. So no policy gives root's credentials to anybody, as none does in AWS.
            if target.arn == root && signed.user().is_some() {
                return Ok((Some("because only root itself may act on root".to_owned()), target.arn));
            }
            let mut library = Library::with(self.shelf.clone(), &self.account, &terms);
            let mut targets = vec![target.clone()];
            targets.extend(asking.renaming.as_ref().map(|renaming| target.renamed(renaming)));
            for target in targets {
                let asked = Asked { signed, operation, target: &target, asking };
                let because = asked.decide(snapshot, &self.account, &mut library)?;
                if because.is_some() {
                    return Ok((because, target.arn));
                }
            }
            Ok((None, target.arn))
        });
        match decided.map_err(|error| match error {
            DecideError::Store(error) => undecided(error),
            DecideError::Request(error) => GateError::Undecided { why: error.to_string(), fault: error.fault() },
        })? {
            (None, _) => Ok(()),
            (Some(because), resource) => {
                let (caller, action) = (signed.to_string(), operation.action());
                Err(GateError::NotAuthorized { caller, action, resource, because })
            }
        }
    }
}

fn undecided(error: StoreError) -> GateError {
    GateError::Undecided { fault: error.fault(), why: error.to_string() }
}

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
enum DecideError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// A question to policies.
struct Asked<'a> {
    signed: &'a Signed,
    operation: Operation,
    target: &'a Target,
    asking: &'a Asking,
}

impl Asked<'_> {
    /// `None` is a yes; otherwise why it is none.
    fn decide(
        &self,
        snapshot: &dyn Snapshot,
        account: &AccountId,
        library: &mut Library<'_>,
    ) -> Result<Option<String>, DecideError> {
        let terms = library.terms();
        let mut reading = library.at(snapshot);
        let principal = Principal::parse(self.signed.arn().as_str()).map_err(RequestError::from)?;
        let effective = match self.signed.user() {
            None => None,
            Some(user) if terms.frozen.contains(&user.origin.directory) => {
                return Ok(Some("because its directory is no longer configured".to_owned()));
            }
            Some(user) => Some(reading.user(user)?),
        };
        let mut context = match &effective {
            Some(effective) => effective.facts.context(terms.now),
            None => root_context(self.signed.account(), terms.now),
        };
        self.add(snapshot, account, &mut context)?;
        let principal = match &effective {
            Some(effective) => principal.with_unique_id(effective.facts.unique_id.as_str()),
            None => principal,
        };
        let request = Request::new(principal, &self.operation.action(), &self.target.arn, context)?;
        let guardrails = reading.guardrails()?;
        let sides = Sides::of(self.signed.account(), &request, terms);
        let mut policies = effective.as_ref().map_or_else(Policies::default, Effective::policies);
        guardrails.bind(&sides, &mut policies);
        let decision = decide(&request, &policies, Detail::Deciding);
        Ok(match decision.verdict {
            Verdict::Allowed => None,
            Verdict::ExplicitlyDenied => Some(with_an_explicit_deny(&decision.reasons)),
            Verdict::ImplicitlyDenied => {
                let layer = decision.reasons.iter().find_map(|reason| match reason {
                    Reason::NothingAllows(layer) => Some(*layer),
                    _ => None,
                });
                let nothing = match layer {
                    Some(Layer::Boundary) => "no permissions boundary",
                    Some(Layer::ServiceControl(_)) => "no service control policy",
                    _ => "no identity-based policy",
                };
                let level = layer.and_then(|layer| guardrails.level(layer, &sides)).map(which).unwrap_or_default();
                Some(format!("because {nothing} allows the {} action{level}", self.operation.action()))
            }
        })
    }

    /// What the request itself brings for conditions.
    fn add(&self, snapshot: &dyn Snapshot, account: &AccountId, context: &mut Context) -> Result<(), DecideError> {
        let from = self.signed.from();
        let mut set = |key: &str, values: Vec<String>| {
            context.set(key, values);
        };
        set("aws:SecureTransport", vec![from.secure.to_string()]);
        // As of every global service of AWS, whatever region the client happens to be configured for.
        set("aws:RequestedRegion", vec!["us-east-1".to_owned()]);
        if let Some(ip) = from.ip {
            set("aws:SourceIp", vec![ip.to_string()]);
        }
        if let Some(agent) = &from.user_agent {
            set("aws:UserAgent", vec![agent.clone()]);
        }
        for (key, value) in &self.target.tags {
            set(&format!("aws:ResourceTag/{key}"), vec![value.clone()]);
            set(&format!("iam:ResourceTag/{key}"), vec![value.clone()]);
        }
        if let Some(boundary) = &self.target.boundary {
            set("iam:PermissionsBoundary", vec![boundary.clone()]);
        }
        if self.target.arn != "*" {
            set("aws:ResourceAccount", vec![account.to_string()]);
        }
        set("aws:TagKeys", self.asking.tags.iter().map(|(key, _)| key.clone()).collect());
        for (key, value) in &self.asking.tags {
            set(&format!("aws:RequestTag/{key}"), value.iter().cloned().collect());
        }
        for (key, said) in [("iam:PolicyARN", &self.asking.policy), ("iam:PermissionsBoundary", &self.asking.boundary)]
        {
            if let Some(said) = said {
                // By the ARN of what is found, not by how it was spelt.
                let policy = Target::of(snapshot, account, About::Policy, said)?;
                set(key, vec![policy.arn]);
            }
        }
        Ok(())
    }
}

fn with_an_explicit_deny(reasons: &[Reason]) -> String {
    let statement = reasons.iter().find_map(|reason| match reason {
        Reason::Statement { layer, policy, index, sid, .. } => {
            let sid = sid.as_ref().map(|sid| format!(" `{sid}`")).unwrap_or_default();
            let sort = match layer {
                Layer::ServiceControl(_) => " in a service control policy",
                Layer::ResourceControl(_) => " in a resource control policy",
                _ => "",
            };
            Some(format!("{sort}: statement {index}{sid} of {policy}"))
        }
        _ => None,
    });
    format!("with an explicit deny{}", statement.unwrap_or_default())
}

/// Which guardrails do not allow it, behind the words that programs look for.
fn which(level: Level<'_>) -> String {
    format!(" (attached to {}: {})", level.on, level.names.join(", "))
}
