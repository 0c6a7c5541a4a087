//! Somebody of another firm signs in by the word of their own provider, in place of a password.
//!
//! The issuer and the subject find who they are here, if somebody linked them ([`crate::admin::grants`]); nobody comes to be by signing
//! in. Whether a second factor that they showed there counts is for the configuration to say; otherwise one of ours is asked for.

use super::factor::{self, Factor, Method};
use super::{Bound, Half, Logins, Parts, Reason, Refused, people};
use crate::authn::Caller;
use crate::authn::outside::Vouched;
use crate::authn::signed::RequestSource;
use crate::base::Timestamp;
use crate::model::{Actor, OutsideWord};
use crate::store::{Store, StoreError, grants};

impl Logins {
    /// Signs in whoever is linked with who an outside provider says that they are. Record it: call it through the gate.
    ///
    /// # Errors
    /// Why not; what the error says is for the person, its `detail` for records.
    pub async fn vouched(&self, vouched: &Vouched, from: RequestSource, now: Timestamp) -> Result<Caller, Refused> {
        let parts = self.parts.clone();
        let (issuer, subject) = (vouched.issuer().clone(), vouched.subject().to_owned());
        let (with_factor, word) = (vouched.with_factor(), Box::new(vouched.word().clone()));
        let tried = self.parts.store.run(move |store| {
            let found = store.read(|snapshot| grants::outside_identity(snapshot, &issuer, &subject))?;
            let Some(found) = found else {
                let why = format!("{subject} of {issuer} is linked with nobody");
                return Ok(Err(Refused::new(Reason::NotLinked, why)));
            };
            if let Some(through) = found.value.provider.as_ref().filter(|through| **through != word.provider) {
                let why =
                    format!("{subject} of {issuer} is linked through `{through}`, and came by `{}`", word.provider);
                return Ok(Err(Refused::new(Reason::NotLinked, why)));
            }
            Ok::<_, StoreError>(enter((&parts, store), found.value.person, (with_factor, word, from), now))
        });
        tried.await.map_err(|error| Refused::failed(&error))?.map(Caller::from)
    }
}

/// Lets them in, as they are stored. Blocks.
fn enter(
    (parts, store): (&Parts, &Store),
    person: crate::base::UserId,
    (with_factor, word, from): (bool, Box<OutsideWord>, RequestSource),
    now: Timestamp,
) -> Result<Bound, Refused> {
    let (user, password) = people::standing(store, person, |_, _| true, now)?;
    let about = |refused: Refused| refused.about(user.id, Some(user.name.to_string()));
    let actor = Actor::Person { user: user.id, name: user.name.to_string() };
    let mfa = match with_factor {
        true => Some(Factor { at: word.authenticated, by: Method::Vouched }),
        false => factor::check(parts, store, (user.id, &actor), None, now).map_err(about).map_err(|refused| {
            let half = Half::vouched(user.id, password, word.clone(), now);
            if refused.reason == Reason::CodeRequired { refused.with_half(half) } else { refused }
        })?,
    };
    let (account, invitation, outside) = (parts.account.clone(), None, Some(word));
    Ok(Bound { account, user, at: now, by_password: false, mfa, password, invitation, outside, from })
}
