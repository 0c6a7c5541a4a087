//! A sign-in that was begun at an outside provider, of OpenID Connect or SAML, as a browser keeps it until somebody comes back.
//!
//! Nothing is kept here for it until then, since anybody begins as many as they like. It is spent when a provider is believed that says
//! who came back, and not before: what a page of another site sends in the browser of whoever is under way takes it from nobody.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::relying::ProviderError;
use crate::base::Timestamp;
use crate::keys::{Keys, KeysError};
use crate::model::Actor;
use crate::store::schema::sso::Spent;
use crate::store::{Commit, Intent, Store, StoreError, sso};

/// How long somebody may be away at the provider.
pub(super) const GOOD_FOR: SignedDuration = SignedDuration::from_mins(10);

/// How far clocks may be apart where it is asked when somebody signed in.
pub(super) const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// For whom what is begun is sealed.
const OWNER: &str = "outside-sign-in";

/// A sign-in that was begun, as it lies sealed in a browser.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pending<T> {
    pub(super) provider: String,
    pub(super) state: String,
    /// That, or the ID of a request of SAML.
    pub(super) nonce: String,
    pub(super) verifier: String,
    pub(super) begun: Timestamp,
    /// They have to sign in there anew: that they are signed in there is not enough.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) fresh: bool,
    /// What it is begun for.
    pub purpose: T,
}

impl<T> Pending<T> {
    /// A sign-in that was begun at the SAML provider `provider`, by a request called `id`.
    pub(in crate::authn) fn of_request(
        provider: &str,
        (id, fresh): (String, bool),
        begun: Timestamp,
        purpose: T,
    ) -> Self {
        let (state, verifier) = (String::new(), String::new());
        Self { provider: provider.to_owned(), state, nonce: id, verifier, begun, fresh, purpose }
    }

    /// Whether what came back to the address of the provider `name` with this `state` belongs to it, and is in time.
    pub(super) fn is_answered(&self, name: &str, state: Option<&str>, now: Timestamp) -> bool {
        let in_time = (SignedDuration::ZERO..=GOOD_FOR).contains(&now.duration_since(self.begun));
        self.provider == name && state == Some(self.state.as_str()) && in_time
    }

    /// What the request was called that was made of the SAML provider `provider`, no longer ago than `within`.
    pub(in crate::authn) fn request(&self, provider: &str, within: SignedDuration, now: Timestamp) -> Option<&str> {
        let in_time = (SignedDuration::ZERO..=within).contains(&now.duration_since(self.begun));
        let fits = self.provider == provider && in_time && self.verifier.is_empty();
        fits.then_some(self.nonce.as_str())
    }

    /// When they signed in there, who say that they did at `said`. Whoever was to do so anew did after they were sent, by our clock: what
    /// another clock says of it is held to that, so that it is not older than what it was asked for.
    ///
    /// # Errors
    /// When they should have and did not, or say that they will.
    pub(in crate::authn) fn authenticated(&self, said: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, String> {
        let at = match said {
            Some(at) if at.duration_since(now) > SKEW => {
                return Err(format!("it says that they sign in at {at}, which is in the future: here it is {now}"));
            }
            Some(at) if self.fresh && self.begun.duration_since(at) > SKEW => {
                let begun = self.begun;
                return Err(format!("they were to sign in anew, at {begun} or later, and did so at {at}"));
            }
            None if self.fresh => {
                return Err("they were to sign in anew, and it does not say when they did".to_owned());
            }
            Some(at) => at.min(now),
            None => now,
        };
        Ok(if self.fresh { at.max(self.begun) } else { at })
    }

    /// What is written once somebody comes back from it who is believed: it counts once, and of two at once one does.
    ///
    /// # Errors
    /// When that cannot be put together.
    pub(in crate::authn) fn spending(&self, now: Timestamp) -> Result<Spending, StoreError> {
        let until = self.begun.saturating_add(GOOD_FOR).unwrap_or(Timestamp::MAX);
        let digest = Sha256::digest(&self.nonce).into();
        let mut commit = Commit::new(Actor::task("sign-in"), now, Intent::Widen);
        commit.spend(Spent::SignIn, &digest, until)?;
        Ok(Spending { commit, digest })
    }
}

/// A commit by which a sign-in that was begun is over.
pub(in crate::authn) struct Spending {
    /// What else is written with it, in one act, is added here.
    pub(in crate::authn) commit: Commit,
    digest: [u8; 32],
}

impl Spending {
    /// Writes it. Blocks.
    ///
    /// # Errors
    /// When somebody came back from that sign-in before; a conflict, when what is written with it was there; when it cannot be written.
    pub(in crate::authn) fn spent(self, store: &Store) -> Result<(), ProviderError> {
        match store.commit(self.commit) {
            Ok(_) => Ok(()),
            Err(error @ StoreError::Conflict { .. }) => {
                let before = store.read(|snapshot| sso::is_spent(snapshot, Spent::SignIn, &self.digest))?;
                Err(if before { ProviderError::NotBegun } else { error.into() })
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl<T: Serialize + for<'de> Deserialize<'de>> Pending<T> {
    /// Sealed, as text for a browser.
    ///
    /// # Errors
    /// When there is no master key.
    pub fn seal(&self, keys: &Keys) -> Result<String, KeysError> {
        keys.seal_to_text(OWNER, self)
    }

    /// What a browser kept. `None` of anything that was not sealed here.
    #[must_use]
    pub fn open(keys: &Keys, text: &str) -> Option<Self> {
        keys.open_text(OWNER, text)
    }
}
