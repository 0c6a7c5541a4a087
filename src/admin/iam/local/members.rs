//! Who is in a group that was made here: anybody, of whatever directory.

use super::super::super::{Admin, AdminError};
use super::super::Change;
use super::{not_local, own};
use crate::base::GroupId;
use crate::gate::Authorized;
use crate::model::{Arn, Member, MemberKind};
use crate::rights::find;
use crate::store::{Expect, schema};

impl Admin {
    /// Puts a user, of whatever directory, into a group that was made here. Blocks.
    ///
    /// # Errors
    /// When the group comes from a directory, there is nobody of that name, or a part fails.
    pub fn add_user_to_group(&self, asked: Authorized, user: &str) -> Result<(), AdminError> {
        self.change_membership(asked, MemberKind::User, user, join)
    }

    /// Takes a user out of a group that was made here. Blocks.
    ///
    /// # Errors
    /// When the group comes from a directory, the user is not in it, or a part fails.
    pub fn remove_user_from_group(&self, asked: Authorized, user: &str) -> Result<(), AdminError> {
        self.change_membership(asked, MemberKind::User, user, leave)
    }

    /// Puts a machine, of whatever directory, into a group that was made here. Blocks.
    ///
    /// # Errors
    /// When the group comes from a directory, there is no machine of that name, or a part fails.
    pub fn add_resource_to_group(&self, asked: Authorized, resource: &str) -> Result<(), AdminError> {
        self.change_membership(asked, MemberKind::Resource, resource, join)
    }

    /// Takes a machine out of a group that was made here. Blocks.
    ///
    /// # Errors
    /// When the group comes from a directory, the machine is not in it, or a part fails.
    pub fn remove_resource_from_group(&self, asked: Authorized, resource: &str) -> Result<(), AdminError> {
        self.change_membership(asked, MemberKind::Resource, resource, leave)
    }

    fn change_membership(
        &self,
        asked: Authorized,
        kind: MemberKind,
        who: &str,
        work: impl FnOnce(&mut Change<'_>, &GroupId, &Member) -> Result<(), AdminError>,
    ) -> Result<(), AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let group = own(change, MemberKind::Group, &which)?;
            let Member::Group(id) = group.member() else { return Err(not_local(&group)) };
            let member = find::entity(change.snapshot, change.account, kind, who)?;
            change.note("group", Arn::entity(change.account, &group).to_string());
            change.note(find::kind_word(kind), Arn::entity(change.account, &member).to_string());
            work(change, &id, &member.member())
        })
    }
}

fn join(change: &mut Change<'_>, group: &GroupId, member: &Member) -> Result<(), AdminError> {
    let edge = schema::edge(group, member);
    if change.snapshot.get(&edge)?.is_none() {
        change.commit.expect(edge.clone(), Expect::Absent);
        change.commit.expect(schema::group(group), Expect::Present);
        // Whoever is deleted at this moment must leave no edge behind, nor a group that is.
        change.commit.claim(&schema::entity(member));
        change.commit.claim(&schema::group(group));
        change.commit.put(edge, NO_REFERENCE.to_vec());
        change.commit.put(schema::edge_back(member, group), Vec::new());
    }
    Ok(())
}

fn leave(change: &mut Change<'_>, group: &GroupId, member: &Member) -> Result<(), AdminError> {
    let edge = schema::edge(group, member);
    let Some(row) = change.snapshot.get(&edge)? else {
        return Err(AdminError::NoSuch { what: "such member in that group".to_owned() });
    };
    change.commit.expect(edge.clone(), Expect::At(row.revision));
    change.commit.delete(edge);
    change.commit.delete(schema::edge_back(member, group));
    Ok(())
}

/// What an edge says of how the directory spells a member, where no directory does.
const NO_REFERENCE: [u8; 16] = [0; 16];
