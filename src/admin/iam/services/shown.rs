//! What a job says, as JSON members that programs can rely on.

use serde::{Deserialize, Serialize};

use super::{Job, ServiceUse, UsedBy};
use crate::base::Timestamp;

/// A job that can be called for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobView {
    /// Its number.
    pub job: String,
}

/// What a job worked out: services, and when each was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accessed {
    /// The job's number.
    pub job: String,
    /// When it was worked out.
    pub created: Timestamp,
    /// Every service it is about, by name.
    pub services: Vec<ServiceView>,
}

/// A service, and its last use. Who else used it is another question, which not everybody may ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceView {
    /// As policies write it.
    pub service: String,
    /// As people call it, where we know that.
    pub name: String,
    /// Who used it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<UsedBy>,
    /// How many used it.
    pub users: usize,
}

impl From<&Job> for Accessed {
    fn from(job: &Job) -> Self {
        let services = job.services.iter().map(ServiceView::from).collect();
        Self { job: job.id.clone(), created: job.created, services }
    }
}

impl From<&ServiceUse> for ServiceView {
    fn from(service: &ServiceUse) -> Self {
        Self {
            service: service.namespace.clone(),
            name: service.name.clone(),
            last: service.used_by.first().cloned(),
            users: service.used_by.len(),
        }
    }
}
