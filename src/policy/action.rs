//! Actions: `service:Name`, without regard to case, with wildcards and no variables.

use super::context::Context;
use super::document::Version;
use super::pattern::{Pattern, Reading};

/// The first eight bytes of a service's name: most statements are about another one, and this tells at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ServiceMark(u64);

impl ServiceMark {
    fn of(service: &str) -> Self {
        let mut bytes = [0; 8];
        for (into, byte) in bytes.iter_mut().zip(service.bytes()) {
            *into = byte;
        }
        Self(u64::from_be_bytes(bytes))
    }
}

/// An action that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Action {
    /// Lower-case.
    text: Box<str>,
    mark: ServiceMark,
}

impl Action {
    /// The action `text`.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        match lower.split_once(':') {
            Some((service, name)) if is_name(service, "-") && is_name(name, "-_.:/") => {
                Ok(Self { mark: ServiceMark::of(service), text: lower.into() })
            }
            _ => Err(format!("`{text}` is no action, such as `s3:GetObject`")),
        }
    }

    pub(super) fn mark(&self) -> ServiceMark {
        self.mark
    }

    /// The service, lower-case.
    pub(super) fn service(&self) -> &str {
        self.text.split_once(':').map_or(&self.text, |(service, _)| service)
    }
}

/// Which actions a statement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ActionPattern {
    /// `None` where the service has a wildcard.
    mark: Option<ServiceMark>,
    pattern: Pattern,
}

impl ActionPattern {
    /// Compiles `text`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn compile(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let is_all = !lower.is_empty() && lower.bytes().all(|b| b == b'*');
        let mark = match lower.split_once(':') {
            _ if is_all => None,
            Some((service, name)) if is_name(service, "-*?") && is_name(name, "-_.:/*?") => {
                (!service.contains(['*', '?'])).then(|| ServiceMark::of(service))
            }
            _ => return Err(format!("`{text}` is no action, such as `s3:Get*`")),
        };
        let pattern = Pattern::compile(&lower, Version::V2008, Reading { wildcards: true, folded: false })?;
        Ok(Self { mark, pattern })
    }

    pub(super) fn mark(&self) -> Option<ServiceMark> {
        self.mark
    }

    /// Whether the action matches.
    pub(super) fn matches(&self, action: &Action) -> bool {
        self.mark.is_none_or(|mark| mark == action.mark)
            && self.pattern.matches(&action.text, &Context::default()).unwrap_or_default()
    }

    /// Its text, lower-case.
    pub(super) fn print(&self) -> String {
        self.pattern.print(Version::V2008)
    }

    /// Whether everything matches.
    pub(super) fn is_everything(&self) -> bool {
        self.pattern.is_everything()
    }

    /// Whether it covers this action, written in lower case.
    pub(super) fn covers(&self, action: &str) -> bool {
        self.pattern.matches(action, &Context::default()).unwrap_or_default()
    }
}

/// Letters, digits and `more`, and some of them.
fn is_name(text: &str, more: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_have_no_case() {
        for (pattern, action, expected) in [
            ("*", "s3:GetObject", true),
            ("s3:*", "S3:getobject", true),
            ("S3:Get*", "s3:GetObject", true),
            ("s3:Get?bject", "s3:GetObject", true),
            ("s3:GetObject", "s3:GetObjectAcl", false),
            ("s3:*", "s3express:CreateSession", false),
            ("*:GetObject", "s3:GetObject", true),
            ("execute-api:Invoke", "execute-api:Invoke", true),
            ("execute-apis:Invoke", "execute-api:Invoke", false),
        ] {
            let compiled = ActionPattern::compile(pattern).unwrap();
            assert_eq!(compiled.matches(&Action::parse(action).unwrap()), expected, "{pattern} {action}");
        }
        for bad in ["", "s3", "s3:", ":Get", "s3:Get Object", "s3:${aws:username}", "ec2;x:y"] {
            assert!(ActionPattern::compile(bad).is_err(), "{bad}");
        }
        for bad in ["s3:*", "*", "s3", "s3:G?t"] {
            assert!(Action::parse(bad).is_err(), "{bad}");
        }
    }
}
