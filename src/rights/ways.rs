//! One step from a member to its groups, and what makes each of them a membership.
//!
//! Most memberships are edges: the group lists the member. Two kinds have no edge. A primary group does not list its
//! members; each of them names it. And a group may list somebody of another directory: there the reference waits, for
//! nobody of the group's own directory answers to it, and who does is looked for here, at the moment of the question. So
//! no directory ever writes rows of another, and one that is away holds up none. Whose answer counts: [`Domains`].
//!
//! [`Domains`]: crate::model::Domains

use std::collections::HashMap;
use std::sync::Arc;

use super::Terms;
use crate::base::GroupId;
use crate::directory::dn::normal_form;
use crate::model::{Entity, Group, Member, RefHash, reference};
use crate::store::{Snapshot, StoreError, rows};

/// What makes somebody a member of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The group lists it.
    Listed,
    /// It names the group as its primary group.
    PrimaryGroup,
    /// The group lists it by this reference, from another directory.
    OtherDirectory(RefHash),
}

/// Groups and the steps up from them, each read once: for many questions about one state on the same terms.
#[derive(Debug, Default)]
pub(super) struct Graph {
    groups: HashMap<GroupId, Option<Arc<Group>>>,
    ups: HashMap<GroupId, Arc<[(GroupId, How)]>>,
}

impl Graph {
    /// The group with this id.
    pub(super) fn group(&mut self, snapshot: &dyn Snapshot, id: &GroupId) -> Result<Option<Arc<Group>>, StoreError> {
        if let Some(found) = self.groups.get(id) {
            return Ok(found.clone());
        }
        let found = rows::group(snapshot, id)?.map(Arc::new);
        self.groups.insert(*id, found.clone());
        Ok(found)
    }

    /// The groups that `group` is directly in, as [`up`] tells them.
    pub(super) fn above(
        &mut self,
        snapshot: &dyn Snapshot,
        group: &Group,
        terms: &Terms,
    ) -> Result<Arc<[(GroupId, How)]>, StoreError> {
        if let Some(found) = self.ups.get(&group.id) {
            return Ok(Arc::clone(found));
        }
        let entity = Entity::Group(group.clone());
        let found: Arc<[_]> = up(snapshot, &Member::Group(group.id), Some(&entity), terms)?.into();
        self.ups.insert(group.id, Arc::clone(&found));
        Ok(found)
    }
}

/// The groups that `from` is directly in, each once a way. `entity` is what `from` is; without a row it has edges alone.
pub(super) fn up(
    snapshot: &dyn Snapshot,
    from: &Member,
    entity: Option<&Entity>,
    terms: &Terms,
) -> Result<Vec<(GroupId, How)>, StoreError> {
    let listed = rows::groups_of(snapshot, from)?;
    let mut ways: Vec<_> = listed.into_iter().map(|group| (group, How::Listed)).collect();
    let Some(entity) = entity else { return Ok(ways) };
    if let Some(group) = primary_group(snapshot, entity)? {
        ways.push((group, How::PrimaryGroup));
    }
    for claim in claims(entity, terms) {
        for label in terms.domains.labels().filter(|label| claim.anywhere || **label != entity.origin().directory) {
            let waiting = rows::groups_waiting(snapshot, label, &claim.reference)?;
            ways.extend(waiting.into_iter().map(|group| (group, How::OtherDirectory(claim.reference))));
        }
    }
    Ok(ways)
}

/// The one group of its own directory that `entity` names as its primary group. Two groups that claim one SID are none.
fn primary_group(snapshot: &dyn Snapshot, entity: &Entity) -> Result<Option<GroupId>, StoreError> {
    let Some(sid) = entity.primary_group() else { return Ok(None) };
    let mut found = None;
    for id in rows::groups_by_sid(snapshot, &entity.origin().directory, sid)? {
        let present = rows::group(snapshot, &id)?.is_some_and(|group| group.standing.is_present());
        if present && found.replace(id).is_some() {
            return Ok(None);
        }
    }
    Ok(found)
}

/// A reference that somebody answers to in groups of other directories.
pub(super) struct Claim {
    pub(super) reference: RefHash,
    /// Also in groups of its own directory.
    pub(super) anywhere: bool,
}

/// The references that `entity` answers to and that count: its SID and its DN.
///
/// A SID is never given to another object, so it counts in every domain; the own one too, where a group may list one of
/// its own by a stand-in. A DN is somebody else's once its bearer is gone or renamed, and in the own directory edges say
/// who it is.
pub(super) fn claims(entity: &Entity, terms: &Terms) -> Vec<Claim> {
    let origin = entity.origin();
    let (label, mut claims) = (&origin.directory, Vec::new());
    if !entity.standing().is_present() || terms.frozen.contains(label) || !terms.domains.holds(label) {
        return claims;
    }
    if let Some(sid) = origin.sid.as_ref().filter(|sid| terms.domains.may_claim_sid(label, sid)) {
        claims.push(Claim { reference: reference::by_sid(sid), anywhere: true });
    }
    let normal = normal_form(&origin.dn).ok();
    if let Some(normal) = normal.filter(|normal| terms.domains.may_claim_dn(label, normal)) {
        claims.push(Claim { reference: reference::by_normal_form(&normal), anywhere: false });
    }
    claims
}
