//! What a browser carries from page to page while somebody signs in for a service provider: sealed, so that it is what we read.
//!
//! Nothing is kept here for whoever only asks: anybody may. The request is spent when it is answered (`answer`), and until then it is
//! good for as long as a page to sign in at. Whoever has somebody else open such an address has them answer a request that their
//! browser did not make, which its service provider refuses (`InResponseTo`).

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::contexts::Wanted;
use crate::base::Timestamp;
use crate::base::clock::{expired, later};
use crate::keys::{Keys, KeysError};
use crate::model::saml_sp::SpName;

/// For whom it is sealed.
const OWNER: &str = "saml-request";

/// As long as a page to sign in at.
pub(super) const GOOD_FOR: SignedDuration = SignedDuration::from_mins(30);

/// A request that is being answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Who asks.
    #[serde(rename = "s")]
    pub(super) sp: SpName,
    /// The request's ID; nobody asked where somebody began here.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    /// Where the answer goes.
    #[serde(rename = "a")]
    pub(super) acs: String,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub(super) relay_state: Option<String>,
    /// Whoever signed in before has to do so again.
    #[serde(rename = "f", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) force: bool,
    /// Nobody is shown anything.
    #[serde(rename = "p", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) passive: bool,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub(super) name_id_format: Option<String>,
    /// How surely somebody has to be signed in.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<Wanted>,
    /// What is wrong with it, which the service provider is told: a status of the second level.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub(super) wrong: Option<String>,
    /// The same in words, for the log. It is told once, where the request came.
    #[serde(skip)]
    pub(super) why: Option<String>,
    /// When it came.
    #[serde(rename = "t")]
    pub(super) at: Timestamp,
}

impl Pending {
    /// Whether whoever signed in before has to do so again.
    #[must_use]
    pub fn is_forced(&self) -> bool {
        self.force
    }

    /// What it asks for in vain, for the log: who asks, for what kind of name, and why that cannot be.
    #[must_use]
    pub fn in_vain(&self) -> Option<(Vec<(&'static str, String)>, &str)> {
        let why = self.why.as_deref()?;
        let format = self.name_id_format.iter().map(|format| ("name_id_format", format.clone()));
        Some(([("sp", self.sp.to_string())].into_iter().chain(format).collect(), why))
    }

    /// As it stands in an address.
    ///
    /// # Errors
    /// When nothing can be sealed.
    pub fn seal(&self, keys: &Keys) -> Result<String, KeysError> {
        keys.seal_to_text(OWNER, self)
    }

    /// What was sealed so, while it is good at `now`.
    #[must_use]
    pub fn open(keys: &Keys, text: &str, now: Timestamp) -> Option<Self> {
        let pending: Self = keys.open_text(OWNER, text)?;
        let end = later(pending.at, GOOD_FOR);
        (!expired(end, now)).then_some(pending)
    }
}
