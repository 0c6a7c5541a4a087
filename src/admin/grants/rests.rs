//! What a grant rests on besides its time, and why one that is not over leads nowhere all the same.
//!
//! Nothing has to be done for a grant to count no more: a rule that is gone, a group that its holder left, an engagement that was closed
//! are read at each use ([`crate::rights::granted`]) and as one is begun. So nothing is written down then, either, and whoever looks at
//! a grant is told what was found by looking at the same things.

use super::super::{Admin, AdminError};
use super::{BREAK_GLASS, GrantView, rule_of, ticket, user};
use crate::base::Timestamp;
use crate::model::grant::{Rule, Stage, State};
use crate::model::{Engagement, Grant, Role};
use crate::rights::{Library, Terms, granted};
use crate::store::{Snapshot, iam};

impl Admin {
    /// That all is there still that `grant` of `role`, which nobody has begun, rests on, where its holder is in these groups; and the
    /// engagement that it is part of. Who agreed has to be there and active, and its holder among those who may ask.
    ///
    /// # Errors
    /// What is not so any more.
    pub(super) fn rests_on(
        &self,
        snapshot: &dyn Snapshot,
        terms: &Terms,
        (grant, role, groups): (&Grant, &Role, &[String]),
        now: Timestamp,
    ) -> Result<Option<Engagement>, AdminError> {
        let rule = rule_of(terms, role)?;
        let no = |what: String, remedy: &str| Err(AdminError::NotNow { what, remedy: remedy.to_owned() });
        if !granted::may_ask(rule, groups) {
            let what = "its holder is in no group any more that may ask for the role".to_owned();
            return no(what, "ask for another role");
        }
        let digest = grant.digest();
        for approval in grant.state.approvals() {
            let there = user(snapshot, &approval.by)?;
            let active = there.is_some_and(|user| {
                user.standing.enabled(now).is_ok() && !terms.frozen.contains(&user.origin.directory)
            });
            if !active || approval.digest != digest {
                let what = format!("`{}`, who agreed to it, may not act any more", approval.name);
                return no(what, "ask for it anew, so that somebody else agrees");
            }
        }
        let reach = self.reach_of(snapshot, terms, grant)?;
        if grant.state.approvals().iter().any(|yes| !yes.reach.is_empty() && yes.reach != reach) {
            let what = "what the role allows, or what bounds it, was changed since others agreed".to_owned();
            return no(what, "ask for it anew, so that they agree to that");
        }
        if matches!(grant.state, State::Approved(_)) && !is_enough(grant, rule, now) {
            let what = "the rule of the role asks for more to agree than did".to_owned();
            return no(what, "ask for it anew");
        }
        if matches!(grant.state, State::Approved(_)) && !ticket::is_vouched(grant, rule) {
            let what = "the rule of the role has tickets asked about, and nobody asked about this one".to_owned();
            return no(what, "ask for it anew");
        }
        match granted::engagement_of(snapshot, grant, now)? {
            Ok(engagement) => Ok(engagement),
            Err(why) => no(why, "whoever answers for you inside can say more"),
        }
    }

    /// The same as [`GrantView::of`], with why it leads nowhere if it does.
    pub(super) fn grant_view(
        &self,
        snapshot: &dyn Snapshot,
        terms: &Terms,
        grant: &Grant,
        now: Timestamp,
    ) -> Result<GrantView, AdminError> {
        let view = GrantView::of(snapshot, grant, now)?;
        Ok(GrantView { void: self.void(snapshot, terms, grant, now)?, ..view })
    }

    /// Why a grant that is not over leads nowhere, if it does.
    fn void(
        &self,
        snapshot: &dyn Snapshot,
        terms: &Terms,
        grant: &Grant,
        now: Timestamp,
    ) -> Result<Option<String>, AdminError> {
        let stage = grant.stage(now);
        if stage == Stage::Ended {
            return Ok(None);
        }
        let Some(holder) = user(snapshot, &grant.person)? else {
            return Ok(Some("its holder is not there any more".to_owned()));
        };
        if terms.frozen.contains(&holder.origin.directory) {
            return Ok(Some("its holder may not act: their directory is no longer configured".to_owned()));
        }
        if let Err(why) = holder.standing.enabled(now) {
            return Ok(Some(format!("its holder may not act: {why}")));
        }
        let Some(role) = iam::role(snapshot, &grant.role)?.filter(|role| terms.holds(&role.account)) else {
            return Ok(Some("its role is not there any more".to_owned()));
        };
        let mut library = Library::with(self.shelf.clone(), &self.account, terms);
        let mut reading = library.at(snapshot);
        let groups = reading.group_names(&holder)?;
        if stage == Stage::Active {
            return Ok(reading.grant(&grant.id, &role, &groups)?.err());
        }
        match self.rests_on(snapshot, terms, (grant, &role, &groups), now) {
            Ok(_) => Ok(None),
            Err(AdminError::NotNow { what, .. }) => Ok(Some(what)),
            Err(error) => Err(error),
        }
    }
}

/// Whether as many agreed as the rule asks for now, whatever it asked for when they did.
fn is_enough(grant: &Grant, rule: &Rule, now: Timestamp) -> bool {
    let approvals = grant.state.approvals();
    let alone = approvals.iter().any(|approval| approval.right == BREAK_GLASS);
    match alone {
        true => rule.break_glass.is_some(),
        false => rule.is_automatic(now) || approvals.len() >= usize::from(rule.approvals),
    }
}
