//! What a check finds, of whatever it looks at.

use serde::{Deserialize, Serialize};

/// Something `check` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// What was looked at, such as `connect ldaps://dc1.example.com`.
    pub subject: String,
    /// What is so.
    pub what: String,
    /// What to do about it; empty when fine.
    pub remedy: String,
    /// Commands that do it, a line each, for an administrator of the directory to read and run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
}

impl Finding {
    /// A finding that needs no commands.
    pub fn new(
        severity: Severity,
        subject: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { severity, subject: subject.into(), what: what.into(), remedy: remedy.into(), commands: Vec::new() }
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// As it should be.
    Fine,
    /// Works, but somebody should know.
    Warning,
    /// Will not work, or not safely.
    Fault,
}
