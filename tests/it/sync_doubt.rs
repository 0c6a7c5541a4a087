//! What does not come is not gone: reads that lie, break off or bring rubbish.

use bailey::base::Guid;
use bailey::directory::{Arrival, Changes, Unusable};
use bailey::model::{Actor, Member, RefHash, origin};
use bailey::store::{Commit, Intent, schema};
use bailey::sync::SyncError;

use crate::simulated::{Simulated, Tree, cursor};
use crate::world::World;

/// Ten people in two groups and a nest of groups, in step; then somebody new and an edit, to see what is let through.
struct Scene {
    world: World,
    people: Vec<Guid>,
    new: Guid,
    team: Guid,
}

impl Scene {
    fn new() -> Self {
        let directory = Simulated::new(true);
        let people = directory.people("p", 10);
        let team = directory.group("team", &people);
        let half = directory.group("half", &people[..5]);
        directory.group("nest", &[team, half]);
        directory.machine("host");
        let world = World::new(&directory);
        world.full();
        directory.take_events();
        let new = directory.person("newcomer");
        directory.join(team, new);
        Self { world, people, new, team }
    }

    /// Everything that was there still is, row for row and edge for edge.
    fn assert_nothing_lost(&self, fault: &str) {
        for guid in &self.people {
            assert!(self.world.is_active(*guid), "{fault}");
        }
        for (key, count) in [(b'E', 17), (b'U', 10), (b'G', 3), (b'R', 1)] {
            assert!(
                self.world.rows(&[key]).len() >= count,
                "{fault}: {} of {}",
                self.world.rows(&[key]).len(),
                key as char
            );
        }
        self.world.assert_sound();
    }
}

type Fault = fn(&mut Tree, &Scene);

/// Faults of a read that ends, and whether the newcomer came through.
const FAULTS: [(&str, bool, Fault); 8] = [
    ("doubtful and nobody but the newcomer", true, |tree, scene| {
        tree.faults.doubt = Some("a referral".to_owned());
        tree.faults.withheld =
            tree.objects.keys().copied().filter(|guid| ![scene.new, scene.team].contains(guid)).collect();
    }),
    ("doubtful and nobody at all", false, |tree, _| {
        tree.faults.doubt = Some("a referral".to_owned());
        tree.faults.empty = true;
    }),
    ("a success with nobody", false, |tree, _| tree.faults.empty = true),
    ("a success without a person", false, |tree, _| {
        let people =
            tree.objects.iter().filter(|(_, o)| o.kind == bailey::directory::Kind::Person).map(|(guid, _)| *guid);
        tree.faults.withheld = people.collect();
    }),
    ("everybody unreadable, with ids", false, |tree, _| {
        tree.faults.garbled = tree.objects.keys().map(|guid| (*guid, true)).collect();
    }),
    ("one unreadable without an id, one missing", true, |tree, scene| {
        tree.faults.garbled = [(scene.people[1], false)].into();
        tree.faults.withheld = [scene.people[2]].into();
    }),
    ("everybody twice", false, |tree, _| tree.faults.twins = tree.objects.keys().copied().collect()),
    ("doubtful, and one who moved did not come", true, |tree, scene| {
        // `refint` has already given the group the new name, which nobody knows yet.
        tree.renamed(scene.people[3], "uid=moved,ou=elsewhere,dc=example,dc=test".to_owned(), &[("uid", "moved")]);
        tree.faults.doubt = Some("a referral".to_owned());
        tree.faults.withheld = [scene.people[3]].into();
    }),
];

#[test]
fn no_doubtful_read_takes_anything_away_and_what_came_is_let_in() {
    for (name, let_in, fault) in FAULTS {
        let scene = Scene::new();
        fault(&mut scene.world.directory.tree(), &scene);
        let report = scene.world.full();
        let narrowed = report.tally.gone.total()
            + report.tally.left
            + report.tally.left_with_member
            + report.tally.deleted.total();
        assert_eq!(narrowed, 0, "{name}: {:?}", report.tally);
        scene.assert_nothing_lost(name);
        assert_eq!(scene.world.user(scene.new).is_some(), let_in, "{name}");
        assert_eq!(scene.world.is_member(scene.team, scene.new), let_in, "{name}");
        assert!(!report.doubts.is_empty() || report.skipped.count > 0, "{name}: somebody is told");
        assert_eq!(scene.world.state().doubts, report.doubts);
        // The fault over, the store is in step, and what is gone then is gone.
        scene.world.directory.tree().faults = crate::simulated::Faults::default();
        scene.world.directory.delete(scene.people[9]);
        scene.world.full();
        assert!(!scene.world.is_active(scene.people[9]), "{name}");
        assert_eq!(scene.world.user(scene.people[3]).unwrap().standing().active(scene.world.now()), Ok(()), "{name}");
        scene.world.assert_counted();
    }
}

#[test]
fn a_read_that_breaks_off_changes_nothing_wherever_it_breaks() {
    let scene = Scene::new();
    let (before, state) = (scene.world.model(), scene.world.state());
    for after in 0..15 {
        scene.world.directory.tree().faults.break_after = Some(after);
        let error = scene.world.try_full().unwrap_err();
        assert!(matches!(error, SyncError::Directory(_)), "{error}");
        assert_eq!(scene.world.model(), before);
        assert_eq!(scene.world.state(), state);
    }
}

#[test]
fn a_missing_sentinel_is_a_doubt() {
    let directory = Simulated::new(false);
    let people = directory.people("p", 4);
    let world = World::with(&directory, |settings| {
        settings.guard.sentinels = vec!["UID=p0, ou=People,dc=example,dc=test".to_owned()];
    });
    assert_eq!(world.full().doubts, Vec::<String>::new());
    directory.tree().faults.withheld = [people[0], people[1]].into();
    let report = world.full();
    assert!(report.doubts[0].contains("the sentinel `UID=p0"), "{:?}", report.doubts);
    assert!(world.is_active(people[1]));
}

#[test]
fn whoever_shares_an_id_lets_nobody_in() {
    let directory = Simulated::new(false);
    let (ann, group) = (directory.person("ann"), directory.group("admins", &[]));
    let world = World::new(&directory);
    world.full();
    // An impostor with Ann's id is listed; and a newcomer whose id two entries claim.
    let twin = format!("cn=twin-{ann},dc=example,dc=test");
    let eve = directory.person("eve");
    {
        let mut tree = directory.tree();
        tree.faults.twins = [ann, eve].into();
        tree.list(group, "member", &twin);
        tree.join(group, eve);
    }
    let report = world.full();
    assert_eq!((report.tally.joined, report.skipped.count), (0, 2));
    assert!(report.skipped.first[0].why.contains("the same immutable id"), "{:?}", report.skipped);
    assert!(world.is_active(ann) && !world.is_member(group, ann));
    assert_eq!(world.user(eve), None);
    world.assert_counted();
}

#[test]
fn a_run_that_cannot_work_says_why_and_not_what_came_of_it() {
    let directory = Simulated::new(false);
    directory.people("p", 2_000);
    let world = World::new(&directory);
    std::fs::write(world.work(), "in the way").unwrap();
    match world.try_full() {
        Err(SyncError::Work { why }) => assert!(why.contains("exists") || why.contains("directory"), "{why}"),
        other => panic!("{other:?}"),
    }
    std::fs::remove_file(world.work()).unwrap();
    assert_eq!(world.full().tally.added.users, 2_000);
}

/// The digests a full read compares by are made from what is stored, so nothing stored has to be right.
#[test]
fn a_full_read_mends_what_differs_for_whatever_reason() {
    let directory = Simulated::new(false);
    let people = directory.people("p", 8);
    let team = directory.group("team", &people[..6]);
    let world = World::new(&directory);
    world.full();
    let right = world.model();
    let group = origin::group_id(world.label(), &team);
    let member = |n: usize| Member::User(origin::user_id(world.label(), &people[n]));
    let mut commit = Commit::new(Actor::task("mishap"), world.now(), Intent::Narrow);
    // One edge is lost, one is nobody's, and one says another spelling.
    for key in [schema::edge(&group, &member(0)), schema::edge_back(&member(0), &group)] {
        commit.delete(key);
    }
    commit.put(schema::edge(&group, &member(7)), vec![7; 16]);
    commit.put(schema::edge_back(&member(7), &group), Vec::new());
    commit.put(schema::edge(&group, &member(1)), vec![7; 16]);
    // A group waits for somebody it never named.
    commit.put(schema::dangling(&group, &RefHash([8; 16])), Vec::new());
    commit.put(schema::dangling_back(world.label(), &RefHash([8; 16]), &group), Vec::new());
    world.store().commit(commit).unwrap();
    assert_ne!(world.model(), right);

    let report = world.full();
    assert_eq!((report.tally.joined, report.tally.left), (1, 1));
    assert_eq!(world.model(), right);
    world.assert_counted();
    assert_eq!(world.full().applied, 0);
}

#[test]
fn an_unreadable_member_keeps_what_it_may_have_and_loses_what_it_was_taken_out_of() {
    for events in [false, true] {
        for with_id in [false, true] {
            let directory = Simulated::new(true);
            let people = directory.people("p", 3);
            let (kept, lost) = (directory.group("kept", &people), directory.group("lost", &people));
            let world = World::new(&directory);
            world.full();
            directory.take_events();
            let spoil = |tree: &mut Tree| match with_id {
                true => drop(tree.faults.garbled.insert(people[0], true)),
                false => tree.set(people[0], "cn", &[b"hidden\x1b[2J"]),
            };
            spoil(&mut directory.tree());
            directory.tree().touch(people[0]);
            directory.leave(lost, people[0]);
            if events {
                drop(world.delta())
            } else {
                drop(world.full())
            }
            assert!(world.is_member(kept, people[0]), "events {events}, with id {with_id}");
            assert!(!world.is_member(lost, people[0]), "events {events}, with id {with_id}");
            world.assert_counted();
        }
    }
}

#[test]
fn events_about_nobody_change_nobody() {
    let scene = Scene::new();
    scene.world.delta();
    let before = scene.world.model();
    let unusable = Unusable { dn: "x".to_owned(), guid: None, why: "y".to_owned() };
    let changes = Changes::Delta {
        arrivals: vec![Arrival::Unusable(unusable)],
        gone: vec![Guid::from_bytes([7; 16])],
        former: Vec::new(),
        cursor: cursor(1_000),
        received: std::time::Instant::now(),
    };
    let report = scene.world.apply(changes).unwrap();
    assert_eq!((report.applied, report.skipped.count), (0, 1));
    assert_eq!(scene.world.model(), before, "an id nobody has and an entry without one change nobody");
    assert_eq!(scene.world.state().cursor, Some(cursor(1_000)));
}

/// What a person, or a program that writes for one, can put into an entry: the attribute, the value, and the limit named.
fn rubbish() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    vec![
        ("uid", vec![b'x'; 64 << 10], "`uid` has 65536 bytes, the limit is 1024"),
        ("uid", b"bob\nroot".to_vec(), "`uid` contains the control character U+000A"),
        ("uid", "bob\u{202e}".as_bytes().to_vec(), "U+202E"),
        ("uid", vec![0xff, 0xfe], "`uid` is not valid UTF-8"),
        ("uid", b"  ".to_vec(), "no `uid`, which names it"),
        ("cn", vec![b'x'; 4_097], "`cn` has 4097 bytes, the limit is 4096"),
        ("cn", b"\x1b[2J".to_vec(), "`cn` contains the control character U+001B"),
        ("departmentNumber", vec![0x80], "`departmentNumber` is not valid UTF-8"),
        ("shadowExpire", b"soon".to_vec(), "`shadowExpire` is `soon`, not a number of days"),
        ("pwdEndTime", b"yesterday".to_vec(), "`pwdEndTime` is `yesterday`, not a generalized time"),
        ("pwdEndTime", vec![0xff], "`pwdEndTime` is not valid UTF-8"),
    ]
}

#[test]
fn rubbish_is_skipped_in_words_and_hides_nobody_from_being_switched_off() {
    for events in [false, true] {
        for (attribute, value, why) in rubbish() {
            let directory = Simulated::new(false);
            let (ann, bob) = (directory.person("ann"), directory.person("bob"));
            let group = directory.group("team", &[ann, bob]);
            let world = World::new(&directory);
            let run = || if events { world.delta() } else { world.full() };
            world.full();
            directory.take_events();
            let before = world.user(bob).unwrap();

            directory.tree().set(bob, attribute, &[&value]);
            let late = directory.person("late");
            let report = run();
            assert_eq!(report.skipped.count, 1, "{why}");
            assert!(report.skipped.first[0].why.contains(why), "{:?}", report.skipped.first);
            assert_eq!(world.user(bob).unwrap(), before, "{why}");
            assert!(world.is_active(late) && world.is_member(group, bob), "the run goes on: {why}");

            directory.disable(bob);
            let report = run();
            assert_eq!(report.tally.suspended.users, 1, "{why}");
            assert!(!world.is_active(bob), "{why}");
            assert_eq!(run().applied, 0, "{why}");
            world.assert_counted();

            directory.tree().set(bob, attribute, if attribute == "uid" { &[b"bob"] } else { &[] });
            directory.enable(bob);
            run();
            assert!(world.is_active(bob), "{why}");
        }
    }
}

#[test]
fn a_group_with_rubbish_keeps_its_members_and_huge_ones_are_taken() {
    let directory = Simulated::new(false);
    let people = directory.people("p", 3);
    let team = directory.group("team", &people);
    let world = World::new(&directory);
    world.full();
    directory.take_events();
    directory.tree().list(team, "member", "not a name");
    let report = world.delta();
    assert!(report.skipped.first[0].why.contains("`member` has a value that is no DN"), "{:?}", report.skipped);
    assert!(people.iter().all(|guid| world.is_member(team, *guid)));
    directory.tree().unlist(team, "member", |value| value == "not a name");
    let crowd = directory.people("crowd", 300);
    {
        let mut tree = directory.tree();
        let names: Vec<Vec<u8>> = crowd.iter().map(|guid| tree.objects[guid].dn.clone().into_bytes()).collect();
        let nobody: Vec<String> = (0..20_000).map(|n| format!("uid=nobody{n},dc=example,dc=test")).collect();
        let nobody = nobody.iter().map(String::as_bytes);
        let values: Vec<&[u8]> = names.iter().map(Vec::as_slice).chain(nobody).collect();
        tree.set(team, "member", &values);
    }
    assert_eq!(world.apply(directory.take_events()), None, "too many to be looked up one by one");
    assert_eq!(world.full().tally.joined, 300);
    assert_eq!((world.rows(b"E").len(), world.rows(b"D").len()), (300, 20_000));
    world.assert_counted();
}

#[test]
fn texts_that_would_outgrow_a_row_are_skipped_and_the_state_stays_a_row() {
    let directory = Simulated::new(false);
    let world = World::with(&directory, |settings| {
        settings.mapping.tags = (0..40).map(|n| (format!("t{n}"), format!("tag{n}"))).collect();
    });
    let people = directory.people("p", 120);
    world.full();
    for guid in &people {
        for tag in 0..40 {
            directory.tree().set(*guid, &format!("tag{tag}"), &["\u{1f984}".repeat(1_000).as_bytes()]);
        }
    }
    let report = world.full();
    assert_eq!(report.skipped.count, 120);
    assert!(report.skipped.first[0].why.contains("more than 24576 bytes in all"), "{:?}", report.skipped.first[0]);
    assert!(people.iter().all(|guid| world.is_active(*guid)));
    world.assert_counted();
}
