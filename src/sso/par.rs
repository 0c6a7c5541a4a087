//! Requests that a client sends ahead, so that a browser carries nothing but a name for one (RFC 9126).
//!
//! What is pushed is held for [`SECONDS`], under a name that nobody can guess, and for its client alone. Pages may be loaded as
//! often as it takes to sign in: what counts once is the code. The request goes away in the commit that writes it, so that of
//! many browsers with one name one gets a code, after a restart too.

use jiff::SignedDuration;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::authenticate::Shown;
use super::dpop::Target;
use super::error::Code;
use super::metadata::paths;
use super::{Form, OauthError, Sso};
use crate::base::Timestamp;
use crate::base::clock::{expired, later};
use crate::model::client::GrantType;
use crate::model::token_family::PushedRequest;
use crate::model::{Actor, Client};
use crate::store::{Commit, Intent, Revision, StoreError, sso};

/// How long a pushed request is held, and so how long somebody may take to sign in (FAPI 2.0 Security Profile, section 5.3.2.2,
/// allows less than 600).
pub const SECONDS: i64 = 300;

/// What every name begins with (RFC 9126, section 2.2). No other is ever taken: who may be asked for a request is nobody.
pub(super) const URN: &str = "urn:ietf:params:oauth:request_uri:";

/// What shows who the client is, and is no part of what it asks for.
const CREDENTIALS: [&str; 3] = ["client_secret", "client_assertion", "client_assertion_type"];

/// Most bytes of a request.
const LONGEST: usize = 16_384;

/// The answer (RFC 9126, section 2.2).
#[derive(Debug, Serialize)]
pub struct Held {
    /// What the browser is to carry.
    pub request_uri: String,
    /// Seconds that it is good.
    pub expires_in: i64,
}

/// A request that was pushed, as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// By what it lies in the store.
    pub digest: [u8; 32],
    /// As it was read.
    pub revision: Revision,
    /// When it was pushed.
    pub at: Timestamp,
    /// It counts until then.
    pub expires: Timestamp,
}

impl Sso {
    /// Holds the request that `client`, which has shown who it is, sends ahead. Blocks.
    ///
    /// # Errors
    /// When the browser that carries it would be sent back, or nowhere; when it cannot be written.
    pub fn push(&self, client: &Client, shown: &Shown<'_>, now: Timestamp) -> Result<Held, OauthError> {
        if shown.form.text("request_uri").is_some() {
            return Err(OauthError::request("request_uri is what is answered here, and not asked with"));
        }
        self.admin.clock.may_mint().map_err(|error| OauthError::ours(&error))?;
        let mut form = shown.form.without(&CREDENTIALS);
        form.insert("client_id".to_owned(), client.id.to_string());
        if form.iter().map(|(name, value)| name.len().saturating_add(value.len())).sum::<usize>() > LONGEST {
            return Err(OauthError::request(&format!("the request has more than {LONGEST} bytes")));
        }
        if !client.may(GrantType::AuthorizationCode) {
            return Err(OauthError::new(Code::UnauthorizedClient, "the client signs nobody in"));
        }
        // As if it stood in the request (RFC 9449, section 10.1).
        if let Some(proof) = shown.dpop {
            let jkt = self.prove(proof, Target { method: "POST", path: paths::PAR, access_token: None }, now)?;
            if form.get("dpop_jkt").is_some_and(|named| *named != jkt) {
                return Err(OauthError::new(Code::InvalidDpopProof, "dpop_jkt is another key than that of the proof"));
            }
            form.insert("dpop_jkt".to_owned(), jkt);
        }
        let request = self.read_request(client.clone(), &Form::from(form.clone()), None)?;
        if request.asks_too_much() {
            return Err(OauthError::new(Code::InvalidScope, "the client may not ask for one of the scopes"));
        }
        let expires = later(now, SignedDuration::from_secs(SECONDS));
        let name = self.unguessable();
        let held = PushedRequest { client: client.id.clone(), form, at: now, expires, epoch: self.epoch()? };
        let mut commit = Commit::new(Actor::Client { id: client.id.to_string() }, now, Intent::Widen);
        commit.put_pushed(&digest(name.expose()), &held)?;
        self.admin.store.commit(commit)?;
        Ok(Held { request_uri: format!("{URN}{}", name.expose()), expires_in: SECONDS })
    }

    /// The request of `client` that was pushed under this name, if it still counts at `now`. Blocks.
    pub(super) fn pushed(
        &self,
        client: &Client,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<(Form, Pushed)>, StoreError> {
        let digest = digest(name);
        let Some(held) = self.admin.store.read(|snapshot| sso::pushed(snapshot, &digest))? else { return Ok(None) };
        let (revision, held) = (held.revision, held.value);
        if held.client != client.id || expired(held.expires, now) || held.epoch != self.epoch()? {
            return Ok(None);
        }
        let pushed = Pushed { digest, revision, at: held.at, expires: held.expires };
        Ok(Some((Form::from(held.form), pushed)))
    }
}

/// Under which a request lies in the store: its name is written down nowhere.
fn digest(name: &str) -> [u8; 32] {
    Sha256::digest(name).into()
}

impl From<super::authorize::Wrong> for OauthError {
    fn from(wrong: super::authorize::Wrong) -> Self {
        let known = [Code::InvalidRequest, Code::InvalidScope, Code::UnauthorizedClient, Code::ServerError];
        let code = known.into_iter().find(|code| code.word() == wrong.error).unwrap_or(Code::InvalidRequest);
        Self::new(code, &wrong.why)
    }
}
