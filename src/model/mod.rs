//! What exists: people, groups, machines, the edges between them, and who acts on them.
//!
//! Pure values: no I/O, no async, no clock. The store writes them, `sync` derives them from a
//! directory, `admin` changes them. How they came to be or who may touch them is not decided here.

pub mod account;
pub mod actor;
pub mod arn;
pub mod domain;
pub mod entity;
pub mod group;
pub mod label;
pub mod logon_hours;
pub mod membership;
pub mod name;
pub mod origin;
pub mod reference;
pub mod resource;
pub mod standing;
pub mod user;

pub use account::AccountId;
pub use actor::Actor;
pub use arn::Arn;
pub use domain::{Domain, Domains};
pub use entity::Entity;
pub use group::{Group, GroupScope};
pub use label::DirectoryLabel;
pub use logon_hours::LogonHours;
pub use membership::{Member, MemberKind, RefHash};
pub use name::IamName;
pub use origin::Origin;
pub use resource::Resource;
pub use standing::{Inactive, Presence, Standing};
pub use user::User;
