//! The record of a refusal: found by the id of its request, and whose it is.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::audit::query;
use crate::audit::tail::Line;
use crate::authn::Caller;
use crate::authn::subject::Subject;
use crate::base::{RequestId, Timestamp, UserId};
use crate::gate::Matter;
use crate::model::Actor;
use crate::store::{Store, StoreError};

/// A refusal, as the log has it.
#[derive(Debug)]
pub struct Refused {
    pub(super) request: RequestId,
    pub(super) record: Record,
    /// What it rested on, if policies or the gate's own rules were asked.
    pub(super) matter: Option<Matter>,
}

/// What of a record counts here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    pub(super) event_time: Timestamp,
    pub(super) event_name: String,
    #[serde(default)]
    error_code: Option<String>,
    #[serde(default)]
    pub(super) error_message: Option<String>,
    #[serde(default)]
    request_parameters: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    additional_event_data: Option<Value>,
    #[serde(default, rename = "requestID")]
    request_id: Option<RequestId>,
    user_identity: Identity,
}

/// Who asked.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    r#type: String,
    principal_id: String,
    #[serde(default)]
    user_name: Option<String>,
    #[serde(default)]
    invoked_by: Option<String>,
}

impl Refused {
    /// The refusal of `request`, if the log has one. Of several, which one request may have met on its way, the last that says what it
    /// rested on. Blocks.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn find(store: &Store, request: RequestId) -> Result<Option<Self>, StoreError> {
        let lines = query::of_request(store, request)?;
        let mut found: Vec<Self> = lines.iter().filter_map(|line| Self::read(line, request)).collect();
        let telling = found.iter().rposition(|refused| refused.matter.is_some());
        let last = telling.or_else(|| found.len().checked_sub(1));
        Ok(last.map(|last| found.swap_remove(last)))
    }

    fn read(line: &Line, request: RequestId) -> Option<Self> {
        let mut record: Record = serde_json::from_str(&line.json).ok()?;
        if record.request_id != Some(request) || record.error_code.is_none() {
            return None;
        }
        let matter = record.additional_event_data.take().and_then(|matter| serde_json::from_value(matter).ok());
        Some(Self { request, record, matter })
    }

    /// Whether it was `caller` who was refused. A person's are those of their sessions, too; a session of a role knows of its own alone,
    /// since others may hold it.
    #[must_use]
    pub fn is_of(&self, caller: &Caller) -> bool {
        if let Some(user) = Subject::of(caller).and_then(Subject::user) {
            return self.person() == Some(user.id);
        }
        let Identity { r#type, principal_id, .. } = &self.record.user_identity;
        match caller.actor() {
            Actor::Session { session, .. } => {
                ["AssumedRole", "FederatedUser", "Root"].contains(&r#type.as_str()) && *principal_id == session
            }
            Actor::Root => r#type == "Root" && self.record.user_identity.user_name.is_none(),
            _ => false,
        }
    }

    /// The person behind it: by name, at the beginning of a session's chain, or whose password it was about.
    pub(super) fn person(&self) -> Option<UserId> {
        let Identity { r#type, principal_id, invoked_by, .. } = &self.record.user_identity;
        let id = match r#type.as_str() {
            "IAMUser" => Some(principal_id.as_str()),
            "AssumedRole" | "FederatedUser" | "Root" => invoked_by.as_deref(),
            "AWSService" => self.record.request_parameters.as_ref()?.get("user_id").and_then(Value::as_str),
            _ => None,
        };
        id.and_then(|id| id.parse().ok())
    }

    /// What whoever asked is called.
    pub(super) fn who(&self) -> String {
        let Identity { principal_id, user_name, .. } = &self.record.user_identity;
        let arn = self.matter.as_ref().map(|matter| &matter.arn).filter(|arn| !arn.is_empty());
        arn.or(user_name.as_ref()).unwrap_or(principal_id).clone()
    }
}
