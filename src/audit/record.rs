//! What a record of the log says, and how it becomes bytes.
//!
//! The outer members carry CloudTrail's names (record version 1.11), so what reads CloudTrail
//! reads this; what CloudTrail has no word for stands under `bailey`. A record is finished in
//! two steps: a [`Draft`] is written before the commit, and its place in the chain is added inside
//! it, by string alone, where nothing can fail.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AuditError, Event, Identity, Outcome, Value, chain};
use crate::base::text::printable_within;
use crate::base::{RequestId, Timestamp};
use crate::model::Actor;
use crate::store::{Link, Sealed};

/// Longest text of one field, in characters. What is longer is cut.
const LONGEST_FIELD: usize = 1_024;

/// Most parameters kept of one event.
const MOST_PARAMETERS: usize = 24;

/// Largest matter of a refusal, in bytes of JSON. Whoever decides cuts it to less.
const LARGEST_MATTER: usize = 16 * 1024;

/// Largest draft: with its place in the chain it stays below the store's 64 KiB a value.
pub(super) const LARGEST: usize = 60 * 1024;

/// The outer members of a record, in CloudTrail's words.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Facts {
    event_version: Cow<'static, str>,
    event_time: String,
    event_source: Cow<'static, str>,
    event_name: String,
    aws_region: Cow<'static, str>,
    #[serde(rename = "sourceIPAddress")]
    source_ip_address: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
    request_parameters: Option<BTreeMap<String, Value>>,
    response_elements: Option<BTreeMap<String, Value>>,
    /// What a refusal rested on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    additional_event_data: Option<serde_json::Value>,
    /// The request that it came with, as its answer names it.
    #[serde(default, rename = "requestID", skip_serializing_if = "Option::is_none")]
    request_id: Option<RequestId>,
    #[serde(rename = "eventID")]
    event_id: Uuid,
    event_type: Cow<'static, str>,
    read_only: bool,
    management_event: bool,
    recipient_account_id: String,
    /// Id of the begun record, in both: what ties the two together.
    #[serde(rename = "sharedEventID")]
    shared_event_id: Uuid,
    user_identity: UserIdentity,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserIdentity {
    r#type: Cow<'static, str>,
    principal_id: String,
    account_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    invoked_by: Option<String>,
}

/// Our own members, under `bailey`; the place in the chain follows them.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Block {
    pub(super) phase: Phase,
    /// Sequence number of the begun record that this one completes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) opened: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<Cow<'static, str>>,
    /// The log could not be written when it happened; it was written down elsewhere and is late here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    owed: bool,
    /// Parameters were left out to fit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    trimmed: bool,
    /// Seconds the wall clock lags behind the highest time seen.
    #[serde(default, skip_serializing_if = "is_zero")]
    clock_behind: i64,
    node: String,
    build: String,
}

/// Whether a record stands before its effect or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Phase {
    /// Before: the intent.
    Begun,
    /// After: how it ended.
    Completed,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl Facts {
    pub(super) fn new(identity: &Identity, actor: &Actor, event: &Event, id: Uuid, now: Timestamp) -> Self {
        Self {
            event_version: "1.11".into(),
            event_time: moment(now),
            event_source: "bailey".into(),
            event_name: clean(&event.name),
            aws_region: "local".into(),
            source_ip_address: event.source_ip.as_deref().map_or_else(|| "local".to_owned(), clean),
            user_agent: event.user_agent.as_deref().map(clean),
            error_code: None,
            error_message: None,
            request_parameters: bounded(&event.parameters),
            response_elements: None,
            additional_event_data: event.matter.clone().filter(|matter| matter.to_string().len() <= LARGEST_MATTER),
            request_id: event.request,
            event_id: id,
            event_type: if matches!(actor, Actor::Task { .. }) { "AwsServiceEvent" } else { "AwsApiCall" }.into(),
            read_only: event.read_only,
            management_event: true,
            recipient_account_id: identity.account.to_string(),
            shared_event_id: id,
            user_identity: UserIdentity::of(actor, identity),
        }
    }

    /// The same event, and how it ended.
    pub(super) fn ended(&self, outcome: &Outcome) -> Self {
        let mut ended = self.clone();
        match outcome {
            Outcome::Success { response } => ended.response_elements = bounded(response),
            Outcome::Failed { code, message, response } => {
                ended.response_elements = bounded(response);
                ended.error_code = Some(clean(code));
                ended.error_message = Some(clean(message));
            }
            Outcome::Denied { message } => {
                ended.error_code = Some("AccessDenied".to_owned());
                ended.error_message = Some(clean(message));
            }
            Outcome::Unknown => {}
        }
        ended
    }

    /// The same event in a record of its own.
    pub(super) fn anew(self, id: Uuid, now: Timestamp) -> Self {
        Self { event_id: id, event_time: moment(now), ..self }
    }

    /// The same event, as short as it can be told.
    fn trimmed(&self) -> Self {
        let short = |text: &str| printable_within(text, 40).into_owned();
        let who = &self.user_identity;
        Self {
            event_name: short(&self.event_name),
            source_ip_address: short(&self.source_ip_address),
            user_agent: None,
            error_code: self.error_code.as_deref().map(short),
            error_message: None,
            request_parameters: None,
            response_elements: None,
            additional_event_data: None,
            user_identity: UserIdentity {
                principal_id: short(&who.principal_id),
                user_name: who.user_name.as_deref().map(short),
                invoked_by: who.invoked_by.as_deref().map(short),
                ..who.clone()
            },
            ..self.clone()
        }
    }

    /// The id that both records of an event carry.
    pub(super) fn event(&self) -> Uuid {
        self.shared_event_id
    }

    /// The id of this record.
    pub(super) fn id(&self) -> Uuid {
        self.event_id
    }

    pub(super) fn name(&self) -> &str {
        &self.event_name
    }
}

impl UserIdentity {
    fn of(actor: &Actor, identity: &Identity) -> Self {
        let account_id = identity.account.to_string();
        let blank =
            Self { r#type: "".into(), principal_id: String::new(), account_id, user_name: None, invoked_by: None };
        match actor {
            Actor::Person { user, name } => {
                Self { r#type: "IAMUser".into(), principal_id: user.to_string(), user_name: Some(clean(name)), ..blank }
            }
            Actor::Root => Self { r#type: "Root".into(), principal_id: identity.account.to_string(), ..blank },
            Actor::Session { session, arn, person } => {
                // As CloudTrail has it of sessions of AssumeRoot; whose root it is, the name says.
                let r#type = match arn {
                    arn if arn.contains(":federated-user/") => "FederatedUser",
                    arn if arn.ends_with(":root") => "Root",
                    _ => "AssumedRole",
                };
                let invoked_by = person.map(|person| person.to_string());
                let user_name = Some(clean(arn)).filter(|arn| !arn.is_empty());
                Self { r#type: r#type.into(), principal_id: clean(session), user_name, invoked_by, ..blank }
            }
            Actor::Local { uid } => Self { r#type: "LocalUser".into(), principal_id: format!("uid:{uid}"), ..blank },
            Actor::Visitor { name } => Self { r#type: "WebIdentityUser".into(), principal_id: clean(name), ..blank },
            Actor::Machine { resource, name } => {
                let (principal_id, user_name) = (resource.to_string(), Some(clean(name)));
                Self { r#type: "Machine".into(), principal_id, user_name, ..blank }
            }
            Actor::Client { id } => Self { r#type: "Client".into(), principal_id: clean(id), ..blank },
            Actor::Proxy { name } => Self { r#type: "Proxy".into(), principal_id: clean(name), ..blank },
            Actor::Task { name } => {
                let name = clean(name);
                Self { r#type: "AWSService".into(), principal_id: name.clone(), invoked_by: Some(name), ..blank }
            }
        }
    }
}

impl Block {
    pub(super) fn begun(identity: &Identity, clock_behind: i64) -> Self {
        Self {
            phase: Phase::Begun,
            opened: None,
            outcome: None,
            owed: false,
            trimmed: false,
            clock_behind,
            node: identity.node.clone(),
            build: identity.build.clone(),
        }
    }

    pub(super) fn completed(identity: &Identity, clock_behind: i64, opened: Option<u64>, outcome: &Outcome) -> Self {
        let outcome = Some(outcome.word().into());
        Self { phase: Phase::Completed, opened, outcome, ..Self::begun(identity, clock_behind) }
    }

    /// The same, written later than it happened.
    pub(super) fn owed(self) -> Self {
        Self { owed: true, ..self }
    }
}

/// A record that only lacks its place in the chain: JSON without its last two braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft(String);

impl Draft {
    /// The record of at most `limit` bytes; what does not fit is left out, and said to be.
    pub(super) fn within(limit: usize, facts: &Facts, block: Block) -> Result<Self, AuditError> {
        let draft = Self::new(facts, &block)?;
        if draft.0.len() <= limit {
            return Ok(draft);
        }
        Self::new(&facts.trimmed(), &Block { trimmed: true, ..block })
    }

    fn new(facts: &Facts, block: &Block) -> Result<Self, AuditError> {
        let unwritable = |why: serde_json::Error| AuditError::Unwritable { why: why.to_string() };
        let facts = serde_json::to_string(facts).map_err(unwritable)?;
        let block = serde_json::to_string(block).map_err(unwritable)?;
        match (facts.strip_suffix('}'), block.strip_suffix('}')) {
            (Some(facts), Some(block)) => Ok(Self(format!("{facts},\"bailey\":{block}"))),
            _ => Err(AuditError::Unwritable { why: "a record is not a JSON object".to_owned() }),
        }
    }

    /// The draft kept as `text` by [`Draft::text`].
    pub(super) fn from_text(text: String) -> Self {
        Self(text)
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// The id of the record this becomes.
    pub(super) fn id(&self) -> Option<Uuid> {
        let stored: Stored = serde_json::from_str(&format!("{}}}}}", self.0)).ok()?;
        Some(stored.facts.id())
    }

    /// The finished record at its place.
    pub(super) fn seal(&self, link: &Link) -> Sealed {
        let placed = format!("{},\"seq\":{},\"prev_hash\":\"{}\"", self.0, link.seq, hex::encode(link.previous));
        chain::seal(placed)
    }
}

/// A record as it is stored, read back.
#[derive(Debug, Deserialize)]
pub(super) struct Stored {
    #[serde(flatten)]
    pub(super) facts: Facts,
    pub(super) bailey: Block,
}

/// RFC 3339, UTC, milliseconds: one spelling, so that text order is time order.
fn moment(at: Timestamp) -> String {
    format!("{at:.3}")
}

fn clean(text: &str) -> String {
    printable_within(text, LONGEST_FIELD).into_owned()
}

fn bounded(values: &BTreeMap<String, Value>) -> Option<BTreeMap<String, Value>> {
    if values.is_empty() {
        return None;
    }
    let clean_value = |value: &Value| match value {
        Value::Text(text) => Value::Text(clean(text)),
        other => other.clone(),
    };
    Some(values.iter().take(MOST_PARAMETERS).map(|(name, value)| (clean(name), clean_value(value))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity { account: "123456789012".parse().unwrap(), build: "0.1.0".to_owned(), node: "a".to_owned() }
    }

    fn sealed(actor: &Actor, event: &Event) -> serde_json::Value {
        let facts =
            Facts::new(&identity(), actor, event, Uuid::from_bytes([7; 16]), "2026-03-12T12:00:00Z".parse().unwrap());
        let draft = Draft::within(LARGEST, &facts, Block::begun(&identity(), 0)).unwrap();
        serde_json::from_slice(&draft.seal(&Link { seq: 9, previous: [1; 32] }).record).unwrap()
    }

    #[test]
    fn a_record_reads_as_cloudtrail_does() {
        let event = Event::new("StartSync").with("directory", "corp").with("changes", 7).with("dryRun", false);
        let record = sealed(&Actor::Local { uid: 1000 }, &event);
        assert_eq!(record["eventVersion"], "1.11");
        assert_eq!(record["eventTime"], "2026-03-12T12:00:00.000Z");
        assert_eq!(record["eventName"], "StartSync");
        assert_eq!(record["eventID"], record["sharedEventID"]);
        assert_eq!(record["userIdentity"]["principalId"], "uid:1000");
        assert_eq!(
            record["requestParameters"],
            serde_json::json!({"directory": "corp", "changes": 7, "dryRun": false})
        );
        assert_eq!(record["bailey"]["seq"], 9);
        assert_eq!(record["bailey"]["prev_hash"], "01".repeat(32));
        assert_eq!(record["bailey"]["phase"], "begun");
    }

    #[test]
    fn foreign_text_neither_forges_members_nor_grows_without_bound() {
        let hostile = "x\",\"bailey\":{\"seq\":1}}\n{\"eventName\":\"Forged\"\u{1b}[2J\u{202e}";
        let event = Event { user_agent: Some("y".repeat(100_000)), ..Event::new(hostile).with(hostile, hostile) };
        let record = sealed(&Actor::task(hostile), &event);
        let text = record.to_string();
        assert!(!text.chars().any(crate::base::text::hidden), "{text}");
        assert_eq!(record["bailey"]["seq"], 9);
        assert_eq!(record["userAgent"].as_str().unwrap().chars().count(), LONGEST_FIELD + 1);
        let wide = "\u{202e}".repeat(5_000);
        let many =
            (0..1_000).fold(Event::new(wide.clone()), |event, n| event.with(&format!("{wide}{n}"), wide.clone()));
        let who = Actor::Person { user: crate::base::UserId::from_bytes([1; 16]), name: wide };
        let facts = Facts::new(&identity(), &who, &many, Uuid::from_bytes([7; 16]), Timestamp::UNIX_EPOCH);
        let slot = Draft::within(4_000, &facts, Block::begun(&identity(), 0)).unwrap();
        assert!(slot.text().len() < 4_000 && slot.text().contains("\"trimmed\":true"), "{}", slot.text());
        assert!(Draft::within(LARGEST, &facts, Block::begun(&identity(), 0)).unwrap().text().len() <= LARGEST);
    }

    #[test]
    fn a_stored_record_reads_back_whole() {
        let record = sealed(&Actor::task("sync/corp"), &Event::new("StartSync").with("directory", "corp"));
        let stored: Stored = serde_json::from_value(record).unwrap();
        assert_eq!((stored.facts.name(), stored.bailey.phase), ("StartSync", Phase::Begun));
    }
}
