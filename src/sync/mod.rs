//! Turns a directory's drift into safe changes of the model.
//!
//! ```text
//!  Source --> mapping --> staging ------ full --\
//!  stored rows --> known --/  stage ----/        >-- plan --> guard --> apply --> store
//!  events --> mapping --> look-ups ----- delta -/     |         |
//!                                                   names     held (until a person decides)
//!                                                     \--- foresight: what it does to rights
//! ```
//!
//! Owns what an entry means, the plan, the guard's limits and the order in which rows are written.
//! Does not own LDAP (`directory`), rows and history (`store`), or who may approve what (`admin`).
//! `mapping`, `plan`, `guard` and `names` decide; only `apply` writes rows of the model, and it
//! takes a [`guard::Cleared`] and an `audit::Opened`.

pub mod apply;
pub mod change;
pub mod delta;
pub mod doomed;
pub mod error;
pub mod foresight;
mod framing;
pub mod full;
pub mod grounds;
pub mod guard;
pub mod held;
pub mod known;
pub mod mapping;
pub mod meaning;
pub mod names;
mod pipeline;
pub mod plan;
pub mod progress;
pub mod reference;
pub mod removal;
pub mod report;
mod revoking;
pub mod run;
pub mod settings;
pub mod spool;
mod spread;
pub mod stage;
mod staging;
pub mod state;
pub mod stored;
pub mod tally;
pub mod worker;
mod written;

pub use error::SyncError;
pub use grounds::Grounds;
pub use report::Report;
pub use run::Runner;
pub use settings::Settings;
