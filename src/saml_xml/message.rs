//! A response of an identity provider: as it came, and what of it a signature covered.

use bergshamra::xml::uppsala::{Document, NodeId};

use super::claims::Claims;
use super::decrypt;
use super::decryption_key::DecryptionKey;
use super::error::{Kind, XmlError, quoted};
use super::keys::PinnedKeys;
use super::limits::{self, Origin};
use super::names::{ASSERTION, PROTOCOL, SIGNATURE};
use super::read::Element;
use super::tree::{Presence, elements, exactly, is, local, path};
use super::verify::{Coverage, coverage};

use Presence::{May, Must};

/// A response within the limits. Nobody vouches for anything in it, so it cannot be read.
pub struct Message<'t> {
    text: &'t str,
    document: Document<'t>,
    response: NodeId,
}

/// An assertion that a signature covers, by itself or with the response around it: made by [`Message::cover`] alone.
pub struct Covered {
    document: Document<'static>,
    assertion: NodeId,
    response_signed: bool,
    assertion_signed: bool,
    encrypted: bool,
    by: Option<String>,
}

impl<'t> Message<'t> {
    /// Takes a text that should be a `Response`.
    ///
    /// # Errors
    /// When it is none, or passes a limit.
    pub fn parse(text: &'t str) -> Result<Self, XmlError> {
        let document = limits::parse(text, Origin::Sent)?;
        let root = document.document_element().filter(|root| is(&document, *root, PROTOCOL, "Response"));
        let response =
            root.ok_or_else(|| XmlError::new(Kind::Structure, "the text", "it is no Response of SAML 2.0"))?;
        Ok(Self { text, document, response })
    }

    /// What it says of itself, to be compared.
    #[must_use]
    pub fn claims(&self) -> Claims<'_> {
        Claims::new(&self.document, self.response)
    }

    /// Verifies every signature by `keys`, opens an encrypted assertion by one of `opening`, and yields the assertion that is covered.
    ///
    /// # Errors
    /// When there is not exactly one assertion, where it belongs; when any signature has another shape than it should, does not
    /// hold, or when none covers the assertion; when it cannot be opened.
    pub fn cover(self, keys: &PinnedKeys, opening: &[&DecryptionKey]) -> Result<Covered, XmlError> {
        let Self { text, document, response } = self;
        let assertion = frame(&document, response)?;
        if is(&document, assertion, ASSERTION, "EncryptedAssertion") {
            // The signature around it first: it covers what is encrypted, and who cannot sign needs no answer about decryption.
            let outer = coverage(&document, text, &[response], keys)?;
            let plain = decrypt::open(&document, assertion, opening)?;
            return opened(&plain, outer.nodes.contains(&response), outer.by, keys);
        }
        let Coverage { nodes, by } = coverage(&document, text, &[response, assertion], keys)?;
        let (response_signed, assertion_signed) = (nodes.contains(&response), nodes.contains(&assertion));
        if !response_signed && !assertion_signed {
            return Err(XmlError::new(Kind::Signature, path(&document, assertion), "no signature covers it"));
        }
        let document = document.into_static();
        Ok(Covered { document, assertion, response_signed, assertion_signed, encrypted: false, by })
    }
}

/// The assertion in the response, or what encrypts it: one in the whole document, under whatever namespace, and in its place.
fn frame(document: &Document<'_>, response: NodeId) -> Result<NodeId, XmlError> {
    let count = |name: &str| count(document, name);
    if count("Response") != 1 {
        return Err(XmlError::new(Kind::Structure, "Response", "a response inside a response"));
    }
    let (plain, encrypted) = (count("Assertion"), count("EncryptedAssertion"));
    if plain + encrypted != 1 {
        let why = format!("there has to be one assertion; here are {plain}, and {encrypted} encrypted");
        return Err(XmlError::new(Kind::Structure, "Response", why));
    }
    let [_, _, _, plain, encrypted] = exactly(
        document,
        response,
        [
            (ASSERTION, "Issuer", May),
            (SIGNATURE, "Signature", May),
            (PROTOCOL, "Status", Must),
            (ASSERTION, "Assertion", May),
            (ASSERTION, "EncryptedAssertion", May),
        ],
    )?;
    plain.or(encrypted).ok_or_else(|| {
        XmlError::new(Kind::Structure, "Response", "its assertion stands in another place or namespace than it should")
    })
}

fn count(document: &Document<'_>, name: &str) -> usize {
    document.descendants(document.root()).into_iter().filter(|node| local(document, *node) == name).count()
}

/// An assertion that was encrypted: a document of its own, for which the same rules hold.
fn opened(
    plain: &str,
    response_signed: bool,
    outer_by: Option<String>,
    keys: &PinnedKeys,
) -> Result<Covered, XmlError> {
    let document = limits::parse(plain, Origin::Sent).map_err(|_| decrypt::refused())?;
    let root = document.document_element().filter(|root| is(&document, *root, ASSERTION, "Assertion"));
    let assertion = root.ok_or_else(decrypt::refused)?;
    for (name, most) in [("Assertion", 1), ("EncryptedAssertion", 0), ("Response", 0)] {
        if count(&document, name) > most {
            let why = format!("an element {} that is not allowed here", quoted(name));
            return Err(XmlError::new(Kind::Structure, "Assertion", why));
        }
    }
    let inner = coverage(&document, plain, &[assertion], keys)?;
    let assertion_signed = inner.nodes.contains(&assertion);
    if !response_signed && !assertion_signed {
        return Err(XmlError::new(Kind::Signature, "Assertion", "no signature covers it"));
    }
    let by = inner.by.or(outer_by);
    let document = document.into_static();
    Ok(Covered { document, assertion, response_signed, assertion_signed, encrypted: true, by })
}

impl Covered {
    /// The assertion, to be read.
    #[must_use]
    pub fn assertion(&self) -> Element<'_> {
        Element::of(&self.document, self.assertion)
    }

    /// Whether the response is signed.
    #[must_use]
    pub fn response_signed(&self) -> bool {
        self.response_signed
    }

    /// Whether the assertion is signed itself.
    #[must_use]
    pub fn assertion_signed(&self) -> bool {
        self.assertion_signed
    }

    /// Whether it was encrypted.
    #[must_use]
    pub fn encrypted(&self) -> bool {
        self.encrypted
    }

    /// SHA-256, in hex, of the pinned certificate whose key verified it.
    #[must_use]
    pub fn signed_by(&self) -> Option<&str> {
        self.by.as_deref()
    }

    /// Statements of the assertion, or whatever else is in it, as elements.
    ///
    /// # Errors
    /// When there is text between them.
    pub fn parts(&self) -> Result<Vec<Element<'_>>, XmlError> {
        let parts = elements(&self.document, self.assertion)?;
        Ok(parts.into_iter().map(|part| Element::of(&self.document, part)).collect())
    }
}
