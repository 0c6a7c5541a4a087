//! What a service provider is told of somebody: what it knows them by, their attributes, and for AWS the role that they take.

use super::response::Attribute;
use super::{Known, SamlError, Sso};
use crate::base::Timestamp;
use crate::issue::Mint;
use crate::model::client::ClaimSource;
use crate::model::saml_sp::{AWS_ATTRIBUTES, AttributeValue, AwsSignIn, NameFormat, NameId};
use crate::model::token_family::Whence;
use crate::model::{Session, SessionName, User};

/// Who is signed in, and how.
#[derive(Clone, Copy)]
pub(super) struct Who<'a> {
    pub(super) user: &'a User,
    pub(super) session: &'a Session,
    pub(super) whence: &'a Whence,
}

/// What is told.
pub(super) struct Told {
    /// Kind of name, and the name.
    pub(super) name_id: (&'static str, String),
    pub(super) attributes: Vec<Attribute>,
}

/// Why nothing is told.
pub(super) enum NotTold {
    /// They may not sign in there.
    Denied(String),
    /// They are not known by what the service provider knows people by.
    Nameless(String),
    /// They have several roles there, and take one.
    Choose(Vec<AwsRole>),
    /// It cannot be found out.
    Failed(SamlError),
}

/// A role in AWS that somebody can take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsRole {
    /// Its ARN.
    pub arn: String,
    /// Its account.
    pub account: String,
    /// What that is called, if it has a name.
    pub account_name: Option<String>,
    /// Its name.
    pub name: String,
    /// The value of the attribute that stands for it.
    value: String,
}

impl From<SamlError> for NotTold {
    fn from(error: SamlError) -> Self {
        Self::Failed(error)
    }
}

impl From<crate::sso::OauthError> for NotTold {
    fn from(error: crate::sso::OauthError) -> Self {
        Self::Failed(error.into())
    }
}

impl Sso {
    /// What `known` is told of `who`; names of the kind `format`, if one is asked for; of AWS, by the role of the ARN `role`. Blocks.
    pub(super) fn saml_told(
        &self,
        mint: &Mint,
        known: &Known,
        who: Who<'_>,
        (format, role): (Option<&str>, Option<&str>),
        now: Timestamp,
    ) -> Result<Told, NotTold> {
        let groups = match self.groups_of(who.user, &known.sp.allowed_groups, now)? {
            Ok(groups) => groups,
            Err(why) => return Err(NotTold::Denied(why)),
        };
        let name_id = self.saml_name_of(known, who, format, now)?;
        let rules = &known.sp.attributes;
        let is_for_roles = rules.iter().any(|rule| rule.value == AttributeValue::Of(ClaimSource::Roles));
        let roles = match is_for_roles || known.sp.aws.is_some() {
            true => self.roles_of(who.user, who.whence, now)?,
            false => None,
        };
        let values = |value: &AttributeValue| match value {
            AttributeValue::Text(words) => vec![words.clone()],
            AttributeValue::Of(ClaimSource::Groups) => groups.to_vec(),
            AttributeValue::Of(ClaimSource::Roles) => roles.clone().unwrap_or_default(),
            AttributeValue::Of(source) => source.text_of(who.user, &self.admin.account).into_iter().collect(),
        };
        let mut attributes: Vec<Attribute> = rules
            .iter()
            .map(|rule| Attribute {
                name: rule.name.clone(),
                name_format: rule.name_format.urn(),
                friendly_name: rule.friendly_name.clone(),
                values: values(&rule.value),
            })
            .collect();
        let Some(aws) = &known.sp.aws else { return Ok(Told { name_id, attributes }) };
        let roles = roles.ok_or_else(|| NotTold::Denied("they can take more roles than AWS is told".to_owned()))?;
        let taken = self.aws_role(aws, &roles, role)?;
        attributes.extend(aws_attributes(mint, aws, who.user, &taken)?);
        Ok(Told { name_id, attributes })
    }

    /// What `known` knows somebody by.
    fn saml_name_of(
        &self,
        known: &Known,
        who: Who<'_>,
        format: Option<&str>,
        now: Timestamp,
    ) -> Result<(&'static str, String), NotTold> {
        // What says no more than what is registered is given to whoever asks for it; everything else as it is registered.
        let own = &known.sp.name_id;
        let wanted = match format {
            Some(format) if format == NameId::Persistent.format() => &NameId::Persistent,
            Some(format) if format == NameId::Transient.format() => &NameId::Transient,
            _ => own,
        };
        let name = match wanted {
            NameId::Persistent => {
                self.pairwise(&format!("saml:{}", known.sp.entity_id), who.user.id.as_bytes(), now)?
            }
            // Another one with each sign-in here, and the same for all that comes of it: by it they are signed out there.
            NameId::Transient => {
                let sector = format!("saml-transient:{}", known.sp.entity_id);
                format!("_{}", self.pairwise(&sector, who.session.id.as_bytes(), now)?)
            }
            NameId::EmailAddress(source) | NameId::Unspecified(source) => {
                let text = source.text_of(who.user, &self.admin.account).ok_or_else(|| {
                    NotTold::Nameless(format!("the directory says no {source} of them, which they are known by there"))
                })?;
                if self.admin.is_others_too(source, &text).map_err(SamlError::from)? {
                    let why = format!("somebody else has the same {source}, which they are known by there");
                    return Err(NotTold::Nameless(why));
                }
                text
            }
        };
        Ok((wanted.format(), name))
    }

    /// The role that is taken: the one of the ARN `chosen`, or the only one there is.
    fn aws_role(&self, aws: &AwsSignIn, roles: &[String], chosen: Option<&str>) -> Result<AwsRole, NotTold> {
        let accounts = self.admin.accounts();
        let mut all: Vec<AwsRole> = Vec::new();
        for (account, provider) in &aws.providers {
            let prefix = format!("arn:aws:iam::{account}:role/");
            for path in roles.iter().filter_map(|arn| arn.strip_prefix(&prefix)) {
                let arn = format!("arn:{}:iam::{account}:role/{path}", provider.partition());
                all.push(AwsRole {
                    value: format!("{arn},{provider}"),
                    arn,
                    account: account.to_string(),
                    account_name: accounts.name_of(account).map(str::to_owned),
                    name: path.rsplit('/').next().unwrap_or(path).to_owned(),
                });
            }
        }
        if let Some(chosen) = chosen {
            let found = all.into_iter().find(|role| role.arn == chosen);
            return found.ok_or_else(|| NotTold::Denied("they can take no such role there".to_owned()));
        }
        if all.len() > 1 {
            return Err(NotTold::Choose(all));
        }
        all.pop().ok_or_else(|| NotTold::Denied("they can take no role there".to_owned()))
    }
}

/// What AWS is told besides (IAM User Guide, "Configure SAML assertions for the authentication response").
fn aws_attributes(mint: &Mint, aws: &AwsSignIn, user: &User, role: &AwsRole) -> Result<Vec<Attribute>, NotTold> {
    let stated = mint.stated(user).map_err(|error| NotTold::Nameless(error.to_string()))?;
    let nameless = || NotTold::Nameless("their name is too short for a session of AWS".to_owned());
    let name = stated.role_session_name.or_else(|| SessionName::sanitised(user.name.as_str())).ok_or_else(nameless)?;
    let tags: Vec<(String, String)> = stated.tags.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    let attribute = |name: &str, values: Vec<String>| Attribute {
        name: format!("{AWS_ATTRIBUTES}{name}"),
        name_format: NameFormat::Uri.urn(),
        friendly_name: None,
        values,
    };
    let mut all =
        vec![attribute("Role", vec![role.value.clone()]), attribute("RoleSessionName", vec![name.to_string()])];
    all.extend(aws.session_duration.map(|seconds| attribute("SessionDuration", vec![seconds.to_string()])));
    all.extend(stated.source_identity.map(|who| attribute("SourceIdentity", vec![who.to_string()])));
    all.extend(tags.iter().map(|(key, value)| attribute(&format!("PrincipalTag:{key}"), vec![value.clone()])));
    // All of them go on, so that the team is known however far a chain goes.
    all.push(attribute("TransitiveTagKeys", tags.into_iter().map(|(key, _)| key).collect()));
    Ok(all)
}
