//! Rules by which the name of a group says which role its members may assume.
//!
//! Companies name groups so already: `aws-123456789012-admin`. A rule says it once for all of them, so that nobody assigns
//! roles to groups one by one, and a new group means what its name says from the moment it is read.

use std::fmt;
use std::sync::Arc;

use regex::Regex;

use super::{DirectoryLabel, Group};

/// Longest pattern that is taken, compiled; a pattern of a screen is far below.
const LARGEST: usize = 256 * 1024;

/// A rule about the groups of one directory: another directory's administrators could name a group as they like. Of Active
/// Directory's groups, only security groups are meant; whoever keeps a mailing list need not be trusted with names. Names are
/// matched as the directory spells them, and as a whole: a pattern for `aws-admin` does not match
/// `old-aws-admin`. Matching takes time linear in the name, whatever the pattern.
#[derive(Clone)]
pub struct GroupRule {
    directory: DirectoryLabel,
    pattern: Regex,
    account: Option<Template>,
    role: Template,
}

/// What a rule says of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Implied {
    /// Which rule, from 0.
    pub rule: usize,
    /// The account of the role; `None` is the home account.
    pub account: Option<String>,
    /// The role's name.
    pub role: String,
}

/// Why a rule makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroupRuleError {
    /// The pattern.
    #[error("not a regular expression: {0}")]
    Pattern(String),
    /// A part that the pattern does not capture.
    #[error("`${{{name}}}` is asked for, and the pattern captures no `(?<{name}>..)`")]
    NotCaptured {
        /// Its name.
        name: String,
    },
    /// `${` without its `}`.
    #[error("`${{` without its `}}`")]
    Unclosed,
}

/// Text with `${name}` for captured parts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Captured(String),
}

impl GroupRule {
    /// A rule that names the role `role`, `${role}` if nothing is said, in `account`: `${account}` where the pattern
    /// captures one, otherwise the home account.
    ///
    /// # Errors
    /// When the pattern is none, or a part is asked for that it does not capture.
    pub fn new(
        directory: DirectoryLabel,
        pattern: &str,
        account: Option<&str>,
        role: Option<&str>,
    ) -> Result<Self, GroupRuleError> {
        // As it is first, so that what is told about it is about what was written.
        Regex::new(pattern).map_err(|error| GroupRuleError::Pattern(last_line(&error.to_string())))?;
        let whole = regex::RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(LARGEST).build();
        let pattern = whole.map_err(|error| GroupRuleError::Pattern(last_line(&error.to_string())))?;
        let captures = |name: &str| pattern.capture_names().flatten().any(|captured| captured == name);
        let account = account.or_else(|| captures("account").then_some("${account}"));
        let account = account.map(|text| Template::parse(text, captures)).transpose()?;
        let role = Template::parse(role.unwrap_or("${role}"), captures)?;
        Ok(Self { directory, pattern, account, role })
    }

    /// The directory whose groups it is about.
    #[must_use]
    pub fn directory(&self) -> &DirectoryLabel {
        &self.directory
    }

    /// The pattern, as it is matched.
    #[must_use]
    pub fn pattern(&self) -> &str {
        self.pattern.as_str()
    }

    fn implied(&self, rule: usize, group: &Group) -> Option<Implied> {
        let is_meant = self.directory == group.origin.directory && (group.scope.is_none() || group.security);
        let captured = self.pattern.captures(&group.original_name).filter(|_| is_meant)?;
        let account = self.account.as_ref().map(|account| account.filled(&captured));
        Some(Implied { rule, account, role: self.role.filled(&captured) })
    }
}

impl Template {
    fn parse(text: &str, captured: impl Fn(&str) -> bool) -> Result<Self, GroupRuleError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("${") {
            let (name, after) = behind.split_once('}').ok_or(GroupRuleError::Unclosed)?;
            if !captured(name) {
                return Err(GroupRuleError::NotCaptured { name: name.to_owned() });
            }
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Captured(name.to_owned()));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    fn filled(&self, captured: &regex::Captures<'_>) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Captured(name) => captured.name(name).map(|found| found.as_str().to_owned()).unwrap_or_default(),
        };
        self.0.iter().map(part).collect()
    }
}

impl fmt::Debug for GroupRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupRule({})", self.pattern)
    }
}

/// Rules, in their order: the first that matches a group counts.
#[derive(Debug, Clone, Default)]
pub struct GroupRules(Arc<[GroupRule]>);

impl GroupRules {
    /// Whether they are the same ones, and not only equal.
    #[must_use]
    pub fn are(&self, others: &Self) -> bool {
        Arc::ptr_eq(&self.0, &others.0)
    }

    /// What the first rule that matches says of `group`, by the name its directory gives it.
    #[must_use]
    pub fn of(&self, group: &Group) -> Option<Implied> {
        self.0.iter().enumerate().find_map(|(number, rule)| rule.implied(number, group))
    }

    /// What every rule that matches says of `group`.
    #[must_use]
    pub fn all_of(&self, group: &Group) -> Vec<Implied> {
        self.0.iter().enumerate().filter_map(|(number, rule)| rule.implied(number, group)).collect()
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &[GroupRule] {
        &self.0
    }
}

impl FromIterator<GroupRule> for GroupRules {
    fn from_iter<I: IntoIterator<Item = GroupRule>>(rules: I) -> Self {
        Self(rules.into_iter().collect())
    }
}

/// The sentence of an error that shows the pattern first and then says what is wrong.
fn last_line(text: &str) -> String {
    let line = text.lines().last().unwrap_or(text);
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{GroupId, Guid};
    use crate::model::{GroupScope, IamName, Origin, Standing};

    fn corp() -> DirectoryLabel {
        "corp".parse().unwrap()
    }

    fn group(name: &str) -> Group {
        Group {
            id: GroupId::from_bytes([1; 16]),
            name: IamName::mapped(name, None, &[0; 16]),
            path: crate::model::IamPath::default(),
            original_name: name.to_owned(),
            origin: Origin::new(corp(), Guid::from_bytes([0; 16]), "cn=x"),
            standing: Standing::default(),
            description: None,
            scope: None,
            security: false,
        }
    }

    fn implied(pattern: &str, account: Option<&str>, role: Option<&str>, name: &str) -> Option<(String, String)> {
        let rules: GroupRules = [GroupRule::new(corp(), pattern, account, role).unwrap()].into_iter().collect();
        rules.of(&group(name)).map(|implied| (implied.account.unwrap_or_default(), implied.role))
    }

    #[test]
    fn a_name_says_account_and_role() {
        let aws = r"^aws-(?<account>\d{12})-(?<role>.+)$";
        let found = |account: &str, role: &str| Some((account.to_owned(), role.to_owned()));
        for (pattern, account, role, group, expected) in [
            (aws, None, None, "aws-123456789012-admin", found("123456789012", "admin")),
            (aws, None, None, "aws-1234-admin", None),
            (r"team-(?<team>\w+)", None, Some("Team-${team}-${team}"), "team-red", found("", "Team-red-red")),
            (r"team-(?<team>\w+)", Some("999999999999"), Some("x"), "team-red", found("999999999999", "x")),
            // As a whole: a pattern never means more than it says.
            ("aws-admin", None, Some("admin"), "old-aws-admin", None),
            ("aws-admin|aws-root", None, Some("admin"), "aws-root-2", None),
            ("(?i)AWS-(?<role>.*)", None, None, "aws-Ops", found("", "Ops")),
        ] {
            assert_eq!(implied(pattern, account, role, group), expected, "{pattern} {group}");
        }
    }

    #[test]
    fn the_first_rule_that_matches_counts() {
        let rule = |pattern, role| GroupRule::new(corp(), pattern, None, Some(role)).unwrap();
        let rules: GroupRules = [rule("a.*", "first"), rule(".*", "second")].into_iter().collect();
        assert_eq!(rules.of(&group("ab")).map(|implied| (implied.rule, implied.role)), Some((0, "first".to_owned())));
        assert_eq!(rules.of(&group("b")).map(|implied| (implied.rule, implied.role)), Some((1, "second".to_owned())));
        assert_eq!(rules.all_of(&group("ab")).len(), 2);
    }

    #[test]
    fn a_group_of_another_directory_and_a_mailing_list_mean_nothing() {
        let rules: GroupRules = [GroupRule::new(corp(), "(?<role>.*)", None, None).unwrap()].into_iter().collect();
        let elsewhere =
            Group { origin: Origin::new("labs".parse().unwrap(), Guid::from_bytes([0; 16]), "cn=x"), ..group("admin") };
        let list = Group { scope: Some(GroupScope::Global), ..group("admin") };
        let security = Group { security: true, ..list.clone() };
        let found = [group("admin"), elsewhere, list, security].map(|group| rules.of(&group).is_some());
        assert_eq!(found, [true, false, false, true]);
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for (pattern, role, words) in [
            ("a(", None, "unclosed group"),
            ("a", None, "captures no `(?<role>..)`"),
            ("(?<role>a)", Some("${team}"), "`${team}`"),
            ("(?<role>a)", Some("${role"), "without its"),
            ("(a{1000}){1000}", Some("x"), "size limit"),
        ] {
            let error = GroupRule::new(corp(), pattern, None, role).unwrap_err().to_string();
            assert!(error.contains(words), "{pattern}: {error}");
        }
    }
}
