//! Trust in an issuer that strangers share: GitHub signs for everybody who has a repository there. A statement that trusts it and
//! does not say which of them is meant lets in the whole world.
//!
//! AWS refuses such trust policies when they are written. Here they let nobody in either when they are read, whatever way they got
//! into the store.

use std::fmt;

use super::condition::Condition;
use super::document::{Document, Effect, Statement};
use super::index::Index;
use super::pattern::Pattern;
use super::principal::{OtherKind, PrincipalPattern};
use crate::base::text::printable;

/// What stands before the first wildcard of a subject must name an owner by one of these: GitHub's and GitLab's kinds of subjects,
/// and those of other services where code runs for many. Of another kind it is not known how much of it a stranger can choose, and
/// the whole subject has to be written.
const OWNERS: &[&str] = &[
    "account",
    "enterprise",
    "organization",
    "project_path",
    "repo",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
];

/// A statement that lets strangers in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetsStrangersIn {
    /// Which statement, from 0.
    pub statement: usize,
    /// The issuer they share, without `https://`.
    pub issuer: String,
}

impl fmt::Display for LetsStrangersIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuer = printable(&self.issuer);
        write!(
            f,
            "it trusts everybody for whom `{issuer}` signs, strangers among them, since nothing says whose `sub` is meant"
        )
    }
}

impl LetsStrangersIn {
    /// What to write instead.
    #[must_use]
    pub fn remedy(&self) -> String {
        let issuer = printable(&self.issuer);
        format!(
            "add a condition StringEquals on `{issuer}:sub`, or StringLike with the owner before the first wildcard, such as \
             `repo:OWNER/REPOSITORY:*`"
        )
    }
}

impl Document {
    /// Statements that name an issuer of which `is_shared` is true of its `HOST/PATH`, and do not say whose subject is meant.
    pub fn lets_strangers_in(&self, is_shared: impl Fn(&str) -> bool) -> Vec<LetsStrangersIn> {
        let mut found = Vec::new();
        for (number, statement) in self.statements.iter().enumerate() {
            let named = statement.issuers().filter(|issuer| is_shared(issuer) && !statement.says_who(issuer));
            found.extend(named.map(|issuer| LetsStrangersIn { statement: number, issuer: issuer.to_owned() }));
        }
        found
    }

    /// What of it counts for somebody for whom the shared issuer with this `HOST/PATH` vouches: what denies, and what allows and says
    /// whose subject is meant. That everybody is allowed does not let strangers in either.
    #[must_use]
    pub fn without_strangers(&self, issuer: &str) -> Self {
        let mut counting = self.clone();
        counting.statements.retain(|statement| statement.effect == Effect::Deny || statement.says_who(issuer));
        counting.index = Index::of(&counting.statements);
        counting
    }
}

impl Statement {
    /// The issuers it trusts by name.
    fn issuers(&self) -> impl Iterator<Item = &str> {
        let trusted = self.principals.iter().filter(|choice| self.effect == Effect::Allow && !choice.not);
        trusted.flat_map(|choice| &choice.among).filter_map(|pattern| match pattern {
            PrincipalPattern::Other { kind: OtherKind::Federated, name } => {
                Some(name.split_once(":oidc-provider/").map_or(&**name, |(_, issuer)| issuer))
            }
            _ => None,
        })
    }

    /// Whether it holds only of subjects of `issuer` that are known not to be a stranger's choice.
    fn says_who(&self, issuer: &str) -> bool {
        let key = format!("{issuer}:sub").to_lowercase();
        let about = self.conditions.iter().filter(|condition| condition.key() == key);
        about.filter_map(Condition::demanded_texts).any(|patterns| patterns.iter().all(names_an_owner))
    }
}

/// `repo:OWNER/..`: an owner, whole. `repo:OWNER*` would be everybody whose name begins so, too.
fn names_an_owner(subject: &Pattern) -> bool {
    if subject.exact().is_some() {
        return true;
    }
    let Some((kind, rest)) = subject.beginning().split_once(':') else { return false };
    OWNERS.contains(&kind) && rest.find(['/', ':']).is_some_and(|end| end > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Kind;

    const GITHUB: &str = "token.actions.githubusercontent.com";

    fn document(condition: &str) -> Document {
        let text = format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow",
            "Principal": {{"Federated": "arn:aws:iam::123456789012:oidc-provider/{GITHUB}"}},
            "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {condition}}}]}}"#
        );
        Document::parse(&text, Kind::Trust).unwrap_or_else(|fault| panic!("{text}: {fault}"))
    }

    fn lets_in(condition: &str) -> bool {
        let document = document(condition);
        let found = !document.lets_strangers_in(|issuer| issuer == GITHUB).is_empty();
        assert_eq!(document.without_strangers(GITHUB).is_empty(), found, "{condition}");
        found
    }

    #[test]
    fn a_subject_has_to_name_its_owner() {
        let on = |operator: &str, values: &str| format!(r#"{{"{operator}": {{"{GITHUB}:sub": {values}}}}}"#);
        for good in [
            on("StringEquals", r#""repo:acme/site:ref:refs/heads/main""#),
            on("StringEqualsIgnoreCase", r#""repo:acme/site:ref:refs/heads/main""#),
            on("StringLike", r#"["repo:acme/*", "repo:acme/site:*", "repository_owner:acme:*"]"#),
            on("ForAnyValue:StringLike", r#""repo:acme/*""#),
            // Whatever else is said.
            format!(r#"{{"StringLike": {{"{GITHUB}:SUB": ["repo:acme/*"], "{GITHUB}:aud": "*"}}}}"#),
            // Exact, and nobody at all.
            on("StringEquals", r#""*""#),
        ] {
            assert!(!lets_in(&good), "{good}");
        }
        for bad in [
            "{}".to_owned(),
            format!(r#"{{"StringEquals": {{"{GITHUB}:aud": "sts.amazonaws.com"}}}}"#),
            r#"{"StringEquals": {"gitlab.com:sub": "project_path:acme/site:ref_type:branch:ref:main"}}"#.to_owned(),
            on("StringLike", r#""*""#),
            on("StringLike", r#""repo:*""#),
            on("StringLike", r#""repo:acme*""#),
            on("StringLike", r#""repo:*/site:*""#),
            on("StringLike", r#""repo:/*""#),
            on("StringLike", r#""repo:acm?/site:ref:refs/heads/main""#),
            on("StringLike", r#""*:ref:refs/heads/main""#),
            on("StringLike", r#""environment:production:*""#),
            on("StringLike", r#"["repo:acme/*", "*"]"#),
            on("StringEquals", r#""${token.actions.githubusercontent.com:sub}""#),
            on("StringLike", r#""repo:${aws:PrincipalTag/Owner}/*""#),
            on("StringNotLike", r#""repo:acme/*""#),
            on("StringLikeIfExists", r#""repo:acme/*""#),
            on("ForAllValues:StringLike", r#""repo:acme/*""#),
            on("Null", r#""false""#),
        ] {
            assert!(lets_in(&bad), "{bad}");
        }
    }

    #[test]
    fn an_issuer_that_nobody_shares_and_what_denies_are_let_be() {
        let document = document("{}");
        assert!(document.lets_strangers_in(|_| false).is_empty());
        let text = r#"{"Statement": [
            {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRoleWithWebIdentity"},
            {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRoleWithWebIdentity"}]}"#;
        let open = Document::parse(text, Kind::Trust).unwrap();
        let counting = open.without_strangers(GITHUB);
        assert!(counting.has(Effect::Deny) && !counting.has(Effect::Allow) && counting.len() == 1);
    }

    #[test]
    fn the_remedy_names_the_key() {
        let document = document("{}");
        let found = &document.lets_strangers_in(|_| true)[0];
        assert!(
            found.to_string().contains(GITHUB) && found.remedy().contains("token.actions.githubusercontent.com:sub")
        );
    }
}
