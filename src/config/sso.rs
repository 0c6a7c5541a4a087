//! `[sso]`: who we are to clients of single sign-on.

use super::raw::Written;
use super::section::Section;
use super::values::{Meant, Misfit, from_text};
use crate::sso::settings::IssuerUrlError;
use crate::sso::{IssuerUrl, Settings};

pub(super) fn meant(section: &Section<'_>) -> Settings {
    Settings { issuer: section.optional("issuer") }
}

impl Meant for IssuerUrl {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| text.parse().map_err(|error: IssuerUrlError| Some(error.to_string())))
    }
}
