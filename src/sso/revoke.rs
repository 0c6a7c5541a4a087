//! A client gives a token back (RFC 7009). Of a refresh token all of its family ends, of an access token it alone. What is no token
//! of the client's is nothing to revoke, and the answer is the same: it tells nobody which tokens there are.

use sha2::{Digest as _, Sha256};

use super::authenticate::Shown;
use super::grants;
use super::{OauthError, Sso};
use crate::audit::{Event, Outcome, Trace};
use crate::base::Timestamp;
use crate::store::schema::sso::Spent;
use crate::store::{Commit, Intent, StoreError};

impl Sso {
    /// Revokes a token. Blocks.
    ///
    /// # Errors
    /// When the client does not show who it is; when the store fails.
    pub fn revoke(&self, shown: &Shown<'_>, now: Timestamp) -> Result<(), OauthError> {
        let client = self.authenticate_to(Intent::Narrow, shown, now)?;
        let (token, by) = (shown.form.required("token")?, grants::actor(&client));
        if let Some((family, _)) = self.family_of_refresh_token(&client, token, now)? {
            return self.end_family(&family.id, &by, "revoked", now);
        }
        let claims = self.read_access_token(token, now).filter(|claims| claims.client_id == client.id.as_str());
        let Some(claims) = claims else { return Ok(()) };
        let until = Timestamp::from_second(claims.exp).unwrap_or(Timestamp::MAX);
        let mut commit = Commit::new(by.clone(), now, Intent::Narrow);
        commit.spend(Spent::Token, &Sha256::digest(&claims.jti).into(), until)?;
        let event = Event::narrowing("RevokeToken").with("client", client.id.as_str()).with("jti", claims.jti.as_str());
        let intended = Trace::Intended(self.admin.audit.intend(&by, &grants::placed(event, shown), now));
        match intended.try_commit(&self.admin.store, commit, &Outcome::success(), now) {
            Ok(_) => Ok(()),
            // It was revoked before, which is all that was wanted.
            Err(not) if matches!(not.0, StoreError::Conflict { .. }) => Ok(()),
            Err(not) => {
                let (error, trace) = *not;
                trace.complete(&Outcome::failed("NotCommitted", &error), now);
                Err(error.into())
            }
        }
    }
}
