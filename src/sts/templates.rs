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
//!
//! A refusal comes before the gate is asked, which would have written it down; so it is written down here, with a word for
//! programs: somebody who tries other names than their own is what a reviewer looks for, and an attribute that went missing is
//! what an operator does.

use super::{Action, Sts};
use crate::authn::Caller;
use crate::authn::signed::Signed;
use crate::base::Timestamp;
use crate::base::text::printable_within;
use crate::gate::{Gate, Operation};
use crate::issue::{IssueError, Stated};
use crate::model::tags::held_key;
use crate::model::{Session, SessionName, User};
use crate::query::{Params, QueryError};

/// Why no session begins as it is asked for.
#[derive(Debug)]
pub(super) enum Unstated {
    /// The directory does not say what it is to be called.
    Nameless(IssueError),
    /// Something else is asked for than the directory says.
    Locked {
        /// The parameter: a name of the API, or `Tags`.
        parameter: &'static str,
        /// What is told.
        message: String,
    },
    /// The request is none.
    Invalid(QueryError),
}

impl Unstated {
    /// A word for programs and the audit log; `None` of what is no refusal, but a typing error.
    fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Nameless(IssueError::Nameless { lack, .. }) => Some(lack.reason()),
            Self::Nameless(_) => Some("nameless"),
            Self::Locked { parameter: "Tags", .. } => Some("tag_locked"),
            Self::Locked { .. } => Some("name_locked"),
            Self::Invalid(_) => None,
        }
    }

    /// Has it written down that `caller` was refused `operation` so. Blocks.
    pub(super) fn noted(self, gate: &Gate, caller: &Caller, operation: Operation, now: Timestamp) -> QueryError {
        let (reason, parameter) = (self.reason(), self.parameter());
        let error = QueryError::from(self);
        if let Some(reason) = reason {
            let mut about = vec![("reason_code", reason.to_owned())];
            about.extend(parameter.map(|parameter| ("parameter", parameter.to_owned())));
            gate.note_failure(caller, operation, about, (error.code, &error.message), now);
        }
        error
    }

    fn parameter(&self) -> Option<&'static str> {
        match self {
            Self::Locked { parameter, .. } => Some(parameter),
            Self::Nameless(_) | Self::Invalid(_) => None,
        }
    }
}

impl From<QueryError> for Unstated {
    fn from(error: QueryError) -> Self {
        Self::Invalid(error)
    }
}

impl From<IssueError> for Unstated {
    fn from(error: IssueError) -> Self {
        Self::Nameless(error)
    }
}

impl From<Unstated> for QueryError {
    fn from(error: Unstated) -> Self {
        match error {
            Unstated::Nameless(error) => error.into(),
            Unstated::Locked { message, .. } => Self::new(403, "AccessDenied", message),
            Unstated::Invalid(error) => error,
        }
    }
}

impl Sts {
    /// The parameters of `action` with what is stated of the person at the beginning of the chain, if it is one and the action
    /// gives a session of a role. A refusal is recorded by `gate`, so it blocks.
    ///
    /// # Errors
    /// When something else is asked for, or the directory lacks what the session is to be called.
    pub fn prepared(
        &self,
        action: &Action,
        params: Params,
        (gate, caller): (&Gate, &Caller),
        now: Timestamp,
    ) -> Result<Params, QueryError> {
        let signed = caller.signed();
        let live = signed.and_then(Signed::session);
        let person = live.map_or_else(|| signed.and_then(Signed::user), |live| live.person());
        match person {
            Some(person) if action.operation.is_assuming() => {
                let stated = self.stating(params, person, live.map(|live| live.session()));
                stated.map_err(|error| error.noted(gate, caller, action.operation, now))
            }
            _ => Ok(params),
        }
    }

    /// The parameters of a request for a session of `person`, begun by `parent` if a session begins it, with what is stated of
    /// them.
    ///
    /// # Errors
    /// As [`Sts::prepared`].
    pub(super) fn stating(&self, params: Params, person: &User, parent: Option<&Session>) -> Result<Params, Unstated> {
        let Stated { role_session_name, source_identity, tags } = self.mint.stated(person)?;
        let mut params = params;
        for (name, stated) in [("RoleSessionName", role_session_name), ("SourceIdentity", source_identity)] {
            let Some(stated) = stated else { continue };
            if let Some(asked) = params.text(name).filter(|asked| *asked != stated.as_str()) {
                return Err(another(name, name, (asked, Some(stated.as_str())), person));
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
            let asked = held_key(asked.keys(), &key).and_then(|own| asked.get(own));
            // What goes on from the session before comes anyway, and cannot be asked for again.
            let goes_on = parent.and_then(|parent| parent.tags.get(held_key(&parent.transitive, &key)?));
            let wrong = asked.into_iter().chain(goes_on).find(|value| Some(*value) != stated.as_ref());
            if let Some(wrong) = wrong {
                return Err(another("Tags", &format!("the tag {key}"), (wrong, stated.as_deref()), person));
            }
            if let (Some(stated), None, None) = (&stated, asked, goes_on) {
                params = params.stating_tag(&key, stated)?;
            }
        }
        Ok(params)
    }
}

/// Something else was asked for than the directory says.
fn another(parameter: &'static str, what: &str, (asked, stated): (&str, Option<&str>), person: &User) -> Unstated {
    let asked = printable_within(asked, 64);
    let may = match stated {
        Some(stated) => format!("may be `{stated}` alone: leave it out, or ask for that"),
        None => "may not be given: the directory has none".to_owned(),
    };
    let message = format!("{what} is `{asked}`, and comes from the directory here; of {} it {may}", person.name);
    Unstated::Locked { parameter, message }
}
