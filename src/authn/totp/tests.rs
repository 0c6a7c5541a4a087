//! Tests of codes: the vectors of the RFC, the windows, one use only, and pictures that can be read.

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;

const NOW: i64 = 1_800_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn drawn() -> Secret<Vec<u8>> {
    seed(&mut StdRng::from_seed([7; 32]))
}

/// What the device shows `steps` from [`NOW`].
fn shown(seed: &Secret<Vec<u8>>, steps: i64) -> String {
    device(seed).unwrap().generate(u64::try_from(NOW + 30 * steps).unwrap()).to_string()
}

#[test]
fn totp_codes_are_those_of_rfc_6238_appendix_b() {
    let seed = Secret::new(b"12345678901234567890".to_vec());
    // The appendix prints eight digits; six of them are the last six.
    for (second, eight) in [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ] {
        let (_, six) = eight.split_at(2);
        let step = verify(&seed, six, Pace::default(), at(second));
        assert_eq!(step, Ok(u64::try_from(second / 30).unwrap()), "{second}");
    }
}

#[test]
fn a_totp_code_counts_one_step_early_or_late() {
    let seed = drawn();
    for (steps, accepted) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
        let step = verify(&seed, &shown(&seed, steps), Pace::default(), at(NOW));
        assert_eq!(step.is_ok(), accepted, "{steps}");
    }
    let fast = Pace { last_step: None, drift: 7 };
    for (steps, accepted) in [(0, false), (5, false), (6, true), (8, true), (9, false)] {
        assert_eq!(verify(&seed, &shown(&seed, steps), fast, at(NOW)).is_ok(), accepted, "{steps}");
    }
    let extreme = Pace { last_step: None, drift: i64::MAX };
    assert_eq!(verify(&seed, &shown(&seed, 0), extreme, at(NOW)), Err(TotpError::Wrong));
    assert_eq!(verify(&seed, "000000", Pace::default(), Timestamp::MIN), Err(TotpError::Wrong));
}

#[test]
fn a_totp_code_is_used_once_and_older_ones_with_it() {
    let seed = drawn();
    let step = verify(&seed, &shown(&seed, 0), Pace::default(), at(NOW)).unwrap();
    let pace = Pace { last_step: Some(step), drift: 0 };
    assert_eq!(verify(&seed, &shown(&seed, 0), pace, at(NOW)), Err(TotpError::Used));
    assert_eq!(verify(&seed, &shown(&seed, -1), pace, at(NOW)), Err(TotpError::Used));
    assert_eq!(verify(&seed, &shown(&seed, 1), pace, at(NOW)), Ok(step + 1));
}

#[test]
fn a_totp_code_is_six_ascii_digits() {
    let seed = drawn();
    let right = shown(&seed, 0);
    let blank = format!("{right} ");
    for bad in ["", "12345", "1234567", "+12345", "12 345", "١٢٣", "１２", &blank] {
        assert_eq!(verify(&seed, bad, Pace::default(), at(NOW)), Err(TotpError::Malformed), "{bad}");
        assert_eq!(verify_pair(&seed, &right, bad, None, at(NOW)), Err(TotpError::Malformed), "{bad}");
    }
}

#[test]
fn two_totp_codes_in_a_row_enable_a_device_and_tell_its_drift() {
    let seed = drawn();
    let here = step_of(at(NOW));
    let pair = |steps: i64, last| verify_pair(&seed, &shown(&seed, steps), &shown(&seed, steps + 1), last, at(NOW));
    assert_eq!(pair(-1, None), Ok(Pace { last_step: Some(here), drift: 0 }));
    assert_eq!(pair(-2, None), Ok(Pace { last_step: Some(here - 1), drift: 0 }));
    assert_eq!(pair(-10, None), Ok(Pace { last_step: Some(here - 9), drift: -9 }));
    assert_eq!(pair(10, None), Ok(Pace { last_step: Some(here + 11), drift: 11 }));
    assert_eq!(pair(-11, None), Err(TotpError::Wrong));
    assert_eq!(pair(11, None), Err(TotpError::Wrong));
    // Neither one code twice, nor two that do not follow each other, nor two in the wrong order.
    for (first, second) in [(0, 0), (0, 2), (1, 0)] {
        let codes = (shown(&seed, first), shown(&seed, second));
        assert_eq!(verify_pair(&seed, &codes.0, &codes.1, None, at(NOW)), Err(TotpError::Wrong));
    }
    assert_eq!(pair(-5, Some(here)), Err(TotpError::Used), "old codes do not turn the device back");

    let pace = pair(8, None).unwrap();
    assert!(verify(&seed, &shown(&seed, 10), pace, at(NOW)).is_ok());
    assert_eq!(verify(&seed, &shown(&seed, 9), pace, at(NOW)), Err(TotpError::Used));
}

#[test]
fn a_totp_seed_is_drawn_and_written_for_people_and_apps() {
    let seed = drawn();
    assert_eq!(seed.expose().len(), 32);
    assert_ne!(seed.expose(), self::seed(&mut StdRng::from_seed([8; 32])).expose());
    let text = base32(&seed);
    assert!(text.expose().len() == 52 && text.expose().bytes().all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7')));
    let rfc = Secret::new(b"12345678901234567890".to_vec());
    assert_eq!(base32(&rfc).expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    let uri = uri(&rfc, "Acme & Söhne", "ann lee@home").unwrap();
    assert_eq!(
        uri.expose(),
        "otpauth://totp/Acme%20%26%20S%C3%B6hne:ann%20lee%40home?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
         &issuer=Acme%20%26%20S%C3%B6hne"
    );
    for (issuer, account) in [("", "ann"), ("acme", ""), ("ac:me", "ann"), ("acme", "an:n")] {
        assert_eq!(super::uri(&rfc, issuer, account).map(|_| ()), Err(TotpError::Label), "{issuer} {account}");
    }
}

#[test]
fn a_damaged_totp_seed_is_said_to_be_one() {
    let short = Secret::new(vec![1; 15]);
    assert_eq!(verify(&short, "123456", Pace::default(), at(NOW)), Err(TotpError::Seed));
    assert_eq!(uri(&short, "acme", "ann").map(|_| ()), Err(TotpError::Seed));
}

#[test]
fn the_picture_of_a_totp_seed_shows_every_module_in_a_quiet_zone() {
    let text = uri(&drawn(), "Bailey", "ann").unwrap();
    let picture = qr_png(&text).unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(picture.expose())).read_info().unwrap();
    let (side, line) = (reader.info().width, reader.info().raw_row_length() - 1);
    assert_eq!((reader.info().height, reader.info().color_type), (side, png::ColorType::Grayscale));
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();

    let code = QrCode::encode_text(text.expose(), QrCodeEcc::Medium).unwrap();
    assert_eq!(i32::try_from(side).unwrap(), (code.size() + 8) * 8);
    for y in 0..side as usize {
        for x in 0..side as usize {
            let dark = pixels[y * line + x / 8] >> (7 - x % 8) & 1 == 0;
            let module = |pixel: usize| i32::try_from(pixel / 8).unwrap() - 4;
            assert_eq!(dark, code.get_module(module(x), module(y)), "{x} {y}");
        }
    }
    assert_eq!(qr_png(&Secret::new("x".repeat(3_000))).map(|_| ()), Err(TotpError::TooLong));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_totp_step_is_ever_accepted_twice(
        typed in proptest::collection::vec((0_i64..100, -3_i64..4), 1..40),
        drift in -10_i64..11,
    ) {
        let seed = drawn();
        let (mut pace, mut now) = (Pace { last_step: None, drift }, 0);
        let mut accepted = Vec::new();
        for (waited, steps) in typed {
            now += waited;
            let code = shown(&seed, now / 30 + drift + steps);
            if let Ok(step) = verify(&seed, &code, pace, at(NOW + now)) {
                accepted.push(step);
                pace.last_step = Some(step);
            }
        }
        prop_assert!(accepted.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn any_text_for_a_totp_code_is_answered(text in any::<String>(), second in any::<i32>()) {
        let _ = verify(&drawn(), &text, Pace::default(), at(second.into()));
    }
}
