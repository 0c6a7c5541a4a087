//! What the log is told: an event, what it is about, and how it ended.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::base::RequestId;
use crate::store::Intent;

/// What is about to happen, or has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Name of the operation, such as `StartSync`.
    pub name: Cow<'static, str>,
    /// True when it changes nothing.
    pub read_only: bool,
    /// What it does to access: on a full disk only what narrows can still be begun.
    pub intent: Intent,
    /// Address it came from; `None` for this machine.
    pub source_ip: Option<String>,
    /// Program it came from, by its own words.
    pub user_agent: Option<String>,
    /// What it is about. Never secrets.
    pub parameters: BTreeMap<String, Value>,
    /// The request that it came with; `None` of what no request asked for.
    pub request: Option<RequestId>,
    /// What a refusal rested on, in the form of whoever decided; bounded by them, and left out where it is too large. Never secrets.
    pub matter: Option<serde_json::Value>,
}

/// A parameter of an event: flat, so that a record's size has a bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// A count.
    Number(u64),
    /// Words; made printable and cut on the way into the record.
    Text(String),
}

/// How an event ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Success {
        /// What came of it. Never secrets.
        response: BTreeMap<String, Value>,
    },
    /// It was tried and failed.
    Failed {
        /// A word for programs.
        code: Cow<'static, str>,
        /// A sentence for people.
        message: String,
        /// What came of it all the same. Never secrets.
        response: BTreeMap<String, Value>,
    },
    /// The caller may not do it.
    Denied {
        /// Why not.
        message: String,
    },
    /// Nobody can say: the daemon ended in between.
    Unknown,
}

impl Event {
    /// An event that changes something and is not known to narrow access.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            read_only: false,
            intent: Intent::Widen,
            source_ip: None,
            user_agent: None,
            parameters: BTreeMap::new(),
            request: None,
            matter: None,
        }
    }

    /// An event that only takes access away.
    pub fn narrowing(name: impl Into<Cow<'static, str>>) -> Self {
        Self { intent: Intent::Narrow, ..Self::new(name) }
    }

    /// An event that changes nothing.
    pub fn reading(name: impl Into<Cow<'static, str>>) -> Self {
        Self { read_only: true, intent: Intent::Narrow, ..Self::new(name) }
    }

    /// The same event, as what came with this request.
    #[must_use]
    pub fn of_request(self, request: Option<RequestId>) -> Self {
        Self { request, ..self }
    }

    /// The same event, as what came from there, with a program that calls itself `agent`.
    #[must_use]
    pub fn coming(self, ip: Option<IpAddr>, agent: Option<&str>) -> Self {
        Self { source_ip: ip.map(|ip| ip.to_string()), user_agent: agent.map(str::to_owned), ..self }
    }

    /// The same event with one parameter more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.to_owned(), value.into());
        self
    }
}

impl Outcome {
    /// Done, with nothing to add.
    #[must_use]
    pub const fn success() -> Self {
        Self::Success { response: BTreeMap::new() }
    }

    /// Tried and failed.
    pub fn failed(code: impl Into<Cow<'static, str>>, why: &dyn fmt::Display) -> Self {
        Self::Failed { code: code.into(), message: why.to_string(), response: BTreeMap::new() }
    }

    /// The same with one more thing that came of it; of what was denied, or is not known, nothing came.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        if let Self::Success { response } | Self::Failed { response, .. } = &mut self {
            response.insert(name.to_owned(), value.into());
        }
        self
    }

    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Success { .. } => "success",
            Self::Failed { .. } => "failed",
            Self::Denied { .. } => "denied",
            Self::Unknown => "unknown",
        }
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
