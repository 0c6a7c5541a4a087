//! What can be asked about people, groups and machines.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::base::{Guid, Timestamp};
use crate::cli::args::moment;
use crate::cli::iam::factors::PasswordVerb;
use crate::cli::iam::holders::{Bounding, Holding};
use crate::cli::iam::local::{LocalGroup, LocalUser};
use crate::cli::iam::resources::LocalResource;
use crate::model::DirectoryLabel;

/// `bailey user`.
#[derive(Debug, Subcommand)]
pub enum User {
    /// List people
    List(Listing),
    /// Show one person and through which groups every membership comes
    Show {
        /// Name or id
        #[arg(value_name = "NAME_OR_ID")]
        who: String,
        /// Compare the groups with those Active Directory works out; exit code 1 where they differ
        #[arg(long)]
        verify: bool,
    },
    /// Bring back someone who left, with MFA and attachments
    Restore {
        /// Name or id
        #[arg(value_name = "NAME_OR_ID")]
        who: String,
        /// Link to this directory object, where the account was rebuilt
        #[arg(long, value_name = "NEW_GUID")]
        to: Option<Guid>,
    },
    /// Try a name and a password; exit code 1 where they let nobody in
    ///
    /// It counts and is recorded as any sign-in, and says exactly what happened, whatever the person would be told.
    TryLogin {
        /// The name as somebody would type it, such as ann or ann@corp
        name: String,
        /// A code of a second factor
        #[arg(long, value_name = "CODE")]
        code: Option<String>,
        /// Read the password from this file, whose first line it is; `-` is standard input
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Those that no directory knows.
    #[command(flatten)]
    Local(LocalUser),
    /// Their passwords.
    #[command(flatten)]
    Password(PasswordVerb),
    /// Policies.
    #[command(flatten)]
    Holding(Holding),
    /// Boundary and tags.
    #[command(flatten)]
    Bounding(Bounding),
}

/// `bailey group`.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// List groups
    List {
        /// Which part of them
        #[command(flatten)]
        listing: Listing,
        /// Only groups that hold this, directly or through groups in them
        #[arg(long)]
        holds: Option<Holds>,
    },
    /// Show one group, its members, and the groups it is in
    Show {
        /// Name or id
        #[arg(value_name = "NAME_OR_ID")]
        which: String,
    },
    /// Those that no directory knows.
    #[command(flatten)]
    Local(LocalGroup),
    /// Policies.
    #[command(flatten)]
    Holding(Holding),
}

/// `bailey resource`.
#[derive(Debug, Subcommand)]
pub enum Resource {
    /// List machines and workloads
    List(Listing),
    /// Show one and the groups it is in
    Show {
        /// Name or id
        #[arg(value_name = "NAME_OR_ID")]
        which: String,
    },
    /// Those that no directory knows.
    #[command(flatten)]
    Local(LocalResource),
}

/// Which part of a listing.
#[derive(Debug, Clone, Args)]
pub struct Listing {
    /// Only those whose name, login or mail contains this
    #[arg(long, value_name = "TEXT")]
    pub search: Option<String>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Go on behind this one: the `next` of the page before
    #[arg(long, value_name = "MARK")]
    pub after: Option<String>,
    /// Only from this directory
    #[arg(long, value_name = "LABEL")]
    pub directory: Option<DirectoryLabel>,
    /// Only those in this state
    #[arg(long)]
    pub state: Option<State>,
}

/// What a group holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Holds {
    /// People and no machines
    People,
    /// Machines and no people: resource groups
    Machines,
    /// People and machines
    Both,
}

/// Whether someone may act, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum State {
    /// May act
    Active,
    /// Switched off in the directory
    Disabled,
    /// The account has ended
    Expired,
    /// The directory is no longer configured
    Frozen,
    /// Gone from the directory, restorable
    Gone,
    /// Outside of the account's logon hours
    OffHours,
}

/// `bailey history`.
#[derive(Debug, Subcommand)]
pub enum History {
    /// Show how a person, group or machine changed, or what it was at a moment
    Show {
        /// Name or id
        #[arg(value_name = "NAME_OR_ID")]
        who: String,
        /// What it was then: 2026-03-12, 2026-03-12T14:30 (both UTC) or 2026-03-12T14:30:00+01:00
        #[arg(long, value_name = "TIME", value_parser = moment)]
        at: Option<Timestamp>,
    },
}
