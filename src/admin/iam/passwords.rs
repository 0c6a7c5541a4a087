//! Passwords of users that no directory knows, and the rules for them. A directory's people have theirs in the directory, and
//! those never touch our disk.

use rand::SeedableRng as _;
use serde::{Deserialize, Serialize};

use super::super::{Admin, AdminError};
use super::Change;
use super::access_keys::owner_of;
use crate::authn::limiter::PASSWORD;
use crate::authn::password::{RefusedError, Salt, judge};
use crate::base::{Secret, Timestamp};
use crate::gate::Authorized;
use crate::model::{CredentialOwner, Entity, LoginProfile, Member, PasswordPolicy};
use crate::store::iam::Read;
use crate::store::schema::credentials::Setting;
use crate::store::{Revision, Snapshot, StoreError, credentials, rows};

/// What is shown of a password: never itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoginProfileView {
    /// The user's name.
    pub user: String,
    /// When it was set.
    pub changed: Timestamp,
    /// Whether its owner has to change it first.
    pub must_change: bool,
    /// When it has to be changed, by the rules of today.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Timestamp>,
}

/// A password to be set.
#[derive(Debug)]
pub struct NewPassword {
    /// The password.
    pub password: Secret<String>,
    /// Whether its owner has to change it first; as it was, if nothing is said.
    pub must_change: Option<bool>,
}

/// Somebody whose password is to be changed, as read before the hashing.
pub(in crate::admin) struct Subject {
    owner: CredentialOwner,
    name: String,
    /// What nobody should have in a password: names of whoever bears it.
    names: Vec<String>,
    profile: Option<Read<LoginProfile>>,
    policy: PasswordPolicy,
}

impl Admin {
    /// Gives a local user a password. Blocks, for as long as a hash takes.
    ///
    /// # Errors
    /// When the user comes from a directory or has one already, the password breaks a rule, or a part fails.
    pub fn create_login_profile(&self, asked: Authorized, new: &NewPassword) -> Result<LoginProfileView, AdminError> {
        self.set_password(asked, new, |subject| match subject.profile {
            Some(_) => Err(AdminError::Exists { kind: "password of user", name: subject.name.clone() }),
            None => Ok(()),
        })
    }

    /// Sets a local user's password anew. Blocks, for as long as a few hashes take.
    ///
    /// # Errors
    /// When the user comes from a directory or has none, the password breaks a rule, or a part fails.
    pub fn update_login_profile(&self, asked: Authorized, new: &NewPassword) -> Result<LoginProfileView, AdminError> {
        self.set_password(asked, new, |subject| match subject.profile {
            Some(_) => Ok(()),
            None => Err(no_password(&subject.name)),
        })
    }

    /// Says whether a local user has to change the password first. Blocks.
    ///
    /// # Errors
    /// When the user comes from a directory or has no password, or a part fails.
    pub fn demand_change(&self, asked: Authorized, must_change: Option<bool>) -> Result<LoginProfileView, AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let subject = subject(change.snapshot, change.account, &which)?;
            let Some(Read { value: mut profile, revision }) = subject.profile else {
                return Err(no_password(&subject.name));
            };
            profile.must_change = must_change.unwrap_or(profile.must_change);
            change.commit.put_login_profile(&subject.owner, &profile, revision)?;
            change.note("user", subject.name.clone());
            Ok(view(&subject.name, &profile, &subject.policy))
        })
    }

    /// Changes one's own password. Blocks, for as long as a few hashes take.
    ///
    /// # Errors
    /// When there is none, the old one is wrong or was tried too often, the new one breaks a rule, or a part fails.
    pub fn change_password(
        &self,
        asked: Authorized,
        old: &Secret<String>,
        new: Secret<String>,
    ) -> Result<LoginProfileView, AdminError> {
        let which = asked.resource().to_owned();
        match self.knows_password(&which, old) {
            Ok(verified) => {
                let new = NewPassword { password: new, must_change: Some(false) };
                // Nothing may have befallen the password that was shown: a reset, or its end, wins.
                self.set_password(asked, &new, |subject| {
                    let same = subject.profile.as_ref().is_some_and(|read| read.revision == verified);
                    let what = format!("the password of `{}`", subject.name);
                    if same { Ok(()) } else { Err(StoreError::Conflict { what }.into()) }
                })
            }
            Err(error) => {
                asked.complete(&crate::audit::Outcome::failed(error.code(), &error), self.now());
                Err(error)
            }
        }
    }

    /// The revision of the password that was found right.
    fn knows_password(&self, which: &str, old: &Secret<String>) -> Result<Revision, AdminError> {
        let subject = self.store.read(|snapshot| subject(snapshot, &self.account, which))?;
        let Some(Read { value: profile, revision }) = subject.profile else { return Err(no_password(&subject.name)) };
        if !subject.policy.allow_users_to_change {
            return Err(AdminError::NotNow {
                what: "users may not change their passwords here".to_owned(),
                remedy: "ask an administrator to set it".to_owned(),
            });
        }
        let too_often = |error: crate::authn::limiter::TooOftenError| AdminError::NotNow {
            what: "the old password was wrong too often".to_owned(),
            remedy: error.to_string(),
        };
        let attempt = self.attempts.begin((subject.owner, PASSWORD.to_owned()), self.now()).map_err(too_often)?;
        match self.passwords.verify(old, &profile.hash) {
            Ok(Some(_)) => {
                self.attempts.succeeded(attempt);
                Ok(revision)
            }
            Ok(None) => Err(AdminError::WrongPassword),
            Err(error) => {
                self.attempts.undone(attempt);
                Err(error.into())
            }
        }
    }

    /// Takes a local user's password away. Blocks.
    ///
    /// # Errors
    /// When there is none, or a part fails.
    pub fn delete_login_profile(&self, asked: Authorized) -> Result<(), AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let subject = subject(change.snapshot, change.account, &which)?;
            let Some(Read { revision, .. }) = subject.profile else { return Err(no_password(&subject.name)) };
            change.commit.delete_login_profile(&subject.owner, revision);
            change.note("user", subject.name);
            Ok(())
        })
    }

    /// Whether a local user has a password, and since when. Blocks.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn login_profile(&self, asked: &Authorized) -> Result<LoginProfileView, AdminError> {
        self.store.read(|snapshot| {
            let subject = subject(snapshot, &self.account, asked.resource())?;
            let profile = subject.profile.ok_or_else(|| no_password(&subject.name))?.value;
            Ok(view(&subject.name, &profile, &subject.policy))
        })
    }

    /// The rules that passwords have to follow, and whether they were set here. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn password_policy(&self, _asked: &Authorized) -> Result<(PasswordPolicy, bool), AdminError> {
        let set = self.store.read(|snapshot| credentials::setting(snapshot, Setting::PasswordPolicy))?;
        Ok(set.map_or_else(|| (PasswordPolicy::default(), false), |read| (read.value, true)))
    }

    /// Sets the rules. Passwords that are there stay until they are changed. Blocks.
    ///
    /// # Errors
    /// When a rule is out of bounds, or a part fails.
    pub fn update_password_policy(
        &self,
        asked: Authorized,
        policy: PasswordPolicy,
    ) -> Result<PasswordPolicy, AdminError> {
        self.set_password_policy(asked, |_| policy)
    }

    /// Sets the rules that IAM knows; the company's words, which it does not, stay. Blocks.
    ///
    /// # Errors
    /// When a rule is out of bounds, or a part fails.
    pub fn update_iam_password_policy(
        &self,
        asked: Authorized,
        policy: PasswordPolicy,
    ) -> Result<PasswordPolicy, AdminError> {
        self.set_password_policy(asked, |before| PasswordPolicy { words: before.words, ..policy })
    }

    fn set_password_policy(
        &self,
        asked: Authorized,
        after: impl FnOnce(PasswordPolicy) -> PasswordPolicy,
    ) -> Result<PasswordPolicy, AdminError> {
        self.change(asked, |change| {
            let before = credentials::setting::<PasswordPolicy>(change.snapshot, Setting::PasswordPolicy)?;
            let policy = after(before.as_ref().map(|read| read.value.clone()).unwrap_or_default()).checked()?;
            change.commit.put_setting(Setting::PasswordPolicy, &policy, before.map_or(0, |read| read.revision))?;
            change.note("minimum_length", policy.minimum_length.to_string());
            Ok(policy)
        })
    }

    /// Goes back to the usual rules. Blocks.
    ///
    /// # Errors
    /// When these hold already, or a part fails.
    pub fn delete_password_policy(&self, asked: Authorized) -> Result<(), AdminError> {
        self.change(asked, |change| {
            let before = credentials::setting::<PasswordPolicy>(change.snapshot, Setting::PasswordPolicy)?;
            let Some(before) = before else {
                return Err(AdminError::NoSuch { what: "password policy besides the usual one".to_owned() });
            };
            change.commit.delete_setting(Setting::PasswordPolicy, before.revision);
            Ok(())
        })
    }

    /// Reads, judges and hashes outside of any snapshot, and writes if nobody else did meanwhile.
    pub(in crate::admin) fn set_password(
        &self,
        asked: Authorized,
        new: &NewPassword,
        allowed: impl FnOnce(&Subject) -> Result<(), AdminError>,
    ) -> Result<LoginProfileView, AdminError> {
        let which = asked.resource().to_owned();
        let worked = self.store.read(|snapshot| subject(snapshot, &self.account, &which)).and_then(|subject| {
            allowed(&subject)?;
            let names: Vec<&str> = subject.names.iter().map(String::as_str).collect();
            let profile = subject.profile.as_ref().map(|read| &read.value);
            judge(&self.passwords, &subject.policy, profile, &names, &new.password)?;
            let hash = self.passwords.hash(&new.password, self.salt())?;
            Ok((subject, hash))
        });
        let (subject, hash) = match worked {
            Ok(worked) => worked,
            Err(error) => {
                asked.complete(&crate::audit::Outcome::failed(error.code(), &error), self.now());
                return Err(error);
            }
        };
        self.change(asked, |change| {
            let Subject { owner, name, profile, policy, .. } = subject;
            let (profile, revision) = match profile {
                Some(Read { value: mut profile, revision }) => {
                    let must_change = new.must_change.unwrap_or(profile.must_change);
                    profile.replace(hash, must_change, policy.reuse_prevention, change.now);
                    (profile, revision)
                }
                None => (LoginProfile::new(hash, new.must_change.unwrap_or(false), change.now), 0),
            };
            change.commit.put_login_profile(&owner, &profile, revision)?;
            noted(change, &name, &profile);
            Ok(view(&name, &profile, &policy))
        })
    }

    fn salt(&self) -> Salt {
        let mut rng = self.rng.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Salt::random(&mut rand::rngs::StdRng::from_rng(&mut *rng))
    }
}

fn noted(change: &mut Change<'_>, name: &str, profile: &LoginProfile) {
    change.note("user", name);
    change.note("must_change", profile.must_change.to_string());
}

/// Whom `which` means, if passwords of theirs are kept here.
fn subject(snapshot: &dyn Snapshot, account: &crate::model::AccountId, which: &str) -> Result<Subject, AdminError> {
    let (owner, name) = owner_of(snapshot, account, which)?;
    let CredentialOwner::User(id) = owner else {
        return Err(AdminError::Unmodifiable {
            what: "root has no password".to_owned(),
            remedy: "its credential is an access key: `bailey root create-key`".to_owned(),
        });
    };
    let Some((_, Entity::User(user))) = rows::entity(snapshot, &Member::User(id))? else {
        return Err(AdminError::NotFound { kind: "user", who: name });
    };
    if !user.origin.directory.is_local() {
        return Err(AdminError::Unmodifiable {
            what: format!("the password of `{name}` belongs to directory `{}`", user.origin.directory),
            remedy: "change it there".to_owned(),
        });
    }
    let names = [Some(name.clone()), user.display_name, user.mail].into_iter().flatten().collect();
    let profile = credentials::login_profile(snapshot, &owner)?;
    let policy = credentials::setting::<PasswordPolicy>(snapshot, Setting::PasswordPolicy)?;
    Ok(Subject { owner, name, names, profile, policy: policy.map(|read| read.value).unwrap_or_default() })
}

fn view(name: &str, profile: &LoginProfile, policy: &PasswordPolicy) -> LoginProfileView {
    LoginProfileView {
        user: name.to_owned(),
        changed: profile.changed,
        must_change: profile.must_change,
        ends: policy.ends(profile.changed),
    }
}

fn no_password(name: &str) -> AdminError {
    AdminError::NoSuch { what: format!("password of user `{name}`") }
}

impl From<RefusedError> for AdminError {
    fn from(error: RefusedError) -> Self {
        match error {
            RefusedError::Faults(faults) => {
                Self::PasswordPolicy { what: faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ") }
            }
            RefusedError::Unknown(error) => error.into(),
        }
    }
}
