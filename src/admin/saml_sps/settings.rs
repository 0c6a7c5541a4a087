//! The settings of a service provider, as they are said and shown.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::SpChange;
use super::metadata::{consistent, described, fitting};
use crate::admin::AdminError;
use crate::authn::saml::SpMetadata;
use crate::base::Timestamp;
use crate::model::saml_sp::{
    AttributeRule, AwsProvider, AwsSignIn, Encryption, Filled, MetadataSource, NameId, Preset, SignedParts,
};
use crate::model::{SamlSp, SpName};

/// A service provider to be registered. Of its metadata one thing is said: the text, where it is fetched from, or its name and one
/// address, which a preset may know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSp {
    /// What it is called here.
    pub name: SpName,
    /// Which kind of application it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// What the preset has to be told.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
    /// Its metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
    /// The file that the metadata came in, for people to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Where its metadata is fetched from, now and then once a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What it calls itself by: which one is meant, where metadata describes many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_id: Option<String>,
    /// Where responses are delivered, of one without metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acs: Option<String>,
    /// Everything else.
    #[serde(default)]
    pub settings: SpSettings,
}

/// What can be said of a service provider. What is not said is as usual in a new one, and stays in one that is changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpSettings {
    /// What people are shown; its name, if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it knows people by: by a name for it alone, if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_id: Option<NameId>,
    /// What else it is told of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Vec<AttributeRule>>,
    /// What we are called in accounts of AWS, by ARNs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_providers: Option<Vec<AwsProvider>>,
    /// How many seconds the console of AWS lasts; 0 is as the role says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_session_duration: Option<u32>,
    /// Names of the groups whose people may sign in to it; none is everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_groups: Option<BTreeSet<String>>,
    /// Whether people need a second factor for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_mfa: Option<bool>,
    /// Whether its requests have to be signed, though its metadata may not say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_signed_requests: Option<bool>,
    /// Whether people may begin here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idp_initiated: Option<bool>,
    /// What goes along then; an empty text is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relay_state: Option<String>,
    /// What of a response is signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<SignedParts>,
    /// Whether assertions are encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encrypt: Option<Encryption>,
    /// How many seconds a session there may last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<u32>,
}

impl NewSp {
    /// The service provider that is meant. `fetched` is its metadata, where an address was said.
    ///
    /// # Errors
    /// When its metadata cannot be used, or settings contradict each other.
    pub fn begin(&self, fetched: Option<String>, now: Timestamp) -> Result<SamlSp, AdminError> {
        let known = self.preset.map(|preset| self.known(preset)).transpose()?.flatten();
        let said = self.metadata.is_some() || fetched.is_some();
        let own = |said: &Option<String>, known: Option<&String>| said.clone().or_else(|| known.cloned());
        let entity_id = own(&self.entity_id, known.as_ref().map(|known| &known.entity_id));
        let acs = own(&self.acs, known.as_ref().map(|known| &known.acs));
        let metadata = match (self.metadata.clone().or(fetched), acs) {
            (Some(_), _) if self.acs.is_some() => return Err(doubled("an address beside metadata")),
            (Some(text), _) => text,
            (None, Some(acs)) => described(entity_id.as_deref().ok_or_else(unsaid)?, &acs)?,
            (None, None) => return Err(unsaid()),
        };
        // A preset guesses the name; metadata knows it.
        let meant = if said { self.entity_id.as_deref() } else { None };
        let metadata = fitting(metadata, meant)?;
        let read = SpMetadata::read(&metadata, meant)?;
        let usual = self.preset.map(Preset::usual);
        let mut sp = SamlSp {
            name: self.name.clone(),
            title: usual.as_ref().map_or_else(|| self.name.to_string(), |usual| usual.title.to_owned()),
            preset: self.preset,
            entity_id: read.entity_id().to_owned(),
            metadata,
            source: self.source(),
            waiting: None,
            name_id: usual.as_ref().map_or(NameId::Persistent, |usual| usual.name_id.clone()),
            attributes: usual.as_ref().map(|usual| usual.attributes.clone()).unwrap_or_default(),
            aws: None,
            allowed_groups: BTreeSet::new(),
            require_mfa: false,
            require_signed_requests: false,
            idp_initiated: usual.as_ref().is_some_and(|usual| usual.idp_initiated),
            relay_state: None,
            signed: SignedParts::default(),
            encrypt: Encryption::default(),
            session: SamlSp::USUAL_SESSION,
            created: now,
            updated: now,
        };
        self.settings.apply(&mut sp)?;
        Ok(sp)
    }

    /// Refuses what could not be, whatever metadata is fetched.
    ///
    /// # Errors
    /// When settings contradict each other.
    pub(super) fn could_be(&self) -> Result<(), AdminError> {
        // Any metadata will do that makes no demand; what takes a key is judged once it is there.
        let settings = SpSettings { encrypt: None, require_signed_requests: None, ..self.settings.clone() };
        let entity_id = self.entity_id.clone().or_else(|| Some("urn:any".to_owned()));
        let acs = Some("https://any.invalid/acs".to_owned());
        let any = Self { url: None, entity_id, acs, settings, ..self.clone() };
        any.begin(None, Timestamp::UNIX_EPOCH).map(drop)
    }

    /// Where the preset's application is; `None` where metadata says it, and nothing has to be filled.
    fn known(&self, preset: Preset) -> Result<Option<Filled>, AdminError> {
        if self.values.is_empty() && (self.metadata.is_some() || self.url.is_some() || self.acs.is_some()) {
            return Ok(None);
        }
        Ok(Some(preset.filled(&self.values)?))
    }

    fn source(&self) -> Option<MetadataSource> {
        let file = self.file.clone().map(MetadataSource::File);
        self.url.clone().map(MetadataSource::Url).or(file)
    }

    /// Refuses what says one thing twice.
    ///
    /// # Errors
    /// When metadata is said in two ways.
    pub fn single(&self) -> Result<(), AdminError> {
        match (&self.metadata, &self.url) {
            (Some(_), Some(_)) => Err(doubled("metadata, and an address to fetch it from")),
            _ if self.preset.is_none() && !self.values.is_empty() => Err(doubled("values without a preset")),
            _ => Ok(()),
        }
    }
}

impl SpChange {
    /// The metadata that is taken for good, if any is. `fetched` is what came from the address that is said.
    ///
    /// # Errors
    /// When it is said in two ways.
    pub(super) fn text(&self, fetched: Option<String>) -> Result<Option<String>, AdminError> {
        match (&self.metadata, &self.url) {
            (Some(_), Some(_)) => Err(doubled("metadata, and an address to fetch it from")),
            (Some(text), None) => Ok(Some(text.clone())),
            (None, _) => Ok(fetched),
        }
    }
}

fn doubled(what: &str) -> AdminError {
    AdminError::NotNow { what: format!("{what} cannot both be"), remedy: "say one of them".to_owned() }
}

fn unsaid() -> AdminError {
    AdminError::NotNow {
        what: "nothing says where responses go".to_owned(),
        remedy: "give its metadata, a file or an address (`--metadata`), or its name and one address for responses (`--entity-id` with \
                 `--acs`)"
            .to_owned(),
    }
}

impl SpSettings {
    /// Makes `sp` say what is said here, and refuses what cannot be.
    ///
    /// # Errors
    /// When settings contradict each other, or what the metadata says.
    pub(super) fn apply(&self, sp: &mut SamlSp) -> Result<(), AdminError> {
        fn set<T: Clone>(to: &mut T, said: &Option<T>) {
            if let Some(said) = said {
                to.clone_from(said);
            }
        }
        set(&mut sp.title, &self.title);
        set(&mut sp.name_id, &self.name_id);
        set(&mut sp.attributes, &self.attributes);
        set(&mut sp.allowed_groups, &self.allowed_groups);
        set(&mut sp.require_mfa, &self.require_mfa);
        set(&mut sp.require_signed_requests, &self.require_signed_requests);
        set(&mut sp.idp_initiated, &self.idp_initiated);
        set(&mut sp.signed, &self.signed);
        set(&mut sp.encrypt, &self.encrypt);
        set(&mut sp.session, &self.session);
        if let Some(state) = &self.relay_state {
            sp.relay_state = Some(state.clone()).filter(|state| !state.is_empty());
        }
        self.apply_aws(sp)?;
        consistent(sp).map(drop)
    }

    fn apply_aws(&self, sp: &mut SamlSp) -> Result<(), AdminError> {
        if self.aws_providers.is_none() && self.aws_session_duration.is_none() {
            return Ok(());
        }
        let before = sp.aws.take();
        let kept = before.as_ref().map(|aws| aws.providers.values().cloned().collect());
        let providers: Vec<AwsProvider> = self.aws_providers.clone().or(kept).unwrap_or_default();
        let duration = self.aws_session_duration.or_else(|| before.as_ref().and_then(|aws| aws.session_duration));
        sp.aws = Some(AwsSignIn::new(providers, duration.filter(|seconds| *seconds > 0))?);
        Ok(())
    }

    /// All that can be said of `sp`.
    pub(super) fn of(sp: &SamlSp) -> Self {
        Self {
            title: Some(sp.title.clone()),
            name_id: Some(sp.name_id.clone()),
            attributes: Some(sp.attributes.clone()),
            aws_providers: sp.aws.as_ref().map(|aws| aws.providers.values().cloned().collect()),
            aws_session_duration: sp.aws.as_ref().and_then(|aws| aws.session_duration),
            allowed_groups: Some(sp.allowed_groups.clone()),
            require_mfa: Some(sp.require_mfa),
            require_signed_requests: Some(sp.require_signed_requests),
            idp_initiated: Some(sp.idp_initiated),
            relay_state: sp.relay_state.clone(),
            signed: Some(sp.signed),
            encrypt: Some(sp.encrypt),
            session: Some(sp.session),
        }
    }
}
