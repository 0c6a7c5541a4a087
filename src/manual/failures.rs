//! Known attacks and failures, and what stops each of them here.
//!
//! Each entry says what happened to others, what is so here and where, and how it is tested. *Tests inside*
//! means the unit tests at the end of the file named.
//!
//! [`directories`] is about reading them; [`decisions`] about what is kept and decided; [`network`] about those who ask over it;
//! [`sign_on`] about tokens, clients and browsers. [`super::for_a_while`] and [`super::saml`] go on in the same form.

pub mod decisions;
pub mod directories;
pub mod network;
pub mod sign_on;
