//! Whether a request to sign somebody in is answered at all: who asks, where the answer goes, and what it takes.

use super::bindings::{Sent, Verified};
use super::contexts::Wanted;
use super::pending::Pending;
use super::request::{AuthnRequest, Consumer, frame};
use super::response::status;
use super::{Known, SamlError, Sso, paths};
use crate::base::Timestamp;
use crate::base::text::printable_within;
use crate::model::saml_sp::NameId;
use crate::saml_xml::Asks;

impl Sso {
    /// What a service provider asks for by `sent`. Blocks.
    ///
    /// # Errors
    /// What is wrong with it, for the person in front of the browser: nobody is sent anywhere.
    pub fn saml_asked(&self, sent: &Sent, now: Timestamp) -> Result<Pending, SamlError> {
        let asking = sent.asking(&[Asks::SignIn])?;
        let known = self.saml_by_entity(asking.issuer(), now)?;
        let Verified { message, signed, relay_state } = sent.verified(asking, known.metadata.keys())?;
        if !signed && (known.metadata.requests_signed() || known.sp.require_signed_requests) {
            return Err(SamlError::asked(
                "The application's request is not signed, and it says that its requests are.",
            ));
        }
        let ours = self.issuer.at(paths::SIGN_ON);
        let id = frame(message.root(), (&ours, signed), now)?;
        let request = AuthnRequest::read(id, message.root())?;
        let acs = consumer(&known, &request.consumer)?;
        let (context, wrong) = takes(&known, &request);
        let why = wrong.map(|code| unmet(&known, code, request.name_id_format.as_deref()));
        Ok(Pending {
            sp: known.sp.name.clone(),
            id: Some(request.id),
            acs,
            relay_state,
            force: request.force,
            passive: request.passive,
            name_id_format: request.name_id_format,
            context,
            wrong: wrong.map(str::to_owned),
            why,
            at: now,
        })
    }

    /// The same of somebody who begins here, by themselves. Blocks.
    ///
    /// # Errors
    /// When the application does not let people begin here.
    pub fn saml_begun_here(&self, name: &str, now: Timestamp) -> Result<Pending, SamlError> {
        let known = self.saml_by_name(name, now)?;
        if !known.sp.idp_initiated {
            return Err(SamlError::asked(format!(
                "Begin at {} itself: it takes nobody who begins here.",
                known.sp.title
            )));
        }
        Ok(Pending {
            sp: known.sp.name.clone(),
            id: None,
            acs: consumer(&known, &Consumer::Usual)?,
            relay_state: known.sp.relay_state.clone(),
            force: false,
            passive: false,
            name_id_format: None,
            context: None,
            wrong: None,
            why: None,
            at: now,
        })
    }
}

/// An address of the metadata: what a request says chooses among those, and brings none of its own.
fn consumer(known: &Known, wanted: &Consumer) -> Result<String, SamlError> {
    let found = match wanted {
        Consumer::Usual => known.metadata.default_acs(),
        Consumer::Index(index) => known.metadata.acs_of(*index),
        Consumer::Location(location) => known.metadata.acs_at(location),
    };
    let found = found.ok_or_else(|| {
        SamlError::asked("The application wants the answer at an address that is not registered for it.")
    })?;
    Ok(found.location.clone())
}

/// The classes that can be answered, if any are asked for, and what cannot be.
fn takes(known: &Known, request: &AuthnRequest) -> (Option<Wanted>, Option<&'static str>) {
    let own_names = request.name_qualifier.as_deref().is_none_or(|whose| whose == known.sp.entity_id);
    if !own_names || request.name_id_format.as_deref().is_some_and(|format| !gives(known, format)) {
        return (None, Some(status::INVALID_NAME_ID_POLICY));
    }
    match &request.context {
        None => (None, None),
        Some((comparison, classes)) => match Wanted::of(*comparison, classes) {
            Some(wanted) => (Some(wanted), None),
            None => (None, Some(status::NO_AUTHN_CONTEXT)),
        },
    }
}

/// What a request asks for in vain, and what to do about it: for those who run the application, and for those who run this.
pub(super) fn unmet(known: &Known, code: &str, format: Option<&str>) -> String {
    let title = &known.sp.title;
    if code != status::INVALID_NAME_ID_POLICY {
        return format!(
            "{title} asks for a way to sign in that is not known here (RequestedAuthnContext): take that out there, or ask for \
             another"
        );
    }
    let Some(format) = format.filter(|format| !gives(known, format)) else {
        return format!(
            "{title} asks for a NameID among the names of somebody else (SPNameQualifier): take that out there"
        );
    };
    let here = match format {
        NameId::EMAIL_FORMAT => "; or register it here with `--name-id emailAddress`",
        _ if format == NameId::Persistent.format() => "; or register it here with `--name-id persistent`",
        _ => "",
    };
    format!(
        "{title} asks for a NameID of the format {}, and is registered here with `{}`: set that format there, or none \
         (`identifierFormat: null` with node-saml){here}",
        printable_within(format, LONGEST_FORMAT),
        known.sp.name_id
    )
}

/// How much of a format is repeated, in characters: it is somebody's word.
const LONGEST_FORMAT: usize = 100;

/// Whether names of this kind are given: the registered one, and what says less of somebody. One that stays is no such thing to an
/// application that is not to know people again: it does not come to that by asking.
fn gives(known: &Known, format: &str) -> bool {
    let own = &known.sp.name_id;
    let stays = format == NameId::Persistent.format() && *own != NameId::Transient;
    own.format() == format || format == NameId::Transient.format() || stays
}
