//! What is shown of a grant.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::super::iam::views::Page;
use super::super::{Admin, AdminError};
use super::{Listed, grant, right_by, user};
use crate::base::{GrantId, RoleId, Timestamp};
use crate::model::grant::{Approval, Checked, End, How, Rule, Stage, Start, State, Working};
use crate::model::{Actor, Arn, Grant, User};
use crate::rights::Terms;
use crate::store::iam::Read;
use crate::store::schema::grants as keys;
use crate::store::{Snapshot, grants, iam};

/// Grants that are shown at once to somebody, at most.
const MOST_SHOWN: usize = 100;

/// Grants that are over and shown to whose they were, at most.
const MOST_OVER: usize = 20;

/// How long ago they may have ended.
const REMEMBERED: jiff::SignedDuration = jiff::SignedDuration::from_hours(90 * 24);

/// Rows read at once.
const PAGE: usize = 500;

/// A grant, for people and programs to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantView {
    /// Its id.
    pub id: String,
    /// Who has it, or is to.
    pub person: String,
    /// What they are called, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The role.
    pub role: String,
    /// Its ARN.
    pub role_arn: String,
    /// Where it stands.
    pub stage: Stage,
    /// Who asked for it.
    pub requested_by: String,
    /// When.
    pub requested: Timestamp,
    /// What for.
    pub reason: String,
    /// The ticket that says so elsewhere.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ticket: String,
    /// What agreed that it is one, and its word to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket_checked: Option<String>,
    /// Seconds that it lasts.
    pub seconds: u32,
    /// When that begins: `approval`, `first_use`, or a time.
    pub start: String,
    /// It has to be approved and claimed before then.
    pub claim_by: Timestamp,
    /// From when it counts, once it was claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// A policy that says what it is good for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gives: Option<String>,
    /// A policy beyond which it does not reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Conditions that have to hold at each call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
    /// What is agreed to.
    pub digest: String,
    /// Who agreed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<ApprovalView>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// How: `expired`, `completed`, `revoked`, `refused`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
    /// By whom, where it was not the clock or its holder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
    /// Why, if they said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_reason: Option<String>,
    /// Somebody has to look back at it until then, and has not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_due: Option<Timestamp>,
    /// What somebody found who did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<String>,
    /// Why it leads nowhere although its time is not over: what it rests on is not so any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void: Option<String>,
}

/// A grant, and what whoever it is shown to has to do with it.
#[derive(Debug)]
pub struct Shown {
    /// It.
    pub view: GrantView,
    /// They have it, or are to.
    pub holds: bool,
    /// They asked for it.
    pub asked: bool,
    /// They may decide about it, and look back at it.
    pub may_decide: bool,
    /// They agreed to it.
    pub agreed: bool,
    /// How many have to agree.
    pub needed: usize,
    /// A digest of what the role allows, and of what bounds it: what whoever agrees reads.
    pub reach: String,
}

/// Somebody's yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalView {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What made them one who could.
    pub right: String,
    /// What they said to it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
}

/// Whose grants are to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which<'a> {
    /// One person's that are not over.
    Of(&'a User),
    /// Those that this person could decide about or has to look back at, now.
    For(&'a User),
    /// One person's last ones that are over.
    Over(&'a User),
}

impl GrantView {
    /// Of `grant` at `now`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(snapshot: &dyn Snapshot, grant: &Grant, now: Timestamp) -> Result<Self, AdminError> {
        let named = |id| {
            let name = user(snapshot, id)?.map(|user| user.name.to_string());
            Ok::<_, AdminError>(name.unwrap_or_else(|| id.to_string()))
        };
        let role = iam::role(snapshot, &grant.role)?;
        let (name, arn) = role.map_or_else(
            || (grant.role.to_string(), String::new()),
            |role| (role.name.to_string(), Arn::role(&role.account, &role.path, &role.name).to_string()),
        );
        let (from, until) = match &grant.state {
            State::Active(Working { from, until, .. }) => (Some(*from), Some(*until)),
            State::Ended(End { worked: Some((_, from, until)), .. }) => (Some(*from), Some(*until)),
            State::Requested { .. } | State::Approved(_) | State::Ended(_) => (None, None),
        };
        let stage = grant.stage(now);
        // What the clock has ended is shown as what it is, whether or not that was written down.
        let state = grant.state.clone();
        let state =
            if stage == Stage::Ended { state.clone().lapsed(&grant.terms, now).unwrap_or(state) } else { state };
        let (ended, how, ended_by, end_reason) = match &state {
            State::Ended(End { at, how, .. }) => {
                let (word, by, why) = match how {
                    How::Expired => ("expired", None, ""),
                    How::Completed => ("completed", None, ""),
                    How::Revoked { by, reason } => ("revoked", Some(called(by)), reason.as_str()),
                    How::Refused { by, reason } => ("refused", Some(named(by)?), reason.as_str()),
                };
                (Some(*at), Some(word.to_owned()), by, Some(why.to_owned()).filter(|why| !why.is_empty()))
            }
            _ => (None, None, None, None),
        };
        let review = grant.review.as_ref();
        let holder = user(snapshot, &grant.person)?;
        Ok(Self {
            id: grant.id.to_string(),
            person: named(&grant.person)?,
            display_name: holder.and_then(|holder| holder.display_name),
            role: name,
            role_arn: arn,
            stage,
            requested_by: named(&grant.requested_by)?,
            requested: grant.requested,
            reason: grant.terms.reason.clone(),
            ticket: grant.terms.ticket.clone(),
            ticket_checked: grant.checked.as_ref().map(Checked::to_string),
            seconds: grant.terms.seconds,
            start: match grant.terms.start {
                Start::Approval => "approval".to_owned(),
                Start::FirstUse => "first_use".to_owned(),
                Start::Time(at) => at.to_string(),
            },
            claim_by: match &grant.state {
                State::Approved(opened) => opened.claim_by,
                State::Requested { .. } | State::Active(_) | State::Ended(_) => grant.terms.claim_by,
            },
            from,
            until,
            gives: grant.terms.gives.clone(),
            policy: grant.terms.policy.clone(),
            conditions: grant.terms.conditions.clone(),
            digest: grant.digest(),
            approvals: state.approvals().iter().map(ApprovalView::of).collect(),
            ended,
            how,
            ended_by,
            end_reason,
            review_due: review.filter(|review| review.done.is_none()).map(|review| review.due),
            finding: review.and_then(|review| review.done.as_ref()).map(|done| done.finding.clone()),
            void: None,
        })
    }
}

/// Whether `who` answers for the engagement that a grant is part of.
pub(super) fn answers_for(snapshot: &dyn Snapshot, grant: &Grant, who: &User) -> Result<bool, AdminError> {
    let engagement = grant.engagement.map(|id| grants::engagement(snapshot, &id)).transpose()?.flatten();
    Ok(engagement.is_some_and(|held| held.value.sponsor == who.id))
}

/// Who that was, in words.
pub(super) fn called(by: &Actor) -> String {
    match by {
        Actor::Person { name, .. } => name.clone(),
        Actor::Local { uid } => format!("an operator (uid {uid})"),
        other => other.to_string(),
    }
}

impl ApprovalView {
    fn of(approval: &Approval) -> Self {
        let Approval { name, at, right, comment, .. } = approval;
        Self { by: name.clone(), at: *at, right: right.clone(), comment: comment.clone() }
    }
}

impl Admin {
    /// One grant. Blocks.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn grant(&self, which: &str) -> Result<GrantView, AdminError> {
        let now = self.now();
        let terms = self.terms(now)?;
        self.store.read(|snapshot| self.grant_view(snapshot, &terms, &grant(snapshot, which)?.value, now))
    }

    /// One grant, for somebody to whom it is shown: its holder, whoever asked for it, and those who may agree to such. Blocks.
    ///
    /// # Errors
    /// When there is none that is shown to them, or the store cannot be read.
    pub fn grant_shown_to(&self, person: &User, which: &str) -> Result<Shown, AdminError> {
        let now = self.now();
        let terms = self.terms(now)?;
        self.store.read(|snapshot| {
            let groups = self.groups_of(snapshot, &terms, person)?;
            let held = grant(snapshot, which)?.value;
            let role = iam::role(snapshot, &held.role)?;
            let rule = role.as_ref().and_then(|role| terms.grants.rules.of(role));
            let answers = answers_for(snapshot, &held, person)?;
            let by = |rule| right_by(snapshot, (&held, rule), (person, &groups), now);
            let decides = rule.map(by).transpose()?.flatten().is_some();
            let (holds, asked) = (held.person == person.id, held.requested_by == person.id);
            if !(decides || holds || asked || answers) {
                return Err(AdminError::NoSuch { what: format!("grant `{}`", crate::base::text::printable(which)) });
            }
            let needed = rule.map(|rule| usize::from(rule.approvals)).unwrap_or_default();
            let agreed = held.state.approvals().iter().any(|approval| approval.by == person.id);
            let may_decide = decides && !holds && !asked;
            Ok(Shown {
                view: self.grant_view(snapshot, &terms, &held, now)?,
                holds,
                asked,
                may_decide,
                agreed,
                needed,
                reach: self.reach_of(snapshot, &terms, &held)?,
            })
        })
    }

    /// A page of all grants, in the order in which they were asked for; `after` is the `next` of the page before. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn all_grants(&self, after: Option<&str>, limit: usize) -> Result<Page<GrantView>, AdminError> {
        let after = after.map(str::parse::<GrantId>).transpose().map_err(|_| AdminError::OutOfBounds {
            what: "after".to_owned(),
            limit: "the `next` of the page before".to_owned(),
        })?;
        let now = self.now();
        let terms = self.terms(now)?;
        self.store.read(|snapshot| {
            let found = grants::page(snapshot, after.as_ref(), limit)?;
            let next = found.last().filter(|_| found.len() == limit).map(|grant| grant.id.to_string());
            let shown = found.iter().map(|grant| self.grant_view(snapshot, &terms, grant, now));
            let items = shown.collect::<Result<_, _>>()?;
            Ok(Page { items, next })
        })
    }

    /// A page of everybody's grants that are not over, in the order of people; `after` is the `next` of the page before. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open_grants(&self, after: Option<&str>, limit: usize) -> Result<Page<GrantView>, AdminError> {
        let after = after.map(|after| {
            let key = hex::decode(after).ok().filter(|key| keys::parse_open_grant_of(key).is_some());
            key.ok_or_else(|| AdminError::OutOfBounds {
                what: "after".to_owned(),
                limit: "the `next` of the page before".to_owned(),
            })
        });
        let (after, now) = (after.transpose()?, self.now());
        let terms = self.terms(now)?;
        self.store.read(|snapshot| {
            let (found, next) = grants::page_of_open(snapshot, after.as_deref(), limit)?;
            let counts = |held: &&Read<Grant>| held.value.stage(now) != Stage::Ended || held.value.waits();
            let shown = found.iter().filter(counts);
            let items =
                shown.map(|held| self.grant_view(snapshot, &terms, &held.value, now)).collect::<Result<_, _>>()?;
            Ok(Page { items, next: next.map(hex::encode) })
        })
    }

    /// Somebody's own that are not over, or that somebody has to look back at.
    fn of_person(
        &self,
        snapshot: &dyn Snapshot,
        terms: &Terms,
        user: &User,
        now: Timestamp,
    ) -> Result<Listed<GrantView>, AdminError> {
        let looks_back = |one: &Grant| one.review.as_ref().is_some_and(|review| review.done.is_none());
        let counts = |one: &Grant| one.stage(now) != Stage::Ended || looks_back(one);
        let open = grants::open_of(snapshot, &user.id, None)?.into_iter().map(|held| held.value);
        let mut found: Vec<Grant> = open.filter(counts).collect();
        found.sort_by(|a, b| b.requested.cmp(&a.requested).then_with(|| a.id.cmp(&b.id)));
        let more = found.len() > MOST_SHOWN;
        found.truncate(MOST_SHOWN);
        let items = found.iter().map(|one| self.grant_view(snapshot, terms, one, now)).collect::<Result<_, _>>()?;
        Ok(Listed { items, more })
    }

    /// Grants that are not over: of one person the latest first, and of those that wait for one those first that wait longest. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn grants(&self, which: Which<'_>) -> Result<Listed<GrantView>, AdminError> {
        let now = self.now();
        let terms = self.terms(now)?;
        self.store.read(|snapshot| match which {
            Which::Of(user) => self.of_person(snapshot, &terms, user, now),
            Which::Over(user) => over(snapshot, user, now),
            Which::For(user) => {
                let groups = self.groups_of(snapshot, &terms, user)?;
                waiting_for(snapshot, &terms, (user, &groups), now)
            }
        })
    }
}

/// Somebody's last ones that are over, with those among them of which nobody has written so yet, the last one first. What somebody
/// has to look back at is not over to them.
fn over(snapshot: &dyn Snapshot, user: &User, now: Timestamp) -> Result<Listed<GrantView>, AdminError> {
    let since = now.saturating_sub(REMEMBERED).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut found = grants::ended_of(snapshot, &user.id, since, MOST_OVER + 1)?;
    let before = found.len() > MOST_OVER;
    let open = grants::open_of(snapshot, &user.id, None)?.into_iter().map(|held| held.value);
    found.extend(open.filter(|one| one.due().is_some_and(|due| due >= since) && one.stage(now) == Stage::Ended));
    found.retain(|one| one.review.as_ref().is_none_or(|review| review.done.is_some()));
    let ended = |one: &Grant| match &one.state {
        State::Ended(end) => Some(end.at),
        other => other.due(&one.terms),
    };
    found.sort_by_key(|one| std::cmp::Reverse(ended(one)));
    let more = before || found.len() > MOST_OVER;
    found.truncate(MOST_OVER);
    let items = found.iter().map(|one| GrantView::of(snapshot, one, now)).collect::<Result<_, _>>()?;
    Ok(Listed { items, more })
}

/// Those that somebody in these groups could decide about, or has to look back at.
fn waiting_for(
    snapshot: &dyn Snapshot,
    terms: &Terms,
    (user, groups): (&User, &[String]),
    now: Timestamp,
) -> Result<Listed<GrantView>, AdminError> {
    let mut items = Vec::new();
    let mut known: HashMap<RoleId, Option<&Rule>> = HashMap::new();
    let mut after = None;
    loop {
        let page = grants::waiting(snapshot, after.as_ref(), PAGE)?;
        for held in &page {
            let one = &held.value;
            let stage = one.stage(now);
            let looks_back = one.review.as_ref().is_some_and(|review| review.done.is_none());
            let own = [one.person, one.requested_by].contains(&user.id);
            if own || !(stage == Stage::Requested || looks_back) {
                continue;
            }
            let rule = match known.get(&one.role) {
                Some(rule) => *rule,
                None => {
                    let role = iam::role(snapshot, &one.role)?;
                    let rule = role.as_ref().and_then(|role| terms.grants.rules.of(role));
                    *known.entry(one.role).or_insert(rule)
                }
            };
            let right = rule.map(|rule| right_by(snapshot, (one, rule), (user, groups), now)).transpose()?.flatten();
            let theirs = right.is_some() || stage == Stage::Requested && answers_for(snapshot, one, user)?;
            if !theirs {
                continue;
            }
            if items.len() == MOST_SHOWN {
                return Ok(Listed { items, more: true });
            }
            items.push(GrantView::of(snapshot, one, now)?);
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.value.id),
            _ => return Ok(Listed { items, more: false }),
        }
    }
}
