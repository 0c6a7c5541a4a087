//! A person who is not here themselves: a client acts for them, by tokens that it got when they signed in to it.
//!
//! Made by single sign-on alone, of a family of tokens that was found to count, and of the person as they are at that moment. Of one
//! client the person is there themselves: of the command line that this program is ([`Bearer::at_terminal`]).

use std::fmt;

use super::signed::RequestSource;
use crate::base::{FamilyId, Timestamp};
use crate::model::client::ClientId;
use crate::model::token_family::{Consent, Family};
use crate::model::{AccountId, Actor, Arn, Member, UniqueId, User};

/// Somebody for whom a client shows tokens.
#[derive(Debug)]
pub struct Bearer {
    user: User,
    family: FamilyId,
    consent: Consent,
    mfa: Option<Timestamp>,
    until: Timestamp,
    account: AccountId,
    from: RequestSource,
    terminal: bool,
}

impl Bearer {
    /// The person behind `family`, which counts now, as they are now. `until` is when what their sign-in rests on ends.
    #[must_use]
    pub fn new(user: User, family: &Family, until: Timestamp, account: AccountId, from: RequestSource) -> Self {
        let consent = family.consent.clone();
        let mfa = consent.whence.mfa;
        Self { user, family: family.id, consent, mfa, until: until.min(family.expires), account, from, terminal: false }
    }

    /// The same, of a person who is at their terminal themselves, and was asked whether this program may do there what they say.
    #[must_use]
    pub fn at_terminal(self) -> Self {
        Self { terminal: true, ..self }
    }

    /// Whether the person is at their terminal themselves.
    #[must_use]
    pub fn is_at_terminal(&self) -> bool {
        self.terminal
    }

    /// Who.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The family of tokens.
    #[must_use]
    pub fn family(&self) -> FamilyId {
        self.family
    }

    /// Which client shows them.
    #[must_use]
    pub fn client(&self) -> &ClientId {
        &self.consent.client
    }

    /// How the person was authenticated (RFC 8176).
    #[must_use]
    pub fn amr(&self) -> &[String] {
        &self.consent.amr
    }

    /// When they were.
    #[must_use]
    pub fn auth_time(&self) -> Timestamp {
        self.consent.auth_time
    }

    /// When they showed a second factor.
    #[must_use]
    pub fn mfa(&self) -> Option<Timestamp> {
        self.mfa
    }

    /// What they signed in for counts until then at most.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// Their account.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// Where the client asks from.
    #[must_use]
    pub fn from(&self) -> &RequestSource {
        &self.from
    }

    /// Their ARN.
    #[must_use]
    pub fn arn(&self) -> Arn {
        Arn::user(&self.account, &self.user.path, &self.user.name)
    }

    /// Their unique id.
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

impl fmt::Display for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.arn())
    }
}
