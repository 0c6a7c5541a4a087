//! Roles, policies, and what hangs on whom: the operations that administrators have on them.
//!
//! Named as IAM names them, so that the IAM API is a matter of names and XML. What the directory owns (people, groups,
//! machines, memberships) is not changed here; what is attached to them is ours.
//!
//! ```text
//!  listing       users and groups as IAM lists them
//!  local         users, groups and machines that no directory knows
//!  root          the account itself
//!  access_keys   what programs sign with
//!  passwords     of local users, and the rules for them
//!  mfa           virtual devices of the second factor
//!  own_passkeys  somebody's own passkeys and recovery codes; own_devices: their own virtual devices
//!  sessions      to look at and to end; own_sessions: somebody's own
//!  second_factors  all of a person, for administrators
//!  account       the account as a whole
//!  policies      managed policies and their versions
//!  templates     the ready-made ones, which belong to every account
//!  guardrails    the maximum permissions of an account (AWS SCPs and RCPs)
//!  lockout       whether a guardrail shuts everybody out
//!  roles         roles, and who may assume them
//!  trust         trust policies, bound to whom they name
//!  holders       what is attached to a user, group or role: policies, a boundary, tags
//!  assignments   who may assume which role, on one line
//!  coverage      what the rules of group names make of the groups there are
//!  profiles      instance profiles
//!  providers     of identity: OpenID Connect and SAML, as they are described
//!  reports       who has which credentials, as AWS reports it
//!  details       everything at once: users, groups, roles, policies and what hangs on them
//!  services      which policies let somebody use a service, and who did
//!  question      a question about a principal, decided: for the two below
//!  simulate      may this principal do that, by what is stored
//!  refusals      what a refusal rested on, what of it holds now, and what would help
//!  who_can       who may do that, by what is stored
//!  custom        would these documents allow that, whatever is stored
//!  context_keys  what documents ask about a request
//!  views         what is said of all of these: JSON members that programs can rely on
//! ```

pub mod access_keys;
pub mod account;
pub mod assignments;
pub mod context_keys;
pub mod coverage;
pub mod custom;
pub mod details;
pub mod guardrails;
pub mod holders;
pub mod listing;
pub mod local;
mod lockout;
pub mod mfa;
pub mod own_devices;
pub mod own_passkeys;
mod own_sessions;
pub mod passwords;
pub mod policies;
pub mod profiles;
pub mod providers;
mod question;
pub mod refusals;
pub mod reports;
pub mod roles;
pub mod root;
pub mod second_factors;
pub mod services;
pub mod sessions;
pub mod simulate;
pub mod templates;
pub mod trust;
pub mod views;
pub mod who_can;

use std::sync::PoisonError;

use sha2::{Digest as _, Sha256};

use super::{Admin, AdminError};
use crate::audit::Outcome;
use crate::authn::subject::Subject;
use crate::base::Timestamp;
use crate::gate::Authorized;
use crate::model::{AccountId, Accounts, Actor};
use crate::policy::{Document, Kind, Warning, lint};
use crate::rights::find;
pub use crate::rights::find::HolderKind;
use crate::store::{Commit, LONGEST_VALUE, Snapshot, StoreError};
use crate::ticket::Answered;

/// How often a change is worked out anew that others were faster with.
const ATTEMPTS: usize = 64;

/// A change that is being put together, on one snapshot.
pub(crate) struct Change<'a> {
    pub(super) snapshot: &'a dyn Snapshot,
    pub(super) account: &'a AccountId,
    accounts: &'a Accounts,
    pub(super) actor: &'a Actor,
    pub(super) now: Timestamp,
    pub(super) commit: Commit,
    outcome: Outcome,
    /// What something outside answered that the change asked about when it was worked out before.
    pub(super) answered: Option<&'a Answered>,
}

impl Change<'_> {
    /// Tells the audit log one thing more that came of it.
    pub(super) fn note(&mut self, name: &str, value: impl Into<String>) {
        let outcome = std::mem::replace(&mut self.outcome, Outcome::success());
        self.outcome = outcome.with(name, value.into());
    }
}

impl Admin {
    /// Works out a change and carries it out, with the record of it in the same commit. Somebody else's change of the same
    /// rows in between is a conflict. Blocks.
    pub(super) fn change<R>(
        &self,
        asked: Authorized,
        work: impl FnOnce(&mut Change<'_>) -> Result<R, AdminError>,
    ) -> Result<R, AdminError> {
        match self.worked_out(&asked, None, work) {
            // What is so already: nothing happens, and that is recorded.
            Ok((answer, commit, outcome)) if commit.is_empty() => {
                asked.complete(&outcome, self.now());
                Ok(answer)
            }
            Ok((answer, commit, outcome)) => {
                asked.commit(&self.store, commit, &outcome, self.now())?;
                Ok(answer)
            }
            Err(error) => {
                asked.complete(&Outcome::failed(error.code(), &error), self.now());
                Err(error)
            }
        }
    }

    /// As [`Admin::change`], worked out anew where somebody else was faster, on what they left: for steps that people take on one
    /// thing at the same time. Whoever takes something away is not told to try again because others were at work on it. Blocks.
    pub(super) fn change_anew<R>(
        &self,
        mut asked: Authorized,
        work: impl Fn(&Authorized, &mut Change<'_>) -> Result<R, AdminError>,
    ) -> Result<R, AdminError> {
        let mut answered: Option<Answered> = None;
        for _ in 0..ATTEMPTS {
            let worked = self.worked_out(&asked, answered.as_ref(), |change| work(&asked, change));
            let error = match worked {
                // Nothing outside is waited for with a snapshot in hand. Once is enough: who has to ask again was asked about another.
                Err(AdminError::Unasked(question)) if answered.is_none() => {
                    answered = Some(self.tickets.ask(&question));
                    self.is_still_there(&asked).err()
                }
                Err(error) => Some(error),
                Ok((answer, commit, outcome)) => match asked.try_commit(&self.store, commit, &outcome, self.now()) {
                    Ok(_) => return Ok(answer),
                    Err(not) => match *not {
                        (StoreError::Conflict { .. }, again) => {
                            asked = again;
                            None
                        }
                        (error, asked) => {
                            asked.complete(&Outcome::failed("NotCommitted", &error), self.now());
                            return Err(error.into());
                        }
                    },
                },
            };
            if let Some(error) = error {
                asked.complete(&told(Outcome::failed(error.code(), &error), answered.as_ref()), self.now());
                return Err(error);
            }
        }
        let error = StoreError::Conflict { what: "many others are at work on it".to_owned() };
        asked.complete(&Outcome::failed("NotCommitted", &error), self.now());
        Err(error.into())
    }

    fn worked_out<R>(
        &self,
        asked: &Authorized,
        answered: Option<&Answered>,
        work: impl FnOnce(&mut Change<'_>) -> Result<R, AdminError>,
    ) -> Result<(R, Commit, Outcome), AdminError> {
        let (now, actor, intent) = (asked.at(), asked.actor(), asked.operation().intent());
        let accounts = self.accounts();
        self.store.read(|snapshot| {
            let commit = Commit::new(actor.clone(), now, intent);
            let (account, accounts, actor) = (&accounts.home, &accounts, &actor);
            let outcome = Outcome::success();
            let mut change = Change { snapshot, account, accounts, actor, now, commit, outcome, answered };
            let answer = work(&mut change)?;
            Ok((answer, change.commit, change.outcome))
        })
    }

    /// Whoever asked is signed in still: while something outside was asked, somebody may have seen to it that they are not.
    fn is_still_there(&self, asked: &Authorized) -> Result<(), AdminError> {
        let Some(session) = Subject::of(asked.caller()).and_then(Subject::session) else { return Ok(()) };
        let live = self.sessions.live(&session.id, self.now());
        live.map(drop).map_err(|error| AdminError::NotNow {
            what: format!("you are not signed in any more: {error}"),
            remedy: "sign in, then try again".to_owned(),
        })
    }

    /// Sixteen bytes that nobody can guess.
    pub(in crate::admin) fn fresh_id(&self) -> [u8; 16] {
        rand::RngExt::random(&mut *self.rng.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the record of a failure has of what something outside answered.
fn told(outcome: Outcome, answered: Option<&Answered>) -> Outcome {
    let Some(Answered { question, answer }) = answered else { return outcome };
    let said = format!("{}: {}", answer.word(), answer.said());
    outcome
        .with("ticket", question.ticket.as_str())
        .with("ticket_check", question.check.as_str())
        .with("ticket_answer", said)
}

/// Longest document, white space included: a row has to hold the longest policy of each sort.
const LONGEST_DOCUMENT: usize = 20 * 1024;

/// Refuses a document that cannot be what it is to be, or is longer than `limit`, white space not counted (IAM User Guide,
/// "IAM and STS character limits"). Answers what is worth a thought about it.
pub(super) fn examine(text: &str, kind: Kind, limit: usize) -> Result<Vec<Warning>, AdminError> {
    let length = counted(text);
    if length > limit || text.len() > LONGEST_DOCUMENT {
        return Err(AdminError::LimitExceeded {
            what: format!("a policy of {length} characters"),
            limit: format!("{limit} are allowed here, white space not counted"),
        });
    }
    let document = Document::parse(text, kind)?;
    Ok(lint(&document, text))
}

/// A document in the audit log: by its digest. Its text stands in the history of its row, under the record's number.
pub(super) fn digest(document: &str) -> String {
    hex::encode(Sha256::digest(document))
}

/// Refuses what would not fit into a row.
pub(super) fn fits<T: serde::Serialize>(value: &T, what: &str) -> Result<(), AdminError> {
    // What cannot be written at all is told by the commit.
    fits_into_a_row(serde_json::to_vec(value).map_or(0, |row| row.len()), what)
}

/// Refuses a row of `length` bytes that would not fit.
fn fits_into_a_row(length: usize, what: &str) -> Result<(), AdminError> {
    if length <= LONGEST_VALUE {
        return Ok(());
    }
    Err(AdminError::LimitExceeded {
        what: format!("{what}: {length} bytes together"),
        limit: format!("{LONGEST_VALUE} are kept; white space counts here"),
    })
}

/// Characters of a document that count towards its limit.
fn counted(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}
