//! Positions: what has to be remembered to go on, and when going on would miss something.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::ldap::extension::Sight;
use super::super::source::LdapSource;
use super::super::{Cursor, Dn};
use super::controller::Controller;
use crate::base::Timestamp;

/// [`Cursor::method`] of the cursors made here.
pub(super) const DIRSYNC: &str = "dirsync";
pub(super) const USN: &str = "usn";

/// What was counted just before everything was read may not have been shown yet ([`Position::certain`]). It was the work of one
/// transaction, since a controller commits one at a time; one that replicates has 402 objects at most (Samba), and a
/// person's has a few. As many are asked for again.
const BEGUN: u64 = 500;

/// Longest cookie kept: it grows with the number of domain controllers, 24 bytes each.
const MAX_COOKIE: usize = 32 << 10;

/// [`Cursor::state`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Digest of what was asked: bases, filters, attributes. Another question needs another read.
    question: String,
    /// Which controller it belongs to.
    service: String,
    /// Which life of its database.
    invocation: String,
    /// Everything up to this update sequence number was asked for.
    pub(super) usn: u64,
    /// Up to this one it was asked for so late that nothing can have been missing from the answer: the next question by number
    /// begins here. A controller may count an update a moment before it shows it.
    pub(super) certain: u64,
    /// The controller's clock when it was taken.
    pub(super) time: Timestamp,
    /// A question was answered from here. A position just taken is not doubted for what replicated with a clock that is ahead.
    pub(super) proven: bool,
    /// How it goes on.
    #[serde(flatten)]
    pub(super) way: Way,
}

/// How changes are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "way", rename_all = "snake_case")]
pub(super) enum Way {
    /// By cookie, one a partition.
    Dirsync {
        /// Everything changed, or what the account may read.
        everything: bool,
        cookies: Vec<Cookie>,
    },
    /// By update sequence number.
    Usn,
}

/// The cookie of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cookie {
    pub(super) context: Dn,
    /// Hexadecimal.
    pub(super) cookie: String,
}

impl Position {
    pub(super) fn dirsync(
        source: &LdapSource,
        controller: &Controller,
        sight: Sight,
        contexts: &[Dn],
        cookies: Vec<Vec<u8>>,
    ) -> Self {
        let cookie =
            |(context, cookie): (&Dn, Vec<u8>)| Cookie { context: context.clone(), cookie: hex::encode(cookie) };
        let cookies = contexts.iter().zip(cookies).map(cookie).collect();
        Self::at(source, controller, Way::Dirsync { everything: sight == Sight::Everything, cookies })
    }

    pub(super) fn usn(source: &LdapSource, controller: &Controller) -> Self {
        Self::at(source, controller, Way::Usn)
    }

    fn at(source: &LdapSource, controller: &Controller, way: Way) -> Self {
        Self {
            question: source.question_digest(),
            service: controller.service.clone(),
            invocation: controller.invocation.clone(),
            usn: controller.usn,
            certain: controller.usn.saturating_sub(BEGUN),
            time: controller.time,
            proven: false,
            way,
        }
    }

    /// The cursor to store.
    pub(super) fn cursor(&self, server: &str) -> Cursor {
        let method = if matches!(self.way, Way::Usn) { USN } else { DIRSYNC };
        // A tree of strings and numbers always has a JSON form.
        let state = serde_json::to_value(self).unwrap_or_default();
        Cursor { server: server.to_owned(), method: method.to_owned(), state }
    }

    /// The position in `cursor`, or why it cannot be used.
    pub(super) fn of(source: &LdapSource, cursor: &Cursor) -> Result<Self, String> {
        if let Some(why) = source.refuses(cursor, &[DIRSYNC, USN]) {
            return Err(why);
        }
        let position: Self = source.state_of(cursor, |position: &Self| &position.question)?;
        match &position.way {
            Way::Dirsync { cookies, .. } if !cookies.iter().all(Cookie::is_sound) => {
                Err("the stored position is damaged".to_owned())
            }
            _ => Ok(position),
        }
    }

    /// Why `controller` cannot go on from here, if it cannot.
    ///
    /// The gap may be half as long as tombstones live: what was deleted in it must still be told, and by a controller
    /// that received the deletion late.
    pub(super) fn misfit(&self, server: &str, controller: &Controller) -> Option<String> {
        if self.service != controller.service {
            return Some(format!("{server} is another domain controller now than the one the position belongs to"));
        }
        if self.invocation != controller.invocation {
            return Some(format!("the database of {server} was put back from a backup (its invocationId changed)"));
        }
        if self.usn > controller.usn {
            return Some(format!(
                "{server} went back in time, from update {} to {}: it was put back from a disk image",
                self.usn, controller.usn
            ));
        }
        let gap = Duration::try_from(controller.time.duration_since(self.time)).unwrap_or_default();
        (gap > controller.tombstones / 2).then(|| {
            format!(
                "the position is {} days old; deletions are told for {} days only",
                gap.as_secs() / 86_400,
                controller.tombstones.as_secs() / 86_400
            )
        })
    }
}

impl Cookie {
    pub(super) fn bytes(&self) -> Vec<u8> {
        hex::decode(&self.cookie).unwrap_or_default()
    }

    /// An empty cookie would mean: tell me everything there is.
    fn is_sound(&self) -> bool {
        let bytes = self.bytes();
        !bytes.is_empty() && bytes.len() <= MAX_COOKIE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn controller() -> Controller {
        Controller {
            service: "cn=ntds settings,cn=dc1".to_owned(),
            invocation: "11".repeat(16),
            usn: 4_000,
            time: "2026-03-12T12:00:00Z".parse().unwrap(),
            tombstones: Duration::from_secs(60 * 86_400),
        }
    }

    fn position() -> Position {
        let Controller { service, invocation, usn, time, .. } = controller();
        Position { question: String::new(), service, invocation, usn, certain: usn, time, proven: false, way: Way::Usn }
    }

    #[test]
    fn only_the_same_life_of_the_same_controller_goes_on() {
        let later = |days: i64| controller().time + jiff::SignedDuration::from_hours(24 * days);
        let cases: [(&str, Controller, Option<&str>); 7] = [
            ("the same", controller(), None),
            ("further on", Controller { usn: 5_000, time: later(29), ..controller() }, None),
            ("a clock set back", Controller { time: later(-3), ..controller() }, None),
            (
                "another controller",
                Controller { service: "cn=dc2".to_owned(), ..controller() },
                Some("another domain controller"),
            ),
            ("restored by the book", Controller { invocation: "22".repeat(16), ..controller() }, Some("invocationId")),
            ("restored as an image", Controller { usn: 3_999, ..controller() }, Some("from update 4000 to 3999")),
            ("asleep for long", Controller { time: later(31), ..controller() }, Some("31 days old")),
        ];
        for (what, now, expected) in cases {
            let why = position().misfit("dc1", &now);
            assert_eq!(why.is_some(), expected.is_some(), "{what}: {why:?}");
            assert!(why.unwrap_or_default().contains(expected.unwrap_or_default()), "{what}");
        }
    }

    #[test]
    fn a_position_survives_its_row() {
        let cookies = vec![Cookie { context: "DC=ad,DC=test".parse().unwrap(), cookie: "4d534453".to_owned() }];
        let dirsync = Position { way: Way::Dirsync { everything: true, cookies }, ..position() };
        for position in [position(), dirsync] {
            let cursor = position.cursor("ldaps://dc1");
            assert_eq!(Position::deserialize(&cursor.state).unwrap(), position, "{}", cursor.state);
        }
    }
}
