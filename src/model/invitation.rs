//! An invitation: somebody of another firm comes to have a way of their own to sign in, by a link that opens one page once and a code
//! that they are told by another channel.
//!
//! Neither is worth anything alone, so whoever reads the mail with the link, or listens in where the code is told, gets nowhere. Of the
//! link a digest is kept; the code is kept sealed, because whoever answers for them inside has to be able to read it out.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{Actor, Sealed};
use crate::base::clock::expired;
use crate::base::{EngagementId, Timestamp, UserId};

/// How long one is good.
pub const GOOD_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Wrong codes that one bears; with the last it is over. Only whoever has the link can try one at all.
pub const TRIES: u8 = 5;

/// An invitation that nobody accepted yet. There is one for each person at most: another takes its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// Who is invited.
    pub person: UserId,
    /// To what.
    pub engagement: EngagementId,
    /// A digest of what the link says, in hex.
    pub link: String,
    /// The code ([`super::UserCode`]), sealed.
    pub code: Sealed,
    /// Wrong codes that it still bears.
    pub tries: u8,
    /// When it was made.
    pub created: Timestamp,
    /// By whom.
    pub by: Actor,
    /// It is good until just before then.
    pub until: Timestamp,
    /// The life of the store that it was made in: a restore would bring one back that was used since.
    pub epoch: String,
}

impl Invitation {
    /// Whether it is good at `now`, in this life of the store.
    #[must_use]
    pub fn is_good(&self, epoch: &str, now: Timestamp) -> bool {
        self.epoch == epoch && self.tries > 0 && !expired(self.until, now) && self.created <= now
    }
}
