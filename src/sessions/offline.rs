//! What goes on when its session is over: refresh tokens that were given for that (OpenID Connect Core 1.0, section 11).
//!
//! What stands in the session's place is the sign-in that it began with. So an offline token ends with the person, with the password that
//! was shown, and with the outside provider who vouched, as the session would have; not when somebody signs out, nor when it is late.

use super::Sessions;
use super::check::Check;
use super::error::SessionError;
use crate::base::{Timestamp, UserId};
use crate::model::token_family::{Consent, SignIn};
use crate::model::{Member, OutsideWord, User};
use crate::rights::Library;

impl Sessions {
    /// The person who gave `consent`, if that counts without their session. Reads the store, so it blocks.
    ///
    /// # Errors
    /// Why it does not; when the store cannot be read.
    pub fn offline(&self, consent: &Consent, now: Timestamp) -> Result<User, SessionError> {
        let terms = (self.terms)(now)?;
        let mut library = Library::with(self.shelf.clone(), &self.home, &terms);
        self.store.read(|snapshot| {
            let reading = library.at(snapshot);
            let check = Check { snapshot, ground: self.ground(), now };
            let user = check.user(&reading, &Member::User(consent.user))?;
            check.same_sign_in(&consent.sign_in(), &user)?;
            reading.terms().heard.recent(&user.origin, None, now)?;
            Ok(user)
        })
    }
}

impl Check<'_> {
    /// Whether what `person` signed in by still counts.
    pub(super) fn same_sign_in(&self, sign_in: &SignIn, person: &User) -> Result<(), SessionError> {
        self.same_password(person, sign_in.password, sign_in.at)?;
        self.vouched_for(sign_in.outside.as_deref(), &person.id)
    }

    /// Whether the outside provider by whose word `person` signed in, if that is how, still vouches for them.
    pub(super) fn vouched_for(&self, word: Option<&OutsideWord>, person: &UserId) -> Result<(), SessionError> {
        let withdrawn = word.map(|word| self.ground.outside.withdrawn(self.snapshot, word, person));
        match withdrawn.transpose()?.flatten() {
            Some(why) => Err(SessionError::Begun(why.to_owned())),
            None => Ok(()),
        }
    }
}
