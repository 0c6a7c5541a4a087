//! A sign-in without a browser on this machine: an address and a code are shown, and somebody answers elsewhere (RFC 8628).

use std::time::Duration;

use qrcodegen::{QrCode, QrCodeEcc};
use tokio::time::{sleep, timeout};

use super::oauth::{DeviceAnswer, SignedIn};
use super::service::{Service, ServiceError};
use crate::cli::session::remark;
use crate::model::client::GrantType;

/// Longest time between two questions, in seconds, whatever the daemon says.
const LONGEST_INTERVAL: u32 = 60;

/// Shows the code, and waits for the answer.
///
/// # Errors
/// When somebody refuses, nobody answers in time, or the daemon refuses.
pub(super) async fn sign_in(service: &Service, step_up: bool) -> anyhow::Result<SignedIn> {
    let asked = service.device(step_up).await?;
    // The address is the daemon's own: what it says is shown to a person, who would follow it.
    let expected = format!("{}/", service.url());
    anyhow::ensure!(asked.verification_uri.starts_with(&expected), "the daemon names an address that is not its own");
    if let Some(picture) = picture(&asked.verification_uri) {
        remark(&picture)?;
    }
    remark(&format!("On a device with a browser, open {} and type: {}", asked.verification_uri, asked.user_code))?;
    remark("Agree there only if the page shows this very code.")?;
    let lasts = Duration::from_secs(asked.expires_in.into());
    let answered = timeout(lasts, answer(service, &asked)).await;
    answered.map_err(|_| anyhow::anyhow!("nobody answered within {} min: begin anew", asked.expires_in / 60))?
}

async fn answer(service: &Service, asked: &DeviceAnswer) -> anyhow::Result<SignedIn> {
    let mut interval = asked.interval;
    loop {
        sleep(Duration::from_secs(interval.clamp(1, LONGEST_INTERVAL).into())).await;
        let params = [("grant_type", GrantType::DeviceCode.name()), ("device_code", asked.device_code.as_str())];
        match service.tokens(&params, None).await {
            Ok(signed_in) => return Ok(signed_in),
            Err(ServiceError::Refused { code, .. }) if code == "authorization_pending" => {}
            // RFC 8628, section 3.5: five seconds more from then on.
            Err(ServiceError::Refused { code, .. }) if code == "slow_down" => interval = interval.saturating_add(5),
            // The same section: a daemon that is away for a moment may be back for the next question.
            Err(ServiceError::Unreachable { .. }) => interval = interval.saturating_mul(2),
            Err(error) => return Err(error.into()),
        }
    }
}

/// A picture of `text` for a camera, two modules a character; `None` where it does not fit.
fn picture(text: &str) -> Option<String> {
    let code = QrCode::encode_text(text, QrCodeEcc::Low).ok()?;
    let (quiet, size) = (2, code.size());
    // Light on dark terminals and dark on light ones alike: the light modules are drawn.
    let light = |x: i32, y: i32| !code.get_module(x, y);
    let mut lines = Vec::new();
    let mut y = -quiet;
    while y < size + quiet {
        let line = (-quiet..size + quiet).map(|x| match (light(x, y), light(x, y + 1)) {
            (true, true) => '\u{2588}',
            (true, false) => '\u{2580}',
            (false, true) => '\u{2584}',
            (false, false) => ' ',
        });
        lines.push(line.collect::<String>());
        y += 2;
    }
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_drawn_with_a_quiet_border() {
        let picture = picture("https://bailey.example/device").unwrap();
        let lines: Vec<&str> = picture.lines().collect();
        assert!(lines.len() < 20 && lines.iter().all(|line| line.chars().count() == lines[0].chars().count()));
        assert!(lines[0].chars().all(|c| c == '\u{2588}'), "{picture}");
        assert!(super::picture(&"x".repeat(4_000)).is_none());
    }
}
