//! Everything a caller can ask for, what it does, and who on this machine may do it.

use std::fmt;

use crate::authn::CallerKind;
use crate::authn::local::Role;

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
    /// Apply changes that the guard held.
    ApproveHeldChanges: Widens, Operator;
    /// Try everything a sync of a directory will need.
    CheckDirectory: Shows, Operator;
    /// Everything that is stored, as a backup.
    ExportStore: ShowsTheLog, Operator;
    /// One group, with its members.
    GetGroup: Shows, Viewer;
    /// How the daemon and its parts are.
    GetHealth: Shows, Viewer;
    /// What was true of a row, and when.
    GetHistory: Shows, Viewer;
    /// One machine, with its groups.
    GetResource: Shows, Viewer;
    /// How the syncs are doing.
    GetSyncStatus: Shows, Viewer;
    /// One person, with the chains of groups.
    GetUser: Shows, Viewer;
    /// The configured directories.
    ListDirectories: Shows, Viewer;
    /// Groups, searched and paged.
    ListGroups: Shows, Viewer;
    /// Changes that the guard holds.
    ListHeldChanges: Shows, Viewer;
    /// Machines, searched and paged.
    ListResources: Shows, Viewer;
    /// People, searched and paged.
    ListUsers: Shows, Viewer;
    /// What a sync would change.
    PreviewSync: Shows, Operator;
    /// Throw changes away that the guard held.
    RefuseHeldChanges: Narrows, Operator;
    /// Delete what came from a directory that is no longer configured.
    RemoveDirectory: Narrows, Operator;
    /// Bring a leaver back, or link a rebuilt account.
    RestoreUser: Widens, Operator;
    /// Read a directory and apply what changed.
    StartSync: Widens, Operator;
    /// Read the audit log.
    TailAudit: ShowsTheLog, Operator;
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
