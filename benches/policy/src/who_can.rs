//! How long it takes to find out who may do something, and whether one may, among 100,000 people or as many as are asked for.
//!
//! A company in a store on disk: 2,000 groups, nested by tens in departments and these in `all-staff`; each person in three
//! teams; 300 managed policies of ten statements, which hang on teams, departments and roles; 200 roles that teams may assume.
//! The operations are asked as the socket would ask them. Prints lines that begin with `measured:`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bailey::rights::{Contacts, Shelf};
use bailey::sessions::Sessions;
use bailey::sync::grounds::{Grounds, MOST_PEOPLE};
use bailey::admin::iam::simulate::Simulation;
use bailey::admin::iam::who_can::{Able, WhoCan};
use bailey::admin::{Admin, Directories, uses::Uses};
use bailey::audit::{Audit, Identity};
use bailey::authn::local::{LocalRoles, Members, Peer, from_peer};
use bailey::base::clock::FakeClock;
use bailey::base::{GroupId, Guid, PolicyId, RoleId, Secret, Timestamp, UserId};
use bailey::gate::{Authorized, Gate, Judge, Operation};
use bailey::keys::{Keys, Settings as KeySettings, Source};
use bailey::model::{
    Actor, Assignment, DirectoryLabel, Entitlements, Group, Holder, IamPath, ManagedPolicy, Member, Origin, Role,
    Standing, Tags, User, origin,
};
use bailey::store::{self, Commit, Intent, Settings, Store, iam, rows, schema};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

/// People, unless the command line says otherwise; a multiple of a thousand.
const PEOPLE: usize = 100_000;
/// MiB of `store.cache`, unless the command line says otherwise: what `config/example.toml` has.
const CACHE: u64 = 64;
const TEAMS: usize = 1_800;
const DEPARTMENTS: usize = 199;
const POLICIES: usize = 300;
pub(crate) const ROLES: usize = 200;
const ROUNDS: usize = 5;
pub(crate) const ACCOUNT: &str = "123456789012";
const SERVICES: [&str; 10] = ["s3", "ec2", "sqs", "sns", "lambda", "dynamodb", "rds", "kms", "logs", "iam"];

/// Measures.
pub fn run(people: Option<usize>, cache: Option<u64>) {
    let people = people.unwrap_or(PEOPLE);
    let dir = tempfile::tempdir().expect("a directory");
    let cache_bytes = cache.unwrap_or(CACHE) << 20;
    let settings = Settings { reserve_bytes: 1 << 20, cache_bytes, ..Settings::new(dir.path().join("state")) };
    let store = store::open(&settings, now()).expect("a store").store;
    let begun = Instant::now();
    Company { store: &store, corp: "corp".parse().expect("a label"), people }.write();
    eprintln!("{people} people written in {:.1} s", begun.elapsed().as_secs_f64());
    let (admin, gate) = operations(&store, dir.path());
    simulations(&admin, &gate);

    // What few teams hold, and what these may do by a role.
    let narrow = |limit| question("s3:GetObject", "arn:aws:s3:::data7/x", limit);
    who("who-can, few of 300 policies allow it: a page of 100", &admin, &gate, &narrow(100));
    everyone("the same, every page", &admin, &gate, &narrow(1_000));
    // What everybody has who has a second factor, which nobody is known to have: all are asked, and none may.
    who("who-can, everybody is asked and nobody may", &admin, &gate, &question("ec2:StartInstances", "*", 100));
    who("who-can, everybody may: a page of 100", &admin, &gate, &question("logs:Everywhere", "*", 100));
    everyone("the same, every page", &admin, &gate, &question("logs:Everywhere", "*", 1_000));
    who("who-can assume a role", &admin, &gate, &question("sts:AssumeRole", &format!("arn:aws:iam::{ACCOUNT}:role/role7"), 1_000));
}

fn question(action: &str, resource: &str, limit: usize) -> WhoCan {
    let (action, resource) = (action.to_owned(), resource.to_owned());
    WhoCan { action, resource, context: BTreeMap::new(), kind: None, limit: Some(limit), after: None }
}

pub(crate) fn asked(gate: &Gate, operation: Operation) -> Authorized {
    let me = Members { uids: [Peer::this_process().uid()].into(), groups: Vec::new() };
    let roles = LocalRoles { owner: u32::MAX, operators: me, viewers: Members::default() };
    let caller = from_peer(Peer::this_process(), &roles).expect("an operator");
    gate.authorize(caller, operation, "", now()).expect("a yes")
}

fn who(what: &str, admin: &Admin, gate: &Gate, wanted: &WhoCan) {
    let ask = || admin.who_can(&asked(gate, Operation::WhoCan), wanted).expect("an answer");
    let Able { items, undecided, next, .. } = ask();
    let took = median(ask);
    let more = if next.is_some() { ", and there are more" } else { "" };
    println!("measured: {what}: {:.3} s ({} may, {undecided} might{more})", took.as_secs_f64(), items.len());
}

fn everyone(what: &str, admin: &Admin, gate: &Gate, wanted: &WhoCan) {
    let (begun, mut after, mut found, mut pages) = (Instant::now(), None, 0, 0);
    loop {
        let wanted = WhoCan { after, ..question(&wanted.action, &wanted.resource, 1_000) };
        let able = admin.who_can(&asked(gate, Operation::WhoCan), &wanted).expect("an answer");
        (found, pages, after) = (found + able.items.len(), pages + 1, able.next);
        if after.is_none() {
            break;
        }
    }
    println!("measured: {what}: {:.2} s ({found} in {pages} pages of 1,000)", begun.elapsed().as_secs_f64());
}

fn simulations(admin: &Admin, gate: &Gate) {
    for (who, what) in [("user/p00042", "of a user in three teams"), ("user/chief", "of a user with 180 policies by 60 groups")] {
        let simulation = Simulation {
            principal: format!("arn:aws:iam::{ACCOUNT}:{who}"),
            actions: vec!["s3:GetObject".to_owned()],
            resources: vec!["arn:aws:s3:::data7/x".to_owned()],
            ..Simulation::default()
        };
        let many = Simulation { actions: (0..100).map(|n| format!("s3:Get{n}")).collect(), ..simulation.clone() };
        for (simulation, questions) in [(simulation, 1), (many, 100)] {
            let took = median(|| admin.simulate(&asked(gate, Operation::SimulatePrincipalPolicy), &simulation).expect("answers"));
            println!("measured: a simulation {what}, {questions} actions: {:.2} ms", took.as_secs_f64() * 1e3);
        }
    }
}

fn median<T>(mut work: impl FnMut() -> T) -> Duration {
    let mut rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed()
        })
        .collect();
    rounds.sort();
    rounds[ROUNDS / 2]
}

pub(crate) fn now() -> Timestamp {
    "2026-11-29T12:00:00Z".parse().expect("a time")
}

/// What the daemon would put around the store.
pub(crate) fn operations(store: &Store, dir: &std::path::Path) -> (Admin, Gate) {
    let account: bailey::model::AccountId = ACCOUNT.parse().expect("an account");
    let identity = Identity { account: account.clone(), build: "bench".to_owned(), node: "n".to_owned() };
    let audit = Audit::open(store.clone(), identity, dir).expect("a log");
    let master = Secret::new("AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=".to_owned());
    let settings = KeySettings { current: Source::Text(master), previous: None };
    let keys = Keys::open(store, &settings, now()).expect("keys");
    let grounds = Grounds {
        account: account.clone(),
        others: Arc::default(),
        rules: Arc::default(),
        grants: Arc::default(),
        contacts: Contacts::default(),
        most_people: MOST_PEOPLE,
    };
    let asked = store.clone();
    let terms = Arc::new(move |at| asked.read(|snapshot| grounds.terms(snapshot, at)));
    let admin = Admin {
        sessions: Sessions::new(store.clone(), keys.clone(), account.clone(), terms, Shelf::default()),
        contacts: Contacts::default(),
        store: store.clone(),
        audit: audit.clone(),
        account: account.clone(),
        clock: Arc::new(FakeClock::at(now())),
        work: dir.join("work"),
        directories: Directories::default(),
        others: Arc::default(),
        rules: Arc::default(),
        keys,
        declared_clients: Default::default(),
        registered_clients: Default::default(),
        declared_sps: Arc::default(),
        alike: Default::default(),
        sp_fetcher: Arc::default(),
        grants: Arc::default(),
        notices: Default::default(),
        tickets: Default::default(),
        uses: Uses::default(),
        rng: Arc::new(Mutex::new(StdRng::from_seed([7; 32]))),
        passwords: Arc::default(),
        attempts: Arc::default(),
        issuers: Arc::default(),
        reports: Arc::default(),
        shelf: Shelf::default(),
    };
    let ours = admin.clone();
    let judge = Judge::new(store.clone(), account, Arc::new(move |at| ours.terms(at)), admin.shelf.clone());
    (admin, Gate::new(audit, judge))
}

/// Writes the rows.
pub(crate) struct Company<'a> {
    pub(crate) store: &'a Store,
    pub(crate) corp: DirectoryLabel,
    pub(crate) people: usize,
}

impl Company<'_> {
    pub(crate) fn write(&self) {
        for first in (0..self.people).step_by(1_000) {
            let mut commit = fresh();
            for n in first..first + 1_000 {
                self.user(&mut commit, &format!("p{n:05}"), n);
                for team in [n % TEAMS, (n / 7) % TEAMS, (n * 31 + 5) % TEAMS] {
                    edge(&mut commit, self.group_id(&format!("team{team}")), Member::User(self.user_id(n)));
                }
            }
            self.store.commit(commit).expect("people");
        }
        let mut commit = fresh();
        self.user(&mut commit, "chief", self.people);
        for team in 0..60 {
            edge(&mut commit, self.group_id(&format!("team{}", team * 11)), Member::User(self.user_id(self.people)));
        }
        self.store.commit(commit).expect("a chief");
        self.groups();
        self.policies();
        self.roles();
    }

    fn groups(&self) {
        let mut commit = fresh();
        let names = (0..TEAMS).map(|n| format!("team{n}")).chain((0..DEPARTMENTS).map(|n| format!("department{n}")));
        for name in names.chain(["all-staff".to_owned()]) {
            self.group(&mut commit, &name);
        }
        for team in 0..TEAMS {
            let department = self.group_id(&format!("department{}", team % DEPARTMENTS));
            edge(&mut commit, department, Member::Group(self.group_id(&format!("team{team}"))));
        }
        for department in 0..DEPARTMENTS {
            let held = Member::Group(self.group_id(&format!("department{department}")));
            edge(&mut commit, self.group_id("all-staff"), held);
        }
        self.store.commit(commit).expect("groups");
    }

    /// Policy `n` is about a bucket of its own; each team has three of them. Two hang on everybody.
    fn policies(&self) {
        let everywhere = json!([{"Effect": "Allow", "Action": "logs:Everywhere", "Resource": "*"},
            {"Effect": "Allow", "Action": "ec2:StartInstances", "Resource": "*",
             "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}]);
        let mut commit = fresh();
        for n in 0..POLICIES {
            let statements: Vec<Value> = SERVICES
                .iter()
                .map(|service| {
                    json!({"Effect": "Allow", "Action": [format!("{service}:Get*"), format!("{service}:List*")],
                           "Resource": [format!("arn:aws:{service}:::data{n}/*"), format!("arn:aws:{service}:::data{n}")]})
                })
                .collect();
            let statements = if n == 0 { everywhere.clone() } else { json!(statements) };
            policy(&mut commit, n, &json!({"Version": "2012-10-17", "Statement": statements}));
        }
        self.store.commit(commit).expect("policies");
        self.hold(&[Holder::Group(self.group_id("all-staff"))], |_| vec![0]);
        let teams: Vec<Holder> = (0..TEAMS).map(|n| Holder::Group(self.group_id(&format!("team{n}")))).collect();
        self.hold(&teams, |n| vec![1 + n % 299, 1 + (n * 7) % 299, 1 + (n * 13) % 299]);
    }

    fn roles(&self) {
        let (mut commit, mut roles) = (fresh(), Vec::new());
        for n in 0..ROLES {
            let role = Role {
                id: RoleId::from_bytes(sixteen(n)),
                account: ACCOUNT.parse().expect("an account"),
                path: IamPath::default(),
                name: format!("role{n}").parse().expect("a name"),
                description: String::new(),
                trust: None,
                max_session: 3_600,
                privileged: false,
                created: now(),
            };
            commit.add_object(&role).expect("a role");
            roles.push(role.id);
        }
        self.store.commit(commit).expect("roles");
        for (n, role) in roles.iter().enumerate() {
            self.hold(&[Holder::Role(*role)], |_| vec![1 + n % 299, 1 + (n * 3) % 299]);
            let mut commit = fresh();
            for team in [n, n * 5 + 1, n * 8 + 2] {
                let assignment = Assignment {
                    to: Member::Group(self.group_id(&format!("team{}", team % TEAMS))),
                    role: *role,
                    condition: None,
                    not_before: None,
                    not_after: None,
                    reason: String::new(),
                    by: Actor::task("bench"),
                    created: now(),
                };
                commit.put(schema::iam::assignment(&assignment.to, role), serde_json::to_vec(&assignment).expect("JSON"));
                commit.put(schema::iam::assignment_back(role, &assignment.to), Vec::new());
            }
            self.store.commit(commit).expect("assignments");
        }
    }

    fn hold(&self, holders: &[Holder], policies: impl Fn(usize) -> Vec<usize>) {
        let mut commit = fresh();
        for (n, holder) in holders.iter().enumerate() {
            let attached = policies(n).into_iter().map(|n| PolicyId::from_bytes(sixteen(n))).collect();
            let held = Entitlements { attached, ..Entitlements::default() };
            let before = iam::Read { value: Entitlements::default(), revision: 0 };
            commit.put(schema::iam::entitlements(holder), serde_json::to_vec(&held).expect("JSON"));
            for policy in before.value.policies().symmetric_difference(&held.policies()) {
                commit.put(schema::iam::held_by(policy, holder), Vec::new());
            }
        }
        self.store.commit(commit).expect("entitlements");
    }

    fn user(&self, commit: &mut Commit, name: &str, n: usize) {
        let user = User {
            id: self.user_id(n),
            name: name.parse().expect("a name"),
            path: IamPath::default(),
            login: name.to_owned(),
            origin: Origin::new(self.corp.clone(), guid(1, n), format!("uid={name},ou=people,dc=example,dc=test")),
            standing: Standing::default(),
            display_name: Some(format!("Person {n}")),
            mail: Some(format!("{name}@example.test")),
            employee_id: Some(format!("E{n}")),
            primary_group: None,
            password_changed: None,
            must_change_password: false,
            tags: BTreeMap::from([("Department".to_owned(), format!("d{}", n % 40)), ("Title".to_owned(), "Engineer".to_owned())]),
            manager_reference: None,
            manager: None,
        };
        row(commit, Member::User(user.id), &user.name.folded(), &user);
    }

    fn group(&self, commit: &mut Commit, name: &str) {
        let id = self.group_id(name);
        let group = Group {
            id,
            name: name.parse().expect("a name"),
            path: IamPath::default(),
            original_name: name.to_owned(),
            origin: Origin::new(self.corp.clone(), group_guid(name), format!("cn={name},ou=groups,dc=example,dc=test")),
            standing: Standing::default(),
            description: None,
            scope: None,
            security: false,
        };
        row(commit, Member::Group(id), &group.name.folded(), &group);
    }

    pub(crate) fn user_id(&self, n: usize) -> UserId {
        origin::user_id(&self.corp, &guid(1, n))
    }

    fn group_id(&self, name: &str) -> GroupId {
        origin::group_id(&self.corp, &group_guid(name))
    }
}

pub(crate) fn fresh() -> Commit {
    Commit::new(Actor::task("bench"), now(), Intent::Widen)
}

fn row(commit: &mut Commit, member: Member, folded: &str, entity: &impl serde::Serialize) {
    let json = serde_json::to_vec(entity).expect("JSON");
    commit.put(schema::entity(&member), rows::encode(&rows::NO_DIGEST, &json));
    commit.put(schema::name(member.kind(), folded), member.id_bytes().to_vec());
}

fn edge(commit: &mut Commit, group: GroupId, member: Member) {
    let key = schema::edge(&group, &member);
    // The three teams of somebody may be one.
    if !commit.writes.iter().rev().take(12).any(|(held, _)| *held == key) {
        commit.put(key, vec![0; 16]);
        commit.put(schema::edge_back(&member, &group), Vec::new());
    }
}

fn policy(commit: &mut Commit, n: usize, document: &Value) {
    let policy = ManagedPolicy {
        id: PolicyId::from_bytes(sixteen(n)),
        account: Some(ACCOUNT.parse().expect("an account")),
        path: IamPath::default(),
        name: format!("policy{n}").parse().expect("a name"),
        description: String::new(),
        created: now(),
        updated: now(),
        default_version: 1,
        next_version: 2,
        versions: BTreeMap::from([(1, now())]),
        tags: Tags::default(),
    };
    commit.add_object(&policy).expect("a policy");
    commit.put(schema::iam::policy_version(&policy.id, 1), document.to_string().into_bytes());
}

fn guid(kind: u8, n: usize) -> Guid {
    let mut bytes = sixteen(n);
    bytes[15] = kind;
    Guid::from_bytes(bytes)
}

fn group_guid(name: &str) -> Guid {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
    Guid::from_bytes(bytes)
}

pub(crate) fn sixteen(n: usize) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&(n as u64).to_be_bytes());
    bytes
}
