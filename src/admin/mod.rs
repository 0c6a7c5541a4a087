//! All operations on the model and their listings: what the socket, the command line and later the
//! IAM API and the portal call.
//!
//! An operation that changes something takes an `Authorized` by value: the decision, who made it and
//! its audit record come with it. Owns no protocol, no page and no table.

pub mod error;
pub mod people;
pub mod views;

pub use error::AdminError;
