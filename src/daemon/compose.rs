//! From a configuration to parts that work together: the same for the daemon and for a command
//! that finds none running.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use nix::unistd::Uid;
use tokio_util::sync::CancellationToken;

use super::fleet::{self, Fleet};
use super::lifecycle::{self, Exit, Lifecycle, Reload};
use super::listeners::{Doors, Listeners};
use super::upkeep;
use super::{Daemon, retention, run};
use crate::admin::iam::templates;
use crate::admin::{Admin, AdminError, Directories};
use crate::audit::{Audit, AuditError, Identity};
use crate::authn::federated::Issuers;
use crate::authn::kerberos::Acceptor;
use crate::authn::local::{LocalRoles, Members};
use crate::authn::login::{self, Logins};
use crate::authn::machine::MachineIssuers;
use crate::authn::outside::{Providers, Unsent};
use crate::authn::saml::SpFetcher;
use crate::authn::sigv4::Replays;
use crate::authn::webauthn::Party;
use crate::base::clock::{Clock, Mark, SteadyClock, SystemClock};
use crate::base::{Timestamp, rng};
use crate::config::{Access, Config, DirectoryConfig};
use crate::fetch::Client;
use crate::gate::{Gate, Judge};
use crate::http::rate::{Anybody, Limit, Rates};
use crate::http::token_rate::TokenRates;
use crate::http::{App, socket};
use crate::issue::{Mint, Templates};
use crate::keys::Keys;
use crate::model::AccountId;
use crate::notify::Notices;
use crate::rights::{Contacts, Shelf, TermsAt};
use crate::sessions::Sessions;
use crate::store::open::{self, Init, Settings as StoreSettings};
use crate::store::{Recall, Store, StoreError};
use crate::sync::grounds::{Grounds, MOST_PEOPLE};
use crate::telemetry::Board;
use crate::ticket::Checks;

/// Time the daemon takes at most to finish what runs.
const DRAIN: Duration = Duration::from_secs(20);
/// Longest wait of a starting daemon for a command that opened the store while none ran. Another daemon is none of those:
/// it answers on the socket, which was asked before.
const HANDOVER: Duration = Duration::from_secs(10);

/// How the store is to be opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Opening {
    /// It is the demo's.
    pub demo: bool,
    /// A new one may be made even where one was before.
    pub init: bool,
    /// How long to wait for another process that has it open.
    pub patience: Duration,
}

/// Parts that work together, and what of the configuration they do not hold.
pub struct Parts {
    /// What the routes work with.
    pub app: Arc<App>,
    /// The directories to read, in the order of the file.
    pub directories: Vec<DirectoryConfig>,
}

/// The store's settings in `config`.
#[must_use]
pub fn store_settings(config: &Config, opening: Opening) -> StoreSettings {
    StoreSettings {
        reserve_bytes: config.store.reserve_bytes,
        cache_bytes: config.store.cache_bytes,
        demo: opening.demo,
        init: if opening.init { Init::Anew } else { Init::FirstUse },
        patience: opening.patience,
        ..StoreSettings::new(&config.state_directory)
    }
}

/// Refuses to open files that belong to another account: what root creates there the daemon could not open again.
///
/// # Errors
/// When the state directory is there and is another account's; says as whom to run.
pub fn must_own(state: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(found) = std::fs::metadata(state) else { return Ok(()) };
    let owner = Uid::from_raw(found.uid());
    if owner == Uid::effective() {
        return Ok(());
    }
    let name = nix::unistd::User::from_uid(owner).ok().flatten().map_or_else(|| owner.to_string(), |user| user.name);
    anyhow::bail!("{} belongs to {name}; run this as that account: sudo -u {name} bailey ..", state.display())
}

/// Opens the store and wires everything around it. Blocks.
///
/// # Errors
/// When the store or the log cannot be opened; says what to do.
pub fn parts(
    config: Config,
    opening: Opening,
    metrics: Option<metrics_exporter_prometheus::PrometheusHandle>,
) -> anyhow::Result<Parts> {
    must_own(&config.state_directory)?;
    let ready = open::open(&store_settings(&config, opening), SystemClock.now())?;
    for notice in &ready.notices {
        tracing::warn!(notice, "corrected");
    }
    let mark = config.state_directory.join("clock");
    let mark = Mark::open(&mark).with_context(|| format!("cannot open {}; check who owns it", mark.display()))?;
    let clock: Arc<dyn Clock> = Arc::new(SteadyClock::new(SystemClock, Some(mark), ready.last_commit));
    if let Err(error) = clock.may_mint() {
        tracing::error!(%error, "the clock cannot be relied upon");
    }
    let audit = Audit::open(ready.store.clone(), writer(&config.account), &config.state_directory)?;
    // What voided everything comes before whatever is done since.
    match audit.tell_of_restore(clock.now()) {
        Err(AuditError::NotRecorded(error @ StoreError::Full { .. })) => {
            tracing::error!(%error, "the log does not tell of a restore yet")
        }
        told => drop(told?),
    }
    let keys = Keys::open(&ready.store, &config.keys, clock.now())?;
    let others = Arc::new(RwLock::new(config.accounts));
    let rules = Arc::new(RwLock::new(config.group_rules));
    let grants = Arc::new(RwLock::new(config.grants));
    let (store, shelf) = (ready.store.clone(), Shelf::default());
    let contacts = Contacts::default();
    contacts.allow(config.sessions.ages);
    let grounds = Grounds {
        account: config.account.clone(),
        others: Arc::clone(&others),
        rules: Arc::clone(&rules),
        grants: Arc::clone(&grants),
        contacts: contacts.clone(),
        most_people: MOST_PEOPLE,
    };
    let terms = terms_of(store.clone(), grounds);
    let sessions = Sessions::new(store, keys.clone(), config.account.clone(), Arc::clone(&terms), shelf.clone());
    sessions.idle_for(config.portal.idle);
    let admin = Admin {
        store: ready.store.clone(),
        audit: audit.clone(),
        account: config.account,
        clock: Arc::clone(&clock),
        work: config.state_directory.join("work"),
        directories: Directories::default(),
        others,
        rules,
        grants,
        notices: Notices::new(config.notify),
        tickets: Checks::new(config.ticket_checks, Client::default()),
        contacts,
        keys,
        sessions,
        issuers: Arc::new(Issuers::new(config.issuers, Client::default())),
        declared_clients: Arc::new(RwLock::new(config.clients)),
        registered_clients: Recall::default(),
        declared_sps: Arc::new(RwLock::new(config.saml_sps)),
        alike: crate::admin::saml_sps::Alike::default(),
        sp_fetcher: Arc::new(SpFetcher::new(config.sso.reach.clone())),
        uses: crate::admin::uses::Uses::default(),
        passwords: Arc::default(),
        attempts: Arc::default(),
        reports: Arc::default(),
        shelf,
        rng: Arc::new(Mutex::new(rng::from_os()?)),
    };
    match templates::settle(&admin.store, admin.now()) {
        // On a full disk what takes access away has to go on; the templates come with a later start.
        Err(error @ AdminError::Store(StoreError::Full { .. })) => {
            tracing::warn!(%error, "templates are not up to date")
        }
        settled => settled?,
    }
    let judge = Judge::new(admin.store.clone(), admin.account.clone(), terms, admin.shelf.clone());
    let mint = mint_of(&admin, config.sessions.templates);
    let logins = Logins::new(login_parts(&admin), config.login);
    logins.passkeys().follow(party(&config.sso, config.https.as_ref()).as_ref(), config.portal.passwordless);
    let app = App {
        providers: Arc::new(Providers::new(config.providers, admin.sessions.outside())),
        admin,
        mint,
        sts_settings: RwLock::new(config.sts),
        portal: RwLock::new(config.portal.pages),
        sso_settings: RwLock::new(config.sso),
        devices: Arc::default(),
        machines: Arc::new(MachineIssuers::new(config.machine_issuers)),
        kerberos: Acceptor::new(config.kerberos.replay_cache(&config.state_directory)),
        logins,
        store: ready.store,
        gate: Gate::new(audit.clone(), judge),
        rates: Rates::new(config.calls),
        token_rates: TokenRates::new(config.token_limits),
        outside_rates: Rates::new(Limit::ELSEWHERE),
        anybody: Anybody::default(),
        replays: Replays::since(clock.now()),
        audit,
        clock,
        board: Board::default(),
        roles: RwLock::new(roles(&config.access)),
        metrics,
        draining: CancellationToken::new(),
    };
    Ok(Parts { app: Arc::new(app), directories: config.directories })
}

/// What mints sessions, beside `admin`.
fn mint_of(admin: &Admin, templates: Templates) -> Mint {
    Mint {
        store: admin.store.clone(),
        keys: admin.keys.clone(),
        home: admin.account.clone(),
        sessions: admin.sessions.clone(),
        clock: Arc::clone(&admin.clock),
        rng: Arc::clone(&admin.rng),
        templates: Arc::new(RwLock::new(templates)),
    }
}

/// Terms at any moment, by what is configured then.
fn terms_of(store: Store, grounds: Grounds) -> TermsAt {
    Arc::new(move |now| store.read(|snapshot| grounds.terms(snapshot, now)))
}

/// What sign-ins with passwords are checked with. Wrong ones are counted together with those of `admin`'s operations.
#[must_use]
pub fn login_parts(admin: &Admin) -> login::Parts {
    login::Parts {
        store: admin.store.clone(),
        keys: admin.keys.clone(),
        account: admin.account.clone(),
        passwords: Arc::clone(&admin.passwords),
        attempts: Arc::clone(&admin.attempts),
        passkeys: login::Passkeys::default(),
    }
}

/// Whose passkeys are: the configuration says it, and never a request (Web Authentication, section 13.4.9).
fn party(sso: &crate::sso::Settings, https: Option<&crate::http::public::Settings>) -> Option<Party> {
    let listener = || Party::of_host(&https?.hosts.as_ref()?.main()?.to_string());
    match &sso.issuer {
        Some(issuer) => Party::at(issuer.as_str()),
        None => listener(),
    }
}

/// Who may do what over the socket.
#[must_use]
pub fn roles(access: &Access) -> LocalRoles {
    let members = |uids: &[u32], groups: &[String]| Members {
        uids: uids.iter().copied().collect::<BTreeSet<u32>>(),
        groups: groups.to_vec(),
    };
    LocalRoles {
        owner: Uid::effective().as_raw(),
        operators: members(&access.operator_uids, &access.operator_groups),
        viewers: members(&access.viewer_uids, &access.viewer_groups),
    }
}

/// Has the log of the store of `config` tell that it was restored. Opens the files itself. Blocks.
///
/// # Errors
/// When the store or the log cannot be opened or written; then the daemon does it at its start.
pub fn tell_of_restore(config: &Config, opening: Opening) -> anyhow::Result<()> {
    let ready = open::open(&store_settings(config, opening), SystemClock.now())?;
    let audit = Audit::open(ready.store, writer(&config.account), &config.state_directory)?;
    // Records do not go back behind those that the export brought.
    let now = SystemClock.now().max(ready.last_commit.unwrap_or(Timestamp::MIN));
    audit.tell_of_restore(now)?;
    Ok(())
}

/// Who writes records of this daemon.
fn writer(account: &AccountId) -> Identity {
    Identity { account: account.clone(), build: env!("CARGO_PKG_VERSION").to_owned(), node: hostname() }
}

fn hostname() -> String {
    nix::unistd::gethostname().map_or_else(|_| "unknown".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Runs the daemon of `config` until it is told to end. `reload` reads the configuration again.
///
/// # Errors
/// When a part cannot be opened or a listener cannot be had; then nothing was served.
pub async fn serve(
    mut config: Config,
    opening: Opening,
    metrics: metrics_exporter_prometheus::PrometheusHandle,
    reload: impl Fn() -> anyhow::Result<Config> + Send + 'static,
) -> anyhow::Result<Exit> {
    let signals = lifecycle::signals()?;
    let listen = socket::Settings { path: config.listen.socket.clone(), group: config.listen.socket_group.clone() };
    let keep = config.store.history_retention;
    // The socket first: a second daemon is told that it is one, and not that some port is taken. And before the store:
    // from here on a command waits for this daemon instead of opening the store itself.
    let socket = socket::bind(&listen).await?;
    let health = tokio::net::TcpListener::bind(config.listen.health).await.map_err(|why| {
        anyhow::anyhow!("cannot listen on {} for health: {why}; choose another `listen.health`", config.listen.health)
    })?;
    let listeners = Listeners::bind(&mut config).await?;
    let opening = Opening { patience: HANDOVER, ..opening };
    let Parts { app, directories } = tokio::task::spawn_blocking(move || {
        let parts = parts(config, opening, Some(metrics))?;
        // Before anybody can ask for something that takes one.
        upkeep::turn_session_keys(&parts.app, parts.app.clock.now());
        // Before anybody is answered: what ended while nobody was there is over, and known to be.
        upkeep::end_lapsed_grants(&parts.app, parts.app.clock.now());
        end_undeclared(&parts.app);
        tell_of_unsent(&parts.app);
        Ok::<_, anyhow::Error>(parts)
    })
    .await??;
    let lifecycle = Lifecycle::new(DRAIN);
    let admin = app.admin.clone();
    let preparing = admin.clone();
    let (directories, prepared) = tokio::task::spawn_blocking(move || {
        let prepared = fleet::prepare(&preparing, &directories);
        (directories, prepared)
    })
    .await?;
    prepared?;
    let ending = lifecycle.ending();
    let (exchange, next) = tokio::sync::mpsc::channel(1);
    let first = Fleet::build(&admin, directories)?;
    app.logins.open_to(first.doors());
    lifecycle.spawn("directories", fleet::run(first, admin.clone(), next, ending.soft.clone()));
    lifecycle.spawn("health of directories", fleet::post_health(admin, app.board.clone(), ending.soft.clone()));
    lifecycle.spawn("retention", retention::run(Arc::clone(&app), keep, ending.soft));
    let (doors, listeners) = listeners.with(&app);
    let reloading = Arc::clone(&app);
    let reload: Reload = Box::new(move || {
        let (app, exchange, doors, config) = (Arc::clone(&reloading), exchange.clone(), doors.clone(), reload());
        Box::pin(async move { apply_reload(&app, &exchange, &doors, config?).await })
    });
    let daemon = Daemon { app, socket, health, listeners };
    Ok(run(daemon, lifecycle, signals, reload).await)
}

/// Takes a changed configuration up: directories, roles, and what listeners hold requests to. What
/// needs another store or listener needs a restart. Whatever can fail comes before whatever changes something.
async fn apply_reload(
    app: &Arc<App>,
    exchange: &tokio::sync::mpsc::Sender<Fleet>,
    doors: &Doors,
    mut config: Config,
) -> anyhow::Result<()> {
    anyhow::ensure!(config.account == app.admin.account, "`account` cannot change while the daemon runs; restart it");
    let party = party(&config.sso, config.https.as_ref());
    let changes = doors.prepare(&mut config)?;
    let fleet = Fleet::build(&app.admin, config.directories)?;
    let (admin, labels, open_to) = (app.admin.clone(), fleet.labels(), fleet.doors());
    app.store.run(move |_| fleet::freeze(&admin, &labels)).await?;
    exchange.send(fleet).await.map_err(|_| anyhow::anyhow!("the daemon is ending"))?;
    doors.exchange(changes, app);
    app.logins.open_to(open_to);
    app.logins.follow(config.login);
    app.logins.passkeys().follow(party.as_ref(), config.portal.passwordless);
    *app.admin.others.write().unwrap_or_else(std::sync::PoisonError::into_inner) = config.accounts;
    app.admin.contacts.allow(config.sessions.ages);
    *app.sts_settings.write().unwrap_or_else(std::sync::PoisonError::into_inner) = config.sts;
    *app.portal.write().unwrap_or_else(std::sync::PoisonError::into_inner) = config.portal.pages;
    app.admin.sessions.idle_for(config.portal.idle);
    app.admin.sp_fetcher.follow(config.sso.reach.clone());
    *app.admin.declared_sps.write().unwrap_or_else(std::sync::PoisonError::into_inner) = config.saml_sps;
    *app.sso_settings.write().unwrap_or_else(std::sync::PoisonError::into_inner) = config.sso;
    *app.mint.templates.write().unwrap_or_else(std::sync::PoisonError::into_inner) = config.sessions.templates;
    *app.admin.rules.write().unwrap_or_else(std::sync::PoisonError::into_inner) = config.group_rules;
    app.admin.tickets.replace(config.ticket_checks);
    *app.admin.grants.write().unwrap_or_else(std::sync::PoisonError::into_inner) = config.grants;
    app.admin.notices.follow(config.notify);
    app.admin.issuers.replace(config.issuers);
    app.providers.replace(config.providers);
    app.machines.replace(config.machine_issuers);
    *app.admin.declared_clients.write().unwrap_or_else(std::sync::PoisonError::into_inner) = config.clients;
    *app.roles.write().unwrap_or_else(std::sync::PoisonError::into_inner) = roles(&config.access);
    let (store, app) = (app.store.clone(), Arc::clone(app));
    let ended = store.run(move |_| {
        end_undeclared(&app);
        tell_of_unsent(&app);
        Ok::<_, StoreError>(())
    });
    Ok(ended.await?)
}

/// Says of which providers people would be turned away before they are sent there. Health goes on saying it. Blocks.
fn tell_of_unsent(app: &App) {
    match app.providers.unsent(&app.store) {
        Ok(all) => all.iter().for_each(|Unsent { name, why, remedy, .. }| {
            tracing::warn!(name, why, remedy, "nobody can sign in by a [[sign_in_provider]] yet");
        }),
        Err(error) => tracing::warn!(%error, "whether people can sign in by other providers is not found out yet"),
    }
}

/// Has what clients were given end that are declared no longer. What fails is told, and tried anew by the next start or reload:
/// until then it counts for nobody, since nobody knows the client. Blocks.
fn end_undeclared(app: &App) {
    if let Err(error) = app.admin.end_undeclared_clients(app.clock.now()) {
        tracing::warn!(%error, "what clients were given that are no longer declared has not ended yet");
    }
}
