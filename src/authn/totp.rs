//! Codes of virtual MFA devices: RFC 6238 with SHA-1, six digits and steps of 30 seconds.
//!
//! That is what AWS's virtual devices use and what every authenticator app can do; several apps show the codes of
//! SHA-1 whatever the `otpauth` URI asks for. SHA-1's collisions do not concern HMAC (RFC 4226, appendix B.2).
//!
//! A code is used once (RFC 6238, section 5.2): whoever keeps a device keeps the last step used with it, and writes
//! the new one by compare-and-swap before anything rests on it. How often somebody may be wrong is
//! `authn/limiter`'s business.

use qrcodegen::{QrCode, QrCodeEcc};
use rand::CryptoRng;
use totp_rs::{Algorithm, Builder, Totp};

use crate::base::{Fault, Faulty, Secret, Timestamp};

/// Seconds that a code stands on the device.
const STEP: u64 = 30;

/// Bytes of a seed: more than the 20 that RFC 4226 recommends (section 4, R6), as AWS's devices have.
const SEED: usize = 32;

/// Steps a code may be early or late: a clock that is a little off, a person who types slowly (RFC 6238, section 5.2).
const REACH: i64 = 1;

/// The same while a device is enabled or resynchronised, where two codes in a row have to be right.
const PAIR_REACH: i64 = 10;

/// Light modules around a QR code (ISO/IEC 18004, section 9.1).
const QUIET: i32 = 4;

/// Pixels of a module: as many as a byte has bits, so that a module is a byte of the picture.
const MODULE: u32 = 8;

/// What has to be known of a device besides its seed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    /// The step of the last code that was used.
    pub last_step: Option<u64>,
    /// Steps that the device's clock is ahead (RFC 6238, section 6); set by [`verify_pair`] alone.
    pub drift: i64,
}

/// Why a code is not accepted, or a device cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TotpError {
    /// It cannot be a code.
    #[error("a code has six digits")]
    Malformed,
    /// It is not the code of this time.
    #[error("the code is wrong, or its time is over")]
    Wrong,
    /// It was right, once.
    #[error("the code was used before: wait for the next")]
    Used,
    /// Issuer or account cannot stand in a URI.
    #[error("the name of a device has to be given, without a colon")]
    Label,
    /// The URI does not fit.
    #[error("the names are too long for a QR code")]
    TooLong,
    /// The seed is none of ours.
    #[error("the device's seed is damaged")]
    Seed,
    /// The picture could not be written.
    #[error("the QR code could not be drawn")]
    Picture,
}

impl Faulty for TotpError {
    fn fault(&self) -> Fault {
        match self {
            Self::Malformed | Self::Wrong | Self::Used | Self::Label | Self::TooLong => Fault::Caller,
            Self::Seed | Self::Picture => Fault::Bug,
        }
    }
}

/// A new device's seed.
#[must_use]
pub fn seed(rng: &mut impl CryptoRng) -> Secret<Vec<u8>> {
    let mut seed = vec![0; SEED];
    rng.fill_bytes(&mut seed);
    Secret::new(seed)
}

/// The step of `code`, if it is right and newer than the last that was used.
///
/// # Errors
/// [`TotpError::Malformed`], [`TotpError::Wrong`] or [`TotpError::Used`]; outsiders are told the same for all three.
pub fn verify(seed: &Secret<Vec<u8>>, code: &str, pace: Pace, now: Timestamp) -> Result<u64, TotpError> {
    let device = device(seed)?;
    well_formed(code)?;
    newest(steps(now, pace.drift, REACH), pace.last_step, |step| is(&device, code, step))
}

/// The pace of a device that shows `first` and then `second`: for enabling it and for resynchronising it.
///
/// Two codes in a row show that the seed arrived and how the device's clock stands, so they may be up to five
/// minutes off; by chance 21 in 10^12 pairs are right. `last_step` is the device's, `None` for a new one: old codes
/// must not bring back a time in which others were not used yet.
///
/// # Errors
/// As of [`verify`].
pub fn verify_pair(
    seed: &Secret<Vec<u8>>,
    first: &str,
    second: &str,
    last_step: Option<u64>,
    now: Timestamp,
) -> Result<Pace, TotpError> {
    let device = device(seed)?;
    well_formed(first)?;
    well_formed(second)?;
    // No short circuit, which would tell by its time that the first is right.
    let both = |step: u64| is(&device, first, step) & is(&device, second, step.saturating_add(1));
    let last = newest(steps(now, 0, PAIR_REACH), last_step, both)?.saturating_add(1);
    let ahead = i64::try_from(last).unwrap_or(i64::MAX).saturating_sub_unsigned(step_of(now));
    // Within the usual reach it may as well be the typing.
    let drift = if ahead.abs() <= REACH { 0 } else { ahead };
    Ok(Pace { last_step: Some(last), drift })
}

/// The newest of `steps` that `fits`. All are looked at, whichever it is: the time it takes tells nothing.
fn newest(
    steps: impl Iterator<Item = u64>,
    last_step: Option<u64>,
    fits: impl Fn(u64) -> bool,
) -> Result<u64, TotpError> {
    let mut found = None;
    for step in steps {
        found = if fits(step) { Some(step) } else { found };
    }
    match found {
        None => Err(TotpError::Wrong),
        Some(step) if last_step.is_some_and(|last| step <= last) => Err(TotpError::Used),
        Some(step) => Ok(step),
    }
}

/// The steps around `now` as the device counts them, in their order.
fn steps(now: Timestamp, drift: i64, reach: i64) -> impl Iterator<Item = u64> {
    let here = step_of(now);
    (-reach..=reach).filter_map(move |offset| here.checked_add_signed(drift.checked_add(offset)?))
}

fn step_of(now: Timestamp) -> u64 {
    u64::try_from(now.as_second()).unwrap_or(0) / STEP
}

/// Whether `code` is that of `step`; compared in constant time by the crate.
fn is(device: &Totp, code: &str, step: u64) -> bool {
    device.check(code, step.saturating_mul(STEP)).is_some()
}

fn well_formed(code: &str) -> Result<(), TotpError> {
    let six = code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit());
    if six { Ok(()) } else { Err(TotpError::Malformed) }
}

/// The rules of all our devices. Its reach is zero: [`verify`] says which steps count.
fn builder(seed: &Secret<Vec<u8>>) -> Builder {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(STEP)
        .with_skew(0)
        .with_secret(seed.expose().as_slice())
}

fn device(seed: &Secret<Vec<u8>>) -> Result<Totp, TotpError> {
    builder(seed).build().map_err(|_| TotpError::Seed)
}

/// The seed for people to type (RFC 4648, section 6, without padding), as `Base32StringSeed` has it.
#[must_use]
pub fn base32(seed: &Secret<Vec<u8>>) -> Secret<String> {
    Secret::new(totp_rs::Secret::from(seed.expose().as_slice()).to_base32())
}

/// The seed for an app to read: `otpauth://totp/ISSUER:ACCOUNT?secret=..&issuer=..`, names escaped.
///
/// # Errors
/// [`TotpError::Label`] when a name is missing or has a colon, which apps take for the end of the issuer.
pub fn uri(seed: &Secret<Vec<u8>>, issuer: &str, account: &str) -> Result<Secret<String>, TotpError> {
    device(seed)?;
    if issuer.is_empty() {
        return Err(TotpError::Label);
    }
    let named = builder(seed).with_issuer(Some(issuer)).with_account_name(account).build();
    named.and_then(|device| device.to_url()).map(Secret::new).map_err(|_| TotpError::Label)
}

/// A QR code of `uri` as a PNG, black on white.
///
/// # Errors
/// [`TotpError::TooLong`] when it does not fit (some 2,300 bytes).
pub fn qr_png(uri: &Secret<String>) -> Result<Secret<Vec<u8>>, TotpError> {
    let code = QrCode::encode_text(uri.expose(), QrCodeEcc::Medium).map_err(|_| TotpError::TooLong)?;
    let modules = -QUIET..code.size() + QUIET;
    let side = u32::try_from(code.size() + 2 * QUIET).map_err(|_| TotpError::Picture)? * MODULE;
    let mut pixels = Vec::with_capacity((side * side / 8) as usize);
    for y in modules.clone() {
        // One bit a pixel; a set one is white. What lies outside of the code is light.
        let row: Vec<u8> = modules.clone().map(|x| if code.get_module(x, y) { 0x00 } else { 0xff }).collect();
        (0..MODULE).for_each(|_| pixels.extend_from_slice(&row));
    }
    png(side, Secret::new(pixels))
}

fn png(side: u32, pixels: Secret<Vec<u8>>) -> Result<Secret<Vec<u8>>, TotpError> {
    let mut picture = Vec::with_capacity(pixels.expose().len() + 1_024);
    let mut encoder = png::Encoder::new(&mut picture, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(pixels.expose()));
    written.map_err(|_| TotpError::Picture)?;
    Ok(Secret::new(picture))
}

#[cfg(test)]
mod tests;
