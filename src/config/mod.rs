//! The configuration as meant: one checked value for every module, made from one TOML file.
//!
//! Owns the file, its keys ([`KEYS`]) and the reporting of everything that is wrong with it, all
//! at once. The flow of a load:
//!
//! ```text
//!  file --raw--> tree with lines --keys--> unknown keys noted --section, values--> Config
//!                                  \________________ faults ________________/       or all faults
//! ```
//!
//! It opens files only to see that they can be read and to take secrets out of them. Whether a
//! server answers, a filter finds anyone or a group exists is for `bailey check` to find out.
//! The process environment is not read: the one variable that matters, `CREDENTIALS_DIRECTORY`,
//! comes through [`Surroundings`].

mod access;
mod account;
mod api;
mod client;
mod directory;
mod fault;
mod files;
mod forward_auth;
mod grant_rule;
mod group_role;
mod https;
mod issuer;
mod kerberos;
mod keys;
mod listen;
mod log;
mod login;
mod machine_issuer;
mod mapping;
mod notify;
mod portal;
mod presets;
mod raw;
mod saml_sp;
mod sealing;
mod section;
mod sessions;
mod sign_in_provider;
mod sso;
mod store;
mod sts;
mod ticket_check;
mod units;
mod values;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

pub use access::Access;
pub use directory::DirectoryConfig;
pub use fault::{ConfigError, ConfigFault, Place};
pub use kerberos::Kerberos;
pub use keys::{Form, INSECURE, KEYS, Key, Presence};
pub use listen::Listen;
pub use log::{Log, LogFormat, LogLevel};
pub use portal::Portal;
pub use presets::{PRESETS, Preset};
pub use sessions::Sessions;
pub use store::Store;
pub use units::duration;

use crate::authn::federated::IssuerSettings;
use crate::authn::machine::MachineIssuerSettings;
use crate::http::{forward, public};
use crate::model::{Account, AccountId, Client, GroupRules};
use fault::Faults;
use files::Files;
use section::Section;

/// Everything the daemon has to know.
#[derive(Debug)]
pub struct Config {
    /// The account all users and groups belong to.
    pub account: AccountId,
    /// Other accounts, whose roles these may assume.
    pub accounts: Vec<Account>,
    /// Where the store lives.
    pub state_directory: PathBuf,
    /// Where we listen.
    pub listen: Listen,
    /// The public listener, where there is to be one.
    pub https: Option<public::Settings>,
    /// The listener for proxies that ask about requests, where there is to be one.
    pub forward_auth: Option<forward::Settings>,
    /// Who may do what over the socket.
    pub access: Access,
    /// How often one access key may call IAM and STS.
    pub calls: crate::http::rate::Limit,
    /// How often clients of single sign-on may ask for tokens.
    pub token_limits: crate::http::token_rate::TokenLimits,
    /// What the token service takes besides signatures.
    pub sts: crate::sts::unsigned::Settings,
    /// Pages to sign in at.
    pub portal: Portal,
    /// How long sessions stand on what is known of a directory.
    pub sessions: Sessions,
    /// How people sign in with passwords.
    pub login: crate::authn::login::Settings,
    /// How the store is kept.
    pub store: Store,
    /// How we log.
    pub log: Log,
    /// Where the keys are by which we sign in to directories by Kerberos, and those that tickets of others are for.
    pub kerberos: Kerberos,
    /// Where the master key is, which seals every secret that has to be readable again.
    pub keys: crate::keys::Settings,
    /// Issuers of tokens, and what is to be said of them beyond the IAM API.
    pub issuers: Vec<IssuerSettings>,
    /// Who we are to clients of single sign-on, if anybody.
    pub sso: crate::sso::Settings,
    /// Clients of single sign-on that need no registration.
    pub clients: Vec<Client>,
    /// Service providers of SAML that need no registration.
    pub saml_sps: Vec<crate::admin::saml_sps::declared::DeclaredSp>,
    /// Outside providers by which people of other firms sign in.
    pub providers: Vec<crate::authn::outside::Provider>,
    /// Authorities that vouch for machines.
    pub machine_issuers: Vec<MachineIssuerSettings>,
    /// What is asked about tickets.
    pub ticket_checks: Vec<crate::ticket::Settings>,
    /// Who may be granted which roles for a while.
    pub grants: crate::rights::GrantTerms,
    /// How people and programs are told what happened to such.
    pub notify: crate::notify::Settings,
    /// What names of groups say about roles.
    pub group_rules: GroupRules,
    /// The directories, in the order of the file. May be empty: the people of a directory that was
    /// taken out stay, frozen, until they are removed.
    pub directories: Vec<DirectoryConfig>,
}

/// What a configuration needs to know about where it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    /// The file, for faults; relative paths in it start from its directory.
    pub file: PathBuf,
    /// Whether every user of the machine can read that file: then no password may stand in it.
    pub exposed: bool,
    /// Where systemd put our credentials.
    pub credentials: Option<PathBuf>,
}

impl Config {
    /// Loads `file`; `environment` looks up a variable of the process.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once.
    pub fn load(file: &Path, environment: impl Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let unreadable = |why| ConfigError::Unreadable { file: file.to_owned(), why };
        // Wiped when dropped: a password may stand in it.
        let text = Zeroizing::new(std::fs::read_to_string(file).map_err(unreadable)?);
        let surroundings = Surroundings {
            file: file.to_owned(),
            exposed: files::exposed(file).map_err(unreadable)?,
            credentials: environment("CREDENTIALS_DIRECTORY").map(PathBuf::from),
        };
        Self::read(&text, &surroundings)
    }

    /// The socket that `file` sets for the command line. Nothing else of it is looked at: whoever talks to a daemon needs none of the
    /// daemon's secrets, and in a shell those that systemd hands out are not there.
    ///
    /// # Errors
    /// When the file cannot be read or is not TOML, or no socket can be called so.
    pub fn socket(file: &Path) -> Result<PathBuf, ConfigError> {
        let unreadable = |why| ConfigError::Unreadable { file: file.to_owned(), why };
        socket_in(&Zeroizing::new(std::fs::read_to_string(file).map_err(unreadable)?), file)
    }

    /// The socket where nothing is set.
    #[must_use]
    pub fn usual_socket() -> Option<PathBuf> {
        socket_in("", Path::new("")).ok()
    }

    /// Reads a configuration from its text.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once.
    pub fn read(text: &str, surroundings: &Surroundings) -> Result<Self, ConfigError> {
        let failed = |faults| ConfigError::Faults { file: surroundings.file.clone(), faults };
        let file = raw::parse(text).map_err(failed)?;
        let faults = Faults::default();
        keys::check(&file, &faults);
        let files = Files::around(surroundings);
        let config = Self::meant(&Section::top(&file, &faults), &files);
        match (config, faults.into_sorted()) {
            (Some(config), faults) if faults.is_empty() => Ok(config),
            (_, faults) => Err(failed(files.with_way_out(faults))),
        }
    }

    fn meant(top: &Section<'_>, files: &Files<'_>) -> Option<Self> {
        let account: Option<AccountId> = top.required("account");
        let accounts = account::all(&top.sections("other_account"), account.as_ref());
        let directories = directory::all(&top.sections("directory"), files);
        let state_directory = files.path(top.read("state_directory"));
        let ticket_checks = ticket_check::all(&top.sections("ticket_check"), files);
        let sso = sso::meant(&top.section("sso"), files);
        let https = https::meant(&top.section("https"), files);
        let host = https.as_ref().and_then(|https| https.hosts.as_ref()?.main());
        let sts = sts::meant(&top.section("sts"), Kerberos::takes_tickets(&top.section("kerberos")), host);
        Some(Self {
            keys: sealing::meant(&top.section("keys"), files, &state_directory),
            state_directory,
            listen: Listen::meant(&top.section("listen"), files),
            https,
            forward_auth: forward_auth::meant(&top.section("forward_auth"), files),
            access: Access::meant(&top.section("access")),
            calls: api::meant(&top.section("api")),
            token_limits: sso::limits(&top.section("sso")),
            sts,
            portal: Portal::meant(&top.section("portal")),
            sessions: Sessions::meant(&top.section("sessions")),
            login: login::meant(&top.section("login")),
            store: Store::meant(&top.section("store")),
            log: Log::meant(&top.section("log")),
            kerberos: Kerberos::meant(&top.section("kerberos"), files),
            issuers: issuer::all(&top.sections("issuer"), files),
            providers: sign_in_provider::all(
                &top.sections("sign_in_provider"),
                files,
                account.as_ref()?,
                sso.issuer.as_ref(),
            ),
            notify: notify::meant(&top.section("notify"), sso.issuer.as_ref(), files),
            clients: sso::with_our_own(&sso, client::all(&top.sections("client"), files)),
            saml_sps: saml_sp::all(&top.sections("saml_sp"), files, sso.issuer.as_ref()),
            sso,
            machine_issuers: machine_issuer::all(
                &top.sections("machine_issuer"),
                files,
                directories.as_deref().unwrap_or_default(),
                top.section("https").has("client_ca"),
            ),
            group_rules: group_role::all(&top.sections("group_role"), directories.as_deref().unwrap_or_default()),
            grants: grant_rule::meant(&top.section("grants"), &top.sections("grant_rule"), &ticket_checks),
            ticket_checks,
            account: account?,
            accounts,
            directories: directories?,
        })
    }
}

fn socket_in(text: &str, file: &Path) -> Result<PathBuf, ConfigError> {
    let failed = |faults| ConfigError::Faults { file: file.to_owned(), faults };
    let written = raw::parse(text).map_err(failed)?;
    let faults = Faults::default();
    let surroundings = Surroundings { file: file.to_owned(), exposed: false, credentials: None };
    let socket = Listen::socket(&Section::top(&written, &faults).section("listen"), &Files::around(&surroundings));
    match faults.into_sorted() {
        faults if faults.is_empty() => Ok(socket),
        faults => Err(failed(faults)),
    }
}
