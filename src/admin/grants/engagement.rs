//! Engagements: the window of a firm's contract, in which its people may be granted roles.
//!
//! Operators make them; whoever answers for one inside sees who is in and closes it. What it bounds is worked out where grants are
//! ([`crate::rights::granted`]): nothing has to be done here for it to end.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::super::{Admin, AdminError};
use super::invitation::{SignsIn, signs_in};
use super::{GrantView, decide, user};
use crate::authn::subject::Subject;
use crate::base::{EngagementId, Timestamp, UserId};
use crate::gate::Authorized;
use crate::model::engagement::{Closed, EngagementError};
use crate::model::grant::{Closing, Stage};
use crate::model::notice::Kind;
use crate::model::{Engagement, Entity, Hours, MemberKind, User, Zone};
use crate::rights::{find, granted};
use crate::store::iam::Read;
use crate::store::{Snapshot, grants, iam, identity};

/// The ceiling where nothing is said: reads, and makes no credentials.
const USUAL_CEILING: &str = "AuditorBoundary";

/// An engagement to be made.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewEngagement {
    /// What it is called here.
    pub name: String,
    /// The firm.
    pub firm: String,
    /// By which book it audits.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub framework: String,
    /// The days that are audited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<(jiff::civil::Date, jiff::civil::Date)>,
    /// The contract that says so elsewhere.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub contract: String,
    /// Who answers for it inside.
    pub sponsor: String,
    /// Its people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<String>,
    /// The outside provider by which they sign in; with a password of their own, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in_with: Option<String>,
    /// From where they work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<String>,
    /// When they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// Whose hours.
    #[serde(default)]
    pub zone: Zone,
    /// The managed policy beyond which nothing reaches; `AuditorBoundary`, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<String>,
    /// It counts from then on; from now on, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts: Option<Timestamp>,
    /// Until just before then.
    pub ends: Timestamp,
}

/// What is to be otherwise about one. What nothing is said of stays.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngagementChange {
    /// People who come to it.
    pub add: Vec<String>,
    /// People who leave it: what they were granted counts no more.
    pub remove: Vec<String>,
    /// Another who answers for it.
    pub sponsor: Option<String>,
    /// Other networks.
    pub networks: Option<Vec<String>>,
    /// Another end.
    pub ends: Option<Timestamp>,
}

/// An engagement, for people and programs to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngagementView {
    /// Its id.
    pub id: String,
    /// What it is called here.
    pub name: String,
    /// The firm.
    pub firm: String,
    /// By which book it audits.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub framework: String,
    /// The days that are audited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<(jiff::civil::Date, jiff::civil::Date)>,
    /// The contract.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub contract: String,
    /// Who answers for it.
    pub sponsor: String,
    /// Its people.
    pub people: Vec<String>,
    /// How far they are with a way to sign in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sign_in: Vec<SignsIn>,
    /// The outside provider by which they sign in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in_with: Option<String>,
    /// From where they work.
    pub networks: Vec<String>,
    /// When they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// Whose hours.
    pub zone: Zone,
    /// The policy beyond which nothing reaches.
    pub ceiling: String,
    /// A word that whoever trusts the firm's own account asks for.
    pub external_id: String,
    /// It counts from then on.
    pub starts: Timestamp,
    /// Until just before then.
    pub ends: Timestamp,
    /// `open`, or why it does not count.
    pub state: String,
    /// Its grants that are not over.
    pub grants: Vec<GrantView>,
}

impl EngagementView {
    pub(super) fn of(snapshot: &dyn Snapshot, engagement: &Engagement, now: Timestamp) -> Result<Self, AdminError> {
        let name = |id: &UserId| {
            let named = user(snapshot, id)?.map(|user| user.name.to_string());
            Ok::<_, AdminError>(named.unwrap_or_else(|| id.to_string()))
        };
        let mut held = Vec::new();
        for person in &engagement.people {
            for grant in grants::open_of(snapshot, person, None)? {
                let ours = grant.value.engagement == Some(engagement.id) && grant.value.stage(now) != Stage::Ended;
                if ours {
                    held.push(GrantView::of(snapshot, &grant.value, now)?);
                }
            }
        }
        let mut people: Vec<String> = engagement.people.iter().map(name).collect::<Result<_, _>>()?;
        people.sort();
        let mut sign_in = signs_in(snapshot, engagement, now)?;
        sign_in.sort_by(|one, other| one.name.cmp(&other.name));
        let ceiling = iam::policy(snapshot, &engagement.ceiling)?;
        let restored = engagement.epoch != identity::epoch(snapshot)?.to_string();
        let state = match engagement.open(now) {
            Ok(()) if restored => "is of before a restore: confirm it by an update".to_owned(),
            Ok(()) => "open".to_owned(),
            Err(why) => why,
        };
        Ok(Self {
            id: engagement.id.to_string(),
            name: engagement.name.clone(),
            firm: engagement.firm.clone(),
            framework: engagement.framework.clone(),
            period: engagement.period,
            contract: engagement.contract.clone(),
            sponsor: name(&engagement.sponsor)?,
            people,
            sign_in,
            sign_in_with: engagement.sign_in_with.clone(),
            networks: engagement.networks.clone(),
            hours: engagement.hours,
            zone: engagement.zone.clone(),
            ceiling: ceiling.map_or_else(|| "gone".to_owned(), |policy| policy.arn().to_string()),
            external_id: engagement.external_id.clone(),
            starts: engagement.starts,
            ends: engagement.ends,
            state,
            grants: held,
        })
    }
}

impl Admin {
    /// Makes an engagement. Blocks.
    ///
    /// # Errors
    /// When there is one of that name, it cannot be so, somebody or the ceiling is not there, or a part fails.
    pub fn create_engagement(&self, asked: Authorized, new: &NewEngagement) -> Result<EngagementView, AdminError> {
        self.change(asked, |change| {
            let (snapshot, now) = (change.snapshot, change.now);
            if grants::engagements(snapshot)?.iter().any(|held| held.value.name == new.name) {
                return Err(AdminError::Exists { kind: "engagement", name: new.name.clone() });
            }
            let sponsor = self.named_user(snapshot, &new.sponsor)?;
            let people = new.people.iter().map(|name| self.external(snapshot, name));
            let people = people.collect::<Result<BTreeSet<_>, _>>()?;
            let ceiling = find::policy(snapshot, change.account, new.ceiling.as_deref().unwrap_or(USUAL_CEILING))?;
            let (id, external_id) = self.fresh_engagement(now);
            let engagement = Engagement {
                id,
                name: new.name.clone(),
                firm: new.firm.trim().to_owned(),
                framework: new.framework.trim().to_owned(),
                period: new.period,
                contract: new.contract.trim().to_owned(),
                sponsor: sponsor.id,
                people,
                sign_in_with: new.sign_in_with.clone(),
                networks: new.networks.clone(),
                hours: new.hours,
                zone: new.zone.clone(),
                ceiling: ceiling.value.id,
                external_id,
                epoch: identity::epoch(snapshot)?.to_string(),
                starts: new.starts.unwrap_or(now),
                ends: new.ends,
                created: now,
                by: change.actor.clone(),
                closed: None,
            };
            engagement.check().map_err(out_of_bounds)?;
            change.commit.put_engagement(None, &engagement)?;
            self.tell_sponsor(change, Kind::EngagementOpened, &engagement, "");
            noted(change, &engagement);
            EngagementView::of(snapshot, &engagement, now)
        })
    }

    /// Changes the engagement `asked.resource()`. Blocks.
    ///
    /// # Errors
    /// When there is none or it is closed, it cannot be so, or a part fails.
    pub fn update_engagement(
        &self,
        asked: Authorized,
        changed: &EngagementChange,
    ) -> Result<EngagementView, AdminError> {
        self.change_anew(asked, |asked, change| {
            let (snapshot, now) = (change.snapshot, change.now);
            let before = found(snapshot, asked.resource())?;
            not_closed(&before.value)?;
            let mut engagement = before.value.clone();
            for name in &changed.remove {
                let left = self.named_user(snapshot, name)?.id;
                engagement.people.remove(&left);
                let invited = grants::invitation(snapshot, &left)?;
                if let Some(held) = invited.filter(|held| held.value.engagement == engagement.id) {
                    change.commit.delete_invitation(&held);
                }
            }
            for name in &changed.add {
                engagement.people.insert(self.external(snapshot, name)?);
            }
            if let Some(sponsor) = &changed.sponsor {
                engagement.sponsor = self.named_user(snapshot, sponsor)?.id;
            }
            engagement.networks = changed.networks.clone().unwrap_or(engagement.networks);
            if let Some(ends) = changed.ends {
                if crate::base::clock::expired(engagement.ends, now) {
                    return Err(AdminError::NotNow {
                        what: format!("engagement `{}` ended at {:.0}", engagement.name, engagement.ends),
                        remedy: "make another one".to_owned(),
                    });
                }
                engagement.ends = ends;
            }
            engagement.epoch = identity::epoch(snapshot)?.to_string();
            engagement.check().map_err(out_of_bounds)?;
            change.commit.put_engagement(Some(&before), &engagement)?;
            self.tell_sponsor(change, Kind::EngagementChanged, &engagement, "");
            noted(change, &engagement);
            EngagementView::of(snapshot, &engagement, now)
        })
    }

    /// Closes the engagement `asked.resource()`, and with it everything that its people were granted: at once, and for good. Whoever
    /// answers for it may, and operators. Blocks.
    ///
    /// # Errors
    /// When there is none, it is closed, they may not, or a part fails.
    pub fn close_engagement(&self, asked: Authorized, reason: &str) -> Result<EngagementView, AdminError> {
        self.change_anew(asked, |asked, change| {
            let (snapshot, now) = (change.snapshot, change.now);
            let subject = Subject::of(asked.caller());
            let (is_local, person) = (subject.is_none(), subject.and_then(Subject::user).map(|user| user.id));
            let before = found(snapshot, asked.resource())?;
            if !is_local && person != Some(before.value.sponsor) {
                return Err(AdminError::NotNow {
                    what: "that is for whoever answers for the engagement, and for operators".to_owned(),
                    remedy: "ask one of them".to_owned(),
                });
            }
            not_closed(&before.value)?;
            let reason = decide::said(reason)?;
            let closed = Closed { at: now, by: change.actor.clone(), reason: reason.clone() };
            let engagement = Engagement { closed: Some(closed), ..before.value.clone() };
            change.commit.put_engagement(Some(&before), &engagement)?;
            self.tell_sponsor(change, Kind::EngagementClosed, &engagement, &reason);
            let mut ended = 0_u64;
            for person in &engagement.people {
                for held in grants::open_of(snapshot, person, None)? {
                    let mut grant = held.value.clone();
                    let by = change.actor.clone();
                    let closing = Closing::Revoke { by, reason: format!("engagement {} was closed", engagement.name) };
                    if grant.engagement != Some(engagement.id) {
                        continue;
                    }
                    if let Ok(state) = grant.state.clone().close(&grant.terms, closing, now) {
                        grant.state = state;
                        change.commit.put_grant(&held, &grant)?;
                        self.tell(change, Kind::GrantRevoked, &grant, &reason);
                        ended += 1;
                    }
                }
            }
            noted(change, &engagement);
            change.note("reason", reason);
            change.note("grants_ended", ended.to_string());
            EngagementView::of(snapshot, &engagement, now)
        })
    }

    /// All engagements, in the order in which they were made. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn engagements(&self) -> Result<Vec<EngagementView>, AdminError> {
        let now = self.now();
        self.store.read(|snapshot| {
            let all = grants::engagements(snapshot)?;
            all.iter().map(|held| EngagementView::of(snapshot, &held.value, now)).collect()
        })
    }

    /// One of them, by its name or id. Blocks.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn engagement(&self, which: &str) -> Result<EngagementView, AdminError> {
        let now = self.now();
        self.store.read(|snapshot| EngagementView::of(snapshot, &found(snapshot, which)?.value, now))
    }

    pub(super) fn named_user(&self, snapshot: &dyn Snapshot, name: &str) -> Result<User, AdminError> {
        match find::entity(snapshot, &self.account, MemberKind::User, name)? {
            Entity::User(user) => Ok(user),
            _ => Err(AdminError::NotFound { kind: "user", who: name.to_owned() }),
        }
    }

    /// Somebody of another firm: no directory of ours knows them, or they would keep what it gives them.
    fn external(&self, snapshot: &dyn Snapshot, name: &str) -> Result<UserId, AdminError> {
        let user = self.named_user(snapshot, name)?;
        if !user.origin.directory.is_local() {
            return Err(AdminError::NotNow {
                what: format!("`{}` is of directory `{}`", user.name, user.origin.directory),
                remedy: "people of another firm are users made here: `bailey user create`".to_owned(),
            });
        }
        Ok(user.id)
    }

    fn fresh_engagement(&self, now: Timestamp) -> (EngagementId, String) {
        let mut rng = self.rng.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let external_id: [u8; 16] = rand::RngExt::random(&mut *rng);
        (EngagementId::fresh(now, &mut *rng), hex::encode(external_id))
    }
}

/// The engagement by which `person` is let in, if they are of another firm.
pub(super) fn engagement_of(
    snapshot: &dyn Snapshot,
    person: &User,
    now: Timestamp,
) -> Result<Option<Engagement>, AdminError> {
    match granted::outsider(snapshot, &person.id, now)? {
        None => Ok(None),
        Some(Ok(engagement)) => Ok(Some(engagement)),
        Some(Err(what)) => Err(AdminError::NotNow {
            what,
            remedy: "whoever answers for it inside can have another one made".to_owned(),
        }),
    }
}

pub(super) fn found(snapshot: &dyn Snapshot, which: &str) -> Result<Read<Engagement>, AdminError> {
    let all = grants::engagements(snapshot)?.into_iter();
    let found = all.into_iter().find(|held| held.value.name == which || held.value.id.to_string() == which);
    found.ok_or_else(|| AdminError::NoSuch { what: format!("engagement `{}`", crate::base::text::printable(which)) })
}

fn not_closed(engagement: &Engagement) -> Result<(), AdminError> {
    match &engagement.closed {
        None => Ok(()),
        Some(closed) => Err(AdminError::NotNow {
            what: format!("engagement `{}` was closed at {:.0}", engagement.name, closed.at),
            remedy: "make another one".to_owned(),
        }),
    }
}

fn out_of_bounds(error: EngagementError) -> AdminError {
    AdminError::OutOfBounds { what: error.what.to_owned(), limit: error.limit }
}

fn noted(change: &mut super::Change<'_>, engagement: &Engagement) {
    change.note("engagement", format!("{} ({})", engagement.name, engagement.id));
    change.note("firm", crate::base::text::printable(&engagement.firm).into_owned());
    change.note("sponsor", engagement.sponsor.to_string());
    change.note("people", engagement.people.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
    change.note("networks", engagement.networks.join(" "));
    change.note("ceiling", engagement.ceiling.to_string());
    change.note("contract", crate::base::text::printable(&engagement.contract).into_owned());
    if let Some(provider) = &engagement.sign_in_with {
        change.note("sign_in_with", crate::base::text::printable(provider).into_owned());
    }
    if let Some(hours) = &engagement.hours {
        change.note("hours", format!("{hours} ({})", engagement.zone));
    }
    change.note("starts", engagement.starts.to_string());
    change.note("ends", engagement.ends.to_string());
}
