//! A sign-in that was begun at an outside provider, of OpenID Connect or SAML, as a browser keeps it until somebody comes back.
//!
//! Nothing is kept here for it until then, since anybody begins as many as they like. It is spent when a provider is believed that says
//! who came back, and not before: what a page of another site sends in the browser of whoever is under way takes it from nobody.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::ProviderError;
use crate::base::Timestamp;
use crate::base::clock::later;
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
    pub(super) flow: Flow,
    pub(super) begun: Timestamp,
    /// They have to sign in there anew: that they are signed in there is not enough.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) fresh: bool,
    /// What it is begun for.
    pub purpose: T,
}

/// What an answer is known by, in the protocol of the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Flow {
    /// OpenID Connect: `state` comes back in the address, `nonce` in the token, and whoever redeems the code knows `verifier` (RFC 7636).
    Oidc { state: String, nonce: String, verifier: String },
    /// SAML: a response names the request that it answers.
    Saml { request_id: String },
}

impl<T> Pending<T> {
    /// The nonce and the verifier, if what came back to the address of the provider `name` with this `state` belongs to it, and is in time.
    pub(super) fn answered(&self, name: &str, state: Option<&str>, now: Timestamp) -> Option<(&str, &str)> {
        let Flow::Oidc { state: own, nonce, verifier } = &self.flow else { return None };
        let fits = self.is_of(name, GOOD_FOR, now) && state == Some(own.as_str());
        fits.then_some((nonce, verifier))
    }

    /// What the request was called that was made of the SAML provider `name`, no longer ago than `within`.
    pub(super) fn request(&self, name: &str, within: SignedDuration, now: Timestamp) -> Option<&str> {
        let Flow::Saml { request_id } = &self.flow else { return None };
        self.is_of(name, within, now).then_some(request_id)
    }

    /// Whether it was begun at the provider `name`, no longer ago than `within`.
    fn is_of(&self, name: &str, within: SignedDuration, now: Timestamp) -> bool {
        self.provider == name && (SignedDuration::ZERO..=within).contains(&now.duration_since(self.begun))
    }

    /// When they signed in there, who say that they did at `said`. Whoever was to do so anew did after they were sent, by our clock: what
    /// another clock says of it is held to that, so that it is not older than what it was asked for.
    ///
    /// # Errors
    /// When they should have and did not, or say that they will.
    pub(super) fn authenticated(&self, said: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, String> {
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
    pub(super) fn spending(&self, now: Timestamp) -> Result<Spending, StoreError> {
        let until = later(self.begun, GOOD_FOR);
        let once = match &self.flow {
            Flow::Oidc { nonce, .. } => nonce,
            Flow::Saml { request_id } => request_id,
        };
        let digest = Sha256::digest(once).into();
        let mut commit = Commit::new(Actor::task("sign-in"), now, Intent::Widen);
        commit.spend(Spent::SignIn, &digest, until)?;
        Ok(Spending { commit, digest })
    }
}

/// A commit by which a sign-in that was begun is over.
pub(super) struct Spending {
    /// What else is written with it, in one act, is added here.
    pub(super) commit: Commit,
    digest: [u8; 32],
}

impl Spending {
    /// Writes it. Blocks.
    ///
    /// # Errors
    /// When somebody came back from that sign-in before; a conflict, when what is written with it was there; when it cannot be written.
    pub(super) fn spent(self, store: &Store) -> Result<(), ProviderError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn begun(flow: Flow) -> Pending<()> {
        Pending { provider: "firm".to_owned(), flow, begun: at(1_000), fresh: false, purpose: () }
    }

    #[test]
    fn what_was_begun_is_answered_in_its_own_protocol_by_its_own_provider_in_time() {
        let text = str::to_owned;
        let oidc = begun(Flow::Oidc { state: text("s"), nonce: text("n"), verifier: text("v") });
        assert_eq!(oidc.answered("firm", Some("s"), at(1_600)), Some(("n", "v")));
        assert_eq!(oidc.request("firm", GOOD_FOR, at(1_001)), None);
        for (name, state, now) in
            [("other", Some("s"), 1_001), ("firm", Some("n"), 1_001), ("firm", None, 1_001), ("firm", Some("s"), 1_601)]
        {
            assert_eq!(oidc.answered(name, state, at(now)), None, "{name} {state:?} {now}");
        }
        let saml = begun(Flow::Saml { request_id: text("_r") });
        assert_eq!(saml.request("firm", GOOD_FOR, at(1_600)), Some("_r"));
        for state in [None, Some(""), Some("_r")] {
            assert_eq!(saml.answered("firm", state, at(1_001)), None, "{state:?}");
        }
        for (name, now) in [("other", 1_001), ("firm", 1_601), ("firm", 999)] {
            assert_eq!(saml.request(name, GOOD_FOR, at(now)), None, "{name} {now}");
        }
    }
}
