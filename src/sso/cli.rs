//! The client that `bailey login` is: there without registration, so that a person needs nothing but an address.
//!
//! It runs on people's own machines and keeps no secret (RFC 8252, section 8.5): what protects it is that its codes go to the
//! machine they began on (PKCE, loopback), or that a person types and reads before they agree. A client that is declared or
//! registered under its name takes its place.

use super::IssuerUrl;
use super::exchange::sts_audience;
use super::terminal;
use crate::admin::clients::ClientSettings;
use crate::base::Timestamp;
use crate::model::Client;
use crate::model::client::{ClaimSource, ClientAuth, ClientError, ClientId, GrantType, Lifetimes};

/// What it calls itself by.
pub const ID: &str = "bailey-cli";

/// Where browsers bring codes: whatever the port (RFC 8252, section 7.3).
pub const LOOPBACK: &str = "http://127.0.0.1/callback";

/// What it asks for: to go on without the browser, since it is another program than that; and to do about roles for a while what its
/// person says.
pub const SCOPES: [&str; 3] = ["openid", "offline_access", terminal::GRANTS];

/// What it asks for where a second factor has to be shown (OpenID Connect Core 1.0, section 5.5).
pub const WITH_FACTOR: &str = r#"{"id_token":{"acr":{"essential":true,"values":["mfa"]}}}"#;

/// Seconds that a second factor may lie back then, of somebody who answers a device.
pub const FACTOR_AGE: &str = "120";

/// The claim by which it knows whom it signed in.
pub const ARN: &str = "arn";

/// Seconds that a sign-in lasts: a working day, as that with a password.
const LASTS: u32 = 43_200;

/// The client.
///
/// # Errors
/// When its settings contradict each other, which is a fault of ours.
pub fn client(issuer: &IssuerUrl) -> Result<Client, ClientError> {
    let id: ClientId = ID.parse()?;
    let settings = ClientSettings {
        name: Some("the Bailey command line".to_owned()),
        redirect_uris: Some(vec![LOOPBACK.parse()?]),
        grants: Some(
            [GrantType::AuthorizationCode, GrantType::DeviceCode, GrantType::RefreshToken, GrantType::TokenExchange]
                .into(),
        ),
        scopes: Some(SCOPES.iter().map(|scope| scope.parse()).collect::<Result<_, _>>()?),
        audiences: Some([sts_audience(issuer), terminal::audience(issuer)].into()),
        claims: Some([(ARN.to_owned(), ClaimSource::Arn)].into()),
        lifetimes: Some(Lifetimes { refresh: LASTS, refresh_idle: LASTS, ..Lifetimes::default() }),
        ..ClientSettings::default()
    };
    settings.begin(id, ClientAuth::None, Timestamp::UNIX_EPOCH)
}
