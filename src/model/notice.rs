//! That somebody is told of something: one row for each whom it is told, until they were.
//!
//! A notice keeps what is to be said, as it was when it happened, and not where it is looked up: who reads it later reads what was so
//! then. How it is said to whom is decided when it is sent.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::base::clock::{expired, later};
use crate::base::{EngagementId, GrantId, NoticeId, Timestamp};

/// Hours after which nobody tries to tell it any more: whoever did not read it by then decides nothing by it.
pub const GOOD_FOR_HOURS: i64 = 24;

/// Most tries that failed for its own sake.
pub const MOST_TRIES: u32 = 8;

/// Seconds from a try to the next, by how many failed.
const WAITS: [i64; MOST_TRIES as usize] = [60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800];

/// Seconds within which a try is over, or whoever began it is gone.
const ONE_TRY: i64 = 120;

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Somebody granted a role to themselves, in an emergency.
    BreakGlass,
    /// Enough agreed to a request.
    GrantApproved,
    /// A request was changed: whoever agreed has to again.
    GrantChanged,
    /// A grant in use ends soon.
    GrantEnding,
    /// A grant that was in use is over: by the clock, or because its holder is done.
    GrantEnded,
    /// Nobody decided about a request in time, or its holder did not claim it.
    GrantExpired,
    /// Somebody refused a request.
    GrantRefused,
    /// A request waits for others to agree.
    GrantRequested,
    /// A grant was taken back before its time.
    GrantRevoked,
    /// Nobody looked back at a grant within its time.
    ReviewOverdue,
    /// An engagement was made.
    EngagementOpened,
    /// An engagement was changed.
    EngagementChanged,
    /// An engagement ends soon.
    EngagementClosing,
    /// An engagement was closed before its time.
    EngagementClosed,
    /// An engagement ended by its time.
    EngagementEnded,
    /// Somebody who was invited has a second factor of their own now.
    InvitationUsed,
    /// What a provider or an application of SAML publishes about itself changed, and waits to be confirmed.
    MetadataWaits,
    /// Somebody tries whether notices arrive.
    Test,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::BreakGlass,
        Self::GrantApproved,
        Self::GrantChanged,
        Self::GrantEnding,
        Self::GrantEnded,
        Self::GrantExpired,
        Self::GrantRefused,
        Self::GrantRequested,
        Self::GrantRevoked,
        Self::ReviewOverdue,
        Self::EngagementOpened,
        Self::EngagementChanged,
        Self::EngagementClosing,
        Self::EngagementClosed,
        Self::EngagementEnded,
        Self::InvitationUsed,
        Self::MetadataWaits,
        Self::Test,
    ];

    /// Its word for programs: the `type` of what webhooks get.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::BreakGlass => "grant.break_glass",
            Self::GrantApproved => "grant.approved",
            Self::GrantChanged => "grant.changed",
            Self::GrantEnding => "grant.ending",
            Self::GrantEnded => "grant.ended",
            Self::GrantExpired => "grant.expired",
            Self::GrantRefused => "grant.refused",
            Self::GrantRequested => "grant.requested",
            Self::GrantRevoked => "grant.revoked",
            Self::ReviewOverdue => "grant.review_overdue",
            Self::EngagementOpened => "engagement.opened",
            Self::EngagementChanged => "engagement.changed",
            Self::EngagementClosing => "engagement.closing",
            Self::EngagementClosed => "engagement.closed",
            Self::EngagementEnded => "engagement.ended",
            Self::InvitationUsed => "invitation.used",
            Self::MetadataWaits => "saml.metadata_waits",
            Self::Test => "notice.test",
        }
    }

    /// The one of this word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether it must be heard: there is room for it when there is none for others.
    #[must_use]
    pub const fn is_loud(self) -> bool {
        matches!(self, Self::BreakGlass | Self::ReviewOverdue)
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Self::named(&word).ok_or_else(|| de::Error::custom(format!("`{word}` is no kind of notice")))
    }
}

/// By which way somebody is told.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Way {
    /// By the mail server.
    Mail,
    /// By the webhook of this name.
    Webhook(String),
}

/// A text that names no way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected `mail`, or `webhook/` and a name of 1 to 64 small letters, digits and `-`")]
pub struct NoWay;

impl Way {
    /// Whether a webhook may be called so.
    #[must_use]
    pub fn is_name(text: &str) -> bool {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=64).contains(&text.len()) && text.bytes().all(fits)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mail => f.write_str("mail"),
            Self::Webhook(name) => write!(f, "webhook/{name}"),
        }
    }
}

impl FromStr for Way {
    type Err = NoWay;

    fn from_str(text: &str) -> Result<Self, NoWay> {
        match text.strip_prefix("webhook/") {
            Some(name) if Self::is_name(name) => Ok(Self::Webhook(name.to_owned())),
            None if text == "mail" => Ok(Self::Mail),
            _ => Err(NoWay),
        }
    }
}

impl Serialize for Way {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Way {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// What there is to say, as it was when it happened. Names, never secrets; what is not said is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The grant that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantId>,
    /// The engagement that it is about, or that the grant is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engagement: Option<EngagementId>,
    /// What that is called, and of which firm it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engagement_name: Option<String>,
    /// The firm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firm: Option<String>,
    /// Who is to have the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// What they are called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// The role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Seconds that it is to last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u32>,
    /// What for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The ticket that says so elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Who did what is told; nobody where the clock did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What they said to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Until when it matters: a request is decided, a grant claimed, somebody looked back, an engagement is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// What waits of SAML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<WaitingMetadata>,
}

/// Metadata of SAML that waits to be confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingMetadata {
    /// Of whom, such as `SAML provider kessel`.
    pub of: String,
    /// What it says otherwise than what counts.
    pub changes: Vec<String>,
    /// What shows it, and how it is confirmed, as it is typed.
    pub look: String,
}

/// That somebody is told something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Stays the same for every try: whoever hears it twice knows.
    pub id: NoticeId,
    /// What happened.
    pub kind: Kind,
    /// By which way it is told.
    pub way: Way,
    /// To whom; empty where the way says so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub to: String,
    /// When it happened.
    pub at: Timestamp,
    /// The life of the store it happened in: what a restore took back is told to nobody.
    pub epoch: String,
    /// From then on there is no point in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moot: Option<Timestamp>,
    /// What there is to say.
    pub facts: Facts,
    /// How often it failed for its own sake.
    #[serde(default)]
    pub tries: u32,
    /// When it is tried next.
    pub next: Timestamp,
    /// Why it failed the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Why nobody tries any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// It was tried for so long, or so often.
    Tried,
    /// There is no point in it any more.
    Moot,
    /// It is of before a restore.
    Restored,
}

impl Notice {
    /// Why nobody tries any more at `now`, in this life of the store.
    #[must_use]
    pub fn over(&self, epoch: &str, now: Timestamp) -> Option<Over> {
        if self.epoch != epoch {
            return Some(Over::Restored);
        }
        if self.moot.is_some_and(|moot| expired(moot, now)) {
            return Some(Over::Moot);
        }
        let last = later(self.at, SignedDuration::from_hours(GOOD_FOR_HOURS));
        (self.tries >= MOST_TRIES || expired(last, now)).then_some(Over::Tried)
    }

    /// The same for a try that begins at `now`: whoever writes it tries. If nobody hears of that any more it is tried anew.
    #[must_use]
    pub fn begun(&self, now: Timestamp) -> Self {
        Self { next: later(now, SignedDuration::from_secs(ONE_TRY)), ..self.clone() }
    }

    /// The same behind a try that failed for its own sake.
    #[must_use]
    pub fn failed(&self, why: &str, now: Timestamp) -> Self {
        let wait = usize::try_from(self.tries).ok().and_then(|tries| WAITS.get(tries)).or(WAITS.last());
        let next = later(now, SignedDuration::from_secs(wait.copied().unwrap_or(ONE_TRY)));
        Self { tries: self.tries.saturating_add(1), next, why: Some(why.to_owned()), ..self.clone() }
    }

    /// The same behind a try that failed because of the way: it has its turn again as soon as the way is open.
    #[must_use]
    pub fn held_up(&self, why: &str, now: Timestamp) -> Self {
        Self { next: now, why: Some(why.to_owned()), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn notice() -> Notice {
        Notice {
            id: NoticeId::from_bytes([1; 16]),
            kind: Kind::GrantRequested,
            way: Way::Mail,
            to: "ann@corp.example".to_owned(),
            at: at(0),
            epoch: "e".to_owned(),
            moot: None,
            facts: Facts::default(),
            tries: 0,
            next: at(0),
            why: None,
        }
    }

    #[test]
    fn it_is_tried_less_and_less_often_and_not_for_ever() {
        let (mut notice, mut tries) = (notice(), 0);
        while notice.over("e", notice.next).is_none() {
            let now = notice.next;
            let begun = notice.begun(now);
            assert!(begun.next > now && begun.tries == notice.tries, "a try that nobody hears of is made again");
            notice = begun.failed("450 later", now);
            assert!(notice.next > now);
            tries += 1;
        }
        assert_eq!(tries, MOST_TRIES);
        // However often the way fails, that is not its fault; and a day is a day.
        let held = super::tests::notice().held_up("away", at(5));
        assert_eq!((held.tries, held.next, held.why.as_deref()), (0, at(5), Some("away")));
        assert_eq!(held.over("e", at(GOOD_FOR_HOURS * 3_600 - 1)), None);
        assert_eq!(held.over("e", at(GOOD_FOR_HOURS * 3_600)), Some(Over::Tried));
    }

    #[test]
    fn what_is_over_is_told_to_nobody() {
        assert_eq!(notice().over("another", at(0)), Some(Over::Restored));
        let moot = Notice { moot: Some(at(60)), ..notice() };
        assert_eq!((moot.over("e", at(59)), moot.over("e", at(60))), (None, Some(Over::Moot)));
    }

    #[test]
    fn words_lead_back() {
        for kind in Kind::ALL {
            assert_eq!(Kind::named(kind.word()), Some(kind));
        }
        for way in [Way::Mail, Way::Webhook("siem-2".to_owned())] {
            assert_eq!(way.to_string().parse(), Ok(way));
        }
        for bad in ["", "Mail", "webhook", "webhook/", "webhook/a/b", "webhook/A", "webhook/a\0"] {
            assert_eq!(bad.parse::<Way>(), Err(NoWay), "{bad:?}");
        }
    }
}
