//! Messages that make nobody somebody: `AuthnRequest`, `LogoutRequest`, `LogoutResponse`.
//!
//! Anybody may ask, and what is asked can be unsigned: what it says is then no more than anybody's word. So such a message can be read
//! ([`Asked::root`]) where a `Response` could not; it can be nothing else, and has no assertion in it. A signature that is there has to
//! hold, whether or not one is asked for. Who asks is needed to know whose keys count; that alone is told before.

use bergshamra::xml::uppsala::{Document, NodeId};

use super::error::{Kind, XmlError};
use super::keys::PinnedKeys;
use super::limits::{self, Origin};
use super::names::{ASSERTION, PROTOCOL};
use super::read::Element;
use super::tree::{elements, is, local, text};
use super::verify::coverage;

/// What asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// Have somebody sign in.
    SignIn,
    /// Have somebody sign out.
    SignOut,
    /// What became of a sign-out.
    SignedOut,
}

impl Asks {
    /// The name of its element.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SignIn => "AuthnRequest",
            Self::SignOut => "LogoutRequest",
            Self::SignedOut => "LogoutResponse",
        }
    }
}

/// A message within the limits, of which nothing was verified.
pub struct Asking<'t> {
    text: &'t str,
    document: Document<'t>,
    root: NodeId,
    asks: Asks,
    issuer: String,
}

/// A message whose signature holds, if it has one.
pub struct Asked {
    document: Document<'static>,
    root: NodeId,
    signed: bool,
}

impl<'t> Asking<'t> {
    /// Takes a text that should be one of `allowed`.
    ///
    /// # Errors
    /// When it is none of them, does not say who asks, or passes a limit.
    pub fn parse(text: &'t str, allowed: &[Asks]) -> Result<Self, XmlError> {
        let document = limits::parse(text, Origin::Sent)?;
        let wrong = |why: String| XmlError::new(Kind::Structure, "the text", why);
        let found = document.document_element().and_then(|root| {
            let one = allowed.iter().find(|asks| is(&document, root, PROTOCOL, asks.name()))?;
            Some((root, *one))
        });
        let (root, asks) = found.ok_or_else(|| {
            let names: Vec<&str> = allowed.iter().map(|asks| asks.name()).collect();
            wrong(format!("it is no {} of SAML 2.0", names.join(" or ")))
        })?;
        let odd = ["Assertion", "EncryptedAssertion", "Response"];
        if document.descendants(document.root()).into_iter().any(|node| odd.contains(&local(&document, node))) {
            return Err(wrong(format!("{} has no assertion in it", asks.name())));
        }
        let children = elements(&document, root)?;
        let issuer = children.first().copied().filter(|child| is(&document, *child, ASSERTION, "Issuer"));
        let issuer = issuer.ok_or_else(|| wrong("it does not say first who asks (Issuer)".to_owned()))?;
        let issuer = self::text(&document, issuer)?;
        Ok(Self { text, document, root, asks, issuer })
    }

    /// Which one it is.
    #[must_use]
    pub fn asks(&self) -> Asks {
        self.asks
    }

    /// Who says that they ask: for finding out whose keys count, and nothing else.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Verifies the signature, if there is one, by the keys of whoever asks.
    ///
    /// # Errors
    /// When it does not hold, or stands where none should.
    pub fn verified(self, keys: &PinnedKeys) -> Result<Asked, XmlError> {
        let covered = coverage(&self.document, self.text, &[self.root], keys)?;
        let signed = covered.nodes.contains(&self.root);
        Ok(Asked { document: self.document.into_static(), root: self.root, signed })
    }
}

impl Asked {
    /// Its root, to be read.
    #[must_use]
    pub fn root(&self) -> Element<'_> {
        Element::of(&self.document, self.root)
    }

    /// Whether a signature in it covers it.
    #[must_use]
    pub fn signed(&self) -> bool {
        self.signed
    }
}
