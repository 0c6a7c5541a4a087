//! What sessions of people are called and tagged: words of the configuration, filled from what the directory says of them.
//!
//! ```text
//!  role_session_name = "${directory:name}"     [sessions.tags]  CostCenter = "${directory:tag/CostCenter}"
//! ```
//!
//! Owns the words and what they come to for a person. That nobody may ask for anything else is held where parameters are read
//! (`sts/templates.rs`).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::{IssueError, Lack};
use crate::base::text::printable_within;
use crate::model::{SessionName, User, tags};

/// What sessions take from the directory of the person they begin with. Nothing, unless somebody says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Templates {
    /// What the session of a role is called.
    pub role_session_name: Option<Template>,
    /// Who is behind it.
    pub source_identity: Option<Template>,
    /// Tags, by key.
    pub tags: BTreeMap<String, Template>,
}

/// What the templates come to for one person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stated {
    /// What the session of a role is called, where that is said.
    pub role_session_name: Option<SessionName>,
    /// Who is behind it, where that is said.
    pub source_identity: Option<SessionName>,
    /// Tags by key; `None` of one for which the directory has nothing: then there is none, whoever asks for it.
    pub tags: BTreeMap<String, Option<String>>,
}

/// Text with attributes in it, such as `${directory:mail}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Of(Attribute),
}

/// What can be asked of a person. The names are those of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Attribute {
    Name,
    Login,
    Mail,
    EmployeeId,
    DisplayName,
    Tag(String),
}

/// Text that is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// A `${` has no end.
    #[error("a `${{` in it has no `}}`")]
    Open,
    /// It asks for what there is not.
    #[error(
        "`{0}` is nothing that a directory says of a person: use ${{directory:name}}, login, mail, employee_id, display_name or \
         tag/KEY"
    )]
    Unknown(String),
}

impl Templates {
    /// What they come to for `user`.
    ///
    /// # Errors
    /// When the directory says nothing that the session could be called by. A session that nobody is named in is none.
    pub fn of(&self, user: &User) -> Result<Stated, IssueError> {
        let tag = |(key, template): (&String, &Template)| {
            let value = template.fill(user).ok().map(|text| tags::sanitised(&text));
            (key.clone(), value)
        };
        Ok(Stated {
            role_session_name: self.role_session_name.as_ref().map(|template| template.name(user)).transpose()?,
            source_identity: self.source_identity.as_ref().map(|template| template.name(user)).transpose()?,
            tags: self.tags.iter().map(tag).collect(),
        })
    }
}

impl Template {
    /// The text for `user`; otherwise the attribute that is missing.
    fn fill(&self, user: &User) -> Result<String, &Attribute> {
        let mut filled = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Of(attribute) => filled.push_str(attribute.of(user).ok_or(attribute)?),
            }
        }
        Ok(filled)
    }

    fn name(&self, user: &User) -> Result<SessionName, IssueError> {
        let nameless = |what: String, lack| IssueError::Nameless { who: user.name.to_string(), what, lack };
        let text = self.fill(user).map_err(|missing| nameless(missing.to_string(), Lack::Missing))?;
        let unusable = || nameless(format!("{self} of at least 2 characters"), Lack::Unusable);
        SessionName::sanitised(&text).ok_or_else(unusable)
    }
}

impl Attribute {
    fn of<'a>(&self, user: &'a User) -> Option<&'a str> {
        let text = match self {
            Self::Name => Some(user.name.as_str()),
            Self::Login => Some(user.login.as_str()),
            Self::Mail => user.mail.as_deref(),
            Self::EmployeeId => user.employee_id.as_deref(),
            Self::DisplayName => user.display_name.as_deref(),
            // What the directory says, and not what an administrator hung on somebody here: that is `aws:PrincipalTag` anyway.
            Self::Tag(key) => {
                user.tags.iter().find(|(own, _)| own.eq_ignore_ascii_case(key)).map(|(_, value)| &**value)
            }
        };
        text.filter(|text| !text.is_empty())
    }

    fn read(text: &str) -> Option<Self> {
        Some(match text.strip_prefix("directory:")? {
            "name" => Self::Name,
            "login" => Self::Login,
            "mail" => Self::Mail,
            "employee_id" => Self::EmployeeId,
            "display_name" => Self::DisplayName,
            other => Self::Tag(other.strip_prefix("tag/").filter(|key| !key.is_empty())?.to_owned()),
        })
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, behind)) = rest.split_once("${") {
            let (inside, after) = behind.split_once('}').ok_or(TemplateError::Open)?;
            let unknown = || TemplateError::Unknown(format!("${{{}}}", printable_within(inside, 64)));
            pieces.extend((!before.is_empty()).then(|| Piece::Text(before.to_owned())));
            pieces.push(Piece::Of(Attribute::read(inside).ok_or_else(unknown)?));
            rest = after;
        }
        pieces.extend((!rest.is_empty()).then(|| Piece::Text(rest.to_owned())));
        if pieces.is_empty() { Err(TemplateError::Empty) } else { Ok(Self(pieces)) }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::Of(attribute) => write!(f, "{attribute}"),
        })
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("name"),
            Self::Login => f.write_str("login"),
            Self::Mail => f.write_str("mail"),
            Self::EmployeeId => f.write_str("employee_id"),
            Self::DisplayName => f.write_str("display_name"),
            Self::Tag(key) => write!(f, "tag/{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Template, TemplateError> {
        text.parse()
    }

    #[test]
    fn a_template_names_what_there_is() {
        for good in ["${directory:name}", "corp-${directory:employee_id}.${directory:tag/Cost Center}", "fixed", "$5}"]
        {
            assert!(parsed(good).is_ok(), "{good}");
        }
        assert_eq!(parsed(""), Err(TemplateError::Empty));
        assert_eq!(parsed("a${directory:name"), Err(TemplateError::Open));
        for bad in ["${name}", "${directory:}", "${directory:tag/}", "${directory:Mail}", "${aws:username}", "${}"] {
            assert!(matches!(parsed(bad), Err(TemplateError::Unknown(_))), "{bad}");
        }
    }
}
