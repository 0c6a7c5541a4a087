//! One of an engagement's people is invited: they come to have a password and a second factor of their own.
//!
//! An operator makes the link, and whoever answers for the engagement inside reads the code out; or the latter does both. Somebody who
//! has a second factor is not invited: it would be a way past that. Lost ones are reset by an operator, then they are invited anew.

use std::sync::PoisonError;

use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::super::iam::Change;
use super::super::iam::passwords::NewPassword;
use super::super::{Admin, AdminError};
use super::{decide, engagement, user};
use crate::authn::login::{Bound, Factors, Link, owner_of_code};
use crate::authn::subject::Subject;
use crate::base::clock::later;
use crate::base::{Secret, Timestamp, UserId};
use crate::gate::Authorized;
use crate::model::invitation::{GOOD_FOR, TRIES};
use crate::model::{Engagement, Invitation, OutsideIdentity, OutsideWord, User, UserCode};
use crate::store::iam::Read;
use crate::store::{Snapshot, grants, identity};

/// What an operator gets of an invitation: the link, and who tells the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invited {
    /// Who is invited.
    pub person: String,
    /// To what.
    pub engagement: String,
    /// The link, or as much of it as is known: `/invitation/..`. It opens one page.
    pub link: String,
    /// It is good until just before then.
    pub until: Timestamp,
    /// Who reads the code out, on the page of the engagement.
    pub sponsor: String,
}

/// What whoever answers for somebody tells them.
#[derive(Debug)]
pub struct ToldCode {
    /// Who is invited.
    pub person: String,
    /// The code, as it is read out.
    pub code: Secret<String>,
    /// It is good until just before then.
    pub until: Timestamp,
}

/// How far one of an engagement's people is with a way to sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignsIn {
    /// What they are called here.
    pub name: String,
    /// Whether they have a second factor, which is what lets them in, or are linked with who they are elsewhere.
    pub ready: bool,
    /// Who they are to an outside provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked: Option<String>,
    /// An invitation of theirs is good until just before then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invited_until: Option<Timestamp>,
}

/// How far its people are, those who are there.
pub(super) fn signs_in(
    snapshot: &dyn Snapshot,
    engagement: &Engagement,
    now: Timestamp,
) -> Result<Vec<SignsIn>, AdminError> {
    let epoch = identity::epoch(snapshot)?.to_string();
    let mut found = Vec::new();
    for id in &engagement.people {
        let Some(person) = user(snapshot, id)? else { continue };
        let linked = grants::outside_identities_of(snapshot, id)?.into_iter().next().map(|held| held.value);
        let ready = Factors::of(snapshot, id)?.any() || linked.is_some();
        let held = grants::invitation(snapshot, id)?.map(|held| held.value);
        let good = held.filter(|held| held.engagement == engagement.id && held.is_good(&epoch, now));
        let invited_until = good.map(|held| held.until);
        let linked = linked.map(|held| format!("{} of {}", held.subject, held.issuer));
        found.push(SignsIn { name: person.name.to_string(), ready, linked, invited_until });
    }
    Ok(found)
}

/// Who asks about an invitation.
struct Asking {
    /// Somebody on this machine.
    local: bool,
    /// Who, and when they last showed a second factor.
    person: Option<(UserId, Option<Timestamp>)>,
}

impl Asking {
    fn of(asked: &Authorized) -> Self {
        let subject = Subject::of(asked.caller());
        let mfa = subject.and_then(Subject::session).and_then(|session| session.mfa);
        Self { local: subject.is_none(), person: subject.and_then(Subject::user).map(|user| (user.id, mfa)) }
    }

    /// Whether they answer for `engagement` and have just shown a second factor, or are somebody on this machine.
    fn may(&self, engagement: &Engagement, now: Timestamp) -> Result<(), AdminError> {
        match self.person {
            _ if self.local => Ok(()),
            Some((person, mfa)) if person == engagement.sponsor => decide::just_shown(mfa, now),
            _ => Err(not_now("that is for whoever answers for the engagement, and for operators", "ask one of them")),
        }
    }
}

impl Admin {
    /// Invites `person`, who is one of the people of the engagement `asked.resource()`; an invitation of before counts no more. Whoever
    /// answers for it may, having just shown a second factor, and operators. Blocks.
    ///
    /// # Errors
    /// When they are none of its people or have a second factor, the engagement is over, whoever asks may not, or a part fails.
    pub fn invite(&self, asked: Authorized, person: &str) -> Result<Invited, AdminError> {
        self.change_anew(asked, |asked, change| {
            let (engagement, invited) = self.meant(change.snapshot, asked.resource(), person)?;
            Asking::of(asked).may(&engagement, change.now)?;
            match engagement.open(change.now) {
                // They may be invited before it begins: until then the link opens nothing.
                Err(_) if engagement.closed.is_none() && change.now < engagement.starts => {}
                Err(why) => return Err(not_now(&format!("the engagement {why}"), "make another one")),
                Ok(()) => {}
            }
            if Factors::of(change.snapshot, &invited.id)?.any() {
                let what = format!("`{}` signs in with a second factor already", invited.name);
                return Err(not_now(&what, "if it is lost an operator resets it first: `bailey mfa reset`"));
            }
            let before = grants::invitation(change.snapshot, &invited.id)?;
            let (link, code) = self.fresh_invitation(&invited);
            let plain = Secret::new(code.shown().into_bytes());
            let invitation = Invitation {
                person: invited.id,
                engagement: engagement.id,
                link: link.digest(),
                code: self.keys.seal(&owner_of_code(&invited.id), &plain)?,
                tries: TRIES,
                created: change.now,
                by: change.actor.clone(),
                until: later(change.now, GOOD_FOR).min(engagement.ends),
                epoch: identity::epoch(change.snapshot)?.to_string(),
            };
            change.commit.put_invitation(&invitation, before.map_or(0, |before| before.revision))?;
            noted(change, &engagement, &invited);
            change.note("until", invitation.until.to_string());
            let sponsor = user(change.snapshot, &engagement.sponsor)?;
            Ok(Invited {
                person: invited.name.to_string(),
                engagement: engagement.name,
                link: format!("/invitation/{}", link.text().expose()),
                until: invitation.until,
                sponsor: sponsor.map(|sponsor| sponsor.name.to_string()).unwrap_or_default(),
            })
        })
    }

    /// Takes the invitation of `person` to the engagement `asked.resource()` back. Blocks.
    ///
    /// # Errors
    /// When there is none, whoever asks may not, or a part fails.
    pub fn revoke_invitation(&self, asked: Authorized, person: &str) -> Result<(), AdminError> {
        self.change_anew(asked, |asked, change| {
            let (engagement, invited) = self.meant(change.snapshot, asked.resource(), person)?;
            Asking::of(asked).may(&engagement, change.now)?;
            let held = of_engagement(change.snapshot, &engagement, &invited)?;
            change.commit.delete_invitation(&held);
            noted(change, &engagement, &invited);
            Ok(())
        })
    }

    /// The code of `person`'s invitation to the engagement `asked.resource()`, for whoever answers for it, who has just shown a second
    /// factor. Blocks.
    ///
    /// # Errors
    /// When there is none, whoever asks may not, or a part fails.
    pub fn invitation_code(&self, asked: Authorized, person: &str) -> Result<ToldCode, AdminError> {
        let (asking, which) = (Asking::of(&asked), asked.resource().to_owned());
        self.change(asked, |change| {
            let (engagement, invited) = self.meant(change.snapshot, &which, person)?;
            asking.may(&engagement, change.now)?;
            let held = of_engagement(change.snapshot, &engagement, &invited)?.value;
            if !held.is_good(&identity::epoch(change.snapshot)?.to_string(), change.now) {
                return Err(not_now("its time is over", "make another one"));
            }
            let plain = self.keys.unseal(&owner_of_code(&invited.id), &held.code)?;
            let code = Secret::new(String::from_utf8_lossy(plain.expose()).into_owned());
            noted(change, &engagement, &invited);
            Ok(ToldCode { person: invited.name.to_string(), code, until: held.until })
        })
    }

    /// By which outside provider somebody who was invited is to sign in; `None` of who chooses a password. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn provider_of(&self, invited: &UserId) -> Result<Option<String>, AdminError> {
        self.store.read(|snapshot| {
            let held = grants::invitation(snapshot, invited)?;
            let engagement =
                held.map(|held| grants::engagement(snapshot, &held.value.engagement)).transpose()?.flatten();
            Ok(engagement.and_then(|engagement| engagement.value.sign_in_with))
        })
    }

    /// Links whoever asks, who was invited, with who they are to an outside provider: from now on that is them, and nothing that was
    /// linked before. If they showed a second factor there that counts here, the invitation is used up by it. Blocks.
    ///
    /// # Errors
    /// When somebody else here is linked with it, the invitation is not good any more, or a part fails.
    pub fn link_identity(
        &self,
        asked: Authorized,
        (word, subject): (&OutsideWord, &str),
        with_factor: bool,
    ) -> Result<(), AdminError> {
        let link = invited(&asked);
        let person = asked.caller().bound().map(|bound| bound.user().clone());
        self.change(asked, |change| {
            let person = person.as_ref().ok_or_else(|| not_now("nobody was invited", "ask for an invitation"))?;
            let (issuer, through) = (&word.issuer, word.links());
            let held = grants::outside_identity(change.snapshot, issuer, subject)?;
            if held.as_ref().is_some_and(|held| held.value.person != person.id) {
                let what = "somebody else here signs in by that already";
                return Err(not_now(what, "sign in there as yourself, or ask whoever answers for you"));
            }
            if with_factor {
                self.use_up(change, person, link.as_deref())?;
            }
            if held.as_ref().is_none_or(|held| held.value.provider != through) {
                for before in grants::outside_identities_of(change.snapshot, &person.id)? {
                    if (&before.value.issuer, before.value.subject.as_str()) != (issuer, subject) {
                        change.commit.delete_outside_identity(&before);
                    }
                }
                let (issuer, subject, since) = (issuer.clone(), subject.to_owned(), change.now);
                let linked = OutsideIdentity { person: person.id, issuer, subject, since, provider: through };
                change.commit.put_outside_identity(&linked, held.map_or(0, |held| held.revision))?;
            }
            change.note("issuer", crate::base::text::printable(&issuer.to_string()).into_owned());
            change.note("subject", crate::base::text::printable(subject).into_owned());
            change.note("user", person.name.to_string());
            Ok(())
        })
    }

    /// Sets the password of whoever asks, `asked.resource()`, who was invited. Blocks, for as long as a hash takes.
    ///
    /// # Errors
    /// When the password breaks a rule, or a part fails.
    pub fn accept_invitation(&self, asked: Authorized, password: Secret<String>) -> Result<(), AdminError> {
        self.set_password(asked, &NewPassword { password, must_change: Some(false) }, |_| Ok(())).map(drop)
    }

    /// With a first second factor an invitation is used up, in the same commit: of two who use it at once one does, and it never
    /// counts again. Whoever answers for the engagement is told.
    pub(in crate::admin) fn use_up(
        &self,
        change: &mut Change<'_>,
        user: &User,
        link: Option<&str>,
    ) -> Result<(), AdminError> {
        let held = grants::invitation(change.snapshot, &user.id)?;
        let Some(link) = link else { return Ok(()) };
        let epoch = identity::epoch(change.snapshot)?.to_string();
        let good = held.filter(|held| held.value.link == link && held.value.is_good(&epoch, change.now));
        let good = good.ok_or_else(|| not_now("the invitation was used or taken back meanwhile", "ask for another"))?;
        change.commit.delete_invitation(&good);
        change.note("invitation_to", good.value.engagement.to_string());
        if let Some(held) = grants::engagement(change.snapshot, &good.value.engagement)? {
            self.tell_of_invitation(change, &held.value, user);
        }
        Ok(())
    }

    fn meant(&self, snapshot: &dyn Snapshot, which: &str, person: &str) -> Result<(Engagement, User), AdminError> {
        let engagement = engagement::found(snapshot, which)?.value;
        let invited = self.named_user(snapshot, person)?;
        if !engagement.people.contains(&invited.id) {
            let what = format!("`{}` is none of the people of engagement `{}`", invited.name, engagement.name);
            return Err(not_now(&what, "add them: `bailey engagement update --add`"));
        }
        Ok((engagement, invited))
    }

    fn fresh_invitation(&self, invited: &User) -> (Link, UserCode) {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        (Link::new(invited.id, rng.random()), UserCode::fresh(&mut *rng))
    }
}

/// By which link whoever acts was invited, where they are at setting up how they sign in.
pub(in crate::admin) fn invited(asked: &Authorized) -> Option<String> {
    asked.caller().bound().and_then(Bound::invitation).map(str::to_owned)
}

fn of_engagement(
    snapshot: &dyn Snapshot,
    engagement: &Engagement,
    invited: &User,
) -> Result<Read<Invitation>, AdminError> {
    let held = grants::invitation(snapshot, &invited.id)?.filter(|held| held.value.engagement == engagement.id);
    held.ok_or_else(|| AdminError::NoSuch { what: format!("open invitation of `{}`", invited.name) })
}

fn not_now(what: &str, remedy: &str) -> AdminError {
    AdminError::NotNow { what: what.to_owned(), remedy: remedy.to_owned() }
}

fn noted(change: &mut Change<'_>, engagement: &Engagement, invited: &User) {
    change.note("engagement", format!("{} ({})", engagement.name, engagement.id));
    change.note("person", format!("{} ({})", invited.name, invited.id));
}
