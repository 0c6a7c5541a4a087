//! What a client is owed about the end of a browser's session (OpenID Connect Back-Channel Logout 1.0).

use serde::{Deserialize, Serialize};

use super::client::ClientId;
use crate::base::{SessionId, Timestamp, UserId};

/// How long after it was settled a notice is kept, for people to look at, in hours.
pub const KEPT_HOURS: i64 = 7 * 24;

/// Most tries to tell a client.
pub const MOST_TRIES: u32 = 8;

/// Seconds from a try to the next, by how many there were: an hour and a half in all, which a restart of the client fits into.
const WAITS: [i64; MOST_TRIES as usize] = [10, 30, 60, 180, 600, 1_200, 1_800, 1_800];

/// That a client is told when a browser's session ends in which somebody signed in to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutNotice {
    /// Which client.
    pub client: ClientId,
    /// Which session.
    pub session: SessionId,
    /// Whose.
    pub user: UserId,
    /// How far it is.
    pub state: NoticeState,
}

/// How far a notice is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum NoticeState {
    /// The session counts.
    Watching,
    /// It ended, and the client is to be told.
    Due {
        /// Since when.
        since: Timestamp,
        /// How often it was tried.
        tries: u32,
        /// When it is tried next.
        next: Timestamp,
        /// What became of the last try.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// The client knows.
    Told {
        /// Since when.
        at: Timestamp,
    },
    /// The client did not take it, as often as it was tried.
    GivenUp {
        /// When.
        at: Timestamp,
        /// Why the last time.
        why: String,
    },
}

impl LogoutNotice {
    /// The same for a try that begins at `now`: whoever writes it tries, and if nobody hears of that any more the next one is later.
    /// `None` where it is not due.
    #[must_use]
    pub fn begin(&self, now: Timestamp) -> Option<Self> {
        let NoticeState::Due { since, tries, next, why } = &self.state else { return None };
        if *next > now {
            return None;
        }
        let wait = usize::try_from(*tries).ok().and_then(|tries| WAITS.get(tries)).or(WAITS.last());
        let wait = jiff::SignedDuration::from_secs(wait.copied().unwrap_or(1_800));
        let next = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        let state = NoticeState::Due { since: *since, tries: tries.saturating_add(1), next, why: why.clone() };
        Some(Self { state, ..self.clone() })
    }

    /// The same behind a try that ended so; `why` of one that the client did not take.
    #[must_use]
    pub fn ended(&self, why: Option<String>, now: Timestamp) -> Self {
        let state = match (&self.state, why) {
            (_, None) => NoticeState::Told { at: now },
            (NoticeState::Due { tries, .. }, Some(why)) if *tries >= MOST_TRIES => {
                NoticeState::GivenUp { at: now, why }
            }
            (NoticeState::Due { since, tries, next, .. }, Some(why)) => {
                NoticeState::Due { since: *since, tries: *tries, next: *next, why: Some(why) }
            }
            (state, Some(_)) => state.clone(),
        };
        Self { state, ..self.clone() }
    }

    /// Whether it is settled for so long that nobody looks at it any more.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        let (NoticeState::Told { at } | NoticeState::GivenUp { at, .. }) = &self.state else { return false };
        now.duration_since(*at) > jiff::SignedDuration::from_hours(KEPT_HOURS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn a_notice_is_tried_less_and_less_often_and_given_up_in_the_end() {
        let state = NoticeState::Due { since: at(0), tries: 0, next: at(0), why: None };
        let (session, user) = (SessionId::from_bytes([1; 16]), UserId::from_bytes([2; 16]));
        let mut notice = LogoutNotice { client: "app".parse().unwrap(), session, user, state };
        let (mut now, mut tries) = (0, 0);
        while let NoticeState::Due { next, .. } = notice.state.clone() {
            now = now.max(next.as_second() - at(0).as_second());
            assert!(notice.begin(at(now - 1)).is_none(), "not before its time");
            notice = notice.begin(at(now)).unwrap();
            assert!(notice.begin(at(now)).is_none(), "one try at a time");
            notice = notice.ended(Some("away".to_owned()), at(now));
            tries += 1;
            assert!(tries <= MOST_TRIES);
        }
        assert_eq!((tries, now), (MOST_TRIES, 10 + 30 + 60 + 180 + 600 + 1_200 + 1_800));
        assert!(matches!(&notice.state, NoticeState::GivenUp { why, .. } if why == "away"));
        assert!(!notice.is_over(at(now)) && notice.is_over(at(now + KEPT_HOURS * 3_600 + 1)));
        assert!(notice.begin(at(now + 10_000)).is_none());
    }
}
