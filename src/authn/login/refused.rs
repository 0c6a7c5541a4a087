//! Why somebody did not sign in: a word for programs, a sentence for records, and what the person is told.
//!
//! Who does not exist, who typed a wrong password and who may not try any more are told the same. More is said to whoever
//! had the right password, and of the directory's own reasons only where the configuration wants it.

use std::fmt;

use super::Half;
use crate::base::{Fault, Faulty, UserId};
use crate::directory::RefusalKind;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $told:ident;)+) => {
        /// Why somebody did not sign in.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its word in records and metrics.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// Who may know.
            const fn told(self) -> Told {
                match self { $(Self::$name => Told::$told,)+ }
            }
        }
    };
}

/// Who may know a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Nobody: it looks like a wrong password.
    Alike,
    /// Whoever had the right password, where the configuration wants it.
    Explained,
    /// Whoever had the right password.
    Holder,
    /// Everybody: it says nothing of anybody.
    Everybody,
}

reasons! {
    /// Passwords let nobody in here.
    Off = "off", Everybody;
    /// The name is none.
    MalformedName = "malformed_name", Everybody;
    /// The password is empty, or none.
    MalformedPassword = "malformed_password", Everybody;
    /// Too many wrong ones came from that address.
    AddressLimit = "address_limit", Everybody;
    /// Too many came at once.
    OverallLimit = "overall_limit", Everybody;
    /// There were too many wrong ones about that person or name; nobody looked at this one.
    TooManyAttempts = "too_many_attempts", Alike;
    /// Nobody has that name.
    UnknownUser = "unknown_user", Alike;
    /// The name means several people.
    AmbiguousName = "ambiguous_name", Alike;
    /// The object in the directory cannot be used.
    UnusableEntry = "unusable_entry", Alike;
    /// The password is wrong.
    WrongPassword = "wrong_password", Alike;
    /// The user has no password here.
    NoPassword = "no_password", Alike;
    /// The directory has locked the account.
    AccountLocked = "account_locked", Alike;
    /// The directory refuses for a reason of its own.
    DirectoryRefused = "directory_refused", Alike;
    /// The directory said yes, and then not who is there.
    NotConfirmed = "not_confirmed", Alike;
    /// The account is switched off.
    AccountDisabled = "account_disabled", Explained;
    /// The account has ended.
    AccountExpired = "account_expired", Explained;
    /// The password is too old.
    PasswordExpired = "password_expired", Explained;
    /// The password has to be changed first.
    MustChangePassword = "must_change_password", Explained;
    /// Not at this hour.
    OutsideHours = "outside_hours", Explained;
    /// Not from this computer.
    WrongWorkstation = "wrong_workstation", Explained;
    /// The directory knows the person, and the model does not yet.
    NotSynced = "not_synced", Holder;
    /// The model says that the person may not act.
    Inactive = "inactive", Holder;
    /// Policies do not let the person sign in from there, or then.
    Denied = "denied", Holder;
    /// Policies ask for a second factor, and the person has none.
    FactorRequired = "factor_required", Holder;
    /// A second factor is wanted.
    CodeRequired = "code_required", Holder;
    /// The code is wrong, or there is no device.
    WrongCode = "wrong_code", Holder;
    /// The code was taken before.
    UsedCode = "used_code", Holder;
    /// The passkey is not theirs, or its answer does not go with what was asked.
    WrongPasskey = "wrong_passkey", Holder;
    /// The passkey's answer was taken before.
    UsedChallenge = "used_challenge", Holder;
    /// The passkey's counter went back: there may be a copy of it.
    CounterWentBack = "counter_went_back", Holder;
    /// The recovery code was taken before.
    UsedRecoveryCode = "used_recovery_code", Holder;
    /// The recovery code was made before the store came back from a backup.
    VoidRecoveryCode = "void_recovery_code", Holder;
    /// Nobody signs in without a password here.
    PasswordlessOff = "passwordless_off", Everybody;
    /// Nobody has that passkey, or it shows nobody by itself.
    UnknownPasskey = "unknown_passkey", Everybody;
    /// The directory of who showed a passkey says that they may not act.
    NotInDirectory = "not_in_directory", Everybody;
    /// The code came too long after the password.
    CodeTooLate = "code_too_late", Holder;
    /// Codes were wrong too often.
    TooManyCodes = "too_many_codes", Holder;
    /// The link of an invitation is none, or good no more.
    NoInvitation = "no_invitation", Everybody;
    /// The code of an invitation is wrong.
    WrongInvitation = "wrong_invitation", Everybody;
    /// Nobody here is known by what an outside provider says.
    NotLinked = "not_linked", Everybody;
    /// No server of the directory answers.
    DirectoryUnavailable = "directory_unavailable", Everybody;
    /// Something of ours does not work.
    Failed = "failed", Everybody;
}

/// Somebody who did not sign in.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub reason: Reason,
    /// Who, where that was found out: id, and the name if it is stored.
    pub who: Option<(UserId, Option<String>)>,
    /// What exactly, for records and operators; with the words of the directory, and never a password.
    pub detail: String,
    /// What is left to do is to show a code: what goes on with.
    pub half: Option<Box<Half>>,
    /// The password was right.
    password_was_right: bool,
    /// Reasons of the directory may be told to whoever had the right password.
    explain: bool,
    fault: Fault,
}

impl Refused {
    pub(crate) fn new(reason: Reason, detail: impl fmt::Display) -> Self {
        let fault = match reason {
            Reason::DirectoryUnavailable | Reason::NotConfirmed | Reason::UnusableEntry => Fault::Directory,
            Reason::Failed => Fault::Operator,
            _ => Fault::Caller,
        };
        Self {
            reason,
            who: None,
            detail: detail.to_string(),
            half: None,
            password_was_right: reason.told() == Told::Holder,
            explain: false,
            fault,
        }
    }

    /// Of an error of ours.
    pub(crate) fn failed(error: &dyn Faulty) -> Self {
        Self { fault: error.fault(), ..Self::new(Reason::Failed, error) }
    }

    /// The record of a sign-in could not be written, so there was none.
    pub fn unrecorded(why: &dyn fmt::Display) -> Self {
        Self { fault: Fault::Bug, ..Self::new(Reason::Failed, why) }
    }

    /// Whoever tried may go on from here.
    pub(crate) fn with_half(self, half: Half) -> Self {
        Self { half: Some(Box::new(half)), ..self }
    }

    /// Whoever tried had the right password.
    pub(super) fn with_right_password(self, right: bool) -> Self {
        Self { password_was_right: right, ..self }
    }

    /// About this person.
    pub(crate) fn about(mut self, id: UserId, name: Option<String>) -> Self {
        self.who = Some((id, name));
        self
    }

    /// As the configuration wants it told.
    pub(super) fn told(self, explain: bool) -> Self {
        Self { explain, ..self }
    }

    /// Whether it may have been a guess, at a password or a code.
    pub(super) fn is_guess(&self) -> bool {
        match self.reason.told() {
            Told::Alike => true,
            Told::Explained => !self.password_was_right,
            Told::Holder => matches!(self.reason, Reason::WrongCode | Reason::TooManyCodes),
            Told::Everybody => false,
        }
    }

    /// Whether time and words must not tell it from a wrong password.
    #[must_use]
    pub fn is_alike(&self) -> bool {
        !self.is_told()
    }

    fn is_told(&self) -> bool {
        match self.reason.told() {
            Told::Alike => false,
            Told::Explained => self.password_was_right && self.explain,
            Told::Holder => self.password_was_right,
            Told::Everybody => true,
        }
    }
}

/// All that is said of a wrong password, of nobody, and of whoever may not try any more.
const ALIKE: &str =
    "the name or the password is wrong, or there were too many wrong ones lately: check both, or try again later";

impl fmt::Display for Refused {
    /// What the person is told.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_told() {
            return f.write_str(ALIKE);
        }
        f.write_str(match self.reason {
            Reason::Off => "nobody signs in with a password here",
            Reason::MalformedPassword => "there is no password",
            Reason::AddressLimit => "too many wrong passwords came from your address: wait a minute",
            Reason::OverallLimit => "too many people sign in at this moment: try again",
            Reason::AccountDisabled => "your account is disabled: ask your administrators",
            Reason::AccountExpired => "your account has expired: ask your administrators",
            Reason::PasswordExpired => "your password has expired: set a new one, then sign in with that",
            Reason::MustChangePassword => "your password has to be changed first, where you usually do that",
            Reason::OutsideHours => "your account may not sign in at this hour",
            Reason::WrongWorkstation => "your account may not sign in from here",
            Reason::NotSynced => "the directory knows you, but you are not known here yet: try again in some minutes",
            Reason::Inactive => "your account may not be used here now",
            Reason::Denied => return write!(f, "you may not sign in from here, or not now, {}", self.detail),
            Reason::FactorRequired => {
                "a second factor is asked for, and you have none: set one up where you sign in with a browser"
            }
            Reason::CodeRequired => "your second factor is needed: a code, or in a browser a passkey",
            Reason::WrongCode => "the code is wrong",
            Reason::WrongPasskey => "the passkey is not accepted: try once more, or another way",
            Reason::UsedChallenge => "that answer of the passkey was used before: try once more",
            Reason::CounterWentBack => {
                "the counter of this passkey went back, so there may be a copy of it: sign in another way and remove it, or ask your administrators"
            }
            Reason::UsedRecoveryCode => "this recovery code was used before: each counts once",
            Reason::VoidRecoveryCode => {
                "recovery codes made before the last restore from a backup count no more: use your second factor and make new ones, or ask your administrators"
            }
            Reason::PasswordlessOff => "nobody signs in with a passkey alone here: use your name and password",
            Reason::UnknownPasskey => {
                "this passkey signs nobody in by itself: use your name and password; what you have of it here may have been removed"
            }
            Reason::NotInDirectory => "your account may not be used now: ask your administrators",
            Reason::CodeTooLate => "that took too long: begin again",
            Reason::UsedCode => "the code was used before: wait for the next",
            Reason::TooManyCodes => "codes were wrong too often: try again later",
            Reason::NoInvitation => {
                "this invitation counts no more: it was used, its time is over, or its code was wrong too often; ask whoever invited you for another"
            }
            Reason::NotLinked => {
                "nobody here is known by that sign-in: open the link of your invitation first, or ask whoever answers for you"
            }
            Reason::WrongInvitation => "the code is wrong: check it with whoever gave it to you",
            Reason::DirectoryUnavailable => {
                "the directory does not answer, so nobody can sign in: try again in some minutes"
            }
            _ => return f.write_str(&self.detail_for_everybody()),
        })
    }
}

impl Refused {
    fn detail_for_everybody(&self) -> String {
        match self.reason {
            // It says what is wrong with what was typed, and quotes nothing of it.
            Reason::MalformedName => self.detail.clone(),
            _ => "signing in does not work at the moment; the daemon's log says why".to_owned(),
        }
    }
}

impl std::error::Error for Refused {}

impl Faulty for Refused {
    fn fault(&self) -> Fault {
        self.fault
    }
}

impl From<RefusalKind> for Reason {
    fn from(kind: RefusalKind) -> Self {
        match kind {
            RefusalKind::WrongPassword => Self::WrongPassword,
            RefusalKind::Locked => Self::AccountLocked,
            RefusalKind::Disabled => Self::AccountDisabled,
            RefusalKind::AccountExpired => Self::AccountExpired,
            RefusalKind::PasswordExpired => Self::PasswordExpired,
            RefusalKind::MustChange => Self::MustChangePassword,
            RefusalKind::OutsideHours => Self::OutsideHours,
            RefusalKind::WrongWorkstation => Self::WrongWorkstation,
            RefusalKind::Referral | RefusalKind::Other(_) => Self::DirectoryRefused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_tells_who_exists() {
        let said = |reason, right, explain| {
            Refused::new(reason, "data 533").with_right_password(right).told(explain).to_string()
        };
        let alike = said(Reason::UnknownUser, false, true);
        assert_eq!(alike, ALIKE);
        for reason in Reason::ALL.iter().filter(|reason| reason.told() != Told::Everybody) {
            assert_eq!(said(*reason, false, true), alike, "{reason:?} without the password");
            let told = said(*reason, true, false) != alike;
            assert_eq!(told, reason.told() == Told::Holder, "{reason:?} with the password");
            assert_eq!(said(*reason, true, true) != alike, reason.told() != Told::Alike, "{reason:?} explained");
            // What policies say is ours to tell.
            let directory = said(*reason, true, true).contains("533") && *reason != Reason::Denied;
            assert!(!directory, "{reason:?} shows what the directory wrote");
        }
    }

    #[test]
    fn every_reason_has_a_word_of_its_own() {
        let codes: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
    }
}
