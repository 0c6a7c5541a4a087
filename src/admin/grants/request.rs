//! Somebody asks for a role for somebody, and may change what they asked for.

use std::sync::Arc;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::iam::{Change, digest, examine};
use super::super::{Admin, AdminError};
use super::decide::just_shown;
use super::engagement::engagement_of;
use super::{GrantView, MOST_OPEN, Person, are_one, grant, note, role_of, rule_of, stands, ticket, user};
use crate::authn::subject::Subject;
use crate::base::clock::later;
use crate::base::{GrantId, Timestamp};
use crate::gate::Authorized;
use crate::model::grant::{Approval, Review, Rule, Stage, Start, State, Terms, TermsError};
use crate::model::notice::Kind;
use crate::model::{Entity, Grant, Holder, MemberKind, Role, User};
use crate::policy;
use crate::rights::{Terms as RightsTerms, find, granted};
use crate::store::{grants, iam, identity};

/// Longest narrowing policy, white space not counted: that of a session.
const LONGEST_POLICY: usize = 2_048;

/// Longest policy that says what a grant is good for, likewise: that of a managed policy.
const LONGEST_GIVEN: usize = 6_144;

/// Longest condition, likewise.
const LONGEST_CONDITION: usize = 2_048;

/// What somebody asks for.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewGrant {
    /// Who is to have it; whoever asks, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// Seconds that it is to last.
    pub seconds: u32,
    /// When that begins: `approval`, `first_use`, or a time; with the first use, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// It has to be approved and claimed before then; as late as the rule allows, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim_by: Option<Timestamp>,
    /// A policy that says what it is good for, where the rule of the role asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gives: Option<Box<RawValue>>,
    /// A policy beyond which it does not reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Box<RawValue>>,
    /// A `Condition` block that has to hold at each call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Box<RawValue>>,
    /// What for.
    pub reason: String,
    /// The ticket that says so elsewhere.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ticket: String,
}

/// What is to be otherwise about a request. What nothing is said of stays.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amended {
    /// Seconds that it is to last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u32>,
    /// It has to be approved and claimed before then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim_by: Option<Timestamp>,
    /// A condition besides those that there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Box<RawValue>>,
    /// A policy beyond which it does not reach, where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Box<RawValue>>,
}

impl Admin {
    /// Asks for the role `asked.resource()` for a while. Blocks.
    ///
    /// # Errors
    /// When nobody asks who is a person, no rule knows the role, they may not ask by it, its terms are out of bounds, or a part
    /// fails.
    pub fn request_grant(&self, asked: Authorized, new: &NewGrant) -> Result<GrantView, AdminError> {
        // It is one request however often it is worked out.
        let id = self.fresh_grant(asked.at());
        self.change_anew(asked, |asked, change| {
            let terms = self.grounds().terms(change.snapshot, change.now)?;
            let asking = self.person(change.snapshot, &terms, asked)?;
            let role = find::role(change.snapshot, change.account, asked.resource())?.value;
            let rule = rule_of(&terms, &role)?;
            let (person, groups) = self.beneficiary((change, &terms), &asking, new.person.as_deref())?;
            if !granted::may_ask(rule, &asking.groups) || !granted::may_ask(rule, &groups) {
                return Err(AdminError::NotNow {
                    what: format!("`{}` is granted to people of {} alone", role.name, rule.requesters.join(", ")),
                    remedy: "ask for another role, or to be put into one of the groups".to_owned(),
                });
            }
            // A session is of one grant: of two with a policy each nobody could say which of them it would be.
            let open = grants::open_of(change.snapshot, &person.id, Some(&role.id))?;
            if rule.inline && open.iter().any(|held| held.value.stage(change.now) != Stage::Ended) {
                return Err(AdminError::NotNow {
                    what: format!("`{}` asked for `{}` already, and that is not over", person.name, role.name),
                    remedy: "put all of it into one policy: end the one that there is, and ask anew".to_owned(),
                });
            }
            let open = grants::open_of(change.snapshot, &person.id, None)?.len();
            if open >= MOST_OPEN {
                let limit = format!("{MOST_OPEN} that are not over are allowed; end some");
                return Err(AdminError::LimitExceeded { what: format!("one grant more for `{}`", person.name), limit });
            }
            let engagement = engagement_of(change.snapshot, &person, change.now)?;
            let ends = engagement.as_ref().map(|engagement| engagement.ends);
            let asked_for = wanted(new, (rule, ends), change.now)?;
            if rule.inline && iam::entitlements(change.snapshot, &Holder::Role(role.id))?.value.boundary.is_none() {
                return Err(AdminError::NotNow {
                    what: format!(
                        "`{}` has no permissions boundary, beyond which the policy would not reach",
                        role.name
                    ),
                    remedy: "an administrator sets one".to_owned(),
                });
            }
            let mut grant = Grant {
                id,
                person: person.id,
                role: role.id,
                engagement: engagement.as_ref().map(|engagement| engagement.id),
                requested_by: asking.user.id,
                requested: change.now,
                epoch: identity::epoch(change.snapshot)?.to_string(),
                terms: asked_for,
                state: State::Requested { approvals: Vec::new() },
                checked: None,
                review: None,
            };
            without_others(&mut grant, rule, (&asking, &person), change.now)?;
            ticket::vouch(change, &mut grant, (&role, &person), rule)?;
            say_aloud(&grant, (&role, &person));
            change.commit.add_grant(&grant)?;
            self.tell(change, super::tell::kind_of_new(&grant), &grant, "");
            note(change, &grant, &role, &person);
            note_terms(change, &grant);
            GrantView::of(change.snapshot, &grant, change.now)
        })
    }

    /// Changes what was asked for: whoever asked, and who is to have it, within the rule; others who may agree make it less alone.
    /// Whoever agreed before has to again. Blocks.
    ///
    /// # Errors
    /// When it is no request any more, they may not, or a part fails.
    pub fn amend_grant(&self, asked: Authorized, amended: &Amended) -> Result<GrantView, AdminError> {
        self.change_anew(asked, |asked, change| {
            let terms = self.grounds().terms(change.snapshot, change.now)?;
            let asking = self.person(change.snapshot, &terms, asked)?;
            let before = grant(change.snapshot, asked.resource())?;
            let role = role_of(change.snapshot, &before.value)?;
            let rule = rule_of(&terms, &role)?;
            let person = user(change.snapshot, &before.value.person)?;
            let person = person.ok_or_else(|| AdminError::NoSuch { what: "such person any more".to_owned() })?;
            let mut grant = before.value.clone();
            grant.terms = with(&grant.terms, amended)?;
            grant.terms.check(change.now, rule.longest, rule.claim_within).map_err(out_of_bounds)?;
            let own = [grant.person, grant.requested_by].contains(&asking.user.id) || are_one(&asking.user, &person);
            if !own {
                self.right_to_decide((change.snapshot, &terms), &before.value, &asking, change.now)?;
                if !grant.terms.are_within(&before.value.terms) {
                    return Err(AdminError::NotNow {
                        what: "who agrees makes a grant shorter and narrower, never longer or wider".to_owned(),
                        remedy: "let whoever asked change it, or refuse it".to_owned(),
                    });
                }
            }
            grant.state = grant.state.amended(&grant.terms, change.now).map_err(stands)?;
            change.commit.put_grant(&before, &grant)?;
            self.tell(change, Kind::GrantChanged, &grant, "");
            note(change, &grant, &role, &person);
            note_terms(change, &grant);
            GrantView::of(change.snapshot, &grant, change.now)
        })
    }

    /// Who is to have it, and the groups that they are in.
    fn beneficiary(
        &self,
        (change, terms): (&Change<'_>, &RightsTerms),
        asking: &Person,
        named: Option<&str>,
    ) -> Result<(User, Arc<[String]>), AdminError> {
        let Some(named) = named else { return Ok((asking.user.clone(), Arc::clone(&asking.groups))) };
        let Entity::User(user) = find::entity(change.snapshot, change.account, MemberKind::User, named)? else {
            return Err(AdminError::NotFound { kind: "user", who: named.to_owned() });
        };
        let groups = self.groups_of(change.snapshot, terms, &user)?;
        Ok((user, groups))
    }

    fn fresh_grant(&self, now: Timestamp) -> GrantId {
        GrantId::fresh(now, &mut *self.rng.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// What the rule gives without anybody else: in an emergency, where somebody looks back at it, or because it is of little risk.
fn without_others(
    grant: &mut Grant,
    rule: &Rule,
    (asking, person): (&Person, &User),
    now: Timestamp,
) -> Result<(), AdminError> {
    // What people of another firm are granted somebody inside agreed to.
    if grant.engagement.is_some() {
        return Ok(());
    }
    if rule.is_automatic(now) {
        grant.state = State::opened(&grant.terms, Vec::new(), now);
    } else if let Some(within) = rule.break_glass {
        if !are_one(&asking.user, person) {
            return Err(AdminError::NotNow {
                what: "an emergency is one's own".to_owned(),
                remedy: "let them ask for it themselves".to_owned(),
            });
        }
        just_shown(asking.mfa, now)?;
        let due = later(now, SignedDuration::from_secs(within.into()));
        grant.review = Some(Review { due, done: None });
        let approval = Approval {
            by: asking.user.id,
            name: asking.user.name.to_string(),
            at: now,
            digest: grant.digest(),
            reach: String::new(),
            right: super::BREAK_GLASS.to_owned(),
            amr: asking.amr.clone(),
            mfa: asking.mfa,
            comment: String::new(),
        };
        grant.state = State::opened(&grant.terms, vec![approval], now);
    }
    Ok(())
}

/// An emergency is nobody's secret.
fn say_aloud(grant: &Grant, (role, person): (&Role, &User)) {
    if let Some(Review { due, .. }) = &grant.review {
        tracing::warn!(
            grant = %grant.id, person = %person.name, role = %role.name, reason = %crate::base::text::printable(&grant.terms.reason),
            review_due = %due, "break-glass: somebody granted a role to themselves"
        );
    }
}

fn wanted(new: &NewGrant, (rule, ends): (&Rule, Option<Timestamp>), now: Timestamp) -> Result<Terms, AdminError> {
    let start = match new.start.as_deref() {
        None | Some("first_use") => Start::FirstUse,
        Some("approval") => Start::Approval,
        Some(text) => Start::Time(text.parse().map_err(|_| AdminError::OutOfBounds {
            what: "start".to_owned(),
            limit: "approval, first_use, or a time such as 2027-01-31T09:00:00Z".to_owned(),
        })?),
    };
    let last = later(now, SignedDuration::from_secs(rule.claim_within.into()));
    let last = ends.map_or(last, |ends| last.min(ends));
    let terms = Terms {
        start,
        seconds: new.seconds,
        claim_by: new.claim_by.map_or(last, |claim_by| ends.map_or(claim_by, |ends| claim_by.min(ends))),
        gives: given(new.gives.as_deref(), rule)?,
        policy: new.policy.as_deref().map(policy).transpose()?,
        conditions: new.condition.as_deref().map(condition).transpose()?.into_iter().collect(),
        reason: new.reason.trim().to_owned(),
        ticket: new.ticket.trim().to_owned(),
    };
    if rule.ticket && terms.ticket.is_empty() {
        return Err(AdminError::OutOfBounds {
            what: "ticket".to_owned(),
            limit: "named: the rule asks for one".to_owned(),
        });
    }
    terms.check(now, rule.longest, rule.claim_within).map_err(out_of_bounds)?;
    Ok(terms)
}

fn with(terms: &Terms, amended: &Amended) -> Result<Terms, AdminError> {
    let mut terms = terms.clone();
    terms.seconds = amended.seconds.unwrap_or(terms.seconds);
    terms.claim_by = amended.claim_by.unwrap_or(terms.claim_by);
    terms.conditions.extend(amended.condition.as_deref().map(condition).transpose()?);
    if let Some(narrowing) = amended.policy.as_deref() {
        if terms.policy.is_some() {
            return Err(AdminError::NotNow {
                what: "it is narrowed by a policy already".to_owned(),
                remedy: "add a condition instead".to_owned(),
            });
        }
        terms.policy = Some(policy(narrowing)?);
    }
    Ok(terms)
}

/// What a grant is to be good for: said where the rule asks for it, and nowhere else.
fn given(text: Option<&RawValue>, rule: &Rule) -> Result<Option<String>, AdminError> {
    match text {
        None if rule.inline => Err(AdminError::OutOfBounds {
            what: "gives".to_owned(),
            limit: "a policy that says what the grant is good for: the rule asks for one".to_owned(),
        }),
        Some(_) if !rule.inline => Err(AdminError::OutOfBounds {
            what: "gives".to_owned(),
            limit: "left out: what hangs on the role says what the grant is good for".to_owned(),
        }),
        None => Ok(None),
        Some(text) => {
            examine(text.get(), policy::Kind::Identity, LONGEST_GIVEN)?;
            Ok(Some(text.get().to_owned()))
        }
    }
}

fn policy(text: &RawValue) -> Result<String, AdminError> {
    examine(text.get(), policy::Kind::Identity, LONGEST_POLICY)?;
    Ok(text.get().to_owned())
}

/// A `Condition` block that asks for something.
fn condition(text: &RawValue) -> Result<String, AdminError> {
    super::super::iam::assignments::check_condition(text, LONGEST_CONDITION)?;
    Ok(text.get().to_owned())
}

fn out_of_bounds(error: TermsError) -> AdminError {
    AdminError::OutOfBounds { what: error.what.to_owned(), limit: error.limit }
}

/// The terms in the audit log; documents by their digests, since their text stands in the row's history.
fn note_terms(change: &mut Change<'_>, grant: &Grant) {
    let terms = &grant.terms;
    let start = match terms.start {
        Start::Approval => "approval".to_owned(),
        Start::FirstUse => "first_use".to_owned(),
        Start::Time(at) => at.to_string(),
    };
    change.note("seconds", terms.seconds.to_string());
    change.note("start", start);
    change.note("claim_by", terms.claim_by.to_string());
    change.note("reason", crate::base::text::printable(&terms.reason).into_owned());
    if !terms.ticket.is_empty() {
        change.note("ticket", crate::base::text::printable(&terms.ticket).into_owned());
    }
    if let Some(gives) = &terms.gives {
        change.note("gives_digest", digest(gives));
    }
    if let Some(policy) = &terms.policy {
        change.note("policy_digest", digest(policy));
    }
    for (number, condition) in terms.conditions.iter().enumerate() {
        change.note(&format!("condition_{number}_digest"), digest(condition));
    }
    if grant.review.is_some() {
        change.note("break_glass", "true");
    }
}

/// Whether whoever asks is the person meant, or one of the same human being.
pub(super) fn is_own(asked: &Authorized, person: &User) -> bool {
    Subject::of(asked.caller()).and_then(Subject::user).is_some_and(|user| are_one(user, person))
}
