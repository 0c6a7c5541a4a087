//! Single sign-on: people sign in with a browser, and to applications; an OpenID Connect provider and OAuth 2.0 authorization
//! server for the account's people.
//!
//! Owns what clients ask for and are answered: who we are ([`metadata`]), how a client shows who it is ([`authenticate`]), and the
//! tokens that it is given ([`grants`]), what is told of one, and how one ends. Before that, how a sign-in goes on from page to page
//! ([`flow`]), the session a browser gets ([`sign_in`]), and what a person is shown of themselves ([`mine`]). Routes, headers and how
//! pages look are the business of `http`; who may sign in, and with what, is decided by the gate.
//!
//! ```text
//!  form            a request, read the strict way
//!  authenticate    which client it is: by a secret, or by an assertion
//!  authorize       a browser asks for a code (RFC 6749, section 4.1); par: a request that is sent ahead, and named by the browser
//!  grants          the token endpoint: which grant is asked for
//!    client_credentials   a client for itself
//!    code                 a code that a browser brought, redeemed once
//!    device               a device without a browser asks, and fetches what somebody agreed to elsewhere (device_answer)
//!    refresh              the next token of a family
//!  family          all that one sign-in at a client was given: begun, read, ended
//!  exchange        which token of a person a client may exchange for a role's session, which `sts` begins
//!  cli             the client that `bailey login` is
//!  terminal        the person who is signed in by it, for what takes a person
//!  dpop            proofs of a key that tokens are bound to
//!  access_token    what access tokens say, and whether one counts
//!  id_token        who somebody is to a client
//!  claims, roles   what is told of them
//!  assertion       a client shows who it is by a signed token (RFC 7523)
//!  person          the person behind a family, as they are now
//!  introspect, revoke, userinfo
//!  mine, grantable what a person is shown of themselves, and of the roles that they can ask for
//!  logout          an application sends a browser to sign out
//!  backchannel     clients are told when a browser's session ended
//!  register        software becomes a client by itself
//!  saml            the same people, to applications that speak SAML 2.0
//! ```
//!
//! Nothing that is handed out counts longer than what it stands on: each use of a refresh token, of `userinfo` and of introspection
//! looks at the person, the client and the family again.

pub mod access_token;
mod assertion;
pub mod authenticate;
pub mod authorize;
pub mod backchannel;
mod claims;
pub mod cli;
mod client_credentials;
pub mod code;
pub mod device;
pub mod device_answer;
mod dpop;
pub mod error;
pub mod exchange;
mod family;
pub mod flow;
pub mod form;
pub mod grantable;
pub mod grants;
mod id_token;
pub mod introspect;
pub mod logout;
pub mod metadata;
pub mod mine;
pub mod par;
mod person;
mod refresh;
pub mod register;
mod revoke;
pub mod roles;
pub mod saml;
pub mod settings;
pub mod sign_in;
pub mod terminal;
mod userinfo;

use std::fmt;
use std::sync::Arc;

pub use authenticate::Shown;
pub use code::NewCode;
pub use device_answer::{DeviceAsks, DeviceError};
pub use error::OauthError;
pub use form::Form;
pub use grants::Tokens;
pub use id_token::sid;
pub use introspect::Introspection;
pub use settings::{IssuerUrl, Registration, Settings};
pub use userinfo::ShownToken;

use crate::admin::Admin;
use crate::base::Secret;
use crate::gate::Gate;

/// What single sign-on works with; clones share it.
#[derive(Clone)]
pub struct Sso {
    /// The store, keys, sessions, clients, and where chance comes from.
    pub admin: Admin,
    /// Records who was refused.
    pub gate: Gate,
    /// Who we are to clients.
    pub issuer: IssuerUrl,
    /// How often codes of devices are typed.
    pub devices: Arc<device::Guard>,
    /// Whether software may register itself, and for whom.
    pub registration: Registration,
}

impl Sso {
    /// Bytes that nobody can guess.
    fn chance<const N: usize>(&self) -> [u8; N] {
        use rand::Rng as _;
        let mut bytes = [0; N];
        self.admin.rng.lock().unwrap_or_else(std::sync::PoisonError::into_inner).fill_bytes(&mut bytes);
        bytes
    }

    /// A text that nobody can guess: 256 bits.
    fn unguessable(&self) -> Secret<String> {
        use base64::Engine as _;
        let bytes = zeroize::Zeroizing::new(self.chance::<32>());
        Secret::new(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes.as_slice()))
    }

    /// Which life of the store it is: what was made in another counts no more.
    fn epoch(&self) -> Result<String, crate::store::StoreError> {
        Ok(self.admin.store.epoch()?.to_string())
    }

    /// Whether pages of `origin` may read answers meant for clients that run in browsers: those where such a client is registered
    /// to be sent back to. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn admits_origin(&self, origin: &str) -> Result<bool, OauthError> {
        let declared = self.admin.declared_clients.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let stored = self.admin.store.read(crate::store::sso::clients)?;
        let mut uris =
            declared.iter().chain(&stored).filter(|client| client.is_public()).flat_map(|c| &c.redirect_uris);
        Ok(uris.any(|uri| uri.origin() == origin))
    }
}

impl fmt::Debug for Sso {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sso({})", self.issuer)
    }
}
