//! Hours of a week in somebody's time zone: `Mon-Fri 09:00-17:00`.
//!
//! They are of the clock on the wall there: on the day on which it is put forward nine o'clock comes an hour sooner. What policies
//! can ask of a moment (`bailey:Weekday`, `bailey:TimeOfDay`) is told here, too.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::base::Timestamp;

/// Days of the week, and one span of each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hours {
    /// A bit for each day, from Monday on.
    days: u8,
    /// The minute of the day at which it begins.
    from: u16,
    /// The one before which it ends; 1,440 is midnight behind it.
    until: u16,
}

/// Text that says no hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected days and hours such as `Mon-Fri 09:00-17:00` or `Sat,Sun 00:00-24:00`, the second later than the first: for a night \
     write two"
)]
pub struct NoHours;

/// A time zone by its name in the IANA database, such as `Europe/Berlin`; `UTC` if nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(String);

/// Text that names no time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no time zone: expected a name of the IANA database such as `Europe/Berlin` or `UTC`")]
pub struct NoZone(String);

const DAYS: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

impl Hours {
    /// The days, as `bailey:Weekday` has them.
    pub fn days(&self) -> impl Iterator<Item = &'static str> {
        let days = self.days;
        DAYS.iter().enumerate().filter(move |(at, _)| days & (1 << at) != 0).map(|(_, (word, _))| *word)
    }

    /// Begin and end, as `bailey:TimeOfDay` counts.
    #[must_use]
    pub fn span(&self) -> (u16, u16) {
        let digits = |minute: u16| minute / 60 * 100 + minute % 60;
        (digits(self.from), digits(self.until))
    }

    /// Whether `now` is among them in `zone`.
    #[must_use]
    pub fn allow(&self, zone: &Zone, now: Timestamp) -> bool {
        let (day, time) = zone.moment(now);
        let (from, until) = self.span();
        self.days().any(|word| word == day) && (from..until).contains(&time)
    }
}

impl FromStr for Hours {
    type Err = NoHours;

    fn from_str(text: &str) -> Result<Self, NoHours> {
        let (days, span) = text.trim().split_once(' ').ok_or(NoHours)?;
        let place = |word: &str| DAYS.iter().position(|(day, _)| day.eq_ignore_ascii_case(word)).ok_or(NoHours);
        let mut all = 0;
        for part in days.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (place(first)?, place(last)?);
            if last < first {
                return Err(NoHours);
            }
            for day in first..=last {
                all |= 1 << day;
            }
        }
        let minute = |text: &str| {
            let (hours, minutes) = text.split_once(':').ok_or(NoHours)?;
            let number = |text: &str| match text.len() {
                2 if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse::<u16>().map_err(|_| NoHours),
                _ => Err(NoHours),
            };
            let (hours, minutes) = (number(hours)?, number(minutes)?);
            let whole = hours * 60 + minutes;
            if minutes < 60 && whole <= 1_440 { Ok(whole) } else { Err(NoHours) }
        };
        let (from, until) = span.trim().split_once('-').ok_or(NoHours)?;
        let (from, until) = (minute(from)?, minute(until)?);
        if until <= from {
            return Err(NoHours);
        }
        Ok(Self { days: all, from, until })
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days: Vec<&str> = self.days().collect();
        let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        write!(f, "{} {}-{}", days.join(","), time(self.from), time(self.until))
    }
}

impl TryFrom<String> for Hours {
    type Error = NoHours;

    fn try_from(text: String) -> Result<Self, NoHours> {
        text.parse()
    }
}

impl From<Hours> for String {
    fn from(hours: Hours) -> Self {
        hours.to_string()
    }
}

impl Zone {
    /// The day of the week and the time of the day at `now`: `Mon` and 905 at five past nine.
    #[must_use]
    pub fn moment(&self, now: Timestamp) -> (&'static str, u16) {
        let there = now.to_zoned_datetime(self.zone());
        let day = DAYS.iter().find(|(_, day)| *day == there.weekday()).map_or("", |(word, _)| word);
        let (hour, minute) = (u16::from(there.hour().unsigned_abs()), u16::from(there.minute().unsigned_abs()));
        (day, hour * 100 + minute)
    }

    /// `now` as the clock on the wall there has it, for people to read.
    #[must_use]
    pub fn shown(&self, now: Timestamp) -> String {
        now.to_zoned_datetime(self.zone()).strftime("%Y-%m-%d %H:%M %Z").to_string()
    }

    fn zone(&self) -> TimeZone {
        if self.0.is_empty() {
            return TimeZone::UTC;
        }
        // It was looked up when it was read; the database is part of the program.
        TimeZone::get(&self.0).unwrap_or(TimeZone::UTC)
    }
}

impl FromStr for Zone {
    type Err = NoZone;

    fn from_str(text: &str) -> Result<Self, NoZone> {
        if text.eq_ignore_ascii_case("utc") || text.is_empty() {
            return Ok(Self::default());
        }
        let zone = TimeZone::get(text).map_err(|_| NoZone(crate::base::text::printable(text).into_owned()))?;
        let name = zone.iana_name().ok_or_else(|| NoZone(crate::base::text::printable(text).into_owned()))?;
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "UTC" } else { &self.0 })
    }
}

impl TryFrom<String> for Zone {
    type Error = NoZone;

    fn try_from(text: String) -> Result<Self, NoZone> {
        text.parse()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_as_they_are_written() {
        for (text, written) in [
            ("Mon-Fri 09:00-17:00", "Mon,Tue,Wed,Thu,Fri 09:00-17:00"),
            ("sat,sun 00:00-24:00", "Sat,Sun 00:00-24:00"),
            ("Wed 23:59-24:00", "Wed 23:59-24:00"),
        ] {
            let hours: Hours = text.parse().unwrap();
            assert_eq!(hours.to_string(), written);
            assert_eq!(hours.to_string().parse(), Ok(hours));
        }
        for wrong in [
            "",
            "Mon",
            "Mon 9:00-17:00",
            "Mon 17:00-09:00",
            "Fri-Mon 09:00-17:00",
            "Mon 09:00-09:00",
            "Mon 09:00-24:01",
            "Mon 09:60-10:00",
            "Mun 09:00-10:00",
            "Mon +9:00-10:00",
        ] {
            assert_eq!(wrong.parse::<Hours>(), Err(NoHours), "{wrong}");
        }
        assert!("Europe/Nowhere".parse::<Zone>().is_err());
        assert_eq!("utc".parse::<Zone>().unwrap().to_string(), "UTC");
    }

    /// Each line: a moment in UTC, a zone, and what the clock on the wall says there. In 2026 it is put forward in Berlin on 29 March
    /// and back on 25 October, in New York on 8 March and 1 November, and in Sydney the other way round.
    #[test]
    fn the_clock_on_the_wall_counts() {
        for (moment, zone, day, time, open) in [
            ("2026-03-27T07:59:59Z", "Europe/Berlin", "Fri", 859, false),
            ("2026-03-27T08:00:00Z", "Europe/Berlin", "Fri", 900, true),
            ("2026-03-30T06:59:59Z", "Europe/Berlin", "Mon", 859, false),
            ("2026-03-30T07:00:00Z", "Europe/Berlin", "Mon", 900, true),
            ("2026-03-30T15:00:00Z", "Europe/Berlin", "Mon", 1_700, false),
            ("2026-03-29T00:59:59Z", "Europe/Berlin", "Sun", 159, false),
            ("2026-03-29T01:00:00Z", "Europe/Berlin", "Sun", 300, false),
            ("2026-10-25T00:30:00Z", "Europe/Berlin", "Sun", 230, false),
            ("2026-10-25T01:30:00Z", "Europe/Berlin", "Sun", 230, false),
            ("2026-10-26T08:00:00Z", "Europe/Berlin", "Mon", 900, true),
            ("2026-03-06T14:00:00Z", "America/New_York", "Fri", 900, true),
            ("2026-03-09T13:00:00Z", "America/New_York", "Mon", 900, true),
            ("2026-04-05T22:59:59Z", "Australia/Sydney", "Mon", 859, false),
            ("2026-04-05T23:00:00Z", "Australia/Sydney", "Mon", 900, true),
            ("2026-10-04T22:00:00Z", "Australia/Sydney", "Mon", 900, true),
            ("2026-05-03T18:30:00Z", "Asia/Kathmandu", "Mon", 15, false),
            ("2026-05-04T12:00:00Z", "UTC", "Mon", 1_200, true),
        ] {
            let (zone, hours): (Zone, Hours) = (zone.parse().unwrap(), "Mon-Fri 09:00-17:00".parse().unwrap());
            let moment: Timestamp = moment.parse().unwrap();
            assert_eq!((zone.moment(moment), hours.allow(&zone, moment)), ((day, time), open), "{moment} {zone}");
        }
    }
}
