//! Conditions: an operator, a key, and what its values are held against.
//!
//! A condition holds when the key's value matches any of the policy's values; a negated one when it matches none of them.
//! Several conditions of a statement must all hold. Of a key that has several values, `ForAllValues` asks all of them and
//! `ForAnyValue` one; without either, one that matches is a match (AWS IAM User Guide, "Conditions with multiple context
//! keys or values").

mod operator;
mod print;
mod value;

use std::net::IpAddr;

use ipnet::IpNet;

use super::arn::{ArnFields, ArnPattern, Variables};
use super::context::{Context, Key};
use super::document::Version;
use super::fault::PolicyError;
use super::json::{Node, Value};
use super::pattern::{Pattern, Reading};
use crate::base::Timestamp;
use crate::base::text::printable;
use operator::{Operator, Order, Quantifier, Test};
pub(super) use print::{Block, blocks};
use value::Number;

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    operator: Operator,
    key: Key,
    values: Values,
}

/// What the key's values are held against.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Values {
    Arns(Vec<ArnPattern>),
    Binary(Vec<Vec<u8>>),
    Flags(Vec<Pattern>),
    Moments(Order, Vec<Timestamp>),
    Networks(Vec<IpNet>),
    Numbers(Order, Vec<Number>),
    /// Whether the key must be absent.
    Absence(Vec<bool>),
    Texts {
        folded: bool,
        patterns: Vec<Pattern>,
    },
}

/// The conditions of a statement.
pub(super) fn parse(node: &Node<'_, '_>, version: Version) -> Result<Vec<Condition>, PolicyError> {
    let mut conditions = Vec::new();
    for member in node.object("an object of condition operators")? {
        let block = node.member(&member);
        let operator = Operator::named(&member.name).ok_or_else(|| {
            let problem = format!("`{}` is no condition operator", printable(&member.name));
            block.fault(problem, "one such as `StringEquals`, `IpAddress` or `ForAnyValue:StringLike`")
        })?;
        for key in block.object("an object of context keys")? {
            let values = block.member(&key);
            if key.name.trim().is_empty() {
                return Err(values.fault("a context key without a name", "one such as `aws:SourceIp`"));
            }
            conditions.push(Condition {
                operator,
                key: Key::of(&key.name),
                values: Values::parse(operator.test, &values, version)?,
            });
        }
    }
    Ok(conditions)
}

impl Condition {
    /// Whether it holds of what a request carries.
    pub(super) fn holds(&self, context: &Context) -> bool {
        let Operator { quantifier, negated, if_exists, .. } = self.operator;
        let found = context.values(self.key.folded());
        if let Values::Absence(wanted) = &self.values {
            return wanted.contains(&found.is_none());
        }
        let Some(found) = found else {
            return if_exists || quantifier == Some(Quantifier::All) || negated && quantifier.is_none();
        };
        let passes = |text: &String| self.values.any_matches(text, context) != negated;
        match quantifier {
            Some(Quantifier::All) => found.iter().all(passes),
            Some(Quantifier::Any) => found.iter().any(passes),
            // Negated: none may match.
            None if negated => found.iter().all(passes),
            None => found.iter().any(passes),
        }
    }

    /// The key it asks for, lower-case.
    pub(super) fn key(&self) -> &str {
        self.key.folded()
    }

    /// The key it asks for, and those of its variables.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        let (patterns, arns): (&[Pattern], &[ArnPattern]) = match &self.values {
            Values::Texts { patterns, .. } | Values::Flags(patterns) => (patterns, &[]),
            Values::Arns(arns) => (&[], arns),
            _ => (&[], &[]),
        };
        let variables = patterns.iter().flat_map(Pattern::keys).chain(arns.iter().flat_map(ArnPattern::keys));
        std::iter::once(&self.key).chain(variables)
    }

    /// True when it passes of an absent key because it asks all of its values, and there is none.
    pub(super) fn passes_when_empty(&self) -> bool {
        self.operator.quantifier == Some(Quantifier::All)
    }

    /// True when it asks for the key to be there.
    pub(super) fn demands_presence(&self) -> bool {
        match &self.values {
            Values::Absence(absent) => !absent.contains(&true),
            _ => !self.operator.if_exists && !self.operator.negated && !self.passes_when_empty(),
        }
    }

    /// True when it says what must not be, and so passes when nothing is known.
    pub(super) fn is_negated(&self) -> bool {
        self.operator.negated && self.operator.quantifier != Some(Quantifier::Any)
    }

    /// True when no one value of the key is good for it and for `other`, and it wants one.
    pub(super) fn excludes(&self, other: &Self) -> bool {
        if self.key != other.key || !self.demands_presence() {
            return false;
        }
        match (self.exact_texts(), other.exact_texts()) {
            (Some(mut ours), Some(theirs)) => !ours.any(|value| theirs.clone().any(|other| other == value)),
            _ => false,
        }
    }

    /// The patterns of which the key must be there and match one; `None` of a condition of another sort.
    pub(super) fn demanded_texts(&self) -> Option<&[Pattern]> {
        match &self.values {
            Values::Texts { patterns, .. } if !self.operator.negated && self.demands_presence() => Some(patterns),
            _ => None,
        }
    }

    /// The texts it takes, if these are all it takes.
    fn exact_texts(&self) -> Option<impl Iterator<Item = &str> + Clone> {
        match &self.values {
            Values::Texts { patterns, folded: false }
                if !self.operator.negated
                    && self.operator.quantifier.is_none()
                    && patterns.iter().all(|pattern| pattern.exact().is_some()) =>
            {
                Some(patterns.iter().filter_map(Pattern::exact))
            }
            _ => None,
        }
    }
}

impl Values {
    fn parse(test: Test, node: &Node<'_, '_>, version: Version) -> Result<Self, PolicyError> {
        let pattern = |text: &str, wildcards, folded| Pattern::compile(text, version, Reading { wildcards, folded });
        Ok(match test {
            Test::Arn => {
                let read = |text: &str| ArnPattern::compile(text, version, Variables::Anywhere);
                Self::Arns(list(node, "ARNs, such as `arn:aws:iam::*:role/*`", read)?)
            }
            Test::Binary => Self::Binary(list(node, "bytes in base64", |text| fit(value::bytes(text), text))?),
            Test::Bool => Self::Flags(list(node, "`true` or `false`", |text| {
                let compiled = pattern(text, false, true)?;
                let sound = compiled.has_variables() || compiled.exact().and_then(value::flag).is_some();
                fit(sound.then_some(compiled), text)
            })?),
            Test::Null => Self::Absence(list(node, "`true` or `false`", |text| fit(value::flag(text), text))?),
            Test::Date(order) => {
                let expected = "times, such as `2026-11-29T12:00:00Z`, or seconds since 1970";
                Self::Moments(order, list(node, expected, |text| fit(value::moment(text), text))?)
            }
            Test::Ip => {
                let expected = "networks or addresses, such as `10.0.0.0/8`";
                Self::Networks(list(node, expected, |text| fit(value::network(text), text))?)
            }
            Test::Number(order) => {
                Self::Numbers(order, list(node, "numbers, such as `3600`", |text| fit(Number::read(text), text))?)
            }
            Test::Text { wildcards, folded } => {
                let patterns = list(node, "texts", |text| pattern(text, wildcards, folded))?;
                Self::Texts { folded, patterns }
            }
        })
    }

    /// Whether one of them matches a value of the request. What cannot be read, and an unknown variable, match nothing.
    fn any_matches(&self, text: &str, context: &Context) -> bool {
        match self {
            Self::Arns(patterns) => ArnFields::of(text)
                .is_some_and(|arn| patterns.iter().any(|pattern| pattern.matches(&arn, context) == Some(true))),
            Self::Binary(held) => value::bytes(text).is_some_and(|bytes| held.contains(&bytes)),
            Self::Flags(patterns) => {
                let is = |pattern: &Pattern| match pattern.exact() {
                    Some(flag) => flag.eq_ignore_ascii_case(text),
                    None => pattern.matches_folded(text, context) == Some(true),
                };
                value::flag(text).is_some() && patterns.iter().any(is)
            }
            Self::Moments(order, held) => {
                value::moment(text).is_some_and(|moment| held.iter().any(|wanted| order.holds(moment.cmp(wanted))))
            }
            Self::Networks(held) => {
                let inside = |address: IpAddr| held.iter().any(|network| network.contains(&address));
                value::address(text).is_some_and(inside)
            }
            Self::Numbers(order, held) => {
                Number::read(text).is_some_and(|number| held.iter().any(|wanted| order.holds(number.cmp(wanted))))
            }
            Self::Absence(_) => false,
            Self::Texts { folded: true, patterns } => {
                patterns.iter().any(|pattern| pattern.matches_folded(text, context) == Some(true))
            }
            Self::Texts { folded: false, patterns } => {
                patterns.iter().any(|pattern| pattern.matches(text, context) == Some(true))
            }
        }
    }
}

/// Reads one value or several. The language takes numbers and flags in place of their texts.
fn list<T>(
    node: &Node<'_, '_>,
    expected: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, PolicyError> {
    node.each(expected, |item| {
        let value = item.value()?;
        let text = match &value {
            Value::Text(text) => text,
            Value::Number(number) => *number,
            Value::Bool(true) => "true",
            Value::Bool(false) => "false",
            Value::Object(_) | Value::Array(_) | Value::Null => {
                return Err(item.fault(format!("found {}", value.kind()), expected));
            }
        };
        read(text).map_err(|problem| item.fault(printable(&problem), expected))
    })
}

fn fit<T>(read: Option<T>, text: &str) -> Result<T, String> {
    read.ok_or_else(|| format!("found `{text}`"))
}
