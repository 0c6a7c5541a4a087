//! What a document could say to a request, whoever asked and whatever were known: for finding those worth asking about.
//!
//! Nothing is decided here. Of a document that could not allow it, [`decide`] finds no statement that allows it either.
//!
//! [`decide`]: super::decide

use super::arn::ArnPattern;
use super::document::{Document, Statement};
use super::principal::PrincipalPattern;
use super::request::{Request, Resource};

/// Somebody whom a document of a resource names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom<'a> {
    /// Everybody there is.
    Everybody,
    /// An account, whose own policies decide who of it.
    Account(&'a str),
    /// A principal, by ARN or unique id.
    One(&'a str),
    /// Somebody of another world: of an identity provider, a service.
    Other(&'a str),
}

impl Document {
    /// Whether some principal could be allowed by it what `request` asks, under some conditions.
    #[must_use]
    pub fn could_allow(&self, request: &Request) -> bool {
        self.allowing(request).next().is_some()
    }

    /// Whether one of its statements, whatever it does, could be about what `request` asks, for some principal and under some
    /// conditions. One that could not be has no say in it.
    #[must_use]
    pub fn could_concern(&self, request: &Request) -> bool {
        self.allowing(request).next().is_some() || {
            let denying = self.index.denying(&request.action).filter_map(|index| self.statements.get(index));
            denying.into_iter().any(|statement| statement.could_be_about(request))
        }
    }

    /// Whom it names where it could allow what `request` asks.
    pub fn could_allow_to<'a>(&'a self, request: &'a Request) -> impl Iterator<Item = Whom<'a>> {
        let principals = self.allowing(request).filter_map(|statement| statement.principals.as_ref());
        principals.flat_map(|choice| &choice.among).map(PrincipalPattern::whom)
    }

    fn allowing<'a>(&'a self, request: &'a Request) -> impl Iterator<Item = &'a Statement> {
        let candidates = self.index.allowing(&request.action).filter_map(|index| self.statements.get(index));
        candidates.filter(|statement| statement.could_be_about(request))
    }
}

impl Statement {
    /// Whether it is about the request's action and, for some values of its variables, about the resource.
    fn could_be_about(&self, request: &Request) -> bool {
        if self.actions.among.iter().any(|pattern| pattern.matches(&request.action)) == self.actions.not {
            return false;
        }
        let Some(resources) = &self.resources else { return true };
        match &request.resource {
            Resource::Any => resources.among.iter().any(ArnPattern::is_everything) != resources.not,
            Resource::Arn(arn) if resources.not => !resources.among.iter().any(|pattern| pattern.must_match(arn)),
            Resource::Arn(arn) => resources.among.iter().any(|pattern| pattern.could_match(arn)),
        }
    }
}

impl PrincipalPattern {
    fn whom(&self) -> Whom<'_> {
        match self {
            Self::Everyone => Whom::Everybody,
            Self::Account(account) => Whom::Account(account),
            Self::Arn { arn, .. } => Whom::One(arn),
            Self::UniqueId(id) => Whom::One(id),
            Self::Other { name, .. } => Whom::Other(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Context, Kind, Principal};

    fn request(action: &str, resource: &str) -> Request {
        let root = Principal::parse("arn:aws:iam::123456789012:root").unwrap();
        Request::new(root, action, resource, Context::default()).unwrap()
    }

    #[test]
    fn a_variable_could_be_anything_and_a_condition_could_hold() {
        for (statement, action, resource, expected) in [
            (r#""Effect":"Allow","Action":"s3:Get*","Resource":"*""#, "s3:GetObject", "arn:aws:s3:::b/k", true),
            (r#""Effect":"Allow","Action":"s3:Get*","Resource":"*""#, "s3:PutObject", "arn:aws:s3:::b/k", false),
            (r#""Effect":"Deny","Action":"s3:Get*","Resource":"*""#, "s3:GetObject", "arn:aws:s3:::b/k", false),
            (r#""Effect":"Allow","NotAction":"s3:Get*","Resource":"*""#, "s3:PutObject", "*", true),
            (
                r#""Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/*""#,
                "s3:GetObject",
                "arn:aws:s3:::c/k",
                false,
            ),
            (r#""Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/*""#, "s3:GetObject", "*", false),
            (
                r#""Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username}/*""#,
                "s3:GetObject",
                "arn:aws:s3:::c/k",
                true,
            ),
            (
                r#""Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username, 'd'}/*""#,
                "s3:GetObject",
                "arn:aws:s3:::c/k",
                true,
            ),
            (
                r#""Effect":"Allow","Action":"*","Resource":"arn:aws:sqs:::${aws:username}""#,
                "s3:GetObject",
                "arn:aws:s3:::c/k",
                false,
            ),
            (
                r#""Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::b/*""#,
                "s3:GetObject",
                "arn:aws:s3:::b/k",
                false,
            ),
            (
                r#""Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::${aws:username}/*""#,
                "s3:GetObject",
                "arn:aws:s3:::b/k",
                true,
            ),
            (
                r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"Null":{"a":"true"}}"#,
                "s3:GetObject",
                "*",
                true,
            ),
        ] {
            let text = format!(r#"{{"Version":"2012-10-17","Statement":{{{statement}}}}}"#);
            let document = Document::parse(&text, Kind::Identity).unwrap();
            assert_eq!(document.could_allow(&request(action, resource)), expected, "{text} {action} {resource}");
        }
    }

    #[test]
    fn whom_a_trust_policy_names_is_told_for_the_action_that_is_asked() {
        let text = r#"{"Statement": [
            {"Effect": "Allow", "Principal": {"AWS": ["123456789012", "AIDAIDIDIDIDIDIDIDID"]}, "Action": "sts:AssumeRole"},
            {"Effect": "Deny", "Principal": {"AWS": "AIDAXXXXXXXXXXXXXXXX"}, "Action": "sts:AssumeRole"},
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
            {"Effect": "Allow", "Principal": "*", "Action": "sts:TagSession"}]}"#;
        let document = Document::parse(text, Kind::Trust).unwrap();
        let role = "arn:aws:iam::123456789012:role/r";
        let named = |action: &str| {
            document.could_allow_to(&request(action, role)).map(|whom| format!("{whom:?}")).collect::<Vec<_>>()
        };
        assert_eq!(
            named("sts:AssumeRole"),
            [r#"Account("123456789012")"#, r#"One("AIDAIDIDIDIDIDIDIDID")"#, r#"Other("ec2.amazonaws.com")"#]
        );
        assert_eq!(named("sts:TagSession"), ["Everybody"]);
    }
}
