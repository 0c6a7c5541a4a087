//! Looks after a listener's certificate: takes new files up, and says how long the one in use is good.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use crate::base::Timestamp;
use crate::base::clock::{Clock, expired, later};
use crate::http::public::Front;
use crate::http::tls::Validity;
use crate::telemetry::{Board, Part};

/// How often the files are looked at. Renewals come days ahead, so a minute is soon; a look costs three `stat`s.
const EVERY: Duration = Duration::from_secs(60);

/// How long before its end a certificate is worth a look: those who renew by machine do so a month ahead.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How long a word on the board holds: a few rounds.
const HOLDS: SignedDuration = SignedDuration::from_mins(5);

/// Looks after it until `end`. Idempotent: each round looks at the files as they are.
///
/// # Errors
/// When looking at files ends early, which is a fault of ours.
pub async fn run(front: Arc<Front>, board: Board, clock: Arc<dyn Clock>, end: CancellationToken) -> anyhow::Result<()> {
    let mut rounds = tokio::time::interval(EVERY);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = end.cancelled() => return Ok(()),
            _ = rounds.tick() => {}
        }
        let round = Arc::clone(&front);
        match tokio::task::spawn_blocking(move || round.refresh()).await? {
            Ok(true) => tracing::info!(listener = front.section(), "a new certificate is in use"),
            Ok(false) => {}
            Err(error) => tracing::error!(listener = front.section(), %error, "the certificate in use stays"),
        }
        post(&front, &board, clock.now());
    }
}

/// Posts how the listener is.
pub fn post(front: &Front, board: &Board, now: Timestamp) {
    let part = match front.validity() {
        None => Part::green(format!("listens on {}, without TLS", front.address())),
        Some(validity) => certificate(&format!("listens on {}", front.address()), validity, front.trouble(), now),
    };
    board.post(front.section(), part.good_until(later(now, HOLDS)));
}

/// How a listener is that has this certificate.
#[must_use]
pub fn certificate(listens: &str, validity: Validity, trouble: Option<String>, now: Timestamp) -> Part {
    let Validity { from, until } = validity;
    let newer = trouble.as_ref().map(|why| format!("; newer files are not in use: {why}")).unwrap_or_default();
    if expired(until, now) {
        return Part::red(format!(
            "{listens}, and its certificate expired at {until:.0}: put a new one in place{newer}"
        ));
    }
    if now < from {
        return Part::red(format!("{listens}, and its certificate is good only from {from:.0} on{newer}"));
    }
    let said = format!("{listens}; its certificate is good until {until:.0}{newer}");
    let soon = now.saturating_add(SOON).is_ok_and(|soon| expired(until, soon));
    if soon || trouble.is_some() { Part::yellow(said) } else { Part::green(said) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Condition;

    #[test]
    fn the_end_of_the_certificate_is_told_before_it_comes() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let validity = Validity { from: at("2026-01-01T00:00:00Z"), until: at("2026-04-01T00:00:00Z") };
        for (now, condition, ready, said) in [
            ("2025-12-31T23:59:59Z", Condition::Red, false, "only from 2026-01-01T00:00:00Z"),
            (
                "2026-01-01T00:00:00Z",
                Condition::Green,
                true,
                "192.0.2.1:8443; its certificate is good until 2026-04-01T00:00:00Z",
            ),
            ("2026-03-17T23:59:59Z", Condition::Green, true, "good until"),
            ("2026-03-18T00:00:00Z", Condition::Yellow, true, "good until"),
            ("2026-03-31T23:59:59Z", Condition::Yellow, true, "good until"),
            ("2026-04-01T00:00:00Z", Condition::Red, false, "expired at 2026-04-01T00:00:00Z"),
        ] {
            let part = certificate("listens on 192.0.2.1:8443", validity, None, at(now));
            assert_eq!((part.condition, part.ready), (condition, ready), "{now}");
            assert!(part.words.contains(said), "{now}: {}", part.words);
        }
        let trouble = Some("key.pem cannot be used".to_owned());
        let part = certificate("listens", validity, trouble, at("2026-02-01T00:00:00Z"));
        assert!(part.condition == Condition::Yellow && part.words.contains("not in use: key.pem"), "{}", part.words);
    }
}
