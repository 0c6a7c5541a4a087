//! Metadata: XML for which an administrator vouches, signed or not.

use bergshamra::xml::uppsala::{Document, NodeId};

use super::error::{Kind, XmlError, quoted};
use super::limits::{self, Origin};
use super::names::METADATA;
use super::read::Element;
use super::tree::{attribute, is};

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

    /// Takes a text that may describe many entities, of which `entity` is meant; without a name it has to describe one alone.
    ///
    /// # Errors
    /// When it is none, passes a limit, or describes several and not once the one that is meant.
    pub fn pick(text: &str, entity: Option<&str>) -> Result<Self, XmlError> {
        let document = limits::parse(text, Origin::Vouched)?;
        let refused = |why: String| XmlError::new(Kind::Structure, "EntitiesDescriptor", why);
        let root = document.document_element();
        if !root.is_some_and(|root| is(&document, root, METADATA, "EntitiesDescriptor")) {
            return Self::read(text);
        }
        let all = document.descendants(document.root()).into_iter();
        let all: Vec<NodeId> = all.filter(|node| is(&document, *node, METADATA, "EntityDescriptor")).collect();
        let name = |node: &NodeId| attribute(&document, *node, "entityID").unwrap_or_default().to_owned();
        let meant: Vec<NodeId> = match entity {
            Some(entity) => all.iter().copied().filter(|node| name(node) == entity).collect(),
            None => all.clone(),
        };
        match (&meant[..], entity) {
            ([one], _) => Ok(Self { root: *one, document: document.into_static() }),
            ([], Some(entity)) => Err(refused(format!("none of {} entities is {}", all.len(), quoted(entity)))),
            (_, Some(entity)) => Err(refused(format!("{} is there more than once", quoted(entity)))),
            (_, None) => {
                let some = all.iter().take(3).map(|node| quoted(&name(node))).collect::<Vec<_>>().join(", ");
                Err(refused(format!("the metadata of {} entities ({some} ..); say which one is meant", all.len())))
            }
        }
    }

    /// Its root, to be read.
    #[must_use]
    pub fn root(&self) -> Element<'_> {
        Element::of(&self.document, self.root)
    }
}
