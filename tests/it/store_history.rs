//! History against a model that keeps every past state whole.

use std::collections::BTreeMap;

use bailey::base::Timestamp;
use bailey::model::Actor;
use bailey::store::prune::{self, Pruned, Removal};
use bailey::store::{Commit, Intent, KeyRange, Row, Store, StoreError, history, schema};
use proptest::prelude::*;

use crate::store_conformance::{memory, now, sled};

type State = BTreeMap<Vec<u8>, Row>;

/// A commit of the model: for each key of a few, leave it, delete it or write it.
type Step = Vec<(u8, Option<u8>)>;

fn key(n: u8) -> Vec<u8> {
    let space = if n < 4 { b'U' } else { b'G' };
    [&[space], [n; 16].as_slice()].concat()
}

/// The moment of commit `revision`: two commits share each.
fn moment(revision: u64) -> Timestamp {
    Timestamp::from_second(now().as_second() + i64::try_from(revision / 2).unwrap() * 60).unwrap()
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop::collection::btree_map(0..7_u8, prop::option::weighted(0.7, 0..4_u8), 0..5);
    prop::collection::vec(step.prop_map(|step| step.into_iter().collect()), 1..25)
}

/// Runs the steps on the store; answers the state after each commit, the empty one first.
fn play(store: &Store, steps: &[Step]) -> Vec<State> {
    let mut states = vec![State::new()];
    for (step, revision) in steps.iter().zip(1..) {
        let mut state = states.last().unwrap().clone();
        let mut commit = Commit::new(Actor::task("test"), moment(revision), Intent::Widen);
        for (n, value) in step {
            match value {
                Some(value) => {
                    commit.put(key(*n), vec![*value]);
                    state.insert(key(*n), Row { revision, value: vec![*value] });
                }
                None => {
                    commit.delete(key(*n));
                    state.remove(&key(*n));
                }
            }
        }
        assert_eq!(store.commit(commit).unwrap().revision, revision);
        states.push(state);
    }
    states
}

fn ranges() -> Vec<KeyRange> {
    let user_three = key(3);
    vec![
        KeyRange::prefix(b"U"),
        KeyRange::prefix(b"G"),
        KeyRange { from: b"G".to_vec(), to: Some(b"V".to_vec()) },
        KeyRange::prefix(b"U").after(&key(1)),
        KeyRange { from: key(1), to: Some(user_three.clone()) },
        KeyRange { from: key(0), to: Some([user_three.as_slice(), b"\0"].concat()) },
        KeyRange::prefix(&user_three),
    ]
}

fn check_state(store: &Store, revision: u64, state: &State) {
    store
        .read(|s| {
            for n in 0..7 {
                assert_eq!(
                    history::as_of(s, &key(n), revision)?.as_ref(),
                    state.get(&key(n)),
                    "row {n} as of {revision}"
                );
            }
            for range in ranges() {
                let to = range.to.clone().unwrap();
                let want: Vec<_> = state.range(range.from.clone()..to).map(|(k, r)| (k.clone(), r.clone())).collect();
                assert_eq!(history::scan_as_of(s, &range, revision, usize::MAX)?, want, "{range:?} as of {revision}");
                let two: Vec<_> = want.into_iter().take(2).collect();
                assert_eq!(history::scan_as_of(s, &range, revision, 2)?, two, "two of {range:?} as of {revision}");
            }
            Ok::<_, StoreError>(())
        })
        .unwrap();
}

/// Every change after `horizon`, as the model saw it.
fn check_versions(store: &Store, states: &[State], horizon: usize) {
    for n in 0..7 {
        let value = |state: &State| state.get(&key(n)).map(|row| row.value.clone());
        let wrote = |revision: usize| states[revision].get(&key(n)).map(|row| row.revision);
        let want: Vec<_> = (horizon + 1..states.len())
            .filter(|revision| wrote(revision - 1) != wrote(*revision))
            .map(|revision| (revision as u64, value(&states[revision - 1]), value(&states[revision])))
            .collect();
        let found = store.read(|s| history::versions(s, &key(n))).unwrap();
        assert!(found.iter().all(|version| version.at == moment(version.revision)));
        let found: Vec<_> = found.into_iter().map(|v| (v.revision, v.before, v.after)).collect();
        assert_eq!(found, want, "versions of row {n}");
    }
}

fn check_times(store: &Store, revisions: u64) {
    store
        .read(|s| {
            assert_eq!(history::revision_at(s, Timestamp::UNIX_EPOCH)?, 0);
            for revision in 1..=revisions {
                let last_of_moment = (revision | 1).min(revisions);
                assert_eq!(history::revision_at(s, moment(revision))?, last_of_moment);
                let shortly_before = Timestamp::from_second(moment(revision).as_second() - 1).unwrap();
                assert_eq!(history::revision_at(s, shortly_before)?, (revision & !1).saturating_sub(1));
            }
            Ok::<_, StoreError>(())
        })
        .unwrap();
}

/// Removes what was superseded before `before`.
fn prune(store: &Store, before: Timestamp, now: Timestamp) -> Option<Pruned> {
    let horizon = prune::due(store, before).unwrap()?;
    let by = Actor::task("test");
    Some(prune::prune(store, &Removal { horizon, by: &by, audit: None, now, stop: &|| false }).unwrap())
}

fn history_is_that_of_the_model(store: &Store, steps: &[Step], cut: u64) {
    let states = play(store, steps);
    for (revision, state) in (0..).zip(&states) {
        check_state(store, revision, state);
    }
    check_versions(store, &states, 0);
    let revisions = states.len() as u64 - 1;
    check_times(store, revisions);

    let cut = cut % (revisions + 1);
    let horizon = store.read(|s| history::revision_at(s, moment(cut))).unwrap();
    let later = moment(revisions + 10);
    let pruned = prune(store, moment(cut), later);
    assert_eq!(pruned.map(|pruned| pruned.horizon), (horizon > 1).then_some(horizon));
    // Before the first commit there is nothing to remove.
    let horizon = if horizon > 1 { horizon } else { 0 };
    for (revision, state) in (0..).zip(&states) {
        if revision >= horizon {
            check_state(store, revision, state);
        } else {
            let beyond = store.read(|s| history::as_of(s, &key(0), revision));
            assert!(
                matches!(beyond, Err(StoreError::BeyondHistory { oldest, asked }) if oldest == horizon && asked == revision)
            );
            assert!(store.read(|s| history::scan_as_of(s, &KeyRange::prefix(b"U"), revision, 1)).is_err());
        }
    }
    check_versions(store, &states, usize::try_from(horizon).unwrap());
    if horizon > 0 {
        let early = store.read(|s| history::revision_at(s, Timestamp::UNIX_EPOCH));
        assert!(matches!(early, Err(StoreError::BeyondHistory { .. })));
    }
    store
        .for_each::<StoreError>(&KeyRange::prefix(&schema::histories(&[])), |key, _| {
            assert!(schema::parse_history(key).unwrap().1 > horizon, "history behind the horizon is left over");
            Ok(())
        })
        .unwrap();
    assert_eq!(prune(store, moment(cut), later), None, "removed twice");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn in_memory(steps in steps(), cut in any::<u64>()) {
        history_is_that_of_the_model(&memory().store, &steps, cut);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn in_sled(steps in steps(), cut in any::<u64>()) {
        history_is_that_of_the_model(&sled().store, &steps, cut);
    }
}

/// What is true of them in the past is not known, so it is not guessed.
#[test]
fn rows_without_history_have_no_past() {
    let fixture = memory();
    crate::store_conformance::put(&fixture.store, b"Sa", b"1");
    fixture
        .store
        .read(|s| {
            assert!(history::as_of(s, b"Sa", 1).unwrap_err().to_string().contains("keeps no history"));
            assert_eq!(history::scan_as_of(s, &KeyRange::prefix(b"S"), 1, 10)?, vec![]);
            Ok::<_, StoreError>(())
        })
        .unwrap();
}

#[test]
fn a_first_load_writes_no_history() {
    let fixture = memory();
    let mut load = Commit::new(Actor::task("test"), now(), Intent::Widen);
    (0..7).for_each(|n| load.put(key(n), vec![n]));
    fixture.store.commit(load).unwrap();
    let rows = fixture.store.read(|s| s.scan(&KeyRange::prefix(&schema::histories(&[])), 10)).unwrap();
    assert_eq!(rows, vec![]);
}

#[test]
fn retention_removes_in_batches_and_the_present_stays() {
    let fixture = memory();
    let steps: Vec<Step> = (0..1_300_u32).map(|n| vec![(0, Some(u8::try_from(n % 3).unwrap()))]).collect();
    let states = play(&fixture.store, &steps);
    let pruned = prune(&fixture.store, moment(1_300), moment(1_300)).unwrap();
    assert_eq!((pruned.horizon, pruned.rows, pruned.journal), (1_300, 1_299, 1_299));
    check_state(&fixture.store, 1_300, states.last().unwrap());
}

#[test]
fn a_removal_that_is_cut_short_is_finished_by_the_next() {
    let fixture = memory();
    let store = &fixture.store;
    let steps: Vec<Step> = (0..1_300_u32).map(|n| vec![(0, Some(u8::try_from(n % 3).unwrap()))]).collect();
    let states = play(store, &steps);
    let before = moment(1_300);
    let horizon = prune::due(store, before).unwrap().unwrap();
    let by = Actor::task("test");
    let pruned = |stop: &dyn Fn() -> bool| {
        prune::prune(store, &Removal { horizon, by: &by, audit: Some(7), now: moment(1_400), stop }).unwrap()
    };
    let first = pruned(&|| true);
    assert_eq!((first.rows, first.journal), (500, 0));
    assert!(store.read(|s| history::as_of(s, &key(0), 1_000)).is_err(), "half a past can be read");
    let last = store.read(|s| history::journal_entry(s, s.revision())).unwrap().unwrap();
    assert_eq!(last.audit, Some(7));
    assert_eq!(prune::due(store, before).unwrap(), Some(horizon));
    let rest = pruned(&|| false);
    assert_eq!((rest.rows, rest.journal), (799, 1_299));
    assert_eq!(prune::due(store, before).unwrap(), None);
    check_state(store, 1_300, states.last().unwrap());
}
