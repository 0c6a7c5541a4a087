//! Whose fault an error is.
//!
//! The fault decides the log level, the HTTP status class and whether anyone is woken. Every
//! error type of the crate answers it; `http/error.rs` alone turns it into what outsiders learn.

/// Who has to act for the error to go away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// The one who asked: a malformed request, a name that does not exist, a right that is missing.
    Caller,
    /// The directory: away, refusing, or answering nonsense.
    Directory,
    /// Whoever runs this machine: configuration, files, disk, another process in the way.
    Operator,
    /// Us.
    Bug,
}

/// An error that knows whose fault it is.
pub trait Faulty: std::error::Error {
    /// Who has to act.
    fn fault(&self) -> Fault;
}
