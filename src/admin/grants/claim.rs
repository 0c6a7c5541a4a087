//! Its holder begins to work with a grant, and says when they are done.

use super::super::{Admin, AdminError};
use super::{BREAK_GLASS, GrantView, grant, note, request, role_of, rule_of, stands, user};
use crate::base::Timestamp;
use crate::gate::Authorized;
use crate::model::Grant;
use crate::model::grant::{Closing, Rule};
use crate::rights::granted;

impl Admin {
    /// Begins the working window of `asked.resource()`, or says that its holder is there to use what is left of it. Everything that it
    /// rests on is looked at again: who agreed has to be there and active still, and its holder among those who may ask. Blocks.
    ///
    /// # Errors
    /// When it cannot be claimed now, it is somebody else's, what it rests on is not so any more, or a part fails.
    pub fn claim_grant(&self, asked: Authorized) -> Result<GrantView, AdminError> {
        self.change_anew(asked, |asked, change| {
            self.clock.may_mint().map_err(|error| AdminError::NotNow {
                what: error.to_string(),
                remedy: "a grant begins when the time is known".to_owned(),
            })?;
            let terms = self.grounds().terms(change.snapshot, change.now)?;
            let (asking, which) = (self.person(change.snapshot, &terms, asked)?, asked.resource());
            let before = grant(change.snapshot, which)?;
            if before.value.person != asking.user.id {
                return Err(AdminError::NoSuch { what: format!("grant `{which}` of yours") });
            }
            let role = role_of(change.snapshot, &before.value)?;
            let rule = rule_of(&terms, &role)?;
            let no = |what: String, remedy: &str| Err(AdminError::NotNow { what, remedy: remedy.to_owned() });
            if !granted::may_ask(rule, &asking.groups) {
                return no("you are in no group any more that may ask for the role".to_owned(), "ask for another role");
            }
            let digest = before.value.digest();
            for approval in before.value.state.approvals() {
                let there = user(change.snapshot, &approval.by)?;
                let active = there.is_some_and(|user| {
                    user.standing.enabled(change.now).is_ok() && !terms.frozen.contains(&user.origin.directory)
                });
                if !active || approval.digest != digest {
                    let what = format!("`{}`, who agreed to it, may not act any more", approval.name);
                    return no(what, "ask for it anew, so that somebody else agrees");
                }
            }
            let reach = self.reach_of(change.snapshot, &terms, &before.value)?;
            if before.value.state.approvals().iter().any(|yes| !yes.reach.is_empty() && yes.reach != reach) {
                let what = "what the role allows, or what bounds it, was changed since others agreed".to_owned();
                return no(what, "ask for it anew, so that they agree to that");
            }
            if !is_enough(&before.value, rule, change.now) {
                let what = "the rule of the role asks for more to agree than did".to_owned();
                return no(what, "ask for it anew");
            }
            let engagement = granted::engagement_of(change.snapshot, &before.value, change.now)?;
            let engagement = match engagement {
                Ok(engagement) => engagement,
                Err(why) => return no(why, "whoever answers for you inside can say more"),
            };
            let mut grant = before.value.clone();
            let ends = engagement.map(|engagement| engagement.ends);
            grant.state = grant.state.claim(&grant.terms, ends, change.now).map_err(stands)?;
            change.commit.put_grant(&before, &grant)?;
            note(change, &grant, &role, &asking.user);
            if let Some(until) = grant.due() {
                change.note("until", until.to_string());
            }
            GrantView::of(change.snapshot, &grant, change.now)
        })
    }

    /// Ends the grant `asked.resource()`, whose holder is done with it; its sessions end with it. Blocks.
    ///
    /// # Errors
    /// When it is over, somebody else's, or a part fails.
    pub fn complete_grant(&self, asked: Authorized) -> Result<GrantView, AdminError> {
        self.change_anew(asked, |asked, change| {
            let which = asked.resource();
            let before = grant(change.snapshot, which)?;
            let person = user(change.snapshot, &before.value.person)?;
            if !person.is_some_and(|person| request::is_own(asked, &person)) {
                return Err(AdminError::NoSuch { what: format!("grant `{which}` of yours") });
            }
            let mut grant = before.value.clone();
            grant.state = grant.state.close(&grant.terms, Closing::Complete, change.now).map_err(stands)?;
            change.commit.put_grant(&before, &grant)?;
            change.note("grant", grant.id.to_string());
            GrantView::of(change.snapshot, &grant, change.now)
        })
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
