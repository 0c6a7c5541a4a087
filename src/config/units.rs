//! Numbers with a unit, as people write them: `24h`, `64MiB`, `5%`.

use std::time::Duration;

/// A time such as `90s`, `5m`, `24h`, `30d` or `1h 30m`; a day is 24 hours. At least a millisecond.
pub fn duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 6] =
        [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];
    let mut total = 0_u64;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (number, behind) = leading_number(rest)?;
        let letters = behind.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(letters)?;
        let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.checked_mul(factor)?)?;
        rest = behind.trim_start();
    }
    (total > 0).then(|| Duration::from_millis(total))
}

/// Bytes such as `64MiB`, `1GiB` or `512B`; powers of 1024 only. At least one.
pub(super) fn size(text: &str) -> Option<u64> {
    let (number, unit) = leading_number(text.trim())?;
    let shift = match unit.trim_start() {
        "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return None,
    };
    number.checked_mul(1 << shift).filter(|bytes| *bytes > 0)
}

/// A share such as `5%` or `2.5%`, from 0 to 100, as a number from 0.0 to 1.0.
pub(super) fn share(text: &str) -> Option<f64> {
    let number = text.trim().strip_suffix('%')?.trim_end();
    // `parse` takes more than we want to explain: signs, exponents, `inf`, `nan`.
    if !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    number.parse::<f64>().ok().filter(|percent| *percent <= 100.0).map(|percent| percent / 100.0)
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        for (text, seconds) in
            [("90s", 90), ("5m", 300), ("24h", 86_400), ("30d", 2_592_000), ("1h 30m", 5_400), ("1w2d", 777_600)]
        {
            assert_eq!(duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        for bad in
            ["", "0s", "5", "5 minutes", "h", "-5m", "1.5h", "5M", "99999999999999999999d", "9999999999999999999d"]
        {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes_are_powers_of_1024_and_say_so() {
        assert_eq!(size("64MiB"), Some(64 << 20));
        assert_eq!(size("1 GiB"), Some(1 << 30));
        for bad in ["", "0B", "64", "64MB", "64M", "64mib", "-1B", "99999999999TiB"] {
            assert_eq!(size(bad), None, "{bad}");
        }
    }

    #[test]
    fn shares_are_percent() {
        assert_eq!(share("5%"), Some(0.05));
        assert_eq!(share("2.5 %"), Some(0.025));
        assert_eq!(share("0%"), Some(0.0));
        for bad in ["", "%", "5", "0.05", "101%", "-5%", "inf%", "nan%", "1e1%", ".%"] {
            assert_eq!(share(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_a_reader(text in "\\PC{0,24}") {
            let _ = (duration(&text), size(&text), share(&text));
        }

        #[test]
        fn a_duration_is_the_sum_of_its_parts(hours in 0_u64..1_000, minutes in 1_u64..1_000) {
            prop_assert_eq!(duration(&format!("{hours}h{minutes}m")), Some(Duration::from_secs(hours * 3_600 + minutes * 60)));
        }
    }
}
