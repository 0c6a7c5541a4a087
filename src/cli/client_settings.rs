//! `bailey client add` and `bailey client update`: what can be said of a client, in options.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args as ClapArgs, ValueEnum};

use super::iam::read;
use crate::admin::clients::ClientSettings;
use crate::model::client::{AuthMethod, ClaimSource, ClientError, GrantType, IdTokenAlg, Lifetimes, RedirectUri};
use crate::model::client::{Scope, Subjects};

/// What can be said of a client; what is not said is as usual in a new one, and stays in another.
#[derive(Debug, ClapArgs)]
pub struct Settings {
    /// What people are shown
    #[arg(long)]
    name: Option<String>,
    /// A file with its public keys (RFC 7517), with private_key_jwt; `-` is standard input
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// Where people may be sent back to; needed by a client that signs people in (grant authorization_code, the usual one); may be
    /// repeated
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<RedirectUri>,
    /// A grant by which it may ask for tokens; may be repeated [of a new one: authorization_code and refresh_token]
    #[arg(long = "grant", value_name = "GRANT", value_parser = grants())]
    grants: Vec<GrantType>,
    /// A scope that it may ask for: openid, profile, email, groups, roles, offline_access, or one that the client and an API of yours
    /// agree on; may be repeated [of a new one: openid, profile, email, groups and offline_access]
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
    scopes: Vec<Scope>,
    /// Whom its access tokens may be for; may be repeated
    #[arg(long = "audience", value_name = "NAME")]
    audiences: Vec<String>,
    /// A group whose people it may sign in; may be repeated
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// A claim besides the standard ones, from name, login, mail, display_name, employee_id, arn, groups, roles, tag/KEY or aws_tags;
    /// may be repeated
    #[arg(long = "claim", value_name = "CLAIM=SOURCE", value_parser = claim)]
    claims: Vec<(String, ClaimSource)>,
    /// How long an access token is good, 1m to 1h [of a new one: 10m]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    access_token: Option<u32>,
    /// How long an ID token is good, 1m to 1h [of a new one: 5m]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    id_token: Option<u32>,
    /// How long a refresh token is good that is not used, 5m to 30d [of a new one: 8h]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    refresh_token_idle: Option<u32>,
    /// How long refreshing goes on after a sign-in, 5m to 30d [of a new one: 24h]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    refresh_token: Option<u32>,
    /// By which algorithm its ID tokens are signed: ES256, or RS256 for those that take nothing else
    #[arg(long, value_name = "ALG", value_parser = alg)]
    id_token_alg: Option<IdTokenAlg>,
    /// How surely people have to be signed in, such as mfa
    #[arg(long, value_name = "ACR")]
    required_acr: Option<String>,
    /// ARN of a role whose tokens it may exchange its people's tokens for; may be repeated
    #[arg(long = "may-exchange", value_name = "ROLE")]
    may_exchange: Vec<String>,
    /// Know people by names that no other client has
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    pairwise: Option<bool>,
    /// Where people may be sent to when they signed out; may be repeated
    #[arg(long = "post-logout-redirect-uri", value_name = "URI")]
    post_logout_redirect_uris: Vec<RedirectUri>,
    /// Where it is told that somebody signed out
    #[arg(long, value_name = "URI")]
    backchannel_logout_uri: Option<RedirectUri>,
    /// Whether its requests have to be pushed
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    require_par: Option<bool>,
    /// Whether its access tokens are all bound to a key that it shows
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    dpop_bound_access_tokens: Option<bool>,
    /// A list that is to be empty, or what is to be said no more; may be repeated
    #[arg(long, value_name = "SETTING", value_enum)]
    clear: Vec<Cleared>,
}

/// What can be taken away altogether.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Cleared {
    /// All audiences
    Audiences,
    /// All groups: it may sign everybody in
    Groups,
    /// All claims besides the standard ones
    Claims,
    /// All roles
    MayExchange,
    /// That people have to be signed in more surely than elsewhere
    RequiredAcr,
    /// All addresses behind a sign-out
    PostLogoutRedirectUris,
    /// Where it is told that somebody signed out: it is told no more
    BackchannelLogoutUri,
}

impl Settings {
    /// What is said, of a client that shows who it is by `auth` if it is a new one. `before` is how long its tokens are good now.
    ///
    /// # Errors
    /// When the file with keys cannot be read or is no JSON.
    pub(super) fn said(self, auth: Option<AuthMethod>, before: Lifetimes) -> anyhow::Result<ClientSettings> {
        let jwks = self.jwks.as_deref().map(read).transpose()?;
        let jwks = jwks.map(|text| serde_json::from_str(&text)).transpose().context("the key set is no JSON")?;
        let cleared = |which| self.clear.contains(&which);
        // Of a list that is said, or cleared.
        fn list<T, L: FromIterator<T>>(said: Vec<T>, cleared: bool) -> Option<L> {
            (cleared || !said.is_empty()).then(|| said.into_iter().collect())
        }
        let times = [self.access_token, self.id_token, self.refresh_token_idle, self.refresh_token];
        let lifetimes = Lifetimes {
            access: self.access_token.unwrap_or(before.access),
            id: self.id_token.unwrap_or(before.id),
            refresh_idle: self.refresh_token_idle.unwrap_or(before.refresh_idle),
            refresh: self.refresh_token.unwrap_or(before.refresh),
        };
        Ok(ClientSettings {
            name: self.name,
            auth,
            jwks,
            redirect_uris: list(self.redirect_uris, false),
            grants: list(self.grants, false),
            scopes: list(self.scopes, false),
            audiences: list(self.audiences, cleared(Cleared::Audiences)),
            allowed_groups: list(self.groups, cleared(Cleared::Groups)),
            claims: list(self.claims, cleared(Cleared::Claims)),
            lifetimes: times.iter().any(Option::is_some).then_some(lifetimes),
            id_token_alg: self.id_token_alg,
            required_acr: self.required_acr.or_else(|| cleared(Cleared::RequiredAcr).then(String::new)),
            may_exchange: list(self.may_exchange, cleared(Cleared::MayExchange)),
            subjects: self.pairwise.map(|pairwise| if pairwise { Subjects::Pairwise } else { Subjects::Public }),
            post_logout_redirect_uris: list(self.post_logout_redirect_uris, cleared(Cleared::PostLogoutRedirectUris)),
            no_backchannel_logout_uri: cleared(Cleared::BackchannelLogoutUri),
            backchannel_logout_uri: self.backchannel_logout_uri,
            require_par: self.require_par,
            dpop_bound_access_tokens: self.dpop_bound_access_tokens,
        })
    }
}

/// A method of showing who a client is.
pub(super) fn method(text: &str) -> Result<AuthMethod, String> {
    AuthMethod::named(text)
        .ok_or_else(|| "expected client_secret_basic, client_secret_post, private_key_jwt or none".to_owned())
}

fn alg(text: &str) -> Result<IdTokenAlg, String> {
    IdTokenAlg::named(text).ok_or_else(|| "expected ES256 or RS256".to_owned())
}

/// Takes the names of grants, and tells them to whoever asks for help.
fn grants() -> impl TypedValueParser<Value = GrantType> {
    let named = |name: String| GrantType::named(&name).ok_or("there is no such grant");
    PossibleValuesParser::new(GrantType::ALL.map(GrantType::name)).try_map(named)
}

fn scope(text: &str) -> Result<Scope, String> {
    text.parse().map_err(|error: ClientError| error.to_string())
}

fn claim(text: &str) -> Result<(String, ClaimSource), String> {
    let (claim, source) = text.split_once('=').ok_or("expected CLAIM=SOURCE")?;
    Ok((claim.to_owned(), source.parse().map_err(|error: ClientError| error.to_string())?))
}

/// A time such as `30s`, `10m`, `8h`, `7d` or `2w`, in seconds.
pub(super) fn seconds(text: &str) -> Result<u32, String> {
    let expected = || "expected a time such as 30s, 10m, 8h, 7d or 2w".to_owned();
    let unit = text.chars().last().ok_or_else(expected)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return Err(expected()),
    };
    let number = text.strip_suffix(unit).and_then(|number| number.parse::<u32>().ok()).ok_or_else(expected)?;
    number.checked_mul(factor).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;

    #[test]
    fn help_tells_the_usual_times_and_the_limits() {
        let command = Settings::augment_args(Command::new("add"));
        let usual = Lifetimes::default();
        for (name, time) in [
            ("access_token", usual.access),
            ("id_token", usual.id),
            ("refresh_token_idle", usual.refresh_idle),
            ("refresh_token", usual.refresh),
        ] {
            let help =
                command.get_arguments().find(|one| one.get_id() == name).unwrap().get_help().unwrap().to_string();
            let (limits, told) = help.rsplit_once(" [of a new one: ").unwrap();
            assert_eq!(seconds(told.trim_end_matches(']')), Ok(time), "{help}");
            let (least, most) = limits.rsplit_once(", ").unwrap().1.split_once(" to ").unwrap();
            // Whatever of both is passed is refused.
            for (time, good) in [(seconds(least).unwrap(), true), (seconds(most).unwrap(), true)]
                .into_iter()
                .chain([(seconds(least).unwrap() - 1, false), (seconds(most).unwrap() + 1, false)])
            {
                let mut lifetimes = Lifetimes { refresh: seconds("30d").unwrap(), ..usual };
                *match name {
                    "access_token" => &mut lifetimes.access,
                    "id_token" => &mut lifetimes.id,
                    "refresh_token_idle" => &mut lifetimes.refresh_idle,
                    _ => &mut lifetimes.refresh,
                } = time;
                assert_eq!(lifetimes.check().is_ok(), good, "{name} {time}");
            }
        }
    }
}
