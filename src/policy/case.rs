//! A decision as data: a case in JSON, its result in JSON. For tests of policies, and for comparing evaluators.
//!
//! Nothing is added to what a case says: what a server would know of the principal (`aws:PrincipalArn`, `aws:username`) has
//! to stand in its context.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::context::Context;
use super::decide::{Decision, Detail, Layer, Named, Policies, Reason, decide};
use super::document::{Document, Kind};
use super::principal::Principal;
use super::request::Request;
use crate::base::text::printable;

/// A case.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Case<'a> {
    /// Anything; comes back with the result.
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    request: Asked,
    #[serde(borrow, default)]
    identity: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    boundary: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    session: Option<&'a RawValue>,
    #[serde(borrow, default)]
    scps: Option<Vec<Vec<&'a RawValue>>>,
    #[serde(borrow, default)]
    rcps: Option<Vec<Vec<&'a RawValue>>>,
    #[serde(borrow, default)]
    resource_policy: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    principal: String,
    /// Its unique id, for policies that name principals by it.
    #[serde(default)]
    principal_id: Option<String>,
    action: String,
    resource: String,
    #[serde(default)]
    resource_account: Option<String>,
    #[serde(default)]
    context: BTreeMap<String, OneOrMany>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(Scalar),
    Many(Vec<Scalar>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Flag(bool),
    Number(serde_json::Number),
}

/// What came of a case.
#[derive(Debug, Serialize)]
pub struct CaseResult<'a> {
    /// The case's.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    decision: &'static str,
    reasons: Vec<Told>,
    #[serde(skip_serializing_if = "Vec::is_empty", rename = "missingContextKeys")]
    missing: Vec<Box<str>>,
}

/// A reason as data.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effect: Option<&'static str>,
    what: String,
}

/// Decides the case in `line`. A case that cannot be decided is an error, and as such a result.
#[must_use]
pub fn evaluate_case(line: &str) -> CaseResult<'_> {
    match serde_json::from_str::<Case<'_>>(line) {
        Err(error) => CaseResult::error(id_of(line), &format!("the case cannot be read: {error}")),
        Ok(case) => case.decided().unwrap_or_else(|problem| CaseResult::error(case.id, &problem)),
    }
}

/// The id of a case of which the rest cannot be read.
fn id_of(line: &str) -> Option<&RawValue> {
    #[derive(Deserialize)]
    struct Id<'a> {
        #[serde(borrow, default)]
        id: Option<&'a RawValue>,
    }
    serde_json::from_str::<Id<'_>>(line).ok()?.id
}

impl<'a> Case<'a> {
    fn decided(&self) -> Result<CaseResult<'a>, String> {
        let request = self.request.meant()?;
        let one = |name: &str, raw: &RawValue, kind| {
            let document = Document::parse(raw.get(), kind).map_err(|error| format!("{name}: {error}"))?;
            Ok::<_, String>((name.to_owned(), document))
        };
        let many = |name: &str, raws: &[&RawValue], kind| {
            let numbered = raws.iter().enumerate();
            numbered.map(|(n, raw)| one(&format!("{name}[{n}]"), raw, kind)).collect::<Result<Vec<_>, _>>()
        };
        let levels = |name: &str, levels: &Option<Vec<Vec<&RawValue>>>, kind| {
            let Some(levels) = levels else { return Ok(None) };
            let numbered = levels.iter().enumerate();
            let read = numbered.map(|(n, level)| many(&format!("{name}[{n}]"), level, kind));
            read.collect::<Result<Vec<_>, String>>().map(Some)
        };
        let identity = many("identity", &self.identity, Kind::Identity)?;
        let boundary = self.boundary.as_ref().map(|held| many("boundary", held, Kind::Identity)).transpose()?;
        let session = self.session.map(|raw| one("session", raw, Kind::Identity)).transpose()?;
        let scps = levels("scps", &self.scps, Kind::ServiceControl)?;
        let rcps = levels("rcps", &self.rcps, Kind::ResourceControl)?;
        let kind = if request.is_decided_by_resource() { Kind::Trust } else { Kind::Resource };
        let resource = self.resource_policy.map(|raw| {
            // A trust policy names no resource; one that does all the same says what it means.
            one("resourcePolicy", raw, kind)
                .or_else(|problem| one("resourcePolicy", raw, Kind::Resource).map_err(|_| problem))
        });
        let resource = resource.transpose()?;

        let policies = Policies {
            identity: all(&identity),
            boundary: boundary.as_deref().map(all),
            session: session.as_ref().map(|held| all(std::slice::from_ref(held))),
            grants: Vec::new(),
            scps: scps.as_ref().map(|levels| levels.iter().map(|level| all(level)).collect()),
            rcps: rcps.as_ref().map(|levels| levels.iter().map(|level| all(level)).collect()),
            resource: resource.as_ref().map(|(name, document)| Named { name, document }),
        };
        Ok(CaseResult::of(self.id, decide(&request, &policies, Detail::Deciding)))
    }
}

fn all(held: &[(String, Document)]) -> Vec<Named<'_>> {
    held.iter().map(|(name, document)| Named { name, document }).collect()
}

impl Asked {
    fn meant(&self) -> Result<Request, String> {
        let principal = Principal::parse(&self.principal).map_err(|error| error.to_string())?;
        let principal = match &self.principal_id {
            Some(id) => principal.with_unique_id(id),
            None => principal,
        };
        let mut context = Context::default();
        for (key, values) in &self.context {
            let values = match values {
                OneOrMany::One(value) => vec![value.text()],
                OneOrMany::Many(values) => values.iter().map(Scalar::text).collect(),
            };
            if !context.set(key, values) {
                return Err(format!("the context key `{key}` stands twice, in different cases"));
            }
        }
        let request =
            Request::new(principal, &self.action, &self.resource, context).map_err(|error| error.to_string())?;
        Ok(match &self.resource_account {
            Some(account) => request.owned_by(account).map_err(|error| error.to_string())?,
            None => request,
        })
    }
}

impl Scalar {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => number.to_string(),
        }
    }
}

impl<'a> CaseResult<'a> {
    /// The result of what is no case, and why.
    #[must_use]
    pub fn error(id: Option<&'a RawValue>, problem: &str) -> Self {
        let told = Told {
            layer: None,
            policy: None,
            statement: None,
            sid: None,
            effect: None,
            what: printable(problem).into_owned(),
        };
        Self { id, decision: "Error", reasons: vec![told], missing: Vec::new() }
    }

    fn of(id: Option<&'a RawValue>, decision: Decision) -> Self {
        let word = decision.verdict.as_str();
        let reasons = decision.reasons.into_iter().map(Told::from).collect();
        Self { id, decision: word, reasons, missing: decision.missing }
    }

    /// Whether the case could be decided.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.decision == "Error"
    }

    /// `Allowed`, `ExplicitlyDenied`, `ImplicitlyDenied` or `Error`.
    #[must_use]
    pub fn decision(&self) -> &'static str {
        self.decision
    }
}

impl From<Reason> for Told {
    fn from(reason: Reason) -> Self {
        let what = reason.to_string();
        let bare = |layer: Option<Layer>| Self {
            layer: layer.map(|layer| layer.to_string()),
            policy: None,
            statement: None,
            sid: None,
            effect: None,
            what,
        };
        match reason {
            Reason::Statement { layer, policy, index, sid, effect } => Self {
                policy: Some(policy),
                statement: Some(index),
                sid,
                effect: Some(effect.as_str()),
                ..bare(Some(layer))
            },
            Reason::NothingAllows(layer) => bare(Some(layer)),
            Reason::NoSessionPolicy => bare(Some(Layer::Session)),
            Reason::Root => bare(None),
        }
    }
}
