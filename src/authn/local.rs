//! Callers on this machine: who the kernel says is at the other end of the Unix socket.
//!
//! The uid of a socket's peer cannot be claimed, only had. It is mapped to one of two roles by uid
//! or by group; neither is the root of the IAM model, and acts that need a person refuse both. An
//! unknown peer is no caller at all.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fmt;

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use tokio::net::unix::UCred;

use super::Caller;
use crate::base::{Fault, Faulty};

/// Who has which role. The operator list wins where both match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalRoles {
    /// The uid the daemon runs as: it owns the files, so it is an operator.
    pub owner: u32,
    /// Who may do everything that does not need a person.
    pub operators: Members,
    /// Who may look.
    pub viewers: Members,
}

/// Accounts of this machine, by uid or by group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Members {
    /// Uids.
    pub uids: BTreeSet<u32>,
    /// Group names; primary and supplementary groups count. A group that does not exist has nobody.
    pub groups: Vec<String>,
}

/// What a local caller may do at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Everything that does not need a person.
    Operator,
    /// Looking.
    Viewer,
}

/// The process at the other end, as the kernel names it. Made from a socket's credentials, or of
/// this very process; there is no other way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    uid: u32,
    gid: u32,
    pid: Option<i32>,
}

/// An authenticated local caller.
#[derive(Debug)]
pub struct Local {
    peer: Peer,
    role: Role,
}

/// A peer that has no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("uid {uid} may not use this socket: have it added to {}", .groups.join(" or "))]
pub struct StrangerError {
    uid: u32,
    /// What would help, such as `group bailey-admin`.
    groups: Vec<String>,
}

impl StrangerError {
    /// Who was turned away.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }
}

impl Faulty for StrangerError {
    fn fault(&self) -> Fault {
        Fault::Caller
    }
}

impl LocalRoles {
    /// The default roles: root, this process's own uid and group `bailey-admin` operate, group
    /// `bailey-viewer` looks.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            owner: Uid::effective().as_raw(),
            operators: Members { uids: BTreeSet::from([0]), groups: vec!["bailey-admin".to_owned()] },
            viewers: Members { uids: BTreeSet::new(), groups: vec!["bailey-viewer".to_owned()] },
        }
    }

    fn role_of(&self, peer: Peer) -> Option<Role> {
        if peer.uid == self.owner {
            return Some(Role::Operator);
        }
        let mut gids = None;
        if self.operators.hold(peer, &mut gids) {
            Some(Role::Operator)
        } else if self.viewers.hold(peer, &mut gids) {
            Some(Role::Viewer)
        } else {
            None
        }
    }
}

impl Members {
    /// Whether `peer` is one of them; its groups are looked up once, and only when needed.
    fn hold(&self, peer: Peer, gids: &mut Option<Vec<Gid>>) -> bool {
        if self.uids.contains(&peer.uid) {
            return true;
        }
        self.groups.iter().any(|name| match Group::from_name(name) {
            Ok(Some(group)) => gids.get_or_insert_with(|| groups_of(peer)).contains(&group.gid),
            Ok(None) => false,
            Err(error) => {
                tracing::warn!(group = %name, %error, "a group cannot be looked up; nobody is in it");
                false
            }
        })
    }
}

/// Primary and supplementary groups. Those of the account, not of the process: a process started
/// before somebody was added to a group should not have to be started again.
fn groups_of(peer: Peer) -> Vec<Gid> {
    let primary = Gid::from_raw(peer.gid);
    let listed = User::from_uid(Uid::from_raw(peer.uid)).ok().flatten().and_then(|user| {
        let name = CString::new(user.name).ok()?;
        getgrouplist(&name, user.gid)
            .inspect_err(|error| tracing::warn!(uid = peer.uid, %error, "groups cannot be looked up"))
            .ok()
    });
    let mut gids = listed.unwrap_or_default();
    gids.push(primary);
    gids
}

impl Peer {
    /// The process at the other end of a connected Unix socket.
    #[must_use]
    pub fn of_socket(credentials: UCred) -> Self {
        Self { uid: credentials.uid(), gid: credentials.gid(), pid: credentials.pid() }
    }

    /// This process: for a command line that opens the store itself.
    #[must_use]
    pub fn this_process() -> Self {
        let pid = i32::try_from(std::process::id()).ok();
        Self { uid: Uid::effective().as_raw(), gid: Gid::effective().as_raw(), pid }
    }

    /// Its uid.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }
}

/// Authenticates `peer`: the one constructor of a local [`Caller`]. Looks groups up, so it may block.
///
/// # Errors
/// When the peer has no role.
pub fn from_peer(peer: Peer, roles: &LocalRoles) -> Result<Caller, StrangerError> {
    match roles.role_of(peer) {
        Some(role) => Ok(Local { peer, role }.into()),
        None => {
            let groups = roles.operators.groups.iter().chain(&roles.viewers.groups);
            Err(StrangerError { uid: peer.uid, groups: groups.map(|name| format!("group {name}")).collect() })
        }
    }
}

impl Local {
    pub(super) fn role(&self) -> Role {
        self.role
    }

    pub(super) fn uid(&self) -> u32 {
        self.peer.uid
    }
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "local {} uid {}", self.role, self.peer.uid)?;
        self.peer.pid.map_or(Ok(()), |pid| write!(f, " pid {pid}"))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Operator => "operator",
            Self::Viewer => "viewer",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A uid no account has.
    const NOBODY_KNOWS: u32 = 3_999_999_999;

    fn peer(uid: u32, gid: u32) -> Peer {
        Peer { uid, gid, pid: Some(1) }
    }

    fn roles(operators: Members, viewers: Members) -> LocalRoles {
        LocalRoles { owner: 12, operators, viewers }
    }

    fn group_name(gid: u32) -> String {
        Group::from_gid(Gid::from_raw(gid)).unwrap().unwrap().name
    }

    #[test]
    fn the_standard_roles_let_in_root_and_the_owner_and_nobody_else() {
        let roles = LocalRoles { owner: 12, ..LocalRoles::standard() };
        assert_eq!(roles.role_of(peer(0, 0)), Some(Role::Operator));
        assert_eq!(roles.role_of(peer(12, 12)), Some(Role::Operator));
        assert_eq!(roles.role_of(peer(NOBODY_KNOWS, NOBODY_KNOWS)), None);
        let refusal = from_peer(peer(NOBODY_KNOWS, NOBODY_KNOWS), &roles).unwrap_err().to_string();
        assert!(refusal.contains("group bailey-admin or group bailey-viewer"), "{refusal}");
    }

    #[test]
    fn the_primary_group_counts_and_operators_come_first() {
        let root = Members { groups: vec!["no-such-group".to_owned(), group_name(0)], ..Members::default() };
        let viewer = roles(Members::default(), root.clone());
        assert_eq!(viewer.role_of(peer(NOBODY_KNOWS, 0)), Some(Role::Viewer));
        assert_eq!(viewer.role_of(peer(NOBODY_KNOWS, NOBODY_KNOWS)), None);
        let both = roles(root.clone(), root);
        assert_eq!(both.role_of(peer(NOBODY_KNOWS, 0)), Some(Role::Operator));
    }

    #[test]
    fn supplementary_groups_come_from_the_account() {
        // Any account with a supplementary group will do; every Debian machine has some, but a
        // container may not, so the primary group stands in: it too is found by the account alone.
        let user = User::from_uid(Uid::current()).unwrap().unwrap();
        let members = Members { groups: vec![group_name(user.gid.as_raw())], ..Members::default() };
        let roles = roles(members, Members::default());
        assert_eq!(roles.role_of(peer(user.uid.as_raw(), NOBODY_KNOWS)), Some(Role::Operator));
    }
}
