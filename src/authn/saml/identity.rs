//! What STS makes of an assertion: which roles it is for, what the session is called and tagged with, and what conditions of a trust
//! policy can ask (IAM User Guide, "Configuring SAML assertions for the authentication response").

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::mapped;
use super::{
    AssertionDecryption, Expected, IdentityProvider, MetadataError, ResponseError, Rule, SamlAssertion,
    ServiceProvider, judge,
};
use crate::authn::federated::SessionTags;
use crate::base::text::printable;
use crate::base::{Fault, Faulty, RoleId, SamlProviderId, Secret, Timestamp};
use crate::model::saml_sp::AWS_ATTRIBUTES;
use crate::model::{Arn, SamlProvider, SessionName};

/// What stands before the names of SAML's own formats (SAML core, section 8.3).
const FORMAT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:";

/// The format of a name of which nothing is said (SAML core, sections 2.2.2 and 8.3.1).
const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";

/// Seconds that `SessionDuration` may be.
const DURATIONS: std::ops::RangeInclusive<u32> = 900..=43_200;

/// Somebody for whom a SAML provider vouches, who asks for a role: made by [`SamlIdentity::verify`] alone.
#[derive(Debug)]
pub struct SamlIdentity {
    provider: SamlProviderId,
    provider_arn: Arn,
    assertion: SamlAssertion,
    subject_type: String,
    name_qualifier: String,
    roles: Vec<(String, String)>,
    session_name: SessionName,
    session_seconds: Option<u32>,
    tags: SessionTags,
    source_identity: Option<String>,
    context: BTreeMap<String, Vec<String>>,
}

/// Why an assertion makes nobody.
#[derive(Debug, thiserror::Error)]
pub enum SamlIdentityError {
    /// It is no text of XML, in base64.
    #[error("SAMLAssertion is not the base64 of a SAML response in UTF-8")]
    NoText,
    /// What is known of the provider cannot be used. Where and why is for whoever runs it.
    #[error("the metadata of the SAML provider `{provider}` cannot be used: an administrator has to write it anew")]
    Metadata {
        /// The provider's name.
        provider: String,
        /// What is wrong.
        why: MetadataError,
    },
    /// It breaks a rule.
    #[error("the SAML response is not accepted: {0}")]
    Refused(ResponseError),
    /// It is good, and says something that cannot be used.
    #[error("the attribute `{attribute}` is not accepted: {why}")]
    Rejected {
        /// The attribute.
        attribute: String,
        /// Why not.
        why: String,
    },
}

impl SamlIdentityError {
    pub(super) fn rejected(attribute: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Rejected { attribute: attribute.into(), why: why.into() }
    }

    /// The code that STS answers with (STS API reference, `AssumeRoleWithSAML`); with status 400, but for `IDPRejectedClaim`,
    /// which is 403.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            // The provider itself let nobody in.
            Self::Refused(refused) if refused.rule() == Rule::Status => "IDPRejectedClaim",
            Self::Refused(refused) if refused.is_over() => "ExpiredTokenException",
            Self::NoText | Self::Metadata { .. } | Self::Refused(_) => "InvalidIdentityToken",
            Self::Rejected { .. } => "IDPRejectedClaim",
        }
    }
}

impl Faulty for SamlIdentityError {
    fn fault(&self) -> Fault {
        match self {
            Self::NoText | Self::Rejected { .. } => Fault::Caller,
            Self::Metadata { why, .. } => why.fault(),
            Self::Refused(refused) => refused.fault(),
        }
    }
}

impl SamlIdentity {
    /// Who `assertion`, a response in base64, makes somebody by the word of `provider`, at `now`; `decryption` is what opens its
    /// assertions. It is always unsolicited: nobody here asked for it.
    ///
    /// # Errors
    /// When the provider's metadata cannot be used, the response breaks a rule, or it says what cannot be used.
    pub fn verify(
        (provider, decryption): (&SamlProvider, AssertionDecryption),
        assertion: &Secret<String>,
        own: &ServiceProvider,
        now: Timestamp,
    ) -> Result<Self, SamlIdentityError> {
        let known = IdentityProvider::read(provider.metadata.as_str())
            .map_err(|why| SamlIdentityError::Metadata { provider: provider.name.to_string(), why })?;
        let known = known.opened_by(decryption);
        let text = Secret::new(decoded(assertion.expose()).ok_or(SamlIdentityError::NoText)?);
        let expected = Expected { provider: &known, own, request: None };
        let assertion = judge(text.expose(), expected, now).map_err(SamlIdentityError::Refused)?;
        Self::of(provider, assertion)
    }

    fn of(provider: &SamlProvider, assertion: SamlAssertion) -> Result<Self, SamlIdentityError> {
        let said = Said(&assertion);
        let roles = said.roles()?;
        let session_name = said.required("RoleSessionName")?;
        let session_name = session_name.parse::<SessionName>().map_err(|error| said.no("RoleSessionName", &error))?;
        let session_seconds = said.duration()?;
        let source_identity = said.source_identity()?;
        let tags = said.tags()?;
        let format = assertion.name_id().format.as_deref().unwrap_or(UNSPECIFIED);
        let subject_type = format.strip_prefix(FORMAT).unwrap_or(format).to_owned();
        let doc = format!("{}/{}", provider.account, provider.name);
        // Not for keeping anything secret: it tells names of one provider from those of another, by AWS' own rule.
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, (assertion.issuer().to_owned() + &doc).as_bytes());
        let name_qualifier = STANDARD.encode(hash);
        let mut context = mapped::context(assertion.attributes())?;
        let mut set = |key: &str, value: &str| {
            context.insert(format!("saml:{key}"), vec![value.to_owned()]);
        };
        set("aud", assertion.recipient());
        set("doc", &doc);
        set("iss", assertion.issuer());
        set("namequalifier", &name_qualifier);
        set("sub", &assertion.name_id().value);
        set("sub_type", &subject_type);
        Ok(Self {
            provider: provider.id,
            provider_arn: provider.arn(),
            assertion,
            subject_type,
            name_qualifier,
            roles,
            session_name,
            session_seconds,
            tags,
            source_identity,
            context,
        })
    }

    /// The provider that vouches.
    #[must_use]
    pub fn provider(&self) -> SamlProviderId {
        self.provider
    }

    /// Its ARN: what a trust policy names under `Federated`.
    #[must_use]
    pub fn provider_arn(&self) -> &Arn {
        &self.provider_arn
    }

    /// Who vouches: the `entityID`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.assertion.issuer()
    }

    /// Who it is, to that provider. Only together with it does it name somebody, if it is a name that stays.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.assertion.name_id().value
    }

    /// What kind of name that is: `persistent`, `transient`, or the whole URN of another.
    #[must_use]
    pub fn subject_type(&self) -> &str {
        &self.subject_type
    }

    /// In whose names it is one, hashed as AWS does.
    #[must_use]
    pub fn name_qualifier(&self) -> &str {
        &self.name_qualifier
    }

    /// What it rests on.
    #[must_use]
    pub fn assertion(&self) -> &SamlAssertion {
        &self.assertion
    }

    /// Whether the provider gives them the role with this ARN, by itself as it is named here.
    #[must_use]
    pub fn is_for(&self, role: &str) -> bool {
        let provider = self.provider_arn.as_str();
        self.roles.iter().any(|(one, other)| (one == role && other == provider) || (one == provider && other == role))
    }

    /// What the session is to be called.
    #[must_use]
    pub fn session_name(&self) -> &SessionName {
        &self.session_name
    }

    /// For how many seconds it is to last at most, if the provider says so.
    #[must_use]
    pub fn session_seconds(&self) -> Option<u32> {
        self.session_seconds
    }

    /// What it is to be tagged with.
    #[must_use]
    pub fn tags(&self) -> &SessionTags {
        &self.tags
    }

    /// The source identity that it is to have.
    #[must_use]
    pub fn source_identity(&self) -> Option<&str> {
        self.source_identity.as_deref()
    }

    /// What conditions of a trust policy can ask for.
    pub fn context(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.context.iter().map(|(key, values)| (key.as_str(), values.as_slice()))
    }

    /// By what it is remembered that the assertion was shown for `role`, and for how long: it counts once for each.
    #[must_use]
    pub fn once_for(&self, role: &RoleId) -> ([u8; 32], Timestamp) {
        (self.assertion.once_for(role.as_bytes()), self.assertion.good_until())
    }
}

/// Lines of base64 are broken by some who send it.
fn decoded(text: &str) -> Option<String> {
    let digits: String = text.split_ascii_whitespace().collect();
    String::from_utf8(STANDARD.decode(digits).ok()?).ok()
}

/// The attributes by which AWS is told what a session is to be.
struct Said<'a>(&'a SamlAssertion);

impl<'a> Said<'a> {
    fn all(&self, name: &str) -> Option<&'a [String]> {
        let mut attributes = self.0.attributes().iter();
        let found = attributes.find(|attribute| attribute.name.strip_prefix(AWS_ATTRIBUTES) == Some(name));
        found.map(|attribute| attribute.values.as_slice())
    }

    fn no(&self, name: &str, why: &dyn std::fmt::Display) -> SamlIdentityError {
        SamlIdentityError::rejected(format!("{AWS_ATTRIBUTES}{}", printable(name)), why.to_string())
    }

    fn optional(&self, name: &str) -> Result<Option<&'a str>, SamlIdentityError> {
        match self.all(name) {
            None => Ok(None),
            Some([value]) => Ok(Some(value)),
            Some(values) => Err(self.no(name, &format!("it has to have one value, and has {}", values.len()))),
        }
    }

    fn required(&self, name: &str) -> Result<&'a str, SamlIdentityError> {
        self.optional(name)?.ok_or_else(|| self.no(name, &"it is missing"))
    }

    /// Pairs of a role and a provider, in either order.
    fn roles(&self) -> Result<Vec<(String, String)>, SamlIdentityError> {
        let values = self.all("Role").filter(|values| !values.is_empty());
        let values = values.ok_or_else(|| self.no("Role", &"it is missing"))?;
        let pair = |value: &String| match value.split(',').map(str::trim).collect::<Vec<_>>()[..] {
            [one, other] => Ok((one.to_owned(), other.to_owned())),
            _ => Err(self.no("Role", &"a value is no `ROLE_ARN,PROVIDER_ARN`")),
        };
        values.iter().map(pair).collect()
    }

    fn duration(&self) -> Result<Option<u32>, SamlIdentityError> {
        let Some(text) = self.optional("SessionDuration")? else { return Ok(None) };
        let seconds = text.parse().ok().filter(|seconds| DURATIONS.contains(seconds));
        let no = || self.no("SessionDuration", &format!("it has to be {} to {}", DURATIONS.start(), DURATIONS.end()));
        seconds.map(Some).ok_or_else(no)
    }

    fn source_identity(&self) -> Result<Option<String>, SamlIdentityError> {
        let Some(text) = self.optional("SourceIdentity")? else { return Ok(None) };
        let name = text.parse::<SessionName>().map_err(|error| self.no("SourceIdentity", &error))?;
        Ok(Some(name.to_string()))
    }

    /// Tags, each an attribute of its own, and the keys of those that go on.
    fn tags(&self) -> Result<SessionTags, SamlIdentityError> {
        let mut tags = SessionTags::default();
        let mut folded = BTreeSet::new();
        for attribute in self.0.attributes() {
            let Some(key) =
                attribute.name.strip_prefix(AWS_ATTRIBUTES).and_then(|name| name.strip_prefix("PrincipalTag:"))
            else {
                continue;
            };
            let name = format!("PrincipalTag:{key}");
            let value = self.required(&name)?;
            if !folded.insert(key.to_lowercase()) {
                return Err(self.no(&name, &"it stands twice, in different case"));
            }
            tags.principal.set(key, value).map_err(|error| self.no(&name, &error))?;
        }
        for key in self.all("TransitiveTagKeys").unwrap_or_default() {
            let no = || self.no("TransitiveTagKeys", &format!("`{}` is no tag", printable(key)));
            let held = tags.principal.key(key).ok_or_else(no)?;
            if !tags.transitive.iter().any(|other| other == held) {
                tags.transitive.push(held.to_owned());
            }
        }
        Ok(tags)
    }
}
