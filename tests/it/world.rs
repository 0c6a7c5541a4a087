//! A simulated directory, a store and a runner between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bailey::audit::{Audit, Identity};
use bailey::base::clock::FakeClock;
use bailey::base::{Clock as _, Guid, Timestamp};
use bailey::directory::Changes;
use bailey::model::{Actor, DirectoryLabel, Entity, Member, MemberKind, origin};
use bailey::store::{Engine, KeyRange, Store, memory::Memory, schema, verify};
use bailey::sync::change::Change;
use bailey::sync::grounds::{Grounds, MOST_PEOPLE};
use bailey::sync::progress::Unwatched;
use bailey::sync::settings::{Guard, Limit, Mapping, Settings};
use bailey::sync::state::{self, SyncState};
use bailey::sync::{Report, Runner, SyncError, held, stored};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::simulated::Simulated;

pub(crate) struct World {
    pub(crate) directory: Simulated,
    pub(crate) runner: Runner,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) runtime: Runtime,
    files: Arc<TempDir>,
}

/// A limit by count alone.
pub(crate) fn limit(count: u64) -> Limit {
    Limit { count, share: 0.0 }
}

/// A guard that lets everything happen.
pub(crate) fn open_guard() -> Guard {
    let all = limit(u64::MAX);
    Guard {
        deletions: all,
        suspensions: all,
        group_losses: all,
        losses: all,
        emptied_groups: all,
        renames: all,
        rights_lost: None,
        sentinels: Vec::new(),
        window: Duration::from_secs(3_600),
    }
}

pub(crate) fn settings(label: &str) -> Settings {
    let name = str::to_owned;
    Settings {
        label: label.parse().unwrap(),
        primary: true,
        mapping: Mapping {
            login: name("uid"),
            display_name: name("cn"),
            mail: name("mail"),
            employee_id: name("employeeNumber"),
            manager: name("manager"),
            tags: BTreeMap::from([(name("Department"), name("departmentNumber"))]),
            group_name: name("cn"),
            group_description: name("description"),
            member_dn: vec![name("member"), name("uniqueMember")],
            member_login: vec![name("memberUid")],
            machine_name: name("cn"),
            machine_description: name("description"),
            machine_tags: BTreeMap::new(),
            max_name_bytes: 1_024,
        },
        guard: open_guard(),
        reconcile_every: Duration::from_secs(86_400),
        reconcile_blind_every: Duration::from_secs(900),
        poll_every: Duration::from_secs(300),
        keep_leavers: Duration::from_secs(30 * 86_400),
    }
}

impl World {
    pub(crate) fn new(directory: &Simulated) -> Self {
        Self::with(directory, |_| {})
    }

    pub(crate) fn with(directory: &Simulated, adjust: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings("corp");
        adjust(&mut settings);
        Self::over(Memory::new(), directory, settings)
    }

    pub(crate) fn over(engine: impl Engine, directory: &Simulated, settings: Settings) -> Self {
        let files = Arc::new(tempfile::tempdir().unwrap());
        let store = Store::new(engine);
        let identity =
            Identity { account: "123456789012".parse().unwrap(), build: "test".to_owned(), node: "n".to_owned() };
        let audit = Audit::open(store.clone(), identity, files.path()).unwrap();
        let clock = Arc::new(FakeClock::at("2026-03-12T12:00:00Z".parse().unwrap()));
        let runner = Runner {
            store,
            audit,
            source: Arc::new(directory.clone()),
            settings: Arc::new(settings),
            grounds: Grounds {
                account: "123456789012".parse().unwrap(),
                others: Arc::default(),
                rules: Arc::default(),
                grants: Arc::default(),
                contacts: bailey::rights::Contacts::default(),
                most_people: MOST_PEOPLE,
            },
            clock: Arc::clone(&clock) as Arc<dyn bailey::base::Clock>,
            work: files.path().join("work"),
            insecure: false,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        Self { directory: directory.clone(), runner, clock, runtime, files }
    }

    /// A second directory over the same store.
    pub(crate) fn beside(&self, directory: &Simulated, settings: Settings) -> Self {
        let runner =
            Runner { source: Arc::new(directory.clone()), settings: Arc::new(settings), ..self.runner.clone() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let clock = Arc::clone(&self.clock);
        Self { directory: directory.clone(), runner, clock, runtime, files: Arc::clone(&self.files) }
    }

    /// The same under other rules, from now on.
    pub(crate) fn adjust(&mut self, adjust: impl FnOnce(&mut Settings)) {
        let mut settings = Settings::clone(&self.runner.settings);
        adjust(&mut settings);
        self.runner.settings = Arc::new(settings);
    }

    pub(crate) fn store(&self) -> &Store {
        &self.runner.store
    }

    /// Where work files go.
    pub(crate) fn work(&self) -> &std::path::Path {
        &self.runner.work
    }

    pub(crate) fn label(&self) -> &DirectoryLabel {
        &self.runner.settings.label
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.set(self.now().checked_add(time).unwrap());
    }

    pub(crate) fn try_full(&self) -> Result<Report, SyncError> {
        self.runtime.block_on(self.runner.full(Actor::task("test"), Box::new(Unwatched)))
    }

    pub(crate) fn full(&self) -> Report {
        self.try_full().unwrap()
    }

    pub(crate) fn dry(&self) -> (Report, Vec<(Change, bool)>) {
        let (sender, listed) = std::sync::mpsc::channel();
        let list = move |change: &Change, held: bool| {
            sender.send((change.clone(), held)).unwrap();
            Ok(())
        };
        let report = self.runtime.block_on(self.runner.dry(Box::new(Unwatched), Box::new(list))).unwrap();
        (report, listed.into_iter().collect())
    }

    pub(crate) fn apply(&self, changes: Changes) -> Option<Report> {
        self.runtime.block_on(self.runner.delta(changes)).unwrap()
    }

    /// Applies what happened since the last time.
    pub(crate) fn delta(&self) -> Report {
        self.apply(self.directory.take_events()).expect("few enough to be looked up")
    }

    /// Reads these groups once more.
    pub(crate) fn look_again(&self, groups: Vec<Guid>) -> Option<Report> {
        self.runtime.block_on(self.runner.look_again(groups)).unwrap()
    }

    pub(crate) fn state(&self) -> SyncState {
        self.store().read(|snapshot| state::load(snapshot, self.label())).unwrap().unwrap().1
    }

    pub(crate) fn held(&self) -> Vec<held::Held> {
        let all = self.store().read(|snapshot| held::all(snapshot, self.label())).unwrap();
        all.into_iter().map(|(_, held)| held).collect()
    }

    /// Decides about a held set as `bailey sync approve|refuse` does.
    pub(crate) fn decide(&self, digest: &str, approve: bool) {
        let (by, at) = (Actor::Local { uid: 0 }, self.now());
        let decision = if approve { held::Decision::Approved { by, at } } else { held::Decision::Refused { by, at } };
        let mut commit = bailey::store::Commit::new(Actor::Local { uid: 0 }, self.now(), bailey::store::Intent::Narrow);
        let (revision, held) = self.store().read(|snapshot| held::find(snapshot, digest)).unwrap();
        held::decide(&mut commit, revision, &held, decision).unwrap();
        self.store().commit(commit).unwrap();
    }

    pub(crate) fn entity(&self, member: Member) -> Option<Entity> {
        self.store().read(|snapshot| bailey::store::rows::entity(snapshot, &member)).unwrap().map(|(_, entity)| entity)
    }

    pub(crate) fn user(&self, guid: Guid) -> Option<Entity> {
        self.entity(Member::User(origin::user_id(self.label(), &guid)))
    }

    pub(crate) fn name(&self, guid: Guid) -> String {
        self.user(guid).unwrap().name().to_string()
    }

    pub(crate) fn is_active(&self, guid: Guid) -> bool {
        self.user(guid).is_some_and(|user| user.standing().active(self.now()).is_ok())
    }

    pub(crate) fn is_member(&self, group: Guid, user: Guid) -> bool {
        let group = origin::group_id(self.label(), &group);
        let key = schema::edge(&group, &Member::User(origin::user_id(self.label(), &user)));
        self.store().read(|snapshot| snapshot.get(&key)).unwrap().is_some()
    }

    /// Every row of these spaces.
    pub(crate) fn rows(&self, spaces: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut rows = BTreeMap::new();
        for space in spaces {
            let range = KeyRange::prefix(&[*space]);
            let found = self.store().read(|snapshot| snapshot.scan(&range, usize::MAX)).unwrap();
            rows.extend(found.into_iter().map(|(key, row)| (key, row.value)));
        }
        rows
    }

    /// Every row of the model.
    pub(crate) fn model(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.rows(b"UGRNEFDBIK")
    }

    /// Nothing in the store contradicts anything else in it, and the totals are what is there.
    pub(crate) fn assert_sound(&self) {
        let verified = verify::verify(self.store()).unwrap();
        assert_eq!(verified.findings, []);
    }

    /// As [`World::assert_sound`]; and the totals are what is there. For a store with this directory alone.
    pub(crate) fn assert_counted(&self) {
        self.assert_sound();
        let totals = self.state().totals;
        let picture = Picture::of(self);
        let count = |kind| picture.entities.values().filter(|entity| entity.member().kind() == kind).count() as u64;
        let counted = (
            count(MemberKind::User),
            count(MemberKind::Group),
            count(MemberKind::Resource),
            self.rows(b"E").len() as u64,
        );
        assert_eq!((totals.users, totals.groups, totals.resources, totals.memberships), counted);
    }
}

/// What a store says about a directory, a line each: who is there, without those who left, and without names, which
/// depend on who came first.
pub(crate) struct Picture {
    pub(crate) entities: BTreeMap<Member, Entity>,
    pub(crate) lines: BTreeSet<String>,
}

impl Picture {
    pub(crate) fn of(world: &World) -> Self {
        let mut entities = BTreeMap::new();
        for kind in [MemberKind::User, MemberKind::Group, MemberKind::Resource] {
            for row in stored::Walk::new(world.store(), kind, world.label()) {
                let entity = row.unwrap().entity().unwrap();
                if entity.standing().is_present() {
                    entities.insert(entity.member(), entity);
                }
            }
        }
        let mut lines = BTreeSet::new();
        for entity in entities.values() {
            let mut nameless = entity.clone();
            nameless.rename("x".parse().unwrap());
            lines.insert(format!("{nameless:?}"));
        }
        let dn = |member: &Member| {
            entities.get(member).map_or_else(|| format!("gone {member:?}"), |entity| entity.origin().dn.clone())
        };
        for (key, _) in world.rows(b"E") {
            let (group, member) = schema::parse_edge(&key).unwrap();
            if entities.contains_key(&Member::Group(group)) {
                lines.insert(format!("{} holds {}", dn(&Member::Group(group)), dn(&member)));
            }
        }
        for (key, _) in world.rows(b"D") {
            let (group, reference) = schema::parse_dangling(&key).unwrap();
            if entities.contains_key(&Member::Group(group)) {
                lines.insert(format!("{} awaits {reference:?}", dn(&Member::Group(group))));
            }
        }
        Self { entities, lines }
    }
}
