//! What policies say of a caller: its effective documents, loaded here and now, against what it asks for.
//!
//! Nobody hands documents in, so nobody can hand in others; guardrails bind everybody who signs, root included. An error on
//! the way is a no.

mod asked;

use super::GateError;
use super::operation::Operation;
use super::refusal::{Grounds, No, Refusal};
use super::target::{Renaming, Target};
use super::who;
use crate::authn::subject::Subject;
use crate::base::{Faulty, RequestId, Timestamp};
use crate::model::{AccountId, Arn, Role};
use crate::policy::{Context, Detail, Layer, Named, Reason, RequestError, Verdict, decide};
use crate::rights::guardrails::Level;
use crate::rights::{self, Acting, AssumeError, EVERYBODY, Library, Reading, Shelf, Sides, TermsAt, Way, granted};
use crate::store::{Snapshot, Store, StoreError};
use asked::Asked;

/// More of what is asked than an operation and a resource.
#[derive(Debug, Clone, Default)]
pub struct Asking {
    /// The request that it comes with, of a caller who does not say so.
    pub request: Option<RequestId>,
    /// What the audit record is to say: names and values, never secrets.
    pub notes: Vec<(&'static str, String)>,
    /// Tags that come with the request: `aws:RequestTag/KEY` and `aws:TagKeys`.
    pub tags: Vec<(String, Option<String>)>,
    /// The managed policy that is to be attached or detached: `iam:PolicyARN`.
    pub policy: Option<String>,
    /// The boundary that is to be set: `iam:PermissionsBoundary`, which otherwise is the one there is.
    pub boundary: Option<String>,
    /// The issuer of whoever asks, where strangers share it.
    pub strangers: Option<String>,
    /// When a second factor was shown with this very request.
    pub mfa: Option<Timestamp>,
    /// It comes with something that was given a moment ago for its sake, such as the token of a role with the role: then no policy
    /// has to allow it besides.
    pub comes_along: bool,
    /// What is asked for of a session, as conditions see it.
    pub session: rights::Asked,
    /// Another name or path that a user or group is to get: then both, what it is called and what it will be, have to be
    /// allowed.
    pub renaming: Option<Renaming>,
}

impl Asking {
    /// About a sign-in of whoever showed a second factor then, or none.
    #[must_use]
    pub fn of_sign_in(mfa: Option<Timestamp>, now: Timestamp) -> Self {
        match mfa {
            Some(at) => Self::default().with_factor_of(at, now),
            None => {
                let present = ("aws:MultiFactorAuthPresent".to_owned(), vec!["false".to_owned()]);
                Self { session: rights::Asked::from([present]), ..Self::default() }
            }
        }
    }

    /// The same, with a second factor that is shown at `now`.
    #[must_use]
    pub fn with_factor(self, now: Timestamp) -> Self {
        self.with_factor_of(now, now)
    }

    /// The same at `now`, with one that was shown at `at`: whoever vouches for it may have asked for it before.
    fn with_factor_of(mut self, at: Timestamp, now: Timestamp) -> Self {
        self.mfa = Some(at);
        let age = now.duration_since(at).as_secs().max(0);
        self.session.insert("aws:MultiFactorAuthPresent".to_owned(), vec!["true".to_owned()]);
        self.session.insert("aws:MultiFactorAuthAge".to_owned(), vec![age.to_string()]);
        self
    }
}

impl From<Vec<(&'static str, String)>> for Asking {
    fn from(notes: Vec<(&'static str, String)>) -> Self {
        Self { notes, ..Self::default() }
    }
}

/// Decides by policies.
#[derive(Clone)]
pub struct Judge {
    pub(super) store: Store,
    pub(super) account: AccountId,
    pub(super) terms: TermsAt,
    pub(super) shelf: Shelf,
}

impl Judge {
    /// A judge of `account`'s callers, who keeps what documents say on `shelf`.
    #[must_use]
    pub fn new(store: Store, account: AccountId, terms: TermsAt, shelf: Shelf) -> Self {
        Self { store, account, terms, shelf }
    }

    /// Whether `who` may do `operation` to what `resource` means. Of a session that is to begin, by which way, and what was
    /// asked for.
    pub(super) fn decide(
        &self,
        who: Subject<'_>,
        operation: Operation,
        resource: &str,
        asking: &Asking,
        now: Timestamp,
    ) -> Result<Option<Granted>, GateError> {
        let terms = (self.terms)(now).map_err(undecided)?;
        let root = Arn::root(&self.account).to_string();
        let decided = self.store.read(|snapshot| {
            let target = match who.assumed_root().map(Arn::root) {
                Some(own) if own.as_str() == resource => Target::bare(own.to_string()),
                Some(own) => return Ok((Err(no(&format!("because it reaches {own} alone"))), resource.to_owned())),
                None => Target::of(snapshot, &self.account, operation.about(), resource)?,
            };
            // Root stands above every policy: a key of root's in the hands of somebody whom a boundary or a Deny limits would
            // be a way past both. So no policy gives root's credentials to anybody, as none does in AWS.
            if target.arn == root && !who.is_root() {
                return Ok((Err(no("because only root itself may act on root")), target.arn));
            }
            let mut library = Library::with(self.shelf.clone(), &self.account, &terms);
            let mut reading = library.at(snapshot);
            let acting = match who::acting(who, snapshot, &mut reading, &self.account)? {
                Ok(acting) => acting,
                Err(because) => return Ok((Err(because.into()), target.arn)),
            };
            // What is ours is the home account's. A role of another account may be anything there, and is nobody here: about
            // "everything" both accounts would be one otherwise. Root of another account asks about itself, as was seen above.
            let itself = who.assumed_root().is_some_and(|account| *account == acting.account);
            if acting.account != self.account && !operation.is_for_every_account() && !itself {
                return Ok((Err(no(&format!("because it belongs to account {}", acting.account))), target.arn));
            }
            if acting.grant.is_some() && !operation.is_for_grants() {
                return Ok((
                    Err(no("because it was granted for a while, and nothing lasting comes of that")),
                    target.arn,
                ));
            }
            if let Some(why) = outsider(snapshot, who, &acting, (operation, asking), now)? {
                return Ok((Err(no(&why)), target.arn));
            }
            let mut targets = vec![target.clone()];
            targets.extend(asking.renaming.as_ref().map(|renaming| target.renamed(renaming)));
            let mut granted = None;
            for target in targets {
                let asked = Asked { who, acting: &acting, operation, target: &target, asking };
                match asked.decide(snapshot, &self.account, &mut reading)? {
                    Ok(found) => granted = found,
                    Err(no) => return Ok((Err(no), target.arn)),
                }
            }
            Ok((Ok(granted), target.arn))
        });
        match decided.map_err(unanswered)? {
            (Ok(granted), _) => Ok(granted),
            (Err(no), resource) => {
                let (caller, action, because) = (who.to_string(), operation.action(), no.because.clone());
                let refusal = Some(Refusal::of(who, action.clone(), resource.clone(), no));
                Err(GateError::NotAuthorized { caller, action, resource, because, refusal })
            }
        }
    }
}

/// Why somebody who is of another firm may not: they act by sessions alone, which begin with a second factor and while an engagement
/// of theirs lets them in. A key of theirs would outlive it, and a password alone is what outsiders lose first.
fn outsider(
    snapshot: &dyn Snapshot,
    who: Subject<'_>,
    acting: &Acting,
    (operation, asking): (Operation, &Asking),
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    let outside = acting.person.map(|person| granted::outsider(snapshot, &person, now)).transpose()?.flatten();
    let invites = matches!(operation, Operation::AcceptInvitation | Operation::EnrolSecondFactor);
    match outside {
        None if operation == Operation::AcceptInvitation => return Ok(Some("because nobody invited them".to_owned())),
        None => return Ok(None),
        Some(Err(why)) => return Ok(Some(format!("because {why}"))),
        Some(Ok(_)) => {}
    }
    // Else a password that somebody guessed, or whoever set it, would do to come in as them.
    if matches!(who, Subject::Bound(bound) if bound.invitation().is_none()) && invites {
        let why =
            "because people of another firm set up how they sign in by an invitation, and nobody invited them now";
        return Ok(Some(why.to_owned()));
    }
    if matches!(who, Subject::Signed(_)) && who.session().is_none() {
        return Ok(Some(
            "because people of another firm act by sessions alone, and this is a long-lived key".to_owned(),
        ));
    }
    let present = asking.session.get("aws:MultiFactorAuthPresent").is_some_and(|said| said == &["true".to_owned()]);
    let bearer = matches!(who, Subject::Bearer(bearer) if bearer.mfa().is_some());
    let bound = matches!(who, Subject::Bound(bound) if bound.mfa().is_some());
    let shown =
        present || bearer || bound || asking.mfa.is_some() || who.session().is_some_and(|one| one.mfa.is_some());
    let needs = operation.begins_a_session() && !shown;
    Ok(needs.then(|| "because people of another firm sign in with a second factor".to_owned()))
}

/// A no that no document has a say about.
pub(super) fn no(because: &str) -> No {
    because.to_owned().into()
}

pub(super) fn undecided(error: StoreError) -> GateError {
    GateError::Undecided { fault: error.fault(), why: error.to_string() }
}

pub(super) fn unanswered(error: DecideError) -> GateError {
    match error {
        DecideError::Store(error) => undecided(error),
        DecideError::Request(error) => GateError::Undecided { why: error.to_string(), fault: error.fault() },
    }
}

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecideError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl From<AssumeError> for DecideError {
    fn from(error: AssumeError) -> Self {
        match error {
            AssumeError::Request(error) => Self::Request(error),
            AssumeError::Store(error) => Self::Store(error),
        }
    }
}

/// A yes to a session: by which way, and what was asked for, which is asked again at each use of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// Of what.
    pub grant: Grant,
    /// By which way.
    pub way: Way,
    /// Values by condition key.
    pub asked: rights::Asked,
}

/// What a session is allowed of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// Of a role.
    Role(Box<Role>),
    /// As root of this account.
    Root(AccountId),
}

/// Whether policies allow whoever is `acting` the `action`, about `resource`, or why not. What is `open` takes no policy of their own;
/// a Deny counts, and so do guardrails.
pub(super) fn allows(
    (acting, open): (&Acting, bool),
    action: &str,
    resource: &str,
    context: Context,
    reading: &mut Reading<'_, '_>,
) -> Result<Result<(), No>, DecideError> {
    let request = acting.request(action, resource, context)?;
    let guardrails = reading.guardrails()?;
    let sides = Sides::of(&acting.account, &request, reading.terms());
    let open = open.then(|| reading.open_to_people(&acting.account)).transpose()?;
    let mut policies = acting.policies();
    if let Some([document, trust]) = &open {
        policies.identity.push(Named { name: EVERYBODY, document });
        policies.resource = Some(Named { name: EVERYBODY, document: trust });
        policies.boundary = None;
    }
    guardrails.bind(&sides, &mut policies);
    let decision = decide(&request, &policies, Detail::Deciding);
    let explicit = decision.verdict == Verdict::ExplicitlyDenied;
    let grounds = || Grounds::of(acting, decision.basis(&request, &policies), explicit, request.context().clone());
    Ok(match decision.verdict {
        Verdict::Allowed => Ok(()),
        Verdict::ExplicitlyDenied => {
            Err(No { grounds: Box::new(grounds()), ..No::from(with_an_explicit_deny(&decision.reasons)) })
        }
        Verdict::ImplicitlyDenied => {
            let layer = decision.reasons.iter().find_map(|reason| match reason {
                Reason::NothingAllows(layer) => Some(*layer),
                _ => None,
            });
            let nothing = match layer {
                Some(Layer::Boundary) => "no permissions boundary",
                Some(Layer::Session) => "no session policy",
                Some(Layer::Grant(_)) => "no condition of the grant",
                Some(Layer::ServiceControl(_)) => "no service control policy",
                _ => "no identity-based policy",
            };
            let level = layer.and_then(|layer| guardrails.level(layer, &sides)).map(which).unwrap_or_default();
            let because = format!("because {nothing} allows the {action} action{level}");
            Err(No { grounds: Box::new(grounds()), ..No::from(because) })
        }
    })
}

/// The moment of a question, kept with a session: a role that is given until noon is not taken back at noon from those who
/// have it, since its sessions have ends of their own.
fn moment(now: Timestamp) -> [(String, Vec<String>); 2] {
    let key = |key: &str, value: String| (key.to_owned(), vec![value]);
    [key("aws:CurrentTime", format!("{now:.0}")), key("aws:EpochTime", now.as_second().to_string())]
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
