//! `bailey login` and `bailey logout`: a person's session at a daemon, kept between two commands.
//!
//! The person signs in with their browser, on this machine or on another; what is kept are tokens of single sign-on, which
//! [`super::broker`] exchanges for sessions of roles. Or with the directory's password, and a code of the second factor where they
//! have one, for a session of their own that begins those. Either is good for nothing that the person may not do themselves, and a
//! password is kept nowhere.
//!
//! ```text
//!  browser  a sign-in by the browser of this machine
//!  device   a sign-in by a browser elsewhere
//!  oauth    single sign-on of a daemon
//!  tokens   what is kept of such a sign-in, and how it is replaced
//!  cache    the directory of kept files, and who may open them
//!  keys     access keys of a session; what is kept of a sign-in
//!  service  the STS of a daemon over HTTPS
//!  answer   what it answers
//!  asking   questions of the person who is signed in, to the JSON interface
//! ```

mod answer;
pub mod asking;
mod browser;
pub mod cache;
mod device;
pub mod keys;
mod oauth;
pub mod service;
pub mod tokens;

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args as ClapArgs;
use serde::Serialize;
use zeroize::Zeroizing;

use super::Exit;
use super::args::Global;
use super::iam::factors::{given_password, hidden_line};
use super::output::{Column, Output, moment};
use super::session::remark;
use crate::base::Timestamp;
use crate::base::clock::{Clock as _, SystemClock};
use cache::Cache;
use keys::{Held, Keys, Login};
use service::{Service, ServiceError};

/// `bailey login`.
#[derive(Debug, ClapArgs)]
pub struct SignIn {
    /// Show an address and a code, for a browser on another machine
    #[arg(long, conflicts_with_all = ["password", "user", "password_file", "code", "duration"])]
    pub device: bool,
    /// Sign in anew and with a second factor, whoever is signed in with the browser: to decide about roles for a while
    #[arg(long, conflicts_with_all = ["password", "user", "password_file", "code", "duration"])]
    pub step_up: bool,
    /// Sign in with the directory's password instead of a browser; what follows goes with it
    #[arg(long)]
    pub password: bool,
    /// Who signs in [default: who you are on this machine]
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// The authorities of the daemon's certificate, in PEM [default: those of the system]
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// For how long, such as `8h` [default: as the daemon says]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub duration: Option<u32>,
    /// Read the password from this file, whose first line it is; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// A code of the second factor; asked for on a terminal, where one is needed
    #[arg(long, value_name = "CODE")]
    pub code: Option<String>,
}

impl SignIn {
    /// Whether anything is said that goes with a password.
    fn is_by_password(&self) -> bool {
        let said = self.user.is_some() || self.password_file.is_some() || self.code.is_some();
        self.password || said || self.duration.is_some()
    }
}

/// Seconds, written as such or as `1h 30m`.
///
/// # Errors
/// When it is no time, or a part of a second.
pub fn seconds(text: &str) -> Result<u32, String> {
    let told = || crate::config::duration(text).filter(|time| time.subsec_nanos() == 0).map(|time| time.as_secs());
    let seconds = text.parse().ok().or_else(told).and_then(|seconds| u32::try_from(seconds).ok());
    seconds.filter(|seconds| *seconds > 0).ok_or_else(|| "expected a time such as `8h`, `45m` or `3600`".to_owned())
}

/// What is told of a sign-in.
#[derive(Serialize)]
struct Told {
    url: String,
    arn: String,
    expires: Timestamp,
}

const TOLD: &[Column<Told>] = &[
    Column { title: "signed in as", cell: |told| told.arn.clone() },
    Column { title: "at", cell: |told| told.url.clone() },
    Column { title: "until", cell: |told| moment(told.expires) },
];

/// The place of kept sessions.
///
/// # Errors
/// When there is none, or others may look into it.
pub fn cache() -> anyhow::Result<Cache> {
    let path = |name: &str| std::env::var_os(name).map(PathBuf::from);
    Ok(Cache::open(path("XDG_CACHE_HOME"), path("HOME"))?)
}

/// Signs a person in and keeps what they have of it.
///
/// # Errors
/// When the daemon refuses, or it cannot be kept.
pub async fn login(global: &Global, verb: SignIn) -> anyhow::Result<Exit> {
    let url = global.url.as_deref().context("where to? say --url https://HOST")?;
    let ca_file = verb.ca_file.as_deref().map(std::path::absolute).transpose()?;
    let service = Service::at(url, ca_file.clone())?;
    // Before anybody is asked for what there would be no place for.
    let cache = cache()?;
    let (arn, account, held) = match verb.is_by_password() {
        true => by_password(&service, verb).await?,
        false => by_single_sign_on(&service, verb.device, verb.step_up).await?,
    };
    let url = service.url().to_owned();
    let file = Login::file(&url);
    let _keeping = cache.lock(&format!("{file}.lock")).await?;
    let before: Result<Option<Login>, _> = keys::kept(&cache, &file);
    forget_roles(&cache, &url)?;
    let login = Login { url, ca_file, arn, account, held };
    keys::keep(&cache, &file, &login)?;
    // Behind that: whoever has the new sign-in has it, whatever becomes of the one before.
    match before {
        Ok(Some(before)) => give_back(&service, &before).await?,
        Ok(None) => {}
        Err(why) => remark(&format!("warning: the sign-in before is not ended at the daemon: {why}"))?,
    }
    let expires = login.expires();
    Output::standard(global.output).record(&Told { url: login.url, arn: login.arn, expires }, TOLD)?;
    Ok(Exit::Done)
}

/// Ends a sign-in at the daemon that another one took the place of: nobody could end it any more who has not kept a copy.
async fn give_back(service: &Service, before: &Login) -> anyhow::Result<()> {
    let Held::Tokens(tokens) = &before.held else { return Ok(()) };
    if !before.counts(SystemClock.now()) {
        return Ok(());
    }
    if let Err(error) = service.revoke(&tokens.refresh).await {
        remark(&format!(
            "warning: the sign-in before, of {}, could not be ended at the daemon ({error}): there it lasts until {} for whoever \
             has a copy; end it at {}/me/sessions or ask an administrator",
            before.arn,
            moment(before.expires()),
            before.url
        ))?;
    }
    Ok(())
}

/// Who somebody is, their account, and what they have.
type SignedIn = (String, String, Held);

async fn by_password(service: &Service, verb: SignIn) -> anyhow::Result<SignedIn> {
    let user = verb.user.map_or_else(local_name, Ok)?;
    let password = given_password(verb.password_file)?;
    let seconds = verb.duration.map(|seconds| seconds.to_string());
    let keys = signed_in(service, (&user, &password), seconds.as_deref(), verb.code.map(Zeroizing::new)).await?;
    let identity = service.identity(&keys).await.context("signed in, but the session is not taken")?;
    Ok((identity.arn, identity.account, Held::Keys(keys)))
}

async fn by_single_sign_on(service: &Service, device: bool, step_up: bool) -> anyhow::Result<SignedIn> {
    service.single_sign_on().await?;
    let oauth::SignedIn { tokens, said } =
        if device { device::sign_in(service, step_up).await? } else { browser::sign_in(service, step_up).await? };
    let account = said.arn.split(':').nth(4).filter(|account| !account.is_empty());
    let account = account.context("the daemon does not say whom it signed in")?.to_owned();
    Ok((said.arn, account, Held::Tokens(tokens)))
}

fn local_name() -> anyhow::Result<String> {
    let user = nix::unistd::User::from_uid(nix::unistd::getuid())?;
    user.map(|user| user.name).context("who signs in? say --user NAME: this machine has no name for you")
}

/// Asks for a code when the daemon wants one, and tries again.
async fn signed_in(
    service: &Service,
    (user, password): (&str, &str),
    seconds: Option<&str>,
    code: Option<Zeroizing<String>>,
) -> anyhow::Result<Keys> {
    let attempt = async |code: Option<&str>| {
        let given = [("TokenCode", code), ("DurationSeconds", seconds)];
        let more: Vec<(&str, &str)> = given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        service.sign_in(user, password, &more).await
    };
    match attempt(code.as_ref().map(|code| code.as_str())).await {
        Err(refused) if code.is_none() && wants_code(&refused) => {
            anyhow::ensure!(io::stdin().is_terminal(), "{refused}; this is no terminal: give it with --code CODE");
            let code = hidden_line("code of your second factor: ")?;
            Ok(attempt(Some(code.trim())).await?)
        }
        answer => Ok(answer?),
    }
}

/// Whether it would go on with a code. The protocol has no error of its own for that; the words are those of the daemon
/// (`authn::login::Reason::CodeRequired`).
fn wants_code(refused: &ServiceError) -> bool {
    matches!(refused, ServiceError::Refused { code, message, .. }
        if code == "AccessDenied" && message.contains("your second factor is needed"))
}

/// Forgets the sign-in, and all that was begun with it; one by a browser ends at the daemon, too.
///
/// # Errors
/// When nobody is signed in there, or the files cannot be removed.
pub async fn logout(global: &Global) -> anyhow::Result<Exit> {
    let cache = cache()?;
    let url = global.url.as_deref().map(|url| Service::at(url, None)).transpose()?;
    let found = Login::kept(&cache, url.as_ref().map(Service::url))?;
    let file = Login::file(&found.url);
    // Whoever refreshes it is waited for: what they keep then is what is to be given back.
    let _keeping = cache.lock(&format!("{file}.lock")).await?;
    let login = Login::kept(&cache, Some(&found.url))?;
    cache.remove(&file)?;
    forget_roles(&cache, &login.url)?;
    remark(&format!("forgotten here: {} at {}", login.arn, login.url))?;
    let (expires, counts) = (login.expires(), login.counts(SystemClock.now()));
    match &login.held {
        Held::Tokens(tokens) if counts => {
            let service = Service::at(&login.url, login.ca_file.clone())?;
            match service.revoke(&tokens.refresh).await {
                Ok(()) => remark("ended at the daemon, with the roles that were begun with it")?,
                Err(error) => remark(&format!(
                    "the daemon could not be told ({error}): there it lasts until {} for whoever has a copy",
                    moment(expires)
                ))?,
            }
        }
        // No call of STS ends a session.
        Held::Keys(keys) if counts => remark(&format!(
            "at the daemon it lasts until {} for whoever has a copy; an operator ends it at once: bailey session end {}",
            moment(expires),
            keys.access_key_id
        ))?,
        Held::Keys(_) | Held::Tokens(_) => {}
    }
    Ok(Exit::Done)
}

/// Removes what is kept of roles at `url`: it belongs to the sign-in before.
fn forget_roles(cache: &Cache, url: &str) -> anyhow::Result<()> {
    for name in cache.names(&super::broker::role::files_of(url))? {
        cache.remove(&name)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_people_write_them() {
        for (text, expected) in [("3600", Some(3_600)), ("8h", Some(28_800)), ("1h 30m", Some(5_400))] {
            assert_eq!(seconds(text).ok(), expected);
        }
        for wrong in ["", "0", "-1", "8 hours", "500ms", "99999999999"] {
            assert_eq!(seconds(wrong).ok(), None, "{wrong}");
        }
    }

    #[test]
    fn a_code_is_asked_for_where_the_daemon_wants_one_alone() {
        let refused = |code: &str, message: &str| ServiceError::Refused {
            code: code.to_owned(),
            message: message.to_owned(),
            status: 403,
        };
        assert!(wants_code(&refused("AccessDenied", "your second factor is needed")));
        assert!(!wants_code(&refused("AccessDenied", "the code is wrong")));
        assert!(!wants_code(&refused("Throttling", "your second factor is needed")));
    }
}
