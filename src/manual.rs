//! The manual: documentation only, no code.
//!
//! [`failures`] lists what went wrong in systems like this one, what stops it here, and where that is tested.
//! [`for_a_while`] does so of roles that are granted for a while, [`saml`] of SAML.
//! [`defaults`] says why each default is what it is. A change to a guard or a default belongs here too;
//! `tests/architecture.rs` checks that every file named still exists.

pub mod defaults;
pub mod failures;
pub mod for_a_while;
pub mod saml;
pub mod verifying;
