//! A daemon's HTTP side around a tiny store, on a real socket in a directory of its own.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock};

use bailey::admin::iam::root::Initialization;
use bailey::admin::{Admin, Directories};
use bailey::audit::{Audit, Identity};
use bailey::authn::federated::Issuers;
use bailey::authn::local::{LocalRoles, Members, Peer, Role, from_peer};
use bailey::base::clock::FakeClock;
use bailey::base::{Secret, Timestamp};
use bailey::cli::client::{Client, ClientError};
use bailey::gate::{Gate, Judge, Operation};
use bailey::http::serve::{Ending, serve};
use bailey::http::socket::{self, Socket};
use bailey::http::{App, v1};
use bailey::issue::Mint;
use bailey::keys::{Keys, Settings, Source};
use bailey::rights::Contacts;
use bailey::sessions::Sessions;
use bailey::store::Store;
use bailey::sync::grounds::{Grounds, MOST_PEOPLE};
use bailey::telemetry::Board;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::bed::website::Places;
use crate::tiny_store::Tiny;

pub(crate) struct Fixture {
    pub(crate) tiny: Tiny,
    pub(crate) app: Arc<App>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) state: TempDir,
    /// Where hosts of other firms are.
    pub(crate) places: Arc<Places>,
}

impl Fixture {
    /// The parts, with this process in `role`.
    pub(crate) fn new(role: Option<Role>) -> Self {
        Self::over(Tiny::default(), tempfile::tempdir().unwrap(), roles(role))
    }

    /// The same store and files, opened anew.
    pub(crate) fn restarted(self) -> Self {
        let roles = self.app.roles.read().unwrap().clone();
        Self::over(self.tiny, self.state, roles)
    }

    fn over(tiny: Tiny, state: TempDir, roles: LocalRoles) -> Self {
        let identity =
            Identity { account: "123456789012".parse().unwrap(), build: "test".to_owned(), node: "n".to_owned() };
        let audit = Audit::open(tiny.store(), identity, state.path()).unwrap();
        let clock = Arc::new(FakeClock::at("2026-03-12T12:00:00Z".parse().unwrap()));
        let shared = Arc::clone(&clock) as Arc<dyn bailey::base::Clock>;
        let (keys, shelf) = (crate::fixture::keys(&tiny.store()), bailey::rights::Shelf::default());
        let others: Arc<RwLock<Vec<bailey::model::Account>>> = Arc::default();
        let grants: Arc<RwLock<bailey::rights::GrantTerms>> = Arc::default();
        let places = Arc::<Places>::default();
        let admin = Admin {
            sessions: sessions(&tiny.store(), &keys, (&others, &grants)),
            store: tiny.store(),
            audit: audit.clone(),
            account: "123456789012".parse().unwrap(),
            clock: Arc::clone(&shared),
            work: state.path().join("work"),
            directories: Directories::default(),
            others,
            rules: std::sync::Arc::default(),
            grants,
            notices: bailey::notify::Notices::default(),
            tickets: bailey::ticket::Checks::default(),
            contacts: Contacts::default(),
            keys,
            declared_clients: Arc::default(),
            registered_clients: bailey::store::Recall::default(),
            alike: bailey::admin::saml_sps::Alike::default(),
            declared_sps: Arc::default(),
            sp_fetcher: Arc::default(),
            uses: bailey::admin::uses::Uses::default(),
            passwords: std::sync::Arc::default(),
            attempts: std::sync::Arc::default(),
            issuers: Arc::new(Issuers::new(Vec::new(), bailey::fetch::Client::new(places.clone()))),
            reports: std::sync::Arc::default(),
            shelf,
            rng: Arc::new(Mutex::new(StdRng::from_seed([7; 32]))),
        };
        bailey::admin::iam::templates::settle(&admin.store, admin.now()).unwrap();
        let gate = gate(&admin);
        let mint = Mint {
            store: admin.store.clone(),
            keys: admin.keys.clone(),
            home: admin.account.clone(),
            sessions: admin.sessions.clone(),
            clock: Arc::clone(&shared),
            rng: Arc::clone(&admin.rng),
            templates: Arc::default(),
        };
        let logins = bailey::authn::login::Logins::new(bailey::daemon::compose::login_parts(&admin), quick());
        let providers = bailey::authn::outside::Providers::new(Vec::new(), admin.sessions.outside());
        let providers = Arc::new(providers);
        let app = App {
            admin,
            mint,
            devices: Arc::default(),
            machines: Arc::default(),
            providers,
            kerberos: bailey::authn::kerberos::Acceptor::default(),
            sts_settings: RwLock::new(bailey::sts::unsigned::Settings {
                ldap_identity: true,
                kerberos: true,
                saml: Some(Arc::new(crate::saml_bed::own())),
            }),
            portal: RwLock::new(bailey::sso::sign_in::Settings { enabled: true, longest: 43_200 }),
            sso_settings: RwLock::default(),
            logins,
            store: tiny.store(),
            gate,
            rates: bailey::http::rate::Rates::new(bailey::http::rate::Limit::CALLS),
            token_rates: bailey::http::token_rate::TokenRates::new(bailey::http::token_rate::TokenLimits::default()),
            outside_rates: bailey::http::rate::Rates::new(bailey::http::rate::Limit::ELSEWHERE),
            anybody: bailey::http::rate::Anybody::default(),
            replays: bailey::authn::sigv4::Replays::since(Timestamp::UNIX_EPOCH),
            audit,
            clock: shared,
            board: Board::default(),
            roles: RwLock::new(roles),
            metrics: None,
            draining: CancellationToken::new(),
        };
        Self { tiny, app: Arc::new(app), clock, state, places }
    }

    /// What `bailey init` does, for nobody's use.
    pub(crate) fn make_root(&self) {
        let caller = from_peer(Peer::this_process(), &roles(Some(Role::Operator))).unwrap();
        let asked = self.app.gate.authorize(caller, Operation::InitializeAccount, "", self.app.admin.now()).unwrap();
        self.app.admin.initialize(asked, &Initialization::default()).unwrap();
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.state.path().join("socket")
    }

    /// Serves on a real socket.
    pub(crate) async fn serve(&self) -> Served {
        let settings = socket::Settings { path: self.path(), group: None };
        let (listener, file) = socket::bind(&settings).await.unwrap();
        let ending = Ending { soft: self.app.draining.clone(), ..Ending::default() };
        let serving = tokio::spawn(serve(listener, v1::router(Arc::clone(&self.app)), ending.clone()));
        Served { client: Client::socket(self.path()), ending, serving, file }
    }
}

pub(crate) struct Served {
    pub(crate) client: Client,
    pub(crate) ending: Ending,
    pub(crate) serving: JoinHandle<()>,
    pub(crate) file: Socket,
}

/// How people sign in where nobody measures how long a refusal takes.
pub(crate) fn quick() -> bailey::authn::login::Settings {
    bailey::authn::login::Settings { least_refusal: std::time::Duration::ZERO, ..Default::default() }
}

/// Keys of a store that a master key of its own seals.
pub(crate) fn keys(store: &Store) -> Keys {
    let text = Secret::new("AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=".to_owned());
    let keys =
        Keys::open(store, &Settings { current: Source::Text(text), previous: None }, Timestamp::UNIX_EPOCH).unwrap();
    keys.turn_session_keys(store, Timestamp::UNIX_EPOCH).unwrap();
    keys
}

/// Sessions of a store whose directories all count, with roles of `others` beside those of the home account.
pub(crate) fn sessions(
    store: &Store,
    keys: &Keys,
    (others, grants): (&Arc<RwLock<Vec<bailey::model::Account>>>, &Arc<RwLock<bailey::rights::GrantTerms>>),
) -> Sessions {
    let account: bailey::model::AccountId = "123456789012".parse().unwrap();
    let grounds = Grounds {
        account: account.clone(),
        others: Arc::clone(others),
        rules: Arc::default(),
        grants: Arc::clone(grants),
        contacts: Contacts::default(),
        most_people: MOST_PEOPLE,
    };
    let asked = store.clone();
    let terms = Arc::new(move |now| asked.read(|snapshot| grounds.terms(snapshot, now)));
    Sessions::new(store.clone(), keys.clone(), account, terms, bailey::rights::Shelf::default())
}

/// A gate that asks `admin` on what terms rights count.
pub(crate) fn gate(admin: &Admin) -> Gate {
    let asked = admin.clone();
    let terms = Arc::new(move |now| asked.terms(now));
    let judge = Judge::new(admin.store.clone(), admin.account.clone(), terms, admin.shelf.clone());
    Gate::new(admin.audit.clone(), judge)
}

/// Roles that give this process `role`, whatever its uid is.
pub(crate) fn roles(role: Option<Role>) -> LocalRoles {
    let me = || Members { uids: BTreeSet::from([Peer::this_process().uid()]), groups: Vec::new() };
    let named = |name: &str| Members { uids: BTreeSet::new(), groups: vec![name.to_owned()] };
    let (operators, viewers) = match role {
        Some(Role::Operator) => (me(), Members::default()),
        Some(Role::Viewer) => (Members::default(), me()),
        None => (named("bailey-admin"), named("bailey-viewer")),
    };
    LocalRoles { owner: u32::MAX, operators, viewers }
}

/// Code and message of a refusal, which the answer has to be.
pub(crate) async fn refusal(answer: Result<Value, ClientError>) -> (String, String) {
    match answer {
        Err(ClientError::Refused(error)) => (error.code, error.message),
        other => panic!("{other:?}"),
    }
}

/// A POST that has to end well.
pub(crate) async fn post(client: &Client, path: &str, body: Value) -> Value {
    client.post(path, &body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A PUT that has to end well.
pub(crate) async fn put(client: &Client, path: &str, body: Value) -> Value {
    client.put(path, &body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
}
