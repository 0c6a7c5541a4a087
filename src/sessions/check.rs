//! Whether a session counts at a moment.

use jiff::SignedDuration;

use super::Outside;
use super::error::SessionError;
use crate::base::clock::{expired, later};
use crate::base::{FamilyId, ResourceId, SessionId, Timestamp};
use crate::model::session::LONGEST_CHAIN;
use crate::model::token_family::SKEW;
use crate::model::{
    AccountId, Begun, CredentialOwner, Entity, Held, Inactive, Member, OidcProvider, Origin, Resource, Role, Root,
    SamlProvider, Session, SessionKind, Standing, User,
};
use crate::rights::{Acting, AssumeError, Assumed, Reading, granted, may_assume, may_assume_granted, may_assume_root};
use crate::store::schema::credentials::Setting;
use crate::store::{Snapshot, credentials, iam, identity, rows, sessions, sso};

/// A session that counted when it was looked over, with what it is of. Made by [`super::Sessions`] alone.
#[derive(Debug, Clone)]
pub struct Live {
    session: Session,
    role: Option<Role>,
    person: Option<User>,
    machine: Option<Resource>,
}

impl Live {
    /// The session.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The role it is of.
    #[must_use]
    pub fn role(&self) -> Option<&Role> {
        self.role.as_ref()
    }

    /// The person at the beginning of its chain.
    #[must_use]
    pub fn person(&self) -> Option<&User> {
        self.person.as_ref()
    }

    /// The machine there, if it was one.
    #[must_use]
    pub fn machine(&self) -> Option<&Resource> {
        self.machine.as_ref()
    }
}

/// What sessions are looked over by, whichever it is.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) home: &'a AccountId,
    /// For how long the session of a browser that nobody uses counts.
    pub(super) idle: SignedDuration,
    /// By whose word people sign in.
    pub(super) outside: &'a Outside,
}

/// The session `id`, if it counts at `now`.
pub(super) fn live(
    snapshot: &dyn Snapshot,
    reading: &mut Reading<'_, '_>,
    ground: Ground<'_>,
    id: &SessionId,
    now: Timestamp,
) -> Result<Live, SessionError> {
    Check { snapshot, ground, now }.live(reading, id, LONGEST_CHAIN)
}

/// A looking over.
pub(super) struct Check<'a> {
    pub(super) snapshot: &'a dyn Snapshot,
    pub(super) ground: Ground<'a>,
    pub(super) now: Timestamp,
}

impl Check<'_> {
    fn live(&self, reading: &mut Reading<'_, '_>, id: &SessionId, depth: usize) -> Result<Live, SessionError> {
        let found = sessions::session(self.snapshot, id)?.ok_or(SessionError::Unknown)?;
        let session = found.value;
        self.own_terms(&session)?;
        let person = session.person.map(|person| self.user(reading, &Member::User(person))).transpose()?;
        if let Some(person) = &person {
            self.engaged(&session, person)?;
            self.same_password(person, session.password, session.created)?;
        }
        let (acting, machine) = self.origin(reading, &session, person.as_ref(), depth)?;
        let role = match &session.kind {
            SessionKind::Role { role, .. } => Some(self.still(reading, &session, role, &acting)?),
            SessionKind::Root { .. } => {
                self.still_root(reading, &session, &acting)?;
                None
            }
            SessionKind::Owner { .. } | SessionKind::Federated { .. } => None,
        };
        let origins = person.as_ref().map(|person| &person.origin).into_iter();
        for origin in origins.chain(machine.as_ref().map(|machine| &machine.origin)) {
            reading.terms().heard.recent(origin, role.as_ref(), self.now)?;
        }
        Ok(Live { session, role, person, machine })
    }

    /// What its own row says.
    fn own_terms(&self, session: &Session) -> Result<(), SessionError> {
        if let Some(ended) = &session.ended {
            return Err(SessionError::Ended { at: ended.at, reason: ended.reason.clone() });
        }
        if expired(session.expires, self.now) {
            return Err(SessionError::Expired(session.expires));
        }
        if session.held_by == Held::Browser {
            let since = sessions::seen(self.snapshot, &session.id)?.unwrap_or(session.created).max(session.created);
            if self.now.duration_since(since) > self.ground.idle {
                return Err(SessionError::Idle { since, limit: self.ground.idle });
            }
        }
        if session.epoch != identity::epoch(self.snapshot)?.to_string() {
            return Err(SessionError::Restored);
        }
        Ok(())
    }

    /// A person who may act.
    pub(super) fn user(&self, reading: &Reading<'_, '_>, member: &Member) -> Result<User, SessionError> {
        let Some((_, Entity::User(user))) = rows::entity(self.snapshot, member)? else {
            return Err(SessionError::Gone("the person is no longer there".to_owned()));
        };
        let inactive = self.inactive(reading, &user.origin, &user.standing);
        match inactive {
            None => Ok(user),
            Some(why) => Err(SessionError::Person { who: format!("user `{}`", user.name), why }),
        }
    }

    /// A machine that may act.
    fn machine(&self, reading: &Reading<'_, '_>, id: &ResourceId) -> Result<Resource, SessionError> {
        let machine = rows::resource(self.snapshot, id)?;
        let machine = machine.ok_or_else(|| SessionError::Gone("the machine is no longer there".to_owned()))?;
        let inactive = self.inactive(reading, &machine.origin, &machine.standing);
        match inactive {
            None => Ok(machine),
            Some(why) => Err(SessionError::Machine { who: format!("machine `{}`", machine.name), why }),
        }
    }

    /// Why somebody may not act, if so.
    fn inactive(&self, reading: &Reading<'_, '_>, origin: &Origin, standing: &Standing) -> Option<Inactive> {
        if reading.terms().frozen.contains(&origin.directory) {
            return Some(Inactive::Frozen);
        }
        standing.active(self.now).err()
    }

    /// Of somebody of another firm: that they are let in now, whatever the session is of, and that it began with a sign-in by two
    /// factors. What a long-lived key began is worth nothing in their hands.
    fn engaged(&self, session: &Session, person: &User) -> Result<(), SessionError> {
        let why = match granted::outsider(self.snapshot, &person.id, self.now)? {
            None => return Ok(()),
            Some(Err(why)) => why,
            Some(Ok(_)) if matches!(session.begun, Begun::AccessKey { .. }) => {
                "people of another firm act by sessions that begin with a sign-in".to_owned()
            }
            Some(Ok(_)) if session.mfa.is_none() => "people of another firm sign in with a second factor".to_owned(),
            Some(Ok(_)) => return Ok(()),
        };
        Err(SessionError::Engagement { who: format!("user `{}`", person.name), why })
    }

    /// Whether the password with which `person` signed in at `signed_in` still counts; `then` is when that one was set.
    ///
    /// The directory tells of a new password some time behind the change. Whoever signed in with the new one meanwhile, by
    /// more than two clocks may differ, goes on.
    pub(super) fn same_password(
        &self,
        person: &User,
        then: Option<Timestamp>,
        signed_in: Timestamp,
    ) -> Result<(), SessionError> {
        let ended = || SessionError::Password { who: format!("user `{}`", person.name) };
        let local = person.origin.directory.is_local();
        // A key of a local user has nothing to do with a password; whoever signed in with one knows it.
        if local && then.is_none() {
            return Ok(());
        }
        let Some(changed) = credentials::password_changed(self.snapshot, person)? else {
            return if local { Err(ended()) } else { Ok(()) };
        };
        let since = match then {
            Some(then) if then == changed => return Ok(()),
            Some(_) => later(changed, SKEW),
            // Nothing was known of the password then.
            None => changed,
        };
        if signed_in < since {
            return Err(ended());
        }
        Ok(())
    }

    /// Whoever began it, as they are now, and the machine at the beginning of its chain, if it was one.
    fn origin(
        &self,
        reading: &mut Reading<'_, '_>,
        session: &Session,
        person: Option<&User>,
        depth: usize,
    ) -> Result<(Acting, Option<Resource>), SessionError> {
        let begun = |what: String| SessionError::Begun(what);
        match &session.begun {
            Begun::AccessKey { key, owner } => {
                let held = credentials::access_key(self.snapshot, key)?.map(|held| held.value);
                let held = held.filter(|held| held.active && held.owner == *owner);
                held.ok_or_else(|| begun(format!("access key {key} is switched off or deleted")))?;
                let acting = match (owner, person) {
                    (CredentialOwner::Root, _) => {
                        let root = credentials::setting::<Root>(self.snapshot, Setting::Root)?;
                        let open = root.is_some_and(|root| root.value.locked_since.is_none());
                        let locked = || begun("root is locked away".to_owned());
                        open.then(|| Acting::root(self.ground.home)).ok_or_else(locked)?.map_err(Into::into)
                    }
                    (CredentialOwner::User(_), Some(user)) => Acting::user(reading, user).map_err(Into::into),
                    (CredentialOwner::User(_), None) => Err(begun("it names no person".to_owned())),
                };
                Ok((acting?, None))
            }
            Begun::Login { outside, .. } => {
                let user = person.ok_or_else(|| begun("it names no person".to_owned()))?;
                self.vouched_for(outside.as_deref(), &user.id)?;
                Ok((Acting::user(reading, user)?, None))
            }
            Begun::Tokens { family } => {
                let person = person.ok_or_else(|| begun("it names no person".to_owned()))?;
                self.tokens(reading, family, person, depth)?;
                Ok((Acting::user(reading, person)?, None))
            }
            Begun::Saml { provider, issuer, certificate, .. } => {
                let provider = iam::object::<SamlProvider>(self.snapshot, provider.as_bytes())?;
                let provider = provider.ok_or_else(|| begun("its SAML provider is gone".to_owned()))?.value;
                if !provider.vouches(issuer, certificate) {
                    let what = "the metadata of its SAML provider names it no more, or not the key that it signed by";
                    return Err(begun(what.to_owned()));
                }
                Ok((Acting::visitor(self.ground.home, &provider.arn())?, None))
            }
            Begun::WebIdentity { provider, .. } => {
                let provider = iam::object::<OidcProvider>(self.snapshot, provider.as_bytes())?;
                let provider = provider.ok_or_else(|| begun("its OpenID Connect provider is gone".to_owned()))?;
                Ok((Acting::visitor(self.ground.home, &provider.value.arn())?, None))
            }
            // The password rule of people has no like here: a certificate that is taken back, or a key that is, ends what is
            // begun with it by the next beginning alone, and at the end of the session's time.
            Begun::Machine { resource } => {
                let machine = self.machine(reading, resource)?;
                Ok((Acting::machine(reading, &machine)?, Some(machine)))
            }
            Begun::Session { session: parent } => {
                let depth = depth.checked_sub(1);
                let depth = depth.ok_or_else(|| begun(format!("more than {LONGEST_CHAIN} sessions led to it")))?;
                let parent = self.live(reading, parent, depth).map_err(|error| match error {
                    // What may pass is no end of anything behind it either.
                    error if error.may_pass() => error,
                    // The reason that counts is the first of the chain.
                    SessionError::Begun(why) => SessionError::Begun(why),
                    other => begun(other.to_string()),
                })?;
                let acting = Acting::session(self.snapshot, reading, self.ground.home, &parent.session)?;
                Ok((acting, parent.machine))
            }
        }
    }

    /// The tokens of `person` that it was begun with count: their family does, and so does the browser's session it stands on,
    /// unless they were given to go on without (OpenID Connect Core 1.0, section 11).
    fn tokens(
        &self,
        reading: &mut Reading<'_, '_>,
        family: &FamilyId,
        person: &User,
        depth: usize,
    ) -> Result<(), SessionError> {
        let over = |why: &str| SessionError::Begun(format!("the tokens {why}"));
        let family = sso::family(self.snapshot, family)?.ok_or_else(|| over("are gone"))?.value;
        if let Some(end) = &family.ended {
            return Err(over(&format!("were revoked: {}", end.reason)));
        }
        if expired(family.expires, self.now) {
            return Err(over("are expired"));
        }
        if family.epoch != identity::epoch(self.snapshot)?.to_string() {
            return Err(SessionError::Restored);
        }
        if family.consent.user != person.id {
            return Err(over("are somebody else's"));
        }
        if !family.consent.is_offline() {
            let depth = depth.checked_sub(1).ok_or_else(|| over("stand on too many sessions"))?;
            let stands = self.live(reading, &family.consent.session, depth);
            return stands.map(drop).map_err(|error| match error {
                error if error.may_pass() => error,
                other => SessionError::Begun(other.to_string()),
            });
        }
        self.same_sign_in(&family.consent.sign_in(), person)
    }

    /// The role, if whoever began the session would be given it now for what was asked for then.
    fn still(
        &self,
        reading: &mut Reading<'_, '_>,
        session: &Session,
        role: &crate::base::RoleId,
        acting: &Acting,
    ) -> Result<Role, SessionError> {
        let role = iam::role(self.snapshot, role)?;
        let role = role.ok_or_else(|| SessionError::Gone("the role is no longer there".to_owned()))?;
        if !reading.terms().holds(&role.account) {
            let gone = format!("account {} of the role is no longer configured", role.account);
            return Err(SessionError::Gone(gone));
        }
        let strangers = match &session.begun {
            Begun::WebIdentity { issuer, .. } if issuer.is_known_to_be_shared() => Some(issuer.as_str()),
            _ => None,
        };
        // One that goes on from a session of the same grant was begun by what the role of that may.
        let by = session.grant.filter(|grant| acting.grant != Some(*grant));
        let answer = match &by {
            Some(grant) => may_assume_granted(reading, acting, &role, (&session.asked, grant), self.now),
            None => may_assume(reading, acting, &role, (&session.asked, strangers), self.now),
        };
        match answer {
            Ok(Assumed::Allowed(_)) => Ok(role),
            Ok(Assumed::Refused { because, .. }) => Err(SessionError::NoLonger(because)),
            Err(AssumeError::Store(error)) => Err(error.into()),
            Err(AssumeError::Request(error)) => Err(SessionError::NoLonger(error.to_string())),
        }
    }

    /// Whoever began it would be root of the account now for what was asked for then.
    fn still_root(
        &self,
        reading: &mut Reading<'_, '_>,
        session: &Session,
        acting: &Acting,
    ) -> Result<(), SessionError> {
        match may_assume_root(reading, acting, &session.account, &session.asked, self.now) {
            Ok(Assumed::Allowed(_)) => Ok(()),
            Ok(Assumed::Refused { because, .. }) => Err(SessionError::NoLongerRoot(because)),
            Err(AssumeError::Store(error)) => Err(error.into()),
            Err(AssumeError::Request(error)) => Err(SessionError::NoLongerRoot(error.to_string())),
        }
    }
}
