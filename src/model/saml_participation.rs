//! Where somebody was signed in by SAML with a browser: what it takes to have them signed out there (SAML profiles, section 4.4).
//!
//! One row for each browser's session, gone with it. It says nothing that a service provider was not told.

use serde::{Deserialize, Serialize};

use super::saml_sp::SpName;
use crate::base::Timestamp;

/// Most service providers of one browser's session. The oldest is forgotten for the next: its own session there has an end of its own.
pub const MOST: usize = 50;

/// Where a browser's session was signed in, in the order in which it was first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamlParticipations {
    /// The service providers.
    pub at: Vec<SamlParticipation>,
}

/// A service provider that somebody was signed in to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamlParticipation {
    /// Which one.
    pub sp: SpName,
    /// What it knows them by, and of which kind that is.
    pub name_id: String,
    /// The URN of that kind.
    pub format: String,
    /// What it knows the session by.
    pub session_index: String,
    /// When it was told last.
    pub since: Timestamp,
}

impl SamlParticipations {
    /// Adds one, in the place of the one before of the same service provider.
    pub fn add(&mut self, new: SamlParticipation) {
        self.at.retain(|known| known.sp != new.sp);
        self.at.push(new);
        if self.at.len() > MOST {
            self.at.remove(0);
        }
    }

    /// Takes out that of a service provider.
    pub fn take(&mut self, sp: &SpName) -> Option<SamlParticipation> {
        let at = self.at.iter().position(|known| known.sp == *sp)?;
        Some(self.at.remove(at))
    }
}
