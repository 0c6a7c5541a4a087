//! A person at their terminal: `bailey login` signed them in, and with its access token they ask for roles for a while, agree to them and
//! end them, as they would at the portal.
//!
//! Which token is good for that is narrow on purpose, since who agrees to a role acts for the company:
//!
//! - It was given to the command line that this program is ([`cli::ID`]), as a public client, and to no other client: an application
//!   that somebody signs in to agrees to nothing for them, whatever audience and scope it is registered with (RFC 9700, section 2.3).
//! - It is for this interface ([`audience`]), which no token for STS alone or for an application's own API is (RFC 9068, section 4).
//! - Its person let the command line do this ([`GRANTS`]): the page that they agreed at says so. Sign-ins of before have to be made anew.
//! - It is of a sign-in, and shown as it is: tokens that are bound to a key are for requests that prove it, and none is asked for here.
//!
//! What a role was assumed for shows no such token: credentials of a session sign, and the token of a role is of no client's.
//! Whether the person showed a second factor, and when, is what their browser's session knew as they signed in.

use super::access_token::Standing;
use super::error::Code;
use super::{IssuerUrl, OauthError, Sso, cli};
use crate::authn::bearer::Bearer;
use crate::authn::signed::RequestSource;
use crate::base::Timestamp;

/// The scope by which somebody lets the command line act for them about roles for a while.
pub const GRANTS: &str = "grants";

/// What the interface is called as an audience, behind the issuer.
const INTERFACE: &str = "/v1/me";

/// What the interface of `issuer` is called as an audience.
#[must_use]
pub fn audience(issuer: &IssuerUrl) -> String {
    issuer.at(INTERFACE)
}

impl Sso {
    /// Whoever shows `token` from there, as they are now. Blocks.
    ///
    /// # Errors
    /// When it does not count, or is good for something else.
    pub fn at_terminal(&self, token: &str, from: RequestSource, now: Timestamp) -> Result<Bearer, OauthError> {
        let Standing::Counts(claims) = self.standing_of(token, now)? else { return Err(OauthError::token()) };
        let client = self.admin.known_client(&cli::ID.parse().map_err(|_| OauthError::token())?)?;
        let is_ours = claims.client_id == cli::ID && claims.aud.has(&audience(&self.issuer)) && claims.cnf.is_none();
        let client = client.map(|(client, _)| client).filter(|client| is_ours && client.is_public());
        let (Some(client), Some(family)) = (client, claims.fid) else { return Err(OauthError::token()) };
        if !claims.scope.iter().flat_map(|scope| scope.split(' ')).any(|scope| scope == GRANTS) {
            let what =
                format!("that sign-in is not for roles for a while: sign in anew, bailey login --url {}", self.issuer);
            return Err(OauthError::new(Code::InsufficientScope, &what));
        }
        let held = self.counting_family(&family, now)?.filter(|held| held.value.consent.client == client.id);
        let family = held.ok_or_else(OauthError::token)?.value;
        match self.person(&client, &family.consent, now)? {
            Ok(person) => {
                let until = self.until(&family, now)?;
                Ok(Bearer::new(person.user, &family, until, self.admin.account.clone(), from).at_terminal())
            }
            Err(_) => Err(OauthError::token()),
        }
    }
}
