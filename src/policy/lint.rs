//! What a policy may say and its author hardly ever means.
//!
//! Nothing here changes a decision. Each warning names the statement, what it really does, and what to write instead.

use std::collections::BTreeSet;

use super::action::ActionPattern;
use super::arn::{ArnFields, ArnPattern};
use super::condition::Condition;
use super::context::Context;
use super::document::{Document, Effect, Kind, Statement, Version};
use super::principal::PrincipalPattern;
use crate::model::Issuer;

/// Something to think about.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Warning {
    /// A word for it, stable across versions.
    pub code: &'static str,
    /// The statement, from 0; `None` of the document.
    pub statement: Option<usize>,
    /// Its Sid, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// What the statement really does.
    pub what: String,
    /// What to write instead.
    pub remedy: String,
}

/// Everything worth a thought in `document`; `text` is what it was parsed from.
#[must_use]
pub fn lint(document: &Document, text: &str) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if document.version == Version::V2008 && text.contains("${") {
        warnings.push(Warning {
            code: "variables-are-text",
            statement: None,
            sid: None,
            what: "`${..}` is text in version 2008-10-17, which holds where no `Version` is written".to_owned(),
            remedy: "write \"Version\": \"2012-10-17\"".to_owned(),
        });
    }
    let shared = |issuer: &str| {
        let issuer = format!("https://{issuer}").parse::<Issuer>();
        document.kind == Kind::Trust && issuer.is_ok_and(|issuer| issuer.is_known_to_be_shared())
    };
    for found in document.lets_strangers_in(shared) {
        warnings.push(Warning {
            code: "shared-issuer",
            statement: Some(found.statement),
            sid: document.sid(found.statement).map(str::to_owned),
            what: found.to_string(),
            remedy: found.remedy(),
        });
    }
    let mut sids = BTreeSet::new();
    for (index, statement) in document.statements.iter().enumerate() {
        let sid = statement.sid.as_deref();
        let mut warn = |code, what: String, remedy: &str| {
            warnings.push(Warning {
                code,
                statement: Some(index),
                sid: sid.map(str::to_owned),
                what,
                remedy: remedy.to_owned(),
            });
        };
        if let Some(sid) = sid.filter(|sid| !sids.insert(*sid)) {
            let what = format!("another statement has the Sid `{sid}` already; reasons could not tell them apart");
            warn("sid-twice", what, "give every statement a name of its own");
        }
        if statement.effect == Effect::Allow && document.kind == Kind::ResourceControl {
            let what = "it changes nothing: guardrails of resources deny, and all else they let be";
            warn("guardrail-allow", what.to_owned(), "take it out, or deny what is not to be");
        } else if statement.effect == Effect::Allow {
            allows(statement, document.kind, &mut warn);
        }
        // A guardrail of resources is about everybody, whatever it does.
        if document.kind != Kind::ResourceControl {
            principals(statement, &mut warn);
        }
        never_matches(statement, &mut warn);
    }
    warnings
}

fn allows(statement: &Statement, kind: Kind, warn: &mut impl FnMut(&'static str, String, &str)) {
    let Statement { actions, conditions, .. } = statement;
    if actions.not {
        let what = "NotAction with Allow grants everything else, of every service there is and every one to come";
        warn("not-action-allow", what.to_owned(), "list what is allowed in `Action`, or deny with `NotAction`");
    }
    let covers = |action: &str| actions.among.iter().any(|pattern| pattern.covers(action)) != actions.not;
    let on = |arn: &str| is_about(statement, arn);
    let is_everything = !actions.not
        && covers("anything:atall")
        && on("arn:aws:iam::000000000000:user/anybody")
        && on("arn:aws:s3:::anything/at/all");
    if kind == Kind::Identity && conditions.is_empty() && is_everything {
        warn(
            "administrator",
            "it allows everything on everything".to_owned(),
            "name the actions and resources that are needed",
        );
    } else if kind == Kind::Identity
        && covers("iam:passrole")
        && on("arn:aws:iam::000000000000:role/any/at-all")
        && !mentions(conditions, "iam:passedtoservice")
    {
        let what = "iam:PassRole on every role hands out the rights of the most powerful one";
        warn("pass-role-on-all", what.to_owned(), "name the roles, and set a condition on `iam:PassedToService`");
    }
    let demanded = |key: &str| conditions.iter().any(|other| other.key() == key && other.demands_presence());
    for condition in conditions.iter().filter(|condition| condition.passes_when_empty() && !demanded(condition.key())) {
        let what =
            format!("ForAllValues holds where `{}` is absent, so a request without it is allowed", condition.key());
        warn(
            "for-all-values-allow",
            what,
            "add a `Null` condition that asks for the key (\"false\"), or use ForAnyValue",
        );
    }
    let negated = conditions.iter().filter(|condition| condition.is_negated() && !condition.passes_when_empty());
    for condition in negated.filter(|condition| !demanded(condition.key())) {
        let what = format!(
            "a negated operator holds where `{}` is absent, so a request without it is allowed",
            condition.key()
        );
        warn(
            "negated-allow",
            what,
            "say what is allowed by a positive operator, or ask for the key with `Null` (\"false\")",
        );
    }
}

/// Whether the statement is about the resource with this ARN, variables apart.
fn is_about(statement: &Statement, arn: &str) -> bool {
    let (Some(resources), Some(arn)) = (&statement.resources, ArnFields::of(arn)) else { return true };
    let known = Context::default();
    resources.among.iter().any(|pattern| pattern.matches(&arn, &known) == Some(true)) != resources.not
}

fn principals(statement: &Statement, warn: &mut impl FnMut(&'static str, String, &str)) {
    let Some(principals) = &statement.principals else { return };
    let allows = statement.effect == Effect::Allow;
    if principals.not {
        let what = "NotPrincipal spares exactly those it names: of a role only the sessions that are named themselves, and nobody \
                    with a permissions boundary";
        warn(
            "not-principal",
            what.to_owned(),
            "name principals, and use conditions on `aws:PrincipalArn` for exceptions",
        );
    } else if allows && statement.conditions.is_empty() && principals.among.contains(&PrincipalPattern::Everyone) {
        let what = "it allows this to everybody, of every account";
        warn("everybody", what.to_owned(), "name the principals, or set a condition such as `aws:PrincipalAccount`");
    }
}

fn never_matches(statement: &Statement, warn: &mut impl FnMut(&'static str, String, &str)) {
    let never = |what: &str| format!("it never matches: {what}");
    const REMEDY: &str = "correct it, or take it out";
    if statement.actions.not && statement.actions.among.iter().any(ActionPattern::is_everything) {
        warn("never-matches", never("NotAction excepts every action"), REMEDY);
    }
    if let Some(resources) = &statement.resources
        && resources.not
        && resources.among.iter().any(ArnPattern::is_everything)
    {
        warn("never-matches", never("NotResource excepts every resource"), REMEDY);
    }
    let conditions = &statement.conditions;
    for (n, condition) in conditions.iter().enumerate() {
        if let Some(other) =
            conditions.iter().skip(n + 1).find(|other| condition.excludes(other) || other.excludes(condition))
        {
            let what = format!("no one value of `{}` does for both conditions on it", other.key());
            warn("never-matches", never(&what), REMEDY);
        }
    }
}

fn mentions(conditions: &[Condition], key: &str) -> bool {
    conditions.iter().any(|condition| condition.key() == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(kind: Kind, statement: &str) -> Vec<&'static str> {
        let text = format!(r#"{{"Version": "2012-10-17", "Statement": {statement}}}"#);
        let document = Document::parse(&text, kind).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        lint(&document, &text).into_iter().map(|warning| warning.code).collect()
    }

    #[test]
    fn the_classic_traps_are_told() {
        let identity = |rest: &str| codes(Kind::Identity, &format!(r#"{{"Effect": "Allow", {rest}}}"#));
        let read = r#""Action": "s3:GetObject", "Resource": "*""#;
        let with = |condition: &str| identity(&format!(r#"{read}, "Condition": {condition}"#));
        assert_eq!(identity(read), [""; 0]);
        assert_eq!(identity(r#""Action": "*", "Resource": "*""#), ["administrator"]);
        assert_eq!(identity(r#""Action": "*:*", "Resource": "arn:aws:*:*:*:*""#), ["administrator"]);
        assert_eq!(identity(r#""NotAction": "iam:*", "Resource": "arn:aws:s3:::b""#), ["not-action-allow"]);
        assert_eq!(identity(r#""Action": "iam:PassRole", "Resource": "arn:aws:iam::*:role/*""#), ["pass-role-on-all"]);
        assert_eq!(identity(r#""Action": "iam:Pass*", "Resource": "*""#), ["pass-role-on-all"]);
        assert_eq!(identity(r#""Action": "iam:PassRole", "Resource": "arn:aws:iam::111122223333:role/app""#), [""; 0]);
        assert_eq!(with(r#"{"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}"#), ["for-all-values-allow"]);
        assert_eq!(
            with(r#"{"ForAllValues:StringEquals": {"aws:TagKeys": "a"}, "Null": {"aws:TagKeys": "false"}}"#),
            [""; 0]
        );
        assert_eq!(with(r#"{"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}"#), ["negated-allow"]);
        assert_eq!(
            with(r#"{"StringNotEquals": {"a:b": "x"}, "Bool": {"aws:SecureTransport": true}}"#),
            ["negated-allow"]
        );
        assert_eq!(with(r#"{"StringNotEquals": {"a:b": "x"}, "Null": {"a:b": false}}"#), [""; 0]);
        assert_eq!(with(r#"{"ForAnyValue:StringNotEquals": {"aws:TagKeys": "a"}}"#), [""; 0]);
        assert_eq!(
            with(r#"{"StringEquals": {"a:b": "x"}, "StringEqualsIfExists": {"A:B": ["y", "z"]}}"#),
            ["never-matches"]
        );
        assert_eq!(
            codes(Kind::Identity, r#"{"Effect": "Deny", "NotResource": "*", "Action": "*"}"#),
            ["never-matches"]
        );
    }

    #[test]
    fn whom_a_resource_lets_in_is_told() {
        let trust = |rest: &str| codes(Kind::Trust, &format!(r#"{{"Action": "sts:AssumeRole", {rest}}}"#));
        assert_eq!(trust(r#""Effect": "Allow", "Principal": {"AWS": "*"}"#), ["everybody"]);
        assert_eq!(
            trust(
                r#""Effect": "Allow", "Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalAccount": "111122223333"}}"#
            ),
            [""; 0]
        );
        let deny = r#"{"Effect": "Deny", "Action": "*", "Resource": "*", "NotPrincipal": {"AWS": "111122223333"}}"#;
        assert_eq!(codes(Kind::Resource, deny), ["not-principal"]);
        assert_eq!(trust(r#""Effect": "Allow", "Principal": {"AWS": "111122223333"}"#), [""; 0]);
        let gitlab =
            r#""Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/gitlab.com"}"#;
        assert_eq!(trust(gitlab), ["shared-issuer"]);
        let own = r#""Condition": {"StringLike": {"gitlab.com:sub": "project_path:acme/*"}}"#;
        assert_eq!(trust(&format!("{gitlab}, {own}")), [""; 0]);
        let guardrail =
            |effect: &str| format!(r#"{{"Effect": "{effect}", "Principal": "*", "Action": "*", "Resource": "*"}}"#);
        assert_eq!(codes(Kind::ResourceControl, &guardrail("Allow")), ["guardrail-allow"]);
        assert_eq!(codes(Kind::ResourceControl, &guardrail("Deny")), [""; 0]);
    }

    #[test]
    fn names_and_versions_are_told() {
        let two = r#"[{"Sid": "A", "Effect": "Deny", "Action": "*", "Resource": "*"}, {"Sid": "A", "Effect": "Deny", "Action": "*", "Resource": "*"}]"#;
        assert_eq!(codes(Kind::Identity, two), ["sid-twice"]);
        let old = r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::${aws:username}"}}"#;
        let document = Document::parse(old, Kind::Identity).unwrap();
        assert_eq!(lint(&document, old)[0].code, "variables-are-text");
    }
}
