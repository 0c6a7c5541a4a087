//! What a client is owed about the end of a browser's session (OpenID Connect Back-Channel Logout 1.0).

use serde::{Deserialize, Serialize};

use super::Client;
use super::client::{ClientId, IdTokenAlg, RedirectUri, Subjects};
use crate::base::clock::later;
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
    /// Where and how it is told, as its settings were when it got tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// Whether the client was taken away since: it is told by the address of then, and not by that of another of its name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub client_gone: bool,
    /// How far it is.
    pub state: NoticeState,
}

/// What is needed to tell a client, whether or not it is known any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Where it is told.
    pub uri: RedirectUri,
    /// By which algorithm what it is told is signed.
    pub alg: IdTokenAlg,
    /// What people are called.
    pub subjects: Subjects,
}

impl Address {
    /// That of `client`, if it wants to be told.
    #[must_use]
    pub fn of(client: &Client) -> Option<Self> {
        let uri = client.backchannel_logout_uri.clone()?;
        Some(Self { uri, alg: client.id_token_alg, subjects: client.subjects })
    }
}

/// How far a notice is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum NoticeState {
    /// The session counts.
    Watching {
        /// When it is looked at next, if nobody ends it before: when it is over by itself. One that does not say it is looked at
        /// at once.
        #[serde(default)]
        look: Timestamp,
    },
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
    /// When somebody has to look at it next: to see whether the session counts, to tell the client, or to forget it.
    #[must_use]
    pub fn turn(&self) -> Timestamp {
        match &self.state {
            NoticeState::Watching { look } => *look,
            NoticeState::Due { next, .. } => *next,
            NoticeState::Told { at } | NoticeState::GivenUp { at, .. } => {
                later(*at, jiff::SignedDuration::from_hours(KEPT_HOURS))
            }
        }
    }

    /// The same, of a session that counts: to be looked at again at `look`.
    #[must_use]
    pub fn watched(&self, look: Timestamp) -> Self {
        Self { state: NoticeState::Watching { look }, ..self.clone() }
    }

    /// The same, to be told at `now`.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> Self {
        Self { state: NoticeState::Due { since: now, tries: 0, next: now, why: None }, ..self.clone() }
    }

    /// The same when the client is taken away at `now`, whose address was `address`: with it went whatever it had, so it is told.
    /// `None` where nobody could tell it, or it was told.
    #[must_use]
    pub fn without_client(&self, address: Option<&Address>, now: Timestamp) -> Option<Self> {
        let address = address.or(self.address.as_ref()).cloned();
        let gone = Self { client_gone: true, address: Some(address?), ..self.clone() };
        match self.state {
            NoticeState::Watching { .. } => Some(gone.due(now)),
            NoticeState::Due { .. } => Some(gone),
            NoticeState::Told { .. } | NoticeState::GivenUp { .. } => None,
        }
    }

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
        let next = later(now, wait);
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
        let mut notice =
            LogoutNotice { client: "app".parse().unwrap(), session, user, address: None, client_gone: false, state };
        let (mut now, mut tries) = (0, 0);
        while let NoticeState::Due { next, .. } = notice.state.clone() {
            assert_eq!(notice.turn(), next);
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
        assert_eq!(notice.turn(), at(now + KEPT_HOURS * 3_600));
    }

    #[test]
    fn a_client_that_is_taken_away_is_told_by_the_address_of_then() {
        let address = |uri: &str| Address {
            uri: uri.parse().unwrap(),
            alg: IdTokenAlg::default(),
            subjects: Subjects::default(),
        };
        let (session, user) = (SessionId::from_bytes([1; 16]), UserId::from_bytes([2; 16]));
        let state = NoticeState::Watching { look: at(60) };
        let client = "app".parse().unwrap();
        let notice = LogoutNotice { client, session, user, address: None, client_gone: false, state };
        assert_eq!(notice.without_client(None, at(5)), None, "nobody knows where");
        let known = LogoutNotice { address: Some(address("https://then.example/")), ..notice.clone() };
        let gone = known.without_client(None, at(5)).unwrap();
        assert!(gone.client_gone && gone.address == known.address && gone.turn() == at(5));
        let gone = known.without_client(Some(&address("https://last.example/")), at(5)).unwrap();
        assert_eq!(gone.address, Some(address("https://last.example/")));
        // One that is being told stays where it is in its turns.
        let tried = gone.begin(at(5)).unwrap();
        assert_eq!(tried.without_client(None, at(6)).unwrap(), tried);
        assert_eq!(tried.ended(None, at(6)).without_client(None, at(7)), None);
        // As rows of before said it.
        let old = r#"{"client":"app","session":"SESSION","user":"USER","state":{"state":"watching"}}"#;
        let old = old.replace("SESSION", &session.to_string()).replace("USER", &user.to_string());
        let read: LogoutNotice = serde_json::from_str(&old).unwrap();
        assert_eq!((read.turn(), read.address), (Timestamp::UNIX_EPOCH, None));
    }
}
