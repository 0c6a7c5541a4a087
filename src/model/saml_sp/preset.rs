//! Applications of which it is known what they call themselves, where they are, and what they want to be told.
//!
//! Each is as its vendor documents it; where people choose something themselves, that is a placeholder to be filled:
//! `{domain}`. What is said besides takes the place of what stands here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AttributeRule, AttributeValue, NameFormat, NameId, SamlSpError};
use crate::model::client::ClaimSource;

/// A kind of application of which something is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// The console and the STS of AWS.
    Aws,
    /// Google Workspace.
    GoogleWorkspace,
    /// Salesforce.
    Salesforce,
    /// GitLab, a server of one's own.
    Gitlab,
    /// Grafana Enterprise.
    Grafana,
    /// Shibboleth's service provider, in its usual places.
    Shibboleth,
}

/// Where an application is, with its placeholders filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    /// What it calls itself by.
    pub entity_id: String,
    /// Where responses are delivered.
    pub acs: String,
}

/// What is usual for an application, wherever it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usual {
    /// What people call it.
    pub title: &'static str,
    /// What it knows people by.
    pub name_id: NameId,
    /// What else it is told of them.
    pub attributes: Vec<AttributeRule>,
    /// Whether people may begin here.
    pub idp_initiated: bool,
}

/// What is known, as it is written down.
struct Known {
    title: &'static str,
    entity_id: &'static str,
    acs: &'static str,
    /// The placeholders, and what each is.
    values: &'static [(&'static str, &'static str)],
    name_id: NameId,
    attributes: &'static [Attribute],
    idp_initiated: bool,
}

/// Name, kind of name, name for people, and what it says.
type Attribute = (&'static str, NameFormat, &'static str, ClaimSource);

/// A host, as it stands in an address.
const HOST: &[(&str, &str)] = &[("host", "the host in its address, such as app.example.com")];

impl Preset {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Aws, Self::GoogleWorkspace, Self::Salesforce, Self::Gitlab, Self::Grafana, Self::Shibboleth];

    /// Its name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::GoogleWorkspace => "google-workspace",
            Self::Salesforce => "salesforce",
            Self::Gitlab => "gitlab",
            Self::Grafana => "grafana",
            Self::Shibboleth => "shibboleth",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.word() == word)
    }

    /// What has to be said for it: names of placeholders, and what each is.
    #[must_use]
    pub fn values(self) -> &'static [(&'static str, &'static str)] {
        self.known().values
    }

    /// Where it is, where `values` says what people choose.
    ///
    /// # Errors
    /// When a placeholder is not filled, by something that cannot stand in an address, or there is none of a name that is filled.
    pub fn filled(self, values: &BTreeMap<String, String>) -> Result<Filled, SamlSpError> {
        let known = self.known();
        self.check(&known, values)?;
        let fill = |template: &str| {
            let one = |text: String, (key, value): (&String, &String)| text.replace(&format!("{{{key}}}"), value);
            values.iter().fold(template.to_owned(), one)
        };
        Ok(Filled { entity_id: fill(known.entity_id), acs: fill(known.acs) })
    }

    /// What is usual for it.
    #[must_use]
    pub fn usual(self) -> Usual {
        let known = self.known();
        let rule = |(name, name_format, friendly, source): &Attribute| AttributeRule {
            name: (*name).to_owned(),
            name_format: *name_format,
            friendly_name: (!friendly.is_empty()).then(|| (*friendly).to_owned()),
            value: AttributeValue::Of(source.clone()),
        };
        let attributes = known.attributes.iter().map(rule).collect();
        Usual { title: known.title, name_id: known.name_id, attributes, idp_initiated: known.idp_initiated }
    }

    fn check(self, known: &Known, values: &BTreeMap<String, String>) -> Result<(), SamlSpError> {
        let named = |key: &str| known.values.iter().any(|(name, _)| *name == key);
        if let Some(key) = values.keys().find(|key| !named(key)) {
            let all = known.values.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            let what = format!("the preset `{}` has no `{key}`", self.word());
            let what = if all.is_empty() { what } else { format!("{what}, but {all}") };
            return Err(SamlSpError::contradiction(what, "leave it out"));
        }
        for (key, meaning) in known.values {
            let Some(value) = values.get(*key) else {
                let what = format!("the preset `{}` needs `{key}`, {meaning}: pass `--set {key}=...`", self.word());
                return Err(SamlSpError::contradiction(what, "in the configuration set it in `values`"));
            };
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':');
            if value.is_empty() || value.len() > 253 || !value.bytes().all(plain) {
                return Err(SamlSpError::word("host", value, "use letters, digits, `.` and `-`, as in an address"));
            }
        }
        Ok(())
    }

    fn known(self) -> Known {
        use ClaimSource::{DisplayName, Groups, Mail, Name};
        use NameFormat::{Basic, Uri};
        match self {
            // IAM User Guide, "Configure SAML assertions for the authentication response"; its attributes are worked out of roles.
            Self::Aws => Known {
                title: "AWS",
                entity_id: "urn:amazon:webservices",
                acs: "https://signin.aws.amazon.com/saml",
                values: &[],
                name_id: NameId::Persistent,
                attributes: &[],
                idp_initiated: true,
            },
            // Google Workspace Admin Help, "SSO assertion requirements": the primary mail address, case-sensitive; attributes are ASCII.
            Self::GoogleWorkspace => Known {
                title: "Google Workspace",
                entity_id: "google.com/a/{domain}",
                acs: "https://www.google.com/a/{domain}/acs",
                values: &[("domain", "the primary domain of the company at Google, such as example.com")],
                name_id: NameId::EmailAddress(Mail),
                attributes: &[],
                idp_initiated: false,
            },
            // Salesforce Help, "SAML single sign-on with Salesforce as the service provider": the Federation ID is in the NameID.
            Self::Salesforce => Known {
                title: "Salesforce",
                entity_id: "https://{domain}.my.salesforce.com",
                acs: "https://{domain}.my.salesforce.com",
                values: &[("domain", "the name of My Domain, the part before .my.salesforce.com")],
                name_id: NameId::Unspecified(Mail),
                attributes: &[],
                idp_initiated: true,
            },
            // GitLab documentation, "SAML SSO": attributes email, name and username, groups_attribute as one chooses.
            Self::Gitlab => Known {
                title: "GitLab",
                entity_id: "https://{host}",
                acs: "https://{host}/users/auth/saml/callback",
                values: HOST,
                name_id: NameId::Persistent,
                attributes: &[
                    ("email", Basic, "", Mail),
                    ("name", Basic, "", DisplayName),
                    ("username", Basic, "", Name),
                    ("Groups", Basic, "", Groups),
                ],
                idp_initiated: false,
            },
            // Grafana documentation, "SAML configuration options": its usual entity_id, and the attributes that one names there.
            Self::Grafana => Known {
                title: "Grafana",
                entity_id: "https://{host}/saml/metadata",
                acs: "https://{host}/saml/acs",
                values: HOST,
                name_id: NameId::Transient,
                attributes: &[
                    ("login", Basic, "", Name),
                    ("email", Basic, "", Mail),
                    ("name", Basic, "", DisplayName),
                    ("groups", Basic, "", Groups),
                ],
                idp_initiated: false,
            },
            // What shibboleth2.xml and attribute-map.xml have as they come; attributes by the names of eduPerson and inetOrgPerson.
            Self::Shibboleth => Known {
                title: "Shibboleth",
                entity_id: "https://{host}/shibboleth",
                acs: "https://{host}/Shibboleth.sso/SAML2/POST",
                values: HOST,
                name_id: NameId::Persistent,
                attributes: &[
                    ("urn:oid:0.9.2342.19200300.100.1.1", Uri, "uid", Name),
                    ("urn:oid:0.9.2342.19200300.100.1.3", Uri, "mail", Mail),
                    ("urn:oid:2.16.840.1.113730.3.1.241", Uri, "displayName", DisplayName),
                    ("urn:oid:1.3.6.1.4.1.5923.1.5.1.1", Uri, "isMemberOf", Groups),
                ],
                idp_initiated: false,
            },
        }
    }
}
