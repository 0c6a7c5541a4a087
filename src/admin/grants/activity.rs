//! What the people of an engagement did since it began, by the audit log: for whoever answers for it, and for operators.
//!
//! What was done with a role counts as its holder's, whatever name the session has: records say whose session it was. The log is read
//! from its end, so the answer costs the same however long it is; where it stops short, it says so.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::{Admin, AdminError};
use super::engagement::found;
use super::user;
use crate::audit::Outcome;
use crate::audit::query::latest;
use crate::audit::tail::Line;
use crate::authn::subject::Subject;
use crate::base::Timestamp;
use crate::gate::Authorized;

/// Acts that are told, at most.
const MOST: usize = 200;

/// Records that are looked at, at most: those of an hour of heavy use.
const LOOKED_AT: u64 = 100_000;

/// What the people of an engagement did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// What the engagement is called.
    pub engagement: String,
    /// The firm.
    pub firm: String,
    /// The newest first.
    pub acts: Vec<Act>,
    /// There is more, further back: `bailey audit query --person`.
    pub more: bool,
}

/// Something that somebody did, or tried to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub person: String,
    /// The operation.
    pub operation: String,
    /// What it was about, where the record says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The session that it was done with, if it was a role's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// From where.
    pub source_ip: String,
    /// How it ended: `success`, `denied`, `failed`, `unknown`.
    pub outcome: String,
    /// Why not, where it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The number of its record.
    pub record: u64,
}

impl Admin {
    /// What the people of an engagement did since it began. To show it is written down itself. Blocks.
    ///
    /// # Errors
    /// When there is none, who asks does not answer for it, or the store cannot be read.
    pub fn engagement_activity(&self, asked: Authorized) -> Result<Activity, AdminError> {
        let shown = self.activity(&asked);
        let outcome = match &shown {
            Ok(_) => Outcome::success(),
            Err(error) => Outcome::failed(error.code(), error),
        };
        asked.complete(&outcome, self.now());
        shown
    }

    fn activity(&self, asked: &Authorized) -> Result<Activity, AdminError> {
        let (engagement, people) = self.store.read(|snapshot| {
            let engagement = found(snapshot, asked.resource())?.value;
            let mut people = BTreeMap::new();
            for id in &engagement.people {
                // Whoever is deleted did what they did.
                let name = user(snapshot, id)?.map_or_else(|| id.to_string(), |user| user.name.to_string());
                people.insert(id.to_string(), name);
            }
            Ok::<_, AdminError>((engagement, people))
        })?;
        let subject = Subject::of(asked.caller());
        let is_sponsor = |subject: &Subject<'_>| subject.user().is_some_and(|user| user.id == engagement.sponsor);
        if !subject.as_ref().is_none_or(is_sponsor) {
            return Err(AdminError::NotNow {
                what: "that is for whoever answers for the engagement, and for operators".to_owned(),
                remedy: "ask one of them".to_owned(),
            });
        }
        let since = engagement.created.min(engagement.starts);
        let (acts, is_all) = latest(&self.store, since, (MOST, LOOKED_AT), |line| act(line, &people))?;
        Ok(Activity { engagement: engagement.name, firm: engagement.firm, acts, more: !is_all })
    }
}

/// What one of `people` did, by the record that says how it ended.
fn act(line: &Line, people: &BTreeMap<String, String>) -> Option<Act> {
    let record: Value = serde_json::from_str(&line.json).ok()?;
    let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let whose = |pointer: &str| people.get(record.pointer(pointer)?.as_str()?).cloned();
    let own = whose("/userIdentity/principalId");
    let outcome = text("/bailey/outcome")?;
    let session = text("/userIdentity/userName").filter(|_| own.is_none());
    Some(Act {
        at: text("/eventTime")?.parse().ok()?,
        person: own.or_else(|| whose("/userIdentity/invokedBy"))?,
        operation: text("/eventName")?,
        resource: text("/requestParameters/resource"),
        session,
        source_ip: text("/sourceIPAddress").unwrap_or_default(),
        error: text("/errorMessage").filter(|_| outcome != "success"),
        outcome,
        record: line.seq,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(record: &Value) -> Option<Act> {
        let people = BTreeMap::from([("1f".to_owned(), "ext.eve".to_owned())]);
        act(&Line { seq: 7, json: record.to_string() }, &people)
    }

    #[test]
    fn what_was_done_with_a_role_is_its_holders_and_what_others_did_about_them_is_not() {
        let record = |identity: Value| {
            json!({
                "eventTime": "2026-03-12T12:00:00Z", "eventName": "AssumeRole", "sourceIPAddress": "198.51.100.7",
                "requestParameters": { "resource": "arn:aws:iam::1:role/logs", "person": "1f" },
                "userIdentity": identity, "bailey": { "phase": "completed", "outcome": "denied" },
                "errorMessage": "no",
            })
        };
        let own = told(&record(json!({ "principalId": "1f", "userName": "ext.eve" }))).unwrap();
        assert_eq!((own.person.as_str(), own.session, own.record), ("ext.eve", None, 7));
        assert_eq!((own.resource.as_deref(), own.error.as_deref()), (Some("arn:aws:iam::1:role/logs"), Some("no")));
        let arn = "arn:aws:sts::1:assumed-role/logs/x";
        let role = json!({ "principalId": "AROA:x", "userName": arn, "invokedBy": "1f" });
        let role = told(&record(role)).unwrap();
        assert_eq!((role.person.as_str(), role.session.as_deref()), ("ext.eve", Some(arn)));
        assert_eq!(told(&record(json!({ "principalId": "2f", "userName": "ann" }))), None);
        let mut begun = record(json!({ "principalId": "1f" }));
        *begun.pointer_mut("/bailey").unwrap() = json!({ "phase": "begun" });
        assert_eq!(told(&begun), None, "how it ended is told, once");
    }
}
