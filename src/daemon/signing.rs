//! Signing keys, made and destroyed as their time comes, and written down.
//!
//! Apart from all other upkeep, because to make a key of RS256 takes a good part of a second, or several of them.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use crate::audit::Outcome;
use crate::base::Timestamp;
use crate::base::clock::{expired, later};
use crate::http::App;
use crate::keys::{Algorithm, KeyEvent, RotationError, SamlKey, SamlKeyState};
use crate::model::Actor;
use crate::store::StoreError;
use crate::telemetry::Part;

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(5);

/// How long a key of SAML signs before somebody is reminded to turn it: who holds a copy of it signs in as anybody, everywhere, and
/// nobody notices (SolarWinds, 2020). Others turn theirs every three months; here a person does it, together with every application
/// that has pinned the certificate, and who is told too often does not listen.
const REMINDED_AFTER: SignedDuration = SignedDuration::from_hours(24 * 365);

/// The part of the board that reminds of it.
const PART: &str = "saml_key";

/// Turns signing keys until `end`. Idempotent: each round looks at what is and converges.
///
/// # Errors
/// Never: what fails in one round is tried in the next.
pub async fn run(app: Arc<App>, end: CancellationToken) -> anyhow::Result<()> {
    let mut rounds = tokio::time::interval(EVERY);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = end.cancelled() => return Ok(()),
            _ = rounds.tick() => {}
        }
        // Those there are go on. By a clock that leapt ahead they would all be over.
        if app.clock.may_mint().is_err() {
            continue;
        }
        let (round, ending) = (Arc::clone(&app), end.clone());
        let turned = tokio::task::spawn_blocking(move || {
            for algorithm in Algorithm::ALL.into_iter().take_while(|_| !ending.is_cancelled()) {
                turn(&round, algorithm);
            }
            if !ending.is_cancelled() {
                turn_saml(&round);
            }
        });
        if let Err(ended) = turned.await {
            tracing::error!(%ended, "signing keys are not turned");
        }
    }
}

/// Blocks.
fn turn(app: &App, algorithm: Algorithm) {
    let now = app.clock.now();
    let events = match app.admin.keys.turn_signing_keys(&app.store, algorithm, now) {
        Ok(events) => events,
        // Looked at every few seconds, and told by the store's own health.
        Err(error @ RotationError::Store(StoreError::Full { .. })) => {
            return tracing::debug!(%error, %algorithm, "signing keys are not turned yet");
        }
        Err(error) => return tracing::warn!(%error, %algorithm, "signing keys are not turned yet"),
    };
    note(app, &events, now);
}

/// The same of the key of SAML, which only somebody needs who is known to service providers. Blocks.
fn turn_saml(app: &App) {
    let known = app.sso_settings.read().unwrap_or_else(PoisonError::into_inner).issuer.is_some();
    let now = app.clock.now();
    if !known {
        return;
    }
    match app.admin.keys.turn_saml_keys(&app.store, &app.admin.saml_key_name(), now) {
        Ok(events) => note(app, &events, now),
        Err(error) => tracing::debug!(%error, "the key of SAML is not turned yet"),
    }
    match aged(&app.admin.keys.saml_keys(now), now) {
        Some(since) => app.board.post(PART, reminder(since)),
        None => app.board.remove(PART),
    }
}

/// Since when the key that signs does, if that is long ago and no other stands ready.
fn aged(keys: &[SamlKey], now: Timestamp) -> Option<Timestamp> {
    if keys.iter().any(|key| key.state == SamlKeyState::Published) {
        return None;
    }
    let since = keys.iter().find_map(|key| match key.state {
        SamlKeyState::Current { signs_from } => Some(signs_from),
        SamlKeyState::Published | SamlKeyState::Retiring { .. } => None,
    })?;
    expired(later(since, REMINDED_AFTER), now).then_some(since)
}

fn reminder(since: Timestamp) -> Part {
    Part::yellow(format!(
        "the SAML signing key has been in use since {since:.0}; publish the next with `bailey key rotate --saml`; once every \
         application has it, run `bailey key rotate --saml --sign`"
    ))
}

fn note(app: &App, events: &[KeyEvent], now: Timestamp) {
    for event in events {
        app.audit.note(&Actor::task("keys"), &event.event(), &Outcome::success(), now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(state: SamlKeyState) -> SamlKey {
        SamlKey { fingerprint: String::new(), certificate: Arc::default(), created: Timestamp::UNIX_EPOCH, state }
    }

    #[test]
    fn a_key_of_saml_that_signs_for_a_year_is_told_of_until_another_stands_ready() {
        let began = Timestamp::UNIX_EPOCH;
        let current = key(SamlKeyState::Current { signs_from: began });
        let year = began.saturating_add(REMINDED_AFTER).unwrap();
        let before = year.saturating_sub(SignedDuration::from_secs(1)).unwrap();
        assert_eq!(aged(std::slice::from_ref(&current), before), None);
        assert_eq!(aged(std::slice::from_ref(&current), year), Some(began));
        assert!(reminder(began).words.contains(
            "in use since 1970-01-01T00:00:00Z; publish the next with `bailey key rotate --saml`; once every application"
        ));
        assert_eq!(aged(&[current.clone(), key(SamlKeyState::Published)], year), None);
        // What signed before it does not count.
        let old = SamlKeyState::Retiring { signs_from: began, signs_until: year, verifies_until: Timestamp::MAX };
        let new = key(SamlKeyState::Current { signs_from: year });
        assert_eq!(aged(&[key(old), new], year), None);
        assert_eq!(aged(&[], year), None);
    }
}
