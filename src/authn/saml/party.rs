//! Us, towards one identity provider by which people sign in: what it is told of us, and how somebody is sent to it.
//!
//! Requests go by HTTP-Redirect, in an address, and responses come by HTTP-POST, in a form (SAML profiles, section 4.1.2): the first is
//! small, the second signed XML that no address holds.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::metadata::Endpoint;
use super::{IdentityProvider, NameId, ServiceProvider};
use crate::base::Timestamp;
use crate::model::SamlProviderName;
use crate::saml_xml::{DECRYPTED, HTTP_POST, HTTP_REDIRECT, Node, PROTOCOL, RSA_SHA256, RequestKey, deflate, key_info};

/// Names that stay, made for us alone (SAML core, section 8.3.7).
const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";

/// Us, towards one identity provider.
#[derive(Debug)]
pub struct Party {
    /// What is known of the provider.
    pub known: Known,
    /// Who we are to it, and where responses come.
    pub own: ServiceProvider,
    /// What our name is called a name of in requests (`Format`), where the provider wants to be told.
    pub issuer_format: Option<String>,
    /// In whose names it is one (`NameQualifier`), likewise.
    pub issuer_qualifier: Option<String>,
    /// By what requests are signed.
    pub key: Option<RequestKey>,
}

/// Where what is known of an identity provider comes from.
#[derive(Debug)]
pub enum Known {
    /// A file of the configuration, read when that was.
    Told(Box<IdentityProvider>),
    /// A SAML provider of the account, whose metadata administrators write and confirm.
    Registered(SamlProviderName),
}

/// Why nobody can be sent to an identity provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unaskable {
    /// It takes requests in no way that we send them.
    #[error("its metadata has no SingleSignOnService by HTTP-Redirect")]
    NoAddress,
    /// It takes what is signed alone, and there is nothing to sign by.
    #[error("it wants requests to be signed, and `saml_key_file` names no key")]
    NoKey,
}

impl Unaskable {
    /// What somebody has to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::NoAddress => "ask the provider for metadata with such an address".to_owned(),
            Self::NoKey => format!(
                "set `saml_key_file` and `saml_certificate_file`, {MAKES_A_KEY}; then give the provider our metadata anew"
            ),
        }
    }
}

/// How a key of ours comes to be.
pub const MAKES_A_KEY: &str = "such as made by: \
    openssl req -x509 -newkey rsa:3072 -nodes -days 3650 -subj /CN=bailey -keyout KEY -out CERTIFICATE";

impl Party {
    /// Where `provider` is asked.
    ///
    /// # Errors
    /// Why it cannot be: that is known before anybody is to be sent there.
    pub fn asks_at<'p>(&self, provider: &'p IdentityProvider) -> Result<(&'p Endpoint, Url), Unaskable> {
        let endpoint = provider.sign_on().iter().find(|endpoint| endpoint.binding == HTTP_REDIRECT);
        let address = endpoint.and_then(|endpoint| Some((endpoint, Url::parse(&endpoint.location).ok()?)));
        let address = address.ok_or(Unaskable::NoAddress)?;
        if provider.wants_signed_requests() && self.key.is_none() {
            return Err(Unaskable::NoKey);
        }
        Ok(address)
    }

    /// The address that sends somebody to `provider` with a request called `id`, by which they sign in there anew if `fresh`.
    ///
    /// # Errors
    /// Why that cannot be.
    pub fn sends(&self, provider: &IdentityProvider, (id, fresh): (&str, bool), now: Timestamp) -> Result<Url, String> {
        let (endpoint, mut url) = self.asks_at(provider).map_err(|why| why.to_string())?;
        let request = self.request(&endpoint.location, (id, fresh), now);
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let mut query = format!("SAMLRequest={}", encoded(&STANDARD.encode(deflate(&request))));
        if let Some(key) = &self.key {
            // What is signed are these very letters (SAML bindings, section 3.4.4.1).
            query = format!("{query}&SigAlg={}", encoded(RSA_SHA256));
            let signature = key.sign(&query).map_err(|error| error.to_string())?;
            query = format!("{query}&Signature={}", encoded(&signature));
        }
        let before = url.query().filter(|before| !before.is_empty()).map(|before| format!("{before}&"));
        url.set_query(Some(&(before.unwrap_or_default() + &query)));
        Ok(url)
    }

    /// A request (SAML core, section 3.4.1), which asks for a name that stays.
    fn request(&self, to: &str, (id, fresh): (&str, bool), now: Timestamp) -> String {
        let issuer = Node::text("saml:Issuer", self.own.entity_id.as_str())
            .with_some("Format", self.issuer_format.as_deref())
            .with_some("NameQualifier", self.issuer_qualifier.as_deref());
        let policy = Node::new("samlp:NameIDPolicy").with("AllowCreate", "true").with("Format", PERSISTENT);
        Node::new("samlp:AuthnRequest")
            .with("ID", id)
            .with("Version", "2.0")
            .with("IssueInstant", format!("{now:.0}"))
            .with("Destination", to)
            .with_some("ForceAuthn", fresh.then_some("true"))
            .with("ProtocolBinding", HTTP_POST)
            .with("AssertionConsumerServiceURL", self.own.acs.as_str())
            .child(issuer)
            .child(policy)
            .render()
    }

    /// What a provider is told of us (SAML metadata, section 2.4.4).
    #[must_use]
    pub fn metadata(&self) -> String {
        let key = |used: &str, key: &RequestKey| {
            Node::new("md:KeyDescriptor").with("use", used).child(key_info(key.certificate()))
        };
        // Without these many encrypt by CBC, which is not opened here (SAML metadata, section 2.4.1.1).
        let methods = DECRYPTED.map(|method| Node::new("md:EncryptionMethod").with("Algorithm", method));
        let encryption = |own: &RequestKey| key("encryption", own).children(methods.clone());
        let keys = self.key.iter().flat_map(|own| [key("signing", own), encryption(own)]);
        let acs = Node::new("md:AssertionConsumerService")
            .with("Binding", HTTP_POST)
            .with("Location", self.own.acs.as_str())
            .with("index", "0")
            .with("isDefault", "true");
        let role = Node::new("md:SPSSODescriptor")
            .with("AuthnRequestsSigned", self.key.is_some().to_string())
            .with("WantAssertionsSigned", "true")
            .with("protocolSupportEnumeration", PROTOCOL)
            .children(keys)
            .child(Node::text("md:NameIDFormat", PERSISTENT))
            .child(acs);
        Node::new("md:EntityDescriptor").with("entityID", self.own.entity_id.as_str()).child(role).render()
    }

    /// Whether `name`, of `provider`, is one that somebody can be known by: it stays the same, and it is that provider's for us. An
    /// address of mail is given to the next, and what is made anew each time names nobody.
    pub(in crate::authn) fn can_be_known_by(&self, provider: &IdentityProvider, name: &NameId) -> Result<(), String> {
        match name.format.as_deref() {
            Some(PERSISTENT) => {}
            format => {
                let said = crate::base::text::printable(format.unwrap_or("unspecified")).into_owned();
                return Err(format!(
                    "its NameID is of the format `{said}`, and people are known by `{PERSISTENT}` alone"
                ));
            }
        }
        let is = |said: &Option<String>, wanted: &str| said.as_deref().is_none_or(|said| said == wanted);
        if !is(&name.name_qualifier, provider.entity_id()) {
            return Err("the NameQualifier of its NameID is another provider's".to_owned());
        }
        if !is(&name.sp_name_qualifier, &self.own.entity_id) {
            return Err("the SPNameQualifier of its NameID is another service's".to_owned());
        }
        Ok(())
    }
}
