//! What a no rests on, for those who want to do something about it: the statements that deny, or those that would allow if their
//! conditions held, each condition with the value that it saw; and which layers allow nothing.
//!
//! Decisions say what settled them ([`super::Reason`]). What would have to be otherwise is another question, asked of a no alone.

use super::condition::{self, Condition};
use super::context::Context;
use super::decide::{Decision, Layer, Named, Policies, Reason, Verdict};
use super::document::{Effect, Statement, Version};
use super::evaluate::is_about;
use super::matched::Matched;
use super::request::Request;

/// What a no rests on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Basis {
    /// The statements that deny, as they are shown to people who may not read the whole document.
    pub matched: Vec<Matched>,
    /// The statements that deny; where none does, those that would allow if their conditions held.
    pub causes: Vec<Cause>,
    /// The layers in which nothing allows it, though something has to.
    pub lacking: Vec<Lacking>,
}

/// A layer in which nothing allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// Which.
    pub layer: Layer,
    /// What its documents are called, where it is guardrails.
    pub of: Vec<String>,
}

/// A statement that had a say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Where.
    pub layer: Layer,
    /// What its document is called.
    pub policy: String,
    /// The statement, from 0.
    pub index: usize,
    /// Its name, if it has one.
    pub sid: Option<String>,
    /// What it does.
    pub effect: Effect,
    /// As it was understood, in JSON.
    pub text: String,
    /// Its conditions.
    pub conditions: Vec<Tested>,
}

/// A condition, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// The operator, as documents write it.
    pub operator: String,
    /// The key, in lower case.
    pub key: String,
    /// What its values are held against.
    pub wanted: Vec<String>,
    /// What they were; nothing of a key that was not there.
    pub seen: Vec<String>,
    /// Whether it held.
    pub met: bool,
}

/// Most statements that are gathered: of more nobody makes sense.
const MOST: usize = 8;

impl Decision {
    /// What this no to `request`, by `policies`, rests on; nothing of a yes.
    #[must_use]
    pub fn basis(&self, request: &Request, policies: &Policies<'_>) -> Basis {
        let mut causes: Vec<Cause> = match self.verdict {
            Verdict::Allowed => return Basis::default(),
            Verdict::ExplicitlyDenied => self.denying_statements(request, policies),
            Verdict::ImplicitlyDenied => {
                let lacking = self.lacking();
                lacking.flat_map(|layer| nearly(layer, policies.held(layer), request, policies)).take(MOST).collect()
            }
        };
        causes.truncate(MOST);
        let lacking = self.lacking().map(|layer| Lacking { layer, of: names(layer, policies) }).collect();
        Basis { matched: self.denying(policies), causes, lacking }
    }

    fn lacking(&self) -> impl Iterator<Item = Layer> + '_ {
        self.reasons.iter().filter_map(|reason| match reason {
            Reason::NothingAllows(layer) => Some(*layer),
            Reason::NoSessionPolicy => Some(Layer::Session),
            _ => None,
        })
    }

    fn denying_statements(&self, request: &Request, policies: &Policies<'_>) -> Vec<Cause> {
        let denying = self.reasons.iter().filter_map(|reason| match reason {
            Reason::Statement { layer, policy, index, effect: Effect::Deny, .. } => {
                let named = policies.held(*layer).iter().find(|named| named.name == policy)?;
                named.cause(*layer, *index, &request.context)
            }
            _ => None,
        });
        denying.collect()
    }
}

/// What guardrails of a level are called.
fn names(layer: Layer, policies: &Policies<'_>) -> Vec<String> {
    match layer {
        Layer::ServiceControl(_) | Layer::ResourceControl(_) => {
            policies.held(layer).iter().map(|named| named.name.to_owned()).collect()
        }
        _ => Vec::new(),
    }
}

/// The statements of a layer that would allow it, if their conditions held.
fn nearly<'a>(
    layer: Layer,
    held: &'a [Named<'a>],
    request: &'a Request,
    policies: &Policies<'_>,
) -> impl Iterator<Item = Cause> + 'a {
    let bounded = policies.boundary.is_some();
    held.iter().flat_map(move |named| {
        let meant = named.document.index.allowing(&request.action).filter(move |index| {
            let statement = named.document.statements.get(*index);
            statement.is_some_and(|statement| is_about(statement, request, bounded))
        });
        let causes = meant.filter_map(move |index| named.cause(layer, index, &request.context));
        // One without an unmet condition allows, in a layer that asks to be named more closely: that is no way in.
        causes.filter(|cause| cause.conditions.iter().any(|tested| !tested.met))
    })
}

impl Named<'_> {
    fn cause(&self, layer: Layer, index: usize, context: &Context) -> Option<Cause> {
        let statement = self.document.statements.get(index)?;
        Some(Cause {
            layer,
            policy: self.name.to_owned(),
            index,
            sid: statement.sid.as_deref().map(str::to_owned),
            effect: statement.effect,
            text: self.document.print_statement(index)?,
            conditions: statement.tested(self.document.version, context),
        })
    }
}

impl Statement {
    fn tested(&self, version: Version, context: &Context) -> Vec<Tested> {
        let of = |condition: &Condition| {
            // Printed by itself, so that each has its own operator and values.
            let block = condition::blocks(std::slice::from_ref(condition), version).into_iter().next();
            let (operator, wanted) = block.map_or_else(Default::default, |block| {
                let values = block.keys.into_iter().next().map(|(_, values)| values).unwrap_or_default();
                (block.name, values)
            });
            let key = condition.key().to_owned();
            let seen = context.values(&key).map(<[String]>::to_vec).unwrap_or_default();
            Tested { operator, key, wanted, seen, met: condition.holds(context) }
        };
        self.conditions.iter().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Detail, Document, Kind, Principal, decide};

    fn asked(context: &[(&str, &str)]) -> Request {
        let mut values = Context::default();
        for (key, value) in context {
            values.set(key, vec![(*value).to_owned()]);
        }
        let ann = Principal::parse("arn:aws:iam::123456789012:user/ann").unwrap();
        Request::new(ann, "s3:GetObject", "arn:aws:s3:::data/x", values).unwrap()
    }

    fn basis(text: &str, context: &[(&str, &str)]) -> Basis {
        let document = Document::parse(text, Kind::Identity).unwrap();
        let policies = Policies { identity: vec![Named { name: "own", document: &document }], ..Policies::default() };
        let request = asked(context);
        decide(&request, &policies, Detail::Deciding).basis(&request, &policies)
    }

    #[test]
    fn a_condition_that_does_not_hold_is_told_with_what_it_saw() {
        let text = r#"{"Version":"2012-10-17","Statement":[
            {"Effect":"Allow","Action":"s3:Put*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}},
            {"Sid":"Office","Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::data/*","Condition":{
                "IpAddress":{"aws:SourceIp":"10.0.0.0/8"},"Bool":{"aws:MultiFactorAuthPresent":"true"}}}]}"#;
        let found = basis(text, &[("aws:SourceIp", "203.0.113.9"), ("aws:MultiFactorAuthPresent", "true")]);
        assert_eq!(found.causes.len(), 1, "the other statement is about something else: {found:?}");
        let cause = &found.causes[0];
        assert_eq!((cause.sid.as_deref(), cause.index, cause.effect), (Some("Office"), 1, Effect::Allow));
        assert!(cause.text.contains("\"Sid\": \"Office\"") && !cause.text.contains("s3:put"), "{}", cause.text);
        let unmet: Vec<&Tested> = cause.conditions.iter().filter(|tested| !tested.met).collect();
        assert_eq!(unmet.len(), 1);
        assert_eq!((unmet[0].operator.as_str(), unmet[0].key.as_str()), ("IpAddress", "aws:sourceip"));
        assert_eq!(
            (&unmet[0].wanted[..], &unmet[0].seen[..]),
            (&["10.0.0.0/8".into()][..], &["203.0.113.9".into()][..])
        );
        assert_eq!(found.lacking, [Lacking { layer: Layer::Identity, of: Vec::new() }]);
        let nothing = basis(text, &[("aws:SourceIp", "10.1.1.1")]);
        assert_eq!(nothing.causes[0].conditions.iter().filter(|tested| !tested.met).count(), 1);
        assert_eq!(nothing.causes[0].conditions.iter().find(|tested| !tested.met).unwrap().seen, Vec::<String>::new());
    }

    #[test]
    fn a_statement_that_denies_stands_for_itself_and_a_yes_rests_on_nothing() {
        let text = r#"{"Version":"2012-10-17","Statement":[
            {"Effect":"Allow","Action":"*","Resource":"*"},
            {"Sid":"Away","Effect":"Deny","Action":"s3:*","Resource":"*",
             "Condition":{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}]}"#;
        let found = basis(text, &[("aws:SourceIp", "203.0.113.9")]);
        assert_eq!(found.causes.len(), 1);
        assert_eq!((found.causes[0].effect, found.causes[0].conditions[0].met), (Effect::Deny, true));
        assert_eq!((found.matched.len(), found.lacking.len()), (1, 0));
        assert_eq!(basis(text, &[("aws:SourceIp", "10.1.1.1")]), Basis::default());
    }
}
