//! Who goes, who comes back, and who only seems to.

use std::sync::Arc;
use std::time::Duration;

use bailey::admin::views::EntityView;
use bailey::admin::{Admin, AdminError, Directories};
use bailey::authn::local::{Peer, Role, from_peer};
use bailey::base::Guid;
use bailey::base::clock::ClockState;
use bailey::directory::Kind;
use bailey::gate::{Authorized, Gate, Operation};
use bailey::model::{Actor, Member, origin};
use bailey::store::schema;
use bailey::sync::held::Decision;
use bailey::sync::settings::Guard;
use bailey::sync::worker::Worker;
use bailey::sync::{removal, state};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio_util::sync::CancellationToken;

use crate::fixture;
use crate::simulated::Simulated;
use crate::world::{World, limit, open_guard, settings};

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn a_leaver_is_suspended_kept_and_deleted_in_the_end() {
    let directory = Simulated::new(false);
    let (ann, _) = (directory.person("ann"), directory.person("bob"));
    let group = directory.group("team", &[ann]);
    let world = World::new(&directory);
    world.full();
    let id = world.user(ann).unwrap().member();
    directory.delete(ann);
    world.delta();
    assert!(!world.is_active(ann) && !world.is_member(group, ann));
    world.pass(DAY * 29);
    world.full();
    assert!(world.user(ann).is_some());
    world.pass(DAY);
    world.full();
    assert_eq!(world.user(ann), None);
    assert_eq!(world.rows(b"N").len(), 2, "the group's and the other's");
    assert_eq!(world.store().read(|s| s.get(&schema::entity(&id))).unwrap(), None);
    world.assert_counted();
}

/// By a clock that leapt ahead the time of every leaver would be over, and what they had would be gone for good.
#[test]
fn a_leaver_is_kept_while_nobody_knows_what_time_it_is() {
    let directory = Simulated::new(false);
    let (ann, _) = (directory.person("ann"), directory.person("bob"));
    let world = World::new(&directory);
    world.full();
    directory.delete(ann);
    world.delta();
    world.pass(DAY * 31);
    world.clock.doubt(ClockState::Ahead { seconds: 31 * 86_400 });
    world.full();
    assert!(world.user(ann).is_some() && !world.is_active(ann));
    world.clock.doubt(ClockState::Right);
    world.full();
    assert_eq!(world.user(ann), None);
    world.assert_counted();
}

#[test]
fn the_same_object_coming_back_is_the_same_person() {
    for events in [false, true] {
        let directory = Simulated::new(false);
        let (ann, _) = (directory.person("ann"), directory.person("bob"));
        let group = directory.group("team", &[ann]);
        let world = World::new(&directory);
        world.full();
        directory.take_events();
        let before = world.user(ann).unwrap();
        let object = directory.tree().objects[&ann].clone();
        directory.delete(ann);
        if events {
            drop(world.delta())
        } else {
            drop(world.full())
        }
        assert!(!world.is_active(ann));
        directory.tree().restore(ann, object);
        let report = if events { world.delta() } else { world.full() };
        assert_eq!(report.tally.restored.users, 1);
        assert_eq!(world.user(ann).unwrap(), before);
        assert!(world.is_member(group, ann), "the group lists it still");
        world.assert_counted();
    }
}

#[test]
fn a_new_object_under_an_old_name_is_nobody_we_know() {
    for refint in [false, true] {
        for events in [0, 1, 2] {
            let directory = Simulated::new(refint);
            let old = directory.person("ann");
            let group = directory.group("admins", &[old]);
            let world = World::new(&directory);
            world.full();
            directory.take_events();
            directory.delete(old);
            // Told in one step, in two, or not at all.
            if events == 2 {
                world.delta();
            }
            let new = directory.person("ann");
            if events > 0 {
                drop(world.delta())
            } else {
                drop(world.full())
            }
            let (was, is) = (world.user(old).unwrap(), world.user(new).unwrap());
            assert_ne!(was.member(), is.member());
            assert!(!was.standing().is_present() && !world.is_member(group, old));
            // Without `refint` the directory itself says that whoever bears the name is a member.
            assert_eq!(world.is_member(group, new), !refint, "refint {refint}, events {events}");
            assert_eq!((is.name().as_str(), was.name().as_str().starts_with("ann+")), ("ann", true));
            let key = schema::entity(&is.member());
            let past =
                world.rows(b"H").into_keys().filter(|past| schema::parse_history(past).unwrap().0 == key).count();
            assert_eq!(past, 0, "no history but its own");
            world.assert_counted();
        }
    }
}

#[test]
fn what_became_another_kind_is_one_of_that_kind_alone() {
    for events in [false, true] {
        let directory = Simulated::new(true);
        let (bot, _) = (directory.person("bot"), directory.person("bob"));
        let group = directory.group("jobs", &[bot]);
        let world = World::new(&directory);
        world.full();
        directory.take_events();
        directory.tree().objects.get_mut(&bot).unwrap().kind = Kind::Machine;
        directory.tree().touch(bot);
        if events {
            drop(world.delta())
        } else {
            drop(world.full())
        }
        assert!(!world.is_active(bot) && !world.is_member(group, bot));
        let machine = world.entity(Member::Resource(origin::resource_id(world.label(), &bot))).unwrap();
        assert!(machine.standing().is_present());
        assert_eq!(world.rows(b"E").len(), 1);
        world.assert_counted();
    }
}

/// What the daemon has around a directory: its worker, and the operations people ask for.
pub(crate) struct Office {
    pub(crate) admin: Admin,
    gate: Gate,
    stop: CancellationToken,
}

impl Office {
    pub(crate) fn of(world: &World) -> Self {
        let runner = world.runner.clone();
        let keys = crate::fixture::keys(&runner.store);
        let admin = Admin {
            sessions: crate::fixture::sessions(
                &runner.store,
                &keys,
                (&std::sync::Arc::default(), &std::sync::Arc::default()),
            ),
            store: runner.store.clone(),
            audit: runner.audit.clone(),
            account: "123456789012".parse().unwrap(),
            clock: Arc::clone(&runner.clock),
            work: runner.work.clone(),
            directories: Directories::default(),
            others: std::sync::Arc::default(),
            grants: std::sync::Arc::default(),
            tickets: bailey::ticket::Checks::default(),
            rules: std::sync::Arc::default(),
            contacts: bailey::rights::Contacts::default(),
            notices: bailey::notify::Notices::default(),
            keys,
            declared_clients: std::sync::Arc::default(),
            registered_clients: bailey::store::Recall::default(),
            alike: bailey::admin::saml_sps::Alike::default(),
            declared_sps: Arc::default(),
            sp_fetcher: Arc::default(),
            uses: bailey::admin::uses::Uses::default(),
            passwords: std::sync::Arc::default(),
            attempts: std::sync::Arc::default(),
            issuers: std::sync::Arc::default(),
            reports: std::sync::Arc::default(),
            shelf: bailey::rights::Shelf::default(),
            rng: std::sync::Arc::new(std::sync::Mutex::new(rand::SeedableRng::from_seed([7; 32]))),
        };
        let gate = crate::fixture::gate(&admin);
        let (worker, handle) = Worker::new(Arc::new(runner), StdRng::seed_from_u64(1));
        admin.directories.replace([(world.label().clone(), handle)].into());
        let stop = CancellationToken::new();
        world.runtime.spawn(worker.run_on_request(stop.clone()));
        Self { admin, gate, stop }
    }

    pub(crate) fn asked(&self, operation: Operation, about: &str) -> Authorized {
        let caller = from_peer(Peer::this_process(), &fixture::roles(Some(Role::Operator))).unwrap();
        self.gate.authorize(caller, operation, about, self.admin.now()).unwrap()
    }

    fn restore(&self, world: &World, who: &str, to: Option<Guid>) -> Result<EntityView, AdminError> {
        world.runtime.block_on(self.admin.restore_user(self.asked(Operation::RestoreUser, who), to))
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[test]
fn a_rebuilt_account_is_linked_to_who_it_was_and_not_taken_down_by_news_of_the_old_object() {
    let directory = Simulated::new(true);
    let (old, other) = (directory.person("ann"), directory.person("bob"));
    let world = World::new(&directory);
    let office = Office::of(&world);
    world.full();
    let id = world.user(old).unwrap().member();
    let refused = office.restore(&world, "ann", None).unwrap_err();
    assert!(refused.to_string().contains("`ann` has not left"), "{refused}");
    directory.delete(old);
    world.full();
    let refused = office.restore(&world, "ann", None).unwrap_err();
    assert!(refused.to_string().contains("has no person with id"), "{refused}");

    // Rebuilt, and synced as somebody new in a group before anybody says who that is.
    let new = directory.tree().add(Kind::Person, "uid=ann,ou=rebuilt,dc=example,dc=test".to_owned(), &[("uid", "ann")]);
    let team = directory.group("team", &[new, other]);
    directory.take_events();
    world.full();
    assert_eq!(world.rows(b"U").len(), 3);
    let left = world.entity(id).unwrap().name().to_string();
    assert_eq!(left, format!("ann+{}", hex::encode(&id.id_bytes()[12..])));
    let view = office.restore(&world, &left, Some(new)).unwrap();
    assert_eq!((view.guid, view.name.as_str()), (new, left.as_str()), "the same id, under the name it has by now");
    let ann = world.entity(id).unwrap();
    assert_eq!((ann.origin().guid, ann.standing().is_present()), (new, true));
    assert_eq!((world.rows(b"U").len(), world.rows(b"E").len()), (2, 2));
    let key = schema::edge(&origin::group_id(world.label(), &team), &id);
    assert!(world.store().read(|snapshot| snapshot.get(&key)).unwrap().is_some(), "with the new object's groups");
    world.assert_counted();

    // A server that tells old news again.
    directory.tree().touch(old);
    world.delta();
    assert!(world.entity(id).unwrap().standing().is_present());
    // The new object's own end is heeded.
    directory.delete(new);
    world.delta();
    assert!(!world.entity(id).unwrap().standing().is_present());
    world.assert_counted();
}

#[test]
fn an_approval_by_digest_is_carried_out_at_once() {
    let directory = Simulated::new(true);
    let people = directory.people("p", 4);
    let world = World::with(&directory, |settings| settings.guard = Guard { deletions: limit(0), ..open_guard() });
    let office = Office::of(&world);
    world.full();
    directory.delete(people[0]);
    let digest = world.full().held_digest.unwrap();
    let asked = office.asked(Operation::ApproveHeldChanges, digest.split_at(12).0);
    let report = world.runtime.block_on(office.admin.approve(asked)).unwrap();
    assert_eq!((report.applied, report.held), (1, 0));
    assert!(!world.is_active(people[0]));
    let asked = office.asked(Operation::ApproveHeldChanges, digest.split_at(12).0);
    let gone = world.runtime.block_on(office.admin.approve(asked)).unwrap_err();
    assert!(gone.to_string().contains("no held changes"), "{gone}");
}

#[test]
fn what_a_server_does_not_name_as_left_is_looked_up_and_gone() {
    let directory = Simulated::new(true);
    let people = directory.people("p", 5);
    let group = directory.group("team", &people);
    let world = World::new(&directory);
    world.full();
    directory.take_events();
    directory.delete(people[0]);
    let late = directory.person("late");
    directory.join(group, late);
    for step in directory.take_present() {
        world.apply(step).unwrap();
    }
    assert!(!world.is_active(people[0]) && !world.is_member(group, people[0]));
    assert!(world.is_member(group, late) && world.is_active(people[1]));
    world.assert_counted();
}

#[test]
fn a_directory_taken_away_goes_as_a_whole_once_somebody_agrees_and_takes_nobody_elses_with_it() {
    let (corp, labs) = (Simulated::new(false), Simulated::new(false));
    let mine = labs.people("p", 8);
    let group = labs.group("team", &mine);
    labs.tree().list(group, "member", "uid=nobody,dc=example,dc=test");
    labs.group("nest", &[group]);
    corp.group("others", &corp.people("q", 3));
    let ours = World::new(&corp);
    let theirs = ours.beside(&labs, bailey::sync::Settings { primary: false, ..settings("labs") });
    ours.full();
    let before = ours.model();
    theirs.full();

    let actor = Actor::Local { uid: 0 };
    let remove = || {
        let (store, audit) = (theirs.store(), &theirs.runner.audit);
        removal::remove(store, audit, theirs.label(), &actor, &theirs.runner.work, theirs.now()).unwrap()
    };
    let first = remove();
    assert_eq!((first.deleted, first.held), (0, 10));
    let digest = first.digest.unwrap();
    assert_eq!(remove().digest.as_ref(), Some(&digest), "asked again, it is the same");
    // A no stands until somebody says yes.
    theirs.decide(&digest, false);
    let refused = remove();
    assert_eq!((refused.held, refused.digest.as_ref()), (10, Some(&digest)));
    assert!(matches!(theirs.held()[0].decision, Decision::Refused { .. }));
    theirs.decide(&digest, true);
    let commits = theirs.store().read(|s| Ok::<_, bailey::store::StoreError>(s.revision())).unwrap();
    assert_eq!((remove().deleted, remove().held), (10, 0));
    let took = theirs.store().read(|s| Ok::<_, bailey::store::StoreError>(s.revision())).unwrap() - commits;
    assert!(took < 10, "{took} commits: rows go together, not one by one");
    assert_eq!(ours.model(), before);
    assert_eq!(theirs.rows(b"P").len(), 0);
    assert_eq!(theirs.store().read(|snapshot| state::load(snapshot, theirs.label())).unwrap(), None);
    ours.assert_sound();
    // Configured once more, everybody is there again, under the same ids.
    theirs.full();
    assert!(mine.iter().all(|guid| theirs.is_active(*guid)));
    ours.assert_sound();
}

#[test]
fn a_server_that_rewrites_groups_late_takes_nobody_out_of_them() {
    // The third and the fourth look come behind pauses; a fifth is the last.
    for (lag, keeps) in [(0, true), (1, true), (2, true), (4, true), (9, false)] {
        let directory = Simulated::new(true);
        let ann = directory.person("ann");
        let team = directory.group("team", &[ann]);
        let world = World::new(&directory);
        world.full();
        directory.take_events();
        directory.tree().refint_lags = lag;
        directory.rename(ann, "anne");
        let report = world.delta();
        assert_eq!(world.is_member(team, ann), keeps, "with {lag} looks in between");
        assert_eq!(report.look_again, [team], "it is read once more in any case");
        directory.tree().refint_lags = 0;
        world.look_again(vec![team]);
        assert!(world.is_member(team, ann));
        world.assert_counted();
    }
}
