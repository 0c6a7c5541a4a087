//! Who is told of what: those who may agree, whoever it concerns, and whoever answers for it.
//!
//! Notices go into the commit of what they tell of ([`crate::notify`]). Nothing here keeps anybody from deciding: where it is not found
//! out who is to be told, that is said aloud, and the step happens. On a full disk, where only what takes access away is still written,
//! the room is left for that.

use std::collections::{BTreeSet, HashSet};

use super::super::Admin;
use super::super::iam::Change;
use super::super::told::Happened;
use super::views::called;
use super::{BREAK_GLASS, are_one, manages, user};
use crate::base::UserId;
use crate::model::grant::State;
use crate::model::notice::{Facts, Kind};
use crate::model::{Actor, Engagement, Grant, Member, MemberKind, User};
use crate::notify::Telling;
use crate::rights::{Terms, granted};
use crate::store::{Snapshot, StoreError, grants, iam, rows};

/// Most people of groups that are told of one thing: of more, nobody would feel meant.
const MOST_PEOPLE: usize = 50;

/// Most members of groups that are looked at for that.
const MOST_EDGES: usize = 1_000;

/// What a new grant is told as.
pub(super) fn kind_of_new(grant: &Grant) -> Kind {
    let alone = grant.state.approvals().iter().any(|approval| approval.right == BREAK_GLASS);
    match &grant.state {
        State::Requested { .. } => Kind::GrantRequested,
        _ if alone => Kind::BreakGlass,
        _ => Kind::GrantApproved,
    }
}

impl Admin {
    /// Has those be told whom it concerns that `kind` befell `grant`, and what was said to it.
    pub(super) fn tell(&self, change: &mut Change<'_>, kind: Kind, grant: &Grant, comment: &str) {
        let Change { snapshot, commit, actor, now, .. } = change;
        self.tell_what_happened(Happened { snapshot: *snapshot, commit, by: actor, now: *now }, kind, grant, comment);
    }

    /// The same, of what no person did.
    pub(super) fn tell_what_happened(&self, happened: Happened<'_>, kind: Kind, grant: &Grant, comment: &str) {
        if let Err(error) = self.try_to_tell(happened, kind, grant, comment) {
            tracing::error!(grant = %grant.id, kind = kind.word(), %error, "nobody is told of it");
        }
    }

    /// Has whoever answers for `engagement` be told that `kind` befell it.
    pub(super) fn tell_sponsor(&self, change: &mut Change<'_>, kind: Kind, engagement: &Engagement, comment: &str) {
        let Change { snapshot, commit, actor, now, .. } = change;
        let happened = Happened { snapshot: *snapshot, commit, by: actor, now: *now };
        if let Err(error) = self.try_to_tell_sponsor(happened, kind, engagement, comment) {
            tracing::error!(engagement = engagement.name, kind = kind.word(), %error, "nobody is told of it");
        }
    }

    pub(super) fn try_to_tell_sponsor(
        &self,
        happened: Happened<'_>,
        kind: Kind,
        engagement: &Engagement,
        comment: &str,
    ) -> Result<(), StoreError> {
        let facts = Facts { by: doer(happened.by), comment: said(comment), ..Facts::default() };
        self.put_for_sponsor(happened, kind, engagement, facts)
    }

    /// Has whoever answers for `engagement` be told that `invited`, one of its people, used the invitation.
    pub(super) fn tell_of_invitation(&self, change: &mut Change<'_>, engagement: &Engagement, invited: &User) {
        let Change { snapshot, commit, actor, now, .. } = change;
        let happened = Happened { snapshot: *snapshot, commit, by: actor, now: *now };
        let facts = Facts {
            person: Some(invited.name.to_string()),
            display_name: invited.display_name.clone(),
            ..Facts::default()
        };
        let kind = Kind::InvitationUsed;
        if let Err(error) = self.put_for_sponsor(happened, kind, engagement, facts) {
            tracing::error!(engagement = engagement.name, kind = kind.word(), %error, "nobody is told of it");
        }
    }

    /// What is said besides is of the engagement.
    fn put_for_sponsor(
        &self,
        happened: Happened<'_>,
        kind: Kind,
        engagement: &Engagement,
        facts: Facts,
    ) -> Result<(), StoreError> {
        if self.tells_nobody(kind) {
            return Ok(());
        }
        let sponsor = user(happened.snapshot, &engagement.sponsor)?;
        let mail =
            sponsor.filter(|sponsor| person_of(happened.by) != Some(sponsor.id)).and_then(|sponsor| sponsor.mail);
        let facts = Facts {
            engagement: Some(engagement.id),
            engagement_name: Some(engagement.name.clone()),
            firm: Some(engagement.firm.clone()),
            until: Some(engagement.ends),
            ..facts
        };
        let mail: Vec<String> = mail.into_iter().collect();
        let telling = Telling { kind, at: happened.now, moot: None, facts, mail: &mail };
        self.put_notices(happened, &telling)
    }

    fn try_to_tell(&self, happened: Happened<'_>, kind: Kind, grant: &Grant, comment: &str) -> Result<(), StoreError> {
        if self.tells_nobody(kind) {
            return Ok(());
        }
        let snapshot = happened.snapshot;
        let (holder, asker) = (user(snapshot, &grant.person)?, user(snapshot, &grant.requested_by)?);
        let concerned: Vec<&User> = holder.iter().chain(&asker).collect();
        let mut mail = BTreeSet::new();
        if !matches!(kind, Kind::GrantRequested | Kind::BreakGlass | Kind::ReviewOverdue) {
            let others = concerned.iter().filter(|user| person_of(happened.by) != Some(user.id));
            mail.extend(others.filter_map(|user| user.mail.clone()));
        }
        if matches!(kind, Kind::GrantRequested | Kind::GrantChanged | Kind::BreakGlass | Kind::ReviewOverdue) {
            mail.extend(self.those_who_decide(&happened, kind, grant, &concerned)?);
        }
        let telling = Telling {
            kind,
            at: happened.now,
            moot: grant.due().filter(|_| is_of_what_comes(kind)),
            facts: self.facts(&happened, kind, grant, (holder.as_ref(), asker.as_ref()), comment)?,
            mail: &mail.into_iter().collect::<Vec<_>>(),
        };
        self.put_notices(happened, &telling)
    }

    fn facts(
        &self,
        happened: &Happened<'_>,
        kind: Kind,
        grant: &Grant,
        (holder, asker): (Option<&User>, Option<&User>),
        comment: &str,
    ) -> Result<Facts, StoreError> {
        let role = iam::role(happened.snapshot, &grant.role)?;
        let engagement = grant.engagement.map(|id| grants::engagement(happened.snapshot, &id)).transpose()?.flatten();
        let until = match (kind, &grant.review) {
            (Kind::BreakGlass | Kind::ReviewOverdue, Some(review)) => Some(review.due),
            _ if is_of_what_comes(kind) => grant.due(),
            _ => None,
        };
        let named =
            |user: Option<&User>, id: &UserId| user.map_or_else(|| id.to_string(), |user| user.name.to_string());
        // What nobody but its holder did is said of them already.
        let own = person_of(happened.by).is_some_and(|by| by == grant.person);
        Ok(Facts {
            grant: Some(grant.id),
            engagement: grant.engagement,
            engagement_name: engagement.as_ref().map(|held| held.value.name.clone()),
            firm: engagement.as_ref().map(|held| held.value.firm.clone()),
            person: Some(named(holder, &grant.person)),
            display_name: holder.and_then(|holder| holder.display_name.clone()),
            requested_by: Some(named(asker, &grant.requested_by)),
            role: Some(role.map_or_else(|| grant.role.to_string(), |role| role.name.to_string())),
            seconds: Some(grant.terms.seconds),
            reason: said(&grant.terms.reason),
            ticket: said(&grant.terms.ticket),
            by: doer(happened.by).filter(|_| !own && kind != Kind::GrantRequested),
            comment: said(comment),
            until,
            metadata: None,
        })
    }

    /// The addresses of those who may decide about `grant`, or look back at it; without those whom it concerns, and who did it.
    fn those_who_decide(
        &self,
        happened: &Happened<'_>,
        kind: Kind,
        grant: &Grant,
        concerned: &[&User],
    ) -> Result<BTreeSet<String>, StoreError> {
        let snapshot = happened.snapshot;
        let terms = self.grounds().terms(snapshot, happened.now)?;
        let settings = self.notices.settings();
        let mut told: BTreeSet<String> = BTreeSet::new();
        if kind.is_loud() {
            told.extend(settings.security.iter().cloned());
        }
        let role = iam::role(snapshot, &grant.role)?;
        let Some(rule) = role.as_ref().and_then(|role| terms.grants.rules.of(role)) else { return Ok(told) };
        if !rule.notify.is_empty() {
            told.extend(rule.notify.iter().cloned());
            return Ok(told);
        }
        let found = self.people_of(snapshot, &terms, &rule.approvers, |user| {
            person_of(happened.by) != Some(user.id) && !concerned.iter().any(|other| are_one(other, user))
        })?;
        if rule.manager
            && let Some(holder) = user(snapshot, &grant.person)?
            && let Some(manager) = holder.manager.as_ref().map(|id| user(snapshot, id)).transpose()?.flatten()
            && manages(&manager, &holder, happened.now)
        {
            told.extend(manager.mail.filter(|_| person_of(happened.by) != Some(manager.id)));
        }
        if rule.sponsor
            && !kind.is_loud()
            && let Some(held) = grant.engagement.map(|id| grants::engagement(snapshot, &id)).transpose()?.flatten()
            && let Some(sponsor) = user(snapshot, &held.value.sponsor)?
        {
            told.extend(sponsor.mail.filter(|_| person_of(happened.by) != Some(sponsor.id)));
        }
        match found {
            Some(people) => told.extend(people),
            None => tracing::warn!(
                grant = %grant.id, groups = rule.approvers.join(", "), most = MOST_PEOPLE,
                "too many people may decide about it for each to be told: name an address in `notify` of the rule"
            ),
        }
        if told.is_empty() {
            tracing::warn!(grant = %grant.id, "nobody who may decide about it has a mail address: security is told");
            told.extend(settings.security.iter().cloned());
        }
        Ok(told)
    }

    /// The addresses of active people of these groups who are `wanted`; `None` where they are too many.
    fn people_of(
        &self,
        snapshot: &dyn Snapshot,
        terms: &Terms,
        groups: &[String],
        wanted: impl Fn(&User) -> bool,
    ) -> Result<Option<Vec<String>>, StoreError> {
        let mut ahead = Vec::new();
        for name in groups {
            let named = name.parse().ok().map(|name| rows::holder(snapshot, MemberKind::Group, &name)).transpose()?;
            ahead.extend(named.flatten());
        }
        let (mut seen, mut edges, mut found) = (HashSet::new(), 0, Vec::new());
        while let Some(member) = ahead.pop() {
            if !seen.insert(member) {
                continue;
            }
            match member {
                Member::Group(group) => {
                    let left = MOST_EDGES.saturating_sub(edges);
                    let members = rows::edges_of(snapshot, &group, None, left.saturating_add(1))?;
                    edges += members.len();
                    ahead.extend(members.iter().map(|edge| edge.member));
                }
                Member::User(id) => {
                    let Some(user) = user(snapshot, &id)?.filter(|user| wanted(user)) else { continue };
                    // Edges say who is listed, and rights who is in: of another directory, a distribution list, somebody disabled.
                    let acts =
                        user.standing.enabled(terms.now).is_ok() && !terms.frozen.contains(&user.origin.directory);
                    if acts && user.mail.is_some() && granted::is_in(groups, &self.groups_of(snapshot, terms, &user)?) {
                        found.extend(user.mail);
                    }
                }
                Member::Resource(_) => {}
            }
            if edges > MOST_EDGES || found.len() > MOST_PEOPLE {
                return Ok(None);
            }
        }
        Ok(Some(found))
    }
}

/// Whether it tells of something that somebody can do, or that comes, until the clock changes the grant: then there is no point in it.
const fn is_of_what_comes(kind: Kind) -> bool {
    matches!(kind, Kind::GrantRequested | Kind::GrantChanged | Kind::GrantApproved | Kind::GrantEnding)
}

/// The person behind what was done.
fn person_of(by: &Actor) -> Option<UserId> {
    match by {
        Actor::Person { user, .. } => Some(*user),
        Actor::Session { person, .. } => *person,
        _ => None,
    }
}

/// Who did it, in words; nobody where the clock did.
fn doer(by: &Actor) -> Option<String> {
    (!matches!(by, Actor::Task { .. })).then(|| called(by))
}

fn said(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
