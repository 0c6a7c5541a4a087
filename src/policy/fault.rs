//! What is wrong with a document, and where.

use crate::base::{Fault, Faulty};

/// Why a text is no policy. One fault, the first: what follows a broken element is guesswork.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}line {line}, column {column}: {problem}; expected {expected}", if path.is_empty() { String::new() } else { format!("{path}, ") })]
pub struct PolicyError {
    /// The way to the element, such as `Statement[0].Condition.StringLike.aws:username`; empty for the document.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is there, printable.
    pub problem: String,
    /// What could stand there.
    pub expected: String,
}

impl Faulty for PolicyError {
    fn fault(&self) -> Fault {
        Fault::Caller
    }
}
