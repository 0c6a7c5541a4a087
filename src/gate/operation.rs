//! Everything a caller can ask for, what it does, and who on this machine may do it.

use std::fmt;

use crate::authn::CallerKind;
use crate::authn::local::Role;
use crate::store::Intent;

macro_rules! operations {
    ($($(#[doc = $doc:literal])+ $name:ident: $effect:ident, $least:ident;)+) => {
        /// Something a caller can ask for. Named as AWS names things, because audit readers know that style.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Operation {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Operation {
            /// All of them, in alphabetical order.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its name in audit records.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// What it does.
            pub(super) const fn effect(self) -> Effect {
                match self { $(Self::$name => Effect::$effect,)+ }
            }

            /// The least role that may do it on this machine.
            pub(super) const fn least(self) -> Role {
                match self { $(Self::$name => Role::$least,)+ }
            }
        }
    };
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Shows the model.
    Shows,
    /// Shows the audit log, which is itself recorded (PCI DSS 10.2.1.3).
    ShowsTheLog,
    /// Only takes access away, or changes nobody's.
    Narrows,
    /// May give somebody access.
    Widens,
}

operations! {
    /// Put a role into an instance profile.
    AddRoleToInstanceProfile: Widens, Operator;
    /// Apply changes that the guard held.
    ApproveHeldChanges: Widens, Operator;
    /// Let somebody assume a role.
    AssignRole: Widens, Operator;
    /// Attach a managed policy to a group.
    AttachGroupPolicy: Widens, Operator;
    /// Attach a managed policy to a role.
    AttachRolePolicy: Widens, Operator;
    /// Attach a managed policy to a user.
    AttachUserPolicy: Widens, Operator;
    /// Try everything a sync of a directory will need.
    CheckDirectory: Shows, Operator;
    /// Make an instance profile.
    CreateInstanceProfile: Widens, Operator;
    /// Make a managed policy.
    CreatePolicy: Widens, Operator;
    /// Add a version to a managed policy.
    CreatePolicyVersion: Widens, Operator;
    /// Make a role.
    CreateRole: Widens, Operator;
    /// Delete an inline policy of a group.
    DeleteGroupPolicy: Widens, Operator;
    /// Delete an instance profile.
    DeleteInstanceProfile: Narrows, Operator;
    /// Delete a managed policy that nobody holds.
    DeletePolicy: Narrows, Operator;
    /// Delete a version of a managed policy that does not count.
    DeletePolicyVersion: Narrows, Operator;
    /// Delete a role.
    DeleteRole: Narrows, Operator;
    /// Take a role's permissions boundary away.
    DeleteRolePermissionsBoundary: Widens, Operator;
    /// Delete an inline policy of a role.
    DeleteRolePolicy: Widens, Operator;
    /// Take a user's permissions boundary away.
    DeleteUserPermissionsBoundary: Widens, Operator;
    /// Delete an inline policy of a user.
    DeleteUserPolicy: Widens, Operator;
    /// Detach a managed policy from a group; it may be one that denies.
    DetachGroupPolicy: Widens, Operator;
    /// Detach a managed policy from a role; it may be one that denies.
    DetachRolePolicy: Widens, Operator;
    /// Detach a managed policy from a user; it may be one that denies.
    DetachUserPolicy: Widens, Operator;
    /// Everything that is stored, as a backup.
    ExportStore: ShowsTheLog, Operator;
    /// One group, with its members.
    GetGroup: Shows, Viewer;
    /// One inline policy of a group.
    GetGroupPolicy: Shows, Viewer;
    /// How the daemon and its parts are.
    GetHealth: Shows, Viewer;
    /// What was true of a row, and when.
    GetHistory: Shows, Viewer;
    /// One instance profile.
    GetInstanceProfile: Shows, Viewer;
    /// One managed policy, with the document that counts.
    GetPolicy: Shows, Viewer;
    /// One version of a managed policy.
    GetPolicyVersion: Shows, Viewer;
    /// One machine, with its groups.
    GetResource: Shows, Viewer;
    /// One role, with all that hangs on it.
    GetRole: Shows, Viewer;
    /// What the rules of group names make of the groups there are.
    GetRoleCoverage: Shows, Operator;
    /// One inline policy of a role.
    GetRolePolicy: Shows, Viewer;
    /// How the syncs are doing.
    GetSyncStatus: Shows, Viewer;
    /// One person, with the chains of groups.
    GetUser: Shows, Viewer;
    /// One inline policy of a user.
    GetUserPolicy: Shows, Viewer;
    /// Everybody's assignments.
    ListAssignments: Shows, Viewer;
    /// What hangs on a group.
    ListAttachedGroupPolicies: Shows, Viewer;
    /// What hangs on a role.
    ListAttachedRolePolicies: Shows, Viewer;
    /// What hangs on a user.
    ListAttachedUserPolicies: Shows, Viewer;
    /// The configured directories.
    ListDirectories: Shows, Viewer;
    /// Who holds a managed policy.
    ListEntitiesForPolicy: Shows, Viewer;
    /// Groups, searched and paged.
    ListGroups: Shows, Viewer;
    /// Changes that the guard holds.
    ListHeldChanges: Shows, Viewer;
    /// Instance profiles, paged.
    ListInstanceProfiles: Shows, Viewer;
    /// Managed policies, paged.
    ListPolicies: Shows, Viewer;
    /// Machines, searched and paged.
    ListResources: Shows, Viewer;
    /// Roles, paged.
    ListRoles: Shows, Viewer;
    /// People, searched and paged.
    ListUsers: Shows, Viewer;
    /// What a sync would change.
    PreviewSync: Shows, Operator;
    /// Write an inline policy of a group.
    PutGroupPolicy: Widens, Operator;
    /// Set a role's permissions boundary.
    PutRolePermissionsBoundary: Widens, Operator;
    /// Write an inline policy of a role.
    PutRolePolicy: Widens, Operator;
    /// Set a user's permissions boundary.
    PutUserPermissionsBoundary: Widens, Operator;
    /// Write an inline policy of a user.
    PutUserPolicy: Widens, Operator;
    /// Throw changes away that the guard held.
    RefuseHeldChanges: Narrows, Operator;
    /// Delete what came from a directory that is no longer configured.
    RemoveDirectory: Narrows, Operator;
    /// Take a role out of an instance profile.
    RemoveRoleFromInstanceProfile: Narrows, Operator;
    /// Bring a leaver back, or link a rebuilt account.
    RestoreUser: Widens, Operator;
    /// Make a version of a managed policy count.
    SetDefaultPolicyVersion: Widens, Operator;
    /// Whether a principal may do something, and why.
    SimulatePrincipalPolicy: Shows, Viewer;
    /// Read a directory and apply what changed.
    StartSync: Widens, Operator;
    /// Set tags of a managed policy.
    TagPolicy: Widens, Operator;
    /// Set tags of a role.
    TagRole: Widens, Operator;
    /// Set tags of a user.
    TagUser: Widens, Operator;
    /// Read the audit log.
    TailAudit: ShowsTheLog, Operator;
    /// Take an assignment away.
    UnassignRole: Narrows, Operator;
    /// Take tags of a managed policy away.
    UntagPolicy: Widens, Operator;
    /// Take tags of a role away; a condition may have asked for their absence.
    UntagRole: Widens, Operator;
    /// Take tags of a user away; a condition may have asked for their absence.
    UntagUser: Widens, Operator;
    /// Say anew who may assume a role.
    UpdateAssumeRolePolicy: Widens, Operator;
    /// Change what a role says of itself.
    UpdateRole: Widens, Operator;
    /// Check that the audit log is whole.
    VerifyAudit: ShowsTheLog, Operator;
    /// Compare a person's groups with what the directory works out.
    VerifyUser: Shows, Operator;
}

impl Operation {
    /// True when it changes nothing.
    #[must_use]
    pub const fn read_only(self) -> bool {
        matches!(self.effect(), Effect::Shows | Effect::ShowsTheLog)
    }

    /// True when doing it leaves an audit record.
    #[must_use]
    pub const fn recorded(self) -> bool {
        !matches!(self.effect(), Effect::Shows)
    }

    /// What it does to access, for the store.
    #[must_use]
    pub const fn intent(self) -> Intent {
        match self.effect() {
            Effect::Widens => Intent::Widen,
            Effect::Shows | Effect::ShowsTheLog | Effect::Narrows => Intent::Narrow,
        }
    }

    /// The decision, as a table.
    #[must_use]
    pub const fn allowed_for(self, caller: CallerKind) -> bool {
        match (caller, self.least()) {
            (CallerKind::Local(Role::Operator), _) | (CallerKind::Local(Role::Viewer), Role::Viewer) => true,
            (CallerKind::Local(Role::Viewer), Role::Operator) => false,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
