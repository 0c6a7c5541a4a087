//! Runs that end in the middle, and rows that change under a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use bailey::base::Guid;
use bailey::model::{Actor, Member, MemberKind};
use bailey::store::memory::Memory;
use bailey::store::{Commit, Committed, Engine, EngineHealth, Intent, Revision, Snapshot, Store, StoreError, schema};
use bailey::sync::settings::Guard;
use bailey::sync::{SyncError, held};
use tokio::sync::watch;

use crate::simulated::Simulated;
use crate::world::{Picture, World, limit, open_guard, settings};

type Meddling = Box<dyn FnOnce(&Store) + Send>;

/// A store that dies before a certain commit, or in which somebody else is quicker.
#[derive(Clone)]
struct Mortal(Arc<Inner>);

struct Inner {
    memory: Memory,
    left: AtomicI64,
    meddling: Mutex<Option<Meddling>>,
}

impl Mortal {
    fn new() -> Self {
        Self(Arc::new(Inner { memory: Memory::new(), left: AtomicI64::new(i64::MAX), meddling: Mutex::new(None) }))
    }

    /// So many commits from now succeed.
    fn dies_after(&self, commits: i64) {
        self.0.left.store(commits, Ordering::SeqCst);
    }

    fn lives(&self) {
        self.dies_after(i64::MAX);
    }

    /// Behind so many commits somebody else does something, once.
    fn meddles_after(&self, commits: i64, meddling: impl FnOnce(&Store) + Send + 'static) {
        *self.0.meddling.lock().unwrap() = Some(Box::new(meddling));
        self.dies_after(commits);
    }
}

impl Engine for Mortal {
    fn snapshot(&self, read: &mut dyn FnMut(&dyn Snapshot) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.0.memory.snapshot(read)
    }

    fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        if self.0.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            let Some(meddling) = self.0.meddling.lock().unwrap().take() else {
                return Err(StoreError::Broken { why: "the machine is off".to_owned() });
            };
            self.lives();
            meddling(&Store::new(self.clone()));
        }
        self.0.memory.commit(commit)
    }

    fn watch(&self) -> watch::Receiver<Revision> {
        self.0.memory.watch()
    }

    fn health(&self) -> EngineHealth {
        EngineHealth::default()
    }
}

/// Who is in which group, through groups in groups, of those who may act.
fn access(world: &World) -> BTreeSet<(Member, Member)> {
    let active =
        |member: &Member| world.entity(*member).is_some_and(|entity| entity.standing().active(world.now()).is_ok());
    let mut members: BTreeMap<Member, Vec<Member>> = BTreeMap::new();
    for key in world.rows(b"E").into_keys() {
        let (group, member) = schema::parse_edge(&key).unwrap();
        if active(&Member::Group(group)) && active(&member) {
            members.entry(Member::Group(group)).or_default().push(member);
        }
    }
    let mut access = BTreeSet::new();
    for group in members.keys() {
        let (mut seen, mut open) = (BTreeSet::new(), vec![*group]);
        while let Some(next) = open.pop() {
            for member in members.get(&next).into_iter().flatten().filter(|member| seen.insert(**member)) {
                open.push(*member);
            }
        }
        access
            .extend(seen.into_iter().filter(|member| member.kind() == MemberKind::User).map(|member| (*group, member)));
    }
    access
}

/// A company, in step, to which everything happens that can.
fn turmoil(crowd: usize) -> (Simulated, World, Mortal) {
    let directory = Simulated::new(true);
    let people = directory.people("p", 30);
    let teams: Vec<Guid> =
        people.chunks(6).enumerate().map(|(n, team)| directory.group(&format!("t{n}"), team)).collect();
    let (upper, lower) = (directory.group("upper", &teams[..2]), directory.group("lower", &teams[2..]));
    let mortal = Mortal::new();
    let world = World::over(mortal.clone(), &directory, settings("corp"));
    let back = directory.tree().objects[&people[29]].clone();
    directory.delete(people[29]);
    world.full();
    directory.take_events();
    let mut tree = directory.tree();
    tree.delete(people[0]);
    tree.renamed(people[1], "uid=renamed,ou=people,dc=example,dc=test".to_owned(), &[("uid", "renamed")]);
    tree.set(people[2], "pwdAccountLockedTime", &[b"000001010000Z"]);
    tree.leave(teams[0], people[3]);
    tree.join(teams[3], people[3]);
    tree.leave(upper, teams[1]);
    tree.join(lower, teams[1]);
    tree.join(teams[2], lower);
    tree.delete(teams[4]);
    tree.restore(people[29], back);
    tree.join(teams[0], people[29]);
    // Two swap their logins, and somebody new takes the one of the leaver.
    for (guid, login) in [(people[7], "p8"), (people[8], "p7")] {
        tree.set(guid, "uid", &[login.as_bytes()]);
    }
    tree.list(teams[1], "member", "uid=p0,ou=people,dc=example,dc=test");
    drop(tree);
    let new = directory.person("p0");
    directory.join(teams[3], new);
    directory.people("crowd", crowd).iter().for_each(|guid| directory.join(lower, *guid));
    (directory, world, mortal)
}

fn assert_converged(world: &World) {
    world.full();
    let fresh = World::new(&world.directory);
    fresh.full();
    assert_eq!(Picture::of(world).lines, Picture::of(&fresh).lines);
    assert_eq!(access(world).len(), access(&fresh).len());
    world.assert_counted();
    assert_eq!(world.full().applied, 0);
}

fn dies_everywhere(crowd: usize, run: impl Fn(&World) -> Result<(), SyncError>) -> usize {
    let (_, told, _) = turmoil(crowd);
    let before = access(&told);
    run(&told).unwrap();
    let after = access(&told);
    let allowed: BTreeSet<_> = before.union(&after).copied().collect();
    assert!(before != after && !before.is_subset(&after) && !after.is_subset(&before));
    let mut deaths = 0;
    loop {
        let (_, world, mortal) = turmoil(crowd);
        let (rows, state) = (world.model(), world.state());
        mortal.dies_after(deaths);
        let ended = run(&world);
        mortal.lives();
        if ended.is_ok() {
            return usize::try_from(deaths).unwrap();
        }
        deaths += 1;
        // The machine is on again; nobody has what neither the old nor the new state gives.
        let unheard: Vec<_> = access(&world).difference(&allowed).copied().collect();
        assert_eq!(unheard, [], "death {deaths}");
        let now = world.state();
        assert_eq!((&now.cursor, now.last_full), (&state.cursor, state.last_full), "death {deaths}");
        assert_eq!(now.full_read_due.is_some(), world.model() != rows, "death {deaths}");
        assert_converged(&world);
    }
}

#[test]
fn a_full_read_that_dies_before_any_commit_leaves_nothing_a_next_one_does_not_mend() {
    assert_eq!(dies_everywhere(0, |world| world.try_full().map(drop)), 3, "begun, what narrows, the rest");
}

#[test]
fn the_same_where_it_takes_many_commits() {
    assert_eq!(dies_everywhere(1_800, |world| world.try_full().map(drop)), 4);
}

#[test]
fn a_step_of_events_that_dies_before_any_commit_leaves_nothing_a_full_read_does_not_mend() {
    let step = |world: &World| world.runtime.block_on(world.runner.delta(world.directory.take_events())).map(drop);
    assert_eq!(dies_everywhere(0, step), 3);
}

/// Writes the directory's state as it is: whoever touches its rows does.
fn touch(store: &Store) {
    let key = schema::sync_state(&"corp".parse().unwrap(), "state");
    let row = store.read(|snapshot| snapshot.get(&key)).unwrap().unwrap();
    let mut commit = Commit::new(Actor::task("other"), "2026-03-12T12:00:00Z".parse().unwrap(), Intent::Narrow);
    commit.put(key, row.value);
    store.commit(commit).unwrap();
}

#[test]
fn a_plan_made_from_what_is_no_longer_so_is_made_anew_at_once() {
    for commits in 0..3 {
        let (_, world, mortal) = turmoil(0);
        mortal.meddles_after(commits, touch);
        world.try_full().unwrap();
        assert_converged(&world);
    }
}

#[test]
fn whoever_is_interfered_with_again_and_again_says_so_and_has_applied_nothing_that_was_not_so() {
    for commits in 0..3 {
        let (_, world, mortal) = turmoil(0);
        let rows = world.model();
        let again = mortal.clone();
        mortal.meddles_after(commits, move |store| {
            touch(store);
            again.meddles_after(2, touch);
        });
        match world.try_full() {
            Err(SyncError::Superseded { label }) => assert_eq!(label, "corp"),
            other => panic!("commit {commits}: {other:?}"),
        }
        mortal.lives();
        assert_eq!(world.model() == rows, commits < 2, "commit {commits}");
        assert_converged(&world);
    }
}

#[test]
fn an_approval_given_while_a_run_holds_the_same_again_is_heeded_by_it() {
    let directory = Simulated::new(false);
    let people = directory.people("p", 6);
    let mortal = Mortal::new();
    let guard = Guard { deletions: limit(0), ..open_guard() };
    let world = World::over(mortal.clone(), &directory, bailey::sync::Settings { guard, ..settings("corp") });
    world.full();
    directory.delete(people[0]);
    let digest = world.full().held_digest.unwrap();
    let approved = digest.clone();
    // The run has judged already when somebody approves.
    mortal.meddles_after(1, move |store| {
        let (revision, set) = store.read(|snapshot| held::find(snapshot, &approved)).unwrap();
        let (by, at) = (Actor::Local { uid: 0 }, "2026-03-12T12:00:00Z".parse().unwrap());
        let mut commit = Commit::new(by.clone(), at, Intent::Narrow);
        held::decide(&mut commit, revision, &set, held::Decision::Approved { by, at }).unwrap();
        store.commit(commit).unwrap();
    });
    assert!(world.is_active(people[0]));
    assert_eq!(world.full().held, 0);
    assert!(!world.is_active(people[0]));
    assert_eq!(world.held(), []);
}

#[test]
fn an_approval_outlives_a_run_that_dies_and_is_used_up_by_one_that_does_not() {
    for deaths in 0..3 {
        let directory = Simulated::new(false);
        let people = directory.people("p", 6);
        directory.group("team", &people);
        let mortal = Mortal::new();
        let guard = Guard { deletions: limit(0), group_losses: limit(0), losses: limit(0), ..open_guard() };
        let world = World::over(mortal.clone(), &directory, bailey::sync::Settings { guard, ..settings("corp") });
        world.full();
        directory.delete(people[0]);
        directory.delete(people[1]);
        let digest = world.full().held_digest.unwrap();
        world.decide(&digest, true);
        mortal.dies_after(deaths);
        let ended = world.try_full();
        mortal.lives();
        world.full();
        assert!(!world.is_active(people[0]) && !world.is_active(people[1]), "death {deaths}: {ended:?}");
        assert_eq!((world.rows(b"E").len(), world.held().len()), (4, 0), "death {deaths}");
        world.assert_counted();
    }
}

#[test]
fn the_rows_of_a_run_and_its_record_are_there_together() {
    let (_, world, _) = turmoil(0);
    let records = |world: &World| bailey::audit::tail::last(world.store(), u64::MAX).unwrap();
    let before = records(&world).len();
    world.full();
    let said: Vec<String> = records(&world)[before..].iter().map(|line| line.json.clone()).collect();
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(said.iter().all(|record| record.contains("SynchronizeDirectory")), "{said:#?}");
    assert_eq!(bailey::audit::verify(world.store(), 1).unwrap().fault, None);
    assert_eq!(world.rows(b"O").len(), 0, "nothing begun is left open");
}

#[test]
fn groups_worth_another_look_are_remembered_until_that_was_taken() {
    for by_full_read in [false, true] {
        let directory = Simulated::new(true);
        let people = directory.people("p", 3);
        let team = directory.group("team", &people);
        let world = World::new(&directory);
        world.full();
        directory.take_events();
        directory.rename(people[0], "renamed");
        assert_eq!(world.delta().look_again, [team]);
        // Whoever starts from this state knows.
        assert_eq!(world.state().look_again, [team]);
        directory.join(team, directory.person("another"));
        world.delta();
        assert_eq!(world.state().look_again, [team], "each once");
        if by_full_read {
            world.full();
        } else {
            world.look_again(vec![team]);
        }
        assert_eq!(world.state().look_again, []);
        assert!(world.is_member(team, people[0]));
        assert_eq!(world.full().applied, 0);
    }
}
