//! SAML's XML: the only parser of XML that others wrote, and the only place that verifies an XML signature.
//!
//! Owns limits, the shape of signatures, their verification by pinned keys, the opening of what is encrypted, reading, and writing. It knows
//! which element of a response a signature covered; what the words in it mean, and whether they are meant for us, is judged in
//! `authn/saml`.
//!
//! ```text
//!  text --limits: size, depth, no DOCTYPE, ...--> Message --shape, then verify, by pinned keys--> Covered --> Element
//!                                                    |                                                          reads
//!                                                    +--> Claims: can only be compared, to refuse early
//! ```
//!
//! SAML was broken into most often where one program verified one element and another read a second one (signature wrapping), or
//! where two parsers read one text in two ways. So there is one parser and one tree. What a signature covers is asked of the tree
//! by the identity of its node, and [`Element`], the only type that reads, is handed out by [`Covered`] for the node that was
//! verified and for no other; [`Covered`] is made by [`Message::cover`] alone. The one other source of elements is [`Vouched`]: a
//! provider's metadata, for which an administrator vouches. Its root can be nothing else, so no response can be read that way.
//!
//! What is only asked ([`Asking`]: a sign-in, a sign-out) may be unsigned and is read all the same: it is a type of its own, that no
//! response can become.
//!
//! What we say ourselves is written here, too ([`Node`]), signed ([`Signer`]) and encrypted ([`encrypted`]), by keys that whoever has
//! them lends.
//!
//! What is odd is refused, not repaired: `limits` and `shape` allow what identity providers send, and nothing besides.

mod asking;
mod claims;
mod decrypt;
mod decryption_key;
mod deflate;
mod encrypt;
mod error;
mod instant;
mod keys;
mod limits;
mod message;
mod names;
mod read;
mod request_key;
mod shape;
mod sign;
mod tree;
mod verify;
mod vouched;
mod write;

pub use asking::{Asked, Asking, Asks};
pub use claims::{Claim, Claims, Said};
pub use decryption_key::DecryptionKey;
pub use deflate::{deflate, inflate};
pub use encrypt::{CHANCE, encrypted};
pub use error::{Kind, XmlError};
pub use instant::instant;
pub use keys::{Certificate, PinnedKeys};
pub use limits::LARGEST;
pub use message::{Covered, Message};
pub use names::{ASSERTION, DECRYPTED, HTTP_POST, HTTP_REDIRECT, METADATA, PROTOCOL, RSA_SHA256, SIGNATURE};
pub use read::Element;
pub use request_key::RequestKey;
pub use sign::{SignError, Signer, key_info};
pub use vouched::Vouched;
pub use write::{Node, escape_attribute, escape_text};
