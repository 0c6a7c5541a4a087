//! Whether grants slow down decisions: somebody who was granted one role, beside the same person with 1,000 grants that count in a
//! store that has 100,000.
//!
//! The company of `who-can` with 1,000 people. Asked as the gate does, on a new snapshot each time: a person's own decision, whether
//! somebody may assume a role that they were granted, and whether the session of a grant still counts, which is asked at each of its
//! calls. Prints lines that begin with `measured:`.

use std::time::{Duration, Instant};

use bailey::admin::Admin;
use bailey::admin::iam::simulate::Simulation;
use bailey::base::{GrantId, RoleId, Timestamp, UserId};
use bailey::gate::{Gate, Operation};
use bailey::model::grant::{Approval, Rule, Rules, Start, State, Terms, Working};
use bailey::model::{Entity, Grant, Member, Role, User};
use bailey::rights::{Acting, Asked, Assumed, GrantTerms, Library, may_assume, may_assume_granted};
use bailey::store::{self, Settings, Store, iam, rows};

use crate::who_can::{ACCOUNT, Company, ROLES, asked, fresh, now, operations, sixteen};

const PEOPLE: usize = 1_000;
/// Grants of one person that count, and as many of each of 99 others.
const EACH: usize = 1_000;
const OTHERS: usize = 99;
/// Who is asked about, and the role: no team of theirs may assume it.
const WHO: usize = 42;
const WHICH: usize = 7;
const ROUNDS: usize = 2_001;

/// Measures.
pub fn run() {
    let dir = tempfile::tempdir().expect("a directory");
    let settings = Settings { reserve_bytes: 1 << 20, cache_bytes: 64 << 20, ..Settings::new(dir.path().join("state")) };
    let store = store::open(&settings, now()).expect("a store").store;
    let company = Company { store: &store, corp: "corp".parse().expect("a label"), people: PEOPLE };
    company.write();
    let (admin, gate) = operations(&store, dir.path());
    let rules = Rules::new(vec![rule()]);
    *admin.grants.write().expect("grants") = GrantTerms { rules, ..GrantTerms::default() };

    let epoch = store.epoch().expect("an epoch").to_string();
    let first = grant(company.user_id(WHO), WHICH, 0, &epoch);
    write(&store, std::slice::from_ref(&first));
    let few = measured(&store, &admin, &gate, &first);
    let begun = Instant::now();
    for person in std::iter::once(WHO).chain((0..OTHERS).map(|n| WHO + 1 + n)) {
        let one = |n: usize| grant(company.user_id(person), n % ROLES, person * EACH + n, &epoch);
        let grants: Vec<Grant> = (1..=EACH).map(one).collect();
        grants.chunks(200).for_each(|some| write(&store, some));
    }
    eprintln!("{} grants written in {:.1} s", EACH * (OTHERS + 1), begun.elapsed().as_secs_f64());
    let many = measured(&store, &admin, &gate, &first);
    for ((what, few), (_, many)) in few.iter().zip(&many) {
        println!(
            "measured: {what}: {:.1} us with one grant, {:.1} us with {EACH} of {} ({:.2} x)",
            few.as_secs_f64() * 1e6,
            many.as_secs_f64() * 1e6,
            EACH * (OTHERS + 1),
            many.as_secs_f64() / few.as_secs_f64()
        );
    }
}

fn measured(store: &Store, admin: &Admin, gate: &Gate, first: &Grant) -> Vec<(&'static str, Duration)> {
    let role: Role = store.read(|snapshot| iam::role(snapshot, &first.role)).expect("a read").expect("a role");
    let user = store.read(|snapshot| rows::entity(snapshot, &Member::User(first.person))).expect("a read");
    let Some((_, Entity::User(user))) = user else { panic!("a user") };
    let simulation = Simulation {
        principal: format!("arn:aws:iam::{ACCOUNT}:user/{}", user.name),
        actions: vec!["s3:GetObject".to_owned()],
        resources: vec!["arn:aws:s3:::data7/x".to_owned()],
        ..Simulation::default()
    };
    let own = || drop(admin.simulate(&asked(gate, Operation::SimulatePrincipalPolicy), &simulation).expect("answers"));
    vec![
        ("a decision about what a person may do themselves", median(own)),
        ("whether somebody may assume a role that is granted to them", median(|| assume(store, admin, &user, &role, None))),
        ("whether the session of a grant counts", median(|| assume(store, admin, &user, &role, Some(&first.id)))),
    ]
}

/// As a beginning asks, or as a use of what `through` began.
fn assume(store: &Store, admin: &Admin, user: &User, role: &Role, through: Option<&GrantId>) {
    let terms = admin.terms(now()).expect("terms");
    let mut library = Library::with(admin.shelf.clone(), &admin.account, &terms);
    let answer = store.read(|snapshot| {
        let mut reading = library.at(snapshot);
        let acting = Acting::user(&mut reading, user).expect("somebody");
        let asked = Asked::default();
        let answer = match through {
            Some(id) => may_assume_granted(&mut reading, &acting, role, (&asked, id), now()),
            None => may_assume(&mut reading, &acting, role, (&asked, None), now()),
        };
        Ok::<_, store::StoreError>(answer.expect("an answer"))
    });
    let Assumed::Allowed(way) = answer.expect("a read") else { panic!("it is granted") };
    assert!(way.grant.is_some(), "by the grant, and by nothing else");
}

fn median(mut work: impl FnMut()) -> Duration {
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

fn rule() -> Rule {
    Rule {
        roles: vec!["role*".to_owned()],
        requesters: Vec::new(),
        approvals: 1,
        approvers: vec!["all-staff".to_owned()],
        manager: false,
        sponsor: false,
        break_glass: None,
        automatic_until: None,
        hours: None,
        longest: 8 * 3_600,
        claim_within: 24 * 3_600,
        ticket: false,
        inline: false,
        ticket_check: None,
        break_glass_ticket_check: false,
        second_factor: None,
        notify: Vec::new(),
    }
}

/// One that is in use since an hour ago, and for an hour more.
fn grant(person: UserId, role: usize, n: usize, epoch: &str) -> Grant {
    let at = |seconds: i64| Timestamp::from_second(now().as_second() + seconds).expect("a time");
    let mut id = sixteen(n);
    id[15] = 1;
    let terms = Terms {
        start: Start::FirstUse,
        seconds: 7_200,
        claim_by: at(3_600),
        gives: None,
        policy: None,
        conditions: Vec::new(),
        reason: "the queue is stuck".to_owned(),
        ticket: format!("OPS-{n}"),
    };
    let mut grant = Grant {
        id: GrantId::from_bytes(id),
        person,
        role: RoleId::from_bytes(sixteen(role)),
        engagement: None,
        requested_by: person,
        requested: at(-7_200),
        epoch: epoch.to_owned(),
        terms,
        state: State::Requested { approvals: Vec::new() },
        checked: None,
        review: None,
    };
    let approval = Approval {
        reach: String::new(),
        by: UserId::from_bytes([9; 16]),
        name: "lead".to_owned(),
        at: at(-3_600),
        digest: grant.digest(),
        right: "group/all-staff".to_owned(),
        amr: Vec::new(),
        mfa: None,
        comment: String::new(),
    };
    let (approved, claimed, from) = (at(-3_600), at(-3_600), at(-3_600));
    grant.state = State::Active(Working { approvals: vec![approval], approved, claimed, from, until: at(3_600) });
    grant
}

fn write(store: &Store, grants: &[Grant]) {
    let mut commit = fresh();
    grants.iter().for_each(|grant| commit.add_grant(grant).expect("a grant"));
    store.commit(commit).expect("grants");
}
