//! A grant is taken back, the clock ends it, and somebody looks back at one that nobody else agreed to.

use jiff::SignedDuration;

use super::super::told::Happened;
use super::super::{Admin, AdminError};
use super::{GrantView, are_one, decide, grant, right_by, role_of, rule_of, stands, user, views};
use crate::audit::{Event, Outcome};
use crate::authn::subject::Subject;
use crate::base::Timestamp;
use crate::gate::Authorized;
use crate::model::grant::{Closing, Reviewed, State};
use crate::model::notice::Kind;
use crate::model::{Actor, Grant};
use crate::store::iam::Read;
use crate::store::{Commit, Intent, StoreError, grants, iam, identity};

/// Grants that the clock ended, written down in one go.
const AT_ONCE: usize = 256;

/// How long an end is news.
const NEWS: SignedDuration = SignedDuration::from_hours(24);

/// What a round of writing down ends has come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lapsed {
    /// Grants whose end was written down.
    pub ended: u64,
    /// Whether there may be more.
    pub more: bool,
}

impl Admin {
    /// Takes the grant `asked.resource()` back, at whatever stage; its sessions end with it. Its holder and whoever asked for it may,
    /// those who may agree to such, whoever answers for its engagement, and operators. Blocks.
    ///
    /// # Errors
    /// When it is over, they may not, or a part fails.
    pub fn revoke_grant(&self, asked: Authorized, reason: &str) -> Result<GrantView, AdminError> {
        self.change_anew(asked, |asked, change| {
            let subject = Subject::of(asked.caller());
            let person = subject.and_then(Subject::user);
            if subject.is_some() && person.is_none() {
                return Err(AdminError::NotNow {
                    what: "that takes a person, or an operator of this machine".to_owned(),
                    remedy: "sign in at the portal, or with `bailey login`".to_owned(),
                });
            }
            let before = grant(change.snapshot, asked.resource())?;
            if let Some(person) = person {
                let terms = self.grounds().terms(change.snapshot, change.now)?;
                let groups = self.groups_of(change.snapshot, &terms, person)?;
                let own = [before.value.person, before.value.requested_by].contains(&person.id);
                let role = iam::role(change.snapshot, &before.value.role)?;
                let rule = role.as_ref().and_then(|role| terms.grants.rules.of(role));
                let by = |rule| super::right_by(change.snapshot, (&before.value, rule), (person, &groups), change.now);
                let approves = rule.map(by).transpose()?.flatten().is_some();
                let answers = views::answers_for(change.snapshot, &before.value, person)?;
                if !(own || approves || answers) {
                    return Err(AdminError::NotNow {
                        what: "that is for its holder, for those who may agree to it, and for operators".to_owned(),
                        remedy: "ask one of them".to_owned(),
                    });
                }
            }
            let mut grant = before.value.clone();
            let closing = Closing::Revoke { by: change.actor.clone(), reason: decide::said(reason)? };
            grant.state = grant.state.close(&grant.terms, closing, change.now).map_err(stands)?;
            change.commit.put_grant(&before, &grant)?;
            self.tell(change, Kind::GrantRevoked, &grant, reason.trim());
            change.note("grant", grant.id.to_string());
            change.note("reason", decide::said(reason)?);
            GrantView::of(change.snapshot, &grant, change.now)
        })
    }

    /// Writes down that somebody looked back at `asked.resource()`, and what they found. Blocks.
    ///
    /// # Errors
    /// When nobody has to, it was done, they may not, or a part fails.
    pub fn review_grant(&self, asked: Authorized, finding: &str) -> Result<GrantView, AdminError> {
        self.change_anew(asked, |asked, change| {
            let terms = self.grounds().terms(change.snapshot, change.now)?;
            let asking = self.person(change.snapshot, &terms, asked)?;
            let before = grant(change.snapshot, asked.resource())?;
            let no =
                |what: &str, remedy: &str| Err(AdminError::NotNow { what: what.to_owned(), remedy: remedy.to_owned() });
            let mut grant = before.value.clone();
            let Some(review) = grant.review.as_mut().filter(|review| review.done.is_none()) else {
                return no("nobody has to look back at it", "or somebody has already");
            };
            if user(change.snapshot, &before.value.person)?.is_some_and(|person| are_one(&person, &asking.user)) {
                return no("nobody looks back at what they did themselves", "somebody else has to");
            }
            let role = role_of(change.snapshot, &before.value)?;
            let rule = rule_of(&terms, &role)?;
            let by = (&asking.user, &*asking.groups);
            if right_by(change.snapshot, (&before.value, rule), by, change.now)?.is_none() {
                return no("that is for those who may agree to such grants", "ask one of them");
            }
            let finding = decide::said(finding)?;
            if finding.is_empty() {
                return Err(AdminError::OutOfBounds { what: "finding".to_owned(), limit: "what was found".to_owned() });
            }
            review.done = Some(Reviewed { by: asking.user.id, at: change.now, finding: finding.clone() });
            change.commit.put_grant(&before, &grant)?;
            change.note("grant", grant.id.to_string());
            change.note("finding", finding);
            GrantView::of(change.snapshot, &grant, change.now)
        })
    }

    /// Writes down which grants the clock has ended at `now`, each with its record. They count for nothing since then as it is: this
    /// is so that it is known, and that a clock which steps back revives none. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn end_lapsed_grants(&self, now: Timestamp) -> Result<Lapsed, StoreError> {
        let lapsed = self.store.read(|snapshot| grants::lapsed(snapshot, now, AT_ONCE))?;
        let mut done = Lapsed { ended: 0, more: lapsed.len() == AT_ONCE };
        for held in lapsed {
            done.ended += u64::from(self.end_lapsed(&held, now)?);
        }
        Ok(done)
    }

    /// Of what ended long ago, and was written down now, nobody wants to hear; nor of what a restore ended.
    fn tell_of_lapse(&self, happened: Happened<'_>, grant: &Grant) -> Result<(), StoreError> {
        let is_news = grant.due().is_some_and(|due| happened.now.duration_since(due) < NEWS);
        if is_news && grant.epoch == identity::epoch(happened.snapshot)?.to_string() {
            let kind = if matches!(grant.state, State::Active(_)) { Kind::GrantEnded } else { Kind::GrantExpired };
            self.tell_what_happened(happened, kind, grant, "");
        }
        Ok(())
    }

    /// False where somebody else wrote it meanwhile.
    fn end_lapsed(&self, held: &Read<Grant>, now: Timestamp) -> Result<bool, StoreError> {
        let grant = &held.value;
        let Some(state) = grant.state.clone().lapsed(&grant.terms, now) else { return Ok(false) };
        let by = Actor::task("grants");
        let mut commit = Commit::new(by.clone(), now, Intent::Narrow);
        let stage = grant.stage(grant.due().unwrap_or(now)).word();
        commit.put_grant(held, &Grant { state, ..grant.clone() })?;
        self.store
            .read(|snapshot| self.tell_of_lapse(Happened { snapshot, commit: &mut commit, by: &by, now }, grant))?;
        let event = Event::narrowing("EndGrant")
            .with("grant", grant.id.to_string())
            .with("person", grant.person.to_string())
            .with("reason_code", "expired")
            .with("was", stage);
        let trace = self.audit.trace(&by, &event, now);
        let ended = grant.due().map(|at| at.to_string()).unwrap_or_default();
        match trace.commit(&self.store, commit, &Outcome::success().with("ended", ended), now) {
            Err(StoreError::Conflict { .. }) => Ok(false),
            done => done.map(|_| true),
        }
    }
}
