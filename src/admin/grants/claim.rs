//! Its holder begins to work with a grant, and says when they are done.

use super::super::{Admin, AdminError};
use super::{GrantView, grant, note, request, role_of, stands, user};
use crate::gate::Authorized;
use crate::model::grant::Closing;
use crate::model::notice::Kind;

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
            let engagement =
                self.rests_on(change.snapshot, &terms, (&before.value, &role, &asking.groups), change.now)?;
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
            self.tell(change, Kind::GrantEnded, &grant, "");
            change.note("grant", grant.id.to_string());
            GrantView::of(change.snapshot, &grant, change.now)
        })
    }
}
