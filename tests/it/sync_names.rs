//! Who gets which name, when more than one wants it.

use std::fmt::Write as _;
use std::time::Duration;

use bailey::base::Guid;
use bailey::directory::Kind;
use bailey::model::{Member, origin};
use bailey::sync::settings::Guard;

use crate::simulated::Simulated;
use crate::world::{World, limit, open_guard, settings};

/// A directory in which DNs never collide, so that only names do.
struct Cast {
    world: World,
    people: Vec<Guid>,
}

impl Cast {
    fn new(logins: &[&str]) -> Self {
        let directory = Simulated::new(true);
        let world = World::new(&directory);
        let mut cast = Self { world, people: Vec::new() };
        for login in logins {
            cast.add(login);
        }
        cast.full();
        cast
    }

    fn add(&mut self, login: &str) -> Guid {
        let dn = format!("cn=person{},dc=example,dc=test", self.people.len());
        let guid = self.world.directory.tree().add(Kind::Person, dn, &[("uid", login), ("cn", "x")]);
        self.people.push(guid);
        guid
    }

    fn login(&self, person: usize, login: &str) {
        self.world.directory.tree().set(self.people[person], "uid", &[login.as_bytes()]);
    }

    fn full(&self) {
        self.world.full();
        self.world.assert_counted();
        assert_eq!(self.world.full().applied, 0, "names are settled once");
    }

    /// Everybody's name; a name of one's own shows as `+`.
    fn names(&self) -> String {
        let mut names = String::new();
        for guid in &self.people {
            let Some(user) = self.world.user(*guid) else {
                names.push_str("- ");
                continue;
            };
            let (name, own) = (user.name().as_str(), format!("+{}", hex::encode(&user.member().id_bytes()[12..])));
            let gone = if user.standing().is_present() { "" } else { "(gone)" };
            let _ = write!(names, "{}{gone} ", name.replace(&own, "+"));
        }
        names.trim_end().to_owned()
    }

    /// Of two newcomers, the index of the one with the lower id.
    fn lower(&self, a: usize, b: usize) -> usize {
        let id = |n: usize| *origin::user_id(self.world.label(), &self.people[n]).as_bytes();
        if id(a) < id(b) { a } else { b }
    }
}

#[test]
fn whoever_holds_a_name_keeps_it() {
    let mut cast = Cast::new(&["ann"]);
    cast.add("ann");
    cast.add("ANN");
    cast.full();
    assert_eq!(cast.names(), "ann ann+ ANN+");
    // Even while its case changes, and whoever has the lower id.
    for _ in 0..8 {
        cast.add("ann");
    }
    cast.login(0, "Ann");
    cast.full();
    assert_eq!(cast.names(), format!("Ann ann+ ANN+{}", " ann+".repeat(8)));
    // A clash that is over renames nobody.
    cast.world.directory.delete(cast.people[0]);
    cast.full();
    assert!(cast.names().starts_with("Ann(gone) ann+ ANN+ "), "{}", cast.names());
}

#[test]
fn of_newcomers_the_lowest_id_is_first_whatever_the_order_they_come_in() {
    let cast = Cast::new(&["ann", "ann"]);
    let first = cast.lower(0, 1);
    assert_eq!(cast.names(), if first == 0 { "ann ann+" } else { "ann+ ann" });
}

#[test]
fn whoever_is_gone_yields_to_the_living_in_the_same_run_and_later() {
    let mut cast = Cast::new(&["ann", "bob"]);
    cast.world.directory.delete(cast.people[0]);
    cast.add("ann");
    cast.full();
    assert_eq!(cast.names(), "ann+(gone) bob ann", "a leaver stays gone under the other name");
    cast.world.directory.delete(cast.people[1]);
    cast.full();
    cast.add("bob");
    cast.full();
    assert_eq!(cast.names(), "ann+(gone) bob+(gone) ann bob");
}

#[test]
fn whoever_comes_back_in_the_same_run_keeps_its_name() {
    let mut cast = Cast::new(&["ann", "bob"]);
    let object = cast.world.directory.tree().objects[&cast.people[0]].clone();
    cast.world.directory.delete(cast.people[0]);
    cast.full();
    cast.world.directory.tree().restore(cast.people[0], object);
    cast.add("ann");
    cast.full();
    assert_eq!(cast.names(), "ann bob ann+");
}

#[test]
fn whoever_is_deleted_in_the_same_run_is_not_brought_back_for_the_name() {
    let mut cast = Cast::new(&["ann", "bob"]);
    cast.world.directory.delete(cast.people[0]);
    cast.full();
    cast.world.pass(std::time::Duration::from_secs(31 * 86_400));
    cast.add("ann");
    cast.full();
    assert_eq!(cast.names(), "- bob ann");
}

#[test]
fn names_are_swapped_and_passed_on() {
    let cast = Cast::new(&["ann", "bob", "carl"]);
    cast.login(0, "bob");
    cast.login(1, "ann");
    cast.full();
    assert_eq!(cast.names(), "bob ann carl");
    cast.login(0, "ann");
    cast.login(1, "carl");
    cast.login(2, "dora");
    cast.full();
    assert_eq!(cast.names(), "ann carl dora");
    // All the way round; then through events.
    cast.login(0, "carl");
    cast.login(1, "dora");
    cast.login(2, "ann");
    cast.full();
    assert_eq!(cast.names(), "carl dora ann");
    cast.world.directory.take_events();
    cast.login(0, "dora");
    cast.login(1, "carl");
    cast.world.delta();
    cast.full();
    assert_eq!(cast.names(), "dora carl ann");
}

#[test]
fn a_rename_onto_a_name_somebody_keeps_gets_its_own() {
    let mut cast = Cast::new(&["ann", "bob"]);
    cast.login(1, "ann");
    cast.full();
    assert_eq!(cast.names(), "ann ann+");
    // The name given up is free for whoever comes.
    cast.add("bob");
    cast.full();
    assert_eq!(cast.names(), "ann ann+ bob");
    // Back again: the name is taken by now.
    cast.login(1, "bob");
    cast.full();
    assert_eq!(cast.names(), "ann bob+ bob");
}

#[test]
fn somebody_switched_off_and_renamed_at_once_frees_the_name() {
    let mut cast = Cast::new(&["ann"]);
    cast.login(0, "ann-old");
    cast.world.directory.disable(cast.people[0]);
    cast.add("ann");
    cast.full();
    assert_eq!(cast.names(), "ann-old ann");
}

#[test]
fn a_name_of_ones_own_is_never_somebody_elses() {
    let mut cast = Cast::new(&["ann"]);
    let second = cast.add("ann");
    // Somebody is called just what the second would be called.
    let id = origin::user_id(cast.world.label(), &second);
    let own = format!("ann+{}", hex::encode(&id.as_bytes()[12..]));
    cast.add(&own);
    cast.full();
    let names: Vec<String> = cast.people.iter().map(|guid| cast.world.name(*guid)).collect();
    assert_eq!((names[0].as_str(), &names[2]), ("ann", &own));
    assert!(names[1].starts_with("ann+") && names[1].len() == "ann+".len() + 16, "{names:?}");
    // The same for a leaver who has to make room.
    let third = cast.add("dora");
    cast.full();
    let id = origin::user_id(cast.world.label(), &third);
    cast.add(&format!("DORA+{}", hex::encode(&id.as_bytes()[12..])));
    cast.full();
    cast.world.directory.delete(third);
    cast.add("dora");
    cast.full();
    assert_eq!(cast.world.name(third).len(), "dora+".len() + 16);
}

#[test]
fn names_nobody_can_write_in_iams_alphabet_are_kept_apart() {
    let cast = Cast::new(&["李", "王", "a b", "a/b", &"x".repeat(80), &"x".repeat(81)]);
    let mut names: Vec<String> = cast.people.iter().map(|guid| cast.world.name(*guid)).collect();
    assert!(names.iter().all(|name| name.len() <= 64), "{names:?}");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 6, "{names:?}");
}

#[test]
fn a_held_rename_keeps_its_name_and_a_held_leaver_too() {
    let mut cast = Cast::new(&["ann", "bob", "carl"]);
    cast.world.adjust(|settings| settings.guard = Guard { renames: limit(0), deletions: limit(0), ..open_guard() });
    cast.login(0, "zoe");
    cast.world.directory.delete(cast.people[1]);
    cast.add("ann");
    cast.add("bob");
    // Nobody loses a name to a rename that has not happened.
    cast.add("zoe");
    assert_eq!(cast.world.full().held, 2);
    assert_eq!(cast.names(), "ann bob carl ann+ bob+ zoe");
    cast.world.assert_counted();
    // Only the leaver may go: the other is asked about again, and still has the name.
    let digest = cast.world.held()[0].digest.clone();
    cast.world.decide(&digest, true);
    cast.login(2, "yves");
    assert_eq!(cast.world.full().held, 1, "{}", cast.names());
    assert_eq!(cast.names(), "zoe+ bob(gone) carl ann+ bob+ zoe");
    cast.world.assert_counted();
}

#[test]
fn two_directories_never_take_names_from_one_another() {
    let (corp, labs) = (Simulated::new(false), Simulated::new(false));
    let (ann, bob) = (labs.person("ann"), labs.person("bob"));
    let ours = World::new(&corp);
    let theirs = ours.beside(&labs, bailey::sync::Settings { primary: false, ..settings("labs") });
    theirs.full();
    assert_eq!(theirs.name(ann), "ann@labs");
    labs.delete(ann);
    theirs.full();
    let before = theirs.user(ann);
    // The primary's own names may look like the other's; a leaver there is not this plan's to rename.
    let (same, other) = (corp.person("ann@labs"), corp.person("bob@labs"));
    ours.full();
    assert!(ours.name(same).starts_with("ann@labs+") && ours.name(other).starts_with("bob@labs+"));
    assert_eq!(theirs.user(ann), before);
    assert_eq!(theirs.name(bob), "bob@labs");
    ours.assert_sound();
    assert_ne!(Member::User(origin::user_id(ours.label(), &bob)), Member::User(origin::user_id(theirs.label(), &bob)));
}

/// Whoever is deleted for good and whoever takes the name in the same run, in either order of their ids.
#[test]
fn a_deletion_leaves_the_name_to_somebody_switched_off_who_takes_it() {
    for (goes, comes) in [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)] {
        let directory = Simulated::new(true);
        let people = directory.people("p", 3);
        let world = World::new(&directory);
        world.full();
        directory.delete(people[goes]);
        world.full();
        world.pass(Duration::from_secs(31 * 86_400));
        directory.rename(people[comes], &format!("p{goes}"));
        directory.disable(people[comes]);
        world.full();
        assert_eq!(world.name(people[comes]), format!("p{goes}"));
        assert!(world.user(people[goes]).is_none());
        world.assert_counted();
    }
}
