//! Patterns of Amazon Resource Names: compared field by field, so that a `*` does not cross into the next one.
//!
//! An ARN has six fields, `arn:partition:service:region:account:resource`, and what follows the fifth colon is the
//! resource, colons included. A pattern with fewer fields goes on with `*`, if that is its last: `arn:aws:s3:*`.

use super::context::{Context, Key};
use super::document::Version;
use super::pattern::{Pattern, Reading, split_variable};

const FIELDS: usize = 6;
const WILD: Reading = Reading { wildcards: true, folded: false };

/// An ARN as it was asked for, in its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ArnFields {
    text: Box<str>,
    /// Where each field behind the first begins.
    starts: [usize; FIELDS - 1],
}

impl ArnFields {
    /// The fields of `text`; `None` when it is no ARN.
    pub(super) fn of(text: &str) -> Option<Self> {
        if !text.starts_with("arn:") {
            return None;
        }
        let mut starts = [0; FIELDS - 1];
        let mut colons = text.match_indices(':').map(|(at, _)| at + 1);
        for start in &mut starts {
            *start = colons.next()?;
        }
        Some(Self { text: text.into(), starts })
    }

    /// Field `n`, from 0; the last is the resource.
    pub(super) fn field(&self, n: usize) -> &str {
        let start = n.checked_sub(1).and_then(|n| self.starts.get(n)).copied().unwrap_or(0);
        let end = self.starts.get(n).map_or(self.text.len(), |next| next.saturating_sub(1));
        self.text.get(start..end).unwrap_or_default()
    }

    /// The service, such as `s3`.
    pub(super) fn service(&self) -> &str {
        self.field(2)
    }

    /// The account; empty for many, such as buckets.
    pub(super) fn account(&self) -> &str {
        self.field(4)
    }

    /// What follows the fifth colon.
    pub(super) fn resource(&self) -> &str {
        self.field(5)
    }
}

/// A pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ArnPattern {
    /// `*`
    Everything,
    /// Its fields, all but the first, which is `arn` in all of them. The last comes first: it tells most apart.
    Fields(Box<[Pattern; FIELDS - 1]>),
}

/// Where variables may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variables {
    /// In the resource alone: in a Resource element.
    InResource,
    /// Anywhere: in a condition.
    Anywhere,
}

impl ArnPattern {
    /// Compiles `text`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn compile(text: &str, version: Version, variables: Variables) -> Result<Self, String> {
        if text.chars().all(|c| c == '*') && !text.is_empty() {
            return Ok(Self::Everything);
        }
        let mut fields = split(text, version)?;
        if fields.first() != Some(&"arn") {
            return Err(format!("`{text}` does not begin with `arn:`"));
        }
        if fields.len() < FIELDS {
            // `arn:aws:ec2:*:instance/*` would take the resource for the account, and never match.
            if fields.last() != Some(&"*") {
                return Err(format!("`{text}` has {} of an ARN's 6 fields", fields.len()));
            }
            fields.resize(FIELDS, "*");
        }
        let [_, rest @ .., resource] = fields.as_slice() else { return Err(format!("`{text}` is no ARN")) };
        let before = |field: &&str| version.has_variables() && field.contains("${");
        if variables == Variables::InResource && rest.iter().any(before) {
            return Err("a variable before the fifth colon of an ARN".to_owned());
        }
        let compiled = |field: &str| Pattern::compile(field, version, WILD);
        let [partition, service, region, account] = rest else { return Err(format!("`{text}` is no ARN")) };
        Ok(Self::Fields(Box::new([
            compiled(resource)?,
            compiled(account)?,
            compiled(service)?,
            compiled(region)?,
            compiled(partition)?,
        ])))
    }

    /// Whether the ARN matches. `None` when a variable has no value.
    pub(super) fn matches(&self, arn: &ArnFields, context: &Context) -> Option<bool> {
        let Self::Fields(fields) = self else { return Some(true) };
        let [resource, account, service, region, partition] = &**fields;
        let texts = [(service, 2), (account, 4), (resource, 5), (region, 3), (partition, 1)];
        let mut unknown = false;
        for (pattern, field) in texts {
            match pattern.matches(arn.field(field), context) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => unknown = true,
            }
        }
        (!unknown).then_some(true)
    }

    /// Its text, in all its fields; `variables` as it was compiled with.
    pub(super) fn print(&self, version: Version, variables: Variables) -> String {
        let Self::Fields(fields) = self else { return "*".to_owned() };
        let [resource, account, service, region, partition] = &**fields;
        // Where no variable may stand `${$}` may not either: a dollar stands alone, as in the version without variables.
        let before = match variables {
            Variables::InResource => Version::V2008,
            Variables::Anywhere => version,
        };
        let [partition, service, region, account] =
            [partition, service, region, account].map(|field| field.print(before));
        format!("arn:{partition}:{service}:{region}:{account}:{}", resource.print(version))
    }

    /// Whether the ARN matches for some values of the variables.
    pub(super) fn could_match(&self, arn: &ArnFields) -> bool {
        self.each_field(arn, |pattern, text| {
            pattern.has_variables() || pattern.matches(text, &Context::default()) == Some(true)
        })
    }

    /// Whether the ARN matches whatever the variables' values are.
    pub(super) fn must_match(&self, arn: &ArnFields) -> bool {
        self.each_field(arn, |pattern, text| {
            !pattern.has_variables() && pattern.matches(text, &Context::default()) == Some(true)
        })
    }

    fn each_field(&self, arn: &ArnFields, fits: impl Fn(&Pattern, &str) -> bool) -> bool {
        let Self::Fields(fields) = self else { return true };
        let [resource, account, service, region, partition] = &**fields;
        let texts = [(resource, 5), (account, 4), (service, 2), (region, 3), (partition, 1)];
        texts.into_iter().all(|(pattern, field)| fits(pattern, arn.field(field)))
    }

    /// Whether everything matches.
    pub(super) fn is_everything(&self) -> bool {
        match self {
            Self::Everything => true,
            Self::Fields(fields) => fields.iter().all(Pattern::is_everything),
        }
    }

    /// The keys of its variables.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        let fields: &[Pattern] = match self {
            Self::Everything => &[],
            Self::Fields(fields) => fields.as_slice(),
        };
        fields.iter().flat_map(Pattern::keys)
    }
}

/// The fields of a pattern. A colon inside of a variable is none.
fn split(text: &str, version: Version) -> Result<Vec<&str>, String> {
    let (mut fields, mut start, mut at) = (Vec::with_capacity(FIELDS), 0, 0);
    while fields.len() < FIELDS - 1 {
        let rest = text.get(at..).unwrap_or_default();
        let Some(found) = rest.find([':', '$']) else { break };
        at += found;
        let behind = rest.get(found + 1..).unwrap_or_default();
        if rest.get(found..).is_some_and(|rest| rest.starts_with(':')) {
            fields.push(text.get(start..at).unwrap_or_default());
            start = at + 1;
        } else if let Some(inner) = behind.strip_prefix('{').filter(|_| version.has_variables()) {
            let (inside, _) = split_variable(inner).ok_or("a variable without its `}`")?;
            at += inside.len() + 2;
        }
        at += 1;
    }
    fields.push(text.get(start..).unwrap_or_default());
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, arn: &str) -> bool {
        let pattern = ArnPattern::compile(pattern, Version::V2012, Variables::Anywhere).unwrap();
        pattern.matches(&ArnFields::of(arn).unwrap(), &Context::default()).unwrap()
    }

    #[test]
    fn wildcards_stay_within_their_field() {
        for (pattern, arn, expected) in [
            ("*", "arn:aws:s3:::b", true),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b/x/y", true),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b", false),
            ("arn:aws:s3:*:*:b", "arn:aws:s3:::b", true),
            ("arn:aws:iam::*:role/x", "arn:aws:iam::123456789012:role/x", true),
            ("arn:aws:lambda:*:*:function:*", "arn:aws:lambda:eu-west-1:123456789012:function:f:7", true),
            ("arn:aws:s3:*", "arn:aws:s3:::b/k", true),
            ("arn:aws:*", "arn:aws:s3:::b/k", true),
            ("arn:aws:s3:::B", "arn:aws:s3:::b", false),
        ] {
            assert_eq!(matches(pattern, arn), expected, "{pattern} {arn}");
        }
    }

    #[test]
    fn variables_may_hold_colons_and_stand_where_they_may() {
        let mut context = Context::default();
        context.set("aws:PrincipalAccount", vec!["123456789012".to_owned()]);
        context.set("aws:username", vec!["a:b".to_owned()]);
        let arn = ArnFields::of("arn:aws:iam::123456789012:user/a:b").unwrap();
        let text = "arn:aws:iam::${aws:PrincipalAccount}:user/${aws:username}";
        let anywhere = ArnPattern::compile(text, Version::V2012, Variables::Anywhere).unwrap();
        assert_eq!(anywhere.matches(&arn, &context), Some(true));
        assert_eq!(anywhere.matches(&arn, &Context::default()), None);
        let other = ArnFields::of("arn:aws:s3:::b").unwrap();
        assert_eq!(anywhere.matches(&other, &Context::default()), Some(false), "whatever the variable is");
        assert!(ArnPattern::compile(text, Version::V2012, Variables::InResource).unwrap_err().contains("fifth colon"));
    }

    #[test]
    fn what_is_no_arn_is_refused() {
        for bad in [
            "",
            "s3:::b",
            "arn",
            "arn:aws:s3",
            "arn:aws:*:x",
            "arn:*:role/x",
            "arn:aws:ec2:*:instance/*",
            "arn:aws:s3:::${x",
            "b*",
        ] {
            assert!(ArnPattern::compile(bad, Version::V2012, Variables::InResource).is_err(), "{bad}");
        }
        assert!(ArnFields::of("arn:aws:s3").is_none() && ArnFields::of("*").is_none());
    }
}
