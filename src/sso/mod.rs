//! Single sign-on: people sign in with a browser, and see what that gives them.
//!
//! Owns how a sign-in goes on from page to page ([`flow`]), the session a browser gets ([`sign_in`]), and what a person is shown
//! of themselves ([`mine`]). How pages look is `http`'s; who may sign in, and with what, is decided by the gate.

pub mod flow;
pub mod mine;
pub mod sign_in;
