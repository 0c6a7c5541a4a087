//! The person behind a sign-in: found, tried, and looked at in the store.

use futures_util::future::join_all;

use super::factor::Shown;
use super::name::Name;
use super::{Attempt, Bound, Door, Half, Logins, Parts, Reason, Refused, Settings, factor};
use crate::authn::limiter::{Attempt as Counted, PASSWORD};
use crate::authn::signed::RequestSource;
use crate::base::{Faulty as _, Secret, Timestamp, UserId};
use crate::directory::{DirectoryError, FindError, Person, VerifyError};
use crate::model::{
    Actor, CredentialOwner, DirectoryLabel, Entity, IamName, Inactive, LoginProfile, Member, MemberKind,
    PasswordPolicy, User, origin,
};
use crate::store::iam::Read;
use crate::store::schema::credentials::Setting;
use crate::store::{Commit, Intent, Snapshot, Store, StoreError, credentials, rows};

/// Whom a name means, and where their password is.
enum Found {
    /// A local user.
    Local { user: Box<User>, profile: Box<Read<LoginProfile>> },
    /// Somebody of a directory.
    Directory { door: Door, person: Person },
}

/// An attempt at somebody's password, which counts as wrong until it is known not to be.
type Guess = Counted<(CredentialOwner, String)>;

impl Logins {
    pub(super) async fn person(
        &self,
        settings: &Settings,
        doors: &[Door],
        name: Name,
        attempt: Attempt,
        now: Timestamp,
    ) -> Result<Bound, Refused> {
        let asked = asked(doors, name.label.as_ref());
        let found = match self.find(&asked, &name).await {
            Ok(found) => found,
            Err(refused) if refused.is_guess() => {
                let guessed = self.counters.guess(settings, name.whole, now);
                self.pretend(asked.first().copied(), &attempt.password).await;
                return Err(guessed.err().unwrap_or(refused));
            }
            Err(refused) => return Err(refused),
        };
        match found {
            Found::Local { user, profile } => self.local(settings, *user, *profile, attempt, now).await,
            Found::Directory { door, person } => self.directory(settings, door, person, attempt, now).await,
        }
    }

    /// Who is meant. A local user with a password comes first, and no directory is asked then: local users are there for
    /// when directories are away.
    async fn find(&self, asked: &[&Door], name: &Name) -> Result<Found, Refused> {
        if name.label.as_ref().is_none_or(DirectoryLabel::is_local) {
            let wanted = name.login.name.clone();
            let local = self.parts.store.run(move |store| store.read(|snapshot| local(snapshot, &wanted))).await;
            if let Some((user, profile)) = local.map_err(|error: StoreError| Refused::failed(&error))? {
                return Ok(Found::Local { user: Box::new(user), profile: Box::new(profile) });
            }
        }
        let answers = join_all(asked.iter().map(|door| async { (*door, door.verifier.find(&name.login).await) })).await;
        let mut found: Option<Found> = None;
        for (door, answer) in answers {
            match answer {
                Ok(_) if found.is_some() => {
                    return Err(Refused::new(Reason::AmbiguousName, "people of several directories have the name"));
                }
                Ok(person) => found = Some(Found::Directory { door: door.clone(), person }),
                Err(FindError::Unknown) => {}
                Err(error @ FindError::Ambiguous { .. }) => {
                    return Err(Refused::new(Reason::AmbiguousName, error));
                }
                Err(error @ FindError::Unusable { .. }) => return Err(Refused::new(Reason::UnusableEntry, error)),
                // Somebody there may have the name as well, so nobody else has it for certain.
                Err(FindError::Directory(error)) => return Err(unavailable(&door.label, &error)),
            }
        }
        found.ok_or_else(|| Refused::new(Reason::UnknownUser, "nobody has that name"))
    }

    async fn directory(
        &self,
        settings: &Settings,
        door: Door,
        person: Person,
        attempt: Attempt,
        now: Timestamp,
    ) -> Result<Bound, Refused> {
        let derived = origin::user_id(&door.label, &person.guid);
        let (id, stored) = self.stored(derived).await?;
        let name = stored.map(|user| user.name.to_string());
        let about = |refused: Refused| refused.about(id, name.clone());
        let owner = CredentialOwner::User(id);
        let limits = settings.limits(person.lockout);
        let turn = self.counters.turn(id).await;
        let guess = match self.parts.attempts.begin_within((owner, PASSWORD.to_owned()), limits, now) {
            Ok(guess) => guess,
            Err(error) => {
                drop(turn);
                self.pretend(Some(&door), &attempt.password).await;
                return Err(about(Refused::new(Reason::TooManyAttempts, error)));
            }
        };
        match door.verifier.verify(&person, &attempt.password).await {
            Ok(_) => self.parts.attempts.succeeded(guess),
            Err(error) => return Err(about(self.not_verified(&door, guess, error))),
        }
        drop(turn);
        let parts = self.parts.clone();
        let admitted = self.parts.store.run(move |store| {
            let admitted = admit(
                &parts,
                store,
                id,
                |user, _| user.origin.directory == door.label && user.origin.guid == person.guid,
                attempt.way(),
                now,
            );
            Ok::<_, StoreError>(admitted)
        });
        admitted.await.map_err(|error| Refused::failed(&error))?.map_err(about)
    }

    /// What it means that a directory did not confirm a password. Only where it looked at it does the attempt stay counted.
    fn not_verified(&self, door: &Door, guess: Guess, error: VerifyError) -> Refused {
        match error {
            VerifyError::Refused(refusal) => {
                if refusal.password_was_right {
                    self.parts.attempts.undone(guess);
                }
                Refused::new(refusal.kind.into(), &refusal).with_right_password(refusal.password_was_right)
            }
            VerifyError::NotConfirmed { .. } => {
                tracing::error!(directory = %door.label, %error, "a sign-in was not confirmed");
                Refused::new(Reason::NotConfirmed, error)
            }
            VerifyError::Directory(error) => {
                let nobody_looked = matches!(
                    error,
                    DirectoryError::AllServersDown { .. }
                        | DirectoryError::NoServers { .. }
                        | DirectoryError::Setup { .. }
                );
                if nobody_looked {
                    self.parts.attempts.undone(guess);
                }
                unavailable(&door.label, &error)
            }
        }
    }

    async fn local(
        &self,
        settings: &Settings,
        user: User,
        profile: Read<LoginProfile>,
        attempt: Attempt,
        now: Timestamp,
    ) -> Result<Bound, Refused> {
        let (id, name) = (user.id, Some(user.name.to_string()));
        let about = |refused: Refused| refused.about(id, name.clone());
        let key = (CredentialOwner::User(id), PASSWORD.to_owned());
        let turn = self.counters.turn(id).await;
        let guess = match self.parts.attempts.begin_within(key, settings.limits(None), now) {
            Ok(guess) => guess,
            Err(error) => {
                drop(turn);
                self.pretend(None, &attempt.password).await;
                return Err(about(Refused::new(Reason::TooManyAttempts, error)));
            }
        };
        let parts = self.parts.clone();
        let tried = self.parts.store.run(move |store| {
            let known = known(&parts, guess, &profile, &attempt.password);
            drop(turn);
            let tried = known.and_then(|()| usable(store, &profile.value, now)).and_then(|()| {
                let bound = admit(&parts, store, id, |user, _| user.origin.directory.is_local(), attempt.way(), now)?;
                used(store, &bound, profile, now);
                Ok(bound)
            });
            Ok::<_, StoreError>(tried)
        });
        tried.await.map_err(|error| Refused::failed(&error))?.map_err(about)
    }

    /// Who an object of a directory is here.
    async fn stored(&self, derived: UserId) -> Result<(UserId, Option<User>), Refused> {
        let read = self.parts.store.run(move |store| {
            store.read(|snapshot| {
                let member = rows::relinked(snapshot, Member::User(derived))?;
                let id = UserId::from_bytes(*member.id_bytes());
                Ok::<_, StoreError>((id, user(snapshot, id)?))
            })
        });
        read.await.map_err(|error| Refused::failed(&error))
    }

    /// Does what a try costs, for somebody who gets none.
    async fn pretend(&self, door: Option<&Door>, password: &Secret<String>) {
        match door {
            Some(door) => door.verifier.pretend().await,
            None => {
                let (passwords, password) = (self.parts.passwords.clone(), Secret::new(password.expose().clone()));
                // Too many at once: then whoever has a password waits as well.
                let _ = tokio::task::spawn_blocking(move || passwords.verify_nobody(&password)).await;
            }
        }
    }
}

/// The directories whose people a name may mean: the one it names, else the primary one, else all.
fn asked<'a>(doors: &'a [Door], label: Option<&DirectoryLabel>) -> Vec<&'a Door> {
    match label {
        Some(label) => doors.iter().filter(|door| door.label == *label).collect(),
        None => match doors.iter().find(|door| door.primary) {
            Some(primary) => vec![primary],
            None => doors.iter().collect(),
        },
    }
}

pub(super) fn unavailable(label: &DirectoryLabel, error: &DirectoryError) -> Refused {
    tracing::warn!(directory = %label, %error, fault = ?error.fault(), "nobody of it can sign in with a password");
    Refused::new(Reason::DirectoryUnavailable, error)
}

/// The local user of that name, if they have a password.
fn local(snapshot: &dyn Snapshot, name: &str) -> Result<Option<(User, Read<LoginProfile>)>, StoreError> {
    let Ok(name) = name.parse::<IamName>() else { return Ok(None) };
    let Some(holder) = rows::holder(snapshot, MemberKind::User, &name)? else { return Ok(None) };
    let Some(user) = user(snapshot, UserId::from_bytes(*holder.id_bytes()))? else { return Ok(None) };
    if !user.origin.directory.is_local() {
        return Ok(None);
    }
    let profile = credentials::login_profile(snapshot, &CredentialOwner::User(user.id))?;
    Ok(profile.map(|profile| (user, profile)))
}

pub(super) fn user(snapshot: &dyn Snapshot, id: UserId) -> Result<Option<User>, StoreError> {
    Ok(match rows::entity(snapshot, &Member::User(id))? {
        Some((_, Entity::User(user))) => Some(user),
        _ => None,
    })
}

/// Whether the password of a local user is right. Blocks, for as long as a hash takes.
fn known(parts: &Parts, guess: Guess, profile: &Read<LoginProfile>, password: &Secret<String>) -> Result<(), Refused> {
    match parts.passwords.verify(password, &profile.value.hash) {
        Ok(Some(_)) => {
            parts.attempts.succeeded(guess);
            Ok(())
        }
        Ok(None) => Err(Refused::new(Reason::WrongPassword, "the password is wrong")),
        Err(error) => {
            parts.attempts.undone(guess);
            Err(Refused::failed(&error))
        }
    }
}

/// Whether a local user's password, which was right, may be used.
pub(super) fn usable(store: &Store, profile: &LoginProfile, now: Timestamp) -> Result<(), Refused> {
    let policy = store.read(|snapshot| credentials::setting::<PasswordPolicy>(snapshot, Setting::PasswordPolicy));
    let policy = policy.map_err(|error: StoreError| Refused::failed(&error))?.map(|read| read.value);
    let refused = |reason, why: &str| Err(Refused::new(reason, why).with_right_password(true));
    if profile.must_change {
        return refused(Reason::MustChangePassword, "somebody else set the password");
    }
    match policy.unwrap_or_default().expired(profile.changed, now) {
        Some(_) => refused(Reason::PasswordExpired, "the password is older than the account's rules allow"),
        None => Ok(()),
    }
}

/// What comes with a password.
pub(super) struct Way {
    pub(super) shown: Option<Shown>,
    pub(super) from: RequestSource,
}

impl Attempt {
    /// What is left of it when the password was right.
    fn way(self) -> Way {
        Way { shown: self.code.map(Shown::Code), from: self.from }
    }
}

/// Lets somebody in whose password was right: if they are whom was meant, may act now, and have a second factor to show
/// where they have one at all. Blocks.
pub(super) fn admit(
    parts: &Parts,
    store: &Store,
    id: UserId,
    is_meant: impl FnOnce(&User, Option<Timestamp>) -> bool,
    way: Way,
    now: Timestamp,
) -> Result<Bound, Refused> {
    let (user, password) = standing(store, id, is_meant, now)?;
    let actor = Actor::Person { user: user.id, name: user.name.to_string() };
    let Way { shown, from } = way;
    let mfa = factor::check(parts, store, (user.id, &actor), shown.as_ref(), now);
    let about = |refused: Refused| refused.about(user.id, Some(user.name.to_string()));
    let mfa = mfa.map_err(about).map_err(|refused| match refused.reason {
        // With a right password, and a second factor that can still come.
        Reason::CodeRequired
        | Reason::WrongCode
        | Reason::UsedCode
        | Reason::WrongPasskey
        | Reason::UsedChallenge
        | Reason::CounterWentBack
        | Reason::UsedRecoveryCode
        | Reason::VoidRecoveryCode => refused.with_half(Half::of(&user, password, now)),
        _ => refused,
    })?;
    let (account, invitation, outside) = (parts.account.clone(), None, None);
    Ok(Bound { account, user, at: now, by_password: true, mfa, password, invitation, outside, from })
}

/// The person as stored, who is the one that is meant and may act, and when their password was set, as far as that is known.
pub(super) fn standing(
    store: &Store,
    id: UserId,
    is_meant: impl FnOnce(&User, Option<Timestamp>) -> bool,
    now: Timestamp,
) -> Result<(User, Option<Timestamp>), Refused> {
    let found = store.read(|snapshot| {
        let Some(user) = user(snapshot, id)? else { return Ok(None) };
        let password = credentials::password_changed(snapshot, &user)?;
        Ok(Some((user, password)))
    });
    let found = found.map_err(|error: StoreError| Refused::failed(&error))?;
    let Some((user, password)) = found.filter(|(user, password)| is_meant(user, *password)) else {
        return Err(Refused::new(Reason::NotSynced, "the directory has it, and no sync has brought it yet"));
    };
    let inactive = |why: Inactive| Refused::new(Reason::Inactive, format!("user `{}`: {why}", user.name));
    user.standing.active(now).map_err(inactive)?;
    Ok((user, password))
}

/// Notes that a local user signed in. That it cannot be noted, or that the password was set anew since, stops nobody.
fn used(store: &Store, bound: &Bound, profile: Read<LoginProfile>, now: Timestamp) {
    let Read { value: mut profile, revision } = profile;
    profile.last_used = Some(now);
    let mut commit = Commit::new(bound.actor(), now, Intent::Narrow);
    let owner = CredentialOwner::User(bound.user.id);
    let written = commit.put_login_profile(&owner, &profile, revision).and_then(|()| store.commit(commit));
    if let Err(error) = written {
        tracing::debug!(%error, "when a password was used last could not be noted");
    }
}
