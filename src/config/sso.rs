//! `[sso]`: who we are to clients of single sign-on.

use super::raw::Written;
use super::section::Section;
use super::values::{Meant, Misfit, Word, from_text};
use crate::http::rate::Limit;
use crate::http::token_rate::TokenLimits;
use crate::sso::settings::IssuerUrlError;
use crate::sso::{IssuerUrl, Registration, Settings};

pub(super) fn meant(section: &Section<'_>) -> Settings {
    let groups = section.read::<Vec<String>>("registration_groups").into_iter().collect();
    let by_token = section.read::<HowRegistered>("registration").0;
    Settings { issuer: section.optional("issuer"), registration: Registration { by_token, groups } }
}

/// Whether software registers itself by a token.
#[derive(Default)]
struct HowRegistered(bool);

impl Word for HowRegistered {
    fn word(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self(false)),
            "initial_access_token" => Some(Self(true)),
            _ => None,
        }
    }
}

/// How often clients may ask for tokens.
pub(super) fn limits(section: &Section<'_>) -> TokenLimits {
    let limit = |burst, per_second| Limit {
        burst: i64::from(section.read::<u32>(burst)),
        per_second: i64::from(section.read::<u32>(per_second)),
    };
    TokenLimits {
        requests: limit("token_requests_at_once", "token_requests_per_second"),
        failures: limit("failed_clients_at_once", "failed_clients_per_second"),
    }
}

impl Meant for IssuerUrl {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| text.parse().map_err(|error: IssuerUrlError| Some(error.to_string())))
    }
}
