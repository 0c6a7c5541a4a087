//! Which services a document lets somebody use: whether an Allow of it can be about one, and which it names.
//!
//! Works on the text, as [`super::classes`] does: it is asked for reports, never for a decision. Resources and conditions are
//! not looked at, nor is what denies: it says what a policy is about, and not that a request would be allowed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::classes::{covers, listed};

/// The services that a document is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Services {
    /// `Action` of statements that allow, the part before the colon, in small letters.
    among: BTreeSet<String>,
    /// `NotAction` of statements that allow, in small letters.
    all_but: Vec<Vec<String>>,
}

impl Services {
    /// Of the document `text`, which was parsed before.
    ///
    /// # Errors
    /// When it is no JSON after all.
    pub fn of(text: &str) -> Result<Self, serde_json::Error> {
        let document: Value = serde_json::from_str(text)?;
        let mut services = Self::default();
        for statement in document.get("Statement").map(listed).unwrap_or_default() {
            if statement.get("Effect").is_none_or(|effect| effect != "Allow") {
                continue;
            }
            let of = |name: &str| statement.get(name).map(texts).unwrap_or_default();
            let service =
                |action: String| action.split_once(':').map_or("*".to_owned(), |(service, _)| service.to_owned());
            services.among.extend(of("Action").into_iter().map(service));
            let except = of("NotAction");
            if !except.is_empty() {
                services.all_but.push(except);
            }
        }
        Ok(services)
    }

    /// Whether it can let somebody use `service`, in small letters.
    #[must_use]
    pub fn grants(&self, service: &str) -> bool {
        // What is left out has to be the whole service for nothing of it to be left in.
        let whole = |action: &String| match action.split_once(':') {
            Some((pattern, name)) => name.bytes().all(|byte| byte == b'*') && covers(pattern, service),
            None => true,
        };
        self.among.iter().any(|pattern| covers(pattern, service))
            || self.all_but.iter().any(|except| !except.iter().any(whole))
    }

    /// The services it names outright. Where it means all of some kind (`*`, `s3*`, `NotAction`), there is no table of those
    /// there are.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.among.iter().map(String::as_str).filter(|service| !service.contains(['*', '?']))
    }
}

fn texts(value: &Value) -> Vec<String> {
    listed(value).into_iter().filter_map(Value::as_str).map(str::to_ascii_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::{Context, Detail, Document, Kind, Named, Policies, Principal, Request, Verdict, decide};

    fn document(statements: &str) -> String {
        format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#)
    }

    fn services(statements: &str) -> Services {
        Services::of(&document(statements)).unwrap()
    }

    #[test]
    fn what_allows_is_about_services_and_what_denies_is_not() {
        let found = services(
            r#"[{"Effect":"Allow","Action":["S3:Get*","ec2:*","sq?:Send*"],"Resource":"*"},
                {"Effect":"Deny","Action":"iam:*","Resource":"*"}]"#,
        );
        assert!(["s3", "ec2", "sqs"].iter().all(|service| found.grants(service)));
        assert!(["iam", "s", "s3express"].iter().all(|service| !found.grants(service)));
        assert_eq!(found.named().collect::<Vec<_>>(), ["ec2", "s3"]);
        assert!(services(r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#).grants("sts"));
        let but = services(r#"{"Effect":"Allow","NotAction":["iam:*","sts:Get*"],"Resource":"*"}"#);
        assert!(but.grants("sts") && but.grants("s3") && !but.grants("iam"));
    }

    proptest! {
        /// Where a decision allows something of a service, the service is one that is granted.
        #[test]
        fn what_is_allowed_is_granted(
            action in prop::sample::select(vec!["*", "s3:*", "S3:Get*", "s?:*", "*:Get*", "iam:*", "i*:*", "iam:GetUser"]),
            not in any::<bool>(),
            asked in prop::sample::select(vec!["s3:GetObject", "iam:GetUser", "iam:CreateUser", "sts:GetCallerIdentity"]),
        ) {
            let word = if not { "NotAction" } else { "Action" };
            let text = document(&format!(r#"{{"Effect":"Allow","{word}":"{action}","Resource":"*"}}"#));
            let Ok(parsed) = Document::parse(&text, Kind::Identity) else { return Ok(()) };
            let principal = Principal::parse("arn:aws:iam::123456789012:user/ann").unwrap();
            let request = Request::new(principal, asked, "*", Context::default()).unwrap();
            let policies =
                Policies { identity: vec![Named { name: "p", document: &parsed }], ..Policies::default() };
            let service = asked.split(':').next().unwrap();
            if decide(&request, &policies, Detail::Deciding).verdict == Verdict::Allowed {
                prop_assert!(Services::of(&text).unwrap().grants(service));
            }
        }
    }
}
