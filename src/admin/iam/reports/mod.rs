//! The credential report: who has a password, access keys, a second factor, and since when; in the columns that AWS has for it
//! (IAM User Guide, "Getting credential reports for your AWS account").
//!
//! Everybody stands in it, as in AWS, those without any credential too: that nobody else has one is what auditors want to see,
//! and they compare its lines with those of the personnel department.
//!
//! A company has a hundred thousand people. So the report is put together piece by piece: each call adds [`PEOPLE_A_CALL`]
//! people, read in short snapshots, and says whether that was all. Clients ask until it is, which drives it on; there is no task
//! in the background that somebody would have to watch. Each line is of the moment at which it was read. One report is
//! kept, in memory, for four hours; a daemon that starts anew has none.

mod lines;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use serde::{Deserialize, Serialize};

use super::super::{Admin, AdminError};
use super::services::Jobs;
use crate::base::Timestamp;
use crate::gate::Authorized;
use crate::model::PasswordPolicy;
use crate::store::credentials;
use crate::store::schema::credentials::Setting;

/// How long a report can be called for (IAM API reference, `GenerateCredentialReport`).
const KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(4);

/// People that one call adds.
pub const PEOPLE_A_CALL: usize = 20_000;

/// Longest report. A line has some 200 bytes, so this is well beyond 250,000 people.
const LONGEST: usize = 64 * 1024 * 1024;

/// Reports in the memory of the daemon.
#[derive(Default)]
pub struct Reports {
    credentials: Mutex<Kept>,
    /// Held by the call that adds to the credential report, for as long as that takes; the lock above never is.
    turn: Mutex<()>,
    /// Which services somebody could use, and did.
    pub(super) jobs: Mutex<Jobs>,
}

#[derive(Default)]
struct Kept {
    /// When the report was begun that is not yet whole; a call may be at work on it.
    begun_at: Option<Timestamp>,
    begun: Option<Begun>,
    finished: Option<Arc<CredentialReport>>,
}

impl Reports {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.credentials.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A report that is not yet whole.
struct Begun {
    at: Timestamp,
    text: String,
    /// The last user in it; `None` before the first.
    after: Option<String>,
}

/// A report.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CredentialReport {
    /// When it was finished.
    pub generated: Timestamp,
    /// What it says, as CSV.
    pub content: String,
}

/// How far a report is, in the words of IAM (API reference, `ReportStateType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// It was begun by this call.
    Started,
    /// It goes on.
    InProgress,
    /// It can be called for.
    Complete,
}

impl State {
    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Started => "STARTED",
            Self::InProgress => "INPROGRESS",
            Self::Complete => "COMPLETE",
        }
    }
}

/// Why there is no report to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// None was put together.
    #[error("there is no credential report; generate one first")]
    NotPresent,
    /// It is too old.
    #[error("the credential report is older than four hours; generate another")]
    Expired,
    /// It is not whole yet.
    #[error("the credential report is not finished; generate it on until it is complete")]
    InProgress,
}

impl ReportError {
    /// IAM's word for it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NotPresent => "ReportNotPresent",
            Self::Expired => "ReportExpired",
            Self::InProgress => "ReportInProgress",
        }
    }
}

impl Admin {
    /// Puts the credential report together, or the next piece of it; one that is younger than four hours stays. Blocks.
    ///
    /// # Errors
    /// When it would be too long, or the store cannot be read.
    pub fn generate_credential_report(&self, asked: &Authorized) -> Result<State, AdminError> {
        let now = asked.at();
        if self.reports.kept().finished.as_ref().is_some_and(|report| !old(report.generated, now)) {
            return Ok(State::Complete);
        }
        let _turn = match self.reports.turn.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Somebody else's call is adding to it.
            Err(TryLockError::WouldBlock) => return Ok(State::InProgress),
        };
        // What was begun and left lying is of the past.
        let begun = self.reports.kept().begun.take().filter(|begun| !old(begun.at, now));
        let fresh = begun.is_none();
        let mut begun = match begun {
            Some(begun) => begun,
            None => Begun { at: now, text: self.report_head(asked)?, after: None },
        };
        self.reports.kept().begun_at = Some(begun.at);
        let whole = self.add_people(&mut begun);
        let mut kept = self.reports.kept();
        if matches!(whole, Ok(false)) {
            kept.begun = Some(begun);
            return Ok(if fresh { State::Started } else { State::InProgress });
        }
        kept.begun_at = None;
        whole?;
        kept.finished = Some(Arc::new(CredentialReport { generated: self.now(), content: begun.text }));
        Ok(State::Complete)
    }

    /// The credential report that was put together last.
    ///
    /// # Errors
    /// When there is none, it is too old, or not finished.
    pub fn credential_report(&self, asked: &Authorized) -> Result<Arc<CredentialReport>, AdminError> {
        let now = asked.at();
        match &*self.reports.kept() {
            Kept { begun_at: Some(begun_at), .. } if !old(*begun_at, now) => Err(ReportError::InProgress.into()),
            Kept { finished: Some(report), .. } if old(report.generated, now) => Err(ReportError::Expired.into()),
            Kept { finished: Some(report), .. } => Ok(Arc::clone(report)),
            Kept { finished: None, .. } => Err(ReportError::NotPresent.into()),
        }
    }

    /// Forgets a report that nobody can call for any more, but not that there was one.
    pub fn settle_reports(&self, now: Timestamp) {
        let mut kept = self.reports.kept();
        kept.begun.take_if(|begun| old(begun.at, now));
        if let Some(report) = kept.finished.as_mut().filter(|report| old(report.generated, now)) {
            *report = Arc::new(CredentialReport { generated: report.generated, content: String::new() });
        }
    }

    /// The head, and the line of root.
    fn report_head(&self, asked: &Authorized) -> Result<String, AdminError> {
        let root = self.root(asked)?;
        Ok(format!("{}\n{}\n", lines::COLUMNS.join(","), lines::root(&root)))
    }

    /// Adds the next people; true when these were the last.
    fn add_people(&self, begun: &mut Begun) -> Result<bool, AdminError> {
        let rules = self.store.read(|snapshot| credentials::setting(snapshot, Setting::PasswordPolicy))?;
        let rules: PasswordPolicy = rules.map(|read| read.value).unwrap_or_default();
        let mut added = 0;
        while added < PEOPLE_A_CALL {
            let page = self.credential_lines(begun.after.as_deref(), &rules)?;
            added += page.looked_at;
            begun.text.push_str(&page.text);
            if begun.text.len() > LONGEST {
                return Err(AdminError::LimitExceeded {
                    what: format!("a report of more than {} MiB", LONGEST / (1024 * 1024)),
                    limit: "it is kept in memory; list users and their credentials page by page instead".to_owned(),
                });
            }
            match page.next {
                Some(next) => begun.after = Some(next),
                None => return Ok(true),
            }
        }
        Ok(false)
    }
}

fn old(since: Timestamp, now: Timestamp) -> bool {
    now.duration_since(since) >= KEPT
}
