//! SAML 2.0: an identity provider for applications that speak it.
//!
//! Owns what service providers ask for and are answered. Who they are is registered (`model/saml_sp`, `admin`); XML, signatures and
//! limits are the business of `saml_xml`; routes and pages that of `http`. Who may sign in where is decided by the gate, by the same
//! action as with OpenID Connect (`sso:Authorize`).
//!
//! ```text
//!  bindings      a message in an address or a form, and what is signed beside it
//!  request       an AuthnRequest: what is asked for, strictly read
//!  asked         whether we answer it at all: who asks, where answers go, what it takes
//!  pending       what a browser carries from page to page meanwhile
//!  answer        what becomes of the browser: sign in, a second factor, a choice, a response
//!  contexts      how surely somebody is signed in, in words of SAML
//!  person        what is told of somebody: names, attributes, roles in AWS
//!  response      the message, written, signed and encrypted
//!  said_out      what service providers say of a sign-out
//!  logout        one sign-out ends the others
//!  metadata      who we are to service providers
//! ```
//!
//! A response goes to an address that the registered metadata has, by POST, and nowhere else. What is wrong before that
//! address is known is told to the person in front of the browser and to nobody else. Each response leaves a record with the assertion's
//! ID, in the same commit that spends the request.

mod answer;
mod asked;
mod bindings;
mod contexts;
pub mod logout;
mod metadata;
mod pending;
mod person;
mod request;
mod response;
mod said_out;

use crate::model::saml_sp::SamlSp;

pub use answer::Onward;
pub use bindings::{Sent, Verified};
pub use pending::Pending;
pub use person::AwsRole;
pub use response::{Attribute, Author, Delivery, Says};

use crate::authn::saml::SpMetadata;
use crate::authn::signed::Signed;
use crate::base::{Fault, Faulty, Timestamp};
use crate::store::StoreError;

use super::{OauthError, Sso};

/// Where things are, behind our address.
pub mod paths {
    /// Our metadata; with our address before it, our name to service providers (`entityID`).
    pub const METADATA: &str = "/saml/metadata";
    /// Where service providers send browsers to sign in.
    pub const SIGN_ON: &str = "/saml/sso";
    /// Where a sign-in goes on.
    pub const CONTINUE: &str = "/saml/continue";
    /// Where service providers send browsers to sign out.
    pub const SIGN_OUT: &str = "/saml/slo";
    /// Where a sign-out goes on.
    pub const SIGN_OUT_ON: &str = "/saml/slo/continue";
    /// Where people begin by themselves, with the name of the application behind it.
    pub const APPS: &str = "/me/apps";
}

/// Why somebody's browser goes nowhere. It is told to the person in front of it.
#[derive(Debug, thiserror::Error)]
pub enum SamlError {
    /// The service provider asks for what cannot be.
    #[error("{0}")]
    Asked(String),
    /// Something of ours does not work.
    #[error("something of ours does not work; try again in a moment")]
    Ours(Fault),
}

impl SamlError {
    /// The service provider's fault, told so.
    fn asked(why: impl Into<String>) -> Self {
        Self::Asked(why.into())
    }

    /// Ours: the log says what.
    fn ours(error: &(impl Faulty + std::fmt::Display)) -> Self {
        tracing::error!(%error, "a service provider of SAML cannot be answered");
        Self::Ours(error.fault())
    }
}

impl Faulty for SamlError {
    fn fault(&self) -> Fault {
        match self {
            Self::Asked(_) => Fault::Caller,
            Self::Ours(fault) => *fault,
        }
    }
}

impl From<StoreError> for SamlError {
    fn from(error: StoreError) -> Self {
        Self::ours(&error)
    }
}

impl From<OauthError> for SamlError {
    fn from(error: OauthError) -> Self {
        tracing::error!(%error, "a person cannot be looked up for a service provider of SAML");
        Self::Ours(Fault::Operator)
    }
}

/// A service provider, and what its metadata says.
pub struct Known {
    /// As it is registered.
    pub sp: SamlSp,
    metadata: SpMetadata,
}

impl Known {
    /// What its metadata says is read.
    ///
    /// # Errors
    /// When it cannot be, or is over.
    pub fn of(sp: SamlSp, now: Timestamp) -> Result<Self, SamlError> {
        let metadata = SpMetadata::read(&sp.metadata, Some(&sp.entity_id)).map_err(|error| {
            tracing::error!(%error, sp = %sp.name, "the metadata of a service provider cannot be read any more");
            SamlError::asked(format!(
                "The metadata of {} cannot be used: whoever runs this has to look at it.",
                sp.title
            ))
        })?;
        if metadata.valid_until().is_some_and(|end| now >= end) {
            let why = format!("The metadata of {} is over: whoever runs this has to renew it.", sp.title);
            return Err(SamlError::asked(why));
        }
        Ok(Self { sp, metadata })
    }
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Known({})", self.sp.name)
    }
}

impl Sso {
    /// What service providers know us by.
    #[must_use]
    pub fn saml_entity_id(&self) -> String {
        self.issuer.at(paths::METADATA)
    }

    /// An ID that nobody can guess (SAML core, section 1.3.4), of what XML takes for one.
    fn saml_id(&self) -> String {
        format!("_{}", hex::encode(self.chance::<20>()))
    }

    /// The service provider that calls itself so. Blocks.
    fn saml_by_entity(&self, entity: &str, now: Timestamp) -> Result<Known, SamlError> {
        let known = self.admin.sp_called(entity)?;
        known.map(|(sp, _)| Known::of(sp, now)).unwrap_or_else(|| Err(nobody()))
    }

    /// The applications that whoever is signed in goes to from here, by title: name and title. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn saml_apps(&self, who: &Signed, now: Timestamp) -> Result<Vec<(String, String)>, SamlError> {
        let Some(user) = who.user() else { return Ok(Vec::new()) };
        let mut apps = Vec::new();
        for (sp, _) in self.admin.known_sps()?.into_iter().filter(|(sp, _)| sp.idp_initiated) {
            let groups = self.groups_of(user, &sp.allowed_groups, now);
            if groups?.is_ok() {
                apps.push((sp.name.to_string(), sp.title));
            }
        }
        apps.sort_by(|a, b| a.1.cmp(&b.1));
        Ok(apps)
    }

    /// What people call the application of this name, where they may begin here. Blocks.
    ///
    /// # Errors
    /// When they may not.
    pub fn saml_app_title(&self, name: &str, now: Timestamp) -> Result<String, SamlError> {
        self.saml_begun_here(name, now)?;
        Ok(self.saml_by_name(name, now)?.sp.title)
    }

    /// The service provider that is registered under this name. Blocks.
    fn saml_by_name(&self, name: &str, now: Timestamp) -> Result<Known, SamlError> {
        let Ok(name) = name.parse() else { return Err(nobody()) };
        let known = self.admin.known_sp(&name)?;
        known.map(|(sp, _)| Known::of(sp, now)).unwrap_or_else(|| Err(nobody()))
    }
}

fn nobody() -> SamlError {
    SamlError::asked("No such application is registered here.")
}
