//! What is wrong with a configuration: every fault, each with its place and its remedy.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::base::{Fault, Faulty};

/// Line and column in the file, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// One thing to mend. Never holds a secret's value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigFault {
    /// Where it stands; for a missing key, the head of its section.
    pub place: Place,
    /// Full name of the key, such as `directory.people.login`; empty where the file is not TOML.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// What to do about it; empty where the problem says it.
    pub remedy: String,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.place.line, self.place.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.problem)?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file itself could not be read.
    #[error("the configuration {} cannot be read: {why}", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// It was read and does not hold together.
    #[error("{}", listed(file, faults))]
    Faults {
        /// Which file.
        file: PathBuf,
        /// All faults, in the order of the file; at least one.
        faults: Vec<ConfigFault>,
    },
}

impl Faulty for ConfigError {
    fn fault(&self) -> Fault {
        Fault::Operator
    }
}

/// A line a fault, each beginning as editors and compilers name a place.
fn listed(file: &Path, faults: &[ConfigFault]) -> String {
    let count = match faults.len() {
        1 => "1 fault".to_owned(),
        many => format!("{many} faults"),
    };
    let lines = faults.iter().map(|fault| format!("\n{}:{fault}", file.display()));
    std::iter::once(format!("{count} in the configuration")).chain(lines).collect()
}

/// Where all readers of one file put what they find, so that one run shows everything.
#[derive(Default)]
pub(super) struct Faults(RefCell<Vec<ConfigFault>>);

impl Faults {
    /// Notes a fault.
    pub(super) fn add(&self, place: Place, key: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        self.0.borrow_mut().push(ConfigFault {
            place,
            key: key.to_owned(),
            problem: problem.into(),
            remedy: remedy.into(),
        });
    }

    /// What was noted, in the order of the file; once, however often the same key was read.
    pub(super) fn into_sorted(self) -> Vec<ConfigFault> {
        let mut faults = self.0.into_inner();
        faults.sort();
        faults.dedup();
        faults
    }
}
