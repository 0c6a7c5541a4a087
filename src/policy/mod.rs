//! The policy language of AWS IAM: documents in, decisions with reasons out. Pure: no I/O, no clock, no store.
//!
//! Owns what a document may say, what it means, and the order in which documents of several kinds decide. Does not know
//! where documents come from (`rights`) nor who asks (`gate`): a [`Request`] carries all that a condition can look at, time
//! and address included.
//!
//! ```text
//!   text --json, parse--> Document --evaluate--> what one document says --decide--> Decision
//!     every fault with its place        patterns, conditions,                 the order of layers,
//!     (fails closed)                    principals, per statement             one table
//!                          \__ lint: what may be written, and is hardly ever meant
//!                          \__ classes: what it comes to, in a few words
//!                          \__ print: the document again, as it was understood
//!                          \__ services: which it is about
//!                          \__ basis: what a no rests on, and what would have to be otherwise
//! ```
//!
//! Three rules hold throughout. *Nothing is left to err at evaluation:* what cannot be evaluated is refused when it is
//! parsed. *What is missing never helps:* an absent or unusable context value fails a positive test and passes a negated
//! one, as AWS documents it, and an unknown variable matches nothing. *What a variable stands for is text:* a `*` in it is
//! an asterisk. Matching costs at most the pattern's length times the text's.
//!
//! Facts about the language: AWS IAM User Guide, "IAM JSON policy reference".

mod action;
mod arn;
mod basis;
mod case;
pub mod classes;
mod concern;
mod condition;
mod context;
mod decide;
mod document;
mod evaluate;
mod explain;
mod fault;
mod index;
mod json;
mod lint;
mod matched;
mod parse;
mod pattern;
mod principal;
mod print;
mod request;
mod services;
mod strangers;
mod templates;

pub use basis::{Basis, Cause, Lacking, Tested};
pub use case::{CaseResult, evaluate_case};
pub use concern::Whom;
pub use context::Context;
pub use decide::{Decision, Detail, Layer, Named, Policies, Reason, Verdict, decide};
pub use document::{Document, Effect, Kind, Version, context_keys};
pub use fault::PolicyError;
pub use lint::{Warning, lint};
pub use matched::Matched;
pub use principal::{Principal, PrincipalError};
pub use request::{Request, RequestError};
pub use services::Services;
pub use strangers::LetsStrangersIn;
pub use templates::{TEMPLATES, Template};
