//! The command line: words in, a verb done, an exit code out.
//!
//! Three mains: [`main`] makes the runtime, `run_and_flush` turns an outcome into words and an
//! [`Exit`], `run` does the verb and may fail. What can be typed is in [`args`].

pub mod args;
pub mod broker;
pub mod check;
pub mod client;
pub mod client_settings;
pub mod clients;
pub mod clock;
pub mod completions;
pub mod effects;
pub mod engagements;
pub mod explain;
pub mod grants;
pub mod iam;
pub mod idp;
pub mod kerberos;
pub mod login;
mod logins;
mod notify;
pub mod output;
mod own;
pub mod people;
pub mod plan;
pub mod policy;
pub mod progress;
pub mod run;
pub mod saml;
pub mod session;
pub mod sp;
pub mod sp_settings;
pub mod status;
pub mod stores;
pub mod syncs;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use crate::authn::federated::Issuers;
use crate::authn::machine::MachineIssuers;
use crate::base::clock::{Clock as _, SystemClock};
use crate::base::rng;
use crate::base::{Finding, Severity};
use crate::config::{Config, ConfigError};
use crate::daemon::compose::Opening;
use crate::directory::{LdapSource, Source as _};
use crate::fetch::Client;
use args::{Args, Global, Verb};
use iam::sessions::SessionVerb;
use output::Output;
use session::Session;

/// How a verb ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It is done.
    Done,
    /// It failed.
    Failed,
    /// The words, or the configuration, were wrong; nothing was tried.
    Usage,
    /// A guard holds some of it, or metadata waits, until a person decides.
    Held,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Held => 3,
        })
    }
}

/// The program. Wrong words end it in here, with exit code 2.
#[must_use]
pub fn main() -> ExitCode {
    let args = Args::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(run_and_flush(args));
            // Not for ever: work on a disk that does not answer must not keep the process alive.
            runtime.shutdown_timeout(LAST_MOMENT);
            code
        }
        Err(why) => complain(&anyhow::Error::new(why).context("no runtime")).into(),
    }
}

/// Time for blocking work to finish when everything else has.
const LAST_MOMENT: Duration = Duration::from_secs(5);

/// Runs the verb, says what went wrong, and lets nothing that was printed be lost.
async fn run_and_flush(args: Args) -> ExitCode {
    let code = run(args).await.unwrap_or_else(|error| complain(&error).into());
    match io::stdout().flush() {
        Ok(()) => code,
        Err(why) => complain(&why.into()).into(),
    }
}

/// Does the verb.
async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { global, verb } = args;
    let exit = match verb {
        Verb::Run { demo, init } => return run::run(&global, Opening { demo, init, ..Opening::default() }).await,
        Verb::Check => check_all(&global).await?,
        Verb::Completions { shell } => {
            completions::write(shell, &mut io::stdout().lock())?;
            Exit::Done
        }
        Verb::Login(verb) => login::login(&global, verb).await?,
        Verb::Logout => login::logout(&global).await?,
        Verb::Credentials(verb) => broker::credentials(&global, verb).await?,
        Verb::Store(stores::Store::Export { file }) => stores::export(&global, &file).await?,
        Verb::Store(stores::Store::Import { file }) => tokio::task::block_in_place(|| stores::import(&global, &file))?,
        Verb::Store(stores::Store::Verify) => tokio::task::block_in_place(|| stores::verify(&global))?,
        Verb::Policy(verb) => policy::run(&global, verb).await?,
        Verb::Saml(saml::SamlVerb::Issued { id }) => saml::issued(&global, &id).await?,
        Verb::Saml(saml::SamlVerb::Certificate { next }) => {
            saml::certificate(&mut Session::open(&global).await?, next).await?
        }
        Verb::Saml(saml::SamlVerb::Verify(verb)) => tokio::task::block_in_place(|| saml::verify(&global, verb))?,
        Verb::Init(verb) => iam::credentials::init(&mut Session::open(&global).await?, verb).await?,
        Verb::AccessKey(verb) => iam::credentials::access_key(&mut Session::open(&global).await?, verb).await?,
        Verb::Mfa(verb) => iam::factors::mfa(&mut Session::open(&global).await?, verb).await?,
        Verb::Account(verb) => iam::factors::account(&mut Session::open(&global).await?, verb).await?,
        Verb::Root(verb) => iam::credentials::root(&mut Session::open(&global).await?, verb).await?,
        Verb::Clock(verb) => clock::clock(&mut Session::open(&global).await?, verb).await?,
        Verb::Key(verb) => iam::keys::key(&mut Session::open(&global).await?, verb).await?,
        Verb::Role(verb) => iam::roles::role(&mut Session::open(&global).await?, verb).await?,
        Verb::Session(SessionVerb::RevokePolicy { before }) => {
            Output::standard(global.output).line(&iam::sessions::revoke_policy(before))?;
            Exit::Done
        }
        Verb::Session(verb) => iam::sessions::run(&mut Session::open(&global).await?, verb).await?,
        Verb::Guardrail(verb) => iam::guardrails::run(&mut Session::open(&global).await?, verb).await?,
        Verb::InstanceProfile(verb) => iam::roles::profile(&mut Session::open(&global).await?, verb).await?,
        Verb::Engagement(verb) if global.url.is_some() => own::engagement(&mut own::Own::open(&global)?, verb).await?,
        Verb::Engagement(verb) => engagements::run(&mut Session::open(&global).await?, verb).await?,
        Verb::Grant(verb) if global.url.is_some() || verb.takes_a_person() => {
            own::grant(&mut own::Own::open(&global)?, verb).await?
        }
        Verb::Explain(verb) => explain::run(&global, verb).await?,
        Verb::Grant(verb) => grants::run(&mut Session::open(&global).await?, verb).await?,
        Verb::Notify(verb) => notify::run(&mut Session::open(&global).await?, verb).await?,
        Verb::Client(verb) => clients::run(&mut Session::open(&global).await?, verb).await?,
        Verb::Idp(verb) => idp::run(&mut Session::open(&global).await?, verb).await?,
        Verb::Sp(verb) => sp::run(&global, verb).await?,
        Verb::Provider(verb) => iam::providers::run(&mut Session::open(&global).await?, verb).await?,
        Verb::Sync(verb) => syncs::sync(&mut Session::open(&global).await?, verb).await?,
        Verb::Directory(verb) => syncs::directory(&mut Session::open(&global).await?, verb).await?,
        Verb::User(verb) => people::user(&mut Session::open(&global).await?, verb).await?,
        Verb::Group(verb) => people::group(&mut Session::open(&global).await?, verb).await?,
        Verb::Resource(verb) => people::resource(&mut Session::open(&global).await?, verb).await?,
        Verb::History(verb) => people::history(&mut Session::open(&global).await?, verb).await?,
        Verb::Audit(verb) => stores::audit(&mut Session::open(&global).await?, verb).await?,
    };
    Ok(exit.into())
}

/// The configuration, with what it needs from the environment.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn configuration(global: &Global) -> Result<Config, ConfigError> {
    Config::load(&global.config, |name| std::env::var_os(name))
}

/// The configuration first, then every directory in it, without a daemon: a check must not depend on what it checks.
async fn check_all(global: &Global) -> anyhow::Result<Exit> {
    let mut output = Output::standard(global.output);
    let config = match configuration(global) {
        Err(error) => {
            check::print(check::findings(&error), &mut output)?;
            return Ok(Exit::Usage);
        }
        Ok(config) => config,
    };
    let _tickets = kerberos::prepare(&config)?;
    let mut findings = vec![sound(global, &config)];
    let forward = config.forward_auth.as_ref().map(|settings| &settings.listener);
    let listeners = config.https.iter().chain(forward);
    findings.extend(listeners.map(|settings| check::listener(settings, SystemClock.now())));
    findings.extend(check::issuer(config.sso.issuer.as_ref(), config.https.as_ref()));
    findings.extend(check::pages(&config));
    findings.extend(config.providers.iter().filter_map(check::provider));
    let issuers = Issuers::new(config.issuers, Client::default());
    findings.extend(issuers.check().await);
    findings.extend(MachineIssuers::new(config.machine_issuers).check(SystemClock.now()));
    for directory in config.directories {
        let label = directory.sync.label.clone();
        match LdapSource::new(directory.source, rand::RngExt::random(&mut rng::from_os()?)) {
            Ok(source) => findings.extend(source.check().await),
            Err(error) => findings.push(check::unusable(&label, &error)),
        }
    }
    let bad = findings.iter().any(|finding| finding.severity == Severity::Fault);
    check::print(findings, &mut output)?;
    Ok(if bad { Exit::Failed } else { Exit::Done })
}

fn sound(global: &Global, config: &Config) -> Finding {
    let what = format!("no fault, directories: {}", config.directories.len());
    Finding::new(Severity::Fine, global.config.display().to_string(), what, "")
}

/// Says what went wrong. A reader that has seen enough (`bailey user list | head`) is no failure.
#[expect(clippy::print_stderr, reason = "the one place where errors become words for the person at the terminal")]
fn complain(error: &anyhow::Error) -> Exit {
    if error.downcast_ref::<io::Error>().is_some_and(|why| why.kind() == io::ErrorKind::BrokenPipe) {
        return Exit::Done;
    }
    eprintln!("bailey: {error:#}");
    // Where 1 is a verdict, what stands in the way of one is none.
    if error.is::<ConfigError>() || error.is::<saml::Unjudged>() { Exit::Usage } else { Exit::Failed }
}
