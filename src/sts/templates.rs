//! What the directory says of a person, put into a request to begin a session before anybody is asked about it.
//!
//! A client may leave such a parameter out, or ask for just that; whoever asks for anything else is told what it may be. What
//! is put in counts as if the client had asked for it: the same checks, the same keys for conditions, the same permissions.
//!
//! That includes `sts:TagSession` and `sts:SetSourceIdentity`, though nobody asked for anything of their own. A tag of a
//! session stands above the tag of its role, so whoever wrote `aws:PrincipalTag/Team` into the role's policy and `Team` onto
//! the role relies on nobody being let in with another `Team`; the permission to tag is that reliance, wherever the tag comes
//! from. AWS asks for it of tags that an identity provider sends, too (IAM User Guide, "Passing session tags"). And a Deny on
//! either action goes on to count.

use super::{Action, Sts};
use crate::authn::signed::Signed;
use crate::base::text::printable_within;
use crate::issue::Stated;
use crate::model::{Session, SessionName, User};
use crate::query::{Params, QueryError};

impl Sts {
    /// The parameters of `action` with what is stated of the person at the beginning of the chain, if it is one and the action
    /// gives a session of a role.
    ///
    /// # Errors
    /// When something else is asked for, or the directory lacks what the session is to be called.
    pub fn prepared(&self, action: &Action, params: Params, signed: Option<&Signed>) -> Result<Params, QueryError> {
        let live = signed.and_then(Signed::session);
        let person = live.map_or_else(|| signed.and_then(Signed::user), |live| live.person());
        match person {
            Some(person) if action.operation.is_assuming() => {
                self.stating(params, person, live.map(|live| live.session()))
            }
            _ => Ok(params),
        }
    }

    /// The parameters of a request for a session of `person`, begun by `parent` if a session begins it, with what is stated of
    /// them.
    ///
    /// # Errors
    /// As [`Sts::prepared`].
    pub fn stating(&self, params: Params, person: &User, parent: Option<&Session>) -> Result<Params, QueryError> {
        let Stated { role_session_name, source_identity, tags } = self.mint.stated(person)?;
        let mut params = params;
        for (name, stated) in [("RoleSessionName", role_session_name), ("SourceIdentity", source_identity)] {
            let Some(stated) = stated else { continue };
            if let Some(asked) = params.text(name).filter(|asked| *asked != stated.as_str()) {
                return Err(another(name, asked, Some(stated.as_str()), person));
            }
            params = params.stating(name, stated.as_str());
        }
        // Nobody has to repeat who they are: what is left to them, and left out, is their own name.
        if params.text("RoleSessionName").is_none()
            && let Some(own) = SessionName::sanitised(person.name.as_str())
        {
            params = params.stating("RoleSessionName", own.as_str());
        }
        let asked = params.tags()?;
        for (key, stated) in tags {
            // Keys have no case.
            let same = |own: &&String| own.to_lowercase() == key.to_lowercase();
            let asked = asked.keys().find(same).and_then(|own| asked.get(own));
            // What goes on from the session before comes anyway, and cannot be asked for again.
            let goes_on = parent.and_then(|parent| parent.tags.get(parent.transitive.iter().find(same)?));
            let wrong = asked.into_iter().chain(goes_on).find(|value| Some(*value) != stated.as_ref());
            if let Some(wrong) = wrong {
                return Err(another(&format!("the tag {key}"), wrong, stated.as_deref(), person));
            }
            if let (Some(stated), None, None) = (&stated, asked, goes_on) {
                params = params.stating_tag(&key, stated)?;
            }
        }
        Ok(params)
    }
}

/// Something else was asked for than the directory says.
fn another(what: &str, asked: &str, stated: Option<&str>, person: &User) -> QueryError {
    let asked = printable_within(asked, 64);
    let may = match stated {
        Some(stated) => format!("may be `{stated}` alone: leave it out, or ask for that"),
        None => "may not be given: the directory has none".to_owned(),
    };
    let message = format!("{what} is `{asked}`, and comes from the directory here; of {} it {may}", person.name);
    QueryError::new(403, "AccessDenied", message)
}
