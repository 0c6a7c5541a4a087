//! Jobs: which services somebody could use and did, worked out when it was asked for and kept until it is called for.
//!
//! A job is done by the call that asks for it, so it never is in progress. It is kept in memory; who asked for it alone can call
//! for it (IAM API reference, `GenerateServiceLastAccessedDetails`), so that nobody learns by a number what policies keep from
//! them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, MutexGuard, PoisonError};

use super::super::super::{Admin, AdminError};
use super::uses::UsedBy;
use super::{OURS, Subject};
use crate::base::Timestamp;
use crate::base::text::printable_within;
use crate::gate::Authorized;
use crate::model::Actor;

/// Jobs kept; then the oldest goes.
const MOST_JOBS: usize = 100;

/// How long a job can be called for.
const KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// Services of one job.
const MOST_SERVICES: usize = 1_000;

/// The jobs there are, the oldest first.
#[derive(Default)]
pub struct Jobs(VecDeque<Arc<Job>>);

/// What was worked out.
#[derive(Debug)]
pub struct Job {
    /// Its number.
    pub id: String,
    /// When it was worked out.
    pub created: Timestamp,
    /// Whether actions were asked for, too.
    pub by_action: bool,
    /// Every service it is about, by name.
    pub services: Vec<ServiceUse>,
    by: Actor,
}

/// A service, and who used it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceUse {
    /// As policies write it.
    pub namespace: String,
    /// As people call it, where we know that.
    pub name: String,
    /// Those who used it, the last one first.
    pub used_by: Vec<UsedBy>,
}

impl Job {
    /// Those who used a service, the last one first.
    ///
    /// # Errors
    /// When the job is not about that service.
    pub fn users_of(&self, service: &str) -> Result<&[UsedBy], AdminError> {
        let folded = service.to_ascii_lowercase();
        let found = self.services.iter().find(|one| one.namespace == folded);
        let missing =
            || AdminError::NoSuch { what: format!("service `{}` in that job", printable_within(service, 64)) };
        found.map(|found| found.used_by.as_slice()).ok_or_else(missing)
    }
}

impl Admin {
    /// Works out which services a user, group, role or policy gives, and when each was used. Answers the job's number. Blocks.
    ///
    /// # Errors
    /// When there is no such thing, it names too many services, or the store cannot be read.
    pub fn generate_last_accessed(&self, asked: &Authorized, by_action: bool) -> Result<String, AdminError> {
        let terms = self.terms(asked.at())?;
        let (subject, texts) = self.store.read(|snapshot| {
            let subject = Subject::find(snapshot, &self.account, asked.resource())?;
            let texts = subject.texts(snapshot, &self.account, &terms)?;
            Ok::<_, AdminError>((subject, texts))
        })?;
        let ours =
            OURS.iter().map(|(ours, _)| *ours).filter(|ours| texts.iter().any(|text| text.services.grants(ours)));
        let named: BTreeSet<&str> = texts.iter().flat_map(|text| text.services.named()).chain(ours).collect();
        if named.len() > MOST_SERVICES {
            return Err(AdminError::LimitExceeded {
                what: format!("a report of {} services", named.len()),
                limit: format!("{MOST_SERVICES} are worked out"),
            });
        }
        let mut used: BTreeMap<String, Vec<UsedBy>> = self.uses_of(&subject, &terms)?;
        let service = |namespace: &str| {
            let name = OURS.iter().find(|(ours, _)| *ours == namespace).map_or(namespace, |(_, name)| name);
            let used_by = used.remove(namespace).unwrap_or_default();
            ServiceUse { namespace: namespace.to_owned(), name: name.to_owned(), used_by }
        };
        let services = named.into_iter().map(service).collect();
        let id = uuid::Builder::from_random_bytes(self.fresh_id()).into_uuid().to_string();
        let job = Job { id: id.clone(), created: asked.at(), by_action, services, by: asked.actor() };
        let mut jobs = self.jobs(asked.at());
        while jobs.0.len() >= MOST_JOBS {
            jobs.0.pop_front();
        }
        jobs.0.push_back(Arc::new(job));
        Ok(id)
    }

    /// A job of whoever asks. Blocks.
    ///
    /// # Errors
    /// When there is none of that number, or it is somebody else's.
    pub fn last_accessed(&self, asked: &Authorized, job: &str) -> Result<Arc<Job>, AdminError> {
        let by = asked.actor();
        let jobs = self.jobs(asked.at());
        let found = jobs.0.iter().find(|held| held.id == job && held.by == by);
        found.cloned().ok_or_else(|| AdminError::NoSuch {
            what: format!(
                "job `{}` of yours; one is kept for a day, or until the daemon ends",
                printable_within(job, 40)
            ),
        })
    }

    /// The jobs that are not too old.
    fn jobs(&self, now: Timestamp) -> MutexGuard<'_, Jobs> {
        let mut jobs = self.reports.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.0.retain(|job| now.duration_since(job.created) < KEPT);
        jobs
    }
}
