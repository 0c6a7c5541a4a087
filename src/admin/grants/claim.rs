//! Its holder begins to work with a grant, and says when they are done.

use super::super::{Admin, AdminError};
use super::engagement::engagement_of;
use super::{GrantView, grant, note, request, role_of, rule_of, stands, user};
use crate::gate::Authorized;
use crate::model::grant::Closing;
use crate::rights::granted;

impl Admin {
    /// Begins the working window of `asked.resource()`, or says that its holder is there to use what is left of it. Everything that it
    /// rests on is looked at again: who agreed has to be there and active still, and its holder among those who may ask. Blocks.
    ///
    /// # Errors
    /// When it cannot be claimed now, it is somebody else's, what it rests on is not so any more, or a part fails.
    pub fn claim_grant(&self, asked: Authorized) -> Result<GrantView, AdminError> {
        let asking = self.person(&asked);
        let which = asked.resource().to_owned();
        let terms = self.terms(asked.at())?;
        self.clock.may_mint().map_err(|error| AdminError::NotNow {
            what: error.to_string(),
            remedy: "a grant begins when the time is known".to_owned(),
        })?;
        self.change(asked, |change| {
            let asking = asking?;
            let before = grant(change.snapshot, &which)?;
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
                let active = there.is_some_and(|user| user.standing.enabled(change.now).is_ok());
                if !active || approval.digest != digest {
                    let what = format!("`{}`, who agreed to it, may not act any more", approval.name);
                    return no(what, "ask for it anew, so that somebody else agrees");
                }
            }
            let mut grant = before.value.clone();
            let ends = engagement_of(change.snapshot, &asking.user, change.now)?.map(|engagement| engagement.ends);
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
        let which = asked.resource().to_owned();
        let found = self.store.read(|snapshot| {
            let before = grant(snapshot, &which)?;
            let person = user(snapshot, &before.value.person)?;
            Ok::<_, AdminError>((before, person))
        });
        let (before, own) = match found {
            Ok((before, person)) => (Ok(before), person.is_some_and(|person| request::is_own(&asked, &person))),
            Err(error) => (Err(error), false),
        };
        self.change(asked, |change| {
            let before = before?;
            if !own {
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
