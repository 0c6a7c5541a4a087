//! `bailey sp add` and `bailey sp change`: what can be said of a service provider, in options.

use clap::{Args as ClapArgs, ValueEnum};

use super::client_settings::seconds;
use crate::admin::saml_sps::SpSettings;
use crate::model::SamlSpError;
use crate::model::saml_sp::{
    AttributeRule, AttributeValue, AwsProvider, Encryption, NameFormat, NameId, Preset, SignedParts,
};

/// What can be said of a service provider; what is not said is as usual in a new one, and stays in another.
#[derive(Debug, ClapArgs)]
pub struct Settings {
    /// What people are shown
    #[arg(long)]
    title: Option<String>,
    /// What it knows people by: persistent, transient, emailAddress or unspecified, such as unspecified:login
    #[arg(long, value_name = "FORMAT", value_parser = name_id)]
    name_id: Option<NameId>,
    /// What else it is told of them, such as email=mail, groups=groups or plan=text/gold; may be repeated
    #[arg(long = "attribute", value_name = "NAME=SOURCE", value_parser = attribute)]
    attributes: Vec<(String, AttributeValue)>,
    /// What kind of names these are: basic, uri or unspecified; by how they look, if nothing is said
    #[arg(long, value_name = "FORMAT", value_parser = format, requires = "attributes")]
    attribute_format: Option<NameFormat>,
    /// The name of an attribute for people; may be repeated
    #[arg(long = "friendly-name", value_name = "NAME=FRIENDLY", value_parser = value, requires = "attributes")]
    friendly_names: Vec<(String, String)>,
    /// What we are called in an account of AWS: arn:aws:iam::ACCOUNT:saml-provider/NAME; may be repeated
    #[arg(long = "aws-provider", value_name = "ARN", value_parser = provider)]
    aws_providers: Vec<AwsProvider>,
    /// How long the console of AWS lasts, 15m to 12h; 0s is as the role says
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    aws_session_duration: Option<u32>,
    /// A group whose people may sign in to it; may be repeated
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// Whether people need a second factor for it
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    require_mfa: Option<bool>,
    /// Whether its requests have to be signed, though its metadata may not say so
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    require_signed_requests: Option<bool>,
    /// Whether people may begin here, without a request of its
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    idp_initiated: Option<bool>,
    /// What goes along then, and tells it where people want to go
    #[arg(long, value_name = "TEXT")]
    relay_state: Option<String>,
    /// What of a response is signed: both, assertion or response
    #[arg(long, value_name = "WHAT", value_parser = signed)]
    signed: Option<SignedParts>,
    /// Whether assertions are encrypted: auto, where its metadata has a key, required or never
    #[arg(long, value_name = "WHEN", value_parser = encrypt)]
    encrypt: Option<Encryption>,
    /// How long a session there may last, 5m to 24h
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    session: Option<u32>,
}

/// What can be taken away altogether.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Cleared {
    /// All attributes
    Attributes,
    /// All groups: everybody may sign in to it
    Groups,
    /// What goes along where people begin here
    RelayState,
}

impl Settings {
    /// What is said, `clear` being what is taken away.
    ///
    /// # Errors
    /// When a name for people is of no attribute.
    pub(super) fn said(self, clear: &[Cleared]) -> anyhow::Result<SpSettings> {
        let cleared = |which| clear.contains(&which);
        if let Some((name, _)) =
            self.friendly_names.iter().find(|(name, _)| self.attributes.iter().all(|(other, _)| other != name))
        {
            anyhow::bail!("there is no --attribute {name}=..");
        }
        let rule = |(name, value): &(String, AttributeValue)| AttributeRule {
            name: name.clone(),
            name_format: self.attribute_format.unwrap_or_else(|| NameFormat::of(name)),
            friendly_name: self.friendly_names.iter().find(|(of, _)| of == name).map(|(_, friendly)| friendly.clone()),
            value: value.clone(),
        };
        let attributes: Vec<AttributeRule> = self.attributes.iter().map(rule).collect();
        let relay_state = self.relay_state.clone().or_else(|| cleared(Cleared::RelayState).then(String::new));
        Ok(SpSettings {
            attributes: (cleared(Cleared::Attributes) || !attributes.is_empty()).then_some(attributes),
            allowed_groups: (cleared(Cleared::Groups) || !self.groups.is_empty())
                .then(|| self.groups.iter().cloned().collect()),
            relay_state,
            title: self.title,
            name_id: self.name_id,
            aws_providers: (!self.aws_providers.is_empty()).then_some(self.aws_providers),
            aws_session_duration: self.aws_session_duration,
            require_mfa: self.require_mfa,
            require_signed_requests: self.require_signed_requests,
            idp_initiated: self.idp_initiated,
            signed: self.signed,
            encrypt: self.encrypt,
            session: self.session,
        })
    }
}

/// A kind of application.
pub(super) fn preset(text: &str) -> Result<Preset, String> {
    Preset::named(text).ok_or_else(|| format!("expected {}", Preset::ALL.map(Preset::word).join(", ")))
}

/// `key=value` as it is typed.
pub(super) fn value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn attribute(text: &str) -> Result<(String, AttributeValue), String> {
    let (name, source) = text.split_once('=').ok_or("expected NAME=SOURCE")?;
    Ok((name.to_owned(), source.parse().map_err(|error: SamlSpError| error.to_string())?))
}

fn name_id(text: &str) -> Result<NameId, String> {
    text.parse().map_err(|error: SamlSpError| error.to_string())
}

fn provider(text: &str) -> Result<AwsProvider, String> {
    text.parse().map_err(|error: SamlSpError| error.to_string())
}

fn format(text: &str) -> Result<NameFormat, String> {
    NameFormat::named(text).ok_or_else(|| format!("expected {}", NameFormat::ALL.map(NameFormat::word).join(", ")))
}

fn signed(text: &str) -> Result<SignedParts, String> {
    SignedParts::named(text).ok_or_else(|| format!("expected {}", SignedParts::ALL.map(SignedParts::word).join(", ")))
}

fn encrypt(text: &str) -> Result<Encryption, String> {
    Encryption::named(text).ok_or_else(|| format!("expected {}", Encryption::ALL.map(Encryption::word).join(", ")))
}
