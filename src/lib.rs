//! Bailey: a bridge between a company's directory and short-lived access.
pub mod admin;
//!
//! This is the map. Modules stand in the order data meets them; each imports lower ranks only, and
//! `tests/architecture.rs` holds them to it.
//!
//! ```text
//!  directory --> sync: plan, guard, apply --> store
//!   entries,      drift becomes a safe         rows and
//!   cursors       change of the model          their history
//!                         audit: begun before, completed after
//! ```
//!
//! | rank | module | what it owns |
//! |---|---|---|
//! | 0 | `base` | time, randomness, secrets, typed ids, whose fault an error is |
//! | 1 | `model` | what exists: people, groups, machines, edges, names; pure values |
//! | 1 | `directory` | speaks LDAP, has never heard of IAM |
//! | 2 | `store` | persistence with history, behind one narrow trait |
//! | 3 | `audit` | the chained record of what was done |
//! | 4 | `sync` | turns a directory's drift into safe changes of the model |
//! | - | `manual` | documentation only: known failures, what stops each, why each default |

pub mod audit;
pub mod base;
pub mod cli;
pub mod config;
pub mod directory;
pub mod manual;
pub mod model;
pub mod rights;
pub mod store;
pub mod sync;
pub mod telemetry;
