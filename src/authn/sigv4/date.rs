//! When a request was signed, and whether that is recent enough.
//!
//! Verifiers that read no date, or read one leniently, took captured requests for ever: keystone CVE-2020-12692,
//! noobaa-core#8493 (a date that did not parse compared as never expired), s3s-project/s3s#616.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::SigV4Error;
use crate::base::Timestamp;
use crate::base::clock::{expired, later};

/// How far a client's clock may be off, either way.
pub(super) const SKEW: SignedDuration = SignedDuration::from_mins(5);
/// The longest that a presigned address may be good for, in seconds: long enough to hand it to whom it was made for.
const LONGEST: u8 = 60;

/// Reads `yyyymmddThhmmssZ`: that form alone, and a moment that the calendar has.
pub(super) fn parse(stamp: &str) -> Result<Timestamp, SigV4Error> {
    moment(stamp).ok_or_else(|| SigV4Error::malformed("X-Amz-Date", "a moment such as `20150830T123600Z`", stamp))
}

fn moment(stamp: &str) -> Option<Timestamp> {
    let (day, time) = stamp.strip_suffix('Z')?.split_once('T')?;
    if day.len() != 8 || time.len() != 6 {
        return None;
    }
    let (year, month, day) = (number(day.get(..4)?)?, small(day.get(4..6)?)?, small(day.get(6..)?)?);
    let (hour, minute, second) = (small(time.get(..2)?)?, small(time.get(2..4)?)?, small(time.get(4..)?)?);
    let civil = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    TimeZone::UTC.to_timestamp(civil).ok()
}

/// Digits alone: `parse` would take a sign.
fn number(text: &str) -> Option<i16> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn small(text: &str) -> Option<i8> {
    i8::try_from(number(text)?).ok()
}

/// A request signed by header is good for [`SKEW`] before and after its date. Answers the last moment it is good.
pub(super) fn of_header(date: Timestamp, now: Timestamp) -> Result<Timestamp, SigV4Error> {
    not_ahead(date, now)?;
    if now.duration_since(date) > SKEW {
        return Err(SigV4Error::Expired { date, now });
    }
    Ok(later(date, SKEW))
}

/// A presigned request is good from its date, less [`SKEW`] for a client whose clock is ahead, until it expires. Its
/// end is not stretched: whoever holds the address holds the right, and a minute is all it was given.
pub(super) fn of_presigned(date: Timestamp, expires: &str, now: Timestamp) -> Result<Timestamp, SigV4Error> {
    let wrong = || SigV4Error::malformed("X-Amz-Expires", "a number of seconds from 1 to 60", expires);
    let digits = expires.bytes().all(|b| b.is_ascii_digit()) && !expires.starts_with('0') && expires.len() <= 2;
    let seconds: u8 = if digits { expires.parse().map_err(|_| wrong())? } else { return Err(wrong()) };
    if seconds > LONGEST {
        return Err(wrong());
    }
    not_ahead(date, now)?;
    let until = later(date, SignedDuration::from_secs(i64::from(seconds)));
    if expired(until, now) { Err(SigV4Error::RequestExpired { until, now }) } else { Ok(until) }
}

fn not_ahead(date: Timestamp, now: Timestamp) -> Result<(), SigV4Error> {
    if date.duration_since(now) > SKEW { Err(SigV4Error::NotYetCurrent { date, now }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_date_has_one_form_and_is_in_the_calendar() {
        assert_eq!(parse("20150830T123600Z").unwrap(), at("2015-08-30T12:36:00Z"));
        assert_eq!(parse("20240229T000000Z").unwrap(), at("2024-02-29T00:00:00Z"));
        for wrong in [
            "",
            "Z",
            "TZ",
            "20150830",
            "20150830T123600",
            "20150830T123600z",
            "20150830t123600Z",
            "20150830 123600Z",
            "2015-08-30T12:36:00Z",
            "20150830T123600+0000",
            "20150830T123600.0Z",
            " 20150830T123600Z",
            "20150830T1236Z",
            "20150230T123600Z",
            "20230229T000000Z",
            "20151301T123600Z",
            "20150800T123600Z",
            "20150830T243600Z",
            "20150830T126000Z",
            "20150830T123660Z",
            "20161231T235960Z",
            "+0150830T123600Z",
            "-0150830T123600Z",
            "2015+8+3T123600Z",
            "２０１５0830T123600Z",
            "20150830T12360éZ",
            "NaN",
            "00000000T000000Z",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_header_is_good_for_five_minutes_each_way() {
        let date = at("2026-03-12T12:00:00Z");
        for good in ["2026-03-12T11:55:00Z", "2026-03-12T12:00:00Z", "2026-03-12T12:05:00Z"] {
            assert_eq!(of_header(date, at(good)).unwrap(), at("2026-03-12T12:05:00Z"), "{good}");
        }
        for early in ["2026-03-12T11:54:59.999Z", "2026-03-12T11:54:00Z", "1970-01-01T00:00:00Z"] {
            assert!(matches!(of_header(date, at(early)), Err(SigV4Error::NotYetCurrent { .. })), "{early}");
        }
        for late in ["2026-03-12T12:05:00.001Z", "2026-03-12T12:06:00Z", "2999-01-01T00:00:00Z"] {
            assert!(matches!(of_header(date, at(late)), Err(SigV4Error::Expired { .. })), "{late}");
        }
    }

    #[test]
    fn a_presigned_request_ends_when_it_says() {
        let date = at("2026-03-12T12:00:00Z");
        assert_eq!(of_presigned(date, "60", at("2026-03-12T12:00:59.999Z")).unwrap(), at("2026-03-12T12:01:00Z"));
        assert!(of_presigned(date, "1", at("2026-03-12T11:55:00Z")).is_ok());
        let late = of_presigned(date, "60", at("2026-03-12T12:01:00Z"));
        assert!(matches!(late, Err(SigV4Error::RequestExpired { .. })));
        let early = of_presigned(date, "60", at("2026-03-12T11:54:59Z"));
        assert!(matches!(early, Err(SigV4Error::NotYetCurrent { .. })));
        for wrong in ["", "0", "00", "01", "060", "61", "99", "-1", "+1", "604801", "NaN", "1.0", " 1", "1e1", "６"] {
            let refusal = of_presigned(date, wrong, date);
            assert!(matches!(refusal, Err(SigV4Error::Malformed { .. })), "{wrong}");
        }
    }
}
