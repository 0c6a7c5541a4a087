//! Who has signed in.

use std::fmt;

use super::factor::Factor;
use crate::authn::signed::RequestSource;
use crate::base::Timestamp;
use crate::model::{AccountId, Actor, Arn, Member, OutsideWord, UniqueId, User};

/// Somebody whose password was right, and the second factor where there is one; or who showed a passkey that stands for both; or for
/// whom an outside provider vouches. Made by [`super::Logins`] alone.
#[derive(Debug)]
pub struct Bound {
    pub(super) account: AccountId,
    pub(super) user: User,
    pub(super) at: Timestamp,
    /// Else by a passkey alone, or by the word of an outside provider.
    pub(super) by_password: bool,
    pub(super) mfa: Option<Factor>,
    pub(super) password: Option<Timestamp>,
    /// A digest of the link of an invitation, which was shown with its code.
    pub(super) invitation: Option<String>,
    /// The word of an outside provider, which stood in place of a password.
    pub(super) outside: Option<Box<OutsideWord>>,
    pub(super) from: RequestSource,
}

impl Bound {
    /// Who, as stored when they signed in.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The account.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// When they signed in here.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// When they showed who they are: there, where an outside provider vouches for them.
    #[must_use]
    pub fn authenticated(&self) -> Timestamp {
        self.outside.as_ref().map_or(self.at, |word| word.authenticated)
    }

    /// The word of an outside provider, by which they signed in.
    #[must_use]
    pub fn outside(&self) -> Option<&OutsideWord> {
        self.outside.as_deref()
    }

    /// When a second factor was taken, if one was: `aws:MultiFactorAuthPresent` and `..Age`.
    #[must_use]
    pub fn mfa(&self) -> Option<Timestamp> {
        self.mfa.map(|factor| factor.at)
    }

    /// The second factor that was taken, if one was.
    #[must_use]
    pub fn factor(&self) -> Option<Factor> {
        self.mfa
    }

    /// When the password was set that they signed in with, where that is known.
    #[must_use]
    pub fn password(&self) -> Option<Timestamp> {
        self.password
    }

    /// A digest of the link by which they were invited to set up how they sign in, where they are at that.
    #[must_use]
    pub fn invitation(&self) -> Option<&str> {
        self.invitation.as_deref()
    }

    /// How (RFC 8176).
    #[must_use]
    pub fn amr(&self) -> Vec<&'static str> {
        let password = self.by_password.then_some("pwd");
        let factor = self.mfa.map(|factor| factor.by.words()).unwrap_or_default();
        password.into_iter().chain(factor.iter().copied()).collect()
    }

    /// Where from.
    #[must_use]
    pub fn from(&self) -> &RequestSource {
        &self.from
    }

    /// The ARN of the user.
    #[must_use]
    pub fn arn(&self) -> Arn {
        Arn::user(&self.account, &self.user.path, &self.user.name)
    }

    /// The user's unique id.
    #[must_use]
    pub fn unique_id(&self) -> String {
        UniqueId::of_member(&Member::User(self.user.id)).to_string()
    }

    /// Who history and audit will name.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::Person { user: self.user.id, name: self.user.name.to_string() }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.arn())
    }
}
