//! Metadata: XML for which an administrator vouches, signed or not.

use bergshamra::xml::uppsala::{Document, NodeId};

use super::error::{Kind, XmlError};
use super::limits::{self, Origin};
use super::names::METADATA;
use super::read::Element;
use super::tree::is;

/// The metadata of one entity, as somebody put it here who may say whom to trust.
pub struct Vouched {
    document: Document<'static>,
    root: NodeId,
}

impl Vouched {
    /// Takes a text that should be an `EntityDescriptor`; it can be nothing else, so that no message gets read this way.
    ///
    /// # Errors
    /// When it is none, or passes a limit.
    pub fn read(text: &str) -> Result<Self, XmlError> {
        let document = limits::parse(text, Origin::Vouched)?;
        let root = document.document_element();
        if root.is_some_and(|root| is(&document, root, METADATA, "EntitiesDescriptor")) {
            let why = "the metadata of many entities; give that of one";
            return Err(XmlError::new(Kind::Structure, "EntitiesDescriptor", why));
        }
        let root = root.filter(|root| is(&document, *root, METADATA, "EntityDescriptor"));
        let root = root.ok_or_else(|| XmlError::new(Kind::Structure, "the text", "it is no EntityDescriptor"))?;
        Ok(Self { document: document.into_static(), root })
    }

    /// Its root, to be read.
    #[must_use]
    pub fn root(&self) -> Element<'_> {
        Element::of(&self.document, self.root)
    }
}
