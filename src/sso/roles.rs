//! The roles that somebody could take, for clients that map them to what somebody may do there.

use super::{OauthError, Sso, mine};
use crate::base::Timestamp;
use crate::model::token_family::Whence;
use crate::model::{Arn, Role, User};
use crate::rights::{Acting, ActingError, AssumeError, Assumed, Library, may_assume};
use crate::store::{StoreError, iam};

/// Most roles that a claim names. Of somebody with more the claim is left out: a list that is cut off would be taken for all of
/// them, and a token with thousands passes through no header.
pub const MOST_ROLES: usize = 200;

impl Sso {
    /// ARNs of the roles that `user` could take at `now`, sorted; `None` if there are too many to be told. Conditions are told how
    /// the person asked when they signed in, as in all that is decided again (see [`Sso::person`]). Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn roles_of(
        &self,
        user: &User,
        whence: &Whence,
        now: Timestamp,
    ) -> Result<Option<Vec<String>>, OauthError> {
        let terms = self.admin.terms(now)?;
        let mut library = Library::with(self.admin.shelf.clone(), &self.admin.account, &terms);
        let mut asked = mine::usual(Some(user), now);
        asked.extend(whence.conditions(now));
        let found = self.admin.store.read(|snapshot| {
            let mut reading = library.at(snapshot);
            let acting = match Acting::user(&mut reading, user) {
                Ok(acting) => acting,
                Err(ActingError::Store(error)) => return Err(error),
                // Somebody who is gone can take nothing.
                Err(_) => return Ok(Some(Vec::new())),
            };
            let mut arns = Vec::new();
            for role in iam::all::<Role>(snapshot)? {
                if !reading.terms().holds(&role.account) {
                    continue;
                }
                match may_assume(&mut reading, &acting, &role, (&asked, None), now) {
                    Ok(Assumed::Allowed(_)) => arns.push(Arn::role(&role.account, &role.path, &role.name).to_string()),
                    Ok(Assumed::Refused { .. }) | Err(AssumeError::Request(_)) => {}
                    Err(AssumeError::Store(error)) => return Err(error),
                }
                if arns.len() > MOST_ROLES {
                    return Ok(None);
                }
            }
            arns.sort_unstable();
            Ok::<_, StoreError>(Some(arns))
        })?;
        if found.is_none() {
            tracing::warn!(user = %user.name, most = MOST_ROLES, "somebody can take more roles than a claim names: it is left out");
        }
        Ok(found)
    }
}
