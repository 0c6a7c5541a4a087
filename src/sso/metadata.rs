//! Who we are, for programs to read (OpenID Connect Discovery 1.0, section 3; RFC 8414, section 2).
//!
//! Both documents are the same one, which lists what exists and nothing else.

use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm, CoreResponseMode,
    CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{
    AdditionalProviderMetadata, AuthUrl, IssuerUrl, JsonWebKeySetUrl, ProviderMetadata, RegistrationUrl, ResponseTypes,
    Scope, TokenUrl, UserInfoUrl,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Sso;
use crate::authn::federated::proof::ALGORITHMS;
use crate::model::client::GrantType;

/// Where things are.
pub mod paths {
    /// Where people sign in and agree.
    pub const AUTHORIZE: &str = "/oauth2/authorize";
    /// Where clients ask for tokens.
    pub const TOKEN: &str = "/oauth2/token";
    /// Where devices without a browser ask (RFC 8628).
    pub const DEVICE_AUTHORIZATION: &str = "/oauth2/device_authorization";
    /// Where people answer them.
    pub const DEVICE: &str = "/device";
    /// Where clients send people to sign out.
    pub const END_SESSION: &str = "/oauth2/logout";
    /// Where clients push requests.
    pub const PAR: &str = "/oauth2/par";
    /// Where software registers itself.
    pub const REGISTER: &str = "/oauth2/register";
    /// Where clients ask about tokens.
    pub const INTROSPECT: &str = "/oauth2/introspect";
    /// Where clients give tokens back.
    pub const REVOKE: &str = "/oauth2/revoke";
    /// Where clients ask about somebody.
    pub const USERINFO: &str = "/oauth2/userinfo";
    /// Where the public halves of signing keys are.
    pub const KEYS: &str = "/oauth2/jwks";
    /// This document, for OpenID Connect.
    pub const OPENID: &str = "/.well-known/openid-configuration";
    /// This document, for OAuth.
    pub const OAUTH: &str = "/.well-known/oauth-authorization-server";
}

/// Whether there is a page where people sign in and agree. Until then no code is made, and nothing that comes of one is listed.
const AUTHORIZE: bool = true;

/// What is there besides the token endpoint; each is listed when it is served.
const INTROSPECT: bool = true;

/// What RFC 8414, RFC 7636, RFC 8628, RFC 9126, RFC 9207, RFC 9449 and the two documents on logout add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Oauth {
    #[serde(skip_serializing_if = "Option::is_none")]
    introspection_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation_endpoint: Option<String>,
    pushed_authorization_request_endpoint: String,
    require_pushed_authorization_requests: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    introspection_endpoint_auth_methods_supported: Vec<CoreClientAuthMethod>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    revocation_endpoint_auth_methods_supported: Vec<CoreClientAuthMethod>,
    dpop_signing_alg_values_supported: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    code_challenge_methods_supported: Vec<String>,
    device_authorization_endpoint: String,
    end_session_endpoint: String,
    backchannel_logout_supported: bool,
    backchannel_logout_session_supported: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for Oauth {}

type Metadata = ProviderMetadata<
    Oauth,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// Scopes that mean something to us.
pub const SCOPES: [&str; 6] = ["openid", "profile", "email", "groups", "roles", "offline_access"];

/// Claims that we make.
const CLAIMS: [&str; 15] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "at_hash",
    "name",
    "preferred_username",
    "email",
    "groups",
    "roles",
];

/// What clients may sign assertions by; each is one that is verified.
const ASSERTIONS: [CoreJwsSigningAlgorithm; 8] = [
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EcdsaP521Sha512,
    CoreJwsSigningAlgorithm::EdDsa,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
];

impl Sso {
    /// The document.
    ///
    /// # Errors
    /// When it cannot be put together, which is a fault of ours.
    pub fn metadata(&self) -> Result<Value, String> {
        let mut document = serde_json::to_value(self.described()?).map_err(|error| error.to_string())?;
        if let Value::Object(members) = &mut document
            && !AUTHORIZE
        {
            members.remove("authorization_endpoint");
        }
        Ok(document)
    }

    fn described(&self) -> Result<Metadata, String> {
        let at = |path| self.issuer.at(path);
        let wrong = |error: openidconnect::url::ParseError| error.to_string();
        let methods = vec![
            CoreClientAuthMethod::ClientSecretBasic,
            CoreClientAuthMethod::ClientSecretPost,
            CoreClientAuthMethod::PrivateKeyJwt,
        ];
        let public = AUTHORIZE.then(|| CoreClientAuthMethod::Extension("none".to_owned()));
        let of_tokens: Vec<_> = methods.iter().cloned().chain(public).collect();
        let code = || vec![ResponseTypes::new(vec![CoreResponseType::Code])];
        let metadata = Metadata::new(
            IssuerUrl::new(self.issuer.as_str().to_owned()).map_err(wrong)?,
            AuthUrl::new(at(paths::AUTHORIZE)).map_err(wrong)?,
            JsonWebKeySetUrl::new(at(paths::KEYS)).map_err(wrong)?,
            if AUTHORIZE { code() } else { Vec::new() },
            vec![CoreSubjectIdentifierType::Public, CoreSubjectIdentifierType::Pairwise],
            vec![CoreJwsSigningAlgorithm::EcdsaP256Sha256, CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256],
            Oauth {
                introspection_endpoint: INTROSPECT.then(|| at(paths::INTROSPECT)),
                revocation_endpoint: INTROSPECT.then(|| at(paths::REVOKE)),
                pushed_authorization_request_endpoint: at(paths::PAR),
                // Of some it is asked; which those are is theirs to know.
                require_pushed_authorization_requests: false,
                introspection_endpoint_auth_methods_supported: if INTROSPECT { methods } else { Vec::new() },
                revocation_endpoint_auth_methods_supported: if INTROSPECT { of_tokens.clone() } else { Vec::new() },
                dpop_signing_alg_values_supported: ALGORITHMS.map(str::to_owned).to_vec(),
                code_challenge_methods_supported: if AUTHORIZE { vec!["S256".to_owned()] } else { Vec::new() },
                device_authorization_endpoint: at(paths::DEVICE_AUTHORIZATION),
                end_session_endpoint: at(paths::END_SESSION),
                backchannel_logout_supported: true,
                backchannel_logout_session_supported: true,
                authorization_response_iss_parameter_supported: AUTHORIZE,
            },
        );
        let mut grants = vec![CoreGrantType::ClientCredentials];
        if AUTHORIZE {
            grants.extend([CoreGrantType::AuthorizationCode, CoreGrantType::RefreshToken, CoreGrantType::DeviceCode]);
            grants.push(CoreGrantType::Extension(GrantType::TokenExchange.name().to_owned()));
        }
        let claims = CLAIMS.iter().map(|claim| CoreClaimName::new((*claim).to_owned())).collect();
        Ok(metadata
            .set_registration_endpoint(match self.registration.by_token {
                true => Some(RegistrationUrl::new(at(paths::REGISTER)).map_err(wrong)?),
                false => None,
            })
            .set_token_endpoint(Some(TokenUrl::new(at(paths::TOKEN)).map_err(wrong)?))
            .set_userinfo_endpoint(if AUTHORIZE {
                Some(UserInfoUrl::new(at(paths::USERINFO)).map_err(wrong)?)
            } else {
                None
            })
            .set_grant_types_supported(Some(grants))
            .set_token_endpoint_auth_methods_supported(Some(of_tokens))
            .set_token_endpoint_auth_signing_alg_values_supported(Some(ASSERTIONS.to_vec()))
            .set_scopes_supported(
                AUTHORIZE.then(|| SCOPES.iter().map(|scope| Scope::new((*scope).to_owned())).collect()),
            )
            .set_claims_supported(AUTHORIZE.then_some(claims))
            .set_claims_parameter_supported(Some(AUTHORIZE))
            .set_request_parameter_supported(Some(false))
            .set_request_uri_parameter_supported(Some(false)))
    }
}
