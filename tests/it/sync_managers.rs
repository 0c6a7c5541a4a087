//! Who manages somebody: an id that the directory's name for them means, whatever becomes of the name.

use bailey::base::{Guid, UserId};
use bailey::model::{Entity, User, origin};

use crate::simulated::Simulated;
use crate::world::World;

/// A directory in which ann names bob as her manager, and is read before him.
struct Scene {
    world: World,
    ann: Guid,
    bob: Guid,
}

fn dn(login: &str) -> String {
    format!("uid={login},ou=people,dc=example")
}

impl Scene {
    fn new() -> Self {
        let directory = Simulated::new(true);
        let ann = directory.person("ann");
        let scene = Self { ann, bob: directory.person("bob"), world: World::new(&directory) };
        scene.names(&[&scene.dn_of(scene.bob)]);
        scene.world.full();
        directory.take_events();
        scene
    }

    fn names(&self, managers: &[&str]) {
        let values: Vec<&[u8]> = managers.iter().map(|dn| dn.as_bytes()).collect();
        self.world.directory.tree().set(self.ann, "manager", &values);
    }

    fn dn_of(&self, guid: Guid) -> String {
        self.world.directory.tree().objects[&guid].dn.clone()
    }

    fn ann(&self) -> User {
        let Some(Entity::User(ann)) = self.world.user(self.ann) else { panic!("ann") };
        ann
    }

    fn id(&self, guid: Guid) -> Option<UserId> {
        Some(origin::user_id(self.world.label(), &guid))
    }

    /// A full read finds nothing to do, and nothing contradicts anything.
    fn settled(&self, when: &str) {
        let (_, changes) = self.world.dry();
        assert!(changes.is_empty(), "{when}: {changes:?}");
        self.world.assert_sound();
    }
}

#[test]
fn a_manager_is_found_whoever_is_read_first_and_is_no_news_the_next_time() {
    let scene = Scene::new();
    assert_eq!(scene.ann().manager, scene.id(scene.bob));
    scene.settled("as it was");
    // What else changes of either does not unsettle it.
    scene.world.directory.tree().set(scene.ann, "mail", &[b"ann@example.org"]);
    scene.world.full();
    assert_eq!((scene.ann().manager, scene.ann().mail.as_deref()), (scene.id(scene.bob), Some("ann@example.org")));
    scene.settled("another address");
    scene.names(&[]);
    scene.world.full();
    assert_eq!((scene.ann().manager, scene.ann().manager_reference), (None, None));
    scene.settled("none");
    // A group is nobody's manager, nor is somebody whom nobody knows.
    let team = scene.world.directory.group("team", &[scene.bob]);
    for nobody in [scene.dn_of(team), dn("nobody")] {
        scene.names(&[&nobody]);
        scene.world.full();
        assert_eq!(scene.ann().manager, None, "{nobody}");
        scene.settled(&nobody);
    }
}

#[test]
fn whoever_comes_to_bear_the_name_of_a_manager_is_none_until_the_directory_says_so() {
    let scene = Scene::new();
    let directory = &scene.world.directory;
    directory.rename(scene.bob, "robert");
    scene.world.delta();
    let other = directory.person("bob");
    scene.world.delta();
    assert_eq!(scene.dn_of(other), dn_like(&scene, "bob"));
    assert_eq!(scene.ann().manager, scene.id(scene.bob), "by the id");
    // An event about ann that says nothing of it.
    directory.tree().set(scene.ann, "mail", &[b"ann@example.org"]);
    scene.world.delta();
    assert_eq!(scene.ann().manager, scene.id(scene.bob));
    // Her entry names the one under that name, and everything read says so.
    scene.world.full();
    assert_eq!(scene.ann().manager, scene.id(other));
    scene.settled("another bob");
    // Who is deleted and made anew is another.
    directory.delete(other);
    scene.world.delta();
    let third = directory.person("bob");
    scene.world.delta();
    assert_eq!(scene.ann().manager, scene.id(other), "who is gone, and manages nobody");
    scene.world.full();
    assert_eq!(scene.ann().manager, scene.id(third));
    scene.settled("a third bob");
}

fn dn_like(scene: &Scene, login: &str) -> String {
    let robert = scene.dn_of(scene.bob);
    robert.replace("robert", login)
}

#[test]
fn an_event_about_somebody_brings_another_manager_who_is_looked_up() {
    let scene = Scene::new();
    let directory = &scene.world.directory;
    let cam = directory.person("cam");
    scene.world.delta();
    scene.names(&[&scene.dn_of(cam)]);
    scene.world.delta();
    assert_eq!(scene.ann().manager, scene.id(cam));
    scene.settled("cam");
    // Both new at once, the manager of a manager too.
    let (dee, eve) = (directory.person("dee"), directory.person("eve"));
    let by_eve = scene.dn_of(eve);
    directory.tree().set(dee, "manager", &[by_eve.as_bytes()]);
    scene.names(&[&scene.dn_of(dee)]);
    scene.world.delta();
    assert_eq!(scene.ann().manager, scene.id(dee));
    let Some(Entity::User(shown)) = scene.world.user(dee) else { panic!("dee") };
    assert_eq!(shown.manager, scene.id(eve));
    scene.settled("dee and eve");
    // Named before they are there: known once ann's entry comes again.
    scene.names(&[&scene.dn_of(eve).replace("eve", "fay")]);
    scene.world.delta();
    assert_eq!(scene.ann().manager, None);
    let fay = directory.person("fay");
    scene.world.delta();
    directory.tree().touch(scene.ann);
    scene.world.delta();
    assert_eq!(scene.ann().manager, scene.id(fay));
    scene.settled("fay");
}

#[test]
fn a_read_that_proves_no_absence_takes_nobodys_manager_away() {
    let scene = Scene::new();
    let withhold = || {
        let mut tree = scene.world.directory.tree();
        tree.faults.doubt = Some("a referral".to_owned());
        tree.faults.withheld = [scene.bob].into();
    };
    withhold();
    scene.world.full();
    assert_eq!(scene.ann().manager, scene.id(scene.bob));
    scene.world.directory.tree().set(scene.ann, "mail", &[b"ann@example.org"]);
    withhold();
    scene.world.full();
    assert_eq!((scene.ann().manager, scene.ann().mail.as_deref()), (scene.id(scene.bob), Some("ann@example.org")));
}
