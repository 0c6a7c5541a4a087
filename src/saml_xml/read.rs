//! Reading: of what a signature covered, or somebody vouches for.

use std::fmt;

use bergshamra::xml::uppsala::{Document, NodeId};

use super::error::{Kind, XmlError};
use super::tree::{attribute, elements, is, local, path, text};

/// An element to be read. Only [`super::Covered`] and [`super::Vouched`] hand one out, and whoever has one gets no further than
/// what is in it.
#[derive(Clone, Copy)]
pub struct Element<'a> {
    document: &'a Document<'static>,
    node: NodeId,
}

impl<'a> Element<'a> {
    pub(super) fn of(document: &'a Document<'static>, node: NodeId) -> Self {
        Self { document, node }
    }

    /// Whether it is that one.
    #[must_use]
    pub fn is(&self, namespace: &str, name: &str) -> bool {
        is(self.document, self.node, namespace, name)
    }

    /// Its name without a prefix, for people.
    #[must_use]
    pub fn name(&self) -> &'a str {
        local(self.document, self.node)
    }

    /// Its attribute of that name in no namespace.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        attribute(self.document, self.node, name)
    }

    /// Its attribute of that name, as true or false (XML Schema part 2, section 3.2.2).
    ///
    /// # Errors
    /// When it is neither.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, XmlError> {
        match self.attribute(name) {
            None => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(_) => Err(XmlError::new(Kind::Value, self.path(), format!("{name} has to be true or false"))),
        }
    }

    /// Its text, as it stands.
    ///
    /// # Errors
    /// When there is anything else in it.
    pub fn text(&self) -> Result<String, XmlError> {
        text(self.document, self.node)
    }

    /// The elements in it.
    ///
    /// # Errors
    /// When there is text between them.
    pub fn children(&self) -> Result<Vec<Self>, XmlError> {
        let children = elements(self.document, self.node)?;
        Ok(children.into_iter().map(|node| Self { document: self.document, node }).collect())
    }

    /// The elements of that name in it.
    ///
    /// # Errors
    /// When there is text between its elements.
    pub fn all(&self, namespace: &str, name: &str) -> Result<Vec<Self>, XmlError> {
        Ok(self.children()?.into_iter().filter(|child| child.is(namespace, name)).collect())
    }

    /// The element of that name in it, if there is one.
    ///
    /// # Errors
    /// When there are several.
    pub fn at_most_one(&self, namespace: &str, name: &str) -> Result<Option<Self>, XmlError> {
        let mut all = self.all(namespace, name)?.into_iter();
        match (all.next(), all.next()) {
            (one, None) => Ok(one),
            (_, Some(_)) => Err(XmlError::new(Kind::Structure, self.path(), format!("more than one {name}"))),
        }
    }

    /// The element of that name in it.
    ///
    /// # Errors
    /// When there is none, or several.
    pub fn one(&self, namespace: &str, name: &str) -> Result<Self, XmlError> {
        let one = self.at_most_one(namespace, name)?;
        one.ok_or_else(|| XmlError::new(Kind::Structure, self.path(), format!("there is no {name}")))
    }

    /// Where it stands, for people.
    #[must_use]
    pub fn path(&self) -> String {
        path(self.document, self.node)
    }
}

impl fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Element").field(&self.path()).finish()
    }
}
