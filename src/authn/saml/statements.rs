//! What an assertion says of somebody: how they signed in, and their attributes.

use std::collections::HashSet;

use super::error::{ResponseError, Rule};
use super::instant;
use crate::base::Timestamp;
use crate::saml_xml::{ASSERTION, Element};

/// Most attributes, and most values of all together.
const MOST: usize = 1_000;

/// Something that a provider says of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its name; there once in an assertion.
    pub name: String,
    /// What kind of name that is.
    pub name_format: Option<String>,
    /// The same for people.
    pub friendly_name: Option<String>,
    /// Its values, as they stand.
    pub values: Vec<String>,
}

/// How somebody signed in.
pub(super) struct Authentication {
    pub(super) at: Timestamp,
    pub(super) context_class: Option<String>,
    pub(super) session_index: Option<String>,
    pub(super) session_ends: Option<Timestamp>,
}

/// The one statement of authentication (SAML profiles, section 4.1.4.2: at least one; of several, nobody could say which counts).
pub(super) fn authentication(assertion: Element<'_>, now: Timestamp) -> Result<Authentication, ResponseError> {
    let statement = match assertion.all(ASSERTION, "AuthnStatement")?.as_slice() {
        [statement] => *statement,
        all => {
            let why = format!("there has to be one AuthnStatement; here are {}", all.len());
            return Err(ResponseError::at(Rule::Authentication, assertion, why));
        }
    };
    let at = instant::required(statement, "AuthnInstant")?;
    instant::not_ahead(statement, "AuthnInstant", at, now)?;
    let session_ends = instant::optional(statement, "SessionNotOnOrAfter")?;
    if let Some(end) = session_ends {
        instant::not_over(statement, "SessionNotOnOrAfter", end, now)?;
    }
    let context = statement.one(ASSERTION, "AuthnContext")?;
    let class = context.at_most_one(ASSERTION, "AuthnContextClassRef")?.map(|class| class.text()).transpose()?;
    Ok(Authentication {
        at,
        context_class: class,
        session_index: statement.attribute("SessionIndex").map(str::to_owned),
        session_ends,
    })
}

/// All attributes. One that stands twice is refused: who takes the first and who takes the last would know two people.
pub(super) fn attributes(assertion: Element<'_>) -> Result<Vec<Attribute>, ResponseError> {
    let (mut attributes, mut names, mut count) = (Vec::new(), HashSet::new(), 0);
    for statement in assertion.all(ASSERTION, "AttributeStatement")? {
        for element in statement.children()? {
            if !element.is(ASSERTION, "Attribute") {
                return Err(ResponseError::at(Rule::Structure, element, "nothing of that name is understood here"));
            }
            let attribute = attribute(element)?;
            count += 1 + attribute.values.len();
            if !names.insert(attribute.name.clone()) {
                return Err(ResponseError::at(Rule::Structure, element, format!("`{}` stands twice", attribute.name)));
            }
            if count > MOST {
                return Err(ResponseError::at(
                    Rule::Limit,
                    element,
                    format!("there are more than {MOST} attributes and values"),
                ));
            }
            attributes.push(attribute);
        }
    }
    Ok(attributes)
}

fn attribute(element: Element<'_>) -> Result<Attribute, ResponseError> {
    let name = element.attribute("Name").filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| ResponseError::at(Rule::Structure, element, "an attribute without a name"))?;
    let mut values = Vec::new();
    for child in element.children()? {
        if !child.is(ASSERTION, "AttributeValue") {
            return Err(ResponseError::at(Rule::Structure, child, "nothing of that name is understood here"));
        }
        values.push(child.text()?);
    }
    let said = |name| element.attribute(name).map(str::to_owned);
    Ok(Attribute {
        name: name.to_owned(),
        name_format: said("NameFormat"),
        friendly_name: said("FriendlyName"),
        values,
    })
}
