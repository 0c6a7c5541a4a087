//! The hours of the week in which an account may act.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::base::Timestamp;

/// Hours of a week.
const HOURS: i64 = 7 * 24;

/// A bit for each hour of the week, the first from Sunday 00:00 to 01:00 UTC, in each byte the lowest bit first
/// (`logonHours`; MS-SAMR 2.2.6.5, SAMPR_LOGON_HOURS). Never all of them: that is no limit, and `None` where one may be.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogonHours([u8; 21]);

impl LogonHours {
    /// The hours of these bytes; `None` when every hour is one.
    #[must_use]
    pub fn limit(bytes: [u8; 21]) -> Option<Self> {
        (bytes != [0xff; 21]).then_some(Self(bytes))
    }

    /// Whether the account may act at `now`.
    #[must_use]
    pub fn allow(&self, now: Timestamp) -> bool {
        // 1970-01-01, where timestamps begin, was a Thursday: four days into the week.
        let hour = (now.as_second().div_euclid(3_600) + 4 * 24).rem_euclid(HOURS);
        usize::try_from(hour).is_ok_and(|hour| self.holds(hour))
    }

    /// True when there is no such hour at all.
    #[must_use]
    pub fn is_never(&self) -> bool {
        self.0 == [0; 21]
    }

    fn holds(&self, hour: usize) -> bool {
        self.0.get(hour / 8).is_some_and(|byte| byte >> (hour % 8) & 1 == 1)
    }

    /// The hours of a day as `08-18`, several parts with a blank between them; empty when there are none.
    fn day(&self, day: usize) -> String {
        let hours: Vec<usize> = (0..24).filter(|hour| self.holds(24 * day + hour)).collect();
        let runs = hours.chunk_by(|a, b| a + 1 == *b);
        let runs = runs.filter_map(|run| Some(format!("{:02}-{:02}", run.first()?, run.last()? + 1)));
        runs.collect::<Vec<_>>().join(" ")
    }
}

/// Days as people count them, each with its place in the week of [`LogonHours`].
const DAYS: [(&str, usize); 7] = [("Mon", 1), ("Tue", 2), ("Wed", 3), ("Thu", 4), ("Fri", 5), ("Sat", 6), ("Sun", 0)];

impl fmt::Display for LogonHours {
    /// `Mon-Fri 07-18, Sat 08-12 (UTC)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_never() {
            return f.write_str("never");
        }
        let days: Vec<(&str, String)> = DAYS.iter().map(|(name, day)| (*name, self.day(*day))).collect();
        let alike = days.chunk_by(|a, b| a.1 == b.1).filter_map(|alike| match alike {
            [(_, hours), ..] if hours.is_empty() => None,
            [(day, hours)] => Some(format!("{day} {hours}")),
            [(first, hours), .., (last, _)] => Some(format!("{first}-{last} {hours}")),
            [] => None,
        });
        write!(f, "{} (UTC)", alike.collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Debug for LogonHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogonHours({self})")
    }
}

impl Serialize for LogonHours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for LogonHours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut bytes = [0; 21];
        hex::decode_to_slice(String::deserialize(deserializer)?, &mut bytes).map_err(de::Error::custom)?;
        Self::limit(bytes).ok_or_else(|| de::Error::custom("every hour is no limit"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These hours of the week, counted from Sunday 00:00 UTC.
    fn hours(of: impl IntoIterator<Item = usize>) -> LogonHours {
        let mut bytes = [0; 21];
        for hour in of {
            bytes[hour / 8] |= 1 << (hour % 8);
        }
        LogonHours::limit(bytes).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_hour_counts_from_its_first_instant_to_the_next() {
        // 2026-03-15 is a Sunday.
        let first = hours([0]);
        assert!(!first.allow(at("2026-03-14T23:59:59.999Z")));
        assert!(first.allow(at("2026-03-15T00:00:00Z")));
        assert!(first.allow(at("2026-03-15T00:59:59Z")));
        assert!(!first.allow(at("2026-03-15T01:00:00Z")));
        let last = hours([167]);
        assert!(last.allow(at("2026-03-14T23:30:00Z")) && !last.allow(at("2026-03-15T00:00:00Z")));
        assert!(first.allow(at("1969-12-28T00:30:00Z")), "before timestamps begin, too");
    }

    #[test]
    fn all_hours_are_no_limit_and_none_is_never() {
        assert_eq!(LogonHours::limit([0xff; 21]), None);
        let never = LogonHours::limit([0; 21]).unwrap();
        assert!(never.is_never() && !never.allow(at("2026-03-15T12:00:00Z")));
        assert_eq!(never.to_string(), "never");
    }

    #[test]
    fn hours_read_as_people_write_them() {
        let office = hours((1..6).flat_map(|day| (24 * day + 7)..(24 * day + 18)));
        assert_eq!(office.to_string(), "Mon-Fri 07-18 (UTC)");
        let odd = hours((24 + 8..24 + 12).chain(24 + 13..24 + 17).chain([24 * 6 + 23, 0]));
        assert_eq!(odd.to_string(), "Mon 08-12 13-17, Sat 23-24, Sun 00-01 (UTC)");
        let json = serde_json::to_string(&office).unwrap();
        assert_eq!(serde_json::from_str::<LogonHours>(&json).unwrap(), office);
        assert!(serde_json::from_str::<LogonHours>(&format!("\"{}\"", "ff".repeat(21))).is_err());
    }
}
